"""Spherical k-means: unit vectors divided among the directions that they lie nearest to.

The mean of a cluster, brought to length one, is its centre, and a vector belongs to the centre with which it has the
largest cosine [1]. Vectors and centres lie on the grid of `VECTOR_UNIT`, so that products and sums are whole numbers
that floats hold exactly: labels are the same for any number of threads and in whatever order vectors are added up.

[1] Dhillon and Modha, Concept decompositions for large sparse text data using clustering, Machine Learning 42 (2001).
[2] Mitchell, Spectrally optimal sampling for distribution ray tracing, SIGGRAPH 1991: best candidates.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT

ROUNDS = 8
_ROWS = 256  # of a product of matrices: with a thousand centres it stays in the processor's cache
_POWERS = 200  # of an iteration; a picture needs no more
_STARTS = 2  # for each centre that `spread_centres` ends with
_CANDIDATES = 3  # for each start
_FIRST_ROUNDS = 2  # before any start is given up
_LAST_ROUNDS = 4  # once none is: more of either gave no better topics (benchmarks/tails/topics.py)
_FEW = 16  # a surplus of less than one in so many goes at once


def fitted_centres(
    units: NDArray[np.int16], drawn: NDArray[np.int64], count: int, *, rounds: int = ROUNDS
) -> NDArray[np.float32]:
    """The centres of `count` clusters of the vectors drawn, shape (count, dimensions).

    `drawn` are rows of `units`, in the order of drawing, at least `count`; the first ones are where centres start. A
    centre that loses all its vectors stays where it was.
    """
    sample = np.ascontiguousarray(units[drawn])
    return _moved(sample, sample[:count].astype(np.float32), rounds)


def spread_centres(units: NDArray[np.int16], drawn: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """The same, from better starts: small groups far from others get a centre of their own, single vectors do not.

    Each start is, of a few vectors drawn, the one farthest from the starts before it [2]. There are twice as many as
    centres are asked for; half of the surplus at a time, those are given up that are missed least: those whose vectors
    lie about as near to another centre. On labelled texts a third of the clusters that k-means++ starts have one vector
    or two, and random starts miss small groups (benchmarks/tails/topics.py).
    """
    sample = np.ascontiguousarray(units[drawn])
    many = max(count, min(_STARTS * count, len(sample) // _CANDIDATES))
    centres = _moved(sample, sample[_starts(sample, many)].astype(np.float32), _FIRST_ROUNDS)
    while len(centres) > count:
        surplus = len(centres) - count
        goes = surplus if surplus * _FEW < count else (surplus + 1) // 2
        labels, lead = _labels_and_lead(sample, centres)
        missed = np.bincount(labels, lead, len(centres))
        stay = np.argsort(-missed, kind="stable")[: len(centres) - goes]
        centres = _moved(sample, centres[stay], 1)
    return _moved(sample, centres, _LAST_ROUNDS)


def _starts(sample: NDArray[np.int16], count: int) -> NDArray[np.int64]:
    candidates = min(_CANDIDATES, len(sample) // max(1, count))
    starts = np.arange(count)
    if candidates < 2:
        return starts
    centres = sample[starts].astype(np.float32)
    for number in range(1, count):
        some = slice(number * candidates, (number + 1) * candidates)
        closest = (sample[some].astype(np.float32) @ centres[:number].T).max(axis=1)
        starts[number] = some.start + int(closest.argmin())
        centres[number] = sample[starts[number]]
    return starts


def _moved(sample: NDArray[np.int16], centres: NDArray[np.float32], rounds: int) -> NDArray[np.float32]:
    """Centres after some rounds of k-means on a sample of vectors."""
    every = np.arange(len(sample))
    for _ in range(rounds):
        moved = _means(sample, nearest_centre(sample, every, centres), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _means(
    sample: NDArray[np.int16], labels: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The directions of the clusters that vectors are labelled with; a centre without any stays where it is."""
    order = np.argsort(labels, kind="stable")
    known, starts = np.unique(labels[order], return_index=True)
    means = centres.copy()
    means[known] = directions(np.add.reduceat(sample[order], starts, axis=0, dtype=np.int64))
    return means


def directions(totals: NDArray[np.int64]) -> NDArray[np.float32]:
    """Sums of vectors, shape (sums, dimensions), as unit vectors on the grid of all vectors; noughts stay noughts."""
    largest = np.abs(totals).max(axis=1, keepdims=True, initial=0)
    scaled = totals / np.maximum(largest, 1)
    # The exact sum of squares is the same in whatever order it is taken.
    squares = np.rint(scaled * (1 << 20)).astype(np.int64) ** 2
    lengths = np.sqrt(squares.sum(axis=1, keepdims=True).astype(np.float64)) / (1 << 20)
    return np.asarray(np.rint(scaled * (VECTOR_UNIT / np.where(largest > 0, lengths, 1))), np.float32)


def nearest_centre(
    units: NDArray[np.int16], rows: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.int64]:
    """The number of the centre nearest to each of the rows of `units`; on a tie the lower one."""
    labels = np.empty(len(rows), np.int64)
    for some in _blocks(len(rows)):
        labels[some] = (units[rows[some]].astype(np.float32) @ centres.T).argmax(axis=1)
    return labels


def _labels_and_lead(
    sample: NDArray[np.int16], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest of two centres or more to each vector, and how much less its product with the next one is."""
    labels, lead = np.empty(len(sample), np.int64), np.empty(len(sample))
    for some in _blocks(len(sample)):
        products = sample[some].astype(np.float32) @ centres.T
        labels[some] = products.argmax(axis=1)
        nearest = np.arange(len(products)), labels[some]
        best = products[nearest]
        products[nearest] = -np.inf
        lead[some] = best - products.max(axis=1)
    return labels, lead


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(at, min(at + _ROWS, rows)) for at in range(0, rows, _ROWS))


def plane_of(centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where centres lie on a map, shape (clusters, 2): along the two directions in which they vary most.

    Directions are found by power iteration and point to where their largest component is positive. Distances on the
    map are in units of length one, that of a vector.
    """
    spread = centres.astype(np.float64) / VECTOR_UNIT
    spread -= spread.sum(axis=0) / max(1, len(spread))
    places = np.zeros((len(centres), 2))
    for axis in range(2):
        main = _main_direction(spread)
        places[:, axis] = (spread * main).sum(axis=1)
        spread = spread - np.multiply.outer(places[:, axis], main)
    return places.astype(np.float32)


def _main_direction(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction in which rows, whose mean is nought, vary most; noughts where they do not vary."""
    variation = np.einsum("ij,ik->jk", rows, rows)  # in one order; a product of matrices is not
    main = np.zeros(rows.shape[1])
    if not variation.any():
        return main
    main[int(variation.diagonal().argmax())] = 1.0
    for _ in range(_POWERS):
        main = (variation * main).sum(axis=1)
        main /= np.sqrt((main * main).sum())
    return main if main[int(np.abs(main).argmax())] > 0 else -main
