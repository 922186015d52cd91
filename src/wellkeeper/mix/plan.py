"""What a mix must satisfy, and what came of it: plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError

Unit: TypeAlias = Literal["documents", "words", "bytes"]
UNITS: tuple[Unit, ...] = get_args(Unit)

CAPPED = ("source", "month", "domain", "licence", "generator", "language")
"""What a cap can be on. Documents of no known month, domain, ... are exempt from it."""

CAPS: Mapping[str, str] = {kind: f"cap-{kind}" for kind in CAPPED}
SYNTHETIC_SHARE, HUMAN_FLOOR, KEEP_TAIL, SIZE, WEIGHT = (
    "synthetic-share",
    "human-floor",
    "keep-tail",
    "size",
    "weight",
)
REASONS = (*CAPS.values(), SYNTHETIC_SHARE, HUMAN_FLOOR, KEEP_TAIL, SIZE, WEIGHT)
"""Why a document was left out, in ledgers and reports; all but `weight`, whose draw no copy, are constraints too."""

RECIPE_KEYS: Mapping[str, str] = {
    **{name: f"mix.caps.{kind}" for kind, name in CAPS.items()},
    SYNTHETIC_SHARE: "mix.synthetic_share.max",
    HUMAN_FLOOR: "mix.human_floor",
    KEEP_TAIL: "mix.diversity.keep_tail",
    SIZE: "mix.size",
}

MOST_EPOCHS = 100
"""Far beyond use: of text seen more than some 16 times next to nothing is learnt (Muennighoff et al., Scaling
data-constrained language models, NeurIPS 2023, section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to take, and the unit in which the mix is measured, all of its shares included."""

    unit: Unit = "documents"
    amount: int | None = None  # in that unit; None: as much as the constraints allow


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Largest share of the mix, in [0, 1], that one source (or month, ...) may hold."""

    share: float | None = None  # of each that is not in `named`; None: as much as it likes
    named: Mapping[str, float] = field(default_factory=dict)  # by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """How often, at most, a document may be taken, by source of the recipe."""

    most: int = 1  # of sources that are not in `named`
    named: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """What the mix does for rare topics and for unlike documents."""

    by: Literal["ngram-clusters", "embedding"] = "ngram-clusters"  # what makes documents alike
    keep_tail: float | None = (
        None  # of each rare topic's share of the reference, at least this part of it, in [0, 1]
    )
    choose: Literal["hash", "spread"] = "hash"  # order in which documents of a cell are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPlan:
    """The constraints on a mix and what it is to be like. Limits are shares of the whole mix, in [0, 1].

    Raises:
        RecipeError: a limit is not in [0, 1], the size is not a positive amount of a known unit, or a target has
            nothing to act on.
    """

    size: Size = field(default_factory=Size)
    synthetic_share_max: float | None = None  # at most: AI-generated, machine-translated and programmatic
    human_floor: float | None = None  # at least: known to be human
    caps: Mapping[str, Cap] = field(default_factory=dict)  # by kind, one of `CAPPED`
    epochs: Epochs | None = None  # None: every document once at most
    temperature: float | None = None  # shares of sources aim at theirs of the corpus to this power; None: 1
    diversity: Diversity | None = None
    weights: Literal["keep"] | None = None  # leave sampling weights to whoever trains; None: draw by them

    def __post_init__(self) -> None:
        self._check_shares()
        if self.size.unit not in UNITS:
            raise RecipeError(f"mix.size has the unit {self.size.unit!r}. Units: {', '.join(UNITS)}.")
        if self.weights not in (None, "keep"):
            raise RecipeError(f"mix.weights is {self.weights!r}. Give None, to draw by them, or 'keep'.")
        if self.size.amount is not None and self.size.amount < 1:
            raise RecipeError(f"mix.size is {self.size.amount} {self.size.unit}. Give at least 1, or all.")
        self._check_targets()

    def _check_shares(self) -> None:
        unknown = [kind for kind in self.caps if kind not in CAPPED]
        if unknown:
            raise RecipeError(f"mix.caps.{unknown[0]} is no cap. Give caps by any of: {', '.join(CAPPED)}.")
        for key, share in self.shares().items():
            if not 0 <= share <= 1:  # also refuses NaN
                raise RecipeError(f"{key} is {share}. Give a share of the mix, from 0 to 1.")

    def _check_targets(self) -> None:
        if self.temperature is not None and not 0 < self.temperature <= 1:
            raise RecipeError(
                f"mix.temperature is {self.temperature}. Give a power above 0 and up to 1, which leaves shares alone."
            )
        for name, epochs in self._epochs().items():
            if not 1 <= epochs <= MOST_EPOCHS:
                raise RecipeError(f"{name} is {epochs}. Give a whole number from 1 to {MOST_EPOCHS}.")
        if self.size.amount is None:
            self._check_without_size()

    def _check_without_size(self) -> None:
        useless = [("mix.temperature", "no share can change")] if (self.temperature or 1) < 1 else []
        useless += [("mix.epochs", "nothing is taken twice")] if self.repeats else []
        for key, why in useless:
            raise RecipeError(
                f"{key} needs a size: where mix.size is all, {why}. Set mix.size, for example {{documents: 100000}}."
            )

    @property
    def repeats(self) -> bool:
        """Whether a document may be taken more than once."""
        return any(epochs > 1 for epochs in self._epochs().values())

    @property
    def keep_tail(self) -> float | None:
        return None if self.diversity is None else self.diversity.keep_tail

    @property
    def by_embedding(self) -> bool:
        """Whether vectors of the user's own say which documents are alike."""
        return self.diversity is not None and self.diversity.by == "embedding"

    @property
    def spread(self) -> bool:
        return self.diversity is not None and self.diversity.choose == "spread"

    def shares(self) -> dict[str, float]:
        """Every share that is set, by its key in a recipe."""
        shares = {
            RECIPE_KEYS[SYNTHETIC_SHARE]: self.synthetic_share_max,
            RECIPE_KEYS[HUMAN_FLOOR]: self.human_floor,
            RECIPE_KEYS[KEEP_TAIL]: self.keep_tail,
        }
        for kind, cap in self.caps.items():
            key = RECIPE_KEYS[CAPS[kind]]
            shares |= {key: cap.share, **{f"{key}.{name}": share for name, share in cap.named.items()}}
        return {key: share for key, share in shares.items() if share is not None}

    def to_json(self) -> dict[str, Any]:
        """What is set, in one normal form; plans that an earlier version could read have the form they had there."""
        caps = {
            f"cap_{kind}": cap.share if not cap.named else {"share": cap.share, "named": dict(cap.named)}
            for kind, cap in self.caps.items()
        }
        epochs, diversity = self.epochs, self.diversity
        return {
            "size": {"unit": self.size.unit, "amount": self.size.amount},
            "synthetic_share_max": self.synthetic_share_max,
            "human_floor": self.human_floor,
            **caps,
            "epochs": None if epochs is None else {"most": epochs.most, "named": dict(epochs.named)},
            "temperature": self.temperature,
            "diversity": None if diversity is None else asdict(diversity),
            "weights": self.weights,
        }

    def _epochs(self) -> dict[str, int]:
        if self.epochs is None:
            return {}
        return {
            "mix.epochs": self.epochs.most,
            **{f"mix.epochs.{name}": most for name, most in self.epochs.named.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One constraint before and after the choice.

    For `size` the three numbers are amounts in the mix's unit. For caps and classes they are shares of the mix in
    [0, 1]: of the largest source, month, ... for a cap, of the class for the other two. For `keep-tail` they are
    parts, in [0, 1], of what the reference would have of the rare topic that fares worst; one of which all is taken
    counts as 1.
    """

    name: str
    limit: float
    before: float
    after: float
    holds: bool  # on the exact integers, not on the rounded shares
    group: str | None = (
        None  # whose `after` this is, where the constraint is on each of several and names are known
    )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "group": self.group,
            "limit": self.limit,
            "before": self.before,
            "after": self.after,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Which documents were chosen, and why the others were not.

    `facts`: `unit`; `available`, the size of all documents once; `asked`, the size target or None; `allocated`, the
    size of the allocation before whole documents were chosen, to which filling may add; `got`, the size chosen;
    `documents`, how many were kept; `divergence`, the Kullback-Leibler divergence in nats of the allocation's
    composition from the target's; and `binds`, the constraints that shaped the mix, in the order of `REASONS`. Where
    documents were drawn by weight or taken repeatedly, sizes count copies, and `copies` tells how many were `drawn`
    by weight, how many are `kept`, and `level`, how often a document had to be taken at most for the size.
    With a tail quota `tail` tells the rare `topics` of the reference, how many of them the corpus has (`held`), how
    many the mix has (`kept`), how many it took whole (`exhausted`), and whether quotas were `rounded_down` for want of
    room: they do not hold then.
    """

    kept: NDArray[np.bool_]  # shape (documents,)
    reason: NDArray[np.int8]  # shape (documents,): index into `reasons`, -1 for a kept document
    constraints: tuple[Constraint, ...]
    facts: Mapping[str, Any]
    reasons: tuple[str, ...] = REASONS
    copies: NDArray[np.int64] | None = (
        None  # shape (documents,): how often each goes in; None: once if it is kept
    )


def exact(limit: float) -> Fraction:
    """The share that the user wrote: 0.1 is one tenth, not the nearest binary number.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(str(float(limit)))
