"""Passages that texts share, found by winnowed fingerprints and settled word by word.

A text's fingerprints are the least hash of every window of consecutive word n-grams [1]: few of them, and yet any
two texts that share a run of `words` words share a fingerprint at the same place of the run. `Runs` are the stretches
around shared fingerprints. `hold` decides, for every run of `words` words in them, which document has it first; it
compares the 64-bit hashes of the words one by one and trusts no hash of a run.

[1] Schleimer, Wilkerson, Aiken, Winnowing: local algorithms for document fingerprinting, SIGMOD 2003, section 3.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.sketch import mix
from wellkeeper.native import loop, part

_U = np.uint64
_K = 0x9E3779B97F4A7C15

VERSION = "fingerprints.1"
"""Changes whenever a fingerprint can change: old sidecars are then made anew."""
LEAST_WORDS = 20
"""Shortest run that fingerprints are made for; the n-grams of shorter ones are common phrases."""


def gram_words(words: int) -> int:
    """Words of the n-grams whose hashes are winnowed, for runs of `words` words.

    A third of the run, 10 at least: shorter n-grams bring together texts that share a phrase and no passage, longer
    ones leave narrower windows and hence more fingerprints.

    >>> gram_words(50), gram_words(20)
    (16, 10)
    """
    return max(10, words // 3)


class Fingerprints(NamedTuple):
    """Fingerprints in the order of documents and of their words; arrays share one shape."""

    document: NDArray[np.uint32]
    word: NDArray[np.uint32]  # where the n-gram starts, in words from the start of the document
    hash: NDArray[np.uint64]


def fingerprints_of(bounds: NDArray[np.int64], hashes: NDArray[np.uint64], *, words: int) -> Fingerprints:
    """Fingerprints of documents given as `wellkeeper.kernels.text.word_hashes` gives them.

    Runs of `words` words, 20 or more, that two of them share have a fingerprint in common, at the same place in
    both. A document of fewer words has none.
    """
    if words < LEAST_WORDS:
        raise ValueError(f"words is {words}: fingerprints are made for runs of {LEAST_WORDS} words or more")
    gram, room = gram_words(words), len(hashes)
    made = Fingerprints(np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint64))
    grams = np.empty(int(np.diff(bounds).max(initial=0)), np.uint64)
    count = _fingerprints(bounds, hashes, gram, words - gram + 1, pow(_K, gram, 2**64), grams, *made)
    return Fingerprints(made.document[:count].copy(), made.word[:count].copy(), made.hash[:count].copy())


def winnowed(hashes: NDArray[np.uint64], window: int) -> NDArray[np.int64]:
    """Positions of the least of every `window` consecutive hashes, the last of equals; ascending, none twice.

    >>> winnowed(np.array([5, 3, 9, 4, 4, 8], np.uint64), 3)
    array([1, 4])
    """
    at = np.empty(len(hashes), np.uint32)
    return at[: _winnowed_of(np.ascontiguousarray(hashes), window, at)].astype(np.int64)


@part
def _winnow(hashes: Any, count: Any, window: Any, at: Any) -> Any:
    # Of equals the last is taken, whatever was taken before: what is taken must depend on the window alone, since
    # two texts that share it have nothing else in common. (Robust winnowing [1] would take fewer of equals.)
    made = 0
    least = 0
    for i in range(count):
        if least <= i - window:
            least = i - window + 1
            for j in range(least + 1, i + 1):
                if hashes[j] <= hashes[least]:
                    least = j
        elif hashes[i] <= hashes[least]:
            least = i
        if i >= window - 1 and (made == 0 or at[made - 1] != least):
            at[made] = least
            made += 1
    return made


@loop("const u64[:], i64, u32[:]", returns="i64")
def _winnowed_of(hashes: Any, window: Any, at: Any) -> Any:
    return _winnow(hashes, hashes.size, window, at)


@part
def _grams(words: Any, count: Any, gram: Any, power: Any, out: Any) -> Any:
    """Hashes of all n-grams of `gram` words; `power` is the multiplier to the power of `gram`. Returns how many."""
    if count < gram:
        return 0
    h = _U(0)
    for j in range(gram):
        h = h * _U(_K) + words[j]
    out[0] = mix(h)
    for j in range(gram, count):
        h = h * _U(_K) + words[j] - words[j - gram] * power
        out[j - gram + 1] = mix(h)
    return count - gram + 1


@loop("const i64[:], const u64[:], i64, i64, u64, u64[:], u32[:], u32[:], u64[:]", returns="i64")
def _fingerprints(
    bounds: Any,
    words: Any,
    gram: Any,
    window: Any,
    power: Any,
    grams: Any,
    documents: Any,
    at: Any,
    hashes: Any,
) -> Any:
    made = 0
    for d in range(bounds.size - 1):
        size = _grams(words[bounds[d] :], bounds[d + 1] - bounds[d], gram, power, grams)
        some = _winnow(grams, size, window, at[made:])
        for k in range(made, made + some):
            documents[k] = np.uint32(d)
            hashes[k] = grams[at[k]]
        made += some
    return made


class Runs(NamedTuple):
    """Stretches of documents laid end to end: stretch r is `hashes[bounds[r]:bounds[r + 1]]`, hashes of its words.

    Word i of the whole starts *window* i, the run of `words` words from there, if its stretch is long enough.
    """

    bounds: NDArray[np.int64]  # (stretches + 1,)
    hashes: NDArray[np.uint64]  # (words,)


def window_keys(runs: Runs, words: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of every window of `words` words, and the word at which it starts."""
    room = len(runs.hashes)
    keys, at = np.empty(room, np.uint64), np.empty(room, np.int64)
    count = _window_keys(
        runs.bounds, np.ascontiguousarray(runs.hashes), words, pow(_K, words, 2**64), keys, at
    )
    return keys[:count], at[:count]


