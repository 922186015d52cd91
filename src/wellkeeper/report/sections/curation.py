"""The sections of a curation's page, as blocks: how documents flowed, what held, what changed."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import (
    Block,
    Facts,
    Heading,
    Key,
    Picture,
    Prose,
    Ranges,
    Section,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.sections.common import by_month, data_summary, drawn, latest, origin_stack, range_of
from wellkeeper.report.sections.decontamination import decontamination_sections
from wellkeeper.report.sections.mix import mix_blocks
from wellkeeper.report.sections.passages import passages_sections
from wellkeeper.report.sections.rights import rights_sections
from wellkeeper.report.sections.semantic import semantic_sections
from wellkeeper.report.sections.tail_cost import tail_cost_sections
from wellkeeper.report.sections.tails import bands
from wellkeeper.report.sections.templates import templates_sections
from wellkeeper.report.story import in_origin_order, stages
from wellkeeper.report.visible import one_line

Curation = Mapping[str, Any]

_MAX_REASONS, _MAX_SOURCES = 30, 20


def curation_sections(curation: Curation) -> list[Section]:
    """All sections in reading order: the flow first."""
    return [
        Section("flow", "What stayed and what went", _flow(curation)),
        Section("constraints", "Constraints", mix_blocks(table(curation, "mix"))),
        Section("origins-after", "Origin before and after", _origins(curation)),
        Section("sources-after", "Sources and months, before and after", _sources(curation)),
        Section("tails-after", "Tails before and after", _tails(curation)),
        *tail_cost_sections(curation),
        *templates_sections(curation),
        *passages_sections(curation),
        *decontamination_sections(curation),
        *semantic_sections(curation),
        *rights_sections(curation),
        Section("files", "Files written", _files(curation)),
    ]


def _flow(curation: Curation) -> list[Block]:
    read, kept, passed = integer(curation.get("read")), integer(curation.get("kept")), stages(curation)
    if not read:
        return [none("No document was read, so there is nothing to show.")]
    words = "Documents on their way through the recipe; widths are to scale"
    body = [
        [
            stage.title,
            *(THIN.count(part) for part in (stage.before, stage.dropped, stage.review, stage.after)),
        ]
        for stage in passed
    ]
    head = ["Stage", "Before", "Dropped", "To review", "After"]
    data = Table("Documents by stage", head, body, frozenset({1, 2, 3, 4}), data_summary(len(body), "stage"))
    pictures = drawn(
        "flow-picture",
        "What stayed and what went",
        f"{THIN.count(read)} documents read, {THIN.count(kept)} kept. The table below has every stage.",
        lambda frame: svg.flow(frame, read, passed, kept),
    )
    keys = [Key("k-stream", "goes on"), Key("k-dropped", "dropped"), Key("k-review", "waits for a person")]
    return [Picture(words + ".", *pictures, data, keys), *_reasons(curation)]


def _reasons(curation: Curation) -> list[Block]:
    found = [
        [
            one_line(text(step.get("step"), text(step.get("title"), "step")), 60),
            one_line(text(row.get("reason"), "(no reason)"), 120),
            THIN.count(integer(row.get("documents"))),
        ]
        for step in rows(curation.get("steps"))
        for row in rows(step.get("reasons"))
    ]
    if not found:
        return []
    shown, more = first(found, _MAX_REASONS, "reason")
    table_of = Table("Documents by reason", ["Step", "Reason", "Documents"], shown, frozenset({2}))
    return [Heading("Why they went"), table_of, *more]


def _origins(curation: Curation) -> list[Block]:
    blocks: list[Block] = []
    for key, name in (("before", "Before"), ("after", "After")):
        found = in_origin_order(table(curation, "origin", key))
        if found:
            blocks += [Heading(name), origin_stack(f"Declared origin {key} curation", found)]
    measured = []
    for key, name in (("before", "Before"), ("after", "After")):
        total = table(curation, "origin", "share", key, "total")
        share = interval(total)
        if share is not None:
            measured.append(range_of(name, share, THIN.of(integer(total.get("judged")), "document")))
    if measured:
        blocks += [
            Heading("AI-made share, measured by style"),
            Ranges("AI-made share before and after curation", measured),
            Prose(
                "Of the documents that can be judged, against the recipe's anchors; 95% intervals.", "note"
            ),
        ]
    blocks += [block for step in rows(curation.get("steps")) for block in _told_by(step)]
    return blocks or [none("Origins before and after were not counted.")]


def _told_by(step: Curation) -> list[Block]:
    """What a step by origin tells of itself: whom its flags met, and what its weights come to."""
    flag, title = table(step, "facts", "flag"), one_line(text(step.get("step")), 60)
    blocks: list[Block] = []
    if flag:
        shown, more = first(rows(flag.get("slices")), _MAX_SOURCES, "slice")
        names = ("documents", "tested", "references", "needed", "flagged")
        body = [
            [one_line(text(one.get("slice")), 60), *(THIN.count(integer(one.get(name))) for name in names)]
            for one in shown
        ]
        control = "false discoveries" if text(flag.get("control")) == "discoveries" else "false alarms"
        level = THIN.percent(number(flag.get("level")) or 0)
        caption = f"{title}: {level} {control} at most, by {text(flag.get('by'))}"
        head = ["Slice", "Documents", "Tested", "References", "Needed", "Flagged"]
        notes = [one_line(text(one.get("note")), 300) for one in shown if one.get("note")]
        blocks += [
            Heading("Flags by style"),
            Table(caption, head, body, frozenset({1, 2, 3, 4, 5})),
            *more,
            *(Prose(note, "note") for note in notes[:3]),
        ]
    size, share = (table(step, "facts", name) for name in ("effective_documents", "expected_ai_share"))
    before, after = (number(share.get(when)) for when in ("before", "after"))
    if before is not None and after is not None:
        worth, of = (
            THIN.count(number(size.get("after")) or 0),
            THIN.of(integer(size.get("before")), "document"),
        )
        told = (
            f"{title}: by weight, {of} are worth {worth} of equal weight. Expected AI share: {THIN.percent(before)} "
            f"before, {THIN.percent(after)} after."
        )
        blocks += [Heading("Weights by origin"), Prose(told)]
    return blocks


def _sources(curation: Curation) -> list[Block]:
    found = sorted(
        rows(curation.get("sources")), key=lambda row: (-integer(row.get("before")), text(row.get("source")))
    )
    if not found:
        return [none("Sources before and after were not counted."), *_months(curation)]
    befores, afters = (sum(integer(row.get(key)) for row in found) for key in ("before", "after"))
    shown, more = first(found, _MAX_SOURCES, "source")
    body = []
    for row in shown:
        before, after = integer(row.get("before")), integer(row.get("after"))
        body.append(
            [
                one_line(text(row.get("source"), "(unnamed)"), 80),
                THIN.count(before),
                THIN.share_of(before, befores),
                THIN.count(after),
                THIN.share_of(after, afters),
            ]
        )
    head = ["Source", "Before", "Share before", "After", "Share after"]
    return [Table("Documents by source", head, body, frozenset({1, 2, 3, 4})), *more, *_months(curation)]


def _months(curation: Curation) -> list[Block]:
    columns = [
        svg.Column(month, integer(row.get("after")), before=integer(row.get("before")))
        for month, row in by_month(curation.get("months"))
    ]
    if not columns:
        return []
    shown, more = latest(columns)
    words = "Documents by month of capture, before and after curation"
    pictures = drawn(
        "months-after",
        words,
        f"From {shown[0].month} to {shown[-1].month}. The table below has every value.",
        lambda frame: svg.months(frame, shown, y_label="documents"),
    )
    body = [[c.month, THIN.count(c.before or 0), THIN.count(c.documents)] for c in shown]
    head = ["Month", "Before", "After"]
    data = Table(words, head, body, frozenset({1, 2}), data_summary(len(body), "month"))
    keys = [Key("k-before", "before"), Key("k-column", "after")]
    return [Heading("By month"), Picture(words + ".", *pictures, data, keys), *more]


_MEASURES = (
    ("Rare words kept", ("reference", "coverage")),
    ("Human words lost, by use", ("reference", "lost_mass")),
    ("Words the reference lacks, by use", ("reference", "invented_mass")),
    ("Chance that the next word is new", ("missing_mass",)),
)


def _tails(curation: Curation) -> list[Block]:
    before, after = table(curation, "tails", "before"), table(curation, "tails", "after")
    if not before and not after:
        return [none("The tails were not measured before and after.")]
    body = []
    for label, path in _MEASURES:
        values = [interval(table(tails, *path)) for tails in (before, after)]
        if any(values):
            body.append([label, *("" if value is None else THIN.interval(value) for value in values)])
    for key in ("q0", "q1", "q2"):
        values = [interval(table(tails, "hill", key)) for tails in (before, after)]
        if any(values):
            name = f"Hill number q = {key[1]}"
            body.append([name, *("" if value is None else THIN.quantity(value) for value in values)])
    head = ["Measure", "Before", "After"]
    blocks: list[Block] = [Table("Tails before and after", head, body, frozenset({1, 2}))] if body else []
    kept = bands(table(after, "reference"), "bands-after")
    if kept:
        blocks.append(Prose("After curation, band by band:"))
    return [*blocks, *kept] or [none("The tails were not measured before and after.")]


def _files(curation: Curation) -> list[Block]:
    paths = table(curation, "paths")
    recipe = one_line(text(curation.get("recipe")), 200)
    facts = [("Recipe", recipe)] if recipe else []
    facts += [(one_line(name, 60), one_line(str(path), 300)) for name, path in list(paths.items())[:40]]
    return [Facts(facts)] if facts else [none("No file was written.")]
