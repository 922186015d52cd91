"""What people said, done in a set: exactly the documents they decided change, and the new ledger follows the old."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import corpora
import numpy as np
import pytest
from reviewed_queues import answer, ask, ledger, place_of

from wellkeeper import curate
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.ledger.review_log import log_name
from wellkeeper.ledger.seal import read_seal
from wellkeeper.ledger.signature import new_key_files
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.why import why
from wellkeeper.origin.evidence import NEUTRAL, origin_of
from wellkeeper.recipe.review_overlay import CHANGED, GONE
from wellkeeper.recipe.reviewed import ReviewsApplied, apply_reviews
from wellkeeper.recipe.reviews import verify_queue
from wellkeeper.recipe.schema import load_recipe

Applied: TypeAlias = tuple[Path, ReviewsApplied, ReviewsApplied, ReviewsApplied]
HERE = Path(__file__).parents[2]
RECIPE = """
wellkeeper: 1
sources:
  all: {path: corpus, text: text, source: board, date: created_at, origin: {column: origin}, licence: {column: license}}
steps:
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.8}
"""
LIMITED = f"{RECIPE}mix:\n  size: {{documents: 20}}\n  synthetic_share: {{max: 0.3}}\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    corpora.write(folder / "corpus", corpora.rows(60, seed=4, copies=0.25))
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "limited.yaml").write_text(LIMITED)
    curate(folder / "recipe.yaml", out=folder / "out", workers=1)
    return folder


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "place"))


def chosen(out: Path, count: int, **wanted: Any) -> list[str]:
    """Ids of rows of the ledger that have these values."""
    found = [
        name for name, row in ledger(out).items() if all(row[key] == value for key, value in wanted.items())
    ]
    assert len(found) >= count, f"{len(found)} rows are {wanted}"
    return found[:count]


def other(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """Of each document whose row changed, the columns that did."""
    return {
        name: columns
        for name, row in before.items()
        if (columns := {key for key in row if row[key] != after[name][key]})
    }


# --- the example ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's set for fine-tuning, without limits on its mix, and two queues that decide 30 documents of it."""
    folder = tmp_path_factory.mktemp("example")
    text = (HERE / "recipes" / "finetune.yaml").read_text().partition("mix:")[0]
    (folder / "finetune.yaml").write_text(text.replace("../examples", str(HERE / "examples")))
    keys = new_key_files(folder / "team")
    out = folder / "finetune"
    curate(folder / "finetune.yaml", out=out, key=keys.private)
    shutil.copytree(out, folder / "before")
    rows = ledger(out)
    pairs = [(row["id"], row["survivor_id"]) for row in rows.values() if row["step"] == "near-duplicates.v1"]
    free = [pair for pair in pairs if sum(one in other for other in pairs for one in pair) == 2]
    humans = chosen(out, 6, decision="keep", origin="human", step=None, cluster=None)
    unknown = chosen(out, 4, decision="keep", origin="unknown", step=None, cluster=None)
    artefacts = chosen(out, 4, step="artefacts.v1", decision="drop")
    asked = [
        *[((name,), ["ai", "ai"]) for name in humans[:4]],
        *[((name,), ["human"]) for name in artefacts],
        *[((name,), ["mixed"]) for name in chosen(out, 2, decision="review")],
        *[((name,), ["human"]) for name in unknown],
        *[((name,), ["human"]) for name in chosen(out, 2, step="quality.v1", origin="unknown")],
        *[((name,), ["ai"]) for name in chosen(out, 2, step="exact-duplicates.v1", origin="unknown")],
        ((humans[4],), ["unsure"]),
        ((humans[5],), ["ai", "human"]),
    ]
    ask(folder / "origins.sqlite", out, "origin", asked)
    first, second, third, fourth, fifth = free[:5]
    ask(
        folder / "pairs.sqlite",
        out,
        "duplicates",
        [
            (first, ["same-first"]),  # the one that was dropped stays, and the other goes
            (second[::-1], ["same-second"]),
            (third, ["different"]),  # both stay
            (fourth, ["same-second"]),  # as it is
            (fifth, ["same"]),
        ],
    )
    return folder


