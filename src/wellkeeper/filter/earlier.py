"""What a corpus repeats of sets that exist already: found by the same sketches, and verified as strictly.

The earlier documents stay, whatever they are: a set that was handed out cannot be changed by the next one. Each new
document is compared with earlier ones alone, so that it goes only for one that it really resembles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, Streams
from wellkeeper.core.signals import band_name
from wellkeeper.filter.candidates import Keys, linked
from wellkeeper.filter.duplicates import Banding, digest_words, equal_texts, verified
from wellkeeper.kernels.clusters import ASKED, GIVEN

_ALMOST = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """New documents that earlier sets have already, ascending; arrays share one length."""

    documents: Indices
    earlier: Indices  # the earlier document each repeats, numbered behind the new ones
    score: NDArray[np.float32]  # 1 for the same text alone, else their Jaccard similarity of word 5-grams
    facts: Mapping[str, Any]


def same_as_earlier(corpus: Streams, new: int, rows: int) -> Repeats:
    """New documents whose text, byte for byte, is an earlier one's.

    Documents of `corpus` below `new` are the new ones, which it streams first; the others are earlier. `rows` is how
    many there are of both.
    """

    def digests(_names: Sequence[str]) -> Iterator[Keys]:
        for documents, (column,) in corpus.stream(["sha256"]):
            yield documents, [digest_words(column)[:, 0].copy()]

    documents, _ = linked(["sha256"], digests, rows=rows, scratch=corpus.scratch, across=new).components()
    columns = [columns[0] for _, columns in corpus.stream(["sha256"], documents)]
    groups = equal_texts(np.concatenate(columns)) if columns else np.zeros(0, np.int64)
    old = documents >= new
    # the first earlier document of each group, in the order of the sets
    first = np.full(int(groups.max(initial=-1)) + 1, -1, np.int64)
    first[groups[old][::-1]] = documents[old][::-1]
    earlier = first[groups[~old]]
    found = earlier >= 0
    return Repeats(
        documents=documents[~old][found],
        earlier=earlier[found],
        score=np.ones(int(found.sum()), np.float32),
        facts={"exact": int(found.sum())},
    )


def like_earlier(
    corpus: Streams, new: int, rows: int, active: NDArray[np.bool_], *, similarity: float, banding: Banding
) -> Repeats:
    """New documents, of those where `active`, shape (new,), that reach the similarity with an earlier one.

    Documents are numbered as for `same_as_earlier`.
    """

    def keys(bands: Sequence[str]) -> Iterator[Keys]:
        for documents, (shingles, *columns) in corpus.stream(["shingles", *bands]):
            chosen = shingles > 0
            fresh = documents < new
            chosen[fresh] &= active[documents[fresh]]
            yield documents[chosen], [column[chosen] for column in columns]

    names = [band_name(band) for band in range(banding.bands)]
    linked_ = linked(names, keys, rows=rows, scratch=corpus.scratch, across=new)
    documents, component = linked_.components()
    old = documents >= new
    order = np.lexsort((documents, ~old, component)).astype(np.int64)
    role = np.where(old, GIVEN, ASKED)
    survivor, score, comparisons = verified(corpus, documents, component, order, similarity, banding, role)
    gone = np.flatnonzero(survivor >= 0)
    return Repeats(
        documents=documents[gone],
        earlier=documents[survivor[gone]],
        # texts that differ in marks and spaces alone reach 1, which is for the same text
        score=np.minimum(score[gone].astype(np.float32), _ALMOST),
        facts={"near": len(gone), "candidates": int((~old).sum()), "comparisons": comparisons},
    )
