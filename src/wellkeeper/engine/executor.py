"""Running many small tasks: threads by default, processes where something holds the GIL.

An executor promises one thing: every task is run and its result handed back, in any order, with few tasks in
flight so that memory stays flat. Whatever depends on order is put in order by the caller.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from multiprocessing import get_context
from typing import Literal, TypeAlias, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Kind: TypeAlias = Literal["threads", "processes"]
KINDS: tuple[Kind, ...] = ("threads", "processes")


def default_workers() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    kind: Kind = "threads",
    workers: int | None = None,
) -> Iterator[Result]:
    """Results of `function` over `tasks`, as they finish; tasks are drawn lazily, `workers` + 1 in flight.

    With processes, `function` and the tasks must be picklable. An exception in a task is raised here, after
    the tasks in flight have ended; leaving the iterator early (Ctrl-C) cancels what has not started.
    """
    workers = workers or default_workers()
    if workers == 1 and kind == "threads":
        yield from map(function, tasks)
        return
    pool: Executor = (
        ThreadPoolExecutor(workers, thread_name_prefix="wellkeeper")
        if kind == "threads"
        else ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    )
    try:
        yield from _stream(pool, function, tasks, in_flight=workers + 1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
