"""Names of topics: the words that tell each topic's documents from others, as they are written there.

A word's score is the share of a topic's most central documents that have it, times the logarithm of one over its share
among documents drawn at random: what a topic's documents share and documents at large do not.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices
from wellkeeper.kernels.normalise import UNSPACED, class_of, entry_of
from wellkeeper.measure.incidence import Incidence, dense, incidence_of
from wellkeeper.recipe.pooled import Pooled
from wellkeeper.recipe.textpass import tables

CENTRAL = 10
"""Documents a topic whose words may name it."""
BACKGROUND = 1000
"""Documents drawn at random: what they use says little."""
_WORDS_READ = 400  # of each
_CANDIDATES = 16  # words a topic that are looked at in the text
_SHORTEST = 3  # letters of a word, in scripts with spaces
_LENGTHS = (3, 4, 5)  # words of a name: as many as tell it from the names of others
_NO_TOPIC = -1


def names_of(
    pool: Pooled, central: Indices, topic: NDArray[np.integer], background: Indices, topics: int
) -> tuple[str, ...]:
    """A name for each of `topics` topics, "court, judge, appeal".

    `central` are documents and `topic` the topic of each; the texts of these and of `background` are read again.
    """
    if not topics:
        return ()
    documents = np.unique(np.concatenate((central, background)))
    read = np.minimum(pool.column("words")[documents], _WORDS_READ).astype(np.int64)
    bounds, hashes = pool.first_words(documents, read)
    topic_of = np.full(len(documents), _NO_TOPIC, np.int64)
    topic_of[np.searchsorted(documents, central)] = topic
    at_random = np.zeros(len(documents), np.bool_)
    at_random[np.searchsorted(documents, background)] = True
    candidates = _telling(incidence_of(bounds, hashes), topic_of, at_random, topics)
    spelled = _spelled(pool, documents, bounds, hashes, np.unique(np.concatenate(candidates)))
    telling = (filter(tells, map(spelled.__getitem__, some.tolist())) for some in candidates)
    return told_apart([list(islice(words, _LENGTHS[-1])) for words in telling])


def _telling(
    incidence: Incidence, topic_of: NDArray[np.int64], at_random: NDArray[np.bool_], topics: int
) -> list[NDArray[np.uint64]]:
    """Hashes of each topic's words of the highest scores, best first."""
    ids, types = dense(incidence.types)
    hash_of = np.empty(types, np.uint64)
    hash_of[ids] = incidence.types
    sizes = np.diff(incidence.offsets)
    others = np.bincount(ids[np.repeat(at_random, sizes)], minlength=types)
    rarity = np.log((np.count_nonzero(at_random) + 1) / (others + 1))
    theirs = np.repeat(topic_of, sizes)
    inside = theirs != _NO_TOPIC
    pairs, having = np.unique(theirs[inside] * types + ids[inside], return_counts=True)
    topic, word = pairs // types, pairs % types
    score = having / np.bincount(topic_of[topic_of != _NO_TOPIC], minlength=topics)[topic] * rarity[word]
    order = np.lexsort((hash_of[word], -score, topic))
    bounds = np.searchsorted(topic[order], np.arange(topics + 1)).tolist()
    return [hash_of[word[order[low:high][:_CANDIDATES]]] for low, high in pairwise(bounds)]


def _spelled(
    pool: Pooled,
    documents: Indices,
    bounds: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    wanted: NDArray[np.uint64],
) -> dict[int, str]:
    """How words are written where they first stand, in lower case, by their hashes."""
    ids, _ = dense(hashes)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(ids), prepend=-1))
    at = first[np.isin(hashes[first], wanted)]
    row = np.searchsorted(bounds, at, side="right") - 1
    written = pool.written(documents[row], at - bounds[row])
    return {word: text.lower() for word, text in zip(hashes[at].tolist(), written, strict=True)}


def tells(word: str) -> bool:
    """Whether a word may stand in a name: it has a letter, and three characters in scripts with spaces.

    >>> [word for word in ("court", "42nd", "2026", "of", "法") if tells(word)]
    ['court', '42nd', '法']
    """
    letters = [ord(letter) for letter in word if letter.isalpha()]
    if len(word) >= _SHORTEST:
        return bool(letters)
    return any(class_of(entry_of(letter, tables())) == UNSPACED for letter in letters)


def told_apart(words: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names from each topic's words, best first: three, or up to five where another topic has the same, then a number.

    >>> told_apart([["court", "judge", "law", "tax"], ["court", "judge", "law", "bail"], []])
    ('court, judge, law, tax', 'court, judge, law, bail', 'topic 3')
    >>> told_apart([["court", "judge", "law"]] * 2)
    ('court, judge, law', 'court, judge, law (2)')
    """
    names = [", ".join(some[: _LENGTHS[0]]) or f"topic {number}" for number, some in enumerate(words, 1)]
    for length in _LENGTHS[1:]:
        many = Counter(names)
        names = [
            ", ".join(some[:length]) if many[name] > 1 and some else name
            for name, some in zip(names, words, strict=True)
        ]
    earlier: Counter[str] = Counter()
    for number, name in enumerate(names):
        earlier[name] += 1
        names[number] = f"{name} ({earlier[name]})" if earlier[name] > 1 else name
    return tuple(names)
