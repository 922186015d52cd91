"""What is known of a verifier: how often it keeps what is right, and how often what is wrong.

    phi   P(accepted | right)
    psi   P(accepted | wrong)

Both are measured on texts that people have labelled right or wrong, each with Wilson's interval. Unknown verdicts are
told apart: phi and psi are shares of the labelled texts that the verifier gave a verdict on.

Of a set in which a share p is right, the kept part is mostly right where p phi > (1 - p) psi, that is p > p* with

    p* = psi / (phi + psi)                                                                           [1]

[1] Feng, Dohmatob, Yang, Charton, Kempe, Beyond model collapse: scaling up with synthesized data requires verification,
    ICLR 2025, arXiv 2406.07515.
"""

from dataclasses import dataclass

SCHEMA = "wellkeeper.verifier/1"
FEWEST_LABELLED = 200
"""Texts that people have labelled, right and wrong together, below which a card says so (our note: >= 200)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Verdicts on texts whose label is known."""

    accepted: int
    rejected: int
    unknown: int

    @property
    def told(self) -> int:
        """On how many there was a verdict."""
        return self.accepted + self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A verifier, measured."""

    name: str
    digest: str  # of the verifier that was measured (`Verifier.digest`)
    right: Labelled  # texts that people call right
    wrong: Labelled
    labels: str  # SHA-256 of the labelled texts and labels
    created: str  # ISO 8601, UTC
