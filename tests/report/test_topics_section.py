"""Topics on the page: what is told is what was measured, whatever the document lacks or holds."""

from typing import Any

import pytest
from lxml import etree, html
from samples import EVIL, RICH

from wellkeeper.report import render_html, svg

PLACES = [
    svg.Place("large", 0.0, 0.0, 400, "even", False),
    svg.Place("small", 1.0, 0.0, 100, "even", False),
    svg.Place("lost", 0.0, 1.0, 100, "less", True),
    svg.Place("grown", 1.0, 1.0, 100, "more", False),
]


def topics(name: str = "court, judge, appeal", **more: Any) -> dict[str, Any]:
    interval = {"estimate": -0.021, "low": -0.037, "high": -0.011}
    share = {"estimate": 0.064, "low": 0.033, "high": 0.121}
    return {
        "topics": 238,
        "documents": 3997,
        "reference_documents": 1968,
        "rare": {"topics": 97, "beyond": 0.85, "share": 0.1667, "held": 95},
        "against_human": [
            {
                "figure": "lost_mass",
                "documents": 984,
                "human": share,
                "corpus": share,
                "change": share,
                "p": 0.001,
            }
        ],
        "neighbourhood": {
            "documents": 150,
            "nearest": 5,
            **{
                figure: {"estimate": 0.593, "ceiling": 0.98, "null": share, "p": 0.005}
                for figure in ("precision", "recall", "density", "coverage")
            },
            "diversity": {
                "corpus": {"estimate": 40.4, "low": 37.9, "high": 43.1},
                "human": {"estimate": 27.2, "low": 25.0, "high": 29.5},
            },
        },
        "gaps": [
            {"name": name, "documents": 1, "reference_documents": 42, "is_rare": True, "gap": interval},
        ],
        "map": [
            {
                "name": place.name,
                "x": place.x,
                "y": place.y,
                "documents": place.documents,
                "reference_documents": 0,
                "is_rare": place.is_rare,
                "gap": place.gap,
            }
            for place in PLACES
        ],
        **more,
    }


def section(document: dict[str, Any]) -> str:
    page = html.document_fromstring(render_html({**RICH, **document}, title="data/"))
    found = page.xpath("//section[@id='topics']")
    return found[0].text_content() if found else ""


def test_the_section_tells_rare_topics_gaps_and_human_text_of_the_same_size():
    said = " ".join(section({"topics": topics()}).split())
    assert "97 topics of the reference are rare: together they hold the last 16.7% of its documents" in said
    assert "This corpus has documents on 95 of them." in said
    assert "court, judge, appeal (rare)142-2.1 points (-3.7 to -1.1)" in said.replace("\u2212", "-")
    assert "Human documents on topics that it has none of" in said
    assert "At 984 documents each" in said


def test_the_section_tells_where_documents_lie_beside_human_text():
    said = " ".join(section({"topics": topics()}).split())
    assert "Its documents that lie where human ones do59.3%98.0%" in said
    assert "Human neighbourhoods around one of its documents0.590.98" in said
    assert "(Vendi score)40.4 (37.9-43.1)27.2 (25.0-29.5)" in said
    assert "Where its documents lie" not in section({"topics": topics(neighbourhood=None)})


def test_topics_left_off_the_map_are_counted():
    assert "234 smaller topics left off the map." in section({"topics": topics()})
    assert "left off the map" not in section({"topics": topics(topics=4)})


def test_without_a_gap_the_section_says_so():
    said = section({"topics": topics(gaps=[])})
    assert "No topic's share differs from the reference's by more than chance explains." in said


def test_too_few_documents_are_told_and_no_reference_gives_no_section():
    note = "Topics need at least 10 documents."
    assert note in section({"topics": None, "topics_note": note})
    assert section({"topics": None, "topics_note": None}) == ""


@pytest.mark.parametrize("broken", [{}, {"map": "no"}, {"gaps": [None, {}]}, {"rare": None, "map": [{}, {}]}])
def test_what_is_missing_does_not_break_the_page(broken):
    assert "Topics" in section({"topics": {"topics": 3, **broken}})


def test_a_name_cannot_become_markup():
    page = render_html({**RICH, "topics": topics(EVIL)}, title="data/")
    assert "<script>alert" not in page


@pytest.mark.parametrize("width", [svg.WIDE, svg.COMPACT])
def test_the_map_keeps_proportions_and_tells_gaps_by_shape(width):
    frame = svg.Frame("map", "A title", "A description", width)
    tree = etree.fromstring(str(svg.topic_map(frame, PLACES)))
    paths = {node.get("class"): node.get("d") for node in tree.iter("path")}
    assert set(paths) == {"topic even", "topic less rare", "topic more"}
    radii = [float(arc.split()[0]) for arc in paths["topic even"].split("a")[1::2]]
    assert radii[0] == pytest.approx(2 * radii[1], abs=0.11)
    titles = [node.text for node in tree.iter("title")]
    assert titles[1:] == ["lost", "grown"]


def test_topics_at_one_place_are_drawn_inside_the_picture():
    frame = svg.Frame("map", "A title", "A description", svg.WIDE)
    same = [svg.Place("a", 0.2, 0.2, 0, "even", False)] * 2
    tree = etree.fromstring(str(svg.topic_map(frame, same)))
    x, y = (float(value) for value in next(tree.iter("path")).get("d")[1:].split("a")[0].split())
    assert 0 <= x <= svg.WIDE
    assert 0 <= y <= 440
