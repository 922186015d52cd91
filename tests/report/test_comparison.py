"""What a comparison says to people: first the verdict, then by what, then what to do."""

import copy

import pytest
from comparison_samples import FINE, HOSTILE_COMPARISON, RICHER, UNDECIDED, WORSE, change
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from test_page import spoiled
from test_terminal import printed, terminal

from wellkeeper.report.compare import comparison_lines, print_comparison, render_comparison

PATHS = {"report": "out/report.html", "json": "out/report.json"}


@pytest.mark.parametrize(("name", "document"), [("worse", WORSE), ("undecided", UNDECIDED)])
def test_the_lines_and_the_terminal_of_a_comparison_are_as_they_were_looked_at(name, document):
    assert_golden(f"comparison-{name}.lines.txt", "\n".join(comparison_lines(document)) + "\n")
    console = terminal()
    print_comparison(document, console, PATHS)
    assert_golden(f"comparison-{name}.terminal.txt", printed(console))


def test_the_page_of_a_comparison_is_as_it_was_looked_at():
    assert_golden("comparison.html", render_comparison(WORSE))


def test_the_first_line_is_the_verdict():
    assert [comparison_lines(document)[0] for document in (WORSE, UNDECIDED, FINE, RICHER)] == [
        "B is worse than A: rare words are missing, more human words are lost, fewer distinct words and 2 more figures.",
        "Not enough data to tell whether B is worse than A.",
        "B is not worse than A by more than 5%.",
        "B is worse than A: more distinct words.",
    ]


def test_where_data_are_not_enough_the_last_line_says_how_many_documents_would_decide():
    assert comparison_lines(UNDECIDED)[-1].startswith(
        "Next: About 900 documents of A and 940 documents of B would decide"
    )


def test_a_richer_corpus_without_a_reference_is_told_to_get_one():
    assert comparison_lines(RICHER)[-1].endswith(
        "compare again with --reference and human text of the same kind."
    )


def test_a_verdict_that_nothing_follows_from_has_no_next_step():
    assert not any(line.startswith("Next") for line in comparison_lines(FINE))


def test_hostile_text_neither_breaks_lines_nor_reaches_the_terminal():
    lines = comparison_lines(HOSTILE_COMPARISON)
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert "<script" not in render_comparison(HOSTILE_COMPARISON)


@given(st.data())
def test_no_document_however_broken_breaks_the_page_or_the_lines(data):
    document = spoiled(WORSE, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert "</html>" in render_comparison(document)
    assert comparison_lines(document)


def test_a_corpus_that_is_richer_in_one_figure_and_poorer_in_others_is_told_to_look_at_what_is_missing():
    mixed = copy.deepcopy(RICHER)
    mixed["families"][0]["changes"].append(change("q1", 2_348, 1_348, 0.001, "worse"))
    assert comparison_lines(mixed)[-1].startswith(
        "Next: Look at what is missing before B takes the place of A"
    )


def test_a_figure_may_break_before_its_interval_and_nowhere_else():
    page = render_comparison(WORSE)
    assert '<span class="two"><span class="num">' in page
    assert ".r .two { white-space: normal; }" in page
