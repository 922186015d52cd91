"""What a comparison of two versions says to people: first the verdict, then by what, then what to do."""

import pytest
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from run_comparison_samples import FINE, HOSTILE_RUNS, MANY_MARGINS, NEAR_MARGIN, TWO_OPEN, UNDECIDED, WORSE
from test_page import parsed, spoiled
from test_terminal import printed, terminal

from wellkeeper.report.compare_runs import (
    print_run_comparison,
    render_run_comparison,
    run_comparison_lines,
)

WORSE_BY = (
    "accuracy fell by 7.3 points, diversity of answers fell by 22.3 points, degenerate answers rose by 6.9 points and "
    "rare human words are missing"
)
PATHS = {"report": "out/report.html", "json": "out/report.json"}


@pytest.mark.parametrize(("name", "document"), [("worse", WORSE), ("undecided", UNDECIDED), ("fine", FINE)])
def test_the_lines_and_the_terminal_are_as_they_were_looked_at(name, document):
    assert_golden(f"runs-{name}.lines.txt", "\n".join(run_comparison_lines(document)) + "\n")
    console = terminal()
    print_run_comparison(document, console, PATHS)
    assert_golden(f"runs-{name}.terminal.txt", printed(console))


def test_the_page_is_as_it_was_looked_at():
    assert_golden("runs.html", render_run_comparison(WORSE))


def test_the_first_line_is_the_verdict():
    assert [run_comparison_lines(document)[0] for document in (WORSE, UNDECIDED, FINE)] == [
        f"B is worse than A: {WORSE_BY}.",
        "Not enough data to tell whether B is worse than A.",
        "B is not worse than A by more than 5 points in accuracy and degenerate answers.",
    ]


def test_where_data_are_not_enough_the_last_line_says_how_many_more_items_would_decide():
    assert run_comparison_lines(UNDECIDED)[-1].startswith(
        "Next: About 290 more items would decide (410 in all): with so many, a loss of 5 points would be found"
    )


def test_where_more_items_will_not_decide_a_wider_margin_is_offered():
    assert run_comparison_lines(NEAR_MARGIN)[-1].endswith("or give a wider --margin if less does not matter.")


def test_each_margin_is_said_with_the_metrics_it_is_of_and_the_tails_is_a_share():
    assert run_comparison_lines(MANY_MARGINS)[0] == (
        "B is not worse than A by more than 5 points in accuracy, or 1 point in diversity of answers, or 5% in the "
        "tail of human words."
    )
    assert "The margin is 5 points in accuracy, or 1 point in diversity" in render_run_comparison(
        MANY_MARGINS
    )


def test_a_metric_with_items_enough_and_one_without_each_have_their_own_next_step():
    following = run_comparison_lines(TWO_OPEN)[-1]
    assert (
        "About 290 more items would decide on accuracy (410 in all): with so many, a loss of 5 points"
        in following
    )
    assert "For diversity of answers there are items enough to find a loss of 1 point" in following
    assert following.endswith("or give a wider --diversity-margin if less does not matter.")


def test_a_verdict_that_nothing_follows_from_has_no_next_step():
    assert not any(line.startswith("Next") for line in run_comparison_lines(FINE))


def test_a_metric_that_was_not_measured_says_why_in_lines_and_page():
    said = "give human text of the same kind with --reference."
    assert any(said in line for line in run_comparison_lines(UNDECIDED))
    assert said in render_run_comparison(UNDECIDED)


def test_both_texts_of_an_example_stand_on_the_page_with_their_scores_and_ends():
    page = render_run_comparison(WORSE)
    for words in (
        "It is Lima.",
        "The capital of Peru is the",
        "A, score 1",
        "B, score 0, cut off",
        "Good answers: Lima",
    ):
        assert words in page


def test_hostile_text_neither_breaks_lines_nor_reaches_terminal_or_page():
    lines = run_comparison_lines(HOSTILE_RUNS)
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert "<script" not in render_run_comparison(HOSTILE_RUNS)


@pytest.mark.parametrize("document", [WORSE, UNDECIDED, FINE, HOSTILE_RUNS])
def test_a_page_names_nothing_twice_and_loads_nothing(document):
    tags = parsed(render_run_comparison(document)).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not [tag for tag, attributes in tags if tag in {"script", "link"} or "src" in attributes]


@given(st.data())
def test_no_document_however_broken_breaks_the_page_or_the_lines(data):
    document = spoiled(WORSE, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert "</html>" in render_run_comparison(document)
    assert run_comparison_lines(document)
