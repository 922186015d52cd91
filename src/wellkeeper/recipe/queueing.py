"""`review init`: a queue for people from any result, in the order of what a label for each item is worth.

What may be asked is the kind's (`queue_origin`, `queue_duplicates`, `queue_vet`, `queue_compare`), the order is that of
`wellkeeper.review.order`. The queue holds all that is needed from then on, the texts too, so that the result may move.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.ledger.folder import part_paths
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.queue_pool import Pooled, made_from
from wellkeeper.recipe.results import Documented
from wellkeeper.recipe.vetted import GATE
from wellkeeper.review.gold import Gold, read_gold
from wellkeeper.review.item import Item, Placed, Settings, pool_of
from wellkeeper.review.order import Seat, Shares, draws, ordered, rounded
from wellkeeper.review.question import KINDS, QUESTIONS, Kind, Question
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.suites.imports.choices import split_choices
from wellkeeper.suites.run_files import is_run

SCHEMA = "wellkeeper.review-queue/1"
LONGEST_GUIDELINES = 100_000
"""Bytes: some forty pages, more than anybody looks up."""
_EVERY = 500  # items between two events of progress
_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MadeQueue(Documented):
    """A queue that was made. `document` follows the schema `wellkeeper.review-queue/1`."""

    path: Path  # of the queue
    said: tuple[str, ...]  # what stands in it, what was left out, and what to do next, in sentences

    def __repr__(self) -> str:
        items = self.document["items"]
        return f"MadeQueue({self.document['kind']}: {counted(items['all'], 'item')} in {self.path})"


def make_queue(
    out: str | Path,
    *,
    kind: Kind | None = None,
    other: str | Path | None = None,
    size: int = 500,
    random_share: float = 0.2,
    overlap: float = 0.1,
    repeats: float = 0.07,
    gold: str | Path | None = None,
    gold_share: float = 0.05,
    effects: Mapping[str, str] | None = None,
    guidelines: str | Path | None = None,
    queue: str | Path | None = None,
    prompt: str | None = None,
    lease_seconds: float = 600.0,
    repeat_after: int = 20,
    third_reader: bool = True,
    seed: int = 0,
    listener: Listener = nobody,
) -> MadeQueue:
    """Make a queue from a result. The same result and seed give the same items in the same order.

    Args:
        out: folder that `curate` or `vet` wrote; a file of generated texts, JSON lines; or the first of two runs.
        kind: what is asked about; None: `vet` for a vetted set or a file of texts, `compare` for a run, else `origin`.
        other: the second run, for `compare`.
        size: items of the queue, those of gold not counted; all there are where there are fewer.
        random_share: of the items, in [0, 1], drawn by lot; estimates rest on them.
        overlap: share of the items, in [0, 1], that two readers see.
        repeats: share of the items, in [0, 0.2], that a reader is shown a second time, without being told.
        gold: JSON lines of known label (`wellkeeper.review.gold`).
        gold_share: items of gold for each other item, in [0, 0.5].
        effects: what labels do to documents where it is not what the question says: label -> keep, drop or nothing; of
            duplicates first, second, both or nothing.
        guidelines: file of plain text, UTF-8, that readers can look up; None: those of the question.
        queue: file to write; None: beside the result.
        prompt: column of a vetted set with what a text answers; None: `prompt`.
        lease_seconds: for which nobody else is shown an item.
        repeat_after: decisions of a reader before an item is shown to them again.
        third_reader: whether one more person is asked where two do not agree.
        seed: of every draw.
        listener: is told of progress.

    Raises:
        InputError: the result holds nothing to ask about, or an option makes no sense for it.
        WorkError: the queue cannot be written.
    """
    shares = Shares(random=random_share, overlap=overlap, repeats=repeats, gold=gold_share)
    kind = _kind(out, kind, other)
    question = _question(kind, effects or {}, guidelines)
    known = () if gold is None else read_gold(Path(gold), question)
    path = Path(queue) if queue is not None else _beside(out)
    pooled = _pool(kind, out, other, prompt, seed)
    if not pooled.ids:
        raise InputError(
            f"{out} has nothing to ask about. {pooled.note} Ask of another result, or about something else with --from."
        )
    asked = _Asked(pooled, known, size=size, shares=shares, seed=seed)
    about = {
        **made_from(kind, out),
        "seed": str(seed),
        "lost": str(pooled.lost),
        "gold_of_pool": str(asked.gold_of_pool),
        "gold_share": f"{asked.gold_share(question):.9f}",
        **pooled.about,
    }
    ReviewQueue.create(
        path,
        question=question,
        placed=asked.placed(listener),
        pool=asked.pool,
        settings=Settings(
            lease_seconds=lease_seconds, repeat_after=repeat_after, third_reader=third_reader, seed=seed
        ),
        about=about,
    )
    listener(Progress(stage="queueing", done=len(asked.seats), total=len(asked.seats), unit="items"))
    said = asked.said(out, path, wanted=size, shares=shares, gold=gold)
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "kind": kind,
        "queue": str(path),
        "about": about,
        "items": asked.counts(),
        "pool": {
            "items": asked.pool.items,
            "mean_score": asked.pool.score_sum / asked.pool.scored if asked.pool.scored else None,
            "note": pooled.note,
            "lost": pooled.lost,
        },
        "question": {"asks": question.asks, "labels": [label.name for label in question.labels]},
        "notes": list(said),
    }
    return MadeQueue(document=document, paths={"queue": path}, path=path, said=said)


# --- what is asked --------------------------------------------------------------------------------


def _kind(out: str | Path, kind: Kind | None, other: str | Path | None) -> Kind:
    """What is asked about, as given or by what the result is.

    Raises:
        InputError: there is no such result or kind, or the kind does not go with the second run.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(
            f"There is no kind of queue called {kind}.{did_you_mean(kind, KINDS)} Ask for one of {', '.join(KINDS)}."
        )
    kind = kind or _likely(out)
    if other is not None and kind != "compare":
        raise InputError(f"A second run goes with --from compare, and this asks about {kind}. Leave one out.")
    if kind == "compare" and other is None:
        raise InputError(
            f"{out} is one side of a comparison, and a person needs both. Give two runs, as to `wellkeeper compare`: "
            "wellkeeper review init RUN_A --against RUN_B."
        )
    return kind


