"""What each source of a corpus is worth: held-out surprise and tail coverage, by Shapley value and by leaving it out.

What a coalition of sources is worth is what a model is worth that reads a fixed number of words of them, equally many
of each source, in their sampling order. So a source is judged by what its words teach and not by how many they are,
and one that teaches worse than the words whose place it takes has a negative worth. Two figures are told:

- `surprise`: nats a word that the held-out documents surprise the model less;
- `tail`: share of the rare held-out words (in one or two held-out documents, counted as often as they stand there) that
  the model has read.

The Shapley value of a source is what it adds, on average over all orders in which the sources could come together. No
source at all is worth what one of them is on average, so that the values of sources that teach the same are 0, and
all values sum to what the mixture of all is worth beyond an average source alone. Values of up to six sources are
exact; of more, they are means over permutations, each with its reverse [2].

Left out, a source is worth what the mixture of all has beyond the mixture of all others, both of equally many words.

Intervals are of held-out documents, of the documents read (`wellkeeper.lab.paired`), and of the permutations drawn.

[1] Shapley, A value for n-person games, Contributions to the Theory of Games II (1953) 307-317. For data: Ghorbani and
    Zou, Data Shapley, ICML 2019, which values examples at unequal sizes.
[2] Castro, Gomez and Tejada, Polynomial calculation of the Shapley value based on sampling, Computers and Operations
    Research 36 (2009) 1726-1730; with its reverse: Mitchell et al., Sampling permutations for Shapley value estimation,
    JMLR 23 (2022) 43.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lab import seeds as streams
from wellkeeper.lab.learner import Numbers, words_of
from wellkeeper.lab.ngram_learner import NgramLearner
from wellkeeper.lab.paired import Panel, interval_and_p
from wellkeeper.lab.training import Pool, drawn
from wellkeeper.measure import jackknife
from wellkeeper.measure.jackknife import Interval, influences
from wellkeeper.measure.verdicts import holm

FIGURES = ("surprise", "tail")
EXACT = 6
"""Sources up to which every coalition is formed: 63 models."""
PERMUTATIONS = 40
"""Permutations of more sources, reverses included. Ours: their share of the variance is told by the interval."""
LEVEL = 0.05

Coalition: TypeAlias = frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What a coalition is worth, with what its interval is made of; linear, so that values add up."""

    worth: Numbers  # shape (2,): of FIGURES
    held_out: Numbers  # influences of blocks of held-out documents, shape (blocks, 2)
    read: Numbers  # influences of parts of the documents read, shape (PARTS, 2)

    def __add__(self, other: "Value") -> "Value":
        return Value(self.worth + other.worth, self.held_out + other.held_out, self.read + other.read)

    def __mul__(self, weight: float) -> "Value":
        return Value(weight * self.worth, weight * self.held_out, weight * self.read)

    def __sub__(self, other: "Value") -> "Value":
        return self + other * -1.0


