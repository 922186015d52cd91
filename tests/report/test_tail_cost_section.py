"""What steps cost the tail, on the page: loud steps with their picture, quiet ones in a line, nothing invented."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from wellkeeper.report import svg
from wellkeeper.report.blocks import Cards, Heading, Picture, Prose, Quotes, Table
from wellkeeper.report.html import render_html
from wellkeeper.report.reading import Interval
from wellkeeper.report.sections.tail_cost import tail_cost_sections
from wellkeeper.report.terminal import curation_lines


def kept(estimate, p):
    return {
        "estimate": estimate,
        "low": estimate - 0.03,
        "high": estimate + 0.03,
        "p": p / 6,
        "p_adjusted": p,
    }


def band(name, before, after, chance):
    at_random = {"estimate": chance, "low": 0.95 * chance, "high": min(before, 1.05 * chance)}
    return {"band": name, "types": 2 * before, "before": before, "after": after, "at_random": at_random}


def step(name, *, losses=(), hit=(), lost=None, removed=300, replaced=0):
    return {
        "step": name,
        "judged": 1_000,
        "removed": removed,
        "replaced": replaced,
        "losses": list(losses),
        "words": {
            "bands": [band("1", 400, 200, 260.5), band("3-5", 300, 290, 288.2)],
            "rare": band("1-2", 500, 260, 330.1),
            "at_equal_documents": kept(0.79, 0.003),
            "at_equal_words": kept(1.02, 1.0),
        },
        "topics": None,
        "groups_tested": {"source": 4},
        "hit": list(hit),
        "lost": lost,
    }


LOST = {
    "documents": [{"id": "d<7>", "excerpt": "A quern & its sett", "rare_words": 12}],
    "words": ["quern", "sett"],
    "topics": [{"topic": "quern, mill, flour", "documents": 9, "removed": 8}],
}
HIT = {
    "kind": "source", "name": "letters", "documents": 50, "removed": 40, "p": 1e-6,
    "rate": {"estimate": 0.8, "low": 0.67, "high": 0.89},
}  # fmt: skip
FINDING = {
    "code": "WK411",
    "severity": "warning",
    "title": "quality.v1 removes rare words",
    "detail": "So.",
    "next": "Do.",
}
CURATION = {
    "read": 1_000,
    "kept": 700,
    "tail_cost": [
        step("quality.v1", losses=["documents"], hit=[HIT], lost=LOST),
        step("exact-duplicates.v1", removed=0, replaced=12),
        step("mix", removed=1),
    ],
    "findings": [FINDING],
    "guard": {
        "tail": 0.95,
        "action": "relax",
        "restored": 4,
        "relaxed": [{"step": "quality.v1", "restored": 5}],
    },
}


def blocks(curation=CURATION):
    (section,) = tail_cost_sections(curation)
    return section.blocks


def of(kind, found=None):
    return [block for block in found or blocks() if isinstance(block, kind)]


def test_a_loud_step_has_its_picture_its_tests_its_groups_and_what_went():
    assert [heading.text for heading in of(Heading)] == ["quality.v1: 300 documents of 1\u202f000"]
    (picture,) = of(Picture)
    assert picture.data.rows[0] == ["1", "400", "200", "50.0%", "65.1% (61.9-68.4%)"]
    tests, hits = of(Table)
    assert tests.rows[0][1:] == ["79.0% (76.0-82.0%)", "0.003"]
    assert hits.rows == [["letters (source)", "50", "40", "80.0% (67.0-89.0%)"]]
    assert of(Cards)[0].rows[0].code == "WK411"
    said = " ".join(block.text for block in of(Prose))
    assert "quern, mill, flour (8 of 9)" in said
    assert "Rare words that nothing is left of: quern, sett." in said
    assert of(Quotes)[0].rows[0].title == "d<7>"


def test_quiet_steps_fold_into_one_line():
    said = of(Prose)[-1].text
    assert said.endswith("with exact-duplicates.v1 (12 copies) and mix (1 document).")


def test_the_guard_says_what_it_put_back_and_that_it_had_nothing_to_do():
    assert any(
        "keeps 95.0% of what chance would leave of the tail. Put back for it: 5 documents of quality.v1."
        in block.text
        for block in of(Prose)
    )
    idle = blocks({**CURATION, "guard": {"tail": 0.9, "relaxed": []}})
    assert any("Nothing had to be put back." in block.text for block in of(Prose, idle))
    assert "Put back by the guard of the tail: 4 documents" in curation_lines(CURATION)
    assert "warning WK411: quality.v1 removes rare words. Next: Do." in curation_lines(CURATION)


def test_without_a_reference_there_is_no_section():
    assert tail_cost_sections({"tail_cost": None}) == []
    assert tail_cost_sections({}) == []


def test_the_page_holds_the_section_and_escapes_what_documents_say():
    page = render_html({}, curation=CURATION, title="A set")
    tree = html.fromstring(page)
    (section,) = tree.xpath("//section[@id='tail-cost' or .//*[@id='tail-cost']]") or tree.xpath(
        "//*[@id='tail-cost']"
    )
    assert "d<7>" in section.text_content()
    assert "<7>" not in re.sub(r"&lt;7&gt;", "", page)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(sorted({*CURATION["tail_cost"][0], "bands", "rate"})), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_document_holds_something_is_drawn_or_nothing(value):
    for curation in (
        {"tail_cost": value},
        {"tail_cost": [value]},
        {"tail_cost": [{"words": value, "hit": [value]}]},
    ):
        render_html({}, curation={"read": 1, **curation}, title="A set")


# --- the picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [svg.WIDE, svg.COMPACT])
def test_a_survivor_stands_at_its_share_and_beside_its_baseline(width):
    bands = [
        svg.Survivor("1", 0.8, Interval(0.9, 0.85, 0.95)),
        svg.Survivor("2", 0.9, Interval(0.95, 0.9, 1.0)),
        svg.Survivor(">20", 1.0, Interval(1.0, 1.0, 1.0)),
    ]
    tree = etree.fromstring(str(svg.survival(svg.Frame("f", "t", "d", width), bands, x_label="documents")))
    heights = [float(node.get("cy")) for node in tree.iter("circle")]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)  # equal steps of share
    lines = [node for node in tree.iter("line") if node.get("class") == "base"]
    assert [float(node.get("y1")) > float(node.get("y2")) for node in lines[:2]] == [True, True]
    assert float(lines[0].get("y2")) == pytest.approx((heights[1] + heights[2]) / 2, abs=0.11)
    said = "".join(tree.itertext())
    assert "100%" in said
    assert ">20" in said


def test_a_picture_of_steps_that_left_everything_still_has_an_axis():
    bands = [svg.Survivor("1", 1.0, Interval(None, None, None))]
    tree = etree.fromstring(str(svg.survival(svg.Frame("f", "t", "d", svg.WIDE), bands, x_label="documents")))
    assert "99%" in "".join(tree.itertext())
