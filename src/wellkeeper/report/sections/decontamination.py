"""Items of evaluation sets in the corpus: how many, in how many documents, and how they read there."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Prose, Quote, Section, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, text
from wellkeeper.report.sections.common import matched_text, name_of, optional, quotes, section_of

Curation = Mapping[str, Any]

_MAX_SETS, _MAX_EXAMPLES = 40, 20
_FATES = {
    "drop": "which are dropped",
    "review": "which wait for a person",
    "report": "which stay, as asked",
}
_UNSEARCHED = (
    ("too_short", "too short to be told from chance"),
    ("stock", "are stock questions, which their set repeats"),
    ("common", "consist of text that many documents have"),
)


def decontamination_sections(curation: Curation) -> list[Section]:
    """The section on evaluation sets; none where the recipe names none."""
    return section_of(curation, "evaluation", "Evaluation sets", _evaluation)


def _evaluation(found: Curation) -> list[Block]:
    sets = rows(found.get("sets"))
    items, there = integer(found.get("items")), integer(found.get("items_found"))
    if not there:
        lead: Block = none(f"None of {THIN.of(items, 'item')} of the evaluation sets was found.")
    else:
        documents = THIN.of(integer(found.get("documents")), "document")
        fate = _FATES.get(text(found.get("action")), "")
        lead = Prose(f"{THIN.count(there)} of {THIN.of(items, 'item')} stand in {documents}, {fate}.")
    shown, more = first(sets, _MAX_SETS, "set")
    body = [
        [name_of(row, "name"), *(THIN.count(integer(row.get(key))) for key, _ in _COLUMNS)] for row in shown
    ]
    head = ["Set", *(title for _, title in _COLUMNS)]
    return [
        lead,
        Table("Items found, by evaluation set", head, body, frozenset(range(1, len(head)))),
        *more,
        *_not_searched(sets),
        *_rule(found),
        *quotes(
            "How they read in the corpus",
            found.get("examples"),
            limit=_MAX_EXAMPLES,
            noun="example",
            quote=_quote,
        ),
    ]


_COLUMNS = (
    ("items", "Items"),
    ("searched", "Sought"),
    ("found", "Found"),
    ("documents", "Documents"),
)


def _not_searched(sets: list[Curation]) -> list[Block]:
    said = [
        f"{THIN.count(total)} {why}"
        for key, why in _UNSEARCHED
        if (total := sum(integer(row.get(key)) for row in sets))
    ]
    if not said:
        return []
    return [
        Prose(f"Not searched for, so that nothing is known of them: of all items, {'; '.join(said)}.", "note")
    ]


def _rule(found: Curation) -> list[Block]:
    share, least = number(found.get("share")), integer(found.get("ngram"))
    if share is None or not least:
        return []
    return [
        Prose(
            f"A document holds an item if it has {THIN.percent(share)} of one of its texts and at least "
            f"{THIN.count(least)} words of it, in stretches of {THIN.count(integer(found.get('min_ngram')))} words or "
            "more in which single words may differ. Word sequences that more than "
            f"{THIN.of(integer(found.get('common_documents')), 'document')} have do not count.",
            "note",
        )
    ]


def _quote(row: Curation) -> Quote:
    others = integer(row.get("others"))
    title = f"{name_of(row, 'set')}, item {optional(row, 'item')}"
    share = number(row.get("share")) or 0.0
    start, end = integer(row.get("start")), integer(row.get("end"))
    matched = text(row.get("matched"))
    return Quote(
        title=title + (f" and {THIN.of(others, 'other item')} with the same text" if others else ""),
        strength=f"{THIN.percent(share)} of the {optional(row, 'field') or 'text'}",
        where=f"in {optional(row, 'document')}, bytes {THIN.count(start)} to {THIN.count(end)}",
        before="",
        match=matched_text(matched, more=len(matched.encode()) < end - start),
        after="",
    )
