"""The kernel between counts: against scipy, against processes whose kernel is known, and against outliers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from wellkeeper.errors import DataError
from wellkeeper.lab.kernel import EDGES, FEW, MOST, Kernel, drifted, kernel, negative_binomial


@given(st.floats(1e-6, 600), st.floats(1.001, 50), st.integers(1, 400))
def test_chances_are_scipys_and_what_lies_above_counts_as_the_most(mean, dispersion, most) -> None:
    ours = negative_binomial(np.array([mean]), np.array([dispersion]), most)[0]
    theirs = nbinom(mean / (dispersion - 1), 1 / dispersion)
    assert np.allclose(ours[:most], theirs.pmf(np.arange(most)), rtol=1e-7, atol=1e-12)
    assert ours[most] == pytest.approx(theirs.sf(most - 1), abs=1e-9)
    assert ours.sum() == pytest.approx(1)


def test_words_that_are_copied_by_chance_alone_have_a_poisson_kernel() -> None:
    rng = np.random.default_rng(1)
    before = rng.integers(0, 8, 200_000)
    found = kernel(before, rng.poisson(before))
    assert found.reproduction[1:8] == pytest.approx(np.ones(7), abs=0.02)
    assert found.means[0] == 0
    assert found.dispersions[1:8] == pytest.approx(np.ones(7), abs=0.03)
    rows = found.transitions()
    assert rows.sum(axis=1) == pytest.approx(np.ones(MOST + 1))
    assert rows[3, :12] == pytest.approx(poisson(3).pmf(np.arange(12)), abs=0.01)
    assert rows[0, 0] == pytest.approx(1)


def test_a_known_reproduction_resurrection_and_dispersion_come_back() -> None:
    rng = np.random.default_rng(2)
    before = np.repeat([0, 1, 2, 5, 50], 40_000)
    means, dispersion = np.where(before, 0.8 * before, 0.3), 2.5
    after = rng.negative_binomial(means / (dispersion - 1), 1 / dispersion)
    found = kernel(before, after)
    assert found.means[0] == pytest.approx(0.3, abs=0.01)
    assert found.reproduction[[1, 2, 5, 50]] == pytest.approx([0.8] * 4, abs=0.02)
    assert found.dispersions[[0, 1, 2, 5, 50]] == pytest.approx([dispersion] * 5, rel=0.06)


def test_the_chance_to_be_lost_is_what_was_seen_whatever_single_words_do() -> None:
    rng = np.random.default_rng(3)
    before = np.ones(5_000, np.int64)
    after = rng.poisson(1, 5_000)
    after[0] = 300
    seen = np.mean(after == 0)
    found = kernel(before, after)
    assert found.transitions()[1, 0] == pytest.approx(seen, abs=1e-3)
    moment = np.mean((after - after.mean()) ** 2) / after.mean()
    plain = negative_binomial(np.array([after.mean()]), np.array([moment]), MOST)[0, 0]
    assert plain > seen + 0.2


def test_where_nothing_was_lost_a_loss_is_no_likelier_than_one_in_all_words_and_one() -> None:
    before = np.full(999, 30)
    after = np.full(999, 30)
    after[0] = 20_000
    assert kernel(before, after).transitions()[30, 0] <= 1 / 1000 + 1e-9


def test_bins_with_few_words_are_open_and_copy_by_chance() -> None:
    found = kernel(np.repeat([1, 7], [100, FEW - 1]), np.repeat([1, 7], [100, FEW - 1]))
    assert not np.isnan(found.means[1])
    assert np.isnan(found.means[[0, 6, 7, 9]]).all()
    assert found.transitions()[7, :20] == pytest.approx(poisson(7).pmf(np.arange(20)), abs=1e-3)


def test_bins_share_one_reproduction_and_cover_every_count() -> None:
    rng = np.random.default_rng(4)
    before = rng.integers(1, 600, 20_000)
    found = kernel(before, rng.poisson(before))
    for low, high in pairwise(EDGES[1:]):
        assert np.ptp(found.reproduction[low:high]) < 1e-9
    assert not np.isnan(found.means[1:]).any()


def test_the_drift_goes_through_both_kernels_and_on_for_means_alone() -> None:
    def constant(mean: float, dispersion: float) -> Kernel:
        return Kernel(means=np.full(MOST + 1, mean), dispersions=np.full(MOST + 1, dispersion))

    first, second = constant(0.9, 1.2), constant(0.7, 1.6)
    for place, mean, dispersion in ((0.0, 0.9, 1.2), (1.0, 0.7, 1.6), (0.5, 0.8, 1.4), (2.0, 0.5, 1.6)):
        found = drifted(first, second, place)
        assert found.means[5] == pytest.approx(mean)
        assert found.dispersions[5] == pytest.approx(dispersion)
    assert drifted(first, second, 9.0).means.min() > 0


def test_what_one_kernel_has_not_seen_the_other_tells() -> None:
    seen = Kernel(means=np.full(MOST + 1, 0.4), dispersions=np.full(MOST + 1, 1.3))
    unseen = Kernel(means=np.full(MOST + 1, np.nan), dispersions=np.full(MOST + 1, np.nan))
    for pair in ((seen, unseen), (unseen, seen)):
        assert drifted(*pair, 1.7).means[0] == pytest.approx(0.4)
    assert np.isnan(drifted(unseen, unseen, 0.0).means).all()


def test_counts_that_do_not_fit_together_are_refused_with_what_to_do() -> None:
    with pytest.raises(
        DataError, match=r"before has 3 words and after has 4\. Count both over one shared vocab.*\.$"
    ):
        kernel(np.zeros(3, np.int64), np.zeros(4, np.int64))
    with pytest.raises(DataError, match=r"a word is counted -1 times\. Counts start at 0\.$"):
        kernel(np.array([1, 2]), np.array([0, -1]))
