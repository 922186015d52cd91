"""The trie of n-grams under `wellkeeper.measure.kneser_ney`, and the loops that grow, count, read and sample it.

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

    seen: Nodes  # its tokens; or, of a shorter n-gram than the longest, the distinct words seen before it
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


class Rule(NamedTuple):
    """What a model makes of its counts; `wellkeeper.measure.kneser_ney` says which rule is whose."""

    discount: float  # taken from every count, for what shorter contexts say
    floor: float  # share of the distribution of single words that is even over the vocabulary
    vocabulary: int
    by_token: int  # 1: shorter n-grams count their tokens; 0: the distinct words before them


def add(leaves: Nodes, trie: Trie, counts: Counts, rule: Rule) -> None:
    """Count the tokens at which the n-grams `leaves` end, shape (tokens,)."""
    _add(leaves, trie, counts, rule.by_token)


def remove(leaves: Nodes, trie: Trie, counts: Counts, rule: Rule) -> None:
    """Undo `add`."""
    _remove(leaves, trie, counts, rule.by_token)


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


def log_probabilities(places_: Places, counts: Counts, rule: Rule) -> NDArray[np.float64]:
    """Natural logarithm of the probability of each token, shape (tokens,)."""
    out = np.empty(len(places_.found))
    _score(places_, counts, rule, out)
    return out


class Mixtures(NamedTuple):
    """What follows each context: one of its own children, or else a word of the mixture of its suffix.

    Below single words it is any word of the vocabulary, all equally likely.
    """

    bounds: NDArray[np.int64]  # shape (nodes + 1,): node n is followed by children[bounds[n]:bounds[n + 1]]
    children: Nodes  # shape (children,): by falling probability where mixtures are `ranked`
    upto: NDArray[np.float64]  # shape (children,): probability of the child or of one before it
    likely: NDArray[np.float64]  # shape (nodes,): log p(word | parent), the whole of it, at temperature 1
    rest: NDArray[np.float64]  # shape (nodes,): log of the share that its suffix decides, likewise
    mass: NDArray[np.float64]  # shape (nodes,): log of the sum of all p(word | context) ** (1 / temperature)


_MIXTURES = structure(Mixtures, "i64[:], i32[:], f64[:], f64[:], f64[:], f64[:]")
_READ_MIXTURES = structure(
    Mixtures, "const i64[:], const i32[:], const f64[:], const f64[:], const f64[:], const f64[:]"
)


def mixtures(trie: Trie, counts: Counts, rule: Rule, *, temperature: float, ranked: bool) -> Mixtures:
    """The distributions p ** (1 / temperature), made to sum to 1.

    With q the probability of a word after the shorter context times the share that it decides, a child's own part of
    p ** (1 / temperature) is p ** (1 / temperature) - q ** (1 / temperature), and that of the shorter context the
    rest: a mixture of the same shape at every temperature, whose parts are never negative.
    """
    nodes = trie.parent.size
    bounds = np.zeros(nodes + 1, np.int64)
    children = np.empty(np.count_nonzero(counts.seen), np.int32)
    _arrange(trie, counts, bounds, children)
    found = Mixtures(bounds, children, np.empty(children.size), *(np.full(nodes, -np.inf) for _ in range(3)))
    _mix(trie, counts, rule, 1.0 / temperature, found)
    if ranked:
        children[:] = children[
            np.lexsort((trie.word[children], -found.likely[children], trie.parent[children]))
        ]
        _mix(trie, counts, rule, 1.0 / temperature, found)
    return found


class Choice(NamedTuple):
    """Among which words of a mixture one is drawn: the likeliest, and of equally likely ones the first by number."""

    power: float  # 1 / temperature
    most: int  # words
    mass: float  # share of the sum of p ** power of these words that is enough


def sampled(
    offsets: NDArray[np.int64],
    trie: Trie,
    mixtures_: Mixtures,
    rule: Rule,
    choice: Choice,
    *,
    order: int,
    seed: int,
) -> Nodes:
    """Words of new documents. Mixtures have the temperature of the choice, and are ranked where it is not of all."""
    out = np.empty(int(offsets[-1]), np.int32)
    is_of_all = choice.most >= rule.vocabulary and choice.mass >= 1
    nodes, room = (0, 0) if is_of_all else (trie.parent.size, min(choice.most, rule.vocabulary))
    limits = Limits(
        likely=np.full(nodes, np.nan),
        word=np.empty(nodes, np.int32),
        upto=np.empty(room),
        likely_of=np.empty(room),
        word_of=np.empty(room, np.int32),
        level_of=np.full(rule.vocabulary if nodes else 0, order, np.int32),
    )
    heads = Heads(
        contexts=np.empty(order, np.int32),
        at=np.empty(order, np.int64),
        share=np.empty(order),
        likely=np.empty(order),
    )
    last, state = np.empty(order, np.int32), np.array([seed], np.uint64)
    _sample(offsets, trie, mixtures_, rule, choice, limits, heads, last, state, out)
    return out


class Limits(NamedTuple):
    """The last of the words that may follow each context, shape (nodes,), and room to find it, shape (most,)."""

    likely: NDArray[np.float64]  # its logarithmic probability; NaN until the context comes up
    word: Nodes
    upto: NDArray[np.float64]  # sum of p ** power of the likeliest words, relative to all words
    likely_of: NDArray[np.float64]
    word_of: Nodes
    level_of: Nodes  # shape (vocabulary,): the longest context that each word follows; `order` for none


class Heads(NamedTuple):
    """The likeliest words after a context and after its suffixes that were not taken yet, shape (order,)."""

    contexts: Nodes  # longest first
    at: NDArray[np.int64]  # place in the children of each context
    share: NDArray[np.float64]  # log of what longer contexts leave to each
    likely: NDArray[np.float64]  # log probability of each head; -inf where the children are all taken


_RULE = structure(Rule, "f64, f64, i64, i64")
_CHOICE = structure(Choice, "f64, i64, f64")
_LIMITS = structure(Limits, "f64[:], i32[:], f64[:], f64[:], i32[:], i32[:]")
_HEADS = structure(Heads, "i32[:], i64[:], f64[:], f64[:]")


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


@part
def _child(trie: Any, parent: Any, word: Any) -> Any:
    """The node of a word after a node; ABSENT where there is none, or no such node."""
    node = -1
    if parent >= 0:
        node = trie.slots[_slot(trie, parent, word)]
    return node


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


@loop("const i32[:]", _READ_TRIE, _COUNTS, "i64")
def _add(leaves: Any, trie: Any, counts: Any, by_token: Any) -> Any:
    for at in range(leaves.size):
        node = leaves[at]
        while node > 0:
            context = trie.parent[node]
            counts.seen[node] += 1
            counts.total[context] += 1
            if counts.seen[node] == 1:
                counts.followers[context] += 1
            elif not by_token:
                break
            node = trie.suffix[node]  # which has one more word before it


@loop("const i32[:]", _READ_TRIE, _COUNTS, "i64")
def _remove(leaves: Any, trie: Any, counts: Any, by_token: Any) -> Any:
    for at in range(leaves.size):
        node = leaves[at]
        while node > 0:
            context = trie.parent[node]
            counts.seen[node] -= 1
            counts.total[context] -= 1
            if counts.seen[node] == 0:
                counts.followers[context] -= 1
            elif not by_token:
                break
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
                node = _child(trie, last[k], words[at])
                out.contexts[at, k] = last[k]
                out.found[at, k] = node
                last[k] = suffix
                suffix = node


@loop(_READ_PLACES, _READ_COUNTS, _RULE, "f64[:]")
def _score(places_: Any, counts: Any, rule: Any, out: Any) -> Any:
    for at in range(out.size):
        probability = 1.0 / rule.vocabulary
        floor = rule.floor
        for k in range(places_.found.shape[1]):
            context = places_.contexts[at, k]
            # Nothing follows a context, hence nothing follows a longer one that ends in it.
            if context < 0 or counts.total[context] == 0:
                break
            node = places_.found[at, k]
            left = max(counts.seen[node] - rule.discount, 0.0) if node >= 0 else 0.0
            shorter = rule.discount * counts.followers[context] * probability
            probability = floor * probability + (1.0 - floor) * ((left + shorter) / counts.total[context])
            floor = 0.0
        out[at] = np.log(probability)


@loop(_READ_TRIE, _READ_COUNTS, "i64[:], i32[:]")
def _arrange(trie: Any, counts: Any, bounds: Any, children: Any) -> Any:
    """`bounds` holds zeros. Children are in the order of their numbers."""
    for node in range(counts.seen.size):
        if counts.seen[node] > 0:
            bounds[trie.parent[node] + 1] += 1
    for node in range(counts.seen.size):
        bounds[node + 1] += bounds[node]
    for node in range(counts.seen.size):
        if counts.seen[node] > 0:
            # Each bound runs through its children, and ends where those of the next node begin.
            children[bounds[trie.parent[node]]] = node
            bounds[trie.parent[node]] += 1
    for node in range(counts.seen.size, 0, -1):
        bounds[node] = bounds[node - 1]
    bounds[0] = 0


@loop(_READ_TRIE, _READ_COUNTS, _RULE, "f64", _MIXTURES)
def _mix(trie: Any, counts: Any, rule: Any, power: Any, out: Any) -> Any:
    for context in range(counts.total.size):  # a suffix has a smaller number than its n-gram
        first, end = out.bounds[context], out.bounds[context + 1]
        if first == end and context > 0:
            continue
        rest = rule.discount * counts.followers[context] / counts.total[context] if first < end else 1.0
        if context == 0:
            rest = rule.floor + (1.0 - rule.floor) * rest
        out.rest[context] = np.log(rest)
        even = -np.log(np.float64(rule.vocabulary))
        shorter_mass = (1.0 - power) * -even if context == 0 else out.mass[trie.suffix[context]]
        backed_off = power * out.rest[context] + shorter_mass if rest > 0 else -np.inf
        most = backed_off
        for at in range(first, end):
            node = out.children[at]
            shorter = rest * np.exp(even if context == 0 else out.likely[trie.suffix[node]])
            own = (counts.seen[node] - rule.discount) / counts.total[context]
            if context == 0:
                own *= 1.0 - rule.floor
            out.likely[node] = np.log(own + shorter)
            # p ** power - shorter ** power, in logarithms, since a cold one is too small for a float
            parts = power * (np.log(shorter) - out.likely[node]) if shorter > 0 else -np.inf
            out.upto[at] = power * out.likely[node] + np.log(-np.expm1(parts))
            most = max(most, out.upto[at])
        total = 0.0
        for at in range(first, end):
            total += np.exp(out.upto[at] - most)
            out.upto[at] = total
        total += np.exp(backed_off - most)
        out.mass[context] = most + np.log(total)
        for at in range(first, end):
            out.upto[at] /= total


@part
def _uniform(state: Any) -> Any:
    """A number in [0, 1), the next of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(_mixed(state[0]) >> np.uint64(11)) * 2.0**-53


