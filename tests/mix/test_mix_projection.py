"""The projection is the one a general solver finds, from wherever limits meet; linear programmes agree with scipy's."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, minimize

from wellkeeper.mix.families import Family
from wellkeeper.mix.infeasible import colliding, possible
from wellkeeper.mix.programme import _OPTIONS, Programme, best_whole, largest, least_level, least_violation
from wellkeeper.mix.projection import _Problem, project


def family(limit: float, group: np.ndarray, **more) -> Family:
    return Family(
        name="cap-source", key="mix.caps.source", limit=Fraction(str(limit)), group=group.astype(np.int32),
        groups=int(group.max(initial=-1)) + 1, **more,
    )  # fmt: skip


def quota(keep: float, group: np.ndarray, parts: list[int], held: np.ndarray, whole: int) -> Family:
    more = {"lower": True, "parts": np.array(parts), "held": held.astype(np.int64), "whole": whole}
    return replace(family(keep, group, **more), groups=len(parts))


def grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Masses of 3 x 3 x 2 cells and their three codes; the first source has most."""
    source, month, other = (axis.ravel() for axis in np.meshgrid(range(3), range(3), range(2), indexing="ij"))
    available = rng.integers(1, 100, 18).astype(float)
    available[source == 0] *= 8
    return available, source, month, other


def divergence(mass: np.ndarray, target: np.ndarray) -> float:
    shares, aims = mass / mass.sum(), target / target.sum()
    return float(np.sum(shares * np.log(np.maximum(shares, 1e-300) / aims)))


def excess(mass: np.ndarray, families: list[Family]) -> float:
    total = float(mass.sum())
    beyond = [((limits - held) if one.lower else (held - limits)).max(initial=0.0)
              for one in families for held, limits in [(one.sums(mass) / total, one.shares(total))]]  # fmt: skip
    return max(beyond, default=0.0)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.9, 0.999, 0.9999999])
