"""What a removal of documents costs the tail: rare types, and rare topics.

A step that takes out three documents in ten takes out types, too, whatever it looks at. So every figure stands beside
what a *random* removal of as much would leave, of the very documents that the step judged:

words       A type that y of the n judged documents hold survives a random removal of m of them with probability
            1 - C(n - y, n - m) / C(n, n - m). The retention is what the step left of the rare types over what a random
            removal leaves on average, and the test a randomisation test: exact, for it takes nothing for granted but
            that all sets of m documents are equally likely if the step is blind to the tail. A filter of short or long
            documents removes more or fewer words than a random one of as many documents, hence the same again at
            equal words: documents are drawn until as many words are gone.
topics      Topics are removed at different rates for reasons that have nothing to do with rarity: a rule against lists
            hits cooking, common or not. A test that counts documents takes any such difference for one between tail
            and head, and in the simulations of docs/tail-cost.md it cries wolf in up to half of all worlds. Here the
            topic is the unit and has one vote, its rate; tail and head are compared by Welch's statistic, whose
            distribution is that over permutations of the labels. Studentising makes the permutation test hold
            asymptotically even though rates of small topics are noisier [1].
groups      A source, a language or a month loses more than its part if more of its documents went than a random
            removal takes: the upper tail of the hypergeometric distribution.

Tests are one-sided: a step that spares the tail is no loss.

[1] Janssen, Studentized permutation tests for non-i.i.d. hypotheses and the generalized Behrens-Fisher problem,
    Statistics & Probability Letters 36 (1997) 9-21.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._loops import _mixed, mixed
from wellkeeper.measure.chance import lost_at_random
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.jackknife import Interval, student_quantile, wilson
from wellkeeper.measure.reference import BANDS, RARE, bands_of
from wellkeeper.native import loop

Chosen: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]

DRAWS = 1999
"""Random removals, and permutations: p-values go down to 1 / 2000, so that Holm's first threshold, .05 over the number
of tests, can be passed with up to 100 tests in a recipe."""

FIRST_DRAWS = 199
_ENOUGH = 10
"""A removal that so many of the first draws match or beat is not tested further: its p-value is 11 / 200 or more, and
cannot come to .05. Where p-values at most .05 count, stopping so can only miss, never alarm: those are of all draws."""

FEWEST_TOPICS = 5
"""Topics that tail and head must each have: the variance of fewer rates says too little."""

_RARE_BANDS = 2  # the first two bands are the rare types
_NEVER = 1e-12  # a type that a random removal loses less often is lost in none of the draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """Which documents of a corpus hold which types of a reference. Types are numbered from 0."""

    bounds: Integers  # shape (documents + 1,): document d has held[bounds[d]:bounds[d + 1]]
    held: NDArray[np.int32]  # shape (entries,): no type twice in a document
    band: Integers  # shape (types,): place in `BANDS` of the reference documents that have the type
    hashes: NDArray[np.uint64]  # shape (types,)
    words: Integers  # shape (documents,): of all types, those of the reference or not

    @property
    def documents(self) -> int:
        return self.bounds.size - 1

    @property
    def rare(self) -> Chosen:
        """Types that one or two documents of the reference have, shape (types,)."""
        return np.asarray(self.band < _RARE_BANDS, np.bool_)

    def rare_alone(self) -> "Holdings":
        """The same, less the types that are not rare."""
        kept = self.rare[self.held]
        ends = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
        numbers = (np.cumsum(self.rare) - 1).astype(np.int32)
        return Holdings(
            bounds=ends[self.bounds],
            held=numbers[self.held[kept]],
            band=self.band[self.rare],
            hashes=self.hashes[self.rare],
            words=self.words,
        )

    def in_order(self, order: Integers) -> "Holdings":
        """The same documents, in another order: document k is what `order[k]` was."""
        sizes = np.diff(self.bounds)[order]
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        entries = np.arange(bounds[-1]) + np.repeat(self.bounds[order] - bounds[:-1], sizes)
        return replace(self, bounds=bounds, held=self.held[entries], words=self.words[order])

    def holders(self, chosen: Chosen) -> Integers:
        """How many of the chosen documents hold each type, shape (types,); `chosen` has shape (documents,)."""
        entries = np.repeat(chosen, np.diff(self.bounds))
        return np.bincount(self.held[entries], minlength=self.band.size)

    def held_of(self, types: Chosen) -> Integers:
        """How many of the marked types each document holds, shape (documents,)."""
        ends = np.concatenate(([0], np.cumsum(types[self.held], dtype=np.int64)))
        return np.diff(ends[self.bounds])


def holdings_of(reference: Incidence, corpus: Incidence) -> Holdings:
    """Look for the reference's types in the documents of a corpus.

    >>> words = lambda *documents: Incidence(
    ...     offsets=np.cumsum([0, *map(len, documents)]), types=np.array(sum(documents, []), np.uint64),
    ...     tokens=np.ones(sum(map(len, documents)), np.int32))
    >>> found = holdings_of(words([7, 9], [7]), words([9, 5], [7, 9]))
    >>> found.held.tolist(), found.bounds.tolist(), found.band.tolist()
    ([1, 0, 1], [0, 1, 3], [1, 0])
    """
    ids, _ = dense(np.concatenate((reference.types, corpus.types)))
    theirs, mine = np.split(ids, [reference.types.size])
    frequencies = np.bincount(theirs)
    known = mine < frequencies.size  # numbered by first appearance: the reference's types come first
    ends = np.concatenate(([0], np.cumsum(known, dtype=np.int64)))
    hashes = np.zeros(frequencies.size, np.uint64)
    hashes[theirs] = reference.types
    return Holdings(
        bounds=ends[corpus.offsets],
        held=mine[known],
        band=bands_of(frequencies) - 1,
        hashes=hashes,
        words=corpus.words_by_document(),
    )


# --- words ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCost:
    """What a removal left of the reference's types of one band of document frequency."""

    band: str  # documents of the reference that have the type: "1", "3-5", ">20"
    types: int  # of the reference
    before: int  # those that the judged documents hold
    after: int  # ... and hold still
    at_random: Interval  # what random removals of as many documents leave: mean, and where 95 % of them lie

    def to_json(self) -> dict[str, Any]:
        return {
            "band": self.band,
            "types": self.types,
            "before": self.before,
            "after": self.after,
            "at_random": self.at_random.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a removal left of the tail, over what chance would: 1 is what chance leaves, below 1 the tail paid.

    The interval is made by the baseline: what was left, over what 95 % of random removals leave. The figure of the
    removal itself is exact. `p` is the one-sided p-value of a loss greater than chance's.
    """

    retention: Interval
    p: float

    def to_json(self) -> dict[str, Any]:
        return {**self.retention.to_json(), "p": self.p}


@dataclass(frozen=True, slots=True, kw_only=True)
class WordCost:
    """What a removal cost the types of a reference, rare ones first."""

    documents: int  # judged
    removed: int
    words: int  # of the judged documents
    removed_words: int
    bands: tuple[BandCost, ...]  # rarest first; those of which the judged documents hold none are left out
    rare: BandCost  # types of one or two documents of the reference
    documents_kept: Kept  # of the rare types, against random removals of as many documents
    words_kept: Kept  # ... against random removals of as many words

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "removed": self.removed,
            "words": self.words,
            "removed_words": self.removed_words,
            "bands": [band.to_json() for band in self.bands],
            "rare": self.rare.to_json(),
            "at_equal_documents": self.documents_kept.to_json(),
            "at_equal_words": self.words_kept.to_json(),
        }


def word_cost(holdings: Holdings, judged: Chosen, removed: Chosen, *, seed: int) -> WordCost | None:
    """What the removal of some of the judged documents cost, `judged` and `removed` of shape (documents,).

    None where nothing was removed, or where the judged documents hold no rare type: there is nothing to lose.

    Raises:
        DataError: a removed document was not judged, or shapes differ.
    """
    if judged.shape != removed.shape or judged.size != holdings.documents:
        raise DataError(
            f"{holdings.documents} documents are known, {judged.size} judged and {removed.size} removed or not. "
            "Pass one truth value for each document that holdings were made of."
        )
    if (removed & ~judged).any():
        raise DataError(
            f"Document {int(np.flatnonzero(removed & ~judged)[0])} was removed and not judged. Judge what is removed."
        )
    holders, gone = holdings.holders(judged), holdings.holders(removed)
    if not removed.any() or not (holders[holdings.rare] > 0).any():
        return None
    removal = _Removal(holdings, judged, removed, holders)
    left = (holders > 0) & (gone < holders)
    lost = int(np.count_nonzero(holdings.rare & (holders > 0) & ~left))
    by_documents, rare_by_documents = removal.draws(np.ones_like(holdings.words), lost, seed)
    _, rare_by_words = removal.draws(holdings.words, lost, seed)
    bands = [
        _band_cost(holdings, holders, left, slice(place, place + 1), by_documents[:, place], removal)
        for place in range(len(BANDS))
    ]
    rare = _band_cost(holdings, holders, left, slice(0, _RARE_BANDS), rare_by_documents, removal)
    return WordCost(
        documents=removal.documents,
        removed=removal.removed,
        words=removal.words,
        removed_words=removal.removed_words,
        bands=tuple(band for band in bands if band.before),
        rare=rare,
        documents_kept=_kept(rare, rare_by_documents, rare.at_random.estimate),
        words_kept=_kept(rare, rare_by_words, rare.before - float(rare_by_words.mean())),
    )


@dataclass(frozen=True, slots=True)
class _Removal:
    """A removal, and random ones in its place."""

    holdings: Holdings
    judged: Chosen
    gone: Chosen
    holders: Integers  # judged documents that hold each type

    @property
    def documents(self) -> int:
        return int(np.count_nonzero(self.judged))

    @property
    def removed(self) -> int:
        return int(np.count_nonzero(self.gone))

    @property
    def words(self) -> int:
        return int(self.holdings.words[self.judged].sum())

    @property
    def removed_words(self) -> int:
        return int(self.holdings.words[self.gone].sum())

    def draws(self, weight: Integers, lost: int, seed: int) -> tuple[Integers, Integers]:
        """Types lost in random removals of as much `weight` as was removed.

        By band in the first draws, shape (first draws, bands), and rare ones in as many as it takes, shape (draws,),
        if the removal itself lost so many.
        """
        losable = self._losable()
        by_band = self._at_random(weight, losable, mixed(2 * seed), FIRST_DRAWS)
        first = by_band[:, :_RARE_BANDS].sum(axis=1)
        if np.count_nonzero(first >= lost) >= _ENOUGH:
            return by_band, first
        more = self._at_random(weight, losable & self.holdings.rare, mixed(2 * seed + 1), DRAWS - FIRST_DRAWS)
        return by_band, np.concatenate((first, more.sum(axis=1)))

    def _at_random(self, weight: Integers, losable: Chosen, state: int, draws: int) -> Integers:
        entries = np.repeat(self.judged, np.diff(self.holdings.bounds)) & losable[self.holdings.held]
        ends = np.concatenate(([0], np.cumsum(entries, dtype=np.int64)))[self.holdings.bounds]
        lost = np.zeros((draws, len(BANDS)), np.int64)
        _lose(
            state,
            np.flatnonzero(self.judged),
            weight,
            int(weight[self.gone].sum()),
            ends,
            self.holdings.held[entries],
            self.holdings.band,
            self.holders.astype(np.int64),  # a copy: the loop counts down in it, and up again
            lost,
        )
        return lost

    def _losable(self) -> Chosen:
        """Types that random removals may lose: a half more than was removed leaves room for unequal documents."""
        share = max(self.removed / self.documents, self.removed_words / max(1, self.words))
        odds = min(1.0, 1.5 * share)
        most = self.documents if odds == 1 else math.log(_NEVER) / math.log(odds)
        return np.asarray((self.holders > 0) & (self.holders <= most), np.bool_)


def _band_cost(
    holdings: Holdings, holders: Integers, left: Chosen, places: slice, lost: Integers, removal: _Removal
) -> BandCost:
    inside = (holdings.band >= places.start) & (holdings.band < places.stop)
    here = holders[inside & (holders > 0)]
    rate = lost_at_random(here, documents=removal.documents, removed=removal.removed)
    low, high = np.quantile(here.size - lost, (0.025, 0.975))
    mean = here.size * (1 - rate)
    return BandCost(
        band=BANDS[places.start] if places.stop - places.start == 1 else RARE,
        types=int(np.count_nonzero(inside)),
        before=here.size,
        after=int(np.count_nonzero(left & inside)),
        at_random=Interval(estimate=mean, low=min(mean, float(low)), high=max(mean, float(high))),
    )


def _kept(rare: BandCost, lost: Integers, mean: float) -> Kept:
    low, high = np.quantile(rare.before - lost, (0.025, 0.975))
    estimate = _over(rare.after, mean)
    return Kept(
        retention=Interval(
            estimate=estimate,
            low=min(estimate, rare.after / max(1.0, float(high))),
            high=max(estimate, rare.after / max(1.0, float(low))),
        ),
        p=float((1 + np.count_nonzero(lost >= rare.before - rare.after)) / (1 + lost.size)),
    )


def _over(left: float, at_random: float) -> float:
    """What is left over what chance leaves; of nothing that could be left, all is."""
    return left / at_random if at_random > 0 else 1.0


@loop("u64, i64[:], const i64[:], i64, const i64[:], const i32[:], const i64[:], i64[:], i64[:,:]")
def _lose(
    state: Any, order: Any, weight: Any, budget: Any, bounds: Any, held: Any, band: Any, left: Any, lost: Any
) -> Any:
    """Draw documents of `order` without repeats until their weight is nearest to `budget`; count types that go.

    `left` has the documents that hold each type, and is as it was at the end. Shuffling goes on from the order that
    the draw before left, which is as good as any. The remainder favours small numbers by less than 2^-32 of a chance.
    """
    for draw in range(lost.shape[0]):
        spent = 0
        taken = 0
        while taken < order.size and spent < budget:
            state += np.uint64(0x9E3779B97F4A7C15)
            pick = taken + np.int64(_mixed(state) % np.uint64(order.size - taken))
            document = order[pick]
            order[pick] = order[taken]
            order[taken] = document
            more = spent + weight[document]
            if more > budget and more - budget > budget - spent:
                break
            spent = more
            taken += 1
        for k in range(taken):
            for entry in range(bounds[order[k]], bounds[order[k] + 1]):
                left[held[entry]] -= 1
                if left[held[entry]] == 0:
                    lost[draw, band[held[entry]]] += 1
        for k in range(taken):
            for entry in range(bounds[order[k]], bounds[order[k] + 1]):
                left[held[entry]] += 1


# --- topics ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Tail or head: its topics, and what became of their documents."""

    topics: int
    documents: int  # judged
    removed: int
    rate: Interval  # removal rate in [0, 1], mean over topics; Student's interval

    def to_json(self) -> dict[str, Any]:
        return {
            "topics": self.topics,
            "documents": self.documents,
            "removed": self.removed,
            "rate": self.rate.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCost:
    """What a removal cost rare topics, beside common ones."""

    tail: Side
    head: Side
    kept: Kept  # share of documents kept, tail over head, as means over topics; p by permutation

    def to_json(self) -> dict[str, Any]:
        return {"tail": self.tail.to_json(), "head": self.head.to_json(), **self.kept.to_json()}


def topic_cost(
    documents: NDArray[np.integer],
    removed: NDArray[np.integer],
    tail: Chosen,
    head: Chosen,
    *,
    seed: int,
    draws: int = DRAWS,
) -> TopicCost | None:
    """Whether rare topics lost more of their documents than common ones; all of shape (topics,).

    `documents` counts the judged documents of each topic and `removed` those that went. Topics that are neither tail
    nor head, or of which no document was judged, have no vote. None where nothing was removed, or where either side
    has fewer than `FEWEST_TOPICS` topics left.

    Raises:
        DataError: shapes differ, more documents are removed than there are, or a topic is both tail and head.
    """
    if not documents.shape == removed.shape == tail.shape == head.shape or np.any(removed > documents):
        raise DataError(
            f"There are {documents.size} topics with {int(documents.sum())} documents and {int(removed.sum())} removed "
            f"of {removed.size} topics. Pass one number for each topic, of the same documents."
        )
    if (tail & head).any():
        raise DataError("A topic is both tail and head. Mark each as one of them or as neither.")
    voting = (tail | head) & (documents > 0)
    rare, rates = tail[voting], removed[voting] / documents[voting]
    if not rates.any() or min(rare.sum(), (~rare).sum()) < FEWEST_TOPICS:
        return None
    sides = [_side(documents, removed, voting & side) for side in (tail, head)]
    labels = np.random.default_rng(seed).permuted(np.tile(rare, (draws, 1)), axis=1)
    statistics = _welch(np.concatenate((rare[None], labels)), rates)
    beyond = np.count_nonzero(statistics[1:] >= statistics[0] - 1e-9)
    return TopicCost(
        tail=sides[0],
        head=sides[1],
        kept=Kept(retention=_ratio_kept(rates[rare], rates[~rare]), p=float((1 + beyond) / (1 + draws))),
    )


def _side(documents: NDArray[np.integer], removed: NDArray[np.integer], chosen: Chosen) -> Side:
    rates = removed[chosen] / documents[chosen]
    mean = float(rates.mean())
    reach = student_quantile(rates.size - 1) * math.sqrt(float(rates.var(ddof=1)) / rates.size)
    return Side(
        topics=rates.size,
        documents=int(documents[chosen].sum()),
        removed=int(removed[chosen].sum()),
        rate=Interval(estimate=mean, low=max(0.0, mean - reach), high=min(1.0, mean + reach)),
    )


def _welch(labels: Chosen, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference of mean rates over its standard error, for rows of labels, shape (rows,)."""
    centred = rates - rates.mean()  # as exact as it gets where all rates are much alike
    parts = []
    for side in (labels, ~labels):
        size = side.sum(axis=1)
        mean = np.where(side, centred, 0.0).sum(axis=1) / size
        square = np.where(side, centred**2, 0.0).sum(axis=1) / size
        parts.append((mean, np.maximum(square - mean**2, 0.0) / (size - 1)))
    (mean, variance), (other, other_variance) = parts
    floor = 1e-12  # where all rates of both sides are equal, so that the difference decides
    difference: NDArray[np.float64] = (mean - other) / np.sqrt(np.maximum(variance + other_variance, floor))
    return difference


def _ratio_kept(tail: NDArray[np.float64], head: NDArray[np.float64]) -> Interval:
    """Mean share kept of the tail's topics over the head's; interval by the delta method on the logarithmic scale."""
    means = 1 - float(tail.mean()), 1 - float(head.mean())
    if means[1] <= 0 or means[0] <= 0:
        ratio = _over(*means)
        return Interval(estimate=ratio, low=min(ratio, 0.0), high=max(ratio, 1.0))
    parts = [
        float(side.var(ddof=1)) / side.size / mean**2 for side, mean in zip((tail, head), means, strict=True)
    ]
    variance = sum(parts)
    if variance <= 0:
        return Interval(estimate=means[0] / means[1], low=means[0] / means[1], high=means[0] / means[1])
    # Satterthwaite, Biometrics Bulletin 2 (1946) 110-114
    freedom = variance**2 / sum(
        part**2 / (side.size - 1) for part, side in zip(parts, (tail, head), strict=True)
    )
    reach = student_quantile(freedom) * math.sqrt(variance)
    ratio = means[0] / means[1]
    return Interval(estimate=ratio, low=ratio * math.exp(-reach), high=ratio * math.exp(reach))


# --- groups ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCost:
    """What a removal took of one group of documents, such as a source or a month."""

    group: int
    documents: int  # judged
    removed: int
    rate: Interval  # in [0, 1]; Wilson's interval
    p: float  # that a random removal of as many documents takes as many of the group

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "removed": self.removed,
            "rate": self.rate.to_json(),
            "p": self.p,
        }


def group_costs(
    documents: NDArray[np.integer], removed: NDArray[np.integer], groups: Integers
) -> tuple[GroupCost, ...]:
    """The cost of some groups, each with a judged document; counts of all groups have shape (groups,).

    Raises:
        DataError: shapes differ, or a group lost more documents than it has.
    """
    if documents.shape != removed.shape or np.any(removed > documents):
        raise DataError(
            f"There are {documents.size} groups with {int(documents.sum())} documents and {int(removed.sum())} removed "
            f"of {removed.size} groups. Pass one number for each group, of the same documents."
        )
    whole, gone = int(documents.sum()), int(removed.sum())
    costs = []
    for group in groups.tolist():
        size, lost = int(documents[group]), int(removed[group])
        low, high = wilson(lost / size, size)
        costs.append(
            GroupCost(
                group=group,
                documents=size,
                removed=lost,
                rate=Interval(estimate=lost / size, low=low, high=high),
                p=at_least(lost, marked=size, drawn=gone, of=whole),
            )
        )
    return tuple(costs)


def at_least(hits: int, *, marked: int, drawn: int, of: int) -> float:
    """P(X >= hits) for the marked items among `drawn` of `of`: the hypergeometric upper tail.

    Where the hits are no more than the mean, 1 is given: no evidence of a loss, and never too small.

    >>> round(at_least(2, marked=2, drawn=5, of=10), 4)
    0.2222

    Raises:
        DataError: the numbers fit no draw.
    """
    if not max(0, drawn + marked - of) <= hits <= min(marked, drawn) or max(marked, drawn) > of:
        raise DataError(
            f"{hits} of {marked} marked items among {drawn} drawn of {of} cannot be. Count items of one draw."
        )
    if hits * of <= marked * drawn:
        return 1.0
    first = _log_choose(marked, hits) + _log_choose(of - marked, drawn - hits) - _log_choose(of, drawn)
    spread = math.sqrt(marked * drawn / of * (1 - drawn / of)) + 1
    k = np.arange(hits, min(marked, drawn, hits + int(40 * spread) + 100), dtype=np.float64)
    ratios = (marked - k) * (drawn - k) / ((k + 1) * (of - marked - drawn + k + 1))
    return min(1.0, math.exp(first) * (1 + float(np.cumprod(ratios).sum())))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
