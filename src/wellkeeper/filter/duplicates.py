"""Exact and near duplicates: candidates by sketch, each removal verified, the survivor chosen on purpose.

`exact-duplicates.v1` groups documents by SHA-256 of their text. `near-duplicates.v1` takes documents that
share a band of their 5-gram sketch as candidates and compares each exactly (Jaccard similarity of the sets of
word 5-grams) with a document that stays. Nothing is removed by transitivity: the figure in the ledger is the
similarity with the very survivor it names.

Which one stays is a policy and not an accident of file order. Its criteria are tried in the order given:

- `human`: human before AI-assisted before unknown before synthetic. Unknown goes before synthetic because an
  unlabelled text may be the human original of its labelled AI copy.
- `earliest`: the earlier capture date; undated last.
- `licensed`: an open licence, then any other, then none.
- `longest`: more characters.

Ties end with the smaller document number, which is the order of the sorted inputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Ruling, ShingleSets
from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.core.signals import NO_DATE, band_name
from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.kernels.clusters import flatten, union_equal, verify_against_survivors

SLOTS = 128
DEFAULT_SIMILARITY = 0.8
DEFAULT_KEEP = ("human", "earliest", "licensed", "longest")
CANDIDATE_PROBABILITY = 0.995
"""Least probability that a pair at exactly the stated similarity becomes a candidate."""
_SMALL_COMPONENT = 32

_ORIGIN_RANK = np.full(len(Origin), 2, np.int64)
_ORIGIN_RANK[Origin.HUMAN] = 0
_ORIGIN_RANK[Origin.AI_ASSISTED] = 1
_ORIGIN_RANK[list(SYNTHETIC)] = 3


@dataclass(frozen=True, slots=True)
class Banding:
    """How the sketch is cut: `bands` keys of `rows` slots each, bands * rows <= 128."""

    bands: int
    rows: int

    def candidate_probability(self, similarity: float) -> float:
        """Probability, in [0, 1], that two documents of that Jaccard similarity share a band.

        >>> round(Banding(21, 6).candidate_probability(0.8), 4)
        0.9983
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def banding_for(similarity: float) -> Banding:
    """The widest bands, hence fewest false candidates, that still find pairs at `similarity`.

    >>> banding_for(0.8), banding_for(0.5)
    (Banding(bands=21, rows=6), Banding(bands=42, rows=3))
    """
    for rows in range(SLOTS, 1, -1):
        banding = Banding(SLOTS // rows, rows)
        if banding.candidate_probability(similarity) >= CANDIDATE_PROBABILITY:
            return banding
    return Banding(SLOTS, 1)


_CRITERIA: Mapping[str, Callable[[Corpus, Indices], NDArray[np.int64]]] = {
    "human": lambda corpus, chosen: _ORIGIN_RANK[corpus.column("origin_resolved")[chosen]],
    "earliest": lambda corpus, chosen: _undated_last(corpus.column("captured_at")[chosen]),
    "licensed": lambda corpus, chosen: corpus.column("licence_rank")[chosen].astype(np.int64),
    "longest": lambda corpus, chosen: -corpus.column("chars")[chosen],
}


def _undated_last(captured: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(captured == NO_DATE, np.iinfo(np.int64).max, captured)


def survivor_order(
    corpus: Corpus, documents: Indices, groups: NDArray[np.int64], keep: Sequence[str]
) -> NDArray[np.int64]:
    """Positions in `documents` sorted by group and, inside a group, by who should stay; best first."""
    ranks = [_CRITERIA[name](corpus, documents) for name in keep]
    return np.lexsort((documents, *reversed(ranks), groups)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ExactDuplicates:
    """Documents whose text is the same, byte for byte."""

    name: str = "exact-duplicates.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return _checked(self.name, options, {"keep": list(DEFAULT_KEEP)})

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        documents = np.flatnonzero(active)
        groups = _equal_texts(corpus.column("sha256")[documents])
        order = survivor_order(corpus, documents, groups, options["keep"])
        ordered = groups[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = ordered[1:] != ordered[:-1]
        best = order[first][np.cumsum(first) - 1]  # the survivor of each, in the same order
        gone = np.flatnonzero(~first)
        smallest = np.full(int(groups.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(smallest, groups, documents)
        sizes = np.bincount(groups) if len(groups) else np.zeros(0, np.int64)
        return _duplicates(
            self.name,
            documents=documents[order[gone]],
            survivors=documents[best[gone]],
            scores=np.ones(len(gone), np.float32),
            clusters=smallest[ordered[gone]],
            reason="exact-duplicate",
            facts={"groups": int((sizes > 1).sum()), **_group_sizes(sizes)},
        )


def _equal_texts(digests: NDArray[Any]) -> NDArray[np.int64]:
    """Group number, 0-based and dense, of each 32-byte digest; equal digests share one."""
    words = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, 4)
    order = np.lexsort(words.T[::-1])
    new = np.ones(len(order), np.bool_)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    groups = np.empty(len(order), np.int64)
    groups[order] = np.cumsum(new) - 1
    return groups


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Documents whose sets of word 5-grams are alike."""

    name: str = "near-duplicates.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        checked = _checked(self.name, options, {"similarity": DEFAULT_SIMILARITY, "keep": list(DEFAULT_KEEP)})
        similarity = checked["similarity"]
        if not isinstance(similarity, int | float) or not 0.3 <= similarity <= 1:
            raise RecipeError(
                f"{self.name}: similarity is {similarity!r}. Give a Jaccard similarity of word 5-grams "
                f"from 0.3 to 1, for example {DEFAULT_SIMILARITY}."
            )
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        similarity = float(options["similarity"])
        banding = banding_for(similarity)
        worded = active & (corpus.column("shingles") > 0)
        documents, component = _candidates(corpus, worded, banding)
        order = survivor_order(corpus, documents, component, options["keep"])
        sets = corpus.shingles(documents, order)
        keys = np.empty((banding.bands, len(documents)), np.uint64)
        for band in range(banding.bands):
            keys[band] = corpus.column(band_name(band))[documents]
        survivor = np.full(len(documents), -1, np.int64)
        score = np.zeros(len(documents), np.float64)
        tally = np.zeros(1, np.int64)
        for chunk in _chunks(order, component, sets):
            verify_against_survivors(
                chunk, component, keys, sets.starts, sets.sizes, sets.hashes,
                similarity, _SMALL_COMPONENT, np.empty(len(chunk), np.int64), survivor, score, tally,
            )  # fmt: skip
            sets.done(int(sets.starts[chunk[0]]), int(sets.starts[chunk[-1]] + sets.sizes[chunk[-1]]))
        gone = np.flatnonzero(survivor >= 0)
        kept_for = survivor[gone]
        members = np.bincount(kept_for, minlength=len(documents)) if len(gone) else np.zeros(0, np.int64)
        smallest = documents.copy()
        np.minimum.at(smallest, kept_for, documents[gone])
        return _duplicates(
            self.name,
            documents=documents[gone],
            survivors=documents[kept_for],
            scores=score[gone].astype(np.float32),
            clusters=smallest[kept_for],
            reason="near-duplicate",
            facts={
                "similarity": similarity,
                "bands": banding.bands,
                "rows": banding.rows,
                "candidates": len(documents),
                "comparisons": int(tally[0]),
                "clusters": int((members > 0).sum()),
                **_group_sizes(members[members > 0] + 1),
            },
        )


def _candidates(
    corpus: Corpus, active: NDArray[np.bool_], banding: Banding
) -> tuple[Indices, NDArray[np.int64]]:
    """Documents that share a band with another, ascending, and the smallest document each is linked to."""
    documents = np.flatnonzero(active)
    parent = np.arange(len(documents), dtype=np.int64)
    for band in range(banding.bands):
        keys = corpus.column(band_name(band))[documents]
        union_equal(parent, keys, np.argsort(keys, kind="stable"))
    flatten(parent)
    linked = np.bincount(parent, minlength=len(documents))[parent] > 1 if len(documents) else parent > 0
    return documents[linked], documents[parent[linked]]


_CHUNK_HASHES = 1 << 22


def _chunks(
    order: NDArray[np.int64], component: NDArray[np.int64], sets: ShingleSets
) -> Iterator[NDArray[np.int64]]:
    """Whole components of `order`, about `_CHUNK_HASHES` shingles at a time."""
    if not len(order):
        return
    ordered = component[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(order))
    held = np.cumsum(sets.sizes[order])[ends - 1]
    start = taken = 0
    for end, through in zip(ends.tolist(), held.tolist(), strict=True):
        if through - taken >= _CHUNK_HASHES or end == len(order):
            yield order[start:end]
            start, taken = end, through


def _group_sizes(sizes: NDArray[np.int64]) -> dict[str, Any]:
    """Largest group, and how many groups there are of each size above 1."""
    groups = sizes[sizes > 1]
    size, count = np.unique(groups, return_counts=True)
    return {
        "largest": int(groups.max(initial=0)),
        "sizes": [{"size": int(s), "clusters": int(c)} for s, c in zip(size, count, strict=True)],
    }


def _duplicates(
    step: str,
    *,
    documents: Indices,
    survivors: Indices,
    scores: NDArray[np.float32],
    clusters: Indices,
    reason: str,
    facts: Mapping[str, Any],
) -> Ruling:
    order = np.argsort(documents, kind="stable")
    return Ruling(
        step=step,
        documents=documents[order],
        decision=np.full(len(documents), Decision.DROP, np.uint8),
        reason=np.zeros(len(documents), np.int32),
        score=scores[order],
        survivor=survivors[order],
        cluster=clusters[order],
        reasons=(reason,),
        facts=facts,
    )


def _checked(step: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in options:
        if name not in defaults:
            raise RecipeError(
                f"{step} has no option {name!r}.{did_you_mean(name, defaults)} Options: {', '.join(defaults)}."
            )
    checked = {**defaults, **options}
    keep = checked["keep"]
    if not isinstance(keep, list | tuple) or not all(isinstance(item, str) for item in keep):
        raise RecipeError(f"{step}: keep is {keep!r}. Give a list, for example [{', '.join(DEFAULT_KEEP)}].")
    for criterion in keep:
        if criterion not in _CRITERIA:
            raise RecipeError(
                f"{step}: keep has no criterion {criterion!r}.{did_you_mean(criterion, _CRITERIA)} "
                f"Criteria: {', '.join(_CRITERIA)}."
            )
    return checked


EXACT_DUPLICATES = ExactDuplicates()
NEAR_DUPLICATES = NearDuplicates()
