"""What curves say, in plain words: what each policy did to what models know, and which of two diseases it is.

Models that are trained on their own output fall ill in two ways, and figures without a human reference confuse them.
In *noise drift* outputs wander off: people's text costs the model more, its own text would cost a model of people more
too, and words and pairs of words become more varied, as if it had become richer. In *entropy collapse* outputs repeat
ever less. A figure that is read beside human text therefore comes first, and a change of diversity is an alarm in
either direction, never praise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from wellkeeper.lab.bands import Change, Values, change
from wellkeeper.lab.experiment import Curve, Figure

Verdict: TypeAlias = Literal[
    "noise drift", "entropy collapse", "noise drift and entropy collapse", "loses its tail", "holds", "worse", "seen"
]
"""`worse` and `holds`: by figures that have a worse direction; `seen`: no figure has one."""

MARGIN = 0.05
"""Part of a figure's first value by which it may get worse and still be held."""

# By role, the names of figures of text; see `wellkeeper.lab.text_figures`.
_HELD_OUT = ("held_out_nll",)
_HUMAN = (*_HELD_OUT, "coverage_1", "lost_mass")
_OUTPUT = ("output_nll",)
_DIVERSITY = ("entropy", "distinct_2", "types")
_MOST_SAID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one policy did from the first to the last generation."""

    label: str
    verdict: Verdict
    sentence: str
    changes: Mapping[str, Change]  # by figure

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "verdict": self.verdict,
            "sentence": self.sentence,
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
                {"label": label, "value": value, "beside_best": None if found is None else _change_json(found)}
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
        headline=_headline(curves, figures), told=told, ranks=ranks, notes=tuple(_notes(curves, figures))
    )


def ranked(curves: Sequence[Curve], figures: Sequence[Figure], *, paired: bool) -> tuple[Rank, ...]:
    """Which curve ends best, by each figure that has a worse direction; intervals of one figure hold together."""
    found = (_rank(curves, figure, paired=paired) for figure in figures if figure.worse)
    return tuple(rank for rank in found if rank is not None)


def _rank(curves: Sequence[Curve], figure: Figure, *, paired: bool) -> Rank | None:
    ends = {curve.label: curve.figures[figure.name][:, -1] for curve in curves if figure.name in curve.figures}
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
        if found is None or (found.low is not None and not found.direction) or found.change == (1 if found.log else 0)
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
    changes = {}
    for name, values in curve.figures.items():
        figure = figures.get(name)
        found = change(values[:, 0], values[:, -1], log=figure is not None and figure.log)
        if figure is not None and found is not None:
            changes[name] = found
    verdict = _verdict(changes, figures) if curve.axis == "generation" else "seen"
    return Told(
        label=curve.label, verdict=verdict, sentence=_sentence(verdict, changes, figures), changes=changes
    )


def _verdict(changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> Verdict:
    judged = {name: figures[name] for name in changes if figures[name].worse}
    if not judged:
        return "seen"
    if not any(name in changes for name in _HELD_OUT):
        return "worse" if any(is_worse(changes[name], figure) for name, figure in judged.items()) else "holds"
    if not any(name in judged and is_worse(changes[name], judged[name]) for name in _human(changes)):
        return "holds"
    drifts = any(_moved(changes.get(name), "up") for name in _OUTPUT)
    collapses = _moved(changes.get(_DIVERSITY[0]), "down")
    if drifts and collapses:
        return "noise drift and entropy collapse"
    return "noise drift" if drifts else "entropy collapse" if collapses else "loses its tail"


def _human(changes: Mapping[str, Change]) -> list[str]:
    return [name for name in _HUMAN if name in changes]


def is_worse(found: Change, figure: Figure) -> bool:
    """Whether a figure went where it should not, beyond chance and by more than `MARGIN`."""
    return found.direction == figure.worse and _is_large(found)


def _moved(found: Change | None, direction: str) -> bool:
    return found is not None and found.direction == direction and _is_large(found, 0.01)


def _is_large(found: Change, margin: float = MARGIN) -> bool:
    if found.log:
        return not 1 / (1 + margin) <= found.change <= 1 + margin
    return abs(found.change) > margin * abs(found.before)


_MEANS: Mapping[Verdict, str] = {
    "noise drift": (
        "Noise drift: the models write ever less like people, and people's text costs them more. What they write "
        "looks more varied for it."
    ),
    "entropy collapse": (
        "Entropy collapse: the models repeat themselves ever more, and people's text costs them more."
    ),
    "noise drift and entropy collapse": (
        "Both diseases: the models repeat themselves, and what they repeat is not what people write."
    ),
    "loses its tail": "The tail goes first: rare words are lost while variety still looks sound.",
    "holds": f"Holds: no figure that is told beside the truth gets worse by more than {MARGIN:.0%}.",
    "worse": "Gets worse.",
    "seen": "",
}


def _sentence(verdict: Verdict, changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> str:
    if verdict in {"worse", "holds", "seen"}:
        judged = [name for name in changes if figures[name].worse] or list(changes)
        bad = [name for name in judged if is_worse(changes[name], figures[name])] or judged
        said = _went(bad[:_MOST_SAID], changes, figures)
    else:
        names = (*_human(changes)[:2], *_OUTPUT, *_DIVERSITY)
        said = _went([name for name in names if name in changes], changes, figures)
    return " ".join(filter(None, (_MEANS[verdict], said)))


def _went(names: Iterable[str], changes: Mapping[str, Change], figures: Mapping[str, Figure]) -> str:
    parts = [
        f"{figures[name].title} {told(changes[name].before)} \u2192 {told(changes[name].after)}" for name in names
    ]
    return "; ".join(parts) + "." if parts else ""


def told(value: float) -> str:
    """A number as sentences have it.

    >>> [told(value) for value in (0.13264, 5671.2, 4.911, 1e-07)]
    ['0.133', '5,671', '4.91', '1e-07']
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


