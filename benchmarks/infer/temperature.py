"""How often the fitted temperature is the right one, whether its figures are unbiased, and how often intervals cover.

    python benchmarks/infer/temperature.py                             # 500 worlds of each kind: ten CPU-minutes
    python benchmarks/infer/temperature.py --worlds 200 --items 100    # the same, small
    python benchmarks/infer/temperature.py --only even --no-diversity --worlds 3000   # three minutes
    python benchmarks/infer/temperature.py --json

A made-up model answers an item with one of 26 answers, the first of which is right; at a temperature T it says each
with the chance p^(1/T) / Z, at 0 the likeliest one. Easy items: the right answer has .8 to .95. Medium: .4 to .6, two
wrong ones the rest. Hard: .1 to .25, one wrong answer .55 to .7. Bent: .18 to .22, one wrong answer .25, and 24 the
rest. Even: .5, one wrong answer as much. So 0 is best for easy and medium items, 1 for hard ones, .5 of the grid for
bent ones, and none for even ones. Worlds: `mixed` has 30, 40 and 30 % of the first three, the others one kind each.

Truth is the mean over 200,000 items that measure as the group's do. Columns: `right`, share of worlds in which the
fitted temperature is the best one, of those where the best is ahead by 5 points or more; `bias`, mean of a figure less
its truth, in points, of the reported half and of the half that was fitted; `covered`, share of 95 % intervals that hold
the truth: of accuracy at the fitted temperature, of its gain over 1, and of the change in unlike pairs; `fits`, worlds
that fitted another temperature than 1, which alone tell of gain and unlike pairs.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.infer.fitted import Calibration, Group
from wellkeeper.infer.temperature import Tasks, calibrate_temperature
from wellkeeper.measure.jackknife import Interval

GRID = (0.0, 0.5, 1.0)
AHEAD = 0.05
ANSWERS = 26
KINDS = ("easy", "medium", "hard", "bent", "even")
WORLDS = {
    "mixed": (0.3, 0.4, 0.3, 0.0, 0.0),
    "hard": (0.0, 0.0, 1.0, 0.0, 0.0),
    "bent": (0.0, 0.0, 0.0, 1.0, 0.0),
    "even": (0.0, 0.0, 0.0, 0.0, 1.0),
}
POPULATION = 200_000

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Items with what they measured, and what is true of them."""

    tasks: Tasks
    accuracy: Numbers  # (items, temperatures)
    unlike: Numbers


def chances(rng: np.random.Generator, items: int, shares: tuple[float, ...]) -> Numbers:
    """Chance of each answer at a temperature of 1, (items, answers); the first is right."""
    kinds = rng.choice(len(KINDS), items, p=shares)
    right = rng.uniform(
        np.array([0.8, 0.4, 0.1, 0.18, 0.5])[kinds], np.array([0.95, 0.6, 0.25, 0.22, 0.5])[kinds]
    )
    # what the first wrong answer has; of the rest the second has all, or 24 have it in equal parts
    first = np.stack(
        [1 - right, (1 - right) / 2, rng.uniform(0.55, 0.7, items), np.full(items, 0.25), 1 - right]
    )
    table = np.zeros((items, ANSWERS))
    table[:, 0], table[:, 1] = right, first[kinds, np.arange(items)]
    rest = np.maximum(0, 1 - right - table[:, 1])
    table[:, 2] = np.where(kinds == 1, rest, 0)
    table[:, 2:] += np.where(kinds == 1, 0, rest / (ANSWERS - 2))[:, None]
    return table


def tempered(table: Numbers, temperature: float) -> Numbers:
    """p^(1/T) / Z of each row; at 0 the likeliest answer, of several all alike."""
    if temperature == 0:
        powered = (table >= table.max(axis=1, keepdims=True) - 1e-12).astype(np.float64)
    else:
        powered = (table / table.max(axis=1, keepdims=True)) ** (1 / temperature)
    return powered / powered.sum(axis=1, keepdims=True)


def draw(seed: int, items: int, shares: tuple[float, ...], *, samples: int = 8) -> Drawn:
    """A world: items, answers along the grid, and as many more that tell difficulty."""
    rng = np.random.default_rng(seed)
    table = chances(rng, items, shares)
    along = [tempered(table, temperature) for temperature in GRID]
    counts = [
        rng.multinomial(samples if at > 0 else 1, chance) for at, chance in zip(GRID, along, strict=True)
    ]
    trial = rng.multinomial(samples, table)
    return Drawn(
        tasks=Tasks(
            names=tuple(f"{seed}-{item}" for item in range(items)),
            scores=np.column_stack([many[:, 0] / many.sum(axis=1) for many in counts]),
            difficulty=trial[:, 0] / samples,
            agreement=trial.max(axis=1) / samples,
            vote=(trial.argmax(axis=1) == 0).astype(np.float64),
            diversity={
                "unlike": np.column_stack(
                    [
                        unlike(many) if at > 0 else np.zeros(items)
                        for at, many in zip(GRID, counts, strict=True)
                    ]
                )
            },
        ),
        accuracy=np.column_stack([chance[:, 0] for chance in along]),
        unlike=np.column_stack(
            [
                1 - (chance**2).sum(axis=1) if at > 0 else np.zeros(items)
                for at, chance in zip(GRID, along, strict=True)
            ]
        ),
    )


