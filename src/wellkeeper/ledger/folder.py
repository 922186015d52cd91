"""Where the ledger lies in an output folder, and how its files are written and opened.

    OUT/ledger/documents/part-00000.parquet ...   wellkeeper.ledger.rows.DOCUMENTS
    OUT/ledger/evidence/part-00000.parquet ...    EVIDENCE
    OUT/ledger/spans/part-00000.parquet ...       SPANS, where a step looked for repeated passages
    OUT/ledger/overlaps/part-00000.parquet ...    OVERLAPS, where a step looked for items of evaluation sets
    OUT/ledger/parents/part-00000.parquet ...     PARENTS, where documents name what they were made from
    OUT/ledger/signals/part-00000.parquet ...     SIGNALS, where statements of rights or origin were found
    OUT/ledger/quarantine.parquet                 QUARANTINE, written even when empty
    OUT/ledger/sources.parquet                    SOURCES, where the inputs were files
    OUT/ledger/lookup.bin                         wellkeeper.ledger.lookup: where a document's row may be
    OUT/ledger/tiles.bin                          wellkeeper.ledger.leaves: the hash of each tile of 256 rows
    OUT/ledger/leaves.bin, salts.bin              the hash and the salt of each row, where rows are proved in public
    OUT/ledger/history/0001.dsse.json ...         seals of what the folder held before

Parts follow each other in input order. A part's row groups are whole tiles of 256 rows, small enough that a
question about one document reads a megabyte or two. What is made of all rows goes when a row is written anew,
so that it never outlives them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.rows import (
    DOCUMENTS,
    EVIDENCE,
    OVERLAPS,
    PARENTS,
    QUARANTINE,
    SIGNALS,
    SPANS,
    quarantine_of,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds

TILE_ROWS = 256
ROW_GROUP_ROWS = 128 * TILE_ROWS

TILES, LOOKUP, LEAVES, SALTS = (f"ledger/{name}.bin" for name in ("tiles", "lookup", "leaves", "salts"))
HISTORY = "ledger/history"

Kind: TypeAlias = Literal["documents", "evidence", "spans", "overlaps", "parents", "signals"]
KINDS_OF_PARTS: tuple[Kind, ...] = get_args(Kind)
_SCHEMAS: dict[Kind, pa.Schema] = {
    "documents": DOCUMENTS,
    "evidence": EVIDENCE,
    "spans": SPANS,
    "overlaps": OVERLAPS,
    "parents": PARENTS,
    "signals": SIGNALS,
}
SINGLE = {f"ledger/{name}": f"ledger/{name}.parquet" for name in ("quarantine", "sources")}
"""Tables that are one file, by their names in a manifest, and not parts in a folder."""


def part_path(folder: Path, kind: Kind, number: int) -> Path:
    return folder / "ledger" / kind / f"part-{number:05d}.parquet"


def part_paths(folder: Path, kind: Kind) -> list[Path]:
    """The parts of a kind that are there, in their order."""
    return table_paths(folder, f"ledger/{kind}")


def table_paths(folder: Path, table: str) -> list[Path]:
    """The files of a table, by its name in a manifest: its parts, or the one file, be it there or not."""
    if table in SINGLE:
        return [folder / SINGLE[table]]
    return sorted((folder / table).glob("part-*.parquet"))


def quarantine_path(folder: Path) -> Path:
    return folder / SINGLE["ledger/quarantine"]


def sources_path(folder: Path) -> Path:
    return folder / SINGLE["ledger/sources"]


# Numbers that grow from row to row, or stay small: differences of neighbours take few bits.
_GROWING = frozenset({"row", "line", "offset", "words", "bytes", "start", "end", "documents", "size"})
# Hashes, differences, and labels of few kinds have next to nothing left to compress, and zstd takes its time to see it.
_DENSE = _GROWING | frozenset(
    "content_hash group captured_basis origin origin_declared strength consent decision depth".split()
)
# What `why` finds rows by; nobody else asks for a range.
_SOUGHT = frozenset({"row", "line", "cluster"})
# Few values, many times; ids and hashes are all different, and a dictionary of them would only cost.
_REPEATED = frozenset(
    "origin_log_odds evidence_mask rights_signals depth weight against tool kind where name value condition".split()
)


def write_part(folder: Path, kind: Kind, number: int, table: pa.Table) -> Path:
    """Write one part of the ledger, atomically; the same table gives the same bytes.

    Raises:
        DataError: the table has not the columns of its kind.
    """
    if not table.schema.equals(_SCHEMAS[kind]):
        raise DataError(f"A part of ledger/{kind} has other columns. Make the table with `table_of`.")
    if kind == "documents":
        _remove_made_of_rows(folder)
    return _write(part_path(folder, kind, number), table)


def write_quarantine(folder: Path, records: Iterable[Quarantined]) -> Path:
    return _write(quarantine_path(folder), quarantine_of(records))


def write_sources(folder: Path, table: pa.Table) -> Path:
    return _write(sources_path(folder), table)


def write_texts(path: Path, table: pa.Table) -> None:
    """Write one part of `data` or `rejected`, atomically; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=16_384)
    write_atomic(path, sink.getvalue())


