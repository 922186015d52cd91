"""Semantic near-duplicates: documents that say the same in other words, by vectors of the user's own model.

What cosine means "the same" depends on the model, the topic and the length of texts: one fixed number removes most of
one corpus and nothing of another. `semantic-duplicates.v1` therefore asks each cluster of the vectors what chance
looks like there [1], and takes a threshold that chance seldom passes:

1. Vectors are divided into clusters by spherical k-means, of about `cluster_size` documents each.
2. In a cluster all pairs are compared, and the closest ones are looked at in their texts. Pairs that share next to
   none of their word 5-grams, and no more of their words than pairs of the cluster usually do, are known not to be
   copies. The threshold is the cosine that so few of these exceed that at most `false_pairs` pairs for each document
   of the cluster are to be expected above it by chance (`wellkeeper.measure.chance`). Where a cluster has too few
   documents to say so, nothing is removed in it.
3. Documents go in favour of one that stays, chosen by `keep`; each is above the threshold *with that very document*.
4. Before anything goes, the guard counts what it costs: a word that at most `RARE` documents have is rare, and lost
   when all of them go. The surest removals come first; the guard ends the removals from a cluster where the corpus,
   or any cluster, would lose more than `tail_cost` of its rare words.

With `action: report`, the default, nothing is removed: the report shows what would be and what it would cost.

Vectors need not mean anything: of an untrained model, of a column that was padded, or moved against its texts. The
ruling's `hints` say so where vectors are noughts, where many documents share one, and where the closest pairs share
no more words than pairs drawn at random, which is what vectors look like that have nothing to do with the texts.

A paraphrase that shares few words counts among the known pairs and raises the threshold: errors are on the side of
keeping. Pairs in different clusters never meet.

[1] Abbas et al., SemDeDup: data-efficient learning at web-scale through semantic deduplication, arXiv:2303.09540:
    clusters, and one threshold for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import VECTOR_UNIT, Corpus, Decision, Indices, Ruling, Stretches, TypeRows
from wellkeeper.engine.scratch import noughts
from wellkeeper.engine.vectors import ALL_ZERO
from wellkeeper.errors import RecipeError
from wellkeeper.filter.duplicates import DEFAULT_KEEP, checked_options, survivor_order
from wellkeeper.measure.chance import lost_at_random, outlying_from, rank_allowed, rank_excess
from wellkeeper.measure.clusters import fitted_centres, nearest_centre
from wellkeeper.measure.holders import NO_GROUP, RareTypes, affordable, rare_types
from wellkeeper.measure.incidence import ngrams

ACTIONS = ("report", "drop")
DEFAULT_FALSE_PAIRS = 0.01
DEFAULT_TAIL_COST = 0.01
DEFAULT_CLUSTER_SIZE = 1000
LEAST_CLUSTER_SIZE, MOST_CLUSTER_SIZE = 100, 100_000
RARE = 3
"""Documents that hold a rare type at most: words seen one to three times are the first that a collapsing model loses
(Shumailov et al., Nature 631 (2024) 755-759, on the tails; the number is ours)."""
GRAM = 3
SHINGLE = 5
ALIKE_SHINGLES = 0.05
"""Jaccard similarity of word 5-grams from which a pair is not known to be no copy."""
ALIKE_WORDS = 5.0
"""The same for words: robust standard deviations above the median pair of the cluster."""
LEAST_ALIKE_WORDS = 0.1
BASELINE = 64
"""Documents of a cluster among whose pairs that median is taken: 2,016 pairs."""
EXAMPLES = 3
ZERO_SHARE = 0.01
"""Share of vectors that are noughts from which it is said: no model gives one for a text, so they were filled in."""
SHARED_SHARE = 0.05
"""Share of pairs of documents drawn at random that have one and the same vector, from which it is said: the vectors
then take no more than some twenty values (the inverse of this share, Simpson's index). Copies are much rarer."""
SHARED_SAMPLE = 256
CLOSE_PAIRS = 64
"""Closest pairs of a cluster, no document in two of them, whose words are set beside those of pairs at random."""
LEAST_CLOSE_PAIRS = 50
"""Pairs, of all clusters together, below which nothing is said; some 250 documents have them. With so few, vectors pass
whose close pairs share more words than random ones in three of five comparisons; on the texts of the example corpus
even counts of words, projected to 64 dimensions, reach 73 of 100."""
CLOSE_EXCESS = 2.0
"""Standard deviations above chance from which close pairs are taken to share more words than others: noise passes once
in 44 times, for the hint is there to be read and is no gate."""
_UNIT = VECTOR_UNIT * VECTOR_UNIT  # the product of a vector with itself, but for rounding
_CENTRES = 1024
_A_CENTRE = 128  # documents from which centres are fitted, for each of them
_ROWS = 1024  # of a product of matrices
_CHUNK = 256  # documents that are compared with all survivors at once


@dataclass(frozen=True, slots=True)
class SemanticDuplicates:
    """Documents whose vectors are closer than chance would have it in their cluster."""

    name: str = "semantic-duplicates.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        defaults = {
            "action": "report",
            "false_pairs": DEFAULT_FALSE_PAIRS,
            "tail_cost": DEFAULT_TAIL_COST,
            "cluster_size": DEFAULT_CLUSTER_SIZE,
            "keep": list(DEFAULT_KEEP),
        }
        checked = checked_options(self.name, options, defaults)
        if checked["action"] not in ACTIONS:
            raise RecipeError(f"{self.name}: action is {checked['action']!r}. Choose {' or '.join(ACTIONS)}.")
        if not (_number(checked["false_pairs"]) and 0 < checked["false_pairs"] <= 1):
            raise RecipeError(
                f"{self.name}: false_pairs is {checked['false_pairs']!r}. Give the pairs that may be taken for copies "
                f"by chance, for each document: above 0 and up to 1, for example {DEFAULT_FALSE_PAIRS}."
            )
        if not (_number(checked["tail_cost"]) and 0 <= checked["tail_cost"] <= 1):
            raise RecipeError(
                f"{self.name}: tail_cost is {checked['tail_cost']!r}. Give the share of rare words that may be lost, "
                f"from 0 to 1, for example {DEFAULT_TAIL_COST}."
            )
        size = checked["cluster_size"]
        if type(size) is not int or not LEAST_CLUSTER_SIZE <= size <= MOST_CLUSTER_SIZE:
            raise RecipeError(
                f"{self.name}: cluster_size is {size!r}. Give a whole number from {LEAST_CLUSTER_SIZE} to "
                f"{MOST_CLUSTER_SIZE}, for example {DEFAULT_CLUSTER_SIZE}."
            )
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        """Rule on the active documents.

        Raises:
            RecipeError: no document has a vector.
        """
        space, refused, given = _space(corpus, active)
        clusters = clusters_of(
            space.units, corpus.column("priority")[space.documents], int(options["cluster_size"])
        )
        thresholds, excess = _calibrated(corpus, space, clusters, float(options["false_pairs"]))
        found = [
            _removals(corpus, space, rows, threshold, options["keep"])
            for rows, threshold in zip(clusters, thresholds, strict=True)
        ]
        proposed = _together(found)
        cluster_of = np.full(len(corpus), NO_GROUP, np.int64)
        for number, rows in enumerate(clusters):
            cluster_of[space.documents[rows]] = number
        types = corpus.types()
        words, grams = _rare(types, active, cluster_of)
        may = affordable(
            words, proposed.document, cluster_of[proposed.document], share=float(options["tail_cost"])
        )
        gone = may if options["action"] == "drop" else np.zeros(len(may), np.bool_)
        facts = {
            **{name: options[name] for name in ("action", "false_pairs", "tail_cost", "cluster_size")},
            "dimensions": space.units.shape[1],
            "documents": len(space.documents),
            "without_vector": int(active.sum()) - len(space.documents),
            "refused": refused,
            "hints": _hints(
                zeros=refused.get(ALL_ZERO, 0),
                others=given,
                shared=_shared(space, corpus.column("priority")[space.documents]),
                excess=excess,
            ),
            "would_remove": len(may),
            "within_guard": int(may.sum()),
            "removed": int(gone.sum()),
            "types_counted": 0.5**types.shift,
            "tail": _tail(words, grams, proposed.document, may, int(active.sum())),
            "clusters": _told(space, clusters, thresholds, proposed, may, cluster_of, words),
        }
        return _ruling(self.name, proposed, gone, facts)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- vectors and clusters -------------------------------------------------------------------------


