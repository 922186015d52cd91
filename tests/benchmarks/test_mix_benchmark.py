"""The benchmark of the mix, small: its columns are what it says, and a row tells of the mix that was chosen."""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np

from wellkeeper.measure.cells import tail_cells

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mix.py"
OPTIONS = argparse.Namespace(documents=20_000, sources=10, topics=60, months=12, seed=0, tilt=1.3)


def script():
    """The benchmark under a name of its own."""
    described = importlib.util.spec_from_file_location("mix_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    sys.modules["mix_benchmark"] = module
    described.loader.exec_module(module)
    return module


def test_every_recipe_keeps_its_constraints_and_those_with_a_quota_meet_it() -> None:
    benchmark = script()
    columns, reference = benchmark.corpus_of(OPTIONS)
    for name, plan in benchmark.plans_for(OPTIONS.documents).items():
        row = benchmark.row_of(name, plan, columns, reference)
        assert "BROKEN" not in row
        if plan.keep_tail is not None and "months" not in name:
            assert " 100.0%" in row, row


def test_the_corpus_has_rare_topics_more_rarely_than_people_do() -> None:
    columns, reference = script().corpus_of(OPTIONS)
    tail = tail_cells(reference)
    share = np.bincount(columns["topic"], minlength=60)[tail].sum() / OPTIONS.documents
    assert share < 0.6 * reference[tail].sum() / reference.sum()
    assert all(len(column) == OPTIONS.documents for column in columns.values())
