"""`verified.v1`: texts of models that a verifier rejected go, and those it had no verdict on wait for a person.

The verdicts were given before, by `wellkeeper vet` or by whatever wrote the file that `verdicts` names. Of a text
without a verdict it counts who wrote it: one that a model wrote is held back, for nobody has looked at it; the step is
not about others, and leaves them alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Ruling
from wellkeeper.core.origin import Origin
from wellkeeper.errors import RecipeError
from wellkeeper.filter.duplicates import with_defaults

ACCEPTED, REJECTED, UNKNOWN = "accepted", "rejected", "unknown"
SAID = (ACCEPTED, REJECTED, UNKNOWN)
"""What a verifier says of a text; unknown is no verdict, and never counted as wrong."""
NO_VERDICT = "no verdict"
"""Reason of a text of a model that no verifier was asked about."""

_DEFAULTS = {"verdicts": None, "verifiers": None}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """What was said of each document of a corpus; arrays have the shape (documents,)."""

    said: NDArray[np.int8]  # place in `SAID`; -1: nothing was
    reason: NDArray[np.int32]  # place in `reasons`; -1: none is given
    reasons: tuple[str, ...]
    value: NDArray[np.float32]  # score that the verdict rests on, in [0, 1]; NaN: there is none

    def count(self, said: str) -> int:
        """Documents of which that was said."""
        return int(np.count_nonzero(self.said == SAID.index(said)))


@runtime_checkable
class Verified(Protocol):
    """A corpus whose documents may come with verdicts."""

    @property
    def verdicts(self) -> Verdicts | None:
        """The verdicts; None: the recipe names none."""
        ...


class VerifiedStep:
    """Generated texts by what verifiers said of them."""

    name = "verified.v1"

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checked = with_defaults(self.name, options, _DEFAULTS)
        verdicts, verifiers = checked["verdicts"], checked["verifiers"]
        if verdicts is not None and (not isinstance(verdicts, str) or not verdicts):
            raise RecipeError(
                f"{self.name}: verdicts is {verdicts!r}. Give the path of a file of verdicts, JSON lines."
            )
        if verifiers is not None and not (isinstance(verifiers, str) and _DIGEST.fullmatch(verifiers)):
            raise RecipeError(
                f"{self.name}: verifiers is {verifiers!r}. Give the digest of the verifiers, 64 hexadecimal digits, "
                "or leave it out."
            )
        return dict(checked)

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        verdicts = corpus.verdicts if isinstance(corpus, Verified) else None
        if verdicts is None:
            raise RecipeError(f"{self.name} names no verdicts. Add verdicts: FILE to it.")
        synthetic = corpus.column("origin_resolved") == Origin.AI_GENERATED
        silent = (verdicts.said == _NOTHING) & synthetic
        out = active & (silent | (verdicts.said > SAID.index(ACCEPTED)))
        documents = np.flatnonzero(out)
        said = verdicts.said[documents]
        reasons = (*SAID, NO_VERDICT, *verdicts.reasons)
        given = verdicts.reason[documents]
        nobody = np.full(len(documents), -1, np.int64)
        return Ruling(
            step=self.name,
            documents=documents,
            decision=np.where(said == SAID.index(REJECTED), Decision.DROP, Decision.REVIEW).astype(np.uint8),
            reason=np.where(
                given >= 0, given + len(SAID) + 1, np.where(said == _NOTHING, len(SAID), said)
            ).astype(np.int32),
            score=verdicts.value[documents],
            survivor=nobody,
            cluster=nobody.copy(),
            reasons=reasons,
            facts={
                **{name: int(np.count_nonzero(verdicts.said[active] == at)) for at, name in enumerate(SAID)},
                "without": int(np.count_nonzero(silent & active)),
                **{name: value for name, value in options.items() if value is not None},
            },
        )


VERIFIED = VerifiedStep()
