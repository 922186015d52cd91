"""What a corpus kept of a human reference's types, what it lost and what it invented.

A figure without its baseline misleads: two fresh samples of one human source share only part of their rarest
types. So the reference is split into two halves, A and B. The types of A are looked for in the corpus, which
gives the *coverage*, and in B with as many words, which gives the *ceiling*: what a fresh human sample keeps.
A finding needs the gap between the two, with an interval of its own.

The gap of words falls when a source is sharpened. The gap of n-grams may rise: of the n-grams that A has
once, many join common words, and a sharpened source repeats just those. On a simulated source at
temperature 0.7 the rare words' gap was -0.21, that of rare 2-grams +0.03 and of 3-grams +0.01, while the
invented mass fell by 0.19, 0.27 and 0.06. So read n-grams by invented mass and Hill numbers as well, and
take no gap above 0 for health.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Grouped, Incidence, dense, halves, match
from wellkeeper.measure.jackknife import FEW, Interval, OwnVariance, influences
from wellkeeper.measure.sample import Sample, products, ratio, sample_of, shortage, squares

Numbers: TypeAlias = NDArray[np.float64]

BANDS = ("1", "2", "3-5", "6-20", ">20")
"""Bands of document frequency in A, rarest first."""

RARE = "1-2"
"""The first two bands together."""

_STARTS = (1, 2, 3, 6, 21)  # least document frequency of each band
_COVERAGES = (*BANDS, RARE)  # the first figures; then come:
_LOST, _INVENTED = len(_COVERAGES), len(_COVERAGES) + 1


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
        none = {"types": 0, "coverage": None, "ceiling": None, "gap": None}
        rare = self.rare.to_json() if self.rare else none
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


def reference_tails(reference: Incidence, corpus: Incidence) -> ReferenceTails:
    """What the corpus kept of the reference's types, what it lost and what it invented.

    The reference's documents 0, 2, 4, ... are A, whose types are looked for; documents 1, 3, 5, ... are B,
    which shows what a fresh human sample keeps. The corpus is cut to B's words or, where the corpus is the
    smaller, B to those of the corpus; whole documents both.

    The intervals condition on the design alone: the number of documents of the reference, and of the corpus
    where it is the smaller. A, B and the corpus are three independent samples, each with a jackknife of its
    own, so chance in the reference widens the intervals too. The sample that was cut follows the words of
    the other, and so does its jackknife. What A adds to coverage and ceiling alike cancels in the gap.

    Raises:
        DataError: A, B or the corpus has fewer than 10 documents after cutting, or no word.
    """
    compared = _matched(reference, corpus)
    shortage = _shortage(compared)
    if shortage:
        raise DataError(shortage)
    return _compare(compared)


def reference_tails_or_none(reference: Incidence, corpus: Incidence) -> ReferenceTails | None:
    """`reference_tails`, or None where one side has too few documents or no word."""
    compared = _matched(reference, corpus)
    return None if _shortage(compared) else _compare(compared)


@dataclass(frozen=True, slots=True)
class _Matched:
    first: Incidence  # A
    second: Incidence  # B
    corpus: Incidence
    corpus_follows: bool  # the corpus was cut to B's words, not B to those of the corpus


def _matched(reference: Incidence, corpus: Incidence) -> _Matched:
    first, second = halves(reference)
    corpus_follows = second.words <= corpus.words
    second, corpus = match(second, corpus)
    return _Matched(first, second, corpus, corpus_follows)


def _shortage(compared: _Matched) -> str | None:
    return (
        shortage(compared.first, "the first half of the reference")
        or shortage(compared.second, f"the second half of the reference, at {compared.second.words:,} words,")
        or shortage(compared.corpus, f"the corpus, at {compared.corpus.words:,} words,")
    )


def _compare(compared: _Matched) -> ReferenceTails:
    parts = (compared.first, compared.second, compared.corpus)
    ids, types = dense(np.concatenate([part.types for part in parts]))
    ends = np.cumsum([part.types.size for part in parts])[:-1]
    a, b, c = (sample_of(part, own, types) for part, own in zip(parts, np.split(ids, ends), strict=True))
    if compared.corpus_follows:
        kept, ceiling = _figures(a, c, "corpus", leader=(b, "B")), _figures(a, b, "B")
    else:
        kept, ceiling = _figures(a, c, "corpus"), _figures(a, b, "B", leader=(c, "corpus"))
    masses = float(kept.values[_INVENTED]), float(ceiling.values[_INVENTED])
    return _report(compared, _by_band(bands_of(a.frequencies)), kept, ceiling, _own(a, b, c, masses))


@dataclass(frozen=True, slots=True)
class _Figures:
    """Coverage by band, coverage of the rare types, lost mass, invented mass; or their differences."""

    values: Numbers  # shape (figures,)
    spread: Mapping[str, Numbers]  # independent sample -> its influences, shape (blocks, figures)

    def minus(self, other: "_Figures") -> "_Figures":
        none = np.zeros(1)
        names = sorted(self.spread.keys() | other.spread.keys())
        spread = {name: self.spread.get(name, none) - other.spread.get(name, none) for name in names}
        return _Figures(self.values - other.values, spread)

    def samples(self, figure: int) -> list[Numbers]:
        return [influence[:, figure] for influence in self.spread.values()]


def _figures(a: Sample, later: Sample, name: str, leader: tuple[Sample, str] | None = None) -> _Figures:
    """Figures of the later sample against A; with a `leader`, it was cut to the leader's words."""
    counts = _counts(a, later)
    values = counts.shares()
    losses_a = _losses(values, counts.less(_without_a(a, later)))
    losses = _losses(values, counts.less(_without_later(a, later)))
    spread = {"A": influences(losses_a, a.documents)}
    if leader is None:
        spread[name] = influences(losses, later.documents)
        return _Figures(values, spread)
    # Without one of its blocks the leader has fewer words, and so much less of the later sample is taken.
    sample, leader_name = leader
    growth = losses.sum(axis=0) / later.words.sum()
    spread[leader_name] = influences(np.multiply.outer(sample.words, growth), sample.documents)
    spread[name] = influences(losses, later.words)
    return _Figures(values, spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What figures are shares of; or how much each falls without a block, with a first axis of blocks."""

    types: Numbers  # shape (..., 6): types of A in each band, then the rare ones
    found: Numbers  # shape (..., 6): those of them that the later sample has
    tokens: Numbers  # shape (...): of A
    lost: Numbers  # of A's tokens, those whose type the later sample lacks
    later_tokens: Numbers
    invented: Numbers  # of the later sample's tokens, those whose type A lacks

    def less(self, fall: "_Counts") -> "_Counts":
        return _Counts(
            types=self.types - fall.types,
            found=self.found - fall.found,
            tokens=self.tokens - fall.tokens,
            lost=self.lost - fall.lost,
            later_tokens=self.later_tokens - fall.later_tokens,
            invented=self.invented - fall.invented,
        )

    def shares(self) -> Numbers:
        """All figures, shape (..., figures); NaN for a share of nothing."""
        top = np.concatenate((self.found, self.lost[..., None], self.invented[..., None]), axis=-1)
        bottom = np.concatenate((self.types, self.tokens[..., None], self.later_tokens[..., None]), axis=-1)
        return ratio(top, bottom, np.nan)


def _losses(values: Numbers, emptied: _Counts) -> Numbers:
    """Figures minus figures without each block, shape (blocks, figures).

    A band that lies in one block alone has no share without it: that block says nothing about the share.
    """
    losses = values - emptied.shares()
    losses[np.isnan(losses)] = 0.0
    return losses


def _counts(a: Sample, later: Sample) -> _Counts:
    bands, has = bands_of(a.frequencies), later.frequencies > 0
    return _Counts(
        types=_by_band(bands),
        found=_by_band(bands[has]),
        tokens=np.asarray(a.words.sum(), np.float64),
        lost=np.asarray(a.tokens[~has].sum()),
        later_tokens=np.asarray(later.words.sum(), np.float64),
        invented=np.asarray(later.tokens[a.frequencies == 0].sum()),
    )


def _without_a(a: Sample, later: Sample) -> _Counts:
    """By how much the counts fall with each block of A emptied: its types move to rarer bands."""
    groups, having = a.groups, a.frequencies[a.type_of]
    left = having - groups.entries
    before, after = bands_of(having), bands_of(left)
    has = (later.frequencies > 0)[a.type_of]
    return _Counts(
        types=_by_block(groups, before) - _by_block(groups, after),
        found=_by_block(groups, before, has) - _by_block(groups, after, has),
        tokens=a.words.astype(np.float64),
        lost=groups.sums(np.where(has, 0, groups.totals)),
        later_tokens=np.zeros(a.words.size),
        invented=-groups.sums(np.where(left == 0, later.tokens[a.type_of], 0.0)),
    )


def _without_later(a: Sample, later: Sample) -> _Counts:
    """By how much the counts fall with each block of the later sample emptied."""
    groups, frequencies = later.groups, a.frequencies[later.type_of]
    gone = _gone(later)
    none = np.zeros(later.words.size)
    return _Counts(
        types=np.zeros((none.size, len(_COVERAGES))),
        found=_by_block(groups, bands_of(frequencies), gone),
        tokens=none,
        lost=-groups.sums(np.where(gone, a.tokens[later.type_of], 0.0)),
        later_tokens=later.words.astype(np.float64),
        invented=groups.sums(np.where(frequencies == 0, groups.totals, 0)),
    )


def _gone(sample: Sample) -> NDArray[np.bool_]:
    """Entries whose type lies in their block alone: without the block the sample does not have it."""
    gone: NDArray[np.bool_] = sample.frequencies[sample.type_of] == sample.groups.entries
    return gone


def bands_of(frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the band of each document frequency: 0 for a frequency of 0, then 1 for the first of `BANDS` to 5."""
    table = np.searchsorted(_STARTS, np.arange(int(frequencies.max(initial=0)) + 1), side="right")
    return table.astype(np.int64)[frequencies]


def _by_band(bands: NDArray[np.int64]) -> Numbers:
    """How many are in each band, then in the first two together, shape (6,)."""
    return _and_rare(np.bincount(bands, minlength=len(BANDS) + 1)[1:].astype(np.float64))


def _by_block(groups: Grouped, bands: NDArray[np.int64], counted: NDArray[np.bool_] | None = None) -> Numbers:
    """The same for each block, shape (blocks, 6), for all entries or those that are `counted`."""
    blocks, width = groups.bounds.size - 1, len(BANDS) + 1
    cells = np.repeat(np.arange(blocks) * width, np.diff(groups.bounds)) + bands
    sums = np.bincount(cells if counted is None else cells[counted], minlength=blocks * width)
    return _and_rare(sums.reshape(blocks, width)[:, 1:].astype(np.float64))


def _and_rare(counts: Numbers) -> Numbers:
    return np.concatenate((counts, counts[..., :2].sum(axis=-1, keepdims=True)), axis=-1)


# Who has a type of A, as a number 0 to 3: 2 if the corpus, plus 1 if B.
_CORPUS_HAS = np.array([0.0, 0.0, 1.0, 1.0])
_B_HAS = np.array([0.0, 1.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What `OwnVariance` is made of: sums over types, or types and blocks, of what one type contributes.

    Row k < 6 is about coverages, where a type of the band contributes (has - share) / types; row 6 about the
    lost mass, where a type contributes tokens (has - 1 + mass) / tokens of A.
    """

    scale: Numbers  # shape (7,): the denominators
    states: Numbers  # shape (7, 4): types, or squared tokens, by who has them
    moves: Numbers  # shape (7, 4): those that enter or leave as a block of A is emptied
    gone: Numbers  # shape (7, 2): those that the corpus, or B, has no more as a block of it is emptied
    invented: Numbers  # shape (2, 2): products of what types contribute to the invented mass, of corpus and B
    invented_changes: Numbers  # shape (2, 2): the same for what they contribute less without a block

    def variances(self, values: Numbers, weights: tuple[float, float]) -> list[OwnVariance]:
        """Of each figure, shape (figures,): weights[0] times that of the corpus plus weights[1] times B's."""
        weight = np.array(weights)
        base = np.append(values[:_LOST], weight.sum() - values[_LOST])
        parts = (weight[0] * _CORPUS_HAS + weight[1] * _B_HAS - base[:, None]) ** 2
        scale = self.scale**2
        proper = np.append((self.states * parts).sum(axis=1) / scale, weight @ self.invented @ weight)
        changes = ((self.moves * parts).sum(axis=1) + self.gone @ weight**2) / scale
        changes = np.append(changes, weight @ self.invented_changes @ weight)
        pairs = zip(proper.tolist(), changes.tolist(), strict=True)
        return [OwnVariance(proper=own, jackknife=change) for own, change in pairs]


def _own(a: Sample, b: Sample, c: Sample, invented: tuple[float, float]) -> _Own:
    """`invented` are the invented masses of the corpus and of B."""
    few = (a.frequencies <= FEW) & (b.frequencies <= FEW) & (c.frequencies <= FEW)
    few_of = few[a.type_of]
    state = 2 * (c.frequencies > 0) + (b.frequencies > 0)
    state_of = state[a.type_of]
    bands = bands_of(a.frequencies)
    having = a.frequencies[a.type_of]
    left = having - a.groups.entries
    states = np.stack([_by_band(bands[state == k]) for k in range(4)], axis=1)
    lost_states = np.bincount(state[few], a.tokens[few] ** 2, 4)
    lost_moves = np.bincount(state_of[few_of], a.groups.totals[few_of].astype(np.float64) ** 2, 4)

    new = (a.frequencies == 0)[few]
    arriving = a.type_of[few_of & (left == 0)]
    contributions = np.stack(
        [
            later.tokens[few] * (new - mass) / later.words.sum()
            for later, mass in zip((c, b), invented, strict=True)
        ]
    )
    arrivals = np.stack([later.tokens[arriving] / later.words.sum() for later in (c, b)])
    departures = [_departures(a, later, few, mass) for later, mass in zip((c, b), invented, strict=True)]
    return _Own(
        scale=np.append(_by_band(bands), float(a.words.sum())).clip(min=1.0),
        states=np.concatenate((states, lost_states[None])),
        moves=np.concatenate((_moves(having, left, state_of), lost_moves[None])),
        gone=np.stack([_gone_types(a, c, few), _gone_types(a, b, few)], axis=1),
        invented=products(contributions),
        invented_changes=products(arrivals) + np.diag(departures),
    )


def _moves(having: NDArray[np.int64], left: NDArray[np.int64], state: NDArray[np.int64]) -> Numbers:
    """Types that leave or enter a band, or the rare ones, as a block is emptied, by state, shape (6, 4)."""
    before, after = bands_of(having), bands_of(left)
    ends = np.stack([before, after])[:, before != after]
    state = state[before != after]
    by_band = np.stack([_by_band(ends[:, state == k].ravel()) for k in range(4)], axis=1)
    # From the second band to the first a type moves within the rare ones: neither leaves nor enters them.
    within = np.bincount(state[(ends[0] == 2) & (ends[1] == 1)], minlength=4)
    by_band[-1] -= 2 * within
    return by_band


def _gone_types(a: Sample, later: Sample, few: NDArray[np.bool_]) -> Numbers:
    """Types of A, by band, and squared tokens of A that go as a block of `later` is emptied, shape (7,)."""
    gone = later.type_of[_gone(later)]
    return np.append(_by_band(bands_of(a.frequencies[gone])), squares(a.tokens[gone[few[gone]]]))


def _departures(a: Sample, later: Sample, few: NDArray[np.bool_], mass: float) -> float:
    """Sum over types and blocks of the squared contributions to the invented mass that go with the block."""
    chosen = few[later.type_of]
    new = (a.frequencies == 0)[later.type_of[chosen]]
    return squares(later.groups.totals[chosen] * (new - mass)) / float(later.words.sum()) ** 2


def _report(
    compared: _Matched, types: Numbers, kept: _Figures, ceiling: _Figures, own: _Own
) -> ReferenceTails:
    difference = kept.minus(ceiling)
    own_kept = own.variances(kept.values, (1.0, 0.0))
    own_ceiling = own.variances(ceiling.values, (0.0, 1.0))
    own_difference = own.variances(difference.values, (1.0, -1.0))

    def intervals(figure: int, trials: int) -> tuple[Interval, Interval, Interval]:
        share, limit = (
            jackknife.share_interval(
                float(x.values[figure]), x.samples(figure), variance[figure], trials=trials
            )
            for x, variance in ((kept, own_kept), (ceiling, own_ceiling))
        )
        return share, limit, _difference(share, limit, difference.samples(figure), own_difference[figure])

    def band(figure: int) -> BandCoverage | None:
        count = int(types[figure])
        if not count:
            return None
        coverage, limit, gap = intervals(figure, count)
        return BandCoverage(band=_COVERAGES[figure], types=count, coverage=coverage, ceiling=limit, gap=gap)

    documents = min(part.documents for part in (compared.first, compared.second, compared.corpus))
    lost, lost_ceiling, lost_excess = intervals(_LOST, documents)
    invented, invented_ceiling, invented_excess = intervals(_INVENTED, documents)
    return ReferenceTails(
        documents=compared.corpus.documents,
        words=compared.corpus.words,
        reference_documents=compared.first.documents,
        reference_words=compared.first.words,
        ceiling_documents=compared.second.documents,
        ceiling_words=compared.second.words,
        bands=tuple(found for found in map(band, range(len(BANDS))) if found),
        rare=band(_COVERAGES.index(RARE)),
        lost_mass=lost,
        lost_mass_ceiling=lost_ceiling,
        lost_mass_excess=lost_excess,
        invented_mass=invented,
        invented_mass_ceiling=invented_ceiling,
        invented_mass_excess=invented_excess,
    )


def _difference(share: Interval, limit: Interval, samples: list[Numbers], own: OwnVariance) -> Interval:
    estimate = share.estimate - limit.estimate
    if {share.estimate, limit.estimate} <= {0.0, 1.0}:  # no block shows any spread; see `share_interval`
        return Interval(estimate=estimate, low=share.low - limit.high, high=share.high - limit.low)
    return jackknife.interval(estimate, samples, own, bounds=(-1.0, 1.0))
