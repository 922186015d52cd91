"""Documents to draw: one rich and true to life, one that holds next to nothing, one written by an enemy."""

import math
from typing import Any


def interval(estimate: float | None, low: float, high: float) -> dict[str, float | None]:
    return {"estimate": estimate, "low": low, "high": high}


def _curve(scale: float, power: float, words_each: int, documents: int) -> list[dict[str, int]]:
    """Heaps' law: types = scale * words ** power."""
    steps = [round(documents * step / 24) for step in range(25)]
    return [
        {"documents": n, "words": n * words_each, "types": round(scale * (n * words_each) ** power)}
        for n in steps
    ]


def _bands(drop: float) -> list[dict[str, Any]]:
    rows = []
    for band, types, ceiling, loss in (
        ("1", 61_204, 0.312, 1.0),
        ("2", 18_933, 0.541, 0.92),
        ("3-5", 17_410, 0.774, 0.7),
        ("6-20", 14_022, 0.951, 0.34),
        (">20", 9_377, 0.999, 0.05),
    ):
        half = 0.9 / math.sqrt(types)
        cover = ceiling * (1 - drop * loss)
        rows.append(
            {
                "band": band,
                "types": types,
                "coverage": interval(cover, cover - 1.6 * half, min(1.0, cover + 1.6 * half)),
                "ceiling": interval(ceiling, ceiling - half, min(1.0, ceiling + half)),
                "gap": interval(cover - ceiling, cover - ceiling - 2 * half, cover - ceiling + 2 * half),
            }
        )
    return rows


def _diversity(drop: float) -> dict[str, Any]:
    return {
        "documents": 251,
        "words": 100_212,
        "sample_coverage": interval(0.912 + drop / 10, 0.907 + drop / 10, 0.917 + drop / 10),
        "level": 0.85,
        "hill_at_level": {
            "q0": interval(9_812 - 9_000 * drop, 9_590 - 9_000 * drop, 10_040 - 9_000 * drop),
            "q1": interval(3_120.4, 3_041.0, 3_201.9),
            "q2": interval(611.7, 590.2, 633.8),
        },
        "entropy": interval(8.911, 8.874, 8.948),
        "zipf": interval(0.962 + drop / 3, 0.951 + drop / 3, 0.973 + drop / 3),
        "heaps": interval(0.548 - drop / 4, 0.541 - drop / 4, 0.555 - drop / 4),
        "distinct_2": interval(0.612 - drop / 2, 0.603 - drop / 2, 0.621 - drop / 2),
        "distinct_3": interval(0.893 - drop / 2, 0.886 - drop / 2, 0.899 - drop / 2),
        "self_repetition": interval(0.071 + drop / 2, 0.064 + drop / 2, 0.079 + drop / 2),
    }


def _tails(drop: float, types: float) -> dict[str, Any]:
    return {
        "unit": "documents",
        "rarefied_to": 6000,
        "words": 2_412_000,
        "documents": 6000,
        "hill": {
            "q0": interval(types, types - 1410, types + 1388),
            "q1": interval(1904.2, 1866.0, 1941.7),
            "q2": interval(212.4, 208.8, 216.1),
        },
        "missing_mass": interval(0.0151 - drop / 50, 0.0144 - drop / 50, 0.0158 - drop / 50),
        "curve": _curve(38.2 - 30 * drop, 0.531, 402, 6000),
        "trigrams": {
            "rarefied_to": 6000,
            "words": 2_412_000,
            "documents": 6000,
            "hill": {
                "q0": interval(1_512_330, 1_500_100, 1_524_004),
                "q1": interval(901_223, 893_000, 909_800),
                "q2": interval(71_002, 68_950, 73_120),
            },
            "missing_mass": interval(0.561, 0.557, 0.566),
        },
        "reference": {
            "coverage": interval(0.548 - drop / 2, 0.541 - drop / 2, 0.556 - drop / 2),
            "ceiling": interval(0.553, 0.548, 0.558),
            "lost_mass": interval(0.0312 + drop / 10, 0.0301 + drop / 10, 0.0324 + drop / 10),
            "lost_mass_ceiling": interval(0.0287, 0.0280, 0.0295),
            "invented_mass": interval(0.0198 + drop / 20, 0.0188 + drop / 20, 0.0207 + drop / 20),
            "invented_mass_ceiling": interval(0.0287, 0.0280, 0.0295),
            "bands": _bands(drop),
            "curve": _curve(38.9, 0.533, 402, 6000),
        },
        "diversity": {**_diversity(drop), "reference": _diversity(0.0)},
    }


