"""Where the documents come from, and when they were captured."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Bars, Block, Heading, Key, Part, Picture, Stack, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.common import (
    bar_of,
    by_month,
    data_summary,
    date_of,
    documents_of,
    drawn,
    latest,
    name_of,
    optional,
)

Audit = Mapping[str, Any]

_MAX_SOURCES = 20


def sources_section(audit: Audit) -> list[Block]:
    sources = rows(table(audit, "inputs").get("sources"))
    blocks: list[Block] = []
    if not sources:
        blocks.append(none("The document lists no source."))
    else:
        blocks += _source_table(sources, documents_of(audit))
    return [*blocks, *_documents_by_month(audit), *_dates(audit)]


def _source_table(sources: list[Audit], documents: int) -> list[Block]:
    sources = sorted(sources, key=lambda row: (-integer(row.get("documents")), text(row.get("name"))))
    shown, more = first(sources, _MAX_SOURCES, "source")
    total = documents or sum(integer(row.get("documents")) for row in sources)
    bars = [
        bar_of(name_of(row, "name"), integer(row.get("documents")), total, _source_note(row)) for row in shown
    ]
    body = [_source_row(row) for row in shown]
    head = ["Source", "Documents", "Words", "Size", "Declared origin", "First", "Last", "Licence"]
    return [
        Heading("By source"),
        Bars("Documents by source", bars),
        *more,
        Table("Sources", head, body, frozenset({1, 2, 3}), data_summary(len(shown), "source")),
    ]


def _source_note(row: Audit) -> str:
    dates = " to ".join(part for part in (optional(row, "first"), optional(row, "last")) if part)
    parts = [f"origin {optional(row, 'origin')}"] if optional(row, "origin") else []
    parts += [dates] if dates else []
    parts += [f"licence {optional(row, 'licence')}"] if optional(row, "licence") else []
    return ", ".join(parts)


def _source_row(row: Audit) -> list[str]:
    words, size = number(row.get("words")), number(row.get("bytes"))
    return [
        name_of(row, "name"),
        THIN.count(integer(row.get("documents"))),
        "" if words is None else THIN.count(words),
        "" if size is None else THIN.size(size),
        *(optional(row, key) for key in ("origin", "first", "last", "licence")),
    ]


def _documents_by_month(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    columns = [
        svg.Column(month, integer(row.get("documents"))) for month, row in by_month(origin.get("by_month"))
    ]
    if not columns:
        return [Heading("By month"), none("No document has a date that can be drawn by month.")]
    shown, more = latest(columns)
    line = date_of(text(table(origin, "dates").get("line")))
    words = "Documents by month of capture"
    pictures = drawn(
        "months-documents",
        words,
        f"{words}, from {shown[0].month} to {shown[-1].month}. The table below has every value.",
        lambda frame: svg.months(frame, shown, line=line, y_label="documents"),
    )
    data = Table(
        words,
        ["Month", "Documents"],
        [[column.month, THIN.count(column.documents)] for column in shown],
        frozenset({1}),
        data_summary(len(shown), "month"),
    )
    keys = [Key("k-date", f"{line}, public release of ChatGPT")] if line else []
    return [Heading("By month"), Picture(words + ".", *pictures, data, keys), *more]


def _dates(audit: Audit) -> list[Block]:
    dates = table(audit, "origin", "dates")
    found = {name: integer(dates.get(name)) for name in ("before", "after", "undated")}
    total = sum(found.values())
    if not total:
        return []
    line = date_of(text(dates.get("line"))) or "the release of ChatGPT"
    names = {"before": f"before {line}", "after": f"on or after {line}", "undated": "no date known"}
    colours = {"before": "o-before", "after": "o-after", "undated": "o-unknown"}
    parts = [
        Part(names[key], count / total, f"{THIN.count(count)} ({THIN.percent(count / total)})", colours[key])
        for key, count in found.items()
        if count
    ]
    return [Heading(f"Before and after {line}"), Stack(f"Documents captured before and after {line}", parts)]
