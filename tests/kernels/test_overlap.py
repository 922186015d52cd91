"""The search for fixed n-grams, and the walk along a copy, against the same in plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.kernels.overlap import AGREE, GAP, Pattern, cover, find, keys_of, pattern_of, probe_of

few = st.integers(1, 4)  # few different words, so that n-grams repeat
texts = st.lists(st.lists(few, max_size=30), max_size=5)
patterns = st.lists(
    st.builds(Pattern, st.integers(1, 4), st.integers(1, 4), st.integers(0, 1)), min_size=1, max_size=3
)


def laid_out(lists):
    bounds = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return bounds, np.array([word for words in lists for word in words], np.uint64)


def n_grams(words, pattern):
    """Place, words between, and both halves of every n-gram, in plain Python."""
    for gap in range(pattern.gap + 1):
        for at in range(len(words) - pattern.words - gap + 1):
            second = at + pattern.left + gap
            yield (
                at,
                gap,
                (tuple(words[at : at + pattern.left]), tuple(words[second : second + pattern.right])),
            )


def table_of(items, chosen):
    """The probe of all n-grams of some texts, and which halves each of its keys stands for."""
    meaning = {}
    for pattern in chosen:
        for text, place, gap, key in zip(*keys_of(*laid_out(items), pattern), strict=True):
            told = {(at, between): pair for at, between, pair in n_grams(items[text], pattern)}
            meaning[int(key)] = told[int(place), int(gap)]
    return probe_of(np.array(sorted(meaning), np.uint64), chosen), [meaning[key] for key in sorted(meaning)]


@given(texts, patterns)
def test_a_key_stands_for_its_two_halves_and_for_nothing_else(items, chosen):
    meant = {}
    for pattern in chosen:
        wanted = [(text, *gram) for text, item in enumerate(items) for gram in n_grams(item, pattern)]
        found = list(zip(*(column.tolist() for column in keys_of(*laid_out(items), pattern)), strict=True))
        assert [gram[:3] for gram in wanted] == [gram[:3] for gram in found]
        for (*_, pair), (*_, key) in zip(wanted, found, strict=True):
            meant.setdefault(key, set()).add(pair)
    assert all(len(pairs) == 1 for pairs in meant.values())


@given(texts, texts, patterns)
def test_every_n_gram_of_the_items_is_found_wherever_it_stands_and_no_other(items, documents, chosen):
    probe, meaning = table_of(items, chosen)
    bounds, words = laid_out(documents)
    found = sorted(
        (int(d), meaning[gram], int(at)) for d, gram, at in zip(*find(bounds, words, probe), strict=True)
    )
    wanted = sorted(
        (d, pair, at)
        for pattern in chosen
        for d, document in enumerate(documents)
        for at, _, pair in n_grams(document, pattern)
        if pair in set(meaning)
    )
    assert found == wanted


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_a_word_replaced_left_out_or_added_between_the_halves_is_found_by_the_same_table(left, right, data):
    chosen = [Pattern(left, right, 1)]
    item = list(range(1, left + right + 2))
    probe, _ = table_of([item], chosen)
    edit = data.draw(st.sampled_from(["replaced", "left out", "added"]))
    middle = {"replaced": [99], "left out": [], "added": [item[left], 99]}[edit]
    copy = [50, *item[:left], *middle, *item[left + 1 :], 51]
    documents, _, _ = find(*laid_out([copy]), probe)
    assert len(documents)


def test_many_hits_are_all_told():
    probe, _ = table_of([[1] * 8], [pattern_of(8)])
    documents, grams, places = find(*laid_out([[2], [1] * 5000]), probe)
    assert sorted(places.tolist()) == sorted(
        [*range(4993), *range(4992)]
    )  # with no and with one word between
    assert set(documents.tolist()) == {1}
    assert set(grams.tolist()) == {0}


def test_a_probe_without_keys_finds_nothing():
    probe = probe_of(np.zeros(0, np.uint64), [pattern_of(8)])
    assert [len(column) for column in find(*laid_out([[1] * 50]), probe)] == [0, 0, 0]


@pytest.mark.parametrize("keys", [[7, 7], [0]])
def test_keys_that_cannot_be_told_apart_are_refused(keys):
    with pytest.raises(DataError, match=r"stands twice or is 0\. Pass the distinct keys"):
        probe_of(np.array(keys, np.uint64), [pattern_of(8)])


def test_a_pattern_with_a_wide_gap_is_refused():
    with pytest.raises(DataError, match=r"gap of several words\. Give a gap of 0 or 1"):
        probe_of(np.zeros(0, np.uint64), [Pattern(4, 4, 2)])


# --- cover ----------------------------------------------------------------------------------------


def agrees(text, i, document, j, step, single):
    """`AGREE` words in a row are the same from there on, in one direction, or fewer to the end of the text."""
    if i < 0 or j < 0:
        return False
    a = [text[k] for k in range(i, i + step * AGREE, step) if 0 <= k < len(text)]
    b = [document[k] for k in range(j, j + step * AGREE, step) if 0 <= k < len(document)]
    return len(a) >= (1 if single else AGREE) and a == b[: len(a)]


def stretch(text, document, i, j):
    """Pairs of equal words that the walk from a seed goes through."""
    if text[i] != document[j]:
        return []
    pairs = []
    for start, other, step in ((i, j, 1), (i - 1, j - 1, -1)):
        a, b = start, other
        while 0 <= a < len(text) and 0 <= b < len(document):
            if text[a] == document[b]:
                pairs.append((a, b))
                a, b = a + step, b + step
                continue
            jumps = sorted(
                (x + y, x)
                for x in range(GAP + 1)
                for y in range(GAP + 1)
                if x + y and agrees(text, a + step * x, document, b + step * y, step, single=max(x, y) == 1)
            )
            if not jumps:
                break
            total, x = jumps[0]
            a, b = a + step * x, b + step * (total - x)
    return sorted(pairs)


def longest_run(pairs):
    """Most pairs that follow one another in both texts."""
    best = run = 0
    for k, (a, b) in enumerate(pairs):
        run = run + 1 if k and pairs[k - 1] == (a - 1, b - 1) else 1
        best = max(best, run)
    return best


@given(st.lists(few, min_size=1, max_size=25), st.lists(few, min_size=1, max_size=40), st.data())
def test_one_seed_covers_what_the_walk_in_plain_python_goes_through(text, document, data):
    i = data.draw(st.integers(0, len(text) - 1))
    j = data.draw(st.integers(0, len(document) - 1))
    least = data.draw(st.integers(1, 12))
    seeds = np.array([i]), np.array([j])
    found = cover(np.array(text, np.uint64), np.array(document, np.uint64), seeds, least=least)
    pairs = stretch(text, document, i, j)
    if len(pairs) < least:
        assert not found.words.any()
        assert found[1:] == (-1, -1, 0, 0)
    else:
        assert np.flatnonzero(found.words).tolist() == [a for a, _ in pairs]
        assert (found.first, found.last) == (min(b for _, b in pairs), max(b for _, b in pairs))
        assert found.longest == len(pairs)
        assert found.run == longest_run(pairs)


numbers = st.integers(1, 2**64 - 1)


@given(st.lists(numbers, min_size=AGREE, max_size=60, unique=True), st.data())
def test_a_copy_with_single_words_changed_is_covered_but_for_these_words(text, data):
    """Words changed with at least `AGREE` whole ones between, anywhere but at the ends of the text."""
    changed = data.draw(st.sets(st.integers(1, max(1, len(text) - 2))))
    kept = set()
    for at in sorted(changed):
        if at < len(text) - 1 and not kept & set(range(at - AGREE, at)):
            kept.add(at)
    copy = [word if at not in kept else 0 for at, word in enumerate(text)]
    before = data.draw(st.lists(st.just(0), max_size=5))
    document = np.array([*before, *copy, 0, 0], np.uint64)
    seeds = np.array([0]), np.array([len(before)])
    found = cover(np.array(text, np.uint64), document, seeds, least=1)
    assert set(np.flatnonzero(~found.words).tolist()) == kept
    assert (found.first, found.last) == (len(before), len(before) + len(text) - 1)


def test_pieces_in_several_places_count_together_and_short_ones_not_at_all():
    text = np.arange(1, 41, dtype=np.uint64)
    other = np.zeros(10, np.uint64)
    document = np.concatenate([text[:15], other, text[20:35], other, text[36:40]])
    seeds = np.array([0, 20, 36]), np.array([0, 25, 50])
    found = cover(text, document, seeds, least=13)
    assert np.flatnonzero(found.words).tolist() == [*range(15), *range(20, 35)]
    assert found[1:] == (0, 14, 15, 15)


def test_a_seed_where_the_words_differ_covers_nothing():
    found = cover(
        np.array([1, 2], np.uint64), np.array([3, 2], np.uint64), (np.array([0]), np.array([0])), least=1
    )
    assert not found.words.any()
