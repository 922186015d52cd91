"""What a scorer is: it is given an item and an answer to it, and says what the answer is worth.

A score is in [0, 1], higher is better. None is *unknown*: the scorer could not tell, as when a check ran out of time.
Unknown is never counted as wrong; how many there are is said beside every figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.suites.suite import SuiteItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one answer is worth."""

    value: float | None  # in [0, 1]; None: unknown
    note: str = ""  # what was read out of the answer, or why there is no score


class Scorer(Protocol):
    """Scores answers. Several threads may call at the same time."""

    @property
    def kind(self) -> str:
        """Its name in a suite."""

    @property
    def needs_logprobs(self) -> bool:
        """Whether answers must come with `first_tokens`."""

    def check(self, item: SuiteItem) -> None:
        """Refuse an item that cannot be scored, before it is asked and paid for.

        Raises:
            InputError: the item lacks what this scorer needs, such as a reference.
        """

    def score(self, item: SuiteItem, output: Output) -> Score:
        """The score of an answer; empty ones and refusals are scored like any other text, errors are unknown.

        Raises:
            InputError: the item lacks what this scorer needs, such as a reference.
        """


Ask: TypeAlias = Callable[[Prompt, int], Output]
"""How a judge asks its model: prompt and seed in, one answer out. Kept and paid for as any other answer is."""
