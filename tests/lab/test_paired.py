"""Gains figure by figure against plain counting, and intervals against what they are made of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_texts import texts

from wellkeeper.errors import DataError
from wellkeeper.lab.paired import Estimate, Scores, gains, levels, panel_of
from wellkeeper.measure.student import reach as reach_of

HELD_OUT = texts(60, 1, words=40)
LABELS = {
    "source": ["forum" if k % 3 else "archive" for k in range(60)],
    "topic": ["tea" if k < 52 else "" if k < 55 else "cats" for k in range(60)],
    "kind": ["one"] * 60,
}
PANEL = panel_of(HELD_OUT, LABELS)
SIZE = PANEL.words.hashes.size


def by_name(found: list[Estimate]) -> dict[str, Estimate]:
    return {f"{one.kind} {one.name}".strip(): one for one in found}


def scores(seed: int, *, draws: int = 0, parts: int = 0, shift: float = 0.0, drawn: float = 0.5) -> Scores:
    rng = np.random.default_rng(seed)
    surprise = rng.gamma(2, 3, SIZE) + shift
    return Scores(
        surprise=surprise,
        tells_words=True,
        draws=tuple(surprise + rng.normal(0, 0.1, SIZE) + rng.normal(0, 0.1) for _ in range(draws)),
        drawn=drawn,
        without=tuple(surprise + rng.normal(0.05, 0.1) for _ in range(parts)),
        part_words=rng.integers(10, 90, parts),
    )


def test_figures_are_those_of_plain_counting() -> None:
    one, other = scores(1), scores(2)
    found = by_name(gains(PANEL, one, other))
    saved = one.surprise - other.surprise
    words = [word for text in HELD_OUT for word in text.split()]
    document = np.repeat(np.arange(60), PANEL.words.sizes)
    frequency = {word: sum(word in text.split() for text in HELD_OUT) for word in set(words)}
    held = np.array([frequency[word] for word in words])
    expected = {
        "all": saved.mean(),
        "band 1": saved[held == 1].mean(),
        "band 2": saved[held == 2].mean(),
        "band 3-5": saved[(held >= 3) & (held <= 5)].mean(),
        "band >20": saved[held > 20].mean(),
        "source forum": saved[document % 3 > 0].mean(),
        "source archive": saved[document % 3 == 0].mean(),
    }
    for name, value in expected.items():
        assert found[name].interval.estimate == pytest.approx(value), name
    assert found["band 1"].words == np.count_nonzero(held == 1)
    assert found["band 2"].documents == len(set(document[held == 2]))
    assert (found["source forum"].documents, found["all"].documents) == (40, 60)


def test_small_groups_are_not_told_apart_nor_is_a_kind_of_one_group() -> None:
    names = set(by_name(levels(PANEL, scores(1))))
    assert {"topic tea", "source forum", "source archive"} <= names
    assert not {name for name in names if name.startswith("kind") or "cats" in name}


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(0, 99), st.booleans())
def test_exchanging_the_sets_turns_every_gain_around(a: int, b: int, by_draws: bool) -> None:
    options = {"draws": 4} if by_draws else {"parts": 6}
    there = gains(PANEL, scores(a, **options), scores(b, **options))
    back = gains(PANEL, scores(b, **options), scores(a, **options))
    for one, other in zip(there, back, strict=True):
        turned = [-other.interval.estimate, -other.interval.high, -other.interval.low]
        assert [one.interval.estimate, one.interval.low, one.interval.high] == pytest.approx(turned)
        assert one.p == pytest.approx(other.p)


def test_a_set_gains_nothing_over_itself_and_that_is_sure() -> None:
    for one in gains(PANEL, scores(1, parts=6), scores(1, parts=6)):
        assert (one.interval.estimate, one.interval.low, one.interval.high, one.p) == (0, 0, 0, 1)


def test_what_makes_words_hard_for_both_models_cancels() -> None:
    hard = np.random.default_rng(5).gamma(1, 5, SIZE)
    plain = gains(PANEL, scores(1), scores(2))
    harder = [Scores(surprise=one.surprise + hard, tells_words=True) for one in (scores(1), scores(2))]
    for one, other in zip(plain, gains(PANEL, *harder), strict=True):
        if one.kind != "worst":  # other documents are the worst
            assert one.interval.high == pytest.approx(other.interval.high)


def test_the_spread_of_draws_counts_once_for_their_mean_and_once_for_what_all_of_them_share() -> None:
    """Var = s^2 (1 / S + f / (1 - f)) for draws of share f, beside the variance of held-out documents."""
    plain, drawn = scores(1), scores(1, draws=5, drawn=0.25)
    alone = by_name(levels(PANEL, plain))["source forum"]
    both = by_name(levels(PANEL, drawn))["source forum"]
    document = np.repeat(np.arange(60), PANEL.words.sizes)
    values = np.array([draw[document % 3 > 0].mean() for draw in drawn.draws])
    variance = values.var(ddof=1) * (1 / 5 + 0.25 / 0.75)
    blocks = 40  # documents of the source
    error = (alone.interval.high - alone.interval.estimate) / reach_of(blocks - 1)
    whole = error**2 + variance
    freedom = whole**2 / (error**4 / (blocks - 1) + variance**2 / 4)
    reach = reach_of(freedom) * math.sqrt(whole)
    assert both.interval.high - both.interval.estimate == pytest.approx(reach)
    assert both.from_held_out < 1 == alone.from_held_out


def test_parts_that_matter_to_both_sets_alike_widen_no_gain() -> None:
    """A part taken out of both models at once: what it teaches both is no chance between them."""
    rng = np.random.default_rng(3)
    lost = rng.gamma(1, 0.5, 8)
    sides = [
        Scores(
            surprise=found.surprise,
            tells_words=True,
            without=tuple(found.surprise + loss for loss in lost),
            part_words=np.full(8, 50),
        )
        for found in (scores(1), scores(2))
    ]
    level, gain = by_name(levels(PANEL, sides[0]))["all"], by_name(gains(PANEL, *sides))["all"]
    assert level.from_held_out < 0.9
    assert gain.from_held_out == pytest.approx(1)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(-3, 3), st.integers(2, 6))
def test_an_interval_excludes_0_where_p_is_below_a_twentieth(seed: int, shift: float, draws: int) -> None:
    for one in gains(PANEL, scores(seed, draws=draws, shift=shift), scores(seed + 1, draws=draws)):
        excludes = one.interval.low > 0 or one.interval.high < 0
        assert excludes == (one.p < 0.05)


def test_without_words_of_their_own_there_are_no_bands() -> None:
    untold = Scores(surprise=scores(2).surprise, tells_words=False)
    kinds = {one.kind for one in gains(PANEL, scores(1), untold)}
    assert kinds == {"all", "worst", "source", "topic"}


def test_few_held_out_documents_are_refused() -> None:
    with pytest.raises(DataError, match=r"9 documents are too few for an interval\. Give at least 10"):
        panel_of(HELD_OUT[:9])
