"""`plan` from a pilot, from assumptions, and the other way round."""

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest
from answered_runs import WORDS, made_run

from wellkeeper.errors import DataError, InputError
from wellkeeper.measure.sample_size import AnswerNoise, plan_mcnemar, plan_paired_t
from wellkeeper.recipe.plan import FEWEST_ITEMS, plan
from wellkeeper.report.numbers import COMMA
from wellkeeper.report.plan import plan_headline
from wellkeeper.suites.run_files import write_run

SCHEMA = json.loads(files("wellkeeper.recipe").joinpath("plan.schema.json").read_text(encoding="utf-8"))


def of_metric(found, metric):
    return [test for test in found.tests if test["metric"] == metric]


def items_of(test):
    return {row["samples"]: row["items"] for row in test["plans"]}


def test_without_a_pilot_both_worlds_are_planned_for_and_said_to_be_assumed():
    found = plan(drop=0.05)
    greedy, sampled = of_metric(found, "accuracy")
    assert (greedy["world"], sampled["world"]) == ("greedy-like", "sampled")
    assert greedy["noise"] == pytest.approx({"mean": 0.7, "discordance": 0.14})
    assert sampled["noise"] == pytest.approx({"mean": 0.7, "discordance": 0.28})
    noise = AnswerNoise(mean=0.7, discordance=0.28)
    assert items_of(sampled)[1] == plan_mcnemar(drop=0.05, discordance=noise.after(0.05)).items
    by_t = plan_paired_t(drop=0.05, discordance=noise.after(0.05), samples=4, spread=noise.spread(0.05))
    assert items_of(sampled)[4] == by_t.items
    assert "assumed" in found.document["notes"][0]
    assert found.verdict == "planned"


def test_a_plan_is_the_need_as_simulated_in_the_benchmark():
    """benchmarks/watch/needs.py: 441 and 750 items of one answer, 111 and 188 of four, 212 and 94 prompts."""
    found = plan(drop=0.05)
    greedy, sampled = (items_of(test) for test in of_metric(found, "accuracy"))
    assert greedy[1] == pytest.approx(441, rel=0.1)
    assert greedy[4] == pytest.approx(111, rel=0.1)
    assert sampled[1] == pytest.approx(750, rel=0.1)
    assert sampled[4] == pytest.approx(188, rel=0.1)
    (diversity,) = of_metric(plan(drop=0.052, metric="diversity"), "diversity")
    assert items_of(diversity) == {4: pytest.approx(212, rel=0.1), 8: pytest.approx(94, rel=0.1)}


def test_the_noise_and_the_tokens_of_a_pilot_are_measured(tmp_path):
    write_run(made_run("pilot", right=0.7, items=200, samples=4), tmp_path / "pilot")
    found = plan(pilot=tmp_path / "pilot", price_prompt=1.0, price_answer=10.0)
    (accuracy,) = of_metric(found, "accuracy")
    assert accuracy["world"] == "pilot"
    assert accuracy["noise"]["mean"] == pytest.approx(0.7, abs=0.06)
    assert accuracy["noise"]["discordance"] == pytest.approx(0.28, abs=0.06)
    (diversity,) = of_metric(found, "diversity")
    assert 0.5 < diversity["noise"]["mean"] < 1
    row = accuracy["plans"][0]
    assert row["prompt_tokens"] == 40 * row["answers"]
    assert row["answer_tokens"] == 12 * row["answers"]
    assert row["money"] == pytest.approx((40 * 1 + 12 * 10) * row["answers"] / 1e6)
    assert found.document["notes"] == []


def test_one_answer_an_item_tells_the_mean_and_the_noise_stays_assumed():
    found = plan(pilot=made_run("pilot", right=0.5, items=80, samples=1), metric="accuracy")
    assert [test["world"] for test in found.tests] == ["greedy-like", "sampled"]
    assert found.tests[0]["noise"]["mean"] == pytest.approx(0.5, abs=0.2)


