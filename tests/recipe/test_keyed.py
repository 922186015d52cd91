"""Watermark keys in an audit: what they find is evidence, and counts no more than it should."""

import json

import numpy as np
import pytest

import wellkeeper
from marked_tokens import VOCABULARY, as_text, marked_rows, plain_rows, words_tokenizer
from wellkeeper.core.evidence import BY_NAME, Strength
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import InputError
from wellkeeper.origin.evidence import NEUTRAL, origin_of
from wellkeeper.recipe.keyed import FALSE_DISCOVERIES, KeyedMarks, keyed_log10
from wellkeeper.watermark.evalues import CAP
from wellkeeper.watermark.keys import new_key
from wellkeeper.watermark.many import by_p_values
from wellkeeper.watermark.tokens import open_tokenizer

pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("keyed")
    (place / "tokenizer.json").write_text(json.dumps(words_tokenizer()))
    fingerprint = open_tokenizer(place).fingerprint
    key = new_key("gumbel", vocabulary=VOCABULARY, tokenizer=fingerprint, seed=1)
    key.save(place / "key.json")
    rows = marked_rows(key, documents=5, length=80) + plain_rows(documents=20, length=80)
    (place / "corpus.jsonl").write_text("".join(json.dumps({"text": as_text(row)}) + "\n" for row in rows))
    return place


def audit(folder, out, **options):
    return wellkeeper.audit(str(folder / "corpus.jsonl"), out=out, workers=1, **options).to_json()


def test_an_audit_counts_marked_documents_as_keyed_evidence(folder, tmp_path):
    options = {"watermark_keys": [folder / "key.json"], "tokenizer": folder}
    found = audit(folder, tmp_path / "with", **options)
    assert {"kind": "watermark", "strength": "keyed", "documents": 5} in [
        {name: row[name] for name in ("kind", "strength", "documents")} for row in found["origin"]["evidence"]
    ]
    again = audit(folder, tmp_path / "with", **options)
    assert again["origin"] == found["origin"]
    without = audit(folder, tmp_path / "without")
    assert not any(row["kind"] == "watermark" for row in without["origin"]["evidence"])


def test_a_key_without_a_tokeniser_is_told(folder, tmp_path):
    for options in ({"watermark_keys": [folder / "key.json"]}, {"tokenizer": folder}):
        with pytest.raises(InputError, match=r"Give both: --watermark-key KEY.json --tokenizer PATH.$"):
            audit(folder, tmp_path, **options)
    assert not any(tmp_path.iterdir())


def test_what_is_looked_for_hangs_on_keys_and_tokeniser(folder, tmp_path):
    new_key("gumbel", vocabulary=VOCABULARY, seed=2).save(tmp_path / "other.json")
    looked = KeyedMarks.of([folder / "key.json"], folder)
    assert KeyedMarks.of([folder / "key.json"], folder / "tokenizer.json").digest == looked.digest
    assert KeyedMarks.of([tmp_path / "other.json"], folder).digest != looked.digest
    (tmp_path / "tokenizer.json").write_text(json.dumps(words_tokenizer(399)))
    with pytest.raises(InputError, match="was made for the tokeniser"):
        KeyedMarks.of([folder / "key.json"], tmp_path)


def test_only_documents_that_are_called_weigh_anything():
    random = np.random.default_rng(0)
    assert np.count_nonzero(keyed_log10(random.random(5000))) <= 3
    # 100 documents that are one text stand or fall together, in one of 1,000 corpora with the p-value 0.001
    copies = np.concatenate([np.full(100, 0.001), np.linspace(0.01, 1, 900)])
    assert by_p_values(copies, level=FALSE_DISCOVERIES).marked.sum() == 100
    assert not keyed_log10(copies).any()
    found = keyed_log10(np.array([1e-300, 1e-9, 0.02, 1.0]))
    assert found.tolist() == [CAP, pytest.approx(np.log10(0.5) + 4.5), 0.0, 0.0]
    assert keyed_log10(np.empty(0)).size == 0


def test_a_mark_is_a_trace_and_against_a_human_label_a_conflict():
    mask = np.zeros(3, np.uint64)
    declared = np.array([Origin.UNKNOWN, Origin.HUMAN, Origin.UNKNOWN], np.uint8)
    undated = np.full(3, NO_DATE, np.int64)
    origin, odds, strength, conflict = origin_of(
        mask, declared, undated, prior=NEUTRAL, watermark=np.array([3.0, 3.0, 0.0])
    )
    assert origin.tolist() == [Origin.AI_ASSISTED, Origin.HUMAN, Origin.UNKNOWN]
    assert odds.tolist() == pytest.approx([3.0, 0.5, 0.0])
    assert strength.tolist() == [Strength.KEYED, Strength.KEYED, Strength.NONE]
    assert conflict.tolist() == [False, True, False]
    assert BY_NAME["watermark"].weight == 0
