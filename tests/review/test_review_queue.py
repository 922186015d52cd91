"""A queue of items for people: who is shown what, what becomes of answers, and what is refused."""

import json
import os
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_files import NOW, items, make_queue

from wellkeeper.errors import InputError, WorkError
from wellkeeper.review._state import state_of
from wellkeeper.review.item import Assignment, Item, Placed, Pool, Settings, pool_of
from wellkeeper.review.question import KINDS, QUESTIONS
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.review.trail import START, breaks


@pytest.fixture
def opened(tmp_path):
    """Makes a queue and opens it."""
    queues = []

    def make(**given):
        queue = ReviewQueue(make_queue(tmp_path, **given))
        queue._database.rows("PRAGMA synchronous = OFF")  # nobody cuts the power here
        queues.append(queue)
        return queue

    yield make
    for queue in queues:
        queue.close()


def shown(queue, assignment):
    """Number of the item of an assignment."""
    return {placed.item.digest: number for number, placed in queue.items()}[assignment.shown]


def look(queue, reviewer, label="human", *, now=NOW):
    """Have a reader answer what they are shown next; its number, or None at the end."""
    found = queue.assign(reviewer, now=now)
    if found is None:
        return None
    queue.answer(reviewer, found.ticket, label, seconds=4.0, now=now)
    return shown(queue, found)


def looks(queue, reviewer, label="human", *, now=NOW):
    """What a reader is shown until nothing is left for them."""
    found = []
    while (number := look(queue, reviewer, label, now=now)) is not None:
        found.append(number)
    return found


# --- making one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_gives_back_what_was_put_in(tmp_path, kind):
    with ReviewQueue(make_queue(tmp_path, kind, overlap=2, repeated=3, gold=2)) as queue:
        assert [placed.item for _, placed in queue.items()] == items(kind, 12, gold=2)
        assert [number for number, _ in queue.items()] == list(range(1, 13))
        placed = queue.item(1)
        assert (placed.rank, placed.readers, placed.repeated) == (0, 2, True)
        assert queue.item(2).rank is None
        assert queue.question == QUESTIONS[kind]
        assert queue.settings == Settings()
        assert queue.pool == pool_of(
            [item.score for item in items(kind, 10)], note="All documents that were made up for this."
        )
        assert queue.about["from"] == kind
        assert queue.problems() == []


def test_the_log_begins_with_what_is_asked(opened):
    queue = opened()
    (begin,) = queue.log()
    assert (begin.number, begin.act, begin.before, begin.hash) == (1, "begin", START, queue.head)
    assert begin.at == "2026-11-18T11:06:40.000+00:00"
    assert begin.told["question"] == json.loads(json.dumps(queue.question.to_json()))
    assert begin.told["items"] == 12
    assert begin.told["pool"] == asdict(queue.pool)


