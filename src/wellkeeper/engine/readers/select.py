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
        )

    def _line(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        line = b""
        step = size + _BESIDE_TEXT
        while more := self._stream.read(step):
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
