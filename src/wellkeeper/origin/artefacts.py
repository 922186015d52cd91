"""Traces that chat tools leave in text, and what a text says of AI in its own making.

Verbatim traces are rare and exact: Academ-AI collected 768 papers by such phrases [1], while more than a
tenth of the papers of 2024 show signs of language models [2]. A hit is strong evidence; no hit is none.
Every pattern is therefore written for precision. A phrase that is quoted or talked about, and a token shown
in code or documentation, is reported under a kind of weight 0.

A scan has two stages. `wellkeeper.kernels.scan` finds the documents that hold a pattern's literal anchors;
Python's regular expressions then decide on those documents alone. Every match holds an anchor, so the first
stage loses nothing.

{MEASURED}

[1] Glynn, Academ-AI: documenting the undisclosed use of generative artificial intelligence in academic
    publishing, arXiv:2411.15218.
[2] arXiv:2512.01560.
[3] Wikipedia, Signs of AI writing (WP:AISIGNS), and speedy-deletion criterion G15.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.evidence import BY_NAME, KINDS, Span
from wellkeeper.kernels.scan import anchor_table, candidates

_ACADEM_AI = "Academ-AI, arXiv:2411.15218"
_WIKIPEDIA = "Wikipedia, Signs of AI writing"
_TOOLS = r"(?:ChatGPT|GPT-[345]\w*|Claude|Gemini|(?:Microsoft |GitHub )?Copilot|Google Bard|DeepSeek|Grok)"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One trace: how it is named, what it looks like, and who described it.

    Every match of `regex` holds one of `anchors`, ASCII letters folded to lower case. `quotable`: the match
    counts as a quotation where the text around it quotes or discusses it.
    """

    name: str
    kind: str
    regex: re.Pattern[bytes]
    anchors: tuple[bytes, ...]
    source: str
    quotable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Matches, sorted by document, start, end and bit; those of one kind in one document do not overlap."""

    document: NDArray[np.int64]  # shape (hits,): index into the documents scanned
    bit: NDArray[np.uint8]  # bit of the `EvidenceKind`
    start: NDArray[np.int64]  # bytes [start, end) of the document's own UTF-8 text
    end: NDArray[np.int64]
    matched: tuple[bytes, ...]

    def __len__(self) -> int:
        return self.document.size

    def masks(self, documents: int) -> NDArray[np.uint64]:
        """Evidence mask of each of `documents` documents, shape (documents,)."""
        masks = np.zeros(documents, np.uint64)
        np.bitwise_or.at(masks, self.document, np.uint64(1) << self.bit.astype(np.uint64))
        return masks

    def spans(self) -> Iterator[Span]:
        names = {kind.bit: kind.name for kind in KINDS}
        rows = zip(self.document, self.bit, self.start, self.end, self.matched, strict=True)
        for document, bit, start, end, matched in rows:
            text = matched.decode(errors="replace")
            yield Span(int(document), names[int(bit)], int(start), int(end), text)


def scan(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hits:
    """Find every trace of the catalogue in a block of documents.

    Args:
        data: UTF-8 bytes of all documents, shape (bytes,), as in an Arrow large_string array.
        offsets: shape (documents + 1,); document k is `data[offsets[k]:offsets[k + 1]]`.
    """
    documents, anchors = candidates(data, offsets, _TABLE)
    nominated = sorted(
        {
            (document, pattern)
            for document, anchor in zip(documents.tolist(), anchors.tolist(), strict=True)
            for pattern in _PATTERNS_OF[anchor]
        }
    )
    rows = []
    for document, group in groupby(nominated, key=lambda pair: pair[0]):
        text = data[offsets[document] : offsets[document + 1]].tobytes()
        patterns = [PATTERNS[number] for _, number in group]
        rows += [(document, *found) for found in examine(text, patterns)]
    starts = [row[1] for row in rows]
    return Hits(
        document=np.array([row[0] for row in rows], np.int64),
        bit=np.array([row[3] for row in rows], np.uint8),
        start=np.array(starts, np.int64),
        end=np.array([row[2] for row in rows], np.int64),
        matched=tuple(row[4] for row in rows),
    )


def examine(
    text: bytes, patterns: "tuple[Pattern, ...] | list[Pattern] | None" = None
) -> list[tuple[int, int, int, bytes]]:
    """(start, end, bit, matched) of every trace in one text, sorted; `patterns` defaults to the catalogue."""
    matches = sorted(
        (
            (match.start(), -match.end(), pattern)
            for pattern in (PATTERNS if patterns is None else patterns)
            for match in pattern.regex.finditer(text)
        ),
        key=lambda found: (found[0], found[1], found[2].name),
    )
    reached: dict[str, int] = {}
    found = []
    for start, negative_end, pattern in matches:
        if start < reached.get(pattern.kind, 0):
            continue
        end = -negative_end
        reached[pattern.kind] = end
        kind = _settled(text, start, end, pattern)
        if kind is not None:
            found.append((start, end, BY_NAME[kind].bit, text[start:end]))
    return sorted(found)


def _settled(text: bytes, start: int, end: int, pattern: Pattern) -> str | None:
    """The kind a match counts as once its surroundings have been read; None: it says nothing."""
    if not pattern.quotable:
        return pattern.kind
    if pattern.kind == "assistant-voice":
        quoted = _is_quoted(text, start, end) or _is_discussed(text, start, end)
        return "quoted-assistant-voice" if quoted else pattern.kind
    if pattern.kind == "chat-template":
        shown = _is_shown(text, start, end) or _looks_technical(text)
        return "quoted-chat-template" if shown else pattern.kind
    if pattern.kind == "citation-marker":
        return "quoted-chat-template" if _is_shown(text, start, end) else pattern.kind
    if pattern.kind == "disclosure":
        denied = _DENIAL.search(text[max(0, start - 60) : start])
        said_of_another = _is_quoted(text, start, end) or _is_discussed(text, start, end)
        return None if denied or said_of_another else pattern.kind
    return pattern.kind


# --- surroundings ------------------------------------------------------------------------------------------

_REACH = 1_000  # bytes: how far a quotation may open before, or close after, what it quotes
_NEAR = 120  # bytes: how near a talk of chat tools must be to count as talk about the phrase

_PAIRED = tuple(
    (opening.encode(), tuple(mark.encode() for mark in closing))
    for opening, closing in (("“", "”"), ("«", "»"), ("„", "“”"), ("「", "」"), ("『", "』"), ("‘", "’"))
)
_SINGLE_QUOTED = re.compile(rb"(?:\A|[\s(\[:,])'[^'\n]{0,160}\Z")
_OPENING = tuple(mark.encode() for mark in ('"', "“", "„", "«", "‘", "「", "『", "`"))
_DENIAL = re.compile(rb"(?i)\b(?:no|not|none|never|nothing|neither|without|if|whether|unless)\b[^.!?]*\Z")

_SPEAKER = re.compile(
    rb"(?i)\b(?:chatgpt|gpt-?\d\w*|gemini|claude|bard|copilot|bing|grok|chatbots?|bots?|llms?|language models?|"
    rb"(?:the|an|its) (?:\w+ )?(?:ai|model|assistant|tool|system|author|review(?:er)?|article|paper))[ \n,]+"
    rb"(?:\w+[ \n]+)?(?:says?|said|repl(?:y|ies|ied)|respond(?:s|ed)?|answer(?:s|ed)?|writes?|wrote|tells|told|"
    rb"stat(?:es|ed)|refus(?:es|ed)|warn(?:s|ed)|outputs?|outputted|produc(?:es|ed)|generat(?:es|ed)|"
    rb"beg[ai]ns?|start(?:s|ed)|contain(?:s|ed)|includ(?:es|ed))\b"
)
_NAMED = re.compile(
    rb"(?i)\b(?:phrases?|phrasing|wording|words|boilerplate|disclaimers?|catchphrases?|telltale|give-?aways?|"
    rb"refusals?|(?:remnants|traces|signs|hallmarks) of)\b"
)
_LISTED = re.compile(
    rb"(?i)(?:\bsuch as|\blike|\be\.g\.,?|\bi\.e\.,?|\bincluding|\bcontain(?:s|ing|ed)?)\W{0,6}\Z"
)
_NAMED_AFTER = re.compile(
    rb"(?i)\A[^.!?\n]{0,60}\b(?:is|are|was|were)[ \n](?:\w+[ \n]){0,3}"
    rb"(?:phrases?|signs?|give-?aways?|disclaimers?|boilerplate|clich\xc3\xa9s?|red[ \n]flags?)\b"
)


def _paragraph(text: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    before = text[max(0, start - _REACH) : start].rpartition(b"\n\n")[2]
    after = text[end : end + _REACH].partition(b"\n\n")[0]
    return before, after


def _is_quoted(text: bytes, start: int, end: int) -> bool:
    before, after = _paragraph(text, start, end)
    line = before.rpartition(b"\n")[2]
    if before.endswith(_OPENING) or line.lstrip().startswith((b">", b"&gt;")):
        return True
    for opening, closing in _PAIRED:
        last_closed = max(before.rfind(mark) for mark in closing)
        if before.rfind(opening) > last_closed and any(mark in after for mark in closing):
            return True
    if any(before.count(mark) % 2 and mark in after for mark in (b'"', b"`")):
        return True
    return _SINGLE_QUOTED.search(before) is not None and b"'" in after


def _is_discussed(text: bytes, start: int, end: int) -> bool:
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    return any(
        (
            _SPEAKER.search(before),
            _SPEAKER.search(after),
            _NAMED.search(before),
            _LISTED.search(before),
            _NAMED_AFTER.search(after),
        )
    )


# A token set off as a specimen: in back-ticks or quotes, or spelled as a regular expression.
_SPECIMEN_BEFORE = re.compile(rb"(?:[`\"'|/\\]|\xe2\x80[\x98\x9c]|\b(?:like|such as|e\.g\.,?)[ \n])\Z")
_SPECIMEN_AFTER = re.compile(rb"\A(?:[`\"'|\\]|\xe2\x80[\x99\x9d])")
_TECHNICAL = re.compile(
    rb"```|^[ \t]*(?:import|from)[ \t]+[\w.]+(?:[ \t]+import\b|[ \t]*(?:;|as\b|$))|^[ \t]*(?:def|class)[ \t]+\w+|"
    rb"#include\b|\bfunction[ \t]*\w*\(|</(?:div|script|code|pre)>|(?i:\btoken[iy][sz]er|\bspecial[ \n]tokens?\b|"
    rb"\bchat[ _-]?templates?\b|\b(?:prompt|instruction|chat)[ \n](?:format|template)|\bfine-?tun|\bchatml\b|"
    rb"\bsystem[ \n]prompts?\b|\bllama\b|\bgguf\b)",
    re.MULTILINE,
)
_BRACES_PER_BYTE = 1 / 150  # C, Java and JSON have one brace or more in 100 bytes, prose none in thousands


def _is_shown(text: bytes, start: int, end: int) -> bool:
    before, after = text[max(0, start - 12) : start], text[end : end + 4]
    return bool(_SPECIMEN_BEFORE.search(before) or _SPECIMEN_AFTER.search(after))


def _looks_technical(text: bytes) -> bool:
    braces = text.count(b"{")
    return _TECHNICAL.search(text) is not None or (braces > 3 and braces > len(text) * _BRACES_PER_BYTE)


# --- catalogue ---------------------------------------------------------------------------------------------

# A word may not go on in a letter of two UTF-8 bytes either: U+00C0 to U+07FF, from accented Latin to Arabic.
_WORD_STARTS = rb"(?<!\w)(?<![\xc3-\xdf][\x80-\xbf])"
_WORD_ENDS = rb"(?![\w\xc3-\xdf])"


def _spaced(text: str) -> str:
    """A space also matches a line feed, as in hard-wrapped text; an apostrophe also a typographic one."""
    return text.replace(" ", r"[ \n]").replace("'", "(?:'|’)")


def _wrapped(anchor: str) -> Iterator[bytes]:
    """The spellings of an anchor that `_spaced` allows."""
    choices = [{" ": " \n", "'": "'’"}.get(letter, letter) for letter in anchor]
    return ("".join(letters).encode() for letters in product(*choices))


def _phrase(name: str, kind: str, text: str, anchors: tuple[str, ...], source: str) -> Pattern:
    """Words in any case, whole, wrapped or not."""
    regex = re.compile(b"(?i:" + _WORD_STARTS + b"(?:" + _spaced(text).encode() + b")" + _WORD_ENDS + b")")
    spelled = tuple(spelling for anchor in anchors for spelling in _wrapped(anchor))
    return Pattern(name, kind, regex, spelled, source)


def _token(
    name: str, kind: str, regex: str, anchors: tuple[str, ...], source: str, *, quotable: bool = True
) -> Pattern:
    """A token exactly as written; `^` and `$` are line ends."""
    compiled = re.compile(regex.encode(), re.MULTILINE)
    return Pattern(name, kind, compiled, tuple(anchor.encode() for anchor in anchors), source, quotable)


_DIGITS = "0123456789"
_TURN_KINDS = (
    "search",
    "view",
    "fetch",
    "news",
    "image",
    "file",
    "academia",
    "product",
    "business",
    "forecast",
)

_CITATIONS = (
    _token(
        "turn0search0",
        "citation-marker",
        rf"turn\d{{1,3}}(?:{'|'.join(_TURN_KINDS)})\d{{1,3}}(?!\w)",
        tuple(digit + kind for kind in _TURN_KINDS for digit in _DIGITS),
        _WIKIPEDIA,
    ),
    _token("oaicite", "citation-marker", r"(?:contentReference\[)?oaicite:\d+\]?", ("oaicite:",), _WIKIPEDIA),
    _token("oai_citation", "citation-marker", r"\[oai_citation:\d+", ("oai_citation:",), _WIKIPEDIA),
    _token(
        "private-use citation",
        "citation-marker",
        "\ue200(?:cite|filecite|navlist|entity|image_group|i|url)\ue202",
        ("\ue200cite", "\ue200file", "\ue200nav", "\ue200ent", "\ue200ima", "\ue200i\ue202", "\ue200url"),
        _WIKIPEDIA,
    ),
    _token("cite_start", "citation-marker", r"\[cite_start\]", ("[cite_start]",), _WIKIPEDIA),
    _token("cite: 1", "citation-marker", r"\[cite: \d{1,3}(?:, \d{1,3})*\]", ("[cite: ",), _WIKIPEDIA),
    _token(
        "grok_card",
        "citation-marker",
        r"<?grok[-_](?:card\b|render_citation_card)",
        ("grok-card", "grok_card", "grok_render", "grok-render"),
        _WIKIPEDIA,
    ),
    _token(
        "attributableIndex", "citation-marker", r"\battributableIndex\b", ("attributableindex",), _WIKIPEDIA
    ),
    _token(
        "lenticular source",
        "citation-marker",
        r"【\d{1,3}(?::\d{1,3})?†(?:source|L\d+(?:-L\d+)?)】",
        ("†source", *(f"{digit}†l" for digit in _DIGITS)),
        _WIKIPEDIA,
    ),
    _token(
        "sandbox file",
        "citation-marker",
        r"sandbox:/mnt/data/[\w.-]+",
        ("sandbox:/mnt/data/",),
        "OpenAI community forum, ChatGPT data analysis links",
    ),
    _token(
        "attached_file", "citation-marker", r"\[attached_file:\d{1,3}\]", ("[attached_file:",), _WIKIPEDIA
    ),
    _token(
        "ppl-ai-file-upload",
        "citation-marker",
        r"ppl-ai-file-upload\.s3",
        ("ppl-ai-file-upload",),
        _WIKIPEDIA,
    ),
)

_AI = "(?:AI|A\\.I\\.|artificial intelligence)"
_CANNOT = "(?:do not|don't|cannot|can't|can not|am not able|am unable|could not|did not|lack)"


def _voice(name: str, text: str, *anchors: str, source: str = _ACADEM_AI) -> Pattern:
    return _phrase(name, "assistant-voice", text, anchors, source)


_VOICES = (
    _voice(
        "as an AI language model",
        f"as an {_AI}(?:(?: |-)based)?(?: (?:large )?language| text)(?: |-)model",
        "as an ai",
        "as an a.i.",
        "artificial intell",
    ),
    _voice(
        "as an AI, I cannot",
        f"as an {_AI}(?: (?:assistant|chatbot|system|program|model))?,? I {_CANNOT}",
        "as an ai",
        "as an a.i.",
        "artificial intell",
    ),
    _voice(
        "as a large language model, I",
        "as a (?:large )?language model(?: (?:trained|created|developed) by \\w+)?,? (?:I(?:'m)?|my)",
        "as a large language",
        "as a language model",
    ),
    _voice(
        "I am an AI language model",
        f"I(?:'m| am) (?:just |only |simply )?an {_AI}(?: (?:large )?language model| assistant (?:created|trained|developed|made))",
        "am an ai",
        "'m an ai",
        "st an ai",
        "ly an ai",
        "an a.i.",
        "an artificial intell",
    ),
    _voice(
        "a language model trained by",
        "I(?:'m| am) (?:ChatGPT,? )?(?:just )?a (?:large )?language model,? (?:trained|created|developed|made|built) by",
        "language model",
    ),
    _voice(
        "knowledge cutoff",
        "(?:as of|up to|up until|since|until|after|before|beyond|in) my (?:(?:last|latest|most recent) )?"
        "(?:knowledge|training)(?: data)? (?:update|cut-?off)(?: date)?",
        *(
            f"{last} {what}"
            for last in (
                "y knowledge",
                "y training",
                "last knowledge",
                "last training",
                "latest knowledge",
                "latest training",
                "recent knowledge",
                "recent training",
                "training data",
            )
            for what in ("upd", "cut")
        ),
        *(f"knowledge data {what}" for what in ("upd", "cut")),
    ),
    _voice(
        "as of my last update in 2021",
        "as of my (?:last|latest|most recent) (?:update|training|cut-?off)(?: date)?(?: in| on|,)? (?:\\w+ )?20\\d\\d",
        "as of my",
    ),
    _voice(
        "my knowledge cutoff is",
        "my (?:knowledge|training)(?: data)? cut-?off(?: date)? (?:is|was|of|in)",
        "my knowledge c",
        "my training c",
        "my knowledge d",
        "my training d",
    ),
    _voice(
        "my training data ends",
        "my (?:training data|knowledge) (?:only )?(?:goes|extends|is current|is limited|includes information|was last updated)(?: only)?(?: up)? (?:to|until|through|in)(?: \\w+)? 20\\d\\d",
        "my training data",
        "my knowledge ",
    ),
    _voice(
        "data I was trained on",
        "(?:data|text|information|datasets?) (?:that )?I (?:was|have been|'ve been|am) trained on",
        "i was trained on",
        "been trained on",
        "i am trained on",
    ),
    _voice(
        "no personal opinions",
        f"I (?:do not|don't) (?:have|possess|hold|experience) (?:any )?personal (?:opinions|beliefs|feelings|emotions|experiences|preferences)(?:,? (?:or|and|nor) (?:\\w+ )?(?:opinions|beliefs|feelings|emotions|experiences|biases|preferences|consciousness)|,? as an {_AI}|,? like (?:a )?humans?)",
        "personal opin",
        "personal beli",
        "personal feel",
        "personal emot",
        "personal exp",
        "personal pref",
    ),
    _voice(
        "no real-time access",
        "I (?:do not|don't) have (?:(?:direct |the ability to )?access (?:to )?)?(?:real-time|live|up-to-date) (?:information|data|internet|access|browsing|updates|capabilities)",
        "real-time inf",
        "real-time data",
        "real-time int",
        "real-time acc",
        "real-time br",
        "real-time upd",
        "real-time cap",
        "live inf",
        "live data",
        "live int",
        "live acc",
        "live br",
        "live upd",
        "live cap",
        "p-to-date inf",
        "p-to-date data",
        "p-to-date int",
        "p-to-date acc",
        "p-to-date br",
        "p-to-date upd",
        "p-to-date cap",
    ),
    _voice(
        "cannot fulfil this request",
        "(?:I'm|I am) (?:very )?sorry,? but I (?:cannot|can't|am unable to|'m unable to) (?:fulfil|fulfill|assist with|complete|comply with|generate|continue with) (?:this|that) (?:request|type of|kind of|content|prompt)",
        "sorry, but i",
        "sorry but i",
    ),
    _voice(
        "certainly, here is",
        "(?:certainly|absolutely)[,!] here(?:'s| is| are) (?:a|an|the|your|some|my) (?:\\w+(?: |-)){0,3}?(?:possible|potential|revised|rewritten|reworded|polished|improved|paraphrased|rephrased|refined|expanded|condensed|proofread|edited|summary|introduction|abstract|essay|outline|rewrite)",
        "ly, here",
        "ly! here",
        source="Academ-AI, arXiv:2411.15218; Wikipedia, criterion G15",
    ),
    _voice(
        "would you like me to",
        "(?:would you like me to|if you(?:'d| would) like,? I can(?: also)?|let me know if you(?:'d| would) like me to) (?:turn this into|tailor this|refine this further|polish this further|rephrase this|adapt this (?:for|to|into)|format this (?:as|for|into)|condense this|expand (?:on )?this)",
        "turn this into",
        "tailor this",
        "refine this f",
        "polish this f",
        "rephrase this",
        "adapt this",
        "format this",
        "condense this",
        "expand this",
        "expand on this",
        source="Wikipedia, criterion G15",
    ),
    _token(
        "Regenerate response",
        "assistant-voice",
        r"\bRegenerate response\b",
        ("regenerate response",),
        _ACADEM_AI,
    ),
    _phrase(
        "ChatGPT can make mistakes",
        "assistant-voice",
        f"{_TOOLS} (?:can|may) (?:make mistakes|produce inaccurate information)(?: about people, places,? or facts)?\\.? (?:Check|Consider|Verify|ChatGPT \\w+ \\d|Please|so)",
        ("n make mistakes", "y make mistakes", "produce inaccurate inf"),
        "Footer of the chat window, pasted with the reply",
    ),
    _phrase(
        "en tant que modèle de langage",
        "assistant-voice",
        "en tant que mod(?:è|e)le de lang(?:age|ue)(?: (?:d'IA|IA|basé sur l'IA|artificiel))?, (?:je|il)",
        ("en tant que mod",),
        "French form of the first pattern",
    ),
    _phrase(
        "als KI-Sprachmodell",
        "assistant-voice",
        "als (?:ein )?KI-(?:Sprachmodell|Modell|Assistent|Textmodell)(?: (?:habe|kann|bin|verfüge|darf|besitze) ich|, das)",
        ("ki-sprach", "ki-modell", "ki-assist", "ki-textmod"),
        "German form of the first pattern",
    ),
    _phrase(
        "como modelo de lenguaje",
        "assistant-voice",
        "como (?:un |um )?modelo de (?:lenguaje|linguagem)(?: grande)?(?: (?:de |por )?(?:IA|AI|inteligencia artificial|inteligência artificial))?,? (?:no |não |eu |yo )",
        ("modelo de lenguaje", "modelo de linguagem"),
        "Spanish and Portuguese form of the first pattern",
    ),
    _token(
        "作为人工智能语言模型",
        "assistant-voice",
        "(?:作为|身为)(?:一个|一名|一款|一種|一种)?(?:AI|人工智能|人工智慧|大型|大)(?:语言模型|語言模型|助手|模型)[，,] ?(?:我|本)",
        tuple(
            a + b
            for a in ("ai", "智能", "智慧", "大型", "大")
            for b in ("语言模型", "語言模型", "助手", "模型")
        ),
        "Chinese form of the first pattern",
    ),
)


def _template(name: str, regex: str, *anchors: str, source: str) -> Pattern:
    return _token(name, "chat-template", regex, anchors, source)


_TEMPLATES = (
    _template("ChatML", r"<\|im_(?:start|end)\|>", "<|im_start|>", "<|im_end|>", source="OpenAI, ChatML"),
    _template(
        "Llama 3",
        r"<\|(?:(?:start|end)_header_id|eot_id|eom_id|begin_of_text)\|>",
        "_header_id|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|begin_of_text|>",
        source="Meta, Llama 3 prompt format",
    ),
    _template(
        "Llama 2",
        r"\[/INST\]|<</?SYS>>",
        "[/inst]",
        "<<sys>>",
        "<</sys>>",
        source="Meta, Llama 2 prompt format",
    ),
    _template(
        "Gemma",
        r"<(?:start|end)_of_turn>",
        "<start_of_turn>",
        "<end_of_turn>",
        source="Google, Gemma formatting",
    ),
    _template(
        "Zephyr",
        r"<\|(?:assistant|user|system)\|>",
        "<|assistant|>",
        "<|user|>",
        "<|system|>",
        source="Hugging Face H4, Zephyr template",
    ),
    _template(
        "Command R",
        r"<\|(?:START|END)_OF_TURN_TOKEN\|>",
        "_of_turn_token|>",
        source="Cohere, Command R prompt format",
    ),
    _template(
        "DeepSeek",
        "<｜(?:User|Assistant|begin▁of▁sentence|end▁of▁sentence)｜>",
        "<｜user｜>",
        "<｜assistant｜>",
        "▁of▁sentence｜>",
        source="DeepSeek, V3 and R1 template",
    ),
    _template(
        "Harmony",
        r"<\|channel\|>(?:analysis|final|commentary)",
        "<|channel|>",
        source="OpenAI, Harmony response format",
    ),
    _template(
        "reasoning block",
        r"^<think>[ \t]*$|</think>[ \t]*$",
        "<think>",
        "</think>",
        source="DeepSeek-R1, arXiv:2501.12948",
    ),
    _template(
        "Alpaca",
        r"^### Instruction:[ \t]*\n(?s:.{1,4000}?)\n### Response:|Below is an instruction that describes a task, paired",
        "### instruction:",
        "instruction that describes a task",
        source="Taori et al., Stanford Alpaca, 2023",
    ),
)

_REFERRERS = (
    _token(
        "utm_source",
        "chat-referrer",
        r"[?&;]utm_source=(?:chatgpt\.com|openai|copilot\.com)\b",
        ("utm_source=chatgpt.com", "utm_source=openai", "utm_source=copilot.com"),
        _WIKIPEDIA,
        quotable=False,
    ),
    _token(
        "referrer",
        "chat-referrer",
        r"[?&;]referrer=grok\.com\b",
        ("referrer=grok.com",),
        _WIKIPEDIA,
        quotable=False,
    ),
)

_SLOTS = (
    _token(
        "[Your Name]",
        "unfilled-slot",
        r"\[(?:Your|Recipient(?:'|’)?s?|Client(?:'|’)?s?|Company|Hiring Manager(?:'|’)?s?|Professor(?:'|’)?s?) (?:Full |Last |First |Company )?(?:Name|Address|Position|Title|Email(?: Address)?|Phone(?: Number)?|Organi[sz]ation|University|Institution|Company|City)\]",
        ("[your ", "[recipient", "[client", "[company ", "[hiring manager", "[professor"),
        _WIKIPEDIA,
        quotable=False,
    ),
    _token(
        "[Insert ...]",
        "unfilled-slot",
        r"\[(?:Insert|INSERT) (?:[\w'-]+ ){0,4}(?:name|date|citation|source|link|URL|reference|title|number|address|location|image|company|quote|statistic|example|details?)s?(?: here)?\]",
        ("[insert ",),
        _WIKIPEDIA,
        quotable=False,
    ),
    _token(
        "INSERT_SOURCE_URL",
        "unfilled-slot",
        r"\b(?:INSERT|PASTE)_(?:[A-Z]+_)*URL(?:_HERE|_\d+)?\b",
        ("insert_", "paste_"),
        _WIKIPEDIA,
        quotable=False,
    ),
)


def _disclosure(name: str, text: str, *anchors: str, source: str) -> Pattern:
    return _phrase(name, "disclosure", text, anchors, source)


_WORKS = "(?:article|blog post|post|story|essay|page|content|document|summary|text|description|paper|report|chapter|translation|newsletter|review|biography|product description|image description)"
_MADE = "(?:written|generated|created|produced|drafted|composed|authored|translated|summari[sz]ed)"
_HELP = "(?:the (?:help|assistance|aid|use|support) of |help from |assistance from )?"
_MACHINE = f"(?:an? )?(?:{_TOOLS}|{_AI}|(?:generative|gen) AI|(?:large )?language model|LLM)"
_MACHINE_ANCHORS = (
    "chatgpt", "gpt-3", "gpt-4", "gpt-5", "claude", "gemini", "copilot", "google bard", "deepseek",
    " grok", "\ngrok", "artificial intelligence", "generative ai", "gen ai", "language model", " an llm", "\nan llm", "by ai", "with ai", "using ai", "by a.i.",
    "help of ai", "assistance of ai", "aid of ai", "use of ai", "support of ai", "help from ai", "assistance from ai",
    "with a.i.", "using a.i.", "of a.i.", "from a.i.", "by an ai", "with an ai", "using an ai", "of an ai", "from an ai", " an a.i.", "\nan a.i.",
    "by a ai", "with a ai", "using a ai", "of a ai", "from a ai", " a a.i.", "\na a.i.", "by llm", "with llm", "using llm", "of llm", "from llm", " a llm", "\na llm",
)  # fmt: skip

_DISCLOSURES = (
    _disclosure(
        "this text was written by",
        f"this {_WORKS} (?:is|was|has been) (?:\\w+ly |in part )?{_MADE} (?:\\w+ly |in part )?(?:by|with|using) {_HELP}{_MACHINE}",
        *_MACHINE_ANCHORS,
        source="EU Code of Practice on marking AI-generated content, 2026: text labels",
    ),
    _disclosure(
        "during the preparation of this work",
        f"during the (?:preparation|writing) of this (?:work|manuscript|paper|article|thesis)[^.]{{0,80}}\\bused[^.]{{0,80}}?(?:{_TOOLS}|generative AI|language models?)",
        "preparation of this",
        "writing of this",
        source="Elsevier, declaration of generative AI in scientific writing",
    ),
    _token(
        "commit trailer",
        "disclosure",
        r"(?i:^[ \t]*Co-authored-by: (?:Claude (?:Opus|Sonnet|Haiku|Code|\d)[^\n]{0,80}|[^\n<]{0,80}<(?:noreply@anthropic\.com|cursoragent@cursor\.com|(?:noreply|aider)@aider\.chat|(?:noreply|codex)@openai\.com|(?:\d+\+)?Copilot@users\.noreply\.github\.com|(?:\d+\+)?devin-ai-integration\[bot\]@users\.noreply\.github\.com)>))",
        ("co-authored-by:",),
        "Git trailers that coding agents write by default",
        quotable=False,
    ),
    _token(
        "generated with",
        "disclosure",
        r"Generated with \[(?:Claude Code|Codex|Gemini CLI|Cursor|Amp|opencode)\]\(",
        ("generated with [",),
        "Footer that coding agents write in commits and pull requests",
        quotable=False,
    ),
    _token(
        "AI-Disclosure",
        "disclosure",
        r"(?i:(?:^AI-Disclosure:[ \t]*|\bai-disclosure=[\"']|name=[\"']ai-disclosure[\"'][ \t\n]+content=[\"'])[^\n\"'<>]{0,80}?\b(?:ai-modified|ai-originated|machine-generated|ai-generated|ai-assisted|autonomous)\b)",
        ("ai-disclosure",),
        "draft-abaris-aicdh, HTTP header AI-Disclosure; W3C community group, ai-disclosure",
        quotable=False,
    ),
    _token(
        "digitalSourceType",
        "disclosure",
        r"(?i:digitalSourceType[\"']?[ \t]*[:=][ \t]*[\"']?(?:https?://(?:cv\.iptc\.org/newscodes/digitalsourcetype/|schema\.org/))?(?:compositeWith)?TrainedAlgorithmicMedia(?:DigitalSource)?\b)",
        ("digitalsourcetype",),
        "IPTC NewsCodes, digital source type; schema.org IPTCDigitalSourceEnumeration",
        quotable=False,
    ),
)

PATTERNS: tuple[Pattern, ...] = (*_CITATIONS, *_VOICES, *_TEMPLATES, *_REFERRERS, *_SLOTS, *_DISCLOSURES)

_ANCHORS = tuple(sorted({anchor for pattern in PATTERNS for anchor in pattern.anchors}))
_PATTERNS_OF = tuple(
    tuple(number for number, pattern in enumerate(PATTERNS) if anchor in pattern.anchors)
    for anchor in _ANCHORS
)
_TABLE = anchor_table(_ANCHORS)
