"""Temperature and entropy: powers, fixed points, and the simulation beside them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from wellkeeper.lab.policy import Policy
from wellkeeper.lab.running import Plan, run, settings_of
from wellkeeper.lab.worlds.categorical import zipf
from wellkeeper.lab.worlds.temperature import EXPERIMENT, limits, theory

shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=8).map(lambda parts: np.array(parts) / sum(parts))


@given(shares, st.floats(0.3, 3), st.integers(0, 4))
def test_replacement_takes_frequencies_to_the_power_of_all_its_temperatures(
    probabilities: np.ndarray, temperature: float, generations: int
) -> None:
    logs = np.log(probabilities) / temperature**generations
    wanted = np.exp(logs - logs.max())
    found = limits(probabilities, Policy.parse(f"temperature={temperature!r}"), generations)
    assert found.shape == (generations + 1, probabilities.size)
    np.testing.assert_allclose(found[-1], wanted / wanted.sum(), rtol=1e-8, atol=1e-12)


@given(shares)
def test_at_temperature_1_frequencies_stay_whatever_the_policy(probabilities: np.ndarray) -> None:
    for policy in ("replace", "accumulate", "fresh=0.3", "fixed=0.2,growth=1.5", "augment=2"):
        found = limits(probabilities, Policy.parse(policy), 5)
        np.testing.assert_allclose(found, np.tile(probabilities, (6, 1)), rtol=1e-12)


@given(st.integers(2, 50), st.floats(0.3, 2))
def test_entropy_falls_to_0_below_temperature_1_and_rises_to_that_of_all_types_above(
    types: int, exponent: float
) -> None:
    human = zipf(types, exponent)
    cold = entropy(limits(human, Policy.parse("temperature=0.7"), 60), base=2, axis=1)
    warm = entropy(limits(human, Policy.parse("temperature=1.5"), 60), base=2, axis=1)
    # down to where a rare type's share is lost to rounding
    assert all(later < earlier for earlier, later in pairwise(cold[cold > 1e-9]))
    assert (np.diff(warm) > -1e-12).all()
    assert cold[-1] == pytest.approx(0, abs=1e-9)
    assert warm[-1] == pytest.approx(np.log2(types), abs=1e-6)


def test_a_tie_for_the_likeliest_stays_a_tie() -> None:
    found = limits(np.array([0.4, 0.4, 0.2]), Policy.parse("temperature=0.5"), 40)
    np.testing.assert_allclose(found[-1], [0.5, 0.5, 0], atol=1e-9)


@pytest.mark.parametrize("temperature", [0.8, 1.2])
def test_fresh_human_data_hold_a_fixed_point_of_their_own(temperature: float) -> None:
    human = zipf(200, 1.0)
    found = limits(human, Policy.parse(f"fresh=0.1,temperature={temperature}"), 400)[-1]
    softened = found ** (1 / temperature)
    np.testing.assert_allclose(found, 0.1 * human + 0.9 * softened / softened.sum(), rtol=1e-6)
    assert 0.5 < entropy(found, base=2) < np.log2(200) - 0.1


@pytest.mark.parametrize(
    "policy",
    [
        "temperature=0.8",
        "temperature=1.2",
        "accumulate,fresh=0.2,growth=0.9,temperature=0.8",
        "fixed=0.1,fresh=0.2,growth=1.2,temperature=0.8",
        "augment=2,temperature=0.7",
        "schedule=0.2:0.9,temperature=1.3",
        "subsample,temperature=0.8",
    ],
)
def test_large_samples_move_as_theory_says(policy: str) -> None:
    plan = Plan.of(
        EXPERIMENT, policies=[policy], replicates=20, generations=6, size=20_000, settings={"types": 50}
    )
    (curve,) = run(plan)
    assert set(curve.theory) == {"entropy", "heterozygosity"}
    for name, expected in curve.theory.items():
        measured = curve.figures[name]
        error = measured.std(axis=0, ddof=1) / np.sqrt(20)
        # a sample's entropy is below its source's by about types / (2 size) each generation
        assert (np.abs(measured.mean(axis=0) - expected) < 4 * error + 0.012).all()


def test_a_human_start_is_the_same_whatever_the_temperature() -> None:
    plan = Plan.of(EXPERIMENT, replicates=2, generations=1, size=1000)
    first = {curve.figures["entropy"][:, 0].tobytes() for curve in run(plan) if "fixed" not in curve.label}
    assert len(first) == 1


def test_where_a_detector_looks_on_no_limit_is_told() -> None:
    assert not theory(Policy.parse("detect=0.9,temperature=0.8"), 1000, 3, settings_of(EXPERIMENT, {}))


def test_the_theory_of_a_run_is_told_in_bits() -> None:
    found = theory(Policy.parse("temperature=0.8"), 1000, 3, {"types": 8, "exponent": 0.7})
    wanted = limits(zipf(8, 0.7), Policy.parse("temperature=0.8"), 3)
    np.testing.assert_allclose(found["entropy"], entropy(wanted, base=2, axis=1))
    np.testing.assert_allclose(found["heterozygosity"], 1 - (wanted**2).sum(axis=1))