def _likely(out: str | Path) -> Kind:
    path = Path(out)
    if path.is_file() and path.name.endswith(_LINES) and not is_run(out):
        return "vet"
    if (path / GATE).is_file():
        return "vet"
    if part_paths(path, "documents"):
        return "origin"
    if is_run(out) or (path / "report.json").is_file():
        return "compare"
    if not split_choices(out)[0].exists():
        raise InputError(f"{out} does not exist. Give {_RESULTS}.")
    raise InputError(f"{out} holds nothing that people can be asked about. Give {_RESULTS}.")


_RESULTS = (
    "the folder that `wellkeeper curate` or `wellkeeper vet` wrote, JSON lines of generated texts, or a run of "
    "`wellkeeper ask`"
)


def _question(kind: Kind, effects: Mapping[str, str], guidelines: str | Path | None) -> Question:
    question = QUESTIONS[kind].with_effects(effects)
    if guidelines is None:
        return question
    try:
        data = Path(guidelines).read_bytes()
    except OSError as error:
        raise InputError(
            f"{guidelines} cannot be read ({error.strerror or error}). Give a file of plain text."
        ) from error
    if len(data) > LONGEST_GUIDELINES:
        raise InputError(
            f"{guidelines} has {len(data):,} bytes, and a reader can look up {LONGEST_GUIDELINES:,}. Shorten it."
        )
    try:
        words = data.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{guidelines} is not UTF-8 at byte {error.start}. Save it as plain text in UTF-8."
        ) from None
    if not words:
        raise InputError(f"{guidelines} is empty. Write what readers are to go by, or leave the option out.")
    return replace(question, guidelines=words)


def _pool(kind: Kind, out: str | Path, other: str | Path | None, prompt: str | None, seed: int) -> Pooled:
    path = Path(out)
    if kind == "compare" and other is not None:
        from wellkeeper.recipe.queue_compare import compare_pool  # each kind loads what it reads alone

        return compare_pool(out, other, seed=seed)
    if kind == "vet":
        from wellkeeper.recipe.queue_vet import vetted_pool, waiting_pool

        return waiting_pool(path) if path.is_file() else vetted_pool(path, prompt=prompt)
    if kind == "duplicates":
        from wellkeeper.recipe.queue_duplicates import duplicates_pool

        return duplicates_pool(path, seed=seed)
    from wellkeeper.recipe.queue_origin import conflicts_pool, origin_pool

    return conflicts_pool(path) if kind == "conflicts" else origin_pool(path)


def _beside(out: str | Path) -> Path:
    """Where the queue of a result lies."""
    from wellkeeper.recipe.reviewing import SUFFIX, queue_path  # loads all that draws pages

    path, _ = split_choices(out)
    if path.is_file():
        return path.with_name(path.name.split(".")[0] + SUFFIX)
    return queue_path(path)


