"""Transcendence in a game: what a run gives, that seeds decide it, what a student reads, and the claim itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from wellkeeper.errors import RecipeError
from wellkeeper.lab.running import Plan, run
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.game import EXPERIMENT, _student
from wellkeeper.lab.worlds.game.board import Board, solved
from wellkeeper.lab.worlds.game.experiment import TEMPERATURES, among_experts
from wellkeeper.lab.worlds.game.players import experts_of
from wellkeeper.lab.worlds.transformer import Size

pytestmark = pytest.mark.torch

TINY = {
    "columns": 3,
    "rows": 4,
    "experts": 3,
    "games": 4,
    "width": 8,
    "heads": 2,
    "layers": 1,
    "steps": 3,
    "batch": 8,
}
BOARD = Board(columns=3, rows=4)
GAME = solved(BOARD)
SIZE = Size(layers=1, width=16, heads=2, context=BOARD.cells, steps=4, batch=16)


def curves(**given):
    plan = Plan.of(EXPERIMENT, size=60, replicates=2, settings=TINY | given)
    return {curve.label: curve.figures for curve in run(plan)}


@pytest.fixture(scope="module")
def tiny():
    return curves()


def among(count, *, count_experts=3, shared=False):
    players = experts_of(
        BOARD.cells, count_experts, skill=0.4, spread=0.1, shared=shared, random=stream(0, "experts")
    )
    return among_experts(GAME, players, count, 2, stream(0, "games", count))


def test_each_player_has_a_curve_where_errors_differ_and_where_they_are_shared(tiny):
    players = ("student", "vote", "best expert", "perfect play")
    assert list(tiny) == [f"{player}, errors {how}" for how in ("differ", "shared") for player in players]
    for figures in tiny.values():
        assert list(figures) == [figure.name for figure in EXPERIMENT.figures]
        for values in figures.values():
            assert values.shape == (2, len(TEMPERATURES))
            assert np.isfinite(values).all()


def test_perfect_play_loses_nothing_and_the_best_expert_is_the_zero_of_elo(tiny):
    for how in ("differ", "shared"):
        ideal, best = tiny[f"perfect play, errors {how}"], tiny[f"best expert, errors {how}"]
        assert ideal["loss"].max() == 0
        assert ideal["right"].min() == pytest.approx(1)
        assert np.abs(best["elo"]).max() == 0
        assert (tiny[f"student, errors {how}"]["loss"] >= 0).all()


def test_a_vote_at_one_is_as_right_as_experts_on_average_and_colder_ones_more(tiny):
    right = tiny["vote, errors differ"]["right"]
    assert (right[:, TEMPERATURES.index(1.0)] < tiny["best expert, errors differ"]["right"][:, 0]).all()
    assert (np.diff(right.mean(axis=0)) < 0).all()


def test_seeds_decide_every_figure(tiny):
    again = curves()
    for label, figures in tiny.items():
        for name, values in figures.items():
            assert np.array_equal(values, again[label][name]), (label, name)


def test_reading_on_is_reading_at_once():
    games = among(40)
    model = _student.student_of(BOARD, games, 2, SIZE, stream(0, "student"))
    live = np.flatnonzero(games.keys[:, 6] >= 0)
    step_by_step, rows = _student.Student(model), np.repeat(live, 2)
    step_by_step.logits(games.moves[:, :2])
    step_by_step.keep(rows)
    for discs in (3, 4, 5):
        step_by_step.logits(games.moves[rows, :discs])
    at_once = _student.Student(model).logits(games.moves[rows, :6])
    assert step_by_step.logits(games.moves[rows, :6]) == pytest.approx(at_once, abs=1e-5)


def test_batches_hold_every_game_once_a_pass():
    batches = _student._batches(640, 16, stream(0, "order"))
    first, second = ([next(batches) for _ in range(40)] for _ in range(2))
    for a_pass in (first, second):
        assert np.array_equal(np.sort(np.concatenate(a_pass)), np.arange(640))
    assert not np.array_equal(first, second)
    assert next(_student._batches(5, 16, stream(0, "order"))).size == 5


def test_openings_and_what_comes_after_the_end_are_not_learnt(monkeypatch):
    asked = []

    def taught(batch, steps, size, vocabulary, random, *, share):
        asked.append((batch(), vocabulary))

    monkeypatch.setattr(_student, "taught", taught)
    games = among(16)
    _student.student_of(BOARD, games, 2, SIZE, stream(0, "student"))
    (((inputs, targets, legal), vocabulary),) = asked
    assert legal.any(dim=2).all()
    assert vocabulary == 2 * BOARD.cells + 1
    assert (inputs[:, 0] == 2 * BOARD.cells).all()
    assert (targets[:, :2] == -100).all()
    for given, wanted, possible in zip(inputs.tolist(), targets.tolist(), legal, strict=True):
        last = max(place for place, token in enumerate(wanted) if token >= 0)
        assert given[3 : last + 1] == wanted[2:last]
        discs = [*given[1 : last + 1], wanted[last]]
        for place in range(
            last + 1
        ):  # a disc can fall to the lowest empty cell of each column that is not full
            gone = [disc % BOARD.cells // BOARD.rows for disc in discs[:place]]
            fall = [gone.count(column) for column in range(BOARD.columns)]
            cells = [
                column * BOARD.rows + height for column, height in enumerate(fall) if height < BOARD.rows
            ]
            assert possible[place].nonzero().flatten().tolist() == [
                cell + BOARD.cells * (place % 2) for cell in cells
            ]
        assert [disc // BOARD.cells for disc in discs] == [place % 2 for place in range(last + 1)]
        cells = [disc % BOARD.cells for disc in discs]
        assert [*cells, *[-1] * (BOARD.cells - last - 1)] in games.moves.tolist()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"opening": 5}, r"opening is 5, and a game may be over by then\. Give at most 4\.$"),
        (
            {"columns": 3, "rows": 1, "opening": 4},
            r"opening is 4, and a game may be over by then\. Give at most 2\.$",
        ),
        ({"games": 0}, r"games is 0\. Give at least 1\.$"),
        ({"experts": 1}, r"experts is 1\. Give at least 2\.$"),
        ({"skill": 0.2, "spread": 0.3}, r"spread is 0\.3\. Give a number from 0 to 0\.2\.$"),
        ({"skill": 2.0}, r"skill is 2\. Give a number from 0 to 1\.$"),
        ({"rows": 9}, r"has too many positions"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given, says):
    with pytest.raises(RecipeError, match=says):
        curves(**given)


def test_each_student_is_told_of():
    events = []
    run(Plan.of(EXPERIMENT, size=20, replicates=2, settings=TINY | {"steps": 1}), listener=events.append)
    assert [(event.stage, event.done, event.total) for event in events[1:]] == [
        (f"errors {how}, replicate {one + 1} of 2", 2 * which + one, 4)
        for which, how in enumerate(("differ", "shared"))
        for one in range(2)
    ]


@pytest.mark.nightly
def test_a_low_temperature_makes_a_student_stronger_where_errors_differ_and_weaker_where_they_are_shared():
    # one set of experts; docs/transcendence.md has five
    found = {curve.label: curve.figures for curve in run(Plan.of(EXPERIMENT, replicates=1, seed=100))}
    cold, plain = TEMPERATURES.index(0.0), TEMPERATURES.index(1.0)
    differ, shared = (found[f"student, errors {how}"] for how in ("differ", "shared"))
    assert differ["elo"][0, cold] > differ["elo"][0, plain] + 60
    assert differ["elo"][0, cold] > 0  # stronger than the best expert
    assert differ["score"][0, cold] > 0.5
    assert differ["loss"][0, cold] < differ["loss"][0, plain] - 0.03
    assert shared["elo"][0, cold] < -60
    assert shared["loss"][0, cold] > shared["loss"][0, plain] + 0.03
    assert shared["loss"][0, cold] > found["best expert, errors shared"]["loss"][0, cold]
