"""The linear programmes of a mix, solved by HiGHS [1].

They tell how large it can be, how far its constraints collide, how often documents must be repeated and, where there
are few, whether any whole documents will do.

Most groups of most constraints bind nowhere: of fifty sources under a cap of 0.4 two at most can reach it. So a
programme starts without any of them. Cells that no group in it tells apart are one variable; the solution is shared
out among them in proportion to what they have, every group is looked at, and those beyond their limit join the
programme, until none is. That is exact, for the limits left out hold, and small, whatever the number of cells.

The tail quota min(keep * share * X, held) is concave in the size X, and therefore no constraint of a linear
programme. Its chord from 0 to a size that no mix exceeds lies below it. With the chord in its place the largest size
comes out too large or right; it is right where the chord ends, so chords are drawn to ever smaller sizes until the
solution stays. This finds the largest size exactly.

[1] Huangfu and Hall, Parallelizing the dual revised simplex method, Mathematical Programming Computation 10 (2018)
    119-142. Run on one thread, without time limits: the same problem has the same solution on every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import WorkError
from wellkeeper.mix.families import Family

Masses: TypeAlias = NDArray[np.float64]  # shape (cells,): in the mix's unit, >= 0

_TOLERANCE = 1e-9
"""Of HiGHS, on rows whose largest coefficient is 1; and what counts as nothing, as a share of the whole."""
_CHORDS = 100
_INFINITE = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Cells of which no group in use tells one from another, taken together."""

    of: NDArray[np.int64]  # shape (cells,): class of each cell
    count: int
    group: tuple[NDArray[np.int64], ...]  # by family, shape (classes,): group in use, -1 for none

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(self.of, values, self.count).astype(np.float64)


class Active:
    """Groups that a programme knows of: those that were once beyond their limit."""

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = tuple(families)
        self.groups = [np.zeros(family.groups, np.bool_) for family in self.families]

    def grouped(self, kind: NDArray[np.integer]) -> Grouped:
        """Classes of cells that differ in `kind`, shape (cells,), or in a group in use."""
        classes = np.unique(kind, return_inverse=True)[1].astype(np.int64)
        for family, active in zip(self.families, self.groups, strict=True):
            if active.any():
                code = np.where(np.append(active, False)[family.group], family.group, -1).astype(np.int64)
                classes = np.unique(classes * (family.groups + 1) + code + 1, return_inverse=True)[1]
        count = int(classes.max(initial=-1)) + 1
        groups = []
        for family, active in zip(self.families, self.groups, strict=True):
            code = np.full(count, -1, np.int64)
            code[classes] = np.where(np.append(active, False)[family.group], family.group, -1)
            groups.append(code)
        return Grouped(of=classes, count=count, group=tuple(groups))

    def admit(self, mass: Masses, shares: Sequence[NDArray[np.float64]], total: float) -> bool:
        """Take in every group beyond its limit; whether there was one that was not in yet."""
        found = False
        for family, active, limits in zip(self.families, self.groups, shares, strict=True):
            held, allowed = family.sums(mass), limits * total
            tolerated = _TOLERANCE * total
            beyond = (
                held < allowed * (1 - 1e-7) - 1e-3 * tolerated if family.lower else held > allowed + tolerated
            )
            found |= bool((beyond & ~active).any())
            np.logical_or(active, beyond, out=active)
        return found