@part
def _followed(last: Any, mixtures_: Any) -> Any:
    """The longest of the last contexts that anything follows; the empty one at least."""
    k = last.size - 1
    while k > 0 and (last[k] < 0 or mixtures_.bounds[last[k]] == mixtures_.bounds[last[k] + 1]):
        k -= 1
    return k


@part
def _first_above(upto: Any, first: Any, end: Any, value: Any) -> Any:
    """Where in [first, end) the ascending numbers first exceed a value; `end` if nowhere."""
    while first < end:
        middle = (first + end) // 2
        if upto[middle] > value:
            end = middle
        else:
            first = middle + 1
    return first


@part
def _follow(trie: Any, last: Any, word: Any) -> Any:
    """Move on by a word."""
    suffix = 0
    for k in range(last.size):
        node = _child(trie, last[k], word)
        last[k] = suffix
        suffix = node


@part
def _drawn(trie: Any, mixtures_: Any, rule: Any, context: Any, state: Any) -> Any:
    """A word from the mixture of a context."""
    while True:
        end = mixtures_.bounds[context + 1]
        found = _first_above(mixtures_.upto, mixtures_.bounds[context], end, _uniform(state))
        if found < end:
            return np.int64(trie.word[mixtures_.children[found]])
        if context == 0:
            return np.int64(_uniform(state) * rule.vocabulary)
        context = trie.suffix[context]


