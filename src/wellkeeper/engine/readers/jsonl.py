"""JSON lines, plain or compressed; and a `.json` file that is one array of objects."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import (
    Column,
    Record,
    document_table,
    extra_arrays,
    field_values,
    getter,
    json_type,
    number_array,
    role_array,
    role_text,
)
from wellkeeper.engine.readers.cutting import excerpt, line_cutter
from wellkeeper.engine.readers.json_array import Elements, array_blocks, is_array
from wellkeeper.engine.readers.select import RecordsAt, read_records
from wellkeeper.engine.readers.spans import Spans, scan
from wellkeeper.errors import InputError

_SAMPLE_BYTES = 1 << 20
_BATCH = 128  # records held at a time
_NESTING = 3  # levels of nested objects whose fields the schema names

Fault: TypeAlias = tuple[str, str]  # code, reason
Lines: TypeAlias = tuple[
    list[bytes], NDArray[np.int64], NDArray[np.int64]
]  # records, their lines, their offsets


def schema(file: InputFile) -> Mapping[str, str]:
    """Most frequent type of each field in the first readable records; nested fields by dotted names.

    Raises:
        InputError: the file has no readable record at all.
    """
    first: Quarantined | None = None
    for block in blocks(file, block_bytes=_SAMPLE_BYTES):
        records: list[Record] = []
        for line, number, offset in zip(*_lines(block), strict=True):
            record, fault = _record(line, int(offset))
            if fault is not None:
                first = first or _quarantined(block, int(number), int(offset), line, fault)
            elif record is not None:
                records.append(record)
        types: dict[str, Counter[str]] = defaultdict(Counter)
        _count_types(records, types)
        if types:
            return {name: _most_frequent(counts) for name, counts in types.items()}
        first = first or next(iter(block.damage), None)
    found = f"line {first.line}: {first.reason}" if first else "nothing but white space"
    raise InputError(
        f"{file.name} has no readable record ({found}). Check that every line is one JSON object, such as "
        '{"text": "..."}, or leave the file out.'
    )


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,  # noqa: ARG001  the contract's; a line cannot be read in part
) -> Generator[RawBlock]:
    """Blocks that end with the first line end at or after `block_bytes`."""
    if is_array(file):
        yield from array_blocks(file, skip=skip, block_bytes=block_bytes)
        return
    with line_cutter(file) as cutter:
        index = 0
        while piece := cutter.next(block_bytes, keep=index >= skip):
            if index >= skip:
                yield RawBlock(
                    file=file,
                    index=index,
                    line=piece.line,
                    offset=piece.offset,
                    payload=piece.payload,
                    damage=piece.damage,
                    line_ends=piece.line_ends,
                )
            index += 1


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block.

    Fields at the top level are found by the span scanner, which makes no Python object of a text; orjson reads
    the lines that the scanner leaves open, and all lines where fields are nested or stand in an array.
    """
    mapped = columns.named()
    if isinstance(block.payload, RecordsAt):
        block = read_records(block)
    if isinstance(block.payload, Elements) or any("." in name for name in mapped.values()):
        documents, refused = _by_record(block, _lines(block), columns, extras=extras)
    else:
        spans = scan(block.payload, list(dict.fromkeys(mapped.values())), line_ends=block.line_ends)
        documents, refused = _from_spans(block, spans, mapped, extras=extras), []
        if len(spans.unsure):
            others, refused = _by_record(block, _unsure_lines(block, spans), columns, extras=extras)
            documents = _merged(documents, others)
    fields, types = extra_arrays(documents.records, frozenset(columns.taken().values()))
    table = document_table(
        documents.texts,
        lines=documents.lines,
        offsets=documents.offsets,
        roles=documents.roles,
        extras=fields,
    )
    return Parsed(table=table, quarantined=(*refused, *block.damage), fields=types)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Documents:
    """Documents in the order of their lines; all parts share one length."""

    texts: Column
    lines: NDArray[np.int64]
    offsets: NDArray[np.int64]
    roles: Mapping[str, Column]
    records: list[Record]  # empty where nobody asked for the user's other fields


def _from_spans(block: RawBlock, spans: Spans, mapped: Mapping[str, str], *, extras: bool) -> _Documents:
    """The documents of the lines that the scanner is sure of."""
    fields = list(dict.fromkeys(mapped.values()))
    return _Documents(
        texts=spans.text(),
        lines=block.line + spans.lines,
        offsets=block.offset + spans.starts,
        roles={
            role: _role(spans, role, fields.index(name)) for role, name in mapped.items() if role != "text"
        },
        records=spans.records_without_text() if extras else [],
    )


def _role(spans: Spans, role: str, field: int) -> Column:
    strings = spans.strings(field)
    rows, values = spans.others(field)
    if not len(rows):
        return strings
    written: Column = pa.array([role_text(role, value) for value in values], pa.string())
    order = np.arange(len(strings))
    order[rows] = len(strings) + np.arange(len(rows))
    return pa.concat_arrays([strings, written]).take(number_array(order))


