"""Choose whole documents for a mix: allocation, size, rounding, and an exact check of every constraint.

1. `wellkeeper.mix.allocate` says how much each cell (source, month, class) may give. If that is more than the
   size asked for, all cells are scaled down alike, which leaves every share as it is.
2. Each cell gives its documents in priority order while they fit. What is left over is less than a document a
   cell; it is handed out along the cells, sorted by class, source and month, whenever another whole document
   has come together (systematic sampling), so that many small cells still add up.
3. Repair: while a constraint is broken, its worst group gives back last documents, first from the cells that
   are furthest above their allocation. All tests use integers and the limit as the user wrote it.
4. Fill: next documents are added, first in the cells furthest below their allocation, until none can be.

What the result guarantees, on the exact integers: every constraint holds; in each cell the kept documents
are the first by priority; no single next document could be added; and nothing depends on the order of the
arrays. That last point needs priorities that differ within a cell, as hashes do; equal ones are taken by
size, then by position.

Documents that were drawn by weight are chosen copy by copy: a copy is to a mix what a document is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.errors import DataError
from wellkeeper.mix.allocate import Allocation, Family, allocate, families
from wellkeeper.mix.infeasible import refuse_impossible, refuse_infeasible, refuse_too_coarse
from wellkeeper.mix.plan import HUMAN_FLOOR, REASONS, SIZE, WEIGHT, Constraint, Mix, MixPlan, exact
from wellkeeper.mix.sampling import Priorities, copy_order

if TYPE_CHECKING:
    from fractions import Fraction

_HUMAN, _SYNTHETIC, _OTHER = range(3)
_CLASS = np.full(len(Origin), _OTHER, np.int64)
_CLASS[Origin.HUMAN] = _HUMAN
_CLASS[list(SYNTHETIC)] = _SYNTHETIC


def choose(
    plan: MixPlan,
    *,
    source: NDArray[np.integer],
    month: NDArray[np.integer],
    origin: NDArray[np.integer],
    priority: Priorities,
    size: NDArray[np.integer],
    copies: NDArray[np.integer] | None = None,
) -> Mix:
    """The documents that satisfy the plan; all arrays have shape (documents,).

    Args:
        plan: what to satisfy.
        source: index of each document's source, >= 0.
        month: index of its month of capture, -1 where no date is known.
        origin: `wellkeeper.core.origin.Origin`.
        priority: the order in which documents of a cell are taken, smallest first.
        size: in the plan's unit, >= 0; ones for documents.
        copies: how often each document is drawn, >= 0; None: once. Constraints are on all copies, of which some
            may be chosen and some not.

    A size target that cannot be reached is no error: `Mix.facts` says what was asked, got and why.

    Raises:
        DataError: the arrays do not fit together.
        RecipeError: only an empty mix satisfies the constraints.
    """
    columns = {"source": source, "month": month, "origin": origin, "priority": priority, "size": size}
    if copies is not None:
        _check(**columns, copies=copies)
        return _choose_copies(plan, copies, columns)
    _check(**columns)
    cells = _cells_of(source, month, origin, priority, size)
    constraints = families(
        plan.limits(),
        source=np.unique(cells.source, return_inverse=True)[1],
        month=_dense_months(cells.month),
        synthetic=cells.origin_class == _SYNTHETIC,
        human=cells.origin_class == _HUMAN,
    )
    available = cells.mass.astype(np.float64)
    total = int(cells.mass.sum())
    if total:
        refuse_impossible(available, constraints, len(source))
    allocation = allocate(available, constraints)
    if total and not allocation.feasible:
        refuse_infeasible(available, constraints, plan)
    allowed = float(allocation.mass.sum())
    amount = plan.size.amount
    scale = 1.0 if amount is None or allowed <= amount else amount / allowed
    chooser = _Chooser(cells, allocation.mass * scale, constraints, plan)
    chooser.round()
    chooser.repair()
    chooser.fill()
    if total and not chooser.mass.any():
        refuse_too_coarse(plan, total)
    return _mix(plan, cells, chooser, allocation, constraints, scale)


def _choose_copies(plan: MixPlan, copies: NDArray[np.integer], columns: Mapping[str, NDArray[Any]]) -> Mix:
    """Choose among single copies, each with a place of its own in the order.

    Were all copies of a document taken or left at once, those with many would fit less often than their weight says.
    """
    of = np.repeat(np.arange(len(copies)), copies)
    singles = {name: column[of] for name, column in columns.items()}
    order = copy_order(columns["priority"], copies)
    mix = choose(plan, **singles | {"priority": order})
    times = np.bincount(of[mix.kept], minlength=len(copies))
    reason = np.full(len(copies), REASONS.index(WEIGHT), np.int8)
    reason[of[::-1]] = mix.reason[::-1]  # of several copies, the first one's
    reason[times > 0] = -1
    return replace(
        mix,
        kept=times > 0,
        copies=times,
        reason=reason,
        facts={
            **mix.facts,
            "documents": int(np.count_nonzero(times)),
            "copies": {"drawn": len(of), "kept": int(times.sum())},
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Documents by cell, and inside a cell by priority. Cells are sorted by class, source, month."""

    order: NDArray[np.int64]  # shape (documents,): position in the arrays of the k-th document here
    cell: NDArray[np.int64]  # shape (documents,): cell of the k-th document
    start: NDArray[np.int64]  # shape (cells + 1,): where each cell's documents begin
    running: NDArray[np.int64]  # shape (documents + 1,): sizes summed up to the k-th document
    origin_class: NDArray[np.int64]  # these three have shape (cells,)
    source: NDArray[np.int64]
    month: NDArray[np.int64]

    @property
    def mass(self) -> NDArray[np.int64]:
        return np.diff(self.running[self.start])

    @property
    def documents(self) -> NDArray[np.int64]:
        return np.diff(self.start)


