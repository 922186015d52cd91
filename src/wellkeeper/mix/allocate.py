"""How much of each cell of a corpus a mix may take: the information projection onto the constraints.

Documents fall into cells by source, month and class. Every constraint says that a group of cells may hold
at most a share of the whole: a source, a month, the synthetic documents, or (a floor of human text, turned
round) the documents not known to be human. A group of mass x beside a rest of mass R keeps to the share c
exactly while x <= c / (1 - c) * R.

Each group has a factor in [0, 1], and a cell's allocation is its mass times the factors of its groups. The
factors start at 1. One after another, each family of groups gets the largest factors that its own limit
allows while the others stand (for caps, several groups are cut down to one common level, in closed form),
until nothing moves. That is dual coordinate ascent for the projection in the sense of Csiszar [1], with the
corrections that let a factor rise again when another constraint has taken over [2]. It follows that

- the allocation's composition is the one closest to the corpus, in Kullback-Leibler divergence, of all that
  satisfy the constraints, hence unique and without regard to any order;
- a factor is below 1 only where its constraint binds, so a cell outside all binding groups is taken whole,
  and no cell could be given more by itself.

It is not always the largest allocation: a linear programme may find more by favouring some cells over others
of the same group, for example by taking from a capped source only what no other constraint wants. The tests
measure that gap.

[1] Csiszar, I-divergence geometry of probability distributions, Annals of Probability 3 (1975) 146-158.
[2] Bauschke and Lewis, Dykstra's algorithm with Bregman projections, Optimization 48 (2000) 409-427.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix.plan import CAP_MONTH, CAP_SOURCE, HUMAN_FLOOR, SYNTHETIC_SHARE

Masses: TypeAlias = NDArray[np.float64]  # shape (cells,): in the mix's unit, >= 0

_SWEEPS = 2000
_STILL = 1e-12  # a sweep that moves every factor by less has converged
_EXCESS = 1e-4
"""Excess over a limit, as a share of the mix, that is left to whole documents to repair. Convergence is
linear unless the constraints leave no room at all around their only solution, which is found this closely."""
_VANISHED = 1e-12  # share of the corpus below which an allocation counts as empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Groups of cells that exclude each other and share one limit."""

    name: str
    limit: float  # largest share of the whole that one group may hold
    group: NDArray[
        np.int64
    ]  # shape (cells,): 0-based group of each cell, -1 for cells the limit does not concern
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What may be taken of each cell, and how far each family cut it down."""

    mass: Masses
    factors: Mapping[str, NDArray[np.float64]]  # by family name, shape (cells,), in [0, 1]
    feasible: bool


def families(
    limits: Mapping[str, float],
    *,
    source: NDArray[np.int64],
    month: NDArray[np.int64],
    synthetic: NDArray[np.bool_],
    human: NDArray[np.bool_],
) -> tuple[Family, ...]:
    """The constraints of a plan over cells; arrays of shape (cells,), `month` -1 for undated cells.

    >>> cells = {"source": np.zeros(1, int), "month": np.zeros(1, int)}
    >>> cells |= {"synthetic": np.array([True]), "human": np.array([False])}
    >>> (floor,) = families({"human-floor": 0.6}, **cells)
    >>> floor.limit, floor.group
    (0.4, array([0]))
    """
    groups = {
        CAP_SOURCE: source,
        CAP_MONTH: month,
        SYNTHETIC_SHARE: np.where(synthetic, 0, -1),
        HUMAN_FLOOR: np.where(human, -1, 0),
    }
    return tuple(
        Family(
            name=name,
            limit=1 - limits[name] if name == HUMAN_FLOOR else limits[name],
            group=group,
            groups=int(group.max(initial=-1)) + 1,
        )
        for name, group in groups.items()
        if name in limits
    )


def allocate(available: Masses, constraints: tuple[Family, ...]) -> Allocation:
    """The allocation that the module describes; not `feasible` if only the empty mix satisfies all."""
    factors = [np.ones(len(available)) for _ in constraints]
    for _ in range(_SWEEPS):
        moved = 0.0
        for k, family in enumerate(constraints):
            others = available * _product(factors[:k] + factors[k + 1 :], len(available))
            found = _largest_factors(family, others)
            moved = max(moved, float(np.abs(found - factors[k]).max(initial=0.0)))
            factors[k] = found
        vanished = (available * _product(factors, len(available))).sum() <= _VANISHED * available.sum()
        if moved < _STILL or vanished:
            break
    mass = available * _product(factors, len(available))
    feasible = mass.sum() > _VANISHED * available.sum() and excess(mass, constraints) <= _EXCESS
    taken = np.divide(mass, available, out=np.zeros_like(mass), where=available > 0)
    largest = taken.max(initial=0.0)
    # Where every cell lies in some binding group all factors can rise together: shares do not change.
    mass = np.minimum(available, mass / largest) if largest > 0 else mass
    return Allocation(
        mass=mass,
        factors={family.name: factor for family, factor in zip(constraints, factors, strict=True)},
        feasible=bool(feasible),
    )


def excess(mass: Masses, constraints: tuple[Family, ...]) -> float:
    """How far the worst group exceeds its limit, as a share of the whole; infinite for an empty one."""
    total = mass.sum()
    if total <= 0:
        return np.inf
    worst = (float(held(family, mass).max(initial=0.0) / total) - family.limit for family in constraints)
    return max(worst, default=0.0)


def held(family: Family, mass: Masses) -> NDArray[np.float64]:
    """Mass that each group holds, shape (groups,)."""
    concerned = family.group >= 0
    return np.bincount(family.group[concerned], mass[concerned], family.groups).astype(np.float64)


def loosened(constraints: tuple[Family, ...], name: str, limit: float) -> tuple[Family, ...]:
    """The same constraints with one limit replaced."""
    return tuple(replace(family, limit=limit) if family.name == name else family for family in constraints)


def _product(factors: list[NDArray[np.float64]], cells: int) -> NDArray[np.float64]:
    product = np.ones(cells)
    for factor in factors:
        product *= factor
    return product


def _largest_factors(family: Family, mass: Masses) -> NDArray[np.float64]:
    """Factor of each cell that brings this family to its limit while all others stand."""
    totals = held(family, mass)
    exempt = float(mass[family.group < 0].sum())
    level = _level(totals, exempt, family.limit)
    of_group = np.minimum(1.0, np.divide(level, totals, out=np.ones_like(totals), where=totals > 0))
    return np.append(of_group, 1.0)[family.group]  # group -1 reads the appended 1


def _level(totals: NDArray[np.float64], exempt: float, limit: float) -> float:
    """Largest level L with L <= limit * (exempt + sum of min(total, L)): the mass at which groups are cut.

    With the k largest groups cut, L solves L = limit * (k * L + rest); the right k is the first whose
    solution reaches the next group. Zero if the groups cannot satisfy the limit at any level.

    >>> _level(np.array([8.0, 1.0, 2.0]), 0.0, 0.5), _level(np.array([5.0, 5.0]), 0.0, 0.4)
    (3.0, 0.0)
    """
    descending = np.sort(totals)[::-1]
    rests = exempt + descending.sum() - np.concatenate(([0.0], np.cumsum(descending)))
    shares = 1 - limit * np.arange(len(descending) + 1)
    reached = np.append(descending, 0.0) * (1 - 1e-12)  # a tie with the next group counts as reached
    possible = shares > 1e-12
    levels = np.divide(limit * rests, shares, out=np.zeros_like(rests), where=possible)
    first = np.flatnonzero(possible & (levels >= reached))
    return max(0.0, float(levels[first[0]])) if len(first) else 0.0
