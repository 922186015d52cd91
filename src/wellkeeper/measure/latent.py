"""Latent semantic analysis of bags of words: documents as short vectors, by which words they share.

Words that few documents have weigh more (smoothed inverse document frequency), and the directions in which a sample of
documents varies most are found by subspace iteration [1, 2]. The mean direction, which says no more than that these are
texts of one corpus, is taken off. A word counts once a document, however often it is repeated: on short labelled texts
that gave better topics than logarithms of counts (docs/topics.md).

All sums are taken in loops of our own, in one order, so that figures do not depend on how many threads the linear
algebra library has.

[1] Deerwester, Dumais, Furnas, Landauer and Harshman, Indexing by latent semantic analysis, JASIS 41 (1990).
[2] Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53 (2011), algorithm 4.4.
[3] Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, Roundoff error analysis of the CholeskyQR2 algorithm, Electronic
    Transactions on Numerical Analysis 44 (2015).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.errors import DataError
from wellkeeper.measure._loops import fill_signs
from wellkeeper.native import loop

DIMENSIONS = 64
"""Of vectors by default."""
_LEAST_DOCUMENTS = 2  # that have a word which says something of what documents have in common
_ROUNDS = 5  # of subspace iteration
_NEGLIGIBLE = 1e-6  # of a column's length is left, by rounding, where the columns before it have all of it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentSpace:
    """Where words lie, and the mean of the sample that the space was fitted to."""

    words: NDArray[np.float32]  # shape (buckets, dimensions): weighted by rarity; noughts for unknown words
    mean: NDArray[np.float64]  # shape (dimensions,): of the sample's unit vectors


def fitted_space(
    bounds: NDArray[np.int64],
    bags: NDArray[np.uint16],
    *,
    buckets: int,
    dimensions: int = DIMENSIONS,
    seed: int = 0,
) -> LatentSpace:
    """The space in which a sample of bags varies most.

    Document d has the distinct words `bags[bounds[d]:bounds[d + 1]]`, all below `buckets`. The seed sets the directions
    that the iteration starts from.

    Raises:
        DataError: the bounds do not delimit the bags.
    """
    if bounds[0] != 0 or bounds[-1] != len(bags):
        raise DataError(
            f"bounds go from {bounds[0]} to {bounds[-1]}, and there are {len(bags)} words. "
            "Pass one offset a document and a last one, from 0 to the number of words."
        )
    documents = len(bounds) - 1
    having = np.bincount(bags, minlength=buckets)
    known = np.flatnonzero(having >= _LEAST_DOCUMENTS)
    words = np.zeros((buckets, dimensions), np.float32)
    if not len(known):
        return LatentSpace(words=words, mean=np.zeros(dimensions))
    known = known[np.argsort(-having[known], kind="stable")]  # common words together, in the cache
    rarity = np.zeros(buckets, np.float32)
    rarity[known] = np.log((1 + documents) / (1 + having[known])) + 1
    place = np.zeros(buckets, np.int64)
    place[known] = np.arange(len(known))
    weights = _weights(bounds, rarity[bags])
    rows = place[bags]
    basis = _directions(len(known), dimensions, seed)
    left = np.empty((documents, dimensions), np.float32)
    for _ in range(_ROUNDS):
        _documents_of(bounds, rows, weights, basis, left)
        left = _orthonormal(left, times=1)
        _words_of(bounds, rows, weights, left, basis)
    words[known] = rarity[known, None] * _orthonormal(basis)
    total = _lengthened(_sums(words, bounds, bags)).sum(axis=0)
    return LatentSpace(words=words, mean=total / max(1, documents))


def units_of(space: LatentSpace, bounds: NDArray[np.int64], bags: NDArray[np.uint16]) -> NDArray[np.int16]:
    """The unit vectors of documents, shape (documents, dimensions), in units of 1 / `VECTOR_UNIT`.

    Noughts where a document has no word that the space knows, or lies at its very mean.
    """
    raw = _sums(space.words, bounds, bags)
    said = raw.any(axis=1)
    centred = _lengthened(raw) - space.mean
    centred[~said] = 0
    return np.asarray(np.rint(_lengthened(centred) * VECTOR_UNIT), np.int16)


def _sums(
    words: NDArray[np.float32], bounds: NDArray[np.int64], bags: NDArray[np.uint16]
) -> NDArray[np.float32]:
    out = np.empty((len(bounds) - 1, words.shape[1]), np.float32)
    ones = np.ones(len(bags), np.float32)
    _documents_of(bounds, bags.astype(np.int64), ones, words, out)
    return out


def _weights(bounds: NDArray[np.int64], rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights of the words of each document such that their squares add up to one."""
    ends = np.concatenate(([0.0], np.cumsum(rarity.astype(np.float64) ** 2)))
    squares = np.maximum(ends[bounds[1:]] - ends[bounds[:-1]], 1e-30)
    return np.asarray(rarity / np.repeat(np.sqrt(squares), np.diff(bounds)), np.float32)


