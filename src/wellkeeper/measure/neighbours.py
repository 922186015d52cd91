"""Do two corpora lie in each other's neighbourhoods? Precision, recall, density and coverage of vectors.

A document's ball reaches to its k-th nearest neighbour in its own corpus. Then [1, 2]

    precision  share of the corpus' documents that lie in a ball of the reference
    recall     share of the reference's documents that lie in a ball of the corpus
    density    balls of the reference around a document of the corpus, on average, over k
    coverage   share of the reference's balls that hold a document of the corpus

Distances are of unit vectors on the grid of `VECTOR_UNIT`, hence exact. None of the figures is 1 for two samples of
one source: coverage is 1 - 2^-k on average, and the others depend on the dimensions. So each stands beside the *null*,
the same figure with the labels of all documents permuted, and beside the *ceiling*, what the second half of the
reference has against the first.

Under permuted labels the k-th nearest document of the same label is seldom far down the list of all neighbours. So the
lists of all documents are made once, a block of rows at a time, and each permutation only reads their beginnings.

[1] Kynkaanniemi et al., Improved precision and recall metric for assessing generative models, NeurIPS (2019).
[2] Naeem et al., Reliable fidelity and diversity metrics for generative models, ICML (2020).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._balls import (
    Balls,
    Held,
    Lists,
    balls_among,
    balls_between,
    list_nearest,
    relabelled_balls,
)
from wellkeeper.measure.embeddings import PERMUTATIONS, Units, check_pair, null_interval, permuted_labels
from wellkeeper.measure.jackknife import Interval

Numbers: TypeAlias = NDArray[np.float64]

NEAREST = 5
"""k of Naeem et al., section 4.1: coverage of one source is then 1 - 2^-5 = .969."""

MOST_COMPARED = 2000
"""Documents of each corpus at most: the time goes with their square."""

FIGURES = ("precision", "recall", "density", "coverage")

_ROWS = 256  # of the matrix of distances, at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A figure, what fresh human documents would have, and what chance would do."""

    estimate: float
    ceiling: float  # of the reference's second half against its first
    null: Interval  # mean under permuted labels, and where 95 % of the values lie
    p: float  # share of labellings, the given one among them, at least as far from their mean as the estimate

    def to_json(self) -> dict[str, Any]:
        return {
            "estimate": self.estimate,
            "ceiling": self.ceiling,
            "null": self.null.to_json(),
            "p": self.p,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhoods:
    """A corpus against the first half of a reference."""

    documents: int  # of the corpus, and of each half
    nearest: int  # k
    precision: Beside
    recall: Beside
    density: Beside  # 0 or more; the others are shares in [0, 1]
    coverage: Beside

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "nearest": self.nearest,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "density": self.density.to_json(),
            "coverage": self.coverage.to_json(),
        }


def neighbourhoods(
    corpus: Units,
    reference: Units,
    *,
    seed: int,
    nearest: int = NEAREST,
    permutations: int = PERMUTATIONS,
    most: int = MOST_COMPARED,
) -> Neighbourhoods:
    """Compare the first documents of a corpus, in sampling order, with as many of the reference's first half.

    The halves are documents 0, 2, 4, ... and 1, 3, 5, ...

    Raises:
        DataError: the corpus or half the reference has fewer than 10 documents or not more than `nearest`, they
            differ in dimensions, or a vector is all noughts.
    """
    first, second = reference[::2], reference[1::2]
    documents = min(len(corpus), len(second), most)
    check_pair(corpus, reference, documents)
    first, second, corpus = first[:documents], second[:documents], corpus[:documents]
    _check_nearest(nearest, documents)
    mine, human, other = (_with_balls(units, nearest) for units in (corpus, first, second))
    observed, ceiling = _compare(mine, human, nearest), _compare(other, human, nearest)
    lists = _lists_of(np.concatenate((corpus, first)), _list_length(nearest, documents))
    labels = permuted_labels(documents, permutations, seed)[1:]
    null = _shares(relabelled_balls(lists, labels, nearest), documents, nearest)
    beside = {
        name: _beside(float(observed[k]), float(ceiling[k]), null[:, k]) for k, name in enumerate(FIGURES)
    }
    return Neighbourhoods(documents=documents, nearest=nearest, **beside)


