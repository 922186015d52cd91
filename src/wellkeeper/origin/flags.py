"""Which documents or sources do not read like the user's own human text: flags whose error rate is known beforehand.

Within one slice, the style scores of the human references say how often human text scores as high as a document does:
its split-conformal p-value [1]. If the slice's human documents and the references are exchangeable, a document by a
human has a p-value of at most `level` with a probability of at most `level`, whatever the scores are distributed like.

A *source* (author, site, feed) is judged by all of its documents together: the logarithms of their p-values are added
up, as Fisher does [2], and the p-value of the sum is exact under the same assumption. Fisher's own distribution is for
p-values that are independent and continuous; these share a reference [4] and come in steps, and it would miss the level
by up to a factor of two, either way. Of one document the p-value is the split-conformal one; of several it has far more
power: of sources of five AI documents, 97 % are found at 1 % false alarms with 50 references, and of ten nearly all
(our measurement, ten domains, out of fold). The documents of a source are then taken for independent draws of the
slice's human text: an author whose texts resemble each other more than the slice's do is flagged too often. References
should hold such authors. Documents of a source that bear the very same score are copies and count once, as references
do: ten copies of one page would be flagged at 17 % of human sources where 1 % was asked for (simulated).

`false-alarms` flags what has a p-value of at most `level`: that share of human documents (or sources) at most, in the
mean over references. `discoveries` flags by Benjamini and Hochberg [3]: of what is flagged, a share of `level` at most
is human, in the mean. p-values that share one reference depend on each other in the way that [3] allows for [4]; for
those of sources that is shown by simulation in the tests, not proved.

Slices are never pooled. References too few to certify a level flag nothing, and what is missing is said.

[1] Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, Springer 2005, chapter 4.
[2] Fisher, Statistical Methods for Research Workers, 4th edition, Oliver and Boyd 1932, section 21.1.
[3] Benjamini and Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57 (1995) 289-300.
[4] Bates, Candes, Lei, Romano and Sesia, Testing for outliers with conformal p-values, Ann. Stat. 51 (2023) 149-178.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, comb
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.conformal import benjamini_hochberg, p_values

Control = Literal["false-alarms", "discoveries"]
CONTROLS: tuple[Control, ...] = ("false-alarms", "discoveries")

MOST_OF_A_SOURCE = 50
"""Documents by which a source is judged; of a larger one, as many, evenly through it. Ten are enough to find nearly
every AI source at 1 % false alarms, and the exact distribution grows with the square of their number."""
STEPS = 32
"""Logarithms of p-values are added up in whole steps of 1/32, rounded down: few enough sums to count all of them."""
_ROUNDING = 1 + 1e-9  # what the sums behind a p-value of several documents may be off by, relative to a level


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFlags:
    """What was tested and flagged in one slice."""

    name: str
    documents: int
    tested: int  # documents, or sources, with a p-value
    references: int  # human ones
    needed: int  # human references without which this level flags nothing here
    flagged: int  # documents
    note: str  # why nothing could be flagged, and what to do; empty where it could

    def to_json(self) -> dict[str, Any]:
        names = ("name", "documents", "tested", "references", "needed", "flagged", "note")
        return {"slice" if name == "name" else name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Arrays have shape (documents,)."""

    p: NDArray[np.float64]  # of the document, or of its source; NaN where there is no score or no reference
    flagged: NDArray[np.bool_]
    slices: tuple[SliceFlags, ...]  # those with documents, in the order of their names

    @property
    def certified(self) -> bool:
        """Whether the level could be certified in any slice."""
        return any(not one.note for one in self.slices)


