"""What a person reads of a calibration: the temperature, what it gains and costs, and what it is not for."""

import io

import pytest
from calibration_samples import BETTER, EVEN, document
from golden_files import assert_golden
from rich.console import Console

from wellkeeper.report.blocks import Table
from wellkeeper.report.calibrate import DISCIPLINE, calibration_lines, print_calibration, render_calibration
from wellkeeper.report.sections.calibrate import calibration_sections

PATHS = {"report": "out/report.html", "temperature": "out/temperature.json"}
CASES = {
    "better": document(BETTER),
    "train": document(BETTER, purpose="train"),
    "few": document(EVEN, items=60, left_out=3, notes=["3 answers did not come."], verdict="findings"),
    "nothing": {
        **document(EVEN, items=60, recommended=1.0, left_out=55, verdict="findings"),
        "calibration": None,
        "notes": ["Of 5 items the smaller half has 2."],
    },
}


def printed(given, *, terminal):
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=110, color_system="truecolor", _environ={}
    )
    print_calibration(given, console, PATHS)
    return console.file.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_the_summary_is_what_was_looked_at(name):
    assert_golden(f"calibration-{name}.txt", printed(CASES[name], terminal=False))


def test_a_terminal_gets_the_same_facts_in_colour():
    assert_golden("calibration-terminal.txt", printed(CASES["better"], terminal=True))


def test_the_page_is_what_was_looked_at():
    assert_golden("calibration.html", render_calibration(CASES["better"]))


@pytest.mark.parametrize("name", CASES)
def test_every_summary_and_page_says_what_low_temperatures_are_not_for(name):
    assert DISCIPLINE in calibration_lines(CASES[name])
    assert "not for data to be trained on" in render_calibration(CASES[name])


def test_no_figure_of_the_calibration_half_is_shown():
    """Its means could be any: no line and no page changes with them."""
    given = document(BETTER)
    other = document(BETTER)
    for group in (other["calibration"]["all"], *other["calibration"]["by_difficulty"]):
        group["calibration_means"] = [0.123] * 3
        group["best_on_calibration"] = 0.77
    assert calibration_lines(other) == calibration_lines(given)
    assert render_calibration(other) == render_calibration(given)


def test_for_training_the_loss_stands_in_the_headline():
    headline = calibration_lines(CASES["train"])[0]
    assert headline.startswith("For data to be trained on, stay at a temperature of 1: at 0 two answers")


def test_for_training_no_row_of_the_page_says_to_use_less_than_1():
    for name, use in (("better", ["0", "0", "0", "1"]), ("train", ["1"] * 4)):
        (groups,) = (section for section in calibration_sections(CASES[name]) if section.identity == "groups")
        (table,) = (block for block in groups.blocks if isinstance(block, Table))
        assert [row[table.head.index("Use")] for row in table.rows][:4] == use


def test_a_higher_temperature_is_recommended_for_training_too_and_the_headline_does_not_deny_it():
    given = document([[0.2, 0.3, 0.7]] * 3, grid=(0.5, 1.0, 1.5), purpose="train")
    assert given["recommended"] == 1.5
    assert calibration_lines(given)[0].startswith("A temperature of 1.5 answers better than 1: ")


def test_no_name_colours_a_terminal_or_breaks_a_line():
    hostile = document(BETTER, model={"name": "\x1b[31mred\nnext"}, suite={"name": "<b>x</b>", "items": 3})
    assert all("\n" not in line and "\x1b" not in line for line in calibration_lines(hostile))
    assert "<b>x</b>" not in render_calibration(hostile)


def test_a_document_with_nothing_in_it_is_told_without_failing():
    assert calibration_lines({})[0] == "Nothing can be told: too few items have all their answers."
    assert "Nothing can be told" in render_calibration({})
