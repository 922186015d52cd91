"""Players: their error rates, games to their end, colours exchanged, temperatures, and experts that err alike."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.lab.worlds.game.board import NEVER, Board, solved
from wellkeeper.lab.worlds.game.experiment import among_experts
from wellkeeper.lab.worlds.game.players import experts_of, openings, perfect, played, softmax, tempered

BOARD = Board(columns=4, rows=4)
GAME = solved(BOARD)


def experts(*, shared=False, skill=0.4, spread=0.2, count=8, seed=0):
    return experts_of(
        BOARD.cells, count, skill=skill, spread=spread, shared=shared, random=np.random.default_rng(seed)
    )


def some_games(count=300, seed=0, **given):
    return among_experts(GAME, experts(**given), count, 2, np.random.default_rng(seed))


def test_an_expert_plays_a_best_move_as_often_as_its_skill_and_its_taste_say():
    players, games = experts(), some_games()
    for discs in (4, 7):
        keys = games.keys[:, discs]
        keys = keys[keys >= 0]
        scores = GAME.of_moves(keys, discs)
        best, landing = scores == scores.max(axis=1, keepdims=True), BOARD.landing(keys)
        for one in range(players.count):
            chances = players.chances(GAME, keys, discs, np.full(keys.size, one))
            liked = np.where(scores == NEVER, -np.inf, players.tastes[one][landing]).argmax(axis=1)
            on_purpose = players.skills[one]
            right = (chances * best).sum(axis=1)
            assert right == pytest.approx(on_purpose + (1 - on_purpose) * best[np.arange(keys.size), liked])
            assert chances[scores == NEVER].max(initial=0) == 0
            assert chances.sum(axis=1) == pytest.approx(1)


def test_skills_lie_evenly_about_their_average():
    assert experts().skills == pytest.approx(np.linspace(0.2, 0.6, 8))


def test_experts_that_err_alike_like_the_same_and_others_do_not():
    assert (experts(shared=True).tastes == experts(shared=True).tastes[0]).all()
    assert len(np.unique(experts().tastes)) == 8 * BOARD.cells


def test_a_vote_is_the_mean_of_all_experts():
    players, keys = experts(), np.full(1, BOARD.empty)
    each = [players.chances(GAME, keys, 0, np.array([one]))[0] for one in range(8)]
    assert players.vote(GAME, keys, 0)[0] == pytest.approx(np.mean(each, axis=0))


def test_games_end_with_a_win_of_who_moved_last_or_a_full_board():
    games = some_games()
    length = (games.moves >= 0).sum(axis=1)
    assert (games.moves[games.results == 0.5, -1] >= 0).all()
    won = games.results != 0.5
    assert won.any()
    assert games.results[won].tolist() == (length[won] % 2).tolist()
    assert ((games.keys >= 0) == (games.moves >= 0)).all()
    for row, count in zip(games.moves, length, strict=True):
        assert len(set(row[:count].tolist())) == count  # no cell twice


def test_perfect_play_of_both_sides_ends_as_the_solution_says():
    opened = openings(GAME, 200, 2, np.random.default_rng(0))
    games = played(
        GAME, opened, lambda _, keys, moves: perfect(GAME, keys, moves.shape[1]), np.random.default_rng(1)
    )
    scores = GAME.scores[games.keys[:, 2]]  # the first player is to move
    assert games.results.tolist() == ((np.sign(scores) + 1) / 2).tolist()
    ends = np.where(scores == 0, BOARD.cells, BOARD.cells + 1 - np.abs(scores))
    assert (games.moves >= 0).sum(axis=1).tolist() == ends.tolist()


def test_seeds_decide_the_games():
    one, again, other = (some_games(seed=seed).moves for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


weights = st.lists(st.floats(0, 1), min_size=2, max_size=5).filter(lambda parts: sum(parts) > 0.1)


@given(weights, st.sampled_from([0.0, 0.05, 0.3, 1.0, 1.5]))
def test_temperature_keeps_the_order_and_one_changes_nothing(parts, temperature):
    chances = np.array([parts]) / sum(parts)
    found = tempered(chances, np.array([temperature]))[0]
    assert found.sum() == pytest.approx(1)
    assert (np.diff(found[np.argsort(chances[0], kind="stable")]) >= -1e-12).all()
    if temperature == 1:
        assert found == pytest.approx(chances[0])
    if temperature == 0:
        assert found == pytest.approx((chances[0] == chances.max()) / (chances[0] == chances.max()).sum())


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=5), st.sampled_from([0.0, 0.1, 1.0, 1.5]))
def test_moves_that_are_not_legal_have_no_chance(logits, temperature):
    legal = np.ones((1, len(logits)), np.bool_)
    legal[0, 0] = False
    found = softmax(np.array([logits]), legal, np.array([temperature]))
    assert found[0, 0] == 0
    assert found.sum() == pytest.approx(1)
    wanted = softmax(np.array([logits[1:]]), legal[:, 1:], np.array([temperature]))
    assert found[0, 1:] == pytest.approx(wanted[0])


def test_without_torch_the_experiment_says_what_to_install_before_a_game_is_played():
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "from wellkeeper.lab.running import Plan, run\nfrom wellkeeper.lab.worlds.game import EXPERIMENT\n"
        "run(Plan.of(EXPERIMENT))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("wellkeeper.errors.MissingExtraError: A student of games needs an optional part.")
    assert last.endswith("pip install 'wellkeeper[torch]'")
