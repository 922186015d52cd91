"""How well one number tells two samples apart: the area under the ROC curve, with an interval that holds at its ends.

The area is the probability that a value of the second sample is the larger one of a random pair, ties counted as
halves: U / (m n) of Mann and Whitney [1]. The interval is Newcombe's method 5 [2]: all areas that a test with the
variance of Hanley and McNeil [3] does not reject, with the mean of both sizes in it, so that samples that are told
apart without an error still get an interval and not a point. At .5 that variance is the exact one of [1], without the
correction for ties: with ties the interval is too wide, never too narrow.

[1] Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the other, Ann.
    Math. Stat. 18 (1947) 50-60.
[2] Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2, Statistics
    in Medicine 25 (2006) 559-573.
[3] Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic (ROC) curve, Radiology
    143 (1982) 29-36.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

_HALVINGS = 60  # of an interval of length 1: beyond the precision of a float


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """An area under the ROC curve and its interval, all in [0, 1]; .5 tells nothing, 0 and 1 tell all."""

    estimate: float
    low: float
    high: float


def area_under_roc(first: NDArray[np.floating], second: NDArray[np.floating], *, level: float = 0.95) -> Area:
    """Probability that a value of `second` exceeds one of `first`, with its interval at `level`.

    >>> area_under_roc(np.array([1.0, 2.0]), np.array([2.0, 3.0])).estimate
    0.875

    Raises:
        DataError: a sample is empty or holds what is no number, or the level is not inside (0, 1).
    """
    if not first.size or not second.size or np.isnan(first).any() or np.isnan(second).any():
        raise DataError(
            f"The samples have {first.size} and {second.size} values, {int(np.isnan(first).sum())} and "
            f"{int(np.isnan(second).sum())} of them NaN. Pass at least one number in each, and leave NaN out."
        )
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a probability between 0 and 1, such as 0.95.")
    ordered = np.sort(first)
    below, up_to = (np.searchsorted(ordered, second, side) for side in ("left", "right"))
    estimate = float((below + up_to).sum()) / (2 * first.size * second.size)
    deviate = NormalDist().inv_cdf((1 + level) / 2)

    def reach(area: float) -> float:
        return deviate * math.sqrt(_variance(area, first.size, second.size))

    low = _border(lambda area: estimate - area > reach(area), 0.0, estimate)
    high = _border(lambda area: area - estimate > reach(area), 1.0, estimate)
    return Area(estimate=estimate, low=low, high=high)


def _variance(area: float, m: int, n: int) -> float:
    """Variance of the estimate if the area is this: that of [3], with (m + n) / 2 for both sizes inside as in [2]."""
    others = (m + n) / 2 - 1
    inside = 1 + others * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * inside / (m * n)


def _border(rejected: Callable[[float], bool], outer: float, inner: float) -> float:
    """The area between `outer` and `inner` where rejection ends; `outer` if it never begins."""
    for _ in range(_HALVINGS):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if rejected(middle) else (outer, middle)
    return inner
