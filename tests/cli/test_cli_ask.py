"""`wellkeeper ask`: streams and exit codes, and that no kill costs an answer twice."""

import json
import re
import signal
import subprocess
import time

import pytest
from language_model_files import needs_lm, smollm2
from verb_process import SECRET, VerbProcess, kept_in, settings

from wellkeeper.suites.run_files import read_run

VERB = VerbProcess("ask")
command, run = VERB.command, VERB.run
QUICK = {"content": "4", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
MODEL = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m")
SUITE = "\n".join(
    json.dumps({"name": f"n{number}", "prompt": f"2 + {number}?", "reference": str(2 + number)})
    for number in range(12)
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "suite.jsonl").write_text(SUITE)
    return tmp_path


def at(server, *more, out="v1"):
    place = ("--endpoint", server.url, "--model", "small", "--key-env", "MODEL_KEY")
    return ("suite.jsonl", *place, "--out", out, *more)


# --- streams and exit codes ---------------------------------------------------------------------------------------


def test_a_run_is_a_folder_and_its_summary_a_few_lines(folder, server):
    server.always(**QUICK)
    done = run(folder, *at(server, "--most-money", "1", "--price-prompt", "10", "--price-answer", "50"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "small on suite: 12 answers to 12 items.",
        "Score (numeric): 8.3% (1.5-35.4%)",
        "Answers: 12 (100%) complete",
        "Cost so far: 108 tokens of prompts and 12 of answers; 0.0017 of money; 12 calls now",
        "guessed: name from name, prompt from prompt, reference from reference",
        "run: v1",
        "cache: v1/answers.sqlite",
    ]
    found = read_run(folder / "v1")
    assert (found.name, found.model, len(found.items)) == ("v1", "small", 12)
    again = run(folder, *at(server))
    assert "no call now, all answers were there" in again.stdout
    assert len(server.requests()) == 12


def test_json_is_one_object_and_nothing_else(folder, server):
    server.always(**QUICK)
    done = run(
        folder,
        *at(server, "--json", "--limit", "3", "--samples", "2", "--temperature", "0.7", "--system", "Add."),
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["items"], document["answers"]) == ("wellkeeper.ask/1", 3, 6)
    asked = [request["asked"] for request in server.requests()]
    assert {one["temperature"] for one in asked} == {0.7}
    assert {one["messages"][0]["content"] for one in asked} == {"Add."}
    assert len({one["seed"] for one in asked}) == 6


def test_votes_stop_when_they_are_sure_and_go_on_by_another_rule_without_paying_twice(folder, server):
    server.always(**QUICK)
    done = run(folder, *at(server, "--vote", "beta", "--exit-zero"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "Votes (beta): 4.0 samples an item of at most 40, 90.0% saved; 0% certified"
        in done.stdout.splitlines()
    )
    assert sorted(request["asked"]["temperature"] for request in server.requests()) == 12 * [0] + 48 * [1]
    told = run(folder, *at(server, "--vote", "certificate", "--most", "8", "--json", "--exit-zero"))
    vote = json.loads(told.stdout)["vote"]
    assert (vote["mean_samples"], vote["certified"], vote["stopped"]) == (8.0, 1.0, {"certified": 12})
    assert (vote["beside_greedy"]["items"], vote["beside_greedy"]["gain"]["estimate"]) == (12, 0)
    assert len(server.requests()) == 12 * (8 + 1)
    found = read_run(folder / "v1")
    assert found.items[0].outputs[0].note == "8 of 8 votes, certified"


def test_the_answer_at_temperature_0_beside_a_vote_can_be_left_out(folder, server):
    server.always(**QUICK)
    told = run(folder, *at(server, "--vote", "beta", "--no-beside-greedy", "--json", "--exit-zero"))
    assert json.loads(told.stdout)["vote"]["beside_greedy"] is None
    assert {request["asked"]["temperature"] for request in server.requests()} == {1.0}


def test_a_model_that_always_makes_the_same_error_is_warned_of_and_exits_with_1(folder, server):
    server.always(**QUICK)
    done = run(folder, *at(server, "--vote", "beta"))
    assert done.returncode == 1
    said = r"The vote gains \+0\.0 points \(-24\.2 to \+24\.2\) over one answer: 100% of the errors are shared\. Ask once"
    assert re.search(said, done.stdout), done.stdout


def test_the_message_of_the_system_can_be_a_file(folder, server):
    server.always(**QUICK)
    (folder / "system.txt").write_text("Änswer.\n")
    assert run(folder, *at(server, "-q", "--limit", "1", "--system", "@system.txt")).stdout == ""
    assert server.requests()[0]["asked"]["messages"][0] == {"role": "system", "content": "Änswer."}


def test_answers_that_did_not_come_exit_with_1_and_say_so(folder, server):
    too_long = {"status": 400, "body": json.dumps({"error": {"message": "the prompt is too long"}})}
    server.exactly(QUICK, too_long, QUICK)
    done = run(folder, *at(server, "--at-once", "1"))
    assert done.returncode == 1
    said = "1 answer did not come (HTTP 400: the prompt is too long): run the same command again to ask for them again."
    assert said in done.stdout.splitlines()
    assert run(folder, *at(server, "--at-once", "1")).returncode == 0
    assert len(server.requests()) == 13


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("suite.jsonl", "--out", "x"),
            r"Of the ways to name a model, none was given\. Give one: --endpoint URL",
        ),
        (("gone.jsonl", "--gguf", "a", "--out", "x"), r"gone\.jsonl"),
        (("suite.jsonl", "--gguf", "a.gguf", "--out", "x"), r"a\.gguf does not exist\. Give the path"),
        (
            ("suite.jsonl", "--gguf", "a", "--out", "x", "--slice", "de"),
            r"--slice de is no slice\. Give a key and a value, such as language=de\.",
        ),
        (
            ("suite.jsonl", "--gguf", "a", "--out", "x", "--system", "@no.txt"),
            r"cannot be read from no\.txt \(No such file or directory\)\. Give the path of a text file",
        ),
        (
            ("suite.jsonl", "--gguf", "a", "--out", "x", "--most", "9"),
            r"--most is about votes, and none is asked for\. Give --vote beta, or leave it out\.",
        ),
        (
            ("suite.jsonl", "--gguf", "a", "--out", "x", "--cut-votes"),
            r"--cut-votes is about votes",
        ),
        (
            ("suite.jsonl", "--gguf", "a", "--out", "x", "--no-beside-greedy"),
            r"--no-beside-greedy is about votes",
        ),
        (
            ("suite.jsonl", *MODEL, "--out", "x", "--vote", "beta", "--samples", "3"),
            r"3 answers an item and a vote were asked for",
        ),
        (
            ("suite.jsonl", *MODEL, "--out", "x", "--vote", "beta", "--temperature", "0"),
            r"At a temperature of 0 there is nothing to vote on",
        ),
    ],
    ids=["model", "suite", "file", "slice", "system", "most", "cut", "greedy", "samples", "cold"],
)
def test_what_cannot_run_exits_with_2_and_the_next_step(folder, arguments, says):
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(says, done.stderr), done.stderr
    assert not (folder / "x").exists()


