"""A model's code and its tests in real processes: right, wrong, and all that may go wrong with the machine."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from scorer_helpers import scored, value

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers import python_code
from wellkeeper.suites.scorers.python_code import code_of

DOUBLE = "def double(x):\n    return 2 * x\n"
TESTS = ("assert double(2) == 4", "assert double(0) == 0, 'zero'")
SHORT = {"kind": "python", "seconds": 1}


def ran(code, *tests, **options):
    return scored({**SHORT, **options}, f"```python\n{code}\n```", *(tests or ("pass",)))


def processes_at_home_in(folder):
    """Processes that were started with a home below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={folder}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


def all_end(folder):
    """Whether they are gone soon: what is killed takes a moment to die."""
    until = time.monotonic() + 20
    while processes_at_home_in(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return processes_at_home_in(folder) == []


def started_below(program):
    """The processes below a program, once the one that runs its code has named itself; none where that never is."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        below = psutil.Process(program.pid).children(recursive=True)
        if any(process.name() == "asleep" for process in below):
            return below
        time.sleep(0.05)
    return []


def runs(process):
    """Whether a process still runs; one that ended and that nobody has asked about yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def all_die(processes):
    """Whether they are gone soon, as `all_end`, also where their environment is not for us to read."""
    until = time.monotonic() + 20
    while any(map(runs, processes)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(runs, processes))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


# --- right and wrong ----------------------------------------------------------------------------------------------


def test_code_that_passes_all_tests_is_right():
    score = scored("python", f"Here it is:\n```python\n{DOUBLE}```\nIt doubles.", *TESTS)
    assert (score.value, score.note) == (1, "all tests pass")
    assert value("python", DOUBLE, *TESTS) == 1


def test_code_that_fails_a_test_is_wrong_and_the_note_says_which():
    score = ran("def double(x):\n    return 4\n", *TESTS)
    assert (score.value, score.note) == (0, "test 2: AssertionError: zero")
    assert ran("def double(x) return 4").note.startswith("answer: SyntaxError")
    assert ran("").value == 1  # the tests decide: this one tests nothing


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "import os\nos._exit(99)",
        "raise SystemExit",
        "exit()",
    ],
)
def test_code_that_ends_before_its_tests_has_not_passed_them(code):
    assert ran(code).value == 0


def test_setup_tests_and_the_prompt_may_come_from_the_suite():
    assert ran("x = math.pi", "assert x > 3", setup="import math").value == 1
    assert scored({**SHORT, "tests": "assert f() == 1"}, "def f():\n    return 1\n").value == 1
    continued = scored(
        {**SHORT, "continues-prompt": True}, "    return 2 * x\n", *TESTS, prompt="def double(x):\n"
    )
    assert continued.value == 1
    with pytest.raises(
        InputError, match=r"The prompt of the item one is a conversation, which no code continues\."
    ):
        scored({**SHORT, "continues-prompt": True}, "x", "pass", prompt=[{"role": "user", "content": "x"}])


def test_the_longest_block_of_python_is_the_code():
    assert (
        code_of("```bash\npip install a-very-long-name-of-a-package\n```\n```py\nx = 1\n```\n```\ny\n```")
        == "x = 1\n"
    )
    assert code_of("x = 1") == "x = 1"
    assert code_of("```python\nx = 1") == "x = 1"


def test_an_error_that_hides_its_message_is_still_an_error():
    code = "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E"
    assert ran(code).note == "answer: E"


# --- limits -------------------------------------------------------------------------------------------------------


def test_a_loop_without_end_is_unknown_or_wrong_where_the_suite_says_so():
    score = ran("while True:\n    pass")
    assert (score.value, score.note) == (None, "it ran out of CPU time")
    assert ran("while True:\n    pass", **{"over-limit": "wrong"}).value == 0


def test_code_that_only_waits_is_unknown(monkeypatch):
    monkeypatch.setattr("wellkeeper.suites.scorers.python_code._PATIENCE", 0.0)
    monkeypatch.setattr("wellkeeper.suites.scorers.python_code._START", 0.7)
    score = ran("import time\ntime.sleep(60)  # marker-of-waiting")
    assert (score.value, score.note) == (None, "it did not end in time")


def test_memory_beyond_the_limit_is_unknown():
    score = ran("x = []\nwhile True:\n    x.append(bytearray(10_000_000))", memory=128)
    assert (score.value, score.note) == (None, "it ran out of memory")


def test_forks_and_threads_are_refused():
    begun = time.monotonic()
    score = ran("import os\nwhile True:\n    os.fork()")
    assert score.value == 0
    assert "BlockingIOError" in score.note
    assert ran("import threading\nthreading.Thread(target=print).start()").value == 0
    assert time.monotonic() - begun < 30