def test_a_queue_is_made_once(tmp_path):
    make_queue(tmp_path)
    with pytest.raises(
        InputError, match=r"is there already, and answers of people may be in it\. Give another file"
    ):
        make_queue(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["review.sqlite"]


def create(path, placed, **given):
    ReviewQueue.create(
        path,
        question=QUESTIONS["origin"],
        placed=placed,
        pool=pool_of([]),
        settings=Settings(**given),
        about={},
    )


ITEM = items(size=1)[0]


@pytest.mark.parametrize(
    ("placed", "message"),
    [
        ([], r"Nothing stands in the queue: there is nothing to ask\."),
        ([Placed(item=ITEM), Placed(item=ITEM)], r"Two items of the queue are called item-0\. Give each"),
        ([Placed(item=replace(ITEM, texts=()))], r"Item item-0 has 0 texts\. Give one, or two to compare\."),
        ([Placed(item=replace(ITEM, texts=("a", "b", "c")))], r"Item item-0 has 3 texts\."),
        ([Placed(item=ITEM, readers=0)], r"Item item-0 is for 0 readers\. Give 1 or more\."),
        ([Placed(item=replace(ITEM, gold="humn"))], r"humn is no answer .* Did you mean human\?"),
        ([Placed(item=replace(ITEM, id="\ud800"))], r"The id '\\ud800' cannot be written to a file\."),
    ],
)
def test_what_cannot_be_asked_is_told_and_leaves_no_file(tmp_path, placed, message):
    with pytest.raises(InputError, match=message):
        create(tmp_path / "review.sqlite", placed)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_kept_are_told(tmp_path):
    with pytest.raises(InputError, match=r"A lease of 0 seconds cannot be kept\. Give more than 0"):
        create(tmp_path / "review.sqlite", [Placed(item=ITEM)], lease_seconds=0.0)
    with pytest.raises(InputError, match=r"Repeats cannot come after -1 decisions\. Give 0 or more\."):
        create(tmp_path / "review.sqlite", [Placed(item=ITEM)], repeat_after=-1)


@pytest.mark.skipif(os.name == "nt", reason="rights of files are of POSIX")
def test_a_queue_is_for_its_owner_alone_from_its_first_byte_on(tmp_path):
    def seen():
        found.update({path.stat().st_mode & 0o777 for path in tmp_path.iterdir()})
        yield Placed(item=ITEM)

    found, before = set(), os.umask(0)
    try:
        create(tmp_path / "review.sqlite", seen())
        with ReviewQueue(tmp_path / "review.sqlite") as queue:
            look(queue, "anna")
            assert {path.name for path in tmp_path.iterdir()} == {
                "review.sqlite",
                "review.sqlite-wal",
                "review.sqlite-shm",
            }
            found.update(path.stat().st_mode & 0o777 for path in tmp_path.iterdir())
    finally:
        os.umask(before)
    assert found == {0o600}


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(
        WorkError, match=r"review.sqlite cannot be written \(No such file or directory\)\. Check the folder"
    ):
        create(tmp_path / "none" / "review.sqlite", [Placed(item=ITEM)])


def test_items_that_cannot_be_read_to_their_end_leave_no_file(tmp_path):
    def torn():
        yield Placed(item=ITEM)
        raise InputError("the ledger ends here")

    with pytest.raises(InputError, match="the ledger ends here"):
        create(tmp_path / "review.sqlite", torn())
    assert list(tmp_path.iterdir()) == []


@given(
    texts=st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=2),
    prompt=st.text(st.characters(codec=None)),
)
def test_any_text_is_shown_as_it_is(tmp_path_factory, texts, prompt):
    path = tmp_path_factory.mktemp("queue") / "review.sqlite"
    item = Item(id="one", texts=tuple(texts), prompt=prompt)
    create(path, [Placed(item=item)])
    with ReviewQueue(path) as queue:
        found = queue.assign("anna", now=NOW)
        assert (found.texts, found.prompt, found.shown) == (item.texts, prompt, item.digest)
        assert queue.problems() == []


# --- showing ----------------------------------------------------------------------------------------------------------


def test_what_is_shown_tells_nothing_but_the_texts():
    assert [one.name for one in fields(Assignment)] == ["ticket", "texts", "prompt", "shown"]


def test_items_come_in_their_order_each_to_one_reader(opened):
    queue = opened(size=6)
    mine = [look(queue, name) for name in ("anna", "ben", "anna", "carl", "ben", "anna")]
    assert mine == [1, 2, 3, 4, 5, 6]
    assert [queue.assign(name, now=NOW) for name in ("anna", "ben", "carl", "dora")] == [None] * 4


def test_loading_again_shows_the_same_item_under_the_same_ticket(opened):
    queue = opened()
    first = queue.assign("anna", now=NOW)
    assert queue.assign("anna", now=NOW + 500) == first
    queue.answer("anna", first.ticket, "ai", now=NOW + 501)
    assert queue.assign("anna", now=NOW + 502) != first


def test_the_item_after_is_the_one_that_comes_and_nobody_elses(opened):
    queue = opened()
    first = queue.assign("anna", now=NOW)
    after = queue.ahead("anna", first.ticket, now=NOW)
    assert queue.ahead("anna", first.ticket, now=NOW) == after
    assert look(queue, "ben") == 3
    queue.answer("anna", first.ticket, "ai", now=NOW)
    assert queue.assign("anna", now=NOW) == after


def test_there_is_nothing_after_the_last_item(opened):
    queue = opened(size=1)
    assert queue.ahead("anna", queue.assign("anna", now=NOW).ticket, now=NOW) is None


def test_an_item_whose_lease_is_over_goes_to_the_next_who_asks(opened):
    queue = opened(size=3, lease_seconds=60.0)
    queue.assign("anna", now=NOW)
    assert shown(queue, queue.assign("ben", now=NOW + 59)) == 2
    assert look(queue, "ben", now=NOW + 61) == 2
    assert look(queue, "ben", now=NOW + 61) == 1


def test_whoever_is_still_there_keeps_an_item_that_nobody_took_meanwhile(opened):
    queue = opened(lease_seconds=60.0)
    first = queue.assign("anna", now=NOW)
    assert queue.assign("anna", now=NOW + 10_000) == first
    assert shown(queue, queue.assign("ben", now=NOW + 10_001)) == 2


