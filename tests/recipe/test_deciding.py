"""A steward decides about documents by id: kept in a log like readers' answers, applied with them, and outranking them."""

import json
import shutil
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from reviewed_queues import ask, ledger, place_of

from wellkeeper import curate
from wellkeeper.errors import InputError
from wellkeeper.ledger.forget import forget
from wellkeeper.ledger.review_log import log_name, read_log
from wellkeeper.ledger.seal import read_seal
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.why import why
from wellkeeper.recipe.deciding import decide
from wellkeeper.recipe.review_overlay import ANOTHER, STEWARD, TWINS
from wellkeeper.recipe.reviewed import apply_reviews
from wellkeeper.recipe.reviewing import open_queue
from wellkeeper.recipe.reviews import read_review, verify_queue
from wellkeeper.review.queue import ReviewQueue

RECIPE = """
wellkeeper: 1
sources:
  letters: {path: letters.jsonl, text: text, id: id, origin: {column: origin}, consent: {column: consent}}
steps:
  - artefacts.v1: {}
  - exact-duplicates.v1: {}
  - rights.v1: {}
"""
CHAT = " [cite: 1, 2] :contentReference[oaicite:0]{index=0}"


def letter(number: int) -> str:
    return f"Letter {number}: the miller counted {number * 7919 % 1009} herons and sold flour to {number} carters."


def rows() -> list[dict[str, str]]:
    """Letters: 1 and 2 bear a chat tool's trace, 2 without consent; 3 is a copy of 4; 5 is without consent."""
    made = [
        {"id": f"letter-{number}", "text": letter(number), "origin": "human", "consent": "granted"}
        for number in range(10)
    ]
    made[1]["text"] += CHAT
    made[2]["text"] += CHAT
    made[3]["text"] = made[4]["text"]
    made[2]["consent"] = made[5]["consent"] = "revoked"
    return made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decided")
    (folder / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    (folder / "recipe.yaml").write_text(RECIPE)
    curate(folder / "recipe.yaml", out=folder / "set", workers=1)
    return folder


@pytest.fixture
def out(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "place")) / "set"


def fates(out: Path) -> dict[str, tuple[str, str | None]]:
    return {name: (row["decision"], row["step"]) for name, row in ledger(out).items()}


def beside(out: Path) -> Path:
    return out.with_name("set-decided.sqlite")


def test_the_letters_are_dropped_each_for_its_own_reason(base: Path) -> None:
    out_of = {name: step for name, (decision, step) in fates(base / "set").items() if decision != "keep"}
    assert out_of == {
        "letter-1": "artefacts.v1",
        "letter-2": "artefacts.v1",
        "letter-4": "exact-duplicates.v1",
        "letter-5": "rights.v1",
    }


def test_what_a_steward_decides_is_done_by_apply_and_nothing_else_is(out: Path) -> None:
    before = fates(out)
    decide(out, "letter-1", "keep", because="He cites a chat.", reviewer="stew")
    decide(out, "letter-4", "keep", reviewer="stew")
    decide(out, "letter-5", "keep", reviewer="stew", despite_rights=True)
    decide(out, "letter-7", "drop", reviewer="stew")
    assert fates(out) == before
    done = apply_reviews(out, workers=1)
    assert done.document["changed"]["restored"] == 3
    assert done.document["changed"]["dropped"] == 1
    assert done.document["others_changed"] == 0
    changed = {name: fate for name, fate in fates(out).items() if fate != before[name]}
    assert changed == {
        "letter-1": ("keep", "review"),
        "letter-4": ("keep", "review"),
        "letter-5": ("keep", "review"),
        "letter-7": ("drop", "review"),
    }
    assert verify(out).problems == ()
    lines = why(out, "letter-1").lines()
    assert lines[1].startswith("  kept by review: people said keep, in spite of ")
    assert any(line.endswith("of ledger/review.jsonl): 'He cites a chat.'") for line in lines)
    assert done.said[-2].endswith("Add to the recipe: review: set-decided.sqlite")
    again = apply_reviews(out, workers=1)
    assert set(again.document["changed"].values()) == {0}


