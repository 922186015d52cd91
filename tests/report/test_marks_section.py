"""The marks of a corpus on the page: what was found, by verdict and month, and nothing where nothing was."""

from wellkeeper.report.blocks import Bars, Prose, Table
from wellkeeper.report.marks import lines_of
from wellkeeper.report.sections.marks import marks_sections

MARKS = {
    "documents": 3,
    "unread_credentials": 0,
    "credentials": {
        "documents": 2,
        "by_verdict": [
            {"validity": "valid", "trust": "untrusted", "origin": "ai-generated", "documents": 1},
            {"validity": "invalid", "trust": "unknown", "origin": "unknown", "documents": 1},
        ],
        "by_source_type": [],
        "by_generator": [{"generator": "<b>painter</b>\n1.5", "documents": 2}],
        "by_signer": [],
        "by_problem": [{"problem": "assertion.dataHash.mismatch", "documents": 1}],
    },
    "signals": [{"kind": "robots-meta", "where": "html-meta", "documents": 1}],
    "by_month": [
        {"month": "2025-01", "documents": 8, "credential": 2, "disclosure": 0, "rights": 1},
        {"month": "undated", "documents": 2, "credential": 0, "disclosure": 0, "rights": 0},
    ],
    "examples": [],
}


def test_a_corpus_without_marks_has_no_such_section() -> None:
    assert marks_sections({"marks": None}) == []
    assert marks_sections({}) == []


def test_marks_are_told_by_verdict_and_as_shares_of_each_month() -> None:
    (section,) = marks_sections({"marks": MARKS, "inputs": {"documents": 10}})
    tables = {block.caption: block.rows for block in section.blocks if isinstance(block, Table)}
    assert tables["Credentials by verdict"] == [
        ["valid", "untrusted", "ai-generated", "1"],
        ["invalid", "unknown", "unknown", "1"],
    ]
    assert tables["Marks by month of capture"] == [["2025-01", "8", "2 (25.0%)", "0", "1 (12.5%)"]]
    (bars,) = (block for block in section.blocks if isinstance(block, Bars))
    assert (bars.rows[0].label, bars.rows[0].share) == ("robots-meta", 0.1)
    said = " ".join(block.text for block in section.blocks if isinstance(block, Prose))
    assert "A document without one says nothing of who made it." in said


def test_what_strangers_wrote_stays_on_one_line_of_the_terminal() -> None:
    lines = lines_of({"texts": {"documents": 10, "marks": MARKS}, "trust": "x.pem"})
    assert all("\n" not in line for line in lines)
    assert "           2  <b>painter</b> 1.5" in lines
    assert "           1  valid, untrusted signer, says ai-generated" in lines


def test_the_terminal_says_what_to_install_where_credentials_could_not_be_read() -> None:
    media = {"files": 3, "unread_credentials": 2, "credentials": {"documents": 0}, "found": []}
    lines = lines_of({"media": media})
    assert (
        "2 media files carry credentials that need this to be read: pip install 'wellkeeper[c2pa]'" in lines
    )
