"""Elo: two players in closed form, ratings that made the games, players nobody beat, and games drawn again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.lab.worlds.game.ratings import POINTS, against, drawn_again, elo


def chance(ahead):
    return 1 / (1 + 10 ** (-ahead / 400))


@given(st.integers(1, 1000), st.data())
def test_of_two_players_it_is_the_log_odds_with_a_draw_added(games, data):
    won = data.draw(st.integers(0, 2 * games)) / 2
    found = elo(np.array([[0, won], [games - won, 0]]), np.array([[0, games], [games, 0]]))
    wanted = 400 * np.log10((won + 0.5) / (games - won + 0.5))
    assert found[0] - found[1] == pytest.approx(wanted, abs=1e-5)
    assert found.sum() == pytest.approx(0, abs=1e-6)


@given(st.lists(st.floats(-600, 600), min_size=2, max_size=8))
def test_points_that_ratings_promise_give_the_ratings_back(ratings):
    true = np.array(ratings) - np.mean(ratings)
    games = 1e9 * (1 - np.eye(true.size))  # so many that the draw that is added says nothing
    found = elo(games * chance(true[:, None] - true[None]), games)
    assert found == pytest.approx(true, abs=1e-3)


def test_players_who_met_only_others_are_rated_through_them():
    games = np.array([[0, 1e9, 0], [1e9, 0, 1e9], [0, 1e9, 0]])
    points = games * np.array([[0, 0.75, 0], [0.25, 0, 0.6], [0, 0.4, 0]])
    found = elo(points, games)
    assert found[0] - found[2] == pytest.approx(POINTS * (np.log(3) + np.log(1.5)), abs=1e-3)


@given(st.integers(2, 6))
def test_a_player_that_won_everything_is_rated_first_and_finitely(players):
    games = 10.0 * (1 - np.eye(players))
    points = games / 2
    points[0, 1:], points[1:, 0] = 10, 0
    found = elo(points, games)
    assert np.isfinite(found).all()
    assert found[0] > found[1:].max() + 100


def test_games_drawn_again_keep_each_pairs_number_and_begin_with_those_that_were_played():
    first, second = np.array([0, 1, 2, 0, 1, 1]), np.array([1, 0, 1, 2, 0, 2])
    results = np.array([1, 0, 0.5, 0, 0.5, 1])
    points, games = drawn_again(first, second, results, 3, 50, np.random.default_rng(0))
    assert games.tolist() == [[0, 3, 1], [3, 0, 2], [1, 2, 0]]
    assert points[0].tolist() == [[0, 2.5, 0], [0.5, 0, 1.5], [1, 0.5, 0]]
    assert np.array_equal(points + points.swapaxes(1, 2), np.broadcast_to(games, points.shape))
    assert len(np.unique(points[1:, 0, 1])) > 1


def test_the_standard_error_is_that_of_the_log_odds():
    random = np.random.default_rng(1)
    games = 2000
    results = (random.random(games) < 0.7).astype(float)
    ones = np.ones(games, np.int64)
    points, count = drawn_again(0 * ones, ones, results, 2, 400, random)
    ratings = elo(points, count)
    error = (ratings[1:, 0] - ratings[1:, 1]).std()
    won = results.mean()
    assert error == pytest.approx(POINTS / np.sqrt(games * won * (1 - won)), rel=0.12)


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=6), st.floats(-800, 800))
def test_points_that_a_rating_promises_against_a_panel_give_it_back(panel, rating):
    known = np.array(panel)
    found = against(chance(rating - known)[None], known)
    assert found[0] == pytest.approx(rating, abs=1e-4)


def test_who_won_or_lost_everything_is_rated_far_off_and_finitely():
    found = against(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([100.0, 300.0]))
    assert found == pytest.approx([4200, -3800])
