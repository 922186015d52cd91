"""Weights of selection against their formulas, draws by weight against draws written out, and the order of arrival."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import expon, kstest

from wellkeeper.errors import DataError
from wellkeeper.measure.selection import (
    Selection,
    detector_weights,
    hashed_waits,
    log_odds_of,
    redraw,
    select,
    surprise_weights,
)

nats = st.lists(st.floats(0, 20), min_size=1, max_size=30).map(np.array)
some_nats = st.lists(st.floats(0, 20) | st.sampled_from([math.inf, math.nan]), min_size=1, max_size=30)


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=20).map(np.array), st.floats(0, 20))
def test_a_detectors_weight_is_a_power_of_the_chance_that_people_wrote_it(p_ai, power):
    expected = power * np.log1p(-p_ai)
    assert detector_weights(log_odds_of(p_ai), power) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_near_certainties_are_told_apart_by_log_odds_and_certain_ones_have_a_weight():
    weights = detector_weights(np.array([50.0, 60.0]), power=10)
    assert weights.tolist() == pytest.approx([-500.0, -600.0])
    assert np.isfinite(detector_weights(log_odds_of(np.array([0.0, 1.0])))).all()


@given(nats, st.floats(-50, 50), st.floats(-5, 5))
def test_weights_of_surprise_are_powers_of_perplexity_and_a_common_surprise_changes_none(values, power, more):
    weights = surprise_weights(values, power)
    assert np.diff(weights) == pytest.approx(power * np.diff(values), abs=1e-6)
    shifted = surprise_weights(values + more, power)
    assert np.diff(shifted) == pytest.approx(np.diff(weights), abs=1e-6)


@given(some_nats.map(np.array), st.sampled_from([-math.inf, -3.0, -0.5, 0.5, 3.0, math.inf]))
def test_endless_surprise_comes_first_or_last_and_items_without_words_always_last(values, power):
    weights = surprise_weights(values, power)
    assert np.isfinite(weights).all()
    ends = np.isinf(values)
    for first, last in (
        (weights[ends], weights[np.isfinite(values)])[:: 1 if power > 0 else -1],
        (weights[~np.isnan(values) & ~(ends & (power < 0))], weights[np.isnan(values)]),
    ):
        if first.size and last.size:
            assert first.min() >= last.max() + 999


def test_surprises_beyond_all_floats_are_endless_too():
    assert surprise_weights(np.array([1.0, 1e308, np.inf]), 20).tolist() == [20.0, 1020.0, 1020.0]


def test_an_infinite_power_takes_the_most_surprising_and_a_negative_one_the_least():
    values = np.array([[5.0, 7.0, 6.0, 4.0], [1.0, 2.0, 3.0, 3.5]])
    waits = np.random.default_rng(0).standard_exponential((2, 4))
    assert redraw(surprise_weights(values), 2, waits).tolist() == [[1, 2], [2, 3]]
    assert redraw(surprise_weights(values, -math.inf), 2, waits).tolist() == [[0, 3], [0, 1]]
    assert redraw(surprise_weights(values, 1e9), 2, waits).tolist() == [[1, 2], [2, 3]]


@given(st.integers(1, 30), st.integers(0, 2**32), st.data())
def test_with_an_infinite_power_no_item_left_out_surprises_more_than_one_that_is_drawn(items, seed, data):
    random = np.random.default_rng(seed)
    values = random.integers(0, 5, items).astype(np.float64)
    size = data.draw(st.integers(1, items))
    drawn = redraw(surprise_weights(values), size, random.standard_exponential(items))
    left = np.setdiff1d(np.arange(items), drawn)
    assert len(set(drawn.tolist())) == size
    assert left.size == 0 or values[left].max() <= values[drawn].min()


def test_equally_surprising_items_are_drawn_by_chance():
    """20,000 draws of 3 out of 6 equal ones; 5 standard errors."""
    random, draws = np.random.default_rng(1), 20_000
    values = np.zeros((draws, 6))
    for power in (math.inf, 2.0, 0.0):
        drawn = redraw(surprise_weights(values, power), 3, random.standard_exponential(values.shape))
        shares = np.bincount(drawn.ravel(), minlength=6) / draws
        assert shares == pytest.approx(0.5, abs=5 * (0.25 / draws) ** 0.5)


def test_one_draw_takes_items_in_proportion_to_their_perplexity_to_the_power():
    """40,000 draws of one item; 5 standard errors."""
    random, draws = np.random.default_rng(2), 40_000
    values, power = np.log([1.0, 2.0, 3.0]), 2.0
    weights = np.broadcast_to(surprise_weights(values, power), (draws, 3))
    drawn = redraw(weights, 1, random.standard_exponential((draws, 3)))
    shares = np.bincount(drawn.ravel(), minlength=3) / draws
    assert shares == pytest.approx(np.array([1, 4, 9]) / 14, abs=5 * (0.25 / draws) ** 0.5)


def test_a_draw_of_pairs_is_one_after_the_other_without_replacement():
    """Chance of the pair {0, 1} with weights 1, 2, 3: 1/6 * 2/5 + 2/6 * 1/4; 5 standard errors of 40,000 draws."""
    random, draws = np.random.default_rng(3), 40_000
    weights = np.broadcast_to(np.log([1.0, 2.0, 3.0]), (draws, 3))
    drawn = redraw(weights, 2, random.standard_exponential((draws, 3)))
    found = np.mean((drawn == [0, 1]).all(axis=1))
    assert found == pytest.approx(1 / 15 + 1 / 12, abs=5 * (0.25 / draws) ** 0.5)


@given(st.integers(1, 20), st.integers(1, 4), st.integers(1, 60), st.integers(0, 2**32))
def test_no_item_is_drawn_more_often_than_it_may_be(items, repeats, size, seed):
    random = np.random.default_rng(seed)
    drawn = redraw(
        random.normal(0, 9, items), size, random.standard_exponential(items * repeats), repeats=repeats
    )
    assert drawn.size == min(size, items * repeats)
    assert np.bincount(drawn).max() <= repeats
    assert (np.diff(drawn) >= 0).all()


def test_hashed_numbers_are_exponential_hang_on_names_and_seed_and_differ_by_copy():
    names = [f"document {number}" for number in range(2_000)]
    waits = hashed_waits(names, seed=7, repeats=2)
    assert waits.shape == (4_000,)
    assert len(set(waits.tolist())) == 4_000
    assert kstest(waits, expon.cdf).pvalue > 0.001
    assert hashed_waits(names[5:6], seed=7, repeats=2).tolist() == waits[10:12].tolist()
    assert not np.isin(hashed_waits(names, seed=8), waits).any()


@given(
    st.sampled_from([Selection(by="random"), Selection(by="detector"), Selection(by="surprise", power=1.5)]),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_the_same_items_are_selected_in_whatever_order_they_come(selection, items, seed):
    random = np.random.default_rng(seed)
    ids = np.array([f"item {number}" for number in range(items)])
    p_ai, surprise = random.random(items), random.normal(5, 1, items)
    order = random.permutation(items)

    def chosen(places):
        found = select(
            ids[places].tolist(), selection, seed=3, p_ai=p_ai[places], nats_per_word=surprise[places]
        )
        return set(ids[places][found].tolist())

    assert chosen(np.arange(items)) == chosen(order)
    assert len(chosen(order)) == max(1, round(items / 2))


def test_a_detector_keeps_what_people_wrote_and_surprise_what_is_new_and_random_neither():
    """200 items, half by people, who are also the surprising ones."""
    ids = [str(number) for number in range(200)]
    people = np.arange(200) < 100
    p_ai, surprise = np.where(people, 0.05, 0.95), np.where(people, 6.0, 4.0)
    shares = {
        by: np.mean(people[select(ids, Selection(by=by), seed=0, p_ai=p_ai, nats_per_word=surprise)])
        for by in ("random", "detector", "surprise")
    }
    assert shares["surprise"] == 1
    assert shares["detector"] == 1
    assert 0.3 < shares["random"] < 0.7


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"by": "taste"}, r"Nothing is selected by 'taste'\. Choose random, detector, surprise\."),
        (
            {"by": "random", "share": 0},
            r"draws 0 of its items, and each at most 1 times\. Give a share above 0",
        ),
        ({"by": "random", "share": 2}, r"draws 2 of its items, and each at most 1 times\."),
        ({"by": "random", "share": 2, "repeats": 0}, r"each at most 0 times\."),
        ({"by": "detector", "power": -1}, r"The power of a detector's weights is -1\. Give 0 or more"),
        ({"by": "surprise", "power": math.nan}, r"The power of a selection is no number\."),
    ],
)
def test_selections_that_make_no_sense_are_refused(given, says):
    with pytest.raises(DataError, match=says):
        Selection(**given)


def test_what_is_missing_or_does_not_fit_is_said():
    with pytest.raises(DataError, match=r"There is no item to select from\. Give at least one\."):
        select([], Selection(by="random"), seed=0)
    with pytest.raises(DataError, match=r"share an id\. Give each one its own\."):
        select(["a", "a"], Selection(by="random"), seed=0)
    with pytest.raises(
        DataError, match=r"weighs 2 items by p_ai, and was given none\. Give one for each item\."
    ):
        select(["a", "b"], Selection(by="detector"), seed=0, nats_per_word=np.ones(2))
    with pytest.raises(DataError, match=r"weighs 2 items by nats_per_word, and was given 3 numbers\."):
        select(["a", "b"], Selection(by="surprise"), seed=0, nats_per_word=np.ones(3))
    with pytest.raises(DataError, match=r"p\(AI\) is not in \[0, 1\]\. Give one probability for each item\."):
        select(["a"], Selection(by="detector"), seed=0, p_ai=np.array([math.nan]))
    with pytest.raises(
        DataError, match=r"4 copies of items and 3 random numbers, and 1 are drawn\. Give one number"
    ):
        redraw(np.zeros(2), 1, np.ones(3), repeats=2)
    with pytest.raises(DataError, match=r"and 0 are drawn\. Give one number for each copy, and draw 1"):
        redraw(np.zeros(2), 0, np.ones(2))


@pytest.mark.parametrize("power", [math.inf, 2.0, 0.0, -2.0, -math.inf])
def test_what_has_no_words_comes_after_all_that_has_some(power):
    """Also after what surprises without end, where little surprise is preferred."""
    words = surprise_weights(np.array([math.inf, 5.0, math.nan, 0.0]), power)
    assert words[2] < min(words[0], words[1], words[3])


def test_numbers_may_come_as_a_list():
    assert select(list("abcd"), Selection(by="surprise"), seed=0, nats_per_word=[5, 7, 6, 4]).tolist() == [
        1,
        2,
    ]
