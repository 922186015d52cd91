"""Flags keep the error rate they name: in exact arithmetic where that can be had, else in simulation within its noise."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wellkeeper.errors import DataError
from wellkeeper.measure.conformal import p_values
from wellkeeper.origin.flags import (
    CONTROLS,
    MOST_OF_A_SOURCE,
    Flags,
    _evenly,
    flag,
    rank_sum_tails,
    references_needed,
    source_p_values,
)
from wellkeeper.origin.steps import _CONTROLS

LEVELS = (0.01, 0.05, 0.1)
DRAWS = {
    "normal": lambda rng, size: rng.normal(0, 2.2, size),
    "heavy": lambda rng, size: rng.standard_t(2, size),
    "skewed": lambda rng, size: rng.exponential(3, size) - 5,
}

scores_of = st.lists(st.integers(-9, 9).map(float) | st.just(float("nan")), min_size=1, max_size=30)
references_of = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=30)


def one_slice(scores, human, **options) -> Flags:
    scores = np.asarray(scores, np.float64)
    options = {"level": 0.05, **options}
    return flag(scores, np.zeros(scores.size, np.int64), ("a",), {"a": np.asarray(human)}, **options)


def many_slices(rng, draw, *, slices: int, references: int, documents: int, level: float, by_source: bool):
    """Flags of independent slices, each with references and documents of one and the same human distribution."""
    names = [str(number) for number in range(slices)]
    code = np.repeat(np.arange(slices), documents)
    return flag(
        draw(rng, slices * documents),
        code,
        names,
        {name: draw(rng, references) for name in names},
        level=level,
        sources=np.zeros(code.size, np.int64) if by_source else None,
    )


def gaussian_binomial(references: int, documents: int) -> list[int]:
    """How many of all orders of references and documents have U = 0, 1, ...: whole numbers, no rounding."""
    counts = [1] + [0] * (references * documents)
    for i in range(1, documents + 1):
        for u in range(len(counts) - 1, references + i - 1, -1):  # times 1 - q^(references + i)
            counts[u] -= counts[u - references - i]
        for u in range(i, len(counts)):  # over 1 - q^i
            counts[u] += counts[u - i]
    return counts


# --- false alarms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("level", LEVELS)
def test_human_documents_are_flagged_as_often_as_the_level_says(level: float, draw) -> None:
    slices, references = 4_000, 119
    rng = np.random.default_rng(1)
    found = many_slices(
        rng, draw, slices=slices, references=references, documents=1, level=level, by_source=False
    )
    attained = int(level * (references + 1) * (1 + 1e-9)) / (references + 1)  # the largest p-value within it
    low, high = stats.binom.interval(0.999, slices, attained)
    assert low <= found.flagged.sum() <= high
    assert 0.8 * level < attained <= level


@pytest.mark.parametrize("documents", [2, 5, 11])
@pytest.mark.parametrize("level", LEVELS)
def test_human_sources_are_flagged_as_often_as_the_level_says(level: float, documents: int) -> None:
    slices, references = 1_500, 50
    rng = np.random.default_rng(2)
    draw = DRAWS["skewed"]
    found = many_slices(
        rng, draw, slices=slices, references=references, documents=documents, level=level, by_source=True
    )
    tail = rank_sum_tails(references, [documents])[documents]
    attained = tail[tail <= level].max()
    by_slice = found.flagged.reshape(slices, documents)
    assert (by_slice.all(axis=1) == by_slice.any(axis=1)).all()
    low, high = stats.binom.interval(0.999, slices, attained)
    assert low <= by_slice[:, 0].sum() <= high
    assert 0.8 * level < attained <= level


@pytest.mark.parametrize("documents", [1, 4])
def test_ties_flag_less_and_never_more(documents: int) -> None:
    rng = np.random.default_rng(3)
    found = many_slices(
        rng,
        lambda rng, size: rng.integers(0, 5, size).astype(np.float64),
        slices=1_500,
        references=60,
        documents=documents,
        level=0.1,
        by_source=documents > 1,
    )
    assert found.flagged.reshape(-1, documents)[:, 0].sum() <= stats.binom.ppf(0.999, 1_500, 0.1)


def test_a_document_that_ties_with_every_reference_is_not_flagged() -> None:
    assert not one_slice(np.ones(5), np.ones(100), level=0.99).flagged.any()


# --- false discoveries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("documents", "references"), [(1, 600), (5, 80)], ids=["document", "source"])
def test_of_what_is_flagged_a_share_of_the_level_at_most_is_human(documents: int, references: int) -> None:
    """All p-values of a run share one reference; AI text lies 3 standard deviations higher, a document in five."""
    rng = np.random.default_rng(4)
    level, units, runs, shares, found = 0.1, 100, 250, [], 0
    source = np.repeat(np.arange(units), documents)
    ai = np.arange(units) < units // 5
    for _ in range(runs):
        flags = one_slice(
            rng.normal(3.0 * ai[source]),
            rng.normal(size=references),
            level=level,
            control="discoveries",
            sources=source if documents > 1 else None,
        )
        flagged = flags.flagged.reshape(units, documents)[:, 0]
        shares.append((flagged & ~ai).sum() / max(flagged.sum(), 1))
        found += int((flagged & ai).sum())
    noise = np.std(shares) / np.sqrt(runs)
    assert np.mean(shares) <= level + 3 * noise
    assert np.mean(shares) >= 0.8 * level - 4 * noise  # of 80 % human units: as much as the bound allows
    assert found / runs > 0.8 * units / 5


def test_without_ai_text_any_discovery_at_all_is_as_rare_as_the_level() -> None:
    rng = np.random.default_rng(5)
    runs, level = 400, 0.1
    any_flagged = sum(
        one_slice(rng.normal(size=50), rng.normal(size=999), level=level, control="discoveries").flagged.any()
        for _ in range(runs)
    )
    assert any_flagged <= stats.binom.ppf(0.999, runs, level)


def test_discoveries_are_the_step_up_rule_on_the_p_values() -> None:
    rng = np.random.default_rng(6)
    scores = np.concatenate([rng.normal(size=40), rng.normal(4, 1, 20)])
    flags = one_slice(scores, rng.normal(size=400), level=0.05, control="discoveries")
    adjusted = stats.false_discovery_control(flags.p, method="bh")
    assert np.array_equal(flags.flagged, adjusted <= 0.05)
    assert flags.flagged.any()


# --- the rank sum ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("references", "documents"), [(1, 1), (6, 1), (4, 3), (2, 5), (5, 4)])
def test_tails_are_those_of_all_orders_counted_one_by_one(references: int, documents: int) -> None:
    everyone = range(references + documents)
    sums = [
        sum(place - rank for rank, place in enumerate(places)) for places in combinations(everyone, documents)
    ]
    expected = [np.mean(np.array(sums) >= u) for u in range(references * documents + 1)]
    np.testing.assert_allclose(rank_sum_tails(references, [documents])[documents], expected, atol=1e-14)


@pytest.mark.parametrize(("references", "documents"), [(50, 5), (80, 25), (150, 50)])
def test_tails_are_exact_to_a_millionth_of_a_millionth(references: int, documents: int) -> None:
    counts = gaussian_binomial(references, documents)
    assert sum(counts) == comb(references + documents, documents)
    tails, total = [], 0
    for count in reversed(counts):
        total += count
        tails.append(total)
    exact = np.array([tail / sum(counts) for tail in reversed(tails)])
    found = rank_sum_tails(references, [documents])[documents]
    assert np.abs(found - exact).max() < 1e-12
    assert found[-1] >= exact[-1]
    assert (np.diff(found) <= 0).all()


def test_several_sizes_at_once_have_the_tails_of_each_alone() -> None:
    together = rank_sum_tails(40, [1, 3, 8])
    assert sorted(together) == [1, 3, 8]
    for size, tail in together.items():
        np.testing.assert_allclose(tail, rank_sum_tails(40, [size])[size], atol=1e-13)
    assert rank_sum_tails(40, []) == {}


@pytest.mark.parametrize(("references", "documents"), [(20, 1), (20, 4), (60, 9)])
def test_a_source_has_the_p_value_of_scipys_exact_rank_sum_test(references: int, documents: int) -> None:
    rng = np.random.default_rng(7)
    human = rng.normal(size=references)
    scores = rng.normal(0.5, 1, (10, documents))
    expected = stats.mannwhitneyu(scores, human, alternative="greater", method="exact", axis=1).pvalue
    found = source_p_values(scores.ravel(), np.repeat(np.arange(10), documents), human)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@given(scores_of, references_of)
def test_a_source_of_one_document_has_the_p_value_of_that_document(scores, human) -> None:
    known = np.array([score for score in scores if score == score])
    found = source_p_values(known, np.arange(known.size), np.array(human)) if known.size else known
    np.testing.assert_allclose(
        found, p_values(known, np.array(human)) if known.size else known, rtol=0, atol=1e-13
    )


def test_several_documents_find_what_one_does_not() -> None:
    """AI text 1.5 standard deviations higher, at 1 % false alarms: what decision by source is for."""
    rng = np.random.default_rng(8)
    human = rng.normal(size=200)
    scores = rng.normal(1.5, 1, 500)
    one = one_slice(scores, human, level=0.01).flagged.mean()
    five = one_slice(scores, human, level=0.01, sources=np.repeat(np.arange(100), 5)).flagged.mean()
    assert one < 0.4
    assert five > 0.75


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(1, 9))
def test_a_large_source_is_judged_by_so_many_documents_evenly_through_it(sources, most: int) -> None:
    codes = np.unique(sources, return_inverse=True)[1]
    which = _evenly(codes, most)
    assert which.tolist() == sorted(set(which.tolist()))
    sizes = np.bincount(codes)
    assert np.bincount(codes[which], minlength=sizes.size).tolist() == np.minimum(sizes, most).tolist()
    for source, size in enumerate(sizes.tolist()):
        ranks = np.flatnonzero(np.isin(np.flatnonzero(codes == source), which))
        assert np.diff(ranks).max(initial=0) <= -(-size // min(most, size))


def test_more_documents_than_are_judged_leave_the_exact_size() -> None:
    scores = np.full(3 * MOST_OF_A_SOURCE, 9.0)
    found = source_p_values(scores, np.zeros(scores.size, np.int64), np.arange(3.0))
    assert found == pytest.approx(1 / comb(3 + MOST_OF_A_SOURCE, 3), rel=1e-9)


# --- what is refused ---------------------------------------------------------------------------------------------


def test_one_per_cent_needs_99_references_and_says_so() -> None:
    scores = np.array([100.0, 0.0])
    few, enough = (one_slice(scores, np.arange(n) / n, level=0.01) for n in (98, 99))
    assert not few.flagged.any()
    assert not few.certified
    assert few.slices[0].note == (
        "Slice 'a' has 98 human references, and false alarms at 0.01 by document need 99. Add 1 to the anchors, or "
        "ask for a higher level or by source."
    )
    assert enough.flagged.tolist() == [True, False]
    assert enough.certified
    assert enough.slices[0].to_json() == {
        "slice": "a", "documents": 2, "tested": 2, "references": 99, "needed": 99, "flagged": 1, "note": "",
    }  # fmt: skip


def test_sources_need_fewer_references_the_more_documents_the_largest_has() -> None:
    scores, sources = np.full(6, 100.0), np.array([0, 0, 0, 0, 0, 1])
    found = one_slice(scores, np.arange(4.0), level=0.01, sources=sources)
    assert found.flagged.tolist() == [True] * 5 + [False]
    assert (found.slices[0].tested, found.slices[0].needed) == (2, 4)
    (refused,) = one_slice(scores, np.arange(3.0), level=0.01, sources=sources, control="discoveries").slices
    assert refused.note == (
        "Slice 'a' has 3 human references, and false discoveries at 0.01 by source need 4. Add 1 to the anchors, or "
        "ask for a higher level."
    )


@given(st.integers(1, 60).map(lambda n: n / 100), st.integers(1, 12))
def test_so_many_references_are_needed_that_one_fewer_cannot_flag_anything(
    level: float, documents: int
) -> None:
    needed = references_needed(level, documents=documents)
    scores, sources = np.full(documents, 100.0), np.zeros(documents, np.int64)
    assert one_slice(scores, np.arange(needed), level=level, sources=sources).flagged.all()
    if needed > 1:
        assert not one_slice(scores, np.arange(needed - 1), level=level, sources=sources).flagged.any()


def test_a_slice_without_references_flags_nothing_and_the_others_do() -> None:
    flags = flag(
        np.full(4, 50.0),
        np.array([0, 1, 1, 3]),
        ("known", "unknown", "empty", "nan"),
        {"known": np.arange(30.0), "nan": np.full(40, np.nan)},
        level=0.05,
    )
    assert flags.flagged.tolist() == [True, False, False, False]
    assert np.isnan(flags.p).tolist() == [False, True, True, True]
    assert [(one.name, one.references) for one in flags.slices] == [("known", 30), ("unknown", 0), ("nan", 0)]
    assert flags.certified
    assert flags.slices[1].note.startswith("Slice 'unknown' has 0 human references, and false alarms at 0.05")


# --- properties --------------------------------------------------------------------------------------------------


@given(scores_of, references_of, st.sampled_from(CONTROLS), st.booleans(), st.sampled_from((0.05, 0.3, 0.9)))
def test_a_document_without_a_score_is_never_flagged(scores, human, control, by_source, level) -> None:
    scores = np.array(scores)
    sources = np.arange(scores.size) % 3 if by_source else None
    flags = one_slice(scores, human, level=level, control=control, sources=sources)
    unknown = np.isnan(scores)
    assert not flags.flagged[unknown].any()
    assert np.array_equal(np.isnan(flags.p), unknown)
    without = one_slice(
        scores[~unknown], human, level=level, control=control,
        sources=sources[~unknown] if by_source else None,
    )  # fmt: skip
    assert np.array_equal(flags.flagged[~unknown], without.flagged)
    assert np.array_equal(flags.p[~unknown], without.p)


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from(CONTROLS),
    st.booleans(),
)
def test_slices_are_never_pooled(rows, control, by_source: bool) -> None:
    scores, slices, sources = (np.array(column) for column in zip(*rows, strict=True))
    names = ("a", "b", "c")
    references = {name: np.arange(-8.0 + 3 * k, 12.0) for k, name in enumerate(names)}
    options = {"level": 0.2, "control": control}
    whole = flag(
        scores.astype(float), slices, names, references, sources=sources if by_source else None, **options
    )
    for code, name in enumerate(names):
        mine = slices == code
        alone = one_slice(
            scores[mine], references[name], sources=sources[mine] if by_source else None, **options
        )
        assert np.array_equal(whole.flagged[mine], alone.flagged)
        assert np.array_equal(whole.p[mine], alone.p)
    assert [one.name for one in whole.slices] == [names[code] for code in np.unique(slices)]
    assert sum(one.flagged for one in whole.slices) == whole.flagged.sum()


@given(scores_of, references_of, st.randoms(use_true_random=False), st.sampled_from(CONTROLS), st.booleans())
def test_neither_the_order_of_documents_nor_the_scale_of_scores_matters(
    scores, human, random, control, by_source
) -> None:
    scores, human = np.array(scores), np.array(human)
    sources = np.arange(scores.size) % 4
    order = np.array(random.sample(range(scores.size), scores.size))
    options = {"level": 0.2, "control": control}
    first = one_slice(scores, human, sources=sources if by_source else None, **options)
    second = one_slice(
        np.exp(scores[order] / 3), np.exp(human / 3), sources=sources[order] if by_source else None, **options
    )
    assert np.array_equal(first.flagged[order], second.flagged)
    np.testing.assert_array_equal(first.p[order], second.p)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=20), references_of, st.booleans())
def test_a_higher_score_never_has_a_higher_p_value(scores, human, by_source: bool) -> None:
    scores = np.sort(np.array(scores, float))
    sources = np.zeros(scores.size, np.int64)
    if by_source:
        lower, higher = (one_slice(scores + up, human, sources=sources).p[0] for up in (0, 1))
        assert higher <= lower
    else:
        assert (np.diff(one_slice(scores, human).p) <= 0).all()


def test_no_documents_have_no_flags() -> None:
    flags = one_slice([], [1.0])
    assert (flags.p.size, flags.flagged.size, flags.slices, flags.certified) == (0, 0, (), False)


def test_the_steps_offer_the_controls_that_there_are() -> None:
    assert _CONTROLS == CONTROLS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"level": 1.0}, r"level is 1\.0\. Give a rate above 0 and below 1, such as 0\.01\.$"),
        ({"level": float("nan")}, r"level is nan\. Give a rate"),
        ({"slices": np.zeros(3, int)}, r"scores has shape \(2,\) and slices \(3,\)\. Pass one value of each"),
        (
            {"sources": np.zeros(1, int)},
            r"scores has shape \(2,\) and sources \(1,\)\. Pass one value of each",
        ),
        (
            {"slices": np.array([0, 1])},
            r"slices indexes 0 to 1 and there are 1 names\. Pass the names that it",
        ),
        ({"slices": np.array([-1, 0])}, r"slices indexes -1 to 0 and there are 1 names\."),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change, says: str) -> None:
    given = {"slices": np.zeros(2, np.int64), "level": 0.05, **change}
    with pytest.raises(DataError, match=says):
        flag(np.zeros(2), given.pop("slices"), ("a",), {}, **given)
