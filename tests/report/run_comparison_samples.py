"""Documents of two runs compared, as `compare` makes them: worse, undecided, not worse, and one that bites."""

from typing import Any

from samples import EVIL


def interval(estimate: float, reach: float) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - reach, "high": estimate + reach}


def change(
    before: float,
    after: float,
    reach: float,
    p: float,
    *,
    worse: str = "lower",
    units: int = 120,
    margin: float = 0.05,
) -> dict[str, Any]:
    sign = -1 if worse == "lower" else 1
    return {
        "test": "Student's t over items",
        "units": units,
        "before": before,
        "after": after,
        "change": interval(after - before, reach),
        "worse": worse,
        "at_worst": after - before + sign * 0.8 * reach,
        "p": p,
        "margin": margin,
        "p_margin": 0.4,
        "units_to_decide": 410,
    }


def metric(name: str, verdict: str, p: float, found: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    needed = 410 if verdict == "not enough data" else None
    return {
        "name": name, "verdict": verdict, "p": p, "p_margin": 0.4, "left_out": 0, "items_to_decide": needed,
        "change": found, "tail": None, **more,
    }  # fmt: skip


def figure(name: str, before: float, after: float, reach: float, ceiling: float, p: float) -> dict[str, Any]:
    return {
        "figure": name, "first": before, "second": after, "ceiling": ceiling, "change": interval(after - before, reach),
        "at_least": after - before - 0.8 * reach, "p": p, "p_alone": p,
    }  # fmt: skip


TAIL = {
    "prompts": 120,
    "outputs": 7_752,
    "left_out": [2_100, 0],
    "tail_cells": 2_249,
    "permutations": 199,
    "p": 0.005,
    "changes": [
        figure("tail_recall", 0.624, 0.499, 0.051, 0.654, 0.005),
        figure("tail_mass", 0.245, 0.31, 0.026, 0.257, 1.0),
        figure("distinct", 3_507, 2_779, 155, 3_536, 0.005),
        figure("entropy", 7.98, 7.69, 0.06, 7.99, 0.005),
        figure("gini_simpson", 0.9996, 0.9994, 0.00002, 0.9996, 0.005),
    ],
}


def side(name: str, words: float, **kinds: float) -> dict[str, Any]:
    return {
        "name": name, "model": "smollm2-135m", "tool": "wellkeeper", "metric": "exact", "temperature": 1.0, "items": 120,
        "answers": 480, "words": words, "kinds": {"empty": 0.0, "length": 0.0, "refused": 0.0, "error": 0.0, **kinds},
    }  # fmt: skip


def part(name: str, value: str, verdict: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"metric": name, "field": "language", "value": value, "verdict": verdict, "change": found}


def example(kind: str, item: str, by: float, before: list[str], after: list[str]) -> dict[str, Any]:
    return {
        "kind": kind,
        "item": item,
        "prompt": "What is the capital of Peru?",
        "references": ["Lima"],
        "change": by,
        "before": before,
        "after": after,
        "scores_before": [1.0] * len(before),
        "scores_after": [0.0] * len(after),
        "finishes_before": ["stop"] * len(before),
        "finishes_after": ["stop"] * (len(after) - 1) + ["length"],
        "answers_before": len(before),
        "answers_after": len(after),
    }


def document(verdict: str, *metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": "wellkeeper.compare-runs/1",
        "version": "0.1.0",
        "inputs": {"reference": None},
        "first": side("v1 2026-W46", 25.2, empty=0.006, length=0.017),
        "second": side("v2 2026-W47", 16.3, empty=0.048, length=0.033, refused=0.04),
        "items": 120,
        "only_first": [],
        "only_second": [],
        "verdict": verdict,
        "items_to_decide": None,
        "margin": 0.05,
        "diversity_margin": 0.01,
        "level": 0.05,
        "seed": 0,
        "permutations": 199,
        "metrics": list(metrics),
        "not_measured": {
            "tail": "Rare words need a yardstick: give human text of the same kind with --reference."
        },
        "lost": 0,
        "gained": 0,
        "diversity": {},
        "slices": [],
        "examples": [],
        "warnings": [],
        "notes": [],
        "run": {"version": "0.1.0", "seed": 0, "workers": 2, "started": "2026-11-22T03:00:00+00:00", "seconds": 1.2,
                "cpu_seconds": 1.1},
        **more,
    }  # fmt: skip


ACCURACY = change(0.733, 0.66, 0.045, 0.001)
DIVERSITY = change(0.793, 0.57, 0.061, 0.001, margin=0.01)
DEGENERATE = change(0.052, 0.121, 0.031, 0.0002, worse="higher")

WORSE = document(
    "worse",
    metric("accuracy", "worse", 0.002, ACCURACY, left_out=3),
    metric("diversity", "worse", 0.003, DIVERSITY),
    metric("degenerate", "worse", 0.0002, DEGENERATE),
    metric("tail", "worse", 0.005, None, tail=TAIL),
    inputs={
        "reference": {
            "names": ["archive"], "documents": 2_400, "documents_counted": 2_400, "words": 402_000,
            "columns": ["archive: text is the column `body`"],
        }
    },
    not_measured={},
    lost=46,
    gained=20,
    diversity={"as_written": DIVERSITY, "equal_length": change(0.76, 0.56, 0.06, 0.001, margin=0.01),
               "unlike": change(0.853, 0.622, 0.067, 0.001, margin=0.01)},
    slices=[
        part("accuracy", "en", "not enough data", change(0.694, 0.644, 0.091, 0.136, units=40)),
        part("accuracy", "de", "worse", change(0.753, 0.669, 0.05, 0.001, units=80)),
    ],
    examples=[
        example("lost", "capital-of-peru", -1.0, ["Lima", "It is Lima."], ["Quito", "The capital of Peru is the"]),
        example("collapsed", "a-poem", -0.6, ["The sea is grey", "A hill, a hare"], ["Roses are red", "Roses are red"]),
    ],
    only_first=["removed-1", "removed-2"],
    warnings=["The first run was sampled at temperature 1 and the second at 0.7: diversity and the tail change with it whatever the version."],
    notes=["v1 2026-W46: 2 lines of the log have no answer"],
)  # fmt: skip

UNDECIDED = document(
    "not enough data",
    metric("accuracy", "not enough data", 0.3, change(0.733, 0.72, 0.06, 0.3)),
    metric("degenerate", "not worse", 0.9, change(0.01, 0.0, 0.01, 0.9, worse="higher")),
    items_to_decide=410,
)

NEAR_MARGIN = document(
    "not enough data",
    metric("accuracy", "not enough data", 0.06, change(0.733, 0.71, 0.03, 0.06), items_to_decide=None),
)

FINE = document(
    "not worse",
    metric("accuracy", "not worse", 0.9, change(0.733, 0.741, 0.02, 0.9)),
    metric("degenerate", "not worse", 0.9, change(0.01, 0.0, 0.01, 0.9, worse="higher")),
)

MANY_MARGINS = document(
    "not worse",
    metric("accuracy", "not worse", 0.9, change(0.733, 0.741, 0.02, 0.9)),
    metric("diversity", "not worse", 0.9, change(0.96, 0.961, 0.002, 0.9, margin=0.01)),
    metric("tail", "not worse", 0.9, None, tail=TAIL),
)

TWO_OPEN = document(
    "not enough data",
    metric("accuracy", "not enough data", 0.3, change(0.733, 0.72, 0.06, 0.3)),
    metric(
        "diversity",
        "not enough data",
        0.06,
        change(0.96, 0.953, 0.004, 0.06, margin=0.01),
        items_to_decide=None,
    ),
)

HOSTILE_RUNS = document(
    "worse",
    metric("accuracy", "worse", 0.001, ACCURACY),
    metric(EVIL, "worse", 0.001, DIVERSITY),
    metric("tail", "worse", 0.001, None, tail={**TAIL, "changes": [figure(EVIL, 0.2, 0.1, 0.1, 0.2, 0.001)]}),
    first={**side(EVIL, 3.0), "model": EVIL, "metric": EVIL, "tool": EVIL},
    second={**side(EVIL, 3.0), "metric": EVIL},
    not_measured={EVIL: EVIL},
    slices=[{**part("accuracy", EVIL, "worse", ACCURACY), "field": EVIL}],
    examples=[
        {**example("lost", EVIL, -1.0, [EVIL, "x"], [EVIL, "y"]), "prompt": EVIL, "references": [EVIL]},
        {**example("lost", "b", -1.0, ["x"], ["y"]), "kind": EVIL},
    ],
    warnings=[EVIL],
    notes=[EVIL],
    lost=3,
    only_second=[EVIL],
)
