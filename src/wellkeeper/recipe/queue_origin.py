"""Queues about who wrote a document: all documents of a set, or those whose evidence disagrees.

What a label is worth is how doubtful the document is, times what it weighs, times what the answer decides (`DECIDES`).
Doubt is the entropy of the chance that the ledger's evidence gives; or, where that is more, how near the odds are to a
threshold of the recipe's `origin.v1`, since there a label decides even about a document that is hardly doubtful. Of a
document that a step held back for its origin the doubt is whole: the recipe asks for a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from wellkeeper.core.decision import Decision
from wellkeeper.core.evidence import BY_NAME, KINDS
from wellkeeper.core.origin import AI_MADE
from wellkeeper.mix.plan import HUMAN_FLOOR, SYNTHETIC_SHARE
from wellkeeper.origin.evidence import CONFLICT, probability
from wellkeeper.origin.steps import ARTEFACTS, CONFLICTING, FLAGGED, ORIGIN
from wellkeeper.recipe.decide import MIX
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.queue_pool import Numbers, Pooled, distinct, entropy, surely, weights_of
from wellkeeper.recipe.queue_texts import LedgerTexts, Rows, step_options
from wellkeeper.review.item import Hidden, Item

DECIDES: Mapping[str, float] = {
    "waits": 1.0,  # for its origin it is out until a person has looked
    "dropped": 0.8,  # for its origin: an answer brings it back
    "kept": 0.6,  # though the evidence is for a model: an answer drops it
    "likely": 0.3,  # kept, and likely rightly
    "elsewhere": 0.0,  # dropped for something else, whoever wrote it; only the random part may ask
}
"""What an answer decides, in [0, 1], by what became of the document: conventions of ours, which order the queue and
touch no estimate."""
NEAR = 1.0
"""log10 odds from a threshold of the recipe at which it no longer counts."""

_FOR_ORIGIN = (ORIGIN.name, ARTEFACTS.name)
_FOR_SHARE = (SYNTHETIC_SHARE, HUMAN_FLOOR)
_AI_MADE = tuple(origin.label for origin in AI_MADE)


def origin_pool(folder: Path) -> Pooled:
    """All documents whose text is at hand.

    Raises:
        InputError: the folder is no output of `curate`, or its texts are not those of its ledger.
    """
    ledger = LedgerTexts(folder)
    rows = ledger.at_hand
    odds = ledger.numbers("origin_log_odds").astype(np.float64)[rows]
    decides = _decided(ledger, rows, odds)
    doubt = np.maximum(entropy(probability(odds)), _nearness(odds, ledger, rows))
    doubt[decides == DECIDES["waits"]] = 1
    values = doubt * _weight(ledger, rows) * decides
    note = f"All documents of the set, kept and dropped, that have a text{ledger.but_for}."
    return _pooled(ledger, rows, values, note=note)


def conflicts_pool(folder: Path) -> Pooled:
    """Documents with evidence for a model and evidence for a person.

    A label is worth the weaker side's strength, in log10 of its likelihood ratio, up to 1 at `origin.evidence.CONFLICT`
    of both sides, from where on steps hold a document back; times what the document weighs.

    Raises:
        InputError: as of `origin_pool`.
    """
    ledger = LedgerTexts(folder)
    rows = ledger.at_hand
    held = np.isin(ledger.words("reason"), (CONFLICTING, FLAGGED)) & (
        ledger.decision == Decision.REVIEW.label
    )
    strength = np.where(held, CONFLICT, np.minimum(*_sides(ledger)))[rows]
    rows, strength = rows[strength > 0], strength[strength > 0]
    values = np.minimum(strength / CONFLICT, 1) * _weight(ledger, rows)
    many = counted(rows.size, "document") if rows.size else "No document"
    return _pooled(
        ledger,
        rows,
        values,
        note=f"{many} of the set, kept or dropped, with evidence for a model and for a person.",
    )


def _pooled(ledger: LedgerTexts, rows: Rows, values: Numbers, *, note: str) -> Pooled:
    scores = surely(probability(ledger.numbers("origin_log_odds").astype(np.float64)[rows]))
    ids = distinct(ledger.ids(rows), rows.tolist())

    def items(chosen: Sequence[int]) -> Iterator[Item]:
        found = ledger.read([(int(rows[place]),) for place in chosen])
        for place, (document,) in zip(chosen, found, strict=True):
            yield Item(
                id=ids[place],
                texts=(document.text,),
                places=(document.place,),
                hidden=Hidden(facts=document.facts, marks=document.marks()),
                facts={"document": document.place.id},
                score=float(scores[place]),
                value=float(values[place]),
            )

    return Pooled(ids=ids, values=values, scores=scores, items=items, note=note, lost=ledger.lost)


def _nearness(odds: Numbers, ledger: LedgerTexts, rows: Rows) -> Numbers:
    """How near odds are to a threshold of the recipe, in [0, 1]: 1 at it, 0 from a factor of 10 on.

    Documents that their source declares AI-made are not ruled by thresholds.
    """
    near = np.zeros(odds.size)
    for chance in _thresholds(ledger.folder):
        if 0 < chance < 1:
            threshold = np.log10(chance / (1 - chance))
            near = np.maximum(near, 1 - np.abs(odds - threshold) / NEAR)
    near[np.isin(ledger.words("origin_declared")[rows], _AI_MADE)] = 0
    return near


def _thresholds(folder: Path) -> tuple[float, ...]:
    """Chances at which the recipe's `origin.v1` drops documents or holds them back; none without that step."""
    options = step_options(folder, ORIGIN.name)
    if options is None:
        return ()
    checked = ORIGIN.check(options)
    return (checked["drop_above"], *(checked["review_between"] or ()))


