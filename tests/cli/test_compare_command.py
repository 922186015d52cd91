"""`wellkeeper compare`: exit codes, streams and what a person reads."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

WORDS = [
    f"{a}{b}" for a in "ba de ki lo mu na pe ri so tu".split() for b in "bam den kir lon mus nap per".split()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("compare-command")
    for name, common, seed in (("old", 70, 1), ("new", 70, 2), ("bland", 12, 3)):
        rng = np.random.default_rng(seed)
        rows = [{"body": " ".join(rng.choice(WORDS[:common], 40))} for _ in range(40)]
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "compare", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_a_blander_corpus_exits_1_and_the_summary_is_a_few_lines(folder):
    done = run(folder, "old.jsonl", "bland.jsonl", "--out", "out", "--permutations", "99", "--text", "body")
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("B is worse than A: fewer distinct words")
    assert (
        lines[1]
        == "Compared: 40 documents of A (1,600 words) with 40 documents of B (1,600 words), without a human reference"
    )
    assert len(lines) <= 14
    assert lines[-2:] == ["report: out/report.html", "json: out/report.json"]
    assert "B is worse than A" in (folder / "out/report.html").read_text()


def test_json_is_one_object_and_nothing_else_and_exit_zero_exits_0(folder):
    done = run(
        folder, "old.jsonl", "bland.jsonl", "--out", "out", "--permutations", "99", "--json", "--exit-zero"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["schema"] == "wellkeeper.compare/1"
    assert json.loads(done.stdout) == json.loads((folder / "out/report.json").read_text())


def test_like_exits_0_and_quiet_prints_nothing(folder):
    done = run(
        folder,
        "old.jsonl",
        "new.jsonl",
        "-q",
        WELLKEEPER_COMPARE_OUT="out",
        WELLKEEPER_COMPARE_PERMUTATIONS="19",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["old.jsonl", "old.jsonl"],
            "old.jsonl is in both corpora, and a corpus cannot be better or worse than itself.",
        ),
        (["old.jsonl", "missing.jsonl"], "missing.jsonl"),
        (["old.jsonl", "new.jsonl", "--text", "none"], "none"),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(folder, arguments, says):
    done = run(folder, *arguments, "--out", "refused")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().endswith((".", "`"))
