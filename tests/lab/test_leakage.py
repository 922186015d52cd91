"""What training and held-out documents share: copies, near copies and passages, and neither phrases nor templates."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_texts import edited, texts

from wellkeeper.lab.leakage import NGRAM, PASSAGE, SHARE, TEMPLATE, leaks
from wellkeeper.lab.learner import words_of

HELD_OUT = texts(30, 1, words=150)


def found(training: list[str], held_out: list[str] = HELD_OUT) -> tuple[list[bool], list[bool]]:
    shared = leaks(words_of(training), words_of(held_out))
    return shared.training.tolist(), shared.held_out.tolist()


def test_a_copy_a_near_copy_and_a_passage_leak_and_fresh_text_does_not() -> None:
    rng = np.random.default_rng(0)
    fresh = texts(1, 2, words=400)[0].split()
    passage = HELD_OUT[3].split()[20 : 20 + PASSAGE]
    training, held_out = found(
        [
            HELD_OUT[0].upper(),
            edited(HELD_OUT[1], rng, every=40),
            " ".join(fresh[:200] + passage + fresh[200:]),
            " ".join(fresh),
        ]
    )
    assert training == [True, True, True, False]
    assert [place for place, leak in enumerate(held_out) if leak] == [0, 1, 3]


def test_a_phrase_of_thirteen_words_in_long_documents_is_no_leak() -> None:
    phrase = HELD_OUT[5].split()[:NGRAM]
    fresh = texts(1, 3, words=400)[0].split()
    assert found([" ".join(fresh[:90] + phrase + fresh[90:])])[0] == [False]


def test_a_short_document_leaks_as_a_whole_only() -> None:
    held_out = ["the very same few words", "other words stand here"]
    assert found(["The very same, few words!", "the very same few other words"], held_out) == (
        [True, False],
        [True, False],
    )


def test_what_many_held_out_documents_have_is_a_template() -> None:
    notice = " ".join(f"notice{k}" for k in range(2 * PASSAGE))
    few = [f"{text} {notice}" for text in HELD_OUT[:TEMPLATE]]
    many = [f"{text} {notice}" for text in HELD_OUT[: TEMPLATE + 1]]
    page = f"{texts(1, 4)[0]} {notice}"
    assert found([page], few)[0] == [True]
    assert found([page], many)[0] == [False]


def grams(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    if 0 < len(words) < NGRAM:
        return {("whole", *words)}
    return {tuple(words[k : k + NGRAM]) for k in range(len(words) - NGRAM + 1)}


def leak(one: str, other: str, common: set[tuple[str, ...]]) -> bool:
    mine, theirs = grams(one), grams(other)
    shared = len((mine & theirs) - common)
    return shared > 0 and shared >= min(PASSAGE - NGRAM + 1, math.ceil(SHARE * min(len(mine), len(theirs))))


pieces = st.lists(st.integers(0, 5), max_size=4).map(
    lambda found: " ".join(f"w{piece}x{k}" for piece in found for k in range(15))
)


@settings(max_examples=60)
@given(st.lists(pieces, min_size=1, max_size=6), st.lists(pieces, min_size=1, max_size=14))
def test_leaks_are_those_of_the_definition(training: list[str], held_out: list[str]) -> None:
    holders = [grams(text) for text in held_out]
    common = {gram for some in holders for gram in some if sum(gram in one for one in holders) > TEMPLATE}
    expected = [[leak(one, other, common) for other in held_out] for one in training]
    assert found(training, held_out) == (
        [any(row) for row in expected],
        [any(column) for column in zip(*expected, strict=True)],
    )
