"""Cutting a stream of bytes into blocks of whole records, at places that depend on the bytes alone."""

import codecs
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

import numpy as np

from wellkeeper.engine.files import is_url, open_binary
from wellkeeper.engine.readers.base import InputFile, Quarantined
from wellkeeper.engine.readers.streams import Damage, Stream
from wellkeeper.lanes import LANES, bits_set, line_feeds
from wellkeeper.native import loop

RECORD_BYTES = 256 << 20
"""Longest record that is read. No document is that long: such a line is another format, or damage."""

EXCERPT_CHARS = 200
_LINE_FEED = 0x0A


class Boundaries(Protocol):
    """Where records end. One object follows one stream and may keep its place in it."""

    def find(self, buffer: bytearray, target: int) -> int:
        """End of the first record that ends at byte `target` or later; 0 if the buffer does not hold it yet.

        Between calls the buffer only grows at its end, unless `reset` or `forget` says otherwise.
        """
        ...

    def last(self, buffer: bytearray, end: int) -> int:
        """End of the last record that ends at byte `end` or before; 0 if none does."""
        ...

    def reset(self) -> None:
        """The buffer now starts with a record."""
        ...

    def forget(self) -> None:
        """All bytes of the buffer were let go; the record that they belong to goes on."""
        ...


class LineEnds:
    """Records that end with a line feed."""

    def __init__(self) -> None:
        self._seen = 0  # bytes known to hold no record end at the target or later

    def find(self, buffer: bytearray, target: int) -> int:
        end = buffer.find(b"\n", max(self._seen, target - 1)) + 1
        self._seen = len(buffer)
        return end

    def last(self, buffer: bytearray, end: int) -> int:
        return buffer.rfind(b"\n", 0, end) + 1

    def reset(self) -> None:
        self._seen = 0

    def forget(self) -> None:
        self._seen = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Whole records in file order, and what was damaged after them."""

    line: int  # 1-based line of the first byte
    offset: int  # of the first byte in the decompressed file
    payload: bytes
    damage: tuple[Quarantined, ...] = ()
    line_ends: int | None = None  # in the payload, where they were counted


class Cutter(AbstractContextManager["Cutter"]):
    """Hands out a file piece by piece; `start` is where to begin, as (byte, 1-based line) of a plain file."""

    def __init__(self, file: InputFile, boundaries: Boundaries, *, start: tuple[int, int] = (0, 1)) -> None:
        self._file = file
        self._offset, self._line = start
        self.stream = Stream(file, start=self._offset)
        self._chunks = iter(self.stream)
        self._boundaries = boundaries
        self._buffer = bytearray()
        self._open = True
        self._foreign = self._skip_mark() if self._offset == 0 else None

    def __exit__(self, *_: object) -> None:
        self._chunks.close()

    def next(self, target: int, *, keep: bool = True) -> Piece | None:
        """The records up to the first that ends at byte `target` of the piece or later; None at the end.

        `keep=False` passes over them at memory speed: the piece has its place but no payload.
        """
        if self._foreign is not None:
            damage, self._foreign, self._open = self._foreign, None, False
            self._buffer.clear()
            return Piece(line=1, offset=0, payload=b"", damage=(replace(self._quarantine(damage), line=0),))
        while (end := self._boundaries.find(self._buffer, target)) == 0:
            have = len(self._buffer)
            if (
                have > RECORD_BYTES
                and have - (start := self._boundaries.last(self._buffer, have)) > RECORD_BYTES
            ):
                return self._pass_over(start, keep=keep)
            if not self._read():
                return self._rest(keep=keep)
        if (
            end > RECORD_BYTES
            and end - (start := self._boundaries.last(self._buffer, end - 1)) > RECORD_BYTES
        ):
            return self._pass_over(start, keep=keep)
        return self._take(end, keep=keep)

    def _skip_mark(self) -> Damage | None:
        """Pass over a UTF-8 byte order mark; UTF-16 is no stream of bytes to cut."""
        while len(self._buffer) < 3 and self._read():
            pass
        if self._buffer.startswith(codecs.BOM_UTF8):
            self._take(3, keep=False)
        elif self._buffer.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return Damage("utf16", "the file is UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
        return None

    def _read(self) -> bool:
        """Whether the stream had more; a stream may end more than once."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._buffer += chunk
        return True

    def _take(self, end: int, *, keep: bool) -> Piece:
        payload = bytes(memoryview(self._buffer)[:end]) if keep else b""
        piece = Piece(line=self._line, offset=self._offset, payload=payload)
        self._let_go(end)
        self._boundaries.reset()
        return replace(piece, line_ends=self._line - piece.line)

    def _rest(self, *, keep: bool) -> Piece | None:
        """What the stream ends with: a last record without its end, or one that damage cut off."""
        if not self._open:
            return None
        self._open = False
        if self.stream.damage is None:
            return self._take(len(self._buffer), keep=keep) if self._buffer else None
        piece = self._take(self._boundaries.last(self._buffer, len(self._buffer)), keep=keep)
        return replace(piece, damage=(self._quarantine(self.stream.damage),))

    def _pass_over(self, start: int, *, keep: bool) -> Piece:
        """The records before the one that starts at byte `start`, which is too long to be one."""
        piece = self._take(start, keep=keep)
        damage = self._quarantine(
            Damage("line-too-long", f"more than {RECORD_BYTES:,} bytes without a record's end")
        )
        while (end := self._boundaries.find(self._buffer, 1)) == 0:
            self._let_go(len(self._buffer))
            self._boundaries.forget()
            if not self._read():
                return replace(piece, damage=(damage,))
        self._let_go(end)
        self._boundaries.reset()
        return replace(piece, damage=(damage,))

    def _let_go(self, end: int) -> None:
        self._line += count_lines(self._buffer, end)
        self._offset += end
        del self._buffer[:end]

    def _quarantine(self, damage: Damage) -> Quarantined:
        return Quarantined(
            file=self._file.name,
            line=self._line,
            offset=self._offset,
            code=damage.code,
            reason=damage.reason,
            excerpt=excerpt(self._buffer),
        )