def test_looking_at_an_item_for_long_keeps_it(opened):
    queue = opened(lease_seconds=60.0)
    for second in range(0, 300, 20):
        assert shown(queue, queue.assign("anna", now=NOW + second)) == 1
    assert shown(queue, queue.assign("ben", now=NOW + 300)) == 2


def test_a_clock_that_is_set_back_keeps_no_item_from_others(opened):
    queue = opened(size=2, lease_seconds=60.0)
    ahead = queue.assign("anna", now=NOW + 86_400)
    assert looks(queue, "ben") == [1, 2]
    assert queue.answer("anna", ahead.ticket, "ai", now=NOW).told["item"] == "item-0"
    assert queue.problems() == []


def test_a_clock_that_was_read_a_little_earlier_ends_no_lease(opened):
    queue = opened(size=2, lease_seconds=60.0)
    queue.assign("anna", now=NOW)
    assert shown(queue, queue.assign("ben", now=NOW - 30)) == 2


def test_more_readers_than_items_are_told_what_they_may_still_be_shown(opened):
    queue = opened(size=3, lease_seconds=60.0)
    readers = [f"reader {at}" for at in range(50)]
    assert sum(queue.assign(name, now=NOW) is not None for name in readers) == 3
    assert queue.standing("reader 49").left == 3
    assert sorted(looks(queue, "reader 49", now=NOW + 61)) == [1, 2, 3]
    assert queue.standing("reader 48").left == 0


def test_an_item_for_two_ends_for_the_only_reader_there_is_and_waits(opened):
    queue = opened(size=2, overlap=2)
    assert looks(queue, "anna", "ai") == [1, 2]
    standing = queue.standing("anna")
    assert (standing.left, standing.settled, standing.conflicts) == (0, 0, 0)
    assert looks(queue, "ben", "human") == [1, 2]
    assert [queue.standing(name).left for name in ("anna", "ben", "carl")] == [0, 0, 2]
    assert (queue.standing().settled, queue.standing().conflicts) == (0, 2)  # no third reader came


def test_two_who_are_wanted_are_two_people_and_may_look_at_once(opened):
    queue = opened(size=2, overlap=1)
    assert [shown(queue, queue.assign(name, now=NOW)) for name in ("anna", "ben", "carl")] == [1, 1, 2]
    assert looks(queue, "anna") == [1]
    assert looks(queue, "ben") == [1]


def test_a_third_reader_is_asked_early_where_two_do_not_agree(opened):
    queue = opened(size=8, overlap=1)
    assert [look(queue, "anna", "ai"), look(queue, "carl", "ai")] == [1, 1]
    assert [look(queue, "dora", "ai"), look(queue, "ben", "ai")] == [2, 3]
    queue = opened(size=8, overlap=1, name="second.sqlite")
    assert [look(queue, "anna", "ai"), look(queue, "ben", "human")] == [1, 1]
    assert queue.standing().conflicts == 1
    assert [look(queue, "anna", "ai"), look(queue, "carl", "ai")] == [2, 1]
    outcome = next(queue.outcomes())
    assert (outcome.label, outcome.is_settled, outcome.is_conflict) == ("ai", True, True)
    assert queue.standing().conflicts == 0


def test_three_who_all_say_something_else_leave_a_conflict(opened):
    queue = opened(size=1, overlap=1)
    assert [
        look(queue, *one) for one in (("anna", "ai"), ("ben", "human"), ("carl", "mixed"), ("dora", "ai"))
    ] == [
        1,
        1,
        1,
        None,
    ]
    (outcome,) = queue.outcomes()
    assert (outcome.label, outcome.is_settled, outcome.is_conflict) == ("", False, True)


def test_without_a_third_reader_a_conflict_stays(opened):
    queue = opened(size=1, overlap=1, third_reader=False)
    assert [look(queue, "anna", "ai"), look(queue, "ben", "human"), look(queue, "carl", "ai")] == [1, 1, None]
    (outcome,) = queue.outcomes()
    assert (outcome.label, outcome.is_settled, outcome.is_conflict) == ("", False, True)


def test_two_who_cannot_tell_agree(opened):
    queue = opened(size=1, overlap=1)
    assert [look(queue, "anna", "unsure"), look(queue, "ben", "unsure"), look(queue, "carl")] == [1, 1, None]
    (outcome,) = queue.outcomes()
    assert (outcome.label, outcome.is_settled, outcome.is_conflict) == ("unsure", True, False)


