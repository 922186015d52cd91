"""Training sets: equal draws whatever the order, common to sets that share documents, and parts of what is alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_texts import edited, texts

from wellkeeper.errors import DataError
from wellkeeper.lab.training import PARTS, distinct, joined, pool_of

FOUND = texts(80, 1)
POOL = pool_of("found", FOUND)


@settings(max_examples=20)
@given(st.permutations(range(80)), st.integers(0, 5), st.integers(1, 6000))
def test_a_draw_does_not_hang_on_the_order_of_documents(order: list[int], seed: int, words: int) -> None:
    shuffled = pool_of("shuffled", [FOUND[place] for place in order])
    assert shuffled.texts(shuffled.draw(words, seed)) == POOL.texts(POOL.draw(words, seed))


@given(st.integers(0, 99), st.integers(1, 6000))
def test_whole_documents_come_nearest_to_the_words_asked_for(seed: int, words: int) -> None:
    order = POOL.draw(POOL.total, seed)
    drawn = POOL.draw(words, seed)
    assert drawn.tolist() == order[: len(drawn)].tolist()  # a larger draw goes on where a smaller one ended
    reached = np.cumsum(POOL.words[order])
    assert abs(reached[len(drawn) - 1] - words) == np.abs(reached - words).min()


def test_all_words_are_all_documents_and_seeds_draw_differently() -> None:
    assert sorted(POOL.draw(POOL.total, 3)) == list(range(80))
    assert POOL.draw(500, 1).tolist() != POOL.draw(500, 2).tolist()


def test_a_document_that_two_sets_share_has_one_key_and_copies_have_keys_of_their_own() -> None:
    other = pool_of("other", [*texts(5, 9), *FOUND[:10], *FOUND[:10]])
    assert set(POOL.keys[:10]) <= set(other.keys)
    assert len(set(other.keys)) == len(other)
    assert len(set(joined("both", [POOL, other]).keys)) == len(POOL) + len(other)


@pytest.mark.parametrize("source", [0, 1])
def test_a_source_is_drawn_alike_whichever_of_two_copies_in_two_sources_comes_first(source: int) -> None:
    """Copies are numbered among what is drawn from, and not among what that was taken from."""
    documents, sources = [*FOUND, *FOUND[:40]], np.repeat([0, 1], [80, 40])
    there = pool_of("all", documents).take(sources == source)
    back = pool_of("all", documents[::-1]).take(sources[::-1] == source)
    assert there.texts(there.draw(1000, 2)) == back.texts(back.draw(1000, 2))


def test_distinct_texts_are_told_apart_without_a_table_as_wide_as_the_longest() -> None:
    long = pool_of("long", ["word " * 400_000, *FOUND[:5]])
    together = distinct("AI-generated", [long, POOL, POOL])
    assert together.documents == [*long.documents, *FOUND[5:]]  # the first of each, in order
    assert (together.name, together.total) == ("AI-generated", 400_000 + POOL.total)


def test_copies_with_light_edits_are_mostly_in_the_part_of_their_original() -> None:
    rng = np.random.default_rng(4)
    alike = pool_of("alike", [edited(text, rng, every=60) for text in FOUND])
    same = np.mean(alike.parts == POOL.parts)
    assert same > 0.7
    assert np.unique(POOL.parts).size > PARTS // 2
    strangers = np.mean(pool_of("strangers", texts(80, 2)).parts == POOL.parts)
    assert strangers < 0.25


def test_documents_without_words_are_left_out() -> None:
    assert pool_of("some", ["", "...", "one word"]).documents == ["one word"]


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(
        DataError, match=r"5 words of none, which has 0 documents, cannot be drawn\. Give a set"
    ):
        pool_of("none", []).draw(5, 0)
