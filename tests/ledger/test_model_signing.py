"""A folder that we signed, in the hands of the stock tool alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import write_data, write_ledger

from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.ledger.model_signing import sign_folder, signature_path
from wellkeeper.ledger.signature import SigningKey

KEY = SigningKey.new("p256")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = write_data(write_ledger(tmp_path / "set"))
    (out / ".work").mkdir()
    (out / ".work" / "sidecar").write_text("of the run")
    (tmp_path / "lake.pub").write_bytes(KEY.public.to_pem())
    return out


def verified(folder: Path, signature: Path) -> tuple[bool, str]:
    """What `model_signing verify key` says, in a process of its own."""
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    command += ["--signature", str(signature), "--public_key", str(folder.parent / "lake.pub")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


def test_the_stock_tool_accepts_the_folder_and_refuses_a_changed_part(folder: Path) -> None:
    pytest.importorskip("model_signing")
    before = sorted(folder.rglob("*"))
    signature = sign_folder(folder, KEY)
    assert signature == folder.parent / "set.sig" == signature_path(folder)
    assert sorted(folder.rglob("*")) == before, "nothing is added to the folder"
    assert verified(folder, signature) == (True, "Verification succeeded\n")
    (folder / ".work" / "sidecar").unlink()
    assert verified(folder, signature)[0], "the work folder is not part of the set"
    part = folder / "data" / "part-00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    accepted, said = verified(folder, signature)
    assert not accepted
    assert "Hash mismatch for 'data/part-00000.parquet'" in said.replace("\\'", "'")


def test_the_stock_tool_refuses_a_file_that_was_added_or_removed_and_another_key(folder: Path) -> None:
    pytest.importorskip("model_signing")
    signature = sign_folder(folder, KEY, to=folder.parent / "by-hand.sig")
    (folder / "data" / "part-00001.parquet").write_bytes(b"smuggled")
    assert "Extra files found" in verified(folder, signature)[1]
    (folder / "data" / "part-00001.parquet").unlink()
    (folder.parent / "lake.pub").write_bytes(SigningKey.new("p256").public.to_pem())
    assert "Key mismatch" in verified(folder, signature)[1]


def test_what_cannot_be_signed_is_refused_with_the_next_step(folder: Path) -> None:
    pytest.importorskip("model_signing")
    with pytest.raises(
        InputError, match=r"needs a P-256 key, and this one is Ed25519\. Make one: .* --kind p256\.$"
    ):
        sign_folder(folder, SigningKey.new())
    with pytest.raises(
        InputError, match=r"x\.sig lies in the folder that it signs, .*\. Write it elsewhere\.$"
    ):
        sign_folder(folder, KEY, to=folder / "x.sig")
    with pytest.raises(InputError, match=r"none is no folder\. Give the output folder of"):
        sign_folder(folder.parent / "none", KEY)
    (folder / "data" / "link").symlink_to("part-00000.parquet")
    with pytest.raises(InputError, match=r"cannot be signed: .*symlink.*Put files in its place\.$"):
        sign_folder(folder, KEY)
    assert not signature_path(folder).exists()


def test_without_the_extra_the_message_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[model-signing\]'"):
        sign_folder(folder, KEY)
