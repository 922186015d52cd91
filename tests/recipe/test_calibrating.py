"""A suite is asked along a grid, and what it says of a temperature is written down: resumed, budgeted, never for training."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from tempered_model import Tempered, suite_of

from wellkeeper.core.answers import Output
from wellkeeper.errors import DataError, InputError, WorkError
from wellkeeper.infer.cost import Budget, Price
from wellkeeper.infer.equivalence import ByText, equivalence_of
from wellkeeper.infer.local import FunctionSampler
from wellkeeper.infer.temperature import in_calibration_half
from wellkeeper.recipe.calibrating import calibrate, grid_of, tasks_of
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.suite import SuiteItem

NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
GRID = (0.0, 0.5, 1.0)


def calibrated(tmp_path, model=None, suite=None, **changed):
    options = {
        "out": tmp_path / "out",
        "now": NOW,
        "grid": GRID,
        "samples": 2,
        "model": "tempered",
        **changed,
    }
    return calibrate(suite or suite_of(), model or Tempered(), **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A suite large enough for three groups, with the folder that it was written to."""
    folder = tmp_path_factory.mktemp("whole")
    return calibrated(folder, suite=suite_of(40), samples=8), folder / "out"


# --- what is found -----------------------------------------------------------------------------------------------


def test_each_difficulty_gets_its_temperature_with_gain_and_loss(whole):
    found, _ = whole
    by_name = {group.name: group for group in found.calibration.by_difficulty}
    assert by_name["hard"].fitted == 1.0
    assert by_name["medium"].recommended == 0.0
    assert by_name["medium"].at(0.0).gain.change.low > 0.2
    assert by_name["medium"].at(0.0).lost["unlike"].after == 0.0
    assert by_name["medium"].at(0.5).lost["unlike"].change.high < 0
    assert (found.verdict, found.document["recommended"]) == ("clean", 0.0)


def test_the_folder_holds_report_document_and_temperatures(whole):
    found, folder = whole
    document = json.loads((folder / "report.json").read_text())
    assert document == found.to_json()
    assert (document["schema"], document["purpose"]) == ("wellkeeper.calibrate/1", "serve")
    told = json.loads((folder / "temperature.json").read_text())
    assert (told["schema"], told["all"]) == ("wellkeeper.temperature/1", 0.0)
    assert told["not_for"] == "data to be trained on"
    assert told["samples"] == 8
    assert {row["name"]: row["temperature"] for row in told["by_difficulty"]}["hard"] == 1.0
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert set(found.paths) == {"report", "json", "temperature", "cache"}


def test_difficulty_is_told_from_draws_that_are_in_no_other_figure(tmp_path):
    model = Tempered()
    suite = suite_of()
    calibrated(tmp_path, model, suite, samples=3)
    items = len(suite.items)
    assert len(model.asked) == items * (3 + 1 + 3 + 3)
    seeds = {at: [seed for _, temperature, seed in model.asked if temperature == at] for at in GRID}
    assert (len(seeds[0.0]), len(seeds[0.5]), len(seeds[1.0])) == (items, 3 * items, 6 * items)
    assert len(set(seeds[1.0])) == 6 * items
    assert set(seeds[0.5]) < set(seeds[1.0])  # temperatures share their random numbers
    assert set(seeds[0.0]) < set(seeds[0.5])


def test_any_number_of_requests_at_once_and_any_sampler_give_the_same_document(tmp_path):
    one = calibrated(tmp_path / "one", Tempered(at_once=1)).to_json()
    assert calibrated(tmp_path / "four", Tempered(at_once=4)).to_json() == one
    made = Tempered()

    def answer(prompt, *, temperature, seed):
        return made.answer(prompt, temperature, seed).text

    function = FunctionSampler(answer, version="1")
    assert calibrated(tmp_path / "function", function).to_json()["calibration"] == one["calibration"]


# --- stopped, budgeted, broken -----------------------------------------------------------------------------------


