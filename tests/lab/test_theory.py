"""Closed forms against libraries, published figures, other derivations and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import theory
from wellkeeper.lab.policy import Policy

LINEAR = (
    "replace",
    "accumulate",
    "subsample",
    "fixed=0.1",
    "fresh=0.1",
    "augment=0.5",
    "schedule=0.2:0.6",
    "replace,growth=1.2",
    "accumulate,fresh=0.2",
    "subsample,fresh=0.2,growth=1.1",
)


@given(st.floats(1e-3, 1e6))
def test_digamma_is_scipys(x: float) -> None:
    assert theory.digamma(x) == pytest.approx(float(special.digamma(x)), rel=1e-12, abs=1e-12)


@given(st.floats(1.01, 30), st.integers(0, 10_000))
def test_zeta_is_scipys(exponent: float, beyond: int) -> None:
    assert theory.zeta(exponent, beyond) == pytest.approx(
        float(special.zeta(exponent, beyond + 1)), rel=1e-10
    )


def test_zeta_of_a_sum_without_end_is_refused() -> None:
    with pytest.raises(DataError, match=r"The exponent is 1, and .* has no end\. Give one above 1\."):
        theory.zeta(1.0)


@pytest.mark.parametrize("size", [2, 10, 100])
def test_moments_under_replace_and_accumulate_are_the_published_products(size: int) -> None:
    replaced = theory.moments(Policy(), size, 30)
    kept = theory.moments(Policy.parse("accumulate"), size, 30)
    for generation in range(31):
        assert replaced.variance[generation] == pytest.approx((1 - 1 / size) ** (generation + 1))
        assert replaced.squared_error[generation] == pytest.approx(1 - (1 - 1 / size) ** (generation + 1))
        assert kept.variance[generation] == pytest.approx(theory.accumulated(size, generation))
    assert kept.variance[-1] > theory.accumulated_limit(size) if size > 1 else True


def test_moments_of_the_unbiased_estimator_keep_the_variance_and_let_the_mean_wander() -> None:
    found = theory.moments(Policy(), 50, 100, unbiased=True)
    assert found.variance == pytest.approx(np.ones(101))
    assert found.squared_error == pytest.approx(np.arange(1, 102) / 50)


def test_moments_with_fresh_human_data_are_the_published_recursion() -> None:
    """V' = (1 - 1/n)((1 - a) V + a) + a (1 - a) E and E' = (1 - a)^2 E + (a + (1 - a) V) / n, save for terms in 1/n.

    The published recursion draws each item from people with chance a; here exactly a n of them are people's, which
    takes a (1 - a) E (1 - 1/n) - a (1 - a) E out of it.
    """
    size, share = 100, 0.1
    variance, error = 1 - 1 / size, 1 / size
    found = theory.moments(Policy(fresh=share), size, 60)
    for generation in range(61):
        assert found.variance[generation] == pytest.approx(variance, rel=1e-4)
        assert found.squared_error[generation] == pytest.approx(error, rel=1e-4)
        mixed = (1 - share) * variance + share
        variance, error = (
            (1 - 1 / size) * mixed + share * (1 - share) * error,
            (1 - share) ** 2 * error + mixed / size,
        )
    assert found.variance[-1] == pytest.approx(0.9497, abs=1e-4)
    assert found.squared_error[-1] == pytest.approx(0.05025, abs=1e-5)


@given(st.integers(2, 500), st.floats(0, 2), st.integers(0, 60))
def test_a_kernel_adds_its_squared_bandwidth(size: int, bandwidth: float, last: int) -> None:
    found = theory.moments(Policy(), size, last, added=bandwidth**2).variance
    # The closed form speaks of sets drawn from a population whose variance is 1, kernels' included.
    expected = [theory.kernel_variance(size, bandwidth, generation) for generation in range(last + 1)]
    assert found == pytest.approx(np.array(expected), rel=1e-9)


@given(st.sampled_from(LINEAR), st.integers(2, 300))
def test_models_never_have_more_variance_than_people_by_maximum_likelihood(line: str, size: int) -> None:
    found = theory.moments(Policy.parse(line), size, 20)
    assert np.all((found.variance > 0) & (found.variance < 1))
    assert np.all((found.squared_error > 0) & (found.squared_error <= 1))


def test_the_published_figures_of_the_normal_model() -> None:
    likeliest = theory.normal_line(Policy(), 50, 99)
    unbiased = theory.normal_line(Policy(), 50, 99, unbiased=True)
    assert theory.replaced(50, 99) == pytest.approx(0.1326, abs=5e-5)
    assert likeliest.log_variance[-1] == pytest.approx(-4.075, abs=5e-4)
    assert unbiased.log_variance[-1] == pytest.approx(-2.055, abs=5e-4)
    assert theory.accumulated_limit(10) == pytest.approx(0.8434, abs=5e-5)
    assert theory.kernel_variance(100, 0.2, 49) == pytest.approx(2.185, abs=5e-4)
    assert 4.49 * theory.replaced(200, 29) == pytest.approx(3.863, abs=5e-4)


@pytest.mark.parametrize("unbiased", [False, True])
def test_a_line_of_normal_models_follows_the_chi_squared_distribution(unbiased: bool) -> None:
    """E ln and E sqrt of chi-squared by scipy's quadrature; sizes differ where sets grow."""
    policy = Policy.parse("replace,growth=1.5,temperature=0.9")
    found = theory.normal_line(policy, 8, 3, unbiased=unbiased)
    log_variance, deviation = 0.0, 1.0
    for generation, size in enumerate((8, 12, 18, 27)):
        scale = (0.9 if generation else 1.0) / (size - 1 if unbiased else size)
        squares = stats.chi2(size - 1, scale=scale)
        log_variance += squares.expect(np.log)
        deviation *= squares.expect(np.sqrt)
        assert found.log_variance[generation] == pytest.approx(log_variance, rel=1e-6)
        assert found.deviation[generation] == pytest.approx(deviation, rel=1e-6)


