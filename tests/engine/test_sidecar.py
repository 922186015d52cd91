"""Sidecars: a block is done or absent, and columns come back in order however little memory there is."""

import numpy as np
import pyarrow as pa
import pytest

from wellkeeper.engine import sidecar
from wellkeeper.engine.sidecar import Sidecars, block_path, companion_path, done_blocks, write_block


def table(start, rows):
    numbers = np.arange(start, start + rows)
    return pa.table(
        {
            "number": numbers,
            "twice": 2 * numbers,
            "name": pa.array([None if n % 3 == 0 else f"n{n % 5}" for n in numbers.tolist()], pa.string()),
            "hash": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(32), rows, [None, pa.py_buffer(np.repeat(numbers, 4).astype("<u8"))]
            ),
        }
    )


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / "a", tmp_path / "b"]
    for folder in made:
        folder.mkdir()
    write_block(made[0], 1, table(10, 5), {"part": 1}, {"quarantine": pa.table({"line": [7]})})
    write_block(made[0], 0, table(0, 10), {"part": 0}, {})
    write_block(made[1], 0, table(15, 0), {"part": 2}, {})
    write_block(
        made[1], 1, table(15, 5), {"part": 3}, {"spans": pa.table({"start": pa.array([], pa.int64())})}
    )
    return made


def test_columns_are_in_manifest_order_whatever_the_order_of_writing(folders):
    columns = Sidecars(folders)
    assert len(columns) == 20
    assert columns.column("number").tolist() == list(range(20))
    assert [block.facts["part"] for block in columns.blocks] == [0, 1, 2, 3]
    assert columns.column("hash").dtype == np.dtype("V32")
    assert columns.column("hash").view("<u8").reshape(-1, 4)[:, 0].tolist() == list(range(20))


def test_codes_are_in_order_of_first_appearance_and_null_is_minus_one(folders):
    codes, names = Sidecars(folders).codes("name")
    assert names[:2] == ("n1", "n2")
    expected = [None if n % 3 == 0 else f"n{n % 5}" for n in range(20)]
    assert [names[c] if c >= 0 else None for c in codes.tolist()] == expected


def test_little_memory_only_means_reading_again(folders, monkeypatch):
    monkeypatch.setattr(sidecar, "COLUMN_BYTES", 1)
    columns = Sidecars(folders)
    columns.load(["number", "twice"])
    for _ in range(2):
        assert columns.column("twice").tolist() == [2 * n for n in range(20)]
        assert columns.column("number").tolist() == list(range(20))
    assert len(columns._kept) == 1


def test_companions_without_rows_are_not_written(folders):
    columns = Sidecars(folders)
    assert [(block.facts["part"], table.num_rows) for block, table in columns.companions("quarantine")] == [
        (1, 1)
    ]
    assert list(columns.companions("spans")) == []


def test_only_whole_blocks_are_done(folders):
    folder = folders[0]
    (folder / ".block-000002.parquet.abc.tmp").write_bytes(b"half")
    companion_path(block_path(folder, 3), "words").write_bytes(b"a companion whose block was never finished")
    assert done_blocks(folder) == {0, 1}


@pytest.mark.parametrize("stretch", [1, 7, 1 << 16])
def test_a_stream_brings_all_rows_in_order_in_stretches(folders, monkeypatch, stretch):
    monkeypatch.setattr(sidecar, "STRETCH_ROWS", stretch)
    columns = Sidecars(folders)
    for kept in ([], ["number", "twice"]):
        columns.load(kept)
        pieces = list(columns.stream(["twice", "number"]))
        assert np.concatenate([documents for documents, _ in pieces]).tolist() == list(range(20))
        assert np.concatenate([twice for _, (twice, _) in pieces]).tolist() == [2 * n for n in range(20)]
        assert all(np.array_equal(documents, number) for documents, (_, number) in pieces)


def test_a_stream_of_a_few_documents_opens_their_blocks_alone(folders, monkeypatch):
    opened = []
    read = sidecar._read
    monkeypatch.setattr(sidecar, "_read", lambda path, names: opened.append(path) or read(path, names))
    ((documents, (number,)),) = Sidecars(folders).stream(["number"], np.array([3, 4, 19]))
    assert documents.tolist() == number.tolist() == [3, 4, 19]
    assert opened == [block_path(folders[0], 0), block_path(folders[1], 1)]


def test_many_blocks_are_opened_once_and_then_known(folders, monkeypatch):
    monkeypatch.setattr(sidecar, "INDEX_FROM", 4)
    first = Sidecars(folders)
    monkeypatch.setattr(sidecar.pq, "read_metadata", None)
    assert Sidecars(folders).blocks == first.blocks
    (folders[0].parent / "index.json").write_text("torn {")
    with pytest.raises(TypeError):  # the blocks themselves are asked again
        Sidecars(folders)
