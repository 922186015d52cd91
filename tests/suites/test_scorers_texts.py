"""Texts that are compared: the normalisation of SQuAD's script as an oracle, and where ours goes beyond it."""

import re
import string
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scorer_helpers import scored, value

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.texts import DIFFERENCES, normalised, word_f1

WORDS = st.lists(
    st.sampled_from(
        ["the", "The", "a", "AN", "Eiffel", "tower", "tower's", "U.S.", "-", "$5", "3.5", "theatre", "x"]
    ),
    max_size=8,
).map(" ".join)
IGNORED = st.sets(st.sampled_from(DIFFERENCES)).map(frozenset)


# --- the published script: evaluate-v1.1.py of SQuAD --------------------------------------------------------------


def squad_normalise(s):
    def remove_articles(text):
        return re.sub(r"\b(a|an|the)\b", " ", text)

    def white_space_fix(text):
        return " ".join(text.split())

    def remove_punc(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def squad_f1(prediction, ground_truth):
    prediction_tokens = squad_normalise(prediction).split()
    ground_truth_tokens = squad_normalise(ground_truth).split()
    common = Counter(prediction_tokens) & Counter(ground_truth_tokens)
    num_same = sum(common.values())
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(prediction_tokens)
    recall = 1.0 * num_same / len(ground_truth_tokens)
    return (2 * precision * recall) / (precision + recall)


@given(WORDS | st.text(st.characters(max_codepoint=126, min_codepoint=32)))
def test_normalisation_is_that_of_squad_where_it_leaves_anything(text):
    theirs = squad_normalise(text)
    if theirs:
        assert normalised(text) == theirs


@given(WORDS, WORDS)
def test_f1_and_exact_are_those_of_squad(answer, reference):
    if squad_normalise(answer) and squad_normalise(reference):
        assert value("f1", answer, reference) == pytest.approx(squad_f1(answer, reference))
        assert value("exact", answer, reference) == (squad_normalise(answer) == squad_normalise(reference))


# --- properties ---------------------------------------------------------------------------------------------------


@given(st.text(), IGNORED)
@example("a.n the", frozenset(DIFFERENCES))
@example("A\u0332 e-\u0301", frozenset(DIFFERENCES))
@example("\u0130", frozenset({"case"}))
def test_normalising_twice_is_normalising_once(text, ignored):
    once = normalised(text, ignored)
    assert normalised(once, ignored) == once


@given(st.text(min_size=1))
def test_every_text_is_exactly_itself(text):
    assert value("exact", text, text) == 1
    assert value("f1", text, text) == 1


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_f1_is_symmetric_and_one_only_for_the_same_words(answer, reference):
    shared = word_f1(answer, reference)
    assert shared == word_f1(reference, answer)
    assert 0 <= shared <= 1
    assert (shared == 1) == (Counter(answer) == Counter(reference))


# --- meaning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["Paris", "paris.", " PARIS\n", "The Paris", "\u201cParis\u201d", "¡Paris!"]
)
def test_differences_that_do_not_matter_do_not_count(answer):
    assert value("exact", answer, "Paris") == 1


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_difference_counts_where_the_suite_does_not_ignore_it(difference):
    answer = {
        "case": "paris rose",
        "punctuation": "Paris, Rose",
        "articles": "a Paris Rose",
        "whitespace": "Paris  Rose",
    }
    ignored = [name for name in DIFFERENCES if name != difference]
    assert value({"kind": "exact", "ignore": ignored}, answer[difference], "Paris Rose") == 0
    assert (
        value({"kind": "exact", "ignore": [difference, "whitespace"]}, answer[difference], "Paris Rose") == 1
    )


def test_an_answer_of_articles_or_signs_alone_keeps_them():
    assert value("exact", "A", "a") == 1
    assert value("exact", "", "the") == 0
    assert value("exact", "-", "+") == 0
    assert value("contains", "Any words at all", "The") == 0


def test_any_of_several_references_is_good_enough():
    assert value("exact", "NYC", "New York", "NYC") == 1
    assert value("f1", "the north sea", "baltic sea", "north sea") == 1


def test_a_reference_is_held_as_whole_words_unless_the_suite_says_otherwise():
    assert value("contains", "It is a cow, I think.", "Cow") == 1
    assert value("contains", "It is a cowboy.", "cow") == 0
    assert value({"kind": "contains", "whole-words": False}, "It is a cowboy.", "cow") == 1
    assert value("contains", "München liegt", "münch") == 0


def test_the_note_says_what_was_read():
    assert scored("exact", "The  Eiffel Tower!", "x").note == "eiffel tower"
    assert scored("contains", "a cow", "cow").note == "holds cow"
    assert scored("contains", "a cow", "cod").note == "holds no reference"
    assert len(scored("exact", "x" * 10_000, "y").note) == 60


def test_a_blank_reference_that_every_answer_would_hold_is_refused():
    with pytest.raises(
        InputError, match=r"A reference of the item one is blank, and every answer holds it\. Leave"
    ):
        scored("contains", "anything", "cow", " ")
