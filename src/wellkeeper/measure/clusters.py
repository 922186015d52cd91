"""Spherical k-means: unit vectors divided among the directions that they lie nearest to.

The mean of a cluster, brought to length one, is its centre, and a vector belongs to the centre with which it has the
largest cosine [1]. Vectors and centres lie on the grid of `VECTOR_UNIT`, so that products and sums are whole numbers
that floats hold exactly: labels are the same for any number of threads and in whatever order vectors are added up.

[1] Dhillon and Modha, Concept decompositions for large sparse text data using clustering, Machine Learning 42 (2001).
[2] Mitchell, Spectrally optimal sampling for distribution ray tracing, SIGGRAPH 1991: best candidates.
"""

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT

ROUNDS = 8
_ROWS = 1024  # of a product of matrices
_POWERS = 200  # of an iteration; a picture needs no more
_STARTS = 2  # for each centre that `spread_centres` ends with
_CANDIDATES = 3  # for each start
_EARLY_ROUNDS = 3  # before any start is given up


def fitted_centres(
    units: NDArray[np.int16], drawn: NDArray[np.int64], count: int, *, rounds: int = ROUNDS
) -> NDArray[np.float32]:
    """The centres of `count` clusters of the vectors drawn, shape (count, dimensions).

    `drawn` are rows of `units`, in the order of drawing, at least `count`; the first ones are where centres start. A
    centre that loses all its vectors stays where it was.
    """
    return _moved(units, drawn, units[drawn[:count]].astype(np.float32), rounds)


def spread_centres(units: NDArray[np.int16], drawn: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """The same, from better starts: small groups far from others get a centre of their own, single vectors do not.

    Each start is, of a few vectors drawn, the one farthest from the starts before it [2]. There are twice as many as
    centres are asked for; half of the surplus at a time, those are given up that are missed least. On labelled texts a
    third of the clusters that k-means++ starts have one vector or two, and random starts miss small groups
    (benchmarks/tails/topics.py).
    """
    many = max(count, min(_STARTS * count, len(drawn) // _CANDIDATES))
    centres = _moved(units, drawn, units[_starts(units, drawn, many)].astype(np.float32), _EARLY_ROUNDS)
    while len(centres) > count:
        left = len(centres) - (len(centres) - count + 1) // 2
        missed = _missed(units, drawn, centres)
        centres = _moved(units, drawn, centres[np.argsort(-missed, kind="stable")[:left]], 1)
    return _moved(units, drawn, centres, ROUNDS)


def _missed(
    units: NDArray[np.int16], drawn: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What the sum of all vectors' products with their centres would lose without each of the centres."""
    missed = np.zeros(len(centres))
    for at in range(0, len(drawn), _ROWS):
        products = units[drawn[at : at + _ROWS]].astype(np.float32) @ centres.T
        labels = products.argmax(axis=1)
        next_best, best = np.partition(products, -2, axis=1)[:, -2:].astype(np.float64).T
        missed += np.bincount(labels, best - next_best, len(centres))
    return missed


def _starts(units: NDArray[np.int16], drawn: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    candidates = min(_CANDIDATES, len(drawn) // max(1, count))
    starts = drawn[:count].copy()
    if candidates < 2:
        return starts
    centres = units[starts].astype(np.float32)
    for number in range(1, count):
        some = drawn[number * candidates : (number + 1) * candidates]
        closest = (units[some].astype(np.float32) @ centres[:number].T).max(axis=1)
        starts[number] = some[int(closest.argmin())]
        centres[number] = units[starts[number]]
    return starts


def _moved(
    units: NDArray[np.int16], drawn: NDArray[np.int64], centres: NDArray[np.float32], rounds: int
) -> NDArray[np.float32]:
    """Centres after some rounds of k-means on the vectors drawn."""
    sample = np.sort(drawn)
    for _ in range(rounds):
        labels = nearest_centre(units, sample, centres)
        moved = centres.copy()
        for label in np.unique(labels).tolist():
            moved[label] = direction(units[sample[labels == label]].sum(axis=0, dtype=np.int64))
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def direction(total: NDArray[np.int64]) -> NDArray[np.float32]:
    """A sum of vectors as a unit vector on the grid of all vectors; noughts stay noughts."""
    largest = int(np.abs(total).max())
    if largest == 0:
        return np.zeros(len(total), np.float32)
    scaled = total / largest
    # The exact sum of squares is the same in whatever order it is taken.
    squares = np.rint(scaled * (1 << 20)).astype(np.int64) ** 2
    length = float(np.sqrt(float(squares.sum()))) / (1 << 20)
    return np.asarray(np.rint(scaled * (VECTOR_UNIT / length)), np.float32)


def nearest_centre(
    units: NDArray[np.int16], rows: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.int64]:
    """The number of the centre nearest to each of the rows of `units`; on a tie the lower one."""
    labels = np.empty(len(rows), np.int64)
    for at in range(0, len(rows), _ROWS):
        labels[at : at + _ROWS] = (units[rows[at : at + _ROWS]].astype(np.float32) @ centres.T).argmax(axis=1)
    return labels


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
    variation = (rows * rows).sum(axis=0)
    main = np.zeros(rows.shape[1])
    if not variation.any():
        return main
    main[int(variation.argmax())] = 1.0
    for _ in range(_POWERS):
        main = (rows * (rows * main).sum(axis=1)[:, None]).sum(axis=0)
        main /= np.sqrt((main * main).sum())
    return main if main[int(np.abs(main).argmax())] > 0 else -main
