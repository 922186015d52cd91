"""The oldest results on models of models, where theory is exact: normal distributions, frequencies, Zipf's tail."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab import n_eff, theory
from wellkeeper.lab.checking import Check, Materials, Row, by_error, near, within
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import World
from wellkeeper.lab.worlds.categorical import CategoricalWorld, missing_of_all, missing_of_cut, zipf
from wellkeeper.lab.worlds.gaussian import GaussianWorld

Floats = NDArray[np.float64]


def stationary(_: Materials, *, replicates: int = 8) -> Sequence[Row]:
    """n_eff / n that human data hold for ever, read from the types that are alive after 60 to 80 generations."""
    size, last, settled = 20_000, 80, 60
    probabilities = zipf(10_000, 1.0)
    world = CategoricalWorld(replicates=replicates, probabilities=probabilities)
    rows = []
    for text, target in (
        ("fresh=0.1", n_eff.limit(0.1, fresh=True)),
        ("fixed=0.1", n_eff.limit(0.1, fresh=False)),
    ):
        run = generations(world, Policy.parse(text), size=size, count=last, seed=0)
        alive = [generation.figures["types"].mean() for generation in run if generation.number >= settled]
        found = _share_of(float(np.mean(alive)), probabilities, size)
        rows.append(within(f"n_eff / n under {text}", found, target, share=0.02))
    return rows


def _share_of(types: float, probabilities: Floats, size: int) -> float:
    """The c at which a fresh human sample of n c items has this many types."""
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        alive, _lost = theory.surviving(probabilities, size, np.array([middle]))
        low, high = (middle, high) if alive[0] < types else (low, middle)
    return high


def gaussian(_: Materials, *, replicates: int = 20_000) -> Sequence[Row]:
    """Variance, its logarithm and errors of normal models; to first order W2^2 is 1.5 t / n (Shumailov et al. 2024)."""
    size, last = 50, 99
    replace = Policy()
    likeliest = GaussianWorld(replicates=replicates)
    unbiased = GaussianWorld(replicates=replicates, estimator="unbiased")
    narrowed = float(theory.normal_line(replace, size, last).log_variance[-1])
    drifted = float(theory.normal_line(replace, size, last, unbiased=True).log_variance[-1])
    ends = _end(likeliest, replace, size, last)
    rows = [
        _mean("maximum likelihood: E ln variance, n = 50, 100 fits", ends["log_variance"], narrowed),
        _mean("the same: squared error of the mean", ends["squared_error"], 1 - theory.replaced(size, last)),
    ]
    ends = _end(unbiased, replace, size, last)
    rows += [
        _mean("unbiased: E ln variance, n = 50, 100 fits", ends["log_variance"], drifted),
        _mean("the same: squared error of the mean", ends["squared_error"], (last + 1) / size),
    ]
    far = _average(_end(unbiased, replace, 1_000, 9)["wasserstein"])
    rows.append(
        within(
            "unbiased: squared Wasserstein distance, n = 1,000, 10 fits", far, 1.5 * 10 / 1_000, share=0.03
        )
    )
    ends = _end(likeliest, Policy.parse("accumulate"), 10, last)
    rows.append(
        _mean("accumulate: variance, n = 10, 100 fits", ends["variance"], theory.accumulated(10, last))
    )
    return rows


def tails(_: Materials, *, replicates: int = 20) -> Sequence[Row]:
    """Slopes of missing mass by sample size, and of its floor by where the tail is cut, in logarithms."""
    rows = []
    sizes = np.geomspace(10_000, 1_000_000, 9).round().astype(np.int64)
    cuts = np.array([30, 100, 300, 1_000])
    enough = np.array([10**9])  # draws of a cut tail: all of its types are seen
    for exponent in (1.5, 2.0):
        missing = np.mean(
            [
                missing_of_all(exponent, sizes, stream(0, "tails", exponent, replicate))
                for replicate in range(replicates)
            ],
            axis=0,
        )
        found = _slope(sizes, missing)
        rows.append(
            near(
                f"missing mass by size, exponent {exponent:g}",
                found,
                theory.missing_mass_slope(exponent),
                by=0.01,
            )
        )
        floors = [
            missing_of_cut(exponent, int(cut), enough, stream(0, "floors", exponent, cut))[0] for cut in cuts
        ]
        # Types 1 to k are those below k + 1/2.
        found = _slope(cuts + 0.5, np.array(floors))
        rows.append(near(f"floor by cut, exponent {exponent:g}", found, theory.cut_slope(exponent), by=0.01))
    return rows


def wright_fisher(_: Materials, *, replicates: int = 4_000) -> Sequence[Row]:
    """Heterozygosity and Seddik's S of frequencies that are drawn again and again."""
    probabilities = zipf(50, 1.0)
    agree = float(probabilities @ probabilities)
    world = CategoricalWorld(replicates=replicates, probabilities=probabilities)
    equal = CategoricalWorld(replicates=replicates, probabilities=zipf(5, 0.0))
    drawn = _end(world, Policy(), 100, 99)["heterozygosity"]
    agreed = _end(world, Policy(), 50, 19)["agreement"]
    kept = _end(equal, Policy.parse("accumulate"), 10, 99)["heterozygosity"]
    left = (1 - agree) * theory.replaced(100, 99)
    return (
        _mean("heterozygosity, 50 types, n = 100, 100 draws", drawn, left),
        _mean("Seddik's S, 50 types, n = 50, 20 draws", agreed, theory.agreement(agree, 50, 19)),
        _mean(
            "accumulate: heterozygosity, 5 types, n = 10, 100 draws", kept, 0.8 * theory.accumulated(10, 99)
        ),
    )


def _end(world: World[Any, Any], policy: Policy, size: int, last: int) -> dict[str, Floats]:
    """Figures of the last generation, each of shape (replicates,)."""
    *_, end = generations(world, policy, size=size, count=last, seed=0)
    return dict(end.figures)


def _mean(name: str, values: Floats, target: float) -> Row:
    return by_error(name, _average(values), target, float(values.std(ddof=1)) / values.size**0.5)


def _average(values: Floats) -> float:
    return float(values.mean())


def _slope(places: NDArray[Any], values: Floats) -> float:
    """Of a line through logarithms, by least squares."""
    across = np.log(places) - np.log(places).mean()
    return float(across @ np.log(values) / (across @ across))


CHECKS = (
    Check(
        number=2,
        name="What human data hold for ever",
        source="derived: lab.n_eff; Alemohammad et al. 2024 (fresh data loop)",
        run=stationary,
    ),
    Check(
        number=4,
        name="A normal distribution fitted to its own samples",
        source="Shumailov et al. 2024; Gerstgrasser et al. 2024; Kazdan et al. 2024",
        run=gaussian,
    ),
    Check(number=9, name="A tale of tails", source="Dohmatob et al. 2024", run=tails),
    Check(
        number=13,
        name="Frequencies drawn again: heterozygosity and Seddik's S",
        source="Ewens 2004, section 3.2; Seddik et al. 2024",
        run=wright_fisher,
    ),
)
