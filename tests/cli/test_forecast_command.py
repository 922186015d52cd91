"""`wellkeeper forecast`: streams, exit codes and what a person reads."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

WORDS = [f"{a}{b}{c}" for a in "bdkmt" for b in "aeiou" for c in ("r", "n", "l", "s", "m", "ka", "lo", "ti")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("forecast-command")
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, len(WORDS) + 1)
    rows = [{"body": " ".join(rng.choice(WORDS, 40, p=shares / shares.sum()))} for _ in range(60)]
    (place / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "forecast", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_the_summary_has_a_line_a_policy_and_says_what_it_cannot_know(folder):
    done = run(folder, "corpus.jsonl", "--generations", "3", "--out", "out", "--text", "body")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("After 3 generations, ")
    assert lines[1].startswith("Read: 60 documents, 2,400 words; 3-gram models learned from ")
    assert [line.split(":")[0] for line in lines[2:7]] == [
        "replace",
        "accumulate",
        "subsample",
        "fixed=0.1",
        "fresh=0.1",
    ]
    assert lines[7].startswith("To keep 50.0% of the effective sample size for ever, at least 14.8% of each ")
    assert "is not tested" in lines[8]
    assert lines[-2:] == ["report: out/report.html", "json: out/report.json"]


def test_json_is_one_object_and_nothing_else(folder):
    done = run(
        folder, "corpus.jsonl", "--tier", "0", "--policy", "replace,growth=2", "--policy", "fresh=0.3", "--keep", "0.9",
        "--json", "--out", "out",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads((folder / "out/report.json").read_text())
    assert [row["policy"] for row in document["policies"]] == ["replace,growth=2", "fresh=0.3"]
    assert document["fresh_share"]["share"] == pytest.approx(0.556, abs=1e-3)


def test_options_come_from_the_environment_and_quiet_prints_nothing(folder):
    done = run(
        folder, "corpus.jsonl", "-q", WELLKEEPER_FORECAST_TIER="0", WELLKEEPER_FORECAST_HUMAN_SHARE="0.5",
        WELLKEEPER_FORECAST_OUT="quiet",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((folder / "quiet/report.json").read_text())["human"]["share"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.jsonl"], "missing.jsonl"),
        (["corpus.jsonl", "--policy", "replase"], "Did you mean replace?"),
        (["corpus.jsonl", "--tier", "0", "--human-share", "0"], "Give a number above 0, up to 1, or `auto`."),
        (["corpus.jsonl", "--model", "mine.py"], "Add --tier 2, or leave --model out."),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(folder, arguments, says):
    done = run(folder, *arguments, "--out", "refused")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_share_that_is_no_number_is_refused_by_the_command_line(folder):
    done = run(folder, "corpus.jsonl", "--human-share", "most")
    assert done.returncode == 2
    assert "Give a share, such as 0.8." in done.stderr
