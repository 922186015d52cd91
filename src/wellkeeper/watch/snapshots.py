"""A corpus over time: each snapshot held against the first one.

Words, 3-grams and topics are tested together by permutations of documents, as `wellkeeper compare` does. The p-value
is valid for each snapshot by itself. An alarm is raised where it is at most level / horizon (Bonferroni over the
snapshots of a horizon): that holds whatever snapshots share, documents or the luck of the first one. What is called
evidence is 1 / (p * horizon) of one snapshot; it does not grow from one to the next, and is no e-value.

The other figures are shown beside it and tested by nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellkeeper.measure.jackknife import wilson
from wellkeeper.watch.points import spans
from wellkeeper.watch.timeline import Point, Series, Verdict

WORDS, HUMAN_WORDS = "words", "lost_mass"
TESTED = (WORDS, HUMAN_WORDS)
"""What stands for the test: the share that is lacking of the first snapshot's words, or of a reference's."""
LABELS: Mapping[str, str] = {
    WORDS: "Words of the first snapshot that are lacking, by use",
    HUMAN_WORDS: "Human words that are lacking, by use",
    "ai": "Documents declared or known to be AI-made",
    "near_duplicates": "Documents that repeat another nearly",
    "largest_source": "Share of the largest source",
}
"""What is shown of a snapshot, and what people call it; more is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a snapshot, a share in [0, 1], with its 95 % interval."""

    value: float
    low: float
    high: float
    units: int  # documents

    @classmethod
    def of_documents(cls, some: int, documents: int) -> "Figure":
        """The share of so many documents."""
        share = some / documents
        low, high = wilson(share, documents)
        return cls(value=share, low=low, high=high, units=documents)


def snapshot_series(
    snapshots: Mapping[int, Mapping[str, Any]],
    weeks: Sequence[int],
    periods: Sequence[int],
    *,
    level: float,
    horizon: int,
) -> tuple[Series, ...]:
    """Series of all figures that the first snapshot, number 0, has.

    Args:
        snapshots: by number, `figures` as `Figure` has them, and of all but the first `p`, in (0, 1]: that the
            snapshot is not poorer than the first one.
        weeks: numbers of snapshots after the first.
        periods: the first number of each span for which the level is stated.
        level: of spans without a change, the share that raises an alarm, at most.
        horizon: snapshots of a span.
    """
    first = snapshots.get(0, {}).get("figures", {})
    return tuple(
        _series(metric, snapshots, weeks, periods, level=level, horizon=horizon)
        for metric in LABELS
        if metric in first
    )


def _series(
    metric: str,
    snapshots: Mapping[int, Mapping[str, Any]],
    weeks: Sequence[int],
    periods: Sequence[int],
    *,
    level: float,
    horizon: int,
) -> Series:
    threshold = -math.log10(level)
    points: list[Point] = []
    alarmed = False
    for span in spans(periods, len(weeks)):
        alarmed = False
        for week in weeks[span]:
            evidence = -math.log10(snapshots[week]["p"] * horizon) if metric in TESTED else 0.0
            alarmed = alarmed or (metric in TESTED and evidence >= threshold)
            points.append(_point(week, metric, snapshots, evidence=evidence, is_alarm=alarmed))
    verdict: Verdict = "worse" if alarmed else "no alarm"
    shown = "" if metric in TESTED else " (shown, not tested)"
    return Series(
        metric=metric,
        label=LABELS[metric] + shown,
        worse="higher",
        points=tuple(points),
        threshold=threshold,
        verdict=verdict,
    )


def _point(
    week: int, metric: str, snapshots: Mapping[int, Mapping[str, Any]], *, evidence: float, is_alarm: bool
) -> Point:
    figure = Figure(**snapshots[week]["figures"][metric])
    baseline = snapshots[week].get("baselines", {}).get(metric, snapshots[0]["figures"][metric]["value"])
    return Point(
        week=week,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        baseline=baseline,
        units=figure.units,
        drop=None,
        drop_low=None,
        drop_high=None,
        evidence=evidence,
        alarm=is_alarm,
    )
