"""The file of a queue: its tables, how it is made, and how an item is read from it.

What is asked never changes after the file is made, and the first line of the log names it by a digest. Texts are kept
as bytes, since text from the web may hold half a surrogate pair, which SQLite's text cannot.
"""

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from wellkeeper.engine.database import Database, Layout
from wellkeeper.engine.store import flush
from wellkeeper.errors import InputError, WorkError
from wellkeeper.review._state import state_of
from wellkeeper.review.item import Item, Placed, Pool, Settings, item_from_json, item_to_json
from wellkeeper.review.question import Question
from wellkeeper.review.trail import START, Entry, chained, read_entry

SCHEMA = "wellkeeper.review-file/1"

LAYOUT = Layout(
    application=0x776B7271,  # "wkrq"
    version=1,
    name="review queue",
    otherwise="Give the file that `wellkeeper review init` made.",
    older="Finish it with the version that made it, or make a new queue.",
    newer="Upgrade wellkeeper.",
    broken="is damaged, or no review queue ({error}). Restore it from a copy.",
    schema="""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rank INTEGER, told TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE texts (number INTEGER NOT NULL, side INTEGER NOT NULL, text BLOB NOT NULL, PRIMARY KEY (number, side));
CREATE TABLE states (
    number INTEGER PRIMARY KEY, gold INTEGER NOT NULL, readers INTEGER NOT NULL, repeated INTEGER NOT NULL,
    needed INTEGER NOT NULL, given INTEGER NOT NULL, label TEXT NOT NULL, settled INTEGER NOT NULL,
    waiting INTEGER NOT NULL, wanted INTEGER NOT NULL, pair INTEGER NOT NULL, agreeing INTEGER NOT NULL,
    leased INTEGER NOT NULL, open INTEGER NOT NULL, again INTEGER
);
CREATE INDEX states_open ON states (number) WHERE open;
CREATE INDEX states_again ON states (again) WHERE open AND again IS NOT NULL;
CREATE TABLE totals (
    items INTEGER NOT NULL, settled INTEGER NOT NULL, waiting INTEGER NOT NULL, pairs INTEGER NOT NULL,
    agreeing INTEGER NOT NULL, wanted INTEGER NOT NULL, answers INTEGER NOT NULL, again INTEGER NOT NULL
);
CREATE TABLE readers (
    name TEXT PRIMARY KEY, reached INTEGER NOT NULL, again INTEGER NOT NULL, position INTEGER NOT NULL,
    decisions INTEGER NOT NULL, passed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE passed (
    number INTEGER NOT NULL, reviewer TEXT NOT NULL, looks INTEGER NOT NULL, PRIMARY KEY (number, reviewer)
) WITHOUT ROWID;
CREATE TABLE showings (
    ticket TEXT PRIMARY KEY, number INTEGER NOT NULL, reviewer TEXT NOT NULL, turn INTEGER NOT NULL,
    position INTEGER NOT NULL, until REAL NOT NULL, state TEXT NOT NULL, skips INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX showings_until ON showings (until) WHERE state = 'open';
CREATE INDEX showings_mine ON showings (reviewer, state, position);
CREATE INDEX showings_item ON showings (number, reviewer, turn, state);
CREATE TABLE repeats (
    reviewer TEXT NOT NULL, due INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (reviewer, due, number)
) WITHOUT ROWID;
CREATE TABLE answers (
    entry INTEGER PRIMARY KEY, number INTEGER NOT NULL, reviewer TEXT NOT NULL, turn INTEGER NOT NULL,
    label TEXT NOT NULL, seconds REAL NOT NULL, ticket TEXT NOT NULL, live INTEGER NOT NULL
);
CREATE UNIQUE INDEX answers_once ON answers (number, reviewer, turn) WHERE live;
CREATE UNIQUE INDEX answers_ticket ON answers (ticket) WHERE ticket <> '';
CREATE INDEX answers_last ON answers (reviewer, entry) WHERE live;
CREATE INDEX answers_seconds ON answers (reviewer, seconds) WHERE live AND ticket <> '';
CREATE TABLE log (number INTEGER PRIMARY KEY, line TEXT NOT NULL);
""",
)


