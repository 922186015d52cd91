"""How often the tests of tails and trends cry wolf, what they find, how often intervals cover: worlds of known truth.

    python benchmarks/watch/tails.py                       # about three CPU-minutes
    python benchmarks/watch/tails.py --worlds 200          # the same, small

Tails. 1,500 cells of mass proportional to rank^-1.05; each prompt has a mix of its own, Gamma(600 x mass); 6,000 human
items, one a prompt. Both versions answer the same prompts several times. Damages of the second version: the rarest
cells with 5 or 10 % of the mass cut away, all masses to the power of 1 / temperature. Columns: shares of worlds with an
adjusted p-value of at most .05 (maxT), with that of each figure alone, and how often the 95 % interval of its change
covers the truth: 0 without damage, else the mean change over worlds.

Trends. Items of a difficulty of their own, answered once by each of six members of a family whose true accuracy
follows the given curve. Columns: shares of worlds with each verdict; `naive U`: two lines broken at the lowest
mean, without correction. A verdict that the curve does not have is a false one.
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.generation_tails import FIGURES, TailComparison, compare_tails, outputs_of
from wellkeeper.measure.ordered_trend import SHAPES, ordered_trend

Shares = NDArray[np.float64]

CELLS, EXPONENT, CONCENTRATION, HUMAN = 1_500, 1.05, 600, 6_000
LEVEL = 0.05

NULLS = ((20, 4), (50, 4), (200, 4))
POWERS = ((100, 4), (200, 4))

CURVES = {
    "flat": (0.6, 0.6, 0.6, 0.6, 0.6, 0.6),
    "rises by 5 points": (0.6, 0.61, 0.62, 0.63, 0.64, 0.65),
    "rises, then flat": (0.5, 0.55, 0.6, 0.6, 0.6, 0.6),
    "falls by 5 points": (0.65, 0.64, 0.63, 0.62, 0.61, 0.6),
    "falls, then flat": (0.7, 0.65, 0.6, 0.6, 0.6, 0.6),
    "U, 8 points deep": (0.68, 0.64, 0.6, 0.62, 0.65, 0.68),
    "inverted U, 8 points": (0.6, 0.64, 0.68, 0.66, 0.63, 0.6),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2_000, help="without damage; a tenth of it with each")
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("damage           prompts   worlds   maxT   found by " + ", ".join(FIGURES) + "; intervals; CPU-s")
    for prompts, outputs in NULLS:
        _tails("none", prompts, outputs, arguments.worlds, arguments.permutations, arguments.seed)
    for damage in ("tail cut, 5 %", "tail cut, 10 %", "temperature .95", "temperature .9"):
        for prompts, outputs in POWERS:
            _tails(damage, prompts, outputs, arguments.worlds // 10, arguments.permutations, arguments.seed)
    print("\ncurve                  items     worlds  " + "  ".join((*SHAPES, "none", "naive U", "CPU-s")))
    for curve in CURVES:
        for items, each in ((20, 1), (500, 1)):
            many = arguments.worlds // (1 if curve == "flat" else 5)
            _trends(curve, items, each, many, arguments.seed)


def _tails(damage: str, prompts: int, outputs: int, worlds: int, permutations: int, seed: int) -> None:
    base = 1 / np.arange(1, CELLS + 1) ** EXPONENT
    base /= base.sum()
    ratio = damaged(base, damage) / base
    begun = time.process_time()
    found = []
    for number in range(worlds):
        rng = np.random.default_rng([seed, number])
        mixes = rng.standard_gamma(CONCENTRATION * base, (prompts, CELLS))
        first, second = (outputs_of(answers(masses, outputs, rng)) for masses in (mixes, mixes * ratio))
        human = rng.multinomial(HUMAN, base)
        found.append(compare_tails(first, second, human, seed=number, permutations=permutations, halvings=0))
    alone = [np.mean([one.changes[at].p_alone <= LEVEL for one in found]) for at in range(len(FIGURES))]
    covered = [coverage(found, at, null=damage == "none") for at in range(len(FIGURES))]
    print(
        f"{damage:16} {prompts:4} x {outputs:<3} {worlds:6,}  {np.mean([one.p <= LEVEL for one in found]):.3f} "
        f"  {_row(alone)}   {_row(covered)}   {time.process_time() - begun:.0f}",
        flush=True,
    )


def _row(shares: Sequence[float]) -> str:
    return " ".join(f"{share:.3f}" for share in shares)


def damaged(base: Shares, damage: str) -> Shares:
    if damage.startswith("tail cut"):
        cut = float(damage.split()[-2]) / 100
        left = np.where(np.cumsum(base) > 1 - cut, 0.0, base)
    elif damage.startswith("temperature"):
        left = base ** (1 / float(damage.removeprefix("temperature ")))
    else:
        left = base
    return left / left.sum()


def answers(masses: Shares, many: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Cells of `many` outputs to each prompt, shape (prompts, many), from masses of shape (prompts, cells)."""
    ends = np.cumsum(masses, axis=1)
    ends /= ends[:, -1:]
    rows = np.arange(len(masses))[:, None]
    found = np.searchsorted((ends + rows).ravel(), (rng.random((len(masses), many)) + rows).ravel())
    return found.reshape(-1, many) - rows * masses.shape[1]


