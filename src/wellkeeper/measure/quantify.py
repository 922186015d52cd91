"""What share of a slice's documents is AI-made, read off how their style scores are distributed.

A score says little of one document and much of three hundred: if the scores of the slice's human and of its AI texts
had known densities, those of the slice would be their mixture, and the share that makes the slice likeliest is the
estimate [1]. The densities come from references of the slice's own kind of text. All scores are of one style model,
higher for text more like that of models; a document without a score is left out before.

What the references leave open is in the interval. They are few: slice and references are drawn again, with
replacement, for every estimate behind it. And AI references need not come from the generators that wrote the slice:
every draw moves their density by a random amount (`GENERATOR_SPREAD`), and every estimate follows the slice: a little
always, far if the slice asks for it, and to the AI texts of a training domain where these explain it better than the
references do by very strong evidence. A plain bootstrap held .93 of the true shares at a nominal .95 where two
generators rewrote the same texts; this holds .97. Where generators had little in common, moves without following held
.59, this holds .77: less than it says (benchmarks/origin/share.py).

Where there are no AI references, densities of AI text come from the domains that the score was trained on, each from a
model that never saw it, moved towards the slice by how its human references lie. The interval is the union over these
components: the slice is promised to behave like one of them, not like their mean.

What needs no such promise is `certified_lower_bound`: it compares the slice's scores with those of human text alone.

[1] Gonzalez, Moreo and Sebastiani, Binary quantification and dataset shift: an experimental investigation, Data Mining
    and Knowledge Discovery 38 (2024); Moreo, Gonzalez and del Coz, Kernel density estimation for multiclass
    quantification, Machine Learning 114 (2025): KDEy, here its maximum-likelihood form in one dimension.
[2] Forman, Quantifying counts and costs via classification, Data Mining and Knowledge Discovery 17 (2008) 164-206.
[3] Bella, Ferri, Hernandez-Orallo and Ramirez-Quintana, Quantification via probability estimators, ICDM 2010.
[4] Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities: a simple
    procedure, Neural Computation 14 (2002) 21-41.
[5] Massart, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Ann. Probab. 18 (1990) 1269-1283.
[6] Kass and Raftery, Bayes factors, J. Am. Stat. Assoc. 90 (1995) 773-795.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure._mixture import mixture_shares
from wellkeeper.measure.auroc import area_under_roc

Scores: TypeAlias = NDArray[np.floating]  # shape (documents,), none of them NaN
Floats: TypeAlias = NDArray[np.float64]
_Generator: TypeAlias = np.random.Generator

GRID: Final[Floats] = -14 + np.arange(281) / 10
"""Scores at which densities are taken. Its step and ends suit scores whose standard deviation over training texts is
2.2, as those of `wellkeeper.origin.style` are."""

GENERATOR_SPREAD: Final = 0.25
"""Standard deviation by which the mean of a slice's AI scores stands off from that of AI references, in standard
deviations of AI scores: by as much every draw of an interval moves the AI density. GPT-3.5 and Llama-3-70B, rewriting
the same texts, differ by .38 (root mean square over 10 domains, out of fold), so each by .27 from their mean; 0, .25
and .35 held .955, .982 and .987 of the shares of slices of training domains (benchmarks/origin/share.py). Less would do
there, and held fewer where generators are less alike (docs/LOG.md)."""

DOMAIN_SPREAD: Final = 0.35
"""The same where AI scores are known from other domains only. 0, .25, .3 and .35 held .955, .969, .978 and .982."""

FOLLOWED: Final = 0.15
"""The part of such a move, in the same unit, that an estimate allows for when it is fitted to the slice. Of 0, .15 and
.3 the error on slices of training domains was smallest at .15: .038, .036 and .037 with AI references, .046, .043 and
.043 without. More follows noise."""

FAR: Final = 1e-6
"""Probability, beforehand, that a slice's AI scores stand off by more: anything up to two standard deviations. Models
of one benchmark lie as far apart (means of 3.4, 1.6, .4 and .3 in detectrl). So small because the evidence comes from
densities that few references give: at .05 the error on slices of unlike generators is no smaller, and on those of like
ones it is no smaller either, .037 and .036 (benchmarks/origin/share.py)."""

STAND_IN: Final = 10.0
"""Natural logarithm of how much likelier a training domain's AI texts must make the slice than its AI references do, to
stand beside these: a ratio of 22,000, for the same reason."""

LEAST_APART: Final = 1.5
"""No estimate follows AI scores closer to the human references than this, in standard deviations of those: what lies
there could be human text that the references lack, or any share of AI text."""

TOWARDS_HUMAN: Final = 0.75
"""How far a component's AI scores follow the slice: by so much of the difference between the slice's human references
and its own human scores. 0: AI texts score the same everywhere, 1: they keep their distance from human ones. Of
.5, .6, .75 and 1 it gave the smallest error on slices of training domains, out of fold (benchmarks/origin/share.py)."""

LEAST_AREA: Final = 0.8
"""Components whose own human and AI scores have a smaller area under the ROC curve are left out. They are text that
the score cannot tell, as that of base models; a slice of it could hold any share, and all intervals would say so."""

LIKELIHOOD_KEPT: Final = 5.0
"""Components are left out of the union whose mixtures make the slice less likely than the best one's by more than this
natural logarithm, a ratio of 148: very strong evidence against them in the terms of [6]."""

COMPONENTS_WORTH: Final = 20
"""AI references that the training domains together count as, where there are AI references of the slice. The error on
slices of training domains is .037 with none, .036 with 20 and .035 with 80: 20, since other texts than those that the
score was trained on are less like its domains."""

_WIDTH_OF_SLICE, _WIDTH_OF_HUMAN, _WIDTH_OF_AI = 0.0093, 0.481, 0.170
"""The squared mean width of an interval is about the first, plus the second over the number of human references, plus
the third over that of AI ones: least squares over ten pairs of 25 to 800, slices of 300 documents of ten training
domains, shares 0 to 1. Widths of .10 to .20, met within 8 % (benchmarks/origin/share.py --only widths)."""

FEWEST_JUDGED: Final = 25
"""Human references below which `contaminated` says nothing: 10 % of them are two texts."""

_MIN_BANDWIDTH = 0.25  # score units
_FLOOR = 1e-4  # added to a density, so that single outliers cannot decide: a uniform part of .28%
_DEVIATES = np.linspace(-2, 2, 7)  # normal deviates that stand for the moves of `FOLLOWED`
_FARTHER = np.concatenate((np.arange(-2, -0.4, 0.25), np.arange(0.5, 2.1, 0.25)))  # moves of `FAR`
_MOST_JUDGED = 400  # references that `contaminated` looks at, evenly through their order, of a larger number
_PURE_SAMPLES = 100  # samples of each component's human texts that it compares with
_ROUNDS = 40  # of expectation-maximisation


class ComponentLike(Protocol):
    """Texts of one training domain, scored by a model that saw none of it."""

    @property
    def human(self) -> Scores: ...

    @property
    def ai(self) -> Scores: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share, in [0, 1], and the interval that holds it with probability `level`."""

    estimate: float
    low: float
    high: float
    level: float
    method: str  # 'references' or 'human-references': which ones it rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """AI text among human references, as far as their scores tell."""

    share: float  # estimate, in [0, 0.5], of the references
    references: int
    p: float  # of pure references of the training domains, the part that look at least as mixed
    level: float

    def message(self) -> str:
        """What was found and what to do."""
        return (
            f"About {self.share:.0%} of these {self.references} human references score like AI text, which pure ones "
            f"seldom do (p = {self.p:.2g}). Shares measured with them come out too low. Look at those with the highest "
            "scores, or take texts from before 2022-11-30."
        )


