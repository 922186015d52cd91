"""From what each cell may give to whole documents: rounded, repaired and filled, on exact integers.

1. Each cell gives its copies in order while they fit into its allocation. What is left over is less than a document a
   cell; it is handed out along the cells, sorted by their attributes, whenever another whole document has come
   together (systematic sampling), so that many small cells still add up and every topic gets its own.
2. Repair: groups below their least get next copies, groups above their most give back last ones, and so does the
   whole; first the cells that are furthest from their allocation. A copy that a needy group takes from the room of
   another constraint is made good by a cell that can spare one.
3. Where that comes to no end, the same is tried for a little less. Where it leaves far less than was aimed at, or
   nothing, and documents or cells are few, an integer programme finds the largest mix of whole ones, or shows that
   there is none.
4. Fill: next copies are added, first in the cells furthest below their allocation, until none can be.

What the result guarantees: every constraint holds, on the integers and with the limit as the user wrote it; in each
cell the copies taken are the first in its order; and no single next copy could be added.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix._loops import FORCED, NEEDED, ROOM, hand_out, take_back
from wellkeeper.mix.cells import Cells
from wellkeeper.mix.families import Family
from wellkeeper.mix.programme import Masses, best_whole

_ROUNDS, _PASSES = 40, 200
_POLITE = 3  # rounds in which no group gives back what it needs
_FEW = 300  # variables: an integer programme over them takes a second at most
_NEARLY = 0.9  # part of the size aimed at that repair has to reach, or a search is tried
_AT_A_TIME = 4096  # copies that filling adds before it looks anew


class Chooser:
    """How many copies of each cell are taken, and what every group then holds."""

    def __init__(
        self,
        cells: Cells,
        target: Masses,
        most: NDArray[np.int64],
        families: Sequence[Family],
        amount: int | None,
    ) -> None:
        self.cells = cells
        self.target = target  # shape (cells,)
        self.room = cells.documents * most  # copies of each cell
        self.most = most
        self.families = tuple(families)
        self.amount = amount
        self.taken = np.zeros(len(cells), np.int64)  # copies of each cell
        self.mass = np.zeros(len(cells), np.int64)  # and their size
        self.down = False  # whether lower limits are rounded down

    def choose(self) -> bool:
        """Whether whole documents were found that satisfy every constraint; then no next one could be added."""
        if not self.families and self.amount is None:
            self.take_all()
            return True
        found = self._settled()
        if found:
            self._fill()
        return found

    def take_all(self) -> None:
        self.take(self.room)

    def broken(self) -> list[Family]:
        """Constraints that do not hold as they stand, exactly."""
        total = int(self.mass.sum())
        return [family for family in self.families if not self.keeps(family, total, down=self.down)]

    def keeps(self, family: Family, total: int, *, down: bool = False) -> bool:
        masses, bounds = family.masses(self.mass), family.bounds(total, down=down)
        return bool((masses >= bounds).all() if family.lower else (masses <= bounds).all())

    def _settled(self) -> bool:
        size = float(self.target.sum())
        goal = int(size * (1 + 1e-7) + 1e-6)
        if self.amount is not None:
            goal = min(goal, self.amount)
        quotas = [family for family in self.families if family.lower]
        for down in (False, True) if quotas else (False,):
            self.down = down
            least = sum(int(family.bounds(goal, down=down).sum()) for family in quotas)
            if least <= goal and self._whole(goal):
                return True
        return False

    def _whole(self, goal: int) -> bool:
        """Repair; and where that falls far short, as it may where limits are a few documents each, search."""
        repaired = self._repaired(goal)
        taken, size = self.taken, int(self.mass.sum()) if repaired else 0
        if size >= _NEARLY * goal or (self._search() and int(self.mass.sum()) > size):
            return True
        self.take(taken)
        return repaired

    def _repaired(self, goal: int) -> bool:
        size = float(self.target.sum())
        for lower in self._goals(goal):
            self._round(self.target * min(1.0, lower / size))
            if self._repair(lower) and self.mass.any():
                return True
        return False

    def _goals(self, goal: int) -> Iterator[int]:
        """The size aimed at, then ever smaller ones: all where there are few, else by steps that double."""
        if goal <= 64:
            yield from range(goal, 0, -1)
            return
        step = 1
        yield goal
        while goal - step > goal // 2:
            yield goal - step
            step *= 2

    def _search(self) -> bool:
        """The largest mix of whole documents, where copies are few, or cells whose documents are all of one size."""
        documents = np.diff(self.cells.running)
        alike = bool((documents == documents[:1]).all())
        times = np.ones_like(self.room) if alike else self.room
        if times.sum() > _FEW:
            return False
        cell = np.repeat(np.arange(len(self.cells)), times)
        place = np.arange(len(cell)) - np.repeat(np.cumsum(times) - times, times)
        sizes = documents[self.cells.start[cell] + place % self.cells.documents[cell]]
        often = self.room if alike else np.ones_like(sizes)
        most = float((sizes * often).sum()) if self.amount is None else float(self.amount)
        taken = best_whole(sizes, cell, self.families, most, often=often, down=self.down)
        if taken is None:
            return False
        self.take(taken)
        return not self.broken() and bool(self.mass.any())

    def _round(self, target: Masses) -> None:
        """Whole copies that fit into each cell's target, and the leftovers along the cells."""
        # a target may fall short of a whole number by the rounding of its factors alone
        room = np.floor(target * (1 + 1e-7) + 1e-6).astype(np.int64)
        self.take(self.cells.copies_within(room, self.most))
        sizes = self.next_sizes()
        left = np.divide(target - self.mass, sizes, out=np.zeros(len(sizes)), where=sizes > 0)
        together = np.floor(np.cumsum(np.clip(left, 0, 1)) + 0.5)
        self.take(self.taken + ((np.diff(together, prepend=0.0) > 0) & (self.taken < self.room)))

    def take(self, taken: NDArray[np.int64]) -> None:
        self.taken = taken.copy()
        self.mass = self.cells.mass_of(taken)

    def next_sizes(self) -> NDArray[np.int64]:
        """Size of the next copy of each cell, 0 where there is none."""
        return np.where(self.taken < self.room, self.cells.size_at(self.taken), 0)

    def _repair(self, goal: int) -> bool:
        """Move copies in and out until every constraint holds; whether they do."""
        repair, short = _Repair(self, goal), False
        for round_ in range(_ROUNDS):
            total = int(self.mass.sum())
            if total <= goal and not self.broken():
                return True
            # at first limits are those of the size aimed at; if it cannot be had, those of what there is
            repair.aim(min(goal, total) if short else goal)
            if not repair.once(forced=round_ >= _POLITE):
                if short:
                    return False
                short = True
            short |= round_ >= _ROUNDS // 2
        return int(self.mass.sum()) <= goal and not self.broken()

    def _fill(self) -> None:
        """Add next copies, one a cell and round, until none can be added."""
        while self._fill_round():
            pass

    def _fill_round(self) -> bool:
        filling = _Filling(self)
        taken = self.taken.copy()
        added = 0
        for cell in filling.candidates():
            if filling.add(cell):
                taken[cell] += 1
                added += 1
            if filling.full or added >= _AT_A_TIME:
                break
        self.take(taken)
        return added > 0


