"""Site files: which rules hold for an address, beside Protego for robots.txt; and files that are none."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from wellkeeper.core.marks import RawSignal
from wellkeeper.core.optouts import BOTS, resolve
from wellkeeper.engine.site_files import (
    SiteFiles,
    _Line,
    _Ranked,
    _ranked,
    encoded_path,
    path_matches,
    place_of,
    read_site,
    site_files,
)
from wellkeeper.errors import InputError


def site(tmp_path, **files):
    """A folder with files of example.org, `.` for `_` in their names."""
    names = {"robots": "robots.txt", "ai": "ai.txt", "tdmrep": ".well-known/tdmrep.json", "rsl": "rsl.xml"}
    for name, content in files.items():
        path = tmp_path / "example.org" / names[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return SiteFiles(tmp_path)


def said(files, address="https://example.org/"):
    return [(signal.kind, signal.name, signal.value) for signal in files.signals(address)]


def consent(files, address):
    return resolve(files.signals(address)).consent.label


PIECES = st.text("ab/*$.", max_size=6)
PATHS = st.text("ab/.", max_size=8).map(lambda text: "/" + text)


@given(PIECES, PATHS)
def test_a_pattern_matches_as_its_regular_expression_does(pattern, path):
    anchored = pattern.endswith("$")
    body = re.escape(pattern.removesuffix("$")).replace(r"\*", ".*")
    assert path_matches(pattern, path) == bool(re.match(body + ("$" if anchored else ""), path))


def test_a_pattern_with_many_stars_takes_no_long_time():
    assert not path_matches("*a" * 4000 + "$", "/" + "a" * 3000 + "b")


AGENTS = ("GPTBot", "ClaudeBot", "CCBot", "*")
RULES = st.tuples(
    st.sampled_from(["Allow", "Disallow"]), st.text("ab/*", max_size=5).map(lambda text: "/" + text)
)
GROUPS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(AGENTS), min_size=1, max_size=2, unique=True),
        st.lists(RULES, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@given(GROUPS, PATHS)
def test_crawlers_are_let_in_exactly_as_protego_reads_the_file(tmp_path_factory, groups, path):
    text = "".join(
        "".join(f"User-agent: {agent}\n" for agent in agents)
        + "".join(f"{directive}: {pattern}\n" for directive, pattern in rules)
        + "\n"
        for agents, rules in groups
    )
    files = site(tmp_path_factory.mktemp("site"), robots=text)
    oracle = Protego.parse(text)
    told = {signal.name: signal.value for signal in files.signals(f"https://example.org{path}")}
    named = {agent for agents, _ in groups for agent in agents}
    for agent in named:
        may = oracle.can_fetch(f"https://example.org{path}", "SomeOtherBot" if agent == "*" else agent)
        assert told.get(agent, "Allow").startswith("Disallow") != may, text
    assert set(told) <= named


ROBOTS = """\ufeff# what we think
Content-Signal: search=yes, ai-train=no
User-agent: GPTBot
User-agent: CCBot   # two of them
Disallow: /private/
Allow: /private/open$

