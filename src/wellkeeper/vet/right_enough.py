"""The first condition of the gate: what the verifiers kept is right often enough.

By a card that was measured on labelled texts, or, better, by labels of a random part of the set itself.
"""

import math
from collections.abc import Mapping
from typing import Any

from wellkeeper.measure.verifier import Audited, KeptRight, audited_right, kept_right, risen
from wellkeeper.vet.cards import FEWEST_LABELLED, FEWEST_OF_EACH, Card, Labelled
from wellkeeper.vet.condition import Condition, Passed

LEAST_RIGHT = 0.5
"""Share right that the kept part must have: above it, and only above it, training goes the right way [1].

[1] Feng et al., ICLR 2025, arXiv 2406.07515; `wellkeeper.measure.verifier` has the arithmetic.
"""
_UNLIKE = 0.01
"""At most this p-value of being kept no more often than the card's right texts, or no less often than its wrong ones:
the set is unlike them, for whatever share of it is right, between the two it must lie."""
_ENOUGH = (
    f"{FEWEST_LABELLED} labelled texts or more, at least {FEWEST_OF_EACH} right and {FEWEST_OF_EACH} wrong"
)


def verifier_condition(
    found: Labelled, *, card: Card | None, audited: Audited | None = None, least_right: float = LEAST_RIGHT
) -> Condition:
    """Whether what was kept is right often enough, by the one-sided 95 % bounds of its share.

    Fails where the bound from above is below `least_right`, and where a card that is not of few labels cannot tell phi
    from psi: such a verifier keeps wrong texts as often as right ones. Nothing can be told where the card is of texts
    unlike these: more of the set was kept than of the texts labelled right, or less than of those labelled wrong.

    Args:
        found: verdicts on the items of the set.
        card: of the very verifier that gave them; None: it has none, and without `audited` nothing can be told.
        audited: labels of a random part of the set itself; they go before the card where any is of a text kept.
        least_right: share, in [0, 1), that must be right.

    Raises:
        DataError: more texts were audited than accepted.
    """
    figures: dict[str, Any] = {
        "accepted": found.accepted,
        "rejected": found.rejected,
        "unknown": found.unknown,
        "least_right": least_right,
    }
    if card is not None:
        figures |= {
            "phi": None if card.phi is None else card.phi.to_json(),
            "psi": None if card.psi is None else card.psi.to_json(),
            "threshold": card.threshold,
            "labelled": card.labelled,
            "p_chance": card.p_chance,
        }
    if not found.accepted:
        return _verifier(
            "not enough data",
            f"None of {_counted(found)} was accepted.",
            "Look at the reasons of the rejections: the generator, or the verifiers, may be at fault.",
            figures,
        )
    if audited is not None and audited.accepted.of:
        right = audited_right(audited, kept=found.accepted)
        figures |= {"by": "audit", "audited": audited.labels, **_right_json(right)}
        said = (
            f"People labelled {audited.accepted.of} of {found.accepted} accepted texts, and "
            f"{audited.accepted.kept} are right"
        )
        return _by_bounds(right, said, figures, least_right, "audited texts")
    if card is None:
        return _verifier(
            "not enough data",
            f"{_counted(found)}: {found.accepted} accepted. How often the verifier is right was never measured.",
            "Measure it on texts that people labelled (wellkeeper verifier LABELLED --verifiers FILE --out card.json), "
            "and give the card, or label a random part of the set (--audited FILE).",
            figures,
        )
    return _by_card(found, card, figures, least_right)


def _by_card(found: Labelled, card: Card, figures: dict[str, Any], least_right: float) -> Condition:
    if not card.right.told or not card.wrong.told:
        return _verifier(
            "not enough data",
            f"The card of {card.name} has {card.right.told} verdicts on right texts and {card.wrong.told} on wrong "
            "ones.",
            "Measure it on more labelled texts of both kinds.",
            figures,
        )
    right = kept_right(card.right.kept, card.wrong.kept, found.kept)
    figures |= {"by": "card", **_right_json(right)}
    rates = _rates(card)
    told = f"{card.right.told} right and {card.wrong.told} wrong texts with a verdict"
    if not card.is_better_than_chance:
        return _verifier(
            "not enough data" if card.is_few else "fail",
            f"{rates}: it keeps wrong texts as often as right ones, as far as {told} tell.",
            f"Measure it on {_ENOUGH}." if card.is_few else "Use another verifier.",
            figures,
        )
    unlike, less = _unlike(found, card)
    figures["p_unlike"] = unlike
    if unlike <= _UNLIKE:
        side, labelled = ("less", card.wrong) if less else ("more", card.right)
        return _verifier(
            "not enough data",
            f"{found.accepted} of {found.told} texts were kept, {side} than of the texts that people call "
            f"{'wrong' if less else 'right'} ({labelled.accepted} of {labelled.told}): the card is of texts unlike "
            "these.",
            "Label a random part of this set, and give it as --audited FILE.",
            figures,
        )
    few = f" (by only {told})" if card.is_few else ""
    said = f"{rates}{few}; it kept {found.accepted} of {found.told}"
    return _by_bounds(right, said, figures, least_right, "labels")


def _unlike(found: Labelled, card: Card) -> tuple[float, bool]:
    """The p-value of a set like the card's texts, and whether less of it was kept than of any of them.

    It is the smaller of two, of which only one can be small: phi is above psi here.
    """
    more = risen(card.right.kept, found.kept)
    less = risen(found.kept, card.wrong.kept)
    return min(more, less), less < more


def _by_bounds(
    right: KeptRight, said: str, figures: Mapping[str, Any], least_right: float, more: str
) -> Condition:
    after = right.after
    said = f"{said}: {after.estimate:.1%} of what was kept is right, at least {_never_sure(right.least):.1%}"
    if right.least >= least_right:
        return _verifier("pass", f"{said}; {least_right:.0%} is needed.", "", figures)
    if right.most < least_right:
        return _verifier(
            "fail",
            f"{said} and at most {right.most:.1%}; {least_right:.0%} is needed.",
            "Use a stricter verifier, add a second one, or a better generator.",
            figures,
        )
    return _verifier(
        "not enough data",
        f"{said} and at most {right.most:.1%}; {least_right:.0%} is needed.",
        f"Get more {more}, or add a second verifier.",
        figures,
    )


def _never_sure(least: float) -> float:
    """A bound from below as it is told: what rests on labelled texts is not told as 100 %, however it is rounded."""
    return min(math.floor(1000 * least), 999) / 1000


def _verifier(passed: Passed, said: str, then: str, figures: Mapping[str, Any]) -> Condition:
    return Condition(name="verifier", passed=passed, said=said, next=then, figures=figures)


def _counted(found: Labelled) -> str:
    unknown = f" and {found.unknown} without a verdict" if found.unknown else ""
    return f"{found.told} texts with a verdict{unknown}"


def _rates(card: Card) -> str:
    assert card.phi is not None
    assert card.psi is not None
    return (
        f"{card.name} keeps {card.phi.estimate:.0%} of right texts ({card.phi.low:.0%} to {card.phi.high:.0%}) and "
        f"{card.psi.estimate:.0%} of wrong ones ({card.psi.low:.0%} to {card.psi.high:.0%})"
    )


def _right_json(right: KeptRight) -> dict[str, Any]:
    return {
        "right_before": right.before.to_json(),
        "right_after": right.after.to_json(),
        "least": right.least,
        "most": right.most,
    }
