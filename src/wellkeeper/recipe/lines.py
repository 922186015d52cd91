"""Recipes as text: keys with values, and above each the reason why it is there, as a comment.

PyYAML writes no comments, and quotes by the rules of YAML 1.1; what is written here reads the same by 1.1 and 1.2.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, TypeAlias

from wellkeeper.report.visible import visible

Holds: TypeAlias = Literal["yes", "no", "note"]

_WIDTH = 110
_INDENT = "  "
_PLAIN = re.compile(r"(?:\.{0,2}/)*[A-Za-z_][A-Za-z0-9_./*-]*")
_WORDS_OF_YAML = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of a recipe, and why it is there."""

    path: tuple[str, ...]  # keys from the top: ("mix", "caps", "source"); of a step ("steps", "quality.v1")
    value: Any  # plain values, mappings and lists of these
    reasons: tuple[str, ...] = ()  # sentences, each with its figure
    figures: Mapping[str, Any] = field(default_factory=dict)  # the same figures, for programs
    holds: Holds = "yes"  # no: left out, and written as a comment; note: reasons alone

    def to_json(self) -> dict[str, Any]:
        return {
            "key": ".".join(self.path),
            "value": self.value,
            "in_recipe": self.holds == "yes",
            "reasons": list(self.reasons),
            "figures": dict(self.figures),
        }


def written(lines: Sequence[Line], heading: Sequence[str] = ()) -> str:
    """The YAML of a recipe; lines of one section stand together.

    >>> print(written([Line(path=("mix", "human_floor"), value=0.3, reasons=("31 % are human.",))]), end="")
    mix:
      # 31 % are human.
      human_floor: 0.3
    """
    said = [line for sentence in heading for line in _comment(sentence, 0)]
    return "\n".join([*said, *_block(lines, 0, listed=False)]) + "\n"


def flow(value: Any) -> str:
    """A value on one line.

    >>> flow({"path": ["a.jsonl", "b c.jsonl"], "origin": {"column": "no"}, "max": 0.1})
    '{path: [a.jsonl, "b c.jsonl"], origin: {column: "no"}, max: 0.1}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, float):  # by YAML 1.1 a number has a point before its exponent
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def _block(lines: Sequence[Line], depth: int, *, listed: bool) -> Iterator[str]:
    """The lines below one key, `depth` keys from the top; steps are `listed`."""
    indent = _INDENT * depth
    for key, group in groupby(lines, key=lambda line: line.path[depth]):
        below = list(group)
        if len(below[0].path) == depth + 1:
            for line in below:
                yield from _entry(line, depth, listed=listed)
        else:
            hidden = "" if any(line.holds == "yes" for line in below) else "# "
            yield f"{indent}{hidden}{_scalar(key)}:"
            yield from _block(below, depth + 1, listed=key == "steps")


def _entry(line: Line, depth: int, *, listed: bool) -> Iterator[str]:
    for reason in line.reasons:
        yield from _comment(reason, depth)
    if line.holds == "note":
        return
    key, mark = _scalar(line.path[-1]), "- " if listed else ""
    value = "" if line.value == {} else f": {flow(line.value)}"
    yield f"{_INDENT * depth}{'' if line.holds == 'yes' else '# '}{mark}{key}{value}"


def _comment(sentence: str, depth: int) -> list[str]:
    start = f"{_INDENT * depth}# "
    return textwrap.wrap(
        visible(sentence),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )
