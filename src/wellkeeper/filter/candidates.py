"""Documents that share a key, found one band at a time and in bounded memory, however many documents there are.

Keys come as a stream. Those of a band that memory does not hold are split by their first bits and joined a part at
a time; what stays is a forest over the documents that share a key, and nothing about all the others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, Spread, Spreads
from wellkeeper.engine.joins import ROW_BYTES, Parts, Rows
from wellkeeper.kernels.clusters import NO_EDGES, Forest, edges_of, merge

Keys: TypeAlias = tuple[Indices, Sequence[NDArray[np.uint64]]]
"""Documents, shape (documents,), and a column of keys for each band, of the same shape."""

MEMORY_ROWS = 1 << 22
"""Rows of keys that wait in memory, over all bands that are read together: 64 MiB."""
SCRATCH_BYTES = 2 << 30
"""Disk that the bands read together may take. Opening a sidecar costs more than reading a column of it, so that
bands are read several at a time; at least one is, whatever it takes."""
SEEN_BYTES = 64 << 20
"""Memory for telling, before they are held, which keys nobody on the other side has; about that much over all bands."""
PENDING_EDGES = 1 << 20
"""Edges that wait before a forest takes them in: a merge costs as much as the forest it merges with."""


def linked(
    bands: Sequence[str],
    read: Callable[[Sequence[str]], Iterable[Keys]],
    *,
    rows: int,
    scratch: Path | None = None,
    across: int | None = None,
    spread: Spread | None = None,
) -> Forest:
    """The forest of all documents that share a key in any of the bands.

    `read(names)` streams the keys of some of the bands, `rows` of each at most, in any order of documents. With
    `across` a key counts only if documents below that number and from it on have it; and the lower ones must come
    first, so that most of the higher ones need not be held.

    With `spread`, tasks on other machines each join some of the bands, or of one band a share of the keys, and
    merge their forests; they hold what they must in their own temporary files. The forest is the same.
    """
    if spread is not None:
        shares = shares_of(bands, spread.cores())
        found: Forest = spread.reduce(_linked_share, (read, rows, across), shares, merge)
        return found
    together = max(1, min(len(bands), SCRATCH_BYTES // (ROW_BYTES * max(1, rows))))
    forest = Growing()
    for start in range(0, len(bands), together):
        some = bands[start : start + together]
        with ExitStack() as stack:
            split = [
                stack.enter_context(Parts(rows, held=MEMORY_ROWS // len(some), scratch=scratch)) for _ in some
            ]
            seen = None if across is None else [_Seen(min(8 * across, SEEN_BYTES // len(some))) for _ in some]
            for documents, columns in read(some):
                for band, (parts, keys) in enumerate(zip(split, columns, strict=True)):
                    if seen is None or across is None:
                        parts.add(keys, documents)
                    else:
                        parts.add(*_met(seen[band], across, keys, documents))
            for parts in split:
                for slices in parts:
                    if across is None:
                        for edges in edges_of_part(slices):
                            forest.add(edges)
                    else:
                        forest.add(_only_across(merge(edges_of_part(slices)), across))
    return forest.whole()


def spread_of(corpus: object) -> Spread | None:
    """Machines that can join keys of this corpus, where it has any."""
    return corpus.spread if isinstance(corpus, Spreads) else None


@dataclass(frozen=True, slots=True)
class Share:
    """What one task joins: some bands or, where `bits` is above 0, the keys of one that end with these bits.

    Not those that begin with them: by its first bits a key is split further where it is joined.
    """

    bands: tuple[str, ...]
    bits: int
    last: int

    def of(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the keys these are."""
        chosen: NDArray[np.bool_] = (keys & np.uint64((1 << self.bits) - 1)) == np.uint64(self.last)
        return chosen


SHARES_A_CORE = 4
"""Tasks for each core, so that one more or a slow one is not waited for long."""
MOST_BITS = 4
"""At most so many bits split a band, since each share reads the whole column."""


def shares_of(bands: Sequence[str], cores: int) -> list[Share]:
    """The join cut into tasks: several bands each on few cores, a part of one band each on many."""
    wanted = SHARES_A_CORE * cores
    if wanted <= len(bands):
        many = -(-len(bands) // wanted)
        return [Share(tuple(bands[at : at + many]), 0, 0) for at in range(0, len(bands), many)]
    bits = min(MOST_BITS, (-(-wanted // max(1, len(bands))) - 1).bit_length())
    return [Share((band,), bits, last) for band in bands for last in range(1 << bits)]


def _linked_share(
    shared: tuple[Callable[[Sequence[str]], Iterable[Keys]], int, int | None], share: Share
) -> Forest:
    read, rows, across = shared

    def mine(bands: Sequence[str]) -> Iterator[Keys]:
        for documents, columns in read(bands):
            if share.bits:
                chosen = share.of(columns[0])
                yield documents[chosen], [columns[0][chosen]]
            else:
                yield documents, columns

    return linked(share.bands, mine, rows=rows, across=across)


def _only_across(forest: Forest, across: int) -> Forest:
    """The trees of one band, hence of one key each, that reach over the line."""
    reach = np.unique(forest.root[forest.member >= across])
    chosen = np.isin(forest.root, reach[reach < across])
    return Forest(forest.member[chosen], forest.root[chosen])


def _met(seen: "_Seen", across: int, keys: NDArray[np.uint64], documents: Indices) -> Rows:
    """The rows as they are, remembered, below the line; beyond it those whose key may have been met."""
    low = documents < across
    if low.any():
        seen.add(keys[low])
    chosen = low | seen.may_have(keys)
    return keys[chosen], documents[chosen]


class _Seen:
    """Remembers keys by their first bits: what it denies was never seen."""

    def __init__(self, slots: int) -> None:
        self._shift = np.uint64(64 - max(1, slots.bit_length()))
        self._slots = np.zeros(1 << (64 - int(self._shift)), np.bool_)

    def add(self, keys: NDArray[np.uint64]) -> None:
        self._slots[keys >> self._shift] = True

    def may_have(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = self._slots[keys >> self._shift]
        return known


def edges_of_part(slices: Iterable[Rows]) -> Iterator[Forest]:
    """Star edges of a part that comes in slices: of each key one document is carried on to the next slice."""
    last: tuple[Rows, Forest] | None = None
    for rows in slices:
        keys, documents = rows if last is None else _with_carried(*last, rows)
        edges = edges_of(keys, documents)
        yield edges
        last = (keys, documents), edges


def _with_carried(before: Rows, edges: Forest, rows: Rows) -> Rows:
    stay = ~np.isin(before[1], edges.member)
    return np.concatenate((before[0][stay], rows[0])), np.concatenate((before[1][stay], rows[1]))


class Growing:
    """A forest that takes in edges as they come, some of them at a time."""

    def __init__(self) -> None:
        self._forest = NO_EDGES
        self._pending: list[Forest] = []
        self._edges = 0

    def add(self, edges: Forest) -> None:
        if len(edges.member):
            self._pending.append(edges)
            self._edges += len(edges.member)
        if self._edges > max(PENDING_EDGES, len(self._forest.member) // 2):
            self.whole()

    def whole(self) -> Forest:
        if self._pending:
            self._forest = merge((self._forest, *self._pending))
            self._pending.clear()
            self._edges = 0
        return self._forest
