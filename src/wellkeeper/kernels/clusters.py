"""Groups of documents from equal keys, and duplicates verified against the one that stays.

Documents with equal keys become the star edges of a forest: each points at the smallest document of its group.
`edges_of`, `spanning_forest` and `merge` are pure and small enough to be tasks of their own: keys may be split by
value and columns joined one at a time, on one machine or many. A forest has one normal form, so that the result
of a merge is the same, bit for bit, whatever the order of its parts.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop, part


class Forest(NamedTuple):
    """Trees of height one: `member[k]` belongs to `root[k]`, the smallest document of its tree.

    Both have shape (edges,); as the result of `spanning_forest` members are ascending and without repeats, and
    no root is a member. A document that nothing links is in neither.
    """

    member: NDArray[np.int64]
    root: NDArray[np.int64]

    def components(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every linked document, ascending, and the root of each (a root is its own)."""
        roots = np.sort(self.root)
        roots = roots[_firsts(roots)]
        documents = np.concatenate((self.member, roots))
        order = _ordered(documents)
        return documents[order], np.concatenate((self.root, roots))[order]


def edges_of(keys: NDArray[np.uint64], ids: NDArray[np.int64]) -> Forest:
    """Star edges from each document to the smallest one with the same key; linear in documents, not in pairs.

    `keys` and `ids` have shape (documents,), ids are 0 or more. Members are in the order of their keys.
    """
    member, root = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    # Sorting words that end with the position is several times faster than finding the order of the keys. The
    # bits it costs are made good by comparing whole keys where their beginnings are equal.
    words = _with_positions(keys)
    words.sort()
    low = (1 << _position_bits(len(keys))) - 1
    count = _star_edges(words, low, np.ascontiguousarray(keys), np.ascontiguousarray(ids), member, root)
    return Forest(member[:count].copy(), root[:count].copy())


def spanning_forest(edges: Forest) -> Forest:
    """The least edges that link what `edges`, in any order and with repeats, link; in normal form.

    Memory and time depend on the edges alone and not on how many documents there are.
    """
    ends = np.concatenate(edges)
    distinct, labels = _dense(ends)
    parent = np.arange(len(distinct), dtype=np.int64)
    _join(parent, labels[: len(edges.member)], labels[len(edges.member) :])
    below = np.flatnonzero(parent != np.arange(len(parent)))
    return Forest(distinct[below], distinct[parent[below]])


def merge(forests: Iterable[Forest]) -> Forest:
    """One forest for what any of these link; associative, and the same for every order of its arguments."""
    members, roots = zip(NO_EDGES, *forests, strict=True)
    return spanning_forest(Forest(np.concatenate(members), np.concatenate(roots)))


NO_EDGES = Forest(np.zeros(0, np.int64), np.zeros(0, np.int64))


