"""How many items a plan asks for, and how many find the drop in simulated worlds.

    python benchmarks/watch/needs.py [--worlds 400]

One line a plan: the items of `wellkeeper.measure.sample_size` for a power of 0.8 at level 0.05, the power that the
simulation finds with as many, with its standard error, and the need as simulated: where a line through the powers (in
normal quantiles, against the square root of the items) at 0.7, 1 and 1.4 times the plan passes 0.8, with the error
that so many worlds leave.

Accuracy: an item is right with a chance of its own, Beta(0.7 c, 0.3 c), c = 0.5 for greedy and 2 for sampled answers;
the second version loses the same share everywhere. Diversity: 200 answers to a prompt, Zipf distributed with an
exponent uniform from 0.6 to 2.2, the second version at a lower temperature; the plan knows a pilot of 400 prompts x 8
of the first version, and the drop. Tail: 1,500 cells of mass rank^-1.05, each prompt with its own mix, Gamma(600 mass),
6,000 human items; the plan knows those alone. The second version has lost the rarest cells.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wellkeeper.measure.generation_tails import compare_tails, outputs_of
from wellkeeper.measure.paired_diversity import diversity_change, unlike_share
from wellkeeper.measure.sample_size import (
    LEVEL,
    POWER,
    Plan,
    pair_noise,
    plan_diversity,
    plan_mcnemar,
    plan_paired_t,
    plan_tail,
)

RIGHT = 0.7
AROUND = (0.7, 1.0, 1.4)  # of the plan: where power is simulated
CHEAP = 10  # times as many worlds where they are drawn all at once
ANSWERS, CELLS = 200, 1_500

Found = Callable[[int, int, np.random.Generator], float]  # items, worlds -> share of worlds with an alarm


class Case(NamedTuple):
    name: str
    plan: Plan
    found: Found
    worlds: int


# --- accuracy ------------------------------------------------------------------------------------------------------


def discordance(drop: float, sure: float) -> float:
    square = RIGHT**2 + RIGHT * (1 - RIGHT) / (sure + 1)
    factor = 1 - drop / RIGHT
    return RIGHT * (1 + factor) - 2 * factor * square


def right_answers(
    generator: np.random.Generator, worlds: int, items: int, samples: int, drop: float, sure: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    right = generator.beta(RIGHT * sure, (1 - RIGHT) * sure, (worlds, items))
    return generator.binomial(samples, right), generator.binomial(samples, right * (1 - drop / RIGHT))


def by_mcnemar(drop: float, sure: float) -> Found:
    def found(items: int, worlds: int, generator: np.random.Generator) -> float:
        before, after = right_answers(generator, worlds, items, 1, drop, sure)
        lost, changed = (before > after).sum(axis=1), (before != after).sum(axis=1)
        return float(
            np.mean(stats.binom.sf(lost, changed, 0.5) + stats.binom.pmf(lost, changed, 0.5) / 2 <= LEVEL)
        )

    return found


def by_paired_t(drop: float, sure: float, samples: int) -> Found:
    def found(items: int, worlds: int, generator: np.random.Generator) -> float:
        before, after = right_answers(generator, worlds, items, samples, drop, sure)
        return float(np.mean(stats.ttest_rel(after, before, axis=1, alternative="less").pvalue <= LEVEL))

    return found


def accuracy_cases(worlds: int) -> Iterator[Case]:
    for drop, sure in ((0.05, 0.5), (0.05, 2.0), (0.02, 0.5)):
        plan = plan_mcnemar(drop=drop, discordance=discordance(drop, sure))
        yield Case(f"-{100 * drop:g} points, c = {sure:g}", plan, by_mcnemar(drop, sure), CHEAP * worlds)
    for drop, sure, samples in ((0.05, 0.5, 4), (0.05, 2.0, 4), (0.05, 2.0, 16), (0.02, 0.5, 4)):
        plan = plan_paired_t(drop=drop, discordance=discordance(drop, sure), samples=samples)
        yield Case(
            f"-{100 * drop:g} points, c = {sure:g}", plan, by_paired_t(drop, sure, samples), CHEAP * worlds
        )


# --- diversity -----------------------------------------------------------------------------------------------------


def mass(exponents: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    raw = np.arange(1, ANSWERS + 1) ** (-exponents[:, None] / temperature)
    return raw / raw.sum(axis=1, keepdims=True)


def drawn(generator: np.random.Generator, chances: NDArray[np.float64], samples: int) -> NDArray[np.int64]:
    """Cells, shape (prompts, samples), by the chances of each prompt's, shape (prompts, cells)."""
    reached = np.cumsum(chances, axis=1)
    at = generator.random((len(chances), samples)) * reached[:, -1:]
    return np.stack([np.searchsorted(row, where, "right") for row, where in zip(reached, at, strict=True)])


