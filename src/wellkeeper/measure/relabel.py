"""Figures of two corpora under relabellings of their documents, and p-values that hold for all figures together.

If both corpora were drawn from one source, which document came from which is chance: figures under other labels say
what chance gives. Where documents come in pairs, such as answers to the same prompts, labels are swapped within pairs;
else documents are dealt anew, to equal tokens, as the corpora were cut.

[1] Westfall and Young, Resampling-based multiple testing (1993), section 2.3, equation 2.9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._loops import SIDE_SUMS, tally_sides
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.hill import hill_of_moments
from wellkeeper.measure.incidence import Incidence, dense

Numbers: TypeAlias = NDArray[np.float64]
TypeIds: TypeAlias = Sequence[NDArray[np.int32]]  # of the entries of the first corpus, and of the second

HILL = ("q0", "q1", "q2")
TAIL = ("tail_mass", "tail_recall")
MASSES = ("lost_mass", "invented_mass")

_CELLS_AT_ONCE = 1 << 22  # documents times relabellings that are held at a time
_TIE = 1e-12  # figures that differ by rounding alone are equal


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What types weigh in the reference; without one, all noughts."""

    weight: NDArray[np.int64]  # shape (types,): tokens in the reference
    tail: NDArray[np.bool_]  # shape (types,): its rare ones
    is_reference: bool

    @property
    def types(self) -> int:
        return self.weight.size

    def figures(self) -> tuple[str, ...]:
        return (*HILL, *TAIL, *MASSES) if self.is_reference else (*HILL, *MASSES)

    def tail_weight(self) -> NDArray[np.int64]:
        weight: NDArray[np.int64] = self.weight * self.tail
        return weight


def numbered(first: Incidence, second: Incidence, reference: Incidence | None) -> tuple[TypeIds, Yardstick]:
    """Type numbers of the entries of both corpora, and the reference by the same numbers."""
    parts = [first, second] if reference is None else [first, second, reference]
    ids, types = dense(np.concatenate([part.types for part in parts]))
    own = np.split(ids, np.cumsum([part.types.size for part in parts])[:-1])
    if reference is None:
        return own, Yardstick(np.zeros(types, np.int64), np.zeros(types, np.bool_), is_reference=False)
    if not reference.words:
        raise DataError("the reference has no word. Check its text column.")
    weight = np.bincount(own[2], reference.tokens, types).astype(np.int64)
    return own[:2], Yardstick(weight, tail_cells(weight), is_reference=True)


def relabelled(
    first: Incidence,
    second: Incidence,
    ids: TypeIds,
    yardstick: Yardstick,
    *,
    paired: bool,
    seed: int,
    permutations: int,
) -> Numbers:
    """Statistics as observed, then under each relabelling, shape (1 + permutations, figures)."""
    words = np.concatenate((first.words_by_document(), second.words_by_document()))
    pool = pool_of(first, second, ids, yardstick, words)
    sums = relabelled_sums(pool, words, first.documents, paired=paired, seed=seed, permutations=permutations)
    return statistics(sums, yardstick)


def relabelled_sums(
    pool: "Pool", words: NDArray[np.int64], first: int, *, paired: bool, seed: int, permutations: int
) -> Numbers:
    """Sums of each side as observed, then under each relabelling, shape (1 + permutations, 2, SIDE_SUMS).

    Observed, the pool's first `first` documents are the first corpus. `words`, shape (documents,), are theirs.
    """
    observed = (np.arange(words.size) >= first).astype(np.uint8)[None]
    draw = swapped if paired else dealt
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // words.size)
    rows = [pool.tallied(observed)]
    for begin in range(0, permutations, at_once):
        labels = draw(generator, words, min(at_once, permutations - begin))
        rows.append(pool.tallied(labels))
    return np.concatenate(rows)


def dealt(generator: np.random.Generator, words: NDArray[np.int64], rows: int) -> NDArray[np.uint8]:
    """Documents in random order are the first corpus' until half of the words are nearest, shape (rows, documents).

    As `match` cuts the observed corpora: equal numbers of documents would compare unequal amounts of text.
    """
    order = np.argsort(generator.random((rows, words.size)), axis=1)
    reached = np.cumsum(words[order], axis=1)
    many = 1 + np.argmin(np.abs(2 * reached - words.sum()), axis=1)
    labels = np.empty(order.shape, np.uint8)
    np.put_along_axis(labels, order, (np.arange(words.size) >= many[:, None]).astype(np.uint8), axis=1)
    return labels


