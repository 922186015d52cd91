"""Queues about near duplicates: every pair that was dropped, in an order drawn by lot, the doubtful and long ones first."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from curated_sets import texts

from wellkeeper.errors import InputError
from wellkeeper.recipe.queue_duplicates import duplicates_pool


@pytest.fixture
def out(curated_set):
    return curated_set


def items(out, seed=0):
    pooled = duplicates_pool(out, seed=seed)
    return {item.id: item for item in pooled.items(range(len(pooled.ids)))}


def test_every_near_duplicate_stands_beside_the_one_that_stayed_and_exact_ones_are_not_asked(out):
    found = items(out)
    assert set(found) == {f"copy-{number} ~ plain-{number}" for number in range(6)} or set(found) == {
        f"plain-{number} ~ copy-{number}" for number in range(6)
    }
    for item in found.values():
        assert item.texts == tuple(texts()[place.id] for place in item.places)


def test_what_is_kept_for_later_names_the_text_that_was_dropped(out):
    decisions = {}
    for item in items(out).values():
        at = ("first", "second").index(item.facts["dropped"])
        decisions[item.places[at].id] = item.places[1 - at].id
        assert item.hidden.facts[f"{item.facts['dropped']}: decision"] == "drop"
        assert item.hidden.facts["dropped"] == f"the {item.facts['dropped']}"
        assert item.id == f"{item.places[at].id} ~ {item.places[1 - at].id}"
    assert len(decisions) == 6


def test_which_text_is_first_is_drawn_by_lot_and_the_same_for_a_seed(out):
    sides = [tuple(item.facts["dropped"] for item in items(out, seed).values()) for seed in (0, *range(9))]
    assert sides[0] == sides[1]
    assert len(set(sides)) > 5
    first = [one for side in sides[1:] for one in side].count("first")
    assert 14 <= first <= 40  # of 54; a fair lot is outside once in 2,500


def test_nearer_to_the_least_similarity_is_less_surely_the_same_and_worth_more(out):
    pooled = duplicates_pool(out, seed=0)
    similarity = np.array(
        [float(item.hidden.facts["similarity"]) for item in pooled.items(range(len(pooled.ids)))]
    )
    assert 0.6 <= similarity.min() < similarity.max() < 1
    order = np.argsort(similarity)
    assert np.all(np.diff(pooled.scores[order]) >= 0)
    assert np.all((pooled.scores >= 0.5) & (pooled.scores <= 0.99))
    assert pooled.scores == pytest.approx(0.5 + (similarity - 0.6) / 0.8, abs=2e-3)
    words = np.array([len(item.texts[0].split()) for item in items(out).values()])
    assert pooled.values.min() > 0
    assert np.corrcoef(pooled.values, (1 - similarity) * words)[0, 1] > 0.9


def test_pairs_of_which_one_text_is_gone_are_counted_and_not_asked(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    shutil.rmtree(copy / "rejected")
    with pytest.raises(InputError) as error:
        duplicates_pool(copy, seed=0)
    assert "dropped 6 near duplicates, and none of the pairs has both its texts here" in str(error.value)
    assert "--no-keep-rejected" in str(error.value)


def test_a_set_without_near_duplicates_has_no_pair_and_says_what_else_to_ask(plain_set):
    with pytest.raises(InputError, match=r"dropped no near duplicate.*--from origin"):
        duplicates_pool(plain_set, seed=0)