@pytest.fixture(scope="module")
def applied(example: Path) -> Applied:
    """The example's folder, what was planned for its first queue, and what both queues did."""
    out, before, seal = example / "finetune", ledger(example / "finetune"), read_seal(example / "finetune")
    planned = apply_reviews(out, queue=example / "origins.sqlite", dry_run=True)
    assert (other(before, ledger(out)), read_seal(out)) == ({}, seal)
    one = apply_reviews(out, queue=example / "origins.sqlite", key=example / "team.key")
    two = apply_reviews(out, queue=example / "pairs.sqlite", key=example / "team.key")
    return example, planned, one, two


@pytest.mark.slow
def test_on_the_example_exactly_the_decided_documents_change_and_the_ledger_chains_to_the_old(
    applied: Applied,
) -> None:
    example, planned, one, two = applied
    out, before, seal = example / "finetune", ledger(example / "before"), read_seal(example / "before")
    assert planned.document["changes"] == one.document["changes"]
    assert one.document["changed"] == {
        "dropped": 4,
        "held_back": 0,
        "replaced": 0,
        "restored": 4 + 2,
        "survivor": 0,
        "origin": 18,
    }
    assert one.document["reviews"][0]["conflicts"] == one.document["reviews"][0]["silent"] == 1
    assert [row["documents"] for row in one.document["not_applied"]] == [2]
    assert one.document["not_applied"][0]["reason"].startswith("quality.v1 took it out")
    assert (one.document["others"], one.document["others_changed"]) == ([], 0)
    assert two.document["changed"] == {
        "dropped": 0,
        "held_back": 0,
        "replaced": 2,
        "restored": 3,
        "survivor": 0,
        "origin": 0,
    }
    assert two.document["others_changed"] == 0
    after = ledger(out)
    changed = other(before, after)
    decided = {row["id"] for found in (one, two) for row in found.document["changes"]}
    assert set(changed) == decided
    assert len(decided) == 4 + 4 + 2 + 4 + 2 + 2 + 5
    free = {
        "origin",
        "origin_log_odds",
        "evidence_mask",
        "strength",
        "decision",
        "step",
        "reason",
        "survivor",
    }
    assert set().union(*changed.values()) <= free | {"survivor_id", "cluster", "weight", "score", "depth"}
    found = verify(out, key=example / "team.pub")
    assert found.problems == ()
    assert verify(out).ok
    assert found.checked["history"] == 2
    link = read_seal(out).previous
    assert link is not None
    assert (out / link["file"]).name == "0002.dsse.json"
    assert (out / "ledger" / "history" / "0001.dsse.json").read_bytes() == (
        example / "before" / "manifest.dsse.json"
    ).read_bytes()
    assert seal.root != read_seal(out).root
    assert [row["name"] for row in read_manifest(out)["review"]] == ["origins.sqlite", "pairs.sqlite"]
    assert sum(row["decision"] == "keep" for row in after.values()) == read_manifest(out)["counts"]["kept"]


@pytest.mark.slow
def test_of_a_pair_the_other_document_stays_and_says_so(
    applied: Applied,
) -> None:
    example = applied[0]
    out, before, after = example / "finetune", ledger(example / "before"), ledger(example / "finetune")
    swapped = [
        name for name, row in after.items() if row["step"] == "review" and row["survivor_id"] is not None
    ]
    assert len(swapped) == 2
    for name in swapped:
        stays = after[name]["survivor_id"]
        assert (before[name]["decision"], before[stays]["survivor_id"]) == ("keep", name)
        assert (after[stays]["decision"], after[stays]["survivor_id"]) == ("keep", None)
        assert after[name]["cluster"] == after[stays]["cluster"] is not None
        lines = why(out, name).lines()
        assert f"in favour of {stays}, which was kept because readers chose it" in lines[1]
        assert any(line.startswith("  review ") and f"of it and {stays}" in line for line in lines)
    [apart] = [
        name
        for name, row in after.items()
        if row["step"] == "review" and row["reason"].startswith("reviewed: different")
    ]
    assert (after[apart]["decision"], after[apart]["cluster"]) == ("keep", None)
    assert "kept by review: people said different, in spite of near-duplicate" in why(out, apart).lines()[1]


