"""The small transformer as a student."""

import numpy as np
import pytest

from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.feedback.student import Example

pytest.importorskip("torch")
from wellkeeper.feedback.transformer import Transformer, transformer_of

pytestmark = pytest.mark.torch

EXAMPLES = [Example(prompt=f"{letter}>", answer=letter * 2) for letter in "abcd"]


@pytest.fixture(scope="module")
def student():
    return Transformer(
        letters=">abcd", layers=1, width=16, heads=2, context=6, start_steps=150, steps=20, batch=16
    )


@pytest.fixture(scope="module")
def model(student):
    return student.train(None, EXAMPLES, 1)


def texts(outputs):
    return [[output.text for output in some] for some in outputs]


def test_it_learns_what_it_is_shown(student, model):
    answers = student.answer(model, [one.prompt for one in EXAMPLES], 1, 0.0, 0)
    assert texts(answers) == [[one.answer] for one in EXAMPLES]
    assert {output.finish for some in answers for output in some} == {"stop"}


def test_the_same_seed_gives_the_same_model_and_another_one_does_not(student, model, tmp_path):
    for name, seed in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        student.save(student.train(None, EXAMPLES, seed), tmp_path / name)
    (tmp_path / "kept").mkdir()
    student.save(model, tmp_path / "kept")
    one, two, kept = ((tmp_path / name / "weights.npz").read_bytes() for name in ("one", "two", "kept"))
    assert one == kept
    assert one != two


def test_a_model_that_was_kept_answers_and_learns_as_before(student, model, tmp_path):
    student.save(model, tmp_path)
    again = student.load(tmp_path)
    assert texts(student.answer(again, ["a>", "b>"], 5, 1.0, 3)) == texts(
        student.answer(model, ["a>", "b>"], 5, 1.0, 3)
    )
    later, same = (student.train(parent, EXAMPLES[:1], 4) for parent in (model, again))
    assert all((later.weights[name] == same.weights[name]).all() for name in later.weights)


def test_training_leaves_the_parent_as_it_was(student, model):
    before = {name: weight.clone() for name, weight in model.weights.items()}
    student.train(model, [Example(prompt="a>", answer="dd")], 5)
    assert all((before[name] == weight).all() for name, weight in model.weights.items())


def test_an_answer_that_fills_the_context_is_learnt_as_far_as_it_goes(student, model):
    later = student.train(model, [Example(prompt="a>", answer="abcdabcd")] * 4, 5)
    (outputs,) = student.answer(later, ["a>"], 20, 1.0, 0)
    assert all(len(output.text) <= 4 for output in outputs)


def test_surprise_is_that_of_the_answers_that_the_model_writes(student, model):
    """Sampled frequency of each answer, letters and end, against exp(-nats * letters)."""
    likely, unlikely, cut = student.surprise(
        model, [EXAMPLES[0], Example(prompt="a>", answer="bb"), Example(prompt="a>", answer="abcdabcd")]
    )
    (outputs,) = student.answer(model, ["a>"], 4000, 1.0, 0)
    share = sum(output.text == "aa" for output in outputs) / 4000
    assert np.exp(-3 * likely) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4000) + 1e-3)
    assert unlikely > likely
    assert np.isfinite(cut)
    with pytest.raises(InputError, match="has letters that no human example"):
        student.surprise(model, [Example(prompt="a>", answer="z")])


def test_letters_and_lengths_that_do_not_fit_are_told(student):
    with pytest.raises(InputError, match=r"'x>' has letters that no human example or prompt has: \['x'\]"):
        student.answer(None, ["x>"], 1, 1.0, 0)
    with pytest.raises(InputError, match="must fit into a context of 6"):
        student.train(None, [Example(prompt="a>", answer="abcd")], 0)
    with pytest.raises(InputError, match="one is a conversation"):
        student.answer(None, [[{"role": "user", "content": "a"}]], 1, 1.0, 0)


def test_settings_are_checked():
    assert transformer_of({"width": 32}, ["ab", "c\n"]).letters == "abc"
    with pytest.raises(RecipeError, match=r"student\.wdith is no setting"):
        transformer_of({"wdith": 32}, ["a"])
    with pytest.raises(RecipeError, match="Give a whole number"):
        transformer_of({"width": 3.5}, ["a"])


def test_a_damaged_model_is_told(student, tmp_path):
    (tmp_path / "weights.npz").write_bytes(b"PK")
    with pytest.raises(WorkError, match="--fresh"):
        student.load(tmp_path)
