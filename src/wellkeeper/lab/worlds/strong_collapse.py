"""Strong collapse: a small share of wrong synthetic data, and more data do not help [1].

Least squares on n labels with standard normal inputs in d dimensions; a share p of the labels comes from a model whose
coefficients are off by `offset`, of squared length D. Then the error is, exactly, with `carried` and `added` of
`regression`,

    D carried(n, d, m = p n) + s2 d / (n - d - 1)

and as n and d grow D (p^2 + p (1 - p) f / (1 - f)) + s2 f / (1 - f), f = d / n, as in [1]. Data without end leave
p^2 D: the fit is then off by p times the offset, however many labels of the same mix there are.

With more coefficients than labels the fit of least length passes through all labels, and what it takes on from the
wrong ones, beside its blindness to what no input shows, is (derived: `carried_by_interpolation`)

    D m / d (1 + (n - m) / (d - n - 1)),   d > n + 1.

So larger models take on more of the wrong data up to the threshold d = n, where the cost has no bound, and less beyond
it, as [1] found for random features.

[1] Dohmatob, Feng, Subramonian, Kempe, Strong model collapse, ICLR 2025, arXiv 2410.04840.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.regression import added, carried

SHARES = (0.0, 0.001, 0.01, 0.1)
"""Shares of synthetic labels; the paper's claim is about 1 in 1,000."""
_STEPS = 6
"""Each with four times the labels of the one before."""
_WIDTHS = (0.125, 0.25, 0.5, 0.7, 0.85, 1.2, 1.5, 2.0, 4.0, 8.0)
"""Coefficients for one label; expected errors are too wide to be measured close to 1."""


def expected_error(size: int, dimensions: int, *, synthetic: int, offset: float, noise: float) -> float:
    """Expected squared error of least squares, when `synthetic` of the `size` labels come from a wrong teacher.

    `offset` is the teacher's squared error, `noise` the standard deviation of labels. Infinite where there are no more
    than d + 1 labels.
    """
    return offset * carried(size, dimensions, synthetic=synthetic) + noise**2 * added(size, dimensions)


def carried_by_interpolation(size: int, dimensions: int, *, synthetic: int) -> float:
    """Share of a teacher's squared error that the fit of least length takes on, with more coefficients than labels.

    The fit takes on X' K^-1 Z e, where K = X X' and Z keeps the rows of the teacher's m labels of n; its squared length
    is |e|^2 / d tr(Z K^-1 Z K) on average. Rows of K^-1 K sum to 1, and E K_ii (K^-1)_ii = 1 + (n - 1) / (d - n - 1),
    since 1 / (K^-1)_ii, the squared length of a row across the others, is chi-squared with d - n + 1 degrees of freedom
    and independent of its part along them.

    Infinite where there are no more than n + 1 dimensions and any label is synthetic.
    """
    if not synthetic:
        return 0.0
    if dimensions <= size + 1:
        return math.inf
    return synthetic / dimensions * (1 + (size - synthetic) / (dimensions - size - 1))


