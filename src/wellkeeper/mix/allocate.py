"""How much of each cell a mix takes, before whole documents are chosen.

Three questions, one after the other, each settled before the next is asked:

1. How large can the mix be, up to the size asked for? First with every document once, then, if that is not enough,
   with as many repeats as `epochs` allows (`wellkeeper.mix.programme`).
2. How often must a document be taken at most for that size? The least level that does is the most that any document
   is repeated, so second copies come in only when first ones are not enough. A temperature asks for more of small
   sources than they have; they, and only they, are repeated up to its aim.
3. Which of all allocations of that size is closest to the target composition (`wellkeeper.mix.projection`)? The
   target is the corpus, or the corpus with its sources at shares p^temperature / sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix.cells import Cells
from wellkeeper.mix.families import Family
from wellkeeper.mix.plan import MixPlan
from wellkeeper.mix.programme import Masses, largest, least_level
from wellkeeper.mix.projection import project

_SHORT = 1e-7
"""Part of the largest size that is left to filling, so that there is an inside to project on."""
_LOOSE = 1e-5
"""The same for the least level of repeats: part of it by which it is eased, more than it was found to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What is taken of each cell, and what made it so."""

    mass: Masses
    most: NDArray[np.int64]  # shape (cells,): how often each document may be taken
    level: float  # how often a document had to be taken at most for the size, >= 1
    factors: tuple[NDArray[np.float64], ...]  # by family, shape (groups,): not 1 where a group binds
    sized: bool  # whether the size that was asked for ends the mix, and not its constraints
    divergence: float  # of the composition from the target's, in nats


def allocate(plan: MixPlan, cells: Cells, families: Sequence[Family]) -> Allocation | None:
    """The allocation that the module describes; None if only the empty mix satisfies all."""
    once, amount = cells.mass.astype(np.float64), plan.size.amount
    whole = float(once.sum())
    asked = np.inf if amount is None else float(amount)
    size, level = largest(once, families, asked)[0], 1.0
    if size < asked and (cells.epochs > 1).any():
        repeated = largest(once * cells.epochs, families, asked)[0]
        if repeated > size * (1 + _SHORT):
            size = repeated
            level = least_level(once, cells.epochs, families, size)
    if size <= 0:
        return None
    target, times = _target(plan, cells, once, size)
    often = np.minimum(cells.epochs, np.maximum(level, times))
    eased = 1 + _LOOSE if level > 1 else 1.0
    room = once * np.minimum(cells.epochs, np.maximum(level * eased, times))
    ends = size >= asked * (1 - _SHORT)
    aimed = min(asked, size) if ends else size * (1 - _SHORT)
    if not families and float(room.sum()) <= aimed * (1 + 2 * _SHORT):
        aimed = float(room.sum())
    found = project(target, room, families, aimed)
    return Allocation(
        mass=found.mass,
        most=np.ceil(often - _LOOSE).astype(np.int64),
        level=level,
        factors=found.factors,
        sized=ends and (asked < whole * (1 - 1e-12) or level > 1),
        divergence=_divergence(found.mass, target),
    )


def _target(plan: MixPlan, cells: Cells, once: Masses, size: float) -> tuple[Masses, NDArray[np.float64]]:
    """The composition aimed at, and how often its source must be taken for it, both of shape (cells,)."""
    if plan.temperature is None or plan.temperature == 1:
        return once, np.ones(len(once))
    source = cells.rank["source"]
    held = np.bincount(source, once)
    shares = np.divide(held, held.sum())
    aims = np.power(shares, plan.temperature, out=np.zeros(len(shares)), where=shares > 0)
    factor = np.divide(aims / aims.sum(), shares, out=np.zeros(len(shares)), where=shares > 0)[source]
    return once * factor, factor * size / held.sum()


def _divergence(mass: Masses, target: Masses) -> float:
    taken = mass > 0
    x, q = mass[taken] / mass.sum(), target[taken] / target.sum()
    return max(0.0, float(np.sum(x * np.log(x / q))))