Sitemap: https://example.org/map.xml
User-agent: *
Disallow: /never/
Content-Usage: / train-ai=n
Content-Usage: /ai-ok/ train-ai=y
User-agent: ExampleBot
Content-Usage: train-ai=y
"""


def test_every_rule_that_holds_for_an_address_is_kept_as_it_is_written(tmp_path):
    files = site(tmp_path, robots=ROBOTS)
    general = [("content-signal", "Content-Signal", "search=yes, ai-train=no")]
    bot = [("content-usage", "Content-Usage (examplebot)", "train-ai=y")]
    assert said(files) == [*general, ("content-usage", "Content-Usage", "train-ai=n"), *bot]
    assert said(files, "https://example.org/ai-ok/x?y") == [
        *general,
        ("content-usage", "Content-Usage", "train-ai=y"),
        *bot,
    ]
    assert said(files, "https://www.example.org/private/x")[:2] == [
        ("robots", "GPTBot", "Disallow: /private/"),
        ("robots", "CCBot", "Disallow: /private/"),
    ]
    assert said(files, "example.org/private/open")[0] == ("robots", "GPTBot", "Allow: /private/open$")
    assert ("robots", "*", "Disallow: /never/") in said(files, "https://example.org/never/again")
    assert all(signal.where == "site-file" for signal in files.signals("https://example.org/never/"))


def test_a_host_without_files_says_nothing_and_a_domain_stands_for_its_root(tmp_path):
    files = site(tmp_path, robots="User-agent: *\nDisallow: /$\n")
    assert (
        said(files, "https://other.example/")
        == said(files, "")
        == said(files, None)
        == said(files, "http://[")
        == []
    )
    assert (
        said(files, "example.org")
        == said(files, "HTTPS://me@Example.org:80")
        == [("robots", "*", "Disallow: /$")]
    )
    assert place_of("//a.example/b#c") == ("a.example", "/b")


def test_paths_are_compared_with_each_octet_in_one_spelling(tmp_path):
    files = site(tmp_path, robots="User-agent: *\nDisallow: /%7Ejoe/ü\n")
    assert said(files, "https://example.org/~joe/%c3%bcber") != []
    assert encoded_path("/a%2fb") == "/a%2Fb"


@given(st.text(max_size=20))
def test_encoding_a_path_twice_changes_nothing_more(path):
    assert encoded_path(encoded_path(path)) == encoded_path(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a.txt", "opt-out-signal"),
        ("/a.html", "granted"),
        ("/b/c.pdf?x", "opt-out-signal"),
        ("/", "granted"),
    ],
)
def test_ai_txt_speaks_of_training_by_file_type(tmp_path, path, expected):
    files = site(tmp_path, ai="User-Agent: *\nAllow: /\nDisallow: *.txt\nDisallow: *.pdf\n")
    assert consent(files, f"https://example.org{path}") == expected


def test_of_reservations_the_longest_pattern_holds_and_of_equals_the_reservation(tmp_path):
    rules = [
        {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://example.org/p.json"},
        {"location": "/open/", "tdm-reservation": 0},
        {"location": "/both", "tdm-reservation": 0},
        {"location": "/both", "tdm-reservation": 1},
        {"location": "/silent"},
    ]
    files = site(tmp_path, tdmrep=json.dumps(rules))
    assert said(files) == [
        ("tdmrep", "tdm-reservation", "1"),
        ("tdmrep", "tdm-policy", "https://example.org/p.json"),
    ]
    assert said(files, "https://example.org/open/a") == [("tdmrep", "tdm-reservation", "0")]
    assert consent(files, "https://example.org/both") == "opt-out-signal"


RSL = """<?xml version="1.0"?>
<rsl xmlns="https://rslstandard.org/rsl">
  <content url="/">
    <license><permits type="usage">search</permits><prohibits type="usage">ai-train ai-input</prohibits></license>
  </content>
  <content url="https://example.org/sold/*">
    <license><permits type="usage">ai-all</permits><permits type="user">commercial</permits><payment type="purchase"/></license>
    <license><permits>all</permits><payment type="free"/></license>
  </content>
  <content url="https://other.example/"><license><prohibits type="usage">all</prohibits></license></content>
