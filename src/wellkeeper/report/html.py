"""One self-contained HTML page: no script, nothing to load, the same bytes for the same document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wellkeeper.report.blocks import Section
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer
from wellkeeper.report.sections.audit import audit_sections
from wellkeeper.report.sections.curation import curation_sections
from wellkeeper.report.story import (
    Figure,
    curation_glance,
    curation_verdict,
    glance,
    joined,
    not_judged,
    verdict,
)
from wellkeeper.report.visible import ESCAPE, one_line, visible, visible_tree


@dataclass(frozen=True, slots=True)
class Chapter:
    """The sections of one document; `title` is empty where the page has one chapter alone."""

    title: str
    lead: str
    glance: Sequence[Figure]
    sections: Sequence[Section]


def render_html(audit: Mapping[str, Any], *, curation: Mapping[str, Any] | None = None, title: str) -> str:
    """The page of an audit, or of a curation together with the audit of what it read.

    Args:
        audit: a document of schema `wellkeeper.audit/1`; whatever it lacks, the page says so.
        curation: a document of schema `wellkeeper.curate/1`.
        title: what was audited, in a few words; stands in the window's title and above the headline.

    Returns:
        HTML that loads nothing and runs nothing. All text of the documents is escaped, and characters
        that cannot be seen are written out. Long lists are cut, and the page says where.
    """
    audit = visible_tree(audit)
    chapters = [_audit_chapter(audit, alone=curation is None)]
    headline, lead = verdict(audit, THIN), chapters[0].lead
    if curation is not None:
        curation = visible_tree(curation)
        chapters.insert(0, Chapter("", "", curation_glance(curation, THIN), curation_sections(curation)))
        headline, lead = curation_verdict(curation, THIN), _curation_lead(curation)
    return page(title=title, headline=headline, lead=lead, chapters=chapters)


def page(
    *,
    title: str,
    headline: str,
    lead: str,
    chapters: Sequence[Chapter],
    template: str = "page.html.j2",
    **told: Any,
) -> str:
    """The page of chapters; `headline` and `lead` are of documents that have gone through `visible_tree`.

    `template` extends `page.html.j2`, and is given what else is `told`.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            title=one_line(visible(title), 120),
            headline=headline,
            lead=lead,
            chapters=chapters,
            **told,
        )
    )


def _audit_chapter(audit: Mapping[str, Any], *, alone: bool) -> Chapter:
    gaps = not_judged(audit)
    lead = f"Not judged here: {joined(gaps)}." if gaps else ""
    if alone:
        return Chapter("", lead, glance(audit, THIN), audit_sections(audit))
    lead = f"{verdict(audit, THIN)} {lead}".strip()
    return Chapter("The audit of what was read", lead, glance(audit, THIN), audit_sections(audit))


def _curation_lead(curation: Mapping[str, Any]) -> str:
    waiting = integer(curation.get("review"))
    if not waiting:
        return "Every document that was read is accounted for: kept, dropped with its reason, or quarantined."
    return (
        f"{THIN.of(waiting, 'document')} kept out until a person has looked. "
        "Every other document is kept, dropped with its reason, or quarantined."
    )


def mark_escapes(text: str | Markup) -> Markup:
    """Escaped text in which written-out hidden characters are set apart."""
    safe = text if isinstance(text, Markup) else escape(text)
    return Markup(ESCAPE.sub(lambda found: f'<span class="hidden">{found[0]}</span>', str(safe)))  # noqa: S704


def _unbroken(figure: str) -> Markup:
    """A figure that may break before its interval, never inside."""
    value, opening, bounds = figure.partition("(")
    if not opening:
        return escape(figure)
    parts = Markup('<span class="num">{}</span> <span class="num">({}</span>').format(value.rstrip(), bounds)
    return Markup('<span class="two">{}</span>').format(parts)


def _percent(share: float) -> str:
    """A length for CSS, in [0%, 100%]."""
    return re.sub(r"\.?0+$", "", f"{min(1.0, max(0.0, share)) * 100:.2f}") + "%"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("wellkeeper.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = mark_escapes
    environment.filters["length"] = _percent
    environment.filters["unbroken"] = _unbroken
    return environment
