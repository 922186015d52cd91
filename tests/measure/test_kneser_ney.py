"""The model against its definition in plain Python, NLTK, closed forms and the law that probabilities sum to 1."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_kneser_ney import NaiveKneserNey
from nltk.lm import KneserNeyInterpolated

from wellkeeper.errors import DataError
from wellkeeper.measure import kneser_ney
from wellkeeper.measure.kneser_ney import DISCOUNT, Model, fit

VOCABULARY = 6

documents = st.lists(st.lists(st.integers(0, VOCABULARY - 2), max_size=8), min_size=1, max_size=6)
orders = st.integers(1, 4)
discounts = st.floats(0.05, 0.95)


def packed(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts]))).astype(np.int64)
    return offsets, np.array([word for text in texts for word in text], np.int32)


def fitted(texts: list[list[int]], **settings) -> Model:
    return fit(*packed(texts), **({"vocabulary": VOCABULARY} | settings))


@given(documents, documents, orders, discounts)
def test_probabilities_are_those_of_the_definition(texts, others, order: int, discount: float) -> None:
    naive = NaiveKneserNey(texts, vocabulary=VOCABULARY, order=order, discount=discount)
    expected = [
        math.log(naive.probability(text[:at], text[at])) for text in others for at in range(len(text))
    ]
    found = fitted(texts, order=order, discount=discount).log_probabilities(*packed(others))
    assert found == pytest.approx(expected)


@given(documents, st.lists(st.integers(0, VOCABULARY - 1), max_size=4), orders, discounts)
def test_probabilities_sum_to_one_after_any_words_seen_or_not(texts, before, order, discount) -> None:
    model = fitted(texts, order=order, discount=discount)
    ends = [[*before, word] for word in range(VOCABULARY)]
    offsets, words = packed(ends)
    last = model.log_probabilities(offsets, words)[offsets[1:] - 1]
    assert np.exp(last).sum() == pytest.approx(1)
    assert np.isfinite(last).all()


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=8), min_size=2, max_size=6), orders)
def test_probabilities_are_those_of_nltk_with_a_floor_under_single_words(texts, order: int) -> None:
    class WithFloor(KneserNeyInterpolated):
        """NLTK spreads nothing below single words. There the definition is that of every other length."""

    def floor(word):
        kept, words = model.estimator._continuation_counts(word) if order > 1 else (0, 0)
        distinct = len(model.counts.unigrams)
        if order == 1:
            kept, words = model.counts.unigrams[word], model.counts.unigrams.N()
        return (max(kept - DISCOUNT, 0) + DISCOUNT * distinct / VOCABULARY) / words

    model = WithFloor(order, discount=DISCOUNT)
    model.estimator.unigram_score = floor
    padded = [["<s>"] * (order - 1) + [str(word) for word in text] for text in texts]
    places = [(text, at) for text in padded for at in range(order - 1, len(text))]
    # each token as n-grams of all lengths, and nothing that ends in a mark
    grams = [[tuple(text[at - n : at + 1]) for n in range(order)] for text, at in places]
    model.fit(grams, vocabulary_text=[str(word) for text in texts for word in text])
    expected = [model.score(text[at], text[at - order + 1 : at]) for text, at in places]
    found = np.exp(fitted(texts, order=order).log_probabilities(*packed(texts)))
    assert found == pytest.approx(expected)


@given(documents, st.randoms(), orders)
def test_the_order_of_documents_does_not_matter(texts, random, order: int) -> None:
    shuffled = random.sample(texts, len(texts))
    one, two = (fitted(some, order=order).log_probabilities(*packed(texts)) for some in (texts, shuffled))
    assert one.tolist() == two.tolist()


@given(documents, st.data(), orders)
def test_a_model_without_a_block_is_a_model_fitted_on_the_rest(texts, data, order: int) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=3)))
    bounds = [0, *cuts, len(texts)]
    model = fitted(texts, order=order)
    found = list(model.without_each(packed(texts)[0][bounds], *packed(texts)))
    for first, end, less in zip(bounds[:-1], bounds[1:], found, strict=True):
        rest = [*texts[:first], *texts[end:]]
        expected = fitted(rest, order=order).log_probabilities(*packed(texts))
        assert less.tolist() == expected.tolist()
    whole = fitted(texts, order=order).log_probabilities(*packed(texts))
    assert model.log_probabilities(*packed(texts)).tolist() == whole.tolist()


def test_one_word_models_have_a_closed_form() -> None:
    model = fitted([[0, 0, 0], [1]], order=1)
    found = np.exp(model.log_probabilities(*packed([[0, 1, 2]])))
    floor = 2 * DISCOUNT / 4 / VOCABULARY
    assert found == pytest.approx([(3 - DISCOUNT) / 4 + floor, (1 - DISCOUNT) / 4 + floor, floor])


def test_a_model_of_nothing_finds_all_words_equally_likely() -> None:
    assert np.exp(fitted([[]]).log_probabilities(*packed([[0, 5]]))) == pytest.approx([1 / VOCABULARY] * 2)


def test_a_word_of_one_fixed_phrase_is_unlikely_elsewhere() -> None:
    """Chen and Goodman's reason for Kneser-Ney: "Francisco" is common, but only after "San"."""
    san, francisco, glasses, others = 0, 1, 2, [3, 4]
    texts = [[san, francisco]] * 4 + [[san, glasses], [others[0], glasses], [others[1], glasses], [glasses]]
    model = fitted(texts, order=2)
    unseen = 5
    after_unseen = model.log_probabilities(*packed([[unseen, francisco], [unseen, glasses]]))
    assert after_unseen[1] < after_unseen[3]
    after_san = model.log_probabilities(*packed([[san, francisco], [san, glasses]]))
    assert after_san[1] > after_san[3]


