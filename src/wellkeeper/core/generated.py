"""A text that a model wrote on request, with all that is known of how it came to be.

Generation writes these, vetting reads them, and rounds of self-training pass them on. In a file they are one JSON
object a line, with the fields below; only `id` and `text` must be there.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from wellkeeper.core.answers import FINISHES, Finish, Prompt, plain_prompt
from wellkeeper.core.lineage import DEEPEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One generated document, or one answer to a task."""

    id: str
    text: str
    prompt: Prompt | None = None  # None: not known
    references: tuple[str, ...] = ()  # right answers, or tests, where the task has them
    finish: Finish = "stop"
    generator: str = ""  # name of the model, with its revision after an @
    depth: int | None = None  # generations of models behind it, 1 or more; None: not known
    parents: tuple[str, ...] = ()  # ids or SHA-256 of the documents that the model was shown
    template: str = ""  # name of the prompt's template
    cell: str = ""  # of the human reference that it was asked for: a topic's name
    rare: bool | None = None  # whether that cell is of the tail; None: it was asked for none
    temperature: float | None = None
    seed: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # what else the user's file says, kept as it is

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a generated text has no id")
        if self.depth is not None and not 1 <= self.depth <= DEEPEST:
            raise ValueError(f"a generated text has the depth {self.depth}")

    def to_json(self) -> dict[str, Any]:
        """As one line of a file has it: without what is not known."""
        told = asdict(self) | {"prompt": None if self.prompt is None else plain_prompt(self.prompt)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in told.items()
            if value not in (None, "", (), {}) or name == "text"
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """What `to_json` made this entry of. Names that are no field are kept as facts.

        Raises:
            KeyError, TypeError, ValueError: it is not such an entry.
        """
        known = {name: entry[name] for name in cls.__dataclass_fields__ if name in entry and name != "facts"}
        if not isinstance(known["id"], str) or not isinstance(known["text"], str):
            raise TypeError("id and text are texts")
        if known.get("finish", "stop") not in FINISHES:
            raise ValueError(f"{known['finish']} is no way to end")
        for name in ("references", "parents"):
            if name in known:
                known[name] = tuple(map(str, known[name]))
        facts = {name: _said(value) for name, value in entry.items() if name not in cls.__dataclass_fields__}
        return cls(**known, facts={**entry.get("facts", {}), **facts})


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