def coverage(found: list[TailComparison], at: int, *, null: bool) -> float:
    changes = [one.changes[at] for one in found]
    truth = 0.0 if null else float(np.mean([change.second - change.first for change in changes]))
    return float(
        np.mean(
            [change.change is None or change.change.low <= truth <= change.change.high for change in changes]
        )
    )


def _trends(curve: str, items: int, answers_each: int, worlds: int, seed: int) -> None:
    begun = time.process_time()
    verdicts: Counter[str] = Counter()
    naive = 0
    for number in range(worlds):
        scores = answered(CURVES[curve], items, answers_each, np.random.default_rng([seed, number]))
        verdicts[ordered_trend(scores, seed=number, flips=999).verdict] += 1
        naive += naive_u(scores)
    shares = [verdicts[shape] / worlds for shape in (*SHAPES, "none")]
    print(
        f"{curve:22} {items:4} x {answers_each} {worlds:6,}  {_row([*shares, naive / worlds])}"
        f"   {time.process_time() - begun:.0f}",
        flush=True,
    )


def answered(curve: tuple[float, ...], items: int, each: int, rng: np.random.Generator) -> Shares:
    """Scores, shape (items, members): an item is easier by Normal(0, 2) on the logit scale."""
    difficulty = rng.normal(0, 2, (items, 1))
    chance = 1 / (1 + np.exp(-(difficulty + _shift(curve))))
    return rng.binomial(each, chance) / each


def _shift(curve: tuple[float, ...]) -> Shares:
    """What to add on the logit scale so that means over items are those of the curve."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    found = []
    for wanted in curve:
        low, high = -8.0, 8.0
        for _ in range(40):
            middle = (low + high) / 2
            mean = float(weights @ (1 / (1 + np.exp(-(2 * nodes + middle)))) / math.sqrt(2 * math.pi))
            low, high = (middle, high) if mean < wanted else (low, middle)
        found.append(low)
    return np.array(found)


def naive_u(scores: Shares) -> bool:
    """Two lines broken at the lowest mean, each with a one-sided normal test, as if the break had been known."""
    at = int(np.argmin(scores.mean(axis=0)))
    if at in {0, scores.shape[1] - 1}:
        return False
    found = []
    for part, sign in ((scores[:, : at + 1], -1), (scores[:, at:], 1)):
        places = np.arange(part.shape[1]) - (part.shape[1] - 1) / 2
        slopes = sign * (part @ places)
        found.append(slopes.sum() > 1.645 * slopes.std(ddof=1) * math.sqrt(len(slopes)))
    return all(found)


if __name__ == "__main__":
    main()
