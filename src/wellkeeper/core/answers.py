"""What a model is asked and what it answers: plain values that samplers write, scorers read and runs keep."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Self, TypeAlias, get_args

from wellkeeper.core.refusal import is_refusal

Message: TypeAlias = Mapping[str, str]
"""One turn of a conversation: `role` (system, user or assistant) and `content`."""
Prompt: TypeAlias = str | Sequence[Message]
"""A text, or the messages of a conversation. Models that chat see a text as one message of the user."""
Finish: TypeAlias = Literal["stop", "length", "refused", "empty", "error"]
FINISHES: tuple[Finish, ...] = get_args(Finish)
FAILED = "error"
"""The word for an answer that did not come, beside those that servers have."""
_CUT = frozenset({"length", "max_tokens", "model_length"})
_FILTERED = frozenset({"safety", "recitation", "blocklist", "prohibited_content"})  # what Gemini calls it


_KINDS: dict[str, type | UnionType] = {
    "text": str,
    "note": str,
    "tokens": int | None,
    "prompt_tokens": int | None,
    "seed": int | None,
    "milliseconds": float | int,
}
"""What the plain fields of an answer are in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One answer."""

    text: str
    finish: Finish
    tokens: int | None = None  # written, with those that are not shown; None: the model does not say
    prompt_tokens: int | None = None
    logprobs: tuple[float, ...] | None = (
        None  # natural logarithms, of each token written; None: not asked for
    )
    first_tokens: Mapping[str, float] | None = None
    """Natural logarithms of the chances of the likeliest first tokens, with `logprobs`; None: the model does not say.

    Some twenty where a chat is asked. Enough for one answer of a letter, and for telling two models apart.
    """
    seed: int | None = None  # of this request, below 2**31; None: the model takes none
    milliseconds: float = 0.0  # from request to answer, tries and waits included
    note: str = ""  # why there is no answer, in the words of the model's server

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """The answer that `asdict` made this entry of, and JSON kept.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it is not such an entry.
        """
        if entry["finish"] not in FINISHES:
            raise ValueError(f"{entry['finish']} is no way to end")
        for name, kind in _KINDS.items():
            if name in entry and not isinstance(entry[name], kind):
                raise TypeError(f"{name} is {entry[name]!r}")
        logprobs, first_tokens = entry["logprobs"], entry.get("first_tokens")
        numbers = {
            "logprobs": None if logprobs is None else tuple(map(float, logprobs)),
            "first_tokens": None
            if first_tokens is None
            else {str(token): float(chance) for token, chance in first_tokens.items()},
        }
        return cls(**{**entry, **numbers})


def finish_of(text: str, said: str) -> Finish:
    """How an answer ended, from its text and from the server's own word for it.

    Emptiness goes before the cut: of a model that thought until its last token nothing is left to compare.

    >>> finish_of("It rai", "length"), finish_of(" ", "length"), finish_of("I cannot help with that.", "stop")
    ('length', 'empty', 'refused')
    """
    word = said.lower()
    if word == FAILED:
        return "error"
    if word in _FILTERED or is_refusal(text, word):
        return "refused"
    if not text.strip():
        return "empty"
    return "length" if word in _CUT else "stop"


def plain_prompt(prompt: Prompt) -> str | list[dict[str, str]]:
    """A prompt as JSON has it."""
    return prompt if isinstance(prompt, str) else [dict(message) for message in prompt]


def prompt_digest(prompt: Prompt) -> str:
    """SHA-256, in hexadecimal digits, of a text or of messages; a text and a message that holds it differ."""
    return hashlib.sha256(json.dumps(plain_prompt(prompt), sort_keys=True).encode()).hexdigest()
