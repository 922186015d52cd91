"""What a command costs: CPU time, wall time and memory of its whole process tree, and on which machine."""

import ctypes
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

_SAMPLES_A_SECOND = 10
_ORPHAN_SECONDS = 5  # that helpers of a tool get to end after it
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_ONE_THREAD = ("OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMBA_NUM_THREADS RAYON_NUM_THREADS "
               "POLARS_MAX_THREADS ARROW_NUM_THREADS").split()  # fmt: skip


class CommandError(Exception):
    """A command ended with an error or ran out of time; the message is the end of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one run took."""

    cpu_s: float  # user + system, of every process it started
    wall_s: float
    peak_mb: float  # largest sum of resident sets over the tree, sampled; MB = 10**6 bytes


def _usual() -> dict[str, str]:
    """The environment, less what would make Python compile every module of a tool again in every run."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(
    command: list[str],
    *,
    cores: int | None = None,
    environment: Mapping[str, str] | None = None,
    good: Iterable[int] = (0,),
    limit_s: float | None = None,
) -> Usage:
    """Run a command to its end and tell what it and its children took.

    With `cores` it runs on that many processors, and libraries that start threads are told as many. Processes
    that outlive their parent come to this one and are counted too, where the system can do that (Linux).

    Raises:
        CommandError: the command's exit code is not in `good`, or `limit_s` seconds passed.
    """
    _adopt_orphans()
    told = {name: str(cores) for name in _ONE_THREAD} if cores else {}
    everywhere = _processors()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    try:
        if cores and everywhere:
            os.sched_setaffinity(0, sorted(everywhere)[:cores])  # the child inherits it
        process = subprocess.Popen(
            command,
            env={**_usual(), **told, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    finally:
        if cores and everywhere:
            os.sched_setaffinity(0, everywhere)
    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, stop))
    watcher.start()
    try:
        printed, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _end(_family(process.pid))
        process.communicate()
        raise CommandError(f"stopped after {limit_s:.0f} s") from None
    finally:
        wall = time.perf_counter() - begun
        stop.set()
        watcher.join()
        _reap_orphans()
    if process.returncode not in set(good):
        raise CommandError(
            f"exit code {process.returncode}: {printed.decode(errors='replace').strip()[-2000:]}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Usage(cpu_s=cpu, wall_s=wall, peak_mb=peak[0] / 1e6)


def machine() -> dict[str, Any]:
    """The processor, cores, memory and systems that figures belong to."""
    return {
        "processor": _processor(),
        "cores": len(_processors()) or os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load() -> float:
    """Runnable processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _processors() -> set[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans() -> None:
    """Wait for processes that the command left behind: their CPU time is counted when they are waited for."""
    patience = time.monotonic() + _ORPHAN_SECONDS
    with suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                if time.monotonic() > patience:
                    _end(psutil.Process().children(recursive=True))
                time.sleep(0.02)


def _family(pid: int) -> list[Any]:
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _end(processes: list[Any]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def _watch(pid: int, peak: list[int], stop: threading.Event) -> None:
    while not stop.wait(1 / _SAMPLES_A_SECOND):
        total = 0
        for process in _family(pid):
            with suppress(psutil.Error):
                total += process.memory_info().rss
        peak[0] = max(peak[0], total)
