"""An answer, written to the log and into the tables. All here runs inside a transaction."""

import math
import sqlite3
from collections.abc import Mapping
from typing import Any

from wellkeeper.review import _handing, _rows
from wellkeeper.review.item import Settings
from wellkeeper.review.trail import Act, Entry

A_DAY = 86_400.0
"""Most seconds that are kept for one item."""


def record(
    db: sqlite3.Connection,
    act: Act,
    reviewer: str,
    number: int,
    said: Mapping[str, Any],
    settings: Settings,
    at: str,
) -> Entry:
    """Write an answer down, and what follows from it; the line of the log.

    Args:
        db: inside a transaction.
        act: how it came, `answer` or `import`.
        reviewer: whose it is.
        number: of the item, whose look this reader has not answered.
        said: label, note, seconds, turn and ticket; what else is in it stands in the log alone.
        settings: of the queue.
        at: ISO 8601, UTC.
    """
    turn, ticket = said["turn"], said["ticket"]
    name, shown = _rows.name_of(db, number)
    told = {"item": name, **said, "seconds": _kept(said["seconds"]), "shown": shown}
    entry = _rows.add_line(db, act, reviewer, told, at)
    db.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
        (entry.number, number, reviewer, turn, told["label"], told["seconds"], ticket),
    )
    db.execute(
        "UPDATE showings SET state = iif(ticket = :ticket, 'answered', 'dropped'), turn = :turn "
        "WHERE number = :number AND reviewer = :reviewer AND (turn = :turn OR ticket = :ticket)",
        {"ticket": ticket, "number": number, "reviewer": reviewer, "turn": turn},
    )
    [(decisions,)] = db.execute(
        "UPDATE readers SET decisions = decisions + 1 WHERE name = ? RETURNING decisions", (reviewer,)
    ).fetchall()
    db.execute("UPDATE totals SET answers = answers + 1")
    if act == "answer" and turn == 1:
        db.execute(
            "INSERT INTO repeats SELECT ?, ?, number FROM states WHERE number = ? AND repeated",
            (reviewer, decisions + settings.repeat_after, number),
        )
    if turn == 2:  # may be said on a page that was left open since before the first look was taken back
        db.execute("DELETE FROM repeats WHERE reviewer = ? AND number = ?", (reviewer, number))
    _handing.refresh(db, number, settings)
    return entry


def _kept(seconds: float) -> float:
    return 0.0 if math.isnan(seconds) else round(min(max(float(seconds), 0.0), A_DAY), 3)
