"""What wellkeeper itself makes of settled answers: labels for verifiers and judges, anchors of origin, preferences.

Most of a queue was chosen for being doubtful. Rates that are measured on such items are not those of the set they are
from: of texts that verifiers disagree about, a verifier keeps fewer right ones than of all. So what rates are read off,
which is anchors, cards and audits, takes the items that were drawn by lot, unless it is told otherwise; or all, where a
queue of all there is was answered to its end.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wellkeeper.core.generated import Generated
from wellkeeper.core.origin import Origin
from wellkeeper.errors import InputError
from wellkeeper.review.exchange import Reviewed, reviewed
from wellkeeper.review.item import Item
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.vet.labels import LabelledItem
from wellkeeper.vet.people import judged

UNSURE, OPEN, CHOSEN, MIXED = "cannot be told", "not settled", "not drawn by lot", "by both"
"""Why an item is left out of what is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Settled items of a queue, and what was left out."""

    items: tuple[Reviewed, ...]
    left_out: Mapping[str, int]  # reason -> items
    by_lot: bool  # whether they are a random part of what the queue was made from, or all of it

    @property
    def said(self) -> str:
        """What was left out, in a sentence; empty: nothing."""
        told = ", ".join(f"{count:,} {why}" for why, count in self.left_out.items() if count)
        return f"Left out: {told}." if told else ""


def part_of(queue: ReviewQueue, *, kinds: tuple[str, ...], wanted: str, by_lot: bool) -> Part:
    """The settled items of a queue that are neither gold nor left open.

    Args:
        queue: where people answered.
        kinds: of queues that have what is wanted.
        wanted: what that is, for the message.
        by_lot: only items that were drawn by lot; all where everything that the queue was made from is in it, and was
            answered.

    Raises:
        InputError: the queue is of another kind.
    """
    kind = queue.question.kind
    if kind not in kinds:
        given = "RUN_A --against RUN_B" if kinds == ("compare",) else f"OUT --from {kinds[0]}"
        raise InputError(
            f"{wanted} cannot be made from a queue of kind {kind}: it asks something else. Make one of kind "
            f"{' or '.join(kinds)}: wellkeeper review init {given}."
        )
    settled: list[Reviewed] = []
    seats: Counter[tuple[bool, bool]] = Counter()  # (by lot, settled) -> items
    asked = answered = 0
    for one in reviewed(queue):
        if one.item.gold:
            continue
        asked, answered = asked + 1, answered + bool(one.first_looks)
        seats[one.placed.rank is not None, bool(one.label)] += 1
        if one.label:
            settled.append(one)
    is_all = asked == answered >= queue.pool.items
    if not by_lot or is_all:
        chosen, left_out = settled, {OPEN: seats[True, False] + seats[False, False]}
    else:
        chosen = [one for one in settled if one.placed.rank is not None]
        left_out = {OPEN: seats[True, False], CHOSEN: seats[False, False] + seats[False, True]}
    return Part(items=tuple(chosen), left_out=left_out, by_lot=by_lot or is_all)


# --- vetted texts: right or wrong ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What people settled of a generated text."""

    text: LabelledItem
    digest: str  # of what they looked at, by `people.judged`

    def to_json(self) -> dict[str, Any]:
        """A line that `vet --audited`, `vet --anchors`, `verifier` and a verifier of people read."""
        return {
            **self.text.item.to_json(),
            "sha256": self.digest,
            "label": "right" if self.text.right else "wrong",
        }

    def to_watched(self) -> dict[str, Any]:
        """A line that `watch` reads as an anchor of its judge."""
        item = self.text.item.to_json()
        return {
            "name": item["id"],
            "prompt": item.get("prompt", ""),
            "answer": item["text"],
            "label": float(self.text.right),
            "references": item.get("references", []),
        }