def _weight(ledger: LedgerTexts, rows: Rows) -> Numbers:
    """By words, and by the sampling weight of documents that are kept."""
    sampled = np.nan_to_num(ledger.numbers("weight").astype(np.float64)[rows], nan=1.0)
    return weights_of(ledger.numbers("words")[rows]) * sampled


def _decided(ledger: LedgerTexts, rows: Rows, odds: Numbers) -> Numbers:
    """What an answer decides, by `DECIDES`."""
    decision, step = ledger.decision[rows], ledger.step[rows]
    kept, ours = decision == Decision.KEEP.label, np.isin(step, _FOR_ORIGIN)
    mixed_out = (step == MIX) & np.isin(ledger.words("reason")[rows], _FOR_SHARE)
    return np.select(
        [
            ours & (decision == Decision.REVIEW.label),
            kept & (odds > 0),
            kept,
            ours | mixed_out,
        ],
        [DECIDES["waits"], DECIDES["kept"], DECIDES["likely"], DECIDES["dropped"]],
        DECIDES["elsewhere"],
    )


def _sides(ledger: LedgerTexts) -> tuple[Numbers, Numbers]:
    """The strongest evidence for a model and for a person on each document, log10, shape (documents,), 0 or more."""
    mask = ledger.numbers("evidence_mask").astype(np.uint64)
    model, person = np.zeros(mask.size), np.zeros(mask.size)
    for kind in KINDS:
        if kind.weight:
            seen = (mask >> np.uint64(kind.bit) & np.uint64(1)) != 0
            side = model if kind.weight > 0 else person
            np.maximum(side, np.where(seen, abs(kind.weight), 0), out=side)
    own = np.uint64(
        sum(1 << BY_NAME[name].bit for name in ("style", "watermark"))
    )  # worth what the document says
    for piece in ledger.evidence(np.flatnonzero(mask & own).tolist()).table.to_pylist():
        if piece["kind"] in ("style", "watermark"):
            side = model if piece["weight"] > 0 else person
            side[piece["row"]] = max(side[piece["row"]], abs(piece["weight"]))
    return model, person
