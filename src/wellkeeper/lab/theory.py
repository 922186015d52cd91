"""What theory says of worlds that have a closed form: the oracles of the lab's simulations.

Generation g is the (g + 1)-th model of its line: generation 0 was fitted to people's data. Variances are in those of
the population, squared errors of a mean too.

[1] Shumailov et al., AI models collapse when trained on recursively generated data, Nature 631 (2024) 755.
[2] Kazdan et al., Collapse or thrive?, arXiv 2410.16713.
[3] Seddik et al., How bad is training on synthetic data?, arXiv 2404.05090.
[4] Dohmatob et al., A tale of tails: model collapse as a change of scaling laws, ICML 2024.
[5] Suresh et al., Rate of model collapse in recursive training, arXiv 2412.17646.
[6] Ewens, Mathematical population genetics, 2nd ed. (2004), section 3.2: the Wright-Fisher model.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab.policy import Policy

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Means over all runs, each of shape (generations + 1,)."""

    variance: Floats  # of the model
    squared_error: Floats  # of the model's mean, about the population's


def has_moments(policy: Policy) -> bool:
    """Whether `moments` knows the policy: nothing is verified or weighed, and at most a temperature is not plain."""
    decoding = replace(policy.decoding, temperature=1.0)
    return policy.verifier is None and not policy.weighs and decoding.is_plain


def moments(
    policy: Policy, size: int, generations: int, *, unbiased: bool = False, added: float = 0.0
) -> Moments:
    """Variance and squared error of models that keep the mean and the variance of what they are fitted to.

    Such are the normal model, the mixture of normals fitted by EM, and the frequencies of types, whose "variance" is
    the heterozygosity 1 - sum p^2 (the trace of the covariance); a kernel density adds its squared bandwidth. For all
    of them the expected second moments of the data, of the model and of what both share follow from those of the
    generation before, linearly (derived; for `replace` and `accumulate` they are the published laws [1, 2]).

    Args:
        policy: what each generation is fitted to.
        size: of the first training set, 2 or more.
        generations: after the first.
        unbiased: whether sums of squares are divided by the number of observations less one.
        added: by the model to the variance of its data, in variances of the population: a squared bandwidth.

    Raises:
        RecipeError: the policy verifies, weighs or decodes, which is not linear.
    """
    if not has_moments(policy):
        raise RecipeError(f"No closed form is known for policy {policy}. Read the simulation alone.")
    held, _, _ = policy.parts(1).items(size)
    raw = float(held)  # sum of squares of what is held, about the population's mean
    off = 1 / held if held else 0.0  # squared error of its mean
    degrees = size - 1 if unbiased else size
    variance, error, shared = (
        (size - 1) / degrees + added,
        1 / size,
        1 / size,
    )  # shared: mean error of held x model
    if policy.keep != "last":
        held, raw, off = size, float(size), 1 / size
    variances, errors = [variance], [error]
    for number in range(1, generations + 1):
        _, fresh, made = policy.parts(number).items(size)
        drawn = policy.decoding.temperature * variance
        total = held + fresh + made
        own = raw + fresh + made * (drawn + error)
        mean = held**2 * off + fresh + made**2 * error + made * drawn + 2 * held * made * shared
        mean /= total**2
        spread = own - total * mean  # expected sum of squares about the data's own mean
        if policy.keep == "last":
            shared = (held * off + made * shared) / total
            fitted, error = total, mean
        else:
            held, raw, off, shared = total, own, mean, mean
            fitted = size if policy.keep == "sample" else total
            unit = spread / (total - 1)
            error = mean + (1 - fitted / total) * unit / fitted
            spread = (fitted - 1) * unit
        variance = spread / (fitted - 1 if unbiased else fitted) + added
        variances.append(variance)
        errors.append(error)
    return Moments(variance=np.array(variances), squared_error=np.array(errors))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalLine:
    """Means over all runs of a line of normal models, each of shape (generations + 1,)."""

    log_variance: Floats
    deviation: Floats  # standard deviation
    wasserstein: Floats  # squared 2-Wasserstein distance from the population


def is_line(policy: Policy) -> bool:
    """Whether each model is fitted to the last one's output and to nothing else."""
    parts = policy.parts(1)
    shares = any(share < 1 for share in policy.schedule)
    alone = policy.keep == "last" and not (parts.core or parts.fresh or shares)
    return alone and has_moments(policy) and policy.decoding.temperature > 0


