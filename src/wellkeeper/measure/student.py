"""Student's t: how seldom chance goes as far as a figure went, and how far it goes how seldom.

`jackknife.student_quantile` is a series for many degrees of freedom; this is exact, for a handful of draws.
"""

import math

_MANY = 1e8
"""Degrees of freedom beyond which the normal distribution is nearer than what rounding leaves of the fraction."""
_STEPS = 300
_CLOSE = 1e-12
_TINY = 1e-300  # keeps a denominator of the continued fraction from 0


def two_sided(t: float, freedom: float) -> float:
    """Chance, in [0, 1], that Student's t of so many degrees of freedom lies at least as far from 0 as `t`.

    Degrees of freedom are positive, need not be whole, and may be infinite: then it is the normal distribution's.
    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), equations 26.7.1 and 26.5.8.

    >>> round(two_sided(2.228, 10), 4), round(two_sided(1.96, math.inf), 4)
    (0.05, 0.05)
    """
    if freedom > _MANY:
        return math.erfc(abs(t) / math.sqrt(2))
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def below(t: float, freedom: float) -> float:
    """Chance, in [0, 1], that Student's t lies below `t`: its distribution function.

    >>> round(below(-2.228, 10), 4), round(below(2.228, 10), 4)
    (0.025, 0.975)
    """
    beyond = two_sided(t, freedom) / 2
    return beyond if t < 0 else 1 - beyond


def reach(freedom: float, chance: float = 0.05) -> float:
    """How far from 0 Student's t lies with a chance in (0, 1): the inverse of `two_sided`.

    >>> round(reach(4), 3), round(reach(1), 2)
    (2.776, 12.71)
    """
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > chance:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > chance else (low, middle)
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, of x in [0, 1]."""
    if x in {0.0, 1.0}:
        return x
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, it does not for the complement
        return 1 - _incomplete_beta(1 - x, b, a)
    factor = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return factor * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of equation 26.5.8, from the front (Lentz, Applied Optics 15 (1976) 668-671)."""
    value = top = 1.0
    bottom = 0.0
    for step in range(1, _STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        bottom = 1 / (1 + term * bottom or _TINY)
        top = 1 + term / top or _TINY
        value *= top * bottom
        if abs(top * bottom - 1) < _CLOSE:
            break
    return 1 / value