@loop("const i64[:], const u64[:], i64, u64, u64[:], i64[:]", returns="i64")
def _window_keys(bounds: Any, hashes: Any, words: Any, power: Any, keys: Any, at: Any) -> Any:
    made = 0
    for r in range(bounds.size - 1):
        low, high = bounds[r] - bounds[0], bounds[r + 1] - bounds[0]
        some = _grams(hashes[low:], high - low, words, power, keys[made:])
        for k in range(some):
            at[made + k] = low + k
        made += some
    return made


class Shared(NamedTuple):
    """The windows that several documents have; window i belongs to the group `of[i]`, 0: to none."""

    of: NDArray[np.int64]  # (words,)
    frequency: NDArray[np.int64]  # (groups + 1,): distinct documents that have it
    documents: NDArray[np.uint64]  # (groups + 1,): a hash of the set of these documents


class Held(NamedTuple):
    """Who has each window before others do; words are places in `Runs`, documents positions in `order`."""

    holder: NDArray[np.int64]  # (groups + 1,): the word, plus one, at which the first holder has it; 0: none
    held_at: NDArray[
        np.int64
    ]  # (words,): the word, plus one, at which an earlier document has window i; 0: none
    repeated: NDArray[
        np.int64
    ]  # (documents,): words in windows that earlier documents have, boilerplate left out
    gone: NDArray[np.uint8]  # (documents,): 1 for documents that hold nothing, since they are to be dropped


def hold(
    order: NDArray[np.int64],
    stretches: NDArray[np.int64],
    sizes: NDArray[np.int64],
    runs: Runs,
    shared: Shared,
    held: Held,
    *,
    words: int,
    boilerplate: int,
    share: float,
    whole: bool,
) -> None:
    """Let documents, in `order`, take the windows that nobody has taken, and fill in `held`.

    The stretches of document d are those from `stretches[d]` to `stretches[d + 1]`, and `sizes[d]` its words. A
    window that more than `boilerplate` documents have is boilerplate. A document goes, and takes nothing, if at
    least the `share` of its words is repeated, if all of them are boilerplate, or, with `whole`, if all are repeated.
    """
    _hold(
        order, stretches, sizes, runs.bounds, runs.hashes, shared.of, shared.frequency, words, boilerplate, share,
        whole, *held,
    )  # fmt: skip


@part
def _same(hashes: Any, a: Any, b: Any, words: Any) -> Any:
    equal = 0
    while equal < words and hashes[a + equal] == hashes[b + equal]:
        equal += 1
    return equal == words


@loop(
    "const i64[:], const i64[:], const i64[:], const i64[:], const u64[:], const i64[:], const i64[:], i64, i64, f64, "
    "u8, i64[:], i64[:], i64[:], u8[:]"
)
def _hold(
    order: Any, stretches: Any, sizes: Any, bounds: Any, hashes: Any, group: Any, frequency: Any, words: Any,
    boilerplate: Any, share: Any, whole: Any, holder: Any, held_at: Any, repeated: Any, gone: Any,
) -> Any:  # fmt: skip
    for k in range(order.size):
        d = order[k]
        covered, plain, common = 0, 0, 0  # words in windows held by others: all, not boilerplate, boilerplate
        for r in range(stretches[d], stretches[d + 1]):
            reach_covered, reach_plain, reach_common = bounds[r], bounds[r], bounds[r]
            before = -2  # where the window before this one is held
            for i in range(bounds[r], bounds[r + 1] - words + 1):
                g = group[i]
                h = holder[g] - 1 if g > 0 else -1
                if h >= 0:
                    if h == before + 1:
                        if hashes[i + words - 1] != hashes[h + words - 1]:
                            h = -1
                    elif not _same(hashes, i, h, words):
                        h = -1
                held_at[i] = h + 1
                before = h if h >= 0 else -2
                if h < 0:
                    continue
                end = i + words
                covered += end - max(reach_covered, i)
                reach_covered = end
                if frequency[g] > boilerplate:
                    common += end - max(reach_common, i)
                    reach_common = end
                else:
                    plain += end - max(reach_plain, i)
                    reach_plain = end
        repeated[d] = plain
        if covered > 0 and (
            (plain > 0 and plain >= share * sizes[d])
            or common == sizes[d]
            or (whole == 1 and covered == sizes[d])
        ):
            gone[d] = 1
            continue
        for r in range(stretches[d], stretches[d + 1]):
            for i in range(bounds[r], bounds[r + 1] - words + 1):
                if group[i] > 0 and holder[group[i]] == 0:
                    holder[group[i]] = i + 1


