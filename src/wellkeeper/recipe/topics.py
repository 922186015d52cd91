"""Topics: clusters of documents by the words they use, made from what the text pass kept, without a model.

1. A sample of documents, reference and corpus balanced so that the reference's rare topics are resolved, spans a
   latent space of words (`wellkeeper.measure.latent`).
2. Centres are fitted to the sample's vectors by spherical k-means (`wellkeeper.measure.clusters`).
3. Every document, block by block, goes to the centre nearest to it. Topics are numbered by size.
4. A topic is named by the words that its most central documents share and documents at large do not.

Documents enter by sampling priority, a hash, and sums do not depend on threads: the same documents and seed give the
same topics, on any number of workers and in whatever order files are named.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.kernels.bags import BUCKETS
from wellkeeper.measure.clusters import nearest_centre, plane_of, spread_centres
from wellkeeper.measure.latent import fitted_space, units_of
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.pooled import Pooled
from wellkeeper.recipe.topic_names import BACKGROUND, CENTRAL, names_of

By: TypeAlias = Literal["words", "embedding"]
Units: TypeAlias = NDArray[np.int16]  # shape (documents, dimensions): vectors in units of 1 / VECTOR_UNIT
VectorsOf: TypeAlias = Callable[
    [int], Iterator[tuple[Indices, Units]]
]  # of a corpus of a pool, by its number

DOCUMENTS_A_TOPIC = 25
FEWEST_TOPICS, MOST_TOPICS = 8, 500
LEAST_WORDS = 5
"""Words below which a document has no topic."""
SAMPLE = 1 << 14
"""Documents that the space and the centres are fitted to at most: with twice as many topics are as good."""
NO_TOPIC = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Topics:
    """The topics of a corpus's documents."""

    of: NDArray[np.int32]  # shape (documents,): topic of each document, -1 where it has too few words
    names: tuple[str, ...]  # of each topic: its three to five most telling words, "court, judge, appeal"
    places: NDArray[np.float32]  # shape (topics, 2): where it lies on a map
    vectors: Callable[[Indices], Units] | None = None
    """Vectors by words of some documents, in the order given, in the space of the topics; noughts where a document has
    no known word. None: the topics go by the users' own vectors."""


def topics_of(
    corpus: LoadedCorpus,
    *,
    reference: LoadedCorpus | None = None,
    seed: int,
    count: int | None = None,
    by: By = "words",
) -> tuple[Topics, Topics | None]:
    """Topics of a corpus and, numbered alike, of a reference that is another corpus.

    Documents of the corpus that are marked as the reference count as such. Both corpora were read with `topics`, or
    with `vectors` to go by the user's embeddings.

    Args:
        corpus: the documents.
        reference: human documents, if they are not among those of the corpus.
        seed: sets the directions that the space is sought from; documents are drawn by their own priorities.
        count: topics to seek, at least 2; None: one for every 25 documents, between 8 and 500. Topics that no
            document goes to are left out, and very few documents have fewer.
        by: what makes documents alike: the `words` they share, or the `embedding` column of their sources.

    Raises:
        RecipeError: `count` is below 2, or a corpus has no embedding.
        WorkError: a corpus was read without what this needs.
    """
    if count is not None and count < 2:
        raise RecipeError(f"topics: {count} were asked for. Ask for at least 2, or leave the number out.")
    pool = Pooled((corpus,) if reference is None else (corpus, reference))
    priority, eligible = pool.column("priority"), pool.column("words") >= LEAST_WORDS
    sample = _sample(pool, priority, eligible)
    units, vectors, some = _by_words(pool, sample, seed) if by == "words" else _by_embedding(pool, sample)
    sample, units = sample[units.any(axis=1)], units[units.any(axis=1)]
    wanted = min(count or topics_for(int(np.count_nonzero(eligible))), len(sample))
    centres = spread_centres(units, np.arange(len(sample)), wanted)
    labels = _labels(pool, vectors, eligible, centres)
    order = _by_size(labels, priority, wanted)
    labels, centres = _renumbered(labels, order), centres[order]
    central, their = _central(units, labels[sample], centres)
    names = names_of(pool, sample[central], their, sample[:BACKGROUND], len(centres))
    made = [
        Topics(
            of=labels[pool.part(which)],
            names=names,
            places=plane_of(centres),
            vectors=None if some is None else partial(some, which),
        )
        for which in range(len(pool.corpora))
    ]
    return made[0], made[1] if reference is not None else None


