"""Files in which sites speak to crawlers, as a user saved them: which of their rules hold for an address.

    DIR/example.org/robots.txt                  Allow, Disallow, Content-Usage, Content-Signal, DisallowAITraining [1-3]
    DIR/example.org/ai.txt                      Allow, Disallow: training by Spawning's convention
    DIR/example.org/.well-known/tdmrep.json     reservations of text and data mining [4]
    DIR/example.org/rsl.xml                     licences of Really Simple Licensing [5]; license.xml is read too

Of each file the rules that hold for an address become `RawSignal`s, as they are written there; `core.optouts` tells
what they mean. Nothing is fetched. A file that cannot be read says nothing, and is named in `SiteFiles.problems`.

[1] RFC 9309, Robots Exclusion Protocol.
[2] draft-ietf-aipref-attach, Content-Usage rules.
[3] contentsignals.org, Content-Signal.
[4] TDM Reservation Protocol, W3C Community Group final report, 10 May 2024. It does not say which of several rules that
    match comes first: the longest pattern here, as in [1], and of equals a reservation.
[5] Really Simple Licensing 1.0, rslstandard.org.
"""

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from wellkeeper.core.marks import RawSignal
from wellkeeper.core.optouts import bot_named
from wellkeeper.errors import InputError

MOST_BYTES = 4 << 20
"""Bytes of one file that are read: RFC 9309 asks for at least 500 KiB."""

_WHERE = "site-file"
_NAMES = ("robots.txt", "ai.txt", ".well-known/tdmrep.json", "rsl.xml", "license.xml")


class SiteFiles:
    """The site files below one folder; each host's are read when first asked for."""

    def __init__(self, folder: Path) -> None:
        """Find the files.

        Raises:
            InputError: there is no such folder, or it holds no file of a site.
        """
        if not folder.is_dir():
            raise InputError(
                f"{folder}, the folder of site files, does not exist. Give a folder with HOST/robots.txt, HOST/ai.txt, "
                "HOST/.well-known/tdmrep.json or HOST/rsl.xml in it."
            )
        self.folder = folder
        self._found: dict[str, list[Path]] = {}
        for host in sorted(path for path in folder.iterdir() if path.is_dir()):
            if files := [host / name for name in _NAMES if (host / name).is_file()]:
                self._found.setdefault(_host(host.name), []).extend(files)
        if not self._found:
            raise InputError(
                f"{folder} holds no file of a site. Save them as HOST/robots.txt, HOST/ai.txt, "
                "HOST/.well-known/tdmrep.json or HOST/rsl.xml below it."
            )
        self._sites: dict[str, Site] = {}

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self._found)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, over names and contents: changes when anything that is read here does."""
        state = hashlib.sha256()
        for host, files in self._found.items():
            for path in files:
                content = path.read_bytes()
                state.update(f"{host}/{path.name} {len(content)}\n".encode())
                state.update(content)
        return state.hexdigest()

    @property
    def sentence(self) -> str:
        """What is read, for whoever reads the manifest later."""
        return f"site files of {len(self._found):,} hosts, SHA-256 {self.digest}"

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each file that cannot be read and says nothing."""
        return tuple(problem for host in self._found for problem in self._site(host).problems)

    def signals(self, address: str | None) -> tuple[RawSignal, ...]:
        """What the files say of a document at an address: a URL, or a domain, of which the rules for `/` hold."""
        host, path = place_of(address or "")
        bare = host.removeprefix("www.")
        found = next((name for name in (host, bare, f"www.{bare}") if name in self._found), None)
        return () if found is None else self._site(found).signals(path)

    def _site(self, host: str) -> "Site":
        if host not in self._sites:
            self._sites[host] = read_site(host, self._found[host])
        return self._sites[host]


@lru_cache(8)
def site_files(folder: str, digest: str) -> SiteFiles:  # noqa: ARG001  the digest keeps changed files apart
    """The files of a folder, found once a process."""
    return SiteFiles(Path(folder))


