"""Is the second corpus poorer than the first? One permutation test of several figures, an interval for each.

No single number sees both diseases of a model's output: entropy collapse sharpens the common types, noise drift makes
up rare ones. So a comparison has the whole Hill profile, and with a human reference what each corpus kept of its rare
types, what it lacks and what it has that people did not write. All figures are tested in one permutation of documents,
and the level holds for all of them together: the p-values are those of Westfall and Young's single-step maxT [1].

Documents are the unit: words come in bursts, and drawing words one by one would find differences between any two
halves of a corpus. Both corpora are cut to equal tokens, the figures of each relabelling as well; where documents come
in pairs, such as answers to the same prompts, the labels are swapped within pairs instead, and nothing is cut.

A p-value says that a change is no chance, not that it matters, and a large one does not say that all is well. So each
figure has an interval of its change, by the document-block jackknife, and there are three verdicts: *worse* where a
change in a harmful direction is significant and may exceed the margin; *not worse* where the one-sided 95 % bound of
every figure is within the margin (an intersection-union test [2], which needs no correction); else *not enough data*.

Measured in benchmarks/tails/compare.py: false alarms, power and coverage; docs/compare.md has the table.

[1] Westfall and Young, Resampling-based multiple testing (1993), section 2.3, equation 2.9.
[2] Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24 (1982) 295-300.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.cells import BEYOND
from wellkeeper.measure.hill import hill_of_moments, moments
from wellkeeper.measure.incidence import Incidence, match
from wellkeeper.measure.jackknife import Interval, OwnVariance, Spread, influences
from wellkeeper.measure.relabel import HILL, MASSES, TAIL, Numbers, Yardstick, max_t, numbered, relabelled
from wellkeeper.measure.sample import Sample, document_spectrum, many, ratio, sample_of, shortage
from wellkeeper.measure.verdicts import Verdict, holm

Harm: TypeAlias = Literal["lower", "higher", "either"]

LEVEL = 0.05
"""Share of comparisons of like with like in which the verdict is `worse`, at most."""

MARGIN = 0.05
"""Change that does not matter, as a share: of a Hill number, or of the tail. A mass is lost from the tail above all,
and the tail holds 15 %: so 5 % of it are 0.75 points of a lost or invented mass."""

PERMUTATIONS = 999

_POWER = 0.8  # chance that as many documents as are asked for decide
_NORMAL = NormalDist()
_NO_TYPES = OwnVariance()
_ONE_SIDED = _NORMAL.inv_cdf(jackknife.LEVEL)
_TWO_SIDED = _NORMAL.inv_cdf((1 + jackknife.LEVEL) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both corpora.

    `q0`, `q1`, `q2`: Hill numbers of types by document frequency. With a reference, whose rare types are its
    `tail_cells`: `tail_mass`, the share of a corpus' tokens that are of rare types; `tail_recall`, the share of rare
    types that it has, each weighed by its tokens in the reference; `lost_mass`, the share of the reference's tokens
    whose type it lacks; `invented_mass`, the share of its own tokens whose type the reference lacks. Without one,
    `lost_mass` is the share of the first corpus' tokens whose type the second lacks, `invented_mass` the reverse, and
    `first` is what chance alone gives: mean and central 95 % over relabellings.
    """

    figure: str
    first: Interval
    second: Interval
    change: (
        Interval  # second / first - 1 for Hill numbers and the tail; second - first, in points, for masses
    )
    at_least: float  # one-sided 95 % bound of the change from below
    at_most: float  # and from above
    harm: Harm  # the direction of change that would be worse
    p: float  # adjusted for all figures of the comparison; two-sided for Hill numbers
    within: bool  # the bound on the side of harm is within the margin
    documents_to_decide: tuple[int, int] | None  # of both corpora, about; None: no spread was seen

    @property
    def is_harmful(self) -> bool:
        """Whether the estimate lies in the harmful direction."""
        change = self.change.estimate
        return (self.harm != "higher" and change < 0) or (self.harm != "lower" and change > 0)

    def to_json(self) -> dict[str, Any]:
        return {
            "figure": self.figure,
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            "change": self.change.to_json(),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "harm": self.harm,
            "p": self.p,
            "within": self.within,
            "documents_to_decide": None
            if self.documents_to_decide is None
            else list(self.documents_to_decide),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two corpora compared by one kind of type: words, 3-grams, topics."""

    documents: tuple[int, int]  # of the first and the second corpus, cut to equal tokens
    tokens: tuple[int, int]
    types: int  # distinct ones in either
    tail_types: int | None  # rare types of the reference; None: there is no reference
    permutations: int
    margin: float
    changes: tuple[Change, ...]

    @property
    def p(self) -> float:
        """That of no harm in any figure: the least adjusted p-value of those that changed in a harmful direction."""
        return min((change.p for change in self.changes if change.is_harmful), default=1.0)

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": list(self.documents),
            "tokens": list(self.tokens),
            "types": self.types,
            "tail_types": self.tail_types,
            "permutations": self.permutations,
            "changes": [change.to_json() for change in self.changes],
        }


def compare(
    first: Incidence,
    second: Incidence,
    *,
    reference: Incidence | None = None,
    paired: bool = False,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    margin: float = MARGIN,
) -> Compared:
    """Compare the second corpus with the first; documents in sampling order, or paired one by one.

    The reference is taken as it is: intervals and p-values are about other documents of both corpora, not of it. It
    should share no document with either.

    Raises:
        DataError: a side has fewer than 10 documents after cutting or no token, pairs are not as many on both sides,
            `permutations` is below 19, `margin` is not in (0, 1), or the reference is empty.
    """
    _check(first, second, paired=paired, permutations=permutations, margin=margin)
    whole = first, second
    if not paired:
        first, second = match(first, second)
    _check_sizes((first, second), whole)
    ids, yardstick = numbered(first, second, reference)
    rows = relabelled(first, second, ids, yardstick, paired=paired, seed=seed, permutations=permutations)
    design = _Design(
        sample_of(first, ids[0], yardstick.types), sample_of(second, ids[1], yardstick.types), paired=paired
    )
    adjusted = max_t(rows, [_side(figure) for figure in yardstick.figures()])
    effects = list(_effects(design, yardstick, rows, margin))
    return Compared(
        documents=(first.documents, second.documents),
        tokens=(first.words, second.words),
        types=int(np.count_nonzero(design.first.frequencies + design.second.frequencies)),
        tail_types=int(yardstick.tail.sum()) if yardstick.is_reference else None,
        permutations=permutations,
        margin=margin,
        changes=tuple(
            _change(effect, design, yardstick, float(p)) for effect, p in zip(effects, adjusted, strict=True)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict over comparisons by several kinds of type."""

    verdict: Verdict
    p: Mapping[str, float]  # of each comparison, adjusted by Holm's method for there being several
    worse: tuple[tuple[str, Change], ...]  # figures that are worse, most significant first
    open: tuple[tuple[str, Change], ...]  # neither worse nor shown to be within the margin
    documents_to_decide: tuple[int, int] | None  # where there is not enough data: of each corpus, about

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "p": dict(self.p),
            "worse": [{"family": family, "figure": change.figure} for family, change in self.worse],
            "open": [{"family": family, "figure": change.figure} for family, change in self.open],
            "documents_to_decide": None
            if self.documents_to_decide is None
            else list(self.documents_to_decide),
        }


