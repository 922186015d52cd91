"""Who is shown what next. All here runs inside a transaction, and touches a few rows however long the queue is.

A showing is an item in front of a reader, named by a ticket. It is `open` while leased, `stale` once the lease is over,
`answered`, `skipped` (shown again at the end, once), `declined` (skipped again) or `dropped` (of no use any more).

An item is open while fewer people have answered it, or have it leased, than it needs; gold always is. Readers go
through the open items in order, each from where they got to, so nobody walks past the same items twice. What opens
again behind them (a lease that is over, a skipped item, one that two people do not agree on) is put in a second row,
`again`, through which each reader goes in the same way, and before going on: a third reader is asked early.
"""

import secrets
import sqlite3
import unicodedata
from typing import Any

from wellkeeper.review._state import state_of
from wellkeeper.review.item import Settings

# Whether a reader could be shown an open item for the first time.
_IS_NEW = """
NOT EXISTS (
    SELECT 1 FROM showings h WHERE h.number = s.number AND h.reviewer = :reviewer AND h.turn = 1
    AND h.state IN ('open', 'stale', 'skipped', 'declined')
) AND NOT EXISTS (
    SELECT 1 FROM answers a WHERE a.number = s.number AND a.reviewer = :reviewer AND a.turn = 1 AND a.live
)
"""


def meet(db: sqlite3.Connection, reviewer: str) -> str:
    """Know a reader from now on; the name that they go by here, which may be spelt otherwise."""
    if db.execute("SELECT 1 FROM readers WHERE name = ?", (reviewer,)).fetchone():
        return reviewer
    name = unicodedata.normalize("NFC", " ".join(reviewer.split()))
    for (known,) in db.execute("SELECT name FROM readers"):
        if heard(known) == heard(name):
            return str(known)
    db.execute("INSERT INTO readers VALUES (?, 0, 0, 0, 0, 0)", (name,))
    return name