def test_endless_output_goes_nowhere():
    assert ran("for _ in range(10_000):\n    print('x' * 1000)").value == 1
    code = "import os\nfor i in range(3, 40):\n    try:\n        os.write(i, b'x' * 100_000)\n    except OSError:\n        pass"
    assert ran(code).value == 0


def test_files_stay_in_a_folder_that_is_empty_and_small():
    assert (
        ran(
            "import os\nassert os.listdir() == []\nopen('a', 'w').write('x')\nassert os.listdir() == ['a']"
        ).value
        == 1
    )
    score = ran("with open('a', 'wb') as file:\n    while True:\n        file.write(b'x' * 1_000_000)")
    assert score.value == 0
    assert "OSError" in score.note


def test_the_code_sees_none_of_our_environment_and_no_input(monkeypatch):
    monkeypatch.setenv("A_SECRET_KEY", "sesame")
    assert ran("import os\nassert 'sesame' not in str(os.environ)\nassert os.getuid() != 0").value == 1
    assert ran("input()").note.startswith("answer: EOFError")


def test_a_crash_is_wrong():
    assert ran("import ctypes\nctypes.string_at(0)").note == "it ended by SIGSEGV"
    assert ran("def f(): return f()\nf()").note.startswith("answer: RecursionError")


def namespaces():
    probe = "import ctypes, os; os._exit(ctypes.CDLL(None).unshare(0x10000000 | 0x40020000) != 0)"
    return (
        os.uname().sysname == "Linux"
        and subprocess.run(["python3", "-c", probe], check=False).returncode == 0
    )


@pytest.mark.skipif(not namespaces(), reason="this system gives us no namespaces")
def test_where_the_system_allows_it_there_is_no_network_no_process_and_no_file_to_write(tmp_path):
    assert (
        "Network is unreachable" in ran("import socket\nsocket.create_connection(('127.0.0.1', 22), 1)").note
    )
    assert ran("import os\nassert os.listdir('/proc') == []").value == 1
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert ran(f"open({str(open_to_all / 'x')!r}, 'w')").value == 0
    assert list(open_to_all.iterdir()) == []
    assert "Read-only" in ran("open('/tmp/x', 'w')").note


@pytest.mark.skipif(not namespaces(), reason="this system gives us no namespaces")
def test_code_that_leaves_its_session_and_attacks_its_keeper_ends_like_any_other(monkeypatch):
    attack = (
        "import contextlib, os, signal, time\nos.setsid()\n"
        "with contextlib.suppress(OSError):\n    os.kill(os.getppid(), 9)\n"
    )
    assert ran(attack).value == 1
    monkeypatch.setattr("wellkeeper.suites.scorers.python_code._PATIENCE", 0.0)
    monkeypatch.setattr("wellkeeper.suites.scorers.python_code._START", 2.0)
    assert ran(f"{attack}time.sleep(60)").value is None
    assert all_end(tempfile.tempdir)


KILLED = """
import sys, tempfile, threading
tempfile.tempdir = sys.argv[1]
from wellkeeper.suites.scorers.python_code import run_code
names_itself = "import ctypes\\nctypes.CDLL(None).prctl(15, b'asleep')\\n"  # PR_SET_NAME
code = [("answer", f"{names_itself}import time\\ntime.sleep(60)")]
threading.Thread(target=run_code, args=(code,), kwargs={"seconds": 60, "memory": 1 << 29}).start()
"""


@pytest.mark.skipif(
    os.uname().sysname != "Linux", reason="other systems do not end children with their parent"
)
def test_code_ends_with_the_program_that_runs_it_even_where_that_is_killed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    program = subprocess.Popen([sys.executable, "-c", KILLED, str(home)])
    below = started_below(program)
    assert len(below) == 3  # the runner, the keeper, and the one that runs the code
    program.kill()
    program.wait()
    assert all_end(home)
    assert all_die(below)


STARTS = """
import os, sys
if os.fork() == 0:
    os.execv(sys.executable, [sys.executable, "-I", sys.argv[1]])
"""


@pytest.mark.skipif(
    os.uname().sysname != "Linux", reason="other systems do not end children with their parent"
)
@pytest.mark.parametrize(("then", "told"), [("os.wait()", b'{"ended": "passed", "note": ""}\n'), ("", b"")])
def test_a_runner_whose_parent_ended_while_it_started_runs_nothing(then, told, tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", STARTS + then, str(python_code._PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )
    if not then:
        program.wait()
    job = {"parts": [("answer", "pass")], "seconds": 5, "memory": 1 << 29, "nobody": python_code.NOBODY}
    assert program.communicate(json.dumps({**job, "parent": program.pid}).encode(), timeout=60)[0] == told
