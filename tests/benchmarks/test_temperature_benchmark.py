"""The simulation behind docs/temperature.md, small: the right temperature is found, and what is told of it is unbiased."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from wellkeeper.infer.temperature import calibrate_temperature, fitted_columns

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "infer" / "temperature.py"
WORLDS = 100


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("temperature_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    module.POPULATION = 40_000
    return module


def test_the_made_up_model_follows_the_closed_form(benchmark):
    table = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4]])
    np.testing.assert_allclose(benchmark.tempered(table, 1.0), table)
    np.testing.assert_allclose(benchmark.tempered(table, 0.5)[0], [25 / 38, 9 / 38, 4 / 38])
    np.testing.assert_allclose(benchmark.tempered(table, 0.0), [[1, 0, 0], [0, 0.5, 0.5]])
    for shares in benchmark.WORLDS.values():
        np.testing.assert_allclose(benchmark.chances(np.random.default_rng(0), 50, shares).sum(axis=1), 1)


GROUPS = pytest.mark.parametrize(
    ("world", "group", "best"),
    [("mixed", "medium", 0.0), ("hard", "hard", 1.0), ("bent", "hard", 0.5)],
)


@GROUPS
def test_the_rule_takes_the_right_temperature_in_at_least_95_of_100_worlds(benchmark, world, group, best):
    low, high = {"medium": (0.3, 0.8), "hard": (0.0, 0.3)}[group]
    right = 0
    for seed in range(WORLDS):
        tasks = benchmark.draw(seed, 200, benchmark.WORLDS[world]).tasks
        held = (tasks.difficulty >= low) & (tasks.difficulty < high) & tasks.is_calibration
        right += benchmark.GRID[fitted_columns(tasks.scores[held], benchmark.GRID)[1]] == best
    assert right >= 95


@pytest.mark.slow
@GROUPS
def test_a_whole_calibration_takes_the_right_temperature_as_often(benchmark, world, group, best):
    found = benchmark.measured(world, WORLDS, 200, measures=False)[f"difficulty: {group}"]
    assert found["best"] == best
    assert found["right"] >= 0.95


def test_the_reported_accuracy_is_unbiased_and_that_of_the_fitted_half_is_not(benchmark):
    """Of even items no temperature is better, so that the best mean of a half is luck alone."""
    worlds = 60
    told, fitted = [], []
    for seed in range(worlds):
        tasks = benchmark.draw(seed, 120, benchmark.WORLDS["even"]).tasks
        one = calibrate_temperature(replace(tasks, diversity={}), benchmark.GRID).one
        told.append(one.at(one.fitted).accuracy.estimate - 0.5)
        fitted.append(one.calibration[benchmark.GRID.index(one.best)] - 0.5)
    error = [np.std(values, ddof=1) / np.sqrt(worlds) for values in (told, fitted)]
    assert abs(np.mean(told)) < 4 * error[0]
    assert np.mean(fitted) > 4 * error[1]


@pytest.mark.nightly
@pytest.mark.parametrize("world", ["mixed", "hard", "bent", "even"])
def test_intervals_cover_and_no_world_is_called_better_that_is_not(benchmark, world):
    found = benchmark.measured(world, 200, 300)["all"]
    for what in ("accuracy", "gain", "diversity"):
        if f"covered, {what}" in found and world != "even":
            assert found[f"covered, {what}"] * 200 >= binom.ppf(1e-4, 200, 0.95)
    if world in {"hard", "even"}:
        assert found["said to be better"] <= 0.025
