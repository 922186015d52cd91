"""Who sits where: shares to the seat, a random part that nothing sways, and an order that hangs on the seed alone."""

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, spearmanr

from wellkeeper.errors import DataError, InputError
from wellkeeper.review.order import STRETCH, Shares, draws, ordered, spread

shares = st.builds(
    Shares,
    random=st.floats(0, 1),
    overlap=st.floats(0, 1),
    repeats=st.floats(0, 0.2),
    gold=st.floats(0, 0.5),
)
seeds = st.integers(0, 1 << 20)
sizes = st.integers(1, 130)
pools = st.integers(1, 160)


def seated(many, size, shares, seed, *, gold=0, values=None):
    pool = draws(seed, "pool", [f"doc {number}" for number in range(many)])
    values = np.random.default_rng(seed).random(many) if values is None else values
    return ordered(pool, values, size=size, shares=shares, seed=seed, gold=draws(seed, "gold", range(gold)))


def rounded(share, size):
    return int(share * size + 0.5)


# --- shares -------------------------------------------------------------------------------------------------------


@given(pools, sizes, shares, seeds, st.integers(0, 40))
def test_every_part_has_its_share_to_the_seat(many, size, parts, seed, gold):
    seats = seated(many, size, parts, seed, gold=gold)
    items = [seat for seat in seats if not seat.is_gold]
    there = min(size, many)
    assert len(items) == there
    assert sum(seat.rank is not None for seat in items) == min(there, rounded(parts.random, there))
    assert sum(seat.readers == 2 for seat in items) == min(there, rounded(parts.overlap, there))
    assert sum(seat.repeated for seat in items) == rounded(parts.repeats, there)
    assert len(seats) - there == min(gold, rounded(parts.gold, there))


@given(pools, sizes, shares, seeds, st.integers(0, 40))
def test_nobody_sits_twice_and_gold_is_plain(many, size, parts, seed, gold):
    seats = seated(many, size, parts, seed, gold=gold)
    for is_gold in (False, True):
        taken = [seat.at for seat in seats if seat.is_gold is is_gold]
        assert len(set(taken)) == len(taken)
    assert all((seat.rank, seat.readers, seat.repeated) == (None, 1, False) for seat in seats if seat.is_gold)


@given(pools, sizes, shares, seeds)
def test_the_random_part_is_the_beginning_of_the_pool_by_its_numbers(many, size, parts, seed):
    found = {seat.rank: seat.at for seat in seated(many, size, parts, seed) if seat.rank is not None}
    order = sorted(range(many), key=lambda at: hashed(seed, "pool", f"doc {at}"))
    assert [found[rank] for rank in range(len(found))] == order[: len(found)]


def hashed(seed, use, name):
    return hashlib.sha256(json.dumps([seed, use]).encode() + name.encode()).digest()[:8]


@given(pools, sizes, shares, seeds)
def test_the_others_have_the_highest_values_of_those_that_are_left_and_the_highest_sit_first(
    many, size, parts, seed
):
    values = np.random.default_rng(seed).integers(0, 6, many).astype(float)  # with ties
    seats = seated(many, size, parts, seed, values=values)
    by_lot = {seat.at for seat in seats if seat.rank is not None}
    by_value = [seat.at for seat in seats if seat.rank is None]
    left = sorted(set(range(many)) - by_lot - set(by_value))
    assert all(values[a] >= values[b] for a, b in pairwise(by_value))
    assert not left or not by_value or values[by_value].min() >= values[left].max()


@given(st.integers(0, 300), st.floats(0, 1), seeds)
def test_each_stretch_has_its_part_to_within_one(places, share, seed):
    many = int(share * places)
    chosen = spread(places, many, seed, "a part")
    assert chosen.sum() == many
    for first in range(0, places, STRETCH):
        here = chosen[first : first + STRETCH]
        assert abs(here.sum() - many * here.size / places) <= 1


def test_a_fifth_by_lot_is_two_of_every_ten():
    seats = seated(4000, 500, Shares(), 3)
    counts = [sum(seat.rank is not None for seat in seats[first : first + 10]) for first in range(0, 500, 10)]
    assert counts == [2] * 50


# --- what it hangs on ---------------------------------------------------------------------------------------------


@given(st.integers(20, 160), sizes, sizes, shares, seeds)
def test_a_larger_queue_holds_the_random_part_of_a_smaller_one(many, one, other, parts, seed):
    small, large = (
        {seat.rank: seat.at for seat in seated(many, size, parts, seed) if seat.rank is not None}
        for size in sorted((one, other))
    )
    assert small.items() <= large.items()


