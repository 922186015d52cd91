"""Diversity of paired prompts: counting and flipping spelled out, the traps of practice, and worlds of known truth."""

import importlib.util
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from wellkeeper.errors import DataError
from wellkeeper.measure.paired_diversity import diversity_change, mean_distance, unlike_share
from wellkeeper.measure.verdicts import verdict_on

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch" / "paired.py"
NOTED = np.array([-0.2, -0.1, 0, 0.05, -0.3, -0.15, -0.05, 0.1, -0.2, -0.1])

tables = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 3), min_size=k, max_size=k), min_size=1, max_size=5)
)


def changes_of(sizes):
    """Multiples of 1/12, as the unlike shares of four generations differ: flips tie often."""
    return st.lists(st.integers(-12, 12).map(lambda twelfths: twelfths / 12), **sizes)


def changed_by(changes, **options):
    """Two versions that differ by so much in each prompt."""
    before = 0.5 - np.array(changes) / 2
    return diversity_change(before, before + np.array(changes), **options)


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("watch_benchmark_paired", SCRIPT)
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module


# --- the statistic --------------------------------------------------------------------------------


@given(tables)
def test_the_unlike_share_counts_ordered_pairs_of_different_generations(table):
    counted = [
        np.mean(
            [one != other for (i, one), (j, other) in itertools.product(enumerate(row), repeat=2) if i != j]
        )
        for row in table
    ]
    assert unlike_share(np.array(table)) == pytest.approx(counted)


@given(tables)
def test_the_mean_distance_of_like_and_unlike_is_the_unlike_share(table):
    labels = np.array(table)
    distances = (labels[:, :, None] != labels[:, None, :]).astype(float)
    assert mean_distance(distances).tolist() == unlike_share(labels).tolist()


@pytest.mark.parametrize("generations", [2, 3, 5])
def test_the_unlike_share_has_no_bias_by_the_number_of_generations(generations):
    chances = np.array([0.5, 0.3, 0.2])
    draws = np.array(list(itertools.product(range(3), repeat=generations)))
    expected = unlike_share(draws) @ np.prod(chances[draws], axis=1)
    assert expected == pytest.approx(1 - np.sum(chances**2))


def test_two_empty_answers_are_alike_and_a_version_that_fails_is_not_diverse():
    """Their Jaccard distance is 0 / 0. Taken for 1, A/A comparisons of a model with empty answers alarm."""
    empty, texts = 0, [1, 2]
    distances = np.full((1, 4, 4), 0.6)
    distances[0, :2, :2] = np.nan
    assert mean_distance(distances, np.array([[empty, empty, *texts]])) == pytest.approx(0.6 * 10 / 12)
    assert mean_distance(np.full((1, 4, 4), np.nan), np.zeros((1, 4), int)).tolist() == [0]
    assert unlike_share(np.zeros((1, 4), int)).tolist() == [0]
    with pytest.raises(
        DataError, match=r"distances\[0, 0, 1\] is nan\. .* 0 for equal texts, two empty ones included"
    ):
        mean_distance(distances)


# --- the test -------------------------------------------------------------------------------------


def studentised(changes):
    return changes.mean() / (changes.std(ddof=1) / np.sqrt(changes.size) + 1e-12)


@settings(max_examples=40)
@given(changes_of({"min_size": 5, "max_size": 8}))
def test_p_is_that_of_the_studentised_statistic_over_all_flips(changes):
    values = np.array(changes)
    signs = np.array(list(itertools.product([1, -1], repeat=values.size)))
    statistics = np.array([studentised(row * values) for row in signs])
    # equal changes have no spread, and rounding decides how large their statistic is
    expected = np.mean(statistics <= statistics[0] + 1e-9 * max(1, abs(statistics[0])))
    if np.abs(values).std() > 0:
        assert changed_by(changes).p == pytest.approx(expected)


def test_p_is_that_of_an_example_worked_elsewhere():
    assert studentised(NOTED) == pytest.approx(-2.433, abs=5e-4)
    assert changed_by(NOTED).p == pytest.approx(0.028, abs=0.004)


def test_random_flips_give_what_all_flips_would():
    rng = np.random.default_rng(2)
    changes = rng.normal(-0.05, 0.1, 13)
    signs = 1 - 2 * (np.arange(2**13)[:, None] >> np.arange(13) & 1)
    exact = np.mean(signs @ changes <= changes.sum() + 1e-12)
    found = [changed_by(changes, seed=seed).p for seed in range(20)]
    assert len(set(found)) > 1
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.sqrt(exact / 999 / 20) + 1e-3)


@given(changes_of({"min_size": 5, "max_size": 30}), st.integers(0, 3), st.randoms())
def test_the_order_of_prompts_does_not_matter_and_a_seed_is_a_result(changes, seed, random):
    before = changed_by(changes, seed=seed)
    random.shuffle(changes)
    after = changed_by(changes, seed=seed)
    assert (before.p, before.p_margin, before.at_worst) == (after.p, after.p_margin, after.at_worst)
    assert (before.change.low, before.change.high) == (after.change.low, after.change.high)


@given(changes_of({"min_size": 5, "max_size": 30}), st.sampled_from([0.05, 0.2, 0.5]))
def test_bounds_and_p_values_say_the_same(changes, margin):
    found = changed_by(changes, margin=margin)
    assert -1 <= found.change.low <= found.change.estimate + 1e-9
    assert found.change.estimate - 1e-9 <= found.change.high <= 1
    assert found.change.low <= found.at_worst + 1e-9
    if abs(found.at_worst + margin) > 1e-9:
        assert (found.at_worst > -margin) == (found.p_margin <= 0.05)
    if abs(found.change.high) > 1e-9 and np.count_nonzero(changes) >= 10:
        assert (found.change.high < 0) == (found.p <= 0.025)


