"""Which types occur in which documents: the one representation that every tail measure reads.

The document is the sampling unit. Words come in bursts, so 100,000 words of 100 documents say far less about
rare words than 100,000 words drawn one by one would; counting documents, not words, keeps that.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._loops import count_in_groups, join_words, number_types

Offsets: TypeAlias = NDArray[
    np.int64
]  # shape (documents + 1,): ascending, from 0 to the length of the entries
Hashes: TypeAlias = NDArray[np.uint64]  # 64-bit hashes; equal hashes are taken for equal types


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documents:
    """Documents as the hashes of their words, in sampling order (ascending hash of the document)."""

    offsets: Offsets
    hashes: Hashes  # shape (words,): document d has those from offsets[d] to below offsets[d + 1]

    def __post_init__(self) -> None:
        check_offsets(self.offsets, self.hashes.size, "hashes")

    def __len__(self) -> int:
        return self.offsets.size - 1

    @property
    def words(self) -> int:
        return self.hashes.size

    def take_words(self, words: int) -> "Documents":
        """The first documents, whole, whose words together come nearest to `words`; at least one document.

        Nearest, not first to reach, for the reason that the function of this name gives.
        """
        if not len(self):
            return self
        count = 1 + int(np.argmin(np.abs(self.offsets[1:] - words)))
        return Documents(offsets=self.offsets[: count + 1], hashes=self.hashes[: self.offsets[count]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Incidence:
    """The distinct types of each document, documents in sampling order (ascending hash of the document).

    A type is whatever was hashed: a word, a 3-gram, a cluster id. Document d has the entries
    [offsets[d], offsets[d + 1]); no type is in it twice. A document may be empty.
    """

    offsets: Offsets
    types: Hashes  # shape (entries,)
    tokens: NDArray[np.int32]  # shape (entries,): occurrences of that type in that document, >= 1

    def __post_init__(self) -> None:
        check_offsets(self.offsets, self.types.size, "types")
        if self.tokens.shape != self.types.shape:
            raise DataError(
                f"tokens has shape {self.tokens.shape} and types has {self.types.shape}. "
                "Pass one count for each type of a document, or build it with incidence_of()."
            )
        if self.tokens.size and self.tokens.min() < 1:
            raise DataError(
                f"tokens[{int(self.tokens.argmin())}] is {self.tokens.min()}. "
                "Leave types out that a document does not have: counts start at 1."
            )

    @property
    def documents(self) -> int:
        return self.offsets.size - 1

    @property
    def words(self) -> int:
        """Tokens counted, repeats included: words, or n-grams where n-grams were hashed."""
        return int(self.tokens.sum())

    def words_by_document(self) -> NDArray[np.int64]:
        """Tokens of each document, shape (documents,)."""
        ends = np.concatenate(([0], np.cumsum(self.tokens, dtype=np.int64)))
        return np.diff(ends[self.offsets])


def incidence_of(offsets: Offsets, hashes: Hashes) -> Incidence:
    """Count the distinct types of each document.

    Document d has the token hashes `hashes[offsets[d]:offsets[d + 1]]`, in any order.

    >>> found = incidence_of(np.array([0, 3, 3, 4]), np.array([7, 9, 7, 9], np.uint64))
    >>> found.offsets.tolist(), found.types.tolist(), found.tokens.tolist()
    ([0, 2, 2, 3], [7, 9, 9], [2, 1, 1])

    Raises:
        DataError: the offsets do not delimit the hashes.
    """
    check_offsets(offsets, hashes.size, "hashes")
    ids, types = dense(hashes)
    groups = grouped(offsets, ids, np.ones(ids.size, np.int32), types)
    return Incidence(offsets=groups.bounds, types=hashes[groups.firsts], tokens=groups.totals)


def ngrams(offsets: Offsets, hashes: Hashes, n: int) -> tuple[Offsets, Hashes]:
    """Hashes of every `n` consecutive tokens of a document, in the form that `incidence_of` takes.

    No n-gram reaches over the end of a document; one of m tokens has max(m - n + 1, 0).

    >>> offsets, grams = ngrams(np.array([0, 3, 4]), np.array([1, 2, 3, 1], np.uint64), 2)
    >>> offsets.tolist(), grams.size
    ([0, 2, 2], 2)

    Raises:
        DataError: the offsets do not delimit the hashes, or `n` is not positive.
    """
    if n < 1:
        raise DataError(f"n is {n}. Ask for n-grams of at least 1 token.")
    check_offsets(offsets, hashes.size, "hashes")
    starts = np.concatenate(([0], np.cumsum(np.maximum(np.diff(offsets) - n + 1, 0))))
    joined = np.empty(int(starts[-1]), np.uint64)
    join_words(np.ascontiguousarray(offsets), np.ascontiguousarray(hashes), n, starts, joined)
    return starts, joined


def select(incidence: Incidence, chosen: NDArray[np.bool_]) -> Incidence:
    """The documents where `chosen`, shape (documents,), is true, in the same order."""
    sizes = np.diff(incidence.offsets)
    entries = np.repeat(chosen, sizes)
    return Incidence(
        offsets=np.concatenate(([0], np.cumsum(sizes[chosen]))),
        types=incidence.types[entries],
        tokens=incidence.tokens[entries],
    )


def halves(incidence: Incidence) -> tuple[Incidence, Incidence]:
    """Documents 0, 2, 4, ... and 1, 3, 5, ...: two random halves, since the order is that of a hash."""
    even = np.arange(incidence.documents) % 2 == 0
    return select(incidence, even), select(incidence, ~even)


def take_words(incidence: Incidence, words: int) -> Incidence:
    """The first documents, whole, whose words together come nearest to `words`; at least one document.

    Nearest, not first to reach: stopping at the document that crosses the line would favour long documents
    and give more words than asked for, on average half a long document.

    Raises:
        DataError: `words` is negative.
    """
    if words < 0:
        raise DataError(f"words is {words}. Ask for a budget of 0 words or more.")
    if not incidence.documents:
        return incidence
    reached = np.cumsum(incidence.words_by_document())
    count = 1 + int(np.argmin(np.abs(reached - words)))
    end = incidence.offsets[count]
    return Incidence(
        offsets=incidence.offsets[: count + 1], types=incidence.types[:end], tokens=incidence.tokens[:end]
    )


def match(a: Incidence, b: Incidence) -> tuple[Incidence, Incidence]:
    """Both corpora at as many words as the smaller one has: it stays whole, the other is cut by `take_words`.

    Documents are whole, so the sizes differ by up to half a document: report both, in documents and words.
    """
    if a.words <= b.words:
        return a, take_words(b, a.words)
    return take_words(a, b.words), b


def united(incidence: Incidence, unit: NDArray[np.integer], units: int) -> Incidence:
    """Documents of one unit as one document, such as the answers to one prompt; units are in ascending order.

    `unit`, shape (documents,), is of each document a number below `units`, or negative to leave it out.

    >>> answers = incidence_of(np.array([0, 1, 3]), np.array([7, 7, 9], np.uint64))
    >>> united(answers, np.array([0, 0]), 1).tokens.tolist()
    [2, 1]
    """
    ids, types = dense(incidence.types)
    of_entry = np.repeat(unit, np.diff(incidence.offsets))
    order = np.argsort(of_entry, kind="stable")
    order = order[int(np.count_nonzero(of_entry < 0)) :]
    bounds = np.searchsorted(of_entry[order], np.arange(units + 1))
    groups = grouped(bounds, ids[order], incidence.tokens[order], types)
    return Incidence(offsets=groups.bounds, types=incidence.types[order][groups.firsts], tokens=groups.totals)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouped:
    """The distinct types of each group of documents; entries as in `Incidence`, shape (entries,)."""

    bounds: NDArray[np.int64]  # shape (groups + 1,): entries of group g are [bounds[g], bounds[g + 1])
    firsts: NDArray[np.int64]  # where the type first stands in what was grouped
    entries: NDArray[np.int32]  # documents of the group that have the type
    totals: NDArray[np.int32]  # its tokens in the group

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of `values`, shape (entries,), over each group, shape (groups,)."""
        ends = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        return np.diff(ends[self.bounds])


