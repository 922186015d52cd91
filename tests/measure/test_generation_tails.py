"""Figures of two versions are those of a plain count, the test holds its level, and a cut tail is found."""

import math
from collections import Counter
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure import generation_tails
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.generation_tails import (
    FIGURES,
    compare_tails,
    human_ceiling,
    outputs_of,
    outputs_of_bags,
)

CELLS = 8
HUMAN = np.array([40, 30, 10, 8, 5, 4, 3, 0])

tables = st.integers(10, 14).flatmap(
    lambda prompts: st.lists(
        st.lists(st.integers(-1, CELLS - 1), min_size=3, max_size=3),
        min_size=prompts,
        max_size=prompts,
    ).map(np.array)
)
full = st.lists(st.lists(st.integers(0, CELLS - 1), min_size=2, max_size=2), min_size=12, max_size=12).map(
    np.array
)


def plain(cells, human) -> list[float]:
    """The figures as the module's table says them, one cell after the other."""
    counted, tail, size = Counter(cells), tail_cells(human), len(cells)
    weight = human[tail].sum()
    return [
        sum(int(human[c]) for c in counted if tail[c]) / weight,
        sum(many for c, many in counted.items() if tail[c]) / size,
        len(counted),
        -sum(many / size * math.log(many / size) for many in counted.values()),
        1 - sum(many * (many - 1) for many in counted.values()) / (size * (size - 1)),
    ]


@given(full, full)
def test_figures_are_those_of_a_plain_count(first, second) -> None:
    found = compare_tails(outputs_of(first), outputs_of(second), HUMAN, permutations=19)
    for at, table in enumerate((first, second)):
        values = [(change.first, change.second)[at] for change in found.changes]
        assert values == pytest.approx(plain(table.ravel().tolist(), HUMAN), abs=1e-12)
    assert [change.figure for change in found.changes] == list(FIGURES)


@given(full, full)
def test_p_values_are_those_of_swapping_whole_prompts_one_relabelling_after_the_other(first, second) -> None:
    found = compare_tails(outputs_of(first), outputs_of(second), HUMAN, seed=5, permutations=19)
    swaps = np.random.default_rng(5).random((19, len(first))) < 0.5
    rows = [np.subtract(plain(second.ravel().tolist(), HUMAN), plain(first.ravel().tolist(), HUMAN))]
    for swap in swaps[:, :, None]:
        sides = np.where(swap, second, first), np.where(swap, first, second)
        rows.append(np.subtract(*(plain(side.ravel().tolist(), HUMAN) for side in sides[::-1])))
    for change, column in zip(found.changes, np.transpose(rows), strict=True):
        expected = (1 + np.count_nonzero(column[1:] <= column[0] + 1e-9)) / 20
        assert change.p_alone == pytest.approx(expected if np.ptp(column) > 1e-9 else 1.0)
        assert change.p >= change.p_alone - 1e-12


@given(tables, tables, st.integers(0, 3))
def test_both_versions_are_cut_to_equal_sizes_prompt_by_prompt(first, second, seed) -> None:
    prompts = min(len(first), len(second))
    sides = outputs_of(first[:prompts]), outputs_of(second[:prompts])
    least = np.minimum(sides[0].sizes, sides[1].sizes)
    if np.count_nonzero(least) < 10:
        return
    cut = generation_tails.equal_sizes(sides, seed)
    for whole, side in zip(sides, cut, strict=True):
        assert side.sizes.tolist() == least[least > 0].tolist()
        parts = [
            np.split(one.cells, one.offsets[1:-1])
            for one in (
                side,
                outputs_of(np.where((least > 0)[:, None], (first, second)[whole is sides[1]][:prompts], -1)),
            )
        ]
        kept = [part for part, many in zip(parts[1], least, strict=True) if many]
        assert all(Counter(a.tolist()) <= Counter(b.tolist()) for a, b in zip(parts[0], kept, strict=True))
    found = compare_tails(*sides, HUMAN, seed=seed, permutations=19)
    assert found.outputs == least.sum()
    assert found.left_out == (sides[0].cells.size - least.sum(), sides[1].cells.size - least.sum())


