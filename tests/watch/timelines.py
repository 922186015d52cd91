"""Watches made by hand for pages to draw: their figures come out of the real statistics, on weeks that are drawn here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from math import log, log10, sqrt

import numpy as np

from wellkeeper.measure.sequential import DropBand, PairWatch
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

BEGINNING = date(2026, 1, 5)
LABELS = {
    "accuracy": "Accuracy",
    "diversity": "Diversity",
    "degenerate": "Degenerate answers",
    "tail_mass": "Tail mass",
    "refused": "Refused answers",
    "length": "Cut-off answers",
    "judge": "Agreement of the judge with people",
}
HIGHER_IS_WORSE = {"degenerate", "refused", "length"}
RATES = {"accuracy": 0.72, "diversity": 0.64, "tail_mass": 0.11, "judge": 0.9}  # others: 0.03
HOSTILE = "<script>alert('x')</script>\u202epay\u202c\x1b[2J\u200b" + "\u0301" * 9 + '"onload="x'


def day_of(week: int) -> str:
    return (BEGINNING + timedelta(days=7 * (week - 1))).isoformat()


def series(
    metric: str,
    weeks: int,
    *,
    change: int | None = None,
    loss: float = 0.12,
    items: int = 100,
    seed: int = 0,
    level: float = 0.05,
    part: str = "",
    label: str | None = None,
) -> Series:
    """A metric whose watched version is worse by `loss` from week `change` on."""
    generator = np.random.default_rng([seed, len(metric), sum(map(ord, metric + part))])
    rate, sign = RATES.get(metric, 0.03), -1 if metric in HIGHER_IS_WORSE else 1
    watch, band, drawn = PairWatch(level=level, horizon=52), DropBand(), []
    for week in range(1, weeks + 1):
        shift = sign * loss if change is not None and week >= change else 0.0
        before = generator.random(items) < rate
        after = generator.random(items) < np.clip(rate - shift, 0, 1)
        drops = sign * (before.astype(float) - after)
        watch = watch.after(lost=int((drops > 0).sum()), gained=int((drops < 0).sum()))
        band = band.after(drops)
        drawn.append((float(before.mean()), float(after.mean()), band))
    evidence = watch.log_evidence / log(10) if weeks else ()
    raised = watch.alarm_week if weeks else None
    points = [
        _point(week, before, after, band, items, float(found), raised is not None and week >= raised)
        for week, ((before, after, band), found) in enumerate(zip(drawn, evidence, strict=True), start=1)
    ]
    dated = None if raised is None else watch.change(draws=99)
    return Series(
        metric=metric,
        label=LABELS.get(metric, metric) if label is None else label,
        worse="higher" if metric in HIGHER_IS_WORSE else "lower",
        points=tuple(points),
        threshold=-log10(level),
        verdict="worse" if raised is not None else "no alarm" if weeks else "not enough data",
        change=None
        if dated is None
        else Change(week=dated.week, low=dated.low, high=dated.high, date=day_of(dated.week)),
        slice=part,
    )


def _point(
    week: int, before: float, after: float, band: DropBand, items: int, evidence: float, alarm: bool
) -> Point:
    low, high = band.interval()
    reach = 1.96 * sqrt(max(after * (1 - after), 0.01) / items)
    return Point(
        week=week,
        value=after,
        low=max(0.0, after - reach),
        high=min(1.0, after + reach),
        baseline=before,
        units=items,
        drop=band.mean,
        drop_low=low,
        drop_high=high,
        evidence=evidence,
        alarm=alarm,
    )


def weeks_of(number: int, *, new_version: int | None = None, name: str = "model-2026-01") -> tuple[Week, ...]:
    return tuple(
        Week(
            number=week,
            date=day_of(week),
            version="model-2026-05" if new_version is not None and week >= new_version else name,
            reason="fingerprint" if week == new_version else "schedule",
            items=100,
            answers=100,
            tokens=18_400 + week,
            is_complete=True,
        )
        for week in range(1, number + 1)
    )


def fingerprints(days: int, *, change: int | None = None) -> tuple[Fingerprint, ...]:
    generator = np.random.default_rng(5)
    found = []
    for day in range(days):
        changed = change is not None and day >= change
        distance = float((0.21 if changed else 0.012) + 0.006 * generator.random())
        found.append(
            Fingerprint(
                date=(BEGINNING + timedelta(days=day)).isoformat(),
                distance=distance,
                limit=0.05,
                changed=changed,
                tokens=24,
            )
        )
    return tuple(found)


def timeline(
    found: Sequence[Series],
    weeks: Sequence[Week],
    *,
    slices: Sequence[Series] = (),
    looks: Sequence[Fingerprint] = (),
    name: str = "support answers",
    headline: str = "",
    next_step: str = "Go on watching: run it again next week.",
    notes: Sequence[str] = (),
) -> Timeline:
    worst = "worse" if any(one.verdict == "worse" for one in found) else "no alarm"
    verdict = worst if weeks else "not enough data"
    return Timeline(
        name=name,
        created=BEGINNING.isoformat(),
        design="paired",
        reference="model-2025-10",
        suite="support-100",
        items=100,
        samples=1,
        level=0.05,
        horizon=52,
        margin=0.0,
        verdict=verdict,
        headline=headline or f"No alarm in {len(weeks)} weeks.",
        next_step=next_step,
        weeks=tuple(weeks),
        series=tuple(found),
        slices=tuple(slices),
        fingerprints=tuple(looks),
        notes=tuple(notes),
    )


@cache
def calm() -> Timeline:
    """A half-year without a change."""
    found = [series(metric, 26, seed=3) for metric in ("accuracy", "diversity", "degenerate")]
    return timeline(found, weeks_of(26), looks=fingerprints(60), headline="No alarm in 26 weeks.")


@cache
def alarm() -> Timeline:
    """A new version in week 20 that is worse at what is asked in German."""
    accuracy = series("accuracy", 26, change=20, loss=0.2, seed=4)
    assert accuracy.change is not None
    found = [accuracy, *(series(metric, 26, seed=4) for metric in ("diversity", "degenerate"))]
    parts = [
        series("accuracy", 26, change=20, loss=0.5, items=30, part="language=de", seed=4),
        series("accuracy", 26, items=40, part="language=en", seed=5),
        series("accuracy", 26, change=20, loss=0.1, items=30, part="language=fr", seed=4),
        series("diversity", 26, items=30, part="language=de", seed=6),
    ]
    return timeline(
        found,
        weeks_of(26, new_version=20),
        slices=parts,
        looks=fingerprints(180, change=132),
        headline=f"Accuracy is worse since about {accuracy.change.date} (week {accuracy.change.week}).",
        next_step="Look at the answers that changed below, then go back to model-2026-01 or accept the new level.",
    )


@cache
def judge_drift() -> Timeline:
    """A judge that changed, while the watched version did not."""
    judge = series("judge", 30, change=18, loss=0.25, seed=7, items=60)
    accuracy = replace(
        series("accuracy", 30, seed=7), label="Accuracy (judge changed)", verdict="not enough data"
    )
    whole = timeline(
        [accuracy, series("diversity", 30, seed=7), judge],
        weeks_of(30),
        headline="The judge changed: its agreement with people fell. No verdict on the model by its scores.",
        next_step="Give the judge's former version, or label the anchors anew.",
        notes=("Accuracy is scored by a judge that changed in about week 18.",),
    )
    return replace(whole, verdict="not enough data")


@cache
def one_week() -> Timeline:
    return timeline([series(metric, 1, seed=2) for metric in ("accuracy", "diversity")], weeks_of(1))


@cache
def no_weeks() -> Timeline:
    return timeline(
        [series(metric, 0) for metric in ("accuracy", "diversity")],
        (),
        headline="Nothing is known yet: no week has run.",
        next_step="Run the first week: wellkeeper watch run WATCH.",
    )


@cache
def large() -> Timeline:
    """A year of 6 metrics and 8 slices of each."""
    metrics = ("accuracy", "diversity", "degenerate", "tail_mass", "refused", "length")
    parts = [
        series(
            metric,
            52,
            items=20,
            part=f"language={language}",
            seed=9,
            change=30 if (metric, language) == ("accuracy", "ja") else None,
            loss=0.6,
        )
        for metric in metrics
        for language in ("de", "en", "es", "fr", "it", "ja", "pt", "zh")
    ]
    return timeline(
        [series(metric, 52, seed=9) for metric in metrics],
        weeks_of(52, new_version=30),
        slices=parts,
        looks=fingerprints(364),
    )


@cache
def corpus() -> Timeline:
    """Four snapshots of a corpus, the last one poorer; one figure is tested, one shown."""

    def shown(metric: str, label: str, evidence: Sequence[float], verdict: Verdict) -> Series:
        points = tuple(
            Point(
                week=week,
                value=0.1 + 0.02 * week,
                low=0.08,
                high=0.2,
                baseline=0.1,
                units=40,
                drop=None,
                drop_low=None,
                drop_high=None,
                evidence=found,
                alarm=found > -log10(0.05),
            )
            for week, found in enumerate(evidence, start=1)
        )
        return Series(
            metric=metric, label=label, worse="higher", points=points, threshold=-log10(0.05), verdict=verdict
        )

    found = [
        shown("words", "Words that the snapshot lacks, by use", [-1.2, -0.9, -1.0, 1.6], "worse"),
        shown("ai", "Documents known to be AI-made (shown, not tested)", [0.0] * 4, "no alarm"),
    ]
    whole = timeline(found, weeks_of(4), headline="Words that the snapshot lacks rose against the first.")
    return replace(whole, design="corpus", horizon=4)


@cache
def hostile() -> Timeline:
    """Names that would run, reverse or hide if they were let."""
    found = [series("accuracy", 6, seed=1, label=HOSTILE), series("diversity", 6, seed=1)]
    part = series("accuracy", 6, seed=1, part=f"language={HOSTILE}", label=HOSTILE)
    return timeline(
        found,
        weeks_of(6, name=HOSTILE),
        slices=[part],
        name=HOSTILE,
        headline=f"No alarm: {HOSTILE}",
        next_step=HOSTILE,
        notes=(HOSTILE,),
    )


def pairs(week: int, number: int = 30) -> list[PairedOutput]:
    """What both versions answered in a week; most changed first. Every third is lost, every third gained."""
    found = []
    for place in range(number):
        lost, gained = place % 3 == 0, place % 3 == 1
        scores = (1.0, 0.0) if lost else (0.0, 1.0) if gained else (1.0, 1.0)
        found.append(
            PairedOutput(
                week=week,
                item=f"refund-{place:03d}",
                prompt=f"How long does a refund of order {place} take?",
                references=("five working days",),
                before=(f"Order {place}: a refund takes five working days.",),
                after=(
                    f"Order {place}: refunds are {'not possible' if lost else 'made in five working days'}.",
                ),
                scores_before=(scores[0],),
                scores_after=(scores[1],),
                finishes_before=("stop",),
                finishes_after=("stop",),
                slices=("language=de" if place % 2 else "language=en",),
                change=scores[1] - scores[0],
            )
        )
    return sorted(found, key=lambda pair: pair.change)


def hostile_pair(week: int = 1) -> PairedOutput:
    return PairedOutput(
        week=week,
        item=HOSTILE,
        prompt=HOSTILE + "p" * 5000,
        references=(HOSTILE,),
        before=(HOSTILE, ""),
        after=("x" * 9000, HOSTILE),
        scores_before=(None, 1.0),
        scores_after=(0.5, None),
        finishes_before=("stop", "empty"),
        finishes_after=("length", HOSTILE),
        slices=(f"language={HOSTILE}",),
        change=-0.5,
    )
