"""What every step of a curation, and its mix, cost the tail of the human reference.

Rare words are looked for in the sample of documents that all tail measures share; topics, sources, languages, domains
and months are counted in all documents. Documents that went in favour of another one, or because an earlier set has
them, are no loss: what they say is still there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Indices, Ruling
from wellkeeper.kernels import text
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.conformal import benjamini_hochberg
from wellkeeper.measure.tail_cost import (
    FEWEST_TOPICS,
    GroupCost,
    Holdings,
    Kept,
    TopicCost,
    WordCost,
    group_costs,
    holdings_of,
    topic_cost,
    word_cost,
)
from wellkeeper.measure.tail_restore import TopicVotes
from wellkeeper.measure.verdicts import holm
from wellkeeper.recipe.corpus import LoadedCorpus, month_label
from wellkeeper.recipe.decide import MIX, Decisions
from wellkeeper.recipe.tails import WordSample
from wellkeeper.recipe.textpass import TAIL_WORDS, tables

if TYPE_CHECKING:
    from wellkeeper.recipe.topics import Topics

LEVEL = 0.05
"""Chance of any false alarm in a curation, whatever its number of steps: p-values are Holm's over all its tests."""
RETENTION = 0.95
"""A loss must also be large: of the tail that chance would have left, at least one part in twenty is gone."""
DOCUMENTS, WORDS, TOPICS = "documents", "words", "topics"
"""The tests of a step: rare words at equal documents, at equal words, and rare topics."""

