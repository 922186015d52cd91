"""Coverage and diversity at equal coverage: against enumeration, scikit-bio, a known source and plain deletion."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb
from skbio.diversity.alpha import goods_coverage
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.hill import document_frequencies, hill_numbers
from wellkeeper.measure.incidence import incidence_of, select
from wellkeeper.measure.jackknife import blocks
from wellkeeper.measure.sample import document_spectrum, sample_of
from wellkeeper.measure.sample_coverage import (
    CoverageProfile,
    _covered,
    _units_at,
    chao_shen_entropy,
    common_level,
    coverage_profile,
    hill_at_coverage,
    rarefied_coverage,
    sample_coverage,
)


@st.composite
def frequencies(draw, least_documents: int = 3):
    """Document frequencies of types, and the number of documents."""
    documents = draw(st.integers(least_documents, 60))
    return np.array(draw(st.lists(st.integers(1, documents), min_size=1, max_size=30))), documents


@given(frequencies(), st.data())
def test_rarefied_coverage_is_the_published_formula_in_binomials(case, data) -> None:
    y, documents = case
    units = data.draw(st.integers(0, documents - 1))
    absent = comb(documents - y, units) / comb(documents - 1, units)
    assert rarefied_coverage(y, documents, units) == pytest.approx(1 - (y / y.sum()) @ absent, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(3, 6))
def test_rarefied_coverage_is_the_chance_that_the_next_document_brings_what_is_there(seed, documents) -> None:
    """Drawn by hand: t documents, then one of the others; which share of its incidences have the t seen?"""
    rng = np.random.default_rng(seed)
    presence = rng.random((documents, 7)) < rng.random(7)
    presence[:, 0] = True
    presence = presence[:, presence.any(axis=0)]
    for units in range(1, documents):
        seen = total = 0
        for chosen in combinations(range(documents), units):
            rest = np.delete(presence, chosen, axis=0)
            seen += (rest & presence[list(chosen)].any(axis=0)).sum()
            total += rest.sum()
        assert rarefied_coverage(presence.sum(axis=0), documents, units) == pytest.approx(seen / total)


@given(frequencies())
def test_coverage_rises_from_nothing_to_what_good_and_turing_say(case) -> None:
    y, documents = case
    curve = [rarefied_coverage(y, documents, units) for units in range(documents)]
    assert curve[0] == pytest.approx(0, abs=1e-12)
    assert np.diff(curve).min() >= -1e-12
    assert curve[-1] == pytest.approx(1 - (y == 1).sum() / y.sum())
    assert sample_coverage(y, documents) >= curve[-1] - 1e-12


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_documents_of_one_word_each_have_goods_coverage_of_the_words_less_one(counts: list[int]) -> None:
    tokens = sum(counts)
    if tokens < 3:
        return
    found = rarefied_coverage(np.array(counts), tokens, tokens - 1)
    assert found == pytest.approx(goods_coverage(counts))


@pytest.mark.parametrize(
    ("y", "documents", "expected"),
    [
        ([1, 1, 1, 1, 2, 2, 3, 8], 10, 1 - 4 / 19 * (9 * 4) / (9 * 4 + 2 * 2)),  # Q1 = 4, Q2 = 2, U = 19
        ([1, 1, 1, 5], 10, 1 - 3 / 8 * (9 * 2) / (9 * 2 + 2)),  # no type in two documents: bias-corrected
        ([1, 5], 10, 1.0),
        ([2, 3], 10, 1.0),
    ],
)
def test_sample_coverage_is_chao_and_josts_by_hand(y: list[int], documents: int, expected: float) -> None:
    assert sample_coverage(np.array(y), documents) == pytest.approx(expected)


@given(frequencies(), st.data())
def test_hill_numbers_at_the_coverage_of_so_many_documents_are_those_of_so_many(case, data) -> None:
    y, documents = case
    units = data.draw(st.integers(1, documents - 1))
    level = rarefied_coverage(y, documents, units)
    *found, reached = hill_at_coverage(y, documents, level)
    assert rarefied_coverage(y, documents, int(reached)) == pytest.approx(level)
    # Where every type is rare, coverage does not rise from one size to the next, and several have the level.
    if abs(reached - units) < 1e-6:
        np.testing.assert_allclose(found, hill_numbers(y, documents, units), rtol=1e-6)


@given(frequencies(), st.floats(0, 1))
def test_between_two_sizes_richness_is_straight_in_coverage(case, share: float) -> None:
    y, documents = case
    units = documents // 2
    low, high = (rarefied_coverage(y, documents, size) for size in (units, units + 1))
    if units + 1 > documents - 1 or high - low < 1e-6:
        return
    found = hill_at_coverage(y, documents, low + share * (high - low))
    ends = [hill_numbers(y, documents, size)[0] for size in (units, units + 1)]
    assert found[0] == pytest.approx(ends[0] + share * (ends[1] - ends[0]), rel=1e-6)
    assert found[3] == pytest.approx(units + share, abs=1e-5)


def test_coverage_is_what_a_known_source_would_bring_again() -> None:
    """Of documents with known chances of types, the share of the next one's incidences that were seen already."""
    rng = np.random.default_rng(6)
    chances = rng.beta(0.1, 2, 3000)
    estimates, truths = [], []
    for _ in range(40):
        presence = rng.random((50, chances.size)) < chances
        seen = presence.any(axis=0)
        estimates.append(sample_coverage(presence.sum(axis=0)[seen], 50))
        truths.append(chances[seen].sum() / chances.sum())
    error = np.array(estimates) - truths
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(error.size)
    assert np.std(estimates) < 0.02