@pytest.mark.parametrize("seed", range(4))
def test_the_projection_is_the_one_that_a_general_solver_finds(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    available, source, month, other = grid(rng)
    rare = np.where(month == 2, 0, -1)
    families = [
        family(0.45, source), family(0.5, month), family(0.2, np.where(other == 1, 0, -1)),
        quota(0.9, rare, [30], np.array([available[month == 2].sum()]), 100),
    ]  # fmt: skip
    size = part * largest(available, families, np.inf)[0]
    found = project(available, available, families, size).mass
    assert found.sum() == pytest.approx(size, rel=1e-7)
    assert (found <= available * (1 + 1e-9)).all()
    assert excess(found, families) < 1e-7
    rows = np.array(
        [
            np.where(one.group == g, -1.0 if one.lower else 1.0, 0.0)
            for one in families
            for g in range(one.groups)
        ]
    )
    ends = np.concatenate([one.shares(size) * (-1 if one.lower else 1) for one in families])
    start = found / size
    solved = minimize(
        lambda p: float(np.sum(p * np.log(np.maximum(p, 1e-15) / available))), np.maximum(start + 1e-4, 1e-6),
        jac=lambda p: np.log(np.maximum(p, 1e-15) / available) + 1, method="trust-constr",
        bounds=list(zip(np.zeros(18), available / size, strict=True)),
        constraints=[LinearConstraint(rows, -np.inf, ends), LinearConstraint(np.ones((1, 18)), 1, 1)],
        options={"maxiter": 300, "gtol": 1e-9},
    )  # fmt: skip
    if solved.constr_violation < 1e-8:
        assert divergence(found, available) <= divergence(np.maximum(solved.x, 0), available) + 1e-5


@given(st.integers(0, 2**32), st.floats(0.05, 1))
@settings(max_examples=100)
def test_of_allocations_of_its_size_that_keep_the_limits_none_is_closer(seed: int, part: float) -> None:
    """By the first-order condition of a convex minimum: no direction that keeps the limits leads down."""
    rng = np.random.default_rng(seed)
    available, source, month, other = grid(rng)
    families = [
        family(limit, group)
        for limit, group in zip(rng.uniform(0.34, 0.8, 2).round(2), (source, month), strict=True)
    ]
    families.append(family(round(float(rng.uniform(0.05, 0.6)), 2), np.where(other == 1, 0, -1)))
    most, _ = largest(available, families, np.inf)
    size = min(part, 1 - 1e-6) * most
    found = project(available, available, families, size).mass
    slope = np.log(np.maximum(found, 1e-12 * size) / available)
    rows = np.array([one.group == g for one in families for g in range(one.groups)], float)
    ends = np.concatenate([one.shares(size) * size for one in families])
    lowest = linprog(slope, A_ub=rows, b_ub=ends * (1 + 1e-9), A_eq=np.ones((1, 18)), b_eq=[size],
                     bounds=list(zip(np.zeros(18), available, strict=True)))  # fmt: skip
    assume(lowest.success)
    assert float(slope @ found) <= lowest.fun + 1e-4 * size


def test_a_corpus_that_keeps_the_limits_is_only_scaled() -> None:
    available = np.array([10.0, 20, 30])
    found = project(available, available, [family(0.6, np.arange(3))], 12)
    assert np.allclose(found.mass, [2, 4, 6])
    assert all((factors == 1).all() for factors in found.factors)


def test_a_group_whose_factor_is_not_one_is_at_its_limit() -> None:
    rng = np.random.default_rng(9)
    available, source, month, _ = grid(rng)
    families = [family(0.4, source), quota(1.0, np.where(month == 0, 0, -1), [60], np.array([1_000]), 100)]
    size = 0.4 * largest(available, families, np.inf)[0]
    found = project(available, available, families, size)
    for one, factors in zip(families, found.factors, strict=True):
        held, limits = one.sums(found.mass), one.shares(size) * size
        assert np.allclose(held[factors != 1], limits[factors != 1], rtol=1e-5)
    assert found.factors[1][0] > 1
    assert found.factors[0].min() < 1


def test_where_steps_get_nowhere_the_nearest_point_is_taken() -> None:
    problem = _Problem(
        target=np.array([0.7, 0.2, 0.1]), room=np.array([1.0, 0.5, 0.5]), rows=[np.array([0, -1, -1])],
        bounds=np.array([0.4]), sign=np.array([1.0]),
    )  # fmt: skip
    nearest = problem._nearest()
    assert nearest[0] == pytest.approx(0.4)
    assert nearest.sum() == pytest.approx(1)
    by_steps, multipliers = problem.solve()
    assert by_steps == pytest.approx([0.4, 0.4, 0.2], abs=1e-6)
    assert multipliers[0] == pytest.approx(np.log(0.7 / 0.4 * 0.6 / 0.3), abs=1e-4)


@given(st.integers(0, 2**32))
def test_the_largest_size_with_quotas_is_that_of_the_best_whole_documents_of_size_one(seed: int) -> None:
    """Two solvers of ours, one by chords and one by integers, bound each other: parts of documents are worth more."""
    rng = np.random.default_rng(seed)
    cells = 12
    once = rng.integers(1, 9, cells)
    topic = rng.integers(-1, 3, cells)
    held = np.array([once[topic == t].sum() for t in range(3)])
    families = [family(0.4, rng.integers(0, 4, cells)), quota(0.9, topic, [10, 6, 4], held, 60)]
    size, mass = largest(once.astype(float), families, np.inf)
    ones, each = np.ones(once.sum(), np.int64), np.repeat(np.arange(cells), once)
    taken = best_whole(ones, each, families, np.inf, often=ones)
    best = 0 if taken is None else int(taken.sum())
    by_cell = best_whole(ones[:cells], np.arange(cells), families, np.inf, often=once)
    assert best == (0 if by_cell is None else int(by_cell.sum()))
    assert best <= size + 1e-6
    if size > 0:
        assert excess(mass, families) < 1e-6
        assert size == pytest.approx(mass.sum())


def test_a_quota_that_the_data_cannot_fill_limits_no_size() -> None:
    """Of 100 documents 2 are of a topic that should have a tenth: a mix of 50 has them both."""
    topic = np.array([-1, 0])
    families = [quota(1.0, topic, [10], np.array([2]), 100)]
    assert largest(np.array([98.0, 2.0]), families, 50)[0] == pytest.approx(50)
    capped = [*families, family(0.05, np.array([-1, 0]))]
    size, mass = largest(np.array([98.0, 2.0]), capped, 100)
    assert size == pytest.approx(100)
    assert mass == pytest.approx([98, 2])


@given(st.integers(0, 2**32), st.floats(0.1, 1))
def test_the_least_level_is_that_of_a_search_by_halves(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    once, source = rng.integers(1, 50, 10).astype(float), rng.integers(0, 4, 10)
    epochs = rng.integers(1, 5, 4)[source]
    families = [family(round(float(rng.uniform(0.3, 0.9)), 2), source)]
    least, most = (largest(once * times, families, np.inf)[0] for times in (1, epochs))
    assume(most > 1.01 * least)
    size = least + part * (most - least)
    level = least_level(once, epochs, families, size)
    low, high = 1.0, float(epochs.max())
    for _ in range(30):
        middle = (low + high) / 2
        enough = largest(once * np.minimum(epochs, middle), families, np.inf)[0] >= size * (1 - 1e-7)
        low, high = (low, middle) if enough else (middle, high)
    assert level == pytest.approx(high, rel=1e-4)


def test_violations_are_shared_out_at_the_least_sum() -> None:
    """Two sources under a cap of 0.3: each share must come to 0.5, 0.2 more than the cap."""
    available = np.array([5.0, 5.0])
    families = [family(0.3, np.arange(2)), family(0.9, np.array([0, -1]))]
    give = least_violation(available, families, [True, True])
    assert give == pytest.approx([0.2, 0])
    assert least_violation(available, families, [False, True]) is None
    assert [one.limit for one in colliding(available, families)] == [Fraction(3, 10)]
    assert possible(available, families[1:])


def test_a_programme_without_a_solution_says_so() -> None:
    programme = Programme()
    x = programme.variables(1, upper=1.0)
    programme.put(programme.constraints(1, lower=2.0), x, 1.0)
    assert programme.solve() is None


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_programme_of_many_rows_has_scipys_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    matrix = np.where(rng.random((rows, columns)) < 0.5, rng.normal(size=(rows, columns)), 0)
    ends, costs = rng.random(rows), rng.normal(size=columns)
    programme = Programme()
    x = np.concatenate([programme.variables(1, cost=cost, upper=3.0) for cost in costs.tolist()])
    at = programme.constraints(rows, upper=ends)
    programme.put(at[:, None], x, matrix)
    assert float(costs @ programme.solve()) == pytest.approx(
        linprog(costs, A_ub=matrix, b_ub=ends, bounds=(0, 3)).fun, abs=1e-7
    )


def test_where_rounding_leaves_no_point_within_the_limits_the_nearest_one_is_as_little_beyond_them_as_can_be() -> (
    None
):
    """Three groups under a third less one in a million each: proportions alone would have put .8 in the first."""
    problem = _Problem(
        target=np.array([0.8, 0.1, 0.1]), room=np.array([1.0, 1.0, 1.0]), rows=[np.arange(3)],
        bounds=np.full(3, 1 / 3 - 1e-6), sign=np.ones(3),
    )  # fmt: skip
    found, _ = problem.solve()
    assert found == pytest.approx([1 / 3] * 3, abs=1e-5)


def test_a_search_that_takes_too_long_gives_the_best_that_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(14)
    sizes, source, month = rng.integers(20, 5_000, 60), rng.integers(0, 5, 60), rng.integers(0, 3, 60)
    families = [family(0.28, source), family(0.37, month)]
    monkeypatch.setitem(_OPTIONS, "mip_max_nodes", 20)
    ones = np.ones(60, np.int64)
    taken = best_whole(sizes, np.arange(60), families, 75_431.0, often=ones)
    assert taken is not None
    mass = (sizes * taken).astype(float)
    assert 70_000 < mass.sum() <= 75_431
    assert excess(mass, families) <= 1e-9
