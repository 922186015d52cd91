"""C2PA credentials in media and in text: what they say, whether they fit, and how to take them off a text [1].

Reading opens no network: a manifest that is kept elsewhere is not fetched, revocation is not asked for, and the
telemetry of the library that reads text is off. Certificates are judged by today's date, as the standard has it, so
that a credential without a trusted time stamp stops being valid when its certificate does.

A fault of the library or of the file is a verdict, `Validity.UNREADABLE`, never an exception: one damaged file must
not stop the reading of millions.

[1] C2PA Technical Specification 2.4, sections 11 (manifests), 15 (validation), A.7 to A.9 (embedding into text).
"""

from wellkeeper.engine.credentials.anchors import load_anchors
from wellkeeper.engine.credentials.media import media_type_of, read_media, read_media_file
from wellkeeper.engine.credentials.text import (
    detached,
    read_text,
    store_of,
    text_has_credential,
    text_reader_installed,
)

__all__ = [
    "detached",
    "load_anchors",
    "media_type_of",
    "read_media",
    "read_media_file",
    "read_text",
    "store_of",
    "text_has_credential",
    "text_reader_installed",
]
