"""Columns in, a table of the ledger out, and no value that does not fit."""

import datetime as dt
import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import QUARANTINED, documents, evidence

from wellkeeper.core.dates import CHATGPT_RELEASE
from wellkeeper.core.decision import Decision
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import DataError
from wellkeeper.ledger.digest import content_digest
from wellkeeper.ledger.rows import (
    DOCUMENTS,
    EVIDENCE,
    PRE_AI,
    QUARANTINE,
    depth_of,
    pre_ai_of,
    quarantine_of,
    table_of,
)


def coded(size: int) -> dict[str, Any]:
    """Columns as the numeric engine holds them: codes, -1 for none, `NO_DATE`, NaN."""
    digests = b"".join(hashlib.sha256(bytes([k])).digest() for k in range(size))
    zeros = np.zeros(size, np.int64)
    return {
        "row": np.arange(size),
        "id": [f"d{k}" for k in range(size)],
        "content_hash": np.frombuffer(digests, "V32"),
        "group": zeros.astype(np.int32),
        "source": zeros.astype(np.int32),
        "file": zeros.astype(np.int32),
        "line": zeros + 1,
        "offset": zeros - 1,
        "captured_at": np.where(np.arange(size) % 2, 1_600_000_000, NO_DATE),
        "captured_basis": np.full(size, 2, np.uint8),
        "pre_ai": np.full(size, 2, np.uint8),
        "origin": np.full(size, int(Origin.HUMAN), np.uint8),
        "origin_declared": np.full(size, int(Origin.UNKNOWN), np.uint8),
        "origin_log_odds": np.full(size, -1.5),
        "evidence_mask": np.full(size, 2**63, np.uint64),
        "strength": np.full(size, 4, np.uint8),
        "licence": np.full(size, -1, np.int32),
        "generator": np.full(size, -1, np.int32),
        "depth": np.zeros(size, np.uint8),
        "decision": np.full(size, int(Decision.DROP), np.uint8),
        "step": np.zeros(size, np.int32),
        "reason": np.zeros(size, np.int32),
        "score": np.full(size, np.nan, np.float32),
        "survivor": np.where(np.arange(size) % 2, 0, -1),
        "survivor_id": [None] * size,
        "cluster": np.full(size, -1),
        "weight": np.ones(size),
        "words": zeros + 3,
        "bytes": zeros + 17,
    }


LABELS = {
    "group": ["forum"],
    "source": ["board"],
    "file": ["f.jsonl"],
    "licence": ["MIT"],
    "generator": [],
    "step": ["s.v1"],
    "reason": ["r"],
}


def test_codes_become_labels_and_the_words_for_nothing_become_null() -> None:
    table = table_of(coded(2), labels=LABELS)
    assert table.schema.equals(DOCUMENTS)
    first, second = table.to_pylist()
    assert (
        first["captured_at"]
        is first["survivor"]
        is first["licence"]
        is first["score"]
        is first["cluster"]
        is None
    )
    assert second["captured_at"] == dt.datetime(2020, 9, 13, 12, 26, 40, tzinfo=dt.UTC)
    assert second["survivor"] == 0
    assert first["content_hash"] == hashlib.sha256(b"\x00").digest()
    labels = (
        "origin",
        "origin_declared",
        "captured_basis",
        "strength",
        "pre_ai",
        "decision",
        "consent",
        "step",
    )
    assert [first[name] for name in labels] == [
        "human",
        "unknown",
        "user",
        "declared",
        "2019-to-2022-11-29",
        "drop",
        "unknown",
        "s.v1",
    ]
    assert first["evidence_mask"] == 2**63


@given(st.integers(0, 5))
def test_codes_and_strings_make_the_same_table(size: int) -> None:
    table = table_of(coded(size), labels=LABELS)
    plain = {
        field.name: table.column(field.name).cast(pa.string())
        if pa.types.is_dictionary(field.type)
        else column
        for field, column in zip(table.schema, table.columns, strict=True)
    }
    assert content_digest([table_of(plain)]) == content_digest([table])
    assert content_digest(
        [table_of({name: column.to_pylist() for name, column in plain.items()})]
    ) == content_digest([table])


