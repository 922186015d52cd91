"""Page's test is the published one, ties and all; turns are shown only where both lines are."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wellkeeper.errors import DataError
from wellkeeper.measure import ordered_trend as module
from wellkeeper.measure.ordered_trend import SHAPES, ordered_trend, page


def tables(items: int, members: int, most: int):
    row = st.lists(st.integers(0, most), min_size=members, max_size=members)
    return st.lists(row, min_size=items, max_size=items).map(lambda rows: np.array(rows, float))


@given(st.integers(0, 2**32 - 1), st.integers(3, 8), st.integers(2, 12), st.floats(-1, 1))
@settings(max_examples=25)
def test_without_ties_pages_test_is_scipys_exact_one(seed, members, items, slope) -> None:
    scores = np.random.default_rng(seed).normal(size=(items, members)) + slope * np.arange(members)
    rising, falling = page(scores)
    assert rising == pytest.approx(stats.page_trend_test(scores, method="exact").pvalue, abs=1e-9)
    assert falling == pytest.approx(stats.page_trend_test(-scores, method="exact").pvalue, abs=1e-9)


def test_of_many_items_it_is_scipys_asymptotic_one_up_to_continuity() -> None:
    scores = np.random.default_rng(1).normal(size=(900, 7)) + 0.03 * np.arange(7)
    assert page(scores)[0] == pytest.approx(
        stats.page_trend_test(scores, method="asymptotic").pvalue, rel=0.02
    )


@given(tables(3, 3, 2))
def test_with_ties_it_is_the_share_of_all_orders_of_the_scores(scores) -> None:
    ranks = stats.rankdata(scores, axis=1)
    places = np.arange(1, 4)
    observed = (ranks @ places).sum()
    orders = [list(itertools.permutations(row)) for row in ranks.tolist()]
    sums = np.array([np.sum(np.array(one) @ places) for one in itertools.product(*orders)])
    rising, falling = page(scores)
    assert rising == pytest.approx(np.mean(sums >= observed - 1e-9))
    assert falling == pytest.approx(np.mean(sums <= observed + 1e-9))


@given(tables(12, 4, 3))
def test_the_normal_distribution_with_ties_is_near_the_exact_one(scores) -> None:
    scores = np.repeat(scores, 5, axis=0)
    exact = page(scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_VALUES", 1)
        normal = page(scores)
    assert normal == pytest.approx(exact, abs=0.03)


def test_one_item_that_falls_among_many_that_do_not_change_is_no_evidence() -> None:
    scores = np.ones((500, 3))
    scores[:2] = [3.0, 2.0, 1.0]
    assert page(scores) == pytest.approx((1.0, float(Fraction(1, 36))))
    assert ordered_trend(np.ones((20, 4))).verdict == "none"
    assert page(np.ones((20, 4))) == (1.0, 1.0)


@given(tables(12, 4, 3))
@settings(max_examples=30)
def test_a_family_read_backwards_rises_where_it_fell_and_turns_the_same_way(scores) -> None:
    one, other = ordered_trend(scores, flips=999), ordered_trend(scores[:, ::-1], flips=999)
    assert one.p_alone["rising"] == pytest.approx(other.p_alone["falling"])
    assert one.slope.estimate == pytest.approx(-other.slope.estimate)
    upside_down = ordered_trend(-scores, flips=999)
    assert upside_down.p_alone["U"] == one.p_alone["inverted U"]
    assert all(one.p[shape] >= one.p_alone[shape] for shape in SHAPES)


CURVES = {
    "rising": [0, 1, 2, 3, 4, 5],
    "falling": [5, 4, 3, 2, 1, 0],
    "U": [4, 2, 0, 1, 2, 4],
    "inverted U": [0, 2, 4, 3, 2, 1],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_clear_shape_is_called_by_its_name(shape) -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(0, 3, (60, 1)) + rng.normal(0, 1, (60, 6)) + 0.5 * np.array(CURVES[shape])
    found = ordered_trend(scores)
    assert found.verdict == shape
    assert found.p[shape] <= 0.05
    if found.turn is None:
        assert found.before is found.after is None
    else:
        assert found.turn == 2
        assert np.sign(found.before.estimate) == (-1 if shape == "U" else 1) == -np.sign(found.after.estimate)


def test_a_curve_that_levels_off_has_no_turn_though_its_lowest_member_is_not_its_last() -> None:
    worlds, turned = 300, 0
    for number in range(worlds):
        rng = np.random.default_rng([9, number])
        scores = rng.normal(size=(30, 6)) + np.array([3, 1.5, 0, 0, 0, 0])
        turned += ordered_trend(scores, seed=number, flips=999).verdict in {"U", "inverted U"}
    assert turned / worlds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / worlds)


def test_like_members_are_given_a_shape_no_more_often_than_the_level() -> None:
    worlds = 400
    found = 0
    for number in range(worlds):
        rng = np.random.default_rng([3, number])
        scores = (rng.random((20, 5)) < rng.beta(0.5, 0.5, (20, 1))).astype(float)
        found += ordered_trend(scores, seed=number, flips=999).verdict != "none"
    assert found / worlds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / worlds)


def test_slopes_are_per_unit_of_position_and_have_students_interval() -> None:
    rng = np.random.default_rng(0)
    scores, places = rng.normal(size=(25, 4)), [0.0, 1.0, 3.0, 7.0]
    found = ordered_trend(scores, positions=places)
    slopes = [stats.linregress(places, row).slope for row in scores]
    expected = stats.t.interval(0.95, 24, np.mean(slopes), stats.sem(slopes))
    assert found.slope.estimate == pytest.approx(np.mean(slopes))
    assert (found.slope.low, found.slope.high) == pytest.approx(expected)
    assert found.p_alone["rising"] == ordered_trend(scores).p_alone["rising"]
    assert found.to_json()["turn"] is None


def test_the_same_seed_gives_the_same_trend_however_many_signs_are_drawn_at_once(monkeypatch) -> None:
    scores = np.random.default_rng(0).normal(size=(41, 5))
    whole = ordered_trend(scores, seed=2)
    monkeypatch.setattr(module, "_SIGNS_AT_ONCE", 999)
    assert ordered_trend(scores, seed=2).verdict == whole.verdict
    assert ordered_trend(scores, seed=2).p_alone == whole.p_alone


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"scores": np.ones((9, 3))},
            r"^scores have shape \(9, 3\)\. .* compare two members by a paired test\.$",
        ),
        ({"scores": np.ones((20, 2))}, r"^scores have shape \(20, 2\)\."),
        ({"scores": np.full((20, 3), np.nan)}, r"^scores\[0, 0\] is nan\. Leave out items"),
        (
            {"positions": [0.0, 2.0, 1.0]},
            r"^positions are \[0\.0, 2\.0, 1\.0\], for 3 members\. Pass one ascending",
        ),
        ({"level": 0.0}, r"^level is 0\.0\. Give a chance in \(0, 1\), such as 0\.05\.$"),
        ({"flips": 99}, r"^flips is 99, .* Ask for at least 999, or better 9999\.$"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change, says) -> None:
    given = {"scores": np.ones((20, 3)), **change}
    with pytest.raises(DataError, match=says):
        ordered_trend(given.pop("scores"), **given)
