"""A share from few labels and many scores: prediction-powered inference on a finite pool.

A part of a pool is drawn by lot and labelled, with y in [0, 1]; a score f of every item of the pool is known. The
labels' mean is put right by what scores say of how the draw fell,

    share = mean(y) + weight * (mean of f over the pool - mean of f over the part)

which is right on average whatever the scores are worth, and nearer the better they go with the labels. The weight is
the slope of y on f in the labelled part: for a part of the pool itself this is PPI++ with its tuned weight, cov(y, f) /
var(f) / (1 + n / (N - n)) set beside the N - n others [1], and the regression estimator of surveys [2]. It is cut to
[0, 1]: scores are chances, and one that misleads is left unused.

One weight for all labels would err: where no item that counts is among them the slope is 0, where several are it is
not, and the mean over draws is too low (9.4 % for 10 %, by 40 labels of simulated queues). So each label has the weight
that the others give, and what it adds stands for what they have left of the pool. Then the mean over all draws is the
share itself [3], before it is cut to what labels settle. Two labels more, an item of score 0 that does not count and
one of score 1 that does, keep the weight of few labels near what scores claim to be.

Interval. Labels of few items show too little of what scores miss, so that the normal interval of [1] covers 38 to 63 %
where 50 labels hold one item that counts, and good scores make it worse. Here it is Wilson's interval for as many
labels as would leave the same variance without scores [4]. That variance is of what each label differs from a fit by
the others, as if one more label had been missed altogether, and falls as the labels use the pool up. Fewer than four
items of either kind among the labels tell nothing of what scores miss: then the interval is the exact one of the labels
alone. Intervals of two parts of a pool are joined each side for itself [5].
Coverage, simulated: benchmarks/review/estimates.py.

[1] Angelopoulos, Duchi and Zrnic, PPI++: efficient prediction-powered inference, arXiv:2311.01453.
[2] Cochran, Sampling techniques, 3rd ed. (1977), chapter 7.
[3] Mickey, Some finite population unbiased ratio and regression estimators, J. Am. Stat. Assoc. 54 (1959) 594-612.
[4] Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data, Survey Methodology 24 (1998) 193-201: shares from an effective number of labels.
[5] Zou and Donner, Construction of confidence limits about effect measures: a general approach, Statistics in Medicine
    27 (2008) 1693-1702.
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import LEVEL, Interval, wilson
from wellkeeper.measure.verifier import Kept, fewest

Numbers: TypeAlias = NDArray[np.float64]

ALL = "all labelled"
ALONE = "people alone"
EXACT = "people alone, exact"
TOGETHER = "people and scores (PPI++)"
RARE = "people and scores (PPI++), exact interval of people alone"
FEWEST_OF_A_KIND = 4.0
"""Labels that count, and labels that do not, from which on scores are used. Chosen by benchmarks/review/estimates.py:
with 4 one of 140 designs is covered in less than 93 % of 2,000 draws, and in 94 % of 20,000 others."""

_CLAIMED = 0.5  # squares of scores, and products with labels, of the two labels that are added
_ALIKE = 1e-9  # scores of the pool that differ by less are no scores
_UNSEEN = 1.0  # squared miss of the label that is added
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Labelled items that were drawn by lot, without repeats, from a pool."""

    labels: Numbers  # in [0, 1], shape (labels,)
    scores: Numbers  # of the same items, in [0, 1]; all alike where there are none
    of: int  # items of the pool
    score_sum: float  # over the pool

    def __post_init__(self) -> None:
        if self.labels.shape != self.scores.shape or self.labels.ndim != 1 or self.labels.size > self.of:
            raise DataError(
                f"There are {self.labels.size} labels and {self.scores.size} scores of a pool of {self.of} items. "
                "Pass one score for each label, and no more labels than the pool has items."
            )
        for name, values in (("A label", self.labels), ("A score", self.scores)):
            if not ((values >= 0) & (values <= 1)).all():
                raise DataError(f"{name} lies outside [0, 1]. Pass shares and chances.")

    @property
    def is_whole(self) -> bool:
        """Whether all of the pool is labelled."""
        return self.labels.size == self.of

    def filled(self, value: float, missing: int) -> "Sample":
        """As if `missing` more items had this label, each with the mean score of the others."""
        middle = float(self.scores.mean()) if self.scores.size else self.score_sum / max(self.of, 1)
        return replace(
            self,
            labels=np.concatenate([self.labels, np.full(missing, value)]),
            scores=np.concatenate([self.scores, np.full(missing, middle)]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The share of a pool, with its 95 % interval."""

    share: Interval
    method: str  # ALL, ALONE, EXACT, TOGETHER or RARE
    labels: int  # of all parts
    weight: float  # of the scores, in [0, 1], on average; 0: they are not used
    alone: Interval  # by the labels drawn by lot alone
    spread: float  # variance of one label that is drawn by lot, after scores
    spread_error: float  # standard error of its logarithm
    of: int  # items of the pool
    drawn: int  # labels of the part that is drawn by lot
    drawn_of: int  # its pool: what is not known otherwise

    @property
    def half_width(self) -> float:
        return (self.share.high - self.share.low) / 2

    @property
    def narrower(self) -> float:
        """Width over the width by labels alone."""
        width = self.alone.high - self.alone.low
        return 2 * self.half_width / width if width > 0 else 1.0


def share_of(drawn: Sample, known: Sample | None = None) -> Estimate:
    """The mean label of a pool.

    >>> labels = np.array([0.0, 1.0] * 20)
    >>> found = share_of(Sample(labels=labels, scores=labels * 0.8 + 0.1, of=1000, score_sum=540.0))
    >>> found.method, round(found.share.estimate, 3), round(found.narrower, 2)
    ('people and scores (PPI++)', 0.54, 0.37)

    Args:
        drawn: labels drawn by lot from what is not of `known`.
        known: a part of the pool that is labelled whole, or but for a few items that chance left out.

    Raises:
        DataError: nothing is labelled.
    """
    parts = [part for part in (drawn, known) if part is not None and part.of]
    of = sum(part.of for part in parts)
    if not of or any(not part.labels.size for part in parts):
        raise DataError("A part of the pool has no label. Label one item of it at least.")
    if all(part.is_whole for part in parts):
        share = sum(float(part.labels.sum()) for part in parts) / of
        exact = Interval(estimate=share, low=share, high=share)
        return _told(ALL, exact, parts, exact, weight=0.0, spread=0.0, spread_error=0.0)
    bounds = (
        sum(float(part.labels.sum()) for part in parts) / of,
        1 - sum(float((1 - part.labels).sum()) for part in parts) / of,
    )
    alone = _cut(_joined([(part.of / of, _by_labels(part)) for part in parts]), bounds)
    fits = [_fitted(part) for part in parts]
    first, weight = parts[0].labels, fits[0].weight
    few = _fewer(first)
    spread, spread_error = fits[0].spread, fits[0].spread_error
    method = TOGETHER if weight > 0 else ALONE
    if few < FEWEST_OF_A_KIND:
        middle = (float(first.sum()) + 2) / (first.size + 4)
        spread, spread_error = middle * (1 - middle), 1 / math.sqrt(few + 2)
        if _is_binary(first):
            method = RARE if weight > 0 else EXACT
    both = _joined([(part.of / of, _around(fit, part)) for fit, part in zip(fits, parts, strict=True)])
    return _told(
        method, _cut(both, bounds), parts, alone, weight=weight, spread=spread, spread_error=spread_error
    )


def labels_for(found: Estimate, half_width: float, *, spread: float | None = None) -> int:
    """How many more labels drawn by lot make the interval so narrow; all that are left, if need be.

    It takes the variance of a label as it stands, or `spread`.

    Raises:
        DataError: the half-width is not above 0.
    """
    if not half_width > 0:
        raise DataError(f"half_width is {half_width}. Give one above 0, such as 0.05.")
    if found.half_width <= half_width and spread is None:
        return 0
    variance = found.spread if spread is None else spread

    def half(labels: int) -> float:
        left = _left(labels, found.drawn_of) * (found.drawn_of / found.of) ** 2
        if left <= 0 or variance <= 0:
            return 0.0
        p = found.share.estimate
        low, high = wilson(p, (p * (1 - p) + _UNSEEN / labels) / (variance * left))
        return (high - low) / 2

    fewest_, most = found.drawn, found.drawn_of
    while fewest_ < most:
        middle = (fewest_ + most) // 2
        fewest_, most = (fewest_, middle) if half(middle) <= half_width else (middle + 1, most)
    return fewest_ - found.drawn


def labels_between(found: Estimate, half_width: float) -> tuple[int, int]:
    """The 95 % interval of `labels_for`, by what is not known of the variance of a label.

    Raises:
        DataError: the half-width is not above 0.
    """
    factor = math.exp(_Z * found.spread_error)
    most = min(found.spread * factor, max(0.25, found.spread))
    some = labels_for(found, half_width)  # 0 where the interval is as narrow by chance
    return (
        min(some, labels_for(found, half_width, spread=found.spread / factor)),
        max(some, labels_for(found, half_width, spread=most)),
    )


# --- one part ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    mean: float
    variance: float  # of the mean
    weight: float
    spread: float
    spread_error: float


def _fitted(part: Sample) -> _Fit:
    """Each label is fitted by the others, and stands for what they leave of the pool."""
    labels = part.labels.size
    y, f = part.labels - part.labels.mean(), part.scores - part.scores.mean()
    others = labels / max(labels - 1, 1)
    squares, products = float(f @ f) - others * f**2, float(f @ y) - others * f * y
    weights = np.clip((products + _CLAIMED) / (squares + _CLAIMED), 0.0, 1.0)
    left = part.of - labels + 1
    shifts = (part.score_sum - float(part.scores.sum()) + part.scores) / left - part.scores
    if max(np.ptp(part.scores), abs(shifts).max()) < _ALIKE:
        weights = np.zeros(labels)  # scores say nothing
    missed = (others * (y - weights * f)) ** 2
    spread = (float(missed.sum()) + (0.0 if part.is_whole else _UNSEEN)) / labels
    return _Fit(
        mean=float(part.labels.mean()) + left / part.of * float((weights * shifts).mean()),
        variance=spread * _left(labels, part.of),
        weight=float(weights.mean()),
        spread=spread,
        spread_error=float(missed.std()) / (spread * math.sqrt(labels)) if spread > 0 else 0.0,
    )


def _around(fit: _Fit, part: Sample) -> Interval:
    ones = float(part.labels.sum())
    share = min(max(fit.mean, ones / part.of), 1 - (part.labels.size - ones) / part.of)
    if part.is_whole or fit.variance <= 0:
        return Interval(estimate=share, low=share, high=share)
    if _fewer(part.labels) < FEWEST_OF_A_KIND:
        alone = _by_labels(part)
        return Interval(estimate=min(max(share, alone.low), alone.high), low=alone.low, high=alone.high)
    effective = (share * (1 - share) + _UNSEEN / part.labels.size) / fit.variance
    low, high = wilson(share, max(effective, float(part.labels.size)))
    return Interval(estimate=share, low=low, high=high)


def _joined(parts: list[tuple[float, Interval]]) -> Interval:
    """The sum of shares, each times its weight, whose errors know nothing of each other [5]."""
    share = sum(weight * one.estimate for weight, one in parts)
    below = math.sqrt(sum((weight * (one.estimate - one.low)) ** 2 for weight, one in parts))
    above = math.sqrt(sum((weight * (one.high - one.estimate)) ** 2 for weight, one in parts))
    return Interval(estimate=share, low=share - below, high=share + above)


def _left(labels: int, of: int) -> float:
    """What is left of the variance of one label in the mean of so many that are drawn without repeats."""
    return (of - labels) / max(of - 1, 1) / labels


def _by_labels(part: Sample) -> Interval:
    """By the labels of a part without scores; exact for labels of 0 and 1 of which one kind is rare."""
    ones = float(part.labels.sum())
    labels = part.labels.size
    share = ones / labels
    if part.is_whole:
        return Interval(estimate=share, low=share, high=share)
    if _is_binary(part.labels) and _fewer(part.labels) < FEWEST_OF_A_KIND:
        low = fewest(Kept(kept=round(ones), of=labels), of=part.of, level=(1 - LEVEL) / 2) / part.of
        others = Kept(kept=labels - round(ones), of=labels)
        high = 1 - fewest(others, of=part.of, level=(1 - LEVEL) / 2) / part.of
    else:
        spread = share * (1 - share)
        own = float(part.labels.var())
        low, high = wilson(share, 1 / _left(labels, part.of) * (spread / own if own > 0 else 1.0))
    return Interval(estimate=share, low=low, high=high)


def _fewer(labels: Numbers) -> float:
    """Labels of the rarer kind."""
    return min(float(labels.sum()), float((1 - labels).sum()))


def _is_binary(labels: Numbers) -> bool:
    return bool(((labels == 0) | (labels == 1)).all())


def _cut(found: Interval, bounds: tuple[float, float]) -> Interval:
    """Inside what labels settle: what counts among them counts in the pool."""
    low, high = max(found.low, bounds[0]), min(found.high, bounds[1])
    return Interval(estimate=min(max(found.estimate, low), high), low=min(low, high), high=max(low, high))


def _told(
    method: str,
    share: Interval,
    parts: list[Sample],
    alone: Interval,
    *,
    weight: float,
    spread: float,
    spread_error: float,
) -> Estimate:
    return Estimate(
        share=share,
        method=method,
        labels=sum(part.labels.size for part in parts),
        weight=weight,
        alone=alone,
        spread=spread,
        spread_error=spread_error,
        of=sum(part.of for part in parts),
        drawn=parts[0].labels.size,
        drawn_of=parts[0].of,
    )