def test_gold_is_shown_to_everybody_and_settles_nothing(opened):
    queue = opened(size=4, gold=2)
    assert looks(queue, "anna") == [1, 2, 3, 4]
    assert looks(queue, "ben", "ai") == [3, 4]
    assert [one.is_settled for one in queue.outcomes()] == [True, True, False, False]
    assert not any(one.is_conflict for one in queue.outcomes())
    standing = queue.standing("ben")
    assert (standing.items, standing.settled, standing.left, standing.agreement) == (2, 2, 0, None)


def test_a_repeat_comes_after_so_many_more_decisions_and_changes_no_outcome(opened):
    queue = opened(size=6, repeated=1, repeat_after=3)
    assert [look(queue, "anna", label) for label in "human ai ai ai ai".split()] == [1, 2, 3, 4, 1]
    assert looks(queue, "anna") == [5, 6]
    assert looks(queue, "ben") == []
    outcome = next(queue.outcomes())
    assert (outcome.label, len(outcome.answers)) == ("human", 1)
    assert [(one.number, one.turn, one.label) for one in queue.answers() if one.number == 1] == [
        (1, 1, "human"),
        (1, 2, "ai"),
    ]


def test_repeats_that_are_not_due_come_at_the_end(opened):
    queue = opened(size=4, repeated=2, repeat_after=50)
    assert looks(queue, "anna") == [1, 2, 3, 4, 1, 2]


def test_a_repeat_is_for_each_who_answered(opened):
    queue = opened(size=3, repeated=1, overlap=1, repeat_after=0)
    assert looks(queue, "anna") == [1, 1, 2, 3]
    assert looks(queue, "ben") == [1, 1]


def test_what_is_skipped_comes_again_at_the_end_once(opened):
    queue = opened(size=3)
    first = queue.assign("anna", now=NOW)
    queue.skip("anna", first.ticket, now=NOW)
    queue.skip("anna", first.ticket, now=NOW)  # a double click
    assert [look(queue, "anna"), look(queue, "anna")] == [2, 3]
    again = queue.assign("anna", now=NOW)
    assert shown(queue, again) == 1
    assert again.ticket != first.ticket
    assert queue.standing("anna").left == 1
    queue.skip("anna", again.ticket, now=NOW)
    assert queue.assign("anna", now=NOW) is None
    assert queue.standing("anna").left == 0
    assert [entry.act for entry in queue.log()] == ["begin", "skip", "answer", "answer", "skip"]
    assert look(queue, "ben") == 1


def test_what_one_skipped_twice_is_not_shown_to_them_though_others_let_go_of_it(opened):
    queue = opened(size=1, lease_seconds=60.0)
    for _ in range(2):
        queue.skip("anna", queue.assign("anna", now=NOW).ticket, now=NOW)
    assert shown(queue, queue.assign("ben", now=NOW)) == 1
    assert queue.assign("anna", now=NOW + 61) is None
    assert shown(queue, queue.assign("carl", now=NOW + 61)) == 1


def test_what_one_skips_is_there_for_others_at_once(opened):
    queue = opened(size=5)
    assert look(queue, "ben") == 1
    queue.skip("anna", queue.assign("anna", now=NOW).ticket, now=NOW)
    assert look(queue, "ben") == 2


# --- answering --------------------------------------------------------------------------------------------------------


def test_an_answer_is_a_line_of_the_log(opened):
    queue = opened()
    found = queue.assign("anna", now=NOW)
    entry = queue.answer("anna", found.ticket, "ai", note="Evenly weighted.", seconds=12.3456, now=NOW + 12)
    assert (entry.number, entry.act, entry.reviewer) == (2, "answer", "anna")
    assert entry.at == "2026-11-18T11:06:52.000+00:00"
    assert entry.told == {
        "item": "item-0",
        "label": "ai",
        "note": "Evenly weighted.",
        "seconds": 12.346,
        "shown": found.shown,
        "turn": 1,
        "ticket": found.ticket,
    }
    assert list(queue.log())[-1] == entry
    assert queue.head == entry.hash
    assert list(breaks(queue.log())) == []


def test_a_ticket_is_one_answer_however_often_it_is_sent(opened):
    queue = opened()
    ticket = queue.assign("anna", now=NOW).ticket
    entry = queue.answer("anna", ticket, "ai", now=NOW)
    assert queue.answer("anna", ticket, "human", note="a second thought", now=NOW + 9) == entry
    assert queue.standing("anna").answers == 1


