"""Did a new version of a model lose the tail of what people write? Two versions that answer the same prompts.

Every output is an integer cell, such as its cluster or its template, or a bag of cells, such as its words; people's own
items were counted by the same cells. Five figures, all higher where a version is richer, since no single one sees both
harms, a tail that is cut off and a head that is sharpened:

    tail recall     sum over the tail of w_c [n_c > 0], w_c the share of the tail's human items that are of cell c
    tail mass       sum over the tail of n_c / N
    distinct        cells with n_c > 0: the Hill number of order 0
    entropy         -sum (n_c / N) ln(n_c / N), in nats: the logarithm of the Hill number of order 1
    Gini-Simpson    1 - sum n_c (n_c - 1) / (N (N - 1)), the chance that two outputs are unlike, without bias: order 2

n_c is how many of a version's N outputs are of cell c. The tail is `measure.cells.tail_cells` of the human counts.

Equal sizes. More outputs have more cells. Both versions are therefore cut, prompt by prompt, to as many outputs with a
cell as the shorter one has, at random by the seed; what a longer bag has beyond the shorter one goes the same way.
Every relabelling then compares equal sizes too. An empty output is no cell: its share is a figure of its own elsewhere.

The test swaps the versions of whole prompts, each with probability 1/2. If the versions are alike, it is exact for any
number of prompts and outputs, whatever the prompts are: outputs to one prompt resemble each other and stay together.
p-values are one-sided, that B is poorer, and adjusted for all five figures by Westfall and Young's maxT [1].

The interval of a change is the delete-a-block jackknife over prompts (`measure.jackknife`). The human counts are taken
as they are. Size, power and coverage are measured by benchmarks/watch/tails.py.

The ceiling is one half of the human items beside the other: the first half says what the tail is, as many items as a
version has outputs are drawn from the second. (Cells of equal count stay together, so that the tail of a half may be a
little larger or smaller than that of the whole.) People answered many prompts once, a version answers few prompts
several times, and outputs to one prompt are alike: a version as rich as people has fewer distinct cells than that.

[1] Westfall and Young, Resampling-based multiple testing (1993), section 2.3, equation 2.9.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife, student
from wellkeeper.measure._loops import SIDE_SUMS
from wellkeeper.measure.cells import Counts, tail_cells
from wellkeeper.measure.incidence import Incidence, check_offsets
from wellkeeper.measure.jackknife import Interval, Spread, influences
from wellkeeper.measure.relabel import Pool, Yardstick, max_t, pool_of, relabelled_sums

Numbers: TypeAlias = NDArray[np.float64]

FIGURES = ("tail_recall", "tail_mass", "distinct", "entropy", "gini_simpson")

PERMUTATIONS = 199
"""Relabellings; the least p-value is 1/200. Those of the simulations in the module's benchmark."""

HALVINGS = 20
"""Random halvings of the human items; the mean over so many is steady to the digits that a report shows."""

NONE = -1
"""The cell of an output that has none: empty, refused, or unlike everything."""