@given(full, full, st.randoms())
def test_the_order_of_outputs_within_a_prompt_decides_nothing(first, second, random) -> None:
    first[3, 1] = -1  # so that something is cut
    shuffled = np.array([random.sample(row, len(row)) for row in second.tolist()])
    one, other = (
        compare_tails(outputs_of(first), outputs_of(b), HUMAN, permutations=19) for b in (second, shuffled)
    )
    assert one == other


@given(full, full)
def test_outputs_of_one_cell_each_are_bags_of_one(first, second) -> None:
    bags = [
        outputs_of_bags([[[cell] for cell in row] for row in table.tolist()]) for table in (first, second)
    ]
    tables = outputs_of(first), outputs_of(second)
    assert compare_tails(*bags, HUMAN, permutations=19) == compare_tails(*tables, HUMAN, permutations=19)


def test_empty_outputs_are_no_cell() -> None:
    bags = outputs_of_bags([[[], [-1]], [[2, -1, 2]]])
    assert bags.sizes.tolist() == [0, 2]
    assert bags.cells.tolist() == [2, 2]


def test_a_version_beside_itself_has_no_change_and_no_p_value_below_one() -> None:
    same = outputs_of(np.random.default_rng(1).integers(0, CELLS, (20, 4)))
    found = compare_tails(same, same, HUMAN)
    assert [change.second - change.first for change in found.changes] == [0.0] * 5
    assert found.p == 1.0


def test_nothing_is_shown_where_no_spread_is_seen() -> None:
    one = outputs_of(np.zeros((20, 4), np.int64))
    found = compare_tails(one, one, HUMAN)
    assert all(change.change is None and change.at_least is None for change in found.changes)
    assert found.p_margin(0.5) == 1.0
    assert found.to_json()["changes"][0]["change"] is None


def test_a_change_is_within_a_margin_where_its_one_sided_bound_is() -> None:
    for change in compare_tails(*world(np.random.default_rng(3), 100)).changes:
        margins = np.linspace(0.001, 0.5, 200)
        shown = [change.at_least > -margin * change.first for margin in margins]
        small = [change.p_margin(margin) <= 0.05 for margin in margins]
        assert np.count_nonzero(np.not_equal(shown, small)) <= 1  # the quantile is a series
        assert np.all(np.diff([change.p_margin(margin) for margin in margins]) <= 0)


def test_with_as_many_prompts_as_would_decide_the_margin_holds_so_many_standard_errors() -> None:
    found = compare_tails(*world(np.random.default_rng(3), 100), permutations=19)
    errors = [change.spread.error / (0.05 * change.first) for change in found.changes]
    needed = found.prompts_to_decide(0.05)
    reach = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.8)
    assert needed == pytest.approx(100 * (max(errors) * reach) ** 2, abs=1)
    assert max(errors) * math.sqrt(100 / needed) <= 1 / reach
    assert found.prompts_to_decide(0.1) == pytest.approx(needed / 4, abs=1)


def test_how_many_prompts_would_decide_is_not_said_where_a_figure_has_no_spread() -> None:
    table = np.zeros((12, 2), np.int64)
    assert (
        compare_tails(outputs_of(table), outputs_of(table), HUMAN, permutations=19).prompts_to_decide(0.05)
        is None
    )


