"""Tasks on a Ray cluster: the very functions that threads run, on machines that share their storage.

Only tasks and their small results travel through Ray; what a task makes goes to the shared work folder, whole or
not at all. A task whose machine is lost is therefore run again by Ray, and may have been run in part, or twice,
without harm. Every machine must see the work folder and the inputs under the same names, and run the same code as
the driver: both are checked, and said plainly where they do not hold, before any work is done.

Nothing here starts a cluster at an address, or stops one that others use: a connection ends, and a cluster ends
with it only if the connection started it.
"""

import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from wellkeeper import __version__
from wellkeeper.engine.files import expand
from wellkeeper.engine.version import code_digest
from wellkeeper.errors import MissingExtraError, WorkError

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 5
"""Times that a task is run again because its machine was lost; an exception in it is never retried."""
MERGED_AT_ONCE = 4
"""Results that one task of a reduction merges: the tree is low, and no task holds many of them."""
_CONNECT_SECONDS = 10
_LEFT_SECONDS = 10
_COUNT_SECONDS = 5  # between two looks at how many cores the cluster has: machines come and go

# What Ray shall do for us and, where a person has set it, does as told.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # sends statistics out of the house
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns that a default will change, which is not our default
}


@contextmanager
def connected(address: str | None = None, *, workers: int | None = None) -> Iterator[None]:
    """A connection to the cluster at the address, to that at RAY_ADDRESS, or to one of this machine alone.

    The last listens on loopback and has `workers` cores, by default those there are. A connection that exists is
    used and left as it is.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkError: no cluster answers, its token is another one, or it runs another Ray or Python.
    """
    place = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_address(place)
    ray = _ray(alone=place == "local")
    if ray.is_initialized():
        yield
        return
    with _news_on_stderr():
        _connect(ray, place, workers)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _news_on_stderr() -> Iterator[None]:
    """Ray prints what befalls the cluster, such as a lost machine, on stdout, which is for results."""
    worker = import_module("ray._private.worker")
    original = getattr(worker, "print_to_stdstream", None)
    if original is None:
        yield
        return

    def printed(data: dict[str, Any], **options: Any) -> None:
        original({**data, "is_err": True}, **options)

    worker.print_to_stdstream = printed  # type: ignore[attr-defined]
    try:
        yield
    finally:
        worker.print_to_stdstream = original  # type: ignore[attr-defined]


def _check_address(place: str) -> None:
    if place.startswith("ray://"):
        raise WorkError(
            f"{place} is an address of Ray Client, which holds every result on the way. Run wellkeeper on a machine of "
            "the cluster, and give --address auto."
        )


def _ray(*, alone: bool = False) -> Any:
    """The library; what it reads from the environment, once, when it is loaded, is set first."""
    if "ray" not in sys.modules:
        for name, value in (_QUIET | (_alone() if alone else {})).items():
            os.environ.setdefault(name, value)
    try:
        return import_module("ray")
    except ImportError as error:
        raise MissingExtraError("The executor ray", extra="ray") from error


