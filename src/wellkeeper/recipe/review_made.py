"""Files that wellkeeper reads again, made of settled answers: labels, a card, anchors of origin, preferences."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import open_atomic
from wellkeeper.errors import InputError
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.review_labels import Part, judgements_of, origins_of, preferences_of
from wellkeeper.review.exchange import json_line
from wellkeeper.review.queue import ReviewQueue

if TYPE_CHECKING:
    from wellkeeper.infer.cost import Budget
    from wellkeeper.recipe.samplers import ModelPlace

_FEWEST_OF_EACH = 20
"""Right texts, and wrong ones, below which anchors hardly hold a judge to its card (`wellkeeper.vet.anchors`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a file is to be made of."""

    all_items: bool = False  # of anchors, audits and cards: also items that were chosen for being doubtful
    verifiers: str | Path = ""  # YAML file, of a card
    judge: "ModelPlace | None" = None
    budget: "Budget | None" = None
    listener: Listener = nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and what to say of it."""

    paths: Mapping[str, Path]
    items: int
    said: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)  # why -> items
    more: Mapping[str, Any] = field(default_factory=dict)  # for the document


def written_lines(place: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write a file of JSON lines, whole or not at all; gives their number."""
    count = 0
    with open_atomic(place) as file:
        for line in lines:
            file.write(json_line(line))
            count += 1
    return count


# --- vetted texts -------------------------------------------------------------------------------------------------


def labels(queue: ReviewQueue, place: Path, _wanted: Wanted) -> Written:
    """All settled labels, for a verifier of people: it needs no random part, since each label counts for its text."""
    return _labels(
        queue,
        place,
        by_lot=False,
        following="name it as `labels:` of a verifier of kind human, then run the same `wellkeeper vet` again.",
    )


def audited(queue: ReviewQueue, place: Path, wanted: Wanted) -> Written:
    """Labels of a random part, with the texts: for `vet --audited`, `vet --anchors` and `verifier`."""
    written = _labels(queue, place, by_lot=not wanted.all_items)
    uses = [
        f"wellkeeper vet SYNTH ... --audited {place}",
        f"measure verifiers by it: wellkeeper verifier {place} --verifiers FILE",
    ]
    if min(written.more["right"], written.more["wrong"]) >= _FEWEST_OF_EACH:
        uses.append(f"hold judges to their card: wellkeeper vet SYNTH ... --anchors {place}")
    said = (*written.said, *_bias(by_lot=written.more["by_lot"]), f"Next: {'; or '.join(uses)}.")
    return replace(written, said=said)


def judge_anchors(queue: ReviewQueue, place: Path, wanted: Wanted) -> Written:
    """Labels of a random part, as anchors of the judge of `watch`."""
    return _labels(
        queue,
        place,
        by_lot=not wanted.all_items,
        watched=True,
        following="name it as the anchors of a judge that `wellkeeper watch` follows.",
    )


def _labels(
    queue: ReviewQueue, place: Path, *, by_lot: bool, watched: bool = False, following: str = ""
) -> Written:
    judgements, part = judgements_of(queue, by_lot=by_lot)
    many = written_lines(place, (one.to_watched() if watched else one.to_json() for one in judgements))
    right = sum(one.text.right for one in judgements)
    said = f"{place} has {counted(many, 'label')}: {right:,} right, {many - right:,} wrong."
    return Written(
        paths={"labels": place},
        items=many,
        said=(*_sentences(said, part.said), *([f"Next: {following}"] if following else [])),
        left_out=part.left_out,
        more={"right": right, "wrong": many - right, "by_lot": part.by_lot},
    )


def card(queue: ReviewQueue, place: Path, wanted: Wanted) -> Written:
    """The card of verifiers, measured anew on a random part."""
    from wellkeeper.recipe.verifying import measure_verifiers
    from wellkeeper.report.verifier import card_lines

    judgements, part = judgements_of(queue, by_lot=not wanted.all_items)
    measured = measure_verifiers(
        [one.text for one in judgements],
        verifiers=wanted.verifiers,
        out=place,
        judge=wanted.judge,
        budget=wanted.budget,
        listener=wanted.listener,
    )
    said = (
        *card_lines(measured.document),
        *_sentences(f"{place} is measured on {counted(len(judgements), 'text')}.", part.said),
        *_bias(by_lot=part.by_lot),
        f"Next: wellkeeper vet SYNTH ... --card {place}.",
    )
    return Written(
        paths={"card": place},
        items=len(judgements),
        said=said,
        left_out=part.left_out,
        more={"card": measured.document, "by_lot": part.by_lot},
    )


# --- documents, and answers of two runs ---------------------------------------------------------------------------


def anchors(queue: ReviewQueue, place: Path, wanted: Wanted) -> Written:
    """An anchor pack of a random part: texts that were picked for being doubtful are no sample of any side.

    Raises:
        InputError: too few texts of people are settled.
    """
    import pyarrow as pa

    from wellkeeper.origin.anchors import FEWEST
    from wellkeeper.recipe.anchors import build_anchors
    from wellkeeper.report.anchors import anchor_lines

    found, part = origins_of(queue, by_lot=not wanted.all_items)
    human, ai = len(found["human"]), len(found["ai"])
    if human < FEWEST:
        raise InputError(_too_few(human, FEWEST, part))
    tables = {side: pa.Table.from_pylist(rows) for side, rows in found.items() if rows}
    built = build_anchors(
        tables["human"],
        ai=[tables["ai"]] if ai else [],
        text="text",
        out=place,
        seed=queue.settings.seed,
        listener=wanted.listener,
    )
    said = (
        *anchor_lines(built.pack.to_json(), suspects=built.suspects),
        *_sentences(
            f"{place} is of {human:,} texts by people and {ai:,} by models, as readers say.", part.said
        ),
        *_bias(by_lot=part.by_lot),
        (
            "Readers err too: a model's text that was taken for a person's makes shares too low. Have two people read "
            "each, and see in `wellkeeper review status` how they do on gold."
        ),
        f"Next: wellkeeper audit CORPUS --anchors {place}.",
    )
    return Written(
        paths={"anchors": place},
        items=human + ai,
        said=said,
        left_out=part.left_out,
        more={"human": human, "ai": ai, "by_lot": part.by_lot},
    )


def _too_few(human: int, fewest: int, part: Part) -> str:
    found = f"{counted(human, 'text')} by people {'is' if human == 1 else 'are'} settled, and anchors need {fewest}."
    following = (
        "Answer more: wellkeeper review serve OUT. A larger queue has more items that were drawn by lot."
    )
    return " ".join([*_sentences(found, part.said), following])


def preferences(queue: ReviewQueue, place: Path, _wanted: Wanted) -> Written:
    """Which of two runs' answers is better, a line a pair."""
    lines, part = preferences_of(queue)
    many = written_lines(place, lines)
    better = {side: sum(line["preferred"] == side for line in lines) for side in ("a", "b")}
    said = f"{place} has {counted(many, 'pair')}: a is better in {better['a']:,}, b in {better['b']:,}."
    return Written(
        paths={"preferences": place},
        items=many,
        said=_sentences(said, part.said),
        left_out=part.left_out,
        more={"better": better},
    )


MADE: Mapping[str, Callable[[ReviewQueue, Path, Wanted], Written]] = {
    "anchors": anchors,
    "labels": labels,
    "audited": audited,
    "judge-anchors": judge_anchors,
    "card": card,
    "preferences": preferences,
}
"""What is made of settled answers, by the name of its format."""
RATED = ("anchors", "audited", "judge-anchors", "card")
"""Those that rates are read off, so that items drawn by lot alone are in them unless all are asked for."""


def _sentences(*said: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in said if sentence)


def _bias(*, by_lot: bool) -> tuple[str, ...]:
    said = (
        "Items that were chosen for being doubtful are in it: rates read off it are not those of the whole set. "
        "Without --all-items it has those alone that were drawn by lot."
    )
    return () if by_lot else (said,)
