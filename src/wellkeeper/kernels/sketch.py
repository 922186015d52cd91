"""Shingles of a text's words and their FastSimilaritySketch, 128 slots that equal those of similar texts.

Like one-permutation hashing the sketch [1] hashes a shingle once or twice instead of 128 times, and unlike it
leaves no slot empty in short documents, so that the share of equal slots estimates Jaccard similarity without bias
there too. Slots are grouped into bands; documents that agree on a band are candidates.

[1] Dahlgaard, Knudsen, Thorup, Fast similarity sketching, FOCS 2017 (arXiv:1704.04370).
"""

from typing import Any

import numpy as np

from wellkeeper.native import part

SLOTS = 128
SHINGLE_WORDS = 5

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)
_M = _U(0xD6E8FEB86659FD93)
_K5 = _U(pow(0x9E3779B97F4A7C15, SHINGLE_WORDS, 2**64))
_EMPTY = np.uint32(0xFFFFFFFF)


@part
def mix(h: Any) -> Any:
    """A bijection of 64-bit words in which every input bit moves about half of the output bits."""
    h ^= h >> _U(32)
    h *= _M
    h ^= h >> _U(32)
    h *= _M
    h ^= h >> _U(32)
    return h


@part
def shingle(words: Any, count: Any, out: Any) -> Any:
    """Hashes of all word 5-grams; a text of 1 to 4 words has one shingle, all of it. Returns how many."""
    if count == 0:
        return 0
    h = _U(0)
    if count < SHINGLE_WORDS:
        for j in range(count):
            h = h * _K + words[j]
        out[0] = mix(h)
        return 1
    for j in range(SHINGLE_WORDS):
        h = h * _K + words[j]
    out[0] = mix(h)
    for j in range(SHINGLE_WORDS, count):
        h = h * _K + words[j] - words[j - SHINGLE_WORDS] * _K5
        out[j - SHINGLE_WORDS + 1] = mix(h)
    return count - SHINGLE_WORDS + 1


@part
def sketch(shingles: Any, count: Any, slots: Any) -> Any:
    """Fill the slots, shape (SLOTS,), from `count` shingles.

    Round r < 128 throws every shingle at one slot with a value above all earlier rounds', until no slot is
    empty; from round 128 on, round r fills slot r - 128.
    """
    for k in range(SLOTS):
        slots[k] = _EMPTY
    for j in range(count):
        z = shingles[j]
        slot = z >> _U(57)
        slots[slot] = min(slots[slot], np.uint32(z & _U(0xFFFFFF)))
    left = 0
    for k in range(SLOTS):
        left += slots[k] == _EMPTY
    if count == 0:
        return
    r = 1
    while left > 0 and r < 2 * SLOTS:
        # A value of this round never beats one of an earlier round: only slots that were empty can change.
        high = np.uint32(r) << np.uint32(24)
        salt = _U(r) * _K
        for j in range(count):
            z = (shingles[j] ^ salt) * _M
            slot = z >> _U(57)
            if r >= SLOTS:
                slot = _U(r - SLOTS)
            if slots[slot] >= high:
                if slots[slot] == _EMPTY:
                    left -= 1
                slots[slot] = min(slots[slot], high | np.uint32((z >> _U(24)) & _U(0xFFFFFF)))
        r += 1
