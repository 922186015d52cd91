"""The sections of an audit's page, as blocks. One function a section; each takes the whole document."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from wellkeeper.report import svg
from wellkeeper.report.blocks import (
    Bar,
    Bars,
    Block,
    Card,
    Cards,
    Cluster,
    Clusters,
    Code,
    Copy,
    Facts,
    Heading,
    Key,
    Part,
    Picture,
    Prose,
    Quote,
    Quotes,
    Range,
    Ranges,
    Section,
    Stack,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import (
    Interval,
    counted,
    integer,
    interval,
    number,
    rows,
    table,
    text,
    texts,
)
from wellkeeper.report.story import ORIGINS, SEVERITIES, declared, findings, in_origin_order, similarity
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

# How much of a long list one page shows: enough to judge by, small enough that the page stays light.
_MAX_FINDINGS, _MAX_SOURCES, _MAX_RULES, _MAX_LICENCES, _MAX_CODES = 24, 24, 40, 20, 20
_MAX_QUOTES, _MAX_CLUSTERS, _MAX_COPIES, _MAX_MONTHS, _MAX_POINTS = 8, 5, 3, 120, 60
_EXCERPT, _CONTEXT = 420, 160  # letters

_LEVEL = "95%"


def audit_sections(audit: Audit) -> list[Section]:
    """All sections in reading order: findings first, method last."""
    return [
        Section("findings", "Findings", _findings(audit)),
        Section("origin", "Origin", _origin(audit)),
        Section("sources", "Sources and months", _sources(audit)),
        Section("duplicates", "Duplicates", _duplicates(audit)),
        Section("tails", "Tails", _tails(audit)),
        Section("quality", "Quality", _quality(audit)),
        Section("rights", "Rights", _rights(audit)),
        Section("quarantine", "Quarantine", _quarantine(audit)),
        Section("recipe", "Proposed recipe", _recipe(audit)),
        Section("method", "How this was measured", _method(audit)),
    ]


def _documents(audit: Audit) -> int:
    return integer(table(audit, "inputs").get("documents"))


def _findings(audit: Audit) -> list[Block]:
    found = findings(audit)
    if not found:
        return [none("No finding. What was not measured cannot be found: see the line under the headline.")]
    shown, more = first(found, _MAX_FINDINGS, "finding")
    return [Cards([_card(row) for row in shown]), *more]


def _card(row: Audit) -> Card:
    severity = text(row.get("severity"))
    return Card(
        code=one_line(text(row.get("code"), "WK"), 24),
        severity=severity if severity in SEVERITIES else "info",
        title=one_line(text(row.get("title"), "(untitled)"), 200),
        detail=clip(text(row.get("detail")), 800),
        next=clip(text(row.get("next")), 400),
    )


# --- origin --------------------------------------------------------------------------------------


def _origin(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    if not origin:
        return [none("Origin was not measured: the document has no such part.")]
    return [
        *_declared(audit),
        *_share(audit),
        *_share_by_source(origin),
        *_share_by_month(audit),
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
    ]


def origin_stack(label: str, found: Mapping[str, int]) -> Stack:
    """A stacked bar of documents by declared origin, every part with its count and share."""
    total = sum(found.values())
    parts = [
        Part(
            name, count / total, f"{THIN.count(count)} ({THIN.percent(count / total)})", origin_colour(name)
        )
        for name, count in in_origin_order(found).items()
    ]
    return Stack(label, parts)


def origin_colour(label: str) -> str:
    return f"o-{label}" if label in ORIGINS else "o-unknown"


def _share(audit: Audit) -> list[Block]:
    fields = table(audit, "origin", "share")
    share = interval(fields)
    title = Heading("How much of it is AI-made")
    if share is None:
        return [title, none("The AI-made share was not estimated.")]
    level = number(fields.get("level"))
    sure = f"{level:.0%} interval" if level else "interval"
    note = f"{sure}, {one_line(text(fields.get('method'), 'method not named'), 120)}"
    blocks: list[Block] = [title, Ranges("AI-made share of all documents", [_range("All", share, note)], True)]
    if share.estimate is None:
        blocks.append(
            Prose(
                f"The share is not identified: the evidence at hand fits every value in {THIN.bounds(share)}. "
                "No single figure is given, because none could be defended."
            )
        )
    if text(fields.get("note")):
        blocks.append(Prose(clip(text(fields.get("note")), 600), "note"))
    return blocks


def _range(label: str, share: Interval, note: str) -> Range:
    low = share.low if share.low is not None else share.estimate
    high = share.high if share.high is not None else share.estimate
    return Range(label, low or 0.0, high or 0.0, share.estimate, THIN.interval(share), note)


def _share_by_source(origin: Audit) -> list[Block]:
    found = [
        (row, share) for row in rows(origin.get("by_source")) if (share := interval(row)) is not None
    ]
    if not found:
        return [Heading("By source"), none("No share by source was estimated.")]
    found.sort(key=lambda pair: (-integer(pair[0].get("documents")), text(pair[0].get("source"))))
    shown, more = first(found, _MAX_SOURCES, "source")
    drawn = [
        _range(_name(row, "source"), share, THIN.of(integer(row.get("documents")), "document"))
        for row, share in shown
    ]
    return [Heading("By source"), Ranges("AI-made share by source", drawn), *more]


def _share_by_month(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    found = [
        svg.Column(month, integer(row.get("documents")), share=share)
        for month, row in _by_month(origin.get("by_month"))
        if (share := interval(row)) is not None
    ]
    title = Heading("By month")
    if not any(column.share and column.share.estimate is not None for column in found):
        return [title, none("No share by month was identified.")]
    shown, more = _latest(found)
    words = "AI-made share by month of capture, each with its interval"
    data = Table(
        "AI-made share by month",
        ["Month", "Documents", f"AI-made share ({_LEVEL} interval)"],
        [[c.month, THIN.count(c.documents), THIN.interval(c.share)] for c in shown if c.share],
        frozenset({1, 2}),
        _data_summary(len(shown), "month"),
    )
    line = text(table(origin, "dates").get("line"))
    pictures = _drawn(
        "months-share",
        "AI-made share by month",
        f"{words}, from {shown[0].month} to {shown[-1].month}. The table below has every value.",
        lambda frame: svg.months(frame, shown, line=_date(line), y_label="AI-made share"),
    )
    keys = [Key("k-estimate", "estimate"), Key("k-span", "its interval")]
    if _date(line):
        keys.append(Key("k-date", f"{_date(line)}, public release of ChatGPT"))
    return [title, Picture(words + ".", *pictures, data, keys), *more]


def _by_month(value: Any) -> list[tuple[str, Audit]]:
    """Rows with a month that can be drawn, ascending."""
    return sorted(
        ((month, row) for row in rows(value) if (month := _date(text(row.get("month")))[:7])),
        key=lambda pair: pair[0],
    )


def _date(written: str) -> str:
    """`YYYY-MM` or `YYYY-MM-DD` as written, or nothing."""
    return written if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])(-[0-3][0-9])?", written) else ""


def _latest(columns: Sequence[svg.Column]) -> tuple[Sequence[svg.Column], list[Prose]]:
    """The last months, as many as one picture can show."""
    last = svg.month_number(columns[-1].month)
    shown = [column for column in columns if last - svg.month_number(column.month) < _MAX_MONTHS]
    if len(shown) == len(columns):
        return shown, []
    left = THIN.of(len(columns) - len(shown), "earlier month")
    return shown, [Prose(f"{left} left off here; the JSON document beside this page has all.", "note")]


def _drawn(
    identity: str, title: str, description: str, draw: Any
) -> tuple[Markup, Markup]:
    """One picture in its wide and its compact layout."""
    wide = svg.Frame(f"{identity}-wide", title, description, svg.WIDE)
    compact = svg.Frame(f"{identity}-compact", title, description, svg.COMPACT)
    return draw(wide), draw(compact)


def _data_summary(number_of_rows: int, noun: str) -> str:
    return f"The figures in a table, {THIN.of(number_of_rows, noun)}"


def _evidence(origin: Audit) -> list[Block]:
    title = Heading("Evidence seen")
    found = rows(origin.get("evidence"))
    if not found:
        return [title, none("No evidence of origin was seen. Absence of a mark is not evidence of a human.")]
    shown, more = first(found, 30, "kind of evidence")
    body = [
        [_name(row, "kind"), one_line(text(row.get("strength")), 40), THIN.count(integer(row.get("documents")))]
        for row in shown
    ]
    head = ["Evidence", "How strong", "Documents"]
    blocks: list[Block] = [title, Table("Evidence of origin by kind", head, body, frozenset({2})), *more]
    if integer(origin.get("conflicts")):
        conflicts = THIN.of(integer(origin.get("conflicts")), "document")
        agree = "carries" if integer(origin.get("conflicts")) == 1 else "carry"
        blocks.append(Prose(f"{conflicts} {agree} evidence that points both ways; a person should look."))
    examples = rows(origin.get("examples"))
    if examples:
        quotes, more_quotes = first(examples, _MAX_QUOTES, "example")
        blocks += [Heading("Traces in their context"), Quotes([_quote(row) for row in quotes]), *more_quotes]
    return blocks


def _quote(row: Audit) -> Quote:
    where = [part for part in (_optional(row, "source"), _optional(row, "id")) if part]
    before, after = text(row.get("before")), text(row.get("after"))
    return Quote(
        title=one_line(text(row.get("title"), text(row.get("kind"), "trace")), 120),
        strength=one_line(text(row.get("strength")), 40),
        where=", ".join(where),
        before=before[-_CONTEXT:],
        match=clip(text(row.get("match")), _CONTEXT),
        after=after[:_CONTEXT],
    )


def _name(row: Audit, key: str) -> str:
    return one_line(text(row.get(key), "(unnamed)"), 80)


def _optional(row: Audit, key: str, limit: int = 48) -> str:
    return one_line(text(row.get(key)), limit)


# --- sources and months --------------------------------------------------------------------------


def _sources(audit: Audit) -> list[Block]:
    sources = rows(table(audit, "inputs").get("sources"))
    blocks: list[Block] = []
    if not sources:
        blocks.append(none("The document lists no source."))
    else:
        blocks += _source_table(sources, _documents(audit))
    return [*blocks, *_documents_by_month(audit), *_dates(audit)]


def _source_table(sources: list[Audit], documents: int) -> list[Block]:
    sources = sorted(sources, key=lambda row: (-integer(row.get("documents")), text(row.get("name"))))
    shown, more = first(sources, _MAX_SOURCES, "source")
    total = documents or sum(integer(row.get("documents")) for row in sources)
    bars = [
        Bar(
            _name(row, "name"),
            integer(row.get("documents")) / total if total else 0.0,
            f"{THIN.count(integer(row.get('documents')))} ({THIN.share_of(integer(row.get('documents')), total)})",
            _source_note(row),
        )
        for row in shown
    ]
    body = [_source_row(row) for row in shown]
    head = ["Source", "Documents", "Words", "Size", "Declared origin", "First", "Last", "Licence"]
    return [
        Heading("By source"),
        Bars("Documents by source", bars),
        *more,
        Table("Sources", head, body, frozenset({1, 2, 3}), _data_summary(len(shown), "source")),
    ]


def _source_note(row: Audit) -> str:
    dates = " to ".join(part for part in (_optional(row, "first"), _optional(row, "last")) if part)
    parts = (_optional(row, "origin"), dates, _optional(row, "licence"))
    return ", ".join(part for part in parts if part)


def _source_row(row: Audit) -> list[str]:
    words, size = number(row.get("words")), number(row.get("bytes"))
    return [
        _name(row, "name"),
        THIN.count(integer(row.get("documents"))),
        "" if words is None else THIN.count(words),
        "" if size is None else THIN.size(size),
        *(_optional(row, key) for key in ("origin", "first", "last", "licence")),
    ]


def _documents_by_month(audit: Audit) -> list[Block]:
    origin = table(audit, "origin")
    columns = [
        svg.Column(month, integer(row.get("documents"))) for month, row in _by_month(origin.get("by_month"))
    ]
    if not columns:
        return [Heading("By month"), none("No document has a date that can be drawn by month.")]
    shown, more = _latest(columns)
    line = _date(text(table(origin, "dates").get("line")))
    words = "Documents by month of capture"
    pictures = _drawn(
        "months-documents",
        words,
        f"{words}, from {shown[0].month} to {shown[-1].month}. The table below has every value.",
        lambda frame: svg.months(frame, shown, line=line, y_label="documents"),
    )
    data = Table(
        words,
        ["Month", "Documents"],
        [[column.month, THIN.count(column.documents)] for column in shown],
        frozenset({1}),
        _data_summary(len(shown), "month"),
    )
    keys = [Key("k-date", f"{line}, public release of ChatGPT")] if line else []
    return [Heading("By month"), Picture(words + ".", *pictures, data, keys), *more]


def _dates(audit: Audit) -> list[Block]:
    dates = table(audit, "origin", "dates")
    parts = {name: integer(dates.get(name)) for name in ("before", "after", "undated")}
    total = sum(parts.values())
    if not total:
        return []
    line = _date(text(dates.get("line"))) or "the release of ChatGPT"
    names = {"before": f"before {line}", "after": f"on or after {line}", "undated": "no date known"}
    colours = {"before": "o-human", "after": "o-ai-assisted", "undated": "o-unknown"}
    drawn = [
        Part(names[key], count / total, f"{THIN.count(count)} ({THIN.percent(count / total)})", colours[key])
        for key, count in parts.items()
        if count
    ]
    return [Stack(f"Documents captured before and after {line}", drawn)]


# --- duplicates ----------------------------------------------------------------------------------


def _duplicates(audit: Audit) -> list[Block]:
    duplicates = table(audit, "duplicates")
    if not duplicates:
        return [none("No search for duplicates was run.")]
    exact, near = table(duplicates, "exact"), table(duplicates, "near")
    documents = _documents(audit)
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
        said.append(f"The largest near-duplicate group holds {THIN.of(integer(near.get('largest')), 'document')}.")
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
        bars.append(Bar(_name(row, "source"), share, THIN.percent(share), note))
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
    parts = (_optional(row, "source"), _optional(row, "origin"), _optional(row, "id"))
    return ", ".join(part for part in parts if part) or "(unnamed)"


def differences(survivor: str, removed: str) -> Markup:
    """The removed text, escaped, its words that differ from the survivor's marked as <ins> and <del>."""
    # the same cut on both sides would mark a tail that is only out of sight
    ours, theirs = (re.findall(r"\s+|\S+", clip(part, _EXCERPT)) for part in (survivor, removed))
    if ours == theirs:
        return Markup('<span class="same">the same text as the survivor, as far as shown</span>')
    parts: list[str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        gone, new = escape("".join(ours[a:b])), escape("".join(theirs[c:d]))
        if what == "equal":
            parts.append(str(new))
            continue
        parts += [f"<del>{gone}</del>"] if gone.strip() else []
        parts += [f"<ins>{new}</ins>" if new.strip() else str(new)]
    return Markup("".join(parts))  # noqa: S704: both sides were escaped


# --- tails ---------------------------------------------------------------------------------------


def _tails(audit: Audit) -> list[Block]:
    tails = table(audit, "tails")
    note = clip(text(audit.get("tails_note")), 600)
    if not tails:
        return [none("The tails were not measured." + (f" {note}" if note else ""))]
    reference = table(tails, "reference")
    return [
        Prose(
            "Most words of a language are rare. A model trained on the output of models forgets the rare ones "
            "first, long before its averages move. So this section asks: of what people write, how much does "
            "this corpus still have?"
        ),
        *_reference(reference),
        *_curves(tails, reference),
        *_richness(tails),
        *([Prose(note, "note")] if note else []),
    ]


def _reference(reference: Audit) -> list[Block]:
    if not reference:
        said = (
            "No human reference was given, so nothing here says whether these tails are human. "
            "Run the audit again with --reference and a folder of text that people wrote."
        )
        return [none(said)]
    return [*_masses(reference), *bands(reference, "bands")]


def _masses(reference: Audit) -> list[Block]:
    questions = (
        ("coverage", "ceiling", "Of the reference's distinct words, this corpus has"),
        ("lost_mass", "lost_mass_ceiling", "The next word of a human text is one this corpus lacks"),
        ("invented_mass", "invented_mass_ceiling", "The next word of this corpus is one the reference lacks"),
    )
    body = []
    for key, baseline, question in questions:
        ours, theirs = interval(reference.get(key)), interval(reference.get(baseline))
        if ours is not None:
            said = "not measured" if theirs is None else THIN.interval(theirs)
            body.append([question, THIN.interval(ours), said])
    if not body:
        return []
    head = ["Question", "This corpus", "Baseline: two halves of the reference"]
    said = Prose(
        "Two fresh samples of one human source do not share all their words either. The baseline splits the "
        "reference in two and asks one half about the other: no corpus should be expected to do better."
    )
    return [Table("The corpus against the human reference", head, body, frozenset({1, 2})), said]


def bands(reference: Audit, identity: str) -> list[Block]:
    """Coverage of the reference's words by how often each occurs there, beside the split-half ceiling."""
    found = [(row, value) for row in rows(reference.get("bands")) if (value := interval(row.get("coverage")))]
    if not found:
        return []
    found = found[:12]
    drawn = [
        svg.Dots(
            _band(row), f"{THIN.count(integer(row.get('types')))} words", value, interval(row.get("ceiling"))
        )
        for row, value in found
    ]
    body = []
    for row, value in found:
        ceiling, gap = interval(row.get("ceiling")), interval(row.get("gap"))
        body.append(
            [
                _band(row),
                THIN.count(integer(row.get("types"))),
                THIN.interval(value),
                "" if ceiling is None else THIN.interval(ceiling),
                "" if gap is None else THIN.points(gap),
            ]
        )
    head = ["Seen in the reference", "Words", "This corpus has", "A human half has", "Gap"]
    words = "Share of the reference's words that this corpus has, by how often they occur in the reference"
    pictures = _drawn(
        identity,
        "Coverage of the human vocabulary, rare words first",
        f"{words}, each beside what one half of the reference has of the other. The table has every value.",
        lambda frame: svg.dot_plot(frame, drawn),
    )
    keys = [Key("k-own", "this corpus"), Key("k-base", "baseline: one human half against the other")]
    data = Table(
        "Coverage by frequency band", head, body, frozenset({1, 2, 3, 4}), _data_summary(len(body), "band")
    )
    return [Heading("Rare words first"), Picture(words + ".", *pictures, data, keys)]


def _band(row: Audit) -> str:
    band = _name(row, "band").replace("-", "\u2013")
    return "once" if band == "1" else "twice" if band == "2" else f"{band} times"


def _curves(tails: Audit, reference: Audit) -> list[Block]:
    named = (("This corpus", "corpus", tails), ("Human reference", "reference", reference))
    points = [(name, style, thinned(rows(part.get("curve")))) for name, style, part in named]
    points = [entry for entry in points if len(entry[2]) > 1]
    if not points:
        return []
    # types grow with words read, so curves of long and short documents compare fairly over words
    unit = "words" if all(number(row.get("words")) for _, _, part in points for row in part[-1:]) else "documents"
    lines = [
        svg.Curve(style, [(float(integer(row.get(unit))), float(integer(row.get("types")))) for row in part])
        for _, style, part in points
    ]
    words = "Distinct words found as more is read: a curve that flattens early has lost its tail"
    pictures = _drawn(
        "rarefaction",
        "Rarefaction curves",
        f"{words}. The table below has every point.",
        lambda frame: svg.curves(frame, lines, x_label=f"{unit} read", y_label="distinct words"),
    )
    body = [
        [
            name,
            THIN.count(integer(row.get("documents"))),
            THIN.count(integer(row.get("words"))),
            THIN.count(integer(row.get("types"))),
        ]
        for name, _, part in points
        for row in part
    ]
    head = ["Curve", "Documents", "Words", "Distinct words"]
    data = Table("Rarefaction", head, body, frozenset({1, 2, 3}), _data_summary(len(body), "point"))
    keys = [Key(f"k-{style}", name.lower()) for name, style, _ in points]
    return [Heading("The more one reads"), Picture(words + ".", *pictures, data, keys)]


def thinned(points: list[Audit]) -> list[Audit]:
    """At most `_MAX_POINTS` points, evenly chosen, the first and the last among them."""
    if len(points) <= _MAX_POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (_MAX_POINTS - 1))] for index in range(_MAX_POINTS)]


