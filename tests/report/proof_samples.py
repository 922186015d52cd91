"""Documents of schema `wellkeeper.prove/1`, by hand."""

import copy
from typing import Any


def figure(
    kind: str, name: str, estimate: float, reach: float, p: float = 0.0004, **more: Any
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "documents": 120,
        "words": 24_310,
        "estimate": estimate,
        "low": estimate - reach,
        "high": estimate + reach,
        "p": p,
        "from_held_out": 0.31,
        **more,
    }


def gain(
    kind: str, name: str, estimate: float, reach: float, verdict: str, p: float = 0.0004
) -> dict[str, Any]:
    return figure(kind, name, estimate, reach, p, p_adjusted=p, verdict=verdict)


def _set(name: str, documents: int, left_out: int, synthetic: int) -> dict[str, Any]:
    return {
        "name": name,
        "inputs": [name],
        "documents": documents,
        "words": 150 * documents,
        "quarantined": 0,
        "drawn_from": {"documents": documents - left_out, "words": 150 * (documents - left_out)},
        "in_held_out": {"documents": left_out, "words": 150 * left_out},
        "synthetic": {"documents": synthetic, "words": 150 * synthetic},
    }


def _worth(value: float, reach: float, verdict: str) -> dict[str, Any]:
    interval = {"estimate": value, "low": value - reach, "high": value + reach}
    return {"shapley": interval, "left_out": interval, "p_adjusted": 0.01, "verdict": verdict}


WHERE = [
    gain("band", "1", 0.31, 0.05, "better"),
    gain("band", "3-5", 0.2, 0.06, "better"),
    gain("band", ">20", 0.02, 0.03, "no difference found", 0.4),
    gain("worst", "", -0.09, 0.05, "worse", 0.02),
    gain("source", "forum", 0.2, 0.1, "better", 0.01),
    gain("source", "archive", 0.01, 0.1, "not enough data", 0.9),
    gain("topic", "court, judge, appeal", 0.15, 0.04, "better"),
]

BETTER: dict[str, Any] = {
    "schema": "wellkeeper.prove/1",
    "version": "0.1.0",
    "inputs": {
        "sets": [_set("raw", 4100, 12, 900), _set("curated", 2600, 0, 30)],
        "held_out": {
            "inputs": ["human"],
            "documents": 700,
            "words": 130_000,
            "read": {"documents": 512, "words": 99_850},
            "in_training": 9,
        },
        "dose": None,
        "columns": ["raw: text column: 'text' (the only one)"],
    },
    "verdict": "better",
    "level": 0.05,
    "learner": "ngram",
    "words": 389_120,
    "draws": 5,
    "margin": 0.05,
    "levels": [
        {"name": "raw", "figures": [figure("all", "", 7.02, 0.11), figure("band", "1", 12.8, 0.2)]},
        {"name": "curated", "figures": [figure("all", "", 6.9, 0.11), figure("band", "1", 12.49, 0.2)]},
    ],
    "sets": [
        {
            "name": "curated",
            "verdict": "better",
            "gain": gain("all", "", 0.12, 0.03, "better"),
            "where": WHERE,
        }
    ],
    "without_synthetic": {
        "learner": "ngram",
        "words": 301_000,
        "draws": 5,
        "margin": 0.05,
        "levels": [],
        "sets": [
            {
                "name": "curated",
                "verdict": "no difference found",
                "gain": gain("all", "", 0.01, 0.03, "no difference found", 0.5),
                "where": WHERE[2:4],
            }
        ],
    },
    "dose_response": {
        "words": 200_000,
        "doses": [
            {"share": 0.0, "level": figure("all", "", 6.9, 0.1), "gains": []},
            {
                "share": 0.01,
                "level": figure("all", "", 6.901, 0.1),
                "gains": [gain("all", "", -0.001, 0.002, "no difference found", 0.3)],
            },
            {
                "share": 0.5,
                "level": figure("all", "", 7.2, 0.1),
                "gains": [gain("all", "", -0.3, 0.04, "worse"), gain("band", "1", -0.5, 0.1, "worse")],
            },
        ],
    },
    "worth": {
        "words": 20_100,
        "permutations": 0,
        "models": 7,
        "mixture": {"surprise": 0.3, "tail": 0.02},
        "sources": [
            {
                "name": name,
                "documents": 800,
                "words": 120_000,
                "surprise": _worth(value, 0.05, verdict),
                "tail": _worth(value / 10, 0.01, verdict),
            }
            for name, value, verdict in (
                ("forum", 0.21, "helps"),
                ("made", -0.11, "hurts"),
                ("archive", 0.02, "not told apart"),
            )
        ],
    },
    "notes": ["3 further sources of raw are weighed together as all other sources."],
    "run": {
        "version": "0.1.0",
        "seed": 0,
        "workers": 2,
        "started": "2026-11-21T20:00:00+00:00",
        "seconds": 12.4,
        "cpu_seconds": 11.9,
    },
}


def _plain(verdict: str, estimate: float, reach: float) -> dict[str, Any]:
    document = copy.deepcopy(BETTER)
    document["verdict"] = verdict
    document["sets"] = [
        {
            "name": "curated",
            "verdict": verdict,
            "gain": gain("all", "", estimate, reach, verdict, 0.2),
            "where": [gain("band", "1", estimate, reach, "not enough data", 1.0)],
        }
    ]
    for key in ("without_synthetic", "dose_response", "worth"):
        document[key] = None
    document["notes"] = []
    return document


WORSE = _plain("worse", -0.2, 0.1)
UNDECIDED = _plain("not enough data", 0.04, 0.2)
ALIKE = _plain("no difference found", 0.01, 0.03)

HOSTILE: dict[str, Any] = copy.deepcopy(BETTER)
HOSTILE["sets"][0]["name"] = "<script>alert(1)</script>\n\x1b[31mred"
HOSTILE["sets"][0]["where"][4]["name"] = "a\nb\u202ec<img src=x>"
HOSTILE["worth"]["sources"][0]["name"] = "<script>\x07"
HOSTILE["notes"] = ["line\nfeed <script>"]
