"""How a document came about: its version, its run, the columns that were read."""

from collections.abc import Callable, Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Table, first
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, table, text, texts
from wellkeeper.report.visible import clip

Document = Mapping[str, Any]


def version_facts(document: Document) -> list[tuple[str, str]]:
    """The version that ran, else that of the document, and the schema."""
    version = text(table(document, "run").get("version"), text(document.get("version"), "not recorded"))
    return [("Version", version), ("Schema", text(document.get("schema"), "not recorded"))]


def run_facts(document: Document, *keys: str) -> list[tuple[str, str]]:
    """What the document tells of its run, of these keys and in their order."""
    run = table(document, "run")
    told = ((name, say(run.get(key))) for key in keys for name, say in [_TOLD[key]])
    return [(name, said) for name, said in told if said]


def columns_read(document: Document, *, limit: int | None = None) -> list[Block]:
    """Which column was read as what, folded; nothing where nothing was said of it."""
    said = [[clip(line, 300)] for line in texts(table(document, "inputs").get("columns"))]
    if not said:
        return []
    shown, more = first(said, limit or len(said), "choice")
    summary = f"Which column was read as what, {THIN.of(len(shown), 'choice')}"
    return [Table("Columns read", ["Choice"], shown, summary=summary), *more]


def _seconds(value: Any) -> str:
    seconds = number(value)
    return "" if seconds is None else THIN.seconds(seconds)


def _count(value: Any) -> str:
    return "" if number(value) is None else THIN.count(integer(value))


_TOLD: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "command": ("Command", text),
    "started": ("Started", text),
    "seconds": ("Time", _seconds),
    "cpu_seconds": ("Processor time", _seconds),
    "workers": ("Workers", _count),
    "seed": ("Seed", _count),
}
