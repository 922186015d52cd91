"""Passages that stand in several documents: the most frequent ones, and the share of each source's words."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import (
    Bar,
    Bars,
    Block,
    Heading,
    Prose,
    Quote,
    Section,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.common import matched_text, name_of, optional, quotes, section_of

Curation = Mapping[str, Any]

_MAX_PASSAGES, _MAX_SOURCES, _MAX_HOLDERS = 12, 20, 3

_ACTIONS = (
    ("reported", "Left as it is"),
    ("cut", "Cut from the text"),
    ("weighed", "Lowers the weight"),
    ("dropped", "Dropped with its document"),
)


def passages_sections(curation: Curation) -> list[Section]:
    """The section on repeated passages; none where no step looked for any."""
    return section_of(curation, "passages", "Repeated passages", _passages)


def _passages(passages: Curation) -> list[Block]:
    searched = table(passages, "searched")
    documents, words = integer(searched.get("documents")), integer(searched.get("words"))
    repeated = integer(passages.get("repeated_words"))
    least = integer(passages.get("words"))
    if not repeated:
        found = f"No two of {THIN.of(documents, 'document')} share a run of {THIN.of(least, 'word')} or more."
        return [none(found)]
    share = number(passages.get("share"))
    reached = integer(passages.get("at_share"))
    body = [
        [title, *(THIN.count(integer(table(passages, "actions", key).get(unit))) for unit in _UNITS)]
        for key, title in _ACTIONS
        if integer(table(passages, "actions", key).get("spans"))
    ]
    spans, where = integer(passages.get("spans")), integer(passages.get("documents"))
    lead = (
        f"{THIN.of(repeated, 'word')} ({THIN.share_of(repeated, words)} of the {THIN.of(words, 'word')} searched) "
        f"stand in spans of {THIN.count(least)} words or more that another document has before, word for word: "
        f"{THIN.of(spans, 'span')} in {THIN.of(where, 'document')} of {THIN.count(documents)}."
    )
    at_share = (
        f"They are {THIN.percent(share or 0.0)} or more of the words of {THIN.of(reached, 'document')}."
    )
    return [
        Prose(lead),
        *([Prose(at_share)] if share is not None and reached else []),
        Table(
            "What was done about the spans", ["", "Documents", "Spans", "Words"], body, frozenset({1, 2, 3})
        ),
        *quotes(
            "Passages that most documents hold",
            passages.get("passages"),
            limit=_MAX_PASSAGES,
            noun="passage",
            quote=_quote,
        ),
        *_sources(passages),
    ]


_UNITS = ("documents", "spans", "words")


def _quote(row: Curation) -> Quote:
    documents = integer(row.get("frequency"))
    sources = rows(row.get("sources"))
    named = [
        f"{name_of(one, 'source')} {THIN.count(integer(one.get('documents')))}"
        for one in sources[:_MAX_HOLDERS]
    ]
    left = len(sources) - len(named)
    others = [f"{THIN.of(left, 'other source')}"] if left > 0 else []
    words, excerpt = integer(row.get("words")), text(row.get("excerpt"))
    return Quote(
        title=f"{THIN.of(documents, 'document')}, {THIN.of(words, 'word')}",
        strength="",
        where=f"first in {optional(row, 'holder')}; {', '.join([*named, *others])}",
        before=matched_text(excerpt, more=len(excerpt.split()) < words),
        match="",
        after="",
    )


def _sources(passages: Curation) -> list[Block]:
    found = rows(passages.get("by_source"))
    if not found:
        return []
    shown, more = first(found, _MAX_SOURCES, "source")
    bars = []
    for row in shown:
        words, repeated = integer(row.get("words")), integer(row.get("repeated_words"))
        documents = THIN.of(integer(row.get("documents")), "document")
        note = f"{THIN.count(repeated)} of {THIN.of(words, 'word')} in {documents}"
        share = repeated / words if words else 0.0
        bars.append(Bar(name_of(row, "source"), share, THIN.percent(share), note))
    return [
        Heading("Repeated words by source"),
        Bars("Share of a source's words that stand in repeated passages", bars),
        *more,
    ]
