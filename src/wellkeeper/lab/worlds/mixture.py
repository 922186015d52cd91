"""A mixture of normal distributions, fitted by expectation maximisation to its own samples [1].

EM keeps the mean and the variance of what it is fitted to, so that the mixture as a whole fares as one normal
distribution does. Within it, components drift, narrow, and one of them eats the other.

[1] Shumailov et al., AI models collapse when trained on recursively generated data, Nature 631 (2024) 755; their code
    stops EM at a gain below 1e-5 nats an observation, as scikit-learn's GaussianMixture, or after 2,000 steps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab import theory
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.world import Figures
from wellkeeper.lab.worlds._decoding import refuse
from wellkeeper.lab.worlds._mixture_fit import fit_mixtures
from wellkeeper.lab.worlds._observed import Observations, Observed

Floats: TypeAlias = NDArray[np.float64]

TOLERANCE = 1e-5  # of [1]
MOST_STEPS = 2_000  # of [1]
LEAST_VARIANCE = 1e-6
"""Of a component: one that holds a single observation would be infinitely likely. As scikit-learn's reg_covar."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture:
    """A mixture for each replicate, each of shape (replicates, components)."""

    weights: Floats  # each row sums to 1
    means: Floats
    variances: Floats

    @property
    def mean(self) -> Floats:
        """Of the whole, shape (replicates,)."""
        found: Floats = (self.weights * self.means).sum(axis=1)
        return found

    @property
    def variance(self) -> Floats:
        """Of the whole, shape (replicates,)."""
        apart = self.means - self.mean[:, None]
        found: Floats = (self.weights * (self.variances + apart**2)).sum(axis=1)
        return found

    def log_density(self, places: Floats) -> Floats:
        """At each place, shape (replicates, places)."""
        apart = places[None, :, None] - self.means[:, None, :]
        variances = self.variances[:, None, :]
        with np.errstate(divide="ignore"):  # a component without weight
            parts = np.log(self.weights)[:, None, :] - 0.5 * (
                np.log(2 * np.pi * variances) + apart**2 / variances
            )
        found: Floats = np.logaddexp.reduce(parts, axis=2)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureWorld(Observed):
    """People draw from equal normal components whose means lie `apart` deviations of one from each other.

    Raises:
        RecipeError: there is no component, or a number is out of its range.
    """

    replicates: int
    components: int = 2
    apart: float = 4.0  # between the means of neighbours
    deviation: float = 0.7  # standard deviation of each component
    tolerance: float = TOLERANCE
    name: str = "mixture"

    def __post_init__(self) -> None:
        if self.components < 1:
            raise RecipeError(f"A mixture of {self.components} components is none. Give at least 1.")
        check_range("apart", self.apart, 0)
        check_range("deviation", self.deviation, math.sqrt(LEAST_VARIANCE))

    @property
    def population(self) -> Mixture:
        """Of people, with one row."""
        weights = np.full((1, self.components), 1 / self.components)
        places = np.arange(self.components, dtype=np.float64) - (self.components - 1) / 2
        return Mixture(
            weights=weights,
            means=self.apart * places[None, :],
            variances=np.full_like(weights, self.deviation**2),
        )

    def human(self, first: int, size: int, random: np.random.Generator) -> Observations:  # noqa: ARG002
        return self._drawn(self.population, size, random)

    def fit(self, data: Observations, random: np.random.Generator) -> Mixture:  # noqa: ARG002
        """Expectation maximisation from as many equal groups of neighbours as there are components."""
        if data.shape[1] < 2 * self.components:
            raise RecipeError(
                f"{self.components} components cannot be fitted to {data.shape[1]} observations. "
                f"Give a size of {2 * self.components} or more."
            )
        groups = np.array_split(np.sort(data, axis=1), self.components, axis=1)
        means = np.stack([group.mean(axis=1) for group in groups], axis=1)
        variances = np.stack([group.var(axis=1) for group in groups], axis=1)
        return fitted(data, means, variances, tolerance=self.tolerance)

    def sample(
        self, model: Mixture, size: int, decoding: Decoding, random: np.random.Generator
    ) -> Observations:
        refuse(self.name, decoding)
        return self._drawn(model, size, random)

    def _drawn(self, mixture: Mixture, size: int, random: np.random.Generator) -> Observations:
        uniform = random.random((self.replicates, size))
        bounds = np.cumsum(mixture.weights, axis=1)
        component = np.zeros((self.replicates, size), np.int64)
        for k in range(self.components - 1):  # the last bound is 1, save for rounding
            component += uniform >= bounds[:, k, None]
        rows = np.broadcast_to(mixture.means, (self.replicates, self.components))
        deviations = np.broadcast_to(np.sqrt(mixture.variances), rows.shape)
        means = np.take_along_axis(rows, component, axis=1)
        spread = np.take_along_axis(deviations, component, axis=1)
        return np.add(means, spread * random.standard_normal(component.shape))

    def figures(self, data: Observations, model: Mixture) -> Figures:  # noqa: ARG002
        population = self.population
        whole = population.variance
        places = population.means.T + np.sqrt(population.variances).T * _NODES
        surprise = -model.log_density(places.ravel()).reshape(self.replicates, *places.shape) @ _WEIGHTS
        return {
            "variance": model.variance / whole,
            "squared_error": model.mean**2 / whole,
            "deviation": np.sqrt(model.variances).mean(axis=1),
            "least_weight": model.weights.min(axis=1),
            "surprise": surprise @ population.weights[0],
        }