def test_no_file_and_no_output_holds_the_key(folder, server):
    server.always(status=400, body=json.dumps({"error": {"message": f"bad {SECRET}"}}))
    done = run(folder, *at(server))
    assert done.returncode == 2
    assert "The model rejects every request" in done.stderr
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert SECRET not in done.stdout + done.stderr


def test_a_judge_is_asked_after_the_answers_and_told_apart_in_the_cost(folder, server):
    (folder / "judged.yaml").write_text(
        "name: judged\nscorer: {kind: judge}\nitems: [{name: a, prompt: Name a fish., references: [cod]}]\n"
    )
    server.exactly({**QUICK, "content": "cod"}, {**QUICK, "content": "Good.\nVERDICT: 1"})
    arguments = ("--judge-endpoint", server.url, "--judge-model", "judge", "--json")
    spent = []
    for _ in range(2):
        done = run(folder, "judged.yaml", *at(server, *arguments)[1:])
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["score"]["estimate"] == 1.0
        spent.append(document["spent"])
    assert [one["calls_now"] for one in spent] == [1, 0]
    assert [one["judge"]["calls"] for one in spent] == [1, 1]
    asked = [request["asked"] for request in server.requests()]
    assert [(one["model"], one["temperature"]) for one in asked] == [("small", 0.0), ("judge", 0.0)]


