"""Does a reader get worse? Evidence from items of known label that holds after every one of them.

Two things are watched in the order of the answers, right or wrong, and the mean of both is the evidence:

    below     the chance of being right is under what is asked of readers, from the start. The likelihood with a chance
              spread evenly over [0, least], over the likelihood with `least`.
    fallen    it was higher before than after some answer. The likelihood with a chance of being right that falls at
              one place, any place and any fall, over the largest that one chance throughout can have [1].

Either has a mean of at most 1 where a reader is right with one and the same chance of `least` or more, so that by
Ville's inequality the evidence ever exceeds 1 / level for at most a share `level` of such readers, however often one
looks.

[1] Wasserman, Ramdas and Balakrishnan, Universal inference, PNAS 117 (2020) 16880-16890, section 8: sequential.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.sequential import first_above, log_mean, times_log
from wellkeeper.measure.verifier import Kept

Verdict: TypeAlias = Literal["steady", "below", "fallen", "no answer"]

LEVEL = 0.05
"""Share of readers without fault who are ever called back."""
LEAST = 0.8
"""Share of gold that a reader is asked to get right, in (0, 1). Ours: gold is chosen to be clear."""

_HAZARD = 1 / 40  # chance that the fall comes after an answer: readers see tens of gold items, not hundreds
_BELOW = (np.arange(64) + 0.5) / 64  # of `least`
_WAS = (
    0.75  # chance of being right before a fall, at least: whoever was never good is found by the other watch
)
_GRID = (np.arange(24) + 0.5) / 24
_PAIRS = np.array([(high, low) for high in _GRID for low in _GRID if low < high and high > _WAS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A reader beside gold."""

    verdict: Verdict
    right: Kept  # of all gold they answered with a label that tells
    first: Interval | None  # share right of the first half; None: fewer than two answers
    second: Interval | None
    least: float
    level: float
    at: int | None  # answer, from 1, after which the evidence sufficed; None: it never did
    evidence: float  # the largest so far; an alarm is above 1 / level

    def to_json(self) -> dict[str, Any]:
        share = self.right.share
        return {
            "verdict": self.verdict,
            "right": self.right.kept,
            "of": self.right.of,
            "share": None if share is None else share.to_json(),
            "first_half": None if self.first is None else self.first.to_json(),
            "second_half": None if self.second is None else self.second.to_json(),
            "least": self.least,
            "level": self.level,
            "at": self.at,
            "evidence": self.evidence,
        }


def drift(right: Sequence[bool], *, least: float = LEAST, level: float = LEVEL) -> Drift:
    """A reader beside gold, by whether each of their answers was right, in order.

    >>> drift([True] * 20).verdict, drift([True] * 20 + [False] * 8).verdict
    ('steady', 'fallen')

    Raises:
        DataError: least or level is not between 0 and 1.
    """
    for name, value in (("least", least), ("level", level)):
        if not 0 < value < 1:
            raise DataError(f"{name} is {value}. Give a number between 0 and 1.")
    answers = np.asarray(right, np.bool_)
    below, fallen = log_below(answers, least), log_fallen(answers)
    evidence = np.logaddexp(below, fallen) - math.log(2)
    at = first_above(evidence, -math.log(level))
    verdict: Verdict = "steady" if answers.size else "no answer"
    if at is not None:
        verdict = "below" if below[at - 1] > fallen[at - 1] else "fallen"
    half = answers.size // 2
    return Drift(
        verdict=verdict,
        right=_counted(answers),
        first=_counted(answers[:half]).share,
        second=_counted(answers[half:]).share if half else None,
        least=least,
        level=level,
        at=at,
        evidence=math.exp(min(float(evidence.max(initial=0.0)), 700.0)),
    )


def log_below(right: NDArray[np.bool_], least: float) -> NDArray[np.float64]:
    """The logarithm of the evidence that the chance of being right is under `least`, after each answer."""
    chances = least * _BELOW
    steps = np.where(right[:, None], np.log(chances / least), np.log((1 - chances) / (1 - least)))
    return log_mean(np.cumsum(steps, axis=0))


def log_fallen(right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The logarithm of the evidence that the chance of being right fell, after each answer."""
    high, low = (np.where(right[:, None], np.log(side), np.log1p(-side)) for side in _PAIRS.T)
    stayed, moved = np.zeros(len(_PAIRS)), np.full(len(_PAIRS), -np.inf)
    found = np.empty(right.size)
    for answer in range(right.size):
        # the fall comes before this answer, or has come, or is still to come; never before the first
        hazard = _HAZARD if answer else 0.0
        come = np.log(hazard) if hazard else -np.inf
        moved = np.logaddexp(moved, stayed + come) + low[answer]
        stayed = stayed + math.log1p(-hazard) + high[answer]
        found[answer] = log_mean(np.logaddexp(stayed, moved))
    count, hits = np.arange(1, right.size + 1), np.cumsum(right, dtype=np.int64)
    return found - (times_log(hits, hits / count) + times_log(count - hits, (count - hits) / count))


def _counted(answers: NDArray[np.bool_]) -> Kept:
    return Kept(kept=int(answers.sum()), of=answers.size)