@part
def _start(trie: Any, mixtures_: Any, context: Any, levels: Any, heads: Any) -> Any:
    """Put a head on a context and on all its suffixes."""
    share = 0.0
    for level in range(levels):
        heads.contexts[level] = context
        heads.at[level] = mixtures_.bounds[context]
        heads.share[level] = share
        share += mixtures_.rest[context]
        context = trie.suffix[context]


@part
def _likely(trie: Any, mixtures_: Any, rule: Any, heads: Any, levels: Any, word: Any) -> Any:
    """Logarithmic probability of a word after the longest context that has a head."""
    for level in range(levels):
        node = _child(trie, heads.contexts[level], word)
        if node >= 0:
            return heads.share[level] + mixtures_.likely[node]
    return heads.share[levels - 1] + mixtures_.rest[0] - np.log(np.float64(rule.vocabulary))


@part
def _mark(trie: Any, mixtures_: Any, heads: Any, levels: Any, level_of: Any, unmark: Any) -> Any:
    """Note for each word that follows a context longer than the empty one the longest that it follows; or undo it."""
    for back in range(levels - 1):
        level = levels - 2 - back
        context = heads.contexts[level]
        for at in range(mixtures_.bounds[context], mixtures_.bounds[context + 1]):
            level_of[trie.word[mixtures_.children[at]]] = heads.contexts.size if unmark else level


