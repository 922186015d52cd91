"""Which items to train on: drawn by weights that a detector, or a model's own surprise, gives them.

Two rules that were published against collapse where nobody knows what models wrote. With the weight of an item

    detector    (1 - p(AI)) ** power, where p(AI) is a detector's probability that a model wrote it [1]
    surprise    perplexity ** power, where perplexity is exp of the item's surprise under the model that wrote last or
                is trained next, in nats a word. An infinite power takes the most surprising ones, which is what the
                paper does [2]: all earlier documents, those of people among them, are sorted by perplexity a token
                under the current model, and as many as one generation writes are kept, each once

Items are drawn one after the other, with chances in proportion to their weight. Weights are told as natural logarithms:
the smallest have no room among floats.

Neither rule knows good from bad. What surprises a model is what it has not learned: rare things, and garbage. Where a
model's output repeats, people surprise it more, and stay; where it drifts into noise, garbage surprises it more than
people do, and theirs goes first (measured: docs/policies.md). Read the tail and the noise of what is selected beside
a draw at random of the same size.

[1] Drayson, Yilmaz and Lampos, Machine-generated text detection prevents language model collapse, arXiv:2502.15654:
    power 10, 1.5 times as many as there were, each at most 3 times (their code).
[2] Gambetta et al., Learning by surprise, arXiv:2410.12341; the rule as their code has it, dgambit/LLM_surplexity on
    GitHub, commit ec4ea29: `fine_tuning.py`, filter MPP, and `metrics.py`, model_perplexity.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Numbers: TypeAlias = NDArray[np.float64]  # shape (..., items)
Rule: TypeAlias = Literal["random", "detector", "surprise"]

POWER = 10.0
"""Of a detector's weights, as published [1]."""
_SUREST = 1e-12
"""Of p(AI): nobody is surer, and no item's weight is nothing."""
_APART = 1_000.0
"""Between logarithms of weights of which the larger is always drawn first: chance moves them by 45 at most."""
_STEEPEST = 1e6
"""Power of surprise from which on only the order counts: a thousandth of a nat is then a thousand."""


def detector_weights(log_odds: Numbers, power: float = POWER) -> Numbers:
    """Logarithms of (1 - p(AI)) ** power.

    >>> np.exp(detector_weights(log_odds_of(np.array([0.0, 0.5, 0.9])), power=2)).round(3).tolist()
    [1.0, 0.25, 0.01]

    Args:
        log_odds: of p(AI), natural, which tell near certainties apart; see `log_odds_of`.
        power: 0 or more; 0 makes all weights equal.
    """
    weights: Numbers = -power * np.logaddexp(0, log_odds)
    return weights


def log_odds_of(p_ai: Numbers) -> Numbers:
    """Natural log odds of probabilities in [0, 1]; those nearer to 0 or 1 than 1e-12 are taken to be so far from it.

    Raises:
        DataError: one is no probability.
    """
    if not ((p_ai >= 0) & (p_ai <= 1)).all():
        raise DataError("A detector's p(AI) is not in [0, 1]. Give one probability for each item.")
    kept = np.clip(p_ai, _SUREST, 1 - _SUREST)
    found: Numbers = np.log(kept) - np.log1p(-kept)
    return found


def surprise_weights(nats_per_word: Numbers, power: float = math.inf) -> Numbers:
    """Logarithms of perplexity ** power, up to one number for all; of an infinite power, by the order of perplexities.

    Items of infinite surprise come before all others, or after them at a negative power. Items without words have
    none, NaN, and come last: nothing is learnt from them.

    >>> surprise_weights(np.array([5.0, 7.0, 6.0]), power=2).tolist()
    [10.0, 14.0, 12.0]
    >>> surprise_weights(np.array([5.0, 7.0, 6.0])).tolist()
    [0.0, 2000.0, 1000.0]

    Args:
        nats_per_word: negative log-likelihood of each item over its words, in nats, under one model.
        power: above 0 prefers what surprises, below 0 what does not; 0 makes all weights of items with words equal.
    """
    said = ~np.isnan(nats_per_word)
    if abs(power) >= _STEEPEST:
        values = np.where(said, math.copysign(1, power) * nats_per_word, -np.inf)
        return np.where(said, _APART * _ranks(values), -_APART)
    with np.errstate(over="ignore"):
        weights = power * np.where(np.isfinite(nats_per_word), nats_per_word, 0.0)
    finite = np.isfinite(nats_per_word) & np.isfinite(weights)
    ends = weights[finite] if finite.any() else np.zeros(1)
    first, last = float(ends.max()) + _APART, float(ends.min()) - _APART
    endless = 0.0 if power == 0 else first if power > 0 else last
    weights = np.where(finite, weights, endless)
    return np.where(said, weights, last - _APART)


def _ranks(values: Numbers) -> Numbers:
    """Places in rising order along the last axis, equal ones of equal values."""
    rows = values.reshape(-1, values.shape[-1])
    ranks = [np.unique(row, return_inverse=True)[1] for row in rows]
    return np.array(ranks, np.float64).reshape(values.shape)


