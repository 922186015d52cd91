"""Does the new version answer worse? Two versions answer the same items; the unit is the item.

Items differ much more from each other than versions do, so that a test that forgets which item an answer belongs to
loses much of its power: of true losses of 5 points on 500 items it finds .53 where the paired one finds .83, and of 2
points on 1,000 items with 4 answers each .06 where the paired one finds .94 (benchmarks/watch/paired.py).

One right or wrong answer an item: only the items that were lost or gained tell anything. If neither version is better,
each is as likely the one as the other, and their numbers are tested by McNemar's binomial [1], with half of the
probability of the outcome itself: the mid-p-value keeps its level on average where the exact one stays below [2].
Bounds are Tango's [3], of the score that is McNemar's at no change.

Several answers an item, or scores in between: the mean change of each item is one observation of Student's t, since
answers to one item are not independent.

No spread is no proof: where fewer than 10 items changed at all, bounds are no narrower than their number allows.

[1] McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12 (1947)
    153-157.
[2] Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data, BMC Med. Res. Methodol. 13 (2013) 91.
[3] Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
    Stat. Med. 17 (1998) 891-908.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import student
from wellkeeper.measure.jackknife import LEVEL as COVERED
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.verdicts import FEWEST_UNITS, LEVEL, MARGIN, PairedChange, Worse

FEW_CHANGES = 10
"""With fewer units that changed at all, spread says little: most samples of a rare large harm hold too few of it."""

_NORMAL = NormalDist()
_ROUNDING = 1e-12  # sums of the same distances in another order are no change
_HALVINGS = 60  # of an interval of length at most 2: beyond the precision of a float

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a test says of the mean of changes in [-1, 1], harm being below 0; by default, nothing."""

    p: float = 1.0  # of no harm
    p_margin: float = 1.0  # of harm of the margin or more
    low: float = -1.0
    high: float = 1.0
    at_worst: float = -1.0


def accuracy_change(
    before: NDArray[np.generic], after: NDArray[np.generic], *, margin: float = MARGIN
) -> PairedChange:
    """The change in accuracy on the same items: McNemar's mid-p-value, or Student's t over items; lower is worse.

    Args:
        before: scores of the reference version in [0, 1], shape (items,) or (items, answers).
        after: those of the new version, which may have answered another number of times.
        margin: loss that does not matter, in (0, 1).

    Raises:
        DataError: there is no item or no answer, the versions have different items, a score is NaN or outside [0, 1],
            or `margin` is not in (0, 1).
    """
    return _answers_change(before, after, margin, worse="lower")


def degenerate_change(
    before: NDArray[np.generic], after: NDArray[np.generic], *, margin: float = MARGIN
) -> PairedChange:
    """The change in the share of empty, truncated or refused answers, as `accuracy_change`; higher is worse.

    Such answers are a metric of their own: as wrong answers they hide why accuracy fell, and as texts they distort
    diversity.
    """
    return _answers_change(before, after, margin, worse="higher")


def mcnemar_exact(lost: int, gained: int) -> float:
    """Chance that of lost + gained items as many or more are lost, if each is as likely lost as gained [1].

    >>> round(mcnemar_exact(15, 5), 4)
    0.0207
    """
    return binomial_at_most(gained, lost + gained, 0.5)


def mcnemar_mid_p(lost: int, gained: int) -> float:
    """The same less half of the chance of just so many [2].

    >>> round(mcnemar_mid_p(15, 5), 4)
    0.0133
    """
    discordant = lost + gained
    return (binomial_at_most(gained, discordant, 0.5) + binomial_at_most(gained - 1, discordant, 0.5)) / 2


def binomial_at_most(hits: int, trials: int, rate: float) -> float:
    """P(Bin(trials, rate) <= hits), by the sum of its terms.

    >>> binomial_at_most(1, 4, 0.5)
    0.3125
    """
    if hits < 0:
        return 0.0
    if hits >= trials or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    k = np.arange(1, hits + 1)
    steps = np.log(trials - k + 1) - np.log(k) + (math.log(rate) - math.log1p(-rate))
    terms = trials * math.log1p(-rate) + np.concatenate(([0.0], np.cumsum(steps)))
    return min(1.0, float(np.exp(terms).sum()))


