"""The digest of a table's content: the same for the same values, however they are stored.

Parquet bytes change with the library, the compression and the row groups; the values do not. This digest
is over the values alone, so that a ledger rewritten by another tool, or cut into other parts, keeps it.

Canonical form, `wellkeeper.content/1`. Integers are little-endian. A column is a tree of streams, each hashed
by SHA-256 from the first row to the last, so that chunks and parts leave no trace:

- every column: one byte a value, 1 for a value and 0 for null; the data of a null is zeros, or empty;
- bool: one byte; intN, uintN: N/8 bytes; floatN: IEEE 754, every NaN as one quiet NaN, -0.0 and 0.0 apart;
- date: int32 days since 1970-01-01; time: int64 nanoseconds since midnight;
- timestamp, timestamp[UTC] (any zone: an instant), duration: int64 whole seconds, rounded down, then int64
  nanoseconds of the rest;
- string, binary: a stream of uint64 byte lengths and a stream of the bytes; binary[n]: n bytes;
- decimal: as the string of its digits; dictionary: as its values; an extension: as its storage;
- list: a stream of uint64 lengths, then the tree of its items; struct: the trees of its fields; map: as a
  list of structs.

A column's digest is SHA-256 of its type name, its own streams' digests and its children's digests. The
table's is SHA-256 of the version's name, the number of rows and, for each column in order, its name and
digest; names are written as a uint64 length and UTF-8 bytes. Nullability and metadata of the schema do not
count.
"""

import hashlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Values: TypeAlias = Any  # pyarrow.Array; pyarrow ships no types

VERSION = b"wellkeeper.content/1"
_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def content_digest(tables: Iterable[pa.Table | pa.RecordBatch]) -> str:
    """Digest of the rows of all tables, one after the other: 64 hexadecimal digits.

    Raises:
        DataError: there is no table, two tables differ in columns, or a type has no canonical form.
    """
    digest = ContentDigest()
    for table in tables:
        digest.update(table)
    return digest.hexdigest()


