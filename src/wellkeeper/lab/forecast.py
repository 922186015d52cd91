"""What generations of training on its own output would do to a corpus: pure functions on counts of words.

Three tiers, of which each says more and costs more:

0.  The law of effective sample size (`law_of`), for policies that have one: what an ideal model keeps, in closed form.
    A bound for models that make nothing up; those that smooth bring lost words back, as noise.
1.  A proxy that learns from the corpus, an n-gram model in seconds: two generations are trained (`observed`), the
    kernel between counts is measured on them, and iterated (`iterated`).
2.  The same with a small transformer or a model of the user's own: any world of text.

What is forecast is what is left of the words of the corpus at hand, of the documents at hand: how many of them a
generation's training set has, and the share of the corpus' words that are of those it has not (lost mass).

How words go from generation to generation is in `wellkeeper.lab.chain`, what a step does in `wellkeeper.lab.kernel`.

Bands are for one more run of the proxy on the same documents: 90 % of them shall lie within. Their variance is that of
the calibration (jackknife over its replicates), that of a run (words are lost independently of each other: p (1 - p)
each), and what the model does not know: the square of BEYOND_ERROR of what a figure changes after the last generation
that was measured. That part is as large as n-gram models need it to be; see benchmarks/lab/forecast.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import n_eff
from wellkeeper.lab.chain import Kernels, chain_of, is_iterable, never_loses
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.kernel import FEW, Floats, Learned, kernel, learned
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import Profile, counts_of, holders_of, in_documents, profile_of
from wellkeeper.lab.recursion import State, generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text import Text
from wellkeeper.lab.world import World
from wellkeeper.measure.hill import absence

LEVEL = 0.9
"""Share of further runs that a band shall hold."""
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Standard errors that a band reaches to both sides."""
CALIBRATED = 2
"""Generations after the first that a proxy is trained for, to measure the kernel; one would not show how words come
back that were lost."""
BEYOND_ERROR = 0.1
"""Standard error of what a figure changes after generation `CALIBRATED`, as a part of that change.

The least that made bands hold 90 % of runs of 3-gram models at generations 5 and 10, of words and of mass each, in 18
corpora under four policies, is .094. One part for all is narrower than a part of what the kernel's drift changes, which
has to be .64 and misses where a kernel hardly drifts.
"""

_CALIBRATION_WORDS, _REPLICATES = 800_000, (6, 20)  # of all first training sets together; fewest and most
_GROUPS = 8  # of runs, for the jackknife
_ALIKE, _CHANCE = 0.1, 3.0  # words come back as easily as others within a tenth, or so many standard errors
_NO_DRAW = stream(0, "forecast")  # text of people stands where it stands, and none of it is drawn


