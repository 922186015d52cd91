"""The output folder under stress: inputs that change, columns that disagree, names that collide."""

import json

import corpora
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.errors import InputError, WorkError
from wellkeeper.recipe.writepass import out_names

TEXTS = [corpora.document(np.random.default_rng(k), 6) for k in range(8)]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps({"text": text, **row}) + "\n" for text, row in zip(TEXTS, rows, strict=False))
    )


def recipe(folder, *paths):
    sources = "".join(f"  s{k}: {{path: {path}, text: text}}\n" for k, path in enumerate(paths))
    (folder / "recipe.yaml").write_text(f"wellkeeper: 1\nsources:\n{sources}steps: []\n")
    return folder / "recipe.yaml"


def data(curation):
    return pq.read_table(curation.paths["data"])


def test_an_input_that_changes_during_the_run_is_refused_before_there_is_a_manifest(tmp_path):
    write(tmp_path / "a.jsonl", [{}] * 8)

    def meddle(event):
        if event.stage == "deciding":
            (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t[::-1]}) + "\n" for t in TEXTS))

    with pytest.raises(WorkError, match=r"a\.jsonl has changed .* run the same command again\."):
        wellkeeper.curate(recipe(tmp_path, "a.jsonl"), out=tmp_path / "out", listener=meddle)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_changed_input_gives_a_new_set_in_the_same_folder(tmp_path):
    path = recipe(tmp_path, "a.jsonl")
    write(tmp_path / "a.jsonl", [{"note": "old"}] * 8)
    wellkeeper.curate(path, out=tmp_path / "out")
    write(tmp_path / "a.jsonl", [{"note": "newer"}] * 6)
    again = wellkeeper.curate(path, out=tmp_path / "out", keep_rejected=False)
    assert data(again).column("note").to_pylist() == ["newer"] * 6
    assert not (tmp_path / "out" / "rejected").exists()


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (1, 2.5, pa.float64()),
        (1.5, 2**60 + 1, pa.float64()),
        (1, "one", pa.large_string()),
        ([1], {"a": 1}, pa.string()),
        (None, 3, pa.int64()),
        (10**30, 1, pa.float64()),
        (True, 1, pa.large_string()),
    ],
)
def test_columns_that_disagree_between_files_get_one_type(tmp_path, first, second, kind):
    write(tmp_path / "a.jsonl", [{"x": first}] * 4)
    write(tmp_path / "b.jsonl", [{"x": second}] * 4)
    table = data(wellkeeper.curate(recipe(tmp_path, "a.jsonl", "b.jsonl"), out=tmp_path / "out"))
    assert table.schema.field("x").type in (kind, pa.large_string() if kind == pa.string() else kind)
    assert table.column("x").null_count == (4 if first is None else 0)


def test_taken_names_get_a_prefix_until_they_are_free(tmp_path):
    schema = pa.schema([("weight", pa.int64()), ("input_weight", pa.int64()), ("note", pa.string())])
    assert out_names(schema) == ["input_input_weight", "input_weight", "note"]
    write(tmp_path / "a.jsonl", [{"weight": 5, "input_weight": 6}] * 4)
    table = data(wellkeeper.curate(recipe(tmp_path, "a.jsonl"), out=tmp_path / "out"))
    assert len(set(table.column_names)) == len(table.column_names)
    assert table.column("input_weight").to_pylist() == [6] * 4


def test_files_of_one_name_in_several_folders_stay_apart(tmp_path):
    for place in ("a/x", "a/y", "b/x"):
        write(tmp_path / place / "p.jsonl", [{"place": place}] * 3)
    made = wellkeeper.curate(recipe(tmp_path, "a", "b"), out=tmp_path / "out")
    files = [row["name"] for row in json.loads(made.paths["manifest"].read_text())["inputs"]]
    assert len(set(files)) == 3
    assert data(made).num_rows == 9


