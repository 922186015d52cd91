"""Our own lines, and what every file is held against: nothing hidden goes out, nothing wrong comes in."""

import json
from pathlib import Path

import pytest
from answered_queues import ALICE, BOB, answered, said_in
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_files import NOW, make_queue

from wellkeeper.errors import InputError
from wellkeeper.review.exchange import (
    Told,
    checked,
    json_line,
    line_of,
    name_of,
    read_lines,
    reviewed,
    shown_of,
    storable,
)
from wellkeeper.review.item import Hidden, Item, Placed, Settings, pool_of
from wellkeeper.review.question import KINDS, QUESTIONS
from wellkeeper.review.queue import ReviewQueue

FILE = Path("answers.jsonl")


def lines(path, **options):
    with ReviewQueue(path) as queue:
        return b"".join(json_line(line_of(one, **options)) for one in reviewed(queue))


def take_in(path, data, **options):
    """What is left of a file after it was taken in."""
    with ReviewQueue(path) as queue:
        found = checked(queue, read_lines(data, FILE).answers, **options)
        for who, entries in found.entries.items():
            queue.take_in(who, entries, source="jsonl: answers.jsonl", now=NOW)
        assert queue.problems() == []
        return found


# --- out ----------------------------------------------------------------------------------------------------------


def test_a_line_has_texts_places_the_settled_label_and_every_answer(tmp_path):
    path = answered(tmp_path, readers=(ALICE,), each=2)
    first, second, third = (json.loads(line) for line in lines(path).splitlines()[:3])
    assert first["id"] == "item-0"
    assert first["label"] == "human"
    assert first["places"][0]["id"] == "doc-0"
    assert first["facts"] == {"row": "0"}
    assert second["answers"] == [
        {
            "reviewer": ALICE,
            "label": "ai",
            "note": "since 1 – “so”",
            "seconds": 1.5,
            "at": second["answers"][0]["at"],
            "turn": 1,
        }
    ]
    assert (third["label"], third["answers"], third["conflict"]) == (None, [], False)


