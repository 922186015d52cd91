"""What is put back: as much as the guard asks, the best first, whatever is lazy about the search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.tail_cost import holdings_of, topic_cost, word_cost
from wellkeeper.measure.tail_restore import Goals, TopicVotes, restore


@st.composite
def cases(draw):
    row = st.lists(st.integers(0, 30), min_size=1, max_size=6)
    reference = draw(st.lists(row, min_size=2, max_size=8))
    documents = draw(st.lists(row, min_size=3, max_size=14))
    removed = np.array(draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents))))
    priority = np.array(draw(st.permutations(range(len(documents)))), np.uint64)
    holdings = holdings_of(incidence(reference), incidence(documents))
    return holdings, removed, priority


@given(cases(), st.sampled_from([0.5, 0.9, 1.0]))
def test_the_goal_is_reached_by_documents_that_were_removed_or_all_of_them_are_back(case, guard):
    holdings, removed, priority = case
    found = restore(
        holdings, np.ones_like(removed), removed, priority, Goals(guard=guard, documents=True), sample=1.0
    )
    back = found.documents
    assert len(set(back.tolist())) == len(back)
    assert removed[back].all()
    assert found.after["documents"] >= guard - 1e-12 or len(back) == removed.sum()
    left = removed.copy()
    left[back] = False
    for which, retention in ((removed, found.before), (left, found.after)):
        cost = word_cost(holdings, np.ones_like(removed), which, seed=0)
        if cost is not None:  # in a sample of all documents, retention is that of the measure
            assert retention["documents"] == pytest.approx(cost.documents_kept.retention.estimate)


@given(cases())
def test_the_lazy_search_takes_what_a_search_of_all_documents_takes(case):
    holdings, removed, priority = case
    judged = np.ones_like(removed)
    found = restore(holdings, judged, removed, priority, Goals(guard=1.0, documents=True), sample=1.0)
    left = removed.copy()
    for document in found.documents.tolist():
        have = holdings.holders(judged & ~left) > 0

        def gain(one, have=have):
            held = holdings.held[holdings.bounds[one] : holdings.bounds[one + 1]]
            return int(np.count_nonzero(holdings.rare[held] & ~have[held]))

        best = min(np.flatnonzero(left).tolist(), key=lambda one: (-gain(one), priority[one]))
        assert document == best
        left[document] = False


def test_a_sample_asks_for_documents_of_types_that_only_got_rarer():
    """In all documents no type is lost; a sample of a tenth misses those that have one holder left of eight."""
    reference = [[k] for k in range(20)]
    documents = [[k] for k in range(20) for _ in range(8)] + [[99]] * 160
    removed = np.array([place % 8 > 0 for place in range(160)] + [False] * 160)
    holdings = holdings_of(incidence(reference), incidence(documents))
    arguments = (holdings, np.ones(320, np.bool_), removed, np.arange(320).astype(np.uint64))
    goals = Goals(guard=0.9, documents=True)
    whole, sampled = restore(*arguments, goals, sample=1.0), restore(*arguments, goals, sample=0.1)
    assert whole.documents.size == 0
    assert sampled.before["documents"] < 0.5
    assert sampled.after["documents"] >= 0.9
    back = np.bincount(sampled.documents // 8, minlength=20)
    assert back.max() - back.min() <= 1  # each type comes back as far as the others


def test_topics_and_words_are_reached_together_and_what_comes_back_is_of_use():
    rng = np.random.default_rng(0)
    topic = np.repeat(np.arange(20), 20)
    tail = np.arange(20) >= 10
    documents = [(1_000 * t + rng.integers(0, 60, 30)).tolist() for t in topic]
    reference = [(1_000 * t + rng.integers(0, 60, 30)).tolist() for t in topic[::4]]
    removed = rng.random(400) < np.where(tail[topic], 0.8, 0.1)
    holdings, judged = holdings_of(incidence(reference), incidence(documents)), np.ones(400, np.bool_)
    votes = TopicVotes(of=topic, tail=tail, head=~tail)
    goals = Goals(guard=0.95, documents=True, words=True, topics=votes)
    found = restore(holdings, judged, removed, np.arange(400).astype(np.uint64), goals, sample=1.0)
    assert min(found.after.values()) >= 0.95
    assert found.before["topics"] < 0.5
    assert np.mean(tail[topic[found.documents]]) > 0.9
    removed[found.documents] = False
    cost = topic_cost(np.bincount(topic), np.bincount(topic[removed], minlength=20), tail, ~tail, seed=0)
    assert cost.kept.retention.estimate == pytest.approx(found.after["topics"])


def test_a_goal_that_slips_while_another_one_is_sought_is_sought_again():
    """Words come back with documents of common topics, which puts rare topics behind once more."""
    topic = np.repeat(np.arange(12), 10)
    tail = np.arange(12) >= 6
    documents = [
        [1_000 * place + k for k in range(4 if tail[t] else 40)] for place, t in enumerate(topic.tolist())
    ]
    removed = np.arange(120) % 2 == 0
    holdings = holdings_of(incidence(documents), incidence(documents))
    goals = Goals(guard=1.0, documents=True, topics=TopicVotes(of=topic, tail=tail, head=~tail))
    found = restore(
        holdings, np.ones(120, np.bool_), removed, np.arange(120).astype(np.uint64), goals, sample=1.0
    )
    assert min(found.after.values()) >= 1.0


def test_what_does_not_fit_together_is_refused_with_what_to_do():
    holdings = holdings_of(incidence([[1]]), incidence([[1], [1]]))
    yes, no, order = np.ones(2, np.bool_), np.zeros(2, np.bool_), np.arange(2).astype(np.uint64)
    with pytest.raises(DataError, match=r"guard is 0 and sample is 1\. Give shares above 0, up to 1"):
        restore(holdings, yes, no, order, Goals(guard=0, documents=True), sample=1)
    with pytest.raises(DataError, match=r"Document 0 was removed and not judged\. Judge what is removed"):
        restore(holdings, no, yes, order, Goals(guard=1, documents=True), sample=1)