def _dense(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct values, ascending, and the place of each value among them."""
    order = _ordered(values)
    ordered = values[order]
    new = _firsts(ordered)
    labels = np.empty(len(values), np.int64)
    labels[order] = np.cumsum(new) - 1
    return ordered[new], labels


def _firsts(ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a value stands that the one before it is not."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def _ordered(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that sort the values, each 0 or more; equal values in order of position."""
    bits = _position_bits(len(values))
    if int(values.max(initial=0)).bit_length() + bits > 64:
        return np.argsort(values, kind="stable")
    words = values.astype(np.uint64) << np.uint64(bits)
    words |= np.arange(len(values), dtype=np.uint64)
    words.sort()
    words &= np.uint64((1 << bits) - 1)
    return words.view(np.int64)


def _with_positions(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each key with its own position in place of its lowest bits."""
    bits = _position_bits(len(keys))
    words: NDArray[np.uint64] = keys & np.uint64(~((1 << bits) - 1) & (1 << 64) - 1)
    words |= np.arange(len(keys), dtype=np.uint64)
    return words


def _position_bits(count: int) -> int:
    return max(0, count - 1).bit_length()


@loop("u64[:], u64, const u64[:], const i64[:], i64[:], i64[:]", returns="i64")
def _star_edges(words: Any, low: Any, keys: Any, ids: Any, member: Any, root: Any) -> Any:
    """Star edges of equal keys; returns their number.

    `words` is `_with_positions(keys)`, sorted, and is used up; `low` has the bits in which a position stands.
    """
    count = 0
    start = 0
    while start < words.size:
        end = start + 1
        while end < words.size and words[end] | low == words[start] | low:
            end += 1
        # Nearly always one key; where several begin alike, each is moved to the front in its turn.
        while end - start > 1:
            key = keys[np.int64(words[start] & low)]
            smallest = ids[np.int64(words[start] & low)]
            same = start
            for k in range(start, end):
                at = np.int64(words[k] & low)
                if keys[at] == key:
                    words[k], words[same] = words[same], words[k]
                    smallest = min(smallest, ids[at])
                    same += 1
            for k in range(start, same):
                x = ids[np.int64(words[k] & low)]
                if x != smallest:
                    member[count] = x
                    root[count] = smallest
                    count += 1
            start = same
        start = end
    return count


@part
def _root(parent: Any, x: Any) -> Any:
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@loop("i64[:], const i64[:], const i64[:]")
def _join(parent: Any, left: Any, right: Any) -> Any:
    """Unite the trees of each pair, then point everyone straight at their root, the smallest of the tree."""
    for k in range(left.size):
        a, b = _root(parent, left[k]), _root(parent, right[k])
        if a < b:
            parent[b] = a
        elif b < a:
            parent[a] = b
    for x in range(parent.size):
        parent[x] = _root(parent, x)


@part
def _jaccard(a: Any, a_start: Any, a_size: Any, b: Any, b_start: Any, b_size: Any, least: Any) -> Any:
    """Similarity of two ascending sets; -1 as soon as they cannot have `least` members in common."""
    i, j, both = 0, 0, 0
    while i < a_size and j < b_size:
        x, y = a[a_start + i], b[b_start + j]
        both += x == y
        i += x <= y
        j += y <= x
        if i - both > a_size - least or j - both > b_size - least:
            return -1.0
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
    return _jaccard(a, 0, a.size, b, 0, b.size, 0)


@part
def _least(a_size: Any, b_size: Any, similarity: Any) -> Any:
    """Members that sets of these sizes must have in common; more than either has where their sizes rule it out."""
    low, high = min(a_size, b_size), max(a_size, b_size)
    if low / high < similarity:
        return high + 1
    # J >= s means at least s (|a| + |b|) / (1 + s) members in common; one less, since the quotient is rounded.
    return np.int64(similarity * (low + high) / (1.0 + similarity)) - 1


@part
def _compared(hashes: Any, starts: Any, sizes: Any, x: Any, y: Any, similarity: Any, tally: Any) -> Any:
    """Similarity of two candidates if it reaches `similarity`, else -1; counts what was compared member by member."""
    least = _least(sizes[x], sizes[y], similarity)
    if least > max(sizes[x], sizes[y]):
        return -1.0
    tally[0] += 1
    value = _jaccard(hashes, starts[x], sizes[x], hashes, starts[y], sizes[y], least)
    return value if value >= similarity else -1.0


COMPARED, GIVEN, ASKED = np.uint8(0), np.uint8(1), np.uint8(2)
"""What becomes of a candidate: it is compared, and others with it if it stays; it stays, come what may; or it is
compared, and nobody with it."""


@loop(
    "const i64[:], const i64[:], const u8[:], const i64[:], const i64[:], const u64[:], f64, i64[:], i64[:], f64[:], "
    "i64[:]"
)
def verify_throughout(
    order: Any, component: Any, role: Any, starts: Any, sizes: Any, hashes: Any, similarity: Any, kept: Any,
    survivor: Any, score: Any, tally: Any,
) -> Any:  # fmt: skip
    """Decide, in each component, who stays; everyone else names the survivor it was compared with.

    `order` lists candidates so that components are contiguous and, inside one, those to be kept come first. A
    candidate goes only if its own exact Jaccard similarity with one already kept reaches `similarity`, the first
    such in `order`; it is never dropped for being connected through a third. `role` says who is compared.

    Fills `survivor` (the survivor's candidate, -1 to stay) and `score` (its similarity) per candidate; `tally[0]`
    counts exact comparisons; `kept`, shape (len(order),), is room to work in.
    """
    survivors = 0
    for at in range(order.size):
        x = order[at]
        if at == 0 or component[x] != component[order[at - 1]]:
            survivors = 0
        survivor[x] = -1
        score[x] = 0.0
        for k in range(survivors if role[x] != GIVEN else 0):
            value = _compared(hashes, starts, sizes, x, kept[k], similarity, tally)
            if value >= 0:
                survivor[x] = kept[k]
                score[x] = value
                break
        if survivor[x] < 0 and role[x] != ASKED:
            kept[survivors] = x
            survivors += 1


@loop("const i64[:], const i64[:], const i64[:], const u64[:], u64[:,:]")
def mark_sets(order: Any, starts: Any, sizes: Any, hashes: Any, marks: Any) -> Any:
    """The parity of how many members of each set fall on each bit of its row of `marks`, which starts as noughts.

    Each member that only one of two sets has changes one bit, so that their rows differ in no more bits than the
    sets in members: a bound that costs a few instructions [1].

    [1] Sandes, Teodoro and Melo, Bitmap filter: speeding up exact set similarity joins with bitwise operations,
        Information Systems 88 (2020) 101449, arXiv:1711.07295.
    """
    bits = np.uint64(64 * marks.shape[1])
    for at in range(order.size):
        x = order[at]
        for k in range(starts[x], starts[x] + sizes[x]):
            bit = hashes[k] % bits
            marks[at, np.int64(bit >> np.uint64(6))] ^= np.uint64(1) << (bit & np.uint64(63))


@part
def _ones(word: Any) -> Any:
    """Bits that are set (Warren, Hacker's Delight, 2nd ed., figure 5-2)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@part
def _may_be_alike(marks: Any, a: Any, b: Any, apart: Any) -> Any:
    """Whether the rows a and b of the marks differ in at most `apart` bits."""
    differ = 0
    for k in range(marks.shape[1]):
        differ += _ones(marks[a, k] ^ marks[b, k])
    return differ <= apart


@loop(
    "const i64[:], const i32[:,:], const u64[:,:], const u8[:], i64[:], i64[:], i32[:], i64[:], const i64[:], "
    "const i64[:], const u64[:], f64, i64[:], f64[:], i64[:]"
)
def verify_where_shared(
    order: Any, shared: Any, marks: Any, role: Any, first: Any, end: Any, lists: Any, cursor: Any, starts: Any,
    sizes: Any, hashes: Any, similarity: Any, survivor: Any, score: Any, tally: Any,
) -> Any:  # fmt: skip
    """The same as `verify_throughout`, but only candidates that share a key, and whose marks allow it, are compared.

    `shared[k, b]` numbers the key of `order[k]` in band b among the keys that several of `order` have, -1 for a key
    of its own. The survivors with key g stand in `lists[first[g]:end[g]]`, in the order in which they came; `end`
    starts as a copy of `first`, and there is room for all who have the key. A candidate visits the lists of its
    keys side by side, so that it meets each survivor once and in `order`. `cursor`, shape (bands,), is room.
    `marks` are those of `mark_sets`.
    """
    bands = shared.shape[1]
    for at in range(order.size):
        x = order[at]
        survivor[x] = -1
        score[x] = 0.0
        for b in range(bands):
            g = shared[at, b]
            cursor[b] = first[g] if g >= 0 else -1
        while survivor[x] < 0 and role[x] != GIVEN:
            nearest = order.size
            for b in range(bands):
                if cursor[b] >= 0 and cursor[b] < end[shared[at, b]]:
                    nearest = min(nearest, np.int64(lists[cursor[b]]))
            if nearest == order.size:
                break
            for b in range(bands):
                if cursor[b] >= 0 and cursor[b] < end[shared[at, b]] and lists[cursor[b]] == nearest:
                    cursor[b] += 1
            y = order[nearest]
            apart = sizes[x] + sizes[y] - 2 * _least(sizes[x], sizes[y], similarity)
            if not _may_be_alike(marks, at, nearest, apart):
                continue
            value = _compared(hashes, starts, sizes, x, y, similarity, tally)
            if value >= 0:
                survivor[x] = y
                score[x] = value
        if survivor[x] < 0 and role[x] != ASKED:
            for b in range(bands):
                g = shared[at, b]
                if g >= 0:
                    lists[end[g]] = at
                    end[g] += 1