_MOST_HUMAN_ITEMS = 999_999_999  # what numpy deals hypergeometrically
_ONE_SIDED = NormalDist().inv_cdf(jackknife.LEVEL)
_DECIDING = _ONE_SIDED + NormalDist().inv_cdf(0.8)  # standard errors that the margin is to hold
_DRAWN_APART = 1  # stream of the seed for cutting to equal sizes
_CEILING = 2  # and for halving the human items


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outputs:
    """The cells of one version's outputs, by prompt; which output a cell is of does not matter."""

    offsets: NDArray[np.int64]  # shape (prompts + 1,): prompt p has cells[offsets[p]:offsets[p + 1]]
    cells: NDArray[np.int64]  # >= 0

    def __post_init__(self) -> None:
        check_offsets(self.offsets, self.cells.size, "cells")
        if self.cells.size and self.cells.min() < 0:
            raise DataError(
                f"cells[{int(self.cells.argmin())}] is {self.cells.min()}. "
                "Number cells from 0, and leave out outputs that have none."
            )

    @property
    def prompts(self) -> int:
        return self.offsets.size - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Cells of each prompt, shape (prompts,)."""
        return np.diff(self.offsets)


def outputs_of(table: NDArray[np.integer]) -> Outputs:
    """Outputs that are one cell each: `table`, shape (prompts, generations), has -1 where an output has none.

    >>> outputs_of(np.array([[3, 3], [0, -1]])).cells.tolist()
    [3, 3, 0]

    Raises:
        DataError: the table has not two dimensions, or a number below -1.
    """
    if table.ndim != 2:
        raise DataError(
            f"the table has shape {table.shape}. Pass a row for each prompt and a column for each generation."
        )
    some = table != NONE
    return Outputs(offsets=_offsets(some.sum(axis=1)), cells=table[some].astype(np.int64))


def outputs_of_bags(prompts: Iterable[Sequence[Sequence[int]]]) -> Outputs:
    """Outputs that are bags of cells: for each prompt its outputs, for each output its cells, -1 for none.

    >>> outputs_of_bags([[[5, 2], []], [[2]]]).offsets.tolist()
    [0, 2, 3]

    Raises:
        DataError: a cell is below -1.
    """
    cells = [[cell for cell in chain.from_iterable(bags) if cell != NONE] for bags in prompts]
    return Outputs(
        offsets=_offsets([len(of_prompt) for of_prompt in cells]),
        cells=np.array(list(chain.from_iterable(cells)), np.int64),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TailChange:
    """One figure of both versions, at equal sizes; the figure's unit is that of the module's table."""

    figure: str  # one of FIGURES
    first: float
    second: float
    ceiling: (
        float | None
    )  # of people; None: half of the human items are fewer than the outputs, or it was not asked for
    change: Interval | None  # second - first, 95 %; None: neither a block nor a relabelling changes it
    at_least: float | None  # one-sided 95 % bound of the change from below; None as above
    spread: Spread | None  # of the change; None as above
    p: float  # that the second is lower by chance, adjusted for the five figures
    p_alone: float  # the same, of this figure alone

    def p_margin(self, margin: float) -> float:
        """That the second is lower by the share `margin` of the first or more: small if it is not worse by that much.

        One-sided, by Student's t over blocks of prompts. Where no spread was seen, nothing is shown: 1.
        """
        if self.spread is None:
            return 1.0
        beyond = self.second - self.first + margin * self.first
        return student.below(-beyond / self.spread.error, self.spread.freedom)

    def to_json(self) -> dict[str, Any]:
        return {
            "figure": self.figure,
            "first": self.first,
            "second": self.second,
            "ceiling": self.ceiling,
            "change": None if self.change is None else self.change.to_json(),
            "at_least": self.at_least,
            "p": self.p,
            "p_alone": self.p_alone,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TailComparison:
    """Two versions on the same prompts, beside what people write."""

    prompts: int  # that have an output with a cell of both versions
    outputs: int  # cells of each version after cutting to equal sizes
    left_out: tuple[int, int]  # cells of the first and the second version that were cut
    tail_cells: int  # rare cells of the reference
    permutations: int
    changes: tuple[TailChange, ...]  # in the order of FIGURES

    @property
    def p(self) -> float:
        """That B is poorer in no figure: the least adjusted p-value."""
        return min(change.p for change in self.changes)

    def p_margin(self, margin: float) -> float:
        """That B is lower by the share `margin` in some figure: the largest, an intersection-union test."""
        return max(change.p_margin(margin) for change in self.changes)

    def prompts_to_decide(self, margin: float) -> int | None:
        """About how many prompts would show that nothing was lost, and find a loss of the margin, with a power of 0.8.

        Of the figure that needs most. None: a figure showed no spread, or is 0.
        """
        if any(change.spread is None or not change.first for change in self.changes):
            return None
        errors = max(
            change.spread.error / (margin * change.first) for change in self.changes if change.spread
        )
        return math.ceil(self.prompts * (_DECIDING * errors) ** 2)

    def to_json(self) -> dict[str, Any]:
        return {
            "prompts": self.prompts,
            "outputs": self.outputs,
            "left_out": list(self.left_out),
            "tail_cells": self.tail_cells,
            "permutations": self.permutations,
            "p": self.p,
            "changes": [change.to_json() for change in self.changes],
        }


def compare_tails(
    first: Outputs,
    second: Outputs,
    reference: Counts,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    halvings: int = HALVINGS,
) -> TailComparison:
    """Compare the second version with the first on the same prompts, in the same order.

    Args:
        first: outputs of the version that is known.
        second: outputs of the version that is to take its place.
        reference: how many human items are of each cell, shape (cells,); 0 for cells that only models have.
        seed: of relabellings, of cutting to equal sizes and of halvings.
        permutations: relabellings.
        halvings: of the human items, for the ceiling; 0 leaves it out, for those who have it already.

    Raises:
        DataError: the prompts are not as many, fewer than 10 have an output with a cell of both versions, a cell is
            not in the reference, `permutations` is below 19, or the reference is empty or beyond 999,999,999 items.
    """
    yardstick = Yardstick(reference.astype(np.int64), tail_cells(reference), is_reference=True)
    _check(first, second, reference, permutations)
    sides = equal_sizes((first, second), seed)
    pool = _pool(sides[0], sides[1], yardstick)
    prompts = sides[0].prompts
    sums = relabelled_sums(
        pool, np.zeros(2 * prompts, np.int64), prompts, paired=True, seed=seed, permutations=permutations
    )
    figures = _figures(sums, yardstick)
    rows = figures[:, 1] - figures[:, 0]
    below = [-1] * len(FIGURES)
    adjusted = max_t(rows, below)
    alone = [float(max_t(rows[:, [at]], below[:1])[0]) for at in range(len(FIGURES))]
    ceiling = human_ceiling(reference, sides[0].cells.size, seed=seed, halvings=halvings)
    spreads = _spreads(pool, sides[0], yardstick, rows)
    return TailComparison(
        prompts=prompts,
        outputs=sides[0].cells.size,
        left_out=(first.cells.size - sides[0].cells.size, second.cells.size - sides[1].cells.size),
        tail_cells=int(yardstick.tail.sum()),
        permutations=permutations,
        changes=tuple(
            TailChange(
                figure=figure,
                first=float(figures[0, 0, at]),
                second=float(figures[0, 1, at]),
                ceiling=None if ceiling is None else float(ceiling[at]),
                change=_interval(float(rows[0, at]), spreads[at]),
                at_least=_at_least(float(rows[0, at]), spreads[at]),
                spread=spreads[at],
                p=float(adjusted[at]),
                p_alone=alone[at],
            )
            for at, figure in enumerate(FIGURES)
        ),
    )


def human_ceiling(
    reference: Counts, outputs: int, *, seed: int = 0, halvings: int = HALVINGS
) -> Numbers | None:
    """The figures of `outputs` items of one human half, beside the tail of the other, shape (figures,).

    Means over random halvings. None where half of the items are fewer than `outputs`, since a smaller sample would be
    no ceiling for the number of distinct cells, or without a halving.

    Raises:
        DataError: the reference is empty or beyond 999,999,999 items.
    """
    tail_cells(reference)  # its checks
    counts, items = reference.astype(np.int64), int(reference.sum())
    if items > _MOST_HUMAN_ITEMS:
        raise DataError(
            f"the reference has {items:,} items. Count a sample of at most {_MOST_HUMAN_ITEMS:,} of them."
        )
    if not 2 <= outputs <= items - items // 2 or halvings < 1:
        return None
    generator = np.random.default_rng([seed, _CEILING])
    found = []
    for _ in range(halvings):
        half = generator.multivariate_hypergeometric(counts, items // 2)
        drawn = generator.multivariate_hypergeometric(counts - half, outputs)
        yardstick = Yardstick(half, tail_cells(half), is_reference=True)
        found.append(_figures(_sums(drawn, yardstick), yardstick))
    mean: Numbers = np.mean(found, axis=0)
    return mean


def _check(first: Outputs, second: Outputs, reference: Counts, permutations: int) -> None:
    if first.prompts != second.prompts:
        raise DataError(
            f"the first version answers {first.prompts} prompts and the second {second.prompts}. "
            "Pass the same prompts for both, in the same order."
        )
    if permutations < 19:
        raise DataError(
            f"permutations is {permutations}, and the least p-value would be 1/{permutations + 1}. "
            f"Ask for at least 19, or better {PERMUTATIONS}."
        )
    cell = max(int(side.cells.max(initial=NONE)) for side in (first, second))
    if cell >= reference.size:
        raise DataError(
            f"an output is of cell {cell}, and the reference counts cells 0 to {reference.size - 1}. "
            "Count the reference over all cells, with 0 for one that people do not have."
        )
    both = int(np.count_nonzero(np.minimum(first.sizes, second.sizes)))
    if both < jackknife.FEWEST_DOCUMENTS:
        raise DataError(
            f"{both} prompts have an output with a cell of both versions. "
            f"Give at least {jackknife.FEWEST_DOCUMENTS} such prompts, or better 100."
        )


def equal_sizes(sides: Sequence[Outputs], seed: int = 0) -> tuple[Outputs, ...]:
    """Versions with as many cells of each prompt, at random by the seed, without prompts that any has none of."""
    generator = np.random.default_rng([seed, _DRAWN_APART])
    left = np.minimum.reduce([side.sizes for side in sides])
    offsets = _offsets(left[left > 0])
    return tuple(Outputs(offsets=offsets, cells=_drawn(side, left, generator)) for side in sides)


def _drawn(side: Outputs, left: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """`left` cells of each prompt, at random; the order in which a prompt's outputs came decides nothing."""
    prompt = np.repeat(np.arange(side.prompts), side.sizes)
    cells = side.cells[np.lexsort((side.cells, prompt))]
    order = np.lexsort((generator.random(cells.size), prompt))
    rank = np.arange(cells.size) - np.repeat(side.offsets[:-1], side.sizes)
    chosen: NDArray[np.int64] = cells[order[rank < left[prompt]]]
    return chosen


