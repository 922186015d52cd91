"""`review: FILE` in a recipe: the queues and exported logs that it names, read, checked and kept in the ledger.

What they say is applied by `wellkeeper.recipe.review_overlay`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from wellkeeper.engine.store import open_atomic
from wellkeeper.errors import InputError
from wellkeeper.ledger.review_log import (
    Asked,
    asked_digest,
    asked_items,
    items_path,
    log_name,
    parsed_item,
    read_items,
    read_log,
)
from wellkeeper.ledger.verification import Problem, Verification
from wellkeeper.recipe.model import Recipe
from wellkeeper.review.decisions import Verdicts, asked_in, verdicts_of
from wellkeeper.review.trail import Entry, breaks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Review:
    """A queue, or an exported log, as it was when it was read."""

    name: str  # of the file
    entries: tuple[Entry, ...]
    verdicts: Verdicts
    lines: Callable[[], Iterator[str]]  # what was asked, as the ledger keeps it; this never changes

    @property
    def head(self) -> str:
        """Hash of the last line of the log."""
        return self.entries[-1].hash


# --- reading ----------------------------------------------------------------------------------------------------------


def reviews_of(recipe: Recipe) -> tuple[Review, ...]:
    """The reviews that a recipe names, in its order.

    Raises:
        InputError: one is not there, cannot be read, or was tampered with.
    """
    return tuple(read_review(Path(recipe.locate(path))) for path in recipe.review or ())


def read_review(path: Path) -> Review:
    """A queue's file, or a log as a ledger or `wellkeeper review export` has it (`*.jsonl`).

    Raises:
        InputError: it is not there, cannot be read, or was tampered with.
    """
    if path.suffix == ".jsonl":
        return _exported(path)
    from wellkeeper.review.queue import ReviewQueue

    with ReviewQueue(path) as queue:
        problems = queue.problems()
        if problems:
            raise InputError(
                f"{path} is not what its log says: {problems[0]}. Do not apply it: restore it from a copy."
            )
        entries = tuple(queue.log())

    def lines() -> Iterator[str]:
        yield from islice(asked_in(path), asked_items(entries))  # what was asked since is not of this log

    verdicts = verdicts_of(map(parsed_item, lines()), entries)
    return Review(name=path.name, entries=entries, verdicts=verdicts, lines=lines)


def verify_queue(path: str | Path, *, key: str | Path | None = None) -> Verification:
    """Check a queue's file: its log, what was asked, and that its tables say what the log says.

    Raises:
        InputError: it is no queue, or damaged; or a key is given.
        WorkError: it cannot be opened.
    """
    from wellkeeper.review.queue import ReviewQueue

    if key is not None:
        raise InputError(
            "A queue is not signed: the set is, to which it was applied. Leave --key out, or check the set."
        )
    with ReviewQueue(Path(path)) as queue:
        found = queue.problems()
        checked = {"items": sum(1 for _ in asked_in(Path(path))), "log lines": sum(1 for _ in queue.log())}
    problems = [
        Problem(
            code="queue", where=Path(path).name, found=said, next="Do not apply it: restore it from a copy."
        )
        for said in found
    ]
    return Verification(folder=str(path), problems=tuple(problems), checked=checked)


def _exported(path: Path) -> Review:
    entries, items = tuple(read_log(path)), items_path(path)
    broken = next(iter(breaks(entries)), None)
    if broken is not None:
        raise InputError(f"{path} was tampered with: {broken[1]}. Do not apply it: restore it from a copy.")

    def lines() -> Iterator[str]:
        with items.open(encoding="utf-8") as file:
            yield from (line.removesuffix("\n") for line in file)

    asked: Iterable[Asked] = list(read_items(items))
    if _digest(lines()) != asked_digest(entries):
        raise InputError(
            f"{items} is not what the log beside it is about: its SHA-256 is another. Restore both from one copy."
        )
    return Review(name=path.name, entries=entries, verdicts=verdicts_of(asked, entries), lines=lines)


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def write_logs(folder: Path, reviews: Sequence[Review]) -> None:
    """Write the logs, and what was asked, into the ledger of a folder."""
    for number, review in enumerate(reviews, 1):
        path = folder / log_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, (json.dumps(entry.to_json()) for entry in review.entries))
        _write(items_path(path), review.lines())


def _write(path: Path, lines: Iterable[str]) -> None:
    with open_atomic(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)
