"""Seasoned mixes: like with like passes, a poorer set fails, and sizes are equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.recipe.tails import WordSample
from wellkeeper.recipe.vetting_diversity import Seasoning

TYPES = 4000
RANKED = 1 / np.arange(1, TYPES + 1) ** 1.05


def sample(rng, documents, *, words=80, types=TYPES):
    weight = RANKED[:types] / RANKED[:types].sum()
    sizes = np.full(documents, words) if np.isscalar(words) else np.asarray(words)
    hashes = rng.choice(types, int(sizes.sum()), p=weight).astype(np.uint64)
    return WordSample(np.arange(len(sizes)), np.concatenate(([0], np.cumsum(sizes))), hashes)


def test_like_with_like_passes_in_nine_of_ten_runs_and_a_set_of_common_words_in_none():
    verdicts = {"alike": [], "poor": []}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        human = sample(rng, 500)
        for name, types in (("alike", TYPES), ("poor", 25)):
            made = sample(rng, 120, types=types)
            mixed = Seasoning(human, made, permutations=99, seed=seed).at(0.25)
            verdicts[name].append(mixed.judgement.verdict)
    assert verdicts["alike"].count("not worse") >= 5
    assert verdicts["poor"].count("worse") == 6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.2, 0.4]), st.integers(5, 300))
def test_the_mix_has_as_many_words_as_the_core_to_within_one_text(seed, share, words):
    rng = np.random.default_rng(seed)
    human, made = sample(rng, 80), sample(rng, 6000 // words + 40, words=words)
    mixed = Seasoning(human, made, permutations=19, seed=0).at(share)
    if mixed is None:
        return
    first, second = mixed.compared["words"].tokens
    assert abs(first - second) <= words
    assert mixed.compared["words"].documents == (40, 40)


def test_a_share_of_documents_is_a_smaller_share_of_words_where_texts_are_shorter():
    rng = np.random.default_rng(0)
    seasoning = Seasoning(sample(rng, 100, words=90), sample(rng, 50, words=10))
    assert seasoning.of_words(0.1) == pytest.approx(0.1 * 10 / (0.1 * 10 + 0.9 * 90))


def test_too_few_texts_for_a_share_are_no_verdict():
    rng = np.random.default_rng(0)
    assert Seasoning(sample(rng, 100), sample(rng, 3)).at(0.3) is None
    assert Seasoning(sample(rng, 12), sample(rng, 100)).at(0.1) is None


def test_of_undecided_mixes_it_is_told_how_many_human_documents_would_decide():
    rng = np.random.default_rng(1)
    mixed = Seasoning(sample(rng, 60), sample(rng, 60), permutations=99).at(0.4)
    assert mixed.judgement.verdict == "not enough data"
    assert mixed.judgement.documents_to_decide[0] > 60


def test_the_largest_share_that_passes_is_looked_for_from_below():
    rng = np.random.default_rng(2)
    seasoning = Seasoning(sample(rng, 900), sample(rng, 200), permutations=99)
    most, tried = seasoning.largest((0.1, 0.2, 0.4))
    assert most is not None
    assert tried[-1].judgement.verdict != "not worse" or tried[-1].share == most
    assert [one.share for one in tried] == sorted(one.share for one in tried)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(share):
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="Give a share of the documents"):
        Seasoning(sample(rng, 50), sample(rng, 50)).at(share)
