"""`rights.v1`: keep what may be used, by licence, by consent, and by a capture date that somebody else can prove.

A document goes for the first of these that speaks against it, in this order:

1. *Consent*: what the recipe refuses (`consent`), opt-out signals and revoked consent unless it says otherwise. Where
   one statement denies training and another allows it, `conflict` says what is done: a person looks, by default.
2. *Licence*: a document passes if a reader may choose licences of its SPDX expression that are all allowed and none
   denied. Entries of `allow` and `deny` are licences as people write them, patterns (`CC-BY-*`), or families:
   `public-domain`, `attribution`, `permissive`, `share-alike`, `non-commercial`, `no-derivatives`. A denied licence is
   denied whatever allows it. Whether a licence says "only" or "or later" makes no difference to either: it is the
   licence of the version that it names. Licences that nobody knows, or whose names mean nothing certain, are `unknown`.
3. *Date*: captured after `not_after`, or, with `proof: archive`, without a date that a third party or the user vouches
   for: what a page says of its own date is no proof. Documents without a proof are `unknown`, too.

`unknown` is `review` unless the recipe says otherwise: to drop them would empty many corpora of texts that are free,
and to keep them would make an allow list mean nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.decision import Corpus, Decision, Indices, Ruling
from wellkeeper.core.optouts import is_conflict
from wellkeeper.core.rights import (
    CONSENTS,
    FAMILIES,
    Consent,
    any_version,
    in_family,
    is_allowed,
    is_recognised,
    licence_expression,
    licences_named_after,
    licences_of,
)
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import RecipeError, did_you_mean

_ACTIONS: Mapping[str, Decision] = {decision.label: decision for decision in Decision}
_PROOFS: Mapping[str, tuple[DateBasis, ...]] = {
    "archive": (DateBasis.USER, DateBasis.WARC),
    "claimed": tuple(DateBasis)[1:],
}
"""How a date must be known for each `proof`: by an archive's own record or on the user's word; or in any way at all."""
_OPTIONS = ("licence", "consent", "conflict", "not_after", "proof", "unknown")
_DEFAULT_REFUSED = (Consent.OPT_OUT_SIGNAL, Consent.REVOKED)

CONFLICT = "consent-conflict"
NOT_ALLOWED, DENIED, NO_LICENCE = "licence-not-allowed", "licence-denied", "licence-unknown"
TOO_LATE, NO_PROOF = "captured-too-late", "date-not-proved"
REASONS = (
    *(f"consent-{label}" for label in CONSENTS),
    CONFLICT, DENIED, NOT_ALLOWED, NO_LICENCE, TOO_LATE, NO_PROOF,
)  # fmt: skip
"""Reasons of the ledger; the score is always null."""


class Rights:
    """Documents that may not be used: by licence, by consent, or for want of a proof of when they were captured."""

    name = "rights.v1"

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for option in options:
            if option not in _OPTIONS:
                raise RecipeError(
                    f"{self.name} has no option {option!r}.{did_you_mean(str(option), _OPTIONS)} "
                    f"Options: {', '.join(_OPTIONS)}."
                )
        checked = {
            "licence": self._licence(options.get("licence")),
            "consent": self._consent(options.get("consent")),
            "conflict": self._choice(options, "conflict", "review", _ACTIONS),
            "not_after": self._date(options.get("not_after")),
            "proof": self._choice(options, "proof", "archive", _PROOFS),
            "unknown": self._choice(options, "unknown", "review", _ACTIONS),
        }
        if "proof" in options and checked["not_after"] is None:
            raise RecipeError(f"{self.name}: proof says how not_after is proved. Add not_after: YYYY-MM-DD.")
        if "unknown" in options and checked["licence"] is None and checked["not_after"] is None:
            raise RecipeError(
                f"{self.name}: unknown says what becomes of documents whose licence or date is not known. Add licence: "
                "or not_after:, or remove it."
            )
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        documents = np.flatnonzero(active)
        decision = np.full(len(documents), Decision.KEEP, np.uint8)
        reason = np.full(len(documents), -1, np.int32)
        for name, chosen, action in self._objections(corpus, documents, options):
            new = chosen & (reason < 0)
            reason[new] = REASONS.index(name)
            decision[new] = action
        out = reason >= 0
        nobody = np.full(int(out.sum()), -1, np.int64)
        return Ruling(
            step=self.name,
            documents=documents[out],
            decision=decision[out],
            reason=reason[out],
            score=np.full(len(nobody), np.nan, np.float32),
            survivor=nobody,
            cluster=nobody.copy(),
            reasons=REASONS,
            facts=_facts(options),
        )

    def _objections(
        self, corpus: Corpus, documents: Indices, options: Mapping[str, Any]
    ) -> Sequence[tuple[str, NDArray[np.bool_], Decision]]:
        """Reason, the documents it holds for, and what becomes of them; the first one counts."""
        refused = options["consent"]
        mask = corpus.column("rights_signals")[documents]
        consent = corpus.column("consent")[documents]
        opted_out = consent == Consent.OPT_OUT_SIGNAL
        conflict = opted_out & is_conflict(mask) & (Consent.OPT_OUT_SIGNAL.label in refused)
        found = [(CONFLICT, conflict, _ACTIONS[options["conflict"]])]
        found += [
            (f"consent-{label}", (consent == CONSENTS.index(label)) & ~conflict, Decision.DROP)
            for label in refused
        ]
        unknown = _ACTIONS[options["unknown"]]
        if options["licence"] is not None:
            codes, names = corpus.codes("licence")
            judged = np.array([*(_judged(name, options["licence"]) for name in names), NO_LICENCE])[
                codes[documents]
            ]
            found += [(name, judged == name, Decision.DROP) for name in (DENIED, NOT_ALLOWED)]
            found.append((NO_LICENCE, judged == NO_LICENCE, unknown))
        if options["not_after"] is not None:
            captured = corpus.column("captured_at")[documents]
            proved = np.isin(corpus.column("captured_basis")[documents], _PROOFS[options["proof"]])
            dated = captured != NO_DATE
            found.append((TOO_LATE, dated & (captured >= _end_of(options["not_after"])), Decision.DROP))
            found.append((NO_PROOF, ~(dated & proved), unknown))
        return [one for one in found if one[2] is not Decision.KEEP]

    def _licence(self, given: Any) -> dict[str, list[str]] | None:
        if given is None:
            return None
        if not isinstance(given, Mapping) or not given or set(given) - {"allow", "deny"}:
            raise RecipeError(
                f"{self.name}: licence is {given!r}. Give lists: {{allow: [CC-BY-*, MIT], deny: [no-derivatives]}}."
            )
        lists = {name: self._entries(name, given.get(name)) for name in ("allow", "deny")}
        if not lists["allow"] and not lists["deny"]:
            raise RecipeError(f"{self.name}: licence names no licence. Add some to allow or deny.")
        return lists

    def _entries(self, which: str, given: Any) -> list[str]:
        entries = [given] if isinstance(given, str) else [] if given is None else given
        if not isinstance(entries, list) or not all(
            isinstance(entry, str) and entry.strip() for entry in entries
        ):
            raise RecipeError(
                f"{self.name}: licence.{which} is {given!r}. Give a list of SPDX identifiers, patterns or families."
            )
        for entry in entries:
            if entry.islower() and entry not in FAMILIES and (meant := did_you_mean(entry, FAMILIES)):
                raise RecipeError(
                    f"{self.name}: licence.{which} has no family {entry!r}.{meant} Families: {', '.join(FAMILIES)}."
                )
        for entry in entries if which == "deny" else ():
            if not _is_pattern(entry) and (named := licences_named_after(entry)):
                raise RecipeError(
                    f"{self.name}: licence.deny has {entry!r}, which {len(named):,} licences begin with and which "
                    f"denies none of them. Write {entry}* to deny them all, or name one, such as {named[-1]}."
                )
        return [_folded(entry.strip()) for entry in entries]

    def _consent(self, given: Any) -> list[str]:
        if given is None:
            return [consent.label for consent in _DEFAULT_REFUSED]
        refused = [given] if isinstance(given, str) else given
        if not isinstance(refused, list):
            raise RecipeError(f"{self.name}: consent is {given!r}. Give a list of what to refuse, or [].")
        for label in refused:
            if label not in CONSENTS:
                raise RecipeError(
                    f"{self.name}: consent has {label!r}.{did_you_mean(str(label), CONSENTS)} "
                    f"Give some of: {', '.join(CONSENTS)}."
                )
        return list(refused)

    def _date(self, given: Any) -> str | None:
        if given is None:
            return None
        if isinstance(given, date):  # as YAML reads a date without quotes
            return (given.date() if isinstance(given, datetime) else given).isoformat()
        try:
            return date.fromisoformat(str(given)).isoformat()
        except ValueError:
            raise RecipeError(f"{self.name}: not_after is {given!r}. Give a day as YYYY-MM-DD.") from None

    def _choice(
        self, options: Mapping[str, Any], option: str, default: str, allowed: Mapping[str, Any]
    ) -> str:
        given = options.get(option, default)
        if given not in allowed:
            raise RecipeError(
                f"{self.name}: {option} is {given!r}.{did_you_mean(str(given), allowed)} "
                f"Give one of: {', '.join(allowed)}."
            )
        return str(given)


def _end_of(day: str) -> int:
    """Seconds since 1970 at which a day is over, UTC."""
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)).timestamp())


def _judged(expression: str, lists: Mapping[str, Sequence[str]]) -> str:
    """What the lists say of an expression: a reason, or nothing if it passes."""
    denied = partial(_is_listed, entries=lists["deny"])
    if not is_allowed(expression, lambda _licence: True, denied=denied):
        return DENIED
    if not lists["allow"]:
        known = all(is_recognised(licence) or denied(licence) for licence in licences_of(expression))
        return "" if known else NO_LICENCE
    allowed = partial(_is_listed, entries=lists["allow"])
    if is_allowed(expression, allowed, denied=denied):
        return ""
    uncertain = is_allowed(
        expression, lambda licence: allowed(licence) or not is_recognised(licence), denied=denied
    )
    return NO_LICENCE if uncertain else NOT_ALLOWED


def _folded(entry: str) -> str:
    """An entry as the corpus has its licences: `apache 2` is Apache-2.0; patterns and families stay."""
    return entry if _is_pattern(entry) else licence_expression(entry) or entry


def _is_pattern(entry: str) -> bool:
    return entry in FAMILIES or any(letter in entry for letter in "*?[")


def _is_listed(licence: str, entries: Sequence[str]) -> bool:
    return any(_is_meant(licence, entry) for entry in entries)


def _is_meant(licence: str, entry: str) -> bool:
    if entry in FAMILIES:
        return in_family(licence, entry)
    if _is_pattern(entry):
        return fnmatchcase(licence.lower(), entry.lower())
    return any_version(licence).lower() == any_version(entry).lower()


def _facts(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options in force, as the report tells them."""
    return {name: value for name, value in options.items() if value is not None}


RIGHTS = Rights()
