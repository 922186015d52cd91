"""A set at the gate, end to end: who gets in, who does not and why, and what the folder says of it afterwards."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from vetting_worlds import World, card_of, lay_out, write_rows

import wellkeeper
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.ledger.why import why
from wellkeeper.recipe.vetting import Columns, vet
from wellkeeper.recipe.vetting_verdicts import read_verdicts


def vetted(folder, *, out="out", **options):
    given = {
        "reference": folder / "human.jsonl",
        "verifiers": folder / "verifiers.yaml",
        "card": folder / "card.json",
        "no_evaluation": True,
        "workers": 1,
        **options,
    }
    return vet(folder / "made.jsonl", out=folder / out, **given)


def conditions(done):
    return {one["condition"]: one["passed"] for one in done.gate}


def rows(folder):
    return {row["id"]: row for row in pq.read_table(folder / "ledger" / "documents").to_pylist()}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("vetting"), seed=2, human=500, made=160)


@pytest.fixture(scope="module")
def admitted(world):
    """A good set, with a copy of a person's text, a near duplicate, and lines that are none."""
    made = [json.loads(line) for line in (world / "made.jsonl").read_text().splitlines()]
    human = json.loads((world / "human.jsonl").read_text().splitlines()[7])
    copy = {**made[0], "id": "copy", "text": human["text"], "references": [human["text"].split()[0]]}
    first = next(row for row in made if row["references"][0] in row["text"])
    near = {**first, "id": "near", "text": first["text"].rpartition(" ")[0], "parents": [first["id"]]}
    lines = [json.dumps(row) for row in (*made, copy, near)]
    lines.insert(2, '{"id": "torn", "text": "never')
    lines.append('{"id": "textless"}')
    (world / "made.jsonl").write_text("\n".join(lines) + "\n")
    return vetted(world)


def test_a_good_set_is_admitted_by_all_conditions(admitted):
    assert admitted.verdict == "admitted", admitted.gate
    assert set(conditions(admitted).values()) == {"pass"}
    assert list(conditions(admitted)) == [
        "verifier",
        "tail",
        "diversity",
        "contamination",
        "share",
        "register",
    ]
    assert admitted.document["schema"] == "wellkeeper.vet/1"
    assert repr(admitted) == f"Vetted({admitted.document['counts']['kept']} of 162 texts accepted: admitted)"


def test_every_text_that_is_not_in_the_set_has_its_reason_in_the_ledger(admitted):
    found = rows(admitted.paths["folder"])
    assert (found["copy"]["step"], found["copy"]["reason"]) == ("against", "copies-the-reference")
    assert found["near"]["step"] == "near-duplicates.v1"
    rejected = [row for row in found.values() if row["step"] == "verified.v1"]
    assert rejected
    assert {row["reason"] for row in rejected} == {"the word: holds no reference"}
    assert {row["decision"] for row in rejected} == {"drop"}
    assert len(rejected) == admitted.document["verification"]["rejected"]
    assert "verified.v1" in str(why(admitted.paths["folder"], rejected[0]["id"]))


def test_lines_that_are_no_text_are_quarantined_with_line_and_byte(admitted):
    bad = pq.read_table(admitted.paths["folder"] / "ledger" / "quarantine.parquet").to_pylist()
    assert [row["line"] for row in bad] == [3, 164]
    assert all(row["offset"] > 0 for row in bad)
    assert admitted.document["counts"]["quarantined"] == 2


def test_the_set_is_labelled_as_generated_with_generator_parents_and_depth(admitted):
    folder = admitted.paths["folder"]
    kept = pq.read_table(folder / "data").to_pylist()
    assert {(row["origin"], row["generator"]) for row in kept} == {("ai-generated", "toy@1")}
    found = rows(folder)
    assert {row["depth"] for row in found.values() if row["decision"] == "keep"} == {1}
    assert found["near"]["depth"] == 2, "one more than its parent, whatever the file says"
    parents = pq.read_table(folder / "ledger" / "parents").to_pylist()
    assert [row["id"] for row in parents] == ["near"]


