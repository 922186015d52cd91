"""Evidence that may be multiplied: e-values from p-values.

An e-value is a non-negative number whose mean is at most 1 if there is nothing to find, so that 1,000 is seen by chance
in at most 1 of 1,000 cases (Markov). Unlike p-values, e-values can be put together without knowing how they hang
together: their mean is an e-value whatever the dependence, and so is their product if they are independent [1].

[1] Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 49 (2021) 1736-1754,
    arXiv:1912.06116: section 2 for calibrators, 3 and 4 for means and products.
[2] Shafer, Shen, Vereshchagin and Vovk, Test martingales, Bayes factors and p-values, Statistical Science 26 (2011)
    84-101: the family kappa p^(kappa - 1).
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

KAPPA = 0.5
"""e = 1 / (2 sqrt(p)): gives up little at any p from 1e-2 to 1e-12 against the best kappa, -1 / ln p."""
CAP = 6.0
"""log10 of the most that one watermark may weigh as evidence: beyond a million to one, that a key leaked, a table was
damaged or a program is wrong is likelier than what the number says."""

Floats: TypeAlias = NDArray[np.float64]


def log10_e_values(p: NDArray[np.floating], *, kappa: float = KAPPA) -> Floats:
    """log10 of the e-value kappa p^(kappa - 1) of each p-value [2]: its integral over p in (0, 1] is 1.

    P-values of discrete statistics, and conservative ones, give means below 1.

    >>> log10_e_values(np.array([1e-4, 1.0])).round(4).tolist()
    [1.699, -0.301]

    Raises:
        DataError: a p-value is not in (0, 1], or kappa not in (0, 1).
    """
    if not 0 < kappa < 1:
        raise DataError(f"kappa is {kappa}. Give a number inside (0, 1), such as 0.5.")
    _check(p)
    return np.asarray(math.log10(kappa) + (kappa - 1) * np.log10(p), np.float64)


def log10_mean(log10_e: NDArray[np.floating], *, axis: int = -1) -> Floats:
    """log10 of the mean of e-values along an axis: an e-value whatever their dependence.

    For looks at one document that may hang together: several keys of one scheme, several parts of one text.

    >>> float(log10_mean(np.array([2.0, 0.0, 0.0])).round(4))
    1.5315

    Raises:
        DataError: there is none along the axis, or one is NaN.
    """
    values = _checked(log10_e, axis)
    highest = values.max(axis=axis, keepdims=True)
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        mean = np.log10(np.mean(10.0 ** (values - shift), axis=axis))
    return np.asarray(mean + np.squeeze(shift, axis), np.float64)


def log10_product(log10_e: NDArray[np.floating], *, axis: int = -1) -> Floats:
    """log10 of the product of independent e-values along an axis: of different keys, or of texts that share no n-gram.

    Raises:
        DataError: there is none along the axis, or one is NaN.
    """
    return np.asarray(_checked(log10_e, axis).sum(axis=axis), np.float64)


def log10_evidence(p: NDArray[np.floating]) -> Floats:
    """What a watermark weighs as evidence of AI, log10: the e-value of its p-value, from 0 to `CAP`.

    Negative values are 0: text without this mark is no less likely to be AI-made for want of it.

    >>> log10_evidence(np.array([1.0, 1e-6, 1e-300])).round(3).tolist()
    [0.0, 2.699, 6.0]

    Raises:
        DataError: a p-value is not in (0, 1].
    """
    return np.clip(log10_e_values(p), 0.0, CAP)


def _check(p: NDArray[np.floating]) -> None:
    wrong = ~((p > 0) & (p <= 1))
    if wrong.any():
        raise DataError(f"p holds {np.asarray(p)[wrong].ravel()[0]:g}. Pass p-values above 0 and up to 1.")


def _checked(log10_e: NDArray[np.floating], axis: int) -> Floats:
    values = np.asarray(log10_e, np.float64)
    if not values.ndim or not values.shape[axis]:
        raise DataError(f"log10_e has shape {values.shape}. Pass one e-value or more along axis {axis}.")
    if np.isnan(values).any():
        raise DataError("log10_e holds NaN. Leave out what has no e-value.")
    return values
