"""Statements beside a page's text: found wherever standards put them, kept as written, in markup of any quality."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.marks import RawSignal, signals_json, signals_of
from wellkeeper.engine.readers.markup import LOOKED_AT, header_signals, page_date, page_signals

PAGE = b"""<!doctype html><html ai-disclosure="ai-assisted"><head>
<meta name="AI-Disclosure" content="ai-generated">
<meta name="generator" content="Writer 3"><meta name="robots" content="index, noai, noimageai">
<meta name="GPTBot" content="noindex"><meta name=tdm-reservation content=1>
<meta name="tdm-policy" content="https://a.org/policy.json">
<meta name="dcterms.license" content="CC BY 4.0">
<link rel="alternate license" href="https://creativecommons.org/licenses/by/4.0/">
<link rel="license" type="application/rsl+xml" href="/rsl.xml">
<script type="application/ld+json">
{"@graph": [{"@type": "Article", "license": {"@id": "https://a.org/l"}, "datePublished": "2021-05-06",
 "digitalSourceType": "https://schema.org/TrainedAlgorithmicMediaDigitalSource"}]}</script>
<script type="application/ld+json">{"license": broken</script>
<!-- <meta name="robots" content="in a comment"> -->
</head><body><section ai-disclosure="ai-generated">x</section><p>Cafe, 1 < 2 & 3
<a rel="license" href="https://b.org/terms">terms</a><span itemprop="license">CC0</span>
<rdf:Description Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/x/trainedAlgorithmicMedia"/>
<script type="application/rsl+xml">&lt;rsl/&gt;</script>"""


def test_every_statement_of_a_page_is_found_as_written() -> None:
    assert set(page_signals(PAGE, "utf-8")) == {
        RawSignal("ai-disclosure", "html-meta", "ai-disclosure", "ai-generated"),
        RawSignal("ai-disclosure", "html-attribute", "html", "ai-assisted"),
        RawSignal("ai-disclosure", "html-attribute", "section", "ai-generated"),
        RawSignal("generator", "html-meta", "generator", "Writer 3"),
        RawSignal("robots-meta", "html-meta", "robots", "index, noai, noimageai"),
        RawSignal("robots-meta", "html-meta", "gptbot", "noindex"),
        RawSignal("tdmrep", "html-meta", "tdm-reservation", "1"),
        RawSignal("tdmrep", "html-meta", "tdm-policy", "https://a.org/policy.json"),
        RawSignal("licence", "html-meta", "dcterms.license", "CC BY 4.0"),
        RawSignal("licence", "html-link", "license", "https://creativecommons.org/licenses/by/4.0/"),
        RawSignal("licence", "html-link", "license", "https://b.org/terms"),
        RawSignal("licence", "html-attribute", "itemprop", "CC0"),
        RawSignal("rsl", "html-link", "license", "/rsl.xml"),
        RawSignal("rsl", "html-script", "application/rsl+xml", "&lt;rsl/&gt;"),
        RawSignal("licence", "json-ld", "license", "https://a.org/l"),
        RawSignal("page-date", "json-ld", "datePublished", "2021-05-06"),
        RawSignal(
            "json-ld",
            "json-ld",
            "digitalSourceType",
            "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
        ),
        RawSignal(
            "iptc", "xmp", "Iptc4xmpExt:DigitalSourceType", "http://cv.iptc.org/x/trainedAlgorithmicMedia"
        ),
    }


def test_every_statement_of_a_response_is_found_as_written() -> None:
    headers = [
        ("Content-Type", "text/html"),
        ("AI-Disclosure", 'mode=ai-originated, model="m-1"'),
        ("X-Robots-Tag", "noai"),
        ("TDM-Reservation", "1"),
        ("Content-Usage", "train-ai=n"),
        ("Content-Signal", "ai-train=no"),
        ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("Link", '<https://a.org/x>; rel="next", </rsl.xml>; rel="license"; type="application/rsl+xml"'),
        ("Link", "<https://a.org/l>; rel=license"),
    ]
    assert [(signal.kind, signal.name, signal.value) for signal in header_signals(headers)] == [
        ("ai-disclosure", "ai-disclosure", 'mode=ai-originated, model="m-1"'),
        ("robots-meta", "x-robots-tag", "noai"),
        ("tdmrep", "tdm-reservation", "1"),
        ("content-usage", "content-usage", "train-ai=n"),
        ("content-signal", "content-signal", "ai-train=no"),
        ("last-modified", "last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("rsl", "link", "/rsl.xml"),
        ("licence", "link", "https://a.org/l"),
    ]


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "latin-1", "utf-16", "no-such-charset"]))
def test_no_bytes_make_the_reading_of_a_page_fail(noise: bytes, charset: str | None) -> None:
    for body in (noise, b"<html><head>" + noise + PAGE):
        signals = page_signals(body, charset)
        assert signals_of(signals_json(signals)) == signals


@given(st.integers(0, len(PAGE)))
def test_a_page_cut_anywhere_keeps_what_stands_before_the_cut(end: int) -> None:
    whole, cut = page_signals(PAGE), page_signals(PAGE[:end])
    complete = [signal for signal in cut if signal in whole]
    assert (
        len(cut) - len(complete) <= 2
    )  # the statement that the cut runs through, and what it then seems to be


def test_only_the_first_bytes_of_a_page_are_looked_at() -> None:
    late = b"<html><head>" + b" " * LOOKED_AT + b"<meta name=robots content=noai>"
    assert page_signals(late) == ()


def test_the_statements_of_one_page_are_bounded() -> None:
    page = b"".join(b"<meta name=robots content=%d>" % number for number in range(1_000))
    assert len(page_signals(page)) == 200
    long = page_signals(b"<meta name=generator content='" + b"x" * 10_000 + b"'>")
    assert len(long[0].value) == 2_000


def test_deeply_nested_json_is_passed_over() -> None:
    page = b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script>"
    assert page_signals(page) == ()


@pytest.mark.parametrize("charset", ["utf-8", None])
def test_a_charset_is_the_servers_or_the_pages(charset: str | None) -> None:
    page = "<meta charset=utf-8><meta name=generator content='Café'>".encode()
    assert page_signals(page, charset)[0].value == "Café"


def test_a_page_tells_the_day_it_claims_to_be_from() -> None:
    pytest.importorskip("htmldate")
    page = b'<html><head><meta property="article:published_time" content="2017-03-04"></head><body>x</body></html>'
    found = page_date(page)
    assert found is not None
    assert (found.kind, found.value) == ("page-date", "2017-03-04")
    assert page_date(b"") is None


@pytest.mark.parametrize(
    "hostile",
    [
        b"Iptc4xmpExt:DigitalSourceType>" + b" " * 500_000,
        b"Iptc4xmpExt:DigitalSourceType" * 18_000,
        b"<div>" * 100_000,
        b"<html>" + b'<script type="application/ld+json">' + b"[" * 400_000 + b"</script>",
    ],
    ids=["blanks", "names", "deep markup", "deep JSON"],
)
def test_a_page_made_to_stall_the_reading_takes_no_second(hostile: bytes) -> None:
    started = time.process_time()
    assert page_signals(hostile) == ()
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "value", ["<" * 200_000, "<a>;" + " rel=" * 50_000, '<a>; rel="' + "license " * 20_000]
)
def test_a_header_made_to_stall_the_reading_takes_no_second(value: str) -> None:
    started = time.process_time()
    assert len(list(header_signals([("Link", value)]))) <= 1
    assert time.process_time() - started < 2


def test_half_a_surrogate_pair_is_kept_as_a_question_mark_and_never_stops_a_run() -> None:
    page = b'<html><script type="application/ld+json">{"license": "a\\ud800b"}</script></html>'
    signals = [*page_signals(page), *header_signals([("License", "x\udcffy")])]
    text = signals_json(signals)
    assert text is not None
    assert [signal.value for signal in signals_of(text.encode().decode())] == ["a?b", "x?y"]
