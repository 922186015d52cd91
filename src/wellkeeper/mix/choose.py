"""Choose the documents of a mix: one allocation problem, solved, rounded to whole documents, and checked.

Documents fall into cells by the attributes that a constraint or a target needs (`cells`). What each cell gives is the
allocation closest to the target composition, of the largest size that the constraints allow up to the one asked for
(`allocate`). Whole documents follow it, in each cell the first by priority (`whole`). If nothing but the empty mix
satisfies the constraints, the refusal names those that collide (`infeasible`).

What the result guarantees, on the exact integers: every constraint holds, but for tail quotas that there is no room
for; in each cell the kept documents are the first in its order, by priority unless the plan spreads them (`spread`),
each once before any is taken twice; no single next document could be added; and nothing depends on the order of the
arrays or on how sources and topics are numbered. That last point needs priorities that differ within a cell, as hashes
do; equal ones are taken by size, then by position.

Documents that were drawn by weight are chosen copy by copy: a copy is to a mix what a document is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.origin import SYNTHETIC as SYNTHETIC_ORIGINS
from wellkeeper.core.origin import Origin
from wellkeeper.errors import DataError, RecipeError, did_you_mean
from wellkeeper.measure.cells import tail_cells
from wellkeeper.mix.allocate import Allocation, allocate
from wellkeeper.mix.cells import Cells, cells_of
from wellkeeper.mix.families import HUMAN, OTHER, SYNTHETIC, Family, families
from wellkeeper.mix.infeasible import refuse_impossible, refuse_infeasible, refuse_too_coarse
from wellkeeper.mix.plan import (
    CAPS,
    HUMAN_FLOOR,
    KEEP_TAIL,
    MOST_EPOCHS,
    REASONS,
    RECIPE_KEYS,
    SIZE,
    WEIGHT,
    Constraint,
    Mix,
    MixPlan,
)
from wellkeeper.mix.sampling import Priorities, copy_order
from wellkeeper.mix.spread import Units, spread
from wellkeeper.mix.whole import Chooser

_CLASS = np.full(len(Origin), OTHER, np.int8)
_CLASS[Origin.HUMAN] = HUMAN
_CLASS[list(SYNTHETIC_ORIGINS)] = SYNTHETIC


def choose(
    plan: MixPlan,
    *,
    source: NDArray[np.integer],
    month: NDArray[np.integer],
    origin: NDArray[np.integer],
    priority: Priorities,
    size: NDArray[np.integer],
    labels: Mapping[str, NDArray[np.integer]] | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
    copies: NDArray[np.integer] | None = None,
    epochs: NDArray[np.integer] | None = None,
    topic: NDArray[np.integer] | None = None,
    reference_topics: NDArray[np.integer] | None = None,
    vectors: Units | None = None,
    quality: NDArray[np.floating] | None = None,
) -> Mix:
    """The documents that satisfy the plan; arrays have shape (documents,) unless another is given.

    Args:
        plan: what to satisfy.
        source: index of each document's source, >= 0.
        month: index of its month of capture, -1 where no date is known.
        origin: `wellkeeper.core.origin.Origin`.
        priority: the order in which documents of a cell are taken, smallest first.
        size: in the plan's unit, >= 0; ones for documents.
        labels: codes of the other kinds of caps that the plan has (domain, licence, ...), -1 where none is known.
        names: of codes, by kind of cap; needed where the plan caps one by name.
        copies: how often each document is drawn, >= 0; None: once. Constraints are on all copies, of which some
            may be chosen and some not.
        epochs: how often each may be taken, >= 1, with all of its copies; None: once.
        topic: of each document, -1 where it has none; needed for a tail quota, as is the next.
        reference_topics: documents of the human reference in each topic, shape (topics,).
        vectors: unit vectors, shape (documents, dimensions), in units of 1 / `VECTOR_UNIT`; needed by a plan that
            takes unlike documents first.
        quality: in [0, 1], of each document; such a plan prefers those with more. None: all alike.

    A size target that cannot be reached is no error: `Mix.facts` says what was asked, got and why.

    Raises:
        DataError: the arrays do not fit together, or one that the plan needs is not there.
        RecipeError: only an empty mix satisfies the constraints, a cap is on a name that no document has, the
            reference of a tail quota has no topics, or documents are drawn more than `MOST_EPOCHS` times on average.
    """
    columns = {"source": source, "month": month, "origin": origin, "priority": priority, "size": size}
    optional = {"copies": copies, "epochs": epochs, "topic": topic, "quality": quality, **(labels or {})}
    given = {name: column for name, column in optional.items() if column is not None}
    _check(plan, reference_topics, names or {}, **columns, **given)
    given |= _checked_vectors(plan, vectors, len(source))
    if copies is not None:
        del given["copies"]
        return _choose_copies(plan, copies, columns | given, names or {}, reference_topics)
    return _choose(plan, columns | given, names or {}, reference_topics)


def _choose(
    plan: MixPlan,
    columns: Mapping[str, NDArray[Any]],
    names: Mapping[str, Sequence[str]],
    reference_topics: NDArray[np.integer] | None,
) -> Mix:
    tail = None
    if plan.keep_tail is not None and reference_topics is not None:
        tail = tail_cells(reference_topics)
    cells = cells_of(
        _attributes(plan, columns, tail),
        priority=columns["priority"],
        size=columns["size"],
        epochs=columns.get("epochs") if plan.size.amount is not None else None,
    )
    constraints = families(plan, cells, names=names, tail=tail, reference_topics=reference_topics)
    available, total = cells.mass.astype(np.float64), int(cells.mass.sum())
    if not total:
        return _everything(plan, cells, constraints)
    refuse_impossible(available, constraints, len(columns["size"]))
    allocation = allocate(plan, cells, constraints)
    if allocation is None:
        refuse_infeasible(available, constraints)
    if plan.spread:
        parts = np.divide(allocation.mass, available, out=np.zeros(len(cells)), where=available > 0)
        cells = spread(cells, parts, columns["vectors"], columns.get("quality"))
    chooser = Chooser(cells, allocation.mass, allocation.most, constraints, plan.size.amount)
    if not chooser.choose():
        refuse_too_coarse(plan, constraints, total)
    return _mix(plan, cells, chooser, allocation, tail)


def _attributes(
    plan: MixPlan, columns: Mapping[str, NDArray[Any]], tail: NDArray[np.bool_] | None
) -> dict[str, NDArray[Any]]:
    """What tells cells apart. Common topics are as none: no quota is theirs."""
    attributes: dict[str, NDArray[Any]] = {}
    if tail is not None:
        rare = np.append(np.where(tail, np.arange(len(tail)), -1), -1).astype(np.int32)
        attributes["topic"] = rare[columns["topic"]]
    attributes["class"] = _CLASS[columns["origin"]]
    attributes["source"] = columns["source"]
    return attributes | {kind: columns[kind] for kind in plan.caps if kind != "source"}


def _choose_copies(
    plan: MixPlan,
    copies: NDArray[np.integer],
    columns: Mapping[str, NDArray[Any]],
    names: Mapping[str, Sequence[str]],
    reference_topics: NDArray[np.integer] | None,
) -> Mix:
    """Choose among single copies, each with a place of its own in the order.

    Were all copies of a document taken or left at once, those with many would fit less often than their weight says.
    """
    drawn = int(copies.sum())
    if drawn > MOST_EPOCHS * len(copies):
        raise RecipeError(
            f"Sampling weights draw {drawn:,} copies of {len(copies):,} documents, more than {MOST_EPOCHS} of each. "
            "Lower the weights, or leave them to whoever trains: mix.weights: keep."
        )
    of = np.repeat(np.arange(len(copies)), copies)
    singles = {name: column[of] for name, column in columns.items()}
    singles["priority"] = copy_order(columns["priority"], copies)
    mix = _choose(plan, singles, names, reference_topics)
    each = mix.kept.astype(np.int64) if mix.copies is None else mix.copies
    times = np.zeros(len(copies), np.int64)
    np.add.at(times, of, each)
    reason = np.full(len(copies), REASONS.index(WEIGHT), np.int8)
    reason[of[::-1]] = mix.reason[::-1]  # of several copies, the first one's
    reason[times > 0] = -1
    counted = {**mix.facts.get("copies", {}), "drawn": len(of), "kept": int(times.sum())}
    return replace(
        mix,
        kept=times > 0,
        copies=times,
        reason=reason,
        facts={**mix.facts, "documents": int(np.count_nonzero(times)), "copies": counted},
    )


def _everything(plan: MixPlan, cells: Cells, constraints: Sequence[Family]) -> Mix:
    """The mix of documents that weigh nothing: all of them."""
    once = np.ones(len(cells), np.int64)
    chooser = Chooser(cells, cells.mass.astype(np.float64), once, constraints, plan.size.amount)
    chooser.take_all()
    allocation = Allocation(
        mass=chooser.target,
        most=once,
        level=1.0,
        factors=tuple(np.ones(family.groups) for family in constraints),
        sized=False,
        divergence=0.0,
    )
    return _mix(plan, cells, chooser, allocation, None)


def _mix(
    plan: MixPlan, cells: Cells, chooser: Chooser, allocation: Allocation, tail: NDArray[np.bool_] | None
) -> Mix:
    cell = np.repeat(np.arange(len(cells)), cells.documents)
    position = np.arange(len(cell)) - np.repeat(cells.start[:-1], cells.documents)
    documents = np.maximum(cells.documents, 1)
    times_here = ((chooser.taken // documents)[cell] + (position < (chooser.taken % documents)[cell])).astype(
        np.int64
    )
    times = np.empty(len(cell), np.int64)
    times[cells.order] = times_here
    reason = np.empty(len(cell), np.int8)
    reason[cells.order] = np.where(times_here > 0, np.int8(-1), _reason_of_cells(chooser, allocation)[cell])
    repeated = bool((times > 1).any())
    facts = _facts(plan, cells, chooser, allocation, tail) | {"documents": int(np.count_nonzero(times))}
    if repeated:
        facts["copies"] = {"drawn": len(times), "kept": int(times.sum()), "level": round(allocation.level, 4)}
    return Mix(
        kept=times > 0,
        reason=reason,
        constraints=_report(plan, cells, chooser),
        facts=facts,
        copies=times if repeated else None,
    )


def _facts(
    plan: MixPlan, cells: Cells, chooser: Chooser, allocation: Allocation, tail: NDArray[np.bool_] | None
) -> dict[str, Any]:
    binding = {
        family.name
        for family, factor in zip(chooser.families, allocation.factors, strict=True)
        if (factor != 1).any()
    }
    if allocation.sized:
        binding.add(SIZE)
    facts: dict[str, Any] = {
        "unit": plan.size.unit,
        "available": int(cells.mass.sum()),
        "asked": plan.size.amount,
        "allocated": float(allocation.mass.sum()),
        "got": int(chooser.mass.sum()),
        "divergence": round(allocation.divergence, 6),
        "binds": [name for name in REASONS if name in binding],
    }
    if tail is not None:
        facts["tail"] = _tail_facts(cells, chooser, tail)
    return facts


def _tail_facts(cells: Cells, chooser: Chooser, tail: NDArray[np.bool_]) -> dict[str, int | bool]:
    """How many rare topics the reference, the data and the mix have, how many it took whole, and how it rounded."""
    topic = cells.codes["topic"]
    present, taken, all_taken = np.zeros((3, len(tail) + 1), np.int64)
    np.add.at(present, topic, cells.documents)
    np.add.at(taken, topic, chooser.taken)
    np.add.at(all_taken, topic, np.minimum(chooser.taken, cells.documents))
    held, kept, whole = (
        int(np.count_nonzero(found[:-1]))
        for found in (present, taken, (present > 0) & (all_taken == present))
    )
    return {
        "topics": int(np.count_nonzero(tail)),
        "held": held,
        "kept": kept,
        "exhausted": whole,
        "rounded_down": chooser.down,
    }


def _reason_of_cells(chooser: Chooser, allocation: Allocation) -> NDArray[np.int8]:
    """Of each cell, the limit that cut it down most; where none did, the size, or the limit it is closest to."""
    cells = len(chooser.taken)
    names, pull = [], [np.zeros(cells)]
    for family, factors in zip(chooser.families, allocation.factors, strict=True):
        if not family.lower:
            pull.append(1 - np.append(factors, 1.0)[family.group])
            names.append(family.name)
    codes = np.array([_fallback(chooser, allocation), *(REASONS.index(name) for name in names)], np.int8)
    strongest = np.argmax(np.stack(pull), axis=0)
    if not allocation.sized and names:
        nearest = 1 + np.argmax(
            np.stack([_nearness(chooser, family) for family in chooser.families if not family.lower]), axis=0
        )
        strongest = np.where(strongest == 0, nearest, strongest)
    return np.asarray(codes[strongest])


def _fallback(chooser: Chooser, allocation: Allocation) -> int:
    quota = any(family.lower for family in chooser.families)
    return REASONS.index(KEEP_TAIL if quota and not allocation.sized else SIZE)


def _nearness(chooser: Chooser, family: Family) -> NDArray[np.float64]:
    """How much of its limit the group of each cell has used up; -1 for a cell without one."""
    total = max(int(chooser.mass.sum()), 1)
    used = family.masses(chooser.mass) / max(float(family.limit) * total, 1e-300)
    return np.append(used, -1.0)[family.group]


def _report(plan: MixPlan, cells: Cells, chooser: Chooser) -> tuple[Constraint, ...]:
    totals = int(cells.mass.sum()), int(chooser.mass.sum())
    found = [_reached(family, cells, chooser, totals) for family in chooser.families]
    if plan.size.amount is not None:
        before, after = (float(total) for total in totals)
        holds = totals[1] <= plan.size.amount
        found.append(Constraint(name=SIZE, limit=plan.size.amount, before=before, after=after, holds=holds))
    return tuple(sorted(found, key=lambda one: REASONS.index(one.name)))


def _reached(family: Family, cells: Cells, chooser: Chooser, totals: tuple[int, int]) -> Constraint:
    of = _quota_kept if family.lower else _share
    before, after = (
        of(family, family.masses(mass), total)
        for mass, total in zip((cells.mass, chooser.mass), totals, strict=True)
    )
    worst = after[1]
    return Constraint(
        name=family.name,
        limit=family.written,
        before=before[0],
        after=after[0],
        holds=chooser.keeps(family, totals[1]),
        group=family.labels[worst] if family.labels and worst is not None else None,
    )


def _share(family: Family, masses: NDArray[np.int64], total: int) -> tuple[float, int | None]:
    """Share of the largest group (of the human floor: of what is outside the group), and which it is."""
    if not total or not len(masses):
        return 0.0, None
    worst = int(masses.argmax())
    held = int(masses[worst])
    return (total - held if family.name == HUMAN_FLOOR else held) / total, worst


def _quota_kept(family: Family, masses: NDArray[np.int64], total: int) -> tuple[float, int | None]:
    """Of its share of the reference, the part that the worst rare topic has; 1 for one of which all is there."""
    if not total or family.parts is None or family.held is None or not family.groups:
        return 1.0, None
    part = masses * family.whole / np.maximum(family.parts * float(total), 1e-300)
    kept = np.where(masses >= family.held, 1.0, np.minimum(part, 1.0))
    worst = int(kept.argmin())
    return float(kept[worst]), worst


def _check(
    plan: MixPlan,
    reference_topics: NDArray[np.integer] | None,
    names: Mapping[str, Sequence[str]],
    **arrays: NDArray[Any],
) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1 or arrays["source"].ndim != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"The arrays differ in shape: {found}. Pass one value per document in each.")
    lowest = {"source": 0, "origin": 0, "size": 0, "copies": 0, "epochs": 1, "priority": 0, "quality": 0}
    for name, array in arrays.items():
        low = lowest.get(name, -1)
        if len(array) and array.min() < low:
            at = int(array.argmin())
            raise DataError(f"{name}[{at}] is {array[at]}. Values start at {low}.")
    if len(arrays["origin"]) and arrays["origin"].max() >= len(Origin):
        at = int(arrays["origin"].argmax())
        raise DataError(f"origin[{at}] is {arrays['origin'][at]}. Origins end at {len(Origin) - 1}.")
    _check_caps(plan, names, arrays)
    _check_topics(plan, reference_topics, arrays)


def _check_caps(plan: MixPlan, names: Mapping[str, Sequence[str]], arrays: Mapping[str, Any]) -> None:
    for kind, cap in plan.caps.items():
        if kind not in arrays:
            raise DataError(
                f"The plan caps by {kind}, and there are no codes of it. Pass labels={{{kind!r}: codes}}."
            )
        for name in cap.named:
            if name not in names.get(kind, ()):
                known = sorted(names.get(kind, ()))
                choice = (
                    f", or give one of: {_listed(known)}" if known else f": no document has a known {kind}"
                )
                raise RecipeError(
                    f"{RECIPE_KEYS[CAPS[kind]]}.{name}: no document has the {kind} {name!r}."
                    f"{did_you_mean(name, known)} Remove the cap{choice}."
                )


def _checked_vectors(plan: MixPlan, vectors: Units | None, documents: int) -> dict[str, NDArray[Any]]:
    if not plan.spread:
        return {}
    if vectors is None or vectors.ndim != 2 or len(vectors) != documents:
        found = "there are none" if vectors is None else f"vectors has shape {vectors.shape}"
        raise DataError(
            f"The plan takes unlike documents first, which is told by vectors, and {found}. "
            f"Pass one for each of the {documents} documents: shape (documents, dimensions)."
        )
    return {"vectors": vectors}


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check_topics(
    plan: MixPlan, reference_topics: NDArray[np.integer] | None, arrays: Mapping[str, Any]
) -> None:
    if plan.keep_tail is None:
        return
    if "topic" not in arrays or reference_topics is None:
        raise DataError(
            "The plan has a tail quota, and topics of the documents or of the reference are missing. "
            "Pass topic and reference_topics."
        )
    topics = int(arrays["topic"].max(initial=-1)) + 1
    if topics > len(reference_topics):
        raise DataError(
            f"topic goes up to {topics - 1}, and reference_topics has {len(reference_topics)} counts. "
            "Number the topics of corpus and reference alike."
        )
    if not reference_topics.any():
        raise RecipeError(
            f"{RECIPE_KEYS[KEEP_TAIL]} is {plan.keep_tail:g}, and no document of the reference has a topic: they have "
            "too few words. Give a reference of longer documents, or remove keep_tail."
        )
