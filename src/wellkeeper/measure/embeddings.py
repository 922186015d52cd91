"""How diverse documents are, and whether two corpora differ, as vectors of their texts see it.

Vectors are brought to length one and onto the grid of `VECTOR_UNIT`: products of two and sums of products are then
whole numbers that floats hold exactly, so that the figures are the same for any number of threads. What is printed of
eigenvalues, the one thing here that cannot be exact, is rounded far above the noise of their last digits. What
corpora share and lack of each other's neighbourhoods is in `wellkeeper.measure.neighbours`.

**Vendi score** [1]: the exponential of the entropy of the eigenvalues of K / n, where K holds the cosines of n
documents: how many unlike documents would be as diverse. n orthogonal documents have score n, copies of one have 1.
Order 1 is Shannon's entropy, order 2 weighs what is common more, order infinity sees the largest eigenvalue alone [2].
K / n and the matrix of dimensions X'X / n have the same eigenvalues but noughts, so that the smaller one will do.
More documents have higher scores: compare equal numbers.

**Kernel two-sample test** [3]: the squared maximum mean discrepancy (MMD) of two samples under a Gaussian kernel whose
bandwidth is the median distance, in its unbiased form. Its null distribution is that of the same figure with the
labels of the pooled documents permuted, so the test's level is exact for documents drawn independently.

[1] Friedman and Dieng, The Vendi score: a diversity evaluation metric for machine learning, TMLR (2023).
[2] Pasarkar and Dieng, Cousins of the Vendi score, AISTATS (2024).
[3] Gretton et al., A kernel two-sample test, Journal of Machine Learning Research 13 (2012) 723-773, Lemma 6.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.jackknife import Interval

Units: TypeAlias = NDArray[
    np.int16
]  # shape (documents, dimensions): unit vectors in units of 1 / VECTOR_UNIT
Numbers: TypeAlias = NDArray[np.float64]

PERMUTATIONS = 199
MOST_COMPARED = 1000
"""Documents of each corpus that the kernel test takes at most. It holds the kernel of all pairs: 32 MB for so many, and
81 MB while it is made."""

_DIGITS = 9  # of a figure made of eigenvalues, whose relative error is some 1e-13
_KERNEL_UNIT = (
    1 << 20
)  # values of the kernel are whole multiples of 1 / _KERNEL_UNIT, so that sums of them are exact


def unit_vectors(vectors: NDArray[np.floating]) -> Units:
    """Vectors of any length as unit vectors on the grid, shape (documents, dimensions).

    Rounding moves a cosine by some 0.0002.

    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, -0.1]])).tolist()
    [[1229, 1638], [0, -2048]]

    Raises:
        DataError: the vectors have no dimension, are not finite, or one is all noughts.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise DataError(
            f"vectors have shape {vectors.shape}. Pass a row for each document, of at least 1 dimension."
        )
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1)
    wrong = ~np.isfinite(largest) | (largest == 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"vectors[{row}] {'is all noughts' if largest[row] == 0 else 'is not finite'}. "
            "Leave documents out that have no vector."
        )
    wide /= largest[:, None]  # so that no square overflows
    lengths = np.sqrt(np.square(wide).sum(axis=1))
    return np.asarray(np.rint(wide * (VECTOR_UNIT / lengths)[:, None]), np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendi:
    """Vendi scores of one corpus: from 1 to the number of documents, or of dimensions if that is smaller."""

    documents: int
    q1: Interval
    q2: Interval
    infinity: Interval

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "q1": self.q1.to_json(),
            "q2": self.q2.to_json(),
            "infinity": self.infinity.to_json(),
        }


def vendi(units: Units, *, documents: int | None = None) -> Vendi:
    """Vendi scores of the first `documents` (default: all), in sampling order, each with its interval.

    The interval is about the mean score of fresh samples of as many documents.

    Raises:
        DataError: fewer than 10 documents, `documents` is more than there are, or a vector is all noughts.
    """
    documents = len(units) if documents is None else documents
    if documents > len(units):
        raise DataError(f"there are {len(units)} documents, not {documents}. Ask for no more than there are.")
    bounds = jackknife.blocks(documents)
    check_units(units[:documents])
    scores, *emptied = (_scores(gram) for gram in _grams(units[:documents], bounds))
    q1, q2, infinity = (
        _rounded(jackknife.positive_interval(score, without, np.diff(bounds)))
        for score, without in zip(scores.tolist(), np.transpose(emptied), strict=True)
    )
    return Vendi(documents=documents, q1=q1, q2=q2, infinity=infinity)


def vendi_scores(units: Units) -> tuple[float, float, float]:
    """Vendi scores of order 1, 2 and infinity of all documents, without intervals.

    Two documents alike and one unlike them are as diverse as e^0.637 documents:

    >>> vendi_scores(unit_vectors(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])))[0]
    1.88988157

    Raises:
        DataError: there is no document, or a vector is all noughts.
    """
    check_units(units)
    q1, q2, infinity = _scores(next(_grams(units, np.zeros(1, np.int64))))
    return _settled(q1), _settled(q2), _settled(infinity)


def _grams(units: Units, bounds: NDArray[np.int64]) -> Iterator[Numbers]:
    """The smaller matrix of products, exact: of all documents, then without each block of them."""
    rows = units.astype(np.float64)
    blocks = list(pairwise(bounds.tolist()))
    if len(rows) < rows.shape[1]:
        products = rows @ rows.T
        yield products
        for block in blocks:
            left = np.delete(np.arange(len(rows)), slice(*block))
            yield products[np.ix_(left, left)]
    else:
        products = rows.T @ rows
        yield products
        for first, end in blocks:
            yield products - rows[first:end].T @ rows[first:end]


