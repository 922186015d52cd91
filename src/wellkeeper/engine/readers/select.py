"""A few records read again, without parsing, or even reading, all that stands around them."""

import os
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
    return replace(block, payload=chosen, damage=(), line_ends=len(lines) - 1)


class SeekableLines(AbstractContextManager["SeekableLines"]):
    """Lines of a plain local JSON-lines file, by their byte offsets."""

    def __init__(self, file: InputFile) -> None:
        self._file = file
        # unbuffered: lines lie far apart
        self._stream: IO[bytes] = open(file.url, "rb", buffering=0)  # noqa: PTH123, SIM115  the url is a plain path

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def block(self, index: int, offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> RawBlock:
        """The records at these offsets as a block; their lines and offsets in it are not those of the file.

        `sizes` are about as many bytes as each has; only speed depends on them.
        """
        return RawBlock(
            file=self._file,
            index=index,
            line=1,
            offset=0,
            payload=b"".join(map(self._line, offsets.tolist(), sizes.tolist())),
            line_ends=len(offsets),
        )

    def _read(self, size: int, offset: int) -> bytes:
        if hasattr(os, "pread"):  # one call of the system and not two
            return os.pread(self._stream.fileno(), size, offset)
        self._stream.seek(offset)
        return self._stream.read(size)

    def _line(self, offset: int, size: int) -> bytes:
        line = b""
        step = size + _BESIDE_TEXT
        while more := self._read(step, offset + len(line)):
            end = more.find(b"\n")
            if end >= 0:
                return line + more[: end + 1]
            line += more
            step *= 2
        return line + b"\n"


_BESIDE_TEXT = 512  # bytes of a record that are not its text, commonly: names, brackets, escapes


def seekable_lines(file: InputFile) -> Callable[[InputFile], SeekableLines] | None:
    """How to read single lines of the file, or None where that takes reading all of it."""
    plain = file.format == "jsonl" and file.compression is None and "://" not in file.url
    return SeekableLines if plain and file.url.endswith((".jsonl", ".ndjson", ".jsonlines")) else None
