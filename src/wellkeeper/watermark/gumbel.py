"""Gumbel, also EXP: sampling by a key's numbers in place of random ones, and the sum that gives it away.

A model that would sample a token with probabilities p takes the one with the greatest r^(1/p) instead, where r is a
number in (0, 1) that a key draws for each token from the few tokens before it [1, 2]. To whoever lacks the key, that is
an honest sample. A token that was chosen so tends to have a large r; in text that the key had nothing to do with, r is
uniform, -ln(1 - r) exponential, and the sum over n distinct n-grams gamma distributed with shape n [3].

[1] Aaronson, Watermarking of large language models, talk at the Simons Institute, August 2023.
[2] Kuditipudi et al., Robust distortion-free watermarks for language models, TMLR 2024, arXiv:2307.15593.
[3] Fernandez et al., Three bricks to consolidate watermarks for large language models, 2023, arXiv:2308.00113, 3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Scores, check_documents
from wellkeeper.watermark.loops.prf import draw_gumbel, places_for
from wellkeeper.watermark.nulls import gamma_tail, p_value
from wellkeeper.watermark.prf import keyed


@dataclass(frozen=True, slots=True, kw_only=True)
class Gumbel:
    """Detector of one key with our own function, `watermark.prf`; `prf.uniforms` is what a writer draws by.

    Raises:
        DataError: the key or the context is out of its range.
    """

    key: int  # from 0 to 2^64 - 1
    vocabulary: int  # token ids are below it
    context: int = 4  # tokens before one that its draw hangs on, 1 or more

    def __post_init__(self) -> None:
        if not 0 <= self.key < 2**64:
            raise DataError("key is out of its range. Give a number from 0 to 2^64 - 1.")
        if self.context < 1:
            raise DataError(f"context is {self.context}. Give the tokens that a draw hangs on, 1 or more.")

    @property
    def name(self) -> str:
        return "gumbel"

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Distinct n-grams of each document, and the sum of -ln(1 - r) over them in the order of the text.

        Raises:
            DataError: a token id is negative or not in the vocabulary, or offsets do not fit.
        """
        return self._drawn(tokens, offsets)[0]

    def draws(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """The number in (0, 1) of each token that counts, shape (tokens,); 0 where none does: repeats and starts.

        Raises:
            DataError: as `scores`.
        """
        return self._drawn(tokens, offsets)[1].astype(np.float64) * 2.0**-53

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """Chance of as large a sum from uniform numbers, in (0, 1]."""
        return p_value(gamma_tail(scores.statistic, scores.scored), scores.scored)

    def _drawn(
        self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> tuple[Scores, NDArray[np.uint64]]:
        check_documents(tokens, offsets, vocabulary=self.vocabulary)
        documents = offsets.size - 1
        scored, statistic = np.empty(documents, np.int64), np.empty(documents)
        drawn = np.zeros(tokens.size, np.uint64)
        draw_gumbel(
            tokens, offsets, self.context, keyed(self.key), places_for(offsets), drawn, scored, statistic
        )
        return Scores(scored=scored, statistic=statistic), drawn