def _months() -> list[dict[str, Any]]:
    rows = []
    for number in range(2020 * 12 + 2, 2026 * 12 + 7):
        year, month = divmod(number, 12)
        since = max(0, number - (2022 * 12 + 11))
        share = 0.004 + 0.34 * (1 - math.exp(-since / 18)) if since else 0.004
        documents = round(310 + 5.5 * (number - 2020 * 12) + 140 * math.sin(number / 3.1))
        half = 1.1 / math.sqrt(documents) if since else 0.006
        rows.append(
            {
                "month": f"{year}-{month + 1:02d}",
                "documents": documents,
                **interval(round(share, 4), round(max(0.0, share - half), 4), round(share + half, 4)),
            }
        )
    return rows


RECIPE = """\
wellkeeper: 1
sources:
  archive: {path: data/archive/*.parquet, text: body, date: published, licence: CC-BY-4.0, origin: human, trust: reference}
  forum:   {path: data/forum/*.jsonl.zst, text: body, source: board, date: created_at, licence: unknown}
reference: archive
steps:
  - quality.v1: {rules: [gopher, c4]}
  - artefacts.v1: {}
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.8, keep: [human, earliest, licensed, longest]}
mix:
  synthetic_share: {max: 0.10}
  caps: {source: 0.40}
"""

_POST = (
    "The ferry left Oban a little after six, and by the time we had passed Lismore the wind had got up enough "
    "that most of the passengers went below. I stayed on deck with a flask of tea, because I had waited eleven "
    "years for that crossing and was not going to spend it looking at a vending machine."
)

