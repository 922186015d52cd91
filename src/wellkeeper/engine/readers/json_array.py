"""A `.json` file that holds one array of objects, found one by one: damage costs only what follows it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.readers.base import InputFile, Quarantined, RawBlock
from wellkeeper.engine.readers.cutting import excerpt
from wellkeeper.engine.readers.streams import Damage, Stream
from wellkeeper.errors import InputError

ARRAY_BYTES = 256 << 20
"""Largest array that is read: unlike lines, an array cannot be cut before all of it is in memory."""

_SPACE = re.compile(r"[ \t\r\n]*")
_scan = json.JSONDecoder(strict=False).raw_decode


@dataclass(frozen=True, slots=True)
class Elements:
    """Records of a block whose places are not those of lines; the arrays have shape (records,)."""

    records: tuple[bytes, ...]
    lines: NDArray[np.int64]  # 1-based line on which each starts
    offsets: NDArray[np.int64]  # byte at which each starts


@dataclass(frozen=True, slots=True)
class _Place:
    """A position in the text, counted three ways."""

    char: int
    byte: int
    line: int

    def move(self, text: str, char: int) -> "_Place":
        passed = text[self.char : char]
        return _Place(char, self.byte + len(_encode(passed)), self.line + passed.count("\n"))


def is_array(file: InputFile) -> bool:
    """Whether the file is named `.json` and starts like an array."""
    if not re.search(r"\.json(\.\w+)?$", file.url.lower()):
        return False
    head = b""
    for chunk in Stream(file):
        head = (head + chunk).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head:
            break
    return head.startswith(b"[")


def array_blocks(file: InputFile, *, skip: int, block_bytes: int) -> Iterator[RawBlock]:
    """Blocks of about `block_bytes` of records.

    Raises:
        InputError: the file is larger than `ARRAY_BYTES` when decompressed.
    """
    text, damage = _whole(file)
    batch: list[tuple[_Place, bytes]] = []
    index = size = 0
    place, fault = _Place(0, 0, 1), None
    for place, record, fault in _elements(text, damage):
        if fault is not None:
            break
        batch.append((place, record))
        size += len(record)
        if size >= block_bytes:
            if index >= skip:
                yield _block(file, index, batch)
            batch, size, index = [], 0, index + 1
    if (batch or fault) and index >= skip:
        lost = (_quarantined(file, text, place, fault),) if fault else ()
        yield _block(file, index, batch, place, lost)


def _whole(file: InputFile) -> tuple[str, Damage | None]:
    stream, data = Stream(file), bytearray()
    for chunk in stream:
        data += chunk
        if len(data) > ARRAY_BYTES:
            raise InputError(
                f"{file.name} is one JSON array of more than {ARRAY_BYTES >> 20} MiB, which cannot be read "
                f"in parts. Convert it to one object a line: jq -c '.[]' {file.name} > {file.name}l"
            )
    return data.decode("utf-8", "surrogateescape"), stream.damage


def _elements(text: str, damage: Damage | None) -> Iterator[tuple[_Place, bytes, Damage | None]]:
    """Each element with its place; last, if the array does not end well, the place where reading stopped."""
    place = _Place(0, 0, 1).move(text, _skip_space(text, text.startswith("\ufeff")) + 1)
    while True:
        place = place.move(text, _skip_space(text, place.char))
        if text.startswith("]", place.char):
            after = _skip_space(text, place.char + 1)
            if after < len(text):
                yield (
                    place.move(text, after),
                    b"",
                    Damage("json-syntax", "there is more after the end of the array"),
                )
            return
        try:
            _, end = _scan(text, place.char)
        except (ValueError, RecursionError) as error:
            yield place, b"", damage or _stopped(text, error)
            return
        yield place, _encode(text[place.char : end]), None
        place = place.move(text, _skip_space(text, end))
        if text.startswith(",", place.char):
            place = place.move(text, place.char + 1)
        elif not text.startswith("]", place.char):
            yield place, b"", damage or _stopped(text, json.JSONDecodeError("',' expected", text, place.char))
            return


def _stopped(text: str, error: Exception) -> Damage:
    if not isinstance(error, json.JSONDecodeError):
        return Damage("json-syntax", f"not JSON: {error}; what follows could not be read")
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return Damage("truncated", "the file ends inside its array")
    return Damage("json-syntax", f"not JSON: {error.msg}; what follows could not be read")


def _skip_space(text: str, char: int) -> int:
    match = _SPACE.match(text, char)
    return match.end() if match else char


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _block(
    file: InputFile,
    index: int,
    batch: list[tuple[_Place, bytes]],
    end: _Place | None = None,
    damage: tuple[Quarantined, ...] = (),
) -> RawBlock:
    first = batch[0][0] if batch else end
    assert first is not None
    elements = Elements(
        tuple(record for _, record in batch),
        np.array([place.line for place, _ in batch], dtype=np.int64),
        np.array([place.byte for place, _ in batch], dtype=np.int64),
    )
    return RawBlock(
        file=file, index=index, line=first.line, offset=first.byte, payload=elements, damage=damage
    )


def _quarantined(file: InputFile, text: str, place: _Place, fault: Damage) -> Quarantined:
    return Quarantined(
        file=file.name,
        line=place.line,
        offset=place.byte,
        code=fault.code,
        reason=fault.reason,
        excerpt=excerpt(_encode(text[place.char : place.char + 800])),
    )
