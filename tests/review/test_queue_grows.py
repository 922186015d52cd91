"""A queue that is added to, and of whose answers the last counts: the log tells all of it, and the tables follow."""

import sqlite3

import pytest
from queue_files import NOW, make_queue

from wellkeeper.errors import InputError
from wellkeeper.ledger.review_log import asked_digest, asked_items
from wellkeeper.review.decisions import asked_in
from wellkeeper.review.item import Item, Place, Placed
from wellkeeper.review.queue import ReviewQueue


def one_more(name="more", row=7, *, text="One letter more."):
    place = Place(row=row, id=f"doc-{row}", content_hash=f"{row:064x}")
    return Placed(item=Item(id=name, texts=(text,), places=(place,)))


@pytest.fixture
def path(tmp_path):
    return make_queue(tmp_path, size=4)


def test_an_added_item_is_asked_last_and_the_log_says_what_is_asked_now(path):
    with ReviewQueue(path) as queue:
        number = queue.add(one_more(), now=NOW)
        assert (number, queue.item(number).item.id, queue.standing().items) == (5, "more", 5)
        assert queue.problems() == []
        log = list(queue.log())
        assert [entry.act for entry in log] == ["begin", "add"]
        assert (asked_items(log), asked_items(log[:1])) == (5, 4)
        assert asked_digest(log) != asked_digest(log[:1])
        shown = [queue.assign("alice", now=NOW)]
        for _ in range(4):
            queue.answer("alice", shown[-1].ticket, "ai", now=NOW)
            shown.append(queue.assign("alice", now=NOW))
        assert shown[-1].texts == ("One letter more.",)
        assert queue.problems() == []
    assert len(list(asked_in(path))) == 5


def test_an_item_about_the_same_text_is_there_already(path):
    with ReviewQueue(path) as queue:
        first = queue.add(one_more(), now=NOW)
        head = queue.head
        assert queue.add(one_more("again"), now=NOW) == first
        assert queue.head == head
        with pytest.raises(InputError, match="Two items of the queue are called more"):
            queue.add(one_more(row=8), now=NOW)
        assert (queue.head, queue.problems()) == (head, [])


def test_of_a_decision_the_last_stands_whoever_made_it(path):
    with ReviewQueue(path) as queue:
        queue.add(one_more(), now=NOW)
        assert [one.act for one in queue.decide("alice", 5, "ai", now=NOW)] == ["answer"]
        assert queue.decide("bob", 5, "ai", now=NOW) == ()
        back, said = queue.decide("bob", 5, "human", note="Known to me.", now=NOW)
        assert (back.act, back.reviewer, back.told["by"], said.reviewer) == ("undo", "alice", "bob", "bob")
        [outcome] = [one for one in queue.outcomes() if one.number == 5]
        assert (outcome.label, outcome.is_settled, outcome.is_conflict) == ("human", True, False)
        assert queue.decide("Bob", 5, "human", note="Known to me.", now=NOW) == ()
        assert queue.problems() == []
        assert (queue.standing("alice").mine, queue.standing("bob").mine) == (0, 1)


def test_answers_of_readers_in_front_of_whom_it_is_are_taken_back_too(path):
    with ReviewQueue(path) as queue:
        for name, label in (("alice", "ai"), ("bob", "human")):
            queue.take_in(name, [(queue.item(1).item.id, label, "", 1.0)], source="desk", now=NOW)
        lines = queue.decide("carol", 1, "mixed", now=NOW)
        assert [one.act for one in lines] == ["undo", "undo", "answer"]
        assert queue.problems() == []
        assert next(iter(queue.outcomes())).label == "mixed"


@pytest.mark.parametrize(
    ("number", "label", "note", "says"),
    [(9, "ai", "", "has no item 9"), (1, "maybe", "", "is no answer"), (1, "ai", "x" * 10_001, "Shorten it")],
)
def test_what_cannot_be_decided_leaves_no_line(path, number, label, note, says):
    with ReviewQueue(path) as queue:
        head = queue.head
        with pytest.raises(InputError, match=says):
            queue.decide("alice", number, label, note=note, now=NOW)
        assert queue.head == head


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM items WHERE number = 5", "the number of items is not what line 2 says"),
        ("UPDATE items SET id = 'other' WHERE number = 5", "an item, or its place, is not what line 2 says"),
        ("DELETE FROM log WHERE number = 2", "the number of items is not what line 1 says"),
    ],
)
def test_an_item_that_was_slipped_in_or_out_is_found(path, statement, says):
    with ReviewQueue(path) as queue:
        queue.add(one_more(), now=NOW)
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()
    with ReviewQueue(path) as queue:
        assert any(says in one for one in queue.problems())