@dataclass(slots=True)
class Programme:
    """Columns and rows of a linear programme, as they come."""

    costs: list[Any] = field(default_factory=list)
    lower: list[Any] = field(default_factory=list)
    upper: list[Any] = field(default_factory=list)
    columns: int = 0
    row_lower: list[Any] = field(default_factory=list)
    row_upper: list[Any] = field(default_factory=list)
    rows: int = 0
    entries: list[tuple[Any, Any, Any]] = field(default_factory=list)  # rows, columns, values

    def variables(
        self, count: int, *, cost: float = 0.0, upper: Any = _INFINITE, lower: float = 0.0
    ) -> NDArray[Any]:
        self.costs.append(np.full(count, cost))
        self.lower.append(np.full(count, lower))
        self.upper.append(np.broadcast_to(np.asarray(upper, np.float64), count))
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def constraints(self, count: int, *, lower: Any = -_INFINITE, upper: Any = _INFINITE) -> NDArray[Any]:
        for bounds, bound in ((self.row_lower, lower), (self.row_upper, upper)):
            bounds.append(np.broadcast_to(np.asarray(bound, np.float64), count))
        self.rows += count
        return np.arange(self.rows - count, self.rows)

    def put(self, rows: Any, columns: Any, values: Any) -> None:
        """Coefficients; the three are broadcast against each other."""
        at, of, value = (part.ravel() for part in np.broadcast_arrays(rows, columns, values))
        self.entries.append((at, of, value))

    def solve(self, *, whole: int = 0) -> NDArray[np.float64] | None:
        """The best values of all variables, None if there are none; the first `whole` of them are integers.

        Of a search among integers that takes too many nodes, the best values found so far, None if there are none.

        Raises:
            WorkError: HiGHS ends without an answer.
        """
        import highspy  # loaded by mixes that need it

        solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in _OPTIONS.items():
            solver.setOptionValue(name, value)
        solver.passModel(self._model(highspy, whole))
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if (
            status == highspy.HighsModelStatus.kSolutionLimit
        ):  # of nodes; a count, so the same on every machine
            feasible = highspy.SolutionStatus.kSolutionStatusFeasible.value
            found = solver.getSolution().col_value
            return np.array(found) if solver.getInfo().primal_solution_status == feasible else None
        if status != highspy.HighsModelStatus.kOptimal:
            raise WorkError(
                f"The solver of linear programmes ended with {solver.modelStatusToString(status)!r}. "
                "Report this with the recipe's mix; without caps and quotas the run goes through."
            )
        return np.array(solver.getSolution().col_value)

    def _model(self, highspy: Any, whole: int) -> Any:
        rows = np.concatenate([np.zeros(0, np.int64), *(rows for rows, _, _ in self.entries)])
        columns = np.concatenate([np.zeros(0, np.int64), *(columns for _, columns, _ in self.entries)])
        values = np.concatenate([np.zeros(0), *(values for _, _, values in self.entries)])
        largest = np.zeros(self.rows)
        np.maximum.at(largest, rows, np.abs(values))
        scale = np.divide(1.0, largest, out=np.ones(self.rows), where=largest > 0)
        order = np.lexsort((columns, rows))
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self.columns, self.rows
        model.col_cost_, model.col_lower_, model.col_upper_ = (
            np.concatenate(part) for part in (self.costs, self.lower, self.upper)
        )
        row_lower, row_upper = (
            np.concatenate(part) * scale if part else np.zeros(0) for part in (self.row_lower, self.row_upper)
        )
        model.row_lower_, model.row_upper_ = row_lower, row_upper
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        counts = np.bincount(rows, minlength=self.rows)
        model.a_matrix_.start_ = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        model.a_matrix_.index_ = columns[order].astype(np.int32)
        model.a_matrix_.value_ = (values * scale[rows])[order]
        if whole:
            kinds = [highspy.HighsVarType.kInteger] * whole
            model.integrality_ = kinds + [highspy.HighsVarType.kContinuous] * (self.columns - whole)
        return model


_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "primal_feasibility_tolerance": _TOLERANCE,
    "dual_feasibility_tolerance": _TOLERANCE,
    "mip_feasibility_tolerance": _TOLERANCE,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.0,
    "mip_max_nodes": 10_000,  # some two seconds; sizes in words may make a knapsack that takes for ever
}


def largest(available: Masses, families: Sequence[Family], most: float) -> tuple[float, Masses]:
    """The largest size, up to `most`, of a mix that satisfies all, and such a mix; 0 if only an empty one does."""
    bound = min(float(available.sum()), most)
    mass = available * (bound / available.sum()) if bound > 0 else available * 0
    active = Active(families)
    whole = float(available.sum())
    for _ in range(_CHORDS):
        if bound <= _TOLERANCE * whole:
            return 0.0, available * 0
        shares = [family.shares(bound) for family in families]
        size = bound
        # a chord is steeper than the one before it, which groups in use must keep to as well
        stale = any(groups.any() for groups in active.groups)
        while active.admit(mass, shares, size) or stale:
            size, mass = _largest(available, active, shares, bound)
            stale = False
        if size >= bound * (1 - _TOLERANCE):
            return size, mass
        bound = size
    return bound, mass


