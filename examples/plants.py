"""What is planted in the example corpus: copies, chat artefacts, quotations, poor pages, broken records.

Every maker is a pure function of its arguments; randomness comes in as a `random.Random`.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# --- near-duplicates ---------------------------------------------------------------------------------------

_HEADERS = (
    "Skip to main content. Home, topics, archive, about, contact.",
    "Sign in or create a free account to follow this topic and get a weekly digest.",
    "You are reading the printer-friendly version of this page.",
    "Share this page by mail or save it to your reading list.",
)
_FOOTERS = (
    "Was this page helpful? Tell us what you think. All rights remain with the authors.",
    "Subscribe to our newsletter. You can leave at any time. Read our privacy notice and our terms of use.",
    "Posted in the open discussion area. Replies are closed for this topic. Back to the top of the page.",
    "We use cookies to remember your settings and to count visits. Accept all or choose your settings.",
)


def boilerplate(text: str, rng: random.Random) -> str:
    """The text with the furniture of a web site above and below it."""
    return f"{rng.choice(_HEADERS)}\n\n{text}\n\n{rng.choice(_FOOTERS)}"


def edited(text: str, rng: random.Random, *, share: float, run: int) -> str:
    """The text with `share` of its words replaced by others of its own, in runs of `run` neighbours.

    One run of r words changes at most r + 4 word 5-grams, so edits in runs cost less similarity.
    """
    parts = re.split(r"(\s+)", text)
    places = [place for place in range(0, len(parts), 2) if re.search(r"\w", parts[place])]
    pool = [match[0] for place in places if (match := re.search(r"\w+", parts[place]))]
    runs = max(1, round(share * len(places) / run))
    stride = len(places) // runs
    for block in range(runs):
        start = block * stride + rng.randrange(max(1, stride - run + 1))
        for place in places[start : start + run]:
            parts[place] = re.sub(r"\w+(?:['\u2019-]\w+)*", lambda _: rng.choice(pool), parts[place], count=1)
    return "".join(parts)


def phrases_edited(text: str, rng: random.Random) -> str:
    """3% of the words replaced, three neighbours at a time."""
    return edited(text, rng, share=0.03, run=3)


def words_scattered(text: str, rng: random.Random) -> str:
    """6% of the words replaced, one here and one there: related, yet no near-duplicate at 0.8."""
    return edited(text, rng, share=0.06, run=1)


def truncated(text: str, rng: random.Random) -> str:
    """The first 88% of the words, with the white space between them."""
    del rng
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return text[: ends[int(0.88 * len(ends)) - 1]]


def respelled(text: str, rng: random.Random) -> str:
    """Other quotation marks, white space or case; the very same words."""
    choice = rng.randrange(3)
    if choice == 0:
        text = re.sub(r'(?<!\S)"', "\u201c", text).replace('"', "\u201d").replace("'", "\u2019")
        return re.sub(r"^[^.!?]+", lambda first: first[0].upper(), text, count=1)
    if choice == 1:
        return re.sub(r"[ \t]+", " ", text.lower()) + "\n"
    return re.sub(r"([.!?]) +", r"\1  ", re.sub(r"\s*\n\s*", " ", text)) + " "


NEAR_KINDS: Mapping[str, tuple[Callable[[str, random.Random], str], int]] = {
    "boilerplate": (boilerplate, 260),
    "phrases-edited": (phrases_edited, 120),
    "truncated": (truncated, 150),
    "respelled": (respelled, 80),
}
"""Kind -> its maker, and the fewest words an original must have."""

# --- chat artefacts ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A trace of a chat tool: `text` goes where `place` says, `times` times.

    `kind` is the evidence kind; `fragment` the part of `text` that gives it away, once in each `text`.
    """

    kind: str
    text: str
    fragment: str
    place: str  # "first": its own line before all; "last": after all; "sentence": glued to ends of sentences
    times: int = 1


def _artefact(kind: str, place: str, text: str, fragment: str | None = None, times: int = 1) -> Artefact:
    return Artefact(kind=kind, text=text, fragment=fragment or text, place=place, times=times)


