"""Items of gold: a label that is known, for a text or an item of the result, and every other line told by its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.review.gold import read_gold
from wellkeeper.review.question import KINDS, QUESTIONS


def lines(tmp_path, *entries):
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in entries) + "\n")
    return path


def test_a_line_is_a_text_with_its_label(tmp_path):
    path = lines(tmp_path, {"text": "Ä", "label": "ai"}, "", {"text": "B", "label": "human", "note": "ours"})
    found = read_gold(path, QUESTIONS["origin"])
    assert [(one.label, one.texts) for one in found] == [("ai", ("Ä",)), ("human", ("B",))]
    item = found[0].item()
    assert (item.texts, item.gold, item.places, item.score) == (("Ä",), "ai", (), None)
    assert item.id.startswith("gold ")


def test_a_line_may_name_an_item_of_the_result_by_its_id(tmp_path):
    (one,) = read_gold(lines(tmp_path, {"id": "doc-1", "label": "human"}), QUESTIONS["origin"])
    assert (one.id, one.name, one.texts) == ("doc-1", "doc-1", ())


def test_two_texts_are_a_pair_with_what_they_answer(tmp_path):
    entry = {"text": "a", "text2": "b", "prompt": "Which?", "label": "second"}
    (one,) = read_gold(lines(tmp_path, entry), QUESTIONS["compare"])
    assert (one.item().texts, one.item().prompt) == (("a", "b"), "Which?")


def test_the_same_line_twice_is_one_item(tmp_path):
    entry = {"text": "a", "label": "ai"}
    assert len(read_gold(lines(tmp_path, entry, entry), QUESTIONS["origin"])) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_label_of_every_question_may_be_gold_but_unsure(tmp_path, kind):
    texts = {"text": "a", "text2": "b"} if kind in {"duplicates", "compare"} else {"text": "a"}
    for label in QUESTIONS[kind].labels:
        path = lines(tmp_path, {**texts, "label": label.name})
        if label.name == "unsure":
            with pytest.raises(InputError, match="line 1: gold is what is known, and unsure is not"):
                read_gold(path, QUESTIONS[kind])
        else:
            assert read_gold(path, QUESTIONS[kind])[0].label == label.name


@pytest.mark.parametrize(
    ("kind", "entry", "said"),
    [
        ("origin", "{", "line 2: this is not JSON"),
        ("origin", "[" * 100_000, "line 2: this is not JSON"),
        ("vet", {"text": "a", "prompt": [{"role": "user"}], "label": "right"}, "line 2: the prompt is no text."),
        ("origin", "[1]", "line 2: this is no JSON object. Write text and label"),
        ("origin", {"text": "a"}, "line 2: None is no answer to this question. Answer human, ai, mixed, unsure."),
        ("origin", {"text": "a", "label": "humen"}, "line 2: humen is no answer to this question. Did you mean human?"),
        ("origin", {"label": "ai"}, "line 2: no item. Write a text, or the id of a text of the result, beside"),
        ("origin", {"text": "", "label": "ai"}, "line 2: no item."),
        ("origin", {"text": 3, "label": "ai"}, "line 2: no item."),
        ("duplicates", {"text": "a", "label": "same"}, "line 2: no item. Write text and text2 beside the label."),
        ("compare", {"id": "a", "label": "first"}, "line 2: no item. Write text and text2 beside the label."),
        ("origin", {"text": "known", "label": "human"}, "line 2: the same item is ai further up, and human here."),
    ],
)  # fmt: skip
def test_a_line_that_is_no_gold_is_told_by_its_number(tmp_path, kind, entry, said):
    label = {"origin": "ai", "vet": "right", "duplicates": "different", "compare": "both-bad"}[kind]
    first = {"text": "known", "text2": "y", "label": label}
    with pytest.raises(InputError) as error:
        read_gold(lines(tmp_path, first, entry), QUESTIONS[kind])
    assert said in str(error.value)


def test_a_file_without_gold_and_one_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no gold. Write JSON lines with text and label"):
        read_gold(lines(tmp_path, ""), QUESTIONS["origin"])
    with pytest.raises(InputError, match="cannot be read"):
        read_gold(tmp_path / "none.jsonl", QUESTIONS["origin"])


@given(st.text(min_size=1), st.text(min_size=1))
def test_items_of_gold_are_called_alike_if_and_only_if_they_show_the_same(tmp_path_factory, one, other):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": "ai"}) + "\n" for text in (one, other)))
    assert len(read_gold(path, QUESTIONS["origin"])) == (1 if one == other else 2)
