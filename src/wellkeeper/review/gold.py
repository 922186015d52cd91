"""Items of gold: texts of which the right label is known, that show how well a reader keeps to the guidelines.

JSON lines. A line has a `label`, and either the `text` (of two, `text` and `text2`; with a `prompt` where the question
has one) or the `id` of an item of the result.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper.errors import InputError
from wellkeeper.review.item import Item
from wellkeeper.review.question import Question

_PAIRED = ("duplicates", "compare")
_UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """A text, or two, with the label that is right."""

    label: str
    id: str = ""  # of an item of the result; empty: the texts are given
    texts: tuple[str, ...] = ()
    prompt: str = ""
    place: str = ""  # file and line, for messages

    @property
    def name(self) -> str:
        """What the item is called in a queue; texts of their own are named by what they say."""
        if self.id:
            return self.id
        said = json.dumps([self.prompt, self.texts], ensure_ascii=False)
        return f"gold {hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

    def item(self) -> Item:
        """The item of texts that were given."""
        return Item(id=self.name, texts=self.texts, prompt=self.prompt, gold=self.label)


def read_gold(path: Path, question: Question) -> tuple[Gold, ...]:
    """The gold of a file, each once.

    Raises:
        InputError: the file cannot be read or holds none, a line is no gold of this question, or one item has two
            labels; the message names the line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}). Give JSON lines with text and label."
        ) from error
    found: dict[str, Gold] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            one = _gold(line, f"{path}, line {number}", question)
            if found.setdefault(one.name, one).label != one.label:
                raise InputError(
                    f"{one.place}: the same item is {found[one.name].label} further up, and {one.label} here. Keep "
                    "the label that is right."
                )
    if not found:
        raise InputError(f"{path} holds no gold. Write JSON lines with text and label.")
    return tuple(found.values())


def _gold(line: bytes, place: str, question: Question) -> Gold:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{place}: this is not JSON ({error}). Write text and label, a line each."
        ) from error
    if not isinstance(entry, dict):
        raise InputError(f"{place}: this is no JSON object. Write text and label, a line each.")
    label = entry.get("label")
    try:
        known = question.label(str(label)).name
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    if known == _UNSURE:
        raise InputError(f"{place}: gold is what is known, and {_UNSURE} is not. Leave the line out.")
    return Gold(label=known, place=place, **_named(entry, place, is_pair=question.kind in _PAIRED))


def _named(entry: Mapping[str, Any], place: str, *, is_pair: bool) -> dict[str, Any]:
    """The id or the texts of a line."""
    fields = ("text", "text2") if is_pair else ("text",)
    texts = tuple(entry[name] for name in fields if name in entry)
    if texts and len(texts) == len(fields) and all(isinstance(text, str) and text for text in texts):
        prompt = entry.get("prompt") or ""
        if not isinstance(prompt, str):
            raise InputError(
                f"{place}: the prompt is no text. Write it as it is to be shown: of several "
                "turns, all of them."
            )
        return {"texts": texts, "prompt": prompt}
    name = entry.get("id")
    if not is_pair and not texts and isinstance(name, str) and name:
        return {"id": name}
    wanted = "text and text2" if is_pair else "a text, or the id of a text of the result,"
    raise InputError(f"{place}: no item. Write {wanted} beside the label.")
