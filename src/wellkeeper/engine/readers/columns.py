"""From what a reader found to the one table that every reader returns."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.dates import DateBasis
from wellkeeper.engine.readers.base import DOCUMENT_FIELDS, STAYING, TAKEN

Record: TypeAlias = Mapping[str, Any]
if TYPE_CHECKING:
    Column: TypeAlias = pa.Array[Any]
else:
    Column = pa.Array  # generic in its type stubs alone


def document_table(
    texts: Column,
    *,
    lines: NDArray[np.int64],
    offsets: NDArray[np.int64],
    roles: Mapping[str, Column],
    basis: DateBasis = DateBasis.PAGE_CLAIMED,
    extras: Mapping[str, Column] | None = None,
    pages: Sequence[bytes | None] | None = None,
) -> pa.Table:
    """One row a document: `DOCUMENT_FIELDS`, then the user's other columns; all arrays share one length.

    A mapped date counts as `basis`: what the document claims of itself unless the format knows better.
    A user's column that bears the name of a document field is called `input_<name>`. `pages` are those that bear a
    credential, as they were served.
    """
    rows = len(texts)
    dates = roles.get("date")
    dated = np.zeros(rows, bool) if dates is None else valid_rows(dates)
    columns: dict[str, Column] = {
        "text": texts,
        "line": number_array(lines),
        "offset": number_array(offsets),
        **{role: roles.get(role, pa.nulls(rows, pa.string())) for role in TAKEN},
        **{f"declared_{role}": roles.get(role, pa.nulls(rows, pa.string())) for role in STAYING},
        "date_basis": number_array(np.where(dated, np.uint8(basis), np.uint8(DateBasis.NONE))),
        "signed_text": pa.nulls(rows, pa.large_string()),
        "signed_page": pa.nulls(rows, pa.large_binary())
        if pages is None
        else pa.array(pages, pa.large_binary()),
    }
    others = {extra_name(name): column for name, column in (extras or {}).items()}
    fields = [pa.field(name, column.type) for name, column in others.items()]
    return pa.table([*columns.values(), *others.values()], schema=pa.schema([*DOCUMENT_FIELDS, *fields]))


def text_buffers(column: pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bytes and offsets, shape (documents + 1,), of a large_string column; no copy for a single chunk."""
    # one chunk is taken as it is: combining would copy it
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], pa.large_string())
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8), bounds


def extra_name(name: str) -> str:
    """What a user's column is called beside the document fields."""
    return f"input_{name}" if name in DOCUMENT_FIELDS.names else name


def number_array(values: NDArray[Any]) -> Column:
    """Integers as an Arrow array over the very same memory; `pa.array` loads pandas wherever that is installed."""
    type_: Any = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def valid_rows(column: Column) -> NDArray[np.bool_]:
    """Which values of an array are not null, shape (len(column),)."""
    valid = column.is_valid()
    bits = valid.buffers()[1]
    assert bits is not None
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=valid.offset + len(valid), bitorder="little")
    return flags[valid.offset :].view(np.bool_)


def getter(name: str) -> Callable[[Record], Any]:
    """Finds a field in a record; in nested objects by a dotted name, unless the name itself has the dot.

    The function raises KeyError or TypeError where there is no such field.
    """
    if "." not in name:
        return itemgetter(name)
    path = name.split(".")

    def nested(record: Record) -> Any:
        if name in record:
            return record[name]
        value: Any = record
        for part in path:
            value = value[part]
        return value

    return nested


def optional_getter(name: str) -> Callable[[Record], Any]:
    """Finds a field as `getter` does; its value is None where there is no such field.

    >>> find = optional_getter("a.b")
    >>> [find({"a": {"b": 1}}), find({"a.b": 2}), find({"a": [3]}), find({})]
    [1, 2, None, None]
    """
    find = getter(name)

    def found(record: Record) -> Any:
        try:
            return find(record)
        except (KeyError, TypeError, IndexError):
            return None

    return found


def field_values(records: Sequence[Record], name: str) -> list[Any]:
    """One field of each record, None where there is none."""
    if "." not in name:
        return [record.get(name) for record in records]  # spares a call for each record
    return list(map(optional_getter(name), records))


def role_array(role: str, values: list[Any]) -> Column:
    """Values of a role as strings: dates in numbers as ISO 8601, other values as JSON writes them."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([role_text(role, value) for value in values], pa.string())


def role_text(role: str, value: Any) -> str | None:
    """What `role_array` makes of one value."""
    return _date_text(value) if role == "date" else _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, default=str)


def _date_text(value: Any) -> str | None:
    from wellkeeper.engine.dates import iso_date

    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return iso_date(value) if is_number else _text(value)


def extra_arrays(
    records: Sequence[Record], mapped: frozenset[str]
) -> tuple[dict[str, Column], dict[str, str]]:
    """The fields of the records that are not mapped, in order of appearance, and the type of each.

    A type is bool, int (64 bits), float, string, json (nested or mixed values, as JSON text), or null where
    this block has no value of the field at all.
    """
    names = dict.fromkeys(chain.from_iterable(records))
    arrays: dict[str, Column] = {}
    types: dict[str, str] = {}
    for name in names:
        if name not in mapped:
            arrays[name], types[name] = _typed([record.get(name) for record in records])
    return arrays, types


def _typed(values: list[Any]) -> tuple[Column, str]:
    name = json_type({type(value) for value in values})
    if name != "json":
        try:
            return pa.array(values, _ARROW[name]), name
        except (pa.ArrowInvalid, OverflowError):  # an integer beyond 64 bits
            name = "json"
    return pa.array([None if value is None else _json(value) for value in values], pa.string()), name


_ARROW = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "string": pa.large_string(),
}
_NAMES: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}


def json_type(kinds: set[type]) -> str:
    """The narrowest type of `extra_arrays` that holds values of all these Python types."""
    names = {_NAMES.get(kind, "json") for kind in kinds - {type(None)}}
    if not names:
        return "null"
    if names == {"int", "float"}:
        return "float"
    return names.pop() if len(names) == 1 else "json"