@part
def _settle(trie: Any, mixtures_: Any, heads: Any, level: Any, level_of: Any) -> Any:
    """Move a head to the next word that no longer context has, for such a word has its whole probability there."""
    end = mixtures_.bounds[heads.contexts[level] + 1]
    at = heads.at[level]
    while at < end and level_of[trie.word[mixtures_.children[at]]] < level:
        at += 1
    heads.at[level] = at
    heads.likely[level] = (
        heads.share[level] + mixtures_.likely[mixtures_.children[at]] if at < end else -np.inf
    )


@part
def _likeliest(trie: Any, mixtures_: Any, heads: Any, levels: Any) -> Any:
    """The level of the likeliest head; -1 where all words that were ever read are taken."""
    best, best_word = -1, -1
    best_likely = -np.inf
    for level in range(levels):
        likely = heads.likely[level]
        if likely > best_likely or (likely == best_likely and best >= 0):
            word = trie.word[mixtures_.children[heads.at[level]]]
            if likely > best_likely or word < best_word:
                best, best_word, best_likely = level, word, likely
    return best


@part
def _next_unread(trie: Any, rule: Any, word: Any) -> Any:
    """The next word by number that was never read; the size of the vocabulary where there is none."""
    word += 1
    while word < rule.vocabulary and _child(trie, 0, word) >= 0:
        word += 1
    return word


@part
def _limit(trie: Any, mixtures_: Any, rule: Any, choice: Any, heads: Any, levels: Any, out: Any) -> Any:
    """Find the last of the words that may follow the context of the first head."""
    context = heads.contexts[0]
    # Of all words the mass is known beforehand; of the likeliest few it is that of the few.
    enough = choice.mass if out.upto.size == rule.vocabulary else np.inf
    unread_likely = heads.share[levels - 1] + mixtures_.rest[0] - np.log(np.float64(rule.vocabulary))
    unread = -1
    _mark(trie, mixtures_, heads, levels, out.level_of, 0)
    for level in range(levels):
        _settle(trie, mixtures_, heads, level, out.level_of)
    total = 0.0
    count = 0
    while count < out.upto.size and total < enough:
        level = _likeliest(trie, mixtures_, heads, levels)
        if level >= 0:
            likely = heads.likely[level]
            out.word_of[count] = trie.word[mixtures_.children[heads.at[level]]]
            heads.at[level] += 1
            _settle(trie, mixtures_, heads, level, out.level_of)
        else:
            likely = unread_likely
            unread = _next_unread(trie, rule, unread)
            if unread >= rule.vocabulary or likely == -np.inf:
                break
            out.word_of[count] = unread
        total += np.exp(choice.power * likely - mixtures_.mass[context])
        out.upto[count] = total
        out.likely_of[count] = likely
        count += 1
    _mark(trie, mixtures_, heads, levels, out.level_of, 1)
    last = count - 1
    if enough == np.inf:
        last = min(_first_above(out.upto, 0, count, choice.mass * total), last)
    out.likely[context] = out.likely_of[last]
    out.word[context] = out.word_of[last]


@loop("const i64[:]", _READ_TRIE, _READ_MIXTURES, _RULE, _CHOICE, _LIMITS, _HEADS, "i32[:], u64[:], i32[:]")
def _sample(
    offsets: Any,
    trie: Any,
    mixtures_: Any,
    rule: Any,
    choice: Any,
    limits: Any,
    heads: Any,
    last: Any,
    state: Any,
    out: Any,
) -> Any:
    """`last` as in `_grow`. Words are drawn from all until one may follow: `limits` have no room where all may."""
    for document in range(offsets.size - 1):
        for k in range(last.size):
            last[k] = k
        for at in range(offsets[document], offsets[document + 1]):
            k = _followed(last, mixtures_)
            context = last[k]
            word = _drawn(trie, mixtures_, rule, context, state)
            if limits.likely.size > 0:
                _start(trie, mixtures_, context, k + 1, heads)
                if np.isnan(limits.likely[context]):
                    _limit(trie, mixtures_, rule, choice, heads, k + 1, limits)
                likely = _likely(trie, mixtures_, rule, heads, k + 1, word)
                while likely < limits.likely[context] or (
                    likely == limits.likely[context] and word > limits.word[context]
                ):
                    word = _drawn(trie, mixtures_, rule, context, state)
                    likely = _likely(trie, mixtures_, rule, heads, k + 1, word)
            out[at] = word
            _follow(trie, last, word)
