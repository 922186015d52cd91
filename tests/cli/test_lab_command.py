"""`wellkeeper lab`: exit codes, streams and what a person reads."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest


def start(folder, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "wellkeeper", "lab", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
    )


def run(folder, *arguments, **environment):
    process = start(folder, *arguments, **environment)
    out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def test_list_names_each_experiment_with_its_paper_and_needs(tmp_path):
    done = run(tmp_path, "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("gaussian: ")
    assert any(line.startswith("ngram: ") and line.endswith("needs corpus)") for line in lines)
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [row["name"] for row in listed["experiments"]] == [line.partition(":")[0] for line in lines]


def test_run_tells_what_each_policy_did_and_where_the_report_lies(tmp_path):
    done = run(
        tmp_path, "run", "gaussian", "--replicates", 30, "--generations", 40, "--policy", "replace", "--policy",
        "accumulate", "--set", "estimator=unbiased", "--size", 20,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Variance")
    assert "after 40 generations" in lines[0]
    assert [line.partition(":")[0] for line in lines[1:3]] == ["replace", "accumulate"]
    assert "replace: gets worse." in done.stdout
    assert lines[-3:] == [
        "curves: wellkeeper-lab/gaussian/curves.parquet",
        "report: wellkeeper-lab/gaussian/report.html",
        "json: wellkeeper-lab/gaussian/report.json",
    ]
    assert (tmp_path / "wellkeeper-lab/gaussian/report.html").exists()


def test_json_is_one_object_and_nothing_else_and_variables_set_options(tmp_path):
    done = run(
        tmp_path, "run", "golden-ratio", "--json", "--out", "out",
        WELLKEEPER_LAB_RUN_REPLICATES="4", WELLKEEPER_LAB_RUN_SETTINGS="rounds=20",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["plan"]["replicates"] == 4
    assert document["plan"]["settings"]["rounds"] == 20
    assert document == json.loads((tmp_path / "out/report.json").read_text())


def test_quiet_prints_nothing_and_runs_are_compared(tmp_path):
    for seed in (1, 2):
        done = run(
            tmp_path, "run", "gaussian", "-q", "--replicates", 5, "--generations", 2, "--policy", "replace", "--seed",
            seed, "--out", f"run-{seed}",
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(tmp_path, "compare", "run-1", "run-2", "--out", "both")
    assert (done.returncode, done.stderr) == (0, "")
    assert "replace (run-1)" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["report: both/report.html", "json: both/report.json"]


def test_check_exits_0_where_all_hold_and_tells_target_and_measured(tmp_path):
    done = run(tmp_path, "check", 6)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("6 ")
    assert ": holds (" in lines[0]
    assert "target" in lines[1]
    assert lines[-1] == "1 of 1 check holds."


FAILING = """
import sys
from wellkeeper.lab import check_runner
from wellkeeper.lab.checking import Check, near
bad = Check(number=6, name="A broken rule", source="derived", run=lambda _: [near("x", 2.0, 1.0, by=0.1)])
check_runner.all_checks = lambda: (bad,)
sys.argv = ["wellkeeper", "lab", "check", "6"]
from wellkeeper.cli.main import main
main()
"""


def test_a_check_that_fails_exits_1_and_says_which_figure(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "A broken rule: FAILS" in done.stdout
    assert "x: 2, target 1, tolerance 0.1, does not hold" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "gausian"], "Did you mean gaussian?"),
        (["run", "gaussian", "--policy", "replcae"], "Did you mean replace?"),
        (["run", "gaussian", "--set", "estimator"], "--set estimator has no value."),
        (["run", "ngram"], "Give it some with --corpus PATH."),
        (["run", "ngram", "--corpus", "missing.jsonl"], "missing.jsonl"),
        (["check", "99"], "There is no check 99."),
        (["compare", "."], "is not the folder of a run"),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(tmp_path, arguments, says):
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().endswith(".")


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path):
    command = ("run", "mixture", "--out", "out", "--replicates", 3000, "--size", 2000)
    process = start(tmp_path, *command)
    while process.poll() is None and not (tmp_path / "out/.work").exists():
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors.strip() == "wellkeeper: stopped. What is done is kept: run the same command again to go on."
    assert not (tmp_path / "out/report.html").exists()
