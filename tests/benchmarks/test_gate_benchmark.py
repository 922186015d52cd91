"""The simulation behind the table of docs/compare-runs.md, small: false alarms of the whole gate, and harms that are found."""

import importlib.util
import sys
from pathlib import Path

import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch" / "gate.py"


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("gate_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module  # where its dataclasses look for their module
    described.loader.exec_module(module)
    yield module
    del sys.modules[described.name]


def called_worse(benchmark, world, worlds: int) -> int:
    found = [benchmark.compared(world, [1, number]).comparison for number in range(worlds)]
    return sum(one.verdict == "worse" for one in found)


@pytest.mark.parametrize("name", ["20 x 4", "20 x 4, short"])
def test_versions_that_are_alike_are_called_worse_no_more_often_than_stated(benchmark, name) -> None:
    worlds = 60
    assert called_worse(benchmark, benchmark.NULLS[name], worlds) <= binom.ppf(0.9999, worlds, 0.06)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["20 x 4", "50 x 4", "100 x 1, greedy"])
def test_the_same_of_many_worlds(benchmark, name) -> None:
    worlds = 300
    assert called_worse(benchmark, benchmark.NULLS[name], worlds) <= binom.ppf(0.9999, worlds, 0.06)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["50 x 4, twice as long", "50 x 4, half as long"])
def test_a_change_of_length_alone_is_not_called_worse(benchmark, name) -> None:
    worlds = 100
    assert called_worse(benchmark, benchmark.NOT_BLANDER[name], worlds) <= binom.ppf(0.9999, worlds, 0.06)


@pytest.mark.nightly
def test_twelve_points_of_diversity_and_five_of_accuracy_are_found(benchmark) -> None:
    worlds = 40
    for name, metric, power in (
        ("50 x 4, diversity -12", "diversity", 0.75),
        ("500 x 1, greedy, accuracy -5", "accuracy", 0.8),
    ):
        found = [
            benchmark.compared(benchmark.HARMS[name], [1, number]).comparison for number in range(worlds)
        ]
        hits = sum(one.metric(metric).change.p <= 0.05 for one in found)
        assert hits >= binom.ppf(0.0001, worlds, power)
