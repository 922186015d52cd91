"""Watermark keys in a recipe: marks become evidence in the ledger, and keys are told by their ids alone."""

import html
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import wellkeeper
from marked_tokens import VOCABULARY, as_text, marked_rows, plain_rows, words_tokenizer
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.recipe.keyed import FALSE_DISCOVERIES
from wellkeeper.recipe.schema import load_recipe, recipe_of
from wellkeeper.recipe.watermarks import detect
from wellkeeper.watermark.evalues import CAP, log10_evidence
from wellkeeper.watermark.keys import SCHEMES, load_key, new_key
from wellkeeper.watermark.tokens import open_tokenizer

pytest.importorskip("tokenizers")

MARKED, PLAIN = 5, 20
RECIPE = """\
wellkeeper: 1
sources:
  crawl: {path: corpus.jsonl, text: text}
watermarks: {keys: [gumbel.json, unigram.json], tokenizer: tokenizer.json}
steps:
  - origin.v1: {drop_above: 0.99}
out: made
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Documents of the first key, of the second, and of none."""
    place = tmp_path_factory.mktemp("keyed-curation")
    (place / "tokenizer.json").write_text(json.dumps(words_tokenizer()))
    fingerprint = open_tokenizer(place).fingerprint
    rows = []
    for seed, scheme in enumerate(("gumbel", "unigram")):
        key = new_key(scheme, vocabulary=VOCABULARY, tokenizer=fingerprint, seed=seed)
        key.save(place / f"{scheme}.json")
        if scheme == "gumbel":
            rows += marked_rows(key, documents=MARKED, length=80)
        else:
            green = np.flatnonzero(key.secret["green"])
            rows.append(np.random.default_rng(0).permutation(green)[:60])
    rows += plain_rows(documents=PLAIN, length=80)
    (place / "corpus.jsonl").write_text("".join(json.dumps({"text": as_text(row)}) + "\n" for row in rows))
    (place / "recipe.yaml").write_text(RECIPE)
    return place


@pytest.fixture(scope="module")
def curated(folder):
    return wellkeeper.curate(folder / "recipe.yaml", workers=1)


def test_the_report_cautions_about_the_scheme_of_a_key(folder, curated):
    assert SCHEMES["unigram"].caution in html.unescape((folder / "made" / "report.html").read_text())


def test_a_recipe_drops_what_carries_the_mark_of_its_keys(curated):
    document = curated.to_json()
    assert (document["dropped"], document["kept"]) == (MARKED + 1, PLAIN)
    assert document["origin"]["before"]["ai-assisted"] == MARKED + 1


def test_evidence_rows_bear_the_e_value_and_the_id_of_the_key(folder, curated):
    rows = pq.read_table(folder / "made" / "ledger" / "evidence").to_pylist()
    marks = [row for row in rows if row["kind"] == "watermark"]
    assert [row["row"] for row in marks] == list(range(MARKED + 1))
    ids = [load_key(folder / f"{scheme}.json").id for scheme in ("gumbel", "unigram")]
    assert [row["tool"] for row in marks] == [
        f"wellkeeper {wellkeeper.__version__}, watermark key {ids[row['row'] == MARKED]}" for row in marks
    ]
    found = detect(
        str(folder / "corpus.jsonl"),
        [folder / "gumbel.json", folder / "unigram.json"],
        tokenizer=folder,
        fdr=FALSE_DISCOVERIES,
    )
    expected = log10_evidence(found.scan.p_values[: MARKED + 1])
    assert [row["weight"] for row in marks] == pytest.approx(expected.tolist(), rel=1e-6)
    assert {row["strength"] for row in marks} == {"keyed"}
    assert max(row["weight"] for row in marks) <= CAP


def test_the_ledgers_odds_grow_by_the_weight_of_the_mark(folder, curated):
    documents = pq.read_table(folder / "made" / "ledger" / "documents").to_pylist()
    weights = {
        row["row"]: row["weight"] for row in pq.read_table(folder / "made/ledger/evidence").to_pylist()
    }
    prior = documents[-1]["origin_log_odds"]
    assert [row["origin_log_odds"] - prior for row in documents[: MARKED + 1]] == pytest.approx(
        [weights[row] for row in range(MARKED + 1)], rel=1e-5
    )
    assert {row["origin"] for row in documents[MARKED + 1 :]} == {"unknown"}


def test_the_manifest_names_ids_of_keys_and_no_file_holds_a_secret(folder, curated):
    keys = [load_key(folder / f"{scheme}.json") for scheme in ("gumbel", "unigram")]
    assert read_manifest(folder / "made")["watermarks"] == {
        "keys": [{"id": key.id, "scheme": key.scheme} for key in keys],
        "tokenizer": open_tokenizer(folder).fingerprint,
        "false_discovery_rate": FALSE_DISCOVERIES,
        "control": "benjamini-yekutieli",
    }
    written = [json.loads((folder / f"{key.scheme}.json").read_text())["secret"] for key in keys]
    secrets = [str(value).encode() for secret in written for value in secret.values()]
    assert len(secrets) == 4
    for path in (folder / "made").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret in data], path


def test_another_key_in_the_same_file_is_looked_for_anew(folder, tmp_path):
    for name in ("corpus.jsonl", "tokenizer.json", "recipe.yaml", "gumbel.json", "unigram.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert wellkeeper.curate(tmp_path / "recipe.yaml", workers=1).to_json()["dropped"] == MARKED + 1
    (tmp_path / "gumbel.json").unlink()
    new_key("gumbel", vocabulary=VOCABULARY, seed=99).save(tmp_path / "gumbel.json")
    assert wellkeeper.curate(tmp_path / "recipe.yaml", workers=1).to_json()["dropped"] == 1


def test_a_recipe_names_keys_by_file_wherever_it_lies(folder, tmp_path):
    plain = load_recipe(folder / "recipe.yaml").to_json()
    assert plain["watermarks"] == {"keys": ["gumbel.json", "unigram.json"], "tokenizer": "tokenizer.json"}
    moved = RECIPE.replace("gumbel.json", "secrets/gumbel.json")
    assert (
        recipe_of(moved, name="moved", folder=tmp_path).digest == load_recipe(folder / "recipe.yaml").digest
    )
    without = RECIPE.replace("watermarks:", "#")
    assert recipe_of(without, name="x", folder=tmp_path).digest != load_recipe(folder / "recipe.yaml").digest


def test_wrong_keys_and_tokenisers_stop_a_run_before_anything_is_made(folder, tmp_path):
    def run(*changes):
        wellkeeper.curate(folder / "recipe.yaml", overrides=changes, out=tmp_path / "out")

    with pytest.raises(RecipeError, match=r"watermarks has no tokenizer\. Add tokenizer: to it\."):
        run("watermarks={keys: gumbel.json}")
    with pytest.raises(RecipeError, match=r"watermarks\.keys is empty\. Give at least one entry\."):
        run("watermarks.keys=[]")
    with pytest.raises(
        InputError, match=r"none\.json does not exist\. Make a key with `wellkeeper watermark new`\."
    ):
        run("watermarks.keys=none.json")
    (folder / "other").mkdir(exist_ok=True)
    (folder / "other" / "tokenizer.json").write_text(json.dumps(words_tokenizer(399)))
    with pytest.raises(InputError, match=r"Give the tokeniser of the model that wrote the text\.$"):
        run("watermarks.tokenizer=other")
    assert not (tmp_path / "out").exists()
