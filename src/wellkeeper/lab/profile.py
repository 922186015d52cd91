"""The words of a corpus: how often each comes, and in how many of its documents."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lab.text import Text
from wellkeeper.lab.text_figures import in_blocks
from wellkeeper.lab.worlds.ngram import BLOCK
from wellkeeper.measure.incidence import grouped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The words of a corpus, or of the part of it that a first model is trained on."""

    counts: NDArray[np.int64]  # shape (words,): copies, 0 for words of the vocabulary that it has not
    holders: NDArray[np.int64]  # shape (words,): documents with the word
    bounds: NDArray[
        np.int64
    ]  # shape (documents + 1,): document d has the entries from bounds[d] to below bounds[d + 1]
    entries: NDArray[np.int32]  # shape (entries,): the distinct words of each document

    @property
    def documents(self) -> int:
        return self.bounds.size - 1

    @property
    def words(self) -> int:
        """Copies of all words together."""
        return int(self.counts.sum())

    @property
    def types(self) -> int:
        """Distinct words."""
        return int(np.count_nonzero(self.counts))


def profile_of(text: Text, vocabulary: int) -> Profile:
    """Count the words of a text. Those numbered `vocabulary` or above, which no person used, do not count.

    Raises:
        DataError: the text has none of them.
    """
    documents = in_documents(text)
    found = grouped(
        documents.offsets, text.words, np.ones(text.words.size, np.int32), _numbered(text, vocabulary)
    )
    entries = text.words[found.firsts]
    known = entries < vocabulary
    if not known.any():
        raise DataError("The text has no word of the vocabulary. Check that its text column is not empty.")
    return Profile(
        counts=counts_of(text, vocabulary),
        holders=np.bincount(entries[known], minlength=vocabulary),
        bounds=np.concatenate(([0], np.cumsum(known)))[found.bounds],
        entries=entries[known],
    )


def _numbered(text: Text, vocabulary: int) -> int:
    return max(vocabulary, int(text.words.max(initial=-1)) + 1)


def in_documents(text: Text) -> Text:
    """Documents; of a text that is one stream, blocks of it."""
    return in_blocks(text, BLOCK) if len(text) == 1 else text


def counts_of(text: Text, vocabulary: int) -> NDArray[np.int64]:
    """Copies of each word of a vocabulary, shape (vocabulary,)."""
    return np.bincount(text.words, minlength=vocabulary)[:vocabulary]


def holders_of(text: Text, vocabulary: int) -> NDArray[np.int64]:
    """Documents that have each word of a vocabulary, shape (vocabulary,)."""
    ones = np.ones(text.words.size, np.int32)
    entries = text.words[grouped(text.offsets, text.words, ones, _numbered(text, vocabulary)).firsts]
    return np.bincount(entries, minlength=vocabulary)[:vocabulary]
