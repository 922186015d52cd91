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
                self._found.setdefault(host.name.lower(), []).extend(files)
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
    """Host and path (with its query) of a URL, or of a domain alone.

    >>> place_of("https://Example.org:8080/a?b=1"), place_of("example.org")
    (('example.org', '/a?b=1'), ('example.org', '/'))
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = parts.hostname or ""
    except ValueError:  # a bracket or port that is none
        return "", "/"
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


Rules: TypeAlias = Callable[[str], Iterable[RawSignal]]
"""Of an encoded path, the signals of the rules that hold for it."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the files of one host say."""

    rules: tuple[Rules, ...]
    problems: tuple[str, ...]

    def signals(self, path: str) -> tuple[RawSignal, ...]:
        encoded = encoded_path(path)
        return tuple(signal for rules in self.rules for signal in rules(encoded))


def read_site(host: str, files: Sequence[Path]) -> Site:
    rules: list[Rules] = []
    problems: list[str] = []
    for path in files:
        try:
            with path.open("rb") as file:
                text = file.read(MOST_BYTES).decode("utf-8-sig", errors="replace")
            rules.append(_PARSERS[path.name](text, host))
        except (OSError, ValueError, ET.ParseError) as error:
            problems.append(f"{host}/{path.name} cannot be read and says nothing: {str(error).rstrip('.')}.")
    return Site(tuple(rules), tuple(problems))


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


def _groups(text: str) -> dict[str, list[_Line]]:
    """Agent, in lower case -> the lines of all its groups; "" for lines before the first agent."""
    groups: dict[str, list[_Line]] = {}
    agents: list[str] = [""]
    named = False  # whether the line before named an agent, too
    for line in re.split(r"[\r\n]+", text):
        label, colon, rest = line.partition("#")[0].partition(":")
        directive, value = re.sub(r"[\s_-]+", "", label.lower()), rest.strip()
        if not colon or not directive:
            continue
        if directive == "useragent":
            agents = [*(agents if named else []), value.partition("/")[0].strip().lower()]
            named = True
            continue
        if directive not in {"sitemap", "host", "license"}:  # these belong to no group
            named = False
        written = f"{_AS_WRITTEN.get(directive, label.strip())}: {value}".rstrip()
        for agent in agents:
            groups.setdefault(agent, []).append(_Line(directive, value, written))
    return groups


def _pattern(value: str) -> str:
    return encoded_path(value if value.startswith(("/", "*")) else f"/{value}")


class _Rule(NamedTuple):
    pattern: str  # encoded; empty for what matches nothing
    written: str


def _ranked(lines: Iterable[_Line], allow: str, deny: str) -> tuple[_Rule, ...]:
    """Rules in the order in which they are tried: longest pattern first, of equals the one that allows.

    Last comes an empty Disallow, which lets everybody in who is not turned away by another rule.
    """
    rules = [line for line in lines if line.directive in {allow, deny} and line.value]
    ranked = sorted(rules, key=lambda line: (-len(_pattern(line.value)), line.directive != allow))
    empty = [line for line in lines if line.directive == deny and not line.value][:1]
    return (
        *(_Rule(_pattern(line.value), line.written) for line in ranked),
        *(_Rule("", line.written) for line in empty),
    )


def _first(rules: tuple[_Rule, ...], path: str) -> str | None:
    """The rule that holds for a path, as it is written."""
    return next((rule.written for rule in rules if path_matches(rule.pattern, path)), None)


def _robots(text: str, _host: str) -> Rules:
    groups = _groups(text)
    agents = {bot.name: groups[agent] for agent in groups if (bot := bot_named(agent)) is not None}
    everyone = [line for line in groups.get("*", []) if line.value]  # that all may crawl says nothing of AI
    crawls = [
        (agent, _ranked(lines, allow, deny))
        for agent, lines in {"*": everyone, **agents}.items()
        for allow, deny in (("allow", "disallow"), ("allowaitraining", "disallowaitraining"))
    ]
    crawls = [(agent, rules) for agent, rules in crawls if rules]
    usages = [
        (agent, *_usage(line), line)
        for agent, lines in groups.items()
        for line in lines
        if line.directive in _USAGE
    ]

    def rules(path: str) -> Iterator[RawSignal]:
        held = {
            rules: _first(rules, path) for rules in {rules for _, rules in crawls}
        }  # many bots share theirs
        for agent, ranked in crawls:
            written = held[ranked]
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
    ranked = {agent: _ranked(lines, "allow", "disallow") for agent, lines in _groups(text).items() if agent}

    def rules(path: str) -> Iterator[RawSignal]:
        for agent, mine in ranked.items():
            if (written := _first(mine, path)) is not None:
                bot = bot_named(agent)
                yield RawSignal("ai-txt", _WHERE, agent if bot is None else bot.name, written)

    return rules


def _tdmrep(text: str, _host: str) -> Rules:
    content = json.loads(text)
    entries = [content] if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("it is no list of rules")
    told = [
        (_pattern(str(entry.get("location") or "/")), str(entry["tdm-reservation"]), entry.get("tdm-policy"))
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
    return (host, _pattern(path)) if found.removeprefix("www.") == host.removeprefix("www.") else None


def _licence_signals(content: Any) -> Iterator[RawSignal]:
    for licence in (element for element in content.iter() if _tag(element) == "license"):
        payment = next(
            (str(part.get("type") or "") for part in licence.iter() if _tag(part) == "payment"), ""
        )
        for part in licence.iter():
            if _tag(part) in {"permits", "prohibits"} and (part.get("type") or "usage").lower() == "usage":
                tokens = " ".join((part.text or "").split())
                offer = f"; payment {payment}" if payment and _tag(part) == "permits" else ""
                yield RawSignal("rsl", _WHERE, f"{_tag(part)} usage", tokens + offer)


_PARSERS: Mapping[str, Callable[[str, str], Rules]] = {
    "robots.txt": _robots,
    "ai.txt": _ai_txt,
    "tdmrep.json": _tdmrep,
    "rsl.xml": _rsl,
    "license.xml": _rsl,
}
