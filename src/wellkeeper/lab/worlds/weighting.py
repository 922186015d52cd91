"""How much to weigh human data against synthetic: the golden ratio [1], and what a ridge penalty makes of it [2].

In each round a model is fitted to as many fresh human labels as before, with weight w, and to labels of the last
round's model, with weight 1 - w. Inputs are the same in every round, as in [2]. In the directions of the inputs'
covariance, where S = X'X / n has eigenvalue s, a fit with penalty p keeps a = s / (s + p) of a coefficient b:

    b' = a (w (b + x) + (1 - w) (b_last + y)),   x ~ N(0, s2 / (n s)),   y ~ N(0, s2 / (n s k))

with k synthetic labels for one human label: least-squares estimates suffice for their labels. After many rounds

    error = ((1 - a) / (1 - a u))^2 b^2 + s2 / (n s) a^2 (w^2 + u^2 / k) / (1 - a^2 u^2),   u = 1 - w.

Without a penalty (a = 1), for a mean as for least squares, the best weight solves k w^2 = 1 - w, and the error there,
in errors of human data alone, is that weight itself: for k = 1 the reciprocal of the golden ratio, .618. With a penalty
and k = 1 it is never below 1/2: the first term falls as w grows, and the second one is least where a^2 u^2 -
(2 + a^2) u + 1 = 0, whose u goes from .382 at a = 1 up to 1/2 at a = 0. (Derived; in agreement with both papers.)

[1] He, Xu, Cheng, Recursive learning without collapse: a weighting-based stabilization framework, arXiv 2502.18049.
[2] Garg, Bhattacharya, Sur, Preventing model collapse under overparametrization, arXiv 2509.22341.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.regression import DIMENSIONS, SIZE

WEIGHTS = np.linspace(0.1, 1.0, 19)
_BURN_IN = 80
"""Rounds before any is counted: what is left of the start is (1 - w)^(2 x 80), 5e-8 at the least weight."""
_AROUND = 7
"""Weights about the least error that tell where the curve is lowest, by a polynomial of the fourth degree."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """The directions of the inputs' covariance, in which rounds go on independently of each other."""

    variance: NDArray[np.float64]  # shape (replicates, directions): of the inputs along each, s
    truth: NDArray[np.float64]  # shape (replicates, directions): true coefficients along each, b
    size: int  # human labels of a round


def best_weight(synthetic: float) -> float:
    """The weight of human data with the least error without a penalty, and that error in those of human data alone.

    `synthetic` is the number of synthetic labels for one human label, above 0.

    >>> round(best_weight(1.0), 6)
    0.618034
    """
    return 2 / (1 + math.sqrt(1 + 4 * synthetic))


def stationary_error(
    directions: Directions,
    weights: NDArray[np.float64],
    *,
    penalty: float,
    synthetic: float,
    noise: float = 1.0,
) -> NDArray[np.float64]:
    """Expected squared error of the coefficients after many rounds, shape (replicates, weights).

    Weights are in (0, 1]; `noise` is the standard deviation of labels.
    """
    s, b = directions.variance[:, None, :], directions.truth[:, None, :]
    w = weights[:, None]
    u = 1 - w
    a = s / (s + penalty)
    bias = (1 - a) / (1 - a * u) * b
    variance = noise**2 / (directions.size * s) * a**2 * (w**2 + u**2 / synthetic) / (1 - (a * u) ** 2)
    error: NDArray[np.float64] = (bias**2 + variance).sum(axis=2)
    return error


