"""Opt-outs: what a site or a file says about its use for AI, put into one form and resolved.

Eight ways of saying it are read. Each statement found is kept as it was written (`RawSignal`); here it is understood:
which use it is about, whether it allows or denies it, and under what condition. Nobody owes obedience to a signal
because of this package, and no law is read into it: the user decides, and sees what was said.

How statements are resolved for training:

- One denial is enough. So say the IETF's draft [1], section "Combining Preferences", and caution.
- A permission under a condition (to one crawler, against payment) is none for others, and a denial under a condition is
  one: a site that shuts out GPTBot has said what it thinks of training.
- A denial and a permission together are a conflict. It is resolved as a denial, and it is told.
- What says nothing of training (search, answers) decides nothing.

[1] draft-ietf-aipref-vocab (AI preferences vocabulary) and draft-ietf-aipref-attach (Content-Usage).
[2] contentsignals.org (Content-Signal), Cloudflare, September 2025.
[3] TDM Reservation Protocol, W3C Community Group final report, 10 May 2024.
[4] Really Simple Licensing 1.0, rslstandard.org, 6 November 2025.
[5] Training and Data Mining Assertion 1.1, Creator Assertions Working Group.
[6] PLUS License Data Format 2.0.1 and IPTC Photo Metadata 2023.1, Data Mining: terms at ns.useplus.org/ldf/vocab.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from wellkeeper.core.marks import RawSignal, signals_of
from wellkeeper.core.rights import Consent


class Use(StrEnum):
    """What a statement is about."""

    TRAINING = "training"
    ANSWERS = "answers"  # input of a model that answers: retrieval, grounding
    SEARCH = "search"
    ALL = "all"


class Statement(NamedTuple):
    """One signal, understood."""

    kind: str  # of the signal
    use: Use
    allows: bool
    condition: str  # empty: without one; else in words, "agent GPTBot", "payment subscription"
    signal: RawSignal

    @property
    def denies_training(self) -> bool:
        return self.about_training and not self.allows

    @property
    def allows_training(self) -> bool:
        return self.about_training and self.allows and not self.condition

    @property
    def about_training(self) -> bool:
        return self.use in {Use.TRAINING, Use.ALL} and self.condition != IMAGES


IMAGES = "images"
"""Condition of `noimageai`, which says nothing of text."""


class Bot(NamedTuple):
    """An AI crawler, or a token that stands for a use: what robots.txt files name."""

    name: str
    use: Use
    operator: str


BOTS: tuple[Bot, ...] = (
    Bot("AI2Bot", Use.TRAINING, "Ai2"),
    Bot("Ai2Bot-Dolma", Use.TRAINING, "Ai2"),
    Bot("Amazonbot", Use.ANSWERS, "Amazon"),
    Bot("anthropic-ai", Use.TRAINING, "Anthropic"),
    Bot("Applebot-Extended", Use.TRAINING, "Apple"),
    Bot("Brightbot", Use.TRAINING, "Bright Data"),
    Bot("Bytespider", Use.TRAINING, "ByteDance"),
    Bot("CCBot", Use.TRAINING, "Common Crawl"),
    Bot("ChatGPT-User", Use.ANSWERS, "OpenAI"),
    Bot("Claude-SearchBot", Use.SEARCH, "Anthropic"),
    Bot("Claude-User", Use.ANSWERS, "Anthropic"),
    Bot("Claude-Web", Use.ANSWERS, "Anthropic"),
    Bot("ClaudeBot", Use.TRAINING, "Anthropic"),
    Bot("cohere-ai", Use.ANSWERS, "Cohere"),
    Bot("cohere-training-data-crawler", Use.TRAINING, "Cohere"),
    Bot("Cotoyogi", Use.TRAINING, "ROIS"),
    Bot("DeepSeekBot", Use.TRAINING, "DeepSeek"),
    Bot("Diffbot", Use.TRAINING, "Diffbot"),
    Bot("DuckAssistBot", Use.ANSWERS, "DuckDuckGo"),
    Bot("FacebookBot", Use.TRAINING, "Meta"),
    Bot("Factset_spyderbot", Use.TRAINING, "FactSet"),
    Bot("FriendlyCrawler", Use.TRAINING, "unknown"),
    Bot("Google-Extended", Use.TRAINING, "Google"),
    Bot("GoogleOther", Use.TRAINING, "Google"),
    Bot("GoogleOther-Image", Use.TRAINING, "Google"),
    Bot("GoogleOther-Video", Use.TRAINING, "Google"),
    Bot("GPTBot", Use.TRAINING, "OpenAI"),
    Bot("ICC-Crawler", Use.TRAINING, "NICT"),
    Bot("img2dataset", Use.TRAINING, "img2dataset"),
    Bot("ISSCyberRiskCrawler", Use.TRAINING, "ISS-Corporate"),
    Bot("Kangaroo Bot", Use.TRAINING, "Kangaroo LLM"),
    Bot("LAIONDownloader", Use.TRAINING, "LAION"),
    Bot("Linguee Bot", Use.TRAINING, "Linguee"),
    Bot("meta-externalagent", Use.TRAINING, "Meta"),
    Bot("meta-externalfetcher", Use.ANSWERS, "Meta"),
    Bot("MistralAI-User", Use.ANSWERS, "Mistral"),
    Bot("OAI-SearchBot", Use.SEARCH, "OpenAI"),
    Bot("omgili", Use.TRAINING, "Webz.io"),
    Bot("omgilibot", Use.TRAINING, "Webz.io"),
    Bot("PanguBot", Use.TRAINING, "Huawei"),
    Bot("Perplexity-User", Use.ANSWERS, "Perplexity"),
    Bot("PerplexityBot", Use.SEARCH, "Perplexity"),
    Bot("SBIntuitionsBot", Use.TRAINING, "SB Intuitions"),
    Bot("Sidetrade indexer bot", Use.TRAINING, "Sidetrade"),
    Bot("Timpibot", Use.TRAINING, "Timpi"),
    Bot("VelenPublicWebCrawler", Use.TRAINING, "Velen"),
    Bot("Webzio-Extended", Use.TRAINING, "Webz.io"),
    Bot("YouBot", Use.SEARCH, "You.com"),
)
"""AI crawlers and what they collect for. Source: ai-robots-txt/ai.robots.txt (`robots.json`, as of 2026-11) and the
operators' own pages; a bot that collects for several uses stands under training if training is one of them."""

