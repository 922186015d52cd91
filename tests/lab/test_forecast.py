"""Forecasts: the law read on a corpus, and kernels of two generations iterated, beside recursion that is run."""

import numpy as np
import pytest
from scipy.stats import binom
from unigrams import UnigramWorld, zipf_text

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import forecast as forecasting
from wellkeeper.lab.chain import is_iterable, never_loses
from wellkeeper.lab.forecast import (
    Outlook,
    Watch,
    forecast_of,
    iterated,
    largest_size,
    law_of,
    observed,
    replicates_for,
)
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import profile_of
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.text import Text

SIZE, COUNT = 5_000, 6
HUMAN = zipf_text(12_000)
VOCABULARY = len(HUMAN.vocabulary)


def profile(words: int = SIZE):
    return profile_of(UnigramWorld(HUMAN).human(0, words, None), VOCABULARY)


def ran(policy: str, runs: int, *, smoothing: float = 0.0, count: int = COUNT, seed: int = 9) -> np.ndarray:
    """Words left and mass lost of runs, shape (runs, 2, count + 1)."""
    world, counts = UnigramWorld(HUMAN, smoothing=smoothing), profile().counts
    there = counts > 0
    found = []
    for run in range(runs):
        has = [
            np.bincount(generation.data.words, minlength=VOCABULARY)[there] > 0
            for generation in generations(
                world, Policy.parse(policy), size=SIZE, count=count, seed=seed, replicate=run
            )
        ]
        found.append(
            [[kept.sum() for kept in has], [1 - counts[there][kept].sum() / counts.sum() for kept in has]]
        )
    return np.array(found)


def foretold(
    policy: str, *, smoothing: float = 0.0, replicates: int = 12, count: int = COUNT, seed: int = 3
) -> Outlook:
    world = UnigramWorld(HUMAN, smoothing=smoothing)
    return forecast_of(
        world, HUMAN, Policy.parse(policy), size=SIZE, count=count, seed=seed, replicates=replicates
    )


# --- the corpus --------------------------------------------------------------------------------------


def test_a_profile_counts_copies_and_documents_and_leaves_out_words_that_no_person_used() -> None:
    text = Text(offsets=np.array([0, 3, 3, 6]), words=np.array([0, 0, 2, 2, 1, 5], np.int32))
    found = profile_of(text, 4)
    assert found.counts.tolist() == [2, 1, 2, 0]
    assert found.holders.tolist() == [1, 1, 2, 0]
    assert (found.documents, found.words, found.types) == (3, 5, 3)
    assert [
        found.entries[a:b].tolist() for a, b in zip(found.bounds[:-1], found.bounds[1:], strict=True)
    ] == [
        [0, 2],
        [],
        [2, 1],
    ]
    with pytest.raises(
        DataError, match=r"no word of the vocabulary\. Check that its text column is not empty\.$"
    ):
        profile_of(text, 0)


def test_a_stream_is_counted_in_blocks() -> None:
    text = Text(offsets=np.array([0, 2_500]), words=np.zeros(2_500, np.int32))
    assert profile_of(text, 1).documents == 3


# --- tier 0 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["replace", "fixed=0.2", "augment=1", "accumulate"])
def test_the_law_says_what_runs_of_an_ideal_model_give(policy) -> None:
    law = law_of(profile(), Policy.parse(policy), COUNT)
    runs = ran(policy, 20)
    for place, told in ((0, law.types), (1, law.lost_mass)):
        mean, error = runs[:, place].mean(axis=0), runs[:, place].std(axis=0, ddof=1) / np.sqrt(20)
        assert (np.abs(told - mean) <= 3.5 * error + 0.004 * np.abs(mean)).all()


def test_the_law_under_replace_is_a_random_draw_of_n_eff_words_of_the_corpus() -> None:
    corpus, law = profile(), law_of(profile(), Policy.parse("replace"), 4)
    share = law.share[4]
    expected = (1 - (1 - share) ** corpus.counts[corpus.counts > 0]).sum()
    assert law.types[4] == pytest.approx(expected)
    assert law.share[0] == 1
    assert law.types[0] == corpus.types
    assert law.documents[0] == corpus.documents
    assert (np.diff(law.documents) < 0).all()


