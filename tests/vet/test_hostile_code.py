"""Hostile answers to tasks in Python: in real processes, no harm is done, and none is accepted."""

from pathlib import Path

import pytest
from generated_texts import text

from wellkeeper.suites.scorers.python_code import run_code
from wellkeeper.vet.reach import reach
from wellkeeper.vet.verifiers import verifier_of

TESTS = ("assert double(2) == 4", "assert all(double(x) == 2 * x for x in range(9))")
REPORT = '{"ended": "passed", "note": ""}'


def verdict(code, *tests):
    verifier = verifier_of({"kind": "python", "seconds": 1, "memory": 256})
    return verifier.verdict(text(f"```python\n{code}\n```", *(tests or TESTS)))


def test_an_honest_answer_is_accepted():
    assert verdict("def double(x):\n    return 2 * x").said == "accepted"


def test_a_fork_bomb_has_no_first_child():
    found = verdict("import os\nwhile True:\n    os.fork()")
    assert (found.said, "BlockingIOError" in found.note) == ("rejected", True)


def test_no_file_is_written_outside(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    for place in (folder / "x", Path("/tmp/of-a-hostile-answer"), Path.home() / ".of-a-hostile-answer"):
        verdict(f"open({str(place)!r}, 'w').write('x')\ndef double(x):\n    return 2 * x")
        assert not place.exists()


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('1.1.1.1', 53), 1)",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:1')",
        "open('/proc/1/environ').read()",
        "import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)",
    ],
)
def test_network_processes_and_other_peoples_environments_are_out_of_reach(code):
    assert verdict(f"{code}\ndef double(x):\n    return 2 * x").said == "rejected"


@pytest.mark.parametrize(
    "code", ["x = bytearray(1 << 40)", "x = [0]\nwhile True:\n    x += x", "while True:\n    pass"]
)
def test_bombs_and_loops_are_unknown(code):
    assert verdict(code).said == "unknown"


# --- forged verdicts ----------------------------------------------------------------------------------------------

FORGERIES = {
    "writes the report to every pipe": (
        f"import os\nfor pipe in range(3, 64):\n    try:\n        os.write(pipe, b'{REPORT}\\n')\n"
        "    except OSError:\n        pass\nos._exit(99)"
    ),
    "ends as one that has passed": "import os\nos._exit(99)",
    "runs no test any more": "import builtins\nbuiltins.exec = builtins.compile = lambda *given: None",
    "has an all of its own everywhere": "import builtins\nbuiltins.all = lambda values: True\ndef double(x): return 4",
    "writes the report for the runner": f"import json\njson.dumps = lambda *given, **named: '{REPORT}'",
    "has the system write something else": (
        f"import os\nwrite = os.write\nos.write = lambda pipe, data: write(pipe, b'{REPORT}\\n')"
    ),
    "traces the tests": (
        "import sys\ndef tracer(frame, event, given):\n    frame.f_trace_lines = False\n    return tracer\n"
        "sys.settrace(tracer)\ndef double(x): return 4"
    ),
}


@pytest.mark.parametrize("way", FORGERIES)
def test_a_forged_report_is_not_believed(way):
    parts = [("answer", FORGERIES[way]), *((f"test {k}", test) for k, test in enumerate(TESTS, 1))]
    assert run_code(parts, seconds=1, memory=1 << 28)["ended"] == "failed"
    assert verdict(FORGERIES[way]).said == "rejected"


DECEPTIONS = {
    "it reaches for __eq__": "class Yes:\n    def __eq__(self, other):\n        return True\ndef double(x): return Yes()",
    "it defines all anew": "def all(values): return True\ndef double(x): return 4",
    "it imports sys": (
        "import sys\ndef double(x):\n    sys._getframe(1).f_globals['all'] = lambda values: True\n    return 4"
    ),
}


@pytest.mark.parametrize("found", DECEPTIONS)
def test_code_that_deceives_its_tests_waits_for_a_person(found):
    said = verdict(DECEPTIONS[found])
    assert (said.said, said.value) == ("unknown", 1)
    assert found in said.note
    assert said.note.endswith("have a person look")


# --- reading code -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os", "it imports os"),
        ("from sys import modules", "it imports sys"),
        ("from . import x", "it imports relatively"),
        ("from math import *", "it imports *"),
        ("import math\nmath.pi = 3", "it changes math"),
        ("import math\nmath.x.y[0] = 3", "it changes math"),
        ("import dataclasses\ndataclasses.sys.modules", "it reaches for sys"),
        ("from dataclasses import sys", "it imports sys"),
        ("import random\nrandom._os.getpid()", "it reaches for _os"),
        ("import string\nstring.Formatter().get_field('0.a', x, {})", "it reaches for Formatter"),
        ("import numpy as np", "it imports numpy"),
        ("Yes = type('Yes', (), {'__eq__': lambda self, other: True})", "it reaches for __eq__"),
        ("import math\nm = math", "it hands math on"),
        ("x = getattr(y, 'f_' + 'back')", "it reaches for getattr"),
        ("try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__", "it reaches for __traceback__"),
        ("def f():\n    yield\nf().gi_frame", "it reaches for gi_frame"),
        ("match x:\n    case object(f_back=y):\n        pass", "it reaches for f_back"),
        ("from operator import attrgetter", "it imports operator"),
        ("def f():\n    global sorted\n    sorted = list", "it defines sorted anew"),
        ("for len in []:\n    pass", "it defines len anew"),
        ("if True:\n    sum = 3", "it defines sum anew"),
        ("import math as all", "it defines all anew"),
        ("match len:\n    case all:\n        pass", "it defines all anew"),
        ("[all := len for _ in 'a']", "it defines all anew"),
        ("def f(x) return x", "its code cannot be read"),
        ("(" * 300 + ")" * 300, "its code cannot be read"),
        ("x = " + "-" * 30_000 + "1", "its code cannot be read"),
    ],
)
def test_what_code_reaches_for_is_found(code, found):
    assert reach(code) == found


@pytest.mark.parametrize(
    "code",
    [
        "from collections import Counter\n\ndef f(words):\n    return Counter(words).most_common(1)[0][0]",
        "import math\n\ndef f(r):\n    return math.floor(math.sqrt(r))",
        "class P:\n    def __init__(self, x):\n        self._x = x\n\n    def __repr__(self):\n        return str(self._x)",
        "def f(max_value):\n    sum_of = 0\n    for i in range(max_value):\n        sum_of += i\n    return sum_of",
        "def f(id):\n    def all(x):\n        return x\n    return all(id)",
        "import re\nPATTERN = re.compile('a')\n\ndef f(x):\n    return PATTERN.sub('b', x)",
        "from __future__ import annotations\nfrom collections.abc import Mapping\nx: Mapping = {}",
        "print('_' * 9, '__', 'a__b')\ndef f(x):\n    return [sum for sum in x]",
        "if __name__ == '__main__':\n    print(1)",
    ],
)  # fmt: skip
def test_usual_code_reaches_for_nothing(code):
    assert reach(code) == ""
