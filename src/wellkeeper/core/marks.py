"""Marks that others put on or beside a document: signed credentials, and statements as they were written.

Two questions about a credential are kept apart everywhere: whether it is *valid*, that is, fits the very bytes it is
on, and whether its signer is one that the user *trusts*. Neither follows from the other. A document without a mark
says nothing: a missing mark is never evidence of a human.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from wellkeeper.core.origin import AI_MADE, Origin, declared_origin


class Validity(IntEnum):
    """Whether a credential fits what it is on."""

    NONE = 0  # there is no credential
    VALID = 1
    INVALID = 2  # altered, cut, or put on something else
    UNREADABLE = 3  # something looks like a credential and cannot be read as one

    @property
    def label(self) -> str:
        return self.name.lower()


class Trust(IntEnum):
    """Whether the signer is one that the user trusts; what signs is never trusted by itself."""

    UNKNOWN = 0  # nobody named certificates to trust, or there is nothing signed
    TRUSTED = 1
    UNTRUSTED = 2

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a C2PA manifest store says, and how far it can be believed."""

    validity: Validity
    trust: Trust = Trust.UNKNOWN
    source_types: tuple[str, ...] = ()  # IPTC digitalSourceType terms, without the address before them
    inherited: tuple[str, ...] = ()  # terms of the manifests of what it was made from, which others signed
    generator: str | None = (
        None  # model or software that made the content, else the manifest, as it names itself
    )
    signer: str | None = None  # common name or issuer of the certificate
    signed_at: str | None = None  # ISO 8601
    problems: tuple[str, ...] = ()  # codes of the checks that failed, sorted
    mining: str | None = None  # cawg.training-mining for training of models: allowed, notAllowed, constrained
    parents: tuple[str, ...] = ()  # ingredients, by their titles or hashes
    store: bytes = b""  # the raw manifest store

    @property
    def origin(self) -> Origin:
        """What the source types say; UNKNOWN unless the credential is valid.

        A manifest may name several, one an action: model output anywhere among them makes the whole
        AI-generated if nothing else is named, AI-assisted beside anything else. What it was made from
        tells of models only: that a part came out of a camera says nothing of the whole.
        """
        if self.validity is not Validity.VALID:
            return Origin.UNKNOWN
        together = origin_of_source_types((*self.source_types, *self.inherited))
        return together if together in AI_MADE else origin_of_source_types(self.source_types)

    @property
    def evidence(self) -> str | None:
        """The kind of evidence that it is, as `core.evidence` names it; None if it says nothing of people or models.

        >>> Credential(validity=Validity.VALID, source_types=("trainedAlgorithmicMedia",)).evidence
        'credential-ai'
        """
        if self.validity is Validity.NONE:
            return None
        if self.validity is not Validity.VALID:
            return "credential-broken"
        side = "ai" if self.origin in AI_MADE else "human" if self.origin is Origin.HUMAN else None
        if side is None:
            return None
        return f"credential-trusted-{side}" if self._is_vouched_for else f"credential-{side}"

    @property
    def stated(self) -> Origin:
        """The origin that counts for the document: `origin`, but one that is not of a model only by a trusted signer.

        To declare that a person or a camera made something costs nothing.

        >>> signed = Credential(validity=Validity.VALID, source_types=("humanEdits",))
        >>> signed.origin.label, signed.stated.label
        ('human', 'unknown')
        """
        return self.origin if self.origin in AI_MADE or self._is_vouched_for else Origin.UNKNOWN

    @property
    def _is_vouched_for(self) -> bool:
        """Whether a trusted signer says so himself, and not somebody who signed what he only took in."""
        by_himself = origin_of_source_types(self.source_types)
        same_side = (by_himself in AI_MADE) == (self.origin in AI_MADE)
        return self.trust is Trust.TRUSTED and by_himself is not Origin.UNKNOWN and same_side


def origin_of_source_types(terms: Iterable[str]) -> Origin:
    """The origin that IPTC digital source types declare together.

    >>> origin_of_source_types(["trainedAlgorithmicMedia"]).label
    'ai-generated'
    >>> origin_of_source_types(["trainedAlgorithmicMedia", "humanEdits"]).label
    'ai-assisted'
    """
    origins = {declared_origin(term) for term in terms} - {Origin.UNKNOWN}
    made_by_models = origins & set(AI_MADE)
    if made_by_models and len(origins) > 1:
        return Origin.AI_ASSISTED
    return min(origins) if origins else Origin.UNKNOWN


class RawSignal(NamedTuple):
    """One statement found in or beside a document, as it was written: nothing is resolved, nothing left out."""

    kind: str
    """ai-disclosure, iptc, json-ld, robots, robots-meta, tdmrep, content-usage, content-signal, rsl, ai-txt, licence,
    last-modified, page-date, c2pa-mining or generator; of pictures also data-mining, camera, creator and c2pa."""
    where: str
    """http-header, html-meta, html-attribute, html-link, html-script, json-ld, xmp, exif, iptc, png-text, comment,
    site-file, c2pa, text."""
    name: str  # of the header, attribute or property
    value: str


def signals_json(signals: Iterable[RawSignal]) -> str | None:
    """The signals as one column keeps them: a JSON list of [kind, where, name, value]; None if there are none.

    Halves of surrogate pairs, which JSON and headers may hold and UTF-8 may not, become question marks.
    """
    rows = [list(signal) for signal in signals]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else None
    return None if text is None else text.encode(errors="replace").decode()


def signals_of(text: str | None) -> tuple[RawSignal, ...]:
    """What `signals_json` wrote."""
    return tuple(RawSignal(*row) for row in json.loads(text)) if text else ()
