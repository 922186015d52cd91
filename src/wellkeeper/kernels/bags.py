"""A bag of each document's words, of bounded size: what topics are made from.

A bag holds up to `WORDS` of a document's distinct words, as the numbers of `BUCKETS` buckets that words are hashed to.
Of a document with more, those are kept whose rank, a hash of the word, is lowest once it is divided by the word's
occurrences: words that the document repeats go first, and a word that one document keeps is kept by others that use it
as often, so that bags of long documents still meet (priority sampling by coordinated hashes [1]).

Bags and not vectors: which words are common is known only when all documents have been seen, and adding a file must
not make the others be read again (docs/decisions/0020-topics.md has what fixed projections to vectors lose).

[1] Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.sketch import mix
from wellkeeper.native import loop

VERSION = "bags.1"
"""Changes whenever a bag of any text can change: old sidecars are then made anew."""

WORDS = 128
"""Words of a bag at most. On short texts 128 of them gave topics as good as all words, and 64 nearly so."""
BUCKETS = 1 << 16

_U = np.uint64
_BUCKET_SHIFT = _U(48)  # a bucket is the upper 16 bits of a word's hash
_RANK_SHIFT = _U(32)
_RANK_SALT = _U(0xC2B2AE3D27D4EB4F)  # odd, of about as many ones as noughts
_MOST_OCCURRENCES = 255  # that are counted: eight bits a bucket stay in the processor's cache


def bags_of(
    bounds: NDArray[np.int64], words: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """The bag of each document; `bounds` and `words` are what `text.word_hashes` gives.

    Returns offsets, shape (documents + 1,), and the buckets, no two the same in a document, that they delimit.
    """
    out_bounds = np.zeros(bounds.size, np.int64)
    buckets = np.empty(int(np.minimum(np.diff(bounds), WORDS).sum()) + 1, np.uint16)
    longest = int(np.diff(bounds).max(initial=0))
    used = _bags(
        bounds, words, np.zeros(BUCKETS, np.uint8), np.empty(longest + 1, np.uint16),
        np.empty(WORDS, np.uint64), out_bounds, buckets,
    )  # fmt: skip
    return out_bounds, buckets[:used].copy()


@loop("const i64[:], const u64[:], u8[:], u16[:], u64[:], i64[:], u16[:]", returns="i64")
def _bags(
    bounds: Any, words: Any, occurrences: Any, seen: Any, lowest: Any, out_bounds: Any, buckets: Any
) -> Any:
    """`occurrences`, shape (BUCKETS,), is all noughts; `seen` and `lowest` are room to work in."""
    at = 0
    for d in range(bounds.size - 1):
        distinct = 0
        for j in range(bounds[d], bounds[d + 1]):
            bucket = words[j] >> _BUCKET_SHIFT
            before = occurrences[bucket]
            seen[distinct] = bucket
            distinct += before == 0
            occurrences[bucket] = before + (before < _MOST_OCCURRENCES)
        if distinct <= lowest.size:
            for k in range(distinct):
                buckets[at + k] = seen[k]
            at += distinct
        else:
            held = 0
            for k in range(distinct):
                bucket = _U(seen[k])
                rank = (mix(bucket ^ _RANK_SALT) >> _RANK_SHIFT) // _U(occurrences[bucket])
                key = (rank << _U(16)) | bucket  # no two are the same
                if held == lowest.size and key >= lowest[held - 1]:
                    continue
                place = held if held < lowest.size else held - 1
                while place > 0 and lowest[place - 1] > key:
                    lowest[place] = lowest[place - 1]
                    place -= 1
                lowest[place] = key
                held += held < lowest.size
            for k in range(held):
                buckets[at + k] = np.uint16(lowest[k] & _U(BUCKETS - 1))
            at += held
        for k in range(distinct):
            occurrences[seen[k]] = 0
        out_bounds[d + 1] = at
    return at
