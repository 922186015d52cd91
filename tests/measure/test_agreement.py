"""Krippendorff's alpha beside the published example, the reference package, and its own interval."""

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.agreement import alpha, pairs

_ = -1
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
"""Krippendorff (2011), section C: four observers, twelve units, gaps."""


@st.composite
def tables(draw):
    items, readers = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    cells = st.integers(-1, draw(st.integers(1, 4)))
    return np.array(
        draw(st.lists(st.lists(cells, min_size=readers, max_size=readers), min_size=items, max_size=items))
    )


def test_the_published_example_of_four_observers_has_its_alpha():
    found = alpha(PUBLISHED)
    assert found.estimate == pytest.approx(0.743, abs=0.0005)
    assert (found.items, found.labels) == (11, 40)


@given(tables())
@settings(deadline=None, max_examples=200)
def test_alpha_is_that_of_the_reference_package(ratings):
    found = alpha(ratings)
    assume(found.estimate is not None)
    data = np.where(ratings >= 0, ratings, np.nan).T.astype(float)
    assert found.estimate == pytest.approx(
        krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"), abs=1e-9
    )


@given(tables())
@settings(deadline=None)
def test_an_interval_holds_its_estimate_and_stays_in_range(ratings):
    found = alpha(ratings)
    if found.low is not None:
        assert -1 <= found.low <= found.estimate + 1e-9
        assert found.estimate - 1e-9 <= found.high <= 1


@given(tables(), st.randoms())
@settings(deadline=None)
def test_the_order_of_items_and_readers_and_the_names_of_labels_do_not_matter(ratings, random):
    items, readers = list(range(ratings.shape[0])), list(range(ratings.shape[1]))
    random.shuffle(items)
    random.shuffle(readers)
    moved = ratings[items][:, readers]
    renamed = np.where(moved >= 0, 7 - moved, -1)
    assert alpha(renamed).estimate == pytest.approx(alpha(ratings).estimate)


def test_full_agreement_is_one_and_its_interval_is_no_point():
    found = alpha(np.array([[0, 0], [1, 1]] * 10))
    assert found.estimate == found.high == 1
    assert 0.5 < found.low < 0.8


def test_one_label_alone_leaves_alpha_undefined_and_says_why():
    found = alpha(np.zeros((20, 2), int))
    assert (found.estimate, found.low, found.high) == (None, None, None)
    assert found.why == "All labels are the same, so that nobody could differ."
    assert alpha(np.array([[0, -1], [-1, 1]])).why == "No item has labels of two readers."


def test_readers_who_deal_labels_at_random_have_an_alpha_near_nothing():
    found = alpha(np.random.default_rng(3).integers(0, 3, (2_000, 2)))
    assert abs(found.estimate) < 0.05
    assert found.low < 0 < found.high


def test_the_interval_covers_where_readers_seldom_differ_and_a_bootstrap_does_not():
    random, right, tries = np.random.default_rng(5), 0.99, 300
    true = 1 - (1 - (1 + right**2) / 2) / 0.5  # two labels, half and half; whoever does not see guesses
    covered = 0
    for _try in range(tries):
        truth = random.integers(0, 2, (50, 1))
        seen = random.random((50, 2)) < right
        found = alpha(np.where(seen, truth, random.integers(0, 2, (50, 2))))
        covered += found.low <= true <= found.high
    assert covered / tries > 0.88


def test_pairs_count_the_items_that_both_labelled():
    ratings = np.array([[0, 0, -1], [1, 0, 1], [-1, 2, 2]])
    assert [(one, other, both.kept, both.of) for one, other, both in pairs(ratings)] == [
        (0, 1, 1, 2),
        (0, 2, 1, 1),
        (1, 2, 1, 2),
    ]


def test_what_is_no_table_of_labels_is_refused_with_what_to_pass():
    with pytest.raises(DataError, match="one row an item and one column a reader"):
        alpha(np.zeros(3, int))
    with pytest.raises(DataError, match="of float64"):
        next(pairs(np.zeros((2, 2))))
