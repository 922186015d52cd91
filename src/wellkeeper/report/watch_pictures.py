"""Pictures of a watch: a metric week by week, the evidence against it, and when it changed.

As those of `svg`, every function returns one `<svg>`, wide or compact. Whoever points at a week reads its figures;
where weeks have pages of their own it leads there. What a pointer reaches is said beside the picture too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Self

from markupsafe import Markup, escape

from wellkeeper.report import shapes
from wellkeeper.report.numbers import signed_short
from wellkeeper.report.shapes import Frame, rounded, unit
from wellkeeper.report.svg import ticks_between

_LEAST_COLUMNS = 12  # of a young watch, so that its one week is no wall
_TICK_ROOM = {True: 92.0, False: 88.0}  # pixels from one date to the next, by whether the layout is compact
_LANE_LABEL = 20  # letters of a metric's name on a line
_DATE = 72.0  # pixels of a date
_VERSION = 20  # letters of a version's name on a picture
_BOLD = 8.2  # pixels of a letter of such a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One metric in one week; see `Point` of schema `wellkeeper.watch/1`."""

    week: int
    value: float
    low: float
    high: float
    baseline: float
    drop: tuple[float, float, float] | None  # low, mean, high of the loss so far
    evidence: float  # log10
    alarm: bool
    words: str  # its figures, for who points at it


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The week of a change and its interval."""

    week: int
    low: int
    high: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What all pictures of a watch share."""

    dates: Sequence[tuple[int, str]]  # week and its date, ascending
    versions: Sequence[tuple[int, str]] = ()  # first week and name of each version after the first
    address: str = ""  # of a week's page, `{}` for its number; "": weeks have none


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One metric of an overview."""

    label: str
    said: str  # the verdict, in a few words
    is_worse: bool
    moments: Sequence[Moment]
    threshold: float  # log10 of the evidence that raises an alarm
    since: Since | None


def overview(frame: Frame, lanes: Sequence[Lane], calendar: Calendar) -> Markup:
    """A lane for each metric, filled week by week as evidence grows; a full lane is an alarm."""
    compact = frame.is_compact
    row, tall, top = (66, 22, 34) if compact else (50, 26, 34)
    left, right = (2, 2) if compact else (178, 200)
    weeks = _Columns.over(calendar, left, frame.width - left - right)
    floor = top + row * len(lanes) - (row - tall - 24 if compact else row - tall - 14)
    body: list[str] = []
    for place, lane in enumerate(lanes):
        y = top + row * place + (24 if compact else 0)
        style = "strong bad" if lane.is_worse else "tick"
        if compact:
            body += [shapes.text(0, y - 7, shapes.cut(lane.label, 24), "strong")]
            body += [shapes.text(frame.width, y - 7, shapes.cut(lane.said, 26), style, "end")]
        else:
            lines = shapes.wrap(lane.label, _LANE_LABEL, 2)
            first = y + tall / 2 + (5 if len(lines) == 1 else -3)
            body += [shapes.text(0, first + 16 * turn, line, "strong") for turn, line in enumerate(lines)]
            body += [
                shapes.text(frame.width - right + 14, y + tall / 2 + 5, shapes.cut(lane.said, 26), style)
            ]
        body += _lane(lane, weeks, y, tall)
    body += _version_lines(calendar, weeks, top - 6, floor)
    body += _week_axis(calendar, weeks, floor + 22, compact=compact)
    if not compact:
        body += _columns_to_point_at(
            calendar,
            weeks,
            top,
            floor - top,
            [(week, f"Week {week}, {date}") for week, date in calendar.dates],
        )
    return shapes.picture(frame, round(floor + 44), body)


def _lane(lane: Lane, weeks: "_Columns", y: float, tall: float) -> Iterator[str]:
    yield shapes.box(weeks.left, y, weeks.across, tall, "lane")
    calm: list[str] = []
    loud: list[str] = []
    for moment in lane.moments:
        full = 1.0 if moment.alarm else unit(moment.evidence / lane.threshold) if lane.threshold > 0 else 0.0
        if full > 0:
            (loud if moment.alarm else calm).append(
                _column(weeks, moment.week, y + tall, max(1.5, tall * full))
            )
    yield shapes.path("evidence", calm)
    yield shapes.path("alarm", loud)
    yield shapes.line(weeks.left, y, weeks.left + weeks.across, y, "limit")
    if lane.since is not None:
        yield from _bracket(lane.since, weeks, y + tall + 6)


def _column(weeks: "_Columns", week: int, floor: float, tall: float) -> str:
    thick = max(1.0, weeks.step - (2 if weeks.step > 8 else 0.6))
    x = weeks.middle(week) - thick / 2
    return f"M{rounded(x)} {rounded(floor)}v{rounded(-tall)}h{rounded(thick)}v{rounded(tall)}z"


def _bracket(since: Since, weeks: "_Columns", y: float) -> Iterator[str]:
    """When it changed: the interval as a line, the likeliest beginning as a mark."""
    yield shapes.line(weeks.start(since.low), y, weeks.end(since.high), y, "since")
    x = rounded(weeks.start(since.week))
    yield f'<path class="since-mark" d="M{x} {rounded(y - 7)}l5.5 9h-11z"/>'


def monitored(
    frame: Frame,
    moments: Sequence[Moment],
    calendar: Calendar,
    *,
    threshold: float | None,
    since: Since | None,
    value_label: str,
    drop_label: str,
    evidence_label: str,
    margin: float = 0.0,
) -> Markup:
    """A metric in up to three panels over the same weeks: its values, its loss so far, the evidence.

    `threshold` is a log10; None: no evidence is gathered. `margin`, where it is above 0, is drawn into the loss. There
    is at least one moment.
    """
    compact = frame.is_compact
    left, right = 48, 8
    weeks = _Columns.over(calendar, left, frame.width - left - right)
    dropped = [moment.drop for moment in moments if moment.drop is not None]
    panels = _panels(moments, dropped, threshold, margin, compact=compact)
    top, floor = panels[0].top, panels[-1].top + panels[-1].tall
    body = [*_version_lines(calendar, weeks, top - 26, floor)]  # under the words of the panels
    if since is not None:
        start, end = weeks.start(since.low), weeks.end(since.high)
        body += [shapes.box(start, panel.top, end - start, panel.tall, "since-span") for panel in panels]
    labels = [
        value_label,
        *([drop_label] if dropped else []),
        *([evidence_label] if threshold is not None else []),
    ]
    for panel, label in zip(panels, labels, strict=True):
        body += _ground(panel, label, weeks, frame)
    if since is not None:
        x = weeks.start(since.week)
        body += [shapes.line(x, panel.top, x, panel.top + panel.tall, "since") for panel in panels]
    body += _values(moments, panels[0], weeks)
    if dropped:
        body += _loss(moments, panels[1], weeks, margin)
    if threshold is not None:
        body += _evidence(moments, panels[-1], weeks, threshold)
    if since is not None:
        body += _since_label(since, weeks, panels[0], frame, moments)
    body += _week_axis(calendar, weeks, floor + 20, compact=compact)
    if not compact:
        body += _columns_to_point_at(
            calendar, weeks, top, floor - top, [(moment.week, moment.words) for moment in moments]
        )
    return shapes.picture(frame, round(floor + 42), body)


def spark(frame: Frame, moments: Sequence[Moment], *, since: Since | None) -> Markup:
    """A metric's values beside what they are held against, small, for comparing many slices by eye."""
    weeks = _Columns(2, frame.width - 4, moments[0].week, max(_LEAST_COLUMNS, moments[-1].week))
    values = [value for moment in moments for value in (moment.value, moment.baseline)]
    panel = _Panel.over(6, 58, values, 2)
    body = [shapes.line(2, panel.top + panel.tall, frame.width - 2, panel.top + panel.tall, "axis")]
    if since is not None:
        body += [
            shapes.line(weeks.start(since.week), 2, weeks.start(since.week), panel.top + panel.tall, "since")
        ]
    body += [_steps(moments, panel, weeks), _thin_line(moments, panel, weeks)]
    last = moments[-1]
    style = "dot worse" if last.alarm else "dot corpus"
    body += [
        f'<circle class="{style}" cx="{rounded(weeks.middle(last.week))}" cy="{rounded(panel.y(last.value))}" r="3"/>'
    ]
    return shapes.picture(frame, 70, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One daily look at first tokens: its distance, and the limit above which it is another model."""

    date: str
    distance: float
    limit: float
    changed: bool


def looks(frame: Frame, found: Sequence[Look], *, label: str) -> Markup:
    """Distances day by day as dots beside their limit; those above it are filled triangles. There is at least one."""
    left, right, top, tall = 48, 8, 30, 120
    across = frame.width - left - right
    panel = _Panel.over(top, tall, [0.0, *(max(look.distance, look.limit) for look in found)], 3)
    body = [*_ground(panel, label, _Columns(left, across, 1, 1), frame)]
    step = across / max(len(found), _LEAST_COLUMNS)

    def x(place: int) -> float:
        return left + step * (place + 0.5)

    limit = " ".join(f"{rounded(x(k))},{rounded(panel.y(look.limit))}" for k, look in enumerate(found))
    body += [f'<polyline class="limit" points="{limit}"/>']
    calm = [(x(place), panel.y(look.distance)) for place, look in enumerate(found) if not look.changed]
    tips = [(x(place), panel.y(look.distance) - 6) for place, look in enumerate(found) if look.changed]
    body += [shapes.dots("look", calm, 2.4)]
    body += [shapes.path("alarm", [f"M{rounded(at)} {rounded(y)}l5 9h-10z" for at, y in tips])]
    floor = top + tall
    for place in {0, len(found) - 1}:
        anchor = "start" if place == 0 else "middle" if x(place) < frame.width - 40 else "end"
        body += [shapes.text(left if place == 0 else x(place), floor + 18, found[place].date, "tick", anchor)]
    return shapes.picture(frame, floor + 26, body)


# --- where things stand ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Weeks side by side."""

    left: float
    across: float
    first: int
    last: int

    @classmethod
    def over(cls, calendar: Calendar, left: float, across: float) -> Self:
        first, last = calendar.dates[0][0], calendar.dates[-1][0]
        return cls(left, across, first, max(last, first + _LEAST_COLUMNS - 1))

    @property
    def step(self) -> float:
        return self.across / (self.last - self.first + 1)

    def start(self, week: int) -> float:
        return self.left + self.step * (week - self.first)

    def middle(self, week: int) -> float:
        return self.start(week) + self.step / 2

    def end(self, week: int) -> float:
        return self.start(week) + self.step


@dataclass(frozen=True, slots=True)
class _Panel:
    """An axis upward; what lies beyond it stands at its edge."""

    top: float
    tall: float
    ticks: Sequence[float]
    names: Sequence[str]

    @classmethod
    def over(cls, top: float, tall: float, values: Sequence[float], wanted: int) -> Self:
        """An axis over shares, from 0 where that is near."""
        low, high = min(values), max(values)
        low = 0.0 if 0 <= low < 0.1 and high < 0.4 else low
        found = ticks_between(low, high, wanted)
        digits = 0 if all(abs(tick * 100 - round(tick * 100)) < 1e-9 for tick in found) else 1
        names = [f"{tick * 100:.{digits}f}%".replace("-", "\u2212") for tick in found]
        return cls(top, tall, found, names)

    @classmethod
    def of_evidence(cls, top: float, tall: float, most: float, threshold: float) -> Self:
        """An axis over log10 of evidence, from a tenth to some way above the threshold."""
        reach = max(threshold * 1.5, min(most, threshold * 3))
        found = [float(power) for power in range(-1, math.ceil(reach) + 1)]
        return cls(top, tall, found, [signed_short(10.0**power) for power in found])

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return self.top + self.tall * (1 - unit((value - low) / (high - low)))


def _panels(
    moments: Sequence[Moment],
    dropped: Sequence[tuple[float, float, float]],
    threshold: float | None,
    margin: float,
    *,
    compact: bool,
) -> list[_Panel]:
    gap = 40
    talls = (140, 90, 80) if compact else (180, 110, 96)
    top = 52.0
    values = [value for moment in moments for value in (moment.low, moment.high, moment.baseline)]
    panels = [_Panel.over(top, talls[0], values, 4)]
    top += talls[0] + gap
    if dropped:
        # the first weeks know nothing: their bands would flatten all others
        settled = dropped[len(dropped) // 4 :]
        panels += [
            _Panel.over(top, talls[1], [0.0, margin, *(bound for drop in settled for bound in drop)], 3)
        ]
        top += talls[1] + gap
    if threshold is None:
        return panels
    most = max(moment.evidence for moment in moments)
    return [*panels, _Panel.of_evidence(top, talls[2], most, threshold)]


# --- strokes ---------------------------------------------------------------------------------------------------------


def _ground(panel: _Panel, label: str, weeks: _Columns, frame: Frame) -> Iterator[str]:
    yield shapes.text(0, panel.top - 12, shapes.cut(label, int(frame.width / 6.6)), "label")
    every = 2 if len(panel.ticks) > 5 and panel.tall < 100 else 1
    for place, (tick, name) in enumerate(zip(panel.ticks, panel.names, strict=True)):
        if place % every == 0:
            y = panel.y(tick)
            yield shapes.line(weeks.left, y, weeks.left + weeks.across, y, "axis" if place == 0 else "grid")
            yield shapes.text(weeks.left - 6, y + 4, name, "tick", "end")


def _values(moments: Sequence[Moment], panel: _Panel, weeks: _Columns) -> Iterator[str]:
    yield _steps(moments, panel, weeks)
    bars = [
        f"M{rounded(weeks.middle(moment.week))} {rounded(panel.y(moment.low))}V{rounded(panel.y(moment.high))}"
        for moment in moments
    ]
    yield shapes.path("reach", bars)
    yield _thin_line(moments, panel, weeks)
    size = 3.4 if weeks.step > 9 else 2.4
    for style, chosen in (
        ("point", [moment for moment in moments if not moment.alarm]),
        ("point alarm", [moment for moment in moments if moment.alarm]),
    ):
        yield shapes.dots(
            style, [(weeks.middle(moment.week), panel.y(moment.value)) for moment in chosen], size
        )


def _steps(moments: Sequence[Moment], panel: _Panel, weeks: _Columns) -> str:
    """What each week is held against, as a dashed step."""
    points = " ".join(
        f"{rounded(x)},{rounded(panel.y(moment.baseline))}"
        for moment in moments
        for x in (weeks.start(moment.week), weeks.end(moment.week))
    )
    return f'<polyline class="reference" points="{points}"/>'


def _thin_line(moments: Sequence[Moment], panel: _Panel, weeks: _Columns) -> str:
    points = " ".join(
        f"{rounded(weeks.middle(moment.week))},{rounded(panel.y(moment.value))}" for moment in moments
    )
    return f'<polyline class="thread" points="{points}"/>'


def _loss(moments: Sequence[Moment], panel: _Panel, weeks: _Columns, margin: float) -> Iterator[str]:
    known = [(weeks.middle(moment.week), moment.drop) for moment in moments if moment.drop is not None]
    upper = [f"{rounded(x)},{rounded(panel.y(drop[2]))}" for x, drop in known]
    lower = [f"{rounded(x)},{rounded(panel.y(drop[0]))}" for x, drop in reversed(known)]
    if len(known) == 1:
        x, drop = known[0]
        yield shapes.line(x, panel.y(drop[0]), x, panel.y(drop[2]), "reach")
    yield f'<polygon class="sure" points="{" ".join(upper + lower)}"/>'
    right = weeks.left + weeks.across
    yield shapes.line(weeks.left, panel.y(0), right, panel.y(0), "zero")
    if margin > 0:
        yield shapes.line(weeks.left, panel.y(margin), right, panel.y(margin), "limit")
        yield shapes.text(right, panel.y(margin) - 5, "margin", "tick", "end")
    middle = " ".join(f"{rounded(x)},{rounded(panel.y(drop[1]))}" for x, drop in known)
    yield f'<polyline class="corpus" points="{middle}"/>'
    x, drop = known[-1]
    yield f'<circle class="dot corpus" cx="{rounded(x)}" cy="{rounded(panel.y(drop[1]))}" r="3.5"/>'


def _evidence(moments: Sequence[Moment], panel: _Panel, weeks: _Columns, threshold: float) -> Iterator[str]:
    floor = panel.top + panel.tall
    for style, is_alarm in (("evidence", False), ("alarm", True)):
        columns = [
            _column(weeks, moment.week, floor, max(1.0, floor - panel.y(moment.evidence)))
            for moment in moments
            if moment.alarm is is_alarm
        ]
        yield shapes.path(style, columns)
    y = panel.y(threshold)
    yield shapes.line(weeks.left, y, weeks.left + weeks.across, y, "limit")
    yield shapes.text(weeks.left + 4, y - 5, f"alarm above {signed_short(10.0**threshold)}", "tick strong")


def _since_label(
    since: Since, weeks: _Columns, panel: _Panel, frame: Frame, moments: Sequence[Moment]
) -> Iterator[str]:
    """The date beside its line: on the side that has room, above or below the values there."""
    x = weeks.start(since.week)
    is_right = x > frame.width / 2
    near = [panel.y(one.value) for one in moments if (one.week < since.week) is is_right] or [panel.top]
    is_low = sum(near) / len(near) > panel.top + panel.tall / 2
    yield shapes.text(
        x + (-6 if is_right else 6),
        panel.top + (14 if is_low else panel.tall - 8),
        since.label,
        "strong bad",
        "end" if is_right else "",
    )


def _version_lines(calendar: Calendar, weeks: _Columns, top: float, floor: float) -> Iterator[str]:
    """Where a new version began; its name above, where there is room."""
    free = -math.inf
    for week, name in calendar.versions:
        x, written = weeks.start(week), shapes.cut(name, _VERSION)
        yield shapes.line(x, top - 14, x, floor, "version")
        long = _BOLD * len(written)
        anchor, start = ("end", x - 5 - long) if x + long > weeks.left + weeks.across else ("", x + 5)
        if start >= free:
            yield shapes.text(x + (-5 if anchor else 5), top - 10, written, "tick strong", anchor)
            free = start + long + 8


def _week_axis(calendar: Calendar, weeks: _Columns, y: float, *, compact: bool) -> Iterator[str]:
    """Numbers of weeks with their dates beneath, as many as have room."""
    distances = chain((1, 2, 5, 10, 20, 50), (10**power for power in count(2)))
    every = next(n for n in distances if weeks.step * n >= _TICK_ROOM[compact])
    free, end = -math.inf, weeks.left + weeks.across
    for week, date in calendar.dates:
        x = weeks.middle(week)
        half = _DATE / 2
        anchor = "" if x - half < weeks.left else "end" if x + half > end else "middle"
        at = {"": weeks.left, "end": end, "middle": x}[anchor]
        start = {"": at, "end": at - _DATE, "middle": at - half}[anchor]
        if start >= free and (week == calendar.dates[0][0] or week % every == 0):
            yield shapes.text(at, y, f"week {week}", "tick strong", anchor)
            yield shapes.text(at, y + 16, date, "tick", anchor)
            free = start + _DATE + 10


def _columns_to_point_at(
    calendar: Calendar, weeks: _Columns, top: float, tall: float, told: Sequence[tuple[int, str]]
) -> Iterator[str]:
    """A column over each week that says its figures; who has no pointer reads the table and the list of weeks."""
    for week, words in told:
        column = shapes.box(weeks.start(week), top, weeks.step, tall, "over")
        inside = f"<title>{escape(words)}</title>{column}"
        if calendar.address:
            yield f'<a href="{escape(calendar.address.format(week))}" tabindex="-1" aria-hidden="true">{inside}</a>'
        else:
            yield f"<g>{inside}</g>"