_SCRAMBLING = np.uint64(
    0x9E3779B97F4A7C15
)  # odd: a bijection whose first bits come from all bits of a priority
_KINDS = ("topic", "source", "domain", "language", "month")
_LEAST, _MOST = 20, 1000
"""Documents that a group needs before its loss means anything; how many groups of a kind are tested, the largest."""
_HIT, _EXAMPLES, _LOST_WORDS, _EXCERPT = 10, 5, 20, 160


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Removal:
    """What one ruling took out of the corpus; truth values for all documents."""

    step: str
    judged: NDArray[np.bool_]
    lost: NDArray[np.bool_]  # documents whose content went with them
    replaced: int  # documents that went in favour of another


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A group of documents that lost more than a random removal would take, false discoveries held to `LEVEL`."""

    kind: str
    name: str
    cost: GroupCost

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, **self.cost.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """What one step cost the tail."""

    removal: Removal
    words: WordCost | None  # None: nothing of the sample went, or it held no rare word
    topics: TopicCost | None  # None: no topics, or too few that are rare or common
    hits: tuple[Hit, ...]  # the worst first, at most `_HIT`
    groups: Mapping[str, int]  # groups tested, by kind
    p: Mapping[str, float]  # of the tests made; `together` adjusts them for those of other steps

    def kept(self, test: str) -> Kept:
        """What the removal left of the tail by one of the tests made."""
        if test == TOPICS:
            assert self.topics is not None, "topics are tested where there are any"
            return self.topics.kept
        assert self.words is not None, "words are tested where there are any"
        return self.words.documents_kept if test == DOCUMENTS else self.words.words_kept

    def losses(self, guard: float = RETENTION) -> tuple[str, ...]:
        """The tests by which the tail lost significantly more than chance takes, and kept less than `guard`."""
        return tuple(
            test for test, p in self.p.items() if p <= LEVEL and self.kept(test).retention.estimate < guard
        )


class _Sample(NamedTuple):
    """Documents in which rare words are looked for, in the order of a hash, and what they hold."""

    documents: Indices
    holdings: Holdings


class TailWatch:
    """Holds what a curation's reference has, and tells what removals cost of it."""

    def __init__(
        self,
        corpus: LoadedCorpus,
        mine: WordSample,
        theirs: WordSample,
        *,
        topics: "tuple[Topics, Topics | None] | None" = None,
        seed: int,
    ) -> None:
        """`mine` are the words of the corpus, its reference's own documents among them, and `theirs` the reference's.

        `topics` are those of the corpus and, numbered alike, of a reference that is another corpus.
        """
        mine = mine.cut(TAIL_WORDS)
        self.corpus = corpus
        self.holdings = holdings_of(theirs.cut(2 * TAIL_WORDS).words(), mine.words())
        self.seed = seed
        self._sample = _Sample(mine.documents, self.holdings)
        self._anew: _Sample | None = None
        self.votes, self._topic_names = _votes(corpus, topics)

    @property
    def share(self) -> float:
        """Share of all documents in which rare words are looked for."""
        return len(self._sample.documents) / len(self.corpus)

    @property
    def is_blind(self) -> bool:
        """Whether no removal can be tested: the documents hold no rare word of the reference, and too few topics."""
        if self.holdings.rare[self.holdings.held].any():
            return False
        if self.votes is None:
            return True
        held = np.bincount(self.votes.of[self.votes.of >= 0], minlength=self.votes.tail.size) > 0
        sides = self.votes.tail, self.votes.head
        return min(int(np.count_nonzero(held & side)) for side in sides) < FEWEST_TOPICS

    def costs(self, decisions: Decisions) -> list[StepCost]:
        """The cost of every ruling that took documents out, in the order they were given."""
        return together([self.cost(removal) for removal in removals(decisions, len(self.corpus))])

    def cost(self, removal: Removal) -> StepCost:
        """The cost of one removal; its p-values are those of its own tests."""
        sample = self._sample_for(removal)
        judged, lost = removal.judged[sample.documents], removal.lost[sample.documents]
        words = word_cost(sample.holdings, judged, lost, seed=self.seed)
        topics = self._topic_cost(removal)
        hits, groups = self._hits(removal)
        p = {} if words is None else {DOCUMENTS: words.documents_kept.p, WORDS: words.words_kept.p}
        if topics is not None:
            p[TOPICS] = topics.kept.p
        return StepCost(removal=removal, words=words, topics=topics, hits=hits, groups=groups, p=p)

    def _sample_for(self, removal: Removal) -> "_Sample":
        """The sample of all tail measures; for the mix another one, since it takes documents in that one's order."""
        if removal.step != MIX:
            return self._sample
        if self._anew is None:
            self._anew = _drawn_anew(self.corpus, self.holdings, removal.judged)
        return self._anew

    def _topic_cost(self, removal: Removal) -> TopicCost | None:
        if self.votes is None:
            return None
        judged, lost = _both(self.votes.of, removal, self.votes.tail.size)
        return topic_cost(judged, lost, self.votes.tail, self.votes.head, seed=self.seed)

    def _hits(self, removal: Removal) -> tuple[tuple[Hit, ...], dict[str, int]]:
        hits: list[Hit] = []
        tested: dict[str, int] = {}
        known: list[list[tuple[int, int]]] = []
        if not removal.lost.any():
            return (), tested
        for kind in _KINDS:
            codes, names = self._groups(kind)
            judged, lost = _both(codes, removal, len(names))
            enough = np.flatnonzero(judged >= _LEAST)
            enough = np.sort(enough[np.argsort(-judged[enough], kind="stable")][:_MOST])
            if enough.size < 2:
                continue
            costs = group_costs(judged, lost, enough)
            counts = sorted((cost.documents, cost.removed) for cost in costs)
            if counts in known:  # the same groups under other names, such as sites that are the sources, too
                continue
            known.append(counts)
            tested[kind] = len(costs)
            found = benjamini_hochberg(np.array([cost.p for cost in costs]), LEVEL)
            hits += [
                Hit(kind=kind, name=names[cost.group], cost=cost)
                for cost, hit in zip(costs, found.tolist(), strict=True)
                if hit
            ]
        rate = np.count_nonzero(removal.lost) / np.count_nonzero(removal.judged)
        hits.sort(key=lambda hit: (rate * hit.cost.documents - hit.cost.removed, hit.kind, hit.name))
        return tuple(hits[:_HIT]), tested

    def _groups(self, kind: str) -> tuple[NDArray[np.integer], Sequence[str]]:
        if kind == "topic":
            return (np.zeros(0, np.int32), ()) if self.votes is None else (self.votes.of, self._topic_names)
        if kind == "month":
            months = self.corpus.column("month")
            return months, [month_label(month) for month in range(int(months.max(initial=-1)) + 1)]
        return self.corpus.codes(kind)

    # --- what a reader is told ---------------------------------------------------------------------

    def describe(self, costs: Sequence[StepCost]) -> list[dict[str, Any]]:
        """The `tail_cost` section of a curation: a row for every step that took anything out."""
        return [self._row(cost) for cost in costs]

    def _row(self, cost: StepCost) -> dict[str, Any]:
        removal = cost.removal
        losses = cost.losses()
        words = None if cost.words is None else cost.words.to_json()
        if words is not None:
            for test in (DOCUMENTS, WORDS):
                words[f"at_equal_{test}"]["p_adjusted"] = cost.p[test]
        topics = None
        if cost.topics is not None:
            topics = {**cost.topics.to_json(), "p_adjusted": cost.p[TOPICS]}
        return {
            "step": removal.step,
            "judged": int(np.count_nonzero(removal.judged)),
            "removed": int(np.count_nonzero(removal.lost)),
            "replaced": removal.replaced,
            "losses": list(losses),
            "words": words,
            "topics": topics,
            "groups_tested": dict(cost.groups),
            "hit": [hit.to_json() for hit in cost.hits],
            "lost": self._examples(removal, losses) if losses else None,
        }

    def _examples(self, removal: Removal, losses: Sequence[str]) -> dict[str, Any]:
        """Documents, words and topics that went, those first that held most."""
        documents, counts, hashes = self._lost_types(removal)
        names = self.corpus.strings("id", documents.tolist())
        excerpts = self.corpus.strings("excerpt", documents.tolist())
        return {
            "documents": [
                {"id": name, "excerpt": excerpt[:_EXCERPT], "rare_words": count}
                for name, excerpt, count in zip(names, excerpts, counts.tolist(), strict=True)
            ],
            "words": spelled(self.corpus, documents, hashes)[:_LOST_WORDS],
            "topics": self._lost_topics(removal) if TOPICS in losses else [],
        }

    def _lost_types(self, removal: Removal) -> tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]:
        """Documents that held most of the rare types lost, how many each held, and the lost types' hashes."""
        documents, holdings = self._sample_for(removal)
        judged, lost = (chosen[documents] for chosen in (removal.judged, removal.lost))
        holders = holdings.holders(judged)
        types = holdings.rare & (holders > 0) & (holdings.holders(lost) == holders)
        held = np.where(lost, holdings.held_of(types), 0)
        # a stable sort: ties are in the order of the sample, which is that of a hash
        order = np.argsort(-held, kind="stable")[:_EXAMPLES]
        order = order[held[order] > 0]
        return documents[order], held[order], holdings.hashes[types]

    def _lost_topics(self, removal: Removal) -> list[dict[str, Any]]:
        assert self.votes is not None, "the test of topics was made with them"
        judged, lost = _both(self.votes.of, removal, self.votes.tail.size)
        rare = np.flatnonzero(self.votes.tail & (lost > 0))
        worst = rare[np.argsort(-(lost[rare] ** 2 / judged[rare]), kind="stable")][:_EXAMPLES]
        return [
            {"topic": self._topic_names[topic], "documents": int(judged[topic]), "removed": int(lost[topic])}
            for topic in worst.tolist()
        ]


