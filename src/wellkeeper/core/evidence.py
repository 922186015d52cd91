"""Evidence of origin: the kinds, how strong each class is, and where in the text it was seen.

Weights are log10 likelihood ratios of AI against human authorship, positive towards AI. They are
starting values until a user's own anchors recalibrate them; the report prints them. A missing mark
is never evidence of a human: absence has no weight anywhere in this package.

`style` has no weight of its own: what a style score says differs from document to document and is
known only where references of the same slice say so (`wellkeeper.origin.evidence.style_log10`). Nor has
`watermark`, which weighs what its p-value says (`wellkeeper.watermark.evalues`).

What people say who were shown a text in a review weighs as much as a label by its source, 2.5 either way: both are the
word of a person. That is the upper end of what was measured of readers: the majority of five who often write with
models was wrong about 1 of 300 articles (arXiv:2501.15654), log10 299 = 2.5, and readers without practice were right no
more often than a coin (arXiv:2107.00061). It moves the odds alone; the origin is what they said, whatever the odds are,
because whoever names a review in a recipe lets its readers have the last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from wellkeeper.core.origin import Origin


class Strength(IntEnum):
    """How far a kind of evidence can be trusted, weakest first."""

    NONE = 0
    CONTEXTUAL = 1  # where or when the document was found
    STATISTICAL = 2  # a detector's score
    ARTEFACT = 3  # a trace that a chat tool leaves in pasted text
    DECLARED = 4  # the source, the author or a reader says so
    KEYED = 5  # a watermark that only a key holder could have placed
    ATTESTED = 6  # a signature that verifies against a trusted certificate

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """One kind of evidence.

    `bit` is its place in the u64 `evidence_mask` of a document and never changes once released.
    `group` names kinds that tend to fire together: within a group likelihood ratios are averaged,
    across groups they multiply. `weight` is a log10 likelihood ratio, positive towards AI; 0 for a
    kind that decides nothing, and for `style` and `watermark`, whose likelihood ratio is the document's own.
    """

    name: str
    bit: int
    strength: Strength
    group: str
    weight: float
    title: str


KINDS: tuple[EvidenceKind, ...] = (
    EvidenceKind("declared-human", 0, Strength.DECLARED, "declared", -2.5, "declared human by its source"),
    EvidenceKind("declared-ai", 1, Strength.DECLARED, "declared", 2.5, "declared AI-made by its source"),
    EvidenceKind(
        "captured-before-2022-11-30",
        2,
        Strength.CONTEXTUAL,
        "date",
        -3.0,
        "captured by a third party before ChatGPT's release",
    ),
    EvidenceKind(
        "dated-before-2022-11-30",
        3,
        Strength.CONTEXTUAL,
        "date",
        -0.5,
        "dated before ChatGPT's release by its own metadata",
    ),
    EvidenceKind("citation-marker", 8, Strength.ARTEFACT, "chat", 3.0, "citation marker of a chat assistant"),
    EvidenceKind(
        "assistant-voice", 9, Strength.ARTEFACT, "chat", 2.0, "an assistant speaking of itself, unquoted"
    ),
    EvidenceKind("chat-template", 10, Strength.ARTEFACT, "chat", 2.0, "chat-template token left in the text"),
    EvidenceKind("chat-referrer", 11, Strength.ARTEFACT, "chat", 1.0, "link that a chat tool decorated"),
    EvidenceKind("unfilled-slot", 12, Strength.ARTEFACT, "chat", 1.0, "placeholder nobody filled in"),
    EvidenceKind("disclosure", 13, Strength.DECLARED, "declared", 2.5, "discloses AI use in the text"),
    EvidenceKind(
        "quoted-assistant-voice", 14, Strength.ARTEFACT, "chat", 0.0, "assistant phrase quoted or discussed"
    ),
    EvidenceKind(
        "quoted-chat-template",
        16,
        Strength.ARTEFACT,
        "chat",
        0.0,
        "chat markup shown in code or documentation",
    ),
    EvidenceKind("invisible-run", 15, Strength.ARTEFACT, "unicode", 0.0, "run of invisible characters"),
    EvidenceKind(
        "style", 17, Strength.STATISTICAL, "style", 0.0, "style score, calibrated on references of its slice"
    ),
    EvidenceKind(
        "credential-trusted-ai",
        18,
        Strength.ATTESTED,
        "credential",
        5.0,
        "signed as AI-made by a trusted signer",
    ),
    EvidenceKind(
        "credential-trusted-human",
        19,
        Strength.ATTESTED,
        "credential",
        -5.0,
        "signed as made by a person or camera by a trusted signer",
    ),
    EvidenceKind(
        "credential-ai",
        20,
        Strength.DECLARED,
        "declared",
        2.5,
        "signed as AI-made by a signer nobody vouches for",
    ),
    EvidenceKind(
        "credential-human",
        21,
        Strength.DECLARED,
        "declared",
        0.0,
        "signed as made by a person or camera by a signer nobody vouches for",
    ),
    EvidenceKind(
        "credential-broken",
        22,
        Strength.DECLARED,
        "credential",
        0.0,
        "credential that does not fit the document",
    ),
    EvidenceKind(
        "machine-disclosure", 23, Strength.DECLARED, "declared", 2.5, "marked as AI-made in its metadata"
    ),
    EvidenceKind("watermark", 24, Strength.KEYED, "watermark", 0.0, "watermark of a key, by its p-value"),
    EvidenceKind(
        "generator-metadata",
        25,
        Strength.DECLARED,
        "declared",
        2.5,
        "parameters of an image generator in the file",
    ),
    EvidenceKind("reviewed-human", 26, Strength.DECLARED, "people", -2.5, "a person wrote it, readers say"),
    EvidenceKind("reviewed-ai", 27, Strength.DECLARED, "people", 2.5, "a model wrote it, readers say"),
    EvidenceKind(
        "reviewed-mixed", 28, Strength.DECLARED, "people", 2.5, "a person and a model wrote it, readers say"
    ),
)
"""Source of the weights: Academ-AI (arXiv:2411.15218) and Wikipedia's speedy-deletion criterion G15
for which traces are objective; sizes are conservative starting points, see docs/evidence.md."""

BY_NAME = {kind.name: kind for kind in KINDS}

REVIEWED: Mapping[str, str] = {
    Origin.HUMAN.label: "reviewed-human",
    Origin.AI_GENERATED.label: "reviewed-ai",
    Origin.AI_ASSISTED.label: "reviewed-mixed",
}
"""Kinds of evidence for what readers say wrote a text; of machine translation and templates there is none."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a kind of evidence was seen: bytes [start, end) of the document's UTF-8 text."""

    document: int
    kind: str
    start: int
    end: int
    matched: str
