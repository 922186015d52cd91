"""Which answers are the same one, so that they can be counted: what is read out of a text, and what equals what.

Readings are those of the scorers (`wellkeeper.suites.scorers`): what votes is what is scored. Classes of answers are
made in the order in which answers come: one that is the same as the first of a class joins it, and each class is known
by its first answer. Where nobody can tell whether two answers are the same, as when a check runs out of time, they
count as different, and how often that happened is told.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.choice import Choice, chosen
from wellkeeper.suites.scorers.mathematics import Mathematics
from wellkeeper.suites.scorers.numeric import ANNOUNCED, Numeric
from wellkeeper.suites.scorers.pattern import Pattern
from wellkeeper.suites.scorers.rule import Options
from wellkeeper.suites.scorers.texts import DIFFERENCES, Exact, Ignored, normalised, shown
from wellkeeper.suites.scorers.workers import Unknown
from wellkeeper.suites.scoring import Scorer
from wellkeeper.suites.suite import SuiteItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer says."""

    key: Hashable  # readings of one key are the same without a further look
    said: str  # in a few words, for a person
    value: Any = None  # what `same` compares, where keys differ


class Equivalence(Protocol):
    """Reads answers, and tells which are the same."""

    @property
    def answers(self) -> int | None:
        """How many answers there can be; None: not known."""

    def read(self, text: str) -> Reading | None:
        """What an answer says; None: nothing that could vote.

        Raises:
            Unknown: it took too long to read.
        """

    def same(self, one: Reading, other: Reading) -> bool:
        """Whether two readings of different keys are the same.

        Raises:
            Unknown: nobody can tell.
        """


class _ByKey:
    """Readings are the same where their keys are."""

    answers: int | None = None

    def same(self, one: Reading, other: Reading) -> bool:
        return one.key == other.key


@dataclass(frozen=True)
class ByText(_ByKey):
    """Equal texts, less the differences that do not matter to the scorer `exact`."""

    ignored: Ignored = frozenset(DIFFERENCES)

    def read(self, text: str) -> Reading | None:
        return _of_text(text, self.ignored)


@dataclass(frozen=True)
class ByStatement(_ByKey):
    r"""What an answer announces by "the answer is", "answer:", `####` or `\boxed{`, to the end of its line."""

    ignored: Ignored = frozenset(DIFFERENCES)

    def read(self, text: str) -> Reading | None:
        told = [text[match.end() :].strip() for match in ANNOUNCED.finditer(text)]
        return _of_text(told[-1].split("\n", 1)[0], self.ignored) if told else None


@dataclass(frozen=True)
class ByPattern(_ByKey):
    """What the group of the scorer `regex` takes out."""

    pattern: Pattern

    def read(self, text: str) -> Reading | None:
        taken = self.pattern.read(text)
        return None if taken is None else _of_text(taken, self.pattern.ignored)


@dataclass(frozen=True)
class ByChoice(_ByKey):
    """The letter of a choice; an answer that names none, or several, has none."""

    choices: Sequence[str]

    @property
    def answers(self) -> int | None:  # type: ignore[override]
        return len(self.choices)

    def read(self, text: str) -> Reading | None:
        found = chosen(text, self.choices)
        return Reading(key=found[0], said=found[0]) if len(found) == 1 else None


@dataclass(frozen=True)
class ByNumber:
    """The number that an answer means, as near as the scorer `numeric` allows."""

    numeric: Numeric
    answers: int | None = None

    @classmethod
    def within(cls, tolerance: float = 0, *, relative: float = 0) -> "ByNumber":
        """Numbers that differ by at most so much, or by so large a share of the first."""
        return cls(Numeric.of(Options("numeric", {"tolerance": tolerance, "relative": relative})))

    def read(self, text: str) -> Reading | None:
        number = self.numeric.read(text)
        if number is None:
            return None
        return Reading(key=(number.value, number.percent), said=shown(number.written), value=number)

    def same(self, one: Reading, other: Reading) -> bool:
        return self.numeric.near(other.value, one.value)


