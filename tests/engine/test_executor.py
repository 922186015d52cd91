"""Executors: every task once, few in flight, errors raised here."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine.executor import default_workers, run_tasks


def double(number):
    return 2 * number


def refuse(number):
    if number == 3:
        raise ValueError("task 3 fails")
    return number


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_every_task_is_run_once(numbers, workers):
    assert sorted(run_tasks(double, numbers, workers=workers)) == sorted(2 * n for n in numbers)


def test_processes_run_the_same_functions():
    assert sorted(run_tasks(double, range(5), kind="processes", workers=2)) == [0, 2, 4, 6, 8]


def test_tasks_are_drawn_as_workers_come_free_so_that_memory_stays_flat():
    drawn, hold = [], threading.Event()

    def tasks():
        for number in range(100):
            drawn.append(number)
            yield number

    def wait(number):
        hold.wait(10)
        return number

    results = run_tasks(wait, tasks(), workers=2)
    first = threading.Thread(target=lambda: next(results))
    first.start()
    first.join(0.3)
    assert len(drawn) <= 4
    hold.set()
    first.join()
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_is_raised_here(workers):
    with pytest.raises(ValueError, match="task 3 fails"):
        list(run_tasks(refuse, range(10), workers=workers))


def test_there_is_at_least_one_worker():
    assert default_workers() >= 1
