"""The steps a recipe can name: ours and those of installed packages, found by entry point."""

from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

from wellkeeper.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wellkeeper.core.decision import Step

GROUP = "wellkeeper.steps"


@cache
def registered_steps() -> "Mapping[str, Step]":
    """Every installed step by its name, `near-duplicates.v1`, sorted by name.

    Raises:
        RecipeError: a package registers a step that cannot be loaded, or under another name than its own.
    """
    found: dict[str, Step] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            step = point.load()
        except Exception as error:
            raise RecipeError(
                f"The step {point.name} ({point.value}) cannot be loaded: {error}. Repair or remove the package "
                "that registers it."
            ) from error
        if step.name != point.name:
            raise RecipeError(
                f"The step registered as {point.name} calls itself {step.name}. The package that registers it "
                "must use one name."
            )
        found[point.name] = step
    return MappingProxyType(found)


def step_named(name: str) -> "Step":
    """The step of that name.

    Raises:
        RecipeError: there is none.
    """
    steps = registered_steps()
    if name not in steps:
        from difflib import get_close_matches  # only a wrong name needs it

        close = get_close_matches(name, steps, 1, 0.5)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise RecipeError(f"There is no step {name!r}.{meant} Steps: {', '.join(steps)}.")
    return steps[name]
