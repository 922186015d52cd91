"""The composition closest to a target that satisfies every constraint: an information projection.

Of all allocations of a given size that keep the limits and take of each cell no more than it has, the one with the
least Kullback-Leibler divergence from the target's composition [1]. The divergence is strictly convex, so there is
exactly one, and it does not depend on any order. It has the form

    mass of a cell = target * factor of the whole * factors of its groups * factor of its own room

where a factor is below 1 only for a group at its upper limit (or a cell taken whole), and above 1 only for a group at
its lower one. So cells that no binding group tells apart keep the proportions of the target.

Since the size is given, every limit is linear, and the problem is solved by a primal-dual interior-point method [2]:
some thirty Newton steps, whatever the geometry, where scaling the factors in turn can take thousands near a corner.
As in `wellkeeper.mix.programme` groups join only when they are beyond their limit, and cells that no group in use
tells apart are one variable; the matrix of a Newton step has a row for each group in use.

[1] Csiszar, I-divergence geometry of probability distributions, Annals of Probability 3 (1975) 146-158.
[2] Wright, Primal-dual interior-point methods, SIAM 1997, chapters 5 and 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix.families import Family
from wellkeeper.mix.programme import Active, Masses, Programme

_STEPS = 120
_GAP = 1e-11  # of the size, a complementarity product; and of residuals
_CENTRED = 0.15  # part of the gap that a step aims at
_INSIDE = 0.99  # of the way to the boundary that a step may go
_EASED = 1e-8
"""Part of a limit by which it is eased, so that there is an inside where limits meet in a point. The whole documents
are held to the limits themselves."""
_BEYOND = 1e3  # what a share beyond a limit costs, of differences from the target
_BINDS = 1e-6  # a multiplier above it belongs to a limit that shapes the mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What is to be taken of each cell, and which limits made it so."""

    mass: Masses
    factors: tuple[NDArray[np.float64], ...]  # by family, shape (groups,): 1 where a group does not bind


def project(target: Masses, room: Masses, families: Sequence[Family], size: float) -> Projection:
    """The mix of this size, closest to the target, that satisfies all; there must be one.

    Args:
        target: shape (cells,); only its proportions matter, and where it is 0 nothing is taken.
        room: shape (cells,): what each cell has at most.
        families: the constraints.
        size: of the mix, > 0 and no more than the sum of `room`.
    """
    active = Active(families)
    shares = [family.shares(size) for family in families]
    ratio = np.divide(room, target, out=np.zeros(len(target)), where=target > 0)
    kind = np.unique(ratio, return_inverse=True)[1]
    factors = tuple(np.ones(family.groups) for family in families)
    while True:
        mass, factors = _projected(target, room, active, kind, shares, size)
        if not active.admit(mass, shares, size):
            return Projection(mass=mass, factors=factors)


def _projected(
    target: Masses,
    room: Masses,
    active: Active,
    kind: NDArray[np.integer],
    shares: Sequence[NDArray[np.float64]],
    size: float,
) -> tuple[Masses, tuple[NDArray[np.float64], ...]]:
    """The same with the groups in use alone."""
    grouped = active.grouped(kind)
    problem = _Problem(
        target=grouped.sums(np.where(room > 0, target, 0.0)) / float(target.sum()),
        room=grouped.sums(room) / size,
        rows=_rows(active, grouped.group),
        bounds=np.concatenate([
            limits[used] * (1 - _EASED if family.lower else 1 + _EASED)
            for family, limits, used in zip(active.families, shares, active.groups, strict=True)
        ] or [np.zeros(0)]),
        sign=np.concatenate([
            np.full(int(used.sum()), -1.0 if family.lower else 1.0)
            for family, used in zip(active.families, active.groups, strict=True)
        ] or [np.zeros(0)]),
    )  # fmt: skip
    found, multipliers = problem.solve()
    held = grouped.sums(target)
    part = np.divide(found * size, held, out=np.zeros(len(held)), where=held > 0)
    mass = np.minimum(room, target * part[grouped.of])
    return mass, _factors(active, multipliers)


