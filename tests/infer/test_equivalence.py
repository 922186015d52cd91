"""Answers that are the same one: read as scorers read them, in the order they come, and unknown pairs are counted."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.infer.equivalence import (
    ByChoice,
    ByEmbedding,
    ByFunction,
    ByMathematics,
    ByNumber,
    ByPattern,
    ByStatement,
    ByText,
    Classes,
    equivalence_of,
)
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scorers.workers import Unknown
from wellkeeper.suites.suite import SuiteItem


def classes(same, *texts):
    """The class of each answer, and the classes."""
    found = Classes(same)
    return [found.add(text) for text in texts], found


# --- kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("same", "texts", "places", "said"),
    [
        (ByText(), ("The cod.", "cod", "a cow", " "), [0, 0, 1, None], ["cod", "cow"]),
        (ByNumber.within(), ("It is 5", "5.0", "50%", "0.5", "none"), [0, 0, 1, 1, None], ["5", "50%"]),
        (ByNumber.within(1), ("5", "6", "7"), [0, 0, 1], ["5", "7"]),
        (ByNumber.within(relative=0.1), ("100", "109", "111"), [0, 0, 1], ["100", "111"]),
        (
            ByChoice(["cod", "cow"]),
            ("(B)", "A cow!", "The answer is A", "A or B"),
            [0, 0, 1, None],
            ["B", "A"],
        ),
        (
            ByStatement(),
            ("2 and 3.\nThe answer is Five.\nBye", "#### five", "five", "answer: six", "\\boxed{six}"),
            [0, 0, None, 1, 1],
            ["five", "six"],
        ),
        (ByFunction(lambda text: len(text) or None), ("ab", "cd", "e", ""), [0, 0, 1, None], ["2", "1"]),
    ],
    ids=["text", "number", "tolerance", "relative", "choice", "statement", "function"],
)
def test_answers_of_one_meaning_are_one_class_known_by_its_first_answer(same, texts, places, said):
    found, made = classes(same, *texts)
    assert (found, made.said) == (places, said)
    assert made.counts == [places.count(place) for place in range(len(said))]


def test_answers_near_the_first_of_a_class_join_it_and_a_chain_does_not_drag_it_along():
    """5 and 7 are both within 1 of 6, and not of each other: which came first decides."""
    assert classes(ByNumber.within(1), "5", "6", "7")[0] == [0, 0, 1]
    assert classes(ByNumber.within(1), "6", "5", "7")[0] == [0, 0, 0]


def test_texts_are_one_where_their_embeddings_are_near():
    places = {"up": (0.0, 1.0), "upwards": (0.1, 1.0), "right": (2.0, 0.0), "nothing": (0.0, 0.0)}
    found, made = classes(ByEmbedding(places.get, least=0.95), "up", "upwards", "right", "nothing", "up", " ")
    assert found == [0, 0, 1, None, 0, None]
    assert made.counts == [3, 1]


def test_an_embedding_that_is_none_is_refused_with_the_next_step():
    with pytest.raises(InputError, match=r"The least cosine is 0\. Give one above 0, at most 1\."):
        ByEmbedding(len, least=0)
    with pytest.raises(InputError, match=r"has shape \(\) and length 2\. Have the function give one list"):
        ByEmbedding(len, least=0.5).read("ab")


# --- mathematics --------------------------------------------------------------------------------------------------


def test_expressions_are_one_where_math_verify_says_so():
    pytest.importorskip("math_verify")
    found, made = classes(
        ByMathematics.within(5), "$\\frac{1}{2}$", "The answer is $0.5$", "$x + 1$", "$1 + x$", "no idea"
    )
    assert found == [0, 0, 1, 1, None]
    assert (made.counts, made.unknown) == ([2, 2], 0)


def test_a_pair_that_takes_too_long_counts_as_different_and_is_told():
    pytest.importorskip("math_verify")
    slow = "$9^{9^{9^{9}}}$"
    found, made = classes(ByMathematics.within(0.3), "$10^{10^{10}}$", slow)
    assert found[0] == 0
    assert found[1] is None or (found[1] == 1 and made.unknown == 1)


def test_pairs_that_nobody_can_tell_are_counted():
    asked = []

    def same(one, other):
        asked.append((one, other))
        return None if "?" in one + other else one.lower() == other.lower()

    found, made = classes(ByFunction(same_as=same), "yes", "?", "YES", "YES", "no")
    assert found == [0, 1, 0, 0, 2]
    assert made.unknown == 2
    assert asked == [("yes", "?"), ("yes", "YES"), ("yes", "no"), ("?", "no")]


def test_an_answer_that_takes_too_long_to_read_does_not_vote():
    class Slow(ByText):
        def read(self, text):
            if text == "slow":
                raise Unknown("it took too long")
            return super().read(text)

    assert classes(Slow(), "slow", "quick")[0] == [None, 0]


# --- scorers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"kind": "exact"}, ByText),
        ({"kind": "contains"}, ByText),
        ({"kind": "numeric", "tolerance": 1}, ByNumber),
        ({"kind": "choice"}, ByChoice),
        ({"kind": "regex", "pattern": r"is (\w+)", "group": 1}, ByPattern),
        ({"kind": "regex", "pattern": "cod"}, ByText),
        (None, ByText),
    ],
)
def test_answers_that_a_scorer_reads_are_told_apart_by_what_it_reads(spec, kind):
    item = SuiteItem(name="one", prompt="Which?", references=("cod",), choices=("cod", "cow"))
    assert isinstance(equivalence_of(scorer_of(spec), item), kind)


def test_what_a_pattern_takes_out_is_what_votes():
    scorer = scorer_of({"kind": "regex", "pattern": r"\bis (\w+)", "group": 1})
    same = equivalence_of(scorer, SuiteItem(name="one", prompt="Which?"))
    assert classes(same, "It is Five", "this is five", "five")[0] == [0, 0, None]


def test_mathematics_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("wellkeeper.suites.scorers.mathematics.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[scorers\]'"):
        ByMathematics.within(1)


# --- properties ---------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["5", "5.0", "the 5", "6", "six", ""]), max_size=20), st.randoms())
def test_the_order_of_equal_answers_decides_no_count(texts, shuffled: random.Random):
    one = Classes(ByNumber.within())
    other = Classes(ByNumber.within())
    for text in texts:
        one.add(text)
    mixed = list(texts)
    shuffled.shuffle(mixed)
    for text in mixed:
        other.add(text)
    assert sorted(one.counts) == sorted(other.counts)
    assert sum(one.counts) == sum(text not in {"", "six"} for text in texts)
