"""Which removed documents bring back most of the tail, so that a removal costs it no more than allowed.

Retention is what the kept documents hold of the rare types over what the judged ones hold, both rarefied to the same
number of documents: a random removal of as many scores 1. Where the tail is measured in a sample of all documents,
rarefaction goes down to the size of that sample, for a type may be in no danger in all of them and yet have lost
most of its documents.

Documents are restored greedily, the one first that brings back most. What a document brings back falls as others are
restored (the number of types that a random sample holds is submodular), so a gain computed earlier bounds the gain
now, and only the document on top is looked at again [1]. Ties go to the smaller priority.

[1] Minoux, Accelerated greedy algorithms for maximizing submodular set functions, Optimization Techniques, Lecture
    Notes in Control and Information Sciences 7 (1978) 234-243.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.chance import lost_at_random
from wellkeeper.measure.tail_cost import Chosen, Holdings, Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopicVotes:
    """Topics of documents, and which of them are tail and head: as in `tail_cost.topic_cost`."""

    of: NDArray[np.integer]  # shape (documents,): topic of each, -1 where it has none
    tail: Chosen  # shape (topics,)
    head: Chosen  # shape (topics,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What restoring is to reach: each that is set, a retention of at least `guard`."""

    guard: float  # in (0, 1]
    documents: bool = False  # rare types, beside a random removal of as many documents
    words: bool = False  # ... of as many words
    topics: TopicVotes | None = None  # documents kept of tail topics, beside those of head topics


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Restored:
    """What was restored, and the retention of each goal before and after."""

    documents: Integers  # in the order they were restored
    before: dict[str, float]  # by "documents", "words", "topics"
    after: dict[str, float]


def restore(
    holdings: Holdings,
    judged: Chosen,
    removed: Chosen,
    priority: NDArray[np.uint64],
    goals: Goals,
    *,
    sample: float,
    welcome: Chosen | None = None,
) -> Restored:
    """Restore removed documents until each goal is reached, or all of them.

    Args:
        holdings: rare types of the reference in all documents; other types take time and change nothing.
        judged: documents that the step judged, shape (documents,).
        removed: those of them that it removed.
        priority: of each document; the smaller one is restored first where two bring back as much.
        goals: what is to be reached.
        sample: share, in (0, 1], of all documents in which the tail is measured.
        welcome: documents that may be restored, shape (documents,); None: all.

    Raises:
        DataError: the guard or the sample is no share above 0, or a removed document was not judged.
    """
    if not (0 < goals.guard <= 1 and 0 < sample <= 1):
        raise DataError(f"guard is {goals.guard} and sample is {sample}. Give shares above 0, up to 1.")
    if (removed & ~judged).any():
        raise DataError(
            f"Document {int(np.flatnonzero(removed & ~judged)[0])} was removed and not judged. Judge what is removed."
        )
    state = _State(holdings, judged, removed, goals, sample)
    before = state.retention()
    restored: list[int] = []
    left = set(np.flatnonzero(removed if welcome is None else removed & welcome).tolist())
    while left and (
        weights := state.weights()
    ):  # again if a goal slipped while documents came back for others
        found = _toward(state, weights, sorted(left), priority)
        restored += found
        left.difference_update(found)
    return Restored(documents=np.array(restored, np.int64), before=before, after=state.retention())


def _toward(
    state: "_State", weights: dict[str, float], candidates: list[int], priority: NDArray[np.uint64]
) -> list[int]:
    """Put candidates back until the goals that have a weight are reached, or none is left."""
    heap = [(-state.gain(document, weights), int(priority[document]), document) for document in candidates]
    heapq.heapify(heap)
    restored: list[int] = []
    while heap and weights:
        _, rank, document = heapq.heappop(heap)
        now = (-state.gain(document, weights), rank, document)
        if heap and now > heap[0]:
            heapq.heappush(heap, now)
            continue
        state.put_back(document)
        restored.append(document)
        unmet = state.weights()
        weights = {goal: weight for goal, weight in weights.items() if goal in unmet}
    return restored