ARTEFACTS = (
    _artefact("citation-marker", "sentence", " citeturn0search3", "turn0search3", 3),
    _artefact("citation-marker", "sentence", " (turn1news12)", "turn1news12"),
    _artefact("citation-marker", "sentence", " :contentReference[oaicite:0]{index=0}", "oaicite:0", 2),
    _artefact("citation-marker", "sentence", "\u30104\u2020source\u3011", times=2),
    _artefact("citation-marker", "sentence", " [cite_start]", "[cite_start]", 2),
    _artefact("citation-marker", "sentence", " [cite: 12, 14]", "[cite: 12, 14]", 2),
    _artefact(
        "citation-marker",
        "last",
        "[Download the table](sandbox:/mnt/data/summary_table.csv)",
        "sandbox:/mnt/data/summary_table.csv",
    ),
    _artefact(
        "citation-marker",
        "last",
        "[oai_citation:2\u2021example.org](https://example.org/report)",
        "[oai_citation:2",
    ),
    _artefact(
        "assistant-voice",
        "first",
        "As an AI language model, I cannot check the most recent figures, but here is an overview.",
        "As an AI language model",
    ),
    _artefact(
        "assistant-voice",
        "last",
        "As of my last knowledge update in September 2021, this had not changed.",
        "As of my last knowledge update",
    ),
    _artefact(
        "assistant-voice",
        "first",
        "I'm sorry, but I cannot fulfill this request as it stands. A shorter form follows.",
        "I'm sorry, but I cannot fulfill this request",
    ),
    _artefact(
        "assistant-voice",
        "first",
        "Certainly! Here is a revised version of your text:",
        "Certainly! Here is a revised",
    ),
    _artefact("assistant-voice", "last", "Regenerate response"),
    _artefact(
        "assistant-voice",
        "last",
        "I don't have personal opinions or beliefs, but the points above cover both sides.",
        "I don't have personal opinions",
    ),
    _artefact("chat-template", "first", "<|im_start|>assistant", "<|im_start|>"),
    _artefact("chat-template", "last", "<|eot_id|>"),
    _artefact("chat-template", "first", "Rewrite the passage below. [/INST]", "[/INST]"),
    _artefact("chat-template", "first", "<start_of_turn>model", "<start_of_turn>"),
    _artefact(
        "chat-referrer",
        "last",
        "Source: https://example.org/report?utm_source=chatgpt.com",
        "utm_source=chatgpt.com",
    ),
    _artefact(
        "chat-referrer",
        "last",
        "See https://example.com/a/survey?id=7&utm_source=chatgpt.com for the full survey.",
        "utm_source=chatgpt.com",
    ),
    _artefact("chat-referrer", "last", "https://example.net/news?utm_source=openai", "utm_source=openai"),
    _artefact(
        "chat-referrer", "last", "https://example.org/x?utm_source=copilot.com", "utm_source=copilot.com"
    ),
    _artefact("unfilled-slot", "last", "Kind regards,\n[Your Name]", "[Your Name]"),
    _artefact("unfilled-slot", "last", "Last reviewed on [Insert date here].", "[Insert date here]"),
    _artefact("unfilled-slot", "last", "Written by [Your Title] for the members' letter.", "[Your Title]"),
)
"""25 traces as they are found in the wild (Academ-AI, arXiv:2411.15218; Wikipedia, Signs of AI writing)."""


def with_artefact(text: str, artefact: Artefact, rng: random.Random) -> str | None:
    """The text with the artefact in it; None where it has too few sentence ends to hold it."""
    if artefact.place == "first":
        return f"{artefact.text}\n{text}"
    if artefact.place == "last":
        return f"{text}\n{artefact.text}"
    ends = [match.end() for match in re.finditer(r"[a-z][.!?](?=\s|$)", text)]
    if len(ends) < artefact.times:
        return None
    for end in sorted(rng.sample(ends, artefact.times), reverse=True):
        text = text[:end] + artefact.text + text[end:]
    return text


