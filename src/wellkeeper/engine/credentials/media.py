"""Credentials of images, sound, film and documents, read by c2pa-python, the binding of c2pa-rs."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from wellkeeper.core.marks import Credential, Validity
from wellkeeper.engine.credentials.manifests import credential_of, shortened
from wellkeeper.errors import MissingExtraError

_NOTHING = Credential(validity=Validity.NONE)
_LABEL = b"c2pa"  # every manifest store names itself, in whatever file it lies

# The superbox of a manifest store, by the UUID of its description box: C2PA 2.4, section 11.1.4.2.
_STORE_UUID = bytes.fromhex("6332706100110010800000aa00389b71")
_BOX_HEADER = 8
_APP11 = b"\xff\xeb"
_PIECE = 1 << 20  # bytes of a file that are looked at at once

_DRAWN = "application/vnd.oasis.opendocument"
_OPEN_XML = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES: Mapping[str, str] = {
    "arw": "image/x-sony-arw", "avif": "image/avif", "dng": "image/dng", "gif": "image/gif", "heic": "image/heic",
    "heif": "image/heif", "jpeg": "image/jpeg", "jpg": "image/jpeg", "jpe": "image/jpeg", "jxl": "image/jxl",
    "nef": "image/x-nikon-nef", "png": "image/png", "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff",
    "webp": "image/webp",
    "flac": "audio/flac", "m4a": "audio/mp4", "mp3": "audio/mpeg", "wav": "audio/wav",
    "avi": "video/avi", "m4v": "video/x-m4v", "mov": "video/quicktime", "mp4": "video/mp4",
    "docx": f"{_OPEN_XML}.wordprocessingml.document", "docm": "application/vnd.ms-word.document.macroenabled.12",
    "pptx": f"{_OPEN_XML}.presentationml.presentation",
    "pptm": "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    "xlsx": f"{_OPEN_XML}.spreadsheetml.sheet", "xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    "odg": f"{_DRAWN}.graphics", "odp": f"{_DRAWN}.presentation", "ods": f"{_DRAWN}.spreadsheet",
    "odt": f"{_DRAWN}.text", "otg": f"{_DRAWN}.graphics-template", "otp": f"{_DRAWN}.presentation-template",
    "ots": f"{_DRAWN}.spreadsheet-template", "ott": f"{_DRAWN}.text-template",
    "epub": "application/epub+zip", "oxps": "application/oxps", "pdf": "application/pdf",
}  # fmt: skip
"""Ending of a file's name -> media type, of files that a credential can be embedded in. Not as the system has it: a
file of Arrow is media on some systems, and a result must be the same on all."""


def media_type_of(name: str) -> str | None:
    """The media type that a file's name promises, if a credential can be embedded in such a file; else None.

    >>> media_type_of("a/b.JPG"), media_type_of("part.arrow")
    ('image/jpeg', None)
    """
    return MEDIA_TYPES.get(PurePath(name).suffix.lower().removeprefix("."))


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
    credential = _read(io.BytesIO(data), media_type, anchors)
    return replace(credential, store=manifest_store(data)) if _has_manifests(credential) else credential


def read_media_file(path: Path, media_type: str, *, anchors: bytes | None = None) -> Credential:
    """`read_media` of a file that may be larger than memory, without the store.

    Raises:
        MissingExtraError: the file may hold a credential and the extra `c2pa` is not installed.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if not _holds_label(file):
            return _NOTHING
        file.seek(0)
        return _read(file, media_type, anchors)


def _holds_label(file: BinaryIO) -> bool:
    before = b""
    while piece := file.read(_PIECE):
        if _LABEL in before + piece[: len(_LABEL)] or _LABEL in piece:
            return True
        before = (before + piece)[1 - len(_LABEL) :]
    return False


def _read(stream: BinaryIO, media_type: str, anchors: bytes | None) -> Credential:
    """What the library says of a file, without the store."""
    c2pa = c2pa_library()
    try:
        reader = c2pa.Reader.try_create(media_type, stream, context=_context(anchors))
        if reader is None:
            return _NOTHING
        with reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:
        return _NOTHING
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        return Credential(validity=Validity.UNREADABLE, problems=(shortened(str(error)),))
    return credential_of(report, anchored=anchors is not None, store=b"")


def _has_manifests(credential: Credential) -> bool:
    return credential.validity in {Validity.VALID, Validity.INVALID}


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
