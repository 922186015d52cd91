"""The evidence model against hand-worked figures, its invariances, and the calibration it is built for."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import norm

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.evidence import BY_NAME, KINDS, EvidenceKind, Strength
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import DataError
from wellkeeper.measure.quantify import GRID, density
from wellkeeper.origin import evidence
from wellkeeper.origin.evidence import (
    BY_MONTH,
    CONFLICT,
    NEUTRAL,
    STYLE_CAP,
    _rising,
    date_evidence,
    declared_evidence,
    group_log10,
    origin_of,
    probability,
    style_evidence,
    style_log10,
    traced_by_ai,
)


def seconds(year: int, month: int, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def mask_of(*names: str) -> int:
    return sum(1 << BY_NAME[name].bit for name in names)


def judge(
    *names: str, declared=Origin.UNKNOWN, captured_at: int = NO_DATE, prior=NEUTRAL, style=None, flagged=None
):
    columns = origin_of(
        np.array([mask_of(*names)], np.uint64),
        np.array([declared], np.uint8),
        np.array([captured_at], np.int64),
        prior=prior,
        style=None if style is None else np.array([style]),
        flagged=None if flagged is None else np.array([flagged]),
    )
    return tuple(column[0] for column in columns)


masks = st.sets(st.sampled_from(KINDS)).map(lambda kinds: sum(1 << kind.bit for kind in kinds))
corpora = st.lists(
    st.tuples(
        masks,
        st.sampled_from(Origin),
        st.one_of(st.just(NO_DATE), st.integers(seconds(1990, 1), seconds(2027, 1))),
    ),
    max_size=12,
)


def columns_of(corpus):
    mask, declared, captured = zip(*corpus, strict=True) if corpus else ((), (), ())
    return np.array(mask, np.uint64), np.array(declared, np.uint8), np.array(captured, np.int64)


# --- groups ---


@pytest.mark.parametrize(
    ("names", "group", "ratio"),
    [
        (("citation-marker",), "chat", 1000.0),
        (("assistant-voice", "chat-referrer"), "chat", (100 + 10) / 2),
        (("citation-marker", "assistant-voice", "unfilled-slot"), "chat", (1000 + 100 + 10) / 3),
        (("assistant-voice", "quoted-assistant-voice"), "chat", (100 + 1) / 2),
        (("quoted-chat-template",), "chat", 1.0),
        (("declared-human", "disclosure"), "declared", (10**-2.5 + 10**2.5) / 2),
        ((), "chat", 1.0),
    ],
)
def test_a_group_is_the_mean_of_the_likelihood_ratios_that_fired(names, group: str, ratio: float) -> None:
    value = group_log10(np.array([mask_of(*names)], np.uint64))[group]
    assert value[0] == pytest.approx(np.log10(ratio), abs=1e-12)


def test_across_groups_the_logarithms_add_up_on_the_prior() -> None:
    # 0.5 before; disclosure 2.5 in group declared, marker 3.0 in group chat, claimed date -0.5 in group date.
    _, odds, _, _ = judge("disclosure", "citation-marker", "dated-before-2022-11-30")
    assert odds == pytest.approx(2.5 + 3.0 - 0.5, abs=1e-5)


@given(masks)
def test_a_group_never_says_more_than_its_strongest_kind(mask: int) -> None:
    for group, value in group_log10(np.array([mask], np.uint64)).items():
        weights = [kind.weight for kind in KINDS if kind.group == group and mask >> kind.bit & 1]
        assert min([*weights, 0.0]) - 1e-9 <= value[0] <= max([*weights, 0.0]) + 1e-9


@pytest.mark.parametrize(("strength", "capped"), [(Strength.KEYED, 4.0), (Strength.ATTESTED, 6.0)])
def test_a_group_is_capped_unless_a_verified_signature_is_in_it(strength, capped: float, monkeypatch) -> None:
    mark = EvidenceKind("mark", 40, strength, "mark", 6.0, "a mark")
    monkeypatch.setattr(evidence, "KINDS", (*KINDS, mark))
    monkeypatch.setitem(BY_NAME, "mark", mark)
    assert group_log10(np.array([1 << 40], np.uint64))["mark"][0] == pytest.approx(capped)


# --- prior ---


@pytest.mark.parametrize(
    ("captured_at", "share"),
    [
        (seconds(2022, 11, 30), 0.001),
        (seconds(2025, 6, 30), 0.35),
        (seconds(2026, 11), 0.35),
        ((seconds(2022, 11, 30) + seconds(2025, 6, 30)) // 2, (0.001 + 0.35) / 2),
        (NO_DATE, 0.1755),
        (seconds(2019, 1), 0.1755),
    ],
)
def test_the_prior_rises_by_month_of_capture_and_leaves_earlier_dates_to_the_evidence(
    captured_at, share
) -> None:
    odds = BY_MONTH.log10_odds(np.array([captured_at], np.int64))
    assert probability(odds)[0] == pytest.approx(share, rel=1e-6)


def test_the_prior_says_in_one_sentence_what_it_assumes_and_whence() -> None:
    assert str(BY_MONTH) == (
        "by-month: 0.1% of documents of 2022-11 rising to 35% in 2025-06, 18% of those undated or earlier "
        "(arXiv:2604.26965; undated: the mean of the rise)"
    )
    assert str(NEUTRAL).startswith("neutral: 50% of documents, whatever their date")


def test_the_neutral_prior_leaves_the_likelihood_ratio_of_the_evidence() -> None:
    assert judge("citation-marker")[1] == pytest.approx(3.0)


# --- bits from dates and labels ---


def test_a_third_partys_date_before_the_line_counts_in_full_and_the_pages_own_a_little() -> None:
    before, after = seconds(2022, 11, 29), seconds(2022, 11, 30)
    strong, weak = mask_of("captured-before-2022-11-30"), mask_of("dated-before-2022-11-30")
    cases = [
        (before, DateBasis.WARC, strong),
        (before, DateBasis.HTTP, strong),
        (before, DateBasis.USER, strong),
        (before, DateBasis.PAGE_CLAIMED, weak),
        (before, DateBasis.NONE, 0),
        (after, DateBasis.WARC, 0),
        (NO_DATE, DateBasis.WARC, 0),
    ]
    captured_at, basis, expected = zip(*cases, strict=True)
    found = date_evidence(np.array(captured_at, np.int64), np.array(basis, np.uint8))
    assert found.tolist() == list(expected)


def test_a_label_gives_a_bit_for_human_and_for_ai_and_none_for_other_machines() -> None:
    human, ai = mask_of("declared-human"), mask_of("declared-ai")
    expected = {
        Origin.UNKNOWN: 0,
        Origin.HUMAN: human,
        Origin.AI_ASSISTED: ai,
        Origin.AI_GENERATED: ai,
        Origin.MACHINE_TRANSLATED: 0,
        Origin.PROGRAMMATIC: 0,
    }
    found = declared_evidence(np.array(list(expected), np.uint8))
    assert found.tolist() == list(expected.values())


# --- decisions ---


def test_a_trace_without_a_label_is_ai_assisted_never_ai_generated() -> None:
    origin, odds, strength, conflict = judge("citation-marker", captured_at=seconds(2025, 7), prior=BY_MONTH)
    assert origin == Origin.AI_ASSISTED
    assert odds == pytest.approx(3 + np.log10(0.35 / 0.65), abs=1e-5)
    assert (strength, conflict) == (Strength.ARTEFACT, False)


def test_a_weak_trace_alone_stays_unknown() -> None:
    origin, odds, _, _ = judge("unfilled-slot", captured_at=seconds(2025, 7), prior=BY_MONTH)
    assert origin == Origin.UNKNOWN
    assert probability(odds) == pytest.approx(10 * 0.35 / (10 * 0.35 + 0.65), abs=1e-5)


def test_quotations_alone_say_nothing() -> None:
    origin, odds, strength, conflict = judge(
        "quoted-assistant-voice", "quoted-chat-template", "invisible-run"
    )
    assert (origin, odds, strength, conflict) == (Origin.UNKNOWN, 0, Strength.NONE, False)


def test_an_archived_page_from_before_the_line_is_human_and_a_claimed_date_decides_nothing() -> None:
    assert judge("captured-before-2022-11-30")[0] == Origin.HUMAN
    assert judge("captured-before-2022-11-30")[2] == Strength.CONTEXTUAL
    assert judge("dated-before-2022-11-30")[0] == Origin.UNKNOWN


def test_an_archived_page_with_a_trace_is_a_conflict_and_stays_unknown() -> None:
    origin, _, _, conflict = judge("captured-before-2022-11-30", "assistant-voice")
    assert (origin, conflict) == (Origin.UNKNOWN, True)
    origin, _, _, conflict = judge("captured-before-2022-11-30", "unfilled-slot")
    assert (origin, conflict) == (Origin.UNKNOWN, False)


@pytest.mark.parametrize("declared", [origin for origin in Origin if origin is not Origin.UNKNOWN])
def test_a_label_fixes_the_class_whatever_else_is_found(declared: Origin) -> None:
    for names in ((), ("citation-marker",), ("captured-before-2022-11-30",)):
        assert judge(*names, declared=declared)[0] == declared


@pytest.mark.parametrize(
    ("names", "declared", "conflict"),
    [
        (("assistant-voice",), Origin.HUMAN, True),  # the model replies that a human-only corpus missed
        (("citation-marker",), Origin.HUMAN, True),
        (("disclosure",), Origin.HUMAN, True),  # both in group declared
        (("chat-referrer",), Origin.HUMAN, False),
        (("quoted-assistant-voice",), Origin.HUMAN, False),
        (("captured-before-2022-11-30",), Origin.AI_GENERATED, True),
        (("dated-before-2022-11-30",), Origin.AI_GENERATED, False),
        (("citation-marker",), Origin.AI_GENERATED, False),
        (("citation-marker",), Origin.PROGRAMMATIC, False),
    ],
)
def test_evidence_of_a_hundred_to_one_on_both_sides_is_a_conflict(names, declared, conflict: bool) -> None:
    assert judge(*names, declared=declared)[3] == conflict


@given(corpora, st.randoms())
def test_documents_are_judged_alone_whatever_their_order_or_number(corpus, random) -> None:
    columns = columns_of(corpus)
    order = list(range(len(corpus))) * 2
    random.shuffle(order)
    once, shuffled = origin_of(*columns), origin_of(*(column[order] for column in columns))
    for first, second in zip(once, shuffled, strict=True):
        np.testing.assert_array_equal(first[order], second)


@given(corpora)
def test_results_have_the_promised_types_and_range(corpus) -> None:
    origin, odds, strength, conflict = origin_of(*columns_of(corpus))
    assert (origin.dtype, odds.dtype, strength.dtype, conflict.dtype) == (
        np.uint8,
        np.float32,
        np.uint8,
        bool,
    )
    assert origin.shape == odds.shape == strength.shape == conflict.shape == (len(corpus),)
    assert np.isfinite(odds).all()
    assert set(origin.tolist()) <= set(Origin)
    assert ((probability(odds) >= 0) & (probability(odds) <= 1)).all()


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"have shapes \(2,\), \(1,\) and \(1,\)\. Pass one value of each per doc"
    ):
        origin_of(np.zeros(2, np.uint64), np.zeros(1, np.uint8), np.zeros(1, np.int64))


# --- style ---

few_scores = st.lists(st.floats(-16, 16), min_size=1, max_size=40).map(np.array)


@given(few_scores, few_scores, few_scores)
def test_style_says_more_for_ai_the_higher_the_score_and_never_more_than_its_cap(scores, human, ai) -> None:
    value = style_log10(np.sort(scores), human, ai)
    assert (np.diff(value) >= 0).all()
    assert (np.abs(value) <= STYLE_CAP).all()


def test_style_is_worth_the_ratio_of_densities_where_that_rises() -> None:
    spread = 2 * norm.ppf((np.arange(5_000) + 0.5) / 5_000)
    human, ai = spread - 1, spread + 1
    scores = np.linspace(-1.5, 1.5, 31)
    # two normal densities of one variance: the logarithm of their ratio is a line of slope 2 / 4
    expected = 0.5 * scores / np.log(10)
    np.testing.assert_allclose(style_log10(scores, human, ai), expected, atol=0.04)


def test_style_without_a_score_or_without_references_of_both_kinds_says_nothing() -> None:
    scores, some = np.array([1.0, np.nan]), np.array([0.0, 1.0, np.nan])
    assert np.isnan(style_log10(scores, some, some)).tolist() == [False, True]
    for empty in (np.zeros(0), np.full(3, np.nan)):
        assert np.isnan(style_log10(scores, some, empty)).all()
        assert np.isnan(style_log10(scores, empty, some)).all()
    np.testing.assert_array_equal(style_log10(scores, some, some), style_log10(scores, some[:2], some[:2]))


def test_references_that_do_not_differ_make_style_say_nothing() -> None:
    same = np.random.default_rng(2).normal(size=100)
    np.testing.assert_allclose(style_log10(GRID, same, same), 0, atol=1e-12)


@given(few_scores, few_scores)
def test_the_rising_ratio_is_isotonic_regression_and_stays_an_e_value(human, ai) -> None:
    above, below = density(ai), density(human)
    found = _rising(above, below)
    np.testing.assert_allclose(found, isotonic_regression(above / below, weights=below).x, rtol=1e-9)
    assert (found * below).sum() == pytest.approx(1)


def test_a_posterior_from_style_alone_is_calibrated_where_documents_are_like_the_references() -> None:
    rng = np.random.default_rng(3)
    human, ai = rng.normal(-1, 2, 200), rng.normal(1, 2, 200)
    truth = rng.random(50_000) < 0.5
    style = style_log10(
        np.where(truth, rng.normal(1, 2, truth.size), rng.normal(-1, 2, truth.size)), human, ai
    )
    blank = np.zeros(truth.size, np.uint64), np.zeros(truth.size, np.uint8), np.full(truth.size, NO_DATE)
    _, odds, _, _ = origin_of(*blank, prior=NEUTRAL, style=style)
    assert expected_calibration_error(probability(odds), truth) < 0.05


def test_style_adds_to_the_odds_up_to_its_cap_and_is_on_record() -> None:
    assert judge(style=0.4)[1] == pytest.approx(0.4)
    assert judge(style=-7.0)[1] == pytest.approx(-STYLE_CAP)
    assert judge("unfilled-slot", style=0.4)[1] == pytest.approx(1.4)
    assert judge(style=np.nan)[:3] == (Origin.UNKNOWN, 0, Strength.NONE)
    assert judge(style=0.4)[2] == Strength.STATISTICAL
    assert style_evidence(np.array([0.1, -0.1, 0, np.nan])).tolist() == [mask_of("style")] * 2 + [0, 0]


@given(corpora, st.floats(-5, 5))
def test_style_alone_decides_no_class_and_contradicts_nothing(corpus, style: float) -> None:
    columns = columns_of(corpus)
    plain = origin_of(*columns)
    styled = origin_of(*columns, style=np.full(len(corpus), style))
    np.testing.assert_array_equal(styled[3], plain[3])
    same = (plain[0] == styled[0]) | traced_by_ai(columns[0])  # with a trace it may tip the scales
    assert same.all()
    assert STYLE_CAP < CONFLICT


@pytest.mark.parametrize(
    ("names", "declared", "conflict"),
    [
        ((), Origin.HUMAN, True),
        (("captured-before-2022-11-30",), Origin.UNKNOWN, True),
        (("dated-before-2022-11-30",), Origin.UNKNOWN, False),
        ((), Origin.UNKNOWN, False),
        ((), Origin.AI_GENERATED, False),
    ],
)
def test_a_flag_against_strong_evidence_of_a_human_is_a_conflict(names, declared, conflict: bool) -> None:
    flagged, plain = (judge(*names, declared=declared, flagged=flag) for flag in (True, False))
    assert (flagged[3], plain[3]) == (conflict, False)
    assert flagged[1] == plain[1]  # a flag changes no odds
    assert flagged[2] == max(plain[2], Strength.STATISTICAL)


@pytest.mark.parametrize("name", ["style", "flagged"])
def test_style_and_flags_of_another_length_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} has shape \(1,\) and mask \(2,\)\. Pass one value of each"):
        origin_of(
            np.zeros(2, np.uint64), np.zeros(2, np.uint8), np.zeros(2, np.int64), **{name: np.zeros(1, bool)}
        )


# --- calibration ---


def expected_calibration_error(probabilities, truth, bins: int = 20) -> float:
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    size = np.bincount(index, minlength=bins)
    gap = np.bincount(index, probabilities, bins) - np.bincount(index, truth, bins)
    return float(np.abs(gap).sum() / size.sum())


def test_on_traces_that_fire_together_grouping_is_calibrated_and_summing_is_not() -> None:
    """Two traces are marks of one event, a reply pasted whole: together they are worth what each is alone.

    Built to hold the correlation: it shows the failure of the naive sum, not its size in the wild.
    """
    rng = np.random.default_rng(11)
    documents, kinds = 200_000, ["assistant-voice", "chat-template"]
    truth = rng.random(documents) < 0.02
    rate = 0.3
    fired = rng.random(documents) < np.where(truth, rate, rate / 100)
    mask = np.zeros(documents, np.uint64)
    for kind in kinds:  # each shows in 95 % of the pasted replies
        seen = fired & (rng.random(documents) < 0.95)
        mask[seen] |= np.uint64(1 << BY_NAME[kind].bit)
    prior = np.log10(0.02 / 0.98)
    grouped = probability(prior + group_log10(mask)["chat"])
    weights = sum(
        ((mask >> np.uint64(BY_NAME[kind].bit)) & np.uint64(1)) * BY_NAME[kind].weight for kind in kinds
    )
    naive = probability(prior + weights)
    hit = mask != 0
    error, naive_error = (expected_calibration_error(guess[hit], truth[hit]) for guess in (grouped, naive))
    assert error < 0.05
    assert naive_error > 5 * error