def by_sign_flips(temperature: float, samples: int) -> Found:
    def found(items: int, worlds: int, generator: np.random.Generator) -> float:
        alarms = []
        for seed in range(worlds):
            exponents = generator.uniform(0.6, 2.2, items)
            one, other = (
                unlike_share(drawn(generator, mass(exponents, heat), samples)) for heat in (1.0, temperature)
            )
            alarms.append(diversity_change(one, other, seed=seed).p <= LEVEL)
        return float(np.mean(alarms))

    return found


def diversity_cases(worlds: int, generator: np.random.Generator) -> Iterator[Case]:
    known = np.linspace(0.6, 2.2, 801)
    pilot = drawn(generator, mass(generator.uniform(0.6, 2.2, 400), 1.0), 8)
    noise = pair_noise(pilot[:, :, None] != pilot[:, None])
    for temperature, samples in ((0.8, 4), (0.9, 4), (0.9, 8)):
        before, after = (1 - (mass(known, heat) ** 2).sum(axis=1) for heat in (1.0, temperature))
        drop = float(np.mean(before - after))
        plan = plan_diversity(drop=drop, noise=noise, samples=samples)
        name = f"T = {temperature:g}: -{100 * drop:.1f} points, spread {100 * np.std(before - after):.1f}"
        yield Case(name, plan, by_sign_flips(temperature, samples), worlds)


# --- the tail ------------------------------------------------------------------------------------------------------


def by_max_t(base: NDArray[np.float64], human: NDArray[np.int64], drop: float, samples: int) -> Found:
    left = np.where(np.cumsum(base) > 1 - drop, 0.0, 1.0)

    def found(items: int, worlds: int, generator: np.random.Generator) -> float:
        alarms = []
        for seed in range(worlds):
            mixture = generator.gamma(600 * base, size=(items, base.size))
            one, other = (outputs_of(drawn(generator, mixture * kept, samples)) for kept in (1.0, left))
            alarms.append(compare_tails(one, other, human, seed=seed).p <= LEVEL)
        return float(np.mean(alarms))

    return found


def tail_cases(worlds: int, generator: np.random.Generator) -> Iterator[Case]:
    base = np.arange(1, CELLS + 1) ** -1.05
    base /= base.sum()
    human = generator.multinomial(6_000, base)
    for drop, samples in ((0.1, 4), (0.05, 4), (0.1, 10)):
        plan = plan_tail(human, drop=drop, samples=samples, worlds=worlds)
        yield Case(f"tail cut, {100 * drop:g} %", plan, by_max_t(base, human, drop, samples), worlds)


# --- the table -----------------------------------------------------------------------------------------------------


def simulated_need(case: Case, generator: np.random.Generator) -> tuple[float, float, float]:
    """Power at the plan, items needed, and their standard error."""
    items = np.array([max(5, round(part * case.plan.items)) for part in AROUND])
    powers = np.array([case.found(int(count), case.worlds, generator) for count in items])
    clipped = np.clip(powers, 0.5 / case.worlds, 1 - 0.5 / case.worlds)
    quantiles = np.array([NormalDist().inv_cdf(float(power)) for power in clipped])
    slope, start = np.polyfit(np.sqrt(items), quantiles, 1)
    aim = NormalDist().inv_cdf(POWER)
    root = (aim - start) / slope
    # of one quantile, by the delta method; three share the error of their line
    error = np.sqrt(POWER * (1 - POWER) / case.worlds / len(items)) / NormalDist().pdf(aim) / slope
    return float(powers[1]), float(root**2), float(2 * root * error)


def cells(case: Case, power: float, need: float, error: float) -> Iterator[str]:
    plan, spread = case.plan, np.sqrt(power * (1 - power) / case.worlds)
    yield f"| {plan.test} | {case.name} | {plan.samples} | {plan.items} | {power:.3f} ± {spread:.3f}"
    yield f"| {need:.0f} ± {error:.0f} | {plan.items / need:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    generator = np.random.default_rng(given.seed)
    started = time.process_time()
    print("| test | world | answers | plan: items | power at plan | need, simulated | plan / need |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for cases in (
        accuracy_cases(given.worlds),
        diversity_cases(given.worlds, generator),
        tail_cases(given.worlds, generator),
    ):
        for case in cases:
            power, need, error = simulated_need(case, generator)
            print(" ".join(cells(case, power, need, error)), flush=True)
    print(f"{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
