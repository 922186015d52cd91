"""Where n-grams of a fixed set of texts occur in documents, at memory speed, and how much of a text a document has.

An n-gram of w words is looked up as two halves: w // 2 words and the rest. A text is entered with its halves side by
side and with one word between them, and documents are searched in the same two ways. A copy in which one word was
replaced, left out or added between the halves is thus found by the same table (a spaced seed, Ma, Tromp and Li,
PatternHunter, Bioinformatics 18, 2002): if at least four words are whole on either side, an 8-gram is found.

What is looked up is a 64-bit key; most words of a document end at a bit set that fits the processor's cache. A hit
only says where to compare: `cover` then goes through the words themselves.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.native import loop, part

VERSION = "overlap.1"
"""Changes whenever a key can change: old sidecars are then made anew."""

GAP = 4
"""Words that a copy may replace, leave out or add at one place. Llama 2's search for contaminated samples allows as
many tokens (Touvron et al., arXiv:2307.09288, appendix A.6)."""
AGREE = 3
"""Words in a row that must agree again behind such a place."""

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)
_SECOND = _U(0xC2B2AE3D27D4EB4F)  # odd: which half comes first matters
_SIEVE_BITS = (
    16  # bits of the sieve for each key: one n-gram of ordinary text in sixteen gets through, at most
)
_SMALLEST_SIEVE, _LARGEST_SIEVE = 1 << 17, 1 << 25  # bits: 16 KiB to 4 MiB


class Pattern(NamedTuple):
    """An n-gram in two halves, with up to `gap` words of any kind between them, 0 or 1."""

    left: int
    right: int
    gap: int

    @property
    def words(self) -> int:
        return self.left + self.right


def pattern_of(words: int, *, gap: int = 1) -> Pattern:
    """How n-grams of so many words, at least 2, are looked up.

    >>> pattern_of(8)
    Pattern(left=4, right=4, gap=1)
    """
    return Pattern(words // 2, words - words // 2, gap)


class Probe(NamedTuple):
    """Keys to look for, ready for `find`."""

    patterns: NDArray[np.int64]  # shape (patterns, 3): left, right, gap
    sieve: NDArray[np.uint64]  # a bit for each value of a key's highest bits
    slots: NDArray[np.uint64]  # open addressing, at most half full, 0: empty
    grams: NDArray[np.int32]  # number of the key in each slot


class Table(NamedTuple):
    """A probe, and which of its keys stand for a whole line of a document."""

    probe: Probe
    line_words: NDArray[np.int64]  # shape (keys,): words of one that counts only as a line; 0: any other


def probe_of(keys: NDArray[np.uint64], patterns: Iterable[Pattern]) -> Probe:
    """A table of distinct keys; the number of a key is its place among them.

    Raises:
        DataError: a key stands twice, or is 0, which no key is; or a pattern has a larger gap than 1.
    """
    patterns = tuple(patterns)
    if any(pattern.gap not in {0, 1} for pattern in patterns):
        raise DataError("A pattern has a gap of several words. Give a gap of 0 or 1.")
    if len(np.unique(keys)) < len(keys) or not keys.all():
        raise DataError("A key stands twice or is 0. Pass the distinct keys that `keys_of` makes.")
    bits = min(max(_SMALLEST_SIEVE, _power(_SIEVE_BITS * len(keys))), _LARGEST_SIEVE)
    probe = Probe(
        np.array(patterns, np.int64).reshape(-1, 3),
        np.zeros(bits // 64, np.uint64),
        np.zeros(_power(2 * max(1, len(keys))), np.uint64),
        np.zeros(_power(2 * max(1, len(keys))), np.int32),
    )
    _enter(np.ascontiguousarray(keys), probe.sieve, probe.slots, probe.grams)
    return probe


def _power(size: int) -> int:
    return 1 << max(1, size - 1).bit_length()


class Keys(NamedTuple):
    """The n-grams of some texts; arrays share one shape."""

    text: NDArray[np.int64]
    place: NDArray[np.int64]  # word at which the n-gram starts
    gap: NDArray[np.int64]  # words between its halves
    key: NDArray[np.uint64]


def keys_of(bounds: NDArray[np.int64], words: NDArray[np.uint64], pattern: Pattern) -> Keys:
    """Every n-gram of the texts, whose words `bounds` delimits, with every number of words between its halves."""
    gaps = np.arange(pattern.gap + 1)
    many = int(np.maximum(np.diff(bounds) - pattern.words + 1 - gaps[:, np.newaxis], 0).sum())
    text, place, gap = np.empty((3, many), np.int64)
    key = np.empty(many, np.uint64)
    _keys(bounds, words, *pattern, text, place, gap, key)
    return Keys(text, place, gap, key)


def find(
    bounds: NDArray[np.int64], words: NDArray[np.uint64], probe: Probe
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Where keys of the probe occur: document, number of the key, and the word at which the n-gram starts.

    `bounds` and `words` are what `text.word_hashes` gives. Documents are ascending; a place is told once for each
    pattern, and number of words between its halves, that meets a key there.
    """
    capacity = 1024
    while True:
        documents, grams, places = (np.empty(capacity, np.int32) for _ in range(3))
        found = _find(bounds, words, *probe, documents, grams, places)
        if found <= capacity:
            return documents[:found].copy(), grams[:found].copy(), places[:found].copy()
        capacity = found


