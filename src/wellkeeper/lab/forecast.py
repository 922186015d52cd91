"""What generations of training on its own output would do to a corpus: pure functions on counts of words.

Three tiers, of which each says more and costs more:

0.  The law of effective sample size (`law_of`), for policies that have one: what an ideal model keeps, in closed form.
    A bound, since real models lose more.
1.  A proxy that learns from the corpus, an n-gram model in seconds: two generations are trained (`observed`), the
    kernel between counts is measured on them, and iterated (`iterated`).
2.  The same with a small transformer or a model of the user's own: any world of text.

What is forecast is what is left of the words of the corpus at hand, of the documents at hand: how many of them a
generation's training set has, and the share of the corpus' words that are of those it has not (lost mass).

The chain. Let x be the count of a word in training set s. The next set has

    core copies     which are in every set: a word of the core is never lost
    fresh copies    from documents of people that nobody had before
    made copies     Y of what the model gives, whose law given x is the kernel

A word that stood in d documents of the corpus stands in a Poisson number of fresh ones, whose rate in sets as large as
the corpus is Gamma distributed with the moments of Good and Turing [1]: mean (d + 1) Q(d+1) / Q(d) and mean square
(d + 1) (d + 2) Q(d+2) / Q(d), where Q(d) words are in d documents. So a word seen once is not taken to come once in as
much text again. Each fresh document that has it has as many copies as one document of a word that only one has.

Where data are drawn from all that came before (subsample), documents are what is drawn. Then x is the number of
documents with the word, in the pool and in the set drawn from it, and the kernel leads from documents to documents.

Bands are for one more run of the proxy on the same documents: 90 % of them shall lie within. Their variance is that of
the calibration (jackknife over its replicates), that of a run (words are lost independently of each other: p (1 - p)
each), and what the model does not know: DRIFT_ERROR of what the drift of the kernel beyond its second measurement
changes. benchmarks/lab/forecast.py tells how often they cover.

[1] Good, The population frequencies of species, Biometrika 40 (1953) 237-264; here by document frequency.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import n_eff
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.kernel import MOST, Floats, Kernel, drifted, kernel
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import State, generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text import Text
from wellkeeper.lab.text_figures import in_blocks
from wellkeeper.lab.world import World
from wellkeeper.measure.hill import absence
from wellkeeper.measure.incidence import grouped

LEVEL = 0.9
"""Share of further runs that a band shall hold."""
CALIBRATED = 2
"""Generations after the first that a proxy is trained for, to measure the kernel; one would not show how words come
back that were lost."""
DRIFT_ERROR = 0.25
"""Standard error of what the kernel's drift beyond its second measurement changes, as a part of that change; see
benchmarks/lab/forecast.py."""
BLOCK = 1000
"""Words of what is counted as a document where a text has none."""

_CALIBRATION_WORDS, _REPLICATES = 800_000, (6, 20)
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_NO_DRAW = stream(0, "forecast")  # text of people stands where it stands, and none of it is drawn
_SAFE = 12  # documents with a word, from which on its rate in fresh text is taken for known
_RATES = np.geomspace(0.02, 3.0 * _SAFE, 24)  # documents with a word in fresh text as large as the corpus
_MOST_CLUMP, _MOST_FRESH = 8, 32  # copies in a fresh document, and in a fresh part, that are told apart
_POOLED = (
    120  # documents of a pool that are told apart: of so many, a draw misses all in one of 100,000 cases
)
_FEW_WORDS = 30  # words of a document frequency, for the moments of Good and Turing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The words of a corpus, or of the part of it that a first model is trained on."""

    counts: NDArray[np.int64]  # shape (words,): copies, 0 for words of the vocabulary that it has not
    holders: NDArray[np.int64]  # shape (words,): documents with the word
    documents: int

    @property
    def words(self) -> int:
        """Copies of all words together."""
        return int(self.counts.sum())

    @property
    def types(self) -> int:
        """Distinct words."""
        return int(np.count_nonzero(self.counts))


def profile_of(text: Text, vocabulary: int) -> Profile:
    """Count the words of a text. Those numbered `vocabulary` or above, which no person used, do not count.

    Raises:
        DataError: the text has none of them.
    """
    documents = _in_documents(text)
    holders = _holders(documents, vocabulary)
    if not holders.any():
        raise DataError("The text has no word of the vocabulary. Check that its text column is not empty.")
    return Profile(counts=_counts(text, vocabulary), holders=holders, documents=len(documents))


def _in_documents(text: Text) -> Text:
    return in_blocks(text, BLOCK) if len(text) == 1 else text