def make_file(
    path: Path,
    *,
    question: Question,
    placed: Iterable[Placed],
    pool: Pool,
    settings: Settings,
    about: Mapping[str, str],
    at: str,
) -> None:
    """Write a queue whole, for its owner alone to read: it is under its name once everything is in it.

    Raises:
        InputError: there is a file already, nothing stands in the queue, or something that stands in it cannot.
        WorkError: it cannot be written.
    """
    _check_settings(settings)
    if path.exists():
        raise _there_already(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        # For its owner alone from its first byte on: SQLite gives what lies beside it the same rights.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        database = Database(temporary, LAYOUT)
        try:
            # Until it has its name the file may be lost: neither a journal on the disk nor waiting for it is of use.
            database.rows("PRAGMA journal_mode = MEMORY")
            database.rows("PRAGMA synchronous = OFF")
            with database.transaction() as db:
                _fill(db, question, placed, pool, settings, about, at)
        finally:
            database.close()
        flush(temporary)
        _name(temporary, path)
    except OSError as error:
        raise WorkError(
            f"{path} cannot be written ({error.strerror or error}). Check the folder, its rights and the space on the "
            "disk, then run the same command again."
        ) from error
    finally:
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                temporary.with_name(temporary.name + end).unlink()


def _name(temporary: Path, path: Path) -> None:
    """Give a finished file its name, unless another process took that in the meantime."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _there_already(path) from None
    except OSError:  # a disk without hard links
        if path.exists():
            raise _there_already(path) from None
        temporary.replace(path)
    flush(path.parent)


def _there_already(path: Path) -> InputError:
    return InputError(
        f"{path} is there already, and answers of people may be in it. Give another file with --queue, or move that "
        "one away."
    )


def _check_settings(settings: Settings) -> None:
    if not 0 < settings.lease_seconds < math.inf:
        raise InputError(
            f"A lease of {settings.lease_seconds:g} seconds cannot be kept. Give more than 0, such as 600."
        )
    if settings.repeat_after < 0:
        raise InputError(f"Repeats cannot come after {settings.repeat_after} decisions. Give 0 or more.")


def _fill(
    db: sqlite3.Connection,
    question: Question,
    placed: Iterable[Placed],
    pool: Pool,
    settings: Settings,
    about: Mapping[str, str],
    at: str,
) -> None:
    looks = items = number = 0
    for number, one in enumerate(placed, 1):
        insert_item(db, number, one, question, settings)
        looks += 1 + one.repeated
        items += not one.item.gold
    if not number:
        raise InputError(
            "Nothing stands in the queue: there is nothing to ask. Ask of another result or kind."
        )
    facts = {
        "question": question.to_json(),
        "pool": asdict(pool),
        "settings": asdict(settings),
        "about": dict(about),
    }
    db.executemany(
        "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()]
    )
    db.execute("INSERT INTO totals VALUES (?, 0, 0, 0, 0, ?, 0, 0)", (items, looks))
    keep(db, chained(START, number=1, act="begin", at=at, reviewer="", told=what_is_asked(db)))


def insert_item(
    db: sqlite3.Connection, number: int, one: Placed, question: Question, settings: Settings
) -> None:
    """Put an item in a queue, to which nobody has said anything yet.

    Raises:
        InputError: it cannot stand in it.
    """
    _check(one, question)
    try:
        _insert(db, number, one, settings)
    except sqlite3.IntegrityError:
        raise InputError(
            f"Two items of the queue are called {one.item.id}. Give each an id of its own."
        ) from None


def _check(one: Placed, question: Question) -> None:
    item = one.item
    if item.gold:
        question.label(item.gold)
    if len(item.texts) not in {1, 2}:
        raise InputError(f"Item {item.id} has {len(item.texts)} texts. Give one, or two to compare.")
    if one.readers < 1:
        raise InputError(f"Item {item.id} is for {one.readers} readers. Give 1 or more.")
    try:
        item.id.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"The id {item.id!r} cannot be written to a file. Give ids of whole characters."
        ) from None


def _insert(db: sqlite3.Connection, number: int, one: Placed, settings: Settings) -> None:
    item = one.item
    db.execute(
        "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
        (number, item.id, one.rank, json.dumps(item_to_json(item)), item.digest),
    )
    db.executemany(
        "INSERT INTO texts VALUES (?, ?, ?)",
        [(number, side, text.encode("utf-8", "surrogatepass")) for side, text in enumerate(item.texts)],
    )
    needed = state_of(
        [], readers=one.readers, is_gold=bool(item.gold), asks_third=settings.third_reader
    ).needed
    db.execute(
        "INSERT INTO states VALUES (?, ?, ?, ?, ?, 0, '', 0, 0, 1, 0, 0, 0, 1, NULL)",
        (number, bool(item.gold), one.readers, one.repeated, needed),
    )


def what_is_asked(db: sqlite3.Connection) -> dict[str, Any]:
    """What the first line of the log tells of a queue: its facts, and a digest of all its items."""
    digest, items = hashlib.sha256(), 0
    for line in asked_lines(db):
        digest.update(line.encode() + b"\n")
        items += 1
    return {"schema": SCHEMA, **read_facts(db), "items": items, "digest": digest.hexdigest()}


def asked_lines(db: sqlite3.Connection) -> Iterator[str]:
    """What stands in a queue, a line of JSON an item: the log's first line names their SHA-256."""
    for row in db.execute(
        "SELECT number, id, rank, told, digest, gold, readers, repeated FROM items JOIN states USING (number) "
        "ORDER BY number"
    ):
        yield json.dumps(row)


# --- reading ----------------------------------------------------------------------------------------------------------

PLACED = "number, rank, told, readers, repeated FROM items JOIN states USING (number)"
"""What `read_placed` reads, after SELECT."""


def read_facts(db: sqlite3.Connection) -> dict[str, Any]:
    """What was said of the whole queue when it was made: question, pool, settings, about."""
    return {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM facts")}


def read_placed(db: sqlite3.Connection, row: tuple[Any, ...]) -> Placed:
    """An item at its place."""
    number, rank, told, readers, repeated = row
    return Placed(
        item=read_item(db, number, told),
        rank=rank,
        readers=readers,
        repeated=bool(repeated),
    )


def read_item(db: sqlite3.Connection, number: int, told: str) -> Item:
    """An item with its texts."""
    with told_if_damaged(f"item {number}"):
        return item_from_json(json.loads(told), read_texts(db, number))


def read_texts(db: sqlite3.Connection, number: int) -> tuple[str, ...]:
    """What an item shows."""
    rows = db.execute(
        "SELECT CAST(text AS BLOB) FROM texts WHERE number = ? ORDER BY side", (number,)
    ).fetchall()
    with told_if_damaged(f"what item {number} shows"):
        return tuple(text.decode("utf-8", "surrogatepass") for (text,) in rows)


def read_line(line: str, number: int) -> Entry:
    """A line of the log."""
    with told_if_damaged(f"line {number} of the log"):
        return read_entry(json.loads(line))


@contextmanager
def told_if_damaged(what: str) -> Iterator[None]:
    """What cannot be read inside was changed by hand or by a broken disk.

    Raises:
        InputError: it was.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"The review queue is damaged: {what} cannot be read. Restore its file from a copy."
        ) from error


def keep(db: sqlite3.Connection, entry: Entry) -> Entry:
    """Write a line of the log."""
    db.execute("INSERT INTO log VALUES (?, ?)", (entry.number, json.dumps(entry.to_json())))
    return entry


def lines(db: sqlite3.Connection) -> Iterator[Entry]:
    """The log.

    Raises:
        InputError: a line cannot be read.
    """
    for number, line in db.execute("SELECT number, line FROM log ORDER BY number"):
        yield read_line(line, number)
