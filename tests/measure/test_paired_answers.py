"""Paired answers against scipy, against likelihoods maximised by brute force, and in worlds of known truth."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from wellkeeper.errors import DataError
from wellkeeper.measure.paired_answers import (
    _score,
    accuracy_change,
    binomial_at_most,
    degenerate_change,
    mcnemar_exact,
    mcnemar_mid_p,
)
from wellkeeper.measure.verdicts import verdict_on

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch" / "paired.py"


def single(lost, gained, kept):
    """Right or wrong, one answer an item."""
    before = np.repeat([True, False, True], [lost, gained, kept])
    return before, np.repeat([False, True, True], [lost, gained, kept])


def repeated(seed, items=30, answers=4, drop=0.0):
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.4, 0.6, items)[:, None]
    return rng.random((items, answers)) < chance, rng.random((items, answers)) < chance * (1 - drop)


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("watch_benchmark_paired", SCRIPT)
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module


# --- one answer an item ---------------------------------------------------------------------------


@given(st.integers(-1, 400), st.integers(0, 400), st.floats(0, 1))
def test_the_binomial_tail_is_scipys(hits, trials, rate):
    assert binomial_at_most(hits, trials, rate) == pytest.approx(
        stats.binom.cdf(hits, trials, rate), rel=1e-8, abs=1e-290
    )


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemars_p_values_are_tails_of_the_binomial(lost, gained):
    n = lost + gained
    beyond, just = stats.binom.sf(lost, n, 0.5), stats.binom.pmf(lost, n, 0.5)
    assert mcnemar_exact(lost, gained) == pytest.approx(beyond + just, rel=1e-8)
    assert mcnemar_mid_p(lost, gained) == pytest.approx(beyond + just / 2, rel=1e-8)


def test_many_discordant_items_do_not_underflow():
    assert mcnemar_exact(10_500, 9_500) == pytest.approx(stats.binom.sf(10_499, 20_000, 0.5), rel=1e-6)
    assert mcnemar_exact(9_500, 10_500) == pytest.approx(1.0)


def likeliest_rate_of_loss(lost, gained, items, change):
    """By brute force: the rates of lost and gained items differ by the change, the rest are kept."""

    def unlikely(loss):
        cells = (lost, loss), (gained, loss + change), (items - lost - gained, 1 - 2 * loss - change)
        return -sum(count * math.log(max(rate, 1e-300)) for count, rate in cells if count)

    low, high = max(0.0, -change), (1 - change) / 2
    return optimize.minimize_scalar(
        unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 60), st.floats(-0.9, 0.9))
def test_the_score_takes_its_standard_error_at_the_likeliest_rates(lost, gained, kept, change):
    items = lost + gained + kept
    assume(abs(change) > 1e-3)
    loss = likeliest_rate_of_loss(lost, gained, items, change)
    error = math.sqrt(max(1e-300, 2 * loss + change - change**2) / items)
    assert _score(lost, gained, items, change) == pytest.approx(
        ((gained - lost) / items - change) / error, rel=1e-3, abs=1e-4
    )


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 200))
def test_at_no_change_the_score_is_mcnemars(lost, gained, kept):
    expected = (gained - lost) / math.sqrt(lost + gained) if lost + gained else 0.0
    assert _score(lost, gained, lost + gained + kept, 0.0) == pytest.approx(expected)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 100))
def test_the_interval_holds_the_changes_whose_score_is_small(lost, gained, kept):
    items = lost + gained + kept
    assume(items > 0)
    found = accuracy_change(*single(lost, gained, kept))
    assert -1 <= found.change.low <= found.change.estimate + 1e-9 <= found.change.high + 2e-9 <= 1 + 2e-9
    if lost + gained >= 10:
        for end, z in ((found.change.low, 1.959964), (found.change.high, -1.959964)):
            assert abs(end) > 1 - 1e-9 or _score(lost, gained, items, end) == pytest.approx(z, abs=1e-4)


def test_one_answer_an_item_is_tested_by_mcnemar_as_a_list_and_as_a_column():
    before, after = single(15, 5, 80)
    found = accuracy_change(before, after)
    assert (found.test, found.units, found.before, found.after) == ("McNemar mid-p", 100, 0.95, 0.85)
    assert found.p == pytest.approx(0.0133, abs=5e-5)
    assert accuracy_change(before[:, None], after[:, None]) == found
    assert accuracy_change(before.astype(float), after.astype(int)) == found


def test_no_lost_item_of_few_does_not_prove_that_none_would_be():
    """Of 58 items none shows a loss of 5 % with a chance of .051, of 59 with .0485."""
    assert verdict_on(accuracy_change(*single(0, 0, 58))) == "not enough data"
    assert verdict_on(accuracy_change(*single(0, 0, 59))) == "not worse"
    assert accuracy_change(*single(0, 0, 59)).p_margin == pytest.approx(0.95**59)


# --- several answers an item ----------------------------------------------------------------------


@given(st.integers(0, 200), st.floats(0, 0.4), st.sampled_from([0.02, 0.05, 0.2]))
def test_several_answers_are_students_paired_t_of_items_as_scipy_has_it(seed, drop, margin):
    before, after = repeated(seed, drop=drop)
    found = accuracy_change(before, after, margin=margin)
    changes = after.mean(axis=1) - before.mean(axis=1)
    assume(np.count_nonzero(changes) >= 10)
    theirs = stats.ttest_rel(after.mean(axis=1), before.mean(axis=1), alternative="less")
    assert found.test == "Student's t over items"
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-9)
    shifted = stats.ttest_1samp(changes, -margin, alternative="greater")
    assert found.p_margin == pytest.approx(shifted.pvalue, rel=1e-6, abs=1e-9)
    both = stats.ttest_1samp(changes, 0).confidence_interval(0.95)
    assert (found.change.low, found.change.high) == (pytest.approx(both.low), pytest.approx(both.high))
    one = stats.ttest_1samp(changes, 0, alternative="greater").confidence_interval(0.95)
    assert found.at_worst == pytest.approx(one.low)


def test_answers_to_one_item_are_not_taken_for_independent():
    """The same answers four times over say nothing new."""
    before, after = repeated(3, answers=1, drop=0.2)
    once = accuracy_change(before + 0.0, after + 0.0)
    often = accuracy_change(np.repeat(before, 4, axis=1), np.repeat(after, 4, axis=1))
    assert often.change.estimate == pytest.approx(once.change.estimate)
    assert often.p == pytest.approx(once.p, abs=0.03)


def test_versions_may_have_answered_different_numbers_of_times():
    before, after = repeated(1)
    found = accuracy_change(before, after[:, :2])
    assert found.change.estimate == pytest.approx(after[:, :2].mean() - before.mean())


@given(st.integers(0, 100))
def test_bounds_and_p_values_of_few_changes_say_the_same(seed):
    rng = np.random.default_rng(seed)
    items = int(rng.integers(5, 200))
    changed = rng.random(items) < 5 / items
    after = np.where(changed, rng.integers(0, 5, items) / 4, 0.5)
    found = accuracy_change(np.full(items, 0.5), after)
    assert (found.at_worst > -0.05) == (found.p_margin <= 0.05)
    assert found.change.low <= found.at_worst <= found.change.estimate <= found.change.high


@pytest.mark.parametrize("items", [1, 4])
def test_below_five_items_answers_tell_nothing(items):
    found = accuracy_change(np.full((items, 2), 1.0), np.full((items, 2), 0.0))
    assert (found.p, found.p_margin, found.change.low, found.change.high) == (1, 1, -1, 1)


def test_equal_changes_of_few_items_are_no_certainty():
    found = accuracy_change(np.full((5, 2), 1.0), np.full((5, 2), 0.5))
    assert found.p == 0.5**5
    assert verdict_on(found) == "worse"
    assert accuracy_change(np.full((5, 2), 0.5), np.full((5, 2), 1.0)).p == 1.0


# --- degenerate answers ---------------------------------------------------------------------------


@given(st.integers(0, 50), st.sampled_from([1, 4]))
def test_more_degenerate_answers_are_as_bad_as_fewer_sound_ones(seed, answers):
    before, after = repeated(seed, answers=answers, drop=0.1)
    sound, broken = accuracy_change(before, after), degenerate_change(~before, ~after)
    assert (broken.p, broken.p_margin) == (pytest.approx(sound.p), pytest.approx(sound.p_margin))
    assert broken.at_worst == pytest.approx(-sound.at_worst)
    assert broken.change.low == pytest.approx(-sound.change.high)
    assert broken.change.high == pytest.approx(-sound.change.low)
    assert broken.change.estimate == pytest.approx(-sound.change.estimate)


def test_a_version_that_answers_nothing_in_one_of_ten_is_worse():
    before = np.zeros((100, 4), bool)
    after = np.zeros((100, 4), bool)
    after[:40, 0] = True
    found = degenerate_change(before, after)
    assert (found.worse, found.change.estimate, verdict_on(found)) == ("higher", pytest.approx(0.1), "worse")


# --- worlds of known truth, a small part of benchmarks/watch/paired.py ----------------------------


@pytest.mark.parametrize("items", [(20, 1), (100, 1), (500, 1), (20, 4), (100, 4)])
def test_like_with_like_alarms_as_seldom_as_stated(benchmark, items):
    """A rate of .06 gives more alarms, or fewer intervals that cover, with a chance of 1 in 10,000."""
    rates = benchmark.accuracy_rates(benchmark.Test(*items, 2), 300, 1)
    most = stats.binom.ppf(1 - 1e-4, 300, 0.06)
    assert rates["worse"] * 300 <= most
    assert (1 - rates["covered"]) * 300 <= most


@pytest.mark.parametrize(("design", "power"), [((500, 1, 0.5, 0.05), 0.8), ((1000, 4, 0.5, 0.02), 0.9)])
def test_losses_are_found_as_often_as_stated(benchmark, design, power):
    rates = benchmark.accuracy_rates(benchmark.Test(*design), 150, 2)
    assert rates["worse"] * 150 >= stats.binom.ppf(1e-4, 150, power)
    assert rates["cleared"] * 150 <= stats.binom.ppf(1 - 1e-4, 150, 0.06)
    assert rates["unpaired z"] < rates["worse"]


# --- what does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ([], [], r"before has shape \(0,\)\. Pass a value of each of at least one unit"),
        ([1, 0], [1], r"before has 2 units and after has 1\. Keep the prompts that both versions answered"),
        ([1, 2], [1, 1], r"before holds 2\.0\. Pass values in \[0, 1\]"),
        (
            [1, 0],
            [1, math.nan],
            r"after holds nan\. Pass values in \[0, 1\], and leave out units without one",
        ),
        ([[1, 2], [0, 0]], [1, 1], r"before holds 2\.0\. Pass values in \[0, 1\]"),
        ([[[1]]], [1], r"before has shape \(1, 1, 1\)\. Pass a score of each answer"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(before, after, says):
    with pytest.raises(DataError, match=says):
        accuracy_change(np.array(before), np.array(after))


def test_a_margin_is_a_share():
    with pytest.raises(DataError, match=r"margin is 5\. Give a share in \(0, 1\), such as 0\.05\."):
        accuracy_change(np.ones(9), np.ones(9), margin=5)