</rsl>"""


def test_rsl_licences_are_read_for_their_content_with_what_they_cost(tmp_path):
    files = site(tmp_path, rsl=RSL)
    assert said(files) == [
        ("rsl", "permits usage", "search"),
        ("rsl", "prohibits usage", "ai-train ai-input"),
    ]
    assert said(files, "https://example.org/sold/a") == [
        ("rsl", "permits usage", "ai-all; user commercial; payment purchase"),
        ("rsl", "permits usage", "all; payment free"),
    ]
    assert consent(files, "https://example.org/sold/a") == "granted"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("tdmrep", "<html>404</html>", "tdmrep.json cannot be read and says nothing: Expecting value"),
        ("tdmrep", "[1]", "tdmrep.json cannot be read and says nothing: it is no list of rules."),
        ("tdmrep", '[{"location":', "tdmrep.json cannot be read"),
        ("rsl", RSL[:200], "rsl.xml cannot be read and says nothing: "),
        ("rsl", '<!DOCTYPE rsl [<!ENTITY a "b">]><rsl>&a;</rsl>', "it declares a document type"),
    ],
)
def test_a_broken_file_is_named_and_says_nothing(tmp_path, name, content, why):
    files = site(tmp_path, robots="User-agent: CCBot\nDisallow: /", **{name: content})
    (problem,) = files.problems
    assert problem.startswith("example.org/")
    assert why in problem
    assert said(files) == [("robots", "CCBot", "Disallow: /")]


@given(st.binary(max_size=200))
def test_no_bytes_in_a_site_file_stop_a_run(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("site")
    for name in ("robots", "ai", "tdmrep", "rsl"):
        site(folder, **{name: content})
    files = SiteFiles(folder)
    for signal in files.signals("https://example.org/a"):
        assert isinstance(signal, RawSignal)
    assert len(files.problems) <= 2


def test_a_folder_that_is_none_is_refused_with_what_to_give(tmp_path):
    with pytest.raises(InputError, match=r"does not exist\. Give a folder with HOST/robots\.txt"):
        SiteFiles(tmp_path / "gone")
    (tmp_path / "example.org").mkdir()
    with pytest.raises(InputError, match=r"holds no file of a site\. Save them as HOST/robots\.txt"):
        SiteFiles(tmp_path)


def test_the_digest_changes_with_any_byte_and_files_are_read_anew_then(tmp_path):
    before = site(tmp_path, robots="User-agent: *\nDisallow: /a\n").digest
    assert SiteFiles(tmp_path).digest == before
    assert site(tmp_path, robots="User-agent: *\nDisallow: /b\n").digest != before
    one = site_files(str(tmp_path), "first")
    assert one.signals("https://example.org/b")
    site(tmp_path, robots="User-agent: *\nAllow: /\n")
    assert not site_files(str(tmp_path), "second").signals("https://example.org/b")
    assert site_files(str(tmp_path), "first") is one


def test_all_known_bots_are_found_in_a_file_that_names_them(tmp_path):
    text = "".join(f"User-agent: {bot.name}\n" for bot in BOTS) + "Disallow: /\n"
    path = tmp_path / "robots.txt"
    path.write_text(text)
    found = read_site("example.org", [path]).signals("/")
    assert [signal.name for signal in found] == [bot.name for bot in BOTS]


def test_that_everybody_may_crawl_says_nothing_and_that_a_bot_may_is_kept(tmp_path):
    files = site(
        tmp_path,
        robots="User-agent: *\nDisallow:\nUser-agent: GPTBot\nDisallow:\nUser-agent: CCBot\nCrawl-delay: 1\n",
    )
    assert said(files) == [("robots", "GPTBot", "Disallow:")]
    assert consent(files, "example.org") == "unknown"


def test_training_may_be_disallowed_in_so_many_words(tmp_path):
    files = site(
        tmp_path, robots="User-agent: *\nAllow: /\nDisallowAITraining: /a\nAllowAITraining: /a/open\n"
    )
    assert consent(files, "https://example.org/a") == "opt-out-signal"
    assert consent(files, "https://example.org/a/open/b") == "granted"
    assert said(files, "https://example.org/b") == []


@pytest.mark.parametrize(
    "robots",
    [
        "User-agent: GPTBot, CCBot\nDisallow: /",
        "User-agent: GPTBot 1.0\nDisallow: /",
        "User-agent: GPTBot\nCrawl-delay: 10\n\nUser-agent: Googlebot\nDisallow: /",
        "User-agent: GPTBot\nSitemap: https://example.org/s.xml\nUser-agent: Googlebot\nDisallow: /",
        "User-agent: Googlebot\nDisallow: /y\nUser-agent: GPTBot\nDisallow: /",
        "User-agent: GPTBot\nAllow: /open\nUser-agent: GPTBot/2\nDisallow: /",
        "User-agent: GPTBot\nDissallow: /",
        "user agent : gptbot # ours\r\rdisallow /\r",
        "\ufeffUser-agent: GPTBot\r\nDisallow: *",
        "User-agent: GPTBot\nDisallow: /x*y$z",
        "User-agent: GPTBot\nDisallow: /x%2Ay",
        "User-agent: GPTBot\nDisallow: /%78",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_denial_is_heard_however_it_is_written(tmp_path, robots, encoding):
    text = robots.removeprefix("\ufeff") if encoding == "utf-16" else robots
    files = site(tmp_path, robots=text.encode(encoding))
    assert consent(files, "https://example.org/x*y$z") == "opt-out-signal"


@given(
    st.lists(RULES, min_size=1, max_size=30).map(lambda rules: tuple(dict.fromkeys(rules))),
    st.lists(PATHS, min_size=1, max_size=5),
)
def test_the_index_of_rules_finds_the_one_that_comes_first(rules, paths):
    ranked = _ranked([_Line(d.lower(), p, f"{d}: {p}") for d, p in rules], "allow", "disallow")
    index = _Ranked(ranked)
    for path in paths:
        told = next((rule.written for rule in ranked if path_matches(rule.pattern, path)), None)
        assert index.holding(path) == told


@pytest.mark.parametrize(
    ("limit", "condition"),
    [
        ('<permits type="user">education</permits>', "user education"),
        ('<prohibits type="geo">EU US</prohibits>', "not geo EU US"),
        ('<payment type="attribution"/>', "payment attribution"),
        ('<payment type="free"/>', ""),
    ],
)
def test_a_permission_to_some_is_no_consent(tmp_path, limit, condition):
    rsl = f"<rsl><content url='/'><license><permits type='usage'>ai-train</permits>{limit}</license></content></rsl>"
    files = site(tmp_path, rsl=rsl)
    (statement,) = resolve(files.signals("https://example.org/")).statements
    assert (statement.allows, statement.condition) == (True, condition)
    assert consent(files, "https://example.org/") == ("unknown" if condition else "granted")


@pytest.mark.parametrize(
    "rule",
    [
        {"location": "/x", "tdm-reservation": True},
        {"location": "/x", "tdm-reservation": 1.0},
        {"location": "https://www.example.org/x", "tdm-reservation": 1},
    ],
)
def test_a_reservation_is_heard_however_it_is_written(tmp_path, rule):
    files = site(tmp_path, tdmrep=json.dumps([rule]))
    assert consent(files, "https://example.org/x/y") == "opt-out-signal"
    assert consent(files, "https://example.org/y") == "unknown"


def test_json_of_any_depth_is_named_and_stops_nothing(tmp_path):
    files = site(tmp_path, tdmrep="[" * 200_000)
    (problem,) = files.problems
    assert "tdmrep.json cannot be read and says nothing: " in problem


@pytest.mark.parametrize(
    "address",
    [
        "https://b\u00fccher.example/x",
        "xn--bcher-kva.example./x",
        "B\u00dcCHER.example:80/x//y",
        " //b\u00fccher.example",
    ],
)
def test_a_host_is_the_same_in_every_spelling(tmp_path, address):
    (tmp_path / "b\u00fccher.example").mkdir()
    (tmp_path / "b\u00fccher.example" / "robots.txt").write_text("User-agent: GPTBot\nDisallow: /")
    assert len(SiteFiles(tmp_path).signals(address)) == 1


def test_thousands_of_rules_cost_an_address_little(tmp_path):
    rules = "".join(f"Disallow: /shop/{number}/*.html$\n" for number in range(5000))
    files = site(tmp_path, robots=f"User-agent: *\n{rules}Disallow: /")
    files.signals("https://example.org/")
    started = time.process_time()
    for number in range(500):
        assert files.signals(f"https://example.org/shop/{number}/a.html")[0].value.startswith(
            "Disallow: /shop"
        )
    assert time.process_time() - started < 0.5  # 10 us each; looking at each rule took 1.7 ms
