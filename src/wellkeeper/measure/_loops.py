"""Loops that array operations cannot say quickly: hashing, counting within groups, one hypergeometric sum.

They take arrays that may be read-only, such as views of Arrow buffers, and never write to their arguments.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop, part


def mixed(value: int) -> int:
    """A bijection of 64-bit words in which every input bit moves every output bit.

    The finaliser of SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators,
    OOPSLA 2014 (constants of Stafford's variant 13).
    """
    return int(_mixed_of(value))


def fill_signs(seed: int, out: NDArray[np.float32]) -> None:
    """Fill a matrix with 1 and -1, each a hash of the seed and of its place."""
    _fill_signs(mixed(seed), out)


def join_words(
    offsets: NDArray[np.int64],
    words: NDArray[np.uint64],
    n: int,
    starts: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """Write the hash of every `n` consecutive words of each document to `out`, from `starts` on."""
    _join_words(offsets, words, n, starts, out)


def number_types(hashes: NDArray[np.uint64], ids: NDArray[np.int32]) -> int:
    """Write to `ids` 0, 1, 2, ... for distinct hashes in order of first appearance; return how many."""
    size = 16
    while size < 2 * hashes.size:
        size *= 2
    slots, seen = np.full(size, -1, np.int32), np.empty(hashes.size, np.uint64)
    return int(_number_types(hashes, slots, seen, ids))


def count_in_groups(
    bounds: NDArray[np.int64],
    ids: NDArray[np.int32],
    weights: NDArray[np.int32],
    types: int,
    group_ends: NDArray[np.int64],
    firsts: NDArray[np.int64],
    entries: NDArray[np.int32],
    totals: NDArray[np.int32],
) -> None:
    """Collapse each group [bounds[g], bounds[g + 1]) to its distinct ids, in order of first appearance.

    Writes, for each (group, id): where the id first stands in `firsts`, how many entries it has there and the
    sum of their weights; `group_ends[g]` is where group g ends in these arrays. All ids are below `types`.
    """
    place = np.full(types, -1, np.int64)
    _count_in_groups(bounds, ids, weights, place, group_ends, firsts, entries, totals)


def expected_k_log_k(
    drawn_from: NDArray[np.int64], documents: int, units: int, out: NDArray[np.float64]
) -> None:
    """E[K ln K] for hypergeometric K: documents with the type among `units` of `documents` drawn at once.

    `drawn_from` says how many of all documents have the type. Sums from the mode outwards until terms vanish
    beside the total, so a value costs as many steps as the distribution is wide, not as it is long.
    """
    _expected_k_log_k(drawn_from, documents, units, out)


SIDE_SUMS = 10
"""Columns of what `tally_sides` sums up of each side: types, y ln y, y^2 and y, where y documents of the side have a
type (what Hill numbers are made of); tokens; of the tail, weight of the types that the side has, and tokens; weight of
all types that it has; tokens of types that have weight; tokens of types that the other side has too."""


def tally_sides(
    labels: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    document: NDArray[np.int32],
    tokens: NDArray[np.int32],
    weight: NDArray[np.int64],
    tail: NDArray[np.uint8],
    logs: NDArray[np.float64],
    alone: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add up `SIDE_SUMS` columns of both sides, for each row of labels, to `out`, shape (rows, 2, SIDE_SUMS).

    `labels`, shape (rows, documents), are 0 or 1. Type t has the entries [bounds[t], bounds[t + 1]) of `document` and
    `tokens`; `weight` and `tail` (0 or 1) are of types. `logs[k]` is k ln k. `alone`, shape (documents, SIDE_SUMS), is
    what each document adds to its side besides. All but the second column are whole numbers, hence exact.
    """
    _tally_sides(labels, bounds, document, tokens, weight, tail, logs, alone, out)


@part
def _mixed(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@loop("u64", returns="u64")
def _mixed_of(value: Any) -> Any:
    return _mixed(value)


@loop("u64, f32[:,:]")
def _fill_signs(start: Any, out: Any) -> Any:
    rows, columns = out.shape
    for row in range(rows):
        for column in range(columns):
            high = _mixed(start + np.uint64(row * columns + column)) >> np.uint64(63)
            out[row, column] = 1 - 2 * np.int64(high)


@loop("const i64[:], const u64[:], i64, const i64[:], u64[:]")
def _join_words(offsets: Any, words: Any, n: Any, starts: Any, out: Any) -> Any:
    multiplier = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: odd, so the order of words matters
    for document in range(offsets.size - 1):
        at = starts[document]
        for first in range(offsets[document], offsets[document + 1] - n + 1):
            value = np.uint64(0)
            for k in range(first, first + n):
                value = _mixed(value * multiplier + words[k])
            out[at] = value
            at += 1


@loop("const u64[:], i32[:], u64[:], i32[:]", returns="i64")
def _number_types(hashes: Any, slots: Any, seen: Any, ids: Any) -> Any:
    """`slots` holds -1, and their number is a power of two, above that of the hashes; `seen` is room to work in."""
    mask = np.uint64(slots.size - 1)
    count = 0
    for k in range(hashes.size):
        slot = _mixed(hashes[k]) & mask
        while slots[slot] >= 0 and seen[slots[slot]] != hashes[k]:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            slots[slot] = count
            seen[count] = hashes[k]
            count += 1
        ids[k] = slots[slot]
    return count


@loop("const i64[:], const i32[:], const i32[:], i64[:], i64[:], i64[:], i32[:], i32[:]")
def _count_in_groups(
    bounds: Any, ids: Any, weights: Any, place: Any, group_ends: Any, firsts: Any, entries: Any, totals: Any
) -> Any:
    """`place`, shape (types,), holds -1: where the latest entry of each id stands."""
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


@loop("const i64[:], i64, i64, f64[:]")
def _expected_k_log_k(drawn_from: Any, documents: Any, units: Any, out: Any) -> Any:
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


@loop(
    "const u8[:,:], const i64[:], const i32[:], const i32[:], const i64[:], const u8[:], const f64[:],"
    " const f64[:,:], f64[:,:,:]"
)
def _tally_sides(
    labels: Any,
    bounds: Any,
    document: Any,
    tokens: Any,
    weight: Any,
    tail: Any,
    logs: Any,
    alone: Any,
    out: Any,
) -> Any:
    for row in range(labels.shape[0]):
        for d in range(labels.shape[1]):
            side = np.int64(labels[row, d])
            for column in range(alone.shape[1]):
                out[row, side, column] += alone[d, column]
        for t in range(bounds.size - 1):
            having = bounds[t + 1] - bounds[t]
            having_second = 0
            total = 0
            total_second = 0
            for k in range(bounds[t], bounds[t + 1]):
                side = np.int64(labels[row, document[k]])
                having_second += side
                total += tokens[k]
                total_second += side * tokens[k]
            shared = 0 < having_second < having
            for side in range(2):
                y = having_second if side else having - having_second
                if y == 0:
                    continue
                own = total_second if side else total - total_second
                out[row, side, 0] += 1
                out[row, side, 1] += logs[y]
                out[row, side, 2] += np.float64(y) * y
                out[row, side, 3] += y
                out[row, side, 5] += weight[t] * tail[t]
                out[row, side, 6] += own * tail[t]
                out[row, side, 7] += weight[t]
                if weight[t] > 0:
                    out[row, side, 8] += own
                if shared:
                    out[row, side, 9] += own