def test_a_calibration_that_is_stopped_goes_on_and_pays_for_nothing_twice(tmp_path):
    whole = calibrated(tmp_path / "calm").to_json()
    asked = []
    for breaks in (50, 300):
        model = Tempered(breaks_after=breaks, at_once=1)
        with pytest.raises(KeyboardInterrupt):
            calibrated(tmp_path, model)
        assert not (tmp_path / "out" / "report.json").exists()
        asked += model.asked[:breaks]
    model = Tempered()
    found = calibrated(tmp_path, model).to_json()
    asked += model.asked
    assert len(asked) == len(set(asked)) == 60 * 7
    assert found["calibration"] == whole["calibration"]
    assert found["spent"]["calls_now"] == len(model.asked)


def test_a_budget_ends_a_calibration_and_a_larger_one_goes_on(tmp_path):
    price = Price(prompt=1.0, answer=1.0)
    with pytest.raises(WorkError, match="raise the budget"):
        calibrated(tmp_path, budget=Budget(tokens=2_000))
    found = calibrated(tmp_path, budget=Budget(tokens=40_000, price=price))
    assert found.document["spent"]["tokens"] == 2 * 60 * 7
    assert found.document["spent"]["money"] == pytest.approx(60 * 7 * 7 / 1e6)


def test_answers_that_did_not_come_leave_their_item_out_and_are_a_finding(tmp_path):
    found = calibrated(tmp_path, Tempered(rejects=("easy 3?", "hard 1?")))
    document = found.document
    assert (found.verdict, document["left_out"]) == ("findings", 2)
    assert found.calibration.one.items + found.calibration.one.calibration_items == 58
    assert document["notes"][0].startswith("At a temperature of 1: 4 answers did not come (too long)")
    again = calibrated(tmp_path)
    assert (again.verdict, again.document["left_out"]) == ("clean", 0)


def test_too_few_items_with_all_answers_tell_nothing_and_say_so(tmp_path):
    suite = suite_of()
    kept = {item.name for item in suite.items[::4]}
    rejects = tuple(item.prompt for item in suite.items if item.name not in kept)
    found = calibrated(tmp_path, Tempered(rejects=rejects), suite)
    assert (found.calibration, found.verdict, found.document["recommended"]) == (None, "findings", 1.0)
    assert "Give 40 items or more" in found.document["notes"][-1]
    assert "Nothing can be told" in (tmp_path / "out" / "report.html").read_text()


# --- discipline --------------------------------------------------------------------------------------------------


def test_for_training_nothing_below_1_is_recommended_and_the_loss_is_told(tmp_path):
    found = calibrated(tmp_path, purpose="train")
    assert found.calibration.one.fitted == 0.0
    assert (found.verdict, found.document["recommended"]) == ("clean", 1.0)
    told = json.loads((tmp_path / "out" / "temperature.json").read_text())
    assert told["all"] == 1.0
    assert {row["temperature"] for row in told["by_difficulty"]} == {1.0}
    assert told["not_for"] == ""
    assert "stay at a temperature of 1: at 0 two answers" in (tmp_path / "out" / "report.html").read_text()


# --- refused -----------------------------------------------------------------------------------------------------


def test_what_cannot_be_told_is_refused_before_the_first_answer(tmp_path):
    model = Tempered()
    for error, says, changed in (
        (InputError, r"has no scorer, .* Name a scorer in the suite\.", {"suite": suite_of(scorer=None)}),
        (
            InputError,
            r"Of 6 items the smaller half has \d, .* Give 40 items or more\.",
            {"suite": suite_of(2)},
        ),
        (InputError, r"1 answer an item has no pair", {"samples": 1}),
        (DataError, r"Give two temperatures or more, rising", {"grid": (1.0, 0.5)}),
        (DataError, r"margin is 3", {"margin": 3.0}),
    ):
        with pytest.raises(error, match=says):
            calibrated(tmp_path, model, **changed)
    assert model.asked == []
    assert not (tmp_path / "out").exists()