class _Repair:
    """Limits of all groups in one numbering, and the passes that bring cells within them."""

    def __init__(self, chooser: Chooser, goal: int) -> None:
        self.chooser, self.goal = chooser, goal
        groups, first = [], 0
        for family in chooser.families:
            groups.append(np.where(family.group >= 0, family.group + first, -1))
            first += family.groups
        shape = (len(chooser.taken), len(groups))
        self.groups = np.ascontiguousarray(np.stack(groups, axis=1) if groups else np.zeros(shape), np.int32)
        self.low = self.high = np.zeros(first, np.int64)

    def aim(self, total: int) -> None:
        """Set the limits of all groups to those of a mix of this size."""
        low, high = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for family in self.chooser.families:
            bounds = family.bounds(total, down=self.chooser.down)
            none = np.zeros(family.groups, np.int64)
            low.append(bounds if family.lower else none)
            high.append(none + np.iinfo(np.int64).max // 2 if family.lower else bounds)
        self.low, self.high = np.concatenate(low), np.concatenate(high)

    def once(self, *, forced: bool) -> bool:
        """One round of passes; whether any copy moved."""
        moved = self._repeat(hand_out, NEEDED)
        moved |= self._repeat(hand_out, FORCED)
        moved |= self._repeat(take_back, NEEDED)
        if forced:
            moved |= self._repeat(take_back, FORCED)
        moved |= self._repeat(take_back, ROOM)
        moved |= self._repeat(hand_out, ROOM)
        return moved

    def _held(self) -> NDArray[np.int64]:
        found = [family.masses(self.chooser.mass) for family in self.chooser.families]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def _repeat(self, move: Callable[..., None], when: int) -> bool:
        moved = False
        for _ in range(_PASSES):
            if not self._pass(move, when):
                break
            moved = True
        return moved

    def _pass(self, move: Callable[..., None], when: int) -> bool:
        chooser, inwards = self.chooser, move is hand_out
        held, total = self._held(), np.array([chooser.mass.sum()], np.int64)
        wrong = held < self.low if inwards else held > self.high
        if when == ROOM:
            wanted = bool(total[0] < self.goal) if inwards else bool(total[0] > self.goal)
            concerned = np.full(len(chooser.taken), wanted)
        else:
            concerned = np.logical_or.reduce(np.append(wrong, False)[self.groups], axis=1)
        if not concerned.any():
            return False
        sizes = chooser.next_sizes() if inwards else chooser.cells.size_at(chooser.taken - 1)
        concerned &= chooser.taken < chooser.room if inwards else chooser.taken > 0
        order = self._ordered(np.flatnonzero(concerned), sizes, inwards=inwards)
        moved = np.zeros(len(sizes), np.int64)
        move(order, sizes, self.groups, self.low, self.high, self.goal, when, held, total, moved)
        chooser.take(chooser.taken + moved if inwards else chooser.taken - moved)
        return bool(moved.any())

    def _ordered(
        self, cells: NDArray[np.int64], sizes: NDArray[np.int64], *, inwards: bool
    ) -> NDArray[np.int64]:
        """In: the cells furthest below their target; out: those that would be least below it; ties by size and cell."""
        size = sizes[cells]
        left = self.chooser.target[cells] - self.chooser.mass[cells]
        if inwards:
            return cells[np.lexsort((cells, size, -left / np.maximum(size, 1)))]
        return cells[np.lexsort((cells, -size, (left + size) / np.maximum(size, 1)))]


class _Filling:
    """One round of filling: what each group holds, kept up to date, and whether a next copy breaks a limit."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.sizes = chooser.next_sizes()
        self.total = int(chooser.mass.sum())
        self.held = [family.masses(chooser.mass) for family in chooser.families]
        self.safe = [
            _safe_total(family, held) for family, held in zip(chooser.families, self.held, strict=True)
        ]
        open_ = chooser.taken < chooser.room
        self.smallest = int(self.sizes[open_].min(initial=np.iinfo(np.int64).max))

    @property
    def full(self) -> bool:
        amount = self.chooser.amount
        return amount is not None and self.total + self.smallest > amount

    def candidates(self) -> list[int]:
        """Cells whose next copy may well be added, those furthest below their target first."""
        chooser = self.chooser
        could = chooser.taken < chooser.room
        if chooser.amount is not None:
            could &= self.sizes <= chooser.amount - self.total
        for family, masses in zip(chooser.families, self.held, strict=True):
            if family.lower:
                continue
            would = np.append(masses, 0)[family.group] + self.sizes
            room = float(family.limit) * (self.total + self.sizes) * (1 + 1e-9)  # `add` has the exact word
            could &= (family.group < 0) | (would <= room)
        cells = np.flatnonzero(could)
        short = (chooser.target - chooser.mass)[cells] / np.maximum(self.sizes[cells], 1)
        found: list[int] = cells[np.lexsort((cells, self.sizes[cells], -short))].tolist()
        return found

    def add(self, cell: int) -> bool:
        """Add the cell's next copy unless it breaks a limit; whether it was added."""
        size = int(self.sizes[cell])
        total = self.total + size
        amount = self.chooser.amount
        if amount is not None and total > amount:
            return False
        for family, masses, safe in zip(self.chooser.families, self.held, self.safe, strict=True):
            group = int(family.group[cell])
            if not family.lower:
                if group >= 0 and int(masses[group]) + size > family.limit * total:
                    return False
            elif total > safe and not self._keeps_quotas(family, masses, group, size, total):
                return False
        for family, masses in zip(self.chooser.families, self.held, strict=True):
            if family.group[cell] >= 0:
                masses[family.group[cell]] += size
        self.total = total
        return True

    def _keeps_quotas(
        self, family: Family, masses: NDArray[np.int64], group: int, size: int, total: int
    ) -> bool:
        would = masses.copy()
        if group >= 0:
            would[group] += size
        return bool((would >= family.bounds(total, down=self.chooser.down)).all())


def _safe_total(family: Family, masses: NDArray[np.int64]) -> int:
    """Up to which size of the mix its lower limits hold with what the groups have; more may do."""
    if family.parts is None or family.held is None:
        return 0
    needy = np.flatnonzero((masses < family.held) & (family.parts > 0))
    totals = (
        int(masses[at])
        * family.limit.denominator
        * family.whole
        // (family.limit.numerator * int(family.parts[at]))
        for at in needy.tolist()
        if family.limit
    )
    return min(totals, default=int(np.iinfo(np.int64).max))
