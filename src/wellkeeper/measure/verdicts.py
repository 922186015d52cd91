"""Is the new version worse? Three verdicts on a paired change, on the metrics of a gate and on slices.

A large p-value does not say that all is well: little data find nothing. So each change is tested twice, against "no
worse at all" and against "worse by the margin or more", and there are three verdicts: *worse*, *not worse* by more than
the margin, *not enough data*. A change that is significant and provably smaller than the margin is not worse.

Metrics of one gate are held together by Holm [1]: a gate of any size calls a version worse that is not with a chance of
at most the level. A metric that changed in no unit, such as degenerate answers where there are none, cannot be called
worse whatever happens, so that it costs the others nothing: Tarone's rule [3]. That all metrics are not worse needs no
correction: it is said only if each test says so, an intersection-union test [2]. Slices are many and shown as a list:
Benjamini and Hochberg bound the share of false ones in it (`conformal.benjamini_hochberg`).

[1] Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979) 65-70.
[2] Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24 (1982) 295-300.
[3] Tarone, A modified Bonferroni method for discrete data, Biometrics 46 (1990) 515-522.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.conformal import benjamini_hochberg
from wellkeeper.measure.jackknife import Interval

Verdict: TypeAlias = Literal["worse", "not worse", "not enough data"]
Worse: TypeAlias = Literal["lower", "higher"]

LEVEL = 0.05
"""Chance of a false `worse`, and of a false `not worse`, at most."""
MARGIN = 0.05
"""A change that does not matter, in points as a share: 5 points."""
DIVERSITY_MARGIN = 0.01
"""The same of the mean distance of two answers, 1 point.

Distances D of texts lie near 1, and what a reader sees is the effective number of unlike answers, 1 / (1 - D): from .96
to .94 it falls from 25 to 17, and 5 points would let it fall from 25 to 11. Chosen on the runs of a real model in
docs/LOG.md, "a real model asked".
"""
FEWEST_UNITS = 5
"""Below this there is no verdict: the flips of four prompts give no p-value below 1/16."""

_POWER = 0.8  # chance that as many units as are asked for decide
_NORMAL = NormalDist()


class Tested(Protocol):
    """What a verdict is made of: two one-sided p-values."""

    @property
    def p(self) -> float:
        """Of no harm: small if it is worse, whatever the margin."""

    @property
    def p_margin(self) -> float:
        """Of harm of the margin or more: small if it is not worse by that much."""

    @property
    def is_unchanged(self) -> bool:
        """Whether no unit changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedChange:
    """One metric in two versions on the same units: prompts, or items of a test."""

    test: str  # how p-values and bounds were made
    units: int
    before: float  # mean over units of the reference version
    after: float
    change: Interval  # after - before, in [-1, 1], for the mean over other units of the same kind; 95 %
    worse: Worse  # the direction of change that is harm
    at_worst: float  # one-sided 95 % bound of the change on the side of harm
    p: float  # of no harm: small if it is worse, whatever the margin; one-sided
    margin: float  # > 0
    p_margin: float  # of harm of the margin or more: small if it is not worse by that much
    deviation: float  # standard deviation of the change over units; 0 if all changed alike

    @property
    def is_unchanged(self) -> bool:
        """Whether no unit changed."""
        return self.deviation == 0 and self.change.estimate == 0

    @property
    def units_to_decide(self) -> int | None:
        """Units with which a change that is none would be shown to be within the margin, with a power of 0.8.

        And with which a change as large as the margin would be found. None: the units showed no spread.
        """
        if self.deviation == 0:
            return None
        reach = _NORMAL.inv_cdf(1 - LEVEL) + _NORMAL.inv_cdf(_POWER)
        return max(FEWEST_UNITS, math.ceil((reach * self.deviation / self.margin) ** 2))

    def to_json(self) -> dict[str, Any]:
        return {
            "test": self.test,
            "units": self.units,
            "before": self.before,
            "after": self.after,
            "change": self.change.to_json(),
            "worse": self.worse,
            "at_worst": self.at_worst,
            "p": self.p,
            "margin": self.margin,
            "p_margin": self.p_margin,
            "units_to_decide": self.units_to_decide,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The verdict on a version by all metrics of a gate."""

    verdict: Verdict
    metrics: Mapping[str, Verdict]
    p: Mapping[str, float]  # of no harm in the metric, adjusted by Holm's method for all that changed

    def to_json(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "metrics": dict(self.metrics), "p": dict(self.p)}


def verdict_on(change: Tested, *, level: float = LEVEL) -> Verdict:
    """The verdict on one change alone."""
    return _verdict(is_worse=change.p <= level, is_within=change.p_margin <= level)


def gate(changes: Mapping[str, Tested], *, level: float = LEVEL) -> Gate:
    """The verdict on all metrics: worse if any is, not worse only if all are.

    Raises:
        DataError: there is no metric.
    """
    if not changes:
        raise DataError(
            "the gate has no metric. Compare accuracy, diversity or the degenerate share at least."
        )
    changed = {name: change for name, change in changes.items() if not change.is_unchanged}
    adjusted = {name: change.p for name, change in changes.items()}
    adjusted.update(zip(changed, holm(_column(changed, "p")).tolist(), strict=True))
    metrics = {
        name: _verdict(is_worse=adjusted[name] <= level, is_within=change.p_margin <= level)
        for name, change in changes.items()
    }
    return Gate(verdict=_overall(set(metrics.values())), metrics=metrics, p=adjusted)


def slices(changes: Mapping[str, Tested], *, level: float = LEVEL) -> dict[str, Verdict]:
    """The verdict on each slice, such as a language or a topic; slices share no unit.

    Of those called worse an expected share of at most `level` is not, and of those called not worse an expected share
    of at most `level` is worse by the margin or more.
    """
    if not changes:
        return {}
    worse, within = (benjamini_hochberg(_column(changes, name), level).tolist() for name in ("p", "p_margin"))
    return {
        name: _verdict(is_worse=is_worse, is_within=is_within)
        for name, is_worse, is_within in zip(changes, worse, within, strict=True)
    }


def holm(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Adjusted p-values, shape (tests,): those at most .05 are found with a chance of any false one of at most .05 [1].

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] * (p.size - np.arange(p.size))))
    back = np.empty(p.size)
    back[order] = adjusted
    return back


def _verdict(*, is_worse: bool, is_within: bool) -> Verdict:
    return "not worse" if is_within else "worse" if is_worse else "not enough data"


def _overall(found: set[Verdict]) -> Verdict:
    return "worse" if "worse" in found else "not worse" if found == {"not worse"} else "not enough data"


def _column(changes: Mapping[str, Tested], name: str) -> NDArray[np.float64]:
    return np.array([getattr(change, name) for change in changes.values()])