# --- estimates ---------------------------------------------------------------------------------------------------


def density(values: Scores) -> Floats:
    """Density of the values at `GRID`, shape (281,), positive, with sum 1.

    Gaussian kernels, with Silverman's rule for the bandwidth but at least .25, and a uniform part of .28%.

    Raises:
        DataError: there is no value, or one is NaN or infinite.
    """
    checked = _checked(values, "values")
    return _normal(_kernels(checked).mean(axis=0))


def kdey(scores: Scores, human: Scores, ai: Scores) -> float:
    """Share of AI documents, in [0, 1], that makes the slice likeliest under the densities of the references [1].

    Args:
        scores: of the slice's documents.
        human: of human references.
        ai: of AI references.

    Raises:
        DataError: a sample is empty, or holds NaN or infinite values.
    """
    found = _cell_counts(_checked(scores, "scores"))
    share, _ = _fitted(found, density(human), density(ai))
    return float(share[0])


def pacc(scores: Scores, human: Scores, ai: Scores) -> float:
    """Share of AI documents, in [0, 1], from mean probabilities, adjusted by the references' [3].

    Arguments and errors as of `kdey`.
    """
    false, true = (
        float(_logistic(_checked(side, name)).mean()) for side, name in ((human, "human"), (ai, "ai"))
    )
    found = float(_logistic(_checked(scores, "scores")).mean())
    return _clipped((found - false) / max(true - false, 0.02))


