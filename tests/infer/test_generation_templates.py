"""A template shows the model what its author put in, and a mistake in it is told before anything is asked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.infer.templates import (
    CHAT_TEMPLATES,
    FIELDS,
    PLAIN_TEMPLATES,
    Template,
    digest_of,
    filled,
    opening,
    templates_of,
)


def test_templates_are_read_with_their_names_or_numbers():
    given_ = {"templates": [{"text": "On {topic}."}, {"name": "b", "text": "{seed}", "system": "Be dry."}]}
    assert templates_of(given_, "t.yaml") == (
        Template(name="1", text="On {topic}."),
        Template(name="b", text="{seed}", system="Be dry."),
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "t.yaml has no list `templates`. Give one, with a name and a text for each template."),
        (
            {"templates": [{"text": "{sede}"}]},
            "template 1 uses {sede}, and no such field is known. Use {seed}, {topic} and {words}.",
        ),
        ({"templates": [{"text": "Write."}]}, "template 1 shows the model nothing of the human text"),
        (
            {"templates": [{"text": "{seed}", "nmae": "x"}]},
            "template 1 needs a `text`, may have a `name` and a `system`",
        ),
        ({"templates": [{"text": 3}]}, "template 1 needs a `text`"),
        (
            {"templates": [{"name": "a", "text": "{seed}"}] * 2},
            "t.yaml has two templates of the name a. Give each its own.",
        ),
        ({"templates": [{"text": "{seed}", "system": "{x}"}]}, "template 1 uses {x}"),
    ],
)
def test_a_mistake_is_told_with_the_next_step(document, says):
    with pytest.raises(InputError, match=re.escape(says)):
        templates_of(document, "t.yaml")


@given(st.text(), st.text(), st.text())
def test_fields_are_filled_once_and_braces_of_a_text_stay(seed, topic, words):
    template = Template(name="a", text="<{seed}|{topic}|{words}>")
    assert filled(template, seed=seed, topic=topic, words=words) == f"<{seed}|{topic}|{words}>"


def test_a_message_of_the_system_makes_two_messages():
    template = Template(name="a", text="{seed}", system="On {topic}.")
    assert filled(template, seed="s", topic="t", words="") == [
        {"role": "system", "content": "On t."},
        {"role": "user", "content": "s"},
    ]


@given(st.text(), st.integers(1, 40))
def test_an_opening_is_a_beginning_of_bounded_length(text, words):
    found = opening(text, words)
    assert text.strip().startswith(found)
    assert len(found.split()) <= words
    assert len(found) <= 12 * words


def test_templates_built_in_show_something_and_have_names_of_their_own():
    for some in (CHAT_TEMPLATES, PLAIN_TEMPLATES):
        assert all(template.fields and template.fields <= set(FIELDS) for template in some)
        assert len({template.name for template in some}) == len(some)
    assert digest_of(CHAT_TEMPLATES) != digest_of(PLAIN_TEMPLATES)
