"""Documents of comparisons as `compare` makes them: worse, undecided, not worse, and one that bites."""

from typing import Any

from samples import EVIL


def interval(estimate: float, reach: float) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - reach, "high": estimate + reach}


def change(
    figure: str, first: float, second: float, p: float, verdict: str, needed: int = 900
) -> dict[str, Any]:
    is_mass = figure in {"lost_mass", "invented_mass"}
    by = second - first if is_mass else second / first - 1
    reach = 0.004 if is_mass else 0.03
    return {
        "figure": figure,
        "first": interval(first, 0.03 * first),
        "second": interval(second, 0.03 * second),
        "change": interval(by, reach),
        "at_least": by - 0.8 * reach,
        "at_most": by + 0.8 * reach,
        "harm": "higher" if is_mass else "lower",
        "p": p,
        "within": verdict == "not worse",
        "documents_to_decide": [needed, needed + 40],
        "verdict": verdict,
    }


def family(name: str, p: float, *changes: dict[str, Any], tail: int | None = 9_120) -> dict[str, Any]:
    return {
        "family": name,
        "p": p,
        "documents": [612, 655],
        "tokens": [98_120, 98_077],
        "types": 14_201,
        "tail_types": tail,
        "permutations": 999,
        "changes": list(changes),
    }


def document(verdict: str, *families: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": "wellkeeper.compare/1",
        "version": "0.1.0",
        "inputs": {
            "first": {"names": ["2025-10.jsonl"], "documents": 1_200, "words": 201_000, "quarantined": 0,
                      "sources": [{"name": "forum", "documents": 900, "words": 150_000}, {"name": "press", "documents": 300, "words": 51_000}],
                      "copies_of_the_reference": 3},
            "second": {"names": ["2025-11.jsonl"], "documents": 1_340, "words": 199_400, "quarantined": 2,
                       "sources": [{"name": "forum", "documents": 1_340, "words": 199_400}],
                       "copies_of_the_reference": 0},
            "reference": {"names": ["archive"], "documents": 2_400, "words": 402_000, "quarantined": 0},
            "columns": ["2025-10.jsonl: text is the column `body`"],
            "pairs": None,
        },
        "verdict": verdict,
        "margin": 0.05,
        "level": 0.05,
        "permutations": 999,
        "documents_to_decide": None,
        "families": list(families),
        "notes": [],
        "survival": None,
        "examples": {"lost": [], "invented": []},
        "topics": [],
        "run": {"version": "0.1.0", "seed": 0, "workers": 2, "started": "2025-11-21T09:00:00+00:00", "seconds": 4.2,
                "cpu_seconds": 5.9},
        **more,
    }  # fmt: skip


SURVIVAL = [
    {
        "band": band,
        "types": types,
        "first": interval(kept, 0.02),
        "second": interval(lost, 0.02),
        "ceiling": interval(kept + 0.01, 0.02),
    }
    for band, types, kept, lost in (
        ("1", 5_430, 0.29, 0.16),
        ("2", 1_510, 0.52, 0.33),
        ("3-5", 1_120, 0.74, 0.6),
        ("6-20", 830, 0.93, 0.9),
        (">20", 411, 0.97, 0.97),
    )
]

WORSE = document(
    "worse",
    family(
        "words", 0.003,
        change("q0", 11_707, 9_640, 0.001, "worse"),
        change("q1", 2_929, 2_840, 0.14, "not enough data"),
        change("q2", 632, 641, 0.98, "not worse"),
        change("tail_mass", 0.108, 0.071, 0.002, "worse"),
        change("tail_recall", 0.464, 0.351, 0.001, "worse"),
        change("lost_mass", 0.096, 0.131, 0.001, "worse"),
        change("invented_mass", 0.086, 0.079, 1.0, "not worse"),
    ),
    family("3-grams", 0.31, change("q0", 75_198, 74_699, 0.31, "not worse")),
    family("topics", 0.04, change("tail_recall", 1.0, 0.8, 0.02, "worse"), tail=31),
    survival=SURVIVAL,
    examples={
        "lost": [{"text": "hath", "documents": 14}, {"text": "syrup", "documents": 9}],
        "invented": [{"text": "delves", "documents": 21}],
    },
    topics=[
        {"name": "court, judge, appeal", "is_rare": True, "first": interval(0.03, 0.01), "second": interval(0.004, 0.003),
         "reference": interval(0.028, 0.008)},
    ],
)  # fmt: skip

UNDECIDED = document(
    "not enough data",
    family("words", 0.4, change("q0", 11_707, 11_400, 0.4, "not enough data"), tail=None),
    documents_to_decide={"first": 900, "second": 940},
    notes=[
        "Topics were not compared: the first corpus has 4 documents, too few for an interval. Give at least 10 documents."
    ],
)
UNDECIDED["inputs"]["reference"] = None

FINE = document("not worse", family("words", 0.8, change("q0", 11_707, 11_690, 0.8, "not worse")))

RICHER = document("worse", family("words", 0.001, change("q0", 11_707, 14_100, 0.001, "worse"), tail=None))
RICHER["inputs"]["reference"] = None

HOSTILE_COMPARISON = document(
    "worse",
    family(EVIL, 0.001, change("q0", 100, 50, 0.001, "worse"), change(EVIL, 0.1, 0.2, 0.01, "worse")),
    notes=[EVIL],
    survival=[{**SURVIVAL[0], "band": EVIL}],
    examples={"lost": [{"text": EVIL, "documents": 3}], "invented": [{"text": EVIL, "documents": 3}]},
    topics=[{"name": EVIL, "is_rare": True, "first": interval(0.1, 0.1), "second": interval(0.2, 0.1)}],
)
