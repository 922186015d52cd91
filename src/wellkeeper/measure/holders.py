"""Rare types and the documents that hold them: what a removal costs the tail, and how far it may go.

A type is *rare* if at most `rare` documents hold it, and *lost* once all of them are removed. Documents belong to
groups, such as the topics of a corpus; a group holds a type if one of its documents does, so that the loss of a type
counts in each group that held it. A small group cannot be emptied of its words in favour of a large one's average.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import dense

Integers: TypeAlias = NDArray[np.int64]
NO_GROUP = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RareTypes:
    """The rare types of a corpus, numbered from 0; the documents with any are numbered by place in `documents`."""

    documents: Integers  # shape (holders,): ascending
    group: Integers  # shape (holders,): of each; NO_GROUP where it has none
    bounds: Integers  # shape (holders + 1,): types of holder h are held[bounds[h]:bounds[h + 1]]
    held: Integers  # shape (entries,)
    frequency: Integers  # shape (types,): documents that hold each, at least 1

    def count(self) -> int:
        return len(self.frequency)

    def by_group(self, groups: int) -> Integers:
        """How many rare types each group holds, shape (groups,)."""
        return _groups_of(self.held, np.repeat(self.group, np.diff(self.bounds)), groups)

    def types_of(self, document: int) -> Integers:
        at = int(np.searchsorted(self.documents, document))
        if at == len(self.documents) or self.documents[at] != document:
            return np.zeros(0, np.int64)
        return self.held[self.bounds[at] : self.bounds[at + 1]]

    def lost(self, removed: Integers) -> NDArray[np.bool_]:
        """Which types no document holds once those in `removed` (without repeats) are gone, shape (types,)."""
        chosen = np.repeat(np.isin(self.documents, removed), np.diff(self.bounds))
        gone = np.bincount(self.held[chosen], minlength=self.count())
        return np.asarray(gone == self.frequency, np.bool_)

    def lost_by_group(self, lost: NDArray[np.bool_], groups: int) -> Integers:
        """How many of the types marked in `lost` each group held, shape (groups,)."""
        chosen = lost[self.held]
        return _groups_of(self.held[chosen], np.repeat(self.group, np.diff(self.bounds))[chosen], groups)


def rare_types(
    documents: Integers, hashes: NDArray[np.uint64], group: NDArray[np.integer], *, rare: int
) -> RareTypes:
    """Rare types from pairs of a document and a type it holds, in any order but each pair once.

    `group`, shape (all documents,), has the group of every document of the corpus.

    Raises:
        DataError: the pairs do not fit together, or `rare` is not positive.
    """
    if documents.shape != hashes.shape or rare < 1:
        raise DataError(
            f"There are {documents.size} documents and {hashes.size} types, and rare is {rare}. Pass one type for "
            "each document, and rare from 1 on."
        )
    numbers, types = dense(hashes)
    frequency = np.bincount(numbers, minlength=types).astype(np.int64)
    seldom = frequency <= rare
    renumbered = np.cumsum(seldom) - 1
    chosen = seldom[numbers]
    order = np.argsort(documents[chosen], kind="stable")
    holders, starts = np.unique(documents[chosen][order], return_index=True)
    return RareTypes(
        documents=holders.astype(np.int64),
        group=group[holders].astype(np.int64),
        bounds=np.append(starts, len(order)).astype(np.int64),
        held=renumbered[numbers[chosen][order]].astype(np.int64),
        frequency=frequency[seldom],
    )


def affordable(
    types: RareTypes, proposed: Integers, groups: NDArray[np.integer], *, share: float
) -> NDArray[np.bool_]:
    """Which of the proposed documents may go, tried in the order given, shape (proposed,).

    Neither the corpus nor any group loses more than `share` of the rare types it holds. The first document of a
    group that would lose too much, there or in another group, ends the removals from its group; and so no later one
    goes in place of an earlier one. `groups` has the group of each proposed document.

    Raises:
        DataError: `share` is not in [0, 1], or the shapes differ.
    """
    if not 0 <= share <= 1 or proposed.shape != groups.shape:
        raise DataError(
            f"share is {share}, for {proposed.size} documents of {groups.size} groups. Give a share from 0 to 1 and "
            "one group for each document."
        )
    many = 1 + int(max(groups.max(initial=-1), types.group.max(initial=-1)))
    limits = np.floor(share * types.by_group(many)).astype(np.int64)
    limit = int(share * types.count())
    left, spent, total = types.frequency.copy(), np.zeros(many, np.int64), 0
    holders = _Holders(types)
    closed = np.zeros(many, np.bool_)
    may = np.zeros(len(proposed), np.bool_)
    for k, (document, group) in enumerate(zip(proposed.tolist(), groups.tolist(), strict=True)):
        if closed[group]:
            continue
        held = types.types_of(document)
        gone = held[left[held] == 1]
        cost = holders.groups_of(gone, many)
        if total + len(gone) > limit or np.any(spent + cost > limits):
            closed[group] = True
            continue
        left[held] -= 1
        spent += cost
        total += len(gone)
        may[k] = True
    return may


class _Holders:
    """From a type to the groups that hold it."""

    def __init__(self, types: RareTypes) -> None:
        group = np.repeat(types.group, np.diff(types.bounds))
        pairs = np.unique(np.stack((types.held, group)), axis=1) if len(group) else np.zeros((2, 0), np.int64)
        self._group = pairs[1]
        self._bounds = np.searchsorted(pairs[0], np.arange(types.count() + 1))

    def groups_of(self, types: Integers, groups: int) -> Integers:
        """How many of the types each group holds."""
        counts = np.zeros(groups, np.int64)
        for type_ in types.tolist():
            found = self._group[self._bounds[type_] : self._bounds[type_ + 1]]
            counts[found[found != NO_GROUP]] += 1
        return counts


def _groups_of(types: Integers, group: Integers, groups: int) -> Integers:
    """Distinct types with each group."""
    inside = group != NO_GROUP
    pairs = (
        np.unique(np.stack((group[inside], types[inside])), axis=1)[0]
        if inside.any()
        else np.zeros(0, np.int64)
    )
    return np.bincount(pairs, minlength=groups).astype(np.int64)
