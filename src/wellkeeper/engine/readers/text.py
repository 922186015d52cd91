"""Folders of text files, one document a file.

The manifest has one entry for a whole folder or glob, since blocks of one small file each would cost more
than their reading; `members` lists it the same way here and there. The name of a file is the id of its
document. Its modification time is not when it was written, so documents have no date.
"""

import codecs
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from wellkeeper.engine.files import Found, expand, kind_of
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import document_table
from wellkeeper.engine.readers.cutting import RECORD_BYTES, excerpt
from wellkeeper.engine.readers.streams import Stream
from wellkeeper.errors import InputError

# Beside data of another format these describe it; in a folder of nothing but text they are text.
_ABOUT = ("readme", "license", "licence", "notice", "changelog", "citation", "copying")

# The longer mark first: UTF-32's starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Member: TypeAlias = tuple[str, str]  # url, name
Fault: TypeAlias = tuple[str, str, bytes]  # code, reason, first bytes


def members(found: Sequence[Found]) -> list[Found]:
    """The text files of a listing, without those that only describe other data in it."""
    kinds = {kind_of(file.name)[0] for file in found} - {None}
    texts = [file for file in found if kind_of(file.name)[0] == "text"]
    if kinds == {"text"}:
        return texts
    return [file for file in texts if not file.name.rsplit("/", 1)[-1].lower().startswith(_ABOUT)]


def schema(file: InputFile) -> Mapping[str, str]:  # noqa: ARG001  the same for all
    """Every text file has a name and a text."""
    return {"text": "string", "id": "string"}


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,  # noqa: ARG001  the contract's
) -> Iterator[RawBlock]:
    """Runs of files, in the order of their names, of about `block_bytes`; `line` numbers the files from 1."""
    batch: list[Member] = []
    size, index, first = 0, 0, 1
    for member in members(expand(file.url)):
        batch.append((member.url, member.name))
        size += max(member.size, 1)
        if size >= block_bytes:
            if index >= skip:
                yield RawBlock(file=file, index=index, line=first, offset=-1, payload=tuple(batch))
            first += len(batch)
            batch, size, index = [], 0, index + 1
    if batch and index >= skip:
        yield RawBlock(file=file, index=index, line=first, offset=-1, payload=tuple(batch))


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:  # noqa: ARG001
    """Documents of a run of files."""
    texts: list[str] = []
    names: list[str] = []
    lines: list[int] = []
    refused: list[Quarantined] = []
    for line, (url, name) in enumerate(block.payload, block.line):
        text, fault = _read(block.file, url)
        if fault is None:
            texts.append(text)
            names.append(name)
            lines.append(line)
        else:
            code, reason, head = fault
            refused.append(
                Quarantined(file=name, line=line, offset=-1, code=code, reason=reason, excerpt=excerpt(head))
            )
    table = document_table(
        pa.array(texts, pa.large_string()),
        lines=np.array(lines, dtype=np.int64),
        offsets=np.full(len(lines), -1, dtype=np.int64),
        roles={"id": pa.array(names, pa.string())},
    )
    return Parsed(table=table, quarantined=(*refused, *block.damage))


def _read(folder: InputFile, url: str) -> tuple[str, Fault | None]:
    """The text of a file, or why there is none."""
    stream, data = Stream(replace(folder, url=url, compression=kind_of(url)[1])), bytearray()
    try:
        for chunk in stream:
            data += chunk
            if len(data) > RECORD_BYTES:
                reason = (
                    f"more than {RECORD_BYTES:,} bytes in one document; split it, or save one document a line"
                )
                return "", ("document-too-long", reason, bytes(data[:800]))
    except InputError as error:
        return "", ("unreadable", str(error), b"")
    if stream.damage is not None:
        return "", (stream.damage.code, stream.damage.reason, bytes(data[:800]))
    return _decoded(bytes(data))


def _decoded(data: bytes) -> tuple[str, Fault | None]:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        named = encoding.upper().removesuffix("-SIG")
        return "", (
            "utf8",
            f"byte {error.start} of the file is 0x{data[error.start]:02x}, not {named}",
            data[:800],
        )
    if not text or text.isspace():
        return "", ("text-empty", "the file is empty or only white space", data[:800])
    return text, None
