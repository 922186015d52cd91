"""A watch over weeks whose false-alarm rate holds for all of them together.

A test at 5 % that is repeated every week for a year calls a model that never changed worse in nine years of ten. What
is watched here is evidence that has a mean of at most 1 if nothing changed, whenever one looks: by Ville's inequality
it exceeds 1 / level, at any time, in at most a share `level` of all such streams.

Two versions answer the same items. An item is lost if the reference was right and the watched version is wrong, gained
if the other way round. Where nothing changed, either is as likely. Of b lost and c gained items, the likelihood ratio
against a share lost that is uniform between 1/2 and 1 is

    E(b, c) = 2^(b+c+1) * integral from 1/2 to 1 of t^b (1-t)^c dt

which has mean 1. Cumulated over all weeks it finds slow, small losses; started anew every week and summed up (e-SR,
after Shiryaev and Roberts) it finds sudden ones. `PairWatch` takes the mean of both.

That holds if items, or the answers of both versions, are drawn afresh every week. One stored answer per item does not
do for a reference: its luck stays, and grows into an alarm. `StoredWatch` takes the mean of several stored answers, and
calls a drop only beyond a margin.

[1] Ville, Étude critique de la notion de collectif, 1939; Doob's maximal inequality for what is no martingale.
[2] Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change detection, New England
    Journal of Statistics in Data Science 2 (2024) 229-260: e-SR.
[3] Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, J. R. Stat. Soc. B 86 (2024) 1-27.
[4] Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of
    Statistics 49 (2021) 1055-1080, theorem 4.
[5] Fan, Grama and Liu, Exponential inequalities for martingales with applications, Electronic Journal of Probability 20
    (2015) 1-22.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellkeeper.errors import DataError

Numbers: TypeAlias = NDArray[np.float64]

WEEKS = 52
"""Weeks of a watch for which its false-alarm rate is stated."""
LEAST_STORED = 4
"""Stored answers per item that stand for a reference: luck of fewer raises alarms (benchmarks/watch/years.py)."""
BETS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of the wealth that `StoredWatch` stakes on every answer: small ones find small drops."""

_LAMBDAS = 2.0 ** (
    -np.arange(2, 17) / 2
)  # of a band: the best one falls from 1/2 with the square root of the answers
_PSI = -np.log1p(-_LAMBDAS) - _LAMBDAS
_HALVINGS = 60
_PAIRS, _STORED, _BAND = "wellkeeper.watch-pairs/1", "wellkeeper.watch-stored/1", "wellkeeper.drop-band/1"

_each_log_factorial = np.frompyfunc(lambda n: math.lgamma(n + 1), 1, 1)


# --- evidence of lost and gained items -----------------------------------------------------------------------------


def log_evidence(lost: ArrayLike, gained: ArrayLike) -> Numbers:
    """The logarithm of E(b, c) of b lost and c gained items; arguments are broadcast.

    E has mean 1 where lost and gained items are equally likely. For b <= c the integral is b + 1 falling terms,
    1 / (c+1) * (1 + b/(c+2) + b(b-1)/((c+2)(c+3)) + ...); for b > c it is the whole beta function less those.

    >>> np.exp(log_evidence([0, 1, 0], [0, 0, 1])).round(12).tolist()
    [1.0, 1.5, 0.5]

    Raises:
        DataError: a number is negative or not whole.
    """
    b, c = np.broadcast_arrays(np.asarray(lost, np.float64), np.asarray(gained, np.float64))
    _check_counts(b, "lost")
    _check_counts(c, "gained")
    side = _lesser_side(np.minimum(b, c), np.maximum(b, c))
    whole = (b + c + 1) * math.log(2) + np.asarray(
        _log_factorial(b) + _log_factorial(c) - _log_factorial(b + c + 1), np.float64
    )
    # of b > c the side that is taken off is less than half of the whole, so nothing cancels
    return np.where(b > c, whole + np.log1p(-np.exp(np.minimum(side - whole, -math.log(2)))), side)


