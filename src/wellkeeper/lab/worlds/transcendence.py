"""Transcendence: a student of many experts, decoded at a low temperature, outplays each of them [1].

In each context one of `moves` moves is right. K experts play it with probability `skill`, and else a wrong one. A
student that has seen samples of their play knows the share p(move) of each move, and at temperature T plays it with
probability p^(1/T) / Z: at T = 1 it plays like the average expert, and as T falls like a vote among them, which is
right far more often, as long as experts err in different ways. Three things decide, and an experiment shows each:

    transcendence       how low the temperature is, and how many samples of each context the student has seen
    shared-errors       how often experts that err make the same error: then the vote is for it
    varied-difficulty   how skilled experts are, when contexts differ in difficulty

Votes are multinomial, so that both ends have closed forms: `plurality` and `softened`.

[1] Zhang et al., Transcendence: generative models can outperform the experts that train them, NeurIPS 2024, arXiv
    2406.11741.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream

TEMPERATURES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
SAMPLES = (25, 100, 400)
SHARED = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
SKILLS = (0.2, 0.35, 0.5, 0.7, 0.9)
DIFFICULTY = 0.3
"""Standard deviation of an expert's chance to be right over contexts, before it is cut to [0, 1]."""
_QUANTILES = 400
_STEP = 0.2
"""Of the integral over log s in `softened`; its error falls like exp(-pi^2 / step)."""


def chances(moves: int, skill: float, shared: float = 0.0) -> NDArray[np.float64]:
    """An expert's chances of each move, the right one first and the shared error second, shape (moves,).

    An expert that errs makes the shared error with probability `shared`, and else any wrong move alike.
    """
    wrong = np.full(moves - 1, (1 - skill) * (1 - shared) / (moves - 1))
    wrong[0] += (1 - skill) * shared
    return np.concatenate(([skill], wrong))