def test_the_same_decision_again_writes_nothing_and_another_one_takes_the_first_back(out: Path) -> None:
    first = decide(out, "letter-7", "drop", reviewer="stew", because="A hoax.")
    log = list(read_review(beside(out)).entries)
    again = decide(out, "letter-7", "drop", reviewer="bob")
    assert (again.document["new"], again.document["entry"]) == (False, first.document["entry"])
    assert "Nothing was written." in again.said[0]
    assert list(read_review(beside(out)).entries) == log
    other = decide(out, "letter-7", "keep", reviewer="bob")
    assert other.document["taken_back"] == [first.document["entry"]]
    told = read_review(beside(out)).entries
    assert [(one.act, one.reviewer) for one in told] == [
        ("begin", ""),
        ("answer", "stew"),
        ("undo", "stew"),
        ("answer", "bob"),
    ]
    assert told[2].told["by"] == "bob"
    assert verify_queue(beside(out)).problems == ()
    assert apply_reviews(out, workers=1).document["changed"]["dropped"] == 0
    reason = decide(out, "letter-7", "keep", reviewer="bob", because="It is none.")
    assert (reason.document["new"], reason.document["because"]) == (True, "It is none.")


def test_rights_are_no_matter_of_opinion(out: Path) -> None:
    with pytest.raises(
        InputError, match=r"letter-5 was taken out by rights\.v1 \(consent-revoked\).*--despite-rights"
    ):
        decide(out, "letter-5", "keep")
    with pytest.raises(InputError, match=r"needs no rights"):
        decide(out, "letter-5", "drop", despite_rights=True)
    assert not beside(out).exists()


def test_what_a_steward_or_reader_puts_back_is_judged_by_the_steps_that_follow(out: Path) -> None:
    """Its own step came first, so that no later one had looked at it: its writer took consent back."""
    decide(out, "letter-2", "keep", reviewer="stew")
    ask(
        out.with_name("set-review.sqlite"),
        out,
        "origin",
        [(("letter-1",), ["human"]), (("letter-2",), ["human"])],
    )
    done = apply_reviews(out, workers=1)
    assert fates(out)["letter-1"] == ("keep", "review")
    assert fates(out)["letter-2"] == ("drop", "rights.v1")
    [refused] = [
        one for one in done.document["not_applied"] if one["reason"].startswith("rights.v1 took it out")
    ]
    assert set(refused["ids"]) == {"letter-2"}
    assert verify(out).problems == ()
    decide(out, "letter-2", "keep", reviewer="stew", despite_rights=True)
    apply_reviews(out, workers=1)
    assert fates(out)["letter-2"] == ("keep", "review")


