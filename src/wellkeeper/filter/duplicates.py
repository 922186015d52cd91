"""Exact and near duplicates: candidates by sketch, each removal verified, the survivor chosen on purpose.

`exact-duplicates.v1` groups documents by SHA-256 of their text. `near-duplicates.v1` takes documents that
share a band of their 5-gram sketch as candidates and compares each exactly (Jaccard similarity of the sets of
word 5-grams) with a document that stays. Nothing is removed by transitivity: the figure in the ledger is the
similarity with the very survivor it names.

Which one stays is a policy and not an accident of file order. Its criteria are tried in the order given:

- `human`: human before AI-assisted before unknown before synthetic. Unknown goes before synthetic because an
  unlabelled text may be the human original of its labelled AI copy.
- `labelled`: an origin that is declared or follows from evidence, before unknown. `[labelled, human]` is human
  before AI-assisted before synthetic before unknown.
- `earliest`: the earlier capture date; undated last.
- `licensed`: an open licence, then any other, then none.
- `longest`: more characters.
- `{source: [archive, forum]}`: sources in the order of the list, others after them. A name is that of a recipe's
  source or of a document's own.

Ties end with the smaller document number, which is the order of the sorted inputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Ruling, ShingleSets, Streams
from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.core.signals import NO_DATE, band_name
from wellkeeper.engine.joins import Spill
from wellkeeper.engine.scratch import give_back
from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.filter.candidates import Keys, linked, spread_of
from wellkeeper.kernels.clusters import COMPARED, edges_of, mark_sets, verify_throughout, verify_where_shared

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


Criterion: TypeAlias = str | Mapping[str, Sequence[str]]
"""An entry of `keep`: a name of `_CRITERIA`, or `{source: [NAME, ...]}`."""

_CRITERIA: Mapping[str, Callable[[Corpus, Indices], NDArray[np.int64]]] = {
    "human": lambda corpus, chosen: _ORIGIN_RANK.take(corpus.column("origin_resolved")[chosen]),
    "labelled": lambda corpus, chosen: _unknown_last(corpus.column("origin_resolved")[chosen]),
    "earliest": lambda corpus, chosen: _undated_last(corpus.column("captured_at")[chosen]),
    "licensed": lambda corpus, chosen: corpus.column("licence_rank")[chosen].astype(np.int64),
    "longest": lambda corpus, chosen: -corpus.column("chars")[chosen],
}
_SOURCE = "source"


def _unknown_last(origin: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.where(origin == Origin.UNKNOWN, 1, 0)


def _undated_last(captured: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(captured == NO_DATE, np.iinfo(np.int64).max, captured)


def _source_rank(corpus: Corpus, chosen: Indices, preferred: Sequence[str]) -> NDArray[np.int64]:
    """Place in the list of a document's own source or of the recipe's, whichever comes first."""
    known = dict.fromkeys((*corpus.group_names(), *corpus.source_names()))
    for name in preferred:
        if name not in known:
            raise RecipeError(
                f"keep prefers source {name!r}, and no source or document of this corpus has that name."
                f"{did_you_mean(name, known)} Sources: {', '.join(list(known)[:_NAMES_SHOWN])}."
            )
    place = {name: number for number, name in enumerate(preferred)}
    best = np.full(len(chosen), len(place), np.int64)
    for column, names in (("group", corpus.group_names()), (_SOURCE, corpus.source_names())):
        ranks = np.array([place.get(name, len(place)) for name in names], np.int64)
        np.minimum(best, ranks[corpus.column(column)[chosen]], out=best)
    return best


_NAMES_SHOWN = 20


def rank_of(corpus: Corpus, documents: Indices, criterion: Criterion) -> NDArray[np.int64]:
    """Rank of each document by one criterion of `keep`; the smallest stays.

    Raises:
        RecipeError: a source is preferred that the corpus does not have.
    """
    if isinstance(criterion, str):
        return _CRITERIA[criterion](corpus, documents)
    return _source_rank(corpus, documents, criterion[_SOURCE])


def survivor_order(
    corpus: Corpus, documents: Indices, groups: NDArray[np.int64], keep: Sequence[Criterion]
) -> NDArray[np.int64]:
    """Positions in `documents` sorted by group and, inside a group, by who should stay; best first.

    Raises:
        RecipeError: a source is preferred that the corpus does not have.
    """
    ranks = [rank_of(corpus, documents, criterion) for criterion in keep]
    return np.lexsort((documents, *reversed(ranks), groups)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ExactDuplicates:
    """Documents whose text is the same, byte for byte."""

    name: str = "exact-duplicates.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return checked_options(self.name, options, {"keep": list(DEFAULT_KEEP)})

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        documents, groups = _same_text(corpus, active)
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
            facts={"groups": int((sizes > 1).sum()), **group_sizes(sizes)},
        )


def _same_text(corpus: Corpus, active: NDArray[np.bool_]) -> tuple[Indices, NDArray[np.int64]]:
    """Documents whose text another one has too, ascending, and the number of each one's group."""

    def digests(_bands: Sequence[str]) -> Iterator[Keys]:
        for documents, (column,) in corpus.stream(["sha256"]):
            chosen = active[documents]
            yield documents[chosen], [digest_words(column)[chosen, 0]]

    alike = linked(
        ["sha256"], digests, rows=int(active.sum()), scratch=corpus.scratch, spread=spread_of(corpus)
    )
    documents, _ = alike.components()
    parts = [columns[0] for _, columns in corpus.stream(["sha256"], documents)]
    groups = equal_texts(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
    shared = np.bincount(groups)[groups] > 1 if len(groups) else np.zeros(0, np.bool_)
    return documents[shared], np.unique(groups[shared], return_inverse=True)[1]


def digest_words(digests: NDArray[Any]) -> NDArray[np.uint64]:
    """Digests of 32 bytes as shape (documents, 4)."""
    return np.ascontiguousarray(digests).view(np.uint64).reshape(-1, 4)


def equal_texts(digests: NDArray[Any]) -> NDArray[np.int64]:
    """Group number, 0-based and dense, of each 32-byte digest; equal digests share one."""
    words = digest_words(digests)
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
        checked = checked_options(
            self.name, options, {"similarity": DEFAULT_SIMILARITY, "keep": list(DEFAULT_KEEP)}
        )
        check_similarity(self.name, checked["similarity"], DEFAULT_SIMILARITY)
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        similarity = float(options["similarity"])
        banding = banding_for(similarity)
        documents, component = near_candidates(corpus, active, banding)
        order = survivor_order(corpus, documents, component, options["keep"])
        survivor, score, comparisons = verified(corpus, documents, component, order, similarity, banding)
        give_back()
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
                "comparisons": comparisons,
                "components": _components(component),
                "clusters": int((members > 0).sum()),
                **group_sizes(members[members > 0] + 1),
            },
        )


