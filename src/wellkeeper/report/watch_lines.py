"""A watch -> lines of text: coloured on a terminal, plain where the output is a pipe or a log."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, number, rows, table, text, texts
from wellkeeper.report.visible import one_line, visible, visible_tree

Document = Mapping[str, Any]

_STYLES = {"worse": "bold red", "no alarm": "bold green", "not enough data": "bold yellow"}
_SLICES = 5  # that are listed


def watch_lines(document: Document) -> list[str]:
    """The state of a watch as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    said = texts(table(document, "run").get("said"))
    return [
        _headline(document),
        _standing(document),
        *_series(document),
        *_looks(document),
        *said,
        *_closing(document),
    ]


def print_watch(document: Document, console: Console) -> None:
    """Print where a watch stands: schema `wellkeeper.watch/1`."""
    style = _STYLES.get(text(document.get("verdict")), "")
    for place, line in enumerate(watch_lines(document)):
        console.print(Text(line, style=style if place == 0 else ""), soft_wrap=True)


def answer_lines(pairs: Sequence[Document], week: int, most: int) -> list[str]:
    """What both sides answered in a week, largest losses first."""
    lines = [f"Week {week}: {COMMA.of(len(pairs), 'item')}, largest losses first"]
    for pair in visible_tree({"pairs": list(pairs[:most])})["pairs"]:
        lines.append(f"{one_line(pair['item'], 80)}  {pair['change']:+.2f}  {one_line(pair['prompt'], 200)}")
        for side in ("before", "after"):
            for answer, score in zip(
                pair[side], pair[f"scores_{side}"] or [None] * len(pair[side]), strict=True
            ):
                worth = "" if score is None else f" {score:.2f}"
                lines.append(f"  {side}{worth}: {one_line(answer, 300)}")
    return lines


def _headline(document: Document) -> str:
    return f"{visible(text(document.get('name')))}: {one_line(text(document.get('headline')), 600)}"


def _standing(document: Document) -> str:
    weeks = [week for week in rows(document.get("weeks")) if week.get("is_complete")]
    items = COMMA.of(integer(document.get("items")), "item")
    level, horizon = number(document.get("level")) or 0.0, integer(document.get("horizon"))
    what = f"{text(document.get('design'))} design, {items}, {COMMA.of(len(weeks), 'week')} run"
    return (
        f"{what}; of years without a change at most {100 * level:.3g}% raise an alarm within {horizon} weeks"
    )


def _series(document: Document) -> list[str]:
    lines = [_line(series) for series in rows(document.get("series"))]
    slices = sorted(rows(document.get("slices")), key=lambda one: -_evidence(one))
    worse = [one for one in slices if one.get("verdict") == "worse"]
    return lines + [_line(one) for one in worse[:_SLICES]]


def _line(series: Document) -> str:
    points = rows(series.get("points"))
    slice_name = text(series.get("slice"))
    name = one_line(text(series.get("label")), 80) + (f", {one_line(slice_name, 80)}" if slice_name else "")
    verdict = text(series.get("verdict"))
    if not points:
        return f"{verdict}  {name}: no week yet"
    last = points[-1]
    value, baseline = number(last.get("value")) or 0.0, number(last.get("baseline")) or 0.0
    low, high = number(last.get("low")) or 0.0, number(last.get("high")) or 0.0
    figures = f"{value:.1%} ({low:.1%}-{high:.1%}) against {baseline:.1%} in week {integer(last.get('week'))}"
    threshold = number(series.get("threshold")) or 0.0
    return f"{verdict}  {name}: {figures}; evidence 10^{_evidence(series):.2f} of 10^{threshold:.2f}{_dated(series)}"


def _evidence(series: Document) -> float:
    points = rows(series.get("points"))
    return (number(points[-1].get("evidence")) or 0.0) if points else 0.0


def _dated(series: Document) -> str:
    change = table(series, "change")
    if not change:
        return ""
    span = f"weeks {integer(change.get('low'))} to {integer(change.get('high'))}"
    return f"; since about week {integer(change.get('week'))}, {text(change.get('date'))} ({span})"


def _looks(document: Document) -> list[str]:
    looks = rows(document.get("fingerprints"))
    if not looks:
        return []
    last = looks[-1]
    state = "changed" if last.get("changed") else "unchanged"
    distance, limit = number(last.get("distance")) or 0.0, number(last.get("limit")) or 0.0
    return [f"Fingerprint {state} on {text(last.get('date'))}: {distance:.3g}, limit {limit:.3g}"]


def _closing(document: Document) -> list[str]:
    notes = [f"Note: {one_line(note, 400)}" for note in texts(document.get("notes"))]
    return [*notes, f"Next: {one_line(text(document.get('next_step')), 400)}"]
