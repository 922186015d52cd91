"""Loops that array operations cannot say quickly: hashing, counting within groups, one hypergeometric sum.

They take arrays that may be read-only, such as views of Arrow buffers, and never write to their arguments.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

_Function = TypeVar("_Function", bound=Callable[..., Any])

_f64, _i32, _i64, _u64 = types.float64, types.int32, types.int64, types.uint64


def _given(item: Any) -> Any:
    return types.Array(item, 1, "C", readonly=True)


def _made(item: Any) -> Any:
    return types.Array(item, 1, "C")


def _compiled(signature: Any) -> Callable[[_Function], _Function]:
    return cast("Callable[[_Function], _Function]", njit(signature, nogil=True, cache=True))


@_compiled(_u64(_u64))
def mixed(value: Any) -> Any:
    """A bijection of 64-bit words in which every input bit moves every output bit.

    The finaliser of SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators,
    OOPSLA 2014 (constants of Stafford's variant 13).
    """
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@_compiled(types.void(_given(_i64), _given(_u64), _i64, _given(_i64), _made(_u64)))
def join_words(
    offsets: NDArray[np.int64],
    words: NDArray[np.uint64],
    n: int,
    starts: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """Write the hash of every `n` consecutive words of each document to `out`, from `starts` on."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: odd, so the order of words matters
    for document in range(offsets.size - 1):
        at = starts[document]
        for first in range(offsets[document], offsets[document + 1] - n + 1):
            value = np.uint64(0)
            for k in range(first, first + n):
                value = mixed(value * multiplier + words[k])
            out[at] = value
            at += 1


@_compiled(_i64(_given(_u64), _made(_i32)))
def number_types(hashes: NDArray[np.uint64], ids: NDArray[np.int32]) -> int:
    """Write to `ids` 0, 1, 2, ... for distinct hashes in order of first appearance; return how many."""
    size = 16
    while size < 2 * hashes.size:
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.full(size, -1, np.int32)
    seen = np.empty(hashes.size, np.uint64)
    count = 0
    for k in range(hashes.size):
        slot = mixed(hashes[k]) & mask
        while slots[slot] >= 0 and seen[slots[slot]] != hashes[k]:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            slots[slot] = count
            seen[count] = hashes[k]
            count += 1
        ids[k] = slots[slot]
    return count


@_compiled(
    types.void(
        _given(_i64), _given(_i32), _given(_i32), _i64, _made(_i64), _made(_i64), _made(_i32), _made(_i32)
    )
)
def count_in_groups(
    bounds: NDArray[np.int64],
    ids: NDArray[np.int32],
    weights: NDArray[np.int32],
    types_: int,
    group_ends: NDArray[np.int64],
    firsts: NDArray[np.int64],
    entries: NDArray[np.int32],
    totals: NDArray[np.int32],
) -> None:
    """Collapse each group [bounds[g], bounds[g + 1]) to its distinct ids, in order of first appearance.

    Writes, for each (group, id): where the id first stands in `firsts`, how many entries it has there and the
    sum of their weights; `group_ends[g]` is where group g ends in these arrays.
    """
    place = np.full(types_, -1, np.int64)
    count = 0
    for group in range(bounds.size - 1):
        begin = count
        for k in range(bounds[group], bounds[group + 1]):
            at = place[ids[k]]
            if at < begin:
                at = count
                place[ids[k]] = at
                firsts[at] = k
                entries[at] = 0
                totals[at] = 0
                count += 1
            entries[at] += 1
            totals[at] += weights[k]
        group_ends[group] = count


@_compiled(types.void(_given(_i64), _i64, _i64, _made(_f64)))
def expected_k_log_k(
    drawn_from: NDArray[np.int64], documents: int, units: int, out: NDArray[np.float64]
) -> None:
    """E[K ln K] for hypergeometric K: documents with the type among `units` of `documents` drawn at once.

    `drawn_from` says how many of all documents have the type. Sums from the mode outwards until terms vanish
    beside the total, so a value costs as many steps as the distribution is wide, not as it is long.
    """
    for at in range(drawn_from.size):
        having = drawn_from[at]
        without = documents - having
        mode = (having + 1) * (units + 1) // (documents + 2)
        total = 1.0
        value = mode * np.log(mode) if mode > 0 else 0.0
        term = 1.0
        for k in range(mode + 1, min(having, units) + 1):
            term *= (having - k + 1) * (units - k + 1) / (k * (without - units + k))
            total += term
            value += term * k * np.log(k)
            if term < 1e-18 * total:
                break
        term = 1.0
        for k in range(mode - 1, max(0, units - without) - 1, -1):
            term *= (k + 1) * (without - units + k + 1) / ((having - k) * (units - k))
            total += term
            if k > 1:
                value += term * k * np.log(k)
            if term < 1e-18 * total:
                break
        out[at] = value / total
