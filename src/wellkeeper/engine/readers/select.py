"""A few records read again, without parsing, or even reading, all that stands around them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import InputFile, RawBlock
from wellkeeper.lanes import LANES, PADDING, copy_lanes, first_bit, line_feeds
from wellkeeper.native import loop


def select_records(block: RawBlock, lines: NDArray[np.int64]) -> RawBlock | None:
    """The block with only the records on these lines, which must hold documents; None where that is not cheap.

    Lines and offsets of the records in the result are not those of the file.
    """
    if block.file.format != "jsonl" or not isinstance(block.payload, bytes | bytearray):
        return None
    records = block.payload.split(b"\n")
    chosen = b"\n".join([records[line - block.line] for line in lines.tolist()])
    return replace(block, payload=chosen, damage=(), line_ends=len(lines) - 1)


@dataclass(frozen=True, slots=True)
class RecordsAt:
    """Lines of a plain local JSON-lines file, still to be read: the payload of a block that whoever parses it reads."""

    offsets: NDArray[np.int64]  # shape (records,), ascending
    sizes: NDArray[np.int64]  # bytes that each has at least, and commonly little more: those of its text


def is_seekable(file: InputFile) -> bool:
    """Whether single lines of the file can be read."""
    plain = file.format == "jsonl" and file.compression is None and "://" not in file.url
    return plain and file.url.endswith((".jsonl", ".ndjson", ".jsonlines"))


def read_records(block: RawBlock) -> RawBlock:
    """The block with the lines that its payload names; their lines and offsets in it are not those of the file."""
    wanted: RecordsAt = block.payload
    offsets, sizes = wanted.offsets, wanted.sizes
    # unbuffered: lines may lie far apart
    with open(block.file.url, "rb", buffering=0) as stream:  # noqa: PTH123  the url is a plain path
        span = int(offsets[-1] - offsets[0]) if len(offsets) else 0
        if int(sizes.sum()) + _BESIDE_TEXT * len(sizes) > span // _SPARSE:
            payload: bytes | bytearray = _among_others(stream, offsets, sizes, span)
        else:
            payload = b"".join(_one_by_one(stream, offsets, sizes))
    return replace(block, payload=payload, line_ends=len(offsets))


_SPARSE = (
    4  # from so many times their bytes on, lines are read one by one: a call costs about as much as 4 KB
)
_LINE_FEED = 0x0A
_BESIDE_TEXT = 512  # bytes of a record that are not its text, commonly: names, brackets, escapes


def _one_by_one(stream: IO[bytes], offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[bytes]:
    for offset, size in zip(offsets.tolist(), sizes.tolist(), strict=True):
        yield _line(stream, offset, size)


def _line(stream: IO[bytes], offset: int, size: int) -> bytes:
    line = b""
    step = size + _BESIDE_TEXT
    while more := _read(stream, offset + len(line), step):
        end = more.find(b"\n")
        if end >= 0:
            return line + more[: end + 1]
        line += more
        step *= 2
    return line + b"\n"


def _read(stream: IO[bytes], offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):  # one call of the system and not two
        return os.pread(stream.fileno(), size, offset)
    stream.seek(offset)
    return stream.read(size)


def _among_others(
    stream: IO[bytes], offsets: NDArray[np.int64], sizes: NDArray[np.int64], span: int
) -> bytearray:
    """All lines but the last are cut out of the stretch that ends where the last begins."""
    stretch = np.zeros(span + PADDING, np.uint8)
    stream.seek(int(offsets[0]))
    have = 0
    while more := stream.readinto(stretch[have:span].data):  # type: ignore[attr-defined]
        have += more
    # where the file has become shorter, noughts make lines that are no JSON
    lines = bytearray(span + PADDING)
    used = _cut(stretch, offsets - offsets[0], sizes, np.frombuffer(lines, np.uint8))
    del lines[used:]
    lines += _line(stream, int(offsets[-1]), int(sizes[-1]))
    return lines


@loop("const u8[:], const i64[:], const i64[:], u8[:]", returns="i64")
def _cut(data: Any, starts: Any, sizes: Any, out: Any) -> Any:
    """Copy the lines that begin at all places but the last, with their ends; returns the bytes written."""
    at = 0
    for k in range(starts.size - 1):
        start, limit = starts[k], starts[k + 1]
        end = min(start + sizes[k], limit)
        while end < limit:
            mask = line_feeds(data, end)
            if mask:
                end = min(limit, end + first_bit(mask) + 1)
                break
            end += LANES
        end = min(end, limit)
        place = start
        while place < end:
            copy_lanes(data, place, out, at + place - start)
            place += LANES
        at += end - start
        out[at - 1] = _LINE_FEED  # a file that has changed may have none there
    return at