def flag(
    scores: NDArray[np.floating],
    slices: NDArray[np.integer],
    names: Sequence[str],
    references: Mapping[str, NDArray[np.floating]],
    *,
    level: float,
    control: Control = "false-alarms",
    sources: NDArray[np.integer] | None = None,
) -> Flags:
    """Flag documents, or all documents of a source, whose style is not that of their slice's human references.

    Args:
        scores: style score of each document, higher is more AI-like; NaN where the model abstains: never flagged by
            itself, and no part of what is known of its source.
        slices: slice of each document, an index into `names`.
        names: of the slices.
        references: scores of the human references of each slice that has any; NaN is left out.
        level: greatest rate of false alarms or of false discoveries, in (0, 1).
        control: which of the two.
        sources: source of each document: test sources, within each slice, and flag all of their scored documents.
            None: test documents.

    Raises:
        DataError: arrays of different length, a slice without a name, or a level that is no rate.
    """
    _check(scores, slices, names, sources, level)
    p = np.full(scores.size, np.nan)
    flagged = np.zeros(scores.size, np.bool_)
    told = []
    order = np.argsort(slices, kind="stable")
    starts = np.searchsorted(slices[order], np.arange(len(names) + 1))
    for name, start, end in zip(names, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if start == end:
            continue
        scored = order[start:end][~np.isnan(scores[order[start:end]])]
        human = references.get(name, np.zeros(0))
        human = human[~np.isnan(human)]
        unit = None if sources is None else np.unique(sources[scored], return_inverse=True)[1]
        once = np.arange(scored.size) if unit is None else _once(scores[scored], unit)
        most = 1 if unit is None else int(np.bincount(unit[once]).max(initial=1))
        needed = references_needed(level, documents=min(most, MOST_OF_A_SOURCE))
        note = _refusal(name, human.size, needed, level, control, "document" if unit is None else "source")
        enough = human.size >= needed
        p[scored], chosen = _tested(scores[scored], unit, once, human, level, control)
        flagged[scored] = chosen & enough
        told.append(
            SliceFlags(
                name=name,
                documents=end - start,
                tested=scored.size if unit is None else int(unit.max(initial=-1)) + 1,
                references=human.size,
                needed=needed,
                flagged=int(flagged[scored].sum()),
                note="" if enough else note,
            )
        )
    return Flags(p=p, flagged=flagged, slices=tuple(told))


def _tested(
    scores: NDArray[np.floating],
    unit: NDArray[np.int64] | None,
    once: NDArray[np.int64],
    human: NDArray[np.floating],
    level: float,
    control: Control,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """p-value of each document, or of the unit it belongs to as those in `once` tell it, and whether it is flagged."""
    if not (human.size and scores.size):
        return np.full(scores.size, np.nan), np.zeros(scores.size, np.bool_)
    if unit is None:
        p = p_values(scores, human)
        return p, _chosen(p, level, control)
    p = source_p_values(scores[once], unit[once], human)
    return p[unit], _chosen(p, level, control)[unit]


def source_p_values(
    scores: NDArray[np.floating], sources: NDArray[np.integer], human: NDArray[np.floating]
) -> NDArray[np.float64]:
    """One-sided p-value of each source, shape (sources,): are its documents' p-values, together, too small [2]?

    T = sum of -log p over its documents, in `STEPS`. p = P(T' >= T) where all orders of its documents and the
    references are equally likely. A document that ties with a reference counts as below it. The smallest p-value of k
    documents and m references is 1 / C(m + k, k).

    >>> source_p_values(np.array([9.0, 8.0, 1.0]), np.array([0, 0, 1]), np.array([2.0, 3.0, 4.0]))
    array([0.1, 1. ])

    Args:
        scores: shape (documents,), none of them NaN.
        sources: of each document, numbered from 0 without gaps.
        human: scores of the references, shape (references,), at least one, none of them NaN.
    """
    which = _evenly(sources, MOST_OF_A_SOURCE)
    below = np.searchsorted(np.sort(human), scores[which], "left")
    sizes = np.bincount(sources[which])
    steps = surprise(human.size)
    sums = np.bincount(sources[which], weights=steps[below]).astype(np.int64)
    p = np.ones(sizes.size)
    tails = _source_tails(human.size, int(sizes.max(initial=1)))
    for size in np.unique(sizes).tolist():
        p[sizes == size] = tails[size][sums[sizes == size]]
    alone = (sizes == 1)[sources[which]]  # steps are coarser than these p-values
    p[sources[which][alone]] = 1 - below[alone] / (human.size + 1)
    return p


def surprise(references: int) -> NDArray[np.int64]:
    """-log p, in `STEPS`, of a document with 0, 1, ... references below it, shape (references + 1,).

    >>> surprise(3).tolist()
    [0, 9, 22, 44]
    """
    ahead = references + 1 - np.arange(references + 1)
    return np.floor(STEPS * np.log((references + 1) / ahead) + 1e-9).astype(np.int64)


def tails_of_sums(steps: NDArray[np.integer], most: int) -> list[NDArray[np.float64]]:
    """P(T >= t) for t = 0, 1, ...; T is the sum of `steps[b]` over k documents with b references below, k = 0..most.

    In a random order of k documents and m references, every way to have b_1 <= ... <= b_k references below them has
    the same chance, 1 / C(m + k, k). So ways are counted: sums of k steps, each step as often as one likes. All terms
    are positive, so rounding costs some units of the last place and not digits.

    >>> [tail.round(3).tolist() for tail in tails_of_sums(np.arange(3), 2)[1:]]
    [[1.0, 0.667, 0.333], [1.0, 0.833, 0.667, 0.333, 0.167]]

    Args:
        steps: shape (m + 1,), ascending, from 0.
        most: greatest k.
    """
    top = int(steps[-1])
    ways = [np.zeros(k * top + 1) for k in range(most + 1)]
    ways[0][0] = 1
    for step in steps.tolist():
        for fewer, k in pairwise(ways):
            k[step : step + fewer.size] += fewer
    tails = [np.cumsum(one[::-1])[::-1] for one in ways]
    return [tail / tail[0] for tail in tails]


@lru_cache(maxsize=8)
def _source_tails(references: int, most: int) -> list[NDArray[np.float64]]:
    return tails_of_sums(surprise(references), most)


def references_needed(level: float, *, documents: int = 1) -> int:
    """Fewest human references with which a source of so many documents can be flagged at the level.

    >>> references_needed(0.01), references_needed(0.05), references_needed(0.01, documents=5)
    (99, 19, 4)
    """
    if documents == 1:
        return ceil((1 / level) / _ROUNDING) - 1
    few = 1
    while comb(few + documents, documents) * level * _ROUNDING < 1:
        few += 1
    return few


def _chosen(p: NDArray[np.float64], level: float, control: Control) -> NDArray[np.bool_]:
    level *= _ROUNDING
    return np.asarray(p <= level if control == "false-alarms" else benjamini_hochberg(p, level), np.bool_)


def _refusal(name: str, found: int, needed: int, level: float, control: Control, unit: str) -> str:
    what = "false alarms" if control == "false-alarms" else "false discoveries"
    have = f"{found} human references" if found != 1 else "1 human reference"
    missing = needed - found
    return (
        f"Slice {name!r} has {have}, and {what} at {level:g} by {unit} need {needed}. Add {missing} to the anchors, "
        f"or ask for a higher level{'' if unit == 'source' else ' or by source'}."
    )


def _once(scores: NDArray[np.floating], sources: NDArray[np.integer]) -> NDArray[np.int64]:
    """Documents, ascending, less those that have the score of an earlier one of their source."""
    order = np.lexsort((scores, sources))
    new = np.ones(order.size, np.bool_)
    new[1:] = (np.diff(sources[order]) != 0) | (np.diff(scores[order]) != 0)
    return np.sort(order[new])


def _evenly(sources: NDArray[np.integer], most: int) -> NDArray[np.int64]:
    """Documents, ascending, of which no source has more than `most`: evenly through those that have."""
    order = np.argsort(sources, kind="stable")
    sizes = np.bincount(sources)
    size = sizes[sources[order]]
    rank = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # of n ranks, those at which floor(rank * most / n) steps: `most` of them, the first among them
    first = rank * most // size != (rank - 1) * most // size
    return np.sort(order[(size <= most) | first])


def _check(
    scores: NDArray[np.floating],
    slices: NDArray[np.integer],
    names: Sequence[str],
    sources: NDArray[np.integer] | None,
    level: float,
) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level!r}. Give a rate above 0 and below 1, such as 0.01.")
    for what, given in (("slices", slices), ("sources", sources)):
        if given is not None and given.shape != scores.shape:
            raise DataError(
                f"scores has shape {scores.shape} and {what} {given.shape}. Pass one value of each per document."
            )
    if slices.size and not 0 <= int(slices.min()) <= int(slices.max()) < len(names):
        raise DataError(
            f"slices indexes {int(slices.min())} to {int(slices.max())} and there are {len(names)} names. "
            "Pass the names that it indexes."
        )