def _cells_of(
    source: NDArray[np.integer],
    month: NDArray[np.integer],
    origin: NDArray[np.integer],
    priority: Priorities,
    size: NDArray[np.integer],
) -> _Cells:
    classes = _CLASS[origin]
    order = np.lexsort((size, priority, month, source, classes))
    keys = np.stack([classes[order], source[order].astype(np.int64), month[order].astype(np.int64)])
    new = np.ones(len(order), np.bool_)
    new[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    first = np.flatnonzero(new)
    origin_class, sources, months = keys[:, first]
    return _Cells(
        order=order,
        cell=np.cumsum(new) - 1,
        start=np.append(first, len(order)),
        running=np.concatenate(([0], np.cumsum(size[order], dtype=np.int64))),
        origin_class=origin_class,
        source=sources,
        month=months,
    )


def _dense_months(month: NDArray[np.int64]) -> NDArray[np.int64]:
    dated = month >= 0
    dense = np.full(len(month), -1, np.int64)
    dense[dated] = np.unique(month[dated], return_inverse=True)[1]
    return dense


class _Chooser:
    """How many documents of each cell are taken, and what every group then holds, in integers."""

    def __init__(
        self, cells: _Cells, target: NDArray[np.float64], constraints: Sequence[Family], plan: MixPlan
    ) -> None:
        self.cells = cells
        self.target = target  # shape (cells,)
        self.constraints = constraints
        self.amount = plan.size.amount
        limits = plan.limits()
        self.limits = tuple(
            1 - exact(limits[family.name]) if family.name == HUMAN_FLOOR else exact(limits[family.name])
            for family in constraints
        )
        self.taken = np.zeros(len(target), np.int64)  # documents of each cell
        self.mass = np.zeros(len(target), np.int64)  # and their size
        self.given_back: dict[int, str] = {}  # cell -> the constraint that last took a document from it

    def round(self) -> None:
        """Whole documents that fit into each cell's target, and the leftovers along the cells."""
        start, running = self.cells.start[:-1], self.cells.running
        # A target may fall short of a whole number by the rounding of its factors alone.
        room = np.floor(self.target * (1 + 1e-12) + 1e-9).astype(np.int64)
        last = np.searchsorted(running, running[start] + room, side="right") - 1
        self._take(np.clip(last - start, 0, self.cells.documents))
        sizes = self._next_sizes()
        left = np.divide(self.target - self.mass, sizes, out=np.zeros(len(sizes)), where=sizes > 0)
        together = np.floor(np.cumsum(np.clip(left, 0, 1)) + 0.5)
        self._take(self.taken + (np.diff(together, prepend=0.0) > 0))

    def repair(self) -> None:
        """Give documents back until every constraint holds."""
        while True:
            broken = self._most_broken()
            if broken is None:
                return
            name, members, surplus = broken
            self._give_back(name, members, surplus)

    def fill(self) -> None:
        """Add next documents, one a cell and round, until none can be added."""
        while self._fill_round():
            pass

    def _fill_round(self) -> bool:
        held = [_held(family, self.mass) for family in self.constraints]
        total = int(self.mass.sum())
        taken, sizes = self.taken.copy(), self._next_sizes()
        for cell in self._hungriest(sizes, held):
            size = int(sizes[cell])
            if self._can_add(cell, size, total, held):
                for family, masses in zip(self.constraints, held, strict=True):
                    if family.group[cell] >= 0:
                        masses[family.group[cell]] += size
                taken[cell] += 1
                total += size
        added = bool((taken > self.taken).any())
        self._take(taken)
        return added

    def _take(self, taken: NDArray[np.int64]) -> None:
        start, running = self.cells.start[:-1], self.cells.running
        self.taken = taken.copy()
        self.mass = running[start + taken] - running[start]

    def _next_sizes(self) -> NDArray[np.int64]:
        """Size of the next document of each cell, 0 where there is none."""
        more = self.taken < self.cells.documents
        sizes = np.zeros(len(more), np.int64)
        at = self.cells.start[:-1][more] + self.taken[more]
        sizes[more] = self.cells.running[at + 1] - self.cells.running[at]
        return sizes

    def _most_broken(self) -> tuple[str, NDArray[np.bool_], int] | None:
        """Name and cells of the group furthest over its limit, and the least it must give back."""
        total = int(self.mass.sum())
        if self.amount is not None and total > self.amount:
            return SIZE, np.ones(len(self.mass), np.bool_), total - self.amount
        worst: tuple[Fraction, str, NDArray[np.bool_], int] | None = None
        for family, limit in zip(self.constraints, self.limits, strict=True):
            masses = _held(family, self.mass)
            if not len(masses):
                continue
            group = int(masses.argmax())  # a family has one limit, so its largest group is its worst
            over = int(masses[group]) - limit * total
            if over > 0 and (worst is None or over > worst[0]):
                # What a group gives back leaves the whole too: d must satisfy x - d <= c * (X - d).
                worst = over, family.name, family.group == group, -(-over // (1 - limit))
        return worst[1:] if worst else None

    def _give_back(self, name: str, members: NDArray[np.bool_], surplus: int) -> None:
        """Take the last document of the members furthest above their target, until `surplus` is reached."""
        candidates = np.flatnonzero(members & (self.taken > 0))
        at = self.cells.start[:-1][candidates] + self.taken[candidates] - 1
        sizes = self.cells.running[at + 1] - self.cells.running[at]
        # After giving back, how far below its target would the cell be, in documents of its own?
        short = (self.target[candidates] - self.mass[candidates] + sizes) / np.maximum(sizes, 1)
        order = np.lexsort((candidates, -sizes, short))
        enough = int(np.searchsorted(np.cumsum(sizes[order]), surplus)) + 1
        chosen = candidates[order[:enough]]
        taken = self.taken.copy()
        taken[chosen] -= 1
        self.given_back |= dict.fromkeys(chosen.tolist(), name)
        self._take(taken)

    def _hungriest(self, sizes: NDArray[np.int64], held: Sequence[NDArray[np.int64]]) -> list[int]:
        """Cells whose next document may well be added, those furthest below their target first."""
        total = int(self.mass.sum())
        could = self.taken < self.cells.documents
        if self.amount is not None:
            could &= sizes <= self.amount - total
        for family, masses in zip(self.constraints, held, strict=True):
            would = np.append(masses, 0)[family.group] + sizes
            room = family.limit * (total + sizes) * (1 + 1e-9)  # `_can_add` has the exact word
            could &= (family.group < 0) | (would <= room)
        candidates = np.flatnonzero(could)
        short = (self.target - self.mass)[candidates] / np.maximum(sizes[candidates], 1)
        found: list[int] = candidates[np.lexsort((candidates, sizes[candidates], -short))].tolist()
        return found

    def _can_add(self, cell: int, size: int, total: int, held: Sequence[NDArray[np.int64]]) -> bool:
        if self.amount is not None and total + size > self.amount:
            return False
        for family, limit, masses in zip(self.constraints, self.limits, held, strict=True):
            group = family.group[cell]
            if group >= 0 and (int(masses[group]) + size) * limit.denominator > limit.numerator * (
                total + size
            ):
                return False
        return True


def _held(family: Family, mass: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exact size that each group holds, shape (groups,)."""
    masses = np.zeros(family.groups, np.int64)
    concerned = family.group >= 0
    np.add.at(masses, family.group[concerned], mass[concerned])
    return masses


def _mix(
    plan: MixPlan,
    cells: _Cells,
    chooser: _Chooser,
    allocation: Allocation,
    constraints: Sequence[Family],
    scale: float,
) -> Mix:
    position = np.arange(len(cells.order)) - cells.start[cells.cell]
    kept_here = position < chooser.taken[cells.cell]
    kept = np.empty(len(kept_here), np.bool_)
    kept[cells.order] = kept_here
    reason_here = np.where(kept_here, -1, _reason_of_cells(chooser, allocation, scale)[cells.cell])
    reason = np.empty(len(kept_here), np.int8)
    reason[cells.order] = reason_here
    allowed = float(allocation.mass.sum())
    amount = plan.size.amount
    got = int(chooser.mass.sum())
    binds = [name for name, factor in allocation.factors.items() if (factor < 1 - 1e-9).any()]
    return Mix(
        kept=kept,
        reason=reason,
        constraints=_report(plan, cells, chooser, constraints),
        facts={
            "unit": plan.size.unit,
            "available": int(cells.mass.sum()),
            "asked": amount,
            "allocated": allowed if amount is None else min(allowed, float(amount)),
            "got": got,
            "documents": int(kept.sum()),
            "binds": binds + [SIZE] * (scale < 1),
        },
    )


def _reason_of_cells(chooser: _Chooser, allocation: Allocation, scale: float) -> NDArray[np.int8]:
    """For each cell the constraint with the smallest factor; where all are 1, the one that took back last."""
    names = [*allocation.factors, SIZE]
    factors = np.stack([*allocation.factors.values(), np.full(len(chooser.taken), scale)])
    codes = np.array([REASONS.index(name) for name in names], np.int8)
    smallest: NDArray[np.int8] = codes[np.asarray(factors.argmin(axis=0))]
    untouched = np.asarray((factors > 1 - 1e-9).all(axis=0))
    for cell, name in chooser.given_back.items():
        if untouched[cell]:
            smallest[cell] = REASONS.index(name)
    return smallest


def _report(
    plan: MixPlan, cells: _Cells, chooser: _Chooser, constraints: Sequence[Family]
) -> tuple[Constraint, ...]:
    before, after = cells.mass, chooser.mass
    found = []
    for family, limit in zip(constraints, chooser.limits, strict=True):
        floor = family.name == HUMAN_FLOOR
        largest = int(_held(family, after).max(initial=0))
        found.append(
            Constraint(
                name=family.name,
                limit=plan.limits()[family.name],
                before=_share(family, before, floor=floor),
                after=_share(family, after, floor=floor),
                holds=largest <= limit * int(after.sum()),
            )
        )
    if plan.size.amount is not None:
        sizes = float(before.sum()), float(after.sum())
        holds = sizes[1] <= plan.size.amount
        found.append(
            Constraint(name=SIZE, limit=plan.size.amount, before=sizes[0], after=sizes[1], holds=holds)
        )
    return tuple(found)


def _share(family: Family, mass: NDArray[np.int64], *, floor: bool) -> float:
    """Share of the largest group or, for the human floor, of what is outside the group."""
    total = int(mass.sum())
    if not total:
        return 0.0
    largest = int(_held(family, mass).max(initial=0)) / total
    return 1 - largest if floor else largest


def _check(**arrays: NDArray[Any]) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1 or arrays["source"].ndim != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"The arrays differ in shape: {found}. Pass one value per document in each.")
    lowest = {"source": 0, "month": -1, "origin": 0, "size": 0, "copies": 0}
    for name, low in lowest.items():
        if name in arrays and len(arrays[name]) and arrays[name].min() < low:
            at = int(arrays[name].argmin())
            raise DataError(f"{name}[{at}] is {arrays[name][at]}. Values start at {low}.")
    if len(arrays["origin"]) and arrays["origin"].max() >= len(Origin):
        at = int(arrays["origin"].argmax())
        raise DataError(f"origin[{at}] is {arrays['origin'][at]}. Origins end at {len(Origin) - 1}.")
