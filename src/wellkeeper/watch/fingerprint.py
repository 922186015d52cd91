"""Is it another model? One token's log-probabilities to a few prompts, looked at every day.

The distributions of first tokens are held against those of the reference, by total variation. That costs one token a
prompt and sees what a full suite needs weeks for: one step of fine-tuning moves log-probabilities everywhere [1]. It
does not tell whether the model is worse. It only says that a full suite is due now.

A server is noisy by itself: it batches, and rounds. So the reference is looked at several times at the begin, and the
limit is what those looks and all unchanged ones since have from each other: the bound that a further look of the same
kind passes once in a thousand, by Student's t. A false "changed" costs the tokens of one suite, and nothing else.

Servers tell the likeliest tokens alone, some twenty. What both tell is compared token by token, the rest as one. That
is a coarser view of both distributions, so that the distance is at most the true one, and 0 where nothing changed.

[1] Log Probability Tracking of LLM APIs, arXiv 2512.03816.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from wellkeeper.errors import DataError
from wellkeeper.measure import student

First: TypeAlias = Mapping[str, float]
"""First token -> natural logarithm of its chance."""

LOOKS = 5
"""Looks at the reference. With the prompts below, 120 tokens at the begin and after each change, and 24 a day."""
CHANCE = 0.001
"""Of a look at an unchanged model, the chance to lie above the limit, about."""
RESOLUTION = 1e-3
"""Least limit: servers round log-probabilities, some to two digits."""

PROMPTS: tuple[str, ...] = (
    "Name a colour.",
    "Name an animal that lives in water.",
    "Say one word about rain.",
    "Pick a number between 1 and 100.",
    "Name a city in Europe.",
    "Name a fruit.",
    "Write the first word of a story.",
    "What is the best season?",
    "Give a first name.",
    "Name a musical instrument.",
    "What should I cook tonight?",
    "Is a tomato a fruit or a vegetable?",
    "Continue: The door opened and",
    "Continue: In the year 1850,",
    "Continue: def main(",
    "Translate to French: the house is old.",
    "Which is larger, a lake or a sea?",
    "Should I take the train or the car?",
    "Write a title for a poem.",
    "Tell me a secret.",
    "Describe yourself in one word.",
    "What is 17 times 23?",
    "Who wrote the Odyssey?",
    "Answer yes or no: is it ever right to lie?",
)
"""Prompts with many likely first tokens: where one is certain, a change does not show."""


def distance(first: First, second: First) -> float:
    """Total variation of two distributions of first tokens, in [0, 1], tokens that only one tells taken together.

    >>> round(distance({"a": math.log(0.5), "b": math.log(0.5)}, {"a": math.log(0.2), "b": math.log(0.8)}), 12)
    0.3
    """
    shared = first.keys() & second.keys()
    moved = [math.exp(first[token]) - math.exp(second[token]) for token in sorted(shared)]
    rest = math.fsum(moved)
    return min(1.0, (math.fsum(map(abs, moved)) + abs(rest)) / 2)


def mean_distance(first: Sequence[First], second: Sequence[First]) -> float:
    """The same, on the mean over prompts.

    Raises:
        DataError: the two are not of the same prompts.
    """
    if len(first) != len(second) or not first:
        raise DataError(
            f"One look has {len(first)} prompts and the other {len(second)}. Begin the fingerprint anew."
        )
    return math.fsum(distance(one, other) for one, other in zip(first, second, strict=True)) / len(first)


def distance_to(looks: Sequence[Sequence[First]], look: Sequence[First]) -> float:
    """Distance of a look from those of the reference: the median over them."""
    return float(np.median([mean_distance(one, look) for one in looks]))


def limit_of(looks: Sequence[Sequence[First]], unchanged: Sequence[float] = ()) -> float:
    """The distance above which it is another model, in [0, 1].

    Args:
        looks: at the reference, two or more.
        unchanged: distances of later looks that were called unchanged.

    Raises:
        DataError: there are fewer than two looks.
    """
    if len(looks) < 2:
        raise DataError(
            f"{len(looks)} looks at the reference tell nothing of the server's noise. Take {LOOKS}."
        )
    own = [distance_to([*looks[:at], *looks[at + 1 :]], look) for at, look in enumerate(looks)]
    values = np.array([*own, *unchanged])
    spread = float(values.std(ddof=1)) * math.sqrt(1 + 1 / values.size)
    reach = student.reach(values.size - 1, 2 * CHANCE) * spread
    return min(1.0, max(RESOLUTION, float(values.max()), float(values.mean()) + reach))