def simulated_error(
    size: int,
    dimensions: int,
    *,
    synthetic: int,
    offset: float,
    noise: float,
    replicates: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Squared error of least squares in each replicate, shape (replicates,).

    Drawn from the sums that suffice for the fit: X'X of human and of synthetic inputs, which are Wishart matrices, and
    X' noise, which is normal with covariance X'X.
    """
    human = _wishart(size - synthetic, dimensions, replicates, random)
    wrong = _wishart(synthetic, dimensions, replicates, random)
    gram = human + wrong
    off = math.sqrt(offset) * wrong[:, :, 0]  # all directions are alike: the offset points along the first
    spread = np.linalg.cholesky(gram) @ random.standard_normal((replicates, dimensions, 1))
    error = np.linalg.solve(gram, off[:, :, None] + noise * spread)
    length: NDArray[np.float64] = np.square(error[:, :, 0]).sum(axis=1)
    return length


def _wishart(
    freedom: int, dimensions: int, replicates: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """X'X of `freedom` standard normal rows; by Bartlett's factors, Anderson, Multivariate statistics, section 7.2."""
    if freedom < dimensions:
        rows = random.standard_normal((replicates, freedom, dimensions))
        return rows.swapaxes(1, 2) @ rows
    factor = np.tril(random.standard_normal((replicates, dimensions, dimensions)), -1)
    places = np.arange(dimensions)
    factor[:, places, places] = np.sqrt(random.chisquare(freedom - places, (replicates, dimensions)))
    return factor @ factor.swapaxes(1, 2)


def curves(
    size: int, replicates: int, seed: int, *, dimensions: int, offset: float, noise: float
) -> Sequence[Curve]:
    """Errors by number of labels, up to `size`, for each share of synthetic ones.

    Raises:
        RecipeError: a setting makes no sense, or the fewest labels do not determine the coefficients.
    """
    if dimensions < 1:
        raise RecipeError(f"dimensions is {dimensions}. Give at least 1.")
    check_range("offset", offset, 0)
    check_range("noise", noise, 0)
    sizes = [size >> 2 * step for step in range(_STEPS, -1, -1)]
    if sizes[0] <= dimensions + 1:
        raise RecipeError(
            f"The fewest of the labels are {sizes[0]:,}, too few for {dimensions} coefficients. Give a size of at "
            f"least {(dimensions + 2) << 2 * _STEPS:,}, or fewer dimensions."
        )
    found = []
    for share in SHARES:
        parts = [round(share * labels) for labels in sizes]
        measured = [
            simulated_error(
                labels,
                dimensions,
                synthetic=part,
                offset=offset,
                noise=noise,
                replicates=replicates,
                random=stream(seed, "strong collapse", share, labels),
            )
            for labels, part in zip(sizes, parts, strict=True)
        ]
        expected = [
            expected_error(labels, dimensions, synthetic=part, offset=offset, noise=noise)
            for labels, part in zip(sizes, parts, strict=True)
        ]
        found.append(
            Curve(
                label=f"{100 * share:g}% synthetic",
                axis="labels",
                points=np.array(sizes, np.float64),
                figures={"error": np.stack(measured, axis=1)},
                theory={"error": np.array(expected)},
            )
        )
    return found


def interpolation_curves(
    size: int, replicates: int, seed: int, *, share: float, offset: float
) -> Sequence[Curve]:
    """What wrong labels add to the error, by coefficients for one label, below and above the threshold.

    Raises:
        RecipeError: a setting makes no sense, or there are too few labels for the widths to differ.
    """
    check_range("share", share, 0, 1)
    check_range("offset", offset, 0)
    if size < 2 / (1 - max(width for width in _WIDTHS if width < 1)):
        raise RecipeError(f"{size} labels are too few. Give a size of at least 20.")
    synthetic = round(share * size)
    widths = [round(width * size) for width in _WIDTHS]
    measured = [
        _cost(
            size,
            dimensions,
            synthetic=synthetic,
            offset=offset,
            replicates=replicates,
            random=stream(seed, "interpolation", dimensions),
        )
        for dimensions in widths
    ]
    expected = [
        offset
        * (carried if dimensions < size else carried_by_interpolation)(size, dimensions, synthetic=synthetic)
        for dimensions in widths
    ]
    return (
        Curve(
            label=f"{100 * share:g}% synthetic",
            axis="coefficients for one label",
            points=np.array(widths) / size,
            figures={"cost": np.stack(measured, axis=1)},
            theory={"cost": np.array(expected)},
        ),
    )


def _cost(
    size: int,
    dimensions: int,
    *,
    synthetic: int,
    offset: float,
    replicates: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Squared length of what the fit of least length takes on from the wrong labels, shape (replicates,).

    The fit is linear in its labels, so that the offset's part of it is the fit to the offset's part of the labels.
    """
    found = np.empty(replicates)
    for replicate in range(replicates):  # wide inputs of all replicates at once would need gigabytes
        inputs = random.standard_normal((size, dimensions))
        labels = np.zeros(size)
        labels[:synthetic] = math.sqrt(offset) * inputs[:synthetic, 0]
        if dimensions < size:
            fit = np.linalg.solve(inputs.T @ inputs, inputs.T @ labels)
        else:
            fit = inputs.T @ np.linalg.solve(inputs @ inputs.T, labels)
        found[replicate] = fit @ fit
    return found


_PAPER = "Dohmatob et al. 2025"
STRONG_COLLAPSE = Experiment(
    name="strong-collapse",
    title="A little wrong synthetic data, and more data do not help",
    paper=_PAPER,
    regime="closed form",
    figures=(Figure(name="error", title="Error of the coefficients", worse="up", log=True),),
    size=819_200,
    replicates=200,
    settings=(
        Setting(name="dimensions", value=50, help="coefficients"),
        Setting(name="offset", value=4.0, help="squared error of the model that made the synthetic labels"),
        Setting(name="noise", value=0.5, help="standard deviation of labels"),
    ),
    about=(
        "With human labels alone the error falls as labels are added, without end. With a share p of labels from a "
        "model that is wrong it stops at p^2 times that model's error, and no amount of data of the same mix gets "
        "below."
    ),
    curves=curves,
)
INTERPOLATION = Experiment(
    name="interpolation",
    title="Larger models and wrong synthetic data",
    paper=_PAPER,
    regime="closed form",
    figures=(Figure(name="cost", title="Error that wrong labels add", worse="up", log=True),),
    size=100,
    replicates=100,
    settings=(
        Setting(name="share", value=0.1, help="share of synthetic labels"),
        Setting(name="offset", value=4.0, help="squared error of the model that made them"),
    ),
    about=(
        "The more coefficients a model has, the more it takes on from wrong labels, up to as many coefficients as "
        "labels. Beyond, the fit of least length spreads them over directions that no label speaks of, and takes on "
        "less. It does so for the truth as well: this is what wrong labels add, not the whole error."
    ),
    curves=interpolation_curves,
)
EXPERIMENTS = (STRONG_COLLAPSE, INTERPOLATION)
