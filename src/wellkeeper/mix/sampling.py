"""The order in which documents are drawn, and how often each: a hash of seed and text, the same on any machine.

A document's place in the order depends on the seed, on its text and on what tells repeats of that text apart; never
on workers or timing. Keeping the documents with the smallest values draws without
replacement, and a larger sample contains every smaller one.

A document of sampling weight w goes in w times in the mean: as often as the whole part of w says, and once more with
a chance of what is left of it. Each document is drawn by itself, from its own hash. So the same seed draws the same,
another document's weight changes nothing, and a lower weight never draws more copies than a higher one.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Priorities: TypeAlias = NDArray[np.uint64]  # shape (documents,): uniform over 64 bits, smallest drawn first

# SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014, with the
# multipliers of its reference implementation (Stafford's variant 13 of the MurmurHash3 finaliser).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_COPIES = np.uint64(0xD1B54A32D192ED03)
"""Sets the draw of copies apart from the order of documents; any constant would do."""


def priority(seed: int, digests: NDArray[np.uint8], occurrence: NDArray[np.integer]) -> Priorities:
    """Sampling order of documents; smallest first.

    Args:
        seed: any integer; taken modulo 2**64.
        digests: SHA-256 of each text, shape (documents, 32); the first 8 bytes are used.
        occurrence: shape (documents,), tells repeats of one text apart; taken modulo 2**64.

    Raises:
        DataError: the shapes do not fit.
    """
    if digests.ndim != 2 or digests.shape[1] != 32 or digests.dtype != np.uint8:
        raise DataError(
            f"digests have shape {digests.shape} and type {digests.dtype}. "
            "Pass SHA-256 digests as uint8, shape (documents, 32)."
        )
    if occurrence.shape != (len(digests),):
        raise DataError(
            f"occurrence has shape {occurrence.shape} for {len(digests)} digests. "
            "Pass one integer per document."
        )
    heads = np.ascontiguousarray(digests[:, :8]).view("<u8").reshape(-1).astype(np.uint64)
    start = np.array([seed % (1 << 64)], np.uint64)
    return _mixed(_mixed(_mixed(start) ^ heads) + occurrence.astype(np.uint64))


def copies_of(weights: NDArray[np.floating], order: Priorities) -> NDArray[np.int64]:
    """How often each document goes in: floor(weight), and 1 more with a chance of weight - floor(weight).

    The chance is taken from `order`, the documents' priorities, hashed once more: how often a document goes in says
    nothing about its place in the order. It is a multiple of 2**-53, so the mean is off by no more than that.

    >>> copies_of(np.array([0.0, 1.0, 3.0]), np.arange(3, dtype=np.uint64)).tolist()
    [0, 1, 3]

    Raises:
        DataError: the shapes differ, or a weight is negative or no finite number.
    """
    if weights.shape != order.shape:
        raise DataError(
            f"weights has shape {weights.shape} and order {order.shape}. Pass one of each per document."
        )
    exact = weights.astype(np.float64)
    wrong = ~((exact >= 0) & np.isfinite(exact))
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(f"weights[{at}] is {exact[at]}. Sampling weights are finite and start at 0.")
    whole = np.floor(exact)
    uniform = (_mixed(order ^ _COPIES) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (whole + (uniform < exact - whole)).astype(np.int64)


def copy_order(order: Priorities, copies: NDArray[np.integer]) -> Priorities:
    """Priorities of all copies, shape (sum of copies,), document by document: of the first, the document's own.

    >>> copy_order(np.array([7, 8, 9], np.uint64), np.array([1, 0, 2]))[:2].tolist()
    [7, 9]
    """
    ends = np.cumsum(copies)
    number = (np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - copies, copies)).astype(np.uint64)
    own = np.repeat(order, copies)
    return np.where(number > 0, _mixed(_mixed(own ^ _COPIES) + number), own)


def _mixed(state: Priorities) -> Priorities:
    """SplitMix64's output after one step from each state."""
    z = state + _STEP
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
