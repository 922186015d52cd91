"""Groups of documents from equal keys, and duplicates verified against the one that stays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop, part


@part
def _root(parent: Any, x: Any) -> Any:
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@loop("i64[:], const u64[:], const i64[:]")
def union_equal(parent: Any, keys: Any, order: Any) -> Any:
    """Join documents whose keys are equal; `order` sorts `keys`, both shape (documents,).

    `parent` is a forest in which the smallest document of a tree is its root, so that the result does not
    depend on the order of the joins. Each run of equal keys gives a star to its smallest member, not pairs.
    """
    start = 0
    for at in range(1, order.size + 1):
        if at < order.size and keys[order[at]] == keys[order[start]]:
            continue
        if at - start > 1:
            smallest = order[start]
            for k in range(start + 1, at):
                smallest = min(smallest, order[k])
            for k in range(start, at):
                a, b = _root(parent, order[k]), _root(parent, smallest)
                if a < b:
                    parent[b] = a
                elif b < a:
                    parent[a] = b
        start = at


@loop("i64[:]")
def flatten(parent: Any) -> Any:
    """Point every document straight at the root of its tree."""
    for x in range(parent.size):
        parent[x] = _root(parent, x)


@part
def _jaccard(a: Any, a_start: Any, a_size: Any, b: Any, b_start: Any, b_size: Any) -> Any:
    i, j, both = a_start, b_start, 0
    a_end, b_end = a_start + a_size, b_start + b_size
    while i < a_end and j < b_end:
        x, y = a[i], b[j]
        both += x == y
        i += x <= y
        j += y <= x
    union = a_size + b_size - both
    return both / union if union else 0.0


def jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """|a and b| / |a or b| of two ascending sets, in [0, 1]; 0 where both are empty.

    >>> jaccard(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64))
    0.5
    """
    return float(_jaccard_of(a, b))


@loop("const u64[:], const u64[:]", returns="f64")
def _jaccard_of(a: Any, b: Any) -> Any:
    return _jaccard(a, 0, a.size, b, 0, b.size)


@loop(
    "const i64[:], const i64[:], const u64[:,:], const i64[:], const i64[:], const u64[:], "
    "f64, i64, i64[:], i64[:], f64[:], i64[:]"
)
def verify_against_survivors(
    order: Any, component: Any, keys: Any, starts: Any, sizes: Any, hashes: Any,
    similarity: Any, small: Any, kept: Any, survivor: Any, score: Any, tally: Any,
) -> Any:  # fmt: skip
    """Decide, in each component, who stays; everyone else names the survivor it was compared with.

    `order` lists candidates so that components are contiguous and, inside one, those to be kept come
    first. A candidate goes only if its own exact Jaccard similarity with a document already kept reaches
    `similarity`; it is never dropped for being connected through a third. Candidates are compared where
    they share a band, and throughout in components of at most `small` members, where that is cheap.

    Fills `survivor` (position of the survivor, -1 to stay) and `score` (its similarity) per candidate;
    `tally[0]` counts exact comparisons; `kept`, shape (len(order),), is room to work in.
    """
    begin = 0
    while begin < order.size:
        end = begin
        while end < order.size and component[order[end]] == component[order[begin]]:
            end += 1
        survivors = 0
        for at in range(begin, end):
            x = order[at]
            survivor[x] = -1
            score[x] = 0.0
            for k in range(survivors):
                y = kept[k]
                low, high = min(sizes[x], sizes[y]), max(sizes[x], sizes[y])
                if low / high < similarity:
                    continue
                shared = end - begin <= small
                b = 0
                while not shared and b < keys.shape[0]:
                    shared = keys[b, x] == keys[b, y]
                    b += 1
                if not shared:
                    continue
                tally[0] += 1
                value = _jaccard(hashes, starts[x], sizes[x], hashes, starts[y], sizes[y])
                if value >= similarity:
                    survivor[x] = y
                    score[x] = value
                    break
            if survivor[x] < 0:
                kept[survivors] = x
                survivors += 1
        begin = end
