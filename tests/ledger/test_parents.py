"""Generation depth: 1 more than the deepest parent, against a plain recursive definition."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.lineage import DEEPEST, UNKNOWN_DEPTH, depth_in, parents_in, sha256_in
from wellkeeper.ledger.parents import Descent, depths_of

NOBODY = UNKNOWN_DEPTH


def descent(edges, depths=None):
    child, parent = np.array(edges, np.int64).reshape(-1, 2).T.copy()
    given = np.full(len(child), NOBODY, np.uint8) if depths is None else np.array(depths, np.uint8)
    return Descent(child=child, parent=parent, depth=given)


def by_definition(alone, edges, given_depths, human):
    """Depth of each document straight from the words: parents first, circles unknown."""
    parents = {k: [] for k in range(len(alone))}
    for (child, parent), depth in zip(edges, given_depths, strict=True):
        parents[child].append((parent, depth))
    circular = {k for k in parents if not human[k] and leads_back(k, parents, human)}

    def depth_of(k):
        if k in circular:
            return NOBODY
        if human[k] or not parents[k]:
            return alone[k]
        theirs = [depth if parent < 0 else depth_of(parent) for parent, depth in parents[k]]
        return alone[k] if NOBODY in theirs else min(max(theirs) + 1, DEEPEST)

    return [depth_of(k) for k in parents], sorted(circular)


def leads_back(start, parents, human):
    """Whether following parents from a document comes to a circle."""
    path, seen = [(start, iter(parents[start]))], {start}
    while path:
        node, rest = path[-1]
        step = next((p for p, _ in rest if p >= 0 and not human[p]), None)
        if step is None:
            path.pop()
            seen.discard(node)
        elif step in seen:
            return True
        else:
            path.append((step, iter(parents[step])))
            seen.add(step)
    return False


@st.composite
def families(draw):
    size = draw(st.integers(1, 8))
    human = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    said = draw(st.lists(st.sampled_from([0, 1, 5, 254, NOBODY]), min_size=size, max_size=size))
    alone = [0 if h else d for h, d in zip(human, said, strict=True)]
    edge = st.tuples(st.integers(0, size - 1), st.integers(-1, size - 1))
    edges = draw(st.lists(edge, max_size=12, unique=True))
    depths = [draw(st.sampled_from([0, 3, 254, NOBODY])) if parent < 0 else NOBODY for _, parent in edges]
    return alone, edges, depths, human


@given(families())
def test_depths_are_those_of_the_definition_whatever_the_order_of_edges(family):
    alone, edges, depths, human = family
    expected = by_definition(alone, edges, depths, human)
    for order in (slice(None), slice(None, None, -1)):
        found = depths_of(
            np.array(alone, np.uint8), descent(edges[order], depths[order]), human=np.array(human, np.bool_)
        )
        assert (found.depth.tolist(), found.circular.tolist()) == expected


@pytest.mark.parametrize("length", [1, 253, 254, 255, 400])
def test_a_long_line_of_models_stops_at_the_deepest(length):
    alone = np.array([0, *[NOBODY] * length], np.uint8)
    found = depths_of(alone, descent([(k + 1, k) for k in range(length)]), human=alone == 0)
    assert found.depth.tolist() == [min(k, DEEPEST) for k in range(length + 1)]


def test_a_million_generations_take_no_stack_and_no_long_time():
    size = 1_000_000
    alone = np.full(size, NOBODY, np.uint8)
    alone[0] = 0
    line = Descent(
        child=np.arange(1, size), parent=np.arange(size - 1), depth=np.full(size - 1, NOBODY, np.uint8)
    )
    depths_of(alone[:2], descent([(1, 0)]), human=alone[:2] == 0)  # compiled
    begun = time.process_time()
    found = depths_of(alone, line, human=alone == 0)
    assert time.process_time() - begun < 5
    assert found.depth[-1] == DEEPEST
    ring = Descent(
        child=np.arange(size), parent=np.roll(np.arange(size), 1), depth=np.full(size, NOBODY, np.uint8)
    )
    everyone = depths_of(np.full(size, NOBODY, np.uint8), ring, human=np.zeros(size, np.bool_))
    assert len(everyone.circular) == size


def test_what_a_document_says_itself_counts_where_its_parents_do_not_tell():
    alone = np.array([3, 2], np.uint8)
    human = np.zeros(2, np.bool_)
    assert depths_of(alone, descent([(0, -1)], [NOBODY]), human=human).depth.tolist() == [3, 2]
    assert depths_of(alone, descent([(0, 1)]), human=human).depth.tolist() == [3, 2]
    assert depths_of(alone, descent([(1, -1), (0, 1)], [0, NOBODY]), human=human).depth.tolist() == [2, 1]
    assert depths_of(alone, descent([]), human=human).depth.tolist() == [3, 2]


def test_names_of_parents_and_depths_are_read_as_people_write_them():
    digest = "ab" * 32
    assert parents_in(f'["a", null, 3, "{digest}"]') == ("a", "3", digest)
    assert parents_in("[a, b") == ("[a", "b")
    assert parents_in(None) == parents_in("[]") == ()
    assert sha256_in(f"sha256:{digest}") == sha256_in(digest) == bytes.fromhex(digest)
    assert sha256_in("xy" * 32) is sha256_in("a") is None
    assert [depth_in(text) for text in ("0", "1.0", "999", "1" * 50, None, "-1", "1.5", "²")] == [
        0, 1, DEEPEST, DEEPEST, NOBODY, None, None, None,
    ]  # fmt: skip
