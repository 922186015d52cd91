"""Evaluation sets in a whole run: found, decided on, written down, told, and made anew when they change."""

import json

import pyarrow.parquet as pq
import pytest

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.rows import MATCHED_CHARS, OVERLAPS
from wellkeeper.ledger.why import why
from wellkeeper.recipe.curate import curate

QUESTION = "A farmer has twelve goats and sells a third of them, how many goats are left on the farm then?"
EDITED = "A FARMER has twelve goats, and sells a quarter of them: how many goats are left on the farm then"
SHORT = "Who wrote the old book?"
DOCUMENTS = {
    "clean": "The hills were green and the river ran past the mill to the sea, as it does in every spring here.",
    "whole": f"Exercises for the third year.\n\n{QUESTION} Write down your answer.",
    "edited": f"From the café: {EDITED}. Nobody knew.",
    "line": f"Quiz night\n{SHORT}\nNo prizes are given for an answer that comes late.",
    "inside": f"They all asked: {SHORT} There was no answer to be had from any of those who were present.",
}
STEP = "decontaminate.v1"


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "docs.jsonl", [{"id": name, "text": text} for name, text in DOCUMENTS.items()])
    write(
        tmp_path / "evals/goats.jsonl",
        [{"question": QUESTION, "answer": "8"}, {"question": "What is left of the bread?", "answer": "2"}],
    )
    (tmp_path / "trivia.txt").write_text(f"{SHORT}\nWho?\n")
    return tmp_path


def write(path, records):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def run(folder, options="{sets: [evals/goats.jsonl, trivia.txt]}", *, steps=None, **others):
    recipe = folder / "recipe.yaml"
    called = steps or f"[{{{STEP}: {options}}}]"
    recipe.write_text(f"wellkeeper: 1\nsources: {{docs: {{path: docs.jsonl}}}}\nsteps: {called}\n")
    return curate(recipe, **{"out": folder / "out", "workers": 1, **others}).document


def ledger(folder, kind="documents"):
    return pq.read_table(folder / "out/ledger" / kind).to_pylist()


def test_documents_with_an_item_go_and_the_ledger_has_the_item_the_share_and_the_span(folder):
    run(folder)
    kept = {row["id"] for row in ledger(folder) if row["decision"] == "keep"}
    assert kept == {"clean", "inside"}
    assert pq.read_schema(folder / "out/ledger/overlaps/part-00000.parquet").equals(OVERLAPS)
    whole, edited, line = ledger(folder, "overlaps")
    assert whole == {
        "row": 1,
        "id": "whole",
        "step": STEP,
        "set": "goats",
        "item": "goats.jsonl:1",
        "field": "question",
        "others": 0,
        "share": 1.0,
        "item_words": 20,
        "start": DOCUMENTS["whole"].index(QUESTION),
        "end": DOCUMENTS["whole"].index("Write"),
        "matched": QUESTION.rstrip("?"),
    }
    assert (edited["id"], edited["item_words"]) == ("edited", 19)
    assert edited["share"] == pytest.approx(19 / 20)
    text = DOCUMENTS["edited"].encode()
    assert text[edited["start"] : edited["end"]].decode() == f"{EDITED}. "
    assert (line["id"], line["set"], line["item"], line["matched"]) == (
        "line",
        "trivia",
        "trivia.txt:1",
        SHORT.rstrip("?"),
    )


def test_why_tells_the_item_and_where_it_stands(folder):
    run(folder)
    (story,) = why(folder / "out", "edited").documents
    assert story.sentence == f"dropped by {STEP}: contains an item of goats, 95% of it"
    lines = why(folder / "out", "edited").lines()
    assert lines[-1].startswith(
        "  overlap   goats, item goats.jsonl:1: 95% of the question (19 words), bytes 16 to 114: 'A FARMER"
    )
    told = why(folder / "out", "edited").to_json()["documents"][0]["overlaps"]
    assert [(row["set"], row["item"], row["others"]) for row in told] == [("goats", "goats.jsonl:1", 0)]
    assert why(folder / "out", "clean").documents[0].overlaps == ()


def test_the_report_tells_of_each_set_what_was_found_and_what_could_not_be_searched_for(folder):
    document = run(folder)
    found = document["evaluation"]
    assert (found["items"], found["items_found"], found["documents"]) == (4, 2, 3)
    told = {
        row["name"]: [row[key] for key in ("path", "items", "searched", "found", "documents", "too_short")]
        for row in found["sets"]
    }
    assert told == {
        "goats": ["evals/goats.jsonl", 2, 2, 1, 2, 0],
        "trivia": ["trivia.txt", 2, 1, 1, 1, 1],
    }
    assert [row["document"] for row in found["examples"]] == ["whole", "edited", "line"]
    assert document == {**json.loads((folder / "out/report.json").read_text()), "paths": document["paths"]}
    page = (folder / "out/report.html").read_text()
    assert "2 of 4 items stand in 3 documents, which are dropped." in page
    manifest = json.loads((folder / "out/manifest.json").read_text())
    assert "ledger/overlaps" in manifest["tables"]
    assert any(
        "goats: 2 items; searched for: question, answer" in said for said in manifest["run"]["columns"]
    )


