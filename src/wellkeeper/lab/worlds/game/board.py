"""Connect three, or four, on a small board: positions as whole numbers, and the exact value of every one.

Each column is a number: its discs as bits from the bottom up, 1 for the first player's, under a leading 1. A position
is its columns beside each other, `rows + 1` bits each. A disc makes its column's number larger, so every move leads to
a larger position, and one pass from the largest down solves the game without a search. On 5 columns of 4 cells, players
of connect four can reach 3,945,711 positions [1] and of connect three 613,459; a table of 32 MB holds them all.

[1] Tromp, John's connect four playground, https://tromp.github.io/c4/c4.html.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.native import loop, part

Keys: TypeAlias = NDArray[np.int64]  # positions
Scores: TypeAlias = NDArray[np.int8]

MOST_BITS = 25
"""Of a position: 2^25 scores take 32 MB, and a pass over them a second."""
NEVER = -128
"""Score of what is no position, and of a move that is not legal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """How large the board is, and how many in a row win. Cells are counted from the bottom of the first column up."""

    columns: int = 5
    rows: int = 4
    in_a_row: int = 3

    def __post_init__(self) -> None:
        for name, least in (("columns", 2), ("rows", 1), ("in_a_row", 3)):
            if getattr(self, name) < least:
                raise RecipeError(f"{name} is {getattr(self, name)}. Give at least {least}.")
        if self.columns * self.stride > MOST_BITS:
            raise RecipeError(
                f"A board of {self.columns} columns and {self.rows} rows has too many positions to solve them all. "
                f"Give columns and rows of which columns x (rows + 1) is at most {MOST_BITS}, such as 5 and 4."
            )
        if self.in_a_row > max(self.columns, self.rows):
            raise RecipeError(
                f"in_a_row is {self.in_a_row}, and the board has {self.columns} columns and {self.rows} rows. "
                f"Give 3 to {max(self.columns, self.rows)}."
            )

    @property
    def cells(self) -> int:
        return self.columns * self.rows

    @property
    def stride(self) -> int:
        """Bits of a column."""
        return self.rows + 1

    @property
    def empty(self) -> int:
        """The position with no disc."""
        return sum(1 << column * self.stride for column in range(self.columns))

    def filled(self, keys: Keys) -> NDArray[np.int64]:
        """Discs in each column, shape (positions, columns)."""
        shifts = np.arange(self.columns) * self.stride
        found: NDArray[np.int64] = _heights(self.rows)[keys[:, None] >> shifts & (1 << self.stride) - 1]
        return found

    def landing(self, keys: Keys) -> NDArray[np.int64]:
        """The cell that a disc in each column falls to, shape (positions, columns); of a full one, its highest."""
        return np.arange(self.columns) * self.rows + np.minimum(self.filled(keys), self.rows - 1)

    def after(self, keys: Keys, discs: int) -> Keys:
        """Where a disc in each column leads from positions of so many, shape (positions, columns); -1: it is full."""
        filled = self.filled(keys)
        first = 1 - discs % 2  # whether the first player is to move
        shifts = np.arange(self.columns) * self.stride
        return np.where(filled < self.rows, keys[:, None] + ((1 + first) << filled + shifts), -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """A board with the score of every position, from the view of the player to move.

    Of a position that is won the score is how many cells are empty before the winning disc lands, so that a faster win
    scores higher; of one that is lost, the same below 0; of a draw, 0.
    """

    board: Board
    scores: Scores  # by position

    def of_moves(self, keys: Keys, discs: int) -> Scores:
        """Score of each move, from the view of who makes it, shape (positions, columns); illegal ones have `NEVER`."""
        after = self.board.after(keys, discs)
        return np.where(after < 0, NEVER, -self.scores[after]).astype(np.int8)

    def is_over(self, keys: Keys, discs: int) -> NDArray[np.bool_]:
        """Whether a game has ended with so many discs: the last one won it, or the board is full."""
        lost: NDArray[np.bool_] = self.scores[keys] == -(self.board.cells + 1 - discs)
        return lost | (discs == self.board.cells)


def value(scores: Scores) -> NDArray[np.float64]:
    """What scores are worth: 1 for a win, 1/2 for a draw, 0 for a loss."""
    return (np.sign(scores) + 1) / 2


@cache
def solved(board: Board) -> Solved:
    """The scores of all positions."""
    scores = np.full(1 << board.columns * board.stride, NEVER, np.int8)
    _solve(_heights(board.rows), board.columns, board.rows, board.in_a_row, scores.view(np.uint8))
    scores.flags.writeable = False
    return Solved(board=board, scores=scores)


@cache
def _heights(rows: int) -> NDArray[np.int64]:
    """Discs in a column, by its number; -1: no column has it."""
    return np.array([number.bit_length() - 1 for number in range(1 << rows + 1)])


@part
def _is_won(discs: Any, stride: Any, wanted: Any) -> Any:
    """Whether a player's discs, one bit each, have so many in a row: upwards, sideways or on a diagonal.

    The highest bit of each column is never a disc, and parts it from the next.
    """
    for step in (1, stride - 1, stride, stride + 1):
        found = discs
        for further in range(1, wanted):
            found &= discs >> further * step
        if found != 0:
            return True
    return False


@part
def _best(key: Any, discs: Any, heights: Any, columns: Any, rows: Any, scores: Any) -> Any:
    """Score of the best move."""
    stride = rows + 1
    best = np.int64(-127)
    for column in range(columns):
        height = heights[(key >> column * stride) & ((1 << stride) - 1)]
        if height < rows:
            child = np.int64(scores[key + ((2 - discs % 2) << (height + column * stride))])
            best = max(best, 256 - child if child > 127 else -child)
    return best


@loop("const i64[:], i64, i64, i64, u8[:]")
def _solve(heights: Any, columns: Any, rows: Any, wanted: Any, scores: Any) -> None:
    """Score every position, the largest first, so that those it leads to have theirs; scores are two's complements."""
    stride = rows + 1
    cells = columns * rows
    for key in range(scores.size - 1, -1, -1):
        first = second = discs = ahead = 0
        for column in range(columns):
            shift = column * stride
            number = (key >> shift) & ((1 << stride) - 1)
            height = heights[number]
            if height < 0:
                discs = -1
                break
            mine = number - (1 << height)
            first |= mine << shift
            second |= ((1 << height) - 1 - mine) << shift
            discs += height
            for row in range(height):
                ahead += 1 if (mine >> row) & 1 else -1
        if discs < 0 or ahead != discs % 2:
            continue
        if _is_won(first if discs % 2 else second, stride, wanted):
            scores[key] = 256 - (cells + 1 - discs)
            continue
        if discs == cells:
            scores[key] = 0
            continue
        scores[key] = _best(key, discs, heights, columns, rows, scores) & 255