def test_an_answer_that_comes_late_counts_though_another_has_answered(opened):
    queue = opened(size=1, lease_seconds=60.0)
    late = queue.assign("anna", now=NOW)
    assert look(queue, "ben", "human", now=NOW + 61) == 1
    queue.answer("anna", late.ticket, "human", now=NOW + 62)
    (outcome,) = queue.outcomes()
    assert [one.reviewer for one in outcome.answers] == ["ben", "anna"]
    assert (outcome.label, outcome.is_settled) == ("human", True)


def test_a_late_answer_that_differs_asks_a_third(opened):
    queue = opened(size=1, lease_seconds=60.0)
    late = queue.assign("anna", now=NOW)
    look(queue, "ben", "human", now=NOW + 61)
    queue.answer("anna", late.ticket, "ai", now=NOW + 62)
    assert queue.standing().conflicts == 1
    assert look(queue, "carl", "ai", now=NOW + 63) == 1
    assert next(queue.outcomes()).label == "ai"


def test_a_skipped_item_may_be_answered_after_all(opened):
    queue = opened(size=2)
    first = queue.assign("anna", now=NOW)
    queue.skip("anna", first.ticket, now=NOW)
    queue.answer("anna", first.ticket, "ai", now=NOW)
    assert looks(queue, "anna") == [2]


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(-5.0, 0.0), (1e9, 86_400.0), (float("nan"), 0.0), (float("inf"), 86_400.0), (0.0004, 0.0), (3, 3.0)],
)
def test_seconds_are_kept_between_none_and_a_day(opened, seconds, kept):
    queue = opened()
    entry = queue.answer("anna", queue.assign("anna", now=NOW).ticket, "ai", seconds=seconds, now=NOW)
    assert entry.told["seconds"] == kept
    assert queue.standing("anna").seconds == kept
    assert queue.problems() == []


def test_what_is_no_answer_is_told_and_changes_nothing(opened):
    queue = opened()
    ticket = queue.assign("anna", now=NOW).ticket
    with pytest.raises(InputError, match=r"humn is no answer to this question\. Did you mean human\?"):
        queue.answer("anna", ticket, "humn", now=NOW)
    with pytest.raises(
        InputError, match=r"The note has 10,001 characters\. Shorten it to 10,000 and answer again\."
    ):
        queue.answer("anna", ticket, "ai", note="x" * 10_001, now=NOW)
    with pytest.raises(InputError, match=r"ben was shown nothing under this ticket\. Load the page again\."):
        queue.answer("ben", ticket, "ai", now=NOW)
    for refused in (queue.ahead, queue.skip):
        for name, other in (("ben", ticket), ("anna", "\ud800"), ("anna", "")):
            with pytest.raises(InputError, match="was shown nothing under this ticket"):
                refused(name, other, now=NOW)
    assert queue.standing().answers == 0
    assert queue.answer("anna", ticket, "ai", note="x" * 10_000, now=NOW).number == 2


@pytest.mark.parametrize("name", ["", "  ", "an\nna", "x" * 101, "\ud800"])
def test_a_name_that_cannot_be_printed_is_none(opened, name):
    queue = opened()
    with pytest.raises(
        InputError, match=r"is no name of a reader\. Give one of 1 to 100 printed characters\."
    ):
        queue.assign(name, now=NOW)


def test_a_reader_is_met_without_being_shown_anything(opened):
    queue = opened(size=1)
    assert queue.meet("anna") == "anna"
    with pytest.raises(InputError, match="is no name of a reader"):
        queue.meet("  ")
    assert look(queue, "ben") == 1
    assert queue.problems() == []


@pytest.mark.parametrize(
    "name", ["Zoe\u0308 Li", "zo\u00eb li", "  Zo\u00eb   Li ", "ZO\u00cb LI", "\uff3ao\u00eb Li"]
)
def test_a_reader_goes_by_one_name_however_it_is_spelt(opened, name):
    queue = opened(size=2, overlap=1)
    assert queue.meet(" Zoe\u0308  Li") == "Zo\u00eb Li"
    assert look(queue, "Zo\u00eb Li") == 1
    assert queue.meet(name) == "Zo\u00eb Li"
    with pytest.raises(InputError, match=r"goes by Zo\u00eb Li in this queue\. Give that name\."):
        queue.assign(name, now=NOW)
    assert queue.take_in(name, [("item-0", "ai", "", 1.0)], source="elsewhere", now=NOW) == 0
    assert queue.take_in(name, [("item-1", "ai", "", 1.0)], source="elsewhere", now=NOW) == 1
    assert [one.reviewer for one in queue.answers()] == ["Zo\u00eb Li"] * 2
    assert queue.problems() == []


