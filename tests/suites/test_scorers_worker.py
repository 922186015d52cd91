"""What the worker process does: patterns, JSON and mathematics, each within its time, and its own death."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_helpers import scored, value

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.fences import Block, fenced_blocks
from wellkeeper.suites.scorers.workers import WORKER, Unknown, Worker

BACKTRACKS = {"kind": "regex", "pattern": r"(a+)+$", "seconds": 0.2}
FOREVER = "a" * 60 + "b"


@pytest.fixture(autouse=True, scope="module")
def no_worker_is_left():
    yield
    WORKER.close()
    assert WORKER.pid is None


def alive(pid):
    """Whether a process still runs; one that ended and that nobody has asked about yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- patterns -----------------------------------------------------------------------------------------------------


def test_a_pattern_matches_or_does_not():
    assert value({"kind": "regex", "pattern": "c[aou]w"}, "A cow.") == 1
    assert value({"kind": "regex", "pattern": "c[aou]w"}, "A dog.") == 0
    assert value({"kind": "regex", "pattern": "c[aou]w", "match": "full"}, "A cow.") == 0
    assert (
        value({"kind": "regex", "pattern": "^COW$", "flags": ["ignorecase", "multiline"]}, "A\ncow\n.") == 1
    )
    assert value({"kind": "regex", "pattern": "a.b"}, "a\nb") == 0
    assert value({"kind": "regex", "pattern": "a.b", "flags": "dotall"}, "a\nb") == 1


def test_references_are_patterns_where_the_suite_has_none():
    assert value("regex", "It is 42.", r"\b4\d\b") == 1
    assert value("regex", "It is 52.", r"\b4\d\b", r"^It is \d+\.$") == 1
    with pytest.raises(
        InputError, match=r"The reference '\(' of the item one is no regular expression: .*Correct it"
    ):
        scored("regex", "x", "(")


def test_what_a_group_takes_out_is_compared_with_the_references():
    spec = {"kind": "regex", "pattern": r"answer: (?P<word>\w+)", "group": "word"}
    assert value(spec, "answer: Paris, I think", "paris") == 1
    assert value(spec, "answer: Rome. No, answer: Paris", "Paris") == 0
    assert value({**spec, "which": "last"}, "answer: Rome. No, answer: Paris", "Paris") == 1
    assert scored(spec, "answer: Rome", "Paris").note == "read Rome"
    assert scored(spec, "Paris", "Paris").note == "no match"
    assert value({"kind": "regex", "pattern": r"(x)?y", "group": 1}, "y", "x") == 0


def test_a_pattern_that_backtracks_for_ever_is_unknown_and_the_next_answer_is_scored():
    score = scored(BACKTRACKS, FOREVER)
    assert (score.value, score.note) == (None, "the check took more than 0.2 s of CPU time")
    assert value(BACKTRACKS, "aaaa") == 1


# --- the process --------------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_between_two_requests_is_started_again():
    assert value(BACKTRACKS, "aaaa") == 1
    first = WORKER.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # until it is dead; it is left for the worker to reap
    assert value(BACKTRACKS, "aaaa") == 1
    assert WORKER.pid != first


def kill_at_work(process, idle):
    """Kill a process once it has used 0.05 s of CPU time more than when it was idle."""
    until = time.monotonic() + 60
    while process.cpu_times().user < idle + 0.05 and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()


def test_a_worker_that_is_killed_at_work_leaves_the_score_unknown():
    assert value(BACKTRACKS, "aaaa") == 1
    worker = psutil.Process(WORKER.pid)
    killer = threading.Thread(target=kill_at_work, args=(worker, worker.cpu_times().user))
    killer.start()
    score = scored({**BACKTRACKS, "seconds": 30}, FOREVER)
    killer.join()
    assert (score.value, score.note) == (None, "the check was killed")
    assert value(BACKTRACKS, "aaaa") == 1


def test_a_worker_that_hangs_is_ended_by_the_clock(monkeypatch):
    worker = Worker()
    worker.ask("search", seconds=1, pattern="a", flags=0, text="a", group=0, whole=False, last=False)
    stopped = worker.pid
    monkeypatch.setattr("wellkeeper.suites.scorers.workers._START", 0.3)  # now that it has started
    monkeypatch.setattr("wellkeeper.suites.scorers.workers._PATIENCE", 0.0)
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(
        Unknown, match="the check was killed"
    ):  # more text than a pipe holds: it must not wait to write
        worker.ask(
            "search", seconds=1, pattern="a", flags=0, text="a" * 300_000, group=0, whole=False, last=False
        )
    assert not alive(stopped)
    worker.close()


