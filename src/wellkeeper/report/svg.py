"""Pictures: SVG written by hand, so that a page needs neither a library nor a script.

Every function returns one `<svg>` with a title and a description for those who do not see it. Colours
are classes of style.css, so that a picture follows the page into dark mode. Lengths are CSS pixels at
the width asked for: each picture is drawn twice, wide and compact, and the page shows the one whose
letters stay legible. All text is escaped here.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

from wellkeeper.report import shapes
from wellkeeper.report.numbers import THIN, short, signed_short
from wellkeeper.report.reading import Interval
from wellkeeper.report.shapes import COMPACT, WIDE, Frame, rounded, unit
from wellkeeper.report.story import Stage

__all__ = [
    "COMPACT",
    "WIDE",
    "Axis",
    "Column",
    "Curve",
    "Difference",
    "Dots",
    "Frame",
    "Place",
    "Profile",
    "Survivor",
    "Trend",
    "curves",
    "dot_plot",
    "flow",
    "forest",
    "heights",
    "log_ticks",
    "month_number",
    "months",
    "profiles",
    "standalone",
    "survival",
    "ticks",
    "ticks_between",
    "topic_map",
    "trends",
]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y), ascending in x, both >= 0; `style` is a class of style.css."""

    style: str
    points: Sequence[tuple[float, float]]


