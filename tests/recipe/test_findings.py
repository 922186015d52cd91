"""Findings: each has its cause, and a clean corpus has none that stops anybody."""

import copy

import pytest

from wellkeeper.core.finding import Severity
from wellkeeper.core.origin import LABELS
from wellkeeper.recipe.findings import curation_findings_of, findings_of, verdict_of

GAP = {"estimate": -0.2, "low": -0.3, "high": -0.1}
EVEN = {"estimate": 0.0, "low": -0.05, "high": 0.05}
SHARE = {"estimate": 0.4, "low": 0.3, "high": 0.5}


def measured(gap):
    return {"reference": {"gap": gap, "coverage": SHARE, "ceiling": SHARE}}


def clean():
    """A corpus of 100 documents with nothing to say about it."""
    return {
        "inputs": {
            "documents": 100,
            "quarantined": 0,
            "quarantine_by_code": [],
            "sources": [{"name": "a", "documents": 50}, {"name": "b", "documents": 50}],
        },
        "origin": {
            "declared": {label: 100 if label == "human" else 0 for label in LABELS},
            "share": {"estimate": 0.0, "low": 0.0, "high": 0.0, "note": "", "anchored": False},
            "measured": None,
            "by_source": [],
            "dates": {"before": 100, "after": 0, "undated": 0, "line": "2022-11-30"},
            "evidence": [],
            "artefact_documents": 0,
            "conflicts": 0,
        },
        "duplicates": {
            "exact": {"redundant": 0},
            "near": {"redundant": 0, "largest": 0},
            "by_source": [],
        },
        "tails": {**measured(EVEN), "trigrams": measured(EVEN)},
        "semantic": {"hints": []},
        "quality": [],
        "quality_any": 0,
        "rights": {
            "unknown_licence": 0,
            "unclear_licence": [],
            "consent": {"unknown": 100},
            "signals": [],
            "conflicts": {"documents": 0, "examples": []},
            "not_understood": {"consent": 0, "depth": 0},
        },
    }


def with_(path, value):
    document = clean()
    target = document
    *parents, last = path.split(".")
    for name in parents:
        target = target[name]
    target[last] = copy.deepcopy(value)
    return document


TRACE = [{"kind": "citation-marker", "strength": "artefact", "weight": 3.0, "documents": 2}]
QUOTED = [{"kind": "quoted-assistant-voice", "strength": "artefact", "weight": 0.0, "documents": 2}]
RULE = [{"rule": "gopher-short", "set": "gopher", "documents": 6}]
LOSS = [{"source": "a", "documents": 50, "share": 0.4}]
UNKNOWN = {"slice": "poems", "documents": 12}
WARNED = {"slice": "news", "warnings": ["Words alone tell them apart. Match lengths."]}
CAUSES = [
    (
        "WK102",
        "inputs.sources",
        [{"name": "a", "documents": 60}, {"name": "b", "documents": 40}],
        Severity.INFO,
    ),
    ("WK103", "origin.dates.undated", 60, Severity.INFO),
    ("WK201", "duplicates.exact.redundant", 1, Severity.WARNING),
    ("WK202", "duplicates.near.redundant", 1, Severity.WARNING),
    ("WK203", "duplicates.by_source", LOSS, Severity.WARNING),
    ("WK204", "duplicates.near.largest", 100, Severity.WARNING),
    ("WK205", "semantic.hints", ["All alike. Make them again."], Severity.WARNING),
    ("WK301", "origin.evidence", TRACE, Severity.WARNING),
    ("WK302", "origin.conflicts", 1, Severity.WARNING),
    (
        "WK303",
        "origin.share",
        {"estimate": None, "low": 0.1, "high": 0.9, "note": "why", "anchored": False},
        Severity.INFO,
    ),
    (
        "WK305",
        "origin.share",
        {**SHARE, "note": "why", "anchored": True, "certified": 0.02},
        Severity.WARNING,
    ),
    ("WK305", "origin.share", {**SHARE, "low": 0.02, "note": "why", "anchored": True}, Severity.INFO),
    (
        "WK306",
        "origin.measured",
        {"without_references": [UNKNOWN], "slices_without_references": 1, "anchors": []},
        Severity.INFO,
    ),
    ("WK307", "origin.measured", {"without_references": [], "anchors": [WARNED]}, Severity.WARNING),
    ("WK304", "origin.declared.ai-generated", 11, Severity.WARNING),
    ("WK401", "tails.reference.gap", GAP, Severity.WARNING),
    ("WK402", "tails.trigrams.reference.gap", GAP, Severity.WARNING),
    ("WK403", "tails.reference", None, Severity.INFO),
    ("WK501", "quality_any", 6, Severity.WARNING),
    ("WK501", "quality_any", 5, Severity.INFO),
    ("WK601", "rights.unknown_licence", 1, Severity.WARNING),
    ("WK602", "rights.consent", {"granted": 99, "opt-out-signal": 1}, Severity.WARNING),
    ("WK602", "rights.consent", {"granted": 99, "revoked": 1}, Severity.WARNING),
    ("WK603", "rights.conflicts", {"documents": 2, "examples": []}, Severity.WARNING),
    ("WK604", "rights.unclear_licence", [{"name": "cc", "documents": 3}], Severity.INFO),
    ("WK605", "rights.not_understood", {"consent": 0, "depth": 2}, Severity.WARNING),
]


