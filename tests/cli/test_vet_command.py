"""`wellkeeper vet`: exit codes, what a person reads, and a run that is killed while judges are paid."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from served import requests_in

from wellkeeper.cli.main import cli

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples" / "vet"
GOLDEN = HERE / "tests" / "golden" / "report"
SERVER = HERE / "tests" / "engine" / "completion_server.py"
GIVEN = [
    *("--reference", EXAMPLE / "human.jsonl.zst", "--verifiers", EXAMPLE / "verifiers.yaml"),
    *("--card", EXAMPLE / "card.json", "--no-evaluation", "--workers", "1"),
]


def run(*arguments):
    return CliRunner().invoke(cli, ["vet", *map(str, arguments)])


def test_a_refused_set_exits_1_and_says_why_and_what_would_do(tmp_path):
    done = run(EXAMPLE / "generated.jsonl.zst", *GIVEN, "--out", tmp_path / "set")
    assert done.exit_code == 1, done.output
    told = done.stdout.replace(str(tmp_path), "OUT")
    golden = GOLDEN / "vet-refused.lines.txt"
    if os.environ.get("WELLKEEPER_UPDATE_GOLDEN"):
        golden.write_text(told)
    assert told == golden.read_text()


def test_an_admitted_set_exits_0_and_prints_one_object(tmp_path):
    done = run(
        *(EXAMPLE / "generated.jsonl.zst", *GIVEN),
        *("--share", "0.02", "--dry-run", "--json", "--out", tmp_path / "set"),
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["schema"], document["verdict"]) == ("wellkeeper.vet/1", "admitted")


def test_exit_zero_reports_and_does_not_fail(tmp_path):
    done = run(
        EXAMPLE / "generated.jsonl.zst", *GIVEN, "--dry-run", "-q", "--exit-zero", "--out", tmp_path / "set"
    )
    assert (done.exit_code, done.stdout) == (0, "")


def test_a_card_that_is_none_exits_2_with_what_to_do(tmp_path):
    (tmp_path / "card.json").write_text("{}")
    given = [str(one).replace(str(EXAMPLE / "card.json"), str(tmp_path / "card.json")) for one in GIVEN]
    done = run(EXAMPLE / "generated.jsonl.zst", *given, "--out", tmp_path / "set")
    assert done.exit_code == 2
    assert done.stderr.startswith("wellkeeper: ")
    assert done.stderr.rstrip().endswith(".")


@pytest.fixture
def judge(tmp_path):
    """A judge on this machine that accepts everything, and the folder with what it was asked."""
    folder = tmp_path / "judge"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, SERVER, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}", folder
    process.kill()
    process.wait()
    process.stdout.close()


def asked(folder):
    """How often the judge was asked each question."""
    return Counter(request["asked"]["messages"][-1]["content"] for request in requests_in(folder))


@pytest.mark.slow
def test_a_run_that_is_killed_while_judges_are_paid_pays_for_no_answer_twice(tmp_path, judge):
    address, folder = judge
    texts = [
        {"id": f"t{k}", "text": f"Text {k} about lakes and towers.", "prompt": "Write."} for k in range(14)
    ]
    (tmp_path / "made.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    (tmp_path / "verifiers.yaml").write_text("verifiers:\n  - {name: reader, kind: judge}\n")
    fine = {"content": "It is fine.\nVERDICT: 1"}
    (folder / "plan.json").write_text(json.dumps([fine] * 6 + [{**fine, "wait": 600}]))
    command = [
        *(sys.executable, "-m", "wellkeeper", "vet", tmp_path / "made.jsonl", "-q"),
        *("--reference", EXAMPLE / "human.jsonl.zst", "--verifiers", tmp_path / "verifiers.yaml"),
        *("--judge-endpoint", address, "--judge-model", "toy", "--judge-at-once", "1", "--workers", "1"),
        *("--out", tmp_path / "set"),
    ]
    process = subprocess.Popen(list(map(str, command)))
    while asked(folder).total() < 7:
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    answered = list(asked(folder))[:6]
    (folder / "plan.json").write_text(json.dumps([fine]))
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # there is no card
    found = asked(folder)
    assert [found[one] for one in answered] == [1] * 6
    assert found.total() == 14 + 1, "only the question under way is asked again"
    report = json.loads((tmp_path / "set" / "report.json").read_text())
    assert report["verification"]["accepted"] == 14