def simulated_error(
    directions: Directions,
    weights: NDArray[np.float64],
    *,
    penalty: float,
    synthetic: float,
    rounds: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Squared error of the coefficients, on average over `rounds` rounds after the first, shape (replicates, weights).

    All weights see the same labels, so that their errors differ by weight only. Labels have unit noise.
    """
    kept = directions.variance / (directions.variance + penalty)
    spread = 1 / np.sqrt(directions.size * directions.variance)
    w = weights[:, None, None]
    model = np.broadcast_to(directions.truth, (weights.size, *directions.truth.shape))
    total = np.zeros((weights.size, directions.truth.shape[0]))
    for number in range(_BURN_IN + rounds):
        human = directions.truth + spread * random.standard_normal(spread.shape)
        drift = spread / math.sqrt(synthetic) * random.standard_normal(spread.shape)
        model = kept * (w * human + (1 - w) * (model + drift))
        if number >= _BURN_IN:
            total += np.square(model - directions.truth).sum(axis=2)
    return total.T / rounds


def mean_directions(size: int, replicates: int) -> Directions:
    """Of the estimate of a mean, which is a coefficient of the constant input 1."""
    return Directions(variance=np.ones((replicates, 1)), truth=np.zeros((replicates, 1)), size=size)


def regression_directions(
    size: int, dimensions: int, replicates: int, *, signal: float, random: np.random.Generator
) -> Directions:
    """Of standard normal inputs, and of coefficients at random whose squared length is `signal` on average [2].

    Raises:
        RecipeError: the inputs do not reach every direction.
    """
    if size <= dimensions + 1:
        raise RecipeError(
            f"{size} labels are too few for {dimensions} coefficients. Give a size above {dimensions + 1}, "
            "or fewer dimensions."
        )
    inputs = random.standard_normal((replicates, size, dimensions))
    variance = np.linalg.eigvalsh(inputs.swapaxes(1, 2) @ inputs / size).astype(np.float64)
    truth = math.sqrt(signal / dimensions) * random.standard_normal((replicates, dimensions))
    return Directions(variance=variance, truth=truth, size=size)


def lowest(curve: Curve) -> tuple[float, float]:
    """The weight where a curve's mean error is least, and that error."""
    error = curve.figures["error"].mean(axis=0)
    first = min(max(int(error.argmin()) - _AROUND // 2, 0), error.size - _AROUND)
    points, values = curve.points[first : first + _AROUND], error[first : first + _AROUND]
    shape = np.polynomial.Polynomial.fit(points, values, 4)
    fine = np.linspace(points[0], points[-1], 10_001)
    least = int(shape(fine).argmin())
    return float(fine[least]), float(shape(fine[least]))


def curves(
    size: int,
    replicates: int,
    seed: int,
    *,
    rounds: int,
    dimensions: int,
    penalty: float,
    signal: float,
    synthetic: float,
) -> Sequence[Curve]:
    """Errors by weight, in errors of human data alone: of a mean, by least squares, and with a ridge penalty.

    Raises:
        RecipeError: a setting makes no sense.
    """
    for name, value in (
        ("rounds", rounds),
        ("penalty", penalty),
        ("signal", signal),
        ("synthetic", synthetic),
    ):
        check_range(name, value, 0, above=True)
    if dimensions < 1:
        raise RecipeError(f"dimensions is {dimensions}. Give at least 1.")
    drawn = regression_directions(
        size, dimensions, replicates, signal=signal, random=stream(seed, "weighting", "inputs")
    )
    kinds = {
        "mean": (mean_directions(size, replicates), 0.0),
        "least squares": (drawn, 0.0),
        f"ridge, penalty {penalty:g}": (drawn, penalty),
    }
    found = []
    for label, (directions, pull) in kinds.items():
        random = stream(seed, "weighting", label)
        measured = simulated_error(
            directions, WEIGHTS, penalty=pull, synthetic=synthetic, rounds=rounds, random=random
        )
        expected = stationary_error(directions, WEIGHTS, penalty=pull, synthetic=synthetic)
        alone = expected[:, -1:]  # at weight 1
        found.append(
            Curve(
                label=label,
                axis="weight of human data",
                points=WEIGHTS,
                figures={"error": measured / alone},
                theory={"error": (expected / alone).mean(axis=0)},
            )
        )
    return found


EXPERIMENT = Experiment(
    name="golden-ratio",
    title="How much to weigh human data against synthetic",
    paper="He et al. 2025, Garg et al. 2025",
    regime="closed form",
    figures=(Figure(name="error", title="Error", unit="errors of human data alone", worse="up"),),
    size=SIZE,
    replicates=200,
    settings=(
        Setting(name="rounds", value=300, help="rounds of training that errors are averaged over"),
        Setting(name="dimensions", value=DIMENSIONS, help="coefficients of the regressions"),
        Setting(name="penalty", value=0.5, help="of ridge regression, in units of the inputs' variance"),
        Setting(
            name="signal",
            value=1.0,
            help="squared length of the true coefficients, in variances of the noise",
        ),
        Setting(name="synthetic", value=1.0, help="synthetic labels for one human label"),
    ),
    about=(
        "Every round mixes fresh human labels with labels of the last model. Synthetic labels are worth having: with "
        "the right weight the error is lower than that of human data alone. For equal numbers that weight of the human "
        "data is .618, the reciprocal of the golden ratio, and a ridge penalty never wants less than a half."
    ),
    curves=curves,
)
