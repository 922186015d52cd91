"""Statements that a page and its server make beside the text: what made it, who may use it, when it was written.

Everything is kept as it was written and nothing is resolved. Looked at are the first 512 kB of a page, whose head
lies there, parsed by the parser that the web's broken markup has shaped (libxml2's).

[1] IETF draft-abaris-aicdh: HTTP header AI-Disclosure. W3C AI Content Disclosure Community Group: `ai-disclosure`.
[2] IPTC digital source type in XMP, and schema.org `digitalSourceType` in JSON-LD.
[3] Robots meta and X-Robots-Tag with noai, noimageai and their like.
[4] W3C TDM Reservation Protocol: tdm-reservation, tdm-policy. IETF aipref, attach: Content-Usage.
[5] Content signals: Content-Signal. Really Simple Licensing 1.0: links of type application/rsl+xml.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from wellkeeper.core.marks import RawSignal

LOOKED_AT = 512 << 10
"""Bytes of a page that are looked at."""
_LONGEST = 2_000  # letters of a value that are kept
_MOST = 200  # signals of one page

_HEADERS = {
    "ai-disclosure": "ai-disclosure",
    "x-robots-tag": "robots-meta",
    "tdm-reservation": "tdmrep",
    "tdm-policy": "tdmrep",
    "content-usage": "content-usage",
    "content-signal": "content-signal",
    "license": "rsl",
    "last-modified": "last-modified",
}
_METAS = {
    "ai-disclosure": "ai-disclosure",
    "generator": "generator",
    "robots": "robots-meta",
    "google-extended": "robots-meta",
    "tdm-reservation": "tdmrep",
    "tdm-policy": "tdmrep",
    "license": "licence",
    "licence": "licence",
    "dc.rights": "licence",
    "dcterms.license": "licence",
    "dcterms.rights": "licence",
}
_JSON_LD = {
    "digitalsourcetype": "json-ld",
    "license": "licence",
    "datepublished": "page-date",
    "datecreated": "page-date",
}
_RSL = "application/rsl+xml"
_LINK = re.compile(r"<([^<>]*+)>([^,<]*+)")
_RELATION = re.compile(r"\brel\s*+=\s*+\"?([^\",;]*+)", re.IGNORECASE)
_XMP_TYPE = re.compile(  # as an attribute of rdf:Description, or an element
    rb"Iptc4xmpExt:DigitalSourceType(?:\s*+=\s*+[\"']([^\"'<]{1,300})|[^>]{0,200}+>\s*+([^<]{1,300})<)",
    re.IGNORECASE,
)


def header_signals(headers: Iterable[tuple[str, str]]) -> Iterator[RawSignal]:
    """Signals in the headers of an HTTP response, in their order."""
    for name, value in headers:
        folded = name.strip().lower()
        if folded in _HEADERS:
            yield _signal(_HEADERS[folded], "http-header", folded, value)
        elif folded == "link":
            for address, parameters in _LINK.findall(value):
                relations = " ".join(_RELATION.findall(parameters)).lower().split()
                if "license" in relations:
                    kind = "rsl" if _RSL in parameters.lower() else "licence"
                    yield _signal(kind, "http-header", "link", address)


def page_signals(body: bytes, charset: str | None = None) -> tuple[RawSignal, ...]:
    """Signals in a page of HTML, each kind in the page's order; at most 200 of them.

    Whatever cannot be parsed has none: a broken page is no fault of the archive.

    Args:
        body: the page.
        charset: as the server names it; None, or one that nobody knows: the page tells.
    """
    head = body[:LOOKED_AT]
    tree = _tree(head, charset)
    if tree is None:
        return ()
    found: list[RawSignal] = []
    for signals in (_metas(tree), _links(tree), _attributes(tree), _linked_data(tree), _xmp(head)):
        found += (signal for signal in signals if signal.value)
    return tuple(dict.fromkeys(found))[:_MOST]


def page_date(body: bytes) -> RawSignal | None:
    """The day on which a page claims to have been written, as htmldate finds it; None if there is none.

    Anyone can write any date into a page: this is weak evidence, and never the date of its capture.
    """
    try:
        from htmldate import find_date  # comes with trafilatura

        day = find_date(body[:LOOKED_AT], extensive_search=False, original_date=True)
    except Exception:  # noqa: BLE001  pages of the open web break parsers in ways nobody has listed
        return None
    return _signal("page-date", "html-meta", "htmldate", day) if day else None


def _tree(head: bytes, charset: str | None) -> Any:
    for encoding in dict.fromkeys((charset, None)):
        try:
            return etree.fromstring(head, etree.HTMLParser(encoding=encoding, no_network=True))
        except (etree.XMLSyntaxError, ValueError, LookupError):
            continue
    return None


def _metas(tree: Any) -> Iterator[RawSignal]:
    for element in tree.iter("meta"):
        name = _text(element.get("name") or element.get("property")).lower()
        kind = _METAS.get(name) or ("robots-meta" if name.endswith("bot") else None)
        if kind is None and name.rpartition(":")[2] == "digitalsourcetype":
            kind = "iptc"
        if kind is not None:
            yield _signal(kind, "html-meta", name, element.get("content"))


def _links(tree: Any) -> Iterator[RawSignal]:
    for element in tree.iter("link", "a"):
        if "license" in _text(element.get("rel")).lower().split():
            kind = "rsl" if _text(element.get("type")).lower() == _RSL else "licence"
            yield _signal(kind, "html-link", "license", element.get("href"))
    for element in tree.iter("script"):
        if _text(element.get("type")).lower() == _RSL:
            yield _signal("rsl", "html-script", _RSL, element.text)


def _attributes(tree: Any) -> Iterator[RawSignal]:
    for element in tree.iterfind(".//*[@ai-disclosure]"):
        yield _signal("ai-disclosure", "html-attribute", str(element.tag), element.get("ai-disclosure"))
    if tree.get("ai-disclosure"):  # the root is not below itself
        yield _signal("ai-disclosure", "html-attribute", str(tree.tag), tree.get("ai-disclosure"))
    for element in tree.iterfind(".//*[@itemprop]"):
        if _text(element.get("itemprop")).lower() == "license":
            value = element.get("href") or element.get("content") or element.text
            yield _signal("licence", "html-attribute", "itemprop", value)


def _linked_data(tree: Any) -> Iterator[RawSignal]:
    for element in tree.iter("script"):
        if _text(element.get("type")).partition(";")[0].strip().lower() == "application/ld+json":
            try:
                yield from _statements(json.loads(element.text or ""))
            except (ValueError, RecursionError):
                continue


def _statements(data: Any) -> Iterator[RawSignal]:
    """The properties of `_JSON_LD`, wherever in a document of JSON-LD they stand."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                kind = _JSON_LD.get(key.rpartition(":")[2].lower())
                for one in _values(inner) if kind else ():
                    yield _signal(str(kind), "json-ld", key, one)
            waiting += reversed(list(value.values()))


def _values(value: Any) -> Iterator[str]:
    """Strings, or the addresses of objects."""
    for one in value if isinstance(value, list) else [value]:
        named = (one.get("@id") or one.get("url") or one.get("name")) if isinstance(one, dict) else one
        if isinstance(named, str):
            yield named


def _xmp(head: bytes) -> Iterator[RawSignal]:
    for attribute, element in _XMP_TYPE.findall(head):
        value = (attribute or element).decode(errors="replace")
        yield _signal("iptc", "xmp", "Iptc4xmpExt:DigitalSourceType", value)


def _signal(kind: str, where: str, name: str, value: Any) -> RawSignal:
    return RawSignal(kind, where, name, _text(value)[:_LONGEST])


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