@pytest.mark.slow
def test_origins_are_what_people_said_and_counted_so(
    applied: Applied,
) -> None:
    example = applied[0]
    after = ledger(example / "finetune")
    report = json.loads((example / "finetune" / "report.json").read_bytes())
    human = sum(row["origin"] == "human" and row["decision"] == "keep" for row in after.values())
    assert report["origin"]["after"]["human"] == human
    assert report["reviewed"]["documents"] == 18 + 8
    held = [
        row for row in after.values() if row["reason"] == "reviewed: mixed, in spite of conflicting-evidence"
    ]
    assert [row["origin"] for row in held] == ["ai-assisted"] * 2


# --- a small corpus ---------------------------------------------------------------------------------------------------


def test_the_same_again_changes_nothing_and_leaves_the_chain_as_it_is(place: Path) -> None:
    out = place / "out"
    ask(place / "out-review.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    first = apply_reviews(out, workers=1)
    assert first.document["changed"]["dropped"] == 1
    told, rows = read_seal(out).predicate, ledger(out)
    again = apply_reviews(out, workers=2)
    assert set(again.document["changed"].values()) == {0}
    assert (read_seal(out).predicate, other(rows, ledger(out))) == (told, {})
    assert again.said[0] == "Applied: 1 settled item about 1 document"


def test_the_bytes_are_the_same_for_any_number_of_workers_and_from_the_exported_log(
    place: Path, tmp_path: Path
) -> None:
    out = place / "out"
    names = chosen(out, 3, decision="keep")
    queue = ask(place / "q.sqlite", out, "origin", [((name,), ["ai"]) for name in names])
    one = curate(place / "recipe.yaml", out=tmp_path / "one", review=queue, workers=1)
    two = curate(place / "recipe.yaml", out=tmp_path / "two", review=str(queue), workers=2)
    log = tmp_path / "one" / log_name(1)
    three = curate(place / "recipe.yaml", out=tmp_path / "three", review=[log])
    assert one.document["reviewed"]["dropped"] == 3
    assert {**one.document["reviewed"]} == {**two.document["reviewed"]}
    mine, theirs, logged = (read_seal(tmp_path / name).predicate for name in ("one", "two", "three"))
    assert mine == theirs
    assert (mine["tree"], mine["tables"]) == (logged["tree"], logged["tables"])
    assert three.document["reviewed"]["reviews"][0]["name"] == "review.jsonl"


def test_the_recipe_stays_the_same_recipe_and_the_manifest_tells_sets_apart(place: Path) -> None:
    out = place / "out"
    queue = ask(place / "q.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    with_review = load_recipe(place / "recipe.yaml", ["review=q.sqlite"])
    assert with_review.digest == load_recipe(place / "recipe.yaml").digest
    curate(place / "recipe.yaml", out=out)  # the inputs were copied, and lie elsewhere now
    before = read_manifest(out)
    assert "review" not in before
    curate(place / "recipe.yaml", overrides=["review=q.sqlite"], out=out)
    after = read_manifest(out)
    assert [row["file"] for row in after["review"]] == ["ledger/review.jsonl"]
    assert "review" not in after["recipe"]
    curate(place / "recipe.yaml", out=out)
    assert read_manifest(out)["digest"] == before["digest"]
    assert not list((out / "ledger").glob("review*"))
    assert verify(out).ok
    assert queue.is_file()


def test_what_the_mix_does_about_it_is_listed_apart(place: Path) -> None:
    out = place / "limited"
    curate(place / "limited.yaml", out=out, workers=1)
    kept = chosen(out, 6, decision="keep")
    ask(place / "limited-review.sqlite", out, "origin", [((name,), ["ai"]) for name in kept])
    before = ledger(out)
    done = apply_reviews(out, workers=1)
    others = {row["id"] for row in done.document["others"]}
    assert set(other(before, ledger(out))) == others | set(kept)
    assert done.document["others_changed"] == len(others) >= 1
    assert all(row["labels"] == [] for row in done.document["others"])
    assert any(line.startswith("Decided by nobody, and changed by what follows: ") for line in done.said)
    assert sum(row["decision"] == "keep" for row in ledger(out).values()) == 20


def test_a_document_that_people_keep_and_the_mix_has_no_room_for_is_told(place: Path) -> None:
    out = place / "limited"
    curate(place / "limited.yaml", out=out, workers=1)
    dropped = chosen(out, 1, step="mix", origin="human")
    ask(place / "limited-review.sqlite", out, "origin", [((dropped[0],), ["human"])])
    done = apply_reviews(out, workers=1)
    assert done.document["left_out"] == dropped
    assert f"1 document that people kept is left out by the mix: {dropped[0]}" in done.said


def test_answers_about_a_text_that_changed_or_has_gone_are_counted_and_never_applied(place: Path) -> None:
    out = place / "out"
    keep = chosen(out, 3, decision="keep", cluster=None)
    rows = ledger(out)
    moved = replace(place_of(rows[keep[1]]), row=0)
    gone = replace(place_of(rows[keep[2]]), id="nobody", row=9_999)
    changed = replace(place_of(rows[keep[0]]), content_hash="0" * 64)
    places = {0: (changed,), 1: (moved,), 2: (gone,)}
    ask(place / "q.sqlite", out, "origin", [((name,), ["ai"]) for name in keep], places=places)
    done = apply_reviews(out, queue=place / "q.sqlite")
    assert done.document["not_applied"] == [
        {"reason": GONE, "documents": 1, "ids": ["nobody"]},
        {"reason": CHANGED, "documents": 1, "ids": [keep[0]]},
    ]
    assert [row["id"] for row in done.document["changes"]] == [keep[1]]  # it moved, and reads as it did


@pytest.mark.slow
def test_a_set_that_was_made_again_from_other_texts_says_that_answers_go_by_the_text(place: Path) -> None:
    out = place / "out"
    keep = chosen(out, 2, decision="keep", file="a.jsonl", cluster=None)
    ask(place / "q.sqlite", out, "origin", [((name,), ["ai"]) for name in keep])
    lines = (place / "corpus" / "a.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows = [row | {"text": "An altogether other letter."} if row["id"] == keep[0] else row for row in rows]
    (place / "corpus" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[::-1]))
    curate(place / "recipe.yaml", out=out)
    shutil.rmtree(out / "ledger" / "history")
    (out / "manifest.dsse.json").unlink()
    curate(place / "recipe.yaml", out=out)
    done = apply_reviews(out, queue=place / "q.sqlite")
    assert [row["id"] for row in done.document["changes"]] == [keep[1]]
    assert done.document["not_applied"][0]["documents"] == 1
    assert done.said[-3].startswith("The set was made again since the queue was")


def test_answers_lift_no_step_of_which_they_do_not_speak(place: Path) -> None:
    out = place / "out"
    copy = chosen(out, 1, step="exact-duplicates.v1")[0]
    ask(place / "q.sqlite", out, "origin", [((copy,), ["human"])])
    done = apply_reviews(out, queue=place / "q.sqlite")
    assert done.document["changed"]["restored"] == 0
    reason = "exact-duplicates.v1 took it out, of which the answer does not speak"
    assert f"Not applied to 1 document: {reason} ({copy})" in done.said
    assert ledger(out)[copy]["origin"] == "human"


def test_the_later_of_two_reviews_counts_and_the_earlier_stays_applied(place: Path) -> None:
    out = place / "out"
    names = chosen(out, 2, decision="keep", cluster=None)
    ask(place / "one.sqlite", out, "origin", [((name,), ["ai"]) for name in names])
    ask(place / "two.sqlite", out, "origin", [((names[0],), ["human"])])
    apply_reviews(out, queue=place / "one.sqlite")
    (place / "one.sqlite").unlink()  # its log is in the ledger
    done = apply_reviews(out, queue=place / "two.sqlite")
    after = ledger(out)
    assert [after[name]["decision"] for name in names] == ["keep", "drop"]
    assert done.document["not_applied"] == [
        {"reason": "a later review says otherwise", "documents": 1, "ids": [names[0]]}
    ]
    assert [path["file"] for path in read_manifest(out)["review"]] == [log_name(1), log_name(2)]
    third = apply_reviews(out, queue=place / "two.sqlite")
    assert set(third.document["changed"].values()) == {0}
    assert verify(out).ok


def test_a_queue_that_nobody_answered_decides_nothing_and_says_what_to_do(place: Path) -> None:
    out = place / "out"
    ask(place / "out-review.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), [])])
    done = apply_reviews(out, dry_run=True)
    assert set(done.document["changed"].values()) == {0}
    assert done.document["said"] == [
        f"No decision is settled yet, so nothing was decided. Answer first: wellkeeper review serve {out}"
    ]


@pytest.mark.slow
def test_it_says_how_later_runs_keep_it_and_nothing_once_they_do(place: Path) -> None:
    out = place / "out"
    ask(place / "out-review.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    done = apply_reviews(out)
    assert done.said[-2] == (
        "A later `wellkeeper curate recipe.yaml` would undo this. Add to the recipe: review: out-review.sqlite"
    )
    (place / "recipe.yaml").write_text(RECIPE + "review: out-review.sqlite\n")
    assert not any("would undo" in line for line in apply_reviews(out).said)
    told = read_seal(out).predicate
    curate(place / "recipe.yaml", out=out)
    assert read_seal(out).predicate == told


def test_a_signed_set_that_is_not_signed_again_is_told(place: Path) -> None:
    out, keys = place / "out", new_key_files(place / "team")
    curate(place / "recipe.yaml", out=out, key=keys.private)
    ask(place / "q.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    plain = apply_reviews(out, queue=place / "q.sqlite", dry_run=True)
    assert any(line.startswith("The set was signed by ") and line.endswith("--key.") for line in plain.said)
    signed = apply_reviews(out, queue=place / "q.sqlite", key=keys.private)
    assert not any("was signed by" in line for line in signed.said)
    assert verify(out, key=keys.public).ok


@pytest.mark.slow
def test_the_text_pass_is_not_made_again(place: Path) -> None:
    out = place / "out"
    curate(place / "recipe.yaml", out=out, fresh=True)  # the inputs were copied, and lie elsewhere now
    ask(place / "q.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    sidecars = {path: path.stat().st_mtime_ns for path in (out / ".work" / "sidecars").rglob("block-*")}
    apply_reviews(out, queue=place / "q.sqlite", dry_run=True)
    apply_reviews(out, queue=place / "q.sqlite")
    assert sidecars
    after = {path: path.stat().st_mtime_ns for path in (out / ".work" / "sidecars").rglob("block-*")}
    assert sidecars == after


KILLED = """
import os, signal, sys
import wellkeeper.recipe.output as output
setattr(output, sys.argv[3], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
from wellkeeper.recipe.reviewed import apply_reviews
apply_reviews(sys.argv[1], queue=sys.argv[2], workers=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["_write_ledger", "write_manifest", "seal"])
def test_a_run_that_was_killed_is_ended_by_the_same_command_and_still_tells_what_changed(
    place: Path, tmp_path: Path, step: str
) -> None:
    out, queue = place / "out", place / "q.sqlite"
    names = chosen(out, 2, decision="keep")
    ask(queue, out, "origin", [((name,), ["ai"]) for name in names])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(out), str(queue), step],
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert killed.returncode == -signal.SIGKILL
    assert not verify(out).ok
    planned = apply_reviews(out, queue=queue, dry_run=True)
    done = apply_reviews(out, queue=queue)
    assert {row["id"] for row in done.document["changes"]} == set(names)
    assert planned.document["changes"] == done.document["changes"]
    assert verify(out).problems == ()
    assert verify(out).checked["history"] == 1
    assert not list((out / ".work").glob("review-*"))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_what_cannot_be_applied_is_refused_before_anything_is_changed(place: Path, tmp_path: Path) -> None:
    out = place / "out"
    told = read_seal(out)
    with pytest.raises(InputError, match=r"is no folder\. Give the folder of a curated set\."):
        apply_reviews(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"has no review queue: .*wellkeeper review init"):
        apply_reviews(out)
    with pytest.raises(InputError, match=r"is not there\. Give the queue's file"):
        apply_reviews(out, queue=place / "none.sqlite")
    queue = ask(place / "q.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    (place / "recipe.yaml").write_text(RECIPE.replace("0.8", "0.7"))
    with pytest.raises(RecipeError, match=r"is not the recipe that .* was made by, or was changed since"):
        apply_reviews(out, queue=queue)
    (place / "recipe.yaml").rename(place / "moved.yaml")
    with pytest.raises(InputError, match=r"which is not there any more\. Give the recipe with --recipe\."):
        apply_reviews(out, queue=queue)
    (place / "moved.yaml").write_text(RECIPE)
    assert read_seal(out) == told
    assert apply_reviews(out, queue=queue, recipe=place / "moved.yaml").document["changed"]["dropped"] == 1


def test_a_vetted_set_is_vetted_again_instead(place: Path) -> None:
    (place / "out" / "gate.json").write_text("{}")
    ask(
        place / "out-review.sqlite",
        place / "out",
        "vet",
        [((chosen(place / "out", 1, decision="keep")[0],), ["wrong"])],
    )
    with pytest.raises(InputError, match=r"is a vetted set.*--format labels; see `wellkeeper vet`\."):
        apply_reviews(place / "out")


def test_a_queue_or_a_log_that_was_tampered_with_is_not_applied(place: Path, tmp_path: Path) -> None:
    out = place / "out"
    queue = ask(place / "q.sqlite", out, "origin", [((chosen(out, 1, decision="keep")[0],), ["ai"])])
    curate(place / "recipe.yaml", out=tmp_path / "one", review=queue)
    log = tmp_path / "one" / log_name(1)
    log.write_text(log.read_text().replace('"label": "ai"', '"label": "human"'))
    with pytest.raises(InputError, match=r"was tampered with: line 2 was changed after it was written\."):
        curate(place / "recipe.yaml", out=tmp_path / "two", review=log)
    assert not (tmp_path / "two").exists()
    with sqlite3.connect(queue) as database:
        database.execute("UPDATE log SET line = replace(line, '\"ai\"', '\"human\"') WHERE number = 2")
    with pytest.raises(InputError, match=r"is not what its log says: .*Do not apply it"):
        apply_reviews(out, queue=queue)


def test_a_queue_grows_and_the_next_apply_takes_what_is_new(place: Path) -> None:
    out = place / "out"
    names = chosen(out, 2, decision="keep", cluster=None)
    queue = ask(place / "out-review.sqlite", out, "origin", [((names[0],), ["ai"]), ((names[1],), [])])
    first = apply_reviews(out)
    assert [row["id"] for row in first.document["changes"]] == [names[0]]
    assert first.document["reviews"][0]["waiting"] == 1
    answer(queue, [[], ["mixed"]])
    second = apply_reviews(out)
    assert [row["id"] for row in second.document["changes"]] == [names[1]]
    assert second.document["changes"][0]["before"]["origin"] != "ai-assisted"
    assert verify(out).checked["history"] == 2
    assert isinstance(second, ReviewsApplied)
    assert repr(second) == "ReviewsApplied(1 origin)"


def test_people_move_the_odds_and_end_a_conflict() -> None:
    mask = np.array(
        [1 << BY_NAME["citation-marker"].bit, 1 << BY_NAME["credential-trusted-ai"].bit], np.uint64
    )
    columns = mask, np.full(2, Origin.HUMAN, np.uint8), np.full(2, NO_DATE, np.int64)
    marked = np.array([Origin.UNKNOWN, Origin.AI_GENERATED], np.uint8)
    *_, before = origin_of(*columns, prior=NEUTRAL, marked=marked)
    said = np.full(2, Origin.HUMAN, np.uint8)
    origin, odds, _, after = origin_of(*columns, prior=NEUTRAL, marked=marked, reviewed=said)
    assert origin.tolist() == [Origin.HUMAN, Origin.AI_GENERATED]  # a trusted signature outweighs readers
    assert (before.tolist(), after.tolist()) == ([True, True], [False, True])
    assert odds.tolist() == pytest.approx([3.0 - 2.5 - 2.5, 5.0 - 2.5 - 2.5], abs=1e-5)


def test_a_queue_is_checked_by_itself(place: Path) -> None:
    queue = ask(
        place / "q.sqlite",
        place / "out",
        "origin",
        [((chosen(place / "out", 1, decision="keep")[0],), ["ai"])],
    )
    found = verify_queue(queue)
    assert (found.problems, dict(found.checked)) == ((), {"items": 1, "log lines": 2})
    with sqlite3.connect(queue) as database:
        database.execute("UPDATE log SET line = replace(line, '\"ai\"', '\"human\"') WHERE number = 2")
    [problem, *_] = verify_queue(queue).problems
    assert (problem.code, problem.next) == ("queue", "Do not apply it: restore it from a copy.")
    with pytest.raises(InputError, match=r"A queue is not signed: the set is"):
        verify_queue(queue, key=place / "team.pub")
