"""The rare cells of a reference are the same whoever asks, in whatever order the cells stand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.cells import tail_cells

references = st.lists(st.integers(0, 40), min_size=1, max_size=50).filter(any).map(np.array)
shares = st.integers(0, 99).map(lambda percent: percent / 100)


@given(references, shares)
def test_a_cell_is_in_the_tail_where_the_cells_as_common_or_more_hold_more_than_the_share(
    counts, beyond
) -> None:
    total = int(counts.sum())
    held = [Fraction(int(counts[counts >= count].sum()), total) for count in counts]
    expected = [
        count > 0 and share > Fraction(str(beyond))
        for count, share in zip(counts.tolist(), held, strict=True)
    ]
    assert tail_cells(counts, beyond=beyond).tolist() == expected


@given(references, shares, st.randoms())
def test_the_numbering_of_cells_decides_nothing(counts, beyond, random) -> None:
    order = list(range(counts.size))
    random.shuffle(order)
    assert (tail_cells(counts[order], beyond=beyond) == tail_cells(counts, beyond=beyond)[order]).all()


@given(references, shares)
def test_a_wider_head_leaves_a_smaller_tail_which_is_never_empty(counts, beyond) -> None:
    tail = tail_cells(counts, beyond=beyond)
    assert tail.any()
    assert (tail_cells(counts, beyond=0.0) >= tail).all()
    assert not (counts[tail] == 0).any()
    assert counts[tail].max() <= counts[~tail & (counts > 0)].min(initial=100)


def test_counts_may_be_unsigned_and_their_sum_beyond_their_type() -> None:
    assert tail_cells(np.array([200, 200, 100], np.uint8)).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("counts", "beyond", "says"),
    [
        ([[1, 2]], 0.85, r"counts has shape \(1, 2\)\. Pass one count for each cell: shape \(cells,\)\.$"),
        ([3, -1], 0.85, r"counts\[1\] is -1\. Counts start at 0\.$"),
        (
            [0, 0],
            0.85,
            r"the reference has no item in any cell\. Give a reference with documents that have words\.$",
        ),
        (
            [3, 1],
            1.0,
            r"beyond is 1\.0\. Give the share of the common cells, from 0 to below 1, such as 0\.85\.$",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(counts, beyond: float, says: str) -> None:
    with pytest.raises(DataError, match=says):
        tail_cells(np.array(counts), beyond=beyond)