def sha256_of_texts(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[Any]:
    """SHA-256 of each text, 32 bytes of void each; text k is `data[offsets[k]:offsets[k + 1]]`."""
    view = memoryview(data.data)
    digests = [hashlib.sha256(view[a:b]).digest() for a, b in pairwise(offsets.tolist())]
    return np.frombuffer(b"".join(digests), "V32")


class ContentDigest:
    """`content_digest` for tables that come one by one and are not kept."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns: list[tuple[str, _Column]] | None = None

    def update(self, table: pa.Table | pa.RecordBatch) -> None:
        """Add the rows of a table.

        Raises:
            DataError: its columns differ from those of earlier tables, or a type has no canonical form.
        """
        if self._columns is None:
            self._columns = [(field.name, _column(field.type, field.name)) for field in table.schema]
        wanted = [(name, column.name) for name, column in self._columns]
        found = [(field.name, _column(field.type, field.name).name) for field in table.schema]
        if wanted != found:
            first = next(
                (pair for pair in zip(wanted, found, strict=False) if pair[0] != pair[1]),
                (f"{len(wanted)} columns", f"{len(found)} columns"),
            )
            raise DataError(
                f"Tables of one digest have different columns: {first[0]} before, {first[1]} after. "
                "Give all tables the same schema."
            )
        self._rows += table.num_rows
        for (_, column), values in zip(self._columns, table.columns, strict=True):
            for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                column.update(chunk)

    def hexdigest(self) -> str:
        """The digest of all rows so far.

        Raises:
            DataError: no table was added.
        """
        if self._columns is None:
            raise DataError("There is no table to digest. Pass at least one; it may have no rows.")
        whole = hashlib.sha256(VERSION + _u64(self._rows))
        for name, column in self._columns:
            whole.update(_named(name) + column.digest())
        return whole.hexdigest()


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _named(name: str) -> bytes:
    data = name.encode()
    return _u64(len(data)) + data


class _Column:
    """One node of a column's tree: what all types share, and the whole of the null type."""

    def __init__(self, name: str, *children: "_Column", streams: int = 0) -> None:
        self.name = name
        self.children = children
        self.valid = hashlib.sha256()
        self.streams = [hashlib.sha256() for _ in range(streams)]

    def update(self, values: Values) -> None:
        valid = np.asarray(values.is_valid()).astype(np.uint8)
        self.valid.update(valid.data)
        self.feed(values, valid == 0)

    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        """Hash the data of the values; `null`, shape (len(values),), is true where there is none."""

    def hash(self, data: NDArray[Any]) -> None:
        self.streams[0].update(np.ascontiguousarray(data).data)

    def digest(self) -> bytes:
        parts = [self.valid.digest(), *(stream.digest() for stream in self.streams)]
        parts += [child.digest() for child in self.children]
        return hashlib.sha256(_named(self.name) + b"".join(parts)).digest()


class _Boolean(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        self.hash(_fixed(values.cast(pa.uint8()), np.dtype("u1"), null))


class _Fixed(_Column):
    """Numbers and dates, whose Arrow buffer is the canonical form but for nulls and NaNs."""

    def __init__(self, name: str, dtype: str) -> None:
        super().__init__(name, streams=1)
        self.dtype = np.dtype(dtype)

    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        data = _fixed(values, self.dtype, null)
        if self.dtype.kind == "f":
            data[np.isnan(data)] = np.nan
        self.hash(data)


class _Date(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        self.hash(_fixed(values.cast(pa.date32()), np.dtype("<i4"), null))


class _Time(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        self.hash(_fixed(values.cast(pa.time64("ns")), np.dtype("<i8"), null))


class _Seconds(_Column):
    """Timestamps and durations of any unit, without the range that one unit would impose."""

    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        per_second = _SECOND[values.type.unit]
        seconds, rest = np.divmod(_fixed(values, np.dtype("<i8"), null), per_second)
        self.hash(np.column_stack([seconds, rest * (10**9 // per_second)]))


class _Bytes(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        wide = values.cast(pa.large_binary())
        if null.any():
            wide = pc.fill_null(wide, b"")
        _, offsets, data = wide.buffers()
        if not len(wide) or offsets is None:
            return
        ends = np.frombuffer(memoryview(offsets), np.int64)[wide.offset : wide.offset + len(wide) + 1]
        self.hash(np.diff(ends).astype("<u8"))
        if data is not None:
            self.streams[1].update(memoryview(data)[int(ends[0]) : int(ends[-1])])


class _FixedBytes(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:
        self.hash(_fixed(values, np.dtype((np.void, values.type.byte_width)), null))


class _List(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:  # noqa: ARG002  lengths of nulls are null
        if pa.types.is_map(values.type):
            entry = pa.struct([("key", values.type.key_type), ("value", values.type.item_type)])
            values = values.cast(pa.list_(entry))
        lengths: Any = pc.list_value_length(values)
        self.hash(np.asarray(pc.fill_null(lengths, 0)).astype("<u8"))
        self.children[0].update(pc.list_flatten(values))


class _Struct(_Column):
    def feed(self, values: Values, null: NDArray[np.bool_]) -> None:  # noqa: ARG002  flatten hands nulls down
        for child, part in zip(self.children, values.flatten(), strict=True):
            child.update(part)


class _Decoded(_Column):
    """A type that is a way to store another one."""

    def __init__(self, inner: _Column, how: str) -> None:
        super().__init__(inner.name)
        self.inner = inner
        self.how = how

    def update(self, values: Values) -> None:
        match self.how:
            case "dictionary":
                values = values.dictionary_decode()
            case "extension":
                values = values.storage
            case _:
                values = values.cast(pa.string())
        self.inner.update(values)

    def digest(self) -> bytes:
        return self.inner.digest()


def _fixed(values: Values, dtype: np.dtype[Any], null: NDArray[np.bool_]) -> NDArray[Any]:
    """The values' own buffer as a fresh array of `dtype`, with zeros for nulls."""
    buffer = values.buffers()[1]
    if not len(values) or buffer is None:
        return np.zeros(len(values), dtype)
    view: NDArray[Any] = np.frombuffer(memoryview(buffer), dtype, len(values), values.offset * dtype.itemsize)
    data = view.copy()
    if null.any():
        data[null] = np.zeros(1, dtype)[0]
    return data


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_list(kind: Any) -> bool:
    is_ = pa.types
    return bool(
        is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind) or is_.is_map(kind)
    )


def _column(kind: Any, name: str) -> _Column:
    if isinstance(kind, pa.DictionaryType):
        return _Decoded(_column(kind.value_type, name), "dictionary")
    if isinstance(kind, pa.BaseExtensionType):
        return _Decoded(_column(kind.storage_type, name), "extension")
    if pa.types.is_decimal(kind):
        inner = _Bytes(f"decimal({kind.precision},{kind.scale})", streams=2)
        return _Decoded(inner, "text")
    return _nested(kind, name) or _flat(kind, name)


def _nested(kind: Any, name: str) -> _Column | None:
    if pa.types.is_map(kind):
        parts = (("key", kind.key_type), ("value", kind.item_type))
        children = [_column(part, f"{name}.{label}") for label, part in parts]
        entry = _Struct(_struct_name([label for label, _ in parts], children), *children)
        return _List(f"list<{entry.name}>", entry, streams=1)
    if _is_list(kind):
        item = _column(kind.value_type, f"{name}[]")
        return _List(f"list<{item.name}>", item, streams=1)
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        children = [_column(field.type, f"{name}.{field.name}") for field in fields]
        return _Struct(_struct_name([field.name for field in fields], children), *children)
    return None


def _struct_name(labels: list[str], children: list[_Column]) -> str:
    inside = ",".join(f"{label!r}:{child.name}" for label, child in zip(labels, children, strict=True))
    return f"struct<{inside}>"


def _flat(kind: Any, name: str) -> _Column:
    found = next((make for matches, make in _FLAT if matches(kind)), None)
    if found is None:
        raise DataError(
            f"Column {name} has type {kind}, which has no canonical form. Cast it, e.g. to string."
        )
    return found(kind)


def _number(letter: str, word: str) -> Callable[[Any], _Column]:
    return lambda kind: _Fixed(f"{word}{kind.bit_width}", f"<{letter}{kind.bit_width // 8}")


_FLAT: tuple[tuple[Callable[[Any], bool], Callable[[Any], _Column]], ...] = (
    (pa.types.is_null, lambda _: _Column("null")),
    (pa.types.is_boolean, lambda _: _Boolean("bool", streams=1)),
    (pa.types.is_signed_integer, _number("i", "int")),
    (pa.types.is_unsigned_integer, _number("u", "uint")),
    (pa.types.is_floating, _number("f", "float")),
    (pa.types.is_date, lambda _: _Date("date", streams=1)),
    (pa.types.is_time, lambda _: _Time("time", streams=1)),
    (pa.types.is_timestamp, lambda kind: _Seconds("timestamp[UTC]" if kind.tz else "timestamp", streams=1)),
    (pa.types.is_duration, lambda _: _Seconds("duration", streams=1)),
    (_is_text, lambda _: _Bytes("string", streams=2)),
    (_is_bytes, lambda _: _Bytes("binary", streams=2)),
    (pa.types.is_fixed_size_binary, lambda kind: _FixedBytes(f"binary[{kind.byte_width}]", streams=1)),
)
