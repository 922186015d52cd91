"""Repeated passages: what stands, word for word, in two documents or more, whatever else these hold.

`repeated-passages.v1` finds every run of at least `words` words that different documents share. Winnowed fingerprints
[1] show where to look; there the texts are read again, and runs are compared word by word by the 64-bit hashes of
their lower-cased words. No span is claimed because hashes of n-grams agree.

Documents take runs of `words` words in the order of `keep`, as for duplicates: the first one to have a run is its
*holder* and keeps it. A *span* is what a later document has of a holder: words in a row, as many as there are, of
which every run of `words` has that holder, in the same place. What is done about it:

- `report`: nothing but to record it.
- `cut`: its text is left out of what is written, if its holder stays. A document that would be left without a word
  is dropped.
- `drop`: a document of whose words `share` or more stand in spans is dropped, and holds nothing from then on.
- `weigh`: the document's `weight` is lowered by the share of its words that stands in spans.

With `max_frequency`, passages that more documents hold are boilerplate. Of boilerplate the holder keeps its own, it is
cut from all others, whatever the action, and it counts for no `share`.

[1] Schleimer, Wilkerson, Aiken, Winnowing: local algorithms for document fingerprinting, SIGMOD 2003.
[2] Lee et al., Deduplicating training data makes language models better, ACL 2022, arXiv:2107.06499: removes exact
    substrings of 50 tokens or more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import (
    Corpus,
    Decision,
    FingerprintRows,
    Indices,
    RepeatedSpans,
    Ruling,
    SpanAction,
    Stretches,
)
from wellkeeper.engine.joins import Parts, Rows
from wellkeeper.engine.scratch import noughts
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.filter.duplicates import DEFAULT_KEEP, checked_options, survivor_order
from wellkeeper.kernels.fingerprints import (
    LEAST_WORDS,
    Held,
    Passages,
    Repeats,
    Runs,
    Shared,
    hold,
    passages_of,
    repeats_of,
    window_keys,
)

ACTIONS = ("report", "cut", "drop", "weigh")
DEFAULT_WORDS = 50
"""Length of the substrings that [2] removes, there in tokens of its model."""
DEFAULT_SHARE = 0.3
MOST_WORDS = 10_000
PASSAGES = 20
"""Most frequent passages that the ruling's facts tell of."""
_PASSAGES_SEEN = 200  # among which those are chosen that do not overlap
MEMORY_ROWS = 1 << 22
"""Rows of a join that wait in memory: 64 MiB."""
_CHUNK_WORDS = 1 << 20
_WORD_BITS = 28  # of a place: words of the longest document of which all is looked at, 268 million
_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class RepeatedPassages:
    """Runs of words that different documents share."""

    name: str = "repeated-passages.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        defaults = {
            "words": DEFAULT_WORDS,
            "action": "report",
            "share": DEFAULT_SHARE,
            "max_frequency": None,
            "keep": list(DEFAULT_KEEP),
        }
        checked = checked_options(self.name, options, defaults)
        if checked["action"] not in ACTIONS:
            raise RecipeError(f"{self.name}: action is {checked['action']!r}. Choose {', '.join(ACTIONS)}.")
        if not _whole(checked["words"], LEAST_WORDS, MOST_WORDS):
            raise RecipeError(
                f"{self.name}: words is {checked['words']!r}. Give the least words of a passage, a whole number from "
                f"{LEAST_WORDS} to {MOST_WORDS}, for example {DEFAULT_WORDS}."
            )
        share = checked["share"]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise RecipeError(
                f"{self.name}: share is {share!r}. Give the share of a document's words from which it is dropped, "
                f"above 0 and at most 1, for example {DEFAULT_SHARE}."
            )
        if checked["max_frequency"] is not None and not _whole(checked["max_frequency"], 2, _NEVER):
            raise RecipeError(
                f"{self.name}: max_frequency is {checked['max_frequency']!r}. Give the most documents that may hold a "
                "passage before it is boilerplate, a whole number from 2 on, or leave it out."
            )
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        search = _Search(corpus, active, options)
        held = search.held()
        spans = search.spans(held)
        documents, survivors, score = search.dropped(held, spans)
        return Ruling(
            step=self.name,
            documents=documents,
            decision=np.full(len(documents), Decision.DROP, np.uint8),
            reason=np.zeros(len(documents), np.int32),
            score=score.astype(np.float32),
            survivor=survivors,
            cluster=np.full(len(documents), -1, np.int64),
            reasons=("repeated-passages",),
            facts={
                **{name: options[name] for name in ("words", "action", "share", "max_frequency")},
                "fingerprints": search.fingerprints,
                "looked_at": len(search.runs.hashes),
                "searched": list(_searched(corpus, active)),
                "passages": search.passages(held, spans),
            },
            spans=spans,
        )


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _searched(corpus: Corpus, active: NDArray[np.bool_]) -> Iterator[dict[str, Any]]:
    """Documents and words that were looked at, of each source with any."""
    source, names = corpus.column("source")[active], corpus.source_names()
    documents = np.bincount(source, minlength=len(names))
    words = np.bincount(source, weights=corpus.column("words")[active], minlength=len(names))
    for name, many, held in zip(names, documents.tolist(), words.tolist(), strict=True):
        if many:
            yield {"source": name, "documents": many, "words": int(held)}


