"""Nothing hides in the text of strangers, and nothing of it acts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.report.visible import clip, one_line, visible, visible_tree

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\u200bb", "a[U+200B]b"),
        ("pay\u202elive\u202c", "pay[U+202E]live[U+202C]"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("\ud800", "[U+D800]"),
        ("x\U000e0041y", "x[U+E0041]y"),
        ("\ufeffstart", "[U+FEFF]start"),
        ("heart\ufe0f", "heart[U+FE0F]"),
        ("so\u00adft", "so[U+00AD]ft"),
        ("a\u200b\u200b\u200b\u200bb", "a[U+200B x4]b"),
        ("line\r\nline\ttab", "line\nline\ttab"),
        ("old\rmac", "old[U+000D]mac"),
    ],
)
def test_hidden_characters_are_written_out(text, says):
    assert visible(text) == says


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "na\u00efve caf\u00e9",
        "\u4f60\u597d\u3000",
        "\u0645\u0631\u062d\u0628\u0627",
        "10\u202f000",
        "\U0001f600",
        "\u0600",
    ],
)
def test_text_that_can_be_seen_stays_as_it_is(text):
    assert visible(text) == text


@given(ANY_TEXT)
def test_no_control_format_or_surrogate_character_is_left(text):
    left = {letter for letter in visible(text) if letter not in "\n\t"}
    shaped = {
        "\u0600",
        "\u0601",
        "\u0602",
        "\u0603",
        "\u0604",
        "\u0605",
        "\u06dd",
        "\u070f",
        "\u0890",
        "\u0891",
        "\u08e2",
        "\U000110bd",
        "\U000110cd",
    }
    assert not {
        letter
        for letter in left - shaped
        if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    }
    visible(text).encode("utf-8")


@given(ANY_TEXT)
def test_what_is_visible_already_does_not_change(text):
    assert visible(visible(text)) == visible(text)


@given(ANY_TEXT, st.integers(1, 40))
def test_clipping_keeps_to_its_limit_and_never_halves_an_escape(text, limit):
    short = clip(visible(text), limit)
    assert len(short) <= limit
    assert "[U+" not in short or "]" in short[short.rfind("[U+") :] or "[U+" in text


@given(ANY_TEXT)
def test_one_line_holds_no_line_break(text):
    assert len(one_line(visible(text)).splitlines()) <= 1


def test_a_tree_is_cleaned_in_its_keys_too():
    assert visible_tree({"a\u200b": ["\x00", 1, None, {"b": "\u202e"}]}) == {
        "a[U+200B]": ["[U+0000]", 1, None, {"b": "[U+202E]"}]
    }
