"""Credentials of text: found at memory speed, read by encypher-c2pa, and taken off before words are counted.

A text carries its manifest store in one of two ways [1]. Unstructured text has it as a run of invisible variation
selectors, one a byte, after U+FEFF (A.8). Text with a comment syntax has it as base64 between two delimiters (A.9).
A page of HTML has it in a script element (A.7). The hash is made over the bytes as they are, so that a credential
has to be read before anything normalises the text.

[1] C2PA Technical Specification 2.4, A.7 to A.9.
"""

import os
import re
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.marks import Credential, Validity
from wellkeeper.engine.credentials.manifests import credential_of, shortened
from wellkeeper.errors import MissingExtraError
from wellkeeper.native import loop

_NOTHING = Credential(validity=Validity.NONE)


def _selectors(data: bytes) -> bytes:
    """Bytes as variation selectors, in UTF-8: U+FE00 to U+FE0F, then U+E0100 to U+E01EF."""
    return "".join(chr(0xFE00 + byte if byte < 16 else 0xE00F0 + byte) for byte in data).encode()


_MARK = "\ufeff".encode()
_WRAPPER = _MARK + _selectors(b"C2PATXT\0")
_HEADER_BYTES = 8 + 1 + 4  # magic, version, length of the store
_RUN = rb"(?:\xef\xb8[\x80-\x8f]|\xf3\xa0(?:[\x84-\x86][\x80-\xbf]|\x87[\x80-\xaf]))*+"
_WRAPPED = re.compile(_MARK + rb"(" + _WRAPPER.removeprefix(_MARK) + _RUN + rb")")

_BEGIN = b"-----BEGIN C2PA MANIFEST-----"
_END = b"-----END C2PA MANIFEST-----"
_OPENED = re.compile(_BEGIN + rb"\s*+data:application/c2pa;base64,")
_SIGNS = rb"[\t -/:-@\[-`{-~]{0,8}"  # of a comment around a block
_COMMENT_BEFORE = re.compile(_SIGNS + rb"\Z")
_COMMENT_BEHIND = re.compile(rb"(" + _SIGNS + rb")\n?")
_MOST_FRAMES = 16
"""A text may quote what a credential is framed by; one that does so more often is not read. The time that the library
takes for it grows with the square of their number, up to minutes a document; the standard knows one credential a text.
"""

_C2PA = b"application/c2pa"
_FRAMES = {"text/plain": _WRAPPER, "text/markdown": _BEGIN, "text/html": _C2PA}

# Neither a tag nor its attribute is looked for beyond the next tag, so that no page makes the search go back and forth.
_SCRIPT = re.compile(rb"<script(\s[^<>]*+)>([A-Za-z0-9+/=\s]*+)", re.IGNORECASE)
_C2PA_TYPE = re.compile(rb"\stype\s*+=\s*+[\"']?application/c2pa(?:[\"'\s]|\Z)", re.IGNORECASE)


