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


def depths_of(known: Depths, descent: Descent, *, human: NDArray[np.bool_]) -> Lineage:
    """Depths of all documents, from what is known of each by itself and from its parents.

    Args:
        known: depth that a source or a label says, `UNKNOWN_DEPTH` where none does, shape (documents,). It counts
            where parents do not tell.
        descent: the parents of documents.
        human: whether a person wrote the document, shape (documents,): its depth is 0.

    >>> nobody = np.full(4, 255, np.uint8)
    >>> chain = Descent(child=np.array([1, 2, 3]), parent=np.array([0, 1, 3]), depth=np.full(3, 255, np.uint8))
    >>> found = depths_of(nobody, chain, human=np.array([True, False, False, False]))
    >>> found.depth, found.circular
    (array([  0,   1,   2, 255], dtype=uint8), array([3]))
    """
    depth = np.where(human, 0, known).astype(np.uint8)
    counts = ~human[descent.child]
    child, parent, given = descent.child[counts], descent.parent[counts], descent.depth[counts]
    family = np.unique(np.concatenate([child, parent[parent >= 0]]))
    if not len(child):
        return Lineage(depth=depth, circular=np.zeros(0, np.int64))
    at = np.searchsorted(family, child)  # places in the family, which is seldom the whole corpus
    inside = parent >= 0
    waiting = np.full(len(family), -1, np.int64)
    waiting[at] = 0
    np.add.at(waiting, at[inside], 1)
    own = np.where(waiting >= 0, 0, depth[family]).astype(np.uint8)
    outside = ~inside & (given != UNKNOWN_DEPTH)
    np.maximum.at(own, at[outside], np.minimum(given[outside].astype(np.int64) + 1, DEEPEST).astype(np.uint8))
    unsure = np.zeros(len(family), np.uint8)
    unsure[at[~inside & (given == UNKNOWN_DEPTH)]] = 1
    settled = waiting == 0  # all their parents are outside
    own[settled & (unsure == 1)] = depth[family][settled & (unsure == 1)]
    waiting[settled] = -1
    order = np.argsort(parent[inside], kind="stable")
    children = at[inside][order]
    starts = np.searchsorted(parent[inside][order], family)
    starts = np.append(starts, len(children)).astype(np.int64)
    hand_down(
        starts,
        children,
        waiting,
        own,
        unsure,
        np.ascontiguousarray(depth[family]),
        np.empty(len(family), np.int64),
    )
    circular = waiting > 0
    own[circular] = UNKNOWN_DEPTH
    depth[family] = own
    return Lineage(depth=depth, circular=family[circular])
