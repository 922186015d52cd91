"""Lines for logs, colour for people, and no byte of a document that acts on a terminal."""

import io
import re

import pytest
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from samples import CURATION, EMPTY, HOSTILE, HOSTILE_CURATION, RICH

from wellkeeper.report import audit_lines, curation_lines, print_audit, print_curation

PATHS = {"report": "out/report.html", "json": "out/report.json"}


def terminal(width: int = 100, *, colour: str | None = None, encoding: str = "utf-8") -> Console:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(
        file=stream, force_terminal=True, width=width, color_system=colour, legacy_windows=False, _environ={}
    )


def printed(console: Console) -> str:
    console.file.flush()
    return console.file.buffer.getvalue().decode(console.encoding)


@pytest.mark.parametrize(("name", "audit"), [("rich", RICH), ("empty", EMPTY)])
def test_the_lines_of_an_audit_are_as_they_were_looked_at(name, audit):
    assert_golden(f"{name}.lines.txt", "\n".join(audit_lines(audit)) + "\n")


@pytest.mark.parametrize(("name", "audit"), [("rich", RICH), ("empty", EMPTY)])
def test_the_terminal_of_an_audit_is_as_it_was_looked_at(name, audit):
    console = terminal()
    print_audit(audit, console, PATHS)
    assert_golden(f"{name}.terminal.txt", printed(console))


def test_the_terminal_of_a_curation_is_as_it_was_looked_at():
    console = terminal()
    print_curation(CURATION, console, PATHS)
    assert_golden("curation.terminal.txt", printed(console))
    assert_golden("curation.lines.txt", "\n".join(curation_lines(CURATION)) + "\n")


def test_the_first_line_is_the_verdict_and_every_finding_ends_with_its_next_step():
    lines = audit_lines(RICH)
    assert lines[0] == "Not ready to train on: 1 error and 2 warnings in 48,210 documents."
    assert [line.split(":")[0] for line in lines if ". Next: " in line] == [
        "error WK101",
        "warning WK201",
        "warning WK301",
        "info WK501",
    ]


@pytest.mark.parametrize(
    ("findings", "verdict", "says"),
    [
        ([], "clean", "Clean as far as it was measured: 1 document, and nothing that needs a decision."),
        (
            ["info"],
            "clean",
            "Clean as far as it was measured: 1 document, and nothing that needs a decision.",
        ),
        (["info"], "findings", "Nothing that must be settled first: 1 note on 1 document."),
        (["warning"], "findings", "1 warning to settle before training on 1 document."),
        (["error"], "findings", "Not ready to train on: 1 error in 1 document."),
        (
            ["error", "warning", "warning"],
            "findings",
            "Not ready to train on: 1 error and 2 warnings in 1 document.",
        ),
        (["loud"], "findings", "Nothing that must be settled first: 1 note on 1 document."),
        ([], "", "1 document read; the audit gives no verdict."),
    ],
)
def test_the_verdict_is_one_sentence(findings, verdict, says):
    audit = {
        "inputs": {"documents": 1},
        "findings": [{"severity": severity} for severity in findings],
        "verdict": verdict,
    }
    assert audit_lines(audit)[0] == says


@pytest.mark.parametrize("document", [{}, EMPTY, RICH, HOSTILE])
def test_each_line_is_one_line(document):
    assert all(len(line.splitlines()) == 1 for line in audit_lines(document))


def test_a_pipe_gets_plain_unwrapped_lines():
    stream = io.StringIO()
    print_audit(RICH, Console(file=stream, width=20, _environ={}), PATHS)
    lines = stream.getvalue().splitlines()
    assert lines == [*audit_lines(RICH), "report: out/report.html", "json: out/report.json"]
    stream = io.StringIO()
    print_curation(CURATION, Console(file=stream, width=20, _environ={}), {})
    assert stream.getvalue().splitlines() == curation_lines(CURATION)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            {
                "action": "report",
                "documents": 1280,
                "would_remove": 40,
                "within_guard": 30,
                "without_vector": 2,
            },
            "40 of 1,280 documents, none removed; the tail can spare 30 of them; 2 without a vector not compared",
        ),
        (
            {"action": "drop", "documents": 280, "would_remove": 40, "within_guard": 40, "removed": 40},
            "40 of 280 documents, 40 removed",
        ),
        ({"action": "drop", "documents": 1, "would_remove": 0}, "none of 1 document"),
    ],
)
def test_a_curation_tells_what_says_the_same_in_other_words(found, says):
    curation = {**CURATION, "semantic": found}
    assert f"The same in other words: {says}" in curation_lines(curation)
    console = terminal(140)
    print_curation(curation, console, {})
    assert f"  The same in other words: {says}\n" in printed(console)
    assert not any("other words" in line for line in curation_lines(CURATION))


@pytest.mark.parametrize("colour", [None, "truecolor"])
def test_hostile_text_cannot_steer_a_terminal(colour):
    console = terminal(colour=colour)
    print_audit(HOSTILE, console, {"\x1b[2J": "\u202e"})
    print_curation(HOSTILE_CURATION, console, {})
    shown = printed(console)
    own_colours = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b" not in own_colours
    assert "\u202e" not in shown
    assert "\u200b" not in shown
    assert "[U+001B][31m" in own_colours
    assert "[red]markup[/red]" in own_colours
    assert ("\x1b[1m" in shown) == (colour is not None)


def test_a_terminal_without_unicode_gets_a_bar_of_signs_it_has():
    console = terminal(encoding="ascii")
    print_audit(RICH, console, PATHS)
    assert "########" in printed(console)


@given(st.dictionaries(st.sampled_from(["human", "ai-generated", "unknown", "x"]), st.integers(0, 10**9)))
def test_the_bar_of_origins_is_always_full(declared):
    console = terminal(60)
    print_audit({"inputs": {"documents": 1}, "origin": {"declared": declared}}, console, {})
    full = [line for line in printed(console).splitlines() if "\u2588" * 4 in line]
    assert [line.count("\u2588") for line in full] == ([40] if any(declared.values()) else [])


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_every_width_shows_all_findings(width):
    console = terminal(width)
    print_audit(RICH, console, PATHS)
    assert all(code in printed(console) for code in ("WK101", "WK201", "WK301", "WK501"))


def test_a_curation_says_why_its_tail_was_not_measured_and_which_rare_topics_the_data_lack():
    said = {
        reason: curation_lines(document)
        for reason, document in {
            "a dry run leaves it out": {"dry_run": True, "tail_cost": []},
            "too few documents to compare": {"dry_run": False, "tail_cost": []},
            "needs a human reference": {"dry_run": False, "tail_cost": None},
        }.items()
    }
    for reason, lines in said.items():
        assert f"Rare words kept: not measured ({reason})" in lines
    lacking = {"mix": {"facts": {"tail": {"topics": 20, "held": 18, "kept": 18}}}}
    assert "Rare topics of the reference: 20, of which the data hold 18" in curation_lines(lacking)


def test_a_guard_that_had_nothing_to_do_says_so_and_two_constraints_are_both():
    guarded = {"guard": {"tail": 0.95, "action": "refuse", "restored": 0, "relaxed": []}}
    assert "The guard of the tail, 95.0%, let every step pass" in curation_lines(guarded)
    two = {
        "read": 4,
        "kept": 2,
        "mix": {"constraints": [{"name": "size", "holds": True}, {"name": "x", "holds": True}]},
    }
    assert curation_lines(two)[0] == "Kept 2 of 4 documents (50.0%); both constraints hold."
