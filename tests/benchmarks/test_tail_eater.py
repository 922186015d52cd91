"""The simulation behind docs/vet.md, small: filters that eat the tail of texts without cells are caught, others pass."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vet" / "tail_eater.py"


def found(worlds):
    described = importlib.util.spec_from_file_location("tail_eater", SCRIPT)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    counts = {}
    for name, verdict in module.verdicts(worlds, 5, 600, 500):
        counts.setdefault(name, Counter())[verdict] += 1
    return counts


@pytest.mark.slow
def test_eaters_are_caught_and_neutral_filters_pass_as_often_as_stated():
    counts = found(20)
    for name in ("even", "uneven", "text"):
        assert counts[name]["fail"] <= binom.ppf(0.9999, counts[name].total(), 0.06), name
    for name, least in (("eats .4", 0.95), ("eats .5", 0.85), ("eats .7", 0.6)):
        assert counts[name]["fail"] >= binom.ppf(0.0001, counts[name].total(), least), name
