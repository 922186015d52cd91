"""Samples against the distributions that the same models state, and maximum likelihood against counts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from wellkeeper.errors import DataError
from wellkeeper.measure import _trie
from wellkeeper.measure.kneser_ney import Model, fit, fit_maximum_likelihood

VOCABULARY = 7  # of which the last two are never read

documents = st.lists(st.lists(st.integers(0, VOCABULARY - 3), max_size=8), min_size=1, max_size=6)
orders = st.integers(1, 4)
fits = st.sampled_from([fit, fit_maximum_likelihood])
temperatures = st.sampled_from([0.05, 0.5, 1.0, 3.0])


def packed(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts]))).astype(np.int64)
    return offsets, np.array([word for text in texts for word in text], np.int32)


def fitted(fit_, texts: list[list[int]], **settings) -> Model:
    return fit_(*packed(texts), **({"vocabulary": VOCABULARY} | settings))


def stated(model: Model, before: list[int]) -> np.ndarray:
    """Probability of each word after others, as the model states it."""
    offsets, words = packed([[*before, word] for word in range(VOCABULARY)])
    return np.exp(model.log_probabilities(offsets, words)[offsets[1:] - 1])


def decoded(
    p: np.ndarray, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> np.ndarray:
    """What is left of a distribution, straight from the definition of each setting."""
    if temperature == 0:
        temperature, top_k = 1.0, 1
    q = np.exp((np.log(p, where=p > 0, out=np.full(p.size, -np.inf)) - np.log(p.max())) / temperature)
    order = np.lexsort((np.arange(p.size), -p.round(12)))
    if top_k is not None:
        q[order[top_k:]] = 0
    q /= q.sum()
    if top_p is not None:
        q[order[1 + np.searchsorted(np.cumsum(q[order]), top_p - 1e-12) :]] = 0
        q /= q.sum()
    return q


SETTINGS = [
    {},
    {"temperature": 0},
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"top_k": 3},
    {"top_p": 0.7},
    {"top_k": 4, "top_p": 0.6, "temperature": 1.5},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("fit_", "order"), [(fit, 3), (fit, 2), (fit_maximum_likelihood, 2)])
def test_samples_follow_the_stated_distribution(fit_, order: int, settings) -> None:
    """Pairs of words drawn 40,000 times; a right sampler fails one of these tests in 100,000 seeds."""
    texts = np.random.default_rng(1).integers(0, VOCABULARY - 2, (3, 20)).tolist()
    model = fitted(fit_, texts, order=order)
    count = 40_000
    sample = model.sample(np.arange(count + 1) * 2, np.random.default_rng(2), **settings).reshape(count, 2)
    first = decoded(stated(model, []), **settings)
    expected = (
        count * first[:, None] * [decoded(stated(model, [word]), **settings) for word in range(VOCABULARY)]
    )
    found = np.zeros((VOCABULARY, VOCABULARY))
    np.add.at(found, tuple(sample.T), 1)
    possible = expected > 1e-6
    assert not found[~possible].any()
    distance = np.sum((found - expected)[possible] ** 2 / expected[possible])
    # cells of a handful make the statistic wider than chi-square; lump them
    few = possible & (expected < 5)
    if few.any():
        lump = expected[few].sum()
        distance -= np.sum((found - expected)[few] ** 2 / expected[few])
        distance += (found[few].sum() - lump) ** 2 / lump
    cells = np.count_nonzero(possible & ~few) + few.any()
    assert distance <= chi2.ppf(1 - 1e-5 / 21, max(cells - 1, 1))


@given(documents, st.lists(st.integers(0, VOCABULARY - 1), max_size=3), orders, fits, temperatures)
def test_mixtures_are_the_stated_distribution_at_every_temperature(
    texts, before, order: int, fit_, temperature: float
) -> None:
    model = fitted(fit_, texts, order=order)
    mixtures = _trie.mixtures(model.trie, model.counts, model.rule, temperature=temperature, ranked=False)
    history = [-1] * (order - 1) + before
    found = mixture_after(model, mixtures, history[len(history) - order + 1 :] if order > 1 else [])
    assert found == pytest.approx(decoded(stated(model, before), temperature), abs=1e-12)


def mixture_after(model: Model, mixtures: _trie.Mixtures, history: list[int]) -> np.ndarray:
    """The distribution of a mixture, by walking it down; -1 is a mark before a document."""
    children = {
        (int(model.trie.parent[node]), int(model.trie.word[node])): int(node) for node in mixtures.children
    }
    context = None
    while context is None:
        marks = history.count(-1)
        node: int | None = marks
        for word in history[marks:]:
            node = children.get((node, word)) if node is not None else None
        if node is not None and (node == 0 or mixtures.bounds[node] < mixtures.bounds[node + 1]):
            context = node
        history = history[1:]
    found, share = np.zeros(VOCABULARY), 1.0
    while True:
        here = slice(mixtures.bounds[context], mixtures.bounds[context + 1])
        found[model.trie.word[mixtures.children[here]]] += share * np.diff(mixtures.upto[here], prepend=0)
        share *= 1 - (mixtures.upto[here][-1] if here.start < here.stop else 0)
        if context == 0:
            return found + share / VOCABULARY
        context = int(model.trie.suffix[context])


@given(documents, orders, fits, st.integers(1, VOCABULARY), st.integers(0, 99))
def test_no_word_beyond_the_likeliest_is_ever_drawn(texts, order: int, fit_, top_k: int, seed: int) -> None:
    model = fitted(fit_, texts, order=order)
    drawn = model.sample(np.array([0, 12]), np.random.default_rng(seed), top_k=top_k).tolist()
    for at, word in enumerate(drawn):
        p = stated(model, drawn[:at])
        assert p[word] >= np.sort(p)[-top_k] * (1 - 1e-12)


@given(documents, orders, fits, st.floats(0.05, 1), st.integers(0, 99))
def test_words_less_likely_than_those_that_are_enough_are_never_drawn(
    texts, order: int, fit_, top_p: float, seed: int
) -> None:
    model = fitted(fit_, texts, order=order)
    drawn = model.sample(np.array([0, 12]), np.random.default_rng(seed), top_p=top_p).tolist()
    for at, word in enumerate(drawn):
        p = stated(model, drawn[:at])
        likelier = p[p > p[word] * (1 + 1e-12)].sum()
        assert likelier < top_p + 1e-12


@given(
    documents,
    orders,
    fits,
    st.sampled_from([{"top_k": 2}, {"top_k": 4}, {"top_p": 0.613}, {"top_k": 5, "top_p": 0.787}]),
)
def test_all_words_that_may_follow_are_drawn(texts, order: int, fit_, settings) -> None:
    """Hot, so that the least likely of them is one in 200: 4,000 draws leave it out once in 10^8."""
    model = fitted(fit_, texts, order=order)
    count = 4_000
    drawn = model.sample(np.arange(count + 1), np.random.default_rng(0), temperature=3.0, **settings)
    p = stated(model, [])
    allowed = decoded(p, 3.0, **settings) > 0
    assert np.sort(p[np.unique(drawn)]) == pytest.approx(
        np.sort(p[allowed])
    )  # whichever of equals came first


@given(documents, orders, fits, st.randoms(), st.sampled_from(SETTINGS))
def test_the_likeliest_words_do_not_hang_on_the_order_of_documents(
    texts, order, fit_, random, settings
) -> None:
    shuffled = random.sample(texts, len(texts))
    one, two = (
        fitted(fit_, some, order=order).sample(np.array([0, 9]), np.random.default_rng(0), temperature=0)
        for some in (texts, shuffled)
    )
    assert one.tolist() == two.tolist()


@given(documents, orders, fits, st.sampled_from(SETTINGS))
def test_equal_generators_give_equal_words(texts, order: int, fit_, settings) -> None:
    model = fitted(fit_, texts, order=order)
    offsets = np.array([0, 3, 3, 30])
    one, two = (model.sample(offsets, np.random.default_rng(5), **settings) for _ in range(2))
    assert one.dtype == np.int32
    assert one.tolist() == two.tolist()
    assert one.size == 30


def test_other_generators_give_other_words() -> None:
    model = fitted(fit, [[0, 1, 2, 3, 4, 3, 2, 1, 0]])
    one, two = (model.sample(np.array([0, 50]), np.random.default_rng(seed)).tolist() for seed in (0, 1))
    assert one != two


def test_temperatures_too_cold_to_count_are_as_good_as_none() -> None:
    model = fitted(fit, [[0, 1, 1, 2, 0, 1, 3, 0, 1, 1]])
    offsets = np.array([0, 8])
    greedy = model.sample(offsets, np.random.default_rng(0), temperature=0).tolist()
    for temperature in (5e-324, 1e-310, 1e-300, 1e-200, 1e-6):
        assert model.sample(offsets, np.random.default_rng(1), temperature=temperature).tolist() == greedy


def test_a_model_of_nothing_draws_any_word() -> None:
    for settings in SETTINGS[2:]:
        drawn = fitted(fit, [[]]).sample(np.array([0, 300]), np.random.default_rng(0), **settings)
        most = (
            settings.get("top_k", VOCABULARY)
            if "top_p" not in settings
            else math.ceil(settings["top_p"] * settings.get("top_k", VOCABULARY) - 1e-9)
        )
        assert set(drawn.tolist()) == set(range(most))


@given(documents, orders)
def test_maximum_likelihood_is_relative_frequency_after_the_longest_known_words(texts, order: int) -> None:
    model = fitted(fit_maximum_likelihood, texts, order=order, floor=0.01)
    padded = [[None] * (order - 1) + text for text in texts]
    counts = Counter(
        tuple(text[at - n : at + 1])
        for text in padded
        for n in range(order)
        for at in range(order - 1, len(text))
    )
    after = Counter()
    for gram, count in counts.items():
        after[gram[:-1]] += count
    for text in padded:
        for at in range(order - 1, len(text)):
            history = tuple(text[at - order + 1 : at]) if order > 1 else ()
            while history and not after[history]:
                history = history[1:]
            expected = np.array([counts[(*history, word)] for word in range(VOCABULARY)]) / after[history]
            if not history:
                expected = 0.99 * expected + 0.01 / VOCABULARY
            assert stated(model, text[order - 1 : at]) == pytest.approx(expected)


@given(documents, orders)
def test_a_maximum_likelihood_model_writes_what_it_read(texts, order: int) -> None:
    """Each word was read after those before it, as far back as anything was read after them."""
    model = fitted(fit_maximum_likelihood, texts, order=order, floor=0)
    words = model.sample(np.array([0, 20]), np.random.default_rng(0)).tolist()
    if any(texts):
        assert all(stated(model, words[:at])[word] > 0 for at, word in enumerate(words))


@given(documents, st.data(), orders)
def test_a_maximum_likelihood_model_without_a_block_is_one_of_the_rest(texts, data, order: int) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    bounds = packed(texts)[0][[0, cut, len(texts)]]
    found = list(fitted(fit_maximum_likelihood, texts, order=order).without_each(bounds, *packed(texts)))
    for less, rest in zip(found, (texts[cut:], texts[:cut]), strict=True):
        model = fitted(fit_maximum_likelihood, rest, order=order)
        assert less.tolist() == model.log_probabilities(*packed(texts)).tolist()


@given(documents, documents, orders, fits)
def test_known_words_are_those_of_n_grams_that_were_read(texts, others, order: int, fit_) -> None:
    def grams(some: list[list[int]]) -> list[list[tuple]]:
        padded = [[None] * (order - 1) + text for text in some]
        return [
            [tuple(text[at - n : at + 1]) for n in range(order)]
            for text in padded
            for at in range(order - 1, len(text))
        ]

    read = {gram for of_token in grams(texts) for gram in of_token}
    expected = [sum(gram in read for gram in of_token) for of_token in grams(others)]
    assert fitted(fit_, texts, order=order).known(*packed(others)).tolist() == expected


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": -1.0}, r"the temperature is -1\.0\. Give a number of at least 0\."),
        ({"temperature": math.nan}, r"the temperature is nan\. Give a number of at least 0\."),
        ({"top_k": 0}, r"top-k is 0\. Give at least 1, or None for all words\."),
        ({"top_p": 0.0}, r"top-p is 0\.0\. Give a share above 0, up to 1, or None for all words\."),
        ({"top_p": 1.1}, r"top-p is 1\.1\. Give a share above 0, up to 1"),
    ],
)
def test_errors_of_decoding_say_what_was_found_and_what_to_do(settings, says: str) -> None:
    with pytest.raises(DataError, match=says):
        fitted(fit, [[0, 1]]).sample(np.array([0, 1]), np.random.default_rng(0), **settings)


def test_offsets_of_samples_must_ascend_from_zero() -> None:
    model = fitted(fit, [[0, 1]])
    with pytest.raises(
        DataError, match=r"offsets go from 1 to 3, and there are 3 words to sample\. Pass one offset"
    ):
        model.sample(np.array([1, 3]), np.random.default_rng(0))
    with pytest.raises(DataError, match=r"Pass offsets in ascending order\."):
        model.sample(np.array([0, 5, 3]), np.random.default_rng(0))


@pytest.mark.parametrize(("order", "floor"), [(0, 0.1), (2, 1.0), (2, -0.1)])
def test_errors_of_maximum_likelihood_say_what_was_found(order: int, floor: float) -> None:
    with pytest.raises(
        DataError, match=rf"order is {order} and floor {floor}\. Give an order of at least 1, and a"
    ):
        fitted(fit_maximum_likelihood, [[0]], order=order, floor=floor)
