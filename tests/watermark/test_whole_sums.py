"""Tails of sums of whole numbers against counting with integers, where nothing is rounded."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.watermark.nulls import binomial_tail
from wellkeeper.watermark.whole_sums import CONVOLVED_BITS, WholeSum

several = st.lists(st.integers(0, 40), min_size=2, max_size=12).filter(lambda values: len(set(values)) > 1)


def exact_tail(values: list[int], count: int) -> list[float]:
    """Cases that add up to each sum or more, of all cases, as the nearest float."""
    ways = {0: 1}
    for _ in range(count):
        following: dict[int, int] = {}
        for total, many in ways.items():
            for value in values:
                following[total + value] = following.get(total + value, 0) + many
        ways = following
    cases, so_far, tail = len(values) ** count, 0, []
    for total in range(count * max(values) + 1, -1, -1):
        so_far += ways.get(total, 0)
        tail.append(float(Fraction(so_far, cases)))
    return tail[::-1]


@given(several, st.integers(1, 12))
def test_few_terms_have_the_tail_that_counting_gives(values: list[int], count: int) -> None:
    exact = np.array(exact_tail(values, count))
    statistic = np.arange(exact.size)
    found = WholeSum(values=np.array(values), bits=1).tail(statistic, np.full(exact.size, count))
    np.testing.assert_allclose(found, exact, rtol=1e-7, atol=0)


@pytest.mark.parametrize("values", [[0, 1000], [0, 1, 1000], [5, 6, 900], [0] * 999 + [1]])
def test_gaps_and_rare_values_do_no_harm(values: list[int]) -> None:
    exact = np.array(exact_tail(values, 6))
    statistic = np.arange(exact.size)
    found = WholeSum(values=np.array(values), bits=1).tail(statistic, np.full(exact.size, 6))
    np.testing.assert_allclose(found, exact, rtol=1e-7, atol=0)


@pytest.mark.parametrize("count", [24, 300, 512])
def test_coins_are_binomial_to_the_last_one(count: int) -> None:
    statistic = np.arange(count + 2)
    found = WholeSum(values=np.array([0, 1]), bits=1).tail(statistic, np.full(count + 2, count))
    np.testing.assert_allclose(found, binomial_tail(statistic, count, 0.5), rtol=1e-7, atol=0)


def test_where_the_convolution_ends_the_saddlepoint_goes_on() -> None:
    """Sums of 12 coins: 42 of them are 504 bits and convolved, 43 are 516 and not."""
    coins = WholeSum(values=np.array([k.bit_count() for k in range(1 << 12)]), bits=12)
    for count in (CONVOLVED_BITS // 12, CONVOLVED_BITS // 12 + 1):
        statistic = np.arange(6 * count, 8 * count, 7)
        found = coins.tail(statistic, np.full(statistic.size, count))
        np.testing.assert_allclose(found, binomial_tail(statistic, 12 * count, 0.5), rtol=1e-3)


def test_no_terms_add_up_to_nothing() -> None:
    one = WholeSum(values=np.array([0, 3]), bits=2)
    assert one.tail(np.array([0]), np.array([0])).tolist() == [1.0]
