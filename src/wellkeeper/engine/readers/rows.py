"""Documents from the rows of an Arrow table, checked: pyarrow takes strings at their word to be UTF-8."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import ColumnMap, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import Column, document_table, role_array, valid_rows
from wellkeeper.engine.readers.cutting import excerpt
from wellkeeper.errors import InputError

Mask: TypeAlias = NDArray[np.bool_]

# First bytes, in UTF-8, of the characters that str.isspace() accepts.
_SPACE_LEADS = np.zeros(256, dtype=bool)
_SPACE_LEADS[[*range(9, 14), *range(28, 33), 0xC2, 0xE1, 0xE2, 0xE3]] = True


def parse_rows(
    table: pa.Table,
    numbers: NDArray[np.int64],
    block: RawBlock,
    columns: ColumnMap,
    *,
    extras: bool = False,
    lost: Sequence[Quarantined] = (),
    offsets: NDArray[np.int64] | None = None,
) -> Parsed:
    """Documents of a table whose rows have the given 1-based numbers, and byte offsets if any, shape (rows,).

    Raises:
        InputError: the text column is missing or is no text.
    """
    offsets = np.full(len(table), -1, dtype=np.int64) if offsets is None else offsets
    mapped = columns.named()
    text = _text(block, table, mapped.pop("text"))
    roles = {role: _role(role, find_column(table, name), len(table)) for role, name in mapped.items()}
    refused = _refused(text, roles, columns)
    good = np.ones(len(table), dtype=bool)
    good[list(refused)] = False
    others = _others(table, set(columns.taken().values())) if extras else {}
    documents = document_table(
        _keep(text, good).view(pa.large_string()),  # checked above: a cast would check it again
        lines=numbers[good],
        offsets=offsets[good],
        roles={role: _keep(column, good).view(pa.string()) for role, column in roles.items()},
        extras={name: _keep(column, good) for name, column in others.items()},
    )
    quarantined = [
        Quarantined(
            file=block.file.name,
            line=int(numbers[row]),
            offset=int(offsets[row]),
            code=code,
            reason=reason,
            excerpt=excerpt(text[row].as_py() or b""),
        )
        for row, (code, reason) in refused.items()
    ]
    return Parsed(
        table=documents,
        quarantined=(*sorted([*quarantined, *lost], key=attrgetter("line")), *block.damage),
        fields={name: str(column.type) for name, column in others.items()},
    )


def find_column(table: pa.Table, name: str) -> Column | None:
    """A column as one plain array, a field of a struct by its dotted name; None if the table has none."""
    if name in table.column_names:
        return _plain(table.column(name))
    head, *path = name.split(".")
    if head not in table.column_names:
        return None
    column = _plain(table.column(head))
    for part in path:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(part) < 0:
            return None
        column = _plain(pc.struct_field(column, part))
    return column


def top_level(names: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """Those of a file's columns that hold the wanted fields, in the file's order."""
    heads = {name if name in names else name.split(".")[0] for name in wanted}
    return [name for name in names if name in heads]


def is_text(type_: pa.DataType) -> bool:
    """Whether strings can be had from a column of this type; bytes are strings in waiting."""
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
    )
    return any(test(type_) for test in tests)


def _plain(column: Any) -> Column:
    """One array for a column, whatever its chunks, without dictionary, view or extension type."""
    array: Any = column
    if isinstance(column, pa.ChunkedArray):  # combining copies, even what is in one piece
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # too large for one array of its type
        array = pa.concat_arrays([chunk.cast(_wide(chunk.type)) for chunk in array.chunks])
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):  # many functions of Arrow do not know views yet
        array = array.cast(pa.large_string())
    plain: Column = array.cast(pa.large_binary()) if pa.types.is_binary_view(array.type) else array
    return plain


def _wide(type_: pa.DataType) -> pa.DataType:
    return pa.large_string() if pa.types.is_string(type_) else pa.large_binary()


def _text(block: RawBlock, table: pa.Table, name: str) -> Column:
    """The text column as bytes, not yet known to be UTF-8."""
    column = find_column(table, name)
    if column is None:
        raise InputError(
            f"{block.file.name} has no column '{name}'. "
            "Name its text column (--text COL, or `text: COL` in a recipe), or leave the file out."
        )
    if pa.types.is_null(column.type):
        return column.cast(pa.large_binary())
    if not is_text(column.type):
        raise InputError(
            f"{block.file.name}: column '{name}' is {column.type}, not text. "
            "Name a text column (--text COL, or `text: COL` in a recipe)."
        )
    return _as_bytes(column, pa.large_binary())


def _as_bytes(column: Column, type_: pa.DataType) -> Column:
    array = column.cast(type_)
    array.validate(full=True)
    return array


def _role(role: str, column: Column | None, rows: int) -> Column:
    """The values of a role: strings, or bytes that are yet to be checked."""
    if column is None or pa.types.is_null(column.type):
        return pa.nulls(rows, pa.string())
    if is_text(column.type):
        return _as_bytes(column, pa.binary())
    if pa.types.is_timestamp(column.type):
        return _utc_text(column)
    if pa.types.is_date(column.type) or (pa.types.is_integer(column.type) and role != "date"):
        return (
            column.cast(pa.date32()).cast(pa.string())
            if pa.types.is_date(column.type)
            else column.cast(pa.string())
        )
    return role_array(role, column.to_pylist())


def _utc_text(column: Column) -> Column:
    """Timestamps as ISO 8601 in UTC, to the second; those without a zone are taken as UTC."""
    unit: Any = column.type
    plain: Any = column.cast(pa.int64()).cast(pa.timestamp(unit.unit))  # an instant is stored in UTC already
    whole: Any = pc.floor_temporal(plain, unit="second").cast(pa.timestamp("s"))
    text: Column = pc.strftime(whole, format="%Y-%m-%dT%H:%M:%SZ")
    return text


def _refused(text: Column, roles: dict[str, Column], columns: ColumnMap) -> dict[int, tuple[str, str]]:
    """Row -> code and reason of each row that is no document; the first fault found is the one told."""
    refused: dict[int, tuple[str, str]] = {}

    def refuse(
        rows: Iterable[int], code: str, reason: str, at: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        for row in rows:
            refused.setdefault(row, (code, f"byte {at[row]} of {reason}" if row in at else reason))

    name = columns.text
    refuse(np.flatnonzero(~valid_rows(text)).tolist(), "text-null", f"'{name}' is null")
    for field, column in [
        (name, text),
        *((getattr(columns, role), column) for role, column in roles.items()),
    ]:
        bad = _not_utf8(column)
        refuse(bad, "utf8", f"'{field}' is not UTF-8", bad)
    refuse(_blank(text, refused), "text-empty", f"'{name}' is empty or only white space")
    return refused


def _not_utf8(column: Column) -> dict[int, int]:
    """Row -> byte at which its value stops being UTF-8."""
    if pa.types.is_string(column.type):
        return {}
    try:
        column.cast(pa.large_string() if pa.types.is_large_binary(column.type) else pa.string())
    except pa.ArrowInvalid:
        return {row: at for row, value in enumerate(column) if (at := _bad_byte(value.as_py())) is not None}
    return {}


def _bad_byte(value: bytes | None) -> int | None:
    try:
        (value or b"").decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _blank(text: Column, known: Collection[int]) -> list[int]:
    """Rows without anything but white space, as str.isspace() has it; not those whose fault is known."""
    if len(text) == 0:
        return []
    buffers: Any = text.buffers()
    _, places, data = buffers
    offsets = np.frombuffer(places, np.int64)[text.offset : text.offset + len(text) + 1]
    starts, empty = offsets[:-1], np.diff(offsets) == 0
    suspect = empty.copy()
    if data is not None and data.size:
        first = np.frombuffer(data, np.uint8)[np.minimum(starts, data.size - 1)]
        suspect |= _SPACE_LEADS[first]
    rows = [row for row in np.flatnonzero(suspect).tolist() if row not in known]
    return [row for row in rows if empty[row] or text[row].as_py().decode().isspace()]


def _keep(column: Column, good: Mask) -> Column:
    return column if good.all() else column.filter(pa.array(good))


def _others(table: pa.Table, mapped: Collection[str]) -> dict[str, Column]:
    """The user's other columns. Bytes that are no UTF-8 are replaced, as in any reader of last resort."""
    others: dict[str, Column] = {}
    for name in table.column_names:
        if name in mapped:
            continue
        column = _plain(table.column(name))
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raw = column.cast(pa.large_binary()) if is_text(column.type) else None
            column = pa.nulls(len(column), column.type) if raw is None else _replaced(raw).cast(column.type)
        others[name] = column
    return others


def _replaced(raw: Column) -> Column:
    values = (value.as_py() for value in raw)
    return pa.array(
        [None if value is None else value.decode(errors="replace") for value in values], pa.large_string()
    )
