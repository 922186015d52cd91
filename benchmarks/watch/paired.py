"""How often paired tests of two versions cry wolf, what they find, and how often their intervals cover.

    python benchmarks/watch/paired.py                                # one or two CPU-minutes
    python benchmarks/watch/paired.py --worlds 200 --damaged 100     # the same, small

Diversity: each prompt has 200 answers of Zipf's law with an exponent of its own, uniform in (.6, 2.2); version B
samples at a temperature, which changes the mean share of unlike pairs by so many points. `pooled pairs` is common
practice: all pairs of a version are observations of an unpaired t-test. `Welch` takes prompts, but forgets which.

Accuracy: an item is solved with a chance from Beta(.7 c, .3 c), c = .5 "greedy" or 2 "sampled", so that 70 % are;
version B's chance is lower by a factor. `unpaired z` compares two accuracies by their own standard errors, `exact` is
McNemar's exact test.

Rare harm: a share of prompts loses all its diversity and no other changes.

Columns: `worse`, share of worlds with p <= .05, without a change the rate of false alarms; `covered`, share of 95 %
intervals that hold the mean change over all prompts or items; `cleared`, share of worlds in which a margin as large as
the true harm is said not to be lost: false as well.
"""

import argparse
import math
import time
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.paired_answers import accuracy_change, mcnemar_exact
from wellkeeper.measure.paired_diversity import diversity_change, unlike_share
from wellkeeper.measure.verdicts import PairedChange

LEVEL = 0.05
ANSWERS = 200
EXPONENTS = 0.6, 2.2
ACCURACY = 0.7

