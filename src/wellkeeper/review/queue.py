"""A queue for people: what stands in it, who is shown what, and every answer, in one SQLite file.

An answer is one transaction that has reached the disk when it is acknowledged: a line of the log, chained to the one
before, and what follows from it in the tables. The tables can be made again from the items and the log, and `problems`
says where they differ. Several people may answer at once, in threads or processes. The file wants a local disk
(`wellkeeper.engine.database`).
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from wellkeeper.engine.database import Database
from wellkeeper.errors import InputError
from wellkeeper.review import _answering, _deciding, _handing, _rows, _tables
from wellkeeper.review._checking import problems_of
from wellkeeper.review._state import state_of
from wellkeeper.review.item import Answer, Assignment, Outcome, Placed, Pool, Revealed, Settings, Standing
from wellkeeper.review.question import Question
from wellkeeper.review.trail import Entry

LONGEST_NOTE = 10_000
"""Characters: some five pages."""
LONGEST_NAME = 100
"""Characters of the name of a reader."""
_NORMAL = 1  # SQLite's word for a transaction that need not have reached the disk
_PAGE = 100  # items read at a time: their texts may be long


class ReviewQueue:
    """The file. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open a queue.

        Raises:
            InputError: there is none, or it is something else, damaged, or of another version.
            WorkError: it cannot be opened.
        """
        if not path.is_file() or not path.stat().st_size:
            raise InputError(
                f"{path} is no review queue. Make one from a result: wellkeeper review init RESULT"
            )
        self.path = path
        self._database = Database(path, _tables.LAYOUT)
        try:
            with self._database.told() as db:
                facts = _tables.read_facts(db)
            self.question = Question.from_json(facts["question"])
            self.pool = Pool(**facts["pool"])
            self.settings = Settings(**facts["settings"])
            self.about: Mapping[str, str] = facts["about"]
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise InputError(
                f"{path} is damaged: what is asked in it cannot be read. Restore it from a copy."
            ) from error
        except BaseException:
            self.close()
            raise

    @staticmethod
    def create(
        path: Path,
        *,
        question: Question,
        placed: Iterable[Placed],
        pool: Pool,
        settings: Settings,
        about: Mapping[str, str],
        now: float | None = None,
    ) -> None:
        """Write a queue whole, for its owner alone to read: a kill leaves none.

        Args:
            path: of the file.
            question: what is asked of every item.
            placed: the items, in the order in which they are shown.
            pool: what they were chosen from.
            settings: how they are handed out.
            about: what to know of the result: "from" (kind), "folder", "seal" (SHA-256), "made_at", "version".
            now: seconds since 1970; None: the clock's.

        Raises:
            InputError: there is a file already, or something in the queue cannot be asked.
            WorkError: it cannot be written.
        """
        _tables.make_file(
            path,
            question=question,
            placed=placed,
            pool=pool,
            settings=settings,
            about=about,
            at=_moment(now),
        )

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- showing -----------------------------------------------------------------------------------------------------

    def meet(self, reviewer: str) -> str:
        """Know a reader before they are shown anything; the name that they go by in this queue.

        Names that differ in case, in spaces, or in how a letter is composed are one person's, who goes by the first:
        else the two readers of an item could be one.

        Raises:
            InputError: this is no name of a reader.
            WorkError: the file cannot be used.
        """
        _check_name(reviewer)
        with self._leasing() as db:
            return _handing.meet(db, reviewer)

    def assign(self, reviewer: str, *, now: float | None = None) -> Assignment | None:
        """The next item for a reader, who has it to themselves for `Settings.lease_seconds`.

        The same one again, under the same ticket, until they answer or skip it. None: nothing is left for them, unless
        others let go of what they have in front of them.

        Raises:
            InputError: this is no name of a reader, or they go by another spelling of it here.
            WorkError: the file cannot be used.
        """
        _check_name(reviewer)
        with self._leasing() as db:
            if (known := _handing.meet(db, reviewer)) != reviewer:
                raise InputError(f"{reviewer} goes by {known} in this queue. Give that name.")
            ticket = _handing.next_ticket(db, reviewer, self.settings, _now(now))
            return None if ticket is None else _rows.read_assignment(db, ticket)

    def ahead(self, reviewer: str, ticket: str, *, now: float | None = None) -> Assignment | None:
        """The item after the one with this ticket, leased too, so that it can be loaded before it is shown.

        Raises:
            InputError: the ticket is none of this reader's.
            WorkError: the file cannot be used.
        """
        with self._leasing() as db:
            _rows.find_showing(db, reviewer, ticket)
            following = _handing.next_ticket(db, reviewer, self.settings, _now(now), after=ticket)
            return None if following is None else _rows.read_assignment(db, following)

    def skip(self, reviewer: str, ticket: str, *, now: float | None = None) -> None:
        """Show an item to the reader again at the end; one that is skipped twice is not shown to them again.

        Skipping what was answered or skipped changes nothing.

        Raises:
            InputError: the ticket is none of this reader's.
            WorkError: the file cannot be used.
        """
        with self._database.transaction() as db:
            number, turn, state, skips = _rows.find_showing(db, reviewer, ticket)
            if state not in {"open", "stale"}:
                return
            db.execute(
                "UPDATE showings SET state = ? WHERE ticket = ?",
                ("declined" if skips else "skipped", ticket),
            )
            _handing.refresh(db, number, self.settings)
            name, shown = _rows.name_of(db, number)
            told = {"item": name, "turn": turn, "shown": shown, "ticket": ticket}
            _rows.add_line(db, "skip", reviewer, told, _moment(now))

    # --- answering ---------------------------------------------------------------------------------------------------

    def answer(
        self,
        reviewer: str,
        ticket: str,
        label: str,
        *,
        note: str = "",
        seconds: float = 0.0,
        now: float | None = None,
    ) -> Entry:
        """Take an answer; it has reached the disk when this returns.

        The same ticket again gives the same line and changes nothing, whatever is said then; so does another ticket of
        an item that the reader has answered meanwhile. An answer that comes after its lease is over counts.

        Args:
            reviewer: who says it.
            ticket: of the showing.
            label: one of the question's.
            note: at most 10,000 characters.
            seconds: from showing to answer; kept between 0 and a day.
            now: seconds since 1970; None: the clock's.

        Raises:
            InputError: there is no such label, the note is too long, or the ticket is none of this reader's.
            WorkError: the file cannot be used; nothing was kept.
        """
        self._check_answer(label, note)
        with self._database.transaction() as db:
            number, turn, _, _ = _rows.find_showing(db, reviewer, ticket)
            if turn == 2 and not _rows.find_answer(db, number, reviewer, 1):  # the first look was taken back
                turn = 1
            given = db.execute(
                "SELECT entry FROM answers WHERE ticket = ? AND ticket <> ''", (ticket,)
            ).fetchone()
            given = given or _rows.find_answer(db, number, reviewer, turn)
            if given is not None:
                return _rows.line_of(db, given[0])
            said = {"label": label, "note": note, "seconds": seconds, "turn": turn, "ticket": ticket}
            return _answering.record(db, "answer", reviewer, number, said, self.settings, _moment(now))

    def undo(self, reviewer: str, *, ticket: str = "", now: float | None = None) -> Assignment | None:
        """Take back the reader's last answer and show them its item again; again: the one before that.

        Answers that came from other tools stay. None: there is nothing to take back.

        Args:
            reviewer: whose answer.
            ticket: only if the last answer was to this one, so that a second click takes back no more; empty: any.
            now: seconds since 1970; None: the clock's.

        Raises:
            WorkError: the file cannot be used.
        """
        at = _now(now)
        with self._database.transaction() as db:
            row = _rows.find_last(db, reviewer)
            if row is None or ticket not in {"", row[-1]}:
                return None
            entry, number, turn, *_ = row
            _deciding.take_back(db, entry, _moment(at))
            again = _handing.show(db, reviewer, number, turn, self.settings, at, is_first=True)
            return _rows.read_assignment(db, again)

    def take_in(
        self,
        reviewer: str,
        answers: Iterable[tuple[str, str, str, float]],
        *,
        source: str,
        now: float | None = None,
    ) -> int:
        """Take answers that were given in another tool, all or none; gives how many were new.

        What this reader has answered already stays as it is and is not counted.

        Args:
            reviewer: who gave them, in any spelling (`meet`).
            answers: id of the item, label, note and seconds.
            source: what they come from, such as "label-studio: export.json"; stands in the log.
            now: seconds since 1970; None: the clock's.

        Raises:
            InputError: there is no such item or label, or a note is too long.
            WorkError: the file cannot be used.
        """
        _check_name(reviewer)
        taken = 0
        with self._database.transaction() as db:
            name = _handing.meet(db, reviewer)
            for item, label, note, seconds in answers:
                self._check_answer(label, note)
                number = _rows.find_item(db, item)
                if number is None:
                    raise InputError(
                        f"No item of {self.path} is called {item}. Import into the queue that it was exported from."
                    )
                if _rows.find_answer(db, number, name, 1) is None:
                    said = {
                        "label": label,
                        "note": note,
                        "seconds": seconds,
                        "turn": 1,
                        "ticket": "",
                        "source": source,
                    }
                    _answering.record(db, "import", name, number, said, self.settings, _moment(now))
                    taken += 1
        return taken

    def add(self, one: Placed, *, now: float | None = None) -> int:
        """Put one more item at the end; its number. One about the same documents is there already: that one's.

        Raises:
            InputError: it cannot be asked, or another item has its id.
            WorkError: the file cannot be used.
        """
        with self._database.transaction() as db:
            return _deciding.add_item(db, one, self.question, self.settings, _moment(now))

    def decide(
        self, reviewer: str, number: int, label: str, *, note: str = "", now: float | None = None
    ) -> tuple[Entry, ...]:
        """Have one label stand for an item, whoever said otherwise before; the lines of the log that this took.

        None of them where the label stands already, and there is no other note.

        Args:
            reviewer: who says it, in any spelling (`meet`).
            number: of the item.
            label: one of the question's.
            note: at most 10,000 characters; empty: that of the same label stays.
            now: seconds since 1970; None: the clock's.

        Raises:
            InputError: there is no such item or label, or the note is too long.
            WorkError: the file cannot be used.
        """
        _check_name(reviewer)
        self._check_answer(label, note)
        self.item(number)
        with self._database.transaction() as db:
            name = _handing.meet(db, reviewer)
            before = [_rows.line_of(db, entry) for entry in _rows.first_looks(db, number)]
            if len(before) == 1 and before[0].told["label"] == label and note in {"", before[0].told["note"]}:
                return ()
            back = [_deciding.take_back(db, one.number, _moment(now), by=name) for one in before]
            said = {"label": label, "note": note, "seconds": 0.0, "turn": 1, "ticket": ""}
            return (*back, _answering.record(db, "answer", name, number, said, self.settings, _moment(now)))

    def _check_answer(self, label: str, note: str) -> None:
        self.question.label(label)
        if len(note) > LONGEST_NOTE:
            raise InputError(
                f"The note has {len(note):,} characters. Shorten it to {LONGEST_NOTE:,} and answer again."
            )

    # --- reading -----------------------------------------------------------------------------------------------------

    def revealed(self, reviewer: str, ticket: str) -> Revealed | None:
        """An item that this reader has answered, with all that was hidden; None: they have not, or took it back."""
        with self._database.told() as db:
            try:
                number, turn, _, _ = _rows.find_showing(db, reviewer, ticket)
            except InputError:
                return None
            entry = _rows.find_answer(db, number, reviewer, turn)
            return None if entry is None else _rows.read_revealed(db, reviewer, entry[0])

    def last(self, reviewer: str) -> Revealed | None:
        """The item that this reader answered last; None: none yet, or all was taken back."""
        with self._database.told() as db:
            row = _rows.find_last(db, reviewer)
            return None if row is None else _rows.read_revealed(db, reviewer, row[0])

    def standing(self, reviewer: str = "") -> Standing:
        """How far the queue is, for a reader or, without a name, for all together."""
        with self._database.told() as db:
            return _rows.read_standing(db, reviewer)

    def item(self, number: int) -> Placed:
        """The item of a number, from 1.

        Raises:
            InputError: there is none.
        """
        with self._database.told() as db:
            row = db.execute(f"SELECT {_tables.PLACED} WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise InputError(f"{self.path} has no item {number}. Items are numbered from 1.")
            return _tables.read_placed(db, row)

    def items(self) -> Iterator[tuple[int, Placed]]:
        """All items by number, in the order in which they are shown."""
        reached = 0
        while True:
            with self._database.told() as db:
                rows = db.execute(
                    f"SELECT {_tables.PLACED} WHERE number > ? ORDER BY number LIMIT ?",
                    (reached, _PAGE),
                ).fetchall()
                found = [(row[0], _tables.read_placed(db, row)) for row in rows]
            yield from found
            if not found:
                return
            reached = found[-1][0]

    def answers(self) -> Iterator[Answer]:
        """All answers that stand, first looks and repeats, in the order of the log."""
        with self._still() as db:
            for entry, number in db.execute("SELECT entry, number FROM answers WHERE live ORDER BY entry"):
                yield _rows.read_answer(db, entry, number)

    def outcomes(self) -> Iterator[Outcome]:
        """Where each item stands, in order, as of one moment."""
        with self._still() as db:
            for number, name, gold, readers in db.execute(
                "SELECT number, id, gold, readers FROM items JOIN states USING (number) ORDER BY number"
            ):
                given = tuple(_rows.read_answer(db, entry, number) for entry in _rows.first_looks(db, number))
                state = state_of(
                    [one.label for one in given],
                    readers=readers,
                    is_gold=bool(gold),
                    asks_third=self.settings.third_reader,
                )
                yield Outcome(
                    item=name,
                    number=number,
                    answers=given,
                    label=state.label,
                    is_settled=state.is_settled,
                    is_conflict=state.is_conflict,
                )

    def log(self) -> Iterator[Entry]:
        """All that happened, line by line.

        Raises:
            InputError: a line cannot be read.
        """
        with self._still() as db:
            yield from _tables.lines(db)

    @property
    def head(self) -> str:
        """Hash of the last line of the log."""
        with self._database.told() as db:
            return _rows.head_of(db)[1]

    def problems(self) -> list[str]:
        """What is wrong with the file, in words: with the chain, with what is asked, or with what the tables say.

        Raises:
            WorkError: the file cannot be read.
        """
        try:
            with self._still() as db:
                return problems_of(db, self.settings)
        except InputError as error:
            return [str(error)]

    @contextmanager
    def _leasing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that a power cut may undo, though no kill: the page that it is for is gone then too."""
        with self._database.told() as db:
            (level,) = db.execute("PRAGMA synchronous").fetchone()
            db.execute(f"PRAGMA synchronous = {min(level, _NORMAL)}")
            try:
                with self._database.transaction():
                    yield db
            finally:
                db.execute(f"PRAGMA synchronous = {level}")

    @contextmanager
    def _still(self) -> Iterator[sqlite3.Connection]:
        """The file as it is at one moment, for as long as it takes, while others go on."""
        database = Database(self.path, _tables.LAYOUT)
        try:
            with database.snapshot(), database.told() as db:
                yield db
        finally:
            database.close()


def _now(now: float | None) -> float:
    return time.time() if now is None else now


def _moment(now: float | None) -> str:
    return datetime.fromtimestamp(_now(now), UTC).isoformat(timespec="milliseconds")


def _check_name(reviewer: str) -> None:
    if not reviewer.strip() or not reviewer.isprintable() or len(reviewer) > LONGEST_NAME:
        raise InputError(
            f"{reviewer[:LONGEST_NAME]!r} is no name of a reader. Give one of 1 to {LONGEST_NAME} printed characters."
        )