def test_a_dispute_has_no_label_and_is_told(tmp_path):
    path = make_queue(tmp_path, size=3, overlap=3, third_reader=False)
    with ReviewQueue(path) as queue:
        for who, label in ((ALICE, "human"), (BOB, "ai")):
            queue.answer(who, queue.assign(who, now=NOW).ticket, label, now=NOW)
    first = json.loads(lines(path).splitlines()[0])
    assert (first["label"], first["conflict"], len(first["answers"])) == (None, True, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_hidden_goes_out_only_where_it_is_asked_for(tmp_path, kind):
    path = answered(tmp_path, kind, gold=2)
    plain = lines(path)
    for secret in (b"forum-", b"a phrase that models like", b'"score"', b'"gold"', b'"rank"', b'"value"'):
        assert secret not in plain
    hidden = json.loads(lines(path, with_hidden=True).splitlines()[-1])["hidden"]
    assert hidden["gold"] in [label.name for label in QUESTIONS[kind].labels]
    assert hidden["facts"]["source"].startswith("forum-")
    assert hidden["marks"][0]["says"] == "a phrase that models like"


def test_the_name_in_another_tool_tells_nothing_of_the_id():
    names = {name_of(Item(id=f"forum/{at}", texts=("a",))) for at in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == 20 and int(name, 16) >= 0 for name in names)


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_all_first_looks_come_back_into_an_empty_queue(tmp_path, kind):
    path = answered(tmp_path, kind, overlap=4, repeated=3, repeat_after=2, gold=2)
    empty = make_queue(tmp_path, kind, overlap=4, repeated=3, gold=2, name="empty.sqlite")
    found = take_in(empty, lines(path, with_hidden=True))
    assert found.problems == ()
    assert said_in(empty) == said_in(path)


def test_the_same_file_again_adds_nothing(tmp_path):
    path = answered(tmp_path)
    empty = make_queue(tmp_path, name="empty.sqlite")
    data = lines(path)
    first = take_in(empty, data)
    with ReviewQueue(empty) as queue:
        head = queue.head
    again = take_in(empty, data)
    assert (again.entries, again.known) == ({}, sum(map(len, first.entries.values())))
    with ReviewQueue(empty) as queue:
        assert queue.head == head


def test_second_looks_are_counted_and_not_taken_in(tmp_path):
    path = answered(tmp_path, size=4, readers=(ALICE,), each=9, repeated=2, repeat_after=1)
    read = read_lines(lines(path), FILE)
    assert len(read.answers) == 4
    assert read.passed_over["second looks"] == 2


words = st.text(max_size=40)  # any character, and halves of surrogate pairs too
texts = st.text(st.characters(exclude_categories=()), max_size=40)
answers = st.builds(
    lambda item, label, who, note, seconds: (item, label, who, note, seconds),
    st.integers(0, 3),
    st.sampled_from([label.name for label in QUESTIONS["duplicates"].labels]),
    st.sampled_from(["alice", "Bé", "c@example.com"]),
    words,
    st.floats(0, 86_400),
)


@settings(max_examples=20)  # each writes two queues to the disk
@given(
    st.lists(st.tuples(texts, texts), min_size=4, max_size=4),
    texts,
    st.lists(answers, max_size=8, unique_by=lambda one: (one[0], one[2])),
)
def test_whatever_is_written_is_read_as_it_was(tmp_path_factory, pairs, prompt, given_answers):
    folder = tmp_path_factory.mktemp("queues")
    items = [Item(id=f"{at}\u2028{at}", texts=pair, prompt=prompt) for at, pair in enumerate(pairs)]

    def queue_of(name):
        ReviewQueue.create(
            folder / name,
            question=QUESTIONS["duplicates"],
            placed=[Placed(item=item) for item in items],
            pool=pool_of([None] * len(items)),
            settings=Settings(),
            about={"from": "duplicates"},
        )
        return folder / name

    first, second = queue_of("first.sqlite"), queue_of("second.sqlite")
    with ReviewQueue(first) as queue:
        for at, label, who, note, seconds in given_answers:
            queue.take_in(who, [(items[at].id, label, note, seconds)], source="test")
    found = take_in(second, lines(first))
    assert found.problems == ()
    assert said_in(second) == said_in(first)


@given(texts)
def test_what_a_database_can_hold_is_shown_as_the_same(text):
    kept = storable(text)
    assert storable(kept) == kept
    assert len(kept) == len(text)
    assert "\0" not in kept
    kept.encode()  # no half pair is left
    assert shown_of([text], text) == shown_of([kept], kept)


# --- by hand ------------------------------------------------------------------------------------------------------


def test_a_line_filled_in_by_hand_needs_an_id_and_a_label_alone(tmp_path):
    path = make_queue(tmp_path, size=4)
    data = (
        b'{"id": "item-0", "label": "human"}\n\n'
        b'{"id": "item-1", "label": "A model", "reviewer": "bob", "note": "lists", "seconds": 7}\n'
        b'{"id": "item-2", "label": null}\n'
    )
    found = take_in(path, data, reviewer="carol")
    assert found.problems == ()
    assert said_in(path) == {
        ("carol", "item-0", "human", "", 0.0),
        ("bob", "item-1", "ai", "lists", 7.0),
    }
    assert read_lines(data, FILE).passed_over == {"without an answer": 1}


def test_the_log_says_where_an_answer_came_from(tmp_path):
    path = make_queue(tmp_path, size=2)
    take_in(path, b'{"id": "item-1", "label": "ai", "reviewer": "bob"}')
    with ReviewQueue(path) as queue:
        line = list(queue.log())[-1]
    assert (line.act, line.reviewer, line.told["source"]) == ("import", "bob", "jsonl: answers.jsonl")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            {"id": "item-99", "label": "ai", "reviewer": "bob"},
            "line 1: there is no item item-99 in this queue. Name the queue that the file was exported from.",
        ),
        (
            {"id": "item-1", "label": "humann", "reviewer": "bob"},
            "line 1: humann is no answer here. Did you mean human? Answers are human, ai, mixed, unsure.",
        ),
        (
            {"id": "item-1", "label": "ai", "reviewer": "bob", "texts": ["Another text."]},
            "line 1: another text was labelled as item-1 than the queue asks about. Export the queue anew.",
        ),
        (
            {"id": "item-1", "label": "ai"},
            "line 1: nobody is named who said ai of item-1. Name them with --reviewer NAME.",
        ),
        (
            {"id": "item-1", "label": "ai", "reviewer": "a\tb"},
            "line 1: 'a\\tb' is no name of a reader. Give them another: --reviewer a\tb=NAME.",
        ),
        (
            {"id": "item-1", "label": "ai", "reviewer": "bob", "note": "x" * 10_001},
            "line 1: the note has 10,001 characters. Shorten it to 10,000.",
        ),
    ],
)
def test_what_cannot_be_taken_in_is_told_by_its_line(tmp_path, line, problem):
    path = make_queue(tmp_path, size=4)
    found = take_in(path, json.dumps(line).encode())
    assert found.problems == (problem,)
    assert said_in(path) == set()


