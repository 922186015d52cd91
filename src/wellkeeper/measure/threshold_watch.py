"""Is a share of a pool above a threshold, or below it? A statement that holds whenever labelling stops.

An interval of 95 % that is looked at after every label is wrong far more often than in one case of twenty by the time
somebody stops at it. Evidence by betting is not [1, 2]: with labels drawn by lot, one after the other and without
repeats, a gambler who says that the share is above t stakes a part of what there is on every label,

    wealth *= 1 + bet * (x - m)

m is the mean of the items that are left if the share of the pool is t, and x the label. While the share is t or less
the wealth does not grow on average, so that it ever exceeds 1 / level in at most a share `level` of all pools [3].
Scores of all items make the bets surer: x is the label less weight * (its score - the mean score of those left), whose
mean is the same, for any weight that the labels before it give. Wealth is the mean over several fixed stakes.

[1] Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, J. R. Stat. Soc. B 86 (2024) 1-27,
    section 5: without replacement.
[2] Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, NeurIPS 2020, arXiv:2006.04347.
[3] Ville, Étude critique de la notion de collectif, 1939.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.prediction_powered import Sample
from wellkeeper.measure.sequential import first_above, log_mean

Verdict: TypeAlias = Literal["above", "below", "open"]

LEVEL = 0.05
"""Chance of a wrong `above`, and of a wrong `below`, over all looks together."""
STAKES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.9)
"""Parts of the wealth that are staked, of the largest stake that cannot be lost twice over."""

_FEWEST_FITTED = 10  # labels from which scores are used
_ROUNDING = 1e-9
_DOUBT = 2.0  # added to the sum of squares of the scores: few labels give a small weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What labels say of a threshold so far."""

    threshold: float
    verdict: Verdict
    level: float
    labels: int
    at: int | None  # labels with which it was settled; None: it is open
    p_above: float  # anytime-valid p-value of "the share is the threshold or less"
    p_below: float  # ... "or more"

    def to_json(self) -> dict[str, Any]:
        names = ("threshold", "verdict", "level", "labels", "at", "p_above", "p_below")
        return {name: getattr(self, name) for name in names}


def settled(drawn: Sample, threshold: float, *, level: float = LEVEL) -> Settled:
    """Whether the share of a pool is above or below a threshold.

    What was settled once stays so, unless labels come to prove the contrary.

    >>> zeros = np.zeros(60)
    >>> found = settled(Sample(labels=zeros, scores=zeros, of=10_000, score_sum=0.0), 0.1)
    >>> found.verdict, found.at
    ('below', 48)

    Args:
        drawn: labels, in the order in which they came, of items drawn by lot.
        threshold: in (0, 1).
        level: chance of a wrong verdict on either side.

    Raises:
        DataError: threshold or level is not between 0 and 1.
    """
    for name, value in (("threshold", threshold), ("level", level)):
        if not 0 < value < 1:
            raise DataError(f"{name} is {value}. Give a number between 0 and 1, such as 0.05.")
    above, below = log_wealth(drawn, threshold)
    sides: tuple[tuple[Verdict, NDArray[np.float64]], ...] = (("above", above), ("below", below))
    line = -math.log(level)
    proven = [(path, side) for side, path in sides if path.size and np.isinf(path[-1]) and path[-1] > 0]
    crossed: list[tuple[int, Verdict]] = [
        (at, side)
        for path, side in proven or [(path, side) for side, path in sides]
        if (at := first_above(path, line)) is not None
    ]
    first: tuple[int | None, Verdict] = min(crossed) if crossed else (None, "open")
    return Settled(
        threshold=threshold,
        verdict=first[1],
        level=level,
        labels=drawn.labels.size,
        at=first[0],
        p_above=_p(above),
        p_below=_p(below),
    )


def log_wealth(drawn: Sample, threshold: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the wealth of who bets on `above`, and on `below`, after each label, shape (labels,) each.

    Infinite: the labels left cannot bring the share back.
    """
    y, f = drawn.labels, drawn.scores
    left = drawn.of - np.arange(y.size)
    mean = (drawn.of * threshold - _before(y)) / left
    middle = np.clip((drawn.score_sum - _before(f)) / left, 0.0, 1.0)
    # scores sharpen most bets, but where little counts they forbid the large ones: half is staked without them
    steps = [
        _steps(y - weight * (f - middle) - mean, mean + weight * (1 - middle), 1 - mean + weight * middle)
        for weight in (_weights(y, f), np.zeros(y.size))
    ]
    paths = np.cumsum(np.concatenate(steps, axis=-1), axis=1)
    wealth = log_mean(paths)
    lacking = drawn.of * threshold - np.cumsum(y)
    over = np.logical_or.accumulate(np.stack([lacking < -_ROUNDING, lacking > left - 1 + _ROUNDING]), axis=1)
    wealth = np.where(over, np.inf, np.where(over[::-1], -np.inf, wealth))
    return wealth[0], wealth[1]


def _steps(
    beyond: NDArray[np.float64], lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithms of what each stake makes of 1, shape (sides, labels, stakes); `beyond` lies in [-lowest, highest]."""
    gains = np.stack([beyond, -beyond]) / np.maximum(np.stack([lowest, highest]), _ROUNDING)
    # below -1, or beyond all bounds, only where the threshold is out of reach, and there nothing is bet
    return np.asarray(np.log1p(np.asarray(STAKES) * np.clip(gains, -1.0, 1 / _ROUNDING)[..., None]))


def _before(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the values before each."""
    return np.concatenate([[0.0], np.cumsum(values)[:-1]]) if values.size else np.zeros(0)


def _weights(y: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of labels on scores, in [0, 1], by the labels before each."""
    n = np.arange(y.size)
    many = np.maximum(n, 1)
    together = _before(f * y) - _before(f) * _before(y) / many
    squares = _before(f * f) - _before(f) ** 2 / many
    return np.where(n >= _FEWEST_FITTED, np.clip(together / (squares + _DOUBT), 0.0, 1.0), 0.0)


def _p(path: NDArray[np.float64]) -> float:
    return min(1.0, math.exp(-float(path.max(initial=0.0))))
