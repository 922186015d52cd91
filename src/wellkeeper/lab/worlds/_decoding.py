"""How worlds without text follow a policy's decoding, or why they do not."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.policy import Decoding


def refuse(world: str, decoding: Decoding, *, but: tuple[str, ...] = ()) -> None:
    """Refuse decoding that a world has no meaning for.

    Args:
        world: its name.
        decoding: what a policy says.
        but: fields of `Decoding` that the world follows.

    Raises:
        RecipeError: another field is not plain.
    """
    rest = replace(decoding, **{name: getattr(Decoding(), name) for name in but})
    if not rest.is_plain:
        raise RecipeError(f"The world {world} cannot be sampled with {rest}. Leave that out of the policy.")


def decoded(probabilities: NDArray[np.float64], decoding: Decoding) -> NDArray[np.float64]:
    """Distributions as a decoding samples them: temperature first, then the likeliest.

    Args:
        probabilities: shape (distributions, outcomes), each row sums to 1.
        decoding: its temperature, top_k and top_p are followed.

    Returns: shape (distributions, outcomes). Among equally likely outcomes at the edge the first ones stay.
    """
    if decoding.is_plain:
        return probabilities
    found = _tempered(probabilities, decoding.temperature)
    if decoding.top_k is None and decoding.top_p is None:
        return found
    order = np.argsort(-found, axis=1, kind="stable")
    falling = np.take_along_axis(found, order, axis=1)
    if decoding.top_k is not None:
        falling[:, decoding.top_k :] = 0
        falling /= falling.sum(axis=1, keepdims=True)
    if decoding.top_p is not None:
        falling[np.cumsum(falling, axis=1) - falling >= decoding.top_p] = 0
    np.put_along_axis(found, order, falling, axis=1)
    return _normalised(found)


def _tempered(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Each distribution to the power 1 / temperature; at 0, its first likeliest outcome alone."""
    if temperature == 0:
        found = np.zeros_like(probabilities)
        np.put_along_axis(found, probabilities.argmax(axis=1, keepdims=True), 1.0, axis=1)
        return found
    ratios = probabilities / probabilities.max(axis=1, keepdims=True)
    return _normalised(ratios ** (1 / temperature))


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return found
