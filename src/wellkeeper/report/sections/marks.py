"""Marks that others put on the documents: credentials, disclosures, statements of rights; and how common they are."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Bars, Block, Prose, Section, Table, first
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, rows, table, text
from wellkeeper.report.sections.common import bar_of, by_month, data_summary, documents_of
from wellkeeper.report.visible import one_line

Audit = Mapping[str, Any]

_MOST = 20
CLASSES = ("credential", "disclosure", "rights")
"""Of marks, as months count them."""


def marks_sections(audit: Audit) -> list[Section]:
    """One section where a mark or a statement was found, else none: a missing mark says nothing."""
    marks = table(audit, "marks")
    if not marks:
        return []
    return [
        Section(
            "marks",
            "Marks",
            [*_summary(marks), *_credentials(marks), *_signals(audit, marks), *_months(marks)],
        )
    ]


def _summary(marks: Audit) -> list[Block]:
    return [
        Prose(
            f"{THIN.of(integer(marks.get('documents')), 'document')} carry a mark or a statement beside their text. A "
            "document without one says nothing of who made it."
        )
    ]


def _credentials(marks: Audit) -> list[Block]:
    found = table(marks, "credentials")
    verdicts = rows(found.get("by_verdict"))
    if not verdicts:
        return []
    body = [
        [text(row.get("validity")), text(row.get("trust")), text(row.get("origin")), _count(row)]
        for row in verdicts
    ]
    note = (
        "Valid: it fits the very bytes it was found on. Trusted: its signer is one that you named. Neither follows "
        "from the other."
    )
    blocks: list[Block] = [
        Table("Credentials by verdict", ["Validity", "Signer", "States", "Documents"], body, frozenset({3})),
        Prose(note, "note"),
    ]
    for label in ("generator", "signer", "problem"):
        listed = rows(found.get(f"by_{label}"))
        shown, more = first(listed, _MOST, label)
        if shown:
            names = [[one_line(text(row.get(label)), 120), _count(row)] for row in shown]
            blocks += [
                Table(f"Credentials by {label}", [label.capitalize(), "Documents"], names, frozenset({1})),
                *more,
            ]
    return blocks


def _signals(audit: Audit, marks: Audit) -> list[Block]:
    total = documents_of(audit) or integer(marks.get("documents"))
    shown, more = first(rows(marks.get("signals")), _MOST, "kind of statement")
    bars = [
        bar_of(
            one_line(text(row.get("kind")), 80),
            integer(row.get("documents")),
            total,
            one_line(text(row.get("where")), 80),
        )
        for row in shown
    ]
    return [Bars("Documents by statement beside them", bars), *more] if bars else []


def _months(marks: Audit) -> list[Block]:
    """Share of each month's documents with a mark of each class."""
    months = [(month, row) for month, row in by_month(marks.get("by_month")) if integer(row.get("documents"))]
    if not months:
        return []
    body = [[month, _count(row), *(_share(row, name) for name in CLASSES)] for month, row in months]
    head = ["Month", "Documents", "Credential", "Disclosure", "Rights"]
    return [
        Table(
            "Marks by month of capture",
            head,
            body,
            frozenset(range(1, len(head))),
            data_summary(len(body), "month"),
        )
    ]


def _count(row: Audit) -> str:
    return THIN.count(integer(row.get("documents")))


def _share(row: Audit, name: str) -> str:
    count = integer(row.get(name))
    return THIN.with_share(count, integer(row.get("documents"))) if count else "0"
