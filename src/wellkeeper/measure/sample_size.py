"""How many items, and how many answers to each, find a drop of a wanted size before a token is spent.

One plan a test of two versions on the same items: McNemar's for one answer to each item, Student's paired t for
several, sign flips for diversity, swapped prompts and maxT for the tail. The first is exact up to 5,000 items that
change; the second and third take the mean over items for normal; the fourth is simulated, and says its error.
benchmarks/watch/needs.py sets them beside the need as simulated.

More answers to an item take away what chance does within it, but nothing of what sets items apart: `spread`, the
standard deviation over items of the true change. By default it is half of the mean change, about what it is if a
version loses the same share of its skill everywhere.

[1] Miettinen, The matched pairs design in the case of all-or-none responses, Biometrics 24 (1968) 339-352.
[2] Johnson and Welch, Applications of the non-central t-distribution, Biometrika 31 (1940) 362-389: the approximation.
[3] Hoeffding, A class of statistics with asymptotically normal distribution, Ann. Math. Stat. 19 (1948) 293-325,
    equation 5.13: the variance of a mean over pairs.
[4] Norris and Pollock, Non-parametric MLE for Poisson species abundance models allowing for heterogeneity between
    species, Environ. Ecol. Stat. 5 (1998) 391-402.
[5] Laird, Nonparametric maximum likelihood estimation of a mixing distribution, J. Am. Stat. Assoc. 73 (1978) 805-811.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.cells import Counts
from wellkeeper.measure.generation_tails import compare_tails, outputs_of
from wellkeeper.measure.student import reach

Numbers: TypeAlias = NDArray[np.float64]

LEVEL, POWER = 0.05, 0.8
MOST_ITEMS = 1_000_000
"""A plan that needs more items is refused."""

_NORMAL = NormalDist()
_ROUNDING = 1e-9
_HALVINGS = 40  # of the least drop
_FEWEST = 5  # items of a test that takes sums for normal
_MOST_CHANGED = 5_000  # items: McNemar's test of more has the power of a test of a normal mean, to .01
_FIRST_PROMPTS, _MOST_PROMPTS = 20, 5_120  # of simulated plans
_MIXED_AT_ONCE = 1 << 22  # cells of the mixtures of as many prompts
_ROUNDS = 3  # of a simulated plan: at the need as known so far
_SELDOM = 50  # items of a cell whose rate is taken for likely rather than known
_LEAST_RATE = 0.2  # items of a cell; rarer ones are too seldom seen to tell how rare they are
_RATES = 160
_STEPS = 2_000  # towards the likeliest rates; ten times as many move a plan by less than its error


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one answer takes: tokens on the mean, and money for a million of them in any currency."""

    prompt_tokens: float
    answer_tokens: float
    per_million_prompt: float = 0.0
    per_million_answer: float = 0.0

    def __post_init__(self) -> None:
        for name in ("prompt_tokens", "answer_tokens", "per_million_prompt", "per_million_answer"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise DataError(f"{name} is {value}. Give a finite number from 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a plan takes, prompts counted once for every answer."""

    prompt_tokens: int
    answer_tokens: int
    money: float  # in the price's currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Items and answers with which a drop of this size is found with this chance."""

    test: str
    drop: float  # that is to be found, in the measure's unit: 0.05 is five points
    level: float  # chance of a false alarm
    power: float  # chance of finding the drop with so many items
    power_error: float = 0.0  # standard error of the power; 0: it was not simulated
    items: int
    samples: int  # answers of each version to each item

    @property
    def answers(self) -> int:
        """Answers of both versions."""
        return 2 * self.items * self.samples

    def cost(self, price: Price, *, stored: bool = False) -> Cost:
        """What the answers take; `stored`: those of the reference are there already."""
        answers = self.answers // 2 if stored else self.answers
        prompts, written = answers * price.prompt_tokens, answers * price.answer_tokens
        return Cost(
            prompt_tokens=math.ceil(prompts),
            answer_tokens=math.ceil(written),
            money=(prompts * price.per_million_prompt + written * price.per_million_answer) / 1e6,
        )


# --- accuracy, one answer to each item -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerNoise:
    """What chance does to the score of an answer, on the mean over items.

    A version that loses the same share of its skill on every item is what drops are taken for.
    """

    mean: float  # score of an answer, in (0, 1]
    discordance: (
        float  # mean squared difference of two scores of one item: of right and wrong, how often they differ
    )

    def __post_init__(self) -> None:
        most = 2 * self.mean * (1 - self.mean)
        if not 0 < self.mean <= 1 or not 0 <= self.discordance <= most + _ROUNDING:
            raise DataError(
                f"The mean score is {self.mean:g} and the discordance {self.discordance:g}. Give a mean in (0, 1] and "
                "a discordance from 0 to 2 mean (1 - mean), such as 0.7 and 0.28."
            )

    def after(self, drop: float) -> float:
        """Mean squared difference of an answer of the reference and one of the version that lost so much.

        >>> round(AnswerNoise(mean=0.7, discordance=0.14).after(0.05), 3)
        0.18
        """
        return drop + self.discordance * (1 - drop / self.mean)

    def spread(self, drop: float) -> float:
        """Standard deviation over items of the true change."""
        between = self.mean * (1 - self.mean) - self.discordance / 2
        return drop / self.mean * math.sqrt(max(0.0, between))


def answer_noise(scores: Sequence[Sequence[float]]) -> AnswerNoise:
    """The noise of a pilot: scores in [0, 1] of the answers to each item, of 2 or more answers each.

    >>> noise = answer_noise([[1, 0], [1, 1], [0, 0], [1, 1]])
    >>> noise.mean, noise.discordance
    (0.625, 0.25)

    Raises:
        DataError: there is no item, an item has fewer than 2 answers, or a score is outside [0, 1].
    """
    if not scores or min(map(len, scores)) < 2:
        raise DataError(
            "The pilot has items of fewer than 2 scored answers. Draw 2 or more, of 20 items or more."
        )
    items = [np.asarray(item, np.float64) for item in scores]
    if not all(((item >= 0) & (item <= 1)).all() for item in items):
        raise DataError("The pilot has a score outside [0, 1]. Pass 1 for right, 0 for wrong, or in between.")
    mean = float(np.mean([item.mean() for item in items]))
    if mean == 0:
        raise DataError(
            "No answer of the pilot is worth anything, so that nothing can be lost. Give easier items."
        )
    within = float(np.mean([item.var(ddof=1) for item in items]))
    # by luck a sample of items may show more than a mean in between allows
    return AnswerNoise(mean=mean, discordance=min(2 * within, 2 * mean * (1 - mean)))


def plan_mcnemar(
    *, drop: float, discordance: float, level: float = LEVEL, power: float = POWER, exact: bool = False
) -> Plan:
    """Items for McNemar's one-sided test of one answer of each version to each item.

    Args:
        drop: of the share of right answers, in (0, discordance].
        discordance: share of items that one version has right and the other wrong, in (0, 1]: what two runs of one
            version differ by, about 0.14 of greedy answers and 0.28 of sampled ones, and most of the drop besides.
        level: chance of a false alarm.
        power: chance of finding the drop.
        exact: the exact test instead of its mid-p version.

    Raises:
        DataError: a number is out of its range, or more than a million items are needed.
    """
    _check_test(drop, level, power)
    _check_discordance(drop, discordance)
    found = _Discordant(drop=drop, discordance=discordance, level=level, exact=exact)
    items = _least(found.power, power)
    return Plan(
        test="McNemar exact" if exact else "McNemar mid-p",
        drop=drop,
        level=level,
        power=found.power(items),
        items=items,
        samples=1,
    )


def mcnemar_power(
    items: int, *, drop: float, discordance: float, level: float = LEVEL, exact: bool = False
) -> float:
    """Chance, in [0, 1], that McNemar's test of so many items finds the drop: exact but for rounding [1].

    Where more than 5,000 items are expected to change it is that of a normal mean, which is the same to .01.

    Raises:
        DataError: a number is out of the range that `plan_mcnemar` states.
    """
    _check_test(drop, level, POWER)
    _check_discordance(drop, discordance)
    if items < 1:
        raise DataError(f"items is {items}. Give 1 or more.")
    return _Discordant(drop=drop, discordance=discordance, level=level, exact=exact).power(items)


class _Discordant:
    """Power of McNemar's test given the number of items that change, which is binomial itself."""

    def __init__(self, *, drop: float, discordance: float, level: float, exact: bool) -> None:
        self.drop = drop
        self.discordance = discordance
        self.lost = (discordance + drop) / (2 * discordance)  # share of changing items that are lost
        self.level = level
        self.exact = exact
        self._known = np.zeros(0)

    def power(self, items: int) -> float:
        expected = items * self.discordance
        if expected > _MOST_CHANGED:
            variance = self.discordance - self.drop**2
            return t_power(items, drop=self.drop, variance=variance, level=self.level)
        # ten standard deviations above the mean nothing is left
        most = min(items, math.ceil(expected + 10 * math.sqrt(expected) + 50))
        if self._known.size <= most:
            self._known = rejected(most, self.lost, self.level, exact=self.exact)
        return float(_binomial(items, self.discordance)[: most + 1] @ self._known[: most + 1])


def rejected(most: int, lost: float, level: float, *, exact: bool) -> Numbers:
    """Chance that the test rejects if 0 to `most` items change, each lost with the chance `lost`, shape (most + 1,).

    One item more leaves the least number of lost ones that is rejected as it is or adds one, so that tails of both
    distributions are carried along.
    """
    chances = np.empty(most + 1)
    least = 1  # of lost items that the test rejects
    fair = other = 0.0  # chances of that many lost items or more, fair and of the drop
    for changed in range(most + 1):
        if changed:
            fair += 0.5 * _chance(changed - 1, least - 1, 0.5)
            other += lost * _chance(changed - 1, least - 1, lost)
        at = _chance(changed, least, 0.5)
        while fair - (0.0 if exact else at / 2) > level:
            fair -= at
            other -= _chance(changed, least, lost)
            least += 1
            at = _chance(changed, least, 0.5)
        chances[changed] = other
    return np.clip(chances, 0.0, 1.0)


# --- means over items ----------------------------------------------------------------------------------------------


def plan_paired_t(
    *,
    drop: float,
    discordance: float,
    samples: int,
    spread: float | None = None,
    level: float = LEVEL,
    power: float = POWER,
) -> Plan:
    """Items for the one-sided paired t test of the mean of several answers to each item.

    Args:
        drop: of the share of right answers, in (0, discordance].
        discordance: as for `plan_mcnemar`: of one answer of each version.
        samples: answers of each version to each item, 1 or more.
        spread: standard deviation over items of the true change; None: half of the drop.
        level: chance of a false alarm.
        power: chance of finding the drop.

    Raises:
        DataError: a number is out of its range, or more than a million items are needed.
    """
    _check_test(drop, level, power)
    variance = paired_t_variance(drop=drop, discordance=discordance, samples=samples, spread=spread)
    return _mean_plan("paired t over items", drop, variance, samples, level, power)


def paired_t_variance(*, drop: float, discordance: float, samples: int, spread: float | None = None) -> float:
    """Variance of one item's change in the mean of several answers, for `t_power`; arguments as of `plan_paired_t`.

    Raises:
        DataError: a number is out of its range.
    """
    _check_discordance(drop, discordance)
    between = _between(drop, spread)
    within = discordance - drop**2 - between
    if within < 0:
        raise DataError(
            f"spread is {math.sqrt(between):g}, and one answer of each version to each item varies by "
            f"{math.sqrt(discordance - drop**2):.3g} in all. Give a smaller spread, or a larger discordance."
        )
    if samples < 1:
        raise DataError(f"samples is {samples}. Give 1 or more answers to each item.")
    return between + within / samples


@dataclass(frozen=True, slots=True, kw_only=True)
class PairNoise:
    """How much the distance of two answers to one prompt varies, on the mean over prompts, without bias.

    The mean over the pairs of k answers has the variance (4 (k - 2) answer + 2 pair) / (k (k - 1)) [3].
    """

    mean: float  # distance of two answers, in [0, 1]
    pair: float  # variance of the distance of two answers
    answer: float  # covariance of the distances of two pairs that share an answer

    def of_mean(self, samples: int) -> float:
        """Variance of the mean distance of all pairs of so many answers, 0 or more."""
        return max(0.0, (4 * (samples - 2) * self.answer + 2 * self.pair) / (samples * (samples - 1)))

    def after(self, drop: float) -> Self:
        """The noise of a version whose mean distance is lower: as a share's, it goes by mean * (1 - mean)."""
        if not 0 < self.mean < 1:
            return self
        mean = self.mean - drop
        scale = max(0.0, mean * (1 - mean) / (self.mean * (1 - self.mean)))
        return replace(self, mean=mean, pair=scale * self.pair, answer=scale * self.answer)


def pair_noise(distances: NDArray[np.generic]) -> PairNoise:
    """The noise of a pilot: `distances`, shape (prompts, k, k), of k >= 4 answers, 0 or 1 or in between, symmetric.

    Products of pairs without a common answer estimate the squared mean of a prompt, so that prompts may differ.

    Raises:
        DataError: the shape is another one, there are fewer than 4 answers, or a distance is outside [0, 1].
    """
    if distances.ndim != 3 or distances.shape[1] != distances.shape[2] or not distances.size:
        raise DataError(f"distances has shape {distances.shape}. Pass one square table per prompt.")
    k = distances.shape[1]
    if k < 4:
        raise DataError(f"The pilot has {k} answers to a prompt. Draw 4 or more, of 20 prompts or more.")
    table = distances.astype(np.float64)
    if not ((table >= 0) & (table <= 1)).all():
        raise DataError("A distance lies outside [0, 1]. Pass 1 for unlike answers and 0 for like ones.")
    table[:, np.arange(k), np.arange(k)] = 0.0
    squares = (table**2).sum(axis=(1, 2))
    sharing = (table.sum(axis=2) ** 2).sum(axis=1) - squares
    apart = table.sum(axis=(1, 2)) ** 2 - 4 * sharing - 2 * squares
    pairs, triples = k * (k - 1), k * (k - 1) * (k - 2)
    mean_squared = float(apart.mean()) / (triples * (k - 3))
    return PairNoise(
        mean=float(table.sum()) / (len(table) * pairs),
        pair=float(squares.mean()) / pairs - mean_squared,
        answer=float(sharing.mean()) / triples - mean_squared,
    )


def plan_diversity(
    *,
    drop: float,
    noise: PairNoise,
    samples: int,
    spread: float | None = None,
    level: float = LEVEL,
    power: float = POWER,
) -> Plan:
    """Prompts for the one-sided sign-flip test of the mean distance of two answers.

    The pilot is of the reference; where most answers are unlike, a blander version is the noisier one.

    Args:
        drop: of the mean distance, in (0, 1).
        noise: of a pilot, see `pair_noise`.
        samples: answers of each version to each prompt, 2 or more.
        spread: standard deviation over prompts of the true change; None: half of the drop.
        level: chance of a false alarm.
        power: chance of finding the drop.

    Raises:
        DataError: a number is out of its range, or more than a million prompts are needed.
    """
    _check_test(drop, level, power)
    variance = diversity_variance(drop=drop, noise=noise, samples=samples, spread=spread)
    return _mean_plan("sign flips over prompts", drop, variance, samples, level, power)


def diversity_variance(*, drop: float, noise: PairNoise, samples: int, spread: float | None = None) -> float:
    """Variance of one prompt's change in the mean distance, for `t_power`; arguments as of `plan_diversity`.

    Raises:
        DataError: fewer than 2 answers, or the spread is out of its range.
    """
    if samples < 2:
        raise DataError(f"samples is {samples}, and one answer has no distance. Give 2 or more, such as 8.")
    return _between(drop, spread) + noise.of_mean(samples) + noise.after(drop).of_mean(samples)


def _mean_plan(test: str, drop: float, variance: float, samples: int, level: float, power: float) -> Plan:
    def found(items: int) -> float:
        return t_power(items, drop=drop, variance=variance, level=level)

    items = _least(found, power, start=_FEWEST)
    return Plan(test=test, drop=drop, level=level, power=found(items), items=items, samples=samples)


def t_power(items: int, *, drop: float, variance: float, level: float = LEVEL) -> float:
    """Chance, in [0, 1], that the one-sided t test of a mean over `items`, 2 or more, finds it [2].

    `variance` is that of one item's change.
    """
    if variance <= 0:
        return 1.0
    freedom = items - 1
    critical = reach(freedom, 2 * level) if level < 0.5 else 0.0
    shift = drop * math.sqrt(items / variance)
    return _NORMAL.cdf(
        (shift - critical * (1 - 1 / (4 * freedom))) / math.sqrt(1 + critical**2 / (2 * freedom))
    )


def least_drop(found: Callable[[float], float], power: float, *, most: float) -> float | None:
    """The least drop in (0, most] that is found with this power; None: none is.

    `found` gives the power for a drop and rises with it.
    """
    if found(most) < power:
        return None
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high


# --- the tail, simulated -------------------------------------------------------------------------------------------


def plan_tail(
    reference: Counts,
    *,
    drop: float,
    samples: int,
    concentration: float = 600.0,
    level: float = LEVEL,
    power: float = POWER,
    worlds: int = 200,
    permutations: int = 199,
    seed: int = 0,
) -> Plan:
    """Prompts for the tail test by swapped prompts and maxT, where a version has lost the rarest cells.

    Worlds are simulated: cells are as common as the reference makes likely, see `likely_masses`, but each prompt has
    its own mixture, Gamma distributed around that; the second version never writes the rarest cells, up to a mass of
    `drop`. Power is simulated for several numbers of prompts and taken for a normal distribution function of their
    square root.

    Args:
        reference: human items of each cell, shape (cells,).
        drop: mass of the rarest cells that are lost, in (0, 1).
        samples: answers of each version to each prompt.
        concentration: Gamma shapes of a prompt's cells sum up to this: small ones set prompts apart.
        level: chance of a false alarm.
        power: chance of finding the loss.
        worlds: simulated for each number of prompts; the error of the power falls with their square root.
        permutations: of each test.
        seed: of worlds and tests.

    Raises:
        DataError: a number is out of its range, no cell is as rare, or more than 5,120 prompts are needed.
    """
    _check_test(drop, level, power)
    if samples < 1 or worlds < 20 or concentration <= 0:
        raise DataError(
            f"samples is {samples}, worlds {worlds} and concentration {concentration:g}. Give 1, 20 or more, and a "
            "positive number."
        )
    world = _TailWorld(reference, drop=drop, samples=samples, concentration=concentration)
    found: dict[int, float] = {}

    def simulate(prompts: int) -> float:
        if prompts not in found:
            found[prompts] = world.power(prompts, level, worlds, permutations, seed)
        return found[prompts]

    prompts = _FIRST_PROMPTS
    while simulate(prompts) < power:
        prompts *= 2
        if prompts > _MOST_PROMPTS:
            raise DataError(
                f"{_MOST_PROMPTS:,} prompts find the loss with a chance of {found[prompts // 2]:.2f}, below {power:g}. "
                "Draw more answers to each prompt, or look for a larger loss."
            )
    for _ in range(_ROUNDS):
        prompts = _need(found, worlds, power)
        simulate(prompts)
    prompts = _need(found, worlds, power)
    chance = simulate(prompts)
    return Plan(
        test="swapped prompts, maxT",
        drop=drop,
        level=level,
        power=chance,
        power_error=math.sqrt(max(chance * (1 - chance), 1 / worlds) / worlds),
        items=prompts,
        samples=samples,
    )


def tail_power(
    reference: Counts,
    items: int,
    *,
    drop: float,
    samples: int,
    concentration: float = 600.0,
    level: float = LEVEL,
    worlds: int = 200,
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """Chance, in [0, 1], that so many prompts find the loss, as simulated in `worlds` worlds; as for `plan_tail`.

    More than 5,120 prompts are simulated as 5,120, and find the loss at least as often.

    Raises:
        DataError: a number is out of the range that `plan_tail` states, or there are fewer than 10 prompts.
    """
    _check_test(drop, level, POWER)
    if items < 10:
        raise DataError(f"items is {items}, and the test of the tail wants 10 prompts. Give 10 or more.")
    world = _TailWorld(reference, drop=drop, samples=samples, concentration=concentration)
    return world.power(min(items, _MOST_PROMPTS), level, worlds, permutations, seed)


class _TailWorld:
    """Prompts that mix the cells of which a reference is a sample, and a version without the rarest of them."""

    def __init__(self, reference: Counts, *, drop: float, samples: int, concentration: float) -> None:
        masses = likely_masses(reference)
        rarest = np.cumsum(masses[::-1])[::-1] <= drop
        if not rarest.any():
            raise DataError(
                f"No cell of the reference has a mass of up to {drop:g}. Give a larger drop, or count more items."
            )
        self.items = int(reference.sum())
        self.masses = masses
        self.shapes = concentration * masses
        self.samples = samples
        self.kept = (~rarest).astype(np.float64)

    def power(self, prompts: int, level: float, worlds: int, permutations: int, seed: int) -> float:
        """Share of simulated worlds in which the loss is found."""
        p_values = (self.p_value(prompts, [seed, prompts, world], permutations) for world in range(worlds))
        return float(np.mean([p <= level for p in p_values]))

    def p_value(self, prompts: int, seed: list[int], permutations: int) -> float:
        """Of one world, whose human items are another sample."""
        before, after = self.answers(prompts, seed)
        human = np.random.default_rng([*seed, 1]).multinomial(self.items, self.masses)
        return compare_tails(
            outputs_of(before), outputs_of(after), human, seed=seed[-1], permutations=permutations
        ).p

    def answers(self, prompts: int, seed: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cells of both versions' answers, shape (prompts, samples) each."""
        generator = np.random.default_rng(seed)
        before, after = [], []
        at_once = max(1, _MIXED_AT_ONCE // self.shapes.size)
        for start in range(0, prompts, at_once):
            size = (min(at_once, prompts - start), self.shapes.size)
            mixture = generator.gamma(self.shapes, size=size)
            before.append(self._drawn(generator, mixture))
            after.append(self._drawn(generator, mixture * self.kept))
        return np.concatenate(before), np.concatenate(after)

    def _drawn(self, generator: np.random.Generator, mixture: Numbers) -> NDArray[np.int64]:
        reached = np.cumsum(mixture, axis=1)
        at = generator.random((len(mixture), self.samples)) * reached[:, -1:]
        return np.stack(
            [np.searchsorted(row, drawn, "right") for row, drawn in zip(reached, at, strict=True)]
        )


def likely_masses(reference: Counts) -> Numbers:
    """Masses of the cells that a sample of items comes from, those it has not seen included, falling; sum 1.

    A cell that was seen once is often a commoner or a rarer one. Cells that were seen often are taken as they are; of
    the others, and of those not seen, rates are those that make the counts likeliest, each cell's count being Poisson
    distributed [4], by expectation and maximisation [5]. Rates below a fifth of an item are not told apart.

    >>> likely_masses(np.array([60, 60, 1, 1])).round(2).tolist()[:2]
    [0.49, 0.49]

    Raises:
        DataError: the reference holds no item.
    """
    counts = reference[reference > 0].astype(np.float64)
    if not counts.size:
        raise DataError("The reference holds no item. Count cells of human items.")
    known, seldom = counts[counts > _SELDOM], counts[counts <= _SELDOM]
    masses = np.sort(np.concatenate((known, _likely_rates(seldom))))[::-1]
    return np.asarray(masses / masses.sum(), np.float64)


def _likely_rates(counts: Numbers) -> Numbers:
    """Rates, in items of the sample, of cells with these counts, 1 to _SELDOM, and of those not seen beside them."""
    if not counts.size:
        return np.zeros(0)
    values, cells = np.unique(counts, return_counts=True)
    rates = np.geomspace(_LEAST_RATE, _SELDOM, _RATES)
    ways = np.array([math.lgamma(value + 1) for value in values])
    chances = np.exp(np.outer(values, np.log(rates)) - rates - ways[:, None])
    seen = 1 - np.exp(-rates)
    held = np.full(rates.size, cells.sum() / rates.size)  # cells of each rate, those not seen included
    for _ in range(_STEPS):
        of_value = chances * held
        held = cells @ (of_value / of_value.sum(axis=1, keepdims=True)) / seen
    reached = np.cumsum(held)
    places = np.searchsorted(reached, np.arange(round(reached[-1])) + 0.5)
    return np.asarray(rates[np.minimum(places, rates.size - 1)], np.float64)


def _need(found: dict[int, float], worlds: int, power: float) -> int:
    """Prompts at which the power is reached, from a line through normal quantiles of the powers that were simulated."""
    prompts = np.array(sorted(found), np.float64)
    powers = np.array([found[int(count)] for count in prompts])
    counted = np.clip(powers, 0.5 / worlds, 1 - 0.5 / worlds)
    heights = np.array([_NORMAL.inv_cdf(chance) for chance in counted])
    aim = _NORMAL.inv_cdf(power)
    # the line is one near the aim only, and quantiles of rare outcomes are noisy
    weights = np.exp(-((heights - aim) ** 2) / 2)
    roots = np.sqrt(prompts)
    if len(roots) < 2:
        return int(prompts[0])
    centre, middle = np.average(roots, weights=weights), np.average(heights, weights=weights)
    slope = float(weights @ ((roots - centre) * (heights - middle)) / (weights @ (roots - centre) ** 2))
    if slope <= 0:
        return int(prompts[-1])
    root = centre + (aim - middle) / slope
    return int(np.clip(math.ceil(max(root, 0.0) ** 2), prompts[0], prompts[-1]))


# --- helpers -------------------------------------------------------------------------------------------------------


def _least(found: Callable[[int], float], power: float, *, start: int = 1) -> int:
    """Least number of items with the power, if power rose with every item; that of a test of whole numbers saws."""
    high = start
    while found(high) < power:
        high *= 2
        if high > MOST_ITEMS:
            raise DataError(
                f"More than {MOST_ITEMS:,} items are needed. Look for a larger drop, or draw more answers to each item."
            )
    low = start - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high


def _binomial(trials: int, chance: float) -> Numbers:
    """Chances of 0, 1, ... `trials` successes, shape (trials + 1,)."""
    if chance >= 1:
        return np.asarray(np.arange(trials + 1) == trials, np.float64)
    steps = np.arange(1, trials + 1)
    ratios = np.log((trials + 1 - steps) / steps) + math.log(chance / (1 - chance))
    logs = np.concatenate(([0.0], np.cumsum(ratios))) + trials * math.log1p(-chance)
    return np.asarray(np.exp(logs), np.float64)


def _chance(trials: int, successes: int, chance: float) -> float:
    """Chance of exactly so many successes, in [0, 1]."""
    if successes > trials or (chance >= 1 and successes < trials):
        return 0.0
    if chance >= 1:
        return 1.0
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return math.exp(ways + successes * math.log(chance) + (trials - successes) * math.log1p(-chance))


def _between(drop: float, spread: float | None) -> float:
    deviation = drop / 2 if spread is None else spread
    if not 0 <= deviation <= 1:
        raise DataError(f"spread is {deviation}. Give the standard deviation of the change, in [0, 1].")
    return deviation**2


def _check_test(drop: float, level: float, power: float) -> None:
    if not 0 < drop < 1:
        raise DataError(
            f"drop is {drop}. Give the loss to be found, in (0, 1), such as 0.05 for five points."
        )
    if not 0 < level < 1 or not level < power < 1:
        raise DataError(
            f"level is {level} and power {power}. Give chances in (0, 1), the power the higher one."
        )


def _check_discordance(drop: float, discordance: float) -> None:
    if not drop <= discordance <= 1:
        raise DataError(
            f"discordance is {discordance}, and a drop of {drop} changes at least as large a share of the items. Give "
            "the share of items that one version has right and the other wrong, such as 0.2."
        )