def test_a_reader_who_says_two_things_is_told_of_and_the_first_stands(tmp_path):
    path = make_queue(tmp_path, size=4)
    take_in(path, b'{"id": "item-0", "label": "ai", "reviewer": "bob"}')
    found = take_in(
        path,
        b'{"id": "item-0", "label": "human", "reviewer": "bob"}\n'
        b'{"id": "item-1", "label": "human", "reviewer": "bob"}\n'
        b'{"id": "item-1", "label": "human", "reviewer": "bob"}\n'
        b'{"id": "item-1", "label": "ai", "reviewer": "bob"}\n',
    )
    assert found.known == 1
    assert found.problems == (
        "line 1: bob says human of item-0, and the queue has ai by bob. Keep one of the two.",
        "line 4: bob says ai of item-1, and this file too has human by bob. Keep one of the two.",
    )
    assert {label for _, _, label, _, _ in said_in(path)} == {"ai", "human"}


def test_one_reader_under_two_spellings_does_not_say_two_things_unseen(tmp_path):
    path = make_queue(tmp_path, size=4)
    take_in(path, '{"id": "item-0", "label": "ai", "reviewer": "Zoë"}'.encode())
    found = take_in(
        path,
        b'{"id": "item-0", "label": "human", "reviewer": "ZO\\u00cb"}\n'
        b'{"id": "item-0", "label": "ai", "reviewer": "Zoe\\u0308"}\n'
        b'{"id": "item-1", "label": "ai", "reviewer": "Bob  Lee"}\n'
        b'{"id": "item-1", "label": "human", "reviewer": "bob lee"}\n',
    )
    assert found.known == 1
    assert found.problems == (
        "line 1: Zoë says human of item-0, and the queue has ai by Zoë. Keep one of the two.",
        "line 4: Bob  Lee says human of item-1, and this file too has ai by Bob  Lee. Keep one of the two.",
    )
    assert {(who, label) for who, _, label, _, _ in said_in(path)} == {("Zoë", "ai"), ("Bob Lee", "ai")}


def test_readers_are_called_what_they_are_called_here(tmp_path):
    path = make_queue(tmp_path, size=4)
    told = [
        Told(place="a", item="item-0", label="ai", reviewer="label-studio:5"),
        Told(place="b", item="item-1", label="ai", reviewer="carol@example.com"),
        Told(place="c", item="item-2", label="ai", reviewer="dan"),
    ]
    with ReviewQueue(path) as queue:
        found = checked(queue, told, reviewer="eve", names={"5": "alice", "carol@example.com": "carol"})
    assert sorted(found.entries) == ["alice", "carol", "dan"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"id": "item-0", "label": "ai"', "answers.jsonl, line 1: this is no JSON"),
        (b"\xff\xfe", "answers.jsonl, line 1: this is no JSON"),
        (
            b'{"id": "item-0", "label": "ai"}\n[1]',
            "answers.jsonl, line 2: this is no answered item (AttributeError",
        ),
        (b'{"label": "ai"}', "answers.jsonl, line 1: this is no answered item (KeyError: 'id')"),
        (
            b'{"id": "item-0", "label": 1}',
            "line 1: this is no answered item (TypeError: label is 1 and no text)",
        ),
        (b'{"id": "item-0", "texts": "a"}', "line 1: this is no answered item (TypeError: texts is no list)"),
        (b'{"id": "item-0", "answers": ["ai"]}', "line 1: this is no answered item (AttributeError"),
    ],
)
def test_a_line_that_is_something_else_is_refused_by_its_number(data, message):
    with pytest.raises(InputError) as raised:
        read_lines(data, FILE)
    assert message in str(raised.value)
    assert "review export" in str(raised.value)


@pytest.mark.parametrize("seconds", [None, "7", True, -1, float("nan"), 1e400, 10**400])
def test_odd_seconds_are_none(tmp_path, seconds):
    path = make_queue(tmp_path, size=2)
    take_in(path, json.dumps({"id": "item-0", "label": "ai", "reviewer": "bob", "seconds": seconds}).encode())
    assert {took for *_, took in said_in(path)} == {0.0}


def test_hidden_of_an_item_does_not_change_what_is_shown():
    plain = Item(id="a", texts=("x",))
    assert shown_of(plain.texts, "") == Item(id="b", texts=("x",), hidden=Hidden(facts={"s": "t"})).digest