def unlike(counts: NDArray[np.integer]) -> Numbers:
    """Share of unlike pairs from how often each answer was given, (items, answers)."""
    many = counts.sum(axis=1)
    return np.asarray(1 - (counts * (counts - 1)).sum(axis=1) / (many * (many - 1)), np.float64)


def truth(population: Drawn, group: Group, shares: Numbers) -> tuple[Numbers, Numbers]:
    """Mean accuracy and unlike pairs by temperature of the items that measure as a group's do."""
    held = (shares >= group.low - 1e-9) & ((shares < group.high - 1e-9) | (group.high >= 1))
    return population.accuracy[held].mean(axis=0), population.unlike[held].mean(axis=0)


def groups_of(found: Calibration, population: Drawn) -> Iterator[tuple[str, Group, Numbers]]:
    """Groups of a calibration, with the shares of the population that they are made by."""
    yield "all", found.one, np.ones(len(population.tasks.names))
    for group in found.by_difficulty:
        yield f"difficulty: {group.name}", group, population.tasks.difficulty
    for group in found.by_agreement:
        yield f"agreement: {group.name}", group, population.tasks.agreement


def measured(
    world: str, worlds: int, items: int, *, seed: int = 0, samples: int = 8, measures: bool = True
) -> dict[str, dict[str, Any]]:
    """By group, how often what was found was true; without `measures` of diversity it is several times as quick."""
    shares = WORLDS[world]
    population = draw(2**40 + seed, POPULATION, shares, samples=samples)
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for number in range(worlds):
        tasks = draw(seed * 1_000_000 + number, items, shares, samples=samples).tasks
        if not measures:
            tasks = replace(tasks, diversity={})
        found = calibrate_temperature(tasks, GRID, seed=number)
        for name, group, own in groups_of(found, population):
            rows[name].append(_row(group, *truth(population, group, own)))
    return {
        name: {"worlds": len(found), **(told := _means(found)), "fits": round(told["fits"] * len(found))}
        for name, found in rows.items()
        if len(found) >= worlds / 2  # groups that chance alone made, by joining others, are left out
    }


def _row(group: Group, accuracy: Numbers, diversity: Numbers) -> dict[str, float]:
    at, base = GRID.index(group.fitted), GRID.index(1.0)
    point = group.at(group.fitted)
    ordered = np.sort(accuracy)
    row = {
        "best": float(GRID[int(accuracy.argmax())]),
        "fitted": group.fitted,
        "bias of the reported half": point.accuracy.estimate - accuracy[at],
        "bias of the fitted half": group.calibration[GRID.index(group.best)]
        - accuracy[GRID.index(group.best)],
        "covered, accuracy": _covers(point.accuracy, accuracy[at]),
    }
    if ordered[-1] - ordered[-2] >= AHEAD:
        row["right"] = float(group.fitted == GRID[int(accuracy.argmax())])
    if point.gain is not None:
        row["covered, gain"] = _covers(point.gain.change, accuracy[at] - accuracy[base])
    if group.fitted > 0 and "unlike" in point.lost:
        row["covered, diversity"] = _covers(point.lost["unlike"].change, diversity[at] - diversity[base])
    if group.verdict == "better":
        row["false gain"] = float(accuracy[at] <= accuracy[base])
    row["said to be better"] = float(group.verdict == "better")
    row["fits"] = float(point.gain is not None)
    return row


def _covers(interval: Interval, value: float) -> float:
    return float(interval.low <= value <= interval.high)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    columns: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            columns[name].append(value)
    return {name: float(np.mean(values)) for name, values in columns.items()}


def _line(name: str, row: Mapping[str, Any]) -> str:
    def cell(key: str, digits: int = 3, scale: float = 1.0) -> str:
        return f"{scale * row[key]:.{digits}f}" if key in row else "-"

    cells = [name, cell("best", 1), cell("fitted", 2), cell("right")]
    cells += [cell(f"bias of the {half} half", 2, 100) for half in ("reported", "fitted")]
    cells += [cell(f"covered, {what}") for what in ("accuracy", "gain", "diversity")]
    return (
        "| " + " | ".join([*cells, cell("said to be better"), f"{row['fits']:,} of {row['worlds']:,}"]) + " |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=WORLDS, help="one kind of worlds")
    parser.add_argument("--no-diversity", action="store_true", help="several times as quick")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begun = time.process_time()
    found = {
        world: measured(
            world,
            given.worlds,
            given.items,
            seed=given.seed,
            samples=given.samples,
            measures=not given.no_diversity,
        )
        for world in ([given.only] if given.only else WORLDS)
    }
    seconds = round(time.process_time() - begun, 1)
    if given.json:
        print(json.dumps({**vars(given), "cpu_seconds": seconds, "worlds": found}))
        return
    print(f"{given.worlds:,} worlds of {given.items} items, {given.samples} answers, seed {given.seed}")
    for world, rows in found.items():
        print(f"\n{world}")
        print(
            "| group | best | fitted | right | bias | bias, fitted half | accuracy | gain | diversity | better | fits |"
        )
        print("| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |")
        for name, row in rows.items():
            print(_line(name, row))
    print(f"\n{seconds} CPU-s")


if __name__ == "__main__":
    main()
