"""The checks of the lab against theory and published tables: collected, run, and told in one table."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from wellkeeper import __version__
from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.lab import checks as modules
from wellkeeper.lab.checking import Check, Materials, Row

SCHEMA = "wellkeeper.lab-check/1"
TEXT = "https://github.com/pytorch/examples/tree/main/word_language_model/data/wikitext-2"
"""Where test.txt and valid.txt of WikiText-2 can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a check."""

    check: Check
    rows: Sequence[Row] = field(default_factory=tuple)
    not_run: str = ""  # why not, and what to do about it; empty where it ran
    seconds: float = 0.0  # of the processor

    @property
    def holds(self) -> bool | None:
        """Whether all of its figures do; None where it was not run."""
        return None if self.not_run else all(row.holds for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.check.number,
            "name": self.check.name,
            "source": self.check.source,
            "slow": self.check.slow,
            "holds": self.holds,
            "not_run": self.not_run or None,
            "cpu_seconds": round(self.seconds, 2),
            "rows": [row.to_json() for row in self.rows],
        }


@cache
def all_checks() -> tuple[Check, ...]:
    """The checks that the modules of `lab.checks` have, the most important first."""
    names = sorted(
        module.name for module in iter_modules(modules.__path__) if not module.name.startswith("_")
    )
    found = [check for name in names for check in import_module(f"{modules.__name__}.{name}").CHECKS]
    return tuple(sorted(found, key=lambda check: check.number))


def chosen(numbers: Sequence[int]) -> tuple[Check, ...]:
    """The checks of these numbers, or all.

    Raises:
        RecipeError: a number is no check's.
    """
    known = {check.number: check for check in all_checks()}
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise RecipeError(f"There is no check {unknown[0]}. Give numbers from {min(known)} to {max(known)}.")
    return tuple(known[number] for number in sorted(set(numbers))) if numbers else tuple(known.values())


def outcome(check: Check, materials: Materials, *, slow: bool = True) -> Outcome:
    """Run one check."""
    if check.slow and not slow:
        return Outcome(check=check, not_run="It takes minutes. Run it with --slow.")
    if "text" in check.needs and materials.text is None:
        return Outcome(
            check=check,
            not_run=f"It needs test.txt and valid.txt of WikiText-2 ({TEXT}). Give their folder with --text FOLDER.",
        )
    began = time.process_time()
    try:
        rows = tuple(check.run(materials))
    except MissingExtraError as error:
        return Outcome(check=check, not_run=str(error))
    return Outcome(check=check, rows=rows, seconds=time.process_time() - began)


def check_document(found: Sequence[Outcome]) -> dict[str, Any]:
    """Outcomes as a document of schema `wellkeeper.lab-check/1`."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "hold": sum(one.holds is True for one in found),
        "fail": sum(one.holds is False for one in found),
        "not_run": sum(one.holds is None for one in found),
        "checks": [one.to_json() for one in found],
    }
