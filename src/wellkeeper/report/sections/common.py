"""What several sections share: names, dates, and pictures in two layouts."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from wellkeeper.report import svg
from wellkeeper.report.blocks import (
    Bar,
    Block,
    Card,
    Cards,
    Heading,
    Part,
    Prose,
    Quote,
    Quotes,
    Range,
    Section,
    Stack,
    first,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import Interval, integer, rows, table, text
from wellkeeper.report.story import ORIGINS, findings, in_origin_order, severity_of
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

MATCHED = 200
"""Letters that the ledger has of a span or an overlap, at most."""

_MAX_FINDINGS = 24
_EXCERPT = 320  # letters of a span or an overlap on a page, with hidden characters written out
_MAX_MONTHS, _MAX_SPAN = 84, 240  # months with documents, and from the first to the last, in one picture


def documents_of(audit: Audit) -> int:
    """Documents that were read."""
    return integer(table(audit, "inputs").get("documents"))


def name_of(row: Audit, key: str) -> str:
    """The name of a row, short enough for a table."""
    return one_line(text(row.get(key), "(unnamed)"), 80)


def optional(row: Audit, key: str, limit: int = 48) -> str:
    """A field of a row, or nothing."""
    return one_line(text(row.get(key)), limit)


def shortened(excerpt: str, *, more: bool) -> str:
    """An excerpt that was taken letter by letter, with an ellipsis for its last, broken word where there is more."""
    whole_words = excerpt.rpartition(" ")[0] or excerpt
    return f"{whole_words} \u2026" if more and not excerpt.endswith("\u2026") else excerpt


def matched_text(found: str, *, more: bool) -> str:
    """A span or an overlap as the ledger has it; `more`: if it is as long as that can be, it is not all there is."""
    return shortened(one_line(found, _EXCERPT), more=more and len(found) >= MATCHED)


def section_of(
    curation: Audit, key: str, title: str, draw: Callable[[Audit], Sequence[Block]]
) -> list[Section]:
    """The section about one step's figures; none where the step did not run."""
    found = table(curation, key)
    return [Section(key, title, draw(found))] if found else []


def quotes(
    heading: str, value: Any, *, limit: int, noun: str, quote: Callable[[Audit], Quote]
) -> list[Block]:
    """The first rows as quotations under a heading; nothing where there are none."""
    found = rows(value)
    shown, more = first(found, limit, noun)
    return [Heading(heading), Quotes([quote(row) for row in shown]), *more] if found else []


def finding_cards(document: Audit) -> list[Block]:
    """The findings of an audit or a curation, the most severe first; nothing where it has none."""
    found = findings(document)
    shown, more = first(found, _MAX_FINDINGS, "finding")
    return [Cards([_card(row) for row in shown]), *more] if found else []


def _card(row: Audit) -> Card:
    return Card(
        code=one_line(text(row.get("code"), "WK"), 24),
        severity=severity_of(row),
        title=one_line(text(row.get("title"), "(untitled)"), 200),
        detail=clip(text(row.get("detail")), 800),
        next=clip(text(row.get("next")), 400),
    )


def date_of(written: str) -> str:
    """`YYYY-MM` or `YYYY-MM-DD` as written, or nothing."""
    return written if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])(-[0-3][0-9])?", written) else ""


def by_month(value: Any) -> list[tuple[str, Audit]]:
    """Rows with a month that can be drawn, ascending."""
    return sorted(
        ((month, row) for row in rows(value) if (month := date_of(text(row.get("month")))[:7])),
        key=lambda pair: pair[0],
    )


def latest(columns: Sequence[svg.Column]) -> tuple[Sequence[svg.Column], list[Prose]]:
    """The last months, as many as one picture can show."""
    last = svg.month_number(columns[-1].month)
    near = [column for column in columns if last - svg.month_number(column.month) < _MAX_SPAN]
    shown = near[-_MAX_MONTHS:]
    if len(shown) == len(columns):
        return shown, []
    left = THIN.of(len(columns) - len(shown), "earlier month")
    return shown, [Prose(f"{left} left off here; the JSON document beside this page has all.", "note")]


def drawn(
    identity: str, title: str, description: str, draw: Callable[[svg.Frame], Markup]
) -> tuple[Markup, Markup]:
    """One picture in its wide and its compact layout."""
    wide = svg.Frame(f"{identity}-wide", title, description, svg.WIDE)
    compact = svg.Frame(f"{identity}-compact", title, description, svg.COMPACT)
    return draw(wide), draw(compact)


def data_summary(number_of_rows: int, noun: str) -> str:
    """The words under which a data table is folded."""
    return f"The figures in a table, {THIN.of(number_of_rows, noun)}"


def range_of(label: str, share: Interval, note: str) -> Range:
    """An interval as one row of `Ranges`, its figures written out."""
    low = share.low if share.low is not None else share.estimate
    high = share.high if share.high is not None else share.estimate
    return Range(label, low or 0.0, high or 0.0, share.estimate, THIN.interval(share), note)


def bar_of(label: str, count: int, total: int, note: str = "") -> Bar:
    """A count as one row of `Bars`, as long as its share of the total."""
    return Bar(label, count / total if total else 0.0, THIN.with_share(count, total), note)


def origin_stack(label: str, found: Mapping[str, int]) -> Stack:
    """A stacked bar of documents by declared origin, every part with its count and share."""
    total = sum(found.values())
    parts = [
        Part(name, count / total, f"{THIN.count(count)} ({THIN.percent(count / total)})", origin_colour(name))
        for name, count in in_origin_order(found).items()
    ]
    return Stack(label, parts)


def origin_colour(label: str) -> str:
    """A class of style.css."""
    return f"o-{label}" if label in ORIGINS else "o-unknown"
