"""Simulated years of a weekly watch: how many without a change raise an alarm, and how soon a drop is found.

    python benchmarks/watch/years.py [--years 2000] [--items 100]

Every item is answered right with a chance of its own, Beta(0.7, 0.3) distributed: 70 % are right, and two samples of
one version differ on 21 % of the items. From week 20 on a version that got worse is right less often by a factor. The
tables print the share of years of 52 weeks with an alarm, with its standard error, and for a drop the median number of
weeks to the alarm, the week of the change counted as the first; a year without one counts as longer than all.

*Fresh*: items, or both versions' answers, are drawn anew every week. *Stored*: the same items every week against one
stored sampled answer each, then against the mean of K, by bets.

The last table: how often the interval of the drop was wrong in any week of a year, by a drop that moves all the time;
and how often the interval of the week of a change holds it.
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Mapping

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from wellkeeper.measure.sequential import (
    WEEKS,
    change_point,
    deviation,
    log_alarm,
    log_bets,
    log_evidence,
    log_restarts,
)

RIGHT, SPREAD = 0.7, 0.3  # Beta parameters of an item's chance of a right answer
CHANGED_AT = 20
LEVEL = 0.05
ALARM = -np.log(LEVEL)
DROPS = (0.05, 0.10)
LEAST = (
    None  # stands for the least margin that StoredWatch takes: one standard error of the stored answers' mean
)
STORED = (
    *((1, margin) for margin in (0.0, 0.02, LEAST)),
    *((4, margin) for margin in (0.0, LEAST, 0.02, 0.03)),
    *((16, margin) for margin in (0.0, LEAST, 0.02)),
)
BANDS, DATED = 300, 300

Alarms = NDArray[np.bool_]  # shape (years, weeks)
Counts = NDArray[np.int64]


def factors(drop: float) -> NDArray[np.float64]:
    """By what chances of a right answer are multiplied in each week, shape (weeks,)."""
    return np.where(np.arange(1, WEEKS + 1) >= CHANGED_AT, 1 - drop / RIGHT, 1.0)


def fresh(generator: np.random.Generator, years: int, items: int, drop: float) -> tuple[Counts, Counts]:
    """Lost and gained items of each week, shape (years, weeks) each."""
    square = RIGHT**2 + RIGHT * SPREAD / 2  # mean square of Beta(0.7, 0.3)
    lost = np.empty((years, WEEKS), np.int64)
    gained = np.empty_like(lost)
    for week, factor in enumerate(factors(drop)):
        down, up = RIGHT - factor * square, factor * (RIGHT - square)
        lost[:, week], gained[:, week], _ = generator.multinomial(items, [down, up, 1 - down - up], years).T
    return lost, gained


def stored(
    generator: np.random.Generator, years: int, items: int, samples: int, drop: float
) -> tuple[NDArray[np.float64], Iterator[Alarms]]:
    """Mean of the stored answers, shape (years, items), and whether each answer is right, week by week."""
    right = generator.beta(RIGHT, SPREAD, (years, items))
    base = generator.binomial(samples, right) / samples
    return base, (generator.random(right.shape) < right * factor for factor in factors(drop))


def against_one(generator: np.random.Generator, years: int, items: int) -> tuple[Counts, Counts]:
    """Lost and gained items where nothing changes but one stored answer of each item is the reference."""
    base, weeks = stored(generator, years, items, 1, 0.0)
    answers = list(weeks)
    lost = np.stack([(base > answer).sum(axis=1) for answer in answers], axis=1)
    return lost, np.stack([(base < answer).sum(axis=1) for answer in answers], axis=1)


def mcnemar(lost: Counts, gained: Counts) -> NDArray[np.float64]:
    """One-sided mid-p."""
    changed = lost + gained
    return binom.sf(lost, changed, 0.5) + binom.pmf(lost, changed, 0.5) / 2


def pair_designs(lost: Counts, gained: Counts) -> Mapping[str, Alarms]:
    weekly = mcnemar(lost, gained)
    total = np.cumsum(lost, axis=1), np.cumsum(gained, axis=1)
    return {
        "McNemar every week": weekly <= LEVEL,
        "the same, Bonferroni over weeks": weekly <= LEVEL / WEEKS,
        "McNemar on all so far": mcnemar(*total) <= LEVEL,
        "e-process": log_evidence(*total) > ALARM,
        "e-SR": log_restarts(lost, gained) > ALARM + np.log(WEEKS),
        "PairWatch": log_alarm(lost, gained) > ALARM,
    }


def bets(base: NDArray[np.float64], weeks: Iterable[Alarms], margin: float) -> Alarms:
    """Alarms of a StoredWatch."""
    wealth: NDArray[np.float64] | float = 0.0
    alarms = []
    for answers in weeks:
        wealth = wealth + log_bets(answers, base, margin=margin).sum(axis=1)
        alarms.append(np.logaddexp.reduce(wealth, axis=1) - np.log(wealth.shape[1]) > ALARM)
    return np.stack(alarms, axis=1)


def least_margin(items: int, samples: int) -> float:
    """Standard error of the mean of stored answers to items whose chances are Beta(0.7, 0.3), items given."""
    return float(np.sqrt(RIGHT * SPREAD / 2 / (items * samples)))


def share(alarms: Alarms) -> str:
    found = alarms.any(axis=1)
    return f"{found.mean():.3f} ± {found.std() / np.sqrt(found.size):.3f}"


def speed(alarms: Alarms) -> str:
    """Median weeks to the first alarm since the change, and share found, of years without an alarm before it."""
    before = alarms[:, : CHANGED_AT - 1].any(axis=1)
    since = alarms[~before, CHANGED_AT - 1 :]
    found = since.any(axis=1)
    weeks = np.median(np.where(found, since.argmax(axis=1) + 1, 999))
    return f"{weeks:g} ({found.mean():.2f})" if weeks < 999 else f"- ({found.mean():.2f})"


def band_misses(generator: np.random.Generator, years: int, items: int) -> float:
    """Share of years in which the interval of the mean drop was wrong in any week."""
    drop = 0.1 * np.sin(np.arange(WEEKS) / 5)
    total, squares, truth = np.zeros(years), np.zeros(years), 0.0
    missed = np.zeros(years, np.bool_)
    for week in range(WEEKS):
        guess = total / (week * items) if week else np.zeros(years)
        down, up = 0.1 + max(drop[week], 0), 0.1 + max(-drop[week], 0)
        drawn = generator.multinomial(items, [down, up, 1 - down - up], years)
        values = np.array([1.0, -1.0, 0.0])
        total = total + drawn @ values
        squares = squares + (drawn * (values - guess[:, None]) ** 2).sum(axis=1)
        truth += items * drop[week]
        missed |= np.abs(total - truth) > 2 * deviation(squares / 4, level=LEVEL)
    return float(missed.mean())


def dated(generator: np.random.Generator, years: int, items: int) -> Iterator[tuple[bool, int, int]]:
    """Whether the interval holds the week of a 10-point drop, how many weeks it spans, how far the estimate is off."""
    for lost, gained in zip(*fresh(generator, years, items, 0.10), strict=True):
        found = change_point(lost, gained, draws=299)
        yield found.low <= CHANGED_AT <= found.high, found.high - found.low + 1, abs(found.week - CHANGED_AT)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=int, default=2000)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    generator = np.random.default_rng(given.seed)
    started = time.process_time()
    calm = pair_designs(*fresh(generator, given.years, given.items, 0.0))
    worse = [pair_designs(*fresh(generator, given.years, given.items, drop)) for drop in DROPS]
    trap = pair_designs(*against_one(generator, given.years, given.items))
    points = " | ".join(f"-{100 * drop:g} points: weeks (found)" for drop in DROPS)
    print(f"{given.years:,} years of {WEEKS} weeks, {given.items} items a week.\n")
    print(f"| design | fresh, no change | one stored answer, no change | fresh, {points} |")
    print("| --- | --: | --: | --: | --: |")
    for name, alarms in calm.items():
        found = " | ".join(speed(one[name]) for one in worse)
        print(f"| {name} | {share(alarms)} | {share(trap[name])} | {found} |")
    print(f"\n| stored answers per item | margin | no change | {points} |")
    print("| --: | --: | --: | --: | --: |")
    for samples, asked in STORED:
        margin = least_margin(given.items, samples) if asked is LEAST else asked
        cells = [
            bets(*stored(generator, given.years, given.items, samples, drop), margin)
            for drop in (0.0, *DROPS)
        ]
        found = " | ".join(map(speed, cells[1:]))
        print(f"| {samples} | {margin:.4g} | {share(cells[0])} | {found} |", flush=True)
    missed = band_misses(generator, BANDS, given.items)
    held, width, off = np.array(list(dated(generator, DATED, given.items)), np.float64).T
    print(f"\nInterval of the drop wrong in any week: {missed:.3f} of {BANDS} years.")
    print(
        f"Week of a 10-point drop: within its 95 % interval {held.mean():.3f} of {DATED}; the interval spans "
        f"{np.median(width):g} weeks in the median and the estimate is {off.mean():.2f} off on the mean."
    )
    print(f"{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
