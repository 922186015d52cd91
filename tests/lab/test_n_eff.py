"""The law of effective sample size against exact chains, simulation and its own inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import theory
from wellkeeper.lab.n_eff import absence, carried, coefficients, fresh_share_for, limit
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.worlds.categorical import CategoricalWorld, zipf

PLAIN = ("replace", "fixed=0.1", "fresh=0.1", "fixed=0.2,fresh=0.1", "augment=0.5", "schedule=0.2:0.9:0.5")
GROWING = ("replace,growth=1.3", "fixed=0.2,growth=1.2", "fresh=0.1,growth=0.9", "augment=0.5,growth=1.2")


@pytest.mark.parametrize(
    ("generation", "published"), [(1, 0.632), (2, 0.468), (4, 0.312), (9, 0.172), (19, 0.092), (49, 0.038)]
)
def test_under_replace_the_law_gives_the_published_table(generation: int, published: float) -> None:
    assert coefficients(Policy(), generation)[-1] == pytest.approx(published, abs=0.0006)


@pytest.mark.parametrize(
    ("share", "published"),
    [(0.5, 0.870), (0.2, 0.587), (0.1, 0.400), (0.05, 0.258), (0.02, 0.136), (0.01, 0.081)],
)
def test_fresh_human_data_hold_the_published_share_for_ever(share: float, published: float) -> None:
    assert limit(share, fresh=True) == pytest.approx(published, abs=0.0006)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_coefficients_tend_to_their_limit(share: float) -> None:
    assert coefficients(Policy(fresh=share), 300)[-1] == pytest.approx(limit(share, fresh=True), rel=1e-5)
    assert coefficients(Policy(fixed=share), 300)[-1] == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize("share", [0.9, 0.1, 1e-3, 2e-5])
def test_the_limit_is_the_sum_of_all_generations(share: float) -> None:
    total = alive = 1.0
    while alive > 1e-12 * share:
        alive = -np.expm1(-(1 - share) * alive)
        total += alive
    assert limit(share, fresh=True) == pytest.approx(share * total, rel=1e-9 if share >= 1e-4 else 1e-4)


@settings(max_examples=20)
@given(st.floats(0, 1))
def test_the_share_to_keep_is_found_again(kept: float) -> None:
    assert limit(fresh_share_for(kept), fresh=True) == pytest.approx(kept, abs=1e-6)


@given(st.floats(0.001, 1), st.integers(0, 30))
def test_coefficients_fall_from_one_to_no_less_than_the_human_share(share: float, last: int) -> None:
    for policy in (Policy(fixed=share), Policy(fresh=share)):
        found = coefficients(policy, last)
        assert found[0] == 1
        assert np.all(np.diff(found) <= 1e-12)
        assert found[-1] >= share - 1e-12


def test_what_is_kept_is_never_lost_and_fresh_data_add_to_it() -> None:
    assert coefficients(Policy.parse("accumulate"), 3).tolist() == [1, 1, 1, 1]
    added = coefficients(Policy.parse("accumulate,fresh=0.1,growth=2"), 3)
    assert added.tolist() == pytest.approx([1, 1.2, 1.6, 2.4])


@pytest.mark.parametrize("line", [*PLAIN, *GROWING, "accumulate,fresh=0.1"])
def test_what_the_corpus_itself_carries_is_all_that_fresh_text_does_not_add(line: str) -> None:
    policy = Policy.parse(line)
    alone = policy.parts(1).fresh == 0
    found, whole = carried(policy, 8), coefficients(policy, 8)
    assert np.all(found <= whole + 1e-12)
    assert np.all((found[1:] < whole[1:]) != alone)


@pytest.mark.parametrize("line", ["replace", "fixed=0.1", "fresh=0.1", "augment=0.5"])
def test_words_of_a_corpus_are_absent_from_simulated_generations_as_often_as_said(line: str) -> None:
    policy, copies, last, runs = Policy.parse(line), np.array([1, 3, 12]), 6, 300
    corpus = np.repeat(copies, 40)
    probabilities = corpus / corpus.sum()
    world = _Corpus(replicates=runs, probabilities=probabilities, counts=corpus)
    said = absence(policy, copies, last)
    for generation in generations(world, policy, size=int(corpus.sum()), count=last, seed=4):
        lost = (generation.model == 0).reshape(runs, 3, 40).mean(axis=(0, 2))
        assert lost == pytest.approx(said[generation.number], abs=0.02)


class _Corpus(CategoricalWorld):
    """A world whose first human data are a corpus, and fresh ones are drawn with its frequencies."""

    def __init__(
        self, *, replicates: int, probabilities: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> None:
        super().__init__(replicates=replicates, probabilities=probabilities)
        object.__setattr__(self, "counts", counts)

    def human(self, first: int, size: int, random: np.random.Generator):
        whole = int(self.counts.sum())
        if first >= whole:
            return super().human(first, size, random)
        drawn = random.multivariate_hypergeometric(self.counts, first + size, size=self.replicates)
        if first:
            drawn = self.counts - self._core
        else:
            object.__setattr__(self, "_core", drawn)
        return (np.broadcast_to(drawn, (self.replicates, self.counts.size)).copy(),)


def _alive(policy: Policy, probability: float, size: int, last: int) -> NDArray[np.float64]:
    """The exact chance that a type is in data sets 0 ... last: a Markov chain on its count, sizes fixed, no core."""
    counts = np.arange(size + 1)
    _, fresh, made = policy.parts(1).items(size)
    new = binom.pmf(counts[: fresh + 1], fresh, probability)
    step = np.stack(
        [np.convolve(binom.pmf(np.arange(made + 1), made, count / size), new) for count in counts]
    )
    state = binom.pmf(counts, size, probability)
    found = [1 - state[0]]
    for _ in range(last):
        state = state @ step
        found.append(1 - state[0])
    return np.array(found)


@pytest.mark.parametrize("line", ["replace", "fresh=0.1", "fresh=0.5"])
@pytest.mark.parametrize("copies", [0.2, 1, 4])
def test_the_law_is_within_two_in_a_hundred_of_the_exact_chain(line: str, copies: float) -> None:
    size, last = 400, 40
    policy = Policy.parse(line)
    exact = _alive(policy, copies / size, size, last)
    law = 1 - (1 - copies / size) ** (size * coefficients(policy, last))
    assert law == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("line", [*PLAIN, *GROWING, "accumulate", "accumulate,fresh=0.1"])
def test_types_and_lost_mass_of_simulated_recursions_follow_the_law(line: str) -> None:
    """Within 2 % of the types and 3 % of the mass, after one and after twelve generations of 2,000 draws."""
    policy, size, last = Policy.parse(line), 2_000, 12
    probabilities = zipf(1_500, 1.0)
    world = CategoricalWorld(replicates=30, probabilities=probabilities)
    types, lost = theory.surviving(probabilities, size, coefficients(policy, last))
    for generation in generations(world, policy, size=size, count=last, seed=3):
        if generation.number in {1, last}:
            assert generation.figures["types"].mean() == pytest.approx(types[generation.number], rel=0.02)
            assert generation.figures["lost_mass"].mean() == pytest.approx(lost[generation.number], rel=0.03)


@pytest.mark.parametrize(
    "line", ["subsample", "replace,verify=0.9/0.1", "replace,detect=0.9", "replace,temperature=0.8"]
)
def test_policies_without_a_closed_form_say_so(line: str) -> None:
    with pytest.raises(
        RecipeError, match=r"No closed form is known for policy .*\. Measure it on a proxy: `wellkeeper"
    ):
        coefficients(Policy.parse(line), 3)


def test_a_part_to_keep_outside_of_its_range_is_refused() -> None:
    with pytest.raises(DataError, match=r"the part of n_eff to keep is 1\.5\. Give a number from 0 to 1\."):
        fresh_share_for(1.5)