def curves(frame: Frame, lines: Sequence[Curve], *, x_label: str, y_label: str) -> Markup:
    """Curves over one pair of axes that both start at 0."""
    height = 260 if frame.is_compact else 320
    left, right, top, bottom = 46, 14, 30, 44
    x_ticks = ticks(max(x for line in lines for x, _ in line.points), 3 if frame.is_compact else 6)
    y_ticks = ticks(max(y for line in lines for _, y in line.points), 4)
    across, up = frame.width - left - right, height - top - bottom

    def at(x: float, y: float) -> tuple[float, float]:
        return left + across * x / x_ticks[-1], top + up * (1 - y / y_ticks[-1])

    body = [shapes.text(left - 38, 14, y_label, "label")]
    for tick in y_ticks:
        _, y = at(0, tick)
        body += [shapes.line(left, y, frame.width - right, y, "grid" if tick else "axis")]
        body += [shapes.text(left - 6, y + 4, short(tick), "tick", "end")]
    for tick in x_ticks:
        x, y = at(tick, 0)
        anchor = "end" if tick == x_ticks[-1] else "middle"
        body += [shapes.text(x, y + 18, short(tick), "tick", anchor)]
    body += [shapes.text(left + across / 2, height - 6, x_label, "label", "middle")]
    for line in lines:
        path = " ".join(f"{rounded(x)},{rounded(y)}" for x, y in (at(*point) for point in line.points))
        body += [f'<polyline class="{line.style}" points="{path}"/>']
        end_x, end_y = at(*line.points[-1])
        body += [f'<circle class="dot {line.style}" cx="{rounded(end_x)}" cy="{rounded(end_y)}" r="3.5"/>']
    return shapes.picture(frame, height, body)


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares in [0, 1], one for each name on the axis; `style` and `bar` are classes of style.css."""

    style: str
    bar: str
    shares: Sequence[Interval]


def profiles(
    frame: Frame, names: Sequence[str], lines: Sequence[Profile], *, x_label: str, y_label: str
) -> Markup:
    """Lines over named places on one axis from 0 to 100%, each value with its interval."""
    height = 270 if frame.is_compact else 320
    left, right, top, bottom = 46, 14, 30, 44
    across, up = frame.width - left - right, height - top - bottom
    step = across / max(1, len(names))
    apart = min(12.0, step / (len(lines) + 2))
    body = [shapes.text(left - 38, 14, y_label, "label")]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = top + up * (1 - tick)
        body += [shapes.line(left, y, frame.width - right, y, "grid" if tick else "axis")]
        body += [shapes.text(left - 6, y + 4, f"{tick:.0%}", "tick", "end")]
    for place, name in enumerate(names):
        body += [shapes.text(left + step * (place + 0.5), top + up + 18, name, "tick", "middle")]
    body += [shapes.text(left + across / 2, height - 6, x_label, "label", "middle")]
    for number, line in enumerate(lines):
        beside = apart * (number - (len(lines) - 1) / 2)  # intervals of one place must not hide each other
        places = [left + step * (place + 0.5) + beside for place in range(len(line.shares))]
        body += _profile(line, places, top, up)
    return shapes.picture(frame, height, body)


def _profile(line: Profile, places: Sequence[float], top: float, up: float) -> Iterator[str]:
    known = [
        (x, top + up * (1 - unit(share.estimate)), share)
        for x, share in zip(places, line.shares, strict=True)
        if share.estimate is not None
    ]
    points = " ".join(f"{rounded(x)},{rounded(y)}" for x, y, _ in known)
    yield f'<polyline class="{line.style}" points="{points}"/>'
    for x, y, share in known:
        if share.low is not None and share.high is not None:
            low, high = (top + up * (1 - unit(bound)) for bound in (share.low, share.high))
            yield shapes.line(x, low, x, high, line.bar)
        yield f'<circle class="dot {line.style}" cx="{rounded(x)}" cy="{rounded(y)}" r="4"/>'


@dataclass(frozen=True, slots=True)
class Dots:
    """One row of a dot plot: a value and the baseline it is read beside, shares in [0, 1]."""

    label: str
    note: str
    value: Interval
    baseline: Interval | None


def dot_plot(frame: Frame, lines: Sequence[Dots]) -> Markup:
    """Intervals on one axis from 0 to 100%: a filled dot for the value, an open diamond for the baseline."""
    compact = frame.is_compact
    row, top, bottom = (76, 8, 30) if compact else (54, 8, 34)
    left, right = (10, 14) if compact else (150, 196)
    height = top + row * len(lines) + bottom
    across = frame.width - left - right
    floor = top + row * len(lines)
    body = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + across * tick
        body += [shapes.line(x, top, x, floor, "grid")]
        anchor = "middle" if 0 < tick < 1 or not compact else "start" if tick == 0 else "end"
        body += [shapes.text(x, floor + 18, f"{tick:.0%}", "tick", anchor)]
    for index, line in enumerate(lines):
        y = top + row * index
        body += _dot_row(line, y, left, across, compact=compact)
        if index:
            body += [shapes.line(0, y, frame.width, y, "rule")]
    return shapes.picture(frame, height, body)


def _dot_row(line: Dots, y: float, left: float, across: float, *, compact: bool) -> Iterator[str]:
    upper, lower = (y + 48, y + 63) if compact else (y + 20, y + 37)
    value = THIN.interval(line.value)
    baseline = THIN.interval(line.baseline) if line.baseline else "no baseline"
    if compact:
        yield shapes.text(0, y + 17, line.label, "strong")
        yield shapes.text(left + across + 14, y + 17, value, "value", "end")
        yield shapes.text(0, y + 34, line.note, "tick")
        yield shapes.text(left + across + 14, y + 34, baseline, "tick", "end")
    else:
        yield shapes.text(0, y + 24, line.label, "strong")
        yield shapes.text(0, y + 41, line.note, "tick")
        yield shapes.text(left + across + 24, y + 24, value, "value")
        yield shapes.text(left + across + 24, y + 41, baseline, "tick")
    for interval, level, style in ((line.value, upper, "own"), (line.baseline, lower, "base")):
        if interval is None:
            continue
        if interval.low is not None and interval.high is not None:
            yield shapes.line(
                left + across * unit(interval.low),
                level,
                left + across * unit(interval.high),
                level,
                style,
            )
        if interval.estimate is not None:
            yield shapes.mark(left + across * unit(interval.estimate), level, style)


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of a forest plot: an interval on either side of 0, its figures written out."""

    label: str
    note: str
    low: float
    estimate: float
    high: float
    text: str
    is_told: bool  # whether it is told from 0: a filled dot, else an open diamond


