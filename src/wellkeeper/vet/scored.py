"""Verifiers that score: any scorer of a suite, and the score from which on a text is accepted.

A check that ran out of time, failed, or contradicts itself has no score: its verdict is unknown, and never a rejection.
Options of scorers that count such an answer as wrong are refused here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellkeeper.core.answers import Output
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError, WellkeeperError, did_you_mean
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scorers.python_code import PythonCode
from wellkeeper.suites.scoring import Ask, Score, Scorer
from wellkeeper.suites.suite import SuiteItem
from wellkeeper.vet.reach import reach
from wellkeeper.vet.verdicts import Verdict

VERSION = 1
"""Of how a score becomes a verdict: part of every digest, so that cards of another way are not taken for ours."""
_COUNTS_AS_WRONG = {"over-limit": "wrong", "disagreement": "half"}
_JUDGE = "judge"
_CHOICES = "choices"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredVerifier:
    """Accepts what its scorer gives at least so much."""

    name: str
    family: str
    digest: str
    scorer: Scorer
    least: float  # score, in (0, 1], from which on a text is accepted

    def check(self, item: Generated) -> None:
        """Refuse an item that lacks what the scorer needs.

        Raises:
            InputError: it has no reference, for a scorer that compares with one.
        """
        self.scorer.check(_suite_item(item))

    def verdict(self, item: Generated) -> Verdict:
        """What it says of a text.

        Raises:
            WellkeeperError: the item lacks what the scorer needs, or a judge cannot be asked at all.
        """
        try:
            score = self.scorer.score(_suite_item(item), Output(text=item.text, finish=item.finish))
        except WellkeeperError:
            raise
        except Exception as error:  # noqa: BLE001 - a check that broke says nothing of the text
            score = Score(value=None, note=f"the check broke: {type(error).__name__}")
        if score.value is None:
            return Verdict(said="unknown", note=score.note)
        if score.value < self.least:
            return Verdict(said="rejected", value=score.value, note=score.note)
        if isinstance(self.scorer, PythonCode) and (
            found := reach(self.scorer.code(_suite_item(item), item.text))
        ):
            note = f"its tests pass, but it could have made them pass ({found}): have a person look"
            return Verdict(said="unknown", value=score.value, note=note)
        return Verdict(said="accepted", value=score.value, note=score.note)


def scored(name: str, spec: Mapping[str, Any], ask: Ask | None, judge: str) -> ScoredVerifier:
    """The verifier that an entry describes, its name taken.

    Raises:
        InputError: an option's value does not do, or a judge has no model.
        MissingExtraError: the kind needs a package that is not installed.
    """
    options = {option: value for option, value in spec.items() if option != "accept"}
    least = _least(name, spec)
    for option, value in _COUNTS_AS_WRONG.items():
        if options.get(option) == value:
            raise InputError(
                f"The verifier {name} says {option}: {value}, and a check that came to no end is unknown, never wrong. "
                f"Leave {option} out."
            )
    if options.get("by") == "logprob":
        raise InputError(
            f"The verifier {name} goes by: logprob, and a written text has no chances of letters. Leave it out."
        )
    scorer = scorer_of(options, ask=ask)
    assert scorer is not None, "an entry has a kind"
    is_judge = options["kind"] == _JUDGE
    told = {"version": VERSION, "least": least, **options, **({"model": judge} if is_judge else {})}
    return ScoredVerifier(
        name=name,
        family=f"{_JUDGE} {judge}".strip() if is_judge else str(options["kind"]),
        digest=hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest(),
        scorer=scorer,
        least=least,
    )


def _least(name: str, spec: Mapping[str, Any]) -> float:
    accept = spec.get("accept", {"at-least": 1.0})
    advice = "Write accept: {at-least: 1.0}, the score above 0 and up to 1 from which on a text is accepted."
    if not isinstance(accept, Mapping):
        raise InputError(f"accept of the verifier {name} is {accept!r}. {advice}")
    for key in accept:
        if key != "at-least":
            raise InputError(
                f"accept of the verifier {name} has no option {key}.{did_you_mean(str(key), ['at-least'])} {advice}"
            )
    least = accept.get("at-least", 1.0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1:
        raise InputError(f"at-least of the verifier {name} is {least!r}. {advice}")
    return float(least)


def _suite_item(item: Generated) -> SuiteItem:
    return SuiteItem(
        name=item.id,
        prompt="" if item.prompt is None else item.prompt,
        references=item.references,
        choices=_choices(item),
    )


def _choices(item: Generated) -> tuple[str, ...]:
    """What a multiple choice lets choose from, which the user's file has as a list."""
    try:
        told = json.loads(item.facts.get(_CHOICES, "[]"))
    except ValueError:
        return ()
    return tuple(map(str, told)) if isinstance(told, list) else ()