def test_the_folder_is_whole_and_bears_its_verdict(admitted):
    folder = admitted.paths["folder"]
    assert wellkeeper.verify(folder).ok
    gate = json.loads((folder / "gate.json").read_text())
    assert (gate["schema"], gate["verdict"]) == ("wellkeeper.gate/1", "admitted")
    assert "gate.json" in read_manifest(folder)["files"]
    assert "**Admitted** by `wellkeeper vet`" in (folder / "README.md").read_text()
    report = json.loads((folder / "report.json").read_text())
    assert report["schema"] == "wellkeeper.vet/1"
    assert report["curation"]["schema"] == "wellkeeper.curate/1"
    assert "<h1" in (folder / "report.html").read_text()


def test_the_same_command_asks_no_verifier_again_and_changes_nothing(admitted, world, monkeypatch):
    before = read_manifest(admitted.paths["folder"])["digest"]
    monkeypatch.setattr(
        "wellkeeper.suites.scorers.texts.Contains.score", lambda *_: pytest.fail("asked again"), raising=False
    )
    again = vetted(world)
    assert read_manifest(again.paths["folder"])["digest"] == before


def test_three_workers_write_the_same_bytes_as_one(admitted, world):
    other = vetted(world, out="three", workers=3)
    names = ("tables", "counts", "recipe_digest")
    one, three = (read_manifest(done.paths["folder"]) for done in (admitted, other))
    assert {name: one[name] for name in names} == {name: three[name] for name in names}
    told = [{**done.document, "curation": None, "paths": None, "set": None} for done in (admitted, other)]
    assert told[0] == told[1]


def test_a_recipe_that_takes_an_admitted_set_says_nothing_and_one_that_takes_a_refused_set_warns(
    admitted, world
):
    refused = world / "refused"
    shutil.copytree(admitted.paths["folder"], refused, ignore=shutil.ignore_patterns(".work"))
    gate = json.loads((refused / "gate.json").read_text())
    gate["verdict"], gate["gate"][1]["passed"] = "refused", "fail"
    (refused / "gate.json").write_text(json.dumps(gate))
    found = {}
    for name, path in (("admitted", "out/data"), ("refused", "refused/data/*.parquet")):
        (world / "recipe.yaml").write_text(
            "wellkeeper: 1\nsources:\n  human: {path: human.jsonl, origin: human}\n"
            f"  made: {{path: {path}, text: text, origin: {{column: origin}}}}\nsteps: [exact-duplicates.v1]\n"
        )
        done = wellkeeper.curate(world / "recipe.yaml", out=world / f"mixed-{name}", workers=1)
        found[name] = [one for one in done.findings if one.code == "WK613"]
    assert found["admitted"] == []
    assert found["refused"][0].title == "The source made is a vetted set that was not admitted: refused"
    assert "those that did not pass: tail." in found["refused"][0].detail


def test_without_a_card_nobody_knows_and_the_next_step_is_told(world):
    done = vetted(world, out="cardless", card=None, dry_run=True)
    assert done.verdict == "not enough data"
    assert {name for name, passed in conditions(done).items() if passed != "pass"} == {"verifier"}
    assert "wellkeeper verifier" in done.gate[0]["next"]


@pytest.mark.slow
def test_labels_of_the_set_itself_take_the_place_of_a_card(world, admitted):
    lines = (world / "out" / ".work" / "verdicts.jsonl").read_text().splitlines()
    said = {row["id"]: row for row in map(json.loads, lines)}
    labels = [{"id": name, "right": row["said"] == "accepted"} for name, row in list(said.items())[:60]]
    write_rows(world / "audited.jsonl", labels)
    done = vetted(world, out="audited", card=None, audited=world / "audited.jsonl", dry_run=True)
    assert conditions(done)["verifier"] == "pass"


def test_a_dry_run_judges_and_writes_no_set(world):
    done = vetted(world, out="dry", dry_run=True)
    assert done.verdict == "admitted"
    assert [path.name for path in (world / "dry").iterdir()] == [".work"]


def test_a_set_that_is_refused_for_its_share_alone_is_told_the_share_that_passes(world):
    done = vetted(world, out="much", share=0.4, dry_run=True)
    assert conditions(done)["share"] == "fail"
    assert 0 < done.document["share"]["passes"] <= 0.1


def test_a_card_of_another_verifier_is_refused(world):
    (world / "other.yaml").write_text("verifiers:\n  - {name: other, kind: exact}\n")
    with pytest.raises(InputError, match="card"):
        vetted(world, out="other", verifiers=world / "other.yaml")
    assert not (world / "other" / "data").exists()