def forest(frame: Frame, lines: Sequence[Difference], *, below: str, above: str) -> Markup:
    """Intervals on one axis with 0 in it; `below` and `above` say what either side means."""
    compact = frame.is_compact
    row, top, bottom = (64, 26, 30) if compact else (38, 28, 34)
    left, right = (12.0, 12.0) if compact else (262.0, 200.0)
    across, floor = frame.width - left - right, top + row * len(lines)
    low, high = min([0.0, *(line.low for line in lines)]), max([0.0, *(line.high for line in lines)])

    def x(value: float) -> float:
        return left + across * (value - low) / ((high - low) or 1.0)

    # where a row's words stand above its interval, the grid leaves them alone
    stretches = [(top + row * k + 40, top + row * k + 60) for k in range(len(lines))]
    body = []
    for mark in ticks_between(low, high, 3 if compact else 5):
        if low <= mark <= high:
            style = "axis" if mark == 0 else "grid"
            for start, end in stretches if compact else [(top, floor)]:
                body += [shapes.line(x(mark), start, x(mark), end, style)]
            body += [shapes.text(x(mark), floor + 18, signed_short(mark), "tick", "middle")]
    for side, room, anchor in ((below, x(0) - left, "end"), (above, left + across - x(0), "")):
        if room > 7 * len(side):
            body += [shapes.text(x(0) + (-8 if anchor else 8), top - 10, side, "label", anchor)]
    for index, line in enumerate(lines):
        body += _difference(frame, line, top + row * index, (x(line.low), x(line.estimate), x(line.high)))
    return shapes.picture(frame, floor + bottom, body)


def _difference(frame: Frame, line: Difference, y: float, at: tuple[float, float, float]) -> Iterator[str]:
    level, style = y + (50 if frame.is_compact else 19), "own" if line.is_told else "base"
    if frame.is_compact:
        yield shapes.text(0, y + 18, shapes.cut(line.label, 40), "strong")
        yield shapes.text(0, y + 35, line.text, "tick")
    else:
        yield shapes.text(0, level + (0 if line.note else 4), shapes.cut(line.label, 32), "strong")
        if line.note:
            yield shapes.text(0, level + 15, shapes.cut(line.note, 40), "tick")
        yield shapes.text(frame.width - 184, level + 4, line.text, "value")
    yield shapes.line(at[0], level, at[2], level, style)
    yield shapes.mark(at[1], level, style)


@dataclass(frozen=True, slots=True)
class Survivor:
    """One band of a survival curve, shares in [0, 1]: what is left, and what would be left by chance."""

    label: str
    left: float
    at_random: Interval


def survival(frame: Frame, bands: Sequence[Survivor], *, x_label: str) -> Markup:
    """Shares that are left, band by band, each beside a baseline with its range; the axis ends at 100%."""
    height = 240 if frame.is_compact else 260
    left, right, top, bottom = 46, 14, 18, 44
    across, up = frame.width - left - right, height - top - bottom
    least = min(
        value for band in bands for value in (band.left, band.at_random.low, 0.99) if value is not None
    )
    step = next(size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (1 - least) / size <= 5)
    floor = max(0.0, 1 - step * math.ceil((1 - least) / step - 1e-9))

    def y(share: float) -> float:
        return top + up * (1 - unit(share - floor) / (1 - floor))

    body = []
    for tick in range(round((1 - floor) / step) + 1):
        share = floor + step * tick
        body += [shapes.line(left, y(share), frame.width - right, y(share), "grid" if tick else "axis")]
        body += [shapes.text(left - 6, y(share) + 4, f"{share:.0%}", "tick", "end")]
    centres = [left + across * (place + 0.5) / len(bands) for place in range(len(bands))]
    path = " ".join(
        f"{rounded(x - 5)},{rounded(y(band.left))}" for x, band in zip(centres, bands, strict=True)
    )
    body += [f'<polyline class="corpus" points="{path}"/>']
    for x, band in zip(centres, bands, strict=True):
        if band.at_random.low is not None and band.at_random.high is not None:
            body += [shapes.line(x + 9, y(band.at_random.low), x + 9, y(band.at_random.high), "base")]
        if band.at_random.estimate is not None:
            body += [shapes.mark(x + 9, y(band.at_random.estimate), "base")]
        body += [
            shapes.mark(x - 5, y(band.left), "own"),
            shapes.text(x, height - bottom + 18, band.label, "tick", "middle"),
        ]
    body += [shapes.text(left + across / 2, height - 6, x_label, "label", "middle")]
    return shapes.picture(frame, height, body)


@dataclass(frozen=True, slots=True)
class Column:
    """One month: documents, and where there were others before, those; or a share's interval."""

    month: str  # YYYY-MM
    documents: int
    before: int | None = None
    share: Interval | None = None