RICH: dict[str, Any] = {
    "schema": "wellkeeper.audit/1",
    "version": "0.1.0",
    "inputs": {
        "documents": 48_210,
        "bytes": 118_402_113,
        "words": 19_380_450,
        "quarantined": 37,
        "files": 64,
        "columns": [
            "Text is read from the column 'body', the longest text column of all files.",
            "Dates are read from 'created_at'; 1 204 of 48 210 documents have none.",
        ],
        "quarantine_by_code": [
            {
                "code": "utf8",
                "records": 21,
                "example": {
                    "file": "forum/2023-07.jsonl.zst",
                    "line": 40_122,
                    "offset": 9_114_207,
                    "reason": "byte 0xE9 is not valid UTF-8",
                },
            },
            {
                "code": "text-empty",
                "records": 14,
                "example": {
                    "file": "web/part-0003.parquet",
                    "line": 118,
                    "offset": -1,
                    "reason": "the text is empty",
                },
            },
            {
                "code": "truncated",
                "records": 2,
                "example": {
                    "file": "blogs/b.jsonl.gz",
                    "line": 0,
                    "offset": 88_120_332,
                    "reason": "the gzip stream ends before its trailer",
                },
            },
        ],
        "sources": [
            {
                "name": "forum",
                "documents": 24_611,
                "bytes": 51_870_220,
                "words": 8_610_004,
                "origin": "unknown",
                "first": "2020-03-01",
                "last": "2026-07-29",
                "licence": "unknown",
            },
            {
                "name": "archive",
                "documents": 12_004,
                "bytes": 39_112_008,
                "words": 6_370_911,
                "origin": "human",
                "first": "2004-01-14",
                "last": "2022-08-30",
                "licence": "CC-BY-4.0",
            },
            {
                "name": "web",
                "documents": 7_120,
                "bytes": 18_640_881,
                "words": 3_010_422,
                "origin": "unknown",
                "first": "2021-11-02",
                "last": "2026-05-19",
                "licence": "unknown",
            },
            {
                "name": "made",
                "documents": 3_271,
                "bytes": 6_530_991,
                "words": 1_080_211,
                "origin": "ai-generated",
                "first": "2026-02-01",
                "last": "2026-02-01",
                "licence": "Apache-2.0",
            },
            {
                "name": "blogs",
                "documents": 1_204,
                "bytes": 2_248_013,
                "words": 308_902,
                "origin": "human",
                "first": "",
                "last": "",
                "licence": "CC-BY-SA-4.0",
            },
        ],
    },
    "origin": {
        "declared": {
            "human": 13_208,
            "ai-assisted": 412,
            "ai-generated": 3_271,
            "machine-translated": 240,
            "programmatic": 61,
            "unknown": 31_018,
        },
        "share": {
            **interval(0.184, 0.151, 0.223),
            "level": 0.95,
            "method": "PACC on anchored detector scores, set-valued bootstrap",
            "anchored": True,
            "note": "Anchors: 400 human and 400 AI-made documents of the same sources. Text of base models is not covered.",
        },
        "by_source": [
            {"source": "forum", "documents": 24_611, **interval(0.172, 0.131, 0.219)},
            {"source": "archive", "documents": 12_004, **interval(0.004, 0.0, 0.011)},
            {"source": "web", "documents": 7_120, **interval(0.391, 0.322, 0.455)},
            {"source": "made", "documents": 3_271, **interval(0.987, 0.961, 1.0)},
            {"source": "blogs", "documents": 1_204, **interval(None, 0.0, 0.34)},
        ],
        "by_month": _months(),
        "evidence": [
            {"kind": "declared-human", "strength": "declared", "documents": 13_208},
            {"kind": "captured-before-2022-11-30", "strength": "contextual", "documents": 18_811},
            {"kind": "declared-ai", "strength": "declared", "documents": 3_271},
            {"kind": "citation-marker", "strength": "artefact", "documents": 118},
            {"kind": "assistant-voice", "strength": "artefact", "documents": 86},
            {"kind": "invisible-run", "strength": "artefact", "documents": 31},
        ],
        "dates": {"before": 18_811, "after": 28_195, "undated": 1_204, "line": "2022-11-30"},
        "conflicts": 14,
        "examples": [
            {
                "kind": "citation-marker",
                "title": "citation marker of a chat assistant",
                "strength": "artefact",
                "id": "9f2c1e77a0",
                "source": "web",
                "before": "The bridge was closed to heavy traffic in March 2024, and the council expects repairs to take two years ",
                "match": ":contentReference[oaicite:3]{index=3}",
                "after": ". Local businesses have asked for a temporary crossing.",
            },
            {
                "kind": "assistant-voice",
                "title": "an assistant speaking of itself, unquoted",
                "strength": "artefact",
                "id": "71d0b3aa19",
                "source": "forum",
                "before": "I understand how frustrating that must be. ",
                "match": "As an AI language model, I cannot",
                "after": " open the attached log, but here are the usual causes of a failed handshake:",
            },
            {
                "kind": "invisible-run",
                "title": "run of invisible characters",
                "strength": "artefact",
                "id": "c04471be52",
                "source": "web",
                "before": "Our summer sale ",
                "match": "\u200b\u200c\u200b\u200b\u200b\u200b\u200b\u2060",
                "after": "starts on Friday.",
            },
        ],
    },
    "duplicates": {
        "exact": {"groups": 1_022, "redundant": 1_806},
        "near": {
            "similarity": 0.8,
            "clusters": 811,
            "redundant": 2_940,
            "largest": 214,
            "candidates": 19_330,
            "verified": 5_102,
        },
        "by_source": [
            {"source": "forum", "documents": 24_611, "exact": 602, "near": 1_110, "share": 1712 / 24_611},
            {"source": "archive", "documents": 12_004, "exact": 41, "near": 66, "share": 107 / 12_004},
            {"source": "web", "documents": 7_120, "exact": 1_101, "near": 1_240, "share": 2341 / 7_120},
            {"source": "made", "documents": 3_271, "exact": 62, "near": 524, "share": 586 / 3_271},
            {"source": "blogs", "documents": 1_204, "exact": 0, "near": 0, "share": 0.0},
        ],
        "sizes": [
            {"size": 2, "clusters": 1_302},
            {"size": 3, "clusters": 301},
            {"size": 4, "clusters": 112},
            {"size": 11, "clusters": 9},
            {"size": 214, "clusters": 1},
        ],
        "examples": [
            {
                "kind": "near",
                "size": 4,
                "survivor": {"id": "31aa90c2ff", "source": "archive", "origin": "human", "excerpt": _POST},
                "removed": [
                    {
                        "id": "bb71002e10",
                        "source": "web",
                        "origin": "unknown",
                        "similarity": 0.87,
                        "excerpt": _POST.replace("a little after six", "shortly after 6 pm").replace(
                            "with a flask of tea, ", ""
                        ),
                    },
                    {
                        "id": "e2f0aa8841",
                        "source": "forum",
                        "origin": "unknown",
                        "similarity": 0.94,
                        "excerpt": "Quote: " + _POST,
                    },
                ],
            },
            {
                "kind": "exact",
                "size": 214,
                "survivor": {
                    "id": "0c1177dd02",
                    "source": "web",
                    "origin": "unknown",
                    "excerpt": "This site uses cookies to improve your experience. By continuing to browse you agree to our use of cookies.",
                },
                "removed": [
                    {
                        "id": "1d22",
                        "source": "web",
                        "origin": "unknown",
                        "similarity": 1.0,
                        "excerpt": "This site uses cookies to improve your experience. By continuing to browse you agree to our use of cookies.",
                    },
                ],
            },
        ],
    },
    "tails": _tails(0.22, 70_311.0),
    "tails_note": "Words are counted per document block; the reference is 'archive', captured before 2022-11-30.",
    "quality": [
        {
            "rule": "gopher: fewer than 50 words",
            "documents": 2_210,
            "share": 2210 / 48_210,
            "threshold": "words < 50",
            "source": "Rae et al. 2021, arXiv:2112.11446, A1.1",
            "example": {"id": "44aa01", "excerpt": "Thanks!! that fixed it for me too"},
        },
        {
            "rule": "gopher: too many repeated lines",
            "documents": 901,
            "share": 901 / 48_210,
            "threshold": "duplicate lines > 0.30",
            "source": "Rae et al. 2021, arXiv:2112.11446, Table A1",
            "example": {
                "id": "9e10bd",
                "excerpt": "Reply | Share | Report\nReply | Share | Report\nReply | Share | Report",
            },
        },
        {
            "rule": "c4: lorem ipsum",
            "documents": 12,
            "share": 12 / 48_210,
            "threshold": "contains 'lorem ipsum'",
            "source": "Raffel et al. 2020, JMLR 21(140), 2.2",
            "example": {
                "id": "7712ff",
                "excerpt": "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
            },
        },
        {
            "rule": "c4: curly bracket",
            "documents": 0,
            "share": 0.0,
            "threshold": "contains '{'",
            "source": "Raffel et al. 2020, JMLR 21(140), 2.2",
        },
    ],
    "quality_any": 2_988,
    "rights": {
        "licence": [
            {"expression": "CC-BY-4.0", "documents": 12_004},
            {"expression": "Apache-2.0", "documents": 3_271},
            {"expression": "CC-BY-SA-4.0", "documents": 1_204},
        ],
        "unknown_licence": 31_731,
        "recognised": 16_479,
    },
    "findings": [
        {
            "code": "WK501",
            "severity": "info",
            "title": "37 records are in quarantine",
            "detail": "21 are not valid UTF-8, 14 hold no text, 2 files end early.",
            "next": "Read quarantine.jsonl beside this report and repair the files it names.",
        },
        {
            "code": "WK201",
            "severity": "warning",
            "title": "The tail of the human vocabulary is thin",
            "detail": "Of the words that people use once, this corpus has 24.3% (23.7-24.9%); one half of the reference has 31.2% of the other. A model trained on it sees fewer rare words than people write.",
            "next": "Add human text of other subjects, or lower the share of 'made' and 'web', then audit again.",
        },
        {
            "code": "WK101",
            "severity": "error",
            "title": "Two fifths of 'web' is AI-made and not declared",
            "detail": "The share of AI-made text in 'web' is 39.1% (32.2-45.5%), and none of its 7,120 documents says so. Trained on as human text, it feeds a model its own kind.",
            "next": "Declare the origin of 'web' or leave it out: see sources in the proposed recipe.",
        },
        {
            "code": "WK301",
            "severity": "warning",
            "title": "One text in ten is redundant",
            "detail": "1,806 documents repeat another exactly and 2,940 nearly. Repeats weigh some texts many times and inflate every figure of this corpus.",
            "next": "Keep exact-duplicates.v1 and near-duplicates.v1 in the recipe.",
        },
    ],
    "verdict": "findings",
    "proposed_recipe": RECIPE,
    "run": {
        "version": "0.1.0",
        "seed": 0,
        "seconds": 74.31,
        "cpu_seconds": 241.9,
        "workers": 4,
        "started": "2026-11-20T09:14:03Z",
        "command": "wellkeeper audit data/ --reference data/archive --anchors anchors.json",
    },
}

