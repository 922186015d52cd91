"""What people said lies in the ledger under the seal: every way to change it after the fact is named."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from wellkeeper import curate
from wellkeeper.core.trail import START, chained
from wellkeeper.engine.store import sha256_of_file
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.forget import forget
from wellkeeper.ledger.manifest import digest_of, file_digests, read_manifest, sealed_facts
from wellkeeper.ledger.review_log import (
    answers_in,
    items_path,
    label_in,
    log_name,
    log_paths,
    majority,
    read_items,
    read_log,
    spoken_of,
)
from wellkeeper.ledger.seal import seal
from wellkeeper.ledger.signature import SigningKey, new_key_files
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.why import why
from wellkeeper.review.item import Item, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

NOW = 1_795_000_000.0
RECIPE = """
wellkeeper: 1
sources:
  letters: {path: letters.jsonl, text: text, id: id}
steps:
  - exact-duplicates.v1: {}
review: review.sqlite
"""


def letter(number: int) -> str:
    return f"Letter {number}: the miller counted {number * 7919 % 1009} herons and sold flour to {number} carters."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that people decided on: alice and bob read four letters of it."""
    folder = tmp_path_factory.mktemp("reviewed")
    rows = [{"id": f"letter-{number}", "text": letter(number)} for number in range(30)]
    (folder / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(RECIPE)
    items = [
        Item(
            id=f"item-{number}",
            texts=(letter(number),),
            places=(
                Place(
                    row=number,
                    id=f"letter-{number}",
                    content_hash=sha256(letter(number).encode()).hexdigest(),
                ),
            ),
        )
        for number in range(6)
    ]
    ReviewQueue.create(
        folder / "review.sqlite",
        question=QUESTIONS["origin"],
        placed=[Placed(item=item, readers=2) for item in items],
        pool=pool_of([None] * len(items)),
        settings=Settings(),
        about={"from": "origin", "folder": "out", "seal": ""},
        now=NOW,
    )
    with ReviewQueue(folder / "review.sqlite") as queue:
        for reviewer in ("alice", "bob"):
            said = [(f"item-{number}", ["ai", "human"][number % 2], "", 7.0) for number in range(4)]
            queue.take_in(reviewer, said, source="desk", now=NOW)
        shown = queue.assign("carol", now=NOW)
        assert shown is not None
        queue.answer("carol", shown.ticket, "human", note="It counts herons.", seconds=12, now=NOW)
        queue.undo("carol", now=NOW)
    keys = new_key_files(folder / "team")
    curate(folder / "recipe.yaml", out=folder / "out", workers=1, key=keys.private)
    return folder


@pytest.fixture
def out(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "out", tmp_path / "out"))


def forge(folder: Path) -> None:
    """Make manifest and seal anew, as whoever has no key can; what the seal says of the log stays as it was."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"] = {
        name: facts for name, facts in file_digests(folder).items() if name in manifest["files"]
    }
    manifest["digest"] = digest_of(manifest)
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    shutil.rmtree(folder / "ledger" / "history", ignore_errors=True)
    (folder / "manifest.dsse.json").unlink()
    seal(folder, facts=sealed_facts(manifest))


def changed(folder: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    path = folder / log_name(1)
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def found(folder: Path, **how: Any) -> dict[str, str]:
    """Code of each problem, and all that is said of it."""
    said: dict[str, str] = {}
    for problem in verify(folder, **how).problems:
        said[problem.code] = f"{said.get(problem.code, '')} {problem.where}: {problem.found}"
    return said


def another_label(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines[2]["told"]["label"] = "mixed"
    return lines


def one_less(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return lines[:4] + lines[5:]


def two_swapped(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def the_end_cut_off(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return lines[:-2]


def a_new_chain(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With another label, and every hash as it should be."""
    before, made = START, []
    for line in another_label(lines):
        told = {name: line[name] for name in ("number", "act", "at", "reviewer", "told")}
        made.append(chained(before, **told))
        before = made[-1].hash
    return [entry.to_json() for entry in made]