def _counts(text: Text, vocabulary: int) -> NDArray[np.int64]:
    return np.bincount(text.words, minlength=vocabulary)[:vocabulary]


def _holders(text: Text, vocabulary: int) -> NDArray[np.int64]:
    most = max(vocabulary, int(text.words.max(initial=-1)) + 1)
    ones = np.ones(text.words.size, np.int32)
    words = text.words[grouped(text.offsets, text.words, ones, most).firsts]
    return np.bincount(words, minlength=vocabulary)[:vocabulary]


# --- tier 0: the law ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """What an ideal model keeps; arrays are of generations 0, 1, ..., shape (generations + 1,)."""

    share: Floats  # n_eff over the words of the corpus
    types: Floats  # expected words of the corpus that are left
    lost_mass: Floats  # expected share of the corpus' words that are lost
    documents: Floats  # the tail is that of a sample of so many documents of the corpus, on average


def law_of(profile: Profile, policy: Policy, count: int, *, human: float = 1.0) -> Law:
    """The law of `n_eff` read on a corpus, for `count` generations; `human` is the share of it that people wrote.

    Raises:
        RecipeError: the policy has no closed form.
        DataError: the human share is not in [0, 1].
    """
    if not 0 <= human <= 1:
        raise DataError(f"the human share is {human:g}. Give a number from 0 to 1.")
    spectrum = np.bincount(profile.counts)
    copies = np.flatnonzero(spectrum)
    copies = copies[copies > 0]
    words = spectrum[copies]
    chances = n_eff.absence(policy, copies, count, human=human)
    types = ((1 - chances) * words).sum(axis=1)
    return Law(
        share=n_eff.coefficients(policy, count) - (1 - human) * n_eff.carried(policy, count),
        types=types,
        lost_mass=(chances * (words * copies)).sum(axis=1) / profile.words,
        documents=np.array([_like_documents(profile.holders, profile.documents, kept) for kept in types]),
    )


def _like_documents(holders: NDArray[np.int64], documents: int, types: float) -> float:
    """Documents that on average have so many distinct words: the rarefaction curve of documents, read backwards."""
    spectrum = np.bincount(holders)
    present = np.flatnonzero(spectrum)
    present = present[present > 0]

    def expected(units: int) -> float:
        return float(((1 - absence(present, documents, units)) * spectrum[present]).sum())

    low, high = 0, documents
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected(middle) <= types else (low, middle)
    below, above = expected(low), expected(high)
    return low + min((types - below) / (above - below), 1.0) if above > below else float(low)