def dense(hashes: Hashes) -> tuple[NDArray[np.int32], int]:
    """Ids 0, 1, 2, ... in place of hashes, in order of first appearance, and how many there are."""
    ids = np.empty(hashes.size, np.int32)
    return ids, number_types(np.ascontiguousarray(hashes), ids)


def grouped(
    bounds: NDArray[np.int64], ids: NDArray[np.int32], weights: NDArray[np.int32], types: int
) -> Grouped:
    """Collapse each run [bounds[g], bounds[g + 1]) of `ids`, all below `types`, to its distinct ids."""
    ends, firsts = np.empty(bounds.size - 1, np.int64), np.empty(ids.size, np.int64)
    entries, totals = np.empty(ids.size, np.int32), np.empty(ids.size, np.int32)
    count_in_groups(
        np.ascontiguousarray(bounds), ids, np.ascontiguousarray(weights), types, ends, firsts, entries, totals
    )
    count = int(ends[-1]) if ends.size else 0
    return Grouped(
        bounds=np.concatenate((np.zeros(1, np.int64), ends)),
        firsts=firsts[:count],
        entries=entries[:count],
        totals=totals[:count],
    )


def check_offsets(offsets: Offsets, length: int, what: str) -> None:
    """Raise a DataError unless the offsets delimit documents in `length` entries, called `what`."""
    if offsets.ndim != 1 or not offsets.size or offsets[0] != 0 or offsets[-1] != length:
        found = (
            f"go from {offsets[0]} to {offsets[-1]}"
            if offsets.ndim == 1 and offsets.size
            else "are not a row"
        )
        raise DataError(
            f"offsets {found}, and there are {length} {what}. "
            f"Pass one offset a document and a last one, from 0 to {length}."
        )
    steps = np.diff(offsets)
    if steps.size and steps.min() < 0:
        at = int(steps.argmin())
        raise DataError(
            f"offsets[{at + 1}] is {offsets[at + 1]}, below offsets[{at}], which is {offsets[at]}. "
            "Pass offsets in ascending order."
        )