def vectors_of(corpus: LoadedCorpus, documents: Indices, *, seed: int, by: By = "words") -> Units:
    """Vectors of some documents, in the order given; noughts where a document has none.

    By words they lie in the space that the corpus spans. The corpus was read with `topics`, or with `vectors` to go by
    the user's embeddings.

    Raises:
        WorkError: it was not.
    """
    pool = Pooled((corpus,))
    if by == "embedding":
        return _by_embedding(pool, documents)[0]
    sample = _sample(pool, pool.column("priority"), pool.column("words") >= LEAST_WORDS)
    space = fitted_space(*_bags_of(pool, sample), buckets=BUCKETS, seed=seed)
    return units_of(space, *_bags_of(pool, documents))


def topics_for(documents: int) -> int:
    """How many topics are sought among so many documents.

    >>> topics_for(100), topics_for(2_000), topics_for(10_000_000)
    (8, 80, 500)
    """
    return min(max(documents // DOCUMENTS_A_TOPIC, FEWEST_TOPICS), MOST_TOPICS)


# --- what topics are fitted to ----------------------------------------------------------------------


def _sample(pool: Pooled, priority: NDArray[np.uint64], eligible: NDArray[np.bool_]) -> Indices:
    """Documents in sampling order; of the reference one half, where there are so many of it and of others."""
    human = [corpus.column("reference").astype(np.bool_) for corpus in pool.corpora[:1]]
    human += [np.ones(len(corpus), np.bool_) for corpus in pool.corpora[1:]]
    of_reference = np.concatenate(human)
    both = [in_order(np.flatnonzero(eligible & chosen), priority) for chosen in (of_reference, ~of_reference)]
    half = SAMPLE // 2
    room = [SAMPLE - min(half, len(other)) for other in reversed(both)]
    return in_order(np.concatenate([one[:most] for one, most in zip(both, room, strict=True)]), priority)


def in_order(documents: Indices, priority: NDArray[np.uint64]) -> Indices:
    """Documents in sampling order."""
    return documents[np.argsort(priority[documents], kind="stable")]


# --- labels -----------------------------------------------------------------------------------------


def _labels(
    pool: Pooled, vectors: VectorsOf, eligible: NDArray[np.bool_], centres: NDArray[np.float32]
) -> NDArray[np.int32]:
    """The nearest centre of every document, shape (documents of the pool,)."""
    labels = np.full(len(pool), NO_TOPIC, np.int32)
    for which in range(len(pool.corpora)):
        theirs, may = labels[pool.part(which)], eligible[pool.part(which)]
        for documents, units in vectors(which):
            said = np.flatnonzero(units.any(axis=1) & may[documents])
            theirs[documents[said]] = nearest_centre(units, said, centres)
    return labels


def _by_size(labels: NDArray[np.int32], priority: NDArray[np.uint64], count: int) -> Indices:
    """Old numbers of the topics with documents, largest first, on a tie the one whose first document is drawn first."""
    chosen = labels >= 0
    sizes = np.bincount(labels[chosen], minlength=count)
    first = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, labels[chosen], priority[chosen])
    order = np.lexsort((first, -sizes))
    return order[: int(np.count_nonzero(sizes))]


def _renumbered(labels: NDArray[np.int32], order: Indices) -> NDArray[np.int32]:
    numbers = np.full(int(order.max(initial=-1)) + 2, NO_TOPIC, np.int32)  # the last one is that of NO_TOPIC
    numbers[order] = np.arange(len(order))
    return numbers[labels]


def _central(
    units: Units, labels: NDArray[np.int32], centres: NDArray[np.float32]
) -> tuple[Indices, NDArray[np.int32]]:
    """Places in the sample of the documents nearest to the centre of their topic, and their topics."""
    product = (units.astype(np.int64) * centres.astype(np.int64)[labels]).sum(axis=1)
    order = np.lexsort((-product, labels))
    starts = np.searchsorted(labels[order], np.arange(len(centres)))
    central = order[np.arange(len(order)) - starts[labels[order]] < CENTRAL]
    return central, labels[central]


# --- vectors --------------------------------------------------------------------------------------


Bags: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.uint16]
]  # offsets of documents, and the words between them


