"""Parts: equal keys share one, none is lost, and no more waits in memory than was allowed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine import joins
from wellkeeper.engine.joins import Parts, Spill

pieces = st.lists(
    st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63, 2**64 - 1]), max_size=30), max_size=6
)


def split(pieces, *, held, part_rows):
    """The parts as lists of (key, document), with the sizes of their slices."""
    rows = sum(map(len, pieces))
    document = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "PART_ROWS", part_rows)
        with Parts(rows, held=held, scratch=None) as parts:
            for keys in pieces:
                parts.add(np.array(keys, np.uint64), np.arange(document, document + len(keys)))
                document += len(keys)
            return [[list(zip(*(c.tolist() for c in rows), strict=True)) for rows in part] for part in parts]


@given(pieces, st.integers(0, 40), st.integers(1, 20))
def test_each_row_comes_back_once_and_equal_keys_share_a_part(given_pieces, held, part_rows):
    parts = split(given_pieces, held=held, part_rows=part_rows)
    keys = [key for piece in given_pieces for key in piece]
    rows = [row for part in parts for slice_ in part for row in slice_]
    assert Counter(rows) == Counter(zip(keys, range(len(keys)), strict=True))
    homes = {}
    for number, part in enumerate(parts):
        for slice_ in part:
            for key, _ in slice_:
                assert homes.setdefault(key, number) == number


def test_a_part_is_bounded_by_slices_even_where_all_keys_are_one():
    parts = split([[5] * 10] * 30, held=20, part_rows=40)
    sizes = [len(slice_) for part in parts for slice_ in part]
    assert sum(sizes) == 300
    assert max(sizes) < 40 + 30  # one batch of what waited comes on top


def test_few_rows_never_touch_the_disk(monkeypatch):
    monkeypatch.setattr(joins.tempfile, "TemporaryFile", None)
    assert split([[1, 2], [1]], held=3, part_rows=1) == [[[(1, 0), (2, 1), (1, 2)]]]


@pytest.mark.parametrize("held", [0, 1 << 23])
def test_what_is_spilled_comes_back_from_memory_and_from_disk(tmp_path, monkeypatch, held):
    monkeypatch.setattr(joins, "_SPILL_HASHES", held)
    spill = Spill(3_000, tmp_path)
    spill.write(1_000, np.arange(1_000, 3_000, dtype=np.uint64))
    spill.write(0, np.arange(1_000, dtype=np.uint64))
    values, done = spill.read()
    done(0, 2_000)
    assert values.tolist() == list(range(3_000))
    assert list(tmp_path.iterdir()) == []