def test_a_request_that_fails_says_how_and_the_worker_goes_on():
    worker = Worker()
    with pytest.raises(Unknown, match=r"the check failed: IndexError: no such group"):
        worker.ask("search", seconds=1, pattern="a", flags=0, text="a", group=7, whole=False, last=False)
    first = worker.pid
    assert worker.ask(
        "search", seconds=1, pattern="a", flags=0, text="a", group=0, whole=False, last=False
    ) == ["a"]
    assert worker.pid == first
    worker.close()
    assert not alive(first)


def test_threads_share_the_worker_and_each_gets_its_own_answer():
    found = {}

    def work(name):
        found[name] = [
            scored(
                {"kind": "regex", "pattern": r"(\d+)", "group": 1}, f"It is {name}{part}.", f"{name}{part}"
            ).value
            for part in range(20)
        ]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [1.0] * 20 for name in range(1, 6)}


FORKED = """
import os
from scorer_helpers import scored
from wellkeeper.suites.scorers.workers import WORKER
scored({"kind": "regex", "pattern": "a"}, "a")
first = WORKER.pid
if os.fork() == 0:
    scored({"kind": "regex", "pattern": "a"}, "a")
    print(first, WORKER.pid, flush=True)
    os._exit(0)
os.wait()
assert scored({"kind": "regex", "pattern": "a"}, "a").value == 1 and WORKER.pid == first
os.kill(os.getpid(), 9)
"""


def test_a_forked_process_has_its_own_worker_and_workers_end_with_those_who_ask():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    first, second = map(int, done.stdout.split())
    assert first != second
    until = time.monotonic() + 60
    while (alive(first) or alive(second)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(first)
    assert not alive(second)


FORKED_AT_WORK = """
import os, sys, threading, time
from scorer_helpers import scored
from wellkeeper.suites.scorers.workers import WORKER
slow = lambda: scored({"kind": "regex", "pattern": "(a+)+$", "seconds": 0.5}, "a" * 60 + "b")
thread = threading.Thread(target=slow)
thread.start()
while WORKER.pid is None or not WORKER._lock.locked():
    time.sleep(0.01)
if os.fork() == 0:
    assert WORKER.pid is None
    assert scored({"kind": "regex", "pattern": "a"}, "a").value == 1
    sys.exit(0)
_, status = os.wait()
thread.join()
assert scored({"kind": "regex", "pattern": "a"}, "a").value == 1
print(status)
"""


def test_a_process_that_is_forked_while_a_thread_asks_does_not_wait_for_that_thread():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORKED_AT_WORK],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


MANY_FILES = """
import os, resource
from scorer_helpers import scored
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
assert scored({"kind": "regex", "pattern": "a"}, "a" * 100_000).value == 1
assert scored({"kind": "python"}, "x = 1", "assert x == 1").value == 1
"""


def test_a_program_with_more_than_a_thousand_open_files_is_served():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", MANY_FILES], env=environment, check=True, timeout=60)


PROFILED = """
import signal
from scorer_helpers import scored
signal.signal(signal.SIGPROF, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
print(scored({"kind": "regex", "pattern": "(a+)+$", "seconds": 0.2}, "a" * 60 + "b").note)
"""


def test_a_program_that_ignores_the_timer_of_profilers_keeps_the_limit():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROFILED],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        timeout=60,
    )
    assert done.stdout == "the check took more than 0.2 s of CPU time\n"


# --- JSON ---------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "age": {"type": "integer", "minimum": 0},
    },
    "required": ["name"],
}
VALID = '{"name": "ann", "age": 4}'
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "age", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def of_schema(text, **options):
    return scored({"kind": "json-schema", "schema": SCHEMA, **options}, text)


