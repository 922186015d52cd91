"""Sets of documents that models are trained on: who they are, in what parts, and how an equal budget is drawn.

Nothing hangs on the order of documents or files. A document is known by the hash of its text, and copies of a text by
how many there are before: two sets that share a document draw it by the same number, so that they differ by what they
do not share.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.kernels import text
from wellkeeper.kernels.documents import in_bytes, tables
from wellkeeper.lab.learner import words_of

PARTS = 20
"""Parts that the documents of all sets are put into: 19 degrees of freedom, Student's quantile 2.09."""

_U = np.uint64
_COPY = _U(0x9E3779B97F4A7C15)  # odd, so that all numbers of copies give other keys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Documents that a model may be trained on; arrays have shape (documents,)."""

    name: str
    documents: Sequence[str]
    words: NDArray[np.int64]
    hashes: NDArray[np.uint64]  # of their texts
    parts: NDArray[np.int64]  # 0 to PARTS - 1: documents that are alike are likely in one

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def total(self) -> int:
        """Words of all documents."""
        return int(self.words.sum())

    @property
    def keys(self) -> NDArray[np.uint64]:
        """By which they are drawn; equal in two sets for the same text, and for the same copy of it."""
        return self.hashes ^ (copies_before(self.hashes) * _COPY)

    def take(self, chosen: NDArray[np.integer] | NDArray[np.bool_], *, name: str | None = None) -> "Pool":
        """Some of the documents: their numbers, or a truth value for each."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Pool(
            name=self.name if name is None else name,
            documents=[self.documents[place] for place in places.tolist()],
            words=self.words[places],
            hashes=self.hashes[places],
            parts=self.parts[places],
        )

    def texts(self, places: NDArray[np.integer]) -> list[str]:
        return [self.documents[place] for place in places.tolist()]

    def draw(self, words: int, seed: int) -> NDArray[np.int64]:
        """Numbers of whole documents, in the sampling order of a seed, that together come nearest to `words`.

        Raises:
            DataError: there is no document, or no word is asked for.
        """
        if not len(self) or words < 1:
            raise DataError(
                f"{words:,} words of {self.name}, which has {len(self)} documents, cannot be drawn. Give a set with "
                "words, and ask for at least one."
            )
        order = np.argsort(mixed(self.keys, seed), kind="stable")
        many = 1 + int(np.argmin(np.abs(np.cumsum(self.words[order]) - words)))
        return order[:many]


def pool_of(name: str, documents: Sequence[str]) -> Pool:
    """A set of documents; those without a word are left out."""
    found = words_of(documents)
    places = np.flatnonzero(found.sizes)
    chosen = [documents[place] for place in places.tolist()]
    return Pool(
        name=name,
        documents=chosen,
        words=found.sizes[places],
        hashes=_hashes(chosen),
        parts=_parts(chosen),
    )


def joined(name: str, pools: Sequence[Pool]) -> Pool:
    """The documents of all pools, and copies of a text numbered anew."""
    return Pool(
        name=name,
        documents=[document for pool in pools for document in pool.documents],
        words=np.concatenate([pool.words for pool in pools]),
        hashes=np.concatenate([pool.hashes for pool in pools]),
        parts=np.concatenate([pool.parts for pool in pools]),
    )


def distinct(name: str, pools: Sequence[Pool]) -> Pool:
    """The distinct texts of all pools."""
    together = joined(name, pools)
    _, first = np.unique(together.hashes, return_index=True)
    return together.take(np.sort(first))


def _hashes(documents: Sequence[str]) -> NDArray[np.uint64]:
    digests = (
        hashlib.blake2b(document.encode("utf-8", "replace"), digest_size=8).digest() for document in documents
    )
    return np.frombuffer(b"".join(digests), "<u8").astype(_U)


def copies_before(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How many equal hashes stand before each."""
    order = np.argsort(hashes, kind="stable")
    places = np.arange(hashes.size)
    begins = np.append(True, hashes[order][1:] != hashes[order][:-1])[: hashes.size]
    copies = np.empty(hashes.size, _U)
    copies[order] = places - np.maximum.accumulate(np.where(begins, places, 0))
    return copies


def _parts(documents: Sequence[str]) -> NDArray[np.int64]:
    """By the least hash of a document's word 5-grams, which two documents share with the chance of their similarity.

    Broder, On the resemblance and containment of documents, Compression and Complexity of Sequences (1997) 21-29.
    """
    data, bounds = in_bytes(documents)
    offsets, shingles = text.shingle_sets(data, bounds, tables(), np.arange(len(documents)))
    least = np.zeros(len(documents), _U)
    some = np.diff(offsets) > 0
    least[some] = shingles[offsets[:-1][some]]
    return (mixed(least, 0) % _U(PARTS)).astype(np.int64)


Portions: TypeAlias = Sequence[tuple[Pool, int]]
"""What a model reads: about so many words of each pool."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """What one model reads, by parts; arrays have shape (documents,)."""

    documents: list[str]
    words: NDArray[np.int64]
    parts: NDArray[np.int64]  # ascending
    keys: NDArray[np.uint64]

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Documents at which parts begin and end, shape (PARTS + 1,)."""
        return np.searchsorted(self.parts, np.arange(PARTS + 1)).astype(np.int64)


def drawn(portions: Portions, seed: int) -> Draw:
    """The draws of all pools of which words are asked for, together."""
    chosen = [(pool, pool.draw(words, seed)) for pool, words in portions if words]
    documents = [document for pool, places in chosen for document in pool.texts(places)]
    words = np.concatenate([pool.words[places] for pool, places in chosen])
    parts = np.concatenate([pool.parts[places] for pool, places in chosen])
    keys = np.concatenate([pool.keys[places] for pool, places in chosen])
    order = np.lexsort((keys, parts))
    return Draw(
        documents=[documents[place] for place in order.tolist()],
        words=words[order],
        parts=parts[order],
        keys=keys[order],
    )


def mixed(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Keys in an order that says nothing, another one for each seed: SplitMix64's finaliser.

    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014, figure 17.
    """
    state = keys + _U((seed + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
    state = (state ^ (state >> _U(30))) * _U(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> _U(27))) * _U(0x94D049BB133111EB)
    return state ^ (state >> _U(31))