_BOT_OF: Mapping[str, Bot] = {bot.name.lower(): bot for bot in BOTS}


def bot_named(agent: str) -> Bot | None:
    """The AI bot of a `User-agent` line, by its product token without version or wildcards; None for others.

    >>> bot_named("gptbot/1.2").operator, bot_named("GPTBot 1.0").operator, bot_named("Googlebot")
    ('OpenAI', 'OpenAI', None)
    """
    return _BOT_OF.get(_VERSION.split(agent, maxsplit=1)[0].strip(" \t*").lower())


_VERSION = re.compile(r"/|\s+v?\d")


KINDS = ("robots", "robots-meta", "tdmrep", "content-usage", "rsl", "ai-txt", "c2pa-mining", "declared")
"""What can decide, in the order of its bits in `rights_signals`: bit k, KINDS[k] denies training; bit 8 + k, it allows
it. `content-usage` is Content-Signal too, `c2pa-mining` the data-mining field of a picture's XMP [6]; `declared` is the
consent that the user states."""

DENIES = (1 << len(KINDS)) - 1
"""The bits of `rights_signals` that deny."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What all signals come to for training. No statement is left out of `statements`."""

    consent: Consent
    mask: int  # u16, see `KINDS`
    statements: tuple[Statement, ...] = ()

    @property
    def denied_by(self) -> tuple[str, ...]:
        return denied_by(self.mask)

    @property
    def allowed_by(self) -> tuple[str, ...]:
        return allowed_by(self.mask)

    @property
    def conflict(self) -> bool:
        return bool(is_conflict(self.mask))


def denied_by(mask: int) -> tuple[str, ...]:
    """The kinds that deny training."""
    return _kinds_in(mask & DENIES)


def allowed_by(mask: int) -> tuple[str, ...]:
    """The kinds that allow it."""
    return _kinds_in(mask >> len(KINDS))


def _kinds_in(bits: int) -> tuple[str, ...]:
    return tuple(kind for place, kind in enumerate(KINDS) if bits >> place & 1)


def is_conflict(mask: Any) -> Any:
    """Whether one signal denies training and another allows it, of a mask or of each in an array of them."""
    return (mask & DENIES != 0) & (mask >> len(KINDS) != 0)


_SAYS_YES = frozenset({Consent.GRANTED, Consent.LICENSED})
_SAYS_NO = frozenset({Consent.OPT_OUT_SIGNAL, Consent.REVOKED})