def paired_change(
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    *,
    margin: float,
    worse: Worse,
    test: str,
    bounds: Callable[[Values], Bounds],
) -> PairedChange:
    """A change of units' values in [0, 1], shape (units,) on both sides, by a test whose `bounds` have harm below 0.

    Raises:
        DataError: there is no unit, the sides differ in shape, a value is NaN or outside [0, 1], or `margin` is not in
            (0, 1).
    """
    if not 0 < margin < 1:
        raise DataError(f"margin is {margin}. Give a share in (0, 1), such as {MARGIN}.")
    old, new = _units(before, "before"), _units(after, "after")
    if old.shape != new.shape:
        raise DataError(
            f"before has {old.size} units and after has {new.size}. "
            "Keep the prompts that both versions answered, in the same order."
        )
    sign = 1.0 if worse == "lower" else -1.0
    changes = sign * (new - old)
    changes[np.abs(changes) <= _ROUNDING] = 0.0
    found = bounds(changes)
    low, high = sorted((sign * found.low, sign * found.high))
    return PairedChange(
        test=test,
        units=old.size,
        before=float(old.mean()),
        after=float(new.mean()),
        change=Interval(estimate=float((new - old).mean()), low=low, high=high),
        worse=worse,
        at_worst=sign * found.at_worst,
        p=found.p,
        margin=margin,
        p_margin=found.p_margin,
        deviation=float(changes.std(ddof=1)) if changes.size > 1 else 0.0,
    )


def few_changes(changes: Values, margin: float, found: Bounds) -> Bounds:
    """The same bounds, where fewer than 10 units changed no narrower than their number allows.

    Whatever the distribution in [-1, 1]: if the mean is -margin or less, then at least that share of units is harmed,
    and n units show none with a chance of at most (1 - margin)^n. If harm is no larger than the largest seen, at least
    the share margin / largest is harmed, and the number seen is binomial.
    """
    if int(np.count_nonzero(changes)) >= FEW_CHANGES:
        return found
    each_side = (1 - COVERED) / 2
    return Bounds(
        p=found.p,
        p_margin=max(found.p_margin, _chance_of_so_little(changes, margin)),
        low=min(found.low, -_most_harm(changes, each_side)),
        high=max(found.high, _most_harm(-changes, each_side)),
        at_worst=min(found.at_worst, -_most_harm(changes, LEVEL)),
    )


def _chance_of_so_little(changes: Values, harm: float) -> float:
    """Greatest chance to see no more harm than this if the mean harm is `harm`, in (0, 1]."""
    unseen = (1 - harm) ** changes.size
    harmed = int(np.sum(changes < 0))
    if not harmed:
        return unseen
    largest = -float(changes.min())
    return max(unseen, binomial_at_most(harmed, changes.size, harm / largest))


def _most_harm(changes: Values, chance: float) -> float:
    """The mean harm with which so little is seen with this chance; it falls as the harm rises."""
    return _root(lambda harm: _chance_of_so_little(changes, harm) > chance, 0.0, 1.0)


def _answers_change(
    before: NDArray[np.generic], after: NDArray[np.generic], margin: float, worse: Worse
) -> PairedChange:
    is_single = _is_single(before) and _is_single(after)
    return paired_change(
        _by_item(before, "before"),
        _by_item(after, "after"),
        margin=margin,
        worse=worse,
        test="McNemar mid-p" if is_single else "Student's t over items",
        bounds=lambda changes: (_by_discordance if is_single else _by_student)(changes, margin),
    )


def _is_single(scores: NDArray[np.generic]) -> bool:
    """Whether there is one answer an item, right or wrong."""
    return (scores.ndim == 1 or scores.shape[1:] == (1,)) and bool(((scores == 0) | (scores == 1)).all())


