"""The constraints of a mix as families of groups of cells, each group with a limit on its share of the whole.

A cap is a family with a group for each source, month, ...; the synthetic share one with a single group; a floor of
human text is, turned round, a cap on what is not known to be human. The tail quota is the one family of lower limits:
each rare topic of the reference is to hold `keep_tail` times its share of the reference, or all that the data hold of
it where that is less.

Limits are fractions, as the user wrote them, so that what is checked on whole documents is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.mix.cells import Cells, Codes
from wellkeeper.mix.plan import CAPS, HUMAN_FLOOR, KEEP_TAIL, RECIPE_KEYS, SYNTHETIC_SHARE, MixPlan, exact

HUMAN, SYNTHETIC, OTHER = range(3)
"""Classes of origin, the attribute `class` of cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Groups of cells that exclude each other.

    A group of mass x in a mix of mass X keeps an upper limit where x <= limit * X. It keeps a lower one where
    x >= min(limit * parts / whole * X, held).
    """

    name: str  # of the constraint, one of `REASONS`
    key: str  # of the recipe
    limit: Fraction
    group: Codes  # shape (cells,): 0-based group of each cell, -1 for cells the limit does not concern
    groups: int
    labels: tuple[str, ...] | None = None  # names of the groups, where they are known
    lower: bool = False
    parts: NDArray[np.int64] | None = (
        None  # shape (groups,): documents of the reference; None: limits are upper
    )
    whole: int = 1  # documents of the reference
    held: NDArray[np.int64] | None = None  # shape (groups,): all that the data hold, taken once

    @property
    def written(self) -> float:
        """The limit as the recipe has it: of a floor, the floor."""
        return float(1 - self.limit if self.name == HUMAN_FLOOR else self.limit)

    def shares(self, total: float) -> NDArray[np.float64]:
        """Limit of each group in a mix of this mass, as a share of it; `total` > 0."""
        if self.parts is None or self.held is None:
            return np.full(self.groups, float(self.limit))
        return np.minimum(float(self.limit) * (self.parts / self.whole), self.held / total)

    def bounds(self, total: int, *, down: bool = False) -> NDArray[np.int64]:
        """Limit of each group in a mix of this mass, in whole units: rounded to the stricter side.

        With `down`, lower limits are rounded down: what a mix can hold that has fewer documents than rare topics.
        """
        if self.parts is None or self.held is None:
            return np.full(self.groups, self.limit.numerator * total // self.limit.denominator, np.int64)
        top, bottom = self.limit.numerator * total, self.limit.denominator * self.whole
        rounded = [
            (part * top if down else part * top + bottom - 1) // bottom for part in self.parts.tolist()
        ]
        return np.minimum(np.array(rounded, np.int64), self.held)

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of a value of cells over each group, shape (groups,)."""
        return np.bincount(self.group + 1, values, self.groups + 1)[1:].astype(np.float64)

    def masses(self, mass: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same for integers, exactly."""
        found = np.zeros(self.groups + 1, np.int64)
        np.add.at(found, self.group, mass)  # group -1 adds to the last, which is cut off
        return found[:-1]


def families(
    plan: MixPlan,
    cells: Cells,
    *,
    names: Mapping[str, Sequence[str]],
    tail: NDArray[np.bool_] | None = None,
    reference_topics: NDArray[np.integer] | None = None,
) -> tuple[Family, ...]:
    """All constraints of a plan but its size, over cells that have the attributes they need."""
    found = [family for kind in plan.caps for family in _caps(plan, kind, cells, names.get(kind))]
    if plan.synthetic_share_max is not None:
        concerned = cells.codes["class"] == SYNTHETIC
        found.append(_class(SYNTHETIC_SHARE, exact(plan.synthetic_share_max), concerned))
    if plan.human_floor is not None:
        found.append(_class(HUMAN_FLOOR, 1 - exact(plan.human_floor), cells.codes["class"] != HUMAN))
    if plan.keep_tail is not None and tail is not None and reference_topics is not None:
        found.append(_tail(exact(plan.keep_tail), cells, tail, reference_topics, names.get("topic")))
    return tuple(found)


def _caps(plan: MixPlan, kind: str, cells: Cells, names: Sequence[str] | None) -> list[Family]:
    """The cap on all that have none of their own, and each of these."""
    cap, code, rank = plan.caps[kind], cells.codes[kind], cells.rank[kind]
    name, key = CAPS[kind], RECIPE_KEYS[CAPS[kind]]
    known = list(names or ())
    own = {known.index(label): label for label in cap.named if label in known}
    found = []
    if cap.share is not None:
        group = np.where(np.isin(code, list(own)), -1, rank)
        found.append(_ranked(name, key, exact(cap.share), group, code, names))
    for at, label in own.items():
        group = np.where(code == at, 0, -1).astype(np.int32)
        limit = exact(cap.named[label])
        found.append(
            Family(name=name, key=f"{key}.{label}", limit=limit, group=group, groups=1, labels=(label,))
        )
    return found


def _ranked(
    name: str, key: str, limit: Fraction, group: Codes, code: Codes, names: Sequence[str] | None
) -> Family:
    groups = int(group.max(initial=-1)) + 1
    labels = None
    if names is not None:
        of = np.full(groups, -1, np.int64)
        of[group[group >= 0]] = code[group >= 0]
        labels = tuple(names[at] if 0 <= at < len(names) else "" for at in of.tolist())
    return Family(name=name, key=key, limit=limit, group=group, groups=groups, labels=labels)


def _class(name: str, limit: Fraction, concerned: NDArray[np.bool_]) -> Family:
    group = np.where(concerned, 0, -1).astype(np.int32)
    return Family(name=name, key=RECIPE_KEYS[name], limit=limit, group=group, groups=1)


def _tail(
    limit: Fraction,
    cells: Cells,
    tail: NDArray[np.bool_],
    reference_topics: NDArray[np.integer],
    names: Sequence[str] | None,
) -> Family:
    """Quotas of the rare topics that the data hold anything of."""
    mass = np.zeros(len(tail) + 1, np.int64)
    np.add.at(mass, cells.codes["topic"], cells.mass)
    wanted = np.flatnonzero(tail & (mass[:-1] > 0))
    number = np.full(len(tail) + 1, -1, np.int32)
    number[wanted] = np.arange(len(wanted))
    return Family(
        name=KEEP_TAIL,
        key=RECIPE_KEYS[KEEP_TAIL],
        limit=limit,
        group=number[cells.codes["topic"]],
        groups=len(wanted),
        labels=None if names is None else tuple(names[topic] for topic in wanted.tolist()),
        lower=True,
        parts=reference_topics[wanted].astype(np.int64),
        whole=int(reference_topics.sum()),
        held=mass[wanted],
    )
