"""The marks of a corpus and its media as lines for a terminal: schema `wellkeeper.marks/1`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wellkeeper.report.reading import integer, rows, table, text
from wellkeeper.report.sections.marks import CLASSES
from wellkeeper.report.visible import one_line

Document = Mapping[str, Any]

_MOST = 12  # rows of a list
_EACH = 80  # letters of a value


def lines_of(document: Document) -> list[str]:
    """What `wellkeeper marks` prints."""
    lines = [one_line(text(said), 200) for said in document.get("said") or ()]
    texts, media = table(document, "texts"), table(document, "media")
    if texts:
        lines += _texts(texts)
    if media:
        lines += _media(media)
    if not document.get("trust"):
        lines.append("No certificate is trusted: name some with --trust PEM to tell who signed.")
    return lines


def _texts(texts: Document) -> Iterator[str]:
    marks, documents = table(texts, "marks"), integer(texts.get("documents"))
    if not marks:
        yield f"{documents:,} documents, none with a mark. That says nothing of who made them."
        return
    yield f"{documents:,} documents, {integer(marks.get('documents')):,} with a mark or a statement beside them."
    yield from _unread(marks, "documents")
    yield from _credentials(table(marks, "credentials"))
    yield from _list(
        "Statements",
        [(f"{text(row.get('kind'))} ({text(row.get('where'))})", row) for row in rows(marks.get("signals"))],
    )
    yield from _months(rows(marks.get("by_month")))


def _media(media: Document) -> Iterator[str]:
    found = table(media, "credentials")
    yield f"{integer(media.get('files')):,} media files, {integer(found.get('documents')):,} with a credential."
    yield from _unread(media, "media files")
    refused = rows(media.get("unreadable"))
    for row in refused[:_MOST]:
        yield f"  {one_line(text(row.get('file')), _EACH)}: not read, {one_line(text(row.get('reason')), _EACH)}"
    if len(refused) > _MOST:
        yield f"  and {len(refused) - _MOST:,} more files that could not be read: --json has all"
    yield from _credentials(found)
    shown = rows(media.get("found"))
    for row in shown[:_MOST]:
        told = (text(row.get(name)) for name in ("validity", "trust", "origin", "generator"))
        yield f"  {one_line(text(row.get('file')), _EACH)}: {', '.join(one_line(one, _EACH) for one in told if one)}"
    if len(shown) > _MOST:
        yield f"  and {len(shown) - _MOST:,} more: --json has all"


def _unread(part: Document, noun: str) -> Iterator[str]:
    unread = integer(part.get("unread_credentials"))
    if unread:
        yield f"{unread:,} {noun} carry credentials that need this to be read: pip install 'wellkeeper[c2pa]'"


def _credentials(credentials: Document) -> Iterator[str]:
    verdicts = rows(credentials.get("by_verdict"))
    yield from _list("Credentials", [(_verdict(row), row) for row in verdicts])
    for label in ("generator", "signer", "problem"):
        yield from _list(
            f"By {label}", [(text(row.get(label)), row) for row in rows(credentials.get(f"by_{label}"))]
        )


def _verdict(row: Document) -> str:
    """A signer of whom nobody asked is told as such, not as one who is distrusted."""
    trust = {
        "unknown": "nobody named whom to trust",
        "trusted": "trusted signer",
        "untrusted": "untrusted signer",
    }
    validity = text(row.get("validity"))
    said = f", says {text(row.get('origin'))}" if validity == "valid" else ""
    return f"{validity}, {trust.get(text(row.get('trust')), '')}{said}"


def _months(months: Sequence[Document]) -> Iterator[str]:
    marked = [row for row in months if any(integer(row.get(name)) for name in CLASSES)]
    if marked:
        yield f"{'Month':<10}" + "".join(f"{name:>12}" for name in ("documents", *CLASSES))
    for row in marked[-_MOST:]:
        counts = (integer(row.get(name)) for name in ("documents", *CLASSES))
        yield f"{text(row.get('month')):<10}" + "".join(f"{count:>12,}" for count in counts)


def _list(title: str, entries: Sequence[tuple[str, Document]]) -> Iterator[str]:
    if entries:
        yield f"{title}:"
    for label, row in entries[:_MOST]:
        yield f"  {integer(row.get('documents')):>10,}  {one_line(label, _EACH)}"
    if len(entries) > _MOST:
        yield f"  and {len(entries) - _MOST:,} more: --json has all"
