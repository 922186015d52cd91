"""CSV and TSV as RFC 4180 has them: a field may be quoted, and then hold delimiters, quotes and line ends.

One state machine decides where records and fields end, both when a file is cut and when a block is parsed, so
that the two can never disagree. Malformed quoting is read as by Python's csv module: a quote inside an
unquoted field is an ordinary character, and what follows a closing quote belongs to the field.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import Column
from wellkeeper.engine.readers.cutting import Cutter, excerpt
from wellkeeper.engine.readers.rows import parse_rows
from wellkeeper.errors import InputError
from wellkeeper.native import loop, part

_FIELD_START, _PLAIN, _QUOTED, _QUOTE_IN_QUOTED, _RECORD_END = range(5)
_QUOTE, _LF, _CR = 0x22, 0x0A, 0x0D
_DELIMITERS = {"csv": b",;\t|", "tsv": b"\t"}  # spreadsheets of some countries write the others into .csv
_QUOTED_FIELD = re.compile(rb'"([^"]*(?:""[^"]*)*)"(.*)', re.DOTALL)

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first record says about the others."""

    names: tuple[str, ...]
    delimiter: int  # a byte


@dataclass(frozen=True, slots=True)
class Records:
    """Payload of a block."""

    head: Head
    data: bytes


def schema(file: InputFile) -> Mapping[str, str]:
    """Every field of the header, as a string: the format knows no other type.

    Raises:
        InputError: the header is missing, not UTF-8 or names a field twice, or no record follows it.
    """
    first = next(blocks(file), None)
    if first is None or not first.payload.data.strip():
        found = first.damage[0].reason if first and first.damage else "no record follows its header"
        raise InputError(f"{file.name} has nothing to read: {found}. Add records, or leave the file out.")
    return dict.fromkeys(first.payload.head.names, "string")


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,  # noqa: ARG001  the contract's; a record cannot be read in part
) -> Iterator[RawBlock]:
    """Blocks that end with the first record that ends at or after `block_bytes`.

    Raises:
        InputError: the header is not UTF-8 or names a field twice.
    """
    ends = RecordEnds()
    cutter = Cutter(file, ends)
    head, index = Head((), ends.delimiter), 0
    while piece := cutter.next(block_bytes if head.names else 1, keep=index >= skip or not head.names):
        if not head.names and not piece.damage:
            if piece.payload.strip():
                head = _head(file, piece.payload)
                ends.delimiter = head.delimiter
            continue
        if index >= skip:
            yield RawBlock(
                file=file,
                index=index,
                line=piece.line,
                offset=piece.offset,
                payload=Records(head, piece.payload),
                damage=piece.damage,
            )
        index += 1


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block.

    Raises:
        InputError: the text column is missing.
    """
    head, data = block.payload.head, block.payload.data
    names = head.names or (columns.text,)
    mapped = columns.named()
    slots = [slot for slot, name in enumerate(names) if extras or name in mapped.values()]
    records = _index(data, head.delimiter, len(names), slots)
    lines = block.line + np.searchsorted(np.flatnonzero(np.frombuffer(data, np.uint8) == _LF), records.starts)
    refused = _refused(block, records, data, len(names), lines)
    good = np.ones(len(records.starts), dtype=bool)
    good[list(refused)] = False
    roles = set(mapped.values()) - {columns.text}
    fields = {
        names[slot]: _values(data, records.spans[good, place], null=names[slot] in roles)
        for place, slot in enumerate(slots)
    }
    return parse_rows(
        pa.table(fields),
        lines[good],
        block,
        columns,
        extras=extras,
        lost=tuple(refused.values()),
        offsets=block.offset + records.starts[good],
    )


class RecordEnds:
    """Ends of records, for `Cutter`."""

    def __init__(self) -> None:
        self.delimiter = ord(",")
        self._place = _start()

    def find(self, buffer: bytearray, target: int) -> int:
        if not buffer:
            return 0
        last = int(_find_end(np.frombuffer(buffer, np.uint8), target, self.delimiter, self._place))
        return last if last >= target else 0

    def last(self, buffer: bytearray, end: int) -> int:
        data = np.frombuffer(bytes(memoryview(buffer)[:end]), np.uint8)
        return int(_find_end(data, end + 1, self.delimiter, _start()))

    def reset(self) -> None:
        self._place = _start()

    def forget(self) -> None:
        self._place[0] = 0


def _start() -> Integers:
    """Where `_find_end` is: the byte to go on from, and the state there."""
    return np.array([0, _FIELD_START], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """Where the records of a block and their wanted fields lie; blank lines are no records."""

    starts: Integers  # shape (records,), byte
    ends: Integers  # shape (records,), byte; the line end excluded
    counts: Integers  # shape (records,), fields
    spans: Integers  # shape (records, wanted fields, 2), first byte and end
    closed: bool  # whether the last quote was closed


def _head(file: InputFile, record: bytes) -> Head:
    """Names of the fields, by the delimiter that divides the header into most of them."""
    record = record.strip(b"\r\n")
    choices = {
        delimiter: _index(record, delimiter, record.count(delimiter) + 1, range(record.count(delimiter) + 1))
        for delimiter in _DELIMITERS[file.format]
    }
    delimiter = max(choices, key=lambda choice: int(choices[choice].counts[0]))
    spans = choices[delimiter].spans[0, : choices[delimiter].counts[0]]
    try:
        names = [_unquoted(record[start:end]).decode().strip() for start, end in spans]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file.name}: the header is not UTF-8 (byte 0x{error.object[error.start]:02x}). "
            f"Convert the file: iconv -f WINDOWS-1252 -t UTF-8 {file.name}"
        ) from error
    names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"{file.name}: the header names '{twice}' twice. Give every column a name of its own."
        )
    return Head(tuple(names), delimiter)


def _index(data: bytes, delimiter: int, columns: int, slots: Collection[int]) -> _Records:
    whole = data if data.endswith(b"\n") else data + b"\n"
    capacity = whole.count(b"\n") + whole.count(b"\r")
    place_of = np.full(columns, -1, dtype=np.int64)
    place_of[list(slots)] = np.arange(len(slots))
    records = np.empty((capacity, 3), dtype=np.int64)
    spans = np.zeros((capacity, len(slots), 2), dtype=np.int64)
    state = np.empty(1, dtype=np.int64)
    found = int(_locate(np.frombuffer(whole, np.uint8), delimiter, place_of, records, spans, state))
    filled = records[:found, 0] < records[:found, 1]
    starts, ends, counts = records[:found][filled].T
    return _Records(
        starts=starts, ends=ends, counts=counts, spans=spans[:found][filled], closed=int(state[0]) != _QUOTED
    )


def _values(data: bytes, spans: Integers, *, null: bool) -> Column:
    """Fields of good records as strings; `null` if an empty field means that there is no value."""
    fields = [data[start:end] for start, end in spans.tolist()]
    values = [_unquoted(field) if field[:1] == b'"' else field for field in fields]
    if null:
        return pa.array([value or None for value in values], pa.large_binary()).cast(pa.large_string())
    return pa.array(values, pa.large_binary()).cast(pa.large_string())


def _unquoted(field: bytes) -> bytes:
    match = _QUOTED_FIELD.fullmatch(field)
    return match[1].replace(b'""', b'"') + match[2] if match else field


def _refused(
    block: RawBlock, records: _Records, data: bytes, columns: int, lines: Integers
) -> dict[int, Quarantined]:
    """Record -> why it is none."""
    faults = {
        row: ("csv-columns", f"the record has {records.counts[row]} fields, the header has {columns}")
        for row in np.flatnonzero(records.counts != columns).tolist()
    }
    faults |= _not_utf8(block, records, data)
    if not records.closed:
        faults[len(lines) - 1] = (
            "truncated",
            "a quote opened here is never closed; all after it is lost",
        )
    return {
        row: Quarantined(
            file=block.file.name,
            line=int(lines[row]),
            offset=block.offset + int(records.starts[row]),
            code=code,
            reason=reason,
            excerpt=excerpt(data[records.starts[row] : records.ends[row]]),
        )
        for row, (code, reason) in sorted(faults.items())
    }


def _not_utf8(block: RawBlock, records: _Records, data: bytes) -> dict[int, tuple[str, str]]:
    try:
        data.decode()
    except UnicodeDecodeError:
        pass
    else:
        return {}
    faults = {}
    for row, (start, end) in enumerate(zip(records.starts.tolist(), records.ends.tolist(), strict=True)):
        try:
            data[start:end].decode()
        except UnicodeDecodeError as error:
            at = start + error.start
            faults[row] = ("utf8", f"byte {block.offset + at} of the file is 0x{data[at]:02x}, not UTF-8")
    return faults


@part
def _transition(state: Any, byte: Any, following: Any, delimiter: Any) -> Any:
    """The state after `byte`; a carriage return before a line feed changes nothing."""
    if state == _QUOTED:
        return _QUOTE_IN_QUOTED if byte == _QUOTE else _QUOTED
    if byte == _LF or (byte == _CR and following != _LF):
        return _RECORD_END
    if byte == _CR:
        return state
    if byte == _QUOTE and state != _PLAIN:
        return _QUOTED
    return _FIELD_START if byte == delimiter else _PLAIN


@loop("const u8[:], i64, i64, i64[:]", returns="i64")
def _find_end(data: Any, target: Any, delimiter: Any, place: Any) -> Any:
    """Go on from `place`, a byte and the state there, up to the first record that ends at `target` or later.

    Returns the end of the last record seen (0: none), and moves `place` to the byte to go on from.
    """
    start, state, last = place[0], place[1], 0
    size = data.size
    for at in range(start, size):
        byte = data[np.uint64(at)]
        if byte == _CR and at + 1 == size and state != _QUOTED:
            place[0], place[1] = at, state
            return last  # a line feed may follow
        following = data[np.uint64(at + 1)] if at + 1 < size else np.uint8(_LF)
        state = _transition(state, byte, following, delimiter)
        if state == _RECORD_END:
            state, last = _FIELD_START, at + 1
            if last >= target:
                place[0], place[1] = last, state
                return last
    place[0], place[1] = max(start, size), state
    return last


@loop("const u8[:], i64, const i64[:], i64[:,:], i64[:,:,:], i64[:]", returns="i64")
def _locate(data: Any, delimiter: Any, place_of: Any, records: Any, spans: Any, end_state: Any) -> Any:
    """Write start, end and field count of each record, and the spans of its wanted fields.

    Returns how many records were found, and leaves the state at the end of the data in `end_state[0]`.
    """
    found, count, state = 0, 0, _FIELD_START
    record = field = 0
    for at in range(data.size):
        byte = data[at]
        before = state
        following = data[at + 1] if at + 1 < data.size else _LF
        state = _transition(state, byte, following, delimiter)
        ends_record = state == _RECORD_END or at + 1 == data.size
        if ends_record or (byte == delimiter and before != _QUOTED):
            end = at
            if byte == _LF and at > field and data[at - 1] == _CR and before != _QUOTED:
                end = at - 1
            if count < place_of.size and place_of[count] >= 0:
                spans[found, place_of[count], 0] = field
                spans[found, place_of[count], 1] = end
            count += 1
            field = at + 1
            if ends_record:
                records[found, 0], records[found, 1], records[found, 2] = record, end, count
                found, count, record = found + 1, 0, at + 1
                if state == _RECORD_END:
                    state = _FIELD_START
    end_state[0] = state
    return found