# --- taking back ------------------------------------------------------------------------------------------------------


def test_undo_shows_the_item_again_before_all_else(opened):
    queue = opened()
    assert [look(queue, "anna"), look(queue, "anna")] == [1, 2]
    waiting = queue.assign("anna", now=NOW)
    again = queue.undo("anna", now=NOW)
    assert shown(queue, again) == 2
    assert queue.assign("anna", now=NOW) == again
    assert queue.ahead("anna", again.ticket, now=NOW) == waiting
    before = queue.undo("anna", now=NOW)
    assert shown(queue, before) == 1
    assert queue.undo("anna", now=NOW) is None
    assert [entry.act for entry in queue.log()] == "begin answer answer undo undo".split()
    assert [entry.told["entry"] for entry in queue.log() if entry.act == "undo"] == [3, 2]
    assert [one.label for one in queue.outcomes()] == [""] * 12
    assert looks(queue, "anna") == list(range(1, 13))


def test_a_second_click_takes_back_no_more(opened):
    queue = opened()
    look(queue, "anna")
    ticket = queue.assign("anna", now=NOW).ticket
    queue.answer("anna", ticket, "ai", now=NOW)
    assert shown(queue, queue.undo("anna", ticket=ticket, now=NOW)) == 2
    assert queue.undo("anna", ticket=ticket, now=NOW) is None
    assert queue.standing("anna").mine == 1


def test_what_was_taken_back_can_be_said_anew_and_the_old_ticket_says_nothing_more(opened):
    queue = opened()
    ticket = queue.assign("anna", now=NOW).ticket
    entry = queue.answer("anna", ticket, "ai", now=NOW)
    again = queue.undo("anna", now=NOW)
    assert queue.answer("anna", ticket, "ai", now=NOW) == entry  # a reply that was lost, sent again
    assert next(queue.outcomes()).answers == ()
    queue.answer("anna", again.ticket, "human", now=NOW)
    assert next(queue.outcomes()).label == "human"


def test_taking_back_one_side_of_a_conflict_ends_it(opened):
    queue = opened(size=1, overlap=1)
    look(queue, "anna", "ai")
    look(queue, "ben", "human")
    third = queue.assign("carl", now=NOW)
    again = queue.undo("ben", now=NOW)
    assert queue.standing().conflicts == 0
    queue.answer("ben", again.ticket, "ai", now=NOW)
    queue.answer("carl", third.ticket, "human", now=NOW)  # was asked before, and counts
    (outcome,) = queue.outcomes()
    assert (outcome.label, outcome.is_settled, len(outcome.answers)) == ("ai", True, 3)
    assert queue.problems() == []


def test_taking_back_what_settled_a_conflict_asks_a_third_again(opened):
    queue = opened(size=1, overlap=1)
    assert [look(queue, "anna", "ai"), look(queue, "ben", "human"), look(queue, "carl", "ai")] == [1, 1, 1]
    assert queue.standing().settled == 1
    again = queue.undo("carl", now=NOW)
    assert (queue.standing().settled, queue.standing().conflicts) == (0, 1)
    assert queue.assign("dora", now=NOW) is None  # carl has it in front of him
    queue.skip("carl", again.ticket, now=NOW)
    assert look(queue, "dora", "human") == 1
    assert next(queue.outcomes()).label == "human"
    assert queue.assign("carl", now=NOW) is None
    assert queue.problems() == []


def test_undo_of_a_repeat_shows_the_repeat_again(opened):
    queue = opened(size=1, repeated=1, repeat_after=0)
    assert looks(queue, "anna") == [1, 1]
    again = queue.undo("anna", now=NOW)
    assert queue.answer("anna", again.ticket, "ai", now=NOW).told["turn"] == 2
    queue.undo("anna", now=NOW)
    first = queue.undo("anna", now=NOW)
    assert queue.answer("anna", first.ticket, "ai", now=NOW).told["turn"] == 1
    assert looks(queue, "anna") == [1]


def test_a_second_look_from_a_page_that_was_left_open_is_not_asked_for_once_more(opened):
    queue = opened(size=2, repeated=2, repeat_after=0)
    assert look(queue, "anna") == 1
    second = queue.assign("anna", now=NOW)
    again = queue.undo("anna", now=NOW)
    queue.answer("anna", again.ticket, "ai", now=NOW)
    assert queue.answer("anna", second.ticket, "ai", now=NOW).told["turn"] == 2
    assert queue.problems() == []
    assert looks(queue, "anna") == [2, 2]