QUOTATIONS = (
    (
        "assistant-voice",
        "as an AI language model",
        (
            "A reader sent us a product page last week that began, in all seriousness, with the sentence "
            '"as an AI language model, I do not have a favourite kettle". Nobody had looked at the page '
            "before it went live. The shop has since taken it down. We wrote to them and asked who checks "
            "their descriptions, and the answer was that nobody does: the texts come from a supplier, in "
            "bulk, every Thursday night, and go straight to the site."
        ),
    ),
    (
        "assistant-voice",
        "Regenerate response",
        (
            "Librarians have begun to search their own repositories for traces of chat windows. The best "
            "known is the label of a button: the phrase \u201cRegenerate response\u201d has turned up in "
            "the middle of published articles, copied along with the paragraph above it. An editor who "
            "finds it does not need a detector. What the find does not tell is how much of the rest was "
            "written by the person whose name stands at the top."
        ),
    ),
    (
        "assistant-voice",
        "As of my last knowledge update",
        (
            "How do teachers notice? Often by a single line that nobody would write by hand. One of them "
            "keeps a list on the wall of the staff room. At the top stands \u201cAs of my last knowledge "
            "update\u201d, with four tally marks beside it since September. Below it she has pinned a "
            "short note that says what to do next: talk to the pupil, ask about the sources, and never "
            "rest a mark on the phrase alone."
        ),
    ),
    (
        "assistant-voice",
        "I'm sorry, but I cannot fulfill this request",
        (
            "The listings were noticed because of their names. A garden chair was on sale under the title "
            '"I\'m sorry, but I cannot fulfill this request", in three colours. ChatGPT had replied with '
            "a refusal to whoever asked it for product titles, and the refusal went into the catalogue. "
            "The seller had several hundred such items. Most of them were removed within a day of the "
            "first newspaper report."
        ),
    ),
    (
        "citation-marker",
        "turn0search0",
        (
            "Editors of an open encyclopedia describe the marks that give careless pasting away. Strings "
            "such as `turn0search0` are left behind when a reply with references is copied out of its "
            "window, because the reference itself stays there. They are easy to search for and mean little "
            "to a reader. The advice is to look at the whole edit: whether the sources exist, whether they "
            "say what the text says they say, and who added them."
        ),
    ),
    (
        "chat-template",
        "<|im_start|>",
        (
            "The manual for the chat library explains how a conversation becomes one long text. Each turn "
            "is opened by a special token, written `<|im_start|>`, followed by the name of the speaker, "
            "and closed by another. A tokenizer turns both into single numbers. Whoever collects training "
            "text should look for such tokens in pages where they have no business, and leave them alone "
            "in manuals like this one, where they are being explained."
        ),
    ),
)
"""Kind, phrase and text of pages that talk about such traces, which is no trace. Written by an assistant for
this example, and labelled so in the truth."""

# --- poor pages --------------------------------------------------------------------------------------------

_THINGS_LISTED = (
    "anchor apron arrow autumn bakery basket beacon bicycle blanket bottle bridge bucket butter button "
    "cabin camera candle canvas carpet castle cellar chapel cherry cinema circus clover coffee copper "
    "corner cottage cotton cradle cushion dairy desert dinner dragon engine estate fabric feather "
    "ferry fiddle flower forest garden garlic ginger guitar hammer harbor helmet honey island jacket "
    "jungle kettle kitchen ladder lantern leather lemon letter linen lizard magnet market meadow "
    "mirror monkey mountain needle office orchard oyster palace paper parcel pepper pillow planet "
    "pocket potato prairie pumpkin quarry rabbit ribbon river rocket saddle salmon school shadow "
    "shelter silver spider station summer tailor temple ticket timber tomato tunnel turtle valley "
    "velvet violin wagon walnut whistle window winter wizard yogurt"
)
_LATIN_LISTED = (
    "ad aliqua aliquip amet anim aute cillum commodo consectetur consequat culpa cupidatat deserunt do "
    "dolor dolore duis ea eiusmod elit enim esse est eu ex excepteur exercitation fugiat id in "
    "incididunt irure labore laboris laborum magna minim mollit nisi non nostrud nulla occaecat "
    "officia pariatur proident qui quis reprehenderit sed sint sit sunt tempor ullamco ut velit veniam "
    "voluptate"
)
_THINGS = _THINGS_LISTED.split()
_LATIN = _LATIN_LISTED.split()


def _sentence(rng: random.Random) -> str:
    one, two, three, four = rng.sample(_THINGS, 4)
    return f"The {one} and the {two} have to be near the {three} with that {four}."


def _sentences(rng: random.Random, count: int) -> str:
    return " ".join(_sentence(rng) for _ in range(count))


