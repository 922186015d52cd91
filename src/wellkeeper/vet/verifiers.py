"""Verifiers of generated texts: rules, tests, judges and people, alone or several together.

A file of verifiers is YAML:

    verifiers:
      - name: right number
        kind: numeric            # any scorer of a suite, with its options; or human
        tolerance: 0.01
        accept: {at-least: 1.0}  # the score, up to 1, from which on a text is accepted; the default
      - name: our editors
        kind: human
        queue: waiting.jsonl     # gets the texts that wait for a person
        labels: labels.jsonl     # has what people said

Paths are relative to the file.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wellkeeper.core.generated import Generated
from wellkeeper.engine.completions import at_once as working_at_once
from wellkeeper.engine.yaml_document import Document, read_document
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.suites.scorers import KINDS as SCORERS
from wellkeeper.suites.scoring import Ask
from wellkeeper.vet.people import HumanVerifier
from wellkeeper.vet.scored import scored
from wellkeeper.vet.verdicts import Said, Verdict, Verifier

HUMAN = "human"
KINDS: tuple[str, ...] = (*SCORERS, HUMAN)
"""What a file may name."""
_BEGINS = (
    "A file of verifiers is a mapping; begin with `verifiers:` and a list of entries with name and kind."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierSet:
    """Several verifiers as one: a text is accepted if all accept it, rejected if one rejects it, else unknown.

    All are asked, so that the verdict's `by` says what each found. It is a `Verifier`, and has a card of its own.
    """

    verifiers: tuple[Verifier, ...]

    @property
    def name(self) -> str:
        """The names of all, with + between them."""
        return " + ".join(verifier.name for verifier in self.verifiers)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of the digests of all."""
        told = sorted(verifier.digest for verifier in self.verifiers)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def families(self) -> tuple[str, ...]:
        """As `families_of` all."""
        return tuple(sorted({family for verifier in self.verifiers for family in families_of(verifier)}))

    def check(self, item: Generated) -> None:
        """As of all verifiers.

        Raises:
            InputError: the item lacks what one of them needs.
        """
        for verifier in self.verifiers:
            verifier.check(item)

    def verdict(self, item: Generated) -> Verdict:
        """As of all verifiers; `by` has what each says, by its name, and the note is of those that decided."""
        found = {verifier.name: verifier.verdict(item) for verifier in self.verifiers}
        by: dict[str, Said] = {name: verdict.said for name, verdict in found.items()}
        said: Said = (
            "rejected" if "rejected" in by.values() else "unknown" if "unknown" in by.values() else "accepted"
        )
        notes = [f"{name}: {verdict.note}" for name, verdict in found.items() if verdict.said == said]
        values = [verdict.value for verdict in found.values() if verdict.value is not None]
        return Verdict(
            said=said,
            value=min(values, default=None),
            note="" if said == "accepted" else "; ".join(notes),
            by=by,
        )


def families_of(verifier: Verifier) -> tuple[str, ...]:
    """What a verifier is, each once, sorted: "exact", "python", "judge MODEL", "human".

    Two of one family lean the same way, and are not independent.
    """
    if isinstance(verifier, VerifierSet):
        return verifier.families
    return (str(getattr(verifier, "family", verifier.name)),)


# --- as a file describes them ------------------------------------------------------------------------------------


def verifier_of(
    spec: Mapping[str, Any], ask: Ask | None = None, *, judge: str = "", folder: Path | None = None
) -> Verifier:
    """The verifier that an entry of a file describes: `name`, `kind`, `accept` and the options of its kind.

    Args:
        spec: the entry.
        ask: the model that a judge asks; others need none.
        judge: what that model is, its sampler's fingerprint: part of the digest, for another model is another judge.
        folder: what paths of the entry are relative to; None: where we are.

    Raises:
        InputError: there is no such kind or option, an option's value does not do, or a judge has no model.
        MissingExtraError: the kind needs a package that is not installed.
    """
    kind = spec.get("kind")
    if kind not in KINDS:
        raise InputError(
            f"There is no verifier of the kind {kind}.{did_you_mean(str(kind), KINDS)} There are: {', '.join(KINDS)}."
        )
    name = spec.get("name", kind)
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"The name of a verifier is {name!r}. Give a text that is not blank.")
    options = {str(option): value for option, value in spec.items() if option != "name"}
    if kind == HUMAN:
        return _people(name, options, folder or Path())
    return scored(name, options, ask, judge)


