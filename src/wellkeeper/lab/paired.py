"""How much better one set of documents teaches than another, figure by figure, with intervals for both kinds of chance.

Two models of one kind read equally many words, one of each set, and the same held-out documents are shown to both. The
*gain* is the surprise, in nats a word, that the second set's model is spared: above 0 where it teaches better. Which
documents were held out is chance, and so is which the sets happen to hold; the two are independent, and their variances
add up.

- Over held-out documents: the delete-a-block jackknife of `wellkeeper.measure.jackknife`, of the gain itself, so that
  what makes a document hard for both models cancels.
- Over what was read, where a model can forget (`learner.Unlearner`): the same jackknife over parts of the documents
  read. A part is taken out of both models at once. Sets that share documents, as a curated set does with its raw one,
  thus differ by what they do not share, and documents that are alike lie in one part (`training.part_of`).
- Over what was read, otherwise: by draws. Each of S draws takes at most half of a set, and the variance of one draw
  around the whole is about that of the whole around its source (delete-half jackknife [1]): with share f of the set
  drawn, s^2 (1 / S + f / (1 - f)) for the mean of S draws of variance s^2. Chance in training is in s^2, too, and is
  counted too often rather than too seldom.

Words are put into bands by how many held-out documents have them; "worst" are the documents that each model knows worst
(`wellkeeper.measure.surprise`).

[1] Shao and Wu, A general theory for jackknife variance estimation, Annals of Statistics 17 (1989) 1176-1197.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.learner import Numbers, WordPlaces, words_of
from wellkeeper.measure import jackknife, student
from wellkeeper.measure.incidence import dense
from wellkeeper.measure.jackknife import Interval, OwnVariance, influences
from wellkeeper.measure.reference import BANDS
from wellkeeper.measure.surprise import (
    MEAN,
    WORST_DOCUMENTS,
    HeldOutText,
    by_figure,
    held_out_text,
    own_variances,
    values_of,
    values_without,
)

_NO_TYPES = OwnVariance()

MOST_GROUPS = 12
"""Sources, and topics, that are told apart: the largest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Held-out documents of one source or topic."""

    kind: str  # "source", "topic"
    name: str
    documents: NDArray[np.int64]  # their numbers, ascending


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The held-out documents, in sampling order, which all models are shown."""

    documents: Sequence[str]
    words: WordPlaces
    text: HeldOutText
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return len(self.documents)


def panel_of(documents: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None) -> Panel:
    """Held-out documents that have words, in sampling order.

    Args:
        documents: the texts.
        labels: by kind, the name of each document's group; "" for none. Groups of fewer than 10 documents are not
            told apart, nor is a kind with a single group.

    Raises:
        DataError: there are fewer than 10 documents.
    """
    words = words_of(documents)
    ids, types = dense(words.hashes)
    return Panel(
        documents=documents,
        words=words,
        text=held_out_text(words.offsets, ids, types),
        groups=tuple(group for kind, names in (labels or {}).items() for group in _groups(kind, names)),
    )


def _groups(kind: str, names: Sequence[str]) -> list[Group]:
    members: dict[str, list[int]] = {}
    for document, name in enumerate(names):
        if name:
            members.setdefault(name, []).append(document)
    if len(members) < 2:
        return []
    large = sorted(members.items(), key=lambda found: (-len(found[1]), found[0]))[:MOST_GROUPS]
    return [
        Group(kind=kind, name=name, documents=np.array(found, np.int64))
        for name, found in large
        if len(found) >= jackknife.FEWEST_DOCUMENTS
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """How much the held-out words surprise the models of one set of documents, in nats."""

    surprise: Numbers  # shape (words,): mean over draws
    tells_words: bool  # otherwise each document's surprise is spread evenly over its words
    without: tuple[Numbers, ...] = ()  # the same without each part of what was read; as many for every set
    part_words: NDArray[np.int64] | None = None  # shape (parts,): words of each, mean over draws
    draws: tuple[Numbers, ...] = ()  # of each draw, where there is no `without`
    drawn: float = 0.0  # largest share of the set that a draw takes, in [0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One figure: a surprise, or a gain, in nats a word."""

    kind: str  # "all", "band", "worst", "source", "topic"
    name: str  # of the band, source or topic
    documents: int  # held out, that it is of
    words: int
    interval: Interval
    p: float  # two-sided, that chance goes as far from 0
    from_held_out: float  # share of its variance that more held-out documents would lessen, in [0, 1]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "documents": self.documents,
            "words": self.words,
            **self.interval.to_json(),
            "p": self.p,
            "from_held_out": self.from_held_out,
        }


def levels(panel: Panel, scores: Scores) -> list[Estimate]:
    """Surprise under the models of one set, all figures."""
    return _estimates(panel, scores, None)


def gains(panel: Panel, base: Scores, other: Scores) -> list[Estimate]:
    """What the other set's models are spared, all figures; above 0 where it teaches better than the base."""
    return _estimates(panel, base, other)


def _estimates(panel: Panel, base: Scores, other: Scores | None) -> list[Estimate]:
    sides = [(1.0, base)] if other is None else [(1.0, base), (-1.0, other)]
    tells_words = all(side.tells_words for _, side in sides)
    return [
        *_of_text(panel, sides, tells_words=tells_words),
        *(_of_group(panel, group, sides) for group in panel.groups),
    ]


_Sides = Sequence[tuple[float, Scores]]


def _signed(sides: _Sides, value: Any) -> Any:
    """The sum over sides of their sign times a value of their scores."""
    return sum(sign * value(side) for sign, side in sides)


