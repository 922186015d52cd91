"""Flags keep the error rate they name: in exact arithmetic where that can be had, else in simulation within its noise."""

from itertools import combinations_with_replacement, permutations
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
    references_needed,
    source_p_values,
    surprise,
    tails_of_sums,
)
from wellkeeper.origin.steps import _CONTROLS
from wellkeeper.origin.style import load_model

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
    tail = tails_of_sums(surprise(references), documents)[documents]
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


# --- the p-value of a source -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("references", "documents"), [(1, 1), (5, 1), (4, 2), (2, 4), (3, 3)])
def test_a_p_value_is_the_share_of_all_orders_that_are_as_surprising(references: int, documents: int) -> None:
    """All orders of documents and references, one by one: no counting argument, no steps."""
    sums = []
    for order in permutations(range(references + documents)):
        below = [sum(other < mine for other in order[documents:]) for mine in order[:documents]]
        sums.append(surprise(references)[below].sum())
    expected = [np.mean(np.array(sums) >= t) for t in range(max(sums) + 1)]
    np.testing.assert_allclose(
        tails_of_sums(surprise(references), documents)[documents], expected, rtol=1e-12
    )


@pytest.mark.parametrize(("references", "documents"), [(12, 5), (60, 3), (5, 8)])
def test_ways_are_counted_to_the_last_one(references: int, documents: int) -> None:
    steps = surprise(references)
    ways = combinations_with_replacement(steps.tolist(), documents)
    counts = np.bincount([sum(way) for way in ways])
    assert counts.sum() == comb(references + documents, documents)
    exact = np.cumsum(counts[::-1])[::-1] / counts.sum()
    np.testing.assert_allclose(tails_of_sums(steps, documents)[documents], exact, rtol=1e-12)


def test_tails_keep_all_their_digits_far_out() -> None:
    """What the step-up rule needs for many sources: here 1 in 10**50 and beyond."""
    for documents, tail in enumerate(tails_of_sums(surprise(500), 30)):
        assert tail[-1] == pytest.approx(1 / comb(500 + documents, documents), rel=1e-10)
        assert (np.diff(tail) <= 0).all()


@pytest.mark.parametrize(("references", "documents"), [(20, 1), (20, 4), (60, 9)])
def test_with_ranks_for_steps_the_test_is_scipys_exact_rank_sum(references: int, documents: int) -> None:
    rng = np.random.default_rng(7)
    human, scores = rng.normal(size=references), rng.normal(0.5, 1, (10, documents))
    expected = stats.mannwhitneyu(scores, human, alternative="greater", method="exact", axis=1).pvalue
    sums = np.searchsorted(np.sort(human), scores).sum(axis=1)
    found = tails_of_sums(np.arange(references + 1), documents)[documents][sums]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_among_very_many_references_the_test_is_fishers() -> None:
    rng = np.random.default_rng(8)
    human = rng.normal(size=10_000)
    for documents in (2, 5, 10):
        scores = rng.normal(0.7, 1, documents)
        fisher = stats.combine_pvalues(p_values(scores, human), method="fisher").pvalue
        (found,) = source_p_values(scores, np.zeros(documents, np.int64), human)
        assert found == pytest.approx(fisher, rel=0.1)


@pytest.mark.parametrize(("references", "documents", "too_many"), [(30, 50, True), (50, 10, False)])
def test_among_few_references_fishers_own_distribution_misses_the_level(
    references: int, documents: int, too_many: bool
) -> None:
    """Why the exact one is needed: p-values that share a reference are dependent, and they come in steps."""
    rng = np.random.default_rng(9)
    runs = 8_000
    below = np.array(
        [np.searchsorted(np.sort(rng.random(references)), rng.random(documents)) for _ in range(runs)]
    )
    logs = -np.log(1 - below / (references + 1)).sum(axis=1)
    fishers = np.sum(stats.chi2.sf(2 * logs, 2 * documents) <= 0.01)
    exact = tails_of_sums(surprise(references), documents)[documents][surprise(references)[below].sum(axis=1)]
    low, high = stats.binom.interval(0.999, runs, 0.01)
    assert low <= np.sum(exact <= 0.01) <= high
    assert fishers > high if too_many else fishers < low


@pytest.mark.parametrize("level", LEVELS)
def test_on_real_scores_sources_of_five_keep_the_level_and_nearly_all_ai_ones_are_found(level: float) -> None:
    """Out-of-fold scores of ten domains, 50 references each: purely human or purely AI sources, the easy case."""
    rng = np.random.default_rng(10)
    false, found = [], []
    for domain in (one for one in load_model().components if one.name != "zippy"):
        for _ in range(20):
            human = rng.permutation(domain.human)
            sources = (human.size - 50) // 5
            number = np.repeat(np.arange(sources), 5)
            ai = rng.permutation(domain.ai)[: number.size]
            false.append(np.mean(source_p_values(human[50 : 50 + number.size], number, human[:50]) <= level))
            found.append(np.mean(source_p_values(ai, number, human[:50]) <= level))
    assert np.mean(false) <= level + 3 * np.std(false) / np.sqrt(len(false))
    assert np.mean(found) > 0.94


@given(scores_of, references_of)
def test_a_source_of_one_document_has_the_p_value_of_that_document(scores, human) -> None:
    known = np.array([score for score in scores if score == score])
    found = source_p_values(known, np.arange(known.size), np.array(human)) if known.size else known
    expected = p_values(known, np.array(human)) if known.size else known
    np.testing.assert_allclose(found, expected, rtol=1e-12)


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
    scores, sources = 100.0 + np.arange(6), np.array([0, 0, 0, 0, 0, 1])
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
    scores, sources = 100.0 + np.arange(documents), np.zeros(documents, np.int64)
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


def test_copies_of_one_page_in_a_source_count_once_and_share_its_flag() -> None:
    rng = np.random.default_rng(4)
    rates = []
    for _ in range(60):
        human, pages = rng.normal(size=100), rng.normal(size=100)
        scores, sources = np.repeat(pages, 10), np.repeat(np.arange(100), 10)
        found = flag(scores, np.zeros(1000, np.int64), ["all"], {"all": human}, level=0.05, sources=sources)
        each = found.flagged.reshape(100, 10)
        assert (each == each[:, :1]).all()
        assert found.p == pytest.approx(np.repeat(p_values(pages, human), 10))
        assert found.slices[0].needed == 19  # a source of one text
        rates.append(each[:, 0].mean())
    assert np.mean(rates) <= 0.05 + 3 * np.std(rates) / len(rates) ** 0.5
