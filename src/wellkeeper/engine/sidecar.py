"""Sidecars: what the text pass wrote about each block, in Parquet files beside each other.

A block has one main file of numeric columns, one row a document, and companions: quarantined records, evidence
spans, word hashes of the documents drawn for tail measurement, and, where a run asks for them, bags of words for
topics, fingerprints of passages, n-grams in common with evaluation sets, and marks of origin and rights. Companions are
written first and the main file last, each under a unique temporary name, synced and renamed: where the main file
exists, the block is done. That is all there is to resuming.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.engine.store import write_atomic

Companion: TypeAlias = Literal[
    "quarantine", "spans", "words", "bags", "fingerprints", "overlaps", "vectors", "types", "marks", "parents"
]
_FACTS = b"wellkeeper"


def block_path(folder: Path, index: int) -> Path:
    return folder / f"block-{index:06d}.parquet"


def companion_path(block: Path, kind: Companion) -> Path:
    return block.with_name(f"{block.stem}.{kind}.parquet")


def write_block(
    folder: Path,
    index: int,
    table: pa.Table,
    facts: Mapping[str, Any],
    companions: Mapping[Companion, pa.Table],
) -> None:
    """Write a block's sidecar. `facts` is small and JSON-able; companions without rows are not written."""
    target = block_path(folder, index)
    for kind, companion in companions.items():
        if companion.num_rows:
            write_atomic(companion_path(target, kind), _parquet(companion))
    metadata = {_FACTS: json.dumps({**facts, _CONSTANTS: _constants(table)}, sort_keys=True).encode()}
    # Companions last once they are written; a block that a power cut takes is made again.
    write_atomic(target, _parquet(table.replace_schema_metadata(metadata)), lasting=False)


_UNLIKE = ("id", "excerpt")  # strings of which no two are the same
_CONSTANTS = (
    "constants"  # among the facts: strings that all documents share, so that nobody opens the block for them
)


def _constants(table: pa.Table) -> dict[str, str | None]:
    shared: dict[str, str | None] = {}
    for name in _repeating(table.schema):
        column = table.column(name)
        if column.null_count == len(column):
            shared[name] = None
        elif not column.null_count and pc.all(pc.equal(column, column[0])).as_py():
            shared[name] = column[0].as_py()
    return shared


