"""Each trace with a text that has it and one that nearly does; use against mention; exact byte spans."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.evidence import BY_NAME, KINDS
from wellkeeper.origin.artefacts import Hits, examine, scan
from wellkeeper.origin.catalogue import PATTERNS

NAMES = {kind.bit: kind.name for kind in KINDS}
BY_PATTERN = {pattern.name: pattern for pattern in PATTERNS}

# pattern name -> a text that has the trace, a text by a human that comes close
EXAMPLES = {
    "turn0search0": ("It opened in 1931. citeturn0search12 ", "Return 0 search results, then turn around."),
    "oaicite": (
        "in 1931 :contentReference[oaicite:0]{index=0}.",
        "The oaicite project has a contentReference.",
    ),
    "oai_citation": (
        "See [oai_citation:2‡Midtrans](https://x.y)",
        "The column oai_citation holds OAI-PMH ids.",
    ),
    "private-use citation": (
        "Fact.\ue200cite\ue202turn3\ue201",
        "A private glyph \ue200city\ue202 of our font.",
    ),
    "[cite_start]": ("[cite_start]The dam was built in 1931", "call cite_start(key) first"),
    "[cite: 1]": ("The dam was built in 1931 [cite: 3, 14].", "The dam was built [cite: Smith 1931]."),
    "grok_card": (
        '<grok-card data-id="1"></grok-card>',
        "I could grok cards at last, the grokcards game too.",
    ),
    "attributableIndex": ("({“attribution”:{“attributableIndex”:“0-1”}})", "an attributable index of losses"),
    "【1†source】": ("The dam was built in 1931【4:2†source】.", "原文【注†来源】と【4】にあり。"),
    "【1†L1-L2】": ("Built in 1931【12†L4-L9】.", "【12】†L4"),
    "sandbox:/mnt/data": (
        "[Download](sandbox:/mnt/data/report.csv)",
        "mount the sandbox at /mnt/data/report.csv",
    ),
    "[attached_file:1]": ("as the report shows [attached_file:1]", "attached_file: report.pdf"),
    "ppl-ai-file-upload": ("https://ppl-ai-file-upload.s3.amazonaws.com/x", "ppl-ai file upload failed"),
    "as an AI language model": (
        "As an AI\nlanguage model, I do not eat.",
        "As an AI researcher I model language.",
    ),
    "as an AI, I cannot": (
        "As an AI, I don't have a body.",
        "As an AI engineer, I don't have a body of work.",
    ),
    "as a large language model, I": (
        "As a large language model, I know.",
        "BERT serves as a large language model.",
    ),
    "I am an AI language model": (
        "Sorry, I’m just an AI language model.",
        "I am an AI language modelling student.",
    ),
    "I am a language model trained by": (
        "I am a large language model trained by OpenAI.",
        "BLOOM is a large language model trained by volunteers.",
    ),
    "as of my last knowledge update": (
        "As of my last knowledge update, it stood.",
        "In my last update I wrote of it.",
    ),
    "as of my last update in 2021": (
        "as of my last update in September 2021",
        "as of my last update the bug stays",
    ),
    "my knowledge cutoff is": ("My knowledge cutoff is April 2023.", "My knowledge cuts no ice with him."),
    "my training data goes up to 2021": (
        "my training data only goes up until September 2021",
        "my training data goes into a folder of 2021 files",
    ),
    "the data I was trained on": (
        "It reflects the data I was trained on.",
        "the rifle that I was trained on",
    ),
    "I do not have personal opinions": (
        "I don't have personal opinions or feelings.",
        "I don't have personal experience with that car.",
    ),
    "I do not have real-time access": (
        "I don't have access to real-time information.",
        "I don't have access to real-time clocks on this board.",
    ),
    "I cannot fulfil this request": (
        "I'm sorry, but I cannot fulfill this request.",
        "I am sorry, but I cannot fulfil your order before May.",
    ),
    "certainly, here is a possible introduction": (
        "Certainly! Here is a revised version:",
        "Certainly! Here is a photo of the patch.",
    ),
    "would you like me to turn this into": (
        "Would you like me to turn this into a poster?",
        "Would you like me to turn this off?",
    ),
    "ChatGPT can make mistakes": (
        "ChatGPT can make mistakes. Check important info.",
        "ChatGPT can make mistakes with dates of birth.",
    ),
    "Regenerate response": ("of the cell.\nRegenerate response", "cells regenerate responses to light"),
    "en tant que modèle de langage": (
        "En tant que modèle de langage, je ne peux pas.",
        "Il sert en tant que modèle de langage de programmation.",
    ),
    "als KI-Sprachmodell": (
        "Als KI-Sprachmodell habe ich keine Meinung.",
        "Es gilt als KI-Sprachmodell der Firma.",
    ),
    "como modelo de lenguaje": (
        "Como modelo de lenguaje, no tengo opiniones.",
        "Sirve como modelo de lenguaje claro.",
    ),
    "作为人工智能语言模型": ("作为一个人工智能语言模型，我没有感情。", "作为语言模型，BERT 很有名。"),
    "ChatML": ("<|im_start|>user\nhi<|im_end|>", "<im_start> and |im_end|"),
    "Llama 3": ("hello<|eot_id|>", "<eot_id> | eot_id"),
    "Llama 2": ("and so on [/INST] The answer", "[/inst] as in old forum markup"),
    "Gemma": ("<start_of_turn>model\nHello", "at the <start of turn> the dealer"),
    "Zephyr": ("<|user|>\nhello", "<user> | <system>"),
    "Command R": ("<|START_OF_TURN_TOKEN|>hi", "START_OF_TURN_TOKEN"),
    "DeepSeek": ("<｜User｜>hello", "<|User|> in ASCII bars"),
    "Harmony": ("<|channel|>analysis We need", "<|channel|>BBC One"),
    "reasoning block": ("<think>\nThe user asks\n</think>\nYes.", "We <think> not."),
    "Alpaca": (
        "### Instruction:\nName a fruit.\n\n### Response:\nApple",
        "### Response:\nHTTP 200 and a JSON body",
    ),
    "utm_source": ("https://a.org/x?utm_source=chatgpt.com", "https://a.org/x?utm_source=newsletter"),
    "referrer": ("https://a.org/x?id=3&referrer=grok.com", "https://a.org/x?referrer=groklaw.net"),
    "[Your Name]": ("Best regards,\n[Your Name]", "pass [your name] as the argument"),
    "[Insert ...]": ("born on [Insert date] in [Insert name here]", "[Insert coin] to play"),
    "INSERT_SOURCE_URL": ("<ref>INSERT_SOURCE_URL_2</ref>", "call INSERT_SOURCE_URLS_TABLE"),
    "this article was written by": (
        "This article was partly written with the help of ChatGPT.",
        "This article was written by Aida Klein with an air of calm.",
    ),
    "during the preparation of this work": (
        "During the preparation of this work the authors used ChatGPT to polish it.",
        "During the preparation of this work the authors used a lathe. Gemini rose.",
    ),
    "commit trailer": (
        "Fix bug\n\nCo-Authored-By: Claude <noreply@anthropic.com>",
        "Fix bug\n\nCo-authored-by: Claude Monet <claude@giverny.fr>",
    ),
    "generated with": (
        "🤖 Generated with [Claude Code](https://claude.ai/code)",
        "Generated with [Sphinx](https://x)",
    ),
    "AI-Disclosure": ("AI-Disclosure: mode=ai-originated", "AI-Disclosure: mode=none"),
    "digitalSourceType": (
        '"digitalSourceType": "https://schema.org/TrainedAlgorithmicMediaDigitalSource"',
        '"digitalSourceType": "digitalCreation"',
    ),
}


def buffers(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.frombuffer(b"".join(texts), np.uint8),
        np.cumsum([0, *map(len, texts)]).astype(np.int64),
    )


def kinds(text: str) -> list[str]:
    return [NAMES[bit] for _, _, bit, _ in examine(text.encode())]


def found_by(name: str, text: str) -> bool:
    raw = text.encode()
    return any(BY_PATTERN[name].find(raw, raw.lower()))


def test_every_pattern_has_its_pair_of_examples_and_a_name_of_its_own() -> None:
    assert sorted(EXAMPLES) == sorted(BY_PATTERN)
    assert len(BY_PATTERN) == len(PATTERNS)


def test_the_catalogue_covers_every_kind_a_text_can_show() -> None:
    assert {pattern.kind for pattern in PATTERNS} == {
        *(
            "citation-marker",
            "assistant-voice",
            "chat-template",
            "chat-referrer",
            "unfilled-slot",
            "disclosure",
        )
    }


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_text_with_the_trace_is_found_under_its_kind(name: str) -> None:
    text = EXAMPLES[name][0]
    assert found_by(name, text)
    assert BY_PATTERN[name].kind in kinds(f"Wir wissen es nicht. Ça va.\n{text}\n")


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_text_that_nearly_has_the_trace_is_left_alone(name: str) -> None:
    assert kinds(EXAMPLES[name][1]) == []


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
@settings(max_examples=15)
@given(data=st.data())
def test_every_match_holds_an_anchor_of_its_pattern(pattern, data) -> None:
    """What makes the first sieve safe: no match without an anchor."""
    text = data.draw(st.from_regex(pattern.regex))
    lowered = text.lower()
    for start, end in pattern.find(text, lowered):
        assert any(anchor in lowered[start:end] for anchor in pattern.anchors)


PIECES = [
    *(example.encode() for pair in EXAMPLES.values() for example in pair),
    *(anchor for pattern in PATTERNS for anchor in pattern.anchors[:2]),
    *(mark.encode() for mark in ('"', "“", "”", "`", "\n\n", "ChatGPT said: ", "phrases such as ")),
    *(mark.encode() for mark in ("é", "你好", "A", " ", "{", "```\n")),
]
texts = st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join), max_size=5)


@settings(max_examples=300)
@given(texts)
def test_the_sieve_loses_and_adds_nothing(texts: list[bytes]) -> None:
    hits = scan(*buffers(texts))
    rows = zip(
        hits.document.tolist(),
        hits.start.tolist(),
        hits.end.tolist(),
        hits.bit.tolist(),
        hits.matched,
        strict=True,
    )
    assert list(rows) == [(number, *found) for number, text in enumerate(texts) for found in examine(text)]


@given(texts)
def test_hits_are_sorted_exact_and_do_not_overlap_within_a_kind(texts: list[bytes]) -> None:
    hits = scan(*buffers(texts))
    rows = list(
        zip(hits.document.tolist(), hits.start.tolist(), hits.end.tolist(), hits.bit.tolist(), strict=True)
    )
    assert rows == sorted(rows)
    for (document, start, end, _), matched in zip(rows, hits.matched, strict=True):
        assert texts[document][start:end] == matched
    for bit in set(hits.bit.tolist()):
        ends: dict[int, int] = {}
        for document, start, end, _ in (row for row in rows if row[3] == bit):
            assert start >= ends.get(document, 0)
            ends[document] = end


def test_spans_are_bytes_of_the_documents_own_text_after_characters_of_many_bytes() -> None:
    texts = ["zuvor", "Ça, 你好 🎉: As an AI language model, I’d say no.", "[Your Name]"]
    array = pa.array(texts, pa.large_string())
    _, offsets, data = array.buffers()
    hits = scan(np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64))
    first, second = hits.spans()
    assert (first.document, first.kind, first.matched) == (1, "assistant-voice", "As an AI language model")
    assert texts[1].encode()[first.start : first.end].decode() == first.matched
    assert first.start == len("Ça, 你好 🎉: ".encode())
    assert (second.document, second.kind, second.start, second.end) == (2, "unfilled-slot", 0, 11)


def test_masks_have_the_bits_of_the_kinds_seen_in_each_document() -> None:
    hits = scan(*buffers([b"[Your Name]", b"nothing", b"[Your Name] oaicite:1] [Your Name]"]))
    slot, marker = 1 << BY_NAME["unfilled-slot"].bit, 1 << BY_NAME["citation-marker"].bit
    assert hits.masks(3).tolist() == [slot, 0, slot | marker]
    assert hits.masks(3).dtype == np.uint64


def test_no_documents_give_no_hits() -> None:
    hits = scan(*buffers([]))
    assert isinstance(hits, Hits)
    assert len(hits) == 0
    assert list(hits.spans()) == []


@pytest.mark.parametrize(
    "glued",
    [
        "éas an AI language model",
        "as an AI language modelé",
        "Was an AI language model",
        "as an AI language models",
    ],
)
def test_words_are_whole_words_even_beside_letters_of_two_bytes(glued: str) -> None:
    assert kinds(glued) == []


@pytest.mark.parametrize(
    "beside",
    [
        "—as an AI language model—",
        "我说as an AI language model",
        "(AS AN AI LANGUAGE MODEL)",
        "as an ai\nlanguage\nmodel",
    ],
)
def test_words_may_stand_beside_signs_and_scripts_without_spaces_and_in_any_case(beside: str) -> None:
    assert kinds(beside) == ["assistant-voice"]


@pytest.mark.parametrize(
    "mention",
    [
        'He typed it and got "As an AI language model, I cannot" back.',
        "He got “Sorry, as an AI language model, I cannot” back.",
        "Er las „As an AI language model“ darin.",
        "Il a lu « As an AI language model » dedans.",
        "It said 'Sorry, as an AI language model, I cannot' twice.",
        "The string `as an AI language model` is matched.",
        "> As an AI language model, I cannot\n\nFunny, is it not?",
        "ChatGPT replied: As an AI language model, I cannot.",
        "The chatbot said that as an AI language model it had no view.",
        "Look for phrases like as an AI language model in papers.",
        "Reviewers grep for strings such as as an AI language model.",
        "As an AI language model is a telltale phrase.",
    ],
)
def test_a_phrase_that_is_quoted_or_discussed_is_a_mention(mention: str) -> None:
    assert set(kinds(mention)) == {"quoted-assistant-voice"}


def test_a_quotation_elsewhere_in_the_text_does_not_excuse_the_phrase() -> None:
    text = 'She said "no" and left.\n\nAs an AI language model, I cannot say why. "Yes," he said.'
    assert kinds(text) == ["assistant-voice"]


@pytest.mark.parametrize(
    "document",
    [
        "Call the tokenizer, then <|im_start|> opens a turn.",
        "```\n<|im_start|>user\n```",
        "import torch\nprint(ids)  <|im_start|>",
        "def render(x):\n    return x <|im_start|>",
        "Turns open with `<|im_start|>` here.",
        "{{{{ <|im_start|> }}}}",
    ],
)
def test_a_chat_token_in_code_or_documentation_is_a_mention(document: str) -> None:
    assert set(kinds(document)) == {"quoted-chat-template"}


def test_a_citation_marker_shown_as_a_specimen_is_a_mention_and_in_code_is_not() -> None:
    assert kinds("Strip `oaicite:0]` and the like.") == ["quoted-chat-template"]
    assert kinds("import x\nx.run()  # as documented :contentReference[oaicite:3]{index=3}") == [
        "citation-marker"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "No part of this article was written by AI.",
        'It closed with "This article was written by ChatGPT."',
        "Ask whether this essay was written by ChatGPT.",
    ],
)
def test_a_disclosure_that_is_denied_or_quoted_says_nothing(text: str) -> None:
    assert kinds(text) == []


def test_no_pattern_takes_more_than_linear_time_on_hostile_text() -> None:
    """Ten times the text must not take a hundred times as long: a hostile page must not stall a run."""
    from time import process_time

    def seconds(size: int) -> float:
        started = process_time()
        for piece in (
            b"### Instruction:\n",
            b"[Insert a ",
            b"Co-authored-by: ",
            b"this article was ",
            b"<think> ",
        ):
            examine(piece * (size // len(piece)))
        return process_time() - started

    seconds(1_000)
    assert seconds(200_000) < 40 * max(seconds(20_000), 0.005)


def test_every_source_of_a_pattern_is_named() -> None:
    assert all(re.search(r"\w{4}", pattern.source) for pattern in PATTERNS)
