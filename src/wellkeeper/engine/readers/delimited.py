"""CSV and TSV as RFC 4180 has them: a field may be quoted, and then hold delimiters, quotes and line ends.

One state machine decides where records and fields end, when a block is cut and when it is parsed, so the two
can never disagree. It reads malformed quoting as Python's csv module does: a quote inside an unquoted field is
an ordinary character, and characters after a closing quote belong to the field.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, Parsed, Quarantined, RawBlock
from wellkeeper.engine.readers.columns import document_table
from wellkeeper.engine.readers.cutting import Cutter, Piece, excerpt
from wellkeeper.errors import InputError

_FIELD_START, _PLAIN, _QUOTED, _QUOTE_IN_QUOTED = range(4)
_QUOTE, _LF, _CR = 0x22, 0x0A, 0x0D
_DELIMITERS = {"csv": b",;\t|", "tsv": b"\t"}  # the format's own first; spreadsheets write the others into .csv
_ODD_FIELD = re.compile(rb'"((?:[^"]|"")*)"(.*)', re.DOTALL)

Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first record says about the others."""

    names: tuple[str, ...]
    delimiter: int  # byte


@dataclass(frozen=True, slots=True)
class Records:
    """Payload of a block."""

    head: Head
    data: bytes


def _find_end(data, start, target, state, delimiter):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  compiled below
    """Scan bytes [start, len) in `state`; stop after the first record that ends at `target` or later.

    Returns the end of the last record seen (0: none), the byte to go on from, and the state there.
    """
    last = 0
    at = start
    while at < data.size:
        byte = data[at]
        if state == _QUOTED:
            if byte == _QUOTE:
                state = _QUOTE_IN_QUOTED
        elif byte == _CR and at + 1 == data.size:
            break  # a line feed may follow
        elif byte == _LF or (byte == _CR and data[at + 1] != _LF):
            state = _FIELD_START
            last = at + 1
            if last >= target:
                return last, last, state
        elif byte == _QUOTE and state != _PLAIN:
            state = _QUOTED
        elif byte == delimiter:
            state = _FIELD_START
        elif byte != _CR:
            state = _PLAIN
        at += 1
    return last, at, state
