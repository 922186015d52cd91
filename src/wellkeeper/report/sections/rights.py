"""Rights and descent: licences, consent, what signals say and where they contradict each other, generation depth."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Bars, Block, Heading, Prose, Section, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import counted, integer, number, rows, table, text
from wellkeeper.report.sections.common import bar_of, documents_of
from wellkeeper.report.visible import one_line

Document = Mapping[str, Any]

_MAX_LICENCES = 20
_UNSAID = ("unknown",)


def rights_section(audit: Document) -> list[Block]:
    """Of an audit: licences, then consent and signals where there are any."""
    rights = table(audit, "rights")
    return [*_licences(rights, documents_of(audit)), *_consent(rights), *_signals(rights)]


def _licences(rights: Document, documents: int) -> list[Block]:
    licences = counted(rights.get("licence"), "expression")
    unknown = integer(rights.get("unknown_licence"))
    if not licences and not unknown:
        return [none("No licence was read.")]
    total = documents or sum(licences.values()) + unknown
    shown, more = first(list(licences.items()), _MAX_LICENCES, "licence")
    entries = [*shown, *([("no licence known", unknown)] if unknown else [])]
    bars = [bar_of(one_line(name, 80), count, total) for name, count in entries]
    blocks: list[Block] = [Heading("Licences"), Bars("Documents by licence", bars), *more]
    recognised = number(rights.get("recognised"))
    if recognised is not None:
        blocks.append(
            Prose(
                f"{THIN.of(int(recognised), 'document')} ({THIN.share_of(recognised, total)}) under a recognised "
                "licence that allows the text to be passed on. A licence is as its source declares it, or else as the "
                "page itself says.",
                "note",
            )
        )
    return blocks


def _consent(rights: Document) -> list[Block]:
    consent = {label: integer(n) for label, n in table(rights, "consent").items()}
    total = sum(consent.values())
    if not any(n for label, n in consent.items() if label not in _UNSAID):
        return []
    bars = [bar_of(one_line(label, 40), n, total) for label, n in consent.items() if n]
    note = (
        "As all signals and the recipe say together; where one denies training and another allows it, the denial "
        "counts. No signal is no consent."
    )
    return [
        Heading("Consent to training"),
        Bars("Documents by consent to training", bars),
        Prose(note, "note"),
    ]


def _signals(rights: Document) -> list[Block]:
    found = rows(rights.get("signals"))
    if not found:
        return []
    body = [
        [
            one_line(text(row.get("kind")), 40),
            *(THIN.count(integer(row.get(key))) for key in ("denies", "allows")),
        ]
        for row in found
    ]
    head = ["Signal", "Documents denied", "Documents allowed"]
    blocks: list[Block] = [Table("What signals say of training", head, body, frozenset({1, 2}))]
    return [*blocks, *_conflicts(table(rights, "conflicts"))]


def _conflicts(conflicts: Document) -> list[Block]:
    many = integer(conflicts.get("documents"))
    if not many:
        return []
    body = [
        [
            one_line(text(row.get("id")), 80),
            one_line(text(row.get("consent")), 40),
            one_line("; ".join(str(said) for said in row.get("said") or ()), 300),
        ]
        for row in rows(conflicts.get("examples"))
    ]
    lead = (
        f"{THIN.of(many, 'document')} with signals that contradict each other. Examples, with what was said:"
    )
    return [Prose(lead), Table("Contradicting signals", ["Document", "Counts as", "Said"], body)]


def rights_sections(curation: Document) -> list[Section]:
    """Of a curation: rights before and after, and generation depth; nothing where nothing is known of either."""
    sections = []
    if blocks := _before_and_after(table(curation, "rights")):
        sections.append(Section("rights-after", "Rights before and after", blocks))
    if blocks := _depths(table(curation, "lineage")):
        sections.append(Section("depth", "Generation depth", blocks))
    return sections


def _before_and_after(rights: Document) -> list[Block]:
    before, after = table(rights, "before"), table(rights, "after")
    licences = [counted(side.get("licence"), "expression") for side in (before, after)]
    unknown = [integer(side.get("unknown_licence")) for side in (before, after)]
    consents = [{k: integer(v) for k, v in table(side, "consent").items()} for side in (before, after)]
    blocks: list[Block] = []
    if licences[0]:
        entries = [(name, n, licences[1].get(name, 0)) for name, n in licences[0].items()]
        shown, more = first(entries, _MAX_LICENCES, "licence")
        entries = [*shown, *([("no licence known", unknown[0], unknown[1])] if unknown[0] else [])]
        blocks += [_counts("Documents by licence", "Licence", entries), *more]
    if any(n for label, n in consents[0].items() if label not in _UNSAID):
        entries = [(label, n, consents[1].get(label, 0)) for label, n in consents[0].items() if n]
        blocks.append(_counts("Documents by consent to training", "Consent", entries))
    signals = rows(before.get("signals"))
    if signals:
        blocks += [Heading("Signals, of all that was read"), *_signals(before)]
    return blocks


def _counts(caption: str, name: str, entries: list[tuple[str, int, int]]) -> Table:
    body = [[one_line(label, 80), THIN.count(before), THIN.count(after)] for label, before, after in entries]
    return Table(caption, [name, "Before", "After"], body, frozenset({1, 2}))


def _depths(lineage: Document) -> list[Block]:
    """Nothing where no depth but that of people's texts is known."""
    found = [
        (f"{integer(row.get('depth'))}", integer(row.get("before")), integer(row.get("after")))
        for row in rows(lineage.get("depths"))
    ]
    parents = table(lineage, "parents")
    if not any(name != "0" for name, _, _ in found) and not integer(parents.get("named")):
        return []
    unknown = table(lineage, "unknown")
    entries = [*found, ("unknown", integer(unknown.get("before")), integer(unknown.get("after")))]
    prose = (
        "How many generations of models lie behind a text: 0 for people's, 1 more than its deepest parent for a "
        "model's. Each generation loses some of the tail."
    )
    blocks: list[Block] = [Prose(prose), _counts("Documents by generation depth", "Depth", entries)]
    if named := number(parents.get("named")):
        told = (
            f"{THIN.of(int(named), 'parent')} named by {THIN.of(integer(parents.get('children')), 'document')}: "
            f"{THIN.count(integer(parents.get('here')))} found in this corpus, "
            f"{THIN.count(integer(parents.get('earlier')))} in earlier sets, "
            f"{THIN.count(integer(parents.get('missing')))} nowhere."
        )
        blocks.append(Prose(told, "note"))
    return blocks