_HILL = (
    ("q0", "Distinct ones (Hill number q = 0)"),
    ("q1", "Effective number, each by its frequency (q = 1)"),
    ("q2", "Effective number of common ones (q = 2)"),
)


def _richness(tails: Audit) -> list[Block]:
    trigrams = table(tails, "trigrams")
    parts = [("Words", tails)] + ([("Word 3-grams", trigrams)] if trigrams else [])
    body = []
    for key, label in _HILL:
        values = [interval(table(part, "hill").get(key)) for _, part in parts]
        if any(values):
            body.append([label, *("" if value is None else THIN.quantity(value) for value in values)])
    missing = [interval(part.get("missing_mass")) for _, part in parts]
    if any(missing):
        label = "Chance that the next one is new (Good-Turing)"
        body.append([label, *("" if value is None else THIN.interval(value) for value in missing)])
    if not body:
        return []
    head = ["Quantity", *(name for name, _ in parts)]
    columns = frozenset(range(1, len(head)))
    unit = text(tails.get("unit"), "documents")
    equal = integer(tails.get("rarefied_to"))
    size = f" at a common size of {THIN.count(equal)} {one_line(unit, 20)}" if equal else ""
    return [Heading("How rich it is"), Table(f"Richness{size}", head, body, columns)]


# --- quality, rights, quarantine -----------------------------------------------------------------


