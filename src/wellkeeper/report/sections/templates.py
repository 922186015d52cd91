"""Templates that many documents fill: the largest ones, and how little of them is left by weight."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Prose, Quote, Section, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, text
from wellkeeper.report.sections.common import name_of, optional, quotes, section_of, shortened
from wellkeeper.report.visible import one_line

Curation = Mapping[str, Any]

_MAX_TEMPLATES, _MAX_HOLDERS, _EXCERPT = 12, 3, 200


def templates_sections(curation: Curation) -> list[Section]:
    """The section on templates; none where no step looked for any."""
    return section_of(curation, "templates", "Templates", _templates)


def _templates(templates: Curation) -> list[Block]:
    documents, filled = integer(templates.get("documents")), integer(templates.get("in_templates"))
    least_alike = f"{number(templates.get('similarity')) or 0:.2g}"
    if not filled:
        return [
            none(
                f"No two of {THIN.of(documents, 'document')} are alike from a similarity of {least_alike} on, "
                "so none was weighed down."
            )
        ]
    many, weight = integer(templates.get("templates")), number(templates.get("weight")) or 0.0
    kept, bound = integer(templates.get("kept")), integer(templates.get("at_least"))
    lead = (
        f"{THIN.of(filled, 'document')} ({THIN.share_of(filled, documents)} of {THIN.count(documents)}) fill "
        f"{THIN.of(many, 'template')}: each is like the first document of its template, from a similarity of "
        f"{least_alike} on. By weight they count as {THIN.count(round(weight))}; {THIN.count(kept)} of them "
        f"{'is' if kept == 1 else 'are'} in the output."
    )
    at_bound = (
        f"{THIN.of(bound, 'document')} {'has' if bound == 1 else 'have'} the least weight that is allowed."
    )
    return [
        Prose(lead),
        *([Prose(at_bound, "note")] if bound else []),
        *quotes(
            "Templates that most documents fill",
            templates.get("largest_templates"),
            limit=_MAX_TEMPLATES,
            noun="template",
            quote=_quote,
        ),
    ]


def _quote(row: Curation) -> Quote:
    documents, kept = integer(row.get("documents")), integer(row.get("kept"))
    sources = rows(row.get("sources"))
    named = [
        f"{name_of(one, 'source')} {THIN.count(integer(one.get('documents')))}"
        for one in sources[:_MAX_HOLDERS]
    ]
    left = len(sources) - len(named)
    others = [THIN.of(left, "other source")] if left > 0 else []
    excerpt = text(row.get("excerpt"))
    return Quote(
        title=f"{THIN.of(documents, 'document')}, {THIN.count(kept)} in the output, "
        f"weight {number(row.get('weight')) or 0:.2g} each",
        strength="",
        where=f"first drawn is {optional(row, 'first')}; {', '.join([*named, *others])}",
        before=shortened(one_line(excerpt, _EXCERPT), more=len(excerpt) >= _EXCERPT),
        match="",
        after="",
    )
