"""`trend`: do scores, diversity or the tail fall, or turn, along an ordered family: sizes, versions, generations?

Three or more runs of one suite, in the family's order. Each metric is one number an item and member; items that all
members have are tested by `wellkeeper.measure.ordered_trend`, which tells rising, falling, U, inverted U and none
apart. With a human reference neighbours, and the first and the last member, are compared by
`wellkeeper.measure.generation_tails` as well. The level is divided by the number of metrics that were tested.

Harm is a fall of what should be high, and any fall after a peak; a U only where the last member is below the first.
Diversity does harm only if it does as written and at equal length, as in `wellkeeper.watch.comparison`: the answers of
all members to an item are cut to the usual length of the one that is shortest there.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.answers import Output
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import DataError, InputError
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.conformal import benjamini_hochberg
from wellkeeper.measure.generation_tails import Outputs, TailComparison, compare_tails, equal_sizes
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.ordered_trend import FEWEST_ITEMS, LEVEL, Trend, ordered_trend
from wellkeeper.measure.verdicts import holm
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.compare_runs import human_words, words_of_answers
from wellkeeper.recipe.results import RunTrend
from wellkeeper.recipe.running import Clock, Running, prepare_work, size_of_blocks
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import read_run
from wellkeeper.watch.answer_texts import at_equal_length, diversity_of, worded
from wellkeeper.watch.comparison import FEWEST_OF_SLICE, degenerate_kind

SCHEMA = "wellkeeper.trend/1"

MetricName: TypeAlias = Literal["score", "diversity", "degenerate", "tail"]
METRICS: tuple[MetricName, ...] = ("score", "diversity", "degenerate", "tail")
FEWEST_MEMBERS = 3
PERMUTATIONS = 999
"""Relabellings of each comparison of tails: enough for Holm's method over many members."""

Values: TypeAlias = NDArray[np.float64]
_SIZE = re.compile(r"(?P<number>-?[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)(?P<unit>[kmbt]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def trend(
    runs: Sequence[str | Path | Run],
    *,
    positions: Sequence[float] | None = None,
    log: bool = False,
    metrics: Sequence[MetricName] = (),
    reference: Any = (),
    text: str | None = None,
    level: float = LEVEL,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    out: str | Path | None = None,
    work: str | Path | None = None,
    listener: Listener = nobody,
) -> RunTrend:
    """Test runs of one suite for a trend or a turn along the order in which they are given.

    Args:
        runs: three or more, smallest, oldest or first generation first: runs of `wellkeeper ask`, or logs of lm-eval,
            inspect or promptfoo.
        positions: where each run stands, ascending, such as parameters; None: 0, 1, 2, ...
        log: slopes and pictures go by the logarithms of positions.
        metrics: of METRICS; none: all that the runs allow.
        reference: human text of the kind that answers should be like, as for `audit`; needed for the tail.
        text: column with the reference's text; guessed where it is not given.
        level: chance of any finding where the members are alike, in (0, 1).
        permutations: relabellings of each comparison of tails.
        seed: of every draw.
        out: folder for report.html and report.json; None: `wellkeeper-trend` in the current folder.
        work: folder for the reference's sidecars, `out`/.work by default.
        listener: is told of progress.

    Raises:
        InputError: there are fewer than 3 runs, a path is no run, two runs are the same, they share fewer than 10
            items, positions do not fit, or nothing can be measured.
        DataError: the level is out of range.
        WorkError: the work folder cannot be used.
    """
    clock = Clock()
    if len(runs) < FEWEST_MEMBERS:
        raise InputError(
            f"{len(runs)} runs were given, and a trend takes {FEWEST_MEMBERS} or more, in order. "
            "Compare two with `wellkeeper compare`."
        )
    places = _places(positions, len(runs), log=log)
    members = [run if isinstance(run, Run) else read_run(run) for run in runs]
    _refuse_the_same(members)
    family = _Family.of(members)
    folder = Path(out if out is not None else "wellkeeper-trend")
    running = Running(
        work=prepare_work(folder, work, fresh=False),
        kind="threads",
        workers=None,
        address=None,
        strict=False,
        block_bytes=size_of_blocks(None),
        listener=listener,
    )
    human, described = human_words(reference, text, running, seed)
    wanted = tuple(dict.fromkeys(metrics)) or METRICS
    tail = None if human is None or "tail" not in wanted else _Tail.of(family, human)
    measured, absent = _measured(family, tail, wanted)
    if not measured:
        raise InputError(" ".join(absent.values()))
    listener(Progress(stage="testing", done=0, total=0, unit="metrics"))
    alone = level / (len(measured) + (tail is not None))
    steps = np.log(places) if log else places
    found = [_tested(values, steps, alone, seed) for values in measured]
    compared = None if tail is None else tail.compared(alone, permutations, seed)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": {"reference": described},
        "members": [_member(run, place, family) for run, place in zip(members, places.tolist(), strict=True)],
        "positions": {"given": positions is not None, "log": log},
        "items": len(family.names),
        "left_out": family.left_out,
        "level": level,
        "level_of_each": alone,
        "seed": seed,
        "metrics": found,
        "not_measured": absent,
        "slices": [row for values in measured for row in _slices(values, family, steps, level, seed)],
        "tails": compared,
        "notes": [*_notes(members, family), *_notes_on_length(found)],
        "run": clock.told(running, seed=seed),
    }
    document["verdict"] = _verdict(document)
    from wellkeeper.report.trend import render_trend

    return RunTrend(document=document, paths=write_reports(folder, document, render_trend(document)))