@settings(max_examples=30)
@given(values)
def test_json_is_valid_where_jsonschema_says_so(given_value):
    assert of_schema(json.dumps(given_value)).value == jsonschema.Draft202012Validator(SCHEMA).is_valid(
        given_value
    )


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        f"Here it is:\n```json\n{VALID}\n```\nDone.",
        f"```\n{VALID}",
        f"First ```json\n[1]\n``` is bad.\n```json\n{VALID}\n```",
        f"So {{well}}, it is {VALID}, I think [1].",
    ],
)
def test_json_is_found_in_an_answer(text):
    assert of_schema(text).value == 1


@pytest.mark.parametrize("text", ["none", "{", "[" * 100_000, '{"name": NaN}', "{" * 50, "NaN", "``` ```"])
def test_an_answer_without_json_is_wrong(text):
    score = of_schema(text)
    assert (score.value, score.note) == (0, "no JSON in the answer")


def test_a_strict_answer_is_json_and_nothing_else():
    assert of_schema(f" {VALID}\n", strict=True).value == 1
    assert of_schema(f"```json\n{VALID}\n```", strict=True).value == 0


def test_the_note_says_what_is_wrong_with_the_json():
    assert of_schema('{"name": "ann", "age": -4}').note == "$.age: -4 is less than the minimum of 0"


def test_a_schema_elsewhere_is_not_fetched_and_a_slow_one_is_ended():
    elsewhere = {"kind": "json-schema", "schema": {"$ref": "http://127.0.0.1:9/schema.json"}}
    score = scored(elsewhere, "{}")
    assert score.value is None
    assert "Unresolvable" in score.note
    slow = {"kind": "json-schema", "schema": {"pattern": r"^(a+)+$"}, "seconds": 0.2}
    assert scored(slow, f'"{FOREVER}"').value is None


def test_a_fence_may_be_of_tildes_longer_or_never_closed():
    assert fenced_blocks("~~~yaml\na: 1\n~~~") == [Block(language="yaml", text="a: 1\n")]
    assert fenced_blocks("````\n```\nx\n```\n````") == [Block(language="", text="```\nx\n```\n")]
    assert fenced_blocks("```Python\nx") == [Block(language="python", text="x")]
    assert fenced_blocks("no `code` here") == []


# --- mathematics --------------------------------------------------------------------------------------------------

PAIRS = (
    ("3/4", "$\\frac{6}{8}$"),
    ("\\frac{3}{4}", "The answer is 0.75"),
    ("x^2+2x+1", "$(x+1)^2$"),
    ("x^2+2x+1", "$(x+2)^2$"),
    ("\\sqrt{2}", "\\boxed{\\sqrt 2}"),
    ("5", "It is 6."),
    ("$\\{1,2\\}$", "$\\{2,1\\}$"),
    ("(1,2)", "$(2,1)$"),
    ("\\frac{\\pi}{2}", "$\\pi/2$"),
    ("1,234", "1234"),
    ("x=3", "$x = 3$"),
    ("50\\%", "$0.5$"),
)


@pytest.mark.parametrize(("reference", "answer"), PAIRS)
def test_mathematics_is_right_where_math_verify_says_so(reference, answer):
    from math_verify import parse, verify

    wanted = parse(reference if "$" in reference else f"${reference}$")
    assert value("math", answer, reference) == verify(wanted, parse(answer))


def test_an_equation_that_never_ends_is_unknown_and_not_wrong():
    score = scored({"kind": "math", "seconds": 0.5}, "$9^{9^{9^{9}}}$", "10^{10^{10}}")
    assert (score.value, score.note) == (None, "the check took more than 0.5 s of CPU time")
    assert value("math", "$\\frac12$", "1/2") == 1


@pytest.mark.parametrize(("right", "expected"), [(True, 1), (False, None)])
def test_a_reference_that_never_ends_does_not_hide_another_that_is_right(right, expected, monkeypatch):
    def asked(task, *, seconds, reference, answer):
        if reference == "slow":
            raise Unknown("too slow")
        return {"right": right, "read": answer}

    monkeypatch.setattr(WORKER, "ask", asked)
    assert value("math", "7", "slow", "7") == expected


def test_words_are_wrong_and_a_reference_of_words_is_refused():
    assert scored("math", "many", "5").note == "no mathematics in the answer"
    with pytest.raises(
        InputError, match=r"The reference of the item one is no mathematics: ''\. Write it as LaTeX"
    ):
        scored("math", "5", "   ")