def months(frame: Frame, columns: Sequence[Column], *, line: str = "", y_label: str) -> Markup:
    """Documents by month as columns, or where columns carry a share, its interval by month.

    `line` is a date (YYYY-MM or longer) marked by a dashed line. Months without documents stay empty.
    """
    height = 200 if frame.is_compact else 220
    left, right, top, bottom = 46, 8, 34, 30
    start, end = month_number(columns[0].month), month_number(columns[-1].month)
    across, up = frame.width - left - right, height - top - bottom
    step = across / (end - start + 1)
    shares = any(column.share for column in columns)
    y_ticks = ticks(max(_top(column) for column in columns), 4)
    body = [shapes.text(left - 38, 14, y_label, "label")]
    for tick in y_ticks:
        y = top + up * (1 - tick / y_ticks[-1])
        body += [shapes.line(left, y, frame.width - right, y, "grid" if tick else "axis")]
        body += [shapes.text(left - 6, y + 4, f"{tick:.0%}" if shares else short(tick), "tick", "end")]
    body += _month_labels(start, end, left, step, height - bottom + 18)
    thick = max(1.0, min(18.0, step * 0.72))
    plot = _Plot(left, step, start, top, up, y_ticks[-1], thick)
    body += _shares(columns, plot) if shares else _counts(columns, plot)
    if line and start <= month_number(line) <= end:
        body += _date_line(line, left + step * _month_offset(line, start), top, up, frame.width)
    return shapes.picture(frame, height, body)


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where a month and a value stand; `most` is the value at the top."""

    left: float
    step: float
    start: int
    top: float
    up: float
    most: float
    thick: float

    def x(self, month: str) -> float:
        return self.left + self.step * (month_number(month) - self.start + 0.5) - self.thick / 2

    def y(self, value: float) -> float:
        return self.top + self.up * (1 - value / self.most)

    def box(self, month: str, low: float, high: float) -> str:
        """A column from `low` to `high` as a piece of a path."""
        tall = max(1.0, self.y(low) - self.y(high))
        wide = rounded(self.thick)
        return f"M{rounded(self.x(month))} {rounded(self.y(high))}h{wide}v{rounded(tall)}h-{wide}z"


def _top(column: Column) -> float:
    if column.share is None:
        return max(column.documents, column.before or 0)
    return unit(max(bound for bound in (column.share.estimate, column.share.high, 0) if bound is not None))


def _counts(columns: Sequence[Column], plot: _Plot) -> list[str]:
    before = [plot.box(column.month, 0, column.before) for column in columns if column.before]
    now = [plot.box(column.month, 0, column.documents) for column in columns if column.documents]
    return [shapes.path("before", before), shapes.path("column", now)]


def _shares(columns: Sequence[Column], plot: _Plot) -> list[str]:
    known: list[str] = []
    unknown: list[str] = []
    estimates: list[str] = []
    for column in columns:
        share = column.share
        if share is None:
            continue
        if share.low is not None and share.high is not None:
            span = plot.box(column.month, unit(share.low), unit(share.high))
            (unknown if share.estimate is None else known).append(span)
        if share.estimate is not None:
            y = rounded(plot.y(unit(share.estimate)))
            estimates.append(f"M{rounded(plot.x(column.month))} {y}h{rounded(plot.thick)}")
    return [shapes.path("span", known), shapes.path("span open", unknown), shapes.path("estimate", estimates)]


def _date_line(line: str, x: float, top: float, up: float, width: float) -> Iterator[str]:
    anchor = "end" if x > width / 2 else "start"
    yield shapes.line(x, top - 12, x, top + up, "date")
    yield shapes.text(x + (-5 if anchor == "end" else 5), top - 6, line, "tick strong", anchor)


def _month_labels(start: int, end: int, left: float, step: float, y: float) -> Iterator[str]:
    """The first month of each year, or of every second, fifth ..., as many as fit; else the first month."""
    years = [number for number in range(start, end + 1) if number % 12 == 0]
    if not years or years[0] - start > (end - start) * 0.6:
        where = left + step / 2 if start == end else left
        anchor = "middle" if start == end else "start"
        yield shapes.text(where, y, f"{start // 12:04d}-{start % 12 + 1:02d}", "tick", anchor)
        if end > start and step * (end - start) > 120:
            name = f"{end // 12:04d}-{end % 12 + 1:02d}"
            yield shapes.text(left + step * (end - start + 1), y, name, "tick", "end")
        return
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000, 10_000) if step * 12 * n >= 44)
    for number in years:
        year = number // 12
        if year % every == 0 or every == 1:
            x = left + step * (number - start)
            yield shapes.line(x, y - 17, x, y - 12, "axis")
            yield shapes.text(x, y, f"{year:04d}", "tick", "middle" if x > left + 16 else "start")


def month_number(month: str) -> int:
    """Months since year 0 of `YYYY-MM...`; raises ValueError for anything else.

    >>> month_number("2022-11-30") - month_number("2021-12")
    11
    """
    year, number = int(month[:4]), int(month[5:7])
    if month[4] != "-" or not 1 <= number <= 12:
        raise ValueError(month)
    return year * 12 + number - 1


def _month_offset(date: str, start: int) -> float:
    day = int(date[8:10]) if date[8:10].isdigit() else 1
    return month_number(date) - start + (day - 1) / 31


def flow(frame: Frame, read: int, passed: Sequence[Stage], kept: int) -> Markup:
    """Documents on their way through a curation: what stays flows on, what leaves turns down.

    Widths are to scale, slivers excepted. With a compact frame, or more stages than fit side by side,
    the stages stand below each other.
    """
    if frame.is_compact or len(passed) > 7:
        return _flow_rows(frame, read, passed, kept)
    scale, top, left, right = _Scale(read, 130.0), 70.0, 8.0, 78.0
    step = (frame.width - left - right) / (len(passed) + 1)
    body = [shapes.text(left, 16, "Read", "strong"), shapes.text(left, 52, THIN.count(read), "value")]
    body += [
        shapes.box(left, top, step, scale.of(read), "stream"),
        shapes.box(left, top, 3, scale.of(read), "gate"),
    ]
    for index, stage in enumerate(passed, start=1):
        body += _flow_stage(stage, scale, left + step * index, top, step)
    end = left + step * (len(passed) + 1)
    body += [shapes.box(end - 4, top, 4, scale.of(kept), "gate")]
    body += [shapes.text(end + 8, 16, "Kept", "strong"), shapes.text(end + 8, 52, THIN.count(kept), "value")]
    body += [shapes.text(end + 8, top + 16, THIN.share_of(kept, read), "value")]
    return shapes.picture(frame, round(top + scale.length + 76), body)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Documents -> pixels; whatever is not zero stays visible."""

    documents: int
    length: float

    def of(self, documents: int) -> float:
        if not documents or not self.documents:
            return 0.0
        return max(1.5, min(self.length, self.length * documents / self.documents))


