"""Forecasts as documents: of a proxy that was run to the end, of a larger one, and of the law alone."""

import copy
from typing import Any


def banded(values: list[float], width: float) -> list[dict[str, Any]]:
    return [
        {
            "generation": k,
            "estimate": value,
            "low": value * (1 - width * (k > 0)),
            "high": value * (1 + width * (k > 0)),
        }
        for k, value in enumerate(values)
    ]


def measured(values: list[float]) -> list[dict[str, Any]]:
    return [
        {"generation": k, "estimate": value, "low": 0.99 * value, "high": 1.01 * value, "values": [value] * 3}
        for k, value in enumerate(values)
    ]


def ideal(shares: list[float], lost: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "generation": k,
            "share": share,
            "documents": 400 * share,
            "types": 9000 * share**0.5,
            "lost_mass": mass,
        }
        for k, (share, mass) in enumerate(zip(shares, lost, strict=True))
    ]


def policy(name: str, lost: list[float], shares: list[float] | None, limit: float | None) -> dict[str, Any]:
    law = None if shares is None else ideal(shares, [0.8 * mass for mass in lost])
    return {
        "policy": name,
        "law": law
        and {
            "sample": {"documents": 400, "words": 200_000, "types": 9000},
            "generations": [{"n_eff": 250_000 * row["share"], **row} for row in law],
        },
        "limit": limit,
        "bound": law,
        "kernel": {
            "types": banded([9000 * (1 - 3 * mass) for mass in lost], 0.03),
            "lost_mass": banded(lost, 0.05),
            "reproduction": [
                {"count": 0, "first": 0.41, "second": 0.33},
                {"count": 1, "first": 0.94, "second": None},
            ],
        },
        "run": {
            "types": measured([9000 * (1 - 3 * mass) for mass in lost]),
            "lost_mass": measured(lost),
            "nll": measured([6.0 + 8 * mass for mass in lost]),
        },
    }


def ranked(
    figure: str, by: str, policies: list[tuple[str, float]], same: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "figure": figure,
        "by": by,
        "policies": [
            {
                "policy": name,
                "estimate": value,
                "low": 0.99 * value,
                "high": 1.01 * value,
                "not_told_from": [other for other in same if other != name] if name in same else [],
            }
            for name, value in policies
        ],
        "not_ranked": [],
    }


RUN: dict[str, Any] = {
    "schema": "wellkeeper.forecast/1",
    "version": "0.1.0",
    "inputs": {
        "names": ["forum"],
        "documents": 460,
        "words": 280_000,
        "quarantined": 0,
        "columns": ["text: body"],
    },
    "human": {
        "documents": 400,
        "words": 250_000,
        "share": 1.0,
        "how": "labels",
        "left_out": 60,
        "unknown": 120,
    },
    "tier": 1,
    "generations": 3,
    "level": 0.9,
    "fresh_share": {"keep": 0.5, "share": 0.148},
    "proxy": {
        "name": "ngram",
        "regime": "from scratch",
        "words": 100_000,
        "types": 9000,
        "documents": 320,
        "held_out_documents": 80,
        "held_out_words": 50_000,
        "is_all": False,
        "calibrated_on": 8,
        "runs": 3,
    },
    "policies": [
        policy("replace", [0.0, 0.031, 0.048, 0.06], [1.0, 0.632, 0.469, 0.374], 0.0),
        policy("fixed=0.1", [0.0, 0.031, 0.05, 0.063], [1.0, 0.634, 0.472, 0.38], 0.1),
        policy("subsample", [0.0, 0.02, 0.022, 0.024], None, None),
    ],
    "ranking": [
        ranked(
            "lost_mass",
            "run",
            [("subsample", 0.024), ("replace", 0.06), ("fixed=0.1", 0.063)],
            ("replace", "fixed=0.1"),
        ),
        ranked("nll", "run", [("subsample", 6.19), ("replace", 6.48), ("fixed=0.1", 6.5)]),
    ],
    "run": {
        "version": "0.1.0",
        "seed": 0,
        "workers": 2,
        "started": "2026-11-21T20:00:00+00:00",
        "seconds": 21.3,
        "cpu_seconds": 19.8,
    },
}

LAW = copy.deepcopy(RUN)
LAW |= {
    "tier": 0,
    "proxy": None,
    "ranking": [ranked("lost_mass", "law", [("replace", 0.048), ("fixed=0.1", 0.0504)])],
}
LAW["ranking"][0]["not_ranked"] = ["subsample"]
for row in LAW["policies"]:
    row |= {"bound": None, "kernel": None, "run": None}

LARGE = copy.deepcopy(RUN)
LARGE |= {"tier": 2, "ranking": [{**RUN["ranking"][0], "by": "kernel"}]}
LARGE["proxy"] |= {"name": "smollm2", "regime": "fine-tuning", "runs": 0, "calibrated_on": 2}
for row in LARGE["policies"]:
    row["run"] = {name: values[:3] for name, values in row["run"].items()}

HOSTILE = copy.deepcopy(RUN)
HOSTILE["policies"][0]["policy"] = "<script>alert(1)</script>\nreplace\x1b[31m"
HOSTILE["ranking"][0]["policies"][0]["policy"] = "sub\nsample\x1b[31m<script>"
HOSTILE["proxy"]["regime"] = "<script>\n"
