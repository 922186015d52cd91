"""Curating against earlier sets: what they have is left out and named, from their sketches, and refused in words."""

import json
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import wellkeeper
from wellkeeper.cli.main import cli
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.kernels import text
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.ledger.why import why
from wellkeeper.recipe import earlier
from wellkeeper.recipe.model import names_of_folders
from wellkeeper.recipe.schema import load_recipe

NEAR = "[quality.v1: {rules: [c4]}, exact-duplicates.v1, near-duplicates.v1]"
EXACT = "[exact-duplicates.v1]"
NEAR_ONLY = "[exact-duplicates.v1, near-duplicates.v1]"


def prose(number):
    """Eighty words that no other number has."""
    rng = random.Random(number)
    return " ".join(f"{rng.choice('bcdfgh')}{rng.choice('aeiou')}{rng.randrange(10**6)}" for _ in range(80))


def write(path, **texts):
    path.write_text("".join(json.dumps({"id": id_, "text": text_}) + "\n" for id_, text_ in texts.items()))


def recipe(folder, name, data, *, steps=NEAR_ONLY, against=""):
    path = folder / f"{name}.yaml"
    path.write_text(
        f"wellkeeper: 1\nsources:\n  s: {{path: {data}, text: text, id: id}}\nsteps: {steps}\n{against}"
    )
    return path


OLD = {"one": prose(1), "two": prose(2), "three": prose(3), "copy": prose(1)}
NEW = {"same": prose(2), "near": prose(3) + " and a little more", "other": prose(9)}


@pytest.fixture
def folder(tmp_path):
    """An earlier set whose inputs are gone, and a new shard."""
    write(tmp_path / "old.jsonl", **OLD)
    wellkeeper.curate(recipe(tmp_path, "old", "old.jsonl"), out=tmp_path / "first")
    (tmp_path / "old.jsonl").unlink()
    write(tmp_path / "new.jsonl", **NEW)
    return tmp_path


def ledger(out):
    rows = pq.read_table(out / "ledger" / "documents").to_pylist()
    return {row["id"]: row for row in rows}


def test_what_an_earlier_set_has_is_left_out_without_its_inputs(folder):
    result = wellkeeper.curate(
        recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "first"
    )
    rows = ledger(folder / "second")
    assert {id_: row["decision"] for id_, row in rows.items()} == {
        "same": "drop",
        "near": "drop",
        "other": "keep",
    }
    for id_, theirs in (("same", "two"), ("near", "three")):
        row = rows[id_]
        assert (row["step"], row["reason"]) == ("against", "in-earlier-set")
        assert (row["survivor"], row["survivor_id"], row["against"]) == (None, theirs, "first")
    assert rows["same"]["score"] == 1
    assert 0.9 < rows["near"]["score"] < 1
    assert rows["other"]["against"] is None
    (told,) = result.document["against"]["sets"]
    assert told == {
        "set": "first",
        "path": str(folder / "first"),
        "digest": read_manifest(folder / "first")["digest"],
        "documents": 3,
        "repeated": 2,
    }


def test_why_tells_the_earlier_document_and_its_set(folder):
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "first")
    (same,), (near,) = (why(folder / "second", id_).documents for id_ in ("same", "near"))
    assert same.sentence == "dropped because the earlier set first has it already, as two: the same text"
    assert near.sentence.startswith(
        "dropped because the earlier set first has it already, as three: similarity 0.9"
    )


def test_a_text_that_differs_in_marks_alone_is_not_called_the_same(folder):
    write(folder / "new.jsonl", marked=prose(3).replace(" ", ", "))
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "first")
    (story,) = why(folder / "second", "marked").documents
    assert story.record["score"] < 1
    assert story.sentence.endswith("as three: similarity 0.99")


def test_the_recipe_can_name_earlier_sets_relative_to_itself(folder):
    for against in ("against: first\n", "against: [first]\n"):
        path = recipe(folder, "new", "new.jsonl", against=against)
        wellkeeper.curate(path, out=folder / "second", fresh=True)
        assert ledger(folder / "second")["near"]["against"] == "first"
    assert load_recipe(path).against == ("first",)


