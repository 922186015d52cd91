"""The tail of a corpus: how rich it is, how much of it is unseen, and what it kept of a human reference.

Collapse begins in the tails: rare types vanish before averages move [1]. Documents are the sampling unit
throughout, and every figure carries a 95 % interval (`wellkeeper.measure.jackknife` says how, and how well it
covers). A type is whatever the caller hashed: words, 3-grams; call twice for both.

A figure without its baseline misleads. Two fresh samples of one human source share only about half of their
rarest types, so coverage is always given beside its *ceiling*, the coverage that the other half of the reference
reaches with as many words, and beside the gap between the two with an interval of its own.

[1] Shumailov et al., AI models collapse when trained on recursively generated data, Nature 631 (2024) 755-759.
[2] Good, The population frequencies of species, Biometrika 40 (1953) 237-264; here by document frequency.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.hill import check_units, hill_of_moments, moments
from wellkeeper.measure.incidence import Grouped, Incidence, dense, grouped, halves, match
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS, Interval, influences

BANDS = ("1", "2", "3-5", "6-20", ">20")
"""Bands of document frequency in the reference, rarest first."""

_BAND_STARTS = (1, 2, 3, 6, 21)
_RARE = 2  # the first two bands: types of one or two documents
_COVERAGES = len(BANDS) + 1  # of each band, then of the rare types
_LOST, _INVENTED = _COVERAGES, _COVERAGES + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """Hill numbers: all types (q0), common types (q1, exponential of entropy), dominant types (q2)."""

    q0: Interval
    q1: Interval
    q2: Interval

    def to_json(self) -> dict[str, Any]:
        return {"q0": self.q0.to_json(), "q1": self.q1.to_json(), "q2": self.q2.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TailProfile:
    """The tail of one corpus, without a reference. Compare only profiles of equal size (`common_units`)."""

    documents: int
    words: int  # tokens counted: words, or n-grams where n-grams were hashed
    rarefied_to: int  # documents that the Hill numbers are for
    hill: Hill
    missing_mass: Interval  # probability in [0, 1] that a token of a fresh document is of an unseen type [2]

    @property
    def rarefied_words(self) -> float:
        """Expected words of `rarefied_to` documents."""
        return self.words * self.rarefied_to / self.documents

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "rarefied_to": self.rarefied_to,
            "rarefied_words": round(self.rarefied_words),
            "hill": self.hill.to_json(),
            "missing_mass": self.missing_mass.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCoverage:
    """What became of the reference's types of one band of document frequency. Shares in [0, 1] of types."""

    band: str  # documents of the reference's first half that have the type: "1", "3-5", ">20"
    types: int  # types of the band
    coverage: Interval  # share that the corpus has
    ceiling: Interval  # share that the reference's second half has
    gap: Interval  # coverage minus ceiling, in [-1, 1]; a tail is lost where `gap.high` is below 0

    def to_json(self) -> dict[str, Any]:
        return {
            "band": self.band,
            "types": self.types,
            "coverage": self.coverage.to_json(),
            "ceiling": self.ceiling.to_json(),
            "gap": self.gap.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTails:
    """A corpus against a human reference whose documents were split into two halves, A and B.

    Corpus and B have equal words up to half a document; sizes below are of what was compared, after cutting.
    Masses are shares of tokens in [0, 1]; an excess is a mass minus its ceiling, in [-1, 1].
    """

    documents: int  # of the corpus
    words: int
    reference_documents: int  # of A, whose types are looked for
    reference_words: int
    ceiling_documents: int  # of B, which sets the ceilings
    ceiling_words: int
    bands: tuple[BandCoverage, ...]  # rarest first; a band without types is left out
    rare: BandCoverage | None  # types of one or two documents of A together; None if A has none
    lost_mass: Interval  # of A's tokens, those whose type the corpus does not have
    lost_mass_ceiling: Interval  # ... B does not have
    lost_mass_excess: Interval  # tail is lost where `low` is above 0
    invented_mass: Interval  # of the corpus' tokens, those whose type A does not have
    invented_mass_ceiling: Interval  # of B's tokens, the same
    invented_mass_excess: Interval

    def to_json(self) -> dict[str, Any]:
        rare = self.rare.to_json() if self.rare else {"types": 0, "coverage": None, "ceiling": None, "gap": None}
        return {
            "documents": self.documents,
            "words": self.words,
            "reference_documents": self.reference_documents,
            "reference_words": self.reference_words,
            "ceiling_documents": self.ceiling_documents,
            "ceiling_words": self.ceiling_words,
            "rare_types": rare["types"],
            "coverage": rare["coverage"],
            "ceiling": rare["ceiling"],
            "gap": rare["gap"],
            "bands": [band.to_json() for band in self.bands],
            "lost_mass": self.lost_mass.to_json(),
            "lost_mass_ceiling": self.lost_mass_ceiling.to_json(),
            "lost_mass_excess": self.lost_mass_excess.to_json(),
            "invented_mass": self.invented_mass.to_json(),
            "invented_mass_ceiling": self.invented_mass_ceiling.to_json(),
            "invented_mass_excess": self.invented_mass_excess.to_json(),
        }


def tail_profile(incidence: Incidence, *, units: int | None = None) -> TailProfile:
    """Hill numbers rarefied to `units` documents (default: half of them) and the document-level missing mass.

    The missing mass is Good and Turing's estimate with documents for draws: tokens of types that only one
    document has, over all tokens. By tokens alone it would be far too small, since rare words come in bursts.

    Raises:
        DataError: fewer than 10 documents or no word, or `units` is not from 1 to the number of documents.
    """
    shortage = _shortage(incidence, "the corpus")
    if shortage:
        raise DataError(shortage)
    units = incidence.documents // 2 if units is None else units
    check_units(incidence.documents, units)
    sample = _sample(incidence, *dense(incidence.types))
    hill, emptied_hill = _hill(sample, incidence.documents, units)
    missing, emptied_missing = _missing_mass(sample)
    q0, q1, q2 = (
        jackknife.positive_interval(float(value), emptied, sample.documents)
        for value, emptied in zip(hill, emptied_hill, strict=True)
    )
    return TailProfile(
        documents=incidence.documents,
        words=incidence.words,
        rarefied_to=units,
        hill=Hill(q0=q0, q1=q1, q2=q2),
        missing_mass=jackknife.share_interval(
            missing, [influences(missing - emptied_missing, sample.documents)], trials=incidence.documents
        ),
    )


def tail_profile_or_none(incidence: Incidence, *, units: int | None = None) -> TailProfile | None:
    """`tail_profile`, or None where the corpus has too few documents or no word for one."""
    return None if _shortage(incidence, "the corpus") else tail_profile(incidence, units=units)


def common_units(a: Incidence, b: Incidence) -> tuple[int, int]:
    """Documents of `a` and of `b` to rarefy to, so that both samples have the same expected words.

    That is half the words of the smaller corpus: documents of two corpora differ in length, so equal numbers of
    documents would compare unequal amounts of text.

    Raises:
        DataError: a corpus has no word.
    """
    for name, corpus in (("the first corpus", a), ("the second corpus", b)):
        if not corpus.words:
            raise DataError(f"{name} has no word. Check that its text column is not empty.")
    words = min(a.words, b.words) / 2
    first, second = (
        min(corpus.documents, max(1, round(words * corpus.documents / corpus.words))) for corpus in (a, b)
    )
    return first, second


def reference_tails(reference: Incidence, corpus: Incidence) -> ReferenceTails:
    """What the corpus kept of the reference's types, what it lost and what it invented.

    The reference's documents 0, 2, 4, ... are A, whose types are looked for; documents 1, 3, 5, ... are B, which
    shows what a fresh human sample keeps. The corpus is cut to B's words, or B to the corpus' where that is the
    smaller one, whole documents both.

    The intervals condition on the design alone: the number of documents of the reference, and of the corpus where
    it is the smaller. A, B and the corpus are three independent samples, each with a jackknife of its own, so
    chance in the reference widens the intervals too. The sample that was cut follows the words of the other, and
    so does its jackknife. What A adds to coverage and ceiling alike cancels in the gap.

    Raises:
        DataError: A, B or the corpus has fewer than 10 documents after cutting, or no word.
    """
    compared = _matched(reference, corpus)
    shortage = _reference_shortage(compared)
    if shortage:
        raise DataError(shortage)
    return _compare(compared)


def reference_tails_or_none(reference: Incidence, corpus: Incidence) -> ReferenceTails | None:
    """`reference_tails`, or None where one side has too few documents or no word."""
    compared = _matched(reference, corpus)
    return None if _reference_shortage(compared) else _compare(compared)


def _shortage(incidence: Incidence, name: str) -> str | None:
    """Why no interval can be given, and what to do; None if it can."""
    if incidence.documents < FEWEST_DOCUMENTS:
        return (
            f"{name} has {incidence.documents} documents, too few for an interval. "
            f"Give at least {FEWEST_DOCUMENTS} documents."
        )
    if not incidence.words:
        return f"{name} has {incidence.documents} documents and no word. Check that its text column is not empty."
    return None


@dataclass(frozen=True, slots=True)
class _Sample:
    """One corpus, its types numbered, its documents in blocks."""

    frequencies: NDArray[np.int64]  # shape (types,): documents that have the type
    tokens: NDArray[np.float64]  # shape (types,)
    groups: Grouped  # the types of each block
    type_of: NDArray[np.int32]  # shape (entries of groups,)
    documents: NDArray[np.int64]  # shape (blocks,)
    words: NDArray[np.int64]  # shape (blocks,)


def _sample(incidence: Incidence, ids: NDArray[np.int32], types: int) -> _Sample:
    bounds = jackknife.blocks(incidence.documents)
    groups = grouped(incidence.offsets[bounds], ids, incidence.tokens, types)
    return _Sample(
        frequencies=np.bincount(ids, minlength=types),
        tokens=np.bincount(ids, incidence.tokens, types),
        groups=groups,
        type_of=ids[groups.firsts],
        documents=np.diff(bounds),
        words=groups.sums(groups.totals).astype(np.int64),
    )


def _hill(sample: _Sample, documents: int, units: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hill numbers, shape (3,), and those with each block emptied, shape (3, blocks)."""
    having = sample.frequencies[sample.type_of]
    left = having - sample.groups.entries
    counts = np.bincount(sample.frequencies)
    # Only these frequencies are looked up; a type has at least one entry, so `having` covers all of them.
    needed = np.union1d(np.flatnonzero(counts), np.flatnonzero(np.bincount(left)))
    table = np.zeros((4, counts.size))
    table[:, needed] = moments(needed, documents, units)
    whole = table @ counts
    lost = np.stack([sample.groups.sums(row[having] - row[left]) for row in table])
    return hill_of_moments(whole), hill_of_moments(np.maximum(whole[:, None] - lost, 0.0))


def _missing_mass(sample: _Sample) -> tuple[float, NDArray[np.float64]]:
    """Tokens of types of one document over all tokens, and the same with each block emptied, shape (blocks,)."""
    once = float(sample.tokens[sample.frequencies == 1].sum())
    words = int(sample.words.sum())
    groups = sample.groups
    having = sample.frequencies[sample.type_of]
    gone = groups.sums(np.where(having == 1, groups.totals, 0))
    now_once = having - groups.entries == 1
    new = groups.sums(np.where(now_once, sample.tokens[sample.type_of] - groups.totals, 0))
    return once / words, _ratio(once - gone + new, words - sample.words, once / words)


@dataclass(frozen=True, slots=True)
class _Matched:
    first: Incidence  # A
    second: Incidence  # B
    corpus: Incidence
    corpus_follows: bool  # the corpus was cut to B's words, not B to the corpus'


def _matched(reference: Incidence, corpus: Incidence) -> _Matched:
    first, second = halves(reference)
    corpus_follows = second.words <= corpus.words
    second, corpus = match(second, corpus)
    return _Matched(first, second, corpus, corpus_follows)


def _reference_shortage(compared: _Matched) -> str | None:
    words = compared.second.words
    return (
        _shortage(compared.first, "the first half of the reference")
        or _shortage(compared.second, f"the second half of the reference, at {words:,} words,")
        or _shortage(compared.corpus, f"the corpus, cut to the {words:,} words of half the reference,")
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    """Coverage by band and of rare types, lost mass, invented mass of one later sample against A.

    `spread` maps each independent sample ("A", "B", "corpus") to influences on the figures, shape (blocks, figures).
    """

    values: NDArray[np.float64]  # shape (figures,)
    spread: dict[str, NDArray[np.float64]]

    def minus(self, other: "_Figures") -> "_Figures":
        spread = {
            name: self.spread.get(name, 0.0) - other.spread.get(name, np.zeros(1))
            for name in self.spread.keys() | other.spread.keys()
        }
        return _Figures(self.values - other.values, spread)

    def samples(self, figure: int) -> list[NDArray[np.float64]]:
        return [self.spread[name][:, figure] for name in sorted(self.spread)]


def _compare(compared: _Matched) -> ReferenceTails:
    parts = (compared.first, compared.second, compared.corpus)
    ids, types = dense(np.concatenate([part.types for part in parts]))
    ends = np.cumsum([part.types.size for part in parts])[:-1]
    a, b, c = (_sample(part, own, types) for part, own in zip(parts, np.split(ids, ends), strict=True))
    if compared.corpus_follows:
        kept, ceiling = _figures(a, c, "corpus", b, "B"), _figures(a, b, "B")
    else:
        kept, ceiling = _figures(a, c, "corpus"), _figures(a, b, "B", c, "corpus")
    return _report(compared, _types_by_band(a), kept, ceiling)


def _figures(
    a: _Sample, later: _Sample, name: str, leader: _Sample | None = None, leader_name: str = ""
) -> _Figures:
    """Figures of `later` against A; with a `leader`, `later` was cut to the leader's words."""
    types, found, missing, unknown = _counts(a, later)
    a_tokens, later_tokens = a.words.sum(), later.words.sum()
    values = _shares(types, found, missing, a_tokens, unknown, later_tokens)

    a_types, a_found, a_missing, a_unknown = _changes_by_a(a, later)
    without_a = _shares(
        types - a_types, found - a_found, missing - a_missing, a_tokens - a.words, unknown + a_unknown, later_tokens
    )
    later_found, later_missing, later_unknown = _changes_by_later(a, later)
    without_later = _shares(
        types,
        found - later_found,
        missing + later_missing,
        a_tokens,
        unknown - later_unknown,
        later_tokens - later.words,
    )
    losses = values - np.where(np.isnan(without_later), values, without_later)
    spread = {"A": influences(values - np.where(np.isnan(without_a), values, without_a), a.documents)}
    if leader is None:
        spread[name] = influences(losses, later.documents)
    else:
        spread[name] = influences(losses, later.words)
        # Without one of its blocks the leader has fewer words, and so much less of `later` would be taken.
        growth = losses.sum(axis=0) / later_tokens
        spread[leader_name] = influences(np.multiply.outer(leader.words, growth), leader.documents)
    return _Figures(values, spread)


def _shares(
    types: NDArray[Any], found: NDArray[Any], missing: Any, a_tokens: Any, unknown: Any, later_tokens: Any
) -> NDArray[np.float64]:
    """All figures in one array, shape (..., figures); NaN for a share of nothing."""
    parts = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (missing, a_tokens, unknown, later_tokens)))
    top = np.concatenate((found, np.stack([parts[0], parts[2]], axis=-1)), axis=-1)
    bottom = np.concatenate(
        (np.broadcast_to(types, found.shape), np.stack([parts[1], parts[3]], axis=-1)), axis=-1
    )
    return _ratio(top, bottom, np.nan)


