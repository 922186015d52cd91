"""What logs of all tools have in common: JSON with its faults told, names of items, scores, and answers that repeat."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Prompt
from wellkeeper.errors import InputError
from wellkeeper.suites.run import Answered

_HEAD = 4096  # bytes in which each tool's log says what it is
_LABEL_LETTERS = 60  # more is a text, and no label
_ITEMS_A_SLICE = 10


def head(path: Path) -> bytes:
    """The first bytes of a file; none where there is no file to read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return b""


def called(path: Path) -> str:
    """What the user calls a log: its file, less the ending, or its folder."""
    return path.stem if path.is_file() else path.resolve().name


def files_in(folder: Path, *patterns: str) -> list[Path]:
    """Files in a folder that match, by name; none where there is no folder to read."""
    try:
        return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    except (OSError, ValueError):
        return []


def json_object(path: Path, *, again: str) -> dict[str, Any]:
    """The one object in a JSON file.

    Raises:
        InputError: it cannot be read, or is none; ends with `again`.
    """
    try:
        value = value_in(path.read_bytes(), str(path), again=again)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). {again}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: no JSON object. {again}")
    return value


def value_in(data: bytes, where: str, *, again: str) -> Any:
    """What bytes of JSON hold.

    Raises:
        InputError: they hold none; begins with `where`, ends with `again`.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}, line {error.lineno}: no JSON ({error.msg}). {again}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, or lists in lists without end
        raise InputError(f"{where}: no JSON ({error}). {again}") from error


def name_of(content: Any) -> str:
    """A name for an item that has none, from what it asks: the same in every log, whatever its place there."""
    said = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def numbered(names: Iterable[str]) -> list[str]:
    """Names that differ: the second of a name gets `-2` behind it, and so on.

    >>> numbered(["a", "b", "a"])
    ['a', 'b', 'a-2']
    """
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return distinct


def score_of(value: Any) -> float | None:
    """A number or truth value as a score; None: it is neither, is NaN, or lies outside [0, 1].

    >>> score_of(True), score_of(0.25), score_of(34.2), score_of("C")
    (1.0, 0.25, None, None)
    """
    return float(value) if isinstance(value, bool | int | float) and 0 <= value <= 1 else None


def is_scale(values: Iterable[Any]) -> bool:
    """Whether all numbers among these lie in [0, 1], and there is one."""
    numbers = [value for value in values if isinstance(value, bool | int | float)]
    # NaN is neither in nor out
    return any(0 <= value <= 1 for value in numbers) and not any(value < 0 or value > 1 for value in numbers)


def real_of(value: Any) -> float | None:
    """A number of 0 or more, such as a temperature; None: it is none, or without an end.

    >>> real_of(1), real_of("1"), real_of(True), real_of(-1), real_of(float("nan"))
    (1.0, None, None, None, None)
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= sys.float_info.max else None


def count_of(value: Any) -> int | None:
    """A whole number of 0 or more, such as of tokens; None: it is none.

    >>> count_of(3), count_of(3.5), count_of("3"), count_of(True), count_of(-3)
    (3, None, None, None, None)
    """
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def word_of(value: Any) -> str:
    """A text; "": it is none, which is not the text "None"."""
    return value if isinstance(value, str) else ""


def messages_of(value: Any) -> Prompt | None:
    """A prompt as a log has it: a text, or messages whose contents are texts or lists of parts."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence) or not value or not all(isinstance(turn, Mapping) for turn in value):
        return None
    return [
        {"role": str(turn.get("role", "user")), "content": text_of(turn.get("content"))} for turn in value
    ]


def text_of(content: Any) -> str:
    """The text of a message: itself, or the parts of it that are texts; thoughts are not part of an answer."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text")
    return "".join(part for part in parts if isinstance(part, str))


def slices_of(labels: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of what a log says of each item, what can be counted under: texts that ten items or more share in the mean.

    >>> slices_of([{"id": str(n), "kind": "odd" if n % 2 else "even"} for n in range(20)])[1]
    {'kind': 'odd'}
    """
    values: dict[str, Counter[str]] = {}
    for told in labels:
        for name, value in told.items():
            if isinstance(value, str) and 0 < len(value) <= _LABEL_LETTERS:
                values.setdefault(name, Counter())[value] += 1
    kept = {
        name
        for name, counts in values.items()
        if len(counts) > 1 and counts.total() >= _ITEMS_A_SLICE * len(counts)
    }
    return [
        {name: value for name, value in told.items() if name in kept and value in values[name]}
        for told in labels
    ]


def repeats_note(items: Sequence[Answered], temperature: float | None, why: str) -> tuple[str, ...]:
    """A warning where answers to one item were drawn at a temperature and still are copies of each other.

    Seen in real logs: a tool that sends one seed with every request gets the same answer every time.
    """
    answers = [[output.text for output in item.outputs if output.finish != "error"] for item in items]
    several = [texts for texts in answers if len(texts) > 1]
    copied = sum(len(set(texts)) == 1 for texts in several)
    if not temperature or len(several) < 2 or copied < len(several):
        return ()
    note = (
        f"All answers to an item are equal, in all {copied} items, at temperature {temperature:g}: {why} Their "
        "diversity says nothing."
    )
    return (note,)
