"""Words of texts in any script: what is one, where it begins, and that the whole text is made of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.lab.learner import words_of
from wellkeeper.lab.text import LINE, numbered, places_of


def words(document: str, *, marks_apart: bool = True) -> list[str]:
    (text,), vocabulary = numbered([[document]], marks_apart=marks_apart)
    return [vocabulary.words[number] for number in text.words]


def shown(document: str) -> str:
    (text,), vocabulary = numbered([[document]])
    return vocabulary.written(text.words.tolist())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("Don't well-known 3.14 x_1", ["Don't", "well-known", "3", ".", "14", "x_1"]),
        ("cafe\u0301 l\u2019e\u0301te\u0301", ["cafe\u0301", "l\u2019e\u0301te\u0301"]),
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowels are marks
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("soft\u00adhyphen", ["soft\u00adhyphen"]),
        ("今天好。", ["今", "天", "好", "。"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("東京タワー2x", ["東", "京", "タ", "ワ", "ー", "2x"]),
        ("한국어 글", ["한국어", "글"]),
        ("ok ❤\ufe0f", ["ok", "❤\ufe0f"]),
        ("a\ud800b", ["a", "?", "b"]),  # half a character
    ],
)
def test_words_have_their_marks_and_scripts_without_spaces_a_word_for_each_character(
    document: str, expected: list[str]
) -> None:
    assert words(document) == [*expected, LINE]


def test_words_are_those_of_the_rest_of_the_package_where_no_mark_joins_them() -> None:
    for document in (
        "今天天气很好",
        "ภาษาไทยง่าย",
        "हिन्दी में लिखा",
        "мама мыла раму",
        "نص عربي",
        "カタカナ と ひらがな",
    ):
        assert len(words(document)) - 1 == words_of([document]).firsts.size


@pytest.mark.parametrize(
    "document",
    ["今天好。我们去（公园）！\n", "A cat, a dog (two)!\n", "ที่นี่\n", "हिन्दी में।\n".replace("।", ",")],
)
def test_what_was_read_is_written_as_it_was(document: str) -> None:
    assert shown(document) == document


@given(st.text(st.characters(), max_size=60))
def test_all_but_white_space_is_in_a_word_and_words_lie_where_they_are_said_to(document: str) -> None:
    found = words(document)
    whole = re.sub("[\ud800-\udfff]", "?", document)
    assert "".join(word for word in found if word != LINE) == re.sub(r"\s", "", whole)
    places = places_of(document, found).tolist()
    data = document.encode("utf-8", "replace")
    assert places == sorted(places)
    for word, place in zip(found, places, strict=True):
        if word != LINE:
            assert data[place:].startswith(word.encode("utf-8", "replace"))


def test_words_that_white_space_parts_are_left_as_they_are() -> None:
    assert words("<unk> @-@ 今天 .", marks_apart=False) == ["<unk>", "@-@", "今天", ".", LINE]
