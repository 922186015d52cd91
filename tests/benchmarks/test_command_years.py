"""The years behind the table of docs/watch.md, few: no more alarms than stated, and a broken version is found."""

import importlib.util
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from wellkeeper.watch.monitor import alarms

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch" / "command_years.py"


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("command_years_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


@pytest.mark.nightly
@pytest.mark.parametrize("design", ["stored", "paired", "fresh"])
def test_drift_free_years_raise_alarms_no_more_often_than_stated(benchmark, design):
    years = 60
    generator = np.random.default_rng(11)
    found = sum(bool(alarms(benchmark.year(generator, design, 100, 0.0))) for _ in range(years))
    assert found <= binom.ppf(0.999, years, 0.05)


@pytest.mark.parametrize(("design", "most"), [("paired", 8), ("fresh", 8), ("stored", 30)])
def test_a_loss_of_10_points_is_found(benchmark, design, most):
    generator = np.random.default_rng(12)
    years = [benchmark.year(generator, design, 100, 0.10) for _ in range(7)]
    weeks = [benchmark.first_alarm(year, "accuracy") - benchmark.CHANGED_AT + 1 for year in years]
    assert statistics.median(weeks) <= most
    dated = [series.change for year in years for series in year.series if series.verdict == "worse"]
    assert sum(change.low <= benchmark.CHANGED_AT <= change.high for change in dated) >= 5