def test_a_folder_holds_one_model_and_one_suite_until_it_is_told_to_forget(tmp_path):
    calibrated(tmp_path)
    for other, changed in (
        ("model", {"model_": Tempered(fingerprint="other")}),
        ("suite", {"suite": replace(suite_of(), name="another")}),
    ):
        model = changed.pop("model_", None)
        with pytest.raises(InputError, match=f"holds the calibration of another {other}.*--fresh"):
            calibrated(tmp_path, model, **changed)
    model = Tempered(fingerprint="other")
    found = calibrated(tmp_path, model, fresh=True)
    assert len(model.asked) == found.document["spent"]["calls"] == 60 * 7


@pytest.mark.parametrize("written", ["", "a", "1", "0,-1", "0,nan", "0,inf", "0.5,,1"])
def test_a_grid_that_is_none_is_refused(written):
    with pytest.raises(InputError, match=r"Give at least one besides 1, such as 0,0\.5,1"):
        grid_of(written)


# --- what is read out of runs ------------------------------------------------------------------------------------


def run_of(texts, scores, *, temperature=1.0):
    outputs = tuple(Output(text=text, finish="error" if text == "!" else "stop") for text in texts)
    item = Answered(name="a", prompt="?", outputs=outputs, scores=scores)
    return Run(name="r", model="m", suite="s", items=(item,), temperature=temperature)


def test_agreement_goes_by_what_is_read_out_of_answers_and_not_by_what_the_scorer_thinks_of_them():
    number = scorer_of({"kind": "numeric"}, ask=None)
    read = run_of(["It is 4.", "4.0", "5"], (1.0, 1.0, 0.0))
    right = run_of(["Cod", " cod ", "eel"], (1.0, 1.0, 1.0))
    silent = run_of(["!", "nothing", "no idea"], (None, 0.0, 1.0))
    along = {0.0: run_of(["4"], (1.0,), temperature=0.0), 1.0: run_of(["4", "5"], (1.0, 0.0))}
    item = SuiteItem(name="a", prompt="?", references=("4",))
    for run, scorer, share, vote in (
        (read, number, 2 / 3, 1.0),
        (right, None, 2 / 3, 1.0),
        (silent, number, 0.0, 0.0),
    ):
        tasks = tasks_of(run, along, [equivalence_of(scorer, item)])
        assert (tasks.agreement.tolist(), tasks.vote.tolist()) == ([share], [vote])
        assert tasks.scores.tolist() == [[1.0, 0.5]]
        assert tasks.diversity["unlike"].tolist() == [[0.0, 1.0]]


def test_items_with_an_unknown_score_or_one_answer_are_left_out():
    along = {0.0: run_of(["4"], (1.0,), temperature=0.0), 1.0: run_of(["4", "5"], (1.0, 0.0))}
    whole = run_of(["4", "5"], (1.0, 0.0))
    assert tasks_of(whole, along, [ByText()]).names == ("a",)
    for run, runs in (
        (run_of(["4", "5"], (None, None)), along),
        (run_of(["4", "!"], (1.0, None)), along),
        (whole, {**along, 0.0: run_of(["4"], (None,), temperature=0.0)}),
        (whole, {**along, 1.0: run_of(["4", "!"], (1.0, None))}),
        (
            run_of(["4", "4", "5"], (None, None, 1.0)),
            along,
        ),  # what most say has no known score: not a wrong vote
    ):
        tasks = tasks_of(run, runs, [ByText()])
        assert tasks.names == ()
        assert tasks.scores.shape == (0, 2)


def test_halves_of_the_suite_are_those_of_its_names(tmp_path):
    found = calibrated(tmp_path)
    half = sum(in_calibration_half(item.name) for item in suite_of().items)
    assert (found.calibration.one.calibration_items, found.calibration.one.items) == (half, 60 - half)
    assert np.isclose(sum(group.items for group in found.calibration.by_difficulty), 60 - half)
