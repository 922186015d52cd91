"""How many items a week a watch needs to find a drop within so many weeks, simulated before a token is spent.

Streams of the watch for fresh items, `sequential.PairWatch`: every week both versions answer as many items once. Up to
the change an item is lost as often as it is gained, from then on more often by the drop. The weeks are counted from the
change, so that a drop found within one week is found by the first run that it has a part in.

docs/LOG.md has such years through the whole watch (benchmarks/watch/years.py).
"""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from wellkeeper.errors import DataError
from wellkeeper.measure.sample_size import LEVEL, AnswerNoise
from wellkeeper.measure.sequential import WEEKS, log_alarm

CHANGE = 20
"""The week, from 1, from which on the watched version is worse: neither at the start nor at the end of the year."""
STREAMS = 300
"""Simulated; the median week of so many is steady to about one."""
MOST_ITEMS = 20_000
"""A week; a watch that needs more is refused."""

_FIRST = 10  # items a week
_NEAR = 1.05  # the search for a number of items ends within this factor


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPower:
    """What a watch of so many items a week finds."""

    items: int  # a week
    weeks: float | None  # median from the change to the alarm, 1 or more; None: half of the streams have none
    found: float  # share of streams with an alarm from the change to the end of the horizon
    early: float  # share of streams with an alarm before the change, a false one


@lru_cache(maxsize=256)  # searches for several numbers of weeks pass through the same sizes
def watch_power(
    items: int,
    *,
    drop: float,
    noise: AnswerNoise,
    level: float = LEVEL,
    change: int = CHANGE,
    horizon: int = WEEKS,
    streams: int = STREAMS,
    seed: int = 0,
) -> WatchPower:
    """Simulate a watch of `items` a week against a version that is worse by `drop` from the week `change` on.

    Args:
        items: of every week, each answered once by both versions.
        drop: of the mean score, in (0, mean of `noise`].
        noise: of one answer. Scores between right and wrong are taken for as many right and wrong ones of that noise.
        level: share of streams without a change that raise an alarm within the horizon, at most.
        change: the first week, from 1, of the worse version.
        horizon: weeks.
        streams: simulated.
        seed: of the simulation.

    Raises:
        DataError: a number is out of its range.
    """
    if not 0 < drop <= noise.mean:
        raise DataError(
            f"drop is {drop:g} and the mean score {noise.mean:g}. Give a drop above 0 that can be lost."
        )
    if items < 1 or not 1 <= change <= horizon or streams < 20:
        raise DataError(
            f"items is {items}, change {change}, horizon {horizon} and streams {streams}. Give 1 or more items, a "
            "change within the horizon, and 20 or more streams."
        )
    generator = np.random.default_rng([seed, items])
    since = np.arange(1, horizon + 1) >= change
    discordance = np.where(since, noise.after(drop), noise.discordance)
    shift = np.where(since, drop, 0.0)
    shape = (streams, horizon)
    lost_share, gained_share = (discordance + shift) / 2, (discordance - shift) / 2
    lost = generator.binomial(items, lost_share, shape)
    gained = generator.binomial(items - lost, gained_share / (1 - lost_share), shape)
    above = log_alarm(lost, gained, horizon=horizon) > -np.log(level)
    early = above[:, : change - 1].any(axis=1)
    late = above[~early, change - 1 :]
    first = np.where(late.any(axis=1), late.argmax(axis=1) + 1.0, np.inf)
    median = float(np.quantile(first, 0.5, method="inverted_cdf")) if first.size else np.inf
    return WatchPower(
        items=items,
        weeks=median if np.isfinite(median) else None,
        found=float(np.mean(np.isfinite(first))) if first.size else 0.0,
        early=float(early.mean()),
    )


def items_a_week(
    weeks: float,
    *,
    drop: float,
    noise: AnswerNoise,
    level: float = LEVEL,
    change: int = CHANGE,
    horizon: int = WEEKS,
    streams: int = STREAMS,
    seed: int = 0,
) -> WatchPower:
    """The least watch, to within a twentieth of its items, that finds the drop within `weeks` in the median.

    Raises:
        DataError: a number is out of its range, or more than 20,000 items a week are needed.
    """
    run = partial(
        watch_power,
        drop=drop,
        noise=noise,
        level=level,
        change=change,
        horizon=horizon,
        streams=streams,
        seed=seed,
    )

    def is_enough(power: WatchPower) -> bool:
        return power.weeks is not None and power.weeks <= weeks

    low, high = 0, run(_FIRST)
    while not is_enough(high):
        low = high.items
        if 2 * low > MOST_ITEMS:
            raise DataError(
                f"More than {MOST_ITEMS:,} items a week are needed to find a drop of {drop:g} within {weeks:g} weeks. "
                "Allow more weeks, or look for a larger drop."
            )
        high = run(2 * low)
    while high.items > max(low + 1, _NEAR * low):
        middle = run((low + high.items) // 2)
        low, high = (low, middle) if is_enough(middle) else (middle.items, high)
    return high