def _rows(active: Active, groups: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """By family, shape (classes,): the row of each class, -1 where it has none."""
    rows, first = [], 0
    for family, used, group in zip(active.families, active.groups, groups, strict=True):
        number = np.full(family.groups + 1, -1, np.int64)
        number[np.flatnonzero(used)] = first + np.arange(int(used.sum()))
        first += int(used.sum())
        rows.append(number[group])
    return rows


def _factors(active: Active, multipliers: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    found, first = [], 0
    for family, used in zip(active.families, active.groups, strict=True):
        factors = np.ones(family.groups)
        mine = multipliers[first : first + int(used.sum())]
        mine = np.where(mine > _BINDS, mine, 0.0)
        factors[used] = np.exp(np.minimum(mine, 700.0) * (1.0 if family.lower else -1.0))
        first += int(used.sum())
        found.append(factors)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """Minimise sum x log(x / target), where x sums to 1, 0 <= x <= room, and sign * rows(x) <= sign * bounds."""

    target: Masses  # shape (classes,)
    room: Masses
    rows: list[NDArray[np.int64]]
    bounds: NDArray[np.float64]  # shape (rows,)
    sign: NDArray[np.float64]

    def solve(self) -> tuple[Masses, NDArray[np.float64]]:
        """The solution and the multipliers of the rows, >= 0."""
        if self.room.sum() <= 1 + 1e-9:
            return self.room, np.zeros(len(self.bounds))
        simple = self.target / self.target.sum()
        if not len(self.bounds) and (simple <= self.room).all():
            return simple, np.zeros(0)
        found = self._interior()
        return found if found is not None else (self._nearest(), np.zeros(len(self.bounds)))

    def _interior(self) -> tuple[Masses, NDArray[np.float64]] | None:
        """By interior points; None where steps get nowhere."""
        used = self.room > 0
        q, u = self.target[used], self.room[used]
        rows = [row[used] for row in self.rows]
        many = len(self.bounds)
        x = np.minimum(q / q.sum(), 0.9 * u)
        t = u - x
        s = np.maximum(
            self.sign * (self.bounds - _applied(rows, x, many)), 1e-2 * np.maximum(self.bounds, 1e-9)
        )
        z, w = 0.1 / np.maximum(s, 1e-3), np.full(len(x), 1e-2)
        total = 0.0
        for _ in range(_STEPS):
            gap = (s @ z + t @ w) / (many + len(x))
            multipliers = _spread(rows, self.sign * z, len(x)) + total
            r1 = np.log(x / q) + multipliers + w
            r2 = self.sign * (_applied(rows, x, many) - self.bounds) + s
            r3, r4 = x + t - u, float(x.sum()) - 1
            residual = max(_largest(x * r1), _largest(r2), _largest(r3), abs(r4))
            if residual < 10 * _GAP and gap * (many + len(x)) < 1e3 * _GAP:
                return self._whole(used, x), z
            mu = _CENTRED * gap
            d = 1 / (1 / x + w / t)
            rho = r1 + (mu - t * w + w * r3) / t
            matrix = _gram(rows, d, many, self.sign)
            matrix[np.arange(many), np.arange(many)] += s / z
            right = np.append(
                r2 - self.sign * _applied(rows, d * rho, many) + mu / z - s, r4 - float(d @ rho)
            )
            try:
                step = np.linalg.solve(matrix, right)
            except np.linalg.LinAlgError:
                return None
            dz, dtotal = step[:-1], float(step[-1])
            dx = -d * (rho + _spread(rows, self.sign * dz, len(x)) + dtotal)
            dt = -r3 - dx
            dw = (mu - t * w - w * dt) / t
            ds = (mu - s * z - s * dz) / z
            primal = min(_reach(x, dx), _reach(t, dt), _reach(s, ds))
            dual = min(_reach(z, dz), _reach(w, dw))
            if not np.isfinite(primal + dual) or max(primal, dual) < 1e-12:
                return None
            x, t, s = x + primal * dx, t + primal * dt, s + primal * ds
            z, w, total = z + dual * dz, w + dual * dw, total + dual * dtotal
        return None

    def _nearest(self) -> Masses:
        """Where interior points fail: the point within the limits with the least sum of differences from the target.

        If rounding leaves none, the point that is least beyond them.
        """
        programme = Programme()
        aim = np.minimum(self.target / self.target.sum(), self.room)
        x = programme.variables(len(aim), upper=self.room)
        over = programme.variables(len(aim), cost=1.0)
        under = programme.variables(len(aim), cost=1.0)
        same = programme.constraints(len(aim), lower=aim, upper=aim)
        programme.put(same, x, 1.0)
        programme.put(same, over, -1.0)
        programme.put(same, under, 1.0)
        programme.put(programme.constraints(1, lower=1 - 1e-7, upper=1.0), x, 1.0)
        beyond = programme.variables(len(self.bounds), cost=_BEYOND)
        upper = np.where(self.sign > 0, self.bounds, np.inf)
        lower = np.where(self.sign > 0, -np.inf, self.bounds)
        rows = programme.constraints(len(self.bounds), lower=lower, upper=upper)
        programme.put(rows, beyond, -self.sign)
        for row in self.rows:
            programme.put(rows[row[row >= 0]], x[row >= 0], 1.0)
        found = programme.solve()
        return aim if found is None else np.asarray(found[x])

    def _whole(self, used: NDArray[np.bool_], x: Masses) -> Masses:
        whole = np.zeros(len(used))
        whole[used] = x
        return whole


def _applied(rows: Sequence[NDArray[np.int64]], x: Masses, many: int) -> NDArray[np.float64]:
    """Sum of x over each row."""
    found: NDArray[np.float64] = np.zeros(many + 1)
    for row in rows:
        found += np.bincount(row + 1, x, many + 1)
    return found[1:]


def _spread(rows: Sequence[NDArray[np.int64]], of_row: NDArray[np.float64], classes: int) -> Masses:
    """Sum over each class's rows."""
    found, padded = np.zeros(classes), np.append(of_row, 0.0)
    for row in rows:
        found += padded[row]
    return found


def _gram(
    rows: Sequence[NDArray[np.int64]], d: Masses, many: int, sign: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows times d times rows, and behind them the row of ones for the whole."""
    matrix = np.zeros((many + 1, many + 1))
    every = [*(row for row in rows if row.max(initial=-1) >= 0), np.full(len(d), many)]
    for place, one in enumerate(every):
        for other in every[: place + 1]:
            _add_block(matrix, one, other, d)
    signs = np.append(sign, 1.0)
    return np.asarray(matrix * signs[:, None] * signs)


def _add_block(
    matrix: NDArray[np.float64], one: NDArray[np.int64], other: NDArray[np.int64], d: Masses
) -> None:
    """Enter the sums of d over the classes that two families' rows share, on both sides of the diagonal."""
    both = (one >= 0) & (other >= 0)
    if not both.any():
        return
    left, right, values = one[both], other[both], d[both]
    top, first = int(left.min()), int(right.min())
    height, width = int(left.max()) - top + 1, int(right.max()) - first + 1
    block = np.bincount((left - top) * width + right - first, values, height * width).reshape(height, width)
    matrix[top : top + height, first : first + width] = block
    matrix[first : first + width, top : top + height] = block.T


def _reach(value: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    """Largest step in (0, 1] that leaves all values positive."""
    falls = step < 0
    return min(1.0, _INSIDE * float((-value[falls] / step[falls]).min(initial=1e300)))


def _largest(values: NDArray[np.float64]) -> float:
    return float(np.abs(values).max(initial=0.0))
