"""Read references of known origin: which texts of the user's archives may be one, drawn to a number that suffices.

Of each slice at most `MOST` references a side are kept, drawn by a hash of seed and text, so that what is kept of a
large archive does not depend on the order of its files. Texts stay in memory as far as a score reads them.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.dates import CHATGPT_RELEASE
from wellkeeper.core.origin import SYNTHETIC, Origin, declared_origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.dates import parse_dates, plausible
from wellkeeper.engine.progress import Listener, Progress
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import ColumnMap
from wellkeeper.engine.sources import option_of
from wellkeeper.kernels.style import CHARS
from wellkeeper.origin.anchors import WHOLE, Sample, copy_key, exact
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.textpass import Group

MOST = 2_000
"""References of one slice and side that are kept: beyond some hundreds they hardly narrow an interval."""
_READ_CHARS = 4 * CHARS  # of a text that a score looks at: as many bytes, of which a letter has one or more
_RELEASE = int(CHATGPT_RELEASE.timestamp())
_OTHER_SIDE = {"declared-ai", "declared-human"}  # a slice that has nothing else is none of this side
_SIDES = {"human": "human", "ai": "AI"}


class Scorer(Protocol):
    """What scores texts; see `wellkeeper.origin.style`."""

    def score(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], /) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text that may become a reference."""

    order: bytes  # hash of seed and copy key: equal for copies
    digest: str  # SHA-256 of the whole text
    text: str = field(repr=False)  # the part that a score reads
    place: str  # where it was read: FILE:LINE, or the file's own name
    seconds: int = NO_DATE
    by_date: bool = False  # dated before 2022-11-30


def text_of(text: str, seed: int, *, place: str = "", seconds: int = NO_DATE, by_date: bool = False) -> Text:
    """A text with its place in the draw."""
    order = hashlib.sha256(f"{seed}\n{copy_key(text)}".encode()).digest()[:16]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Text(order, digest, text[:_READ_CHARS], place, seconds, by_date)


