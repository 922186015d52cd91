"""Which cells of a human reference are its tail: the rare ones, that together hold little of it.

A cell is whatever the reference was counted by: topics, templates, words. The tail is defined by share, not by count,
so that it means the same for a reference of a hundred documents and of a million: the rarest cells, past the common
ones that hold 85 % of the reference. The share is that of the simulations in docs/compare.md, where a cut of rare
cells is found with the power given there.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Counts: TypeAlias = NDArray[np.integer]  # shape (cells,): items of the reference in each cell, >= 0

BEYOND = 0.85
"""Share of the reference that the common cells hold."""


def tail_cells(counts: Counts, *, beyond: float = BEYOND) -> NDArray[np.bool_]:
    """Which cells are the tail of the reference whose items were counted, shape (cells,).

    Cells are taken from the most common down. Those with which the share taken exceeds `beyond`, a share in [0, 1),
    are the tail, unless they are empty. Cells of equal count are taken together, so that the numbering of cells
    decides nothing; many equal ones at the border therefore make a tail of more than 1 - `beyond`.

    >>> tail_cells(np.array([1, 60, 0, 30, 9])).tolist()
    [True, False, False, True, True]

    Raises:
        DataError: the counts are not one a cell, one is negative, all are 0, or `beyond` is outside [0, 1).
    """
    if not 0 <= beyond < 1:
        raise DataError(
            f"beyond is {beyond}. Give the share of the common cells, from 0 to below 1, such as {BEYOND}."
        )
    if counts.ndim != 1:
        raise DataError(f"counts has shape {counts.shape}. Pass one count for each cell: shape (cells,).")
    if counts.size and counts.min() < 0:
        raise DataError(f"counts[{int(counts.argmin())}] is {counts.min()}. Counts start at 0.")
    if not counts.any():
        raise DataError(
            "the reference has no item in any cell. Give a reference with documents that have words."
        )
    ascending = np.sort(counts)
    taken = np.cumsum(ascending[::-1], dtype=np.int64)
    at_least_as_common = counts.size - np.searchsorted(ascending, counts)
    tail: NDArray[np.bool_] = (taken[at_least_as_common - 1] / taken[-1] > beyond) & (counts > 0)
    return tail
