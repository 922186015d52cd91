"""`wellkeeper prove`: exit codes, streams and what a person reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))

from proof_texts import texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("prove-command")
    for name, found in (
        ("raw", [*texts(60, 1), *texts(60, 2, dialect=1)]),
        ("clean", texts(60, 1)),
        ("human", texts(60, 3)),
    ):
        lines = [json.dumps({"body": text}) + "\n" for text in found]
        (place / f"{name}.jsonl").write_text("".join(lines))
    return place


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "prove", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_a_better_set_exits_0_and_the_summary_is_a_few_lines(folder):
    done = run(
        folder, "raw.jsonl", "clean.jsonl", "--held-out", "human.jsonl", "--seeds", "2", "--out", "out"
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("clean makes a better model than raw: perplexity of held-out human text ")
    assert lines[1].startswith("Read: 3,")
    assert "2 draws, by the ngram proxy; 60 held-out documents" in lines[1]
    assert lines[2].startswith("better: all words, +")
    assert lines[-2:] == ["report: out/report.html", "json: out/report.json"]
    assert "clean makes a better model than raw" in (folder / "out/report.html").read_text()


def test_a_worse_set_exits_1_and_json_is_one_object_and_nothing_else(folder):
    arguments = [
        "clean.jsonl",
        "raw.jsonl",
        "--held-out",
        "human.jsonl",
        "--seeds",
        "2",
        "--out",
        "out",
        "--json",
    ]
    done = run(folder, *arguments)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == json.loads((folder / "out/report.json").read_text())
    assert json.loads(done.stdout)["schema"] == "wellkeeper.prove/1"
    assert run(folder, *arguments, "--exit-zero").returncode == 0


def test_variables_are_options_and_quiet_prints_nothing(folder):
    done = run(
        folder,
        "raw.jsonl",
        "clean.jsonl",
        "-q",
        WELLKEEPER_PROVE_HELD_OUT="human.jsonl",
        WELLKEEPER_PROVE_SEEDS="2",
        WELLKEEPER_PROVE_OUT="out",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["raw.jsonl", "clean.jsonl"], "--held-out"),
        (["raw.jsonl", "--held-out", "human.jsonl"], "CURATED"),
        (["raw.jsonl", "gone.jsonl", "--held-out", "human.jsonl"], "gone.jsonl does not exist."),
        (
            ["raw.jsonl", "clean.jsonl", "--held-out", "clean.jsonl"],
            "A model that has read the test proves nothing",
        ),
        (["raw.jsonl", "clean.jsonl", "--held-out", "human.jsonl", "--text", "none"], "none"),
    ],
)
def test_what_cannot_run_exits_2_with_a_next_step(folder, arguments, says):
    done = run(folder, *arguments, "--out", "refused")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