def _ratio(top: NDArray[Any], bottom: NDArray[Any], otherwise: float) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full(top.shape, otherwise), where=bottom > 0)


def _bands(frequencies: NDArray[np.integer]) -> NDArray[np.int64]:
    """Band of each document frequency, 0 for a frequency of 0, then 1 to 5."""
    most = int(frequencies.max(initial=0))
    table = np.searchsorted(_BAND_STARTS, np.arange(most + 1), side="right")
    return table[frequencies]


def _by_band(bands: NDArray[np.int64], weights: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Count, or sum weights, in each band and in the rare ones together, shape (6,)."""
    return _with_rare(np.bincount(bands, weights, len(BANDS) + 1)[1:].astype(np.float64))


def _with_rare(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((counts, counts[..., :_RARE].sum(axis=-1, keepdims=True)), axis=-1)


def _types_by_band(a: _Sample) -> NDArray[np.float64]:
    return _by_band(_bands(a.frequencies))


def _counts(a: _Sample, later: _Sample) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Types by band, those of them that `later` has, A's tokens it lacks, its tokens that A lacks."""
    bands, has = _bands(a.frequencies), later.frequencies > 0
    return (
        _by_band(bands),
        _by_band(bands, has),
        float(a.tokens[~has].sum()),
        float(later.tokens[a.frequencies == 0].sum()),
    )


def _per_block(groups: Grouped, bands: NDArray[np.int64], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of weights by block and band, shape (blocks, 6), the last column for the rare ones together."""
    blocks = groups.bounds.size - 1
    width = len(BANDS) + 1
    block_of = np.repeat(np.arange(blocks) * width, np.diff(groups.bounds))
    sums = np.bincount(block_of + bands, weights, blocks * width).reshape(blocks, width)
    return _with_rare(sums[:, 1:])


def _changes_by_a(
    a: _Sample, later: _Sample
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """With each block of A emptied: types and found types that leave each band (net), tokens that are no longer
    missing, tokens of `later` that become unknown."""
    groups, having = a.groups, a.frequencies[a.type_of]
    left = having - groups.entries
    has = (later.frequencies > 0)[a.type_of]
    before, after = _bands(having), _bands(left)
    ones = np.ones(has.size)
    return (
        _per_block(groups, before, ones) - _per_block(groups, after, ones),
        _per_block(groups, before, has) - _per_block(groups, after, has),
        groups.sums(np.where(has, 0, groups.totals)),
        groups.sums(np.where(left == 0, later.tokens[a.type_of], 0)),
    )


def _changes_by_later(
    a: _Sample, later: _Sample
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """With each block of `later` emptied: types no longer found by band, A's tokens that become missing, unknown
    tokens that go."""
    groups = later.groups
    gone = later.frequencies[later.type_of] == groups.entries
    frequencies = a.frequencies[later.type_of]
    return (
        _per_block(groups, _bands(frequencies), gone),
        groups.sums(np.where(gone, a.tokens[later.type_of], 0)),
        groups.sums(np.where(frequencies == 0, groups.totals, 0)),
    )


def _report(
    compared: _Matched, types: NDArray[np.float64], kept: _Figures, ceiling: _Figures
) -> ReferenceTails:
    difference = kept.minus(ceiling)
    documents = min(part.documents for part in (compared.first, compared.second, compared.corpus))

    def triple(figure: int, trials: int) -> tuple[Interval, Interval, Interval]:
        own, other = (
            jackknife.share_interval(float(x.values[figure]), x.samples(figure), trials=trials)
            for x in (kept, ceiling)
        )
        return own, other, _difference(own, other, difference.samples(figure))

    def band(figure: int, name: str) -> BandCoverage:
        coverage, limit, gap = triple(figure, int(types[figure]))
        return BandCoverage(band=name, types=int(types[figure]), coverage=coverage, ceiling=limit, gap=gap)

    lost, lost_ceiling, lost_excess = triple(_LOST, documents)
    invented, invented_ceiling, invented_excess = triple(_INVENTED, documents)
    rare = _COVERAGES - 1
    return ReferenceTails(
        documents=compared.corpus.documents,
        words=compared.corpus.words,
        reference_documents=compared.first.documents,
        reference_words=compared.first.words,
        ceiling_documents=compared.second.documents,
        ceiling_words=compared.second.words,
        bands=tuple(band(figure, name) for figure, name in enumerate(BANDS) if types[figure]),
        rare=band(rare, "1-2") if types[rare] else None,
        lost_mass=lost,
        lost_mass_ceiling=lost_ceiling,
        lost_mass_excess=lost_excess,
        invented_mass=invented,
        invented_mass_ceiling=invented_ceiling,
        invented_mass_excess=invented_excess,
    )


def _difference(own: Interval, other: Interval, samples: list[NDArray[np.float64]]) -> Interval:
    estimate = own.estimate - other.estimate
    if {own.estimate, other.estimate} <= {0.0, 1.0}:  # no block shows any spread; see `share_interval`
        return Interval(estimate=estimate, low=own.low - other.high, high=own.high - other.low)
    return jackknife.interval(estimate, samples, bounds=(-1.0, 1.0))
