"""Whether errors are shared: the one thing that decides whether a vote among samples, models or experts helps.

A vote is right far more often than a voter as long as voters that err give different answers. Where they give the same
wrong answer, the vote is for it [1]. Two wrong answers to one item are equal if both are the item's shared error, a
share s of the errors, or by chance: with m answers that are all alike otherwise, one of them right,

    P(equal | both wrong) = s^2 + (1 - s^2) c,     c = 1 / (m - 1)

so that the pairs of wrong answers tell s. How often single wrong answers come does not: an item's popular error is the
shared one, and would be counted as its own chance. c is 0 where m is not known, and then s is the share at most.

Whether that matters is decided by how often the right answer is given: a vote of very many is wrong where the shared
error is more frequent. At an accuracy q of single voters, the same in all items, that is so from

    s* = (q / (1 - q) - c) / (1 - c)

on; above 1 no vote is lost. That is a guide among items that are alike. Where they differ, votes gain on the easy ones
and lose on the hard ones, and most of the errors are of the hard ones. How much they differ is told by the share of the
variance of single answers that lies between items. The gain itself is measured, from the votes.

Intervals are of 95 %, by a jackknife over items.

[1] Zhang et al., Transcendence: generative models can outperform the experts that train them, NeurIPS 2024, arXiv
    2406.11741: why the errors of experts must differ.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import (
    FEWEST_DOCUMENTS,
    Interval,
    influences,
    interval,
    share_interval,
    wilson,
)

Labels: TypeAlias = NDArray[np.integer]  # shape (items, voters): which answer; below 0: none could be read
Verdict: TypeAlias = Literal["votes help", "votes do not help", "not enough data"]

LEAST_GAIN = 0.02
"""Share of items below which a gain is none that pays for several samples, in [0, 1]. Ours."""
MOST_BETWEEN = 0.1
"""Share of the variance of single answers between items up to which those are alike, in [0, 1]. Ours.