# --- all curves ------------------------------------------------------------------------------------


def _headline(curves: Sequence[Curve], figures: Sequence[Figure]) -> str:
    figure = next((one for one in _by_weight(figures) if any(one.name in curve.figures for curve in curves)), None)
    if figure is None:
        return "Nothing was measured."
    ends = [
        (curve, _middle(curve.figures[figure.name][:, 0], figure), _middle(curve.figures[figure.name][:, -1], figure))
        for curve in curves
        if figure.name in curve.figures
    ]
    worst, best = _extremes(ends, figure)
    curve, before, after = worst
    if curve.axis != "generation":
        first, last = (told(float(point)) for point in (curve.points[0], curve.points[-1]))
        return (
            f"{figure.title} goes from {told(before)} to {told(after)} as {curve.axis} goes from {first} to {last} "
            f"({curve.label})."
        )
    span = f"after {int(curve.points[-1])} generations"
    if best[0] is curve:
        return f"{figure.title}: {told(before)} at first, {told(after)} {span} of {curve.label}."
    return (
        f"{figure.title}: {told(before)} at first; {span} {told(after)} with {curve.label}, "
        f"{told(best[2])} with {best[0].label}."
    )


def _by_weight(figures: Sequence[Figure]) -> list[Figure]:
    """Figures that are told beside human text, then those with a worse direction, then the others."""
    return sorted(figures, key=lambda figure: (figure.name not in _HELD_OUT, not figure.worse))


def _extremes(
    ends: Sequence[tuple[Curve, float, float]], figure: Figure
) -> tuple[tuple[Curve, float, float], tuple[Curve, float, float]]:
    """The curves that end worst and best; the first and last ones where no direction is worse."""
    if not figure.worse:
        return ends[0], ends[0]
    order = sorted(ends, key=lambda end: end[2] if figure.worse == "up" else -end[2])
    return order[-1], order[0]


def _notes(curves: Sequence[Curve], figures: Sequence[Figure]) -> Iterable[str]:
    if any(len(values) == 1 for curve in curves for values in curve.figures.values()):
        yield (
            "One replicate has no interval: small differences may be chance. Run with --replicates 3 or more to tell."
        )
    off = [found for curve in curves for found in _off_theory(curve, figures)]
    if off:
        z, curve, figure, point = max(off, key=lambda one: abs(one[0]))
        yield (
            f"Theory is dashed. Of its {len(off):,} values, the one farthest from what was measured is {abs(z):.1f} "
            f"standard errors off ({figure.title}, {curve.label}, {curve.axis} {point:g})."
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
        "before": found.before,
        "after": found.after,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "kind": "ratio" if found.log else "difference",
        "direction": found.direction or "none found",
    }
