"""Figures of text against plain counting, and what they say of text that has lost its tail."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.lab.text import Text, bounds_of
from wellkeeper.lab.text_figures import COUNTS, FIGURES, RARE, TextFigures, in_blocks
from wellkeeper.measure.kneser_ney import fit
from wellkeeper.measure.reference import BANDS

VOCABULARY = 30
HELD_OUT = [[k, k + 1, 0, 1] for k in range(12)]

documents = st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=9), min_size=1, max_size=8).filter(any)


def text_of(texts: list[list[int]]) -> Text:
    sizes = np.array([len(text) for text in texts], np.int64)
    return Text(offsets=bounds_of(sizes), words=np.array([word for text in texts for word in text], np.int32))


def measured(original: list[list[int]], data: list[list[int]], **settings) -> dict[str, float]:
    figures = TextFigures(
        original=text_of(original), held_out=text_of(HELD_OUT), vocabulary=VOCABULARY, **settings
    )
    found = figures.of(text_of(data))
    assert {value.shape for value in found.values()} == {(1,)}
    return {name: float(value[0]) for name, value in found.items()}


def zipf(words: int, seed: int, temperature: float = 1.0) -> list[list[int]]:
    p = (1 / np.arange(1, VOCABULARY + 1)) ** (1.5 / temperature)
    drawn = np.random.default_rng(seed).choice(VOCABULARY, words, p=p / p.sum())
    return drawn.reshape(-1, 10).tolist()


@given(documents, documents)
def test_all_figures_are_told_and_no_others(original, data) -> None:
    assert set(measured(original, data)) == {figure.name for figure in FIGURES}


@given(documents, documents)
def test_what_is_left_is_what_counting_finds(original, data) -> None:
    found = measured(original, data)
    counts, has = (
        Counter(word for text in original for word in text),
        {word for text in data for word in text},
    )
    lost = sum(count for word, count in counts.items() if word not in has)
    assert found["lost_mass"] == pytest.approx(lost / sum(counts.values()))
    assert found["kept_types"] == len(counts.keys() & has)
    assert found["types"] == len(has)
    for band, names in {
        "coverage_1": [1],
        "coverage_2_3": [2, 3],
        "coverage_4_10": range(4, 11),
        "coverage_rare": range(1, RARE + 1),
    }.items():
        words = [word for word, count in counts.items() if count in names]
        expected = np.mean([word in has for word in words]) if words else math.nan
        assert found[band] == pytest.approx(expected, nan_ok=True)


@given(documents)
def test_a_training_set_that_is_the_original_keeps_all_of_it(original) -> None:
    found = measured(original, original)
    assert found["lost_mass"] == 0
    assert all(found[name] == 1 or math.isnan(found[name]) for name in found if name.startswith("coverage"))


@given(documents)
def test_entropy_and_distinct_pairs_are_those_of_counting(data) -> None:
    found = measured(data, data)
    words = [word for text in data for word in text]
    shares = [count / len(words) for count in Counter(words).values()]
    assert found["entropy"] == pytest.approx(-sum(share * math.log2(share) for share in shares))
    pairs = [pair for text in data for pair in pairwise(text)]
    expected = len(set(pairs)) / len(pairs) if pairs else math.nan
    assert found["distinct_2"] == pytest.approx(expected, nan_ok=True)


@given(documents, documents)
def test_likelihood_is_that_of_a_kneser_ney_model_of_the_data(original, data) -> None:
    found = measured(original, data)
    held_out, training = text_of(HELD_OUT), text_of(data)
    model = fit(training.offsets, training.words, vocabulary=VOCABULARY)
    nats = -model.log_probabilities(held_out.offsets, held_out.words)
    assert found["nll"] == pytest.approx(nats.mean())
    having = Counter(word for text in HELD_OUT for word in set(text))
    often = np.array([having[word] for word in held_out.words.tolist()])
    assert (
        found["nll_3_5"] == pytest.approx(np.mean(nats[(often >= 3) & (often <= 5)])) if 3 in often else True
    )
    assert found["nll_1"] == pytest.approx(np.mean(nats[often == 1]))
    assert found["nll_6_20"] == pytest.approx(np.mean(nats[often >= 6]))
    assert math.isnan(found["nll_over_20"])
    by_document = nats.reshape(12, 4).mean(axis=1)
    assert found["nll_worst"] == pytest.approx(by_document.max())
    judge = fit(held_out.offsets, held_out.words, vocabulary=VOCABULARY)
    assert found["noise"] == pytest.approx(-judge.log_probabilities(training.offsets, training.words).mean())


@given(documents, documents)
def test_known_pairs_are_the_held_out_ones_that_the_data_have(original, data) -> None:
    held_out = {pair for text in HELD_OUT for pair in pairwise(text)}
    read = {pair for text in data for pair in pairwise(text)}
    assert measured(original, data)["known_bigrams"] == pytest.approx(len(held_out & read) / len(held_out))


def test_data_of_another_size_are_cut_or_not_told() -> None:
    original, twice = zipf(2_000, 0), zipf(4_000, 1)
    whole, larger, smaller = (measured(original, data) for data in (original, twice, twice[:150]))
    assert math.isnan(smaller["entropy"])
    assert math.isnan(smaller["distinct_2"])
    assert larger["distinct_2"] == pytest.approx(
        whole["distinct_2"], rel=0.15
    )  # of all of it, it would be about half
    assert larger["entropy"] == pytest.approx(whole["entropy"], rel=0.05)


def test_hill_numbers_are_of_half_as_many_documents_as_the_original_has() -> None:
    original = zipf(2_000, 0)
    whole = measured(original, original)
    assert whole["hill_0"] == pytest.approx(measured(original, zipf(8_000, 1))["hill_0"], rel=0.1)
    assert whole["hill_0"] >= whole["hill_1"] >= whole["hill_2"]
    assert math.isnan(measured(original, original[:99])["hill_0"])


def test_a_colder_source_is_worse_by_every_figure_of_what_is_learnt_and_left() -> None:
    original = zipf(2_000, 0)
    human, cold = measured(original, zipf(2_000, 1)), measured(original, zipf(2_000, 1, temperature=0.4))
    for figure in FIGURES:
        if figure.worse and figure.name != "noise" and not math.isnan(human[figure.name]):
            change = cold[figure.name] - human[figure.name]
            assert change >= 0 if figure.worse == "up" else change <= 0, figure.name
    assert cold["entropy"] < human["entropy"]


def test_words_that_nobody_wrote_are_noise_and_variety() -> None:
    original = zipf(2_000, 0)
    noise = np.random.default_rng(2).integers(0, VOCABULARY, (200, 10)).tolist()
    human, drifted = measured(original, zipf(2_000, 1)), measured(original, noise)
    assert drifted["noise"] > human["noise"]
    assert drifted["entropy"] > human["entropy"]
    assert drifted["nll_6_20"] > human["nll_6_20"]


@given(documents, st.integers(1, 12))
def test_blocks_hold_the_same_words_and_are_full_but_for_the_last_of_a_document(texts, size: int) -> None:
    text = text_of(texts)
    found = in_blocks(text, size)
    assert found.words.tolist() == text.words.tolist()
    assert set(text.offsets.tolist()) <= set(found.offsets.tolist())
    expected = [part for one in texts for part in [size] * (len(one) // size) + [len(one) % size] if part]
    assert [part for part in found.sizes.tolist() if part] == expected


def test_blocks_stand_for_documents_where_a_stream_has_none() -> None:
    joined = [[word for text in HELD_OUT for word in text]]
    figures = TextFigures(original=text_of(joined), held_out=text_of(joined), vocabulary=VOCABULARY, block=4)
    found = figures.of(text_of(joined))
    assert found["hill_0"][0] == pytest.approx(measured(HELD_OUT, HELD_OUT)["hill_0"])


def test_bands_have_names_of_their_own() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("coverage_") for name in names) == len(COUNTS) + 1
    assert sum(name.startswith("nll_") for name in names) == len(BANDS) + 1


def test_too_little_held_out_text_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"The held-out text has 2 documents, too few .* give more documents\."
    ):
        TextFigures(original=text_of([[0]]), held_out=text_of([[0], [1]]), vocabulary=2)
