"""The figures behind docs/generate-text.md: ratios with intervals that hold, and what is left without quotations."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "infer" / "generate.py"


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("generate_benchmark", SCRIPT)
    module = sys.modules["generate_benchmark"] = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def test_at_its_ends_a_ratio_is_what_a_test_of_five_percent_just_leaves(benchmark):
    guided, unguided = np.array([0.69, 0.94, 0.8, 0.75, 0.9]), np.array([0.19, 0.13, 0.2, 0.25, 0.13])
    found = benchmark.ratio(guided, unguided)
    assert found["estimate"] == pytest.approx(guided.mean() / unguided.mean())
    assert found["low"] < found["estimate"] < found["high"]
    for end in (found["low"], found["high"]):
        assert ttest_1samp(guided - end * unguided, 0).pvalue == pytest.approx(0.05, abs=1e-6)


def test_intervals_of_ratios_hold_in_95_of_100_worlds(benchmark):
    random = np.random.default_rng(1)
    held = 0
    for _ in range(2_000):
        worlds = random.normal([0.6, 0.2], [0.1, 0.06], size=(5, 2))
        found = benchmark.ratio(worlds[:, 0], worlds[:, 1])
        held += found["low"] <= 3.0 <= (found["high"] or np.inf)
    assert 0.93 <= held / 2_000 <= 0.97


def test_an_arm_that_reached_nothing_leaves_no_end_and_no_verdict_where_there_is_none(benchmark):
    assert benchmark.ratio([0.5, 0.6], [0.0, 0.0])["estimate"] is None
    found = benchmark.ratio([0.5, 0.6, 0.4], [0.0, 0.1, 0.3])
    assert found["high"] is None
    assert found["low"] >= 0
    assert benchmark.ratio([0.5], [0.1]) == {"estimate": pytest.approx(5), "low": None, "high": None}


def test_runs_of_four_words_of_the_prompt_are_quotations_and_three_are_not(benchmark):
    prompt = np.arange(10, dtype=np.uint64)
    text = np.array([2, 3, 4, 5, 6, 50, 7, 8, 9, 51], np.uint64)
    assert benchmark.unquoted(text, prompt).tolist() == [50, 7, 8, 9, 51]
    assert benchmark.unquoted(text[:2], prompt).tolist() == [2, 3]