# --- what stands in it ----------------------------------------------------------------------------


class _Asked:
    """What is chosen of a pool, with the gold: seats, and who sits there."""

    def __init__(self, pooled: Pooled, gold: Sequence[Gold], *, size: int, shares: Shares, seed: int) -> None:
        """Raises InputError: gold names an item that is not of the pool, or leaves none."""
        self._pooled, self._gold = pooled, gold
        self._known = _known_places(pooled, gold)
        self.gold_of_pool = len(self._known)
        free = np.ones(len(pooled.ids), np.bool_)
        free[list(self._known.values())] = False
        self._places = np.flatnonzero(free)
        if not self._places.size:
            raise InputError(
                "All items of the result are gold, and none is left to ask about. Give less gold."
            )
        self.pool = pool_of(pooled.scores[free].tolist(), note=pooled.note)
        drawn = draws(seed, "random order of the pool", pooled.ids)
        self.seats = ordered(
            drawn[free],
            pooled.values[free],
            size=size,
            shares=shares,
            seed=seed,
            gold=draws(seed, "order of gold", [one.name for one in gold]),
        )

    def placed(self, listener: Listener) -> Iterator[Placed]:
        """The items in their order; texts are read while they are taken."""
        found = self._pooled.items([place for seat in self.seats if (place := self._place(seat)) is not None])
        for number, seat in enumerate(self.seats):
            if number % _EVERY == 0:
                listener(Progress(stage="queueing", done=number, total=len(self.seats), unit="items"))
            yield Placed(
                item=self._item(seat, found),
                rank=seat.rank,
                readers=seat.readers,
                repeated=seat.repeated,
            )

    def _place(self, seat: Seat) -> int | None:
        """In the pool; None: gold with texts of its own."""
        return self._known.get(self._gold[seat.at].name) if seat.is_gold else int(self._places[seat.at])

    def _item(self, seat: Seat, found: Iterator[Item]) -> Item:
        if not seat.is_gold:
            return next(found)
        gold = self._gold[seat.at]
        return replace(next(found), gold=gold.label) if gold.id else gold.item()

    def gold_share(self, question: Question) -> float:
        """Of the gold that was taken out of the pool, what the question's share counts, in [0, 1]; 0: there is none."""
        values = [question.label(one.label).value or 0.0 for one in self._gold if one.id]
        return sum(values) / max(len(values), 1)

    def counts(self) -> dict[str, int]:
        """Seats of each kind."""
        return {
            "all": len(self.seats),
            "random": sum(seat.rank is not None for seat in self.seats),
            "by_value": sum(seat.rank is None and not seat.is_gold for seat in self.seats),
            "gold": sum(seat.is_gold for seat in self.seats),
            "overlap": sum(seat.readers > 1 for seat in self.seats),
            "repeated": sum(seat.repeated for seat in self.seats),
        }

    def said(
        self, out: str | Path, path: Path, *, wanted: int, shares: Shares, gold: str | Path | None
    ) -> tuple[str, ...]:
        """What there is to tell, in sentences."""
        counts = self.counts()
        items = counts["all"] - counts["gold"]
        first = (
            f"{counted(items, 'item')} in {path}: {counts['random']:,} drawn by lot, {counts['by_value']:,} by what a "
            f"label is worth; {counts['overlap']:,} for two readers, {counts['repeated']:,} shown twice."
        )
        lines = [first, self._pooled.note]
        if items < wanted:
            lines.append(f"{wanted:,} were asked for: these are all there are.")
        lines += self._pooled.said
        if gold is not None:
            lines.append(f"Of known label, on top of them: {counts['gold']:,}.")
            if counts["gold"] < (many := rounded(shares.gold, items)):
                lines.append(
                    f"{gold} has no more; {many:,} were wanted. Add some to tell sooner whether readers drift."
                )
        shown = out if path == _beside(out) and Path(out).is_dir() else path
        return (*lines, f"Next: wellkeeper review serve {shown}")


def _known_places(pooled: Pooled, gold: Sequence[Gold]) -> dict[str, int]:
    """Where in the pool the gold stands that is named by id.

    Raises:
        InputError: an id is not of the pool.
    """
    named = [one for one in gold if one.id]
    if not named:
        return {}
    places = {name: place for place, name in enumerate(pooled.ids)}
    for one in named:
        if one.id not in places:
            raise InputError(
                f"{one.place}: the result has no {one.id}.{did_you_mean(one.id, places)} Give the id of a text that "
                "can be asked about, or the text itself."
            )
    return {one.id: places[one.id] for one in named}
