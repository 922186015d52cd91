"""Filters never lose a row, seldom name a wrong block, and are not relied on where they are torn."""

from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import write_ledger
from sealed import sealed

from wellkeeper.ledger.folder import LOOKUP
from wellkeeper.ledger.lookup import BLOCK_ROWS, LookupWriter, blocks_with
from wellkeeper.ledger.why import why

ROWS = 2 * BLOCK_ROWS + 1000


def table_of_ids(ids: list[str]) -> pa.Table:
    hashes = [sha256(name.encode()).digest() for name in ids]
    return pa.table({"id": ids, "content_hash": pa.array(hashes, pa.binary(32))})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = table_of_ids([f"letter-{row}" for row in range(ROWS)])
    writer = LookupWriter()
    for first in range(0, ROWS, 5000):
        writer.update(table.slice(first, 5000))
    place = tmp_path_factory.mktemp("lookup") / "lookup.bin"
    place.write_bytes(writer.finish())
    return place


def test_every_row_is_in_a_block_that_is_named_and_few_others_are(path: Path) -> None:
    false = 0
    rows = range(0, ROWS, 37)
    for row in rows:
        name = f"letter-{row}".encode()
        for key, value in (
            ("id", name),
            ("content_hash", sha256(name).digest()),
            ("content_hash", sha256(name).digest()[:4]),
        ):
            blocks = blocks_with(path, key, value, ROWS)  # type: ignore[arg-type]
            assert blocks is not None
            assert sum(first <= row < last for first, last in blocks) == 1
            false += len(blocks) - 1
    # 0.82 % of two other blocks, by the formula; this is four standard deviations above it
    trials = 6 * len(rows)
    assert false < 0.0082 * trials + 4 * (0.0082 * trials) ** 0.5


def test_blocks_follow_each_other_and_the_last_ends_with_the_rows(path: Path) -> None:
    found = [
        block
        for row in (0, BLOCK_ROWS, ROWS - 1)
        for block in blocks_with(path, "id", b"letter-%d" % row, ROWS) or ()
    ]
    assert {(0, BLOCK_ROWS), (BLOCK_ROWS, 2 * BLOCK_ROWS), (2 * BLOCK_ROWS, ROWS)} <= set(found)
    assert path.stat().st_size < 2.6 * ROWS


def test_the_file_does_not_depend_on_how_rows_come(path: Path) -> None:
    writer = LookupWriter()
    writer.update(table_of_ids([f"letter-{row}" for row in range(ROWS)]))
    assert writer.finish() == path.read_bytes()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=70), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_of_any_letters_are_found(tmp_path: Path, ids: list[str]) -> None:
    writer = LookupWriter()
    writer.update(table_of_ids(ids))
    (tmp_path / "lookup.bin").write_bytes(writer.finish())
    for name in ids:
        assert blocks_with(tmp_path / "lookup.bin", "id", name.encode(), len(ids)) == [(0, len(ids))]


def test_a_file_that_is_missing_torn_or_of_other_rows_is_not_relied_on(path: Path, tmp_path: Path) -> None:
    torn = tmp_path / "lookup.bin"
    assert blocks_with(torn, "id", b"x", ROWS) is None
    for data in (b"", b"torn", path.read_bytes()[:-1], b"x" + path.read_bytes()[1:]):
        torn.write_bytes(data)
        assert blocks_with(torn, "id", b"x", ROWS) is None
    assert blocks_with(path, "id", b"x", ROWS + 1) is None


def test_why_finds_the_same_with_filters_and_without(tmp_path: Path) -> None:
    with_filters, without = write_ledger(tmp_path / "plain"), tmp_path / "sealed"
    without.mkdir()
    sealed(without)
    assert not (with_filters / LOOKUP).exists()
    assert why(with_filters, "made-3").documents[0].record["row"] == 1
    queries = ("letter-7", "letter-599", sha256(b"x").hexdigest()[:4], "file-1:15")
    found = {}
    for _ in range(2):
        for query in queries:
            try:
                rows = [story.record["row"] for story in why(without, query).documents]
            except Exception as error:  # noqa: BLE001  what it says must be the same, too
                rows = [str(error)]
            assert found.setdefault(query, rows) == rows
        (without / LOOKUP).unlink(missing_ok=True)
    assert found["letter-7"] == [7]