def _largest(
    available: Masses, active: Active, shares: Sequence[NDArray[np.float64]], most: float
) -> tuple[float, Masses]:
    whole = float(available.sum())
    grouped = active.grouped(np.zeros(len(available), np.int64))
    held = grouped.sums(available) / whole
    programme = Programme()
    parts = programme.variables(len(held), upper=1.0)  # of each class, the part that is taken
    total = programme.variables(1, cost=-1.0, upper=most / whole)
    row = programme.constraints(1, lower=0.0, upper=0.0)
    programme.put(row, parts, held)
    programme.put(row, total, -1.0)
    for family, groups, limits, used in zip(
        active.families, grouped.group, shares, active.groups, strict=True
    ):
        _limit(programme, family, groups, used, parts, held, total, limits)
    found = programme.solve()
    if found is None:
        return 0.0, available * 0
    mass = available * np.clip(found[parts], 0, 1)[grouped.of]
    return float(mass.sum()), mass


def _limit(
    programme: Programme,
    family: Family,
    groups: NDArray[np.int64],
    used: NDArray[np.bool_],
    parts: NDArray[Any],
    held: NDArray[np.float64],
    total: NDArray[Any],
    limits: NDArray[np.float64],
) -> NDArray[Any]:
    """A row for each group in use: its mass, less its limit times the total, is at most (or at least) 0."""
    numbers = np.flatnonzero(used)
    side = {"lower": 0.0} if family.lower else {"upper": 0.0}
    rows = programme.constraints(len(numbers), **side)
    row_of = np.full(family.groups, -1, np.int64)
    row_of[numbers] = rows
    inside = groups >= 0
    programme.put(row_of[groups[inside]], parts[inside], held[inside])
    programme.put(rows, total[0], -limits[numbers])
    return rows


def least_violation(
    available: Masses, families: Sequence[Family], loosened: Sequence[bool]
) -> NDArray[np.float64] | None:
    """By how much limits must give way for any mix to be possible, shape (families,); their sum is least.

    Only families `loosened` may; the others hold. Each gives way alike for all of its groups. None: that is not
    enough. How much of each cell there is plays no part: a small enough mix has room everywhere.
    """
    active = Active(families)
    mass = available / available.sum()
    give = np.zeros(len(families))
    while active.admit(mass, _with(families, give), 1.0):
        found = _least(available, active, loosened)
        if found is None:
            return None
        give, mass = found
    return give