def too_short(rng: random.Random) -> str:
    return _sentences(rng, rng.randint(1, 3))


def repeated_lines(rng: random.Random) -> str:
    again = _sentence(rng)
    return "\n".join([_sentence(rng), *[again] * rng.randint(5, 9), _sentence(rng), again])


def hash_heavy(rng: random.Random) -> str:
    tags = " ".join(f"#{word}" for word in rng.sample(_THINGS, 30))
    return f"{_sentences(rng, 3)}\n{tags}"


def ellipsis_lines(rng: random.Random) -> str:
    return "\n".join(f"{_sentence(rng)[:-1]}..." for _ in range(rng.randint(6, 9)))


def bullets(rng: random.Random) -> str:
    return "\n".join(f"- {_sentence(rng)}" for _ in range(rng.randint(8, 12)))


def lorem_ipsum(rng: random.Random) -> str:
    filler = " ".join(rng.choices(_LATIN, k=70)).capitalize()
    return f"Lorem ipsum dolor sit amet. {filler}.\n{_sentences(rng, 2)}"


def curly_brackets(rng: random.Random) -> str:
    rules = "\n".join(f".{name} {{ margin: {rng.randrange(40)}px; }}" for name in rng.sample(_THINGS, 6))
    return f"{_sentences(rng, 5)}\n{rules}"


def keywords(rng: random.Random) -> str:
    return ", ".join(rng.sample(_THINGS, 70)) + "."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A published rule: a text fails it where the signal is below `least` or above `most`."""

    name: str
    signal: str
    source: str
    least: float | None = None
    most: float | None = None

    def fails(self, value: float) -> bool:
        return (self.least is not None and value < self.least) or (
            self.most is not None and value > self.most
        )


_GOPHER = "Gopher, Rae et al. 2021 (arXiv:2112.11446), Table A1 and section A.1.1"
_C4 = "C4, Raffel et al. 2020 (arXiv:1910.10683), section 2.2"

POOR_PAGES: tuple[tuple[int, Callable[[random.Random], str], Rule], ...] = (
    (5, too_short, Rule(name="too-few-words", signal="words", least=50, source=_GOPHER)),
    (
        6,
        repeated_lines,
        Rule(name="repeated-lines", signal="duplicate_line_share", most=0.3, source=_GOPHER),
    ),
    (4, hash_heavy, Rule(name="hash-symbols", signal="hash_ratio", most=0.1, source=_GOPHER)),
    (3, ellipsis_lines, Rule(name="ellipsis-lines", signal="ellipsis_line_share", most=0.3, source=_GOPHER)),
    (3, bullets, Rule(name="bullet-lines", signal="bullet_line_share", most=0.9, source=_GOPHER)),
    (3, lorem_ipsum, Rule(name="lorem-ipsum", signal="lorem_ipsum", most=0, source=_C4)),
    (3, curly_brackets, Rule(name="curly-brackets", signal="curly_brackets", most=0, source=_C4)),
    (3, keywords, Rule(name="too-few-stop-words", signal="stop_words_distinct", least=2, source=_GOPHER)),
)
"""How many, how made, and the rule each of them must fail."""

# --- broken records ----------------------------------------------------------------------------------------


def broken_records(board: str, texts: Sequence[str]) -> list[tuple[str, bytes]]:
    """Code and line of seven records that no reader can make a document of."""

    def line(number: int, **fields: Any) -> str:
        return json.dumps({"id": f"forum-broken-{number}", "board": board, **fields}, ensure_ascii=False)

    whole = [line(number, content=text) for number, text in enumerate(texts[:3], 1)]
    return [
        ("json-syntax", whole[0][: len(whole[0]) // 2].encode()),  # a write that was cut off
        ("json-syntax", whole[1].replace('", "board"', '" "board"', 1).encode()),  # a lost comma
        ("json-syntax", whole[2].replace('"id"', "id", 1).encode()),  # a bare key
        ("utf8", line(4, content=texts[3].replace("e", "\u00e9", 5)).encode("latin-1", errors="ignore")),
        ("text-null", line(5, content=None).encode()),
        ("text-missing", line(6).encode()),
        ("text-type", line(7, content=42).encode()),
    ]
