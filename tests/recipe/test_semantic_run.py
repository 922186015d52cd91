"""Semantic duplicates from a recipe to its folder: shown first, removed when asked for, the same for any worker."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import WORDS

import wellkeeper
from wellkeeper.errors import InputError, RecipeError

MANY, PLANTED = 240, 40


def written(seed=0):
    """Documents with vectors; the last ones say what some of the first do in other words."""
    rng = np.random.default_rng(seed)
    words = [f"{a}{b}" for a in WORDS for b in ("", "no", "va", "li", "ra", "mi")]
    texts = [list(rng.choice(words, 50)) for _ in range(MANY)]
    vectors = rng.normal(size=(MANY, 16))
    originals = rng.choice(MANY, PLANTED, replace=False)
    for original in originals:
        again = [word if rng.random() < 0.6 else str(rng.choice(words)) for word in texts[original]]
        rng.shuffle(again)
        texts.append(again)
    vectors = np.concatenate((vectors, vectors[originals] + 0.1 * rng.normal(size=(PLANTED, 16))))
    rows = [
        {"id": f"d{k:04d}", "text": " ".join(text), "vec": vector.tolist(), "note": "no numbers"}
        for k, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]
    return rows, originals


@pytest.fixture
def folder(tmp_path):
    rows, _ = written()
    rows[5]["vec"] = None
    rows[6]["vec"] = [1.0]
    half = len(rows) // 2
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:half]))
    pq.write_table(pa.Table.from_pylist(rows[half:]), tmp_path / "b.parquet")
    return tmp_path


def recipe(
    folder, step="semantic-duplicates.v1: {action: drop, tail_cost: 1, keep: []}", source="embedding: vec"
):
    path = folder / "recipe.yaml"
    path.write_text(
        f"wellkeeper: 1\nsources:\n  made: {{path: ['a.jsonl', 'b.parquet'], text: text, id: id, {source}}}\n"
        f"steps:\n  - {step}\n"
    )
    return path


def test_paraphrases_go_with_reason_survivor_and_cosine_in_the_ledger(folder):
    done = wellkeeper.curate(recipe(folder), out=folder / "out")
    _, originals = written()
    rows = pq.read_table(folder / "out" / "ledger" / "documents").to_pylist()
    gone = {row["id"]: row for row in rows if row["decision"] == "drop"}
    right = sum(
        gone.get(f"d{MANY + k:04d}", {}).get("survivor") == int(original)
        for k, original in enumerate(originals)
    )
    assert right >= 0.8 * PLANTED
    assert len(gone) - right <= 0.01 * len(rows) + 1
    assert {row["reason"] for row in gone.values()} == {"semantic-duplicate"}
    threshold = done.document["semantic"]["clusters"][0]["threshold"]
    assert all(row["score"] > threshold - 1e-6 for row in gone.values())
    told = done.document["semantic"]
    assert (told["documents"], told["without_vector"]) == (MANY + PLANTED - 2, 2)
    assert told["refused"] == {"missing": 1, "other length": 1}
    assert "in other words" in (folder / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("vector", "says"),
    [
        (lambda _: [1.0, 2.0], "100% of all pairs of documents have one and the same vector"),
        (lambda k: [float(k % 2), 0.0], "are noughts and nothing else"),
        (lambda k: np.random.default_rng(k).normal(size=16).tolist(), "the vectors do not follow the texts"),
        (None, None),
    ],
    ids=["constant", "half noughts", "noise", "as they are"],
)
def test_vectors_that_tell_nothing_are_a_finding_of_the_report(tmp_path, vector, says):
    rows, _ = written()
    rows += [row | {"id": f"again-{row['id']}", "text": f"anew {row['text']}"} for row in rows[:200]]
    if vector is not None:
        rows = [row | {"vec": vector(k)} for k, row in enumerate(rows)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:240]))
    pq.write_table(pa.Table.from_pylist(rows[240:]), tmp_path / "b.parquet")
    done = wellkeeper.curate(recipe(tmp_path, "semantic-duplicates.v1"), out=tmp_path / "out")
    hints = done.document["semantic"]["hints"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert ("WK205" in page) == bool(hints) == (says is not None)
    assert says is None or says in " ".join(hints)


def test_the_users_vectors_stay_in_the_output(folder):
    wellkeeper.curate(recipe(folder), out=folder / "out")
    assert "vec" in pq.read_table(folder / "out" / "data").column_names


def test_by_default_the_report_shows_and_nothing_goes(folder):
    done = wellkeeper.curate(recipe(folder, "semantic-duplicates.v1"), out=folder / "out")
    told = done.document["semantic"]
    assert done.document["dropped"] == told["removed"] == 0 < told["would_remove"]
    example = told["clusters"][0]["examples"][0]
    assert example["text"]
    assert example["survivor_text"]
    page = (folder / "out" / "report.html").read_text()
    assert example["document"] in page
    assert "nothing was removed" in page


def test_blocks_workers_and_a_dry_run_change_nothing(folder):
    semantic = [
        wellkeeper.curate(recipe(folder), out=folder / f"out{k}", **how).document["semantic"]
        for k, how in enumerate([{"workers": 1}, {"workers": 2, "block_bytes": 9_000}, {"dry_run": True}])
    ]
    assert semantic[0] == semantic[1] == semantic[2]


def test_without_a_source_that_names_vectors_the_message_says_how_to_name_them(folder):
    with pytest.raises(
        RecipeError, match=r"needs vectors, and no source has any\..*embedding: COLUMN in a source"
    ):
        wellkeeper.curate(recipe(folder, source="format: jsonl"), out=folder / "out")
    assert not (folder / "out").exists()


def test_a_column_that_does_not_exist_is_told_with_those_that_do(folder):
    with pytest.raises(
        InputError,
        match=r"no column 'vecs' for the embedding.*Did you mean 'vec'\?.*`embedding: COL` in the recipe's source made\.$",
    ):
        wellkeeper.curate(recipe(folder, source="embedding: vecs"), out=folder / "out")


def test_a_column_without_vectors_is_told_with_what_it_holds(folder):
    with pytest.raises(RecipeError, match=r"no document has a vector \(.*not numbers\)"):
        wellkeeper.curate(recipe(folder, source="embedding: note"), out=folder / "out")
