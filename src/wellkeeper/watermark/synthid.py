"""SynthID-Text: how much a text's tokens won the tournaments of a key.

Of a key and the n-gram that ends at a token, each layer of the tournament makes a g-value, 0 or 1. A marked text was
drawn so that its tokens' g-values tend to be 1 [1]. Integers here are those of transformers' classes [2], the masks for
repeated contexts and for what follows the end of the text included.

What the hash is makes the exact null distribution, and a fast detector. A layer takes the hash h of the n-gram and its
key k to entry (h + k) m + 1 of a table of 2^b bits: it looks at the low b bits of h alone, and all layers read one
table, at fixed distances from one another. So an n-gram's g-values in all layers are a function of b bits, 65,536
possible rows. They are written out once, and counted once: how many rows add up to how much is the distribution that
one n-gram draws from if the text knows nothing of the key. Two shortcuts go wrong here. The mean is the table's, not
1/2. And layers are not independent: their sum has another variance than a binomial, by about half a percent for keys
that differ in their low bits, and by a lot for keys that agree there.

[1] Dathathri et al., Scalable watermarking for identifying large language model outputs, Nature 634 (2024) 818-823.
[2] transformers 5: SynthIDTextWatermarkLogitsProcessor, after google-deepmind/synthid-text.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Scores, check_documents
from wellkeeper.watermark.loops.mersenne import WORDS, fill_words
from wellkeeper.watermark.loops.synthid import MULTIPLIER, count_g_values
from wellkeeper.watermark.nulls import p_value
from wellkeeper.watermark.whole_sums import WholeSum

TABLE_SIZE = 1 << 16
"""Bits of the sampling table in the reference's settings."""
MOST_LAYERS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class SynthID:
    """SynthID-Text with one key.

    Raises:
        DataError: a setting is out of its range, or the table holds other values than 0 and 1.
    """

    keys: tuple[int, ...]  # of the layers, 1 to 64 integers of 64 bits, the first of the tournament first
    ngram_length: int  # tokens that make a g-value, 2 or more: the token and those before it
    table: NDArray[np.uint8]
    """Zeros and ones; a power of two of them, 65,536 as a rule. The table itself and not its seed: a graphics card
    draws another table of one seed than a processor."""
    context_history_size: int | None = None
    """A context counts if it is none of so many before it. None: of all in the document, which p-values of texts beyond
    1,024 tokens need, whatever the generator did; the reference has 1,024."""
    eos: int | None = None  # token at which a text ends; what follows does not count
    weighted: bool = False
    """Weigh layers 10, ..., 1, evenly spaced: the first layers of a tournament carry the most (the reference's
    weighted mean)."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= MOST_LAYERS:
            raise DataError(f"keys has {len(self.keys)} keys. Give one a layer, 1 to {MOST_LAYERS}.")
        for key in self.keys:
            if not -(1 << 63) <= key < 1 << 63:
                raise DataError(f"keys holds {key}. Give integers of 64 bits.")
        if self.ngram_length < 2:
            raise DataError(f"ngram_length is {self.ngram_length}. Give 2 or more: a token and its context.")
        if self.context_history_size is not None and self.context_history_size < 1:
            raise DataError(f"context_history_size is {self.context_history_size}. Give 1 or more, or None.")
        if self.eos is not None and self.eos < 0:
            raise DataError(f"eos is {self.eos}. Give the id of a token, from 0, or None.")
        _check_table(self.table)

    @property
    def name(self) -> str:
        return "synthid-weighted" if self.weighted else "synthid"

    @property
    def depth(self) -> int:
        """Layers of the tournament."""
        return len(self.keys)

    @property
    def layer_weights(self) -> NDArray[np.int64]:
        """What a g-value of 1 adds to the statistic, shape (depth,), in whole numbers without a common factor.

        The reference's weights, evenly spaced from 10 to 1, times whatever makes them whole.
        """
        if not self.weighted or self.depth == 1:
            return np.ones(self.depth, np.int64)
        weights = 10 * (self.depth - 1) - 9 * np.arange(self.depth, dtype=np.int64)
        return weights // math.gcd(*weights.tolist())

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Count g-values; see `Detector.scores`.

        `layers` has the sums by layer, `statistic` their sum by `layer_weights`, whole numbers both.

        Raises:
            DataError: a token id is negative, or offsets do not delimit the tokens.
        """
        check_documents(tokens, offsets)
        documents = len(offsets) - 1
        longest = int(np.diff(offsets).max(initial=1))
        slots = 1 << (2 * longest - 1).bit_length()
        scored = np.empty(documents, np.int64)
        layers = np.empty((documents, self.depth), np.int64)
        count_g_values(
            tokens,
            offsets,
            self.ngram_length,
            longest + 1 if self.context_history_size is None else self.context_history_size,
            -1 if self.eos is None else self.eos,
            self._rows,
            np.empty(longest, np.uint64),
            np.empty(slots, np.uint64),
            np.full(slots, -1, np.int64),
            np.empty(64, np.uint64),
            scored,
            layers,
        )
        return Scores(scored=scored, statistic=layers @ self.layer_weights, layers=layers)

    def means(self, scores: Scores) -> NDArray[np.float64]:
        """The reference's mean or weighted mean of g-values, in [0, 1], shape (documents,); nan where none count."""
        most = scores.scored * int(self.layer_weights.sum())
        with np.errstate(invalid="ignore"):
            return scores.statistic / most

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """See `Detector.p_values`: n-grams are independent draws of this table's rows.

        A context that counts again after `context_history_size` others is no new draw. English of 10,000 tokens under
        the reference's 1,024 is called marked 1.2 times as often as it should be at p <= 0.01, and 1.5 times at 0.001.
        The sum of up to 24 n-grams or 512 g-values is convolved, right to 1 part in 10^7. Beyond, a saddlepoint is off
        by less than 1 part in 1,000, and by less than 1 in 5,000 from 50 n-grams of 30 layers on.
        """
        return p_value(self._sum.tail(scores.statistic, scores.scored), scores.scored)

    @cached_property
    def _rows(self) -> NDArray[np.uint64]:
        """The g-values of all layers, layer d at bit d, for the low bits of an n-gram's hash."""
        low = np.uint64(self.table.size - 1)
        hashes = np.arange(self.table.size, dtype=np.uint64)
        rows = np.zeros(self.table.size, np.uint64)
        for layer, key in enumerate(self.keys):
            entries = (hashes + np.uint64(key % (1 << 64))) * np.uint64(MULTIPLIER) + np.uint64(1)
            rows |= self.table[entries & low].astype(np.uint64) << np.uint64(layer)
        return rows

    @cached_property
    def _sum(self) -> WholeSum:
        """What n-grams add to the statistic by chance: every row is as likely as any other."""
        values = np.zeros(self.table.size, np.int64)
        for layer, weight in enumerate(self.layer_weights.tolist()):
            values += weight * ((self._rows >> np.uint64(layer)) & np.uint64(1)).astype(np.int64)
        return WholeSum(values=values, bits=self.depth)


def table_of(seed: int, size: int = TABLE_SIZE) -> NDArray[np.uint8]:
    """The sampling table that transformers draws of a seed on a processor, shape (size,), zeros and ones.

    `torch.randint(0, 2, ...)` of a CPU generator: the low bits of MT19937. A table drawn on a graphics card is another
    one and has to be taken from there.
    """
    words = np.empty(size, np.uint32)
    fill_words(seed & 0xFFFFFFFF, np.empty(WORDS, np.uint32), words)
    return (words & 1).astype(np.uint8)


def _check_table(table: NDArray[np.uint8]) -> None:
    if table.dtype != np.uint8 or table.ndim != 1 or table.size < 2 or table.size & (table.size - 1):
        raise DataError(
            f"table has shape {table.shape} and type {table.dtype}. Give a power of two of zeros and ones as uint8, "
            f"{TABLE_SIZE:,} as a rule."
        )
    if table.max() > 1:
        raise DataError(f"table holds {table.max()}. Unpack its bits first: numpy.unpackbits.")
    if table.min() == table.max():
        raise DataError(
            f"table holds only {table[0]}, which marks nothing. Take the table of the text's key."
        )