def test_the_richer_of_two_sources_is_understated_at_equal_size_and_not_at_equal_coverage() -> None:
    """Chao and Jost's replication principle: three copies of a source, told apart, have three times the types."""
    rng = np.random.default_rng(2)
    chances = rng.beta(0.2, 3, 400)
    one = rng.random((200, 400)) < chances
    # documents of the joined source are from one of its three parts, so each part gets a third of them
    parts = np.zeros((200, 1200), bool)
    for k in range(200):
        part = rng.integers(3)
        parts[k, part * 400 : part * 400 + 400] = rng.random(400) < chances
    single, joined = (
        incidence([np.flatnonzero(row).tolist() for row in presence]) for presence in (one, parts)
    )
    level = common_level(single, joined)
    profiles = [coverage_profile(found, level=level) for found in (single, joined)]
    sizes = [hill_numbers(document_frequencies(found), 200, 20)[0] for found in (single, joined)]
    at_coverage = profiles[1].hill.q0.estimate / profiles[0].hill.q0.estimate
    assert at_coverage == pytest.approx(3, rel=0.1)
    assert sizes[1] / sizes[0] < 2.6


def test_chao_and_shens_entropy_of_documents_of_one_word_is_theirs_with_this_coverage() -> None:
    counts = np.array([9, 5, 3, 2, 2, 1, 1, 1])
    n = counts.sum()
    share = sample_coverage(counts, n) * counts / n
    expected = -(share * np.log(share) / (1 - (1 - share) ** n)).sum()
    assert chao_shen_entropy(counts, int(n)) == pytest.approx(expected)


def test_chao_and_shens_entropy_comes_nearer_to_the_truth_than_what_was_seen() -> None:
    rng = np.random.default_rng(3)
    chances = np.minimum(0.9, 1 / np.arange(1, 4001))
    shares = chances / chances.sum()
    truth = -(shares * np.log(shares)).sum()
    for documents in (30, 100):
        y = (rng.random((documents, chances.size)) < chances).sum(axis=0)
        y = y[y > 0]
        seen = -(y / y.sum() * np.log(y / y.sum())).sum()
        assert abs(chao_shen_entropy(y, documents) - truth) < 0.6 * abs(seen - truth)


def test_where_no_type_repeats_nothing_is_covered_at_any_size() -> None:
    profile = coverage_profile(incidence([[k] for k in range(20)]))
    assert profile.level == pytest.approx(0)
    assert profile.coverage.estimate < 0.1


words = st.integers(0, 30)
corpora = st.lists(st.lists(words, min_size=1, max_size=15), min_size=10, max_size=70)


def intervals(profile: CoverageProfile):
    return (profile.coverage, profile.hill.q0, profile.hill.q1, profile.hill.q2, profile.entropy)


@given(corpora)
def test_every_figure_lies_in_its_interval_and_range(documents: list[list[int]]) -> None:
    profile = coverage_profile(incidence(documents))
    for found in intervals(profile):
        assert found.low <= found.estimate * (1 + 1e-12) + 1e-12
        assert found.estimate <= found.high * (1 + 1e-12) + 1e-12
        assert found.low >= 0
    assert profile.coverage.high <= 1
    assert profile.hill.q0.estimate * (1 + 1e-9) >= profile.hill.q1.estimate
    assert profile.hill.q1.estimate * (1 + 1e-9) >= profile.hill.q2.estimate


