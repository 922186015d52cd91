"""Which accepted texts a round trains on: at random, by a detector, by surprise."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from toy_student import RIGHT, Share, Suspicious, Telling, materials, plan

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.feedback.own import OwnDetector, OwnStudent
from wellkeeper.feedback.rounds import read_generated, run_line
from wellkeeper.feedback.student import Example
from wellkeeper.measure.selection import Selection

UNVERIFIED = {"on_refusal": "go on", "on_harm": "go on", "rounds": 1}


def learnt(folder):
    return materials().student.load(folder / "round-01/model")


def selected(folder):
    return [json.loads(line)["id"] for line in (folder / "round-01/selected.jsonl").read_text().splitlines()]


def share_right(folder):
    texts = read_generated(folder / "round-01/accepted.jsonl")
    return np.mean([text.text == RIGHT for text in texts])


def test_the_most_surprising_half_of_answers_is_what_a_model_of_seven_in_ten_gets_wrong_and_a_few_more(
    tmp_path,
):
    given = materials(module=Telling(start=0.7), verifier=None)
    found = run_line(plan(selection=Selection(by="surprise"), **UNVERIFIED), given, 1, tmp_path)
    assert found[1]["selection"] == {"by": "surprise", "of": 400, "selected": 200}
    wrong = 1 - share_right(tmp_path)
    assert learnt(tmp_path) == pytest.approx(1 - wrong / 0.5)


def test_a_random_half_has_as_many_right_answers_as_the_whole_within_chance(tmp_path):
    given = materials(module=Telling(start=0.7), verifier=None)
    run_line(plan(selection=Selection(by="random"), **UNVERIFIED), given, 1, tmp_path)
    assert abs(learnt(tmp_path) - share_right(tmp_path)) < 4 * np.sqrt(0.7 * 0.3 / 200 / 2)
    assert len(set(selected(tmp_path))) == 200


def test_a_detector_keeps_what_it_does_not_suspect(tmp_path):
    given = replace(materials(verifier=None), detector=OwnDetector(Suspicious(), digest="1"))
    run_line(plan(selection=Selection(by="detector", share=0.4), **UNVERIFIED), given, 1, tmp_path)
    assert learnt(tmp_path) == 1.0
    assert set(selected(tmp_path)) < {
        text.id for text in read_generated(tmp_path / "round-01/accepted.jsonl")
    }


def test_texts_that_are_drawn_again_are_trained_on_again(tmp_path):
    given = replace(materials(verifier=None), detector=OwnDetector(Suspicious(), digest="1"))
    settings = plan(selection=Selection(by="detector", share=1.5, repeats=3), **UNVERIFIED)
    found = run_line(settings, given, 1, tmp_path)
    assert found[1]["mix"]["synthetic"] == 600
    assert max(Counter(selected(tmp_path)).values()) == 3


def test_a_line_with_another_selection_is_another_line(tmp_path):
    given = materials(module=Telling(), verifier=None)
    kept = run_line(plan(selection=Selection(by="random"), **UNVERIFIED), given, 1, tmp_path / "a")
    other = run_line(plan(**UNVERIFIED), given, 1, tmp_path / "b")
    assert kept[0]["plan"] != other[0]["plan"]
    assert kept[1]["files"]["accepted.jsonl"] == other[1]["files"]["accepted.jsonl"]


def test_what_nobody_can_tell_is_refused_before_anything_is_trained():
    with pytest.raises(
        RecipeError, match=r"the student share cannot tell it\. Give it surprise\(model, examples\)"
    ):
        materials(module=Share()).check(plan(selection=Selection(by="surprise")))
    with pytest.raises(RecipeError, match="by a detector, and there is none"):
        materials().check(plan(selection=Selection(by="detector")))
    materials(module=Telling()).check(plan(selection=Selection(by="surprise")))


def test_own_code_that_returns_something_else_is_told():
    class Short(Telling):
        def surprise(self, model, examples):
            return [1.0]

        def p_ai(self, texts):
            return ["?"] * len(texts)

    examples = [Example(prompt="a", answer="b")] * 2
    with pytest.raises(DataError, match="`surprise` was given 2 texts, and did not return 2 numbers"):
        OwnStudent(Short()).surprise(0.5, examples)
    with pytest.raises(DataError, match="`p_ai` was given 2 texts"):
        OwnDetector(Short(), digest="").p_ai(["a", "b"])
    with pytest.raises(RecipeError, match="The detector has no p_ai"):
        OwnDetector(Share(), digest="")
