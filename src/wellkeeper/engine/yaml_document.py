"""YAML to plain values, with the line of every key, and without YAML 1.1's surprises.

Scalars are read as in YAML 1.2: `no`, `on` and `2024-01-31` are text, and `1e-3` is a number; `010` is text,
neither 8 nor 10. Keys are always text, as written. A key that stands twice in one mapping is an error.
"""

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from wellkeeper.errors import RecipeError

Path: TypeAlias = tuple[str | int, ...]  # keys and list positions from the top of the document


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values, and where each was found: `line 3` of the file, or the `--set` that put it there."""

    values: dict[str, Any]
    places: dict[Path, str] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(
        default_factory=list
    )  # found while reading, such as repeated keys

    def place(self, path: Path) -> str:
        """Where the innermost known part of a path stands."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return ""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's core schema."""


_FLOAT = (
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _starts in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _starts)


RECIPE = "A recipe is a mapping; begin with `wellkeeper: 1` and `sources:`."


def read_document(text: str, name: str, *, wanted: str = RECIPE) -> Document:
    """The text of a recipe, or of another file that people write, as plain values; `wanted` says how one begins.

    Raises:
        RecipeError: it is not YAML, or not a mapping.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        document = Document({})
        values = None if node is None else _value(loader, node, (), document, ())
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RecipeError(_not_yaml(error, name)) from error
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        found = "empty" if values is None else f"a {_kind(values)}"
        raise RecipeError(f"{name} is {found}. {wanted}")
    document.values.update(values)
    return document


def set_value(document: Document, assignment: str) -> None:
    """Apply one `--set a.b=value`; the value is YAML. A dotted path reaches keys of mappings, not list items.

    Raises:
        RecipeError: the assignment has no `=`, or leads into something that is not a mapping.
    """
    dotted, equals, text = assignment.partition("=")
    if not equals or not dotted.strip("."):
        raise RecipeError(f"--set {assignment} has no key and value. Write it as --set mix.human_floor=0.3.")
    place = f"--set {assignment}"
    parts = dotted.split(".")
    target = document.values
    path: Path = ()
    while True:
        key, parts = _next_key(target, parts)
        path = (*path, key)
        if not parts:
            break
        if target.get(key) is None:
            target[key] = {}
            document.places[path] = place
        target = target[key]
        if not isinstance(target, dict):
            raise RecipeError(
                f"{place}: {dotted_name(path)} is a {_kind(target)}, and --set reaches into mappings only. "
                f"Set {dotted_name(path)} as a whole, or edit the recipe."
            )
    value = read_document(f"value: {text}" if text.strip() else "value: null", place).values["value"]
    target[key] = value
    for known in [known for known in document.places if known[: len(path)] == path]:
        del document.places[known]
    document.places[path] = place


def dotted_name(path: Path) -> str:
    """A path as messages write it.

    >>> dotted_name(("steps", 0, "quality.v1"))
    'steps.0.quality.v1'
    """
    return ".".join(map(str, path))


def _next_key(target: dict[str, Any], parts: list[str]) -> tuple[str, list[str]]:
    """The longest existing key that the parts begin with, since names may hold dots; else the first part."""
    for end in range(len(parts), 1, -1):
        if (key := ".".join(parts[:end])) in target:
            return key, parts[end:]
    return parts[0], parts[1:]


def _value(loader: _Loader, node: yaml.Node, path: Path, document: Document, above: tuple[int, ...]) -> Any:
    if id(node) in above:
        raise yaml.YAMLError("an alias contains itself")
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            document.places.setdefault((*path, position), f"line {item.start_mark.line + 1}")
        return [_value(loader, item, (*path, k), document, above) for k, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document, above)
    value = loader.construct_object(node)
    if not isinstance(value, str | int | float | None):
        raise yaml.MarkedYAMLError(
            problem=f"the tag {node.tag} is not for recipes", problem_mark=node.start_mark
        )
    return _whole_characters(value, node) if isinstance(value, str) else value


def _whole_characters(text: str, node: yaml.Node) -> str:
    """JSON, which is YAML, escapes a character beyond U+FFFF as two halves; PyYAML leaves them apart."""
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        problem = "an escape stands for half a character"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


def _mapping(
    loader: _Loader, node: yaml.MappingNode, path: Path, document: Document, above: tuple[int, ...]
) -> dict[str, Any]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key is not a plain name", problem_mark=key.start_mark)
        key.value = _whole_characters(key.value, key)
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            twice = f"{dotted_name((*path, key.value))} is there twice, on lines {seen[key.value]} and {line}"
            document.problems.append(((*path, key.value), f"{twice}. Remove one."))
        seen.setdefault(key.value, line)
    loader.flatten_mapping(node)
    found = {}
    for key, item in node.value:
        document.places[*path, key.value] = f"line {key.start_mark.line + 1}"
        found[key.value] = _value(loader, item, (*path, key.value), document, above)
    return found


def _not_yaml(error: Exception, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
    problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
    return f"{place}: this is not YAML: {problem}. Check the indentation, the colons and the quotes there."


def _kind(value: Any) -> str:
    names = {dict: "mapping", list: "list", str: "text", bool: "truth value", int: "number", float: "number"}
    return names.get(type(value), "value")
