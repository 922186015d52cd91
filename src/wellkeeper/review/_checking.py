"""Whether a queue's file is what its log says.

The chain is whole, what is asked is what was asked, and the tables hold what follows from the lines of the log and
nothing else.

Leases are not looked at: they follow from nothing, and end by themselves.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellkeeper.review import _tables
from wellkeeper.review._state import state_of
from wellkeeper.review.item import Settings
from wellkeeper.review.trail import Entry, breaks


@dataclass(slots=True)
class _Said:
    """An answer, as the log tells it."""

    entry: int
    item: str
    reviewer: str
    turn: int
    label: str
    seconds: float
    ticket: str
    shown: str
    is_live: bool = True
    due: int | None = None  # decisions of the reader at which they are shown it again


@dataclass(slots=True)
class _Replayed:
    """What the log tells, from its first line to its last."""

    said: dict[int, _Said] = field(default_factory=dict)  # by line
    decisions: Counter[str] = field(default_factory=Counter)  # that stand, by reader
    problems: list[str] = field(default_factory=list)

    def firsts(self) -> dict[str, list[_Said]]:
        """First looks that stand, by item, in the order of the log."""
        found: dict[str, list[_Said]] = defaultdict(list)
        for one in self.said.values():
            if one.is_live and one.turn == 1:
                found[one.item].append(one)
        return found


def problems_of(db: sqlite3.Connection, settings: Settings) -> list[str]:
    """What is wrong, in words; nothing where all is well."""
    damage = [row[0] for row in db.execute("PRAGMA quick_check") if row[0] != "ok"]
    if damage:
        return [f"the file is damaged: {one}" for one in damage]
    log = list(_tables.lines(db))
    if not log or log[0].act != "begin":
        return ["the log does not begin with what is asked"]
    problems = [said for _, said in breaks(log)]
    problems += _asked(db, log)
    replayed = _replay(db, log, settings)
    problems += replayed.problems
    problems += _answers(db, replayed)
    problems += _states(db, replayed, settings)
    problems += _readers(db, replayed)
    return problems


# --- what is asked ---------------------------------------------------------------------------------------------------


def _asked(db: sqlite3.Connection, log: Sequence[Entry]) -> Iterator[str]:
    told, said, line = _tables.what_is_asked(db), dict(log[0].told), 1
    for entry in log:
        if entry.act == "add":  # what is asked since then
            said |= {name: entry.told.get(name) for name in ("items", "digest")}
            line = entry.number
    words = {"items": "the number of items", "digest": "an item, or its place,"}
    for name in sorted(told.keys() | said.keys()):
        if told.get(name) != said.get(name):
            what = words.get(name, f"the {name}")
            yield f"{what} is not what line {line} says; it was changed after the queue was made"
    for number, name, kept, digest in db.execute(
        "SELECT number, id, told, digest FROM items ORDER BY number"
    ):
        if _tables.read_item(db, number, kept).digest != digest:
            yield f"what item {name} shows was changed after the queue was made"


# --- what was answered -----------------------------------------------------------------------------------------------


def _replay(db: sqlite3.Connection, log: Iterable[Entry], settings: Settings) -> _Replayed:
    items = {
        name: (digest, bool(repeated))
        for name, digest, repeated in db.execute(
            "SELECT id, digest, repeated FROM items JOIN states USING (number)"
        )
    }
    found = _Replayed()
    standing: dict[tuple[str, str, int], int] = {}  # item, reader, turn -> line
    for entry in log:
        try:
            if entry.act in {"answer", "import"}:
                _say(found, standing, entry, items, settings)
            elif entry.act == "undo":
                _take_back(found, standing, entry)
        except (KeyError, TypeError, ValueError):
            found.problems.append(f"line {entry.number} of the log does not tell what an answer tells")
    return found


def _say(
    found: _Replayed,
    standing: dict[tuple[str, str, int], int],
    entry: Entry,
    items: Mapping[str, tuple[str, bool]],
    settings: Settings,
) -> None:
    told, number = entry.told, entry.number
    one = _Said(
        entry=number,
        item=told["item"],
        reviewer=entry.reviewer,
        turn=int(told["turn"]),
        label=told["label"],
        seconds=float(told["seconds"]),
        ticket=told["ticket"],
        shown=told["shown"],
    )
    digest, is_repeated = items.get(one.item, ("", False))
    if digest != one.shown:
        what = "shows something else now" if digest else "is not in the queue"
        found.problems.append(f"line {number} answers item {one.item}, which {what}")
    if (one.item, one.reviewer, one.turn) in standing:
        found.problems.append(f"line {number} answers what {one.reviewer} had answered already")
    standing[one.item, one.reviewer, one.turn] = number
    found.said[number] = one
    found.decisions[one.reviewer] += 1
    if is_repeated and one.turn == 1 and entry.act == "answer":
        one.due = found.decisions[one.reviewer] + settings.repeat_after


def _take_back(found: _Replayed, standing: dict[tuple[str, str, int], int], entry: Entry) -> None:
    one = found.said.get(entry.told["entry"])
    if one is None or not one.is_live or one.reviewer != entry.reviewer:
        found.problems.append(f"line {entry.number} takes back what {entry.reviewer} had not answered")
        return
    one.is_live = False
    del standing[one.item, one.reviewer, one.turn]
    found.decisions[one.reviewer] -= 1


def _answers(db: sqlite3.Connection, replayed: _Replayed) -> Iterator[str]:
    stored = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT entry, id, reviewer, turn, label, seconds, ticket, live FROM answers LEFT JOIN items USING (number)"
        )
    }
    for number, one in replayed.said.items():
        row = stored.pop(number, None)
        if row == (*_told(one), one.is_live):
            continue
        said = f"line {number} says that {one.reviewer} answered {one.label} to item {one.item}"
        if row is None:
            yield f"{said}, and the table of answers has no such answer"
        elif row[:-1] == _told(one):
            yield f"{said}{'' if one.is_live else ' and took it back'}, and the table of answers says otherwise"
        else:
            yield f"{said}, and the table of answers says that {row[1]} answered {row[3]} to item {row[0]}"
    for number in stored:
        yield f"the table of answers has an answer of line {number}, and the log tells of none there"


def _told(one: _Said) -> tuple[Any, ...]:
    return one.item, one.reviewer, one.turn, one.label, one.seconds, one.ticket


# --- what follows from it --------------------------------------------------------------------------------------------


def _states(db: sqlite3.Connection, replayed: _Replayed, settings: Settings) -> Iterator[str]:
    firsts = replayed.firsts()
    leased = Counter(
        number for (number,) in db.execute("SELECT number FROM showings WHERE turn = 1 AND state = 'open'")
    )
    declined = defaultdict(set)
    for number, reviewer in db.execute(
        "SELECT number, reviewer FROM showings WHERE turn = 1 AND state = 'declined'"
    ):
        declined[number].add(reviewer)
    sums = Counter[str]()
    passed = Counter[str]()
    for number, name, gold, readers, repeated, *row in db.execute(
        "SELECT number, id, gold, readers, repeated, needed, given, label, settled, waiting, wanted, pair, agreeing, "
        "leased, open FROM items JOIN states USING (number) ORDER BY number"
    ):
        given = firsts.get(name, [])
        labels = [one.label for one in given]
        state = state_of(labels, readers=readers, is_gold=bool(gold), asks_third=settings.third_reader)
        is_pair = len(labels) > 1 and not gold
        is_agreeing = is_pair and labels[0] == labels[1]
        is_open = bool(gold) or state.given + leased[number] < state.needed
        derived = [
            *(state.needed, state.given, state.label, state.is_settled, state.is_waiting, state.is_wanted),
            *(is_pair, is_agreeing, leased[number], is_open),
        ]
        if row != derived:
            yield f"where item {name} stands is not what the log says: {_state(row)}, not {_state(derived)}"
        looks = (1 + repeated) if state.is_wanted else 0
        sums.update(
            items=not gold,
            settled=state.is_settled,
            waiting=state.is_waiting,
            pairs=is_pair,
            agreeing=is_agreeing,
            wanted=looks,
        )
        for reviewer in {one.reviewer for one in given} | declined[number]:
            passed[reviewer] += looks
    sums["answers"] = replayed.decisions.total()
    stored = db.execute(f"SELECT {', '.join(sums)} FROM totals").fetchone()  # noqa: S608  names of columns
    for name, found in zip(sums, stored, strict=True):
        if found != sums[name]:
            yield f"the sum of {name} is {found}, and the log makes it {sums[name]}"
    for reviewer, found in db.execute("SELECT name, passed FROM readers"):
        if found != passed[reviewer]:
            yield f"the sum of what is done for {reviewer} is {found}, and the log makes it {passed[reviewer]}"


def _state(row: Sequence[Any]) -> str:
    needed, given, label, is_settled = row[:4]
    return f"{given} of {needed} answers, {'settled' if is_settled else 'open'}, {label or 'no label'}"


def _readers(db: sqlite3.Connection, replayed: _Replayed) -> Iterator[str]:
    decisions = dict(db.execute("SELECT name, decisions FROM readers"))
    for reviewer in replayed.decisions.keys() | decisions.keys():
        if decisions.get(reviewer, 0) != replayed.decisions[reviewer]:
            yield (
                f"{reviewer} has {decisions.get(reviewer, 0)} decisions, and the log makes it "
                f"{replayed.decisions[reviewer]}"
            )
    seen = set(
        db.execute(
            "SELECT reviewer, id FROM showings JOIN items USING (number) WHERE turn = 2 AND state <> 'dropped'"
        )
    )
    due = {
        (one.reviewer, one.due, one.item)
        for one in replayed.said.values()
        if one.is_live and one.due is not None and (one.reviewer, one.item) not in seen
    }
    stored = set(db.execute("SELECT reviewer, due, id FROM repeats LEFT JOIN items USING (number)"))
    for reviewer, _, item in sorted(due ^ stored, key=str):
        yield f"whether {reviewer} is shown item {item} a second time is not what the log says"