def acc(scores: Scores, human: Scores, ai: Scores, *, threshold: float = 0.0) -> float:
    """Share of AI documents, in [0, 1], from counts above a threshold, adjusted by the references' [2].

    Arguments and errors as of `kdey`.
    """
    found, false, true = (
        float(np.mean(_checked(side, name) > threshold))
        for side, name in ((scores, "scores"), (human, "human"), (ai, "ai"))
    )
    return _clipped((found - false) / max(true - false, 0.05))


def emq(scores: Scores) -> float:
    """Share of AI documents, in [0, 1], that agrees with the mean of probabilities corrected for it [4].

    Without references: it takes the logistic of a score for the probability of AI in a half-and-half collection. The
    expectation-maximisation of [4] climbs to the maximum that is found here at once.

    Raises:
        DataError: there is no score, or one is NaN or infinite.
    """
    likely = _logistic(_checked(scores, "scores"))
    share, _ = _fitted(np.ones(likely.size), 1 - likely, likely)
    return float(share[0])


def classify_and_count(scores: Scores, *, threshold: float = 0.0) -> float:
    """Share of scores above the threshold, in [0, 1]: the naive estimate, which false alarms dominate.

    Raises:
        DataError: there is no score, or one is NaN or infinite.
    """
    return float(np.mean(_checked(scores, "scores") > threshold))


# --- intervals ---------------------------------------------------------------------------------------------------