class Repeats(NamedTuple):
    """Maximal runs of words that an earlier document holds, in the order of `Runs`; arrays share one shape."""

    at: NDArray[np.int64]  # the word at which it starts
    words: NDArray[np.int64]
    holder_at: NDArray[np.int64]  # the word at which its holder has it
    frequency: NDArray[np.int64]  # documents that have its rarest window


def repeats_of(runs: Runs, shared: Shared, held: Held, *, words: int, boilerplate: int) -> Repeats:
    """The spans that `held` tells of. A span is boilerplate throughout or nowhere."""
    given = (runs.bounds, held.held_at, shared.of, shared.frequency, words, boilerplate)
    nowhere = np.empty(0, np.int64)
    count = _repeats(*given, 0, nowhere, nowhere, nowhere, nowhere)
    made = Repeats(*(np.empty(count, np.int64) for _ in range(4)))
    _repeats(*given, 1, *made)
    return made


@loop(
    "const i64[:], const i64[:], const i64[:], const i64[:], i64, i64, u8, i64[:], i64[:], i64[:], i64[:]",
    returns="i64",
)
def _repeats(
    bounds: Any, held_at: Any, group: Any, frequency: Any, words: Any, boilerplate: Any, fill: Any, at: Any, size: Any,
    holder_at: Any, least: Any,
) -> Any:  # fmt: skip
    made = 0
    for r in range(bounds.size - 1):
        before, common = -1, False
        for i in range(bounds[r], bounds[r + 1] - words + 1):
            h = held_at[i] - 1
            if h < 0:
                before = -1
                continue
            many = frequency[group[i]]
            new = before < 0 or h != before + 1 or common != (many > boilerplate)
            before, common = h, many > boilerplate
            if new:
                made += 1
            if fill == 1:
                if new:
                    at[made - 1], size[made - 1], holder_at[made - 1], least[made - 1] = i, words - 1, h, many
                size[made - 1] += 1
                least[made - 1] = min(least[made - 1], many)
    return made


class Passages(NamedTuple):
    """Passages as their first holder has them, most frequent first; arrays share one shape."""

    at: NDArray[np.int64]  # the word at which it starts
    words: NDArray[np.int64]
    frequency: NDArray[np.int64]  # documents that hold all of it


def passages_of(runs: Runs, shared: Shared, held: Held, *, words: int, most: int) -> Passages:
    """The `most` passages that most documents hold: runs of windows that one set of documents shares."""
    made = Passages(*(np.zeros(most, np.int64) for _ in range(3)))
    count = _passages(runs.bounds, shared.of, shared.frequency, shared.documents, held.holder, words, *made)
    order = np.lexsort((made.at[:count], -made.words[:count], -made.frequency[:count]))
    return Passages(*(column[:count][order] for column in made))


@part
def _enter(start: Any, size: Any, many: Any, count: Any, at: Any, words: Any, frequency: Any) -> Any:
    """Keep a passage among the most frequent; of equals the longest, then the first. Returns how many are kept."""
    place = count
    if count == at.size:
        place = 0
        for k in range(1, count):
            if frequency[k] < frequency[place] or (
                frequency[k] == frequency[place]
                and (words[k] < words[place] or (words[k] == words[place] and at[k] > at[place]))
            ):
                place = k
        if many < frequency[place] or (many == frequency[place] and size <= words[place]):
            return count
        count -= 1
    at[place], words[place], frequency[place] = start, size, many
    return count + 1


@loop(
    "const i64[:], const i64[:], const i64[:], const u64[:], const i64[:], i64, i64[:], i64[:], i64[:]",
    returns="i64",
)
def _passages(
    bounds: Any,
    group: Any,
    frequency: Any,
    documents: Any,
    holder: Any,
    words: Any,
    at: Any,
    size: Any,
    many: Any,
) -> Any:
    count = 0
    for r in range(bounds.size - 1):
        start, before = 0, 0  # word and group of the passage so far; group 0: there is none
        high = bounds[r + 1] - words + 1
        for i in range(bounds[r], high):
            g = group[i] if holder[group[i]] == i + 1 else 0
            if before > 0 and (g == 0 or documents[g] != documents[before]):
                count = _enter(start, i - start + words - 1, frequency[before], count, at, size, many)
                before = 0
            if g > 0:
                if before == 0:
                    start = i
                before = g
        if before > 0:
            count = _enter(start, high - start + words - 1, frequency[before], count, at, size, many)
    return count
