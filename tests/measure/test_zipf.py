"""Exponents against scipy's optimum, sources whose exponents are known, and plain deletion."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.hill import document_frequencies, hill_numbers
from wellkeeper.measure.incidence import incidence_of, select
from wellkeeper.measure.jackknife import blocks, influences, interval
from wellkeeper.measure.zipf import heaps_exponent, word_laws, zipf_exponent


def by_search(counts: np.ndarray) -> float:
    tokens = np.sort(counts[counts > 0])[::-1].astype(float)
    logs = np.log(np.arange(1, tokens.size + 1))
    return minimize_scalar(
        lambda s: s * (tokens @ logs) + tokens.sum() * np.log(np.exp(-s * logs).sum()),
        bounds=(0, 40),
        method="bounded",
        options={"xatol": 1e-9},
    ).x


@given(
    st.lists(st.integers(0, 2000), min_size=2, max_size=60).filter(lambda counts: sum(map(bool, counts)) > 1)
)
def test_zipfs_exponent_is_where_the_likelihood_of_the_ranks_is_greatest(counts: list[int]) -> None:
    found = zipf_exponent(np.array(counts))
    assert found == pytest.approx(by_search(np.array(counts)), abs=2e-4, rel=1e-4)


@pytest.mark.parametrize("exponent", [0.5, 0.9, 1.0, 1.2, 2.0])
def test_exact_frequencies_of_a_power_law_have_its_exponent(exponent: float) -> None:
    shares = np.arange(1, 301) ** -exponent
    assert zipf_exponent(np.round(shares / shares.sum() * 1e12).astype(np.int64)) == pytest.approx(
        exponent, abs=1e-3
    )


def test_drawn_words_of_a_power_law_whose_types_are_all_seen_have_its_exponent() -> None:
    rng = np.random.default_rng(1)
    shares = np.arange(1, 201) ** -1.1
    found = [zipf_exponent(rng.multinomial(20_000, shares / shares.sum())) for _ in range(50)]
    # variance of the estimate: 1 / (tokens * variance of ln k under the law)
    shares /= shares.sum()
    logs = np.log(np.arange(1, 201))
    spread = 1 / math.sqrt(20_000 * (shares @ logs**2 - (shares @ logs) ** 2))
    assert abs(np.mean(found) - 1.1) < 3 * spread
    assert np.std(found) == pytest.approx(spread, rel=0.4)


def test_one_type_that_is_nearly_everything_has_a_steep_slope() -> None:
    assert zipf_exponent(np.array([10_000_000, 1])) == pytest.approx(math.log2(1e7), rel=1e-6)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=40), st.integers(2, 9))
def test_a_tail_of_more_types_never_flattens_what_stands_before_it(counts: list[int], times: int) -> None:
    """Twice the tokens of every type changes no share, hence no exponent."""
    found = np.array(counts)
    assert zipf_exponent(found * times) == pytest.approx(zipf_exponent(found), abs=1e-6)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(30, 60))
def test_heaps_exponent_is_the_logarithm_of_two_rarefied_richnesses(y: list[int], documents: int) -> None:
    found = heaps_exponent(np.array(y), documents)
    half = documents // 2
    richness = [hill_numbers(np.array(y), documents, units)[0] for units in (half, documents)]
    assert found == pytest.approx(math.log(richness[1] / richness[0]) / math.log(documents / half))
    assert -1e-12 <= found <= 1 + 1e-12


def test_heaps_exponent_is_one_where_all_is_new_and_zero_where_all_is_old() -> None:
    assert heaps_exponent(np.ones(90, np.int64), 30) == pytest.approx(1)
    assert heaps_exponent(np.full(90, 30), 30) == pytest.approx(0)


def test_heaps_exponent_of_a_source_whose_types_grow_with_a_power_is_that_power() -> None:
    """Karlin 1967: chances that fall as k^(-1/b) let types grow as n^b."""
    power = 0.6
    shares = np.arange(1, 2_000_001) ** (-1 / power)
    rng = np.random.default_rng(4)
    # documents of one word
    counts = rng.multinomial(1_000_000, shares / shares.sum())
    assert heaps_exponent(counts[counts > 0], 1_000_000) == pytest.approx(power, abs=0.03)


corpora = st.lists(st.lists(st.integers(0, 30), min_size=2, max_size=15), min_size=10, max_size=70).filter(
    lambda documents: len({word for document in documents for word in document}) > 1
)


@given(corpora)
def test_estimates_lie_in_their_intervals_and_ranges_and_are_those_of_the_counts(documents) -> None:
    found = incidence(documents)
    laws = word_laws(found)
    assert (laws.documents, laws.words) == (len(documents), sum(map(len, documents)))
    for one in (laws.zipf, laws.heaps):
        assert 0 <= one.low <= one.estimate + 1e-9
        assert one.estimate <= one.high + 1e-9
    assert laws.heaps.high <= 1
    tokens = np.unique([word for document in documents for word in document], return_counts=True)[1]
    assert laws.zipf.estimate == pytest.approx(zipf_exponent(tokens), abs=1e-6)
    assert laws.heaps.estimate == pytest.approx(heaps_exponent(document_frequencies(found), found.documents))


def test_zipfs_interval_is_that_of_each_block_emptied_by_hand() -> None:
    found = incidence_of(*Source(types=800, words=40).sampler()(130, np.random.default_rng(5)))
    laws = word_laws(found)
    bounds = blocks(found.documents)
    emptied, sizes = [], []
    for first, last in pairwise(bounds):
        chosen = np.ones(found.documents, bool)
        chosen[first:last] = False
        part = select(found, chosen)
        emptied.append(
            zipf_exponent(np.bincount(np.unique(part.types, return_inverse=True)[1], part.tokens).astype(int))
        )
        sizes.append(found.words - part.words)
    by_hand = interval(
        laws.zipf.estimate, [influences(laws.zipf.estimate - np.array(emptied), np.array(sizes))]
    )
    assert laws.zipf.high == pytest.approx(by_hand.high, abs=1e-7)
    assert laws.zipf.low == pytest.approx(by_hand.low, abs=1e-7)


def test_both_exponents_drift_with_size_and_are_compared_at_one() -> None:
    found = incidence_of(*Source(spread=0.3).sampler()(400, np.random.default_rng(6)))
    small, large = (word_laws(found, words=words) for words in (8_000, 80_000))
    assert abs(small.words - 8_000) < 400
    assert small.zipf.high < large.zipf.low
    assert large.heaps.high < small.heaps.low


def test_a_source_at_temperature_0_7_falls_faster_and_grows_more_slowly() -> None:
    rng = np.random.default_rng(7)
    human, cold = (
        word_laws(
            incidence_of(*Source(temperature=temperature, spread=0.3).sampler()(110, rng)), words=20_000
        )
        for temperature in (1.0, 0.7)
    )
    assert human.zipf.high < cold.zipf.low
    assert cold.heaps.high < human.heaps.low


def test_laws_tell_themselves_in_json() -> None:
    report = word_laws(incidence([[k % 7, 1, 1] for k in range(20)])).to_json()
    assert set(report) == {"documents", "words", "zipf", "heaps"}
    assert (report["documents"], report["words"]) == (20, 60)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: zipf_exponent(np.array([3, -1])), r"^counts\[1\] is -1\. Counts start at 0\.$"),
        (
            lambda: zipf_exponent(np.array([3, 0])),
            r"^1 types have tokens, and a slope needs 2\. Check that the text",
        ),
        (lambda: zipf_exponent(np.array([], np.int64)), r"^0 types have tokens, and a slope needs 2\."),
        (
            lambda: heaps_exponent(np.array([1]), 1),
            r"^growth needs 2 documents, and there is 1\. Give more documents\.$",
        ),
        (
            lambda: word_laws(incidence([[1, 2]] * 12), words=25),
            r"^cannot cut 24 words to 25\. Ask for at most 24 words, those of the smaller of the corpora to compare\.$",
        ),
        (
            lambda: word_laws(incidence([[1, 2]] * 12), words=6),
            r"^the corpus, at 6 words, has 3 documents, too few for an interval\. Give at least 10 documents\.$",
        ),
        (
            lambda: word_laws(incidence([[1]] * 12)),
            r"^the corpus has 1 type, and a slope needs 2\. Check that",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