def _quality(audit: Audit) -> list[Block]:
    rules = rows(audit.get("quality"))
    if not rules:
        return [none("No quality rule was run.")]
    documents = _documents(audit)
    rules = sorted(rules, key=lambda row: (-integer(row.get("documents")), text(row.get("rule"))))
    hit = [row for row in rules if integer(row.get("documents"))]
    silent = len(rules) - len(hit)
    shown, more = first(hit, _MAX_RULES, "rule")
    any_rule = number(audit.get("quality_any"))
    blocks: list[Block] = []
    if any_rule is not None:
        share = THIN.share_of(any_rule, documents)
        blocks.append(Prose(f"{THIN.of(int(any_rule), 'document')} ({share}) broke at least one rule."))
    if shown:
        blocks += [Bars("Documents by rule broken", [_rule_bar(row, documents) for row in shown]), *more]
    if silent:
        blocks.append(Prose(f"{THIN.of(silent, 'rule')} broken by no document.", "note"))
    examples = [row for row in shown if text(table(row, "example").get("excerpt"))][:12]
    if examples:
        body = [
            [
                _name(row, "rule"),
                _optional(table(row, "example"), "id"),
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
    parts = (_optional(row, "threshold", 120), _optional(row, "source", 120))
    note = "; ".join(part for part in parts if part)
    return Bar(_name(row, "rule"), share, f"{THIN.count(count)} ({THIN.percent(share)})", note)


def _rights(audit: Audit) -> list[Block]:
    rights = table(audit, "rights")
    licences = counted(rights.get("licence"), "expression")
    unknown = integer(rights.get("unknown_licence"))
    if not licences and not unknown:
        return [none("No licence was read.")]
    total = _documents(audit) or sum(licences.values()) + unknown
    shown, more = first(list(licences.items()), _MAX_LICENCES, "licence")
    entries = [*shown, *([("no licence known", unknown)] if unknown else [])]
    bars = [
        Bar(
            one_line(name, 80),
            count / total if total else 0.0,
            f"{THIN.count(count)} ({THIN.share_of(count, total)})",
        )
        for name, count in entries
    ]
    blocks: list[Block] = [Bars("Documents by licence", bars), *more]
    recognised = number(rights.get("recognised"))
    if recognised is not None:
        said = f"{THIN.of(int(recognised), 'document')} ({THIN.share_of(recognised, total)}) under a licence"
        blocks.append(
            Prose(f"{said} recognised as an SPDX expression. A licence is as its source declares it.", "note")
        )
    return blocks


def _quarantine(audit: Audit) -> list[Block]:
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
                _name(row, "code"),
                THIN.count(integer(row.get("records"))),
                _place(example),
                _optional(example, "reason", 160),
            ]
        )
    head = ["Code", "Records", "First seen", "Reason"]
    return [lead, Table("Quarantine by code", head, body, frozenset({1})), *more]


