"""A kernel density estimate, sampled and estimated again: the model whose variance grows.

A sample of a kernel density estimate is a resample of its data with noise of the bandwidth. Resampling loses one part
in n of the variance, the noise adds the squared bandwidth, and the two meet at n h^2: above 1, generations blur instead
of narrowing [1].

[1] Kazdan et al., Collapse or thrive?, arXiv 2410.16713: normal kernels, bandwidths .1, .5 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab import theory
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.world import Figures
from wellkeeper.lab.worlds._decoding import refuse
from wellkeeper.lab.worlds._observed import Observations, Observed

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelDensityWorld(Observed):
    """People draw from the standard normal distribution; a model is its data, each with a normal kernel around it.

    Raises:
        RecipeError: the bandwidth is out of its range.
    """

    replicates: int
    bandwidth: float = 0.2  # in standard deviations of the population
    name: str = "kernel-density"

    def __post_init__(self) -> None:
        check_range("bandwidth", self.bandwidth, 0)

    def human(self, first: int, size: int, random: np.random.Generator) -> Observations:  # noqa: ARG002
        return random.standard_normal((self.replicates, size))

    def fit(self, data: Observations, random: np.random.Generator) -> Observations:  # noqa: ARG002
        return data

    def sample(
        self, model: Observations, size: int, decoding: Decoding, random: np.random.Generator
    ) -> Observations:
        refuse(self.name, decoding)
        centres = random.integers(model.shape[1], size=(self.replicates, size))
        noise = random.standard_normal(centres.shape)
        return np.add(np.take_along_axis(model, centres, axis=1), self.bandwidth * noise)

    def figures(self, data: Observations, model: Observations) -> Figures:  # noqa: ARG002
        variance = model.var(axis=1) + self.bandwidth**2
        with np.errstate(divide="ignore"):  # data that are all one, without a bandwidth
            log_variance = np.log(variance)
        return {
            "variance": variance,
            "log_variance": log_variance,
            "squared_error": model.mean(axis=1) ** 2,
        }


def _world(
    replicates: int,
    corpus: HumanText | None,  # noqa: ARG001 - it has no text
    seed: int,  # noqa: ARG001 - generations bring their own random numbers
    *,
    bandwidth: float,
) -> KernelDensityWorld:
    return KernelDensityWorld(replicates=replicates, bandwidth=bandwidth)


def _theory(policy: Policy, size: int, generations: int, settings: Mapping[str, Any]) -> Mapping[str, Floats]:
    if not theory.has_moments(policy):
        return {}
    second = theory.moments(policy, size, generations, added=settings["bandwidth"] ** 2)
    return {"variance": second.variance, "squared_error": second.squared_error}


EXPERIMENT = Experiment(
    name="kernel-density",
    title="A kernel density estimated from its own samples",
    paper="Kazdan et al. 2024",
    regime="closed form",
    about=(
        "Not every collapse narrows. A kernel density adds its squared bandwidth to the variance each time, and under "
        "replace the variance tends to the size times that square, whatever people's was. A model of text that "
        "smooths does the same to words."
    ),
    figures=(
        Figure(name="variance", title="Variance of the model", unit="population variances", log=True),
        Figure(name="log_variance", title="Logarithm of the variance"),
        Figure(
            name="squared_error", title="Squared error of the mean", unit="population variances", worse="up"
        ),
    ),
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=100,
    generations=50,
    replicates=300,
    settings=(
        Setting(
            name="bandwidth", value=0.2, help="of the normal kernel, in standard deviations of the population"
        ),
    ),
    world=_world,
    theory=_theory,
)
