"""A student of somebody's own code."""

import pytest

from wellkeeper.errors import DataError, InputError, RecipeError, WorkError
from wellkeeper.feedback.own import OwnStudent, own_student
from wellkeeper.feedback.student import Example

CODE = """
def train(parent, examples, seed):
    return (parent or 0) + len(examples)

def answer(model, prompts, n, temperature, seed):
    return [[f"{prompt} {model} {temperature} {sample}" for sample in range(n)] for prompt in prompts]
"""


def written(tmp_path, code):
    place = tmp_path / "mine.py"
    place.write_text(code)
    return own_student(str(place))


def test_two_functions_make_a_student(tmp_path):
    student = written(tmp_path, CODE)
    model = student.train(3, [Example(prompt="a", answer="b")] * 2, 0)
    (outputs,) = student.answer(model, ["hi"], 2, 1.0, 0)
    assert model == 5
    assert [output.text for output in outputs] == ["hi 5 1.0 0", "hi 5 1.0 1"]
    student.save(model, tmp_path)
    assert student.load(tmp_path) == 5
    assert student.name == "mine"


def test_its_own_save_and_load_are_used(tmp_path):
    code = CODE + (
        "def save(model, folder): (folder / 'own').write_text(str(model))\n"
        "def load(folder): return int((folder / 'own').read_text())\n"
    )
    student = written(tmp_path, code)
    student.save(8, tmp_path)
    assert (tmp_path / "own").read_text() == "8"
    assert student.load(tmp_path) == 8


def test_other_code_is_another_student(tmp_path):
    assert written(tmp_path, CODE).digest != written(tmp_path, CODE + "\n").digest


def test_a_module_without_the_functions_is_refused(tmp_path):
    with pytest.raises(
        RecipeError, match=r"has no train and no answer\. Give it train\(parent, examples, seed\)"
    ):
        written(tmp_path, "x = 1")
    with pytest.raises(InputError, match="there is no file"):
        own_student(str(tmp_path / "none.py"))


def test_what_the_code_raises_is_told_with_its_line(tmp_path):
    student = written(tmp_path, "def train(*given):\n    return 1 / 0\ndef answer(*given): ...\n")
    with pytest.raises(
        WorkError, match=r"`train` of your student raised ZeroDivisionError.*mine\.py, line 2"
    ):
        student.train(None, [], 0)


@pytest.mark.parametrize("given", ["[['one']]", "['ab']", "None", "[[1, 2]]"])
def test_answers_of_another_shape_are_refused(tmp_path, given):
    code = CODE.partition("def answer")[0] + f"def answer(*rest):\n    return {given}\n"
    with pytest.raises(DataError, match="was given 1 prompts for 2 answers each"):
        written(tmp_path, code).answer(0, ["a"], 2, 1.0, 0)


def test_a_model_that_cannot_be_kept_says_what_to_add(tmp_path):
    student = OwnStudent(type("Any", (), {"train": print, "answer": print})())
    with pytest.raises(WorkError, match=r"Give the module save\(model, folder\) and load\(folder\)"):
        student.save(lambda: None, tmp_path)