# --- tiers 1 and 2: two generations, measured ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What words became in generations 1 and 2 of one run; arrays have shape (2, words).

    Counts are copies, or documents with the word where data are drawn by documents.
    """

    before: NDArray[np.int64]  # in training sets 0 and 1
    made: NDArray[np.int64]  # in what models 0 and 1 gave


def is_iterable(policy: Policy) -> bool:
    """Whether kernels of two generations tell of all later ones.

    They do not where training sets grow, shares change or data are drawn by what a detector thinks of them, nor where
    fresh text is added to a pool: run the proxy to the end then.
    """
    stays = policy.growth == 1 and len(policy.schedule) < 2 and policy.detector is None
    pooled = policy.keep == "sample" and (policy.fresh > 0 or bool(policy.schedule))
    return never_loses(policy) or (stays and not pooled)


def never_loses(policy: Policy) -> bool:
    """Whether every word of the first training set is in all later ones, whatever models do."""
    return (policy.keep == "all" or policy.augment > 0) and policy.detector is None


def text_of(world: World[Any, Any], data: Any) -> Text:
    """Data of a world of text as numbers of words."""
    if isinstance(data, Text):
        return data
    text: Text = world.words(data)  # type: ignore[attr-defined]  # worlds whose data are strings tell their words
    return text


class Watch:
    """Counts the words of a run, generation by generation."""

    def __init__(self, world: World[Any, Any], policy: Policy, vocabulary: int) -> None:
        self._world, self._vocabulary = world, vocabulary
        self._by_documents = policy.keep == "sample"
        self._before: list[NDArray[np.int64]] = []
        self._made: list[NDArray[np.int64]] = []
        self._last: State | None = None

    def see(self, state: State) -> None:
        """The state of generation 0, 1, ...; those after the second are not needed."""
        if len(self._before) > CALIBRATED:
            return
        if self._last is not None:
            self._made.append(self._added(self._last, state))
        self._before.append(self._counted(state.data))
        self._last = state

    def observed(self) -> Observed:
        """What became of words in generations 1 and 2.

        Raises:
            DataError: it has not seen two generations after the first.
        """
        if len(self._made) < CALIBRATED:
            raise DataError(
                f"{len(self._made)} generations after the first were seen. A kernel needs {CALIBRATED}."
            )
        return Observed(before=np.array(self._before[:CALIBRATED]), made=np.array(self._made[:CALIBRATED]))

    def _counted(self, data: Any) -> NDArray[np.int64]:
        text = text_of(self._world, data)
        if self._by_documents:
            return _holders(_in_documents(text), self._vocabulary)
        return _counts(text, self._vocabulary)

    def _added(self, last: State, state: State) -> NDArray[np.int64]:
        """What the last model gave: what is new in the pool, or all that neither core nor fresh text explains."""
        if self._by_documents:
            return self._counted(state.pool) - self._counted(last.data if last.pool is None else last.pool)
        made = self._counted(state.data)
        if state.core is not None:
            made = made - self._counted(state.core)
        fresh = state.handed - last.handed
        if fresh:
            made = made - self._counted(self._world.human(last.handed, fresh, _NO_DRAW))
        return made


def observed(
    world: World[Any, Any], policy: Policy, *, size: int, vocabulary: int, seed: int, replicate: int
) -> Observed:
    """Train a proxy for two generations, and count.

    Args:
        world: of text.
        policy: as for `recursion.generations`, like `size`, `seed` and `replicate`.
        size: words of the first training set.
        vocabulary: words of people, numbered from 0.
        seed: of the run.
        replicate: which of several.

    Raises:
        RecipeError: the world cannot follow the policy.
        InputError: the corpus has too little text.
    """
    watch = Watch(world, policy, vocabulary)
    for generation in generations(world, policy, size=size, count=CALIBRATED, seed=seed, replicate=replicate):
        watch.see(generation.state)
    return watch.observed()


def replicates_for(size: int) -> int:
    """Runs to calibrate on: enough for a quarter of a million words of each, few where a corpus is large."""
    return int(np.clip(_CALIBRATION_WORDS // size, *_REPLICATES))


# --- tiers 1 and 2: the kernel, iterated --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Banded:
    """A figure of generations 0, 1, ... with its 90 % band for one more run; arrays have shape (generations + 1,)."""

    estimate: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """What is left of the words of a corpus."""

    types: Banded  # words of it that a training set has
    lost_mass: Banded  # share of its words that are of those a training set has not
    kernels: tuple[Kernel, Kernel]  # from generation 0, and from generation 1


def iterated(
    profile: Profile,
    runs: Sequence[Observed],
    policy: Policy,
    count: int,
    *,
    core: NDArray[np.integer] | None = None,
) -> Forecast:
    """Forecast `count` generations from runs of two.

    Args:
        profile: of the first training set.
        runs: at least two replicates, for the bands.
        policy: that the runs followed.
        count: generations after the first.
        core: copies of each word in the fixed core, shape (words,), where the policy has one.

    Raises:
        RecipeError: kernels of two generations tell nothing of later ones under this policy.
        DataError: there are fewer than two runs, or none of the core under a policy that has one.
    """
    if not is_iterable(policy):
        raise RecipeError(f"Two generations tell nothing of later ones under {policy}. Run it to the end.")
    if len(runs) < 2:
        raise DataError(f"{len(runs)} run has no band. Calibrate on at least 2 replicates.")
    chain = _chain(profile, policy, core)
    kernels = _kernels(runs)
    central = chain.absences(kernels, count)
    sums = chain.sums(central)
    apart = np.array([chain.absences(_kernels(_without(runs, run)), count) for run in range(len(runs))])
    less = np.array([chain.sums(chances) for chances in apart])
    variance = (len(runs) - 1) * less.var(axis=0) + chain.variance(central)
    frozen = chain.sums(chain.absences(kernels, count, farthest=1.0))
    reach = _Z * np.sqrt(variance + (DRIFT_ERROR * (sums - frozen)) ** 2)
    most = np.array([profile.types, 1.0])[:, None]
    types, lost = (
        Banded(estimate=estimate, low=np.maximum(estimate - by, 0.0), high=np.minimum(estimate + by, top))
        for estimate, by, top in zip(sums, reach, most, strict=True)
    )
    return Forecast(types=types, lost_mass=lost, kernels=kernels)


def forecast_of(
    world: World[Any, Any],
    human: HumanText,
    policy: Policy,
    *,
    size: int,
    count: int,
    seed: int,
    replicates: int | None = None,
) -> Forecast:
    """Forecast `count` generations of a world of text: train `replicates` runs of two, and iterate.

    Raises:
        RecipeError: the world cannot follow the policy, or two generations tell nothing of later ones under it.
        InputError: the corpus has too little text.
    """
    vocabulary = len(human.vocabulary)
    runs = [
        observed(world, policy, size=size, vocabulary=vocabulary, seed=seed, replicate=replicate)
        for replicate in range(replicates_for(size) if replicates is None else replicates)
    ]
    return iterated(
        profile_of(first_words(world, size), vocabulary),
        runs,
        policy,
        count,
        core=core_counts(world, policy, size=size, vocabulary=vocabulary),
    )


def first_words(world: World[Any, Any], size: int) -> Text:
    """What the first model of a world of text is trained on."""
    return text_of(world, world.human(0, size, _NO_DRAW))


def core_counts(
    world: World[Any, Any], policy: Policy, *, size: int, vocabulary: int
) -> NDArray[np.int64] | None:
    """Copies of each word in the core that all training sets have; None under a policy without one."""
    if not policy.fixed:
        return None
    return _counts(first_words(world, round(policy.fixed * size)), vocabulary)


def _without(runs: Sequence[Observed], left_out: int) -> list[Observed]:
    return [run for number, run in enumerate(runs) if number != left_out]


def _kernels(runs: Sequence[Observed]) -> tuple[Kernel, Kernel]:
    first, second = (
        kernel(
            np.concatenate([run.before[step] for run in runs]),
            np.concatenate([run.made[step] for run in runs]),
        )
        for step in range(CALIBRATED)
    )
    return first, second


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chain:
    """Words of the corpus from generation to generation: those alike are followed as one."""

    profile: Profile
    starts: NDArray[np.int64]  # shape (words of the corpus,): their count in generation 0, at most MOST
    lost: NDArray[np.bool_]  # shape (words of the corpus,): whether they can be lost at all

    def absences(self, kernels: tuple[Kernel, Kernel], count: int, *, farthest: float = math.inf) -> Floats:
        """Chance that a word of the corpus is absent from generations 0 to `count`, shape (count + 1, words).

        The kernel of a step is as far on the way from the first to the second, or beyond, as the share of the
        corpus' words that are lost then, up to `farthest` times that of generation 1.
        """
        found = np.zeros((count + 1, self.starts.size))
        steps: list[Floats] = []
        for number in range(1, count + 1):
            first = found[1].mean() if number > 1 else 0.0
            place = found[number - 1].mean() / first if first else 0.0
            steps.append(drifted(*kernels, min(place, farthest)).transitions())
            found[number] = np.where(self.lost, self.absent(steps), 0.0)
        return found

    def absent(self, steps: Sequence[Floats]) -> Floats:
        """Chance that a word is absent after these steps, shape (words,)."""
        chances = np.zeros(MOST + 1)
        chances[0] = 1.0
        for step in reversed(steps):
            chances = _after(step, chances)
        return chances[self.starts]

    def sums(self, chances: Floats) -> Floats:
        """Words left and mass lost, shape (2, generations + 1)."""
        return np.stack([(1 - chances).sum(axis=1), (chances * self.masses).sum(axis=1)])

    def variance(self, chances: Floats) -> Floats:
        """Of both in one run, shape (2, generations + 1), if words are lost independently of each other."""
        own = chances * (1 - chances)
        return np.stack([own.sum(axis=1), (own * self.masses**2).sum(axis=1)])

    @property
    def masses(self) -> Floats:
        """Share of each word in the corpus, shape (words of the corpus,)."""
        counts = self.profile.counts
        return counts[counts > 0] / self.profile.words


def _after(step: Floats, chances: Floats) -> Floats:
    """Expected chance after a step, of shape (counts, ...)."""
    # Not a matrix product: its last digits would hang on the threads of the linear algebra library.
    found: Floats = np.einsum("xy,y...->x...", step, chances)
    return found


def _chain(profile: Profile, policy: Policy, core: NDArray[np.integer] | None) -> _Chain:
    there = profile.counts > 0
    counts, holders = profile.counts[there], profile.holders[there]
    lost = np.full(counts.size, not never_loses(policy))
    if policy.fixed:
        if core is None:
            raise DataError(f"Policy {policy} has a core, and none is given. Pass the counts of its words.")
        lost &= core[there] == 0
    if policy.keep == "sample":
        return _Pool(profile=profile, starts=np.minimum(holders, _POOLED), lost=lost)
    starts = np.minimum(counts, MOST)
    fresh = policy.parts(1).fresh
    if not fresh:
        return _Chain(profile=profile, starts=starts, lost=lost)
    return _Renewed(
        profile=profile,
        starts=starts,
        lost=lost,
        arrivals=np.array([_arrivals(fresh * rate, _clumps(counts, holders)) for rate in _RATES]).T,
        weights=_rate_weights(holders),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Renewed(_Chain):
    """Words that fresh text may bring back, at rates of which only the distribution is known."""

    arrivals: Floats  # shape (copies, rates): chance of so many fresh copies
    weights: Floats  # shape (words of the corpus, rates): chance of each rate

    def absent(self, steps: Sequence[Floats]) -> Floats:
        chances = np.zeros((MOST + 1, _RATES.size))
        chances[0] = 1.0
        for step in reversed(steps):
            chances = _after(step, self._with_arrivals(chances))
        found: Floats = (chances[self.starts] * self.weights).sum(axis=1)
        return found

    def _with_arrivals(self, chances: Floats) -> Floats:
        """Expected chance where fresh copies come to the count, shape (counts, rates)."""
        found = np.zeros_like(chances)
        for copies, chance in enumerate(self.arrivals):
            found += chance * chances[np.minimum(np.arange(MOST + 1) + copies, MOST)]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool(_Chain):
    """Documents with a word in the pool; each set is drawn from it, as large as the first."""

    def absent(self, steps: Sequence[Floats]) -> Floats:
        pooled = np.arange(_POOLED + 1)
        chances: Floats = (
            1 - 1 / (len(steps) + 1)
        ) ** pooled  # that the draw from the last pool misses all of them
        for number in range(len(steps) - 1, -1, -1):
            made = steps[number][: _POOLED + 1, : _POOLED + 1].copy()
            made[:, _POOLED] += steps[number][: _POOLED + 1, _POOLED + 1 :].sum(axis=1)
            later = chances[np.minimum(pooled[:, None] + pooled, _POOLED)]  # pool now, documents made
            # drawn: pool now, documents drawn from it
            chances = np.einsum("ux,xv,uv->u", _binomial(1 / (number + 1)), made, later, optimize=False)
        found: Floats = chances[self.starts]
        return found


def _binomial(share: float) -> Floats:
    """Chance that so many of so many documents of a pool are drawn, shape (_POOLED + 1, _POOLED + 1)."""
    found = np.zeros((_POOLED + 1, _POOLED + 1))
    found[0, 0] = 1.0
    for documents in range(1, _POOLED + 1):
        found[documents] = (1 - share) * found[documents - 1]
        found[documents, 1:] += share * found[documents - 1, :-1]
    return found


def _clumps(counts: NDArray[np.int64], holders: NDArray[np.int64]) -> Floats:
    """Chance that a document has 1, 2, ... copies of a word that few documents have, shape (_MOST_CLUMP,)."""
    once = np.minimum(counts[holders == 1], _MOST_CLUMP)
    if not once.size:
        once = np.ones(1, np.int64)
    return np.bincount(once, minlength=_MOST_CLUMP + 1)[1:].astype(np.float64) / once.size


def _arrivals(rate: float, clumps: Floats) -> Floats:
    """Chance of 0, 1, ... copies in a Poisson number of documents, by Panjer's recursion, shape (_MOST_FRESH + 1,).

    Panjer, Recursive evaluation of a family of compound distributions, ASTIN Bulletin 12 (1981) 22-26.
    """
    chances = np.zeros(_MOST_FRESH + 1)
    chances[0] = math.exp(-rate)
    sizes = np.arange(1, clumps.size + 1)
    for copies in range(1, _MOST_FRESH):
        fits = sizes <= copies
        chances[copies] = rate / copies * float((sizes * clumps)[fits] @ chances[copies - sizes[fits]])
    chances[_MOST_FRESH] = max(0.0, 1 - chances.sum())
    return chances


def _rate_weights(holders: NDArray[np.int64]) -> Floats:
    """Chance of each of `_RATES` for words by how many documents have them, shape (words, rates)."""
    spectrum = np.bincount(np.minimum(holders, _SAFE + 2), minlength=_SAFE + 3)
    by_holders = np.zeros((_SAFE + 1, _RATES.size))
    for having in range(1, _SAFE + 1):
        mean, variance = float(having), float(having)
        if having < _SAFE and spectrum[having : having + 3].min() >= _FEW_WORDS:
            mean = (having + 1) * spectrum[having + 1] / spectrum[having]
            square = (having + 1) * (having + 2) * spectrum[having + 2] / spectrum[having]
            variance = max(square - mean**2, 0.05 * mean**2)
        shape = mean**2 / variance
        log = shape * np.log(_RATES) - _RATES * shape / mean  # the density of log rate, on an even grid of it
        weights = np.exp(log - log.max())
        by_holders[having] = weights / weights.sum()
    found: Floats = by_holders[np.minimum(holders, _SAFE)]
    return found
