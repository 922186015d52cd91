"""`wellkeeper review` as a person meets it: its verbs, streams, exit codes and messages, and a server that is stopped."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import queue_files
from click.testing import CliRunner
from verb_process import VerbProcess, settings

from wellkeeper.cli import review as verb
from wellkeeper.cli.main import cli
from wellkeeper.engine import loopback
from wellkeeper.recipe import reviewing
from wellkeeper.review.queue import ReviewQueue

VERB = VerbProcess("review")
GOLDEN = Path(__file__).parents[1] / "golden" / "cli"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(folder, *arguments, verb="review"):
    """`wellkeeper review` in a folder, in this process: a new one costs a second."""
    with chdir(folder):
        given = [*([verb] if verb else []), *map(str, arguments)]
        done = CliRunner().invoke(cli, given, terminal_width=100, env={"COLUMNS": "110"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def same_as_kept(name, text):
    """Compare with a text kept on file. WELLKEEPER_UPDATE_GOLDEN=1 writes it anew: read the diff."""
    path = GOLDEN / name
    if os.environ.get("WELLKEEPER_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{path} differs; WELLKEEPER_UPDATE_GOLDEN=1 writes it anew"


def test_help_tells_of_every_verb_in_a_line(tmp_path):
    same_as_kept("review-help.txt", run(tmp_path, "--help").stdout)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), {}),
        (("ai=drop", "mixed=nothing"), {"ai": "drop", "mixed": "nothing"}),
        (("a=b=c",), {"a": "b=c"}),
    ],
)
def test_effects_are_read_from_their_labels(given, found):
    assert verb._effects(given) == found


@pytest.fixture
def queue(tmp_path):
    """A queue beside a result that is not there: nothing but `apply` needs it."""
    return queue_files.make_queue(tmp_path, name="out-review.sqlite", overlap=3)


@pytest.fixture
def answered(queue):
    with ReviewQueue(queue) as opened:
        for reviewer, labels in (("alice", ["human", "ai", "mixed"]), ("bob", ["human", "ai", "ai"])):
            for at, label in enumerate(labels):
                given = opened.assign(reviewer, now=queue_files.NOW)
                opened.answer(reviewer, given.ticket, label, seconds=10.0 + at, now=queue_files.NOW + 60 * at)
    return queue


def fetched(address, **headers):
    """Status and text of an address."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Serving:
    """`wellkeeper review serve` as a process."""

    def __init__(self, queue, *more):
        self.process = subprocess.Popen(
            VERB.command("serve", queue, "--json", *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **settings(queue.parent),
        )
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        self.told = json.loads("".join(lines))
        self.addresses = {one["reviewer"]: one["address"] for one in self.told["reviewers"]}

        assert all(fetched(address)[0] == 200 for address in self.addresses.values())

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        code = self.process.wait(30)
        left = (self.process.stdout.read(), self.process.stderr.read())
        self.process.stdout.close()
        self.process.stderr.close()
        return code, *left


def test_a_server_is_for_its_reviewers_alone_ends_cleanly_and_has_the_same_addresses_again(queue):
    serving = Serving(queue, "--reviewer", "alice", "--reviewer", "bob")
    assert serving.told["schema"] == "wellkeeper.review-serve/1"
    assert list(serving.addresses) == ["alice", "bob"]
    base, _, query = serving.addresses["bob"].partition("?")
    token = query.partition("=")[2]
    assert base.startswith("http://127.0.0.1:")
    assert [fetched(base)[0], fetched(base + "answer")[0], fetched(base + "next.json")[0]] == [401] * 3
    assert fetched(base, Authorization=f"Bearer {token}")[0] == 200
    assert serving.end(signal.SIGINT) == (0, "", "")
    again = Serving(queue, "--reviewer", "alice", "--reviewer", "bob")
    assert queue_files.but_for_the_port(again.addresses) == queue_files.but_for_the_port(serving.addresses)
    assert again.end(signal.SIGTERM) == (0, "", "")


@pytest.fixture
def served_at_once(monkeypatch):
    """The server without its wait: it tells its addresses and ends."""
    monkeypatch.setattr(loopback, "serve", lambda *_, **__: None)
    monkeypatch.setattr(reviewing, "login_name", lambda: "me")


@pytest.mark.usefixtures("served_at_once")
def test_who_reads_alone_need_not_say_a_name_and_is_told_one_address(queue):
    done = run(queue.parent, "serve", queue)
    assert done.returncode == 0
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stdout.count("\n") == 1
    assert done.stderr == "Open your address in a browser on this computer. Ctrl-C ends; answers are kept.\n"
    with_others = run(queue.parent, "serve", queue, "--reviewer", "alice", "--reviewer", "me")
    assert [line.partition(": ")[0] for line in with_others.stdout.splitlines()] == ["alice", "me"]
    assert with_others.stdout.splitlines()[1].endswith(done.stdout.strip().partition("?")[2])
    assert run(queue.parent, "serve", queue, "-q").stderr == ""


def test_a_port_that_is_taken_is_told(queue):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(queue.parent, "serve", queue, "--port", taken.getsockname()[1])
    assert done.returncode == 2
    assert done.stderr.startswith("wellkeeper: Port ")
    assert done.stderr.endswith("--port 0\n")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_serve_says_what_to_install_and_status_works(answered, missing, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, missing, None)
    done = run(answered.parent, "serve", answered)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'wellkeeper[web]'" in done.stderr
    assert run(answered.parent, "status", answered).returncode == 0


def test_status_is_a_few_lines(answered):
    done = run(answered.parent, "status", answered.name, "--width", "0.05", "--threshold", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    same_as_kept("review-status.txt", done.stdout)


def test_a_result_and_its_queue_are_two_names_of_one_thing(answered):
    folder = answered.parent / "out"
    folder.mkdir()
    by_file, by_folder, by_option = (
        run(answered.parent, "status", *named, "--json")
        for named in ((answered.name,), ("out",), ("elsewhere", "--queue", answered.name))
    )
    assert [done.returncode for done in (by_file, by_folder, by_option)] == [0, 0, 0]
    assert json.loads(by_file.stdout) == json.loads(by_folder.stdout) == json.loads(by_option.stdout)
    assert json.loads(by_file.stdout)["schema"] == "wellkeeper.review-status/1"


@pytest.mark.parametrize("verb", ["serve", "status", "export"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nowhere", "wellkeeper review init RESULT\n"),
        ("folder", "wellkeeper review init folder\n"),
        ("text.sqlite", "Restore it from a copy.\n"),
        ("empty.sqlite", "wellkeeper review init RESULT\n"),
    ],
)
def test_what_is_no_queue_is_told_with_what_to_do(tmp_path, verb, given, says):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.sqlite").write_text("not a database, but long enough to look at its first bytes" * 20)
    (tmp_path / "empty.sqlite").touch()
    done = run(tmp_path, verb, given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert done.stderr.endswith(says)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.sqlite", "folder", "text.sqlite"]


@pytest.mark.parametrize("given", ["nowhere", "text.sqlite"])
def test_what_is_no_set_cannot_be_changed(tmp_path, given):
    (tmp_path / "text.sqlite").write_text("not a database")
    done = run(tmp_path, "apply", given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"wellkeeper: {given} is no folder. Give the folder of a curated set.\n"


def test_a_queue_of_another_version_is_refused(queue):
    with sqlite3.connect(queue) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    done = run(queue.parent, "status", queue)
    assert done.returncode == 2
    assert "version" in done.stderr


def test_items_go_out_and_answers_come_in_once(queue):
    folder = queue.parent
    out = run(folder, "export", queue, "--out", "items.jsonl")
    assert (out.returncode, out.stderr) == (0, "")
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert len(items) == 12
    answers = "".join(json.dumps({"id": item["id"], "label": "human"}) + "\n" for item in items)
    (folder / "answers.jsonl").write_text(answers)
    for _ in range(2):
        done = run(folder, "import", queue, "answers.jsonl", "--reviewer", "carol", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["schema"] == "wellkeeper.review-import/1"
    with ReviewQueue(queue) as opened:
        assert [answer.reviewer for answer in opened.answers()] == ["carol"] * 12
        assert opened.problems() == []


def test_an_effect_without_its_label_is_refused(tmp_path):
    for given, says in (
        (("--on", "drop"), "--on drop says no effect. Write a label, = and an effect: --on mixed=drop.\n"),
        (("--on", "ai=keep", "--on", "ai=drop"), "--on names ai twice. Leave one of them out.\n"),
    ):
        done = run(tmp_path, "init", "set", *given)
        assert (done.returncode, done.stderr) == (2, f"wellkeeper: {says}")


# --- a set, from its curation to what people said of it -----------------------------------------------------------


@pytest.fixture
def folder(curated_set, tmp_path):
    """Its corpus, its recipe and the set `out`."""
    shutil.copytree(curated_set.parent, tmp_path / "copy")
    return tmp_path / "copy"


def test_from_a_set_to_what_people_said_of_it(folder):
    made = run(folder, "init", "out", "--size", "20", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    assert json.loads(made.stdout)["schema"] == "wellkeeper.review-queue/1"
    queue = folder / "out-review.sqlite"
    again = run(folder, "init", "out", "--size", "20")
    assert (again.returncode, again.stdout) == (2, "")
    assert queue.name in again.stderr
    said = {}
    with ReviewQueue(queue) as opened:
        for at in range(60):
            given = opened.assign(("alice", "bob")[at % 2])
            if given is not None:
                entry = opened.answer(("alice", "bob")[at % 2], given.ticket, "ai")
                said[entry.told["item"]] = "ai"
        decided = {placed.item.places[0].id for _, placed in opened.items()}
    dry = run(folder, "apply", "out", "--recipe", "recipe.yaml", "--dry-run", "--json")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert json.loads(dry.stdout)["schema"] == "wellkeeper.review-apply/1"
    done = run(folder, "apply", "out", "--recipe", "recipe.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Add to the recipe: review: out-review.sqlite\n" in done.stdout
    kept = pq.read_table(folder / "out" / "data", columns=["id"]).column("id").to_pylist()
    assert decided.intersection(kept) <= {"twice"}  # which is the id of two documents
    checked = run(folder, "out", "--json", verb="verify")
    assert json.loads(checked.stdout)["ok"], checked.stdout


def test_a_steward_decides_by_id_and_apply_does_it(folder):
    kept = pq.read_table(folder / "out" / "data", columns=["id"]).column("id").to_pylist()
    one, two = [name for name in kept if kept.count(name) == 1][:2]
    done = run(folder, "decide", "out", one, "drop", "--because", "A hoax.", "--reviewer", "stew", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["schema"] == "wellkeeper.review-decide/1"
    assert (told["id"], told["label"], told["because"], told["entry"]) == (one, "drop", "A hoax.", 2)
    again = run(folder, "decide", "out", one, "drop", "--reviewer", "stew")
    assert again.stdout == (
        f"{one}: drop, said stew already (line 2 of out-decided.sqlite). Nothing was written.\n"
        "Next: wellkeeper review apply out\n"
    )
    assert run(folder, "decide", "out", two, "drop", "-q").stdout == ""
    wrong = run(folder, "decide", "out", f"{one}0", "drop")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert f"Close ids: {one}" in wrong.stderr
    done = run(folder, "apply", "out", "--recipe", "recipe.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    after = pq.read_table(folder / "out" / "data", columns=["id"]).column("id").to_pylist()
    assert {one, two} <= set(kept) - set(after)  # and what the mix has no room for


def test_a_set_without_a_queue_is_told_to_make_one(folder):
    done = run(folder, "apply", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "wellkeeper review init out" in done.stderr


def test_gold_and_guidelines_of_ones_own(folder):
    (folder / "gold.jsonl").write_text('{"text": "Somebody surely wrote this.", "label": "human"}\n')
    (folder / "rules.txt").write_text("Look twice.\n\nThen say it.\n")
    done = run(
        folder,
        "init",
        "out",
        "--size",
        "20",
        "--gold",
        "gold.jsonl",
        "--guidelines",
        "rules.txt",
        "--queue",
        "q.sqlite",
    )
    assert (done.returncode, done.stderr) == (0, "")
    with ReviewQueue(folder / "q.sqlite") as opened:
        assert opened.question.guidelines == "Look twice.\n\nThen say it."
        assert [placed.item.gold for _, placed in opened.items()].count("human") == 1
    (folder / "gold.jsonl").write_text('{"text": "Somebody surely wrote this.", "label": "person"}\n')
    wrong = run(folder, "init", "out", "--gold", "gold.jsonl", "--queue", "r.sqlite")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "person" in wrong.stderr
    assert not (folder / "r.sqlite").exists()
