"""A ledger row as bytes, the same for the same values however a table is stored.

Canonical form `wellkeeper.row/1`, of a row with n columns; integers are little-endian:

- which columns have a value: ceil(n / 8) bytes, of which byte k // 8 has bit k % 8 set if column k has one, and all
  other bits clear;
- the values of all columns of a fixed width, in the order of the schema, zeros for null: bool, intN, uintN; floatN as
  IEEE 754, every NaN as the quiet NaN 0x7fc00000 or 0x7ff8000000000000, -0.0 and 0.0 apart; timestamp as int64 seconds
  since 1970-01-01 UTC; binary[n];
- the values of all other columns, string and binary, in the order of the schema, nothing for null: how many bytes it
  has in one byte, or 255 and then a uint32 if they are 255 or more; then the bytes.

A dictionary is packed as its values. A row says by itself where it ends, given the types; so rows of a tile simply
follow each other. `unpack` reads them without a library, and is short enough to write anew in any language.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lanes import LANES
from wellkeeper.ledger._loops import (
    LONG,
    close_up,
    put_entries,
    put_fixed,
    put_nullable,
    put_presence,
    put_variable,
)

VERSION = "wellkeeper.row/1"

Columns: TypeAlias = Sequence[tuple[str, str]]
"""Name and canonical type of each column, in order."""

Bytes: TypeAlias = NDArray[np.uint8]
_Ends: TypeAlias = NDArray[np.int64]


class PackedRows(NamedTuple):
    """Rows one after the other: row k is `data[offsets[k]:offsets[k + 1]]`."""

    data: Bytes
    offsets: NDArray[np.int64]  # shape (rows + 1,)

    def row(self, number: int) -> bytes:
        return self.data[self.offsets[number] : self.offsets[number + 1]].tobytes()


def columns_of(schema: pa.Schema) -> list[tuple[str, str]]:
    """Name and canonical type of each column: what `unpack` needs to know.

    Raises:
        DataError: a type has no canonical form.
    """
    return [(field.name, _type_name(field.type, field.name)) for field in schema]


def pack(batch: pa.RecordBatch) -> PackedRows:
    """All rows of a batch in canonical form.

    Raises:
        DataError: a type has no canonical form.
    """
    return RowPacker(batch).rows(0, batch.num_rows)


class RowPacker:
    """Packs the rows of a batch a stretch at a time, so that what is laid out stays in the processor's cache.

    All stretches are laid out in the same memory: to ask the system for it anew takes longer than to fill it.

    Raises:
        DataError: a type has no canonical form.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        kinds = [kind for _, kind in columns_of(batch.schema)]
        columns = [_plain(values) for values in batch.columns]
        self._always, self._sometimes = _presence(columns)
        self._fixed, self._start = [], len(self._always)
        for number, (values, kind) in enumerate(zip(columns, kinds, strict=True)):
            if (width := width_of(kind)) is not None:
                self._fixed.append(_numbers(values, width, number, self._start))
                self._start += width
        texts = [values for values, kind in zip(columns, kinds, strict=True) if width_of(kind) is None]
        self._variable = [
            made
            for coded, some in groupby(texts, key=lambda values: pa.types.is_dictionary(values.type))
            for made in ([_labels(list(some))] if coded else map(_strings, some))
        ]
        self._laid_out = np.empty(0, np.uint8)

    def rows(self, first: int, last: int) -> PackedRows:
        """Rows [first, last) of the batch; their bytes are good until the next call."""
        starts = np.full(last - first + 1, self._start + LANES, np.int64)
        starts[0] = 0
        for column in self._variable:
            starts[1:] += column.room(first, last)
        np.cumsum(starts, out=starts)
        data = self._memory(int(starts[-1]) + LANES)
        self._put_presence(first, last, starts, data)
        for column in self._fixed:
            column.put(first, last, starts, data)
        ends = starts[:-1] + self._start
        for column in self._variable:
            column.put(first, last, ends, data)
        offsets = np.zeros(len(starts), np.int64)
        np.cumsum(ends - starts[:-1], out=offsets[1:])
        close_up(starts, offsets, data)
        return PackedRows(data[: offsets[-1]], offsets)

    def _memory(self, size: int) -> Bytes:
        if len(self._laid_out) < size:
            self._laid_out = np.empty(size + size // 8, np.uint8)
        return self._laid_out[:size]

    def _put_presence(self, first: int, last: int, starts: _Ends, data: Bytes) -> None:
        width = len(self._always)
        always = np.concatenate([np.tile(self._always, last - first), np.zeros(LANES, np.uint8)])
        put_fixed(always, width, 0, starts, data)
        for column, valid in self._sometimes:
            put_presence(valid[first:last], column, starts, data)


def unpack(data: bytes, columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows that lie one after the other in `data`, as Python values; timestamps in UTC.

    Raises:
        DataError: the bytes are not whole rows of these columns in canonical form.
    """
    at = 0
    while at < len(data):
        row, at = _row(data, at, columns)
        yield row


def _row(data: bytes, at: int, columns: Columns) -> tuple[dict[str, Any], int]:
    """The row that starts at a byte, and where it ends."""
    size = presence_bytes(len(columns))
    present = int.from_bytes(_piece(data, at, size), "little")
    if present >> len(columns):
        raise DataError(f"A packed row has a value of a column behind the last of {len(columns)}. {_WHOLE}")
    at += size
    row: dict[str, Any] = dict.fromkeys(name for name, _ in columns)
    for number, (name, kind) in enumerate(columns):
        if (width := width_of(kind)) is not None:
            piece = _piece(data, at, width)
            if present >> number & 1:
                row[name] = _value(piece, kind)
            elif any(piece):
                raise DataError(f"A packed row has no {name}, and bytes where it would be. {_WHOLE}")
            at += width
    for number, (name, kind) in enumerate(columns):
        if width_of(kind) is None and present >> number & 1:
            piece, at = _long_value(data, at)
            row[name] = piece.decode() if kind == "string" else piece
    return row, at


def _value(piece: bytes, kind: str) -> Any:
    if kind == "timestamp":
        return datetime.fromtimestamp(int.from_bytes(piece, "little", signed=True), UTC)
    return struct.unpack("<" + _LAYOUTS[kind], piece)[0] if kind in _LAYOUTS else piece


def _long_value(data: bytes, at: int) -> tuple[bytes, int]:
    size = _piece(data, at, 1)[0]
    at += 1
    if size == LONG:
        size = int.from_bytes(_piece(data, at, 4), "little")
        at += 4
        if size < LONG:
            raise DataError(f"A packed row spells the length {size} in five bytes. {_WHOLE}")
    return _piece(data, at, size), at + size


def _piece(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise DataError(f"A packed row ends after {len(data)} bytes, inside a value. {_WHOLE}")
    return data[at : at + size]


_WHOLE = "Take the whole row, as the ledger has it."

_LENGTH_BYTES = 5  # of a string, at most

_ROOM_FOR_ANY = 256
"""Bytes of a dictionary's longest entry up to which every row gets room for it: to look up each costs more."""

_LAYOUTS = {
    "bool": "?",
    "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
"""Numbers, as `struct` writes them."""

_FIXED_BYTES = re.compile(r"binary\[([1-9][0-9]{0,4})\]", re.ASCII)


def presence_bytes(columns: int) -> int:
    """Bytes at the beginning of a row that say which columns have a value."""
    return -(-columns // 8)


def width_of(kind: str) -> int | None:
    """Bytes that every value of a canonical type has; None if they differ.

    Raises:
        DataError: there is no such type.
    """
    if kind in ("string", "binary"):
        return None
    if kind == "timestamp":
        return 8
    if (found := _FIXED_BYTES.fullmatch(kind)) is not None:
        return int(found[1])
    if kind not in _LAYOUTS:
        raise DataError(f"{kind!r} is no type of packed rows. Use the version of wellkeeper that wrote them.")
    return struct.calcsize("<" + _LAYOUTS[kind])


def _type_name(kind: Any, name: str) -> str:
    if isinstance(kind, pa.DictionaryType):
        return _type_name(kind.value_type, name)
    found = next((word for matches, word in _NAMES if matches(kind)), None)
    if found is None:
        raise DataError(f"Column {name} has type {kind}, which has no packed form. Cast it, e.g. to string.")
    return found(kind) if callable(found) else found


def _is_number(kind: Any) -> bool:
    is_ = pa.types
    return bool(is_.is_integer(kind) or is_.is_float32(kind) or is_.is_float64(kind))


def _number_name(kind: Any) -> str:
    letter = {"f": "float", "i": "int", "u": "uint"}[np.dtype(kind.to_pandas_dtype()).kind]
    return f"{letter}{kind.bit_width}"


_NAMES: tuple[tuple[Callable[[Any], bool], str | Callable[[Any], str]], ...] = (
    (pa.types.is_boolean, "bool"),
    (_is_number, _number_name),
    (pa.types.is_timestamp, "timestamp"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), "string"),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "binary"),
    (pa.types.is_fixed_size_binary, lambda kind: f"binary[{kind.byte_width}]"),
)


class _Column(NamedTuple):
    """How one column goes into rows."""

    room: Callable[[int, int], int | NDArray[np.int64]]
    """Of (first, last): bytes that it takes at most in each of these rows, or in any."""
    put: Callable[[int, int, _Ends, Bytes], None]
    """Of (first, last, ends, out): puts the values of rows [first, last) where they start, or behind `ends`."""


def _plain(values: Any) -> Any:
    """Values whose own buffers have the canonical form of what is there; a dictionary of strings as it is."""
    if pa.types.is_dictionary(values.type) and width_of(_type_name(values.type, "")) is not None:
        values = values.dictionary_decode()
    if pa.types.is_boolean(values.type):
        return values.cast(pa.uint8())
    if pa.types.is_timestamp(values.type) and values.type.unit != "s":
        return _whole_seconds(values)  # Parquet has no unit as long
    return values


def _is_text(values: Any) -> bool:
    return width_of(_type_name(values.type, "")) is None


def _presence(columns: Sequence[Any]) -> tuple[Bytes, list[tuple[int, Bytes]]]:
    """The bits of columns that every row has; and the number and presence, shape (rows,), of strings that some have."""
    always, sometimes = np.zeros(presence_bytes(len(columns)), np.uint8), []
    for number, values in enumerate(columns):
        if values.null_count == 0:
            always[number // 8] |= 1 << number % 8
        elif _is_text(values) and values.null_count < len(values):
            sometimes.append((number, np.asarray(values.is_valid()).view(np.uint8)))
    return always, sometimes


def _numbers(values: Any, width: int, column: int, place: int) -> _Column:
    """Numbers go to their place in each row, zeros for null, and say there themselves which are null."""
    data = _data(values, len(values) * width, first=values.offset * width)
    valid = _valid(values)
    floats = pa.types.is_floating(values.type)

    def put(first: int, last: int, starts: _Ends, out: Bytes) -> None:
        some = data[first * width : last * width + LANES]
        if floats:
            some = _with_one_nan(some, (last - first) * width, width)
        if valid is None:
            put_fixed(some, width, place, starts, out)
        else:
            put_nullable(valid[first:last], some, width, column, place, starts, out)

    return _Column(lambda _first, _last: width, put)


def _with_one_nan(data: Bytes, size: int, width: int) -> Bytes:
    changed = data.copy()
    numbers = changed[:size].view(f"f{width}")
    numbers[np.isnan(numbers)] = np.nan
    return changed


def _valid(values: Any) -> Bytes | None:
    """1 for a value and 0 for null, shape (rows,); None if there is no null."""
    return np.asarray(values.is_valid()).view(np.uint8) if values.null_count else None


def _strings(values: Any) -> _Column:
    valid = np.asarray(values.is_valid()).view(np.uint8)
    wide = values.cast(pa.large_binary())
    offsets = _data(wide, 8 * (len(wide) + 1), first=8 * wide.offset).view(np.int64)[: len(wide) + 1]
    data = _data(wide, int(offsets[-1]), buffer=2)

    def room(first: int, last: int) -> NDArray[np.int64]:
        sizes: NDArray[np.int64] = np.diff(offsets[first : last + 1])
        return (_LENGTH_BYTES + sizes) * valid[first:last]

    def put(first: int, last: int, ends: _Ends, out: Bytes) -> None:
        put_variable(valid[first:last], data, offsets[first : last + 1], ends, out)

    return _Column(room, put)


def _labels(columns: Sequence[Any]) -> _Column:
    """Dictionaries that follow each other: entries are packed once, and rows take theirs of each.

    Behind the entries of each dictionary stands an empty one, for null.
    """
    entries = pa.concat_arrays(
        [
            part.cast(pa.large_binary())
            for values in columns
            for part in (values.dictionary, pa.nulls(1, values.dictionary.type))
        ]
    )
    data, firsts, sizes = _packed_apart(entries)
    before = np.cumsum([0] + [len(values.dictionary) + 1 for values in columns])
    codes = [_codes(values) for values in columns]
    longest = [int(sizes[a:b].max()) for a, b in pairwise(before)]
    wide = [number for number, size in enumerate(longest) if size > _ROOM_FOR_ANY]
    narrow = sum(size for size in longest if size <= _ROOM_FOR_ANY)

    def room(first: int, last: int) -> int | NDArray[np.int64]:
        total: int | NDArray[np.int64] = narrow
        for number in wide:
            total = total + sizes[before[number] + codes[number][first:last]]
        return total

    def put(first: int, last: int, ends: _Ends, out: Bytes) -> None:
        chosen = np.concatenate([some[first:last] for some in codes])
        put_entries(chosen, before, data, firsts, sizes, ends, out)

    return _Column(room, put)


def _packed_apart(strings: Any) -> tuple[Bytes, NDArray[np.int64], NDArray[np.int64]]:
    """Each of the strings as it is packed: the bytes, where it begins, and how many bytes it takes."""
    column = _strings(strings)
    firsts = np.zeros(len(strings) + 1, np.int64)
    np.cumsum(column.room(0, len(strings)), out=firsts[1:])
    data, ends = np.empty(int(firsts[-1]) + LANES, np.uint8), firsts[:-1].copy()
    column.put(0, len(strings), ends, data)
    return data, firsts[:-1], ends - firsts[:-1]


def _codes(values: Any) -> NDArray[np.int32]:
    indices = values.indices.cast(pa.int32())
    if indices.null_count:
        indices = pc.fill_null(indices, len(values.dictionary))
    return np.asarray(indices)


def _whole_seconds(values: Any) -> Any:
    try:
        return values.cast(pa.timestamp("s", values.type.tz))
    except pa.ArrowInvalid:
        raise DataError(
            "A timestamp of the ledger has a fraction of a second, which no row has in packed form. Round it."
        ) from None


def _data(values: Any, size: int, *, first: int = 0, buffer: int = 1) -> Bytes:
    """`size` bytes of one of an array's buffers, and `LANES` more that may be anything."""
    held = values.buffers()[buffer]
    if held is None:
        return np.zeros(size + LANES, np.uint8)
    if held.size >= first + size + LANES:
        return np.frombuffer(memoryview(held), np.uint8, size + LANES, first)
    data = np.zeros(size + LANES, np.uint8)
    data[:size] = np.frombuffer(memoryview(held), np.uint8, size, first)
    return data
