"""What people said, as decisions: from the log and nothing else."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_files import make_queue

from wellkeeper.errors import InputError
from wellkeeper.ledger.review_log import Asked, Held, parsed_item
from wellkeeper.review.decisions import SPEAKS_OF, asked_in, speaks_of, verdicts_of
from wellkeeper.review.question import DESPITE_RIGHTS, KINDS, QUESTIONS
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.review.trail import START, chained


def log_of(kind, said, *, third=True):
    """A log: (act, reviewer, told) each, behind a first line."""
    question = QUESTIONS[kind].to_json()
    entries = [
        chained(
            START,
            number=1,
            act="begin",
            at="2026-11-22T10:00:00+00:00",
            reviewer="",
            told={"question": question, "settings": {"third_reader": third}},
        )
    ]
    for act, reviewer, told in said:
        entries.append(
            chained(
                entries[-1].hash,
                number=len(entries) + 1,
                act=act,
                at="2026-11-22T10:01:00+00:00",
                reviewer=reviewer,
                told=told,
            )
        )
    return entries


def said(reviewer, label, item="a", *, turn=1):
    return "answer", reviewer, {"item": item, "label": label, "turn": turn, "note": "", "seconds": 1.0}


def held(row):
    return Held(row, f"doc-{row}", hashlib.sha256(bytes([row])).hexdigest())


def asked(item="a", *rows, readers=1, gold=False):
    return Asked(number=1, id=item, places=tuple(map(held, rows or (1,))), gold=gold, readers=readers)


def test_a_settled_answer_decides_and_names_who_said_it_and_where() -> None:
    log = log_of("origin", [said("alice", "ai"), said("bob", "human"), said("carol", "ai")])
    found = verdicts_of([asked(readers=2)], log)
    [one] = found.decided
    assert (one.keep, one.origin, one.label) == ("drop", "ai-generated", "ai")
    assert (one.reviewers, one.entries) == (("alice", "carol"), (2, 3, 4))
    assert (one.place.id, one.survivor, one.other) == ("doc-1", None, None)
    assert (found.settled, found.conflicts, found.waiting) == (1, 0, 0)


@pytest.mark.parametrize(
    ("answers", "readers", "counts"),
    [
        ([], 1, (0, 0, 1)),
        ([said("alice", "ai")], 2, (0, 0, 1)),
        ([said("alice", "ai"), said("bob", "human")], 2, (0, 1, 0)),
        ([said("alice", "ai"), said("bob", "human"), said("carol", "mixed")], 2, (0, 1, 0)),
        ([said("alice", "unsure"), said("bob", "unsure")], 2, (1, 0, 0)),
    ],
)
def test_what_readers_do_not_agree_on_is_counted_and_decides_nothing(answers, readers, counts) -> None:
    found = verdicts_of([asked(readers=readers)], log_of("origin", answers))
    assert found.decided == ()
    assert (found.settled, found.conflicts, found.waiting) == counts


def test_gold_second_looks_and_answers_taken_back_decide_nothing() -> None:
    first = said("alice", "ai")
    undone = ("undo", "alice", {"entry": 2, "item": "a"})
    assert verdicts_of([asked(gold=True)], log_of("origin", [first])).decided == ()
    assert verdicts_of([asked()], log_of("origin", [said("alice", "ai", turn=2)])).decided == ()
    assert verdicts_of([asked()], log_of("origin", [first, undone])).decided == ()
    again = verdicts_of([asked()], log_of("origin", [first, undone, said("alice", "human")]))
    assert [(one.label, one.entries) for one in again.decided] == [("human", (4,))]


@pytest.mark.parametrize(
    ("label", "fates"),
    [
        ("same-first", {"doc-1": ("keep", None), "doc-2": ("drop", "doc-1")}),
        ("same-second", {"doc-2": ("keep", None), "doc-1": ("drop", "doc-2")}),
        ("different", {"doc-1": ("keep", None), "doc-2": ("keep", None)}),
        ("same", {}),
        ("unsure", {}),
    ],
)
def test_of_a_pair_the_label_says_which_document_stays_as_they_were_shown(label, fates) -> None:
    found = verdicts_of([asked("a", 1, 2)], log_of("duplicates", [said("alice", label)]))
    assert {
        one.place.id: (one.keep, None if one.survivor is None else one.survivor.id) for one in found.decided
    } == fates
    assert found.silent == (not fates)
    assert [one.keep for one in found.decided[:1]] == (["keep"] if fates else [])


def test_what_a_label_does_is_what_the_queue_said_and_not_what_this_version_would() -> None:
    log = log_of("origin", [said("alice", "ai")])
    question = QUESTIONS["origin"].with_effects({"ai": "keep", "mixed": "drop"}).to_json()
    log[0] = chained(START, number=1, act="begin", at="", reviewer="", told={"question": question})
    assert [one.keep for one in verdicts_of([asked()], log).decided] == ["keep"]


def test_items_about_no_document_are_counted_apart() -> None:
    one = Asked(number=1, id="a", places=(), gold=False, readers=1)
    found = verdicts_of([one], log_of("vet", [said("alice", "wrong")]))
    assert (found.decided, found.without) == ((), 1)


def test_a_log_that_does_not_say_what_was_asked_is_refused_with_what_to_do() -> None:
    log = [chained(START, number=1, act="begin", at="", reviewer="", told={})]
    with pytest.raises(InputError, match=r"does not tell what was asked .* Export it again"):
        verdicts_of([asked()], log)


def test_an_answer_speaks_of_the_steps_that_asked_its_question_and_of_no_other() -> None:
    assert set(SPEAKS_OF) == set(KINDS)
    assert speaks_of("origin", "artefacts.v1")
    assert speaks_of("conflicts", "origin.v2")
    assert speaks_of("duplicates", "near-duplicates.v1")
    for step in ("rights.v1", "decontaminate.v1", "quality.v1", "against", "mix", "review", ""):
        assert not any(speaks_of(kind, step) for kind in KINDS)


def test_a_steward_speaks_of_every_step_and_of_rights_in_so_many_words() -> None:
    for step in ("quality.v1", "exact-duplicates.v1", "decontaminate.v2", "origin.v1", "against"):
        assert speaks_of("documents", step, label="keep")
    assert not speaks_of("documents", "rights.v1", label="keep")
    assert speaks_of("documents", "rights.v1", label=DESPITE_RIGHTS)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["ai", "human"])), max_size=12), st.randoms()
)
def test_the_order_in_which_items_are_listed_changes_no_decision(answers, rng: random.Random) -> None:
    names = {(item, number) for number, (item, _) in enumerate(answers)}
    log = log_of(
        "origin", [said(f"reader {number}", label, item) for number, (item, label) in enumerate(answers)]
    )
    items = [asked(item, row) for row, item in enumerate(sorted({item for item, _ in names}), 1)]
    shuffled = rng.sample(items, len(items))
    assert verdicts_of(items, log) == verdicts_of(shuffled, log)


@pytest.mark.parametrize("kind", ["origin", "duplicates"])
def test_decisions_from_the_log_are_those_of_the_queue_itself(tmp_path, kind) -> None:
    path = make_queue(tmp_path, kind=kind, size=16, overlap=6, repeated=4, gold=2)
    labels = [label.name for label in QUESTIONS[kind].labels]
    rng = random.Random(7)
    with ReviewQueue(path) as queue:
        for _ in range(60):
            reader = rng.choice(["alice", "bob", "carol"])
            shown = queue.assign(reader)
            if shown is None:
                continue
            queue.answer(reader, shown.ticket, rng.choice(labels))
            if rng.random() < 0.2:
                queue.undo(reader)
        log = list(queue.log())
        found, digest = verdicts_of(map(parsed_item, asked_in(path)), log), log[0].told["digest"]
        settled = {one.item: one for one in queue.outcomes() if one.is_settled}
    assert hashlib.sha256("".join(f"{line}\n" for line in asked_in(path)).encode()).hexdigest() == digest
    assert found.settled == len(settled) > 3
    assert {one.item for one in found.decided} == {
        item
        for item, outcome in settled.items()
        if queue.question.label(outcome.label).keep
        or (kind == "origin" and queue.question.label(outcome.label).origin)
    }
    assert all(one.label == settled[one.item].label for one in found.decided)