def judgements_of(queue: ReviewQueue, *, by_lot: bool) -> tuple[tuple[Judgement, ...], Part]:
    """Labels of generated texts, in the order of the queue, and what they are part of.

    Raises:
        InputError: the queue asks something else, or nothing of it is settled.
    """
    part = part_of(queue, kinds=("vet",), wanted="Labels right and wrong", by_lot=by_lot)
    values = {label.name: label.value for label in queue.question.labels}
    told = [one for one in part.items if values[one.label] is not None]
    part = _without(part, told, UNSURE)
    if not told:
        raise InputError(
            f"Nobody has settled yet which texts are right. {part.said} Answer more: wellkeeper review serve OUT."
        )
    return tuple(_judgement(one.item, right=values[one.label] == 1) for one in told), part


def _judgement(item: Item, *, right: bool) -> Judgement:
    generated = generated_of(item)
    digest = item.facts.get("sha256") or judged(generated)
    return Judgement(text=LabelledItem(item=generated, right=right), digest=digest)


def generated_of(item: Item) -> Generated:
    """The generated text that an item shows, with all that its maker kept of it.

    Raises:
        InputError: what is kept of it cannot be read.
    """
    facts = item.facts
    plain = {"id": facts.get("id") or item.id, **({"prompt": item.prompt} if item.prompt else {})}
    try:
        told = json.loads(facts["generated"]) if "generated" in facts else plain
        return Generated.from_json({**told, "text": item.texts[0]})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"What the queue keeps of {item.id} cannot be read ({type(error).__name__}: {error}). Make the queue anew: "
            "wellkeeper review init OUT --from vet."
        ) from error


# --- documents: by people or by models ----------------------------------------------------------------------------


def origins_of(queue: ReviewQueue, *, by_lot: bool) -> tuple[dict[str, list[dict[str, str]]], Part]:
    """Texts that people settled to be of people (`human`) and of models (`ai`), with their ids.

    Raises:
        InputError: the queue asks something else.
    """
    part = part_of(queue, kinds=("origin",), wanted="Anchors", by_lot=by_lot)
    origins = {label.name: label.origin for label in queue.question.labels}
    sides = {Origin.HUMAN.label: "human", Origin.AI_GENERATED.label: "ai"}
    found: dict[str, list[dict[str, str]]] = {"human": [], "ai": []}
    kept: list[Reviewed] = []
    left_out: Counter[str] = Counter(part.left_out)
    for one in part.items:
        side = sides.get(origins[one.label])
        if side is None:
            left_out[MIXED if origins[one.label] == Origin.AI_ASSISTED.label else UNSURE] += 1
            continue
        kept.append(one)
        places = one.item.places
        found[side].append({"id": places[0].id if places else one.item.id, "text": one.item.texts[0]})
    return found, replace(part, items=tuple(kept), left_out=left_out)


# --- answers of two runs ------------------------------------------------------------------------------------------

_BETTER = {("first", "A"): "a", ("second", "B"): "a", ("first", "B"): "b", ("second", "A"): "b"}
"""What was called better, and whose answer was shown first -> the better run."""


def preferences_of(queue: ReviewQueue) -> tuple[tuple[dict[str, Any], ...], Part]:
    """Which of two answers people settled to be better, a line a pair, with the order of showing undone.

    Raises:
        InputError: the queue asks something else, or does not say whose answer was shown first.
    """
    part = part_of(queue, kinds=("compare",), wanted="Preferences", by_lot=False)
    told = [one for one in part.items if one.label != "unsure"]
    return tuple(_preference(one) for one in told), _without(part, told, UNSURE)


def _preference(one: Reviewed) -> dict[str, Any]:
    item = one.item
    first = item.facts.get("first")
    if first not in {"A", "B"}:
        raise InputError(
            f"The queue does not say whose answer of {item.id} was shown first. Make it anew: wellkeeper review init "
            "RUN_A --from compare --against RUN_B."
        )
    a, b = item.texts if first == "A" else reversed(item.texts)
    return {
        "id": item.id,
        "prompt": item.prompt,
        "a": a,
        "b": b,
        "preferred": _BETTER.get((one.label, first), one.label),
        "readers": len(one.first_looks),
        "by_lot": one.placed.rank is not None,
    }


def _without(part: Part, kept: list[Reviewed], reason: str) -> Part:
    left_out = Counter(part.left_out)
    left_out[reason] += len(part.items) - len(kept)
    return replace(part, items=tuple(kept), left_out=left_out)
