"""Quotas are whole, exact and even; seeds come round in turn; a rare word that was written is not asked for again."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.infer.seeding import Cell, RareWords, dealt, quotas, slots_of, waves_of

CELLS = st.lists(st.tuples(st.integers(1, 500), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30)


def cells_of(told):
    return [
        Cell(name=f"c{number}", documents=documents, rare=rare, seeds=seeds)
        for number, (documents, rare, seeds) in enumerate(told)
    ]


@given(CELLS, st.integers(1, 400), st.floats(0, 1))
def test_quotas_sum_to_what_is_asked_and_spread_the_tails_share_evenly(told, documents, share):
    cells = cells_of(told)
    assume(any(cell.seeds for cell in cells))
    found = quotas(cells, documents, tail_share=share)
    able = np.array([cell.seeds > 0 for cell in cells])
    rare = np.array([cell.rare for cell in cells]) & able
    common = able & ~rare
    assert found.sum() == documents
    assert not found[~able].any()
    for_tail = found[rare].sum()
    assert for_tail == (round(share * documents) if rare.any() and common.any() else documents * rare.any())
    if rare.any():
        assert np.ptp(found[rare]) <= 1
        assert for_tail < rare.sum() or found[rare].min() >= 1
    if common.any():
        sizes = np.array([cell.documents for cell in cells])[common]
        exact = found[common].sum() * sizes / sizes.sum()
        assert np.abs(found[common] - exact).max() < 1 + 1e-6


@given(CELLS, st.integers(1, 60), st.integers(0, 60))
def test_a_quota_holds_and_the_others_share_the_rest(told, first, more):
    cells = [
        Cell(name="asked", documents=1, rare=True, seeds=1),
        Cell(name="free", documents=9, rare=False, seeds=2),
        *cells_of(told),
    ]
    found = quotas(cells, first + more, asked={0: first})
    assert found[0] == first
    assert found.sum() == first + more


def test_the_rarest_topics_come_first_where_there_are_fewer_texts_than_topics():
    cells = [Cell(name=str(size), documents=size, rare=True, seeds=1) for size in (5, 2, 4, 3)]
    assert quotas(cells, 2).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"documents": 0},
            "0 texts with 0.8 of them for rare cells cannot be asked for. Ask for one or more, and ",
        ),
        ({"documents": 3, "tail_share": 1.5}, "3 texts with 1.5 of them"),
        (
            {"documents": 3, "asked": {0: 4}},
            "The quotas come to 4 texts, and 3 are asked for in all. Ask for more, or lower a quota.",
        ),
        (
            {"documents": 3, "asked": {1: 1}},
            "1 texts were asked for of bare, which has 0 documents that a prompt",
        ),
        (
            {"documents": 3, "asked": {0: 1}},
            "2 of 3 texts are for no cell: every cell with documents to show has a quota. Ask for fewer texts, or",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_the_next_step(arguments, says):
    cells = [
        Cell(name="bees", documents=4, rare=True, seeds=2),
        Cell(name="bare", documents=4, rare=True, seeds=0),
    ]
    with pytest.raises(DataError, match=re.escape(says)):
        quotas(cells, **arguments)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(1, 9))
def test_every_place_is_in_one_part_and_a_part_has_some_of_nearly_all_cells(wanted, many):
    slots = slots_of(np.array(wanted))
    assert Counter(cell for cell, _ in slots) == Counter({cell: n for cell, n in enumerate(wanted) if n})
    parts = waves_of(slots, many)
    assert [slot for part in parts for slot in part] == slots
    assert len(parts) == min(many, len(slots))
    assert not parts or max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 20))
def test_no_document_is_shown_again_before_all_others_were(size, many, turns):
    shown = Counter(one for turn in range(turns) for one in dealt(range(size), turn, many))
    if many <= size:
        assert sum(shown.values()) == turns * many
        assert max(shown.values()) - min(shown[one] for one in range(size)) <= 1
    for turn in range(turns):
        one = dealt(range(size), turn, many)
        assert len(set(one)) == len(one) == min(many, size)


def test_rare_words_come_round_until_they_are_written():
    words = RareWords(["ibex", "tarn", "scree"])
    assert words.deal(2) == ["ibex", "tarn"]
    words.cover({"scree", "other"})
    assert [words.deal(2), words.deal(1)] == [["ibex", "tarn"], ["ibex"]]
    words.cover({"ibex", "tarn"})
    assert words.deal(3) == []
    assert words.dealt == {"ibex", "tarn"}