class PlainLines(AbstractContextManager["PlainLines"]):
    """Hands out a plain local file of lines piece by piece, as `Cutter` with `LineEnds` does, without a buffer.

    A piece is read straight into the bytes that hold it, once a look ahead has told where it ends.
    """

    def __init__(self, file: InputFile) -> None:
        self._file = file
        self._source: IO[bytes] = open_binary(file.url)
        self._line, self._offset = 1, 0
        self._cutter: Cutter | None = None
        head = self._read(0, 3)
        if head == codecs.BOM_UTF8:
            self._offset = len(head)
        elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._cutter = Cutter(file, LineEnds())

    def __exit__(self, *_: object) -> None:
        self._source.close()
        if self._cutter is not None:
            self._cutter.__exit__()

    def next(self, target: int, *, keep: bool = True) -> Piece | None:
        """As `Cutter.next`."""
        end = 0 if self._cutter else self._line_end(self._offset + max(target, 1) - 1)
        if (
            self._cutter is None and end - self._offset > RECORD_BYTES
        ):  # a line in it may be too long to be one
            self._cutter = Cutter(self._file, LineEnds(), start=(self._offset, self._line))
        if self._cutter is not None:
            return self._cutter.next(target, keep=keep)
        payload = self._read(self._offset, end - self._offset)
        if not payload:
            return None
        line_ends = count_lines(payload)
        piece = Piece(
            line=self._line, offset=self._offset, payload=payload if keep else b"", line_ends=line_ends
        )
        self._line += line_ends
        self._offset += len(payload)
        return piece

    def _line_end(self, at: int) -> int:
        """End of the line that byte `at` belongs to, or of the file; at most a little beyond a record's limit."""
        limit = self._offset + RECORD_BYTES
        while at <= limit and (ahead := self._read(at, _LOOK_AHEAD)):
            if end := ahead.find(b"\n") + 1:
                return at + end
            at += len(ahead)
        return at

    def _read(self, at: int, size: int) -> bytes:
        self._source.seek(at)
        return self._source.read(size)


_LOOK_AHEAD = 1 << 14  # bytes read at a time to find the end of a line


def line_cutter(file: InputFile) -> Cutter | PlainLines:
    """What cuts a file of lines."""
    plain = file.compression is None and not is_url(file.url)
    return PlainLines(file) if plain else Cutter(file, LineEnds())


def count_lines(data: bytes | bytearray, end: int | None = None) -> int:
    """Line ends before byte `end`: line feeds."""
    return int(_count_lines(np.frombuffer(data, np.uint8)[:end]))


@loop("const u8[:]", returns="i64")
def _count_lines(data: Any) -> Any:
    count = at = 0
    while at + LANES <= data.size:
        count += bits_set(line_feeds(data, at))
        at += LANES
    while at < data.size:
        count += data[at] == _LINE_FEED
        at += 1
    return count


def excerpt(record: bytes | bytearray) -> str:
    """The first characters of a record, for the quarantine file."""
    return bytes(record[: 4 * EXCERPT_CHARS]).decode(errors="replace")[:EXCERPT_CHARS]
