"""Who or what wrote the corpus: what is declared, what is estimated, what was seen."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import (
    Block,
    Heading,
    Key,
    Picture,
    Prose,
    Quote,
    Quotes,
    Ranges,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.sections.common import (
    by_month,
    data_summary,
    date_of,
    drawn,
    latest,
    name_of,
    optional,
    origin_stack,
    range_of,
)
from wellkeeper.report.story import declared, in_origin_order
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

_MAX_SOURCES = 20
_MAX_QUOTES = 8
_CONTEXT = 160  # letters


def origin_section(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    if not origin:
        return [none("Origin was not measured: the document has no such part.")]
    return [
        *_declared(audit),
        *_share(audit),
        *_share_by_slice(origin),
        *_share_by_source(origin),
        *_share_by_month(audit),
        *_references(origin),
        *_language_model(origin),
        *_evidence(origin),
    ]


def _declared(audit: Audit) -> list[Block]:
    found = declared(audit)
    if not found:
        return [none("No document declares an origin.")]
    return [
        Heading("What the documents declare"),
        origin_stack("Declared origin of all documents", found),
        Prose(
            "A declaration is a claim of the source, not a measurement. Unknown is an honest answer: "
            "a missing label is no sign of a human author.",
            "note",
        ),
        *_resolved(audit, found),
    ]


def _resolved(audit: Audit, found: Mapping[str, int]) -> list[Block]:
    """Origins once all evidence is weighed, where that differs from what is declared."""
    resolved = in_origin_order(table(audit, "origin", "resolved"))
    if not resolved or resolved == found:
        return []
    return [
        Heading("After weighing the evidence"),
        origin_stack("Origin after weighing the evidence", resolved),
    ]


def _share(audit: Audit) -> list[Block]:
    fields = table(audit, "origin", "share")
    share = interval(fields)
    title = Heading("How much of it is AI-made")
    if share is None:
        return [title, none("The AI-made share was not estimated.")]
    level = number(fields.get("level"))
    sure = "bounds" if share.estimate is None else f"{level:.0%} interval" if level else "interval"
    method = one_line(text(fields.get("method"), "not named"), 120)
    judged = integer(fields.get("judged"))  # measured: of what bears a score, and bounds are of all
    whole = ("that can be judged", f"{_judged(fields)}; ") if judged else ("", "")
    blocks: list[Block] = [
        title,
        Ranges(
            f"AI-made share of all documents {whole[0]}".rstrip(),
            [
                range_of(
                    f"All {whole[0]}".rstrip(),
                    share,
                    f"{whole[1]}{sure}; method: {_METHODS.get(method, method)}",
                )
            ],
            large=True,
        ),
    ]
    if share.estimate is None and not text(fields.get("note")):
        blocks.append(
            Prose(
                f"The share is not identified: the evidence at hand fits all of {THIN.bounds(share)}. "
                "No single figure is given, because none could be defended."
            )
        )
    if text(fields.get("note")):
        blocks.append(Prose(clip(text(fields.get("note")), 600), "note"))
    bounds = interval(table(audit, "origin", "bounds"))
    if bounds is not None and table(audit, "origin", "measured"):
        labels = range_of("All", bounds, "what labels, dates and traces settle, and leave open")
        blocks += [Heading("By labels alone"), Ranges("AI-made share by labels alone", [labels])]
    return blocks


_METHODS = {
    "references": "style, against human and AI references of each slice",
    "human-references": "style, against human references of each slice",
    "both": "style, against references of each slice; not all slices have AI ones",
    "bounds": "what labels leave open",
    "declared": "labels as they stand",
}

_LIMITS = (
    "These are shares of documents, not of words, and no verdict on any one: one document is weak evidence.",
    "An interval holds for text like the references. Others may read as AI: non-native and technical writers first.",
    "Sources and months are held against the references of their slice; one that writes otherwise may read as AI.",
    "Of many intervals at 95%, one in twenty misses: expect some where many sources are listed.",
    "Text by base models, short text, code and languages other than English are not seen.",
    "Disguised text reads as human. Figures were tested with generators up to the middle of 2024.",
    "AI text among the human references makes the share too low: keep to what was written before November 2022.",
)


def _references(origin: Audit) -> list[Block]:
    """What the measured shares rest on, and what they cannot tell."""
    measured = table(origin, "measured")
    if not measured:
        return []
    found = rows(measured.get("anchors"))
    shown, more = first(found, _MAX_SOURCES, "slice")
    body = []
    for row in shown:
        area = number(row.get("separation"))
        warned = len(row.get("warnings") or ())
        body.append(
            [
                name_of(row, "slice"),
                THIN.count(integer(row.get("human"))),
                THIN.count(integer(row.get("ai"))),
                "" if area is None else f"{area:.2f}",
                THIN.count(warned),
            ]
        )
    head = ["Slice", "Human", "AI", "AUROC of style", "Warnings"]
    caption = (
        f"References that the shares rest on; style model {one_line(text(measured.get('style_model')), 60)}"
    )
    return [
        Heading("What it was measured with"),
        Table(caption, head, body, frozenset({1, 2, 3, 4})),
        *more,
        Heading("What these figures can and cannot tell"),
        *(Prose(limit, "note") for limit in _LIMITS),
    ]


def _language_model(origin: Audit) -> list[Block]:
    """What a language model of the user's made of a sample."""
    found = table(origin, "lm")
    if not found:
        return []
    shown, more = first(rows(found.get("by_source")), _MAX_SOURCES, "source")
    head = ["Source", "Read", "Fast-DetectGPT", "Log-likelihood", "Top-1 rate"]
    body = [
        [
            name_of(row, "source"),
            THIN.count(integer(row.get("read"))),
            *(_quartiles(row, name) for name in ("fast_detect_gpt", "log_likelihood", "top1_rate")),
        ]
        for row in shown
    ]
    left = integer(found.get("left"))
    rest = f" {THIN.of(left, 'document')} not reached: run again, or raise the budget." if left else ""
    return [
        Heading("What a language model makes of it"),
        Table(
            f"Median and quartiles by source; model {one_line(text(found.get('model')), 60)}",
            head,
            body,
            frozenset({1, 2, 3, 4}),
        ),
        *more,
        Prose(
            "Text that this very model sampled at temperature 1 has a Fast-DetectGPT of 0 on average, with standard "
            "deviation 1, and more at a lower temperature; text by people and by other models lies lower. Compare "
            f"sources with each other.{rest}",
            "note",
        ),
    ]