def judge(comparisons: Mapping[str, Compared], *, level: float = LEVEL) -> Judgement:
    """The verdict of comparisons by several kinds of type; one alone need not be adjusted for.

    A figure is worse if it changed in a harmful direction, its p-value times the factor that Holm's method gives its
    comparison is at most `level`, and its bound is not within the margin. The chance of any false `worse` between two
    samples of one source is at most `level`.

    Raises:
        DataError: there is no comparison.
    """
    if not comparisons:
        raise DataError("there is no comparison to judge. Compare by words at least.")
    factors, adjusted = _holm({family: found.p for family, found in comparisons.items()})
    figures = [(family, change) for family, found in comparisons.items() for change in found.changes]
    worse = [
        (family, change)
        for family, change in figures
        if change.is_harmful
        and not change.within
        and adjusted[family] <= level
        and change.p * factors[family] <= level
    ]
    undecided = tuple(
        (family, change) for family, change in figures if not change.within and (family, change) not in worse
    )
    verdict: Verdict = "worse" if worse else "not enough data" if undecided else "not worse"
    needed = [change.documents_to_decide for _, change in undecided if change.documents_to_decide]
    decide = (max(first for first, _ in needed), max(second for _, second in needed)) if needed else None
    return Judgement(
        verdict=verdict,
        p=adjusted,
        worse=tuple(sorted(worse, key=lambda found: found[1].p)),
        open=undecided,
        documents_to_decide=decide if verdict == "not enough data" else None,
    )


