"""Plans and trends as a person reads them: lines and pages, looked at once."""

import io

import pytest
from golden_files import assert_golden
from plan_samples import EVIL_PLAN, EVIL_TREND, plan_document, planned, shaped, trend_document
from rich.console import Console

from wellkeeper.report.plan import plan_lines, print_plan, render_plan
from wellkeeper.report.trend import next_step, print_trend, render_trend, trend_headline, trend_lines

CASES = [
    ("plan", plan_document(), plan_lines, render_plan, print_plan),
    ("trend", trend_document(), trend_lines, render_trend, print_trend),
]


def on_a_terminal(printed, document) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, no_color=True, highlight=False)
    printed(document, console, {"report": "out/report.html"})
    return console.file.getvalue()


@pytest.mark.parametrize(("name", "document", "lines", "render", "printed"), CASES, ids=["plan", "trend"])
def test_lines_page_and_terminal_are_as_they_were_looked_at(name, document, lines, render, printed):
    assert_golden(f"{name}.txt", "\n".join(lines(document)) + "\n")
    assert_golden(f"{name}.html", render(document))
    assert_golden(f"{name}.terminal.txt", on_a_terminal(printed, document))


@pytest.mark.parametrize(
    ("render", "lines", "evil"),
    [(render_plan, plan_lines, EVIL_PLAN), (render_trend, trend_lines, EVIL_TREND)],
)
def test_names_that_bite_are_shown_and_do_nothing(render, lines, evil):
    page = render(evil)
    assert "<script" not in page
    assert "<img" not in page
    assert all("\n" not in line and "\x1b" not in line for line in lines(evil))


@pytest.mark.parametrize(("render", "lines"), [(render_plan, plan_lines), (render_trend, trend_lines)])
def test_a_document_without_anything_is_still_a_page(render, lines):
    assert "<h1" in render({})
    assert lines({})


def test_a_page_loads_nothing():
    for page in (render_plan(plan_document()), render_trend(trend_document())):
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "https://" not in page
        assert len(page) < 250_000


def test_the_share_of_false_alarms_of_a_watch_is_the_level_that_was_asked_for():
    assert "In at most 1% of years without a change" in render_plan(plan_document(level=0.01))


def test_a_suite_that_is_too_small_is_said_to_be_too_small():
    test = {
        "metric": "accuracy",
        "world": "sampled",
        "noise": {},
        "plans": [planned(1, 100, power=0.23, least_drop=0.12)],
        "curves": [],
    }
    first, second, *_ = plan_lines(plan_document(items=100, tests=[test], verdict="too few"))
    assert first == "100 items are too few to find a drop of 5 points with a chance of 80%."
    assert second.startswith(
        "accuracy, if answers are sampled: 100 items x 1 answer, power 23%, least drop found 12 points, "
    )


@pytest.mark.parametrize(
    ("metrics", "verdict", "headline", "following"),
    [
        ([shaped("score", "rising", [0.3, 0.4, 0.5], is_harm=False)], "no harm shown",
         "Score rises along the family; no harm is shown.", ""),
        ([shaped("score", "none", [0.3, 0.3, 0.3], is_harm=False)], "no harm shown",
         "No trend along the family is shown.", "wellkeeper plan"),
        ([shaped("degenerate", "rising", [0.1, 0.2, 0.3], is_harm=True)], "worse",
         "Degenerate answers rise along the family.", "wellkeeper compare"),
    ],
)  # fmt: skip
def test_the_headline_says_what_happened_and_the_next_step_what_to_do(metrics, verdict, headline, following):
    document = trend_document(metrics=metrics, verdict=verdict, tails=None)
    assert trend_headline(document) == headline
    assert following in next_step(document)
