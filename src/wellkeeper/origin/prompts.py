"""What a model is asked, so that its text is what somebody would have put in the human one's place.

AI references must differ from the human ones in who wrote them and in nothing else: subject, kind of text and length
are to be the same. The recipe follows [1]: the model condenses a human text to an outline, and from the outline alone,
without the text, writes it anew. Two more kinds are mixed in, since texts come to be in more than one way: a text that
the model continues, and one that it rewrites.

A prompt has steps. Each is a template; `{text}` is the human text, up to the part that a score reads, `{opening}` its
first words, `{words}` how many words to write, `{previous}` the answer to the step before. The last answer is the
reference.

[1] Liang et al., Monitoring AI-modified content at scale: a case study on the impact of ChatGPT on AI conference peer
    reviews, ICML 2024, arXiv:2403.07183, section on the generation of training data.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellkeeper.errors import InputError
from wellkeeper.kernels.style import CHARS

FIELDS = ("text", "opening", "words", "previous")
_FIELD = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"\S+")
_OPENING_SHARE = 0.25  # of a text's words that the model is given to continue
_OPENING_WORDS = (15, 60)  # and how many that is at least and at most
_CHARS_A_WORD = 12  # more stand for several words: the script sets none apart
_TOKENS_A_WORD = 2.5  # room for names and languages that take many
_ROOM = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One way of making an AI reference from a human text."""

    name: str
    steps: tuple[str, ...]


_ONLY = "Give only the text: no title, no introduction, no notes, no Markdown."

CHAT_PROMPTS: tuple[Prompt, ...] = (
    Prompt(
        name="outline",
        steps=(
            (
                "Condense the text below to an outline of short bullet points: what kind of text it is, who it speaks "
                "to, what it says and in which order. Do not quote it, and keep no sentence of it.\n\nText:\n{text}"
            ),
            (
                "Write the full text that this outline describes, of about {words} words, in the language and manner "
                "of its kind of text. " + _ONLY + "\n\nOutline:\n{previous}"
            ),
        ),
    ),
    Prompt(
        name="continue",
        steps=(
            "Continue the text that begins as below with about {words} more words, in the same language and manner. "
            "Do not repeat the beginning. " + _ONLY + "\n\nBeginning:\n{opening}",
        ),
    ),
    Prompt(
        name="rewrite",
        steps=(
            "Rewrite the text below in your own words, in the same language, of the same kind and of about {words} "
            "words. " + _ONLY + "\n\nText:\n{text}",
        ),
    ),
)
"""For models that follow instructions; human references take them in turn."""

PLAIN_PROMPTS: tuple[Prompt, ...] = (Prompt(name="continue", steps=("{opening}",)),)
"""For models that only continue text."""


def prompts_of(document: object, name: str) -> tuple[Prompt, ...]:
    """Prompts as a file gives them: `{"prompts": [{"name": ..., "steps": [...]}]}`, read from YAML or JSON.

    Raises:
        InputError: the document is not of that form, or a step has a field that is not known or not there yet.
    """
    listed = document.get("prompts") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{name} has no list `prompts`. Give one with a name and steps for each prompt.")
    made = []
    for number, given in enumerate(listed, 1):
        steps = given.get("steps") if isinstance(given, dict) else None
        if (
            not isinstance(given, dict)
            or set(given) - {"name", "steps"}
            or not isinstance(steps, list)
            or not steps
            or not all(isinstance(step, str) and step.strip() for step in steps)
        ):
            raise InputError(
                f"{name}: prompt {number} needs a `name` and `steps`, a list of texts, and nothing else."
            )
        prompt = Prompt(name=str(given.get("name", number)), steps=tuple(steps))
        _check(prompt, name)
        made.append(prompt)
    return tuple(made)


def _check(prompt: Prompt, file: str) -> None:
    for number, step in enumerate(prompt.steps):
        for found in _FIELD.findall(step):
            if found not in FIELDS or (found == "previous" and number == 0):
                why = "there is no step before it" if found == "previous" else "no such field is known"
                raise InputError(
                    f"{file}: prompt {prompt.name}, step {number + 1} uses {{{found}}}, but {why}. "
                    f"Use {', '.join('{' + known + '}' for known in FIELDS)}."
                )
    if not any(field in prompt.steps[0] for field in ("{text}", "{opening}")):
        raise InputError(
            f"{file}: prompt {prompt.name} shows the model nothing of the human text. Put {{text}} or {{opening}} into "
            "its first step."
        )


def digest_of(prompts: Sequence[Prompt]) -> str:
    """SHA-256 of the prompts, 64 hexadecimal digits."""
    plain = [[prompt.name, *prompt.steps] for prompt in prompts]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def filled(step: str, text: str, *, previous: str = "") -> str:
    """A step's template with its fields filled in; braces inside the texts stay as they are.

    >>> filled("{words} words on: {previous}", "one two three", previous="{a}")
    '3 words on: {a}'
    """
    read = _cut(text)
    opening = _opening(read)
    words = _words(read) - (_words(opening) if "{opening}" in step else 0)
    fields = {"text": read, "opening": opening, "words": str(max(1, words)), "previous": previous}
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), step)


def _cut(text: str) -> str:
    """The part of a text that a score reads, to the end of its last whole word."""
    read = text.strip()
    return read if len(read) <= CHARS else read[:CHARS].rpartition(" ")[0] or read[:CHARS]


def _words(text: str) -> int:
    """Words, or what stands for one where none are set apart by spaces."""
    return max(len(_WORD.findall(text)), len(text) // _CHARS_A_WORD)


def _opening(text: str) -> str:
    """The first words of a text, a quarter of them."""
    least, most = _OPENING_WORDS
    wanted = min(max(least, round(_words(text) * _OPENING_SHARE)), most)
    ends = [match.end() for match in _WORD.finditer(text)][:wanted]
    return text[: min(ends[-1], _CHARS_A_WORD * wanted)] if ends else ""


def tokens_for(text: str) -> int:
    """Tokens to allow for an answer about as long as the part of a text that a score reads."""
    return _ROOM + math.ceil(_TOKENS_A_WORD * _words(_cut(text)))


# --- answers -----------------------------------------------------------------------------------------------------

_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_PREAMBLE = re.compile(
    r"\A\s*(?:(?:sure|certainly|of course|absolutely|okay)\b[^\n]{0,160}[:.!]|"
    r"here(?:['\u2019]s| is| are)\b[^\n]{0,160}:)\s*\n+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*(?=\s|\Z)")


def cleaned(answer: str, finish: str) -> str:
    r"""The text of an answer without what is said about it; one that met the limit ends with its last whole sentence.

    >>> cleaned("Sure! Here is the text:\n\nIt rained. It po", "length")
    'It rained.'
    """
    text = _PREAMBLE.sub("", _THOUGHT.sub("", answer)).strip()
    if finish == "length":
        ends = [match.end() for match in _SENTENCE_END.finditer(text)]
        text = text[: ends[-1]] if ends else text
    return text
