"""Rarefied Hill numbers against enumeration, scipy, scikit-bio and closed forms."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom
from skbio.diversity.alpha import hill as skbio_hill
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.hill import curve, document_frequencies, hill_numbers, moments
from wellkeeper.measure.incidence import incidence_of


@st.composite
def frequencies(draw):
    """Document frequencies, the number of documents, and a number of documents to rarefy to."""
    documents = draw(st.integers(2, 60))
    counts = draw(st.lists(st.integers(1, documents), min_size=1, max_size=30))
    return np.array(counts), documents, draw(st.integers(1, documents))


def by_enumeration(presence: np.ndarray, units: int) -> list[float]:
    """Average the incidence frequency counts of all choices of `units` documents, then Chao's formulas."""
    choices = list(combinations(range(len(presence)), units))
    expected = np.zeros(units + 1)
    for chosen in choices:
        expected += np.bincount(presence[list(chosen)].sum(axis=0), minlength=units + 1)
    expected /= len(choices)
    k = np.arange(1, units + 1)
    share = k / (k @ expected[1:])
    q = expected[1:]
    return [q.sum(), np.exp(-(share * np.log(share)) @ q), 1 / (share**2 @ q)]


@given(st.integers(0, 10_000), st.integers(2, 7))
def test_hill_numbers_are_those_of_every_choice_of_documents_enumerated(seed: int, documents: int) -> None:
    rng = np.random.default_rng(seed)
    presence = (rng.random((documents, 6)) < rng.random(6)).astype(np.int64)
    presence[0, 0] = 1
    presence = presence[:, presence.any(axis=0)]
    for units in range(1, documents + 1):
        found = hill_numbers(presence.sum(axis=0), documents, units)
        np.testing.assert_allclose(found, by_enumeration(presence, units), rtol=1e-12)


@pytest.mark.parametrize(("documents", "units"), [(7, 3), (500, 250), (5000, 2500), (5000, 17)])
def test_moments_are_those_of_scipys_hypergeometric(documents: int, units: int) -> None:
    y = np.unique(np.geomspace(1, documents, 40).astype(np.int64))
    k = np.arange(units + 1)[:, None]
    chance = hypergeom.pmf(k, documents, y, units)
    k_log_k = k * np.log(np.maximum(k, 1))
    expected = [1 - chance[0], (k_log_k * chance).sum(0), (k**2 * chance).sum(0), (k * chance).sum(0)]
    np.testing.assert_allclose(moments(y, documents, units), expected, rtol=1e-9, atol=1e-12)


@given(frequencies())
def test_unrarefied_hill_numbers_are_scikit_bios_of_the_frequencies(case) -> None:
    counts, documents, _ = case
    found = hill_numbers(counts, documents, documents)
    np.testing.assert_allclose(found, [skbio_hill(counts, order=q) for q in (0, 1, 2)], rtol=1e-9)


@given(frequencies())
def test_hill_numbers_fall_with_their_order_and_never_exceed_the_types(case) -> None:
    counts, documents, units = case
    q0, q1, q2 = hill_numbers(counts, documents, units)
    assert counts.size * (1 + 1e-9) >= q0
    assert q0 * (1 + 1e-9) >= q1
    assert q1 * (1 + 1e-9) >= q2


@given(frequencies())
def test_more_documents_never_hold_fewer_types(case) -> None:
    counts, documents, _ = case
    richness = [hill_numbers(counts, documents, units)[0] for units in range(1, documents + 1)]
    assert np.diff(richness).min() >= -1e-9
    assert richness[-1] == pytest.approx(counts.size)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_types_that_every_document_has_count_in_full_at_every_size(types: int, documents: int, data) -> None:
    units = data.draw(st.integers(1, documents))
    found = hill_numbers(np.full(types, documents), documents, units)
    np.testing.assert_allclose(found, [types] * 3, rtol=1e-9)


def test_types_of_one_document_each_are_found_in_proportion() -> None:
    np.testing.assert_allclose(hill_numbers(np.ones(90, np.int64), documents=30, units=10), [30, 30, 30])


def test_the_curve_rises_ever_more_slowly_to_all_types() -> None:
    found = incidence_of(*Source(types=3000, words=60).sampler()(80, np.random.default_rng(3)))
    line = curve(found, points=9)
    assert line.documents[0] == 1
    assert line.documents[-1] == found.documents
    assert line.words[-1] == found.words
    assert line.types[-1] == pytest.approx(document_frequencies(found).size)
    slopes = np.diff(line.types) / np.diff(line.documents)
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 0).all()
    assert line.to_json()["documents"] == list(line.documents)


def test_the_curve_is_the_average_over_random_choices_of_documents() -> None:
    rng = np.random.default_rng(4)
    presence = rng.random((40, 300)) < rng.beta(0.3, 3, 300)
    found = incidence([np.flatnonzero(row).tolist() for row in presence])
    line = curve(found, points=4)
    for documents, types in zip(line.documents, line.types, strict=True):
        drawn = [presence[rng.permutation(40)[:documents]].any(axis=0).sum() for _ in range(2000)]
        assert abs(np.mean(drawn) - types) < 4 * np.std(drawn) / np.sqrt(2000) + 1e-9


def test_a_curve_of_one_point_is_the_whole_corpus() -> None:
    assert curve(incidence([[1, 2], [2]]), points=1).types == (2.0,)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: hill_numbers(np.array([1, 4]), documents=3, units=2),
            r"document frequencies go from 1 to 4, and there are 3 documents\. Pass, for each type",
        ),
        (
            lambda: hill_numbers(np.array([], np.int64), documents=3, units=2),
            r"there is no type to count\. Check that the text column is not empty\.$",
        ),
        (
            lambda: hill_numbers(np.array([1]), documents=3, units=4),
            r"cannot rarefy 3 documents to 4\. Choose units from 1 to 3",
        ),
        (
            lambda: curve(incidence([])),
            r"a curve of 20 points over 0 documents is empty\. Ask for at least 1 point",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
