"""What every watermark detector promises.

A detector sees token ids and a key, never a model. From each document it takes integers, or sums in a fixed order, of
the n-grams that count: repeats within a document are left out, since a repeated n-gram carries one draw of the key and
not two (Fernandez et al. 2023, arXiv:2308.00113). A p-value is the chance of a statistic at least as large if the key
had nothing to do with the text, by the exact null distribution of that very key. For many documents use
`wellkeeper.watermark.many`: at 100 million documents a p-value of 1e-6 is a hundred false alarms.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """What a detector counted in each document; arrays share the shape (documents,)."""

    scored: NDArray[np.int64]  # n-grams that count
    statistic: NDArray[
        Any
    ]  # int64 sum of the scheme's g-values or green tokens; float64 for real-valued schemes
    layers: NDArray[np.int64] | None = (
        None  # the sum by layer, shape (documents, depth), where a scheme has layers
    )

    def __len__(self) -> int:
        return len(self.scored)


@runtime_checkable
class Detector(Protocol):
    """One scheme with one key."""

    @property
    def name(self) -> str:
        """The scheme: synthid, synthid-weighted, kgw-lefthash, kgw-selfhash, unigram, gumbel, textseal."""
        ...

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Score documents: document k has the token ids `tokens[offsets[k]:offsets[k + 1]]`.

        Raises:
            DataError: a token id is negative or not below the size of the key's vocabulary.
        """
        ...

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """Chance of a statistic at least as large without a watermark, shape (documents,), in (0, 1].

        1.0 for a document with no n-gram that counts.
        """
        ...


def check_documents(
    tokens: NDArray[np.int32], offsets: NDArray[np.int64], *, vocabulary: int | None = None
) -> None:
    """Refuse what no detector can score.

    Raises:
        DataError: a token id is negative or not below the size of the vocabulary; offsets do not delimit the tokens.
    """
    if tokens.ndim != 1 or tokens.dtype != np.int32:
        raise DataError(
            f"tokens has shape {tokens.shape} and type {tokens.dtype}. Pass token ids: shape (tokens,), int32."
        )
    rising = (
        offsets.ndim == 1 and offsets.dtype == np.int64 and offsets.size and (np.diff(offsets) >= 0).all()
    )
    if not rising or offsets[0] < 0 or offsets[-1] > tokens.size:
        raise DataError(
            f"offsets do not delimit documents in {tokens.size:,} tokens. Pass shape (documents + 1,), int64, from 0 "
            "up to the number of tokens, none below the one before."
        )
    ids = 1 << 31 if vocabulary is None else vocabulary
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < ids:
        at = int(np.argmax((tokens < 0) | (tokens >= ids)))
        known = "ids start at 0" if vocabulary is None else f"the key's vocabulary has {vocabulary:,} tokens"
        raise DataError(
            f"tokens[{at}] is {tokens[at]}, and {known}. Use the tokeniser that the key was made for."
        )
