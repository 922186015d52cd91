"""Candidates: the same forest whether the keys fit into memory, go to disk, or come one band at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine import joins
from wellkeeper.filter import candidates
from wellkeeper.filter.candidates import linked

tables = st.integers(0, 40).flatmap(
    lambda rows: st.lists(
        st.lists(
            st.integers(0, 30).map(lambda k: k * 0x9E3779B97F4A7C15 % 2**64), min_size=rows, max_size=rows
        ),
        min_size=1,
        max_size=4,
    )
)


def find(table, *, step=7, **limits):
    names = [f"band_{k:02d}" for k in range(len(table))]
    columns = {name: np.array(keys, np.uint64) for name, keys in zip(names, table, strict=True)}
    rows = len(table[0])

    def read(some):
        for start in range(0, rows, step):
            documents = np.arange(start, min(rows, start + step))
            yield documents, [columns[name][documents] for name in some]

    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(joins if name == "PART_ROWS" else candidates, name, value)
        return linked(names, read, rows=rows)


@given(tables, st.integers(1, 10), st.sampled_from([0, 5, 100]), st.sampled_from([1, 300, 10_000]))
def test_little_memory_changes_nothing(table, part_rows, memory_rows, scratch):
    plenty = find(table, step=1_000)
    scarce = find(table, PART_ROWS=part_rows, MEMORY_ROWS=memory_rows, SCRATCH_BYTES=scratch, PENDING_EDGES=3)
    assert np.array_equal(plenty.member, scarce.member)
    assert np.array_equal(plenty.root, scarce.root)


@given(tables)
def test_linked_is_who_shares_a_key_directly_or_through_others(table):
    documents, roots = find(table).components()
    found = dict(zip(documents.tolist(), roots.tolist(), strict=True))
    group = list(range(len(table[0])))
    for _ in group:
        for keys in table:
            for a, key in enumerate(keys):
                group[a] = min(group[b] for b, other in enumerate(keys) if other == key)
                group[a] = group[group[a]]
    alone = [x for x in group if group.count(x) == 1]
    assert found == {x: least for x, least in enumerate(group) if least not in alone}


def test_bands_are_read_together_as_far_as_disk_allows():
    asked = []

    def read(names):
        asked.append(list(names))
        yield np.arange(2), [np.array([1, 1], np.uint64) for _ in names]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "SCRATCH_BYTES", 2 * 2 * joins.ROW_BYTES)
        found = linked(["a", "b", "c"], read, rows=2)
    assert asked == [["a", "b"], ["c"]]
    assert found.member.tolist() == [1]
