"""What is known of a verifier: how often it keeps what is right, and how often what is wrong.

    phi   P(accepted | right)
    psi   P(accepted | wrong)

Both are measured on texts that people have labelled right or wrong, each with Wilson's interval. Unknown verdicts are
told apart: phi and psi are shares of the labelled texts that the verifier gave a verdict on.

Of a set in which a share p is right, the kept part is mostly right where p phi > (1 - p) psi, that is p > p* with

    p* = psi / (phi + psi)                                                                           [1]

A verifier that rejects right texts more often where they are rare takes the tail out of whatever it looks at, however
high its phi is. Where labelled texts say whether their cell is rare, the card has both rates, and the p-value of
Fisher's exact test.

[1] Feng, Dohmatob, Yang, Charton, Kempe, Beyond model collapse: scaling up with synthesized data requires verification,
    ICLR 2025, arXiv 2406.07515.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.verifier import Kept, no_better_than_chance, risen, threshold
from wellkeeper.vet.labels import LabelledItem, digest_of
from wellkeeper.vet.verdicts import Said, Verdict, Verifier
from wellkeeper.vet.verifiers import VerifierSet, families_of

SCHEMA = "wellkeeper.verifier/1"
FEWEST_LABELLED = 200
"""Labelled texts with a verdict, right and wrong together, below which a card says so (our note: >= 200)."""
FEWEST_OF_EACH = 50
"""... and of right texts, and of wrong ones: of 200 labels, 198 right, nobody can tell phi from psi."""
LEVEL = 0.05


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

    @property
    def kept(self) -> Kept:
        """How many of those were accepted."""
        return Kept(kept=self.accepted, of=self.told)

    @property
    def let_go(self) -> Kept:
        """How many of those were rejected."""
        return Kept(kept=self.rejected, of=self.told)

    @classmethod
    def of(cls, said: Iterable[Said]) -> Self:
        """The counts of some verdicts."""
        counts = Counter(said)
        return cls(accepted=counts["accepted"], rejected=counts["rejected"], unknown=counts["unknown"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A verifier, measured."""

    name: str
    digest: str  # of the verifier that was measured (`Verifier.digest`)
    right: Labelled  # texts that people call right
    wrong: Labelled
    labels: str  # SHA-256 of the labelled texts and labels
    created: str  # ISO 8601, UTC
    families: tuple[str, ...] = ()  # what was measured: "exact", "judge NAME" (`families_of`)
    rare: Labelled | None = (
        None  # right texts of the tail's cells; None: no text says whether its cell is rare
    )
    common: Labelled | None = None  # right texts of the other cells

    @property
    def labelled(self) -> int:
        """Texts with a label, those with an unknown verdict too."""
        return self.right.told + self.right.unknown + self.wrong.told + self.wrong.unknown

    @property
    def is_few(self) -> bool:
        """Whether it has too few verdicts on right or on wrong texts to say that the verifier is none."""
        told = (self.right.told, self.wrong.told)
        return sum(told) < FEWEST_LABELLED or min(told) < FEWEST_OF_EACH

    @property
    def phi(self) -> Interval | None:
        """P(accepted | right), in [0, 1]; None: no verdict on any right text."""
        return self.right.kept.share

    @property
    def psi(self) -> Interval | None:
        """P(accepted | wrong), in [0, 1]; None: no verdict on any wrong text."""
        return self.wrong.kept.share

    @property
    def p_chance(self) -> float:
        """The p-value of phi <= psi; 1 where either is not known."""
        return no_better_than_chance(self.right.kept, self.wrong.kept)

    @property
    def is_better_than_chance(self) -> bool:
        """Whether it keeps right texts more often than wrong ones, at the level .05."""
        return self.p_chance <= LEVEL

    @property
    def threshold(self) -> float | None:
        """p* [1], in [0, 1]; None where phi or psi is not known."""
        if not self.right.told or not self.wrong.told:
            return None
        return threshold(self.right.accepted / self.right.told, self.wrong.accepted / self.wrong.told)

    @property
    def p_bias(self) -> float | None:
        """The p-value of right texts of rare cells being rejected no more often than others; None: not known."""
        if self.rare is None or self.common is None or not self.rare.told or not self.common.told:
            return None
        return risen(self.common.let_go, self.rare.let_go)

    @property
    def is_biased(self) -> bool:
        """Whether it rejects right texts of rare cells more often than others, at the level .05."""
        return self.p_bias is not None and self.p_bias <= LEVEL

    def to_json(self) -> dict[str, Any]:
        """The counts, which `from_json` reads, and what follows from them."""
        return {
            "name": self.name,
            "digest": self.digest,
            "families": list(self.families),
            "right": asdict(self.right),
            "wrong": asdict(self.wrong),
            "rare": None if self.rare is None else asdict(self.rare),
            "common": None if self.common is None else asdict(self.common),
            "labels": self.labels,
            "created": self.created,
            "labelled": self.labelled,
            "few": self.is_few,
            "phi": None if self.phi is None else self.phi.to_json(),
            "psi": None if self.psi is None else self.psi.to_json(),
            "threshold": self.threshold,
            "p_chance": self.p_chance,
            "better_than_chance": self.is_better_than_chance,
            "p_bias": self.p_bias,
            "biased": self.is_biased,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """What `to_json` made this entry of: counts are read, what follows from them is worked out anew.

        Raises:
            KeyError, TypeError, ValueError: it is not such an entry.
        """
        return cls(
            name=str(entry["name"]),
            digest=str(entry["digest"]),
            families=tuple(map(str, entry["families"])),
            right=_counts(entry["right"]),
            wrong=_counts(entry["wrong"]),
            rare=None if entry["rare"] is None else _counts(entry["rare"]),
            common=None if entry["common"] is None else _counts(entry["common"]),
            labels=str(entry["labels"]),
            created=str(entry["created"]),
        )


def _counts(entry: Mapping[str, Any]) -> Labelled:
    counts = {name: entry[name] for name in ("accepted", "rejected", "unknown")}
    if not all(type(count) is int and count >= 0 for count in counts.values()):
        raise ValueError(f"counts are {counts}")
    return Labelled(**counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """What `wellkeeper verifier` writes: the card of all verifiers together, and of each."""

    whole: Card
    each: tuple[Card, ...]

    def card_of(self, digest: str) -> Card | None:
        """The card of the verifier with this digest; None: there is none."""
        return next((card for card in (self.whole, *self.each) if card.digest == digest), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "whole": self.whole.to_json(),
            "verifiers": [card.to_json() for card in self.each],
        }


# --- measured ----------------------------------------------------------------------------------------------------


def measured(
    verifier: VerifierSet, labelled: Sequence[LabelledItem], verdicts: Sequence[Verdict]
) -> CardFile:
    """The cards of a set of verifiers and of each, from its verdicts on labelled texts, in their order.

    Raises:
        InputError: no text is labelled right, or none wrong: only one of phi and psi could be measured.
    """
    right = sum(one.right for one in labelled)
    if not right or right == len(labelled):
        label = "right" if right else "wrong"
        raise InputError(
            f"All {len(labelled)} labels are {label}, and a card needs right and wrong texts. Have people label at "
            f"least {FEWEST_LABELLED}, half of them wrong if you can choose."
        )
    about: dict[str, Any] = {
        "labels": digest_of(labelled),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }

    def card(one: Verifier, said: Sequence[Said]) -> Card:
        return Card(
            name=one.name, digest=one.digest, families=families_of(one), **_tallies(said, labelled), **about
        )

    return CardFile(
        whole=card(verifier, [verdict.said for verdict in verdicts]),
        each=tuple(
            card(one, [verdict.by.get(one.name, "unknown") for verdict in verdicts])
            for one in verifier.verifiers
        ),
    )


def _tallies(said: Sequence[Said], labelled: Sequence[LabelledItem]) -> dict[str, Any]:
    def counted(*, right: bool, rare: bool | None = None) -> Labelled:
        return Labelled.of(
            verdict
            for verdict, one in zip(said, labelled, strict=True)
            if one.right is right and (rare is None or one.item.rare is rare)
        )

    cells = {one.item.rare for one in labelled if one.right}
    known = {True, False} <= cells
    return {
        "right": counted(right=True),
        "wrong": counted(right=False),
        "rare": counted(right=True, rare=True) if known else None,
        "common": counted(right=True, rare=False) if known else None,
    }


# --- files -------------------------------------------------------------------------------------------------------


def read_cards(path: Path) -> CardFile:
    """A file of cards.

    Raises:
        InputError: it cannot be read, or is no file of cards.
    """
    again = "Measure it again: wellkeeper verifier LABELLED --verifiers FILE --out CARD."
    try:
        entry = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"The card {path} cannot be read ({error}). {again}") from error
    if not isinstance(entry, dict) or entry.get("schema") != SCHEMA:
        found = entry.get("schema") if isinstance(entry, dict) else None
        raise InputError(f"{path} is no card of a verifier: its schema is {found}, not {SCHEMA}. {again}")
    try:
        return CardFile(
            whole=Card.from_json(entry["whole"]),
            each=tuple(Card.from_json(one) for one in entry["verifiers"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The card {path} is broken ({type(error).__name__}: {error}). {again}") from error


def card_for(verifier: VerifierSet, path: Path) -> Card:
    """The card of these very verifiers in a file of cards.

    Raises:
        InputError: as of `read_cards`, or the card was measured of others.
    """
    cards = read_cards(path)
    card = cards.card_of(verifier.digest)
    if card is None:
        raise InputError(
            f"The card {path} is of {cards.whole.name} with the digest {cards.whole.digest[:12]}, and the verifiers "
            f"{verifier.name} have {verifier.digest[:12]}: a name, an option, a model or a threshold differs. Measure "
            "these: wellkeeper verifier LABELLED --verifiers FILE --out CARD."
        )
    return card


def write_cards(cards: CardFile, path: Path) -> None:
    """Write a file of cards, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(cards.to_json(), indent=2, ensure_ascii=False).encode() + b"\n")