Half of the items right in .7 of samples, half in .1, always the same error: the vote gains 10 points, .37 of the
variance lies between items, and by s* alone two of three suites of 20 items would be told that votes do not help.
"""
_DRAWS = 200  # of each item's vote, where as many voters as there are do not vote


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedErrors:
    """How alike the errors of several voters are, and what a vote among them gains."""

    items: int
    voters: int
    pairs: int  # of wrong answers to one item
    equal: float | None  # share of these pairs that are equal, in [0, 1]; None: there are none
    chance: float  # share that would be equal without a shared error, in [0, 1)
    shared: (
        Interval | None
    )  # share of errors that are the item's shared one; None: too few items have two errors
    breakeven: (
        float | None
    )  # the share from which on the vote is worse than a voter; None: right answers not known
    single: float | None  # accuracy of one voter, in [0, 1]; likewise
    between: float | None  # share of the variance of single answers that lies between items; likewise
    vote: float | None  # accuracy of the vote
    gain: (
        Interval | None
    )  # of the vote over one voter, a difference of shares; None: too few items, or not known

    @property
    def verdict(self) -> Verdict:
        """What is shown.

        Votes help where the whole interval of the gain is above 0. They do not where it is below `LEAST_GAIN`, or where
        no gain is shown, the share of shared errors is above `breakeven` with its whole interval, and items are alike
        (`MOST_BETWEEN`) or the gain is not above 0 at all.
        """
        if self.gain is None:
            return "not enough data"
        if self.gain.low > 0:
            return "votes help"
        is_lost = self._is_shared and (self._are_alike or self.gain.estimate <= 0)
        return "votes do not help" if self.gain.high < LEAST_GAIN or is_lost else "not enough data"

    @property
    def warning(self) -> str | None:
        """What to say to somebody who votes; None: nothing."""
        if self.verdict != "votes do not help":
            return None
        assert self.gain is not None
        points = f"{100 * self.gain.estimate:+.1f} points ({100 * self.gain.low:+.1f} to {100 * self.gain.high:+.1f})"
        found = f"The vote gains {points} over one answer"
        if self.shared is not None:
            found += f": {self.shared.estimate:.0%} of the errors are shared"
        return (
            f"{found}. Ask once, at a low temperature, or vote among models or prompts whose errors differ; where an "
            "answer can be checked, take the best of several by a verifier."
        )

    def to_json(self) -> dict[str, Any]:
        intervals = {
            name: None if value is None else value.to_json()
            for name, value in (("shared", self.shared), ("gain", self.gain))
        }
        plain = ("items", "voters", "pairs", "equal", "chance", "single", "between", "vote")
        return {
            **{name: getattr(self, name) for name in plain},
            "breakeven": None if self.breakeven == math.inf else self.breakeven,
            **intervals,
            "verdict": self.verdict,
        }

    @property
    def _is_shared(self) -> bool:
        return self.shared is not None and self.breakeven is not None and self.shared.low > self.breakeven

    @property
    def _are_alike(self) -> bool:
        return self.between is not None and self.between <= MOST_BETWEEN


def shared_errors(
    labels: Labels,
    right: NDArray[np.integer] | None = None,
    *,
    answers: int | None = None,
    named: bool = False,
    vote: NDArray[np.bool_] | None = None,
    voters: int | None = None,
    seed: int = 0,
) -> SharedErrors:
    """Whether several voters' errors are shared, and what a vote among them gains.

    Without right answers the errors are those that differ from most others' answer: pairs of such dissenters that are
    equal speak for a rival answer, and no gain can be told.

    >>> alike = shared_errors(np.array([[0, 1, 1]] * 12), np.zeros(12, np.int64))
    >>> apart = shared_errors(np.array([[0, 0, 1, 2]] * 12), np.zeros(12, np.int64), answers=10)
    >>> alike.verdict, alike.equal, apart.verdict, apart.equal
    ('votes do not help', 1.0, 'votes help', 0.0)

    Args:
        labels: which answer each voter gives to each item, shape (items, voters); below 0: none that could be read.
        right: the right answer to each item, shape (items,), below 0 where no label is right; None: not known.
        answers: how many answers an item can have, 3 or more; None: not known.
        named: whether a column is one and the same voter in all items, as of several experts. Then the vote is set
            beside the best of them, who is chosen on one half of the items and measured on the other; else beside the
            mean, since samples of one model are alike.
        vote: whether the vote on each item was right, where it was held; None: it is held among the voters.
        voters: of the vote that is predicted; None: as many as there are, each once. Others are drawn from each
            item's own answers, which are taken to be as frequent as they were seen.
        seed: of these draws.

    Raises:
        DataError: shapes do not fit, or a number makes no sense.
    """
    _check(labels, right, answers, vote, voters)
    chance = 0.0 if answers is None else 1 / (answers - 1)
    counts = _counts(labels)
    known = right if right is not None else counts.argmax(axis=1)
    inside = known >= 0
    wrong = counts.copy()
    wrong[np.flatnonzero(inside), known[inside]] = 0
    equal = (wrong * (wrong - 1)).sum(axis=1) // 2
    errors = wrong.sum(axis=1)
    pairs = errors * (errors - 1) // 2
    total = int(pairs.sum())
    share = float(equal.sum() / total) if total else None
    told = right is not None and len(labels) > 0
    hits = np.asarray((labels == known[:, None]) & (labels >= 0), np.float64)
    single = _single(hits, named=named) if told else None
    held = (
        (vote.astype(np.float64) if vote is not None else _vote(counts, known, voters, seed))
        if told
        else None
    )
    return SharedErrors(
        items=len(labels),
        voters=labels.shape[1],
        pairs=total,
        equal=share,
        chance=chance,
        shared=_shared(equal, pairs, chance),
        breakeven=None if single is None else _breakeven(float(single.mean()), chance),
        single=None if single is None else float(single.mean()),
        between=_between(hits) if told else None,
        vote=None if held is None else float(held.mean()),
        gain=_mean(held - single) if held is not None and single is not None else None,
    )


def _counts(labels: Labels) -> NDArray[np.int64]:
    """How often each answer was given to each item, shape (items, answers)."""
    places = int(labels.max(initial=0)) + 1
    counts = np.zeros((len(labels), places), np.int64)
    rows, columns = np.nonzero(labels >= 0)
    np.add.at(counts, (rows, labels[rows, columns]), 1)
    return counts


def _single(hits: NDArray[np.float64], *, named: bool) -> NDArray[np.float64]:
    """How often one voter is right, item by item: on average, or the best of them by the other half of the items."""
    if not named:
        return np.asarray(hits.mean(axis=1), np.float64)
    found = np.empty(len(hits))
    for half in (0, 1):
        found[half::2] = hits[half::2, hits[1 - half :: 2].mean(axis=0).argmax() if len(hits) > 1 else 0]
    return found


def _between(hits: NDArray[np.float64]) -> float:
    """Share of the variance of answers that lies between items, by the two mean squares of one-way variance; from 0."""
    items, voters = hits.shape
    means = hits.mean(axis=1)
    within = float((means * (1 - means)).mean()) * voters / (voters - 1)
    between = float(means.var(ddof=1)) - within / voters if items > 1 else 0.0
    return between / (between + within) if between > 0 else 0.0


def _vote(
    counts: NDArray[np.int64], right: NDArray[np.integer], voters: int | None, seed: int
) -> NDArray[np.float64]:
    """The chance that the vote is right, item by item; ties go to the first seen, which is each of them alike."""
    if voters is None:
        return _won(counts, right)
    random = np.random.default_rng(seed)
    given = counts.sum(axis=1, keepdims=True)
    chances = np.divide(counts, given, where=given > 0, out=np.zeros(counts.shape))
    found = np.zeros(len(counts))
    some = np.flatnonzero(given[:, 0])
    for _ in range(_DRAWS):
        found[some] += _won(random.multinomial(voters, chances[some]), right[some])
    return found / _DRAWS


def _won(counts: NDArray[np.int64], right: NDArray[np.integer]) -> NDArray[np.float64]:
    leads = (counts == counts.max(axis=1, keepdims=True)) & (counts > 0)
    inside = right >= 0
    won = np.zeros(len(counts))
    won[inside] = leads[np.flatnonzero(inside), right[inside]]
    return np.asarray(won / np.maximum(1, leads.sum(axis=1)), np.float64)


def _shared(equal: NDArray[np.int64], pairs: NDArray[np.int64], chance: float) -> Interval | None:
    """The share of shared errors from that of equal pairs, of items that have some."""
    some = pairs > 0
    if int(some.sum()) < FEWEST_DOCUMENTS:
        return None
    equal, pairs = equal[some], pairs[some]
    share = float(equal.sum() / pairs.sum())
    without = (equal.sum() - equal) / (pairs.sum() - pairs)
    found = share_interval(share, [influences(share - without, pairs)], trials=len(pairs))

    def of(value: float) -> float:
        return math.sqrt(max(0.0, (value - chance) / (1 - chance)))

    return Interval(estimate=of(found.estimate), low=of(found.low), high=of(found.high))


def _breakeven(accuracy: float, chance: float) -> float:
    return math.inf if accuracy == 1 else max(0.0, (accuracy / (1 - accuracy) - chance) / (1 - chance))


def _mean(values: NDArray[np.float64]) -> Interval | None:
    """A mean over items, in [-1, 1]; without any spread, as wide as Wilson's interval of a share of none."""
    if len(values) < FEWEST_DOCUMENTS:
        return None
    mean = float(values.mean())
    if (values == values[0]).all():
        _, reach = wilson(0.0, len(values))
        return Interval(estimate=mean, low=max(-1.0, mean - reach), high=min(1.0, mean + reach))
    each = influences(values / len(values), np.ones(len(values), np.int64))
    return interval(mean, [each], bounds=(-1.0, 1.0))


def _check(
    labels: Labels,
    right: NDArray[np.integer] | None,
    answers: int | None,
    vote: NDArray[np.bool_] | None,
    voters: int | None,
) -> None:
    if labels.ndim != 2 or labels.shape[1] < 2:
        raise DataError(
            f"labels has shape {labels.shape}. Pass the answers of two voters or more to each item: shape "
            "(items, voters)."
        )
    for name, values in (("right", right), ("vote", vote)):
        if values is not None and values.shape != labels.shape[:1]:
            raise DataError(
                f"{name} has shape {values.shape} and there are {len(labels)} items. Pass one value for each."
            )
    if answers is not None and (answers < 3 or labels.max(initial=0) >= answers):
        raise DataError(
            f"answers is {answers} and the largest label is {labels.max(initial=0)}. Give how many answers an item can "
            "have, 3 or more, and labels below that."
        )
    if voters is not None and voters < 1:
        raise DataError(f"voters is {voters}. Give one or more.")
