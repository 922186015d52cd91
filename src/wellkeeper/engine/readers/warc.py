"""Web archives (WARC 1.0 and 1.1, ISO 28500): the main text of pages, and what was served as plain text.

`line` is the 1-based number of a record. `offset` is where `warcio extract FILE OFFSET` finds it: in a
compressed archive the start of its gzip member, unless all records were compressed as one.
"""

import io
import logging
import re
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.marks import signals_json
from wellkeeper.engine.readers.base import (
    BLOCK_BYTES,
    STAYING,
    TAKEN,
    ColumnMap,
    InputFile,
    Parsed,
    Quarantined,
    RawBlock,
)
from wellkeeper.engine.readers.columns import Column, document_table
from wellkeeper.engine.readers.cutting import Cutter, Piece, excerpt
from wellkeeper.engine.readers.streams import Stream
from wellkeeper.errors import InputError, MissingExtraError

try:
    import trafilatura
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    from wellkeeper.engine.readers.markup import header_signals, page_date, page_signals
except ImportError as error:
    raise MissingExtraError("Reading WARC files", extra="warc") from error

# trafilatura reports every odd page of the web; quarantine already does.
logging.getLogger("trafilatura").addHandler(logging.NullHandler())

_HEADER_BYTES = 1 << 16  # longest header of a record
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_HTML = ("text/html", "application/xhtml+xml")
_CREDENTIAL = b"application/c2pa"  # type of the element that holds a manifest: C2PA 2.4, A.7
_SILENT = ("request", "metadata", "warcinfo", "revisit", "continuation")  # they hold no document of their own
_FIELDS = dict.fromkeys(("text", "id", "source", "date", "url", "signals"), "string")
_SAID = {"id": "id", "source": "source", "date": "date"}  # roles that the archive itself knows

Record: TypeAlias = tuple[int, int, bytes]  # number, offset, bytes
Page: TypeAlias = dict[str, Any]  # the fields above, and `page`, its bytes, if it bears a credential
Fault: TypeAlias = tuple[str, str]  # code, reason


class _Fault(Exception):  # noqa: N818  it travels inside this module only
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.fault: Fault = (code, reason)


class RecordEnds:
    """Ends of records, for `Cutter`."""

    def __init__(self) -> None:
        self._at = 0
        self._seen = 0  # length of the buffer at the last look
        self._pending = 0  # end of a record that the buffer holds in part, 0 if it is not known

    def find(self, buffer: bytearray, target: int) -> int:
        self._seen = len(buffer)
        while end := self._pending or record_end(buffer, self._at):
            if end > len(buffer):
                self._pending = end
                return 0
            self._at, self._pending = end, 0
            if end >= target:
                return end
        return 0

    def last(self, buffer: bytearray, end: int) -> int:
        at = 0
        while 0 < (following := record_end(buffer, at)) <= end:
            at = following
        return at

    def reset(self) -> None:
        self._at, self._pending = 0, 0

    def forget(self) -> None:
        self._at, self._pending = 0, max(0, self._pending - self._seen)


def record_end(data: bytes | bytearray, at: int) -> int:
    """End of the record that starts at byte `at` or after white space there; 0 if it cannot be known yet.

    It may lie beyond the data. Bytes that are no record end where the next record starts.
    """
    at = _skip_line_ends(data, at)
    if not data.startswith(b"WARC/", at):
        return 0 if b"WARC/".startswith(bytes(data[at : at + 5])) else _next_start(data, at)
    header = data.find(b"\r\n\r\n", at, at + _HEADER_BYTES)
    if header < 0:
        return 0 if len(data) < at + _HEADER_BYTES else _next_start(data, at)
    length = _LENGTH.search(data, at, header)
    return header + 4 + int(length[1]) if length else _next_start(data, at)


def _next_start(data: bytes | bytearray, at: int) -> int:
    return data.find(b"\nWARC/1.", at) + 1


def _skip_line_ends(data: bytes | bytearray, at: int) -> int:
    while at < len(data) and data[at] in b"\r\n":
        at += 1
    return at


