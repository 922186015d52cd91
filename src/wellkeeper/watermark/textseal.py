"""TextSeal's Gumbel-max mark, read to the bit as its published detector reads it, without a model.

TextSeal [1, 2] samples like Gumbel marks do (`watermark.gumbel`), by numbers that a hash of key, window and token
gives. The hash ends modulo 8,191, so a number is one of 8,191 and not any in (0, 1): a sum of -ln(1 - r) is 0.07 %
smaller on average than the gamma distribution says that the published detector takes its p-value from. That is safe
and, over thousands of tokens, wasteful: at 10,000 of them a nominal 1 in 1,000 is 1 in 1,290. Here p-values are of the
sum of draws from those 8,191 numbers themselves.

What weights tokens by a model's entropy is not read here: it needs the model.

[1] TextSeal, 2026, arXiv:2605.12456.
[2] Package textseal 0.0.5 (Meta, MIT): `common/watermark/pseudorandom.py`, and `GumbelmaxDetector` with
    `scoring_method="v2"`, in which an n-gram counts once, in `posthoc/detector.py`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Scores, check_documents
from wellkeeper.watermark.loops.prf import LONGEST_WINDOW, MODULUS, draw_textseal, places_for
from wellkeeper.watermark.nulls import Draw, discrete, gamma_tail, p_value, sum_tail

_ENOUGH = 32
"""n-grams from which on p-values are of the 8,191 numbers. Of fewer, the two distributions differ by less than the
saddlepoint is off, and the gamma distribution, which is above, is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSeal:
    """Detector of one secret key.

    Raises:
        DataError: the key or the window is out of its range.
    """

    key: int  # the package's secret_key, from 0 to 2^63 - 1
    vocabulary: int  # token ids are below it
    window: int = 4  # the package's ngram: tokens before one that its draw hangs on, 1 to 10

    def __post_init__(self) -> None:
        if not 0 <= self.key < 2**63:
            raise DataError("key is out of its range. Give a number from 0 to 2^63 - 1.")
        if not 1 <= self.window <= LONGEST_WINDOW:
            raise DataError(
                f"window is {self.window}. TextSeal hashes 1 to {LONGEST_WINDOW} tokens: give one of them."
            )

    @property
    def name(self) -> str:
        return "textseal"

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Distinct n-grams of each document, and the sum of -ln(1 - r) over them in the order of the text.

        As in the package, a document's first whole window does not count.

        Raises:
            DataError: a token id is negative or not in the vocabulary, or offsets do not fit.
        """
        return self._drawn(tokens, offsets)[0]

    def draws(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
        """8,191 r of each token that counts, 0 to 8,190, shape (tokens,); -1 where none does: repeats and starts.

        Raises:
            DataError: as `scores`.
        """
        return self._drawn(tokens, offsets)[1]

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """Chance of as large a sum from draws of the 8,191 numbers, in (0, 1]."""
        tail = gamma_tail(scores.statistic, scores.scored)
        many = scores.scored >= _ENOUGH
        exact = sum_tail(scores.statistic[many], scores.scored[many], _draw())
        tail[many] = np.minimum(tail[many], exact)
        return p_value(tail, scores.scored)

    def _drawn(
        self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> tuple[Scores, NDArray[np.int32]]:
        check_documents(tokens, offsets, vocabulary=self.vocabulary)
        documents = offsets.size - 1
        scored, statistic = np.empty(documents, np.int64), np.empty(documents)
        drawn = np.full(tokens.size, -1, np.int32)
        draw_textseal(
            tokens,
            offsets,
            self.window,
            self.key,
            _score_of(),
            places_for(offsets),
            drawn,
            scored,
            statistic,
        )
        return Scores(scored=scored, statistic=statistic), drawn


@cache
def _score_of() -> NDArray[np.float64]:
    """-ln(1 - r) of each number, shape (8191,)."""
    return -np.log((MODULUS - np.arange(MODULUS)) / MODULUS)


@cache
def _draw() -> Draw:
    return discrete(_score_of())
