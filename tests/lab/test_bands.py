"""Bands and changes over replicates: textbook intervals, and honest ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from wellkeeper.lab.bands import band, change

tables = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.floats(-1e6, 1e6))


@given(tables)
def test_a_band_is_what_numpy_says_of_each_point(values):
    found = band(values)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(
        [found.low, found.median, found.high], np.quantile(values, (0.05, 0.5, 0.95), axis=0)
    )
    if len(values) > 1:
        np.testing.assert_allclose(found.error, stats.sem(values, axis=0), atol=1e-6)
    else:
        assert np.isnan(found.error).all()


@given(tables, st.randoms(use_true_random=False))
def test_what_is_not_known_of_a_replicate_is_left_out(values, random):
    values = np.concatenate((values, values))
    gone = [place for place in range(len(values)) if random.random() < 0.3][: len(values) - 1]
    holed = values.copy()
    holed[gone, 0] = np.nan
    rest = np.delete(values[:, 0], gone)
    found = band(holed)
    assert found.mean[0] == pytest.approx(rest.mean(), abs=1e-6)
    assert found.median[0] == pytest.approx(np.median(rest), abs=1e-6)


def test_a_point_that_no_replicate_has_is_none():
    found = band(np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert found.mean[0] == 2
    assert all(np.isnan(getattr(found, name)[1]) for name in ("mean", "median", "low", "high", "error"))


def test_the_log_mean_is_the_geometric_one_and_unknown_where_a_value_is_not_above_0():
    found = band(np.array([[1.0, 1.0], [4.0, 0.0]]))
    assert found.log_mean[0] == pytest.approx(2)
    assert np.isnan(found.log_mean[1])


samples = arrays(np.float64, st.integers(2, 9), elements=st.floats(0.01, 100))


@given(samples, st.data())
def test_a_paired_change_has_the_textbook_t_interval(before, data):
    after = data.draw(arrays(np.float64, before.size, elements=st.floats(0.01, 100)))
    found = change(before, after)
    differences = after - before
    assert found.change == pytest.approx(differences.mean(), abs=1e-9)
    spread = differences.std(ddof=1)
    if spread > 1e-6:
        low, high = stats.t.interval(0.95, before.size - 1, differences.mean(), stats.sem(differences))
        assert (found.low, found.high) == pytest.approx((low, high), rel=0.01, abs=0.004 * spread)


@given(samples, samples)
def test_an_unpaired_change_has_welchs_interval(before, after):
    found = change(before, after, paired=False)
    if min(before.std(), after.std()) > 1e-6 and before.size > 4 < after.size:
        textbook = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
        assert found.low == pytest.approx(textbook.low, rel=0.02, abs=0.01 * (after.std() + before.std()))
        assert found.high == pytest.approx(textbook.high, rel=0.02, abs=0.01 * (after.std() + before.std()))


@given(samples, st.floats(0.1, 10))
def test_a_ratio_is_told_as_one(before, factor):
    found = change(before, factor * before, log=True)
    assert found.change == pytest.approx(factor)
    assert (found.low, found.high) == pytest.approx((factor, factor))
    assert found.direction == (
        "" if factor == 1 else "up" if found.low > 1 else "down" if found.high < 1 else ""
    )


def test_more_tests_make_wider_intervals():
    before, after = np.zeros(5), np.array([1.0, 2, 3, 4, 5])
    one, ten = change(before, after), change(before, after, tests=10)
    assert ten.low < one.low < one.high < ten.high


def test_one_replicate_has_a_direction_and_no_interval():
    found = change(np.array([1.0]), np.array([2.0]))
    assert (found.low, found.high, found.direction) == (None, None, "up")


@pytest.mark.parametrize(
    ("before", "after", "log"),
    [([np.nan], [1.0], False), ([1.0, np.nan], [np.nan, 1.0], False), ([1.0], [0.0], True), ([], [], False)],
)
def test_where_there_is_nothing_to_compare_there_is_no_change(before, after, log):
    assert change(np.array(before), np.array(after), log=log) is None


@pytest.mark.parametrize("replicates", [2, 3, 5])
def test_intervals_over_few_replicates_cover(replicates):
    """Of 2,000 intervals of nominal 95 %, the share that covers lies within 4 standard errors of it."""
    rng = np.random.default_rng(replicates)
    runs = 2000
    covered = 0
    for _run in range(runs):
        found = change(rng.standard_normal(replicates), 1 + rng.standard_normal(replicates))
        covered += found.low <= 1 <= found.high
    assert abs(covered / runs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs)
