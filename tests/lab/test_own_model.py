"""A model of one's own as a world: what it is asked for, how it is named, and the example."""

import re
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from wellkeeper.errors import DataError, InputError, RecipeError, WorkError
from wellkeeper.lab import recursion
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds import own
from wellkeeper.lab.worlds.own import OwnWorld, loaded

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_model.py"


class Echo:
    """Gives back documents that it read, in a random order."""

    def fit(self, documents, seed):
        return tuple(documents)

    def sample(self, model, words, decoding, seed):
        return [model[k] for k in np.random.default_rng(seed).permutation(len(model))[:7]]


def documents(count=60):
    random = np.random.default_rng(4)
    parts = ("ba", "do", "ki", "me", "ran", "tus")
    words = ["".join(syllables) for syllables in product(parts, repeat=3)]
    chances = 1 / np.arange(1, len(words) + 1)
    return [
        " ".join(random.choice(words, 25, p=chances / chances.sum())) + ".\nAnd more." for _ in range(count)
    ]


@pytest.fixture(scope="module")
def people():
    return human_text(documents())


@pytest.fixture
def world(people):
    return OwnWorld(people, Echo())


def test_it_is_asked_again_until_there_are_words_enough_and_cut_to_them(world, people):
    model = world.fit(tuple(people.documents), stream(0))
    given = world.sample(model, 300, Decoding(), stream(1))
    assert world.words(given).words.size - 300 in {0, 1}  # the line that is cut ends
    assert set(given[:-1]) <= set(people.documents)
    assert any(document.startswith(given[-1]) for document in people.documents)
    assert given == world.sample(model, 300, Decoding(), stream(1))


def test_seeds_and_decoding_reach_the_model(people):
    asked = []

    class Asked(Echo):
        def sample(self, model, words, decoding, seed):
            asked.append((words, str(decoding), seed))
            return super().sample(model, words, decoding, seed)

    world = OwnWorld(people, Asked())
    list(recursion.generations(world, Policy.parse("replace,top-k=5"), size=100, count=1, seed=0))
    assert asked[0][:2] == (100, "top-k=5")
    assert len({seed for *_, seed in asked}) == len(asked)


@pytest.mark.parametrize("policy", ["replace", "accumulate", "subsample", "fixed=0.2", "fresh=0.1"])
def test_the_loop_runs_and_goes_on_from_a_stored_state(world, policy):
    plan = Policy.parse(policy)
    whole = list(recursion.generations(world, plan, size=400, count=2, seed=0))
    state = recursion.unpack(world, recursion.pack(world, whole[1].state))
    (last,) = recursion.generations(world, plan, size=400, count=2, seed=0, state=state)
    assert last.data == whole[2].data
    assert last.figures["nll"] == whole[2].figures["nll"]
    assert np.isnan(last.figures["own_nll"])
    assert whole[0].figures["lost_mass"] == 0


def test_an_echo_invents_no_word_and_loses_some(world):
    run = list(recursion.generations(world, Policy.parse("replace"), size=400, count=6, seed=0))
    known = set(run[0].data)
    kept = [generation.figures["kept_types"][0] for generation in run]
    assert kept == sorted(kept, reverse=True)
    assert all(generation.figures["types"] == generation.figures["kept_types"] for generation in run)
    assert known


def test_a_document_is_cut_where_a_word_begins():
    text = "Naïve café.\n\nThe end"
    (parts,) = ([*own.cut(text, np.array([0, 7, 12, 13, 15, 19, 22]), np.array([0, 2, 5, 7]))],)
    assert parts == ["Naïve café", ".\n\nThe ", "end"]
    assert "".join(parts) == text


# --- likelihood --------------------------------------------------------------------------------------------------


def test_its_own_likelihood_is_told_by_word(people):
    class Judge(Echo):
        def nll(self, model, documents):
            return [2.0 * len(document.split()) for document in documents]

    (first,) = recursion.generations(OwnWorld(people, Judge()), Policy(), size=200, count=0, seed=0)
    pieces = sum(len(document.split()) for document in people.held_out_documents)
    assert first.figures["own_nll"] == pytest.approx(2.0 * pieces / people.held_out.words.size)


