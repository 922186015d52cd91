"""Unigram: one green list for all positions, and how many of a text's distinct tokens are on it.

The mark raises the logits of a fixed set of tokens [1], which makes it hard to take out by rewriting and, since it is
the same everywhere, easy to learn by counting. The published detector counts every token and takes a z-score as if
each were a fresh draw. They are not: a token that comes ten times is green ten times or never, so the score of a text
grows with its repeats whether it is marked or not. Here a token counts once. If the key has nothing to do with the
text, the green ones among n distinct tokens of V, G of them green, are hypergeometric, exactly.

[1] Zhao, Ananth, Li and Wang, Provable robust watermarking for AI-generated text, ICLR 2024, arXiv:2306.17439;
    code: github.com/XuandongZhao/Unigram-Watermark.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Scores, check_documents
from wellkeeper.watermark.loops.prf import count_green
from wellkeeper.watermark.nulls import hypergeometric_tail, p_value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unigram:
    """Detector of one green list.

    Raises:
        DataError: the list is not a row of zeros and ones with some of each.
    """

    green: NDArray[np.uint8]  # shape (vocabulary,): 1 for green tokens

    def __post_init__(self) -> None:
        bits = self.green
        if bits.ndim != 1 or bits.dtype != np.uint8 or bits.max(initial=0) > 1:
            raise DataError(
                f"green has shape {bits.shape} and type {bits.dtype}. Pass a 0 or 1 for each token: shape "
                "(vocabulary,), uint8."
            )
        if not 0 < self.marked < bits.size:
            raise DataError(
                f"{self.marked} of {bits.size} tokens are green, which tells nothing. Draw a part of the vocabulary."
            )

    @property
    def name(self) -> str:
        return "unigram"

    @property
    def marked(self) -> int:
        """Green tokens."""
        return int(self.green.sum())

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Distinct tokens of each document, and the green ones among them.

        Raises:
            DataError: a token id is negative or not in the vocabulary, or offsets do not fit.
        """
        check_documents(tokens, offsets, vocabulary=self.green.size)
        distinct, hits = np.empty((2, offsets.size - 1), np.int64)
        seen = np.full(self.green.size, -1, np.int64)
        count_green(tokens, offsets, self.green, seen, distinct, hits)
        return Scores(scored=distinct, statistic=hits)

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """Chance that as many of so many distinct tokens are green by a list drawn at random, in (0, 1]."""
        tail = hypergeometric_tail(
            scores.statistic, scores.scored, marked=self.marked, population=self.green.size
        )
        return p_value(tail, scores.scored)


def reference_green(key: int, *, vocabulary: int, fraction: float) -> NDArray[np.uint8]:
    """The green list that the published code draws from a key: `Unigram`'s table, shape (vocabulary,).

    It hangs on numpy's generator PCG64 and its shuffle, which numpy may change; keep the table, not the key.

    Raises:
        DataError: the fraction is not inside (0, 1), or the key no 64-bit integer.
    """
    if not 0 < fraction < 1:
        raise DataError(f"fraction is {fraction}. Give the share of green tokens, inside (0, 1).")
    if not -(2**63) <= key < 2**63:
        raise DataError(f"key is {key}. Give a signed 64-bit integer, as the published code takes.")
    seed = int.from_bytes(hashlib.sha256(key.to_bytes(8, "little", signed=True)).digest()[:4], "little")
    green = np.zeros(vocabulary, np.bool_)
    green[: int(fraction * vocabulary)] = True
    np.random.default_rng(seed).shuffle(green)
    return green.astype(np.uint8)
