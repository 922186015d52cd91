"""Cells hold what a naive listing of all copies holds, however large the codes are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.mix.cells import cells_of


def columns_of(
    seed: int, documents: int, largest: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = {name: rng.choice(rng.integers(-1, largest, 4), documents) for name in ("one", "two", "three")}
    return codes, rng.permutation(documents).astype(np.uint64), rng.integers(0, 9, documents)


@pytest.mark.parametrize("largest", [4, 1_000, 3_000_000])  # in a table, sorted, and in several goes
@given(st.integers(0, 2**32), st.integers(0, 40))
@settings(max_examples=15)
def test_documents_of_a_cell_share_all_attributes_and_follow_by_priority(
    largest: int, seed: int, documents: int
) -> None:
    codes, priority, size = columns_of(seed, documents, largest)
    cells = cells_of(codes, priority=priority, size=size)
    keys = np.stack(list(codes.values()), axis=1)
    assert len(cells) == len(np.unique(keys, axis=0))
    assert sorted(cells.order.tolist()) == list(range(documents))
    for cell in range(len(cells)):
        mine = cells.order[cells.start[cell] : cells.start[cell + 1]]
        assert (keys[mine] == [column[cell] for column in cells.codes.values()]).all()
        assert (np.diff(priority[mine].astype(np.int64)) > 0).all()
        assert cells.mass[cell] == size[mine].sum()


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 4))
def test_copies_are_those_of_the_documents_laid_out_epoch_by_epoch(
    seed: int, documents: int, epochs: int
) -> None:
    codes, priority, size = columns_of(seed, documents, 3)
    cells = cells_of(codes, priority=priority, size=size, epochs=np.full(documents, epochs))
    assert (cells.epochs == epochs).all()
    rng = np.random.default_rng(seed)
    room, taken = rng.integers(0, 60, len(cells)), rng.integers(0, epochs * cells.documents + 1)
    within = cells.copies_within(room, cells.epochs)
    for cell in range(len(cells)):
        laid_out = np.tile(size[cells.order[cells.start[cell] : cells.start[cell + 1]]], epochs)
        sums = np.concatenate(([0], np.cumsum(laid_out)))
        assert cells.mass_of(taken)[cell] == sums[taken[cell]]
        if taken[cell] < len(laid_out):
            assert cells.size_at(taken)[cell] == laid_out[taken[cell]]
        assert sums[within[cell]] <= room[cell]
        if laid_out.any() and within[cell] < len(laid_out):
            assert sums[within[cell] + 1] > room[cell]


def test_equal_priorities_are_taken_by_size_and_then_by_position() -> None:
    size = np.array([3, 1, 2, 1])
    cells = cells_of({"one": np.zeros(4, int)}, priority=np.zeros(4, np.uint64), size=size)
    assert cells.order.tolist() == [1, 3, 2, 0]


def test_attributes_are_numbered_by_the_smallest_priority_among_their_documents() -> None:
    codes = np.array([7, 7, 2, -1, 4])
    cells = cells_of({"one": codes}, priority=np.array([5, 3, 1, 0, 4], np.uint64), size=np.ones(5, int))
    assert dict(zip(cells.codes["one"].tolist(), cells.rank["one"].tolist(), strict=True)) == {
        -1: -1,
        2: 0,
        7: 1,
        4: 2,
    }
