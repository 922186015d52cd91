"""The sections of an audit of pictures: findings, origin with its marks, copies, rights, what could not be read."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report.blocks import (
    Bars,
    Block,
    Facts,
    Gallery,
    Heading,
    Prose,
    Section,
    Table,
    Thumb,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import counted, integer, number, rows, table, text
from wellkeeper.report.sections.audit import findings_section
from wellkeeper.report.sections.checks import quarantine_section
from wellkeeper.report.sections.common import (
    bar_of,
    data_summary,
    documents_of,
    name_of,
    optional,
    origin_stack,
)
from wellkeeper.report.sections.method import columns_read, run_facts, version_facts
from wellkeeper.report.sections.rights import rights_section
from wellkeeper.report.visible import one_line

Document = Mapping[str, Any]
Thumbnails = Mapping[int, str]
"""Row of the ledger -> data address of a small picture."""

_MAX_ROWS = 24


def data_address(jpeg: bytes) -> str:
    """A JPEG as part of the page."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def image_sections(document: Document, thumbnails: Thumbnails) -> list[Section]:
    """All sections in reading order: findings first, method last."""
    return [
        Section("findings", "Findings", findings_section(document)),
        Section("origin", "Origin", origin_section(document, thumbnails)),
        Section("credentials", "Credentials", credentials_section(document, thumbnails)),
        Section("duplicates", "Copies", copies_section(document, thumbnails)),
        Section("sources", "Sources and formats", sources_section(document)),
        Section("rights", "Rights", [*rights_section(document), *_opted_out(document)]),
        Section("quarantine", "Quarantine", quarantine_section(document)),
        Section("method", "How this was measured", method_section(document)),
    ]


def origin_section(document: Document, thumbnails: Thumbnails) -> list[Block]:
    origin = table(document, "origin")
    resolved = {name: integer(count) for name, count in table(origin, "resolved").items()}
    blocks: list[Block] = [
        Prose(
            "By labels beside the images and marks inside them. An image without either is unknown: a missing mark is "
            "no evidence of a person or a camera."
        ),
        origin_stack("Images by origin", resolved),
        *_evidence(origin),
        *_generators(document),
        *_months(origin),
    ]
    for key, title in (
        ("examples", "Marked as AI-made"),
        ("conflicting", "Evidence that contradicts itself"),
    ):
        blocks += _gallery(title, rows(origin.get(key)), thumbnails)
    camera = integer(origin.get("camera_fields"))
    if camera:
        said = (
            f"{THIN.of(camera, 'image')} with the fields of a camera. They are noted and count for nothing: "
        )
        blocks.append(Prose(f"{said}anyone can write them.", "note"))
    return blocks


def _evidence(origin: Document) -> list[Block]:
    found = rows(origin.get("evidence"))
    if not found:
        return [none("No mark and no label was found.")]
    body = [
        [
            optional(row, "title", 100),
            name_of(row, "strength"),
            f"{number(row.get('weight')) or 0.0:+.1f}",
            THIN.count(integer(row.get("documents"))),
        ]
        for row in found
    ]
    head = ["Evidence", "Strength", "Weight", "Images"]
    note = "Weight is the log10 likelihood ratio of AI against a person, positive towards AI."
    return [Table("Images by kind of evidence", head, body, frozenset({2, 3})), Prose(note, "note")]


def _generators(document: Document) -> list[Block]:
    found = list(counted(table(document, "origin").get("generators"), "generator").items())
    if not found:
        return []
    shown, more = first(found, _MAX_ROWS, "generator")
    total = sum(count for _, count in found)
    bars = [bar_of(one_line(name, 80), count, total) for name, count in shown]
    return [Heading("What made them"), Bars("AI-made images by generator", bars), *more]


