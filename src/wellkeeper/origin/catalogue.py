"""The catalogue of traces: what chat tools leave in text, and what a text says of AI in its own making.

A pattern stands here if a human would hardly write it. Style words ("delve") do not: they are statistics, not
traces. Two rules keep the scan exact and fast: every match of a pattern holds one of its anchors, and no
anchor is shorter than 7 bytes.

[1] Glynn, Academ-AI: documenting the undisclosed use of generative artificial intelligence in academic
    publishing, arXiv:2411.15218.
[2] Wikipedia, Signs of AI writing (WP:AISIGNS), and speedy-deletion criterion G15.
"""
# ruff: noqa: RUF001 -- typographic quotation marks and full-width signs are what is looked for

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

_ACADEM_AI = "Academ-AI, arXiv:2411.15218"
_WIKIPEDIA = "Wikipedia, Signs of AI writing"
_G15 = "Wikipedia, speedy-deletion criterion G15"

# Patterns read bytes. A word may not go on in a letter of two UTF-8 bytes: U+00C0 to U+07FF, from accented
# Latin to Arabic. Longer letters (Chinese, Japanese) do not join words.
_INSIDE_WORD = re.compile(rb"(?:\w|[\xc3-\xdf][\x80-\xbf])\Z")
_WORD_ENDS = rb"(?![\w\xc3-\xdf])"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One trace: how it is named, what it looks like, and who described it.

    Every match holds one of `anchors`, ASCII letters folded to lower case. `quotable`: a match counts as a
    quotation where the text around it quotes or discusses it. `folded`: whole words in any case, so `regex`
    is in lower case and reads lower-cased text, several times faster than a case-insensitive one would.
    """

    name: str
    kind: str
    expression: bytes
    anchors: tuple[bytes, ...]
    source: str
    quotable: bool = True
    folded: bool = False

    @property
    def regex(self) -> re.Pattern[bytes]:
        """The compiled expression; made when a document first holds an anchor, since most runs meet few."""
        return _compiled(self.expression)

    def find(self, text: bytes, lowered: bytes) -> Iterator[tuple[int, int]]:
        """Bytes [start, end) of each match in `text`; `lowered` is `text.lower()`."""
        for match in self.regex.finditer(lowered if self.folded else text):
            if not (self.folded and _INSIDE_WORD.search(lowered, max(0, match.start() - 2), match.start())):
                yield match.span()


@cache
def _compiled(expression: bytes) -> re.Pattern[bytes]:
    return re.compile(expression, re.MULTILINE)


def _phrase(name: str, kind: str, text: str, anchors: tuple[str, ...], source: str) -> Pattern:
    """Whole words in any case; a space also matches a line feed, an apostrophe also a typographic one."""
    spaced = text.lower().replace(" ", r"[ \n]").replace("'", "(?:'|’)")
    expression = b"(?:" + spaced.encode() + b")" + _WORD_ENDS
    spelled = tuple(spelling for anchor in anchors for spelling in _spellings(anchor))
    return Pattern(name, kind, expression, spelled, source, folded=True)


def _spellings(anchor: str) -> Iterator[bytes]:
    choices = [{" ": " \n", "'": "'’"}.get(letter, letter) for letter in anchor]
    return ("".join(letters).encode() for letters in product(*choices))


def _token(
    name: str, kind: str, regex: str, anchors: tuple[str, ...], source: str, *, quotable: bool = True
) -> Pattern:
    """A token exactly as written; `^` and `$` are line ends."""
    return Pattern(name, kind, regex.encode(), tuple(anchor.encode() for anchor in anchors), source, quotable)


# --- citation markers --------------------------------------------------------------------------------------

_DIGITS = "0123456789"
_TURNS = ("view", "fetch", "news", "image", "file", "academia", "product", "business", "forecast")
_TURN_ANCHORS = (
    *(f"{digit}search" for digit in _DIGITS),
    *(f"turn{digit}{what}" for digit in _DIGITS for what in _TURNS),
)
_BEGIN, _SEPARATE = "\ue200", "\ue202"  # private-use characters around ChatGPT's citation markup


def _citation(
    name: str, regex: str, *anchors: str, source: str = _WIKIPEDIA, quotable: bool = True
) -> Pattern:
    return _token(name, "citation-marker", regex, anchors, source, quotable=quotable)


_CITATIONS = (
    _citation(
        "turn0search0", rf"turn(?:\d{{1,3}}search|\d(?:{'|'.join(_TURNS)}))\d{{1,3}}(?!\w)", *_TURN_ANCHORS
    ),
    _citation("oaicite", r"(?:contentReference\[)?oaicite:\d+\]?", "oaicite:"),
    _citation("oai_citation", r"\[oai_citation:\d+", "oai_citation:"),
    _citation(
        "private-use citation",
        f"{_BEGIN}(?:cite|filecite|navlist|entity|image_group|i|url){_SEPARATE}",
        *(_BEGIN + what for what in ("cite", "filecite", "navlist", "entity", "image_group")),
        *(_BEGIN + what + _SEPARATE for what in ("i", "url")),
    ),
    _citation("[cite_start]", r"\[cite_start\]", "[cite_start]"),
    _citation("[cite: 1]", r"\[cite: \d{1,3}(?:, \d{1,3})*\]", "[cite: "),
    _citation(
        "grok_card",
        r"<?grok[-_](?:card\b|render_citation_card)",
        *("grok-card", "grok_card", "grok-render", "grok_render"),
    ),
    _citation(
        "attributableIndex",
        r'\battributableIndex(?:"|”):[ \t]*(?:"|“)?\d',
        "attributableindex",
        quotable=False,
    ),
    _citation("【1†source】", r"【\d{1,3}(?::\d{1,3})?†source】", "†source】"),
    _citation(
        "【1†L1-L2】", r"【(?:\d|[1-9]\d)†L\d+(?:-L\d+)?】", *(f"【{number}†l" for number in range(100))
    ),
    _citation(
        "sandbox:/mnt/data",
        r"sandbox:/mnt/data/[\w.-]+",
        "sandbox:/mnt/data/",
        source="Links to files of ChatGPT's data analysis",
    ),
    _citation("[attached_file:1]", r"\[attached_file:\d{1,3}\]", "[attached_file:"),
    _citation("ppl-ai-file-upload", r"\bppl-ai-file-upload\.s3\b", "ppl-ai-file-upload"),
)

# --- an assistant speaking of itself -----------------------------------------------------------------------

_AI = r"(?:AI|A\.I\.|artificial intelligence)"
_CANNOT = "(?:do not|don't|cannot|can't|can not|am not able|am unable|could not|did not|lack)"
_OPINIONS = "(?:opinions|beliefs|feelings|emotions|experiences|preferences)"
_LIVE = "(?:information|data|internet|access|browsing|updates|capabilities)"
_REVISED = (
    "(?:possible|potential|revised|rewritten|reworded|polished|improved|paraphrased|rephrased|refined|expanded|"
    "condensed|proofread|edited|summary|introduction|abstract|essay|outline|rewrite)"
)
_OFFER = (
    "(?:would you like me to|if you(?:'d| would) like,? I can(?: also)?|"
    "let me know if you(?:'d| would) like me to)"
)
_OFFERED = (
    *("turn this into", "tailor this", "refine this further", "polish this further", "rephrase this"),
    *("adapt this for", "adapt this to", "adapt this into", "format this as", "format this for"),
    *("format this into", "condense this", "expand this", "expand on this"),
)


def _voice(name: str, text: str, *anchors: str, source: str = _ACADEM_AI) -> Pattern:
    return _phrase(name, "assistant-voice", text, anchors, source)


_VOICES = (
    _voice(
        "as an AI language model",
        rf"as an {_AI}(?:(?: |-)based)?(?: (?:large )?language| text)(?: |-)model",
        *("as an ai", "as an a.i.", "artificial intelligence"),
    ),
    _voice(
        "as an AI, I cannot",
        rf"as an {_AI}(?: (?:assistant|chatbot|system|program|model))?,? I {_CANNOT}",
        *("as an ai", "as an a.i.", "artificial intelligence"),
    ),
    _voice(
        "as a large language model, I",
        r"as a (?:large )?language model(?: (?:trained|created|developed) by \w+)?,? (?:I(?:'m)?|my)",
        *("as a large language", "as a language model"),
    ),
    _voice(
        "I am an AI language model",
        rf"I(?:'m| am) (?:just |only |simply )?an {_AI}"
        r"(?: (?:large )?language model| assistant (?:created|trained|developed|made))",
        *(
            "am an ai",
            "'m an ai",
            "just an ai",
            "only an ai",
            "simply an ai",
            " an a.i. ",
            "artificial intelligence",
        ),
    ),
    _voice(
        "I am a language model trained by",
        r"I(?:'m| am) (?:ChatGPT,? )?(?:just )?a (?:large )?language model,? "
        r"(?:trained|created|developed|made|built) by",
        "language model",
    ),
    _voice(
        "as of my last knowledge update",
        r"(?:as of|up to|up until|since|until|after|before|beyond|in) my (?:(?:last|latest|most recent) )?"
        r"(?:knowledge|training)(?: data)? (?:update|cut-?off)(?: date)?",
        *(f"{what} {end}" for what in ("knowledge", "training", "data") for end in ("update", "cut")),
    ),
    _voice(
        "as of my last update in 2021",
        r"as of my (?:last|latest|most recent) (?:update|training|cut-?off)(?: date)?"
        r"(?: in| on|,)? (?:\w+ )?20\d\d",
        "as of my",
    ),
    _voice(
        "my knowledge cutoff is",
        r"my (?:knowledge|training)(?: data)? cut-?off(?: date)? (?:is|was|of|in)",
        *("knowledge cut", "training cut", "data cut"),
    ),
    _voice(
        "my training data goes up to 2021",
        r"my (?:training data|knowledge) (?:only )?(?:goes|extends|is current|is limited|"
        r"includes information|was last updated)(?: only)?(?: up)? (?:to|until|through|in)(?: \w+)? 20\d\d",
        *("my training data", "my knowledge "),
    ),
    _voice(
        "the data I was trained on",
        r"(?:data|text|information|datasets?) (?:that )?I (?:was|have been|'ve been|am) trained on",
        *("i was trained on", "been trained on", "i am trained on"),
    ),
    _voice(
        "I do not have personal opinions",
        rf"I (?:do not|don't) (?:have|possess|hold|experience) (?:any )?personal {_OPINIONS}"
        rf"(?:,? (?:or|and|nor) (?:\w+ )?{_OPINIONS}|,? as an {_AI}|,? like (?:a )?humans?)",
        *(f"{what} personal" for what in ("have", "possess", "hold", "experience", "any")),
    ),
    _voice(
        "I do not have real-time access",
        rf"I (?:do not|don't) have (?:(?:direct |the ability to )?access (?:to )?)?"
        rf"(?:real-time|up-to-date) {_LIVE}",
        *("real-time", "up-to-date"),
    ),
    _voice(
        "I cannot fulfil this request",
        r"(?:I'm|I am) (?:very )?sorry,? but I (?:cannot|can't|am unable to|'m unable to) "
        r"(?:fulfil|fulfill|assist with|complete|comply with|generate|continue with) (?:this|that) "
        r"(?:request|type of|kind of|content|prompt)",
        *("sorry, but i", "sorry but i"),
    ),
    _voice(
        "certainly, here is a possible introduction",
        rf"(?:certainly|absolutely)[,!] here(?:'s| is| are) (?:a|an|the|your|some|my) "
        rf"(?:\w+(?: |-)){{0,3}}?{_REVISED}",
        *("ly, here", "ly! here"),
    ),
    _voice(
        "would you like me to turn this into", rf"{_OFFER} (?:{'|'.join(_OFFERED)})", *_OFFERED, source=_G15
    ),
    _voice(
        "ChatGPT can make mistakes",
        r"(?:ChatGPT|Claude|Gemini|Copilot|Grok) (?:can|may) (?:make mistakes|produce inaccurate information)"
        r"(?: about people, places,? or facts)?"
        r"(?:, so|\. (?:Check|Consider|Verify|Please|Double|ChatGPT)) \w+",
        *("can make mistakes", "may make mistakes", "produce inaccurate"),
        source="Footer of the chat window, pasted with the reply",
    ),
    _token(
        "Regenerate response",
        "assistant-voice",
        r"\bRegenerate response\b",
        ("regenerate response",),
        _ACADEM_AI,
    ),
    _voice(
        "en tant que modèle de langage",
        r"en tant que mod(?:è|e)le de lang(?:age|ue)(?: (?:d'IA|IA|basé sur l'IA|artificiel))?, (?:je|il)",
        "en tant que mod",
        source="French form of the first pattern",
    ),
    _voice(
        "als KI-Sprachmodell",
        r"als (?:ein )?KI-(?:Sprachmodell|Modell|Assistent)"
        r"(?: (?:habe|kann|bin|verfüge|darf|besitze) ich|, das)",
        *("ki-sprach", "ki-modell", "ki-assist"),
        source="German form of the first pattern",
    ),
    _voice(
        "como modelo de lenguaje",
        r"como (?:un |um )?modelo de (?:lenguaje|linguagem)(?: grande)?"
        r"(?: (?:de |por )?(?:IA|AI|inteligencia artificial|inteligência artificial))?,? "
        r"(?:no |não |eu |yo )\w+",
        *("modelo de lenguaje", "modelo de linguagem"),
        source="Spanish and Portuguese form of the first pattern",
    ),
    _token(
        "作为人工智能语言模型",
        "assistant-voice",
        "(?:作为|身为)(?:一个|一名|一款|一种)?(?:AI|人工智能|大型)(?:语言模型|助手)(?:，|,) ?我",
        tuple(which + what for which in ("ai", "人工智能", "大型") for what in ("语言模型", "助手")),
        "Chinese form of the first pattern",
    ),
)

# --- chat templates ----------------------------------------------------------------------------------------


def _template(name: str, regex: str, *anchors: str, source: str) -> Pattern:
    return _token(name, "chat-template", regex, anchors, source)


_TEMPLATES = (
    _template("ChatML", r"<\|im_(?:start|end)\|>", "<|im_start|>", "<|im_end|>", source="OpenAI, ChatML"),
    _template(
        "Llama 3",
        r"<\|(?:(?:start|end)_header_id|eot_id|eom_id|begin_of_text)\|>",
        *("_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|begin_of_text|>"),
        source="Meta, Llama 3 prompt format",
    ),
    _template(
        "Llama 2",
        r"\[/INST\]|<</?SYS>>",
        *("[/inst]", "<<sys>>", "<</sys>>"),
        source="Meta, Llama 2 prompt format",
    ),
    _template(
        "Gemma",
        r"<(?:start|end)_of_turn>",
        *("<start_of_turn>", "<end_of_turn>"),
        source="Google, Gemma formatting",
    ),
    _template(
        "Zephyr",
        r"<\|(?:assistant|user|system)\|>",
        *("<|assistant|>", "<|user|>", "<|system|>"),
        source="Hugging Face H4, Zephyr chat template",
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
        *("<｜user｜>", "<｜assistant｜>", "▁of▁sentence｜>"),
        source="DeepSeek, V3 and R1 chat template",
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
        *("<think>", "</think>"),
        source="DeepSeek-R1, arXiv:2501.12948",
    ),
    _template(
        "Alpaca",
        r"^### Instruction:[ \t]*\n(?s:.{1,4000}?)\n### Response:|"
        r"Below is an instruction that describes a task, paired",
        *("### instruction:", "instruction that describes a task"),
        source="Taori et al., Stanford Alpaca, 2023",
    ),
)

# --- links and placeholders --------------------------------------------------------------------------------

_WHOSE = r"(?:Your|Recipient(?:'|’)?s?|Client(?:'|’)?s?|Company|Hiring Manager(?:'|’)?s?|Professor(?:'|’)?s?)"
_WHAT = (
    r"(?:Name|Address|Position|Title|Email(?: Address)?|Phone(?: Number)?|Organi[sz]ation|University|"
    r"Institution|Company|City)"
)
_INSERTED = (
    r"(?:name|date|citation|source|link|URL|reference|title|number|address|location|image|company|quote|statistic|"
    r"example|detail)s?"
)

_LINKS = (
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
    _token(
        "[Your Name]",
        "unfilled-slot",
        rf"\[{_WHOSE} (?:Full |Last |First |Company )?{_WHAT}\]",
        (
            *(f"[your {letter}" for letter in "acefilnoptu"),
            *("[recipient", "[client", "[company ", "[hiring manager", "[professor"),
        ),
        _WIKIPEDIA,
        quotable=False,
    ),
    _token(
        "[Insert ...]",
        "unfilled-slot",
        rf"\[(?:Insert|INSERT) (?:[\w'-]+ ){{0,4}}{_INSERTED}(?: here)?\]",
        ("[insert ",),
        _WIKIPEDIA,
        quotable=False,
    ),
    _token(
        "INSERT_SOURCE_URL",
        "unfilled-slot",
        r"\b(?:INSERT_(?:SOURCE_)?URL(?:_HERE|_\d+)?|PASTE_(?:[A-Z]+_)*URL_HERE)\b",
        ("insert_source_url", "insert_url", "url_here"),
        _WIKIPEDIA,
        quotable=False,
    ),
)

# --- what a text says of its own making --------------------------------------------------------------------

_WORKS = (
    "(?:article|blog post|post|story|essay|page|content|document|summary|text|description|paper|report|"
    "chapter|translation|newsletter|review|biography)"
)
_VERBS = (
    "written",
    "generated",
    "created",
    "produced",
    "drafted",
    "composed",
    "authored",
    "translated",
    "summarized",
)
_TOOLS = (
    r"(?:ChatGPT|GPT-[345]\w*|Claude|Gemini|(?:Microsoft |GitHub )?Copilot|Google Bard|DeepSeek|Grok|"
    "generative AI)"
)
_HELP = "(?:the (?:help|assistance|aid|use|support) of |help from |assistance from )"
_MEANS = (
    rf"(?:(?:by|using) an (?:AI|LLM)|(?:by|with|using) {_HELP}?"
    rf"(?:{_TOOLS}|AI|artificial intelligence|a (?:large )?language model))"
)
_MEANS_ANCHORS = (
    *("chatgpt", "copilot", "google bard", "deepseek", "artificial intelligence", "generative ai"),
    *("a large language model", "a language model", "by an ai", "using an ai", "by an llm", "using an llm"),
    *(
        f"{word} {tool}"
        for word in ("by", "with", "using", "of", "from")
        for tool in ("claude", "gemini", "grok", "gpt-3", "gpt-4", "gpt-5")
    ),
    *(f"{verb} by ai" for verb in _VERBS),
    *("ly by ai", "part by ai", "with ai", "using ai", "help from ai", "assistance from ai"),
    *(f"{word} of ai" for word in ("help", "assistance", "aid", "use", "support")),
)
_AGENTS = (
    r"(?:noreply@anthropic\.com|cursoragent@cursor\.com|(?:noreply|aider)@aider\.chat|(?:noreply|codex)@openai\.com|"
    r"(?:\d+\+)?Copilot@users\.noreply\.github\.com|(?:\d+\+)?devin-ai-integration\[bot\]@users\.noreply\.github\.com)"
)

_DISCLOSURES = (
    _phrase(
        "this article was written by",
        "disclosure",
        rf"this {_WORKS} (?:is|was|has been) (?:\w+ly |in part )?(?:{'|'.join(_VERBS)}) "
        rf"(?:\w+ly |in part )?{_MEANS}",
        _MEANS_ANCHORS,
        "Labels of text under article 50(4) of the EU AI Act",
    ),
    _phrase(
        "during the preparation of this work",
        "disclosure",
        r"during the (?:preparation|writing) of this (?:work|manuscript|paper|article|thesis)"
        rf"[^.]{{0,80}}\bused [^.]{{0,80}}?(?:{_TOOLS}|language models?)",
        ("preparation of this", "writing of this"),
        "Elsevier, declaration of generative AI in scientific writing",
    ),
    _token(
        "commit trailer",
        "disclosure",
        r"^[ \t]*(?i:Co-authored-by): (?:Claude (?:Opus|Sonnet|Haiku|Code|\d)[^\n]{0,80}|"
        rf"[^\n<]{{0,80}}<{_AGENTS}>)",
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
        r"(?i:(?:^AI-Disclosure:[ \t]*|\bai-disclosure=[\"']|"
        r"name=[\"']ai-disclosure[\"'][ \t\n]+content=[\"'])"
        r"[^\n\"'<>]{0,80}?\b(?:ai-modified|ai-originated|machine-generated|ai-generated|ai-assisted|autonomous)\b)",
        ("ai-disclosure",),
        "draft-abaris-aicdh, HTTP header AI-Disclosure; W3C community group, ai-disclosure",
        quotable=False,
    ),
    _token(
        "digitalSourceType",
        "disclosure",
        r"(?i:digitalSourceType[\"']?[ \t]*[:=][ \t]*[\"']?(?:https?://(?:cv\.iptc\.org/newscodes/digitalsourcetype/|"
        r"schema\.org/))?(?:compositeWith)?TrainedAlgorithmicMedia(?:DigitalSource)?\b)",
        ("digitalsourcetype",),
        "IPTC NewsCodes, digital source type; schema.org IPTCDigitalSourceEnumeration",
        quotable=False,
    ),
)

PATTERNS: Final = (*_CITATIONS, *_VOICES, *_TEMPLATES, *_LINKS, *_DISCLOSURES)