def plurality(voters: int, chance: NDArray[np.float64]) -> float:
    """Probability in [0, 1] that the first move has the most of the voters' votes, ties broken at random.

    `chance`, of shape (moves,), are a voter's chances of each move; voters are independent.

    Votes are Poisson numbers of mean voters x chance given their sum. With k votes for the first move and j others at k
    as well it wins with probability 1 / (j + 1), the integral of t^j from 0 to 1, so that each other move counts with
    P(below k) + t P(k).

    >>> [round(plurality(voters, chances(10, 0.35)), 3) for voters in (1, 5, 25)]
    [0.35, 0.546, 0.946]
    """
    votes = [_poisson(voters, mean) for mean in (voters * chance).tolist()]
    nodes, parts = np.polynomial.legendre.leggauss(chance.size // 2 + 1)  # exact for polynomials of moves - 1
    won = 0.0
    for most in range(voters + 1):
        for node, part in zip((nodes + 1) / 2, parts / 2, strict=True):
            others = [np.append(vote[:most], node * vote[most]) for vote in votes[1:]]
            won += votes[0][most] * part * _sums_to(voters - most, others)
    return float(won / _poisson(voters, voters)[voters])


def softened(voters: int, chance: NDArray[np.float64], temperature: float) -> float:
    """Expected probability of the first move at temperature T, for a student that knows the votes exactly.

    That is E v_0^b / sum_i v_i^b with b = 1 / T, the integral over s of E v_0^b prod_i exp(-s v_i^b), in which votes
    are independent Poisson numbers given their sum. At 0 it is `plurality`, at 1 it is the first chance itself.

    >>> round(softened(5, np.array([0.3, 0.5, 0.2]), 1.0), 6)
    0.3
    """
    if temperature == 0:
        return plurality(voters, chance)
    votes = [_poisson(voters, mean) for mean in (voters * chance).tolist()]
    with np.errstate(divide="ignore"):
        logarithms = np.log(np.arange(voters + 1) / voters) / temperature
    total = 0.0
    for log_s in np.arange(-36.0, math.log(voters) / temperature + 4.0, _STEP):
        # s v^b; from exp(700) on it is out of range soon, and exp(-s v^b) is 0 long since
        powers = np.exp(np.minimum(log_s + logarithms, 700.0))
        decay = np.exp(-powers)
        right = votes[0] * powers * decay
        total += _STEP * _sums_to(voters, [right, *(vote * decay for vote in votes[1:])])
    return float(total / _poisson(voters, voters)[voters])


def _poisson(most: int, mean: float) -> NDArray[np.float64]:
    """Probabilities of 0 ... `most`, shape (most + 1,)."""
    counts = np.arange(most + 1)
    if mean == 0:
        return np.equal(counts, 0).astype(np.float64)
    factorials = np.array([math.lgamma(count + 1) for count in counts.tolist()])
    logarithms: NDArray[np.float64] = counts * math.log(mean) - mean - factorials
    return np.exp(logarithms)


def _sums_to(total: int, weights: Sequence[NDArray[np.float64]]) -> float:
    """Sum of the products of weights over numbers that add up to `total`."""
    product = np.ones(1)
    for weight in weights:
        product = np.convolve(product, weight)[: total + 1]
    return float(product[total]) if product.size > total else 0.0


def played(
    contexts: tuple[int, int],
    *,
    experts: int,
    moves: int,
    skill: float | NDArray[np.float64],
    shared: float,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """What experts play in contexts of replicates, shape (*contexts, experts).

    Move 0 is right, move 1 the shared error. `skill`, one for all or of shape `contexts`, is the chance to be right.
    """
    shape = (*contexts, experts)
    right = random.random(shape) < np.asarray(skill)[..., None]
    together = random.random(shape) < shared
    wrong = np.where(together, 1, random.integers(1, moves, shape))
    return np.where(right, 0, wrong)


def votes_of(plays: NDArray[np.int64], moves: int) -> NDArray[np.int64]:
    """Votes for each move, shape (*contexts, moves)."""
    return np.stack([(plays == move).sum(axis=-1) for move in range(moves)], axis=-1)


def accuracy(counts: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
    """Probability of the right move at a temperature, on average over contexts, shape (replicates,).

    `counts`, of shape (replicates, contexts, moves), are what a student has seen or experts have voted.
    """
    if temperature == 0:
        weight = (counts == counts.max(axis=-1, keepdims=True)).astype(np.float64)
    else:
        # from counts over the largest, which no power takes to infinity
        weight = (counts / counts.max(axis=-1, keepdims=True)) ** (1 / temperature)
    mean: NDArray[np.float64] = np.divide(weight[..., 0], weight.sum(axis=-1)).mean(axis=1)
    return mean


def best_expert(plays: NDArray[np.int64]) -> NDArray[np.float64]:
    """Accuracy of the expert that was right in the most contexts, shape (replicates,)."""
    best: NDArray[np.float64] = (plays == 0).mean(axis=1).max(axis=-1)
    return best


def temperature_curves(
    size: int, replicates: int, seed: int, *, experts: int, moves: int, skill: float
) -> Sequence[Curve]:
    """Accuracy by temperature: of students by how much they have seen, of a vote, and of the best expert.

    Raises:
        RecipeError: a setting makes no sense.
    """
    _check(size, experts, moves, skill)
    plays = played(
        (replicates, size),
        experts=experts,
        moves=moves,
        skill=skill,
        shared=0.0,
        random=stream(seed, "transcendence", "plays"),
    )
    votes = votes_of(plays, moves)
    chance = chances(moves, skill)

    def curve(label: str, values: Sequence[NDArray[np.float64]], theory: Sequence[float] = ()) -> Curve:
        return _curve("temperature", TEMPERATURES, label, "accuracy", values, theory)

    exact = [softened(experts, chance, temperature) for temperature in TEMPERATURES]
    found = [curve("student of all votes", [accuracy(votes, heat) for heat in TEMPERATURES], exact)]
    for samples in SAMPLES:
        random = stream(seed, "transcendence", "samples", samples)
        counts = random.multinomial(samples, votes / experts)
        label = f"student of {samples} samples a context"
        found.append(curve(label, [accuracy(counts, heat) for heat in TEMPERATURES]))
    found.append(curve("best expert", [best_expert(plays)] * len(TEMPERATURES)))
    return found


def shared_error_curves(
    size: int, replicates: int, seed: int, *, experts: int, moves: int, skill: float
) -> Sequence[Curve]:
    """Accuracy of a vote and of the best expert, by how often experts that err make the same error.

    Raises:
        RecipeError: a setting makes no sense.
    """
    _check(size, experts, moves, skill)
    votes, best = [], []
    for shared in SHARED:
        plays = played(
            (replicates, size),
            experts=experts,
            moves=moves,
            skill=skill,
            shared=shared,
            random=stream(seed, "shared errors", shared),
        )
        votes.append(accuracy(votes_of(plays, moves), 0.0))
        best.append(best_expert(plays))
    exact = [plurality(experts, chances(moves, skill, shared)) for shared in SHARED]
    axis = "chance that an error is the shared one"
    return (
        _curve(axis, SHARED, "vote", "accuracy", votes, exact),
        _curve(axis, SHARED, "best expert", "accuracy", best),
    )


def difficulty_curves(size: int, replicates: int, seed: int, *, experts: int, moves: int) -> Sequence[Curve]:
    """Accuracy of a vote and of the best expert, by the experts' skill, where contexts differ in difficulty.

    Raises:
        RecipeError: a setting makes no sense.
    """
    _check(size, experts, moves, 0.5)
    votes, best = [], []
    for skill in SKILLS:
        random = stream(seed, "varied difficulty", skill)
        plays = played(
            (replicates, size),
            experts=experts,
            moves=moves,
            skill=np.clip(random.normal(skill, DIFFICULTY, (replicates, size)), 0, 1),
            shared=0.0,
            random=random,
        )
        votes.append(accuracy(votes_of(plays, moves), 0.0))
        best.append(best_expert(plays))
    axis = "skill"
    return (
        _curve(axis, SKILLS, "vote", "accuracy", votes, list(varied_plurality(experts, moves))),
        _curve(axis, SKILLS, "best expert", "accuracy", best),
    )


def varied_plurality(experts: int, moves: int) -> Iterator[float]:
    """Probability that a vote is right at each of the skills, over contexts of varied difficulty."""
    levels = np.linspace(0, 1, 101)
    at_level = [plurality(experts, chances(moves, level)) for level in levels.tolist()]
    quantiles = [NormalDist().inv_cdf((place + 0.5) / _QUANTILES) for place in range(_QUANTILES)]
    for skill in SKILLS:
        drawn = np.clip(skill + DIFFICULTY * np.array(quantiles), 0, 1)
        yield float(np.interp(drawn, levels, at_level).mean())


def _curve(
    axis: str,
    points: Sequence[float],
    label: str,
    figure: str,
    values: Sequence[NDArray[np.float64]],
    theory: Sequence[float] = (),
) -> Curve:
    return Curve(
        label=label,
        axis=axis,
        points=np.array(points),
        figures={figure: np.stack(values, axis=1)},
        theory={figure: np.array(theory)} if theory else {},
    )


def _check(size: int, experts: int, moves: int, skill: float) -> None:
    for name, value, least in (("size", size, 1), ("experts", experts, 1), ("moves", moves, 2)):
        if value < least:
            raise RecipeError(f"{name} is {value}. Give at least {least}.")
    check_range("skill", skill, 0, 1)


_PAPER = "Zhang et al. 2024"
_ACCURACY = Figure(name="accuracy", title="Right moves", unit="share", worse="down")
_EXPERTS = Setting(name="experts", value=25, help="how many play each context")
_MOVES = Setting(name="moves", value=10, help="moves of a context, one of them right")
_SKILL = Setting(name="skill", value=0.35, help="chance that an expert plays the right move")


def _experiment(
    name: str, title: str, about: str, settings: Sequence[Setting], curves: Callable[..., Sequence[Curve]]
) -> Experiment:
    return Experiment(
        name=name,
        title=title,
        paper=_PAPER,
        regime="closed form",
        figures=(_ACCURACY,),
        size=2000,
        replicates=20,
        settings=settings,
        about=about,
        curves=curves,
    )


EXPERIMENTS = (
    _experiment(
        "transcendence",
        "A student that outplays its experts at a low temperature",
        "Experts are right about a third of the time, and their errors differ. A student of all of them plays like the "
        "average expert at temperature 1 and like a vote among them at temperature 0, which is nearly always right. It "
        "takes enough samples of each context to know the vote.",
        (_EXPERTS, _MOVES, _SKILL),
        temperature_curves,
    ),
    _experiment(
        "shared-errors",
        "Experts that make the same error",
        "The vote is better than any expert only as long as experts err in different ways. Once the shared error is "
        "more frequent than the right move, a low temperature makes the student worse: test the diversity of errors "
        "first.",
        (_EXPERTS, _MOVES, _SKILL),
        shared_error_curves,
    ),
    _experiment(
        "varied-difficulty",
        "Experts of different skill, contexts of different difficulty",
        "Where some contexts are easy for all and some hard for all, the vote gains most over experts of middling "
        "skill, and least over the strongest, whose errors lie where all err.",
        (_EXPERTS, _MOVES),
        difficulty_curves,
    ),
)