def remove_parts(folder: Path) -> None:
    """Remove all parts of the ledger, and what was made of their rows."""
    for kind in KINDS_OF_PARTS:
        for path in part_paths(folder, kind):
            path.unlink()
    _remove_made_of_rows(folder)


def _remove_made_of_rows(folder: Path) -> None:
    for name in (TILES, LOOKUP, LEAVES):  # the salts stay: equal rows may be proved with them again
        (folder / name).unlink(missing_ok=True)


def _write(path: Path, table: pa.Table) -> Path:
    sink = pa.BufferOutputStream()
    labels = [field.name for field in table.schema if isinstance(field.type, pa.DictionaryType)]
    numbers = [field.name for field in table.schema if pa.types.is_primitive(field.type)]
    pq.write_table(
        table,
        sink,
        compression={name: "none" if name in _DENSE else "zstd" for name in table.schema.names},
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=[*labels, *(name for name in table.schema.names if name in _REPEATED)],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in numbers if name in _GROWING}
        | (
            {"id": "DELTA_BYTE_ARRAY"} if "id" in table.schema.names else {}
        ),  # they often begin like the last one
        write_statistics=[name for name in numbers if name in _SOUGHT],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, sink.getvalue())
    return path


def open_part_tables(folder: Path, kind: Kind) -> "ds.Dataset":
    """All parts of one kind, in order; a ledger without parts of evidence or spans has no rows of them.

    Raises:
        InputError: the folder holds no ledger.
    """
    import pyarrow.dataset as ds  # loads pandas where that is installed, which a dry run need not wait for

    paths = part_paths(folder, kind)
    if not paths and not part_path(folder, "documents", 0).is_file():
        raise InputError(
            f"{folder} holds no ledger (ledger/documents/part-*.parquet). "
            "Give the output folder of `wellkeeper curate`."
        )
    return ds.dataset([str(path) for path in paths], schema=_SCHEMAS[kind], format="parquet")


def read_rows(
    folder: Path, kind: Kind, stretches: Sequence[tuple[int, int]], columns: list[str] | None = None
) -> pa.Table:
    """Rows [first, last) of a kind, of each stretch, by their place; only row groups that hold some are read."""
    pieces: list[pa.Table] = []
    start = 0
    for path in part_paths(folder, kind):
        with pq.ParquetFile(path) as file:
            end = start + file.metadata.num_rows
            groups = range(file.num_row_groups) if any(a < end and b > start for a, b in stretches) else ()
            at = start
            for group in groups:
                rows = file.metadata.row_group(group).num_rows
                held = [
                    (max(a, at) - at, min(b, at + rows) - at)
                    for a, b in stretches
                    if a < at + rows and b > at
                ]
                if held:
                    table = file.read_row_group(group, columns)
                    pieces += [table.slice(first, last - first) for first, last in held]
                at += rows
            start = end
    return pa.concat_tables(pieces) if pieces else _SCHEMAS[kind].empty_table().select(columns or [])


def read_quarantine(folder: Path) -> pa.Table:
    """The quarantine of a run, all of it.

    Raises:
        InputError: the file is missing.
    """
    path = quarantine_path(folder)
    if not path.is_file():
        raise InputError(f"{path} is missing. Run the recipe again: every run writes it, even empty.")
    return pq.read_table(path, schema=QUARANTINE)
