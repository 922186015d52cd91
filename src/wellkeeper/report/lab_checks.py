"""Checks of the lab -> lines of text: each figure beside its target."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, number, rows, text
from wellkeeper.report.sections.common import name_of
from wellkeeper.report.terminal import print_lines
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_STYLES = {"holds": "green", "FAILS": "bold red", "not run": "yellow"}


def checks_verdict(document: Document) -> str:
    """The checks in one sentence."""
    hold, fail, not_run = (integer(document.get(key)) for key in ("hold", "fail", "not_run"))
    said = f"{hold} of {COMMA.of(hold + fail + not_run, 'check')} hold" + ("s" if hold == 1 else "")
    if fail:
        said += f", {fail} fail" + ("s" if fail == 1 else "")
    return said + (f", {not_run} not run." if not_run else ".")


def check_lines(document: Document) -> list[str]:
    """The checks as plain lines, one figure each. No line holds a line feed."""
    document = visible_tree(document)
    found = [line for check in rows(document.get("checks")) for line in _lines_of(check)]
    return [*found, checks_verdict(document)]


def _lines_of(check: Document) -> Iterator[str]:
    name = f"{integer(check.get('number'))} {name_of(check, 'name')}"
    yield one_line(f"{name}: {_state(check)} ({text(check.get('source'))}; {_seconds(check)})", 400)
    if text(check.get("not_run")):
        yield "  " + one_line(text(check.get("not_run")), 400)
    for row in rows(check.get("rows")):
        yield "  " + one_line(", ".join(_cells(row)), 400)


def print_checks(document: Document, console: Console) -> None:
    """Print the checks as a table; a console that is no terminal gets `check_lines`."""
    if not console.is_terminal:
        print_lines(check_lines(document), console)
        return
    document = visible_tree(document)
    grid = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("", "check", "target", "tolerance", "measured", "z", "", "CPU"):
        grid.add_column(name, header_style="dim", overflow="fold")
    for check in rows(document.get("checks")):
        state = _state(check)
        head = Text.assemble((name_of(check, "name"), "bold"), "\n", (text(check.get("source")), "dim"))
        grid.add_row(
            str(integer(check.get("number"))),
            head,
            *[""] * 4,
            Text(state, style=_STYLES[state]),
            _seconds(check),
        )
        if text(check.get("not_run")):
            grid.add_row("", Text(text(check.get("not_run")), style="dim"))
        for row in rows(check.get("rows")):
            style = "" if row.get("holds") is True else "bold red"
            grid.add_row("", *(Text(cell, style=style) for cell in _columns(row)))
    console.print(grid)
    console.print()
    console.print(Text(checks_verdict(document), style="bold"))


def _state(check: Document) -> str:
    return {True: "holds", False: "FAILS"}.get(check.get("holds"), "not run")  # type: ignore[arg-type]


def _seconds(check: Document) -> str:
    return COMMA.seconds(number(check.get("cpu_seconds")) or 0.0)


def _columns(row: Document) -> tuple[str, ...]:
    """Name, target, tolerance, measured and z of a figure."""
    target = row.get("target")
    z = number(row.get("z"))
    return (
        name_of(row, "name"),
        target if isinstance(target, str) else COMMA.figure(number(target)),
        text(row.get("tolerance")),
        COMMA.figure(number(row.get("measured"))),
        "" if z is None else f"{z:+.1f}",
    )


def _cells(row: Document) -> list[str]:
    name, target, tolerance, measured, z = _columns(row)
    parts = [f"{name}: {measured}", f"target {target}"]
    parts += [f"tolerance {tolerance}"] if tolerance else []
    parts += [f"z {z}"] if z else []
    return parts if row.get("holds") is True else [*parts, "does not hold"]