def swapped(generator: np.random.Generator, words: NDArray[np.int64], rows: int) -> NDArray[np.uint8]:
    """Each pair keeps or swaps its labels, shape (rows, documents)."""
    swap = generator.random((rows, words.size // 2)) < 0.5
    return np.concatenate((swap, ~swap), axis=1).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Pool:
    """Documents of both corpora, laid out for many relabellings.

    Most n-grams stand in one document alone and move with it: they are summed up by document beforehand.
    """

    bounds: NDArray[np.int64]  # shape (types of several documents + 1,)
    document: NDArray[np.int32]  # shape (entries,): by type
    tokens: NDArray[np.int32]  # shape (entries,)
    weight: NDArray[np.int64]  # shape (types of several documents,)
    tail: NDArray[np.uint8]
    alone: Numbers  # shape (documents, SIDE_SUMS): what types of one document add to their document's side
    logs: Numbers  # k ln k for each number of documents k

    def tallied(self, labels: NDArray[np.uint8]) -> Numbers:
        """Sums of each side, shape (rows, 2, SIDE_SUMS), for labels of shape (rows, documents)."""
        sums = np.zeros((len(labels), 2, SIDE_SUMS))
        tally_sides(
            labels,
            self.bounds,
            self.document,
            self.tokens,
            self.weight,
            self.tail,
            self.logs,
            self.alone,
            sums,
        )
        return sums


def pool_of(
    first: Incidence,
    second: Incidence,
    ids: TypeIds,
    yardstick: Yardstick,
    words: NDArray[np.int64],
) -> Pool:
    sizes = np.concatenate((np.diff(first.offsets), np.diff(second.offsets)))
    document = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
    type_of, tokens = np.concatenate(ids), np.concatenate((first.tokens, second.tokens))
    frequency = np.bincount(type_of, minlength=yardstick.types)
    several = frequency[type_of] > 1
    chosen = np.flatnonzero(several)
    chosen = chosen[np.argsort(type_of[chosen], kind="stable")]
    shared = np.flatnonzero(frequency > 1)
    return Pool(
        bounds=np.concatenate(([0], np.cumsum(frequency[shared]))),
        document=document[chosen],
        tokens=np.ascontiguousarray(tokens[chosen]),
        weight=yardstick.weight[shared],
        tail=yardstick.tail[shared].astype(np.uint8),
        alone=_alone(document[~several], type_of[~several], tokens[~several], yardstick, words),
        logs=_k_log_k(int(frequency.max(initial=1))),
    )


def _alone(
    document: NDArray[np.int32],
    type_of: NDArray[np.int32],
    tokens: NDArray[np.int32],
    yardstick: Yardstick,
    words: NDArray[np.int64],
) -> Numbers:
    """What types of one document add to its side, shape (documents, SIDE_SUMS), in the order of `_Sums`."""

    def by_document(values: NDArray[Any] | None = None) -> Numbers:
        return np.bincount(document, values, words.size).astype(np.float64)

    types, none = by_document(), np.zeros(words.size)
    weight, tail = yardstick.weight[type_of], yardstick.tail[type_of]
    return np.stack(
        [
            types,
            none,
            types,
            types,
            words.astype(np.float64),
            by_document(weight * tail),
            by_document(tokens * tail),
            by_document(weight),
            by_document(tokens * (weight > 0)),
            none,
        ],
        axis=1,
    )


def _k_log_k(most: int) -> Numbers:
    k = np.arange(most + 1, dtype=np.float64)
    return k * np.log(np.maximum(k, 1.0))


def statistics(sums: Numbers, yardstick: Yardstick) -> Numbers:
    """What is tested, shape (rows, figures), from sums of both sides."""
    hill = hill_of_moments(np.moveaxis(sums[..., :4], 2, 0))
    logs = np.log(np.maximum(hill, 1e-300))
    tested = [logs[..., 1] - logs[..., 0]]
    tokens, tail_weight, tail_tokens, weight, known, shared = np.moveaxis(sums[..., 4:], 2, 0)
    if yardstick.is_reference:
        shares = np.stack(
            [
                tail_tokens / tokens,
                tail_weight / yardstick.tail_weight().sum(),
                1 - weight / yardstick.weight.sum(),
                1 - known / tokens,
            ]
        )
        tested.append(shares[..., 1] - shares[..., 0])
    else:
        tested.append((1 - shared / tokens).T)
    return np.concatenate(tested).T


def max_t(rows: Numbers, sides: Sequence[int]) -> Numbers:
    """Adjusted p-values of statistics, shape (statistics,), by Westfall and Young's single-step maxT [1].

    `rows`, shape (1 + permutations, statistics), are the statistics as observed and under each relabelling. `sides`
    says what is extreme: -1 low values, 1 high ones, 0 both. The observed row is one of the equally likely ones, so
    that a p-value is at least 1 / (1 + permutations) and the test is exact where documents are exchangeable. A
    statistic that never varies says nothing and has p-value 1.

    >>> max_t(np.array([[-9.0], [1.0], [2.0], [0.0]]), [-1]).tolist()
    [0.25]
    """
    deviations = rows - rows.mean(axis=0)
    spreads = rows.std(axis=0)
    standard = np.divide(deviations, spreads, out=np.zeros_like(rows), where=spreads > 0)
    extreme = np.where(np.equal(sides, 0), np.abs(standard), standard * np.asarray(sides))
    most = extreme.max(axis=1)
    adjusted: Numbers = (most[:, None] >= extreme[0] - _TIE).mean(axis=0)
    return np.where(spreads > 0, adjusted, 1.0)
