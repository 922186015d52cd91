"""The share of AI text, measured by style against references of the same slice; totals are sums over slices.

A *cell* is a part of one slice: all of it, or what of it comes from one source or month. Each is measured against the
references of its slice and never together with another slice's text: where slices are pooled, errors of opposite sign
cancel, and an estimate looks good that is wrong everywhere.

The share of several cells is their sum, weighted by the documents that can be judged; so are the ends of its interval.
That is exact if the cells err together, as they do where one set of references serves them. Where they err apart, some
too high and some too low, it is wider than it need be; where all intervals miss on one side it misses too.

No interval of a cell is narrower than that of a plain count of its scored documents [1], as if each were known for
certain. A bootstrap alone can come down to a point: where all documents read more human than every reference, all of
its estimates are 0, and "0 % to 0 %" of 300 documents is more than anyone can know.

[1] Wilson, Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22 (1927) 209-212.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.quantify import (
    Interval,
    certified_lower_bound,
    share_with_human_references,
    share_with_references,
)
from wellkeeper.origin.share import CERTIFIED, LEVEL
from wellkeeper.origin.style import Component

FEWEST_SCORES = 30
"""Scored documents of a cell below which nothing is said of it: an interval would span most of 0 to 1."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Documents of one slice, some of them drawn at random and scored."""

    key: str  # names the cell, so that its bootstrap is its own and always the same
    documents: int
    scores: Scores  # of the drawn, shape (drawn,); NaN where the model abstains
    human: Scores  # of the slice's references
    ai: Scores  # likewise; empty: there are none


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The share of AI text among the documents of one or several cells that can be judged."""

    estimate: float
    low: float
    high: float
    certified: float  # lower bound that holds whatever the AI text is like, at `CERTIFIED`
    method: str  # 'references', 'human-references' or, of cells that differ, 'both'
    documents: int
    judged: int  # documents that can be judged: scored, or expected to be, in cells with references
    scored: int  # documents that were

    def to_json(self) -> dict[str, Any]:
        names = ("estimate", "low", "high", "certified", "method", "documents", "judged", "scored")
        return {name: getattr(self, name) for name in names}


def measure(
    cells: Sequence[Cell], components: Sequence[Component], *, documents: int, seed: int = 0
) -> Measured | None:
    """The share of some cells together; None where no cell has `FEWEST_SCORES` scored documents.

    Args:
        cells: each with human references.
        components: training domains, for cells without AI references.
        documents: that the cells are of; those in no cell, and in cells that cannot be measured, are not judged.
        seed: of the bootstraps.
    """
    return together([(cell, share_of(cell, components, seed=seed)) for cell in cells], documents=documents)


def share_of(cell: Cell, components: Sequence[Component], *, seed: int = 0) -> Interval | None:
    """The share of one cell; None if it has fewer than `FEWEST_SCORES` scored documents."""
    scores = _scored(cell)
    if scores.size < FEWEST_SCORES:
        return None
    own = _seed(seed, cell.key)
    if cell.ai.size:
        share = share_with_references(
            scores, cell.human, cell.ai, components=components, seed=own, level=LEVEL
        )
    else:
        share = share_with_human_references(scores, cell.human, components, seed=own, level=LEVEL)
    estimate, low, high = (round(value, _DIGITS) for value in (share.estimate, share.low, share.high))
    least, most = wilson(estimate, scores.size)
    return replace(share, estimate=estimate, low=min(low, least), high=max(high, most))


_DIGITS = 9  # a mean over fits that differ comes near 0 and 1, and by rounding never quite to it


def together(measured: Sequence[tuple[Cell, Interval | None]], *, documents: int) -> Measured | None:
    """The sum of cells and their shares; None where no cell has one. `documents` as in `measure`."""
    found = [(cell, share, _scored(cell)) for cell, share in measured if share is not None]
    if not found:
        return None
    confidence = 1 - (1 - CERTIFIED) / len(found)  # of each bound, so that all hold together at `CERTIFIED`
    judged = [max(1, round(cell.documents * scores.size / cell.scores.size)) for cell, _, scores in found]
    bounds = [certified_lower_bound(scores, cell.human, confidence=confidence) for cell, _, scores in found]
    methods = {"references" if cell.ai.size else "human-references" for cell, *_ in found}

    def total(values: Sequence[float]) -> float:
        return float(np.average(values, weights=judged))

    return Measured(
        estimate=total([share.estimate for _, share, _ in found]),
        low=total([share.low for _, share, _ in found]),
        high=total([share.high for _, share, _ in found]),
        certified=total(bounds),
        method=methods.pop() if len(methods) == 1 else "both",
        documents=documents,
        judged=sum(judged),
        scored=sum(scores.size for *_, scores in found),
    )


def _scored(cell: Cell) -> Scores:
    return cell.scores[~np.isnan(cell.scores)]


def _seed(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[:8], "little")
