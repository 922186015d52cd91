"""Loops of the whole documents: single copies moved in and out of cells, in a given order, under integer limits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop

NEEDED, FORCED, ROOM = range(3)
"""When a copy is moved. In: a group of it lacks something and no limit stands against it; it lacks something; there is
room in the whole. Out: a group of it has too much and none would lack it; it has too much; the whole has too much."""


def hand_out(
    order: NDArray[np.int64],
    sizes: NDArray[np.int64],
    groups: NDArray[np.int32],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    goal: int,
    when: int,
    held: NDArray[np.int64],
    total: NDArray[np.int64],
    moved: NDArray[np.int64],
) -> None:
    """Give cells their next copy, one each at most, in the order given.

    Args:
        order: cells that have a next copy.
        sizes: of the next copy, shape (cells,).
        groups: shape (cells, families): numbers of the cell's groups, -1 for none.
        low: least mass of each group.
        high: largest mass of each group.
        goal: largest mass of the whole.
        when: one of `NEEDED`, `FORCED`, `ROOM`.
        held: mass of each group; updated.
        total: mass of the whole, shape (1,); updated.
        moved: 1 is written for every cell that got one.
    """
    _hand_out(order, sizes, groups, low, high, goal, when, held, total, moved)


def take_back(
    order: NDArray[np.int64],
    sizes: NDArray[np.int64],
    groups: NDArray[np.int32],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    goal: int,
    when: int,
    held: NDArray[np.int64],
    total: NDArray[np.int64],
    moved: NDArray[np.int64],
) -> None:
    """Take the last copy of cells, one each at most, in the order given; arguments as of `hand_out`."""
    _take_back(order, sizes, groups, low, high, goal, when, held, total, moved)


_SIGNATURE = (
    "const i64[:], const i64[:], const i32[:,:], const i64[:], const i64[:], i64, i64, i64[:], i64[:], i64[:]"
)


@loop(_SIGNATURE)
def _hand_out(
    order: Any,
    sizes: Any,
    groups: Any,
    low: Any,
    high: Any,
    goal: Any,
    when: Any,
    held: Any,
    total: Any,
    moved: Any,
) -> Any:
    for at in range(order.size):
        cell = order[at]
        size = sizes[cell]
        lacks = False
        fits = True
        for family in range(groups.shape[1]):
            group = groups[cell, family]
            if group >= 0:
                lacks |= held[group] < low[group]
                fits &= held[group] + size <= high[group]
        if when == 0:
            moves = lacks and fits
        elif when == 1:
            moves = lacks
        else:
            moves = fits and total[0] + size <= goal
        if moves:
            for family in range(groups.shape[1]):
                group = groups[cell, family]
                if group >= 0:
                    held[group] += size
            total[0] += size
            moved[cell] = 1


@loop(_SIGNATURE)
def _take_back(
    order: Any,
    sizes: Any,
    groups: Any,
    low: Any,
    high: Any,
    goal: Any,
    when: Any,
    held: Any,
    total: Any,
    moved: Any,
) -> Any:
    for at in range(order.size):
        cell = order[at]
        size = sizes[cell]
        over = False
        spared = True
        for family in range(groups.shape[1]):
            group = groups[cell, family]
            if group >= 0:
                over |= held[group] > high[group]
                spared &= held[group] - size >= low[group]
        if when == 0:
            moves = over and spared
        elif when == 1:
            moves = over
        else:
            moves = spared and total[0] > goal
        if moves and size > 0:
            for family in range(groups.shape[1]):
                group = groups[cell, family]
                if group >= 0:
                    held[group] -= size
            total[0] -= size
            moved[cell] = 1