def together(costs: Sequence[StepCost]) -> list[StepCost]:
    """The same costs, their p-values adjusted for all tests of all of them (Holm)."""
    tests = [(place, test) for place, cost in enumerate(costs) for test in cost.p]
    adjusted = holm(np.array([costs[place].p[test] for place, test in tests]))
    found: list[dict[str, float]] = [{} for _ in costs]
    for (place, test), p in zip(tests, adjusted.tolist(), strict=True):
        found[place][test] = p
    return [replace(cost, p=p) for cost, p in zip(costs, found, strict=True)]


def removals(decisions: Decisions, documents: int) -> Iterator[Removal]:
    """Every ruling that took documents out, in the order they were given."""
    active = np.ones(documents, np.bool_)
    for ruling in decisions.sequence:
        removal = removal_of(ruling, active, decisions.against)
        active[ruling.documents] = ruling.decision == Decision.KEEP  # people may have put some back
        if removal.lost.any() or removal.replaced:
            yield removal


def removal_of(
    ruling: Ruling, active: NDArray[np.bool_], elsewhere: Mapping[int, Any] | None = None
) -> Removal:
    """What a ruling takes out of the active documents; `elsewhere` are documents that an earlier set has."""
    gone = ruling.decision != Decision.KEEP
    has_it = np.array(sorted(elsewhere or ()), np.int64)
    stays = (ruling.survivor >= 0) | np.isin(ruling.documents, has_it)
    lost = np.zeros(len(active), np.bool_)
    lost[ruling.documents[gone & ~stays]] = True
    lost &= active  # what people drop may have been held back before
    replaced = int(np.count_nonzero(gone & stays & active[ruling.documents]))
    return Removal(step=ruling.step, judged=active.copy(), lost=lost, replaced=replaced)


