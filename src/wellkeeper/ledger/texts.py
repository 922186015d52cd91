"""The texts of an output folder against its ledger: the documents that the rows keep, in their order, unaltered."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision
from wellkeeper.engine.readers.columns import text_buffers
from wellkeeper.ledger.digest import sha256_of_texts
from wellkeeper.ledger.folder import part_paths, table_paths
from wellkeeper.ledger.leaves import batches_of
from wellkeeper.ledger.verification import SUSPECT, Problem

_BATCH_ROWS = 4096  # documents whose texts are held at once, some 15 MB
_OF_DATA = ("id", "text", "c2pa_manifest")
_OF_LEDGER = ("row", "id", "content_hash", "decision", "cut_words")


def check_texts(folder: Path) -> Iterator[Problem]:
    """All documents of the data against the rows that the ledger keeps.

    Raises:
        pyarrow.ArrowException, OSError: a table cannot be read.
    """
    data = table_paths(folder, "data")
    sizes = [batch.num_rows for batch in _documents(data, ("id",))]
    kept = _in_pieces(_kept(part_paths(folder, "documents")), sizes)
    for batch in _documents(data, _OF_DATA):
        rows = next(kept, None)
        if rows is None or rows.num_rows != batch.num_rows:
            yield _other_number("fewer")
            return
        yield from _differences(batch, rows)
    if next(kept, None) is not None:
        yield _other_number("more")


def check_text(folder: Path, record: Mapping[str, Any]) -> Iterator[Problem]:
    """The document of the data that belongs to one row of the ledger, if the row is of a kept one.

    Raises:
        pyarrow.ArrowException, OSError: a table cannot be read.
    """
    if record["decision"] != Decision.KEEP.label:
        return
    before = _kept_before(folder, record["row"])
    row = pa.Table.from_pylist([{name: record[name] for name in _OF_LEDGER if name in record}])
    for path in table_paths(folder, "data"):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if before < rows:
                    some = file.read_row_group(group, _held(path, _OF_DATA)).slice(before, 1)
                    yield from _differences(some.combine_chunks().to_batches()[0], row)
                    return
                before -= rows
    yield _other_number("more")


def _differences(batch: pa.RecordBatch, rows: pa.Table) -> Iterator[Problem]:
    """Documents against their rows: the same number of each, in the same order."""
    ids = batch.column("id")
    same = np.asarray(pc.equal(ids, rows.column("id").combine_chunks()))
    for at in np.flatnonzero(~same).tolist():
        yield _of_text(f"document {ids[at]} stands where the ledger keeps row {rows.column('row')[at]}")
    digests = np.frombuffer(b"".join(rows.column("content_hash").to_pylist()), "V32")
    texts = pa.chunked_array([batch.column("text").cast(pa.large_string())])
    found = sha256_of_texts(*text_buffers(texts))
    for at in np.flatnonzero((found != digests) & _as_read(batch, rows)).tolist():
        yield _of_text(f"the text of {ids[at]} is not the one whose SHA-256 the ledger has")


def _as_read(batch: pa.RecordBatch, rows: pa.Table) -> NDArray[np.bool_]:
    """Which documents have the text that was read: nothing was cut from it, and no credential taken off it."""
    whole = np.ones(batch.num_rows, np.bool_)
    if "cut_words" in rows.schema.names:
        whole &= np.asarray(rows.column("cut_words").is_null())
    if "c2pa_manifest" in batch.schema.names:
        whole &= np.asarray(batch.column("c2pa_manifest").is_null())
    return whole


def _of_text(found: str) -> Problem:
    return Problem(code="text", where="data", found=found, next=SUSPECT)


def _other_number(how: str) -> Problem:
    return _of_text(f"the ledger keeps {how} documents than the data has")


def _documents(data: list[Path], columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    for path in data:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=_held(path, columns))


def _kept(parts: list[Path]) -> Iterator[pa.Table]:
    """The kept rows of the ledger, a part's batch at a time."""
    for path in parts:
        for batch in batches_of([path], _held(path, _OF_LEDGER)):
            yield pa.Table.from_batches([batch]).filter(_is_kept(batch.column("decision")))


def _kept_before(folder: Path, row: int) -> int:
    """How many documents the ledger keeps before a row."""
    kept = 0
    for batch in batches_of(part_paths(folder, "documents"), ["decision"]):
        kept += _is_kept(batch.column("decision").slice(0, row)).true_count
        row -= batch.num_rows
        if row <= 0:
            break
    return kept


def _is_kept(decisions: Any) -> Any:
    if not isinstance(decisions, pa.DictionaryArray):
        return pc.equal(decisions, Decision.KEEP.label)
    return pc.equal(decisions.dictionary, Decision.KEEP.label).take(decisions.indices)


def _held(path: Path, columns: tuple[str, ...]) -> list[str]:
    """Those of the columns that a file has."""
    names = set(pq.read_schema(path).names)
    return [name for name in columns if name in names]


def _in_pieces(tables: Iterator[pa.Table], sizes: list[int]) -> Iterator[pa.Table]:
    """The rows of all tables in pieces of these sizes; then what is left, if there is more."""
    held: pa.Table | None = None
    for size in sizes:
        while (0 if held is None else held.num_rows) < size and (more := next(tables, None)) is not None:
            held = more if held is None else pa.concat_tables([held, more], promote_options="permissive")
        if held is None:
            return
        yield held.slice(0, size)
        held = held.slice(size)
    for left in (held, *tables):
        if left is not None and left.num_rows:
            yield left