CURATION: dict[str, Any] = {
    "schema": "wellkeeper.curate/1",
    "recipe": "finetune",
    "read": 48_247,
    "kept": 31_204,
    "dropped": 16_182,
    "review": 824,
    "quarantined": 37,
    "documents": 48_210,
    "steps": [
        {
            "step": "quality.v1",
            "title": "Quality rules",
            "before": 48_210,
            "dropped": 2_988,
            "review": 0,
            "reasons": [
                {"reason": "fewer than 50 words", "documents": 2_210},
                {"reason": "repeated lines", "documents": 778},
            ],
        },
        {
            "step": "artefacts.v1",
            "title": "Chat artefacts",
            "before": 45_222,
            "dropped": 204,
            "review": 31,
            "reasons": [
                {"reason": "citation marker", "documents": 118},
                {"reason": "assistant voice", "documents": 86},
            ],
        },
        {
            "step": "exact-duplicates.v1",
            "title": "Exact duplicates",
            "before": 44_987,
            "dropped": 1_702,
            "review": 0,
            "reasons": [{"reason": "same text as its survivor", "documents": 1_702}],
        },
        {
            "step": "near-duplicates.v1",
            "title": "Near duplicates",
            "before": 43_285,
            "dropped": 2_811,
            "review": 0,
            "reasons": [{"reason": "similarity 0.8 or more to its survivor", "documents": 2_811}],
        },
        {
            "step": "origin.v1",
            "title": "Origin",
            "before": 40_474,
            "dropped": 2_340,
            "review": 793,
            "reasons": [
                {"reason": "AI probability above 0.99", "documents": 2_340},
                {"reason": "AI probability 0.8 to 0.99", "documents": 793},
            ],
        },
    ],
    "mix": {
        "before": 37_341,
        "after": 31_204,
        "constraints": [
            {"name": "synthetic share", "limit": 0.1, "before": 0.142, "after": 0.098, "holds": True},
            {"name": "human floor", "limit": 0.6, "before": 0.312, "after": 0.384, "holds": False},
            {"name": "source forum", "limit": 0.4, "before": 0.51, "after": 0.4, "holds": True},
        ],
    },
    "origin": {
        "before": {
            "human": 13_208,
            "ai-assisted": 412,
            "ai-generated": 3_271,
            "machine-translated": 240,
            "programmatic": 61,
            "unknown": 31_018,
        },
        "after": {
            "human": 11_982,
            "ai-assisted": 310,
            "ai-generated": 2_801,
            "machine-translated": 190,
            "programmatic": 55,
            "unknown": 15_866,
        },
    },
    "sources": [
        {"source": "forum", "before": 24_611, "after": 12_481},
        {"source": "archive", "before": 12_004, "after": 11_702},
        {"source": "web", "before": 7_120, "after": 3_102},
        {"source": "made", "before": 3_271, "after": 2_801},
        {"source": "blogs", "before": 1_204, "after": 1_118},
    ],
    "months": [
        {
            "month": row["month"],
            "before": row["documents"],
            "after": round(row["documents"] * (0.62 + 0.1 * math.sin(number))),
        }
        for number, row in enumerate(_months())
    ],
    "tails": {"before": _tails(0.22, 70_311.0), "after": _tails(0.12, 74_902.0)},
    "paths": {"data": "out/data", "ledger": "out/ledger/documents", "manifest": "out/manifest.json"},
}

