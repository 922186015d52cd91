"""Shares by few labels and many scores: exact cases, the published estimator, coverage and width."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.prediction_powered import (
    ALL,
    ALONE,
    EXACT,
    RARE,
    TOGETHER,
    Sample,
    labels_between,
    labels_for,
    share_of,
)


def pool_of(share, *, items=2_000, sharp=True, seed=0):
    """Labels of a whole pool, and scores that go with them or do not."""
    random = np.random.default_rng(seed)
    scores = random.beta(share / 2, (1 - share) / 2, items)
    labels = (random.random(items) < scores).astype(float)
    return labels, scores if sharp else random.random(items)


def drawn_from(labels, scores, size, random):
    chosen = random.permutation(labels.size)[:size]
    return Sample(labels=labels[chosen], scores=scores[chosen], of=labels.size, score_sum=float(scores.sum()))


@st.composite
def samples(draw):
    labels, scores = pool_of(
        draw(st.floats(0.05, 0.95)), items=draw(st.integers(20, 300)), seed=draw(st.integers(0, 1_000))
    )
    size = draw(st.integers(1, labels.size))
    return drawn_from(labels, scores, size, np.random.default_rng(draw(st.integers(0, 1_000)))), labels


@given(samples())
@settings(deadline=None)
def test_the_estimate_lies_in_its_interval_and_inside_what_labels_settle(sample_and_labels):
    sample, labels = sample_and_labels
    found = share_of(sample)
    assert 0 <= found.share.low <= found.share.estimate <= found.share.high <= 1
    assert found.share.low >= sample.labels.sum() / labels.size - 1e-12
    assert found.share.high <= 1 - (1 - sample.labels).sum() / labels.size + 1e-12
    assert 0 <= found.weight <= 1


@given(samples(), st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None)
def test_the_labels_asked_for_lie_in_their_interval_and_are_no_more_than_are_left(sample_and_labels, width):
    sample, labels = sample_and_labels
    found = share_of(sample)
    low, high = labels_between(found, width)
    assert 0 <= low <= labels_for(found, width) <= high <= labels.size - sample.labels.size


@given(samples(), st.floats(0.1, 0.9))
@settings(deadline=None)
def test_scores_that_are_all_alike_change_nothing(sample_and_labels, score):
    sample, labels = sample_and_labels
    same = Sample(
        labels=sample.labels,
        scores=np.full(sample.labels.size, score),
        of=labels.size,
        score_sum=score * labels.size,
    )
    found = share_of(same)
    assert found.weight == 0
    assert found.share.estimate == pytest.approx(
        min(max(sample.labels.mean(), found.share.low), found.share.high)
    )


@given(samples())
@settings(deadline=None)
def test_labels_and_scores_turned_round_give_the_share_turned_round(sample_and_labels):
    sample, labels = sample_and_labels
    turned = Sample(
        labels=1 - sample.labels,
        scores=1 - sample.scores,
        of=sample.of,
        score_sum=labels.size - sample.score_sum,
    )
    one, other = share_of(sample), share_of(turned)
    assert other.share.estimate == pytest.approx(1 - one.share.estimate, abs=1e-9)
    assert (other.share.low, other.share.high) == pytest.approx(
        (1 - one.share.high, 1 - one.share.low), abs=1e-9
    )


def test_the_estimate_is_the_published_one_with_its_tuned_weight():
    labels, scores = pool_of(0.3, items=20_000, seed=4)
    scores = scores**0.25  # too high, so that the weight is not cut
    order = np.random.default_rng(1).permutation(labels.size)
    seen, others = order[:4_000], order[4_000:]
    found = share_of(drawn_from(labels, scores, 4_000, np.random.default_rng(1)))
    # PPI++, equation 2.3 of arXiv:2311.01453 for a mean, with its plug-in weight; ours fits each label by the others
    slope = np.cov(labels[seen], scores[seen])[0, 1] / scores[seen].var(ddof=1)
    tuned = slope / (1 + seen.size / others.size)
    theirs = labels[seen].mean() + tuned * (scores[others].mean() - scores[seen].mean())
    assert found.method == TOGETHER
    assert found.share.estimate == pytest.approx(theirs, abs=5e-5)
    assert abs(theirs - labels[seen].mean()) > 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_over_all_draws_is_the_share_itself(seed):
    random = np.random.default_rng(seed)
    scores = random.random(12)
    labels = 0.5 + (scores - 0.5) ** 3 + random.normal(0, 0.02, 12)  # so far from 0 and 1 that nothing is cut
    found = [
        share_of(Sample(labels=labels[seen], scores=scores[seen], of=12, score_sum=float(scores.sum())))
        for seen in map(list, itertools.combinations(range(12), 9))
    ]
    assert np.ptp([one.weight for one in found]) > 0.05
    assert np.mean([one.share.estimate for one in found]) == pytest.approx(labels.mean(), abs=1e-12)


def test_good_scores_tell_of_what_no_label_of_a_rare_kind_was_drawn_for():
    scores = np.where(np.arange(1_000) < 50, 0.95, 0.01)
    labels = (np.arange(1_000) < 50).astype(float)
    seen = np.arange(100, 140)  # chance drew none of the fifty
    found = share_of(
        Sample(labels=labels[seen], scores=scores[seen], of=1_000, score_sum=float(scores.sum()))
    )
    assert found.method == RARE
    assert found.share.estimate == pytest.approx(0.05, abs=0.005)
    assert found.share.low == 0
    assert 0.05 < found.share.high == found.alone.high < 0.1


def test_a_pool_that_is_labelled_whole_is_known():
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    found = share_of(Sample(labels=labels, scores=labels, of=4, score_sum=2.0))
    assert found.method == ALL
    assert (found.share.low, found.share.estimate, found.share.high) == (0.5, 0.5, 0.5)
    assert labels_for(found, 0.01) == 0


def test_few_items_of_a_kind_give_the_exact_interval_of_the_labels():
    # with no more than one of 20 seen, 4 of 20 have the chance of .025: Clopper and Pearson's, for 10^6 items
    found = share_of(
        Sample(labels=np.array([1.0] + [0.0] * 19), scores=np.full(20, 0.5), of=10**6, score_sum=5e5)
    )
    assert found.method == EXACT
    assert (found.share.low, found.share.high) == pytest.approx((0.00127, 0.24873), abs=1e-4)


def test_a_part_that_is_known_takes_its_share_of_the_doubt_away():
    random = np.random.default_rng(2)
    labels, scores = pool_of(0.3, items=1_000, seed=8)
    by_doubt = np.argsort(np.abs(scores - 0.5))
    top, rest = by_doubt[:300], by_doubt[300:]
    known = Sample(labels=labels[top], scores=scores[top], of=300, score_sum=float(scores[top].sum()))
    drawn = drawn_from(labels[rest], scores[rest], 100, random)
    both = share_of(drawn, known)
    alone = share_of(drawn_from(labels, scores, 130, random))
    assert both.half_width < alone.half_width / 1.5
    assert both.share.low <= labels.mean() <= both.share.high
    assert (both.of, both.drawn, both.labels) == (1_000, 100, 400)


def test_a_few_items_that_chance_left_out_of_a_known_part_widen_the_interval_a_little():
    labels, scores = pool_of(0.3, items=1_000, seed=8)
    known = Sample(labels=labels[:276], scores=scores[:276], of=300, score_sum=float(scores[:300].sum()))
    whole = Sample(labels=labels[:300], scores=scores[:300], of=300, score_sum=float(scores[:300].sum()))
    rest = drawn_from(labels[300:], scores[300:], 100, np.random.default_rng(2))
    with_gaps, without = share_of(rest, known), share_of(rest, whole)
    widths = [one.alone.high - one.alone.low for one in (without, with_gaps)]
    assert widths[0] < widths[1] < 1.05 * widths[0]
    assert without.half_width < with_gaps.half_width < 1.05 * without.half_width


def test_a_pool_of_which_only_a_known_part_is_left_needs_no_draw():
    labels = np.array([1.0, 0.0] * 10)
    known = Sample(labels=labels[:18], scores=labels[:18], of=20, score_sum=10.0)
    found = share_of(Sample(labels=np.zeros(0), scores=np.zeros(0), of=0, score_sum=0.0), known)
    assert found.share.low <= 0.5 <= found.share.high
    assert (found.of, found.labels) == (20, 18)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("sharp", [True, False])
def test_intervals_cover_and_good_scores_make_them_narrower(share, sharp):
    labels, scores = pool_of(share, sharp=sharp, seed=3)
    random, tries, size = np.random.default_rng(11), 250, 150
    found = [share_of(drawn_from(labels, scores, size, random)) for _ in range(tries)]
    covered = np.mean([one.share.low <= labels.mean() <= one.share.high for one in found])
    narrower = np.mean([one.narrower for one in found])
    assert 0.92 <= covered <= 0.99
    assert (narrower < 0.75) if sharp else (0.98 < narrower < 1.03)


def test_ties_that_count_half_have_an_interval_of_their_own_spread():
    labels = np.array([0.0, 0.5, 1.0, 0.5] * 25)
    found = share_of(Sample(labels=labels, scores=np.full(100, 0.5), of=5_000, score_sum=2_500.0))
    binary = share_of(
        Sample(labels=np.array([0.0, 1.0] * 50), scores=np.full(100, 0.5), of=5_000, score_sum=2_500.0)
    )
    assert found.method == ALONE
    assert found.share.estimate == 0.5
    assert found.half_width / binary.half_width == pytest.approx(math.sqrt(0.5), abs=0.02)


def test_the_labels_that_are_asked_for_make_the_interval_as_narrow_as_was_wanted():
    labels, scores = pool_of(0.3, items=20_000, seed=6)
    random = np.random.default_rng(0)
    before = share_of(drawn_from(labels, scores, 200, random))
    more = labels_for(before, 0.025)
    low, high = labels_between(before, 0.025)
    after = share_of(drawn_from(labels, scores, 200 + more, random))
    assert low <= more <= high
    assert after.half_width == pytest.approx(0.025, rel=0.15)
    assert labels_for(after, 0.2) == 0
    assert labels_for(before, 1e-6) <= 20_000 - 200


def test_numbers_that_make_no_sense_are_refused_with_what_to_pass():
    with pytest.raises(DataError, match="no more labels than the pool has items"):
        Sample(labels=np.ones(3), scores=np.ones(3), of=2, score_sum=2.0)
    with pytest.raises(DataError, match="A score lies outside"):
        Sample(labels=np.ones(1), scores=np.full(1, 1.5), of=2, score_sum=2.0)
    with pytest.raises(DataError, match="Label one item of it at least"):
        share_of(Sample(labels=np.zeros(0), scores=np.zeros(0), of=9, score_sum=2.0))
    with pytest.raises(DataError, match="Label one item of it at least"):
        share_of(Sample(labels=np.zeros(0), scores=np.zeros(0), of=0, score_sum=0.0))
    with pytest.raises(DataError, match="half_width is 0"):
        labels_for(share_of(Sample(labels=np.ones(1), scores=np.ones(1), of=2, score_sum=2.0)), 0)
