"""The interval against closed forms: the textbook t interval, Student's quantiles, Wilson's interval, renewal."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_1samp

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import (
    Interval,
    OwnVariance,
    Spread,
    blocks,
    influences,
    interval,
    mean_interval,
    positive_interval,
    share_interval,
    spread,
    student_quantile,
    wilson,
)

samples = st.lists(st.floats(-100, 100), min_size=10, max_size=50).map(np.array)
shares = st.floats(0, 1)


@pytest.mark.parametrize("freedom", [6, 9, 9.5, 15, 24, 49, 147, 10_000])
def test_students_quantile_is_scipys(freedom: float) -> None:
    assert student_quantile(freedom) == pytest.approx(t.ppf(0.975, freedom), abs=1e-3)
    assert student_quantile(freedom, norm.ppf(0.95)) == pytest.approx(t.ppf(0.95, freedom), abs=1e-3)


@pytest.mark.parametrize("freedom", [1, 2])
@pytest.mark.parametrize("z", [1.6449, 1.96, 3.09])
def test_students_quantile_of_least_freedom_is_exact(freedom: float, z: float) -> None:
    assert student_quantile(freedom, z) == pytest.approx(t.isf(norm.sf(z), freedom), rel=1e-9)


def test_without_any_spread_only_the_own_variance_of_types_is_left() -> None:
    assert spread([np.zeros(10)], OwnVariance(proper=4.0, jackknife=9.0)) == Spread(2.0, math.inf)
    assert student_quantile(math.inf) == pytest.approx(norm.ppf(0.975))


@given(samples)
def test_the_interval_of_a_mean_is_the_textbook_t_interval(values: np.ndarray) -> None:
    one_each = np.ones(values.size, np.int64)
    found = interval(values.mean(), [influences(values / values.size, one_each)])
    if np.ptp(values) < 1e-6:
        assert found.high - found.low < 1e-5
        return
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.low == pytest.approx(expected.low, rel=1e-3, abs=1e-3 * values.std())
    assert found.high == pytest.approx(expected.high, rel=1e-3, abs=1e-3 * values.std())


def test_variances_of_independent_samples_add_up() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 3, 50), rng.normal(0, 1, 20)
    parts = [influences(values / values.size, np.ones(values.size, np.int64)) for values in (x, y)]
    found = interval(0.0, parts)
    spread = math.sqrt(x.var(ddof=1) / 50 + y.var(ddof=1) / 20)
    freedom = spread**4 / ((x.var(ddof=1) / 50) ** 2 / 49 + (y.var(ddof=1) / 20) ** 2 / 19)  # Welch
    assert found.high == pytest.approx(t.ppf(0.975, freedom) * spread, rel=1e-4)


@given(st.lists(st.floats(-10, 10), min_size=10, max_size=50), st.integers(1, 9))
def test_influences_cancel_and_what_is_proportional_to_size_has_none(losses: list[float], rate: int) -> None:
    sizes = np.arange(1, len(losses) + 1)
    assert abs(influences(np.array(losses), sizes).sum()) < 1e-9
    np.testing.assert_allclose(influences(rate * sizes.astype(float), sizes), 0, atol=1e-9)


def test_by_words_the_spread_is_that_of_documents_taken_up_to_a_number_of_words() -> None:
    """Rewards (say, new types) of documents drawn until 2,000 words are reached: a renewal-reward process."""
    rng = np.random.default_rng(2)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        words = rng.integers(1, 100, count)
        return words, 0.3 * words + rng.normal(0, 6, count)

    totals = []
    for _ in range(4000):
        words, rewards = draw(200)
        totals.append(rewards[: np.searchsorted(np.cumsum(words), 2000)].sum())
    widths = []
    for _ in range(200):
        words, rewards = draw(40)
        found = interval(0.0, [influences(rewards, words)])
        widths.append(found.high / student_quantile(39))
    assert np.sqrt(np.mean(np.square(widths))) == pytest.approx(np.std(totals), rel=0.1)


@given(st.integers(10, 5000))
def test_blocks_cover_all_documents_in_nearly_equal_runs(documents: int) -> None:
    bounds = blocks(documents)
    sizes = np.diff(bounds)
    assert bounds[0] == 0
    assert bounds[-1] == documents
    assert sizes.max() - sizes.min() <= 1
    assert sizes.min() >= 1
    assert sizes.size == documents if documents <= 50 else 25 <= sizes.size <= 50


@given(shares, samples, st.integers(1, 1000))
def test_the_interval_of_a_share_stays_in_0_to_1_around_the_share(share: float, values, trials: int) -> None:
    found = share_interval(share, [influences(values, np.ones(values.size, np.int64))], trials=trials)
    assert 0 <= found.low <= share + 1e-12
    assert share - 1e-12 <= found.high <= 1


@pytest.mark.parametrize("trials", [1, 10, 1000])
def test_a_share_of_none_or_all_has_wilsons_interval(trials: int) -> None:
    z = norm.ppf(0.975)
    none = share_interval(0.0, [np.zeros(10)], trials=trials)
    everything = share_interval(1.0, [np.zeros(10)], trials=trials)
    assert none == Interval(estimate=0.0, low=0.0, high=pytest.approx(z * z / (trials + z * z)))
    assert everything == Interval(estimate=1.0, low=pytest.approx(trials / (trials + z * z)), high=1.0)


@given(st.lists(shares, min_size=1, max_size=40).map(np.array))
def test_the_interval_of_a_mean_of_scores_lies_around_it_in_0_to_1(values: np.ndarray) -> None:
    found = mean_interval(values)
    assert 0 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1


def test_scores_of_0_and_1_and_scores_all_alike_have_wilsons_interval() -> None:
    for values in (np.array([1.0, 0.0, 1.0]), np.full(10, 0.5)):
        found = mean_interval(values)
        assert (found.low, found.high) == wilson(float(values.mean()), values.size)


def test_there_is_no_mean_of_no_scores() -> None:
    with pytest.raises(DataError, match="no value"):
        mean_interval(np.zeros(0))


def test_a_positive_figure_has_an_interval_of_equal_ratios() -> None:
    found = positive_interval(100.0, np.linspace(88, 92, 20), np.ones(20, np.int64))
    assert found.high / 100 == pytest.approx(100 / found.low)
    assert found.low < 100 < found.high


def test_a_figure_that_vanishes_without_one_block_still_has_an_interval_from_0_up() -> None:
    found = positive_interval(5.0, np.array([0.0] + [5.0] * 9), np.ones(10, np.int64))
    assert found.low == 0
    assert found.high > 5


def test_the_own_variance_of_types_replaces_what_the_jackknife_made_of_it() -> None:
    values = np.tile([-1.0, 1.0], 10)
    plain = interval(0.0, [values])  # variance 20 * 20 / 19
    less = interval(0.0, [values], OwnVariance(proper=1.0, jackknife=11.0))
    floor = interval(0.0, [values], OwnVariance(proper=1.0, jackknife=1000.0))
    assert less.high / plain.high == pytest.approx(math.sqrt((400 / 19 - 10) / (400 / 19)))
    assert floor.high == pytest.approx(student_quantile(19))


def test_bounds_cut_an_interval() -> None:
    found = interval(0.9, [np.tile([-1.0, 1.0], 10)], bounds=(-1.0, 1.0))
    assert (found.low, found.high) == (-1.0, 1.0)
    assert found.to_json() == {"estimate": 0.9, "low": -1.0, "high": 1.0}


def test_too_few_documents_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"^9 documents are too few for an interval\. Give at least 10 documents\.$"
    ):
        blocks(9)
