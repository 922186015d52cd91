"""Queues that some people have answered, and the same queue with no answer yet."""

from queue_files import NOW, make_queue

from wellkeeper.review.exchange import checked
from wellkeeper.review.queue import ReviewQueue

ALICE, BOB = "alice@example.com", "bob"


def answered(
    tmp_path, kind="origin", *, size=12, readers=(ALICE, BOB), each=6, name="answered.sqlite", **options
):
    """The path of a queue in which each reader has answered `each` items, every second with a note."""
    path = make_queue(tmp_path, kind, size, name=name, **options)
    with ReviewQueue(path) as queue:
        labels = [label.name for label in queue.question.labels]
        for who in readers:
            for at in range(each):
                shown = queue.assign(who, now=NOW + at)
                if shown is None:
                    break
                note = f"since {at} – “so”" if at % 2 else ""
                queue.answer(
                    who, shown.ticket, labels[at % len(labels)], note=note, seconds=at + 0.5, now=NOW + at
                )
    return path


def take_all_in(path, told):
    """Have a queue take in all answers of a file, none of which it may find fault with."""
    with ReviewQueue(path) as queue:
        found = checked(queue, told)
        assert found.problems == ()
        for who, entries in found.entries.items():
            queue.take_in(who, entries, source="test")


def said_in(path):
    """Who said what of which item in a queue, first looks alone, with note and seconds."""
    with ReviewQueue(path) as queue:
        return {
            (one.reviewer, one.item, one.label, one.note, one.seconds)
            for one in queue.answers()
            if one.turn == 1
        }
