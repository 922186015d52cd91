"""Linear regression on its own labels: the world in which most of the theory of collapse is written [1, 2, 3].

Inputs are standard normal in `dimensions` dimensions, labels a linear function of them plus normal noise. A model is
the least-squares, or ridge, estimate of the coefficients; its labels are what it predicts plus noise of the same size.
The error of a model is the squared distance of its coefficients from the true ones, which is its excess test error.

Closed forms, with n observations and d dimensions, s2 the variance of the noise, e_t the error after t training sets:

    replace                     e_t = s2 t d / (n - d - 1)                                  inputs fresh or the same [1]
    accumulate, same inputs     e_t = s2 d / (n - d - 1) sum_{k <= t} 1 / k^2               below pi^2 / 6 times e_1 [1]
    accumulate, fresh inputs    e_t = s2 d sum_{k <= t} 1 / (k (k n - d - 1))               derived: `added`
    fresh human share           e_t = c e_{t-1} + s2 d / (n - d - 1)                        derived: `carried`
    ridge, replace              m1, m2, g of the Marchenko-Pastur law, as n and d grow      derived: `shrinkage`

[1] Gerstgrasser et al., Is model collapse inevitable?, arXiv 2404.01413.
[2] Dohmatob et al., Model collapse demystified: the case of regression, NeurIPS 2024.
[3] Kazdan et al., Collapse or thrive?, arXiv 2410.16713.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds._decoding import refuse

Coefficients: TypeAlias = NDArray[np.float64]  # shape (replicates, dimensions)
Inputs: TypeAlias = Literal["fresh", "same"]

DIMENSIONS = 20
SIZE = 60
"""Observations and dimensions as in the figures of Gerstgrasser et al. at our scale: a third as many dimensions."""
_LEAST_PIVOT = 1e-7
"""Beside the largest one, of the inputs' covariance; by rounding alone it is some 1e-8."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """Labelled inputs."""

    inputs: NDArray[np.float64]  # shape (replicates, observations, dimensions)
    labels: NDArray[np.float64]  # shape (replicates, observations)


@dataclass(slots=True, kw_only=True, eq=False)
class RegressionWorld:
    """Linear regression in all replicates at once; sizes are in observations.

    With the `same` inputs every model labels the inputs of the first observations anew, as in the proof of [1]; else
    each training set has inputs of its own. At temperature T a model's labels have T times the variance: the normal
    density to the power 1 / T.

    Raises:
        RecipeError: a setting makes no sense.
    """

    replicates: int
    dimensions: int = DIMENSIONS
    noise: float = 1.0  # standard deviation of labels around the truth
    signal: float = 1.0  # squared length of the true coefficients
    ridge: float = 0.0  # penalty, in units of the inputs' variance
    inputs: Inputs = "fresh"
    seed: int = 0
    name: str = "regression"

    def __post_init__(self) -> None:
        if self.inputs not in get_args(Inputs):
            raise RecipeError(f"inputs is {self.inputs!r}. Give fresh or same.")
        if self.dimensions < 1:
            raise RecipeError(f"dimensions is {self.dimensions}. Give at least 1.")
        for name, value in (("noise", self.noise), ("signal", self.signal), ("ridge", self.ridge)):
            check_range(name, value, 0)

    @property
    def truth(self) -> Coefficients:
        """The true coefficients; all directions are alike, so that one will do for every replicate."""
        return np.full((self.replicates, self.dimensions), math.sqrt(self.signal / self.dimensions))

    def human(self, first: int, size: int, random: np.random.Generator) -> Observations:
        return self._labelled(self.truth, first, size, self.noise, random)

    def sample(
        self, model: Coefficients, size: int, decoding: Decoding, random: np.random.Generator
    ) -> Observations:
        refuse(self.name, decoding, but=("temperature",))
        return self._labelled(model, 0, size, self.noise * math.sqrt(decoding.temperature), random)

    def _labelled(
        self, coefficients: Coefficients, first: int, size: int, noise: float, random: np.random.Generator
    ) -> Observations:
        inputs = self._inputs(first, size, random)
        labels = np.matmul(inputs, coefficients[:, :, None])[:, :, 0]
        labels += noise * random.standard_normal(labels.shape)
        return Observations(inputs=inputs, labels=labels)

    def _inputs(self, first: int, size: int, random: np.random.Generator) -> NDArray[np.float64]:
        if self.inputs == "fresh":
            return random.standard_normal((self.replicates, size, self.dimensions))
        # Places come first, so that a longer draw begins with the shorter one.
        places = stream(self.seed, self.name, "inputs").standard_normal(
            (first + size, self.replicates, self.dimensions)
        )
        return np.ascontiguousarray(places[first:].swapaxes(0, 1))

    def fit(self, data: Observations, random: np.random.Generator) -> Coefficients:  # noqa: ARG002
        return fitted(data, self.ridge)

    def join(self, parts: Sequence[Observations]) -> Observations:
        return Observations(
            inputs=np.concatenate([part.inputs for part in parts], axis=1),
            labels=np.concatenate([part.labels for part in parts], axis=1),
        )

    def figures(self, data: Observations, model: Coefficients) -> Figures:  # noqa: ARG002
        return {
            "error": np.square(model - self.truth).sum(axis=1),
            "length": np.square(model).sum(axis=1),
        }

    def pack(self, data: Observations) -> Arrays:
        return {"inputs": data.inputs, "labels": data.labels}

    def unpack(self, arrays: Arrays) -> Observations:
        return Observations(inputs=arrays["inputs"], labels=arrays["labels"])

    def units(self, data: Observations) -> int:
        return int(data.labels.shape[1])

    def take(self, data: Observations, chosen: NDArray[np.int64]) -> Observations:
        return Observations(
            inputs=np.take_along_axis(data.inputs, chosen[:, :, None], axis=1),
            labels=np.take_along_axis(data.labels, chosen, axis=1),
        )