def heard(name: str) -> str:
    """A name as it is heard, in whatever letters it is written."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()


def next_ticket(
    db: sqlite3.Connection, reviewer: str, settings: Settings, now: float, *, after: str | None = None
) -> str | None:
    """What a reader is to be shown: their oldest open showing, or a new one; leased. None: nothing is left for them.

    Args:
        db: inside a transaction.
        reviewer: the reader.
        settings: of the queue.
        now: seconds since 1970.
        after: ticket that it comes after; None: the first.
    """
    let_go(db, settings, now)
    position = -1 << 62
    if after is not None:
        _renew(db, reviewer, settings, now, after)
        position = db.execute("SELECT position FROM showings WHERE ticket = ?", (after,)).fetchone()[0]
    mine = db.execute(
        "SELECT ticket, until FROM showings WHERE reviewer = ? AND state = 'open' AND position > ? "
        "ORDER BY position LIMIT 1",
        (reviewer, position),
    ).fetchone()
    if mine is not None:
        ticket, until = mine
        if until - now < settings.lease_seconds / 2:
            db.execute(
                "UPDATE showings SET until = ? WHERE ticket = ?", (now + settings.lease_seconds, ticket)
            )
        return str(ticket)
    return (
        _stale(db, reviewer, settings, now)
        or _due_repeat(db, reviewer, settings, now)
        or _new(db, reviewer, settings, now)
        or _skipped(db, reviewer, settings, now)
        or _due_repeat(db, reviewer, settings, now, at_once=True)
    )


def let_go(db: sqlite3.Connection, settings: Settings, now: float) -> None:
    """End the leases that are over, and those of a clock that was ahead: they would last until it is right."""
    furthest = now + 2 * settings.lease_seconds  # two, since others may have read the clock a little later
    for ticket, number, turn in db.execute(
        "SELECT ticket, number, turn FROM showings WHERE state = 'open' AND (until <= ? OR until > ?) "
        "ORDER BY until, ticket",
        (now, furthest),
    ).fetchall():
        db.execute("UPDATE showings SET state = 'stale' WHERE ticket = ?", (ticket,))
        if turn == 1:
            refresh(db, number, settings)


def show(
    db: sqlite3.Connection,
    reviewer: str,
    number: int,
    turn: int,
    settings: Settings,
    now: float,
    *,
    skips: int = 0,
    is_first: bool = False,
) -> str:
    """Put an item in front of a reader, after all that they have, or before it."""
    ticket = secrets.token_urlsafe(16)
    if is_first:
        (least,) = db.execute(
            "SELECT min(position) FROM showings WHERE reviewer = ? AND state IN ('open', 'stale')",
            (reviewer,),
        ).fetchone()
        position = 0 if least is None else least - 1
    else:
        [(position,)] = db.execute(
            "UPDATE readers SET position = position + 1 WHERE name = ? RETURNING position", (reviewer,)
        ).fetchall()
    db.execute(
        "INSERT INTO showings VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
        (ticket, number, reviewer, turn, position, now + settings.lease_seconds, skips),
    )
    if turn == 1:
        refresh(db, number, settings)
    return ticket


def _renew(db: sqlite3.Connection, reviewer: str, settings: Settings, now: float, ticket: str) -> None:
    """Lease a stale showing again, if nobody else was given its item meanwhile."""
    row = db.execute(
        "SELECT number, turn FROM showings WHERE ticket = ? AND reviewer = ? AND state = 'stale'",
        (ticket, reviewer),
    ).fetchone()
    if row is not None and (row[1] == 2 or _is_open(db, row[0])):
        _lease(db, ticket, row[0], row[1], settings, now)


def _lease(
    db: sqlite3.Connection, ticket: str, number: int, turn: int, settings: Settings, now: float
) -> None:
    db.execute(
        "UPDATE showings SET state = 'open', until = ? WHERE ticket = ?",
        (now + settings.lease_seconds, ticket),
    )
    if turn == 1:
        refresh(db, number, settings)


def _stale(db: sqlite3.Connection, reviewer: str, settings: Settings, now: float) -> str | None:
    """What the reader was shown before their leases were over, unless others have it now."""
    for ticket, number, turn in db.execute(
        "SELECT ticket, number, turn FROM showings WHERE reviewer = ? AND state = 'stale' ORDER BY position",
        (reviewer,),
    ).fetchall():
        if turn == 2 or _is_open(db, number):
            _lease(db, ticket, number, turn, settings, now)
            return str(ticket)
        if not _is_wanted(db, number):
            db.execute("UPDATE showings SET state = 'dropped' WHERE ticket = ?", (ticket,))
    return None


def _due_repeat(
    db: sqlite3.Connection, reviewer: str, settings: Settings, now: float, *, at_once: bool = False
) -> str | None:
    """A second look that is due; with `at_once`, the one that is due next."""
    row = db.execute(
        "SELECT due, number FROM repeats JOIN readers ON name = reviewer WHERE reviewer = ? "
        "AND (due <= decisions OR ?) ORDER BY due, number LIMIT 1",
        (reviewer, at_once),
    ).fetchone()
    if row is None:
        return None
    db.execute("DELETE FROM repeats WHERE reviewer = ? AND due = ? AND number = ?", (reviewer, *row))
    return show(db, reviewer, row[1], 2, settings, now)


def _new(db: sqlite3.Connection, reviewer: str, settings: Settings, now: float) -> str | None:
    """The first open item that the reader has not seen: of those that opened again, then of the others."""
    again = db.execute(
        "SELECT s.number, s.again FROM states s, readers r WHERE r.name = :reviewer AND s.open "  # noqa: S608  a constant
        f"AND s.again IS NOT NULL AND s.again > r.again AND {_IS_NEW} ORDER BY s.again LIMIT 1",
        {"reviewer": reviewer},
    ).fetchone()
    if again is not None:
        db.execute("UPDATE readers SET again = ? WHERE name = ?", (again[1], reviewer))
        return show(db, reviewer, again[0], 1, settings, now)
    db.execute("UPDATE readers SET again = (SELECT again FROM totals) WHERE name = ?", (reviewer,))
    row = db.execute(
        "SELECT s.number FROM states s, readers r WHERE r.name = :reviewer AND s.open "  # noqa: S608  a constant
        f"AND s.number > r.reached AND {_IS_NEW} ORDER BY s.number LIMIT 1",
        {"reviewer": reviewer},
    ).fetchone()
    if row is None:
        db.execute(
            "UPDATE readers SET reached = (SELECT max(number) FROM states) WHERE name = ?", (reviewer,)
        )
        return None
    db.execute("UPDATE readers SET reached = ? WHERE name = ?", (row[0], reviewer))
    return show(db, reviewer, row[0], 1, settings, now)


def _skipped(db: sqlite3.Connection, reviewer: str, settings: Settings, now: float) -> str | None:
    """What the reader skipped, one after the other, once."""
    for ticket, number, turn in db.execute(
        "SELECT ticket, number, turn FROM showings WHERE reviewer = ? AND state = 'skipped' ORDER BY position",
        (reviewer,),
    ).fetchall():
        if turn == 1 and not _is_open(db, number):
            if not _is_wanted(db, number):
                db.execute("UPDATE showings SET state = 'dropped' WHERE ticket = ?", (ticket,))
            continue
        db.execute("UPDATE showings SET state = 'dropped' WHERE ticket = ?", (ticket,))
        return show(db, reviewer, number, turn, settings, now, skips=1)
    return None


def _is_open(db: sqlite3.Connection, number: int) -> bool:
    return bool(db.execute("SELECT open FROM states WHERE number = ?", (number,)).fetchone()[0])


def _is_wanted(db: sqlite3.Connection, number: int) -> bool:
    return bool(db.execute("SELECT wanted FROM states WHERE number = ?", (number,)).fetchone()[0])


# --- what follows from answers and leases ----------------------------------------------------------------------------

_COUNTED = ("settled", "waiting", "pair", "agreeing")


def refresh(db: sqlite3.Connection, number: int, settings: Settings) -> None:
    """Write down anew where an item stands, and what that changes in the sums."""
    columns = ("gold", "readers", "repeated", "open", "again", "wanted", *_COUNTED)
    row = db.execute(f"SELECT {', '.join(columns)} FROM states WHERE number = ?", (number,)).fetchone()  # noqa: S608  constants
    before: dict[str, Any] = dict(zip(columns, row, strict=True))
    looks = db.execute(
        "SELECT label, reviewer FROM answers WHERE number = ? AND turn = 1 AND live ORDER BY entry", (number,)
    ).fetchall()
    labels = [label for label, _ in looks]
    state = state_of(
        labels,
        readers=before["readers"],
        is_gold=bool(before["gold"]),
        asks_third=settings.third_reader,
    )
    (leased,) = db.execute(
        "SELECT count(*) FROM showings WHERE number = ? AND turn = 1 AND state = 'open'", (number,)
    ).fetchone()
    is_pair = len(labels) > 1 and not before["gold"]
    after = {
        "settled": state.is_settled,
        "waiting": state.is_waiting,
        "pair": is_pair,
        "agreeing": is_pair and labels[0] == labels[1],
        "wanted": state.is_wanted,
        "open": bool(before["gold"]) or state.given + leased < state.needed,
    }
    again = before["again"]
    if after["open"] and not before["open"]:
        [(again,)] = db.execute("UPDATE totals SET again = again + 1 RETURNING again").fetchall()
    db.execute(
        "UPDATE states SET needed = ?, given = ?, label = ?, settled = ?, waiting = ?, pair = ?, agreeing = ?, "
        "wanted = ?, open = ?, leased = ?, again = ? WHERE number = ?",
        (state.needed, state.given, state.label, *after.values(), leased, again, number),
    )
    weight = 1 + before["repeated"]
    if any(after[name] != before[name] for name in (*_COUNTED, "wanted")):
        db.execute(
            "UPDATE totals SET settled = settled + ?, waiting = waiting + ?, pairs = pairs + ?, "
            "agreeing = agreeing + ?, wanted = wanted + ?",
            (
                *(after[name] - before[name] for name in _COUNTED),
                weight * (after["wanted"] - before["wanted"]),
            ),
        )
    _pass(db, number, {reviewer for _, reviewer in looks}, weight if state.is_wanted else 0)


def _pass(db: sqlite3.Connection, number: int, answered: set[str], looks: int) -> None:
    """Keep the sums of what readers are done with though others are still wanted: it is not left for them."""
    declined = db.execute(
        "SELECT reviewer FROM showings WHERE number = ? AND turn = 1 AND state = 'declined'", (number,)
    )
    done = answered.union(one for (one,) in declined)
    wanted = dict.fromkeys(done, looks) if looks else {}
    stored = dict(db.execute("SELECT reviewer, looks FROM passed WHERE number = ?", (number,)))
    for reviewer in wanted.keys() | stored.keys():
        change = wanted.get(reviewer, 0) - stored.get(reviewer, 0)
        if change:
            db.execute("UPDATE readers SET passed = passed + ? WHERE name = ?", (change, reviewer))
            if reviewer in wanted:
                db.execute("INSERT INTO passed VALUES (?, ?, ?)", (number, reviewer, looks))
            else:
                db.execute("DELETE FROM passed WHERE number = ? AND reviewer = ?", (number, reviewer))
