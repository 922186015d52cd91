"""From the bytes of one picture to everything that an audit keeps of it."""

import hashlib
from dataclasses import dataclass, replace

from wellkeeper.core.marks import Credential, RawSignal, Validity
from wellkeeper.engine.credentials import read_media
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.errors import MissingExtraError
from wellkeeper.images.marks import Marks, marks_of, signals_of_credential
from wellkeeper.images.metadata import signals_in
from wellkeeper.images.pictures import MEDIA_TYPES, Fingerprints, PictureError, fingerprints, opened
from wellkeeper.images.readers import Fields, Given, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One picture, read. Its bytes and pixels are not kept."""

    place: Place
    fields: Fields
    size: int  # bytes
    sha256: bytes  # of them
    media_type: str
    width: int  # pixels, as stored: before the orientation of EXIF
    height: int
    frames: int
    fingerprints: Fingerprints
    signals: tuple[RawSignal, ...]
    credential: Credential  # without its store, which the file still has
    unread_credential: bool  # it may have one, and the library that reads it is not installed
    marks: Marks

    @property
    def id(self) -> str:
        """As the fields beside it give it, else where it lies."""
        return self.fields.get("id") or self.place.name

    def matches(self, data: bytes) -> bool:
        """Whether these are the bytes that were read."""
        return hashlib.sha256(data).digest() == self.sha256


def examine(given: Given, *, anchors: bytes | None = None) -> Seen | Quarantined:
    """Read one picture; what cannot be one is quarantined with what was found.

    Args:
        given: the picture.
        anchors: PEM certificates whose signatures the user trusts; None: trust is unknown.
    """
    place = given.place
    try:
        with opened(given.data) as image:
            media_type, width, height = MEDIA_TYPES[image.format or ""], image.width, image.height
            frames = int(getattr(image, "n_frames", 1))
            prints = fingerprints(image)
            image.seek(0)
            signals = signals_in(image)
    except PictureError as error:
        return Quarantined(**place.in_quarantine, code=error.code, reason=str(error))
    credential, is_unread = _credential(given.data, media_type, anchors)
    signals += signals_of_credential(credential)
    return Seen(
        place=place,
        fields=given.fields,
        size=len(given.data),
        sha256=hashlib.sha256(given.data).digest(),
        media_type=media_type,
        width=width,
        height=height,
        frames=frames,
        fingerprints=prints,
        signals=signals,
        credential=replace(credential, store=b""),
        unread_credential=is_unread,
        marks=marks_of(signals, credential),
    )


def _credential(data: bytes, media_type: str, anchors: bytes | None) -> tuple[Credential, bool]:
    try:
        return read_media(data, media_type, anchors=anchors), False
    except MissingExtraError:
        return Credential(validity=Validity.NONE), True
