"""The solved board: published counts and values, a search by brute force, and settings that make no sense."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import RecipeError
from wellkeeper.lab.worlds.game.board import NEVER, Board, solved, value


def reachable(board):
    """Positions after each number of discs, ended games among them."""
    game = solved(board)
    keys = np.array([board.empty])
    for discs in range(board.cells + 1):
        yield discs, keys
        if discs < board.cells:
            after = board.after(keys[~game.is_over(keys, discs)], discs)
            keys = np.unique(after[after >= 0])


def lines(columns, rows, wanted):
    """Cells of every line of so many."""
    for column in range(columns):
        for row in range(rows):
            for right, up in ((0, 1), (1, 0), (1, 1), (1, -1)):
                line = [(column + right * k, row + up * k) for k in range(wanted)]
                if all(0 <= c < columns and 0 <= r < rows for c, r in line):
                    yield frozenset(line)


def searched(columns, rows, wanted):
    """Score of a position said as each column's discs, by plain negamax: an implementation of its own."""
    every = list(lines(columns, rows, wanted))

    @cache
    def score(position):
        discs = sum(map(len, position))
        last = 1 - discs % 2  # who has just moved
        theirs = {
            (c, r) for c, column in enumerate(position) for r, disc in enumerate(column) if disc == last
        }
        if any(line <= theirs for line in every):
            return -(columns * rows + 1 - discs)
        if discs == columns * rows:
            return 0
        return max(
            -score((*position[:c], (*position[c], discs % 2), *position[c + 1 :]))
            for c in range(columns)
            if len(position[c]) < rows
        )

    return score


def said(key, board):
    """Discs of each column, 0 for the first player's."""
    found = []
    for column in range(board.columns):
        number = key >> column * board.stride & (1 << board.stride) - 1
        height = number.bit_length() - 1
        found.append(tuple(1 - (number >> row & 1) for row in range(height)))
    return tuple(found)


@pytest.mark.parametrize(
    ("columns", "rows", "positions"),
    [(4, 4, 161_029), (4, 5, 1_706_255), pytest.param(5, 4, 3_945_711, marks=pytest.mark.slow)],
)
def test_connect_four_has_as_many_positions_as_tromp_counted_and_is_a_draw(columns, rows, positions):
    board = Board(columns=columns, rows=rows, in_a_row=4)
    assert sum(keys.size for _, keys in reachable(board)) == positions
    # a draw on 4x4, 5x4 and 4x5: https://github.com/ChristopheSteininger/c4
    assert solved(board).scores[board.empty] == 0


@pytest.mark.parametrize(("columns", "rows", "in_a_row"), [(3, 4, 3), (4, 3, 3), (4, 3, 4), (2, 5, 4)])
def test_every_position_has_the_score_that_a_search_finds(columns, rows, in_a_row):
    board = Board(columns=columns, rows=rows, in_a_row=in_a_row)
    score, scores = searched(columns, rows, in_a_row), solved(board).scores
    seen = 0
    for _, keys in reachable(board):
        assert scores[keys].tolist() == [score(said(key, board)) for key in keys.tolist()]
        seen += keys.size
    assert seen > 500


def test_the_first_player_wins_connect_three_with_the_ninth_disc_at_the_latest_on_five_by_four():
    board = Board()
    assert solved(board).scores[board.empty] == board.cells + 1 - 9
    assert sum(keys.size for _, keys in reachable(board)) == 613_459


@given(st.lists(st.integers(0, 4), max_size=20), st.sampled_from([3, 4]))
def test_a_move_is_worth_what_its_position_is_worth_to_the_other(columns, in_a_row):
    board = Board(in_a_row=in_a_row)
    game = solved(board)
    key = np.array([board.empty])
    for discs, column in enumerate(columns):
        if game.is_over(key, discs)[0]:
            return
        scores, after = game.of_moves(key, discs)[0], board.after(key, discs)[0]
        assert scores.max() == game.scores[key[0]]
        for one, child in zip(scores.tolist(), after.tolist(), strict=True):
            assert (one == NEVER) == (child < 0)
            assert one == NEVER or one == -game.scores[child]
        if after[column] < 0:
            return
        assert board.landing(key)[0, column] == column * board.rows + board.filled(key)[0, column]
        key = after[[column]]
        assert board.filled(key).sum() == discs + 1


def test_scores_are_worth_a_win_a_draw_or_a_loss():
    assert value(np.array([12, 1, 0, -1, -5], np.int8)).tolist() == [1, 1, 0.5, 0, 0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"columns": 7, "rows": 6},
            r"7 columns and 6 rows has too many positions.*at most 25, such as 5 and 4\.$",
        ),
        ({"columns": 1}, r"columns is 1\. Give at least 2\.$"),
        ({"in_a_row": 6}, r"in_a_row is 6, and the board has 5 columns and 4 rows\. Give 3 to 5\.$"),
    ],
)
def test_boards_that_make_no_sense_are_refused(given, says):
    with pytest.raises(RecipeError, match=says):
        Board(**given)
