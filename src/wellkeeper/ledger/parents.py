"""Parents of documents, and the generation depth that follows from them.

A document names the documents that a model made it from, by id or by the SHA-256 of their texts. Its depth is 1 more
than the deepest of theirs. People's texts have depth 0, whatever they were made from. Where a parent is unknown, or the
parents lead in a circle, nobody knows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.lineage import DEEPEST, UNKNOWN_DEPTH
from wellkeeper.ledger._depths import hand_down

Depths = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descent:
    """Who was made from whom; arrays share one length, an entry for each parent found.

    `parent` is a document's number, or -1 for a parent outside the corpus, whose depth is `depth` then (255: nobody
    knows, or no such document was found).
    """

    child: NDArray[np.int64]
    parent: NDArray[np.int64]
    depth: Depths


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lineage:
    """Depth of every document, shape (documents,), and what was in the way of knowing it."""

    depth: Depths
    circular: NDArray[np.int64]  # documents, ascending, whose parents lead in a circle


def depths_of(alone: Depths, descent: Descent, *, human: NDArray[np.bool_]) -> Lineage:
    """Depths of all documents, from what is known of each by itself and from its parents.

    Args:
        alone: depth of each document by itself (`ledger.rows.depth_of`), shape (documents,). It counts where parents
            do not tell.
        descent: the parents of documents.
        human: whether a person wrote the document, shape (documents,): then its parents say nothing.

    >>> alone = np.array([0, 255, 255, 255], np.uint8)
    >>> chain = Descent(child=np.array([1, 2, 3]), parent=np.array([0, 1, 3]), depth=np.full(3, 255, np.uint8))
    >>> found = depths_of(alone, chain, human=alone == 0)
    >>> found.depth, found.circular
    (array([  0,   1,   2, 255], dtype=uint8), array([3]))
    """
    counts = ~human[descent.child]
    child, parent, given = descent.child[counts], descent.parent[counts], descent.depth[counts]
    inside = parent >= 0
    family = np.unique(np.concatenate([child, parent[inside]]))  # seldom the whole corpus
    at = np.searchsorted(family, child)
    mine = alone[family]
    waiting = np.bincount(at[inside], minlength=len(family))
    has_parents = np.bincount(at, minlength=len(family)) > 0
    largest, unsure = _from_outside(at[~inside], given[~inside], len(family))
    own = np.where(has_parents, largest, mine)
    settled = waiting == 0  # those whose parents are all outside, and those that name none
    own[settled & unsure] = mine[settled & unsure]
    waiting[settled] = -1
    order = np.argsort(parent[inside], kind="stable")
    starts = np.searchsorted(parent[inside][order], np.append(family, np.iinfo(np.int64).max))
    hand_down(
        starts, at[inside][order], waiting, own, unsure.view(np.uint8), mine, np.empty(len(family), np.int64)
    )
    circular = waiting > 0
    own[circular] = UNKNOWN_DEPTH
    depth = alone.copy()
    depth[family] = own
    return Lineage(depth=depth, circular=family[circular])


def _from_outside(children: NDArray[np.int64], given: Depths, size: int) -> tuple[Depths, NDArray[np.bool_]]:
    """1 more than the deepest parent outside the corpus, 0 without one; and whether one's depth is unknown."""
    largest, unsure = np.zeros(size, np.uint8), np.zeros(size, np.bool_)
    known = given != UNKNOWN_DEPTH
    np.maximum.at(largest, children[known], np.minimum(given[known], DEEPEST - 1) + np.uint8(1))
    unsure[children[~known]] = True
    return largest, unsure
