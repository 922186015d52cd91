"""What all scorers share: an answer that never came is unknown, and options are checked before anything is asked."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

_MISSING = object()


class Rule(ABC):
    """A scorer that reads the text of an answer."""

    kind: ClassVar[str]

    @property
    def needs_logprobs(self) -> bool:
        """Whether answers must come with `first_tokens`."""
        return False

    def check(self, item: SuiteItem) -> None:
        """Refuse an item that cannot be scored: an empty answer is read as any other, and costs nothing.

        Raises:
            InputError: the item lacks what this scorer needs, such as a reference.
        """
        self.worth(item, Output(text="", finish="empty"))

    def score(self, item: SuiteItem, output: Output) -> Score:
        """The score of an answer; unknown where a failed request gave none. Empty answers and refusals are answers.

        Raises:
            InputError: the item lacks what this scorer needs, such as a reference.
        """
        if output.finish == "error":
            return Score(value=None, note=f"no answer came: {output.note or 'the model gave no reason'}")
        return self.worth(item, output)

    @abstractmethod
    def worth(self, item: SuiteItem, output: Output) -> Score:
        """The score of an answer that came."""


def right_or_wrong(*, right: bool, note: str) -> Score:
    return Score(value=float(right), note=note)


def references_of(item: SuiteItem, kind: str) -> tuple[str, ...]:
    """The item's references.

    Raises:
        InputError: it has none.
    """
    if not item.references:
        raise InputError(
            f"The item {item.name} has no reference, and the scorer {kind} compares with one. Give it a reference."
        )
    return item.references


class Options:
    """The options of one scorer as a suite says them: each is taken by its name, and then none may be left."""

    def __init__(self, kind: str, given: Mapping[str, Any]) -> None:
        self._kind = kind
        self._given = {str(name): value for name, value in given.items() if name != "kind"}
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        return name in self._given

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "Give true or false.")
        return value

    def one_of(self, name: str, known: Sequence[str], *, default: str) -> str:
        value = self._take(name, default)
        if value not in known:
            raise self.wrong(name, value, f"Give one of {', '.join(known)}.{did_you_mean(str(value), known)}")
        return str(value)

    def some_of(self, name: str, known: Sequence[str], *, default: Sequence[str]) -> frozenset[str]:
        value = self._take(name, list(default))
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(one in known for one in value):
            raise self.wrong(name, value, f"Give a list of {', '.join(known)}.")
        return frozenset(value)

    def number(
        self, name: str, *, default: float, least: float = 0, most: float = math.inf, whole: bool = False
    ) -> float:
        value = self._take(name, default)
        kinds = (int,) if whole else (int, float)
        if (
            isinstance(value, bool)
            or not isinstance(value, kinds)
            or not least <= value <= most
            or value == math.inf
        ):
            bounds = f"from {least:g}" + (f" to {most:g}" if most < math.inf else "")
            raise self.wrong(name, value, f"Give a {'whole ' if whole else ''}number {bounds}.")
        return value

    def text(self, name: str) -> str | None:
        value = self._take(name, None)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self.wrong(name, value, "Give a text that is not blank.")
        return value

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        value = self._take(name, None)
        if value is not None and not isinstance(value, Mapping):
            raise self.wrong(name, value, "Give a mapping.")
        return value

    def anything(self, name: str) -> Any:
        """Whatever was given, or None."""
        return self._take(name, None)

    def done(self) -> None:
        """Refuse what no option has taken.

        Raises:
            InputError: an option has a name that this scorer does not know.
        """
        for name in self._given:
            if name not in self._known:
                known = ", ".join(self._known) or "none"
                raise InputError(
                    f"The scorer {self._kind} has no option {name}.{did_you_mean(name, self._known)} It has: {known}."
                )

    def wrong(self, name: str, value: object, advice: str) -> InputError:
        """What to raise where an option's value does not do."""
        return InputError(f"The option {name} of the scorer {self._kind} is {value!r}. {advice}")

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        value = self._given.get(name, _MISSING)
        return default if value is _MISSING else value
