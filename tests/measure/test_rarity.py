"""Rarity of words: a mean over tokens that does not grow with length, and groups judged by all their texts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import Documents, incidence_of
from wellkeeper.measure.rarity import FEWEST_WORDS, RAREST, rarest_groups, rarity_of


def documents(*texts):
    return Documents(
        offsets=np.cumsum([0, *map(len, texts)]), hashes=np.array([w for t in texts for w in t], np.uint64)
    )


def incidence(*texts):
    return incidence_of(documents(*texts).offsets, documents(*texts).hashes)


def test_it_is_the_mean_inverse_document_frequency_of_the_words_that_the_reference_has():
    reference = incidence([1, 1, 2], [1, 3], [1], [1, 2])
    found = rarity_of(documents([1, 2, 2, 3, 1], [9, 9, 9, 9, 9, 1]), reference)
    assert found[0] == pytest.approx((2 * math.log(4 / 2) + math.log(4)) / 5)
    assert math.isnan(found[1]), "of one known word nothing is said"


def test_nothing_is_known_beside_an_empty_reference():
    assert np.isnan(rarity_of(documents([1] * 9), incidence())).all()


@given(st.lists(st.integers(0, 9), min_size=FEWEST_WORDS, max_size=30), st.integers(2, 5))
def test_a_text_that_is_said_again_is_as_rare_as_before(words, times):
    reference = incidence(list(range(10)), [0, 1, 2], [0])
    once, again = rarity_of(documents(words, words * times), reference)
    assert once == pytest.approx(again)


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 5)), min_size=1, max_size=60))
def test_the_rarest_groups_hold_the_share_and_would_not_without_the_last(texts):
    groups, rarity = np.array([g for g, _ in texts]), np.array([r for _, r in texts])
    found = rarest_groups(groups, rarity, 8)
    sizes = np.bincount(groups, minlength=8)
    assert not found[7], "a group without a text"
    assert sizes[found].sum() >= RAREST * len(texts)
    assert sizes[found].sum() - sizes[found].max() < RAREST * len(texts) + sizes[found].max()
    means = {g: rarity[groups == g].mean() for g in set(groups.tolist())}
    assert (
        min(means[g] for g in means if found[g])
        >= max((means[g] for g in means if not found[g]), default=0) - 1e-9
    )


def test_a_text_without_rarity_is_refused():
    with pytest.raises(DataError, match="Pass a group and a rarity for each text"):
        rarest_groups(np.array([0]), np.array([np.nan]), 1)
