"""Sampling weights by origin: text that is probably AI-made is seen less often, and probably human text more often.

Where nobody can tell what wrote a document, dropping on suspicion loses human text. Weights proportional to
(1 - p)^k, p the probability of AI in a document's making, keep all of it: resampling by them, with bounded repeats,
held off collapse over ten generations of models that were trained on text of unknown origin [1].

The authors' setting is k = 10, upsample = 1.5, max_repeats = 3. That p was a detector's, which is bolder than the
posterior probability here: compare effective sizes before copying it. They draw one after the other from max_repeats
copies of each document, without replacement, so what is drawn often runs out; here the mean number of copies is in
proportion right up to the bound.

[1] Drayson, Yilmaz and Lampos, Machine-generated text detection prevents language model collapse, arXiv:2502.15654,
    and its code, data_selection_strategy.py.
[2] Kish, Survey Sampling, Wiley 1965, section 11.7: the size of an equally weighted sample that is as precise.
"""

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

_TINY = np.finfo(np.float64).tiny


def origin_weights(
    log10_odds: NDArray[np.floating],
    *,
    k: float = 1.0,
    floor: float = 0.0,
    max_repeats: float = 3.0,
    upsample: float = 1.0,
) -> NDArray[np.float64]:
    """How often each document is to be seen: min(max_repeats, c max(floor, (1 - p)^k)), shape (documents,).

    c makes the weights add up to `upsample` times the number of documents. What the bound cuts off goes to the others
    in proportion.

    >>> origin_weights(np.array([-9.0, 0.0, 9.0])).round(3).tolist()
    [2.0, 1.0, 0.0]

    Args:
        log10_odds: of AI in each document's making against none.
        k: exponent, at least 0; 0 weighs all alike.
        floor: least (1 - p)^k that is taken, in [0, 1].
        max_repeats: greatest weight, at least 1.
        upsample: mean weight, above 0 and at most `max_repeats`.

    Raises:
        DataError: an argument is out of its range, or the odds of a document are no finite number.
    """
    if not (0 <= k < np.inf and 0 <= floor <= 1 and max_repeats >= 1 and 0 < upsample <= max_repeats):
        raise DataError(
            f"k is {k}, floor {floor}, max_repeats {max_repeats} and upsample {upsample}. Give a k of 0 or more, a "
            "floor in [0, 1], max_repeats of 1 or more and upsample above 0 and up to max_repeats."
        )
    odds = log10_odds.astype(np.float64)
    wrong = ~np.isfinite(odds)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"log10_odds[{at}] is {odds[at]}. Pass the odds of every document, as finite numbers."
        )
    if not odds.size:
        return odds
    # in logarithms, so that no k makes all of them 0
    logs = -k * np.logaddexp(0.0, odds * np.log(10))
    if floor:
        logs = np.maximum(logs, np.log(floor))
    return _filled(logs, most=max_repeats, total=upsample * odds.size)


def effective_size(weights: NDArray[np.floating]) -> float:
    """Effective sample size of [2], (sum w)^2 / sum w^2, from 0 (no weight at all) to the number of documents.

    >>> effective_size(np.array([2.0, 2.0, 0.0]))
    2.0
    """
    weights = weights.astype(np.float64)
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def _filled(logs: NDArray[np.float64], *, most: float, total: float) -> NDArray[np.float64]:
    """min(most, c exp(logs)) with the c at which they add up to `total`, which is at most `most` for each.

    The largest reach the bound first: with the n largest at it, c = (total - n most) / (sum of the others), and n is
    the smallest number at which the next one stays within it.
    """
    falling = np.sort(logs)[::-1]
    others = np.logaddexp.accumulate(falling[::-1])[
        ::-1
    ]  # logarithm of the sum of the n-th and all smaller ones
    left = total - most * np.arange(logs.size)
    fits = (left > 0) & (np.log(np.maximum(left, _TINY) / most) <= others - falling)
    if not fits.any():  # all are at the bound, but for rounding
        return np.full(logs.size, most)
    n = int(fits.argmax())
    tail = left[n] * np.exp(np.minimum(logs, falling[n]) - others[n])
    return np.asarray(np.where(logs > falling[n], most, np.minimum(most, tail)))