def positions_of(given: str) -> tuple[float, ...]:
    """Positions as they are written on a command line: numbers, or sizes such as 135M.

    >>> positions_of("135M, 1.7B, 3e9")
    (135000000.0, 1700000000.0, 3000000000.0)

    Raises:
        InputError: one is no number.
    """
    return tuple(_position(part.strip()) for part in given.split(","))


def _position(written: str) -> float:
    match = _SIZE.fullmatch(written)
    if match is None:
        raise InputError(
            f"{written!r} is no position. Give a number for each run, such as 135e6,360e6,1.7e9 or 135M,360M,1.7B."
        )
    return float(match["number"]) * _UNITS[match["unit"].lower()]


def _places(positions: Sequence[float] | None, members: int, *, log: bool) -> Values:
    if positions is None:
        if log:
            raise InputError(
                "Logarithms of no positions were asked for. Give one for each run with --positions."
            )
        return np.arange(members, dtype=np.float64)
    places = np.array(positions, np.float64)
    if places.size != members or not np.isfinite(places).all() or not (np.diff(places) > 0).all():
        raise InputError(
            f"There are {members} runs, and positions are {', '.join(f'{place:g}' for place in positions)}. "
            "Give one ascending number for each run."
        )
    if log and places[0] <= 0:
        raise InputError(f"The first position is {places[0]:g} and has no logarithm. Leave out --log.")
    return places


def _refuse_the_same(runs: Sequence[Run]) -> None:
    """A run that is there twice ties every item, and no test of a trend allows for that."""
    plain = [replace(run, name="", notes=()) for run in runs]
    for at, run in enumerate(runs):
        for before in range(at):
            if plain[at] == plain[before]:
                raise InputError(
                    f"{runs[before].name} and {run.name}, runs {before + 1} and {at + 1}, are the same answers. Give "
                    "each run once."
                )


