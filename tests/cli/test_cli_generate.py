"""`wellkeeper generate`: streams and exit codes, and that a kill costs no answer twice.

The model is a small local server, or, where the name says so, SmolLM2 in llama.cpp.
"""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from human_topics import rows, written
from language_model_files import needs_lm, smollm2
from verb_process import SECRET, VerbProcess, kept_in, settings

from wellkeeper.cli.main import cli

VERB = VerbProcess("generate")
command, run = VERB.command, VERB.run


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "human.jsonl", rows())
    return tmp_path


@pytest.fixture
def run_here(folder, monkeypatch):
    """As `run`, in this process: what hangs on no signal, stream or kill needs no other."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MODEL_KEY", SECRET)
    return lambda *arguments: CliRunner().invoke(cli, ["generate", *map(str, arguments)])


def at(server, *more, out="set", documents=12):
    place = ("--endpoint", server.url, "--model", "small", "--key-env", "MODEL_KEY")
    return ("human.jsonl", *place, "--out", out, "--documents", documents, "--topics", 7, *more)


def lines(folder, out="set"):
    return [json.loads(line) for line in (folder / out / "generated.jsonl").read_text().splitlines()]


# --- streams and exit codes ---------------------------------------------------------------------------------------


def test_a_set_is_a_folder_and_its_summary_a_few_lines(folder, server):
    server.always(usage={"prompt_tokens": 30, "completion_tokens": 90})
    done = run(folder, *at(server, "--most-money", 1, "--price-prompt", 10, "--price-answer", 50))
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert re.fullmatch(r"small@[0-9a-f]{16} wrote 12 of 12 texts\.", said[0])
    assert re.fullmatch(r"Rare topics: 10 of 10 texts for \d of \d topics", said[1])
    assert "Answers: 12, 0 (0%) cut at the limit; left out: none" in said
    assert "Label: ai-generated, depth 1, not signed" in said
    assert "Cost so far: 360 tokens of prompts and 1,080 of answers; 0.0576 of money; 12 calls now" in said
    assert said[-5:] == [
        "data: set/generated.jsonl",
        "label: set/generated.jsonl.wellkeeper-label.json",
        "plan: set/plan.json",
        "report: set/report.json",
        "cache: set/answers.sqlite",
    ]
    assert len(lines(folder)) == 12


def test_json_is_one_object_and_nothing_else_and_settings_reach_the_model(folder, server):
    server.always()
    (folder / "mine.yaml").write_text(
        "templates:\n- {name: mine, text: 'On {topic}, with {words}: {seed}', system: Be dry.}\n"
    )
    more = ("--template", "mine.yaml", "--temperature", 0.7, "--tokens", 33, "--seeds", 2, "--seed-words", 4)
    done = run(folder, *at(server, *more, "--json", documents=3))
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["documents"]) == ("wellkeeper.generate/1", 3)
    asked = [request["asked"] for request in server.requests()]
    assert {(one["temperature"], one["max_tokens"]) for one in asked} == {(0.7, 33)}
    for one in asked:
        system, user = one["messages"]
        assert system == {"role": "system", "content": "Be dry."}
        assert [len(part.split()) for part in user["content"].partition(": ")[2].split("\n\n")] == [4, 4]
    assert len({one["seed"] for one in asked}) == 3


def test_a_dry_run_names_the_topics_and_asks_nothing(run_here, server):
    server.always()
    done = run_here("human.jsonl", "--out", "set", "--documents", 12, "--topics", 7, "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0] == "Planned: 12 texts. Nothing was asked."
    topics = [line for line in said if line.endswith((", rare", ", common"))]
    assert len(topics) == 7
    assert server.requests() == []
    quota = f"{topics[0].partition(':')[0]}=9"
    done = run_here(*at(server, "--quota", quota, "--json"))
    cells = json.loads(done.stdout)["cells"]
    assert (cells[0]["wanted"], cells[0]["reached"]) == (9, 9)


def test_texts_that_are_missing_exit_with_1_and_say_so(run_here, server):
    server.exactly({}, {"content": ""}, {})
    arguments = at(server, "--at-once", 1, "--tries", 1)
    done = run_here(*arguments)
    assert done.exit_code == 1
    said = "1 of 12 texts are missing (tries of each: 1): 1 empty. Give more --tries into another folder, or other"
    assert any(line.startswith(said) for line in done.stdout.splitlines())
    assert run_here(*arguments, "--exit-zero").exit_code == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), r"Of the ways to name a model, none was given\. Give one: --endpoint URL"),
        (("--gguf", "a.gguf"), r"a\.gguf does not exist"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--quota", "x"), r"--quota x is no quota\. Give a topic"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--quota", "x=2"), r"no topic 'x'.*See its topics with"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--watermark", "k.json"), r"k\.json does not exist\. Make"),
    ],
    ids=["model", "file", "quota", "topic", "watermark"],
)  # fmt: skip
def test_what_cannot_run_exits_with_2_and_the_next_step(folder, run_here, more, says):
    done = run_here("human.jsonl", "--out", "x", "--documents", 4, *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(says, done.stderr), done.stderr
    assert not (folder / "x" / "plan.json").exists()


def test_no_file_and_no_output_holds_the_key(folder, server):
    server.always(status=400, body=json.dumps({"error": {"message": f"bad {SECRET}"}}))
    done = run(folder, *at(server))
    assert done.returncode == 2
    assert "The model rejects every request" in done.stderr
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert SECRET not in done.stdout + done.stderr


# --- read again ---------------------------------------------------------------------------------------------------


def test_curate_takes_the_set_as_made_by_a_model_at_depth_1(folder, server):
    server.always()
    assert run(folder, *at(server, "-q")).returncode == 0
    (folder / "recipe.yaml").write_text("wellkeeper: 1\nsources:\n  made: {path: set/generated.jsonl}\n")
    done = subprocess.run(
        [sys.executable, "-m", "wellkeeper", "curate", "recipe.yaml", "--out", "kept", "--json"],
        capture_output=True, check=False, timeout=120, **settings(folder),
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    from wellkeeper.ledger.folder import open_part_tables

    rows_ = open_part_tables(folder / "kept", "documents").to_table(columns=["depth", "origin"]).to_pylist()
    assert len(rows_) == 12
    assert {row["depth"] for row in rows_} == {1}


# --- stopped ------------------------------------------------------------------------------------------------------


def stopped(folder, server, how, arguments, *, after):
    """Start a set, and stop it by a signal when the server has had so many requests."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings(folder)
    )
    until = time.monotonic() + 60
    while len(server.requests()) < after and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def seeds_of(server):
    return [one["asked"]["seed"] for one in server.requests()]


