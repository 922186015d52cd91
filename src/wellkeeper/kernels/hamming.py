"""Pairs of 64-bit fingerprints that differ in few bits, found by an index and not by looking at all pairs.

A fingerprint is cut into four pieces of 16 bits. If two differ in at most r bits, the bits left for some piece are few:
given limits t with sum(t + 1) > r, one of the pieces differs in at most its own t bits [1]. So each piece is looked up
in a table of its own, with every change of up to t of its bits, and what is found there is compared whole.

[1] Norouzi, Punjani, Fleet: Fast search in Hamming space with multi-index hashing, CVPR 2012, section 3.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lanes import bits_set
from wellkeeper.native import loop

PIECES, PIECE_BITS = 4, 16
MOST_BITS = 15
"""Largest radius: three bits of each piece are changed then, 697 look-ups a piece."""
_KEYS = 1 << PIECE_BITS
_ROOM = 1 << 18  # pairs that are handed over together, at least


def near_pairs(
    hashes: NDArray[np.uint64], radius: int, *, confirm: NDArray[np.uint64], confirm_radius: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All pairs whose hashes differ in at most `radius` bits, and whose second hashes in at most `confirm_radius`.

    `hashes` and `confirm` have shape (items,). Yields positions (smaller, larger), a batch at a time; a pair comes once
    for each piece by which it is found. Time grows with the pairs that there are: of n equal hashes all are pairs.

    Raises:
        DataError: a radius is out of range, or the arrays differ in shape.
    """
    if not 0 <= radius <= MOST_BITS or not 0 <= confirm_radius <= 64:
        raise DataError(
            f"radius is {radius} and confirm_radius {confirm_radius}. Give 0 to {MOST_BITS} and 0 to 64 bits."
        )
    if hashes.shape != confirm.shape:
        raise DataError(
            f"hashes have shape {hashes.shape} and confirm {confirm.shape}. Give one of each an item."
        )
    hashes, confirm = np.ascontiguousarray(hashes), np.ascontiguousarray(confirm)
    room = max(_ROOM, len(hashes))
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    for piece, limit in enumerate(_limits(radius)):
        keys = (hashes >> np.uint64(PIECE_BITS * piece)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], np.arange(_KEYS + 1)).astype(np.int64)
        changes = _changes(limit)
        done = np.zeros(1, np.int64)
        while done[0] < len(hashes):
            count = _pairs(
                hashes, confirm, keys, order, starts, changes, radius, confirm_radius, done, left, right
            )
            if count:
                yield left[:count].copy(), right[:count].copy()


def _limits(radius: int) -> list[int]:
    """Bits that may be changed in each piece; -1 for a piece that need not be looked up.

    >>> _limits(8), _limits(2)
    ([2, 1, 1, 1], [0, 0, 0, -1])
    """
    return [(radius + 1 + PIECES - 1 - piece) // PIECES - 1 for piece in range(PIECES)]


def _changes(limit: int) -> NDArray[np.uint16]:
    """Every pattern of at most `limit` bits of a piece; none for a negative limit."""
    places = range(PIECE_BITS)
    patterns = [
        sum(1 << at for at in chosen) for bits in range(limit + 1) for chosen in combinations(places, bits)
    ]
    return np.array(patterns, np.uint16)


@loop(
    "const u64[:], const u64[:], const u16[:], const i64[:], const i64[:], const u16[:], i64, i64, i64[:], i64[:], "
    "i64[:]",
    returns="i64",
)
def _pairs(
    hashes: Any, confirm: Any, keys: Any, order: Any, starts: Any, changes: Any, radius: Any, confirm_radius: Any,
    done: Any, left: Any, right: Any,
) -> Any:  # fmt: skip
    """Pairs of items from `done[0]` on, until all are looked at or the next might not fit; returns their number."""
    count = 0
    i = done[0]
    while i < hashes.size and count + hashes.size <= left.size:
        for c in range(changes.size):
            key = np.int64(keys[i] ^ changes[c])
            for k in range(starts[key], starts[key + 1]):
                j = order[k]
                if (
                    j > i
                    and bits_set(hashes[i] ^ hashes[j]) <= radius
                    and bits_set(confirm[i] ^ confirm[j]) <= confirm_radius
                ):
                    left[count] = i
                    right[count] = j
                    count += 1
        i += 1
    done[0] = i
    return count
