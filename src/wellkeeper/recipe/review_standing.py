"""`review status`: how far a queue is, how well its readers agree, and what share their answers make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.errors import InputError
from wellkeeper.measure.agreement import Ratings, alpha, pairs
from wellkeeper.measure.gold_drift import Drift, drift
from wellkeeper.measure.prediction_powered import labels_between, labels_for
from wellkeeper.measure.verifier import Kept
from wellkeeper.recipe.review_share import COMPARED, Looked, ShareFound, looked_at, settled_by, share_found
from wellkeeper.recipe.reviewing import open_queue
from wellkeeper.review.item import Answer, Outcome, Placed
from wellkeeper.review.question import Question
from wellkeeper.review.queue import ReviewQueue

SCHEMA = "wellkeeper.review-status/1"

WIDTH = 0.05
"""Half the width of an interval, as a share, that most decisions can be made with; `review status --width`."""
LEAST_ALPHA = 0.667
"""Alpha below which labels bear no conclusions; Krippendorff, Content Analysis, 2nd ed. (2004), chapter 11."""
LEAST_SAME = 0.8
"""Share of repeats that a reader is asked to answer as before, in [0, 1]. Ours."""
MOST_MISSING = 0.1
"""Share of the items drawn by lot that may be without a label before the estimate is told to hang on them. Ours."""


def standing_of(
    place: str | Path, *, width: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """The standing of a queue: schema `wellkeeper.review-status/1`.

    Args:
        place: a queue's file, or the result that it was made from.
        width: half-width of the share's interval that is wanted, in (0, 1); None: .05.
        threshold: share in (0, 1) that matters: tells on which side of it the share is; None: none does.

    Raises:
        InputError: there is no queue, or a number is out of its range.
        WorkError: the queue cannot be read.
    """
    for name, value in (("width", width), ("threshold", threshold)):
        if value is not None and not 0 < value < 1:
            raise InputError(f"The {name} is {value}. Give a share between 0 and 1, such as 0.05.")
    with open_queue(place) as queue:
        return _standing(queue, WIDTH if width is None else width, threshold)


def standing_items(queue: ReviewQueue) -> Iterator[tuple[Placed, Outcome, Looked | None]]:
    """Each item, where it stands, and what people made of it; None: it is gold, which is not of the pool."""
    outcomes = {one.number: one for one in queue.outcomes()}
    for number, placed in queue.items():
        outcome = outcomes[number]
        looked = None if placed.item.gold else looked_at(placed, outcome, queue.question, queue.pool)
        yield placed, outcome, looked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """An item without its texts."""

    outcome: Outcome
    readers: int
    gold: str
    looked: Looked | None  # None: it is gold


def _standing(queue: ReviewQueue, width: float, threshold: float | None) -> dict[str, Any]:
    seen = [
        _Seen(outcome=outcome, readers=placed.readers, gold=placed.item.gold, looked=looked)
        for placed, outcome, looked in standing_items(queue)
    ]
    answers = list(queue.answers())
    standing = queue.standing()
    looked = [one.looked for one in seen if one.looked is not None]
    found = share_found(looked, queue.pool)
    readers = _readers(answers, {one.outcome.number: one.gold for one in seen if one.gold}, queue.question)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "queue": str(queue.path),
        "kind": queue.question.kind,
        "asks": queue.question.asks,
        "from": queue.about.get("folder", ""),
        "progress": {
            "items": standing.items,
            "settled": standing.settled,
            "answers": standing.answers,
            "conflicts_waiting": standing.conflicts,
            "conflicts": sum(one.outcome.is_conflict for one in seen if not one.gold),
            "seconds": standing.seconds,
        },
        "readers": readers,
        "agreement": _agreement(seen, queue.question),
        "share": found.to_json(queue.question, queue.pool),
        "more_labels": _more_labels(found, width),
        "settled": None if threshold is None else settled_by(looked, queue.pool, threshold).to_json(),
    }
    document["findings"] = list(_findings(document))
    return document


# --- readers -------------------------------------------------------------------------------------------------------


def _readers(answers: Sequence[Answer], gold: Mapping[int, str], question: Question) -> list[dict[str, Any]]:
    """Who answered how much, how fast, and how they stand to themselves and to gold."""
    names = sorted({answer.reviewer for answer in answers})
    rows = []
    for name in names:
        mine = [answer for answer in answers if answer.reviewer == name]
        timed = [answer.seconds for answer in mine if answer.seconds > 0]
        rows.append(
            {
                "reader": name,
                "answers": len(mine),
                "cannot_tell": sum(not _tells(question, answer.label) for answer in mine),
                "seconds": median(timed) if timed else None,
                "same_again": _same_again(mine, question),
                "gold": _beside_gold(mine, gold, question).to_json(),
            }
        )
    return rows


def _same_again(mine: Sequence[Answer], question: Question) -> dict[str, Any]:
    """Repeats of a reader that were answered as before."""
    first = {answer.number: answer.label for answer in mine if answer.turn == 1}
    twice = [
        (first[answer.number], answer.label) for answer in mine if answer.turn == 2 and answer.number in first
    ]
    told = [pair for pair in twice if all(_tells(question, label) for label in pair)]
    same = Kept(kept=sum(one == other for one, other in told), of=len(told))
    return {
        "same": same.kept,
        "of": same.of,
        "share": _json(same),
        "alpha": alpha(_ratings(told, question)).to_json(),
    }


def _beside_gold(mine: Sequence[Answer], gold: Mapping[int, str], question: Question) -> Drift:
    return drift(
        [
            _is_right(question, answer.label, gold[answer.number])
            for answer in mine
            if answer.number in gold and answer.turn == 1 and _tells(question, answer.label)
        ]
    )


def _is_right(question: Question, label: str, known: str) -> bool:
    """Whether a label says what is known; of two texts, that they are the same, whichever is to stay."""
    is_of_two = question.kind == "duplicates"
    return label == known or (is_of_two and question.label(label).value == question.label(known).value)


def _tells(question: Question, label: str) -> bool:
    """Whether a label is an answer, and not that there is none."""
    return label in COMPARED if question.kind == "compare" else question.label(label).value is not None


# --- agreement -----------------------------------------------------------------------------------------------------


def _agreement(seen: Sequence[_Seen], question: Question) -> dict[str, Any]:
    """Of all readers, and of each two of them.

    Gold is left out, since it is chosen to be clear, and so is who was asked because two differed.
    """
    rows = [
        {
            answer.reviewer: answer.label
            for answer in one.outcome.answers[: one.readers]
            if _tells(question, answer.label)
        }
        for one in seen
        if not one.gold
    ]
    names = sorted({name for row in rows for name in row})
    ratings = _ratings([[row.get(name, "") for name in names] for row in rows if len(row) > 1], question)
    return {
        **alpha(ratings).to_json(),
        "pairs": [
            {"readers": [names[one], names[other]], "same": both.kept, "of": both.of, "share": _json(both)}
            for one, other, both in (pairs(ratings) if len(names) > 1 else ())
        ],
    }


def _ratings(rows: Sequence[Sequence[str]], question: Question) -> Ratings:
    numbers = {label.name: number for number, label in enumerate(question.labels)}
    table = [[numbers.get(label, -1) for label in row] for row in rows]
    return np.array(table, np.int64).reshape(len(rows), -1 if rows else 0)


def _json(counted: Kept) -> dict[str, float] | None:
    share = counted.share
    return None if share is None else share.to_json()


# --- the share -----------------------------------------------------------------------------------------------------


def _more_labels(found: ShareFound, width: float) -> dict[str, Any] | None:
    """How many more items drawn by lot the wanted width takes, and how many the queue still has."""
    if found.estimate is None:
        return None
    low, high = labels_between(found.estimate, width)
    return {
        "width": width,
        "now": found.estimate.half_width,
        "labels": labels_for(found.estimate, width),
        "low": low,
        "high": high,
        "left": found.left,
    }


# --- findings ------------------------------------------------------------------------------------------------------


def _findings(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if not document["progress"]["answers"]:
        yield _finding(
            "info",
            "Nobody has answered yet",
            "There is nothing to tell of readers or of the share.",
            f"Open the queue: wellkeeper review serve {document['queue']}",
        )
    for row in document["readers"]:
        yield from _of_reader(row)
    yield from _of_agreement(document["agreement"])
    yield from _of_share(document["share"], document["more_labels"])
    waiting = document["progress"]["conflicts_waiting"]
    if waiting:
        yield _finding(
            "info",
            f"{waiting:,} {'item waits' if waiting == 1 else 'items wait'} for a third reader",
            "Two readers differ.",
            "Let somebody else open the queue: these items come to them first.",
        )


def _of_reader(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    gold, again = row["gold"], row["same_again"]
    if gold["verdict"] in {"below", "fallen"}:
        seen = f"{row['reader']} has {gold['right']} of {gold['of']} gold items right"
        halves = gold["first_half"], gold["second_half"]
        how = (
            f"First half {halves[0]['estimate']:.0%}, second half {halves[1]['estimate']:.0%}. "
            if gold["verdict"] == "fallen" and None not in halves
            else f"{gold['least']:.0%} is asked of readers. "
        )
        yield _finding(
            "warning",
            f"{seen}, {'and got worse' if gold['verdict'] == 'fallen' else 'too few'}",
            f"{how}Of readers without fault {gold['level']:.0%} are ever told so.",
            f"Go through the guidelines with {row['reader']}, and have their answers from gold item {gold['at']} on "
            "looked at by somebody else.",
        )
    if again["share"] is not None and again["share"]["high"] < LEAST_SAME:
        yield _finding(
            "warning",
            f"{row['reader']} answers {again['same']} of {again['of']} repeated items as before",
            f"At most {again['share']['high']:.0%}, with 95 %; {LEAST_SAME:.0%} is asked.",
            "Ask whether the question is clear to them, and sharpen the guidelines by the items that changed.",
        )


def _of_agreement(found: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if found["high"] is not None and found["high"] < LEAST_ALPHA:
        yield _finding(
            "warning",
            f"Readers agree little: alpha is {found['estimate']:.2f}",
            f"At most {found['high']:.2f}, with 95 %, of {found['items']} items that two read; below {LEAST_ALPHA} "
            "labels bear no conclusions.",
            "Talk the conflicts over, sharpen the guidelines, and begin a new queue with them.",
        )


def _of_share(share: Mapping[str, Any], more: Mapping[str, Any] | None) -> Iterator[dict[str, str]]:
    if more is None:
        return
    missing = sum(share["missing"].values())
    if missing > MOST_MISSING * (missing + share["drawn"]):
        ends = share["whatever_missing"]
        yield _finding(
            "warning",
            f"{missing:,} of {missing + share['drawn']:,} items drawn by lot have no label that tells",
            f"If they are not like the others the share may be {ends['low']:.1%} to {ends['high']:.1%}.",
            "Have them looked at by somebody who can tell.",
        )
    if more["labels"] > more["left"]:
        yield _finding(
            "info",
            f"The queue is too small for ±{100 * more['width']:g} points",
            f"That takes about {more['labels']:,} more items drawn by lot, and {more['left']:,} are left.",
            "Make a larger queue with the same seed: it begins with the same random items.",
        )


def _finding(severity: str, title: str, detail: str, next_: str) -> dict[str, str]:
    return {"severity": severity, "title": title, "detail": detail, "next": next_}
