"""Queues about whether generated texts are right: a set that `vet` wrote, or a file of texts that wait for people.

What a label is worth: whole for a text that waits for a person, since nothing else lets it in; next for one that some
verifiers rejected and others did not; else the entropy of the chance that it is right, by the verifiers' card. Times
what the text weighs and what the answer decides (`DECIDES`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError
from wellkeeper.filter.verified import ACCEPTED, REJECTED, SAID, UNKNOWN, VERIFIED
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.queue_pool import UNKNOWN as NOTHING_KNOWN
from wellkeeper.recipe.queue_pool import Pooled, distinct, entropy, surely, weights_of
from wellkeeper.recipe.queue_texts import Document, LedgerTexts, Rows
from wellkeeper.recipe.vetted import gate_of
from wellkeeper.recipe.vetting_verdicts import PROMPT, REFERENCES
from wellkeeper.review.item import Hidden, Item
from wellkeeper.suites.scorers.judge import as_text
from wellkeeper.vet.labels import read_set
from wellkeeper.vet.people import judged

DECIDES: Mapping[str, float] = {
    "waits": 1.0,  # it is out until a person has looked
    "disagree": 0.7,  # some verifiers rejected it, and not all
    "decided": 0.5,  # all said the same
    "elsewhere": 0.0,  # dropped for something else, right or wrong; only the random part may ask
}
"""What an answer decides, in [0, 1], by what the verifiers said: conventions of ours, which order the queue and touch
no estimate."""


def vetted_pool(folder: Path, *, prompt: str | None = None) -> Pooled:
    """All texts of a vetted set, let in or not, that are at hand.

    The score is the chance that a text is right, by Bayes' rule from what was said of it, the card's phi and psi, and
    the share of the set that is right; a half where the gate knows none of them.

    Args:
        folder: what `vet` wrote.
        prompt: column with what a text answers; None: `PROMPT`.

    Raises:
        InputError: the folder is no such set, or its texts are not those of its ledger.
    """
    ledger = LedgerTexts(folder)
    gate = gate_of(str(folder))
    if gate is None and not np.any(ledger.step == VERIFIED.name):
        raise InputError(
            f"{folder} was not vetted: no verifier said of its texts whether they are right. Vet generated texts "
            "(wellkeeper vet), or ask who wrote these: --from origin."
        )
    gate = gate or {}
    rows = ledger.at_hand
    said, is_doubted = _said(ledger, rows, gate)
    chances = _chances(gate)
    scores = surely(np.array([chances[one] for one in said.tolist()]))
    doubt = np.where((said == UNKNOWN) | is_doubted, 1.0, entropy(scores))
    values = doubt * weights_of(ledger.numbers("words")[rows]) * _decided(ledger, rows, said, is_doubted)
    ids = distinct(ledger.ids(rows), rows.tolist())

    def items(chosen: Sequence[int]) -> Iterator[Item]:
        columns = (prompt or PROMPT, REFERENCES, *_PLAIN)
        found = ledger.read([(int(rows[place]),) for place in chosen], columns)
        for place, (document,) in zip(chosen, found, strict=True):
            yield _item(
                _generated(document, prompt or PROMPT),
                id=ids[place],
                places=(document.place,),
                told={"verifiers": said[place], **document.facts},
                score=float(scores[place]),
                value=float(values[place]),
            )

    return Pooled(
        ids=ids,
        values=values,
        scores=scores,
        items=items,
        note=f"All texts of the vetted set, let in or not{ledger.but_for}.",
        lost=ledger.lost,
    )


def waiting_pool(path: Path) -> Pooled:
    """All texts of a file: JSON lines as `wellkeeper.core.generated` has them, such as the `queue` of verifiers.

    Nothing is known of them: the score is a half, and the value what a text weighs.

    Raises:
        InputError: the file cannot be read, holds no text, or a line is none; the message names the line.
    """
    texts = read_set(path)
    values = weights_of(np.array([len(one.text.split()) for one in texts]))

    def items(chosen: Sequence[int]) -> Iterator[Item]:
        for place in chosen:
            one = texts[place]
            told = {"id": one.id, "generator": one.generator}
            yield _item(one, id=one.id, told=told, score=NOTHING_KNOWN, value=float(values[place]))

    return Pooled(
        ids=[one.id for one in texts],
        values=values,
        scores=np.full(len(texts), NOTHING_KNOWN),
        items=items,
        note=f"{counted(len(texts), 'text')}, all of {path.name}.",
    )


def _said(
    ledger: LedgerTexts, rows: Rows, gate: Mapping[str, Any]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """What the verifiers said of each text, and whether some of them said otherwise."""
    ours = ledger.step[rows] == VERIFIED.name
    held = ledger.decision[rows] == Decision.REVIEW.label
    said = np.select([ours & held, ours], [UNKNOWN, REJECTED], ACCEPTED).astype(object)
    names = [str(one["name"]) for one in gate.get("verifiers", {}).get("each", ())]
    reasons = ledger.words("reason")[rows]
    named = np.array([sum(f"{name}: " in f"{reason}: " for name in names) for reason in reasons.tolist()])
    return said, (said == REJECTED) & (named > 0) & (named < len(names))


def _chances(gate: Mapping[str, Any]) -> dict[str, float]:
    """The chance that a text is right, by what was said of it."""
    conditions = {one.get("condition"): one.get("figures") or {} for one in gate.get("gate", ())}
    figures = conditions.get("verifier", {})
    phi, psi, share = ((figures.get(name) or {}).get("estimate") for name in ("phi", "psi", "right_before"))
    if phi is None or psi is None or share is None:
        return dict.fromkeys(SAID, NOTHING_KNOWN)

    def bayes(right: float, wrong: float) -> float:
        both = share * right + (1 - share) * wrong
        return share * right / both if both > 0 else NOTHING_KNOWN

    return {ACCEPTED: bayes(phi, psi), REJECTED: bayes(1 - phi, 1 - psi), UNKNOWN: share}


def _decided(
    ledger: LedgerTexts, rows: Rows, said: NDArray[np.object_], is_doubted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What an answer decides, by `DECIDES`."""
    elsewhere = (ledger.decision[rows] != Decision.KEEP.label) & (ledger.step[rows] != VERIFIED.name)
    return np.select(
        [elsewhere, said == UNKNOWN, is_doubted],
        [DECIDES["elsewhere"], DECIDES["waits"], DECIDES["disagree"]],
        DECIDES["decided"],
    )