def _unsure_lines(block: RawBlock, spans: Spans) -> Lines:
    numbers, starts, ends = spans.unsure.T
    lines = [bytes(spans.data[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return lines, block.line + numbers, block.offset + starts


def _merged(one: _Documents, other: _Documents) -> _Documents:
    """The documents of both in the order of their lines."""
    lines = np.concatenate([one.lines, other.lines])
    offsets = np.concatenate([one.offsets, other.offsets])
    order = np.argsort(lines)
    places = number_array(order)
    records: list[Record] = [*one.records, *other.records]
    return _Documents(
        texts=pa.concat_arrays([one.texts, other.texts]).take(places),
        lines=lines[order],
        offsets=offsets[order],
        roles={
            role: pa.concat_arrays([values, other.roles[role]]).take(places)
            for role, values in one.roles.items()
        },
        records=[records[row] for row in order.tolist()] if records else [],
    )


def _by_record(
    block: RawBlock, given: Lines, columns: ColumnMap, *, extras: bool
) -> tuple[_Documents, list[Quarantined]]:
    """The documents of lines, each read by orjson, and what is wrong with the others."""
    lines, numbers, offsets = given
    mapped = columns.named()
    find = getter(columns.text)
    rows: list[int] = []
    texts: list[str] = []
    roles: dict[str, list[Any]] = {role: [] for role in mapped if role != "text"}
    # All of the records for extras; else a few at a time, which spares the garbage collector.
    records: list[Record] = []
    refused: list[Quarantined] = []
    for start in range(0, len(lines), _BATCH):
        first = len(records)
        for row, line in enumerate(lines[start : start + _BATCH], start):
            document = _document(line, find)
            if document is None:
                document, fault = _examine(line, find, columns.text, int(offsets[row]))
                if fault is not None:
                    refused.append(_quarantined(block, int(numbers[row]), int(offsets[row]), line, fault))
                if document is None:
                    continue
            rows.append(row)
            records.append(document[0])
            texts.append(document[1])
        for role, values in roles.items():
            values.extend(field_values(records[first:], mapped[role]))
        if not extras:
            records.clear()
    documents = _Documents(
        texts=pa.array(texts, pa.large_string()),
        lines=numbers[rows],
        offsets=offsets[rows],
        roles={role: role_array(role, values) for role, values in roles.items()},
        records=records,
    )
    return documents, refused


def _lines(block: RawBlock) -> Lines:
    if isinstance(block.payload, Elements):
        elements = block.payload
        return list(elements.records), elements.lines, elements.offsets
    lines = block.payload.split(b"\n")
    lengths = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines))
    offsets = block.offset + np.cumsum(lengths + 1) - (lengths + 1)
    return lines, np.arange(block.line, block.line + len(lines), dtype=np.int64), offsets


def _document(line: bytes, find: Callable[[Record], Any]) -> tuple[Record, str] | None:
    """The record and its text if all is well with them; None says no more than that a closer look is due."""
    try:
        record = orjson.loads(line)
        text = find(record)
        if text and not text.isspace():
            return record, text
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        pass
    return None


def _examine(
    line: bytes, find: Callable[[Record], Any], name: str, offset: int
) -> tuple[tuple[Record, str] | None, Fault | None]:
    """What is wrong with a line, if anything; a blank line is neither a document nor a fault."""
    record, fault = _record(line, offset)
    if record is None:
        return None, fault
    try:
        text = find(record)
    except (LookupError, TypeError):
        return None, ("text-missing", f"there is no field '{name}'")
    if text is None:
        return None, ("text-null", f"'{name}' is null")
    if not isinstance(text, str):
        return None, ("text-type", f"'{name}' is {_KINDS.get(type(text), 'no string')}, not a string")
    if not text or text.isspace():
        return None, ("text-empty", f"'{name}' is empty or only white space")
    return (record, text), None


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def _record(line: bytes, offset: int) -> tuple[Record | None, Fault | None]:
    """The object on a line; neither it nor a fault for a blank line.

    Where orjson refuses, the standard library has a second say: Python writes NaN and Infinity into JSON, and
    no document should be lost for that.
    """
    if not line.strip():
        return None, None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        record, fault = _second_look(line, offset, f"not JSON: {error.msg} (column {error.colno})")
        if fault is not None:
            return None, fault
    if not isinstance(record, dict):
        return None, ("not-an-object", "the line is JSON but no object")
    return record, None


def _second_look(line: bytes, offset: int, reason: str) -> tuple[Any, Fault | None]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return None, (
            "utf8",
            f"byte {offset + error.start} of the file is 0x{line[error.start]:02x}, not UTF-8",
        )
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None, ("lone-surrogate", "half of a surrogate pair stands alone, which is no character")
    except (ValueError, RecursionError):
        return None, ("json-syntax", reason)
    return value, None


def _quarantined(block: RawBlock, line: int, offset: int, record: bytes, fault: Fault) -> Quarantined:
    return Quarantined(
        file=block.file.name,
        line=line,
        offset=offset,
        code=fault[0],
        reason=fault[1],
        excerpt=excerpt(record),
    )


def _count_types(
    records: Sequence[Record], types: dict[str, Counter[str]], prefix: str = "", depth: int = 1
) -> None:
    """Count the types of each field; records of one shape, which most are, at once."""
    nested: dict[str, list[Record]] = defaultdict(list)
    for name, value in chain.from_iterable(record.items() for record in records):
        if type(value) is dict and depth < _NESTING:
            nested[name].append(value)
    shapes = Counter((tuple(record), tuple(map(type, record.values()))) for record in records)
    for (names, kinds), count in shapes.items():
        for name, kind in zip(names, kinds, strict=True):
            types[prefix + name][json_type({kind})] += count
            _count_types(nested.pop(name, ()), types, f"{prefix}{name}.", depth + 1)


def _most_frequent(counts: Counter[str]) -> str:
    known = {name: count for name, count in counts.items() if name != "null"}
    return max(known, key=lambda name: known[name]) if known else "null"
