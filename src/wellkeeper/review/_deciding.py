"""One item more in a queue, and answers that are taken back. All here runs inside a transaction."""

import json
import sqlite3

from wellkeeper.review import _rows, _tables
from wellkeeper.review.item import Placed, Settings
from wellkeeper.review.question import Question
from wellkeeper.review.trail import Entry


def add_item(db: sqlite3.Connection, one: Placed, question: Question, settings: Settings, at: str) -> int:
    """Number of the item; one about the same documents is not put in a second time.

    The line of the log has the digest of all that is asked now, as the first line has that of what was asked then.
    """
    texts = [(place.id, place.content_hash) for place in one.item.places]
    for number, told in db.execute("SELECT number, told FROM items ORDER BY number"):
        known = [(place["id"], place["content_hash"]) for place in json.loads(told)["places"]]
        if texts and known == texts:
            return int(number)
    (number,) = db.execute("SELECT max(number) + 1 FROM items").fetchone()
    _tables.insert_item(db, number, one, question, settings)
    db.execute(
        "UPDATE totals SET items = items + ?, wanted = wanted + ?", (not one.item.gold, 1 + one.repeated)
    )
    asked = _tables.what_is_asked(db)
    told = {"item": one.item.id, "shown": one.item.digest, "items": asked["items"], "digest": asked["digest"]}
    _rows.add_line(db, "add", "", told, at)
    return int(number)


def take_back(db: sqlite3.Connection, entry: int, at: str, *, by: str = "") -> Entry:
    """Write that an answer does not stand any more; `by`: who took it back, where it was not who gave it."""
    number, reviewer, turn, label, ticket = db.execute(
        "SELECT number, reviewer, turn, label, ticket FROM answers WHERE entry = ?", (entry,)
    ).fetchone()
    name, shown = _rows.name_of(db, number)
    told = {"entry": entry, "item": name, "label": label, "turn": turn, "shown": shown, "ticket": ticket}
    line = _rows.add_line(db, "undo", reviewer, told | ({"by": by} if by else {}), at)
    db.execute("UPDATE answers SET live = 0 WHERE entry = ?", (entry,))
    db.execute("UPDATE readers SET decisions = decisions - 1 WHERE name = ?", (reviewer,))
    db.execute("UPDATE totals SET answers = answers - 1")
    if turn == 1:
        db.execute("DELETE FROM repeats WHERE reviewer = ? AND number = ?", (reviewer, number))
    db.execute(
        "UPDATE showings SET state = 'dropped' WHERE reviewer = ? AND number = ? AND turn >= ?",
        (reviewer, number, turn),
    )
    return line