def test_a_set_that_people_decided_on_is_whole_signed_and_says_how_long_its_log_is(place: Path) -> None:
    checked = verify(place / "out", key=place / "team.pub")
    assert checked.problems == ()
    assert checked.checked["log lines"] == len(read_log(place / "out" / log_name(1))) == 11


def test_manifest_and_seal_name_the_last_line_of_the_log(place: Path) -> None:
    log = read_log(place / "out" / log_name(1))
    manifest = read_manifest(place / "out")
    [told] = manifest["review"]
    assert told["head"] == manifest["tables"]["ledger/review"] == log[-1].hash
    assert told["sha256"] == sha256_of_file(place / "out" / log_name(1))
    assert (told["name"], told["kind"], told["entries"], told["applied"]) == (
        "review.sqlite",
        "origin",
        11,
        4,
    )
    assert log[0].told["digest"] == sha256_of_file(items_path(place / "out" / log_name(1)))


@pytest.mark.parametrize("change", [another_label, one_less, two_swapped, the_end_cut_off, a_new_chain])
def test_a_log_that_was_changed_has_another_digest_than_was_sealed(
    out: Path, change: Callable[[Any], Any]
) -> None:
    changed(out, change)
    said = found(out)
    assert set(said) == {"file-changed"}
    assert "ledger/review.jsonl" in said["file-changed"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another_label, "line 3 was changed after it was written"),
        (one_less, "line 6 stands where line 5 belongs"),
        (two_swapped, "line 5 stands where line 4 belongs"),
        (the_end_cut_off, "its last line has the hash"),
        (a_new_chain, "and the seal names"),
    ],
)
def test_with_a_seal_made_anew_the_log_itself_says_which_line_was_changed(
    out: Path, place: Path, change: Callable[[Any], Any], said: str
) -> None:
    changed(out, change)
    forge(out)
    assert said in found(out)["review-log"]
    assert "not-signed" in found(out, key=place / "team.pub")


def test_with_chain_and_seal_made_anew_the_decisions_are_not_what_the_log_says(
    out: Path, place: Path
) -> None:
    changed(out, lambda lines: [*a_new_chain(lines)])
    head = read_log(out / log_name(1))[-1].hash
    path = out / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["tables"]["ledger/review"] = manifest["review"][0]["head"] = head
    path.write_text(json.dumps(manifest))
    forge(out)
    said = found(out)
    assert set(said) == {"review-decision"}
    assert "letter-1) has evidence reviewed-human, and readers did not say so" in said["review-decision"]
    assert set(found(out, key=place / "team.pub")) == {"review-decision", "not-signed"}


def test_a_log_that_is_gone_or_was_added_is_named(out: Path) -> None:
    path = out / log_name(1)
    path.rename(out / log_name(2))
    items_path(path).rename(items_path(out / log_name(2)))
    forge(out)
    said = found(out)
    assert "ledger/review.jsonl: the seal names the last line of this log" in said["review-log"]
    assert "readers said nothing" in said["review-decision"]


def test_items_that_were_changed_are_named_by_the_log(out: Path) -> None:
    path = items_path(out / log_name(1))
    path.write_text(path.read_text().replace("letter-1", "letter-9"))
    forge(out)
    said = found(out)["review-log"]
    assert "ledger/review-items.jsonl: its SHA-256 is" in said
    assert "and the log names" in said


@pytest.mark.parametrize("torn", [b"", b"{}\n", b'{"number": 1', b"\xff\xfe\n", b"[1, 2]\n" * 3])
def test_a_torn_log_is_a_problem_and_no_crash(out: Path, torn: bytes) -> None:
    (out / log_name(1)).write_bytes(torn)
    forge(out)
    said = found(out)
    assert "line of the log" in said["review-log"] or "does not begin" in said["review-log"]
    assert "cannot be read" in said["review-decision"]
    with pytest.raises(InputError, match=r"Restore it from a copy, or export the log again\."):
        read_log(out / log_name(1))


