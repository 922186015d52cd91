"""An audit tells how varied a corpus is, and its reference at the same size."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest

import wellkeeper
from wellkeeper.recipe import tails

SCHEMA = Path(tails.__file__).parent / "audit.schema.json"


def texts(documents: int, vocabulary: int, seed: int, closing: str = "") -> pa.Table:
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    names = ["".join(rng.choice(letters, 6)) for _ in range(vocabulary)]
    shares = 1 / np.arange(1, vocabulary + 1)
    rows = [" ".join(rng.choice(names, 60, p=shares / shares.sum())) + closing for _ in range(documents)]
    return pa.table({"text": rows})


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit")
    reference = out / "human.jsonl"
    reference.write_text("".join(json.dumps(row) + "\n" for row in texts(120, 900, 1).to_pylist()))
    corpus = texts(200, 200, 2, " thank you for your kind attention to this matter")
    return wellkeeper.audit(corpus, reference=str(reference), out=out / "out")


def test_both_are_read_to_the_same_words_and_told_in_the_schemas_form(audit) -> None:
    document = audit.document
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    mine = document["tails"]["diversity"]
    theirs = mine["reference"]
    assert abs(mine["words"] - theirs["words"]) <= 70
    assert theirs["documents"] == 120
    assert mine["level"] == theirs["level"]


def test_fewer_words_and_a_stock_phrase_show_in_every_figure_and_raise_no_finding_of_their_own(audit) -> None:
    mine = audit.document["tails"]["diversity"]
    theirs = mine["reference"]
    for name in ("distinct_2", "distinct_3", "heaps"):
        assert mine[name]["high"] < theirs[name]["low"]
    assert mine["self_repetition"]["low"] > theirs["self_repetition"]["high"]
    assert mine["hill_at_level"]["q0"]["high"] < theirs["hill_at_level"]["q0"]["low"]
    assert {finding.code for finding in audit.findings if finding.code.startswith("WK4")} <= {
        "WK401",
        "WK402",
    }


def test_the_page_has_the_reference_beside_the_corpus(audit) -> None:
    page = audit.to_html()
    assert "How varied it is" in page
    assert "A document&#39;s 4-grams that another one has" in page


def test_without_a_reference_the_figures_stand_with_their_intervals(tmp_path) -> None:
    document = wellkeeper.audit(texts(30, 300, 3), out=tmp_path / "out").document
    mine = document["tails"]["diversity"]
    assert mine["reference"] is None
    assert mine["words"] == 1800
    assert mine["zipf"]["low"] < mine["zipf"]["estimate"] < mine["zipf"]["high"]


def test_no_more_is_read_than_a_set_number_of_words(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tails, "DIVERSITY_WORDS", 900)
    document = wellkeeper.audit(texts(40, 300, 4), out=tmp_path / "out").document
    assert document["tails"]["diversity"]["words"] == 900
    assert document["tails"]["words"] == 2400


def test_one_word_repeated_has_tails_but_no_variety(tmp_path) -> None:
    document = wellkeeper.audit(
        pa.table({"text": ["well " * (k + 3) for k in range(20)]}), out=tmp_path / "out"
    ).document
    assert document["tails"] is not None
    assert document["tails"]["diversity"] is None