def schema(file: InputFile) -> Mapping[str, str]:
    """The fields that every page has.

    Raises:
        InputError: the file does not start with a WARC record.
    """
    head = b""
    for chunk in (stream := Stream(file)):
        head += chunk
        if len(head) >= len(b"WARC/"):
            break
    if not head.startswith(b"WARC/"):
        found = stream.damage.reason if stream.damage else "it does not start with 'WARC/'"
        raise InputError(f"{file.name} is no web archive: {found}. Fetch it again, or leave it out.")
    return dict(_FIELDS)


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,  # noqa: ARG001  the contract's
) -> Iterator[RawBlock]:
    """Blocks that end with the first record that ends at or after `block_bytes`."""
    cutter, number = Cutter(file, RecordEnds()), 1
    index = 0
    while piece := cutter.next(block_bytes):
        records = tuple(_records(piece, number, cutter.stream.members))
        end = number + len(records)
        damage = tuple(replace(fault, line=end if fault.line else 0) for fault in piece.damage)
        if (records or damage) and index >= skip:
            offset = records[0][1] if records else piece.offset
            yield RawBlock(file=file, index=index, line=number, offset=offset, payload=records, damage=damage)
        index += bool(records or damage)
        number = end + len(damage)


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block. A role that is not mapped takes what the archive says of it."""
    kept: list[tuple[int, int, Page]] = []
    refused: list[Quarantined] = []
    for number, offset, record in block.payload:
        try:
            page = _page(record)
        except _Fault as error:
            code, reason = error.fault
            refused.append(
                Quarantined(
                    file=block.file.name,
                    line=number,
                    offset=offset,
                    code=code,
                    reason=reason,
                    excerpt=excerpt(record),
                )
            )
        else:
            if page is not None:
                kept.append((number, offset, page))
    chosen = _SAID | {"signals": "signals"} | columns.named()
    taken = _SAID | columns.taken()
    shown = [name for name in _FIELDS if name not in taken.values()] if extras else []

    def column(name: str) -> Column:
        return pa.array([page.get(name) for _, _, page in kept], pa.string())

    table = document_table(
        column("text").cast(pa.large_string()),
        lines=np.array([number for number, _, _ in kept], dtype=np.int64),
        offsets=np.array([offset for _, offset, _ in kept], dtype=np.int64),
        roles={role: column(chosen[role]) for role in (*TAKEN, *STAYING) if role in chosen},
        basis=DateBasis.WARC if chosen["date"] == "date" else DateBasis.PAGE_CLAIMED,
        extras={name: column(name) for name in shown},
        pages=[page["page"] for _, _, page in kept],
    )
    return Parsed(table=table, quarantined=(*refused, *block.damage), fields=dict.fromkeys(shown, "string"))


def _records(piece: Piece, number: int, members: list[tuple[int, int]]) -> Iterator[Record]:
    at = 0
    while at < len(piece.payload):
        start = _skip_line_ends(piece.payload, at)
        if start == len(piece.payload):
            return
        end = record_end(piece.payload, at) or len(piece.payload)
        yield number, _place(piece.offset + start, members), piece.payload[start:end]
        at, number = end, number + 1


def _place(offset: int, members: list[tuple[int, int]]) -> int:
    """Byte of the file where the gzip member starts that starts with the record, else the byte as given."""
    index = bisect_left(members, (offset, 0))
    return members[index][1] if index < len(members) and members[index][0] == offset else offset


def _page(data: bytes) -> Page | None:
    """The document in a record; None for records that never hold one.

    Raises:
        _Fault: the record should hold a document and does not.
    """
    if not data.startswith(b"WARC/"):
        raise _Fault("warc-syntax", "a record should start here with 'WARC/'")
    if (end := record_end(data, 0)) > len(data):
        raise _Fault("truncated", f"the record has {len(data):,} of {end:,} bytes")
    try:
        record = next(iter(ArchiveIterator(io.BytesIO(data))))
        return None if record.rec_type in _SILENT else _document(record)
    except (ArchiveLoadFailed, StopIteration, EOFError, ValueError, zlib.error) as error:
        raise _Fault("warc-syntax", f"the record cannot be read: {error}") from error


def _document(record: Any) -> Page:
    status = record.http_headers.get_statuscode() if record.http_headers else "200"
    if status != "200":
        raise _Fault("skipped-record", f"the server answered with status {status}")
    headers = record.http_headers or record.rec_headers
    kind = headers.get_header("Content-Type") or ""
    name = kind.split(";")[0].strip().lower()
    if name not in {*_HTML, "text/plain"}:
        raise _Fault("skipped-record", f"the record is {name or 'of no stated type'}, not HTML or plain text")
    url = record.rec_headers.get_header("WARC-Target-URI")
    body = record.content_stream().read()
    charset = _charset(kind)
    text = _main_text(body, charset, url) if name in _HTML else _plain_text(body, charset)
    if not text or text.isspace():
        raise _Fault(
            "text-empty", "no main text was found on the page" if name in _HTML else "the text is empty"
        )
    identity = record.rec_headers.get_header("WARC-Record-ID")
    return {
        "text": text,
        "id": identity.strip("<>") if identity else url,
        "source": urlsplit(url).hostname if url else None,
        "date": record.rec_headers.get_header("WARC-Date"),
        "url": url,
        "signals": _signals(record, body if name in _HTML else b"", charset),
        "page": body if name in _HTML and _CREDENTIAL in body else None,
    }


def _signals(record: Any, page: bytes, charset: str | None) -> str | None:
    """What the response and, of HTML, the page say beside the text: JSON of `core.marks.signals_json`."""
    found = list(header_signals(record.http_headers.headers)) if record.http_headers else []
    if page:
        found += page_signals(page, charset)
        date = page_date(page)
        found += [date] if date else []
    return signals_json(found)


def _charset(kind: str) -> str | None:
    """What a Content-Type says of the charset."""
    found = _CHARSET.search(kind)
    return found[1] if found else None


def _main_text(body: bytes, charset: str | None, url: str | None) -> str | None:
    """The page without navigation and comments; the faster of trafilatura's ways, which asks no network."""
    page: str | bytes = body
    if charset:
        try:
            page = body.decode(charset)
        except (LookupError, UnicodeDecodeError):
            page = body  # the server was wrong about it; trafilatura looks for itself
    try:
        text: str | None = trafilatura.extract(page, url=url, fast=True, include_comments=False)
    except Exception as error:  # pages of the open web break parsers in ways nobody has listed
        raise _Fault("extraction-failed", f"no text could be taken from the page: {error}") from error
    return text


def _plain_text(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8-sig")
    except LookupError as error:
        raise _Fault("utf8", f"the server names a charset that nobody knows: {error}") from error
    except UnicodeDecodeError as error:
        raise _Fault("utf8", f"byte {error.start} of the text is not {error.encoding}") from error
