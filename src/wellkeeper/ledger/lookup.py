"""Where in the ledger a document may be: a small filter for each stretch of rows, so that a question reads few of them.

`ledger/lookup.bin` has, for every `BLOCK_ROWS` rows, two Bloom filters of ten bits a row: one of ids, one of the
first eight digits of content hashes. A filter that does not know a key is right; one that knows it is wrong in one
case of a hundred [1]. Bits are placed by two halves of one hash [2]. The file says nothing that the rows do not say:
it can be made anew from them at any time, and no answer depends on it.

Layout: the eight bytes of `MAGIC`, the number of rows as a little-endian uint64, then the filters, block by block,
ids first. The filters of a block of n rows have 10 n bits each, rounded up to whole 64-bit words.

[1] Bloom, Space/time trade-offs in hash coding with allowable errors, Commun. ACM 13 (1970) 422-426.
[2] Kirsch and Mitzenmacher, Less hashing, same performance, Random Struct. Algorithms 33 (2008) 187-218.
"""

from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.ledger._loops import PROBES, hash_strings, mark

BLOCK_ROWS = 1 << 14
PREFIX_DIGITS = 8
"""Hexadecimal digits of a content hash that a filter knows; a shorter beginning is not found by it."""

MAGIC = b"wkfind/1"
_HEADER_BYTES = 16
_BITS_A_ROW = 10

Key: TypeAlias = Literal["id", "content_hash"]
_KEYS: tuple[Key, ...] = ("id", "content_hash")
_Hashes: TypeAlias = NDArray[np.uint64]


class LookupWriter:
    """Makes the filters of rows that come one table after the other."""

    def __init__(self) -> None:
        self._rows = 0
        self._waiting: dict[Key, list[_Hashes]] = {key: [] for key in _KEYS}
        self._filters: list[bytes] = []

    def update(self, table: pa.Table | pa.RecordBatch) -> None:
        """Take in the columns `id` and `content_hash` of some rows."""
        for key in _KEYS:
            column = table.column(key)
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                self._waiting[key].append(_hashes(chunk, key))
        before, self._rows = self._rows, self._rows + table.num_rows
        if before // BLOCK_ROWS != self._rows // BLOCK_ROWS:
            self._filter(whole=True)

    def finish(self) -> bytes:
        """The file's bytes."""
        self._filter(whole=False)
        return MAGIC + self._rows.to_bytes(8, "little") + b"".join(self._filters)

    def _filter(self, *, whole: bool) -> None:
        """Turn what waits into filters; `whole`: leave what does not fill a block."""
        hashes = {key: np.concatenate([np.zeros(0, np.uint64), *self._waiting[key]]) for key in _KEYS}
        size = len(hashes["id"])
        end = size // BLOCK_ROWS * BLOCK_ROWS if whole else size
        for first in range(0, end, BLOCK_ROWS):
            for key in _KEYS:
                some = hashes[key][first : min(first + BLOCK_ROWS, end)]
                filter_ = np.zeros(_filter_bytes(len(some)), np.uint8)
                mark(some, 8 * len(filter_), filter_)
                self._filters.append(filter_.tobytes())
        self._waiting = {key: [hashes[key][end:]] for key in _KEYS}


def blocks_with(path: Path, key: Key, value: bytes, rows: int) -> list[tuple[int, int]] | None:
    """Stretches of rows, [first, last) each, of which all that have the value are part.

    `value` is an id's UTF-8, or at least the first four bytes of a content hash. None if the file is missing, torn or
    of a ledger with another number of rows: then any row may have it.
    """
    filters = _filters(path, rows)
    if filters is None:
        return None
    if key == "content_hash":
        value = value[: PREFIX_DIGITS // 2]
    hashes = np.zeros(1, np.uint64)
    hash_strings(np.frombuffer(value + b"\0", np.uint8), np.array([0, len(value)]), hashes)
    found = []
    for first, size, blocks in filters:
        bits = _places(int(hashes[0]), 8 * size)
        bytes_ = blocks[:, _KEYS.index(key), bits >> 3]
        knows = ((bytes_ >> (bits & 7).astype(np.uint8)) & 1).all(axis=1)
        found += [first + BLOCK_ROWS * block for block in np.flatnonzero(knows).tolist()]
    return [(first, min(first + BLOCK_ROWS, rows)) for first in found]


def _places(hash_: int, bits: int) -> NDArray[np.int64]:
    """What `mark` sets."""
    place, step = hash_ & 0xFFFFFFFF, hash_ >> 32 | 1
    return np.array([(place + probe * step & 0xFFFFFFFF) * bits >> 32 for probe in range(PROBES)], np.int64)


def _filters(path: Path, rows: int) -> list[tuple[int, int, NDArray[np.uint8]]] | None:
    """First row, bytes of a filter and filters, shape (blocks, 2, bytes): of the whole blocks, then of the last."""
    blocks, rest = divmod(rows, BLOCK_ROWS)
    size, last = _filter_bytes(BLOCK_ROWS), _filter_bytes(rest)
    split = _HEADER_BYTES + blocks * 2 * size
    try:
        data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):  # missing, or empty
        return None
    if len(data) != split + 2 * last or bytes(data[:_HEADER_BYTES]) != MAGIC + rows.to_bytes(8, "little"):
        return None
    whole = [(0, size, data[_HEADER_BYTES:split].reshape(blocks, 2, size))] if blocks else []
    return whole + ([(blocks * BLOCK_ROWS, last, data[split:].reshape(1, 2, last))] if rest else [])


def _filter_bytes(rows: int) -> int:
    return -(-rows * _BITS_A_ROW // 64) * 8


def _hashes(values: Any, key: Key) -> _Hashes:
    hashes = np.empty(len(values), np.uint64)
    if not len(values):
        return hashes
    if key == "content_hash":
        whole = np.frombuffer(memoryview(values.buffers()[1]), np.uint8, 32 * len(values), 32 * values.offset)
        data = np.ascontiguousarray(whole.reshape(-1, 32)[:, : PREFIX_DIGITS // 2]).reshape(-1)
        offsets = np.arange(len(values) + 1) * (PREFIX_DIGITS // 2)
    else:
        wide = values.cast(pa.large_binary())
        _, ends, held = wide.buffers()
        data = np.frombuffer(memoryview(held) if held is not None else b"", np.uint8)
        offsets = np.frombuffer(memoryview(ends), np.int64, len(wide) + 1, 8 * wide.offset)
    hash_strings(data, offsets, hashes)
    return hashes
