"""The leaves of a ledger's tree, and what of it is kept on disk so that a proof needs no more than a few rows.

A tile is 256 rows of `ledger/documents`, packed one after the other; `ledger/tiles.bin` has 32 bytes for each. Either
a tile is a leaf of the tree, and a proof of one row shows its whole tile; or, for public proofs, each row is a leaf,

    SHA-256(0x00 || salt || packed row),

with 16 random bytes of salt that only its proof shows: without them nobody can find out what a neighbour says by
trying what it might say. Then a tile's hash is the root over its rows, which `ledger/leaves.bin` has. Since 256 is a
power of two, the tree over the tiles' hashes is the upper part of one and the same tree either way.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.store import open_atomic, write_atomic
from wellkeeper.ledger import tree
from wellkeeper.ledger.folder import LEAVES, LOOKUP, SALTS, TILE_ROWS, TILES, part_paths
from wellkeeper.ledger.lookup import LookupWriter
from wellkeeper.ledger.packing import VERSION, Columns, PackedRows, RowPacker, columns_of, pack
from wellkeeper.ledger.tree import HASH_BYTES

SALT_BYTES = 16
PACKED_ROWS = 1 << 13
"""Rows that are packed at once: some 3 MB."""

READ_ROWS = 1 << 16
"""Rows that are read at once."""

LeafKind: TypeAlias = Literal["tile", "row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """What a seal says of the tree over the rows of `ledger/documents`."""

    leaf: LeafKind
    rows: int
    columns: Columns
    root: str  # 64 hexadecimal digits

    def to_json(self) -> dict[str, Any]:
        return {
            "algorithm": tree.ALGORITHM,
            "row_format": VERSION,
            "leaf": self.leaf,
            "tile_rows": TILE_ROWS,
            "rows": self.rows,
            "columns": [list(column) for column in self.columns],
            "root": self.root,
        }


class TileHasher:
    """Hashes of tiles, of rows that come one table after the other."""

    def __init__(self) -> None:
        self._rows = 0
        self._open = hashlib.sha256(b"\x00")
        self._done: list[bytes] = []

    def update(self, table: pa.Table | pa.RecordBatch) -> None:
        for batch in table.to_batches() if isinstance(table, pa.Table) else [table]:
            packer = RowPacker(batch)
            for first in range(0, batch.num_rows, PACKED_ROWS):
                self._hash(packer.rows(first, min(first + PACKED_ROWS, batch.num_rows)))

    def _hash(self, rows: PackedRows) -> None:
        data, size = rows.data.data, len(rows.offsets) - 1
        first = 0
        while first < size:
            last = min(size, first + TILE_ROWS - self._rows % TILE_ROWS)
            self._open.update(data[rows.offsets[first] : rows.offsets[last]])
            self._rows += last - first
            first = last
            if self._rows % TILE_ROWS == 0:
                self._close()

    def finish(self) -> bytes:
        """The tiles' hashes, 32 bytes each; the last tile may have fewer rows."""
        if self._rows % TILE_ROWS:
            self._close()
        return b"".join(self._done)

    def _close(self) -> None:
        self._done.append(self._open.digest())
        self._open = hashlib.sha256(b"\x00")


class RowHasher:
    """Hashes of rows as leaves of their own, and of the tiles over them; `salts` is read as rows come."""

    def __init__(self, salts: BinaryIO) -> None:
        self._salts = salts
        self._open = b""  # leaves of the tile that is not full
        self._done: list[bytes] = []

    def update(self, batch: pa.RecordBatch) -> bytes:
        """The leaves of the batch, 32 bytes each."""
        leaves = _row_hashes(batch, self._salts.read(SALT_BYTES * batch.num_rows))
        self._open += leaves
        size = HASH_BYTES * TILE_ROWS
        full = len(self._open) // size * size
        self._done.append(_tiles_over(self._open[:full]))
        self._open = self._open[full:]
        return leaves

    def finish(self) -> bytes:
        """The tiles' hashes, 32 bytes each; the last tile may have fewer rows."""
        return b"".join(self._done) + _tiles_over(self._open)


class LedgerIndex:
    """What is made of all rows of a ledger while they are written: hashes of tiles, and filters to find rows by."""

    def __init__(self) -> None:
        self._tiles, self._lookup = TileHasher(), LookupWriter()

    def update(self, table: pa.Table | pa.RecordBatch) -> None:
        self._tiles.update(table)
        self._lookup.update(table)

    def write(self, folder: Path) -> str:
        """Write both; returns `rows_digest` of the rows."""
        tiles = self._tiles.finish()
        write_atomic(folder / TILES, tiles)
        write_atomic(folder / LOOKUP, self._lookup.finish())
        return tree.root(tiles).hex()