@pytest.mark.parametrize(("action", "decision"), [("review", "review"), ("report", "keep")])
def test_documents_can_be_reviewed_or_only_told_of(folder, action, decision):
    run(folder, f"{{sets: [evals/goats.jsonl], action: {action}}}")
    assert {row["id"]: row["decision"] for row in ledger(folder)}["whole"] == decision
    assert [row["id"] for row in ledger(folder, "overlaps")] == ["whole", "edited"]
    assert len(why(folder / "out", "whole").documents[0].overlaps) == 1


def test_the_answer_does_not_depend_on_workers_processes_or_blocks(folder):
    def digests(**how):
        run(folder, fresh=True, **how)
        return json.loads((folder / "out/manifest.json").read_text())["tables"]

    alone = digests()
    assert digests(workers=2, block_bytes=100) == alone
    assert digests(workers=2, executor="processes") == alone


def test_texts_are_read_again_when_the_sets_change_and_only_then(folder):
    def sidecars():
        return {path.parent.name for path in (folder / "out/.work/sidecars").glob("*/block-*.parquet")}

    run(folder)
    first = sidecars()
    run(folder, fresh=False)
    assert sidecars() == first
    write(folder / "evals/goats.jsonl", [{"question": DOCUMENTS["clean"]}])
    run(folder)
    assert len(sidecars()) == 2
    assert "clean" in {row["id"] for row in ledger(folder) if row["decision"] == "drop"}


def test_an_item_of_a_document_that_an_earlier_step_dropped_is_not_found_twice(folder):
    with (folder / "docs.jsonl").open("a") as file:
        file.write(json.dumps({"id": "copy", "text": DOCUMENTS["whole"]}) + "\n")
    document = run(folder, steps=f"[exact-duplicates.v1, {{{STEP}: {{sets: [evals/goats.jsonl]}}}}]")
    assert document["evaluation"]["documents"] == 2
    assert {row["id"]: row["step"] for row in ledger(folder)}["copy"] == "exact-duplicates.v1"


def test_a_matched_text_is_cut_where_the_ledger_cuts(folder):
    passage = " ".join(f"word{k}" for k in range(400))
    write(folder / "docs.jsonl", [{"id": "long", "text": f"Now: {passage}"}])
    write(folder / "evals/goats.jsonl", [{"passage": passage}])
    run(folder, "{sets: [evals/goats.jsonl]}")
    (row,) = ledger(folder, "overlaps")
    assert row["matched"] == passage[:MATCHED_CHARS]
    assert (row["start"], row["end"]) == (5, 5 + len(passage))


def test_fields_and_names_of_a_set_can_be_given(folder):
    sets = "[{path: evals/goats.jsonl, name: farm, fields: [answer]}]"
    found = run(folder, f"{{sets: {sets}}}")["evaluation"]
    assert [(row["name"], row["too_short"], row["found"]) for row in found["sets"]] == [("farm", 2, 0)]


def test_a_run_without_the_step_writes_and_tells_nothing_of_it(folder):
    document = run(folder, steps="[exact-duplicates.v1]")
    assert document["evaluation"] is None
    assert not (folder / "out/ledger/overlaps").exists()
    assert not (folder / "out/.work/evaluation").exists()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (
            "{sets: [evals/gaots.jsonl]}",
            InputError,
            r"gaots\.jsonl does not exist\. Did you mean 'goats\.jsonl'\?",
        ),
        ("{sets: [{path: trivia.txt, fields: [txt]}]}", InputError, r"no field 'txt'\. Did you mean text\?"),
        (
            "{sets: [empty.jsonl]}",
            InputError,
            r"empty\.jsonl has no item\. Check that the step that writes it",
        ),
        ("{}", RecipeError, r"names no evaluation set\. Add sets: \[path\] to it"),
        (
            "{sets: {goats: evals/goats.jsonl}}",
            RecipeError,
            r"line 3: decontaminate\.v1: sets is a mapping\. Give a list, each entry a path or \{path: PATH",
        ),
        (
            "{sets: [evals/goats.jsonl, other/goats.jsonl]}",
            RecipeError,
            r"are both called goats\. Tell them apart: \{path: other/goats\.jsonl, name: NAME\}",
        ),
    ],
)
def test_a_set_that_cannot_be_used_stops_the_run_before_a_text_is_read(folder, options, error, says):
    write(folder / "other/goats.jsonl", [{"question": QUESTION}])
    (folder / "empty.jsonl").write_text("\n")
    with pytest.raises(error, match=says):
        run(folder, options)
    assert not (folder / "out").exists()


def test_the_step_may_stand_in_a_recipe_once(folder):
    call = f"{{{STEP}: {{sets: [trivia.txt]}}}}"
    with pytest.raises(RecipeError, match=r"stands 2 times\. Name all sets in one of them"):
        run(folder, steps=f"[{call}, {call}]")
