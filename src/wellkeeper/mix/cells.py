"""Documents by cell: those that no constraint and no target tells apart, in the order in which they are taken.

A cell is a combination of attributes that occurs. Its documents follow each other by priority, then come the same
again as second copies, as third ones, as often as documents may be taken. Nothing of this is laid out: what the
first k copies of a cell weigh is read from running sums over its documents.

Cells are numbered by their documents alone. Codes of sources and topics are renumbered by the smallest priority
among their documents, so that neither the order of files nor the numbering of names decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix.sampling import Priorities

Codes: TypeAlias = NDArray[np.int32]  # 0-based, -1 where there is none

_TABLE = 1 << 26  # keys that are looked up in a table rather than sorted
_KEYS = 1 << 62  # keys that an int64 holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Arrays by document follow the order of cells, and inside a cell that of priority."""

    order: NDArray[Any]  # shape (documents,): position in the caller's arrays of the k-th document here
    start: NDArray[np.int64]  # shape (cells + 1,): where each cell's documents begin
    running: NDArray[np.int64]  # shape (documents + 1,): sizes summed up to the k-th document
    codes: Mapping[str, Codes]  # by attribute, shape (cells,): the caller's codes
    rank: Mapping[str, Codes]  # the same, numbered by smallest priority
    epochs: NDArray[np.int64]  # shape (cells,): how often each document may be taken, >= 1

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def mass(self) -> NDArray[np.int64]:
        """Size of each cell's documents, taken once."""
        return np.diff(self.running[self.start])

    @property
    def documents(self) -> NDArray[np.int64]:
        return np.diff(self.start)

    def mass_of(self, taken: NDArray[np.int64]) -> NDArray[np.int64]:
        """Size of the first `taken` copies of each cell."""
        rounds, rest = np.divmod(taken, np.maximum(self.documents, 1))
        first = self.start[:-1]
        return rounds * self.mass + self.running[first + rest] - self.running[first]

    def copies_within(self, room: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many copies of each cell, `most` epochs at most, together fit into `room`."""
        mass = self.mass
        rounds = np.minimum(
            np.divide(room, mass, out=np.zeros(len(self)), where=mass > 0).astype(np.int64), most
        )
        rounds -= rounds * mass > room  # the quotient was rounded up
        first = self.start[:-1]
        rest = (
            np.searchsorted(self.running, self.running[first] + room - rounds * mass, side="right")
            - 1
            - first
        )
        rest = np.where(rounds < most, np.clip(rest, 0, self.documents), 0)
        return np.where(mass > 0, rounds * self.documents + rest, self.documents)

    def size_at(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Size of the `place`-th copy of each cell, 0-based; 0 for a place before the first."""
        at = self.start[:-1] + np.mod(np.maximum(place, 0), np.maximum(self.documents, 1))
        return np.where(place >= 0, self.running[at + 1] - self.running[at], 0)


def cells_of(
    attributes: Mapping[str, NDArray[np.integer]],
    *,
    priority: Priorities,
    size: NDArray[np.integer],
    epochs: NDArray[np.integer] | None = None,
) -> Cells:
    """Sort documents into cells by their attributes: codes from 0, -1 for none; all arrays of shape (documents,)."""
    columns = {name: np.asarray(codes) for name, codes in attributes.items()}
    if epochs is not None:
        columns["epochs"] = np.asarray(epochs)
    ranks = {name: _ranks(codes, priority) for name, codes in columns.items()}
    cell = _combined(
        [(ranks[name][codes], len(ranks[name]) - 1) for name, codes in columns.items()], len(size)
    )
    order = _by_cell(cell, priority, size)
    counts = np.bincount(cell) if len(cell) else np.zeros(0, np.int64)
    start = np.concatenate(([0], np.cumsum(counts)))
    first = order[start[:-1]]
    codes = {name: column[first].astype(np.int32) for name, column in columns.items()}
    ranked = {name: ranks[name][codes[name]] for name in columns}
    running = np.zeros(len(size) + 1, np.int64)
    np.cumsum(np.asarray(size)[order], out=running[1:])
    often = codes.pop("epochs", None)
    return Cells(
        order=order,
        start=start,
        running=running,
        codes=codes,
        rank=ranked,
        epochs=np.ones(len(first), np.int64) if often is None else often.astype(np.int64),
    )


def _ranks(codes: NDArray[np.integer], priority: Priorities) -> Codes:
    """New number of each code, by smallest priority; the last entry, which code -1 reads, is -1."""
    groups = int(codes.max(initial=-1)) + 1
    smallest = np.full(groups + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, codes, priority)
    ranks = np.empty(groups + 1, np.int32)
    ranks[np.argsort(smallest[:groups], kind="stable")] = np.arange(groups)
    ranks[groups] = -1
    return ranks


def _combined(columns: list[tuple[Codes, int]], documents: int) -> NDArray[np.int32]:
    """One number for each combination that occurs, in the order of the columns' numbers, without gaps."""
    key, keys = np.zeros(documents, np.int64), 1
    for codes, groups in columns:
        if keys * (groups + 1) > _KEYS:
            key, keys = _dense(key, keys)
        key *= groups + 1
        key += codes
        key += 1
        keys *= groups + 1
    return _dense(key, keys)[0].astype(np.int32)


def _dense(key: NDArray[np.int64], keys: int) -> tuple[NDArray[np.int64], int]:
    if keys > _TABLE:
        found, dense = np.unique(key, return_inverse=True)
        return dense, len(found)
    occurs = np.zeros(keys, np.bool_)
    occurs[key] = True
    number = np.cumsum(occurs, dtype=np.int64) - 1
    return number[key], int(np.count_nonzero(occurs))


def _by_cell(cell: NDArray[np.int32], priority: Priorities, size: NDArray[np.integer]) -> NDArray[Any]:
    """Documents by cell and priority; equal priorities by size, then by place."""
    order = np.argsort(priority, kind="stable")
    ascending = priority[order]
    if (ascending[1:] == ascending[:-1]).any():
        order = np.lexsort((size, priority))
    del ascending
    order = order.astype(np.int32 if len(order) < 1 << 31 else np.int64, copy=False)
    return np.asarray(order[np.argsort(cell[order], kind="stable")])