def _quartiles(row: Audit, name: str) -> str:
    found = table(row, name)
    middle, low, high = (number(found.get(key)) for key in ("estimate", "low", "high"))
    if middle is None or low is None or high is None:
        return "none"
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _share_by_slice(origin: Audit) -> list[Block]:
    found = [(row, share) for row in rows(origin.get("by_slice")) if (share := interval(row)) is not None]
    if len(found) < 2:
        return []  # one slice is the headline
    found.sort(key=lambda pair: (-integer(pair[0].get("documents")), text(pair[0].get("slice"))))
    shown, more = first(found, _MAX_SOURCES, "slice")
    ranges = [range_of(name_of(row, "slice"), share, _judged(row)) for row, share in shown]
    return [Heading("By slice"), Ranges("AI-made share by slice", ranges), *more]


def _judged(row: Audit) -> str:
    """`1,204 documents`, or how many of them the share speaks of."""
    documents = THIN.of(integer(row.get("documents")), "document")
    judged = integer(row.get("judged"))
    if not judged or judged >= integer(row.get("documents")):
        return documents
    return f"{documents}, {THIN.count(judged)} of them judged"


def _share_by_source(origin: Audit) -> list[Block]:
    found = [(row, share) for row in rows(origin.get("by_source")) if (share := interval(row)) is not None]
    if not found:
        return [Heading("By source"), none("No share by source was estimated.")]
    found.sort(key=lambda pair: (-integer(pair[0].get("documents")), text(pair[0].get("source"))))
    shown, more = first(found, _MAX_SOURCES, "source")
    ranges = [range_of(name_of(row, "source"), share, _judged(row)) for row, share in shown]
    return [Heading("By source"), Ranges("AI-made share by source", ranges), *more]