def fitted(data: Observations, means: Floats, variances: Floats, *, tolerance: float) -> Mixture:
    """The mixture that expectation maximisation finds from equal weights and these means and variances.

    Args:
        data: shape (replicates, observations).
        means: of components, shape (replicates, components).
        variances: of components, of the same shape.
        tolerance: gain of log likelihood in nats an observation, below which it stops.
    """
    components = means.shape[1]
    weights = np.full(means.shape, 1 / components)
    means, variances = means.copy(), np.maximum(variances, LEAST_VARIANCE)
    steps = np.zeros(len(data), np.int64)
    fit_mixtures(
        np.ascontiguousarray(data),
        tolerance,
        MOST_STEPS,
        LEAST_VARIANCE,
        np.empty((6, components)),
        weights,
        means,
        variances,
        steps,
    )
    return Mixture(weights=weights, means=means, variances=variances)


def _world(
    replicates: int,
    corpus: HumanText | None,  # noqa: ARG001 - it has no text
    seed: int,  # noqa: ARG001 - generations bring their own random numbers
    *,
    components: int,
    apart: float,
    deviation: float,
) -> MixtureWorld:
    return MixtureWorld(replicates=replicates, components=components, apart=apart, deviation=deviation)


def _theory(
    policy: Policy,
    size: int,
    generations: int,
    settings: Mapping[str, Any],  # noqa: ARG001 - shares of the population's variance hang on none of them
) -> Mapping[str, Floats]:
    if not theory.has_moments(policy):
        return {}
    second = theory.moments(policy, size, generations)
    return {"variance": second.variance, "squared_error": second.squared_error}


EXPERIMENT = Experiment(
    name="mixture",
    title="A mixture of normal distributions fitted to its own samples",
    paper="Shumailov et al. 2024",
    regime="closed form",
    about=(
        "Two groups of people, one model of both, fitted by expectation maximisation. Under replace the groups narrow "
        "and drift, and one grows at the other's cost. The variance of the whole follows the law of one normal "
        "distribution, since expectation maximisation keeps it; what happens within has no closed form."
    ),
    figures=(
        Figure(
            name="surprise", title="Surprise of human data under the model", unit="nats", worse="up", log=True
        ),
        Figure(
            name="variance",
            title="Variance of the whole",
            unit="population variances",
            worse="down",
            log=True,
        ),
        Figure(
            name="squared_error", title="Squared error of the mean", unit="population variances", worse="up"
        ),
        Figure(name="deviation", title="Standard deviation of a component", worse="down"),
        Figure(name="least_weight", title="Weight of the smallest component", worse="down"),
    ),
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=200,
    generations=30,
    replicates=200,
    settings=(
        Setting(name="components", value=2, help="groups of people, and components of the model"),
        Setting(name="apart", value=4.0, help="distance between the means of neighbouring groups"),
        Setting(name="deviation", value=0.7, help="standard deviation of each group"),
    ),
    world=_world,
    theory=_theory,
)
