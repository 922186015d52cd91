"""Is the new version of a model worse, blander, broken more often, or without the tail of what people write?

Two runs that answer the same items are compared by at most four metrics, each by the test in `measure` that holds its
level on such data. Items are paired by name.

    accuracy     mean score of items that have a known one in both runs
    diversity    mean distance of two different answers to an item, see `watch.answer_texts`; needs two answers each
    degenerate   share of answers that are empty, cut off, refused or errors
    tail         five figures of the cells of answers, such as words, beside a human reference

One gate holds them together: a version that is no worse in any is called worse with a chance of at most the level. A
metric that the runs do not allow is left out, and it is said why.

Diversity counts as lost only if it is lost both as written and at equal length, and as kept only if it is kept both
ways: the larger of the two p-values stands, an intersection-union test, which needs no correction and errs to the safe
side. As written alone, answers that are as diverse but shorter seem blander; at equal length alone, longer ones that
differ late. Taking the one or the other by whether lengths differ would test twice and choose.

Slices are one list a metric and a field, such as accuracy by language; of a list those that are called worse are so but
for an expected share of at most the level.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.errors import DataError, InputError
from wellkeeper.measure import verdicts
from wellkeeper.measure.generation_tails import Outputs, TailComparison, compare_tails
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.paired_answers import FEW_CHANGES, accuracy_change, degenerate_change
from wellkeeper.measure.paired_diversity import diversity_change
from wellkeeper.measure.verdicts import (
    DIVERSITY_MARGIN,
    FEWEST_UNITS,
    LEVEL,
    MARGIN,
    Gate,
    PairedChange,
    Tested,
    Verdict,
)
from wellkeeper.suites.run import Answered, Run
from wellkeeper.watch.answer_texts import (
    Worded,
    at_equal_length,
    diversity_of,
    unlike_share_of,
    worded,
)

PERMUTATIONS = 199
"""Relabellings of the tail's test; the least p-value is 1/200."""
FEWEST_OF_SLICE = 20
"""Items of a slice, at least: from so many on every test holds its level (benchmarks/watch/gate.py)."""
KINDS = ("empty", "length", "refused", "error")
"""How an answer is degenerate: empty, cut off at its most tokens, refused, or not there for an error."""
EXAMPLES = 5
"""Items of each kind that are shown."""
VIEWS = ("as_written", "equal_length", "unlike")

Cells: TypeAlias = Callable[[Sequence[str]], Incidence]
"""Counts the cells of texts, such as their words, one document a text: by the same cells as the reference."""

Values: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs, as far as it was compared."""

    name: str
    model: str
    tool: str
    metric: str
    temperature: float | None
    items: int  # of the whole run
    answers: int  # to the items that both have, as many of each version
    words: float  # of an answer, the mean over items
    kinds: Mapping[str, float]  # share of answers that are degenerate in each way, the mean over items


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of the gate."""

    name: str  # accuracy, diversity, degenerate or tail
    verdict: Verdict
    p: float  # of no harm, adjusted for all metrics of the gate that changed
    p_margin: float  # of harm of the margin or more
    left_out: int  # items without it in one run or both
    items_to_decide: (
        int | None
    )  # about so many, where data are not enough; None: nobody knows, or they are enough
    change: PairedChange | None = None  # None: the metric is the tail
    tail: TailComparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One metric of a part of the items."""

    metric: str
    field: str  # such as "language"
    value: str
    verdict: Verdict
    change: PairedChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An item that changed, with all answers of both versions that were compared."""

    kind: str  # "lost" or "gained" by score, or "collapsed" by diversity
    item: str
    prompt: str  # empty: the runs do not have it
    references: tuple[str, ...]
    change: float  # of the mean score, or of diversity as written
    before: tuple[str, ...]
    after: tuple[str, ...]
    scores_before: tuple[float | None, ...]
    scores_after: tuple[float | None, ...]
    finishes_before: tuple[str, ...]
    finishes_after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two versions on the same items."""

    first: Side  # the version that is known
    second: Side  # the new one
    items: int  # that both answered
    only_first: tuple[str, ...]  # names of items
    only_second: tuple[str, ...]
    verdict: Verdict
    metrics: tuple[Metric, ...]
    not_measured: Mapping[str, str]  # of each other metric why
    lost: int  # items whose score fell
    gained: int
    diversity: Mapping[str, PairedChange]  # by each of VIEWS; empty: not measured
    slices: tuple[Slice, ...]
    examples: tuple[Example, ...]
    warnings: tuple[str, ...]  # what makes the comparison less than one of like with like
    margin: float  # of all metrics but diversity
    diversity_margin: float
    seed: int
    permutations: int

    def metric(self, name: str) -> Metric | None:
        """The metric of that name; None: it was not measured."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    @property
    def items_to_decide(self) -> int | None:
        """Items in all that would decide on the metrics that are open; None: none is, or of one nobody knows."""
        needed = [metric.items_to_decide for metric in self.metrics if metric.verdict == "not enough data"]
        known = [items for items in needed if items is not None]
        return max(known) if known and len(known) == len(needed) else None

    def to_json(self) -> dict[str, Any]:
        return {
            "first": asdict(self.first),
            "second": asdict(self.second),
            "items": self.items,
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "verdict": self.verdict,
            "items_to_decide": self.items_to_decide,
            "margin": self.margin,
            "diversity_margin": self.diversity_margin,
            "level": LEVEL,
            "seed": self.seed,
            "permutations": self.permutations,
            "metrics": [_metric_json(metric) for metric in self.metrics],
            "not_measured": dict(self.not_measured),
            "lost": self.lost,
            "gained": self.gained,
            "diversity": {name: change.to_json() for name, change in self.diversity.items()},
            "slices": [_slice_json(part) for part in self.slices],
            "examples": [asdict(example) for example in self.examples],
            "warnings": list(self.warnings),
        }