def test_the_ceiling_is_the_other_half_at_the_size_of_a_version() -> None:
    human = np.random.default_rng(0).multinomial(4_000, 1 / np.arange(1, 301) / sum(1 / np.arange(1, 301)))
    ceiling = human_ceiling(human, 400)
    rarefied = (
        sum(  # a half of a half of the items is a sample of all of them: hypergeometric, in closed form
            1
            - math.exp(
                math.lgamma(4_001 - h) + math.lgamma(3_601) - math.lgamma(3_601 - h) - math.lgamma(4_001)
            )
            for h in human.tolist()
        )
    )
    assert ceiling[2] == pytest.approx(rarefied, rel=0.02)
    assert ceiling[1] == pytest.approx(0.15, abs=0.05)  # cells of equal count are in the tail together
    assert human_ceiling(human, 2_001) is None
    assert human_ceiling(human, 400, halvings=0) is None
    assert human_ceiling(human, 400).tolist() == ceiling.tolist()


# --- worlds ---------------------------------------------------------------------------------------


def world(rng: np.random.Generator, prompts: int, *, cut: float = 0.0):
    """200 cells like rank^-1.05, each prompt with a mix of its own; the second version may lack the rarest mass."""
    base = 1 / np.arange(1, 201) ** 1.05
    base /= base.sum()
    left = np.where(np.cumsum(base) > 1 - cut, 0.0, 1.0) if cut else np.ones(200)
    mixes = rng.standard_gamma(200 * base, (prompts, 200))
    sides = []
    for masses in (mixes, mixes * left):
        ends = np.cumsum(masses, axis=1)
        draws = rng.random((prompts, 4)) * ends[:, -1:]
        sides.append(outputs_of((draws[:, :, None] > ends[:, None, :]).sum(axis=2)))
    return (*sides, rng.multinomial(2_000, base))


def test_false_alarms_are_at_most_the_level_from_20_prompts_up() -> None:
    worlds = 400
    found = [
        compare_tails(*world(np.random.default_rng([7, number]), 20), seed=number, permutations=99)
        for number in range(worlds)
    ]
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / worlds)
    assert np.mean([one.p <= 0.05 for one in found]) <= bound
    for at in range(len(FIGURES)):
        assert np.mean([one.changes[at].p_alone <= 0.05 for one in found]) <= bound
        covered = [one.changes[at].change.low <= 0 <= one.changes[at].change.high for one in found]
        assert np.mean(covered) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / worlds)


def test_a_tail_cut_is_found_and_by_the_number_of_cells_first() -> None:
    found = [compare_tails(*world(np.random.default_rng(number), 200, cut=0.1)) for number in range(20)]
    assert np.mean([one.p <= 0.05 for one in found]) >= 0.95
    assert np.mean([one.changes[2].p for one in found]) < np.mean([one.changes[4].p for one in found])


def test_relabellings_do_not_depend_on_how_many_follow() -> None:
    first, second, human = world(np.random.default_rng(2), 30)
    few, many = (compare_tails(first, second, human, permutations=count).changes for count in (19, 99))
    assert [change.change for change in few] == [change.change for change in many]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"second": np.zeros((19, 2), int)},
            r"answers 20 prompts and the second 19\. .* in the same order\.$",
        ),
        ({"second": np.full((20, 2), -1)}, r"^0 prompts have an output .* Give at least 10 such prompts"),
        (
            {"second": np.full((20, 2), 8)},
            r"of cell 8, and the reference counts cells 0 to 7\. .* with 0 for one",
        ),
        ({"permutations": 9}, r"^permutations is 9, .* 1/10\. Ask for at least 19"),
        ({"human": np.zeros(8, int)}, r"no item in any cell\. Give a reference"),
        ({"human": np.array([10**9] + [1] * 7)}, r"has 1,000,000,007 items\. Count a sample"),
        ({"second": np.full((20, 2), -2)}, r"is -2\. Number cells from 0, and leave out"),
        ({"second": np.zeros(20, int)}, r"shape \(20,\)\. Pass a row for each prompt"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change, says) -> None:
    given = {"second": np.zeros((20, 2), int), "human": HUMAN, "permutations": 19, **change}
    with pytest.raises(DataError, match=says):
        compare_tails(
            outputs_of(np.zeros((20, 2), int)),
            outputs_of(given["second"]),
            given["human"],
            permutations=given["permutations"],
        )
