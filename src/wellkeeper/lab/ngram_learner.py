"""The n-gram proxy: an interpolated Kneser-Ney model, which learns a million words in seconds and forgets exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lab.learner import Numbers, Surprise, WordPlaces, by_document, words_of
from wellkeeper.measure.held_out import VOCABULARY
from wellkeeper.measure.kneser_ney import DISCOUNT, ORDER, Model, Words, fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NgramModel:
    """What was counted in documents, and which words its numbers stand for."""

    counted: Model
    types: NDArray[
        np.uint64
    ]  # shape (types,): hashes of the words read, ascending; their places are their numbers
    offsets: NDArray[np.int64]  # shape (documents + 1,): of the documents read, in words

    def numbers(self, words: WordPlaces) -> Words:
        """Words as numbers; all that were never read have the next number, which no n-gram has."""
        place = np.searchsorted(self.types, words.hashes)
        known = place < self.types.size
        known[known] = self.types[place[known]] == words.hashes[known]
        return np.where(known, place, self.types.size).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramLearner:
    """Kneser-Ney models over one closed vocabulary, so that those of different documents compare."""

    name: str = "ngram"
    order: int = ORDER
    discount: float = DISCOUNT

    def fit(self, documents: Sequence[str], seed: int) -> NgramModel:
        """Nothing is drawn: any seed gives the same model.

        Raises:
            DataError: the documents have more distinct words than the vocabulary.
        """
        del seed
        read = words_of(documents)
        types, numbers = np.unique(read.hashes, return_inverse=True)
        if types.size >= VOCABULARY:
            raise DataError(
                f"The documents have {types.size:,} distinct words, and a model knows {VOCABULARY:,} at most. "
                "Fit it to fewer words."
            )
        counted = fit(
            read.offsets,
            numbers.astype(np.int32),
            vocabulary=VOCABULARY,
            order=self.order,
            discount=self.discount,
        )
        return NgramModel(counted=counted, types=types, offsets=read.offsets)

    def surprise(self, model: NgramModel, documents: Sequence[str]) -> Surprise:
        asked = words_of(documents)
        return _told(asked, -model.counted.log_probabilities(asked.offsets, model.numbers(asked)))

    def without_each(
        self, model: NgramModel, bounds: NDArray[np.int64], documents: Sequence[str]
    ) -> Iterator[Surprise]:
        """As `learner.Unlearner`; the counts are those of a model fitted to what is left."""
        asked = words_of(documents)
        for found in model.counted.without_each(model.offsets[bounds], asked.offsets, model.numbers(asked)):
            yield _told(asked, -found)


def _told(asked: WordPlaces, by_word: Numbers) -> Surprise:
    return Surprise(nats=by_document(asked.offsets, by_word), words=asked.sizes, by_word=by_word)
