"""A ledger row as bytes, the same for the same values however a table is stored.

Canonical form `wellkeeper.row/1`: the values of a row one after the other, in the order of the schema. A value is one
byte, 0 for null and nothing more, else 1 and then

- bool, intN, uintN: its bytes, little-endian; floatN: IEEE 754, every NaN as the quiet NaN 0x7fc00000 or
  0x7ff8000000000000, -0.0 and 0.0 apart;
- timestamp: int64 seconds since 1970-01-01 UTC;
- string and binary: the number of bytes as a uint32, then the bytes; binary[n]: n bytes;
- dictionary: as its value.

A row says by itself where it ends, given the types; so rows of a tile simply follow each other. `unpack` reads them
without a library, and is short enough to write anew in any language.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lanes import LANES
from wellkeeper.ledger._loops import close_up, put_entries, put_fixed, put_variable

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

    Raises:
        DataError: a type has no canonical form.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        columns_of(batch.schema)
        self._columns = [_column(values) for values in batch.columns]
        self._room = LANES + sum(column.room for column in self._columns if isinstance(column.room, int))
        self._rooms = [column.room for column in self._columns if not isinstance(column.room, int)]

    def rows(self, first: int, last: int) -> PackedRows:
        """Rows [first, last) of the batch."""
        starts = np.full(last - first + 1, self._room, np.int64)
        starts[0] = 0
        for room in self._rooms:
            starts[1:] += room[first:last]
        np.cumsum(starts, out=starts)
        data = np.empty(int(starts[-1]) + LANES, np.uint8)
        ends = starts[:-1].copy()
        for column in self._columns:
            column.put(first, last, ends, data)
        offsets = np.zeros(len(starts), np.int64)
        np.cumsum(ends - starts[:-1], out=offsets[1:])
        close_up(starts, offsets, data)
        return PackedRows(data[: offsets[-1]], offsets)


def unpack(data: bytes, columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows that lie one after the other in `data`, as Python values; timestamps in UTC.

    Raises:
        DataError: the bytes are not whole rows of these columns.
    """
    at = 0
    while at < len(data):
        row: dict[str, Any] = {}
        for name, kind in columns:
            row[name], at = _value(data, at, kind)
        yield row


def _value(data: bytes, at: int, kind: str) -> tuple[Any, int]:
    if not _piece(data, at, 1)[0]:
        return None, at + 1
    at += 1
    if kind in ("string", "binary"):
        size = int.from_bytes(_piece(data, at, 4), "little")
        piece = _piece(data, at + 4, size)
        return piece.decode() if kind == "string" else piece, at + 4 + size
    if kind.startswith("binary["):
        size = int(kind[7:-1])
        return _piece(data, at, size), at + size
    if kind == "timestamp":
        return datetime.fromtimestamp(int.from_bytes(_piece(data, at, 8), "little", signed=True), UTC), at + 8
    layout = "<" + _LAYOUTS[kind]
    size = struct.calcsize(layout)
    return struct.unpack(layout, _piece(data, at, size))[0], at + size


def _piece(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise DataError(
            f"A packed row ends after {len(data)} bytes, inside a value. Take the whole row, as the ledger has it."
        )
    return data[at : at + size]


_ROOM_FOR_ANY = 256
"""Bytes of a dictionary's longest entry up to which every row gets room for it: to look up each costs more."""

_LAYOUTS = {
    "bool": "?",
    "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
"""Types of one fixed width, as `struct` writes them."""


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

    room: int | NDArray[np.int64]  # bytes that it takes at most in each row, shape (rows,), or in any row
    put: Callable[[int, int, _Ends, Bytes], None]
    """Of (first, last, ends, out): puts the values of rows [first, last) behind `ends`."""


def _column(values: Any) -> _Column:
    if pa.types.is_dictionary(values.type):
        return _dictionary(values)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    elif pa.types.is_timestamp(values.type) and values.type.unit != "s":
        values = _whole_seconds(values)  # Parquet has no unit as long
    if _type_name(values.type, "") in ("string", "binary"):
        return _variable(values)
    return _fixed(values)


def _presence(values: Any) -> Bytes:
    if values.null_count == 0:
        return np.ones(len(values), np.uint8)
    return np.asarray(values.is_valid()).astype(np.uint8)


def _fixed(values: Any) -> _Column:
    valid, width = _presence(values), values.type.byte_width
    data = _data(values, len(values) * width, first=values.offset * width)
    if pa.types.is_floating(values.type):
        numbers = data.view(f"f{width}").copy()
        numbers[np.isnan(numbers)] = np.nan
        data = numbers.view(np.uint8)

    def put(first: int, last: int, ends: _Ends, out: Bytes) -> None:
        put_fixed(valid[first:last], data[first * width :], width, ends, out)

    return _Column(1 + width, put)


def _variable(values: Any) -> _Column:
    valid = _presence(values)
    wide = values.cast(pa.large_binary())
    offsets = _data(wide, 8 * (len(wide) + 1), first=8 * wide.offset).view(np.int64)[: len(wide) + 1]
    data = _data(wide, int(offsets[-1]), buffer=2)

    def put(first: int, last: int, ends: _Ends, out: Bytes) -> None:
        put_variable(valid[first:last], data, offsets[first : last + 1], ends, out)

    return _Column(1 + (4 + np.diff(offsets)) * valid.astype(np.int64), put)


def _dictionary(values: Any) -> _Column:
    """Entries are packed once, a null behind them; then rows take theirs."""
    entries = pa.concat_arrays([values.dictionary, pa.nulls(1, values.dictionary.type)])
    packed = pack(pa.record_batch({"": entries}))
    data, offsets = np.concatenate([packed.data, np.zeros(LANES, np.uint8)]), packed.offsets
    codes = np.asarray(pc.fill_null(values.indices.cast(pa.int32()), len(entries) - 1))

    def put(first: int, last: int, ends: _Ends, out: Bytes) -> None:
        put_entries(codes[first:last], data, offsets, ends, out)

    sizes = np.diff(offsets)
    longest = int(sizes.max())
    return _Column(longest if longest <= _ROOM_FOR_ANY else sizes[codes], put)


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
