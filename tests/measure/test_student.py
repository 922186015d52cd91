"""Student's t against scipy, and at its ends."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wellkeeper.measure.student import reach, two_sided


@given(st.floats(-60, 60), st.floats(0.3, 1e5))
def test_it_is_scipys(t: float, freedom: float) -> None:
    assert two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-7, abs=1e-300)


def test_without_end_of_freedom_it_is_the_normal_distribution() -> None:
    assert two_sided(1.96, math.inf) == pytest.approx(2 * stats.norm.sf(1.96))


def test_with_freedom_nearly_without_end_rounding_does_not_show() -> None:
    for freedom in (1e6, 1e7, 1e8, 1.1e8, 1e9, 1e12, 1e300):
        for t in (0.001, 1.0, 2.0, 5.0):
            assert two_sided(t, freedom) == pytest.approx(2 * stats.norm.sf(t), rel=1e-3)
            if freedom > 1e8:
                assert two_sided(t, freedom) == two_sided(t, math.inf)


def test_nothing_is_as_likely_as_all_and_infinity_as_nothing() -> None:
    assert two_sided(0.0, 7) == 1.0
    assert two_sided(math.inf, 7) == two_sided(-math.inf, 3.5) == 0.0


@given(st.floats(0.6, 1e5), st.floats(0.001, 0.9))
def test_how_far_chance_goes_is_scipys_quantile(freedom: float, chance: float) -> None:
    assert reach(freedom, chance) == pytest.approx(stats.t.isf(chance / 2, freedom), rel=1e-6)


def test_two_draws_have_the_widest_interval() -> None:
    assert reach(1) == pytest.approx(12.706, abs=1e-3)
    assert reach(math.inf) == pytest.approx(1.96, abs=1e-3)