def test_exactly_one_plan_is_the_cheapest_and_none_costs_less():
    found = plan(prompt_tokens=1_000, answer_tokens=50, price_prompt=2.0, price_answer=8.0)
    for test in found.tests:
        cheapest = [row for row in test["plans"] if row["is_cheapest"]]
        assert len(cheapest) == 1
        assert cheapest[0]["money"] == min(row["money"] for row in test["plans"])


def test_stored_answers_cost_nothing_and_bound_the_answers_to_an_item():
    whole, half = plan(metric="accuracy"), plan(metric="accuracy", stored=4)
    answers = {row["samples"]: row["answers"] for row in whole.tests[0]["plans"]}
    assert {row["samples"]: 2 * row["answers"] for row in half.tests[0]["plans"]} == {
        count: many for count, many in answers.items() if count <= 4
    }
    with pytest.raises(
        DataError, match=r"2 answers to each item are stored, .* Ask for one of up to 2: --samples 2"
    ):
        plan(samples=(4, 8), stored=2)


def test_the_least_drop_of_a_suite_is_planned_for_with_its_items():
    found = plan(metric="accuracy", items=300, samples=(4,))
    row = found.tests[1]["plans"][0]
    assert row["power"] == pytest.approx(0.9, abs=0.03)
    again = plan(metric="accuracy", drop=row["least_drop"], samples=(4,))
    assert again.tests[1]["plans"][0]["items"] == pytest.approx(300, abs=2)
    assert found.verdict == "enough"
    assert plan(metric="accuracy", items=30, samples=(1,)).verdict == "too few"


def test_no_plan_has_fewer_items_than_the_tests_need_for_their_level():
    (accuracy, _) = plan(metric="accuracy", drop=0.4, samples=(16,)).tests
    (row,) = accuracy["plans"]
    assert row["items"] == FEWEST_ITEMS
    assert row["power"] > 0.9


def test_a_drop_that_cannot_be_lost_is_said_beside_the_plan():
    (row,) = plan(metric="accuracy", drop=0.3, mean=0.2, samples=(1,)).tests[0]["plans"]
    assert row["items"] is None
    assert row["why"].startswith("A drop of 30 points cannot be lost from a mean score of 0.2.")


def test_a_watch_with_more_items_finds_the_drop_sooner():
    weeks = [row for row in plan(metric="accuracy").document["watch"] if row["world"] == "sampled"]
    assert [row["within"] for row in weeks] == [2, 4, 8, 16]
    sizes = [row["items"] for row in weeks]
    assert sizes == sorted(sizes, reverse=True)
    assert all(row["weeks"] <= row["within"] and row["early"] <= 0.05 for row in weeks)


def test_the_tail_of_the_assumed_world_is_simulated_when_it_is_asked_for():
    (tail,) = plan(metric="tail", drop=0.3, samples=(8,)).tests
    (row,) = tail["plans"]
    assert row["test"] == "swapped prompts, maxT"
    assert row["power"] >= 0.7
    assert row["power_error"] > 0


def test_the_tail_of_a_reference_goes_by_the_words_of_the_pilots_answers(tmp_path):
    human = tmp_path / "human.txt"
    human.mkdir()
    for at in range(60):
        (human / f"{at}.txt").write_text(" ".join(WORDS[(at * at + k * k) % len(WORDS)] for k in range(12)))
    found = plan(
        metric="tail", drop=0.2, samples=(4,), pilot=made_run("pilot"), reference=[str(human / "*.txt")]
    )
    (tail,) = found.tests
    assert tail["noise"]["cells_of_an_answer"] == 7  # of eight words some come twice
    assert tail["plans"][0]["items"] >= FEWEST_ITEMS
    without = plan(metric="all", reference=[str(human / "*.txt")])
    assert "give a run of a few items with --pilot" in without.document["not_planned"]["tail"]