def _flow_stage(stage: Stage, scale: _Scale, x: float, top: float, step: float) -> Iterator[str]:
    for index, words in enumerate(shapes.wrap(stage.title, int(step / 13 / shapes.LETTER), 2)):
        yield shapes.text(x + 2, 16 + 16 * index, words, "strong")
    yield shapes.text(x + 2, 52, THIN.count(stage.after), "value")
    stay, review, dropped = (scale.of(part) for part in (stage.after, stage.review, stage.dropped))
    floor = top + scale.length + 24
    yield shapes.box(x, top, step, stay, "stream")
    yield _turn(x, top + stay + review, dropped, 7, min(dropped, step * 0.5), floor, "dropped")
    reach = 9 + min(dropped, step * 0.5)
    yield _turn(x, top + stay, review, reach, min(review, step * 0.3), floor, "review")
    yield shapes.box(x, top, 2, min(scale.length, stay + review + dropped), "gate")
    left = [(stage.dropped, "dropped"), (stage.review, "review")]
    for index, (documents, style) in enumerate(part for part in left if part[0]):
        y = floor + 19 + 18 * index
        yield shapes.box(x + 2, y - 9, 9, 9, style)
        yield shapes.text(x + 16, y, THIN.count(documents), "value")


def _turn(x: float, y: float, wide: float, reach: float, foot: float, floor: float, style: str) -> str:
    """A stream that comes from the left at height `y` and turns down to `floor`."""
    if not wide:
        return ""
    x1, x2, y2 = rounded(x + reach), rounded(x + reach + foot), rounded(y + wide)
    start, high, low = rounded(x), rounded(y), rounded(floor)
    path = f"M{start} {high}Q{x2} {high} {x2} {low}L{x1} {low}Q{x1} {y2} {start} {y2}Z"
    return f'<path class="{style}" d="{path}"/>'


