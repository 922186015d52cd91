"""Where an item stands, as a function of its first looks: how many people it still needs, and what they make of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

THIRD = 3
"""Readers of an item whose first two do not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the answers to one item make of it."""

    needed: int  # readers; of gold 0, since everybody is shown it and it waits for nobody
    given: int  # answers that stand
    label: str  # what more than half said; empty: nobody yet, or no majority
    is_settled: bool  # enough have answered, and most say the same; gold never is
    is_conflict: bool  # not all say the same; gold never is
    is_wanted: bool  # one more answer counts

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for the person who decides between two."""
        return self.is_conflict and self.is_wanted


def state_of(labels: Sequence[str], *, readers: int, is_gold: bool, asks_third: bool) -> State:
    """Where an item stands.

    >>> state_of(["ai", "human"], readers=2, is_gold=False, asks_third=True).needed
    3

    Args:
        labels: of first looks that stand, in the order of the log.
        readers: who must look at it, 1 or more.
        is_gold: its label is known.
        asks_third: whether one more person is asked where two do not agree.
    """
    differ = len(set(labels)) > 1
    [(most, votes)] = Counter(labels).most_common(1) or [("", 0)]
    label = most if 2 * votes > len(labels) else ""
    if is_gold:
        return State(
            needed=0, given=len(labels), label=label, is_settled=False, is_conflict=False, is_wanted=True
        )
    needed = max(readers, THIRD) if differ and asks_third else readers
    return State(
        needed=needed,
        given=len(labels),
        label=label,
        is_settled=len(labels) >= needed and bool(label),
        is_conflict=differ,
        is_wanted=len(labels) < needed,
    )