def test_the_folder_of_another_vetting_is_not_written_over(world, admitted):
    (world / "stricter.yaml").write_text("verifiers:\n  - {name: stricter, kind: exact}\n")
    with pytest.raises(WorkError, match="holds the output of another recipe"):
        vetted(world, card=None, verifiers=world / "stricter.yaml")


def test_a_column_that_is_not_there_is_named_with_those_that_are(world):
    with pytest.raises(InputError, match=r"--references answers: there is no such column. Columns: cell, "):
        vetted(world, out="columns", columns=Columns(references="answers"))


def test_shares_that_make_no_sense_are_refused(world):
    with pytest.raises(RecipeError, match=r"most share is 1. Give a share above 0 and below 1"):
        vetted(world, out="shares", most_share=1)


def test_an_item_of_an_evaluation_set_is_taken_out(world, tmp_path):
    made = [json.loads(line) for line in (world / "made.jsonl").read_text().splitlines() if "made-5" in line]
    held = next(row for row in made if row["references"][0] in row["text"])
    write_rows(tmp_path / "test.jsonl", [{"text": " ".join(held["text"].split()[10:50])}])
    done = vetted(world, out="clean", evaluation=[tmp_path / "test.jsonl"], no_evaluation=False)
    assert rows(done.paths["folder"])[held["id"]]["step"] == "decontaminate.v1"
    assert conditions(done)["contamination"] == "pass"


@pytest.mark.slow
def test_a_register_counts_a_vetting_once_however_often_it_is_run(world):
    for _ in range(2):
        done = vetted(world, register=world / "register.jsonl")
    assert len((world / "register.jsonl").read_text().splitlines()) == 1
    assert conditions(done)["register"] == "pass"


# --- planted faults -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_verifier_that_keeps_wrong_texts_as_often_as_right_ones_is_caught(tmp_path, seed):
    lay_out(tmp_path, seed=seed, human=120, made=60)
    world = World(seed + 100)
    labelled = [
        {**row, "right": world.rng.random() < 0.5} for row in world.generated(240, wrong=0.4, name="any")
    ]
    write_rows(tmp_path / "labelled.jsonl", labelled)
    card_of(tmp_path)
    done = vetted(tmp_path, dry_run=True)
    assert conditions(done)["verifier"] != "pass"
    assert done.verdict != "admitted"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_verifier_that_eats_the_tail_is_caught(tmp_path, seed):
    lay_out(tmp_path, seed=seed, human=120, made=10)
    world = World(seed + 200)
    made = world.generated(500)
    for row in made:
        if row["rare"] and world.rng.random() < 0.6:
            row["references"] = ["xxwrongxx"]
    write_rows(tmp_path / "made.jsonl", made)
    done = vetted(tmp_path, dry_run=True)
    assert conditions(done)["tail"] == "fail"
    assert done.verdict == "refused"


# --- a file of verdicts ---------------------------------------------------------------------------


def test_a_recipe_takes_verdicts_from_a_file(world, admitted):
    shutil.copy(world / "out" / ".work" / "verdicts.jsonl", world / "verdicts.jsonl")
    (world / "own.yaml").write_text(
        "wellkeeper: 1\nsources:\n  human: {path: human.jsonl, origin: human}\n"
        "  made: {path: made.jsonl, origin: ai-generated}\nsteps:\n  - verified.v1: {verdicts: verdicts.jsonl}\n"
    )
    done = wellkeeper.curate(world / "own.yaml", out=world / "own", workers=1)
    assert done.document["steps"][0]["dropped"] == admitted.document["verification"]["rejected"]
    assert done.document["steps"][0]["review"] == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "said": "maybe"}', "line 1 is no verdict"),
        ("[1]", "line 1 is no verdict"),
        ("{", "line 1 is no verdict"),
        (
            '{"id": "a", "said": "accepted"}\n{"id": "a", "said": "rejected"}',
            "line 2: a is rejected here and accepted further up",
        ),
    ],
)
def test_a_file_that_holds_no_verdicts_is_refused_with_its_line(tmp_path, line, said):
    (tmp_path / "verdicts.jsonl").write_text(line)
    with pytest.raises(InputError, match=said):
        read_verdicts(tmp_path / "verdicts.jsonl", None)