def test_to_first_order_the_squared_wasserstein_distance_grows_as_one_and_a_half_over_n() -> None:
    found = theory.normal_line(Policy.parse("replace,growth=1.1"), 10_000, 8, unbiased=True).wasserstein
    rates = 1.5 * np.cumsum([1 / round(10_000 * 1.1**k) for k in range(9)])
    assert found == pytest.approx(rates, rel=0.002)


def test_the_bound_on_a_surviving_deviation_holds() -> None:
    rng = np.random.default_rng(0)
    size, runs = 10, 20_000
    deviation = np.ones(runs)
    for generation in range(60):
        deviation *= np.sqrt(rng.chisquare(size - 1, runs) / (size - 1))
        for least in (0.05, 0.3):
            above = np.mean(deviation > least)
            assert above <= theory.most_deviation(size, generation, least) + 3 / runs**0.5
    assert theory.most_deviation(size, 59, 0.3) < 1  # it says something


@given(st.integers(2, 10_000))
def test_that_bound_follows_from_the_mean_of_the_deviation(size: int) -> None:
    factor = theory.normal_line(Policy(), size, 0, unbiased=True).deviation[0]
    assert factor < math.exp(-1 / (4 * size))


@given(st.floats(0.01, 100), st.integers(0, 50))
def test_the_published_bound_on_survival_lies_below_the_law(copies: float, last: int) -> None:
    from wellkeeper.lab.n_eff import coefficients

    law = -np.expm1(-copies * coefficients(Policy(), last))
    assert np.all(theory.least_survival(copies, last) <= law + 1e-12)


def test_missing_mass_of_infinitely_many_types_is_the_sum_of_them() -> None:
    types = np.arange(1, 2_000_001, dtype=np.float64)
    for exponent in (1.5, 2.0):
        shares = types**-exponent / special.zeta(exponent)
        for size in (1.0, 100.0, 10_000.0):
            rest = special.zeta(exponent, types.size + 1) / special.zeta(exponent)
            rest -= size * special.zeta(2 * exponent, types.size + 1) / special.zeta(exponent) ** 2
            direct = shares @ (1 - shares) ** size + rest
            assert theory.missing_mass(exponent, np.array([size]))[0] == pytest.approx(direct, rel=1e-6)


@given(st.floats(1.1, 4), st.integers(1, 300), st.floats(0, 1e5))
def test_missing_mass_of_a_cut_tail_is_the_sum_of_it_and_never_below_its_floor(
    exponent: float, cut: int, size: float
) -> None:
    found = theory.missing_mass(exponent, np.array([size]), cut=cut)[0]
    shares = np.arange(1, cut + 1, dtype=np.float64) ** -exponent
    floor = special.zeta(exponent, cut + 1) / special.zeta(exponent)
    seen = (shares / special.zeta(exponent)) @ (1 - shares / shares.sum()) ** size
    assert found == pytest.approx(floor + seen, rel=1e-9)


@given(st.floats(1.3, 3))
def test_slopes_are_those_of_the_sums_far_out(exponent: float) -> None:
    sizes = np.array([1e7, 1e8])
    rates = np.diff(np.log(theory.missing_mass(exponent, sizes))) / np.log(10)
    assert rates[0] == pytest.approx(theory.missing_mass_slope(exponent), abs=0.02)
    floors = [theory.missing_mass(exponent, np.array([1e15]), cut=cut)[0] for cut in (100, 1_000)]
    assert math.log10(floors[1] / floors[0]) == pytest.approx(theory.cut_slope(exponent), abs=0.01)


@given(st.integers(2, 1_000), st.floats(0, 1), st.integers(0, 100))
def test_seddiks_agreement_is_one_less_what_is_left_of_heterozygosity(
    size: int, first: float, last: int
) -> None:
    left = theory.moments(Policy(), size, last).variance[-1]
    assert theory.agreement(first, size, last) == pytest.approx(1 - (1 - first) * left)


def test_what_has_no_closed_form_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"No closed form is known for policy replace,verify=0\.9/0\.1\. Read the sim"
    ):
        theory.moments(Policy.parse("replace,verify=0.9/0.1"), 10, 2)
    with pytest.raises(
        RecipeError, match=r"Under policy fresh=0\.1 models learn from more than the last one\. Read `mo"
    ):
        theory.normal_line(Policy.parse("fresh=0.1"), 10, 2)
    assert not theory.has_moments(Policy.parse("replace,top-k=3"))
    assert not theory.is_line(Policy.parse("schedule=0.5"))
    assert theory.is_line(Policy.parse("schedule=1"))
