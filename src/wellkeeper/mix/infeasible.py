"""What to say when only an empty mix satisfies the constraints: which ones collide, by how much, what would work."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NoReturn

import numpy as np

from wellkeeper.errors import RecipeError
from wellkeeper.mix.families import Family
from wellkeeper.mix.plan import CAPS, HUMAN_FLOOR, KEEP_TAIL, RECIPE_KEYS, SIZE, SYNTHETIC_SHARE, MixPlan
from wellkeeper.mix.programme import Masses, least_violation

_VIOLATED = 1e-7  # of a share: more than the solver's tolerance
_PLURALS = {"source": "sources", "month": "months", "domain": "domains", "licence": "licences",
            "generator": "generators", "language": "languages"}  # fmt: skip


def refuse_impossible(available: Masses, families: Sequence[Family], documents: int) -> None:
    """Refuse a constraint that cannot be satisfied whatever the others say.

    Raises:
        RecipeError: there is one.
    """
    for family in families:
        if family.lower:
            continue
        filled = int(np.count_nonzero(family.sums(available)))
        outside = bool(((family.group < 0) & (available > 0)).any())
        if not outside and filled * family.limit < 1:
            raise RecipeError(_impossible(family, filled, documents))


def refuse_infeasible(available: Masses, families: Sequence[Family]) -> NoReturn:
    """Name limits that do not go together, as few as do not, and for each the nearest value that would do.

    Raises:
        RecipeError: always.
    """
    said = ", ".join(f"{family.key} {family.written:g}" for family in colliding(available, families))
    ways = []
    for at, family in enumerate(families):
        only = [number == at for number in range(len(families))]
        give = least_violation(available, families, only)
        if give is not None:
            ways.append(_loosened(family, float(give[at])))
    if ways:
        advice = f"Any one of these would do: {'; '.join(ways)}."
    else:
        give = least_violation(available, families, [True] * len(families))
        together = [] if give is None else [
            _loosened(family, by) for family, by in zip(families, give.tolist(), strict=True) if by > _VIOLATED
        ]  # fmt: skip
        advice = f"No one limit is in the way alone. Together these would do: {'; '.join(together)}."
    raise RecipeError(f"No mix of these documents satisfies all of {said}. {advice}")


def colliding(available: Masses, families: Sequence[Family]) -> list[Family]:
    """Constraints that cannot hold together while any all but one of them can.

    Each is left out in turn; it stays out where the others still collide (the deletion filter of Chinneck and
    Dravnieks, Locating minimal infeasible constraint sets in linear programs, ORSA J. Computing 3 (1991) 157-168).
    """
    left = list(families)
    for family in families:
        others = [one for one in left if one is not family]
        if not possible(available, others):
            left = others
    return left


def possible(available: Masses, families: Sequence[Family]) -> bool:
    """Whether any mix but the empty one satisfies all, if documents may be cut."""
    give = least_violation(available, families, [True] * len(families))
    return give is not None and bool(give.max(initial=0.0) <= _VIOLATED)


def refuse_too_coarse(plan: MixPlan, families: Sequence[Family], total: int) -> NoReturn:
    """Say that parts of documents would satisfy the constraints and whole ones do not.

    Raises:
        RecipeError: always.
    """
    said = [f"{family.key} {family.written:g}" for family in families]
    larger = ""
    if plan.size.amount is not None:
        said.append(f"{RECIPE_KEYS[SIZE]} {plan.size.amount:,} {plan.size.unit}")
        larger = f"Raise {RECIPE_KEYS[SIZE]}, loosen a limit" if families else f"Raise {RECIPE_KEYS[SIZE]}"
    raise RecipeError(
        f"No set of whole documents among these {total:,} {plan.size.unit} was found that satisfies "
        f"{', '.join(said)}: only parts of documents would. {larger or 'Loosen a limit'}, or add documents."
    )


def _impossible(family: Family, filled: int, documents: int) -> str:
    key, limit = family.key, float(family.limit)
    if family.name == HUMAN_FLOOR:
        return (
            f"{key} is {family.written:g}, and none of the {documents:,} documents is known to be human. Declare "
            "human sources in the recipe (origin: human), or remove the floor."
        )
    if family.name == SYNTHETIC_SHARE:
        return (
            f"{key} is {limit:g}, and all of the {documents:,} documents are synthetic. Add sources that are "
            "not, or raise it to 1."
        )
    kind = next(kind for kind, name in CAPS.items() if name == family.name)
    groups = f"is only 1 {kind}" if filled == 1 else f"are only {filled} {_PLURALS[kind]}"
    return (
        f"{key} is {limit:g}, and there {groups} to fill the mix: at most {filled * limit:g} of it. Raise "
        f"the cap to at least {_rounded_up(1 / filled):g}, or add {_PLURALS[kind]}."
    )


def _loosened(family: Family, by: float) -> str:
    """The nearest value in hundredths that is loose enough."""
    if family.name == HUMAN_FLOOR:
        return f"lower {family.key} to {1 - _rounded_up(float(family.limit) + by):g}"
    if family.name == KEEP_TAIL:
        return f"lower {family.key} to {max(0.0, 1 - _rounded_up(1 - float(family.limit) + by)):g}"
    return f"raise {family.key} to {_rounded_up(float(family.limit) + by):g}"


def _rounded_up(share: float) -> float:
    """To hundredths, upwards; what the solver's tolerance added does not count.

    >>> _rounded_up(1 / 3), _rounded_up(0.5), _rounded_up(0.25 + 1e-9)
    (0.34, 0.5, 0.25)
    """
    return float(Fraction(-int(-(share - _VIOLATED / 2) * 100 // 1), 100))
