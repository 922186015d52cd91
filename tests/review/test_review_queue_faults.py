"""What a kill, a full disk, a torn file and a changed row do to a queue: nothing that was said is lost or said twice."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from queue_files import NOW, TEXTS, make_queue

from wellkeeper.errors import InputError, WellkeeperError, WorkError
from wellkeeper.review.queue import ReviewQueue

READERS = ("anna", "ben", "carl", "dora")


def answer(queue, reviewer, label="human"):
    found = queue.assign(reviewer, now=NOW)
    return queue.answer(reviewer, found.ticket, label, seconds=2.0, now=NOW)


# --- several at once --------------------------------------------------------------------------------------------------


def test_threads_that_answer_at_once_get_items_of_their_own_and_one_chain(tmp_path):
    path = make_queue(tmp_path, size=60)

    def session(name):
        while (found := queue.assign(name)) is not None:
            queue.ahead(name, found.ticket)
            queue.answer(name, found.ticket, "ai")

    with ReviewQueue(path) as queue:
        queue._database.rows("PRAGMA synchronous = OFF")
        threads = [threading.Thread(target=session, args=(name,)) for name in READERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(one.item for one in queue.answers()) == {f"item-{at}": 1 for at in range(60)}
        assert queue.problems() == []


ANSWERER = """
import os, sys
from pathlib import Path
from wellkeeper.review.queue import ReviewQueue

path, reviewer = sys.argv[1:]
with ReviewQueue(Path(path)) as queue:
    os.write(1, b"ready\\n")
    sys.stdin.readline()
    while (found := queue.assign(reviewer)) is not None:
        os.write(1, f"sent {found.ticket}\\n".encode())
        entry = queue.answer(reviewer, found.ticket, "ai", note=found.ticket)
        os.write(1, f"taken {found.ticket} {entry.number}\\n".encode())
"""


def burst(path, *, kill_after):
    """Have four processes answer until `kill_after` answers are acknowledged, and kill them all; what they said."""
    command = [sys.executable, "-c", ANSWERER, str(path)]
    running = {
        name: subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in READERS
    }
    said = {name: [] for name in READERS}
    taken = threading.Semaphore(0)

    def listen(name):
        for line in running[name].stdout:
            said[name].append(line.split())
            if line.startswith(b"taken"):
                taken.release()

    assert [process.stdout.readline() for process in running.values()] == [b"ready\n"] * 4
    listeners = [threading.Thread(target=listen, args=(name,)) for name in READERS]
    for listener, process in zip(listeners, running.values(), strict=True):
        listener.start()
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert all(taken.acquire(timeout=120) for _ in range(kill_after))
    for process in running.values():
        process.kill()
    for listener, process in zip(listeners, running.values(), strict=True):
        process.wait()
        listener.join()
        process.stdin.close()
        process.stdout.close()
    return said


def check_burst(path, said, before=frozenset()):
    """Every acknowledged answer is there once, and what was sent and not acknowledged can be sent again; all tickets.

    `before`: tickets that were answered before the burst.
    """
    with ReviewQueue(path) as queue:
        assert queue.problems() == []
        told = {entry.number: entry for entry in queue.log() if entry.act == "answer"}
        for name, lines in said.items():
            for line in lines:
                if line[0] == b"taken":
                    entry = told[int(line[2])]
                    assert (entry.reviewer, entry.told["ticket"]) == (name, line[1].decode())
            for sent in [line for line in lines[-1:] if line[0] == b"sent"]:
                queue.answer(name, sent[1].decode(), "ai")
        tickets = Counter(entry.told["ticket"] for entry in queue.log() if entry.act == "answer")
        sent = {line[1].decode() for lines in said.values() for line in lines if line[0] == b"sent"}
        assert set(tickets) - before == sent
        assert set(tickets.values()) == {1}
        assert set(Counter(one.item for one in queue.answers()).values()) == {1}
        assert queue.problems() == []
        return set(tickets)


def test_a_kill_loses_no_answer_that_was_acknowledged_and_doubles_none(tmp_path):
    path = make_queue(tmp_path, size=400)
    said = burst(path, kill_after=120)
    assert sum(line[0] == b"taken" for lines in said.values() for line in lines) >= 120
    check_burst(path, said)


@pytest.mark.slow
def test_nor_do_kills_again_and_again_in_a_burst_of_a_thousand(tmp_path):
    path = make_queue(tmp_path, size=1_000)
    answered = set()
    for _ in range(5):
        answered = check_burst(path, burst(path, kill_after=170), answered)
    for name in READERS:
        with ReviewQueue(path) as queue:
            while (found := queue.assign(name)) is not None:
                queue.answer(name, found.ticket, "ai")
    with ReviewQueue(path) as queue:
        assert queue.standing().settled == 1_000
        assert queue.standing().answers == 1_000
        assert queue.problems() == []


@pytest.mark.parametrize("items", [0, 7])
def test_a_kill_while_a_queue_is_made_leaves_none(tmp_path, items):
    script = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import queue_files
from wellkeeper.review.item import Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

def placed():
    for at, item in enumerate(queue_files.items(size=9)):
        if at == {items}:
            os.kill(os.getpid(), signal.SIGKILL)
        yield Placed(item=item)

ReviewQueue.create(Path(sys.argv[1]), question=QUESTIONS["origin"], placed=placed(), pool=pool_of([]),
                   settings=Settings(), about={{}})
"""
    path = tmp_path / "review.sqlite"
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    make_queue(tmp_path)