def test_what_an_earlier_set_dropped_is_not_counted_as_its_own(folder):
    write(folder / "old.jsonl", short="lorem ipsum {", **OLD)
    wellkeeper.curate(recipe(folder, "strict", "old.jsonl", steps=NEAR), out=folder / "strict")
    kept = {id_ for id_, row in ledger(folder / "strict").items() if row["decision"] == "keep"}
    assert kept == set()  # not one of these texts ends in a full stop
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "strict")
    assert {row["decision"] for row in ledger(folder / "second").values()} == {"keep"}


def test_several_sets_are_asked_in_order(folder):
    write(folder / "more.jsonl", twin=prose(2), ninth=prose(9))
    wellkeeper.curate(recipe(folder, "more", "more.jsonl"), out=folder / "other")
    wellkeeper.curate(
        recipe(folder, "new", "new.jsonl"),
        out=folder / "second",
        against=[folder / "first", folder / "other"],
    )
    rows = ledger(folder / "second")
    assert {id_: row["survivor_id"] for id_, row in rows.items()} == {
        "same": "two", "near": "three", "other": "ninth"
    }  # fmt: skip
    assert rows["other"]["against"] == "other"


@pytest.mark.parametrize("place", ["audited", "audited/.work"])
def test_an_audits_work_folder_is_an_index_of_all_it_read(folder, place):
    write(folder / "old.jsonl", **OLD)
    wellkeeper.audit(folder / "old.jsonl", out=folder / "audited")
    result = wellkeeper.curate(
        recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / place
    )
    told = result.document["against"]["sets"][0]
    assert (told["set"], told["documents"], told["repeated"]) == ("audited", 4, 2)


def manifests(folder, *places):
    """Manifests of sets made against the same earlier set, copied to several places."""
    made = []
    for number, place in enumerate(places):
        out = folder / f"made-{number}"
        wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=out, against=folder / place)
        made.append(read_manifest(out))
    return made


@pytest.mark.parametrize("kind", ["curated", "index"])
def test_the_same_earlier_set_gives_the_same_digests_wherever_it_lies(folder, kind):
    write(folder / "old.jsonl", **OLD)
    if kind == "index":
        wellkeeper.audit(folder / "old.jsonl", out=folder / "audited")
        (folder / "audited").rename(folder / "set")
    else:
        (folder / "first").rename(folder / "set")
    shutil.copytree(folder / "set", folder / "far/away/set")
    here, there = manifests(folder, "set", "far/away/set")
    assert here["against"] == there["against"]
    assert [item["name"] for item in here["against"]] == ["set"]
    for part in ("digest", "recipe_digest", "recipe", "tables", "files"):
        assert here[part] == there[part], part
    assert here["run"]["against"] == {"set": str(folder / "set")}
    assert str(folder / "far") not in json.dumps({**there, "run": None})


@pytest.mark.parametrize("kind", ["curated", "index"])
def test_another_earlier_set_of_the_same_name_gives_another_digest(folder, kind):
    """Even where neither changes what is kept."""
    write(folder / "more.jsonl", eighth=prose(8))
    write(folder / "old.jsonl", seventh=prose(7))
    for data in ("old", "more"):
        out = folder / data / "set"
        if kind == "index":
            wellkeeper.audit(folder / f"{data}.jsonl", out=out)
        else:
            wellkeeper.curate(recipe(folder, data, f"{data}.jsonl"), out=out)
    one, other = manifests(folder, "old/set", "more/set")
    assert one["tables"] == other["tables"]
    assert one["against"] != other["against"]
    assert one["digest"] != other["digest"]