def _scores(gram: Numbers) -> Numbers:
    """Of order 1, 2 and infinity, shape (3,)."""
    shares = np.linalg.eigvalsh(gram / np.trace(gram))
    shares = shares[shares > 0]
    entropy = -float(np.sum(shares * np.log(shares)))
    return np.array([math.exp(entropy), 1 / float(np.sum(shares * shares)), 1 / float(shares[-1])])


def _settled(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _rounded(found: Interval) -> Interval:
    return Interval(estimate=_settled(found.estimate), low=_settled(found.low), high=_settled(found.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTest:
    """Whether two corpora were drawn from one source, as a Gaussian kernel of their vectors sees it."""

    documents: int  # of each corpus
    bandwidth: float  # the median distance of two of all documents, in [0, 2]
    discrepancy: float  # unbiased squared MMD, in [-2, 2]: about 0 for one source
    null: Interval  # its mean under permuted labels, and where 95 % of its values lie
    p: float  # share of labellings, the given one among them, with at least this discrepancy

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "bandwidth": self.bandwidth,
            "discrepancy": self.discrepancy,
            "null": self.null.to_json(),
            "p": self.p,
        }


def kernel_test(
    one: Units, other: Units, *, seed: int, permutations: int = PERMUTATIONS, most: int = MOST_COMPARED
) -> KernelTest:
    """Compare the first documents of two corpora, in sampling order: as many of each, `most` at most.

    All permutations read one kernel matrix.

    Raises:
        DataError: a corpus has fewer than 10 documents, they differ in dimensions, or a vector is all noughts.
    """
    documents = min(len(one), len(other), most)
    check_pair(one, other, documents)
    kernel, bandwidth = _kernel(np.concatenate((one[:documents], other[:documents])))
    labels = permuted_labels(documents, permutations, seed)
    found = _discrepancies(kernel, labels)
    return KernelTest(
        documents=documents,
        bandwidth=bandwidth,
        discrepancy=float(found[0]),
        null=null_interval(found[1:]),
        p=float(np.mean(found >= found[0])),
    )


def permuted_labels(documents: int, permutations: int, seed: int) -> NDArray[np.bool_]:
    """Which of 2 * `documents` are of the first corpus, shape (permutations + 1, 2 * documents); first as given."""
    given = np.arange(2 * documents) < documents
    random = np.random.default_rng(seed)
    return np.stack([given, *(random.permutation(given) for _ in range(permutations))])


def null_interval(values: Numbers) -> Interval:
    """Mean of a figure under permuted labels, and the middle 95 % of its values."""
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return Interval(estimate=float(values.mean()), low=low, high=high)


def _kernel(units: Units) -> tuple[Numbers, float]:
    """The kernel of every two documents in units of 1 / `_KERNEL_UNIT`, and its bandwidth."""
    rows = units.astype(np.float32)
    lengths = np.square(rows).sum(axis=1)
    distances = (lengths[:, None] + lengths - 2 * (rows @ rows.T)).astype(np.float64)
    median = float(np.median(distances[np.triu_indices(len(rows), 1)]))
    if median == 0:  # most documents are copies of one: any other is far away
        median = float(distances[distances > 0].min(initial=1.0))
    distances /= -2 * median
    np.exp(distances, out=distances)
    distances *= _KERNEL_UNIT
    return np.rint(distances, out=distances), math.sqrt(median) / VECTOR_UNIT


def _discrepancies(kernel: Numbers, labels: NDArray[np.bool_]) -> Numbers:
    """Unbiased squared MMD of each labelling, shape (labellings,). All sums are whole numbers below 2^53."""
    chosen = labels.T.astype(np.float64)
    toward = kernel @ chosen
    within, both = (chosen * toward).sum(axis=0), toward.sum(axis=0)
    across, total = both - within, float(kernel.sum())
    beyond = total - both - across
    n = kernel.shape[0] // 2
    itself = float(n * _KERNEL_UNIT)  # the kernel of documents with themselves
    found: Numbers = (within + beyond - 2 * itself) / (n * (n - 1)) - 2 * across / (n * n)
    return found / _KERNEL_UNIT


def check_pair(one: Units, other: Units, documents: int) -> None:
    """Raise a DataError unless so many documents of both corpora can be compared."""
    if documents < jackknife.FEWEST_DOCUMENTS:
        raise DataError(
            f"the corpora have {len(one)} and {len(other)} documents with a vector, too few to compare. "
            f"Give at least {jackknife.FEWEST_DOCUMENTS} of each."
        )
    if one.shape[1] != other.shape[1]:
        raise DataError(
            f"vectors have {one.shape[1]} dimensions in one corpus and {other.shape[1]} in the other. "
            "Make both with one model."
        )
    check_units(one[:documents])
    check_units(other[:documents])


def check_units(units: Units) -> None:
    """Raise a DataError unless there are vectors, and none of them is all noughts."""
    if units.ndim != 2 or not units.size:
        raise DataError(f"vectors have shape {units.shape}. Pass a row for each document, at least one.")
    if not units.any(axis=1).all():
        row = int(np.argmin(units.any(axis=1)))
        raise DataError(f"vectors[{row}] is all noughts. Leave documents out that have no vector.")