def _of_text(panel: Panel, sides: _Sides, *, tells_words: bool) -> list[Estimate]:
    text = panel.text
    found = [(sign, side, *values_of(text, side.surprise)) for sign, side in sides]
    values: Numbers = np.sum([sign * at for sign, _, at, _ in found], axis=0)
    left = np.sum([sign * values_without(text, side.surprise) for sign, side in sides], axis=0)
    reading = _reading(
        sides, {id(side): at for _, side, at, _ in found}, lambda surprise: values_of(text, surprise)[0]
    )
    proper, changes = own_variances(text, _signed(sides, lambda side: side.surprise), values)
    if len(sides) > 1:
        changes = changes + _read_changes(text, sides)
    samples = [influences(values - left, text.blocks), *reading]
    kinds = [*(("band", band) for band in BANDS), ("all", ""), ("worst", "")]
    wanted = [MEAN, *(range(len(BANDS)) if tells_words else ()), WORST_DOCUMENTS]
    holders = _holders(panel)
    return [
        _estimate(
            kinds[k],
            (int(holders[k]), round(float(text.size[k]))),
            float(values[k]),
            [sample[:, k] for sample in samples],
            OwnVariance(proper=float(proper[k]), jackknife=float(changes[k])),
        )
        for k in wanted
        if text.size[k] > 0
    ]


def _holders(panel: Panel) -> NDArray[np.int64]:
    """Documents that have words of each figure, shape (7,)."""
    text = panel.text
    document = np.repeat(np.arange(len(panel)), panel.words.sizes)
    pairs = np.unique(document * (len(BANDS) + 1) + text.band[text.words])
    of_band = np.bincount(pairs % (len(BANDS) + 1), minlength=len(BANDS) + 1)[1:]
    return np.append(of_band, [len(panel), len(panel)])


def _reading(sides: _Sides, values: Mapping[int, Numbers], figures: Any) -> list[Numbers]:
    """Influences of what was read on signed figures: of parts, each taken out of all sides at once; or of draws."""
    if all(side.without for _, side in sides):
        return [
            np.sum(
                [
                    sign
                    * influences(
                        values[id(side)] - np.array([figures(one) for one in side.without]), _words_of(side)
                    )
                    for sign, side in sides
                ],
                axis=0,
            )
        ]
    if not all(len(side.draws) > 1 for _, side in sides):
        return []
    return [
        np.sum(
            [sign * _spread_of(np.array([figures(one) for one in side.draws]), side) for sign, side in sides],
            0,
        )
    ]


def _spread_of(drawn: Numbers, side: Scores) -> Numbers:
    """Draws of one set as influences on their mean, shape (draws, ...): see the module's third point."""
    count = len(drawn)
    scale = math.sqrt((1 / count + side.drawn / (1 - side.drawn)) / count)
    spread: Numbers = (drawn - drawn.mean(axis=0)) * scale
    return spread


def _words_of(side: Scores) -> NDArray[np.int64]:
    assert side.part_words is not None, "parts come with their words"
    return side.part_words


def _read_changes(text: HeldOutText, sides: _Sides) -> Numbers:
    """What words alone add to the squares of the parts' influences, as in `measure.held_out`, shape (7,)."""
    types = text.band.size
    if not all(side.without for _, side in sides):
        return np.zeros(text.size.size)
    parts = zip(*(side.without for _, side in sides), strict=True)
    changes = np.array(
        [
            sum(
                sign * np.bincount(text.words, side.surprise - one, types)
                for (sign, side), one in zip(sides, part, strict=True)
            )
            for part in parts
        ]
    )
    changes -= changes.mean(axis=0)  # a model that read less knows less; that is no chance
    squares = np.square(changes).sum(axis=0)
    return by_figure(text, text.band, squares, squares)


def _of_group(panel: Panel, group: Group, sides: _Sides) -> Estimate:
    offsets, some = panel.words.offsets, group.documents
    sizes = panel.words.sizes[some]
    bounds = jackknife.blocks(some.size)

    def sums(surprise: Numbers) -> Numbers:
        ends = np.concatenate(([0.0], np.cumsum(surprise)))
        return ends[offsets[some + 1]] - ends[offsets[some]]

    def mean(surprise: Numbers) -> Numbers:
        return np.array([sums(surprise).sum() / words])

    words = max(1, int(sizes.sum()))
    nats = _signed(sides, lambda side: sums(side.surprise))
    value = float(nats.sum()) / words
    without = (nats.sum() - np.add.reduceat(nats, bounds[:-1])) / np.maximum(
        1, words - np.add.reduceat(sizes, bounds[:-1])
    )
    reading = _reading(sides, {id(side): mean(side.surprise) for _, side in sides}, mean)
    samples = [influences(value - without, np.diff(bounds)), *(sample[:, 0] for sample in reading)]
    return _estimate((group.kind, group.name), (some.size, words), value, samples, OwnVariance())


def _estimate(
    kind: tuple[str, str], size: tuple[int, int], value: float, samples: Sequence[Numbers], own: OwnVariance
) -> Estimate:
    interval, p = interval_and_p(value, samples, own)
    variances = [float(sample @ sample) for sample in samples]
    return Estimate(
        kind=kind[0],
        name=kind[1],
        documents=size[0],
        words=size[1],
        interval=interval,
        p=p,
        from_held_out=variances[0] / sum(variances) if any(variances) else 1.0,
    )


def interval_and_p(
    value: float, samples: Sequence[Numbers], own: OwnVariance = _NO_TYPES
) -> tuple[Interval, float]:
    """A figure's 95 % interval and the two-sided p-value of 0, from the influences of each independent sample."""
    found = jackknife.spread(samples, own)
    reach = found.error * student.reach(found.freedom, 1 - jackknife.LEVEL) if found.error else 0.0
    p = student.two_sided(value / found.error, found.freedom) if found.error else float(value == 0)
    return Interval(estimate=value, low=value - reach, high=value + reach), p
