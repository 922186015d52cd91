"""A document of schema `wellkeeper.watch/1` as its pages have it: series, calendar, and what they come to in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import Interval, integer, number, rows, table, text
from wellkeeper.report.visible import one_line
from wellkeeper.report.watch_pictures import Calendar, Moment, Since

Document = Mapping[str, Any]

NAME = 60
"""Letters of a name."""

_MINUS = "\u2212"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a served page finds its parts and its neighbours; the addresses are those of the server."""

    home: str = "/"
    week: str = "/weeks/{}"
    document: str = "/timeline.json"
    style: str = "/style.css"
    script: str = "/watch.js"
    icon: str = "/icon.svg"
    mark: str = ""  # ETag of the document that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric over all weeks, as it is drawn."""

    metric: str
    label: str
    part: str
    is_higher_worse: bool
    moments: Sequence[Moment]
    threshold: float
    verdict: str
    since: Since | None
    is_tested: bool  # whether evidence is gathered; else it is shown beside the others

    @property
    def last(self) -> Moment | None:
        return self.moments[-1] if self.moments else None

    @property
    def alarm_week(self) -> int | None:
        """The week in which the alarm that still stands was raised."""
        standing = None
        for moment in self.moments:
            standing = (standing or moment.week) if moment.alarm else None
        return standing

    def alarm_by(self, week: int) -> bool:
        """Whether an alarm stood in a week."""
        return next((moment.alarm for moment in reversed(self.moments) if moment.week <= week), False)

    @property
    def is_judge(self) -> bool:
        """Whether it is of the judge, not of the watched version."""
        return self.metric == "judge"

    @property
    def strength(self) -> float:
        """How near the evidence is to an alarm; 1 is one."""
        return self.last.evidence / self.threshold if self.last is not None and self.threshold > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The document with its series and its calendar read."""

    document: Document
    links: Links | None
    name: str
    reference: str
    is_corpus: bool  # its weeks are snapshots of a corpus: nothing was asked or answered
    weeks: Sequence[Document]
    calendar: Calendar
    series: Sequence[Series]
    slices: Sequence[Series]

    @property
    def has_another_judge(self) -> bool:
        """Whether the judge changed, so that scores say nothing."""
        return any(series.is_judge and series.verdict == "worse" for series in self.series)

    def held_against(self, series: Series) -> str:
        """What a metric is held against."""
        return "its first judgements" if series.is_judge else self.reference

    def week(self, number_of_it: int) -> Document:
        """The facts of a week; empty where there is none."""
        return next((row for row in self.weeks if integer(row.get("number")) == number_of_it), {})

    def version(self, week: int) -> str:
        """What the watched model was called in a week."""
        return one_line(text(self.week(week).get("version"), "the watched version"), NAME)


def watch_of(document: Document, links: Links | None) -> Watch:
    """The document, whose text went through `visible_tree`, as pages draw it."""
    weeks = [row for row in rows(document.get("weeks")) if integer(row.get("number")) > 0]
    dates = {integer(row.get("number")): one_line(text(row.get("date")), 10) for row in weeks}
    is_corpus = text(document.get("design")) == "corpus"
    slices = [_series(row, dates, is_corpus=is_corpus) for row in rows(document.get("slices"))]
    return Watch(
        document=document,
        links=links,
        name=one_line(text(document.get("name"), "a watch"), NAME),
        reference=one_line(text(document.get("reference"), "the reference"), NAME),
        is_corpus=is_corpus,
        weeks=weeks,
        calendar=Calendar(
            dates=sorted(dates.items()),
            versions=_versions(weeks),
            address=links.week if links is not None else "",
        ),
        series=[_series(row, dates, is_corpus=is_corpus) for row in rows(document.get("series"))],
        slices=sorted(slices, key=lambda one: (-one.strength, one.part, one.metric)),
    )


def _versions(weeks: Sequence[Document]) -> list[tuple[int, str]]:
    """First week and name of each version after the first."""
    names = [one_line(text(row.get("version")), NAME) for row in weeks]
    return [
        (integer(row.get("number")), name)
        for row, name, earlier in zip(weeks[1:], names[1:], names, strict=False)
        if name != earlier
    ]


_TESTED = "words"  # of a corpus, the one metric that is


def _series(row: Document, dates: Mapping[int, str], *, is_corpus: bool) -> Series:
    threshold = number(row.get("threshold")) or 0.0
    is_tested = not is_corpus or text(row.get("metric")) == _TESTED
    limit = threshold if is_tested else None
    found = [_moment(point, dates, limit) for point in rows(row.get("points"))]
    return Series(
        metric=text(row.get("metric")),
        label=one_line(text(row.get("label"), text(row.get("metric"), "(unnamed)")), NAME),
        part=one_line(text(row.get("slice")), NAME),
        is_higher_worse=text(row.get("worse")) == "higher",
        moments=[moment for moment in found if moment is not None],
        threshold=threshold,
        verdict=text(row.get("verdict"), "not enough data"),
        since=_since(table(row, "change")),
        is_tested=is_tested,
    )


def _moment(point: Document, dates: Mapping[int, str], limit: float | None) -> Moment | None:
    value, week = number(point.get("value")), integer(point.get("week"))
    if value is None or week not in dates:
        return None
    low, high, baseline = (number(point.get(key)) for key in ("low", "high", "baseline"))
    bounds = [number(point.get(key)) for key in ("drop_low", "drop", "drop_high")]
    drop = tuple(bound for bound in bounds if bound is not None)
    evidence = number(point.get("evidence")) or 0.0
    shown = written_share(Interval(value, low, high))
    against = "" if baseline is None else f", against {THIN.percent(baseline)}"
    return Moment(
        week=week,
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        baseline=value if baseline is None else baseline,
        drop=drop if len(drop) == 3 else None,
        evidence=evidence,
        alarm=point.get("alarm") is True,
        words=f"Week {week}, {dates[week]}: {shown}{against}{_beside(evidence, limit)}",
    )


def _beside(evidence: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return f"; evidence {written_evidence(evidence)}, alarm above {written_evidence(limit)}"


def _since(change: Document) -> Since | None:
    week = integer(change.get("week"))
    if week <= 0:
        return None
    low, high = integer(change.get("low")) or week, integer(change.get("high")) or week
    return Since(
        week=week,
        low=min(low, week),
        high=max(high, week),
        label=f"since {one_line(text(change.get('date'), f'week {week}'), 10)}",
    )


_BADGES = {
    "worse": ("worse", "\u25bc Worse"),
    "no alarm": ("fine", "\u2713 No alarm"),
    "not enough data": ("open", "\u2026 Not enough data"),
}


def badge_of(watch: Watch) -> dict[str, str]:
    """The verdict in two words, and the class of style.css that colours it."""
    verdict = text(watch.document.get("verdict"))
    if verdict != "worse" and watch.has_another_judge:
        return {"tone": "worse", "badge": "\u25bc Judge changed"}
    tone, badge = _BADGES.get(verdict, _BADGES["not enough data"])
    return {"tone": tone, "badge": badge}


def written_share(value: Interval) -> str:
    return THIN.interval(value).replace(" (no interval)", "")


def written_evidence(log10: float) -> str:
    """Evidence as a number: how many times likelier the weeks are if it got worse.

    >>> [written_evidence(value) for value in (-4, 0.0, 1.30103, 9.4)]
    ['below 0.01', '1', '20', '10^9']
    """
    if log10 < -2:
        return "below 0.01"
    if log10 >= 6:
        return f"10^{math.floor(log10)}"
    return THIN.figure(10**log10, 3 if log10 < 3 else 4)


def written_points(share: float) -> str:
    return f"{share * 100:.1f}".replace("-", _MINUS)


def weeks_of(since: Since) -> str:
    return f"week {since.low}" if since.low == since.high else f"weeks {since.low} to {since.high}"


def said_of(series: Series) -> str:
    """The verdict in a few words, for a lane."""
    if not series.is_tested:
        return "not tested"
    if series.verdict == "worse":
        if series.since is not None:
            return f"\u25bc worse {series.since.label}"
        return f"\u25bc worse, week {series.alarm_week}" if series.alarm_week else "\u25bc worse"
    return "no alarm" if series.verdict == "no alarm" else "not enough data"


def story_of(series: Series, level: float) -> str:
    """What the weeks say of one metric, in sentences."""
    if series.last is None:
        return "No week has a figure of it yet."
    if not series.is_tested:
        return "Shown beside the others: it is not tested, and raises no alarm."
    sentences = []
    if series.verdict == "worse":
        began = series.since
        if began is not None:
            sentences.append(
                f"Worse {began.label}, week {began.week}; with 95% certainty it began in {weeks_of(began)}."
            )
        if series.alarm_week is not None:
            sentences.append(f"The alarm was raised in week {series.alarm_week}.")
    elif series.verdict == "no alarm":
        sentences.append(
            f"No alarm: the evidence is {written_evidence(series.last.evidence)}, and above "
            f"{written_evidence(series.threshold)} it would be one."
        )
    else:
        sentences.append("Not enough data for a verdict yet.")
    drop = series.last.drop
    if drop is not None:
        low, mean, high = (written_points(bound) for bound in drop)
        sentences.append(
            f"Mean loss over all weeks so far: {mean} points ({low} to {high}, in all weeks at once with "
            f"{1 - level:.0%})."
        )
    return " ".join(sentences)


def level_of(watch: Watch) -> float:
    return number(watch.document.get("level")) or 0.05


def rate_of(watch: Watch) -> str:
    """The level as it was given, such as 5%."""
    return f"{level_of(watch) * 100:g}%"


def written_bounds(moment: Moment) -> str:
    return THIN.bounds(Interval(moment.value, moment.low, moment.high))


REASONS = {
    "schedule": "as planned",
    "fingerprint": "first tokens changed",
    "manual": "by hand",
    "import": "imported",
}
