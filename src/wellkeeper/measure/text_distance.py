"""How far two answers to one prompt lie apart: Jaccard distance of their character 4-grams.

Case and white space are no difference. Equal texts have distance 0, two empty ones as well: those have no 4-gram, so
that the quotient is 0 / 0, and taken for 1 it makes a version look diverse because it fails.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GRAM = 4
"""Characters. A shorter text is one gram as a whole."""


def text_distances(texts: Sequence[str]) -> NDArray[np.float64]:
    """Distances of all pairs of texts, shape (texts, texts), in [0, 1], symmetric, 0 on the diagonal.

    >>> text_distances(["A  cat", "a cat", "", " ", "dogs"])[0].tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0]
    """
    plain = [_plain(text) for text in texts]
    grams = [_grams(text) for text in plain]
    found = np.zeros((len(texts), len(texts)))
    for second in range(len(texts)):
        for first in range(second):
            if plain[first] != plain[second]:
                found[first, second] = found[second, first] = _distance(grams[first], grams[second])
    return found


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[at : at + GRAM] for at in range(max(1, len(text) - GRAM + 1)))


def _distance(first: frozenset[str], second: frozenset[str]) -> float:
    both = len(first & second)
    return 1 - both / (len(first) + len(second) - both)