def test_a_stricter_second_run_does_not_pass_over_what_the_first_quarantined(tmp_path):
    write(tmp_path / "a.jsonl", [{}] * 8)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("not json\n")
    wellkeeper.audit(tmp_path / "a.jsonl", out=tmp_path / "out")
    with pytest.raises(InputError, match=r"a\.jsonl, line 9, byte \d+: not JSON"):
        wellkeeper.audit(tmp_path / "a.jsonl", out=tmp_path / "out", strict=True)


def test_only_our_own_temporary_files_are_swept(tmp_path):
    write(tmp_path / "a.jsonl", [{}] * 8)
    mine, deep = tmp_path / "out" / ".mine.tmp", tmp_path / "out" / "sub" / f".x.{'0' * 32}.tmp"
    left = tmp_path / "out" / f".report.html.{'a' * 32}.tmp"
    deep.parent.mkdir(parents=True)
    for path in (mine, deep, left):
        path.write_text("")
    wellkeeper.audit(tmp_path / "a.jsonl", out=tmp_path / "out")
    assert (mine.exists(), deep.exists(), left.exists()) == (True, True, False)


def test_what_a_run_wrote_is_not_what_the_next_one_reads(tmp_path):
    write(tmp_path / "in" / "a.jsonl", [{}] * 8)
    first, second = (wellkeeper.audit(tmp_path / "in", out=tmp_path / "in") for _ in range(2))
    assert first.documents == second.documents == 8
    assert second.document["inputs"]["quarantined"] == 0
    path = recipe(tmp_path, "in")
    for _ in range(2):
        assert wellkeeper.curate(path, out=tmp_path / "in" / "set").kept == 8


def test_a_folder_of_metadata_is_left_out_aloud(tmp_path):
    write(tmp_path / "in" / "docs" / "a.jsonl", [{}] * 8)
    (tmp_path / "in" / "info").mkdir()
    (tmp_path / "in" / "info" / "stats.json").write_text(json.dumps({"rows": 8}, indent=2))
    audit = wellkeeper.audit(tmp_path / "in", out=tmp_path / "out")
    assert audit.documents == 8
    assert any(
        sentence.startswith("info: LEFT OUT, 1 files.") for sentence in audit.document["inputs"]["columns"]
    )


def test_fresh_replaces_the_output_of_an_edited_recipe_and_a_damaged_manifest_is_named(tmp_path):
    write(tmp_path / "a.jsonl", [{}] * 8)
    path = recipe(tmp_path, "a.jsonl")
    wellkeeper.curate(path, out=tmp_path / "out")
    path.write_text(path.read_text() + "mix: {size: {documents: 3}}\n")
    with pytest.raises(WorkError, match=r"replace that one with --fresh\."):
        wellkeeper.curate(path, out=tmp_path / "out")
    assert wellkeeper.curate(path, out=tmp_path / "out", dry_run=True).kept == 3
    assert wellkeeper.curate(path, out=tmp_path / "out", fresh=True).kept == 3
    (tmp_path / "out" / "manifest.json").write_text("garbage")
    with pytest.raises(WorkError, match=r"manifest\.json is damaged"):
        wellkeeper.curate(path, out=tmp_path / "out")


def test_a_torn_ledger_is_a_message(tmp_path):
    write(tmp_path / "a.jsonl", [{}] * 8)
    made = wellkeeper.curate(recipe(tmp_path, "a.jsonl"), out=tmp_path / "out")
    (made.paths["ledger"] / "documents" / "part-00000.parquet").write_bytes(b"x")
    with pytest.raises(InputError, match=r"cannot be read.*run the recipe again\."):
        made.why("a.jsonl:1")


def test_a_hugging_face_data_set_is_a_table_and_a_dict_is_not(tmp_path):
    datasets = pytest.importorskip("datasets")
    assert wellkeeper.audit(datasets.Dataset.from_dict({"text": TEXTS}), out=tmp_path / "a").documents == len(
        TEXTS
    )
    with pytest.raises(InputError, match="Input 1 is a dict, which is neither"):
        wellkeeper.audit([{"text": "a b"}], out=tmp_path / "b")