def text_has_credential(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which documents hold what looks like a credential in text, ascending: a sieve of `read_text`, not a verdict.

    Every credential of A.8 or A.9 passes, and so does a text that only quotes the delimiters of A.9.

    Args:
        data: UTF-8 bytes of all documents, shape (bytes,), as in an Arrow large_string array.
        offsets: shape (documents + 1,); document k is `data[offsets[k]:offsets[k + 1]]`.
    """
    documents: set[int] = set()
    for needle, skips in _NEEDLES:
        at, end = int(offsets[0]), int(offsets[-1])
        while (at := int(_find(data, at, end, needle, skips))) >= 0:
            document = int(np.searchsorted(offsets, at, "right")) - 1
            if at + needle.size <= offsets[document + 1]:
                documents.add(document)
            at += needle.size
    return np.array(sorted(documents), np.int64)


def detached(text: bytes) -> tuple[bytes, bytes]:
    """The text without what carries its credential, and the manifest store; the text itself and b"" if it has none.

    A damaged run of selectors is taken off, too: none of it can be read. The store is then what is left of it. Of
    several, which the standard forbids, all are taken off and the first store is kept.
    """
    store = b""
    if _WRAPPER in text:
        stores = (_unwrapped(run) for run in _WRAPPED.findall(text))
        store = next(filter(None, stores), b"")
        text = _WRAPPED.sub(b"", text)
    opened = _OPENED.search(text) if _BEGIN in text else None
    end = -1 if opened is None else text.find(_END, opened.end())
    if opened is not None and end >= 0:
        store = store or _decoded(text[opened.end() : end])
        text = _without_comment(text, opened.start(), end + len(_END))
    return text, store


def _without_comment(text: bytes, start: int, end: int) -> bytes:
    """The text without a block of it, without the signs of the comment that the block is, and without its line end.

    The line end stays where something else stands before the block.
    """
    before = _COMMENT_BEFORE.search(text, max(0, start - 8), start)
    behind = _COMMENT_BEHIND.match(text, end)
    assert before is not None  # no signs at all match, too
    assert behind is not None
    left = text[: before.start()]
    return left + text[behind.end() if left[-1:] in (b"", b"\n") else behind.end(1) :]


def store_of(carrier: bytes) -> bytes:
    """The manifest store that a text or a page of HTML carries; b"" where it carries none, or one that is torn."""
    _, store = detached(carrier)
    return store or _decoded(_in_script(carrier) or b"")


def _in_script(page: bytes) -> bytes | None:
    """What the first script element of a credential holds; None if the page has no such element."""
    if _C2PA not in page:
        return None
    scripts = (found[2] for found in _SCRIPT.finditer(page) if _C2PA_TYPE.search(found[1]))
    return next(scripts, None)


def read_text(text: bytes, *, anchors: bytes | None = None) -> Credential:
    """The credential of a text or a page of HTML, by its bytes as they were written.

    Args:
        text: UTF-8, before any normalisation.
        anchors: PEM certificates to trust, from `load_anchors`. None: trust is unknown.

    Raises:
        MissingExtraError: the text may hold a credential and the extra `c2pa` is not installed.
    """
    media_type = _media_type(text)
    if media_type is None:
        return _NOTHING
    if text.count(_FRAMES[media_type]) > _MOST_FRAMES:
        return Credential(
            validity=Validity.UNREADABLE, problems=(f"more than {_MOST_FRAMES} credentials in a text",)
        )
    verify = _verifier()
    try:
        report = verify(
            text,
            media_type,
            no_default_trust=True,
            trust_pem=None if anchors is None else anchors.decode(),
            online=False,
        )
    except ValueError as error:
        return Credential(validity=Validity.UNREADABLE, problems=(shortened(str(error)),))
    if not report["present"]:
        return _NOTHING
    manifests = {**report["manifest_report"], "validation_state": report["validation_state"]}
    return credential_of(manifests, anchored=anchors is not None, store=store_of(text))


def text_reader_installed() -> bool:
    """Whether `read_text` can read what it finds."""
    return find_spec("encypher_c2pa") is not None


def _media_type(text: bytes) -> str | None:
    if _WRAPPER in text:
        return "text/plain"
    if _BEGIN in text and _OPENED.search(text):
        return "text/markdown"
    if _in_script(text) is not None:
        return "text/html"
    return None


def _unwrapped(run: bytes) -> bytes:
    """The manifest store in a run of selectors, as much of it as there is."""
    codes = np.frombuffer(run.decode().encode("utf-32-le"), np.uint32)
    found = np.where(codes < 0xE0100, codes - 0xFE00, codes - 0xE00F0).astype(np.uint8).tobytes()
    length = int.from_bytes(found[_HEADER_BYTES - 4 : _HEADER_BYTES], "big")
    return found[_HEADER_BYTES : _HEADER_BYTES + length]


def _decoded(base64: bytes) -> bytes:
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(base64)
    except Error:
        return b""


@cache
def _verifier() -> Any:
    # Told so by the environment, the library neither asks nor sends. The argument `telemetry` would write the
    # answer into the user's own settings.
    os.environ["ENCYPHER_C2PA_TELEMETRY"] = "off"
    try:
        from encypher_c2pa import verify
    except ImportError as error:
        raise MissingExtraError("Reading C2PA credentials of text", extra="c2pa") from error
    return verify


def _skips(needle: bytes) -> NDArray[np.int64]:
    """How far to go on from a byte that ends a comparison: Horspool, Software: Practice and Experience 10 (1980)."""
    skips = np.full(256, len(needle), np.int64)
    for place, byte in enumerate(needle[:-1]):
        skips[byte] = len(needle) - 1 - place
    return skips


@loop("const u8[:]", "i64", "i64", "const u8[:]", "const i64[:]", returns="i64")
def _find(data: Any, start: Any, end: Any, needle: Any, skips: Any) -> Any:
    """Where the needle stands first in data[start:end]; -1 if nowhere."""
    last = needle.size - 1
    at = start + last
    while at < end:
        place = last
        while place >= 0 and data[at - last + place] == needle[place]:
            place -= 1
        if place < 0:
            return at - last
        at += skips[data[at]]
    return -1


_NEEDLES = tuple((np.frombuffer(needle, np.uint8), _skips(needle)) for needle in (_WRAPPER, _BEGIN))
