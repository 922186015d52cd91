"""What a removal costs the tail: enumeration as the oracle, then the level of every test and what it finds."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.incidence import incidence_of
from wellkeeper.measure.reference import BANDS
from wellkeeper.measure.tail_cost import (
    DRAWS,
    FEWEST_TOPICS,
    at_least,
    group_costs,
    holdings_of,
    topic_cost,
    word_cost,
)

LEVEL = 0.05


def allowed(worlds):
    """Alarms that a test of the level stays below in 999 of 1,000 runs of so many worlds, at most."""
    return LEVEL + 3.1 * math.sqrt(LEVEL * (1 - LEVEL) / worlds)


@st.composite
def removals(draw):
    """A reference, documents, and which of them were judged and removed."""
    row = st.lists(st.integers(0, 12), min_size=1, max_size=6)
    reference = draw(st.lists(row, min_size=1, max_size=6))
    documents = draw(st.lists(row, min_size=2, max_size=7))
    judged = np.array(draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents))))
    removed = judged & np.array(
        draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents)))
    )
    return reference, documents, judged, removed


def rare_of(reference):
    seen = [type_ for row in reference for type_ in set(row)]
    return {type_ for type_ in seen if seen.count(type_) <= 2}


def held(documents, chosen):
    return set().union(*(set(documents[k]) for k in chosen))


@given(removals())
def test_what_is_left_is_what_sets_have_and_the_baseline_the_mean_over_all_removals_of_as_many(case):
    reference, documents, judged, removed = case
    cost = word_cost(holdings_of(incidence(reference), incidence(documents)), judged, removed, seed=0)
    rare, all_judged = rare_of(reference), np.flatnonzero(judged).tolist()
    before = rare & held(documents, all_judged)
    if not removed.any() or not before:
        assert cost is None
        return
    kept = [k for k in all_judged if not removed[k]]
    left = [len(before & held(documents, others)) for others in itertools.combinations(all_judged, len(kept))]
    assert (cost.rare.before, cost.rare.after) == (len(before), len(before & held(documents, kept)))
    assert cost.rare.at_random.estimate == pytest.approx(np.mean(left))
    assert cost.removed_words == sum(len(documents[k]) for k in np.flatnonzero(removed))
    exact = np.mean(np.array(left) <= cost.rare.after)
    assert cost.documents_kept.p == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 199) + 0.006)


@given(removals())
def test_bands_partition_the_types_and_no_band_gains_by_a_removal(case):
    reference, documents, judged, removed = case
    cost = word_cost(holdings_of(incidence(reference), incidence(documents)), judged, removed, seed=0)
    if cost is None:
        return
    assert [band.band for band in cost.bands] == [
        name for name in BANDS if name in {b.band for b in cost.bands}
    ]
    types = set().union(*map(set, reference))
    assert sum(band.before for band in cost.bands) == len(types & held(documents, np.flatnonzero(judged)))
    for band in cost.bands:
        assert 0 <= band.after <= band.before <= band.types
        assert band.at_random.low <= band.at_random.estimate <= band.at_random.high
    for kept in (cost.documents_kept, cost.words_kept):
        assert 0 < kept.p <= 1
        assert kept.retention.low <= kept.retention.estimate <= kept.retention.high


def bursty(documents, rng, mean=60):
    """Documents of 10 topics, of very unequal length, that repeat their words."""
    sizes = np.maximum(4, rng.exponential(mean, documents)).astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    topic = np.repeat(rng.integers(10, size=documents), sizes)
    words = np.minimum(rng.zipf(1.3, bounds[-1]), 5_000)
    words = np.where(rng.random(bounds[-1]) < 0.5, words, words + 10_000 * (1 + topic))
    return incidence_of(bounds, words.astype(np.uint64))


def removed_by(score, share=0.3):
    removed = np.zeros(len(score), np.bool_)
    removed[np.argsort(-score)[: round(share * len(score))]] = True
    return removed


def test_a_random_removal_is_flagged_no_more_often_than_the_level_says():
    rng, worlds = np.random.default_rng(1), 250
    alarms = np.zeros(2)
    for world in range(worlds):
        holdings = holdings_of(bursty(80, rng), bursty(80, rng))
        cost = word_cost(holdings, np.ones(80, np.bool_), removed_by(rng.random(80)), seed=world)
        alarms += [cost.documents_kept.p <= LEVEL, cost.words_kept.p <= LEVEL]
    assert (alarms / worlds <= allowed(worlds)).all()


def test_a_filter_of_rare_words_is_found_and_one_of_long_documents_costs_no_more_than_its_words():
    rng = np.random.default_rng(2)
    holdings, everything = holdings_of(bursty(300, rng), bursty(300, rng)), np.ones(300, np.bool_)
    density = holdings.held_of(holdings.rare) / holdings.words
    dense = word_cost(holdings, everything, removed_by(density), seed=0)
    long = word_cost(holdings, everything, removed_by(holdings.words), seed=0)
    assert dense.words_kept.p == 1 / (DRAWS + 1)
    assert dense.words_kept.retention.high < 0.95
    assert long.documents_kept.p == 1 / (DRAWS + 1)
    assert long.words_kept.p > LEVEL


def test_the_same_removal_has_the_same_cost_whatever_the_order_of_documents_or_types():
    rng = np.random.default_rng(3)
    rows = [rng.integers(0, 300, int(rng.integers(5, 60))).tolist() for _ in range(60)]
    theirs = [rng.integers(0, 300, 20).tolist() for _ in range(40)]
    removed = rng.random(60) < 0.4
    order = rng.permutation(60)
    one = word_cost(holdings_of(incidence(theirs), incidence(rows)), np.ones(60, np.bool_), removed, seed=0)
    other = word_cost(
        holdings_of(incidence(theirs[::-1]), incidence([rows[k] for k in order])),
        np.ones(60, np.bool_),
        removed[order],
        seed=0,
    )
    for a, b in zip(one.bands, other.bands, strict=True):
        assert (a.band, a.before, a.after) == (b.band, b.before, b.after)
        assert a.at_random.estimate == pytest.approx(b.at_random.estimate)


def test_documents_may_stand_in_another_order():
    rng = np.random.default_rng(8)
    holdings, order = holdings_of(bursty(50, rng), bursty(50, rng)), rng.permutation(50)
    other = holdings.in_order(order)
    np.testing.assert_array_equal(other.words, holdings.words[order])
    for chosen in rng.random((3, 50)) < 0.3:
        np.testing.assert_array_equal(other.holders(chosen[order]), holdings.holders(chosen))
    np.testing.assert_array_equal(other.held_of(other.rare), holdings.held_of(holdings.rare)[order])


def test_types_that_are_not_rare_may_be_left_out():
    rng = np.random.default_rng(4)
    holdings = holdings_of(bursty(50, rng), bursty(50, rng))
    alone = holdings.rare_alone()
    assert alone.rare.all()
    np.testing.assert_array_equal(alone.held_of(alone.rare), holdings.held_of(holdings.rare))
    np.testing.assert_array_equal(alone.hashes, holdings.hashes[holdings.rare])


# --- topics ---------------------------------------------------------------------------------------


def topic_world(rng, *, topics=60, documents=2_000, spread=1.0, harm=0.0, strength=0.3):
    mass = 1 / np.arange(1, topics + 1)
    reference, judged = rng.multinomial(documents, mass / mass.sum(), size=2)
    tail = tail_cells(reference)
    odds = math.log(strength / (1 - strength)) + rng.normal(0, spread, topics) + harm * tail
    return judged, rng.binomial(judged, 1 / (1 + np.exp(-odds))), tail, (reference > 0) & ~tail


@pytest.mark.parametrize(("spread", "strength"), [(0.0, 0.3), (1.0, 0.3), (2.0, 0.05)])
def test_topics_that_differ_for_their_own_reasons_raise_no_more_alarms_than_the_level_says(spread, strength):
    rng, worlds = np.random.default_rng(5), 400
    alarms = 0
    for world in range(worlds):
        cost = topic_cost(*topic_world(rng, spread=spread, strength=strength), seed=world, draws=199)
        alarms += cost is not None and cost.kept.p <= LEVEL
    assert alarms / worlds <= allowed(worlds)


def test_a_filter_that_doubles_the_odds_of_rare_topics_is_found():
    rng = np.random.default_rng(6)
    found = [topic_cost(*topic_world(rng, harm=0.7, spread=0.5), seed=k, draws=199) for k in range(50)]
    assert np.mean([cost.kept.p <= LEVEL for cost in found]) > 0.8
    kept = np.mean([cost.kept.retention.estimate for cost in found])
    assert 0.7 < kept < 0.9
    assert all(cost.tail.rate.low <= cost.tail.rate.estimate <= cost.tail.rate.high for cost in found)


def test_too_few_topics_or_nothing_removed_give_no_test():
    documents, some = np.full(20, 10), np.full(20, 3)
    tail = np.arange(20) < FEWEST_TOPICS - 1
    assert topic_cost(documents, some, tail, ~tail, seed=0) is None
    tail = np.arange(20) < 10
    assert topic_cost(documents, 0 * some, tail, ~tail, seed=0) is None
    even = topic_cost(documents, some, tail, ~tail, seed=0)
    assert even.kept.p == 1
    assert even.kept.retention.estimate == 1


def test_a_topic_that_nobody_judged_has_no_vote():
    rng = np.random.default_rng(7)
    judged, removed, tail, head = topic_world(rng)
    more = [
        np.append(column, value)
        for column, value in zip((judged, removed, tail, head), (0, 0, 1, 0), strict=True)
    ]
    more[2:] = [column.astype(np.bool_) for column in more[2:]]
    assert topic_cost(*more, seed=0) == topic_cost(judged, removed, tail, head, seed=0)


# --- groups and several tests ---------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_the_upper_tail_is_the_sum_of_the_hypergeometric_terms_above_the_mean(of, data):
    marked, drawn = data.draw(st.integers(0, of)), data.draw(st.integers(0, of))
    hits = data.draw(st.integers(max(0, drawn + marked - of), min(marked, drawn)))
    exact = sum(
        math.comb(marked, k) * math.comb(of - marked, drawn - k) for k in range(hits, min(marked, drawn) + 1)
    ) / math.comb(of, drawn)
    found = at_least(hits, marked=marked, drawn=drawn, of=of)
    assert found == pytest.approx(exact) if hits * of > marked * drawn else found == 1


def test_the_upper_tail_of_large_numbers_is_exact_too():
    from scipy.stats import hypergeom  # an oracle, no dependency of the package

    for hits, marked, drawn, of in ((310_500, 1_000_000, 3_100_000, 10_000_000), (60, 100, 3_000, 10_000)):
        exact = hypergeom.sf(hits - 1, of, marked, drawn)
        assert at_least(hits, marked=marked, drawn=drawn, of=of) == pytest.approx(exact, rel=1e-5)


def test_each_group_is_told_with_its_rate_and_its_odds():
    costs = group_costs(np.array([50, 0, 50]), np.array([25, 0, 5]), np.array([0, 2]))
    assert [(cost.group, cost.rate.estimate) for cost in costs] == [(0, 0.5), (2, 0.1)]
    assert costs[0].p < 1e-4
    assert costs[1].p == 1
    assert costs[0].rate.low < 0.5 < costs[0].rate.high


# --- what does not fit ----------------------------------------------------------------------------


def test_what_does_not_fit_together_is_refused_with_what_to_do():
    holdings = holdings_of(incidence([[1, 2]]), incidence([[1], [2]]))
    yes, no = np.ones(2, np.bool_), np.zeros(2, np.bool_)
    with pytest.raises(
        DataError, match=r"2 documents are known, 3 judged and 2 removed or not\. Pass one truth"
    ):
        word_cost(holdings, np.ones(3, np.bool_), yes, seed=0)
    with pytest.raises(DataError, match=r"Document 0 was removed and not judged\. Judge what is removed"):
        word_cost(holdings, no, yes, seed=0)
    counts = np.array([3, 3])
    with pytest.raises(DataError, match=r"Pass one number for each topic, of the same documents"):
        topic_cost(counts, counts + 1, yes, no, seed=0)
    with pytest.raises(DataError, match=r"A topic is both tail and head\. Mark each"):
        topic_cost(counts, counts, yes, yes, seed=0)
    with pytest.raises(DataError, match=r"Pass one number for each group, of the same documents"):
        group_costs(counts, counts + 1, np.arange(2))
    with pytest.raises(DataError, match=r"3 of 2 marked items among 5 drawn of 10 cannot be\. Count items"):
        at_least(3, marked=2, drawn=5, of=10)
