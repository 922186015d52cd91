"""Where the ledger lies in an output folder, and how its files are written and opened.

    OUT/ledger/documents/part-00000.parquet ...   wellkeeper.ledger.rows.DOCUMENTS
    OUT/ledger/evidence/part-00000.parquet ...    EVIDENCE
    OUT/ledger/spans/part-00000.parquet ...       SPANS, where a step looked for repeated passages
    OUT/ledger/overlaps/part-00000.parquet ...    OVERLAPS, where a step looked for items of evaluation sets
    OUT/ledger/quarantine.parquet                 QUARANTINE, written even when empty

Parts follow each other in input order. A part's row groups are whole tiles of 256 rows, small enough that a
question about one document reads a few hundred kilobytes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.rows import DOCUMENTS, EVIDENCE, OVERLAPS, QUARANTINE, SPANS, quarantine_of

if TYPE_CHECKING:
    import pyarrow.dataset as ds

TILE_ROWS = 256
ROW_GROUP_ROWS = 64 * TILE_ROWS

Kind: TypeAlias = Literal["documents", "evidence", "spans", "overlaps"]
_SCHEMAS: dict[Kind, pa.Schema] = {
    "documents": DOCUMENTS,
    "evidence": EVIDENCE,
    "spans": SPANS,
    "overlaps": OVERLAPS,
}


def part_path(folder: Path, kind: Kind, number: int) -> Path:
    return folder / "ledger" / kind / f"part-{number:05d}.parquet"


def quarantine_path(folder: Path) -> Path:
    return folder / "ledger" / "quarantine.parquet"


def write_part(folder: Path, kind: Kind, number: int, table: pa.Table) -> Path:
    """Write one part of the ledger, atomically; the same table gives the same bytes.

    Raises:
        DataError: the table has not the columns of its kind.
    """
    if not table.schema.equals(_SCHEMAS[kind]):
        raise DataError(f"A part of ledger/{kind} has other columns. Make the table with `table_of`.")
    return _write(part_path(folder, kind, number), table)


def write_quarantine(folder: Path, records: Iterable[Quarantined]) -> Path:
    return _write(quarantine_path(folder), quarantine_of(records))


def _write(path: Path, table: pa.Table) -> Path:
    sink = pa.BufferOutputStream()
    labels: Any = [field.name for field in table.schema if isinstance(field.type, pa.DictionaryType)]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=labels,  # ids and hashes are all different: a dictionary of them only costs
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, sink.getvalue().to_pybytes())
    return path


def open_part_tables(folder: Path, kind: Kind) -> "ds.Dataset":
    """All parts of one kind, in order; a ledger without parts of evidence or spans has no rows of them.

    Raises:
        InputError: the folder holds no ledger.
    """
    import pyarrow.dataset as ds  # loads pandas where that is installed, which a dry run need not wait for

    paths = sorted((folder / "ledger" / kind).glob("part-*.parquet"))
    if not paths and not part_path(folder, "documents", 0).is_file():
        raise InputError(
            f"{folder} holds no ledger (ledger/documents/part-*.parquet). "
            "Give the output folder of `wellkeeper curate`."
        )
    return ds.dataset([str(path) for path in paths], schema=_SCHEMAS[kind], format="parquet")


def read_quarantine(folder: Path) -> pa.Table:
    """The quarantine of a run, all of it.

    Raises:
        InputError: the file is missing.
    """
    path = quarantine_path(folder)
    if not path.is_file():
        raise InputError(f"{path} is missing. Run the recipe again: every run writes it, even empty.")
    return pq.read_table(path, schema=QUARANTINE)