# --- a disk that is full ----------------------------------------------------------------------------------------------


def fill(queue):
    """Answer with long notes to the end of the queue."""
    while (found := queue.assign("anna", now=NOW)) is not None:
        queue.answer("anna", found.ticket, "ai", note="x" * 9_000, now=NOW)


def test_a_full_disk_is_told_and_leaves_nothing_half(tmp_path):
    path = make_queue(tmp_path, size=12)
    with ReviewQueue(path) as queue:
        answer(queue, "anna")
        pages = queue._database.number("PRAGMA page_count")
        queue._database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(WorkError, match=r"cannot be used \(database or disk is full\)\. Check the path"):
            fill(queue)
        ticket = queue.assign("anna", now=NOW).ticket
        head = queue.head
        assert queue.problems() == []
        queue._database.rows("PRAGMA max_page_count = 100000")
        assert queue.answer("anna", ticket, "ai", now=NOW).before == head
        assert queue.problems() == []


FULL = """
import resource, signal, sys
from pathlib import Path
from wellkeeper.errors import WorkError
from wellkeeper.review.queue import ReviewQueue

path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with ReviewQueue(path) as queue:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    taken = []
    try:
        while True:
            ticket = queue.assign("anna").ticket
            taken.append(queue.answer("anna", ticket, "ai").number)
    except WorkError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    told = [entry.number for entry in queue.log() if entry.act == "answer"]
    assert taken and told == taken, (taken, told)
    assert queue.problems() == []
    queue.answer("anna", queue.assign("anna").ticket, "human")
    assert queue.problems() == []
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of files are of POSIX")
def test_a_file_that_may_not_grow_is_told_and_goes_on_when_it_may(tmp_path):
    path = make_queue(tmp_path, size=60)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be used" in done.stdout
    assert "space on the disk, then run the same command again." in done.stdout


FULL_WHILE_MADE = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import queue_files
from wellkeeper.errors import WorkError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    queue_files.make_queue(Path(sys.argv[1]), size=3_000)
except WorkError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of files are of POSIX")
def test_a_disk_that_is_full_while_a_queue_is_made_leaves_no_file(tmp_path):
    command = [sys.executable, "-c", FULL_WHILE_MADE, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "space on the disk, then run the same command again." in done.stdout
    assert list(tmp_path.iterdir()) == []


# --- files that are none ----------------------------------------------------------------------------------------------


def test_no_file_an_empty_one_and_a_letter_are_no_queues(tmp_path):
    path = tmp_path / "review.sqlite"
    message = r"is no review queue\. Make one from a result: wellkeeper review init RESULT"
    for prepare in (lambda: None, path.touch):
        prepare()
        with pytest.raises(InputError, match=message):
            ReviewQueue(path)
    with pytest.raises(InputError, match=message):
        ReviewQueue(tmp_path)
    path.write_text("Dear Sir or Madam, this letter is long enough to be taken for the head of a file. " * 20)
    with pytest.raises(
        InputError, match=r"is damaged, or no review queue \(file is not a database\)\. Restore it"
    ):
        ReviewQueue(path)
    assert path.read_text().startswith("Dear Sir")


def test_a_database_of_something_else_or_of_a_newer_version_is_told(tmp_path):
    path = make_queue(tmp_path)
    by_hand(path, "PRAGMA user_version = 9")
    with pytest.raises(InputError, match=r"is a review queue of version 9, and this is version 1\. Upgrade"):
        ReviewQueue(path)
    by_hand(path, "PRAGMA application_id = 7")
    with pytest.raises(
        InputError, match=r"is a database of something else\. Give the file that `wellkeeper review"
    ):
        ReviewQueue(path)


def test_a_torn_file_is_told(tmp_path):
    path = make_queue(tmp_path, size=40)
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.1):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(WellkeeperError, match=r"Restore"):
            use(path)


def use(path):
    """Open a queue, look at what is wrong, and go on with it."""
    with ReviewQueue(path) as queue:
        if problems := queue.problems():
            raise InputError("; ".join(problems))
        while (found := queue.assign("anna", now=NOW)) is not None:
            queue.answer("anna", found.ticket, "ai", now=NOW)


@pytest.mark.parametrize("at", range(0, 40, 3))
def test_a_page_of_zeroes_is_told_or_was_not_in_use(tmp_path, at):
    path = make_queue(tmp_path, size=12)
    damaged = bytearray(path.read_bytes())
    start = at * 4096 % len(damaged)
    damaged[start : start + 4096] = bytes(4096)
    path.write_bytes(damaged)
    try:
        use(path)
    except (InputError, WorkError) as error:
        assert str(error)  # noqa: PT017  either is right
    else:
        with ReviewQueue(path) as queue:
            assert queue.problems() == []
            assert queue.standing().settled == 12


# --- changed by hand --------------------------------------------------------------------------------------------------


def by_hand(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture
def answered(tmp_path):
    """A queue with lines 2 to 8: four answers, one taken back and said anew, and a skip."""
    path = make_queue(tmp_path, size=6, overlap=2, repeated=1)
    with ReviewQueue(path) as queue:
        answer(queue, "anna", "ai")
        answer(queue, "ben", "human")
        answer(queue, "ben", "human")
        queue.undo("ben", now=NOW)
        answer(queue, "ben", "ai")
        queue.skip("ben", queue.assign("ben", now=NOW).ticket, now=NOW)
        answer(queue, "carl", "ai")
        assert queue.problems() == []
    return path


def line(number, **changes):
    """SQL that changes a line of the log, keeping its hash."""
    changed = ", ".join(f"'$.{name.replace('__', '.')}', '{value}'" for name, value in changes.items())
    return f"UPDATE log SET line = json_set(line, {changed}) WHERE number = {number}"


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        ([line(2, told__label="human")], r"^line 2 was changed after it was written$"),
        ([line(2, at="2020-01-01T00:00:00")], r"^line 2 was changed after it was written$"),
        ([line(3, reviewer="anna")], r"^line 3 was changed after it was written$"),
        (["DELETE FROM log WHERE number = 4"], r"^line 5 stands where line 4 belongs$"),
        (["DELETE FROM log WHERE number = 8"], r"an answer of line 8, and the log tells of none there"),
        (
            ["UPDATE answers SET label = 'human' WHERE entry = 2"],
            r"^line 2 says that anna answered ai to item item-0, and the table of answers says that anna answered human",
        ),
        (
            ["DELETE FROM answers WHERE entry = 2"],
            r"^line 2 says .* the table of answers has no such answer$",
        ),
        (
            ["UPDATE answers SET live = 0 WHERE entry = 2"],
            r"^line 2 says .* table of answers says otherwise$",
        ),
        (
            ["UPDATE answers SET reviewer = 'eve' WHERE entry = 3"],
            r"^line 3 says that ben answered human to item item-0, .* says that eve answered human",
        ),
        (
            ["UPDATE states SET label = 'human' WHERE number = 1"],
            r"^where item item-0 stands is not what the log says",
        ),
        (
            ["UPDATE states SET settled = 0 WHERE number = 1"],
            r"^where item item-0 stands .*: 3 of 3 answers, open, ai, not 3 of 3 answers, settled, ai",
        ),
        (["UPDATE totals SET settled = 5"], r"^the sum of settled is 5, and the log makes it 1$"),
        (
            ["UPDATE readers SET decisions = 9 WHERE name = 'ben'"],
            r"^ben has 9 decisions, and the log makes it 2$",
        ),
        (
            ["DELETE FROM repeats WHERE reviewer = 'anna'"],
            r"^whether anna is shown item item-0 a second time is not",
        ),
        (
            ["UPDATE texts SET text = 'Another.' WHERE number = 3"],
            r"^what item item-2 shows was changed after",
        ),
        (
            ["UPDATE items SET told = json_set(told, '$.score', 0.9) WHERE number = 3"],
            r"^an item, or its place, is not what line 1 says",
        ),
        (["UPDATE states SET gold = 1 WHERE number = 3"], r"^an item, or its place, is not what line 1 says"),
        (["DELETE FROM items WHERE number = 6"], r"^the number of items is not what line 1 says"),
        (
            ["UPDATE facts SET value = json_set(value, '$.items', 9) WHERE name = 'pool'"],
            r"^the pool is not what line 1",
        ),
        (
            ["UPDATE facts SET value = json_set(value, '$.labels[0].keep', 'drop') WHERE name = 'question'"],
            r"^the question is not what line 1",
        ),
        (["UPDATE items SET told = 'no json' WHERE number = 2"], r"damaged: item 2 cannot be read\. Restore"),
        (
            ["UPDATE log SET line = '[]' WHERE number = 2"],
            r"damaged: line 2 of the log cannot be read\. Restore",
        ),
        (
            ["UPDATE log SET line = 'torn' WHERE number = 8"],
            r"damaged: line 8 of the log cannot be read\. Restore",
        ),
    ],
)
def test_what_was_changed_by_hand_is_named(answered, statements, problem):
    by_hand(answered, *statements)
    with ReviewQueue(answered) as queue:
        problems = queue.problems()
    assert [one for one in problems if re.search(problem, one)], problems


def test_a_line_that_was_moved_is_named(answered):
    by_hand(
        answered,
        "UPDATE log SET number = -2 WHERE number = 2",
        "UPDATE log SET number = 2 WHERE number = 3",
        "UPDATE log SET number = 3 WHERE number = -2",
    )
    with ReviewQueue(answered) as queue:
        assert "line 3 stands where line 2 belongs" in queue.problems()


def test_a_text_changed_in_the_bytes_of_the_file_is_named(tmp_path):
    path = make_queue(tmp_path, size=3)
    old = TEXTS[2].encode()
    path.write_bytes(path.read_bytes().replace(old, old.replace(b"rain", b"snow")))
    with ReviewQueue(path) as queue:
        assert queue.problems() == ["what item item-2 shows was changed after the queue was made"]


def test_a_damaged_line_stops_answers_with_what_to_do(answered):
    by_hand(answered, "UPDATE log SET line = 'torn' WHERE number = 8")
    with (
        ReviewQueue(answered) as queue,
        pytest.raises(InputError, match=r"line 8 of the log cannot be read\. Restore its file from a copy\."),
    ):
        answer(queue, "anna")


def test_facts_that_cannot_be_read_are_told(answered):
    by_hand(answered, "UPDATE facts SET value = '{}' WHERE name = 'question'")
    with pytest.raises(
        InputError, match=r"is damaged: what is asked in it cannot be read\. Restore it from a copy\."
    ):
        ReviewQueue(answered)


def test_a_copy_of_the_file_is_the_whole_queue(answered, tmp_path):
    with ReviewQueue(answered) as queue:
        head = queue.head
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(answered.read_bytes())
    with ReviewQueue(copy) as queue:
        assert queue.head == head
        assert queue.problems() == []
        assert json.dumps([entry.to_json() for entry in queue.log()])
