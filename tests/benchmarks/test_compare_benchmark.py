"""The simulation behind the table of docs/compare.md, small: no false alarms beyond the level, and the cut that is found."""

import importlib.util
import json
from pathlib import Path

import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tails" / "compare.py"


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("compare_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5))
def test_worlds_without_damage_raise_alarms_no_more_often_than_stated(benchmark, number: int) -> None:
    worlds = 200
    found = benchmark.compared(list(benchmark.designs())[number], "none", worlds, permutations=99, seed=1)
    alarms = sum(min(change.p for change in comparison.changes) <= 0.05 for comparison, _ in found)
    assert alarms <= binom.ppf(0.9999, worlds, 0.05)


@pytest.mark.parametrize("number", [0, 1])
def test_a_cut_of_the_rarest_tenth_is_found(benchmark, number: int) -> None:
    worlds = 20
    found = benchmark.compared(
        list(benchmark.designs())[number], "tail cut, 10 %", worlds, permutations=99, seed=1
    )
    assert sum(judgement.verdict == "worse" for _, judgement in found) >= binom.ppf(1e-4, worlds, 0.95)


def test_real_texts_are_split_and_compared(benchmark, tmp_path, capsys) -> None:
    words = [f"word{k}" for k in range(40)]
    rows = [
        {"text": " ".join(words[(k * j + k) % 40] for j in range(20)), "label": "human" if k % 3 else "ai"}
        for k in range(120)
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark.real_text(path, splits=2, permutations=19, seed=0)
    said = capsys.readouterr().out
    assert "80 human and 40 AI texts, 20 a corpus" in said
    assert "human against ai, without a reference" in said
