"""Distances of answers, and answers cut to equal length: what is alike, and what a cut may not change."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.watch.answer_texts import (
    at_equal_length,
    distances_of,
    diversity_of,
    normalised,
    unlike_share_of,
    worded,
)

TEXTS = st.lists(st.text(alphabet="abc AB.\n\u00e9\u65e5\u672c", max_size=20), min_size=2, max_size=5)


def naive_distance(first: str, second: str) -> float:
    """One less Jaccard's similarity of the sets of runs of four characters."""
    sets = []
    for answer in (first, second):
        folded = re.sub(r"\s+", " ", answer.lower()).strip()
        runs = {folded[at : at + 4] for at in range(len(folded)) if at + 4 <= len(folded)}
        sets.append(runs or ({folded} if folded else set()))
    union = sets[0] | sets[1]
    return 1 - len(sets[0] & sets[1]) / len(union) if union else 0.0


@given(TEXTS)
def test_distances_are_those_of_sets_of_runs_of_four_characters(texts: list[str]) -> None:
    wanted = [[naive_distance(first, second) for second in texts] for first in texts]
    np.testing.assert_allclose(distances_of(texts), wanted, atol=1e-12)


def test_two_empty_answers_are_alike_and_so_are_two_equal_ones() -> None:
    assert diversity_of(["", "  \n"]) == 0.0
    assert diversity_of(["The sea.", "the  SEA. "]) == 0.0
    assert unlike_share_of(["", " ", "a", "A"]) == pytest.approx(4 / 6)


def test_short_answers_that_differ_are_unlike() -> None:
    assert diversity_of(["41", "42"]) == 1.0
    assert diversity_of(["", "42"]) == 1.0


def test_one_answer_has_no_diversity_and_the_error_says_what_to_do() -> None:
    with pytest.raises(DataError, match="Sample each prompt at least twice"):
        diversity_of(["alone"])


@given(TEXTS, TEXTS)
def test_a_cut_leaves_a_beginning_and_equal_answers_stay_equal(first: list[str], second: list[str]) -> None:
    cut = at_equal_length(worded(first), worded(second))
    for before, after in zip((first, second), cut, strict=True):
        assert all(whole.startswith(part) for whole, part in zip(before, after, strict=True))
        for i, one in enumerate(before):
            for j, other in enumerate(before):
                assert one != other or after[i] == after[j]


@given(TEXTS, TEXTS)
def test_which_version_is_which_and_the_order_of_answers_make_no_difference(
    first: list[str], second: list[str]
) -> None:
    mine, theirs = at_equal_length(worded(first), worded(second))
    assert at_equal_length(worded(second), worded(first)) == (theirs, mine)
    assert at_equal_length(worded(first[::-1]), worded(second)) == (mine[::-1], theirs)


def test_answers_are_cut_to_the_usual_length_of_the_version_that_is_shorter() -> None:
    long = ["one two three four five", "one two three four five six", ""]
    short = ["a b", "a b c", "a b c d", "..."]
    assert at_equal_length(worded(long), worded(short)) == (
        ["one two three", "one two three", ""],
        ["a b", "a b c", "a b c", "..."],
    )


def test_a_version_without_a_word_leaves_no_length_to_compare_at() -> None:
    assert at_equal_length(worded(["one two", "three"]), worded(["", "!"])) == (["", ""], ["", "!"])


def test_words_of_scripts_without_blanks_are_cut_between_letters() -> None:
    whole = worded(["\u65e5\u672c\u8a9e\u306e\u6587", "na\u00efve caf\u00e9 au lait"])
    assert whole[1].first(2) == "na\u00efve caf\u00e9"
    assert whole[0].text.startswith(whole[0].first(1))
    assert 0 < len(whole[0].first(1)) < 5


def test_white_space_and_case_make_no_other_answer() -> None:
    assert normalised(" The\n\tSEA ") == "the sea"
