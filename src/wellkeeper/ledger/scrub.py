"""A forgotten document's words, taken out of the reports that quote it."""

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wellkeeper.engine.store import write_atomic

REMOVED = "[removed on request]"

_RUN = 24
"""Characters in a row that a report shares with the document and nobody else would have written; shorter strings are
taken out if they are part of it and at least so long as `_SHORTEST`."""
_SHORTEST = 12
_SPACE = re.compile(r"\s+")
_PIECE = re.compile(r"(?<=>)[^<]+(?=<)|(?<==\")[^\"]+(?=\")")  # text between tags, and values of attributes


class Scrubber:
    """Finds what quotes some texts or names them, and puts `REMOVED` in its place.

    Args:
        texts: of the documents.
        names: their ids and hashes. A name of fewer than six characters is taken out only where nothing else stands
            beside it and it is no number: a report is full of small numbers.
    """

    def __init__(self, *, texts: Sequence[str], names: Sequence[str]) -> None:
        self._texts = [_plain(text) for text in texts]
        self._runs = {text[at : at + _RUN] for text in self._texts for at in range(len(text) - _RUN + 1)}
        self._names = [name for name in names if len(name) >= 6 or not name.isdigit()]

    def reports(self, folder: Path) -> int:
        """Scrub `report.json` and `report.html` of a folder; returns how many places were changed."""
        return sum(
            _changed(folder / name, scrubbed)
            for name, scrubbed in (("report.json", self._json), ("report.html", self._html))
        )

    def quotes(self, string: str) -> bool:
        """Whether a string has words of a text in it, or a name."""
        if any(name == string if len(name) < 6 else name in string for name in self._names):
            return True
        plain = _plain(string).strip("…. ")
        if len(plain) >= _SHORTEST and any(plain in text for text in self._texts):
            return True
        return any(plain[at : at + _RUN] in self._runs for at in range(len(plain) - _RUN + 1))

    def _json(self, data: bytes) -> tuple[bytes, int]:
        count = 0

        def walked(value: Any) -> Any:
            nonlocal count
            if isinstance(value, dict):
                return {name: walked(item) for name, item in value.items()}
            if isinstance(value, list):
                return [walked(item) for item in value]
            if isinstance(value, str) and self.quotes(value):
                count += 1
                return REMOVED
            return value

        content = walked(json.loads(data))
        return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode(), count

    def _html(self, data: bytes) -> tuple[bytes, int]:
        count = 0

        def piece(match: re.Match[str]) -> str:
            nonlocal count
            if not self.quotes(html.unescape(match[0])):
                return match[0]
            count += 1
            return REMOVED

        return _PIECE.sub(piece, data.decode()).encode(), count


def _changed(path: Path, scrubbed: Any) -> int:
    if not path.is_file():
        return 0
    data, count = scrubbed(path.read_bytes())
    if count:
        write_atomic(path, data)
    return int(count)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
