"""Pictures: what is drawn is what was measured."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wellkeeper.report import svg
from wellkeeper.report.reading import Interval
from wellkeeper.report.story import Stage

WIDE = svg.Frame("picture-wide", "A title", "A description", svg.WIDE)
COMPACT = svg.Frame("picture-compact", "A title", "A description", svg.COMPACT)
both = pytest.mark.parametrize("frame", [WIDE, COMPACT], ids=["wide", "compact"])


def drawn(picture: Any) -> Any:
    return etree.fromstring(str(picture))  # well-formed XML, or this raises


def boxes(tree: Any, style: str) -> list[tuple[float, float, float, float]]:
    return [
        tuple(float(node.get(name)) for name in ("x", "y", "width", "height"))
        for node in tree.iter("rect")
        if node.get("class") == style
    ]


@given(st.floats(1e-6, 1e12), st.integers(2, 8))
def test_ticks_start_at_0_reach_the_top_and_step_evenly(most, wanted):
    found = svg.ticks(most, wanted)
    assert found[0] == 0
    assert found[-1] >= most * (1 - 1e-9)
    assert 2 <= len(found) <= wanted + 2
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert max(steps) == pytest.approx(min(steps))


@both
def test_the_flow_narrows_in_proportion_to_what_left(frame):
    passed = [Stage("Quality", 1000, 400, 0), Stage("Origin", 600, 100, 200)]
    tree = drawn(svg.flow(frame, 1000, passed, 300))
    streams = boxes(tree, "stream")
    sizes = [box[2] if frame.is_compact else box[3] for box in streams]
    assert sizes == pytest.approx([sizes[0] * share for share in (1, 0.6, 0.3)], abs=0.11)
    said = "".join(tree.itertext())
    assert "Kept" in said
    assert "300" in said


def test_a_sliver_of_the_flow_stays_visible():
    tree = drawn(svg.flow(COMPACT, 1_000_000, [Stage("Mix", 1_000_000, 1, 0)], 999_999))
    assert next(box[2] for box in boxes(tree, "dropped")) >= 1.5


def test_more_stages_than_fit_side_by_side_stand_below_each_other():
    passed = [Stage(f"Step {n}", 100 - n, 1, 0) for n in range(12)]
    tree = drawn(svg.flow(WIDE, 100, passed, 88))
    tops = [box[1] for box in boxes(tree, "stream")]
    assert tops == sorted(tops)
    assert len(set(tops)) == 13


@both
def test_a_dot_stands_where_its_share_is(frame):
    rows = [
        svg.Dots("once", "", Interval(share, share, share), Interval(1.0, 1.0, 1.0))
        for share in (0.0, 0.5, 1.0)
    ]
    tree = drawn(svg.dot_plot(frame, rows))
    x = [float(node.get("cx")) for node in tree.iter("circle")]
    assert x[1] == pytest.approx((x[0] + x[2]) / 2, abs=0.11)
    assert x[0] < x[1] < x[2]
    assert len(list(tree.iter("polygon"))) == 3


@both
def test_a_month_is_as_tall_as_its_documents(frame):
    columns = [svg.Column("2024-01", 50), svg.Column("2024-03", 100)]
    tree = drawn(svg.months(frame, columns, y_label="documents"))
    path = next(node for node in tree.iter("path") if node.get("class") == "column").get("d")
    low, high = (float(tall) for tall in re.findall(r"v([0-9.]+)", path))
    assert high == pytest.approx(2 * low, abs=0.11)
    assert path.count("M") == 2


def test_a_line_for_a_date_is_drawn_only_inside_the_months_shown():
    columns = [svg.Column("2022-06", 5), svg.Column("2023-06", 5)]
    assert "2022-11-30" in str(svg.months(WIDE, columns, line="2022-11-30", y_label="documents"))
    assert "2020-01" not in str(svg.months(WIDE, columns, line="2020-01-01", y_label="documents"))


def test_a_month_whose_share_is_not_identified_has_a_span_and_no_estimate():
    columns = [svg.Column("2024-01", 5, share=Interval(None, 0.2, 0.9))]
    picture = str(svg.months(WIDE, columns, y_label="AI-made share"))
    assert 'class="span open"' in picture
    assert 'class="estimate"' not in picture


@both
def test_curves_share_one_scale(frame):
    lines = [svg.Curve("corpus", [(0, 0), (10, 50)]), svg.Curve("reference", [(0, 0), (10, 100)])]
    tree = drawn(svg.curves(frame, lines, x_label="words", y_label="types"))
    ends = [node.get("points").split()[-1].split(",") for node in tree.iter("polyline")]
    starts = [node.get("points").split()[0].split(",") for node in tree.iter("polyline")]
    assert ends[0][0] == ends[1][0]
    floor = float(starts[0][1])
    assert floor - float(ends[1][1]) == pytest.approx(2 * (floor - float(ends[0][1])), abs=0.21)


@both
def test_words_of_strangers_are_escaped(frame):
    evil = svg.Frame(frame.identity, "<b>&", "</svg>", frame.width)
    tree = drawn(svg.flow(evil, 10, [Stage("<script>", 10, 2, 1)], 7))
    assert "<script>" in "".join(tree.itertext()) or "<scr" in "".join(tree.itertext())
    assert not list(tree.iter("script"))


@both
def test_no_text_is_smaller_than_12_pixels_at_the_width_it_is_made_for(frame):
    from wellkeeper.report import html  # the sheet sets the sizes; the layouts are drawn at their own width

    sheet = html._environment().loader.get_source(html._environment(), "style.css")[0]
    sizes = [float(size) for size in re.findall(r"\.chart[^{]*\{[^}]*font-size: ([0-9.]+)px", sheet)]
    assert sizes
    assert min(sizes) >= 12
    assert frame.width in {svg.WIDE, svg.COMPACT}
