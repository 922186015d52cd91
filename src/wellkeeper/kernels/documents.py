"""Texts in Python as the kernels take them."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels import text


@cache
def tables() -> text.Tables:
    """The kernels' lookup tables, read once a process."""
    return text.load_tables()


def in_bytes(documents: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Documents in UTF-8, one after the other, and where each begins and ends, shape (documents + 1,)."""
    raw = [document.encode("utf-8", "replace") for document in documents]
    bounds = np.zeros(len(raw) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=bounds[1:])
    return np.frombuffer(b"".join(raw), np.uint8), bounds