@dataclass(frozen=True)
class ByMathematics:
    """Equal expressions by math-verify, in its own process and within a limit of CPU time."""

    mathematics: Mathematics
    answers: int | None = None

    @classmethod
    def within(cls, seconds: float) -> "ByMathematics":
        """With so many seconds of CPU time for each answer and each pair.

        Raises:
            MissingExtraError: math-verify is not installed.
        """
        return cls(Mathematics.of(Options("math", {"seconds": seconds})))

    def read(self, text: str) -> Reading | None:
        read = self.mathematics.read(text)
        return Reading(key=read, said=shown(read), value=text) if read else None

    def same(self, one: Reading, other: Reading) -> bool:
        return self.mathematics.same(one.value, other.value)


@dataclass(frozen=True)
class ByEmbedding:
    """Texts whose embeddings have a cosine of at least `least`."""

    embed: Callable[[str], Sequence[float]]  # vectors of one length
    least: float  # in (0, 1]
    answers: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1:
            raise InputError(f"The least cosine is {self.least}. Give one above 0, at most 1.")

    def read(self, text: str) -> Reading | None:
        if not text.strip():
            return None
        vector = np.asarray(self.embed(text), np.float64)
        size = float(np.linalg.norm(vector))
        if vector.ndim != 1 or not np.isfinite(size):
            raise InputError(
                f"The embedding of {shown(text)!r} has shape {vector.shape} and length {size:g}. Have the function "
                "give one list of finite numbers."
            )
        return None if size == 0 else Reading(key=text, said=shown(text), value=vector / size)

    def same(self, one: Reading, other: Reading) -> bool:
        return bool(one.value @ other.value >= self.least)


@dataclass(frozen=True)
class ByFunction:
    """As functions say: `key` reads an answer, `same` tells whether two readings are the same; either may be left out.

    A `key` of None stands for an answer that does not vote. A `same` of None stands for a pair that nobody can tell.
    """

    key: Callable[[str], Hashable | None] = str.strip
    same_as: Callable[[Any, Any], bool | None] | None = None
    answers: int | None = None

    def read(self, text: str) -> Reading | None:
        key = self.key(text)
        return None if key is None or key == "" else Reading(key=key, said=shown(str(key)))

    def same(self, one: Reading, other: Reading) -> bool:
        if self.same_as is None:
            return one.key == other.key
        told = self.same_as(one.key, other.key)
        if told is None:
            raise Unknown("the function cannot tell")
        return told


def equivalence_of(scorer: Scorer | None, item: SuiteItem) -> Equivalence:
    """The equivalence of the answers that a scorer scores; equal texts where it takes nothing out of them."""
    if isinstance(scorer, Numeric):
        return ByNumber(scorer)
    if isinstance(scorer, Mathematics):
        return ByMathematics(scorer)
    if isinstance(scorer, Choice):
        return ByChoice(item.choices)
    if isinstance(scorer, Pattern) and scorer.group is not None:
        return ByPattern(scorer)
    return ByText(scorer.ignored) if isinstance(scorer, Exact) else ByText()


def _of_text(text: str, ignored: Ignored) -> Reading | None:
    plain = normalised(text, ignored).strip()
    return Reading(key=plain, said=shown(plain)) if plain else None


class Classes:
    """Answers counted by class, in the order in which classes were first seen."""

    def __init__(self, equivalence: Equivalence) -> None:
        self._equivalence = equivalence
        self._first: list[Reading] = []
        self._places: dict[Hashable, int] = {}
        self.counts: list[int] = []
        self.unknown = 0
        """Pairs of answers of which nobody could tell whether they are the same."""

    @property
    def said(self) -> list[str]:
        """What each class says, by its first answer."""
        return [reading.said for reading in self._first]

    def add(self, text: str) -> int | None:
        """The place of an answer's class; None where nothing could be read that votes."""
        try:
            reading = self._equivalence.read(text)
        except Unknown:
            return None
        if reading is None:
            return None
        place = self._places.get(reading.key)
        if place is None:
            place = next(
                (place for place, first in enumerate(self._first) if self._same(first, reading)), None
            )
        if place is None:
            place = len(self._first)
            self._first.append(reading)
            self.counts.append(0)
        self._places[reading.key] = place
        self.counts[place] += 1
        return place

    def _same(self, first: Reading, reading: Reading) -> bool:
        try:
            return self._equivalence.same(first, reading)
        except Unknown:
            self.unknown += 1
            return False
