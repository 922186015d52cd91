"""Figures are written one way everywhere."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.report import numbers, story, svg, visible
from wellkeeper.report.numbers import COMMA, THIN, short
from wellkeeper.report.reading import Interval, interval, number


@pytest.mark.parametrize("module", [numbers, story, svg, visible])
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_thousands_stand_apart_by_a_narrow_space_on_the_page_and_by_a_comma_in_a_terminal():
    assert THIN.count(1_234_567) == "1\u202f234\u202f567"
    assert COMMA.count(1_234_567) == "1,234,567"
    assert COMMA.count(999) == "999"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Interval(0.123, 0.101, 0.14), "12.3% (10.1-14.0%)"),
        (Interval(0.0042, 0.0038, 0.0047), "0.42% (0.38-0.47%)"),
        (Interval(0.99923, 0.99912, 0.99931), "99.923% (99.912-99.931%)"),
        (Interval(0.0, 0.0, 0.02), "0% (0-2.0%)"),
        (Interval(-0.02, -0.05, 0.011), "-2.0% (-5.0 to 1.1%)"),
        (Interval(None, 0.106, 0.743), "not identified (10.6-74.3%)"),
        (Interval(0.5, None, None), "50.0% (no interval)"),
    ],
)
def test_an_interval_says_estimate_and_bounds_with_digits_that_tell_them_apart(value, says):
    assert COMMA.interval(value) == says


def test_a_difference_of_shares_is_in_points_not_percent():
    assert COMMA.points(Interval(-0.0206, -0.026, -0.015)) == "-2.1 points (-2.6 to -1.5)"


def test_a_quantity_keeps_a_decimal_only_while_it_is_small():
    assert COMMA.quantity(Interval(12345.6, 12001.2, 12689.9)) == "12,346 (12,001-12,690)"
    assert COMMA.quantity(Interval(21.26, 20.9, 21.7)) == "21.3 (20.9-21.7)"


@given(st.floats(0, 1))
def test_a_share_that_is_neither_none_nor_all_is_never_written_as_0_or_100(share):
    said = COMMA.percent(share)
    assert (said == "0%") == (share == 0)
    assert (said == "100%") == (share == 1)
    assert re.fullmatch(r"[<>]?[0-9]+(\.[0-9]{1,2})?%", said)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_bounds_that_differ_by_a_hundredth_of_a_point_are_written_differently(first, second, third):
    low, estimate, high = sorted((first, second, third))
    if high - low > 1e-4:
        bounds = COMMA.bounds(Interval(estimate, low, high)).rstrip("%").split("-")
        assert float(bounds[0]) < float(bounds[1])


@pytest.mark.parametrize(("value", "says"), [(0, "0"), (200, "200"), (1500, "1.5k"), (2_500_000, "2.5M")])
def test_axes_shorten_counts(value, says):
    assert short(value) == says


@pytest.mark.parametrize("value", [None, True, "3", float("nan"), float("inf"), 10**400, [], {}])
def test_what_is_no_finite_number_reads_as_none(value):
    assert number(value) is None


def test_an_interval_needs_an_estimate_or_both_bounds():
    assert interval({"low": 0.1}) is None
    assert interval({"low": 0.1, "high": 0.2}) == Interval(None, 0.1, 0.2)
    assert interval({"estimate": 0.1}) == Interval(0.1, None, None)
    assert interval("0.1") is None
