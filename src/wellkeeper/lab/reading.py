"""What curves say, in plain words: what each policy did to what models know, and which of two diseases it is.

Models that are trained on their own output fall ill in two ways, and figures without a human reference confuse them.
In *noise drift* outputs wander off: people's text costs the model more, its own text would cost a model of people more
too, and words and pairs of words become more varied, as if it had become richer. In *entropy collapse* outputs repeat
ever less. A figure that is read beside human text therefore comes first, and a change of diversity is an alarm in
either direction, never praise.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from wellkeeper.lab.bands import Change, Values, change
from wellkeeper.lab.experiment import Curve, Figure

Verdict: TypeAlias = Literal[
    "noise drift",
    "entropy collapse",
    "noise drift and entropy collapse",
    "loses its tail",
    "holds",
    "gets worse",
    "",
]
"""`holds` and `gets worse` are by the figure that an experiment is about; none where none has a worse direction."""

MARGIN = 0.05
"""Part of a figure's first value by which it may get worse and still be held; of likelihoods, as many nats."""
_SEEN = 0.01
"""The same for figures that tell one disease from the other."""

# By role, the names of figures of text; see `wellkeeper.lab.text_figures`.
_HELD_OUT = ("nll",)
_HUMAN = (*_HELD_OUT, "coverage_rare", "lost_mass")
_OUTPUT = ("noise",)
_DIVERSITY = ("entropy", "distinct_2", "types")
_MOST_SAID = 3
_NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one policy did from the first to the last generation."""

    label: str
    verdict: Verdict
    sentence: str
    changes: Mapping[str, Change] = field(default_factory=dict)  # by figure
    named: tuple[str, ...] = ()  # figures that the sentence names

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "named": list(self.named),
            "changes": {name: _change_json(found) for name, found in self.changes.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Where curves stand at the end by one figure, best first."""

    figure: str
    best: tuple[str, ...]  # those that chance may have parted, the first one first
    labels: tuple[str, ...]
    values: tuple[float, ...]
    beside: tuple[Change | None, ...]  # of each: the best one's value, then its own

    def to_json(self) -> dict[str, Any]:
        return {
            "figure": self.figure,
            "best": list(self.best),
            "order": [
                {
                    "label": label,
                    "value": value,
                    "beside_best": None if found is None else _change_json(found),
                }
                for label, value, found in zip(self.labels, self.values, self.beside, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Curves in words."""

    headline: str
    told: tuple[Told, ...]
    ranks: tuple[Rank, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "headline": self.headline,
            "policies": [one.to_json() for one in self.told],
            "ranks": [rank.to_json() for rank in self.ranks],
            "notes": list(self.notes),
        }


def read(curves: Sequence[Curve], figures: Sequence[Figure], *, paired: bool = True) -> Reading:
    """Curves of one experiment in words; `paired`: whether their replicates began with the same data.

    Ends are compared with beginnings along generations; along another axis, nothing is better or worse for it.
    """
    known = {figure.name: figure for figure in figures}
    told = tuple(_told(curve, known) for curve in curves)
    along_time = bool(curves) and curves[0].axis == "generation"
    ranks = ranked(curves, figures, paired=paired) if along_time and len(curves) > 1 else ()
    return Reading(
        headline=_headline(curves, figures),
        told=told,
        ranks=ranks,
        notes=(*_explained(told), *_notes(curves, figures)),
    )


def ranked(curves: Sequence[Curve], figures: Sequence[Figure], *, paired: bool) -> tuple[Rank, ...]:
    """Which curve ends best, by each figure that has a worse direction; intervals of one figure hold together."""
    found = (_rank(curves, figure, paired=paired) for figure in figures if figure.worse)
    return tuple(rank for rank in found if rank is not None)


def _rank(curves: Sequence[Curve], figure: Figure, *, paired: bool) -> Rank | None:
    ends = {
        curve.label: curve.figures[figure.name][:, -1] for curve in curves if figure.name in curve.figures
    }
    means = {label: _middle(values, figure) for label, values in ends.items()}
    order = sorted(
        (label for label, mean in means.items() if np.isfinite(mean)),
        key=lambda label: means[label] if figure.worse == "up" else -means[label],
    )
    if len(order) < 2:
        return None
    first = ends[order[0]]
    beside = [None] + [
        change(
            first,
            ends[label],
            log=figure.log,
            paired=paired and first.shape == ends[label].shape,
            tests=len(order) - 1,
        )
        for label in order[1:]
    ]
    best = [
        label
        for label, found in zip(order, beside, strict=True)
        if found is None
        or (found.low is not None and not found.direction)
        or found.change == (1 if found.log else 0)
    ]
    return Rank(
        figure=figure.name,
        best=tuple(best),
        labels=tuple(order),
        values=tuple(means[label] for label in order),
        beside=tuple(beside),
    )


def _middle(values: Values, figure: Figure) -> float:
    """What is told of many replicates: the mean, or the median where the mean misleads."""
    known = values[np.isfinite(values)]
    if not known.size:
        return float("nan")
    return float(np.median(known) if figure.log else known.mean())


# --- one policy ------------------------------------------------------------------------------------


def _told(curve: Curve, figures: Mapping[str, Figure]) -> Told:
    if curve.axis != "generation":
        return Told(label=curve.label, verdict="", sentence=_extreme(curve, figures))
    changes = {}
    for name, figure in figures.items():
        values = curve.figures.get(name)
        found = None if values is None else change(values[:, 0], values[:, -1], log=figure.log)
        if found is not None:
            changes[name] = found
    named = _named(changes)
    return Told(
        label=curve.label,
        verdict=_verdict(changes, figures),
        sentence=_went(named, changes, figures),
        changes=changes,
        named=named,
    )


def _verdict(changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> Verdict:
    judged = {name: figures[name] for name in changes if figures[name].worse}
    if not judged:
        return ""
    if not any(name in changes for name in _HELD_OUT):
        name = next(iter(judged))
        return "gets worse" if is_worse(changes[name], judged[name]) else "holds"
    if not any(name in judged and is_worse(changes[name], judged[name]) for name in _human(changes)):
        return "holds"
    drifts = any(_moved(name, "up", changes, figures) for name in _OUTPUT)
    collapses = _moved(_DIVERSITY[0], "down", changes, figures)
    if drifts and collapses:
        return "noise drift and entropy collapse"
    return "noise drift" if drifts else "entropy collapse" if collapses else "loses its tail"


def _human(changes: Mapping[str, Change]) -> list[str]:
    return [name for name in _HUMAN if name in changes]


def is_worse(found: Change, figure: Figure) -> bool:
    """Whether a figure went where it should not, beyond chance and by more than `MARGIN`."""
    return found.direction == figure.worse and _is_large(found, MARGIN, is_log=_is_logarithm(figure))


def _moved(name: str, direction: str, changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> bool:
    found = changes.get(name)
    if found is None or found.direction != direction:
        return False
    return _is_large(found, _SEEN, is_log=_is_logarithm(figures[name]))


def _is_logarithm(figure: Figure) -> bool:
    return figure.unit.startswith("nats")


def _is_large(found: Change, margin: float, *, is_log: bool) -> bool:
    if found.log:
        return not 1 / (1 + margin) <= found.change <= 1 + margin
    return abs(found.change) > (margin if is_log else margin * abs(found.before))


_MEANS: Mapping[Verdict, str] = {
    "noise drift": (
        "Noise drift: outputs are ever less like what people write, and people's text costs the models more. Where "
        "variety rises with it, that is noise and no gain."
    ),
    "entropy collapse": (
        "Entropy collapse: outputs repeat themselves ever more, and people's text costs the models more."
    ),
    "noise drift and entropy collapse": (
        "Noise drift and entropy collapse at once: outputs repeat themselves, and what they repeat is ever less like "
        "what people write."
    ),
    "loses its tail": "A tail is lost where rare words go and variety still looks sound.",
    "holds": (
        f"What holds is no more than {MARGIN:.0%} worse than at first, of likelihoods {MARGIN} nats, or may be so by "
        "chance."
    ),
}


def _named(changes: Mapping[str, Change]) -> tuple[str, ...]:
    """The figures that tell what happened: of text, those beside people's first, then its variety."""
    if any(name in changes for name in _HELD_OUT):
        return tuple(name for name in (*_human(changes)[:2], *_OUTPUT, *_DIVERSITY[:2]) if name in changes)
    return tuple(changes)[:_MOST_SAID]


def _went(names: Iterable[str], changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> str:
    parts = [
        f"{title_of(figures[name])} {told(changes[name].before)} \u2192 {told(changes[name].after)}"
        for name in names
    ]
    return "; ".join(parts) + "." if parts else ""


def _extreme(curve: Curve, figures: Mapping[str, Figure]) -> str:
    """Where along its axis a curve is best, or from where to where it goes, by its first figure."""
    figure = next((one for name, one in figures.items() if name in curve.figures), None)
    if figure is None:
        return ""
    values = np.array([_middle(column, figure) for column in curve.figures[figure.name].T])
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return ""
    first, last = known[0], known[-1]
    said = (
        f"{title_of(figure)} {told(values[first])} at {curve.axis} {told(curve.points[first])}, "
        f"{told(values[last])} at {told(curve.points[last])}"
    )
    if not figure.worse:
        return f"{said}."
    least, most = known[np.argmin(values[known])], known[np.argmax(values[known])]
    best, worst = (least, most) if figure.worse == "up" else (most, least)
    parts = [said] + [
        f"{word} {told(values[place])} at {told(curve.points[place])}"
        for word, place in (("best", best), ("worst", worst))
        if place not in {first, last}
    ]
    return "; ".join(parts) + "."


def title_of(figure: Figure) -> str:
    """A figure's title without what explains it."""
    return figure.title.partition(": ")[0]


def told(value: float) -> str:
    """A number as sentences have it.

    >>> [told(value) for value in (0.13264, 5671.2, 4.911, 1e-07)]
    ['0.133', '5,671', '4.91', '1e-07']
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


# --- all curves ------------------------------------------------------------------------------------


def _headline(curves: Sequence[Curve], figures: Sequence[Figure]) -> str:
    figure = _main(curves, figures)
    if figure is None:
        return "Nothing was measured."
    having = [curve for curve in curves if figure.name in curve.figures]
    if having[0].axis != "generation":
        return f"{having[0].label}: {_extreme(having[0], {figure.name: figure})}"
    ends = [_ends(curve, figure) for curve in having]
    worst, best = max(ends, key=lambda end: end.harm), min(ends, key=lambda end: end.harm)
    said = f"{title_of(figure)}: {told(worst.before)} at first"
    last = int(having[0].points[-1])
    span = f"after {last} generation" + ("s" if last != 1 else "")
    if worst is best:
        return f"{said}, {told(worst.after)} {span} of {worst.label}."
    return f"{said}; {span} {told(worst.after)} with {worst.label}, {told(best.after)} with {best.label}."


def _main(curves: Sequence[Curve], figures: Sequence[Figure]) -> Figure | None:
    """The figure that an experiment is about: beside human text where there is one, else the first."""
    measured = [figure for figure in figures if any(figure.name in curve.figures for curve in curves)]
    return min(measured, key=lambda figure: figure.name not in _HELD_OUT, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """A curve's first and last value; `harm` is the larger the worse it ends, or the farther from its beginning."""

    label: str
    before: float
    after: float
    harm: float


def _ends(curve: Curve, figure: Figure) -> _Ends:
    values = curve.figures[figure.name]
    before, after = (_middle(values[:, place], figure) for place in (0, -1))
    harm = {"up": after, "down": -after}.get(figure.worse, abs(after - before))
    return _Ends(
        label=curve.label, before=before, after=after, harm=harm if math.isfinite(harm) else math.inf
    )


def _explained(told: Sequence[Told]) -> Iterable[str]:
    """What the verdicts mean, each once."""
    found = {one.verdict for one in told}
    return (meaning for verdict, meaning in _MEANS.items() if verdict in found)


def _notes(curves: Sequence[Curve], figures: Sequence[Figure]) -> Iterable[str]:
    if any(len(values) == 1 for curve in curves for values in curve.figures.values()):
        yield (
            "One replicate has no interval: small differences may be chance. Run with --replicates 3 or more to tell."
        )
    off = [found for curve in curves for found in _off_theory(curve, figures)]
    if off:
        z, curve, figure, point = max(off, key=lambda one: abs(one[0]))
        near = sum(abs(one[0]) <= _NEAR for one in off) / len(off)
        yield (
            f"Theory is dashed: {near:.1%} of its {len(off):,} values lie within {_NEAR} standard errors of what was "
            f"measured; the farthest is {abs(z):.1f} off ({title_of(figure)}, {curve.label}, {curve.axis} "
            f"{told(point)})."
        )


def _off_theory(curve: Curve, figures: Sequence[Figure]) -> Iterable[tuple[float, Curve, Figure, float]]:
    """How many standard errors each mean lies off theory, where there is one and the mean can be trusted."""
    for figure in figures:
        values, theory = curve.figures.get(figure.name), curve.theory.get(figure.name)
        if values is None or theory is None or figure.log or len(values) < 2:
            continue
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        for place in np.flatnonzero((error > 0) & np.isfinite(theory)).tolist():
            z = float((values[:, place].mean() - theory[place]) / error[place])
            yield z, curve, figure, float(curve.points[place])


def _change_json(found: Change) -> dict[str, Any]:
    return {
        **{
            name: value if value is not None and math.isfinite(value) else None
            for name in ("before", "after", "change", "low", "high")
            for value in (getattr(found, name),)
        },
        "kind": "ratio" if found.log else "difference",
        "direction": found.direction or "none found",
    }
