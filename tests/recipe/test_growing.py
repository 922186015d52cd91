"""A corpus that grows: what is read already is not read again, and the figures are those of a run from scratch."""

import json
import random

import pytest

import wellkeeper
from wellkeeper.recipe import tails, textpass

WORDS = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in ("ter", "min", "sol", "rak")]


def write(path, *, documents, seed):
    rng = random.Random(seed)
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "".join(
            json.dumps({"text": " ".join(rng.choices(WORDS, k=120)) + f" number {seed}-{k}."}) + "\n"
            for k in range(documents)
        )
    )


@pytest.fixture
def files_read(monkeypatch):
    """Names of the files whose blocks are read, one for each block."""
    names = []
    block = textpass._block

    def seen(task, **options):
        names.append(task.raw.file.name)
        return block(task, **options)

    monkeypatch.setattr(textpass, "_block", seen)
    monkeypatch.setattr(textpass, "TAIL_WORDS", 3000)
    monkeypatch.setattr(tails, "TAIL_WORDS", 3000)
    return names


def test_a_file_that_makes_the_corpus_many_times_larger_is_the_only_one_read(tmp_path, files_read):
    corpus = tmp_path / "corpus"
    write(corpus / "a.jsonl", documents=60, seed=1)
    run = {"workers": 1, "out": tmp_path / "out"}
    wellkeeper.audit(corpus, **run)
    small = {path.name.rpartition("-")[2] for path in (tmp_path / "out" / ".work" / "sidecars").iterdir()}
    write(corpus / "b.jsonl", documents=900, seed=2)
    files_read.clear()
    grown = wellkeeper.audit(corpus, **run).to_json()
    large = {path.name.rpartition("-")[2] for path in (tmp_path / "out" / ".work" / "sidecars").iterdir()}
    assert large > small  # it draws fewer documents now
    assert set(files_read) == {"b.jsonl"}
    fresh = wellkeeper.audit(corpus, workers=1, out=tmp_path / "fresh").to_json()
    assert grown["tails"] is not None
    assert {**grown, "run": None} == {**fresh, "run": None}