def _place(example: Audit) -> str:
    file, line, offset = _optional(example, "file", 80), integer(example.get("line")), number(example.get("offset"))
    parts = [file] if file else []
    parts += [f"line {line}"] if line else []
    parts += [f"byte {offset:.0f}"] if offset is not None and offset >= 0 else []
    return ", ".join(parts)


# --- recipe and method ---------------------------------------------------------------------------


def _recipe(audit: Audit) -> list[Block]:
    recipe = text(audit.get("proposed_recipe"))
    if not recipe:
        return [none("No recipe is proposed.")]
    return [
        Prose("A start, not a verdict: it acts on the findings above. One click selects it whole."),
        Code("Proposed recipe, YAML", clip(recipe, 8000)),
    ]


_METHOD = (
    "Every interval is what its section says it is, at the level named there. A figure with no interval is a "
    "count of documents that were read, not an estimate.",
    "Declared origin is what a source says. Evidence of origin is never added up in silence: each kind is "
    "listed with how strong it is. A missing mark is never evidence of a human.",
    "The AI-made share is a property of the corpus, not of a document: no detector proves who wrote one text.",
    "Coverage is the share of the reference's distinct words that occur in the corpus, both read to a common "
    "size. Lost mass weighs the missing ones by how often people use them.",
)


