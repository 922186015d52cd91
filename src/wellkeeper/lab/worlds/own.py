"""A model of your own: two functions, `fit` and `sample`, make it a world with all figures of text.

What the lab asks of a model is in `OwnModel`. Anything that reads documents and writes documents will do: a model in
another library, a program that is started, a service in this house. A model that is no function of the seeds it is
given gives figures that cannot be had again.

What your code raises is told as a `WorkError` with its place, the cause behind it. What it prints goes to stderr, since
stdout is for what the command tells.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, InputError, RecipeError, WellkeeperError, WorkError
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.text import numbered, places_of
from wellkeeper.lab.text_figures import FIGURES
from wellkeeper.lab.world import Figures
from wellkeeper.lab.worlds._written import Written, WrittenWorld, cut

_ASKED = 8  # times for more words, before it is enough


@runtime_checkable
class OwnModel(Protocol):
    """A model as you bring it: a module, or an object. A class is called without arguments to make one."""

    def fit(self, documents: Sequence[str], seed: int) -> Any:
        """A model that has read the documents: any value, that goes to the other functions."""

    def sample(self, model: Any, words: int, decoding: Decoding, seed: int) -> Sequence[str]:
        """Documents of about so many words in all. They are asked for again if too few came, and cut if too many.

        Raise an error for decoding that the model cannot follow, so that no figure is told of another one.
        """


@runtime_checkable
class Likelihood(Protocol):
    """A model that can tell likelihoods too."""

    def nll(self, model: Any, documents: Sequence[str]) -> Sequence[float]:
        """The negative log-likelihood of each document, in nats."""


class OwnWorld(WrittenWorld):
    """A corpus and a model of your own. Sizes are in words, data documents.

    What a generation teaches is judged by an n-gram model of order 3, refitted to its data, since that tells the
    likelihood of each word; your own model's likelihood of held-out text comes beside it if it tells one.
    """

    name = "own"

    def __init__(self, human: HumanText, model: OwnModel) -> None:
        """Prepare the figures.

        Raises:
            InputError: the held-out text has fewer than 10 documents.
            RecipeError: the model has no `fit` or no `sample`.
        """
        super().__init__(human)
        self.model = checked(model, "The model")

    def fit(self, data: Written, random: np.random.Generator) -> Any:
        with yours("`fit` of your model"):
            return self.model.fit(list(data), _seed(random))

    def sample(self, model: Any, size: int, decoding: Decoding, random: np.random.Generator) -> Written:
        """Documents of `size` words in all, or of fewer from a model that hardly writes any.

        Raises:
            DataError: what the model gives are no documents.
            WorkError: it writes no word at all, or raises an error.
        """
        documents: list[str] = []
        for _ in range(_ASKED):
            missing = size - self._count(documents)
            if missing <= 0:
                break
            with yours("`sample` of your model"):
                given = self.model.sample(model, missing, decoding, _seed(random))
            documents += _documents(given)
        if not self._count(documents):
            raise WorkError(
                f"`sample` was asked for {size:,} words {_ASKED} times and gave none. Let it return documents that "
                "have words."
            )
        return self._cut(documents, size)

    def _count(self, documents: Sequence[str]) -> int:
        return numbered([documents], marks_apart=self.text.marks_apart)[0][0].words.size

    def _cut(self, documents: Sequence[str], size: int) -> Written:
        """The first `size` words of documents."""
        (text,), vocabulary = numbered([documents], marks_apart=self.text.marks_apart)
        whole = int(np.searchsorted(text.offsets, size, side="right")) - 1
        kept = list(documents[:whole])
        left = size - int(text.offsets[whole])
        if left and whole < len(documents):
            words = text.words[slice(*text.offsets[whole : whole + 2])]
            places = places_of(documents[whole], (vocabulary.words[word] for word in words))
            kept += cut(documents[whole], places, np.array([0, left]))
        return tuple(kept)

    def held_out_nats(self, model: Any) -> None:
        """None: the figures are those of the judge that is refitted to the data."""

    def figures(self, data: Written, model: Any) -> Figures:
        return {**super().figures(data, model), **self._own_likelihood(model)}

    def _own_likelihood(self, model: Any) -> Figures:
        if not isinstance(self.model, Likelihood):
            return {"own_nll": np.array([np.nan])}
        nats = _nats(self.model, model, self.text.held_out_documents)
        return {"own_nll": np.array([nats.sum() / self.text.held_out.words.size])}


class LikelyWorld(OwnWorld):
    """The same with a model that tells likelihoods: policy `surprise` can be followed."""

    model: Any  # with `nll`

    def surprise(self, model: Any, data: Written) -> NDArray[np.float64]:
        """Of a model at each document, in nats a word, shape (1, documents); NaN at one without words.

        Raises:
            DataError: `nll` does not return one number for each document.
        """
        return self.a_word(data, _nats(self.model, model, data))


def own_world(human: HumanText, model: OwnModel) -> OwnWorld:
    """The world of a model, by what the model can tell.

    Raises:
        InputError, RecipeError: as `OwnWorld`.
    """
    return (LikelyWorld if isinstance(model, Likelihood) else OwnWorld)(human, model)


def _nats(likelihood: Likelihood, model: Any, documents: Sequence[str]) -> NDArray[np.float64]:
    """What your `nll` says of documents, shape (documents,).

    Raises:
        DataError: it is not one number for each.
    """
    with yours("`nll` of your model"):
        given = likelihood.nll(model, list(documents))
    try:
        nats = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`nll` returned {_kind(given)}, which are no numbers. Let it return one number for each document."
        ) from error
    if nats.shape != (len(documents),):
        raise DataError(
            f"`nll` was given {len(documents)} documents and returned values of shape {nats.shape}. Let it return "
            "one number for each document."
        )
    if np.isnan(nats).any():
        raise DataError(
            f"`nll` returned NaN for {np.count_nonzero(np.isnan(nats))} of {nats.size} documents. Let it return "
            "one number for each document."
        )
    return nats


@contextmanager
def yours(what: str) -> Iterator[None]:
    """Runs code that is not ours.

    Raises:
        WorkError: it raised something.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except WellkeeperError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".removesuffix(": ").removesuffix(".")
        raise WorkError(
            f"{what} raised {said}{_place_of(error)}. Mend it, and run the same command again."
        ) from error


