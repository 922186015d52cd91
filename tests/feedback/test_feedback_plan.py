"""Plans as people write them."""

import pytest

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.feedback.plan import read_plan

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