class Space(NamedTuple):
    """The active documents that have a vector, ascending, and their vectors, shape (documents, dimensions)."""

    documents: Indices
    units: NDArray[np.int16]


def _space(corpus: Corpus, active: NDArray[np.bool_]) -> tuple[Space, dict[str, int], int]:
    """The space, why documents have no vector, and how many have one, active or not."""
    given = corpus.vectors()
    if not given.rows:
        why = (
            ", ".join(f"{count:,} {reason}" for reason, count in given.refused.items())
            or "no column is named"
        )
        next_ = (
            "Make the vectors again: noughts say nothing of a text."
            if ALL_ZERO in given.refused
            else "Name a column of lists of numbers with embedding: in a source."
        )
        raise RecipeError(f"{SEMANTIC_DUPLICATES.name}: no document has a vector ({why}). {next_}")
    units = noughts(given.rows * given.dimensions, np.int16, corpus.scratch).reshape(-1, given.dimensions)
    documents = np.zeros(given.rows, np.int64)
    many = 0
    for some, vectors in given.batches:
        chosen = active[some]
        end = many + int(chosen.sum())
        documents[many:end], units[many:end] = some[chosen], vectors[chosen]
        many = end
    return Space(documents[:many], units[:many]), dict(given.refused), given.rows


def clusters_of(units: NDArray[np.int16], priority: NDArray[np.uint64], size: int) -> list[NDArray[np.int64]]:
    """Rows of each cluster, ascending, of about `size` vectors and at most twice as many; ordered by first row.

    `priority`, shape (vectors,), draws the first centres and the vectors that centres are fitted to.
    """
    waiting = [np.arange(len(units))]
    done: list[NDArray[np.int64]] = []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= 2 * size:
            done.append(rows)
            continue
        labels = _divided(units, rows, priority, min(_CENTRES, -(-len(rows) // size)))
        pieces = [rows[labels == label] for label in np.unique(labels)]
        waiting += pieces if len(pieces) > 1 else np.array_split(rows, -(-len(rows) // size))
    return sorted((rows for rows in done if len(rows)), key=lambda rows: int(rows[0]))


def _divided(
    units: NDArray[np.int16], rows: NDArray[np.int64], priority: NDArray[np.uint64], centres: int
) -> NDArray[np.int64]:
    """The nearest of some centres for each row, by spherical k-means on a sample of the rows."""
    drawn = rows[np.argsort(priority[rows], kind="stable")[: _A_CENTRE * centres]]
    return nearest_centre(units, rows, fitted_centres(units, drawn, centres))


# --- thresholds -----------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """The closest pairs of a cluster, closest first; `a` < `b` are places in the cluster."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    product: NDArray[np.float32]  # cosine times `_UNIT`, a whole number


class Threshold(NamedTuple):
    """From what product on pairs of a cluster are taken for copies: above it, never at it."""

    above: float  # cosine times `_UNIT`; infinity where none can be told
    looked_at: int  # closest pairs whose texts were compared
    known: int  # of these, pairs that are known not to be copies
    nearest: NDArray[np.float32]  # product of each document with the closest other, shape (documents,)
    note: str  # why there is no threshold, or what it lacks; '' if nothing


def closest_pairs(vectors: NDArray[np.float32], most: int) -> tuple[Pairs, NDArray[np.float32]]:
    """The `most` closest pairs, and each vector's product with its closest other, -infinity if there is none.

    On a tie the pair of lower rows comes first. No more than about `2 * most` pairs are held.
    """
    count = len(vectors)
    nearest = np.full(count, -np.inf, np.float32)
    held: list[Pairs] = []
    waiting, least = 0, np.float32(-np.inf)
    for at in range(0, count, _ROWS):
        products = vectors[at : at + _ROWS] @ vectors[at:].T
        products[np.tril_indices(len(products), 0, products.shape[1])] = -np.inf
        here = slice(at, at + len(products))
        nearest[here] = np.maximum(nearest[here], products.max(axis=1))
        nearest[at:] = np.maximum(nearest[at:], products.max(axis=0))
        if products.size > 4 * most:
            least = max(least, np.float32(np.partition(products, products.size - most, axis=None)[-most]))
        a, b = np.nonzero(products >= least) if np.isfinite(least) else np.nonzero(np.isfinite(products))
        held.append(Pairs(a + at, b + at, products[a, b]))
        waiting += len(a)
        if waiting > 2 * most:
            held = [_first(held, most)]
            waiting, least = most, max(least, held[0].product[-1])
    return _first(held, most), nearest


def _first(held: Sequence[Pairs], most: int) -> Pairs:
    a, b, product = (np.concatenate(columns) for columns in zip(*held, strict=True))
    order = np.lexsort((b, a, -product))[:most]
    return Pairs(a[order], b[order], product[order])


def _calibrated(
    corpus: Corpus, space: Space, clusters: Sequence[NDArray[np.int64]], false_pairs: float
) -> tuple[list[Threshold], "Excess"]:
    """The threshold of each cluster; texts of the documents in close pairs are read again, all at once."""
    if not clusters:
        return [], Excess(0, 0, 0)
    closest = []
    for rows in clusters:
        vectors = space.units[rows].astype(np.float32)
        most = 4 * (1 + int(false_pairs * len(rows))) + len(rows) // 2
        closest.append(closest_pairs(vectors, most))
    priority = corpus.column("priority")[space.documents]
    baselines = [rows[np.argsort(priority[rows], kind="stable")[:BASELINE]] for rows in clusters]
    wanted = [
        rows[np.concatenate((pairs.a, pairs.b))] for rows, (pairs, _) in zip(clusters, closest, strict=True)
    ]
    texts = _Texts(corpus, space.documents[np.unique(np.concatenate((*wanted, *baselines)))])
    thresholds, excess = [], Excess(0, 0, 0)
    for rows, (pairs, nearest), baseline in zip(clusters, closest, baselines, strict=True):
        documents = space.documents[rows]
        overlaps = texts.overlaps(space.documents[baseline])
        thresholds.append(_threshold(documents, pairs, nearest, overlaps, texts, false_pairs))
        excess = excess.with_(_excess(documents, pairs, overlaps, len(baseline), texts))
    return thresholds, excess


def _threshold(
    documents: Indices,
    pairs: Pairs,
    nearest: NDArray[np.float32],
    overlaps: NDArray[np.float64],
    texts: "_Texts",
    false_pairs: float,
) -> Threshold:
    count = len(documents)
    chances = count * (count - 1) // 2
    too_few = (
        f"{count:,} documents are too few: from about {int(1 / false_pairs):,} on a threshold can be told"
    )
    if chances == 0:
        return Threshold(np.inf, 0, 0, nearest, too_few)
    limit = max(LEAST_ALIKE_WORDS, outlying_from(overlaps, deviations=ALIKE_WORDS))
    usual = int(chances * float(np.mean(overlaps <= limit)))
    allowed = rank_allowed(known=usual, chances=chances, expected=false_pairs * count)
    if allowed < 0:
        return Threshold(np.inf, 0, 0, nearest, too_few)
    known = 0
    for at, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)):
        known += texts.known_apart(int(documents[a]), int(documents[b]), limit)
        if known > allowed:
            return Threshold(float(pairs.product[at]), at + 1, known, nearest, "")
    note = "nearly all close pairs look like copies, so that the threshold is that of the last pair looked at"
    return Threshold(float(pairs.product[-1]), len(pairs.a), known, nearest, note)


class _Texts:
    """Distinct words and 5-grams of some documents, read from their texts once."""

    def __init__(self, corpus: Corpus, documents: Indices) -> None:
        self._documents = documents
        nothing = np.zeros(len(documents), np.int64)
        counts = [columns[0] for _, columns in corpus.stream(["words"], documents)]
        words = np.concatenate(counts).astype(np.int64) if counts else nothing
        self._bounds, self._hashes = corpus.words_of(Stretches(documents, nothing, words))

    def known_apart(self, one: int, other: int, limit: float) -> bool:
        """Whether two documents are known not to be copies of each other."""
        a, b = self._words(one), self._words(other)
        return (
            _jaccard(np.unique(a), np.unique(b)) <= limit
            and _jaccard(_shingles(a), _shingles(b)) <= ALIKE_SHINGLES
        )

    def overlap(self, one: int, other: int) -> float:
        """Jaccard similarity of the word sets of two documents."""
        return _jaccard(np.unique(self._words(one)), np.unique(self._words(other)))

    def overlaps(self, documents: Indices) -> NDArray[np.float64]:
        """Jaccard similarities of the word sets of all pairs of some documents."""
        sets = [np.unique(self._words(document)) for document in documents.tolist()]
        types, place = np.unique(np.concatenate(sets), return_inverse=True)
        sizes = np.array([len(words) for words in sets])
        holds = np.zeros((len(sets), len(types)), np.float32)
        holds[np.repeat(np.arange(len(sets)), sizes), place] = 1
        common = (holds @ holds.T)[np.triu_indices(len(sets), 1)]
        a, b = np.triu_indices(len(sets), 1)
        return np.asarray(common / np.maximum(1, sizes[a] + sizes[b] - common), np.float64)

    def _words(self, document: int) -> NDArray[np.uint64]:
        at = int(np.searchsorted(self._documents, document))
        return self._hashes[self._bounds[at] : self._bounds[at + 1]]


def _shingles(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.unique(ngrams(np.array([0, len(words)]), np.ascontiguousarray(words), SHINGLE)[1])


def _jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / max(1, len(a) + len(b) - common)


# --- whether vectors mean anything ----------------------------------------------------------------


class Excess(NamedTuple):
    """How far close pairs rank above random ones by the words they share, `wellkeeper.measure.chance.rank_excess`."""

    pairs: int
    above: float
    variance: float

    def with_(self, other: "Excess") -> "Excess":
        """Of the pairs of both."""
        return Excess(self.pairs + other.pairs, self.above + other.above, self.variance + other.variance)


def _excess(
    documents: Indices, pairs: Pairs, overlaps: NDArray[np.float64], baseline: int, texts: "_Texts"
) -> Excess:
    """Of the closest pairs of a cluster; `overlaps` are those of all pairs of `baseline` of its documents."""
    if not len(overlaps):
        return Excess(0, 0, 0)
    chosen: list[float] = []
    used: set[int] = set()  # so that no document counts twice, however many others are close to it
    for a, b in zip(documents[pairs.a].tolist(), documents[pairs.b].tolist(), strict=True):
        if len(chosen) == CLOSE_PAIRS:
            break
        if a not in used and b not in used:
            used |= {a, b}
            chosen.append(texts.overlap(a, b))
    return Excess(len(chosen), *rank_excess(np.array(chosen), overlaps, independent=baseline))


def _shared(space: Space, priority: NDArray[np.uint64]) -> float:
    """Share of pairs that have one and the same vector, in [0, 1], among documents drawn at random."""
    drawn = space.units[np.argsort(priority, kind="stable")[:SHARED_SAMPLE]]
    many = len(drawn)
    if many < 2:
        return 0.0
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    return float(np.sum(counts * (counts - 1))) / (many * (many - 1))


def _hints(*, zeros: int, others: int, shared: float, excess: Excess) -> list[str]:
    """What makes the vectors doubtful, a sentence or two each, with what to do."""
    hints = []
    if zeros and zeros >= ZERO_SHARE * (zeros + others):
        hints.append(
            f"{zeros:,} of {zeros + others:,} vectors are noughts and nothing else, which no model gives for a text. "
            "Make them again."
        )
    if shared >= SHARED_SHARE:
        hints.append(
            f"{shared:.0%} of all pairs of documents have one and the same vector, which tells nothing about them. "
            "Make the vectors again, each from its own document's text."
        )
    elif (
        excess.pairs >= LEAST_CLOSE_PAIRS
        and excess.variance > 0
        and excess.above < CLOSE_EXCESS * float(np.sqrt(excess.variance))
    ):
        hints.append(
            "The closest pairs of vectors share no more words than pairs drawn at random: unless they are "
            "translations, the vectors do not follow the texts. Check that each vector stands beside its own text, and "
            "that the model was trained, before you set action: drop."
        )
    return hints


# --- removals -------------------------------------------------------------------------------------


class Removals(NamedTuple):
    """Documents that could go, and in favour of which; all of one shape."""

    document: Indices
    survivor: Indices
    cosine: NDArray[np.float64]
    margin: NDArray[np.float64]  # how far from the threshold to identity, in (0, 1]


def _removals(
    corpus: Corpus, space: Space, rows: NDArray[np.int64], threshold: Threshold, keep: Sequence[Any]
) -> Removals:
    """Stars around the documents that stay: whoever goes is above the threshold with the one named."""
    involved = rows[threshold.nearest > threshold.above]
    documents = space.documents[involved]
    order = survivor_order(corpus, documents, np.zeros(len(documents), np.int64), keep)
    survivor, product = _stars(space.units[involved].astype(np.float32), order, threshold.above)
    gone = np.flatnonzero(survivor >= 0)
    cosine = np.minimum(1.0, product[gone] / _UNIT)
    above = threshold.above / _UNIT
    return Removals(
        document=documents[gone],
        survivor=documents[survivor[gone]],
        cosine=cosine,
        margin=(cosine - above) / max(1 - above, 1 / _UNIT),
    )


def _stars(
    vectors: NDArray[np.float32], order: NDArray[np.int64], above: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each vector the closest one before it in `order` that stays, if it is closer than `above`; else -1.

    A vector with such a one goes, and stands for no other.
    """
    survivor = np.full(len(vectors), -1, np.int64)
    product = np.full(len(vectors), -np.inf)
    stays = np.zeros(0, np.int64)
    for at in range(0, len(order), _CHUNK):
        some = order[at : at + _CHUNK]
        before = vectors[some] @ vectors[stays].T
        inside = vectors[some] @ vectors[some].T
        alive = np.zeros(len(some), np.bool_)
        for k, document in enumerate(some.tolist()):
            choices = np.concatenate((before[k], np.where(alive[:k], inside[k, :k], -np.inf)))
            best = int(choices.argmax()) if len(choices) else -1
            if best >= 0 and choices[best] > above:
                survivor[document] = stays[best] if best < len(stays) else some[best - len(stays)]
                product[document] = choices[best]
            else:
                alive[k] = True
        stays = np.concatenate((stays, some[alive]))
    return survivor, product


def _together(found: Sequence[Removals]) -> Removals:
    """All removals, the surest first."""
    if not found:
        nothing, none = np.zeros(0, np.int64), np.zeros(0)
        return Removals(nothing, nothing, none, none)
    document, survivor, cosine, margin = (
        np.concatenate([getattr(part, column) for part in found]) for column in Removals._fields
    )
    order = np.lexsort((document, -margin))
    return Removals(document[order], survivor[order], cosine[order], margin[order])


# --- the tail -------------------------------------------------------------------------------------


def _rare(
    types: TypeRows, active: NDArray[np.bool_], cluster_of: NDArray[np.int64]
) -> tuple[RareTypes, RareTypes]:
    """Rare words and rare 3-grams of the active documents."""
    pieces: tuple[list[tuple[Indices, NDArray[np.uint64]]], ...] = ([], [])
    for document, gram, hashes in types.batches:
        for into, size in zip(pieces, (1, GRAM), strict=True):
            chosen = active[document] & (gram == size)
            into.append((document[chosen], hashes[chosen]))
    words, grams = (
        rare_types(
            np.concatenate([np.zeros(0, np.int64), *(documents for documents, _ in piece)]),
            np.concatenate([np.zeros(0, np.uint64), *(hashes for _, hashes in piece)]),
            cluster_of,
            rare=RARE,
        )
        for piece in pieces
    )
    return words, grams


def _tail(
    words: RareTypes, grams: RareTypes, proposed: Indices, may: NDArray[np.bool_], documents: int
) -> dict[str, Any]:
    return {
        name: {
            "rare": types.count(),
            "without_guard": _share(types.lost(proposed)),
            "with_guard": _share(types.lost(proposed[may])),
            **{
                f"at_random_{when}": lost_at_random(types.frequency, documents=documents, removed=removed)
                for when, removed in (("without_guard", len(may)), ("with_guard", int(may.sum())))
            },
        }
        for name, types in (("words", words), ("3-grams", grams))
    }


def _share(lost: NDArray[np.bool_]) -> float:
    return float(lost.mean()) if len(lost) else 0.0


def _told(
    space: Space,
    clusters: Sequence[NDArray[np.int64]],
    thresholds: Sequence[Threshold],
    proposed: Removals,
    may: NDArray[np.bool_],
    cluster_of: NDArray[np.int64],
    words: RareTypes,
) -> list[dict[str, Any]]:
    """What the report says of each cluster."""
    many = len(clusters)
    cluster = cluster_of[proposed.document]
    held = words.by_group(many)
    costs = [
        words.lost_by_group(words.lost(gone), many) for gone in (proposed.document, proposed.document[may])
    ]
    return [
        {
            "cluster": int(space.documents[rows[0]]),
            "documents": len(rows),
            "threshold": threshold.above / _UNIT if np.isfinite(threshold.above) else None,
            "note": threshold.note,
            "looked_at": threshold.looked_at,
            "known": threshold.known,
            "would_remove": int(np.count_nonzero(cluster == number)),
            "within_guard": int(np.count_nonzero(cluster[may] == number)),
            "rare_words": int(held[number]),
            "cost": int(costs[0][number]) / max(1, int(held[number])),
            "cost_within_guard": int(costs[1][number]) / max(1, int(held[number])),
            "examples": list(_examples(proposed, may, np.flatnonzero(cluster == number))),
        }
        for number, (rows, threshold) in enumerate(zip(clusters, thresholds, strict=True))
    ]


def _examples(
    proposed: Removals, may: NDArray[np.bool_], chosen: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """The surest removal of a cluster, one in the middle and the least sure."""
    places = np.unique(np.linspace(0, len(chosen) - 1, min(EXAMPLES, len(chosen))).astype(np.int64))
    for at in chosen[places].tolist():
        yield {
            "document": int(proposed.document[at]),
            "survivor": int(proposed.survivor[at]),
            "cosine": float(proposed.cosine[at]),
            "within_guard": bool(may[at]),
        }


def _ruling(step: str, proposed: Removals, gone: NDArray[np.bool_], facts: Mapping[str, Any]) -> Ruling:
    order = np.flatnonzero(gone)[np.argsort(proposed.document[gone])]
    documents, survivors = proposed.document[order], proposed.survivor[order]
    smallest = {survivor: survivor for survivor in survivors.tolist()}
    for document, survivor in zip(documents.tolist(), survivors.tolist(), strict=True):
        smallest[survivor] = min(smallest[survivor], document)
    return Ruling(
        step=step,
        documents=documents,
        decision=np.full(len(documents), Decision.DROP, np.uint8),
        reason=np.zeros(len(documents), np.int32),
        score=proposed.cosine[order].astype(np.float32),
        survivor=survivors,
        cluster=np.array([smallest[survivor] for survivor in survivors.tolist()], np.int64),
        reasons=("semantic-duplicate",),
        facts=facts,
    )


SEMANTIC_DUPLICATES = SemanticDuplicates()
