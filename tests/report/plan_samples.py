"""Documents of plans and trends as `plan` and `trend` make them, and names that bite."""

from typing import Any

from samples import EVIL


def planned(
    samples: int, items: int | None, *, cheapest: bool = False, why: str = "", **more: Any
) -> dict[str, Any]:
    known = items is not None
    return {
        "samples": samples,
        "test": "McNemar mid-p" if samples == 1 else "paired t over items",
        "items": items,
        "why": why,
        "answers": 2 * items * samples if known else None,
        "power": 0.801 if known else None,
        "power_error": 0.0 if known else None,
        "least_drop": None,
        "prompt_tokens": 600 * items * samples if known else None,
        "answer_tokens": 120 * items * samples if known else None,
        "money": 0.00216 * items * samples if known else None,
        "is_cheapest": cheapest,
        **more,
    }


def plan_document(**more: Any) -> dict[str, Any]:
    return {
        "schema": "wellkeeper.plan/1",
        "version": "0.1.0",
        "drop": 0.05,
        "power": 0.8,
        "level": 0.05,
        "seed": 0,
        "items": None,
        "stored": None,
        "price": {
            "prompt_tokens": 300.0,
            "answer_tokens": 60.0,
            "per_million_prompt": 2.0,
            "per_million_answer": 8.0,
        },
        "priced": True,
        "pilot": None,
        "tests": [
            {
                "metric": "accuracy",
                "world": "sampled",
                "noise": {"mean": 0.7, "discordance": 0.28},
                "plans": [planned(1, 764, cheapest=True), planned(4, 193)],
                "curves": [
                    {"samples": 1, "items": [48, 191, 764, 1528], "power": [0.16, 0.36, 0.8, 0.97]},
                    {"samples": 4, "items": [48, 191, 764, 1528], "power": [0.35, 0.79, 0.99, 1.0]},
                ],
            },
            {
                "metric": "tail",
                "world": "reference",
                "noise": {"human_cells": 21_044, "different_cells": 4_102, "cells_of_an_answer": 31},
                "plans": [
                    planned(1, 48, test="swapped prompts, maxT", power_error=0.04),
                    planned(
                        4, None, why="No cell of the reference has a mass of up to 0.05. Give a larger drop."
                    ),
                ],
                "curves": [],
            },
        ],
        "watch": [
            {
                "world": "sampled",
                "within": 4,
                "items": 740,
                "weeks": 4.0,
                "found": 1.0,
                "early": 0.01,
                "answers": 1480,
                "prompt_tokens": 444_000,
                "answer_tokens": 88_800,
                "money": 1.5984,
            },
            {
                "world": "sampled",
                "within": 16,
                "items": 185,
                "weeks": None,
                "found": 0.48,
                "early": 0.01,
                "answers": 370,
                "prompt_tokens": 111_000,
                "answer_tokens": 22_200,
                "money": 0.3996,
            },
        ],
        "not_planned": {
            "diversity": "Diversity takes 2 answers to an item: ask for such a plan, --samples 4."
        },
        "notes": ["No pilot was given: what chance does to an answer is assumed."],
        "verdict": "planned",
        **more,
    }


def band(estimate: float, reach: float = 0.03) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - reach, "high": estimate + reach}


def shaped(
    metric: str, verdict: str, means: list[float], *, is_harm: bool, turn: int | None = None
) -> dict[str, Any]:
    p = dict.fromkeys(("rising", "falling", "U", "inverted U"), 1.0)
    if verdict != "none":
        p[verdict] = 0.0004
    return {
        "metric": metric,
        "items": 120,
        "harm": "higher" if metric == "degenerate" else "lower",
        "is_harm": is_harm,
        "trend": {
            "items": 120,
            "means": means,
            "intervals": [band(mean) for mean in means],
            "verdict": verdict,
            "p": p,
            "p_alone": p,
            "slope": band(means[-1] - means[0], 0.02),
            "turn": turn,
            "before": None,
            "after": None,
        },
    }


def trend_document(name: str = "generation", **more: Any) -> dict[str, Any]:
    figures = {
        "tail_recall": 0.4,
        "tail_mass": 0.15,
        "distinct": 812.0,
        "entropy": 5.31,
        "gini_simpson": 0.987,
    }
    poorer = {key: 0.8 * value for key, value in figures.items()}
    changes = [
        {
            "figure": key,
            "first": value,
            "second": poorer[key],
            "ceiling": None,
            "change": None,
            "at_least": None,
            "p": 0.001,
            "p_alone": 0.001,
        }
        for key, value in figures.items()
    ]
    names = [f"{name} {at}" for at in range(3)]
    return {
        "schema": "wellkeeper.trend/1",
        "version": "0.1.0",
        "inputs": {"reference": {"names": ["human"], "documents": 2_400}},
        "members": [
            {
                "name": one,
                "model": f"model of {one}",
                "tool": "wellkeeper",
                "position": 10.0 ** (8 + at),
                "items": 120,
                "answers": 480,
                "words": 41.2,
                "temperature": 1.0,
                "metric": "exact",
            }
            for at, one in enumerate(names)
        ],
        "positions": {"given": True, "log": True},
        "items": 120,
        "left_out": 3,
        "level": 0.05,
        "level_of_each": 0.0125,
        "seed": 0,
        "metrics": [
            shaped("score", "inverted U", [0.45, 0.71, 0.52], is_harm=True, turn=1),
            shaped("diversity", "falling", [0.81, 0.78, 0.61], is_harm=True),
            shaped("degenerate", "none", [0.02, 0.03, 0.02], is_harm=False),
        ],
        "not_measured": {"tail": "Give human text of the same kind with --reference."},
        "slices": [
            {
                "metric": "score",
                "field": "language",
                "value": name,
                "items": 60,
                "shape": "falling",
                "is_harm": True,
                "p": 0.003,
                "means": [0.5, 0.4, 0.3],
                "intervals": [band(0.5), band(0.4), band(0.3)],
            },
            {
                "metric": "score",
                "field": "language",
                "value": "de",
                "items": 60,
                "shape": "none",
                "is_harm": False,
                "p": 0.4,
                "means": [0.5, 0.5, 0.5],
                "intervals": [band(0.5)] * 3,
            },
        ],
        "tails": {
            "note": "",
            "prompts": 118,
            "cells": 9_120,
            "tail_cells": 640,
            "permutations": 999,
            "ceiling": figures,
            "members": [figures, figures, poorer],
            "comparisons": [
                {"first": 0, "second": 1, "p": 0.61, "is_harm": False, "changes": changes},
                {"first": 1, "second": 2, "p": 0.003, "is_harm": True, "changes": changes},
                {"first": 0, "second": 2, "p": 0.003, "is_harm": True, "changes": changes},
            ],
        },
        "notes": ["3 items that a run lacks were left out."],
        "verdict": "worse",
        **more,
    }


EVIL_TREND = trend_document(EVIL)
EVIL_PLAN = plan_document(notes=[EVIL], pilot={"name": EVIL, "model": EVIL, "items": 50, "answers": 200})