def _pool(first: Outputs, second: Outputs, yardstick: Yardstick) -> Pool:
    """The cells of both versions, each an item for itself that goes with its prompt's side.

    Documents of the pool are the prompts of the first version, then those of the second.
    """
    ids = [side.cells.astype(np.int32) for side in (first, second)]
    ones = np.ones(2 * first.cells.size, np.int64)
    pool = pool_of(_one_by_one(first), _one_by_one(second), ids, yardstick, ones)
    of_item = np.repeat(np.arange(2 * first.prompts, dtype=np.int32), np.tile(first.sizes, 2))
    starts = np.concatenate((first.offsets[:-1], first.offsets[-1] + second.offsets[:-1]))
    return replace(pool, document=of_item[pool.document], alone=np.add.reduceat(pool.alone, starts))


def _one_by_one(side: Outputs) -> Incidence:
    many = side.cells.size
    return Incidence(
        offsets=np.arange(many + 1, dtype=np.int64),
        types=side.cells.astype(np.uint64),
        tokens=np.ones(many, np.int32),
    )


def _sums(counts: NDArray[np.int64], yardstick: Yardstick) -> Numbers:
    """What `Pool.tallied` has of one side, as far as figures need it, from counts of its cells, shape (cells,)."""
    sums = np.zeros(SIDE_SUMS)
    held = counts.astype(np.float64)
    sums[:4] = (
        np.count_nonzero(counts),
        held @ np.log(np.maximum(held, 1.0)),
        held @ held,
        held.sum(),
    )
    sums[5:7] = yardstick.tail_weight()[counts > 0].sum(), counts[yardstick.tail].sum()
    return sums


