"""SQLite files of ours: they say whose they are, are laid out once, and outlive a kill and a power cut.

In WAL mode, so that readers wait for nobody; it wants a local disk [1]. What goes wrong is told with what to do next,
in the words of whoever keeps something here.

[1] SQLite, Write-Ahead Logging: https://sqlite.org/wal.html
[2] SQLite, Register a Callback To Handle SQLITE_BUSY Errors: https://sqlite.org/c3ref/busy_handler.html
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper.errors import InputError, WellkeeperError, WorkError

PATIENCE = 60.0
"""Seconds to wait for another process to finish writing."""
_PAUSE = 0.01  # seconds before SQLite is asked again where it does not wait by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a kind of file is called, what is in it, and what to do about one that is not."""

    application: int  # four letters that SQLite keeps in the head of the file
    version: int
    schema: str  # statements, each ended by a semicolon
    name: str  # such as "cache"
    otherwise: str  # a sentence: what to give instead of a database of something else
    older: str  # a sentence: what to do about a file of an older version
    newer: str  # and of a newer one
    broken: str  # what a file is that is no database, after its path, and what to do; {error} is SQLite's


class Database:
    """One such file. Safe for several threads and processes."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Open or begin a file.

        Raises:
            InputError: there is a file of something else, of another version, or a broken one.
            WorkError: it cannot be opened.
        """
        self.path = path
        self._layout = layout
        self._lock = threading.RLock()
        try:
            self.connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._open()
        except BaseException:
            self.connection.close()
            raise

    def _open(self) -> None:
        if not self.number("PRAGMA schema_version"):  # only then, since a reader should not wait for writers
            self._lay_out()
        layout = self._layout
        if self.number("PRAGMA application_id") != layout.application:
            raise InputError(f"{self.path} is a database of something else. {layout.otherwise}")
        if (found := self.number("PRAGMA user_version")) != layout.version:
            step = layout.newer if found > layout.version else layout.older
            raise InputError(
                f"{self.path} is a {layout.name} of version {found}, and this is version {layout.version}. {step}"
            )
        with self.told() as db:
            _begin_wal(db)
            db.execute("PRAGMA synchronous = FULL")

    def _lay_out(self) -> None:
        """Write the tables, unless another process did in the meantime."""
        with self.transaction() as db:
            if db.execute("PRAGMA schema_version").fetchone()[0]:
                return
            for statement in self._layout.schema.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {self._layout.application}")
            db.execute(f"PRAGMA user_version = {self._layout.version}")

    @contextmanager
    def told(self) -> Iterator[sqlite3.Connection]:
        """Have the connection to this thread alone; what SQLite raises inside becomes an error of ours."""
        try:
            with self._lock:
                yield self.connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> WellkeeperError:
        if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            return InputError(f"{self.path} {self._layout.broken.format(error=error)}")
        return WorkError(
            f"{self.path} cannot be used ({error}). Check the path, its rights and the space on the disk, then run the "
            "same command again."
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside, or nothing of it."""
        with self.told() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite ends it by itself where the disk is full or broken
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment, whatever another process writes meanwhile; nothing waits for it."""
        with self.told() as db:
            db.execute("BEGIN")
        try:
            yield
        finally:
            with self.told() as db:
                db.execute("ROLLBACK")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a statement finds."""
        with self.told() as db:
            return db.execute(statement, values).fetchall()

    def number(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The one whole number that a statement finds."""
        with self.told() as db:
            return int(db.execute(statement, values).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()


def _begin_wal(db: sqlite3.Connection) -> None:
    """Switch a file to WAL, where it is not.

    Where another process is at it, too, SQLite says at once that the file is locked: two that read already, and would
    wait for each other to write, would wait for ever [2].
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # the lowest byte is the kind of error
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            return
