"""Many documents against keys: what each counts, how surprising that is, and which documents are called marked.

With several keys a document has one p-value for each; the least, times the number of keys, is a p-value of the document
(Bonferroni), and the mean of its e-values is an e-value, however the keys hang together (Vovk and Wang 2021).

Among many documents some score high by chance. What is held down is the *false discovery rate*: of the documents that
are called marked, the share that is not, in expectation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector
from wellkeeper.watermark.evalues import log10_e_values, log10_mean
from wellkeeper.watermark.many import Discoveries, by_e_values, by_p_values
from wellkeeper.watermark.nulls import binomial_tail
from wellkeeper.watermark.ties import randomised_p_values, uniforms_of
from wellkeeper.watermark.tokens import Tokens

Control: TypeAlias = Literal["bh", "by", "e-bh"]
Ties: TypeAlias = Literal["whole", "random"]
"""What p-values of whole numbers do: stay at or below every level, or meet it (`wellkeeper.watermark.ties`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """What keys counted in documents; arrays have the shape (keys, documents) but for `tokens`."""

    tokens: NDArray[np.int64]  # of each document, shape (documents,)
    scored: NDArray[np.int64]  # n-grams that count
    statistic: NDArray[np.float64]  # the scheme's sum over them
    p_values: NDArray[np.float64]  # in (0, 1]; 1 where no n-gram counts

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The documents of all parts, one after the other; one part at least."""
        return cls(
            tokens=np.concatenate([part.tokens for part in parts]),
            scored=np.concatenate([part.scored for part in parts], axis=1),
            statistic=np.concatenate([part.statistic for part in parts], axis=1),
            p_values=np.concatenate([part.p_values for part in parts], axis=1),
        )


def read_tokens(
    tokens: Tokens, detectors: Sequence[Detector], *, vocabulary: int, ties: Ties = "whole"
) -> Readings:
    """Score documents with each detector.

    Raises:
        DataError: there is no detector, or a token id is not below `vocabulary`.
    """
    if not detectors:
        raise DataError("There is no detector. Give one for each key.")
    if tokens.ids.size and int(tokens.ids.max()) >= vocabulary:
        raise DataError(
            f"A token has the id {int(tokens.ids.max()):,}, and the key's vocabulary ends at {vocabulary:,}. Give the "
            "tokeniser that the key was made for."
        )
    counted = [detector.scores(tokens.ids, tokens.offsets) for detector in detectors]
    if ties == "random":
        uniforms = uniforms_of(tokens)
        p_values = [
            randomised_p_values(detector, one, uniforms)
            for detector, one in zip(detectors, counted, strict=True)
        ]
    else:
        p_values = [detector.p_values(one) for detector, one in zip(detectors, counted, strict=True)]
    return Readings(
        tokens=tokens.counts(),
        scored=np.stack([one.scored for one in counted]),
        statistic=np.stack([one.statistic.astype(np.float64) for one in counted]),
        p_values=np.stack(p_values),
    )


class Share(NamedTuple):
    """Share, in [0, 1], of documents that carry a mark, of those that are long enough to be scored."""

    estimate: float
    low: float  # of 95 %
    documents: int  # that were scored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """Documents and what is said of them; arrays have the shape (documents,) but for `readings`."""

    readings: Readings
    best: NDArray[np.int64]  # the key with the least p-value, by its number
    p_values: NDArray[np.float64]  # of the documents, all keys together
    log10_e: NDArray[np.float64]  # log10 of their e-values
    discoveries: Discoveries
    share: Share

    @property
    def marked(self) -> NDArray[np.bool_]:
        """The documents that are called marked."""
        return self.discoveries.marked


def judged(readings: Readings, *, level: float, control: Control = "bh") -> Scan:
    """Call documents marked, with a bound on the false discovery rate.

    Documents in which nothing counts are no witnesses for or against a mark: they are not called and not counted.

    Args:
        readings: of all documents.
        level: bound of the rate, in (0, 1).
        control: `bh`: Benjamini and Hochberg, for documents that share little; `by`: Benjamini and Yekutieli, and
            `e-bh`: by e-values, for any.

    Raises:
        DataError: the level is not inside (0, 1), or there is no such control.
    """
    if control not in get_args(Control):
        raise DataError(f"control is {control!r}. Choose one of {', '.join(get_args(Control))}.")
    p_values = least_p_values(readings)
    log10_e = log10_mean(log10_e_values(readings.p_values), axis=0)
    scored = np.greater(readings.scored.max(axis=0), 0)
    if control == "e-bh":
        found = by_e_values(log10_e[scored], level=level)
    else:
        found = by_p_values(p_values[scored], level=level, any_dependence=control == "by")
    marked = np.zeros(scored.size, np.bool_)
    marked[scored] = found.marked
    return Scan(
        readings=readings,
        best=readings.p_values.argmin(axis=0),
        p_values=p_values,
        log10_e=log10_e,
        discoveries=replace(found, marked=marked),
        share=share_of(p_values[scored]),
    )


def least_p_values(readings: Readings) -> NDArray[np.float64]:
    """The p-value of each document, all keys together (Bonferroni), in (0, 1], shape (documents,)."""
    keys = len(readings.p_values)
    return np.asarray(np.minimum(1.0, keys * readings.p_values.min(axis=0)))


_LAMBDA = 0.5
"""p-values above it are taken to come from unmarked documents (Storey, J. R. Stat. Soc. B 64 (2002) 479-498)."""
_MISSED = 0.05  # chance that the lower bound is above the share
_HALVINGS = 60


def share_of(p_values: NDArray[np.float64]) -> Share:
    """Share of marked documents: what is missing of the p-values above one half, which unmarked ones have half of.

    A marked text with a p-value above one half is counted as unmarked, and whole numbers make p-values rather too
    large, so that the share is rather too low than too high. Its lower bound holds at 95 %, exactly, for independent
    documents (Clopper and Pearson, Biometrika 26 (1934) 404-413, of the share up to one half). Documents that share
    much share their luck under a key: then it holds less often.

    >>> share_of(np.array([1e-9] * 50 + [0.25, 0.75] * 25)).estimate
    0.5
    """
    count = len(p_values)
    if not count:
        return Share(0.0, 0.0, 0)
    below = int(np.count_nonzero(p_values <= _LAMBDA))
    estimate, low = (
        max(0.0, 1 - (1 - share) / (1 - _LAMBDA)) for share in (below / count, _least_chance(below, count))
    )
    return Share(estimate, low, count)


def _least_chance(successes: int, trials: int) -> float:
    """The chance of a success at which as many of them, or more, are seen with a chance of `_MISSED`."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        chance = (low + high) / 2
        seldom = binomial_tail(successes, trials, chance).item() < _MISSED
        low, high = (chance, high) if seldom else (low, chance)
    return low
