"""Repetition across documents against sets, enumeration and zlib itself, then the repetition it is meant to see."""

import math
import zlib
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import Incidence, incidence_of, ngrams, select
from wellkeeper.measure.jackknife import blocks, influences, positive_interval, share_interval
from wellkeeper.measure.redundancy import compression_ratio, distinct, salkar_score, self_repetition

Documents = list[list[int]]

rows = st.lists(st.integers(0, 12), max_size=9)
corpora = st.lists(rows, min_size=10, max_size=60).filter(any)


def grams_of(documents: Documents, n: int) -> Incidence:
    found = incidence(documents)
    return incidence_of(*ngrams(found.offsets, _tokens(documents), n))


def _tokens(documents: Documents) -> np.ndarray:
    return np.array([token for document in documents for token in document], np.uint64)


def grams(offsets_and_tokens, n: int) -> Incidence:
    return incidence_of(*ngrams(*offsets_and_tokens, n))


def mean_share_elsewhere(documents: Documents) -> float | None:
    """Self-repetition as it is defined, by sets."""
    shares = []
    for k, document in enumerate(documents):
        others = {word for other in (*documents[:k], *documents[k + 1 :]) for word in other}
        if document:
            shares.append(sum(word in others for word in document) / len(document))
    return float(np.mean(shares)) if shares else None


@given(corpora)
def test_self_repetition_is_the_mean_share_of_what_stands_in_another_document(documents: Documents) -> None:
    assert self_repetition(incidence(documents)).estimate == pytest.approx(mean_share_elsewhere(documents))


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=10, max_size=10), st.integers(1, 4)
)
def test_self_repetition_of_fewer_documents_is_the_mean_over_every_choice_of_them(
    documents, units: int
) -> None:
    """Documents are weighted alike in each choice, and each choice has as many."""
    choices = [mean_share_elsewhere(list(chosen)) for chosen in combinations(documents, units)]
    assert self_repetition(incidence(documents), units=units).estimate == pytest.approx(np.mean(choices))


@given(corpora, st.data())
def test_distinct_n_is_distinct_over_all_as_expected_of_so_many_documents(documents: Documents, data) -> None:
    words = [word for document in documents for word in document]
    assert distinct(incidence(documents)).estimate == pytest.approx(len(set(words)) / len(words))
    if len(documents) > 12:
        return
    units = data.draw(st.integers(1, 3))
    types = [
        len({word for document in chosen for word in document}) for chosen in combinations(documents, units)
    ]
    tokens = [sum(map(len, chosen)) for chosen in combinations(documents, units)]
    expected = np.mean(types) / np.mean(tokens)
    assert distinct(incidence(documents), units=units).estimate == pytest.approx(expected)


@given(corpora, st.data())
def test_shares_lie_in_their_intervals_in_0_to_1(documents: Documents, data) -> None:
    found = incidence(documents)
    units = data.draw(st.integers(1, found.documents))
    for measure in (distinct, self_repetition):
        share = measure(found, units=units)
        assert 0 <= share.low <= share.estimate + 1e-12
        assert share.estimate - 1e-12 <= share.high <= 1
        assert measure(found, units=units) == share


@given(corpora)
def test_more_documents_repeat_more_and_are_less_distinct(documents: Documents) -> None:
    found = incidence(documents)
    sizes = range(1, found.documents + 1, 3)
    repeated = [self_repetition(found, units=units).estimate for units in sizes]
    different = [distinct(found, units=units).estimate for units in sizes]
    assert repeated[0] == 0
    assert np.diff(repeated).min(initial=0) >= -1e-9
    assert np.diff(different).max(initial=0) <= 1e-9


@pytest.mark.parametrize("measure", [distinct, self_repetition])
@pytest.mark.parametrize("units", [None, 40])
def test_intervals_are_those_of_each_block_emptied_by_hand(measure, units) -> None:
    """A block emptied leaves documents without n-grams, which no mean counts and no n-gram stands in."""
    found = grams(Source(types=300, words=30, stock=0.4).sampler()(130, np.random.default_rng(3)), 2)
    share = measure(found, units=units)
    emptied, sizes = [], []
    for first, last in pairwise(blocks(found.documents).tolist()):
        chosen = np.ones(found.documents, bool)
        chosen[first:last] = False
        part = select(found, chosen)
        ends = np.concatenate((np.zeros(last - first, np.int64), part.offsets))  # as empty documents
        emptied.append(
            measure(Incidence(offsets=ends, types=part.types, tokens=part.tokens), units=units).estimate
        )
        sizes.append(found.words - part.words)
    losses = influences(share.estimate - np.array(emptied), np.array(sizes))
    by_hand = share_interval(share.estimate, [losses], trials=1)
    assert (share.low, share.high) == pytest.approx((by_hand.low, by_hand.high), rel=1e-6)


