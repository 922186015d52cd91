"""Shared errors: the share against worlds in which it is known, and a gate that warns of one and not of another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wellkeeper.errors import DataError
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.transcendence import chances, played, plurality
from wellkeeper.measure.shared_errors import LEAST_GAIN, shared_errors

EXPERTS, MOVES, SKILL = 25, 10, 0.35
tables = st.integers(0, 20).flatmap(lambda items: arrays(np.int64, (items, 4), elements=st.integers(-1, 5)))


def world(shared, *, items=20_000, seed=0, named=True, **changed):
    play = played(
        (1, items), experts=EXPERTS, moves=MOVES, skill=SKILL, shared=shared, random=stream(seed, shared)
    )[0]
    right = np.zeros(items, np.int64)
    return shared_errors(play, right, **{"answers": MOVES, "named": named, **changed})


# --- worlds that are known ----------------------------------------------------------------------------------------


def test_the_gate_is_silent_where_errors_differ():
    found = world(0.0)
    assert found.vote == pytest.approx(0.946, abs=0.01)
    assert found.verdict == "votes help"
    assert found.warning is None
    assert found.shared.low == 0
    assert found.shared.high < 0.05


def test_the_gate_warns_where_six_in_ten_errors_are_shared():
    found = world(0.6)
    assert found.vote == pytest.approx(0.346, abs=0.01)
    assert found.shared.estimate == pytest.approx(0.6, abs=0.01)
    assert found.breakeven == pytest.approx((0.35 / 0.65 - 1 / 9) / (8 / 9), abs=0.02)
    assert found.verdict == "votes do not help"
    assert "60% of the errors are shared" in found.warning
    assert found.warning.endswith("take the best of several by a verifier.")


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_a_suite_of_two_hundred_items_is_enough_to_tell_the_two_worlds_apart(shared):
    found = world(shared, items=200)
    assert (found.warning is not None) == (shared == 0.6)


@pytest.mark.parametrize("shared", [0.15, 0.3, 0.45, 0.75])
def test_share_and_vote_are_those_of_the_closed_forms(shared):
    found = world(shared)
    wrong = chances(MOVES, SKILL, shared)[1:] / (1 - SKILL)
    assert found.equal == pytest.approx(float(wrong @ wrong), abs=0.01)
    assert found.shared.low - 0.005 <= shared <= found.shared.high + 0.005
    assert found.vote == pytest.approx(plurality(EXPERTS, chances(MOVES, SKILL, shared)), abs=0.01)


def test_intervals_hold_the_share_as_often_as_they_say():
    held = [
        found.shared.low <= 0.3 <= found.shared.high
        for found in (world(0.3, items=120, seed=seed) for seed in range(200))
    ]
    assert np.mean(held) >= 0.9


def test_the_vote_of_other_numbers_of_voters_is_drawn_from_what_was_seen():
    play = stream(0, "many").choice(MOVES, (400, 300), p=chances(MOVES, SKILL))
    found = shared_errors(play, np.zeros(400, np.int64), voters=EXPERTS)
    assert found.vote == pytest.approx(plurality(EXPERTS, chances(MOVES, SKILL)), abs=0.02)
    assert shared_errors(play, np.zeros(400, np.int64), voters=EXPERTS) == found


def test_items_that_differ_are_no_reason_to_call_a_vote_useless_that_gains():
    """Half of the items are right in .7 of samples, half in .1, and all errors of an item are one: a gain of .10."""
    random, warned = stream(0, "unlike items"), []
    for _ in range(200):
        chance = np.where(random.random(20) < 0.5, 0.7, 0.1)
        labels = (random.random((20, 20)) >= chance[:, None]).astype(np.int64)
        vote = (labels == 0).mean(axis=1) > 0.5
        found = shared_errors(labels[:, :4], np.zeros(20, np.int64), vote=vote)
        warned.append(found.warning is not None)
        assert found.warning is None or found.gain.estimate <= 0 or found.between <= 0.1
    assert np.mean(warned) < 0.2


def test_the_share_of_variance_between_items_is_that_of_the_world():
    random = stream(0, "between")
    chance = np.where(random.random(20_000) < 0.5, 0.7, 0.1)
    labels = (random.random((20_000, 4)) >= chance[:, None]).astype(np.int64)
    assert shared_errors(labels, np.zeros(20_000, np.int64)).between == pytest.approx(0.09 / 0.24, abs=0.01)
    assert world(0.6).between == pytest.approx(0, abs=0.01)


# --- what it is set beside ----------------------------------------------------------------------------------------


def test_a_vote_must_beat_the_best_of_named_experts_and_only_the_mean_of_samples():
    """One expert knows all, two know nothing: the vote beats the mean, and not the one."""
    random = stream(0, "one expert")
    labels = np.stack([np.zeros(400, np.int64), *(random.integers(0, 9, 400) for _ in range(2))], axis=1)
    right = np.zeros(400, np.int64)
    assert shared_errors(labels, right).verdict == "votes help"
    named = shared_errors(labels, right, named=True)
    assert (named.single, named.verdict) == (1.0, "votes do not help")


def test_the_best_expert_is_not_flattered_by_the_items_that_chose_him():
    found = [world(0.0, items=60, seed=seed).single for seed in range(100)]
    assert np.mean(found) == pytest.approx(SKILL, abs=0.02)


def test_a_vote_that_was_held_is_taken_for_what_it_was():
    labels, right = np.array([[0, 1]] * 20), np.zeros(20, np.int64)
    assert shared_errors(labels, right).vote == 0.5
    assert shared_errors(labels, right, vote=np.ones(20, bool)).vote == 1.0


def test_samples_that_say_nothing_are_wrong_and_agree_with_nobody():
    found = shared_errors(np.array([[0, -1, -1, -1]] * 12), np.zeros(12, np.int64))
    assert (found.single, found.vote, found.pairs, found.equal) == (0.25, 1.0, 0, None)


def test_without_right_answers_dissenters_are_compared_and_no_gain_is_told():
    labels = np.array([[0, 0, 0, 1, 1]] * 12)
    found = shared_errors(labels)
    assert (found.equal, found.shared.estimate) == (1.0, 1.0)
    assert (found.vote, found.gain, found.warning) == (None, None, None)
    assert found.verdict == "not enough data"


# --- properties ---------------------------------------------------------------------------------------------------


@given(tables, st.randoms(use_true_random=False))
def test_neither_the_order_of_items_nor_that_of_samples_matters(labels, random):
    right = np.zeros(len(labels), np.int64)
    rows, columns = list(range(len(labels))), list(range(4))
    random.shuffle(rows)
    random.shuffle(columns)
    one, other = shared_errors(labels, right), shared_errors(labels[rows][:, columns], right)
    assert (one.pairs, one.equal, one.verdict) == (other.pairs, other.equal, other.verdict)
    if one.items:
        assert (one.single, one.vote) == (pytest.approx(other.single), pytest.approx(other.vote))


@given(tables)
def test_shares_are_shares_and_intervals_hold_their_estimates(labels):
    found = shared_errors(labels, np.zeros(len(labels), np.int64), answers=6)
    assert found.equal is None or 0 <= found.equal <= 1
    for one in (found.shared, found.gain):
        assert one is None or one.low <= one.estimate <= one.high
    assert found.to_json()["verdict"] == found.verdict


def test_too_few_items_give_no_verdict():
    found = shared_errors(np.array([[1, 1, 1]] * 9), np.zeros(9, np.int64))
    assert (found.shared, found.gain, found.verdict) == (None, None, "not enough data")


def test_a_gain_too_small_to_pay_for_is_none():
    """Eight in ten are right whoever is asked: each item is either all right or all wrong."""

    def of(items):
        labels = np.repeat((np.arange(items) < items / 5).astype(np.int64)[:, None], 5, axis=1)
        return shared_errors(labels, np.zeros(items, np.int64))

    assert of(400).gain.high < LEAST_GAIN
    assert of(400).verdict == "votes do not help"
    assert of(20).verdict == "not enough data"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"labels": np.zeros((3, 1), int)},
            r"labels has shape \(3, 1\)\. Pass the answers of two voters or more",
        ),
        (
            {"right": np.zeros(2, int)},
            r"right has shape \(2,\) and there are 3 items\. Pass one value for each",
        ),
        ({"vote": np.zeros(4, bool)}, r"vote has shape \(4,\)"),
        ({"answers": 2}, r"answers is 2 and the largest label is 0\. Give how many answers an item can"),
        ({"voters": 0}, r"voters is 0\. Give one or more\."),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_next_step(given, says):
    usual = {"labels": np.zeros((3, 2), int), "right": np.zeros(3, int)}
    with pytest.raises(DataError, match=says):
        shared_errors(**{**usual, **given})
