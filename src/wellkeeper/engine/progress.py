"""What a run tells whoever watches it: plain events, drawn by the caller or by nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One event. `done` and `total` are in `unit`; `total` is 0 when it cannot be known."""

    stage: str
    done: int
    total: int
    unit: str
    documents: int = 0


Listener: TypeAlias = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """The listener of a silent run."""
