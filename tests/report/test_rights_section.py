"""Rights and depth on the page: what is known is told, what is not is left out."""

import copy

from samples import RICH

from wellkeeper.report import render_html
from wellkeeper.report.sections.rights import rights_section, rights_sections

RIGHTS = {
    "licence": [{"expression": "MIT OR Apache-2.0", "documents": 6}, {"expression": "House licence", "documents": 2}],
    "unknown_licence": 2,
    "recognised": 6,
    "consent": {"unknown": 5, "granted": 2, "opt-out-signal": 3, "revoked": 0},
    "signals": [{"kind": "robots", "denies": 3, "allows": 0}, {"kind": "content-usage", "denies": 0, "allows": 2}],
    "conflicts": {
        "documents": 1,
        "examples": [
            {"id": "<b>d1</b>", "consent": "opt-out-signal", "denied_by": ["robots"], "allowed_by": ["content-usage"],
             "said": ["robots: GPTBot: Disallow: /", "content-usage: Content-Usage: train-ai=y"]}
        ],
    },
}  # fmt: skip
LINEAGE = {
    "depths": [{"depth": 0, "before": 7, "after": 5}, {"depth": 2, "before": 2, "after": 1}],
    "unknown": {"before": 1, "after": 0},
    "parents": {"named": 4, "children": 2, "here": 3, "earlier": 0, "missing": 1, "circular": 0},
}


def words(blocks):
    return " ".join(map(repr, blocks))


def test_an_audit_shows_licences_consent_signals_and_what_contradicts_itself():
    told = words(rights_section({"rights": RIGHTS, "inputs": {"documents": 10}}))
    for expected in (
        "MIT OR Apache-2.0",
        "opt-out-signal",
        "content-usage",
        "GPTBot: Disallow: /",
        "no licence known",
    ):
        assert expected in told
    assert "revoked" not in told


def test_without_any_consent_or_signal_only_licences_are_shown():
    silent = {
        **RIGHTS,
        "consent": {"unknown": 10},
        "signals": [],
        "conflicts": {"documents": 0, "examples": []},
    }
    told = words(rights_section({"rights": silent, "inputs": {"documents": 10}}))
    assert "MIT OR Apache-2.0" in told
    assert "consent to training" not in told
    assert rights_section({}) != []


def test_a_curation_shows_rights_before_and_after_and_documents_by_depth():
    after = {
        **RIGHTS,
        "licence": RIGHTS["licence"][:1],
        "unknown_licence": 0,
        "consent": {"unknown": 4, "granted": 2},
    }
    sections = rights_sections({"rights": {"before": RIGHTS, "after": after}, "lineage": LINEAGE})
    assert [section.title for section in sections] == ["Rights before and after", "Generation depth"]
    told = words(sections[1].blocks)
    assert "['2', '2', '1']" in told
    assert "1 nowhere" in told


def test_where_nothing_is_known_of_depth_nothing_is_shown():
    alone = {**LINEAGE, "depths": LINEAGE["depths"][:1], "parents": {"named": 0}}
    assert rights_sections({"lineage": alone}) == []
    assert rights_sections({}) == rights_sections({"rights": None, "lineage": 3}) == []


def test_nothing_that_a_site_wrote_becomes_markup():
    audit = copy.deepcopy(RICH)
    audit["rights"] = RIGHTS
    page = render_html(audit, title="x")
    assert "&lt;b&gt;d1&lt;/b&gt;" in page
    assert "<b>d1</b>" not in page