class Covered(NamedTuple):
    """What a document has of a text."""

    words: NDArray[np.bool_]  # shape (words of the text,): those that stand in a long enough stretch
    first: int  # word of the document at which the longest stretch starts; -1 where there is none
    last: int  # its last word
    longest: int  # words that text and document have in common there
    run: int  # words in a row, in any such stretch, with none in the way


def cover(
    text: NDArray[np.uint64],
    document: NDArray[np.uint64],
    seeds: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    least: int,
) -> Covered:
    """Follow a text through a document from each seed, to both sides, for as long as the words agree.

    Where they do not, up to `GAP` words on either side are passed over if `AGREE` words in a row then agree. A
    stretch counts if it has at least `least` words in common.

    Args:
        text: word hashes, shape (words,).
        document: the same of the document.
        seeds: where they may agree: words of the text, and words of the document, ascending.
        least: 1 or more.
    """
    covered, path, span = (
        np.zeros(len(text), np.uint8),
        np.empty(len(text), np.int64),
        np.array([-1, -1, 0, 0]),
    )
    _cover(text, document, *seeds, least, covered, path, span)
    return Covered(covered.view(np.bool_), *span.tolist())


@part
def _key(left: Any, right: Any) -> Any:
    """Sums of products of word hashes, which are random bits already: there is nothing to mix."""
    key = left * _SECOND + right
    return key if key != _U(0) else _U(1)


@part
def _hash(words: Any, start: Any, size: Any) -> Any:
    h = _U(0)
    for k in range(size):
        h = h * _K + words[start + k]
    return h


@part
def _to_the_power(size: Any) -> Any:
    power = _U(1)
    for _ in range(size):
        power *= _K
    return power


@loop("const i64[:], const u64[:], i64, i64, i64, i64[:], i64[:], i64[:], u64[:]")
def _keys(
    bounds: Any, words: Any, left: Any, right: Any, most: Any, texts: Any, places: Any, gaps: Any, keys: Any
) -> Any:
    at = 0
    for t in range(bounds.size - 1):
        for gap in range(most + 1):
            for j in range(bounds[t], bounds[t + 1] - left - gap - right + 1):
                keys[at] = _key(_hash(words, j, left), _hash(words, j + left + gap, right))
                texts[at], places[at], gaps[at] = t, j - bounds[t], gap
                at += 1


@loop("const u64[:], u64[:], u64[:], i32[:]")
def _enter(keys: Any, sieve: Any, slots: Any, grams: Any) -> Any:
    mask = _U(slots.size - 1)
    for k in range(keys.size):
        key = keys[k]
        high = _sieved(key, sieve)
        sieve[high >> _U(6)] |= _U(1) << (high & _U(63))
        slot = key & mask
        while slots[slot] != 0:
            slot = (slot + _U(1)) & mask
        slots[slot] = key
        grams[slot] = k


@part
def _sieved(key: Any, sieve: Any) -> Any:
    """The key's bit of the sieve: from its upper half, where the slot is taken from the lower."""
    return (key >> _U(32)) & _U(64 * sieve.size - 1)


