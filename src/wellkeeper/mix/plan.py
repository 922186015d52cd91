"""What a mix must satisfy, and what came of it: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError

Unit: TypeAlias = Literal["documents", "words", "bytes"]
UNITS: tuple[Unit, ...] = get_args(Unit)

CAP_SOURCE, CAP_MONTH, SYNTHETIC_SHARE, HUMAN_FLOOR, SIZE, WEIGHT = REASONS = (
    "cap-source",
    "cap-month",
    "synthetic-share",
    "human-floor",
    "size",
    "weight",
)
"""Why a document was left out, in ledgers and reports; all but `weight`, whose draw no copy, are constraints too."""

RECIPE_KEYS: Mapping[str, str] = {
    CAP_SOURCE: "mix.caps.source",
    CAP_MONTH: "mix.caps.month",
    SYNTHETIC_SHARE: "mix.synthetic_share.max",
    HUMAN_FLOOR: "mix.human_floor",
    SIZE: "mix.size",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to take, and the unit in which the mix is measured, all of its shares included."""

    unit: Unit = "documents"
    amount: int | None = None  # in that unit; None: as much as the constraints allow


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPlan:
    """The constraints on a mix. Limits are shares of the whole mix, in [0, 1]; None: no such constraint.

    Raises:
        RecipeError: a limit is not in [0, 1], or the size is not a positive amount of a known unit.
    """

    size: Size = field(default_factory=Size)
    synthetic_share_max: float | None = None  # at most: AI-generated, machine-translated and programmatic
    human_floor: float | None = None  # at least: known to be human
    cap_source: float | None = None  # at most, each source
    cap_month: float | None = None  # at most, each month of capture; undated documents are exempt
    weights: Literal["keep"] | None = None  # leave sampling weights to whoever trains; None: draw by them

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            if not 0 <= limit <= 1:  # also refuses NaN
                raise RecipeError(f"{RECIPE_KEYS[name]} is {limit}. Give a share of the mix, from 0 to 1.")
        if self.size.unit not in UNITS:
            raise RecipeError(f"mix.size has the unit {self.size.unit!r}. Units: {', '.join(UNITS)}.")
        if self.weights not in (None, "keep"):
            raise RecipeError(f"mix.weights is {self.weights!r}. Give None, to draw by them, or 'keep'.")
        if self.size.amount is not None and self.size.amount < 1:
            raise RecipeError(f"mix.size is {self.size.amount} {self.size.unit}. Give at least 1, or all.")

    def limits(self) -> dict[str, float]:
        """The share limits that are set, by constraint name."""
        limits = {
            CAP_SOURCE: self.cap_source,
            CAP_MONTH: self.cap_month,
            SYNTHETIC_SHARE: self.synthetic_share_max,
            HUMAN_FLOOR: self.human_floor,
        }
        return {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One constraint before and after the choice.

    For `size` the three numbers are amounts in the mix's unit. For the others they are shares of the mix in
    [0, 1]: of the largest source or dated month for a cap, of the class for the other two.
    """

    name: str
    limit: float
    before: float
    after: float
    holds: bool  # on the exact integers, not on the rounded shares

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "limit": self.limit,
            "before": self.before,
            "after": self.after,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Which documents were chosen, and why the others were not.

    `facts`: `unit`; `available`, the size before; `asked`, the size target or None; `allocated`, the size of
    the allocation before whole documents were chosen, to which filling may add; `got`, the size chosen;
    `documents`, how many were kept; and `binds`, the constraints that made the mix smaller, in the order of
    `REASONS`. Where documents were drawn by weight, sizes count copies, and `copies` tells how many were `drawn` and
    how many of these are `kept`.
    """

    kept: NDArray[np.bool_]  # shape (documents,)
    reason: NDArray[np.int8]  # shape (documents,): index into `reasons`, -1 for a kept document
    constraints: tuple[Constraint, ...]
    facts: Mapping[str, Any]
    reasons: tuple[str, ...] = REASONS
    copies: NDArray[np.int64] | None = (
        None  # shape (documents,): how often each goes in; None: once if it is kept
    )


def exact(limit: float) -> Fraction:
    """The share that the user wrote: 0.1 is one tenth, not the nearest binary number.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(str(float(limit)))
