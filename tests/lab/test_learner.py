"""Learners: what a surprise is of, and an n-gram model that forgets exactly what it read."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_texts import texts

from wellkeeper.errors import DataError
from wellkeeper.lab.learner import Learner, Surprise, Unlearner, by_words, words_of
from wellkeeper.lab.ngram_learner import NgramLearner

NGRAM = NgramLearner()
documents = st.lists(
    st.lists(st.sampled_from("ab ba cab dab".split()), max_size=12).map(" ".join), min_size=1, max_size=8
)


def test_the_ngram_learner_is_a_learner_that_can_forget() -> None:
    learner: Learner = NGRAM
    assert learner.name == "ngram"
    assert isinstance(learner, Unlearner)


@settings(max_examples=30)
@given(documents, documents)
def test_to_forget_a_document_is_never_to_have_read_it(read: list[str], asked: list[str]) -> None:
    model = NGRAM.fit(read, 0)
    found = list(NGRAM.without_each(model, np.arange(len(read) + 1), asked))
    assert len(found) == len(read)
    for place, less in enumerate(found):
        anew = NGRAM.surprise(NGRAM.fit(read[:place] + read[place + 1 :], 0), asked)
        assert less.nats == pytest.approx(anew.nats)


def test_a_document_that_was_read_surprises_less_and_words_never_read_surprise_most() -> None:
    read, other = texts(30, 1), texts(30, 2)
    model = NGRAM.fit(read, 0)
    own, fresh = (NGRAM.surprise(model, found) for found in (read, other))
    assert (own.nats / own.words).mean() < (fresh.nats / fresh.words).mean()
    unknown = NGRAM.surprise(model, ["xylophone quagmire"])
    assert (unknown.nats / unknown.words)[0] > (fresh.nats / fresh.words).max()


@given(documents)
def test_words_sum_to_their_documents(asked: list[str]) -> None:
    found = NGRAM.surprise(NGRAM.fit(texts(3, 1), 0), asked)
    assert found.words.tolist() == [len(text.split()) for text in asked]
    assert found.by_word is not None
    bounds = np.cumsum([0, *found.words])
    sums = [found.by_word[a:b].sum() for a, b in pairwise(bounds)]
    assert found.nats == pytest.approx(sums)


def test_words_are_those_of_every_count_and_their_places_are_bytes() -> None:
    found = words_of(["Élan vital, Élan", "--", "x"])
    assert found.sizes.tolist() == [3, 0, 1]
    assert found.firsts.tolist() == [0, 6, 13, 0]
    assert found.hashes[0] == found.hashes[2]


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 9)), min_size=1, max_size=30), st.data())
def test_pieces_sum_to_words_and_lose_nothing(pieces, data) -> None:
    ends = np.cumsum([size for size, _ in pieces])
    nats = np.array([value for _, value in pieces])
    firsts = np.array(sorted(data.draw(st.sets(st.integers(0, int(ends[-1]) - 1), min_size=1))))
    found = by_words(ends, nats, firsts)
    expected = np.zeros(len(firsts))
    for end, value in zip(ends, nats, strict=True):
        begun = [k for k, first in enumerate(firsts) if first < end]
        expected[begun[-1] if begun else 0] += value
    assert found == pytest.approx(expected)
    assert found.sum() == pytest.approx(nats.sum())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: by_words(np.array([1]), np.zeros(2), np.array([0])),
            r"1 pieces end somewhere, 2 have a surprise.*of a document that has words\.",
        ),
        (
            lambda: Surprise(nats=np.zeros(2), words=np.zeros(1, np.int64)),
            r"surprises of 2 documents and words of 1\. Tell one of each for every document\.",
        ),
        (
            lambda: Surprise(nats=np.zeros(1), words=np.array([3]), by_word=np.zeros(2)),
            r"surprises of 2 words, and the documents have 3\. Use `by_words`",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
