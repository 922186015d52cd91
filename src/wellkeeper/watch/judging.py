"""Did the judge change? Answers that people have labelled are judged again every week.

A judge is a model too. When its provider ships a new version, the scores of a system that stayed the same move. So a
set of anchors, answers with a label by people, is judged beside every week, and held against the judge's own first
judgements. There are K >= 4 of those, for the same reason as of any stored reference: the luck of one stays.

Three drifts are watched, and their e-values averaged, which is an e-value: agreement with people falls, scores rise,
scores fall. The last two see a judge that became lenient or strict while as many of its judgements are right.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Prompt
from wellkeeper.errors import InputError
from wellkeeper.measure.sequential import DropBand, StoredWatch, baseline_error, log_mean
from wellkeeper.watch.points import point_of, spans, upwards
from wellkeeper.watch.timeline import Point, Series, Verdict

METRIC = "judge"
MARGIN = 0.02
"""Change of the mean that is none yet; more where the first judgements' own luck is more."""
FEWEST_ANCHORS = 10

Judgements: TypeAlias = Mapping[int, Mapping[tuple[str, int], float | None]]
"""Scores in [0, 1] by week, then by anchor and batch; None: the judge could not tell. Week 0 has the first ones."""
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """An answer that people have labelled."""

    name: str
    prompt: Prompt
    answer: str
    label: float  # what people say it is worth, in [0, 1]
    references: tuple[str, ...] = ()


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """Anchors from JSON lines with `question` (or `prompt`), `answer`, `label` and, if wanted, `name` and `reference`.

    A label is a number in [0, 1], or true or false.

    Raises:
        InputError: the file cannot be read, a line is no anchor, or there are fewer than 10.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}). Give JSON lines with question, answer and label."
        ) from error
    found: dict[str, Anchor] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        anchor = _anchor(line, f"{path}, line {number}", f"line {number}")
        if anchor.name in found:
            raise InputError(
                f"{path}, line {number}: a second anchor named {anchor.name}. Give each its own name."
            )
        found[anchor.name] = anchor
    if len(found) < FEWEST_ANCHORS:
        raise InputError(
            f"{path} holds {len(found)} anchors, too few to see a judge change. Have people label at least "
            f"{FEWEST_ANCHORS} answers, better 100, right and wrong ones."
        )
    return tuple(found.values())


def _anchor(line: str, place: str, usual_name: str) -> Anchor:
    try:
        told: Mapping[str, Any] = json.loads(line)
        good = told.get("references", told.get("reference", []))
        found = Anchor(
            name=str(told.get("name", usual_name)),
            prompt=told["question"] if "question" in told else told["prompt"],
            answer=str(told["answer"]),
            label=float(told["label"]),
            references=(good,) if isinstance(good, str) else tuple(map(str, good)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{place}: no anchor ({type(error).__name__}: {error}). Write question, answer, and label: what people "
            "say it is worth, 0 to 1."
        ) from error
    if not 0 <= found.label <= 1:
        raise InputError(
            f"{place}: the label is {found.label:g}. Write what people say the answer is worth, 0 to 1."
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _First:
    """The first judgements of the anchors that were known in all batches; shapes (anchors, batches) and (anchors,)."""

    anchors: tuple[str, ...]
    scores: Numbers
    labels: Numbers

    def views(self, scores: Numbers, labels: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Of each drift that is watched, values that fall if it happens."""
        return 1 - np.abs(scores - labels), scores, 1 - scores


def judge_series(
    judgements: Judgements,
    labels: Mapping[str, float],
    weeks: Sequence[int],
    periods: Sequence[int],
    *,
    level: float,
    reach: float = 1.0,
) -> Series:
    """The judge's agreement with people, in [0, 1], and the evidence that it is not the judge of the beginning.

    Args:
        judgements: of all weeks, the first ones in week 0.
        labels: what people say of each anchor.
        weeks: those that are complete, from 1.
        periods: the first week of each span over which evidence is gathered.
        level: of periods in which the judge did not change, the share that raises an alarm, at most.
        reach: standard errors of the first judgements' mean that the margin covers.
    """
    first = _first(judgements.get(0, {}), labels)
    points: list[Point] = []
    current: list[Point] = []
    could_alarm = False
    for span in spans(periods, len(weeks)):
        current, could_alarm = _followed(first, judgements, weeks[span], level, reach)
        points += current
    is_alarm = bool(current and current[-1].alarm)
    verdict: Verdict = "worse" if is_alarm else "no alarm" if could_alarm else "not enough data"
    return Series(
        metric=METRIC,
        label="Judge's agreement with people",
        worse="lower",
        points=tuple(points),
        threshold=-math.log10(level),
        verdict=verdict,
    )


def _first(judged: Mapping[tuple[str, int], float | None], labels: Mapping[str, float]) -> _First:
    batches = sorted({batch for _, batch in judged})
    rows = {name: [judged.get((name, batch)) for batch in batches] for name in sorted(labels)}
    known = {name: row for name, row in rows.items() if row and None not in row}
    return _First(
        anchors=tuple(known),
        scores=np.array(list(known.values()), np.float64).reshape(len(known), len(batches)),
        labels=np.array([labels[name] for name in known], np.float64),
    )


def _followed(
    first: _First, judgements: Judgements, weeks: Sequence[int], level: float, reach: float
) -> tuple[list[Point], bool]:
    """Points of one period, and whether a judge that is wrong on all anchors would have raised an alarm in it."""
    if not first.anchors:
        return [], False
    stored = first.views(first.scores, first.labels[:, None])
    watches = [StoredWatch.begin(one, margin=_margin(one, reach), level=level) for one in stored]
    worst = watches[0]
    base = stored[0].mean(axis=1)
    place = {name: at for at, name in enumerate(first.anchors)}
    band, points, alarmed = DropBand(), [], False
    for week in weeks:
        judged = {
            place[name]: score
            for (name, _), score in judgements.get(week, {}).items()
            if score is not None and name in place
        }
        at = np.array(sorted(judged), np.int64)
        views = first.views(np.array([judged[one] for one in at.tolist()], np.float64), first.labels[at])
        watches = [
            watch.after(values, items=at.tolist()) for watch, values in zip(watches, views, strict=True)
        ]
        worst = worst.after(np.zeros(at.size), items=at.tolist())
        evidence = float(log_mean(np.array([watch.log_evidence for watch in watches])))
        alarmed = alarmed or evidence > -math.log(level)
        band = band.after(base[at] - views[0])
        if not at.size:
            continue
        points.append(
            point_of(
                week,
                base[at],
                views[0],
                band=band,
                evidence=evidence / math.log(10),
                is_alarm=alarmed,
            )
        )
    # of the mean of three, one stream alone has to bear it
    return points, worst.log_evidence - math.log(len(watches)) > -math.log(level)


def _margin(stored: Numbers, reach: float) -> float:
    return max(MARGIN, upwards(reach * baseline_error(stored)))