def test_bounds_are_the_shifts_that_the_test_does_not_reject():
    rng = np.random.default_rng(5)
    changes = rng.normal(-0.02, 0.05, 12)
    found = changed_by(changes)
    signs = 1 - 2 * (np.arange(2**12)[:, None] >> np.arange(12) & 1)

    def is_kept(shift):
        moved = changes - shift
        flipped = signs @ moved
        return np.mean(flipped <= moved.sum()) > 0.025 and np.mean(flipped >= moved.sum()) > 0.025

    for end, inside in ((found.change.low, 1), (found.change.high, -1)):
        assert is_kept(end + inside * 1e-6)
        assert not is_kept(end - inside * 1e-6)


def test_distances_summed_in_another_order_are_no_change():
    before = np.full(40, 0.1 + 0.2 + 0.3)
    after = np.full(40, 0.3 + 0.2 + 0.1)
    assert (before != after).all()
    found = diversity_change(before, after)
    assert (found.p, found.deviation) == (1.0, 0.0)
    assert verdict_on(found) == "not enough data"


def test_a_version_beside_itself_lost_nothing():
    before = np.linspace(0.2, 0.9, 100)
    found = diversity_change(before, before)
    assert (found.p, found.change.estimate) == (1.0, 0.0)
    assert verdict_on(found) == "not worse"
    assert found.at_worst == pytest.approx(-(1 - 0.05 ** (1 / 100)))


@pytest.mark.parametrize("prompts", [1, 4])
def test_below_five_prompts_there_is_not_enough_data(prompts):
    found = changed_by(np.full(prompts, -1.0))
    assert (found.p, found.p_margin, found.change.low, found.change.high) == (1, 1, -1, 1)
    assert verdict_on(found) == "not enough data"
    assert verdict_on(changed_by(np.full(5, -1.0))) == "worse"


def test_many_prompts_are_flipped_in_parts():
    rng = np.random.default_rng(1)
    found = changed_by(rng.normal(-0.01, 0.1, 20_000))
    assert found.p == 0.001
    assert found.change.low == pytest.approx(found.change.estimate - 1.96 * 0.1 / np.sqrt(20_000), abs=2e-4)


# --- worlds of known truth, a small part of benchmarks/watch/paired.py ----------------------------


@pytest.mark.parametrize(("prompts", "generations"), [(10, 4), (20, 8), (50, 4), (100, 8)])
def test_like_with_like_alarms_as_seldom_as_stated(benchmark, prompts, generations):
    """A rate of .05 gives more alarms than this with a chance of 1 in 10,000."""
    rates = benchmark.diversity_rates(benchmark.Sampling(prompts, generations), 200, 3)
    assert rates["worse"] * 200 <= binom.ppf(1 - 1e-4, 200, 0.05)
    assert (1 - rates["covered"]) * 200 <= binom.ppf(1 - 1e-4, 200, 0.06)


def test_pooled_pairs_cry_wolf():
    """The trap: pairs of one prompt share generations. Our functions take one number a prompt and no pairs."""
    with pytest.raises(
        DataError, match=r"before has shape \(10, 6\)\. Pass a value of each of at least one unit"
    ):
        diversity_change(np.ones((10, 6)), np.ones((10, 6)))


def test_pooled_pairs_alarm_at_like_with_like_more_than_their_level_allows(benchmark):
    rates = benchmark.diversity_rates(benchmark.Sampling(20, 8), 200, 4)
    assert rates["pooled pairs"] * 200 > binom.ppf(1 - 1e-4, 200, 0.05)


def test_a_loss_of_twelve_points_is_found_in_fifty_prompts(benchmark):
    """A power of .80 gives fewer with a chance of 1 in 10,000."""
    rates = benchmark.diversity_rates(benchmark.Sampling(50, 4, 0.795), 200, 5)
    assert rates["points"] == pytest.approx(-12.0, abs=0.1)
    assert rates["worse"] * 200 >= binom.ppf(1e-4, 200, 0.8)
    assert rates["cleared"] * 200 <= binom.ppf(1 - 1e-4, 200, 0.06)


def test_rare_harm_is_not_cleared_because_spread_is_small(benchmark):
    for design in ((20, 0.05), (100, 0.05), (200, 0.02)):
        assert benchmark.rare_rates(design, 200, 6)["cleared"] * 200 <= binom.ppf(1 - 1e-4, 200, 0.05)


# --- what does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([1, 2], r"labels has shape \(2,\)\. Pass a label of each generation"),
        ([[1], [2]], r"1 generations a prompt have no pair\. Sample each prompt at least twice"),
    ],
)
def test_labels_that_have_no_pairs_are_refused(labels, says):
    with pytest.raises(DataError, match=says):
        unlike_share(np.array(labels))


def test_distances_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"distances has shape \(2, 3\)\. Pass one square table a prompt"):
        mean_distance(np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"1 generations a prompt have no pair"):
        mean_distance(np.zeros((2, 1, 1)))
    with pytest.raises(
        DataError, match=r"labels has shape \(2, 2\) and distances \(2, 3, 3\)\. Pass a label"
    ):
        mean_distance(np.zeros((2, 3, 3)), np.zeros((2, 2), int))
    with pytest.raises(DataError, match=r"distances\[0, 0, 1\] is 1\.5\. Pass distances in \[0, 1\]"):
        mean_distance(np.full((1, 2, 2), 1.5))


def test_too_few_flips_are_refused():
    with pytest.raises(
        DataError, match=r"flips is 9, too few for the bounds\. Ask for at least 99, or better 999\."
    ):
        changed_by(NOTED, flips=9)
