"""`wellkeeper plan`: exit codes, streams, options."""

import json
import os
import subprocess
import sys


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "plan", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_a_plan_is_a_few_lines_and_exits_0():
    done = run("--metric", "diversity", "--samples", "4,8", "--prompt-tokens", "300", "--answer-tokens", "60")
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first == "99 items find a drop of 5 points with a chance of 80%."
    assert rest[1].endswith(": 99 items x 8 answers, 1,584 answers in all, 570,240 tokens, cheapest")


def test_json_is_one_object_and_nothing_else(tmp_path):
    done = run("--metric", "diversity", "--samples", "8", "--json", "--out", tmp_path / "plan")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "wellkeeper.plan/1"
    assert document == json.loads((tmp_path / "plan/report.json").read_text())


def test_a_suite_that_is_too_small_exits_1_and_with_exit_zero_0():
    small = ("--metric", "diversity", "--samples", "4", "--items", "30", "-q")
    done = run(*small)
    assert (done.returncode, done.stdout) == (1, "")
    assert run(*small, "--exit-zero").returncode == 0


def test_what_cannot_be_planned_exits_2_and_says_what_to_do():
    done = run("--pilot", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: nowhere does not exist.")
    assert run("--samples", "four").stderr == (
        "wellkeeper: --samples is 'four'. Give whole numbers with commas between them, such as 1,4,8.\n"
    )
