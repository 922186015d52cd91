"""Thresholds that chance seldom passes, and what chance would do in a decision's place.

A threshold is taken from values that are known to be due to chance, such as the similarities of documents that are
known not to be copies, and from nothing else: no distribution is assumed, and what is looked for need not be
common or absent. If m known values and one more are exchangeable, the one more exceeds the (k + 1)-th largest of
them with a probability of at most (k + 1) / (m + 1) [1], whatever they are distributed like.

Whether values are due to chance as a whole is a question of their ranks among values that are [2].

[1] Wilks, Determination of sample sizes for setting tolerance limits, Ann. Math. Stat. 12 (1941) 91-96.
[2] Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the other, Ann.
    Math. Stat. 18 (1947) 50-60.
"""

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, of a normal distribution


def rank_allowed(*, known: int, chances: int, expected: float) -> int:
    """Greatest k for which the (k + 1)-th largest known value is exceeded by at most `expected` of `chances` values.

    `expected` is the mean number of chance values above the threshold. -1: too few are known, and even the largest
    of them may be exceeded more often.

    >>> rank_allowed(known=999, chances=1000, expected=5), rank_allowed(known=10, chances=1000, expected=5)
    (4, -1)

    Raises:
        DataError: `known` or `expected` is negative, or `chances` is not positive.
    """
    if known < 0 or expected < 0 or chances < 1:
        raise DataError(
            f"known is {known}, chances is {chances} and expected is {expected}. Count at least one chance, and give "
            "no negative number."
        )
    return min(known, int(expected * (known + 1) / chances)) - 1


def outlying_from(values: NDArray[np.floating], *, deviations: float) -> float:
    """The value that lies so many robust standard deviations above the median; half of the values may be anything.

    >>> round(outlying_from(np.array([1.0, 2.0, 3.0, 1000.0, 2.0]), deviations=2), 4)
    4.9652

    Raises:
        DataError: there is no value.
    """
    if not values.size:
        raise DataError("There is no value to take a median of. Pass at least one.")
    middle = float(np.median(values))
    return middle + deviations * _TO_SIGMA * float(np.median(np.abs(values - middle)))


def rank_excess(
    values: NDArray[np.floating], chance: NDArray[np.floating], *, independent: int
) -> tuple[float, float]:
    """How far values rank above values that are due to chance: U / n - m / 2 of [2], and its variance if all are.

    m `values`, shape (m,), are set beside n values of `chance`, shape (n,), which vary like `independent` ones that
    are; ties are counted as halves and corrected for. Sums over several sets of values add up, and so do variances.
    A variance of 0 says that the ranks tell nothing: all values are tied, or there are none.

    >>> rank_excess(np.array([5.0, 6.0]), np.array([1.0, 2.0, 3.0]), independent=3)
    (1.0, 0.3333333333333333)

    Raises:
        DataError: there is no value due to chance, or none of them is independent.
    """
    if not chance.size or independent < 1:
        raise DataError(
            f"chance has {chance.size} values, {independent} of them independent. Pass at least one that is."
        )
    ordered = np.sort(chance)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    excess = float(np.sum((below + up_to) / (2 * chance.size) - 0.5))
    _, counts = np.unique(np.concatenate((values, chance)), return_counts=True)
    total = values.size + chance.size
    untied = 1 - float(np.sum((counts / total) ** 3 - counts / total**3)) / (1 - 1 / total**2)
    return excess, max(0.0, untied) * values.size * (1 + (values.size + 1) / independent) / 12


def lost_at_random(frequencies: NDArray[np.integer], *, documents: int, removed: int) -> float:
    """Expected share, in [0, 1], of types that go with `removed` of `documents` documents drawn at random.

    `frequencies`, shape (types,), counts the documents that hold each type; a type is lost when all of them go.

    >>> lost_at_random(np.array([1, 2]), documents=10, removed=5)
    0.3611111111111111

    Raises:
        DataError: more documents are removed, or hold a type, than there are; or a type is held by none.
    """
    most = int(frequencies.max(initial=0))
    if not 0 <= removed <= documents or most > documents or (frequencies.size and frequencies.min() < 1):
        raise DataError(
            f"{removed} of {documents} documents are removed, and up to {most} hold a type. Count documents of one "
            "corpus, and types that at least one of them holds."
        )
    if not frequencies.size:
        return 0.0
    steps = np.arange(most)
    odds = np.clip((removed - steps) / (documents - steps), 0, None)
    return float(np.cumprod(odds)[frequencies - 1].mean())
