"""Tables of figures: as text, as Markdown inside a page, as JSON."""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from wellkeeper.origin.style import load_model

_WIDTH = 120  # of prose in a page

Cell: TypeAlias = str | int | float | None
"""A float is shown with three decimals; what needs another form is text already. None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures, and how they were come by."""

    name: str
    title: str
    judged: str  # which model scored which texts
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def to_json(self) -> dict[str, Any]:
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"name": self.name, "title": self.title, "judged": self.judged, "rows": rows}

    def to_text(self) -> str:
        """Columns of one width each, numbers to the right."""
        shown = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        left = self._text_columns()
        lines = (
            "  ".join(
                cell.ljust(width) if k in left else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in shown
        )
        return "\n".join([f"## {self.title}", self.judged, "", *lines])

    def to_markdown(self) -> str:
        """A table and, before it, how its figures were come by."""
        left = self._text_columns()
        rules = ("---" if k in left else "--:" for k in range(len(self.columns)))
        rows = ([_shown(cell) for cell in row] for row in self.rows)
        lines = (f"| {' | '.join(row)} |" for row in (list(self.columns), list(rules), *rows))
        said = textwrap.fill(f"**{self.title}.** {self.judged}", _WIDTH, break_on_hyphens=False)
        return "\n".join([said, "", *lines])

    def _text_columns(self) -> set[int]:
        """Columns of words, which stand to the left: those whose cells have no digit at their beginning."""
        return {
            k
            for k, column in enumerate(zip(*self.rows, strict=True))
            if not any(re.match(r"[<.\d-]", _shown(cell)) for cell in column)
        } | {0}


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.3f}".removeprefix("0")
    return f"{cell:,}" if isinstance(cell, int) else cell


def fill(page: Path, tables: Iterable[Table]) -> None:
    """Write each table between its comment `<!-- measured: NAME -->` and the next `<!-- measured end -->` of a page."""
    known = {table.name: table for table in tables}

    def filled(match: re.Match[str]) -> str:
        if (table := known.get(match["name"])) is None:
            return match[0]
        return f"{match['head']}\n\n{table.to_markdown()}\n\n<!-- measured end -->"

    pattern = r"(?P<head><!-- measured: (?P<name>[a-z-]+) -->)\n.*?<!-- measured end -->"
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(pattern, filled, text, flags=re.DOTALL), encoding="utf-8")


def options(description: str | None, names: Iterable[str]) -> argparse.ArgumentParser:
    """The options that all benchmarks of labelled sets have; `names` are those of their tables."""
    known = list(names)
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--docs", type=Path, nargs="+", default=[], metavar="PAGE")
    return parser


def tell(made: Iterable[Table], *, schema: str, as_json: bool, pages: Iterable[Path]) -> None:
    """Print each table as soon as it is made, or all as one JSON object; then write them into the pages."""
    tables = []
    for table in made:
        tables.append(table)
        if not as_json:
            print(table.to_text(), end="\n\n", flush=True)
    if as_json:
        told = {"schema": schema, "weights": load_model().version}
        json.dump(told | {"tables": [table.to_json() for table in tables]}, sys.stdout, indent=2)
        print()
    for page in pages:
        fill(page, tables)
