"""Which side of a threshold a share is on: right however often one looks, and sooner with good scores."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.prediction_powered import Sample
from wellkeeper.measure.threshold_watch import LEVEL, log_wealth, settled


def pool_of(share, items, seed=0):
    random = np.random.default_rng(seed)
    labels = np.zeros(items)
    labels[: round(share * items)] = 1
    scores = np.clip(labels * 0.6 + 0.2 + random.normal(0, 0.15, items), 0, 1)
    return labels, scores


def in_random_order(labels, scores, size, random):
    chosen = random.permutation(labels.size)[:size]
    return Sample(labels=labels[chosen], scores=scores[chosen], of=labels.size, score_sum=float(scores.sum()))


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_at_the_threshold_itself_no_more_than_the_level_are_ever_called(share):
    labels, scores = pool_of(share, 300)
    random = np.random.default_rng(4)
    found = [settled(in_random_order(labels, scores, 290, random), share) for _ in range(400)]
    for side in ("above", "below"):
        assert np.mean([one.verdict == side for one in found]) <= LEVEL + 0.02


def test_the_wealth_of_who_bets_on_what_is_not_so_does_not_grow_on_average():
    labels, scores = pool_of(0.2, 12)
    random = np.random.default_rng(1)
    ends = [log_wealth(in_random_order(labels, scores, 6, random), 2 / 12) for _ in range(3_000)]
    above, below = (np.exp([end[side][-1] for end in ends]) for side in (0, 1))
    assert above.mean() == pytest.approx(1, abs=0.15)
    assert below.mean() == pytest.approx(1, abs=0.15)


def test_a_share_far_from_the_threshold_is_settled_on_its_side_and_good_scores_hasten_it():
    labels, scores = pool_of(0.3, 5_000)
    random = np.random.default_rng(2)
    with_scores, without = [], []
    for _ in range(30):
        drawn = in_random_order(labels, scores, 400, random)
        plain = Sample(labels=drawn.labels, scores=np.full(400, 0.5), of=5_000, score_sum=2_500.0)
        with_scores.append(settled(drawn, 0.4))
        without.append(settled(plain, 0.4))
    assert {one.verdict for one in with_scores} <= {"below", "open"}
    assert np.mean([one.verdict == "below" for one in with_scores]) > 0.9
    assert np.median([one.at or 999 for one in with_scores]) < np.median([one.at or 999 for one in without])


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60), st.floats(0.05, 0.95))
@settings(deadline=None)
def test_what_was_settled_stays_settled_unless_the_contrary_is_proven(labels, threshold):
    values = np.array(labels)
    scores = np.full(values.size, 0.5)
    at = [
        settled(
            Sample(labels=values[:count], scores=scores[:count], of=values.size, score_sum=values.size / 2),
            threshold,
        )
        for count in range(values.size + 1)
    ]
    for before, after in itertools.pairwise(at):
        if before.verdict not in {"open", after.verdict}:
            assert {"above": after.p_above, "below": after.p_below}[after.verdict] == 0


def test_a_pool_that_is_labelled_whole_is_settled_for_certain():
    labels = np.array([1.0, 0.0] * 4 + [1.0, 1.0])
    whole = Sample(labels=labels, scores=labels, of=10, score_sum=6.0)
    assert settled(whole, 0.59).verdict == "above"
    assert settled(whole, 0.61).verdict == "below"
    assert settled(whole, 0.6).verdict == "open"


def test_no_label_settles_nothing():
    nothing = Sample(labels=np.zeros(0), scores=np.zeros(0), of=10, score_sum=5.0)
    found = settled(nothing, 0.5)
    assert (found.verdict, found.at, found.p_above, found.p_below) == ("open", None, 1.0, 1.0)


def test_a_threshold_that_is_no_share_is_refused():
    nothing = Sample(labels=np.zeros(0), scores=np.zeros(0), of=10, score_sum=5.0)
    with pytest.raises(DataError, match=r"threshold is 1\.5\. Give a number between 0 and 1"):
        settled(nothing, 1.5)
    with pytest.raises(DataError, match="level is 0"):
        settled(nothing, 0.5, level=0)
