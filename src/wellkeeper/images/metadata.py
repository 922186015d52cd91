"""What the metadata of a picture say of who or what made it, as it is written: nothing is judged here.

Read are the text chunks of PNG, EXIF, XMP, IPTC's older records and comments; as far as the format allows that comes
before the pixels. Positions on the earth and names of people in the picture are not read: they say nothing of origin.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from wellkeeper.core.marks import RawSignal

if TYPE_CHECKING:
    from PIL import Image

MOST_CHARS = 1 << 16
"""Longest value that is kept whole: the graph of a large workflow. A longer one ends with its length."""

GENERATOR, IPTC, DISCLOSURE = "generator", "iptc", "ai-disclosure"
CAMERA, CREATOR, LICENCE, DATE, MINING = "camera", "creator", "licence", "page-date", "data-mining"

# Keywords of PNG text chunks, without case. Those of image generators: AUTOMATIC1111 and Fooocus (parameters), ComfyUI
# (prompt, workflow), InvokeAI, NovelAI (title, description, source, comment), Easy Diffusion, Midjourney (description).
_PNG_KINDS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("parameters", "prompt", "workflow", "generation_data", "fooocus_scheme", "negative_prompt"),
            *("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata", "dream"),
            *(
                "use_stable_diffusion_model",
                "sampler_name",
                "seed",
                "title",
                "description",
                "source",
                "comment",
            ),
            *("software", "usercomment"),
        ),
        GENERATOR,
    ),
    "aigc": DISCLOSURE,
    "author": CREATOR,
    "artist": CREATOR,
    "copyright": LICENCE,
    "disclaimer": LICENCE,
    "creation time": DATE,
}

# Exif 3.0, CIPA DC-008; XP* are Windows' own.
_EXIF: Mapping[int, tuple[str, str]] = {
    0x010E: (GENERATOR, "ImageDescription"),
    0x010F: (CAMERA, "Make"),
    0x0110: (CAMERA, "Model"),
    0x0131: (GENERATOR, "Software"),
    0x013B: (CREATOR, "Artist"),
    0x8298: (LICENCE, "Copyright"),
    0x9C9C: (GENERATOR, "XPComment"),
}
_EXIF_IFD = 0x8769
_EXIF_INNER: Mapping[int, tuple[str, str]] = {
    0x9003: (DATE, "DateTimeOriginal"),
    0x9286: (GENERATOR, "UserComment"),
    0xA434: (CAMERA, "LensModel"),
}

# XMP properties by the last part of their namespace and their own name: IPTC Photo Metadata 2025.1, XMP part 2, PLUS.
_XMP: Mapping[str, str] = {
    **dict.fromkeys(("DigitalSourceType", "DigitalSourcetype", "Credit", "Source"), IPTC),
    **dict.fromkeys(("AISystemUsed", "AISystemVersionUsed", "AIPromptInformation"), DISCLOSURE),
    **dict.fromkeys(
        ("CreatorTool", "Software", "UserComment", "description", "parameters", "prompt"), GENERATOR
    ),
    **dict.fromkeys(("Make", "Model"), CAMERA),
    **dict.fromkeys(("creator", "Artist"), CREATOR),
    **dict.fromkeys(("license", "rights", "UsageTerms", "WebStatement", "Copyright"), LICENCE),
    **dict.fromkeys(("DateTimeOriginal", "CreateDate", "DateCreated"), DATE),
    "AIGC": DISCLOSURE,
    "DataMining": MINING,
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)

# IPTC Information Interchange Model 4.2, record 2.
_IIM: Mapping[tuple[int, int], tuple[str, str]] = {
    (2, 65): (GENERATOR, "OriginatingProgram"),
    (2, 80): (CREATOR, "By-line"),
    (2, 110): (IPTC, "Credit"),
    (2, 115): (IPTC, "Source"),
    (2, 116): (LICENCE, "CopyrightNotice"),
}


def signals_in(image: "Image.Image") -> tuple[RawSignal, ...]:
    """Every statement of these metadata, in the order of their sources; a value that cannot be read is left out.

    Chunks of a PNG that follow its pixels are there once it is loaded.
    """
    found: list[RawSignal] = []
    for source in (_png_text, _exif, _xmp, _iim, _comments):
        found += _whatever_can_be_read(source, image)
    return tuple(dict.fromkeys(found))


def _whatever_can_be_read(
    source: "Callable[[Image.Image], Iterator[RawSignal]]", image: "Image.Image"
) -> Iterator[RawSignal]:
    """Damaged metadata are as good as absent: the pixels may be sound, and what was read before the damage counts."""
    try:
        yield from source(image)
    except Exception:  # noqa: BLE001  parsers of a dozen formats, each with faults of its own
        return


def _signal(kind: str, where: str, name: str, value: Any) -> Iterator[RawSignal]:
    text = _text(value).replace("\0", "").strip()
    if text:
        cut = text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]} ... ({len(text):,} characters)"
        yield RawSignal(kind, where, name, cut)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _png_text(image: "Image.Image") -> Iterator[RawSignal]:
    for name, value in (getattr(image, "text", None) or {}).items():
        kind = _PNG_KINDS.get(name.lower())
        if kind is not None:
            yield from _signal(kind, "png-text", name, value)


def _exif(image: "Image.Image") -> Iterator[RawSignal]:
    exif = image.getexif()
    for tag, (kind, name) in _EXIF.items():
        value = exif.get(tag)
        if value is not None:
            yield from _signal(kind, "exif", name, _wide(value) if name == "XPComment" else value)
    inner = exif.get_ifd(_EXIF_IFD)
    for tag, (kind, name) in _EXIF_INNER.items():
        value = inner.get(tag)
        if value is not None:
            yield from _signal(kind, "exif", name, _user_comment(value) if name == "UserComment" else value)


def _wide(value: Any) -> str:
    data = bytes(value) if isinstance(value, bytes | bytearray | tuple | list) else str(value).encode()
    return data.decode("utf-16-le", "replace")


def _user_comment(value: Any) -> str:
    """Text after the eight bytes that name its code (Exif 3.0, 4.6.6); UNICODE comes in either order of bytes."""
    if not isinstance(value, bytes):
        return str(value)
    code, body = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        big = sum(byte == 0 for byte in body[0:200:2]) >= sum(byte == 0 for byte in body[1:200:2])
        return body.decode("utf-16-be" if big else "utf-16-le", "replace")
    if code in {b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8}:
        return body.decode("utf-8", "replace")
    return value.decode("utf-8", "replace")


def _xmp(image: "Image.Image") -> Iterator[RawSignal]:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    data = packet.encode() if isinstance(packet, str) else bytes(packet)
    if not data.strip(b"\0 ") or _DOCTYPE.search(data):  # XMP declares no entities; who does means harm
        return
    for name, value in _properties(ET.fromstring(data.strip(b"\0 \t\r\n"))):  # noqa: S314  without declarations
        kind = _XMP.get(name)
        if kind is not None:
            yield from _signal(kind, "xmp", name, value)


def _properties(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Name and value of each property, written as an attribute, an element, or a member of an RDF list."""
    for description in root.iter(f"{_RDF}Description"):
        for name, value in description.attrib.items():
            yield _local(name), value
        for child in description:
            name = _local(child.tag)
            for leaf in child.iter():
                value = leaf.get(f"{_RDF}resource") or leaf.text or ""
                if value.strip():
                    yield name, value


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _iim(image: "Image.Image") -> Iterator[RawSignal]:
    from PIL import IptcImagePlugin

    records: Mapping[Any, Any] = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    for key, (kind, name) in _IIM.items():
        values = records.get(key, [])
        for value in values if isinstance(values, list) else [values]:
            yield from _signal(kind, "iptc", name, value)


def _comments(image: "Image.Image") -> Iterator[RawSignal]:
    comment = image.info.get("comment")
    if comment:
        yield from _signal(GENERATOR, "comment", "Comment", comment)
