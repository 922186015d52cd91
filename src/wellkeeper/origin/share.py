"""The share of a corpus with AI in its making, as far as labels, dates and traces settle it: no detector.

Most documents carry no evidence either way. What can be said without assuming anything about them is an
interval: at one end none of them is AI, at the other all are [1]. It is usually wide, and honestly so; a
narrower figure without references would be a guess.

[1] Manski, Partial Identification of Probability Distributions, Springer 2003, chapter 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.origin import AI_MADE, Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import DataError

ANCHORS_NEEDED = (
    80  # of each kind of text; with 80 human and 80 AI ones the share's mean error was 0.03, our measurement
)
UNDATED = "undated"
CERTIFIED = 0.975
"""Confidence of certified lower bounds: purely human text gets one above 0 in 2.5 % of slices at most."""
LEVEL = 0.95  # the bounds hold with certainty for these documents, hence at this level too


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share of documents that are ai-generated or ai-assisted, in [0, 1].

    `estimate` is None where the share is not identified. `low` and `high` bound it for these very documents:
    there is no sampling in it, so `level` is met with room to spare.
    """

    estimate: float | None
    low: float
    high: float
    level: float
    method: str  # 'bounds', or 'declared' where no document is unknown
    anchored: bool
    note: str

    def to_json(self) -> dict[str, Any]:
        names = ("estimate", "low", "high", "level", "method", "anchored", "note")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The share of one source or month."""

    name: str
    documents: int
    share: Share


def share(origin: NDArray[np.uint8], conflict: NDArray[np.bool_] | None = None) -> Share:
    """Bound the share of documents with AI in their making.

    Known AI: ai-generated and ai-assisted. Known otherwise: human, machine-translated, programmatic. Unknown:
    the rest, and every document whose evidence is in conflict.

    Args:
        origin: decided `Origin` of each document, shape (documents,), as `evidence.origin_of` returns it.
        conflict: whether a document's evidence contradicts itself, shape (documents,); None: nowhere.

    Raises:
        DataError: no document, or arrays of different length.
    """
    if not origin.size:
        raise DataError("the share of no documents is not defined. Check that the inputs hold documents.")
    ai, other = _known(origin, conflict)
    return _share(int(ai.sum()), int(other.sum()), origin.size)


def by_source(
    origin: NDArray[np.uint8],
    source: NDArray[np.integer],
    names: Sequence[str],
    conflict: NDArray[np.bool_] | None = None,
) -> tuple[Slice, ...]:
    """The share of each source that has documents, in the order of `names`; `source` indexes them.

    Raises:
        DataError: arrays of different length, or a source without a name.
    """
    if source.size and not 0 <= int(source.min()) <= int(source.max()) < len(names):
        raise DataError(
            f"source indexes {int(source.min())} to {int(source.max())} and there are {len(names)} names. "
            "Pass the names that the column `source` indexes."
        )
    return _slices(origin, conflict, source, names)


def by_month(
    origin: NDArray[np.uint8], captured_at: NDArray[np.int64], conflict: NDArray[np.bool_] | None = None
) -> tuple[Slice, ...]:
    """The share of each month of capture, `YYYY-MM` in UTC and ascending, then of the undated documents.

    Raises:
        DataError: arrays of different length.
    """
    dated = captured_at != NO_DATE
    months = np.where(dated, captured_at, 0).astype("datetime64[s]").astype("datetime64[M]")
    distinct, index = np.unique(months[dated], return_inverse=True)
    which = np.full(captured_at.shape, distinct.size, np.int64)
    which[dated] = index
    return _slices(origin, conflict, which, [*map(str, distinct), UNDATED])


def _known(
    origin: NDArray[np.uint8], conflict: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    settled = np.ones(origin.shape, bool) if conflict is None else ~conflict
    _same_length(origin, settled, "conflict")
    ai = np.isin(origin, AI_MADE) & settled
    return ai, (origin != Origin.UNKNOWN) & settled & ~ai


def _slices(
    origin: NDArray[np.uint8],
    conflict: NDArray[np.bool_] | None,
    which: NDArray[np.integer],
    names: Iterable[str],
) -> tuple[Slice, ...]:
    _same_length(origin, which, "the slicing column")
    ai, other = _known(origin, conflict)
    labels = list(names)
    documents, known_ai, known_other = (
        np.bincount(which[chosen], minlength=len(labels)).tolist() for chosen in (np.s_[:], ai, other)
    )
    rows = zip(labels, documents, known_ai, known_other, strict=True)
    return tuple(
        Slice(name=name, documents=total, share=_share(ours, others, total))
        for name, total, ours, others in rows
        if total
    )


def _same_length(origin: NDArray[Any], other: NDArray[Any], name: str) -> None:
    if origin.shape != other.shape:
        raise DataError(
            f"origin has shape {origin.shape} and {name} has {other.shape}. "
            "Pass one value of each per document."
        )


def _share(ai: int, other: int, documents: int) -> Share:
    unknown = documents - ai - other
    low, high = ai / documents, (documents - other) / documents
    if unknown:
        note = (
            f"Not identified: {unknown:,} of {documents:,} documents carry no evidence that settles their "
            f"origin, so the share lies anywhere from {low:.1%} (none of them is AI) to {high:.1%} "
            f"(all are). About {ANCHORS_NEEDED} documents of known origin per kind of text (anchors) would "
            "settle it."
        )
        estimate, method = None, "bounds"
    else:
        note = (
            f"Declared, not tested: all {documents:,} documents have an origin by label, date or trace, "
            "and the share counts them as they stand. "
            f"About {ANCHORS_NEEDED} documents of known origin per kind of text (anchors) would test them."
        )
        estimate, method = low, "declared"
    return Share(estimate=estimate, low=low, high=high, level=LEVEL, method=method, anchored=False, note=note)
