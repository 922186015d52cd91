"""Counting types by document agrees with the plain way, and sizes are matched in whole documents."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import incidence

from wellkeeper.errors import DataError
from wellkeeper.measure._loops import mixed
from wellkeeper.measure.incidence import (
    Incidence,
    halves,
    incidence_of,
    match,
    ngrams,
    select,
    take_words,
    united,
)

tokens = st.integers(0, 12) | st.integers(0, 2**64 - 1)
corpora = st.lists(st.lists(tokens, max_size=12), min_size=1, max_size=12)


def as_counters(found: Incidence) -> list[Counter]:
    ends = found.offsets
    return [
        Counter(dict(zip(found.types[a:b].tolist(), found.tokens[a:b].tolist(), strict=True)))
        for a, b in pairwise(ends)
    ]


def flat(documents: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    return offsets, np.array([token for document in documents for token in document], np.uint64)


@given(corpora)
def test_counts_are_those_of_a_counter_for_each_document(documents: list[list[int]]) -> None:
    found = incidence_of(*flat(documents))
    assert as_counters(found) == [Counter(document) for document in documents]
    assert found.documents == len(documents)
    assert found.words == sum(map(len, documents))
    assert found.words_by_document().tolist() == [len(document) for document in documents]


@given(corpora, st.integers(1, 4))
def test_ngrams_are_equal_exactly_where_their_words_are_and_stay_in_their_document(documents, n: int) -> None:
    offsets, hashes = ngrams(*flat(documents), n)
    grams = [[tuple(document[k : k + n]) for k in range(len(document) - n + 1)] for document in documents]
    assert np.diff(offsets).tolist() == [len(document) for document in grams]
    pairs = list(zip([gram for document in grams for gram in document], hashes.tolist(), strict=True))
    assert len(set(pairs)) == len({gram for gram, _ in pairs}) == len({value for _, value in pairs})


def test_the_mix_is_that_of_splitmix64() -> None:
    """First output of the published generator for seed 0, and for seed 1234567 (Rosetta Code's check value)."""
    gamma = 0x9E3779B97F4A7C15
    assert mixed(np.uint64(gamma)) == 0xE220A8397B1DCDAF
    assert mixed(np.uint64(1234567 + gamma)) == 6457827717110365317


def test_read_only_views_are_accepted() -> None:
    offsets, hashes = (
        np.frombuffer(np.array([0, 2, 3])),
        np.frombuffer(np.array([5, 5, 6], np.uint64).tobytes()),
    )
    offsets, hashes = offsets.view(np.int64), hashes.view(np.uint64)
    offsets.flags.writeable = False
    assert not hashes.flags.writeable
    found = incidence_of(*ngrams(offsets, hashes, 1))
    assert found.tokens.tolist() == [2, 1]


@given(corpora)
def test_halves_hold_every_second_document_and_together_all(documents: list[list[int]]) -> None:
    first, second = halves(incidence_of(*flat(documents)))
    assert as_counters(first) == [Counter(document) for document in documents[::2]]
    assert as_counters(second) == [Counter(document) for document in documents[1::2]]


@given(corpora, st.data())
def test_select_keeps_the_chosen_documents_in_order(documents: list[list[int]], data) -> None:
    chosen = data.draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents)))
    found = select(incidence_of(*flat(documents)), np.array(chosen))
    assert as_counters(found) == [Counter(d) for d, taken in zip(documents, chosen, strict=True) if taken]


@given(corpora, st.data())
def test_united_documents_hold_what_their_documents_hold_together(documents: list[list[int]], data) -> None:
    unit = data.draw(st.lists(st.integers(-1, 3), min_size=len(documents), max_size=len(documents)))
    found = united(incidence_of(*flat(documents)), np.array(unit), 4)
    wanted = [Counter() for _ in range(4)]
    for document, number in zip(documents, unit, strict=True):
        if number >= 0:
            wanted[number].update(document)
    assert as_counters(found) == wanted


@given(corpora, st.integers(0, 160))
def test_no_prefix_of_documents_is_nearer_to_the_budget(documents: list[list[int]], words: int) -> None:
    taken = take_words(incidence_of(*flat(documents)), words)
    assert as_counters(taken) == [Counter(document) for document in documents[: taken.documents]]
    reached = np.cumsum([len(document) for document in documents])
    assert abs(taken.words - words) == np.abs(reached - words).min()


@given(corpora, corpora)
def test_matching_leaves_the_smaller_corpus_whole(left: list[list[int]], right: list[list[int]]) -> None:
    a, b = incidence_of(*flat(left)), incidence_of(*flat(right))
    matched = match(a, b)
    smaller, cut = matched if a.words <= b.words else matched[::-1]
    longest = max(len(document) for document in left + right)
    assert smaller.words == min(a.words, b.words)
    assert abs(cut.words - smaller.words) <= longest
    assert smaller.documents == (a if a.words <= b.words else b).documents


def test_taking_words_of_no_document_gives_no_document() -> None:
    assert take_words(incidence([]), 10).documents == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: incidence_of(np.array([0, 2]), np.zeros(3, np.uint64)),
            r"offsets go from 0 to 2, and there are 3 hashes\. Pass one offset a document and a last one, from 0 to 3\.$",
        ),
        (
            lambda: incidence_of(np.zeros(0, np.int64), np.zeros(3, np.uint64)),
            r"offsets are not a row, and there are 3 hashes\. Pass one offset a document",
        ),
        (
            lambda: incidence_of(np.array([0, 3, 2, 4]), np.zeros(4, np.uint64)),
            r"offsets\[2\] is 2, below offsets\[1\], which is 3\. Pass offsets in ascending order\.$",
        ),
        (
            lambda: ngrams(np.array([0, 1]), np.zeros(1, np.uint64), 0),
            r"n is 0\. Ask for n-grams of at least 1 token",
        ),
        (lambda: take_words(incidence([[1]]), -1), r"words is -1\. Ask for a budget of 0 words or more\.$"),
        (
            lambda: Incidence(
                offsets=np.array([0, 1]), types=np.ones(1, np.uint64), tokens=np.zeros(1, np.int32)
            ),
            r"tokens\[0\] is 0\. Leave types out that a document does not have",
        ),
        (
            lambda: Incidence(
                offsets=np.array([0, 1]), types=np.ones(1, np.uint64), tokens=np.ones(2, np.int32)
            ),
            r"tokens has shape \(2,\) and types has \(1,\)\. Pass one count for each type",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