def place_of(address: str) -> tuple[str, str]:
    """Host and path (with its query) of a URL, or of a domain alone; the host as it stands in the domain name system.

    >>> place_of("https://Example.org:8080/a?b=1"), place_of("example.org./a//b"), place_of("b\u00fccher.example")
    (('example.org', '/a?b=1'), ('example.org', '/a//b'), ('xn--bcher-kva.example', '/'))
    """
    plain = address.strip()
    try:
        parts = urlsplit(plain if _ABSOLUTE.match(plain) else f"//{plain}")
        host = parts.hostname or ""
    except ValueError:  # a bracket or port that is none
        return "", "/"
    return _host(host), (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


_ABSOLUTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def _host(name: str) -> str:
    plain = name.strip().rstrip(".").lower()
    try:
        return plain if plain.isascii() else plain.encode("idna").decode()
    except UnicodeError:  # no name that could be registered
        return plain


Rules: TypeAlias = Callable[[str], Iterable[RawSignal]]
"""Of an encoded path, the signals of the rules that hold for it."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the files of one host say."""

    rules: tuple[Rules, ...]
    problems: tuple[str, ...]

    def signals(self, path: str) -> tuple[RawSignal, ...]:
        encoded = _literal(encoded_path(path))
        return tuple(signal for rules in self.rules for signal in rules(encoded))


def read_site(host: str, files: Sequence[Path]) -> Site:
    rules: list[Rules] = []
    problems: list[str] = []
    for path in files:
        try:
            with path.open("rb") as file:
                text = _text(file.read(MOST_BYTES))
            rules.append(_PARSERS[path.name](text, host))
        except (OSError, ValueError, RecursionError, ET.ParseError) as error:
            problems.append(f"{host}/{path.name} cannot be read and says nothing: {str(error).rstrip('.')}.")
    return Site(tuple(rules), tuple(problems))


def _text(data: bytes) -> str:
    """UTF-8 as the standards ask for, or UTF-16 that says so by its mark, as editors on Windows save it."""
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")


def encoded_path(path: str) -> str:
    """A path or pattern with every octet in one spelling, RFC 9309 section 2.2.2.

    >>> encoded_path("/%7efoo/ü%c3%bc%2F")
    '/~foo/%C3%BC%C3%BC%2F'
    """
    whole = quote(path, safe="%/?#[]@!$&'()*+,;=:-._~")
    return re.sub(r"%([0-9a-fA-F]{2})", _one_spelling, whole)


def _one_spelling(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    unreserved = letter.isascii() and (letter.isalnum() or letter in "-._~")
    return letter if unreserved else match[0].upper()


def _literal(encoded: str) -> str:
    """An encoded path with the octets encoded that would mean something else in a pattern."""
    return encoded.replace("*", "%2A").replace("$", "%24")


def path_matches(pattern: str, path: str) -> bool:
    """Whether a pattern of RFC 9309 matches the beginning of a path; `*` is any characters, a last `$` the end.

    >>> path_matches("/a/*.html$", "/a/b/c.html"), path_matches("/a", "/ab"), path_matches("/a$", "/ab")
    (True, True, False)
    """
    anchored = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not rest:
        return not anchored or at == len(path)
    for part in rest[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    if anchored:
        return path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= at
    return path.find(rest[-1], at) >= 0


class _Line(NamedTuple):
    directive: str  # in lower case
    value: str
    written: str


_AS_WRITTEN = {"allow": "Allow", "disallow": "Disallow", "disallowaitraining": "DisallowAITraining"}
_MISSPELT = frozenset({"dissallow", "dissalow", "disalow", "diasllow", "disallaw"})
"""Taken for Disallow by Google's open parser (google/robotstxt), and so by whoever wrote them."""
_RULES = frozenset(
    {"allow", "disallow", "allowaitraining", "disallowaitraining", "contentusage", "contentsignal"}
)
"""Lines after which another User-agent begins a new group; others may stand between the agents of one [1]."""


def _groups(text: str) -> dict[str, list[_Line]]:
    """Agent, in lower case -> the lines of all its groups; "" for lines before the first agent."""
    groups: dict[str, list[_Line]] = {}
    agents: list[str] = [""]
    named = False  # whether no rule stands between this line and the last that named an agent
    for line in re.split(r"[\r\n]+", text):
        label, value = _label_and_value(line.partition("#")[0])
        directive = re.sub(r"[\s_-]+", "", label.lower())
        if not directive:
            continue
        if directive == "useragent":
            told = [part.partition("/")[0].strip().lower() for part in value.split(",")]
            agents, named = [*(agents if named else []), *told], True
            continue
        directive = "disallow" if directive in _MISSPELT else directive
        named = named and directive not in _RULES
        written = f"{_AS_WRITTEN.get(directive, label.strip())}: {value}".rstrip()
        for agent in dict.fromkeys(agents):
            groups.setdefault(agent, []).append(_Line(directive, value, written))
    return groups


def _label_and_value(line: str) -> tuple[str, str]:
    """The two sides of a colon; of two words without one, as Google's parser has it, the words; else nothing."""
    label, colon, value = line.partition(":")
    words = line.split()
    if colon:
        return label, value.strip()
    return (words[0], words[1]) if len(words) == 2 else ("", "")


def _pattern(value: str) -> str:
    """A pattern with every octet in one spelling; a `$` that is not its end is an octet like others."""
    encoded = encoded_path(value if value.startswith(("/", "*")) else f"/{value}")
    return encoded[:-1].replace("$", "%24") + encoded[-1:]


class _Rule(NamedTuple):
    pattern: str  # encoded; empty for what matches nothing
    written: str


class _Ranked:
    """Rules in the order in which they count, found by what stands before their first wildcard.

    A large site has thousands of rules, a corpus millions of its addresses.
    """

    def __init__(self, rules: tuple[_Rule, ...]) -> None:
        self._by_start: dict[str, list[tuple[int, _Rule]]] = {}
        for rank, rule in enumerate(rules):
            start = rule.pattern.removesuffix("$").partition("*")[0]
            self._by_start.setdefault(start, []).append((rank, rule))
        self._lengths = sorted({len(start) for start in self._by_start})

    def holding(self, path: str) -> str | None:
        """The rule that holds for a path, as it is written."""
        found: tuple[int, _Rule] | None = None
        for length in self._lengths:
            if length > len(path):
                break
            for ranked in self._by_start.get(path[:length], ()):
                if (found is None or ranked[0] < found[0]) and path_matches(ranked[1].pattern, path):
                    found = ranked
        return None if found is None else found[1].written


def _ranked(lines: Sequence[_Line], allow: str, deny: str) -> tuple[_Rule, ...]:
    """Rules in the order in which they count: longest pattern first, of equals the one that allows.

    Last comes an empty Disallow, which lets everybody in who is not turned away by another rule.
    """
    rules = [line for line in lines if line.directive in {allow, deny} and line.value]
    ranked = sorted(rules, key=lambda line: (-len(_pattern(line.value)), line.directive != allow))
    empty = [line for line in lines if line.directive == deny and not line.value][:1]
    return (
        *(_Rule(_pattern(line.value), line.written) for line in ranked),
        *(_Rule("", line.written) for line in empty),
    )


def _robots(text: str, _host: str) -> Rules:
    groups = _groups(text)
    agents: dict[str, list[_Line]] = {}
    for agent, lines in groups.items():
        if (bot := bot_named(agent)) is not None:
            agents.setdefault(bot.name, []).extend(lines)
    everyone = [line for line in groups.get("*", []) if line.value]  # that all may crawl says nothing of AI
    ranked = [
        (agent, _ranked(lines, allow, deny))
        for agent, lines in {"*": everyone, **agents}.items()
        for allow, deny in (("allow", "disallow"), ("allowaitraining", "disallowaitraining"))
    ]
    found = {rules: _Ranked(rules) for _, rules in ranked if rules}  # many bots share theirs
    crawls = [(agent, found[rules]) for agent, rules in ranked if rules]
    usages = [
        (agent, *_usage(line), line)
        for agent, lines in groups.items()
        for line in lines
        if line.directive in _USAGE
    ]

    def rules(path: str) -> Iterator[RawSignal]:
        held = {id(rules): rules.holding(path) for rules in found.values()}
        for agent, rules in crawls:
            written = held[id(rules)]
            if written is not None and (agent != "*" or not written.startswith("Allow:")):
                yield RawSignal("robots", _WHERE, agent, written)
        yield from _held_usages(usages, path)

    return rules


_USAGE = {
    "contentusage": ("content-usage", "Content-Usage"),
    "contentsignal": ("content-signal", "Content-Signal"),
}
_Usage: TypeAlias = tuple[str, str, str, _Line]  # agent, pattern, preference, line


def _usage(line: _Line) -> tuple[str, str]:
    """Pattern and preference of a Content-Usage rule; without a path it holds everywhere."""
    if line.value.startswith("/"):
        path, _, preference = line.value.replace("\t", " ").partition(" ")
        return encoded_path(path), preference.strip()
    return "/", line.value


def _held_usages(usages: Sequence[_Usage], path: str) -> Iterator[RawSignal]:
    held = [usage for usage in usages if path_matches(usage[1], path)]
    longest: dict[tuple[str, str], int] = {}
    for agent, pattern, _, line in held:
        key = (agent, line.directive)
        longest[key] = max(longest.get(key, 0), len(pattern))
    for agent, pattern, preference, line in held:
        if len(pattern) == longest[agent, line.directive]:
            kind, name = _USAGE[line.directive]
            bot = bot_named(agent)
            whom = "" if agent in {"", "*"} else f" ({bot.name if bot is not None else agent})"
            yield RawSignal(kind, _WHERE, f"{name}{whom}", preference)


def _ai_txt(text: str, _host: str) -> Rules:
    ranked = {
        agent: _Ranked(_ranked(lines, "allow", "disallow")) for agent, lines in _groups(text).items() if agent
    }

    def rules(path: str) -> Iterator[RawSignal]:
        for agent, mine in ranked.items():
            if (written := mine.holding(path)) is not None:
                bot = bot_named(agent)
                yield RawSignal("ai-txt", _WHERE, agent if bot is None else bot.name, written)

    return rules


def _location(written: Any, host: str) -> str:
    """The pattern of a rule; a whole address, which the protocol does not have, stands for its path."""
    address = str(written or "/")
    found, path = place_of(address) if "://" in address else (host, address)
    return _pattern(path if _same_host(found, host) else address)


def _same_host(one: str, other: str) -> bool:
    return one.removeprefix("www.") == other.removeprefix("www.")


def _reservation(value: Any) -> str:
    """As the protocol writes it: JSON's true is 1."""
    return str(int(value)) if isinstance(value, bool | float) else str(value)


def _tdmrep(text: str, host: str) -> Rules:
    content = json.loads(text)
    entries = [content] if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("it is no list of rules")
    told = [
        (
            _location(entry.get("location"), host),
            _reservation(entry["tdm-reservation"]),
            entry.get("tdm-policy"),
        )
        for entry in entries
        if "tdm-reservation" in entry
    ]

    def rules(path: str) -> Iterator[RawSignal]:
        held = [entry for entry in told if path_matches(entry[0], path)]
        if held:
            _, reservation, policy = max(held, key=lambda entry: (len(entry[0]), entry[1]))
            yield RawSignal("tdmrep", _WHERE, "tdm-reservation", reservation)
            if isinstance(policy, str):
                yield RawSignal("tdmrep", _WHERE, "tdm-policy", policy)

    return rules


def _rsl(text: str, host: str) -> Rules:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # what entities expand to is without bounds
        raise ValueError("it declares a document type, which RSL files do not have")
    root = ET.fromstring(text)  # noqa: S314  no entities: see above
    contents = [
        (place[1], tuple(_licence_signals(element)))
        for element in root.iter()
        if _tag(element) == "content" and (place := _content_place(element, host)) is not None
    ]

    def rules(path: str) -> Iterator[RawSignal]:
        held = [content for content in contents if path_matches(content[0], path)]
        longest = max((len(pattern) for pattern, _ in held), default=0)
        for pattern, signals in held:
            if len(pattern) == longest:
                yield from signals

    return rules


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _content_place(element: Any, host: str) -> tuple[str, str] | None:
    """Host and pattern of what a <content> is about; None if that is another host."""
    address = str(element.get("url") or "/")
    if "://" not in address:
        return host, _pattern(address)
    found, path = place_of(address)
    return (host, _pattern(path)) if _same_host(found, host) else None


def _licence_signals(content: Any) -> Iterator[RawSignal]:
    for licence in (element for element in content if _tag(element) == "license"):
        limits = "".join(f"; {limit}" for part in licence if (limit := _limit(part)))
        for part in licence:
            if _tag(part) in {"permits", "prohibits"} and _kind(part) == "usage":
                offer = limits if _tag(part) == "permits" else ""
                yield RawSignal("rsl", _WHERE, f"{_tag(part)} usage", _tokens(part) + offer)


def _kind(part: Any) -> str:
    return str(part.get("type") or "usage").lower()


def _tokens(part: Any) -> str:
    return " ".join((part.text or "").split())


def _limit(part: Any) -> str:
    """What a part of a licence asks of whoever uses its permissions: a payment, a kind of user, a place."""
    if _tag(part) == "payment":
        return f"payment {part.get('type')}" if part.get("type") else ""
    if _tag(part) not in {"permits", "prohibits"} or _kind(part) == "usage":
        return ""
    return f"{'' if _tag(part) == 'permits' else 'not '}{_kind(part)} {_tokens(part)}"


_PARSERS: Mapping[str, Callable[[str, str], Rules]] = {
    "robots.txt": _robots,
    "ai.txt": _ai_txt,
    "tdmrep.json": _tdmrep,
    "rsl.xml": _rsl,
    "license.xml": _rsl,
}
