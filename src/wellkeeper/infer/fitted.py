"""What a fitted temperature does on the half of the items that it was not fitted to, and what diversity it costs.

Figures are made by `wellkeeper.infer.temperature`; here is what they say: whether a gain is shown, which temperature is
recommended, and how many items would tell where these do not.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

from wellkeeper.infer.voting import Purpose
from wellkeeper.measure.jackknife import LEVEL, Interval
from wellkeeper.measure.verdicts import PairedChange

Verdict: TypeAlias = Literal["better", "no gain", "not enough data"]

_REACH = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(0.8)
"""Standard errors from no change to a gain that is found with a power of 0.8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One temperature on the held-out half."""

    temperature: float
    accuracy: Interval
    gain: PairedChange | None  # in accuracy, against a temperature of 1; None: it is 1
    diversity: Mapping[str, Interval]  # by measure
    lost: Mapping[str, PairedChange]  # likewise, against a temperature of 1

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "accuracy": self.accuracy.to_json(),
            "gain": None if self.gain is None else self.gain.to_json(),
            "diversity": {name: value.to_json() for name, value in self.diversity.items()},
            "diversity_change": {name: change.to_json() for name, change in self.lost.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Items of one difficulty, or all: a temperature fitted on one half, and what it does on the other."""

    name: str
    low: float  # least share of the group
    high: float  # of the next group, which is not in it; 1 is in the highest
    calibration_items: int
    items: int  # held out
    best: float  # temperature with the best mean on the calibration half
    fitted: float  # the one nearest to 1 within a standard error of that
    calibration: tuple[float, ...]
    """Mean scores on the calibration half, by temperature. The best is too high by its own luck: not to be reported."""
    points: tuple[Point, ...]  # on the held-out half, by temperature

    def at(self, temperature: float) -> Point:
        """The held-out half at a temperature of the grid."""
        return next(point for point in self.points if point.temperature == temperature)

    @property
    def _gains(self) -> list[PairedChange]:
        """Of every temperature but 1."""
        return [point.gain for point in self.points if point.gain is not None]

    @property
    def verdict(self) -> Verdict:
        """Whether the held-out half shows the gain that was fitted, or that no temperature has one of the margin."""
        fitted = self.at(self.fitted).gain
        if fitted is not None and fitted.change.low > 0:
            return "better"
        is_small = all(gain.change.high < gain.margin for gain in self._gains)
        return "no gain" if is_small else "not enough data"

    @property
    def recommended(self) -> float:
        """The fitted temperature where its gain is shown, else 1."""
        return self.fitted if self.verdict == "better" else 1.0

    @property
    def items_to_tell(self) -> int:
        """About how many items, both halves together, show a gain of the margin with a power of 0.8.

        At least as many as rule one out if none of them changes.
        """
        return max(2 * _units_to_tell(gain) for gain in self._gains)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "from": self.low,
            "to": self.high,
            "calibration_items": self.calibration_items,
            "held_out_items": self.items,
            "best_on_calibration": self.best,
            "fitted": self.fitted,
            "recommended": self.recommended,
            "verdict": self.verdict,
            "items_to_tell": self.items_to_tell,
            "calibration_means": list(self.calibration),
            "points": [point.to_json() for point in self.points],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A way to answer all items, on the held-out half."""

    accuracy: Interval
    gain: PairedChange  # against a temperature of 1 for all
    beside_one: PairedChange | None
    """Against the one temperature that was fitted to all; None: it is the same one for every item."""
    lost: Mapping[str, PairedChange]  # diversity by measure, against a temperature of 1; of a vote nothing

    @property
    def helps(self) -> bool:
        """Whether it is shown to be better than one temperature for all: than the fitted one, and than 1."""
        return self.beside_one is not None and min(self.beside_one.change.low, self.gain.change.low) > 0

    def to_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy.to_json(),
            "gain": self.gain.to_json(),
            "beside_one": None if self.beside_one is None else self.beside_one.to_json(),
            "diversity_change": {name: change.to_json() for name, change in self.lost.items()},
            "helps": self.helps,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Temperatures fitted on one half of the items, and what they do on the other."""

    grid: tuple[float, ...]
    margin: float  # gain in accuracy that matters
    one: Group  # all items: what can be used where nothing is known of an item
    by_difficulty: tuple[Group, ...]  # the hardest first; of items whose right answers are known
    by_agreement: tuple[Group, ...]  # the most scattered first; of items that were asked several times
    policies: Mapping[str, Policy]  # one, difficulty, agreement, vote
    notes: tuple[str, ...]  # groups that were joined

    @property
    def verdict(self) -> Verdict:
        """Of one temperature for all."""
        return self.one.verdict

    def recommended(self, purpose: Purpose) -> float:
        """The temperature for all items; never below 1 for data that will be trained on."""
        return suited(self.one.recommended, purpose)

    def to_json(self) -> dict[str, Any]:
        return {
            "grid": list(self.grid),
            "margin": self.margin,
            "verdict": self.verdict,
            "all": self.one.to_json(),
            "by_difficulty": [group.to_json() for group in self.by_difficulty],
            "by_agreement": [group.to_json() for group in self.by_agreement],
            "policies": {name: policy.to_json() for name, policy in self.policies.items()},
            "notes": list(self.notes),
        }


def suited(temperature: float, purpose: Purpose) -> float:
    """A temperature for a purpose: never below 1 for data that will be trained on."""
    return max(1.0, temperature) if purpose == "train" else temperature


def _units_to_tell(gain: PairedChange) -> int:
    """Items of the held-out half whose 95 % interval tells a gain of the margin from none."""
    by_spread = (_REACH * gain.deviation / gain.margin) ** 2
    unchanged = math.log((1 - LEVEL) / 2) / math.log1p(-gain.margin)
    return math.ceil(max(by_spread, unchanged))