@loop(
    "const i64[:], const u64[:], const i64[:,:], const u64[:], const u64[:], const i32[:], i32[:], i32[:], i32[:]",
    returns="i64",
)
def _find(
    bounds: Any,
    words: Any,
    patterns: Any,
    sieve: Any,
    slots: Any,
    grams: Any,
    documents: Any,
    found_grams: Any,
    places: Any,
) -> Any:
    """Write hits while they fit; return how many there are."""
    capacity = documents.size
    found = 0
    mask = _U(slots.size - 1)
    for d in range(bounds.size - 1):
        start = bounds[d]
        for pattern in range(patterns.shape[0]):
            left, right, most = patterns[pattern, 0], patterns[pattern, 1], patterns[pattern, 2]
            positions = bounds[d + 1] - start - left - right + 1
            if positions <= 0:
                continue
            first, second = _hash(words, start, left), _hash(words, start + left, right)
            before = first
            out_of_first, out_of_second = _to_the_power(left), _to_the_power(right)
            come, gone, ahead = words[start + left :], words[start:], words[start + left + right :]
            for j in range(positions):
                for gap in range(min(j, most) + 1):
                    key = _key(first if gap == 0 else before, second)
                    high = _sieved(key, sieve)
                    if (sieve[high >> _U(6)] >> (high & _U(63))) & _U(1):
                        slot = key & mask
                        while slots[slot] != 0 and slots[slot] != key:
                            slot = (slot + _U(1)) & mask
                        if slots[slot] == key:
                            if found < capacity:
                                documents[found] = d
                                found_grams[found] = grams[slot]
                                places[found] = j - gap
                            found += 1
                if j + 1 < positions:
                    before = first
                    first = first * _K + come[j] - gone[j] * out_of_first
                    second = second * _K + ahead[j] - come[j] * out_of_second
    return found


@part
def _agree(text: Any, i: Any, document: Any, j: Any, step: Any, least: Any) -> Any:
    """Whether words are the same from text[i] and document[j] on: `AGREE` of them, or all to the end of the text.

    `step` is 1, or -1 to go backwards. The end of the text counts from `least` words on.
    """
    words = min(AGREE, text.size - i if step > 0 else i + 1)
    last = j + step * (words - 1)
    if words < least or min(j, last) < 0 or max(j, last) >= document.size:
        return False
    for k in range(words):  # noqa: SIM110  compiled
        if text[i + step * k] != document[j + step * k]:
            return False
    return True


@part
def _walk(text: Any, i: Any, document: Any, j: Any, step: Any, path: Any, count: Any) -> Any:
    """Go on from text[i] and document[j]; write the words of the text that agree to `path` from place `count` on.

    Returns how many words `path` now has; the last words of text and document that agreed, -1 where none did; and how
    many agreed before the first word in the way, and in the longest run without one.
    """
    end_i = -1
    end_j = -1
    first = -1
    run = 0
    longest = 0
    while 0 <= i < text.size and 0 <= j < document.size:
        if text[i] == document[j]:
            path[count] = i
            count += 1
            run += 1
            end_i, end_j = i, j
            i += step
            j += step
            continue
        passed = False
        for total in range(1, 2 * GAP + 1):
            for of_text in range(max(0, total - GAP), min(total, GAP) + 1):
                of_document = total - of_text
                # one word or two at the end of a text are enough if a single word is in the way
                least = 1 if of_text <= 1 and of_document <= 1 else AGREE
                if _agree(text, i + step * of_text, document, j + step * of_document, step, least):
                    i += step * of_text
                    j += step * of_document
                    passed = True
                    break
            if passed:
                break
        if not passed:
            break
        longest = max(longest, run)
        first = run if first < 0 else first
        run = 0
    return count, end_i, end_j, run if first < 0 else first, max(longest, run)


@loop("const u64[:], const u64[:], const i64[:], const i64[:], i64, u8[:], i64[:], i64[:]")
def _cover(
    text: Any,
    document: Any,
    seeds_text: Any,
    seeds_document: Any,
    least: Any,
    covered: Any,
    path: Any,
    span: Any,
) -> Any:
    left_i, right_i, left_j, right_j = 0, -1, 0, -1  # the stretch before
    whole = 0
    for k in range(seeds_text.size):
        i, j = seeds_text[k], seeds_document[k]
        if left_i <= i <= right_i and left_j <= j <= right_j:
            continue
        if text[i] != document[j]:  # two n-grams with one key
            continue
        count, right_i, right_j, to_right, run = _walk(text, i, document, j, 1, path, 0)
        left_i, left_j = i, j
        count, far_i, far_j, to_left, other = _walk(text, i - 1, document, j - 1, -1, path, count)
        if far_i >= 0:
            left_i, left_j = far_i, far_j
        if count < least:
            continue
        for at in range(count):
            if covered[path[at]] == 0:
                covered[path[at]] = 1
                whole += 1
        span[3] = max(span[3], run, other, to_left + to_right)
        if count > span[2]:
            span[0], span[1], span[2] = left_j, right_j, count
        if whole == text.size:
            break