@dataclass(slots=True)
class Pool:
    """Candidates of one slice and side: the `most` with the smallest order, one for each copy key."""

    most: int = MOST
    chosen: dict[bytes, Text] = field(default_factory=dict)
    copies: dict[bytes, set[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    copied: Counter[bytes] = field(default_factory=Counter)
    _largest: list[bytes] = field(default_factory=list)  # heap of the chosen orders, complemented

    def add(self, found: Text) -> None:
        """Take a text in, or count why not. What stays does not depend on the order of calls."""
        held = self.chosen.get(found.order)
        if held is not None:
            self.copied[found.order] += 1
            self.copies[found.order] |= {held.digest, found.digest}
            if _before(found, held):
                self.chosen[found.order] = found
            return
        if len(self.chosen) == self.most:
            largest = _complement(self._largest[0])
            self.left_out["not-drawn"] += 1
            if found.order > largest:
                return
            heapq.heapreplace(self._largest, _complement(found.order))
            del self.chosen[largest]
            self.left_out["not-drawn"] += self.copied.pop(largest, 0)
            self.copies.pop(largest)
        else:
            heapq.heappush(self._largest, _complement(found.order))
        self.chosen[found.order] = found
        self.copies[found.order] = set()

    def texts(self) -> list[Text]:
        return sorted(self.chosen.values(), key=lambda one: one.digest)

    def counted(self) -> Counter[str]:
        """Reason -> documents, for all that was left out."""
        counts = self.left_out.copy()
        counts["copy"] += sum(self.copied.values())
        return counts


def _before(one: Text, other: Text) -> bool:
    """Which of two copies is the reference: the one with the older date, then the smaller digest."""
    undated = datetime.max.replace(tzinfo=UTC).timestamp()

    def rank(text: Text) -> tuple[float, str]:
        return (undated if text.seconds == NO_DATE else text.seconds, text.digest)

    return rank(one) < rank(other)


def _complement(order: bytes) -> bytes:
    return bytes(255 - byte for byte in order)


Pools: TypeAlias = dict[str, Pool]
"""By name of the slice."""


@dataclass(frozen=True, slots=True)
class Scored:
    """References of one slice and side."""

    texts: tuple[Text, ...]  # ascending digests
    scores: NDArray[np.float32]  # shape (texts,), none NaN
    copies: tuple[str, ...]
    left_out: Mapping[str, int]

    def sample(self) -> Sample:
        """What the pack says of them."""
        dates = [one.seconds for one in self.texts if one.seconds != NO_DATE]
        by_date = sum(one.by_date for one in self.texts)
        return Sample(
            documents=len(self.texts),
            scores=tuple(map(exact, self.scores)),
            sha256=tuple(one.digest for one in self.texts),
            copies=self.copies,
            left_out=self.left_out,
            by_date=by_date,
            by_claim=len(self.texts) - by_date,
            first=_day(min(dates)) if dates else None,
            last=_day(max(dates)) if dates else None,
        )

    def most_like_ai(self, most: int) -> tuple[str, ...]:
        """Places of the references with the highest scores, the highest first."""
        order = np.argsort(-self.scores, kind="stable")[:most]
        return tuple(self.texts[index].place for index in order.tolist())

    def without(self, indices: Sequence[int], reason: str) -> "Scored":
        """The references but for some of them, which are counted under a reason."""
        kept = np.setdiff1d(np.arange(len(self.texts)), indices)
        return replace(
            self,
            texts=tuple(self.texts[index] for index in kept.tolist()),
            scores=self.scores[kept],
            left_out={**self.left_out, reason: len(self.texts) - kept.size},
        )


def scored(pools: Mapping[str, Pool], style: Scorer) -> dict[str, Scored]:
    """The references of every slice with their scores, less those that the model does not judge."""
    return {name: _scored(pool, style) for name, pool in sorted(pools.items())}


def _scored(pool: Pool, style: Scorer) -> Scored:
    texts = pool.texts()
    scores = np.asarray(style.score(*_buffers(one.text for one in texts)), np.float32)
    kept = np.flatnonzero(~np.isnan(scores)).tolist()
    chosen = tuple(texts[index] for index in kept)
    copies = {digest for one in chosen for digest in pool.copies[one.order]} - {one.digest for one in chosen}
    left_out = pool.counted()
    left_out["abstained"] += len(texts) - len(chosen)
    return Scored(
        texts=chosen,
        scores=scores[kept],
        copies=tuple(sorted(copies)),
        left_out={reason: count for reason, count in sorted(left_out.items()) if count},
    )


def _buffers(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    encoded = [text.encode() for text in texts]
    offsets = np.array([0, *accumulate(map(len, encoded))], np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


# --- files -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side, human or AI, is read from and how."""

    name: str  # human or ai
    inputs: Sequence[Any]
    slice: str | None  # column whose values name the slices
    text: str | None
    date: str | None
    origin: str | None  # column whose labels keep texts of the other side out
    trust: bool  # accept what is dated 2022-11-30 or later
    seed: int


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one side."""

    pools: Pools
    quarantined: int  # records that could not be read
    unsliced: int  # documents whose slice column is empty
    said: tuple[str, ...]  # columns that were guessed


def read_side(side: Side, folder: Path, listener: Listener) -> Read:
    """The candidates of one side, of every slice.

    Raises:
        InputError: an input does not exist, is empty, or has no text column.
    """
    given = {"text": side.text, "source": side.slice, "date": side.date, "origin": side.origin}
    groups, said = groups_of(side.inputs, given, folder, named_by=_option)
    pools: Pools = {}
    quarantined = unsliced = documents = 0
    for group in groups:
        for table, names, refused in _tables(group, _needed(group.columns, side)):
            quarantined += refused
            documents += len(table)
            for name, found, reason in _judged(table, names, side):
                if name is None:
                    unsliced += 1
                    continue
                pool = pools.setdefault(name, Pool())
                if reason is None:
                    pool.add(found)
                else:
                    pool.left_out[reason] += 1
            listener(
                Progress(stage=f"reading {side.name}", done=0, total=0, unit="documents", documents=documents)
            )
    if side.slice is not None:
        pools = {
            name: pool for name, pool in pools.items() if pool.chosen or set(pool.left_out) - _OTHER_SIDE
        }
    told = tuple(
        f"{_SIDES[side.name]} references, {sentence}" for sentence in said if _concerns(sentence, side)
    )
    return Read(pools, quarantined, unsliced, told)


def _option(role: str) -> str:
    return "--slice COL" if role == "source" else option_of(role)


def _needed(columns: ColumnMap, side: Side) -> ColumnMap:
    """The columns that are read: dates say nothing of what a model wrote, and a slice is what the user names."""
    return ColumnMap(
        text=columns.text,
        id=columns.id,
        origin=columns.origin,
        source=side.slice,
        date=columns.date if side.name == "human" else None,
    )


def _concerns(sentence: str, side: Side) -> bool:
    """Whether what was guessed is of a column that is read."""
    passed_over = ("id", "source", "licence", "generator", *(("date",) if side.name == "ai" else ()))
    return not any(f": {role} column: " in sentence for role in passed_over)


def _tables(group: Group, columns: ColumnMap) -> Iterator[tuple[Any, Sequence[str], int]]:
    """Documents of every block, the place of each, and how many records could not be read."""
    for file in group.files:
        for block in reader_for(file).blocks(file, fields=frozenset(columns.named().values())):
            parsed = parse_block(block, columns)
            if file.format == "text":  # a folder of files, whose names are the ids
                places = parsed.table.column("id").to_pylist()
            else:
                places = [f"{file.name}:{line}" for line in parsed.table.column("line").to_pylist()]
            yield parsed.table, places, len(parsed.quarantined)


def _judged(table: Any, places: Sequence[str], side: Side) -> Iterator[tuple[str | None, Text, str | None]]:
    """Slice (None: it has none), text, and why it cannot be a reference (None: it can) of each document."""
    seconds, _ = plausible(parse_dates(table.column("date"))[0])
    names = [WHOLE] * len(table) if side.slice is None else table.column("source").to_pylist()
    labels = [declared_origin(label) for label in table.column("origin").to_pylist()]
    rows = zip(names, table.column("text").to_pylist(), places, labels, seconds.tolist(), strict=True)
    for name, text, place, label, moment in rows:
        early = NO_DATE < moment < _RELEASE
        found = text_of(text, side.seed, place=place, seconds=moment, by_date=early)
        yield name or None, found, _refused(side, label, late=moment >= _RELEASE)


def _refused(side: Side, label: Origin, *, late: bool) -> str | None:
    if side.name == "ai":
        return "declared-human" if label is Origin.HUMAN else None
    if label in {*SYNTHETIC, Origin.AI_ASSISTED}:
        return "declared-ai"
    return "dated-later" if late and not side.trust else None