def test_a_reader_puts_no_copy_back_that_a_step_found_first(tmp_path: Path) -> None:
    """A copy with a chat tool's trace was out before copies were looked for; a person wrote it, and it is a copy."""
    made = rows()
    made[6]["text"] = made[1]["text"]
    made[6]["origin"] = "human"
    (tmp_path / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    curate(tmp_path / "recipe.yaml", out=tmp_path / "set", workers=1)
    out = tmp_path / "set"
    ask(tmp_path / "set-review.sqlite", out, "origin", [((f"letter-{n}",), ["human"]) for n in (1, 6)])
    apply_reviews(out, workers=1)
    assert sorted([fates(out)["letter-1"], fates(out)["letter-6"]]) == [
        ("drop", "exact-duplicates.v1"),
        ("keep", "review"),
    ]
    assert verify(out).problems == ()


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Letters 6 to 9 are one text; two files have letter 0, under one id."""
    made = rows()
    for number in (7, 8, 9):
        made[number]["text"] = made[6]["text"]
    folder = tmp_path_factory.mktemp("copies")
    (folder / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*made, made[0]]))
    (folder / "recipe.yaml").write_text(RECIPE)
    curate(folder / "recipe.yaml", out=folder / "set", workers=1)
    return folder


def test_a_copy_that_went_for_another_than_it_was_shown_with_stays_out_and_says_so(
    copies: Path, tmp_path: Path
) -> None:
    queue = tmp_path / "q.sqlite"
    ask(queue, copies / "set", "duplicates", [(("letter-7", "letter-8"), ["same-second"])])
    made = curate(copies / "recipe.yaml", out=tmp_path / "set", review=queue, workers=1)
    assert fates(tmp_path / "set") == fates(copies / "set")
    assert made.document["reviewed"]["not_applied"] == [
        {"reason": ANOTHER, "documents": 1, "ids": ["letter-8"]}
    ]


def test_pairs_that_gainsay_each_other_leave_one_of_them(copies: Path, tmp_path: Path) -> None:
    queue, out = tmp_path / "q.sqlite", tmp_path / "set"
    pairs = [(("letter-6", "letter-7"), ["same-second"]), (("letter-6", "letter-7"), ["same-first"])]
    ask(queue, copies / "set", "duplicates", pairs)
    made = curate(copies / "recipe.yaml", out=out, review=queue, workers=1)
    assert [fates(out)[name][0] for name in ("letter-6", "letter-7", "letter-8")] == ["drop", "keep", "drop"]
    assert made.document["reviewed"]["not_applied"][0]["ids"] == ["letter-6"]
    assert verify(out).problems == ()


def test_a_document_never_goes_in_favour_of_itself(copies: Path, tmp_path: Path) -> None:
    """Two rows of one id and one text, which have moved since: nobody can tell which of them was shown first."""
    table = pq.read_table(copies / "set" / "ledger" / "documents").to_pylist()
    twins = tuple(replace(place_of(row), row=row["row"] + 100) for row in table if row["id"] == "letter-0")
    assert len(twins) == 2
    queue, out = tmp_path / "q.sqlite", tmp_path / "set"
    ask(queue, copies / "set", "duplicates", [(("letter-0",) * 2, ["same-first"])], places={0: twins})
    made = curate(copies / "recipe.yaml", out=out, review=queue, workers=1)
    kept = pq.read_table(out / "data", columns=["id"]).column("id").to_pylist()
    assert kept.count("letter-0") == 1
    assert made.document["reviewed"]["not_applied"] == [
        {"reason": TWINS, "documents": 1, "ids": ["letter-0"]}
    ]


def test_a_steward_outranks_readers_in_whatever_order_they_are_named(out: Path, tmp_path: Path) -> None:
    queue = out.with_name("set-review.sqlite")
    ask(queue, out, "origin", [(("letter-7",), ["ai"]), (("letter-8",), ["human"]), (("letter-9",), ["ai"])])
    decide(out, "letter-7", "keep", reviewer="stew")
    decide(out, "letter-8", "drop", reviewer="stew")
    decide(out, "letter-9", "drop", reviewer="stew")
    found = []
    for number, given in enumerate(([queue, beside(out)], [beside(out), queue])):
        made = curate(out.with_name("recipe.yaml"), out=tmp_path / f"set-{number}", review=given, workers=1)
        [refused] = made.document["reviewed"]["not_applied"]
        assert (refused["reason"], sorted(refused["ids"])) == (STEWARD, ["letter-7", "letter-8"])
        after = ledger(tmp_path / f"set-{number}")
        found.append({name: (after[name]["decision"], after[name]["origin"]) for name in after})
        assert verify(tmp_path / f"set-{number}").problems == ()
    assert found[0] == found[1]
    assert found[0]["letter-7"] == (
        "keep",
        "ai-generated",
    )  # what it is, readers said; whether it stays, the steward
    assert (found[0]["letter-8"][0], found[0]["letter-9"]) == ("drop", ("drop", "ai-generated"))


def test_the_log_with_its_later_items_is_whole_in_the_ledger_and_out_of_it(out: Path, tmp_path: Path) -> None:
    for name in ("letter-7", "letter-8"):
        decide(out, name, "drop", reviewer="stew")
    apply_reviews(out, workers=1)
    log = out / log_name(1)
    assert [entry.act for entry in read_log(log)] == ["begin", "answer", "add", "answer"]
    made = curate(out.with_name("recipe.yaml"), out=tmp_path / "again", review=[log], workers=1)
    assert made.document["reviewed"]["dropped"] == 2
    decide(out, "letter-9", "drop", reviewer="stew")  # is not of the set yet, and its log says nothing of it
    assert verify(out).problems == ()


def test_a_file_of_decisions_that_was_changed_is_found_out(out: Path) -> None:
    for name in ("letter-7", "letter-8"):
        decide(out, name, "drop", reviewer="stew")
    with ReviewQueue(beside(out)) as queue:
        queue._database.rows("UPDATE items SET told = replace(told, 'letter-8', 'letter-9') WHERE number = 2")
    [first, *_] = verify_queue(beside(out)).problems
    assert "an item, or its place, is not what line 3 says" in first.found
    with pytest.raises(InputError, match="is not what its log says"):
        apply_reviews(out, workers=1)


def test_what_is_decided_asks_nothing(out: Path) -> None:
    decide(out, "letter-7", "drop", reviewer="stew")
    with pytest.raises(
        InputError, match=r"holds what a steward decided of single documents, and asks nothing\."
    ):
        open_queue(beside(out))
    ask(out.with_name("q.sqlite"), out, "origin", [(("letter-7",), ["ai"])])
    shutil.move(out.with_name("q.sqlite"), beside(out))
    with pytest.raises(InputError, match=r"holds answers about origin, and no steward's decisions\."):
        decide(out, "letter-7", "drop")


@pytest.mark.parametrize(
    ("document", "decision", "says"),
    [
        ("letter-77", "drop", r"has no document 'letter-77'\. Close ids: letter-7"),
        ("letter-7", "maybe", r"maybe is no decision about a document\. Write keep or drop\."),
    ],
)
def test_what_cannot_be_decided_is_told_and_leaves_nothing(
    out: Path, document: str, decision: str, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        decide(out, document, decision)
    with pytest.raises(InputError, match=r"is no folder\. Give the folder of a curated set\."):
        decide(out / "nowhere", document, "drop")
    assert not beside(out).exists()


def test_two_documents_of_one_text_are_told_apart_by_their_place(out: Path) -> None:
    digest = ledger(out)["letter-3"]["content_hash"].hex()
    with pytest.raises(
        InputError, match=r"names 2 documents, and a decision is about one\. Give its file:line"
    ):
        decide(out, digest[:12], "keep")
    assert decide(out, "letters.jsonl:5", "keep").document["id"] == "letter-4"


def test_what_was_removed_on_request_does_not_come_back(out: Path) -> None:
    forget(out, "letter-7")
    with pytest.raises(
        InputError, match=r"was removed on request, and nothing is left of it to decide about"
    ):
        decide(out, "forgotten:7", "keep")
    decide(out, "letter-8", "drop")
    seal = read_seal(out)
    with pytest.raises(
        InputError, match=r"1 document of the set was removed on request, and the sources have 1 that"
    ):
        apply_reviews(out, workers=1)
    assert (read_seal(out), verify(out).ok) == (seal, True)
    source = out.with_name("letters.jsonl")
    source.write_text(
        "".join(f"{line}\n" for line in source.read_text().splitlines() if '"letter-7"' not in line)
    )
    assert apply_reviews(out, workers=1).document["changed"]["dropped"] == 1


def decide_some(out: str, number: int) -> None:
    for row in (6, 7, 8, 9):
        decide(out, f"letter-{row}", ("keep", "drop")[number % 2], reviewer=f"stew {number}")


@pytest.mark.slow
def test_several_at_once_lose_nothing_and_the_last_counts(out: Path) -> None:
    context = get_context("spawn")
    running = [context.Process(target=decide_some, args=(str(out), number)) for number in range(3)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert [one.exitcode for one in running] == [0, 0, 0]
    assert verify_queue(beside(out)).problems == ()
    with ReviewQueue(beside(out)) as queue:
        assert [len(one.answers) for one in queue.outcomes()] == [1, 1, 1, 1]
