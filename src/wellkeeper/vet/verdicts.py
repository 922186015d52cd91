"""What a verifier says of a generated text: accepted, rejected, or unknown.

Unknown is no verdict: a check that ran out of time, a judge that contradicts itself, a person who has not looked yet.
It is never counted as wrong, and it is never let in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from wellkeeper.core.generated import Generated

Said: TypeAlias = Literal["accepted", "rejected", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one verifier, or a set of them, says of one text."""

    said: Said
    value: float | None = None  # the score that it rests on, in [0, 1]; None: there is none
    note: str = ""  # why, in a few words
    by: Mapping[str, Said] = field(default_factory=dict)  # of a set: what each verifier says


class Verifier(Protocol):
    """Looks at generated texts. Several threads may ask at the same time."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of all that decides its verdicts: what its card was measured for."""

    def check(self, item: Generated) -> None:
        """Refuse an item that cannot be verified, before others are paid for.

        Raises:
            InputError: the item lacks what this verifier needs, such as a reference.
        """

    def verdict(self, item: Generated) -> Verdict:
        """What it says of a text. An answer that failed or is empty is read like any other text."""
