"""Weights keep their sum, their bound and their order, and are what filling drop by drop gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.origin.evidence import probability
from wellkeeper.origin.weights import effective_size, origin_weights

odds_of = st.lists(st.floats(-8, 8), min_size=1, max_size=40).map(np.array)
settings_of = st.tuples(
    st.sampled_from((0.0, 0.5, 1.0, 3.0, 10.0)), st.floats(1.0, 6.0), st.floats(0.01, 1.0)
).map(lambda drawn: {"k": drawn[0], "max_repeats": drawn[1], "upsample": drawn[1] * drawn[2]})
DRAYSON = {"k": 10.0, "upsample": 1.5, "max_repeats": 3.0}


def filled_drop_by_drop(shares: np.ndarray, *, most: float, total: float) -> np.ndarray:
    """Hand what is left to all below the bound, in proportion, until nothing is left: slow, and plain to see."""
    weights = np.zeros(shares.size)
    while total - weights.sum() > 1e-12 * total:
        below = weights < most * (1 - 1e-15)
        room = np.where(below, shares, 0.0)
        weights = np.minimum(most, weights + (total - weights.sum()) * room / room.sum())
    return weights


@given(odds_of, settings_of, st.sampled_from((0.0, 0.05, 1.0)))
def test_weights_add_up_to_the_text_asked_for_and_none_exceeds_the_bound(odds, settings, floor) -> None:
    weights = origin_weights(odds, **settings, floor=floor)
    assert weights.sum() == pytest.approx(settings["upsample"] * odds.size, rel=1e-9)
    assert weights.min() >= 0
    assert weights.max() <= settings["max_repeats"]


@given(odds_of, settings_of)
def test_a_likelier_ai_text_never_weighs_more(odds, settings) -> None:
    weights = origin_weights(np.sort(odds), **settings)
    assert (np.diff(weights) <= 1e-12 * settings["max_repeats"]).all()


@given(odds_of, settings_of, st.sampled_from((0.0, 0.05)))
def test_weights_are_those_of_filling_drop_by_drop(odds, settings, floor) -> None:
    odds = np.clip(odds, -8, 4 if settings["k"] > 3 else 8)  # else the plain way loses its digits
    shares = np.maximum((1 - probability(odds)) ** settings["k"], floor)
    expected = filled_drop_by_drop(
        shares, most=settings["max_repeats"], total=settings["upsample"] * odds.size
    )
    np.testing.assert_allclose(origin_weights(odds, **settings, floor=floor), expected, rtol=1e-6, atol=1e-9)


@given(odds_of, settings_of, st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(odds, settings, random) -> None:
    order = np.array(random.sample(range(odds.size), odds.size))
    np.testing.assert_array_equal(
        origin_weights(odds[order], **settings), origin_weights(odds, **settings)[order]
    )


def test_below_the_bound_weights_are_in_proportion_to_the_power() -> None:
    odds = np.linspace(-3, 3, 41)
    weights = origin_weights(odds, k=2, max_repeats=100)
    np.testing.assert_allclose(
        weights / weights[0], ((1 - probability(odds)) / (1 - probability(odds[:1]))) ** 2
    )


def test_the_settings_of_the_paper_give_half_as_much_again_with_no_text_more_than_three_times() -> None:
    """A tenth surely AI, the rest doubtful: the doubtful is thinned, the surely AI practically gone."""
    rng = np.random.default_rng(1)
    odds = np.concatenate([rng.normal(-0.7, 0.9, 900), rng.normal(2, 0.5, 100)])
    weights = origin_weights(odds, **DRAYSON)
    assert weights.sum() == pytest.approx(1.5 * 1000)
    assert weights.max() == 3.0
    power = (1 - probability(odds)) ** 10
    inside = weights < 3
    scale = weights[inside] / power[inside]
    np.testing.assert_allclose(scale, scale[0])
    assert scale[0] * power[~inside].min() >= 3
    assert weights[900:].sum() < 1e-6 * weights.sum()


def test_an_exponent_of_nought_or_a_floor_of_one_weighs_all_alike() -> None:
    odds = np.array([-5.0, 0.0, 5.0])
    assert origin_weights(odds, k=0).tolist() == [1, 1, 1]
    assert origin_weights(odds, k=9, floor=1).tolist() == [1, 1, 1]
    assert origin_weights(odds, upsample=3).tolist() == [3, 3, 3]
    np.testing.assert_allclose(origin_weights(odds, k=0, upsample=0.2), 0.2)


def test_a_floor_keeps_what_is_surely_ai_in_sight() -> None:
    without, withit = (origin_weights(np.array([-9.0, 9.0]), floor=floor) for floor in (0.0, 0.1))
    np.testing.assert_allclose(without, [2, 2e-9], rtol=1e-6)
    np.testing.assert_allclose(withit, [2 / 1.1, 0.2 / 1.1], rtol=1e-6)


@pytest.mark.parametrize("k", [10.0, 1e30])
def test_powers_beyond_the_range_of_numbers_still_fill_up(k: float) -> None:
    """Four documents, two of which have room for three copies each: more text than the likeliest human one holds."""
    weights = origin_weights(np.array([-9.0, 0.0, 32.0, 400.0]), k=k, upsample=1.5)
    np.testing.assert_allclose(weights, [3, 3, 0, 0], atol=1e-12)
    assert origin_weights(np.array([-9.0, 400.0]), k=k, upsample=3).tolist() == [3, 3]


def test_no_documents_have_no_weights() -> None:
    assert origin_weights(np.zeros(0)).size == 0
    assert effective_size(np.zeros(0)) == 0


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30).map(np.array))
def test_the_effective_size_is_at_most_the_number_of_weights_that_are_not_nought(weights) -> None:
    assert 0 <= effective_size(weights) <= np.count_nonzero(weights) * (1 + 1e-9)


def test_the_effective_size_is_that_of_an_equally_weighted_sample_as_precise() -> None:
    assert effective_size(np.full(7, 0.3)) == pytest.approx(7)
    rng = np.random.default_rng(2)
    weights = rng.gamma(1.0, size=300)
    means = (weights * rng.normal(size=(20_000, 300))).sum(axis=1) / weights.sum()
    assert 1 / means.var() == pytest.approx(effective_size(weights), rel=0.05)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"k": -1}, r"k is -1, floor 0\.0, max_repeats 3\.0 and upsample 1\.0\. Give a k of 0 or more, a floor in"),
        ({"k": np.inf}, r"k is inf, "),
        ({"floor": 1.1}, r"floor 1\.1, .* a floor in \[0, 1\], max_repeats of 1 or more and upsample above 0"),
        ({"max_repeats": 0.5}, r"max_repeats 0\.5 "),
        ({"upsample": 0}, r"upsample 0\. Give"),
        ({"upsample": 4}, r"upsample 4\. Give .* and up to max_repeats\.$"),
        ({"odds": [0, np.nan]}, r"log10_odds\[1\] is nan\. Pass the odds of every document, as finite numbers\.$"),
        ({"odds": [np.inf]}, r"log10_odds\[0\] is inf\. Pass"),
    ],
)  # fmt: skip
def test_errors_say_what_was_found_and_what_to_do(change, says: str) -> None:
    settings = dict(change)
    with pytest.raises(DataError, match=says):
        origin_weights(np.array(settings.pop("odds", [0.0])), **settings)
