"""The share that a review queue makes: which of its labels stand for which part of the pool.

Labels of two kinds stand in a queue. Items that were drawn by lot stand for the pool. Items that were put in for what a
label of them is worth stand for nothing but themselves: where readers went through all of them down to some value, the
part of the pool above that value is known, and those drawn by lot are needed for the rest only. The lot fell before
values were looked at, so that among the items below it is still a fair draw.

A label that tells nothing (cannot tell), items whose readers differ for good, and items that somebody is still about to
answer are missing. They are taken to be like the others, and counted: the bounds say what the share can be if they are
not.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wellkeeper.measure.jackknife import LEVEL
from wellkeeper.measure.prediction_powered import Estimate, Sample, share_of
from wellkeeper.measure.threshold_watch import Settled, settled
from wellkeeper.review.item import Item, Outcome, Placed, Pool
from wellkeeper.review.question import Question

MOST_OPEN = 0.1
"""Share of the items down to some value that may be without an answer for the part above it to count as known."""

FEWEST_BELOW = 10
"""Labels drawn by lot that the part below must have; else they all stand for the whole pool."""

_BETTER = {("first", "B"): 1.0, ("second", "A"): 1.0, ("first", "A"): 0.0, ("second", "B"): 0.0}
_TIES = ("equal", "both-bad")
COMPARED = ("first", "second", *_TIES)
"""Labels of two answers that say which is better."""


def value_of(question: Question, item: Item, label: str) -> float | None:
    """What a label counts in the share; None: it tells nothing. Of answers of two runs 1 is the second run's."""
    if question.kind != "compare":
        return question.label(label).value if label else None
    return 0.5 if label in _TIES else _BETTER.get((label, item.facts.get("first", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An item of the pool, and what people made of it."""

    score: float  # the mean of the others' where it has none
    worth: float  # `Item.value`
    rank: int | None
    value: float | None  # None: nobody answered yet, or what they say tells nothing
    is_answered: bool
    is_beyond_telling: bool  # most say that they cannot tell
    entry: int  # line of the log with its first answer; 0: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Items that should have a label, and have none that tells."""

    cannot_tell: int
    open: int  # readers differ, or an answer is still to come

    @property
    def items(self) -> int:
        return self.cannot_tell + self.open


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFound:
    """The share of a pool, and what it rests on."""

    estimate: Estimate | None  # None: see `why`
    why: str
    drawn: int  # labels of items drawn by lot
    known: int  # items of the part that is known by value
    left: int  # items drawn by lot that nobody has looked at yet, without those of the part that is known
    missing: Missing
    low: float  # the interval whatever the missing ones are
    high: float

    def to_json(self, question: Question, pool: Pool) -> dict[str, Any]:
        """As `wellkeeper.review-status/1` has it."""
        found = self.estimate
        told: dict[str, Any] = {
            "of": question.share,
            "pool": pool.items,
            "note": pool.weight_note,
            "estimate": None,
            "why": self.why,
            "drawn": self.drawn,
            "known": self.known,
            "missing": {"cannot_tell": self.missing.cannot_tell, "open": self.missing.open},
        }
        if found is None:
            return told
        return told | {
            "estimate": found.share.estimate,
            "low": found.share.low,
            "high": found.share.high,
            "level": LEVEL,
            "method": found.method,
            "labels": found.labels,
            "weight": found.weight,
            "alone": found.alone.to_json(),
            "narrower": found.narrower,
            "whatever_missing": {"low": self.low, "high": self.high},
        }


def looked_at(placed: Placed, outcome: Outcome, question: Question, pool: Pool) -> Looked:
    """An item of the pool, hence not one of gold."""
    score = placed.item.score
    value = value_of(question, placed.item, outcome.label)
    return Looked(
        score=_mean_score(pool) if score is None else score,
        worth=placed.item.value,
        rank=placed.rank,
        value=value,
        is_answered=bool(outcome.answers),
        is_beyond_telling=bool(outcome.label) and value is None,
        entry=min((answer.entry for answer in outcome.answers), default=0),
    )


def share_found(looked: list[Looked], pool: Pool) -> ShareFound:
    """The share of the pool, as far as it was looked at."""
    line = _known_above(looked)
    above = [one for one in looked if one.worth > line]
    by_lot = [one for one in looked if one.rank is not None and one.worth <= line]
    left = sum(not one.is_answered for one in by_lot)
    reached = max((one.rank or 0 for one in by_lot if one.is_answered), default=-1)
    seen = [one for one in by_lot if (one.rank or 0) <= reached]
    if len(looked) >= pool.items and all(one.is_answered for one in looked):
        above, seen = [], looked  # nothing is left to chance but what nobody can tell
    silent = [one for one in seen if one.value is None]
    cannot_tell = sum(one.is_beyond_telling for one in silent)
    missing = Missing(cannot_tell=cannot_tell, open=len(silent) - cannot_tell)
    drawn = _sample(
        seen, of=pool.items - len(above), score_sum=_score_sum(pool) - sum(one.score for one in above)
    )
    known = _sample(above, of=len(above), score_sum=sum(one.score for one in above)) if above else None
    if not drawn.labels.size and (drawn.of or known is None):
        why = "No item that was drawn by lot has a label that tells."
        return ShareFound(
            estimate=None, why=why, drawn=0, known=0, left=left, missing=missing, low=0.0, high=1.0
        )
    found = share_of(drawn, known)
    # items drawn by lot that nobody has reached yet are missing by lot
    gaps = sum(one.value is None and (one.rank is None or one.rank <= reached) for one in above)
    low, high = (
        share_of(
            drawn.filled(value, missing.items), None if known is None else known.filled(value, gaps)
        ).share
        for value in (0.0, 1.0)
    )
    return ShareFound(
        estimate=found,
        why="",
        drawn=drawn.labels.size,
        known=len(above),
        left=left,
        missing=missing,
        low=min(low.low, found.share.low),
        high=max(high.high, found.share.high),
    )


def settled_by(looked: list[Looked], pool: Pool, threshold: float) -> Settled:
    """On which side of a threshold the share is: by labels drawn by lot, in the order of first looks.

    That order knows nothing of the answers; by last looks, items whose readers differ would come later. What nobody can
    tell is left out. Where all labels together leave no choice, whatever the rest is, that counts too.
    """
    came = sorted(
        (one for one in looked if one.rank is not None and one.is_answered), key=lambda one: one.entry
    )
    without = [one.score for one in came if one.value is None]
    drawn = _sample(came, of=pool.items - len(without), score_sum=_score_sum(pool) - sum(without))
    found = settled(drawn, threshold)
    values = [one.value for one in looked if one.value is not None]
    if found.verdict == "open" and sum(values) > threshold * pool.items:
        return replace(found, verdict="above", at=len(values), p_above=0.0)
    if found.verdict == "open" and sum(1 - value for value in values) > (1 - threshold) * pool.items:
        return replace(found, verdict="below", at=len(values), p_below=0.0)
    return found


def _sample(items: list[Looked], *, of: int, score_sum: float) -> Sample:
    told = [one for one in items if one.value is not None]
    return Sample(
        labels=np.array([one.value for one in told], np.float64),
        scores=np.array([one.score for one in told], np.float64),
        of=of,
        score_sum=score_sum,
    )


def _score_sum(pool: Pool) -> float:
    """Over the pool; items without a score have the mean of the others."""
    return pool.items * _mean_score(pool)


def _mean_score(pool: Pool) -> float:
    return pool.score_sum / pool.scored if pool.scored else 0.5


def _known_above(looked: list[Looked]) -> float:
    """The value above which the pool is known; infinite: nowhere."""
    valued = [one for one in looked if one.rank is None]
    is_answered = np.array([one.is_answered for one in valued], np.bool_)
    places = np.arange(1, len(valued) + 1)
    enough = np.flatnonzero(is_answered & (np.cumsum(is_answered) >= (1 - MOST_OPEN) * places))
    if not enough.size:
        return math.inf
    # items of the same value as the next one may be outside the queue, or further down in it
    line = valued[min(int(enough[-1]) + 1, len(valued) - 1)].worth
    above = [one for one in valued if one.worth > line]
    told = sum(one.value is not None for one in above)
    below = sum(one.value is not None and one.rank is not None and one.worth <= line for one in looked)
    is_known = bool(above) and told >= (1 - MOST_OPEN) * len(above)
    return line if is_known and below >= FEWEST_BELOW else math.inf
