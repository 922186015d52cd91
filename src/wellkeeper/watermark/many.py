"""One key and many documents: which of them may be called marked, at a stated share of false calls.

A p-value of 1e-6 is strong for one text and comes a hundred times by chance among 100 million. What can be held for a
corpus is the false discovery rate, the expected share of unmarked documents among those that are called marked.

- `by_p_values`: Benjamini and Hochberg [1]. The rate holds if documents are independent or positively dependent [2];
  with `any_dependence` whatever they share, at the price of a factor of about ln n.
- `by_e_values`: e-BH [3]. The rate holds whatever they share, and e-values may have been put together before: of
  several keys, of parts of a text.

Documents that share passages are dependent: one key draws the same numbers for the same n-grams.

[1] Benjamini and Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57 (1995) 289-300.
[2] Benjamini and Yekutieli, The control of the false discovery rate in multiple testing under dependency, Annals of
    Statistics 29 (2001) 1165-1188.
[3] Wang and Ramdas, False discovery rate control with e-values, J. R. Stat. Soc. B 84 (2022) 822-852, arXiv:2009.02824.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.conformal import benjamini_hochberg

_EULER = float(np.euler_gamma)
_ROUNDING = 1e-12  # of a log10 e-value: n / (level k) is rarely a float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discoveries:
    """The documents that are called marked."""

    marked: NDArray[np.bool_]  # shape (documents,)
    level: float  # bound of the false discovery rate, in (0, 1)
    method: str  # benjamini-hochberg, benjamini-yekutieli or e-bh
    threshold: float | None  # the largest p-value, or smallest log10 e-value, that was called; None: none was

    def __len__(self) -> int:
        """How many are called marked."""
        return int(self.marked.sum())


def by_p_values(p: NDArray[np.floating], *, level: float, any_dependence: bool = False) -> Discoveries:
    """Call documents marked by their p-values.

    >>> by_p_values(np.array([1e-5, 0.02, 0.8]), level=0.05).marked.tolist()
    [True, True, False]

    Args:
        p: shape (documents,), in [0, 1].
        level: bound of the false discovery rate, in (0, 1).
        any_dependence: hold it whatever the documents share [2].

    Raises:
        DataError: a p-value is NaN or outside [0, 1], or the level is no rate.
    """
    held = level / _harmonic(p.size) if any_dependence and p.size else level
    marked = benjamini_hochberg(p, held)
    return Discoveries(
        marked=marked,
        level=level,
        method="benjamini-yekutieli" if any_dependence else "benjamini-hochberg",
        threshold=float(p[marked].max()) if marked.any() else None,
    )


def by_e_values(log10_e: NDArray[np.floating], *, level: float) -> Discoveries:
    """Call documents marked by their e-values, given as log10 (`watermark.evalues`).

    With k the largest rank such that the k-th largest e-value is at least n / (level k), those of the k largest.

    >>> by_e_values(np.array([2.0, 1.5, 0.0]), level=0.05).marked.tolist()
    [True, True, False]

    Args:
        log10_e: shape (documents,).
        level: bound of the false discovery rate, in (0, 1).

    Raises:
        DataError: an e-value is NaN, or the level is no rate.
    """
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a rate above 0 and below 1, such as 0.05.")
    values = np.asarray(log10_e, np.float64)
    if np.isnan(values).any():
        raise DataError("log10_e holds NaN. Leave out documents without an e-value.")
    falling = np.sort(values)[::-1]
    needed = np.log10(max(values.size, 1) / level) - np.log10(np.arange(1, values.size + 1))
    passing = np.flatnonzero(falling >= needed - _ROUNDING)
    if not passing.size:
        return Discoveries(
            marked=np.zeros(values.shape, np.bool_), level=level, method="e-bh", threshold=None
        )
    threshold = float(falling[passing[-1]])
    return Discoveries(marked=values >= threshold, level=level, method="e-bh", threshold=threshold)


def _harmonic(terms: int) -> float:
    """1 + 1/2 + ... + 1/terms, from above by less than 1e-14 of it where it is not added up."""
    if terms <= 10**4:
        return float(np.sum(1 / np.arange(1, terms + 1)))
    return float(np.log(terms) + _EULER + 0.5 / terms)
