"""What a model is asked and what it answers: plain values that samplers write, scorers read and runs keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Message: TypeAlias = Mapping[str, str]
"""One turn of a conversation: `role` (system, user or assistant) and `content`."""
Prompt: TypeAlias = str | Sequence[Message]
"""A text, or the messages of a conversation. Models that chat see a text as one message of the user."""
Finish: TypeAlias = Literal["stop", "length", "refused", "empty", "error"]
FINISHES: tuple[Finish, ...] = get_args(Finish)


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
