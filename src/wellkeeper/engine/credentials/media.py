"""Credentials of images, sound, film and documents, read by c2pa-python, the binding of c2pa-rs."""

import io
import json
from functools import lru_cache
from typing import Any

from wellkeeper.core.marks import Credential, Trust, Validity
from wellkeeper.engine.credentials.manifests import credential_of
from wellkeeper.errors import MissingExtraError

_NOTHING = Credential(validity=Validity.NONE)
_LABEL = b"c2pa"  # every manifest store names itself, in whatever file it lies

# The superbox of a manifest store, by the UUID of its description box: C2PA 2.4, section 11.1.4.2.
_STORE_UUID = bytes.fromhex("6332706100110010800000aa00389b71")
_BOX_HEADER = 8
_APP11 = b"\xff\xeb"


def read_media(data: bytes, media_type: str, *, anchors: bytes | None = None) -> Credential:
    """The credential of a file, by its bytes.

    A file that does not hold the letters "c2pa" has none; that takes microseconds and needs no library. A type that
    no credential can be embedded in has none either.

    Args:
        data: the whole file.
        media_type: such as image/jpeg; the bytes decide where it is wrong.
        anchors: PEM certificates to trust, from `load_anchors`. None: trust is unknown.

    Raises:
        MissingExtraError: the file may hold a credential and the extra `c2pa` is not installed.
    """
    if _LABEL not in data:
        return _NOTHING
    c2pa = c2pa_library()
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=_context(anchors))
        if reader is None:
            return _NOTHING
        with reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:
        return _NOTHING
    except c2pa.C2paError as error:
        return Credential(validity=Validity.UNREADABLE, trust=Trust.UNKNOWN, problems=(str(error),))
    return credential_of(report, anchored=anchors is not None, store=manifest_store(data))


def manifest_store(data: bytes) -> bytes:
    """The manifest store as it lies in a file, put together again where a JPEG cut it into segments; else b""."""
    whole = _joined_segments(data) if data.startswith(b"\xff\xd8") else data
    at = whole.find(_STORE_UUID) - 2 * _BOX_HEADER
    if at < 0 or whole[at + 4 : at + 8] != b"jumb":
        return b""
    length = int.from_bytes(whole[at : at + 4], "big")
    return whole[at : at + length]


def _joined_segments(jpeg: bytes) -> bytes:
    """The JUMBF box of the first APP11 segments: ISO/IEC 19566-5, annex D.

    Each holds "JP", the number of its box (2 bytes) and its own in that box (4), and the box header (8) again.
    """
    parts, at = [], 2
    while jpeg[at : at + 1] == b"\xff" and jpeg[at + 1 : at + 2] not in (b"", b"\xda"):
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg.startswith(_APP11, at) and jpeg[at + 4 : at + 6] == b"JP":
            parts.append(jpeg[at + 12 : at + 2 + length])
        at += 2 + length
    return b"".join(part if number == 0 else part[_BOX_HEADER:] for number, part in enumerate(parts))


def c2pa_library() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtraError("Reading C2PA credentials", extra="c2pa") from error
    return c2pa


@lru_cache(maxsize=8)
def _context(anchors: bytes | None) -> Any:
    """Settings without network; whether a signer is trusted is asked only where somebody said whom to trust."""
    c2pa = c2pa_library()
    settings: dict[str, Any] = {
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": anchors is not None,
        }
    }
    if anchors is not None:
        settings["trust"] = {"user_anchors": anchors.decode()}
    return c2pa.Context(c2pa.Settings.from_dict(settings))