def test_two_sets_of_one_name_are_told_apart_by_more_of_their_paths(folder):
    write(folder / "more.jsonl", ninth=prose(9))
    wellkeeper.curate(recipe(folder, "more", "more.jsonl"), out=folder / "june" / "first")
    result = wellkeeper.curate(
        recipe(folder, "new", "new.jsonl"),
        out=folder / "second",
        against=[folder / "first", folder / "june" / "first"],
    )
    names = {row["set"]: row["repeated"] for row in result.document["against"]["sets"]}
    assert names == {f"{folder.name}/first": 2, "june/first": 1}
    assert ledger(folder / "second")["other"]["against"] == "june/first"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/set"], ("set",)),
        (["/a/set/", "/b/other/.work"], ("set", "other")),
        (["/a/x/../set"], ("set",)),
        (["/a/set", "/b/set", "/c/b/set"], ("a/set", "/b/set", "c/b/set")),
        (["/a/set", "/a/set/.work"], ("set", "set")),
        (["/"], ("/",)),
        ([], ()),
    ],
)
def test_folders_are_called_by_the_least_that_tells_them_apart(paths, names):
    assert names_of_folders(paths) == names


def test_an_index_reads_the_texts_of_candidates_alone(folder, monkeypatch):
    write(folder / "old.jsonl", **OLD)
    wellkeeper.audit(folder / "old.jsonl", out=folder / "audited")
    asked = []
    sets = earlier.EarlierSet.sets
    monkeypatch.setattr(
        earlier.EarlierSet,
        "sets",
        lambda self, documents: asked.extend(self.ids(documents)) or sets(self, documents),
    )
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "audited")
    assert asked == ["three"]


def test_without_near_duplicates_no_earlier_text_is_ever_read(folder):
    write(folder / "old.jsonl", **OLD)
    wellkeeper.audit(folder / "old.jsonl", out=folder / "audited")
    (folder / "old.jsonl").unlink()
    path = recipe(folder, "new", "new.jsonl", steps=EXACT)
    wellkeeper.curate(path, out=folder / "second", against=folder / "audited")
    assert {id_: row["decision"] for id_, row in ledger(folder / "second").items()} == {
        "same": "drop", "near": "keep", "other": "keep"
    }  # fmt: skip


def test_a_new_shard_beside_old_ones_is_the_only_one_read(tmp_path):
    write(tmp_path / "a.jsonl", **OLD)
    path = recipe(tmp_path, "set", "'*.jsonl'")
    wellkeeper.curate(path, out=tmp_path / "out")
    blocks = {
        p: p.stat().st_mtime_ns for p in (tmp_path / "out/.work/sidecars").rglob("block-*[0-9].parquet")
    }
    write(tmp_path / "b.jsonl", **NEW)
    wellkeeper.curate(path, out=tmp_path / "out")
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "out/.work/sidecars").rglob("block-*[0-9].parquet")}
    assert blocks.items() <= after.items()
    assert len(after) == len(blocks) + 1


def test_a_set_made_with_a_work_folder_elsewhere_is_found(folder):
    write(folder / "old.jsonl", **OLD)
    wellkeeper.curate(recipe(folder, "old", "old.jsonl"), out=folder / "apart", work=folder / "work")
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "apart")
    assert ledger(folder / "second")["near"]["survivor_id"] == "three"


def test_a_set_can_be_moved(folder):
    (folder / "first").rename(folder / "moved")
    wellkeeper.curate(recipe(folder, "new", "new.jsonl"), out=folder / "second", against=folder / "moved")
    assert ledger(folder / "second")["near"]["survivor_id"] == "three"


def test_a_dry_run_tells_the_same(folder):
    path = recipe(folder, "new", "new.jsonl", against="against: first\n")
    assert wellkeeper.curate(path, dry_run=True).document["dropped"] == 2


def test_the_command_line_takes_several_sets(folder, monkeypatch):
    monkeypatch.chdir(folder)
    write(folder / "more.jsonl", ninth=prose(9))
    wellkeeper.curate(recipe(folder, "more", "more.jsonl"), out=folder / "other")
    recipe(folder, "new", "new.jsonl")
    arguments = [
        "curate",
        "new.yaml",
        "--out",
        "second",
        "--against",
        "first",
        "--against",
        "other",
        "--json",
    ]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    repeated = {
        Path(row["set"]).name: row["repeated"] for row in json.loads(result.stdout)["against"]["sets"]
    }
    assert repeated == {"first": 2, "other": 1}