@given(corpora)
def test_estimates_of_a_profile_are_those_of_its_document_frequencies(documents: list[list[int]]) -> None:
    found = incidence(documents)
    profile = coverage_profile(found)
    y = document_frequencies(found)
    assert profile.coverage.estimate == pytest.approx(sample_coverage(y, found.documents))
    assert profile.level == pytest.approx(rarefied_coverage(y, found.documents, found.documents // 2))
    *hill, units = hill_at_coverage(y, found.documents, profile.level)
    np.testing.assert_allclose([found.estimate for found in intervals(profile)[1:4]], hill, rtol=1e-9)
    assert profile.units == pytest.approx(units)
    assert profile.entropy.estimate == pytest.approx(chao_shen_entropy(y, found.documents))
    assert coverage_profile(found) == profile


def test_without_a_block_more_of_the_other_documents_reach_the_level() -> None:
    """Each block emptied by hand: the size at which it reaches the level, and its coverage there."""
    found = incidence_of(*Source(types=400, words=30).sampler()(130, np.random.default_rng(4)))
    sample = sample_of(found, *_numbered(found))
    spectrum = document_spectrum(sample)
    level = 0.7
    units = _units_at(spectrum, found.documents, level)
    bounds = blocks(found.documents)
    for block in range(bounds.size - 1):
        chosen = np.ones(found.documents, bool)
        chosen[bounds[block] : bounds[block + 1]] = False
        y = document_frequencies(select(found, chosen))
        assert hill_at_coverage(y, found.documents, level)[3] == pytest.approx(units[block + 1])
    assert units[1:].mean() > units[0]


def _numbered(found):
    _, ids = np.unique(found.types, return_inverse=True)
    return ids.astype(np.int32), int(ids.max()) + 1


def test_where_a_block_asks_for_a_size_between_those_computed_its_figures_are_right_all_the_same() -> None:
    found = incidence_of(*Source(types=4000, words=40).sampler()(1500, np.random.default_rng(5)))
    spectrum = document_spectrum(sample_of(found, *_numbered(found)))
    level = float(_covered(spectrum, 1500, 750)[0])
    units = _units_at(spectrum, 1500, level)
    assert np.unique(np.floor(units)).size > 5  # more sizes than are computed
    profile = coverage_profile(found, level=level)
    bounds = blocks(1500)
    emptied = []
    for block in range(bounds.size - 1):
        chosen = np.ones(1500, bool)
        chosen[bounds[block] : bounds[block + 1]] = False
        emptied.append(hill_at_coverage(document_frequencies(select(found, chosen)), 1500, level)[0])
    logs = np.log(emptied)
    count = logs.size
    spread = np.sqrt((count - 1) / count * ((logs - logs.mean()) ** 2).sum())
    half = np.log(profile.hill.q0.high / profile.hill.q0.estimate)
    assert half == pytest.approx(2.01 * spread * count / (count - 1), rel=0.03)


def test_the_common_level_is_a_whole_percentage_that_half_of_either_corpus_reaches() -> None:
    rng = np.random.default_rng(8)
    a, b = (incidence_of(*Source(types=3000, words=n).sampler()(60, rng)) for n in (60, 120))
    level = common_level(a, b)
    assert level is not None
    assert round(100 * level) == pytest.approx(100 * level)
    for corpus in (a, b):
        half = rarefied_coverage(document_frequencies(corpus), 60, 30)
        assert level <= half
        assert coverage_profile(corpus, level=level).units <= 30


def test_there_is_no_common_level_where_one_document_says_as_much_as_half_of_the_others() -> None:
    same, strange = incidence([[1, 2, 3]] * 20), incidence([[k, 100 + k] for k in range(20)])
    assert common_level(same, strange) is None
    assert common_level(same, incidence([[1]] * 5)) is None


def test_a_profile_tells_itself_in_json() -> None:
    report = coverage_profile(incidence([[k % 7, 1, 1] for k in range(20)])).to_json()
    assert set(report) == {"documents", "words", "coverage", "level", "units", "hill", "entropy"}
    assert (report["documents"], report["words"]) == (20, 60)
    assert set(report["hill"]) == {"q0", "q1", "q2"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: coverage_profile(incidence([[1]] * 9)),
            r"^the corpus has 9 documents, too few for an interval\. Give at least 10 documents\.$",
        ),
        (
            lambda: coverage_profile(incidence([[k % 9, k] for k in range(20, 60)]), level=0.999),
            (
                r"^coverage 0\.999 is not within reach of 40 documents: one of them covers 0\.\d+, all but one "
                r"0\.\d+\. Choose a level between these; above would be extrapolation\.$"
            ),
        ),
        (
            lambda: hill_at_coverage(np.array([1, 2, 3]), 3, level=0.001),
            r"^coverage 0\.001 is not within reach of 3 documents",
        ),
        (
            lambda: rarefied_coverage(np.array([1, 2]), documents=2, units=2),
            r"^cannot rarefy the coverage of 2 documents to 2\. Choose units from 0 to 1; for all documents ask",
        ),
        (
            lambda: sample_coverage(np.array([1, 4]), documents=3),
            r"^document frequencies go from 1 to 4, and there are 3 documents\. Pass, for each type",
        ),
        (lambda: chao_shen_entropy(np.array([], np.int64), documents=3), r"^there is no type to count\."),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
