"""One worker process for all scorers, which is started when it is first needed and again when it is gone.

A request that takes more CPU time than it may ends the worker, and is unknown: what it would have said is not known,
and to count it as wrong has spoilt rewards before [1, 2]. The next request gets a new worker.

[1] huggingface/open-r1, issue 420: time-outs of math-verify counted as wrong.
[2] PrimeIntellect-ai/verifiers, issue 831: likewise.
"""

import atexit
import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("worker.py")
_PATIENCE = 20.0  # seconds on the clock for one of CPU time: a busy machine is no reason to give up
_START = 60.0  # seconds on the clock to start and to import
_PIECE = 1 << 16  # bytes that are read at once


class Unknown(Exception):  # noqa: N818 - it is an answer: nobody can tell
    """A check that did not come to an end; says why."""


class Worker:
    """A process that does one request at a time, each within a limit of CPU time. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, task: str, *, seconds: float, **arguments: Any) -> Any:
        """What a task of `worker.py` returns.

        Args:
            task: its name.
            seconds: most CPU time that it may take.
            **arguments: as JSON can hold them.

        Raises:
            Unknown: it took too long or too much memory, failed, or was killed.
        """
        request = json.dumps({"task": task, "seconds": seconds, "arguments": arguments}).encode() + b"\n"
        with self._lock:
            reply = self._reply(request, seconds)
        if "failed" in reply:
            raise Unknown(f"the check failed: {reply['failed']}")
        return reply["answer"]

    def close(self) -> None:
        """End the process; the next request starts another."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Have no process, as in one that was just forked: the process and the lock are those of its parent.

        A thread of the parent may have held the lock, and does not live on here to give it back. And the pipes are
        closed, or the worker would outlive the parent for as long as this process holds them.
        """
        self._lock = threading.Lock()
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()
            process.returncode = (
                0  # it is no child of ours: there is nothing to wait for, and nothing to warn of
            )

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._process is None else self._process.pid

    def _reply(self, request: bytes, seconds: float) -> dict[str, Any]:
        process = self._started()
        try:
            line = self._exchange(process, request, time.monotonic() + _START + _PATIENCE * seconds)
        except BaseException:  # Ctrl-C too: half a reply must not be read as the next one's
            self._end()
            raise
        if line.endswith(b"\n"):
            reply: dict[str, Any] = json.loads(line)
            return reply
        code = self._end()
        if code == -signal.SIGPROF:
            raise Unknown(f"the check took more than {seconds:g} s of CPU time")
        raise Unknown("the check was killed")

    def _started(self) -> subprocess.Popen[bytes]:
        """The process; a new one where it died between two requests."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
                start_new_session=True,
                bufsize=0,
            )
        return self._process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], request: bytes, until: float) -> bytes:
        """One line of reply; less than a line where the process ended, or time on the clock ran out."""
        assert process.stdin is not None
        assert process.stdout is not None
        left, said = memoryview(request), bytearray()
        with selectors.DefaultSelector() as pipes:
            pipes.register(process.stdin, selectors.EVENT_WRITE)
            pipes.register(process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                ready = {key.fileobj for key, _ in pipes.select(max(0.0, until - time.monotonic()))}
                if process.stdout in ready:
                    piece = os.read(process.stdout.fileno(), _PIECE)
                    if not piece:
                        break
                    said += piece
                elif process.stdin in ready:
                    left = _written(process.stdin.fileno(), left)
                    if not left:
                        pipes.unregister(process.stdin)
                else:
                    break
        return bytes(said)

    def _end(self) -> int | None:
        """Kill and reap the process; its code, negative where a signal ended it."""
        process, self._process = self._process, None
        if process is None:
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)  # one that ended itself says by which signal
        if process.returncode is None:
            process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        return process.returncode


def _written(descriptor: int, data: memoryview) -> memoryview:
    """What is left after the pipe took what it can take at once; nothing where nobody reads any more."""
    try:
        return data[os.write(descriptor, data[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return data[:0]


WORKER = Worker()
"""The worker of this process."""
atexit.register(WORKER.close)
os.register_at_fork(after_in_child=WORKER.forget)
