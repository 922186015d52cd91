"""Packed rows: what goes in comes out, the same bytes however a table is stored, and lengths that say where rows end."""

import hashlib
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import documents
from sealed import ledger_rows

from wellkeeper.errors import DataError
from wellkeeper.ledger.packing import RowPacker, columns_of, pack, unpack
from wellkeeper.ledger.rows import DOCUMENTS

SCHEMA = pa.schema(
    [
        pa.field("flag", pa.bool_()),
        pa.field("small", pa.uint8()),
        pa.field("large", pa.uint64()),
        pa.field("signed", pa.int32()),
        pa.field("half", pa.float32()),
        pa.field("whole", pa.float64()),
        pa.field("at", pa.timestamp("s", "UTC")),
        pa.field("name", pa.string()),
        pa.field("long", pa.large_string()),
        pa.field("bytes", pa.binary()),
        pa.field("hash", pa.binary(32)),
        pa.field("label", pa.dictionary(pa.int32(), pa.string())),
    ]
)
DATES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001  the zone is set behind
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
VALUES = (
    st.booleans(),
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False),
    st.floats(allow_nan=False),
    DATES,
    st.text(max_size=90),
    st.text(max_size=5),
    st.binary(max_size=200) | st.integers(250, 700).map(bytes),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(
        ["", "keep", "a label of more than sixty-four bytes, which one copy of a block does not hold"]
    ),
)
ROWS = st.lists(st.tuples(*(st.none() | values for values in VALUES)), max_size=12)