def resolve(signals: Iterable[RawSignal], declared: Consent = Consent.UNKNOWN) -> Resolved:
    """Resolve signals, and the consent that the user states for the document, into one consent to training.

    >>> said = [RawSignal("robots", "site-file", "GPTBot", "Disallow: /"),
    ...         RawSignal("content-usage", "http-header", "Content-Usage", "train-ai=y")]
    >>> found = resolve(said)
    >>> found.consent.label, found.denied_by, found.allowed_by, found.conflict
    ('opt-out-signal', ('robots',), ('content-usage',), True)
    """
    statements = tuple(statement for signal in signals for statement in statements_of(signal))
    mask = 0
    for statement in statements:
        mask |= _bit(statement.kind, allows=False) * statement.denies_training
        mask |= _bit(statement.kind, allows=True) * statement.allows_training
    mask |= _bit("declared", allows=False) * (declared in _SAYS_NO)
    mask |= _bit("declared", allows=True) * (declared in _SAYS_YES)
    return Resolved(consent=_consent(mask, declared), mask=mask, statements=statements)


def _consent(mask: int, declared: Consent) -> Consent:
    if declared is Consent.REVOKED:
        return Consent.REVOKED
    if mask & DENIES:
        return Consent.OPT_OUT_SIGNAL
    return declared if declared in _SAYS_YES or not mask else Consent.GRANTED


_SHARED = {"content-signal": "content-usage", "data-mining": "c2pa-mining"}


def _bit(kind: str, *, allows: bool) -> int:
    place = KINDS.index(_SHARED.get(kind, kind))
    return 1 << (place + len(KINDS) * allows)


@lru_cache(1 << 16)
def resolve_column(signals: str | None, declared: Consent) -> tuple[Consent, int]:
    """Consent and mask of a document from its column of signals, as `core.marks.signals_json` writes it."""
    found = resolve(signals_of(signals), declared)
    return found.consent, found.mask


def statements_of(signal: RawSignal) -> tuple[Statement, ...]:
    """What a signal says about uses for AI; nothing if it says nothing of them, or cannot be understood."""
    read = _READERS.get(signal.kind)
    if read is None:
        return ()
    return tuple(Statement(signal.kind, *said, signal) for said in read(signal))


_Said = tuple[Use, bool, str]


def _robots(signal: RawSignal) -> Iterator[_Said]:
    """A rule of robots.txt that holds for the document: `name` is whom it was written for."""
    directive, _, path = signal.value.partition(":")
    denies = _folded(directive) in {"disallow", "disallowaitraining"} and bool(path.strip())
    if "aitraining" in _folded(directive):  # draft-canel-robots-ai-control
        yield Use.TRAINING, not denies, _agent(signal.name)
    elif signal.name == "*":
        if denies:
            yield Use.ALL, False, ""
    elif (bot := bot_named(signal.name)) is not None:
        yield bot.use, not denies, _agent(bot.name)


def _agent(name: str) -> str:
    return "" if name in {"", "*"} else f"agent {name}"


_META = {"noai": "", "noml": "", "noimageai": IMAGES}


def _robots_meta(signal: RawSignal) -> Iterator[_Said]:
    """`noai` and `noimageai` (DeviantArt, 2022) and `noml` (noml.info) in a robots meta element or X-Robots-Tag."""
    general = _folded(signal.name) in {"robots", "xrobotstag"}
    agent = "" if general else _agent(signal.name)
    for part in signal.value.split(","):
        head, colon, rest = part.partition(":")
        if colon and _folded(head) not in {
            "unavailableafter",
            "maxsnippet",
            "maximagepreview",
            "maxvideopreview",
        }:
            agent, part = _agent(head.strip()), rest  # noqa: PLW2901  an agent's name stands before its directives
        for word in re.split(r"[\s;]+", part):  # not as the standard has it, and no reason to overhear it
            if (condition := _META.get(_folded(word))) is not None:
                yield Use.TRAINING, False, condition or agent


def _tdmrep(signal: RawSignal) -> Iterator[_Said]:
    """The reservation of [3]: 1 reserves the rights of text and data mining, 0 does not. A policy alone is no word."""
    if _folded(signal.name) == "tdmreservation" and signal.value.strip() in {"0", "1"}:
        yield Use.TRAINING, signal.value.strip() == "0", ""


