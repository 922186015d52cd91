"""Simulated years of `wellkeeper watch`, as the command judges them: from answers to alarms, through its monitor.

    python benchmarks/watch/command_years.py [--years 400] [--items 100]

`years.py` measures the statistics alone. Here each year is a store of 52 weeks as `watch run` keeps them, with three
metrics that share the level (accuracy, degenerate share, diversity), handed to `wellkeeper.watch.monitor.timeline_of`.

Every item is answered right with a chance of its own, Beta(0.7, 0.3) distributed; 2 % of the answers are degenerate;
the diversity of an item varies around a mean of its own. From week 20 on a version that got worse is right less often
by a factor. Designs: *stored*, 4 stored answers and a margin of 0.02; *paired*, both versions answer the same items
every week; *fresh*, items that no other week has. The table prints the share of drift-free years with an alarm of any
metric, with its standard error, and of a drop of 10 points the median number of weeks to the alarm, the week of the
change counted as the first, with the share of years in which it was found; years with an alarm before are left out.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wellkeeper.measure.sequential import WEEKS
from wellkeeper.watch.config import WatchConfig
from wellkeeper.watch.monitor import METRICS, Seen, alarms, timeline_of
from wellkeeper.watch.store import REFERENCE_WEEK, Measured
from wellkeeper.watch.timeline import Timeline, Week

RIGHT, SPREAD = 0.7, 0.3  # Beta parameters of an item's chance of a right answer
DEGENERATE = 0.02
CHANGED_AT = 20
DROP = 0.10
STORED = 4
DESIGNS = ("stored", "paired", "fresh")


def year(generator: np.random.Generator, design: str, items: int, drop: float) -> Timeline:
    """The timeline of one year, with a drop of accuracy from week 20 on."""
    config = WatchConfig(
        name="year", design=design, samples=2, stored=STORED, items_a_week=items, reference={}, suite="suite"
    )
    chances = Chances(generator, items)
    stored = {("reference", batch): chances.answers(1.0) for batch in range(STORED)}
    measured = {REFERENCE_WEEK: stored} if design == "stored" else {}
    for week in range(1, WEEKS + 1):
        if design == "fresh":
            chances = Chances(generator, items, first=week * items)
        factor = 1 - drop / RIGHT if week >= CHANGED_AT else 1.0
        measured[week] = {("watched", 0): chances.answers(factor)}
        if design != "stored":
            measured[week]["reference", 0] = chances.answers(1.0)
    return timeline_of(
        Seen(
            config=config,
            metrics=tuple(METRICS),
            created="2026-01-01",
            suite="suite",
            items=items,
            weeks=tuple(_week(number, items) for number in range(1, WEEKS + 1)),
            measured=measured,
        )
    )


def _week(number: int, items: int) -> Week:
    return Week(
        number=number,
        date=f"week {number}",
        version="v1",
        reason="schedule",
        items=items,
        answers=items,
        tokens=0,
        is_complete=True,
    )


class Chances:
    """What the answers to each item are like."""

    def __init__(self, generator: np.random.Generator, items: int, *, first: int = 0) -> None:
        self._generator = generator
        self._names = [f"{first + item}" for item in range(items)]
        self._right = generator.beta(RIGHT, SPREAD, items)
        self._diverse = generator.uniform(0.2, 0.8, items)

    def answers(self, factor: float) -> dict[str, Measured]:
        right = self._generator.random(len(self._names)) < self._right * factor
        degenerate = self._generator.random(len(self._names)) < DEGENERATE
        diverse = np.clip(self._generator.normal(self._diverse, 0.15), 0, 1)
        return {
            name: Measured(accuracy=float(a), degenerate=float(b), diversity=float(c))
            for name, a, b, c in zip(self._names, right, degenerate, diverse.tolist(), strict=True)
        }


def first_alarm(timeline: Timeline, metric: str) -> float:
    """The first week with an alarm of a metric; infinite without."""
    points = next(series for series in timeline.series if series.metric == metric).points
    return next((point.week for point in points if point.alarm), float("inf"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=int, default=400)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{given.years} years of {WEEKS} weeks, {given.items} items a week.\n")
    print("| design | drift-free years with an alarm | -10 points: median weeks (found) |")
    print("| --- | --: | --: |", flush=True)
    begun = time.process_time()
    for number, design in enumerate(DESIGNS):
        generator = np.random.default_rng([given.seed, number])
        calm = [bool(alarms(year(generator, design, given.items, 0.0))) for _ in range(given.years)]
        share = statistics.fmean(calm)
        error = (share * (1 - share) / given.years) ** 0.5
        worse = [
            first_alarm(year(generator, design, given.items, DROP), "accuracy")
            for _ in range(given.years // 4)
        ]
        weeks = [week - CHANGED_AT + 1 for week in worse if week >= CHANGED_AT]
        found = sum(week < float("inf") for week in weeks) / len(weeks)
        print(
            f"| {design} | {share:.3f} ± {error:.3f} | {statistics.median(weeks):g} ({found:.2f}) |",
            flush=True,
        )
    print(f"\n{time.process_time() - begun:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
