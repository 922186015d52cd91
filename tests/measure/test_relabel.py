"""Figures under relabellings are those of a plain count, and their p-values hold for all of them together."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_sources import incidence

from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.relabel import dealt, max_t, numbered, pool_of, relabelled, statistics, swapped

words = st.lists(st.integers(0, 12), max_size=8)
corpora = st.lists(words, min_size=2, max_size=8).filter(any)


def plain_figures(sides, reference) -> list[float]:
    """What is tested, counted document by document."""
    logs, shares = [], []
    tokens = [Counter(word for document in side for word in document) for side in sides]
    for side, counted in zip(sides, tokens, strict=True):
        having = Counter(word for document in side for word in set(document))
        parts = [count / having.total() for count in having.values()]
        logs.append(
            [math.log(len(parts)), -sum(p * math.log(p) for p in parts), -math.log(sum(p * p for p in parts))]
        )
        shares.append(_plain_shares(counted, reference))
    changes = [after - before for before, after in zip(*logs, strict=True)]
    if reference is not None:
        return changes + [after - before for before, after in zip(*shares, strict=True)]
    masses = [
        sum(count for word, count in one.items() if word not in other) / one.total()
        for one, other in (tokens, tokens[::-1])
    ]
    return changes + masses


def _plain_shares(counted: Counter, reference) -> list[float]:
    if reference is None:
        return []
    human = Counter(word for document in reference for word in document)
    names = list(human)
    rare = {
        word
        for word, is_rare in zip(names, tail_cells(np.array([human[w] for w in names])), strict=True)
        if is_rare
    }
    tail = sum(human[word] for word in rare)
    return [
        sum(count for word, count in counted.items() if word in rare) / counted.total(),
        sum(human[word] for word in rare if word in counted) / tail,
        sum(count for word, count in human.items() if word not in counted) / human.total(),
        sum(count for word, count in counted.items() if word not in human) / counted.total(),
    ]


@given(corpora, corpora, st.none() | corpora, st.randoms())
def test_every_labelling_has_the_figures_of_a_plain_count(first, second, reference, random) -> None:
    documents = first + second
    labels = [random.random() < 0.5 for _ in documents]
    sides = [
        [d for d, is_second in zip(documents, labels, strict=True) if is_second == side]
        for side in (False, True)
    ]
    if not all(any(side) for side in sides):
        return
    a, b = incidence(first), incidence(second)
    ids, yardstick = numbered(a, b, None if reference is None else incidence(reference))
    counts = np.concatenate((a.words_by_document(), b.words_by_document()))
    sums = pool_of(a, b, ids, yardstick, counts).tallied(np.array([labels], np.uint8))
    np.testing.assert_allclose(statistics(sums, yardstick)[0], plain_figures(sides, reference), atol=1e-9)


@given(corpora, corpora, st.integers(0, 5))
def test_the_first_row_is_as_observed_and_the_draws_do_not_depend_on_how_many_follow(
    first, second, seed
) -> None:
    a, b = incidence(first), incidence(second)
    ids, yardstick = numbered(a, b, None)
    few, many = (
        relabelled(a, b, ids, yardstick, paired=False, seed=seed, permutations=count) for count in (3, 7)
    )
    np.testing.assert_allclose(few[0], plain_figures([first, second], None), atol=1e-9)
    np.testing.assert_array_equal(few, many[:4])


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30).filter(lambda sizes: sum(map(bool, sizes)) > 1))
def test_dealt_sides_have_equal_words_up_to_half_a_document_and_are_never_empty(sizes) -> None:
    words = np.array(sizes)
    labels = dealt(np.random.default_rng(0), words, 20)
    second = labels @ words
    assert (np.abs(2 * second - words.sum()) <= words.max()).all()
    assert ((second > 0) & (second < words.sum())).all()


def test_every_document_is_dealt_to_either_side_equally_often() -> None:
    labels = dealt(np.random.default_rng(1), np.full(10, 7), 4_000)
    assert np.abs(labels.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(4_000)


def test_labels_are_swapped_within_pairs_alone() -> None:
    labels = swapped(np.random.default_rng(1), np.ones(20, np.int64), 4_000)
    assert (labels[:, :10] + labels[:, 10:] == 1).all()
    assert np.abs(labels.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(4_000)


tables = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 9, (20, 3)) * 1.0)
sides = st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3)


@given(tables, sides)
def test_adjusted_p_values_are_no_smaller_than_those_of_each_statistic_alone(rows, sides) -> None:
    adjusted = max_t(rows, sides)
    alone = [max_t(rows[:, [k]], [sides[k]])[0] for k in range(3)]
    assert (adjusted >= np.array(alone) - 1e-12).all()
    assert ((adjusted >= 1 / 20) & (adjusted <= 1)).all()


@given(tables, sides, st.floats(0.1, 100), st.floats(-5, 5))
def test_units_and_origins_of_statistics_do_not_matter(rows, sides, scale, shift) -> None:
    moved = rows.copy()
    moved[:, 1] = moved[:, 1] * scale + shift
    np.testing.assert_array_equal(max_t(moved, sides), max_t(rows, sides))


@given(tables)
def test_one_statistic_has_the_plain_permutation_p_value(rows) -> None:
    column = rows[:, [0]]
    if column.std():
        assert max_t(column, [-1])[0] == pytest.approx(np.mean(column <= column[0]))
        assert max_t(column, [1])[0] == pytest.approx(np.mean(column >= column[0]))
    else:
        assert max_t(column, [1])[0] == 1.0


def test_a_copy_of_a_statistic_costs_nothing_and_an_unrelated_one_something() -> None:
    rng = np.random.default_rng(0)
    rows = np.append([[2.2]], rng.normal(size=(999, 1)), axis=0)
    alone = max_t(rows, [1])[0]
    assert max_t(np.hstack([rows, rows]), [1, 1])[0] == alone
    other = np.append([[0.0]], rng.normal(size=(999, 1)), axis=0)
    assert alone < max_t(np.hstack([rows, other]), [1, 1])[0] < 3 * alone
