"""A source of documents whose truth is known: Zipf words, topics, bursts, unequal lengths."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.incidence import Incidence, incidence_of

PHRASES, PHRASE_WORDS = 40, 8


@dataclass(frozen=True, kw_only=True)
class Source:
    """Each document has one of `topics` reweightings of Zipf's law; a share `burst` of its words repeats others.

    `temperature` sharpens (below 1) every topic's distribution, as sampling from a model does.
    """

    types: int = 20_000
    topics: int = 30
    contrast: float = 4.0  # variance of the gamma weights that make a topic out of Zipf's law; 0: no topics
    burst: float = 0.3
    words: float = 200.0  # mean of a document
    spread: float = 1.0  # coefficient of variation of the log-normal length
    temperature: float = 1.0
    stock: float = 0.0  # chance that a document ends in one of `PHRASES` stock phrases

    def cumulative(self) -> NDArray[np.float64]:
        zipf = 1 / (np.arange(1, self.types + 1) + 2.7)
        weights = zipf[None]
        if self.contrast:
            shape = 1 / self.contrast
            weights = zipf * np.random.default_rng(0).gamma(shape, 1 / shape, (self.topics, self.types))
        sharpened = (weights / weights.sum(axis=1, keepdims=True)) ** (1 / self.temperature)
        sums = np.cumsum(sharpened, axis=1)
        return sums / sums[:, -1:]

    def sampler(self):
        """A function (documents, rng) -> offsets and token hashes."""
        topics = self.cumulative()

        def sample(documents: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
            scale = np.sqrt(np.log(1 + self.spread**2))
            lengths = self.words * np.exp(rng.normal(-(scale**2) / 2, scale, documents))
            lengths = np.maximum(1, lengths.astype(np.int64))
            offsets = np.concatenate(([0], np.cumsum(lengths)))
            tokens = np.concatenate(
                [np.searchsorted(topics[rng.integers(len(topics))], rng.random(n)) for n in lengths]
            )
            place = np.arange(tokens.size) - np.repeat(offsets[:-1], lengths)
            repeats = rng.random(tokens.size) < self.burst
            earlier = np.repeat(offsets[:-1], lengths) + (rng.random(tokens.size) * place).astype(np.int64)
            tokens[repeats] = tokens[earlier[repeats]]
            if self.stock:
                _end_in_stock_phrases(offsets, tokens, self.stock, rng)
            return offsets, tokens.astype(np.uint64)

        return sample


def _end_in_stock_phrases(
    offsets: NDArray[np.int64], tokens: NDArray[np.int64], chance: float, rng: np.random.Generator
) -> None:
    """Some phrases are far more usual than others: phrase k with a chance in proportion to 1 / (k + 1)."""
    usual = 1 / np.arange(1, PHRASES + 1)
    for first, end in pairwise(offsets):
        if rng.random() < chance and end - first >= PHRASE_WORDS:
            phrase = rng.choice(PHRASES, p=usual / usual.sum())
            tokens[end - PHRASE_WORDS : end] = 100 + PHRASE_WORDS * phrase + np.arange(PHRASE_WORDS)


def incidence(documents: list[list[int]]) -> Incidence:
    """The incidence of documents given as lists of small numbers."""
    offsets = np.concatenate(([0], np.cumsum([len(document) for document in documents], dtype=np.int64)))
    tokens = [token for document in documents for token in document]
    return incidence_of(offsets.astype(np.int64), np.array(tokens, np.uint64))
