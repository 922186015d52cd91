"""Plans as people write them."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from wellkeeper.engine.yaml_document import read_document
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.feedback.plan import json_schema, read_plan
from wellkeeper.measure.selection import Selection

LEAST = "wellkeeper: 1\nstudent: {kind: transformer}\nhuman: h.jsonl\nprompts: p.jsonl\nheld_out: o.jsonl\n"


def read(tmp_path, text):
    place = tmp_path / "mine.yaml"
    place.write_text(text)
    return read_plan(place)


def test_what_is_not_said_is_as_documented(tmp_path):
    plan = read(tmp_path, LEAST)
    assert (plan.name, plan.rounds, plan.temperature, plan.synthetic_share) == ("mine", 4, 1.0, 0.75)
    assert (plan.on_harm, plan.on_refusal, plan.level, plan.seeds) == ("stop", "stop", 0.05, (0,))
    assert plan.human_core is None
    assert plan.path("h.jsonl") == tmp_path / "h.jsonl"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sampels: 3", r"line 6: sampels is no setting of a plan\. Did you mean samples\?"),
        ("on_harm: 'no'", "line 6: on_harm is 'no'"),
        ("temperature: 0", "line 6: temperature is 0"),
        ("synthetic_share: 1.5", "line 6: synthetic_share is 1.5"),
        ("rounds: 2\nrounds: 3", "line 7"),
        ("selection: {by: surprize}", "line 6: selection.by is 'surprize'"),
        ("selection: {by: random, powr: 2}", r"powr is no setting of a plan\. Did you mean power\?"),
        ("selection: {by: detector}", "by: detector and detector: FILE.py belong together"),
        ("selection: {by: random, share: 2}", "Give a share above 0, and as many repeats at least"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_line(tmp_path, line, said):
    with pytest.raises(RecipeError, match=said):
        read(tmp_path, LEAST + line + "\n")


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(RecipeError, match=r"held_out is missing\. Add it\."):
        read(tmp_path, LEAST.replace("held_out: o.jsonl\n", ""))
    with pytest.raises(InputError, match="Give the path of a plan"):
        read_plan(tmp_path / "none.yaml")


def test_a_selection_is_read(tmp_path):
    plan = read(tmp_path, LEAST + "selection: {by: detector, detector: mine.py, share: 0.3, power: 2}\n")
    assert plan.selection == Selection(by="detector", share=0.3, power=2.0)
    assert plan.detector == "mine.py"
    assert read(tmp_path, LEAST).selection is None


def test_the_committed_schema_is_the_generated_one_and_accepts_the_examples():
    committed = files("wellkeeper.recipe").joinpath("feedback-plan.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2) + "\n"
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    for place in (Path(__file__).parents[2] / "examples/feedback").glob("*verified*.yaml"):
        validator.validate(read_document(place.read_text(), place.name).values)
    assert list(validator.iter_errors(read_document(LEAST + "rounds: 0\n", "x").values))
