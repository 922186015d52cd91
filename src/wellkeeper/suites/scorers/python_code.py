"""Answers that are Python: run with the tests that the item gives, within limits.

The code runs in processes of its own, in an empty folder that is removed, without our environment. CPU time, memory,
files and processes are limited, and the system keeps network and files away where it lets us (`code_runner.py` says
how). It is no security boundary: run models that you do not trust on a machine that you can lose. Code cannot report
for its tests, and may still deceive them: they run where it runs.

Published benchmarks count code that runs for ever as wrong. Here a check that ran out of its own time or memory is
unknown, unless the suite says `over-limit: wrong`.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.fences import fenced_blocks
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scorers.texts import shown
from wellkeeper.suites.scorers.workers import Unknown
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

SECONDS = 5.0
"""CPU time for one answer with all its tests."""
MEMORY = 512
"""MiB of address space."""
NOBODY = 65_534
"""The user who runs the code where we are root."""

_PROGRAM = Path(__file__).with_name("code_runner.py")
_PATIENCE = 6.0  # seconds on the clock for one of CPU time, so that code which only waits ends, too
_START = 5.0  # seconds on the clock to start
_LONGEST_REPORT = 4096  # bytes
_PYTHON = frozenset({"python", "py", "python3", ""})


@dataclass(frozen=True, kw_only=True)
class PythonCode(Rule):
    """1 where all tests pass, else 0. The item's references are the tests: Python that raises where it fails."""

    kind: ClassVar[str] = "python"
    setup: str  # Python that runs before the answer
    tests: str | None  # in place of the item's references
    continues: bool  # whether the answer goes on where the prompt ends
    seconds: float
    memory: int  # MiB
    over_limit: float | None  # what an answer is worth that runs out of time or memory

    @classmethod
    def of(cls, options: Options) -> "PythonCode":
        if os.name != "posix":
            raise InputError("The scorer python needs Linux or macOS. Run the suite there.")
        wrong = options.one_of("over-limit", ("unknown", "wrong"), default="unknown") == "wrong"
        return cls(
            setup=options.text("setup") or "",
            tests=options.text("tests"),
            continues=options.flag("continues-prompt", default=False),
            seconds=options.number("seconds", default=SECONDS, least=0.1, most=600),
            memory=int(options.number("memory", default=MEMORY, least=64, most=65_536, whole=True)),
            over_limit=0.0 if wrong else None,
        )

    def check(self, item: SuiteItem) -> None:
        """As of all scorers, without running what is checked."""
        self._parts(item, "")

    def worth(self, item: SuiteItem, output: Output) -> Score:
        parts = self._parts(item, output.text)
        try:
            found = run_code(parts, seconds=self.seconds, memory=self.memory << 20)
        except Unknown as error:
            return Score(value=self.over_limit, note=str(error))
        if found["ended"] == "limit":
            return Score(value=self.over_limit, note=shown(found["note"]))
        right = found["ended"] == "passed"
        return right_or_wrong(right=right, note="all tests pass" if right else shown(found["note"]))

    def _parts(self, item: SuiteItem, text: str) -> list[tuple[str, str]]:
        """What is run, each part with its name."""
        tests = (self.tests,) if self.tests is not None else references_of(item, self.kind)
        return [
            ("setup", self.setup),
            ("answer", self.code(item, text)),
            *((f"test {place}", test) for place, test in enumerate(tests, 1)),
        ]

    def code(self, item: SuiteItem, text: str) -> str:
        """The Python of an answer, as it is run.

        Raises:
            InputError: it is to go on where the prompt ends, and the prompt is a conversation.
        """
        if not self.continues:
            return code_of(text)
        if not isinstance(item.prompt, str):
            raise InputError(
                f"The prompt of the item {item.name} is a conversation, which no code continues. Give it a text, or "
                "leave out continues-prompt."
            )
        return item.prompt + text


def code_of(text: str) -> str:
    r"""The Python of an answer: its longest block between fences; all of it where there is none.

    >>> code_of("Here:\n```python\ndef f(): return 1\n```\nUse it:\n```\nf()\n```")
    'def f(): return 1\n'
    """
    blocks = [block.text for block in fenced_blocks(text) if block.language in _PYTHON]
    return max(blocks, key=len, default=text)


def run_code(parts: list[tuple[str, str]], *, seconds: float, memory: int) -> dict[str, Any]:
    """How named pieces of Python ended that ran one after the other: `ended` (passed, failed, limit) and a `note`.

    Args:
        parts: name and source of each.
        seconds: most CPU time.
        memory: most bytes of address space.

    Raises:
        Unknown: they did not end in time, or who watched them was killed.
    """
    job = json.dumps(
        {"parts": parts, "seconds": seconds, "memory": memory, "nobody": NOBODY, "parent": os.getpid()}
    ).encode()
    with tempfile.TemporaryDirectory(prefix="wellkeeper-", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        with tempfile.TemporaryFile() as told:
            told.write(job)
            told.seek(0)
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", str(_PROGRAM)],
                stdin=told,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(folder),
                start_new_session=True,
                bufsize=0,
            )
        try:
            line = _first_line(process, time.monotonic() + _START + _PATIENCE * seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    try:
        found = json.loads(line)
        return {"ended": str(found["ended"]), "note": str(found["note"])}
    except (ValueError, KeyError, TypeError):
        raise Unknown("the process that watched it was killed") from None


def _environment(folder: str) -> dict[str, str]:
    """Nothing of ours; one thread for the libraries that would start many."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _first_line(process: subprocess.Popen[bytes], until: float) -> bytes:
    assert process.stdout is not None
    said = bytearray()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in said and len(said) < _LONGEST_REPORT:
            if not pipes.select(max(0.0, until - time.monotonic())):
                raise Unknown("it did not end in time")
            piece = os.read(process.stdout.fileno(), _LONGEST_REPORT)
            if not piece:
                break
            said += piece
    return bytes(said)