_USES: Mapping[str, Use] = {
    "train-ai": Use.TRAINING, "train-genai": Use.TRAINING, "ai-train": Use.TRAINING, "genai": Use.TRAINING,
    "ai-use": Use.ANSWERS, "ai-input": Use.ANSWERS, "ai-index": Use.SEARCH, "ai-search": Use.SEARCH,
    "search": Use.SEARCH, "ai": Use.ALL, "ai-all": Use.ALL, "bots": Use.ALL, "all": Use.ALL, "tdm": Use.TRAINING,
}  # fmt: skip
"""Labels of [1] (of several drafts), [2] and [4]."""
_YES_OR_NO = {"y": True, "yes": True, "n": False, "no": False}
_FOR = re.compile(r"\((?P<agent>[^)]*)\)\s*$")


def _content_usage(signal: RawSignal) -> Iterator[_Said]:
    """A dictionary of structured fields (RFC 9651), `train-ai=n, search=y`; `name` may end with (AGENT).

    A denial counts where a semicolon or quotes stand and should not; a permission must be written as the drafts say.
    """
    found = _FOR.search(signal.name)
    agent = _agent(found["agent"]) if found else ""
    for member in signal.value.split(","):
        item, *parameters = (part.strip() for part in member.split(";"))
        limits = [part for part in parameters if _preference(part) is None]
        if (said := _preference(item)) is not None:
            yield *said, ", ".join(filter(None, [agent, *limits]))
        for use, allows in filter(None, map(_preference, parameters)):
            if not allows:
                yield use, False, agent


def _preference(written: str) -> tuple[Use, bool] | None:
    """The use and whether it is allowed, of `train-ai=n`; None of anything else."""
    label, _, value = (part.strip().lower() for part in written.partition("="))
    allows = _YES_OR_NO.get(value)
    if value.strip("\"'") in {"n", "no"}:
        allows = False
    return None if allows is None or label not in _USES else (_USES[label], allows)


_FREE = frozenset({"", "payment", "payment free"})


def _rsl(signal: RawSignal) -> Iterator[_Said]:
    """A licence of [4]: `name` is "permits usage" or "prohibits usage", `value` its tokens, then what limits them.

    Limits follow semicolons: "payment TYPE", "user education", "not geo EU". A permission to some is none for others.
    """
    verb = signal.name.partition(" ")[0].lower()
    if verb not in {"permits", "prohibits"} or "usage" not in signal.name.lower():
        return
    tokens, *limits = (part.strip() for part in signal.value.split(";"))
    condition = ", ".join(limit for limit in limits if limit not in _FREE) if verb == "permits" else ""
    for token in dict.fromkeys(re.split(r"[\s,]+", tokens.strip().lower())):
        if token in _USES:
            yield _USES[token], verb == "permits", condition


def _ai_txt(signal: RawSignal) -> Iterator[_Said]:
    """A rule of Spawning's ai.txt that holds for the document; the whole file is about training."""
    directive, _, path = signal.value.partition(":")
    if _folded(directive) in {"allow", "disallow"}:
        allows = _folded(directive) == "allow" or not path.strip()
        yield Use.TRAINING, allows, _agent(signal.name)


def _c2pa_mining(signal: RawSignal) -> Iterator[_Said]:
    """An entry of [5]: `name` is the use, `value` allowed, notAllowed or constrained (rights are reserved)."""
    value, name = _folded(signal.value), signal.name.lower()
    use = Use.ANSWERS if "inference" in name else Use.TRAINING
    if value in {"allowed", "notallowed", "constrained"}:
        yield use, value == "allowed", "constrained" if value == "constrained" else ""


def _data_mining(signal: RawSignal) -> Iterator[_Said]:
    """A term of [6]; one that points to a constraint written elsewhere is a denial under that condition."""
    term = signal.value.rstrip("/").rpartition("/")[2].upper()
    if term == "DMI-ALLOWED":
        yield Use.TRAINING, True, ""
    elif term.startswith("DMI-PROHIBITED"):
        yield Use.TRAINING, False, term.removeprefix("DMI-PROHIBITED").strip("-").lower()


def _folded(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text.lower())


_READERS: Mapping[str, Callable[[RawSignal], Iterator[_Said]]] = {
    "robots": _robots,
    "robots-meta": _robots_meta,
    "tdmrep": _tdmrep,
    "content-usage": _content_usage,
    "content-signal": _content_usage,
    "rsl": _rsl,
    "ai-txt": _ai_txt,
    "c2pa-mining": _c2pa_mining,
    "data-mining": _data_mining,
}
