"""The signature of a folder in the format of OpenSSF Model Signing, for tools that know nothing of wellkeeper.

The signature is a sigstore bundle with an in-toto statement that lists every file of the folder [1]. Its own tool
counts every file there, also the signature: hence it lies beside the folder, where neither that tool nor `wellkeeper
verify` takes it for a file that somebody added. The work folder is left out by name, in the signature itself, since
it may be removed at any time; so are git's own files, by that tool.

[1] https://github.com/ossf/model-signing-spec, v1.0
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.ledger.signature import SigningKey

SUFFIX = ".sig"
_LEFT_OUT = (".work",)


def signature_path(folder: Path) -> Path:
    """Where the signature of a folder lies: beside it, with its name."""
    whole = folder.resolve()
    return whole.with_name(whole.name + SUFFIX)


def sign_folder(folder: Path, key: SigningKey, *, to: Path | None = None) -> Path:
    """Sign every file of a folder, and write the signature to a file outside of it.

    Args:
        folder: any folder; nothing in it is changed.
        key: a P-256 key: the format knows no Ed25519.
        to: where to write; None: `signature_path`.

    Returns:
        The file that was written.

    Raises:
        InputError: there is no such folder, it holds no file, or one that is a symbolic link, the key is of another
            kind, or `to` lies in the folder.
        MissingExtraError: the extra `model-signing` is not installed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Give the output folder of `wellkeeper curate`.")
    place = to or signature_path(folder)
    if place.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{place} lies in the folder that it signs, and would be a file that nobody signed. Write it elsewhere."
        )
    if not any(path.is_file() for path in folder.rglob("*")):
        raise InputError(
            f"{folder} holds no file, and a signature over nothing says nothing. Give another folder."
        )
    if key.kind != "p256":
        raise InputError(
            "OpenSSF Model Signing needs a P-256 key, and this one is Ed25519. "
            "Make one: wellkeeper keys new NAME --kind p256."
        )
    try:
        from model_signing import hashing, signing
    except ImportError:
        raise MissingExtraError("Signing for OpenSSF Model Signing", extra="model-signing") from None
    # Files of git are left out by default, as the tool that verifies leaves them out, whatever the signature says.
    what = hashing.Config().set_ignored_paths(paths=[folder / name for name in _LEFT_OUT])  # type: ignore[no-untyped-call]
    try:
        with _as_file(key) as path:
            signer = signing.Config().use_elliptic_key_signer(private_key=path)  # type: ignore[no-untyped-call]
        signer.set_hashing_config(what).sign(folder, place)
    except ValueError as error:  # a symbolic link, or something that is neither file nor folder
        found = str(error).rstrip(".")
        raise InputError(f"{folder} cannot be signed: {found}. Put files in its place.") from None
    return place


@contextmanager
def _as_file(key: SigningKey) -> Iterator[Path]:
    """The key where the library reads it, which takes a path alone: a pipe, so that it never lies on a disk."""
    reading, writing = os.pipe()
    try:
        os.write(writing, key.to_pem())  # a few hundred bytes, which any pipe holds
        os.close(writing)
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