# --- telling ----------------------------------------------------------------------------------------------------------


def test_what_is_hidden_is_told_after_the_answer_and_only_to_who_gave_it(opened):
    queue = opened(overlap=1)
    mine, other = (queue.assign(name, now=NOW).ticket for name in ("anna", "ben"))
    queue.answer("anna", mine, "ai", note="mine", now=NOW)
    found = queue.revealed("anna", mine)
    assert (found.ticket, found.number, found.mine.label, found.mine.note) == (mine, 1, "ai", "mine")
    assert found.hidden == items()[0].hidden
    assert (found.others, found.can_undo) == ((), True)
    assert queue.last("anna") == found
    assert [queue.revealed("ben", other), queue.revealed("ben", mine), queue.last("ben")] == [None] * 3
    queue.answer("ben", other, "human", now=NOW)
    assert [(one.reviewer, one.label) for one in queue.revealed("ben", other).others] == [("anna", "ai")]
    look(queue, "anna")
    assert not queue.revealed("anna", mine).can_undo


def test_what_was_taken_back_is_hidden_again(opened):
    queue = opened()
    ticket = queue.assign("anna", now=NOW).ticket
    queue.answer("anna", ticket, "ai", now=NOW)
    again = queue.undo("anna", now=NOW)
    assert [queue.revealed("anna", one) for one in (ticket, again.ticket, "\ud800")] == [None] * 3
    assert queue.last("anna") is None


def test_a_repeat_that_was_not_answered_reveals_nothing(opened):
    queue = opened(size=1, repeated=1, repeat_after=0)
    look(queue, "anna")
    assert queue.revealed("anna", queue.assign("anna", now=NOW).ticket) is None


def test_how_far_a_queue_is(opened):
    queue = opened(size=5, overlap=2, gold=1)
    assert queue.standing("anna").left == 5
    for seconds, (name, label) in enumerate(
        [("anna", "ai"), ("ben", "ai"), ("anna", "ai"), ("ben", "human"), ("anna", "ai")]
    ):
        queue.answer(name, queue.assign(name, now=NOW).ticket, label, seconds=float(seconds), now=NOW)
    standing = queue.standing("anna")
    assert (standing.items, standing.settled, standing.conflicts, standing.answers) == (4, 2, 1, 5)
    assert (standing.mine, standing.left, standing.agreement, standing.seconds) == (3, 2, 0.5, 2.0)
    assert (queue.standing("carl").left, queue.standing("carl").seconds) == (3, None)
    assert (queue.standing().mine, queue.standing().seconds, queue.standing("ben").seconds) == (0, 2.0, 2.0)


def test_whether_an_item_comes_twice_does_not_show_in_what_is_left(opened):
    left = []
    for repeated in (0, 6):
        queue = opened(size=6, repeated=repeated, repeat_after=20, name=f"{repeated}.sqlite")
        before = queue.standing("anna").left
        look(queue, "anna")
        left.append(before - queue.standing("anna").left)
    assert left == [1, 1]


def test_outcomes_and_answers_are_of_one_moment(opened):
    queue = opened(size=3)
    look(queue, "anna")
    outcomes, answers = queue.outcomes(), queue.answers()
    next(outcomes), next(answers)
    assert looks(queue, "anna") == [2, 3]
    assert [one.label for one in outcomes] == ["", ""]
    assert list(answers) == []


def test_an_item_that_there_is_not_is_told(opened):
    with pytest.raises(InputError, match=r"has no item 13\. Items are numbered from 1\."):
        opened().item(13)


# --- from other tools -------------------------------------------------------------------------------------------------


def test_answers_of_other_tools_count_once(opened):
    queue = opened(overlap=1)
    given = [("item-0", "ai", "seen there", 5.0), ("item-3", "human", "", 0.0)]
    assert queue.take_in("anna", given, source="label-studio", now=NOW) == 2
    assert queue.take_in("anna", iter(given), source="label-studio", now=NOW) == 0
    entry = list(queue.log())[1]
    assert (entry.act, entry.told["source"], entry.told["note"]) == ("import", "label-studio", "seen there")
    assert [one.label for one in queue.outcomes()][:4] == ["ai", "", "", "human"]
    assert [look(queue, "anna"), look(queue, "anna"), look(queue, "anna")] == [2, 3, 5]
    assert look(queue, "ben", "ai") == 1
    assert queue.problems() == []