def _people(name: str, options: Mapping[str, Any], folder: Path) -> HumanVerifier:
    known = ("queue", "labels")
    for option in options:
        if option not in {*known, "kind"}:
            raise InputError(
                f"The verifier {name} has no option {option}.{did_you_mean(option, known)} It has: {', '.join(known)}."
            )
    paths = {}
    for option in known:
        value = options.get(option)
        if not isinstance(value, str) or not value:
            raise InputError(
                f"The verifier {name} has no {option}. Name two files: queue, which gets the texts that wait, and "
                "labels, which has what people said."
            )
        paths[option] = folder / value
    return HumanVerifier(name=name, **paths)


def read_verifiers(path: Path, ask: Ask | None = None, *, judge: str = "") -> VerifierSet:
    """The verifiers of a YAML file, as one.

    Raises:
        InputError, RecipeError: it cannot be read, or says what cannot be done; the message names the line.
        MissingExtraError: a kind needs a package that is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The verifiers {path} cannot be read ({error}). {_BEGINS}") from error
    document = read_document(text, str(path), wanted=_BEGINS)
    found: dict[str, Verifier] = {}
    for place, spec in _entries(document, path):
        try:
            verifier = verifier_of(spec, ask, judge=judge, folder=path.parent)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        if verifier.name in found:
            raise InputError(f"{place}: a second verifier is named {verifier.name}. Give each its own name.")
        found[verifier.name] = verifier
    return VerifierSet(verifiers=tuple(found.values()))


def _entries(document: Document, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The place and the content of each entry."""
    for where, problem in document.problems:
        raise InputError(f"{path}, {document.place(where)}: {problem}")
    for key in document.values:
        if key != "verifiers":
            raise InputError(
                f"{path}, {document.place((key,))}: there is no {key}.{did_you_mean(key, ['verifiers'])} {_BEGINS}"
            )
    entries = document.values.get("verifiers")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path} has no list of verifiers. {_BEGINS}")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for number, entry in enumerate(entries):
        place = f"{path}, {document.place(('verifiers', number))}"
        if not isinstance(entry, dict):
            raise InputError(f"{place}: {entry!r} is no verifier. Write a mapping with name and kind.")
        found.append((place, entry))
    return found


# --- at work -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubted:
    """A verifier whose word does not count."""

    verifier: Verifier
    why: str

    @property
    def name(self) -> str:
        return self.verifier.name

    @property
    def digest(self) -> str:
        return self.verifier.digest

    @property
    def family(self) -> str:
        return families_of(self.verifier)[0]

    def check(self, item: Generated) -> None:
        self.verifier.check(item)

    def verdict(self, item: Generated) -> Verdict:  # noqa: ARG002 - whatever it is
        return Verdict(said="unknown", note=self.why)


def doubted(verifier: VerifierSet, why: Mapping[str, str]) -> VerifierSet:
    """The same, with the verdicts of those named in `why` unknown, and the reason as their note; same digest."""
    return replace(
        verifier,
        verifiers=tuple(
            _Doubted(verifier=one, why=why[one.name]) if one.name in why else one
            for one in verifier.verifiers
        ),
    )


def verdicts_of(
    verifier: Verifier,
    items: Sequence[Generated],
    *,
    at_once: int = 1,
    told: Callable[[int, Verdict], None] = lambda place, verdict: None,  # noqa: ARG005
    stop: Callable[[], None] = lambda: None,
) -> list[Verdict]:
    """Verdicts on all items, in their order, the same whatever the number at once.

    Args:
        verifier: who is asked.
        items: the texts.
        at_once: how many are looked at at the same time.
        told: is called with the place of each item and its verdict, as they come, always by the calling thread.
        stop: is called where it ends early, to end the waits of a judge.

    Raises:
        InputError: an item lacks what a verifier needs; nothing was looked at then.
        WorkError: a judge cannot be asked.
    """
    for item in items:
        verifier.check(item)
    found: dict[int, Verdict] = {}
    work = working_at_once(
        lambda place: verifier.verdict(items[place]), range(len(items)), most=at_once, stop=stop
    )
    for place, verdict in work:
        found[place] = verdict
        told(place, verdict)
    return [found[place] for place in range(len(items))]