def _with(families: Sequence[Family], give: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Shares of a small mix with limits that have given way."""
    found = []
    for family, by in zip(families, give.tolist(), strict=True):
        if family.parts is None:
            found.append(np.full(family.groups, float(family.limit) + by))
        else:
            found.append((float(family.limit) - by) * family.parts / family.whole)
    return found


def _least(
    available: Masses, active: Active, loosened: Sequence[bool]
) -> tuple[NDArray[np.float64], Masses] | None:
    grouped = active.grouped(np.zeros(len(available), np.int64))
    held = grouped.sums(available)
    programme = Programme()
    shares = programme.variables(len(held), upper=np.where(held > 0, _INFINITE, 0.0))
    total = programme.variables(1, lower=1.0, upper=1.0)
    give = programme.variables(len(active.families), cost=1.0, upper=np.where(loosened, 1.0, 0.0))
    row = programme.constraints(1, lower=1.0, upper=1.0)
    programme.put(row, shares, 1.0)
    limits = _with(active.families, np.zeros(len(active.families)))
    for at, (family, groups, used) in enumerate(
        zip(active.families, grouped.group, active.groups, strict=True)
    ):
        ones = np.ones(len(held))
        rows = _limit(programme, family, groups, used, shares, ones, total, limits[at])
        by = np.full(len(rows), -1.0)
        if family.parts is not None:
            by = family.parts[used] / family.whole
        programme.put(rows, give[at], by)
    found = programme.solve()
    if found is None:
        return None
    mass = available * np.divide(found[shares], held, out=np.zeros(len(held)), where=held > 0)[grouped.of]
    return found[give], mass


def least_level(once: Masses, epochs: NDArray[np.integer], families: Sequence[Family], size: float) -> float:
    """The least level L >= 1 such that a mix of this size exists that takes no document more than L times.

    `once` is what the cells hold, `epochs` how often each may be taken; `size` can be had with these.
    """
    active = Active(families)
    shares = [family.shares(size) for family in families]
    mass, level = once * epochs * (size / float((once * epochs).sum())), 1.0
    first = True
    while active.admit(mass, shares, size) or first:
        level, mass = _level(once, epochs, active, shares, size)
        first = False
    return level


def _level(
    once: Masses,
    epochs: NDArray[np.integer],
    active: Active,
    shares: Sequence[NDArray[np.float64]],
    size: float,
) -> tuple[float, Masses]:
    grouped = active.grouped(epochs)
    count = grouped.count
    often = np.zeros(count)
    often[grouped.of] = epochs
    held = grouped.sums(once) / size
    programme = Programme()
    times = programme.variables(count, upper=often)  # how often each class is taken
    total = programme.variables(1, lower=1.0, upper=1.0)
    level = programme.variables(1, cost=1.0, lower=1.0)
    row = programme.constraints(1, lower=1.0 - 1e-7)  # the size was found to within the solver's tolerance
    programme.put(row, times, held)
    rows = programme.constraints(count, upper=0.0)
    programme.put(rows, times, 1.0)
    programme.put(rows, level[0], -1.0)
    for family, groups, limits, used in zip(
        active.families, grouped.group, shares, active.groups, strict=True
    ):
        slack = 1 - 1e-7 if family.lower else 1 + 1e-7
        _limit(programme, family, groups, used, times, held, total, limits * slack)
    found = programme.solve()
    if found is None:
        return float(epochs.max()), once * epochs
    return float(found[level[0]]), once * found[times][grouped.of]


def best_whole(
    sizes: NDArray[np.int64],
    cell: NDArray[np.integer],
    families: Sequence[Family],
    most: float,
    *,
    often: NDArray[np.int64],
    down: bool = False,
) -> NDArray[np.int64] | None:
    """How many of its copies each cell gives in the largest mix of whole documents, up to size `most`.

    Args:
        sizes: shape (copies,), by cell and, inside a cell, in the order in which they are taken.
        cell: shape (copies,), ascending; every cell has a copy.
        families: the constraints.
        most: largest size.
        often: shape (copies,): how often each may be taken; more than once only where it is its cell's only one.
        down: lower limits are rounded down.

    An integer programme: for a few hundred copies. None: no whole documents satisfy all but none at all, or the
    search ended at its bound without any.
    """
    programme = Programme()
    quotas = [family for family in families if family.lower]
    whole = float((sizes * often).sum())
    takes = programme.variables(len(sizes), upper=often.astype(np.float64))
    alls = programme.variables(sum(family.groups for family in quotas), upper=1.0)
    total = programme.variables(1, cost=-1.0, upper=min(whole, most))
    row = programme.constraints(1, lower=0.0, upper=0.0)
    programme.put(row, takes, sizes.astype(np.float64))
    programme.put(row, total, -1.0)
    follows = np.flatnonzero(cell[1:] == cell[:-1])
    rows = programme.constraints(len(follows), upper=0.0)
    programme.put(rows, takes[follows + 1], 1.0)
    programme.put(rows, takes[follows], -1.0)
    for family in families:
        first = sum(one.groups for one in quotas[: quotas.index(family)]) if family.lower else 0
        _limit_whole(
            programme,
            family,
            sizes,
            cell,
            takes,
            total,
            alls[first : first + family.groups],
            whole,
            down=down,
        )
    found = programme.solve(whole=len(takes) + len(alls))
    if found is None or found[total[0]] <= 0:
        return None
    return np.bincount(cell, np.round(found[takes])).astype(np.int64)


def _limit_whole(
    programme: Programme,
    family: Family,
    sizes: NDArray[np.int64],
    cell: NDArray[np.integer],
    takes: NDArray[Any],
    total: NDArray[Any],
    alls: NDArray[Any],
    whole: float,
    *,
    down: bool,
) -> None:
    """Upper limits as rows; a lower one holds by its share, or because all is taken that the data hold."""
    group = family.group[cell]
    inside = group >= 0
    amounts = sizes[inside].astype(np.float64)
    if family.parts is None or family.held is None:
        rows = programme.constraints(family.groups, upper=0.0)
        programme.put(rows[group[inside]], takes[inside], amounts)
        programme.put(rows, total[0], -float(family.limit))
        return
    shares = float(family.limit) * family.parts / family.whole
    # an integer is at least another rounded down if it is more than that less 1
    short = 1 - 1 / (family.limit.denominator * family.whole) if down else 0.0
    rows = programme.constraints(family.groups, lower=-short)
    programme.put(rows[group[inside]], takes[inside], amounts)
    programme.put(rows, total[0], -shares)
    programme.put(rows, alls, np.maximum(shares * whole, 1.0))
    rows = programme.constraints(family.groups, lower=0.0)
    programme.put(rows[group[inside]], takes[inside], amounts)
    programme.put(rows, alls, -family.held.astype(np.float64))
