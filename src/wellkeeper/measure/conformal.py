"""How often human text scores as high as this: p-values, thresholds and false-alarm rates that hold by ranks alone.

If a new value and m reference values are exchangeable, the rank of the new one among all m + 1 is uniform, whatever
the values are distributed like. So a threshold taken from references keeps its false-alarm rate on the mean over
references [1]. For one given reference the realised rate varies around that mean, by a known beta distribution [2],
and a report should print its band.

[1] Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, Springer 2005, chapter 4.
[2] Vovk, Conditional validity of inductive conformal predictors, Machine Learning 92 (2013) 349-376, section 3.
[3] Benjamini and Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57 (1995) 289-300.
"""

import math

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

_ROUNDING = 1 + 1e-9  # .29 * 100 is a hair less than 29
_HALVINGS = 60  # of an interval of length 1: beyond the precision of a float


def p_values(scores: NDArray[np.floating], human: NDArray[np.floating]) -> NDArray[np.float64]:
    """Split-conformal p-value of each score, shape (documents,): (1 + #{h >= x}) / (m + 1), in [1 / (m + 1), 1].

    If a document is exchangeable with the references, its p-value is at most e with a probability of at most e [1].

    >>> p_values(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0]))
    array([0.25, 0.75, 1.  ])

    Args:
        scores: shape (documents,), higher is more AI-like.
        human: scores of the m human references of the same slice.

    Raises:
        DataError: there is no reference, or a value is NaN.
    """
    reference = np.sort(_checked(human, "human"))
    _refuse_nan(scores, "scores")
    at_least = reference.size - np.searchsorted(reference, scores, "left")
    return np.asarray((1 + at_least) / (reference.size + 1), np.float64)


def threshold(human: NDArray[np.floating], level: float) -> float:
    """The reference score above which, and only above which, the p-value is at most `level`.

    Of m references it is the j-th largest, j = floor(level (m + 1)).

    >>> threshold(np.arange(1.0, 100.0), 0.01)
    99.0

    Raises:
        DataError: there are fewer than 1 / level - 1 references, so that nothing could pass; there is none, one is
            NaN, or the level is no rate.
    """
    reference = np.sort(_checked(human, "human"))
    return float(reference[-_allowed(reference.size, level)])


def realised_rate_band(references: int, level: float, confidence: float = 0.95) -> tuple[float, float]:
    """Band of the false-alarm rate that one reference of that size really gives at `level`, equal-tailed, in [0, 1].

    The rate of flagging at `threshold` is, over references, Beta(j, m + 1 - j) distributed with
    j = floor(level (m + 1)), for scores without ties [2]; with ties it is lower.

    >>> [round(rate, 4) for rate in realised_rate_band(99, 0.05)]
    [0.0166, 0.1002]

    Args:
        references: m, the number of human references.
        level: nominal false-alarm rate.
        confidence: probability, in (0, 1), that the realised rate lies in the band.

    Raises:
        DataError: fewer than 1 / level - 1 references, or a level or confidence outside (0, 1).
    """
    allowed = _allowed(references, level)
    if not 0 < confidence < 1:
        raise DataError(f"confidence is {confidence}. Give a probability between 0 and 1, such as 0.95.")
    tail = (1 - confidence) / 2
    return _beta_quantile(tail, allowed, references), _beta_quantile(1 - tail, allowed, references)


def benjamini_hochberg(p: NDArray[np.floating], level: float) -> NDArray[np.bool_]:
    """Which p-values to reject so that the expected share of false ones among them is at most `level` [3].

    With r the largest rank whose p-value is at most r level / n, those of the r smallest; shape (p-values,).

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5]), 0.06)
    array([ True,  True,  True, False])

    Raises:
        DataError: a p-value is NaN or outside [0, 1], or the level is no rate.
    """
    _check_level(level)
    _refuse_nan(p, "p")
    if p.size and not 0 <= float(p.min()) <= float(p.max()) <= 1:
        raise DataError(f"p runs from {float(p.min())} to {float(p.max())}. Pass probabilities in [0, 1].")
    ordered = np.sort(p)
    passing = np.flatnonzero(ordered <= level * _ROUNDING * np.arange(1, p.size + 1) / max(p.size, 1))
    return np.asarray(p <= ordered[passing[-1]] if passing.size else np.zeros(p.shape), np.bool_)


def source_statistic(scores: NDArray[np.floating], human: NDArray[np.floating]) -> float:
    """How far the mean of one source's k documents lies above the m human references, in their standard deviations.

    If documents are independent draws of what the references are draws of, its variance is about 1/k + 1/m.

    >>> source_statistic(np.array([4.0, 4.0]), np.array([1.0, 3.0]))
    2.0

    Raises:
        DataError: no document, fewer than two references or equal ones, or a NaN among them.
    """
    mean = float(_checked(scores, "scores").mean())
    reference = _checked(human, "human")
    spread = float(reference.std())
    if spread == 0:
        raise DataError(
            f"The {reference.size} human references all score {float(reference[0]):g}, so there is no scale to measure "
            "by. Add human references of the same slice that differ."
        )
    return (mean - float(reference.mean())) / spread


def _allowed(references: int, level: float) -> int:
    """j: one more than the references that may score as high as what is flagged."""
    _check_level(level)
    allowed = math.floor(level * (references + 1) * _ROUNDING)
    if allowed < 1:
        needed = math.ceil(1 / (level * _ROUNDING)) - 1
        raise DataError(
            f"A rate of {level:g} cannot be certified by {references} human references: it needs {needed}. "
            f"Add {needed - references} more, or ask for a level of at least {_upwards(1 / (references + 1))}."
        )
    return allowed


def _upwards(rate: float) -> str:
    """Three decimals of a rate, rounded up."""
    return f"{math.ceil(rate * 1000) / 1000:g}"


def _beta_quantile(probability: float, allowed: int, references: int) -> float:
    """Quantile of Beta(j, m + 1 - j), by bisection.

    P(Beta(j, m + 1 - j) <= x) = P(Bin(m, x) >= j): the j-th smallest of m uniform values is at most x.
    """
    hits = np.arange(allowed, references + 1)
    ways = np.array(
        [math.lgamma(references + 1) - math.lgamma(k + 1) - math.lgamma(references - k + 1) for k in hits]
    )
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        rate = (low + high) / 2
        chance = np.exp(ways + hits * math.log(rate) + (references - hits) * math.log1p(-rate)).sum()
        low, high = (rate, high) if chance < probability else (low, rate)
    return (low + high) / 2


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a rate above 0 and below 1, such as 0.05.")


def _checked(values: NDArray[np.floating], name: str) -> NDArray[np.float64]:
    if not values.size:
        raise DataError(f"{name} is empty. Pass at least one score.")
    _refuse_nan(values, name)
    return np.asarray(values, np.float64)


def _refuse_nan(values: NDArray[np.floating], name: str) -> None:
    missing = int(np.isnan(values).sum())
    if missing:
        raise DataError(
            f"{name} holds {missing} NaN among {values.size} values. Leave out documents without a score."
        )