def test_why_tells_who_said_what_and_when_and_what_was_taken_back(place: Path) -> None:
    story = why(place / "out", "letter-0")
    lines = story.lines()
    assert lines[1] == "  dropped by review: people said ai"
    said = [line for line in lines if "said" in line][1:]
    assert said[0].startswith("  review    2026-11-18 ")
    assert said[0].endswith("alice said ai (from desk; 7 s; line 2 of ledger/review.jsonl)")
    [undone] = [line for line in why(place / "out", "letter-4").lines() if "carol" in line]
    assert undone.endswith(
        "carol said human (taken back; 12 s; line 10 of ledger/review.jsonl): 'It counts herons.'"
    )
    [told] = story.to_json()["documents"]
    assert [(one["said"]["reviewer"], one["said"]["label"], one["says"]) for one in told["reviews"]] == [
        ("alice", "ai", "A model"),
        ("bob", "ai", "A model"),
    ]
    assert json.loads(json.dumps(told))


def test_evidence_names_the_readers_and_the_lines_of_the_log(place: Path) -> None:
    [told] = why(place / "out", "letter-1").documents
    [seen] = [one for one in told.evidence if one.kind == "reviewed-human"]
    assert seen.tool == "review by alice, bob; log lines 3, 7"
    assert (told.record["origin"], told.record["decision"], told.record["step"]) == ("human", "keep", None)


def test_a_document_that_nobody_read_has_no_review(place: Path) -> None:
    [told] = why(place / "out", "letter-20").documents
    assert told.reviews == ()
    assert spoken_of(place / "out", [("letter-1", "0" * 64)]) == {}


def test_what_was_asked_can_be_read_from_the_ledger(place: Path) -> None:
    asked = list(read_items(items_path(log_paths(place / "out")[0])))
    assert [one.places[0].id for one in asked] == [f"letter-{number}" for number in range(6)]
    assert {one.readers for one in asked} == {2}
    assert not any(one.gold for one in asked)


def test_a_forgotten_document_goes_from_what_was_asked_and_the_rest_is_whole(out: Path, place: Path) -> None:
    digest = sha256(letter(0).encode()).hexdigest()
    forget(out, "letter-0", key=SigningKey.load(place / "team.key"))
    assert verify(out, key=place / "team.pub").problems == ()
    for path in out.rglob("*"):
        if path.is_file():
            assert not {b'letter-0"', digest.encode()} & {
                one for one in (b'letter-0"', digest.encode()) if one in path.read_bytes()
            }, path
    assert why(out, "letter-1").documents[0].reviews
    assert [one.places[0].id for one in read_items(items_path(out / log_name(1)))][:2] == [
        "forgotten:0",
        "letter-1",
    ]


def test_answers_name_their_line_and_whether_they_stand(place: Path) -> None:
    answers = answers_in(read_log(place / "out" / log_name(1)))
    assert [one.entry for one in answers if one.taken_back] == [10]
    broken = chained(START, number=1, act="answer", at="", reviewer="alice", told={"item": "a"})
    with pytest.raises(DataError, match="line 1 tells of no answer"):
        answers_in([broken])


@pytest.mark.parametrize(
    ("labels", "most"),
    [([], ""), (["a"], "a"), (["a", "b"], ""), (["a", "b", "a"], "a"), (["a", "b", "c"], "")],
)
def test_a_majority_is_more_than_half(labels: list[str], most: str) -> None:
    assert majority(labels) == most


def test_a_reason_begins_with_the_label_that_readers_gave() -> None:
    assert label_in("reviewed: same-second") == "same-second"
    assert label_in("reviewed: human, in spite of citation-marker") == "human"
