"""What a week's values of one metric come to, as a point of a series."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure import student
from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.sequential import DropBand
from wellkeeper.watch.timeline import Point

Numbers: TypeAlias = NDArray[np.float64]


def mean_interval(values: Numbers) -> tuple[float, float, float]:
    """Mean of values in [0, 1], shape (units,), one at least, and its 95 % interval.

    Wilson's of rights and wrongs, else Student's.

    >>> [round(value, 3) for value in mean_interval(np.array([1.0, 1.0, 0.0, 1.0]))]
    [0.75, 0.301, 0.954]
    """
    mean, spread = float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else 0.0
    if spread == 0 or np.isin(values, (0.0, 1.0)).all():
        low, high = wilson(min(1.0, mean), values.size)
        return mean, low, high
    reach = student.reach(values.size - 1) * spread / math.sqrt(values.size)
    return mean, max(0.0, mean - reach), min(1.0, mean + reach)


def upwards(margin: float) -> float:
    """A margin with three digits, rounded up, below 1."""
    return min(0.999, math.ceil(1000 * margin) / 1000)


def point_of(
    week: int,
    before: Numbers,
    after: Numbers,
    *,
    band: DropBand,
    evidence: float,
    is_alarm: bool,
) -> Point:
    """A point of a series.

    Args:
        week: its number.
        before: what each unit is held against, shape (units,); there is one at least.
        after: what it is worth on the watched side.
        band: of the drops of all weeks so far, this one among them.
        evidence: so far, as log10.
        is_alarm: whether it is or was above the threshold.
    """
    value, low, high = mean_interval(after)
    drop_low, drop_high = band.interval()
    return Point(
        week=week,
        value=value,
        low=low,
        high=high,
        baseline=float(before.mean()),
        units=after.size,
        drop=band.mean,
        drop_low=drop_low,
        drop_high=drop_high,
        evidence=evidence,
        alarm=is_alarm,
    )


def spans(periods: Sequence[int], weeks: int) -> list[slice]:
    """Each period's weeks, as slices of all of them."""
    ends = (*periods[1:], weeks + 1)
    return [slice(first - 1, end - 1) for first, end in zip(periods, ends, strict=True)]
