"""The page and the lines of an audit of pictures: of documents that are whole, hostile or empty."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import hostile
from test_page import spoiled
from test_terminal import printed, terminal

from wellkeeper.report.images import image_lines, print_images, render_images
from wellkeeper.report.sections.images import data_address

EXAMPLE = {
    "row": 0,
    "id": "folder/with/a/name/that/is/much/longer/than/anyone/would/want/it/to/be/picture.png",
    "origin": "ai-generated",
    "declared": "unknown",
    "generator": "sd_xl (ComfyUI)",
    "evidence": [{"kind": "generator-metadata", "matched": "png-text prompt: {...}"}],
}
WHOLE = {
    "schema": "wellkeeper.audit-images/1",
    "version": "0.1.0",
    "inputs": {
        "documents": 100, "bytes": 5_000_000, "quarantined": 2, "files": 102,
        "passed_over": [{"suffix": ".pdf", "files": 3}],
        "sources": [{"name": "shop", "documents": 100, "bytes": 5_000_000}],
        "formats": [{"format": "image/png", "documents": 100}],
        "quarantine_by_code": [{"code": "image-truncated", "records": 2, "example": {"file": "x.png", "reason": "cut"}}],
        "quarantine": [{"file": "x.png", "line": 0, "offset": -1, "code": "image-truncated", "reason": "cut"}],
    },
    "origin": {
        "resolved": {"human": 1, "ai-generated": 9, "unknown": 90},
        "evidence": [{"kind": "generator-metadata", "title": "parameters", "strength": "declared", "weight": 2.5, "documents": 9}],
        "generators": [{"generator": "sd_xl (ComfyUI)", "documents": 9}],
        "camera_fields": 1,
        "by_source": [{"source": "shop", "documents": 100, "marked_ai": 9}],
        "by_month": [{"month": "2024-05", "documents": 10, "marked_ai": 4}],
        "examples": [EXAMPLE], "broken": [], "conflicting": [],
    },
    "credentials": {"valid": 3, "trusted": 1, "untrusted": 2, "invalid": 1, "unreadable": 0, "unread": 0,
                    "signers": [{"signer": "somebody", "trust": "untrusted", "documents": 2}]},
    "duplicates": {
        "bytes": {"groups": 1, "redundant": 1}, "pixels": {"groups": 1, "redundant": 0},
        "near": {"radius": 10, "confirm_radius": 12, "correlation": 0.9, "simple_correlation": 0.96, "redundant": 4, "largest": 5},
        "examples": [{"size": 5, "members": [
            {"row": 3, "id": "a.png", "width": 64, "height": 32, "bytes": 999, "distance": 0, "same": "first"},
            {"row": 7, "id": "b.png", "width": 32, "height": 16, "bytes": 99, "distance": 4, "same": "near"}]}],
    },
    "rights": {"licence": [], "unknown_licence": 100, "opted_out": 2},
    "findings": [{"code": "WK701", "severity": "warning", "title": "9 images", "detail": "d", "next": "n"}],
    "verdict": "findings",
    "run": {"started": "2026-11-22T00:00:00+00:00", "seconds": 1.0, "workers": 2},
}  # fmt: skip


def test_the_lines_tell_the_verdict_then_each_figure_with_what_it_stands_beside():
    assert image_lines(WHOLE) == [
        "1 warning to settle before training on 100 images.",
        "Images: 100 (5.0 MB, 2 quarantined, 3 other files passed over)",
        "Marked AI-made: 9.0% (at least; most by sd_xl (ComfyUI))",
        "Origin unknown: 90.0% (1 human by label or trusted signature)",
        "Valid credentials: 3 (1 by a signer you trust; 1 broken)",
        "Copies: 5.0% (1 the same pixels, 4 alike)",
        "Licence unknown: 100% (2 refuse training)",
        "warning WK701: 9 images. Next: n",
    ]


def test_the_terminal_says_the_same():
    console = terminal()
    print_images(WHOLE, console, {"report": "out/report.html"})
    shown = printed(console)
    assert "1 warning to settle before training on 100 images." in shown
    assert "out/report.html" in shown


def test_pictures_stand_in_the_page_and_a_missing_one_is_said():
    page = render_images(WHOLE, {0: b"\xff\xd8small", 3: b"\xff\xd8first"})
    assert f'<img src="{data_address(bytes([255, 216]) + b"small")}" alt="">' in page
    assert page.count("<img ") == 2
    assert page.count("no picture") == 1
    assert "4 bits from the first" in page
    assert "Group of 5 images, 3 of them not shown" in page
    assert "\u2026" in page
    assert "2 images refuse the training of models" in page.replace("\u202f", " ")


def test_names_of_strangers_are_text_and_nothing_else():
    bad = copy.deepcopy(WHOLE)
    bad["origin"]["examples"][0] |= {
        "id": "<script>alert(1)</script>\u202egnp",
        "generator": '"><img src=x onerror=y>',
    }
    page = render_images(bad, {})
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "[U+202E]" in page
    assert "<script" not in render_images(hostile(WHOLE), {})
    assert not any("\n" in line or "\x1b" in line for line in image_lines(hostile(WHOLE)))


@pytest.mark.parametrize(
    "document", [{}, {"inputs": {}, "origin": None, "duplicates": [], "findings": "none"}]
)
def test_an_empty_document_is_a_page_that_says_so(document):
    assert "Nothing to judge: no image was read." in render_images(document, {})
    assert image_lines(document)[0] == "Nothing to judge: no image was read."


@given(st.data())
def test_no_spoiled_document_breaks_the_page(data):
    document = spoiled(WHOLE, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert "</html>" in render_images(document, {0: b"x"})
    assert image_lines(document)
