"""Which temperature answers best, by how hard an item is, and what diversity it costs.

A temperature below 1 takes what a model would say oftenest more often still. Where that is right, answers get better;
where it is not, they get worse; and they get alike everywhere. So a temperature is fitted to groups of items by
difficulty, the pass rate at a temperature of 1, and every gain stands beside the diversity that it cost.

Figures are told of items that nothing was fitted to. The best of six means is too high by its own luck (the winner's
curse), so items are split in two halves by a hash of their names: one is fitted, the other reported. Difficulty is told
from answers that are in no other figure, else the items that were lucky at 1 would be the easy ones, and accuracy at 1
would fall and rise with its own noise.

Differences within noise cost diversity and gain nothing. Of the temperatures whose mean score on the calibration half
lies within one standard error of the best, the one nearest to 1 is taken, of two as near the higher; the error is that
of the paired difference from the best over items. It is the rule of Breiman, Friedman, Olshen and Stone, Classification
and Regression Trees (1984), section 3.4.3, with the model's own distribution as the simplest choice.

A temperature is recommended only where the held-out half shows a gain, its 95 % interval above 0; otherwise it is 1.

Discipline is for answers that are served. Data drawn below a temperature of 1 and trained on lose their tail, one
generation after another (`wellkeeper.lab.worlds.temperature`): for those the recommendation is never below 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.infer.fitted import Calibration, Group, Point, Policy
from wellkeeper.infer.sampling import item_seed
from wellkeeper.measure.jackknife import Interval, mean_interval
from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.measure.paired_diversity import diversity_change
from wellkeeper.measure.verdicts import DIVERSITY_MARGIN, MARGIN, PairedChange

GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SAMPLES = 8
"""Answers an item at each temperature, and as many more that tell its difficulty: pass rates in steps of an eighth."""
FEWEST_ITEMS = 10
"""Of a group, in each half. Spread over fewer says little; such a group is joined with its neighbour."""
ENOUGH_ITEMS = 40
"""Halves by a hash are of unequal size: of 40 items one of them has fewer than 10 once in 1,500 times."""

Values: TypeAlias = NDArray[np.float64]

_NONE = Interval(estimate=0.0, low=0.0, high=0.0)
"""Diversity at a temperature of 0: of one answer there is none, whatever the items."""
_TOLERANCE = 1e-9  # means of the same scores in another order are the same mean


@dataclass(frozen=True, slots=True)
class Cuts:
    """Groups of items by a share in [0, 1], such as a pass rate, rising: `names` are one more than `at`."""

    names: tuple[str, ...]
    at: tuple[float, ...]  # least value of each group but the first


DIFFICULTY = Cuts(("hard", "medium", "easy"), (0.3, 0.8))
"""By pass rate. From .8 on the right answer is what the model says oftenest; below .3 it hardly ever is."""
AGREEMENT = Cuts(("scattered", "divided", "agreed"), (0.5, 0.8))
"""By the share of answers that say what most of them say. From a half on, nothing else can be said as often."""


# --- what is given -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tasks:
    """What a model did on items along a grid of temperatures. Every array has a row an item; values are in [0, 1]."""

    names: tuple[str, ...]
    scores: Values  # (items, temperatures): mean score of an item's answers at each
    difficulty: Values  # (items,): mean score at a temperature of 1 of answers that are not in `scores`
    agreement: Values  # (items,): share of those answers that say what most of them say
    vote: Values  # (items,): score of what most of them say
    diversity: Mapping[str, Values]
    """By measure, (items, temperatures): unlike pairs or mean distance of an item's answers. 0 at a temperature of 0,
    where there is one answer."""

    @property
    def is_calibration(self) -> NDArray[np.bool_]:
        """Which items are in the half that is fitted, shape (items,)."""
        return np.array([in_calibration_half(name) for name in self.names], np.bool_)


def in_calibration_half(name: str) -> bool:
    """Whether an item is fitted, by a bit of a hash of its name: the same, whatever else the suite holds."""
    return item_seed("calibrate temperature", name) % 2 == 0


# --- calibration -------------------------------------------------------------------------------------------------


def calibrate_temperature(
    tasks: Tasks, grid: Sequence[float] = GRID, *, margin: float = MARGIN, seed: int = 0
) -> Calibration:
    """Fit a temperature to all items and to groups of them, and tell what each does on items it was not fitted to.

    Args:
        tasks: what a model did; columns of its tables are those of `grid`.
        grid: temperatures, rising, with 1 among them.
        margin: gain in accuracy that matters, in (0, 1).
        seed: of the sign flips of diversity.

    Raises:
        DataError: tables do not fit the grid, a value is NaN or outside [0, 1], `margin` is not in (0, 1), or a half
            has fewer than 10 items.
    """
    _check(tasks, grid)
    fit = _Fit(
        tasks=tasks,
        is_calibration=tasks.is_calibration,
        grid=tuple(map(float, grid)),
        margin=margin,
        seed=seed,
    )
    every = np.ones(len(tasks.names), np.bool_)
    one = fit.group(_Band("all", 0.0, 1.0), every)
    by_difficulty, joined = fit.groups(tasks.difficulty, DIFFICULTY)
    by_agreement, also_joined = fit.groups(tasks.agreement, AGREEMENT)
    columns = {
        "one": fit.columns([(one, every)]),
        "difficulty": fit.columns(by_difficulty),
        "agreement": fit.columns(by_agreement),
    }
    policies = {name: fit.policy(own, columns["one"]) for name, own in columns.items()}
    return Calibration(
        grid=fit.grid,
        margin=margin,
        one=one,
        by_difficulty=tuple(group for group, _ in by_difficulty),
        by_agreement=tuple(group for group, _ in by_agreement),
        policies={**policies, "vote": fit.vote(columns["one"])},
        notes=(*joined, *also_joined),
    )


def fitted_columns(scores: Values, grid: Sequence[float]) -> tuple[int, int]:
    """Columns of the best mean, and of the temperature nearest to 1 within a standard error of it.

    >>> fitted_columns(np.array([[0.9, 0.8, 0.1], [0.7, 0.8, 0.1], [0.9, 0.8, 0.1]]), (0.0, 0.5, 1.0))
    (0, 1)

    Args:
        scores: shape (items, temperatures), of two items or more.
        grid: the temperatures.
    """
    means = scores.mean(axis=0)
    tied = np.flatnonzero(means >= means.max() - _TOLERANCE).tolist()
    best = _nearest_to_one(tied, grid)
    losses = scores[:, [best]] - scores
    errors = losses.std(axis=0, ddof=1) / math.sqrt(len(scores))
    within = np.flatnonzero(losses.mean(axis=0) <= errors + _TOLERANCE).tolist()
    return best, _nearest_to_one(within, grid)


def _nearest_to_one(columns: Sequence[int], grid: Sequence[float]) -> int:
    return min(columns, key=lambda column: (round(abs(grid[column] - 1), 9), -grid[column]))


@dataclass(frozen=True, slots=True)
class _Band:
    """A group before anything is fitted: items whose share is in [low, high), 1 being in the highest."""

    name: str
    low: float
    high: float

    def holds(self, shares: Values) -> NDArray[np.bool_]:
        above: NDArray[np.bool_] = shares >= self.low - _TOLERANCE
        return above & ((shares < self.high - _TOLERANCE) | (self.high >= 1))


def _bands(
    shares: Values, is_calibration: NDArray[np.bool_], cuts: Cuts
) -> tuple[list[_Band], tuple[str, ...]]:
    """Groups with enough items in both halves; one with fewer is joined with its smaller neighbour."""
    edges = (0.0, *cuts.at, 1.0)
    bands = [_Band(name, edges[place], edges[place + 1]) for place, name in enumerate(cuts.names)]

    def size(band: _Band) -> int:
        """Items of the smaller half."""
        held = band.holds(shares)
        return min(int(np.sum(held & is_calibration)), int(np.sum(held & ~is_calibration)))

    notes = []
    while len(bands) > 1 and size(few := min(bands, key=size)) < FEWEST_ITEMS:
        place = bands.index(few)
        beside = [near for near in (place - 1, place + 1) if 0 <= near < len(bands)]
        other = min(beside, key=lambda near: size(bands[near]))
        low, high = (bands[number] for number in sorted((place, other)))
        notes.append(
            f"{few.name.capitalize()} items are {size(few)} in the smaller half, and {FEWEST_ITEMS} are needed: they "
            f"are counted with those that are {bands[other].name}."
        )
        bands[min(place, other) : max(place, other) + 1] = [
            _Band(
                "all" if (low.low, high.high) == (0.0, 1.0) else f"{low.name} or {high.name}",
                low.low,
                high.high,
            )
        ]
    return bands, tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One calibration under way."""

    tasks: Tasks
    is_calibration: NDArray[np.bool_]
    grid: tuple[float, ...]
    margin: float
    seed: int

    def groups(
        self, shares: Values, cuts: Cuts
    ) -> tuple[list[tuple[Group, NDArray[np.bool_]]], tuple[str, ...]]:
        """Each group with which items it has."""
        bands, notes = _bands(shares, self.is_calibration, cuts)
        return [(self.group(band, held), held) for band in bands for held in [band.holds(shares)]], notes

    def group(self, band: _Band, held: NDArray[np.bool_]) -> Group:
        own, other = held & self.is_calibration, held & ~self.is_calibration
        best, fitted = fitted_columns(self.tasks.scores[own], self.grid)
        return Group(
            name=band.name,
            low=band.low,
            high=band.high,
            calibration_items=int(own.sum()),
            items=int(other.sum()),
            best=self.grid[best],
            fitted=self.grid[fitted],
            calibration=tuple(self.tasks.scores[own].mean(axis=0).tolist()),
            points=tuple(self._point(column, other) for column in range(len(self.grid))),
        )

    def _point(self, column: int, held: NDArray[np.bool_]) -> Point:
        scores = self.tasks.scores[held]
        base = self.grid.index(1.0)
        diversity = {name: table[held] for name, table in self.tasks.diversity.items()}
        return Point(
            temperature=self.grid[column],
            accuracy=mean_interval(scores[:, column]),
            gain=None if column == base else self._gain(scores[:, base], scores[:, column]),
            diversity={
                name: mean_interval(table[:, column]) if self.grid[column] > 0 else _NONE
                for name, table in diversity.items()
            },
            lost={
                name: self._lost(table[:, base], table[:, column], self.grid[column])
                for name, table in diversity.items()
                if column != base
            },
        )

    def columns(self, groups: Sequence[tuple[Group, NDArray[np.bool_]]]) -> NDArray[np.int64]:
        """The column of each item's temperature as it was fitted to its group, shape (items,)."""
        found = np.zeros(len(self.tasks.names), np.int64)
        for group, held in groups:
            found[held] = self.grid.index(group.fitted)
        return found

    def policy(self, columns: NDArray[np.int64], one: NDArray[np.int64]) -> Policy:
        held = np.flatnonzero(~self.is_calibration)
        base = self.grid.index(1.0)
        scores = self.tasks.scores
        own = scores[held, columns[held]]
        return Policy(
            accuracy=mean_interval(own),
            gain=self._gain(scores[held, base], own),
            beside_one=None if bool((columns == one).all()) else self._gain(scores[held, one[held]], own),
            lost={
                name: self._lost(
                    table[held, base], table[held, columns[held]], self.grid[columns[held].max()]
                )
                for name, table in self.tasks.diversity.items()
            },
        )

    def vote(self, one: NDArray[np.int64]) -> Policy:
        """What most of the answers say that told the difficulty."""
        held = np.flatnonzero(~self.is_calibration)
        own = self.tasks.vote[held]
        return Policy(
            accuracy=mean_interval(own),
            gain=self._gain(self.tasks.scores[held, self.grid.index(1.0)], own),
            beside_one=self._gain(self.tasks.scores[held, one[held]], own),
            lost={},
        )

    def _gain(self, before: Values, after: Values) -> PairedChange:
        return accuracy_change(before, after, margin=self.margin)

    def _lost(self, before: Values, after: Values, highest: float) -> PairedChange:
        """The change in diversity, where no item has a higher temperature."""
        found = diversity_change(before, after, margin=DIVERSITY_MARGIN, seed=self.seed)
        if highest > 0:
            return found
        had = mean_interval(before)  # one answer each: what is lost is what there was
        return replace(found, change=Interval(estimate=-had.estimate, low=-had.high, high=-had.low))