def test_documents_are_how_many_hold_as_many_words_on_average() -> None:
    corpus, law = profile(), law_of(profile(), Policy.parse("replace"), 3)
    rng, many = np.random.default_rng(5), round(law.documents[3])
    drawn = [
        np.unique(
            np.concatenate(
                [
                    corpus.entries[corpus.bounds[d] : corpus.bounds[d + 1]]
                    for d in rng.choice(corpus.documents, many, replace=False)
                ]
            )
        ).size
        for _ in range(60)
    ]
    assert np.mean(drawn) == pytest.approx(law.types[3], rel=0.02)


def test_a_corpus_that_people_wrote_by_half_starts_at_half_and_fresh_text_counts_in_full() -> None:
    whole, half = (law_of(profile(), Policy.parse("fresh=0.3"), 50, human=human) for human in (1.0, 0.5))
    assert half.share[0] == pytest.approx(0.5)
    assert half.share[50] == pytest.approx(whole.share[50], abs=1e-3)
    with pytest.raises(DataError, match=r"the human share is 1\.5\. Give a number from 0 to 1\.$"):
        law_of(profile(), Policy.parse("replace"), 3, human=1.5)


def test_policies_without_a_closed_form_say_what_to_do() -> None:
    for policy in ("subsample", "temperature=0.8", "verify=0.9/0.1"):
        with pytest.raises(RecipeError, match=r"No closed form is known for policy .*--tier 1`\.$"):
            law_of(profile(), Policy.parse(policy), 3)


# --- tiers 1 and 2 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "smoothing"),
    [("replace", 0.0), ("replace", 0.05), ("fixed=0.2", 0.05), ("fresh=0.1", 0.05), ("subsample", 0.05)],
)
def test_two_generations_foretell_the_sixth(policy, smoothing) -> None:
    found = foretold(policy, smoothing=smoothing)
    runs = ran(policy, 12, smoothing=smoothing)
    for place, banded, tolerance in ((0, found.types, 0.03), (1, found.lost_mass, 0.05)):
        mean, error = runs[:, place].mean(axis=0), runs[:, place].std(axis=0, ddof=1) / np.sqrt(12)
        assert (np.abs(banded.estimate - mean) <= tolerance * mean + 2 * error).all()
        assert (banded.low <= banded.estimate).all()
        assert (banded.estimate <= banded.high).all()


def test_an_ideal_models_kernel_gives_the_law_again() -> None:
    found, law = foretold("replace", replicates=20), law_of(profile(), Policy.parse("replace"), COUNT)
    assert found.kernels is not None
    assert found.kernels.first.reproduction[1:6] == pytest.approx(np.ones(5), abs=0.05)
    assert found.kernels.first.means[0] == pytest.approx(0)
    assert found.types.estimate == pytest.approx(law.types, rel=0.015)
    assert found.lost_mass.estimate == pytest.approx(law.lost_mass, rel=0.03)


def test_bands_hold_about_nine_runs_in_ten() -> None:
    """5 forecasts, 40 runs each: the share within is sure to a few points, since a forecast's error is shared."""
    inside = []
    runs = ran("replace", 40, smoothing=0.05)
    for seed in range(5):
        found = foretold("replace", smoothing=0.05, replicates=8, seed=100 + seed)
        for place, banded in ((0, found.types), (1, found.lost_mass)):
            values = runs[:, place, [2, 4, 6]]
            low, high = (bound[[2, 4, 6]] for bound in (banded.low, banded.high))
            inside.append(((low <= values) & (values <= high)).mean())
    assert 0.8 <= np.mean(inside) <= 0.99


