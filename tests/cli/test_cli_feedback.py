"""`wellkeeper feedback` as a person gives it: what it prints, its exit codes, and that it goes on."""

import json

import pytest
from click.testing import CliRunner

from wellkeeper.cli.main import cli

STUDENT = """
import hashlib

def chance(*names):
    return int.from_bytes(hashlib.sha256(repr(names).encode()).digest()[:8], "big") / 2**64

def train(parent, examples, seed):
    return 0.5 if parent is None else sum(answer == "yes" for _, answer in examples) / len(examples)

def answer(model, prompts, n, temperature, seed):
    return [["yes" if chance(seed, prompt, k) < model else "no" for k in range(n)] for prompt in prompts]
"""
PLAN = """
wellkeeper: 1
name: toy
student: {kind: own, module: student.py}
human: human.jsonl
prompts: prompts.jsonl
held_out: held-out.yaml
rounds: 2
prompts_a_round: 200
samples: 1
"""


def records(name, many):
    return "".join(
        json.dumps({"name": f"{name}-{at}", "prompt": f"{name} {at}?", "answer": "yes"}) + "\n"
        for at in range(many)
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "student.py").write_text(STUDENT)
    (tmp_path / "human.jsonl").write_text(records("human", 30))
    (tmp_path / "prompts.jsonl").write_text(records("asked", 200))
    (tmp_path / "held-out.jsonl").write_text(records("held", 50))
    (tmp_path / "held-out.yaml").write_text("scorer: exact\nitems: {path: held-out.jsonl}\n")
    (tmp_path / "verifiers.yaml").write_text("verifiers:\n  - {name: right, kind: exact}\n")
    (tmp_path / "verified.yaml").write_text(PLAN + "verifiers: verifiers.yaml\n")
    (tmp_path / "unverified.yaml").write_text(PLAN)
    return tmp_path


def run(folder, plan, *more):
    return CliRunner().invoke(cli, ["feedback", str(folder / plan), "--out", str(folder / "out"), *more])


def test_verified_rounds_print_a_line_each_and_are_clean(folder):
    done = run(folder, "verified.yaml")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "Accuracy went from 43.0% to 100% in 2 rounds, verified."
    assert lines[1] == (
        "Plan: toy: 200 prompts a round, 1 answer each at temperature 1; verified; human core of 30 examples; "
        "50 held-out items; 1 seed"
    )
    assert [line.partition(":")[0] for line in lines[2:5]] == ["Round 0", "Round 1", "Round 2"]
    assert lines[5] == "Seed 0: model of round 2 kept; not stopped."
    assert any(line.startswith("The verifiers have no card") for line in lines)
    assert lines[-4].startswith("No round was stopped.")
    assert lines[-1] == f"json: {folder}/out/report.json"


def test_unverified_rounds_are_refused_with_exit_code_1(folder):
    done = run(folder, "unverified.yaml")
    assert done.exit_code == 1
    assert "Seed 0: model of round 0 kept; stopped in round 1 by the gate." in done.output
    assert "The gate refused a round" in done.output
    assert run(folder, "unverified.yaml", "--exit-zero").exit_code == 0


def test_json_is_one_object_of_the_schema_and_the_same_when_run_again(folder):
    first, again = (json.loads(run(folder, "verified.yaml", "--json").stdout) for _ in range(2))
    assert first["schema"] == "wellkeeper.feedback/1"
    assert {**first, "run": 0} == {**again, "run": 0}
    assert [row["round"] for row in first["curve"]] == [0, 1, 2]
    assert (folder / "out/report.html").read_text().startswith("<!doctype html>")
    assert json.loads((folder / "out/plan.json").read_bytes())["verifier"] == "right"


def test_rounds_of_another_plan_are_refused_until_fresh(folder):
    assert run(folder, "verified.yaml").exit_code == 0
    done = run(folder, "unverified.yaml")
    assert done.exit_code == 2
    assert "holds rounds of another plan" in done.output
    assert run(folder, "unverified.yaml", "--fresh").exit_code == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind: own, module: student.py", "kind: transfromer"), "Did you mean transformer?"),
        (("module: student.py", "file: student.py"), "The student own has one setting"),
        (("human: human.jsonl", "human: none.jsonl"), "none.jsonl"),
        (("held_out: held-out.yaml", "held_out: held-out.jsonl"), ""),
        (
            ("prompts: prompts.jsonl", "prompts: held-out.yaml"),
            "models would be measured on what they were trained on",
        ),
        (("rounds: 2", "card: card.json"), "a card and no verifiers"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_with_2(folder, change, said):
    (folder / "wrong.yaml").write_text(PLAN.replace(*change))
    done = run(folder, "wrong.yaml")
    assert said in done.output
    assert done.exit_code == (2 if said else 1), done.output


def test_a_broken_line_of_the_human_examples_is_told(folder):
    lines = (folder / "human.jsonl").read_text().splitlines()
    lines[2] = '{"name": "x", "prompt": '
    (folder / "human.jsonl").write_text("\n".join(lines))
    assert "human.jsonl, line 3" in run(folder, "verified.yaml").output


def test_low_temperature_is_warned_about(folder):
    (folder / "cold.yaml").write_text(PLAN + "temperature: 0.7\nevaluation_temperature: 0\nhuman_core: 0\n")
    said = run(folder, "cold.yaml").output
    assert "Low temperatures are for answers that are served. Set temperature: 1." in said
    assert "Set evaluation_temperature: 1." in said
    assert "No human example is in the training sets of rounds." in said
