"""What marks say of a document's origin: the evidence they are, and the class that they state.

A credential is evidence by who stands behind it. A signer whom the user trusts attests; any other signer declares, as
a page does that marks itself as AI-made in its metadata [1, 2, 3]. A credential that does not fit is evidence of
nothing but itself. A declaration of being human costs nothing to make and has no weight.

[1] IPTC NewsCodes, digital source type: cv.iptc.org/newscodes/digitalsourcetype; schema.org has the same terms with
    "DigitalSource" behind them.
[2] IETF draft-abaris-aicdh: the HTTP header AI-Disclosure, a dictionary with the key `mode`.
[3] W3C AI Content Disclosure Community Group, explainer: the attribute and meta name `ai-disclosure`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.marks import Credential, RawSignal, origin_of_source_types
from wellkeeper.core.origin import AI_MADE, Origin, declared_origin

_MODES = {  # of [2] and [3]; "none" states nothing
    "ai-generated": Origin.AI_GENERATED,
    "ai-originated": Origin.AI_GENERATED,
    "machine-generated": Origin.AI_GENERATED,
    "autonomous": Origin.AI_GENERATED,
    "ai-assisted": Origin.AI_ASSISTED,
    "ai-modified": Origin.AI_ASSISTED,
    "mixed": Origin.AI_ASSISTED,
}
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_MODE = re.compile(r"(?:^|[\s,;])mode\s*+=\s*+\"?([a-z-]++)")
_DENIALS = ("no", "non", "not", "never", "without")
_WHOLE = ("html", "body", "main", "article")  # elements that are the page; another is a part of it
_SCHEMA_SUFFIX = "DigitalSource"


@dataclass(frozen=True, slots=True)
class Marked:
    """Evidence of marks, as bits of an evidence mask, and the origin that they state together."""

    mask: int = 0
    origin: Origin = Origin.UNKNOWN

    def __or__(self, other: "Marked") -> "Marked":
        """Both; where both state an origin, the first does."""
        return Marked(self.mask | other.mask, self.origin or other.origin)


def marked_by_credential(credential: Credential) -> Marked:
    """What a credential is evidence of.

    >>> from wellkeeper.core.marks import Validity
    >>> signed = Credential(validity=Validity.VALID, source_types=("humanEdits",))
    >>> marked_by_credential(signed) == Marked(_bit("credential-human"), Origin.UNKNOWN)
    True
    """
    kind = credential.evidence
    return Marked(0 if kind is None else _bit(kind), credential.stated)


def marked_by_signals(signals: Iterable[RawSignal]) -> Marked:
    """What a document's own metadata disclose of its making.

    >>> marked_by_signals([RawSignal("ai-disclosure", "html-meta", "ai-disclosure", "ai-assisted")]).origin.label
    'ai-assisted'
    """
    stated = [origin.label for signal in signals if (origin := stated_origin(signal)) is not Origin.UNKNOWN]
    origin = origin_of_source_types(stated)
    return Marked(_bit("machine-disclosure"), origin) if origin in AI_MADE else Marked()


def stated_origin(signal: RawSignal) -> Origin:
    """The origin that one signal states; UNKNOWN where it states none."""
    if signal.kind in {"iptc", "json-ld"}:
        return declared_origin(signal.value.strip().removesuffix(_SCHEMA_SUFFIX))
    if signal.kind != "ai-disclosure":
        return Origin.UNKNOWN
    origin = _mode_in(signal.value.lower())
    part = signal.where == "html-attribute" and signal.name not in _WHOLE
    return Origin.AI_ASSISTED if part and origin is Origin.AI_GENERATED else origin


def _mode_in(value: str) -> Origin:
    """The origin that a disclosure's mode is: of a dictionary its key `mode`, else the first word that is one.

    A word after "no" or "not" denies what it says.
    """
    if (given := _MODE.search(value)) is not None:
        return _MODES.get(given[1], Origin.UNKNOWN)
    words = ["", *_WORD.findall(value)]
    return next(
        (_MODES[word] for last, word in pairwise(words) if word in _MODES and last not in _DENIALS),
        Origin.UNKNOWN,
    )


def _bit(name: str) -> int:
    return 1 << BY_NAME[name].bit