class _State:
    """What is left after a removal and the restorations so far."""

    def __init__(
        self, holdings: Holdings, judged: Chosen, removed: Chosen, goals: Goals, sample: float
    ) -> None:
        holders = holdings.holders(judged)
        self._holdings = holdings
        self._rare = holdings.rare
        self._goals = goals
        self._sample = sample
        self._all = holders[self._rare & (holders > 0)]
        self._left = holders - holdings.holders(removed)
        self._documents, self._gone = int(judged.sum()), int(removed.sum())
        self._words, self._gone_words = (int(holdings.words[chosen].sum()) for chosen in (judged, removed))
        self._topics = None if goals.topics is None else _Topics(goals.topics, judged, removed)

    def retention(self) -> dict[str, float]:
        """Of each goal."""
        found = {}
        if self._goals.documents:
            found["documents"] = self._types_kept(self._documents - self._gone)
        if self._goals.words:
            share = 1 - self._gone_words / max(1, self._words)
            found["words"] = self._types_kept(round(share * self._documents))
        if self._topics is not None:
            found["topics"] = self._topics.kept()
        return found

    def weights(self) -> dict[str, float]:
        """Of each goal not reached, one over what it lacks, so that goals in different units draw alike."""
        return {
            goal: 1 / ((self._goals.guard - value) * (1 if goal == "topics" else max(1, self._all.size)))
            for goal, value in self.retention().items()
            if value < self._goals.guard
        }

    def gain(self, document: int, weights: dict[str, float]) -> float:
        """What the document brings back, in shares of what the goals lacked."""
        total = 0.0
        types = max(weights.get("documents", 0.0), weights.get("words", 0.0))
        if types:
            total += types * self._types_back(document)
        if self._topics is not None and "topics" in weights:
            total += weights["topics"] * self._topics.back(document)
        return total

    def put_back(self, document: int) -> None:
        self._left[self._held(document)] += 1
        self._gone -= 1
        self._gone_words -= int(self._holdings.words[document])
        if self._topics is not None:
            self._topics.put_back(document)

    def _held(self, document: int) -> NDArray[np.int32]:
        held = self._holdings.held[self._holdings.bounds[document] : self._holdings.bounds[document + 1]]
        return held[self._rare[held]]

    def _types_back(self, document: int) -> float:
        """Types that a sample holds more, on average, with the document: where none of their others was drawn."""
        others = (1 - self._sample) ** self._left[self._held(document)].astype(np.float64)
        return self._sample * math.fsum(others.tolist())

    def _types_kept(self, chance: int) -> float:
        """Rare types in a sample of the kept documents, over those in a sample of `chance` of the judged ones."""
        kept = self._documents - self._gone
        left = self._left[self._rare]
        ours = _rarefied(left[left > 0], kept, round(self._sample * kept))
        theirs = _rarefied(self._all, self._documents, round(self._sample * chance))
        return ours / theirs if theirs > 0 else 1.0


def _rarefied(frequencies: Integers, documents: int, units: int) -> float:
    """Types in `units` of `documents` documents drawn at random, on average; each is held by so many of all."""
    return frequencies.size * (
        1 - lost_at_random(frequencies, documents=documents, removed=documents - units)
    )


class _Topics:
    """How many documents of each topic are kept."""

    def __init__(self, votes: TopicVotes, judged: Chosen, removed: Chosen) -> None:
        self._of = votes.of
        topics = votes.tail.size
        self._judged, self._gone = (
            np.bincount(votes.of[chosen & (votes.of >= 0)], minlength=topics) for chosen in (judged, removed)
        )
        self._sides = [side & (self._judged > 0) for side in (votes.tail, votes.head)]

    def kept(self) -> float:
        """Mean share kept of the tail's topics, over that of the head's."""
        tail, head = (float(1 - (self._gone[side] / self._judged[side]).mean()) for side in self._sides)
        return tail / head if head > 0 else 1.0

    def back(self, document: int) -> float:
        """By how much the mean share of the tail rises with the document."""
        topic = int(self._of[document])
        if topic < 0 or not self._sides[0][topic]:
            return 0.0
        return 1 / (float(self._judged[topic]) * int(self._sides[0].sum()))

    def put_back(self, document: int) -> None:
        if self._of[document] >= 0:
            self._gone[self._of[document]] -= 1
