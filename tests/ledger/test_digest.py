"""The digest sees values, all of them, and nothing of how they are stored."""

import datetime as dt
import hashlib
import io
import itertools
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import documents

from wellkeeper.errors import DataError
from wellkeeper.ledger.digest import ContentDigest, content_digest

INSTANT = dt.datetime(2020, 2, 29, 12, 30, 15, 123456, tzinfo=dt.UTC)
KINDS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.bool_(), [True, False]),
    (pa.int8(), [-3, 4]),
    (pa.uint64(), [0, 2**64 - 1]),
    (pa.float16(), [np.float16(0.5), np.float16(-0.0)]),
    (pa.float32(), [0.0, -0.0]),
    (pa.float64(), [1.5, float("nan")]),
    (pa.string(), ["", "höhe"]),
    (pa.large_string(), ["a", "bc"]),
    (pa.string_view(), ["short", "longer than twelve bytes"]),
    (pa.binary(), [b"", b"\x00"]),
    (pa.binary(4), [b"abcd", b"\x00\x00\x00\x00"]),
    (pa.date32(), [INSTANT.date(), dt.date(1969, 12, 31)]),
    (pa.time64("us"), [INSTANT.time(), dt.time(0)]),
    (pa.timestamp("us", "UTC"), [INSTANT, dt.datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=dt.UTC)]),
    (pa.timestamp("ms"), [dt.datetime.fromisoformat(day) for day in ("2020-01-01", "0001-01-01")]),
    (pa.duration("s"), [dt.timedelta(seconds=-1), dt.timedelta(days=3)]),
    (pa.decimal128(9, 2), [Decimal("1.10"), Decimal("-7.00")]),
    (pa.dictionary(pa.int8(), pa.string()), ["x", "y"]),
    (pa.list_(pa.int32()), [[1, None], []]),
    (pa.list_(pa.float32(), 2), [[1.0, 2.0], [3.0, 4.0]]),
    (pa.struct([("a", pa.int32()), ("b", pa.string())]), [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]),
    (pa.map_(pa.string(), pa.int32()), [[("k", 1)], []]),
    (pa.list_(pa.struct([("t", pa.list_(pa.string()))])), [[{"t": ["a"]}], [{"t": []}, {"t": None}]]),
]
BY_NAME = {str(kind): (kind, values) for kind, values in KINDS}


def rows(kind: pa.DataType, values: list[Any]) -> pa.Table:
    return pa.table({"c": pa.array(values, kind)})


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.DataType, list[Any]]:
    kind, values = BY_NAME[draw(st.sampled_from(sorted(BY_NAME)))]
    return kind, draw(st.lists(st.sampled_from([*values, None]), min_size=1, max_size=12))


@given(columns(), st.lists(st.integers(0, 12), max_size=4), st.booleans())
def test_chunks_slices_and_parts_leave_no_trace(
    column: tuple[pa.DataType, list[Any]], cuts: list[int], as_chunks: bool
) -> None:
    kind, values = column
    whole = rows(kind, values)
    padded = rows(kind, [values[-1], *values, values[0]]).slice(1, len(values))  # the same rows, inside more
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    pieces = [padded.slice(low, high - low) for low, high in itertools.pairwise(edges)]
    assert content_digest([pa.concat_tables(pieces)] if as_chunks else pieces) == content_digest([whole])


@given(columns(), st.sampled_from(["none", "snappy", "zstd"]), st.integers(1, 5), st.booleans())
def test_a_trip_through_parquet_leaves_no_trace(
    column: tuple[pa.DataType, list[Any]], compression: str, group: int, dictionary: bool
) -> None:
    kind, values = column
    if pa.types.is_string_view(kind):
        kind = pa.string()
    table, sink = rows(kind, values), io.BytesIO()
    pq.write_table(table, sink, compression=compression, row_group_size=group, use_dictionary=dictionary)
    assert content_digest([pq.read_table(sink)]) == content_digest([table])


@given(columns(), st.data())
def test_another_value_anywhere_is_another_digest(
    column: tuple[pa.DataType, list[Any]], data: st.DataObject
) -> None:
    kind, values = column
    place = data.draw(st.integers(0, len(values) - 1))
    now = values[place]
    other = data.draw(st.sampled_from([v for v in [*BY_NAME[str(kind)][1], None] if repr(v) != repr(now)]))
    changed = [*values[:place], other, *values[place + 1 :]]
    assert content_digest([rows(kind, changed)]) != content_digest([rows(kind, values)])


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1))
def test_a_dictionary_is_its_values(values: list[str | None]) -> None:
    plain = pa.array(values, pa.string())
    coded = plain.dictionary_encode()
    wider = pa.DictionaryArray.from_arrays(
        coded.indices, pa.concat_arrays([coded.dictionary, pa.array(["unused"])])
    )
    digests = {content_digest([pa.table({"c": column})]) for column in (plain, coded, wider)}
    assert len(digests) == 1