def _by_words(
    pool: Pooled, sample: Indices, seed: int
) -> tuple[Units, VectorsOf, Callable[[int, Indices], Units] | None]:
    """Vectors of the sample, in its order, of all, and of some, in the space that the sample's bags of words span."""
    bags = _bags_of(pool, sample)
    space = fitted_space(*bags, buckets=BUCKETS, seed=seed)

    def vectors(which: int) -> Iterator[tuple[Indices, Units]]:
        for documents, bounds, words in _bags(pool.corpora[which], None):
            yield documents, units_of(space, bounds, words)

    def some(which: int, documents: Indices) -> Units:
        return units_of(space, *_bags_of(Pooled((pool.corpora[which],)), documents))

    return units_of(space, *bags), vectors, some


def _bags_of(pool: Pooled, documents: Indices) -> Bags:
    """The bags of some documents of the pool, in the order given."""
    sizes, words = [np.zeros(0, np.int64)], [np.zeros(0, np.uint16)]
    places = [np.zeros(0, np.int64)]
    for which, at, theirs in pool.split(documents):
        places.append(at)
        for _, bounds, found in _bags(pool.corpora[which], theirs):
            sizes.append(np.diff(bounds))
            words.append(found)
    bounds = np.concatenate(([0], np.cumsum(np.concatenate(sizes))))
    return _picked(bounds, np.concatenate(words), np.argsort(np.concatenate(places)))


def _bags(
    corpus: LoadedCorpus, some: Indices | None
) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.uint16]]]:
    """Documents, ascending, and offsets and words of their bags, a block at a time; of some documents, or of all."""
    with_bags = 0
    for block, rows in corpus.sidecars.companions("bags"):
        with_bags += block.documents
        lists = rows.column("words").combine_chunks()
        bounds, words = lists.offsets.to_numpy(), lists.values.to_numpy()
        if some is None:
            yield np.arange(block.first, block.first + block.documents), bounds, words
            continue
        low, high = np.searchsorted(some, (block.first, block.first + block.documents))
        if low < high:
            yield some[low:high], *_picked(bounds, words, some[low:high] - block.first)
    if with_bags < len(corpus):
        raise WorkError(
            f"The sidecars hold bags of words of {with_bags:,} of {len(corpus):,} documents, and topics are made "
            "from these. Read the corpus with `topics`, as a recipe with topics does."
        )


def _picked(bounds: NDArray[np.int64], words: NDArray[np.uint16], documents: Indices) -> Bags:
    """The bags of some of the documents, in the order given."""
    sizes = np.diff(bounds)[documents]
    ends = np.concatenate(([0], np.cumsum(sizes)))
    return ends, words[np.arange(ends[-1]) + np.repeat(bounds[documents] - ends[:-1], sizes)]


def _by_embedding(pool: Pooled, sample: Indices) -> tuple[Units, VectorsOf, None]:
    """The users' own vectors of the sample, in its order, and of all."""
    found = [corpus.vectors() for corpus in pool.corpora]
    dimensions = {one.dimensions for one in found}
    if 0 in dimensions:
        raise RecipeError(
            "topics by embedding: no document has a vector. Name their column with embedding: in a source, or let "
            "topics be made from words."
        )
    if len(dimensions) > 1:
        raise RecipeError(
            f"topics by embedding: vectors have {' and '.join(map(str, sorted(dimensions)))} dimensions in corpus and "
            "reference. Make both with one model."
        )

    def vectors(which: int) -> Iterator[tuple[Indices, Units]]:
        return iter(pool.corpora[which].vectors().batches)

    units = np.zeros((len(sample), dimensions.pop()), np.int16)
    for which, places, theirs in pool.split(sample):
        for documents, some in vectors(which):
            chosen = np.isin(documents, theirs)
            units[places[np.searchsorted(theirs, documents[chosen])]] = some[chosen]
    return units, vectors, None
