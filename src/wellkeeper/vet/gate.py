"""The gate of a synthetic set: conditions that must all hold before the set may be trained on.

Each is made of plain numbers or of what a measure found, and says with its figures what was found and what to do next.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wellkeeper.measure.tail_cost import Kept as TailKept
from wellkeeper.measure.two_corpora import Judgement
from wellkeeper.measure.verdicts import holm
from wellkeeper.vet.condition import Admission, Condition, Passed, admission
from wellkeeper.vet.register import Round, rounds_alone
from wellkeeper.vet.right_enough import LEAST_RIGHT, verifier_condition

__all__ = [
    "ALLOWED", "LEAST_RIGHT", "LEVEL", "ROUNDS", "SHARE_CAP", "SHARPEST", "Admission", "Condition", "Passed",
    "admission", "carries", "contamination_condition", "diversity_condition", "register_condition", "share_condition",
    "tail_condition", "verifier_condition",
]  # fmt: skip

LEVEL = 0.05
ALLOWED = 0.95
"""Of the tail that chance would have left, one part in twenty may go, as in every curation."""
SHARPEST = ("topics", "cells")
"""Tests whose intervals tell whether the tail could have been halved unseen; where there is neither, all do."""
SHARE_CAP = 0.1
"""Most synthetic share of a mix, where nothing else is said: seasoning."""
ROUNDS = 2
"""Consecutive rounds that one family of verifiers may decide alone, without labels by people."""
_HALVED = 0.5


def tail_condition(kept: Mapping[str, TailKept], *, rejected: int, allowed: float = ALLOWED) -> Condition:
    """Whether verification let go of rare content more than of common content.

    A loss counts if it is significant at .05, Holm's adjustment for several tests made here, and larger than allowed.
    Where no test could have told a tail that was halved, by its interval, nothing is told.

    Args:
        kept: by the name of the test ("topics", "documents", "words" as `recipe.tail_cost` has them, and "cells" that
            texts were asked for), what was left of the tail over what chance, or the head, left, with the p-value as
            the test gave it. Empty: no test could be made.
        rejected: texts that verification took out; none: the tail lost nothing.
        allowed: share of the tail that must be left, in (0, 1].
    """
    figures: dict[str, Any] = {"rejected": rejected, "allowed": allowed}
    if not rejected:
        return _tail("pass", "Nothing was rejected, and no tail lost.", "", figures)
    if not kept:
        return _tail(
            "not enough data",
            f"{rejected} texts were rejected, and too few rare words and topics are known to tell what the tail lost.",
            "Give a larger human reference, or vet more texts at once.",
            figures,
        )
    adjusted = holm(np.array([one.p for one in kept.values()]))
    found = {
        name: {**one.to_json(), "p_adjusted": p}
        for (name, one), p in zip(kept.items(), adjusted.tolist(), strict=True)
    }
    figures["tests"] = found
    least = min(found, key=lambda name: found[name]["estimate"])
    worst = f"{found[least]['estimate']:.0%} of what chance leaves, by {least}"
    lost = [name for name, one in found.items() if one["p_adjusted"] <= LEVEL and one["estimate"] < allowed]
    if lost:
        told = " and ".join(
            f"by {name} {found[name]['estimate']:.0%} (p = {found[name]['p_adjusted']:.2g})" for name in lost
        )
        return _tail(
            "fail",
            f"Verification ate the tail: of what chance leaves it kept, {told}; {allowed:.0%} is allowed.",
            "Look at the rejected texts of rare cells: the verifier may not know them. Add one that does, or have "
            "people look at those.",
            figures,
        )
    telling = [name for name in SHARPEST if name in found] or list(found)
    sharpest = max(telling, key=lambda name: found[name]["low"])
    test = found[sharpest]
    if test["low"] < _HALVED:
        return _tail(
            "not enough data",
            f"By {sharpest}, {test['estimate']:.0%} of the tail was kept, and so few texts cannot tell whether it is "
            f"half ({test['low']:.0%} to {test['high']:.0%}).",
            "Vet more texts at once, or give a larger human reference.",
            figures,
        )
    return _tail("pass", f"The tail was kept: at least {worst}.", "", figures)


def _tail(passed: Passed, said: str, then: str, figures: Mapping[str, Any]) -> Condition:
    return Condition(name="tail", passed=passed, said=said, next=then, figures=figures)


_FIGURES = {
    "q0": "distinct {}",
    "q1": "effective number of {}",
    "q2": "effective number of common {}",
    "tail_mass": "share of rare {}",
    "tail_recall": "rare human {} that it has",
    "lost_mass": "human {} that it lacks, by use",
    "invented_mass": "{} that people do not use",
}
"""What the figures of `wellkeeper.measure.two_corpora` are called in a sentence."""


def diversity_condition(
    judged: Judgement, *, margin: float, share: float, most: float | None = None
) -> Condition:
    """Whether the seasoned mix is no poorer than the human reference by more than the margin.

    Args:
        judged: the mix held against the reference.
        margin: change that does not matter, as a share.
        share: of synthetic documents in the mix, in [0, 1].
        most: the largest share at which it passes, where that was looked for.
    """
    figures = {**judged.to_json(), "margin": margin, "share": share, "most": most}
    mix = f"A mix with {share:.0%} of these texts"
    less = "" if most is None else f" It passes up to a share of {most:.1%}."
    if judged.verdict == "not worse":
        said = f"{mix} is no poorer than people's texts alone, by more than {margin:.0%}.{less}"
        return Condition(name="diversity", passed="pass", said=said, figures=figures)
    if judged.verdict == "worse":
        found = ", ".join(
            f"{_FIGURES.get(change.figure, change.figure).format(family)} {change.change.estimate:+.1%}"
            for family, change in judged.worse[:3]
        )
        return Condition(
            name="diversity",
            passed="fail",
            said=f"{mix} is poorer than people's texts alone: {found}; {margin:.0%} is allowed.{less}",
            next="Ask for less of it."
            if most
            else "Generate texts of the cells that are missing, at temperature 1.",
            figures=figures,
        )
    needed = judged.documents_to_decide
    documents = f"with about {needed[0]:,} documents of people" if needed else "with more documents of people"
    return Condition(
        name="diversity",
        passed="not enough data",
        said=f"Whether {mix[0].lower()}{mix[1:]} is poorer than people's texts alone cannot be told.{less}",
        next=f"Vet it {documents} as the reference, or allow a larger margin.",
        figures=figures,
    )


def contamination_condition(
    *, left: int, dropped: int, of: int, evaluations: int, waived: bool = False
) -> Condition:
    """Whether accepted texts overlap with evaluation sets or copy the human reference.

    Args:
        left: accepted texts that still do, above the threshold.
        dropped: texts that did and were taken out.
        of: texts that were looked at.
        evaluations: evaluation sets that were given; none: nobody knows, unless `waived`.
        waived: the user says that there is no evaluation set to keep clear of.
    """
    figures = {"left": left, "dropped": dropped, "of": of, "evaluations": evaluations, "waived": waived}
    name = "contamination"
    gone = f" {dropped} of {of} were taken out for it." if dropped else ""
    if left:
        return Condition(
            name=name,
            passed="fail",
            said=f"{left} accepted texts overlap with an evaluation set or copy a human text.{gone}",
            next="Take them out: they are listed with what they overlap with.",
            figures=figures,
        )
    if not evaluations and not waived:
        return Condition(
            name=name,
            passed="not enough data",
            said=f"No accepted text copies a human one.{gone} No evaluation set was given to look for.",
            next="Give the tests that the model will be measured by (--evaluation FILE), or say that there are none.",
            figures=figures,
        )
    sets = f"{evaluations} evaluation set{'s' * (evaluations != 1)}" if evaluations else "an evaluation set"
    said = f"No accepted text overlaps with {sets} or copies a human one.{gone}"
    return Condition(name=name, passed="pass", said=said, figures=figures)


def share_condition(*, wanted: float, human: int, accepted: int, cap: float = SHARE_CAP) -> Condition:
    """Whether the synthetic share that is asked for is under the cap; says how many items the human core carries.

    Args:
        wanted: share of synthetic documents in the mix, in [0, 1).
        human: documents of the human core, all kept.
        accepted: synthetic documents that there are.
        cap: most share that is allowed.
    """
    carried = carries(human, wanted)
    figures = {
        "wanted": wanted,
        "cap": cap,
        "human": human,
        "accepted": accepted,
        "carried": carried,
        "carried_at_cap": carries(human, cap),
    }
    if wanted > cap:
        return Condition(
            name="share",
            passed="fail",
            said=f"A synthetic share of {wanted:.1%} is asked for, and {cap:.1%} is the most.",
            next=f"Ask for --share {cap:g}: {human} human documents carry {carries(human, cap)} synthetic ones then.",
            figures=figures,
        )
    there = f"; there are {accepted}" if accepted < carried else f" of the {accepted} that there are"
    said = f"{human} human documents, all kept, carry {carried} synthetic ones at {wanted:.1%}{there}."
    return Condition(name="share", passed="pass", said=said, figures=figures)


def carries(human: int, share: float) -> int:
    """Synthetic documents that make up a share, in [0, 1), of a mix with so many human ones.

    >>> carries(900, 0.1)
    100
    """
    return int(human * share / (1 - share) + 1e-9)


def register_condition(earlier: Sequence[Round], present: Round, *, most: int = ROUNDS) -> Condition:
    """Whether one family of verifiers has decided alone for too long, without labels by people.

    Families that compare with each task's own answer (`register.WITHOUT_TASTE`) may do so for ever.

    Args:
        earlier: rounds of the register, oldest first, of the same line of models.
        present: this one.
        most: consecutive rounds that it may.
    """
    alone = rounds_alone(earlier, present)
    family = " and ".join(present.families)
    figures = {"rounds": len(earlier) + 1, "alone": alone, "most": most, "families": list(present.families)}
    if alone > most:
        return Condition(
            name="register",
            passed="fail",
            said=f"{family} has decided alone for {alone} rounds, without labels by people; {most} are allowed.",
            next="Rotate: add a verifier of another kind or model, or have people label a part (--audited FILE).",
            figures=figures,
        )
    said = (
        f"{family} decides alone in round {alone} of {most} that are allowed."
        if alone
        else _not_alone(present)
    )
    return Condition(name="register", passed="pass", said=said, figures=figures)


def _not_alone(present: Round) -> str:
    if present.labels:
        return f"No verifier decides alone: people labelled {present.labels} texts."
    if len(present.families) > 1:
        return f"No verifier decides alone: {' and '.join(present.families)} decided."
    if present.families == ("human",):
        return "People decide."
    return f"{present.families[0]} decides by each task's own answer: it has no taste that a model could drift to."