def test_a_likelihood_for_each_document_is_asked_for(people):
    class Judge(Echo):
        def nll(self, model, documents):
            return [1.0]

    with pytest.raises(
        DataError, match=r"`nll` was given 12 documents and returned values of shape \(1,\)\. Let it"
    ):
        list(recursion.generations(OwnWorld(people, Judge()), Policy(), size=200, count=0, seed=0))


# --- what is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("one text", r"`sample` returned a value of type str\. Let it return a list of documents"),
        ([1, "a"], r"`sample` returned a list of int, str\. Let it return a list of documents"),
        (None, r"`sample` returned a value of type NoneType"),
    ],
)
def test_what_is_no_documents_is_refused(people, given, says):
    class Wrong(Echo):
        def sample(self, model, words, decoding, seed):
            return given

    with pytest.raises(DataError, match=says):
        OwnWorld(people, Wrong()).sample(None, 10, Decoding(), stream(0))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ["x"] * 12,
            r"`nll` returned a list of str, which are no numbers\. Let it return one number for each",
        ),
        (
            [float("nan")] * 12,
            r"`nll` returned NaN for 12 of 12 documents\. Let it return one number for each",
        ),
        (None, r"`nll` was given 12 documents and returned values of shape \(\)\. Let it return"),
    ],
)
def test_what_is_no_likelihood_is_refused(people, given, says):
    class Wrong(Echo):
        def nll(self, model, documents):
            return given

    with pytest.raises(DataError, match=says):
        OwnWorld(people, Wrong()).figures(tuple(people.documents), None)


@pytest.mark.parametrize("function", ["fit", "sample", "nll"])
def test_an_error_of_the_model_is_told_with_its_line_and_kept_as_the_cause(people, function):
    class Broken(Echo):
        def nll(self, model, documents):
            return [1.0 for _ in documents]

    def broken(*given):
        raise ValueError("No memory.")

    model = Broken()
    setattr(model, function, broken)
    line = broken.__code__.co_firstlineno + 1
    says = rf"^`{function}` of your model raised ValueError: No memory \(test_own_model\.py, line {line}\)\. Mend it, and"
    with pytest.raises(WorkError, match=says) as caught:
        list(recursion.generations(OwnWorld(people, model), Policy(), size=200, count=1, seed=0))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_function_that_takes_other_arguments_is_told(people):
    class Narrow(Echo):
        def fit(self, documents):
            return documents

    with pytest.raises(
        WorkError, match=r"`fit` of your model raised TypeError: .*takes 2 positional.*\. Mend it"
    ):
        OwnWorld(people, Narrow()).fit(("a b",), stream(0))


def test_a_model_may_do_what_it_likes_with_its_lists_and_print(people, capsys):
    class Rough(Echo):
        def fit(self, documents, seed):
            sys.stdout.write("fitting\n")
            documents.sort()
            return super().fit(documents, seed)

        def nll(self, model, documents):
            documents[:] = ["gone" for _ in documents]
            return [1.0 for _ in documents]

    held_out = list(people.held_out_documents)
    list(recursion.generations(OwnWorld(people, Rough()), Policy(), size=200, count=1, seed=0))
    assert list(people.held_out_documents) == held_out
    assert capsys.readouterr() == ("", "fitting\nfitting\n")


def test_a_model_without_words_is_told(people):
    class Mute(Echo):
        def sample(self, model, words, decoding, seed):
            return ["", " "]

    with pytest.raises(
        WorkError, match=r"asked for 10 words 8 times and gave none\. Let it return documents"
    ):
        OwnWorld(people, Mute()).sample(None, 10, Decoding(), stream(0))


def test_both_functions_are_needed(people):
    with pytest.raises(
        RecipeError, match=r"The model has no fit and no sample\. Give it fit\(documents, seed\)"
    ):
        OwnWorld(people, object())


