"""What a queue's tables say: showings, answers that stand, lines of the log. All here reads inside a transaction."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from wellkeeper.errors import InputError
from wellkeeper.review import _tables
from wellkeeper.review.item import Answer, Assignment, Revealed, Standing
from wellkeeper.review.trail import Act, Entry, chained


def find_showing(db: sqlite3.Connection, reviewer: str, ticket: str) -> tuple[int, int, str, int]:
    """Number of the item, turn, state and skips of a showing.

    Raises:
        InputError: there is none of this reader under this ticket.
    """
    row = db.execute(
        "SELECT number, turn, state, skips FROM showings WHERE ticket = ? AND reviewer = ?",
        (ticket if ticket.isascii() else "", reviewer),  # half a character cannot be looked for
    ).fetchone()
    if row is None:
        raise InputError(f"{reviewer} was shown nothing under this ticket. Load the page again.")
    number, turn, state, skips = row
    return number, turn, state, skips


def read_assignment(db: sqlite3.Connection, ticket: str) -> Assignment:
    """What a ticket shows."""
    number, told, shown = db.execute(
        "SELECT number, told, digest FROM showings JOIN items USING (number) WHERE ticket = ?", (ticket,)
    ).fetchone()
    item = _tables.read_item(db, number, told)
    return Assignment(ticket=ticket, texts=item.texts, prompt=item.prompt, shown=shown)


def name_of(db: sqlite3.Connection, number: int) -> tuple[str, str]:
    """Id of an item, and the digest of what is shown of it."""
    name, shown = db.execute("SELECT id, digest FROM items WHERE number = ?", (number,)).fetchone()
    return name, shown


def head_of(db: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the last line of the log."""
    number, line = db.execute("SELECT number, line FROM log ORDER BY number DESC LIMIT 1").fetchone()
    return number, _tables.read_line(line, number).hash


def add_line(db: sqlite3.Connection, act: Act, reviewer: str, told: Mapping[str, Any], at: str) -> Entry:
    """Write the next line of the log."""
    number, before = head_of(db)
    entry = chained(before, number=number + 1, act=act, at=at, reviewer=reviewer, told=told)
    return _tables.keep(db, entry)


def line_of(db: sqlite3.Connection, number: int) -> Entry:
    """A line of the log."""
    (line,) = db.execute("SELECT line FROM log WHERE number = ?", (number,)).fetchone()
    return _tables.read_line(line, number)


def find_item(db: sqlite3.Connection, name: str) -> int | None:
    """Number of the item of an id."""
    known = name.encode(errors="replace").decode()  # no id holds half a character
    row = db.execute("SELECT number FROM items WHERE id = ?", (known,)).fetchone() if known == name else None
    return None if row is None else int(row[0])


def find_answer(db: sqlite3.Connection, number: int, reviewer: str, turn: int) -> tuple[int] | None:
    """Number of the line with a reader's answer that stands."""
    row: tuple[int] | None = db.execute(
        "SELECT entry FROM answers WHERE number = ? AND reviewer = ? AND turn = ? AND live",
        (number, reviewer, turn),
    ).fetchone()
    return row


def first_looks(db: sqlite3.Connection, number: int) -> list[int]:
    """Lines of the log with the first looks at an item that stand, in order."""
    found = db.execute(
        "SELECT entry FROM answers WHERE number = ? AND turn = 1 AND live ORDER BY entry", (number,)
    ).fetchall()
    return [entry for (entry,) in found]


def find_last(db: sqlite3.Connection, reviewer: str) -> tuple[int, int, int, str, str] | None:
    """Line, item, turn, label and ticket of a reader's last answer that stands and was given here."""
    row: tuple[int, int, int, str, str] | None = db.execute(
        "SELECT entry, number, turn, label, ticket FROM answers WHERE reviewer = ? AND live AND ticket <> '' "
        "ORDER BY entry DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    return row


def read_answer(db: sqlite3.Connection, entry: int, number: int) -> Answer:
    """What a line of the log says of the item of a number."""
    line = line_of(db, entry)
    told = line.told
    return Answer(
        entry=entry,
        item=told["item"],
        number=number,
        reviewer=line.reviewer,
        label=told["label"],
        note=told["note"],
        seconds=told["seconds"],
        at=line.at,
        turn=told["turn"],
        shown=told["shown"],
    )


def read_revealed(db: sqlite3.Connection, reviewer: str, entry: int) -> Revealed:
    """The item that a line of the log answers, with all that was hidden before."""
    number, ticket, told = db.execute(
        "SELECT number, ticket, told FROM answers JOIN items USING (number) WHERE entry = ?", (entry,)
    ).fetchone()
    item = _tables.read_item(db, number, told)
    others = db.execute(
        "SELECT entry FROM answers WHERE number = ? AND turn = 1 AND live AND reviewer <> ? ORDER BY entry",
        (number, reviewer),
    ).fetchall()
    last = find_last(db, reviewer)
    return Revealed(
        ticket=ticket,
        number=number,
        texts=item.texts,
        prompt=item.prompt,
        mine=read_answer(db, entry, number),
        others=tuple(read_answer(db, other, number) for (other,) in others),
        hidden=item.hidden,
        can_undo=last is not None and last[0] == entry,
    )


def read_standing(db: sqlite3.Connection, reviewer: str) -> Standing:
    """How far the queue is, for a reader or, without a name, for all together."""
    items, settled, waiting, pairs, agreeing, wanted, answers = db.execute(
        "SELECT items, settled, waiting, pairs, agreeing, wanted, answers FROM totals"
    ).fetchone()
    decisions, passed = db.execute(
        "SELECT decisions, passed FROM readers WHERE name = ?", (reviewer,)
    ).fetchone() or (0, 0)
    (later,) = db.execute(
        "SELECT (SELECT count(*) FROM repeats WHERE reviewer = :reviewer) + (SELECT count(*) FROM showings "
        "WHERE reviewer = :reviewer AND turn = 2 AND state IN ('open', 'stale', 'skipped'))",
        {"reviewer": reviewer},
    ).fetchone()
    return Standing(
        items=items,
        settled=settled,
        conflicts=waiting,
        answers=answers,
        mine=decisions,
        left=wanted - passed + later,
        agreement=agreeing / pairs if pairs else None,
        seconds=median_seconds(db, reviewer),
    )


def median_seconds(db: sqlite3.Connection, reviewer: str) -> float | None:
    """Of the seconds that a reader, or everybody, took for an item on the page."""
    where, values = (
        ("live AND ticket <> '' AND reviewer = ?", [reviewer]) if reviewer else ("live AND ticket <> ''", [])
    )
    (count,) = db.execute(f"SELECT count(*) FROM answers WHERE {where}", values).fetchone()  # noqa: S608  constants
    if not count:
        return None
    middle = db.execute(
        f"SELECT seconds FROM answers WHERE {where} ORDER BY seconds LIMIT ? OFFSET ?",  # noqa: S608  constants
        [*values, 2 - count % 2, (count - 1) // 2],
    ).fetchall()
    return float(sum(seconds for (seconds,) in middle) / len(middle))