def _figures(sums: Numbers, yardstick: Yardstick) -> Numbers:
    """The figures, shape (..., figures), from sums of sides, shape (..., SIDE_SUMS)."""
    cells, logs, squares, size = np.moveaxis(sums[..., :4], -1, 0)
    tail_weight, tail_size = np.moveaxis(sums[..., 5:7], -1, 0)
    return np.stack(
        [
            tail_weight / yardstick.tail_weight().sum(),
            tail_size / size,
            cells,
            np.log(size) - logs / size,
            1 - (squares - size) / (size * (size - 1)),
        ],
        axis=-1,
    )


def _spreads(pool: Pool, side: Outputs, yardstick: Yardstick, rows: Numbers) -> list[Spread | None]:
    """How far each change lies from its mean over other prompts, as far as blocks or relabellings tell."""
    bounds = jackknife.blocks(side.prompts)
    second, first = (_without_blocks(pool, bounds, side.prompts, at, yardstick) for at in (1, 0))
    left = second - first
    beyond = influences(left[0] - left[1:], np.diff(side.offsets[bounds]))
    found: list[Spread | None] = []
    for at in range(len(FIGURES)):
        spread = jackknife.spread([beyond[:, at]])
        if spread.error == 0:  # each cell is in several blocks: none can be lost with one
            spread = Spread(float(rows[:, at].std()), math.inf)
        found.append(spread if spread.error > 0 else None)
    return found


def _interval(estimate: float, spread: Spread | None) -> Interval | None:
    if spread is None:
        return None
    reach = jackknife.student_quantile(spread.freedom) * spread.error
    return Interval(estimate=estimate, low=estimate - reach, high=estimate + reach)


def _at_least(estimate: float, spread: Spread | None) -> float | None:
    if spread is None:
        return None
    return estimate - jackknife.student_quantile(spread.freedom, _ONE_SIDED) * spread.error


def _without_blocks(
    pool: Pool, bounds: NDArray[np.int64], prompts: int, version: int, yardstick: Yardstick
) -> Numbers:
    """Figures of one version whole, then without each block of prompts, shape (blocks + 1, figures)."""
    block = np.repeat(np.arange(bounds.size - 1), np.diff(bounds))
    elsewhere = np.ones((bounds.size, 2, prompts), np.uint8)
    elsewhere[:, version] = np.arange(-1, bounds.size - 1)[:, None] == block
    return _figures(pool.tallied(elsewhere.reshape(bounds.size, -1))[:, 0], yardstick)


def _offsets(sizes: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))
