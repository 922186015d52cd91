"""Documents that repeat others, and what tells a near copy from its survivor."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from wellkeeper.report.blocks import (
    Bar,
    Bars,
    Block,
    Cluster,
    Clusters,
    Copy,
    Heading,
    Prose,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.common import documents_of, name_of, optional
from wellkeeper.report.story import similarity
from wellkeeper.report.visible import clip

Audit = Mapping[str, Any]

_MAX_SOURCES = 20
_MAX_CLUSTERS = 5
_MAX_COPIES = 3
_EXCERPT = 420  # letters
_CUT = 150  # letters from which an excerpt is taken to be cut


def duplicates_section(audit: Audit) -> list[Block]:
    duplicates = table(audit, "duplicates")
    if not duplicates:
        return [none("No search for duplicates was run.")]
    exact, near = table(duplicates, "exact"), table(duplicates, "near")
    documents = documents_of(audit)
    body = [
        [
            "Exact: the same text",
            THIN.count(integer(exact.get("groups"))),
            THIN.count(integer(exact.get("redundant"))),
            THIN.share_of(integer(exact.get("redundant")), documents),
        ],
        [
            f"Near: {similarity(audit)}",
            THIN.count(integer(near.get("clusters"))),
            THIN.count(integer(near.get("redundant"))),
            THIN.share_of(integer(near.get("redundant")), documents),
        ],
    ]
    head = ["Kind", "Groups", "Redundant", "Of all documents"]
    return [
        Prose("Redundant are the documents that could go while every text keeps one survivor."),
        Table("Duplicates", head, body, frozenset({1, 2, 3})),
        *_near_note(near),
        *_duplicates_by_source(duplicates),
        *_cluster_sizes(duplicates),
        *_clusters(duplicates),
    ]


def _near_note(near: Audit) -> list[Block]:
    said = []
    if integer(near.get("largest")):
        said.append(
            f"The largest near-duplicate group holds {THIN.of(integer(near.get('largest')), 'document')}."
        )
    if integer(near.get("candidates")):
        said.append(
            f"{THIN.of(integer(near.get('candidates')), 'candidate pair')} found by sketch, "
            f"{THIN.count(integer(near.get('verified')))} confirmed on their full shingle sets."
        )
    return [Prose(" ".join(said), "note")] if said else []


def _duplicates_by_source(duplicates: Audit) -> list[Block]:
    found = rows(duplicates.get("by_source"))
    if not found:
        return []
    found.sort(key=lambda row: (-(number(row.get("share")) or 0.0), text(row.get("source"))))
    shown, more = first(found, _MAX_SOURCES, "source")
    bars = []
    for row in shown:
        documents = integer(row.get("documents"))
        exact, near = integer(row.get("exact")), integer(row.get("near"))
        share = number(row.get("share"))
        if share is None:
            share = (exact + near) / documents if documents else 0.0
        note = f"{THIN.count(exact)} exact and {THIN.count(near)} near of {THIN.of(documents, 'document')}"
        bars.append(Bar(name_of(row, "source"), share, THIN.percent(share), note))
    return [Heading("Redundant share by source"), Bars("Redundant share by source", bars), *more]


def _cluster_sizes(duplicates: Audit) -> list[Block]:
    found = sorted(rows(duplicates.get("sizes")), key=lambda row: integer(row.get("size")))
    if not found:
        return []
    shown, more = first(found, 30, "size")
    body = [[THIN.count(integer(row.get("size"))), THIN.count(integer(row.get("clusters")))] for row in shown]
    head = ["Documents in a group", "Groups"]
    summary = f"Group sizes, {THIN.of(len(shown), 'size')}"
    return [Table("Group sizes", head, body, frozenset({0, 1}), summary), *more]


def _clusters(duplicates: Audit) -> list[Block]:
    found = rows(duplicates.get("examples"))
    if not found:
        return []
    shown, more = first(found, _MAX_CLUSTERS, "example group")
    said = Prose(
        "In each copy, words that the survivor does not have are underlined, words that it lost are struck.",
        "note",
    )
    return [Heading("Example groups"), said, Clusters([_cluster(row) for row in shown]), *more]


def _cluster(row: Audit) -> Cluster:
    survivor, removed = table(row, "survivor"), rows(row.get("removed"))
    excerpt = text(survivor.get("excerpt"))
    kind = "Exact" if text(row.get("kind")) == "exact" else "Near"
    size = integer(row.get("size")) or len(removed) + 1
    left = size - 1 - min(len(removed), _MAX_COPIES)
    return Cluster(
        title=f"{kind} duplicates, {THIN.of(size, 'document')}",
        survivor=_where(survivor),
        excerpt=clip(excerpt, _EXCERPT),
        copies=[_copy(copy, excerpt) for copy in removed[:_MAX_COPIES]],
        more=f"and {THIN.of(left, 'more copy', 'more copies')}" if left > 0 else "",
    )


def _copy(row: Audit, survivor: str) -> Copy:
    similar = number(row.get("similarity"))
    note = "" if similar is None else f"similarity {similar:.2f}"
    return Copy(_where(row), note, differences(survivor, text(row.get("excerpt"))))


def _where(row: Audit) -> str:
    parts = (optional(row, "source"), optional(row, "origin"), optional(row, "id"))
    return ", ".join(part for part in parts if part) or "(unnamed)"


def differences(survivor: str, removed: str) -> Markup:
    """The removed text, escaped, its words that differ from the survivor's marked as <ins> and <del>."""
    ours, theirs = (re.findall(r"\s+|\S+", clip(part, _EXCERPT)) for part in (survivor, removed))
    if ours == theirs:
        return Markup('<span class="same">the same text as the survivor, as far as shown</span>')
    parts: list[str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        gone, new = escape("".join(ours[a:b])), escape("".join(theirs[c:d]))
        if what == "equal" or (
            b == len(ours) and d == len(theirs) and _is_cut(removed, ours[a:b] + theirs[c:d])
        ):
            parts.append(str(new))
            continue
        parts += [f"<del>{gone}</del>"] if gone.strip() else []
        parts += [f"<ins>{new}</ins>" if new.strip() else str(new)]
    return Markup("".join(parts))  # noqa: S704 - both sides were escaped


def _is_cut(excerpt: str, tokens: list[str]) -> bool:
    """Whether a difference at the very end is the cut of an excerpt rather than of the text."""
    return len(excerpt) >= _CUT and len(tokens) <= 8