def _flow_rows(frame: Frame, read: int, passed: Sequence[Stage], kept: int) -> Markup:
    row, right = 58, frame.width
    scale = _Scale(read, float(frame.width))
    body = [shapes.text(0, 16, "Read", "strong"), shapes.text(right, 16, THIN.count(read), "value", "end")]
    body += [shapes.box(0, 24, scale.of(read), 12, "stream")]
    for index, stage in enumerate(passed, start=1):
        y = row * index
        room = int((right - 130) / 13 / shapes.LETTER)
        lost = stage.dropped + stage.review
        body += [shapes.text(0, y + 16, shapes.cut(stage.title, room), "strong")]
        body += [shapes.text(right, y + 16, f"\u2212{THIN.count(lost)}" if lost else "0", "value", "end")]
        x = 0.0
        for documents, style in (
            (stage.after, "stream"),
            (stage.review, "review"),
            (stage.dropped, "dropped"),
        ):
            body += [shapes.box(x, y + 24, scale.of(documents), 12, style)]
            x += scale.of(documents)
    y = row * (len(passed) + 1)
    body += [shapes.text(0, y + 16, f"Kept, {THIN.share_of(kept, read)}", "strong")]
    body += [shapes.text(right, y + 16, THIN.count(kept), "value", "end")]
    body += [shapes.box(0, y + 24, scale.of(kept), 12, "gate")]
    return shapes.picture(frame, y + 44, body)


