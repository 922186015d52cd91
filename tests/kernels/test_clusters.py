"""Forests: what is linked, in one normal form; and candidates compared with those who stay, no more than is due."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.kernels import clusters
from wellkeeper.kernels.clusters import Forest, edges_of, jaccard, merge, spanning_forest

# few keys, so that they repeat; with high bits that are equal and low bits that differ, and the other way round
keys = st.sampled_from([0, 1, 2, 2**63, 2**63 + 1, 2**64 - 1, 2**40, 2**40 + 5])
ids = st.integers(0, 2**62)


def forest(pairs):
    columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return Forest(columns[0].copy(), columns[1].copy())


def linked(pairs):
    """Groups by plain search: every id and the smallest one it is linked to."""
    smallest = {x: x for pair in pairs for x in pair}
    changed = True
    while changed:
        changed = False
        for a, b in pairs:
            least = min(smallest[a], smallest[b])
            changed |= smallest[a] != least or smallest[b] != least
            smallest[a] = smallest[b] = least
    return smallest


edges = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=30)


@given(st.lists(st.tuples(keys, ids), max_size=40, unique_by=lambda row: row[1]))
def test_every_document_points_at_the_smallest_with_its_key(rows):
    found = edges_of(np.array([k for k, _ in rows], np.uint64), np.array([i for _, i in rows], np.int64))
    smallest = {}
    for key, document in rows:
        smallest[key] = min(document, smallest.get(key, document))
    expected = {(document, smallest[key]) for key, document in rows if document != smallest[key]}
    assert set(zip(found.member.tolist(), found.root.tolist(), strict=True)) == expected
    assert len(found.member) == len(expected)


def test_keys_that_differ_only_in_the_bits_a_position_takes_are_told_apart():
    many = 1 << 12
    beginnings = np.repeat(np.arange(4, dtype=np.uint64) << np.uint64(62), many // 4)
    found = edges_of(beginnings | (np.arange(many, dtype=np.uint64) % np.uint64(7)), np.arange(many))
    assert len(found.member) == many - 4 * 7
    assert set(found.root.tolist()) == {quarter * (many // 4) + k for quarter in range(4) for k in range(7)}


@given(edges)
def test_a_spanning_forest_links_what_its_edges_link_and_nothing_else(pairs):
    found = spanning_forest(forest(pairs))
    truth = linked(pairs)
    assert dict(zip(found.member.tolist(), found.root.tolist(), strict=True)) == {
        x: least for x, least in truth.items() if x != least
    }
    documents, roots = found.components()
    assert dict(zip(documents.tolist(), roots.tolist(), strict=True)) == {
        x: least for x, least in truth.items() if any(x != y and truth[y] == least for y in truth)
    }


@given(edges)
def test_a_forest_has_one_normal_form(pairs):
    found = spanning_forest(forest(pairs))
    assert np.all(np.diff(found.member) > 0)
    assert not np.isin(found.root, found.member).any()
    again = spanning_forest(found)
    assert np.array_equal(again.member, found.member)
    assert np.array_equal(again.root, found.root)


@given(st.lists(edges, max_size=5), st.randoms(), st.integers(0, 5))
def test_merging_is_associative_and_knows_no_order(parts, random, cut):
    whole = spanning_forest(forest([pair for part in parts for pair in part]))
    forests = [spanning_forest(forest(part)) for part in parts]
    random.shuffle(forests)
    for merged in (merge(forests), merge([merge(forests[:cut]), merge(forests[cut:])])):
        assert np.array_equal(merged.member, whole.member)
        assert np.array_equal(merged.root, whole.root)


def test_ids_of_a_cluster_do_not_lose_their_high_bits():
    """Shard << 32 | row, on more shards than fit beside a position into one word."""
    high = [(shard << 32 | 7, (shard // 2) << 32 | 7) for shard in range(1, 2**31, 2**31 // 1_500)]
    found = spanning_forest(forest(high))
    assert dict(zip(found.member.tolist(), found.root.tolist(), strict=True)) == {
        x: least for x, least in linked(high).items() if x != least
    }


def test_nothing_is_linked_in_nothing():
    empty = edges_of(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    assert len(spanning_forest(empty).member) == len(merge([]).member) == 0
    assert [len(column) for column in merge([]).components()] == [0, 0]


sets = st.sets(st.integers(0, 40), min_size=1, max_size=40)


@given(sets, sets, st.floats(0.3, 1))
def test_stopping_early_never_changes_who_is_alike(a, b, similarity):
    hashes = np.array([*sorted(a), *sorted(b)], np.uint64)
    starts, sizes = np.array([0, len(a)]), np.array([len(a), len(b)])
    survivor, score, tally = np.zeros(2, np.int64), np.zeros(2), np.zeros(1, np.int64)
    clusters.verify_throughout(
        np.arange(2), np.zeros(2, np.int64), np.zeros(2, np.uint8), starts, sizes, hashes, similarity, np.zeros(2, np.int64),
        survivor, score, tally,
    )  # fmt: skip
    truth = len(a & b) / len(a | b)
    assert survivor.tolist() == [-1, 0 if truth >= similarity else -1]
    assert score[1] == (pytest.approx(truth) if truth >= similarity else 0)
    assert jaccard(np.array(sorted(a), np.uint64), np.array(sorted(b), np.uint64)) == pytest.approx(truth)


@given(
    st.lists(st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=60), min_size=2, max_size=2),
    st.integers(1, 6),
)
def test_marks_differ_in_no_more_bits_than_sets_in_members(both, words):
    hashes = np.array([x for members in both for x in sorted(members)], np.uint64)
    sizes = np.array([len(members) for members in both])
    marks = np.zeros((2, words), np.uint64)
    clusters.mark_sets(np.arange(2), np.array([0, sizes[0]]), sizes, hashes, marks)
    apart = int(np.bitwise_count(marks[0] ^ marks[1]).sum())
    assert apart <= len(both[0] ^ both[1])
    assert (len(both[0] ^ both[1]) - apart) % 2 == 0