def _drawn_anew(corpus: LoadedCorpus, known: Holdings, judged: NDArray[np.bool_]) -> _Sample:
    """A sample of about `TAIL_WORDS` words of the judged documents that is independent of the order of priorities."""
    documents = np.flatnonzero(judged)
    documents = documents[np.argsort(corpus.column("priority")[documents] * _SCRAMBLING, kind="stable")]
    reached = np.cumsum(corpus.column("words")[documents])
    documents = documents[: 1 + int(np.searchsorted(reached, TAIL_WORDS))]
    order = np.argsort(documents)
    held = holdings_in(corpus, known, documents[order])
    return _Sample(documents, held.in_order(np.argsort(order)))


def holdings_in(corpus: LoadedCorpus, known: Holdings, documents: Indices) -> Holdings:
    """What other documents (ascending) hold of the types that are known; their texts are read again."""
    order = np.argsort(known.hashes)
    hashes = known.hashes[order]
    # read in any order, put together by document
    read = sorted(corpus.which_types(documents, hashes), key=lambda found: int(found[0][0]))
    sizes = np.concatenate([counts for _, counts, _ in read])
    return Holdings(
        bounds=np.concatenate(([0], np.cumsum(sizes))),
        held=np.concatenate([held for _, _, held in read]),
        band=known.band[order],
        hashes=hashes,
        words=corpus.column("words")[documents].astype(np.int64),
    )


def spelled(corpus: LoadedCorpus, documents: Indices, hashes: NDArray[np.uint64]) -> list[str]:
    """The words of some documents that have one of the hashes, as they are written there, those with digits last.

    Read from the texts again, for only hashes of words are kept.
    """
    found: dict[int, str] = {}
    for read in corpus.read_again(np.sort(documents)):
        data, offsets = read.texts()
        bounds, mine, firsts, lasts = text.word_places(data, offsets, tables(), read.rows)
        starts = np.repeat(offsets[read.rows], np.diff(bounds))
        for place in np.flatnonzero(np.isin(mine, hashes)).tolist():
            start = int(starts[place])
            word = data[start + firsts[place] : start + lasts[place]].tobytes().decode(errors="replace")
            found.setdefault(int(mine[place]), word)
    return sorted(found.values(), key=lambda word: not word.isalpha())


def _votes(
    corpus: LoadedCorpus, topics: "tuple[Topics, Topics | None] | None"
) -> tuple[TopicVotes | None, tuple[str, ...]]:
    """Which topics are the tail and the head of the reference."""
    if topics is None:
        return None, ()
    mine, theirs = topics
    inside = mine.of[corpus.column("reference").astype(np.bool_)] if theirs is None else theirs.of
    counts = np.bincount(inside[inside >= 0], minlength=len(mine.names))
    if not counts.any():
        return None, ()
    tail = tail_cells(counts)
    return TopicVotes(of=mine.of, tail=tail, head=(counts > 0) & ~tail), mine.names


def _both(
    codes: NDArray[np.integer], removal: Removal, groups: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Documents of each group that were judged, and that were lost; those of none have a code below 0."""
    if not groups:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    known = codes >= 0
    judged, lost = (
        np.bincount(codes[known & chosen], minlength=groups) for chosen in (removal.judged, removal.lost)
    )
    return judged, lost
