"""Held-out documents that stand in a training set: copies, near copies and long shared passages.

A model that has read a text knows what comes next, and a set that holds the test wins it. Two documents share what is
tested if they share word n-grams of 13 words, GPT-3's [1], as many as

- 50 words in a row have, the length from which Lee et al. [2] take a passage for a copy, or
- 30 % of those of the shorter of the two, which any near copy has.

A document of fewer than 13 words is one n-gram as a whole. N-grams that more than 10 held-out documents have tell of a
template, as GPT-3's rule has it, and not of a copy.

[1] Brown et al., Language models are few-shot learners, NeurIPS 2020, arXiv:2005.14165, appendix C.
[2] Lee et al., Deduplicating training data makes language models better, ACL 2022, arXiv:2107.06499.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.learner import WordPlaces
from wellkeeper.measure.incidence import Hashes, Offsets, ngrams

NGRAM = 13
PASSAGE = 50  # words
SHARE = 0.3
TEMPLATE = 10  # held-out documents


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaks:
    """What two collections of documents share, truth values for all documents of each."""

    training: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Grams:
    """Pairs of a document and an n-gram that it has, each once."""

    document: NDArray[np.int64]
    hashes: Hashes
    count: NDArray[np.int64]  # shape (documents,): distinct n-grams of each


def leaks(training: WordPlaces, held_out: WordPlaces) -> Leaks:
    """Which training documents hold a held-out one or much of it, and which held-out documents are held so."""
    test = _grams(held_out.offsets, held_out.hashes)
    order = np.argsort(test.hashes, kind="stable")
    document, hashes = test.document[order], test.hashes[order]
    read = _grams(training.offsets, training.hashes)
    first, end = (np.searchsorted(hashes, read.hashes, side) for side in ("left", "right"))
    many = np.where(end - first > TEMPLATE, 0, end - first)
    mine = np.repeat(read.document, many)
    theirs = document[np.repeat(first - np.cumsum(many) + many, many) + np.arange(many.sum())]
    pairs, shared = np.unique(mine * max(1, len(test.count)) + theirs, return_counts=True)
    mine, theirs = pairs // max(1, len(test.count)), pairs % max(1, len(test.count))
    shorter = np.minimum(read.count[mine], test.count[theirs])
    leak = shared >= np.minimum(PASSAGE - NGRAM + 1, np.ceil(SHARE * shorter))
    found = Leaks(training=np.zeros(read.count.size, np.bool_), held_out=np.zeros(test.count.size, np.bool_))
    found.training[mine[leak]] = True
    found.held_out[theirs[leak]] = True
    return found


def _grams(offsets: Offsets, hashes: Hashes) -> _Grams:
    documents = offsets.size - 1
    starts, grams = ngrams(offsets, hashes, NGRAM)
    document = np.repeat(np.arange(documents), np.diff(starts))
    sizes = np.diff(offsets)
    short = np.flatnonzero((sizes > 0) & (sizes < NGRAM))
    whole = [_whole(hashes[offsets[k] : offsets[k + 1]]) for k in short.tolist()]
    document = np.concatenate((document, short))
    grams = np.concatenate((grams, np.array(whole, np.uint64)))
    order = np.lexsort((grams, document))
    document, grams = document[order], grams[order]
    new = np.ones(grams.size, np.bool_)
    new[1:] = (document[1:] != document[:-1]) | (grams[1:] != grams[:-1])
    document, grams = document[new], grams[new]
    return _Grams(document, grams, np.bincount(document, minlength=documents))


def _whole(words: Hashes) -> int:
    """The n-gram of all words of a short document."""
    _, found = ngrams(np.array([0, words.size]), np.ascontiguousarray(words), words.size)
    return int(found[0])
