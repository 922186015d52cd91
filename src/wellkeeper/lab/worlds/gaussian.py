"""A normal distribution, fitted and sampled again and again: the smallest model that collapses.

Its variance goes to nothing under `replace`, although its expectation need not move: with the unbiased estimator the
mean over runs says "no collapse" for ever, while the typical run, which the median and the mean logarithm tell, has
collapsed. Twenty thousand runs of a hundred generations take less than a second, since a normal sample is drawn by
what suffices to fit it: its mean, and its sum of squares, which is chi-squared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab import theory
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds._decoding import refuse

Floats: TypeAlias = NDArray[np.float64]
Estimator: TypeAlias = Literal["maximum-likelihood", "unbiased"]
"""Whether sums of squares are divided by the number of observations, or by one less."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Observations of each replicate by what suffices, each of shape (replicates,).

    Single observations are drawn only where a policy asks for them. Given their mean and their sum of squares, normal
    observations are uniform on a sphere, so that a direction is all that is missing.
    """

    size: int  # observations of each replicate
    mean: Floats
    squares: Floats  # sum of squared deviations from the mean
    key: int  # of the random numbers that direction comes from
    known: Floats | None = None  # shape (replicates, size): observations that were drawn already

    @classmethod
    def of(cls, observations: Floats) -> "Sample":
        """What suffices of known observations, shape (replicates, size)."""
        mean = observations.mean(axis=1)
        squares = ((observations - mean[:, None]) ** 2).sum(axis=1)
        return cls(size=observations.shape[1], mean=mean, squares=squares, key=0, known=observations)

    def observations(self) -> Floats:
        """Single observations, shape (replicates, size): the same at each call."""
        if self.known is not None:
            return self.known
        ways = stream(self.key, "observations").standard_normal((self.mean.size, self.size))
        ways -= ways.mean(axis=1, keepdims=True)
        lengths = (ways**2).sum(axis=1)
        scale = np.sqrt(np.divide(self.squares, lengths, out=np.zeros_like(lengths), where=self.squares > 0))
        found: Floats = self.mean[:, None] + scale[:, None] * ways
        return found


Data: TypeAlias = tuple[Sample, ...]  # one after the other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normal:
    """A normal distribution for each replicate, each of shape (replicates,)."""

    mean: Floats
    variance: Floats


def _together(one: Sample, other: Sample) -> Sample:
    """What suffices of both, pooled."""
    size = one.size + other.size
    apart = other.mean - one.mean
    return Sample(
        size=size,
        mean=one.mean + apart * (other.size / size),
        squares=one.squares + other.squares + apart**2 * (one.size * other.size / size),
        key=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianWorld:
    """People draw from the standard normal distribution; models are normal distributions.

    Raises:
        RecipeError: there is no such estimator.
    """

    replicates: int
    estimator: Estimator = "maximum-likelihood"
    name: str = "gaussian"

    def __post_init__(self) -> None:
        check_estimator(self.estimator)

    def human(self, first: int, size: int, random: np.random.Generator) -> Data:  # noqa: ARG002 - all are new
        return self._drawn(np.zeros(self.replicates), np.ones(self.replicates), size, random)

    def fit(self, data: Data, random: np.random.Generator) -> Normal:  # noqa: ARG002
        pooled = reduce(_together, data)
        divisor = pooled.size - 1 if self.estimator == "unbiased" else pooled.size
        if pooled.size < 2:
            raise RecipeError(
                "A variance needs 2 observations, and the training set has 1. Give a larger size."
            )
        return Normal(mean=pooled.mean, variance=pooled.squares / divisor)

    def sample(self, model: Normal, size: int, decoding: Decoding, random: np.random.Generator) -> Data:
        """A density to the power 1 / temperature is normal again, its variance times the temperature."""
        refuse(self.name, decoding, but=("temperature",))
        return self._drawn(model.mean, decoding.temperature * model.variance, size, random)

    def _drawn(self, mean: Floats, variance: Floats, size: int, random: np.random.Generator) -> Data:
        means = mean + np.sqrt(variance / size) * random.standard_normal(self.replicates)
        degrees = size - 1
        squares = (
            variance * random.chisquare(degrees, self.replicates) if degrees else np.zeros_like(variance)
        )
        return (Sample(size=size, mean=means, squares=squares, key=int(random.integers(1 << 62))),)

    def join(self, parts: Sequence[Data]) -> Data:
        return tuple(sample for part in parts for sample in part)

    def figures(self, data: Data, model: Normal) -> Figures:  # noqa: ARG002
        with np.errstate(divide="ignore"):  # a variance too small for a float
            log_variance = np.log(model.variance)
        squared_error = model.mean**2
        return {
            "variance": model.variance,
            "log_variance": log_variance,
            "squared_error": squared_error,
            "wasserstein": squared_error + (np.sqrt(model.variance) - 1) ** 2,
        }

    def surprise(self, model: Normal, data: Data) -> Floats:
        """Of a model at each observation, in nats, shape (replicates, units); without bound for a model of one value.

        The half that surprises most has 1.857 times the variance of the whole, the half that does so least .143 times:
        1 +- 4 q phi(q), q = .674 the upper quartile.
        """
        observations = np.concatenate([sample.observations() for sample in data], axis=1)
        variance = np.maximum(model.variance, np.finfo(np.float64).tiny)[:, None]
        with np.errstate(over="ignore"):
            squares = (observations - model.mean[:, None]) ** 2 / variance
        found: Floats = (np.log(2 * np.pi * variance) + squares) / 2
        return found

    def units(self, data: Data) -> int:
        return sum(sample.size for sample in data)

    def take(self, data: Data, chosen: NDArray[np.int64]) -> Data:
        observations = np.concatenate([sample.observations() for sample in data], axis=1)
        return (Sample.of(np.take_along_axis(observations, chosen, axis=1)),)

    def pack(self, data: Data) -> Arrays:
        arrays: dict[str, NDArray[Any]] = {
            "sizes": np.array([sample.size for sample in data]),
            "keys": np.array([sample.key for sample in data]),
            "means": np.stack([sample.mean for sample in data]),
            "squares": np.stack([sample.squares for sample in data]),
        }
        known = {
            f"known {place}": sample.known for place, sample in enumerate(data) if sample.known is not None
        }
        return arrays | known

    def unpack(self, arrays: Arrays) -> Data:
        columns = (arrays["sizes"].tolist(), arrays["keys"].tolist(), arrays["means"], arrays["squares"])
        return tuple(
            Sample(size=size, key=key, mean=mean, squares=squares, known=arrays.get(f"known {place}"))
            for place, (size, key, mean, squares) in enumerate(zip(*columns, strict=True))
        )


def check_estimator(estimator: str) -> None:
    """Refuse an estimator that is none.

    Raises:
        RecipeError: as said.
    """
    if estimator not in {"maximum-likelihood", "unbiased"}:
        raise RecipeError(f"There is no estimator {estimator!r}. Give maximum-likelihood or unbiased.")


def _world(
    replicates: int,
    corpus: HumanText | None,  # noqa: ARG001 - it has no text
    seed: int,  # noqa: ARG001 - generations bring their own random numbers
    *,
    estimator: Estimator,
) -> GaussianWorld:
    return GaussianWorld(replicates=replicates, estimator=estimator)


def _theory(policy: Policy, size: int, generations: int, settings: Mapping[str, Any]) -> Mapping[str, Floats]:
    if not theory.has_moments(policy):
        return {}
    unbiased = settings["estimator"] == "unbiased"
    second = theory.moments(policy, size, generations, unbiased=unbiased)
    found = {"variance": second.variance, "squared_error": second.squared_error}
    if theory.is_line(policy):
        line = theory.normal_line(policy, size, generations, unbiased=unbiased)
        found |= {"log_variance": line.log_variance, "wasserstein": line.wasserstein}
    return found


EXPERIMENT = Experiment(
    name="gaussian",
    title="A normal distribution fitted to its own samples",
    paper="Shumailov et al. 2024; Gerstgrasser et al. 2024; Kazdan et al. 2024",
    regime="closed form",
    about=(
        "Each model is a normal distribution fitted to draws from the one before. Under replace its variance dies out, "
        "generation by generation, and its mean drifts; human data in each training set hold both, and so does keeping "
        "what came before. Watch the median and the mean logarithm: the plain mean is carried by a few runs."
    ),
    figures=(
        Figure(
            name="variance",
            title="Variance of the model",
            unit="population variances",
            worse="down",
            log=True,
        ),
        Figure(name="log_variance", title="Logarithm of the variance", worse="down"),
        Figure(
            name="squared_error", title="Squared error of the mean", unit="population variances", worse="up"
        ),
        Figure(
            name="wasserstein",
            title="Squared Wasserstein distance to the population",
            unit="population variances",
            worse="up",
        ),
    ),
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=100,
    generations=50,
    replicates=500,
    settings=(
        Setting(
            name="estimator",
            value="maximum-likelihood",
            help="of the variance: maximum-likelihood divides by n, unbiased by n - 1",
        ),
    ),
    world=_world,
    theory=_theory,
)
