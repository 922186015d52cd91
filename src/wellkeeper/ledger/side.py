"""What stands beside the rows of a ledger, and whether it belongs to them: other tables, and tombstones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkeeper.ledger.folder import read_rows
from wellkeeper.ledger.leaves import READ_ROWS, batches_of
from wellkeeper.ledger.why import FORGOTTEN


def first_stray(folder: Path, parts: Sequence[Path], rows: int) -> int | None:
    """Place in a table of the first row that is about no document, or stands behind one about a later document.

    `parts` are those of a table with columns `row` and `id`, `rows` the rows of `ledger/documents`.

    Raises:
        pyarrow.ArrowException, OSError, KeyError: a table cannot be read.
    """
    before, latest = 0, 0
    for batch in batches_of(parts, ["row", "id"]):
        about = np.asarray(batch.column("row"))
        ahead = np.maximum.accumulate(np.concatenate([np.array([latest], np.uint64), about]))[:-1]
        wrong = np.flatnonzero((about < ahead) | (about >= rows))
        end = int(wrong[0]) if len(wrong) else len(about)
        named = _first_misnamed(folder, about[:end].astype(np.int64), batch.column("id"))
        if named is not None or len(wrong):
            return before + (end if named is None else named)
        before += len(about)
        latest = int(about[-1]) if len(about) else latest
    return None


def _first_misnamed(folder: Path, about: Any, ids: Any) -> int | None:
    """Place of the first of ascending rows whose document has another id; a stretch of the ledger is read at a time."""
    stretches = about // READ_ROWS
    for stretch in np.unique(stretches).tolist():
        first, last = np.searchsorted(stretches, [stretch, stretch + 1]).tolist()
        low, high = int(about[first]), int(about[last - 1]) + 1
        held: Any = read_rows(folder, "documents", [(low, high)], ["id"]).column("id").combine_chunks()
        same = pc.equal(held.take(pa.array(about[first:last] - low)), ids.slice(first, last - first))
        wrong = np.flatnonzero(~np.asarray(same))
        if len(wrong):
            return int(first + wrong[0])
    return None


def tombstones(parts: Sequence[Path]) -> tuple[set[int], set[int]]:
    """Rows of `ledger/documents` that were forgotten, and rows that were dropped in favour of one of these.

    Raises:
        pyarrow.ArrowException, OSError: a part cannot be read.
    """
    stones, named = [], []
    for batch in batches_of(parts, ["row", "step"]):
        step: Any = batch.column("step")
        dead = pc.fill_null(pc.equal(step.cast(pa.string()), FORGOTTEN), fill_value=False)
        stones += batch.column("row").filter(dead).to_pylist()
    if stones:
        buried = pa.array(stones, pa.uint64())
        for batch in batches_of(parts, ["row", "survivor"]):
            led = pc.fill_null(pc.is_in(batch.column("survivor"), buried), fill_value=False)
            named += batch.column("row").filter(led).to_pylist()
    return set(stones), set(named)
