"""Parquet, and Arrow IPC as a file or a stream: Feather, and what Hugging Face `datasets` saves.

A Parquet row group of about a block or less is described to the worker, which reads it. A larger one has to
be decoded from its front whichever rows are wanted, so the driver does that once and hands out the rows.
Rows per block follow from the file's own metadata, never from the columns asked for.
"""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.engine.files import is_url, open_binary
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.rows import parse_rows, top_level
from wellkeeper.engine.readers.streams import Damage
from wellkeeper.errors import InputError

_BROKEN = (pa.ArrowException, OSError)  # what pyarrow raises on damaged files
_NESTING = 3  # levels of nested structs whose fields the schema names
_IPC_FILE = b"ARROW1"
_IPC_STREAM_START = 8  # the magic of an IPC file and its padding; a stream follows


@dataclass(frozen=True, slots=True)
class Group:
    """A row group that the worker reads."""

    number: int
    first: int  # 1-based row of the file that the group starts with
    rows: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in memory. Sent to a process, only these rows travel, not the buffers that they are a slice of."""

    table: pa.Table

    def __reduce__(self) -> tuple[Any, ...]:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, self.table.schema) as writer:
            writer.write_table(self.table)
        return _unpack, (sink.getvalue(),)


def _unpack(data: bytes) -> Rows:
    return Rows(pa.ipc.open_stream(data).read_all())


Piece: TypeAlias = tuple[int, tuple[Group, ...] | Rows, tuple[Quarantined, ...]]  # first row, payload, damage


def schema(file: InputFile) -> Mapping[str, str]:
    """Arrow type of each field; fields of structs by dotted names too.

    Raises:
        InputError: the file is not what its name says.
    """
    try:
        with _opened(file) as source:
            found = _parquet(source).schema_arrow if file.format == "parquet" else _ipc_schema(source)
    except _BROKEN as error:
        raise InputError(
            f"{file.name} cannot be read as {file.format} ({_brief(error)}). "
            "Write the file again, or leave it out."
        ) from error
    return dict(_named_types(found, "", 1))


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,
) -> Iterator[RawBlock]:
    """Blocks of about `block_bytes` of decoded columns, by the file's own account of their size."""
    cut = _cut_parquet if file.format == "parquet" else _cut_arrow
    try:
        with _opened(file) as source:
            for index, (first, payload, damage) in enumerate(cut(file, source, block_bytes, fields)):
                if index >= skip:
                    yield RawBlock(
                        file=file, index=index, line=first, offset=-1, payload=payload, damage=damage
                    )
    except _UnreadableError as error:
        if skip == 0:
            lost = (_quarantined(file, 0, Damage("corrupt-file", str(error))),)
            yield RawBlock(file=file, index=0, line=1, offset=-1, payload=(), damage=lost)


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block.

    Raises:
        InputError: the text column is missing or is no text.
    """
    table, numbers, lost = _read(block, columns, extras=extras)
    try:
        return parse_rows(table, numbers, block, columns, extras=extras, lost=lost)
    except pa.ArrowInvalid as error:  # offsets that point outside their buffer show only now
        lost += (_lost_rows(block.file, block.line, len(table), error),)
        return parse_rows(table.slice(0, 0), numbers[:0], block, columns, extras=extras, lost=lost)


def _read(
    block: RawBlock, columns: ColumnMap, *, extras: bool
) -> tuple[pa.Table, NDArray[np.int64], tuple[Quarantined, ...]]:
    """The rows of a block, their numbers, and what could not be decoded."""
    if isinstance(block.payload, Rows):
        table = block.payload.table
        return table, np.arange(block.line, block.line + len(table), dtype=np.int64), ()
    if not block.payload:
        return pa.table({columns.text: pa.array([], pa.large_string())}), np.empty(0, np.int64), ()
    tables, numbers, lost = [], [], []
    with _opened(block.file) as source:
        parquet = _parquet(source)
        wanted = None if extras else top_level(parquet.schema_arrow.names, columns.named().values())
        for group in block.payload:
            try:
                tables.append(parquet.read_row_group(group.number, columns=wanted, use_threads=False))
                numbers.append(np.arange(group.first, group.first + group.rows, dtype=np.int64))
            except _BROKEN as error:
                lost.append(_lost_rows(block.file, group.first, group.rows, error))
        if not tables:
            tables, numbers = [parquet.schema_arrow.empty_table()], [np.empty(0, np.int64)]
    return pa.concat_tables(tables), np.concatenate(numbers), tuple(lost)


class _UnreadableError(Exception):
    """Not even the beginning of the file can be made out."""


def _opened(file: InputFile) -> Any:
    return open_binary(file.url) if is_url(file.url) else pa.memory_map(_existing(file.url))


def _existing(path: str) -> str:
    open_binary(path).close()  # our own words for a file that is gone
    return path


def _parquet(source: Any) -> pq.ParquetFile:
    return pq.ParquetFile(source, pre_buffer=False, page_checksum_verification=True)


def _cut_parquet(
    file: InputFile, source: Any, block_bytes: int, fields: Collection[str] | None
) -> Iterator[Piece]:
    try:
        parquet = _parquet(source)
    except _BROKEN as error:
        raise _UnreadableError(f"this is no readable Parquet file: {_brief(error)}") from error
    wanted = None if fields is None else top_level(parquet.schema_arrow.names, fields)
    pending: list[Group] = []
    size, first = 0, 1
    for number in range(parquet.metadata.num_row_groups):
        account = parquet.metadata.row_group(number)
        group = Group(number, first, account.num_rows)
        large = account.total_byte_size > 2 * block_bytes
        if pending and (large or size >= block_bytes):
            yield pending[0].first, tuple(pending), ()
            pending, size = [], 0
        if large:
            rows = max(1, account.num_rows * block_bytes // account.total_byte_size)
            yield from _decode_group(file, parquet, group, rows, wanted)
        elif group.rows:
            pending.append(group)
            size += account.total_byte_size
        first += group.rows
    if pending:
        yield pending[0].first, tuple(pending), ()


def _decode_group(
    file: InputFile, parquet: pq.ParquetFile, group: Group, rows: int, wanted: list[str] | None
) -> Iterator[Piece]:
    """A large row group in pieces of `rows` rows, decoded once from front to back."""
    held = (
        parquet.schema_arrow.empty_table()
        if wanted is None
        else parquet.schema_arrow.empty_table().select(wanted)
    )
    first = group.first
    try:
        for batch in parquet.iter_batches(batch_size=rows, row_groups=[group.number], columns=wanted):
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            while len(held) >= rows:
                yield first, Rows(held.slice(0, rows)), ()
                held, first = held.slice(rows), first + rows
    except _BROKEN as error:
        left = group.first + group.rows - first - len(held)
        yield first, Rows(held), (_lost_rows(file, first + len(held), left, error),)
        return
    if len(held):
        yield first, Rows(held), ()


def _cut_arrow(
    file: InputFile, source: Any, block_bytes: int, fields: Collection[str] | None
) -> Iterator[Piece]:
    """Record batches, small ones together and large ones in slices."""
    try:
        found, batches = _open_ipc(source)
    except _BROKEN as error:
        raise _UnreadableError(f"this is no readable Arrow file: {_brief(error)}") from error
    wanted = found.names if fields is None else top_level(found.names, fields)
    held: list[pa.RecordBatch] = []
    damage: tuple[Quarantined, ...] = ()
    size, first, row = 0, 1, 1
    for part in _slices(batches, block_bytes):
        if isinstance(part, Damage):
            damage += (_quarantined(file, row, part),)
            continue
        if held and size + part.nbytes > block_bytes:
            yield first, Rows(pa.Table.from_batches(held, found).select(wanted)), damage
            held, damage, size, first = [], (), 0, row
        held.append(part)
        size += part.nbytes
        row += len(part)
    if held or damage:
        yield first, Rows(pa.Table.from_batches(held, found).select(wanted)), damage


def _slices(
    batches: Iterable[pa.RecordBatch | Damage], block_bytes: int
) -> Iterator[pa.RecordBatch | Damage]:
    """Batches, those larger than a block cut into equal parts."""
    for batch in batches:
        if isinstance(batch, Damage):
            yield batch
        elif len(batch):
            parts = max(1, -(-batch.nbytes // block_bytes))
            step = -(-len(batch) // parts)
            for start in range(0, len(batch), step):
                yield batch.slice(start, step)


def _open_ipc(source: Any) -> tuple[pa.Schema, Iterator[pa.RecordBatch | Damage]]:
    """Schema and batches of an IPC file or stream. A file without its footer is read as the stream in it."""
    head = source.read(len(_IPC_FILE))
    source.seek(0)
    if head != _IPC_FILE:
        stream = pa.ipc.open_stream(source)
        return stream.schema, _stream_batches(stream)
    try:
        reader = pa.ipc.open_file(source)
    except _BROKEN:
        source.seek(_IPC_STREAM_START)
        stream = pa.ipc.open_stream(source)
        return stream.schema, chain(_stream_batches(stream), [Damage("truncated", "the file has no footer")])
    return reader.schema, _file_batches(reader)


def _ipc_schema(source: Any) -> pa.Schema:
    return _open_ipc(source)[0]


def _file_batches(reader: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch | Damage]:
    for number in range(reader.num_record_batches):
        try:
            batch = reader.get_batch(number)
            batch.validate()
        except _BROKEN as error:
            yield Damage("corrupt-batch", f"record batch {number} cannot be read: {_brief(error)}")
        else:
            yield batch


def _stream_batches(stream: pa.ipc.RecordBatchStreamReader) -> Iterator[pa.RecordBatch | Damage]:
    while True:
        try:
            batch = stream.read_next_batch()
            batch.validate()
        except StopIteration:
            return
        except _BROKEN as error:
            code = "truncated" if "expected to be able to read" in str(error).lower() else "corrupt-stream"
            yield Damage(code, f"the stream of record batches breaks off: {_brief(error)}")
            return
        yield batch


def _lost_rows(file: InputFile, first: int, rows: int, error: Exception) -> Quarantined:
    reason = f"rows {first} to {first + rows - 1} cannot be decoded: {_brief(error)}"
    return _quarantined(file, first, Damage("corrupt-row-group", reason))


def _quarantined(file: InputFile, row: int, damage: Damage) -> Quarantined:
    return Quarantined(file=file.name, line=row, offset=-1, code=damage.code, reason=damage.reason)


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def _named_types(fields: Any, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for field in fields:
        yield prefix + field.name, str(field.type)
        if pa.types.is_struct(field.type) and depth < _NESTING:
            yield from _named_types(field.type.fields, f"{prefix}{field.name}.", depth + 1)