Numbers = NDArray[np.float64]
Rates = dict[str, float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Prompts, each answered so many times by both versions."""

    prompts: int
    generations: int
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class Test:
    """Items, each answered so many times; `drop` is how many points of accuracy version B lost."""

    items: int
    answers: int
    concentration: float
    drop: float = 0.0


NULL_SAMPLINGS = [Sampling(10, 4), Sampling(20, 8), Sampling(50, 4), Sampling(100, 8)]
COLDER = [
    Sampling(20, 4, 0.8),
    Sampling(50, 4, 0.8),
    Sampling(50, 4, 0.795),
    Sampling(100, 4, 0.9),
    Sampling(100, 8, 0.9),
    Sampling(200, 4, 0.9),
    Sampling(100, 8, 0.95),
]
NULL_TESTS = [
    Test(items, k, c) for items, k in ((20, 1), (100, 1), (500, 1), (20, 4), (100, 4)) for c in (0.5, 2)
]
LOSSES = [
    Test(items, k, c, drop)
    for items, k, drop in ((500, 1, 0.05), (2000, 1, 0.02), (1000, 4, 0.02))
    for c in (0.5, 2)
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2_000, help="worlds without a change, of each design")
    parser.add_argument("--damaged", type=int, default=2_000, help="worlds with each change")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun = time.process_time()
    for name, designs, rates in (
        ("diversity, no change", NULL_SAMPLINGS, diversity_rates),
        ("diversity, colder", COLDER, diversity_rates),
        ("accuracy, no change", NULL_TESTS, accuracy_rates),
        ("accuracy, lost", LOSSES, accuracy_rates),
        ("rare harm, all or nothing", RARE, rare_rates),
    ):
        print(f"\n{name}")
        for design in designs:
            worlds = arguments.worlds if "no change" in name else arguments.damaged
            found = rates(design, worlds, arguments.seed)
            print(f"  {_label(design):44}", "  ".join(f"{rate} {value:.3f}" for rate, value in found.items()))
    print(f"\n{time.process_time() - begun:.0f} CPU-s")


def diversity_rates(design: Sampling, worlds: int, seed: int) -> Rates:
    rng = np.random.default_rng([seed, design.prompts, design.generations, round(design.temperature * 1000)])
    truth = true_change(design.temperature)
    found, others = [], []
    for world in range(worlds):
        exponents = rng.uniform(*EXPONENTS, design.prompts)
        labels = [sampled(exponents / t, design.generations, rng) for t in (1.0, design.temperature)]
        shares = [unlike_share(table) for table in labels]
        found.append(diversity_change(*shares, margin=max(-truth, 0.02), seed=world))
        others.append(_unpaired(shares, design.generations))
    rates = _rates(found, truth)
    for name, p in zip(("pooled pairs", "Welch"), np.transpose(others), strict=True):
        rates[name] = float(np.mean(p <= LEVEL))
    return {"points": 100 * truth, **rates}


def sampled(exponents: Numbers, generations: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Answers of each prompt, shape (prompts, generations); a temperature divides the exponent."""
    cumulated = _zipf(exponents).cumsum(axis=1)
    drawn = rng.random((exponents.size, generations))
    rows = zip(cumulated, drawn, strict=True)
    return np.stack([np.searchsorted(row, values * row[-1]) for row, values in rows])


def true_change(temperature: float) -> float:
    """The mean change in the share of unlike pairs over all prompts."""
    low, high = EXPONENTS
    exponents = np.linspace(low, high, 4001)
    alike = [np.sum(_zipf(exponents / t) ** 2, axis=1).mean() for t in (1.0, temperature)]
    return float(alike[0] - alike[1])


def _zipf(exponents: Numbers) -> Numbers:
    masses = np.arange(1, ANSWERS + 1) ** -exponents[:, None]
    return masses / masses.sum(axis=1, keepdims=True)


def _unpaired(shares: list[Numbers], generations: int) -> tuple[float, float]:
    """One-sided p-values of pooled pairs and of Welch's test, both by the normal distribution."""
    before, after = shares
    pairs = before.size * generations * (generations - 1) // 2
    pooled = sum(share.mean() * (1 - share.mean()) / pairs for share in shares)
    welch = sum(share.var(ddof=1) / share.size for share in shares)
    distance = float(after.mean() - before.mean())
    return _below(distance, pooled), _below(distance, welch)


def accuracy_rates(design: Test, worlds: int, seed: int) -> Rates:
    rng = np.random.default_rng([seed, design.items, design.answers, round(100 * design.concentration)])
    found, unpaired, exact = [], [], []
    for _ in range(worlds):
        before, after = answered(design, rng)
        found.append(accuracy_change(before, after, margin=design.drop or 0.02))
        means = before.mean(axis=1), after.mean(axis=1)
        variance = sum(mean.var(ddof=1) / mean.size for mean in means)
        unpaired.append(_below(float(means[1].mean() - means[0].mean()), variance))
        lost, gained = (int(np.sum(means[one] > means[1 - one])) for one in (0, 1))
        exact.append(mcnemar_exact(lost, gained))
    rates = _rates(found, -design.drop)
    rates["unpaired z"] = float(np.mean(np.array(unpaired) <= LEVEL))
    if design.answers == 1:
        rates["exact"] = float(np.mean(np.array(exact) <= LEVEL))
    return rates


def answered(design: Test, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right or wrong, shape (items, answers), of both versions."""
    c = design.concentration
    chance = rng.beta(ACCURACY * c, (1 - ACCURACY) * c, design.items)[:, None]
    shape = design.items, design.answers
    return rng.random(shape) < chance, rng.random(shape) < chance * (1 - design.drop / ACCURACY)


RARE: list[tuple[int, float]] = [(20, 0.05), (50, 0.05), (100, 0.05), (200, 0.05), (200, 0.02), (500, 0.02)]


def rare_rates(design: tuple[int, float], worlds: int, seed: int) -> Rates:
    prompts, harmed = design
    rng = np.random.default_rng([seed, prompts, round(1000 * harmed)])
    found = []
    for world in range(worlds):
        before = np.ones(prompts)
        found.append(
            diversity_change(before, before * (rng.random(prompts) >= harmed), margin=harmed, seed=world)
        )
    return _rates(found, -harmed)


def _rates(found: list[PairedChange], truth: float) -> Rates:
    intervals = [change.change for change in found]
    rates = {
        "worse": float(np.mean([change.p <= LEVEL for change in found])),
        "covered": float(np.mean([one.low - 1e-12 <= truth <= one.high + 1e-12 for one in intervals])),
    }
    if truth < 0:
        rates["cleared"] = float(np.mean([change.p_margin <= LEVEL for change in found]))
    return rates


def _below(distance: float, variance: float) -> float:
    if variance == 0:
        return float(distance >= 0)
    return NormalDist().cdf(distance / math.sqrt(variance))


def _label(design: Sampling | Test | tuple[int, float]) -> str:
    if isinstance(design, Sampling):
        return f"{design.prompts} x {design.generations}, temperature {design.temperature}"
    if isinstance(design, Test):
        kind = "greedy" if design.concentration < 1 else "sampled"
        return f"{design.items:,} x {design.answers}, {kind}, {100 * design.drop:.0f} points lost"
    return f"{design[0]} prompts, {design[1]:.0%} of them"


if __name__ == "__main__":
    main()
