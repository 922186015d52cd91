"""In which order items are shown: what a label is worth most for comes first, and among it a part drawn by lot.

The part drawn by lot is what estimates rest on, since everything else was chosen for being doubtful. It is the
beginning of one random order of the whole pool, which hangs on the seed and on ids alone: not on values, nor on how
many items are asked for, so that a larger queue holds the random part of a smaller one. The other places go to the
highest values. Random items, items for two readers, hidden repeats and gold are spread evenly, each stretch of
`STRETCH` places with its share at places drawn by lot, so that a queue that is left half-way has its shares too, and
no place tells a reader what stands there.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, InputError

STRETCH = 10
"""Places among which each part has its share: small enough that a short sitting meets all of them."""
MOST_REPEATS, MOST_GOLD = 0.2, 0.5
"""A reader who is shown more items twice than every fifth notices; gold beyond half leaves little to learn."""

Draws: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much of a queue each part is, in [0, 1].

    Raises:
        InputError: a share is outside its range.
    """

    random: float = 0.2  # of the items, drawn by lot from the pool
    overlap: float = 0.1  # of the items, which two readers see
    repeats: float = 0.07  # of the items, which each of their readers sees twice; at most `MOST_REPEATS`
    gold: float = 0.05  # for each item, of known label, on top of them; at most `MOST_GOLD`

    def __post_init__(self) -> None:
        for name, most, means in (
            ("random", 1.0, "the share of items drawn by lot"),
            ("overlap", 1.0, "the share of items for two readers"),
            ("repeats", MOST_REPEATS, "the share of items that a reader is shown twice"),
            ("gold", MOST_GOLD, "the items of known label for each other item"),
        ):
            share = getattr(self, name)
            if not 0 <= share <= most:
                raise InputError(
                    f"{name} is {share}: {means} is in [0, {most:g}]. Give a number in that range."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A place of the queue, and who sits there."""

    at: int  # position in the pool; of gold, among the gold
    is_gold: bool = False
    rank: int | None = None  # from 0, in the random order of the pool; None: its value put it here
    readers: int = 1
    repeated: bool = False


def draws(seed: int, use: str, ids: Iterable[str | int]) -> Draws:
    """A random number for each id, shape (ids,), always the same for the same seed, use and id.

    The first 64 bits of SHA-256 of all three. Two of a million ids share a number with a chance of 3e-8.
    """
    start = hashlib.sha256(json.dumps([seed, use]).encode())

    def number(name: str | int) -> bytes:
        state = start.copy()
        state.update(str(name).encode("utf-8", "surrogatepass"))
        return state.digest()[:8]

    return np.frombuffer(b"".join(map(number, ids)), ">u8").astype(np.uint64)


def ordered(
    pool: Draws,
    values: NDArray[np.float64],
    *,
    size: int,
    shares: Shares,
    seed: int = 0,
    gold: Draws | None = None,
) -> tuple[Seat, ...]:
    """Who sits where.

    Exactly `round(shares.random * size)` seats are drawn by lot, `round(shares.overlap * size)` have two readers, and
    `round(shares.repeats * size)` are shown again; half is rounded up. `round(shares.gold * size)` seats of gold come
    on top, as far as there is gold, each once.

    Args:
        pool: a random number for each item that may be asked about (`draws`), shape (items,).
        values: what a label is worth, shape (items,), 0 or more.
        size: items of the queue, 1 or more; all of the pool where it has fewer.
        shares: of the parts.
        seed: of the places.
        gold: a random number for each item of gold, shape (gold,).

    Raises:
        DataError: the pool is empty, the shapes differ, or a value is negative or no number.
        InputError: the size is below 1.
    """
    _check(pool, values, size)
    size = min(size, pool.size)
    lot = np.argsort(pool, kind="stable")
    many = rounded(shares.random, size)
    is_left = np.ones(pool.size, np.bool_)
    is_left[lot[:many]] = False
    by_value = np.lexsort((pool, -values))
    valued = by_value[is_left[by_value]][: size - many]
    is_random = spread(size, many, seed, "random")
    at = np.empty(size, np.int64)
    at[is_random], at[~is_random] = lot[:many], valued
    rank = np.where(is_random, np.cumsum(is_random) - 1, -1)
    twice = spread(size, rounded(shares.overlap, size), seed, "overlap")
    again = spread(size, rounded(shares.repeats, size), seed, "repeats")
    seats = (
        Seat(at=one, rank=None if place < 0 else place, readers=1 + double, repeated=repeated)
        for one, place, double, repeated in zip(
            at.tolist(), rank.tolist(), twice.tolist(), again.tolist(), strict=True
        )
    )
    known = np.argsort(np.zeros(0) if gold is None else gold, kind="stable")
    known = known[: rounded(shares.gold, size)]
    of_gold = (Seat(at=one, is_gold=True) for one in known.tolist())
    is_gold = spread(size + known.size, known.size, seed, "gold")
    return tuple(next(of_gold) if here else next(seats) for here in is_gold.tolist())


def spread(places: int, many: int, seed: int, use: str) -> NDArray[np.bool_]:
    """Places, shape (places,), of which `many` are chosen: evenly over stretches, in each by lot."""
    chosen = np.zeros(places, np.bool_)
    numbers = draws(seed, f"place of {use}", range(places))
    for first in range(0, places, STRETCH):
        last = min(first + STRETCH, places)
        here = _part(many, last, places) - _part(many, first, places)
        chosen[first + np.argsort(numbers[first:last], kind="stable")[:here]] = True
    return chosen


def _part(many: int, place: int, places: int) -> int:
    """How many of `many` lie before a place, in whole numbers, so that the last stretch makes the sum exact."""
    return (2 * many * place + places) // (2 * places)


def rounded(share: float, size: int) -> int:
    """How many of `size` a share is; half is rounded up."""
    return min(size, int(share * size + 0.5))


def _check(pool: Draws, values: NDArray[np.float64], size: int) -> None:
    if pool.shape != values.shape or pool.ndim != 1:
        raise DataError(f"pool has shape {pool.shape} and values {values.shape}. Pass one of each per item.")
    if not pool.size:
        raise DataError("The pool is empty. Pass at least one item.")
    wrong = np.flatnonzero(~(values >= 0) | np.isinf(values))
    if wrong.size:
        raise DataError(f"values[{wrong[0]}] is {values[wrong[0]]}. Values are 0 or more, and finite.")
    if size < 1:
        raise InputError(f"The size is {size}. Ask for 1 item or more.")