class _Search:
    """Windows that documents share, from fingerprints to groups; a window is a run of `words` words."""

    def __init__(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> None:
        self._corpus = corpus
        self._options = options
        self._words = int(options["words"])
        self._boilerplate = _NEVER if options["max_frequency"] is None else int(options["max_frequency"])
        rows = corpus.fingerprints()
        if rows.words > self._words:
            raise WorkError(
                f"The sidecars hold fingerprints for runs of {rows.words} words, and words is {self._words}. "
                "Run again with --fresh."
            )
        self.fingerprints = rows.rows
        sizes = corpus.column("words")
        self.stretches = stretches_around(
            _shared_places(rows, active, corpus.scratch), sizes, words=self._words, gram=rows.gram
        )
        self.runs = Runs(*corpus.words_of(self.stretches))
        self.shared = shared_windows(
            self.runs, self.stretches.document, words=self._words, scratch=corpus.scratch
        )
        first = np.ones(len(self.stretches.document), np.bool_)
        first[1:] = self.stretches.document[1:] != self.stretches.document[:-1]
        self._first = np.append(np.flatnonzero(first), len(first)).astype(np.int64)
        self.documents: Indices = self.stretches.document[first]
        self.sizes = np.ascontiguousarray(sizes[self.documents], np.int64)

    def held(self) -> Held:
        """Who holds what, under the recipe's action."""
        action = self._options["action"]
        count = len(self.documents)
        scratch = self._corpus.scratch
        held = Held(
            noughts(len(self.shared.frequency), np.int64, scratch),
            noughts(len(self.runs.hashes), np.int64, scratch),
            np.zeros(count, np.int64),
            np.zeros(count, np.uint8),
        )
        one_group = np.zeros(count, np.int64)
        order = survivor_order(self._corpus, self.documents, one_group, self._options["keep"])
        hold(
            order, self._first, self.sizes, self.runs, self.shared, held, words=self._words,
            boilerplate=self._boilerplate, share=float(self._options["share"]) if action == "drop" else np.inf,
            whole=action in {"cut", "weigh"},
        )  # fmt: skip
        return held

    def _place(self, words: NDArray[np.int64]) -> tuple[Indices, NDArray[np.int64]]:
        """Document, and word of it, of words of `runs`."""
        stretch = np.searchsorted(self.runs.bounds, words, side="right") - 1
        inside = words - self.runs.bounds[stretch]
        return self.stretches.document[stretch], self.stretches.first[stretch] + inside

    def spans(self, held: Held) -> RepeatedSpans:
        found: Repeats = repeats_of(
            self.runs, self.shared, held, words=self._words, boilerplate=self._boilerplate
        )
        document, first = self._place(found.at)
        holder, holder_first = self._place(found.holder_at)
        asked = {
            "report": SpanAction.REPORTED,
            "cut": SpanAction.CUT,
            "weigh": SpanAction.WEIGHED,
            "drop": SpanAction.REPORTED,
        }[self._options["action"]]
        action = np.where(found.frequency > self._boilerplate, SpanAction.CUT, asked)
        gone = held.gone[np.searchsorted(self.documents, document)] == 1
        return RepeatedSpans(
            step=RepeatedPassages().name,
            span=Stretches(document, first, first + found.words),
            holder=holder,
            holder_first=holder_first,
            frequency=found.frequency,
            action=np.where(gone, SpanAction.DROPPED, action).astype(np.uint8),
        )

    def dropped(self, held: Held, spans: RepeatedSpans) -> tuple[Indices, Indices, NDArray[np.float64]]:
        """Documents that go, the holder with most words of each, and the share of words for which it goes.

        The share leaves boilerplate out where that is enough, else it is all of the words.
        """
        gone = np.flatnonzero(held.gone)
        rows = np.flatnonzero(spans.action == SpanAction.DROPPED)
        of, holder = spans.span.document[rows], spans.holder[rows]
        survivors = _main_holder(of, holder, (spans.span.last - spans.span.first)[rows])
        repeated = held.repeated[gone] / self.sizes[gone]
        enough = repeated >= self._options["share"] if self._options["action"] == "drop" else False
        return self.documents[gone], survivors, np.where(enough, repeated, 1.0)

    def passages(self, held: Held, spans: RepeatedSpans) -> list[dict[str, Any]]:
        """The most frequent passages: holder, first word, words, and the documents that hold all of it, by source."""
        found: Passages = passages_of(self.runs, self.shared, held, words=self._words, most=_PASSAGES_SEEN)
        holder, first = self._place(found.at)
        theirs = Stretches(holder, first, first + found.words)
        chosen = _apart(theirs, union_of(spans.span))[:PASSAGES]
        sources = self._sources_of(self.shared.of[found.at[chosen]])
        return [
            {"holder": int(h), "first": int(f), "words": int(w), "frequency": int(n), "sources": s}
            for h, f, w, n, s in zip(
                holder[chosen],
                first[chosen],
                found.words[chosen],
                found.frequency[chosen],
                sources,
                strict=True,
            )
        ]

    def _sources_of(self, groups: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
        """Documents by source, most first, that have the windows of each group."""
        asked = np.zeros(len(self.shared.frequency), np.bool_)
        asked[groups] = True
        at = np.flatnonzero(asked[self.shared.of])
        pairs = np.unique(np.stack((self.shared.of[at], self._place(at)[0])), axis=1)
        source = self._corpus.column("source")[pairs[1]]
        names = self._corpus.source_names()
        found = []
        for group in groups.tolist():
            count = np.bincount(source[pairs[0] == group], minlength=len(names))
            best = np.argsort(-count, kind="stable")
            found.append(
                [{"source": names[k], "documents": int(count[k])} for k in best.tolist() if count[k]]
            )
        return found


def _apart(passages: Stretches, repeated: Stretches) -> list[int]:
    """Passages that share no word with one before them, and less than half of theirs with what their holder repeats."""
    chosen: list[int] = []
    for k, (document, first, last) in enumerate(zip(*passages, strict=True)):
        rows = slice(*np.searchsorted(repeated.document, (document, document + 1)).tolist())
        common = np.minimum(repeated.last[rows], last) - np.maximum(repeated.first[rows], first)
        told = any(
            passages.document[j] == document and passages.first[j] < last and first < passages.last[j]
            for j in chosen
        )
        if not told and 2 * int(np.maximum(common, 0).sum()) < last - first:
            chosen.append(k)
    return chosen


def _main_holder(documents: Indices, holders: Indices, words: NDArray[np.int64]) -> Indices:
    """Of each document, ascending, the holder with most of its words; of equals the smallest."""
    order = np.lexsort((holders, documents))
    documents, holders, words = documents[order], holders[order], words[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (documents[1:] != documents[:-1]) | (holders[1:] != holders[:-1])
    starts = np.flatnonzero(new)
    if not len(starts):
        return documents
    total = np.add.reduceat(words, starts)
    documents, holders = documents[starts], holders[starts]
    best = np.lexsort((holders, -total, documents))
    first = np.ones(len(best), np.bool_)
    first[1:] = documents[best][1:] != documents[best][:-1]
    return holders[best[first]]


def covered_words(spans: Stretches) -> tuple[Indices, NDArray[np.int64]]:
    """Documents, ascending, and how many words of each stand in the spans; words in several count once.

    >>> spans = Stretches(np.array([3, 3, 8]), np.array([0, 30, 5]), np.array([50, 90, 60]))
    >>> covered_words(spans)
    (array([3, 8]), array([90, 55]))
    """
    union = union_of(spans)
    documents, at = np.unique(union.document, return_index=True)
    words = union.last - union.first
    return documents, np.add.reduceat(words, at) if len(at) else words


def union_of(spans: Stretches) -> Stretches:
    """The same words in as few stretches as can be, by document and first word.

    >>> union_of(Stretches(np.array([3, 3, 3]), np.array([0, 30, 95]), np.array([50, 90, 99])))
    Stretches(document=array([3, 3]), first=array([ 0, 95]), last=array([90, 99]))
    """
    if not len(spans.document):
        return spans
    order = np.lexsort((spans.first, spans.document))
    document, first, last = (column[order] for column in spans)
    # Lay documents end to end, so that the farthest end so far never belongs to another document.
    width = int(last.max()) + 1
    _, number = np.unique(document, return_inverse=True)
    low, high = first + number * width, np.maximum.accumulate(last + number * width)
    new = np.ones(len(low), np.bool_)
    new[1:] = low[1:] > high[:-1]
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(low)) - 1
    return Stretches(document[starts], first[starts], high[ends] - number[ends] * width)


def _shared_places(
    rows: FingerprintRows, active: NDArray[np.bool_], scratch: Path | None
) -> NDArray[np.int64]:
    """Places, ascending, of fingerprints that two active documents or more have: document << 28 | word."""
    found = noughts(rows.rows, np.int64, scratch)
    count = 0
    with Parts(rows.rows, held=MEMORY_ROWS, scratch=scratch) as parts:
        for documents, words, hashes in rows.batches:
            chosen = active[documents] & (words < 1 << _WORD_BITS)
            parts.add(hashes[chosen], documents[chosen] << _WORD_BITS | words[chosen])
        for slices in parts:
            keys, places = _whole_part(slices)
            order, _, _ = groups_of(keys, places >> _WORD_BITS)
            found[count : count + len(order)] = places[order]
            count += len(order)
    shared = found[:count]
    shared.sort()
    return shared


def _whole_part(slices: Iterator[Rows]) -> Rows:
    pieces = list(slices)
    if not pieces:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    keys, values = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    return keys, values


def groups_of(
    keys: NDArray[np.uint64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows whose key several owners have, and how they belong together.

    `owners`, shape (rows,), is ascending among rows with one key. Returns the rows, by key and then ascending;
    the place among them at which each group starts; and how many distinct owners each group has, 2 at least.
    """
    order = _alike(keys)
    if not len(order):
        return order, order, order
    keys, owners = keys[order], owners[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    another = new.copy()
    another[1:] |= owners[1:] != owners[:-1]
    starts = np.flatnonzero(new)
    many = np.add.reduceat(another.astype(np.int64), starts)
    sizes = np.diff(np.append(starts, len(order)))
    several = many >= 2
    starts = np.zeros(int(several.sum()), np.int64)
    np.cumsum(sizes[several][:-1], out=starts[1:])
    return order[np.repeat(several, sizes)], starts, many[several]


def _alike(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Rows whose key occurs twice or more, by key and then ascending; perhaps a few rows more."""
    # Sorting words that end with the row is several times faster than finding the order of the keys.
    bits = max(0, len(keys) - 1).bit_length()
    low = np.uint64((1 << bits) - 1)
    words = keys & ~low
    words |= np.arange(len(keys), dtype=np.uint64)
    words.sort()
    same = (words[1:] | low) == (words[:-1] | low)
    alike = np.zeros(len(keys), np.bool_)
    alike[1:] |= same
    alike[:-1] |= same
    rows: NDArray[np.int64] = (words[alike] & low).astype(np.int64)
    ordered = keys[rows]
    if np.any(ordered[1:] < ordered[:-1]):  # two keys that begin alike and end otherwise
        rows.sort()
        rows = rows[np.argsort(keys[rows], kind="stable")]
    return rows


def stretches_around(
    places: NDArray[np.int64], sizes: NDArray[np.int64], *, words: int, gram: int
) -> Stretches:
    """All words that can be in a run of `words` words with a shared fingerprint, in as few stretches as can be.

    `places` as `_shared_places` gives them, `sizes` the words of all documents.
    """
    made: list[Stretches] = []
    start = 0
    while start < len(places):
        end = min(len(places), start + _CHUNK_WORDS)
        last = int(places[end - 1] >> _WORD_BITS)
        end = int(np.searchsorted(places, (last + 1) << _WORD_BITS))  # whole documents
        some = places[start:end]
        document, word = some >> _WORD_BITS, some & ((1 << _WORD_BITS) - 1)
        first = np.maximum(0, word - (words - gram))
        made.append(union_of(Stretches(document, first, np.minimum(sizes[document], word + words))))
        start = end
    if not made:
        nothing = np.zeros(0, np.int64)
        return Stretches(nothing, nothing, nothing)
    return Stretches(*(np.concatenate(columns) for columns in zip(*made, strict=True)))


def shared_windows(runs: Runs, documents: Indices, *, words: int, scratch: Path | None) -> Shared:
    """Groups of windows with equal hashes in several documents; `documents`, shape (stretches,), ascending."""
    many = len(runs.hashes)
    of = noughts(many, np.int64, scratch)
    frequency = noughts(many // 2 + 1, np.int64, scratch)  # a group has two windows at least
    sets = noughts(many // 2 + 1, np.uint64, scratch)
    groups = 0
    with Parts(many, held=MEMORY_ROWS, scratch=scratch) as parts:
        for keys, at in _all_windows(runs, words):
            parts.add(keys, at)
        for slices in parts:
            keys, at = _whole_part(slices)
            owners = documents[np.searchsorted(runs.bounds, at, side="right") - 1]
            rows, starts, owned = groups_of(keys, owners)
            sizes = np.diff(np.append(starts, len(rows)))
            group = np.repeat(np.arange(groups + 1, groups + 1 + len(starts)), sizes)
            of[at[rows]] = group
            frequency[groups + 1 : groups + 1 + len(starts)] = owned
            sets[groups + 1 : groups + 1 + len(starts)] = _set_hashes(owners[rows], starts)
            groups += len(starts)
    return Shared(of, frequency[: groups + 1], sets[: groups + 1])


def _set_hashes(owners: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Sum of a hash of each distinct owner of each group; equal sets have equal sums."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    hashes = owners.astype(np.uint64)
    for _ in range(2):  # the finaliser of kernels.sketch.mix
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(32)
    repeats = np.zeros(len(owners), np.bool_)
    repeats[1:] = owners[1:] == owners[:-1]
    repeats[starts] = False
    hashes[repeats] = 0
    return np.add.reduceat(hashes, starts)


def _all_windows(runs: Runs, words: int) -> Iterator[Rows]:
    """Hashes of windows and the words at which they start, a number of stretches at a time."""
    stretch, stretches = 0, len(runs.bounds) - 1
    while stretch < stretches:
        begin = int(runs.bounds[stretch])
        end = max(stretch + 1, int(np.searchsorted(runs.bounds, begin + _CHUNK_WORDS, side="right")) - 1)
        bounds = runs.bounds[stretch : end + 1]
        keys, at = window_keys(Runs(bounds, runs.hashes[begin : int(bounds[-1])]), words)
        yield keys, at + begin
        stretch = end


REPEATED_PASSAGES = RepeatedPassages()
