"""Quality rules, and records that could not become documents."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Bar, Bars, Block, Prose, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.common import documents_of, name_of, optional
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

_MAX_RULES = 40
_MAX_CODES = 20
_MAX_RECORDS = 40


def quality_section(audit: Audit) -> list[Block]:
    rules = rows(audit.get("quality"))
    if not rules:
        return [none("Quality rules were not measured.")]
    documents = documents_of(audit)
    rules = sorted(rules, key=lambda row: (-integer(row.get("documents")), text(row.get("rule"))))
    hit = [row for row in rules if integer(row.get("documents"))]
    silent = len(rules) - len(hit)
    shown, more = first(hit, _MAX_RULES, "rule")
    any_rule = number(audit.get("quality_any"))
    blocks: list[Block] = []
    if any_rule is not None:
        share = THIN.share_of(any_rule, documents)
        blocks.append(
            Prose(
                f"{THIN.of(int(any_rule), 'document')} ({share}) fail a rule of the default sets, those that "
                "quality.v1 applies when a recipe names none. Below are all rules, each with its threshold and paper."
            )
        )
    if shown:
        blocks += [Bars("Documents by rule broken", [_rule_bar(row, documents) for row in shown]), *more]
    if silent:
        blocks.append(Prose(f"{THIN.of(silent, 'rule')} broken by no document.", "note"))
    examples = [row for row in shown if text(table(row, "example").get("excerpt"))][:12]
    if examples:
        body = [
            [
                name_of(row, "rule"),
                optional(table(row, "example"), "id"),
                clip(one_line(text(table(row, "example").get("excerpt")), 160), 160),
            ]
            for row in examples
        ]
        summary = f"One document for each rule, {THIN.of(len(body), 'example')}"
        blocks.append(Table("Examples", ["Rule", "Document", "Excerpt"], body, summary=summary))
    return blocks


def _rule_bar(row: Audit, documents: int) -> Bar:
    count = integer(row.get("documents"))
    share = number(row.get("share"))
    if share is None:
        share = count / documents if documents else 0.0
    name, title = name_of(row, "rule"), optional(row, "title", 100)
    parts = (name if title else "", optional(row, "threshold", 120), optional(row, "source", 120))
    note = "; ".join(part for part in parts if part)
    return Bar(title or name, share, f"{THIN.count(count)} ({THIN.percent(share)})", note)


def quarantine_section(audit: Audit) -> list[Block]:
    inputs = table(audit, "inputs")
    quarantined = integer(inputs.get("quarantined"))
    if not quarantined:
        return [none("Every record became a document: nothing is in quarantine.")]
    codes = rows(inputs.get("quarantine_by_code"))
    records = THIN.of(quarantined, "record")
    lead = Prose(f"{records} could not become a document. None is lost: each is written out with its place.")
    if not codes:
        return [lead]
    shown, more = first(codes, _MAX_CODES, "code")
    body = []
    for row in shown:
        example = table(row, "example")
        body.append(
            [
                name_of(row, "code"),
                THIN.count(integer(row.get("records"))),
                _place(example),
                optional(example, "reason", 160),
            ]
        )
    head = ["Code", "Records", "First seen", "Reason"]
    return [lead, Table("Quarantine by code", head, body, frozenset({1})), *more, *_every_record(inputs)]


def _every_record(inputs: Audit) -> list[Block]:
    records = rows(inputs.get("quarantine"))
    if not records:
        return []
    shown, more = first(records, _MAX_RECORDS, "record")
    body = [[_place(row), optional(row, "code"), optional(row, "reason", 160)] for row in shown]
    summary = f"Record by record, {THIN.of(len(body), 'record')}"
    return [Table("Quarantined records", ["Place", "Code", "Reason"], body, summary=summary), *more]


def _place(example: Audit) -> str:
    file, line, offset = (
        optional(example, "file", 80),
        integer(example.get("line")),
        number(example.get("offset")),
    )
    parts = [file] if file else []
    parts += [f"line {line}"] if line else []
    parts += [f"byte {offset:.0f}"] if offset is not None and offset >= 0 else []
    return ", ".join(parts)