def test_copies_repeat_in_full_and_strangers_not_at_all_but_neither_is_certain() -> None:
    copies, strangers = incidence([[1, 2, 3]] * 20), incidence([[k] for k in range(20)])
    assert self_repetition(copies).estimate == self_repetition(copies).high == 1
    assert 0.8 < self_repetition(copies).low < 1
    assert self_repetition(strangers).estimate == self_repetition(strangers).low == 0
    assert 0 < self_repetition(strangers).high < 0.2
    assert distinct(copies).estimate == pytest.approx(3 / 60)
    assert distinct(strangers).estimate == 1


def test_what_a_document_repeats_of_itself_is_no_repetition_across_documents() -> None:
    assert self_repetition(incidence([[k, k, k] for k in range(20)])).estimate == 0


def test_documents_too_short_for_an_n_gram_are_left_out_of_the_mean() -> None:
    documents = [[1, 2, 3, 4]] * 12 + [[1]] * 30
    assert self_repetition(grams_of(documents, 4)).estimate == 1


def test_a_model_with_stock_phrases_repeats_itself_where_single_words_do_not_tell() -> None:
    rng = np.random.default_rng(9)
    plain, stock = (Source(spread=0.3, stock=share).sampler()(150, rng) for share in (0.0, 0.7))
    assert self_repetition(grams(plain, 4)).high < self_repetition(grams(stock, 4)).low
    words = [distinct(grams(corpus, 1)) for corpus in (plain, stock)]
    assert words[0].low < words[1].estimate < words[0].high


@given(corpora)
def test_salkars_score_is_the_mean_logarithm_of_the_documents_that_have_each_n_gram(
    documents: Documents,
) -> None:
    scores = [
        math.log(sum(sum(word in other for other in documents) for word in document))
        for document in documents
        if document
    ]
    assert salkar_score(incidence(documents)) == pytest.approx(np.mean(scores))


@given(st.lists(st.text("abc é漢", max_size=30), min_size=12, max_size=80), st.integers(20, 60))
def test_the_compression_ratio_is_zlibs_of_the_first_bytes(texts: list[str], size: int) -> None:
    data = "".join(text + "\n" for text in texts).encode()[:size]
    used = int(np.searchsorted(np.cumsum([len((text + "\n").encode()) for text in texts]), size)) + 1
    if len(data) < size or used < 10:
        return
    found = compression_ratio(texts, size=size)
    assert found.estimate == pytest.approx(size / len(zlib.compress(data, 9)))
    assert found.low <= found.estimate <= found.high


def test_the_interval_of_the_compression_ratio_is_that_of_each_block_taken_out() -> None:
    rng = np.random.default_rng(2)
    texts = [" ".join(map(str, rng.zipf(1.5, 40) % 1000)) for _ in range(130)]
    size = len("\n".join(texts)) + 1
    found = compression_ratio(texts, size=size)
    emptied, sizes = [], []
    for first, last in pairwise(blocks(130).tolist()):
        data = "".join(text + "\n" for text in (*texts[:first], *texts[last:])).encode()
        emptied.append(len(data) / len(zlib.compress(data, 9)))
        sizes.append(size - len(data))
    assert found == positive_interval(found.estimate, np.array(emptied), np.array(sizes))


def test_no_more_texts_are_read_than_the_size_needs() -> None:
    def texts():
        yield from ["some words"] * 20
        raise AssertionError

    assert compression_ratio(texts(), size=11 * 20).estimate > 5


def test_templates_compress_better_than_words_in_any_order() -> None:
    rng = np.random.default_rng(4)
    names = [f"w{k}" for k in range(3000)]
    free = [" ".join(rng.choice(names, 40)) for _ in range(60)]
    template = [" ".join((*names[:30], *rng.choice(names, 10))) for _ in range(60)]
    assert compression_ratio(free, size=8_000).high < compression_ratio(template, size=8_000).low


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: distinct(incidence([[1]] * 9)),
            r"^9 documents are too few for an interval\. Give at least 10 documents\.$",
        ),
        (
            lambda: self_repetition(grams_of([[1, 2]] * 12, 4)),
            r"^none of 12 documents has an n-gram\. Choose a smaller n, or check the text column\.$",
        ),
        (lambda: salkar_score(incidence([[]])), r"^none of 1 documents has an n-gram\."),
        (
            lambda: self_repetition(incidence([[1]] * 12), units=13),
            r"^cannot rarefy 12 documents to 13\. Choose units from 1 to 12",
        ),
        (lambda: compression_ratio(["a"], size=0), r"^size is 0\. Ask for at least 1 byte\.$"),
        (
            lambda: compression_ratio(["abc"] * 20, size=81),
            r"^the texts have 80 bytes, and 81 were asked for\. Ask for a size that all corpora have\.$",
        ),
        (
            lambda: compression_ratio(["abcdefghi"] * 20, size=80),
            r"^8 documents are too few for an interval\. Give at least 10 documents\.$",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