def _method(audit: Audit) -> list[Block]:
    run, inputs = table(audit, "run"), table(audit, "inputs")
    blocks: list[Block] = [Prose(words, "note") for words in _METHOD]
    blocks += [Prose(clip(said, 300), "note") for said in texts(inputs.get("columns"))[:12]]
    facts = [
        ("Version", text(run.get("version"), text(audit.get("version"), "not recorded"))),
        ("Schema", text(audit.get("schema"), "not recorded")),
    ]
    if number(inputs.get("files")) is not None:
        facts.append(("Files read", THIN.count(integer(inputs.get("files")))))
    facts += _run_facts(run)
    return [*blocks, Facts([(name, one_line(value, 400)) for name, value in facts])]


def _run_facts(run: Audit) -> list[tuple[str, str]]:
    facts = []
    if text(run.get("command")):
        facts.append(("Command", text(run.get("command"))))
    if text(run.get("started")):
        facts.append(("Started", text(run.get("started"))))
    seconds, spent = number(run.get("seconds")), number(run.get("cpu_seconds"))
    if seconds is not None:
        facts.append(("Time", THIN.seconds(seconds)))
    if spent is not None:
        facts.append(("Processor time", THIN.seconds(spent)))
    for name, key in (("Workers", "workers"), ("Seed", "seed")):
        if number(run.get(key)) is not None:
            facts.append((name, THIN.count(integer(run.get(key)))))
    return facts
