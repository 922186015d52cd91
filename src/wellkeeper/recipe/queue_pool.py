"""What a review queue is made from: all that might be asked, and how to get at those that are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.store import sha256_of_file
from wellkeeper.ledger.manifest import ENVELOPE
from wellkeeper.review.item import Item
from wellkeeper.review.question import Kind

Numbers: TypeAlias = NDArray[np.float64]

HEAVIEST = 4.0
"""How many times the mean a text may weigh: past that, one long document would push out all others."""
SUREST = 0.99
"""The highest chance that a score says, and one less the lowest: nothing here is surer than one error in a hundred."""
UNKNOWN = 0.5
"""The score where nothing is known: estimates need one of every item, and a constant one does no harm to them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """All items of one kind that a result has; arrays have the shape (items,)."""

    ids: Sequence[str]  # all different
    values: Numbers  # of a label, 0 or more
    scores: Numbers  # chance, in [0, 1], that the question's share counts it
    items: Callable[
        [Sequence[int]], Iterator[Item]
    ]  # those at some positions, in that order, read as they are asked for
    note: str  # a sentence: what the pool is
    lost: int = 0  # items whose texts are not at hand, and which are not of the pool
    said: tuple[str, ...] = ()  # what was left out and why, in sentences
    about: Mapping[str, str] = field(default_factory=dict)  # what else the queue keeps of where it is from


def made_from(kind: Kind, out: str | Path) -> dict[str, str]:
    """Where a queue is from, as it keeps it; `seal` is the SHA-256 of the result's seal, empty where it has none."""
    seal = Path(out) / ENVELOPE
    return {
        "from": kind,
        "folder": str(out),
        "seal": sha256_of_file(seal) if seal.is_file() else "",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }


def weights_of(words: NDArray[np.integer]) -> Numbers:
    """What a text weighs by its words, shape (texts,): 1 for a text of mean length, at most `HEAVIEST`."""
    mean = max(float(words.mean()), 1.0) if words.size else 1.0
    return np.asarray(np.minimum(words / mean, HEAVIEST))


def entropy(chance: Numbers) -> Numbers:
    """Uncertainty of yes or no, in bits, in [0, 1]: 1 for a chance of a half, 0 for certainty.

    >>> entropy(np.array([0.5, 1.0, 0.11])).round(2)
    array([1. , 0. , 0.5])
    """
    both = np.stack([chance, 1 - chance])
    return np.asarray(-(both * np.log2(np.where(both > 0, both, 1.0))).sum(axis=0)) + 0.0


def surely(chance: Numbers) -> Numbers:
    """A chance as a score has it: within `SUREST`, and `UNKNOWN` for NaN."""
    return np.asarray(np.clip(np.nan_to_num(chance, nan=UNKNOWN), 1 - SUREST, SUREST))


def distinct(names: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """Ids that are all different: a name that came before gets `#` and its number, which no other has.

    >>> distinct(["a", "b", "a"], [0, 1, 2])
    ['a', 'b', 'a#2']
    """
    taken, found = set(names), []
    if len(taken) == len(names):
        return list(names)
    seen: set[str] = set()
    for name, number in zip(names, numbers, strict=True):
        one = name
        while one in seen or (one != name and one in taken):
            one = f"{one}#{number}"
        seen.add(one)
        found.append(one)
    return found
