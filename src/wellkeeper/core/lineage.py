"""Generation depth: how many generations of models lie behind a text.

A text that a person wrote has depth 0; one that a model made has 1 more than the deepest of the texts that the model
was shown for it. Theory of model collapse tells what is lost as a function of this number, not of a label "AI".
"""

import json

UNKNOWN_DEPTH = 255
"""Depth of a text where nobody knows how many generations of models lie behind it."""

DEEPEST = 254
"""Depths stop here: whatever is deeper counts as this deep."""


def parents_in(text: str | None) -> tuple[str, ...]:
    """The parents that a column names: a JSON list, or ids and SHA-256 separated by commas; each once, in order.

    >>> parents_in('["a, b", 7]'), parents_in("a, b,,a"), parents_in(" ")
    (('a, b', '7'), ('a', 'b'), ())
    """
    if text is None:
        return ()
    names = _listed(text) if text.lstrip().startswith("[") else None
    parts = [name.strip() for name in (text.split(",") if names is None else names)]
    return tuple(dict.fromkeys(part for part in parts if part))


def _listed(text: str) -> list[str] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return [part if isinstance(part, str) else json.dumps(part) for part in found if part is not None]


def depth_in(text: str | None) -> int | None:
    """The depth that a text says; UNKNOWN_DEPTH for none, None for what is no depth.

    >>> depth_in("2"), depth_in("300"), depth_in(""), depth_in("deep")
    (2, 254, 255, None)
    """
    written = (text or "").strip()
    if written.lower() in {"", "unknown", "null", "none", "nan"}:
        return UNKNOWN_DEPTH
    whole = written.removesuffix(".0")  # as columns with gaps become numbers with a point
    if not (whole.isascii() and whole.isdigit()):
        return None
    return min(int(whole), DEEPEST) if len(whole) < 10 else DEEPEST


def sha256_in(name: str) -> bytes | None:
    """The digest that a name is, 64 hexadecimal digits with or without `sha256:`; None if it is another name."""
    digits = name.removeprefix("sha256:")
    if len(digits) != 64:
        return None
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None
