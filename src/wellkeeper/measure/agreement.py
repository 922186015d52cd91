"""Do readers who labelled the same items agree, beyond what chance would do?

The share of items on which they agree says little: where nearly all items are of one kind, readers who guess agree.
Krippendorff's alpha sets the disagreement seen beside the one that the same labels would show if they were dealt out to
items at random [1]:

    alpha = 1 - Do / De

1 is full agreement, 0 is what chance gives, below 0 is worse. Any number of readers, any gaps. Where all labels are the
same there is no De, and alpha says nothing: it is not 1, since the readers had no occasion to differ.

The interval is for other items of the same kind, with the same readers. Do is a share, and Wilson's interval of it,
for as many items as have the spread that a jackknife over items sees in alpha, is divided by De. The bootstrap over
items does not do: where readers seldom differ most resamples hold no disagreement. Simulated, readers of whom two or
four look at 20 or 50 items (benchmarks/review/estimates.py): with an alpha of .98 the bootstrap covered 5 to 51 %, this
one 90 to 99 %.

[1] Krippendorff, Computing Krippendorff's alpha-reliability (2011), University of Pennsylvania, Departmental Papers
    (ASC) 43: nominal data, any number of observers, missing data.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.verifier import Kept

Ratings: TypeAlias = NDArray[np.integer]  # shape (items, readers): number of the label; below 0: none

FEWEST_ITEMS = 5
"""Items with two labels below which alpha has no interval."""
_FEWEST_EFFECTIVE = 2.0
_MOST_EFFECTIVE = 2.0  # times the items: nothing makes an item tell more than two of its kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha for labels without an order."""

    estimate: float | None  # at most 1; None: it is not defined
    low: float | None  # 95 %; None: too few items for an interval
    high: float | None
    items: int  # that have two labels or more
    labels: int  # of these items
    why: str = ""  # it is not defined, in a sentence

    def to_json(self) -> dict[str, Any]:
        names = ("estimate", "low", "high", "items", "labels", "why")
        return {name: getattr(self, name) for name in names}


def alpha(ratings: Ratings) -> Alpha:
    """Krippendorff's alpha of labels, with its 95 % interval.

    >>> found = alpha(np.array([[0, 0], [1, 1], [0, 0], [1, 0], [1, 1], [0, 0]]))
    >>> round(found.estimate, 3), found.items
    (0.686, 6)

    Raises:
        DataError: the ratings are no table of items and readers.
    """
    counts = _counts(ratings)
    each = counts.sum(axis=1)
    counts = counts[each >= 2]
    if not len(counts):
        return _undefined(0, 0, "No item has labels of two readers.")
    each = counts.sum(axis=1)
    apart = (each**2 - (counts**2).sum(axis=1)) / (each - 1)
    whole, labels = counts.sum(axis=0), float(each.sum())
    expected = float(_expected(whole))
    if expected == 0:
        return _undefined(len(counts), int(labels), "All labels are the same, so that nobody could differ.")
    estimate = 1 - float(apart.sum()) / expected
    low, high = _interval(counts, apart) if len(counts) >= FEWEST_ITEMS else (None, None)
    return Alpha(estimate=estimate, low=low, high=high, items=len(counts), labels=int(labels))


def pairs(ratings: Ratings) -> Iterator[tuple[int, int, Kept]]:
    """Columns of two readers, and on how many of the items that both labelled they agree; none of pairs without any.

    >>> [(a, b, shared.kept, shared.of) for a, b, shared in pairs(np.array([[0, 0, -1], [1, 0, 1]]))]
    [(0, 1, 1, 2), (0, 2, 1, 1), (1, 2, 0, 1)]

    Raises:
        DataError: the ratings are no table of items and readers.
    """
    _check(ratings)
    for one, other in itertools.combinations(range(ratings.shape[1]), 2):
        both = (ratings[:, one] >= 0) & (ratings[:, other] >= 0)
        if both.any():
            same = both & (ratings[:, one] == ratings[:, other])
            yield one, other, Kept(kept=int(same.sum()), of=int(both.sum()))


def _undefined(items: int, labels: int, why: str) -> Alpha:
    return Alpha(estimate=None, low=None, high=None, items=items, labels=labels, why=why)


def _counts(ratings: Ratings) -> NDArray[np.float64]:
    """How many readers gave each label, shape (items, labels)."""
    _check(ratings)
    given = np.unique(ratings[ratings >= 0])
    return np.stack(
        [(ratings == label).sum(axis=1) for label in given.tolist()] or [np.zeros(len(ratings))], axis=1
    ).astype(np.float64)


def _expected(whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Disagreement of labels that are dealt out at random, times their number; `whole` counts them on its last axis."""
    labels = whole.sum(axis=-1)
    return np.asarray((labels**2 - (whole**2).sum(axis=-1)) / np.maximum(labels - 1, 1))


def _interval(counts: NDArray[np.float64], apart: NDArray[np.float64]) -> tuple[float, float]:
    items, whole = len(counts), counts.sum(axis=0)
    labels = float(whole.sum())
    share, chance = float(apart.sum()) / labels, float(_expected(whole)) / labels
    estimate = 1 - share / chance
    left = _expected(whole - counts)
    # without the only item of a rare label nobody could differ: such an item tells nothing of the spread
    without = np.where(left > 0, 1 - (apart.sum() - apart) / np.where(left > 0, left, 1), estimate)
    variance = (items - 1) / items * float(((without - without.mean()) ** 2).sum()) * chance**2
    effective = share * (1 - share) / variance if variance > 0 else float(items)
    effective = min(max(effective, _FEWEST_EFFECTIVE), _MOST_EFFECTIVE * items)
    fewest, most = wilson(min(share, 1.0), effective)
    return max(-1.0, 1 - most / chance), min(1.0, 1 - fewest / chance)


def _check(ratings: Ratings) -> None:
    if ratings.ndim != 2 or not np.issubdtype(ratings.dtype, np.integer):
        raise DataError(
            f"ratings has shape {ratings.shape} of {ratings.dtype}. Pass one row an item and one column a reader, with "
            "the number of the label, below 0 where there is none."
        )
