"""`rights.v1`: who passes by licence, consent and date, and what the others are told."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.decision import Decision, Relaxable
from wellkeeper.core.marks import RawSignal
from wellkeeper.core.optouts import resolve
from wellkeeper.core.rights import Consent, is_allowed
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import RecipeError
from wellkeeper.filter.rights import RIGHTS

DENY = RawSignal("tdmrep", "http-header", "tdm-reservation", "1")
ALLOW = RawSignal("content-usage", "http-header", "Content-Usage", "train-ai=y")


def corpus(licences=(), *, rights=(), dates=()):
    """Documents with what is given of each; of the rest nothing is known."""
    size = max(len(licences), len(rights), len(dates))
    names = list(dict.fromkeys(name for name in licences if name is not None))
    resolved = [resolve(signals, declared) for signals, declared in rights] or [resolve([])] * size
    columns = {
        "consent": np.array([one.consent for one in resolved], np.uint8),
        "rights_signals": np.array([one.mask for one in resolved], np.uint16),
        "captured_at": np.array([at for at, _ in dates] or [NO_DATE] * size, np.int64),
        "captured_basis": np.array([basis for _, basis in dates] or [0] * size, np.uint8),
    }
    codes = np.array(
        [-1 if name is None else names.index(name) for name in licences] or [-1] * size, np.int32
    )
    return SimpleNamespace(column=columns.__getitem__, codes=lambda _: (codes, tuple(names)), size=size)


def ruled(documents, **options):
    """Decision and reason of each document."""
    ruling = RIGHTS.rule(documents, np.ones(documents.size, bool), RIGHTS.check(options))
    told = ["keep"] * documents.size
    for document, decision, reason in zip(ruling.documents, ruling.decision, ruling.reason, strict=True):
        told[document] = f"{Decision(int(decision)).label} {ruling.reasons[reason]}"
    assert np.isnan(ruling.score).all()
    return told


@pytest.mark.parametrize(
    ("licence", "lists", "told"),
    [
        ("MIT", {"allow": ["MIT"]}, "keep"),
        ("MIT", {"allow": ["CC-BY-*"]}, "drop licence-not-allowed"),
        ("Apache-2.0", {"allow": ["apache 2"]}, "keep"),
        ("CC-BY-4.0", {"allow": "CC-BY-*"}, "keep"),
        ("CC-BY-NC-4.0", {"allow": ["CC-BY-*"], "deny": ["non-commercial"]}, "drop licence-denied"),
        ("CC-BY-NC-4.0 OR MIT", {"allow": ["permissive"], "deny": ["non-commercial"]}, "keep"),
        ("CC-BY-4.0 AND MIT", {"allow": ["attribution"]}, "drop licence-not-allowed"),
        ("CC-BY-4.0 AND MIT", {"allow": ["attribution", "permissive"]}, "keep"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"deny": ["GPL-*"]}, "drop licence-denied"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"allow": ["share-alike"]}, "keep"),
        (None, {"allow": ["MIT"]}, "review licence-unknown"),
        (None, {"deny": ["MIT"]}, "review licence-unknown"),
        ("House licence", {"allow": ["MIT"]}, "review licence-unknown"),
        ("House licence", {"allow": ["house licence"]}, "keep"),
        ("House licence", {"deny": ["House*"]}, "drop licence-denied"),
        ("House licence", {"deny": ["MIT"]}, "review licence-unknown"),
        ("cc-by", {"allow": ["CC-BY*"]}, "keep"),
        ("MIT OR House-licence", {"allow": ["MIT"]}, "keep"),
        ("MIT AND House-licence", {"allow": ["MIT"]}, "review licence-unknown"),
        ("GPL-3.0-only AND House-licence", {"allow": ["MIT"]}, "drop licence-not-allowed"),
        ("LicenseRef-llama3", {"allow": ["open"]}, "drop licence-not-allowed"),
        ("MIT WITH Commons-Clause", {"allow": ["MIT"]}, "review licence-unknown"),
        ("MIT WITH Commons-Clause", {"deny": ["GPL-*"]}, "review licence-unknown"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"deny": ["* WITH *"]}, "drop licence-denied"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"allow": ["GPL-2.0"]}, "keep"),
        ("GPL-3.0-or-later", {"deny": ["GPL-3.0"]}, "drop licence-denied"),
        ("GPL-3.0-only", {"deny": ["gpl-3.0-or-later"]}, "drop licence-denied"),
        ("GPL-3.0-or-later", {"allow": ["GPL-3.0"]}, "keep"),
        ("EUPL-1.1+", {"allow": ["EUPL-1.1"]}, "keep"),
        ("EUPL-1.1+", {"deny": ["share-alike"]}, "drop licence-denied"),
        ("LGPL-3.0-only", {"deny": ["GPL-3.0"]}, "keep"),
    ],
)
def test_a_licence_passes_if_a_choice_of_its_expression_needs_only_allowed_ones(licence, lists, told):
    assert ruled(corpus([licence]), licence=lists) == [told]


NAMES = ("MIT", "CC-BY-4.0", "GPL-3.0-only")


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.sampled_from([" AND ", " OR "]),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
)
def test_allow_and_deny_together_are_one_set_of_licences(names, operator, allowed, denied):
    if not allowed:
        return
    expression = operator.join(names)
    passes = is_allowed(expression, (allowed - denied).__contains__)
    lists = {"allow": sorted(allowed), "deny": sorted(denied)}
    assert (ruled(corpus([expression]), licence=lists) == ["keep"]) == passes


def test_what_is_unknown_is_reviewed_kept_or_dropped_as_the_recipe_says():
    documents = corpus([None, "MIT"])
    for action, told in (
        ("review", "review licence-unknown"),
        ("drop", "drop licence-unknown"),
        ("keep", "keep"),
    ):
        assert ruled(documents, licence={"allow": ["MIT"]}, unknown=action) == [told, "keep"]


RIGHTS_OF = [
    ([], Consent.UNKNOWN),
    ([DENY], Consent.UNKNOWN),
    ([], Consent.REVOKED),
    ([DENY, ALLOW], Consent.UNKNOWN),
    ([ALLOW], Consent.REVOKED),
    ([DENY], Consent.LICENSED),
    ([ALLOW], Consent.UNKNOWN),
    ([], Consent.NOT_ASKED),
]


def test_opt_outs_go_and_conflicts_wait_for_a_person():
    assert ruled(corpus(rights=RIGHTS_OF)) == [
        "keep",
        "drop consent-opt-out-signal",
        "drop consent-revoked",
        "review consent-conflict",
        "drop consent-revoked",  # what was taken back is no conflict
        "review consent-conflict",
        "keep",
        "keep",
    ]
    assert ruled(corpus(rights=RIGHTS_OF), conflict="drop")[3] == "drop consent-conflict"
    assert ruled(corpus(rights=RIGHTS_OF), conflict="keep")[3:6:2] == ["keep", "keep"]
    assert ruled(corpus(rights=RIGHTS_OF), consent=[]) == ["keep"] * len(RIGHTS_OF)
    strict = ruled(corpus(rights=RIGHTS_OF), consent=["unknown", "not-asked"])
    assert [told for told in strict if told != "keep"] == ["drop consent-unknown", "drop consent-not-asked"]


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


DATES = [
    (at("2022-11-29T23:59:59"), DateBasis.WARC),
    (at("2022-11-30"), DateBasis.WARC),
    (at("2020-01-01"), DateBasis.PAGE_CLAIMED),
    (at("2020-01-01"), DateBasis.HTTP),
    (at("2020-01-01"), DateBasis.USER),
    (at("2023-01-01"), DateBasis.PAGE_CLAIMED),
    (NO_DATE, DateBasis.NONE),
]


@pytest.mark.parametrize("day", ["2022-11-29", date(2022, 11, 29), datetime(2022, 11, 29, 12, tzinfo=UTC)])
def test_a_cut_off_date_counts_only_with_a_proof(day):
    assert ruled(corpus(dates=DATES), not_after=day) == [
        "keep",
        "drop captured-too-late",
        "review date-not-proved",
        "review date-not-proved",
        "keep",
        "drop captured-too-late",
        "review date-not-proved",
    ]


def test_claimed_dates_count_where_the_recipe_says_so():
    told = ruled(corpus(dates=DATES), not_after="2022-11-29", proof="claimed", unknown="drop")
    assert told == [
        "keep",
        "drop captured-too-late",
        "keep",
        "keep",
        "keep",
        "drop captured-too-late",
        "drop date-not-proved",
    ]


def test_a_known_reason_is_not_hidden_by_what_is_kept_as_unknown():
    documents = corpus(
        [None], rights=[([DENY, ALLOW], Consent.UNKNOWN)], dates=[(at("2024-01-01"), DateBasis.WARC)]
    )
    options = {"licence": {"allow": ["MIT"]}, "not_after": "2022-11-29"}
    assert ruled(documents, **options) == ["review consent-conflict"]
    assert ruled(documents, **options, conflict="keep") == ["review licence-unknown"]
    assert ruled(documents, **options, conflict="keep", unknown="keep") == ["drop captured-too-late"]


def test_documents_that_other_steps_dropped_are_left_alone_and_no_guard_puts_ours_back():
    documents = corpus(["MIT", "MIT"])
    ruling = RIGHTS.rule(documents, np.array([True, False]), RIGHTS.check({"licence": {"deny": "MIT"}}))
    assert ruling.documents.tolist() == [0]
    assert not (isinstance(RIGHTS, Relaxable) and RIGHTS.relaxable)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"license": {}}, "rights.v1 has no option 'license'. Did you mean licence? Options: licence, consent, conflict, not_after, proof, unknown."),
        ({"licence": ["MIT"]}, "licence is ['MIT']. Give lists: {allow: [CC-BY-*, MIT], deny: [no-derivatives]}."),
        ({"licence": {"alow": ["MIT"]}}, "Give lists:"),
        ({"licence": {"allow": []}}, "licence names no licence. Add some to allow or deny."),
        ({"licence": {"allow": [1]}}, "licence.allow is [1]. Give a list of SPDX identifiers, patterns or families."),
        ({"licence": {"deny": ["no-derivates"]}}, "licence.deny has no family 'no-derivates'. Did you mean no-derivatives? Families: public-domain, "),
        ({"licence": {"deny": ["GPL"]}}, "licences begin with and which denies none of them. Write GPL* to deny them all, or name one, such as GPL-"),
        ({"licence": {"deny": ["MIT", "cc-by-nc"]}}, "Write cc-by-nc* to deny them all, or name one, such as CC-BY-NC-SA-4.0."),
        ({"consent": "revokd"}, "consent has 'revokd'. Did you mean revoked? Give some of: unknown, granted, "),
        ({"consent": 3}, "consent is 3. Give a list of what to refuse, or []."),
        ({"conflict": "ask"}, "conflict is 'ask'. Give one of: keep, drop, review."),
        ({"not_after": "soon"}, "not_after is 'soon'. Give a day as YYYY-MM-DD."),
        ({"proof": "archive"}, "proof says how not_after is proved. Add not_after: YYYY-MM-DD."),
        ({"not_after": "2022-11-29", "proof": "oath"}, "proof is 'oath'. Give one of: archive, claimed."),
        ({"unknown": "keep"}, "unknown says what becomes of documents whose licence or date is not known. Add licence: or not_after:, or remove it."),
    ],
)  # fmt: skip
def test_wrong_options_are_told_with_the_next_step(options, says):
    with pytest.raises(RecipeError) as error:
        RIGHTS.check(options)
    assert says in str(error.value)


def test_checked_options_are_the_same_when_checked_again():
    checked = RIGHTS.check({"licence": {"allow": "MIT"}, "not_after": date(2020, 1, 2), "unknown": "drop"})
    assert checked["not_after"] == "2020-01-02"
    assert RIGHTS.check(checked) == checked
