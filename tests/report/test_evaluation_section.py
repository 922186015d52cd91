"""What a page says of evaluation sets."""

from wellkeeper.report.blocks import Prose, Quotes, Table
from wellkeeper.report.sections.decontamination import decontamination_sections

SET = {
    "name": "gsm8k",
    "items": 1319,
    "searched": 1310,
    "found": 3,
    "documents": 5,
    "too_short": 7,
    "common": 2,
}
FOUND = {
    "action": "drop", "ngram": 13, "min_ngram": 8, "share": 0.7, "common_documents": 10, "documents": 5,
    "items": 1319, "items_found": 3, "sets": [SET],
    "examples": [
        {"document": "d1", "set": "gsm8k", "item": "17", "field": "question", "others": 2, "share": 0.94,
         "start": 10, "end": 1200, "matched": "Natalia sold <b>clips</b>"},
    ],
}  # fmt: skip


def blocks(**changed):
    (section,) = decontamination_sections({"evaluation": {**FOUND, **changed}})
    return section.blocks


def said(found):
    return plain(" ".join(block.text for block in found if isinstance(block, Prose)))


def plain(text):
    """With commas for the thin spaces between thousands."""
    return text.replace("\u202f", ",")


def test_a_page_says_how_many_items_stand_in_how_many_documents_and_what_becomes_of_them():
    assert "3 of 1,319 items stand in 5 documents, which are dropped." in said(blocks())
    assert "which wait for a person" in said(blocks(action="review"))
    assert "which stay, as asked" in said(blocks(action="report"))


def test_every_set_has_a_row():
    (table,) = [block for block in blocks() if isinstance(block, Table)]
    assert list(table.head) == ["Set", "Items", "Sought", "Found", "Documents"]
    assert [[plain(cell) for cell in row] for row in table.rows] == [["gsm8k", "1,319", "1,310", "3", "5"]]


def test_what_was_not_searched_for_is_not_passed_over():
    assert (
        "Not searched for, so that nothing is known of them: of all items, 7 too short to be told from chance; "
        "2 consist of text that many documents have." in said(blocks())
    )


def test_examples_show_item_share_place_and_text():
    (quotes,) = [block for block in blocks() if isinstance(block, Quotes)]
    (quote,) = quotes.rows
    assert quote.title == "gsm8k, item 17 and 2 other items with the same text"
    assert quote.strength == "94.0% of the question"
    assert plain(quote.where) == "in d1, bytes 10 to 1,200"
    assert quote.match == "Natalia sold <b>clips</b>"


def test_nothing_found_is_said_and_no_search_has_no_section():
    assert "None of 1,319 items of the evaluation sets was found." in said(blocks(items_found=0, examples=[]))
    assert decontamination_sections({"evaluation": None}) == []
    assert decontamination_sections({}) == []


def test_a_document_of_another_version_is_read_tolerantly():
    (section,) = decontamination_sections({"evaluation": {"sets": [None, {"name": 3}], "examples": "x"}})
    assert section.blocks
