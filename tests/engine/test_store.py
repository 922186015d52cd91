"""A file is whole or absent, whatever goes wrong."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine.store import sha256_of_file, write_atomic


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert names(tmp_path) == ["manifest.json"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    target = tmp_path / "manifest.json"
    write_atomic(target, b"first")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if broken == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(target, b"second")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["manifest.json"]


@pytest.mark.skipif(os.name == "nt", reason="a pipe has no name among the files of Windows")
def test_what_is_no_file_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name, said in (("pipe", "it is no file"), ("folder", "Is a directory"), (".", "Is a directory")):
        with pytest.raises(OSError, match=said):
            write_atomic(Path(name), b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
    assert Path("pipe").is_fifo()


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "absent" / "x", b"")
    assert names(tmp_path) == []


@given(size=st.sampled_from([0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1]))
def test_the_digest_is_that_of_the_whole_file(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    path = tmp_path_factory.mktemp("digest") / "x"
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    path.write_bytes(data)
    assert sha256_of_file(path) == hashlib.sha256(data).hexdigest()
