"""GGUF files: what stands in their header, and single matrices as numbers [1].

The reader of the package `gguf` indexes every token of the vocabulary, seconds of work for a file whose header is read
in a tenth of one. This one skips what it is not asked for; the many number formats are left to that package.

[1] GGUF specification, versions 2 and 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, MissingExtraError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = 32  # where the file does not say
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_ENCODERS = frozenset({"bert", "nomic-bert", "jina-bert-v2", "modern-bert", "t5", "t5encoder", "clip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Where a tensor lies. `shape` is (rows, columns) for a matrix: the other way round than the file has it."""

    shape: tuple[int, ...]
    kind: int  # number of its number format
    start: int  # first byte, from the start of the data


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """A model file's header."""

    path: Path
    metadata: Mapping[str, Any]  # arrays by their length
    tensors: Mapping[str, Tensor]
    data: int  # byte at which tensors begin

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def of_architecture(self, name: str) -> Any:
        """A value of the metadata that is named for the architecture, such as `context_length`; None if absent."""
        return self.metadata.get(f"{self.architecture}.{name}")

    def floats(self, name: str) -> NDArray[np.float32]:
        """A tensor's numbers, whatever their format in the file.

        Raises:
            InputError: its format is not known here.
            MissingExtraError: the package `gguf` is not installed.
        """
        formats = _formats()
        tensor = self.tensors[name]
        columns = tensor.shape[-1]
        kind, width = _row(self, name, tensor, formats)
        rows = math.prod(tensor.shape[:-1])
        raw = np.memmap(self.path, np.uint8, "r", self.data + tensor.start, (rows, width))
        try:
            numbers = formats.quants.dequantize(np.ascontiguousarray(raw), kind)
        except NotImplementedError:
            raise InputError(
                f"{self.path}: the tensor {name} is in the format {kind.name}, which cannot be read yet. Upgrade the "
                "package gguf, or take a file in another format, such as Q8_0."
            ) from None
        return np.asarray(numbers, np.float32).reshape(*tensor.shape[:-1], columns)


def _formats() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise MissingExtraError("Reading a GGUF model", extra="lm") from error
    return gguf


def _row(file: GgufFile, name: str, tensor: Tensor, formats: Any) -> tuple[Any, int]:
    """Format of a tensor, and the bytes of one row.

    Raises:
        InputError: the format is not known to the package `gguf`.
    """
    try:
        kind = formats.GGMLQuantizationType(tensor.kind)
    except ValueError:
        raise InputError(
            f"{file.path}: the tensor {name} is in a format (number {tensor.kind}) that is not known here. Upgrade the "
            "package gguf, or take a file in another format, such as Q8_0."
        ) from None
    block, width = formats.GGML_QUANT_SIZES[kind]
    return kind, tensor.shape[-1] // block * width


def read_gguf(path: Path) -> GgufFile:
    """The header of a model file.

    Raises:
        InputError: the file is none, is cut off, or holds a part of a model only.
        MissingExtraError: the package `gguf` is not installed.
    """
    formats = _formats()
    try:
        size = path.stat().st_size
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            read = _header(path, _Cursor(content))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist. Give the path of a GGUF file.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give this user read access.") from None
    except (struct.error, IndexError, ValueError, TypeError, ArithmeticError, RecursionError):
        raise InputError(_torn(path)) from None
    for name, tensor in read.tensors.items():
        _, width = _row(read, name, tensor, formats)
        if read.data + tensor.start + math.prod(tensor.shape[:-1]) * width > size:
            raise InputError(_torn(path))
    parts = read.metadata.get("split.count", 1)
    if parts > 1:
        raise InputError(
            f"{path} is one of {parts} parts of a model. Merge them into one file with `llama-gguf-split --merge`."
        )
    return read


def read_causal(path: Path) -> GgufFile:
    """The header of a file with a causal language model.

    Raises:
        InputError: it is another file.
    """
    file = read_gguf(path)
    kind = file.metadata.get("general.type", "model")
    whole = kind == "model" and "token_embd.weight" in file.tensors
    if not whole or file.architecture in _ENCODERS or file.of_architecture("attention.causal") is False:
        raise InputError(
            f"{path} holds no causal language model (type {kind}, architecture {file.architecture or 'not said'}). "
            "Give a model that continues text: a base model, or one made for chat."
        )
    return file


def _torn(path: Path) -> str:
    return f"{path} is no GGUF file, or is cut off. Copy or download it again, and compare its size."


class _Cursor:
    """Reads one value after the other."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self.at = content, 0

    def number(self, letter: str) -> Any:
        value = struct.unpack_from(f"<{letter}", self._content, self.at)[0]
        self.at += struct.calcsize(f"<{letter}")
        return value

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._content):
            raise IndexError

    def string(self) -> str:
        size = self.number("Q")
        start = self.at
        self.skip(size)
        return self._content[start : self.at].decode()

    def value(self, kind: int) -> Any:
        """A value, or the length of an array."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.number(_letter(kind))
        inner, count = self.number("I"), self.number("Q")
        if inner == _STRING:
            self._skip_strings(count)
        elif inner == _ARRAY:
            for _ in range(count):
                self.value(inner)
        else:
            self.skip(count * struct.calcsize(f"<{_letter(inner)}"))
        return count

    def _skip_strings(self, count: int) -> None:
        # Hundreds of thousands of tokens: the loop that decides how long a header takes.
        at, content, length = self.at, self._content, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length(content, at)[0]
        self.at = at
        self.skip(0)


def _letter(kind: int) -> str:
    if kind not in _NUMBERS:
        raise ValueError
    return _NUMBERS[kind]


def _header(path: Path, cursor: _Cursor) -> GgufFile:
    magic = cursor.number("4s")
    version, tensors, pairs = cursor.number("I"), cursor.number("Q"), cursor.number("Q")
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError
    metadata = {}
    for _ in range(pairs):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.number("I"))
    found = {}
    for _ in range(tensors):
        name = cursor.string()
        sides = [cursor.number("Q") for _ in range(cursor.number("I"))]
        found[name] = Tensor(
            shape=tuple(reversed(sides)) or (1,), kind=cursor.number("I"), start=cursor.number("Q")
        )
    alignment = int(metadata.get("general.alignment", _ALIGNMENT))
    return GgufFile(path=path, metadata=metadata, tensors=found, data=-(-cursor.at // alignment) * alignment)