def _directions(rows: int, columns: int, seed: int) -> NDArray[np.float32]:
    """A matrix of random signs."""
    signs = np.empty((rows, columns), np.float32)
    fill_signs(seed % (1 << 64), signs)
    return signs


def _lengthened(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Vectors brought to length one; noughts stay noughts."""
    values = vectors.astype(np.float64)
    lengths = np.sqrt(np.add.reduce(values * values, axis=1))
    return np.asarray(values / np.where(lengths > 0, lengths, 1)[:, None], np.float64)


def _orthonormal(matrix: NDArray[np.float32], *, times: int = 2) -> NDArray[np.float32]:
    """An orthonormal basis of the columns, in their order; noughts for those that the columns before them have.

    By Cholesky factors of products of columns: once where columns shall only be kept apart, which loses up to half of
    the digits, twice where they shall be orthonormal [3].
    """
    rows = matrix.astype(np.float64)
    size = rows.shape[1]
    for _ in range(times):
        products, turn = np.zeros((size, size)), np.zeros((size, size))
        _products_of_columns(rows, products)
        _orthonormalising(products, _NEGLIGIBLE, turn)
        turned = np.zeros_like(rows)
        _turned(rows, turn, turned)
        rows = turned
    return rows.astype(np.float32)


@loop("const f64[:,:], f64[:,:]")
def _products_of_columns(rows: Any, out: Any) -> Any:
    """The products of all columns with those up to them, added to the lower half of `out`."""
    for d in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            factor = rows[d, i]
            for j in range(i + 1):
                out[i, j] += factor * rows[d, j]


@loop("const f64[:,:], f64, f64[:,:]")
def _orthonormalising(products: Any, negligible: Any, out: Any) -> Any:
    """What to multiply a matrix by that its columns become orthonormal; `out` is all noughts."""
    size = products.shape[0]
    for k in range(size):
        left = products[k, k]
        out[k, k] = 1.0
        for before in range(k):
            shared = 0.0
            for i in range(before + 1):
                shared += out[i, before] * products[k, i]
            left -= shared * shared
            for i in range(before + 1):
                out[i, k] -= shared * out[i, before]
        scale = 0.0
        if left > negligible * negligible * products[k, k]:
            scale = 1.0 / np.sqrt(left)
        for i in range(k + 1):
            out[i, k] *= scale


@loop("const f64[:,:], const f64[:,:], f64[:,:]")
def _turned(rows: Any, turn: Any, out: Any) -> Any:
    """Each row times `turn`, added to `out`."""
    size = rows.shape[1]
    for d in range(rows.shape[0]):
        for i in range(size):
            factor = rows[d, i]
            for j in range(size):
                out[d, j] += factor * turn[i, j]


@loop("const i64[:], const i64[:], const f32[:], const f32[:,:], f32[:,:]")
def _documents_of(bounds: Any, rows: Any, weights: Any, words: Any, out: Any) -> Any:
    """Weighted sums of the words of each document."""
    size = words.shape[1]
    for d in range(bounds.size - 1):
        for c in range(size):
            out[d, c] = 0
        for j in range(bounds[d], bounds[d + 1]):
            weight = weights[j]
            row = rows[j]
            for c in range(size):
                out[d, c] += weight * words[row, c]


@loop("const i64[:], const i64[:], const f32[:], const f32[:,:], f32[:,:]")
def _words_of(bounds: Any, rows: Any, weights: Any, documents: Any, out: Any) -> Any:
    """Weighted sums of the documents of each word."""
    size = documents.shape[1]
    for row in range(out.shape[0]):
        for c in range(size):
            out[row, c] = 0
    for d in range(bounds.size - 1):
        for j in range(bounds[d], bounds[d + 1]):
            weight = weights[j]
            row = rows[j]
            for c in range(size):
                out[row, c] += weight * documents[d, c]
