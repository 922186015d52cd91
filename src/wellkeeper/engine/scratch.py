"""Arrays that may outgrow memory: small ones in memory, large ones in unnamed files that end with the process."""

import ctypes
import mmap
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

IN_MEMORY_BYTES = 32 << 20


def noughts(count: int, kind: DTypeLike, folder: Path | None) -> NDArray[Any]:
    """An array of noughts, shape (count,), to be written and read anywhere.

    A large one lies in a file in `folder` (None: where temporary files go) that takes disk only where it was written
    to; the system keeps as much of it in memory as there is room for.

    Raises:
        OSError: the folder cannot be written, or its disk is full.
    """
    size = count * np.dtype(kind).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.zeros(count, kind)
    with tempfile.TemporaryFile(dir=folder) as file:  # the mapping keeps what it shows
        file.truncate(size)
        view = mmap.mmap(file.fileno(), size)
    return np.frombuffer(view, kind)


def give_back() -> None:
    """Return freed memory to the system, between parts of a run that need memory of their own: peaks do not add up."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # other C libraries than GNU's do so by themselves, or not at all
        ctypes.CDLL(None).malloc_trim(0)
