"""A suite: items with a name, a prompt and what a good answer is, and how they are asked and scored.

The name of an item is what pairs the answers of two versions, and what its random numbers hang on. It stays the same
when items are added, removed or reordered.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wellkeeper.core.answers import Prompt
from wellkeeper.errors import InputError

TOKENS = 256
"""Most tokens of an answer, where the suite says nothing: a long paragraph of English."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What the choices of an item are called, in their order."""

ScorerSpec = Mapping[str, Any]
"""`kind` and its options, such as {"kind": "numeric", "tolerance": 0.01}: what a suite's file says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteItem:
    """One thing that a model is asked."""

    name: str
    prompt: Prompt
    references: tuple[str, ...] = ()  # good answers, each good enough; none: the item has no right answer
    choices: tuple[str, ...] = ()  # in the order of their letters; the reference is one of them
    slices: Mapping[str, str] = field(default_factory=dict)  # what it is counted under: {"language": "de"}
    scorer: ScorerSpec | None = None  # None: the suite's
    system: str | None = None  # None: the suite's


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Items, and how they are asked."""

    name: str
    items: tuple[SuiteItem, ...]
    scorer: ScorerSpec | None = None  # None: no scores; answers are compared by diversity and tails
    system: str | None = None  # message of the system before each prompt that has none
    samples: int = 1  # answers to each item
    temperature: float = 0.0
    tokens: int = TOKENS  # most of one answer
    licence: str = ""  # SPDX expression, where it is known
    notes: tuple[str, ...] = ()  # what was guessed or left out when it was read, for the reader

    def __post_init__(self) -> None:
        if not self.items:
            raise InputError(f"The suite {self.name} has no items. Give at least one prompt, better 100.")
        seen: set[str] = set()
        for item in self.items:
            if item.name in seen:
                raise InputError(
                    f"The suite {self.name} has two items named {item.name}. Give each its own name."
                )
            seen.add(item.name)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of the items and of all that decides prompts and scores.

        Not of the suite's name, samples and temperature.
        """
        told = {
            "items": [asdict(item) for item in self.items],
            "scorer": self.scorer,
            "system": self.system,
            "tokens": self.tokens,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

    def asked(self, item: SuiteItem) -> Prompt:
        """The prompt as a model gets it: with the system's message, if there is one and the prompt has none."""
        system = self.system if item.system is None else item.system
        if system is None:
            return item.prompt
        turns: Sequence[Mapping[str, str]] = (
            [{"role": "user", "content": item.prompt}] if isinstance(item.prompt, str) else item.prompt
        )
        if turns and turns[0]["role"] == "system":
            return turns
        return [{"role": "system", "content": system}, *turns]