def test_a_judge_that_nobody_named_is_asked_for_before_anything_is_paid(folder, server):
    (folder / "judged.yaml").write_text("name: j\nscorer: {kind: judge}\nitems: [Name a fish.]\n")
    server.always(**QUICK)
    done = run(folder, "judged.yaml", *at(server)[1:])
    assert done.returncode == 2
    assert "Name one, as with --judge-endpoint URL" in done.stderr
    assert server.requests() == []


# --- stopped ------------------------------------------------------------------------------------------------------


def stopped(folder, server, how, arguments, *, after):
    """Start a run, and stop it by a signal when the server has had so many requests."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings(folder)
    )
    until = time.monotonic() + 60
    while len(server.requests()) < after and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def asked_of(server):
    return [(one["asked"]["messages"][-1]["content"], one["asked"]["seed"]) for one in server.requests()]


def test_a_run_that_is_killed_twice_repeats_no_finished_call_and_ends_as_if_it_was_not(folder, server):
    arguments = at(server, "--samples", "3", "--temperature", "1", "--at-once", "2")
    asked, finished = [], 0
    for more in (7, 16):  # so many answers come quickly, then the server hangs with two requests
        server.exactly(*[QUICK] * more, {"wait": 60})
        code, _ = stopped(folder, server, signal.SIGKILL, arguments, after=more + 2)
        assert code == -signal.SIGKILL
        asked += asked_of(server)
        finished += more
        assert not (folder / "v1" / "run.json").exists()
    server.always(**QUICK)
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert len(server.requests()) == 36 - finished
    asked += asked_of(server)
    assert (len(asked), len(set(asked))) == (36 + 2 * 2, 36)
    assert "36 answers to 12 items" in done.stdout
    assert "of them the most of calls that were cut off" in done.stdout

    quiet = run(folder, *at(server, *arguments[arguments.index("v1") + 1 :], "--run-name", "v1", out="calm"))
    assert quiet.returncode == 0, quiet.stderr
    assert answers_in(folder / "calm") == answers_in(folder / "v1")


def test_a_vote_that_is_killed_repeats_no_finished_call(folder, server):
    arguments = at(
        server, "--vote", "fixed", "--most", "5", "--no-beside-greedy", "--at-once", "2", "--exit-zero"
    )
    server.exactly(*[QUICK] * 20, {"wait": 60})
    code, _ = stopped(folder, server, signal.SIGKILL, arguments, after=22)
    assert code == -signal.SIGKILL
    asked = asked_of(server)
    server.always(**QUICK)
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    asked += asked_of(server)
    assert (len(asked), len(set(asked))) == (60 + 2, 60)
    assert read_run(folder / "v1").items[0].outputs[0].note == "5 of 5 votes"


def answers_in(out):
    run = read_run(out)
    return [
        (item.name, [(output.text, output.seed) for output in item.outputs], item.scores)
        for item in run.items
    ]


def test_ctrl_c_says_that_the_same_command_goes_on(folder, server):
    server.exactly(QUICK, QUICK, {"wait": 60})
    code, said = stopped(folder, server, signal.SIGINT, at(server), after=6)
    assert code == 130
    assert said.endswith("wellkeeper: stopped. What is done is kept: run the same command again to go on.\n")
    server.always(**QUICK)
    assert run(folder, *at(server)).returncode == 0
    assert len(server.requests()) == 10


# --- a real model -------------------------------------------------------------------------------------------------


@needs_lm
@pytest.mark.slow
def test_a_real_model_that_is_killed_while_it_writes_goes_on_where_it_was(folder):
    stories = [
        json.dumps({"name": f"s{number}", "prompt": f"Describe colour {number}."}) for number in range(6)
    ]
    (folder / "suite.yaml").write_text(
        "name: stories\ntemperature: 1\nsamples: 2\ntokens: 12\nitems: {path: stories.jsonl, name: name, prompt: prompt}\n"
    )
    (folder / "stories.jsonl").write_text("\n".join(stories))
    arguments = ("suite.yaml", "--gguf", smollm2(), "--out", "v1")
    cache = folder / "v1" / "answers.sqlite"
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings(folder)
    )
    until = time.monotonic() + 120
    while kept_in(cache) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    before = kept_in(cache)
    assert 4 <= before < 12
    done = run(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spent"]["calls_now"] == 12 - before
    calm = run(folder, *arguments[:-1], "calm", "--run-name", "v1", "-q")
    assert calm.returncode == 0, calm.stderr
    assert answers_in(folder / "calm") == answers_in(folder / "v1")
