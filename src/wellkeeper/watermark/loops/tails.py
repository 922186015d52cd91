"""Upper tails of three distributions, each as one term times a sum or fraction that converges quickly.

The term is taken in Loader's form, as what is left after Stirling's formula times a deviance: the difference of
two large logarithms, which at 10^8 trials would cost eight digits, is never formed.

Loader, Fast and accurate computation of binomial probabilities, 2000 (the algorithm of R's dbinom).
"""

import math
from typing import Any

from wellkeeper.native import loop, part

_LOG_TWO_PI = math.log(2 * math.pi)
_CLOSE = 1e-17  # of a sum: terms below this share of it change it no more
_SETTLED = 1e-15  # of a product
_TINY = 1e-300  # keeps a denominator of the continued fraction from 0
_SERIES_FROM = 16.0  # Stirling's series has 16 digits from here on


@part
def _beyond_stirling(x: Any) -> Any:
    """Logarithm of Gamma(x + 1) less Stirling's formula, ln sqrt(2 pi x) + x ln x - x, for x > 0."""
    shift = 0.0
    while x < _SERIES_FROM:
        shift += (x + 0.5) * math.log1p(1 / x) - 1
        x += 1
    s = 1 / (x * x)
    series = 1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * 691 / 360360))))
    return shift + series / x


@part
def _deviance(x: Any, mean: Any) -> Any:
    """What x deviates: x ln(x / mean) + mean - x, of positive values; a series where they are near each other."""
    gap = x - mean
    if abs(gap) >= 0.1 * (x + mean):
        return x * math.log(x / mean) - gap
    v = gap / (x + mean)
    total = gap * v
    term = 2 * x * v
    odd = 1
    while True:
        term *= v * v
        odd += 2
        more = total + term / odd
        if more == total:
            return total
        total = more


@part
def _log_binomial(k: Any, n: Any, p: Any, q: Any) -> Any:
    """Logarithm of the chance of k successes in n trials; p + q = 1, both above 0 where they are needed."""
    if k == 0:
        return n * math.log1p(-p) if p < 0.5 else n * math.log(q)
    if k == n:
        return n * math.log1p(-q) if q < 0.5 else n * math.log(p)
    rest = n - k
    return (
        _beyond_stirling(n)
        - _beyond_stirling(k)
        - _beyond_stirling(rest)
        - _deviance(k, n * p)
        - _deviance(rest, n * q)
        - 0.5 * (_LOG_TWO_PI + math.log(k) + math.log(rest / n))
    )


@loop("const f64[:], const f64[:], const f64[:], f64[:]")
def binomial_tails(successes: Any, trials: Any, chances: Any, out: Any) -> Any:
    """P(X >= k) for k successes in n trials, summed away from k on its thin side."""
    for at in range(out.size):
        k = successes[at]
        n = trials[at]
        p = chances[at]
        q = 1 - p
        if k <= 0:
            out[at] = 1.0
            continue
        if k > n or p == 0:
            out[at] = 0.0
            continue
        if q == 0:
            out[at] = 1.0
            continue
        above = k > n * p
        j = k if above else k - 1
        first = math.exp(_log_binomial(j, n, p, q))
        total = 1.0
        term = 1.0
        if above:
            while j < n and term > _CLOSE * total:
                term *= (n - j) * p / ((j + 1) * q)
                total += term
                j += 1
            out[at] = first * total
        else:
            while j > 0 and term > _CLOSE * total:
                term *= j * q / ((n - j + 1) * p)
                total += term
                j -= 1
            out[at] = 1 - first * total


@loop("const f64[:], const f64[:], f64[:]")
def gamma_tails(statistics: Any, shapes: Any, out: Any) -> Any:
    """P(X >= x) of the gamma distribution with scale 1: DLMF 8.11.4 below the mean, 8.9.2 above it."""
    for at in range(out.size):
        x = statistics[at]
        a = shapes[at]
        if x <= 0:
            out[at] = 1.0
            continue
        first = math.exp(-_beyond_stirling(a) - _deviance(a, x) - 0.5 * (_LOG_TWO_PI + math.log(a)))
        if x < a + 1:
            total = 1.0
            term = 1.0
            above = a
            while term > _CLOSE * total:
                above += 1
                term *= x / above
                total += term
            out[at] = 1 - first * total
            continue
        bottom_term = x + 1 - a
        top = 1 / _TINY
        bottom = 1 / bottom_term
        value = bottom
        step = 1.0
        change = 0.0
        while abs(change - 1) > _SETTLED:
            numerator = -step * (step - a)
            bottom_term += 2
            bottom = numerator * bottom + bottom_term
            bottom = 1 / (bottom if abs(bottom) > _TINY else _TINY)
            top = bottom_term + numerator / top
            top = top if abs(top) > _TINY else _TINY
            change = top * bottom
            value *= change
            step += 1
        out[at] = first * a * value


@loop("const f64[:], const f64[:], f64, f64, f64[:]")
def hypergeometric_tails(hits: Any, drawn: Any, marked: Any, population: Any, out: Any) -> Any:
    """P(X >= k) where n of N are drawn at once and G of the N are marked, summed away from k on its thin side."""
    for at in range(out.size):
        k = hits[at]
        n = drawn[at]
        low = max(0.0, n + marked - population)
        high = min(n, marked)
        if k <= low:
            out[at] = 1.0
            continue
        if k > high:
            out[at] = 0.0
            continue
        above = k * population > n * marked
        j = k if above else k - 1
        p = n / population
        q = (population - n) / population
        first = (
            _log_binomial(j, marked, p, q)
            + _log_binomial(n - j, population - marked, p, q)
            - _log_binomial(n, population, p, q)
        )
        total = 1.0
        term = 1.0
        if above:
            while j < high and term > _CLOSE * total:
                term *= (marked - j) * (n - j) / ((j + 1) * (population - marked - n + j + 1))
                total += term
                j += 1
            out[at] = math.exp(first) * total
        else:
            while j > low and term > _CLOSE * total:
                term *= j * (population - marked - n + j) / ((marked - j + 1) * (n - j + 1))
                total += term
                j -= 1
            out[at] = 1 - math.exp(first) * total
