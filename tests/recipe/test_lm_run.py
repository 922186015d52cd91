"""A language model as a reader in whole audits: who is drawn, what is kept, what is told."""

import gzip
import json
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from language_model_files import Toy, needs_lm, smollm2

from wellkeeper.errors import DataError, InputError
from wellkeeper.origin.lm import DIRECTION
from wellkeeper.recipe import lm
from wellkeeper.recipe.audit import audit

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples/corpus"


@pytest.fixture
def toy(monkeypatch):
    model = Toy()
    monkeypatch.setattr(lm, "load_lm", lambda path: model)
    return model


@pytest.fixture
def corpus(tmp_path):
    """Ninety documents of one source and ten of another, one of them too short to be read."""
    rows = [
        {"id": f"a{k}", "text": f"Document number {k} of the larger source. " * 3, "site": "large"}
        for k in range(90)
    ]
    rows += [
        {"id": f"b{k}", "text": f"Document number {k} of the smaller one. " * 3, "site": "small"}
        for k in range(9)
    ]
    rows.append({"id": "b9", "text": "Short.", "site": "small"})
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(corpus, tmp_path, **others):
    document = audit(corpus, lm="toy.gguf", source="site", out=tmp_path / "out", **others).document
    jsonschema.validate(document, json.loads((HERE / "src/wellkeeper/recipe/audit.schema.json").read_text()))
    return document["origin"]["lm"]


def test_every_source_is_read_and_every_document_read_is_listed(corpus, toy, tmp_path) -> None:
    found = run(corpus, tmp_path, lm_documents=30)
    assert (found["model"], found["drawn"], found["read"] + found["too_short"]) == ("toy.gguf", 30, 30)
    sources = {row["source"]: row for row in found["by_source"]}
    assert sources["small"]["documents"] == 10
    assert sources["small"]["read"] + found["too_short"] == 10  # all of the smaller source
    assert sources["large"]["read"] == 20
    assert toy.closed
    table = pq.read_table(tmp_path / "out/lm.parquet").to_pylist()
    assert len(table) == 30
    for row in table:
        assert row["source"] == {"a": "large", "b": "small"}[row["id"][0]]
    mine = [row["fast_detect_gpt"] for row in table if row["source"] == "large"]
    assert sources["large"]["fast_detect_gpt"]["estimate"] == pytest.approx(np.median(mine), rel=1e-5)
    page = (tmp_path / "out/report.html").read_text()
    assert "What a language model makes of it" in page


def test_a_budget_ends_the_reading_and_the_same_command_goes_on(corpus, toy, tmp_path) -> None:
    first = run(corpus, tmp_path, lm_documents=30, lm_budget=2_000)
    assert 0 < first["read"] < 30
    assert first["read"] + first["too_short"] + first["left"] == 30
    read = len(toy.read)
    whole = run(corpus, tmp_path, lm_documents=30)
    assert whole["left"] == 0
    assert len(toy.read) == whole["read"]  # none twice
    assert len(toy.read) > read
    assert run(corpus, tmp_path, lm_documents=30) == whole
    assert len(toy.read) == whole["read"]


def test_more_documents_hold_the_fewer_ones(corpus, toy, tmp_path) -> None:
    run(corpus, tmp_path, lm_documents=20)
    few = set(pq.read_table(tmp_path / "out/lm.parquet").column("id").to_pylist())
    run(corpus, tmp_path, lm_documents=200)
    many = set(pq.read_table(tmp_path / "out/lm.parquet").column("id").to_pylist())
    assert few < many
    assert len(many) == 100


def test_what_cannot_be_read_is_refused_with_a_next_step(corpus, tmp_path) -> None:
    with pytest.raises(InputError, match=r"none\.gguf"):
        audit(corpus, lm=tmp_path / "none.gguf", out=tmp_path / "out")
    with pytest.raises(DataError, match="Give a number of 1 or more"):
        audit(corpus, lm=tmp_path / "none.gguf", lm_documents=0, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()  # no text was read


@needs_lm
def test_a_torn_model_is_refused_before_any_text_is_read(corpus, tmp_path) -> None:
    torn = tmp_path / "torn.gguf"
    with smollm2().open("rb") as whole:
        torn.write_bytes(whole.read(5_000))
    with pytest.raises(
        InputError, match=r"torn\.gguf is no GGUF file, or is cut off\. Copy or download it again"
    ):
        audit(corpus, lm=torn, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@needs_lm
@pytest.mark.slow
def test_a_models_own_text_stands_out_to_it(tmp_path) -> None:
    with gzip.open(EXAMPLE / "made/part-0.jsonl.gz", "rt") as lines:
        made = [json.loads(line)["text"] for line in lines][:8]
    people = pq.read_table(next(EXAMPLE.glob("archive/*.parquet"))).column("body").to_pylist()[:8]
    rows = [{"text": text, "site": "made"} for text in made] + [
        {"text": text, "site": "people"} for text in people
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    document = audit(
        tmp_path / "in.jsonl", lm=smollm2(), lm_documents=16, source="site", out=tmp_path / "out"
    ).document
    found = {row["source"]: row for row in document["origin"]["lm"]["by_source"]}
    for name, direction in DIRECTION.items():
        made_, human = (found[source][name]["estimate"] * direction for source in ("made", "people"))
        assert made_ > human
    assert found["made"]["fast_detect_gpt"]["low"] > found["people"]["fast_detect_gpt"]["high"]
