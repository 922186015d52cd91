"""Does a score rise, fall or turn along an ordered family: model sizes, versions, training generations?

Scores are of the same items under each member of the family, so that what makes an item hard cancels. Higher is more
of whatever is scored; that larger models score lower is inverse scaling, and that they score lower and then higher a U,
which a family that ends too early shows as inverse scaling.

Rising and falling: Page's L [1], which adds up, over items, the place of each member times the rank of its score within
the item, equal scores having the mean of their ranks. If the members are alike, each item's ranks stand in random
order, given which are equal; the p-value is exact for that, by convolution over items, as long as the sum has at
most 20,000 values and an item few enough orders (always up to 10 members), and else that of the normal distribution
with a correction for continuity. Items whose scores are
all equal say nothing.

U and inverted U: two lines [2]. At a break, the slope before it is to be negative and the slope after it positive, both
significantly, each by a test of its own (an intersection-union test, hence without correction for there being two).
A quadratic term would not do: it is significant for any curve that levels off. The break must not be chosen by the data
and then tested as if it had not been: the lowest of several equal means has a rise behind it by selection. So
every member but the ends is tried as the break, and the least p-value is multiplied by their number (Bonferroni).
Each slope is tested by flipping signs of items' slopes at random: where the members of a line are alike, an item's
slope is as likely as its reverse, however seldom it differs from 0.

The four p-values, of a rise, a fall, a U and an inverted U, are adjusted together by Holm's method. A turn, where
it is shown, is the verdict even if the ends differ as well, for then neither "rising" nor "falling" is true of the
whole family.

The family is taken as it is: the tests are about other items of the same kind, not about other models of those sizes.
Measured in benchmarks/watch/tails.py.

[1] Page, Ordered hypotheses for multiple treatments, J. Am. Stat. Assoc. 58 (1963) 216-230.
[2] Simonsohn, Two lines: a valid alternative to the invalid testing of U-shaped relationships with quadratic
    regressions, Advances in Methods and Practices in Psychological Science 1 (2018) 538-555.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife, student
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.verdicts import holm

Numbers: TypeAlias = NDArray[np.float64]
Shape: TypeAlias = Literal["rising", "falling", "U", "inverted U", "none"]

SHAPES: tuple[Shape, ...] = ("rising", "falling", "U", "inverted U")

LEVEL = 0.05
"""Chance of any shape where the members of the family are alike, at most."""

FLIPS = 9_999
"""Random signs: after Bonferroni over eight breaks and Holm over four shapes the least p-value is .0032."""

FEWEST_ITEMS = 10

_MOST_VALUES = 20_000  # of Page's sum, beyond which its null distribution is normal to three digits
_MOST_STATES = 1_100  # of the recursion over one item's ranks: 10 members without ties have 1,024
_SIGNS_AT_ONCE = 1 << 22
_TIE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How the scores of the same items go along an ordered family."""

    items: int
    means: tuple[float, ...]  # of each member
    intervals: tuple[Interval, ...]  # of the means, each by itself; 95 % over items
    verdict: Shape
    p: Mapping[Shape, float]  # of each of SHAPES, adjusted together by Holm's method
    p_alone: Mapping[Shape, float]  # unadjusted; of U and inverted U after the correction for breaks
    slope: Interval  # of the mean score, per unit of position, over all members; 95 % over items
    turn: int | None  # the member where the verdict's U or inverted U turns, from 0; None: no turn
    before: Interval | None  # slope up to the turn; 95 %, as if the turn had been known
    after: Interval | None  # slope from the turn on, likewise

    def to_json(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "means": list(self.means),
            "intervals": [interval.to_json() for interval in self.intervals],
            "verdict": self.verdict,
            "p": dict(self.p),
            "p_alone": dict(self.p_alone),
            "slope": self.slope.to_json(),
            "turn": self.turn,
            "before": None if self.before is None else self.before.to_json(),
            "after": None if self.after is None else self.after.to_json(),
        }