def near_candidates(
    corpus: Corpus,
    active: NDArray[np.bool_],
    banding: Banding,
    *,
    named: Callable[[int], str] = band_name,
) -> tuple[Indices, NDArray[np.int64]]:
    """Documents that share a band with another, ascending, and the smallest document each is linked to.

    `named` says what column a band is, of those cut by that banding.
    """

    def keys(bands: Sequence[str]) -> Iterator[Keys]:
        for documents, (shingles, *columns) in corpus.stream(["shingles", *bands]):
            chosen = active[documents] & (shingles > 0)
            yield documents[chosen], [column[chosen] for column in columns]

    bands = [named(band) for band in range(banding.bands)]
    forest = linked(bands, keys, rows=int(active.sum()), scratch=corpus.scratch, spread=spread_of(corpus))
    found = forest.components()
    give_back()  # the join's memory, before the candidates' sets are read
    return found


def _components(component: NDArray[np.int64]) -> dict[str, int]:
    """Groups of linked documents, before anything is verified: bands alone decide who is in one."""
    sizes = np.unique(component, return_counts=True)[1]
    return {"count": len(sizes), "largest": int(sizes.max(initial=0))}


def verified(
    corpus: Streams,
    documents: Indices,
    component: NDArray[np.int64],
    order: NDArray[np.int64],
    similarity: float,
    banding: Banding,
    role: NDArray[np.uint8] | None = None,
    *,
    named: Callable[[int], str] = band_name,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Position of each candidate's survivor (-1: it stays), their similarity, and how many pairs were compared.

    `role` has one of `wellkeeper.kernels.clusters`' for each candidate; None: all are compared. `named` says what
    column a band is.
    """
    role = np.full(len(documents), COMPARED) if role is None else role
    members = np.unique(component, return_inverse=True, return_counts=True)
    in_large = (members[2][members[1]] > _SMALL_COMPONENT)[order]
    small, large = order[~in_large], order[in_large]
    sets = corpus.shingles(documents, np.concatenate((small, large)))
    survivor = np.full(len(documents), -1, np.int64)
    score = np.zeros(len(documents), np.float64)
    tally = np.zeros(1, np.int64)
    for chunk in _chunks(small, component, sets):
        verify_throughout(
            chunk, component, role, sets.starts, sets.sizes, sets.hashes,
            similarity, np.empty(len(chunk), np.int64), survivor, score, tally,
        )  # fmt: skip
        _done(sets, chunk)
    keys = _KeysOfCandidates(
        corpus, documents, np.sort(large), [named(band) for band in range(banding.bands)]
    )
    for chunk in _chunks(large, component, sets):
        shared, first, room = keys.shared(chunk)
        verify_where_shared(
            chunk, shared, _marks(chunk, sets), role, first, first.copy(), np.empty(room, np.int32),
            np.empty(banding.bands, np.int64), sets.starts, sets.sizes, sets.hashes, similarity, survivor,
            score, tally,
        )  # fmt: skip
        _done(sets, chunk)
    return survivor, score, int(tally[0])


def _marks(chunk: NDArray[np.int64], sets: ShingleSets) -> NDArray[np.uint64]:
    """Bitmaps of the candidates' sets, of about twice as many bits as a set has members, a 32nd of its bytes."""
    words = int(sets.sizes[chunk].mean()) // 32
    marks = np.zeros((len(chunk), min(64, max(4, words))), np.uint64)
    mark_sets(chunk, sets.starts, sets.sizes, sets.hashes, marks)
    return marks


def _done(sets: ShingleSets, chunk: NDArray[np.int64]) -> None:
    sets.done(int(sets.starts[chunk[0]]), int(sets.starts[chunk[-1]] + sets.sizes[chunk[-1]]))


class _KeysOfCandidates:
    """Band keys of some candidates, those in large components: read once, kept on disk where they are many."""

    def __init__(
        self, corpus: Streams, documents: Indices, chosen: NDArray[np.int64], bands: Sequence[str]
    ) -> None:
        self._chosen = chosen  # positions in `documents`, ascending
        self._bands = len(bands)
        spill = Spill(len(bands) * len(chosen), corpus.scratch)
        at = 0
        if len(chosen):
            for some, columns in corpus.stream(bands, documents[chosen]):
                for band, keys in enumerate(columns):
                    spill.write(band * len(chosen) + at, keys)
                at += len(some)
        self._keys = spill.read()[0].reshape(len(bands), len(chosen))

    def shared(self, chunk: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
        """Of each candidate and band, the number of its key among the keys that several of the chunk share, or -1.

        Also, for each such key, where its list starts in an array that has room for all who share it; and the
        size of that array.
        """
        rows = np.searchsorted(self._chosen, chunk)
        numbers = np.full((len(chunk), self._bands), -1, np.int32)
        counts: list[NDArray[np.int64]] = []
        used = 0
        for band in range(self._bands):
            edges = edges_of(self._keys[band, rows], np.arange(len(chunk)))
            roots, place = np.unique(edges.root, return_inverse=True)
            numbers[edges.member, band] = used + place
            numbers[roots, band] = used + np.arange(len(roots))
            counts.append(1 + np.bincount(place, minlength=len(roots)))
            used += len(roots)
        bounds = np.append(0, np.cumsum(np.concatenate(counts)))
        return numbers, bounds[:-1], int(bounds[-1])


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


def group_sizes(sizes: NDArray[np.int64]) -> dict[str, Any]:
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


def with_defaults(step: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a step, with defaults filled in.

    Raises:
        RecipeError: an option is unknown.
    """
    for name in options:
        if name not in defaults:
            raise RecipeError(
                f"{step} has no option {name!r}.{did_you_mean(name, defaults)} Options: {', '.join(defaults)}."
            )
    return {**defaults, **options}


def check_similarity(step: str, similarity: Any, example: float) -> None:
    """Refuse what is no similarity that the sketch can be cut for.

    Raises:
        RecipeError: it is not from 0.3 to 1.
    """
    if not isinstance(similarity, int | float) or not 0.3 <= similarity <= 1:
        raise RecipeError(
            f"{step}: similarity is {similarity!r}. Give a Jaccard similarity of word 5-grams "
            f"from 0.3 to 1, for example {example}."
        )


def checked_options(step: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a step that chooses by `keep`, with defaults filled in.

    Raises:
        RecipeError: an option is unknown, or `keep` is not a list of criteria.
    """
    checked = with_defaults(step, options, defaults)
    keep = checked["keep"]
    if not isinstance(keep, list | tuple):
        raise RecipeError(f"{step}: keep is {keep!r}. Give a list, for example [{', '.join(DEFAULT_KEEP)}].")
    for criterion in keep:
        _check_criterion(step, criterion)
    return checked


def _check_criterion(step: str, criterion: Any) -> None:
    listed = f"Criteria: {', '.join(_CRITERIA)}, or {{source: [NAME, ...]}}."
    if isinstance(criterion, Mapping):
        for name in criterion:
            if name != _SOURCE:
                meant = did_you_mean(str(name), [_SOURCE])
                raise RecipeError(f"{step}: keep has no criterion {name!r} with a list.{meant} {listed}")
        names = criterion.get(_SOURCE)
        if not (isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names)):
            raise RecipeError(
                f"{step}: keep prefers source {names!r}. Give a list of names, the best first, for example "
                "{source: [archive, forum]}."
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise RecipeError(f"{step}: keep names source {twice!r} twice. Name each source once.")
    elif criterion == _SOURCE:
        raise RecipeError(
            f"{step}: keep has source without names. Write {{source: [NAME, ...]}}, the best source first."
        )
    elif not isinstance(criterion, str) or criterion not in _CRITERIA:
        meant = did_you_mean(str(criterion), [*_CRITERIA, _SOURCE])
        raise RecipeError(f"{step}: keep has no criterion {criterion!r}.{meant} {listed}")


EXACT_DUPLICATES = ExactDuplicates()
NEAR_DUPLICATES = NearDuplicates()
