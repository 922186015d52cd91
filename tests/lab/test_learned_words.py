"""Networks know some words and not others: told apart by two generations."""

import numpy as np
import pytest

from wellkeeper.errors import DataError
from wellkeeper.lab.chain import Chain, Kernels
from wellkeeper.lab.kernel import MOST, kernel, learned
from wellkeeper.lab.seeds import stream

WORDS, STRANGERS, GENERATIONS = 40_000, 40_000, 6
BACK = 0.03  # chance of an unknown word to come back
KNOWN = {1: 0.2, 2: 0.3, 3: 0.4, 5: 0.6, 9: 0.9}  # share of the known by copies in the human text


@pytest.fixture(scope="module")
def population():
    """Words that are known for good, which are drawn again, and unknown ones, which come by chance alone."""
    random = stream(1, "learned words")
    start = random.choice(list(KNOWN), WORDS)
    known = random.random(WORDS) < np.vectorize(KNOWN.get)(start)
    counts = [start]
    for _ in range(GENERATIONS):
        rare = (random.random(WORDS) < BACK).astype(np.int64)
        counts.append(np.where(known, random.poisson(counts[-1]), rare))
    strangers = (random.random(STRANGERS) < BACK).astype(np.int64)
    return known, counts, strangers


def test_the_share_of_the_known_is_found_by_how_often_a_word_came(population) -> None:
    _, counts, strangers = population
    found = learned(*counts[:3], strangers)
    assert found.absent == pytest.approx(1 - BACK, abs=0.004)
    for copies, share in KNOWN.items():
        assert found.known[copies] == pytest.approx(share, abs=0.06)


def test_the_known_reproduce_as_they_do(population) -> None:
    _, counts, strangers = population
    found = learned(*counts[:3], strangers)
    for copies in (1, 2, 3, 5):
        assert found.kernel.reproduction[copies] == pytest.approx(1, abs=0.12)


def test_two_classes_foretell_what_one_does_not(population) -> None:
    _, counts, strangers = population
    start, first, second = counts[:3]
    own, later = kernel(start, first), kernel(first, second)
    chain = Chain(profile=None, starts=start, lost=np.ones(WORDS, np.bool_))
    left = []
    for found in (None, learned(start, first, second, strangers)):
        kernels = Kernels(first=own, second=later, opening=own, learned=found)
        left.append(1 - chain.absences(kernels, GENERATIONS)[-1].mean())
    true = np.mean(counts[-1] > 0)
    assert left[1] == pytest.approx(true, rel=0.06)
    assert abs(left[0] - true) > 2 * abs(left[1] - true)


def test_where_all_words_are_known_all_are_found_to_be() -> None:
    random = stream(2, "learned words")
    start = random.integers(1, 12, WORDS)
    first = random.poisson(start)
    second = random.poisson(first)
    found = learned(start, first, second, np.zeros(100, np.int64))
    # some 3,600 words a count: the standard error of the share at a count of 1 is .018
    assert found.known[1:10].min() > 1 - 3 * 0.018
    assert found.absent == 1


def test_chances_stay_chances_whatever_was_counted() -> None:
    random = stream(3, "learned words")
    for _ in range(50):
        counts = [random.integers(0, random.integers(1, 600), 30) for _ in range(3)]
        found = learned(*counts, random.integers(0, 2, random.integers(0, 9)))
        assert (found.known >= 0).all()
        assert (found.known <= 1).all()
        assert found.known.shape == (MOST + 1,)
        np.testing.assert_allclose(found.kernel.transitions().sum(axis=1), 1, atol=1e-9)


def test_counts_of_other_words_are_refused() -> None:
    with pytest.raises(DataError, match=r"Count both over one shared vocabulary\.$"):
        learned(np.ones(3, np.int64), np.ones(2, np.int64), np.ones(2, np.int64), np.zeros(0, np.int64))
