"""Likelihood of held-out text against its definition, then collapse, then how often chance passes for it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_kneser_ney import NaiveKneserNey
from scipy.stats import binom
from text_sources import Source

from wellkeeper.errors import DataError
from wellkeeper.measure.held_out import (
    VOCABULARY,
    HeldOut,
    Taught,
    held_out_likelihood,
    held_out_likelihood_or_none,
)
from wellkeeper.measure.incidence import Documents
from wellkeeper.measure.kneser_ney import DISCOUNT, ORDER, fit
from wellkeeper.measure.surprise import WORST, held_out_text, values_without

BANDS = {"1": (1, 1), "2": (2, 2), "3-5": (3, 5), "6-20": (6, 20), ">20": (21, 10**9)}

words = st.integers(0, 8) | st.integers(0, 60)
texts = st.lists(st.lists(words, min_size=4, max_size=4), min_size=10, max_size=26)


def documents(text: list[list[int]]) -> Documents:
    offsets = np.concatenate(([0], np.cumsum([len(document) for document in text]))).astype(np.int64)
    return Documents(offsets=offsets, hashes=np.array([w for d in text for w in d], np.uint64))


def figures(found: HeldOut) -> dict[str, Taught]:
    return dict(found.bands) | {"mean": found.mean, "worst": found.worst}


def surprises(read: list[list[int]], text: list[list[int]]) -> list[list[float]]:
    model = NaiveKneserNey(read, vocabulary=VOCABULARY, order=ORDER, discount=DISCOUNT)
    return [[-math.log(model.probability(d[:at], d[at])) for at in range(len(d))] for d in text]


def expected(text: list[list[int]], surprise: list[list[float]]) -> dict[str, float]:
    """The figures by plain counting; a document may be empty."""
    frequency = {word: sum(word in document for document in text) for d in text for word in d}
    tokens = [pair for d, s in zip(text, surprise, strict=True) for pair in zip(d, s, strict=True)]
    found = {}
    for name, (least, most) in BANDS.items():
        of_band = [value for word, value in tokens if least <= frequency[word] <= most]
        if of_band:
            found[name] = sum(of_band) / len(of_band)
    found["mean"] = sum(value for _, value in tokens) / len(tokens)
    left, total = WORST * len(tokens), 0.0
    for values in sorted(filter(None, surprise), key=lambda values: -sum(values) / len(values)):
        taken = min(left, len(values))
        total, left = total + taken * sum(values) / len(values), left - taken
    return found | {"worst": total / (WORST * len(tokens))}


@settings(max_examples=15)
@given(texts, texts, texts)
def test_figures_are_those_of_the_definition(corpus, first, second) -> None:
    size = min(len(corpus), len(first))
    found = figures(held_out_likelihood(*map(documents, (corpus, first, second))))
    ours = expected(second, surprises(corpus[:size], second))
    human = expected(second, surprises(first[:size], second))
    assert {name: f.corpus.estimate for name, f in found.items()} == pytest.approx(ours)
    assert {name: f.human.estimate for name, f in found.items()} == pytest.approx(human)
    for name, taught in found.items():
        assert taught.excess.estimate == pytest.approx(ours[name] - human[name], abs=1e-9)
        for interval in (taught.corpus, taught.human, taught.excess):
            assert interval.low <= interval.estimate <= interval.high


@settings(max_examples=15)
@given(texts, texts)
def test_figures_without_a_block_are_those_of_the_documents_that_are_left(read, text) -> None:
    ids = {word: k for k, word in enumerate({word for d in (*read, *text) for word in d})}
    read, text = ([[ids[word] for word in d] for d in part] for part in (read, text))
    one, two = (documents(part) for part in (read, text))
    packed = held_out_text(two.offsets, two.hashes.astype(np.int32), len(ids))
    model = fit(one.offsets, one.hashes.astype(np.int32), vocabulary=VOCABULARY)
    surprise = -model.log_probabilities(packed.offsets, packed.words)
    found = values_without(packed, surprise)
    by_document = np.split(surprise, two.offsets[1:-1])
    names = [*BANDS, "mean", "worst"]
    for block, values in enumerate(found):
        left = [d if of != block else [] for d, of in zip(text, packed.block_of, strict=True)]
        kept = [list(s) if d else [] for d, s in zip(left, by_document, strict=True)]
        for name, value in expected(left, kept).items():
            assert values[names.index(name)] == pytest.approx(value), (block, name)


@settings(max_examples=40)
@given(texts, texts, texts)
def test_exchanging_corpus_and_reference_turns_the_excess_around(corpus, first, second) -> None:
    size = min(len(corpus), len(first))
    one, two = documents(corpus[:size]), documents(first[:size])
    there = figures(held_out_likelihood(one, two, documents(second)))
    back = figures(held_out_likelihood(two, one, documents(second)))
    for name, taught in there.items():
        excess, mirrored = taught.excess, back[name].excess
        turned = [-mirrored.estimate, -mirrored.high, -mirrored.low]
        assert [excess.estimate, excess.low, excess.high] == pytest.approx(turned, abs=1e-9)


@settings(max_examples=40)
@given(texts, texts)
def test_a_corpus_that_is_the_first_half_teaches_nothing_worse(first, second) -> None:
    found = held_out_likelihood(documents(first), documents(first), documents(second))
    assert all(taught.excess.estimate == 0 for taught in figures(found).values())


@settings(max_examples=40)
@given(texts, texts, texts)
def test_bands_and_worst_documents_are_of_the_held_out_words(corpus, first, second) -> None:
    found = held_out_likelihood(*map(documents, (corpus, first, second)))
    assert sum(taught.words for _, taught in found.bands) == found.mean.words == found.held_out_words
    assert found.worst.words == round(WORST * found.held_out_words)
    assert found.worst.corpus.estimate >= found.mean.corpus.estimate - 1e-9


def drawn(source: Source, seed: int, *counts: int) -> list[Documents]:
    sample, rng = source.sampler(), np.random.default_rng(seed)
    return [Documents(**dict(zip(("offsets", "hashes"), sample(n, rng), strict=True))) for n in counts]


def test_a_sharpened_source_teaches_rare_words_worse_and_common_ones_better() -> None:
    [corpus] = drawn(Source(temperature=0.8), 1, 400)
    found = figures(held_out_likelihood(corpus, *drawn(Source(), 2, 400, 400)))
    assert all(found[band].excess.low > 0 for band in ("1", "2", "3-5", "6-20", "mean", "worst"))
    assert found[">20"].excess.high < 0


def test_models_read_equally_many_words_and_no_more_than_asked() -> None:
    corpus, first, second = drawn(Source(), 3, 60, 200, 200)
    found = held_out_likelihood(corpus, first, second)
    longest = int(np.diff(first.offsets).max())
    assert found.words == corpus.words
    assert abs(found.reference_words - corpus.words) <= longest
    assert found.held_out_words == second.words
    cut = held_out_likelihood(corpus, first, second, words=5000)
    for words_ in (cut.words, cut.reference_words, cut.held_out_words):
        assert abs(words_ - 5000) <= longest
    assert list(found.to_json()["bands"][0]) == ["band", "words", "corpus", "human", "excess"]


def test_chance_passes_for_a_worse_teacher_no_more_often_than_it_may() -> None:
    """One source three times: the 95 % interval of the excess lies above 0 in 2.5 % of the worlds."""
    sample, rng, worlds = Source(types=3000, words=60).sampler(), np.random.default_rng(5), 120
    above = dict.fromkeys([*BANDS, "mean", "worst"], 0)
    for _ in range(worlds):
        three = [
            Documents(**dict(zip(("offsets", "hashes"), sample(40, rng), strict=True))) for _ in range(3)
        ]
        for name, taught in figures(held_out_likelihood(*three)).items():
            above[name] += taught.excess.low > 0
    assert max(above.values()) <= binom.ppf(0.999, worlds, 0.025), above


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        (
            (9, 20, 20),
            r"the corpus, at 36 words, has 9 documents, too few for an interval\. Give at least 10",
        ),
        ((20, 5, 20), r"the corpus, at 20 words, has 5 documents"),
        ((20, 20, 9), r"the second half of the reference, at 36 words, has 9 documents"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(sizes: tuple[int, ...], says: str) -> None:
    three = [documents([[1, 2, 3, 4]] * size) for size in sizes]
    assert held_out_likelihood_or_none(*three) is None
    with pytest.raises(DataError, match=says):
        held_out_likelihood(*three)


def test_documents_must_be_delimited() -> None:
    with pytest.raises(DataError, match=r"offsets go from 0 to 3, and there are 2 hashes\. Pass one offset"):
        Documents(offsets=np.array([0, 3]), hashes=np.zeros(2, np.uint64))