def _share_by_month(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    found = [
        svg.Column(month, integer(row.get("documents")), share=share)
        for month, row in by_month(origin.get("by_month"))
        if (share := interval(row)) is not None
    ]
    title = Heading("By month")
    if not any(column.share and column.share.estimate is not None for column in found):
        return [title, none("No share by month was identified.")]
    shown, more = latest(found)
    words = "AI-made share by month of capture, each with its interval"
    data = Table(
        "AI-made share by month",
        ["Month", "Documents", "AI-made share and its interval"],
        [[c.month, THIN.count(c.documents), THIN.interval(c.share)] for c in shown if c.share],
        frozenset({1, 2}),
        data_summary(len(shown), "month"),
    )
    line = text(table(origin, "dates").get("line"))
    pictures = drawn(
        "months-share",
        "AI-made share by month",
        f"{words}, from {shown[0].month} to {shown[-1].month}. The table below has every value.",
        lambda frame: svg.months(frame, shown, line=date_of(line), y_label="AI-made share"),
    )
    keys = [Key("k-estimate", "estimate"), Key("k-span", "its interval")]
    if any(column.share and column.share.estimate is None for column in shown):
        keys.append(Key("k-open", "not identified: anywhere in its span"))
    if date_of(line):
        keys.append(Key("k-date", f"{date_of(line)}, public release of ChatGPT"))
    return [title, Picture(words + ".", *pictures, data, keys), *more]


def _evidence(origin: Audit) -> list[Block]:
    title = Heading("Evidence seen")
    found = rows(origin.get("evidence"))
    if not found:
        return [title, none("No evidence of origin was seen. Absence of a mark is not evidence of a human.")]
    shown, more = first(found, 30, "kind")
    blocks: list[Block] = [title, _evidence_table(shown), *more]
    if integer(origin.get("conflicts")):
        conflicts = THIN.of(integer(origin.get("conflicts")), "document")
        agree = "carries" if integer(origin.get("conflicts")) == 1 else "carry"
        blocks.append(Prose(f"{conflicts} {agree} evidence that points both ways; a person should look."))
    examples = rows(origin.get("examples"))
    if examples:
        quotes, more_quotes = first(examples, _MAX_QUOTES, "example")
        blocks += [Heading("Traces in their context"), Quotes([_quote(row) for row in quotes]), *more_quotes]
    return blocks


def _evidence_table(kinds: Sequence[Audit]) -> Table:
    body = [
        [
            optional(row, "title", 100) or name_of(row, "kind"),
            optional(row, "strength"),
            _weight(row),
            THIN.count(integer(row.get("documents"))),
        ]
        for row in kinds
    ]
    caption = "Evidence of origin by kind; weight is the log10 likelihood ratio, above 0 towards AI"
    return Table(caption, ["Evidence", "How strong", "Weight", "Documents"], body, frozenset({2, 3}))


def _weight(row: Audit) -> str:
    weight = number(row.get("weight"))
    if text(row.get("kind")) == "style":  # the one kind that has none of its own
        return "by document"
    return "" if weight is None else f"{weight:+.1f}"


def _quote(row: Audit) -> Quote:
    where = [part for part in (optional(row, "source"), optional(row, "id")) if part]
    before, after = text(row.get("before")), text(row.get("after"))
    return Quote(
        title=one_line(text(row.get("title"), text(row.get("kind"), "trace")), 120),
        strength=one_line(text(row.get("strength")), 40),
        where=", ".join(where),
        before=before[-_CONTEXT:],
        match=clip(text(row.get("match")), _CONTEXT),
        after=after[:_CONTEXT],
    )