def ordered_trend(
    scores: Numbers,
    *,
    positions: Sequence[float] | None = None,
    level: float = LEVEL,
    seed: int = 0,
    flips: int = FLIPS,
) -> Trend:
    """Test scores of the same items along an ordered family for a trend or a turn.

    Args:
        scores: shape (items, members), members in the order of the family; means where an item has several answers.
        positions: where each member stands, ascending, such as logarithms of sizes; by default 0, 1, 2, ... Page's
            test goes by the order alone, slopes go by positions.
        level: chance of any shape where there is none, in (0, 1).
        seed: of the random signs.
        flips: random signs for each item.

    Raises:
        DataError: there are fewer than 3 members or 10 items, a score is not finite, positions do not ascend, or
            `level` or `flips` is out of range.
    """
    places = (
        np.arange(scores.shape[-1], dtype=np.float64) if positions is None else np.array(positions, float)
    )
    _check(scores, places, level, flips)
    rising, falling = page(scores)
    turns = _turns(scores, places, seed, flips)
    alone = dict(zip(SHAPES, (rising, falling, *(p for p, _ in turns)), strict=True))
    adjusted = dict(zip(SHAPES, holm(np.array(list(alone.values()))).tolist(), strict=True))
    verdict = _verdict(alone, adjusted, level)
    turn = {"U": turns[0][1], "inverted U": turns[1][1]}.get(verdict)
    return Trend(
        items=len(scores),
        means=tuple(scores.mean(axis=0).tolist()),
        intervals=tuple(_mean(column) for column in scores.T),
        verdict=verdict,
        p=adjusted,
        p_alone=alone,
        slope=_mean(_slopes(scores, places)),
        turn=turn,
        before=None if turn is None else _mean(_slopes(scores[:, : turn + 1], places[: turn + 1])),
        after=None if turn is None else _mean(_slopes(scores[:, turn:], places[turn:])),
    )


def page(scores: Numbers) -> tuple[float, float]:
    """One-sided p-values of Page's test: that scores rise, and that they fall, along the columns.

    `scores` has shape (items, members), all finite. See the module for ties and for what is exact.

    >>> rises, falls = page(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]))
    >>> round(36 * rises), round(36 * falls)
    (5, 35)
    """
    ranks = _doubled_ranks(scores)
    places = np.arange(1, scores.shape[1] + 1)
    patterns = Counter(tuple(sorted(row)) for row in ranks.tolist() if min(row) < max(row))
    observed = sum(int(row @ places) for row in ranks if row.min() < row.max())
    values = 1 + sum(many * _span(pattern) for pattern, many in patterns.items())
    if values <= _MOST_VALUES and all(_states(pattern) <= _MOST_STATES for pattern in patterns):
        return _exact(patterns, observed)
    return _normal(patterns, observed)


def _check(scores: Numbers, places: Numbers, level: float, flips: int) -> None:
    if scores.ndim != 2 or scores.shape[1] < 3 or len(scores) < FEWEST_ITEMS:
        raise DataError(
            f"scores have shape {scores.shape}. Pass a row for each of at least {FEWEST_ITEMS} items and a column for "
            "each of at least 3 members of the family; compare two members by a paired test."
        )
    if not np.isfinite(scores).all():
        item, member = np.argwhere(~np.isfinite(scores))[0].tolist()
        raise DataError(
            f"scores[{item}, {member}] is {scores[item, member]}. "
            "Leave out items that a member of the family has no score for."
        )
    if places.shape != scores.shape[1:] or not (np.diff(places) > 0).all():
        raise DataError(
            f"positions are {places.tolist()}, for {scores.shape[1]} members. "
            "Pass one ascending number for each member, such as the logarithm of its size."
        )
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a chance in (0, 1), such as {LEVEL}.")
    if flips < 999:
        raise DataError(
            f"flips is {flips}, too few for p-values that are corrected. Ask for at least 999, or better {FLIPS}."
        )


def _verdict(alone: Mapping[Shape, float], adjusted: Mapping[Shape, float], level: float) -> Shape:
    turns: list[Shape] = ["U", "inverted U"]
    lines: list[Shape] = ["rising", "falling"]
    for shapes in (turns, lines):  # a wave has both turns: the clearer one is told
        clearest = min(shapes, key=lambda shape: alone[shape])
        if adjusted[clearest] <= level:
            return clearest
    return "none"


def _turns(scores: Numbers, places: Numbers, seed: int, flips: int) -> list[tuple[float, int]]:
    """For a U and for an inverted U: the p-value, and the break at which both lines are clearest."""
    breaks = range(1, scores.shape[1] - 1)
    before = np.stack([_slopes(scores[:, : at + 1], places[: at + 1]) for at in breaks], axis=1)
    after = np.stack([_slopes(scores[:, at:], places[at:]) for at in breaks], axis=1)
    rising, falling = _flipped(np.hstack((after, before)), seed, flips)
    found = []
    for up, both in ((1, np.maximum(falling[1], rising[0])), (-1, np.maximum(rising[1], falling[0]))):
        clear = np.minimum(-up * _standard_scores(before), up * _standard_scores(after))
        p = min(1.0, len(breaks) * float(both.min()))
        found.append((p, breaks[int(np.argmax(clear))]))
    return found


