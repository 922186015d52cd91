"""Two corpora of one source are not told apart more often than said; a lost tail is found; small data say so."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from text_sources import Source, incidence

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import Incidence, incidence_of
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.two_corpora import Change, Compared, compare, judge

CELLS = 300
BASE = 1 / np.arange(1, CELLS + 1) ** 1.05
BASE /= BASE.sum()


def cells(documents: int, rng: np.random.Generator, masses=BASE, answers: int = 8) -> Incidence:
    """Documents of so many answers, each answer one of the cells."""
    found = rng.choice(CELLS, documents * answers, p=masses)
    return incidence_of(np.arange(documents + 1, dtype=np.int64) * answers, found.astype(np.uint64))


def cut(mass: float):
    left = np.where(np.cumsum(BASE) > 1 - mass, 0.0, BASE)
    return left / left.sum()


def test_like_is_called_worse_than_like_no_more_often_than_said() -> None:
    """300 pairs of corpora of one source with topics, bursts and unequal lengths; half of them are unequal in size."""
    sample = Source(types=2_000, topics=10, words=60).sampler()
    worlds, worse, some = 300, 0, 0
    for world in range(worlds):
        rng = np.random.default_rng(world)
        sizes = (30, 30, 50) if world % 2 else (30, 60, 50)
        first, second, human = (incidence_of(*sample(size, rng)) for size in sizes)
        found = compare(
            first, second, reference=human if world % 4 < 2 else None, permutations=99, seed=world
        )
        some += min(change.p for change in found.changes) <= 0.05
        worse += judge({"words": found}).verdict == "worse"
    most = binom.ppf(0.999, worlds, 0.05)
    assert worse <= some <= most


def test_a_cut_tail_is_found_with_a_reference_and_without() -> None:
    rng = np.random.default_rng(3)
    human, first, second = cells(1_000, rng), cells(200, rng), cells(200, rng, cut(0.1))
    for reference in (human, None):
        found = judge({"cells": compare(first, second, reference=reference, permutations=199)})
        assert found.verdict == "worse"
        assert {change.figure for _, change in found.worse} >= {"q0", "lost_mass"}
        assert "invented_mass" not in {change.figure for _, change in found.worse}


def test_noise_is_worse_by_its_invented_mass_and_a_wider_source_is_not_where_a_reference_has_it() -> None:
    rng = np.random.default_rng(4)
    noise = incidence_of(
        np.arange(201, dtype=np.int64) * 8,
        np.where(
            rng.random(1_600) < 0.2, rng.integers(10**6, 10**7, 1_600), rng.choice(CELLS, 1_600, p=BASE)
        ).astype(np.uint64),
    )
    human, first = cells(1_000, rng), cells(200, rng)
    found = compare(first, noise, reference=human, permutations=199)
    assert judge({"cells": found}).verdict == "worse"
    assert [change.figure for _, change in judge({"cells": found}).worse] == ["invented_mass"]
    blind = judge({"cells": compare(first, noise, permutations=199)})
    assert "q0" in {
        change.figure for _, change in blind.worse
    }  # richer, and nobody to say whether that is good

    narrow = cells(200, rng, cut(0.3))
    wider = judge({"cells": compare(narrow, first, reference=human, permutations=199)})
    assert wider.verdict != "worse"
    assert {change.figure for _, change in wider.open} <= {"q2", "lost_mass", "invented_mass"}


def test_pairs_see_a_change_that_differences_between_prompts_hide() -> None:
    rng = np.random.default_rng(5)
    prompts = rng.gamma(0.05, 1.0, (80, CELLS)) * BASE
    prompts /= prompts.sum(axis=1, keepdims=True)
    sharp = prompts**1.4
    sharp /= sharp.sum(axis=1, keepdims=True)

    def answered(mixes) -> Incidence:
        answers = np.concatenate([rng.choice(CELLS, 12, p=mix) for mix in mixes])
        return incidence_of(np.arange(81, dtype=np.int64) * 12, answers.astype(np.uint64))

    first, second = answered(prompts), answered(sharp)
    by_pairs, loose = (compare(first, second, paired=paired, permutations=199) for paired in (True, False))
    assert by_pairs.p < 0.05
    widths = [
        [change.change.high - change.change.low for change in found.changes[:3]]
        for found in (by_pairs, loose)
    ]
    assert all(paired < unpaired for paired, unpaired in zip(*widths, strict=True))


def test_intervals_of_the_change_cover_no_change() -> None:
    worlds, covered = 200, np.zeros(7)
    for world in range(worlds):
        rng = np.random.default_rng(10_000 + world)
        human, first, second = cells(400, rng), cells(40, rng), cells(40, rng)
        changes = compare(first, second, reference=human, permutations=19).changes
        covered += [change.change.low <= 0 <= change.change.high for change in changes]
    assert (covered >= binom.ppf(0.001, worlds, 0.95)).all()


def test_as_many_documents_as_are_asked_for_decide() -> None:
    rng = np.random.default_rng(6)
    small = [compare(cells(60, rng), cells(60, rng), permutations=19) for _ in range(20)]
    asked = [
        change.documents_to_decide[0] for found in small for change in found.changes if change.figure == "q1"
    ]
    documents = int(np.median(asked))
    assert documents > 60
    assert judge({"cells": small[0]}).verdict == "not enough data"
    decided = [
        compare(cells(documents, rng), cells(documents, rng), permutations=19).changes[1].within
        for _ in range(20)
    ]
    # both bounds of q1 have to hold, each with a chance of .8
    assert sum(decided) >= binom.ppf(0.001, 20, 0.6)


@given(st.integers(0, 50))
@settings(max_examples=15)
def test_the_same_corpora_in_other_roles_change_the_other_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    human, first, second = cells(60, rng), cells(30, rng), cells(30, rng, cut(0.2))
    there, back = (
        compare(*sides, reference=human, permutations=19) for sides in ((first, second), (second, first))
    )
    for one, other in zip(there.changes, back.changes, strict=True):
        assert (one.first, one.second) == (other.second, other.first)
        if one.figure.endswith("_mass") and one.figure != "tail_mass":
            assert one.change.estimate == pytest.approx(-other.change.estimate)
        else:
            assert 1 + one.change.estimate == pytest.approx(1 / (1 + other.change.estimate))


def test_a_corpus_against_itself_has_not_changed_at_all() -> None:
    corpus = cells(40, np.random.default_rng(1))
    found = compare(corpus, corpus, paired=True, permutations=19)
    assert [change.change.estimate for change in found.changes[:3]] == [0, 0, 0]
    assert found.p == 1.0


def test_names_of_types_and_the_larger_size_of_a_corpus_change_nothing() -> None:
    rng = np.random.default_rng(2)
    first, second = cells(40, rng), cells(40, rng)
    once = compare(first, second, permutations=19)
    renamed = [
        Incidence(offsets=side.offsets, types=side.types * np.uint64(0x9E3779B97F4A7C15), tokens=side.tokens)
        for side in (first, second)
    ]
    assert compare(*renamed, permutations=19) == once
    more = incidence_of(np.arange(81, dtype=np.int64) * 8, rng.choice(CELLS, 640, p=BASE).astype(np.uint64))
    both = Incidence(
        offsets=np.concatenate((second.offsets, second.offsets[-1] + more.offsets[1:])),
        types=np.concatenate((second.types, more.types)),
        tokens=np.concatenate((second.tokens, more.tokens)),
    )
    assert compare(first, both, permutations=19) == once


def test_a_small_significant_change_is_not_worse() -> None:
    rng = np.random.default_rng(9)
    slightly = BASE ** (1 / 0.995)
    first, second = cells(6_000, rng), cells(6_000, rng, slightly / slightly.sum())
    found = compare(first, second, permutations=99)
    assert found.p <= 0.05
    assert judge({"cells": found}).verdict == "not worse"


def test_a_corpus_without_any_of_the_tail_has_lost_all_of_it() -> None:
    rng = np.random.default_rng(8)
    human, first, second = cells(500, rng), cells(60, rng), cells(60, rng, cut(0.5))
    recall = {c.figure: c for c in compare(first, second, reference=human, permutations=99).changes}[
        "tail_recall"
    ]
    assert recall.change.estimate == -1
    assert recall.change.low == -1 < recall.change.high < 0
    assert recall.p <= 0.05


def change(p: float, estimate: float, *, within: bool = False, harm="lower") -> Change:
    interval = Interval(estimate=estimate, low=estimate - 0.1, high=estimate + 0.1)
    return Change(
        figure="q0", first=interval, second=interval, change=interval, at_least=0.0, at_most=0.0, harm=harm, p=p,
        within=within, documents_to_decide=(100, 200),
    )  # fmt: skip


def compared(*changes: Change) -> Compared:
    return Compared(
        documents=(10, 10),
        tokens=(9, 9),
        types=3,
        tail_types=None,
        permutations=99,
        margin=0.05,
        changes=changes,
    )


def test_several_kinds_of_types_are_adjusted_for_as_holm_does() -> None:
    found = judge({name: compared(change(p, -0.2)) for name, p in (("a", 0.03), ("b", 0.01), ("c", 0.04))})
    assert found.p == {"a": pytest.approx(0.06), "b": pytest.approx(0.03), "c": pytest.approx(0.06)}
    assert [family for family, _ in found.worse] == ["b"]
    assert found.verdict == "worse"
    assert judge({"a": compared(change(0.03, -0.2))}).verdict == "worse"


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        (change(0.001, -0.2), "worse"),
        (change(0.001, -0.02, within=True), "not worse"),
        (change(0.001, 0.2), "not enough data"),
        (change(0.001, 0.2, within=True), "not worse"),
        (change(0.001, 0.2, harm="higher"), "worse"),
        (change(0.001, 0.2, harm="either"), "worse"),
        (change(0.06, -0.2), "not enough data"),
    ],
)
def test_worse_is_harmful_significant_and_maybe_beyond_the_margin(changed: Change, verdict: str) -> None:
    assert judge({"words": compared(changed)}).verdict == verdict


def test_where_data_are_not_enough_the_figure_that_needs_most_says_how_many() -> None:
    small = change(0.5, -0.2)
    found = judge({"words": compared(small, change(0.5, 0.01, within=True))})
    assert found.documents_to_decide == (100, 200)
    assert judge({"words": compared(change(0.001, -0.2), small)}).documents_to_decide is None


def test_margins_and_levels_are_those_asked_for() -> None:
    rng = np.random.default_rng(11)
    first, second = cells(100, rng), cells(100, rng)
    tight, wide = (compare(first, second, permutations=19, margin=margin) for margin in (0.001, 0.9))
    assert judge({"cells": wide}).verdict == "not worse"
    assert judge({"cells": tight}).verdict == "not enough data"
    scale = (math.log1p(-0.9) / math.log1p(-0.001)) ** 2
    asked = tight.changes[0].documents_to_decide[0] / wide.changes[0].documents_to_decide[0]
    assert asked <= scale * 1.1


@pytest.mark.parametrize(
    ("first", "second", "options", "says"),
    [
        (
            [[1]] * 9,
            [[1]] * 20,
            {},
            r"the first corpus has 9 documents.* Give at least 10 documents\.$",
        ),
        ([[1]] * 20, [[]] * 20, {}, r"documents.* (Give at least 10 documents|Check its text column)\.$"),
        (
            [[1]] * 20,
            [[1]] * 19,
            {"paired": True},
            r"20 units and the second 19\. Pass pairs: as many units on both",
        ),
        (
            [[1]] * 20,
            [[1]] * 20,
            {"permutations": 9},
            r"permutations is 9, .* Ask for at least 19, or better 999\.$",
        ),
        (
            [[1]] * 20,
            [[1]] * 20,
            {"margin": 1.5},
            r"margin is 1\.5\. Give a share in \(0, 1\), such as 0\.05\.$",
        ),
        ([[1]] * 20, [[1]] * 20, {"reference": []}, r"the reference has no word\. Check its text column\.$"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(first, second, options, says: str) -> None:
    if "reference" in options:
        options = {"reference": incidence(options["reference"])}
    with pytest.raises(DataError, match=says):
        compare(incidence(first), incidence(second), **options)


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(DataError, match=r"there is no comparison to judge\. Compare by words at least\.$"):
        judge({})


def test_a_corpus_that_is_too_small_once_cut_is_told_that_the_other_one_needs_more_text() -> None:
    words = [[word] for word in range(50)]
    long = [list(range(50)) for _ in range(40)]
    says = r"^the second corpus has 1 document when it is cut to the size of the first corpus, too few .* first corpus\.$"
    with pytest.raises(DataError, match=says):
        compare(incidence(words), incidence(long))
