"""The benchmark of docs/review.md, small: every way of answering leaves a queue that is whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "review" / "decisions.py"


@pytest.mark.slow
def test_every_way_answers_what_it_was_told_to_and_leaves_a_whole_queue(tmp_path):
    pytest.importorskip("uvicorn")
    few = "--items 80 --answered 10 --readers 2 --decisions 6 --json".split()
    command = [sys.executable, str(SCRIPT), *few, "--folder", str(tmp_path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert [told[way]["decisions"] for way in ("threads", "processes", "HTTP")] == [12, 12, 12]
    assert (told["answers"], told["problems"]) == (46, [])
