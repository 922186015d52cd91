"""What promptfoo wrote is what the run has, one provider and prompt at a time."""

import json
from pathlib import Path

import pytest

from wellkeeper.errors import InputError
from wellkeeper.suites.run_files import is_run, read_run

LOGS = Path(__file__).with_name("logs") / "promptfoo"
BEFORE = LOGS / "before.json"


def test_tests_are_items_in_their_order_and_repeats_are_answers_to_one():
    run = read_run(BEFORE)
    assert [item.references[0] for item in run.items] == (
        "Paris Berlin Rome Madrid Tokyo Beijing Athens Cairo".split()
    )
    assert {len(item.outputs) for item in run.items} == {2}
    assert (run.metric, run.temperature, run.model) == ("pass", 1.0, "openai:chat:smollm2-135m-instruct")
    assert (run.suite, run.tool) == ("capitals", "promptfoo 0.121.20")
    assert run.created == "2026-11-22T03:11:13.411Z"


def test_the_mean_score_is_the_share_that_promptfoo_gives():
    """12 of 16 passed, and the scores add up to 12.333: said by promptfoo at the end of the evaluation."""
    passed, scored = read_run(BEFORE), read_run(BEFORE, metric="score")
    assert sum(sum(item.scores) for item in passed.items) == 12
    assert sum(sum(item.scores) for item in scored.items) == pytest.approx(12.333, abs=1e-3)
    assert passed.notes == (
        "Scored by whether tests passed (pass); the results also have score, city, short.",
    )


def test_a_score_on_another_scale_is_not_named_as_a_choice(tmp_path):
    def change(results):
        for result in results:
            result.update(score=5, namedScores={})

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert (run.metric, run.notes) == ("pass", ())


def test_a_named_score_is_unknown_where_a_test_has_none():
    run = read_run(f"{BEFORE}#short")
    assert [item.score for item in run.items] == [None] * 6 + [1.0, None]


def test_an_answer_has_its_prompt_its_end_its_tokens_and_its_time():
    item = read_run(BEFORE).items[0]
    output = item.outputs[0]
    assert item.prompt == "What is the capital of France? Answer with one word."
    assert output.text == "Paris, the heart of France, is the capital of France."
    assert (output.finish, output.tokens, output.prompt_tokens, output.milliseconds) == (
        "stop",
        14,
        42,
        576.0,
    )
    assert item.notes[0] == "All assertions passed"


def test_each_provider_and_prompt_is_a_run_to_choose():
    path = LOGS / "two-by-two.json"
    with pytest.raises(
        InputError, match=r"holds 2 providers: broken, openai:chat.*Choose one after the path: '.*#broken'"
    ):
        read_run(path)
    with pytest.raises(InputError, match=r"holds 2 prompts: prompt 1, prompt 2\. Choose one"):
        read_run(f"{path}#broken")
    short = read_run(f"{path}#openai:chat:smollm2-135m-instruct#prompt 1")
    long = read_run(f"{path}#openai:chat:smollm2-135m-instruct#prompt 2")
    assert [item.prompt for item in short.items] == ["Capital of France:", "Capital of Germany:"]
    assert [item.name for item in short.items] == [item.name for item in long.items]
    assert [item.score for item in long.items] == [1.0, 0.0]


def test_an_answer_that_did_not_come_is_no_failed_test():
    run = read_run(f"{LOGS / 'two-by-two.json'}#broken#prompt 1")
    assert [item.outputs[0].finish for item in run.items] == ["error", "error"]
    assert "ECONNREFUSED" in run.items[0].outputs[0].note
    assert (run.metric, run.items[0].scores) == ("", ())
    assert run.notes[0] == "2 answers did not come, and their score is unknown."


def test_a_name_that_chooses_nothing_is_told_with_what_there_is():
    with pytest.raises(
        InputError, match=r"has no sort to choose\. Did you mean short\? Give one of its .*metrics: pass, "
    ):
        read_run(f"{BEFORE}#sort")


# --- made from the real one --------------------------------------------------------------------------------------


def changed_log(path, change):
    content = json.loads(BEFORE.read_text())
    change(content["results"]["results"])
    path.write_text(json.dumps(content))
    return path


def test_the_order_of_results_and_the_wording_of_a_prompt_decide_no_name(tmp_path):
    def change(results):
        results.reverse()
        for result in results:
            result["prompt"]["raw"] = "Other words"

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert [item.name for item in run.items] == [item.name for item in read_run(BEFORE).items]


def test_tests_of_the_same_variables_and_other_assertions_are_two_items(tmp_path):
    def change(results):
        for result in results:
            if result["testIdx"] % 2:
                result["testCase"]["assert"] = [{"type": "equals", "value": "x"}]

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert len(run.items) == 16
    assert run.items[1].name == f"{run.items[0].name}-2"


@pytest.mark.parametrize(
    ("response", "finish"),
    [
        ({"output": "Par", "finishReason": "length"}, "length"),
        ({"output": "", "finishReason": "stop"}, "empty"),
        ({"output": "No.", "isRefusal": True}, "refused"),
        ({"output": {"city": "Paris"}}, "stop"),
        (None, "empty"),
    ],
)
def test_how_an_answer_ended_is_told(tmp_path, response, finish):
    def change(results):
        results[0]["response"] = response

    output = read_run(changed_log(tmp_path / "log.json", change)).items[0].outputs[0]
    assert output.finish == finish
    if isinstance((response or {}).get("output"), dict):
        assert output.text == '{"city": "Paris"}'


def test_answers_of_its_own_cache_have_no_tokens_and_copies_are_told(tmp_path):
    def change(results):
        for result in results:
            result["response"] = {"output": str(result["vars"]), "cached": True}
            result["tokenUsage"] = {"total": 9, "cached": 9}

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert run.items[0].outputs[0].tokens is None
    assert "promptfoo keeps answers unless --no-cache is given" in run.notes[-1]


@pytest.mark.parametrize("value", ["hot", -1, True, float("nan"), pytest.param(10**400, id="huge")])
def test_values_of_a_wrong_kind_are_unknown(tmp_path, value):
    content = json.loads(BEFORE.read_text())
    content["config"]["providers"][0]["config"]["temperature"] = value
    content["results"]["results"][0].update(latencyMs=value, tokenUsage={"completion": "x", "prompt": 1.5})
    (tmp_path / "log.json").write_text(json.dumps(content))
    run = read_run(tmp_path / "log.json")
    output = run.items[0].outputs[0]
    assert (run.temperature, output.tokens, output.prompt_tokens, output.milliseconds) == (
        None,
        None,
        None,
        0.0,
    )


def test_tests_without_assertions_have_no_score(tmp_path):
    def change(results):
        for result in results:
            result["gradingResult"] = None

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert run.notes[0] == "No test asserted anything: the answers are not scored."
    with pytest.raises(
        InputError, match=r"pass is no score in \[0, 1\]\. Choose no score: no test asserted anything\."
    ):
        read_run(tmp_path / "log.json", metric="pass")


def test_a_file_without_results_and_a_torn_one_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no result\. Run the evaluation again"):
        read_run(changed_log(tmp_path / "log.json", lambda results: results.clear()))
    (tmp_path / "torn.json").write_bytes(BEFORE.read_bytes()[:5000])
    assert is_run(tmp_path / "torn.json")
    with pytest.raises(InputError, match=r"torn\.json, line 1: no JSON \(.*Write it again: promptfoo export"):
        read_run(tmp_path / "torn.json")
    with pytest.raises(InputError, match="is laid out otherwise"):
        read_run(changed_log(tmp_path / "log.json", lambda results: results[0].pop("provider")))
