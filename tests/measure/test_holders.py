"""Rare types and their holders: losses as sets have them, and a guard that no group can pay for another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.holders import affordable, rare_types


@st.composite
def corpora(draw):
    """Documents as sets of types, their groups, and some of them proposed for removal, in an order."""
    held = draw(st.lists(st.sets(st.integers(0, 25), max_size=8), min_size=1, max_size=14))
    group = np.array(draw(st.lists(st.integers(-1, 2), min_size=len(held), max_size=len(held))))
    inside = [k for k in range(len(held)) if group[k] >= 0]
    proposed = draw(st.permutations(inside))[: draw(st.integers(0, len(inside)))]
    return held, group, np.array(proposed, np.int64)


def made(held, group, rare):
    pairs = [(document, type_) for document, types in enumerate(held) for type_ in sorted(types)]
    document, hashes = (
        (np.array(column) for column in zip(*pairs, strict=True)) if pairs else (np.zeros(0), np.zeros(0))
    )
    return rare_types(document.astype(np.int64), hashes.astype(np.uint64), group, rare=rare)


def naive(held, group, rare, removed, chosen=None):
    """Rare types and those of them that are lost, by sets: of the corpus, or of what one group holds."""
    holders = {}
    for document, types in enumerate(held):
        for type_ in types:
            holders.setdefault(type_, set()).add(document)
    seldom = {t for t, who in holders.items() if len(who) <= rare}
    if chosen is not None:
        seldom = {t for t in seldom if any(group[d] == chosen for d in holders[t])}
    return seldom, {t for t in seldom if holders[t] <= set(removed)}


@given(corpora(), st.integers(1, 4))
def test_rare_types_and_losses_are_those_of_the_sets(corpus, rare):
    held, group, removed = corpus
    types = made(held, group, rare)
    seldom, gone = naive(held, group, rare, removed.tolist())
    lost = types.lost(removed)
    assert (types.count(), int(lost.sum())) == (len(seldom), len(gone))
    for number in range(3):
        seldom, gone = naive(held, group, rare, removed.tolist(), number)
        assert types.by_group(3)[number] == len(seldom)
        assert types.lost_by_group(lost, 3)[number] == len(gone)


@given(corpora(), st.integers(1, 3), st.sampled_from([0, 0.1, 0.3, 0.7, 1]))
def test_neither_the_corpus_nor_any_group_loses_more_than_allowed(corpus, rare, share):
    held, group, proposed = corpus
    may = affordable(made(held, group, rare), proposed, group[proposed], share=share)
    removed = proposed[may].tolist()
    for number in (None, 0, 1, 2):
        seldom, gone = naive(held, group, rare, removed, number)
        assert len(gone) <= share * len(seldom)


@given(corpora(), st.sampled_from([0, 0.2, 0.5]))
def test_the_first_removal_that_costs_too_much_ends_its_groups_and_none_ended_for_less(corpus, share):
    held, group, proposed = corpus
    may = affordable(made(held, group, 2), proposed, group[proposed], share=share)
    for number in range(3):
        mine = may[group[proposed] == number]
        assert not np.any(mine[1:] & ~mine[:-1]), "removals of a group are a stretch from its first"
        if mine.all():
            continue
        stopped = np.flatnonzero(group[proposed] == number)[np.argmin(mine)]
        tried = [*proposed[:stopped][may[:stopped]].tolist(), int(proposed[stopped])]
        losses = [naive(held, group, 2, tried, chosen) for chosen in (None, 0, 1, 2)]
        assert any(len(gone) > np.floor(share * len(seldom)) for seldom, gone in losses)


def test_all_may_go_where_everything_may_be_lost():
    held, group = [{1}, {2}, {1, 3}], np.array([0, 0, 1])
    proposed = np.array([2, 0, 1])
    assert affordable(made(held, group, 3), proposed, group[proposed], share=1).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rare_types(np.arange(2), np.zeros(1, np.uint64), np.zeros(2), rare=1), r"Pass one type for each"),
        (lambda: rare_types(np.arange(1), np.zeros(1, np.uint64), np.zeros(2), rare=0), r"rare is 0"),
        (lambda: affordable(made([{1}], np.zeros(1, np.int64), 1), np.arange(1), np.zeros(1, np.int64), share=2),
         r"share is 2.*Give a share from 0 to 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_to_pass(call, says):
    with pytest.raises(DataError, match=says):
        call()
