"""Thresholds from known chance values: exceeded as often as promised, whatever the distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom, mannwhitneyu, norm

from wellkeeper.errors import DataError
from wellkeeper.measure.chance import lost_at_random, outlying_from, rank_allowed, rank_excess

DRAWS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "heavy": lambda rng, size: rng.pareto(0.7, size),
    "uniform": lambda rng, size: rng.random(size),
    "with ties": lambda rng, size: rng.integers(0, 50, size).astype(float),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_over_200_seeds_chance_exceeds_the_threshold_no_oftener_than_promised(draw):
    known, chances, expected, seeds = 400, 2_000, 20.0, 200
    rank = rank_allowed(known=known, chances=chances, expected=expected)
    above = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        threshold = np.sort(draw(rng, known))[-1 - rank]
        above += int(np.sum(draw(rng, 1) > threshold))  # one fresh value a seed: independent trials
    assert above <= binom.ppf(0.999, seeds, expected / chances)


def test_with_a_continuous_distribution_the_promise_is_kept_and_not_much_more():
    known, chances, expected = 999, 1_000, 50
    rank = rank_allowed(known=known, chances=chances, expected=expected)
    rng = np.random.default_rng(1)
    above = [float(np.mean(rng.random(2_000) > np.sort(rng.random(known))[-1 - rank])) for _ in range(300)]
    assert np.mean(above) == pytest.approx(expected / chances, rel=0.02)


@given(st.integers(0, 10_000), st.integers(1, 100_000), st.floats(0, 1_000))
def test_the_rank_is_the_greatest_that_keeps_the_promise(known, chances, expected):
    rank = rank_allowed(known=known, chances=chances, expected=expected)
    assert -1 <= rank < max(known, 1)
    assert chances * (rank + 1) / (known + 1) <= expected * (1 + 1e-12)
    if rank + 1 < known:
        assert chances * (rank + 2) / (known + 1) > expected * (1 - 1e-12)


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=50), st.floats(1e3, 1e9))
def test_fewer_than_half_of_the_values_cannot_move_the_limit_beyond_the_others(values, wild):
    """The median and the deviations from it stay within the range of the others."""
    spoilt = np.array(values + [wild] * (len(values) // 2 - 1))
    width = max(values) - min(values)
    assert outlying_from(spoilt, deviations=5) <= max(values) + 5 * 1.4826 * width + 1e-9


def test_of_a_normal_distribution_the_limit_is_so_many_standard_deviations_above_the_mean():
    values = np.random.default_rng(0).normal(10, 2, 100_000)
    assert outlying_from(values, deviations=5) == pytest.approx(20, abs=0.1)


@given(st.integers(1, 40), st.data())
def test_the_loss_at_random_is_hypergeometric(documents, data):
    removed = data.draw(st.integers(0, documents))
    frequencies = data.draw(st.lists(st.integers(1, documents), min_size=1, max_size=8))
    expected = np.mean([hypergeom(documents, f, removed).pmf(f) for f in frequencies])
    assert lost_at_random(np.array(frequencies), documents=documents, removed=removed) == pytest.approx(
        expected
    )


def test_without_types_nothing_is_lost():
    assert lost_at_random(np.zeros(0, np.int64), documents=5, removed=5) == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rank_allowed(known=-1, chances=3, expected=1), r"known is -1.*Count at least one chance"),
        (lambda: rank_allowed(known=1, chances=0, expected=1), r"chances is 0"),
        (
            lambda: outlying_from(np.zeros(0), deviations=5),
            r"no value to take a median of\. Pass at least one",
        ),
        (
            lambda: lost_at_random(np.array([3]), documents=2, removed=1),
            r"up to 3 hold a type\. Count documents",
        ),
        (lambda: lost_at_random(np.array([1]), documents=2, removed=3), r"3 of 2 documents are removed"),
    ],
)
def test_wrong_counts_say_what_was_found_and_what_to_pass(call, says):
    with pytest.raises(DataError, match=says):
        call()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_excess_and_its_variance_are_those_of_the_rank_test(draw):
    rng = np.random.default_rng(0)
    values, chance = draw(rng, 40), draw(rng, 90)
    above, variance = rank_excess(values, chance, independent=90)
    theirs = mannwhitneyu(values, chance, alternative="greater", use_continuity=False, method="asymptotic")
    assert above == pytest.approx(theirs.statistic / 90 - 20)
    assert norm.sf(above / np.sqrt(variance)) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_ranks_that_tell_nothing_have_no_variance():
    assert rank_excess(np.ones(5), np.ones(9), independent=9) == (0.0, 0.0)
    assert rank_excess(np.zeros(0), np.ones(9), independent=9) == (0.0, 0.0)


@pytest.mark.parametrize(("chance", "independent"), [(np.zeros(0), 1), (np.ones(3), 0)])
def test_ranks_need_something_to_stand_among(chance, independent):
    with pytest.raises(
        DataError, match=r"chance has \d values, \d of them independent\. Pass at least one that is"
    ):
        rank_excess(np.ones(2), chance, independent=independent)
