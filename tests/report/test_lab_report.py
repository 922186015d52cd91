"""Pages and lines of the lab: what is drawn is what was measured, and nothing is loaded or run."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from rich.console import Console
from test_page import spoiled

from wellkeeper.lab.experiment import Curve, Experiment, Figure
from wellkeeper.lab.policy import Policy
from wellkeeper.recipe.lab import list_experiments, run_document
from wellkeeper.report import svg
from wellkeeper.report.lab import list_lines, print_list, print_run, render_run, run_lines, run_pictures
from wellkeeper.report.lab_checks import check_lines, print_checks

WIDE = svg.Frame("picture-wide", "A title", "A description", svg.WIDE)
COMPACT = svg.Frame("picture-compact", "A title", "A description", svg.COMPACT)
both = pytest.mark.parametrize("frame", [WIDE, COMPACT], ids=["wide", "compact"])


def curve(label, end, *, replicates=5, points=4, excerpts=(), theory=False):
    values = np.linspace(1, end, points)[None] * np.linspace(0.9, 1.1, replicates)[:, None]
    return Curve(
        label=label,
        axis="generation",
        points=np.arange(float(points)),
        figures={"variance": values, "types": values + 1},
        theory={"variance": values.mean(axis=0)} if theory else {},
        excerpts=excerpts,
    )


def document(*curves, log=False, **changes):
    experiment = Experiment(
        name="toy",
        title="A <toy> world",
        paper="Someone 2024",
        regime="closed form",
        about="What is seen.",
        figures=(
            Figure(name="variance", title="Variance", worse="down", log=log),
            Figure(name="types", title="Types"),
        ),
        world=lambda *_: None,
    )
    plan = SimpleNamespace(
        experiment=experiment,
        policies=[Policy.parse(one.label) for one in curves],
        size=10,
        generations=3,
        replicates=5,
        seed=0,
        settings={"order": 3},
    )
    return run_document(plan, curves, None) | changes


TWO = (curve("replace", 0.1, excerpts=("a <b>", "b", "c", "d"), theory=True), curve("accumulate", 0.97))


WHOLE = document(*TWO)


def page(*curves, **changes):
    return render_run(document(*curves, **changes))


def test_the_page_shows_each_figure_in_two_layouts_with_its_table():
    tree = lxml_html.fromstring(page(*TWO))
    assert [node.get("class") for node in tree.iter("svg")] == ["chart wide", "chart compact"] * 2
    assert [node.text for node in tree.iter("h3")] == ["Variance", "replace", "Types"]
    captions = [node.text for node in tree.iter("caption")]
    assert captions == [
        "Each policy from its first model to its last",
        "Variance",
        "Policies at the end",
        "Types",
    ]
    identities = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(set(identities)) == len(identities)


def test_the_page_loads_nothing_runs_nothing_and_escapes_all():
    text = page(curve("replace", 0.1, excerpts=("<script>alert(1)</script>", "\u202egnp", "", "")))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "[U+202E]" in text
    assert "A &lt;toy&gt; world" in text
    assert not re.search(r'(?:src|href)="(?!#)', text)


def test_a_figure_that_has_no_worse_direction_is_an_alarm_either_way():
    assert page(*TWO).count("Neither direction is better: a change is an alarm, up or down.") == 1


def test_figures_whose_mean_misleads_have_median_and_log_mean_beside_it():
    text = page(*TWO, log=True)
    assert "Median over replicates, which a few runs cannot carry, by generation." in text
    assert "theory of the mean" in text
    assert "Log-mean" in text
    assert "Log-mean" not in page(*TWO)


def test_one_run_has_no_band_and_says_so():
    text = page(curve("replace", 0.1, replicates=1))
    assert 'class="band' not in text
    assert "One run, by generation." in text
    assert "5% to 95% of replicates" not in text


def test_generations_stand_side_by_side_from_the_first_to_the_last():
    excerpts = tuple(f"text {number}" for number in range(31))
    tree = lxml_html.fromstring(page(curve("replace", 0.1, points=31, excerpts=excerpts)))
    (strip,) = tree.xpath("//ul[@class='strip']")
    assert [node.text for node in strip.iter("b")] == [f"Generation {number}" for number in (0, 1, 2, 5, 30)]
    assert list(strip.iter("blockquote"))[-1].text == "text 30"
    assert DRAWING not in page(curve("replace", 0.1, excerpts=excerpts[:4]))


DRAWING = 'class="strip drawings"'


def test_pictures_made_of_letters_keep_their_columns():
    assert page(curve("replace", 0.1, excerpts=(" .:@",) * 4)).count(DRAWING) == 1


def test_more_curves_than_eye_can_part_are_cut_and_it_is_said():
    many = [curve(f"fresh=0.{number}", 0.5) for number in range(1, 10)] + [curve("replace", 0.1)]
    text = page(*many)
    assert "line-8" in text
    assert 'class="trend line-9"' not in text
    assert "2 more curves left off here" in text.replace("\u202f", "")


def test_a_comparison_names_its_runs():
    found = document(*TWO, runs=[{"name": "one", "folder": "runs/one", "plan": {}}])
    found["schema"] = "wellkeeper.lab-comparison/1"
    assert "one" in render_run(found)
    assert "Runs" in render_run(found)


@pytest.mark.parametrize(
    "broken", [{}, {"curves": 3}, {"reading": {"policies": [{}]}, "figures": [{}], "curves": [{}]}]
)
def test_a_document_that_lacks_things_still_has_a_page(broken):
    assert "<!doctype html>" in render_run(broken)
    assert run_lines(broken)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_document_however_broken_breaks_the_page_the_pictures_or_the_lines(data):
    found = spoiled(WHOLE, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    found = found if isinstance(found, dict) else {}
    assert "</html>" in render_run(found)
    assert all(drawn(picture) is not None for picture in run_pictures(found).values())
    assert run_lines(found)
    assert shown(print_run, found, {}) is not None


def test_hostile_text_neither_breaks_lines_nor_reaches_the_terminal():
    found = json.loads(json.dumps(WHOLE).replace("Variance", "Var\\u001b[31m<script>\\niance"))
    assert not any("\n" in line or "\x1b" in line for line in run_lines(found))
    assert "<script" not in render_run(found)
    assert all("<script" not in picture for picture in run_pictures(found).values())


def test_a_picture_of_its_own_has_its_title_its_note_and_no_colour_left_open():
    pictures = run_pictures(document(*TWO))
    assert sorted(pictures) == ["types", "variance"]
    said = "".join(drawn(pictures["variance"]).itertext())
    assert "Variance" in said
    assert said.endswith("line: mean over replicates; band: 5% to 95% of replicates; dashed: theory")
    assert not re.search(r"var\((?!--line\))", pictures["variance"])
    assert not re.search(r"(?:href|src|url\()", pictures["variance"])
    assert run_pictures(document(*TWO)) == pictures


def test_lines_hold_one_fact_each():
    lines = run_lines(document(*TWO))
    assert lines[0] == "Variance: 1 at first; after 3 generations 0.1 with replace, 0.97 with accumulate."
    assert lines[1] == "replace: gets worse. Variance 1 \u2192 0.1; Types 2 \u2192 1.1."
    assert lines[2] == "accumulate: holds. Variance 1 \u2192 0.97; Types 2 \u2192 1.97."
    assert lines[3] == "best by Variance: accumulate"
    assert not any("\n" in line for line in lines)


def shown(draw, *arguments, terminal=True):
    console = Console(record=True, force_terminal=terminal, width=120, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        draw(*arguments[:1], console, *arguments[1:])
        return console.export_text()


def test_a_terminal_shows_the_same_and_its_paths():
    text = shown(print_run, document(*TWO), {"report": "out/report.html"})
    assert "gets worse" in text
    assert "out/report.html" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_the_list_names_every_experiment(terminal):
    listed = list_experiments()
    text = shown(print_list, listed, terminal=terminal)
    assert len(list_lines(listed)) == len(listed["experiments"])
    for row in listed["experiments"]:
        assert row["name"] in text


CHECKS = {
    "hold": 1, "fail": 1, "not_run": 1,
    "checks": [
        {"number": 1, "name": "One", "source": "derived", "holds": True, "not_run": None, "cpu_seconds": 0.5, "rows": [
            {"name": "x", "target": 0.5, "measured": 0.4996, "tolerance": "3 s.e.", "z": -0.4, "holds": True}]},
        {"number": 2, "name": "Two", "source": "them", "holds": False, "not_run": None, "cpu_seconds": 1, "rows": [
            {"name": "y", "target": "above 2", "measured": 1, "tolerance": "", "z": None, "holds": False}]},
        {"number": 3, "name": "Three", "source": "you", "holds": None, "not_run": "Why. Do that.", "cpu_seconds": 0, "rows": []},
    ],
}  # fmt: skip


def test_checks_are_told_with_target_tolerance_measured_and_z():
    assert check_lines(CHECKS) == [
        "1 One: holds (derived; 0.5 s)",
        "  x: 0.4996, target 0.5, tolerance 3 s.e., z -0.4",
        "2 Two: FAILS (them; 1.0 s)",
        "  y: 1, target above 2, does not hold",
        "3 Three: not run (you; 0.0 s)",
        "  Why. Do that.",
        "1 of 3 checks holds, 1 fails, 1 not run.",
    ]
    text = shown(print_checks, CHECKS)
    assert "FAILS" in text
    assert "1 of 3 checks holds, 1 fails, 1 not run." in text


# --- pictures --------------------------------------------------------------------------------------


def drawn(picture):
    return etree.fromstring(str(picture))


def places(tree, style, tag="polyline"):
    return [
        [tuple(map(float, point.split(","))) for point in node.get("points").split()]
        for node in tree.iter(tag)
        if node.get("class") == style
    ]


@both
def test_a_trend_its_band_and_its_theory_share_one_scale(frame):
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    line = svg.Trend("line-1", "a", points, band=[(x, y, y) for x, y in points], theory=points)
    tree = drawn(svg.trends(frame, [line], across=svg.Axis("x"), upward=svg.Axis("y")))
    (trend,) = places(tree, "trend line-1")
    (theory,) = places(tree, "theory")
    (band,) = places(tree, "band line-1", "polygon")
    assert trend == theory == band[:3] == band[:2:-1]
    assert trend[0][0] < trend[1][0] < trend[2][0]
    assert trend[0][1] > trend[1][1] > trend[2][1]
    assert trend[1][1] == pytest.approx((trend[0][1] + trend[2][1]) / 2, abs=0.11)


@both
def test_equal_ratios_are_equal_distances_on_a_logarithmic_axis(frame):
    points = [(x, x) for x in (1.0, 10.0, 100.0, 1000.0)]
    axis = svg.Axis("x", is_log=True)
    (trend,) = places(
        drawn(svg.trends(frame, [svg.Trend("t", "a", points)], across=axis, upward=axis)), "trend t"
    )
    steps = np.diff(np.array(trend), axis=0)
    assert np.ptp(steps, axis=0) == pytest.approx((0, 0), abs=0.21)


numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@given(
    st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=8),
    st.sampled_from([WIDE, COMPACT]),
)
def test_all_that_is_drawn_lies_in_the_picture_and_labels_do_not_meet(values, frame):
    lines = [
        svg.Trend(f"line-{n + 1}", f"policy {n}", list(zip((0.0, 1.0, 2.0), ys, strict=True)))
        for n, ys in enumerate(values)
    ]
    tree = drawn(svg.trends(frame, lines, across=svg.Axis("x"), upward=svg.Axis("y")))
    height = float(tree.get("viewBox").split()[3])
    for node in tree.iter("polyline"):
        for point in node.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= frame.width
            assert 0 <= y <= height
    ends = sorted(float(node.get("y")) for node in tree.iter("text") if node.get("class") == "tick strong")
    assert len(ends) == (0 if frame.is_compact else len(lines))
    assert all(gap >= 16 for gap in np.diff(ends))


@given(numbers, numbers, st.integers(2, 8))
def test_ticks_surround_what_there_is(first, second, wanted):
    low, high = sorted((first, second))
    found = svg.ticks_between(low, high, wanted)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert 2 <= len(found) <= wanted + 3
    assert found == sorted(set(found))


@given(st.integers(0, 200), st.integers(2, 8))
def test_ticks_of_what_is_counted_are_whole(last, wanted):
    found = svg.ticks_between(0, last, wanted, least_step=1)
    assert all(tick == int(tick) for tick in found)
    assert found[0] <= 0
    assert found[-1] >= last


@given(st.floats(-8, 8), st.floats(0, 12), st.integers(2, 8))
def test_logarithmic_ticks_lie_inside_and_are_few(power, span, wanted):
    low, high = 10.0**power, 10.0 ** (power + span)
    found = svg.log_ticks(low, high, wanted)
    assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in found)
    assert 1 <= len(found) <= 2 * wanted + 2
