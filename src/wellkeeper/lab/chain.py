"""Words of a corpus on their way through generations, given what one generation does to a count.

Let x be the count of a word in training set s. The next set has

    core copies     which are in every set: a word of the core is never lost
    fresh copies    from documents of people that nobody had before
    made copies     Y of what the model gives, whose law given x is the kernel

A word that stood in d documents of the corpus stands in a Poisson number of fresh ones, whose rate in sets as large as
the corpus is Gamma distributed with the moments of Good and Turing [1]: mean (d + 1) Q(d+1) / Q(d) and mean square
(d + 1) (d + 2) Q(d+2) / Q(d), where Q(d) words are in d documents. So a word seen once is not taken to come once in as
much text again. Each fresh document that has it has as many copies as one document of a word that only one has.

Where data are drawn from all that came before (subsample), documents are what is drawn. Then x is the number of
documents with the word, in the pool and in the set drawn from it, and the kernel leads from documents to documents.

[1] Good, The population frequencies of species, Biometrika 40 (1953) 237-264; here by document frequency.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lab.kernel import MOST, Floats, Kernel, Learned, drifted
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import Profile

_SAFE = 12  # documents with a word, from which on more of them make no difference
_RATES = np.geomspace(0.02, 3.0 * _SAFE, 24)  # documents with a word in fresh text as large as the corpus
_MOST_CLUMP, _MOST_FRESH = 8, 32  # copies in a fresh document, and in a fresh part, that are told apart
_POOLED = 120  # documents of a pool that are told apart: a draw misses all of so many in one of 100,000 cases
_FEW_WORDS = 30  # words of a document frequency, for the moments of Good and Turing


def is_iterable(policy: Policy) -> bool:
    """Whether kernels of two generations tell of all later ones.

    They do not where training sets grow, shares change or data are drawn by what a detector or a model thinks of them,
    nor where fresh text is added to a pool: run the proxy to the end then.
    """
    stays = policy.growth == 1 and len(policy.schedule) < 2 and not policy.weighs
    pooled = policy.keep == "sample" and (policy.fresh > 0 or bool(policy.schedule))
    return never_loses(policy) or (stays and not pooled)


def never_loses(policy: Policy) -> bool:
    """Whether every word of the first training set is in all later ones, whatever models do."""
    return (policy.keep == "all" or policy.augment > 0) and not policy.weighs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernels:
    """From generation 0 and from generation 1."""

    first: Kernel
    second: Kernel
    opening: Kernel  # for the step from generation 0: the first one, or where documents are drawn, from copies to them
    learned: Learned | None = (
        None  # where the model knows some words and others not: then this alone is followed
    )

    def at(self, place: float) -> Kernel:
        """The kernel of a step: place 0 is the step from generation 0, 1 the one from generation 1."""
        if self.learned is not None:
            return self.learned.kernel
        return drifted(self.first if place else self.opening, self.second, place)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """Words of the corpus from generation to generation: those alike are followed as one."""

    profile: Profile
    starts: NDArray[np.int64]  # shape (words of the corpus,): their count in generation 0, at most MOST
    lost: NDArray[np.bool_]  # shape (words of the corpus,): whether they can be lost at all

    def absences(self, kernels: Kernels, count: int) -> Floats:
        """Chance that a word of the corpus is absent from generations 0 to `count`, shape (count + 1, words).

        The kernel of a step is as far on the way from the first to the second, or beyond, as the share of the
        corpus' words that are lost then is of that in generation 1.
        """
        found = np.zeros((count + 1, self.starts.size))
        steps: list[Floats] = []
        for number in range(1, count + 1):
            first = found[1].mean() if number > 1 else 0.0
            place = found[number - 1].mean() / first if first else 0.0
            steps.append(kernels.at(place).transitions())
            found[number] = np.where(self.lost, self._absent(steps, kernels.learned), 0.0)
        return found

    def _absent(self, steps: Sequence[Floats], learned: Learned | None) -> Floats:
        absent = self.absent(steps)
        if learned is None:
            return absent
        known = learned.known[self.starts]
        return known * absent + (1 - known) * learned.absent

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

    def together(self, chances: Floats) -> Floats:
        """How many times the variance is as large where words come and go by documents, shape (2, generations + 1).

        A long document brings many words at once: the spread of their sum over documents, beside what it would be if
        each word came by itself.
        """
        there = np.zeros((2, self.profile.counts.size))
        found = np.ones((2, len(chances)))
        for number, row in enumerate(chances):
            there[:, self.profile.counts > 0] = row, row * self.masses
            for figure, weights in enumerate(there):
                in_documents = weights[self.profile.entries]
                sums = np.diff(np.concatenate(([0.0], np.cumsum(in_documents)))[self.profile.bounds])
                alone = float((in_documents**2).sum())
                if alone:
                    found[figure, number] = max(float(((sums - sums.mean()) ** 2).sum()) / alone, 1.0)
        return found

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Renewed(Chain):
    """Words that fresh text may bring back, at rates of which only the distribution is known."""

    fresh: float  # share of fresh text
    arrivals: Floats  # shape (copies, rates): chance of so many fresh copies
    weights: Floats  # shape (words of the corpus, rates): chance of each rate

    def absent(self, steps: Sequence[Floats]) -> Floats:
        chances = np.zeros((MOST + 1, _RATES.size))
        chances[0] = 1.0
        for step in reversed(steps):
            chances = _after(step, self._with_arrivals(chances))
        found: Floats = (chances[self.starts] * self.weights).sum(axis=1)
        return found

    def variance(self, chances: Floats) -> Floats:
        """With what the fresh documents bring, which are the same in each run and others than in the forecast."""
        arrivals = chances**2 * (self.fresh * np.einsum("wr,r->w", self.weights, _RATES))
        brought = np.stack([arrivals.sum(axis=1), (arrivals * self.masses**2).sum(axis=1)])
        return Chain.variance(self, chances) + brought * self.together(chances)

    def _with_arrivals(self, chances: Floats) -> Floats:
        """Expected chance where fresh copies come to the count, shape (counts, rates)."""
        found = np.zeros_like(chances)
        for copies, chance in enumerate(self.arrivals):
            found += chance * chances[np.minimum(np.arange(MOST + 1) + copies, MOST)]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool(Chain):
    """Documents with a word in the pool; each set is drawn from it, as large as the first."""

    holders: NDArray[np.int64]  # shape (words of the corpus,): its documents with the word, at most _POOLED

    def absent(self, steps: Sequence[Floats]) -> Floats:
        pooled = np.arange(_POOLED + 1)
        after = np.minimum(pooled[:, None] + pooled, _POOLED)  # in the pool before, and made
        missed = np.full(
            _POOLED + 1, 1 - 1 / (len(steps) + 1)
        )  # chance that a draw from the last pool misses a document
        chances = missed**pooled
        for number in range(len(steps) - 1, 0, -1):
            drawn, made = _binomial(1 / (number + 1)), _up_to(_POOLED, steps[number])[: _POOLED + 1]
            chances = np.einsum("ux,xv,uv->u", drawn, made, chances[after])
        found: Floats = np.einsum("xv,uv->xu", _up_to(_POOLED, steps[0]), chances[after])
        return found[self.starts, self.holders]

    def variance(self, chances: Floats) -> Floats:
        # Half of it is what documents are drawn, the other half what is made.
        return Chain.variance(self, chances) * (1 + self.together(chances)) / 2


def _up_to(most: int, step: Floats) -> Floats:
    """Transitions to counts of which `most` stands for all that are larger."""
    found = step[:, : most + 1].copy()
    found[:, most] += step[:, most + 1 :].sum(axis=1)
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
    found: Floats = np.bincount(once, minlength=_MOST_CLUMP + 1)[1:] / float(once.size)
    return found


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


def chain_of(profile: Profile, policy: Policy, core: NDArray[np.integer] | None) -> Chain:
    there = profile.counts > 0
    counts, holders = profile.counts[there], profile.holders[there]
    lost = np.ones(counts.size, np.bool_)
    if policy.fixed:
        if core is None:
            raise DataError(f"Policy {policy} has a core, and none is given. Pass the counts of its words.")
        lost &= core[there] == 0
    starts = np.minimum(counts, MOST)
    if policy.keep == "sample":
        return Pool(profile=profile, starts=starts, lost=lost, holders=np.minimum(holders, _POOLED))
    fresh = policy.parts(1).fresh
    if not fresh:
        return Chain(profile=profile, starts=starts, lost=lost)
    return Renewed(
        profile=profile,
        starts=starts,
        lost=lost,
        fresh=fresh,
        arrivals=np.array([_arrivals(fresh * rate, _clumps(counts, holders)) for rate in _RATES]).T,
        weights=_rate_weights(holders),
    )