EMPTY: dict[str, Any] = {
    "schema": "wellkeeper.audit/1",
    "version": "0.1.0",
    "inputs": {"documents": 3, "bytes": 412, "words": 70, "quarantined": 0, "sources": []},
    "origin": {
        "declared": {
            "human": 0,
            "ai-assisted": 0,
            "ai-generated": 0,
            "machine-translated": 0,
            "programmatic": 0,
            "unknown": 3,
        },
        "share": {
            **interval(None, 0.0, 1.0),
            "level": 0.95,
            "method": "none",
            "anchored": False,
            "note": "Give anchors of 200 human documents to narrow this.",
        },
        "by_source": [],
        "by_month": [{"month": "2024-02", "documents": 3, **interval(None, 0.0, 1.0)}],
        "evidence": [],
    },
    "duplicates": {
        "exact": {"groups": 0, "redundant": 0},
        "near": {"similarity": 0.8, "clusters": 0, "redundant": 0, "largest": 0},
    },
    "tails": None,
    "tails_note": "3 documents are too few; 200 are needed.",
    "quality": [],
    "rights": {"licence": [], "unknown_licence": 3},
    "findings": [],
    "verdict": "clean",
}

EVIL = "<script>alert(1)</script>\" onload='x' </style>{{ 7*7 }} &amp; \u202eevil\u202c \u200b\u200b\u200b\u200b\u200b \x1b[31m\x00\ud800 [red]markup[/red]"
ARABIC = "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"


def hostile(template: Any) -> Any:
    """The same document with every string, month and label replaced by an attack; numbers stay."""
    if isinstance(template, str):
        return EVIL + ARABIC
    if isinstance(template, dict):
        return {key: hostile(value) for key, value in template.items()}
    if isinstance(template, list):
        return [hostile(value) for value in template]
    return template


HOSTILE: dict[str, Any] = hostile(RICH)
HOSTILE["origin"]["declared"] = {EVIL: 10, "human": 5}
HOSTILE_CURATION: dict[str, Any] = hostile(CURATION)
HOSTILE_CURATION["origin"] = {"before": {EVIL: 3}, "after": {EVIL: 2}}
HOSTILE_CURATION["paths"] = {EVIL: EVIL}
