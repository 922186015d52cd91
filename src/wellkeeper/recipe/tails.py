"""Tails of a corpus, from the word hashes that the text pass kept of a sample of its documents."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.decision import Stretches
from wellkeeper.measure.diversity import diversity_beside
from wellkeeper.measure.held_out import held_out_likelihood_or_none
from wellkeeper.measure.hill import curve
from wellkeeper.measure.incidence import Documents, Incidence, halves, incidence_of, ngrams
from wellkeeper.measure.reference import reference_tails_or_none
from wellkeeper.measure.tails import tail_profile_or_none
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.textpass import TAIL_WORDS, drawn

NGRAM = 3
DIVERSITY_WORDS = 100_000
"""Figures of diversity compare at one size. At this one they take 2 to 4 % of the time that an audit of 60 MB takes."""
TOO_SMALL = "Tails need at least 10 documents with words; the corpus has fewer."
ALL_COPIES = (
    "Every document of the corpus stands in the reference too. Give human text of which the corpus has none."
)


class WordSample:
    """Words of the documents drawn for tail measurement, in sampling order: a uniform sample without replacement."""

    def __init__(
        self, documents: NDArray[np.int64], offsets: NDArray[np.int64], hashes: NDArray[np.uint64]
    ) -> None:
        self.documents = documents
        self._offsets = offsets
        self._hashes = hashes

    def restricted(self, chosen: NDArray[np.bool_]) -> "WordSample":
        """The documents of the sample that are chosen, in the same order; `chosen` has shape (sample,)."""
        sizes = np.diff(self._offsets)
        words = np.repeat(chosen, sizes)
        return WordSample(self.documents[chosen], _bounds(sizes[chosen]), self._hashes[words])

    def less(self, cuts: Stretches) -> "WordSample":
        """The sample without the words that a step cut; `cuts` are apart from each other, by document."""
        left = np.ones(len(self._hashes), np.bool_)
        low, high = (np.searchsorted(cuts.document, self.documents, side=side) for side in ("left", "right"))
        for place in np.flatnonzero(low < high).tolist():
            for first, last in zip(
                cuts.first[low[place] : high[place]], cuts.last[low[place] : high[place]], strict=True
            ):
                left[self._offsets[place] + first : self._offsets[place] + last] = False
        before = np.zeros(len(left) + 1, np.int64)
        np.cumsum(left, out=before[1:])
        return WordSample(self.documents, before[self._offsets], self._hashes[left])

    def cut(self, words: int) -> "WordSample":
        """The first documents, up to about `words` words."""
        many = int(np.searchsorted(self._offsets, words, side="left"))
        many = min(many, len(self.documents))
        return WordSample(
            self.documents[:many], self._offsets[: many + 1], self._hashes[: self._offsets[many]]
        )

    def halves(self) -> tuple["WordSample", "WordSample"]:
        """Documents 0, 2, 4, ... and 1, 3, 5, ...: two random halves."""
        even = np.arange(len(self.documents)) % 2 == 0
        return self.restricted(even), self.restricted(~even)

    def texts(self) -> Documents:
        return Documents(offsets=self._offsets, hashes=self._hashes)

    def words(self) -> Incidence:
        return incidence_of(self._offsets, self._hashes)

    def incidences(self) -> tuple[Incidence, Incidence]:
        """Of words, and of 3-grams."""
        return (
            self.words(),
            incidence_of(*ngrams(self._offsets, self._hashes, NGRAM)),
        )

    def places_of(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where words first stand in the sample: documents, and places among the words of each; all have to occur."""
        known, first = np.unique(self._hashes, return_index=True)
        at = first[np.searchsorted(known, hashes)]
        row = np.searchsorted(self._offsets, at, side="right") - 1
        return self.documents[row], at - self._offsets[row]