def compare_runs(
    first: Run,
    second: Run,
    *,
    cells: Cells | None = None,
    reference: Incidence | None = None,
    margin: float = MARGIN,
    diversity_margin: float = DIVERSITY_MARGIN,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> RunComparison:
    """Compare a new version with a known one on the items that both answered.

    Args:
        first: what the version that is known answered.
        second: what the version answered that is to take its place.
        cells: counts the cells of answers, for the tail; given with `reference`.
        reference: cells of human texts; None: the tail is not compared.
        margin: loss that does not matter, in (0, 1): points as a share, and of the tail a share of each figure.
        diversity_margin: the same of diversity, points of the mean distance as a share.
        seed: of random flips, relabellings and halvings.
        permutations: relabellings of the tail's test.

    Raises:
        InputError: the runs have fewer than 5 items in common, or are the same answers.
        DataError: a margin is not in (0, 1), or `permutations` is below 19.
    """
    _check_margin("margin", margin, MARGIN)
    _check_margin("diversity_margin", diversity_margin, DIVERSITY_MARGIN)
    pairs = _pairs(first, second)
    _refuse_the_same(first, second, pairs)
    settings = _Settings(margin=margin, diversity_margin=diversity_margin, seed=seed)
    texts = _Texts.of(pairs)
    figures, absent = _figures(first, second, pairs, texts)
    tested: dict[str, Tested] = {name: settings.tested(name, some) for name, some in figures.items()}
    tail = _tail(pairs, cells, reference, seed, permutations)
    if isinstance(tail, str):
        absent["tail"] = tail
    else:
        tested["tail"] = _Tail(comparison=tail, margin=margin)
    gate = verdicts.gate(tested)
    accuracy = figures.get("accuracy")
    changes = np.zeros(0) if accuracy is None else accuracy.after - accuracy.before
    return RunComparison(
        first=_side(first, [pair.first for pair in pairs], texts.first),
        second=_side(second, [pair.second for pair in pairs], texts.second),
        items=len(pairs),
        only_first=_only_in(first, second),
        only_second=_only_in(second, first),
        verdict=gate.verdict,
        metrics=tuple(
            _metric(name, change, gate, figures.get(name), len(pairs)) for name, change in tested.items()
        ),
        not_measured=absent,
        lost=int(np.sum(changes < 0)),
        gained=int(np.sum(changes > 0)),
        diversity=settings.views(figures["diversity"]) if "diversity" in figures else {},
        slices=_slices(pairs, figures, settings),
        examples=_examples(pairs, figures),
        warnings=_warnings(first, second, pairs),
        margin=margin,
        diversity_margin=diversity_margin,
        seed=seed,
        permutations=permutations,
    )


def _check_margin(name: str, margin: float, usual: float) -> None:
    if not 0 < margin < 1:
        raise DataError(f"{name} is {margin}. Give a share in (0, 1), such as {usual}.")


# --- what is compared -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    """An item as both versions answered it, with equally many answers."""

    first: Answered
    second: Answered
    is_cut: bool  # one run has more answers

    @property
    def name(self) -> str:
        return self.first.name

    @property
    def slices(self) -> Mapping[str, str]:
        return {**self.second.slices, **self.first.slices}


def _pairs(first: Run, second: Run) -> list[_Pair]:
    """Items that both have, in an order that neither run decides."""
    theirs = {item.name: item for item in second.items}
    found = [_pair(item, theirs[item.name]) for item in first.items if item.name in theirs]
    if len(found) < FEWEST_UNITS:
        raise InputError(
            f"{first.name} has {len(first.items)} items and {second.name} {len(second.items)}, of which "
            f"{len(found)} have the same name. Compare runs of one suite with at least {FEWEST_UNITS} items in common, "
            "or better 100."
        )
    return sorted(found, key=lambda pair: pair.name)


def _pair(first: Answered, second: Answered) -> _Pair:
    """As many answers of each as both have: else changes are skew and tests lose their level (docs/LOG.md)."""
    answers = min(len(side.outputs) for side in (first, second))
    before, after = (
        replace(
            side, outputs=side.outputs[:answers], scores=side.scores[:answers], notes=side.notes[:answers]
        )
        for side in (first, second)
    )
    return _Pair(before, after, len(first.outputs) != len(second.outputs))


def _refuse_the_same(first: Run, second: Run, pairs: Sequence[_Pair]) -> None:
    """Sampled answers that hang on the same random numbers are one sample, whatever the runs are called."""
    same = replace(first, name="", notes=()) == replace(second, name="", notes=())
    one_stream = bool(
        first.temperature
        and first.fingerprint
        and first.seed_name
        and (first.fingerprint, first.seed_name, first.temperature)
        == (second.fingerprint, second.seed_name, second.temperature)
    )
    if same or (one_stream and _all_alike(pairs)):
        raise InputError(
            f"{first.name} and {second.name} are the same answers, and a run cannot be better or worse than itself. "
            "To see how much chance alone does, ask the same model again with another --seed and compare with that."
        )


def _all_alike(pairs: Sequence[_Pair]) -> bool:
    return all(
        [output.text for output in pair.first.outputs] == [output.text for output in pair.second.outputs]
        for pair in pairs
    )


def _only_in(run: Run, other: Run) -> tuple[str, ...]:
    theirs = {item.name for item in other.items}
    return tuple(sorted(item.name for item in run.items if item.name not in theirs))


def _warnings(first: Run, second: Run, pairs: Sequence[_Pair]) -> tuple[str, ...]:
    found = []
    if first.suite_digest and second.suite_digest and first.suite_digest != second.suite_digest:
        found.append(
            "The suites differ: an item, a scorer or the most tokens of an answer is another one in the second run. "
            "What they have in common by name was compared."
        )
    others = sum(
        pair.first.prompt is not None
        and pair.second.prompt is not None
        and pair.first.prompt != pair.second.prompt
        for pair in pairs
    )
    if others:
        found.append(
            f"{others:,} of {len(pairs):,} items have another prompt in the second run: a change may be the prompt's."
        )
    if None not in {first.temperature, second.temperature} and first.temperature != second.temperature:
        found.append(
            f"The first run was sampled at temperature {first.temperature:g} and the second at "
            f"{second.temperature:g}: diversity and the tail change with it whatever the version."
        )
    cut = sum(pair.is_cut for pair in pairs)
    if cut:
        found.append(
            f"{cut:,} of {len(pairs):,} items have more answers in one run: the first of them were compared, as many "
            "as the other run has."
        )
    if _all_alike(pairs):
        found.append("All answers are the same, letter by letter.")
    return tuple(found)


# --- figures of each item -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Texts:
    """The answers to each item with their words."""

    first: list[list[Worded]]
    second: list[list[Worded]]

    @classmethod
    def of(cls, pairs: Sequence[_Pair]) -> "_Texts":
        sides = [[pair.first.outputs for pair in pairs], [pair.second.outputs for pair in pairs]]
        found = iter(worded([output.text for outputs in chain(*sides) for output in outputs]))
        first, second = ([[next(found) for _ in outputs] for outputs in side] for side in sides)
        return cls(first, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """One metric of the items that have it in both runs, shape (items,); of diversity by two more views."""

    at: NDArray[np.int64]  # which of the pairs
    before: Values
    after: Values
    more: Mapping[str, tuple[Values, Values]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Items that changed; of diversity by the view in which fewer did, as its test is."""
        views = [
            (self.before, self.after),
            *(self.more[name] for name in ("equal_length",) if name in self.more),
        ]
        return min(int(np.count_nonzero(after - before)) for before, after in views)

    def only(self, chosen: NDArray[np.bool_]) -> "_Figures":
        return _Figures(
            at=self.at[chosen],
            before=self.before[chosen],
            after=self.after[chosen],
            more={name: (before[chosen], after[chosen]) for name, (before, after) in self.more.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    margin: float
    diversity_margin: float
    seed: int

    def tested(self, metric: str, figures: _Figures) -> PairedChange:
        """The change in a metric; of diversity the more cautious of both views, as written and at equal length."""
        if metric == "accuracy":
            return accuracy_change(figures.before, figures.after, margin=self.margin)
        if metric == "degenerate":
            return degenerate_change(figures.before, figures.after, margin=self.margin)
        views = self.views(figures)
        written, equal = views["as_written"], views["equal_length"]
        return replace(
            written,
            test=f"{written.test}, as written and at equal length",
            p=max(written.p, equal.p),
            p_margin=max(written.p_margin, equal.p_margin),
            at_worst=min(written.at_worst, equal.at_worst),
            deviation=max(written.deviation, equal.deviation),
        )

    def views(self, figures: _Figures) -> dict[str, PairedChange]:
        """The change in diversity by each of VIEWS."""
        sides = {"as_written": (figures.before, figures.after), **figures.more}
        return {
            view: diversity_change(*sides[view], margin=self.diversity_margin, seed=self.seed)
            for view in VIEWS
            if view in sides
        }


def _figures(
    first: Run, second: Run, pairs: Sequence[_Pair], texts: _Texts
) -> tuple[dict[str, _Figures], dict[str, str]]:
    """Metrics that are measured item by item, and of the others why they are not."""
    found, absent = {}, {}
    for name, made in (
        ("accuracy", _accuracy(first, second, pairs)),
        ("diversity", _diversity(first, second, pairs, texts)),
        ("degenerate", _degenerate(pairs)),
    ):
        if isinstance(made, str):
            absent[name] = made
        else:
            found[name] = made
    return found, absent


def _accuracy(first: Run, second: Run, pairs: Sequence[_Pair]) -> _Figures | str:
    if first.metric and second.metric and first.metric != second.metric:
        return (
            f"The first run is scored by {first.metric} and the second by {second.metric}. "
            "In a log of several tasks or metrics choose one after the path, as LOG#NAME. "
            "Score both by the same, then compare again."
        )
    scores = [(pair.first.score, pair.second.score) for pair in pairs]
    without = [
        name
        for name, side in (("first", 0), ("second", 1))
        if not (first, second)[side].metric and all(both[side] is None for both in scores)
    ]
    if len(without) == 1:
        return (
            f"The {without[0]} run is not scored, and the other one is by {first.metric or second.metric}. Score both "
            "by the same, then compare again."
        )
    at = [place for place, (before, after) in enumerate(scores) if before is not None and after is not None]
    if len(at) < FEWEST_UNITS:
        return (
            f"{len(at)} items have a known score in both runs. Give the suite a scorer that can tell at least "
            f"{FEWEST_UNITS} of them."
        )
    known = np.array([scores[place] for place in at], np.float64)
    return _Figures(at=np.array(at), before=known[:, 0], after=known[:, 1])


def _degenerate(pairs: Sequence[_Pair]) -> _Figures:
    shares = [[_degenerate_share(side) for side in (pair.first, pair.second)] for pair in pairs]
    table = np.array(shares, np.float64)
    return _Figures(at=np.arange(len(pairs)), before=table[:, 0], after=table[:, 1])


def _degenerate_share(answered: Answered) -> float:
    return sum(degenerate_kind(output) is not None for output in answered.outputs) / len(answered.outputs)


def degenerate_kind(output: Output) -> str | None:
    """One of KINDS; None: it is an answer."""
    if output.finish != "stop":
        return output.finish
    return None if output.text.strip() else "empty"


def _diversity(first: Run, second: Run, pairs: Sequence[_Pair], texts: _Texts) -> _Figures | str:
    if first.temperature == 0 and second.temperature == 0:
        return (
            "Both runs were made at temperature 0, where a model answers the same each time. "
            "Ask for at least 2 answers an item, better 4, at the temperature that you use."
        )
    at = [place for place, pair in enumerate(pairs) if len(pair.first.outputs) > 1]
    if len(at) < FEWEST_UNITS:
        return (
            f"{len(at)} items have two answers of each run. "
            "Ask for at least 2 answers an item, better 4: `wellkeeper ask --samples 4`."
        )
    figures = np.array(
        [_diversity_of_item(texts.first[place], texts.second[place]) for place in at], np.float64
    )
    views = {view: (figures[:, row, 0], figures[:, row, 1]) for row, view in enumerate(VIEWS)}
    before, after = views.pop("as_written")
    return _Figures(at=np.array(at), before=before, after=after, more=views)


def _diversity_of_item(
    first: Sequence[Worded], second: Sequence[Worded]
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """By each of VIEWS, of both versions."""
    written = [[one.text for one in side] for side in (first, second)]
    equal = at_equal_length(first, second)
    before, after = written
    return (
        (diversity_of(before), diversity_of(after)),
        (diversity_of(equal[0]), diversity_of(equal[1])),
        (unlike_share_of(before), unlike_share_of(after)),
    )


# --- the tail -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """The five figures of the tail as one metric of the gate."""

    comparison: TailComparison
    margin: float

    @property
    def p(self) -> float:
        return self.comparison.p

    @property
    def p_margin(self) -> float:
        return self.comparison.p_margin(self.margin)

    @property
    def is_unchanged(self) -> bool:
        return all(change.first == change.second for change in self.comparison.changes)


def _tail(
    pairs: Sequence[_Pair], cells: Cells | None, reference: Incidence | None, seed: int, permutations: int
) -> TailComparison | str:
    """The comparison, or why there is none."""
    if cells is None or reference is None:
        return "Rare words need a yardstick: give human text of the same kind with --reference."
    if permutations < 19:
        raise DataError(f"permutations is {permutations}. Ask for at least 19, or better {PERMUTATIONS}.")
    sides = [[pair.first.outputs for pair in pairs], [pair.second.outputs for pair in pairs]]
    answers = cells([output.text for outputs in chain(*sides) for output in outputs])
    ids, many = dense(np.concatenate([reference.types, answers.types]))
    human, own = np.split(ids, [reference.types.size])
    # answers lie prompt by prompt, first those of the first version
    edges = answers.offsets[np.cumsum([0, *(len(outputs) for outputs in chain(*sides))])]
    first, second = (_outputs(own, part) for part in (edges[: len(pairs) + 1], edges[len(pairs) :]))
    counts = np.bincount(human, minlength=many)
    try:
        return compare_tails(first, second, counts, seed=seed, permutations=permutations)
    except DataError as error:
        return str(error)


def _outputs(cells: NDArray[np.int32], edges: NDArray[np.int64]) -> Outputs:
    """The cells of one version, whose prompts lie between the edges."""
    return Outputs(offsets=edges - edges[0], cells=cells[edges[0] : edges[-1]].astype(np.int64))


# --- verdicts -------------------------------------------------------------------------------------


def _metric(name: str, tested: Tested, gate: Gate, figures: _Figures | None, items: int) -> Metric:
    is_open = gate.metrics[name] == "not enough data"
    tail = tested.comparison if isinstance(tested, _Tail) else None
    measured = items if figures is None else figures.at.size
    return Metric(
        name=name,
        verdict=gate.metrics[name],
        p=gate.p[name],
        p_margin=tested.p_margin,
        left_out=items - (measured if tail is None else tail.prompts),
        items_to_decide=_items_to_decide(tested, figures) if is_open else None,
        change=tested if isinstance(tested, PairedChange) else None,
        tail=tail,
    )


def _items_to_decide(tested: Tested, figures: _Figures | None) -> int | None:
    """None: as many are there already, so that the change is likely a part of the margin; or spread was not seen."""
    if isinstance(tested, _Tail):
        needed, items = tested.comparison.prompts_to_decide(tested.margin), tested.comparison.prompts
    elif isinstance(tested, PairedChange) and figures is not None:
        needed, items = tested.units_to_decide or 0, tested.units
        if figures.changed < FEW_CHANGES:
            # so many without harm show that harm of the margin is unlikely, whatever its distribution
            needed = max(needed, math.ceil(math.log(LEVEL) / math.log1p(-tested.margin)))
    else:
        return None
    return needed if needed is not None and needed > items else None


def _slices(
    pairs: Sequence[_Pair], figures: Mapping[str, _Figures], settings: _Settings
) -> tuple[Slice, ...]:
    """Every metric of every slice that is large enough, a list of verdicts for each metric and field."""
    fields = sorted({name for pair in pairs for name in pair.slices})
    found = []
    for metric, measured in figures.items():
        for name in fields:
            values = np.array([pairs[place].slices.get(name, "") for place in measured.at.tolist()])
            changes = {
                str(value): settings.tested(metric, measured.only(values == value))
                for value, items in zip(*np.unique(values, return_counts=True), strict=True)
                if value and items >= FEWEST_OF_SLICE
            }
            judged = verdicts.slices(changes)
            found += [
                Slice(metric=metric, field=name, value=value, verdict=judged[value], change=change)
                for value, change in changes.items()
            ]
    return tuple(found)


# --- what is shown --------------------------------------------------------------------------------


def _side(run: Run, items: Sequence[Answered], texts: Sequence[Sequence[Worded]]) -> Side:
    return Side(
        name=run.name,
        model=run.model,
        tool=run.tool,
        metric=run.metric,
        temperature=run.temperature,
        items=len(run.items),
        answers=sum(len(item.outputs) for item in items),
        words=_mean([_mean([one.words for one in answers]) for answers in texts]),
        kinds={
            kind: _mean([_mean([degenerate_kind(one) == kind for one in item.outputs]) for item in items])
            for kind in KINDS
        },
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _examples(pairs: Sequence[_Pair], figures: Mapping[str, _Figures]) -> tuple[Example, ...]:
    """Items that changed most by score, either way, and those whose answers came to resemble each other most."""
    return tuple(
        _example(kind, pairs[measured.at[place]], float(change))
        for kind, metric, sign in (
            ("lost", "accuracy", -1),
            ("gained", "accuracy", 1),
            ("collapsed", "diversity", -1),
        )
        if (measured := figures.get(metric)) is not None
        for place, change in _most_changed(measured.after - measured.before, sign)
    )


def _most_changed(changes: Values, sign: int) -> list[tuple[int, float]]:
    """The first places with the largest changes of this sign."""
    order = np.argsort(-sign * changes, kind="stable")[:EXAMPLES]
    return [(place, changes[place]) for place in order.tolist() if sign * changes[place] > 0]


def _example(kind: str, pair: _Pair, change: float) -> Example:
    sides = (pair.first, pair.second)
    texts, finishes = (
        [tuple(getattr(output, name) for output in side.outputs) for side in sides]
        for name in ("text", "finish")
    )
    return Example(
        kind=kind,
        item=pair.name,
        prompt=prompt_text(next((side.prompt for side in sides if side.prompt is not None), "")),
        references=pair.first.references or pair.second.references,
        change=change,
        before=texts[0],
        after=texts[1],
        scores_before=pair.first.scores,
        scores_after=pair.second.scores,
        finishes_before=finishes[0],
        finishes_after=finishes[1],
    )


def prompt_text(prompt: Prompt) -> str:
    """A prompt as a person reads it: of a conversation each turn with its role."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{turn.get('role', '')}: {turn.get('content', '')}" for turn in prompt)


def _metric_json(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "verdict": metric.verdict,
        "p": metric.p,
        "p_margin": metric.p_margin,
        "left_out": metric.left_out,
        "items_to_decide": metric.items_to_decide,
        "change": None if metric.change is None else metric.change.to_json(),
        "tail": None if metric.tail is None else metric.tail.to_json(),
    }


def _slice_json(part: Slice) -> dict[str, Any]:
    return {
        "metric": part.metric,
        "field": part.field,
        "value": part.value,
        "verdict": part.verdict,
        "change": part.change.to_json(),
    }
