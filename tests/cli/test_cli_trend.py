"""`wellkeeper trend`: exit codes, streams, options."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from wellkeeper.core.answers import Output
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import write_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("trend")
    for name, right in (("a", 0.9), ("b", 0.6), ("c", 0.3)):
        scores = np.random.default_rng(ord(name)).random(60) < right
        items = tuple(
            Answered(
                name=f"i{at:02}",
                prompt="?",
                outputs=(Output(text=f"answer {at}", finish="stop"),),
                scores=(float(score),),
            )
            for at, score in enumerate(scores)
        )
        write_run(Run(name=name, model=name, suite="made", items=items, metric="exact"), place / name)
    return place


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "trend", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )


def test_falling_scores_exit_1_and_the_summary_is_a_few_lines(folder):
    done = run(folder, "a", "b", "c", "--positions", "135M,360M,1.7B", "--log", "--out", "out")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Score falls along the family.", "Runs: a, then b, then c"]
    assert lines[2].startswith("score: falling, 0.")
    assert lines[-2:] == ["report: out/report.html", "json: out/report.json"]


def test_the_other_way_round_scores_rise_and_exit_0(folder):
    done = run(folder, "c", "b", "a", "--json", "--out", "rising")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["verdict"]) == ("wellkeeper.trend/1", "no harm shown")
    assert document == json.loads((folder / "rising/report.json").read_text())


def test_exit_zero_and_quiet(folder):
    done = run(folder, "a", "b", "c", "--exit-zero", "-q", "--out", "quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_no_family_exits_2_and_says_what_to_do(folder):
    done = run(folder, "a", "b")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Compare two with `wellkeeper compare`.\n")
