"""Vectors of documents, as users' models made them: from any column of lists of numbers to unit vectors in int16.

A document whose value is no list of finite numbers, of another length than most, or all noughts, simply has no
vector; why is counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.engine.readers.columns import extra_name
from wellkeeper.engine.readers.rows import find_column

MISSING, NO_NUMBERS, OTHER_LENGTH, NOT_FINITE, ALL_ZERO = (
    "missing",
    "not numbers",
    "other length",
    "not finite",
    "all zero",
)
REFUSED = (MISSING, NO_NUMBERS, OTHER_LENGTH, NOT_FINITE, ALL_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """The vectors found in a table; rows not listed have none."""

    rows: NDArray[np.int64]  # ascending
    units: NDArray[np.int16]  # shape (rows, dimensions), in units of 1 / VECTOR_UNIT
    refused: Mapping[str, int]  # why not -> how many rows, for the reasons of `REFUSED` that occur

    @property
    def dimensions(self) -> int:
        return int(self.units.shape[1])


def vectors_in(table: pa.Table, name: str) -> Vectors:
    """The vectors in the user's column `name` of a table of documents, read with its other columns.

    A column is of lists of numbers, of fixed size or not, or holds them as JSON; a field of a nested column has a
    dotted name. Vectors are as long as most in the table are, on a tie as the shorter ones.
    """
    column = find_column(table, extra_name(name))
    if column is None:
        column = _nested(table, name)
    if column is None:
        return _none(len(table), MISSING)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _of_lists([_parsed(value) for value in column.to_pylist()])
    if not _is_list(column.type):
        return _none(len(table), MISSING if pa.types.is_null(column.type) else NO_NUMBERS)
    return _of_arrow(column)


def _nested(table: pa.Table, name: str) -> Any:
    """A field inside a column that holds objects as JSON; None if there is no such column."""
    head, *path = name.split(".")
    column = find_column(table, extra_name(head)) if path else None
    if column is None or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    values = []
    for written in column.to_pylist():
        value = _parsed(written)
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        values.append(None if value is None else orjson.dumps(value).decode())
    return pa.array(values, pa.large_string())


def _is_list(type_: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(type_) for test in tests) and (
        pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type)
    )


def _parsed(written: str | None) -> Any:
    if written is None:
        return None
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        return written


def _none(rows: int, reason: str) -> Vectors:
    return Vectors(
        rows=np.zeros(0, np.int64), units=np.zeros((0, 0), np.int16), refused={reason: rows} if rows else {}
    )


def _of_arrow(column: Any) -> Vectors:
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    lists = column.filter(pa.array(lengths > 0))
    values = lists.flatten().cast(pa.float64())
    filled = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    nothing = int(np.count_nonzero(lengths < 0))
    # a null among numbers is not a number
    return _of_values(
        np.flatnonzero(lengths > 0), lengths[lengths > 0], filled, len(lengths), missing=nothing
    )


def _of_lists(values: Sequence[Any]) -> Vectors:
    rows, lengths, flat, missing = [], [], [], 0
    for row, value in enumerate(values):
        missing += value is None
        if isinstance(value, list) and value and all(type(item) in {int, float} for item in value):
            rows.append(row)
            lengths.append(len(value))
            flat += value
    return _of_values(
        np.array(rows, np.int64),
        np.array(lengths, np.int64),
        np.array(flat, np.float64),
        len(values),
        missing=missing,
    )


def _of_values(
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    values: NDArray[np.float64],
    total: int,
    *,
    missing: int,
) -> Vectors:
    """Vectors of `rows`, of the given lengths and laid end to end; the other rows have no list of numbers."""
    refused = Counter({MISSING: missing, NO_NUMBERS: total - missing - len(rows)})
    sizes, counts = np.unique(lengths, return_counts=True)
    dimensions = int(sizes[counts.argmax()]) if len(sizes) else 0
    usual = lengths == dimensions
    matrix = values[np.repeat(usual, lengths)].reshape(-1, dimensions) if dimensions else np.zeros((0, 0))
    refused[OTHER_LENGTH] = int(np.count_nonzero(~usual))
    finite = np.asarray(np.isfinite(matrix).all(axis=1), np.bool_)
    largest = np.abs(np.where(finite[:, None], matrix, 0)).max(axis=1, initial=0)
    good = finite & (largest > 0)
    refused[NOT_FINITE] = int(np.count_nonzero(~finite))
    refused[ALL_ZERO] = int(np.count_nonzero(finite & (largest == 0)))
    scaled = matrix[good] / largest[good, None]  # so that no square overflows
    lengths_of = np.sqrt(np.add.reduce(scaled * scaled, axis=1))
    return Vectors(
        rows=rows[usual][good],
        units=np.rint(scaled * (VECTOR_UNIT / lengths_of[:, None])).astype(np.int16),
        refused={reason: refused[reason] for reason in REFUSED if refused[reason]},
    )