def test_the_same_question_has_the_same_answer():
    question = {"metric": "tail", "drop": 0.4, "samples": (8,), "items": 20}
    assert plan(**question).document == plan(**question).document


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"drop": 1.5}, DataError, r"The drop is 150 points\. .* such as 5 \(--drop 5\)"),
        ({"power": 0.01}, DataError, r"level is 0\.05 and power 0\.01\. Give chances"),
        ({"samples": (0,)}, DataError, r"samples is \[0\]\. Give numbers of answers from 1"),
        ({"items": 12}, DataError, r"12 items is too small .* Give 20 or more"),
        ({"items": 2_000_000}, DataError, r"2,000,000 items is more .* Give 1,000,000 or fewer"),
        (
            {"metric": "accuracy", "pilot": made_run("p"), "mean": 0.5},
            InputError,
            r"The pilot measures the mean score, .* Leave one of them out",
        ),
        (
            {"price_prompt": 1.0},
            InputError,
            r"nobody knows how long .* Give --prompt-tokens and --answer-tokens",
        ),
        ({"metric": "diversity", "samples": (1,)}, InputError, r"Diversity takes 2 answers .* --samples 4"),
        (
            {"metric": "accuracy", "pilot": made_run("p", scored=False)},
            InputError,
            r"The pilot is not scored\. .* --metric diversity",
        ),
        (
            {"metric": "diversity", "pilot": made_run("p", samples=2)},
            InputError,
            r"takes 4 answers to an item .* `wellkeeper ask --samples 4`",
        ),
        ({"pilot": "nowhere"}, InputError, r"nowhere does not exist"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(options, error, says):
    with pytest.raises(error, match=says):
        plan(**options)


def test_a_pilot_of_few_items_that_tell_of_noise_is_said_to_be_small():
    small = made_run("p", items=12)
    assert "The pilot has 12 items" in plan(pilot=small, metric="diversity").document["notes"][0]
    once = made_run("p", items=60, samples=1)
    mixed = replace(once, items=(*small.items[:5], *once.items[5:]))
    assert "The pilot has 5 items" in plan(pilot=mixed, metric="diversity").document["notes"][0]


def test_a_pilot_that_is_never_right_still_plans_diversity():
    found = plan(pilot=made_run("p", right=1e-9, items=30))
    assert [test["metric"] for test in found.tests] == ["diversity"]
    assert found.document["not_planned"]["accuracy"].endswith("Give easier items.")


def test_answers_that_are_all_the_same_are_greedy_whatever_the_log_says():
    run = made_run("p", items=40, temperature=None)
    items = tuple(
        replace(item, outputs=item.outputs[:1] * 4, scores=item.scores[:1] * 4) for item in run.items
    )
    found = plan(pilot=replace(run, items=items), metric="accuracy")
    assert [test["world"] for test in found.tests] == ["greedy-like", "sampled"]


@pytest.mark.parametrize(("metric", "what"), [("accuracy", "mean score"), ("diversity", "mean distance")])
def test_items_do_not_find_a_drop_that_cannot_be_lost(metric, what):
    found = plan(metric=metric, drop=0.9, items=100, samples=(4,))
    for test in found.tests:
        (row,) = test["plans"]
        assert row["power"] is None
        assert f"cannot be lost from a {what}" in row["why"]
    assert found.verdict == "too few"
    assert plan_headline(found.document, COMMA) == "A drop of 90 points cannot be planned for."


@pytest.mark.parametrize(
    "options",
    [
        {
            "metric": "accuracy",
            "prompt_tokens": 300,
            "answer_tokens": 60,
            "price_answer": 8.0,
            "samples": (1, 4),
        },
        {"metric": "diversity", "items": 200},
        {"pilot": made_run("pilot", items=30), "metric": "diversity"},
        {"metric": "accuracy", "drop": 0.3, "mean": 0.2},
    ],
)
def test_documents_follow_the_schema(options):
    jsonschema.Draft202012Validator(SCHEMA).validate(plan(**options).to_json())


def test_the_schema_is_one_and_misses_what_is_missing():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = plan(metric="diversity").to_json()
    del document["tests"][0]["plans"][0]["items"]
    with pytest.raises(jsonschema.ValidationError, match="'items' is a required property"):
        jsonschema.validate(document, SCHEMA)
