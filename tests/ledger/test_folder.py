"""The ledger's files: the same bytes for the same rows, whole tiles in a row group, and clear refusals."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ledgers import QUARANTINED, documents, evidence, write_ledger

from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.digest import content_digest
from wellkeeper.ledger.folder import (
    ROW_GROUP_ROWS,
    TILE_ROWS,
    open_part_tables,
    read_quarantine,
    write_part,
    write_quarantine,
)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [write_part(tmp_path / name, "documents", 0, documents()) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_parts_come_back_in_order_with_their_types(tmp_path: Path) -> None:
    table = documents()
    for number in reversed(range(6)):
        write_part(tmp_path, "documents", number, table.slice(number, 1))
    found = open_part_tables(tmp_path, "documents").to_table()
    assert found.schema.equals(table.schema)
    assert found.column("row").to_pylist() == list(range(6))
    assert content_digest([found]) == content_digest([table])


def test_row_groups_are_whole_tiles(tmp_path: Path) -> None:
    table = pa.concat_tables([documents()] * 6_000)
    parts = pq.ParquetFile(write_part(tmp_path, "documents", 0, table)).metadata
    sizes = [parts.row_group(number).num_rows for number in range(parts.num_row_groups)]
    assert sizes == [ROW_GROUP_ROWS, 36_000 - ROW_GROUP_ROWS]
    assert ROW_GROUP_ROWS % TILE_ROWS == 0


def test_the_quarantine_is_written_even_when_empty(tmp_path: Path) -> None:
    write_quarantine(tmp_path, [])
    assert read_quarantine(tmp_path).num_rows == 0
    write_quarantine(tmp_path, QUARANTINED)
    assert read_quarantine(tmp_path).column("code").to_pylist() == ["json-syntax", "truncated"]


def test_a_ledger_may_have_no_evidence(tmp_path: Path) -> None:
    write_part(tmp_path, "documents", 0, documents())
    assert open_part_tables(tmp_path, "evidence").to_table().num_rows == 0


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"A part of ledger/documents has other columns\. Make the table with"
    ):
        write_part(tmp_path, "documents", 0, evidence())
    with pytest.raises(
        InputError, match=r"holds no ledger .* Give the output folder of `wellkeeper curate`\."
    ):
        open_part_tables(tmp_path, "documents")
    with pytest.raises(InputError, match=r"quarantine\.parquet is missing\. Run the recipe again"):
        read_quarantine(tmp_path)


def test_evidence_lies_beside_its_documents(tmp_path: Path) -> None:
    found = open_part_tables(write_ledger(tmp_path), "evidence").to_table()
    assert content_digest([found]) == content_digest([evidence()])