@given(pools, sizes, shares, seeds)
def test_the_same_call_seats_the_same(many, size, parts, seed):
    assert seated(many, size, parts, seed, gold=5) == seated(many, size, parts, seed, gold=5)


@given(st.integers(30, 160), sizes, seeds)
def test_who_is_drawn_by_lot_and_where_they_sit_is_nothing_that_values_touch(many, size, seed):
    plain, wild = (
        [(place, seat.at) for place, seat in enumerate(seats) if seat.rank is not None]
        for seats in (
            seated(many, size, Shares(), seed, values=values)
            for values in (np.zeros(many), np.arange(many, dtype=float) ** 2)
        )
    )
    assert plain == wild


@given(st.permutations(range(40)), seeds)
def test_the_order_of_the_pool_is_nothing_to_the_order_of_the_queue(order, seed):
    values = np.arange(40, dtype=float) % 7
    names = [f"doc {number}" for number in range(40)]
    pool = draws(seed, "pool", names)
    straight = ordered(pool, values, size=30, shares=Shares(), seed=seed)
    shuffled = ordered(pool[order], values[order], size=30, shares=Shares(), seed=seed)
    assert [seat.at for seat in straight] == [order[seat.at] for seat in shuffled]


def test_every_item_is_drawn_equally_often_over_seeds():
    many, runs = 40, 800
    counts = np.zeros(many)
    for seed in range(runs):
        seats = seated(many, 20, Shares(random=0.5), seed, values=np.arange(many, dtype=float))
        counts[[seat.at for seat in seats if seat.rank is not None]] += 1
    assert counts.sum() == 10 * runs
    # draws without repeats: counts of an item vary less than a multinomial's, which makes the test a strict one
    assert chisquare(counts).pvalue > 0.01


def test_the_rank_of_an_item_tells_nothing_of_its_value():
    many = 5000
    values = np.random.default_rng(1).lognormal(size=many)
    seats = seated(many, 2500, Shares(random=1.0), 11, values=values)
    ranks, worth = zip(*((seat.rank, values[seat.at]) for seat in seats), strict=True)
    assert spearmanr(ranks, worth).pvalue > 0.05
    drawn = np.array(worth)
    assert abs(drawn.mean() - values.mean()) < 4 * values.std() / np.sqrt(2 * drawn.size)


def test_places_within_a_stretch_are_drawn_equally_often_over_seeds():
    counts = sum(spread(STRETCH, 2, seed, "random").astype(int) for seed in range(1000))
    assert chisquare(counts).pvalue > 0.01


def test_a_random_number_is_the_beginning_of_a_hash_and_differs_by_seed_use_and_id():
    (number,) = draws(7, "use", ["id"])
    assert int(number) == int.from_bytes(hashed(7, "use", "id"), "big")
    others = [draws(8, "use", ["id"]), draws(7, "other", ["id"]), draws(7, "use", ["ie"])]
    assert len({int(number), *(int(other[0]) for other in others)}) == 4
    assert draws(0, "use", []).shape == (0,)
    assert draws(0, "use", ["\ud800"]).shape == (1,)


# --- what cannot be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"random": 1.1}, "random is 1.1: the share of items drawn by lot is in [0, 1]."),
        ({"overlap": -0.1}, "overlap is -0.1: the share of items for two readers is in [0, 1]."),
        ({"repeats": 0.3}, "repeats is 0.3: the share of items that a reader is shown twice is in [0, 0.2]."),
        ({"gold": 0.6}, "gold is 0.6: the items of known label for each other item is in [0, 0.5]."),
        ({"random": float("nan")}, "random is nan"),
    ],
)
def test_a_share_out_of_its_range_is_refused_with_the_range(given, said):
    with pytest.raises(InputError) as error:
        Shares(**given)
    assert said in str(error.value)
    assert str(error.value).endswith("Give a number in that range.")


@pytest.mark.parametrize("values", [[-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0], [1.0]])
def test_values_that_order_nothing_are_refused(values):
    with pytest.raises(DataError):
        ordered(draws(0, "", range(2)), np.array(values), size=1, shares=Shares())


def test_an_empty_pool_and_a_size_of_none_are_refused():
    with pytest.raises(DataError, match="Pass at least one item"):
        ordered(draws(0, "", []), np.zeros(0), size=1, shares=Shares())
    with pytest.raises(InputError, match="Ask for 1 item or more"):
        ordered(draws(0, "", [1]), np.zeros(1), size=0, shares=Shares())
