"""Opt-out signals: what each says, and what they come to together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.marks import RawSignal, signals_json
from wellkeeper.core.optouts import (
    BOTS,
    KINDS,
    Use,
    allowed_by,
    bot_named,
    denied_by,
    is_conflict,
    resolve,
    resolve_column,
    statements_of,
)
from wellkeeper.core.rights import Consent

NO, YES = False, True


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (("robots", "site-file", "GPTBot", "Disallow: /"), [("training", NO, "agent GPTBot")]),
        (("robots", "site-file", "gptbot/1.1", "Allow: /a"), [("training", YES, "agent GPTBot")]),
        (("robots", "site-file", "PerplexityBot", "Disallow: /"), [("search", NO, "agent PerplexityBot")]),
        (("robots", "site-file", "CCBot", "Disallow:"), [("training", YES, "agent CCBot")]),
        (("robots", "site-file", "*", "Disallow: /x"), [("all", NO, "")]),
        (("robots", "site-file", "*", "Allow: /"), []),
        (("robots", "site-file", "Googlebot", "Disallow: /"), []),
        (("robots", "site-file", "*", "DisallowAITraining: /"), [("training", NO, "")]),
        (("robots-meta", "html-meta", "robots", "index, NoAI, noimageai"), [("training", NO, ""), ("training", NO, "images")]),
        (("robots-meta", "http-header", "X-Robots-Tag", "GPTBot: noai"), [("training", NO, "agent GPTBot")]),
        (("robots-meta", "http-header", "X-Robots-Tag", "max-snippet: 5, noml"), [("training", NO, "")]),
        (("robots-meta", "html-meta", "robots", "noindex, nofollow"), []),
        (("robots-meta", "html-meta", "robots", "index noai;noimageai"), [("training", NO, ""), ("training", NO, "images")]),
        (("robots-meta", "http-header", "X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST, noai"), [("training", NO, "")]),
        (("robots", "site-file", "GPTBot 1.0", "Disallow: /"), [("training", NO, "agent GPTBot")]),
        (("robots", "site-file", "*GPTBot*", "Disallow: /"), [("training", NO, "agent GPTBot")]),
        (("content-usage", "http-header", "Content-Usage", "search=y;train-ai=n"), [("search", YES, ""), ("training", NO, "")]),
        (("content-usage", "http-header", "Content-Usage", 'train-ai="n"'), [("training", NO, "")]),
        (("content-usage", "http-header", "Content-Usage", 'train-ai="y", search=n;train-ai=y'), [("search", NO, "")]),
        (("content-signal", "site-file", "Content-Signal", "search=yes; ai-train=no"), [("search", YES, ""), ("training", NO, "")]),
        (("rsl", "site-file", "permits usage", "ai-train; user education; payment free"), [("training", YES, "user education")]),
        (("rsl", "site-file", "permits usage", "all; not geo EU"), [("all", YES, "not geo EU")]),
        (("tdmrep", "http-header", "TDM-Reservation", "1"), [("training", NO, "")]),
        (("tdmrep", "html-meta", "tdm-reservation", " 0 "), [("training", YES, "")]),
        (("tdmrep", "html-meta", "tdm-reservation", "yes"), []),
        (("tdmrep", "html-meta", "tdm-policy", "https://a.example/p"), []),
        (("content-usage", "http-header", "Content-Usage", "train-ai=n, search=y"), [("training", NO, ""), ("search", YES, "")]),
        (("content-usage", "http-header", "Content-Usage", "train-genai=n;exceptions=cc-cr"), [("training", NO, "exceptions=cc-cr")]),
        (("content-usage", "site-file", "Content-Usage (GPTBot)", "train-ai=y"), [("training", YES, "agent GPTBot")]),
        (("content-usage", "http-header", "Content-Usage", "train-ai, x=n, train-ai=maybe"), []),
        (("content-signal", "site-file", "Content-Signal", "search=yes, ai-input=no, ai-train=no"),
         [("search", YES, ""), ("answers", NO, ""), ("training", NO, "")]),
        (("rsl", "site-file", "prohibits usage", "ai-train"), [("training", NO, "")]),
        (("rsl", "site-file", "permits usage", "all"), [("all", YES, "")]),
        (("rsl", "site-file", "permits usage", "ai-train search; payment subscription"),
         [("training", YES, "payment subscription"), ("search", YES, "payment subscription")]),
        (("rsl", "site-file", "permits usage", "train-ai; payment free"), [("training", YES, "")]),
        (("rsl", "html-link", "license", "https://a.example/l.xml"), []),
        (("ai-txt", "site-file", "*", "Disallow: *.txt"), [("training", NO, "")]),
        (("ai-txt", "site-file", "*", "Allow: /"), [("training", YES, "")]),
        (("c2pa-mining", "c2pa", "cawg.ai_training", "notAllowed"), [("training", NO, "")]),
        (("c2pa-mining", "c2pa", "cawg.ai_inference", "allowed"), [("answers", YES, "")]),
        (("c2pa-mining", "c2pa", "cawg.training-mining", "constrained"), [("training", NO, "constrained")]),
        (("ai-disclosure", "html-meta", "ai-disclosure", "ai-generated"), []),
    ],
)  # fmt: skip
def test_each_signal_says_what_its_standard_means(signal, said):
    found = statements_of(RawSignal(*signal))
    assert [(one.use, one.allows, one.condition) for one in found] == said
    assert all(one.signal == RawSignal(*signal) for one in found)


DENY = RawSignal("tdmrep", "http-header", "tdm-reservation", "1")
ALLOW = RawSignal("content-usage", "http-header", "Content-Usage", "train-ai=y")
SOLD = RawSignal("rsl", "site-file", "permits usage", "ai-train; payment purchase")
ONE_BOT = RawSignal("robots", "site-file", "ClaudeBot", "Allow: /")
SEARCH = RawSignal("content-signal", "site-file", "Content-Signal", "search=no")
PICTURES = RawSignal("robots-meta", "html-meta", "robots", "noimageai")


@pytest.mark.parametrize(
    ("signals", "declared", "consent", "conflict"),
    [
        ([], Consent.UNKNOWN, Consent.UNKNOWN, False),
        ([], Consent.NOT_ASKED, Consent.NOT_ASKED, False),
        ([DENY], Consent.UNKNOWN, Consent.OPT_OUT_SIGNAL, False),
        ([ALLOW], Consent.UNKNOWN, Consent.GRANTED, False),
        ([ALLOW], Consent.NOT_ASKED, Consent.GRANTED, False),
        ([ALLOW], Consent.LICENSED, Consent.LICENSED, False),
        ([DENY, ALLOW], Consent.UNKNOWN, Consent.OPT_OUT_SIGNAL, True),
        ([DENY], Consent.LICENSED, Consent.OPT_OUT_SIGNAL, True),
        ([ALLOW], Consent.REVOKED, Consent.REVOKED, True),
        ([SOLD], Consent.UNKNOWN, Consent.UNKNOWN, False),
        ([ONE_BOT, DENY], Consent.UNKNOWN, Consent.OPT_OUT_SIGNAL, False),
        ([SEARCH, PICTURES], Consent.UNKNOWN, Consent.UNKNOWN, False),
    ],
)
def test_signals_and_the_declared_consent_come_to_one_and_hide_no_conflict(
    signals, declared, consent, conflict
):
    found = resolve(signals, declared)
    assert (found.consent, found.conflict) == (consent, conflict)
    assert [one.signal for one in found.statements] == [s for s in signals for _ in statements_of(s)]
    assert resolve_column(signals_json(signals), declared) == (consent, found.mask)


SIGNALS = st.lists(st.sampled_from([DENY, ALLOW, SOLD, ONE_BOT, SEARCH, PICTURES]), max_size=6)


@given(SIGNALS, st.sampled_from(Consent), st.randoms())
def test_the_order_of_signals_does_not_matter_and_one_denial_is_enough(signals, declared, random):
    found = resolve(signals, declared)
    shuffled = signals[:]
    random.shuffle(shuffled)
    assert (resolve(shuffled, declared).consent, resolve(shuffled, declared).mask) == (
        found.consent,
        found.mask,
    )
    more = resolve([*signals, DENY], declared)
    assert more.consent in {Consent.OPT_OUT_SIGNAL, Consent.REVOKED}
    assert "tdmrep" in more.denied_by
    assert more.conflict == bool(more.allowed_by)
    assert 0 <= more.mask < 1 << 16


@given(
    st.text(max_size=30), st.text(max_size=30), st.sampled_from([*KINDS, "content-signal", "licence", "odd"])
)
def test_no_text_in_a_signal_is_too_odd(name, value, kind):
    for one in statements_of(RawSignal(kind, "http-header", name, value)):
        assert one.use in Use
        assert resolve([one.signal]).mask < 1 << 16


def test_the_mask_names_the_kinds_on_each_side():
    mask = resolve([DENY, ALLOW], Consent.REVOKED).mask
    assert denied_by(mask) == ("tdmrep", "declared")
    assert allowed_by(mask) == ("content-usage",)
    assert is_conflict(mask)
    assert len(KINDS) == 8


def test_the_list_of_bots_has_the_ones_that_matter_once():
    names = [bot.name.lower() for bot in BOTS]
    assert len(set(names)) == len(names)
    wanted = (
        "GPTBot ClaudeBot CCBot Google-Extended Applebot-Extended Bytespider PerplexityBot meta-externalagent"
    )
    assert {bot_named(name).name for name in wanted.split()} == set(wanted.split())
    assert bot_named("GPTBot-like") is None
