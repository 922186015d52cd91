"""Strong collapse: closed forms against raw least squares and against the paper, and rules broken on purpose."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import RecipeError
from wellkeeper.lab.checks.toys import strong_collapse_rows
from wellkeeper.lab.running import Plan, run
from wellkeeper.lab.worlds import strong_collapse
from wellkeeper.lab.worlds.strong_collapse import (
    INTERPOLATION,
    SHARES,
    STRONG_COLLAPSE,
    _cost,
    _wishart,
    carried_by_interpolation,
    expected_error,
    simulated_error,
)

SIZE, DIMENSIONS, SYNTHETIC, OFFSET, NOISE = 30, 5, 6, 4.0, 0.5


def test_sums_that_suffice_and_raw_least_squares_both_have_the_expected_error() -> None:
    random = np.random.default_rng(1)
    replicates = 8000
    inputs = random.standard_normal((replicates, SIZE, DIMENSIONS))
    labels = NOISE * random.standard_normal((replicates, SIZE))
    labels[:, :SYNTHETIC] += math.sqrt(OFFSET) * inputs[:, :SYNTHETIC, 1]
    turned = inputs.swapaxes(1, 2)
    raw = np.square(np.linalg.solve(turned @ inputs, turned @ labels[:, :, None])).sum(axis=(1, 2))
    short = simulated_error(
        SIZE,
        DIMENSIONS,
        synthetic=SYNTHETIC,
        offset=OFFSET,
        noise=NOISE,
        replicates=replicates,
        random=random,
    )
    expected = expected_error(SIZE, DIMENSIONS, synthetic=SYNTHETIC, offset=OFFSET, noise=NOISE)
    for errors in (raw, short):
        assert abs(errors.mean() - expected) < 4 * errors.std() / math.sqrt(replicates)
    for share in (0.1, 0.5, 0.9):  # not only their means: the whole distribution
        assert np.quantile(raw, share) == pytest.approx(np.quantile(short, share), rel=0.06)


@pytest.mark.parametrize("freedom", [0, 2, 4, 5, 50])
def test_wishart_matrices_have_the_moments_of_sums_of_squares(freedom: int) -> None:
    replicates = 20_000
    drawn = _wishart(freedom, 4, replicates, np.random.default_rng(2))
    np.testing.assert_allclose(drawn, drawn.swapaxes(1, 2), atol=1e-9)
    room = 5 / math.sqrt(replicates)
    np.testing.assert_allclose(
        drawn.mean(axis=0), freedom * np.eye(4), atol=room * math.sqrt(2 * freedom + 1)
    )
    assert drawn[:, 0, 0].var() == pytest.approx(2 * freedom, rel=0.1)
    assert drawn[:, 0, 1].var() == pytest.approx(freedom, rel=0.1)


@given(st.integers(1, 40), st.integers(2, 100))
def test_without_a_wrong_teacher_it_is_least_squares_and_with_nothing_else_the_teacher(
    dimensions: int, more: int
) -> None:
    size = dimensions + 1 + more
    noise = dimensions / (size - dimensions - 1)
    for synthetic, offset in ((0, 0.0), (size, OFFSET)):
        found = expected_error(size, dimensions, synthetic=synthetic, offset=OFFSET, noise=1.0)
        assert found == pytest.approx(offset + noise)


@pytest.mark.parametrize("share", SHARES)
def test_labels_without_end_leave_the_share_squared(share: float) -> None:
    size = 10**9
    found = expected_error(size, 50, synthetic=int(share * size), offset=OFFSET, noise=NOISE)
    assert found == pytest.approx(share**2 * OFFSET, rel=1e-3, abs=1e-7)


def test_one_label_in_a_thousand_stops_the_error_from_falling() -> None:
    """The claim of the paper: at 6.4 million labels the clean error is 2e-6, and a thousandth of wrong ones doubles it."""
    errors = [
        expected_error(size, 50, synthetic=round(share * size), offset=OFFSET, noise=NOISE)
        for size in (100_000, 6_400_000)
        for share in (0.0, 0.001)
    ]
    assert errors[0] / errors[2] == pytest.approx(64, rel=0.01)
    assert errors[3] > 3 * errors[2]


@pytest.mark.parametrize("dimensions", [5, 15, 32, 40, 100])
def test_the_cost_of_wrong_labels_is_the_expected_one_below_and_above_the_threshold(dimensions: int) -> None:
    size, synthetic, replicates = 20, 4, 3000
    costs = _cost(
        size,
        dimensions,
        synthetic=synthetic,
        offset=OFFSET,
        replicates=replicates,
        random=np.random.default_rng(dimensions),
    )
    if dimensions < size:
        expected = expected_error(size, dimensions, synthetic=synthetic, offset=OFFSET, noise=0.0)
    else:
        expected = OFFSET * carried_by_interpolation(size, dimensions, synthetic=synthetic)
    assert abs(costs.mean() - expected) < 4.5 * costs.std() / math.sqrt(replicates)


def test_the_fit_beyond_the_threshold_is_the_one_of_least_length() -> None:
    size, dimensions, synthetic = 6, 11, 2
    cost = _cost(
        size, dimensions, synthetic=synthetic, offset=1.0, replicates=1, random=np.random.default_rng(7)
    )
    inputs = np.random.default_rng(7).standard_normal((size, dimensions))
    labels = np.where(np.arange(size) < synthetic, inputs[:, 0], 0)
    assert cost[0] == pytest.approx(np.square(np.linalg.pinv(inputs) @ labels).sum())


@given(st.integers(2, 60), st.data())
def test_larger_models_take_on_more_up_to_the_threshold_and_less_beyond(
    size: int, data: st.DataObject
) -> None:
    synthetic = data.draw(st.integers(1, size - 1))
    below = [
        expected_error(size, dimensions, synthetic=synthetic, offset=1.0, noise=0.0)
        for dimensions in range(1, size - 1)
    ]
    above = [
        carried_by_interpolation(size, dimensions, synthetic=synthetic)
        for dimensions in range(size + 2, 4 * size)
    ]
    assert (np.diff(below) > 0).all()
    assert (np.diff(above) < 0).all()
    assert carried_by_interpolation(size, size, synthetic=synthetic) == math.inf
    assert carried_by_interpolation(size, size, synthetic=0) == 0


def test_curves_stand_beside_their_theory() -> None:
    for experiment, figure in ((STRONG_COLLAPSE, "error"), (INTERPOLATION, "cost")):
        for curve in run(Plan.of(experiment, replicates=50)):
            measured = curve.figures[figure]
            errors = measured.std(axis=0, ddof=1) / math.sqrt(50)
            # costs near the threshold are skewed, and fifty of them tell their own spread poorly
            assert (
                np.abs(measured.mean(axis=0) - curve.theory[figure])
                < 4 * errors + 0.05 * curve.theory[figure]
            ).all()


@pytest.mark.parametrize(
    ("experiment", "given_", "says"),
    [
        (
            STRONG_COLLAPSE,
            {"size": 50 << 12},
            r"fewest of the labels are 50, too few for 50 coefficients\. Give a size of at least 212,992,",
        ),
        (INTERPOLATION, {"size": 10}, r"10 labels are too few\. Give a size of at least 20\."),
    ],
)
def test_sizes_that_show_nothing_are_refused(experiment: Any, given_: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        run(Plan.of(experiment, replicates=2, **given_))


def test_the_least_size_that_the_message_names_is_enough() -> None:
    assert len(run(Plan.of(STRONG_COLLAPSE, replicates=2, size=52 << 12))) == len(SHARES)
    assert run(Plan.of(INTERPOLATION, replicates=2, size=20))


def small_rows() -> dict[str, bool]:
    return {row.name: row.holds for row in strong_collapse_rows(replicates=200)}


def test_the_check_holds_at_a_small_size() -> None:
    assert all(small_rows().values())


def test_the_check_says_no_to_a_teacher_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def right(*sizes: int, **given_: Any) -> Any:
        return simulated_error(*sizes, **given_ | {"offset": 0.0})

    monkeypatch.setattr(strong_collapse, "simulated_error", right)
    found = small_rows()
    assert all(holds for name, holds in found.items() if name.startswith("0%"))
    assert not any(holds for name, holds in found.items() if name.startswith("10%"))
    assert not found["1% of 3,276,800 labels: p^2 D"]


def test_the_check_says_no_to_a_fit_that_throws_wrong_labels_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def filtered(size: int, dimensions: int, *, synthetic: int, **given_: Any) -> Any:
        return simulated_error(size - synthetic, dimensions, synthetic=0, **given_)

    monkeypatch.setattr(strong_collapse, "simulated_error", filtered)
    found = small_rows()
    assert not any(holds for name, holds in found.items() if name.startswith("10%"))
    assert not found["1% of 3,276,800 labels: p^2 D"]
