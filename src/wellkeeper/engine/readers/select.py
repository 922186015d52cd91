"""A few records read again, without parsing, or even reading, all that stands around them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import InputFile, RawBlock


def select_records(block: RawBlock, lines: NDArray[np.int64]) -> RawBlock | None:
    """The block with only the records on these lines, which must hold documents; None where that is not cheap.

    Lines and offsets of the records in the result are not those of the file.
    """
    if block.file.format != "jsonl" or not isinstance(block.payload, bytes | bytearray):
        return None
    records = block.payload.split(b"\n")
    chosen = b"\n".join([records[line - block.line] for line in lines.tolist()])
    return replace(block, payload=chosen, damage=())


class SeekableLines(AbstractContextManager["SeekableLines"]):
    """Lines of a plain local JSON-lines file, by their byte offsets."""

    def __init__(self, file: InputFile) -> None:
        self._file = file
        self._stream: IO[bytes] = open(file.url, "rb")  # noqa: PTH123, SIM115  a url of this kind is a plain path

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def block(self, index: int, offsets: NDArray[np.int64]) -> RawBlock:
        """The records at these offsets as a block; their lines and offsets in it are not those of the file."""
        return RawBlock(
            file=self._file,
            index=index,
            line=1,
            offset=0,
            payload=b"".join(map(self._line, offsets.tolist())),
        )

    def _line(self, offset: int) -> bytes:
        self._stream.seek(offset)
        line = self._stream.readline()
        return line if line.endswith(b"\n") else line + b"\n"


def seekable_lines(file: InputFile) -> Callable[[InputFile], SeekableLines] | None:
    """How to read single lines of the file, or None where that takes reading all of it."""
    plain = file.format == "jsonl" and file.compression is None and "://" not in file.url
    return SeekableLines if plain and file.url.endswith((".jsonl", ".ndjson", ".jsonlines")) else None
