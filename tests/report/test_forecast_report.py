"""What a forecast says to people: what is lost, what holds it, and how far to trust that."""

import pytest
from forecast_samples import HOSTILE, LARGE, LAW, RUN
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from test_page import spoiled
from test_terminal import printed, terminal

from wellkeeper.report.forecast import forecast_lines, print_forecast, render_forecast

PATHS = {"report": "out/report.html", "json": "out/report.json"}


@pytest.mark.parametrize(("name", "document"), [("run", RUN), ("law", LAW)])
def test_the_lines_and_the_terminal_of_a_forecast_are_as_they_were_looked_at(name, document):
    assert_golden(f"forecast-{name}.lines.txt", "\n".join(forecast_lines(document)) + "\n")
    console = terminal()
    print_forecast(document, console, PATHS)
    assert_golden(f"forecast-{name}.terminal.txt", printed(console))


def test_the_page_of_a_forecast_is_as_it_was_looked_at():
    assert_golden("forecast.html", render_forecast(RUN))


def test_the_first_line_says_what_the_worst_and_the_best_policy_lose():
    assert forecast_lines(RUN)[0] == (
        "After 3 generations, fixed=0.1 has lost 6.3% of the corpus' words by use; subsample, 2.4%."
    )
    alone = {**RUN, "ranking": [{**RUN["ranking"][0], "policies": RUN["ranking"][0]["policies"][:1]}]}
    assert (
        forecast_lines(alone)[0]
        == "After 3 generations, subsample has lost 2.4% of the corpus' words by use."
    )
    assert forecast_lines({**RUN, "ranking": []})[0] == "After 3 generations, no policy could be forecast."


def test_every_forecast_says_that_it_is_a_bound_or_of_what_model_and_that_transfer_is_not_tested():
    assert forecast_lines(LAW)[-1].startswith("A bound: an ideal model")
    assert "Measured on 3-gram models, from scratch" in forecast_lines(RUN)[-1]
    assert "Measured on fine-tunes of your model, fine-tuning" in forecast_lines(LARGE)[-1]
    for document in (RUN, LARGE):
        assert "models of a billion parameters is not tested." in forecast_lines(document)[-1]
        page = render_forecast(document)
        assert "What this cannot know" in page
        assert "120 documents of unknown origin" in page.replace("\u202f", " ")


def test_a_larger_proxy_is_told_by_what_was_foretold_and_not_by_its_first_generations():
    lines = [line for line in forecast_lines(LARGE) if line.startswith("replace:")]
    assert lines == [
        "replace: lost 6.0% (5.7-6.3%) of words by use; at best like 37.4% of the text: 150 of 400 documents"
    ]
    page = render_forecast(LARGE)
    assert "foretold from two generations of the proxy" in page
    assert "Foretold (90% of runs)" in page


def test_bands_are_vouched_for_on_n_gram_models_alone():
    held = "bands held nine runs in ten of corpora that did not set them"
    assert held in render_forecast(RUN)
    page = render_forecast(LARGE)
    assert held not in page
    assert "a small transformer lost words more slowly than foretold" in page


def test_policies_that_cannot_be_told_apart_say_so():
    page = render_forecast(RUN)
    assert "Not told apart from" in page
    row = page[page.index("least first, measured on the proxy") :]
    assert row.index("fixed=0.1") < row.index("Surprise at held-out human text")
    assert "No closed form is known for subsample." in page
    assert "Not ranked, since nothing tells: subsample." in render_forecast(LAW)


def test_hostile_text_neither_breaks_lines_nor_reaches_the_terminal():
    lines = forecast_lines(HOSTILE)
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert "<script" not in render_forecast(HOSTILE)


@given(st.data())
def test_no_document_however_broken_breaks_the_page_or_the_lines(data):
    document = spoiled(RUN, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert "</html>" in render_forecast(document)
    assert forecast_lines(document)
    print_forecast(document, terminal(), PATHS)
