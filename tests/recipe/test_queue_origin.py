"""Queues about origin: what is doubtful and decides something comes first, and the pool is the whole set."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from curated_sets import GERMAN, RECIPE, curated
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from wellkeeper.origin.evidence import probability
from wellkeeper.recipe.queue_origin import DECIDES, conflicts_pool, origin_pool
from wellkeeper.recipe.queue_pool import HEAVIEST, SUREST, distinct, entropy, surely, weights_of
from wellkeeper.recipe.queue_texts import LedgerTexts


@pytest.fixture
def out(curated_set):
    return curated_set


def by_id(pooled):
    return {name: float(value) for name, value in zip(pooled.ids, pooled.values, strict=True)}


# --- the pool -----------------------------------------------------------------------------------------------------


def test_the_pool_is_all_documents_whose_text_is_there_under_names_of_their_own(out):
    pooled = origin_pool(out)
    assert len(pooled.ids) == len(set(pooled.ids)) == 64
    assert {"twice", "same", "short", "made-1"} <= set(pooled.ids)
    assert sum(name.startswith("twice#") for name in pooled.ids) == 1
    assert pooled.note == "All documents of the set, kept and dropped, that have a text."


def test_a_pool_without_the_dropped_texts_says_how_many_are_missing(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    shutil.rmtree(copy / "rejected")
    pooled = origin_pool(copy)
    assert (len(pooled.ids), pooled.lost) == (51, 13)
    assert "but for 13 whose texts were not kept" in pooled.note


def test_a_score_is_the_chance_that_the_ledger_s_odds_say(out):
    ledger, pooled = LedgerTexts(out), origin_pool(out)
    odds = ledger.numbers("origin_log_odds")[ledger.at_hand]
    assert pooled.scores == pytest.approx(np.clip(probability(odds), 0.01, 0.99))
    assert pooled.scores.min() >= 1 - SUREST
    assert pooled.scores.max() <= SUREST


def test_items_come_in_the_order_asked_for_with_the_document_that_decisions_are_about(out):
    pooled = origin_pool(out)
    wanted = [pooled.ids.index(name) for name in ("torn", "made-1", "old-3")]
    torn, made, old = pooled.items(wanted)
    assert [item.id for item in (torn, made, old)] == ["torn", "made-1", "old-3"]
    assert torn.texts[0].startswith(GERMAN)
    assert torn.hidden.marks[0].says == "an assistant speaking of itself, unquoted"
    assert made.hidden.facts["declared origin"] == "ai-generated"
    assert old.score < 0.02 < torn.score
    assert all(len(item.places) == 1 and len(item.places[0].content_hash) == 64 for item in (torn, made, old))


# --- what a label is worth ----------------------------------------------------------------------------------------


def test_a_document_that_waits_for_a_person_is_worth_more_than_one_as_long_that_does_not(out):
    ledger, value = LedgerTexts(out), by_id(origin_pool(out))
    words = dict(zip(ledger.ids(ledger.at_hand), ledger.numbers("words")[ledger.at_hand], strict=True))
    a_word = {name: value[name] / words[name] for name in words if name != "twice"}
    assert max(a_word, key=a_word.__getitem__) == "torn"
    assert a_word["voice"] > a_word["plain-20"]  # dropped for its origin, at odds of 29 to 1
    assert a_word["plain-20"] > a_word["old-1"] > 0


def test_what_was_dropped_for_something_else_is_asked_about_by_lot_alone(out):
    value = by_id(origin_pool(out))
    assert value["short"] == value["same"] == value["copy-1"] == DECIDES["elsewhere"] == 0
    assert sum(worth == 0 for worth in value.values()) == 8


def test_odds_near_a_threshold_of_the_recipe_count_where_doubt_itself_is_small(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    steps = {"drop_above": 0.99, "review_between": None}, {"drop_above": 0.15, "review_between": None}
    values = []
    for options in steps:
        manifest = json.loads((copy / "manifest.json").read_bytes())
        manifest["recipe"]["steps"][-1] = {"origin.v1": options}
        (copy / "manifest.json").write_text(json.dumps(manifest))
        values.append(by_id(origin_pool(copy)))
    far, near = values
    assert near["plain-20"] > far["plain-20"]  # log10 odds of -0.6, a threshold at -0.8
    assert near["made-1"] == far["made-1"]  # declared: no threshold rules it
    assert near["old-1"] == far["old-1"]  # more than a factor of ten away


def test_without_a_manifest_doubt_alone_counts(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    (copy / "manifest.json").unlink()
    assert by_id(origin_pool(copy)).keys() == by_id(origin_pool(out)).keys()


# --- evidence that disagrees --------------------------------------------------------------------------------------


def test_documents_with_evidence_on_both_sides_are_the_pool_of_conflicts(out):
    pooled = conflicts_pool(out)
    assert pooled.ids == ["torn"]
    assert (
        pooled.note == "1 document of the set, kept or dropped, with evidence for a model and for a person."
    )
    (item,) = pooled.items([0])
    assert item.places[0].id == "torn"


def test_the_stronger_the_weaker_side_is_the_more_a_label_is_worth(tmp_path):
    recipe = RECIPE.replace("origin: {column: label}", "origin: human")
    pooled = conflicts_pool(Path(curated(tmp_path, recipe=recipe).paths["folder"]))
    assert set(pooled.ids) == {"voice", "torn"}
    assert min(pooled.values) > 0.9


# --- mathematics --------------------------------------------------------------------------------------------------


@given(st.floats(0, 1))
def test_doubt_is_the_entropy_of_yes_or_no_in_bits(chance):
    found = float(entropy(np.array([chance]))[0])
    assert found == pytest.approx(scipy_entropy([chance, 1 - chance], base=2), abs=1e-12)
    assert 0 <= found <= 1


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_weights_have_the_mean_of_one_but_for_what_is_too_heavy(words):
    found = weights_of(np.array(words, np.int64))
    assert found.size == len(words)
    if words and sum(words) >= len(words):
        assert found.max() <= HEAVIEST
        assert found.mean() <= 1 + 1e-9
        if max(words) <= HEAVIEST * sum(words) / len(words):
            assert found.mean() == pytest.approx(1)


def test_a_score_that_is_not_known_is_a_half_and_none_is_certain():
    assert surely(np.array([np.nan, 0.0, 1.0, 0.3])).tolist() == pytest.approx([0.5, 0.01, 0.99, 0.3])


@given(st.lists(st.sampled_from(["a", "b", "a#2", "a#2#3", ""]), max_size=12))
def test_names_are_all_different_and_the_first_of_each_keeps_its_own(names):
    found = distinct(names, range(len(names)))
    assert len(set(found)) == len(names)
    for name in set(names):
        assert found[names.index(name)] == name
