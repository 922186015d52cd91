"""Queues about near duplicates: each document that was dropped for being like another, beside the one that stayed.

What a label is worth is how near the pair is to the least similarity of its step, times the words that are lost if it
was no copy. Exact duplicates are not asked about, nor are copies of earlier sets, whose texts are not at hand.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wellkeeper.errors import InputError
from wellkeeper.filter.duplicates import NEAR_DUPLICATES
from wellkeeper.filter.semantic import SEMANTIC_DUPLICATES
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.queue_pool import Numbers, Pooled, distinct, surely, weights_of
from wellkeeper.recipe.queue_texts import Document, LedgerTexts, Rows, step_options
from wellkeeper.review.item import Hidden, Item
from wellkeeper.review.order import draws

STEPS = (NEAR_DUPLICATES.name, SEMANTIC_DUPLICATES.name)
LEAST_NEAR = 0.05
"""What is left of a label's worth where two texts are all but equal: a sure pair is asked about last, and not never."""


def duplicates_pool(folder: Path, *, seed: int) -> Pooled:
    """All pairs of a dropped document and the one that it was dropped for, both texts at hand.

    The score is the chance that they are the same text: a half at the least similarity of the step, straight up to
    nearly 1 for equal texts. It rises with the similarity and is not calibrated. Which of the two is shown first is
    drawn by lot.

    Raises:
        InputError: the folder is no output of `curate`, its texts are not those of its ledger, or it has no such pair.
    """
    ledger = LedgerTexts(folder)
    survivor = np.nan_to_num(ledger.numbers("survivor").astype(np.float64), nan=-1).astype(np.int64)
    ours = np.isin(ledger.step, STEPS)
    has_text = np.zeros(ledger.step.size, np.bool_)
    has_text[ledger.at_hand] = True
    rows = np.flatnonzero(ours & (survivor >= 0) & has_text & has_text[survivor])
    lost = int(np.count_nonzero(ours)) - rows.size
    if not rows.size:
        raise InputError(_nothing(folder, lost))
    others = survivor[rows]
    nearness = _nearness(ledger, rows)
    scores = surely(1 - nearness / 2)
    values = np.maximum(nearness, LEAST_NEAR) * weights_of(ledger.numbers("words")[rows])
    names = zip(ledger.ids(rows), ledger.ids(others), strict=True)
    ids = distinct([f"{gone} ~ {stays}" for gone, stays in names], rows.tolist())
    is_swapped = draws(seed, "which text is first", ids) % 2 == 1

    def items(chosen: Sequence[int]) -> Iterator[Item]:
        pairs = [
            (int(others[place]), int(rows[place]))
            if is_swapped[place]
            else (int(rows[place]), int(others[place]))
            for place in chosen
        ]
        for place, both in zip(chosen, ledger.read(pairs), strict=True):
            dropped = "second" if is_swapped[place] else "first"
            yield Item(
                id=ids[place],
                texts=tuple(document.text for document in both),
                places=tuple(document.place for document in both),
                hidden=Hidden(
                    facts=_facts(both, dropped),
                    marks=tuple(mark for number, one in enumerate(both) for mark in one.marks(number=number)),
                ),
                facts={"dropped": dropped},
                score=float(scores[place]),
                value=float(values[place]),
            )

    pairs = counted(rows.size, "pair")
    note = f"{pairs} of a near duplicate that was dropped and the document it was dropped for."
    return Pooled(
        ids=ids,
        values=values,
        scores=scores,
        items=items,
        note=note,
        lost=lost,
        said=(f"Left out, since one of the two texts is not at hand: {counted(lost, 'near duplicate')}.",)
        * bool(lost),
    )


def _nearness(ledger: LedgerTexts, rows: Rows) -> Numbers:
    """How near each pair is to the least similarity of its step, in [0, 1]: 1 at it, 0 for equal texts."""
    similarity = np.nan_to_num(ledger.numbers("score").astype(np.float64)[rows], nan=1.0)
    near = np.zeros(rows.size)
    for step in STEPS:
        ours = ledger.step[rows] == step
        if ours.any():
            least = _least(ledger.folder, step, float(similarity[ours].min()))
            near[ours] = (1 - similarity[ours]) / max(1 - least, 1e-9)
    return np.clip(near, 0, 1)


def _least(folder: Path, step: str, found: float) -> float:
    """The least similarity that the recipe names; where the step found its own, the least that it dropped at."""
    options = step_options(folder, step)
    if step == NEAR_DUPLICATES.name and options is not None:
        return min(found, float(NEAR_DUPLICATES.check(options)["similarity"]))
    return found


def _facts(both: Sequence[Document], dropped: str) -> dict[str, str]:
    gone = both[dropped == "second"].record
    told = {
        "dropped": f"the {dropped}",
        "similarity": "" if gone["score"] is None else f"{gone['score']:.3f}",
        "step": str(gone["step"]),
    }
    for name, one in zip(("first", "second"), both, strict=True):
        told |= {f"{name}: {fact}": value for fact, value in one.facts.items() if fact in _OF_EACH}
    return {name: value for name, value in told.items() if value}


_OF_EACH = ("id", "source", "date", "licence", "generator", "origin by evidence", "decision")


def _nothing(folder: Path, lost: int) -> str:
    if lost:
        return (
            f"{folder} dropped {lost:,} near duplicates, and none of the pairs has both its texts here. Run the recipe "
            "again so that dropped texts are kept, without --no-keep-rejected; copies of earlier sets are never here."
        )
    return (
        f"{folder} dropped no near duplicate, so that there is no pair to ask about. Ask about something else: "
        "--from origin; or lower `similarity` of near-duplicates.v1 in the recipe."
    )