# --- names -------------------------------------------------------------------------------------------------------


def test_a_model_is_a_file_an_object_a_class_or_a_module(tmp_path, monkeypatch):
    code = (
        "class Model:\n    def fit(self, documents, seed): return 1\n    def sample(self, *given): return ['a']\n"
        "made = Model()\nfit, sample = made.fit, made.sample\n"
    )
    (tmp_path / "my_model_of_tests.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "my_model_of_tests.py"
    places = [f"{path}", f"{path}:Model", f"{path}:made", "my_model_of_tests", "my_model_of_tests:Model"]
    assert [loaded(place).fit([], 0) for place in places] == [1] * 5


@pytest.mark.parametrize(
    ("place", "error", "says"),
    [
        (
            "no_such_module:x",
            InputError,
            r"There is no model 'no_such_module:x': there is no module no_such_module here.*FILE\.py:object",
        ),
        (
            "absent.py",
            InputError,
            r"There is no model 'absent\.py': there is no file absent\.py\. Name it as",
        ),
        ("json:absent", InputError, r"There is no model 'json:absent': json has no absent\. Name it as"),
        (":", InputError, r"There is no model ':': '' is no name of a module\. Name it as"),
        (".x", InputError, r"There is no model '\.x': '\.x' is no name of a module\. Name it as"),
        ("json", RecipeError, r"json has no fit and no sample\. Give it"),
    ],
)
def test_what_is_no_model_is_told(place, error, says):
    with pytest.raises(error, match=says):
        loaded(place)


@pytest.mark.parametrize(
    ("code", "within", "says"),
    [
        (
            "\nx = absent",
            "",
            r"The code of .*mine\.py raised NameError: name 'absent' is not defined \(mine\.py, line 2\)",
        ),
        (
            "import no_such_library",
            "",
            r"raised ModuleNotFoundError: No module named 'no_such_library' \(mine\.py, line 1\)",
        ),
        (
            "def fit(documents, seed)",
            "",
            r"raised SyntaxError: expected ':' \(mine\.py, line 1\)\. Mend it, and",
        ),
        ("raise SystemExit(3)", "", r"raised SystemExit: 3 \(mine\.py, line 1\)"),
        (
            "class M:\n    def __init__(self, path): ...",
            ":M",
            r"The class .*mine\.py:M raised TypeError: .*'path'\. Mend",
        ),
    ],
)
def test_code_that_does_not_run_is_told(tmp_path, code, within, says):
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(WorkError, match=says):
        loaded(f"{tmp_path / 'mine.py'}{within}")


def test_the_experiment_asks_for_a_model(people):
    with pytest.raises(RecipeError, match=r"Name it with --set model=FILE\.py"):
        own.EXPERIMENT.world(1, people, 0, model="")


# --- the example -------------------------------------------------------------------------------------------------


def test_the_example_collapses(people):
    world = own.EXPERIMENT.world(1, people, 0, model=str(EXAMPLE))
    run = list(recursion.generations(world, Policy.parse("temperature=0.7"), size=800, count=2, seed=0))
    nats = [float(generation.figures["own_nll"][0]) for generation in run]
    assert nats[0] < nats[2]
    assert run[2].figures["lost_mass"] > 0
    assert world.excerpt(run[2].data)


def test_the_example_refuses_what_it_cannot_follow(people):
    world = OwnWorld(people, loaded(str(EXAMPLE)))
    model = world.fit(tuple(people.documents), stream(0))
    with pytest.raises(
        WorkError,
        match=r"ValueError: .*cannot be sampled with top-k=3\. Give temperature.*own_model\.py, line",
    ):
        world.sample(model, 10, Decoding(top_k=3), stream(0))


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    page = (EXAMPLE.parents[1] / "docs" / "own-model.md").read_text()
    module, script = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "pairs.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        exec(compile(script, "docs/own-model.md", "exec"), {})
    finally:
        sys.modules.pop("pairs", None)
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert loaded(str(tmp_path / "pairs.py")).fit(["a b"], 0)["a"] == ["b"]
