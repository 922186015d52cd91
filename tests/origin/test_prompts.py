"""What a model is asked holds what it should and no more; of what it answers only the text is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.refusal import is_refusal
from wellkeeper.errors import InputError
from wellkeeper.kernels.style import CHARS
from wellkeeper.origin.prompts import (
    CHAT_PROMPTS,
    PLAIN_PROMPTS,
    Prompt,
    cleaned,
    digest_of,
    filled,
    prompts_of,
    tokens_for,
)

texts = st.text(min_size=1, max_size=400).filter(lambda text: text.strip())


@given(texts, st.text(max_size=100))
def test_every_built_in_step_can_be_filled_with_any_text(text: str, previous: str) -> None:
    for prompt in (*CHAT_PROMPTS, *PLAIN_PROMPTS):
        for step in prompt.steps:
            made = filled(step, text, previous=previous)
            for field in ("{text}", "{opening}", "{words}", "{previous}"):
                assert made.count(field) <= (text + previous).count(field)


def test_the_outline_alone_decides_what_is_written_from_it() -> None:
    outline, written = CHAT_PROMPTS[0].steps
    assert "SECRET" in filled(outline, "SECRET words")
    assert "SECRET" not in filled(written, "SECRET words", previous="- a point")
    assert "- a point" in filled(written, "SECRET words", previous="- a point")


def test_braces_in_a_text_are_no_fields() -> None:
    assert filled("{text}!", "a {words} {previous} {} b", previous="p") == "a {words} {previous} {} b!"


def test_as_many_words_are_asked_for_as_the_part_that_is_read_has() -> None:
    assert filled("{words}", "one two three") == "3"
    long = "word " * 10_000
    assert int(filled("{words}", long)) == CHARS // 5
    assert len(filled("{text}", long)) <= CHARS
    assert filled("{text}", long).endswith("word")


def test_a_continuation_is_as_long_as_what_is_left_after_the_opening() -> None:
    text = " ".join(f"w{number}" for number in range(200))
    assert filled("{opening}", text).split() == text.split()[:50]
    assert filled("{opening}|{words}", text).endswith("|150")
    assert filled("{opening}", " ".join(text.split()[:20])).split() == text.split()[:15]
    assert len(filled("{opening}", text * 5).split()) == 60


def test_a_script_without_spaces_is_measured_by_its_letters() -> None:
    text = "水" * 1200
    assert filled("{words}", text) == "100"
    assert 100 < len(filled("{opening}", text)) < 700


def test_an_answer_has_room_for_as_many_words_as_it_should_have() -> None:
    assert tokens_for("word " * 100) == 96 + 250
    assert tokens_for("word " * 100_000) == tokens_for("word " * 500)


# --- prompts of the user --------------------------------------------------------------------------------


def test_prompts_of_a_file_keep_their_order_and_names() -> None:
    document = {"prompts": [{"name": "b", "steps": ["{text}"]}, {"steps": ["{opening}", "{previous}"]}]}
    assert prompts_of(document, "p.yaml") == (
        Prompt(name="b", steps=("{text}",)),
        Prompt(name="2", steps=("{opening}", "{previous}")),
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], r"p\.yaml has no list `prompts`\. Give one with a name and steps for each prompt\."),
        ({"prompts": []}, r"has no list `prompts`"),
        ({"prompts": "x"}, r"has no list `prompts`"),
        ({"prompts": ["x"]}, r"prompt 1 needs a `name` and `steps`, a list of texts, and nothing else\."),
        ({"prompts": [{"steps": ["{text}"]}, {"steps": []}]}, r"prompt 2 needs a `name`"),
        ({"prompts": [{"steps": ["{text}"], "step": "x"}]}, r"prompt 1 needs a `name`"),
        ({"prompts": [{"steps": [" "]}]}, r"prompt 1 needs a `name`"),
        (
            {"prompts": [{"name": "a", "steps": ["{txt}"]}]},
            r"prompt a, step 1 uses \{txt\}, but no such field is known\. Use \{text\}, \{opening\}, \{words\}, \{previous\}\.",
        ),
        (
            {"prompts": [{"name": "a", "steps": ["{previous}"]}]},
            r"prompt a, step 1 uses \{previous\}, but there is no step before it\.",
        ),
        (
            {"prompts": [{"name": "a", "steps": ["Write {words} words.", "{text}"]}]},
            r"prompt a shows the model nothing of the human text\. Put \{text\} or \{opening\} into its first step\.",
        ),
    ],
)
def test_prompts_that_cannot_work_are_refused(document: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prompts_of(document, "p.yaml")


def test_the_digest_tells_any_change_of_a_prompt() -> None:
    prompts = [("a", ("x", "y")), ("a", ("xy",)), ("ax", ("y",)), ("a", ("y", "x"))]
    digests = {digest_of([Prompt(name=name, steps=steps)]) for name, steps in prompts}
    assert len(digests) == len(prompts)
    assert digest_of(CHAT_PROMPTS) == digest_of(CHAT_PROMPTS)


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m really sorry, but I cannot assist with this request.",
        "Sorry, I can\u2019t write that.",
        "I cannot fulfill this request.",
        "I'm unable to continue this text.",
        "Unfortunately, I am not able to provide that.",
        "I apologize, but I won't write this.",
        "I must respectfully decline.",
        "As an AI language model, I have no letters.",
        "As a large language model I do not write letters.",
    ],
)
def test_what_declines_is_a_refusal(answer: str) -> None:
    assert is_refusal(answer, "stop")


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry for the late reply, Anna.",
        "I am so sorry to hear of your loss.",
        "I can't believe it is June already.",
        "Unfortunately, I cannot come on Sunday.",
        "Sorry, we are closed.",
        "As an aide to the minister, she knew.",
        "I won't forget the lake.",
        "",
    ],
)
def test_what_people_write_is_none(answer: str) -> None:
    assert not is_refusal(answer, "stop")


@pytest.mark.parametrize("finish", ["refusal", "content_filter"])
def test_a_filter_of_the_server_is_a_refusal(finish: str) -> None:
    assert is_refusal("It rained.", finish)


@pytest.mark.parametrize(
    ("answer", "finish", "text"),
    [
        ("It rained.", "stop", "It rained."),
        ("  It rained.\n", "stop", "It rained."),
        ("Sure! Here is the text:\n\nIt rained.", "stop", "It rained."),
        ("Here\u2019s a rewrite of about 90 words:\n\nIt rained.", "stop", "It rained."),
        ("Here is the news.\n\nIt rained.", "stop", "Here is the news.\n\nIt rained."),
        ("<think>Hm.\nA letter.</think>\n\nIt rained.", "stop", "It rained."),
        ("<think>never ends", "length", ""),
        ("It rained. It po", "length", "It rained."),
        ("It rained. It po", "stop", "It rained. It po"),
        ("No end at all", "length", "No end at all"),
        ("雨。雪", "length", "雨。雪"),
        ("He said \u201cyes.\u201d Then", "length", "He said \u201cyes.\u201d"),
    ],
)  # fmt: skip
def test_of_an_answer_only_the_text_is_left(answer: str, finish: str, text: str) -> None:
    assert cleaned(answer, finish) == text


@given(st.text())
def test_cleaning_twice_changes_nothing_that_has_no_preamble(answer: str) -> None:
    once = cleaned(answer, "length")
    assert len(once) <= len(answer)
    assert once == once.strip()