def ticks(most: float, wanted: int) -> list[float]:
    """Round numbers from 0 to at least `most`, about `wanted` steps of 1, 2 or 5 times a power of ten.

    >>> ticks(7300, 4)
    [0.0, 2000.0, 4000.0, 6000.0, 8000.0]
    """
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most / wanted))
    step = next(power * unit for unit in (1, 2, 5, 10) if most / (power * unit) <= wanted)
    return [step * index for index in range(math.ceil(most / step - 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Place:
    """A topic on a map: where it lies, how large it is, and what sets it apart."""

    name: str
    x: float
    y: float
    documents: int
    gap: str  # less, more or even
    is_rare: bool


def topic_map(frame: Frame, places: Sequence[Place]) -> Markup:
    """Topics on a plane, areas by documents: triangles where their share differs, open marks where they are rare."""
    height, edge = (frame.width, 14) if frame.is_compact else (440, 20)
    low_x, low_y = min(place.x for place in places), min(place.y for place in places)
    wide = max(place.x for place in places) - low_x or 1.0
    tall = max(place.y for place in places) - low_y or 1.0
    most = max(place.documents for place in places) or 1
    largest = 15.0 if frame.is_compact else 20.0
    marks: dict[str, list[str]] = {}
    told: list[str] = []
    for place in places:
        x = edge + (frame.width - 2 * edge) * (place.x - low_x) / wide
        y = edge + (height - 2 * edge) * (1 - (place.y - low_y) / tall)
        size = max(2.5, largest * math.sqrt(place.documents / most))
        style = f"topic {place.gap}{' rare' if place.is_rare else ''}"
        if place.gap == "even":
            marks.setdefault(style, []).append(shapes.disc(x, y, size))
        else:
            shape = _triangle(x, y, size, up=place.gap == "more")
            told += [f'<g><title>{escape(place.name)}</title><path class="{style}" d="{shape}"/></g>']
    return shapes.picture(
        frame, height, [*(shapes.path(style, marks[style]) for style in sorted(marks)), *told]
    )


def _triangle(x: float, y: float, size: float, *, up: bool) -> str:
    """A triangle about as large as the circle of that radius."""
    tip = -1.3 * size if up else 1.3 * size
    foot = -tip * 0.6
    return f"M{rounded(x - 1.25 * size)} {rounded(y + foot)}h{rounded(2.5 * size)}L{rounded(x)} {rounded(y + tip)}z"


@dataclass(frozen=True, slots=True)
class Axis:
    label: str
    is_log: bool = False
    is_whole: bool = False  # it counts, and half a step is none


@dataclass(frozen=True, slots=True)
class Trend:
    """One line of a family: all finite, above 0 where the axis is logarithmic; `style` is a class of style.css."""

    style: str
    label: str
    points: Sequence[tuple[float, float]]  # x, y
    band: Sequence[tuple[float, float, float]] = ()  # x, low, high
    theory: Sequence[tuple[float, float]] = ()


def trends(frame: Frame, lines: Sequence[Trend], *, across: Axis, upward: Axis) -> Markup:
    """Lines with their bands, and dashed beside them what theory says; labels stand at the lines' ends.

    Axes span what there is to see, from 0 on where that is near. There is at least one point.
    """
    height = 270 if frame.is_compact else 340
    left, top, bottom = 56, 30, 44
    right = (
        16.0 if frame.is_compact else 30 + max(len(shapes.cut(line.label, _LABEL)) for line in lines) * 7.2
    )
    wide, tall = frame.width - left - right, height - top - bottom
    x_span = _Span.over([x for line in lines for x, _ in line.points], across, 3 if frame.is_compact else 6)
    y_span = _Span.over([y for line in lines for y in heights(line)], upward, 5)

    def at(x: float, y: float) -> tuple[float, float]:
        return left + wide * x_span.place(x), top + tall * (1 - y_span.place(y))

    body = [shapes.text(0, 14, shapes.cut(upward.label, int(frame.width / 7)), "label")]
    body += [shapes.line(left, top + tall, left + wide, top + tall, "axis")]
    for tick in y_span.ticks:
        _, y = at(x_span.low, tick)
        if tick > y_span.low:
            body += [shapes.line(left, y, left + wide, y, "grid")]
        body += [shapes.text(left - 6, y + 4, signed_short(tick), "tick", "end")]
    for tick in x_span.ticks:
        x, _ = at(tick, y_span.low)
        body += [shapes.text(x, top + tall + 18, signed_short(tick), "tick", "middle")]
    body += [shapes.text(left + wide / 2, height - 6, across.label, "label", "middle")]
    for line in lines:
        body += _trend(line, at)
    if not frame.is_compact:
        body += _end_labels(lines, at, top, top + tall)
    return shapes.picture(frame, height, body)


def heights(line: Trend) -> Iterator[float]:
    """All that a line, its band and its theory reach."""
    yield from (y for _, y in line.points)
    yield from (y for _, low, high in line.band for y in (low, high))
    yield from (y for _, y in line.theory)


def _trend(line: Trend, at: Callable[[float, float], tuple[float, float]]) -> Iterator[str]:
    if len(line.band) > 1:
        edge = [at(x, high) for x, _, high in line.band] + [at(x, low) for x, low, _ in reversed(line.band)]
        yield f'<polygon class="band {line.style}" points="{_points(edge)}"/>'
    drawn = [at(*point) for point in line.points]
    yield f'<polyline class="trend {line.style}" points="{_points(drawn)}"/>'
    for x, y in drawn if len(drawn) <= _FEW_POINTS else drawn[-1:]:
        yield f'<circle class="dot trend {line.style}" cx="{rounded(x)}" cy="{rounded(y)}" r="3"/>'
    if line.theory:
        yield f'<polyline class="theory" points="{_points(at(*point) for point in line.theory)}"/>'


_FEW_POINTS = 12  # as many have a dot each
_LABEL = 32  # letters


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{rounded(x)},{rounded(y)}" for x, y in places)


def _end_labels(
    lines: Sequence[Trend], at: Callable[[float, float], tuple[float, float]], top: float, floor: float
) -> Iterator[str]:
    """Each label beside its line's end, or as near as the others leave room."""
    ends = sorted(((*at(*line.points[-1]), line) for line in lines), key=lambda end: end[1])
    apart = min(17.0, (floor - top) / max(1, len(ends) - 1))
    heights: list[float] = []
    for _, y, _ in ends:
        heights.append(max(y, heights[-1] + apart) if heights else y)
    below = heights[-1] - floor
    for place in reversed(range(len(heights))):  # what was pushed out below moves up again
        heights[place] = (
            min(heights[place], floor - apart * (len(heights) - 1 - place)) if below > 0 else heights[place]
        )
    right = max(x for x, _, _ in ends)
    for (x, y, line), height in zip(ends, heights, strict=True):
        yield f'<polyline class="lead {line.style}" points="{_points([(x + 4, y), (right + 12, height)])}"/>'
        yield shapes.text(right + 16, height + 4, shapes.cut(line.label, _LABEL), "tick strong")


@dataclass(frozen=True, slots=True)
class _Span:
    """An axis from `low` to `high` with its ticks."""

    low: float
    high: float
    ticks: Sequence[float]
    is_log: bool

    @classmethod
    def over(cls, values: Sequence[float], axis: Axis, wanted: int) -> "_Span":
        low, high = min(values), max(values)
        if axis.is_log:
            return cls(low, high, log_ticks(low, high, wanted), is_log=True)
        start = 0.0 if 0 < low < high / 2 else low
        found = ticks_between(start, high, wanted, least_step=1.0 if axis.is_whole else 0.0)
        return cls(found[0], found[-1], found, is_log=False)

    def place(self, value: float) -> float:
        """Where a value stands, from 0 at `low` to 1 at `high`."""
        if self.is_log:
            return math.log(value / self.low) / (math.log(self.high / self.low) or 1.0)
        return (value - self.low) / (self.high - self.low)


def ticks_between(low: float, high: float, wanted: int, *, least_step: float = 0.0) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about `wanted` steps of 1, 2 or 5 times a power of ten.

    >>> ticks_between(-0.2, 1.1, 4)
    [-0.5, 0.0, 0.5, 1.0, 1.5]
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value, but for rounding: in the middle
        reach = abs(high) / 2 or 1.0
        low, high = low - reach, high + reach
    power = 10.0 ** math.floor(math.log10((high - low) / wanted))
    step = next(power * unit for unit in (1, 2, 5, 10) if (high - low) / (power * unit) <= wanted)
    step = max(step, least_step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{step * index:.12g}") for index in range(first, last + 1)]


def log_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Powers of ten between two values above 0, or 1, 2 and 5 times them where these are few; about `wanted`.

    >>> log_ticks(200, 12800, 6), log_ticks(0.06, 2.1, 4)
    ([200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0], [0.1, 0.2, 0.5, 1.0, 2.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)

    def inside(units: Sequence[int]) -> list[float]:
        found = [float(f"{10.0**power * unit:.12g}") for power in powers for unit in units]
        return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]

    found = next((ticks for ticks in (inside((1,)), inside((1, 2, 5))) if len(ticks) > 2), [low, high])
    return found[:: max(1, round(len(found) / (wanted + 1)))]


def standalone(picture: Markup, title: str, *, note: str = "") -> str:
    """A picture as a file of its own, in light colours on white, its title above it and a note beneath."""
    found = _OPENING.match(picture)
    assert found is not None
    width, height = (int(size) for size in found.groups())
    edge, head = 16, 40
    whole_width, whole_height = width + 2 * edge, height + head + (36 if note else edge)
    place = f'<svg x="{edge}" y="{head}" width="{width}" height="{height}" '
    inner = str(picture).replace('<svg class="chart wide" ', place, 1)
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole_width} {whole_height}" ',
            f'width="{whole_width}" height="{whole_height}" class="chart">',
            f"<style>{_sheet()}</style>",
            f'<rect width="{whole_width}" height="{whole_height}" fill="#ffffff"/>',
            shapes.text(edge, 26, title, "strong"),
            inner,
            shapes.text(edge, whole_height - 14, note, "tick") if note else "",
            "</svg>\n",
        )
    )


_OPENING = re.compile(r'<svg [^>]*viewBox="0 0 (\d+) (\d+)"')


@cache
def _sheet() -> str:
    """What style.css says of pictures, its light colours in place."""
    sheet = (files("wellkeeper.report") / "templates" / "style.css").read_text(encoding="utf-8")
    values = dict(re.findall(r"--([a-z-]+): (?:light-dark\((#[0-9a-f]+), #[0-9a-f]+\)|[^;]+);", sheet))
    rules = [line for line in sheet.splitlines() if line.startswith((".chart ", ".line-")) and "{" in line]
    drawn = "".join(rule for rule in rules if not rule.startswith(".chart {"))
    plain = "text { font-family: system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; }"
    return plain + re.sub(r"var\(--([a-z-]+)\)", lambda name: values.get(name[1]) or name[0], drawn)