def share_with_references(
    scores: Scores,
    human: Scores,
    ai: Scores,
    *,
    components: Sequence[ComponentLike] = (),
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Share of AI documents in a slice, with human and AI references of its kind of text.

    Args:
        scores: of the slice's documents.
        human: of human references of the slice's kind, none of them in the slice.
        ai: of AI references of that kind, of whatever generators.
        components: training domains of the score, to steady a small AI reference and to stand in for one that the slice
            speaks against; none: it stands alone.
        draws: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.
        level: at which the interval holds the share.

    Raises:
        DataError: a sample is empty or holds NaN or infinite values, or draws or level cannot be.
    """
    _check(draws, level)
    slice_, people, machines = _checked(scores, "scores"), _checked(human, "human"), _checked(ai, "ai")
    drawn = _Drawn.of(slice_, people, draws, seed)
    domains = (
        _domain_sides(components, people) if area_under_roc(people, machines).estimate >= LEAST_AREA else []
    )
    own = machines.size / (machines.size + COMPONENTS_WORTH) if domains else 1.0
    others = (
        (1 - own) * np.mean([side.density for side in domains], axis=0) if domains else np.zeros(GRID.size)
    )
    spread = float(machines.std())
    references = _Side(
        density=own * density(machines) + others,
        drawn=own * _resampled(machines, draws, drawn.rng) + others,
        spread=spread,
        moved=GENERATOR_SPREAD,
        moves=_moves_of(machines, people),
    )
    least = references.fitted(drawn)[1] + STAND_IN
    better = [side for side in domains if side.fitted(drawn)[1] > least]
    return _union(drawn, [references, *better], [references], level, "references")


def share_with_human_references(
    scores: Scores,
    human: Scores,
    components: Sequence[ComponentLike],
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Share of AI documents in a slice, with human references of its kind of text and none of AI.

    The union of one interval for each component that the slice does not speak against. It holds if the slice's AI
    scores lie like some training domain's; for text that the score cannot tell from human text nothing holds.

    Args:
        scores: of the slice's documents.
        human: of human references of the slice's kind, none of them in the slice.
        components: training domains of the score.
        draws: of the bootstrap, for each component.
        seed: of the bootstrap; the same seed gives the same interval.
        level: at which each component's interval holds the share.

    Raises:
        DataError: a sample is empty or holds NaN or infinite values, no component tells human from AI text, or draws
            or level cannot be.
    """
    _check(draws, level)
    slice_, people = _checked(scores, "scores"), _checked(human, "human")
    told = _told(components)
    if not told:
        raise DataError(
            f"None of {len(components)} components tells human from AI text: nothing is known of AI scores. Pass the "
            "components of a trained style model, or use AI references."
        )
    return _union(
        _Drawn.of(slice_, people, draws, seed), _domain_sides(told, people), [], level, "human-references"
    )


def certified_lower_bound(scores: Scores, human: Scores, *, confidence: float = 0.975) -> float:
    """A share, in [0, 1], that the slice's AI documents reach with probability `confidence`, whatever AI text is like.

    If documents and human references are independent draws, and the slice's human texts are what the references are,
    no more than 1 - share of the slice can lie below any score: F(t) >= (1 - share) F_human(t). Both distribution
    functions are bounded at all t at once [5], each with half of the error; the bound is the largest over 49
    quantiles of the references. It is loose, and 0 for slices that hold little.

    Args:
        scores: of the slice's documents.
        human: of human references of the slice's kind.
        confidence: probability, in (0, 1).

    Raises:
        DataError: a sample is empty or holds NaN or infinite values, or the confidence is no probability.
    """
    slice_, people = np.sort(_checked(scores, "scores")), np.sort(_checked(human, "human"))
    if not 0 < confidence < 1:
        raise DataError(f"confidence is {confidence}. Give a probability between 0 and 1, such as 0.975.")
    failing = math.log(2 / (1 - confidence))
    slice_error, human_error = (math.sqrt(failing / (2 * side.size)) for side in (slice_, people))
    at = np.quantile(people, np.linspace(0.02, 0.98, 49))
    below = np.searchsorted(slice_, at, "right") / slice_.size + slice_error
    human_below = np.searchsorted(people, at, "right") / people.size - human_error
    usable = human_below > 0.02
    return float(np.max(1 - below[usable] / human_below[usable], initial=0.0))


# --- references --------------------------------------------------------------------------------------------------


def references_needed(human: int, ai: int, *, width: float = 0.15) -> int:
    """How many more references, of each kind, bring the mean interval of 300 documents down to that width; 0: none.

    A mean over shares from 0 to 1 and ten kinds of text: at shares near 0 and 1 fewer do, near one half more.

    >>> references_needed(0, 0), references_needed(80, 0), references_needed(80, 80)
    (50, 21, 0)

    Raises:
        DataError: a count is negative, or no number of references brings that width.
    """
    if human < 0 or ai < 0:
        raise DataError(f"There are {human} human and {ai} AI references. Pass counts of 0 or more.")
    least = math.sqrt(_WIDTH_OF_SLICE)
    if not least < width <= 1:
        raise DataError(
            f"width is {width:g}. Give one above {math.ceil(least * 100) / 100:g} and up to 1: below, no number of "
            "references suffices for a slice of 300 documents."
        )

    def reached(more: int) -> bool:
        if not human + more or not ai + more:
            return False
        squared = _WIDTH_OF_SLICE + _WIDTH_OF_HUMAN / (human + more) + _WIDTH_OF_AI / (ai + more)
        return squared <= width**2

    enough = 1
    while not reached(enough):
        enough *= 2
    low, high = -1, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def contaminated(
    human: Scores, components: Sequence[ComponentLike], ai: Scores | None = None, *, level: float = 0.05
) -> Contamination | None:
    """Whether part of the human references is AI text; None: their scores do not say so.

    The scores are fitted by a normal distribution of human and one of AI texts, where the latter lies as AI references
    do, or, without them, above the former as in the training domains. The fitted AI share is compared with that of
    pure samples: as many human texts of each training domain, drawn again and again. It is no proof: a kind of human
    text that is more skewed than all training domains looks mixed.

    With 10 % AI text, 80 references were warned of in .74 of draws without and .79 with AI references, 120 in .89 and
    .91; pure ones in .06, .04, .08 and .03: each training domain, tested with the others as components. On three other
    sets pure ones were warned of in .02 and 80 mixed ones in .83. Where the score cannot tell AI from human text,
    nothing is found, and with five components instead of ten pure references were warned of in up to .16
    (benchmarks/origin/share.py).

    Args:
        human: of the references of one slice.
        components: training domains of the score.
        ai: of AI references of the slice; where the score tells them from the human ones, both fits are made, and the
            smaller of the two p-values counts, doubled.
        level: rate of false warnings, in (0, 1).

    Raises:
        DataError: a sample is empty or holds NaN or infinite values, the level is no rate, or fewer than two
            components tell human from AI text.
    """
    people = np.sort(_checked(human, "human"))
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a rate above 0 and below 1, such as 0.05.")
    told = _told(components)
    if len(told) < 2:
        raise DataError(
            f"{len(told)} of {len(components)} components tell human from AI text, and pure references are only known "
            "from two or more. Pass the components of a trained style model."
        )
    if people.size < FEWEST_JUDGED:
        return None
    machines = None if ai is None else _checked(ai, "ai")
    judged = people[np.linspace(0, people.size - 1, min(people.size, _MOST_JUDGED)).round().astype(np.int64)]
    found = [_mixed(judged, told, None)]
    if machines is not None and area_under_roc(people, machines).estimate >= LEAST_AREA:
        found.append(_mixed(judged, told, machines))
    share, least = min(found, key=lambda pair: pair[1])
    p = min(1.0, least * len(found))
    if p > level:
        return None
    return Contamination(share=share, references=people.size, p=p, level=level)


@dataclass(frozen=True, slots=True)
class _Above:
    """Where AI scores lie beside human ones of mean mu: around start + slope * mu."""

    start: float
    slope: float
    spread: float

    @classmethod
    def of(cls, ai: Floats) -> "_Above":
        return cls(float(ai.mean()), 0.0, float(ai.std()))

    @classmethod
    def like(cls, components: Sequence[ComponentLike]) -> "_Above":
        starts = [
            float(one.ai.mean(dtype=np.float64)) - TOWARDS_HUMAN * float(one.human.mean(dtype=np.float64))
            for one in components
        ]
        spreads = [float(one.ai.std(dtype=np.float64)) for one in components]
        return cls(float(np.mean(starts)), TOWARDS_HUMAN, float(np.mean(spreads)))


def _mixed(human: Floats, components: Sequence[ComponentLike], ai: Floats | None) -> tuple[float, float]:
    """The AI share fitted to human references, and the part of pure samples with as large a one."""
    side = _Above.like(components) if ai is None else _Above.of(ai)
    share = float(_mixed_share(human[None, :], side)[0])
    pure = _pure_shares(components, human.size, known=ai is not None)
    return share, (1 + int(np.count_nonzero(pure >= share))) / (1 + pure.size)


def _pure_shares(components: Sequence[ComponentLike], size: int, *, known: bool) -> Floats:
    """AI shares fitted to samples of human texts alone, each component's AI side its own or that of the others."""
    rng = np.random.default_rng(0)
    shares = []
    for number, one in enumerate(components):
        others = [*components[:number], *components[number + 1 :]]
        side = _Above.of(np.asarray(one.ai, np.float64)) if known else _Above.like(others)
        people = np.asarray(one.human, np.float64)
        shares.append(_mixed_share(people[rng.integers(0, people.size, (_PURE_SAMPLES, size))], side))
    return np.concatenate(shares)


def _mixed_share(samples: Floats, side: _Above) -> Floats:
    """AI share of each row, shape (rows,), in a mixture of two normal distributions, by expectation-maximisation."""
    mean, spread = samples.mean(axis=1, keepdims=True), samples.std(axis=1, keepdims=True)
    mean, spread = mean - 0.1 * spread, np.maximum(0.9 * spread, _MIN_BANDWIDTH)
    share = np.full_like(mean, 0.1)
    above = max(side.spread, _MIN_BANDWIDTH)
    for _ in range(_ROUNDS):
        of_ai = share / above * np.exp(-(((samples - side.start - side.slope * mean) / above) ** 2) / 2)
        of_human = (1 - share) / spread * np.exp(-(((samples - mean) / spread) ** 2) / 2)
        likely = of_ai / (of_ai + of_human + np.finfo(np.float64).tiny)
        share = np.clip(likely.mean(axis=1, keepdims=True), 1e-4, 0.5)
        weight = 1 - likely
        total = weight.sum(axis=1, keepdims=True)
        mean = (weight * samples).sum(axis=1, keepdims=True) / total
        variance = (weight * (samples - mean) ** 2).sum(axis=1, keepdims=True) / total
        spread = np.maximum(np.sqrt(variance), _MIN_BANDWIDTH)
    return np.asarray(share[:, 0])


# --- parts -------------------------------------------------------------------------------------------------------


def _checked(values: Scores, name: str) -> Floats:
    if not values.size:
        raise DataError(f"{name} is empty. Pass at least one score.")
    wrong = values.size - int(np.isfinite(values).sum())
    if wrong:
        raise DataError(
            f"{name} holds {wrong} NaN or infinite among {values.size} values. Leave out documents without a score."
        )
    return np.asarray(values, np.float64)


def _check(draws: int, level: float) -> None:
    if draws < 1:
        raise DataError(f"draws is {draws}. Give at least 1; 200 or more for quantiles that stand still.")
    if not 0 < level < 1:
        raise DataError(f"level is {level}. Give a probability between 0 and 1, such as 0.95.")


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A slice and its human references, as they are and drawn again."""

    counts: Floats  # shape (cells,)
    human: Floats  # density, likewise
    counts_drawn: Floats  # shape (draws, cells)
    human_drawn: Floats
    rng: _Generator

    @classmethod
    def of(cls, scores: Floats, human: Floats, draws: int, seed: int) -> "_Drawn":
        rng = np.random.default_rng(seed)
        counts = _nearest_counts(scores)
        return cls(counts, density(human), _redrawn(counts, draws, rng), _resampled(human, draws, rng), rng)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One answer to what AI text of the slice is like."""

    density: Floats  # shape (cells,)
    drawn: Floats  # shape (draws, cells) or (cells,)
    spread: float  # standard deviation of scores
    moved: float  # standard deviation of random moves, in that unit
    moves: tuple[Floats, Floats]  # moves that an estimate allows for, in that unit, and their log weights

    def fitted(self, drawn: _Drawn) -> tuple[float, float]:
        """AI share of the slice, and the log likelihood."""
        share, fit = _fitted(drawn.counts, drawn.human, self.density, self.spread, self.moves)
        return float(share[0]), float(fit[0])

    def shares(self, drawn: _Drawn, offsets: Floats) -> Floats:
        """AI share of every draw; `offsets`, shape (draws,), are standard normal."""
        at = offsets * (self.moved * self.spread)
        return _fitted(drawn.counts_drawn, drawn.human_drawn, self.drawn, self.spread, self.moves, at)[0]


def _near_moves() -> tuple[Floats, Floats]:
    """Moves that every estimate allows for, in standard deviations of AI scores, and their log weights."""
    weights = np.exp(-(_DEVIATES**2) / 2)
    return FOLLOWED * _DEVIATES, np.log(weights / weights.sum())


def _moves_of(ai: Floats, human: Floats) -> tuple[Floats, Floats]:
    """Moves that an estimate with these references allows for, and their log weights."""
    near, log_weights = _near_moves()
    least = float(human.mean()) + LEAST_APART * float(human.std())
    farther = _FARTHER[float(ai.mean()) + _FARTHER * float(ai.std()) >= least]
    log_each = math.log(FAR / _FARTHER.size)
    return (
        np.concatenate((near, farther)),
        np.concatenate((log_weights + math.log(1 - FAR), np.full(farther.size, log_each))),
    )


def _domain_sides(components: Sequence[ComponentLike], human: Floats) -> list[_Side]:
    """One side for each component that the score tells, moved towards the human references."""
    sides = []
    for one in _told(components):
        apart = float(human.mean()) - float(one.human.mean(dtype=np.float64))
        ai = np.asarray(one.ai, np.float64) + TOWARDS_HUMAN * apart
        known = density(ai)
        sides.append(
            _Side(
                density=known, drawn=known, spread=float(ai.std()), moved=DOMAIN_SPREAD, moves=_near_moves()
            )
        )
    return sides


def _union(
    drawn: _Drawn, sides: Sequence[_Side], always: Sequence[_Side], level: float, method: str
) -> Interval:
    """The union of the intervals of those sides that the slice does not speak against, and of those kept always.

    The estimate is the mean of their shares, weighted by how likely each makes the slice.
    """
    fits = [side.fitted(drawn) for side in sides]
    best = max(fit for _, fit in fits)
    offsets = drawn.rng.standard_normal(len(drawn.counts_drawn))
    ends = [
        np.quantile(side.shares(drawn, offsets), [(1 - level) / 2, (1 + level) / 2])
        for side, (_, fit) in zip(sides, fits, strict=True)
        if fit >= best - LIKELIHOOD_KEPT or side in always
    ]
    estimate = float(
        np.average([share for share, _ in fits], weights=[math.exp(fit - best) for _, fit in fits])
    )
    # ends of a bootstrap need not enclose the estimate on the data as they are; an interval does
    low = min(estimate, *(float(low) for low, _ in ends))
    high = max(estimate, *(float(high) for _, high in ends))
    return Interval(estimate=estimate, low=low, high=high, level=level, method=method)


def _kernels(values: Floats) -> Floats:
    """Gaussian kernel of each value on the grid, shape (values, cells)."""
    bandwidth = max(_MIN_BANDWIDTH, 1.06 * float(values.std()) * values.size ** (-1 / 5))
    apart = (GRID - values[:, None]) / bandwidth
    return np.asarray(np.exp(-(apart**2) / 2) / (bandwidth * math.sqrt(2 * math.pi)))


def _normal(weights: Floats) -> Floats:
    floored = weights + _FLOOR
    return np.asarray(floored / floored.sum(axis=-1, keepdims=True))


def _resampled(values: Floats, draws: int, rng: _Generator) -> Floats:
    """Densities of samples drawn with replacement, shape (draws, cells), all with the bandwidth of the values."""
    times = rng.multinomial(values.size, np.full(values.size, 1 / values.size), size=draws)
    return _normal(times @ _kernels(values) / values.size)


def _cell_counts(scores: Floats) -> Floats:
    """Scores in each cell of the grid, shape (281,): of a score, the cell of the next grid value up, or the last."""
    cells = np.minimum(np.searchsorted(GRID, scores), GRID.size - 1)
    return np.bincount(cells, minlength=GRID.size).astype(np.float64)


def _nearest_counts(scores: Floats) -> Floats:
    """The same, but of a score the cell of the nearest grid value.

    Rounding up makes a slice look half a step more AI-like than its references, whose densities are not rounded: .016
    of share where AI and human scores lie 3 apart.
    """
    return _cell_counts(scores - (GRID[1] - GRID[0]) / 2)


def _redrawn(counts: Floats, draws: int, rng: _Generator) -> Floats:
    """Counts of slices drawn from the slice with replacement, shape (draws, cells)."""
    documents = int(counts.sum())
    return rng.multinomial(documents, counts / documents, size=draws).astype(np.float64)


_STILL = np.zeros(1), np.zeros(1)


def _fitted(
    counts: Floats,
    human: Floats,
    ai: Floats,
    spread: float = 0.0,
    moves: tuple[Floats, Floats] = _STILL,
    moved: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Likeliest AI shares and log likelihoods, each of shape (draws,), of rows that are all draws or one for all.

    The AI density may stand off by each of `moves`, in units of `spread`: shares are means over them, weighted by
    likelihood and their own weights. `moved` is by how many score units it is moved in each draw beforehand.
    """
    rows = [np.ascontiguousarray(np.atleast_2d(side)) for side in (counts, human, ai)]
    draws = max(len(side) for side in rows)
    per_unit = (GRID.size - 1) / (GRID[-1] - GRID[0])
    steps, log_weights = moves
    shares, fits = np.empty(draws), np.empty(draws)
    mixture_shares(
        *rows,
        np.zeros(draws) if moved is None else moved * per_unit,
        steps * (spread * per_unit),
        log_weights,
        np.empty((3, rows[0].shape[1])),
        np.empty((2, steps.size)),
        shares,
        fits,
    )
    return shares, fits


def _told(components: Sequence[ComponentLike]) -> list[ComponentLike]:
    """The components whose texts the score tells apart."""
    return [one for one in components if area_under_roc(one.human, one.ai).estimate >= LEAST_AREA]


def _logistic(scores: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(scores / 2)))


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)
