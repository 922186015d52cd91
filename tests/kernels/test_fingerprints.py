"""Fingerprints: what winnowing promises, and who holds a passage, against slow and plain definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import words_of

from wellkeeper.kernels import text
from wellkeeper.kernels.fingerprints import (
    Held,
    Runs,
    Shared,
    fingerprints_of,
    gram_words,
    hold,
    passages_of,
    repeats_of,
    window_keys,
    winnowed,
)

TABLES = text.load_tables()
LETTERS = st.sampled_from(["a", "b", "Ä", "ß", "語", "x_1", "the", "of"])


def made(documents, words):
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return fingerprints_of(*text.word_hashes(data, offsets, TABLES, np.arange(len(encoded))), words=words)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 12))
def test_winnowing_takes_the_last_least_of_every_window_and_nothing_else(values, window):
    hashes = np.array(values, np.uint64)
    wanted = {
        max(k for k in range(i, i + window) if values[k] == min(values[i : i + window]))
        for i in range(len(values) - window + 1)
    }
    assert winnowed(hashes, window).tolist() == sorted(wanted)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(LETTERS, min_size=20, max_size=60),
    st.lists(LETTERS, max_size=30),
    st.lists(LETTERS, max_size=30),
    st.integers(20, 24),
)
def test_a_shared_run_has_a_fingerprint_at_the_same_place_in_both_texts(run, before, after, words):
    """The guarantee, also where few words repeat so much that the least hash is there many times."""
    one, two = [*before, *run], [*run, *after]
    prints = made([" ".join(one), " ".join(two)], words)
    places = [
        {(int(h), int(w) - shift) for d, w, h in zip(*prints, strict=True) if d == document}
        for document, shift in ((0, len(before)), (1, 0))
    ]
    gram = gram_words(words)
    for start in range(len(run) - words + 1):
        inside = [{p for p in some if start <= p[1] <= start + words - gram} for some in places]
        assert inside[0] & inside[1]


@given(st.lists(LETTERS, max_size=45))
def test_fingerprints_name_words_of_the_text(parts):
    document = ", ".join(parts)
    prints = made(["", document], 20)
    count = len(words_of(document))
    assert (len(prints.hash) > 0) == (count >= 20)
    assert set(prints.document.tolist()) <= {1}
    assert np.all(np.diff(prints.word.astype(np.int64)) > 0)
    assert all(0 <= word <= count - gram_words(20) for word in prints.word.tolist())


def test_random_text_keeps_as_many_fingerprints_as_the_theory_says():
    """2 / (window + 1) of all n-grams [Schleimer, Wilkerson, Aiken 2003, section 3.1]."""
    rng = np.random.default_rng(3)
    document = " ".join(f"w{k}" for k in rng.integers(0, 10**9, 40_000))
    gram = gram_words(50)
    assert len(made([document], 50).hash) / 40_000 == pytest.approx(2 / (50 - gram + 2), rel=0.03)


def test_case_separators_and_neighbours_do_not_matter():
    words = [f"word{k}" for k in range(60)]
    plain, shouted = " ".join(words), "\n-- ".join(word.upper() for word in words)
    prints = made(["something else first", plain, shouted], 50)
    assert prints.hash[prints.document == 1].tolist() == prints.hash[prints.document == 2].tolist()
    assert prints.hash[prints.document == 1].tolist() == made([plain], 50).hash.tolist()


def test_short_runs_are_refused():
    with pytest.raises(ValueError, match="runs of 20 words or more"):
        made(["text"], 19)


# --- who holds what ----------------------------------------------------------------------------------------

WORDS = 4


def laid_out(documents):
    """Each document as one stretch, and its windows in groups, by plain dictionaries."""
    bounds = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    runs = Runs(bounds, np.array([word for document in documents for word in document], np.uint64))
    owners, places = {}, {}
    for d, document in enumerate(documents):
        for i in range(len(document) - WORDS + 1):
            window = tuple(document[i : i + WORDS])
            owners.setdefault(window, set()).add(d)
            places.setdefault(window, []).append(int(bounds[d]) + i)
    of = np.zeros(len(runs.hashes), np.int64)
    frequency, sets, number = [0], [0], {}
    for window, holders in owners.items():
        if len(holders) > 1:
            of[places[window]] = len(frequency)
            frequency.append(len(holders))
            sets.append(number.setdefault(frozenset(holders), len(number) + 1))
    return runs, Shared(of, np.array(frequency, np.int64), np.array(sets, np.uint64))


def held_by(documents, *, order=None, boilerplate=99, share=np.inf, whole=False, shared=None):
    runs, grouped = laid_out(documents)
    shared = shared or grouped
    many = len(documents)
    held = Held(
        np.zeros(len(shared.frequency), np.int64),
        np.zeros(len(runs.hashes), np.int64),
        np.zeros(many, np.int64),
        np.zeros(many, np.uint8),
    )
    order = np.arange(many) if order is None else np.array(order)
    sizes = np.array([len(document) for document in documents], np.int64)
    hold(
        order, np.arange(many + 1), sizes, runs, shared, held, words=WORDS, boilerplate=boilerplate, share=share,
        whole=whole,
    )  # fmt: skip
    return runs, shared, held


def naive_coverage(documents, order):
    """Words of each document that stand in windows of documents before it, by the definition."""
    seen, covered = set(), {}
    for d in order:
        windows = [tuple(documents[d][i : i + WORDS]) for i in range(len(documents[d]) - WORDS + 1)]
        covered[d] = {i + k for i, window in enumerate(windows) if window in seen for k in range(WORDS)}
        seen |= set(windows)
    return [covered[d] for d in range(len(documents))]


documents_of_few_words = st.lists(st.lists(st.integers(1, 3), max_size=14), min_size=1, max_size=6)


@given(documents_of_few_words, st.randoms())
def test_spans_are_the_words_that_documents_before_have_in_a_run(documents, random):
    order = list(range(len(documents)))
    random.shuffle(order)
    runs, shared, held = held_by(documents, order=order)
    found = repeats_of(runs, shared, held, words=WORDS, boilerplate=99)
    covered = [set() for _ in documents]
    for at, size, holder_at, frequency in zip(*found, strict=True):
        d = int(np.searchsorted(runs.bounds, at, side="right")) - 1
        h = int(np.searchsorted(runs.bounds, holder_at, side="right")) - 1
        first, there = int(at - runs.bounds[d]), int(holder_at - runs.bounds[h])
        span = documents[d][first : first + size]
        assert size >= WORDS
        assert len(span) == size
        assert span == documents[h][there : there + size]
        assert order.index(h) < order.index(d)
        rarest = min(
            sum(any(w == other[j : j + WORDS] for j in range(len(other))) for other in documents)
            for w in (span[i : i + WORDS] for i in range(size - WORDS + 1))
        )
        assert frequency == rarest
        covered[d] |= set(range(first, first + int(size)))
    assert covered == naive_coverage(documents, order)
    assert held.repeated.tolist() == [len(words) for words in covered]


@given(documents_of_few_words, st.sampled_from([0.2, 0.5, 1.0]))
def test_a_document_that_goes_holds_nothing(documents, share):
    _, _, held = held_by(documents, share=share)
    kept = []
    for d, document in enumerate(documents):
        words = naive_coverage([*kept, document], range(len(kept) + 1))[-1]
        goes = len(words) > 0 and len(words) >= share * len(document)
        assert held.gone[d] == goes
        kept += [] if goes else [document]


def test_windows_that_only_hash_alike_are_no_span():
    """A collision of window hashes, put in by hand: the words themselves decide."""
    documents = [[1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4, 9]]
    runs, shared = laid_out(documents)
    of = shared.of.copy()
    of[runs.bounds[1]] = of[0]  # the second document's window joins the group of the first's
    runs, shared, held = held_by(documents, shared=shared._replace(of=of))
    assert held.repeated.tolist() == [0, 0, 4]


def test_boilerplate_is_set_apart_from_other_spans():
    common, own = [1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]
    documents = [[*common, *own], [*common, 20], [*common, 21], [30, *common, *own]]
    runs, shared, held = held_by(documents, boilerplate=3)
    found = repeats_of(runs, shared, held, words=WORDS, boilerplate=3)
    last = found.at >= runs.bounds[3]
    assert found.frequency[last].tolist() == [4, 2]
    assert (found.at[last] - runs.bounds[3]).tolist() == [1, 3]
    assert found.words[last].tolist() == [5, 9]
    assert held.repeated[3] == 9  # those of windows that two documents share


def test_a_document_made_of_boilerplate_alone_goes():
    page = [1, 2, 3, 4, 5]
    _, _, held = held_by([page, page, page, [*page, 9]], boilerplate=3)
    assert held.gone.tolist() == [0, 1, 1, 0]


def test_passages_are_runs_that_one_set_of_documents_shares():
    common, two = [1, 2, 3, 4, 5, 6], [7, 8, 9, 10]
    documents = [[*common, *two], [*common, 20], [*common, *two, 21], [22, *two]]
    runs, shared, held = held_by(documents)
    found = passages_of(runs, shared, held, words=WORDS, most=10)
    told = [(runs.hashes[at : at + words].tolist(), int(n)) for at, words, n in zip(*found, strict=True)]
    assert (common, 3) in told
    assert (two, 3) in told  # the same number of documents, and others
    assert ([4, 5, 6, 7, 8, 9], 2) in told
    assert [n for _, n in told] == sorted((n for _, n in told), reverse=True)


@given(st.lists(st.integers(2, 9), min_size=1, max_size=30), st.integers(1, 6))
def test_the_most_frequent_passages_are_kept_of_many(frequencies, most):
    """Passage k is four words that `frequencies[k]` documents have; its holder has them all, apart."""
    separate = iter(range(1000, 10_000))
    holder = [
        w
        for k in range(len(frequencies))
        for w in (10 * k, 10 * k + 1, 10 * k + 2, 10 * k + 3, next(separate))
    ]
    others = [
        [10 * k, 10 * k + 1, 10 * k + 2, 10 * k + 3]
        for k, frequency in enumerate(frequencies)
        for _ in range(frequency - 1)
    ]
    runs, shared, held = held_by([holder, *others])
    found = passages_of(runs, shared, held, words=WORDS, most=most)
    assert found.frequency.tolist() == sorted(frequencies, reverse=True)[:most]


def test_window_keys_tell_windows_apart_and_name_where_they_start():
    runs = Runs(np.array([3, 8, 10, 14], np.int64), np.array([1, 2, 3, 4, 1, 9, 9, 2, 3, 4, 1], np.uint64))
    keys, at = window_keys(runs, 4)
    assert at.tolist() == [0, 1, 7]
    assert keys[1] == keys[2]
    assert keys[0] != keys[1]