def test_a_set_that_is_killed_twice_repeats_no_finished_call_and_ends_as_if_it_was_not(folder, server):
    arguments = at(server, "--at-once", 1)
    asked, finished = [], 0
    for more in (3, 4):  # so many answers come quickly, then the server hangs
        server.exactly(*[{}] * more, {"wait": 60})
        code, _ = stopped(folder, server, signal.SIGKILL, arguments, after=more + 1)
        assert code == -signal.SIGKILL
        asked += seeds_of(server)
        finished += more
        assert not (folder / "set" / "generated.jsonl").exists()
    server.always()
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert len(server.requests()) == 12 - finished
    asked += seeds_of(server)
    assert (len(asked), len(set(asked))) == (12 + 2, 12)
    assert run(folder, *at(server, "-q", out="calm")).returncode == 0
    assert lines(folder, "calm") == lines(folder)


def test_ctrl_c_says_that_the_same_command_goes_on(folder, server):
    server.exactly({}, {}, {"wait": 60})
    code, said = stopped(folder, server, signal.SIGINT, at(server, "--at-once", 1), after=3)
    assert code == 130
    assert said.endswith("wellkeeper: stopped. What is done is kept: run the same command again to go on.\n")
    server.always()
    assert run(folder, *at(server, "--at-once", 1)).returncode == 0
    assert len(server.requests()) == 10


# --- a real model -------------------------------------------------------------------------------------------------


@needs_lm
@pytest.mark.slow
def test_a_real_model_that_is_killed_while_it_writes_goes_on_where_it_was(folder):
    arguments = ("human.jsonl", "--gguf", smollm2(), "--documents", 6, "--tokens", 12, "--topics", 7, "--out")
    cache = folder / "set" / "answers.sqlite"
    process = subprocess.Popen(
        command(*arguments, "set"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings(folder)
    )
    until = time.monotonic() + 120
    while kept_in(cache) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    before = kept_in(cache)
    assert 2 <= before < 6
    done = run(folder, *arguments, "set", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spent"]["calls_now"] == 6 - before
    assert run(folder, *arguments, "calm", "-q").returncode == 0
    assert lines(folder, "calm") == lines(folder)