def rows_digest(tables: Iterable[pa.Table | pa.RecordBatch]) -> str:
    """The digest of `ledger/documents` in a manifest: the root over the tiles of its rows, 64 hexadecimal digits.

    It has no salt, so that equal rows have one digest; where tiles are the leaves, it is the root that the seal names.
    """
    hasher = TileHasher()
    for table in tables:
        hasher.update(table)
    return tree.root(hasher.finish()).hex()


def rows_of(folder: Path) -> int:
    """Rows of `ledger/documents`, as the parts say."""
    return sum(pq.read_metadata(path).num_rows for path in part_paths(folder, "documents"))


def grow_tree(folder: Path) -> TreeHead:
    """The tree whose leaves are tiles; of rows that have their `LedgerIndex` already nothing is read."""
    rows = rows_of(folder)
    with_rows = (folder / LEAVES).exists()
    for name in (LEAVES, SALTS):
        (folder / name).unlink(missing_ok=True)
    tiles = b"" if with_rows else _stored(folder / TILES)
    if len(tiles) != HASH_BYTES * tiles_of(rows) or not (folder / LOOKUP).exists():
        index = LedgerIndex()
        for batch in batches_of(part_paths(folder, "documents")):
            index.update(batch)
        index.write(folder)
        tiles = _stored(folder / TILES)
    return _head(folder, "tile", rows, tiles)


def grow_public_tree(folder: Path, *, keep_salts: bool) -> TreeHead:
    """The tree whose leaves are salted rows; `keep_salts`: the rows are those of the salts that are there."""
    rows = rows_of(folder)
    salted = folder / SALTS
    if not (keep_salts and salted.exists() and salted.stat().st_size == SALT_BYTES * rows):
        _draw_salts(salted, rows)
    lookup = LookupWriter()
    with salted.open("rb") as salts, open_atomic(folder / LEAVES) as file:
        hasher = RowHasher(salts)
        for batch in batches_of(part_paths(folder, "documents")):
            lookup.update(batch)
            file.write(hasher.update(batch))
    tiles = hasher.finish()
    write_atomic(folder / TILES, tiles)
    write_atomic(folder / LOOKUP, lookup.finish())
    return _head(folder, "row", rows, tiles)


def _draw_salts(path: Path, rows: int) -> None:
    with open_atomic(path) as file:
        for first in range(0, rows, READ_ROWS):
            file.write(os.urandom(SALT_BYTES * min(READ_ROWS, rows - first)))


def _head(folder: Path, leaf: LeafKind, rows: int, tiles: bytes) -> TreeHead:
    schema = pq.read_schema(part_paths(folder, "documents")[0])
    return TreeHead(leaf=leaf, rows=rows, columns=columns_of(schema), root=tree.root(tiles).hex())


def _row_hashes(batch: pa.RecordBatch, salts: bytes) -> bytes:
    """Hashes of the rows as leaves of their own, 32 bytes each; `salts` has 16 bytes for each."""
    rows = pack(batch)
    data, ends = rows.data.tobytes(), rows.offsets.tolist()
    sha256 = hashlib.sha256
    return b"".join(
        [
            sha256(
                b"\x00" + salts[SALT_BYTES * k : SALT_BYTES * (k + 1)] + data[ends[k] : ends[k + 1]]
            ).digest()
            for k in range(batch.num_rows)
        ]
    )


def _tiles_over(leaves: bytes) -> bytes:
    """Hashes of tiles whose rows are leaves; the last may have fewer rows."""
    size = HASH_BYTES * TILE_ROWS
    return b"".join(tree.root(leaves[at : at + size]) for at in range(0, len(leaves), size))


def stored_leaves(folder: Path) -> bytes:
    """Hashes of all leaves of the tree that a folder has on disk, 32 bytes each."""
    return _stored(folder / LEAVES) or _stored(folder / TILES)


def root_over(leaves: bytes, kind: LeafKind) -> str:
    """The root over leaves, 64 hexadecimal digits."""
    return tree.root(_tiles_over(leaves) if kind == "row" else leaves).hex()


def tiles_of(rows: int) -> int:
    """Tiles that so many rows fill, the last perhaps in part."""
    return -(-rows // TILE_ROWS)


def batches_of(parts: Iterable[Path], columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of Parquet files, one file after the other, with the types that they have themselves."""
    for path in parts:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=READ_ROWS, columns=columns)


def _stored(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
