"""A temperature is fitted on one half of the items and told of the other, and noise never costs diversity."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as reference

from wellkeeper.errors import DataError
from wellkeeper.infer.temperature import (
    FEWEST_ITEMS,
    GRID,
    Tasks,
    calibrate_temperature,
    fitted_columns,
    in_calibration_half,
)

SMALL = (0.0, 0.5, 1.0)


def tasks_of(scores, *, difficulty=None, agreement=None, vote=None, diversity=None):
    """Tasks whose shares are in the middle of the scale, unless said otherwise."""
    items = len(scores)
    half = np.full(items, 0.5)
    return Tasks(
        names=tuple(f"item {number}" for number in range(items)),
        scores=np.asarray(scores, np.float64),
        difficulty=half if difficulty is None else np.asarray(difficulty, np.float64),
        agreement=half if agreement is None else np.asarray(agreement, np.float64),
        vote=half if vote is None else np.asarray(vote, np.float64),
        diversity={} if diversity is None else diversity,
    )


def noisy(means, items=200, seed=0):
    """Scores of eight answers an item, (items, temperatures)."""
    rng = np.random.default_rng(seed)
    return rng.binomial(8, np.tile(means, (items, 1))) / 8


# --- the rule ----------------------------------------------------------------------------------------------------


def test_equal_means_go_to_the_temperature_nearest_to_1():
    assert fitted_columns(np.full((20, 6), 0.5), GRID) == (5, 5)
    assert fitted_columns(np.full((20, 3), 0.5), (0.5, 1.0, 1.5)) == (1, 1)


def test_of_two_temperatures_as_near_to_1_the_higher_one_is_taken():
    scores = np.tile([0.6, 0.2, 0.6], (20, 1))
    assert fitted_columns(scores, (0.8, 1.0, 1.2)) == (2, 2)


def test_a_difference_beyond_one_standard_error_is_followed_and_one_within_is_not():
    base = np.tile([0.5, 0.5], 50)
    differences = np.where(np.arange(100) % 2, 0.3, -0.3)  # a standard error of .0302
    for shift, fitted in ((0.029, 1), (0.031, 0)):
        assert fitted_columns(np.column_stack([base + differences + shift, base]), (0.0, 1.0)) == (0, fitted)


@given(arrays(np.float64, (12, 4), elements=st.integers(0, 8).map(lambda hits: hits / 8)), st.randoms())
def test_the_rule_does_not_see_the_order_of_items_and_takes_nothing_further_from_1_than_the_best(
    scores, random
):
    grid = (0.0, 0.5, 1.0, 1.3)
    best, fitted = fitted_columns(scores, grid)
    order = list(range(len(scores)))
    random.shuffle(order)
    assert fitted_columns(scores[order], grid) == (best, fitted)
    assert abs(grid[fitted] - 1) <= abs(grid[best] - 1)
    assert math.isclose(scores.mean(axis=0)[best], scores.mean(axis=0).max())


# --- halves and groups -------------------------------------------------------------------------------------------


def test_the_halves_hang_on_names_alone_and_are_about_equal():
    names = [f"item {number}" for number in range(4000)]
    share = np.mean([in_calibration_half(name) for name in names])
    assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(4000)
    whole = tasks_of(np.zeros((60, 3)))
    assert whole.is_calibration.tolist() == [in_calibration_half(name) for name in whole.names]


def test_nothing_of_the_calibration_half_is_in_a_reported_figure():
    scores = noisy([0.7, 0.5, 0.3])
    tasks = tasks_of(scores, diversity={"unlike": noisy([0.0, 0.4, 0.8], seed=1)})
    found = calibrate_temperature(tasks, SMALL).to_json()
    own = tasks.is_calibration
    # as much on the calibration half, but other values: the fit stays, and so must every reported figure
    changed = scores.copy()
    changed[own] = np.roll(scores[own], 1, axis=0)
    again = calibrate_temperature(
        tasks_of(changed, diversity={"unlike": tasks.diversity["unlike"] * ~own[:, None]}), SMALL
    ).to_json()
    assert found["all"]["fitted"] == again["all"]["fitted"] == 0.0
    assert found["all"]["points"] == again["all"]["points"]
    assert found["policies"] == again["policies"]


def test_figures_of_the_held_out_half_are_its_means():
    tasks = tasks_of(noisy([0.7, 0.5, 0.3]), diversity={"unlike": noisy([0.0, 0.4, 0.8], seed=1)})
    found = calibrate_temperature(tasks, SMALL)
    held = ~tasks.is_calibration
    for column, point in enumerate(found.one.points):
        assert math.isclose(point.accuracy.estimate, tasks.scores[held, column].mean())
        assert math.isclose(
            point.diversity["unlike"].estimate, tasks.diversity["unlike"][held, column].mean()
        )
    gain = found.one.at(0.0).gain
    assert math.isclose(
        gain.change.estimate, (tasks.scores[held, 0] - tasks.scores[held, 2]).mean(), abs_tol=1e-12
    )
    assert gain.change.low > 0.3
    assert found.one.at(1.0).gain is None
    assert found.one.at(1.0).lost == {}


def test_at_a_temperature_of_0_all_diversity_is_lost():
    diversity = noisy([0.0, 0.4, 0.8], seed=1)
    diversity[:, 0] = 0.0
    point = calibrate_temperature(
        tasks_of(noisy([0.7, 0.5, 0.3]), diversity={"unlike": diversity}), SMALL
    ).one.at(0.0)
    lost, held = point.lost["unlike"], point.diversity["unlike"]
    assert (held.low, held.estimate, held.high) == (0.0, 0.0, 0.0)
    assert (lost.after, lost.change.estimate) == (0.0, -lost.before)
    assert -1 <= lost.change.low < lost.change.high < 0


def test_items_that_are_all_alike_are_no_proof_that_there_is_no_spread():
    tasks = tasks_of(np.full((40, 2), 0.5), diversity={"unlike": np.tile([0.0, 0.5], (40, 1))})
    point = calibrate_temperature(tasks, (0.0, 1.0)).one.at(1.0)
    for found in (point.accuracy, point.diversity["unlike"]):
        assert found.low < 0.35 < 0.65 < found.high


def test_each_group_gets_its_own_temperature():
    rng = np.random.default_rng(3)
    difficulty = rng.choice([0.0, 0.5, 1.0], 300)
    means = np.select(
        [difficulty[:, None] == 0.0, difficulty[:, None] == 0.5],
        [np.array([[0.0, 0.05, 0.2]]), np.array([[0.9, 0.7, 0.5]])],
        np.array([[0.7, 0.8, 0.9]]),
    )
    scores = rng.binomial(8, means) / 8
    found = calibrate_temperature(tasks_of(scores, difficulty=difficulty, agreement=difficulty), SMALL)
    hard, medium, easy = found.by_difficulty
    assert [group.name for group in found.by_difficulty] == ["hard", "medium", "easy"]
    assert (hard.fitted, medium.fitted, easy.fitted) == (1.0, 0.0, 1.0)
    assert (hard.verdict, medium.verdict, easy.verdict) == ("no gain", "better", "no gain")
    assert sum(group.items + group.calibration_items for group in found.by_difficulty) == 300
    assert found.policies["difficulty"].helps
    assert found.policies["agreement"].helps


@pytest.mark.parametrize(
    ("difficulty", "names"),
    [
        (np.full(100, 0.5), ["all"]),
        (np.repeat([0.0, 0.5], 50), ["hard", "medium or easy"]),
        (np.repeat([0.0, 1.0], [70, 40]), ["hard", "medium or easy"]),
        (np.repeat([0.5, 1.0], 50), ["hard or medium", "easy"]),
        (np.append(np.repeat([0.0, 0.5], 48), [1.0] * 4), ["hard", "medium or easy"]),
    ],
    ids=["one", "no easy", "no medium", "no hard", "few easy"],
)
def test_a_group_with_too_few_items_is_joined_with_its_neighbour_and_that_is_said(difficulty, names):
    found = calibrate_temperature(
        tasks_of(noisy([0.5, 0.5, 0.5], len(difficulty)), difficulty=difficulty), SMALL
    )
    assert [group.name for group in found.by_difficulty] == names
    assert found.by_difficulty[0].low == 0.0
    assert found.by_difficulty[-1].high == 1.0
    assert all(min(group.items, group.calibration_items) >= FEWEST_ITEMS for group in found.by_difficulty)
    joined = [note for note in found.notes if "agreed" not in note and "divided" not in note]
    assert len(joined) == 3 - len(names)


def test_the_bounds_of_a_group_are_in_the_upper_one():
    difficulty = np.repeat([0.3, 0.8], 50)
    found = calibrate_temperature(tasks_of(noisy([0.5, 0.5, 0.5], 100), difficulty=difficulty), SMALL)
    assert [group.name for group in found.by_difficulty] == ["hard or medium", "easy"]


# --- verdicts ----------------------------------------------------------------------------------------------------


def test_a_gain_is_better_no_gain_is_ruled_out_and_few_items_tell_nothing():
    better = calibrate_temperature(tasks_of(noisy([0.7, 0.6, 0.4])), SMALL)
    assert (better.verdict, better.one.recommended) == ("better", 0.0)
    none = calibrate_temperature(tasks_of(noisy([0.5, 0.5, 0.5], 4000)), SMALL)
    assert (none.verdict, none.one.recommended) == ("no gain", 1.0)
    few = calibrate_temperature(tasks_of(noisy([0.5, 0.5, 0.5], 40)), SMALL)
    assert (few.verdict, few.one.recommended) == ("not enough data", 1.0)
    assert few.one.items_to_tell > 40


def test_a_fit_that_the_other_half_does_not_bear_out_is_not_recommended():
    tasks = tasks_of(noisy([0.5, 0.5, 0.5], 100))
    scores = tasks.scores.copy()
    scores[tasks.is_calibration, 0] = 1.0
    found = calibrate_temperature(tasks_of(scores), SMALL)
    assert (found.one.fitted, found.one.recommended) == (0.0, 1.0)
    assert found.verdict in {"no gain", "not enough data"}


def test_a_gain_at_a_temperature_that_was_not_fitted_is_not_ruled_out():
    """The calibration half takes 0, which gains nothing on the other; there .5 may well gain the margin."""
    tasks = tasks_of(noisy([0.5, 0.54, 0.5], 4000))
    scores = tasks.scores.copy()
    scores[tasks.is_calibration, 0] = 1.0
    one = calibrate_temperature(tasks_of(scores), SMALL).one
    assert one.fitted == 0.0
    assert one.at(0.0).gain.change.high < 0.05 < one.at(0.5).gain.change.high
    assert one.verdict == "not enough data"


def test_so_many_items_as_are_said_to_tell_find_a_gain_of_the_margin_in_8_of_10_worlds():
    """The mean change is the margin; a verdict needs a two-sided interval above 0."""
    rng = np.random.default_rng(5)
    chances, changes = (0.15, 0.65, 0.2), np.array([-0.5, 0.0, 0.5])
    pilot = np.column_stack([0.5 + rng.choice(changes, 4000, p=chances), np.full(4000, 0.5)])
    one = calibrate_temperature(tasks_of(pilot), (0.0, 1.0), margin=0.025).one
    held_out = one.items_to_tell // 2
    drawn = rng.choice(changes, (2000, held_out), p=chances)
    ratio = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / math.sqrt(held_out))
    assert 0.77 < np.mean(ratio > reference.t.ppf(0.975, held_out - 1)) < 0.83


def test_where_no_item_changes_the_items_that_are_said_to_tell_do_tell():
    few = calibrate_temperature(tasks_of(np.full((40, 3), 0.5)), SMALL).one
    assert few.verdict == "not enough data"
    assert few.items_to_tell == 2 * math.ceil(math.log(0.025) / math.log(0.95))
    enough = calibrate_temperature(tasks_of(np.full((few.items_to_tell + 20, 3), 0.5)), SMALL).one
    assert enough.verdict == "no gain"


def test_a_rule_that_beats_a_bad_fit_but_not_a_temperature_of_1_does_not_help():
    """The calibration half is misled to 0, where no item of the other half is right."""
    tasks = tasks_of(noisy([0.0, 0.5]))
    scores = tasks.scores.copy()
    scores[tasks.is_calibration, 0] = 1.0
    found = calibrate_temperature(tasks_of(scores, vote=scores[:, 1]), (0.0, 1.0))
    assert found.one.fitted == 0.0
    assert found.policies["vote"].beside_one.change.low > 0.3
    assert found.policies["vote"].gain.change.estimate == 0
    assert not found.policies["vote"].helps


def test_for_data_to_be_trained_on_nothing_below_1_is_recommended():
    better = calibrate_temperature(tasks_of(noisy([0.7, 0.6, 0.4])), SMALL)
    assert (better.recommended("serve"), better.recommended("train")) == (0.0, 1.0)
    hotter = calibrate_temperature(tasks_of(noisy([0.4, 0.7])), (1.0, 1.5))
    assert (hotter.recommended("serve"), hotter.recommended("train")) == (1.5, 1.5)


def test_a_policy_of_the_same_temperatures_is_not_compared_with_itself():
    found = calibrate_temperature(tasks_of(noisy([0.7, 0.5, 0.3])), SMALL)
    assert found.policies["difficulty"].beside_one is None
    assert not found.policies["difficulty"].helps
    assert found.policies["vote"].lost == {}


def test_the_same_tasks_give_the_same_document_and_it_is_json():
    tasks = tasks_of(noisy([0.7, 0.5, 0.3]), diversity={"unlike": noisy([0.0, 0.4, 0.8], seed=1)})
    first, second = (json.dumps(calibrate_temperature(tasks, SMALL, seed=4).to_json()) for _ in range(2))
    assert first == second


# --- what makes no sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grid", [(1.0,), (0.0, 0.5), (1.0, 0.0), (0.0, 1.0, 1.0), (-0.5, 1.0), (1.0, math.inf)], ids=str
)
def test_a_grid_that_does_not_rise_or_lacks_1_is_refused(grid):
    with pytest.raises(
        DataError, match="Give two temperatures or more, rising, from 0 on, with 1 among them"
    ):
        calibrate_temperature(tasks_of(np.zeros((60, len(grid)))), grid)


def test_tables_that_do_not_fit_or_hold_no_shares_are_refused():
    with pytest.raises(DataError, match=r"scores has shape \(60, 2\) for 60 items and 3 temperatures"):
        calibrate_temperature(tasks_of(np.zeros((60, 2))), SMALL)
    with pytest.raises(DataError, match=r"unlike has shape \(60, 1\)"):
        calibrate_temperature(tasks_of(np.zeros((60, 3)), diversity={"unlike": np.zeros((60, 1))}), SMALL)
    for wrong in (np.nan, 1.5):
        with pytest.raises(DataError, match="difficulty holds a value that is NaN or outside"):
            calibrate_temperature(tasks_of(np.zeros((60, 3)), difficulty=np.full(60, wrong)), SMALL)
    with pytest.raises(DataError, match="margin is 2"):
        calibrate_temperature(tasks_of(np.zeros((60, 3))), SMALL, margin=2)


def test_too_few_items_in_a_half_are_refused_with_how_many_would_do():
    with pytest.raises(
        DataError, match=r"Of 12 items the smaller half has \d, and 10 are needed .* Give 40 items"
    ):
        calibrate_temperature(tasks_of(np.zeros((12, 3))), SMALL)