def test_a_clean_corpus_has_no_finding():
    assert findings_of(clean()) == ()
    assert verdict_of(()) == "clean"


@pytest.mark.parametrize(("code", "path", "value", "severity"), CAUSES)
def test_each_finding_has_its_cause_and_a_next_step(code, path, value, severity):
    document = with_(path, value)
    if code == "WK501":
        document["quality"] = RULE
    (finding,) = findings_of(document)
    assert (finding.code, finding.severity) == (code, severity)
    for sentence in (finding.title, finding.detail, finding.next):
        assert sentence
    assert finding.next.endswith(".")
    assert verdict_of((finding,)) == ("clean" if severity is Severity.INFO else "findings")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("origin.evidence", QUOTED),  # a phrase that is talked about is no trace
        ("origin.declared.ai-generated", 10),  # a tenth is what recipes allow by default
        (
            "duplicates.by_source",
            [{"source": "a", "documents": 19, "share": 1.0}],
        ),  # too few to mean anything
        ("tails.reference.gap", None),  # no rare type to miss
        ("tails", None),
        (
            "origin.share",
            {"estimate": 0.05, "low": 0.01, "high": 0.1, "note": "", "anchored": True},
        ),
        ("origin.measured", {"without_references": [], "anchors": [{"slice": "news", "warnings": []}]}),
    ],
)
def test_what_means_nothing_is_not_reported(path, value):
    assert findings_of(with_(path, value)) == ()


def test_the_gravest_come_first():
    document = with_("origin.conflicts", 1)
    document["origin"]["dates"]["undated"] = 80
    document["rights"]["unknown_licence"] = 3
    assert [finding.code for finding in findings_of(document)] == ["WK302", "WK601", "WK103"]


def test_the_sources_that_read_most_as_ai_are_named():
    document = with_("origin.share", {**SHARE, "note": "", "anchored": True})
    rows = [("quiet", 0.0, 0.1), ("loud", 0.5, 0.7), ("mixed", 0.2, 0.4)]
    document["origin"]["by_source"] = [
        {"source": name, "low": low, "high": high, "scored": 300} for name, low, high in rows
    ]
    document["origin"]["by_source"].append({"source": "declared", "low": 1.0, "high": 1.0})  # by labels
    (finding,) = findings_of(document)
    assert finding.detail == "Highest: loud (50% to 70%), mixed (20% to 40%)."


def test_an_opt_out_names_the_signals_that_say_so():
    document = with_("rights.consent", {"granted": 90, "opt-out-signal": 10})
    document["rights"]["signals"] = [
        {"kind": "robots", "denies": 9, "allows": 0},
        {"kind": "rsl", "denies": 0, "allows": 4},
    ]
    (finding,) = findings_of(document)
    assert finding.title == "10 documents are opted out of training (10.0%)"
    assert finding.detail.startswith("Said by robots (9).")


PARENTS = {"named": 9, "circular": 0, "missing": 0}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"circular": 1}, ["WK611"]),
        ({"missing": 2}, ["WK612"]),
        ({"circular": 2, "missing": 1}, ["WK611", "WK612"]),
    ],
)
def test_a_curation_tells_of_parents_that_lead_in_a_circle_or_nowhere(change, codes):
    found = curation_findings_of({"tail_cost": None, "lineage": {"parents": {**PARENTS, **change}}})
    assert [finding.code for finding in found] == codes
    assert all(finding.next.endswith(".") for finding in found)
