"""What a watch has seen, in one SQLite file: `watch.sqlite`.

A week is one transaction: a run that is killed leaves the weeks before and nothing of its own but the note that it was
begun. What is in here is never changed; an alarm that was called stays called, since it follows from these rows.

Answers are kept as plain text, for looking at. Keys are not: none is ever here. The file wants a local disk
(`wellkeeper.engine.database`).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from wellkeeper.core.answers import Output, prompt_digest
from wellkeeper.engine.database import Database, Layout
from wellkeeper.errors import InputError, WorkError
from wellkeeper.suites.run import Answered
from wellkeeper.watch.timeline import Fingerprint, Week

FILE = "watch.sqlite"
LOCK = "watch.lock"

Side: TypeAlias = Literal["watched", "reference"]
REFERENCE_WEEK = 0
"""The number under which stored answers of a reference, and a judge's first judgements, are kept."""

_LAYOUT = Layout(
    application=0x776B7774,  # "wkwt"
    version=1,
    name="watch",
    otherwise="Give the folder of a watch.",
    older="Begin the watch anew.",
    newer="Upgrade wellkeeper.",
    broken="is damaged, or no watch ({error}). Restore it from a copy.",
    schema="""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE weeks (
    number INTEGER PRIMARY KEY, date TEXT NOT NULL, version TEXT NOT NULL, reason TEXT NOT NULL,
    items INTEGER NOT NULL, answers INTEGER NOT NULL, tokens INTEGER NOT NULL, is_complete INTEGER NOT NULL,
    notes TEXT NOT NULL
);
CREATE TABLE items (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, prompt TEXT, good TEXT NOT NULL, slices TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX items_digest ON items (digest);
CREATE TABLE answers (
    week INTEGER NOT NULL, item TEXT NOT NULL, side TEXT NOT NULL, batch INTEGER NOT NULL,
    outputs TEXT NOT NULL, scores TEXT NOT NULL,
    PRIMARY KEY (week, item, side, batch)
) WITHOUT ROWID;
CREATE TABLE measured (
    week INTEGER NOT NULL, item TEXT NOT NULL, side TEXT NOT NULL, batch INTEGER NOT NULL,
    accuracy REAL, degenerate REAL NOT NULL, diversity REAL,
    PRIMARY KEY (week, item, side, batch)
) WITHOUT ROWID;
CREATE TABLE judgements (
    week INTEGER NOT NULL, anchor TEXT NOT NULL, batch INTEGER NOT NULL, score REAL,
    PRIMARY KEY (week, anchor, batch)
) WITHOUT ROWID;
CREATE TABLE looks (
    id INTEGER PRIMARY KEY, era INTEGER NOT NULL, date TEXT NOT NULL, is_reference INTEGER NOT NULL,
    distance REAL, bound REAL, is_changed INTEGER NOT NULL, tokens INTEGER NOT NULL, seen TEXT NOT NULL
);
CREATE TABLE periods (first_week INTEGER PRIMARY KEY, date TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE notified (
    metric TEXT NOT NULL, period INTEGER NOT NULL, date TEXT NOT NULL, PRIMARY KEY (metric, period)
);
CREATE TABLE snapshots (number INTEGER PRIMARY KEY, figures TEXT NOT NULL);
""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the answers to one item in one batch are worth."""

    accuracy: float | None  # mean score in [0, 1]; None: unknown, or not scored
    degenerate: float  # share of answers that are empty, cut, refused or errors
    diversity: float | None  # mean distance of two answers, in [0, 1]; None: there is one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBatch:
    """Answers of one side to one item: of a week, or of the reference's time number `batch`."""

    side: Side
    batch: int
    answered: Answered
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the judge made of an answer that people have labelled."""

    anchor: str
    batch: int
    score: float | None  # in [0, 1]; None: it could not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """First tokens of all prompts of the fingerprint at one time."""

    era: int  # rises by 1 with every change
    is_reference: bool  # recorded at the begin of an era
    fingerprint: Fingerprint | None  # None: recorded, and held against nothing
    tokens: int
    date: str
    seen: tuple[Mapping[str, float], ...]  # of each prompt: first token -> natural logarithm of its chance


MeasuredWeek: TypeAlias = Mapping[tuple[Side, int], Mapping[str, Measured]]
"""By side and batch, then by item."""


def refuse_second(folder: Path) -> None:
    """Say that a folder holds a watch already, before anything is asked or written for another.

    Raises:
        InputError: it does, or what it holds is damaged.
        WorkError: what it holds cannot be opened.
    """
    if (folder / FILE).exists():
        WatchStore(folder, begin=True).close()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have a watch to oneself inside: two runs at once would pay for the same answers twice.

    The lock is one of SQLite's on an empty file, which ends with the process, however that ends.

    Raises:
        WorkError: another process has it, or the file cannot be made.
    """
    path = folder / LOCK
    try:
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("BEGIN EXCLUSIVE")
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise WorkError(
                f"Another run of the watch in {folder} is under way. Wait for its end, then run the same command again."
            ) from error
        raise WorkError(
            f"{path} cannot be used ({error}). Check the folder, its rights and the space on the disk, then run the "
            "same command again."
        ) from error
    try:
        yield
    finally:
        db.close()


class WatchStore:
    """The file."""

    def __init__(self, folder: Path, *, begin: bool = False) -> None:
        """Open the file of a watch; with `begin`, make one.

        Raises:
            InputError: there is none, there is one already, or it is something else or of a newer version.
            WorkError: it cannot be opened.
        """
        self.path = folder / FILE
        if not begin and not self.path.exists():
            raise _no_watch(folder)
        self._database = Database(self.path, _LAYOUT)
        try:
            self._check_facts(folder, begin=begin)
        except BaseException:
            self.close()
            raise

    def _check_facts(self, folder: Path, *, begin: bool) -> None:
        """`watch init` keeps facts at its end: without any, it was stopped before."""
        is_watch = bool(self.facts())
        if begin and is_watch:
            raise InputError(f"{folder} holds a watch already. Go on with: wellkeeper watch run {folder}")
        if not begin and not is_watch:
            raise _no_watch(folder)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read inside is of one moment, whatever another process writes meanwhile; nothing waits for it."""
        return self._database.snapshot()

    # --- facts -----------------------------------------------------------------------------------------------------

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Keep facts about the watch, such as when it was made; a name that is there is overwritten."""
        with self._database.transaction() as db:
            _keep_facts(db, facts)

    def facts(self) -> dict[str, Any]:
        return {
            name: json.loads(value) for name, value in self._database.rows("SELECT name, value FROM facts")
        }

    # --- weeks -----------------------------------------------------------------------------------------------------

    def weeks(self) -> tuple[Week, ...]:
        """All weeks, complete or begun, by number."""
        columns = "number, date, version, reason, items, answers, tokens, is_complete"
        return tuple(
            Week(
                number=row[0],
                date=row[1],
                version=row[2],
                reason=row[3],
                items=row[4],
                answers=row[5],
                tokens=row[6],
                is_complete=bool(row[7]),
            )
            for row in self._database.rows(f"SELECT {columns} FROM weeks ORDER BY number")  # noqa: S608  a constant
        )

    def notes(self) -> dict[int, list[str]]:
        """What was said of each week."""
        return {
            number: json.loads(notes)
            for number, notes in self._database.rows("SELECT number, notes FROM weeks")
        }

    def begin_week(self, week: Week) -> Week:
        """Note that a week is begun; gives the note that is there, if one was begun before."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO weeks VALUES (?, ?, ?, ?, 0, 0, 0, 0, '[]')",
                (week.number, week.date, week.version, week.reason),
            )
        return next(one for one in self.weeks() if one.number == week.number)

    def complete_week(
        self,
        week: Week,
        batches: Iterable[AnsweredBatch],
        judgements: Iterable[Judgement] = (),
        *,
        notes: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a week whole, in one transaction, with facts that go with it.

        Raises:
            WorkError: another run completed it in the meantime.
        """
        with self._database.transaction() as db:
            if self._database.number(
                "SELECT count(*) FROM weeks WHERE number = ? AND is_complete", (week.number,)
            ):
                raise WorkError(
                    f"Another run has completed week {week.number} in the meantime. See it: wellkeeper watch report "
                    f"{self.path.parent}"
                )
            db.execute(
                "INSERT OR REPLACE INTO weeks VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)",
                (
                    *(week.number, week.date, week.version, week.reason, week.items, week.answers),
                    *(week.tokens, json.dumps(list(notes))),
                ),
            )
            _keep_batches(db, week.number, batches)
            _keep_judgements(db, week.number, judgements)
            _keep_facts(db, facts or {})

    def keep_reference(
        self, batches: Iterable[AnsweredBatch], judgements: Iterable[Judgement], facts: Mapping[str, Any]
    ) -> None:
        """Keep a reference's stored answers, a judge's first judgements and facts, in one transaction."""
        with self._database.transaction() as db:
            _keep_batches(db, REFERENCE_WEEK, batches)
            _keep_judgements(db, REFERENCE_WEEK, judgements)
            _keep_facts(db, facts)

    def measured(self) -> dict[int, MeasuredWeek]:
        """What all answers are worth, by week; the stored reference under `REFERENCE_WEEK`."""
        found: dict[int, dict[tuple[Side, int], dict[str, Measured]]] = {}
        for week, item, side, batch, accuracy, degenerate, diversity in self._database.rows(
            "SELECT week, item, side, batch, accuracy, degenerate, diversity FROM measured"
        ):
            found.setdefault(week, {}).setdefault((side, batch), {})[item] = Measured(
                accuracy=accuracy, degenerate=degenerate, diversity=diversity
            )
        return {week: found[week] for week in sorted(found)}

    def judgements(self) -> dict[int, dict[tuple[str, int], float | None]]:
        """What the judge made of each anchor, by week, anchor and batch."""
        found: dict[int, dict[tuple[str, int], float | None]] = {}
        for week, anchor, batch, score in self._database.rows(
            "SELECT week, anchor, batch, score FROM judgements"
        ):
            found.setdefault(week, {})[anchor, batch] = score
        return found

    def answers(self, week: int, side: Side, item: str | None = None) -> dict[str, list[Answered]]:
        """Answers of one side in a week to each item, or to one, batch by batch."""
        where, values = ("AND a.item = ?", [item]) if item is not None else ("", [])
        found: dict[str, list[Answered]] = {}
        for name, outputs, scores, prompt, good, slices in self._database.rows(
            "SELECT a.item, a.outputs, a.scores, i.prompt, i.good, i.slices FROM answers a "  # noqa: S608  a constant
            f"JOIN items i ON i.name = a.item WHERE a.week = ? AND a.side = ? {where} ORDER BY a.item, a.batch",
            [week, side, *values],
        ):
            found.setdefault(name, []).append(
                Answered(
                    name=name,
                    prompt=None if prompt is None else json.loads(prompt),
                    outputs=tuple(_output(one) for one in json.loads(outputs)),
                    scores=tuple(json.loads(scores)),
                    references=tuple(json.loads(good)),
                    slices=json.loads(slices),
                )
            )
        return found

    def asked(self) -> dict[str, int]:
        """The digest of each prompt that a week has asked, and the first such week."""
        return dict(
            self._database.rows(
                "SELECT i.digest, min(m.week) FROM measured m JOIN items i ON i.name = m.item "
                "WHERE m.week > 0 GROUP BY i.digest"
            )
        )

    def slices(self) -> dict[str, dict[str, str]]:
        """The slices of each item."""
        return {
            name: json.loads(slices) for name, slices in self._database.rows("SELECT name, slices FROM items")
        }

    # --- periods and notices ---------------------------------------------------------------------------------------

    def renew(self, first_week: int, *, date: str, reason: str) -> None:
        """Have evidence begin anew with a week."""
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO periods VALUES (?, ?, ?)", (first_week, date, reason))

    def renewals(self) -> tuple[tuple[int, str], ...]:
        """First weeks of new periods that were asked for, and why."""
        return tuple(self._database.rows("SELECT first_week, reason FROM periods ORDER BY first_week"))

    def notified(self) -> set[tuple[str, int]]:
        """Metrics, with the first week of the period, of whose alarms somebody was told."""
        return {
            (metric, period) for metric, period in self._database.rows("SELECT metric, period FROM notified")
        }

    def set_notified(self, alarms: Iterable[tuple[str, int]], *, date: str) -> None:
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO notified VALUES (?, ?, ?)",
                [(metric, period, date) for metric, period in alarms],
            )

    # --- fingerprints ----------------------------------------------------------------------------------------------

    def keep_looks(self, looks: Iterable[Look]) -> None:
        with self._database.transaction() as db:
            for look in looks:
                told = look.fingerprint
                db.execute(
                    "INSERT INTO looks (era, date, is_reference, distance, bound, is_changed, tokens, seen) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(look.era, look.date, look.is_reference),
                        *((None, None, False) if told is None else (told.distance, told.limit, told.changed)),
                        *(look.tokens, json.dumps([dict(one) for one in look.seen])),
                    ),
                )

    def looks(self) -> tuple[Look, ...]:
        """All looks, in the order in which they were kept."""
        return tuple(
            Look(
                era=era,
                date=date,
                is_reference=bool(is_reference),
                tokens=tokens,
                seen=tuple(json.loads(seen)),
                fingerprint=None
                if distance is None
                else Fingerprint(
                    date=date, distance=distance, limit=bound, changed=bool(is_changed), tokens=tokens
                ),
            )
            for era, date, is_reference, distance, bound, is_changed, tokens, seen in self._database.rows(
                "SELECT era, date, is_reference, distance, bound, is_changed, tokens, seen FROM looks ORDER BY id"
            )
        )

    # --- snapshots of a corpus -------------------------------------------------------------------------------------

    def keep_snapshot(self, week: Week | None, figures: Mapping[str, Any]) -> None:
        """Keep what an audit and a comparison found in a snapshot; None: it is the first, and no week of the watch."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?)",
                (REFERENCE_WEEK if week is None else week.number, json.dumps(figures)),
            )
            if week is None:
                return
            db.execute(
                "INSERT OR REPLACE INTO weeks VALUES (?, ?, ?, ?, ?, ?, ?, 1, '[]')",
                (
                    *(week.number, week.date, week.version, week.reason),
                    *(week.items, week.answers, week.tokens),
                ),
            )

    def snapshots(self) -> dict[int, Any]:
        """Figures of each snapshot, by number."""
        rows = self._database.rows("SELECT number, figures FROM snapshots ORDER BY number")
        return {number: json.loads(figures) for number, figures in rows}


def _no_watch(folder: Path) -> InputError:
    return InputError(
        f"{folder} holds no watch that was begun to the end. Begin one: wellkeeper watch init {folder} SUITE ..."
    )


def _keep_facts(db: sqlite3.Connection, facts: Mapping[str, Any]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO facts VALUES (?, ?)",
        [(name, json.dumps(value)) for name, value in facts.items()],
    )


def _keep_batches(db: sqlite3.Connection, week: int, batches: Iterable[AnsweredBatch]) -> None:
    for one in batches:
        item = one.answered
        plain = (
            item.prompt
            if item.prompt is None or isinstance(item.prompt, str)
            else [dict(turn) for turn in item.prompt]
        )
        digest = prompt_digest(item.name if item.prompt is None else item.prompt)
        db.execute(
            "INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?, ?)",
            (
                *(item.name, digest, None if plain is None else json.dumps(plain)),
                *(json.dumps(list(item.references)), json.dumps(dict(item.slices))),
            ),
        )
        place = (week, item.name, one.side, one.batch)
        outputs = json.dumps([_kept(output) for output in item.outputs])
        db.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", (*place, outputs, json.dumps(item.scores))
        )
        worth = one.measured
        db.execute(
            "INSERT INTO measured VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*place, worth.accuracy, worth.degenerate, worth.diversity),
        )


def _keep_judgements(db: sqlite3.Connection, week: int, judgements: Iterable[Judgement]) -> None:
    db.executemany(
        "INSERT INTO judgements VALUES (?, ?, ?, ?)",
        [(week, one.anchor, one.batch, one.score) for one in judgements],
    )


def _kept(output: Output) -> dict[str, Any]:
    """An answer, for looking at: without log-probabilities, which take ten times the room of the text."""
    told = asdict(output)
    return {name: told[name] for name in ("text", "finish", "tokens", "prompt_tokens", "seed", "note")}


def _output(kept: Mapping[str, Any]) -> Output:
    return Output(**kept)
