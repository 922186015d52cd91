"""What a watch has seen, as the report, the dashboard and `--json` show it: schema `wellkeeper.watch/1`.

Plain values. The watch makes them from its store; pages draw them and compute nothing.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from wellkeeper import __version__

SCHEMA = "wellkeeper.watch/1"

Verdict: TypeAlias = Literal["worse", "no alarm", "not enough data"]
Design: TypeAlias = Literal["stored", "paired", "fresh", "corpus"]
"""Against what a week is held: K stored answers an item; the reference model asked again; items never asked before,
with the reference's answer to each; or an earlier snapshot of a corpus."""
Reason: TypeAlias = Literal["schedule", "fingerprint", "manual", "import"]
"""Why a week was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One metric in one week."""

    week: int  # from 1
    value: float  # of the watched version
    low: float  # 95 %, of this week alone
    high: float
    baseline: float  # what it is held against, this week
    units: int  # items, prompts or documents
    drop: (
        float | None
    )  # mean loss over all weeks so far, positive is worse; None: no band is kept for this metric
    drop_low: float | None  # always-valid band of that loss: true in all weeks at once with 95 %
    drop_high: float | None
    evidence: float  # e-value so far, as log10; the alarm is raised above `Series.threshold`
    alarm: bool  # evidence is or was above the threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """When it changed, as far as the weeks tell."""

    week: int  # first week of the new state, most likely
    low: int  # 95 %
    high: int
    date: str  # of `week`, ISO 8601


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric over all weeks; of all items, or of a slice."""

    metric: str  # "accuracy", "diversity", "degenerate", "judge", "tail_mass", ...
    label: str  # for people
    worse: Literal["lower", "higher"]
    points: tuple[Point, ...]
    threshold: float  # log10 of the evidence that raises an alarm
    verdict: Verdict
    change: Change | None = None  # where there is an alarm
    slice: str = ""  # "language=de"; "": all items


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One run of the watch."""

    number: int
    date: str  # ISO 8601
    version: str  # of the model, as the user or the endpoint names it
    reason: Reason
    items: int
    answers: int
    tokens: int
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One daily look at the log-probabilities of first tokens."""

    date: str
    distance: float  # mean over prompts, in [0, 1]: total variation from the reference's
    limit: float  # above it, it is another model
    changed: bool
    tokens: int  # written for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that a watch has to show."""

    name: str
    created: str
    design: Design
    reference: str  # the version that weeks are held against
    suite: str
    items: int
    samples: int
    level: float  # of drift-free years that raise an alarm, the share, at most
    horizon: int  # weeks for which that is stated
    margin: float  # loss that does not matter
    verdict: Verdict
    headline: str  # one sentence for people: what was found
    next_step: str  # one sentence: what to do about it
    weeks: tuple[Week, ...]
    series: tuple[Series, ...]  # of all items
    slices: tuple[Series, ...]  # of slices; their false-discovery rate is bounded, not their error each
    fingerprints: tuple[Fingerprint, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "version": __version__, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedOutput:
    """What both versions answered to one item in one week: for looking at."""

    week: int
    item: str
    prompt: str
    references: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    scores_before: tuple[float | None, ...]
    scores_after: tuple[float | None, ...]
    finishes_before: tuple[str, ...]
    finishes_after: tuple[str, ...]
    slices: tuple[str, ...]
    change: float  # of the mean score; where there is none, of diversity
