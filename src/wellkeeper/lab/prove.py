"""Does one set of documents make a better model than another? Equal words, several draws, the same held-out documents.

Every set is drawn to equal size, whole documents in the sampling order of each seed; a model is fitted to each draw;
and the gains of every other set over the first are told with intervals (`wellkeeper.lab.paired`). With a learner that
can forget, all words of the smallest set are read. Otherwise half of them: the spread of draws that do not exhaust a
set is what tells the interval.

The verdict on a set is that of its gain over all words, adjusted for the number of sets (Holm [1]). Where gains lie, in
bands, worst documents, sources and topics, is a second family of tests, adjusted for all of them. In each family the
chance of any false alarm is 5 %.

[1] Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65-70.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from wellkeeper.errors import DataError
from wellkeeper.lab import seeds as streams
from wellkeeper.lab.learner import Learner, Numbers, Surprise, Unlearner
from wellkeeper.lab.paired import Estimate, Panel, Scores, gains, levels
from wellkeeper.lab.training import PARTS, Draw, Pool, Portions, drawn
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS
from wellkeeper.measure.verdicts import holm

SEEDS = 5
LEVEL = 0.05
MARGIN = 0.05
"""Nats a word that do not matter, one part in twenty of perplexity. It decides what is said of a gain that is not told
from 0: `no difference found` where one this large would have shown, `not enough data` otherwise."""
SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5)
"""Synthetic shares of a dose-response curve, of the words read."""

Verdict: TypeAlias = Literal["better", "worse", "no difference found", "not enough data"]
Told: TypeAlias = Callable[[str], None]
"""Is told of every model that was fitted: what it read."""


def nobody(_name: str) -> None:
    """Tells nobody."""


# --- models and what they make of the held-out documents --------------------------------------------


def scores(
    learner: Learner[Any], portions: Portions, panel: Panel, *, count: int, seed: int = 0, told: Told = nobody
) -> Scores:
    """What models of `count` draws of the portions make of the held-out documents.

    Raises:
        DataError: a draw has fewer than 10 documents, or a learner that cannot forget is to read all of a pool.
    """
    numbers = [streams.number(seed, "prove", draw) for draw in range(count)]
    draws = [drawn(portions, number) for number in numbers]
    name = " and ".join(pool.name for pool, words in portions if words)
    fewest = min(len(draw.documents) for draw in draws)
    if fewest < FEWEST_DOCUMENTS:
        raise DataError(
            f"{sum(words for _, words in portions):,} words of {name} are {fewest} documents, too few for an interval. "
            f"Give at least {FEWEST_DOCUMENTS} documents to train on, or more words of them."
        )
    if isinstance(learner, Unlearner):
        return _by_forgetting(learner, draws, panel, lambda: told(name))
    share = max(words / pool.total for pool, words in portions if words)
    if share > 0.9:
        raise DataError(
            f"The {learner.name} learner is to read {share:.0%} of {name}. Its interval comes from draws that differ: "
            "ask for at most half of the words."
        )
    found = []
    for draw, number in zip(draws, numbers, strict=True):
        # parts are for learners that forget; others read in an order that says nothing
        order = streams.stream(number, "order").permutation(len(draw.documents))
        model = learner.fit([draw.documents[place] for place in order.tolist()], number)
        found.append(learner.surprise(model, panel.documents))
        told(name)
    by_word = tuple(_by_word(one, panel) for one in found)
    return Scores(
        surprise=np.mean(by_word, axis=0),
        tells_words=all(one.by_word is not None for one in found),
        draws=by_word,
        drawn=share,
    )


def _by_forgetting(learner: Any, draws: Sequence[Draw], panel: Panel, told: Callable[[], None]) -> Scores:
    """Draws of the very same documents, as all draws of a whole set are, count as often and are fitted once."""
    distinct: dict[bytes, list[Draw]] = {}
    for draw in draws:
        distinct.setdefault(draw.keys.tobytes(), []).append(draw)
    surprise = np.zeros(panel.words.hashes.size)
    without = np.zeros((PARTS, surprise.size))
    part_words = np.zeros(PARTS)
    for same in distinct.values():
        draw, weight = same[0], len(same) / len(draws)
        model = learner.fit(draw.documents, 0)
        surprise += weight * _by_word(learner.surprise(model, panel.documents), panel)
        for part, left in enumerate(learner.without_each(model, draw.bounds, panel.documents)):
            without[part] += weight * _by_word(left, panel)
        part_words += weight * np.bincount(draw.parts, draw.words, PARTS)
        told()
    return Scores(
        surprise=surprise,
        tells_words=True,
        without=tuple(without),
        part_words=np.rint(part_words).astype(np.int64),
    )


def _by_word(found: Surprise, panel: Panel) -> Numbers:
    if found.by_word is not None:
        return found.by_word
    sizes = panel.words.sizes
    return np.repeat(found.nats / np.maximum(sizes, 1), sizes)


# --- sets beside each other --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One figure's gain, adjusted for the tests of its family."""

    estimate: Estimate
    p_adjusted: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {**self.estimate.to_json(), "p_adjusted": self.p_adjusted, "verdict": self.verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A set beside the first one."""

    name: str
    overall: Gain
    where: tuple[Gain, ...]  # bands, worst documents, sources, topics

    @property
    def verdict(self) -> Verdict:
        return self.overall.verdict

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "gain": self.overall.to_json(),
            "where": [gain.to_json() for gain in self.where],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What equal words of several sets teach."""

    learner: str
    words: int  # that every model was to read; whole documents come near it
    draws: int
    margin: float  # nats a word
    levels: Mapping[str, tuple[Estimate, ...]]  # surprise of held-out words, by set
    sets: tuple[Beside, ...]  # all but the first

    def to_json(self) -> dict[str, Any]:
        return {
            "learner": self.learner,
            "words": self.words,
            "draws": self.draws,
            "margin": self.margin,
            "levels": [
                {"name": name, "figures": [estimate.to_json() for estimate in found]}
                for name, found in self.levels.items()
            ],
            "sets": [found.to_json() for found in self.sets],
        }


def budget(pools: Sequence[Pool], learner: Learner[Any], most: int | None = None) -> int:
    """Words that every model reads: those of the smallest pool, half of them if the learner cannot forget."""
    least = min(pool.total for pool in pools)
    words = least if isinstance(learner, Unlearner) else least // 2
    return words if most is None else min(words, most)


def prove(
    pools: Sequence[Pool],
    panel: Panel,
    learner: Learner[Any],
    *,
    words: int | None = None,
    draws: int = SEEDS,
    margin: float = MARGIN,
    seed: int = 0,
    told: Told = nobody,
) -> Outcome:
    """Compare what pools teach: the second and all later ones with the first.

    Args:
        pools: at least two, with names that differ, and without what stands in the panel (`wellkeeper.lab.leakage`).
        panel: the held-out documents.
        learner: what is fitted.
        words: most words that a model reads; see `budget`.
        draws: models of each pool, at least 2 for a learner that cannot forget.
        margin: gain that does not matter, nats a word, above 0.
        seed: of every draw.
        told: hears of every model.

    Raises:
        DataError: there are fewer than two pools, or of one too few documents.
    """
    if len(pools) < 2 or draws < 1 or (draws < 2 and not isinstance(learner, Unlearner)):
        raise DataError(
            f"There are {len(pools)} sets and {draws} draws. Give at least two sets, and at least one draw, or two for "
            "a learner that cannot forget."
        )
    size = budget(pools, learner, words)
    found = [scores(learner, [(pool, size)], panel, count=draws, seed=seed, told=told) for pool in pools]
    beside = [gains(panel, found[0], other) for other in found[1:]]
    return Outcome(
        learner=learner.name,
        words=size,
        draws=draws,
        margin=margin,
        levels={pool.name: tuple(levels(panel, one)) for pool, one in zip(pools, found, strict=True)},
        sets=tuple(_judged([pool.name for pool in pools[1:]], beside, margin)),
    )


def _judged(names: Sequence[str], found: Sequence[Sequence[Estimate]], margin: float) -> Iterator[Beside]:
    """Two families: the gains over all words, and all others."""
    overall = _adjusted([estimates[0] for estimates in found], margin)
    rest = iter(_adjusted([one for estimates in found for one in estimates[1:]], margin))
    for name, estimates, gain in zip(names, found, overall, strict=True):
        yield Beside(name=name, overall=gain, where=tuple(next(rest) for _ in estimates[1:]))


def _adjusted(family: Sequence[Estimate], margin: float) -> list[Gain]:
    if not family:
        return []
    adjusted = holm(np.array([estimate.p for estimate in family])).tolist()
    return [
        Gain(estimate=estimate, p_adjusted=p, verdict=verdict_on(estimate, p, margin))
        for estimate, p in zip(family, adjusted, strict=True)
    ]


def verdict_on(estimate: Estimate, p: float, margin: float) -> Verdict:
    """What is said of a gain whose adjusted p-value is `p`."""
    if p <= LEVEL and estimate.interval.estimate:
        return "better" if estimate.interval.estimate > 0 else "worse"
    reach = (estimate.interval.high - estimate.interval.low) / 2
    return "no difference found" if reach <= margin else "not enough data"


# --- doses -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """What a share of synthetic words in place of others does."""

    share: float  # of the words read
    level: Estimate  # surprise of all held-out words
    gains: tuple[Gain, ...]  # over no synthetic words, all words first; none at share 0

    def to_json(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "level": self.level.to_json(),
            "gains": [gain.to_json() for gain in self.gains],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Doses:
    """A dose-response curve: equal words, ever more of them synthetic."""

    words: int
    doses: tuple[Dose, ...]

    def to_json(self) -> dict[str, Any]:
        return {"words": self.words, "doses": [dose.to_json() for dose in self.doses]}


def dose_words(
    human: Pool,
    synthetic: Pool,
    learner: Learner[Any],
    most: int | None = None,
    *,
    shares: Sequence[float] = SHARES,
) -> int:
    """Words that can be read at every share: as many as the human pool has, and the synthetic one at the largest."""
    least = min([human.total, *(int(synthetic.total / share) for share in shares if share)])
    words = least if isinstance(learner, Unlearner) else least // 2
    return words if most is None else min(words, most)


def dose_response(
    human: Pool,
    synthetic: Pool,
    panel: Panel,
    learner: Learner[Any],
    *,
    shares: Sequence[float] = SHARES,
    words: int | None = None,
    draws: int = SEEDS,
    margin: float = MARGIN,
    seed: int = 0,
    told: Told = nobody,
) -> Doses:
    """What models make of the held-out documents as synthetic words take the place of human ones.

    At every share as many words are read, as `dose_words` tells; the human documents of a larger share are among those
    of a smaller one. P-values of all shares are adjusted together, those of all words apart from the rest.

    Raises:
        DataError: a share is not in [0, 1], the first is not 0, or a pool has too few documents.
    """
    if not shares or shares[0] != 0 or not all(0 <= share <= 1 for share in shares):
        raise DataError(f"shares are {list(shares)}. Begin with 0, and give shares of at most 1.")
    size = dose_words(human, synthetic, learner, words, shares=shares)
    found = []
    for share in shares:
        made = round(share * size)
        portions = [(human, size - made), (synthetic, made)]
        found.append(scores(learner, portions, panel, count=draws, seed=seed, told=told))
    beside = [_of_text(gains(panel, found[0], other)) for other in found[1:]]
    judged = [(one.overall, *one.where) for one in _judged([""] * len(beside), beside, margin)]
    return Doses(
        words=size,
        doses=tuple(
            Dose(share=share, level=levels(panel, one)[0], gains=told_of)
            for share, one, told_of in zip(shares, found, [(), *judged], strict=True)
        ),
    )


def _of_text(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Those of words and documents, not of groups."""
    return [estimate for estimate in estimates if estimate.kind in {"all", "band", "worst"}]
