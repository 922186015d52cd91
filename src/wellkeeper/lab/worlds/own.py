"""A model of your own: two functions, `fit` and `sample`, make it a world with all figures of text.

What the lab asks of a model is in `OwnModel`. Anything that reads documents and writes documents will do: a model in
another library, a program that is started, a service in this house. A model that is no function of the seeds it is
given gives figures that cannot be had again.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from wellkeeper.errors import DataError, InputError, RecipeError, WorkError
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
        return self.model.fit(data, _seed(random))

    def sample(self, model: Any, size: int, decoding: Decoding, random: np.random.Generator) -> Written:
        """Documents of `size` words in all, or of fewer from a model that hardly writes any.

        Raises:
            DataError: what the model gives are no documents.
            WorkError: it writes no word at all.
        """
        documents: list[str] = []
        for _ in range(_ASKED):
            missing = size - self._count(documents)
            if missing <= 0:
                break
            documents += _documents(self.model.sample(model, missing, decoding, _seed(random)))
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
        held_out = self.text.held_out_documents
        nats = np.asarray(self.model.nll(model, held_out), np.float64)
        if nats.shape != (len(held_out),):
            raise DataError(
                f"`nll` was given {len(held_out)} documents and returned values of shape {nats.shape}. Let it return "
                "one number for each document."
            )
        return {"own_nll": np.array([nats.sum() / self.text.held_out.words.size])}


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
        InputError: there is no such file, module or object, or it cannot be imported.
        RecipeError: it has no `fit` or no `sample`.
    """
    name, _, within = place.partition(":") if not Path(place).is_file() else (place, "", "")
    try:
        found: Any = _file(Path(name)) if name.endswith(".py") else import_module(name)
        for attribute in within.split(".") if within else ():
            found = getattr(found, attribute)
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise InputError(
            f"There is no model {place!r}: {error}. Name it as FILE.py, FILE.py:object, module or module:object."
        ) from error
    return checked(found() if isinstance(found, type) else found, place)


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
    return OwnWorld(corpus, loaded(model))


EXPERIMENT = Experiment(
    name="own",
    title="A model of your own on your text",
    paper="",
    regime="your model's",
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
