"""Text of strangers, made safe to look at: what hides in it is written out.

A corpus holds control characters that move a terminal's cursor, direction marks that reverse a sentence
and zero-width characters that nobody sees. A reader judging a document has to see them, and none may
act on the page: each becomes `[U+200B]`, a run of four or more `[U+200B x12]`.
"""

import re
import unicodedata
from collections.abc import Mapping
from itertools import chain
from typing import Any

_RUN = 4  # equal hidden characters in a row that are written once, with their number

# Invisible although their category says letter, mark or symbol: joiners, fillers, blank braille,
# Mongolian and general variation selectors (Unicode 16, Default_Ignorable_Code_Point and Blank).
_BLANK = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
# Format characters that do have a shape: Arabic, Syriac and Kaithi number signs (Unicode 16, 9.2).
_SHAPED = frozenset([*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD])
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_PLAIN = re.compile(r"[ -~\n\t]*")

ESCAPE = re.compile(r"\[U\+[0-9A-F]{4,6}(?: x[0-9]+)?\]")
"""Matches what `visible` writes in place of hidden characters."""


def visible(text: str) -> str:
    r"""The text with every hidden character written out; line feeds and tabs stay.

    >>> visible("pay\u202elive\u202c now"), visible("a" + "\u200b" * 9)
    ('pay[U+202E]live[U+202C] now', 'a[U+200B x9]')
    """
    if _PLAIN.fullmatch(text):
        return text
    text = text.replace("\r\n", "\n")
    out: list[str] = []
    start = 0
    while start < len(text):
        letter = text[start]
        if not _is_hidden(letter):
            out.append(letter)
            start += 1
            continue
        end = start
        while end < len(text) and text[end] == letter:
            end += 1
        out.append(_escape(letter, end - start))
        start = end
    return "".join(out)


def visible_tree(value: Any) -> Any:
    """A JSON value with `visible` applied to every string in it, keys too."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): visible_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [visible_tree(item) for item in value]
    return value


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word where one ends near; an ellipsis says that it was cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    word_end = head.rfind(" ")
    if word_end > limit * 3 // 4:
        head = head[:word_end]
    # an escape cut in half would read as text
    opened = head.rfind("[U+")
    if opened >= 0 and "]" not in head[opened:]:
        head = head[:opened]
    return head.rstrip() + "\u2026"


def one_line(text: str, limit: int = 200) -> str:
    """White space folded, at most `limit` characters: a name or a title as it fits a table."""
    return clip(" ".join(text.split()), limit)


def _is_hidden(letter: str) -> bool:
    point = ord(letter)
    if letter in "\n\t" or point in _SHAPED:
        return False
    if point in _BLANK or (point & 0xFFFE) == 0xFFFE or 0xFDD0 <= point <= 0xFDEF:
        return True
    return unicodedata.category(letter) in _HIDDEN_CATEGORIES


def _escape(letter: str, times: int) -> str:
    name = f"U+{ord(letter):04X}"
    return f"[{name} x{times}]" if times >= _RUN else f"[{name}]" * times