def normal_line(policy: Policy, size: int, generations: int, *, unbiased: bool = False) -> NormalLine:
    """What the logarithm and the root of the variance do where models descend from each other alone.

    Each fit multiplies the variance by an independent chi-squared over its divisor, so that

        E ln v_g = sum over fits of psi((n - 1) / 2) + ln(2 / d)
        E s_g    = product over fits of sqrt(2 / d) gamma(n / 2) / gamma((n - 1) / 2)
        E W2^2   = E (mean error)^2 + E v_g - 2 E s_g + 1

    with d = n, or n - 1 where unbiased. To first order W2^2 grows as 1.5 sum 1/n [1].

    Raises:
        RecipeError: the policy gives models other data too.
    """
    if not is_line(policy):
        raise RecipeError(f"Under policy {policy} models learn from more than the last one. Read `moments`.")
    sizes = [size, *(policy.parts(number).items(size)[2] for number in range(1, generations + 1))]
    log_variance, log_deviation = np.zeros(generations + 1), np.zeros(generations + 1)
    for place, drawn in enumerate(sizes):
        log_scale = math.log(2 / (drawn - 1 if unbiased else drawn))
        if place:
            log_scale += math.log(policy.decoding.temperature)
        log_variance[place] = digamma((drawn - 1) / 2) + log_scale
        log_deviation[place] = math.lgamma(drawn / 2) - math.lgamma((drawn - 1) / 2) + log_scale / 2
    deviation = np.exp(np.cumsum(log_deviation))
    second = moments(policy, size, generations, unbiased=unbiased)
    return NormalLine(
        log_variance=np.cumsum(log_variance),
        deviation=deviation,
        wasserstein=second.squared_error + second.variance - 2 * deviation + 1,
    )


def replaced(size: int, generation: int) -> float:
    """Share of the variance, or of the heterozygosity, that is left under `replace` [1, 6].

    >>> round(replaced(100, 99), 4)
    0.366
    """
    return (1 - 1 / size) ** (generation + 1)


def accumulated(size: int, generation: int) -> float:
    """Share of the variance, or of the heterozygosity, that is left under `accumulate`: prod (1 - 1 / (n k^2)).

    >>> round(accumulated(10, 1000), 4), round(accumulated_limit(10), 4)
    (0.8435, 0.8434)
    """
    steps = np.arange(1, generation + 2)
    return float(np.prod(1 - 1 / (size * steps.astype(np.float64) ** 2)))


def accumulated_limit(size: int) -> float:
    """What is left of it for ever, by Euler's product of the sine: sin(x) / x with x = pi / sqrt(n)."""
    angle = math.pi / math.sqrt(size)
    return math.sin(angle) / angle


def agreement(first: float, size: int, generation: int) -> float:
    """Seddik's S, the chance that two draws from a model agree, under `replace` [3]; `first`: for the population.

    >>> round(agreement(0.0, 50, 19), 4)
    0.3324
    """
    return 1 - replaced(size, generation) * (1 - first)


def kernel_variance(size: int, bandwidth: float, generation: int) -> float:
    """Variance of kernel densities under `replace`, in those of the population: it tends to n h^2 and may grow.

    >>> round(kernel_variance(100, 0.2, 49), 3)
    2.185
    """
    limit = size * bandwidth**2
    return limit + (1 - limit) * replaced(size, generation)


def surviving(probabilities: Floats, size: int, coefficients: Floats) -> tuple[Floats, Floats]:
    """Types alive and probability lost by the law of effective sample size, each of shape (generations + 1,).

    A type of probability p is absent with (1 - p)^(n c), which is exact for people's data and under `accumulate`. Under
    `replace` it takes copies to descend independently, while a common type drifts more slowly than that: of Zipf's law
    it counts 3 % too few types after n / 5 generations, and 16 % to 18 % after n (simulated at n = 100, 400, 1,000).

    Args:
        probabilities: of the types, shape (types,).
        size: n, of the first training set.
        coefficients: c_0 ... as `wellkeeper.lab.n_eff.coefficients` gives them.
    """
    absent = np.exp(size * np.multiply.outer(coefficients, np.log1p(-probabilities)))
    return (1 - absent).sum(axis=1), absent @ probabilities