# --- items ----------------------------------------------------------------------------------------

_OF_EACH = (
    "verifiers",
    "right answers",
    "decision",
    "reason",
    "score",
    "step",
    "id",
    "source",
    "licence",
    "generator",
)
_PLAIN = ("finish", "template", "cell", "rare", "temperature", "seed")
"""Columns of a vetted set that a verifier may want again, named as fields of `Generated`."""


def _item(one: Generated, *, told: Mapping[str, str], **of_item: Any) -> Item:
    """A generated text as an item: labels find it by its id and the digest of what was judged."""
    told = {**told, "right answers": "; ".join(one.references)}
    facts = {name: told[name] for name in _OF_EACH if told.get(name)}
    rest = {name: value for name, value in one.to_json().items() if name != "text"}
    return Item(
        texts=(one.text,),
        prompt="" if one.prompt is None else as_text(one.prompt),
        hidden=Hidden(facts=facts),
        facts={"id": one.id, "sha256": judged(one), "generated": json.dumps(rest, ensure_ascii=False)},
        **of_item,
    )


def _generated(document: Document, prompt: str) -> Generated:
    """A document of a vetted set as verifiers saw it."""
    extras, record = document.extras, document.record
    plain = {"id": record["id"], "text": document.text}
    asked = _decoded(extras.get(prompt), _is_turn)
    if isinstance(asked, str | list) and asked:
        plain["prompt"] = asked
    known = {name: extras[name] for name in _PLAIN if name in extras}
    references = _decoded(extras.get(REFERENCES), _is_plain)
    known["references"] = references if isinstance(references, list) else [references] * bool(references)
    try:
        return Generated.from_json({**known, "generator": record["generator"] or "", **plain})
    except (KeyError, TypeError, ValueError):  # columns of those names that mean something else
        return Generated(**plain)


def _decoded(stored: Any, is_one: Callable[[Any], bool]) -> Any:
    """A value, or the list of such as a column of texts has it: as JSON."""
    if not isinstance(stored, str) or not stored.startswith("["):
        return stored
    try:
        many = json.loads(stored)
    except ValueError:
        return stored
    return many if many and all(map(is_one, many)) else stored


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= {"role", "content"}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)