# --- items -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """The items that all members answered, by name."""

    names: tuple[str, ...]
    members: tuple[Mapping[str, Answered], ...]
    left_out: int  # items that some member lacks

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "_Family":
        members = tuple({item.name: item for item in run.items} for run in runs)
        everywhere = set(members[0]).intersection(*members[1:])
        if len(everywhere) < FEWEST_ITEMS:
            sizes = ", ".join(f"{run.name}: {len(run.items)}" for run in runs)
            raise InputError(
                f"{len(everywhere)} items have the same name in all runs ({sizes}). Give runs of one suite with at "
                f"least {FEWEST_ITEMS} items in common, or better 100."
            )
        left_out = len(set().union(*members)) - len(everywhere)
        return cls(names=tuple(sorted(everywhere)), members=members, left_out=left_out)

    def answers(self, member: int, name: str) -> tuple[Output, ...]:
        return self.members[member][name].outputs

    def slices(self, name: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for member in reversed(self.members):
            found.update(member[name].slices)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Values:
    """One metric of the items that have it in all members."""

    metric: MetricName
    names: tuple[str, ...]
    table: Values  # shape (items, members)
    equal: Values | None = None  # likewise, of diversity at equal length

    @property
    def is_harm_high(self) -> bool:
        return self.metric == "degenerate"

    def only(self, chosen: NDArray[np.bool_]) -> "_Values":
        equal = None if self.equal is None else self.equal[chosen]
        return replace(self, names=(), table=self.table[chosen], equal=equal)

    def trends(self, places: Values, level: float, seed: int) -> list[Trend]:
        """As it is, and of diversity at equal length."""
        tables = [self.table] if self.equal is None else [self.table, self.equal]
        return [ordered_trend(table, positions=places.tolist(), level=level, seed=seed) for table in tables]

    def is_harm(self, trends: Sequence[Trend]) -> bool:
        return all(_is_harm(trend, is_harm_high=self.is_harm_high) for trend in trends)


def _measured(
    family: _Family, tail: "_Tail | None", wanted: Sequence[MetricName]
) -> tuple[list[_Values], dict[MetricName, str]]:
    """Metrics that all members have of enough items, and of the others that were asked for why not."""
    ways: dict[MetricName, tuple[Callable[[int, str], float | None], str]] = {
        "score": (
            lambda member, name: family.members[member][name].score,
            "Give runs that are scored, by one scorer.",
        ),
        "diversity": (
            lambda member, name: _diversity(family.answers(member, name)),
            "Ask for at least 2 answers an item, better 4: `wellkeeper ask --samples 4`.",
        ),
        "degenerate": (lambda member, name: _degenerate(family.answers(member, name)), ""),
        "tail": (
            lambda member, name: None if tail is None else tail.share(member, name),
            "Give human text of the same kind with --reference.",
        ),
    }
    found, absent = [], {}
    for metric in wanted:
        value, following = ways[metric]
        rows = {name: [value(member, name) for member in range(len(family.members))] for name in family.names}
        names = tuple(name for name, row in rows.items() if None not in row)
        if len(names) < FEWEST_ITEMS:
            absent[metric] = (
                f"{_TITLES[metric]} of {len(names)} items is known in all runs, and {FEWEST_ITEMS} are needed. "
                f"{following}"
            )
            continue
        table = np.array([rows[name] for name in names], np.float64)
        equal = _equal_diversity(family, names) if metric == "diversity" else None
        found.append(_Values(metric=metric, names=names, table=table, equal=equal))
    return found, absent


_TITLES = {
    "score": "The score",
    "diversity": "The diversity",
    "degenerate": "The degenerate share",
    "tail": "The share of rare words",
}


def _diversity(outputs: Sequence[Output]) -> float | None:
    return diversity_of([output.text for output in outputs]) if len(outputs) > 1 else None


def _equal_diversity(family: _Family, names: Sequence[str]) -> Values:
    """Diversity of each item and member, answers cut to one length, shape (items, members)."""
    members = range(len(family.members))
    sides = ([worded([one.text for one in family.answers(at, name)]) for at in members] for name in names)
    return np.array([[diversity_of(cut) for cut in at_equal_length(*side)] for side in sides], np.float64)


def _degenerate(outputs: Sequence[Output]) -> float:
    return sum(degenerate_kind(output) is not None for output in outputs) / len(outputs)


# --- trends ----------------------------------------------------------------------------------------


def _tested(values: _Values, places: Values, level: float, seed: int) -> dict[str, Any]:
    trends = values.trends(places, level, seed)
    written, *equal = (trend.to_json() for trend in trends)
    return {
        "metric": values.metric,
        "items": len(values.names),
        "harm": "higher" if values.is_harm_high else "lower",
        "is_harm": values.is_harm(trends),
        "trend": written,
        "equal_length": equal[0] if equal else None,
    }


def _is_harm(trend: Trend, *, is_harm_high: bool) -> bool:
    """A fall, a fall after a peak, or a dip that the last member has not made up for; of what is harm, mirrored."""
    fall, peak, dip = ("rising", "U", "inverted U") if is_harm_high else ("falling", "inverted U", "U")
    sign = -1 if is_harm_high else 1
    ends_lower = sign * (trend.means[-1] - trend.means[0]) < 0
    return trend.verdict in {fall, peak} or (trend.verdict == dip and ends_lower)


def _slices(
    values: _Values, family: _Family, places: Values, level: float, seed: int
) -> Iterator[dict[str, Any]]:
    """Slices of at least 20 items; of each field's list those with a shape are false by a share `level` at most."""
    fields = sorted({field for name in values.names for field in family.slices(name)})
    for field in fields:
        held = np.array([family.slices(name).get(field, "") for name in values.names])
        parts = [
            (str(value), values.only(held == value))
            for value, items in zip(*np.unique(held, return_counts=True), strict=True)
            if value and items >= FEWEST_OF_SLICE
        ]
        trends = [part.trends(places, level, seed) for _, part in parts]
        if not trends:
            continue
        told = benjamini_hochberg(np.array([min(found.p.values()) for found, *_ in trends]), level)
        for (value, part), (found, *equal), is_told in zip(parts, trends, told.tolist(), strict=True):
            yield {
                "metric": values.metric,
                "field": field,
                "value": value,
                "items": found.items,
                "shape": found.verdict if is_told else "none",
                "is_harm": is_told and part.is_harm([found, *equal]),
                "p": min(found.p.values()),
                "means": list(found.means),
                "intervals": [interval.to_json() for interval in found.intervals],
            }


# --- the tail --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tail:
    """Words of the answers, beside those of people."""

    family: _Family
    sides: tuple[Outputs, ...]  # of each member, prompts in the order of the family's names
    counts: NDArray[np.int64]  # human documents with each word
    shares: Mapping[tuple[int, str], float | None]  # of an item's words those that are rare among people's

    @classmethod
    def of(cls, family: _Family, human: Incidence) -> "_Tail":
        answers = [
            [family.answers(member, name) for name in family.names] for member in range(len(family.members))
        ]
        bags = [words_of_answers([one.text for outputs in items for one in outputs]) for items in answers]
        ids, many = dense(np.concatenate([human.types, *(bag.types for bag in bags)]))
        human_ids, *own = np.split(ids, np.cumsum([human.types.size, *(bag.types.size for bag in bags)])[:-1])
        counts = np.bincount(human_ids, minlength=many).astype(np.int64)
        rare = tail_cells(counts)
        sides = []
        shares: dict[tuple[int, str], float | None] = {}
        for member, (items, bag, cells) in enumerate(zip(answers, bags, own, strict=True)):
            # the words of an item lie together, those of answer after answer
            bounds = bag.offsets[np.cumsum([0, *map(len, items)])]
            sides.append(Outputs(offsets=bounds, cells=cells.astype(np.int64)))
            for name, held in zip(family.names, np.split(rare[cells], bounds[1:-1]), strict=True):
                shares[member, name] = float(held.mean()) if held.size else None
        return cls(family=family, sides=tuple(sides), counts=counts, shares=shares)

    def share(self, member: int, name: str) -> float | None:
        return self.shares[member, name]

    def compared(self, level: float, permutations: int, seed: int) -> dict[str, Any]:
        """All members at one size; neighbours, and the last beside the first, with p-values by Holm's method."""
        sides = equal_sizes(self.sides, seed)
        last = len(sides) - 1
        pairs = [*((place, place + 1) for place in range(last)), (0, last)]
        try:
            found = [
                compare_tails(
                    sides[first],
                    sides[second],
                    self.counts,
                    seed=seed,
                    permutations=permutations,
                    **({} if second == last and first == 0 else {"halvings": 0}),
                )
                for first, second in pairs
            ]
        except DataError as error:
            return {"note": str(error), "members": [], "comparisons": [], "ceiling": None}
        adjusted = holm(np.array([comparison.p for comparison in found]))
        neighbours, ends = found[:-1], found[-1]
        return {
            "note": "",
            "prompts": ends.prompts,
            "cells": ends.outputs,
            "tail_cells": ends.tail_cells,
            "permutations": permutations,
            "ceiling": {change.figure: change.ceiling for change in ends.changes},
            "members": [_figures(neighbours[0], "first"), *(_figures(one, "second") for one in neighbours)],
            "comparisons": [
                {
                    "first": first,
                    "second": second,
                    "p": float(p),
                    "is_harm": bool(p <= level),
                    "changes": [change.to_json() for change in comparison.changes],
                }
                for (first, second), comparison, p in zip(pairs, found, adjusted, strict=True)
            ],
        }


def _figures(comparison: TailComparison, side: Literal["first", "second"]) -> dict[str, float]:
    return {change.figure: getattr(change, side) for change in comparison.changes}


# --- what is told ----------------------------------------------------------------------------------


def _member(run: Run, place: float, family: _Family) -> dict[str, Any]:
    held = {item.name: item for item in run.items}
    texts = [output.text for name in family.names for output in held[name].outputs]
    return {
        "name": run.name,
        "model": run.model,
        "tool": run.tool,
        "position": place,
        "items": len(run.items),
        "answers": len(texts),
        "words": math.fsum(one.words for one in worded(texts)) / len(texts),
        "temperature": run.temperature,
        "metric": run.metric,
    }


def _notes(runs: Sequence[Run], family: _Family) -> list[str]:
    found = [f"{run.name}: {note}" for run in runs for note in run.notes]
    if family.left_out:
        found.append(f"{family.left_out:,} items that a run lacks were left out.")
    if len({run.suite_digest for run in runs if run.suite_digest}) > 1:
        found.append("The suites of the runs differ: items of the same name were taken for the same.")
    if len({run.metric for run in runs if run.metric}) > 1:
        metrics = ", ".join(sorted({run.metric for run in runs if run.metric}))
        found.append(f"The runs are scored by different metrics ({metrics}): a trend may be theirs.")
    if len({run.temperature for run in runs if run.temperature is not None}) > 1:
        found.append("The runs were sampled at different temperatures: diversity and the tail go with it.")
    return found


def _notes_on_length(metrics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in metrics:
        written, equal = row["trend"]["verdict"], (row["equal_length"] or row["trend"])["verdict"]
        if equal != written:
            yield (
                f"Diversity as written has the shape {written}, and at equal length {equal}: the length of answers may "
                "be why. It does harm only if it does both ways."
            )


def _verdict(document: Mapping[str, Any]) -> str:
    comparisons = document["tails"]["comparisons"] if document["tails"] else []
    rows = [*document["metrics"], *comparisons]  # slices are a list to look into, with false ones in it
    return "worse" if any(row["is_harm"] for row in rows) else "no harm shown"
