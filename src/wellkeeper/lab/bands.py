"""What replicates of a run say together: bands of a figure, and changes with their intervals."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.jackknife import student_quantile

LEVEL = 0.95
LOW, HIGH = 0.05, 0.95
"""Quantiles over replicates between which a band lies."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """A figure over replicates, each of shape (points,); NaN where fewer than one or two replicates have one."""

    mean: Values
    error: Values  # standard error of the mean
    median: Values
    low: Values  # 5 % quantile
    high: Values  # 95 % quantile
    log_mean: Values  # exp of the mean logarithm; NaN where a replicate is not above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one value to another, over the replicates that have both: a difference, or a ratio where it is `log`."""

    before: float  # mean; median where the change is a ratio
    after: float
    change: float  # ratio of geometric means, where it is one
    low: float | None  # None: one replicate has no interval
    high: float | None
    log: bool

    @property
    def direction(self) -> str:
        """`up`, `down`, or `` where chance may be all there is. Of one replicate, whatever differs has one."""
        nothing = 1.0 if self.log else 0.0
        low, high = (self.change if bound is None else bound for bound in (self.low, self.high))
        return "up" if low > nothing else "down" if high < nothing else ""


def band(values: Values) -> Band:
    """The band of a figure's values, shape (replicates, points)."""
    known = np.isfinite(values)
    replicates = known.sum(axis=0)
    if known.all():
        low, median, high = np.quantile(values, (LOW, 0.5, HIGH), axis=0)
    else:
        low, median, high = (
            np.array([_quantile(values[known[:, at], at], share) for at in range(values.shape[1])])
            for share in (LOW, 0.5, HIGH)
        )
    held = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = held.sum(axis=0) / replicates
        squares = np.where(known, values - mean, 0.0) ** 2
        error = np.sqrt(squares.sum(axis=0) / (replicates - 1) / replicates)
        logs = np.log(np.where(values > 0, values, np.nan))
        log_mean = np.exp(np.where(known, logs, 0.0).sum(axis=0) / replicates)
    return Band(mean=mean, error=error, median=median, low=low, high=high, log_mean=log_mean)


def _quantile(values: Values, share: float) -> float:
    return float(np.quantile(values, share)) if values.size else math.nan


def change(
    before: Values, after: Values, *, log: bool = False, paired: bool = True, tests: int = 1
) -> Change | None:
    """How a figure's mean differs, each of shape (replicates,); None where no replicate has both values.

    The interval is Student's; Welch's where the replicates are not paired. It covers with 95 %, all `tests` of a
    family together (Bonferroni). With `log` it is that of the ratio of geometric means, and None where a value is not
    above 0.
    """
    if paired:
        both = np.isfinite(before) & np.isfinite(after)
        before, after = before[both], after[both]
    else:
        before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if not (before.size and after.size) or (log and min(before.min(), after.min()) <= 0):
        return None
    ends = [float(np.median(values) if log else values.mean()) for values in (before, after)]
    if log:
        before, after = np.log(before), np.log(after)
    difference = float(after.mean() - before.mean())
    reach = _reach_of(after - before, tests) if paired else _reach_between(before, after, tests)
    bounds = (None, None) if reach is None else (difference - reach, difference + reach)
    told = _exp if log else float
    low, high = (None if bound is None else told(bound) for bound in bounds)
    return Change(before=ends[0], after=ends[1], change=told(difference), low=low, high=high, log=log)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _reach_of(differences: Values, tests: int) -> float | None:
    count = differences.size
    if count < 2:
        return None
    return _student(count - 1, tests) * math.sqrt(float(differences.var(ddof=1)) / count)


def _reach_between(first: Values, second: Values, tests: int) -> float | None:
    if min(first.size, second.size) < 2:
        return None
    parts = [float(values.var(ddof=1)) / values.size for values in (first, second)]
    whole = sum(parts)
    if not whole:
        return 0.0
    weights = sum(part**2 / (values.size - 1) for part, values in zip(parts, (first, second), strict=True))
    return _student(whole**2 / weights, tests) * math.sqrt(whole)


def _student(freedom: float, tests: int) -> float:
    return student_quantile(freedom, NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * tests)))
