"""What a page says of templates."""

from wellkeeper.report.blocks import Quotes
from wellkeeper.report.numbers import THIN
from wellkeeper.report.sections.templates import templates_sections
from wellkeeper.report.story import curation_finds

FOUND = {
    "similarity": 0.5,
    "beta": 0.5,
    "least": 0.01,
    "documents": 400,
    "templates": 2,
    "in_templates": 104,
    "weight": 12.0,
    "kept": 14,
    "at_least": 0,
    "sizes": [{"size": 4, "clusters": 1}, {"size": 100, "clusters": 1}],
    "largest_templates": [
        {
            "documents": 100,
            "kept": 13,
            "weight": 0.1,
            "first": "d7",
            "excerpt": "Dear <b>Ann</b>, we write to tell you " + "that your order was sent " * 7,
            "sources": [{"source": f"shop {k}", "documents": 25} for k in range(4)],
        },
        {"documents": 4, "kept": 1, "weight": 0.5, "first": "d9", "excerpt": "A form", "sources": []},
    ],
}


def blocks(found):
    (section,) = templates_sections({"templates": found})
    return section.blocks


def test_the_lead_says_how_many_fill_templates_and_what_they_count_as():
    lead = blocks(FOUND)[0].text
    assert "104 documents (26.0% of 400) fill 2 templates" in lead.replace("\u202f", " ").replace(
        "\u00a0", " "
    )
    assert "By weight they count as 12; 14 of them are in the output." in lead


def test_each_template_is_quoted_with_its_sources():
    quotes = next(block.rows for block in blocks(FOUND) if isinstance(block, Quotes))
    assert quotes[0].title == "100 documents, 13 in the output, weight 0.1 each"
    assert quotes[0].where == "first drawn is d7; shop 0 25, shop 1 25, shop 2 25, 1 other source"
    assert quotes[0].before.endswith("\u2026")
    assert quotes[1].before == "A form"


def test_documents_at_the_least_weight_are_told_of():
    assert not any("least weight" in getattr(block, "text", "") for block in blocks(FOUND))
    assert "1 document has the least weight that is allowed." in [
        getattr(block, "text", "") for block in blocks({**FOUND, "at_least": 1})
    ]


def test_no_template_is_said_so_and_no_step_says_nothing():
    none = blocks({**FOUND, "in_templates": 0, "templates": 0, "largest_templates": []})
    assert "No two of 400 documents are alike from a similarity of 0.5 on" in none[0].text
    assert templates_sections({"templates": None}) == []


def test_the_terminal_tells_of_templates_in_a_sentence():
    assert curation_finds({"templates": FOUND}, THIN) == [
        "Templates: 2, filled by 104 documents, which count as 12 by weight"
    ]
