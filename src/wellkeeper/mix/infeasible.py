"""What to say when only an empty mix satisfies the constraints: which one, its numbers, what would work."""

from collections.abc import Sequence
from typing import NoReturn

from wellkeeper.errors import RecipeError
from wellkeeper.mix.allocate import Family, Masses, allocate, held, loosened
from wellkeeper.mix.plan import CAP_SOURCE, HUMAN_FLOOR, RECIPE_KEYS, SYNTHETIC_SHARE, MixPlan


def refuse_impossible(available: Masses, constraints: Sequence[Family], documents: int) -> None:
    """Refuse a constraint that cannot be satisfied whatever the others say.

    Raises:
        RecipeError: there is one.
    """
    for family in constraints:
        masses = held(family, available)
        filled = int((masses > 0).sum())
        outside = bool(((family.group < 0) & (available > 0)).any())
        if not outside and filled * family.limit < 1 - 1e-12:
            raise RecipeError(_impossible(family, filled, documents))


def refuse_infeasible(available: Masses, constraints: tuple[Family, ...], plan: MixPlan) -> NoReturn:
    """Name the limits that do not go together and, for each, the nearest value that would do.

    Raises:
        RecipeError: always.
    """
    said = ", ".join(f"{RECIPE_KEYS[name]} {limit:g}" for name, limit in plan.limits().items())
    ways = []
    for family in constraints:
        limit = _nearest_feasible(available, constraints, family)
        if limit is not None and family.name == HUMAN_FLOOR:
            ways.append(f"lower {RECIPE_KEYS[family.name]} to {1 - limit:g}")
        elif limit is not None:
            ways.append(f"raise {RECIPE_KEYS[family.name]} to {limit:g}")
    advice = f"Any one of these would do: {'; '.join(ways)}." if ways else "Loosen more than one of them."
    raise RecipeError(f"No mix of these documents satisfies all of {said}. {advice}")


def refuse_too_coarse(plan: MixPlan, total: int) -> NoReturn:
    """Say that parts of documents would satisfy the constraints and whole ones do not.

    Raises:
        RecipeError: always.
    """
    said = [f"{RECIPE_KEYS[name]} {limit:g}" for name, limit in plan.limits().items()]
    if plan.size.amount is not None:
        said.append(f"{RECIPE_KEYS['size']} {plan.size.amount:,} {plan.size.unit}")
    raise RecipeError(
        f"No set of whole documents among these {total:,} {plan.size.unit} was found that satisfies "
        f"{', '.join(said)}: only parts of documents would. Loosen a limit, or add documents."
    )


def _impossible(family: Family, filled: int, documents: int) -> str:
    key, limit = RECIPE_KEYS[family.name], family.limit
    if family.name == HUMAN_FLOOR:
        return (
            f"{key} is {1 - limit:g}, and none of the {documents:,} documents is known to be human. Declare "
            "human sources in the recipe (origin: human), or remove the floor."
        )
    if family.name == SYNTHETIC_SHARE:
        return (
            f"{key} is {limit:g}, and all of the {documents:,} documents are synthetic. Add sources that are "
            "not, or raise it to 1."
        )
    kind = "source" if family.name == CAP_SOURCE else "month"
    groups = f"is only 1 {kind}" if filled == 1 else f"are only {filled} {kind}s"
    return (
        f"{key} is {limit:g}, and there {groups} to fill the mix: at most {filled * limit:g} of it. Raise "
        f"the cap to at least {_rounded_up(1 / filled):g}, or add {kind}s."
    )


def _nearest_feasible(available: Masses, constraints: tuple[Family, ...], family: Family) -> float | None:
    """Smallest limit, in hundredths, at which this family no longer stands in the way; None if none does."""
    if not allocate(available, loosened(constraints, family.name, 1.0)).feasible:
        return None
    low, high = int(family.limit * 100), 100
    while high - low > 1:
        middle = (low + high) // 2
        feasible = allocate(available, loosened(constraints, family.name, middle / 100)).feasible
        low, high = (low, middle) if feasible else (middle, high)
    return high / 100


def _rounded_up(share: float) -> float:
    """To hundredths, upwards.

    >>> _rounded_up(1 / 3), _rounded_up(0.5)
    (0.34, 0.5)
    """
    return -(-share * 100 // 1) / 100
