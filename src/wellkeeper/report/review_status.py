"""The standing of a review queue -> lines of text: how far it is, whether readers agree, and what share they make."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.terminal import fact_grid, indented, print_lines
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_HEAD = ("reader", "answers", "a look", "as before", "gold right")
_STYLES = {"warning": "bold yellow", "info": "bold blue"}
_NONE = "-"
_SIDES = {"above": "is above", "below": "is below"}


def status_lines(document: Document) -> list[str]:
    """The standing as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [_title(document)]
    lines += [f"{name}: {value}" + (f" ({note})" if note else "") for name, value, note in _facts(document)]
    for row in rows(document.get("readers")):
        name, _, *told = _reader(row)
        words = zip(told, ("a look", "as before", "of gold right"), strict=True)
        parts = [
            COMMA.of(integer(row.get("answers")), "answer"),
            *(f"{a} {b}" for a, b in words if a != _NONE),
        ]
        lines.append(f"{name}: {', '.join(parts)}")
    for finding in rows(document.get("findings")):
        severity, title, _, following = _finding(finding)
        lines.append(f"{severity}: {title}. Next: {following}")
    return lines


def print_status(document: Document, console: Console) -> None:
    """Print a document of schema `wellkeeper.review-status/1`.

    A console that is no terminal gets `status_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines(status_lines(document), console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(_title(document), style="bold"))
    console.print()
    console.print(fact_grid(_facts(document)))
    readers = [_reader(row) for row in rows(document.get("readers"))]
    if readers:
        grid = Grid.grid(padding=(0, 3))
        grid.add_column(overflow="fold")
        for _ in _HEAD[1:]:
            grid.add_column(justify="right")
        grid.add_row(*(Text(name, style="dim") for name in _HEAD))
        for row in readers:
            grid.add_row(*map(Text, row))
        console.print()
        console.print(grid)
    for finding in rows(document.get("findings")):
        severity, title, detail, following = _finding(finding)
        console.print()
        console.print(Text.assemble((severity, _STYLES.get(severity, "bold")), "  ", title))
        for words, style in ((detail, "dim"), (following, "")):
            console.print(indented(words, style, console))


# --- words -------------------------------------------------------------------------------------------------------


def _title(document: Document) -> str:
    progress = table(document, "progress")
    items, settled, answers = (integer(progress.get(name)) for name in ("items", "settled", "answers"))
    asks = one_line(text(document.get("asks"), "A review"), 120)
    return f"{asks} {COMMA.count(settled)} of {COMMA.of(items, 'item')} settled by {COMMA.of(answers, 'answer')}."


def _facts(document: Document) -> list[tuple[str, str, str]]:
    """Name, value, and what stands beside it."""
    facts = [*_share(document), *_threshold(document), *_agreement(table(document, "agreement"))]
    progress = table(document, "progress")
    conflicts, waiting = (integer(progress.get(name)) for name in ("conflicts", "conflicts_waiting"))
    if conflicts:
        facts.append(("Conflicts", COMMA.count(conflicts), f"{COMMA.count(waiting)} wait for a third reader"))
    return facts


def _share(document: Document) -> list[tuple[str, str, str]]:
    share = table(document, "share")
    of = one_line(text(share.get("of")), 120)
    found = interval(share)
    if found is None or found.estimate is None:
        return [("Share", "not known yet", one_line(text(share.get("why")), 200).rstrip("."))]
    pool = f"{COMMA.of(integer(share.get('pool')), 'item')}"
    drawn, known = integer(share.get("drawn")), integer(share.get("known"))
    basis = f"{COMMA.of(drawn, 'label')} drawn by lot"
    if known:
        basis = f"{basis}, {COMMA.count(known)} items looked at for their value"
    facts = [
        ("Share", COMMA.interval(found), of),
        ("From", f"{basis}, of {pool}", one_line(text(share.get("method")), 80)),
    ]
    narrower = number(share.get("narrower"))
    if narrower is not None and narrower < 0.95:
        facts.append(
            ("Scores help", f"interval {COMMA.percent(1 - narrower)} narrower", "than by labels alone")
        )
    return [*facts, *_more(table(document, "more_labels"))]


def _more(more: Document) -> list[tuple[str, str, str]]:
    width = number(more.get("width"))
    if width is None:
        return []
    name = f"For ±{100 * width:g} points"
    labels, low, high, left = (integer(more.get(one)) for one in ("labels", "low", "high", "left"))
    if not labels:
        return [(name, "reached", "")]
    between = "" if low == high else f" ({COMMA.count(low)}-{COMMA.count(high)})"
    return [
        (
            name,
            f"about {COMMA.count(labels)}{between} more labels drawn by lot",
            f"{COMMA.count(left)} are left",
        )
    ]


def _threshold(document: Document) -> list[tuple[str, str, str]]:
    found = table(document, "settled")
    threshold, level = number(found.get("threshold")), number(found.get("level"))
    if threshold is None or level is None:
        return []
    side = _SIDES.get(text(found.get("verdict")))
    labels = integer(found.get("at") if side else found.get("labels"))
    name = f"Beside {COMMA.percent(threshold)}"
    if side is None:
        return [
            (name, "not settled", f"{COMMA.of(labels, 'label')} drawn by lot; looking often does no harm")
        ]
    return [
        (
            name,
            f"settled: the share {side} it",
            f"after {COMMA.of(labels, 'label')}; wrong in {COMMA.percent(level)} at most, whenever one stops",
        )
    ]


def _agreement(found: Document) -> list[tuple[str, str, str]]:
    items = integer(found.get("items"))
    alpha = number(found.get("estimate"))
    if alpha is None:
        return [("Agreement", "not known yet", one_line(text(found.get("why")), 200).rstrip("."))]
    low, high = number(found.get("low")), number(found.get("high"))
    bounds = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return [
        (
            "Agreement",
            f"alpha {alpha:.2f}{bounds}",
            f"{COMMA.of(items, 'item')} that two read; 1 is full, 0 chance",
        )
    ]


def _reader(row: Document) -> tuple[str, str, str, str, str]:
    seconds = number(row.get("seconds"))
    again, gold = table(row, "same_again"), table(row, "gold")
    verdict = text(gold.get("verdict"))
    note = {"below": ", too few", "fallen": ", fewer than before"}.get(verdict, "")
    return (
        one_line(text(row.get("reader"), "?"), 60),
        COMMA.count(integer(row.get("answers"))),
        _NONE if seconds is None else COMMA.seconds(seconds),
        _part(integer(again.get("same")), integer(again.get("of"))),
        _part(integer(gold.get("right")), integer(gold.get("of"))) + note,
    )


def _part(some: int, of: int) -> str:
    return f"{COMMA.count(some)} of {COMMA.count(of)}" if of else _NONE


def _finding(row: Document) -> tuple[str, str, str, str]:
    """Severity, title, detail and next step."""
    return (
        one_line(text(row.get("severity"), "info"), 10),
        one_line(text(row.get("title"), "(untitled)"), 200),
        one_line(text(row.get("detail")), 400),
        one_line(text(row.get("next")), 400),
    )