def _repeating(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_string(field.type) and field.name not in _UNLIKE]


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    # Hashes do not compress; dictionaries pay for strings that repeat.
    pq.write_table(
        table, sink, compression="none", use_dictionary=_repeating(table.schema), write_statistics=False
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def done_blocks(folder: Path) -> set[int]:
    """Indices of the blocks that are complete."""
    return {
        int(path.stem.removeprefix("block-"))
        for path in folder.glob("block-*.parquet")
        if path.stem.count(".") == 0
    }


@dataclass(frozen=True, slots=True)
class SidecarBlock:
    """One complete block and where its documents stand in the corpus."""

    path: Path
    file: int  # position in the manifest
    index: int  # block of that file
    first: int  # number of its first document in the corpus
    documents: int
    facts: Mapping[str, Any]


INDEX_FROM = 64
"""Blocks from which on what is known of them is also kept in one file: opening a sidecar takes a quarter of a
millisecond, and a large corpus has tens of thousands of them."""


class _Index:
    """Rows and facts of the blocks in folders that lie beside each other, so that a later run need not open each.

    A block never changes once it is there. The index is a copy, not the truth: where it cannot be read, the blocks
    are, and where it cannot be written, nothing is lost.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        places = {folder.parent for folder in folders}
        self._path = places.pop() / "index.json" if len(places) == 1 else None
        self._known: dict[str, tuple[int, Mapping[str, Any]]] = {}
        self._new = 0
        if self._path is not None:
            with suppress(OSError, ValueError):
                self._known = orjson.loads(self._path.read_bytes())

    def of(self, path: Path) -> tuple[int, Mapping[str, Any]]:
        name = f"{path.parent.name}/{path.stem}"
        if name not in self._known:
            metadata = pq.read_metadata(path)
            self._known[name] = metadata.num_rows, json.loads(metadata.metadata[_FACTS])
            self._new += 1
        documents, facts = self._known[name]
        return documents, facts

    def keep(self) -> None:
        if self._path is not None and self._new >= INDEX_FROM:
            with suppress(OSError):
                write_atomic(self._path, orjson.dumps(self._known))


COLUMN_BYTES = 64 << 20
"""Bytes of columns kept in memory between uses: all of them for a million documents or so, and for more the
ones used last; the others are read from disk again."""


class Sidecars:
    """Columns over the blocks of a run, in manifest order, each read when asked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        blocks: list[SidecarBlock] = []
        first = 0
        known = _Index(folders)
        for number, folder in enumerate(folders):
            for index in sorted(done_blocks(folder)):
                path = block_path(folder, index)
                documents, facts = known.of(path)
                blocks.append(SidecarBlock(path, number, index, first, documents, facts))
                first += documents
        known.keep()
        self.blocks: tuple[SidecarBlock, ...] = tuple(blocks)
        self._documents = first
        self._kept: dict[str, NDArray[Any]] = {}  # least recently used first

    def __getstate__(self) -> dict[str, Any]:
        """Columns that are kept for speed do not travel."""
        return {**self.__dict__, "_kept": {}}

    def __len__(self) -> int:
        return self._documents

    def load(self, names: Iterable[str]) -> None:
        """Read several columns in one pass over the files, as many of them as may be kept."""
        room = max(1, self.room)
        wanted = [name for name in names if name not in self._kept][:room]
        if not wanted or not self.blocks:
            return
        columns: dict[str, NDArray[Any]] = {}
        for block in self.blocks:
            table = _read(block.path, wanted)
            for name in wanted:
                values = _numpy(table.column(name))
                if name not in columns:
                    columns[name] = np.empty(self._documents, values.dtype)
                columns[name][block.first : block.first + block.documents] = values
        self._kept |= columns
        while len(self._kept) > 1 and sum(column.nbytes for column in self._kept.values()) > COLUMN_BYTES:
            del self._kept[next(iter(self._kept))]

    @property
    def room(self) -> int:
        """How many columns of numbers may be kept at once."""
        return COLUMN_BYTES // max(1, 8 * self._documents)

    def column(self, name: str) -> NDArray[Any]:
        """A numeric column of all documents, shape (documents,)."""
        if name not in self._kept:
            self.load([name])
        self._kept[name] = self._kept.pop(name)
        return self._kept[name]

    def stream(
        self, names: Sequence[str], documents: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], list[NDArray[Any]]]]:
        """Numeric columns a stretch at a time: documents, ascending, and each column's values for them.

        With `documents` (ascending) these alone, and blocks without any of them are not opened. All columns come
        out of a file in one go, since opening it costs more than reading a column.
        """
        waiting: list[tuple[NDArray[np.int64], list[NDArray[Any]]]] = []
        rows = 0
        for piece in self._pieces(names, documents):
            waiting.append(piece)
            rows += len(piece[0])
            if rows >= STRETCH_ROWS:
                yield _together(waiting)
                rows = 0
        if waiting:
            yield _together(waiting)

    def _pieces(
        self, names: Sequence[str], documents: NDArray[np.int64] | None
    ) -> Iterator[tuple[NDArray[np.int64], list[NDArray[Any]]]]:
        if self.blocks and all(name in self._kept for name in names):
            chosen = np.arange(len(self)) if documents is None else documents
            kept = [self._kept[name] for name in names]
            yield chosen, kept if documents is None else [column[documents] for column in kept]
            return
        for block in self.blocks:
            last = block.first + block.documents
            if documents is None:
                chosen = np.arange(block.first, last)
            else:
                low, high = np.searchsorted(documents, (block.first, last))
                chosen = documents[low:high]
            if len(chosen):
                table = _read(block.path, names)
                columns = [_numpy(table.column(name)) for name in names]
                whole = len(chosen) == block.documents
                yield chosen, columns if whole else [column[chosen - block.first] for column in columns]

    def codes(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """A string column as codes into its distinct values, in order of first appearance; -1 for null."""
        parts: list[NDArray[np.int32]] = []
        seen: dict[str, int] = {}
        for block in self.blocks:
            constants = block.facts.get(_CONSTANTS, {})
            if name in constants:
                value = constants[name]
                code = -1 if value is None else seen.setdefault(value, len(seen))
                parts.append(np.full(block.documents, code, np.int32))
                continue
            column = _read(block.path, [name]).column(0)
            encoded = column.combine_chunks().dictionary_encode()
            if isinstance(encoded, pa.ChunkedArray):
                encoded = encoded.combine_chunks()
            mapping = np.array(
                [seen.setdefault(v, len(seen)) for v in encoded.dictionary.to_pylist()] + [-1], np.int32
            )
            indices = encoded.indices.fill_null(len(mapping) - 1).to_numpy(zero_copy_only=False)
            parts.append(mapping[indices])
        return (np.concatenate(parts) if parts else np.zeros(0, np.int32)), tuple(seen)

    def companions(
        self, kind: Companion, first: int = 0, end: int | None = None
    ) -> Iterable[tuple[SidecarBlock, pa.Table]]:
        """The blocks that have a companion of that kind, with its rows; of those that start in [first, end)."""
        for block in self.blocks:
            path = companion_path(block.path, kind)
            if first <= block.first and (end is None or block.first < end) and path.exists():
                yield block, pq.read_table(path, use_threads=False)


STRETCH_ROWS = 1 << 16
"""Rows that `Sidecars.stream` gathers, from small blocks, before it hands them on."""


def _together(
    pieces: list[tuple[NDArray[np.int64], list[NDArray[Any]]]],
) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    """The pieces as one; the list is emptied."""
    documents, columns = zip(*pieces, strict=True)
    pieces.clear()
    if len(documents) == 1:
        return documents[0], columns[0]
    return np.concatenate(documents), [np.concatenate(column) for column in zip(*columns, strict=True)]


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    """Columns of one file; a third of the time that `pyarrow.parquet.read_table` takes for a small one."""
    with pq.ParquetFile(pa.OSFile(str(path))) as file:
        return file.read(columns=list(names), use_threads=False)


def _numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        return np.concatenate(
            [
                np.frombuffer(chunk.buffers()[1], f"V{width}")[chunk.offset : chunk.offset + len(chunk)]
                for chunk in column.chunks
            ]
            or [np.zeros(0, f"V{width}")]
        )
    return column.to_numpy()  # type: ignore[no-any-return]
