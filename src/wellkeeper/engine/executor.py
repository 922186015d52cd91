"""Running many small tasks: threads by default, processes where something holds the GIL, or a Ray cluster.

An executor promises one thing: every task is run and its result handed back, in any order, with few tasks in
flight so that memory stays flat. Whatever depends on order is put in order by the caller.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from typing import Literal, TypeAlias, TypeVar

from wellkeeper.errors import WorkError

Task = TypeVar("Task")
Result = TypeVar("Result")
Kind: TypeAlias = Literal["threads", "processes", "ray"]
KINDS: tuple[Kind, ...] = ("threads", "processes", "ray")


def default_workers() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(kind: Kind, workers: int | None) -> int:
    """How many tasks run at once: as asked, else one for each core there is; with Ray, inside `ready` alone."""
    if kind != "ray" or workers:
        return workers or default_workers()
    from wellkeeper.engine import cluster

    return cluster.cores()


@contextmanager
def ready(kind: Kind, *, workers: int | None = None, address: str | None = None) -> Iterator[None]:
    """Hold what all of a run's tasks need: with Ray a connection, which otherwise each `run_tasks` makes anew.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkError: there is an address and no Ray, or no cluster answers there.
    """
    if kind != "ray":
        if address is not None:
            raise WorkError(
                f"An address ({address}) is of a Ray cluster, and the executor is {kind}. Choose --executor ray too, "
                "or leave --address out."
            )
        yield
        return
    from wellkeeper.engine import cluster

    with cluster.connected(address, workers=workers):
        yield


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    kind: Kind = "threads",
    workers: int | None = None,
    address: str | None = None,
) -> Iterator[Result]:
    """Results of `function` over `tasks`, as they finish; tasks are drawn lazily, few more in flight than workers.

    With processes and Ray, `function` and the tasks must be picklable. An exception in a task is raised here,
    after the tasks in flight have ended; leaving the iterator early (Ctrl-C) cancels what has not started. With
    Ray, `address` is that of a cluster (None: as `ready` found it, else RAY_ADDRESS, else one of this machine
    alone), and a task whose machine is lost is run again elsewhere: a task must leave what it writes whole or not
    at all.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkError: no cluster answers, or its machines cannot run our code.
    """
    if kind == "ray":
        from wellkeeper.engine import cluster

        with cluster.connected(address, workers=workers):
            yield from cluster.stream(function, tasks, workers=workers)
        return
    workers = workers or default_workers()
    if workers == 1 and kind == "threads":
        yield from map(function, tasks)
        return
    pool = _processes(workers) if kind == "processes" else ThreadPoolExecutor(workers, "wellkeeper")
    try:
        yield from _stream(pool, function, tasks, in_flight=workers + 1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processes(workers: int) -> Executor:
    from concurrent.futures import ProcessPoolExecutor  # what runs with threads need not load
    from multiprocessing import get_context

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _stream(
    pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], *, in_flight: int
) -> Iterator[Result]:
    running: set[Future[Result]] = set()
    for task in tasks:
        running.add(pool.submit(function, task))
        if len(running) >= in_flight:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)