def redraw(log_weights: Numbers, size: int, waits: Numbers, *, repeats: int = 1) -> NDArray[np.int64]:
    """Items drawn one after the other without replacement from `repeats` copies of each, in rising order.

    Each draw takes an item with a chance in proportion to the weight of what is left of it: by the largest keys
    log(u) / weight [3].

    [3] Efraimidis and Spirakis, Weighted random sampling with a reservoir, Information Processing Letters 97 (2006)
        181-185.

    >>> weights = surprise_weights(np.array([5.0, 7.0, 6.0, 4.0]))
    >>> redraw(weights, 2, np.random.default_rng(0).standard_exponential(4)).tolist()
    [1, 2]

    Args:
        log_weights: shape (..., items).
        size: of the draw; all copies where it is larger.
        waits: standard exponential numbers, shape (..., items * repeats), the copies of an item side by side: of a
            generator, or of `hashed_waits`, which hang on the items' names and not on their places.
        repeats: copies of each item.

    Returns: shape (..., size).

    Raises:
        DataError: the shapes do not fit, or nothing is drawn.
    """
    copies = np.repeat(log_weights, repeats, axis=-1)
    if copies.shape != waits.shape or size < 1:
        raise DataError(
            f"There are {copies.shape[-1]:,} copies of items and {waits.shape[-1]:,} random numbers, and {size:,} are "
            "drawn. Give one number for each copy, and draw 1 at least."
        )
    # log(-log(u)) - log(weight) keeps the order of log(u) / weight, and weights too small for a float apart.
    keys = np.log(waits) - copies
    drawn = np.argsort(keys, axis=-1, kind="stable")[..., :size]
    return np.sort(drawn // repeats, axis=-1).astype(np.int64)


def hashed_waits(ids: Sequence[str], *, seed: int, repeats: int = 1) -> Numbers:
    """Standard exponential numbers of the copies of items, shape (items * repeats,), made from names and seed alone.

    So a draw is the same in whatever order items come.
    """
    waits = np.empty(len(ids) * repeats)
    for place, name in enumerate(ids):
        for copy in range(repeats):
            digest = hashlib.sha256(json.dumps([seed, name, copy]).encode()).digest()
            number = (
                int.from_bytes(digest[:8], "big") >> 12
            )  # 52 bits: a float also holds the half that is added
            waits[place * repeats + copy] = -math.log((number + 0.5) / 2**52)
    return waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How items are selected before a model is trained on them. Equal ones are written with equal bytes.

    `random` is the control: as many items, whatever a detector or a model says of them.
    """

    by: Rule
    power: float | None = None  # None: as published: 10 for a detector, infinite for surprise
    share: float = 0.5  # items drawn over items there are, above 0
    repeats: int = 1  # times that one item is drawn at most

    def __post_init__(self) -> None:
        if self.by not in get_args(Rule):
            raise DataError(f"Nothing is selected by {self.by!r}. Choose {', '.join(get_args(Rule))}.")
        if self.repeats < 1 or not 0 < self.share <= self.repeats:
            raise DataError(
                f"A selection draws {self.share:g} of its items, and each at most {self.repeats} times. Give a share "
                "above 0, and as many repeats at least."
            )
        if self.power is not None and math.isnan(self.power):
            raise DataError("The power of a selection is no number. Give one, or none for the published one.")
        if self.by == "detector" and not 0 <= (POWER if self.power is None else self.power) < math.inf:
            raise DataError(f"The power of a detector's weights is {self.power}. Give 0 or more, such as 10.")


def select(
    ids: Sequence[str],
    selection: Selection,
    *,
    seed: int,
    p_ai: Numbers | None = None,
    nats_per_word: Numbers | None = None,
) -> NDArray[np.int64]:
    """Places of the selected items, rising, with repeats where a selection has them; shape (selected,).

    The same items are selected in whatever order they are given.

    >>> selection = Selection(by="surprise", share=0.5)
    >>> select(["a", "b", "c", "d"], selection, seed=0, nats_per_word=np.array([5.0, 7.0, 6.0, 4.0])).tolist()
    [1, 2]

    Args:
        ids: of the items, each its own.
        selection: the rule.
        seed: of the draw.
        p_ai: a detector's probability that a model wrote the item; for `detector`.
        nats_per_word: surprise of the current model at the item, NaN without words; for `surprise`.

    Raises:
        DataError: there is no item, one id has two items, or the rule is not given what it weighs by.
    """
    if not ids:
        raise DataError("There is no item to select from. Give at least one.")
    if len(set(ids)) != len(ids):
        raise DataError("Two items to select from share an id. Give each one its own.")
    weights = _weights(len(ids), selection, p_ai, nats_per_word)
    waits = hashed_waits(ids, seed=seed, repeats=selection.repeats)
    size = max(1, round(selection.share * len(ids)))
    return redraw(weights, size, waits, repeats=selection.repeats)


def _weights(
    items: int, selection: Selection, p_ai: Numbers | None, nats_per_word: Numbers | None
) -> Numbers:
    if selection.by == "random":
        return np.zeros(items)
    told = p_ai if selection.by == "detector" else nats_per_word
    given = None if told is None else np.asarray(told, np.float64)
    if given is None or given.shape != (items,):
        name = "p_ai" if selection.by == "detector" else "nats_per_word"
        raise DataError(
            f"A selection by {selection.by} weighs {items:,} items by {name}, and was given "
            f"{'none' if given is None else f'{given.size:,} numbers'}. Give one for each item."
        )
    if selection.by == "detector":
        return detector_weights(log_odds_of(given), POWER if selection.power is None else selection.power)
    return surprise_weights(given, math.inf if selection.power is None else selection.power)
