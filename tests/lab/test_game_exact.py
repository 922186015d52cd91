"""Expected scores: against games that were played, in closed form, and a reader of games that is a table in truth."""

import numpy as np
import pytest

from wellkeeper.lab.worlds.game.board import Board, solved
from wellkeeper.lab.worlds.game.exact import _drawn, beginning, expected, followed, layers_of
from wellkeeper.lab.worlds.game.experiment import panel_of
from wellkeeper.lab.worlds.game.players import experts_of, openings, perfect, played, tempered
from wellkeeper.lab.worlds.game.ratings import POINTS, against, elo

BOARD = Board(columns=4, rows=4)
GAME = solved(BOARD)
BEGUN = beginning(GAME, 2)
LAYERS = layers_of(GAME, BEGUN.keys, 2)
EXPERTS = experts_of(16, 4, skill=0.4, spread=0.2, shared=False, random=np.random.default_rng(0))
PERFECT, COLD, PLAIN = 4, 5, 6


def chances(keys, discs):
    """Of experts, perfect play, and the vote at 0 and at 1."""
    votes = (tempered(EXPERTS.vote(GAME, keys, discs), np.full(keys.size, float(heat))) for heat in (0, 1))
    return np.array([*EXPERTS.each(GAME, keys, discs), perfect(GAME, keys, discs), *votes])


TABLES = [chances(layer.keys, layer.discs) for layer in LAYERS]
SCORES = expected(BEGUN, LAYERS, TABLES)
PANEL = [table[:4] for table in TABLES]


class Reader:
    """Plays by the tables, and sees that the games it is told of are those it went on with."""

    def __init__(self, player):
        self.player = player
        self.moves = None

    def chances(self, moves, keys):
        if self.moves is not None:
            assert np.array_equal(moves[:, :-1], self.moves)
        self.moves = moves
        layer, table = next(
            (layer, table)
            for layer, table in zip(LAYERS, TABLES, strict=True)
            if layer.discs == moves.shape[1]
        )
        return table[self.player, np.searchsorted(layer.keys, keys)]

    def keep(self, rows):
        self.moves = self.moves[rows]


def told(player, most, seed=0):
    return followed(BEGUN, LAYERS, PANEL, lambda: Reader(player), most, np.random.default_rng(seed))


@pytest.mark.parametrize(("one", "other"), [(0, 3), (1, COLD), (PERFECT, 2), (PLAIN, COLD)])
def test_an_expected_score_is_what_games_give_on_average(one, other):
    random, count = np.random.default_rng(7), 4000
    half = openings(GAME, count // 2, 2, random)
    begins = np.repeat([one, other], count // 2)
    sides = np.stack((begins, one + other - begins))

    def chooser(live, keys, moves):
        discs = moves.shape[1]
        return chances(keys, discs)[sides[discs % 2, live], np.arange(live.size)]

    results = played(GAME, np.concatenate((half, half)), chooser, random).results
    scored = np.where(begins == one, results, 1 - results)
    assert scored.mean() == pytest.approx(SCORES[one, other], abs=4 * scored.std() / np.sqrt(count))


def test_both_halves_of_a_pair_share_its_points_and_perfect_play_beats_everyone():
    assert pytest.approx(np.ones_like(SCORES)) == SCORES + SCORES.T
    assert SCORES.diagonal() == pytest.approx(0.5)
    assert (np.delete(SCORES[PERFECT], PERFECT) > 0.5).all()


def test_without_an_opening_perfect_play_of_both_scores_what_the_game_is_worth():
    board = Board(columns=4, rows=3)
    game = solved(board)
    begun = beginning(game, 0)
    layers = layers_of(game, begun.keys, 0)
    tables = [perfect(game, layer.keys, layer.discs)[None] for layer in layers]
    first = expected(begun, layers, tables)
    assert first.tolist() == [[0.5]]
    ends = [np.unique(layer.results[layer.following < 0]).tolist() for layer in layers]
    assert all(set(found) <= {0.0, 0.5, 1.0} for found in ends)


def test_openings_have_all_the_chance_there_is_and_their_positions_are_the_first_layer():
    assert BEGUN.chances.sum() == pytest.approx(1)
    assert len(BEGUN.moves) == 16
    assert np.array_equal(np.unique(BEGUN.keys), LAYERS[0].keys)


@pytest.mark.parametrize("player", [COLD, 1])
def test_a_reader_that_is_a_table_in_truth_scores_as_the_table_does(player):
    assert told(player, 10**9) == pytest.approx(SCORES[player, :4], abs=1e-12)


def test_games_that_are_drawn_give_the_score_on_average():
    found = np.array([told(PLAIN, 64, seed) for seed in range(60)])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - SCORES[PLAIN, :4]) < 4 * error).all()
    more = np.array([told(PLAIN, 1024, seed) for seed in range(10)])
    assert (more.std(axis=0) < found.std(axis=0) / 2).all()
    assert np.array_equal(told(PLAIN, 64, 5), told(PLAIN, 64, 5))


def test_what_is_drawn_weighs_as_much_as_all_on_average():
    reach = np.array([0.5, 0.2, 0.2, 0.05, 0.03, 0.02])
    total = np.zeros(6)
    random = np.random.default_rng(0)
    for _ in range(4000):
        kept, weights = _drawn(reach, 3, random)
        assert kept.size <= 3
        total[kept] += reach[kept] * weights
    assert total / 4000 == pytest.approx(reach, abs=0.01)


def test_the_best_expert_has_the_most_points_and_a_copy_of_an_expert_its_rating():
    ratings, best = panel_of(SCORES[:4, :4])
    assert best == SCORES[:4, :4].sum(axis=1).argmax()
    assert against(SCORES[:4, :4], ratings) == pytest.approx(ratings, abs=0.01)
    promised = 1 / (1 + np.exp((ratings[None] - ratings[:, None]) / POINTS))
    assert promised.sum(axis=1) == pytest.approx(SCORES[:4, :4].sum(axis=1), abs=1e-4)


def test_best_of_ratings_that_games_gave_is_flattered_and_the_exact_one_is_not():
    # twelve equal experts: the best rating of the same 80 games a pair is 15 to 30 points too high
    random = np.random.default_rng(0)
    games = 80.0 * ~np.eye(12, dtype=np.bool_)
    best = []
    for _ in range(50):
        low = np.triu(random.binomial(80, 0.5, (12, 12)), 1)
        best.append(elo(low + np.tril(80 - low.T, -1), games).max())
    assert 10 < np.mean(best) < 30
    assert np.abs(panel_of(np.full((12, 12), 0.5))[0]).max() < 1e-6