def _months(origin: Document) -> list[Block]:
    found = rows(origin.get("by_month"))
    if not found:
        return []
    body = [
        [
            name_of(row, "month"),
            THIN.count(integer(row.get("documents"))),
            THIN.count(integer(row.get("marked_ai"))),
            THIN.share_of(integer(row.get("marked_ai")), integer(row.get("documents"))),
        ]
        for row in found
    ]
    head = ["Month", "Images", "Marked AI-made", "Share"]
    return [
        Table(
            "By month of the date beside them",
            head,
            body,
            frozenset({1, 2, 3}),
            data_summary(len(body), "month"),
        )
    ]


def _gallery(title: str, found: Sequence[Document], thumbnails: Thumbnails) -> list[Block]:
    if not found:
        return []
    thumbs = [Thumb(thumbnails.get(integer(row.get("row")), ""), _name(row), _said(row)) for row in found]
    data = Table(
        title,
        ["Image", "Origin", "Declared", "Generator", "Where it is said"],
        [
            [
                _name(row),
                text(row.get("origin")),
                text(row.get("declared")),
                optional(row, "generator", 60),
                "; ".join(optional(one, "matched", 120) for one in rows(row.get("evidence"))),
            ]
            for row in found
        ],
        summary=data_summary(len(found), "image"),
    )
    return [Heading(title), Gallery(title, thumbs), data]


def _name(row: Document) -> str:
    """The end of an id, which tells more than its beginning."""
    whole = one_line(text(row.get("id"), "(unnamed)"), 400)
    return whole if len(whole) <= 48 else f"\u2026{whole[-47:]}"


def _said(row: Document) -> list[str]:
    kinds = ", ".join(dict.fromkeys(text(one.get("kind")) for one in rows(row.get("evidence"))))
    return [part for part in (text(row.get("origin")), optional(row, "generator", 60), kinds) if part]


def credentials_section(document: Document, thumbnails: Thumbnails) -> list[Block]:
    found = table(document, "credentials")
    names = (
        ("valid", "fit the image they are on"),
        ("trusted", "of these, by a signer that you trust"),
        ("untrusted", "of these, by another signer"),
        ("invalid", "do not fit: the image was changed, or the credential is another's"),
        ("unreadable", "cannot be read"),
        ("unread", "were not looked at: the library that verifies them is not installed"),
    )
    body = [[words, THIN.count(integer(found.get(key)))] for key, words in names if integer(found.get(key))]
    if not body:
        return [none("No image has a C2PA credential.")]
    blocks: list[Block] = [Table("C2PA credentials", ["They", "Images"], body, frozenset({1}))]
    signers = rows(found.get("signers"))
    if signers:
        shown, more = first(signers, _MAX_ROWS, "signer")
        listed = [
            [name_of(row, "signer"), text(row.get("trust")), THIN.count(integer(row.get("documents")))]
            for row in shown
        ]
        blocks += [Table("Who signed them", ["Signer", "Trust", "Images"], listed, frozenset({2})), *more]
    said = "Whether a credential fits and whether its signer is trusted are two questions; neither settles the other."
    broken = rows(table(document, "origin").get("broken"))
    return [*blocks, Prose(said, "note"), *_gallery("Credentials that do not fit", broken, thumbnails)]


def copies_section(document: Document, thumbnails: Thumbnails) -> list[Block]:
    found = table(document, "duplicates")
    total = documents_of(document)
    names = (
        ("bytes", "the same file"),
        ("pixels", "the same pixels in another file"),
        ("near", "alike to the eye"),
    )
    body = [
        [words, THIN.count(count), THIN.share_of(count, total)]
        for key, words in names
        for count in [integer(table(found, key).get("redundant"))]
    ]
    near = table(found, "near")
    least, least_of_simple = (number(near.get(key)) or 0.0 for key in ("correlation", "simple_correlation"))
    how = (
        f"Alike means: perceptual hashes that differ in at most {integer(near.get('radius'))} of 64 bits, difference "
        f"hashes in at most {integer(near.get('confirm_radius'))}, light that correlates by {least:g} or more "
        f"({least_of_simple:g} where there is little detail), and colours that agree. Such pairs make the groups."
    )
    blocks: list[Block] = [
        Table(
            "Copies of another image, each counted once",
            ["Copies that are", "Images", "Share"],
            body,
            frozenset({1, 2}),
        ),
        Prose(how, "note"),
    ]
    for group in rows(found.get("examples")):
        blocks += _group(group, thumbnails)
    return blocks