def _alone() -> dict[str, str]:
    """Settings of a cluster of this machine alone, which nobody else shall reach."""
    token = {"RAY_AUTH_MODE": "token"}
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        token["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray leaves a token in the home folder
    # Ray else listens at all addresses, even where 127.0.0.1 is asked for; this setting, meant for other systems,
    # is what keeps it from that.
    return {**token, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def _connect(ray: Any, place: str, workers: int | None) -> None:
    common = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    if place == "local":
        from wellkeeper.engine.executor import default_workers

        try:
            ray.init("local", num_cpus=workers or default_workers(), include_dashboard=False, **common)
        except (OSError, RuntimeError) as error:
            raise WorkError(
                f"Ray does not start on this machine: {_first_line(error)}. See its logs in /tmp/ray/session_latest, "
                "or run with --executor threads."
            ) from error
        return
    _check_answers(place)
    try:
        ray.init(place, **common)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise WorkError(
            f"The Ray cluster at {place} does not take this connection: {_first_line(error)}. Check that its token is "
            "also this machine's (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH), that Ray and Python have the same "
            "versions here and there, and that `ray status` answers."
        ) from error


def _check_answers(place: str) -> None:
    host, _, port = place.rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise WorkError(
            f"No Ray cluster answers at {place}: {error.strerror or error}. Start one there with `ray start --head`, "
            "or correct --address (HOST:PORT, as `ray start` printed it)."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def cores() -> int:
    """Cores of all machines of the cluster, at least 1."""
    return max(1, int(_ray().cluster_resources().get("CPU", 1)))


def stream(
    function: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int | None = None
) -> Iterator[Result]:
    """Results as they finish; tasks are drawn as there is room for them.

    Raises:
        WorkError: a worker runs other code, or a task was lost with its machine again and again.
        Exception: what a task raised, as if it had been run here.
    """
    ray = _ray()
    room = _Room(workers)
    running: list[Any] = []
    try:
        for task in tasks:
            running.append(_remote(ray).remote(_identity(), function, task))
            while len(running) >= room.now():
                done, running = ray.wait(running, num_returns=1)
                yield _result(ray, done[0])
        while running:
            done, running = ray.wait(running, num_returns=1)
            yield _result(ray, done[0])
    finally:
        _let_end(ray, running)


class _Room:
    """How many tasks may be in flight: one for each core and some that wait, unless fewer cores shall be used."""

    def __init__(self, workers: int | None) -> None:
        self._asked = workers
        self._looked = 0.0
        self._room = 0

    def now(self) -> int:
        if not self._room or time.monotonic() - self._looked > _COUNT_SECONDS:
            count = cores()
            queued = count + max(2, count // 4)
            self._room = queued if self._asked is None or self._asked >= count else self._asked
            self._looked = time.monotonic()
        return self._room


def reduce(
    function: Callable[[Any, Task], Result],
    shared: Any,
    tasks: Sequence[Task],
    merge: Callable[[Sequence[Result]], Result],
    *,
    workers: int | None = None,
) -> Result:
    """`merge` of `function(shared, task)` over all tasks, in which the driver holds nothing but the last result.

    `shared` goes to each machine once. `merge` must not depend on the order of its parts: it runs as tasks too,
    `MERGED_AT_ONCE` results at a time, as they finish.

    Raises:
        WorkError: as `stream`.
    """
    ray = _ray()
    everywhere = ray.put(shared)
    room = _Room(workers)
    waiting = list(reversed(tasks))
    running: list[Any] = []
    finished: list[Any] = []
    try:
        while waiting or running or len(finished) > 1:
            while waiting and len(running) < room.now():
                running.append(_remote_shared(ray).remote(_identity(), function, everywhere, waiting.pop()))
            last = not waiting and not running
            while len(finished) >= MERGED_AT_ONCE or (last and len(finished) > 1):
                some, finished = finished[:MERGED_AT_ONCE], finished[MERGED_AT_ONCE:]
                running.append(_remote_merge(ray).remote(_identity(), merge, *some))
            if running:
                done, running = ray.wait(running, num_returns=1, fetch_local=False)
                finished += done
        result: Result = _result(ray, finished[0]) if finished else merge([])
    finally:
        _let_end(ray, running)
    return result


@dataclass(frozen=True, slots=True)
class Machines:
    """Implements `wellkeeper.core.decision.Spread`: the cluster, or as many of its cores as were asked for."""

    workers: int | None = None

    def cores(self) -> int:
        return min(cores(), self.workers or sys.maxsize)

    def reduce(
        self,
        function: Callable[[Any, Task], Result],
        shared: Any,
        tasks: Sequence[Task],
        merge: Callable[[Sequence[Result]], Result],
    ) -> Result:
        return reduce(function, shared, tasks, merge, workers=self.workers)


def check_places(work: Path, inputs: Iterable[tuple[str, int]]) -> None:
    """Ask every machine of the cluster whether it sees our files and runs our code.

    A file is put into the work folder that each machine must find there. `inputs` are addresses and sizes (-1:
    unknown) of files of which each must see the same.

    Raises:
        WorkError: a machine does not see a file, or runs other code.
    """
    ray = _ray()
    sign = work / f".seen-{uuid4().hex}"
    sign.write_bytes(sign.name.encode())
    try:
        asked = [_ask(ray, node, sign, list(inputs)) for node in ray.nodes() if node["Alive"]]
        for answer in asked:
            with suppress(ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
                _result(ray, answer)
    finally:
        sign.unlink(missing_ok=True)


def _ask(ray: Any, node: Any, sign: Path, inputs: Sequence[tuple[str, int]]) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    remote = _remote(ray).options(scheduling_strategy=strategy, num_cpus=0)
    return remote.remote(_identity(), _look, (str(sign), tuple(inputs)))


def _look(asked: tuple[str, tuple[tuple[str, int], ...]]) -> None:
    """On a worker: is the driver's file there, can one be written beside it, and are the inputs the same?"""
    sign, inputs = Path(asked[0]), asked[1]
    where = socket.gethostname()
    try:
        seen = sign.read_bytes() == sign.name.encode()
        answer = sign.with_name(f"{sign.name}-{uuid4().hex}")
        answer.write_bytes(b"")
        answer.unlink()
    except OSError:
        seen = False
    if not seen:
        raise WorkError(
            f"{where} does not see the work folder {sign.parent}, or may not write there. Give a folder that all "
            "machines of the cluster share, under one name, with --work DIR."
        )
    for url, size in inputs:
        if not _is_visible(url, size):
            raise WorkError(
                f"{where} does not see {url} as it is on the machine that started the run. Put the inputs on storage "
                "that all machines of the cluster share, under one name, or give them as URLs."
            )


def _is_visible(url: str, size: int) -> bool:
    try:
        found = expand(url)
    except (OSError, ValueError, ImportError):
        return False
    return bool(found) and (len(found) > 1 or size < 0 or found[0].size in {size, -1})


# --- on the worker -------------------------------------------------------------------------------------------


def _identity() -> tuple[str, str]:
    return __version__, code_digest()


@cache
def _check_same(version: str, digest: str) -> None:
    """That this worker runs the driver's code: asked once a process."""
    mine = _identity()
    if mine == (version, digest):
        return
    theirs = mine[0] if mine[0] != version else f"{version} with other source files"
    raise WorkError(
        f"{socket.gethostname()} runs wellkeeper {theirs}, and the driver {version}. Install the same version on all "
        "machines of the cluster, then run the same command again: what is done is kept."
    )


def _run(identity: tuple[str, str], function: Callable[[Any], Any], task: Any) -> Any:
    _check_same(*identity)
    return function(task)


def _run_shared(
    identity: tuple[str, str], function: Callable[[Any, Any], Any], shared: Any, task: Any
) -> Any:
    _check_same(*identity)
    return function(shared, task)


def _run_merge(identity: tuple[str, str], merge: Callable[[Any], Any], *parts: Any) -> Any:
    _check_same(*identity)
    return merge(parts)


# --- in the driver -------------------------------------------------------------------------------------------


@cache
def _remote(ray: Any) -> Any:
    return ray.remote(num_cpus=1, max_retries=RETRIES)(_run)


@cache
def _remote_shared(ray: Any) -> Any:
    return ray.remote(num_cpus=1, max_retries=RETRIES)(_run_shared)


@cache
def _remote_merge(ray: Any) -> Any:
    return ray.remote(num_cpus=1, max_retries=RETRIES)(_run_merge)


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from None
    except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
        raise
    except ray.exceptions.RayError as error:
        raise WorkError(
            f"A task could not be finished on the cluster, though it was tried {RETRIES + 1} times: "
            f"{_first_line(error)}. Check the machines with `ray status`, then run the same command again: what is "
            "done is kept."
        ) from error


def _cause(error: Any) -> BaseException:
    """What the task raised, as it was raised there."""
    if "No module named 'wellkeeper" in str(error):
        return WorkError(
            "A machine of the cluster has no wellkeeper, or one that is too old. Install the same version on all of "
            f"them (pip install 'wellkeeper[ray]=={__version__}'), then run the same command again."
        )
    cause: BaseException | None = error.cause
    if cause is None:
        return error  # type: ignore[no-any-return]
    cause.add_note(f"On a worker of the cluster:\n{error}")
    return cause


def _let_end(ray: Any, running: Sequence[Any]) -> None:
    """Wait a little for what was left behind, so that it writes nothing once the call is over.

    Not after Ctrl-C: then the connection ends, and the workers with it. Nothing is cancelled, because a task that is
    done at the moment it is cancelled makes Ray abort this process (https://github.com/ray-project/ray/pull/54738
    tells of the race; with Ray 2.60 it struck 4 of 24 runs that we stopped).
    """
    if running and not isinstance(sys.exception(), KeyboardInterrupt):
        with suppress(ray.exceptions.RayError):
            ray.wait(list(running), num_returns=len(running), timeout=_LEFT_SECONDS, fetch_local=False)
