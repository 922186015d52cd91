"""One week of a watch -> a page: its figures, and what both versions answered. Only a server has such pages."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from wellkeeper.report.blocks import Block, Choices, Link, Prose, Section, Table, none
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import THIN
from wellkeeper.report.paired_outputs import chosen_pairs, counted, most_changed, paired, slices_of
from wellkeeper.report.reading import Interval, integer, text
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.visible import one_line, visible_tree
from wellkeeper.report.watch_document import (
    NAME,
    REASONS,
    Links,
    Series,
    Watch,
    watch_of,
    written_bounds,
    written_evidence,
    written_share,
)
from wellkeeper.report.watch_pictures import Moment

Document = Mapping[str, Any]

_PAGE = 20  # pairs on a page


def render_week(
    document: Document,
    week: int,
    pairs: Sequence[Document],
    *,
    links: Links,
    part: str = "",
    show: str = "all",
    at: int = 1,
) -> str:
    """The page of one week: its figures, and what both versions answered, the most changed first.

    Args:
        document: of schema `wellkeeper.watch/1`.
        week: one of its weeks.
        pairs: of that week, as `PairedOutput` has it.
        links: addresses of the server.
        part: name of a slice that pairs are of; "": all.
        show: `lost`, `gained` or `all` pairs.
        at: page of the pairs, from 1; beyond the last one, that is shown.
    """
    watch = watch_of(visible_tree(document), links)
    numbers = [integer(row.get("number")) for row in watch.weeks]
    alarmed = [series.label for series in watch.series if series.alarm_by(week)]
    return page(
        title=f"{watch.name}, week {week}",
        headline=f"Week {week}." if watch.is_corpus else f"Week {week}: {counted(pairs)}.",
        lead=_week_lead(watch.week(week)),
        chapters=[
            Chapter(
                "",
                "",
                _week_glance(watch, week),
                [
                    *([] if watch.is_corpus else [_answers_section(watch, week, pairs, part, show, at)]),
                    Section("figures", "The figures of this week", [_week_table(watch, week)]),
                ],
            )
        ],
        template="watch.html.j2",
        links=links,
        home=Link("All weeks", links.home),
        before=_neighbour(max((n for n in numbers if n < week), default=None), links, "\u2190 Week {}"),
        after=_neighbour(min((n for n in numbers if n > week), default=None), links, "Week {} \u2192"),
        tone="worse" if alarmed else "",
        badge=f"Alarm: {joined(alarmed)}" if alarmed else "",
    )


def _neighbour(week: int | None, links: Links, words: str) -> Link | None:
    return None if week is None else Link(words.format(week), links.week.format(week))


def _week_lead(week: Document) -> str:
    reason = REASONS.get(text(week.get("reason")), "")
    told = [one_line(text(week.get("date")), 10), one_line(text(week.get("version")), NAME)]
    told += [] if week.get("is_complete") is True else ["not complete"]
    return ", ".join(part for part in told if part) + (f"; {reason}." if reason else ".")


def _at(series: Series, week: int) -> Moment | None:
    return next((moment for moment in series.moments if moment.week == week), None)


def _week_glance(watch: Watch, week: int) -> list[Figure]:
    found = []
    for series in watch.series[:6]:
        moment = _at(series, week)
        if moment is not None:
            beneath = (
                f"{written_bounds(moment)}; {watch.held_against(series)}: {THIN.percent(moment.baseline)}"
            )
            found.append(Figure(series.label, THIN.percent(moment.value), beneath))
    return found


def _week_table(watch: Watch, week: int) -> Table:
    body = []
    for series in (*watch.series, *watch.slices):
        moment = _at(series, week)
        if moment is not None:
            body.append(
                [
                    series.label,
                    series.part or "all items",
                    written_share(Interval(moment.value, moment.low, moment.high)),
                    THIN.percent(moment.baseline),
                    written_evidence(moment.evidence) if series.is_tested else "",
                    "alarm" if moment.alarm and not series.part else "",
                ]
            )
    head = ["Metric", "Items", "This week", "Held against", "Evidence so far", ""]
    return Table(f"Figures of week {week}", head, body, frozenset({2, 3, 4}))


def _answers_section(
    watch: Watch, week: int, pairs: Sequence[Document], part: str, show: str, at: int
) -> Section:
    return Section("answers", "What both versions answered", _answers(watch, week, pairs, part, show, at))


def _answers(
    watch: Watch, week: int, pairs: Sequence[Document], part: str, show: str, at: int
) -> list[Block]:
    if not pairs:
        return [none("No answers of this week are kept.")]
    show = show if show in {"lost", "gained"} else "all"
    chosen = most_changed(chosen_pairs(pairs, part, show))
    pages = max(1, math.ceil(len(chosen) / _PAGE))
    at = min(max(1, at), pages)
    address = partial(_address, watch, week)
    parts = sorted({name for pair in pairs for name in slices_of(pair)})
    blocks: list[Block] = [
        Choices(
            "Answers",
            [
                Link(
                    f"{name}, {THIN.count(len(chosen_pairs(pairs, part, kind)))}",
                    address(part, kind),
                    show == kind,
                )
                for kind, name in (("all", "All"), ("lost", "Lost"), ("gained", "Gained"))
            ],
        )
    ]
    if parts:
        every = [("", "All items"), *((name, one_line(name, NAME)) for name in parts)]
        blocks.append(Choices("Slice", [Link(name, address(key, show), part == key) for key, name in every]))
    if not chosen:
        return [*blocks, none("No answers of this kind. Choose another kind or slice above.")]
    start = (at - 1) * _PAGE
    shown = chosen[start : start + _PAGE]
    where = f"Items {start + 1} to {start + len(shown)} of {THIN.count(len(chosen))}, the most changed first."
    blocks += [Prose(where, "note"), paired(shown, before=watch.reference, after=watch.version(week))]
    if pages > 1:
        blocks.append(
            Choices("Pages", [Link(str(n), address(part, show, n), n == at) for n in _pages_near(at, pages)])
        )
    return blocks


def _pages_near(at: int, pages: int) -> list[int]:
    """The first pages, the last, and those around `at`; all of them where they are few."""
    near = {1, 2, *range(at - 3, at + 4), pages - 1, pages}
    return [n for n in range(1, pages + 1) if n in near or pages <= 2 * _PAGE]


def _address(watch: Watch, week: int, part: str, show: str, at: int = 1) -> str:
    assert watch.links is not None
    asked = {"slice": part, "show": "" if show == "all" else show, "page": "" if at == 1 else str(at)}
    query = urlencode({name: value for name, value in asked.items() if value})
    return watch.links.week.format(week) + (f"?{query}" if query else "")
