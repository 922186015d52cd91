"""Numbers that users give, and the ranges in which they make sense."""

from wellkeeper.errors import RecipeError

LARGE = 1e6
"""The most of a setting that has no end of its own: its square, and powers of it over a run, are still numbers."""


def check_range(name: str, value: float, low: float, high: float = LARGE, *, above: bool = False) -> None:
    """Refuse a number that is not in [low, high], or in (low, high] where it must be `above`; so NaN.

    Raises:
        RecipeError: as said.
    """
    if not (low < value if above else low <= value) or not value <= high:
        least = f"above {low:g}, up" if above else f"from {low:g}"
        raise RecipeError(f"{name} is {value:g}. Give a number {least} to {high:g}.")