# --- tier 0: the law ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """What an ideal model keeps; arrays are of generations 0, 1, ..., shape (generations + 1,)."""

    share: Floats  # n_eff over the words of the corpus
    types: Floats  # expected words of the corpus that are left
    lost_mass: Floats  # expected share of the corpus' words that are lost
    documents: Floats  # the tail is that of a sample of so many documents of the corpus, on average

    def row(self, generation: int) -> dict[str, float | int]:
        """All of one generation, by name."""
        figures = {
            name: float(getattr(self, name)[generation])
            for name in ("share", "documents", "types", "lost_mass")
        }
        return {"generation": generation, **figures}

    def rows(self) -> list[dict[str, float | int]]:
        return [self.row(generation) for generation in range(self.share.size)]


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
            return holders_of(in_documents(text), self._vocabulary)
        return counts_of(text, self._vocabulary)

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
    """Runs to calibrate on: more where the first training set is small, since each tells less."""
    return int(np.clip(_CALIBRATION_WORDS // size, *_REPLICATES))


# --- tiers 1 and 2: the kernel, iterated --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Banded:
    """A figure of generations 0, 1, ... with its 90 % band for one more run; arrays have shape (generations + 1,)."""

    estimate: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """What is left of the words of a corpus."""

    types: Banded  # words of it that a training set has
    lost_mass: Banded  # share of its words that are of those a training set has not
    kernels: Kernels | None  # None where no word can be lost, and none was needed


def iterated(
    profile: Profile,
    runs: Sequence[Observed],
    policy: Policy,
    count: int,
    *,
    core: NDArray[np.integer] | None = None,
) -> Outlook:
    """Forecast `count` generations from runs of two.

    Args:
        profile: of the first training set.
        runs: at least two replicates, for the bands; none are needed where no word can be lost.
        policy: that the runs followed.
        count: generations after the first.
        core: copies of each word in the fixed core, shape (words,), where the policy has one.

    Raises:
        RecipeError: kernels of two generations tell nothing of later ones under this policy.
        DataError: there are fewer than two runs, or none of the core under a policy that has one.
    """
    if not is_iterable(policy):
        raise RecipeError(f"Two generations tell nothing of later ones under {policy}. Run it to the end.")
    if never_loses(policy):
        whole = np.full(count + 1, float(profile.types))
        return Outlook(types=_sure(whole), lost_mass=_sure(np.zeros(count + 1)), kernels=None)
    if len(runs) < 2:
        raise DataError(f"{len(runs)} run has no band. Calibrate on at least 2 replicates.")
    chain = chain_of(profile, policy, core)
    telling = _telling(runs, profile)
    kernels = _kernels(runs, profile, policy, telling)
    central = chain.absences(kernels, count)
    sums = chain.sums(central)
    fewer = (_kernels(some, profile, policy, telling) for some in _without_each(runs))
    less = np.array([chain.sums(chain.absences(found, count)) for found in fewer])
    variance = (len(less) - 1) * less.var(axis=0) + chain.variance(central)
    reach = Z * np.sqrt(variance + (BEYOND_ERROR * _beyond(sums)) ** 2)
    most = np.array([profile.types, 1.0])[:, None]
    types, lost = (
        Banded(estimate=estimate, low=np.maximum(estimate - by, 0.0), high=np.minimum(estimate + by, top))
        for estimate, by, top in zip(sums, reach, most, strict=True)
    )
    return Outlook(types=types, lost_mass=lost, kernels=kernels)


def _beyond(sums: Floats) -> Floats:
    """What figures, shape (figures, generations + 1), change after the last generation that was measured."""
    measured = sums[:, min(CALIBRATED, sums.shape[1] - 1)][:, None]
    return np.where(np.arange(sums.shape[1]) > CALIBRATED, sums - measured, 0.0)


def _sure(values: Floats) -> Banded:
    return Banded(estimate=values, low=values, high=values)


def forecast_of(
    world: World[Any, Any],
    human: HumanText,
    policy: Policy,
    *,
    size: int,
    count: int,
    seed: int,
    replicates: int | None = None,
) -> Outlook:
    """Forecast `count` generations of a world of text: train `replicates` runs of two, and iterate.

    Raises:
        RecipeError: the world cannot follow the policy, or two generations tell nothing of later ones under it.
        InputError: the corpus has too little text.
    """
    vocabulary = len(human.vocabulary)
    wanted = 0 if never_loses(policy) else replicates_for(size) if replicates is None else replicates
    runs = [
        observed(world, policy, size=size, vocabulary=vocabulary, seed=seed, replicate=replicate)
        for replicate in range(wanted)
    ]
    return iterated(
        profile_of(first_words(world, size), vocabulary),
        runs,
        policy,
        count,
        core=core_counts(world, policy, size=size, vocabulary=vocabulary),
    )


def largest_size(words: int, policies: Sequence[Policy], count: int, *, most: int) -> int:
    """Words of a first training set, at most `most`, so that a corpus of `words` has fresh text for each policy."""
    return max(1, min([most, words, *(_largest_size(words, policy, count) for policy in policies)]))


def _largest_size(words: int, policy: Policy, count: int) -> int:
    parts = [policy.parts(number) for number in range(1, count + 1)]
    size = int(words / (1 + sum(part.fresh for part in parts)))
    while size + sum(part.items(size)[1] for part in parts) > words:  # each part is rounded
        size -= 1
    return size


def first_words(world: World[Any, Any], size: int) -> Text:
    """What the first model of a world of text is trained on."""
    return text_of(world, world.human(0, size, _NO_DRAW))


def core_counts(
    world: World[Any, Any], policy: Policy, *, size: int, vocabulary: int
) -> NDArray[np.int64] | None:
    """Copies of each word in the core that all training sets have; None under a policy without one."""
    if not policy.fixed:
        return None
    return counts_of(first_words(world, round(policy.fixed * size)), vocabulary)


def _kernels(
    runs: Sequence[Observed], profile: Profile, policy: Policy, told_by: NDArray[np.bool_]
) -> Kernels:
    """Those of all runs together; `told_by`, shape (words,), are the words whose return tells of the corpus' own."""
    before, made = (
        [np.array([getattr(run, name)[step] for run in runs]) for step in range(CALIBRATED)]
        for name in ("before", "made")
    )
    # In generation 0 no word of the corpus is absent: what becomes of one that is, others tell or nobody does.
    first = kernel(before[0][:, told_by].ravel(), made[0][:, told_by].ravel())
    second = kernel(before[1][:, told_by].ravel(), made[1][:, told_by].ravel())
    if policy.keep != "sample":
        return Kernels(
            first=first, second=second, opening=first, learned=_learned(runs, profile, policy, told_by)
        )
    # A word that one document has fifty times is in many of the documents that the model gives.
    copies = np.tile(profile.counts, len(runs))
    return Kernels(first=first, second=second, opening=kernel(copies, made[0].ravel()))


def _learned(
    runs: Sequence[Observed], profile: Profile, policy: Policy, told_by: NDArray[np.bool_]
) -> Learned | None:
    """Known and unknown words of a network that is trained on its own output alone; None for other models and data."""
    own = profile.counts > 0
    if told_by.all() or policy.fixed or policy.parts(1).fresh:
        return None
    strangers = np.concatenate([run.made[1][~own & (run.before[1] == 0)] for run in runs])
    if strangers.size < FEW:
        return None
    before, first, second = (
        np.concatenate([getattr(run, name)[step][own] for run in runs])
        for name, step in (("before", 0), ("before", 1), ("made", 1))
    )
    return learned(before, first, second, strangers)


def _telling(runs: Sequence[Observed], profile: Profile) -> NDArray[np.bool_]:
    """The words whose return tells how the corpus' own come back: all of the vocabulary, if all do alike.

    A model that smooths brings back any word as easily. A network brings back what it once read more easily than what
    it never did: then the corpus' own words tell alone.
    """
    own = profile.counts > 0
    back = [
        np.concatenate([run.made[1][(run.before[1] == 0) & of] for run in runs]).astype(np.float64)
        for of in (own, ~own)
    ]
    if min(counts.size for counts in back) < 2:
        return own
    error = np.sqrt(sum(counts.var(ddof=1) / counts.size for counts in back))
    mine, others = (counts.mean() for counts in back)
    is_alike = abs(mine - others) <= max(_CHANCE * error, _ALIKE * mine)
    return np.ones_like(own) if is_alike else own


def _without_each(runs: Sequence[Observed]) -> Iterator[list[Observed]]:
    """The runs but for those of one group, for each of at most `_GROUPS` groups of them."""
    groups = min(len(runs), _GROUPS)
    for left_out in range(groups):
        yield [run for number, run in enumerate(runs) if number % groups != left_out]
