"""SQLite files of ours: laid out once, told from others', whole after a failure."""

import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from wellkeeper.engine import database
from wellkeeper.engine.database import Database, Layout
from wellkeeper.errors import InputError, WorkError

LAYOUT = Layout(
    application=0x74657374,
    version=2,
    name="box",
    otherwise="Give a box.",
    older="Make it anew.",
    newer="Upgrade.",
    broken="is no box ({error}). Give one.",
    schema="CREATE TABLE numbers (number INTEGER PRIMARY KEY);",
)


def test_a_file_is_laid_out_once_and_keeps_what_is_written(tmp_path):
    box = Database(tmp_path / "box", LAYOUT)
    with box.transaction() as db:
        db.execute("INSERT INTO numbers VALUES (7)")
    box.close()
    again = Database(tmp_path / "box", LAYOUT)
    assert again.rows("SELECT number FROM numbers") == [(7,)]
    assert (again.number("PRAGMA application_id"), again.number("PRAGMA user_version")) == (0x74657374, 2)
    assert again.rows("PRAGMA journal_mode") == [("wal",)]
    assert again.number("PRAGMA synchronous") == 2
    again.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    box = Database(tmp_path / "box", LAYOUT)

    def insert(*numbers):
        with box.transaction() as db:
            for number in numbers:
                db.execute("INSERT INTO numbers VALUES (?)", (int(number),))

    with pytest.raises(ValueError, match="invalid literal"):
        insert("1", "one")
    with pytest.raises(WorkError, match=r"cannot be used \(UNIQUE"):
        insert("1", "1")
    assert box.number("SELECT count(*) FROM numbers") == 0
    box.close()


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("application_id = 1", r"is a database of something else\. Give a box\."),
        ("user_version = 1", r"is a box of version 1, and this is version 2\. Make it anew\."),
        ("user_version = 3", r"is a box of version 3, and this is version 2\. Upgrade\."),
    ],
)
def test_files_of_others_and_of_other_versions_are_refused(tmp_path, pragma, message):
    Database(tmp_path / "box", LAYOUT).close()
    other = sqlite3.connect(tmp_path / "box", isolation_level=None)
    other.execute(f"PRAGMA {pragma}")
    other.close()
    with pytest.raises(InputError, match=message):
        Database(tmp_path / "box", LAYOUT)


def test_a_file_that_is_no_database_and_a_folder_that_is_not_there_are_told(tmp_path):
    (tmp_path / "box").write_text(
        "This is a letter, and it is long enough to be read as the head of a file." * 20
    )
    with pytest.raises(InputError, match=r"box is no box \(file is not a database\)\. Give one\."):
        Database(tmp_path / "box", LAYOUT)
    with pytest.raises(WorkError, match=r"cannot be used \(unable to open database file\)\. Check the path"):
        Database(tmp_path / "none" / "box", LAYOUT)


def test_a_snapshot_is_of_one_moment_and_a_reader_does_not_wait_for_a_writer(tmp_path):
    writer, reader = (Database(tmp_path / "box", LAYOUT) for _ in range(2))
    with reader.snapshot():
        assert reader.number("SELECT count(*) FROM numbers") == 0
        with writer.transaction() as db:
            db.execute("INSERT INTO numbers VALUES (1)")
            late = Database(tmp_path / "box", LAYOUT)  # opens while another writes
            assert late.number("SELECT count(*) FROM numbers") == 0
            late.close()
        assert reader.number("SELECT count(*) FROM numbers") == 0
    assert reader.number("SELECT count(*) FROM numbers") == 1
    writer.close()
    reader.close()


WRITING = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("writing", flush=True)
sys.stdin.readline()
db.execute("COMMIT")
print("done", flush=True)
"""


@pytest.fixture
def not_yet_wal(tmp_path):
    """A file that is laid out, and not switched to WAL."""
    path = tmp_path / "box"
    Database(path, LAYOUT).close()
    other = sqlite3.connect(path, isolation_level=None)
    assert other.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    other.close()
    return path


def test_who_opens_a_new_file_while_another_process_does_waits_for_it(not_yet_wal, monkeypatch):
    """SQLite itself waits for nobody while it switches a file to WAL."""
    pauses = []

    def let_end(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == "done\n"

    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=time.monotonic, sleep=let_end))
    command = [sys.executable, "-c", WRITING, str(not_yet_wal)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "writing\n"
        box = Database(not_yet_wal, LAYOUT)
    assert len(pauses) == 3
    assert box.rows("PRAGMA journal_mode") == [("wal",)]
    box.close()


def test_a_file_that_stays_locked_is_told_after_a_while(not_yet_wal, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    other = sqlite3.connect(not_yet_wal, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorkError, match=r"cannot be used \(database is locked\)\. Check the path"):
        Database(not_yet_wal, LAYOUT)
    other.close()


def test_several_threads_write_one_after_the_other(tmp_path):
    box = Database(tmp_path / "box", LAYOUT)

    def write(first):
        for number in range(first, first + 20):
            with box.transaction() as db:
                db.execute("INSERT INTO numbers VALUES (?)", (number,))

    threads = [threading.Thread(target=write, args=(20 * at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.number("SELECT sum(number) FROM numbers") == sum(range(80))
    box.close()
