"""Columns of token ids, as generators and tokenised corpora keep them: lists of whole numbers, without any text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from wellkeeper.engine.files import open_binary
from wellkeeper.engine.readers.base import BLOCK_BYTES, InputFile, Quarantined
from wellkeeper.engine.readers.cutting import line_cutter
from wellkeeper.engine.readers.rows import find_column, top_level
from wellkeeper.errors import InputError
from wellkeeper.watermark.tokens import Tokens, tokens_of

_ROWS = 1 << 13  # of a table, at a time
_LARGEST = np.iinfo(np.int32).max
_FORMATS = ("jsonl", "parquet", "arrow")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenRows:
    """Rows of a column of token ids."""

    ids: pa.Array  # the documents' names, strings
    lines: pa.Array  # 1-based lines or rows
    tokens: Tokens
    refused: tuple[Quarantined, ...] = ()


def token_rows(file: InputFile, column: str, id_column: str | None) -> Iterator[Callable[[], TokenRows]]:
    """The rows of a file in pieces; each is parsed where it is called, by a worker.

    Raises:
        InputError: the file has another format than JSON lines, Parquet or Arrow, or no such column.
    """
    if file.format not in _FORMATS:
        raise InputError(
            f"{file.name} is {file.format}, which has no lists of numbers. Token ids are read from JSON lines, Parquet "
            "and Arrow files; or give the text and --tokenizer."
        )
    pieces = _of_lines if file.format == "jsonl" else _of_table
    yield from pieces(file, column, id_column)


def _of_lines(file: InputFile, column: str, id_column: str | None) -> Iterator[Callable[[], TokenRows]]:
    with line_cutter(file) as cutter:
        while piece := cutter.next(BLOCK_BYTES):
            line, payload, damage = piece.line, piece.payload, piece.damage

            def parsed(
                line: int = line, payload: bytes = payload, damage: tuple[Quarantined, ...] = damage
            ) -> TokenRows:
                records = ((line + k, one) for k, one in enumerate(payload.split(b"\n")) if one.strip())
                values = [(number, *_record(one)) for number, one in records]
                _check_keys(file, values, [column, *([id_column] if id_column else [])])
                return _rows(file, column, id_column, values, damage)

            yield parsed


def _check_keys(
    file: InputFile, records: Sequence[tuple[int, dict[str, Any], str]], columns: Sequence[str]
) -> None:
    """Refuse a file in whose records, of one piece, a column never stands: its name is wrong, and not the records."""
    found = dict.fromkeys(key for _, record, _ in records for key in record)
    for name in columns:
        if found and name not in found:
            raise InputError(
                f"{file.name} has no column '{name}' from line {records[0][0]:,} to line {records[-1][0]:,}. It has "
                f"{', '.join(found)}. Name one of them."
            )


def _record(line: bytes) -> tuple[dict[str, Any], str]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {}, f"not JSON: {error.msg}"
    return (found, "") if isinstance(found, dict) else ({}, "not a JSON object")


def _of_table(file: InputFile, column: str, id_column: str | None) -> Iterator[Callable[[], TokenRows]]:
    row = 1
    try:
        with open_binary(file.url) as source:
            for batch in _batches(file, source, [column, *([id_column] if id_column else [])]):
                first = row
                row += len(batch)

                def parsed(batch: pa.Table = batch, first: int = first) -> TokenRows:
                    return _of_batch(file, batch, column, id_column, first)

                yield parsed
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.name} cannot be read from row {row:,} on ({str(error).splitlines()[0][:200]}). Write the file "
            "again, or leave it out."
        ) from error


def _batches(file: InputFile, source: Any, columns: Sequence[str]) -> Iterator[pa.Table]:
    if file.format == "parquet":
        parquet = pq.ParquetFile(source)
        _check_columns(file, parquet.schema_arrow, columns)
        wanted = top_level(parquet.schema_arrow.names, columns)
        for batch in parquet.iter_batches(batch_size=_ROWS, columns=wanted, use_threads=False):
            yield pa.Table.from_batches([batch])
        return
    magic = source.read(6)
    source.seek(0)
    if magic == b"ARROW1":
        reader = pa.ipc.open_file(source)
        _check_columns(file, reader.schema, columns)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])
        return
    stream = pa.ipc.open_stream(source)
    _check_columns(file, stream.schema, columns)
    for batch in stream:
        yield pa.Table.from_batches([batch])


def _check_columns(file: InputFile, schema: pa.Schema, columns: Sequence[str]) -> None:
    for name in columns:
        if find_column(schema.empty_table(), name) is None:
            raise InputError(
                f"{file.name} has no column '{name}'. It has {', '.join(schema.names)}. Name one of them."
            )


def _of_batch(file: InputFile, batch: pa.Table, column: str, id_column: str | None, first: int) -> TokenRows:
    lists = find_column(batch, column)
    names = None if id_column is None else find_column(batch, id_column)
    if lists is not None and _is_list(lists.type) and not lists.null_count:
        flat = lists.flatten()
        if not flat.null_count and (not len(flat) or _fits(flat)):
            offsets = np.zeros(len(lists) + 1, np.int64)
            np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False), out=offsets[1:])
            tokens = Tokens(ids=flat.cast(pa.int32()).to_numpy(zero_copy_only=False), offsets=offsets)
            lines = pa.array(np.arange(first, first + len(batch)))
            return TokenRows(ids=_names(file, names, lines), lines=lines, tokens=tokens)
    records = [
        (first + k, {column: value, **({} if names is None else {str(id_column): names[k].as_py()})}, "")
        for k, value in enumerate([] if lists is None else lists.to_pylist())
    ]
    return _rows(file, column, id_column, records, ())


def _is_list(type_: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(type_) for test in tests) and bool(pa.types.is_integer(type_.value_type))


def _fits(flat: pa.Array) -> bool:
    ends = pc.min_max(flat).as_py()
    return 0 <= int(ends["min"]) <= int(ends["max"]) <= _LARGEST


def _names(file: InputFile, names: Any, lines: pa.Array) -> pa.Array:
    """The user's ids where there are some, else `file:line`."""
    places = pc.binary_join_element_wise(file.name, lines.cast(pa.string()), ":")
    return places if names is None else pc.coalesce(names.cast(pa.string()), places)


def _rows(
    file: InputFile,
    column: str,
    id_column: str | None,
    records: Sequence[tuple[int, dict[str, Any], str]],
    damage: Sequence[Quarantined],
) -> TokenRows:
    """Rows one by one: what is no list of token ids is refused with its place."""
    good: list[tuple[int, str, list[int]]] = []
    refused: list[Quarantined] = []
    for line, record, fault in records:
        value = record.get(column)
        why = fault or _fault(column, value)
        if why:
            refused.append(Quarantined(file=file.name, line=line, offset=-1, code="token-ids", reason=why))
        else:
            name = record.get(id_column) if id_column else None
            good.append((line, f"{file.name}:{line}" if name is None else str(name), value))  # type: ignore[arg-type]
    return TokenRows(
        ids=pa.array([name for _, name, _ in good], pa.string()),
        lines=pa.array([line for line, _, _ in good], pa.int64()),
        tokens=tokens_of([ids for _, _, ids in good]),
        refused=(*refused, *damage),
    )


def _fault(column: str, value: Any) -> str:
    if value is None:
        return f"'{column}' is missing"
    if not isinstance(value, list) or not all(type(one) is int and 0 <= one <= _LARGEST for one in value):
        return f"'{column}' is no list of token ids"
    return ""
