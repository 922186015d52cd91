"""How the readers' tests write files and read them back."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Quarantined
from wellkeeper.engine.sources import find_files, guess_columns

TEXT = ColumnMap(text="text")


@dataclass(frozen=True, slots=True)
class Read:
    documents: list[dict[str, Any]]
    quarantined: tuple[Quarantined, ...]

    @property
    def texts(self) -> list[str]:
        return [document["text"] for document in self.documents]

    @property
    def places(self) -> list[tuple[str, int, int]]:
        return [(fault.code, fault.line, fault.offset) for fault in self.quarantined]


def listed(path: Path | str) -> InputFile:
    (file,) = find_files([str(path)], group="g")
    return file


def guessed(file: InputFile) -> ColumnMap:
    return guess_columns(reader_for(file).schema(file))[0]


def read(
    path: Path | str,
    columns: ColumnMap | None = TEXT,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    extras: bool = False,
) -> Read:
    """Every document and every fault of a file; `columns=None` guesses them."""
    file = listed(path)
    columns = columns or guessed(file)
    documents: list[dict[str, Any]] = []
    quarantined: list[Quarantined] = []
    for block in reader_for(file).blocks(file, skip=skip, block_bytes=block_bytes):
        parsed = parse_block(block, columns, extras)
        parsed.table.validate(full=True)
        documents += parsed.table.to_pylist()
        quarantined += parsed.quarantined
    return Read(documents, tuple(quarantined))


def json_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def in_parts(compress: Callable[[bytes], bytes], data: bytes) -> bytes:
    """Two members or frames, cut in the middle of a line."""
    half = len(data) // 2
    return compress(data[:half]) + compress(data[half:])


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def write_arrow(path: Path, table: pa.Table, *, stream: bool, rows: int) -> None:
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with opened(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
