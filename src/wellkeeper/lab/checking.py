"""What a check of the lab against theory or a published table is, and what it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure beside what it should be."""

    name: str
    target: float | str  # a number; or in words, where the target is an order or an inequality
    measured: float
    tolerance: str  # "3 s.e.", "1 %", "above .4"
    holds: bool
    z: float | None = None  # (measured - target) / standard error, where it has one

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "target": self.target,
            "measured": self.measured,
            "tolerance": self.tolerance,
            "z": self.z,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What a check may need that is not in the package."""

    text: Path | None = None  # folder with WikiText-2's test.txt and valid.txt


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A result of the literature, reproduced."""

    number: int  # in the order of importance
    name: str
    source: str  # paper, or "derived" and where
    run: Callable[[Materials], Sequence[Row]]
    slow: bool = False  # minutes; run with `--slow`
    needs: Sequence[str] = ()  # "text", "torch"


def within(name: str, measured: float, target: float, *, share: float) -> Row:
    """A figure that must lie within a share of its target."""
    return Row(
        name=name,
        target=target,
        measured=measured,
        tolerance=f"{share:.3g} of it",
        holds=bool(abs(measured - target) <= share * abs(target)),
    )


def near(name: str, measured: float, target: float, *, by: float) -> Row:
    """A figure that must lie within a distance of its target."""
    return Row(
        name=name,
        target=target,
        measured=measured,
        tolerance=f"{by:g}",
        holds=bool(abs(measured - target) <= by),
    )


def by_error(name: str, measured: float, target: float, error: float, *, most: float = 3.0) -> Row:
    """A mean that must lie within so many of its standard errors of its target."""
    z = float((measured - target) / error) if error else 0.0 if measured == target else float("inf")
    return Row(
        name=name,
        target=target,
        measured=measured,
        tolerance=f"{most:g} s.e.",
        z=z,
        holds=abs(z) <= most,
    )


def above(name: str, measured: float, least: float) -> Row:
    return Row(
        name=name, target=f"above {least:g}", measured=measured, tolerance="", holds=bool(measured > least)
    )


def below(name: str, measured: float, most: float) -> Row:
    return Row(
        name=name, target=f"below {most:g}", measured=measured, tolerance="", holds=bool(measured < most)
    )