def batch_of(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = [[row[place] for row in rows] for place in range(len(SCHEMA))]
    arrays = []
    for field, values in zip(SCHEMA, columns, strict=True):
        if isinstance(field.type, pa.DictionaryType):
            arrays.append(pa.array(values, pa.string()).dictionary_encode().cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.record_batch(arrays, schema=SCHEMA)


def by_hand(row: tuple[Any, ...]) -> bytes:
    """The canonical form, value by value, as its definition reads."""
    layouts = {"flag": "?", "small": "B", "large": "<Q", "signed": "<i", "half": "<f", "whole": "<d"}
    present, fixed, strings = 0, b"", b""
    for number, (name, value) in enumerate(zip(SCHEMA.names, row, strict=True)):
        present |= (value is not None) << number
        if name in layouts:
            fixed += struct.pack(layouts[name], 0 if value is None else value)
        elif name == "at":
            fixed += struct.pack("<q", 0 if value is None else int(value.timestamp()))
        elif name == "hash":
            fixed += value or bytes(32)
        elif value is not None:
            raw = value.encode() if isinstance(value, str) else value
            strings += bytes([len(raw)]) if len(raw) < 255 else b"\xff" + struct.pack("<I", len(raw))
            strings += raw
    return struct.pack("<H", present) + fixed + strings


@given(ROWS)
def test_rows_are_packed_as_the_definition_reads(rows: list[tuple[Any, ...]]) -> None:
    packed = pack(batch_of(rows))
    assert [packed.row(number) for number in range(len(rows))] == [by_hand(row) for row in rows]


@given(ROWS)
def test_what_is_packed_comes_out_again(rows: list[tuple[Any, ...]]) -> None:
    data = pack(batch_of(rows)).data.tobytes()
    found = list(unpack(data, columns_of(SCHEMA)))
    assert [tuple(row.values()) for row in found] == rows


@given(ROWS, st.integers(0, 12), st.integers(0, 12))
def test_a_stretch_of_a_slice_has_the_same_bytes(rows: list[tuple[Any, ...]], first: int, size: int) -> None:
    whole = pack(batch_of(rows))
    first = min(first, len(rows))
    last = min(first + size, len(rows))
    expected = [whole.row(number) for number in range(first, last)]
    part = RowPacker(batch_of(rows)).rows(first, last)
    assert [part.row(number) for number in range(last - first)] == expected
    cut = pack(batch_of(rows).slice(first, last - first))
    assert [cut.row(number) for number in range(last - first)] == expected


def test_storage_leaves_no_trace(tmp_path: Any) -> None:
    table = ledger_rows()
    expected = pack(table.combine_chunks().to_batches()[0]).data.tobytes()
    for number, how in enumerate(
        ({"compression": "none"}, {"use_dictionary": False}, {"data_page_size": 100, "row_group_size": 64})
    ):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table, path, **how)
        found = pq.read_table(path)  # timestamps in milliseconds, which is the longest unit that Parquet has
        assert b"".join(pack(batch).data.tobytes() for batch in found.to_batches()) == expected


def test_every_nan_is_one_and_zeros_keep_their_sign() -> None:
    nans = np.array([0x7FC00001, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)
    floats = pa.record_batch({"x": pa.array(np.concatenate([nans, np.float32([0.0, -0.0])]))})
    packed = pack(floats)
    assert {packed.row(number).hex() for number in range(3)} == {"010000c07f"}
    assert (packed.row(3).hex(), packed.row(4).hex()) == ("0100000000", "0100000080")


def test_the_bytes_of_a_ledger_stay_what_they_are() -> None:
    """A root that was published must be found again by every later version."""
    names = [name for name in documents().schema.names if name in _FIRST_COLUMNS]
    table = documents().select(names)
    packed = pack(table.combine_chunks().to_batches()[0])
    digest = hashlib.sha256(packed.data.tobytes()).hexdigest()
    assert digest == "8b46ada2fc952b3ad2bd488198d9df60b3716928b7ba43f40090f906b2ec553a"


_FIRST_COLUMNS = (
    "row id content_hash group source file line offset captured_at captured_basis pre_ai origin origin_declared "
    "origin_log_odds evidence_mask strength licence generator depth decision step reason score survivor survivor_id "
    "cluster weight words bytes"
).split()


def test_every_column_of_the_ledger_has_a_packed_form() -> None:
    assert dict(columns_of(DOCUMENTS))["captured_at"] == "timestamp"
    assert dict(columns_of(DOCUMENTS))["content_hash"] == "binary[32]"
    assert dict(columns_of(DOCUMENTS))["decision"] == "string"


def test_refusals_say_what_to_do() -> None:
    lists = pa.record_batch({"tags": pa.array([["a"]])})
    with pytest.raises(
        DataError, match=r"Column tags has type list<.*>, which has no packed form\. Cast it, e\.g\."
    ):
        pack(lists)
    halves = pa.record_batch({"at": pa.array([1500], pa.timestamp("ms"))})
    with pytest.raises(
        DataError, match=r"has a fraction of a second, which no row has in packed form\. Round it\."
    ):
        pack(halves)
    data = pack(batch_of([(True, *[None] * 11)])).data.tobytes()
    with pytest.raises(
        DataError, match=r"A packed row ends after 12 bytes, inside a value\. Take the whole row"
    ):
        list(unpack(data[:12], columns_of(SCHEMA)))


def test_there_is_one_spelling_of_a_row() -> None:
    """Else the same row could have two hashes, and a forger a choice."""
    columns = columns_of(SCHEMA)
    data = pack(batch_of([(None,) * 7 + ("ab",) + (None,) * 4])).data.tobytes()
    assert next(unpack(data, columns))["name"] == "ab"
    stray_bit = bytes([data[0], data[1] | 0x80]) + data[2:]
    stray_value = data[:2] + b"\1" + data[3:]
    long_length = data[:-3] + b"\xff\x02\0\0\0ab"
    for other, message in (
        (stray_bit, "has a value of a column behind the last of 12"),
        (stray_value, "has no flag, and bytes where it would be"),
        (long_length, "spells the length 2 in five bytes"),
    ):
        with pytest.raises(DataError, match=message):
            list(unpack(other, columns))


@pytest.mark.parametrize(
    "kind", ["binary[0]", "binary[-5]", "binary[999999999]", "int7", "", "list", "binary[٣]"]
)
def test_types_that_no_row_has_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match=r"is no type of packed rows\. Use the version"):
        list(unpack(bytes(64), [("x", kind)]))
