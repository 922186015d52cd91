"""Repeated n-grams of one document, as shares of its characters.

Rae et al., Scaling language models: Gopher, arXiv:2112.11446, appendix A.1.1 and table A1.
"""

from typing import Any

import numpy as np

from wellkeeper.native import part

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)
_M = _U(0xD6E8FEB86659FD93)


@part
def table_bits(items: Any) -> Any:
    bits = 4
    while (1 << bits) < 2 * items:
        bits += 1
    return bits


@part
def repetition(
    words: Any, lengths: Any, count: Any, chars: Any, at: Any, hashes: Any, slots: Any, table: Any, out: Any
) -> Any:
    """Gopher's top n-grams (2 to 4) and duplicate n-grams (5 to 10) as shares of characters.

    An n-gram's characters include the single spaces between its words. Only where an (n-1)-gram occurs
    twice can an n-gram do so: each length looks at the positions `at` that the one before left over, which
    in prose are a quarter, then a tenth, then next to none. `at`, `hashes`, `slots` and `table` are scratch.
    A table entry holds a 32-bit fingerprint, a mark and a count, so that two n-grams of one document pass
    for equal with probability below 2^-40.
    """
    out[:] = 0.0
    counts = _U(0x7FFFFFFF)
    mark = _U(0x80000000)
    left = count - 1
    for j in range(left):
        at[j] = j
        hashes[j] = words[j]
    for n in range(2, 11):
        if count < n:
            break
        bits = table_bits(left)
        shift = _U(64 - bits)
        mask = (1 << bits) - 1
        table[: mask + 1] = _U(0)
        best = _U(1)
        best_at = 0
        for k in range(left):
            j = at[k]
            h = hashes[k] * _K + words[j + n - 1]
            hashes[k] = h
            h *= _M
            finger = (h << _U(32)) | _U(1)
            slot = np.int64((h ^ (h << _U(23))) >> shift)
            while True:
                entry = table[slot]
                if entry == _U(0):
                    table[slot] = finger
                    break
                if (entry ^ finger) >> _U(32) == _U(0):
                    table[slot] = entry + _U(1)
                    break
                slot = (slot + 1) & mask
            slots[k] = slot
        repeated = 0
        free = 0  # first position behind the duplicate counted last
        further = 0
        for k in range(left):
            slot = slots[k]
            entry = table[slot]
            times = entry & counts
            if times < _U(2):
                continue
            j = at[k]
            if times > best:
                best = times
                best_at = j
            if n >= 5 and j >= free:
                if entry & mark:
                    repeated += n - 1
                    for m in range(n):
                        repeated += lengths[j + m]
                    free = j + n
                else:
                    table[slot] = entry | mark
            if j + n < count:
                at[further] = j
                hashes[further] = hashes[k]
                further += 1
        left = further
        if n < 5:
            length = n - 1
            for m in range(n):
                length += lengths[best_at + m]
            repeated = np.int64(best) * length
        out[n - 2] = min(np.float32(1.0), np.float32(repeated) / chars)
        if left == 0 and n >= 4:
            break