def _holm(p: Mapping[str, float]) -> tuple[dict[str, int], dict[str, float]]:
    """Holm's factors, and the p-values adjusted by his method."""
    factors = {family: len(p) - rank for rank, family in enumerate(sorted(p, key=lambda family: p[family]))}
    adjusted = holm(np.array(list(p.values())))
    return factors, dict(zip(p, adjusted.tolist(), strict=True))


def _check_sizes(sides: tuple[Incidence, Incidence], whole: tuple[Incidence, Incidence]) -> None:
    names = "the first corpus", "the second corpus"
    for name, uncut in zip(names, whole, strict=True):
        short = shortage(uncut, name)
        if short:
            raise DataError(short)
    for name, other, side in zip(names, reversed(names), sides, strict=True):
        if side.documents < jackknife.FEWEST_DOCUMENTS:
            raise DataError(
                f"{name} has {many(side.documents)} when it is cut to the size of {other}, too few for an interval. "
                f"Give more text of {other}."
            )


def _check(first: Incidence, second: Incidence, *, paired: bool, permutations: int, margin: float) -> None:
    if permutations < 19:
        raise DataError(
            f"permutations is {permutations}, and the least p-value would be 1/{permutations + 1}. "
            "Ask for at least 19, or better 999."
        )
    if not 0 < margin < 1:
        raise DataError(f"margin is {margin}. Give a share in (0, 1), such as {MARGIN}.")
    if paired and first.documents != second.documents:
        raise DataError(
            f"the first corpus has {first.documents} units and the second {second.documents}. "
            "Pass pairs: as many units on both sides, in the same order."
        )