def test_bands_widen_by_a_tenth_of_what_is_forecast_beyond_the_measured_generations(monkeypatch) -> None:
    found = foretold("replace", smoothing=0.05)
    monkeypatch.setattr(forecasting, "BEYOND_ERROR", 0.0)
    known = foretold("replace", smoothing=0.05)
    for wide, narrow in ((found.types, known.types), (found.lost_mass, known.lost_mass)):
        assert wide.estimate.tolist() == narrow.estimate.tolist()
        assert wide.low[:3].tolist() == narrow.low[:3].tolist()
        added = ((wide.high - wide.estimate) ** 2 - (narrow.high - narrow.estimate) ** 2)[3:]
        beyond = (wide.estimate - wide.estimate[2])[3:]
        assert np.sqrt(added) == pytest.approx(forecasting.Z * 0.1 * np.abs(beyond), rel=1e-6)
    assert (np.diff(found.types.high - found.types.estimate) > 0).all()


def test_words_of_the_core_are_never_lost_and_all_others_may_be() -> None:
    world, policy = UnigramWorld(HUMAN), Policy.parse("fixed=0.2")
    corpus = profile()
    runs = [observed(world, policy, size=SIZE, vocabulary=VOCABULARY, seed=1, replicate=k) for k in range(3)]
    core = np.bincount(world.human(0, SIZE // 5, None).words, minlength=VOCABULARY)
    found = iterated(corpus, runs, policy, 30, core=core)
    assert (found.types.estimate > np.count_nonzero(core)).all()
    assert found.types.estimate[-1] < 1.3 * np.count_nonzero(core)
    everything = iterated(corpus, runs, policy, 5, core=np.ones_like(core))
    assert everything.lost_mass.estimate.tolist() == [0.0] * 6


def test_policies_that_keep_all_lose_nothing_and_need_no_run() -> None:
    for policy in ("accumulate", "augment=2", "accumulate,temperature=0.5"):
        assert never_loses(Policy.parse(policy))
        found = iterated(profile(), [], Policy.parse(policy), 3)
        assert found.kernels is None
        assert found.types.low.tolist() == [profile().types] * 4
        assert not found.lost_mass.high.any()


def test_what_changes_from_generation_to_generation_is_not_foretold_from_two() -> None:
    for policy in ("growth=2", "schedule=0.1:0.5", "detect=0.9", "subsample,fresh=0.1"):
        assert not is_iterable(Policy.parse(policy))
        with pytest.raises(
            RecipeError, match=r"Two generations tell nothing of later ones under .*\. Run it to the end\.$"
        ):
            iterated(profile(), [], Policy.parse(policy), 3)
    assert is_iterable(Policy.parse("schedule=0.9,temperature=0.7"))


def test_what_is_missing_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"0 run has no band\. Calibrate on at least 2 replicates\.$"):
        iterated(profile(), [], Policy.parse("replace"), 3)
    world, policy = UnigramWorld(HUMAN), Policy.parse("fixed=0.2")
    runs = [observed(world, policy, size=SIZE, vocabulary=VOCABULARY, seed=1, replicate=k) for k in range(2)]
    with pytest.raises(DataError, match=r"has a core, and none is given\. Pass the counts of its words\.$"):
        iterated(profile(), runs, policy, 3)
    with pytest.raises(DataError, match=r"0 generations after the first were seen\. A kernel needs 2\.$"):
        Watch(world, policy, VOCABULARY).observed()


def test_what_a_model_gave_is_told_from_the_core_and_from_fresh_text() -> None:
    world = UnigramWorld(HUMAN)
    for text, made in (
        ("replace", 1.0),
        ("fixed=0.2", 0.8),
        ("fresh=0.3", 0.7),
        ("fixed=0.1,fresh=0.2", 0.7),
    ):
        found = observed(world, Policy.parse(text), size=SIZE, vocabulary=VOCABULARY, seed=1, replicate=0)
        assert found.made.min() >= 0
        assert found.made.sum(axis=1).tolist() == [made * SIZE] * 2
        assert found.before.sum(axis=1).tolist() == [SIZE] * 2
    pooled = observed(world, Policy.parse("subsample"), size=SIZE, vocabulary=VOCABULARY, seed=1, replicate=0)
    assert pooled.before[0].tolist() == profile().holders.tolist()
    assert pooled.made.min() >= 0


def test_the_same_seed_gives_the_same_forecast_and_another_one_nearly() -> None:
    first, again, other = (foretold("fresh=0.1", replicates=4, count=3, seed=seed) for seed in (1, 1, 2))
    assert first.types.estimate.tolist() == again.types.estimate.tolist()
    assert first.lost_mass.high.tolist() == again.lost_mass.high.tolist()
    assert 0 < np.abs(first.types.estimate[1:] - other.types.estimate[1:]).max() < 0.05 * SIZE


def test_generation_0_is_the_corpus_itself_without_any_doubt() -> None:
    found = foretold("replace", replicates=3, count=1)
    assert found.types.low[0] == found.types.estimate[0] == found.types.high[0] == profile().types
    assert found.lost_mass.high[0] == 0


def test_a_corpus_is_shared_out_so_that_fresh_text_lasts() -> None:
    policies = [Policy.parse(text) for text in ("replace", "fresh=0.1", "schedule=0.5:0.8")]
    assert largest_size(1_000_000, policies[:1], 10, most=70_000) == 70_000
    size = largest_size(20_000, policies[:2], 10, most=70_000)
    assert size + 10 * round(0.1 * size) <= 20_000 < 1.01 * (size + 10 * round(0.1 * size))
    assert largest_size(20_000, policies, 10, most=70_000) < size
    assert largest_size(20_000, policies[:1], 10, most=70_000) == 20_000
    assert largest_size(20_000, [], 10, most=70_000) == 20_000
    assert [replicates_for(words) for words in (1_000, 60_000, 10**7)] == [20, 13, 6]


def test_the_last_draw_of_a_pool_is_a_binomial_one() -> None:
    from wellkeeper.lab.chain import _POOLED, _binomial

    assert _binomial(0.3) == pytest.approx(
        binom.pmf(np.arange(_POOLED + 1), np.arange(_POOLED + 1)[:, None], 0.3), abs=1e-12
    )


def test_arrivals_are_a_compound_poisson_number() -> None:
    from wellkeeper.lab.chain import _MOST_FRESH, _arrivals

    clumps = np.array([0.5, 0.3, 0.2])
    chances = _arrivals(0.9, clumps)
    rng = np.random.default_rng(7)
    drawn = np.array([rng.choice([1, 2, 3], k, p=clumps).sum() for k in rng.poisson(0.9, 40_000)])
    assert chances.sum() == pytest.approx(1)
    assert chances[:6] == pytest.approx(np.bincount(drawn, minlength=_MOST_FRESH)[:6] / 40_000, abs=0.01)


def test_without_the_words_that_come_back_the_forecast_of_a_smoothed_model_is_far_off(monkeypatch) -> None:
    """The same for check 11, on n-gram models, is in test_forecast_check.py."""
    runs = ran("replace", 8, smoothing=0.05)[:, :, -1].mean(axis=0)
    measure = forecasting.kernel

    def forgetful(before, after):
        found = measure(before, after)
        found.means[0] = 0.0
        return found

    monkeypatch.setattr(forecasting, "kernel", forgetful)
    found = foretold("replace", smoothing=0.05)
    assert found.types.estimate[-1] < 0.9 * runs[0]
    assert found.lost_mass.estimate[-1] > 1.1 * runs[1]


@pytest.mark.parametrize(("as_easily", "told_by"), [(True, "all words"), (False, "the corpus' own")])
def test_words_that_the_corpus_never_had_tell_of_its_own_only_where_they_come_back_as_easily(
    as_easily, told_by
) -> None:
    rng = np.random.default_rng(8)
    corpus, shape = profile(), (2, VOCABULARY)
    own = corpus.counts > 0
    back = np.where(own | as_easily, 0.3, 0.02)
    runs = [
        forecasting.Observed(before=np.tile(corpus.counts, (2, 1)), made=rng.poisson(back, shape))
        for _ in range(3)
    ]
    for run in runs:
        run.before[1] = 0
    found = forecasting._telling(runs, corpus)
    assert found.tolist() == (np.ones_like(own) if told_by == "all words" else own).tolist()
    kernels = iterated(corpus, runs, Policy.parse("replace"), 2).kernels
    assert kernels is not None
    assert kernels.second.means[0] == pytest.approx(0.3, abs=0.02)