def _bounds(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds


def word_sample(corpus: LoadedCorpus) -> WordSample:
    """All the words that sidecars hold, sorted by sampling priority."""
    documents, priorities, sizes, hashes = [], [], [], []
    for block, held in corpus.sidecars.companions("words"):
        # sidecars of a smaller corpus, which drew more of its documents, serve a larger one
        table = held.filter(drawn(held.column("priority").to_numpy(), corpus.sample_shift))
        documents.append(table.column("document").to_numpy() + block.first)
        priorities.append(table.column("priority").to_numpy())
        lists = table.column("words").combine_chunks()
        sizes.append(pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64))
        hashes.append(lists.flatten().to_numpy())
    if not documents:
        return WordSample(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint64))
    all_sizes, all_hashes = np.concatenate(sizes), np.concatenate(hashes)
    starts = _bounds(all_sizes)[:-1]
    order = np.argsort(np.concatenate(priorities), kind="stable")
    # Only as many documents as will be used: the rest would cost memory for nothing.
    order = order[: int(np.searchsorted(np.cumsum(all_sizes[order]), 2 * TAIL_WORDS)) + 1]
    ordered = [all_hashes[starts[k] : starts[k] + all_sizes[k]] for k in order.tolist()]
    return WordSample(np.concatenate(documents)[order], _bounds(all_sizes[order]), np.concatenate(ordered))


def without_copies(sample: WordSample, corpus: LoadedCorpus, reference: LoadedCorpus) -> WordSample:
    """The sample less the documents whose exact text stands in the reference: they would keep its tail by copying."""
    theirs = set(reference.column("sha256").tolist())
    mine = corpus.column("sha256")[sample.documents]
    return sample.restricted(np.array([digest not in theirs for digest in mine.tolist()], np.bool_))


def without_repeats(sample: WordSample, corpus: LoadedCorpus) -> WordSample:
    """The sample with the first document only of those with the same text."""
    seen: set[bytes] = set()
    new = np.zeros(len(sample.documents), np.bool_)
    for place, digest in enumerate(corpus.column("sha256")[sample.documents].tolist()):
        new[place] = digest not in seen
        seen.add(digest)
    return sample.restricted(new)


def describe_likelihood(sample: WordSample, reference: WordSample) -> dict[str, Any] | None:
    """What a model learns of the reference's words from the corpus; None where one of them is too small.

    No document may be in both, nor twice in the reference: a model that has read a text knows what comes next.
    """
    first, second = reference.halves()
    found = held_out_likelihood_or_none(sample.texts(), first.texts(), second.texts())
    return None if found is None else found.to_json()


def describe_tails(sample: WordSample, reference: WordSample | None) -> dict[str, Any] | None:
    """The `tails` section of an audit; None where the corpus is too small for any interval."""
    sample = sample.cut(TAIL_WORDS)
    mine = sample.incidences()
    theirs = reference.cut(2 * TAIL_WORDS).incidences() if reference is not None else None
    words = _measured(mine[0], theirs[0] if theirs else None)
    trigrams = _measured(mine[1], theirs[1] if theirs else None)
    if words is None or trigrams is None:
        return None
    return {
        "unit": "documents",
        **words,
        "trigrams": trigrams,
        "curve": _curve(mine[0]),
        "diversity": _diversity(sample, reference),
    }


def _diversity(sample: WordSample, reference: WordSample | None) -> dict[str, Any] | None:
    mine, theirs = diversity_beside(
        sample.texts(), None if reference is None else reference.texts(), most=DIVERSITY_WORDS
    )
    if mine is None:
        return None
    return {**mine.to_json(), "reference": None if theirs is None else theirs.to_json()}


def _measured(incidence: Incidence, reference: Incidence | None) -> dict[str, Any] | None:
    profile = tail_profile_or_none(incidence)
    if profile is None:
        return None
    compared = reference_tails_or_none(reference, incidence) if reference is not None else None
    described: dict[str, Any] | None = None
    if compared is not None and reference is not None:
        described = {**compared.to_json(), "curve": _curve(halves(reference)[1])}
    return {**profile.to_json(), "reference": described}


def _curve(incidence: Incidence) -> list[dict[str, Any]]:
    points = curve(incidence)
    return [
        {"documents": int(d), "words": round(float(w)), "types": round(float(t), 1)}
        for d, w, t in zip(points.documents, points.words, points.types, strict=True)
    ]