def _by_item(scores: NDArray[np.generic], name: str) -> Values:
    if scores.ndim == 1:
        return np.asarray(scores, np.float64)
    if scores.ndim != 2 or not scores.shape[1]:
        raise DataError(
            f"{name} has shape {scores.shape}. Pass a score of each answer: (items,) or (items, answers)."
        )
    _check_shares(np.asarray(scores, np.float64), name)
    means: Values = np.asarray(scores, np.float64).mean(axis=1)
    return means


def _units(values: NDArray[np.generic], name: str) -> Values:
    if values.ndim != 1 or not values.size:
        raise DataError(
            f"{name} has shape {values.shape}. Pass a value of each of at least one unit: (units,)."
        )
    shares = np.asarray(values, np.float64)
    _check_shares(shares, name)
    return shares


def _check_shares(values: Values, name: str) -> None:
    wrong = values[~((values >= 0) & (values <= 1))]
    if wrong.size:
        raise DataError(
            f"{name} holds {float(wrong[0])}. Pass values in [0, 1], and leave out units without one in both versions."
        )


def _by_discordance(changes: Values, margin: float) -> Bounds:
    """Changes are -1, 0 or 1."""
    lost, gained, items = int(np.sum(changes < 0)), int(np.sum(changes > 0)), changes.size

    def bound(z: float) -> float:
        """The change at which the score is z, hence below the estimate for z > 0."""
        return _root(lambda change: _score(lost, gained, items, change) > z, -1.0, 1.0)

    two_sided = _NORMAL.inv_cdf((1 + COVERED) / 2)
    found = Bounds(
        p=mcnemar_mid_p(lost, gained),
        p_margin=_NORMAL.cdf(-_score(lost, gained, items, -margin)),
        low=bound(two_sided),
        high=bound(-two_sided),
        at_worst=bound(_NORMAL.inv_cdf(1 - LEVEL)),
    )
    return few_changes(changes, margin, found)


def _score(lost: int, gained: int, items: int, change: float) -> float:
    """Tango's score of a change, equation 8 of [3]: how far the data lie above it in standard errors; falls with it.

    The standard error is that of the most likely rates whose difference is the change.
    """
    if change > 0:
        return -_score(gained, lost, items, -change)
    # the rate of loss solves 2 n q^2 + b q + c = 0; b is at most 0 and c at least 0 for a change of at most 0
    b = -lost - gained + (2 * items - gained + lost) * change
    c = -lost * change * (1 - change)
    rate = (math.sqrt(max(0.0, b * b - 8 * items * c)) - b) / (4 * items)
    variance = items * (2 * rate + change * (1 - change))
    distance = gained - lost - items * change
    if variance <= 0:  # no discordant item at no change; all lost at a change of -1
        return 0.0 if abs(distance) < 1e-9 * items else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _by_student(changes: Values, margin: float) -> Bounds:
    items = changes.size
    if items < FEWEST_UNITS:
        return Bounds()
    mean, error = float(changes.mean()), float(changes.std(ddof=1)) / math.sqrt(items)
    two_sided, one_sided = (student.reach(items - 1, chance) * error for chance in (1 - COVERED, 2 * LEVEL))
    # by symmetry alone, n signs cannot all agree with a chance below 2^-n: equal changes show no spread
    least = 0.5**items
    found = Bounds(
        p=max(least, _below(mean, error, items)),
        p_margin=max(least, _below(-margin - mean, error, items)),
        low=max(-1.0, mean - two_sided),
        high=min(1.0, mean + two_sided),
        at_worst=max(-1.0, mean - one_sided),
    )
    return few_changes(changes, margin, found)


def _below(distance: float, error: float, items: int) -> float:
    """Chance that Student's t lies below distance / error."""
    return student.below(distance / error, items - 1) if error else float(distance >= 0)


def _root(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds for low values ends."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2
