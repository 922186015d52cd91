"""What a step decides about each document, and the contract every step keeps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]  # positions of documents in the corpus, 0-based


class Decision(IntEnum):
    KEEP = 0
    DROP = 1
    REVIEW = 2  # kept out until a person has looked

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One step's rulings on the documents it does not simply keep; arrays share one length.

    `documents` is ascending and without repeats. `reason` indexes `reasons`. `score` is the value
    that crossed a threshold (its meaning is the reason's), NaN where there is none. `survivor` is
    the document kept in this one's place, -1 where there is none; `cluster` the smallest document
    of its duplicate group, -1 where there is none.
    """

    step: str
    documents: Indices
    decision: NDArray[np.uint8]
    reason: NDArray[np.int32]
    score: NDArray[np.float32]
    survivor: Indices
    cluster: Indices
    reasons: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the step tells the report


@dataclass(frozen=True, slots=True, kw_only=True)
class ShingleSets:
    """The set of word 5-gram hashes of some documents: set k is `hashes[starts[k]:starts[k] + sizes[k]]`.

    Each set is ascending and without repeats. `hashes` may lie in a file that is mapped into memory; `done`
    tells that a stretch of it will not be read again.
    """

    starts: Indices
    sizes: Indices
    hashes: NDArray[np.uint64]
    done: Callable[[int, int], None] = lambda _start, _end: None


class Corpus(Protocol):
    """What a step may see: numeric columns of all documents, and nothing of their text.

    Column names and units are listed in `wellkeeper.core.signals`.
    """

    def __len__(self) -> int: ...

    def column(self, name: str) -> NDArray[Any]:
        """The column of all documents, in document order, shape (documents,)."""
        ...

    def source_names(self) -> Sequence[str]:
        """Names that the column `source` indexes."""
        ...

    def shingles(self, documents: Indices, order: Indices) -> "ShingleSets":
        """Distinct word 5-grams of the given documents (ascending), read from their text again.

        `order` is a permutation of positions in `documents`: the sets lie in this order, so that whoever goes
        through them so reads from one end to the other.
        """
        ...


class Step(Protocol):
    """A named, versioned, pure function from columns to a ruling.

    Registered under the entry point group `wellkeeper.steps` by its name, `near-duplicates.v1`. A
    released version never changes its meaning: better rules get a new number.
    """

    @property
    def name(self) -> str: ...

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options of the recipe with defaults filled in.

        Raises:
            RecipeError: an option is unknown or out of range.
        """
        ...

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        """Rule on the documents where `active`, shape (documents,), is true."""
        ...