def _standard_scores(slopes: Numbers) -> Numbers:
    """How clear mean slopes are, shape (breaks,): their sums over the deviation that random signs give them."""
    spread = np.sqrt(np.square(slopes).sum(axis=0))
    standard: Numbers = np.divide(slopes.sum(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    return standard


def _flipped(slopes: Numbers, seed: int, flips: int) -> Numbers:
    """p-values that mean slopes are above 0, and below 0, by random signs of items.

    `slopes`, shape (items, 2 * breaks), are those after each break, then those before each; the p-values have
    shape (2, 2, breaks).
    """
    generator = np.random.default_rng(seed)
    scale = np.abs(slopes).sum(axis=0)
    standard = np.divide(slopes, scale, out=np.zeros_like(slopes), where=scale > 0)
    observed = standard.sum(axis=0)
    above = np.zeros(observed.size, np.int64)
    below = np.zeros(observed.size, np.int64)
    at_once = max(1, _SIGNS_AT_ONCE // len(slopes))
    for begin in range(0, flips, at_once):
        many = min(at_once, flips - begin)
        signs = np.where(generator.random((many, len(slopes))) < 0.5, -1.0, 1.0)
        flipped = signs @ standard
        above += np.count_nonzero(flipped >= observed - _TIE, axis=0)
        below += np.count_nonzero(flipped <= observed + _TIE, axis=0)
    p: Numbers = (1 + np.stack((above, below)).reshape(2, 2, -1)) / (flips + 1)
    return p


def _slopes(scores: Numbers, places: Numbers) -> Numbers:
    """Each item's least-squares slope, shape (items,)."""
    centred = places - places.mean()
    slopes: Numbers = scores @ (centred / (centred @ centred))
    return slopes


def _mean(values: Numbers) -> Interval:
    """The mean over items with Student's 95 % interval."""
    estimate = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    reach = student.reach(values.size - 1, 1 - jackknife.LEVEL) * error
    return Interval(estimate=estimate, low=estimate - reach, high=estimate + reach)


def _doubled_ranks(scores: Numbers) -> NDArray[np.int64]:
    """Twice the rank within each item, equal scores sharing their mean rank: whole numbers, shape (items, members)."""
    below = (scores[:, :, None] > scores[:, None, :]).sum(axis=2)
    equal = (scores[:, :, None] == scores[:, None, :]).sum(axis=2)
    ranks: NDArray[np.int64] = 2 * below + equal + 1
    return ranks


def _span(pattern: tuple[int, ...]) -> int:
    """How far apart the least and the largest sum of an item with these doubled ranks, ascending, are."""
    places = np.arange(1, len(pattern) + 1)
    ranks = np.array(pattern)
    return int(ranks @ places - ranks[::-1] @ places)


def _states(pattern: tuple[int, ...]) -> int:
    return math.prod(many + 1 for many in Counter(pattern).values())


def _exact(patterns: Counter[tuple[int, ...]], observed: int) -> tuple[float, float]:
    null, least = np.ones(1), 0
    for pattern, many in sorted(patterns.items()):
        null = np.convolve(null, _power(_one_item(pattern), many))
        least += many * _least(pattern)
    at = observed - least
    return min(1.0, float(null[at:].sum())), min(1.0, float(null[: at + 1].sum()))


def _least(pattern: tuple[int, ...]) -> int:
    return int(np.array(pattern)[::-1] @ np.arange(1, len(pattern) + 1))


def _one_item(pattern: tuple[int, ...]) -> Numbers:
    """Chances of each sum of place times doubled rank, from the least on, if the ranks stand in random order.

    Places are filled one after the other; what matters so far is how many of each rank have been used.
    """
    available = Counter(pattern)
    kinds = sorted(available)
    size = int(np.array(pattern) @ np.arange(1, len(pattern) + 1)) + 1
    states = {(0,) * len(kinds): np.eye(1, size)[0]}
    for place in range(1, len(pattern) + 1):
        following: dict[tuple[int, ...], Numbers] = {}
        for used, chances in states.items():
            for kind, rank in enumerate(kinds):
                left = available[rank] - used[kind]
                if left:
                    now = (*used[:kind], used[kind] + 1, *used[kind + 1 :])
                    into = following.setdefault(now, np.zeros(size))
                    shift = place * rank
                    into[shift:] += chances[: size - shift] * (left / (len(pattern) - place + 1))
        states = following
    (chances,) = states.values()
    possible: Numbers = chances[_least(pattern) :]
    return possible


def _power(chances: Numbers, many: int) -> Numbers:
    """The distribution of the sum of `many` independent values."""
    power, square = np.ones(1), chances
    while many:
        if many % 2:
            power = np.convolve(power, square)
        many //= 2
        if many:
            square = np.convolve(square, square)
    return power


def _normal(patterns: Counter[tuple[int, ...]], observed: int) -> tuple[float, float]:
    mean = variance = 0.0
    for pattern, many in patterns.items():
        members = len(pattern)
        ranks = np.array(pattern, np.float64)
        places = np.arange(1, members + 1)
        mean += many * members * ranks.mean() * places.mean()
        variance += many * members**2 * ranks.var() * places.var() / (members - 1)
    beyond, spread = observed - mean, math.sqrt(2 * variance)

    def chance(distance: float) -> float:
        return 0.5 * math.erfc(
            (distance - 0.5) / spread
        )  # sums are whole numbers: half a step for continuity

    return chance(beyond), chance(-beyond)
