"""A student of your own: two functions, `train` and `answer`, of a module or an object.

    def train(parent, examples, seed): ...                        # parent: None, or what an earlier call gave
    def answer(model, prompts, n, temperature, seed): ...         # n texts for each prompt

`examples` are (prompt, answer) pairs. So any trainer can be plugged in: TRL's or verl's supervised fine-tuning, or a
policy gradient, where `train` writes a folder and returns its path. With `save(model, folder)` and `load(folder)` you
say how a model is kept; else it is pickled, and read again only if its SHA-256 is the one that was written down. With
`surprise(model, examples)`, a number of nats a word for each example, texts can be selected by surprise.

A detector of your own is one function, `p_ai(texts)`: for each text the probability in [0, 1] that a model wrote it.

What your code raises is told as a `WorkError` with its place.
"""

import hashlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt, finish_of
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError, RecipeError, WorkError
from wellkeeper.feedback.student import Example
from wellkeeper.lab.worlds.own import object_at, yours

_PICKLED = "model.pickle"


class OwnStudent:
    """A `Student` of somebody's own code."""

    def __init__(self, module: Any, *, name: str = "own", digest: str = "") -> None:
        """Take a module or an object.

        Args:
            module: has `train` and `answer`.
            name: of the generator in what it writes.
            digest: of the code, where it is known.

        Raises:
            RecipeError: a function is missing.
        """
        missing = [part for part in ("train", "answer") if not callable(getattr(module, part, None))]
        if missing:
            raise RecipeError(
                f"The student {name} has no {' and no '.join(missing)}. Give it train(parent, examples, seed) and "
                "answer(model, prompts, n, temperature, seed)."
            )
        self._module, self.name = module, name
        self.digest = hashlib.sha256(f"own {name} {digest}".encode()).hexdigest()

    def train(self, parent: Any | None, examples: Sequence[Example], seed: int) -> Any:
        with yours("`train` of your student"):
            return self._module.train(parent, [(one.prompt, one.answer) for one in examples], seed)

    def answer(
        self, model: Any, prompts: Sequence[Prompt], n: int, temperature: float, seed: int
    ) -> list[list[Output]]:
        """As of `Student`.

        Raises:
            DataError: what comes back are not n texts for each prompt.
            WorkError: the code raised an error.
        """
        with yours("`answer` of your student"):
            given = self._module.answer(model, list(prompts), n, temperature, seed)
        found = [list(texts) for texts in given] if _is_table(given) else []
        if len(found) != len(prompts) or any(len(texts) != n for texts in found):
            raise DataError(
                f"`answer` was given {len(prompts)} prompts for {n} answers each, and returned something else. Let it "
                "return a list with a list of texts for each prompt."
            )
        return [[Output(text=text, finish=finish_of(text, "stop")) for text in texts] for texts in found]

    @property
    def tells_surprise(self) -> bool:
        return callable(getattr(self._module, "surprise", None))

    def surprise(self, model: Any, examples: Sequence[Example]) -> NDArray[np.float64]:
        """As of `Student`.

        Raises:
            DataError: what comes back are not as many numbers.
            WorkError: the code raised an error.
        """
        with yours("`surprise` of your student"):
            given = self._module.surprise(model, [(one.prompt, one.answer) for one in examples])
        return _numbers(given, len(examples), "`surprise`")

    def save(self, model: Any, folder: Path) -> None:
        if hasattr(self._module, "save"):
            with yours("`save` of your student"):
                self._module.save(model, folder)
            return
        try:
            packed = pickle.dumps(model)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise WorkError(
                f"The model of your student cannot be kept ({error}). Give the module save(model, folder) and "
                "load(folder)."
            ) from error
        write_atomic(folder / _PICKLED, packed, lasting=False)

    def load(self, folder: Path) -> Any:
        if hasattr(self._module, "load"):
            with yours("`load` of your student"):
                return self._module.load(folder)
        try:
            return pickle.loads((folder / _PICKLED).read_bytes())  # noqa: S301 - sealed by the round, see `folder`
        except (OSError, pickle.UnpicklingError, AttributeError, EOFError) as error:
            raise WorkError(
                f"{folder / _PICKLED} cannot be read ({error}). Begin anew with --fresh."
            ) from error


def own_student(place: str) -> OwnStudent:
    """The student that a line names: FILE.py, FILE.py:object, module or module:object. Its code is run.

    Raises:
        InputError: there is no such file, module or object.
        RecipeError: it lacks a function.
        WorkError: its code raises an error.
    """
    name = _file_of(place).stem if _file_of(place).is_file() else place
    return OwnStudent(object_at(place), name=name, digest=_digest_at(place))


class OwnDetector:
    """What tells p(AI) of texts, in somebody's own code."""

    def __init__(self, module: Any, *, digest: str) -> None:
        """Take a module or an object with `p_ai`.

        Raises:
            RecipeError: it has none.
        """
        if not callable(getattr(module, "p_ai", None)):
            raise RecipeError(
                "The detector has no p_ai. Give it p_ai(texts), with a probability for each text."
            )
        self._module, self.digest = module, digest

    def p_ai(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities that a model wrote these texts, shape (texts,).

        Raises:
            DataError: what comes back are not as many numbers.
            WorkError: the code raised an error.
        """
        with yours("`p_ai` of your detector"):
            given = self._module.p_ai(list(texts))
        return _numbers(given, len(texts), "`p_ai`")


def own_detector(place: str) -> OwnDetector:
    """The detector that a line names, as `own_student` has it.

    Raises:
        InputError, RecipeError, WorkError: as of `own_student`.
    """
    return OwnDetector(object_at(place), digest=_digest_at(place))


def _digest_at(place: str) -> str:
    file = _file_of(place)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else place


def _file_of(place: str) -> Path:
    return Path(place.rpartition(":")[0] if not Path(place).is_file() else place)


def _numbers(given: Any, many: int, what: str) -> NDArray[np.float64]:
    try:
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (many,):
        raise DataError(
            f"{what} was given {many} texts, and did not return {many} numbers. Let it return one for each."
        )
    return found


def _is_table(given: Any) -> bool:
    return isinstance(given, Sequence) and all(
        isinstance(texts, Sequence)
        and not isinstance(texts, str)
        and all(isinstance(text, str) for text in texts)
        for texts in given
    )
