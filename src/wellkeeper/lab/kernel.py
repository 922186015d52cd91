"""The count-transition kernel: how often a word comes in the next generation, given how often it comes in this one.

Real models lose rare words faster than they happen not to draw them, and bring back words that were lost, by smoothing.
Both are in the kernel, measured from two generations and then iterated. For each bin of counts x now, with y the counts
of the same words in what the model gives next,

    reproduction   r = sum of y / sum of x      the mean of y at a count k is m = r k;  m = mean of y where k = 0
    dispersion     phi = mean (y - r x)^2 / m   the variance of y is phi m

and y is negative binomial with that mean and variance. Where words of a bin are lost, phi is what gives as many losses
as were seen: one word that suddenly comes a hundred times makes the variance of thousands, and says nothing of their
chance to be lost. (With the plain moment the mass lost after 2 generations of a 3-gram model of WikiText-2 is 22 % too
high; so is a dispersion which says that a word is lost in more than one of n + 1 cases if none of n was.)

In n-gram models the count is all that matters: words that were lost and came back reproduce as others of the same
count do. But the kernel itself drifts: from the first to the tenth generation r(0) of a 3-gram model falls by a third.
It does so in proportion to the share of the original words that are lost, so that a kernel of generation 0 and one of
generation 1 give those of all later ones (`drifted`). That rule was chosen among four, by their errors on 18 corpora;
benchmarks/lab/forecast.py tells how well it holds.

In networks more than the count matters: a word that the model knows is given back nearly as often as it came, another
hardly ever, whatever it did before. So there are two classes of words, each with its own kernel (`learned`), and no
drift: what rises from generation to generation is the share of the known among those that are left.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Counts: TypeAlias = NDArray[np.integer]  # shape (words,): how often each word comes, >= 0
Floats: TypeAlias = NDArray[np.float64]

EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 40, 60, 100, 200, 401)
"""Bins of counts [EDGES[b], EDGES[b + 1]). A count of 400 stands for all that are larger: such words are safe."""
MOST = EDGES[-1] - 1
FEW = 5
"""A bin of fewer words tells nothing, and a dispersion is fitted to losses where so many words of a bin are lost."""
_LEAST_MEAN, _LEAST_DISPERSION, _MOST_DISPERSION = 1e-9, 1.0001, 1e4
_TURNS, _SETTLED = 50, 1e-6
_MOST_UNKNOWN = 0.98  # of the words of a bin: of fewer known ones nothing can be said


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernel:
    """What becomes of a word that comes 0, 1, ..., MOST times; arrays have shape (MOST + 1,)."""

    means: Floats  # copies in the next output; NaN where too few words have the count
    dispersions: Floats  # their variance over their mean, > 1; NaN likewise

    @property
    def reproduction(self) -> Floats:
        """r: copies in the next output for each copy now; at a count of 0 the copies themselves."""
        return self.means / np.maximum(np.arange(self.means.size), 1)

    def transitions(self) -> Floats:
        """Chance of each next count, at most MOST, shape (MOST + 1, MOST + 1): rows sum to 1.

        Where too few words had a count, a word is copied as often as it comes, by chance alone (Poisson).
        """
        counts = np.arange(self.means.size, dtype=np.float64)
        means = np.where(np.isnan(self.means), counts, self.means)
        dispersions = np.where(np.isnan(self.dispersions), _LEAST_DISPERSION, self.dispersions)
        return negative_binomial(
            np.maximum(means, _LEAST_MEAN), np.maximum(dispersions, _LEAST_DISPERSION), self.means.size - 1
        )


def kernel(before: Counts, after: Counts) -> Kernel:
    """Measure a kernel on the same words in a training set and in the output of its model.

    Several pairs of them are pooled by joining them. Words that the training set lacks belong to it: how they come back
    is seen in no others.

    Raises:
        DataError: the shapes differ, or a count is negative.
    """
    _check(before, after)
    return _kernel(before, after, np.zeros(MOST + 1), 0.0)


def _kernel(before: Counts, after: Counts, strange: Floats, unknown: float) -> Kernel:
    """The kernel of what is left of counts once the unknown are taken out.

    They are a share of all words, and their next counts are distributed as `strange`, shape (MOST + 1,).
    """
    means, dispersions = np.full(MOST + 1, np.nan), np.full(MOST + 1, np.nan)
    bins = _bins(before)
    stranger = float(strange @ np.arange(MOST + 1))
    for number, (low, high) in enumerate(pairwise(EDGES)):
        chosen = bins == number
        if np.count_nonzero(chosen) < FEW:
            continue
        x, y = before[chosen].astype(np.float64), after[chosen].astype(np.float64)
        others = min(unknown * float(strange[low:high].sum()) / float(chosen.mean()), _MOST_UNKNOWN)
        copies = max((float(y.sum()) - others * stranger * y.size) / (1 - others), 0.0)
        lost = (np.count_nonzero(y == 0) - others * float(strange[0]) * y.size) / (1 - others)
        rate = copies / (y.size if low == 0 else float(x.sum()))
        means[low:high] = rate * np.maximum(np.arange(low, high), 1)
        dispersions[low:high] = _dispersion(y, np.full(x.size, rate) if low == 0 else rate * x, lost)
    return Kernel(means=means, dispersions=dispersions)


def _bins(counts: Counts) -> NDArray[np.integer]:
    return np.searchsorted(EDGES, np.minimum(counts, MOST), side="right") - 1


def _check(before: Counts, after: Counts) -> None:
    if before.shape != after.shape:
        raise DataError(
            f"before has {before.size} words and after has {after.size}. Count both over one shared vocabulary."
        )
    if before.size and min(before.min(), after.min()) < 0:
        raise DataError(f"a word is counted {min(before.min(), after.min())} times. Counts start at 0.")


def _dispersion(y: Floats, expected: Floats, lost: float) -> float:
    """Variance over mean of counts with these expected values: by losses where enough are lost, else by moments."""
    mean = float(expected.mean())
    if mean <= 0:
        return _LEAST_DISPERSION
    if lost >= FEW:
        return _dispersion_for(min(lost / y.size, 1.0), mean)
    moment = float(np.mean((y - expected) ** 2)) / mean
    return min(moment, _dispersion_for((max(lost, 0.0) + 1) / (y.size + 1), mean))


def _dispersion_for(lost: float, mean: float) -> float:
    """The dispersion with which a negative binomial of this mean is 0 with chance `lost`, in (0, 1].

    That chance is exp(-mean ln(phi) / (phi - 1)), which rises with phi.
    """
    wanted = -math.log(lost) / mean  # ln(phi) / (phi - 1), in (0, 1) for phi > 1
    low, high = _LEAST_DISPERSION, _MOST_DISPERSION
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if math.log(middle) / (middle - 1) > wanted else (low, middle)
    return low


def negative_binomial(means: Floats, dispersions: Floats, most: int) -> Floats:
    """Chances of 0, 1, ..., `most` for variables of given means > 0 and variances over them > 1, one a row.

    Shape (variables, most + 1). What lies above `most` counts as `most`, so that rows sum to 1.

    >>> negative_binomial(np.array([1.0]), np.array([2.0]), 2)
    array([[0.5 , 0.25, 0.25]])
    """
    size = means / (dispersions - 1)
    ratio = 1 - 1 / dispersions
    chances = np.empty((means.size, most + 1))
    chances[:, 0] = np.exp(-size * np.log(dispersions))
    for count in range(1, most + 1):
        chances[:, count] = chances[:, count - 1] * (size + count - 1) / count * ratio
    chances[:, most] = np.maximum(1 - chances[:, :most].sum(axis=1), 0.0)
    return chances


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """Words that a network knows, and others."""

    kernel: Kernel  # of the known
    known: Floats  # shape (MOST + 1,): share of the words with so many copies in the first training set that are known
    absent: float  # chance that an unknown word is absent from a later set


def learned(before: Counts, first: Counts, second: Counts, strangers: Counts) -> Learned:
    """Tell known words from others by two generations, calibrated on 0.42 M parameters; see docs/LOG.md.

    Unknown words come back as strangers do. With f the distribution of these and U the unknown words, U f(x) of the
    h(x) words that come x times in set 1 are unknown; what is left of means and losses is the kernel of the known; and
    a word with x copies in set 0 is known with chance (P(there in 1) - P(f > 0)) / (P(known and there) - P(f > 0)),
    which gives U. Both are found in turns.

    Args:
        before: words of the corpus in set 0, shape (words,); several runs are joined.
        first: the same words in set 1.
        second: the same words in set 2.
        strangers: words that neither set 0 nor set 1 has, in set 2, shape (other words,).

    Raises:
        DataError: the shapes differ, or a count is negative.
    """
    _check(before, first)
    _check(first, second)
    strange = np.bincount(np.minimum(strangers, MOST), minlength=MOST + 1) / max(strangers.size, 1)
    unknown = 0.5
    for _ in range(_TURNS):
        of_known = _kernel(first, second, strange, unknown)
        known = _known(before, first, 1 - of_known.transitions()[:, 0], 1 - float(strange[0]))
        was, unknown = unknown, 1 - float(known[np.minimum(before, MOST)].mean())
        if abs(unknown - was) < _SETTLED:
            break
    return Learned(kernel=of_known, known=known, absent=float(strange[0]))


def _known(before: Counts, first: Counts, alive: Floats, back: float) -> Floats:
    """Share of the known among words with so many copies in set 0; all where too few have them."""
    known = np.ones(MOST + 1)
    bins = _bins(before)
    for number, (low, high) in enumerate(pairwise(EDGES)):
        chosen = bins == number
        if low == 0 or np.count_nonzero(chosen) < FEW:
            continue
        there, could = (
            float(np.mean(first[chosen] > 0)),
            float(alive[np.minimum(before[chosen], MOST)].mean()),
        )
        known[low:high] = min(max((there - back) / (could - back), 0.0), 1.0) if could > back else 1.0
    return known


def drifted(first: Kernel, second: Kernel, place: float) -> Kernel:
    """The kernel at a place on the way from the first one, place 0, to the second, place 1, and beyond.

    Means go on beyond the second kernel; dispersions, which are measured less well, stay as they are there. A count
    that only one of them has seen enough of is taken from that one.
    """
    return Kernel(
        means=np.maximum(_between(first.means, second.means, place), _LEAST_MEAN),
        dispersions=_between(first.dispersions, second.dispersions, min(place, 1.0)),
    )


def _between(first: Floats, second: Floats, place: float) -> Floats:
    first, second = np.where(np.isnan(first), second, first), np.where(np.isnan(second), first, second)
    there: Floats = first + place * (second - first)
    return there
