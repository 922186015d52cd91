"""Decompressed bytes of a file, up to the last one that can be had, whatever happened to the file."""

import threading
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from wellkeeper.engine.files import open_binary
from wellkeeper.engine.readers.base import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    import zstandard

_STEP = 1 << 20  # bytes read, or inflated, at a time
_ZSTD_STEP = 1 << 15  # zstd gives no way to bound what a step expands to, so steps are small
_ZSTD_WINDOW = 1 << 31  # the largest that `zstd --long=31` writes; archives of forums use it
_AHEAD = 2 * BLOCK_BYTES  # inflated bytes that wait to be taken, at most
_ALONE = BLOCK_BYTES  # inflated bytes from which on a thread of its own is worth its start
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


@dataclass(frozen=True, slots=True)
class Damage:
    """Why a stream ended before its file did."""

    code: str  # truncated, corrupt-stream
    reason: str


class _DamagedError(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.damage = Damage(code, reason)


class Stream:
    """One pass over the bytes of a file; `damage` is known when the pass is over.

    Members of a gzip file and frames of a zstd file follow one another seamlessly; `members` lists where each
    gzip member starts, as (byte of the decompressed stream, byte of the file). Beyond the first block a thread
    inflates ahead of what was taken; closing the iterator ends it.
    """

    def __init__(self, file: InputFile, *, start: int = 0) -> None:
        """`start`: the byte of a file that is not compressed at which to begin."""
        self._file = file
        self._start = start
        self.damage: Damage | None = None
        self.members: list[tuple[int, int]] = []

    def __iter__(self) -> Generator[bytes]:
        with open_binary(self._file.url) as source:
            if self._start:
                source.seek(self._start)
            chunks = self._chunks(source)
            try:
                yield from chunks if self._file.compression is None else _ahead(chunks)
            except _DamagedError as error:
                self.damage = error.damage

    def _chunks(self, source: IO[bytes]) -> Iterator[bytes]:
        match self._file.compression:
            case None:
                while chunk := source.read(_STEP):
                    yield chunk
            case "gzip":
                yield from _gunzip(source, self.members)
            case "zstd":
                yield from _unzstd(source)
            case other:
                raise AssertionError(other)


def _ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks; those after the first block are made by a thread while earlier ones are in use."""
    made = 0
    for chunk in chunks:
        yield chunk
        made += len(chunk)
        if made >= _ALONE:
            break
    else:
        return
    with _Producer(chunks) as producer:
        yield from producer


class _Producer(threading.Thread):
    """Runs an iterator ahead of its consumer, until `_AHEAD` bytes wait; what it raises is raised there."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__(name="wellkeeper-inflate", daemon=True)
        self._chunks = chunks
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._over = False  # nothing more comes, or nobody takes it
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self.join()

    def run(self) -> None:
        try:
            for chunk in self._chunks:
                if not self._put(chunk):
                    return
        except BaseException as error:  # noqa: BLE001  raised again where the chunks are taken
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _put(self, chunk: bytes) -> bool:
        """Whether the consumer is still there."""
        with self._changed:
            while self._bytes >= _AHEAD and not self._over:
                self._changed.wait()
            self._waiting.append(chunk)
            self._bytes += len(chunk)
            self._changed.notify_all()
            return not self._over

    def __iter__(self) -> Iterator[bytes]:
        while taken := self._take():
            yield from taken
        if self._error is not None:
            raise self._error

    def _take(self) -> Sequence[bytes]:
        """All chunks that wait; none when nothing more comes."""
        with self._changed:
            while not self._waiting and not self._over:
                self._changed.wait()
            taken, self._waiting, self._bytes = self._waiting, deque(), 0
            self._changed.notify_all()
            return taken


def _gunzip(source: IO[bytes], members: list[tuple[int, int]]) -> Iterator[bytes]:
    """All members of a gzip file (RFC 1952); zero padding between them is passed over, as gzip(1) does."""
    data = source.read(_STEP)
    read, made = len(data), 0
    while data:
        members.append((made, read - len(data)))
        decoder = zlib.decompressobj(wbits=31)
        while not decoder.eof:
            before = decoder.copy()
            try:
                out = decoder.decompress(data, _STEP)
            except zlib.error as error:
                yield from _byte_by_byte(before, data)
                raise _corrupt("gzip", data if made == 0 else None, error) from error
            made += len(out)
            yield out
            data = decoder.unconsumed_tail
            if not data and len(out) < _STEP and not decoder.eof:
                data = source.read(_STEP)
                read += len(data)
                if not data:
                    raise _truncated("gzip")
        data = decoder.unused_data.lstrip(b"\0")
        while not data and (chunk := source.read(_STEP)):
            read += len(chunk)
            data = chunk.lstrip(b"\0")


def _byte_by_byte(decoder: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What comes out of the bytes before the damaged one: a failing step keeps its output to itself."""
    for at in range(len(data)):
        try:
            out = decoder.decompress(data[at : at + 1])
        except zlib.error:
            return
        if out:
            yield out


def _unzstd(source: IO[bytes]) -> Iterator[bytes]:
    """All frames of a zstd file (RFC 8878), skippable ones included."""
    import zstandard

    data = source.read(_ZSTD_STEP)
    read, first = len(data), True
    while data:
        frame, given = read - len(data), 0
        decoder = _zstd_decoder()
        while not decoder.eof:
            try:
                out = decoder.decompress(data)
            except zstandard.ZstdError as error:
                yield from _again(source, frame, read - len(data), given)
                raise _corrupt("zstd", data if first and given == 0 else None, error) from error
            given += len(out)
            yield out
            if not decoder.eof:
                data = source.read(_ZSTD_STEP)
                read += len(data)
                if not data:
                    raise _truncated("zstd")
        first = False
        data = decoder.unused_data
        if not data:
            data = source.read(_ZSTD_STEP)
            read += len(data)


def _zstd_decoder() -> "zstandard.ZstdDecompressionObj":
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def _again(source: IO[bytes], frame: int, damaged: int, given: int) -> Iterator[bytes]:
    """Decode a frame once more and yield what lies beyond the `given` bytes: the last of it byte by byte."""
    import zstandard

    source.seek(frame)
    decoder, made = _zstd_decoder(), 0
    while True:
        left = damaged - source.tell()
        data = source.read(min(left, _ZSTD_STEP) if left > 0 else 1)
        try:
            out = decoder.decompress(data) if data else b""
        except zstandard.ZstdError:
            return
        made += len(out)
        if made > given:
            yield out[max(0, given - made + len(out)) :]
            given = made
        if not data or decoder.eof:
            return


def _truncated(kind: str) -> _DamagedError:
    return _DamagedError("truncated", f"the {kind} stream ends in the middle")


def _corrupt(kind: str, head: bytes | None, error: Exception) -> _DamagedError:
    """`head`: the bytes at fault where they are the first of the file."""
    if head is not None and not head.startswith(_MAGIC[kind]):
        reason = f"the file does not start like {kind}, as its name says"
    else:
        reason = f"the {kind} stream is corrupt ({error})"
    return _DamagedError("corrupt-stream", reason)
