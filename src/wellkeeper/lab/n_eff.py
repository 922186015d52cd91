"""The effective human sample size: how large a fresh human sample covers the tail as generation t does.

An ideal model, which gives back what it saw as often as it saw it, still loses what it does not happen to draw. After t
generations a type that is p of human text is absent with probability exp(-n p c), as if only n c words had been drawn
from people. c hangs on the policy alone:

    u_0 = 1;  u_{j+1} = 1 - exp(-(1 - a) u_j)             a: human share of each training set
    replace               c_t = u_t                       a = 0
    fresh human share a   c_t = a sum_{j < t} u_j + u_t   with u of this a
    fixed human core a    c_t = a + (1 - a) u_t           with u of this a
    accumulate            c_t = 1                         and what fresh human data add, whole

c_0 = 1 is the human data themselves. (Derived as a branching process with Poisson offspring of mean 1 - a, whose
survival probability u_j is; each fresh set starts new lines. Verified by simulation of unigram, bigram and trigram
recursions on text: types within 1.6 %, lost mass within 1.3 %; see benchmarks/lab.) It bounds what models keep that
make nothing up, since they lose rare things at least as fast as they fail to draw them. Models that smooth bring lost
words back as noise, and may have more types than this: a Kneser-Ney model does from generation 5 on.

Two readings. Of a population: p is a type's share of all human text, and training set t is compared with human text.
Of a corpus: p is the share in the corpus at hand; then generation t is what is left of it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab.policy import Policy

_LEAST_SHARE = 1e-4
"""Human share below which the sum over generations has its logarithmic form to one part in 10,000."""


def coefficients(policy: Policy, generations: int) -> NDArray[np.float64]:
    """c_0 ... c_generations under a policy, shape (generations + 1,).

    For policies that mix or grow, by the same argument: v_s is the chance that an item of training set s has a line of
    descent that reaches set t. Set s + 1 draws m_{s+1} of its n_{s+1} items from the n_s of set s, so that

        v_t = 1;  v_s = 1 - exp(-(m_{s+1} / n_s) v_{s+1})
        n_0 c_t = core + (n_0 - core) v_0 + sum over 0 < s <= t of fresh_s v_s

    since every human item founds lines of its own, and those of the core are in every set themselves.

    >>> coefficients(Policy.parse("replace"), 3).round(3).tolist()
    [1.0, 0.632, 0.469, 0.374]

    Raises:
        RecipeError: the policy has no closed form: it subsamples, verifies, detects, or decodes otherwise than plainly.
    """
    _refuse_open(policy)
    return np.array([sum(_lines(policy, last)) for last in range(generations + 1)])


def absence(
    policy: Policy, counts: NDArray[np.integer], generations: int, *, human: float = 1.0
) -> NDArray[np.float64]:
    """Chance that a word which a corpus has so often is absent from generations 0, 1, ..., read of the corpus itself.

    A generation lacks a word if none of its copies is in the core or has a line of descent, and none of fresh text,
    which has it as often as the corpus has, has one either.

    Args:
        policy: what each generation is trained on.
        counts: shape (words,): copies in the corpus, >= 0.
        generations: after the corpus, which is generation 0.
        human: share of the copies, in [0, 1], that people wrote; what models wrote before founds no line here.

    Returns:
        Shape (generations + 1, words). Words of the corpus are in generation 0, unless no person wrote them.

    Raises:
        RecipeError: the policy has no closed form, as for `coefficients`.
    """
    _refuse_open(policy)
    lines = np.array([_lines(policy, last) for last in range(generations + 1)])
    kept, fresh = human * lines[:, 0], lines[:, 1]
    chances: NDArray[np.float64] = (1 - kept[:, None]) ** counts * np.exp(-np.multiply.outer(fresh, counts))
    return chances


def carried(policy: Policy, generations: int) -> NDArray[np.float64]:
    """The part of `coefficients` that the copies of the corpus itself carry, and fresh text does not.

    Raises:
        RecipeError: the policy has no closed form, as for `coefficients`.
    """
    _refuse_open(policy)
    return np.array([_lines(policy, last)[0] for last in range(generations + 1)])


def _refuse_open(policy: Policy) -> None:
    if policy.keep == "sample" or policy.verifier or policy.weighs or not policy.decoding.is_plain:
        raise RecipeError(
            f"No closed form is known for policy {policy}. Measure it on a proxy: `wellkeeper forecast --tier 1`."
        )


def _lines(policy: Policy, last: int) -> tuple[float, float]:
    """Of an item of the first set, the chance that it is in set `last` or has a line there; and fresh items' lines."""
    if policy.keep == "all":
        return 1.0, sum(policy.parts(number).fresh for number in range(1, last + 1))
    core = policy.parts(1).core
    reaches, lines = 1.0, 0.0
    for step in range(last, 0, -1):
        parts = policy.parts(step)
        lines += parts.fresh * reaches
        reaches = -math.expm1(-(parts.made / _size(policy, step - 1)) * reaches)
    return core + (1 - core) * reaches, lines


def _size(policy: Policy, step: int) -> float:
    """Of a training set, in those of the first."""
    if step == 0:
        return 1.0
    parts = policy.parts(step)
    return parts.core + parts.fresh + parts.made


def limit(share: float, *, fresh: bool) -> float:
    """The coefficient c after infinitely many generations with a human share in [0, 1], fresh or a fixed core.

    >>> round(limit(0.1, fresh=True), 3), limit(0.1, fresh=False)
    (0.4, 0.1)
    """
    if not fresh or share in {0.0, 1.0}:
        return float(share)
    if (
        share < _LEAST_SHARE
    ):  # c / a grows by 2 ln(1 / a), as a branching process near its critical point does
        least = limit(_LEAST_SHARE, fresh=True) / _LEAST_SHARE
        return share * (least + 2 * math.log(_LEAST_SHARE / share))
    total, alive = 0.0, 1.0
    while alive >= share / 100:
        total += alive
        alive = -math.expm1(-(1 - share) * alive)
    return share * (total + _rest(share, alive))


def _rest(share: float, alive: float) -> float:
    """The sum of u_j from a u that is small beside the share: the power series S with S(u) = u + S(next u)."""
    kept = 1 - share
    first = 1 / share
    second = -first * kept**2 / 2 / (1 - kept**2)
    third = (first / 6 - second) * kept**3 / (1 - kept**3)
    return alive * (first + alive * (second + alive * third))


def fresh_share_for(kept: float) -> float:
    """The least fresh human share of each training set that keeps n_eff / n at `kept` for ever; `kept` in [0, 1].

    >>> [round(fresh_share_for(kept), 3) for kept in (0.9, 0.5, 0.1)]
    [0.556, 0.148, 0.013]

    Raises:
        DataError: `kept` is not in [0, 1].
    """
    if not 0 <= kept <= 1:
        raise DataError(f"the part of n_eff to keep is {kept:g}. Give a number from 0 to 1.")
    if kept in {0.0, 1.0}:
        return float(kept)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if limit(middle, fresh=True) >= kept else (middle, high)
    return high
