"""The sections of a vetting's page: the gate, the verifiers, what went and why, the tail, the mix, and what is next."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import (
    Bar,
    Bars,
    Block,
    Facts,
    Heading,
    Prose,
    Quote,
    Quotes,
    Section,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.sections.common import name_of, shortened
from wellkeeper.report.sections.compare import change_of, figure_name, p_of
from wellkeeper.report.sections.method import run_facts, version_facts
from wellkeeper.report.sections.tail_cost import step_blocks
from wellkeeper.report.verifier import verifier_block
from wellkeeper.report.visible import clip, one_line

Document = Mapping[str, Any]

CONDITIONS = {
    "verifier": "What was accepted is right",
    "tail": "The tail was kept",
    "diversity": "The mix is no poorer",
    "contamination": "No copies, no tests",
    "share": "The share is under the cap",
    "register": "No verifier decides alone for long",
}
"""What each condition asks for, in a few words."""

MARKS = {"pass": "passes", "fail": "fails", "not enough data": "not enough data"}
_EXCERPT = 160  # letters
_MAX_REASONS = 20


def vet_sections(document: Document) -> list[Section]:
    """All sections in reading order."""
    return [
        Section("gate", "The gate", gate_section(document)),
        Section("verifiers", "The verifiers", _verifiers(document)),
        Section("texts", "What became of the texts", _texts(document)),
        Section("tail", "The tail, before and after verification", _tail(document)),
        Section("mix", "The mix beside people's texts alone", _mix(document)),
        Section("method", "How this was measured", _method(document)),
    ]


def gate_section(document: Document) -> list[Block]:
    """Every condition with what was found, and what to do where it did not pass."""
    found = rows(document.get("gate"))
    if not found:
        return [none("No condition was told.")]
    body = [
        [
            CONDITIONS.get(text(row.get("condition")), name_of(row, "condition")),
            MARKS.get(text(row.get("passed")), "not told"),
            clip(text(row.get("said")), 600),
        ]
        for row in found
    ]
    steps = [
        Prose(f"{name_of(row, 'condition').capitalize()}: {clip(text(row.get('next')), 400)}")
        for row in found
        if text(row.get("next"))
    ]
    intro = (
        "All conditions must hold. One that fails refuses the set; one that cannot be told leaves it waiting."
    )
    heading: list[Block] = [Heading("What to do next")] if steps else []
    return [
        Prose(intro),
        Table("The conditions", ["Condition", "Verdict", "What was found"], body),
        *heading,
        *steps,
    ]


def _verifiers(document: Document) -> list[Block]:
    found = table(document, "verification")
    body = [
        [
            name_of(row, "verifier"),
            *(THIN.count(integer(row.get(said))) for said in ("accepted", "rejected", "unknown")),
        ]
        for row in rows(found.get("by"))
    ]
    blocks: list[Block] = [
        Prose(
            "A text is accepted if every verifier accepts it, and rejected if one rejects it. Else it is unknown: a "
            "check ran out of time, or a person has not looked. Unknown is never counted as wrong, and never let in."
        )
    ]
    if body:
        blocks.append(
            Table("Verdicts", ["Verifier", "Accepted", "Rejected", "Unknown"], body, frozenset({1, 2, 3}))
        )
    blocks += [Prose(one_line(text(row.get("said")), 400)) for row in rows(document.get("anchors"))]
    card = table(document, "card")
    if card:
        return [*blocks, *verifier_block(card)]
    return [
        *blocks,
        none(
            "No card was given: how often these verifiers keep right texts, and wrong ones, was never measured. "
            "Measure it with wellkeeper verifier."
        ),
    ]


def _texts(document: Document) -> list[Block]:
    counts = table(document, "counts")
    total = integer(counts.get("documents"))
    body = [
        [
            one_line(text(row.get("what")), 60).capitalize(),
            *(THIN.count(integer(row.get(name))) for name in ("before", "dropped", "review")),
        ]
        for row in rows(counts.get("steps"))
    ]
    blocks: list[Block] = [
        Prose(
            f"{THIN.of(total, 'text')} read, {THIN.count(integer(counts.get('kept')))} in the set. Every other one has "
            "its reason in the ledger: ask for one with wellkeeper why."
        ),
        Table("By step", ["Step", "Texts", "Out", "Waiting"], body, frozenset({1, 2, 3})),
    ]
    reasons = rows(table(document, "verification").get("reasons"))[:_MAX_REASONS]
    if reasons:
        bars = [
            Bar(
                name_of(row, "reason"),
                integer(row.get("documents")) / max(1, total),
                THIN.with_share(integer(row.get("documents")), total),
            )
            for row in reasons
        ]
        blocks += [Heading("Why texts were not accepted"), Bars("Reasons", bars)]
    shown, more = first(rows(document.get("examples")), _MAX_REASONS, "text")
    if shown:
        blocks += [Heading("Texts that are not in the set"), Quotes([_quote(row) for row in shown]), *more]
    return blocks


def _quote(row: Document) -> Quote:
    excerpt = text(row.get("excerpt"))
    said = one_line(excerpt, _EXCERPT)
    return Quote(
        name_of(row, "id"),
        "",
        one_line(text(row.get("reason")), 160),
        shortened(said, more=len(excerpt) >= _EXCERPT),
        "",
        "",
    )


def _tail(document: Document) -> list[Block]:
    found = rows(document.get("tail_cost"))
    if not found:
        return [
            none("Verification took out nothing of which rare words or topics of the reference are known.")
        ]
    return [
        Prose(
            "Rejecting texts takes rare words and topics with it. The question is whether more of the human "
            "reference's tail went than a random removal of as many texts takes."
        ),
        *(block for place, row in enumerate(found) for block in step_blocks(row, place)),
    ]


def _mix(document: Document) -> list[Block]:
    diversity = table(document, "diversity")
    asked = table(diversity, "asked")
    if not asked:
        return [none("There were too few human or accepted documents to compare a mix.")]
    words = number(asked.get("words")) or 0.0
    blocks: list[Block] = [
        Prose(
            f"Half of the human reference is the yardstick; of the other half, {THIN.percent(words)} of the words were "
            f"replaced by {THIN.of(integer(asked.get('items')), 'accepted text')}, place by place, and the mix is held "
            "against the same half without them. Sizes are equal."
        ),
        *(_family(name, family) for name, family in table(asked, "families").items()),
    ]
    tried = [
        f"{THIN.percent(number(row.get('share')) or 0.0)}: {one_line(text(row.get('verdict')), 40)}"
        for row in rows(diversity.get("tried"))
    ]
    if tried:
        blocks.append(Prose(f"By share of the documents: {'; '.join(tried)}.", "note"))
    alone = table(diversity, "alone")
    if alone:
        blocks += [
            Heading("The accepted texts by themselves"),
            Prose(
                "For information: no condition. A set of a model's texts alone is poorer than people's.",
                "note",
            ),
            _family("words", alone, second="Accepted texts"),
        ]
    return blocks


def _family(name: str, family: Any, *, second: str = "With the accepted texts") -> Table:
    body = [
        [
            figure_name(name, change, has_reference=True).capitalize(),
            _side(change, "first"),
            _side(change, "second"),
            change_of(change, THIN),
            p_of(change),
        ]
        for change in rows(table(family).get("changes"))
    ]
    head = ["Figure", "People alone", second, "Change", "p"]
    return Table(f"{one_line(name, 40).capitalize()}", head, body, frozenset({1, 2, 3, 4}))


def _side(change: Document, side: str) -> str:
    found = interval(change.get(side))
    if found is None:
        return "not measured"
    return THIN.quantity(found) if text(change.get("figure")).startswith("q") else THIN.interval(found)


def _method(document: Document) -> list[Block]:
    curation = table(document, "curation")
    described = table(document, "verifiers")
    facts = [
        *version_facts(document),
        ("Verifiers", one_line(text(described.get("digest")), 80)),
        *run_facts(curation, "seed", "workers", "seconds"),
    ]
    return [Facts([fact for fact in facts if fact[1]])]
