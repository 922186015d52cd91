"""Properties of the profile, then the collapse it is meant to catch, then how often its intervals are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.hill import document_frequencies, hill_numbers
from wellkeeper.measure.incidence import Incidence, incidence_of
from wellkeeper.measure.tails import TailProfile, common_units, tail_profile, tail_profile_or_none

words = st.integers(0, 30)
corpora = st.lists(st.lists(words, min_size=1, max_size=15), min_size=10, max_size=70)


def figures(profile: TailProfile) -> dict[str, tuple[float, float, float]]:
    named = {
        "q0": profile.hill.q0,
        "q1": profile.hill.q1,
        "q2": profile.hill.q2,
        "missing": profile.missing_mass,
    }
    return {name: (found.estimate, found.low, found.high) for name, found in named.items()}


@given(corpora)
def test_every_figure_lies_in_its_interval_and_range(documents: list[list[int]]) -> None:
    profile = tail_profile(incidence(documents))
    for estimate, low, high in figures(profile).values():
        assert 0 <= low <= estimate * (1 + 1e-12) + 1e-12
        assert estimate <= high * (1 + 1e-12) + 1e-12
    assert profile.missing_mass.high <= 1
    assert profile.hill.q0.estimate * (1 + 1e-9) >= profile.hill.q1.estimate
    assert profile.hill.q1.estimate * (1 + 1e-9) >= profile.hill.q2.estimate


@given(corpora, st.randoms())
def test_the_order_of_documents_does_not_matter_to_estimates(documents: list[list[int]], random) -> None:
    shuffled = documents.copy()
    random.shuffle(shuffled)
    one, other = figures(tail_profile(incidence(documents))), figures(tail_profile(incidence(shuffled)))
    for name in one:
        assert one[name][0] == pytest.approx(other[name][0], rel=1e-9)


@given(corpora, st.data())
def test_estimates_are_hill_numbers_and_tokens_of_types_of_one_document(documents, data) -> None:
    found = incidence(documents)
    units = data.draw(st.integers(1, found.documents))
    profile = tail_profile(found, units=units)
    expected = hill_numbers(document_frequencies(found), found.documents, units)
    hill = [profile.hill.q0.estimate, profile.hill.q1.estimate, profile.hill.q2.estimate]
    np.testing.assert_allclose(hill, expected, rtol=1e-9)
    everything = [token for document in documents for token in document]
    alone = [token for token in everything if sum(token in document for document in documents) == 1]
    assert profile.missing_mass.estimate == pytest.approx(len(alone) / len(everything))
    assert (profile.documents, profile.words, profile.rarefied_to) == (len(documents), len(everything), units)


@given(corpora)
def test_the_same_documents_give_the_same_interval(documents: list[list[int]]) -> None:
    assert tail_profile(incidence(documents)) == tail_profile(incidence(documents))


def test_equal_documents_have_no_spread_but_the_unseen_is_not_ruled_out() -> None:
    profile = tail_profile(incidence([[1, 2, 3]] * 20))
    assert profile.hill.q0.estimate == profile.hill.q0.low == profile.hill.q0.high == 3
    assert profile.missing_mass.estimate == 0
    assert 0.1 < profile.missing_mass.high < 0.2


def test_documents_by_the_thousand_are_measured_in_blocks() -> None:
    rng = np.random.default_rng(5)
    profile = tail_profile(incidence(rng.zipf(1.5, (3000, 8)).tolist()))
    assert profile.hill.q0.low < profile.hill.q0.estimate < profile.hill.q0.high


def test_documents_without_words_are_documents() -> None:
    with_empty = tail_profile(incidence([[1, 2], [2, 3]] * 10 + [[]] * 10))
    assert with_empty.documents == 30
    assert with_empty.rarefied_to == 15


def test_a_profile_says_its_size_in_documents_and_words() -> None:
    profile = tail_profile(incidence([[k, 1, 1] for k in range(20)]))
    assert profile.rarefied_words == 30
    report = profile.to_json()
    assert {key: report[key] for key in ("documents", "words", "rarefied_to", "rarefied_words")} == {
        "documents": 20,
        "words": 60,
        "rarefied_to": 10,
        "rarefied_words": 30,
    }
    assert set(report["hill"]) == {"q0", "q1", "q2"}
    assert set(report["missing_mass"]) == {"estimate", "low", "high"}


def test_common_units_compare_equal_words_of_corpora_with_unequal_documents() -> None:
    short, long = incidence([[1, 2, 3]] * 60), incidence([[1, 2, 3, 4, 5, 6, 7, 8, 9]] * 40)
    assert common_units(short, long) == (30, 10)
    assert common_units(long, short) == (10, 30)


def test_a_source_sampled_at_temperature_0_7_is_poorer_in_all_orders_and_misses_less() -> None:
    """Sampling at temperature 0.7 is the smallest model of collapse: same head, thinner tail."""
    rng = np.random.default_rng(7)
    human, cold = (
        incidence_of(*Source(temperature=temperature, spread=0.5).sampler()(100, rng))
        for temperature in (1.0, 0.7)
    )
    units = common_units(human, cold)
    kept, lost = tail_profile(human, units=units[0]), tail_profile(cold, units=units[1])
    assert abs(kept.rarefied_words / lost.rarefied_words - 1) < 0.02
    for name in ("q0", "q1", "q2"):
        assert getattr(lost.hill, name).high < getattr(kept.hill, name).low
    assert lost.missing_mass.high < kept.missing_mass.low


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        ([], r"^the corpus has 0 documents, too few for an interval\. Give at least 10 documents\.$"),
        ([[1]] * 9, r"^the corpus has 9 documents, too few for an interval\. Give at least 10 documents\.$"),
        ([[]] * 12, r"^the corpus has 12 documents and no word\. Check its text column\.$"),
    ],
)
def test_what_is_too_little_is_an_error_that_says_so_or_none(documents: list[list[int]], says: str) -> None:
    with pytest.raises(DataError, match=says):
        tail_profile(incidence(documents))
    assert tail_profile_or_none(incidence(documents)) is None


def test_enough_gives_a_profile_either_way() -> None:
    enough = incidence([[1, 2]] * 10)
    assert tail_profile_or_none(enough) == tail_profile(enough)


@pytest.mark.parametrize("units", [0, 11])
def test_units_beyond_the_corpus_are_refused(units: int) -> None:
    says = rf"^cannot rarefy 10 documents to {units}\. Choose units from 1 to 10"
    with pytest.raises(DataError, match=says):
        tail_profile(incidence([[1]] * 10), units=units)
    with pytest.raises(DataError, match=says):
        tail_profile_or_none(incidence([[1]] * 10), units=units)


def test_common_units_of_a_corpus_without_words_are_refused() -> None:
    with pytest.raises(DataError, match=r"^the second corpus has no word\. Check its text column\.$"):
        common_units(incidence([[1]]), incidence([[]]))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("source", "documents"),
    [
        (Source(), 10),
        (Source(), 20),
        (Source(), 100),
        (Source(spread=0.5), 100),
        (Source(words=100), 300),
        (Source(contrast=0, burst=0, spread=0), 100),  # words drawn one by one, documents all alike
    ],
)
def test_intervals_of_95_percent_cover_the_mean_over_fresh_corpora(source: Source, documents: int) -> None:
    """1,000 worlds: a true coverage of 95 % is measured as 95 % +- 1.4 %."""
    sample, rng = source.sampler(), np.random.default_rng(11)
    worlds = [figures(tail_profile(incidence_of(*sample(documents, rng)))) for _ in range(1000)]
    for name in worlds[0]:
        truth = np.mean([world[name][0] for world in worlds])
        covered = np.mean([world[name][1] <= truth <= world[name][2] for world in worlds])
        assert 0.90 <= covered <= 0.99, (name, covered)


def test_incidences_are_compared_by_identity() -> None:
    a = incidence([[1]])
    assert isinstance(a, Incidence)
    assert a != incidence([[1]])
