"""Vectors from users' columns: whatever the type of the column, unit vectors; whatever is none is counted."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.engine.vectors import vectors_in

VALUES = [[3.0, 4.0], None, [0.0, 0.0], [1.0], [float("nan"), 1.0], [], [-1.0, 0.0]]
GOOD = [[round(0.6 * VECTOR_UNIT), round(0.8 * VECTOR_UNIT)], [-VECTOR_UNIT, 0]]


def as_json(values):
    return pa.array([None if value is None else json.dumps(value) for value in values], pa.large_string())


@pytest.mark.parametrize(
    "column",
    [
        pa.array(VALUES, pa.list_(pa.float64())),
        pa.array(VALUES, pa.large_list(pa.float32())),
        pa.chunked_array(
            [pa.array(VALUES[:3], pa.list_(pa.float32())), pa.array(VALUES[3:], pa.list_(pa.float32()))]
        ),
        pa.array([None if v is None else np.array(v, np.float16) for v in VALUES], pa.list_(pa.float16())),
    ],
    ids=["list", "large list", "chunks", "float16"],
)
def test_lists_of_every_kind_become_unit_vectors_and_the_rest_is_counted(column):
    found = vectors_in(pa.table({"vec": column}), "vec")
    assert found.rows.tolist() == [0, 6]
    assert np.abs(found.units - GOOD).max() <= 1
    assert found.refused == {
        "missing": 1,
        "not numbers": 1,
        "other length": 1,
        "not finite": 1,
        "all zero": 1,
    }


def test_lists_of_fixed_size_and_of_whole_numbers_are_read():
    fixed = pa.array([[3, 4], None, [0, 5]], pa.list_(pa.int16(), 2))
    found = vectors_in(pa.table({"vec": fixed}), "vec")
    assert found.rows.tolist() == [0, 2]
    assert found.units[1].tolist() == [0, VECTOR_UNIT]
    assert found.refused == {"missing": 1}


def test_json_is_read_and_what_is_no_list_of_numbers_is_counted():
    column = as_json([[3, 4], None, [1, None], ["a", "b"], {"x": 1}, [True, False], 7, [0.0, 2.5]])
    broken = pa.chunked_array([column, pa.array(["[1,", "words"], pa.large_string())])
    found = vectors_in(pa.table({"vec": broken}), "vec")
    assert found.rows.tolist() == [0, 7]
    assert found.refused == {"missing": 1, "not numbers": 7}


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"meta": pa.array([{"vec": [0.0, 1.0]}, {"vec": None}])}),
        pa.table({"meta": as_json([{"vec": [0.0, 1.0]}, {"other": 1}])}),
    ],
    ids=["struct", "json"],
)
def test_a_nested_column_has_a_dotted_name(table):
    found = vectors_in(table, "meta.vec")
    assert found.rows.tolist() == [0]
    assert found.refused == {"missing": 1}


def test_a_column_that_bears_the_name_of_a_document_field_is_found_under_the_name_it_was_given():
    assert vectors_in(pa.table({"input_text": as_json([[1.0, 0.0]])}), "text").rows.tolist() == [0]


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        (pa.table({"other": [1, 2]}), {"missing": 2}),
        (pa.table({"vec": pa.nulls(2)}), {"missing": 2}),
        (pa.table({"vec": [1, 2]}), {"not numbers": 2}),
        (pa.table({"vec": pa.array([], pa.list_(pa.float32()))}), {}),
    ],
)
def test_without_a_usable_column_there_are_no_vectors(table, refused):
    found = vectors_in(table, "vec")
    assert (len(found.rows), found.refused) == (0, refused)


@given(
    st.lists(
        st.lists(st.floats(-1e300, 1e300, allow_subnormal=False), min_size=4, max_size=4).filter(any),
        min_size=1,
        max_size=20,
    )
)
def test_vectors_have_length_one_and_keep_their_direction_at_any_scale(values):
    found = vectors_in(pa.table({"vec": pa.array(values, pa.list_(pa.float64()))}), "vec")
    assert len(found.rows) == len(values)
    made = found.units / VECTOR_UNIT
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=4 / VECTOR_UNIT)
    wanted = np.array(values) / np.abs(values).max(axis=1, keepdims=True)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.abs(made - wanted).max() <= 0.5001 / VECTOR_UNIT
