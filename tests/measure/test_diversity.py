"""Figures beside a reference's: each is the measure's own, on the same words of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import Source

from wellkeeper.measure.diversity import Diversity, diversity_beside
from wellkeeper.measure.incidence import Documents, incidence_of, ngrams, take_words
from wellkeeper.measure.redundancy import distinct, self_repetition
from wellkeeper.measure.sample_coverage import common_level, coverage_profile
from wellkeeper.measure.zipf import word_laws


def texts(documents: list[list[int]]) -> Documents:
    sizes = [len(document) for document in documents]
    return Documents(
        offsets=np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64))),
        hashes=np.array([word for document in documents for word in document], np.uint64),
    )


def drawn(source: Source, documents: int, seed: int) -> Documents:
    offsets, hashes = source.sampler()(documents, np.random.default_rng(seed))
    return Documents(offsets=offsets, hashes=hashes)


def test_both_are_cut_to_the_words_of_the_smaller_and_measured_by_the_measures_own() -> None:
    large, small = drawn(Source(stock=0.5), 90, 1), drawn(Source(spread=0.3), 40, 2)
    for corpus, reference in ((large, small), (small, large)):
        mine, theirs = diversity_beside(corpus, reference, most=10**9)
        words = small.words
        cuts = [take_words(incidence_of(part.offsets, part.hashes), words) for part in (corpus, reference)]
        level = common_level(*cuts)
        for found, cut, part in zip((mine, theirs), cuts, (corpus, reference), strict=True):
            offsets = part.offsets[: cut.documents + 1]
            grams = [incidence_of(*ngrams(offsets, part.hashes[: offsets[-1]], n)) for n in (2, 3, 4)]
            assert found == Diversity(
                documents=cut.documents,
                words=cut.words,
                completeness=coverage_profile(cut, level=level),
                laws=word_laws(cut),
                distinct_2=distinct(grams[0]),
                distinct_3=distinct(grams[1]),
                self_repetition=self_repetition(grams[2]),
            )
            assert abs(found.words - words) < 2000


def test_no_more_words_are_read_than_asked_for() -> None:
    corpus = drawn(Source(spread=0.1), 100, 3)
    for reference in (None, corpus):
        mine, _ = diversity_beside(corpus, reference, most=6_000)
        assert abs(mine.words - 6_000) < 150


def test_a_reference_too_small_at_the_common_size_leaves_the_corpus_to_itself() -> None:
    corpus = drawn(Source(), 60, 4)
    for small in (texts([[1, 2, 3]] * 9), texts([]), texts([[1] * 4000])):
        mine, theirs = diversity_beside(corpus, small, most=10**6)
        assert theirs is None
        assert mine == diversity_beside(corpus, None, most=10**6)[0]
        assert mine.documents == 60


@pytest.mark.parametrize("documents", [[], [[1, 2]] * 9, [[]] * 20, [[1]] * 20])
def test_a_corpus_with_too_few_documents_or_types_has_no_figures(documents: list[list[int]]) -> None:
    assert diversity_beside(texts(documents), None, most=1000) == (None, None)
    assert diversity_beside(texts(documents), drawn(Source(), 30, 5), most=1000) == (None, None)


def test_documents_of_three_words_have_no_4_gram_to_repeat() -> None:
    mine, _ = diversity_beside(texts([[k, 1, 2] for k in range(20)]), None, most=1000)
    assert mine.self_repetition is None
    assert mine.to_json()["self_repetition"] is None
    assert mine.distinct_3.estimate == 1


rows = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=40)


@given(rows, rows, st.integers(0, 100))
def test_whatever_the_texts_there_are_figures_or_none(one, other, most: int) -> None:
    mine, theirs = diversity_beside(texts(one), texts(other), most=most)
    for found in (mine, theirs):
        if found is not None:
            report = found.to_json()
            assert report["documents"] >= 10
            assert report["sample_coverage"]["low"] <= report["sample_coverage"]["high"]
    if theirs is not None:
        assert mine is not None


def test_a_colder_model_with_stock_phrases_differs_from_people_in_the_way_of_collapse() -> None:
    human, model = (
        drawn(Source(spread=0.5), 150, 6),
        drawn(Source(spread=0.5, temperature=0.8, stock=0.5), 150, 7),
    )
    mine, theirs = diversity_beside(model, human, most=25_000)
    assert mine.completeness.level == theirs.completeness.level
    assert mine.completeness.hill.q0.high < theirs.completeness.hill.q0.low
    assert mine.laws.zipf.low > theirs.laws.zipf.high
    assert mine.laws.heaps.high < theirs.laws.heaps.low
    assert mine.distinct_2.high < theirs.distinct_2.low
    assert mine.self_repetition.low > theirs.self_repetition.high
