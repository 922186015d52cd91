"""Hill numbers of types, rarefied to a number of documents.

The Hill number of order q is how many equally common types would be as diverse: q = 0 counts all types, q =
1 is the exponential of Shannon's entropy, q = 2 the inverse of Simpson's index. Larger samples hold more
types, so only equal sizes compare. With documents as sampling units, rarefaction to t of n documents has a
closed form in the document frequencies y of the types [1]: K, the documents with a type among t drawn
without repeats, is hypergeometric, and with Q_k(t) = sum over types of P(K = k) and U_t = sum over k of k
Q_k(t)

    q = 0   sum_k Q_k(t)
    q = 1   exp(-sum_k (k / U_t) ln(k / U_t) Q_k(t))
    q = 2   1 / sum_k (k / U_t)^2 Q_k(t)

where Q_k(t) is the unbiased estimate of what t fresh documents would give, so q = 0 is exact.

[1] Chao et al., Rarefaction and extrapolation with Hill numbers, Ecological Monographs 84 (2014) 45-67,
    equations for incidence data.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._loops import expected_k_log_k
from wellkeeper.measure.incidence import Incidence, dense

Frequencies: TypeAlias = NDArray[np.integer]  # shape (types,): documents that have the type, >= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A rarefaction curve: what samples of fewer documents of the corpus hold on average."""

    documents: tuple[int, ...]
    words: tuple[float, ...]  # expected words of so many documents
    types: tuple[float, ...]  # expected distinct types of so many documents

    def to_json(self) -> dict[str, Any]:
        return {"documents": list(self.documents), "words": list(self.words), "types": list(self.types)}


def hill_numbers(frequencies: Frequencies, documents: int, units: int) -> tuple[float, float, float]:
    """Hill numbers of order 0, 1 and 2, in falling order, rarefied to `units` of `documents` documents.

    Two documents, one with types a and b, one with a alone; a sample of one holds 1.5 types on average:

    >>> hill_numbers(np.array([2, 1]), documents=2, units=1)[0]
    1.5

    Raises:
        DataError: no type, a frequency outside 1 to `documents`, or `units` outside 1 to `documents`.
    """
    check_units(documents, units)
    check_frequencies(frequencies, documents)
    counts = np.bincount(frequencies)
    present = np.flatnonzero(counts)
    sums = moments(present, documents, units) @ counts[present]
    q0, q1, q2 = hill_of_moments(sums)
    return float(q0), float(q1), float(q2)


def curve(incidence: Incidence, points: int = 20) -> Curve:
    """The rarefaction curve at up to `points` evenly spaced numbers of documents, the last of them all.

    Raises:
        DataError: no document, or `points` is not positive.
    """
    if points < 1 or not incidence.documents:
        raise DataError(
            f"a curve of {points} points over {incidence.documents} documents is empty. "
            "Ask for at least 1 point, and give at least 1 document."
        )
    documents = incidence.documents
    units = (
        np.unique(np.linspace(1, documents, points).round().astype(np.int64)) if points > 1 else [documents]
    )
    counts = np.bincount(document_frequencies(incidence))
    present = np.flatnonzero(counts)
    expected = [float(_seen(present, documents, int(t)) @ counts[present]) for t in units]
    return Curve(
        documents=tuple(int(t) for t in units),
        words=tuple(incidence.words * int(t) / documents for t in units),
        types=tuple(expected),
    )


def document_frequencies(incidence: Incidence) -> NDArray[np.int64]:
    """Documents that have each type, in order of first appearance, shape (types,)."""
    ids, types = dense(incidence.types)
    return np.bincount(ids, minlength=types)


def moments(frequencies: NDArray[np.integer], documents: int, units: int) -> NDArray[np.float64]:
    """P(K > 0), E[K ln K], E[K^2] and E[K] of each frequency, shape (4, frequencies).

    Summed over types they are all that the Hill numbers need, so a table of them makes look-ups of all
    deletions of a block. A frequency of 0 gives zeros.
    """
    y = frequencies.astype(np.int64)
    logs = np.empty(y.size)
    expected_k_log_k(y, documents, units, logs)
    mean = y * (units / documents)
    squares = mean * (1 + (units - 1) * (y - 1) / max(documents - 1, 1))
    return np.stack([_seen(y, documents, units), logs, squares, mean])


def hill_of_moments(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hill numbers of order 0, 1, 2, shape (3, ...), from moments summed over types, shape (4, ...).

    Where nothing is left to count, they are 0.
    """
    seen, logs, squares, mean = sums
    some = mean > 0
    safe = np.where(some, mean, 1.0)
    entropy = np.log(safe) - logs / safe
    return np.stack(
        [seen, np.where(some, np.exp(entropy), 0.0), safe**2 / np.where(some, squares, 1.0) * some]
    )


def check_frequencies(frequencies: Frequencies, documents: int) -> None:
    """Raise a DataError unless there are types, each of 1 to `documents` documents."""
    if not frequencies.size:
        raise DataError("there is no type to count. Check that the text column is not empty.")
    least, most = int(frequencies.min()), int(frequencies.max())
    if least < 1 or most > documents:
        raise DataError(
            f"document frequencies go from {least} to {most}, and there are {documents} documents. "
            "Pass, for each type that occurs, the number of documents that have it."
        )


def check_units(documents: int, units: int) -> None:
    """Raise a DataError unless `units` documents can be drawn."""
    if not 1 <= units <= documents:
        raise DataError(
            f"cannot rarefy {documents} documents to {units}. Choose units from 1 to {documents}; "
            "richer samples than the corpus itself would be extrapolation."
        )


def absence(frequencies: NDArray[np.integer], documents: int, units: int) -> NDArray[np.float64]:
    """P(K = 0) = C(documents - y, units) / C(documents, units): no document drawn has the type, by frequency y."""
    most = int(frequencies.max(initial=0))
    left = documents - np.arange(most)  # documents that could still be drawn, after each one with the type
    absent = np.concatenate(([1.0], np.cumprod(np.maximum(left - units, 0) / left)))
    chance: NDArray[np.float64] = absent[frequencies]
    return chance


def _seen(frequencies: NDArray[np.integer], documents: int, units: int) -> NDArray[np.float64]:
    return 1 - absence(frequencies, documents, units)
