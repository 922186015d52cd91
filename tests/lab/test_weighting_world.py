"""The weight of human data: closed forms against each other, against raw regression, and rules broken on purpose."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.checks.toys import golden_rows
from wellkeeper.lab.experiment import Curve
from wellkeeper.lab.running import Plan, run
from wellkeeper.lab.worlds import weighting
from wellkeeper.lab.worlds.weighting import (
    EXPERIMENT,
    WEIGHTS,
    Directions,
    best_weight,
    lowest,
    mean_directions,
    regression_directions,
    simulated_error,
    stationary_error,
)

FINE = np.linspace(0.001, 1, 1000)
GOLDEN = (math.sqrt(5) - 1) / 2
positive = st.floats(0.05, 20)


def directions(seed: int, signal: float = 1.0, dimensions: int = 4) -> Directions:
    random = np.random.default_rng(seed)
    return regression_directions(5 * dimensions, dimensions, 1, signal=signal, random=random)


@given(positive)
def test_without_a_penalty_the_best_weight_is_where_the_error_is_least_and_is_that_error(
    synthetic: float,
) -> None:
    best = best_weight(synthetic)
    assert synthetic * best**2 == pytest.approx(1 - best)
    at = np.array([best, 1.0, *FINE])
    error = stationary_error(directions(0), at, penalty=0.0, synthetic=synthetic)[0]
    assert error[0] <= error.min() * (1 + 1e-12)
    assert error[0] / error[1] == pytest.approx(best)


def test_for_as_many_synthetic_labels_as_human_ones_it_is_the_reciprocal_of_the_golden_ratio() -> None:
    assert best_weight(1.0) == pytest.approx(GOLDEN, abs=1e-15)


@given(st.integers(0, 2**32 - 1), positive, positive)
def test_with_a_ridge_penalty_human_data_never_want_less_than_a_half(
    seed: int, penalty: float, signal: float
) -> None:
    error = stationary_error(directions(seed, signal), FINE, penalty=penalty, synthetic=1.0)[0]
    assert FINE[error.argmin()] >= 0.5
    assert (np.diff(error[FINE <= 0.5]) < 0).all()


@given(positive, positive)
def test_where_nothing_is_to_be_learnt_the_best_weight_goes_from_a_half_to_the_golden_ratio(
    variance: float, penalty: float
) -> None:
    nothing = Directions(variance=np.full((1, 1), variance), truth=np.zeros((1, 1)), size=10)
    weights = np.linspace(0.4, 0.7, 300_001)
    error = stationary_error(nothing, weights, penalty=penalty, synthetic=1.0)[0]
    u = 1 - weights[error.argmin()]
    a = variance / (variance + penalty)
    assert a**2 * u**2 - (2 + a**2) * u + 1 == pytest.approx(0, abs=1e-4)
    assert 0.5 <= 1 - u <= GOLDEN


@pytest.mark.parametrize(("penalty", "synthetic"), [(0.0, 1.0), (0.0, 4.0), (0.5, 1.0), (3.0, 0.5)])
def test_rounds_come_to_the_stationary_error(penalty: float, synthetic: float) -> None:
    random = np.random.default_rng(1)
    drawn = regression_directions(40, 5, 300, signal=1.0, random=random)
    found = simulated_error(drawn, WEIGHTS, penalty=penalty, synthetic=synthetic, rounds=100, random=random)
    expected = stationary_error(drawn, WEIGHTS, penalty=penalty, synthetic=synthetic)
    apart = found - expected  # inputs and truth of a replicate are known to both
    assert (np.abs(apart.mean(axis=0)) < 4 * apart.std(axis=0, ddof=1) / math.sqrt(300)).all()


@pytest.mark.parametrize(("penalty", "copies"), [(0.0, 1), (0.4, 1), (0.4, 2)])
def test_the_stationary_error_is_that_of_regression_on_raw_labels(penalty: float, copies: int) -> None:
    """Chains of weighted ridge fits to labels, as the papers have them, with no knowledge of directions."""
    random = np.random.default_rng(2)
    size, dimensions, chains, weight = 15, 3, 4000, 0.6
    inputs = random.standard_normal((size, dimensions))
    truth = random.standard_normal(dimensions)
    gram = inputs.T @ inputs / size + penalty * np.eye(dimensions)
    model = np.tile(truth, (chains, 1))
    for _ in range(30):
        human = inputs @ truth + random.standard_normal((chains, size))
        made = (model @ inputs.T)[:, None] + random.standard_normal((chains, copies, size))
        labels = weight * human + (1 - weight) * made.mean(axis=1)
        model = np.linalg.solve(gram, inputs.T @ labels.T / size).T
    errors = np.square(model - truth).sum(axis=1)
    variance, axes = np.linalg.eigh(inputs.T @ inputs / size)
    turned = Directions(variance=variance[None], truth=(truth @ axes)[None], size=size)
    expected = stationary_error(turned, np.array([weight]), penalty=penalty, synthetic=float(copies))[0, 0]
    assert abs(errors.mean() - expected) < 4 * errors.std(ddof=1) / math.sqrt(chains)


@pytest.mark.parametrize("synthetic", [0.1, 0.5, 1.0, 3.0, 20.0])
def test_the_lowest_point_of_a_curve_is_found_between_its_points(synthetic: float) -> None:
    error = stationary_error(mean_directions(10, 1), WEIGHTS, penalty=0.0, synthetic=synthetic)
    curve = Curve(label="", axis="", points=WEIGHTS, figures={"error": error / error[:, -1:]})
    weight, least = lowest(curve)
    assert weight == pytest.approx(best_weight(synthetic), abs=0.002)
    assert least == pytest.approx(best_weight(synthetic), abs=0.002)


def test_curves_stand_beside_their_theory_and_repeat_themselves() -> None:
    plan = Plan.of(EXPERIMENT, replicates=100, settings={"rounds": "50", "synthetic": "2"})
    once, again = run(plan), run(plan)
    assert [curve.label for curve in once] == ["mean", "least squares", "ridge, penalty 0.5"]
    for curve, same in zip(once, again, strict=True):
        error, expected = curve.figures["error"], curve.theory["error"]
        assert error.tobytes() == same.figures["error"].tobytes()
        spread = error.std(axis=0, ddof=1) / 10
        assert (np.abs(error.mean(axis=0) - expected) < 4 * spread + 1e-9).all()
        assert expected[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"settings": {"synthetic": 0.0}}, r"synthetic is 0\. Give a number above 0, up to 1e\+06\."),
        ({"settings": {"penalty": math.inf}}, r"penalty is inf\. Give a number above 0, up to 1e\+06\."),
        (
            {"size": 21},
            r"21 labels are too few for 20 coefficients\. Give a size above 21, or fewer dimensions\.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given_: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        run(Plan.of(EXPERIMENT, replicates=2, **given_))


def small_rows() -> dict[str, bool]:
    # 20 coordinates and so many rounds: a standard error of .001, a fifth of what the check allows
    return {row.name: row.holds for row in golden_rows(replicates=1000, rounds=250)}


def test_the_check_holds_at_a_small_size() -> None:
    assert all(small_rows().values())


def _weights_swapped(drawn: Directions, weights: NDArray[np.float64], **given_: Any) -> NDArray[np.float64]:
    return simulated_error(drawn, np.clip(1 - weights, 0.05, 1), **given_)


def _labels_without_noise(
    drawn: Directions, weights: NDArray[np.float64], **given_: Any
) -> NDArray[np.float64]:
    return simulated_error(drawn, weights, **given_ | {"synthetic": 1e9})


@pytest.mark.parametrize("broken", [_weights_swapped, _labels_without_noise])
def test_the_check_says_no_to_rounds_by_another_rule(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    monkeypatch.setattr(weighting, "simulated_error", broken)
    found = small_rows()
    assert not any(found[f"{label}: best weight"] for label in ("mean", "least squares"))
