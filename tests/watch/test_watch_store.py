"""The file of a watch: weeks are whole or absent, and what is no watch is told."""

import sqlite3
from dataclasses import replace

import pytest

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, WorkError
from wellkeeper.suites.run import Answered
from wellkeeper.watch.monitor import measured, paired_outputs
from wellkeeper.watch.store import FILE, AnsweredBatch, Judgement, Look, WatchStore
from wellkeeper.watch.timeline import Fingerprint, Week

WEEK = Week(
    number=1,
    date="2026-01-05",
    version="v2",
    reason="schedule",
    items=2,
    answers=2,
    tokens=9,
    is_complete=True,
)
CHAT = [{"role": "user", "content": "Zwei & <zwei>?"}]


def batch(name, text, score, side="watched", number=0, prompt="?"):
    answered = Answered(
        name=name,
        prompt=prompt,
        outputs=(Output(text=text, finish="stop", tokens=3, logprobs=(-0.1,), seed=5),),
        scores=(score,),
        references=("4",),
        slices={"language": "de"},
    )
    return AnsweredBatch(side=side, batch=number, answered=answered, measured=measured(answered))


@pytest.fixture
def store(tmp_path):
    with WatchStore(tmp_path, begin=True) as opened:
        opened.keep_reference([], [], {"created": "2026-01-01"})
        yield opened


def test_a_week_is_kept_with_its_answers_and_judgements(store):
    batches = [batch("a", "4", 1.0, prompt=CHAT), batch("a", "5", None, "reference"), batch("b", "", 0.5)]
    store.complete_week(WEEK, batches, [Judgement(anchor="x", batch=0, score=None)], notes=["said"])
    assert store.weeks() == (WEEK,)
    assert store.notes() == {1: ["said"]}
    assert store.judgements() == {1: {("x", 0): None}}
    kept = store.measured()[1]
    assert kept["watched", 0]["a"].accuracy == 1.0
    assert kept["reference", 0]["a"].accuracy is None
    (answered,) = store.answers(1, "watched", "a")["a"]
    assert (answered.outputs[0].text, answered.outputs[0].seed, answered.prompt) == ("4", 5, CHAT)
    assert answered.outputs[0].logprobs is None
    (pair,) = paired_outputs(store, 1)
    assert (pair.prompt, pair.before, pair.after, pair.slices) == (
        "user: Zwei & <zwei>?",
        ("5",),
        ("4",),
        ("language=de",),
    )


def test_losses_come_first(store):
    both = [("a", 1.0, 1.0), ("b", 1.0, 0.0), ("c", 0.0, 1.0)]
    batches = [batch(name, "x", before, "reference") for name, before, _ in both]
    store.complete_week(WEEK, [*batches, *(batch(name, "y", after) for name, _, after in both)])
    assert [(pair.item, pair.change) for pair in paired_outputs(store, 1)] == [("b", -1), ("a", 0), ("c", 1)]


def test_a_week_that_fails_half_way_leaves_the_note_that_it_was_begun_and_no_more(store):
    store.begin_week(replace(WEEK, is_complete=False))

    def torn():
        yield batch("a", "4", 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.complete_week(WEEK, torn())
    (week,) = store.weeks()
    assert (week.is_complete, week.answers) == (False, 0)
    assert store.measured() == {}
    store.complete_week(WEEK, [batch("a", "4", 1.0)])
    with pytest.raises(
        WorkError, match=r"Another run has completed week 1 in the meantime. See it: wellkeeper watch"
    ):
        store.complete_week(WEEK, [batch("a", "4", 1.0)])


def test_a_week_begun_twice_keeps_its_first_note(store):
    first = store.begin_week(replace(WEEK, is_complete=False))
    assert store.begin_week(replace(WEEK, date="2026-02-02", reason="manual")) == first


def test_prompts_that_were_asked_are_known_by_what_they_say(store):
    store.complete_week(WEEK, [batch("a", "4", 1.0, prompt=CHAT), batch("b", "4", 1.0)])
    assert sorted(store.asked().values()) == [1, 1]
    assert store.slices() == {"a": {"language": "de"}, "b": {"language": "de"}}


def test_looks_renewals_and_notices_are_kept_in_order(store):
    told = Fingerprint(date="2026-01-02", distance=0.5, limit=0.1, changed=True, tokens=2)
    first = Look(era=0, is_reference=True, fingerprint=None, tokens=2, date="2026-01-01", seen=({"a": -0.1},))
    later = replace(first, is_reference=False, fingerprint=told, date="2026-01-02")
    store.keep_looks([first, later])
    assert store.looks() == (first, later)
    store.renew(3, date="2026-01-20", reason="rolled back")
    assert store.renewals() == ((3, "rolled back"),)
    store.set_notified([("accuracy", 1)], date="2026-01-05")
    store.set_notified([("accuracy", 1)], date="2026-01-06")
    assert store.notified() == {("accuracy", 1)}


def test_no_key_and_no_address_is_ever_in_the_file(store, tmp_path):
    store.complete_week(WEEK, [batch("a", "4", 1.0)])
    names = {
        row[1]
        for table in ("facts", "weeks", "looks")
        for row in store._database.rows(f"PRAGMA table_info({table})")
    }
    assert not names & {"key", "url", "webhook"}


# --- files that are none --------------------------------------------------------------------------------


def test_who_reads_does_not_wait_for_who_writes(store, tmp_path, monkeypatch):
    monkeypatch.setattr("wellkeeper.engine.database.PATIENCE", 0.0)
    writer = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO facts VALUES ('half', '1')")
    with WatchStore(tmp_path) as reader:
        assert reader.facts() == {"created": "2026-01-01"}
    writer.close()


def test_a_snapshot_is_of_one_moment(store, tmp_path):
    with WatchStore(tmp_path) as reader:
        with reader.snapshot():
            assert reader.weeks() == ()
            store.complete_week(WEEK, [batch("a", "4", 1.0)])
            assert (reader.weeks(), reader.measured()) == ((), {})
        assert reader.weeks() == (WEEK,)


def test_a_watch_is_begun_once(store, tmp_path):
    with pytest.raises(InputError, match=r"holds a watch already\. Go on with: wellkeeper watch run"):
        WatchStore(tmp_path, begin=True)


def test_a_watch_that_was_not_begun_to_its_end_is_none_and_can_be_begun_again(tmp_path):
    WatchStore(tmp_path, begin=True).close()
    with pytest.raises(
        InputError, match=r"holds no watch that was begun to the end\. Begin one: wellkeeper watch"
    ):
        WatchStore(tmp_path)
    WatchStore(tmp_path, begin=True).close()


def test_no_file_is_made_where_there_is_no_watch(tmp_path):
    with pytest.raises(InputError, match=r"holds no watch"):
        WatchStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_database_are_told(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match=r"is damaged, or no watch .*Restore it from a copy\."):
        WatchStore(tmp_path)


def test_a_database_of_something_else_or_of_a_newer_version_is_told(tmp_path, store):
    store.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(
        InputError, match=r"is a watch of version 9, and this is version 1. Upgrade wellkeeper"
    ):
        WatchStore(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA application_id = 1")
    with pytest.raises(InputError, match=r"is a database of something else. Give the folder of a watch"):
        WatchStore(tmp_path)
