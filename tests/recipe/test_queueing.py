"""`make_queue`: the kind is guessed, the same result makes the same queue, and what cannot be asked is told."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from curated_sets import GERMAN, texts

from wellkeeper.engine.store import sha256_of_file
from wellkeeper.errors import InputError
from wellkeeper.recipe.audit import audit
from wellkeeper.recipe.queueing import SCHEMA, make_queue
from wellkeeper.review.queue import ReviewQueue

REPOSITORY = Path(__file__).parents[2]
RUNS = REPOSITORY / "examples" / "runs"


@pytest.fixture
def out(curated_set):
    return curated_set


def placed(path):
    with ReviewQueue(path) as queue:
        return [one for _, one in queue.items()]


# --- what it makes ------------------------------------------------------------------------------------------------


def test_a_queue_lies_beside_the_result_and_leaves_it_as_it_was(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    before = {path: sha256_of_file(path) for path in sorted(copy.rglob("*")) if path.is_file()}
    made = make_queue(copy, size=20)
    assert made.path == tmp_path / "out-review.sqlite"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-review.sqlite"]
    assert {path: sha256_of_file(path) for path in sorted(copy.rglob("*")) if path.is_file()} == before


def test_the_document_counts_what_the_queue_has(out, tmp_path):
    made = make_queue(out, size=50, queue=tmp_path / "q.sqlite")
    items = placed(made.path)
    assert made.document["schema"] == SCHEMA
    assert made.document["items"] == {
        "all": 50, "random": 10, "by_value": 40, "gold": 0, "overlap": 5, "repeated": 4,
    }  # fmt: skip
    assert [one.rank for one in items if one.rank is not None] == list(range(10))
    assert sum(one.readers == 2 for one in items) == 5
    assert sum(one.repeated for one in items) == 4
    assert made.said == (
        f"50 items in {made.path}: 10 drawn by lot, 40 by what a label is worth; 5 for two readers, 4 shown twice.",
        "All documents of the set, kept and dropped, that have a text.",
        f"Next: wellkeeper review serve {made.path}",
    )
    assert json.loads(json.dumps(made.document)) == made.to_json()
    with ReviewQueue(made.path) as queue:
        assert queue.problems() == []
        assert queue.pool.items == queue.pool.scored == 64
        assert queue.pool.score_sum == pytest.approx(64 * made.document["pool"]["mean_score"])


def test_the_queue_says_where_it_is_from(out, tmp_path):
    make_queue(
        out, size=5, queue=tmp_path / "q.sqlite", lease_seconds=60, repeat_after=3, third_reader=False, seed=4
    )
    with ReviewQueue(tmp_path / "q.sqlite") as queue:
        about, settings = queue.about, queue.settings
    assert about["from"] == "origin"
    assert about["folder"] == str(out)
    assert about["seal"] == sha256_of_file(out / "manifest.dsse.json")
    assert (settings.lease_seconds, settings.repeat_after, settings.third_reader, settings.seed) == (
        60,
        3,
        False,
        4,
    )


def test_the_same_result_and_seed_make_the_same_queue_and_another_seed_another(out, tmp_path):
    queues = [
        [(one.item.id, one.rank, one.readers, one.repeated) for one in placed(
            make_queue(out, size=30, seed=seed, queue=tmp_path / f"{at}.sqlite").path
        )]
        for at, seed in enumerate((0, 0, 1))
    ]  # fmt: skip
    assert queues[0] == queues[1] != queues[2]


def test_a_size_beyond_the_pool_takes_all_and_says_so(out, tmp_path):
    made = make_queue(out, size=500, queue=tmp_path / "q.sqlite")
    assert {one.item.id for one in placed(made.path)} >= texts().keys()
    assert made.document["items"]["all"] == 64
    assert "500 were asked for: these are all there are." in made.said


def test_texts_and_marks_reach_the_queue_whole(out, tmp_path):
    items = {one.item.id: one.item for one in placed(make_queue(out, queue=tmp_path / "q.sqlite").path)}
    torn = items["torn"]
    assert torn.texts[0] == texts()["torn"]
    assert torn.texts[0].startswith(GERMAN)
    (mark,) = torn.hidden.marks
    assert torn.texts[0][mark.start :].startswith("As an AI")


# --- kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "items", "asks"),
    [
        ("origin", 20, "Who wrote this?"),
        ("conflicts", 1, "Evidence disagrees about this text. Who wrote it?"),
        ("duplicates", 6, "Are these two the same text?"),
    ],
)
def test_a_curated_set_may_be_asked_about_in_three_ways(out, tmp_path, kind, items, asks):
    made = make_queue(out, kind=kind, size=20, queue=tmp_path / "q.sqlite")
    assert made.document["items"]["all"] == items
    with ReviewQueue(made.path) as queue:
        assert (queue.question.kind, queue.question.asks) == (kind, asks)
        assert queue.assign("ann").texts


def test_the_kind_is_told_by_the_result(out, tmp_path):
    drawn = tmp_path / "drawn.jsonl"
    drawn.write_text('{"id": "a", "text": "b", "label": null}\n')
    assert make_queue(out, queue=tmp_path / "1.sqlite").document["kind"] == "origin"
    made = make_queue(drawn)
    assert (made.document["kind"], made.path) == ("vet", tmp_path / "drawn-review.sqlite")
    assert made.said[-1] == f"Next: wellkeeper review serve {made.path}"
    assert drawn.read_text().startswith('{"id"')
    compared = make_queue(RUNS / "march", kind="compare", other=RUNS / "april", queue=tmp_path / "2.sqlite")
    assert compared.document["about"]["second"] == "april"


def test_one_run_alone_asks_for_the_other(out):
    with pytest.raises(InputError, match="wellkeeper review init RUN_A --against RUN_B"):
        make_queue(RUNS / "march")
    with pytest.raises(InputError, match="A second run goes with --from compare, and this asks about origin"):
        make_queue(out, other=RUNS / "march")


def test_the_report_of_a_comparison_has_no_answers_and_says_what_has(tmp_path):
    (tmp_path / "report.json").write_text('{"schema": "wellkeeper.compare-runs/1"}')
    with pytest.raises(InputError, match="--against RUN_B"):
        make_queue(tmp_path)


def test_what_is_no_result_is_refused_with_what_is_one(tmp_path):
    with pytest.raises(InputError, match=r"none does not exist. Give the folder that `wellkeeper curate`"):
        make_queue(tmp_path / "none")
    with pytest.raises(InputError, match="holds nothing that people can be asked about"):
        make_queue(tmp_path)
    with pytest.raises(InputError, match=r"no kind of queue called orgin. Did you mean origin"):
        make_queue(tmp_path, kind="orgin")


def test_a_result_with_nothing_to_ask_about_says_so_and_makes_no_file(plain_set, tmp_path):
    with pytest.raises(InputError) as error:
        make_queue(plain_set, kind="conflicts", queue=tmp_path / "q.sqlite")
    assert str(error.value) == (
        f"{plain_set} has nothing to ask about. No document of the set, kept or dropped, with evidence for a model and for "
        "a person. Ask of another result, or about something else with --from."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_queue_that_is_there_is_never_replaced(out, tmp_path):
    path = make_queue(out, size=3, queue=tmp_path / "q.sqlite").path
    before = sha256_of_file(path)
    with pytest.raises(InputError, match="is there already"):
        make_queue(out, size=4, queue=path)
    assert sha256_of_file(path) == before


# --- gold, effects, guidelines ------------------------------------------------------------------------------------


def gold(tmp_path, *entries):
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def test_gold_by_id_and_by_text_is_mixed_in_and_of_no_pool(out, tmp_path):
    known = [{"id": "old-3", "label": "human"}] + [{"text": f"text {k}", "label": "ai"} for k in range(9)]
    made = make_queue(out, size=40, gold=gold(tmp_path, *known), gold_share=0.2, queue=tmp_path / "q.sqlite")
    items = placed(made.path)
    found = {one.item.texts[0]: one.item.gold for one in items if one.item.gold}
    assert made.document["items"]["gold"] == len(found) == 8
    assert found.keys() <= {texts()["old-3"], *(f"text {k}" for k in range(9))}
    assert all(one.rank is None and one.readers == 1 and not one.repeated for one in items if one.item.gold)
    assert not [one for one in items if one.item.id == "old-3" and not one.item.gold]
    with ReviewQueue(made.path) as queue:
        assert queue.pool.items == 63
        assert queue.about["gold_of_pool"] == "1"


def test_gold_of_the_result_counts_as_its_label_in_an_audit_of_what_the_set_was_made_from(out, tmp_path):
    known = [{"id": f"made-{k}", "label": "ai"} for k in range(5)] + [{"id": "old-3", "label": "human"}]
    path = make_queue(out, gold=gold(tmp_path, *known), gold_share=0.05, queue=tmp_path / "q.sqlite").path
    with ReviewQueue(path) as queue:
        assert (queue.pool.items, queue.about["gold_of_pool"]) == (58, "6")
        said = [(one.item.id, one.item.places[0].id) for _, one in queue.items() if not one.item.gold]
        labels = [(name, "ai" if of.startswith("made") else "human", "", 1.0) for name, of in said]
        queue.take_in("ann", labels, source="truth")
    corpus = [str(out.parent / name) for name in ("web.jsonl", "old.jsonl")]
    share = audit(corpus, reviewed=path, out=tmp_path / "audit", workers=1).to_json()["origin"]["share"]
    assert share["estimate"] == share["low"] == share["high"] == pytest.approx(8 / 64)
    assert share["labels"] == 58
    assert "of 64. 6 more are gold, and count as their label says. " in share["note"]
    with pytest.raises(InputError, match="stand for 64 documents, and these are 44"):
        audit(corpus[:1], reviewed=path, out=tmp_path / "other", workers=1)


def test_too_little_gold_is_said(out, tmp_path):
    path = gold(tmp_path, {"id": "old-3", "label": "human"})
    made = make_queue(out, size=40, gold=path, queue=tmp_path / "q.sqlite")
    assert "Of known label, on top of them: 1." in made.said
    assert f"{path} has no more; 2 were wanted. Add some to tell sooner whether readers drift." in made.said


def test_gold_that_is_not_of_the_result_is_told_by_its_line(out, tmp_path):
    path = gold(tmp_path, {"id": "old-99", "label": "human"})
    with pytest.raises(InputError, match=r"line 1: the result has no old-99. Did you mean old-9"):
        make_queue(out, gold=path, queue=tmp_path / "q.sqlite")


def test_a_pool_of_nothing_but_gold_is_refused(tmp_path):
    (tmp_path / "made.jsonl").write_text('{"id": "a", "text": "b"}\n')
    path = gold(tmp_path, {"id": "a", "label": "right"})
    with pytest.raises(InputError, match="All items of the result are gold"):
        make_queue(tmp_path / "made.jsonl", gold=path)


def test_effects_and_guidelines_are_those_that_were_given(out, tmp_path):
    (tmp_path / "ours.txt").write_bytes(b"\xef\xbb\xbfFirst rule.\r\n\r\nSecond rule: \xc3\x84.\n")
    make_queue(
        out, effects={"mixed": "drop"}, guidelines=tmp_path / "ours.txt", size=3, queue=tmp_path / "q.sqlite"
    )
    with ReviewQueue(tmp_path / "q.sqlite") as queue:
        assert queue.question.label("mixed").keep == "drop"
        assert queue.question.guidelines == "First rule.\n\nSecond rule: Ä."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfeA", "is not UTF-8 at byte 0. Save it as plain text in UTF-8."),
        (b" \n", "is empty. Write what readers are to go by"),
        (b"a" * 100_001, "has 100,001 bytes, and a reader can look up 100,000. Shorten it."),
    ],
)
def test_guidelines_that_cannot_be_shown_are_refused(out, tmp_path, data, said):
    (tmp_path / "ours.txt").write_bytes(data)
    with pytest.raises(InputError) as error:
        make_queue(out, guidelines=tmp_path / "ours.txt", queue=tmp_path / "q.sqlite")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "share", [{"repeats": 0.21}, {"overlap": -1}, {"random_share": 2}, {"gold_share": 0.9}]
)
def test_shares_out_of_their_range_are_refused_before_anything_is_read(tmp_path, share):
    with pytest.raises(InputError, match="Give a number in that range"):
        make_queue(tmp_path / "none", **share)


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_kill_while_texts_are_read_leaves_no_queue_and_the_same_command_makes_it(out, tmp_path):
    code = f"""
import os, signal
from wellkeeper.recipe import queueing
def stop(progress):
    if progress.done == 0:
        os.kill(os.getpid(), signal.SIGKILL)
queueing.make_queue({str(out)!r}, size=20, queue={str(tmp_path / "q.sqlite")!r}, listener=stop)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert done.returncode == -9
    assert not (tmp_path / "q.sqlite").exists()
    assert make_queue(out, size=20, queue=tmp_path / "q.sqlite").document["items"]["all"] == 20


def test_items_are_read_while_they_are_written_and_told_of(out, tmp_path):
    seen = []
    made = make_queue(out, size=20, queue=tmp_path / "q.sqlite", listener=seen.append)
    assert (seen[0].done, seen[0].total, seen[0].unit) == (0, 20, "items")
    assert seen[-1].done == 20
    assert replace(seen[0], done=20) == seen[-1]
    assert "MadeQueue(origin: 20 items" in repr(made)