def precision_recall_density_coverage(
    corpus: Units, reference: Units, *, nearest: int = NEAREST
) -> tuple[float, float, float, float]:
    """The four figures of a corpus against all of a reference of another size or the same, without baselines.

    Raises:
        DataError: a corpus has fewer than 10 documents or not more than `nearest`, they differ in dimensions, or a
            vector is all noughts.
    """
    check_pair(corpus, reference, min(len(corpus), len(reference)))
    _check_nearest(nearest, min(len(corpus), len(reference)))
    found = _compare(_with_balls(corpus, nearest), _with_balls(reference, nearest), nearest)
    precision, recall, density, coverage = found.tolist()
    return precision, recall, density, coverage


def _check_nearest(nearest: int, documents: int) -> None:
    if not 1 <= nearest < documents:
        raise DataError(
            f"nearest is {nearest}, of {documents} documents. Ask for at least 1 neighbour, and fewer than there are."
        )


def _list_length(nearest: int, documents: int) -> int:
    """Neighbours to list: fewer than `nearest` of them have the same random label once in 10^12 lists."""
    return min(8 * nearest + 24, 2 * documents - 1)


class _Corpus(NamedTuple):
    """Vectors, shape (documents, dimensions), and their balls."""

    vectors: NDArray[np.float32]
    balls: Balls


def _with_balls(units: Units, nearest: int) -> _Corpus:
    vectors = units.astype(np.float32)
    lengths = np.square(vectors).sum(axis=1)
    near = np.full((nearest, len(vectors)), np.inf, np.float32)
    for first in range(0, len(vectors), _ROWS):
        balls_among(-2 * vectors[first : first + _ROWS] @ vectors[first:].T, first, lengths, near)
    return _Corpus(vectors, Balls(lengths, near[-1]))


def _compare(corpus: _Corpus, reference: _Corpus, nearest: int) -> Numbers:
    """The four figures."""
    ours, theirs = corpus.vectors, reference.vectors
    held = Held(
        np.empty(len(ours), np.int32), np.zeros(len(theirs), np.uint8), np.zeros(len(theirs), np.uint8)
    )
    for first in range(0, len(ours), _ROWS):
        products = -2 * ours[first : first + _ROWS] @ theirs.T
        balls_between(products, first, corpus.balls, reference.balls, held)
    counts = [np.count_nonzero(held.around), held.recalled.sum(), held.around.sum(), held.covered.sum()]
    sizes = np.array([len(ours), len(theirs), len(ours) * nearest, len(theirs)])
    shares: Numbers = np.array(counts) / sizes
    return shares


def _lists_of(documents: Units, listed: int) -> Lists:
    """The nearest neighbours of all documents among all."""
    vectors = documents.astype(np.float32)
    lengths = np.square(vectors).sum(axis=1)
    lists = Lists(np.empty((len(vectors), listed), np.int32), np.empty((len(vectors), listed), np.float32))
    for first in range(0, len(vectors), _ROWS):
        # less the row's own squared length: as good for comparing within a row, and exact
        list_nearest(lengths - 2 * (vectors[first : first + _ROWS] @ vectors.T), first, lists)
    return lists


def _shares(counts: NDArray[np.int64], documents: int, nearest: int) -> Numbers:
    shares: Numbers = counts / np.array([documents, documents, documents * nearest, documents])
    return shares


def _beside(estimate: float, ceiling: float, null: Numbers) -> Beside:
    every = np.append(null, estimate)
    far = np.abs(every - every.mean())
    # figures are multiples of 1 / documents: what differs by rounding alone is as far
    p = float(np.mean(far >= far[-1] - 1e-12))
    return Beside(estimate=estimate, ceiling=ceiling, null=null_interval(null), p=p)
