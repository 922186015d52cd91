"""Equal keys brought together from more rows than memory holds: split by the first bits of the key, a part at a time.

Keys are hashes, so that their first bits split them evenly. What does not fit into memory goes to an unnamed file
that ends with the process; on disk a row is two little-endian u64, the key and the document.
"""

import mmap
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop

Rows: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int64]]  # keys and documents, one shape (rows,)

ROW_BYTES = 16
PART_ROWS = 1 << 21
"""Rows that are sorted at once: some 32 MiB of them, and as much again while they are joined."""


class Parts(AbstractContextManager["Parts"]):
    """Rows split into parts so that equal keys share one; each part is about `PART_ROWS` or smaller.

    `rows` is how many will be added at most, and `held` how many may wait in memory. Only if there are more is a
    file opened, in `scratch` (None: where temporary files go).
    """

    def __init__(self, rows: int, *, held: int, scratch: Path | None) -> None:
        self._bits = max(0, -(-rows // PART_ROWS) - 1).bit_length() if rows > held else 0
        self._held = held
        self._scratch = scratch
        self._waiting: list[Rows] = []
        self._count = 0
        self._file: IO[bytes] | None = None
        self._batches: list[
            NDArray[np.int64]
        ] = []  # bounds of the parts in each batch written, shape (parts + 1,)

    def add(self, keys: NDArray[np.uint64], documents: NDArray[np.int64]) -> None:
        self._waiting.append((keys, documents))
        self._count += len(keys)
        if self._count > self._held:
            self._spill()

    def _spill(self) -> None:
        keys, documents = self._taken()
        part = (
            (keys >> np.uint64(64 - self._bits)).astype(np.uint16)
            if self._bits
            else np.zeros(len(keys), np.uint16)
        )
        order = np.argsort(part, kind="stable")
        bounds = np.zeros((1 << self._bits) + 1, np.int64)
        np.cumsum(np.bincount(part, minlength=1 << self._bits), out=bounds[1:])
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._scratch, buffering=0)  # noqa: SIM115  closed by __exit__
        self._batches.append(bounds)
        for column in (keys, documents):
            _write(self._file, column.take(order).astype("<u8", copy=False).view(np.uint8).data)

    def _taken(self) -> Rows:
        keys, documents = (np.concatenate(columns) for columns in zip(*self._waiting, strict=True))
        self._waiting.clear()
        self._count = 0
        return keys, documents

    def __iter__(self) -> Iterator[Iterator[Rows]]:
        """The parts, each in slices of about `PART_ROWS` rows: one, unless very many rows share a key."""
        if self._file is None:
            yield iter([self._taken()] if self._waiting else [])
            return
        if self._waiting:
            self._spill()
        for part in range(1 << self._bits):
            yield self._slices(part)

    def _slices(self, part: int) -> Iterator[Rows]:
        first, rows = 0, 0
        for batch, bounds in enumerate(self._batches):
            rows += int(bounds[part + 1] - bounds[part])
            if rows >= PART_ROWS or batch == len(self._batches) - 1:
                yield self._read(part, first, batch + 1, rows)
                first, rows = batch + 1, 0

    def _read(self, part: int, first: int, last: int, rows: int) -> Rows:
        assert self._file is not None
        found = np.empty((2, rows), "<u8")
        start = ROW_BYTES * sum(int(bounds[-1]) for bounds in self._batches[:first])
        at = 0
        for bounds in self._batches[first:last]:
            low, high, whole = int(bounds[part]), int(bounds[part + 1]), int(bounds[-1])
            for column in range(2):
                self._file.seek(start + 8 * (column * whole + low))
                _read_into(self._file, found[column, at : at + high - low].view(np.uint8).data)
            start += ROW_BYTES * whole
            at += high - low
        return found[0].astype(np.uint64, copy=False), found[1].astype(np.int64)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _write(file: IO[bytes], data: memoryview) -> None:
    while len(data):  # one call of the system writes 2 GiB at most
        data = data[file.write(data) :]


def _write_at(file: IO[bytes], at: int, data: memoryview) -> None:
    if not hasattr(os, "pwrite"):
        with _seeking:
            file.seek(at)
            _write(file, data)
        return
    while len(data):
        written = os.pwrite(file.fileno(), data, at)
        at, data = at + written, data[written:]


_seeking = threading.Lock()


def _read_into(file: IO[bytes], data: memoryview) -> None:
    while len(data):
        data = data[file.readinto(data) :]  # type: ignore[attr-defined]


class Spill:
    """Hashes written once and read once: in memory while few, else in an unnamed file that goes with the process."""

    def __init__(self, count: int, folder: Path | None) -> None:
        self._count = count
        # unbuffered: each document's hashes go to a place of their own
        self._file = (
            None if count < _SPILL_HASHES else tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
        )
        self._memory = np.empty(0 if self._file else count, np.uint64)

    def write(self, at: int, values: NDArray[np.uint64]) -> None:
        if self._file is None:
            self._memory[at : at + len(values)] = values
        else:
            _write_at(self._file, 8 * at, values.data.cast("B"))

    def scatter(
        self, places: NDArray[np.int64], bounds: NDArray[np.int64], values: NDArray[np.uint64]
    ) -> None:
        """Write values[bounds[k]:bounds[k + 1]] at places[k]; `places`, shape (runs,), `bounds` one more.

        Several threads may do so at once.
        """
        if self._file is None:
            _lay_down(places, bounds, values, self._memory)
            return
        for at, start, end in zip(places.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            self.write(at, values[start:end])

    def read(self) -> tuple[NDArray[np.uint64], Callable[[int, int], None]]:
        """The hashes, and how to let go of a stretch of them."""
        if self._file is None:
            return self._memory, lambda _start, _end: None
        self._file.truncate(8 * self._count)
        self._file.flush()
        view = mmap.mmap(self._file.fileno(), 8 * self._count, access=mmap.ACCESS_COPY)
        self._file.close()  # the mapping keeps what it shows

        def done(start: int, end: int) -> None:
            low, high = 8 * start // mmap.PAGESIZE, 8 * end // mmap.PAGESIZE
            if high > low and hasattr(view, "madvise"):
                view.madvise(mmap.MADV_DONTNEED, low * mmap.PAGESIZE, (high - low) * mmap.PAGESIZE)

        return np.frombuffer(view, np.uint64), done


_SPILL_HASHES = 1 << 24  # 128 MiB


@loop("const i64[:], const i64[:], const u64[:], u64[:]")
def _lay_down(places: Any, bounds: Any, values: Any, out: Any) -> Any:
    for k in range(places.size):
        at = places[k] - bounds[k]
        for j in range(bounds[k], bounds[k + 1]):
            out[at + j] = values[j]
