"""Files that are whole or absent: atomic writes, and the digest of a file."""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_READ_BYTES = 1 << 20


def write_atomic(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Write a file so that a reader, or a run after a crash, sees all of it or none of it.

    The bytes go to a temporary file in the same folder, reach the disk, and are renamed; the folder is
    flushed so that the rename survives a power cut, unless the file need not be `lasting`: then a power cut may leave
    all of it or none of it. A write that fails leaves no temporary file behind
    and an earlier file untouched. A folder and a device, such as /dev/null, are not replaced.

    Raises:
        OSError: the folder does not exist or cannot be written, or what has that name is no file.
    """
    with open_atomic(path, lasting=lasting) as file:
        file.write(data)


@contextmanager
def open_atomic(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """`write_atomic` for what comes piece by piece: the file is there once the block has ended without an error."""
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if lasting:
        flush(path.parent)


def flush(path: Path) -> None:
    """Have a file or the entries of a folder reach the disk; on Windows nothing is done.

    Raises:
        OSError: it cannot be opened.
    """
    if os.name == "nt":  # a folder cannot be opened there, and its rename is journalled
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; reads 1 MiB at a time.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")


def sweep(folder: Path, *, deep: bool = False) -> None:
    """Remove temporary files of `write_atomic` that a killed run left in a folder; `deep`: at any depth."""
    for path in folder.rglob(".*.tmp") if deep else folder.glob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
