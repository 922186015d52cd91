"""What learns from documents, and then says how much others surprise it: the protocol of proof.

A learner is any kind of model that can be fitted to documents as strings: an n-gram model in a fraction of a second, a
small transformer in minutes, a fine-tune of a pre-trained one. All are asked the same question, the negative
log-likelihood of documents that they have not read, in nats; and their answers are told a word, by one definition of
words (`wellkeeper.kernels.words`), whatever pieces they themselves read. Nats a word of learners with different pieces
compare; nats a piece would not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.kernels import text
from wellkeeper.kernels.documents import in_bytes, tables
from wellkeeper.measure.incidence import Documents, Hashes, Offsets, check_offsets

ModelT = TypeVar("ModelT")
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surprise:
    """Negative log-likelihood of documents under a model, in nats."""

    nats: Numbers  # shape (documents,): of each whole document, whatever lies between its words included
    words: NDArray[np.int64]  # shape (documents,): as `words_of` counts them
    by_word: Numbers | None = None  # shape (words of all documents,); each document's sum to its `nats`

    def __post_init__(self) -> None:
        if self.nats.shape != self.words.shape:
            raise DataError(
                f"There are surprises of {self.nats.size} documents and words of {self.words.size}. "
                "Tell one of each for every document."
            )
        if self.by_word is not None and self.by_word.size != self.words.sum():
            raise DataError(
                f"There are surprises of {self.by_word.size:,} words, and the documents have "
                f"{int(self.words.sum()):,}. Use `by_words` to sum those of pieces to words."
            )


class Learner(Protocol[ModelT]):
    """A kind of model."""

    @property
    def name(self) -> str:
        """As on the command line: `ngram`, `transformer`, ..."""

    def fit(self, documents: Sequence[str], seed: int) -> ModelT:
        """A model that has read the documents. Equal documents and seed give an equal model."""

    def surprise(self, model: ModelT, documents: Sequence[str]) -> Surprise:
        """How much documents surprise a model."""


@runtime_checkable
class Unlearner(Protocol):
    """A learner that can forget some of what it read at little cost: its intervals need no other draws."""

    def without_each(
        self, model: Any, bounds: NDArray[np.int64], documents: Sequence[str]
    ) -> Iterator[Surprise]:
        """The surprise under the model less the documents [bounds[b], bounds[b + 1]) that it read, for each b."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordPlaces:
    """The words of documents: lower-cased runs of letters and digits, as every count of wellkeeper has them."""

    offsets: Offsets  # document d has the words from offsets[d] to below offsets[d + 1]
    hashes: Hashes  # shape (words,)
    firsts: NDArray[np.int64]  # shape (words,): where each begins, in bytes of its document's UTF-8

    def documents(self) -> Documents:
        return Documents(offsets=self.offsets, hashes=self.hashes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Words of each document, shape (documents,)."""
        return np.diff(self.offsets)


def words_of(documents: Sequence[str]) -> WordPlaces:
    """Find the words of documents.

    >>> found = words_of(["A cat, a dog.", ""])
    >>> found.offsets.tolist(), found.firsts.tolist()
    ([0, 4, 4], [0, 2, 7, 9])
    """
    data, bounds = in_bytes(documents)
    offsets, hashes, firsts, _ = text.word_places(data, bounds, tables(), np.arange(len(documents)))
    return WordPlaces(offsets=offsets, hashes=hashes, firsts=firsts)


def by_words(ends: NDArray[np.integer], nats: NDArray[np.floating], firsts: NDArray[np.integer]) -> Numbers:
    """Sum the surprises of a document's pieces to those of its words, shape (words,).

    Args:
        ends: where each piece ends, in bytes of the document's UTF-8, shape (pieces,); ascending.
        nats: negative log-likelihood of each piece, shape (pieces,).
        firsts: where each word begins, in bytes, shape (words,): a part of `WordPlaces.firsts`.

    A piece belongs to the last word that begins before the piece ends: a piece with a blank before its word to that
    word, and marks of punctuation to the word before them. What stands before all words belongs to the first.

    >>> by_words(np.array([3, 4, 8]), np.array([1.0, 0.5, 2.0]), np.array([0, 5])).tolist()
    [1.5, 2.0]

    Raises:
        DataError: pieces and surprises are not equally many, or there is no word.
    """
    if ends.shape != nats.shape or not firsts.size:
        raise DataError(
            f"{ends.size} pieces end somewhere, {nats.size} have a surprise, and there are {firsts.size} words. Tell "
            "the end and the surprise of every piece, of a document that has words."
        )
    of_word = np.maximum(np.searchsorted(firsts, ends, side="left") - 1, 0)
    return np.bincount(of_word, nats, firsts.size).astype(np.float64, copy=False)


def by_document(offsets: Offsets, by_word: Numbers) -> Numbers:
    """Sums over each document, shape (documents,)."""
    check_offsets(offsets, by_word.size, "surprises")
    ends = np.concatenate(([0.0], np.cumsum(by_word)))
    return np.diff(ends[offsets])
