"""`wellkeeper calibrate`: streams, files and exit codes, and that a stopped command pays for no answer twice."""

import json
import signal
import subprocess
import time

import pytest
from language_model_files import needs_lm, smollm2
from verb_process import VerbProcess, settings

from wellkeeper.infer.temperature import in_calibration_half

VERB = VerbProcess("calibrate")
command, run = VERB.command, VERB.run
QUICK = {"content": "4", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
SUITE = "\n".join(
    json.dumps({"name": f"n{number}", "prompt": f"{number} + 1?", "reference": str(number + 1)})
    for number in range(40)
)
CALLS = 40 * (2 + 1 + 2)  # for difficulty, at 0 and at 1


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "suite.jsonl").write_text(SUITE)
    return tmp_path


def at(server, *more):
    place = ("--endpoint", server.url, "--model", "small", "--out", "out")
    return ("suite.jsonl", *place, "--grid", "0,1", "--samples", "2", *more)


def test_what_cannot_be_told_is_a_finding_and_what_is_served_is_told_from_what_is_trained_on(folder, server):
    """The model always says 4: one item of 40 is right, and no temperature changes that."""
    server.always(**QUICK)
    done = run(folder, *at(server, "--price-prompt", "10", "--price-answer", "50"))
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert (
        lines[0] == "Not enough items to tell whether another temperature than 1 answers better. Stay at 1."
    )
    assert "Cost so far: 1,800 tokens of prompts and 200 of answers; 0.0280 of money; 200 calls now" in lines
    assert any("not for data to be trained on" in line for line in lines)
    assert lines[-4:] == [
        "report: out/report.html",
        "json: out/report.json",
        "temperature: out/temperature.json",
        "cache: out/answers.sqlite",
    ]
    asked = [request["asked"] for request in server.requests()]
    assert len(asked) == CALLS
    assert sorted({one["temperature"] for one in asked}) == [0.0, 1.0]

    trained = run(folder, *at(server, "--purpose", "train", "--json"))
    assert (trained.returncode, trained.stderr) == (0, "")
    document = json.loads(trained.stdout)
    assert (document["schema"], document["recommended"]) == ("wellkeeper.calibrate/1", 1.0)
    assert document["spent"]["calls_now"] == 0
    assert json.loads((folder / "out" / "temperature.json").read_text())["purpose"] == "train"
    assert run(folder, *at(server, "-q", "--exit-zero")).stdout == ""


def test_ctrl_c_says_that_the_same_command_goes_on_and_nothing_is_paid_for_twice(folder, server):
    server.exactly(*[QUICK] * 30, {"wait": 60})
    process = subprocess.Popen(
        command(*at(server, "--at-once", "1")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **settings(folder),
    )
    until = time.monotonic() + 120
    while len(server.requests()) < 31 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("wellkeeper: stopped. What is done is kept: run the same command again to go on.\n")
    server.always(**QUICK)
    done = run(folder, *at(server, "--json"))
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["spent"]["calls_now"] == len(server.requests()) == CALLS - 30


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("suite.jsonl", "--gguf", "a", "--out", "x", "--grid", "1"), "--grid 1 is no list of temperatures."),
        (("suite.jsonl", "--out", "x"), "Of the ways to name a model, none was given."),
        (("suite.jsonl", "--gguf", "gone.gguf", "--out", "x"), "gone.gguf does not exist."),
    ],
    ids=["grid", "model", "file"],
)
def test_what_cannot_run_exits_with_2_and_the_next_step(folder, arguments, says):
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert not (folder / "x").exists()


def test_a_suite_that_is_too_small_costs_nothing(folder, server):
    server.always(**QUICK)
    done = run(folder, *at(server, "--limit", "12"))
    assert done.returncode == 2
    assert "Give 40 items or more." in done.stderr
    assert server.requests() == []


@needs_lm
@pytest.mark.slow
def test_a_real_model_is_calibrated_on_items_that_it_knows(folder):
    (folder / "suite.yaml").write_text(
        "name: next\nscorer: {kind: numeric}\ntokens: 4\nitems: {path: next.jsonl, name: name, prompt: prompt, "
        "reference: reference}\n"
    )
    numbers = {True: [], False: []}  # ten of either half: the fewest that are told of
    for number in range(60):
        numbers[in_calibration_half(f"n{number}")].append(number)
    rows = [
        {"name": f"n{number}", "prompt": f"Say the number {number}.", "reference": str(number)}
        for half in numbers.values()
        for number in half[:10]
    ]
    (folder / "next.jsonl").write_text("\n".join(map(json.dumps, rows)))
    options = ("--out", "out", "--grid", "0", "--samples", "2", "--json")
    done = run(folder, "suite.yaml", "--gguf", smollm2(), *options, seconds=1200)
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)["calibration"]["all"]
    assert [point["temperature"] for point in found["points"]] == [0.0, 1.0]
    assert found["points"][0]["diversity"]["unlike"]["high"] == 0.0
