"""Tolerant reading of a JSON document: what is missing, or of another type, reads as absent."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval. No estimate: not identified. No bounds: the document gave none."""

    estimate: float | None
    low: float | None
    high: float | None


def table(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at `path` inside `value`; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; empty where there is no list."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text(value: Any, default: str = "") -> str:
    return value if isinstance(value, str) and value else default


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # JSON sets no bound on an integer
        return None
    return found if math.isfinite(found) else None


def integer(value: Any) -> int:
    """A count; 0 where there is none."""
    found = number(value)
    return 0 if found is None else int(found)


def interval(value: Any) -> Interval | None:
    """{"estimate", "low", "high"}, or None where not one of the three is a number."""
    fields = table(value)
    estimate, low, high = (number(fields.get(name)) for name in ("estimate", "low", "high"))
    if estimate is None and (low is None or high is None):
        return None
    return Interval(estimate, low, high)


def counted(value: Any, label: str) -> dict[str, int]:
    """Rows with a label and a number of documents, as label -> documents, largest first, then by name."""
    found: dict[str, int] = {}
    for row in rows(value):
        name = text(row.get(label), "(none)")
        found[name] = found.get(name, 0) + integer(row.get("documents"))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
