"""The trie of n-grams under `wellkeeper.measure.kneser_ney`, and the loops that grow, count and read it.

A node is an n-gram; its parent is the n-gram without its last word, its context; its suffix is the n-gram without its
first. Node 0 is the empty n-gram. Nodes 1 to order - 1 stand for as many words before the start of a document.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure._loops import _mixed
from wellkeeper.native import loop, part, structure

Nodes = NDArray[np.int32]

ABSENT = -1


class Trie(NamedTuple):
    """Nodes and where to find them; arrays have shape (nodes,) but for `slots`."""

    parent: Nodes
    word: Nodes  # the last word
    suffix: Nodes
    slots: Nodes  # a hash table of nodes by parent and word; its size is a power of two


class Counts(NamedTuple):
    """How often each node came; arrays have shape (nodes,)."""

    seen: Nodes  # of an n-gram of full length its tokens; of a shorter one, the distinct words seen before it
    total: Nodes  # sum of the counts of its children
    followers: Nodes  # children with a count


_TRIE = structure(Trie, "i32[:], i32[:], i32[:], i32[:]")
_READ_TRIE = structure(Trie, "const i32[:], const i32[:], const i32[:], const i32[:]")
_COUNTS = structure(Counts, "i32[:], i32[:], i32[:]")
_READ_COUNTS = structure(Counts, "const i32[:], const i32[:], const i32[:]")


def grown(offsets: NDArray[np.int64], words: Nodes, order: int) -> tuple[Trie, Nodes]:
    """The trie of all n-grams of documents, up to `order` words long, and the longest that ends at each token."""
    most = order * words.size + order
    size = 16
    while size < 2 * most:
        size *= 2
    parent, word, suffix = (np.zeros(most, np.int32) for _ in range(3))
    trie = Trie(parent, word, suffix, np.full(size, ABSENT, np.int32))
    trie.suffix[1:order] = np.arange(order - 1)
    leaves = np.empty(words.size, np.int32)
    nodes = int(_grow(offsets, words, np.empty(order, np.int32), trie, leaves))
    parent, word, suffix = (column[:nodes].copy() for column in (parent, word, suffix))
    return Trie(parent, word, suffix, trie.slots), leaves


def add(leaves: Nodes, trie: Trie, counts: Counts) -> None:
    """Count the tokens at which the n-grams `leaves` end, shape (tokens,)."""
    _add(leaves, trie, counts)


def remove(leaves: Nodes, trie: Trie, counts: Counts) -> None:
    """Undo `add`."""
    _remove(leaves, trie, counts)


class Places(NamedTuple):
    """Where the tokens of a text stand in a trie: column k is of n-grams of k + 1 words, shape (tokens, order)."""

    contexts: Nodes  # the k words before the token; ABSENT where the trie does not have them
    found: Nodes  # these and the token; ABSENT likewise


_READ_PLACES = structure(Places, "const i32[:,:], const i32[:,:]")
_PLACES = structure(Places, "i32[:,:], i32[:,:]")


def places(offsets: NDArray[np.int64], words: Nodes, order: int, trie: Trie) -> Places:
    """Find the n-grams of other documents in a trie."""
    out = Places(np.empty((words.size, order), np.int32), np.empty((words.size, order), np.int32))
    _find(offsets, words, np.empty(order, np.int32), trie, out)
    return out


def log_probabilities(
    places_: Places, counts: Counts, discount: float, vocabulary: int
) -> NDArray[np.float64]:
    """Natural logarithm of the probability of each token, shape (tokens,)."""
    out = np.empty(len(places_.found))
    _score(places_, counts, discount, vocabulary, out)
    return out


@part
def _slot(trie: Any, parent: Any, word: Any) -> Any:
    """Where the child of a node is in the hash table, or would be."""
    mask = np.uint64(trie.slots.size - 1)
    slot = _mixed((np.uint64(parent) << np.uint64(32)) | np.uint64(word)) & mask
    node = trie.slots[slot]
    while node >= 0 and (trie.parent[node] != parent or trie.word[node] != word):
        slot = (slot + np.uint64(1)) & mask
        node = trie.slots[slot]
    return slot


@loop("const i64[:], const i32[:], i32[:]", _TRIE, "i32[:]", returns="i64")
def _grow(offsets: Any, words: Any, last: Any, trie: Any, leaves: Any) -> Any:
    """`last`, shape (order,), is room for the nodes of the last 0, 1, ... words."""
    nodes = last.size
    for document in range(offsets.size - 1):
        for k in range(last.size):
            last[k] = k
        for at in range(offsets[document], offsets[document + 1]):
            word = words[at]
            suffix = 0
            for k in range(last.size):
                slot = _slot(trie, last[k], word)
                node = trie.slots[slot]
                if node < 0:
                    node = nodes
                    nodes += 1
                    trie.slots[slot] = node
                    trie.parent[node] = last[k]
                    trie.word[node] = word
                    trie.suffix[node] = suffix
                last[k] = suffix
                suffix = node
            leaves[at] = suffix
    return nodes


@loop("const i32[:]", _READ_TRIE, _COUNTS)
def _add(leaves: Any, trie: Any, counts: Any) -> Any:
    for at in range(leaves.size):
        node = leaves[at]
        while node > 0:
            context = trie.parent[node]
            counts.seen[node] += 1
            counts.total[context] += 1
            if counts.seen[node] > 1:
                break
            counts.followers[context] += 1
            node = trie.suffix[node]  # which has one more word before it


@loop("const i32[:]", _READ_TRIE, _COUNTS)
def _remove(leaves: Any, trie: Any, counts: Any) -> Any:
    for at in range(leaves.size):
        node = leaves[at]
        while node > 0:
            context = trie.parent[node]
            counts.seen[node] -= 1
            counts.total[context] -= 1
            if counts.seen[node] > 0:
                break
            counts.followers[context] -= 1
            node = trie.suffix[node]


@loop("const i64[:], const i32[:], i32[:]", _READ_TRIE, _PLACES)
def _find(offsets: Any, words: Any, last: Any, trie: Any, out: Any) -> Any:
    """`last` as in `_grow`, with ABSENT for what the trie does not have."""
    for document in range(offsets.size - 1):
        for k in range(last.size):
            last[k] = k
        for at in range(offsets[document], offsets[document + 1]):
            suffix = 0
            for k in range(last.size):
                node = -1
                if last[k] >= 0:
                    node = trie.slots[_slot(trie, last[k], words[at])]
                out.contexts[at, k] = last[k]
                out.found[at, k] = node
                last[k] = suffix
                suffix = node


@loop(_READ_PLACES, _READ_COUNTS, "f64, i64, f64[:]")
def _score(places_: Any, counts: Any, discount: Any, vocabulary: Any, out: Any) -> Any:
    for at in range(out.size):
        probability = 1.0 / vocabulary
        for k in range(places_.found.shape[1]):
            context = places_.contexts[at, k]
            # Nothing follows a context, hence nothing follows a longer one that ends in it.
            if context < 0 or counts.total[context] == 0:
                break
            node = places_.found[at, k]
            left = max(counts.seen[node] - discount, 0.0) if node >= 0 else 0.0
            probability = (left + discount * counts.followers[context] * probability) / counts.total[context]
        out[at] = np.log(probability)