def _check(tasks: Tasks, grid: Sequence[float]) -> None:
    if (
        list(grid) != sorted(set(grid))
        or len(grid) < 2
        or 1.0 not in grid
        or not 0 <= grid[0] <= grid[-1] < math.inf
    ):
        raise DataError(
            f"The grid {', '.join(f'{one:g}' for one in grid)} is none. Give two temperatures or more, rising, from 0 "
            "on, with 1 among them."
        )
    items, wanted = len(tasks.names), (len(tasks.names), len(grid))
    shapes = {"scores": wanted, "difficulty": (items,), "agreement": (items,), "vote": (items,)}
    tables = {name: getattr(tasks, name) for name in shapes} | dict(tasks.diversity)
    for name, table in tables.items():
        if table.shape != shapes.get(name, wanted):
            raise DataError(
                f"{name} has shape {table.shape} for {items} items and {len(grid)} temperatures. "
                f"Pass one of {shapes.get(name, wanted)}."
            )
        if not ((table >= 0) & (table <= 1)).all():
            raise DataError(
                f"{name} holds a value that is NaN or outside [0, 1]. Leave out items of which a score is not known."
            )
    calibration = int(np.sum(tasks.is_calibration))
    fewest = min(calibration, items - calibration)
    if fewest < FEWEST_ITEMS:
        raise DataError(too_few(fewest, items))


def too_few(fewest: int, items: int) -> str:
    """What to say where a half has fewer items than anything can be told from."""
    return (
        f"Of {items} items the smaller half has {fewest}, and {FEWEST_ITEMS} are needed to fit a temperature on one "
        f"half and tell of it on the other. Give {ENOUGH_ITEMS} items or more."
    )
