"""Tails against exact rational sums, scipy and mpmath; saddlepoints against convolution."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from wellkeeper.errors import DataError
from wellkeeper.watermark.nulls import (
    SMALLEST,
    binomial_tail,
    discrete,
    gamma_tail,
    gauss_quadrature,
    hypergeometric_tail,
    p_value,
    sum_tail,
)

chances = st.floats(1e-6, 1.0)


def rational_binomial(k: int, n: int, p: float) -> Fraction:
    exact = Fraction(p)
    return sum(
        (math.comb(n, j) * exact**j * (1 - exact) ** (n - j) for j in range(max(k, 0), n + 1)), Fraction()
    )


@given(st.integers(0, 30), st.integers(-2, 32), chances)
def test_binomial_tails_are_the_sums_of_their_terms(n, k, p):
    assert binomial_tail(k, n, p).item() == pytest.approx(float(rational_binomial(k, n, p)), rel=1e-13)


@given(st.integers(1, 10**6), st.floats(-6, 30), st.floats(1e-4, 1 - 1e-4))
def test_binomial_tails_hold_ten_digits_far_out(n, z, p):
    k = min(max(round(n * p + z * math.sqrt(n * p * (1 - p))), 1), n)
    with mpmath.workdps(40):
        exact = float(mpmath.betainc(k, n - k + 1, 0, p, regularized=True)) if n < 3000 else None
    expected = stats.binom.sf(k - 1, n, p) if exact is None else exact
    if expected > 1e-300:
        assert binomial_tail(k, n, p).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("k", "p"), [(25_025_981, 0.25), (50_150_000, 0.5), (99_900_948, 0.999), (99_999_031, 0.99999), (9, 1e-8)]
)
def test_binomial_tails_hold_ten_digits_at_a_hundred_million_trials(k, p):
    n = 10**8
    with mpmath.workdps(40):
        success = mpmath.mpf(p)
        first = mpmath.binomial(n, k) * success**k * (1 - success) ** (n - k)
    j = np.arange(k, min(n, k + 100_000))
    ratios = np.exp(np.cumsum(np.log((n - j) / (j + 1) * (p / (1 - p)))))
    assert binomial_tail(k, n, p).item() == pytest.approx(float(first) * math.fsum([1.0, *ratios]), rel=1e-10)


@given(st.integers(1, 10**7), st.lists(st.integers(0, 10**7), min_size=2, max_size=30), chances)
def test_binomial_tails_fall_with_successes_and_are_probabilities(n, ks, p):
    tails = binomial_tail(np.sort(ks), n, p)
    assert ((tails >= 0) & (tails <= 1)).all()
    assert (np.diff(tails) <= 1e-13).all()


@given(st.integers(1, 10**5), st.integers(1, 10**5), st.floats(1e-3, 1 - 1e-3))
def test_successes_and_failures_complement_each_other(n, k, p):
    k = min(k, n)
    q = 1 - p
    assert binomial_tail(k, n, 1 - q) + binomial_tail(n - k + 1, n, q) == pytest.approx(1, abs=1e-12)


def test_binomial_tails_at_the_ends():
    assert binomial_tail([0, -3, 1, 5, 6], 5, 1.0).tolist() == [1, 1, 1, 1, 0]
    assert binomial_tail([0, 1], 5, 0.0).tolist() == [1, 0]
    assert binomial_tail(0, 0, 0.3).item() == 1
    assert binomial_tail(1, 0, 0.3).item() == 0
    assert binomial_tail([[1], [2]], [2, 3], 0.5).shape == (2, 2)
    assert binomial_tail([], [], 0.5).size == 0


@given(st.integers(1, 40), st.floats(0, 200))
def test_gamma_tails_of_whole_shapes_are_poisson_sums(shape, x):
    with mpmath.workdps(50):
        exact = mpmath.exp(-x) * mpmath.fsum(mpmath.mpf(x) ** k / mpmath.factorial(k) for k in range(shape))
    assert gamma_tail(x, shape).item() == pytest.approx(float(exact), rel=1e-11)


@given(st.floats(0.01, 5000), st.floats(-5, 25))
def test_gamma_tails_of_any_shape_are_those_of_mpmath(shape, z):
    x = max(shape + z * math.sqrt(shape), 1e-3)
    with mpmath.workdps(40):
        exact = float(mpmath.gammainc(shape, x, regularized=True))
    assert gamma_tail(x, shape).item() == pytest.approx(exact, rel=1e-10)


def test_gamma_tails_of_large_shapes_are_those_of_the_poisson_distribution():
    shapes = np.array([1e6, 1e7, 1e8])
    for z in (0.5, 3.0, 20.0):
        x = shapes + z * np.sqrt(shapes)
        # P(Gamma(n) >= x) = P(Poisson(x) <= n - 1): summed downwards from its largest term
        for n, at in zip(shapes.tolist(), x.tolist(), strict=True):
            k = np.arange(n - 1, n - 1 - 200_000, -1)
            with mpmath.workdps(40):
                first = mpmath.exp((n - 1) * mpmath.log(at) - at - mpmath.loggamma(n))
            total = math.fsum([1.0, *np.exp(np.cumsum(np.log(k / at)))])
            assert gamma_tail(at, n).item() == pytest.approx(float(first) * total, rel=1e-10)


@given(st.floats(0.1, 1e6), st.lists(st.floats(0, 1e6), min_size=2, max_size=30))
def test_gamma_tails_fall_with_the_statistic_and_are_probabilities(shape, xs):
    tails = gamma_tail(np.sort(xs), shape)
    assert ((tails >= 0) & (tails <= 1)).all()
    assert (np.diff(tails) <= 1e-13).all()


def test_an_empty_sum_is_nothing():
    assert gamma_tail([-1.0, 0.0, 0.1], 0).tolist() == [1, 1, 0]


@given(st.data())
def test_hypergeometric_tails_are_counts_of_ways(data):
    population = data.draw(st.integers(1, 80))
    marked = data.draw(st.integers(0, population))
    drawn = data.draw(st.integers(0, population))
    hits = data.draw(st.integers(-1, drawn + 1))
    ways = sum(
        math.comb(marked, j) * math.comb(population - marked, drawn - j)
        for j in range(max(hits, 0), drawn + 1)
    )
    exact = Fraction(ways, math.comb(population, drawn))
    got = hypergeometric_tail(hits, drawn, marked=marked, population=population).item()
    assert got == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(("population", "marked"), [(50_257, 12_564), (128_256, 64_128), (262_144, 26_214)])
@pytest.mark.parametrize("drawn", [1, 400, 5_000, 50_000])
def test_hypergeometric_tails_of_vocabularies_are_those_of_scipy(population, marked, drawn):
    share = marked / population
    deviation = math.sqrt(drawn * share * (1 - share) * (population - drawn) / (population - 1))
    hits = np.unique(np.clip(np.rint(drawn * share + deviation * np.arange(-6, 30, 1.5)), 0, drawn))
    expected = stats.hypergeom.sf(hits - 1, population, marked, drawn)
    seen = expected > 1e-300
    got = hypergeometric_tail(hits, drawn, marked=marked, population=population)
    assert got[seen] == pytest.approx(expected[seen], rel=1e-9)  # scipy's own digits


@given(st.integers(1, 2000), st.integers(1, 400))
def test_drawing_without_replacement_is_narrower_than_with(population, drawn):
    drawn, marked = min(drawn, population), (population + 1) // 2
    hits = np.arange(drawn + 1)
    without = hypergeometric_tail(hits, drawn, marked=marked, population=population)
    with_ = binomial_tail(hits, drawn, marked / population)
    far = hits >= drawn * marked / population + 1
    assert (without[far] <= with_[far] * (1 + 1e-12)).all()


def convolved(values: list[int], terms: int) -> np.ndarray:
    """Chances of all sums of equally likely values: sums of products of positive numbers alone."""
    one = np.bincount(values) / len(values)
    out = np.ones(1)
    for _ in range(terms):
        out = np.convolve(out, one)
    return out


@pytest.mark.parametrize(
    ("values", "terms", "off"),
    [
        (np.array([0, 1]), 100, 3e-3),
        (np.array([0, 1]), 1000, 3e-4),
        (np.array([0, 0, 0, 1]), 400, 2e-3),
        (np.arange(1, 7), 30, 4e-3),
        (np.add.reduce(np.meshgrid(*([0, w] for w in (10, 9, 7, 6, 4, 3, 1)))).ravel(), 20, 2e-3),
    ],
)
def test_sums_on_a_lattice_are_near_to_their_convolution(values, terms, off):
    chances_ = convolved(values.tolist(), terms)
    exact = np.cumsum(chances_[::-1])[::-1]
    sums = np.arange(exact.size)
    got = sum_tail(sums, terms, discrete(values, step=1.0))
    seen = (exact > 1e-12) & (chances_ > 0)
    assert got[seen] == pytest.approx(exact[seen], rel=off)


def test_a_statistic_between_two_sums_is_rounded_up():
    coins = discrete([0.0, 0.1], step=0.1)
    at, between = sum_tail([6.0, 5.91], 100, coins)
    assert at == between
    assert sum_tail(6.0 + 1e-9, 100, coins) == pytest.approx(at)


def test_a_sum_of_coins_is_binomial_where_no_float_holds_a_convolution():
    hits = np.arange(0, 6001, 50)
    got, exact = sum_tail(hits, 6000, discrete([0, 1], step=1.0)), binomial_tail(hits, 6000, 0.5)
    seen = exact > 1e-300
    assert got[seen] == pytest.approx(exact[seen], rel=1e-3)


def test_sums_at_and_beyond_their_ends():
    draw = discrete([0, 0, 0, 2], step=2.0)
    assert sum_tail([-1, 0, 6, 6.1], 3, draw).tolist() == pytest.approx([1, 1, 0.25**3, 0])
    assert sum_tail([0, 1], 0, draw).tolist() == [1, 0]


@given(st.integers(100, 5000), st.lists(st.integers(0, 30), max_size=40))
def test_saddlepoint_tails_fall_and_are_probabilities(terms, values):
    given_ = np.array([0, 1, *values])  # 1, so that sums are any whole numbers
    deviation = terms**0.5 * given_.std()
    sums = terms * given_.mean() + deviation * np.linspace(-8, 8, 60)
    tails = sum_tail(sums, terms, discrete(given_, step=1.0))
    assert ((tails >= 0) & (tails <= 1)).all()
    assert all(b <= a * (1 + 1e-3) for a, b in pairwise(tails))


def test_quadrature_has_the_moments_of_the_values():
    values = -np.log(np.arange(1, 8192) / 8191)
    at, weight = gauss_quadrature(values, 32)
    assert weight.sum() == pytest.approx(1, rel=1e-12)
    for power in range(1, 30):
        assert weight @ at**power == pytest.approx(np.mean(values**power), rel=1e-10)
    draw = discrete(values)
    for theta in (-2.0, -0.1, 0.3, 0.9, 2.0):
        assert draw.cumulants(np.array([theta])).value[0] == pytest.approx(
            math.log(np.mean(np.exp(theta * values))), abs=1e-12
        )


@pytest.mark.parametrize(("terms", "off"), [(32, 2e-3), (200, 5e-4)])
def test_sums_of_textseals_values_are_as_near_to_convolution_as_the_docstring_says(terms, off):
    values, step = -np.log(np.arange(1, 8192) / 8191), 1e-3
    one = np.bincount(np.rint(values / step).astype(int)) / values.size
    spectrum = np.fft.rfft(one, 2 ** math.ceil(math.log2(terms * one.size)))
    exact = np.cumsum(np.fft.irfft(spectrum**terms)[::-1])[::-1]
    at = np.arange(int((terms - 3 * terms**0.5) / step), int((terms + 6 * terms**0.5) / step), 97)
    got = sum_tail((at - 0.5) * step, terms, discrete(values))
    seen = exact[at] > 1e-8
    assert got[seen] == pytest.approx(exact[at][seen], rel=off)


def test_sums_of_dice_are_those_of_dice():
    dice = signal.convolve(np.full(6, 1 / 6), np.full(6, 1 / 6))
    got = sum_tail([2, 12, 13], 2, discrete(np.arange(1, 7)))
    assert got.tolist() == pytest.approx([1, dice[-1], 0])


def test_p_values_are_never_nought_and_one_where_nothing_counts():
    got = p_value(np.array([0.0, 0.5, 0.2]), np.array([9, 9, 0]))
    assert got.tolist() == [SMALLEST, 0.5, 1.0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: binomial_tail(0.5, 2, 0.5), r"successes holds 0\.5\. Pass whole numbers\."),
        (lambda: binomial_tail(0, -1, 0.5), r"trials holds -1\. Counts start at 0\."),
        (lambda: binomial_tail(0, 1, 1.5), r"probability holds 1\.5\. Pass chances in \[0, 1\]\."),
        (lambda: binomial_tail(0, 1, math.nan), r"probability holds nan\. Pass chances"),
        (lambda: gamma_tail(math.inf, 1), r"statistic holds inf\. Pass finite sums"),
        (lambda: gamma_tail(1, -2), r"shape holds -2\. Pass counts from 0\."),
        (
            lambda: hypergeometric_tail(1, 5, marked=2, population=4),
            r"drawn holds 5 of a population of 4\. Count",
        ),
        (
            lambda: hypergeometric_tail(1, 1, marked=5, population=4),
            r"marked is 5 of 4\. Give a number from 0",
        ),
        (lambda: sum_tail(math.nan, 1, discrete([0, 1])), r"statistic holds nan\. Pass finite sums\."),
        (lambda: sum_tail(1, -1, discrete([0, 1])), r"terms holds -1\. Counts start at 0\."),
        (lambda: discrete([1.0, 1.0]), r"values holds 2 values, not all finite and different\. Give two"),
    ],
)
def test_errors_of_tails_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