def least_survival(copies: float, generations: int) -> Floats:
    """Least chance that a type is alive under `replace`, shape (generations + 1,) [5].

    Args:
        copies: expected in the human data, n p.
        generations: after the first.
    """
    found: Floats = -np.expm1(-copies / np.arange(1, generations + 2))
    return found


def most_deviation(size: int, generation: int, least: float) -> float:
    """Bound on the chance that the standard deviation is still above `least` of the population's, if unbiased [5].

    By Markov's inequality, since a fit multiplies its mean by c4(n) = 1 - 1/(4 n) - ... < exp(-1 / (4 n)).
    """
    return min(1.0, math.exp(-(generation + 1) / (4 * size)) / least)


def zeta(exponent: float, beyond: int = 0) -> float:
    """Sum of i^-exponent over i > beyond, by the Euler-Maclaurin formula; exponent above 1.

    >>> round(zeta(2.0), 12) == round(math.pi**2 / 6, 12)
    True

    Raises:
        DataError: the sum has no end.
    """
    if exponent <= 1:
        raise DataError(
            f"The exponent is {exponent:g}, and the sum of i^-exponent has no end. Give one above 1."
        )
    start = max(beyond + 1, 20)
    direct = math.fsum(i**-exponent for i in range(beyond + 1, start))
    term = float(start**-exponent)
    tail = term * (start / (exponent - 1) + 0.5)
    rising = exponent
    for order, bernoulli in ((1, 1 / 12), (3, -1 / 720), (5, 1 / 30240)):
        tail += bernoulli * rising * term / start**order
        rising *= (exponent + order) * (exponent + order + 1)
    return direct + tail


def missing_mass(exponent: float, sizes: Floats, *, cut: int | None = None) -> Floats:
    """Expected probability of the types that a sample has not seen, of infinitely many with p_i ~ i^-exponent [4].

    Args:
        exponent: of Zipf's law, above 1.
        sizes: of samples, shape (sizes,).
        cut: only the types 1 ... cut are sampled, as from a model without its tail.

    Returns: shape (sizes,). Without a cut it falls as T^-(1 - 1/exponent); with one it ends at a floor,
        which falls as cut^-(exponent - 1).
    """
    whole = zeta(exponent)
    if cut is not None:
        left_out = zeta(exponent, cut) / whole
        shares = np.arange(1, cut + 1) ** -exponent / whole
        kept = [float(shares @ _unseen(shares / shares.sum(), size)) for size in sizes.tolist()]
        return left_out + np.array(kept)
    return np.array([_missing_mass(exponent, whole, size) for size in sizes.tolist()])


def _missing_mass(exponent: float, whole: float, size: float) -> float:
    # Types beyond `last` have a tenth of a copy or fewer: six terms of (1 - p)^T leave less than 1e-8 of them out.
    last = math.ceil((10 * max(size, 1) / whole) ** (1 / exponent))
    shares = np.arange(1, last + 1) ** -exponent / whole
    found = float(shares @ _unseen(shares, size))
    coefficient = 1.0
    for k in range(6):
        found += coefficient * zeta((k + 1) * exponent, last) / whole ** (k + 1)
        coefficient *= (k - size) / (k + 1)
    return found


def _unseen(shares: Floats, size: float) -> Floats:
    found: Floats = (1 - shares) ** size
    return found


def missing_mass_slope(exponent: float) -> float:
    """Of log missing mass by log sample size [4].

    >>> round(missing_mass_slope(1.5), 4), cut_slope(1.5)
    (-0.3333, -0.5)
    """
    return -(1 - 1 / exponent)


def cut_slope(exponent: float) -> float:
    """Of the log of the floor of missing mass by the log of where the tail is cut [4]."""
    return -(exponent - 1)


def digamma(x: float) -> float:
    """psi(x), the derivative of ln gamma, x > 0: by recurrence up to 10, then its asymptotic series.

    >>> round(digamma(1.0), 12)
    -0.577215664902
    """
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    square = 1 / (x * x)
    series = square * (
        1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square * (1 / 132))))
    )
    return shift + math.log(x) - 0.5 / x - series
