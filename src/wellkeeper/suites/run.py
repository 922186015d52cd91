"""A run: what one version of a model answered to the items of a suite, and what the answers were worth.

Runs of ours and runs that other tools logged are the same values from here on, so that any two can be compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.errors import InputError

SCHEMA = "wellkeeper.run/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One item of a run."""

    name: str
    prompt: Prompt | None  # None: the log does not have it
    outputs: tuple[Output, ...]  # one or more
    scores: tuple[
        float | None, ...
    ] = ()  # of each output, in [0, 1]; None: unknown. Empty: the run is not scored
    notes: tuple[str, ...] = ()  # of each score, or empty
    references: tuple[str, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.outputs:
            raise InputError(f"The item {self.name} has no answer. Leave it out of the run.")
        for name in ("scores", "notes"):
            many = len(getattr(self, name))
            if many not in {0, len(self.outputs)}:
                raise InputError(
                    f"The item {self.name} has {len(self.outputs)} answers and {many} {name}. Give one each, or none."
                )
        for score in self.scores:
            if score is not None and not 0 <= score <= 1:
                raise InputError(
                    f"The item {self.name} has a score of {score}. Give one in [0, 1], or None where it is unknown."
                )

    @property
    def score(self) -> float | None:
        """Mean of the known scores; None: there is none."""
        known = [score for score in self.scores if score is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All items of a run."""

    name: str  # of the version and the time, such as "v2 2026-W47"; what the user calls it
    model: str  # as the endpoint or the log names it
    suite: str
    items: tuple[Answered, ...]  # in the suite's order; names differ
    metric: str = ""  # what the scores are, such as "exact" or "exact_match,strict"; "": not scored
    fingerprint: str = ""  # of the sampler; "": the log does not say
    suite_digest: str = ""  # likewise
    temperature: float | None = None  # likewise
    seed_name: str = ""  # what the random numbers hang on; "": the log does not say
    created: str = ""  # ISO 8601, UTC
    tool: str = "wellkeeper"  # what made it, such as "lm-eval 0.4.13"
    notes: tuple[str, ...] = ()  # what was left out or could not be read, for the reader

    def __post_init__(self) -> None:
        if not self.items:
            raise InputError(f"The run {self.name} has no items. Give a log that holds samples.")
        if len({item.name for item in self.items}) != len(self.items):
            raise InputError(
                f"The run {self.name} names an item twice. Give each item one line with all its answers."
            )
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise InputError(
                f"The run {self.name} has a temperature of {self.temperature}. Give a number of 0 or more, or None "
                "where it is unknown."
            )

    def item(self, name: str) -> Answered | None:
        """The item of that name; None: the run has none."""
        return next((item for item in self.items if item.name == name), None)