def test_units_of_time_and_widths_of_offsets_do_not_count() -> None:
    seconds = pa.array([0, -1, None, 1_700_000_000], pa.timestamp("s", "UTC"))
    digests = {
        content_digest([pa.table({"t": seconds.cast(pa.timestamp(unit, zone))})])
        for unit in ("s", "ms", "us", "ns")
        for zone in ("UTC", "Europe/Berlin")
    }
    assert len(digests) == 1
    text = pa.array(["x", None])
    assert (
        len({content_digest([pa.table({"c": text.cast(t)})]) for t in (pa.string(), pa.large_string())}) == 1
    )


def test_every_nan_is_one_nan_and_what_lies_under_a_null_is_not_seen() -> None:
    bits = np.array([0x7FC00000, 0x7FC00001, 0xFFC12345], np.uint32).view(np.float32)
    assert len({content_digest([pa.table({"c": bits[i : i + 1]})]) for i in range(3)}) == 1
    validity = pa.py_buffer(b"\x01")
    under = [
        pa.Array.from_buffers(pa.int32(), 2, [validity, pa.py_buffer(struct.pack("<ii", 5, junk))])
        for junk in (0, 9)
    ]
    assert content_digest([pa.table({"c": under[0]})]) == content_digest([pa.table({"c": under[1]})])


def test_names_types_and_order_of_columns_count() -> None:
    tables = [
        pa.table({"a": pa.array([1], pa.int32()), "b": pa.array([1], pa.int32())}),
        pa.table({"b": pa.array([1], pa.int32()), "a": pa.array([1], pa.int32())}),
        pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([1], pa.int32())}),
        pa.table({"a": pa.array([1], pa.int32())}),
        pa.table({"a": pa.array([], pa.int32()), "b": pa.array([], pa.int32())}),
    ]
    assert len({content_digest([table]) for table in tables}) == len(tables)


def test_moving_a_boundary_between_neighbouring_strings_counts() -> None:
    digests = {content_digest([pa.table({"c": pair})]) for pair in (["ab", "c"], ["a", "bc"], ["abc", ""])}
    assert len(digests) == 3


def test_the_canonical_form_is_the_documented_one() -> None:
    """Computed here from the module's own description, with no Arrow and no numpy."""

    def named(name: str) -> bytes:
        return struct.pack("<Q", len(name)) + name.encode()

    def sha(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    integers = sha(named("int32") + sha(b"\x01\x00") + sha(struct.pack("<ii", -5, 0)))
    strings = sha(named("string") + sha(b"\x01\x01") + sha(struct.pack("<QQ", 2, 1)) + sha(b"\xc3\xa4b"))
    expected = sha(
        b"wellkeeper.content/1" + struct.pack("<Q", 2) + named("n") + integers + named("s") + strings
    )
    table = pa.table({"n": pa.array([-5, None], pa.int32()), "s": ["ä", "b"]})
    assert content_digest([table]) == expected.hex()


def test_a_change_in_any_column_of_the_ledger_is_seen() -> None:
    table = documents()
    digests = {content_digest([table])}
    for place, field in enumerate(table.schema):
        plain = table.column(place).cast(
            field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        )
        for row in range(table.num_rows):
            values = plain.to_pylist()
            values[row] = _other(values[row], plain.type)
            changed = pa.array(values, plain.type).cast(field.type)
            digests.add(content_digest([table.set_column(place, field, changed)]))
    assert len(digests) == 1 + table.num_columns * table.num_rows


def _other(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_fixed_size_binary(kind):
        return value[:-1] + bytes([value[-1] ^ 1])
    if pa.types.is_timestamp(kind):
        return dt.datetime(2001, 1, 1, tzinfo=dt.UTC) if value is None else value + dt.timedelta(seconds=1)
    if pa.types.is_string(kind):
        return f"{value}!"
    if value is None:
        return 1
    return value - 1 if value == 255 else value + 1


def test_tables_of_one_digest_have_one_schema() -> None:
    digest = ContentDigest()
    digest.update(pa.table({"a": [1]}))
    with pytest.raises(
        DataError, match=r"\('a', 'int64'\) before, \('a', 'string'\) after\. Give all tables"
    ):
        digest.update(pa.table({"a": ["x"]}))
    with pytest.raises(DataError, match=r"1 columns before, 2 columns after"):
        digest.update(pa.table({"a": [1], "b": [1]}))


def test_errors_say_what_to_do() -> None:
    with pytest.raises(DataError, match=r"no table to digest\. Pass at least one; it may have no rows"):
        content_digest([])
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(
        DataError, match=r"Column u has type .*union.*, which has no canonical form\. Cast it"
    ):
        content_digest([pa.table({"u": union})])
