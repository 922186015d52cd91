"""CSV and TSV as RFC 4180 has them: a field may be quoted, and then hold delimiters, quotes and line ends.

One state machine decides where records and fields end, when a block is cut and when it is parsed, so the two
can never disagree. It reads malformed quoting as Python's csv module does: a quote inside an unquoted field is
an ordinary character, and characters after a closing quote belong to the field.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.cutting import Cutter, excerpt
from wellkeeper.engine.readers.rows import parse_rows
from wellkeeper.errors import InputError

_FIELD_START, _PLAIN, _QUOTED, _QUOTE_IN_QUOTED, _RECORD_END = range(5)
_QUOTE, _LF, _CR = 0x22, 0x0A, 0x0D
_DELIMITERS = {"csv": b",;\t|", "tsv": b"\t"}  # spreadsheets of some countries write the others into .csv
_ODD_FIELD = re.compile(rb'"((?:[^"]|"")*)"(.*)', re.DOTALL)

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first record says about the others."""

    names: tuple[str, ...]
    delimiter: int  # a byte


@dataclass(frozen=True, slots=True)
class Records:
    """Payload of a block."""

    head: Head
    data: bytes


def schema(file: InputFile) -> Mapping[str, str]:
    """Every field of the header, as a string: the format knows no other type.

    Raises:
        InputError: the header is missing, not UTF-8 or names a field twice, or no record follows it.
    """
    first = next(blocks(file), None)
    if first is None or not first.payload.data.strip():
        found = first.damage[0].reason if first and first.damage else "no record follows its header"
        raise InputError(f"{file.name} has nothing to read: {found}. Add records, or leave the file out.")
    return dict.fromkeys(first.payload.head.names, "string")


def blocks(
    file: InputFile,
    *,
    skip: int = 0,
    block_bytes: int = BLOCK_BYTES,
    fields: Collection[str] | None = None,  # noqa: ARG001  the contract's; a record cannot be read in part
) -> Iterator[RawBlock]:
    """Blocks that end with the first record that ends at or after `block_bytes`.

    Raises:
        InputError: the header is not UTF-8 or names a field twice.
    """
    ends = RecordEnds()
    cutter = Cutter(file, ends)
    head, index = Head((), ends.delimiter), 0
    while piece := cutter.next(block_bytes if head.names else 1, keep=index >= skip or not head.names):
        if not head.names and not piece.damage:
            if piece.payload.strip():
                head = _head(file, piece.payload)
                ends.delimiter = head.delimiter
            continue
        if index >= skip:
            yield RawBlock(
                file=file,
                index=index,
                line=piece.line,
                offset=piece.offset,
                payload=Records(head, piece.payload),
                damage=piece.damage,
            )
        index += 1


def parse(block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
    """Documents of a block.

    Raises:
        InputError: the text column is missing.
    """
    head, data = block.payload.head, block.payload.data
    names = head.names or (columns.text,)
    mapped = columns.named()
    slots = [slot for slot, name in enumerate(names) if extras or name in mapped.values()]
    records = _index(data, head.delimiter, len(names), slots)
    lines = block.line + np.searchsorted(np.flatnonzero(np.frombuffer(data, np.uint8) == _LF), records.starts)
    refused = _refused(block, records, data, len(names), lines)
    good = np.ones(len(records.starts), dtype=bool)
    good[list(refused)] = False
    texts = {
        names[slot]: _values(data, records.spans[good, place], null=names[slot] != columns.text and not extras)
        for place, slot in enumerate(slots)
    }
    return parse_rows(
        pa.table(texts) if texts else pa.table({name: pa.array([], pa.large_string()) for name in names}),
        lines[good],
        block,
        columns,
        extras=extras,
        lost=tuple(refused.values()),
        offsets=block.offset + records.starts[good],
    )
