"""Unlike documents first: an order inside cells in which every prefix covers the rest well.

A set S of documents covers a document as well as its nearest member does: by their cosine, negative ones counting as
none. Greedy choice adds the document that covers most of what is not covered yet (facility location [1]); each prefix
covers at least 1 - 1/e of what the best set of its size does [2]. Gains only ever shrink, so most need not be computed
anew (lazy greedy [3]). A quality in [0, 1] counts as much as that share of a document covered.

Greedy choice looks at all pairs. A cell is therefore cut, in its order by hash, into blocks of `BLOCK` documents, each
a random sample of the cell; each block is ordered by itself, and the cell takes the first of every block, then the
second, and so on. Cost grows with documents and not with their square.

Vectors are whole multiples of 1 / `VECTOR_UNIT`, so all sums are exact and the order is the same on every machine.

[1] Mirzasoleiman, Karbasi, Sarkar and Krause, Distributed submodular maximization, JMLR 17 (2016), section 3.
[2] Nemhauser, Wolsey and Fisher, An analysis of approximations for maximizing submodular set functions, Mathematical
    Programming 14 (1978) 265-294.
[3] Minoux, Accelerated greedy algorithms for maximizing submodular set functions, Optimization Techniques, Lecture
    Notes in Control and Information Sciences 7 (1978) 234-243.
"""

import heapq
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.mix.cells import Cells

BLOCK = 512
"""Documents among which all pairs are compared."""
_MORE = 4

Units: TypeAlias = NDArray[
    np.int16
]  # shape (documents, dimensions): unit vectors in units of 1 / VECTOR_UNIT
Similarities: TypeAlias = NDArray[np.float64]  # shape (documents, documents): whole numbers >= 0

_WHOLE = VECTOR_UNIT * VECTOR_UNIT  # a cosine of 1


def similarities(units: Units) -> Similarities:
    """Cosines in units of 1 / VECTOR_UNIT², exact; negative ones are 0.

    A document without a vector, all noughts, is like itself alone.
    """
    vectors = units.astype(np.float32)  # holds every sum exactly: none exceeds VECTOR_UNIT²
    found: Similarities = np.maximum(vectors @ vectors.T, 0.0).astype(np.float64)
    np.fill_diagonal(found, _WHOLE)
    return found


def coverage(similar: Similarities, chosen: NDArray[np.integer]) -> float:
    """How well the chosen documents cover all of them: the mean cosine to the nearest one, in [0, 1]."""
    if not len(chosen) or not len(similar):
        return 0.0
    return float(similar[chosen].max(axis=0).sum() / (_WHOLE * len(similar)))


def greedy_order(
    similar: Similarities, *, quality: NDArray[np.floating] | None = None, count: int | None = None
) -> NDArray[np.int64]:
    """All documents, each of the first `count` the one that adds most to those before it; of equal ones the first.

    Args:
        similar: symmetric, as of `similarities`.
        quality: of each document, in [0, 1]; None: all alike.
        count: documents behind them keep their order; None: all are chosen.
    """
    covered = np.zeros(len(similar))
    worth = np.zeros(len(similar)) if quality is None else np.round(quality.astype(np.float64) * _WHOLE)
    gains = similar.sum(axis=1) + worth
    heap = [(-gain, document) for document, gain in enumerate(gains.tolist())]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < (len(similar) if count is None else min(count, len(similar))):
        chosen.append(_next(heap, similar, covered, worth))
        np.maximum(covered, similar[chosen[-1]], out=covered)
    left = np.ones(len(similar), np.bool_)
    left[chosen] = False
    return np.concatenate([np.array(chosen, np.int64), np.flatnonzero(left)])


def _next(
    heap: list[tuple[float, int]],
    similar: Similarities,
    covered: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> int:
    """Take the document with the largest gain; a gain on the heap is an upper bound, computed anew at the top."""
    while True:
        bound, document = heap[0]
        gain = float(np.maximum(similar[document] - covered, 0.0).sum() + worth[document])
        if (-gain, document) == (bound, document):
            heapq.heappop(heap)
            return document
        heapq.heapreplace(heap, (-gain, document))


def spread(
    cells: Cells, parts: NDArray[np.float64], units: Units, quality: NDArray[np.floating] | None = None
) -> Cells:
    """The same cells with unlike documents first in those that are taken in part.

    Args:
        cells: their documents in order of priority.
        parts: shape (cells,): of each cell, the part that is to be taken, in [0, 1].
        units: vectors of the documents, in the caller's order.
        quality: of the documents, in [0, 1]; None: all alike.
    """
    order = cells.order.copy()
    for cell in np.flatnonzero((parts > 0) & (parts < 1) & (cells.documents > 1)).tolist():
        first, last = int(cells.start[cell]), int(cells.start[cell + 1])
        order[first:last] = _ordered(cells.order[first:last], float(parts[cell]), units, quality)
    sizes = np.empty(len(order), np.int64)
    sizes[cells.order] = np.diff(cells.running)
    running = np.concatenate(([0], np.cumsum(sizes[order])))
    return replace(cells, order=order, running=running)


def _ordered(
    documents: NDArray[np.integer], part: float, units: Units, quality: NDArray[np.floating] | None
) -> NDArray[np.integer]:
    """One cell's documents: of every block the first, then the second, ...

    Those beyond the part that is to be taken, and a few more for the whole documents' sake, stay in their order.
    """
    blocks = -(-len(documents) // BLOCK)
    block = np.arange(len(documents)) * blocks // len(documents)  # of nearly equal sizes
    place = np.empty(len(documents))
    for number in range(blocks):
        mine = np.flatnonzero(block == number)
        some = documents[mine]
        own = None if quality is None else quality[some]
        count = int(part * len(mine)) + _MORE
        found = greedy_order(similarities(units[some]), quality=own, count=count)
        place[mine[found]] = (np.arange(len(mine)) + 0.5) / len(mine)
    return documents[np.lexsort((block, place))]
