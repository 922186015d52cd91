"""The letter of a multiple choice: in the words of models, by chances, and where there is doubt."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorer_helpers import item, output, scored, value

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scorers.choice import chosen
from wellkeeper.suites.suite import LETTERS

FISH = ("cod", "cow", "crow", "calf liver")
PHRASINGS = (
    "{letter}",
    "{lower}",
    "({letter})",
    "({lower}).",
    "{letter}.",
    "**{letter}**",
    "\u201c{letter}\u201d",
    "{letter}. {choice}",
    "{lower}) {choice}",
    "**{letter}.** {choice}",
    "Answer: {letter}.",
    "Answer: **({letter})**",
    "The answer is {letter}",
    "The answer is ({lower}).",
    "The correct option is {letter}, because of this.",
    "The correct answer is: option {letter}",
    "I choose {letter}",
    "My choice would be {letter}.",
    "Let me see.\n\n\\boxed{{{letter}}}",
    "Let me see.\n#### {letter}",
    "Nothing else fits.\n{letter}",
    "Option {letter} is right.",
    "{choice}",
    "It is {choice}!",
    "It must be ({letter}), as I said.",
    "A. is wrong, and so is C.\nAnswer: {letter}",
    "The answer is C. Wait, no. The answer is {letter}.",
)


@given(st.sampled_from(PHRASINGS), st.integers(0, 3))
def test_a_letter_is_read_however_it_is_said(phrasing, place):
    letter = LETTERS[place]
    text = phrasing.format(letter=letter, lower=letter.lower(), choice=FISH[place])
    assert chosen(text, FISH) == (letter,), text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A or B", ("A", "B")),
        ("Either A or B", ("A", "B")),
        ("The answer is A or B", ("A", "B")),
        ("Answer: B / C", ("B", "C")),
        ("Both A and B are right", ("A", "B")),
        ("(A) and (B)", ("A", "B")),
        ("A. cod\nB. cow", ("A", "B")),
        ("cow, not cod", ("A", "B")),
    ],
)
def test_two_letters_are_no_answer(text, found):
    assert chosen(text, FISH) == found
    score = scored("choice", text, "cow", choices=FISH)
    assert (score.value, score.note) == (0, f"ambiguous: {' and '.join(found)}")


@pytest.mark.parametrize(
    "text",
    ["", "I do not know.", "The answer is a fish", "A dog is an animal", "E", "I think so", "xylophone"],
)
def test_words_are_no_letters(text):
    assert chosen(text, FISH) == ()
    assert scored("choice", text, "cow", choices=FISH).note == "no choice in the answer"


def test_the_text_of_a_choice_may_be_part_of_another():
    assert chosen("It is cod liver oil.", ("cod", "cod liver", "cod liver oil")) == ("C",)
    assert chosen("It is cod.", ("cod", "cod liver", "cod liver oil")) == ("A",)
    assert chosen("cod, not cod liver", ("cod", "cod liver", "oil")) == ("A", "B")


def test_an_article_before_a_choice_is_no_letter():
    assert chosen("Answer: A cow", FISH) == ("B",)
    assert chosen("A cow is no fish", FISH) == ("B",)


@given(st.text(max_size=60))
def test_any_text_names_letters_of_the_choices_alone(text):
    found = chosen(text, FISH)
    assert set(found) <= set("ABCD")
    assert list(found) == sorted(set(found))


def test_the_reference_is_a_choice_or_its_letter():
    assert value("choice", "B", "cow", choices=FISH) == 1
    assert value("choice", "B", "B", choices=FISH) == 1
    assert value("choice", "C", "cow", choices=FISH) == 0
    assert value("choice", "C", "cow", "crow", choices=FISH) == 1
    assert scored("choice", "c", "cow", choices=FISH).note == "read C"


@pytest.mark.parametrize(
    ("references", "choices", "says"),
    [
        (("cow",), (), r"The item one has 0 choices\. Give it from 2 to 26, or another scorer\."),
        (("cow",), tuple(map(str, range(27))), r"has 27 choices"),
        (
            ("dog",),
            FISH,
            r"No reference of the item one is one of its choices\. Give a choice or its letter\.",
        ),
    ],
)
def test_an_item_that_cannot_be_scored_by_letters_is_refused(references, choices, says):
    with pytest.raises(InputError, match=says):
        scored("choice", "A", *references, choices=choices)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("B is correct. A is incorrect because a cod is a fish.", "B"),
        ("Option A is right", "A"),
        ("The answer is A because a cow has legs.", "A"),
        ("The answer isn't B but C.", "C"),
        ("The answer is not A. It is B.", "B"),
        ("The answer is not B", ""),
        ("Not A", ""),
        ("I think not\nB", "B"),
        ("Answer is (B), and (A) is a distractor.", "B"),
        ("<answer>B</answer> since A. is no fish", "B"),
        ("\u7b54\u6848\u662fB", "B"),
        ("The answer is D\u00e9troit", ""),
        ("D\u00e9sol\u00e9, je ne sais pas", ""),
        ("Vitamin B2", ""),
    ],
)
def test_denials_explanations_and_words_name_no_letter_of_their_own(text, found):
    assert "".join(chosen(text, FISH)) == found


def test_choices_that_punctuation_alone_tells_apart_are_told_apart():
    signed = ("5", "-5", "0")
    assert chosen("-5", signed) == chosen("The answer is -5", signed) == ("B",)
    assert chosen("It's 5.", signed) == ("A",)


def test_choices_of_one_text_are_one_and_a_blank_one_is_named_by_no_text():
    assert chosen("cod", ("cod", "cod", "cow")) == ("A",)
    assert value("choice", "B", "cod", choices=("cod", "cod", "cow")) == 1
    assert chosen("", ("", "cow")) == ()
    assert chosen("What?", ("", "cow")) == ()


# --- by chances ---------------------------------------------------------------------------------------------------


def by_chance(tokens, *references):
    scorer = scorer_of({"kind": "choice", "by": "logprob"})
    assert scorer.needs_logprobs
    first = None if tokens is None else {token: math.log(chance) for token, chance in tokens.items()}
    return scorer.score(item(*references, choices=FISH), output("whatever", first_tokens=first))


def test_the_likeliest_letter_is_the_answer_with_and_without_a_space():
    tokens = {"The": 0.3, "A": 0.25, "B": 0.2, " B": 0.1, "\u2581C": 0.05}
    assert by_chance(tokens, "cow").value == 1
    assert by_chance(tokens, "cod").value == 0
    assert by_chance(tokens, "cow").note == "B has a chance of 0.3"
    assert by_chance({"\u0120D": 0.4, "A": 0.3}, "calf liver").value == 1


@pytest.mark.parametrize(
    ("tokens", "note"),
    [
        (None, "the model gives no chances of first tokens"),
        ({}, "no letter is among the likeliest first tokens"),
        ({"The": 0.9, "E": 0.1}, "no letter is among the likeliest first tokens"),
        ({"A": 0.25, "B": 0.25}, "equally likely: A and B"),
    ],
)
def test_without_a_likeliest_letter_the_score_is_unknown(tokens, note):
    score = by_chance(tokens, "cow")
    assert (score.value, score.note) == (None, note)