def _place_of(error: BaseException) -> str:
    """The line of your code that was running; nothing where it had not begun."""
    ours = (str(Path(__file__).parents[2]), importlib.__file__, "<frozen")  # all of the package
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    yours = [frame for frame in frames if frame.filename == frames[0].filename]
    return f" ({Path(yours[-1].filename).name}, line {yours[-1].lineno})" if yours else ""


def _seed(random: np.random.Generator) -> int:
    return int(random.integers(1 << 31))


def _documents(given: Any) -> list[str]:
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or not all(isinstance(one, str) for one in given)
    ):
        raise DataError(
            f"`sample` returned {_kind(given)}. Let it return a list of documents, each a string."
        )
    return list(given)


def _kind(given: Any) -> str:
    kind = type(given).__name__
    if isinstance(given, Sequence) and not isinstance(given, str):
        return f"a {kind} of {', '.join(sorted({type(one).__name__ for one in given}))}"
    return f"a value of type {kind}"


def loaded(place: str) -> OwnModel:
    """The model that a line names: FILE.py, FILE.py:object, module or module:object.

    Its code is run.

    Raises:
        InputError: there is no such file, module or object.
        RecipeError: it has no `fit` or no `sample`.
        WorkError: its code raises an error.
    """
    return checked(object_at(place), place)


def object_at(place: str) -> Any:
    """What a line names: FILE.py, FILE.py:object, module or module:object. A class is called without arguments.

    Its code is run.

    Raises:
        InputError: there is no such file, module or object.
        WorkError: its code raises an error.
    """
    name, _, within = place.partition(":") if not Path(place).is_file() else (place, "", "")
    with yours(f"The code of {place}"):
        found: Any = _module(name, place)
    for attribute in within.split(".") if within else ():
        if not hasattr(found, attribute):
            raise _no_model(place, f"{name} has no {within}")
        found = getattr(found, attribute)
    if isinstance(found, type):
        with yours(f"The class {place}"):
            found = found()
    return found


def _no_model(place: str, why: str) -> InputError:
    return InputError(
        f"There is no model {place!r}: {why}. Name it as FILE.py, FILE.py:object, module or module:object."
    )


def _module(name: str, place: str) -> ModuleType:
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise _no_model(place, f"there is no file {name}")
        return _file(Path(name))
    if not all(part.isidentifier() for part in name.split(".")):
        raise _no_model(place, f"{name!r} is no name of a module")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and something that it imports is not
        raise _no_model(place, f"there is no module {error.name} here") from error


def _file(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def checked(model: Any, name: str) -> OwnModel:
    """The same, if it has both functions.

    Raises:
        RecipeError: it has not.
    """
    missing = [function for function in ("fit", "sample") if not callable(getattr(model, function, None))]
    if missing:
        raise RecipeError(
            f"{name} has no {' and no '.join(missing)}. Give it fit(documents, seed) and sample(model, words, "
            "decoding, seed)."
        )
    found: OwnModel = model
    return found


def _world(
    replicates: int,  # noqa: ARG001
    corpus: HumanText | None,
    seed: int,  # noqa: ARG001
    *,
    model: str,
) -> OwnWorld:
    assert corpus is not None  # the experiment needs one
    if not model:
        raise RecipeError(
            "The experiment own trains a model of yours. Name it with --set model=FILE.py or --set model=module:object."
        )
    return own_world(corpus, loaded(model))


EXPERIMENT = Experiment(
    name="own",
    title="A model of your own on your text",
    paper="",
    regime="trained as you train it",
    figures=(
        Figure(
            name="own_nll",
            title="Negative log-likelihood of held-out human text under your model",
            unit="nats a word",
            worse="up",
        ),
        *FIGURES,
    ),
    policies=("replace", "accumulate", "fixed=0.1"),
    size=50_000,
    generations=5,
    settings=(Setting(name="model", value="", help="FILE.py, FILE.py:object, module or module:object"),),
    needs=("corpus",),
    about=(
        "Your own model is trained on text of people, and then on what it wrote. Two functions are asked of it: fit "
        "and sample. What each generation teaches is judged by an n-gram model that is refitted to its text, and by "
        "your model's own likelihood if it tells one."
    ),
    world=_world,
)
