"""How the shares of many classes differ between two samples, with intervals that hold for all of them together.

Of a thousand topics the one that differs most has been chosen for differing: an interval at 95 % of its own would miss
far more often than once in twenty. These are Newcombe's intervals of a difference of two shares [1] at the level that
Bonferroni's inequality asks of each, so that with a chance of 95 % not one of them misses. Documents are the trials.

[1] Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17 (1998)
    873-890, method 10.
"""

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import LEVEL, Interval, wilson

Counts: TypeAlias = NDArray[np.integer]  # shape (classes,): documents of each class, >= 0


def share_gaps(counts: Counts, baseline: Counts) -> list[Interval]:
    """The share of each class less its share in the baseline, in [-1, 1]; all intervals hold at 95 %, together.

    >>> [round(gap.high, 3) for gap in share_gaps(np.array([90, 10]), np.array([60, 40]))]
    [0.422, -0.165]

    Raises:
        DataError: the classes are not the same, a count is negative, or a side has no document.
    """
    if counts.shape != baseline.shape or counts.ndim != 1:
        raise DataError(
            f"counts have shapes {counts.shape} and {baseline.shape}. Pass a row for each side, of the same classes."
        )
    sizes = int(counts.sum()), int(baseline.sum())
    if min(sizes) < 1 or min(int(counts.min()), int(baseline.min())) < 0:
        raise DataError(
            f"{sizes[0]} and {sizes[1]} documents were counted. Give at least one on each side, and no count below 0."
        )
    tested = int(np.count_nonzero(counts + baseline))
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * tested))
    return [
        _gap(mine / sizes[0], theirs / sizes[1], sizes, z)
        for mine, theirs in zip(counts.tolist(), baseline.tolist(), strict=True)
    ]


def _gap(share: float, other: float, sizes: tuple[int, int], z: float) -> Interval:
    low, high = wilson(share, sizes[0], z=z)
    other_low, other_high = wilson(other, sizes[1], z=z)
    return Interval(
        estimate=share - other,
        low=share - other - math.hypot(share - low, other_high - other),
        high=share - other + math.hypot(high - share, other - other_low),
    )