def broken_index(folder):
    (folder / "first/.work/set.json").write_text("{")


def lost_sidecar(folder):
    next((folder / "first/.work/sidecars").rglob("block-000000.parquet")).unlink()


def without_work(folder):
    (folder / "first/.work/set.json").unlink()


def unfinished(folder):
    (folder / "first/manifest.json").unlink()


def another_pass(folder):
    place = folder / "first/.work/set.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"text_pass": "text-pass.0"}))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (broken_index, r"the index of first .* cannot be read\. Run again what made it"),
        (lost_sidecar, r"first has sidecars of 0 of its 4 documents\. Run again what made it"),
        (
            without_work,
            r"first is a curated set without the sidecars it was made from .* Run its recipe again",
        ),
        (unfinished, r"first is not finished, it has no manifest\.json\. Run its recipe again"),
        (
            another_pass,
            rf"first was read by text-pass\.0 and this version reads by {text.VERSION}, whose sketches differ\. Run ag",
        ),
    ],
)
def test_a_set_that_cannot_be_compared_with_is_refused_with_the_remedy(folder, harm, says):
    harm(folder)
    path = recipe(folder, "new", "new.jsonl", against="against: first\n")
    with pytest.raises(RecipeError, match=f"^against: {says}"):
        wellkeeper.curate(path, out=folder / "second")


@pytest.mark.parametrize(
    ("against", "says"),
    [
        (
            "nowhere",
            r"nowhere does not exist\. Give the output folder of `wellkeeper curate`, or the work folder",
        ),
        ("empty", r"empty holds neither a curated set nor an index\. Give the output folder"),
        ("second", r"second is the folder that this run writes\. Choose another with --out, or leave it out"),
    ],
)
def test_a_folder_that_is_no_earlier_set_is_refused(folder, against, says):
    (folder / "empty").mkdir()
    path = recipe(folder, "new", "new.jsonl", against=f"against: {against}\n")
    with pytest.raises(RecipeError, match=f"^against: {says}"):
        wellkeeper.curate(path, out=folder / "second")


def test_sketches_of_another_similarity_are_refused_with_both_ways_out(folder):
    steps = "[near-duplicates.v1: {similarity: 0.6}]"
    path = recipe(folder, "new", "new.jsonl", steps=steps, against="against: first\n")
    with pytest.raises(
        RecipeError,
        match=r"first was sketched for near duplicates at similarity 0\.8, and this recipe compares at 0\.6\. Set "
        r"similarity: 0\.8 in near-duplicates\.v1, or run again what made first with similarity 0\.6",
    ):
        wellkeeper.curate(path, out=folder / "second")


def test_texts_of_an_index_that_are_gone_or_changed_are_told(folder):
    write(folder / "old.jsonl", **OLD)
    wellkeeper.audit(folder / "old.jsonl", out=folder / "audited")
    path = recipe(folder, "new", "new.jsonl", against="against: audited\n")
    write(folder / "old.jsonl", **{id_: text_.upper() for id_, text_ in OLD.items()})
    with pytest.raises(
        InputError, match=r"texts of audited are no longer those that were read for it\. Put its"
    ):
        wellkeeper.curate(path, out=folder / "second")
    (folder / "old.jsonl").unlink()
    with pytest.raises(
        InputError,
        match=r"audited is an index, and 1 of its documents must be compared, .* cannot be read again",
    ):
        wellkeeper.curate(path, out=folder / "second")


def test_a_recipe_without_against_keeps_its_digest(folder):
    """Sets that were made before there was `against` can be resumed."""
    assert "against" not in load_recipe(recipe(folder, "new", "new.jsonl")).to_json()
    assert Path(folder / "new.yaml").exists()
