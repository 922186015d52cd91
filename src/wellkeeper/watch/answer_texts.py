"""How unlike are the answers to one prompt? Distances of texts, and answers of two versions cut to equal length.

The distance of two answers is Jaccard's, of their sets of runs of four characters, lower-case and with white space
collapsed: it needs no model, no language and no list of words, and two answers that say the same in other words are
unlike. Equal answers have the distance 0, two empty ones as well: taken for unlike, they make a version that fails look
diverse (`measure.paired_diversity`).

Longer texts share more runs by chance, and shorter ones are more of the phrases that all begin with: a change of length
alone moves any such figure (arXiv 2507.15092). Answers are therefore also compared at equal length: those of both
versions to a prompt are cut to the usual number of words of the version that is shorter there. Which version is which
makes no difference to the cut, so that a test of like with like stays as exact as without; equal answers stay equal.
Cutting to the very shortest answer would leave single words of many prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels import text
from wellkeeper.kernels.documents import in_bytes, tables
from wellkeeper.measure.paired_diversity import mean_distance, unlike_share

GRAM = 4
"""Characters of a run. Those of docs/LOG.md's comparisons of a real model with itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Worded:
    """A text, and where its words end, in bytes of its UTF-8, shape (words,)."""

    text: str
    ends: NDArray[np.int64]

    @property
    def words(self) -> int:
        return self.ends.size

    def first(self, words: int) -> str:
        """The text up to its `words`-th word; all of it if it has no more."""
        if words >= self.words:
            return self.text
        if not words:
            return ""
        return self.text.encode("utf-8", "replace")[: self.ends[words - 1]].decode()


def worded(texts: Sequence[str]) -> list[Worded]:
    """Find the words of texts, as every count of wellkeeper has them.

    >>> [found.words for found in worded(["A cat, a dog.", ""])]
    [4, 0]
    """
    data, bounds = in_bytes(texts)
    offsets, _, _, ends = text.word_places(data, bounds, tables(), np.arange(len(texts)))
    return [
        Worded(one, ends[start:end])
        for one, (start, end) in zip(texts, pairwise(offsets.tolist()), strict=True)
    ]


def at_equal_length(*sides: Sequence[Worded]) -> tuple[list[str], ...]:
    """The answers of two or more versions to one prompt, all cut to the same number of words."""
    words = min((_usual_length(side) for side in sides), default=0)
    return tuple([one.first(words) for one in side] for side in sides)


def distances_of(texts: Sequence[str]) -> NDArray[np.float64]:
    """The distance of each two texts, shape (texts, texts), in [0, 1].

    >>> distances_of(["The sea.", "the  SEA.", "A hill.", ""]).round(2).tolist()[0]
    [0.0, 0.0, 1.0, 1.0]
    """
    grams = [_grams(normalised(one)) for one in texts]
    table = np.zeros((len(texts), len(texts)))
    for i, mine in enumerate(grams):
        for j, theirs in enumerate(grams[:i]):
            table[i, j] = table[j, i] = _jaccard_distance(mine, theirs)
    return table


def diversity_of(texts: Sequence[str]) -> float:
    """The mean distance of two different answers to a prompt, in [0, 1].

    Raises:
        DataError: there are fewer than two.
    """
    return float(mean_distance(distances_of(texts)[None])[0])


def unlike_share_of(texts: Sequence[str]) -> float:
    """The share of pairs of different answers that are not the same text, in [0, 1].

    Raises:
        DataError: there are fewer than two.
    """
    labels: dict[str, int] = {}
    found = [labels.setdefault(normalised(one), len(labels)) for one in texts]
    return float(unlike_share(np.array([found]))[0])


def normalised(answer: str) -> str:
    """Lower-case, white space collapsed: answers of equal form are the same answer."""
    return " ".join(answer.lower().split())


def _usual_length(answers: Sequence[Worded]) -> int:
    """Words of the middle answer of those that have any, of two the shorter one; 0: none has any."""
    lengths = sorted(one.words for one in answers if one.words)
    return lengths[(len(lengths) - 1) // 2] if lengths else 0


def _grams(answer: str) -> frozenset[str]:
    """A text that is shorter than a run is one run; an empty one has none."""
    if len(answer) < GRAM:
        return frozenset([answer]) if answer else frozenset()
    return frozenset(answer[at : at + GRAM] for at in range(len(answer) - GRAM + 1))


def _jaccard_distance(first: frozenset[str], second: frozenset[str]) -> float:
    shared = len(first & second)
    together = len(first) + len(second) - shared
    return 1 - shared / together if together else 0.0
