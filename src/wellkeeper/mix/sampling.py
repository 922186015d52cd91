"""The order in which documents are drawn: a hash of seed and text, so that any machine draws the same.

A document's place in the order depends on the seed, on its text and on which repeat of that text it is; never
on workers, timing or how the files were cut. Keeping the documents with the smallest values draws without
replacement, and a larger sample contains every smaller one.
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


def _mixed(state: Priorities) -> Priorities:
    """SplitMix64's output after one step from each state."""
    z = state + _STEP
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
