"""The log of a review: what happened, line by line, each named by its hash over itself and the line before.

A line that was changed, taken out, put in or moved breaks the chain from there on. Whoever can write the whole file
can make a whole new chain, so its head, the hash of the last line, is what a seal signs: from then on the lines up to
it are fixed. A log is only ever added to; an answer that is taken back is one more line.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from wellkeeper.errors import DataError

SCHEMA = "wellkeeper.review-log/1"
START = hashlib.sha256(SCHEMA.encode()).hexdigest()
"""What the first line has in place of the hash of a line before."""

Act: TypeAlias = Literal["begin", "add", "answer", "undo", "skip", "import"]
ACTS: tuple[Act, ...] = get_args(Act)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a log."""

    number: int  # from 1
    act: Act
    at: str  # ISO 8601, UTC
    reviewer: str  # empty where nobody answered: a queue that begins
    told: Mapping[str, Any]  # of an answer: item, label, note, seconds, shown, turn, ticket
    before: str  # hash of the line before
    hash: str

    def to_json(self) -> dict[str, Any]:
        """As a line of the exported log has it."""
        return {
            "number": self.number,
            "act": self.act,
            "at": self.at,
            "reviewer": self.reviewer,
            "told": dict(self.told),
            "before": self.before,
            "hash": self.hash,
        }


def chained(before: str, *, number: int, act: Act, at: str, reviewer: str, told: Mapping[str, Any]) -> Entry:
    """The next line of a log whose last line has the hash `before`."""
    return Entry(
        number=number,
        act=act,
        at=at,
        reviewer=reviewer,
        told=told,
        before=before,
        hash=_hash(before, number, act, at, reviewer, told),
    )


def read_entry(line: Mapping[str, Any]) -> Entry:
    """A line as `Entry.to_json` wrote it; its hash is not checked.

    Raises:
        DataError: it is no line of a log.
    """
    is_shaped = (
        line.keys() == set(Entry.__dataclass_fields__)
        and line["act"] in ACTS
        and type(line["number"]) is int
        and isinstance(line["told"], dict)
        and all(isinstance(line[name], str) for name in ("at", "reviewer", "before", "hash"))
    )
    if not is_shaped:
        raise DataError("this is no line of the log of a review")
    return Entry(**line)


def breaks(entries: Iterable[Entry], *, head: str | None = None) -> Iterator[tuple[int, str]]:
    """Places where a chain is broken: number of the line, and what is wrong there.

    Args:
        entries: all lines, in order.
        head: hash that the chain must pass through, such as a seal names; None: the end is whatever it is.
    """
    before, expected, passed = START, 1, head is None
    for entry in entries:
        if entry.number != expected:
            yield entry.number, f"line {entry.number} stands where line {expected} belongs"
        elif entry.before != before:
            yield entry.number, f"line {entry.number} does not follow the line before it"
        elif entry.hash != _hash(entry.before, entry.number, entry.act, entry.at, entry.reviewer, entry.told):
            yield entry.number, f"line {entry.number} was changed after it was written"
        before, expected = entry.hash, entry.number + 1
        passed = passed or entry.hash == head
    if not passed:
        yield expected - 1, "the log does not hold the line that the seal names"


def _hash(before: str, number: int, act: str, at: str, reviewer: str, told: Mapping[str, Any]) -> str:
    content = json.dumps(
        [SCHEMA, before, number, act, at, reviewer, told],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(content.encode()).hexdigest()
