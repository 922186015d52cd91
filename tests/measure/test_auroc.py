"""The area under the ROC curve against its definition, and its interval against closed forms and simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from wellkeeper.errors import DataError
from wellkeeper.measure.auroc import area_under_roc

samples = st.lists(st.integers(-5, 5), min_size=1, max_size=30).map(lambda values: np.array(values, float))


@given(samples, samples)
def test_the_area_is_that_of_scikit_learn(first, second):
    labels = np.repeat([0, 1], [first.size, second.size])
    expected = roc_auc_score(labels, np.concatenate((first, second)))
    assert area_under_roc(first, second).estimate == pytest.approx(expected, abs=1e-12)


@given(samples, samples)
def test_the_interval_holds_the_estimate_and_turns_with_the_samples(first, second):
    there, back = area_under_roc(first, second), area_under_roc(second, first)
    assert 0 <= there.low <= there.estimate <= there.high <= 1
    assert there.low < there.high
    assert (back.low, back.estimate, back.high) == pytest.approx(
        (1 - there.high, 1 - there.estimate, 1 - there.low), abs=1e-12
    )


def test_at_one_half_the_interval_rejects_as_the_test_of_mann_and_whitney_does():
    """Both use the variance (m + n + 1) / (12 m n): .5 lies outside when the area is z standard errors away from it."""
    m = n = 30
    reach = NormalDist().inv_cdf(0.975) * math.sqrt((m + n + 1) / (12 * m * n))
    for shift in range(1, m * n // 2):
        # one value of the second sample for each number of values of the first below it
        first = np.arange(m, dtype=float)
        second = np.full(n, -1.0)
        second[: shift // m] = m
        if shift % m:
            second[shift // m] = shift % m - 0.5
        area = area_under_roc(first, second)
        assert (area.high < 0.5) == (0.5 - area.estimate > reach + 1e-12)


def test_samples_that_never_overlap_get_an_interval_and_not_a_point():
    area = area_under_roc(np.arange(25.0), np.arange(25.0) + 100)
    assert area.estimate == area.high == 1
    assert 0.8 < area.low < 0.99


@pytest.mark.parametrize("distance", [0.0, 0.8, 2.0])
def test_the_interval_covers_the_area_of_two_normal_distributions(distance):
    rng = np.random.default_rng(1)
    truth = NormalDist().cdf(distance / math.sqrt(2))
    runs = 600
    areas = (area_under_roc(rng.normal(size=40), rng.normal(distance, size=60)) for _ in range(runs))
    covered = sum(area.low <= truth <= area.high for area in areas)
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


@pytest.mark.parametrize(
    ("first", "second", "level", "says"),
    [
        ([], [1.0], 0.95, r"0 and 1 values.*Pass at least one number in each, and leave NaN out\.$"),
        ([1.0], [math.nan], 0.95, r"0 and 1 of them NaN.*leave NaN out\.$"),
        ([1.0], [1.0], 1.0, r"level is 1\.0\. Give a probability between 0 and 1, such as 0\.95\.$"),
    ],
)
def test_what_has_no_area_is_refused_with_the_next_step(first, second, level, says):
    with pytest.raises(DataError, match=says):
        area_under_roc(np.array(first, float), np.array(second, float), level=level)