def log_restarts(lost: ArrayLike, gained: ArrayLike) -> Numbers:
    """The logarithm of SR by week, shape (..., weeks), from each week's own lost and gained items of the same shape.

    SR_w = (SR_(w-1) + 1) E(b_w, c_w): every week one more unit is staked on a change in that week [2]. Where nothing
    changed its mean after w weeks is w.
    """
    weekly = log_evidence(lost, gained)
    values = np.empty_like(weekly)
    before = np.full(weekly.shape[:-1], -np.inf)
    for week in range(weekly.shape[-1]):
        before = np.logaddexp(before, 0.0) + weekly[..., week]
        values[..., week] = before
    return values


def log_alarm(lost: ArrayLike, gained: ArrayLike, *, horizon: int = WEEKS) -> Numbers:
    """The logarithm of (E + SR / horizon) / 2 by week, shape (..., weeks), from each week's own counts.

    E is the evidence of all items so far. Where nothing changed, the mean of this after `horizon` weeks is 1 and it is
    a submartingale: in at most a share `level` of all streams it ever reaches 1 / level until then [1].
    """
    slow = log_evidence(np.cumsum(lost, axis=-1), np.cumsum(gained, axis=-1))
    quick = log_restarts(lost, gained) - math.log(horizon)
    return np.asarray(np.logaddexp(slow, quick) - math.log(2), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWatch:
    """Weeks of lost and gained items, where items or both versions' answers are drawn afresh every week.

    It is all of its own state: a watch that was stored and read again is the watch that never stopped.
    """

    level: float = (
        0.05  # of streams without a change, the share that raises an alarm within the horizon, in (0, 1)
    )
    horizon: int = WEEKS
    weeks: tuple[tuple[int, int], ...] = ()  # lost and gained items

    def __post_init__(self) -> None:
        _check_level(self.level)
        if self.horizon < 1:
            raise DataError(f"horizon is {self.horizon} weeks. Give 1 or more, such as 52.")
        if len(self.weeks) > self.horizon:
            raise DataError(
                f"The watch has {len(self.weeks)} weeks, and its false-alarm rate is stated for {self.horizon}. "
                "Begin the next one: call renewed()."
            )
        _check_counts(np.asarray(self.weeks, np.float64), "weeks")

    def after(self, *, lost: int, gained: int) -> Self:
        """The watch one week later.

        Raises:
            DataError: a number is negative or not whole, or the horizon is reached.
        """
        _check_counts(np.asarray([lost, gained], np.float64), "lost and gained")
        return replace(self, weeks=(*self.weeks, (int(lost), int(gained))))

    def renewed(self) -> Self:
        """A watch of the same settings that has seen nothing: after an alarm was dealt with, or after the horizon."""
        return replace(self, weeks=())

    @property
    def log_evidence(self) -> Numbers:
        """The logarithm of the evidence by week, shape (weeks,); an alarm is raised above -ln(level)."""
        lost, gained = self._counts()
        return log_alarm(lost, gained, horizon=self.horizon)

    @property
    def alarm_week(self) -> int | None:
        """The first week, from 1, with an alarm; None without. What was called once stays called."""
        return first_above(self.log_evidence, -math.log(self.level))

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value in (0, 1]: where nothing changed, at most x with a chance of at most x, ever."""
        return min(1.0, math.exp(-float(self.log_evidence.max(initial=0.0))))

    def change(self, *, draws: int = 999, seed: int = 0) -> "ChangePoint":
        """When it began, if it did: see `change_point`."""
        lost, gained = self._counts()
        return change_point(lost, gained, draws=draws, seed=seed)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": _PAIRS,
            "level": self.level,
            "horizon": self.horizon,
            "weeks": [list(week) for week in self.weeks],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The watch that `to_json` packed.

        Raises:
            DataError: it is of another schema, or its values do not fit.
        """
        with _unpacking(stored, _PAIRS):
            weeks = tuple((int(lost), int(gained)) for lost, gained in stored["weeks"])
            return cls(level=float(stored["level"]), horizon=int(stored["horizon"]), weeks=weeks)

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        counts = np.asarray(self.weeks, np.int64).reshape(-1, 2)
        return counts[:, 0], counts[:, 1]


# --- a reference of stored answers ---------------------------------------------------------------------------------


def log_bets(scores: ArrayLike, base: ArrayLike, *, margin: float) -> Numbers:
    """The logarithm of what each bet on a drop makes of 1 with each answer, shape (..., items, bets).

    `scores` and the means of the stored answers, `base`, are in [0, 1] and have the shape (..., items). With x =
    (1 + score - base) / 2 and m = (1 - margin) / 2, a bet of l makes 1 - l (x - m) / max(m, 1 - m): never negative, and
    on the mean over items at most 1 while the mean drop is at most the margin [3].
    """
    least = (1 - margin) / 2
    beyond = ((1 + np.asarray(scores, np.float64) - np.asarray(base, np.float64)) / 2 - least) / (1 - least)
    return np.asarray(np.log1p(-np.multiply.outer(beyond, np.asarray(BETS))), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWatch:
    """The same items every week, or some of them, against several stored answers to each.

    Make one with `begin`. An alarm says that the mean drop over items exceeds the margin.
    """

    base: tuple[float, ...]  # mean score of the stored answers to each item, in [0, 1]
    samples: int  # stored answers to each item
    margin: float  # drop of the mean score that is none yet, in [0, 1)
    level: float = 0.05  # of streams without a drop beyond the margin, the share that ever raises an alarm
    weeks: int = 0
    log_wealth: tuple[float, ...] = (0.0,) * len(BETS)
    alarm_week: int | None = None  # the first one with an alarm, from 1

    def __post_init__(self) -> None:
        _check_level(self.level)
        if self.samples < LEAST_STORED:
            held = "1 answer is" if self.samples == 1 else f"{self.samples} answers are"
            raise DataError(
                f"{held} stored for each item. The luck of so few is taken for the reference's quality every week, "
                f"and grows into a false alarm. Store {LEAST_STORED} or more answers to each item (K >= "
                f"{LEAST_STORED}), or draw fresh items, answered by both versions, every week."
            )
        if not 0 <= self.margin < 1:
            raise DataError(
                f"margin is {self.margin}. Give a drop of the mean score in [0, 1), such as 0.02."
            )
        _check_scores(np.asarray(self.base, np.float64), "base")
        if len(self.log_wealth) != len(BETS) or not all(map(math.isfinite, self.log_wealth)):
            raise DataError(
                f"log_wealth is {self.log_wealth}. Give one finite number for each of {len(BETS)} bets, or none."
            )

    @classmethod
    def begin(cls, answers: ArrayLike, *, margin: float = 0.02, level: float = 0.05) -> Self:
        """A watch against stored answers, of which `answers` are the scores in [0, 1], shape (items, samples).

        The stored answers are a sample too, and the margin has to cover their luck: `baseline_error`.

        Raises:
            DataError: fewer than 4 answers to an item, a score outside [0, 1], or a margin below that standard error.
        """
        scores = np.asarray(answers, np.float64)
        if scores.ndim != 2 or not scores.size:
            raise DataError(
                f"answers has shape {scores.shape}. Pass one row of scores per item: (items, samples)."
            )
        _check_scores(scores, "answers")
        base = tuple(math.fsum(row) / len(row) for row in scores.tolist())
        watch = cls(base=base, samples=scores.shape[1], margin=margin, level=level)
        error = baseline_error(scores)
        if margin < error:
            raise DataError(
                f"margin is {margin:g}, and the mean of the stored answers has a standard error of {error:.2g}: its "
                "luck alone looks like such a drop. Store more answers or more items, or set margin to "
                f"{math.ceil(1000 * error) / 1000:g} or more."
            )
        return watch

    def after(self, scores: ArrayLike, *, items: Sequence[int] | None = None) -> Self:
        """The watch one week later.

        Args:
            scores: of the watched version, in [0, 1], shape (items,).
            items: which of the stored items they answer, each once; None: all, in order.

        Raises:
            DataError: scores and items do not fit together, or a score lies outside [0, 1].
        """
        asked = np.arange(len(self.base)) if items is None else np.asarray(items, np.int64)
        given = np.asarray(scores, np.float64)
        if given.shape != asked.shape or given.ndim != 1:
            raise DataError(
                f"scores has shape {given.shape}, and {asked.size} items were asked. Pass one score per item."
            )
        if np.unique(asked).size < asked.size or (
            asked.size and not 0 <= asked.min() <= asked.max() < len(self.base)
        ):
            raise DataError(
                f"items holds a number twice or outside 0 to {len(self.base) - 1}. Ask each stored item once a week."
            )
        _check_scores(given, "scores")
        bets = log_bets(given, np.asarray(self.base)[asked], margin=self.margin)
        # exact sums: the order of the items does not show
        wealth = tuple(
            before + math.fsum(column)
            for before, column in zip(self.log_wealth, bets.T.tolist(), strict=True)
        )
        later = replace(self, weeks=self.weeks + 1, log_wealth=wealth)
        if self.alarm_week is None and later.log_evidence > -math.log(self.level):
            return replace(later, alarm_week=later.weeks)
        return later

    @property
    def log_evidence(self) -> float:
        """The logarithm of the mean wealth of all bets now; an alarm is raised above -ln(level)."""
        return float(log_mean(np.asarray(self.log_wealth, np.float64)))

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": _STORED,
            "base": list(self.base),
            "samples": self.samples,
            "margin": self.margin,
            "level": self.level,
            "weeks": self.weeks,
            "bets": list(BETS),
            "log_wealth": list(self.log_wealth),
            "alarm_week": self.alarm_week,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The watch that `to_json` packed.

        Raises:
            DataError: it is of another schema or made other bets, or its values do not fit.
        """
        with _unpacking(stored, _STORED):
            if tuple(stored["bets"]) != BETS:
                raise DataError(
                    f"The stored watch bets {stored['bets']}, this version {list(BETS)}. Begin a new one."
                )
            week = stored["alarm_week"]
            return cls(
                base=tuple(map(float, stored["base"])),
                samples=int(stored["samples"]),
                margin=float(stored["margin"]),
                level=float(stored["level"]),
                weeks=int(stored["weeks"]),
                log_wealth=tuple(map(float, stored["log_wealth"])),
                alarm_week=None if week is None else int(week),
            )


def baseline_error(answers: NDArray[np.floating]) -> float:
    """Standard error of the mean over items of stored answers, shape (items, samples), for the items given.

    Items stay the same from week to week, so only what answers to one item differ by counts.

    >>> baseline_error(np.array([[0.0, 1.0], [1.0, 1.0]]))
    0.25
    """
    items, samples = answers.shape
    if samples < 2:
        return math.inf
    return math.sqrt(float(answers.var(axis=1, ddof=1).mean()) / (items * samples))


# --- how large the drop is -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBand:
    """An interval for the mean drop so far that holds in all weeks together.

    Of drops x_i in [-1, 1], of which each may have a mean of its own, exp(l sum(x_i - mean_i) / 2 - psi(l) sum(x_i -
    guess_i)^2 / 4) with psi(l) = -ln(1 - l) - l is a supermartingale for 0 <= l < 1 [4, 5]; the guess is the mean drop
    of all weeks before. A mixture of such over l is one too, and is bounded by Ville's inequality.
    """

    answers: int = 0
    total: float = 0.0  # sum of the drops
    squares: float = 0.0  # sum of the squares of what they missed their guesses by

    def __post_init__(self) -> None:
        if not (abs(self.total) <= self.answers and 0 <= self.squares <= 4 * self.answers):
            raise DataError(
                f"A band of {self.answers} answers cannot have a total of {self.total} and squares of {self.squares}. "
                "Begin with DropBand()."
            )

    def after(self, drops: ArrayLike) -> Self:
        """The band one week later.

        Args:
            drops: score of the reference less that of the watched version, in [-1, 1], shape (answers,).

        Raises:
            DataError: a drop lies outside [-1, 1].
        """
        given = np.asarray(drops, np.float64).ravel()
        if not (np.abs(given) <= 1).all():
            raise DataError(
                f"drops holds {given[~(np.abs(given) <= 1)][0]}. Pass differences of scores in [0, 1]."
            )
        missed = (given - self.mean) ** 2
        return replace(
            self,
            answers=self.answers + given.size,
            total=self.total + math.fsum(given.tolist()),
            squares=self.squares + math.fsum(missed.tolist()),
        )

    @property
    def mean(self) -> float:
        """Mean drop so far, in [-1, 1]; 0 before the first answer."""
        return self.total / self.answers if self.answers else 0.0

    def interval(self, *, level: float = 0.05) -> tuple[float, float]:
        """Bounds of the mean drop so far, in [-1, 1]; over all weeks, with a chance of `level` at most, once wrong.

        Raises:
            DataError: the level is no chance between 0 and 1.
        """
        _check_level(level)
        if not self.answers:
            return -1.0, 1.0
        radius = 2 * float(deviation(self.squares / 4, level=level)) / self.answers
        return max(-1.0, self.mean - radius), min(1.0, self.mean + radius)

    def to_json(self) -> dict[str, Any]:
        return {"schema": _BAND, "answers": self.answers, "total": self.total, "squares": self.squares}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The band that `to_json` packed.

        Raises:
            DataError: it is of another schema.
        """
        with _unpacking(stored, _BAND):
            return cls(
                answers=int(stored["answers"]),
                total=float(stored["total"]),
                squares=float(stored["squares"]),
            )


def deviation(squares: ArrayLike, *, level: float = 0.05) -> Numbers:
    """How far a sum of values in [0, 1] ever gets from the sum of their means, either way, but for a chance `level`.

    `squares` are sums of (value - guess)^2, where a guess, in [0, 1], does not know its value [4, 5].
    """
    v = np.asarray(squares, np.float64)
    aim = math.log(2 / level)
    low = np.zeros_like(v)
    # of each summand alone: the mixture is at least its share of any one
    high = ((aim + math.log(_LAMBDAS.size) + np.multiply.outer(v, _PSI)) / _LAMBDAS).min(axis=-1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = log_mean(np.multiply.outer(middle, _LAMBDAS) - np.multiply.outer(v, _PSI)) >= aim
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray(high, np.float64)


# --- when it began -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The week from which on items are lost more often than gained, if that is so."""

    week: int  # the first changed one, from 1
    low: int  # bootstrap interval of the week
    high: int
    share: float  # of items lost among those lost or gained since, in [0.5, 1]
    log_likelihood: (
        float  # ln of the likelihood ratio against no change; not for testing: the week was sought
    )


def change_point(
    lost: ArrayLike, gained: ArrayLike, *, level: float = 0.05, draws: int = 999, seed: int = 0
) -> ChangePoint:
    """The week of a change by maximum likelihood: lost and gained are equally likely before, lost ones likelier since.

    The interval is the range of the estimates that `draws` histories with such a change have around it, with as many
    items lost or gained in each week, cut at level / 2 on either side and mirrored. Whether there is a change is what a
    `PairWatch` says.

    Args:
        lost: of each week, shape (weeks,).
        gained: likewise.
        level: chance that the interval misses the week, about; in (0, 1).
        draws: bootstrap histories.
        seed: of the bootstrap.

    Raises:
        DataError: no week, shapes that differ, a number that is negative or not whole, or no item lost or gained.
    """
    b, c = np.asarray(lost, np.int64), np.asarray(gained, np.int64)
    _check_level(level)
    if b.ndim != 1 or b.shape != c.shape or not b.size:
        raise DataError(
            f"lost has shape {b.shape} and gained {c.shape}. Pass one number of each for every week."
        )
    _check_counts(b, "lost")
    _check_counts(c, "gained")
    changed = b + c
    if not changed.any():
        raise DataError("No item was lost or gained in any week. There is no change to date: go on watching.")
    at, share, gain = (array[0] for array in _most_likely(b[None], changed))
    generator = np.random.default_rng(seed)
    rates = np.where(np.arange(b.size) >= at, share, 0.5)
    estimates, _, _ = _most_likely(generator.binomial(changed, rates, (draws, b.size)), changed)
    low, high = np.quantile(estimates - at, [level / 2, 1 - level / 2], method="inverted_cdf")
    last = b.size - 1
    return ChangePoint(
        week=int(at) + 1,
        low=int(np.clip(at - high, 0, last)) + 1,
        high=int(np.clip(at - low, 0, last)) + 1,
        share=float(share),
        log_likelihood=float(gain),
    )


def _most_likely(
    lost: NDArray[np.int64], changed: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Numbers, Numbers]:
    """Place, share lost since and log-likelihood ratio of the likeliest change, shape (rows,) each."""
    since = np.cumsum(lost[:, ::-1], axis=1)[:, ::-1]
    total = np.cumsum(changed[::-1])[::-1]
    share = np.maximum(since / np.maximum(total, 1), 0.5)
    gain = times_log(since, 2 * share) + times_log(total - since, 2 * (1 - share))
    at = gain.argmax(axis=1)
    rows = np.arange(len(lost))
    return at, share[rows, at], gain[rows, at]


# --- helpers -------------------------------------------------------------------------------------------------------


def _log_factorial(counts: Numbers) -> Numbers:
    """Of whole numbers from 0; of many small ones, as simulated streams have, each but once."""
    most = int(counts.max(initial=0.0))
    if most < counts.size:
        return np.asarray(_each_log_factorial(np.arange(most + 1)), np.float64)[counts.astype(np.int64)]
    return np.asarray(_each_log_factorial(counts), np.float64)


def _lesser_side(less: Numbers, more: Numbers) -> Numbers:
    """The logarithm of 2^(n+1) times the integral of t^less (1-t)^more from 1/2 to 1, where `less` <= `more`."""
    term = np.ones(less.shape)
    total = np.ones(less.shape)
    step = 0.0
    while term.size and (term > total * 1e-17).any():
        term = term * np.maximum(less - step, 0.0) / (more + 2 + step)
        total = total + term
        step += 1
    return np.asarray(np.log(total) - np.log1p(more), np.float64)


def times_log(count: NDArray[np.int64], ratio: Numbers) -> Numbers:
    """Terms count * ln(ratio), 0 where nothing is counted."""
    return np.asarray(count * np.log(np.where(count > 0, ratio, 1.0)), np.float64)


def log_mean(logs: Numbers) -> Numbers:
    """The logarithm of the mean of what logarithms are given of, over the last axis."""
    return np.asarray(np.logaddexp.reduce(logs, axis=-1) - math.log(logs.shape[-1]), np.float64)


def first_above(values: Numbers, threshold: float) -> int | None:
    """The first place, from 1, whose value is above a threshold; None: there is none."""
    above = np.flatnonzero(values > threshold)
    return int(above[0]) + 1 if above.size else None


def _check_counts(values: NDArray[Any], name: str) -> None:
    wrong = ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
    if wrong.any():
        raise DataError(f"{name} holds {values[wrong].flat[0]:g}. Count items: whole numbers from 0.")


def _check_scores(values: Numbers, name: str) -> None:
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        raise DataError(
            f"{name} holds {values[wrong].flat[0]:g}. Pass scores in [0, 1]: 1 for right, 0 for wrong."
        )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a chance between 0 and 1, such as 0.05.")


@contextmanager
def _unpacking(stored: Mapping[str, Any], schema: str) -> Iterator[None]:
    """Says as an error of ours what is missing or wrong in a stored state that is read inside."""
    if stored.get("schema") != schema:
        raise DataError(
            f"The stored state has schema {stored.get('schema')!r}, not {schema!r}. Read it with the class and the "
            "version that wrote it."
        )
    try:
        yield
    except DataError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The stored state of {schema} is damaged: {type(error).__name__} {error}. Restore it from a copy, or "
            "begin a new watch."
        ) from error
