"""Diversity at equal sample coverage, with documents as sampling units.

Samples of equal size hold unequal parts of their sources: of a rich source a thousand documents show less than of
a poor one, so that ratios of rarefied richness understate ratios of true richness. Samples of equal *coverage*
are equally complete, and their Hill numbers compare sources more fairly [1]. The coverage of a sample is the
share, by incidences (a type in a document, however often), of the source's types that are in it.

With document frequencies y of n documents, U their sum, Q1 and Q2 the types of one and of two documents:

    all documents       C(n) = 1 - Q1 / U * (n - 1) Q1 / ((n - 1) Q1 + 2 Q2)          [1, 2]
    t < n documents     C(t) = 1 - sum y / U * binom(n - y, t) / binom(n - 1, t)      unbiased [2]

Hill numbers at coverage c are those of t documents with C(t) = c (`wellkeeper.measure.hill`). Between two whole t
the sample has either size by chance, so that both C and q = 0 stay exact. Coverages above C(n - 1) = 1 - Q1 / U
would be extrapolation, which rests on Q1 and Q2 alone and for q = 1 on an estimate of the unseen: refused.

Chao and Shen's entropy [3] is that of the whole source, unseen types included: each seen type counts by its
share times the coverage, over the chance that it was seen at all. With bursts of words this is only right by
documents, so the chance is that of being in one of n documents. For documents of one word it is theirs.

[1] Chao and Jost, Coverage-based rarefaction and extrapolation, Ecology 93 (2012) 2533-2547.
[2] Chao et al., Rarefaction and extrapolation with Hill numbers, Ecological Monographs 84 (2014) 45-67,
    equations for incidence data and appendix D.
[3] Chao and Shen, Nonparametric estimation of Shannon's index of diversity when there are unseen species in
    sample, Environmental and Ecological Statistics 10 (2003) 429-443.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.hill import (
    Frequencies,
    absence,
    check_frequencies,
    document_frequencies,
    hill_of_moments,
    moments,
)
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.jackknife import Interval, OwnVariance, influences
from wellkeeper.measure.sample import Sample, Spectrum, document_spectrum, ratio, sample_of, shortage
from wellkeeper.measure.tails import Hill, hill_intervals, unseen_mass

Rows: TypeAlias = NDArray[np.float64]  # shape (blocks + 1,): of all documents, then without each block

_NODES = (
    5  # sizes at which moments are computed where blocks ask for many; between them they are next to straight
)

_ROUNDING = (
    1e-9  # of a coverage: where all types are of one document, that of all sizes is the same but for rounding
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageProfile:
    """Diversity of one corpus at a coverage, and how complete the corpus is. Compare at equal `level`."""

    documents: int
    words: int
    coverage: Interval  # sample coverage of all documents, a share in [0, 1] of incidences [1]
    level: float  # coverage that the Hill numbers are for
    units: float  # documents that reach it on average; between two whole numbers: either, by chance
    hill: Hill
    entropy: Interval  # of the source's incidences, in nats [3]; exp of it is an effective number of types

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "coverage": self.coverage.to_json(),
            "level": self.level,
            "units": self.units,
            "hill": self.hill.to_json(),
            "entropy": self.entropy.to_json(),
        }


def coverage_profile(incidence: Incidence, *, level: float | None = None) -> CoverageProfile:
    """Sample coverage, Hill numbers at the coverage `level` (default: that of half of the documents), entropy.

    Intervals are the document-block jackknife's and hold `level` fixed: without a block, more of the other
    documents are needed to reach it.

    Raises:
        DataError: fewer than 10 documents, no word, or a `level` that is not between the coverage of one
            document and that of all but one.
    """
    short = shortage(incidence, "the corpus")
    if short:
        raise DataError(short)
    sample = sample_of(incidence, *dense(incidence.types))
    found, documents = document_spectrum(sample), incidence.documents
    level = float(_covered(found, documents, documents // 2)[0]) if level is None else level
    _check_level(found, documents, level)
    units = _units_at(found, documents, level)
    return CoverageProfile(
        documents=documents,
        words=incidence.words,
        coverage=_coverage(sample, found, documents),
        level=level,
        units=float(units[0]),
        hill=hill_intervals(_moments_at(found, documents, units), sample),
        entropy=_entropy(sample, found, documents),
    )


def common_level(a: Incidence, b: Incidence) -> float | None:
    """The greatest whole percentage that half of the documents of either corpus cover; None if there is none.

    There is none where one document of a corpus covers as much as half of the other's do, or where a corpus
    is too small for `coverage_profile`.
    """
    if shortage(a, "the first corpus") or shortage(b, "the second corpus"):
        return None
    found = [(_plain(document_frequencies(corpus)), corpus.documents) for corpus in (a, b)]
    level = min(int(100 * _covered(one, documents, documents // 2)[0]) for one, documents in found) / 100
    return level if all(level >= _covered(one, documents, 1)[0] for one, documents in found) else None


def sample_coverage(frequencies: Frequencies, documents: int) -> float:
    """Coverage C(n) of all documents, in [0, 1], from the document frequencies of types.

    Raises:
        DataError: no type, or a frequency outside 1 to `documents`.
    """
    check_frequencies(frequencies, documents)
    return 1 - float(_deficit(_plain(frequencies), documents)[0])


def rarefied_coverage(frequencies: Frequencies, documents: int, units: int) -> float:
    """Coverage C(t) that `units` of `documents` documents have on average, in [0, 1].

    Raises:
        DataError: no type, a frequency outside 1 to `documents`, or `units` outside 0 to `documents` - 1.
    """
    check_frequencies(frequencies, documents)
    if not 0 <= units < documents:
        raise DataError(
            f"cannot rarefy the coverage of {documents} documents to {units}. Choose units from 0 to "
            f"{documents - 1}; for all documents ask sample_coverage()."
        )
    return float(_covered(_plain(frequencies), documents, units)[0])


def hill_at_coverage(
    frequencies: Frequencies, documents: int, level: float
) -> tuple[float, float, float, float]:
    """Hill numbers of order 0, 1 and 2 at the coverage `level`, then the documents that reach it.

    Raises:
        DataError: no type, a frequency outside 1 to `documents`, or a `level` that is not between the coverage
            of one document and that of all but one.
    """
    check_frequencies(frequencies, documents)
    found = _plain(frequencies)
    _check_level(found, documents, level)
    units = _units_at(found, documents, level)
    q0, q1, q2 = hill_of_moments(_moments_at(found, documents, units))[:, 0]
    return float(q0), float(q1), float(q2), float(units[0])


def chao_shen_entropy(frequencies: Frequencies, documents: int) -> float:
    """Chao and Shen's estimate of the entropy, in nats, of the incidences of the source [3].

    The coverage in it is C(n), which unlike Turing's 1 - Q1 / U stays above 0 where no type repeats.

    Raises:
        DataError: no type, or a frequency outside 1 to `documents`.
    """
    check_frequencies(frequencies, documents)
    return float(_entropies(_plain(frequencies), documents)[0])


def _plain(frequencies: Frequencies) -> Spectrum:
    types = np.bincount(frequencies)
    counts = np.flatnonzero(types)
    return Spectrum(counts=counts, types=types[None, counts])


def _check_level(found: Spectrum, documents: int, level: float) -> None:
    least, most = (float(_covered(found, documents, units)[0]) for units in (1, documents - 1))
    if not least - _ROUNDING <= level <= most + _ROUNDING:
        raise DataError(
            f"coverage {level:.4g} is not within reach of {documents} documents: one of them covers {least:.4g}, "
            f"all but one {most:.4g}. Choose a level between these; above would be extrapolation."
        )


def _coverage(sample: Sample, found: Spectrum, documents: int) -> Interval:
    deficit = _deficit(found, documents)
    turing = unseen_mass(sample, sample.frequencies, sample.groups.entries)
    scale = (float(deficit[0]) / turing.mass) ** 2 if turing.mass else 0.0
    return jackknife.share_interval(
        1 - float(deficit[0]),
        [influences(deficit[1:] - deficit[0], sample.documents)],
        OwnVariance(proper=turing.own.proper * scale, jackknife=turing.own.jackknife * scale),
        trials=documents,
    )


def _entropy(sample: Sample, found: Spectrum, documents: int) -> Interval:
    entropies = _entropies(found, documents)
    losses = entropies[0] - entropies[1:]
    return jackknife.interval(
        float(entropies[0]), [influences(losses, sample.documents)], bounds=(0.0, np.inf)
    )


def _deficit(found: Spectrum, documents: int) -> Rows:
    """1 - C(n); 1 where nothing is left."""
    once, twice = (found.sums((found.counts == count).astype(np.float64)) for count in (1, 2))
    # Where no type is in two documents, [2] puts the bias-corrected Q1 (Q1 - 1) / 2 for Q1^2 / (2 Q2).
    pairs = (documents - 1) * np.where(twice > 0, once, once - 1)
    more = np.where(twice > 0, 2 * twice, 2.0)
    further = ratio(pairs, pairs + more, 0.0)
    return ratio(once * further, found.sums(found.counts.astype(np.float64)), 1.0)


def _covered(found: Spectrum, documents: int, units: int) -> Rows:
    """C(t) for t < n; 0 where nothing is left."""
    weights = found.counts * absence(found.counts, documents, units) * (documents / (documents - units))
    return 1 - ratio(found.sums(weights), found.sums(found.counts.astype(np.float64)), 1.0)


def _units_at(found: Spectrum, documents: int, level: float) -> Rows:
    """The t with C(t) = level, by bisection; the nearest in 1 to n - 1 where there is none."""
    rows = found.types.shape[0]
    low, high = np.ones(rows, np.int64), np.full(rows, max(documents - 1, 1))
    while (high - low > 1).any():
        middle = (low + high) // 2
        below = _covered_each(found, documents, middle) <= level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    least, most = (_covered_each(found, documents, units) for units in (low, high))
    units: Rows = low + ratio(level - least, most - least, 0.0).clip(0, 1)
    return units


def _covered_each(found: Spectrum, documents: int, units: NDArray[np.int64]) -> Rows:
    """C(t), with a t for each row."""
    covered = np.empty(units.size)
    for size in np.unique(units):
        asked = units == size
        covered[asked] = _covered(found, documents, int(size))[asked]
    return covered


def _moments_at(found: Spectrum, documents: int, units: Rows) -> NDArray[np.float64]:
    """`moments` summed over types at sizes that need not be whole, shape (4, blocks + 1).

    Between whole sizes, a mixture of both: exact for all documents. Where the blocks ask for many sizes, theirs
    lie on the chord over a few: the second difference of a moment over a quarter of their narrow range.
    """
    low = np.floor(units)
    nodes = np.unique(
        np.concatenate((low[:1], low[:1] + 1, np.linspace(low.min(), low.max() + 1, _NODES).round())).astype(
            np.int64
        )
    )
    table = np.stack([found.sums(moments(found.counts, documents, int(size))) for size in nodes])
    rows = np.arange(units.size)
    at = np.minimum(np.searchsorted(nodes, units, side="right") - 1, nodes.size - 2)
    further = ((units - nodes[at]) / np.diff(nodes)[at])[:, None]
    mixed: NDArray[np.float64] = ((1 - further) * table[at, :, rows] + further * table[at + 1, :, rows]).T
    return mixed


def _entropies(found: Spectrum, documents: int) -> Rows:
    covered = (1 - _deficit(found, documents))[:, None]
    incidences = found.sums(found.counts.astype(np.float64))[:, None]
    shares = covered * ratio(found.counts[None], incidences, 0.0)
    seen = 1 - (1 - covered * found.counts / documents) ** documents
    terms = -shares * np.log(np.where(shares > 0, shares, 1.0))
    entropies: Rows = (found.types * ratio(terms, seen, 0.0)).sum(axis=1)
    return entropies