def test_no_n_gram_reaches_over_the_end_of_a_document() -> None:
    apart, joined = fitted([[0, 1], [2, 3]]), fitted([[0, 1, 2, 3]])
    end = packed([[1, 2]])
    assert apart.log_probabilities(*end)[1] < joined.log_probabilities(*end)[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"words": [0, 6]},
            r"words are numbered from 0 to 6, and the vocabulary has 6\. Number the words of all",
        ),
        ({"words": [-1, 0]}, r"words are numbered from -1 to 0, and the vocabulary has 6\. Number"),
        ({"vocabulary": 0}, r"the vocabulary has 0 words\. Give at least 1\."),
        ({"order": 0}, r"order is 0 and discount 0\.75\. Give an order of at least 1"),
        ({"discount": 1.0}, r"discount 1\.0\. Give an order of at least 1, and a discount between 0 and 1\."),
        ({"offsets": [0, 1]}, r"offsets go from 0 to 1, and there are 2 words\. Pass one offset a document"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change, says: str) -> None:
    given_ = {"offsets": [0, 2], "words": [0, 1], "vocabulary": VOCABULARY} | change
    offsets, words = np.array(given_.pop("offsets")), np.array(given_.pop("words"), np.int32)
    with pytest.raises(DataError, match=says):
        fit(offsets, words, **given_)


def test_more_words_than_n_grams_can_be_numbered_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kneser_ney, "_MOST_NODES", 11)
    assert fitted([[0, 1], [2]], order=2).order == 2
    with pytest.raises(
        DataError,
        match=r"3 words may have more n-grams of up to 3 words than can be numbered, 11\. Give a part",
    ):
        fitted([[0, 1], [2]], order=3)


def test_words_to_score_must_be_of_the_vocabulary_too() -> None:
    with pytest.raises(DataError, match=r"words are numbered from 0 to 9, and the vocabulary has 6"):
        fitted([[0, 1]]).log_probabilities(*packed([[9]]))
