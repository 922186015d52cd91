"""A block cut down to some of its records, so that reading a few documents again does not parse all."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import RawBlock


def select_records(block: RawBlock, lines: NDArray[np.int64]) -> RawBlock | None:
    """The block with only the records on these lines, which must hold documents; None where that is not cheap.

    Lines and offsets of the records in the result are not those of the file.
    """
    if block.file.format != "jsonl" or not isinstance(block.payload, bytes | bytearray):
        return None
    records = block.payload.split(b"\n")
    chosen = b"\n".join([records[line - block.line] for line in lines.tolist()])
    return replace(block, payload=chosen, damage=())