def fitted(data: Observations, ridge: float = 0.0) -> Coefficients:
    """(X'X / n + ridge I)^-1 X'y / n of each replicate, by the normal equations.

    Raises:
        RecipeError: observations do not reach every dimension, and there is no penalty.
    """
    size, dimensions = data.inputs.shape[1:]
    turned = data.inputs.swapaxes(1, 2)
    gram = turned @ data.inputs / size
    if not ridge and (size < dimensions or not _reaches_all(gram)):
        raise RecipeError(
            f"{size} observations do not determine {dimensions} coefficients. "
            "Give a larger size, fewer dimensions, or a ridge penalty above 0."
        )
    gram[:, np.arange(dimensions), np.arange(dimensions)] += ridge
    moment = turned @ data.labels[:, :, None] / size
    return np.linalg.solve(gram, moment)[:, :, 0]


def _reaches_all(gram: NDArray[np.float64]) -> bool:
    """Whether inputs reach every direction in every replicate; repeats of a few do not, many as they may be."""
    try:
        pivots = np.linalg.cholesky(gram).diagonal(axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        return False
    return bool((pivots.min(axis=1) > _LEAST_PIVOT * pivots.max(axis=1)).all())


def added(size: int, dimensions: int, *, new: int | None = None) -> float:
    """Squared error, in variances of the noise, that the noise of `new` of `size` labels adds to a fit; all by default.

    E tr(G^-1 W G^-1) = (new / size) E tr G^-1, where W is the part of G = X'X that belongs to the new labels and E tr
    G^-1 = d / (n - d - 1) that of an inverse Wishart matrix. A model fitted to all that came before and to its own
    labels for fresh inputs keeps its error and adds just this, since G_t e_t = G_t e_{t-1} + X_t' noise_t: the noise is
    independent of all before, so that the errors' squares add up.

    Infinite where there are no more than d + 1 observations.
    """
    if size <= dimensions + 1:
        return math.inf
    return (size if new is None else new) / size * dimensions / (size - dimensions - 1)


def carried(size: int, dimensions: int, *, synthetic: int) -> float:
    """Share of a teacher's squared error that a fit takes on, when `synthetic` of `size` labels are the teacher's.

    The fit's error is G^-1 W e with W = X'X of the teacher's inputs, and U = G^-1/2 W G^-1/2 is a matrix beta variate
    independent of G. By its second moments, with n the size and m the synthetic labels,

        E |G^-1 W e|^2 / |e|^2 = a - b + b (n d - 2) / (n - d - 1),
        a = m (m + 2) / (n (n + 2)),   b = m (n - m) / (n (n + 2) (n - 1)).

    As n and d grow this is p^2 + p (1 - p) f / (1 - f), p = m / n, f = d / n, of Dohmatob et al., Strong model
    collapse, ICLR 2025. Infinite where there are no more than d + 1 observations and not all are synthetic.
    """
    n, d, m = size, dimensions, synthetic
    if m in {0, n}:
        return float(m == n)
    if n <= d + 1:
        return math.inf
    a = m * (m + 2) / (n * (n + 2))
    b = m * (n - m) / (n * (n + 2) * (n - 1))
    return a - b + b * (n * d - 2) / (n - d - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """What a ridge fit does to the coefficients that made its labels."""

    mean: float  # factor on them, on average
    square: float  # factor on their squared length
    noise: float  # squared length that the labels' noise adds, in variances of the noise


def shrinkage(ridge: float, ratio: float) -> Shrinkage:
    """Of ridge regression, penalty above 0, with standard normal inputs and `ratio` dimensions an observation.

    The fit multiplies coefficients by A = S (S + ridge)^-1, where S = X'X / n. Inputs have no direction, so that only
    E tr A / d, E tr A^2 / d and (1 / n) tr S (S + ridge)^-2 matter, for any coefficients. They follow from m =
    tr (S + ridge)^-1 / d and its derivative by the Marchenko-Pastur law: exact as n and d grow in proportion.
    """
    middle = 1 - ratio + ridge
    root = math.sqrt(middle**2 + 4 * ratio * ridge)
    m = 2 / (root + middle)  # the law's root (root - middle) / (2 ratio ridge), without the cancellation
    slope = m * (1 + ratio * m) / root  # -dm / d ridge, from ratio ridge m^2 + middle m = 1
    return Shrinkage(
        mean=1 - ridge * m,
        square=1 - 2 * ridge * m + ridge**2 * slope,
        noise=ratio * (m - ridge * slope),
    )


def theory(
    policy: Policy, size: int, generations: int, settings: Mapping[str, Any]
) -> Mapping[str, NDArray[np.float64]]:
    """Expected figures at generations 0 ... `generations`; none where no closed form is known."""
    mixes = policy.fixed or policy.augment or policy.weighs or policy.verifier
    if mixes or policy.keep == "sample":
        return {}
    human = bool(policy.fresh or policy.schedule)
    same, everything, grows = settings["inputs"] == "same", policy.keep == "all", policy.growth != 1
    if settings["ridge"]:
        if human or same or everything or grows:
            return {}
        return _shrunken(policy.decoding.temperature, size, generations, settings)
    if (human and (same or everything)) or (same and everything and grows):
        return {}
    errors = _relabelled if same and everything else _on_fresh
    error = settings["noise"] ** 2 * errors(policy, size, generations, settings["dimensions"])
    return {"error": error, "length": settings["signal"] + error} if np.isfinite(error).all() else {}


def _on_fresh(policy: Policy, size: int, generations: int, dimensions: int) -> NDArray[np.float64]:
    """Errors in variances of the noise, where each training set has inputs of its own."""
    errors = [added(size, dimensions)]
    heat = policy.decoding.temperature
    total = size
    for number in range(1, generations + 1):
        _, fresh, made = policy.parts(number).items(size)
        new = fresh + made
        total += new
        if policy.keep == "all":
            errors.append(errors[-1] + heat * added(total, dimensions, new=new))
            continue
        noise = added(new, dimensions, new=fresh) + heat * added(new, dimensions, new=made)
        errors.append(carried(new, dimensions, synthetic=made) * errors[-1] + noise)
    return np.array(errors)


def _relabelled(policy: Policy, size: int, generations: int, dimensions: int) -> NDArray[np.float64]:
    """Errors in variances of the noise, where the same inputs are labelled anew and all labels kept."""
    sets = np.arange(1, generations + 2, dtype=np.float64)
    heat = np.where(sets > 1, policy.decoding.temperature, 1.0)
    return added(size, dimensions) * np.cumsum(heat / sets**2)


def _shrunken(
    heat: float, size: int, generations: int, settings: Mapping[str, Any]
) -> Mapping[str, NDArray[np.float64]]:
    """Figures of ridge regression on the output of the last model alone, with inputs of its own."""
    signal, noise = settings["signal"], settings["noise"] ** 2
    fit = shrinkage(settings["ridge"], settings["dimensions"] / size)
    lengths = [fit.square * signal + fit.noise * noise]
    for _ in range(generations):
        lengths.append(fit.square * lengths[-1] + fit.noise * noise * heat)
    length = np.array(lengths)
    along = signal * fit.mean ** np.arange(1, generations + 2)  # expected product with the truth
    return {"error": length - 2 * along + signal, "length": length}


def world(replicates: int, corpus: HumanText | None, seed: int, **settings: Any) -> RegressionWorld:  # noqa: ARG001
    return RegressionWorld(replicates=replicates, seed=seed, **settings)


EXPERIMENT = Experiment(
    name="regression",
    title="Linear regression on its own labels",
    paper="Gerstgrasser et al. 2024, Dohmatob et al. 2024",
    regime="closed form",
    figures=(
        Figure(name="error", title="Excess test error", worse="up"),
        Figure(name="length", title="Squared length of the coefficients"),
    ),
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=SIZE,
    generations=20,
    replicates=200,
    settings=(
        Setting(name="dimensions", value=DIMENSIONS, help="coefficients of the linear function"),
        Setting(name="noise", value=1.0, help="standard deviation of labels"),
        Setting(name="signal", value=1.0, help="squared length of the true coefficients"),
        Setting(name="ridge", value=0.0, help="penalty of ridge regression; 0: least squares"),
        Setting(name="inputs", value="fresh", help="fresh, or the same for every training set"),
    ),
    about=(
        "Each model labels inputs for the next one. On the last model's labels alone the error grows by the same "
        "amount every generation; when labels accumulate it stays below pi^2/6 of the first model's error, because "
        "each new set is a smaller part of the whole. Fresh human labels hold it at a level that depends on their "
        "share; a ridge penalty forgets the signal instead."
    ),
    world=world,
    theory=theory,
)
