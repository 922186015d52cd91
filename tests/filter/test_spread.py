"""A join that is spread over tasks finds the forest that one pass finds."""

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.filter.candidates import linked


class Tasks:
    """Runs tasks here, last first, and merges their results two at a time, as a cluster may."""

    def __init__(self, cores):
        self._cores = cores
        self.ran = 0

    def cores(self):
        return self._cores

    def reduce(self, function, shared, tasks, merge):
        results = [function(shared, pickle.loads(pickle.dumps(task))) for task in reversed(tasks)]
        self.ran = len(results)
        while len(results) > 1:
            results = [*results[2:], merge(results[:2])]
        return results[0]


@given(
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from([None, 0.3, 0.8]),
    st.integers(0, 99),
)
def test_the_forest_does_not_depend_on_how_the_join_is_cut(rows, bands, cores, across, seed):
    rng = np.random.default_rng(seed)
    names = [f"band_{band:02d}" for band in range(bands)]
    columns = {
        name: rng.integers(0, 40, rows).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) for name in names
    }

    def read(some):
        for start in range(0, rows, 7):
            documents = np.arange(start, min(rows, start + 7))
            yield documents, [columns[name][documents] for name in some]

    line = None if across is None else int(across * rows)
    tasks = Tasks(cores)
    here = linked(names, read, rows=rows, across=line)
    there = linked(names, read, rows=rows, across=line, spread=tasks)
    assert np.array_equal(here.member, there.member)
    assert np.array_equal(here.root, there.root)
    assert tasks.ran >= min(bands, cores)