@dataclass(frozen=True, slots=True)
class _Design:
    """Both corpora in blocks; what a block is measured by is what the design holds equal."""

    first: Sample
    second: Sample
    paired: bool

    def samples(self, losses_first: Numbers, losses_second: Numbers) -> list[Numbers]:
        """Influences on a change, from how much of it goes with each block of each corpus."""
        if self.paired:  # the two documents of a pair rise and fall together
            return [influences(losses_first + losses_second, self.first.documents)]
        return [influences(losses_first, self.first.words), influences(losses_second, self.second.words)]

    def size(self, side: Sample) -> NDArray[np.int64]:
        return side.documents if self.paired else side.words

    def documents(self) -> tuple[int, int]:
        return int(self.first.documents.sum()), int(self.second.documents.sum())


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of one corpus alone."""

    values: Numbers  # shape (blocks + 1,): of all blocks, then with each emptied
    own: OwnVariance = _NO_TYPES  # what types add by their own chance, where the jackknife much overstates it


@dataclass(frozen=True, slots=True)
class _Effect:
    """A figure in both corpora and its change on the scale where it is nearest to normal."""

    figure: str
    first: Interval
    second: Interval
    estimate: float
    spread: Spread
    margin: float  # on the same scale
    is_log: bool  # of the ratio; else the change itself

    def natural(self, value: float) -> float:
        return math.expm1(value) if self.is_log else max(-1.0, value)


def _effects(design: _Design, yardstick: Yardstick, rows: Numbers, margin: float) -> Iterator[_Effect]:
    first, second = (_figures(side, yardstick) for side in (design.first, design.second))
    for at, figure in enumerate(yardstick.figures()):
        if figure in first:
            yield _own_effect(figure, design, first[figure], second[figure], rows[1:, at], margin)
        else:
            yield _mutual_effect(figure, design, rows[1:, at], margin)


def _figures(sample: Sample, yardstick: Yardstick) -> dict[str, _Figure]:
    documents = int(sample.documents.sum())
    spectrum = document_spectrum(sample)
    hill = hill_of_moments(spectrum.sums(moments(spectrum.counts, documents, documents)))
    found = {figure: _Figure(values) for figure, values in zip(HILL, hill, strict=True)}
    if not yardstick.is_reference:
        return found
    groups, type_of = sample.groups, sample.type_of
    gone = sample.frequencies[type_of] == groups.entries
    has, tokens = sample.frequencies > 0, _less(float(sample.words.sum()), sample.words)

    def used(chosen: NDArray[np.bool_]) -> _Figure:
        theirs = _less(sample.tokens[chosen].sum(), groups.sums(groups.totals * chosen[type_of]))
        return _Figure(ratio(theirs, tokens, float(theirs[0] / tokens[0])))

    def present(weight: NDArray[np.int64]) -> Numbers:
        left = _less(weight[has].sum(), groups.sums(weight[type_of] * gone))
        return left / float(weight.sum())

    presence = _presence(sample, yardstick.weight, float(yardstick.weight.sum()))
    return {
        **found,
        "tail_mass": used(yardstick.tail),
        "tail_recall": _Figure(present(yardstick.tail_weight())),
        "lost_mass": _Figure(1 - present(yardstick.weight), presence),
        "invented_mass": used(yardstick.weight == 0),
    }


def _presence(sample: Sample, weight: NDArray[Any], whole: float) -> OwnVariance:
    """Of the weight of types that the corpus has, over the `whole`; see `OwnVariance`.

    Of a type that is in y documents on average, exp(-y) (1 - exp(-y)) is the variance of being in any. Types in one
    document, less 0.4 of those in two, come to exp(-y) (y - y^2 / 5) on average: at most 0.07 too much, and too little
    only beyond y = 3.6, by less than 0.01. With half of those in two, intervals of 40 documents covered 92 %.
    """
    squared = weight.astype(np.float64) ** 2
    once, twice = (float(squared[sample.frequencies == y].sum()) for y in (1, 2))
    gone = sample.frequencies[sample.type_of] == sample.groups.entries
    changes = float(squared[sample.type_of[gone]].sum())
    return OwnVariance(proper=max(0.0, once - 0.4 * twice) / whole**2, jackknife=changes / whole**2)


def _less(whole: Any, blocks: NDArray[Any]) -> Numbers:
    """The whole, then the whole less each block."""
    return np.concatenate(([float(whole)], float(whole) - blocks))


def _own_effect(
    figure: str, design: _Design, first: _Figure, second: _Figure, relabelled_rows: Numbers, margin: float
) -> _Effect:
    """The change of a figure that each corpus has by itself."""
    before = _interval(figure, first, design.first, design.size(design.first))
    after = _interval(figure, second, design.second, design.size(design.second))
    a, b = first.values, second.values
    if figure not in MASSES and min(a.min(), b.min()) > 0:
        logs = np.log(a), np.log(b)
        spread = jackknife.spread(design.samples(-_losses(logs[0]), _losses(logs[1])))
        if spread.error == 0:  # each type is in several blocks: none can be lost with one
            spread = Spread(float(relabelled_rows.std()), math.inf)
        change = float(logs[1][0] - logs[0][0])
        return _Effect(figure, before, after, change, spread, -math.log1p(-margin), is_log=True)
    scale = float(a[0]) if figure not in MASSES and a[0] > 0 else 1.0
    own = OwnVariance(
        proper=first.own.proper + second.own.proper, jackknife=first.own.jackknife + second.own.jackknife
    )
    spread = jackknife.spread(design.samples(-_losses(a) / scale, _losses(b) / scale), own)
    if spread.error == 0:  # a share of nothing or of all shows no spread in any block
        width = sum(side.high - side.low for side in (before, after)) / scale
        spread = Spread(width / (2 * _TWO_SIDED), math.inf)
    if figure in MASSES:
        margin = _points(margin)
    return _Effect(figure, before, after, float(b[0] - a[0]) / scale, spread, margin, is_log=False)


def _points(margin: float) -> float:
    """The margin of a mass that is lost from the tail."""
    return margin * (1 - BEYOND)


def _interval(figure: str, found: _Figure, side: Sample, sizes: NDArray[np.int64]) -> Interval:
    estimate = float(found.values[0])
    if figure in HILL:
        return jackknife.positive_interval(estimate, found.values[1:], sizes)
    losses = [influences(_losses(found.values), sizes)]
    return jackknife.share_interval(estimate, losses, found.own, trials=int(side.documents.sum()))


def _losses(values: Numbers) -> Numbers:
    lost: Numbers = values[0] - values[1:]
    return lost


def _mutual_effect(figure: str, design: _Design, relabelled_rows: Numbers, margin: float) -> _Effect:
    """The mass that one corpus has and the other lacks, beside what relabelled documents give."""
    whose, other = (design.first, design.second) if figure == "lost_mass" else (design.second, design.first)
    lacking = other.frequencies == 0
    mass = float(whose.tokens[lacking].sum())
    tokens = float(whose.words.sum())
    gone = other.frequencies[other.type_of] == other.groups.entries
    own = ratio(
        _less(mass, whose.groups.sums(whose.groups.totals * lacking[whose.type_of])),
        _less(tokens, whose.words),
        mass / tokens,
    )
    others = _less(mass, -other.groups.sums(whose.tokens[other.type_of] * gone)) / tokens
    losses = (own, others) if whose is design.first else (others, own)
    samples = design.samples(*map(_losses, losses))
    trials = int(whose.documents.sum())
    low, high = np.quantile(relabelled_rows, [0.025, 0.975]).tolist()
    chance = Interval(estimate=float(relabelled_rows.mean()), low=low, high=high)
    presence = _presence(other, whose.tokens, tokens)
    share = jackknife.share_interval(mass / tokens, samples, presence, trials=trials)
    spread = jackknife.spread(samples, presence)
    if spread.error == 0:
        spread = Spread((share.high - share.low) / (2 * _TWO_SIDED), math.inf)
    return _Effect(
        figure, chance, share, mass / tokens - chance.estimate, spread, _points(margin), is_log=False
    )


def _side(figure: str) -> int:
    """Which values are extreme, as `max_t` takes it: both diseases are looked for in Hill numbers."""
    return 0 if figure in HILL else -1 if figure in TAIL else 1


def _harm(figure: str, yardstick: Yardstick) -> Harm:
    """A corpus richer than before may be better or noise: only a reference tells, by its invented mass."""
    if figure in HILL:
        return "lower" if yardstick.is_reference else "either"
    return "lower" if figure in TAIL else "higher"


def _change(effect: _Effect, design: _Design, yardstick: Yardstick, p: float) -> Change:
    harm = _harm(effect.figure, yardstick)
    freedom, error = effect.spread.freedom, effect.spread.error
    reach = jackknife.student_quantile(freedom) * error
    bound = jackknife.student_quantile(freedom, _ONE_SIDED) * error
    low, high = effect.estimate - bound, effect.estimate + bound
    within = (harm == "higher" or low > -effect.margin) and (harm == "lower" or high < effect.margin)
    return Change(
        figure=effect.figure,
        first=effect.first,
        second=effect.second,
        change=Interval(
            estimate=effect.natural(effect.estimate),
            low=effect.natural(effect.estimate - reach),
            high=effect.natural(effect.estimate + reach),
        ),
        at_least=effect.natural(low),
        at_most=effect.natural(high),
        harm=harm,
        p=p,
        within=within,
        documents_to_decide=_documents_to_decide(effect, design),
    )


def _documents_to_decide(effect: _Effect, design: _Design) -> tuple[int, int] | None:
    """Documents of each corpus with which no change would be shown to be within the margin, with a power of 0.8.

    And with which a change as large as the margin would be found, with the same: the standard error has to be the
    margin over the sum of the two normal quantiles, and falls with the square root of the documents.
    """
    if effect.spread.error == 0:
        return None
    factor = ((_ONE_SIDED + _NORMAL.inv_cdf(_POWER)) * effect.spread.error / effect.margin) ** 2
    first, second = (math.ceil(documents * factor) for documents in design.documents())
    return max(first, jackknife.FEWEST_DOCUMENTS), max(second, jackknife.FEWEST_DOCUMENTS)
