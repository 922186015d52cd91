"""Differences of shares: Newcombe's published intervals, and coverage of all of them together."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.gaps import share_gaps

rows = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=20).map(np.array)
sides = rows.filter(lambda counts: counts.sum(axis=0).min() > 0)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_intervals_of_one_class_are_those_that_newcombe_published(one, other, low, high):
    """Statistics in Medicine 17 (1998), table II, method 10: without the other class there is nothing to share."""
    from wellkeeper.measure.gaps import _gap

    found = _gap(one[0] / one[1], other[0] / other[1], (one[1], other[1]), 1.959964)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(sides)
def test_gaps_add_up_to_nothing_and_their_intervals_hold_them(counts):
    gaps = share_gaps(counts[:, 0], counts[:, 1])
    assert sum(gap.estimate for gap in gaps) == pytest.approx(0, abs=1e-9)
    assert all(-1 - 1e-9 <= gap.low <= gap.estimate <= gap.high <= 1 + 1e-9 for gap in gaps)


@given(sides)
def test_the_other_way_round_gaps_have_the_other_sign(counts):
    ahead, back = share_gaps(counts[:, 0], counts[:, 1]), share_gaps(counts[:, 1], counts[:, 0])
    for one, other in zip(ahead, back, strict=True):
        assert (one.estimate, one.low, one.high) == pytest.approx((-other.estimate, -other.high, -other.low))


def test_more_classes_make_wider_intervals_and_empty_ones_do_not():
    def width(classes, empty):
        counts = np.array([50, *[50 // classes] * classes, *[0] * empty])
        gap = share_gaps(counts, counts)[0]
        return gap.high - gap.low

    assert all(few < more for few, more in pairwise(width(classes, 0) for classes in (2, 5, 25)))
    assert width(5, 0) == width(5, 40)


def test_two_samples_of_one_source_seldom_seem_to_differ_anywhere():
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 101) ** 1.05
    shares /= shares.sum()
    worlds = 400
    wrong = 0
    for _ in range(worlds):
        gaps = share_gaps(rng.multinomial(600, shares), rng.multinomial(900, shares))
        wrong += any(gap.low > 0 or gap.high < 0 for gap in gaps)
    # 20 expected at a level of .05 exactly, and 34 or more of 400 with a chance of .003
    assert wrong < 34


def test_a_topic_cut_to_a_third_is_found():
    rng = np.random.default_rng(1)
    shares = np.full(50, 0.02)
    cut = shares.copy()
    cut[7] /= 3
    gaps = share_gaps(rng.multinomial(4000, cut / cut.sum()), rng.multinomial(4000, shares))
    assert [place for place, gap in enumerate(gaps) if gap.high < 0] == [7]


@pytest.mark.parametrize(
    ("counts", "baseline", "says"),
    [
        ([1, 2], [1], r"counts have shapes \(2,\) and \(1,\)\. Pass a row for each side"),
        ([0, 0], [1, 2], r"0 and 3 documents were counted\. Give at least one on each side"),
        ([2, -1], [1, 2], r"1 and 3 documents .* no count below 0\."),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(counts, baseline, says):
    with pytest.raises(DataError, match=says):
        share_gaps(np.array(counts), np.array(baseline))