@pytest.mark.parametrize("form", ["V32", "S32", "uint8", "bytes"])
def test_a_hash_that_ends_in_zeros_keeps_them(form: str) -> None:
    digest = b"\x01" * 30 + b"\x00\x00"
    columns = coded(1)
    match form:
        case "uint8":
            columns["content_hash"] = np.frombuffer(digest, np.uint8).reshape(1, 32)
        case "bytes":
            columns["content_hash"] = [digest]
        case _:
            columns["content_hash"] = np.frombuffer(digest, form)
    assert table_of(columns, labels=LABELS).column("content_hash")[0].as_py() == digest


def test_a_quotation_is_cut_to_two_hundred_characters() -> None:
    columns: dict[str, Any] = {
        "row": [0],
        "id": ["a"],
        "kind": np.array([0]),
        "strength": np.array([4]),
        "weight": np.array([1.0]),
        "start": np.array([-1]),
        "end": np.array([-1]),
        "matched": ["ü" * 300],
        "tool": ["t/1"],
    }
    row = table_of(columns, schema=EVIDENCE).to_pylist()[0]
    assert row["matched"] == "ü" * 200
    for arrow in (pa.array(columns["matched"]), pa.chunked_array([columns["matched"]])):
        assert table_of(columns | {"matched": arrow}, schema=EVIDENCE).to_pylist()[0] == row
    assert row["kind"] == "declared-human"
    assert row["start"] is None


def test_the_tables_of_a_run_may_be_empty() -> None:
    assert table_of({name: [] for name in DOCUMENTS.names}).num_rows == 0
    assert table_of({name: [] for name in EVIDENCE.names}, schema=EVIDENCE).num_rows == 0
    assert quarantine_of([]).schema.equals(QUARANTINE)
    assert quarantine_of(QUARANTINED).column("line").to_pylist() == [10, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"license": ["x"]}, r"The ledger has no column license\. Did you mean licence\?"),
        (
            {"words": np.array([1, 2])},
            r"row has 1 values and words has 2\. Give every column one value a row\.",
        ),
        ({"id": [None]}, r"id\[0\] is null\. Every row needs a value of this column\."),
        ({"origin": np.array([6])}, r"origin\[0\] is 6, and there are 6 labels\. Add the label\."),
        ({"origin": np.array([-1])}, r"origin\[0\] is null\."),
        ({"words": [2**40]}, r"Column words does not fit int32: .*\. Check its values\."),
        (
            {"content_hash": np.zeros((1, 16), np.uint8)},
            r"content_hash has 16 bytes for 1 rows\. Pass 32 bytes a row\.",
        ),
        ({"content_hash": [b"short"]}, r"Column content_hash does not fit fixed_size_binary\[32\]"),
        ({"row": [-1]}, r"Column row does not fit uint64"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        table_of(coded(1) | change, labels=LABELS)


def test_a_missing_column_and_missing_labels_are_named() -> None:
    columns = coded(1)
    del columns["words"]
    with pytest.raises(DataError, match=r"Column words is missing\. Pass one value a row\."):
        table_of(columns, labels=LABELS)
    with pytest.raises(
        DataError, match=r"Column group holds codes and no labels\. Pass labels=\{'group': \[\.\.\.\]\}"
    ):
        table_of(coded(1))


def test_the_day_before_the_release_is_before_it() -> None:
    release = int(CHATGPT_RELEASE.timestamp())
    year_2019 = int(dt.datetime(2019, 1, 1, tzinfo=dt.UTC).timestamp())
    dates = np.array([NO_DATE, 0, year_2019 - 1, year_2019, release - 1, release])
    assert [PRE_AI[code] for code in pre_ai_of(dates)] == [
        "unknown",
        "before-2019",
        "before-2019",
        "2019-to-2022-11-29",
        "2019-to-2022-11-29",
        "after",
    ]


def test_only_a_human_text_has_a_known_depth() -> None:
    assert depth_of(np.array(list(Origin))).tolist() == [255, 0, 255, 255, 255, 255]


def test_the_helpers_make_ledger_tables() -> None:
    assert documents().schema.equals(DOCUMENTS)
    assert evidence().schema.equals(EVIDENCE)