Game: TypeAlias = Callable[[Coalition], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a source is worth by one figure; above 0 where it helps."""

    shapley: Interval
    left_out: Interval  # what all are worth beyond all others
    p_adjusted: (
        float  # that chance moves the Shapley value as far from 0, adjusted for all sources and figures
    )

    @property
    def verdict(self) -> str:
        """`helps`, `hurts`, or `not told apart` from an average source."""
        if self.p_adjusted > LEVEL:
            return "not told apart"
        return "helps" if self.shapley.estimate > 0 else "hurts"

    def to_json(self) -> dict[str, Any]:
        return {
            "shapley": self.shapley.to_json(),
            "left_out": self.left_out.to_json(),
            "p_adjusted": self.p_adjusted,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWorth:
    """A source, and what it is worth by each figure."""

    name: str
    documents: int
    words: int
    surprise: Worth  # nats a word
    tail: Worth  # share of rare held-out words

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "documents": self.documents,
            "words": self.words,
            "surprise": self.surprise.to_json(),
            "tail": self.tail.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Worths:
    """What the sources of a corpus are worth."""

    words: int  # that every model read
    permutations: int  # drawn; 0 where values are exact
    models: int  # fitted
    mixture: tuple[float, float]  # what the mixture of all is worth beyond an average source, by figure
    sources: tuple[SourceWorth, ...]  # in the order given

    def to_json(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "permutations": self.permutations,
            "models": self.models,
            "mixture": dict(zip(FIGURES, self.mixture, strict=True)),
            "sources": [source.to_json() for source in self.sources],
        }


def worth(
    sources: Sequence[Pool],
    panel: Panel,
    *,
    words: int | None = None,
    permutations: int | None = None,
    learner: NgramLearner | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> Worths:
    """What sources are worth to a model of the held-out documents.

    Args:
        sources: at least two pools, with names that differ.
        panel: the held-out documents.
        words: most words that a model reads; never more than the smallest source has.
        permutations: how many are drawn, an even number; None: none of up to six sources, else 40.
        learner: the n-gram model.
        seed: of every draw.
        told: hears of every model.

    Raises:
        DataError: there are fewer than two sources, one has too few documents, or `permutations` is odd or negative.
    """
    _check(sources, permutations)
    size = min(pool.total for pool in sources)
    game = _Mixtures(
        sources=sources,
        panel=panel,
        words=size if words is None else min(size, words),
        learner=learner or NgramLearner(),
        seed=streams.number(seed, "worth"),
        told=told,
    )
    n = len(sources)
    drawn = (0 if n <= EXACT else PERMUTATIONS) if permutations is None else permutations
    values, spread = (
        sampled_shapley(n, game, streams.stream(seed, "permutations"), drawn)
        if drawn
        else (exact_shapley(n, game), None)
    )
    everyone = game(frozenset(range(n)))
    left_out = [everyone - game(frozenset(range(n)) - {source}) for source in range(n)]
    by_figure = [
        [_tested(value, k, None if spread is None else spread[source, :, k]) for k in range(len(FIGURES))]
        for source, value in enumerate(values)
    ]
    adjusted = holm(np.array([p for figures in by_figure for _, p in figures])).reshape(n, len(FIGURES))
    found = [
        [
            Worth(
                shapley=by_figure[source][k][0],
                left_out=_tested(left_out[source], k, None)[0],
                p_adjusted=float(adjusted[source, k]),
            )
            for k in range(len(FIGURES))
        ]
        for source in range(n)
    ]
    beyond = everyone - nobody_of(n, game)
    return Worths(
        words=game.words,
        permutations=drawn,
        models=len(game.known),
        mixture=(float(beyond.worth[0]), float(beyond.worth[1])),
        sources=tuple(
            SourceWorth(
                name=pool.name,
                documents=len(pool),
                words=pool.total,
                surprise=told_of[0],
                tail=told_of[1],
            )
            for pool, told_of in zip(sources, found, strict=True)
        ),
    )


def _check(sources: Sequence[Pool], permutations: int | None) -> None:
    if len(sources) < 2:
        raise DataError(
            f"There are {len(sources)} sources to weigh. Give at least two, or name the column that tells sources."
        )
    small = [pool for pool in sources if len(pool) < jackknife.FEWEST_DOCUMENTS]
    if small:
        raise DataError(
            f"{small[0].name} has {len(small[0])} documents, too few for an interval. Join it to another source, or "
            f"give at least {jackknife.FEWEST_DOCUMENTS}."
        )
    if permutations is not None and (permutations < 0 or permutations % 2 or permutations == 2):
        raise DataError(
            f"{permutations} permutations cannot be drawn in pairs that tell a spread. Ask for an even number from 4 "
            "on, or for 0 to form every coalition."
        )


def _tested(value: Value, figure: int, spread: Numbers | None) -> tuple[Interval, float]:
    samples = [value.held_out[:, figure], value.read[:, figure]]
    if spread is not None:
        samples.append(spread)
    return interval_and_p(float(value.worth[figure]), samples)


# --- values ------------------------------------------------------------------------------------------


def nobody_of(n: int, game: Game) -> Value:
    """What no source is worth: what one is on average."""
    return _weighted([(1 / n, game(frozenset({source}))) for source in range(n)])


def exact_shapley(n: int, game: Game) -> list[Value]:
    """Shapley values of sources 0 to n - 1, from all their coalitions."""
    values = {
        some: game(some) for size in range(1, n + 1) for some in map(frozenset, combinations(range(n), size))
    }
    values[frozenset()] = nobody_of(n, game)
    return [_weighted(list(_marginals(n, source, values))) for source in range(n)]


def _marginals(n: int, source: int, values: dict[Coalition, Value]) -> Iterator[tuple[float, Value]]:
    others = [other for other in range(n) if other != source]
    for size in range(n):
        weight = 1 / (n * math.comb(n - 1, size))
        for some in map(frozenset, combinations(others, size)):
            yield weight, values[some | {source}] - values[some]


def sampled_shapley(
    n: int, game: Game, random: np.random.Generator, permutations: int
) -> tuple[list[Value], Numbers]:
    """Shapley values from permutations and their reverses, and the influences of each pair, (n, pairs, 2)."""
    nobody = nobody_of(n, game)
    pairs: list[list[Value]] = []
    for _ in range(permutations // 2):
        order = random.permutation(n).tolist()
        there, back = (_added(one, game, nobody) for one in (order, order[::-1]))
        pairs.append([(there[source] + back[source]) * 0.5 for source in range(n)])
    count = len(pairs)
    values = [_weighted([(1 / count, pair[source]) for pair in pairs]) for source in range(n)]
    worths = np.array([[pair[source].worth for pair in pairs] for source in range(n)])
    return values, (worths - worths.mean(axis=1, keepdims=True)) / count


def _added(order: Sequence[int], game: Game, nobody: Value) -> dict[int, Value]:
    """What each source adds to those before it."""
    found, before, some = {}, nobody, frozenset[int]()
    for source in order:
        some |= {source}
        found[source] = game(some) - before
        before = game(some)
    return found


def _weighted(terms: Sequence[tuple[float, Value]]) -> Value:
    total = terms[0][1] * terms[0][0]
    for weight, value in terms[1:]:
        total += value * weight
    return total


# --- the game ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mixtures:
    """Models of equally many words of each source of a coalition; each is fitted once."""

    sources: Sequence[Pool]
    panel: Panel
    words: int
    learner: NgramLearner
    seed: int
    told: Callable[[str], None]
    known: dict[Coalition, Value] = field(default_factory=dict)

    def __call__(self, some: Coalition) -> Value:
        if some not in self.known:
            self.known[some] = self._value(some)
            self.told(" + ".join(self.sources[source].name for source in sorted(some)))
        return self.known[some]

    def _value(self, some: Coalition) -> Value:
        size = max(1, self.words // len(some))
        draw = drawn([(self.sources[source], size) for source in sorted(some)], self.seed)
        return self._measured(draw.documents, draw.bounds)

    def _measured(self, documents: Sequence[str], bounds: NDArray[np.int64]) -> Value:
        panel = self.panel
        model = self.learner.fit(documents, 0)
        whole = -self._by_word(self.learner.surprise(model, panel.documents).by_word)
        less = [
            -self._by_word(one.by_word) for one in self.learner.without_each(model, bounds, panel.documents)
        ]
        known, known_less = self._known(documents, bounds)
        rare = self._rare()
        # a figure is a sum over held-out words, over a sum: of all words, and of the rare ones
        tops = np.column_stack((whole, known * rare))
        bottoms = np.column_stack((np.ones(rare.size), rare))
        size = np.maximum(bottoms.sum(axis=0), 1.0)
        value = tops.sum(axis=0) / size
        edges = panel.words.offsets[jackknife.blocks(len(panel))]
        of_block, size_of_block = (_block_sums(column, edges) for column in (tops, bottoms))
        left = (tops.sum(axis=0) - of_block) / np.maximum(size - size_of_block, 1.0)
        parts = np.column_stack(
            (
                [one.sum() / size[0] for one in less],
                [(one * rare).sum() / size[1] for one in known_less],
            )
        )
        words = np.diff(model.offsets[bounds])
        return Value(value, influences(value - left, panel.text.blocks), influences(value - parts, words))

    @staticmethod
    def _by_word(found: Numbers | None) -> Numbers:
        assert found is not None, "an n-gram model tells every word"
        return found

    def _rare(self) -> Numbers:
        """1 for each held-out word of at most two documents, else 0: bands 1 and 2."""
        band = self.panel.text.band[self.panel.text.words]
        return (band <= 2).astype(np.float64)

    def _known(
        self, documents: Sequence[str], bounds: NDArray[np.int64]
    ) -> tuple[Numbers, Iterator[Numbers]]:
        """Which held-out words were read, and which without each part; 1 or 0, shape (words,)."""
        read, asked = words_of(documents), self.panel.words.hashes
        types, numbers = np.unique(asked, return_inverse=True)
        place = np.minimum(np.searchsorted(types, read.hashes), types.size - 1)
        hit = types[place] == read.hashes
        edges = read.offsets[bounds]
        counts = np.bincount(place[hit], minlength=types.size)

        def less() -> Iterator[Numbers]:
            for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                of_part = place[first:end][hit[first:end]]
                yield ((counts - np.bincount(of_part, minlength=types.size)) > 0)[numbers].astype(np.float64)

        return (counts > 0)[numbers].astype(np.float64), less()


def _block_sums(columns: Numbers, edges: NDArray[np.int64]) -> Numbers:
    """Sums of each column over each block, shape (blocks, columns)."""
    ends = np.vstack((np.zeros(columns.shape[1]), np.cumsum(columns, axis=0)))
    return np.diff(ends[edges], axis=0)
