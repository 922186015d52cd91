"""What a model is asked for when it is to write texts like some human ones: templates with three fields.

`{seed}` is the beginning of one or several human documents, `{topic}` the words that name their topic, and `{words}`
words that are rare in human text and that stand in documents of this topic. Whoever knows the field writes templates of
their own; those built in are for want of better ones. Several templates are used in turn, so that a set does not have
the manner of one of them.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellkeeper.core.answers import Prompt
from wellkeeper.errors import InputError

FIELDS = ("seed", "topic", "words")
_KEYS = {"name", "text", "system"}
_FIELD = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"\S+")
_CHARS_A_WORD = 12  # more stand for several words: the script sets none apart
BETWEEN = "\n\n"
"""What stands between two seeds of one prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One way of asking for a text."""

    name: str
    text: str
    system: str = ""  # message of the system; "": none

    @property
    def fields(self) -> frozenset[str]:
        """Which of `FIELDS` it shows the model."""
        return frozenset(_FIELD.findall(self.text))


_ONLY = "Give only the text."

CHAT_TEMPLATES: tuple[Template, ...] = (
    Template(
        name="another-text",
        text="Here is the beginning of a text:\n\n{seed}\n\nWrite a passage of another text on the same subject, with "
        "other facts, in the same manner. " + _ONLY,
    ),
    Template(
        name="topic-and-words",
        text="Write a detailed passage about this subject: {topic}. Use the words {words}. " + _ONLY,
    ),
    Template(
        name="continue",
        text="Continue the text that begins as below. Do not repeat its beginning. " + _ONLY + "\n\n{seed}",
    ),
)
"""For models that follow instructions."""

PLAIN_TEMPLATES: tuple[Template, ...] = (
    Template(name="continue", text="{seed}"),
    Template(name="words-and-continue", text="{topic}, {words}\n\n{seed}"),
)
"""For models that only continue text."""


def templates_of(document: object, name: str) -> tuple[Template, ...]:
    """Templates as a file gives them: `templates:`, a list of `name`, `text` and perhaps `system`.

    Args:
        document: plain values, from YAML or JSON.
        name: of the file, for messages.

    Raises:
        InputError: the document is not of that form, two have one name, or a text has a field that is not known, or
            none.
    """
    listed = document.get("templates") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise InputError(
            f"{name} has no list `templates`. Give one, with a name and a text for each template."
        )
    made = [_template(given, number, name) for number, given in enumerate(listed, 1)]
    names = [template.name for template in made]
    twins = [one for one in names if names.count(one) > 1]
    if twins:
        raise InputError(f"{name} has two templates of the name {twins[0]}. Give each its own.")
    return tuple(made)


def _template(given: object, number: int, file: str) -> Template:
    if (
        not isinstance(given, dict)
        or set(given) - _KEYS
        or not all(isinstance(value, str) for value in given.values())
        or not str(given.get("text", "")).strip()
    ):
        raise InputError(
            f"{file}: template {number} needs a `text`, may have a `name` and a `system`, all texts, and has nothing "
            "else."
        )
    template = Template(
        name=given.get("name") or str(number), text=given["text"], system=given.get("system", "")
    )
    unknown = sorted((template.fields | frozenset(_FIELD.findall(template.system))) - set(FIELDS))
    if unknown:
        raise InputError(
            f"{file}: template {template.name} uses {{{unknown[0]}}}, and no such field is known. Use {_listed()}."
        )
    if not template.fields:
        raise InputError(
            f"{file}: template {template.name} shows the model nothing of the human text, and its texts would come "
            f"from the middle. Put {_listed(' or ')} into its text."
        )
    return template


def _listed(last: str = " and ") -> str:
    *most, end = (f"{{{field}}}" for field in FIELDS)
    return ", ".join(most) + last + end


def filled(template: Template, *, seed: str, topic: str, words: str) -> Prompt:
    """The prompt that a template makes; braces inside the texts stay as they are.

    >>> filled(Template(name="a", text="On {topic}: {seed}"), seed="{words}", topic="bees", words="queen")
    'On bees: {words}'
    """
    fields = {"seed": seed, "topic": topic, "words": words}

    def put(text: str) -> str:
        return _FIELD.sub(lambda match: fields.get(match[1], match[0]), text)

    if not template.system:
        return put(template.text)
    return [
        {"role": "system", "content": put(template.system)},
        {"role": "user", "content": put(template.text)},
    ]


def opening(text: str, words: int) -> str:
    """The first words of a text, as they are written; of scripts without spaces as many letters as words take.

    >>> opening("Once upon a time.", 3)
    'Once upon a'
    """
    text = text.strip()
    ends = [match.end() for match in _WORD.finditer(text)][:words]
    return text[: min(ends[-1], _CHARS_A_WORD * words)] if ends else ""


def digest_of(templates: Sequence[Template]) -> str:
    """SHA-256 of the templates, 64 hexadecimal digits."""
    plain = [[template.name, template.text, template.system] for template in templates]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
