"""A set from the model to the mix: `generate`'s folder is vetted, seasons a recipe, and a text of it is forgotten."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from vetting_worlds import World, lay_out, vetted_by_card, write_rows

import wellkeeper
from wellkeeper.core.generated import Generated
from wellkeeper.errors import RecipeError
from wellkeeper.ledger.forget import forget
from wellkeeper.recipe.marking import HUMAN_PARENT, mark
from wellkeeper.recipe.vetting import vet
from wellkeeper.vet.cards import measured, write_cards
from wellkeeper.vet.labels import read_labelled
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import VerifierSet, verdicts_of


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A world's files, and a folder as `generate` leaves it: a text of a person's is the parent, of ten another's."""
    folder = lay_out(tmp_path_factory.mktemp("day"), seed=2, human=300, made=80)
    rows = [json.loads(line) for line in (folder / "made.jsonl").read_text().splitlines()]
    made = [{**row, "parents": ["h1"]} for row in rows]
    kept = next(row["id"] for row in rows if row["references"][0] in row["text"])
    for row in made[-10:]:
        row |= {"parents": [kept], "depth": 2}
    (folder / "gen").mkdir()
    write_rows(folder / "gen" / "generated.jsonl", [Generated.from_json(row).to_json() for row in made])
    mark(folder / "gen" / "generated.jsonl", generator="toy@1", parents=HUMAN_PARENT)
    (folder / "gen" / "plan.json").write_text('{"schema": "wellkeeper.generate-plan/1"}')
    (folder / "gen" / "report.json").write_text('{"schema": "wellkeeper.generate/1"}')
    return folder


@pytest.fixture(scope="module")
def vetted(day):
    return vetted_by_card(day, "gen", out=day / "set")


def documents(folder):
    return {row["id"]: row for row in pq.read_table(folder / "ledger" / "documents").to_pylist()}


def test_the_folder_that_generate_wrote_is_vetted_as_it_is(day, vetted):
    counts = vetted.document["counts"]
    assert (counts["read"], counts["quarantined"]) == (80, 0), "its plan and report are no texts"
    found = documents(day / "set")
    assert {row["generator"] for row in found.values()} == {"toy@1"}
    assert [found[f"made-{k}"]["depth"] for k in (5, 75)] == [1, 2]
    data = pq.read_table(day / "set" / "data").to_pylist()
    assert {"cell", "rare", "parents"} <= set(data[0])


def test_curate_takes_the_vetted_folder_and_need_be_told_nothing(day, vetted):
    (day / "recipe.yaml").write_text(
        "wellkeeper: 1\nsources:\n  people: {path: human.jsonl, origin: human}\n  made: {path: set}\n"
    )
    wellkeeper.curate(day / "recipe.yaml", out=day / "mixed", workers=1)
    found = documents(day / "mixed")
    made = {name: row for name, row in found.items() if name.startswith("made")}
    assert len(made) == vetted.document["counts"]["kept"]
    assert {(row["origin"], row["generator"]) for row in made.values()} == {("ai-generated", "toy@1")}
    before = documents(day / "set")
    assert {name: row["depth"] for name, row in made.items()} == {
        name: before[name]["depth"] for name in made
    }
    parents = pq.read_table(day / "mixed" / "ledger" / "parents").to_pylist()
    assert {row["parent"] for row in parents if row["parent_row"] is not None} >= {"h1"}


def test_a_text_of_the_vetted_set_is_forgotten_and_the_set_is_whole(day, vetted, tmp_path):
    shutil.copytree(day / "set", tmp_path / "set", ignore=shutil.ignore_patterns(".work"))
    name = pq.read_table(tmp_path / "set" / "data").column("id")[3].as_py()
    forget(tmp_path / "set", name, reason="asked for")
    assert wellkeeper.verify(tmp_path / "set").ok
    left = [path for path in (tmp_path / "set").rglob("*") if path.is_file()]
    assert not [path for path in left if f'"{name}"'.encode() in path.read_bytes()]
    assert json.loads((tmp_path / "set" / "gate.json").read_text())["verdict"] == vetted.verdict


# --- anchors --------------------------------------------------------------------------------------


class Judge:
    """A judge that rejects what has the wrong word, until it changes and accepts everything."""

    name, digest, family, timeout = "reader", "1" * 64, "judge toy", None

    def __init__(self, *, changed=False):
        self.changed = changed

    def check(self, item):
        """Any text can be judged."""

    def verdict(self, item):
        fine = self.changed or item.references[0] in item.text
        said = "accepted" if fine else "rejected"
        return Verdict(said=said, value=float(fine), note="", by={self.name: said})


def held(folder, out, *, changed, anchors="labelled.jsonl", card="judged.json"):
    return vet(
        folder / "made.jsonl",
        reference=folder / "human.jsonl",
        verifiers=VerifierSet(verifiers=(Judge(changed=changed),)),
        card=None if card is None else folder / card,
        anchors=None if anchors is None else folder / anchors,
        no_evaluation=True,
        out=folder / out,
        workers=1,
        dry_run=True,
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = lay_out(tmp_path_factory.mktemp("judged"), seed=3, human=60, made=20, wrong=0.3, labelled=30)
    judge, labelled = VerifierSet(verifiers=(Judge(),)), read_labelled(folder / "labelled.jsonl")
    cards = measured(judge, labelled, verdicts_of(judge, [one.item for one in labelled]))
    write_cards(cards, folder / "judged.json")
    return folder


def test_a_judge_that_is_as_on_its_card_keeps_its_verdicts(judged):
    done = held(judged, "same", changed=False)
    assert [check["worse"] for check in done.document["anchors"]] == [False]
    assert done.document["verification"]["accepted"] > 0


def test_a_judge_that_changed_has_no_verdict_not_even_those_of_yesterday(judged):
    held(judged, "changed", changed=False, anchors=None)  # its verdicts lie in the journal
    done = held(judged, "changed", changed=True)
    found = done.document["verification"]
    assert (found["accepted"], found["rejected"], found["unknown"]) == (0, 0, 20)
    assert "it changed" in done.document["anchors"][0]["said"]
    assert done.verdict != "admitted"


def test_anchors_need_a_card_and_a_judge(judged):
    with pytest.raises(RecipeError, match="there is no card"):
        held(judged, "cardless", changed=False, card=None)
    with pytest.raises(RecipeError, match="no judge among"):
        vet(
            judged / "made.jsonl",
            reference=judged / "human.jsonl",
            verifiers=judged / "verifiers.yaml",
            card=judged / "card.json",
            anchors=judged / "labelled.jsonl",
            out=judged / "judgeless",
        )


def test_an_eater_of_rare_topics_is_caught_though_no_text_names_its_cell(tmp_path):
    lay_out(tmp_path, seed=0, human=600, made=10)
    world = World(200)
    made = world.generated(500)
    for row in made:
        if row["rare"] and world.rng.random() < 0.6:
            row["references"] = ["xxwrongxx"]
        del row["rare"], row["cell"]
    write_rows(tmp_path / "made.jsonl", made)
    done = vetted_by_card(tmp_path, "made.jsonl", out=tmp_path / "out", dry_run=True)
    tail = next(one for one in done.gate if one["condition"] == "tail")
    assert (tail["passed"], set(tail["figures"]["tests"])) == ("fail", {"topics", "words"})
