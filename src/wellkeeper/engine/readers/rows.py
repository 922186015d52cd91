"""Documents from the rows of an Arrow table, checked: pyarrow takes strings that are no UTF-8 at their word."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.dates import DateBasis
from wellkeeper.engine.readers.base import ColumnMap, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import document_table, extra_name, role_array
from wellkeeper.engine.readers.cutting import excerpt
from wellkeeper.errors import InputError

Mask: TypeAlias = NDArray[np.bool_]

# First bytes of the UTF-8 of every character that str.isspace() accepts.
_SPACE_LEADS = np.zeros(256, dtype=bool)
_SPACE_LEADS[[*range(9, 14), *range(28, 33), 0xC2, 0xE1, 0xE2, 0xE3]] = True


def parse_rows(
    table: pa.Table | None,
    numbers: NDArray[np.int64],
    block: RawBlock,
    columns: ColumnMap,
    *,
    extras: bool = False,
    lost: Sequence[Quarantined] = (),
    basis: DateBasis = DateBasis.PAGE_CLAIMED,
) -> Parsed:
    """Documents of a table whose rows have the given 1-based numbers, shape (rows,).

    Raises:
        InputError: the text column is missing or is no text.
    """
    if table is None:
        table = pa.table({columns.text: pa.array([], pa.large_string())})
    mapped = {role: name for role, name in columns.named().items() if role != "text"}
    text = _text_bytes(block, table, columns.text)
    refused: dict[int, Quarantined] = {}

    def refuse(mask: Mask, code: str, reason: str) -> None:
        for row in np.flatnonzero(mask).tolist():
            if row not in refused:
                shown = text[row].as_py() or b""
                refused[row] = Quarantined(
                    file=block.file.name,
                    line=int(numbers[row]),
                    offset=-1,
                    code=code,
                    reason=reason.format(_bad_byte(shown)),
                    excerpt=excerpt(shown),
                )

    refuse(_null(text), "text-null", f"'{columns.text}' is null")
    refuse(_not_utf8(text), "utf8", f"byte {{}} of '{columns.text}' is not UTF-8")
    roles: dict[str, pa.Array] = {}
    for role, name in mapped.items():
        column = find_column(table, name)
        roles[role] = pa.nulls(len(table), pa.string()) if column is None else _role(role, column)
        refuse(_not_utf8(roles[role]), "utf8", f"'{name}' is not UTF-8")
    refuse(_blank(text) & ~_mask(refused, len(table)), "text-empty", f"'{columns.text}' is empty or only white space")

    kept = np.flatnonzero(~_mask(refused, len(table)))
    others = _extras(table, {columns.text, *mapped.values()}) if extras else {}
    documents = document_table(
        _take(text, kept).cast(pa.large_string()),
        lines=numbers[kept],
        offsets=np.full(len(kept), -1, dtype=np.int64),
        roles={role: _take(column, kept).cast(pa.string()) for role, column in roles.items()},
        extras={name: _take(column, kept) for name, column in others.items()},
        basis=basis,
    )
    quarantined = (*(refused[row] for row in sorted(refused)), *lost, *block.damage)
    return Parsed(
        table=documents,
        quarantined=quarantined,
        fields={name: str(column.type) for name, column in others.items()},
    )