_SAME = {"first": "first of its group", "bytes": "the same file", "pixels": "the same pixels"}


def _group(group: Document, thumbnails: Thumbnails) -> list[Block]:
    members = rows(group.get("members"))
    size = integer(group.get("size"))
    title = f"Group of {THIN.of(size, 'image')}"
    left = size - len(members)
    thumbs = [
        Thumb(thumbnails.get(integer(row.get("row")), ""), _name(row), [_measures(row), _likeness(row)])
        for row in members
    ]
    more = f", {THIN.count(left)} of them not shown" if left > 0 else ""
    return [Gallery(title, thumbs, f"{title}{more}")]


def _measures(row: Document) -> str:
    width, height = (THIN.count(integer(row.get(key))) for key in ("width", "height"))
    return f"{width} \u00d7 {height}, {THIN.size(integer(row.get('bytes')))}"


def _likeness(row: Document) -> str:
    return _SAME.get(text(row.get("same")), f"{integer(row.get('distance'))} bits from the first")


def sources_section(document: Document) -> list[Block]:
    inputs, origin = table(document, "inputs"), table(document, "origin")
    marked = counted(origin.get("by_source"), "source")
    shown, more = first(rows(inputs.get("sources")), _MAX_ROWS, "source")
    made = {text(row.get("source")): integer(row.get("marked_ai")) for row in rows(origin.get("by_source"))}
    body = [
        [
            name_of(row, "name"),
            THIN.count(integer(row.get("documents"))),
            THIN.size(integer(row.get("bytes"))),
            THIN.share_of(made.get(text(row.get("name")), 0), marked.get(text(row.get("name")), 0)),
        ]
        for row in shown
    ]
    head = ["Source", "Images", "Size", "Marked AI-made"]
    formats = [[name, THIN.count(count)] for name, count in counted(inputs.get("formats"), "format").items()]
    others = rows(inputs.get("passed_over"))
    passed = ", ".join(
        f"{text(row.get('suffix'))} ({THIN.count(integer(row.get('files')))})" for row in others
    )
    blocks: list[Block] = [Table("Images by source", head, body, frozenset({1, 2, 3})), *more]
    blocks.append(Table("Images by format", ["Format", "Images"], formats, frozenset({1})))
    if passed:
        blocks.append(
            Prose(
                f"Files that are no images and were passed over: {passed}. Audit text by itself, with --no-images.",
                "note",
            )
        )
    return blocks


def _opted_out(document: Document) -> list[Block]:
    count = integer(table(document, "rights").get("opted_out"))
    if not count:
        return []
    refuse = "refuses" if count == 1 else "refuse"
    return [Prose(f"{THIN.of(count, 'image')} {refuse} the training of models, by credential or metadata.")]


_METHOD = (
    (
        "Every file is decoded; the same pixels are found by a hash of the decoded pixels, turned as EXIF says. "
        "Metadata are kept as they are written, in the ledger beside this page, and judged by fixed rules: a name "
        "in a field that software writes of itself, the parameters of a generator, a disclosure by a standard."
    ),
    (
        "All but a trusted signature can be written, copied or deleted by anyone. So an image that is marked is likely "
        "AI-made, and of one that is not marked nothing is known."
    ),
)


def method_section(document: Document) -> list[Block]:
    facts = [
        *version_facts(document),
        ("Files read", THIN.count(integer(table(document, "inputs").get("files")))),
    ]
    facts += run_facts(document, "started", "seconds", "cpu_seconds", "workers")
    return [
        *(Prose(words, "note") for words in _METHOD),
        *columns_read(document, limit=_MAX_ROWS),
        Facts([(name, one_line(value, 400)) for name, value in facts]),
    ]
