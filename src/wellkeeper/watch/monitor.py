"""From what a watch has seen to what it says: series, alarms, the week of a change, a verdict.

All statistics are those of `wellkeeper.measure.sequential`; this module hands them the right units. The unit is the
item: of two sides, what an item's answers are worth on either. No pair of answers to different items is ever formed,
and answers of one item are never counted as several items.

- *Paired* and *fresh*: both sides answer in the same week. An item is lost if it is worth less on the watched side,
  gained if more: a `PairWatch` of each metric.
- *Stored*: the reference answered K times, K >= 4, each time as a week does. An item's base is the mean of the K: a
  `StoredWatch` of each metric. Of the share of degenerate answers, it watches the share of sound ones.

The level is shared by the metrics watched, so that one in `1 / level` drift-free years raises any alarm, at most.
Slices are shown, not alarmed: e-BH [1] bounds the share of false ones among those called worse.

[1] Wang and Ramdas, False discovery rate control with e-values, J. R. Stat. Soc. B 84 (2022) 822-852.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from wellkeeper.errors import InputError
from wellkeeper.measure import student
from wellkeeper.measure.sequential import (
    WEEKS,
    DropBand,
    PairWatch,
    StoredWatch,
    baseline_error,
    change_point,
)
from wellkeeper.suites.run import Answered
from wellkeeper.watch.answer_texts import diversity_of
from wellkeeper.watch.comparison import degenerate_kind
from wellkeeper.watch.config import LEVEL, WatchConfig, read_config
from wellkeeper.watch.judging import judge_series
from wellkeeper.watch.points import Numbers, point_of, spans, upwards
from wellkeeper.watch.snapshots import snapshot_series
from wellkeeper.watch.store import REFERENCE_WEEK, Measured, MeasuredWeek, WatchStore
from wellkeeper.watch.telling import headline_of, next_step_of
from wellkeeper.watch.timeline import (
    Change,
    Fingerprint,
    PairedOutput,
    Point,
    Series,
    Timeline,
    Verdict,
    Week,
)
from wellkeeper.watermark.many import by_e_values

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "degenerate": "Empty, cut, refused or failed answers",
    "diversity": "Diversity",
}
"""What can be watched, most telling first, and what people call it."""
FEWEST_OF_A_SLICE = 10
"""Items of the suite that a slice needs to be shown."""

_WORSE = {"accuracy": "lower", "degenerate": "higher", "diversity": "lower"}
_TIE = 1e-12  # means of the same scores in another order are no change


# --- what answers are worth ----------------------------------------------------------------------------------------


def measured(answered: Answered) -> Measured:
    """What the answers to one item are worth: their mean score, the share of degenerate ones and their diversity.

    Diversity is the mean distance of two different answers; two empty ones are alike.
    """
    outputs = answered.outputs
    return Measured(
        accuracy=answered.score,
        degenerate=sum(degenerate_kind(output) is not None for output in outputs) / len(outputs),
        diversity=diversity_of([output.text for output in outputs]) if len(outputs) > 1 else None,
    )


def metrics_of(*, scored: bool, samples: int) -> tuple[str, ...]:
    """The metrics that a watch can have: accuracy needs a scorer, diversity two answers to an item."""
    has = {"accuracy": scored, "degenerate": True, "diversity": samples > 1}
    return tuple(metric for metric in METRICS if has[metric])


# --- what the watch has seen ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a timeline follows from."""

    config: WatchConfig
    metrics: tuple[str, ...]  # watched, the judge's among them: they share the level
    created: str
    suite: str
    items: int
    weeks: tuple[Week, ...]
    measured: Mapping[int, MeasuredWeek]
    renewals: tuple[tuple[int, str], ...] = ()
    slices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of each item
    labels: Mapping[str, float] = field(default_factory=dict)  # what people say of each anchor, in [0, 1]
    judgements: Mapping[int, Mapping[tuple[str, int], float | None]] = field(default_factory=dict)
    fingerprints: tuple[Fingerprint, ...] = ()
    snapshots: Mapping[int, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> tuple[Week, ...]:
        return tuple(week for week in self.weeks if week.is_complete)

    @property
    def level(self) -> float:
        """Of each metric alone (Bonferroni)."""
        return self.config.level / max(1, len(self.metrics))

    @property
    def reach(self) -> float:
        return margin_reach(self.config, len(self.metrics))

    @property
    def threshold(self) -> float:
        """Of the evidence of each metric, as log10."""
        return -math.log10(self.level)

    @property
    def periods(self) -> tuple[int, ...]:
        """First weeks of the spans over which evidence is gathered: renewed by request, or where a horizon ended."""
        asked, starts = {first for first, _ in self.renewals}, [1]
        for week in self.complete[1:]:
            if week.number in asked or week.number - starts[-1] >= self.config.horizon:
                starts.append(week.number)
        coming = len(self.complete) + 1
        if coming > 1 and coming in asked:
            starts.append(coming)
        return tuple(starts)


def read_timeline(folder: Path) -> Timeline:
    """What the watch in a folder has to show.

    Raises:
        InputError: there is no watch, or it is damaged.
        RecipeError: its settings cannot be read.
    """
    config = read_config(folder)
    with WatchStore(folder) as store, store.snapshot():
        return timeline_of(seen_in(store, config))


def seen_in(store: WatchStore, config: WatchConfig) -> Seen:
    """What a watch has seen.

    Raises:
        InputError: it was begun with other settings than these.
    """
    check_settings(store, config)
    facts, weeks = store.facts(), store.weeks()
    notes = [f"Week {number}: {note}" for number, told in sorted(store.notes().items()) for note in told]
    return Seen(
        config=config,
        metrics=tuple(facts.get("metrics", ())),
        created=facts.get("created", ""),
        suite=facts.get("suite", ""),
        items=facts.get("items", 0),
        weeks=weeks,
        measured=store.measured(),
        renewals=store.renewals(),
        slices=store.slices(),
        labels=facts.get("anchors", {}),
        judgements=store.judgements(),
        fingerprints=tuple(look.fingerprint for look in store.looks() if look.fingerprint is not None),
        snapshots=store.snapshots(),
        notes=(*facts.get("notes", ()), *notes),
    )


def settings_of(config: WatchConfig) -> dict[str, Any]:
    """The settings that weeks are comparable by, and that the level is stated for: fixed when the watch is begun."""
    reference = config.reference or {}
    place = reference.get("model") or Path(reference.get("gguf") or reference.get("folder") or "").name
    return {
        "design": config.design,
        "samples": config.samples,
        "temperature": config.temperature,
        "reference": place,
        "margin": config.margin,
        "level": config.level,
        "horizon": config.horizon,
    }


def check_settings(store: WatchStore, config: WatchConfig) -> None:
    """Refuse settings that are not those of the begin: no level holds for a watch that was tuned by what it saw.

    Raises:
        InputError: one was changed.
    """
    begun = store.facts().get("settings", {})
    for name, value in settings_of(config).items():
        if name in begun and begun[name] != value:
            raise InputError(
                f"watch.yaml says {name}: {value}, and this watch was begun with {begun[name]}: its weeks would not be "
                f"comparable, nor its level true. Set {name} to {begun[name]}, or begin a new watch in another folder."
            )


def timeline_of(seen: Seen) -> Timeline:
    """All series of a watch, and what they come to. Nothing is drawn at random but by a fixed seed."""
    config = seen.config
    numbers = [week.number for week in seen.complete]
    if config.design == "corpus":
        series = snapshot_series(
            seen.snapshots, numbers, seen.periods, level=config.level, horizon=config.horizon
        )
    else:
        series = tuple(_watched(metric, seen) for metric in seen.metrics if metric in METRICS)
    slices = _slices(seen)
    if seen.labels:
        judge = judge_series(
            seen.judgements, seen.labels, numbers, seen.periods, level=seen.level, reach=seen.reach
        )
        series = (*(_by_judge(one, judge) for one in series), judge)
    verdict = _verdict(series)
    return Timeline(
        name=config.name,
        created=seen.created,
        design=config.design,
        reference=config.reference_name,
        suite=seen.suite,
        items=seen.items,
        samples=config.samples,
        level=config.level,
        horizon=config.horizon,
        margin=config.margin,
        verdict=verdict,
        headline=headline_of(series, verdict, reference=config.reference_name, weeks=seen.complete),
        next_step=next_step_of(series, verdict, config.design),
        weeks=seen.weeks,
        series=series,
        slices=slices,
        fingerprints=seen.fingerprints,
        notes=(*seen.notes, *_notes(seen)),
    )


def alarms(timeline: Timeline) -> tuple[Series, ...]:
    """The series with an alarm in the current period, the judge's among them."""
    return tuple(series for series in timeline.series if series.verdict == "worse")


def _verdict(series: Sequence[Series]) -> Verdict:
    found = {one.verdict for one in series if one.metric != "judge"}
    if "worse" in found:
        return "worse"
    judge = next((one.verdict for one in series if one.metric == "judge"), "no alarm")
    return "no alarm" if found == {"no alarm"} and judge != "worse" else "not enough data"


def _by_judge(series: Series, judge: Series) -> Series:
    """What a judge says after it changed is not the system's doing."""
    if series.metric != "accuracy" or judge.verdict != "worse":
        return series
    return replace(series, label="Accuracy (judge changed)", verdict="not enough data", change=None)


def _notes(seen: Seen) -> list[str]:
    notes = []
    asked = dict(seen.renewals)
    for first in seen.periods[1:]:
        why = asked.get(first, f"the horizon of {seen.config.horizon} weeks ended")
        notes.append(f"Evidence begins anew with week {first}: {why}.")
    return notes


# --- one metric ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """One week of one metric; arrays have the shape (items,)."""

    week: int
    items: tuple[str, ...]
    before: Numbers
    after: Numbers

    def drops(self, worse: str) -> Numbers:
        """How much less each item is worth on the watched side: positive is worse."""
        changes = self.before - self.after if worse == "lower" else self.after - self.before
        changes[np.abs(changes) <= _TIE] = 0.0
        return changes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What a period's weeks come to."""

    log10: Sequence[float]  # of each week
    alarm_week: int | None  # of the period, from 1
    could_alarm: bool  # a model that got all wrong would have raised an alarm by now


_Gather: TypeAlias = Callable[[Sequence[_Units]], _Evidence]


def _watched(
    metric: str,
    seen: Seen,
    *,
    slice_name: str = "",
    within: frozenset[str] | None = None,
    label: str = "",
) -> Series:
    """The series of one metric, of all items or of those of a slice."""
    worse = _WORSE[metric]
    base = _base(metric, seen, within) if seen.config.design == "stored" else None
    gather: _Gather = (
        _pairs(worse, seen.level, seen.config.horizon)
        if base is None
        else base.gatherer(seen.config.margin, seen.level, seen.reach)
    )
    weeks = [_units(metric, seen, week.number, within, base) for week in seen.complete]
    points: list[Point] = []
    found = _Evidence(log10=(), alarm_week=None, could_alarm=False)
    current: list[_Units] = []
    for span in spans(seen.periods, len(weeks)):
        current = weeks[span]
        found = gather(current)
        points += _points(current, found, worse)
    verdict: Verdict = "worse" if found.alarm_week else "no alarm" if found.could_alarm else "not enough data"
    return Series(
        metric=metric,
        label=label or METRICS[metric],
        worse="lower" if worse == "lower" else "higher",
        points=tuple(points),
        threshold=seen.threshold,
        verdict=verdict,
        change=_change(current, worse, base, seen) if found.alarm_week else None,
        slice=slice_name,
    )


def _values(metric: str, batch: Mapping[str, Measured], within: frozenset[str] | None) -> dict[str, float]:
    """What each item is worth by the metric, where that is known."""
    found = {item: getattr(worth, metric) for item, worth in batch.items()}
    return {
        item: value
        for item, value in found.items()
        if value is not None and (within is None or item in within)
    }


def _units(metric: str, seen: Seen, week: int, within: frozenset[str] | None, base: "_Base | None") -> _Units:
    sides = seen.measured.get(week, {})
    after = _values(metric, sides.get(("watched", 0), {}), within)
    before = (
        _values(metric, sides.get(("reference", 0), {}), within)
        if base is None
        else dict(zip(base.items, base.means.tolist(), strict=True))
    )
    items = tuple(sorted(after.keys() & before.keys()))
    return _Units(
        week=week,
        items=items,
        before=np.array([before[item] for item in items], np.float64),
        after=np.array([after[item] for item in items], np.float64),
    )


def _pairs(worse: str, level: float, horizon: int) -> _Gather:
    def gather(weeks: Sequence[_Units]) -> _Evidence:
        watch = PairWatch(level=level, horizon=horizon, weeks=_lost_and_gained(weeks, worse))
        worst = PairWatch(level=level, horizon=horizon, weeks=tuple((week.before.size, 0) for week in weeks))
        return _Evidence(
            log10=(watch.log_evidence / math.log(10)).tolist(),
            alarm_week=watch.alarm_week,
            could_alarm=worst.alarm_week is not None,
        )

    return gather


def _lost_and_gained(weeks: Iterable[_Units], worse: str) -> tuple[tuple[int, int], ...]:
    drops = [week.drops(worse) for week in weeks]
    return tuple((int(np.sum(one > 0)), int(np.sum(one < 0))) for one in drops)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """The stored reference by one metric, as it is: arrays have the shapes (items, K) and (items,)."""

    items: tuple[str, ...]  # those of which the metric is known all K times
    values: Numbers
    worse: str

    @property
    def means(self) -> Numbers:
        return np.asarray(self.values.mean(axis=1), np.float64)

    def good(self, values: Numbers) -> Numbers:
        """The same, higher being better."""
        return values if self.worse == "lower" else 1 - values

    def gatherer(self, margin: float, level: float, reach: float) -> _Gather:
        """Watches a drop beyond the margin, and beyond so many standard errors of the stored answers' mean."""
        place = {item: at for at, item in enumerate(self.items)}

        def gather(weeks: Sequence[_Units]) -> _Evidence:
            if not self.items:
                return _Evidence(log10=[0.0] * len(weeks), alarm_week=None, could_alarm=False)
            stored = self.good(self.values)
            begun = StoredWatch.begin(
                stored, margin=max(margin, upwards(reach * baseline_error(stored))), level=level
            )
            watch, worst, log10 = begun, begun, []
            for week in weeks:
                at = [place[item] for item in week.items]
                watch = watch.after(self.good(week.after), items=at)
                worst = worst.after(np.zeros(len(at)), items=at)
                log10.append(watch.log_evidence / math.log(10))
            return _Evidence(
                log10=log10, alarm_week=watch.alarm_week, could_alarm=worst.alarm_week is not None
            )

        return gather


def _base(metric: str, seen: Seen, within: frozenset[str] | None) -> _Base:
    batches = [
        _values(metric, batch, within)
        for (side, _), batch in sorted(seen.measured.get(REFERENCE_WEEK, {}).items())
        if side == "reference"
    ]
    items = tuple(sorted(set.intersection(*map(set, batches)))) if batches else ()
    return _Base(
        items=items,
        values=np.array([[batch[item] for batch in batches] for item in items], np.float64),
        worse=_WORSE[metric],
    )


def margin_reach(config: WatchConfig, metrics: int) -> float:
    """Standard errors of the stored answers' mean that a margin has to cover, 1 or more.

    Their luck stays for as long as they are stored. For the usual level and horizon one is enough, as simulated years
    say (benchmarks/watch/command_years.py). For a lower level or a longer horizon so many that the luck alone goes
    beyond them no more often than the level of each metric.
    """
    if config.level >= LEVEL and config.horizon <= WEEKS:
        return 1.0
    return max(1.0, student.reach(math.inf, min(0.5, 2 * config.level / max(1, metrics))))


def stored_error(metric: str, measured_reference: MeasuredWeek) -> float:
    """Standard error of the stored reference's mean by a metric, in [0, 1]."""
    batches = [_values(metric, batch, None) for _, batch in sorted(measured_reference.items())]
    items = sorted(set.intersection(*map(set, batches))) if batches else []
    if not items:
        return 0.0
    return baseline_error(np.array([[batch[item] for batch in batches] for item in items], np.float64))


def _points(weeks: Sequence[_Units], found: _Evidence, worse: str) -> list[Point]:
    band, points = DropBand(), []
    for number, (week, evidence) in enumerate(zip(weeks, found.log10, strict=True), 1):
        band = band.after(week.drops(worse))
        if not week.after.size:
            continue
        is_alarm = found.alarm_week is not None and number >= found.alarm_week
        points.append(
            point_of(week.week, week.before, week.after, band=band, evidence=evidence, is_alarm=is_alarm)
        )
    return points


def _change(weeks: Sequence[_Units], worse: str, base: _Base | None, seen: Seen) -> Change | None:
    """When it began. Of a stored reference, each week is dated against one of its K answers in turn.

    Weeks in which nothing was lost or gained do not tell, and are left out: of several weeks that are as likely, the
    first in which something was lost is meant, and not the quiet ones before it.
    """
    counts = _lost_and_gained(weeks if base is None else _against_one(weeks, base), worse)
    telling = [(week.week, *count) for week, count in zip(weeks, counts, strict=True) if any(count)]
    if not telling:
        return None
    numbers, lost, gained = zip(*telling, strict=True)
    found = change_point(lost, gained)
    date = {week.number: week.date for week in seen.complete}
    week, low, high = (numbers[place - 1] for place in (found.week, found.low, found.high))
    return Change(week=week, low=low, high=high, date=date[week])


def _against_one(weeks: Sequence[_Units], base: _Base) -> list[_Units]:
    place = {item: at for at, item in enumerate(base.items)}
    columns = base.values.shape[1]
    return [
        replace(week, before=base.values[[place[item] for item in week.items], number % columns])
        for number, week in enumerate(weeks)
    ]


# --- slices --------------------------------------------------------------------------------------------------------


def _slices(seen: Seen) -> tuple[Series, ...]:
    """The leading metric of each slice, with the verdict of e-BH over all of them."""
    metric = next((name for name in METRICS if name in seen.metrics), None)
    if metric is None:
        return ()
    items: dict[str, set[str]] = {}
    for item, slices in seen.slices.items():
        for name, value in slices.items():
            if seen.config.slices is None or name in seen.config.slices:
                items.setdefault(f"{name}={value}", set()).add(item)
    found = [
        _watched(metric, seen, slice_name=name, within=frozenset(held))
        for name, held in sorted(items.items())
        if len(held) >= FEWEST_OF_A_SLICE
    ]
    begun = seen.periods[-1]
    current = [
        series.points[-1].evidence if series.points and series.points[-1].week >= begun else 0.0
        for series in found
    ]
    called = by_e_values(np.array(current), level=seen.config.level)
    threshold = math.log10(max(1, len(found)) / (max(1, len(called)) * seen.config.level))
    return tuple(
        _called(series, threshold, is_worse=bool(is_worse))
        for series, is_worse in zip(found, called.marked, strict=True)
    )


def _called(series: Series, threshold: float, *, is_worse: bool) -> Series:
    last = len(series.points) - 1
    points = tuple(replace(point, alarm=is_worse and at == last) for at, point in enumerate(series.points))
    verdict: Verdict = (
        "worse" if is_worse else "not enough data" if series.verdict == "not enough data" else "no alarm"
    )
    return replace(
        series,
        points=points,
        threshold=threshold,
        verdict=verdict,
        change=series.change if is_worse else None,
    )


# --- answers, for looking at ---------------------------------------------------------------------------------------


def paired_outputs(store: WatchStore, week: int) -> tuple[PairedOutput, ...]:
    """What both sides answered in a week, largest losses first; by name where they are alike."""
    after = store.answers(week, "watched")
    before = store.answers(week, "reference") or store.answers(REFERENCE_WEEK, "reference")
    pairs = [_paired_output(week, before[item], batches) for item, batches in after.items() if item in before]
    return tuple(sorted(pairs, key=lambda pair: (pair.change, pair.item)))


def _paired_output(week: int, before: Sequence[Answered], after: Sequence[Answered]) -> PairedOutput:
    item = after[0]
    return PairedOutput(
        week=week,
        item=item.name,
        prompt=_readable(item),
        references=item.references,
        before=tuple(output.text for one in before for output in one.outputs),
        after=tuple(output.text for one in after for output in one.outputs),
        scores_before=tuple(score for one in before for score in one.scores),
        scores_after=tuple(score for one in after for score in one.scores),
        finishes_before=tuple(output.finish for one in before for output in one.outputs),
        finishes_after=tuple(output.finish for one in after for output in one.outputs),
        slices=tuple(f"{name}={value}" for name, value in sorted(item.slices.items())),
        change=_change_of(before, after),
    )


def _readable(item: Answered) -> str:
    if item.prompt is None or isinstance(item.prompt, str):
        return item.prompt or ""
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in item.prompt)


def _change_of(before: Sequence[Answered], after: Sequence[Answered]) -> float:
    """Of the mean score; of diversity where there is none."""
    for name in ("accuracy", "diversity"):
        means = [
            [value for one in side if (value := getattr(measured(one), name)) is not None]
            for side in (before, after)
        ]
        if all(means):
            before_mean, after_mean = (math.fsum(side) / len(side) for side in means)
            return after_mean - before_mean
    return 0.0
