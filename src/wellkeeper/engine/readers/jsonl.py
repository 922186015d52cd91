"""JSON lines, plain or compressed; and a `.json` file that is one array of objects."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import (
    Record,
    document_table,
    extra_arrays,
    field_values,
    getter,
    json_type,
    role_array,
)
from wellkeeper.engine.readers.cutting import Cutter, LineEnds, excerpt
from wellkeeper.engine.readers.json_array import Elements, array_blocks, is_array
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
        types: dict[str, Counter[str]] = defaultdict(Counter)
        for line, number, offset in zip(*_lines(block), strict=True):
            record, fault = _record(line, int(offset))
            if fault is not None:
                first = first or _quarantined(block, int(number), int(offset), line, fault)
            elif record is not None:
                _count_types(record, types)
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
) -> Iterator[RawBlock]:
    """Blocks that end with the first line end at or after `block_bytes`."""
    if is_array(file):
        yield from array_blocks(file, skip=skip, block_bytes=block_bytes)
        return
    cutter, index = Cutter(file, LineEnds()), 0
    while piece := cutter.next(block_bytes, keep=index >= skip):
        if index >= skip:
            yield RawBlock(
                file=file,
                index=index,
                line=piece.line,
                offset=piece.offset,
                payload=piece.payload,
                damage=piece.damage,
            )
        index += 1


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block: the hot path, so a good line costs one parse and a look-up for each role."""
    lines, numbers, offsets = _lines(block)
    mapped = columns.named()
    find = getter(columns.text)
    rows: list[int] = []
    texts: list[str] = []
    roles: dict[str, list[Any]] = {role: [] for role in mapped if role != "text"}
    records: list[
        Record
    ] = []  # all of them for extras; else a few at a time, which spares the garbage collector
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
    others, types = extra_arrays(records, frozenset(mapped.values()))
    table = document_table(
        pa.array(texts, pa.large_string()),
        lines=numbers[rows],
        offsets=offsets[rows],
        roles={role: role_array(role, values) for role, values in roles.items()},
        extras=others,
    )
    return Parsed(table=table, quarantined=(*refused, *block.damage), fields=types)


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


def _count_types(record: Record, types: dict[str, Counter[str]], prefix: str = "", depth: int = 1) -> None:
    for name, value in record.items():
        types[prefix + name][json_type({type(value)})] += 1
        if isinstance(value, dict) and depth < _NESTING:
            _count_types(value, types, f"{prefix}{name}.", depth + 1)


def _most_frequent(counts: Counter[str]) -> str:
    known = {name: count for name, count in counts.items() if name != "null"}
    return max(known, key=lambda name: known[name]) if known else "null"