def test_an_answer_that_is_imported_while_its_item_is_on_the_screen_stands(opened):
    queue = opened(size=2, repeated=2, repeat_after=0)
    ticket = queue.assign("anna", now=NOW).ticket
    queue.take_in("anna", [("item-0", "human", "", 0.0)], source="argilla", now=NOW)
    entry = queue.answer("anna", ticket, "ai", now=NOW)
    assert (entry.act, entry.told["label"]) == ("import", "human")
    assert queue.revealed("anna", ticket).mine.label == "human"
    assert looks(queue, "anna") == [2, 2]
    assert queue.problems() == []


def test_answers_of_other_tools_are_not_taken_back_by_a_key(opened):
    queue = opened()
    queue.take_in("anna", [("item-0", "ai", "", 0.0)], source="argilla", now=NOW)
    assert queue.undo("anna", now=NOW) is None
    assert queue.last("anna") is None


def test_answers_of_other_tools_come_all_or_none(opened):
    queue = opened()
    with pytest.raises(
        InputError, match=r"No item of .* is called item-99\. Import into the queue that it was"
    ):
        queue.take_in(
            "anna", [("item-0", "ai", "", 0.0), ("item-99", "ai", "", 0.0)], source="argilla", now=NOW
        )
    with pytest.raises(InputError, match="is no answer to this question"):
        queue.take_in(
            "anna", [("item-0", "ai", "", 0.0), ("item-1", "spam", "", 0.0)], source="argilla", now=NOW
        )
    assert queue.standing().answers == 0
    assert len(list(queue.log())) == 1


# --- where an item stands ---------------------------------------------------------------------------------------------


@given(
    given_labels=st.lists(st.sampled_from("abc"), max_size=6),
    readers=st.integers(1, 5),
    asks_third=st.booleans(),
)
def test_an_item_is_settled_by_more_than_half_of_enough_readers(given_labels, readers, asks_third):
    state = state_of(given_labels, readers=readers, is_gold=False, asks_third=asks_third)
    assert state.is_wanted == (state.given < state.needed)
    assert not (state.is_settled and state.is_wanted)
    assert state.is_conflict == (len(set(given_labels)) > 1)
    assert state.needed == (max(readers, 3) if state.is_conflict and asks_third else readers)
    if state.label:
        assert 2 * given_labels.count(state.label) > len(given_labels)
    if not state.is_wanted:
        assert state.is_settled == bool(state.label)


def test_what_the_log_tells_is_plain_json(opened):
    queue = opened()
    look(queue, "anna")
    queue.undo("anna", now=NOW)
    for entry in queue.log():
        assert json.loads(json.dumps(entry.to_json())) == entry.to_json()
    assert isinstance(queue.pool, Pool)


# --- however long it is -----------------------------------------------------------------------------------------------


def test_no_decision_reads_through_a_table(opened):
    queue = opened(size=40, overlap=10, repeated=6, gold=4, repeat_after=2, lease_seconds=60.0)
    queue.take_in("carl", [(f"item-{at}", "ai", "", 1.0) for at in range(12)], source="elsewhere", now=NOW)
    asked = set()
    queue._database.connection.set_trace_callback(asked.add)
    for turn in range(30):
        now = NOW + 45 * turn
        for reader in ("anna", "ben"):
            if (found := queue.assign(reader, now=now)) is not None:
                queue.ahead(reader, found.ticket, now=now)
                if turn % 5 == 3:
                    queue.skip(reader, found.ticket, now=now)
                else:
                    queue.answer(reader, found.ticket, "human", now=now)
                    queue.revealed(reader, found.ticket)
            queue.last(reader)
            queue.standing(reader)
            if turn % 7 == 5:
                queue.undo(reader, now=now)
    queue._database.connection.set_trace_callback(None)
    plans = {
        statement: [row[3] for row in queue._database.rows(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in asked
        if statement.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}
    }
    assert len(plans) > 100
    # one row, no table, the last line of the log, the leases there are, and once for somebody new, the names
    fine = ("totals", "CONSTANT ROW", "SCAN log", "INDEX showings_until", "SCAN readers")
    scans = [
        f"{plan}: {statement}"
        for statement, steps in plans.items()
        for plan in steps
        if plan.startswith("SCAN") and not any(name in plan for name in fine)
    ]
    assert not scans, "\n".join(scans)
    assert {statement for statement in plans if "FROM log" in statement} == {
        "SELECT number, line FROM log ORDER BY number DESC LIMIT 1",
        *(statement for statement in plans if "FROM log WHERE number = " in statement),
    }
