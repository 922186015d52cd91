"""Policy `surprise` in every world that can follow it: which units stay, how many, and where it is refused."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from ledger_world import MADE, Ledger
from scipy.stats import norm

from wellkeeper.errors import DataError, RecipeError
from wellkeeper.lab import n_eff, recursion, theory
from wellkeeper.lab.chain import is_iterable, never_loses
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text import Text
from wellkeeper.lab.worlds.categorical import CategoricalWorld, zipf
from wellkeeper.lab.worlds.gaussian import GaussianWorld, Normal, Sample
from wellkeeper.lab.worlds.kernel_density import KernelDensityWorld
from wellkeeper.lab.worlds.ngram import NgramWorld
from wellkeeper.lab.worlds.own import LikelyWorld, own_world
from wellkeeper.lab.worlds.temperature import theory as temperature_theory

QUARTILE = norm.ppf(0.75)
OUTER = 1 + 4 * QUARTILE * norm.pdf(
    QUARTILE
)  # variance of the half of a normal distribution that is further out
INNER = 2 - OUTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Ledger):
    """A ledger whose models are surprised by a unit's last figure, whoever made it."""

    def surprise(self, model, data):
        return (data % 10).astype(np.float64)


def run(line, *, world=None, size=100, count=3, seed=0):
    return list(generations(world or Told(), Policy.parse(line), size=size, count=count, seed=seed))


@pytest.fixture(scope="module")
def people():
    random = np.random.default_rng(4)
    words = [
        f"{first}{last}" for first in ("ba", "do", "ki", "me") for last in ("ran", "tus", "lo", "vi", "pa")
    ]
    chances = 1 / np.arange(1, len(words) + 1)
    return human_text(
        [" ".join(random.choice(words, 25, p=chances / chances.sum())) + "." for _ in range(80)]
    )


def test_of_all_that_came_before_as_many_as_the_first_set_had_stay_and_they_surprise_most():
    for generation in run("subsample,surprise=inf")[1:]:
        pool, data = generation.state.pool, generation.data
        assert pool.shape == (2, 100 * (generation.number + 1))
        assert data.shape == (2, 100)
        for held, drawn in zip(pool, data, strict=True):
            assert len(set(drawn.tolist())) == 100
            assert sorted(drawn % 10) == sorted(held % 10)[-100:]


def test_below_zero_those_that_surprise_least_stay():
    for generation in run("subsample,surprise=-inf")[1:]:
        for held, drawn in zip(generation.state.pool, generation.data, strict=True):
            assert sorted(drawn % 10) == sorted(held % 10)[:100]


def test_of_the_last_models_output_a_share_stays_and_sets_do_not_shrink_further():
    assert [generation.data.shape[1] for generation in run("replace,surprise=2")] == [100, 50, 50, 50]
    assert [generation.data.shape[1] for generation in run("replace,surprise=2/0.1")] == [100, 10, 10, 10]
    assert [generation.data.shape[1] for generation in run("accumulate,surprise=2/0.5")] == [
        100,
        100,
        150,
        200,
    ]
    for generation in run("fixed=0.2,surprise=inf/0.3")[1:]:
        assert ((generation.data % 10) >= 6).all()
        assert set(generation.data[0][generation.data[0] < MADE].tolist()) <= {6, 7, 8, 9, 16, 17, 18, 19}


def test_with_power_zero_the_draw_is_as_large_and_looks_at_nothing():
    """Shares of last figures of 60,000 drawn units are equal; 5 standard errors."""
    (_, generation) = run("replace,surprise=0", size=60_000, count=1)
    assert generation.data.shape == (2, 30_000)
    shares = Counter((generation.data % 10).ravel().tolist())
    assert np.array([shares[figure] for figure in range(10)]) / 60_000 == pytest.approx(
        0.1, abs=5 * (0.09 / 60_000) ** 0.5
    )


def test_a_larger_power_leaves_more_surprise():
    means = [
        float((run(f"subsample,surprise={power}", size=2_000, count=1)[1].data % 10).mean())
        for power in ("-inf", "-0.5", "0", "0.1", "0.5", "inf")
    ]
    assert means == sorted(means)
    assert means[0] < 2.1
    assert means[-1] > 6.9


def test_a_run_taken_up_from_what_was_stored_draws_the_same():
    world = CategoricalWorld(replicates=3, probabilities=zipf(20, 1.0))
    for line in ("subsample,surprise=inf", "accumulate,surprise=1/0.5", "fresh=0.1,surprise=-2"):
        whole = run(line, world=world, size=60)
        state = recursion.unpack(world, recursion.pack(world, whole[1].state))
        rest = list(generations(world, Policy.parse(line), size=60, count=3, seed=0, state=state))
        for ours, theirs in zip(rest, whole[2:], strict=True):
            assert np.array_equal(ours.data, theirs.data)


def test_draws_of_types_surprise_by_their_frequency_and_lost_ones_without_end():
    world = CategoricalWorld(replicates=2, probabilities=zipf(3, 0.0))
    model = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    data = (np.array([[1, 1, 0], [2, 0, 0]]), np.array([[0, 0, 1], [0, 1, 0]]))
    found = world.surprise(model, data)
    assert found[0] == pytest.approx(np.log([2, 4, 4]))
    assert found[1].tolist() == [0, 0, np.inf]
    assert found.shape == (2, world.units(data))


def test_the_surprising_types_are_the_rare_ones_and_what_is_frequent_is_lost_instead():
    """The most surprising half of the draws are those of rare types: the frequent ones go, as no random half does."""
    world = CategoricalWorld(replicates=50, probabilities=zipf(10, 1.0))
    rare, even = (
        run(f"replace,surprise={power}/0.5", world=world, size=400, count=1, seed=2)[1]
        for power in ("inf", "0")
    )
    assert (rare.model[:, 0] == 0).all()
    assert (even.model[:, 0] > 0.15).all()
    assert rare.model[:, 5:].sum(axis=1).mean() > 1.5 * even.model[:, 5:].sum(axis=1).mean()


@pytest.mark.parametrize(
    ("line", "factor"),
    [
        ("replace,surprise=inf", OUTER),
        ("replace,surprise=-inf", INNER),
        ("replace,surprise=0", 1.0),
        ("subsample,surprise=inf", OUTER),
        ("replace,surprise=inf,temperature=0.5", 0.5 * OUTER),
        ("replace,surprise=-inf,temperature=2", 2 * INNER),
    ],
)
def test_of_a_normal_sample_the_surprising_half_has_the_variance_of_a_normal_without_its_middle(line, factor):
    """A disease of either kind, exactly: variance explodes or is gone, whatever the model does. 1 % at 200,000."""
    first, second = run(line, world=GaussianWorld(replicates=3), size=200_000, count=1)
    assert second.model.variance / first.model.variance == pytest.approx(factor, rel=0.02)


def test_the_surprise_of_an_observation_is_its_negative_log_density_and_a_model_of_one_value_is_amazed():
    world = GaussianWorld(replicates=2)
    data = (Sample.of(np.array([[0.0, 1.0], [3.0, 3.0]])), Sample.of(np.array([[-2.0], [4.0]])))
    found = world.surprise(Normal(mean=np.array([1.0, 3.0]), variance=np.array([4.0, 0.0])), data)
    assert found[0] == pytest.approx(-norm.logpdf([0, 1, -2], 1, 2))
    assert found[1, 0] < -300
    assert found[1, 1] == found[1, 0]
    assert found[1, 2] > 1e300


@pytest.mark.parametrize("estimator", ["kneser-ney", "maximum-likelihood"])
def test_a_document_surprises_by_its_words_mean_surprise_and_one_without_words_by_none(people, estimator):
    world = NgramWorld(people, estimator=estimator)
    model = world.fit(world.human(0, 400, stream(0)), stream(0))
    data = Text(offsets=np.array([0, 5, 5, 12]), words=world.text.text.words[100:112])
    found = world.surprise(model, data)
    nats = -model.log_probabilities(data.offsets, data.words)
    assert found.shape == (1, 3)
    assert found[0, [0, 2]] == pytest.approx([nats[:5].mean(), nats[5:].mean()])
    assert np.isnan(found[0, 1])


def test_a_model_is_less_surprised_by_what_it_read_than_by_what_it_wrote_and_most_by_people_it_never_read(
    people,
):
    """Why `surprise` does not know people's text where the model has read it."""
    world = NgramWorld(people)
    read = world.human(0, 700, stream(0))
    model = world.fit(read, stream(0))
    unread = world.human(700, 700, stream(0))
    own = world.sample(model, 700, Decoding(), stream(1))
    means = [float(world.surprise(model, text).mean()) for text in (read, own, unread)]
    assert means == sorted(means)


def test_a_run_of_ngrams_keeps_the_documents_that_surprise_the_model_before(people):
    world = NgramWorld(people)
    first, second = run("subsample,surprise=inf", world=world, size=800, count=1)
    surprise = world.surprise(first.model, second.state.pool)[0]
    kept = world.surprise(first.model, second.data)[0]
    assert len(second.data) == len(first.data)
    assert sorted(kept) == pytest.approx(sorted(surprise)[-len(first.data) :])


class Lengthy:
    """Gives back what it read; each letter surprises it by one nat."""

    def fit(self, documents, seed):
        return tuple(documents)

    def sample(self, model, words, decoding, seed):
        return [model[k] for k in np.random.default_rng(seed).permutation(len(model))[:7]]

    def nll(self, model, documents):
        return [float(len(document)) for document in documents]


def test_your_own_model_is_asked_for_likelihoods_and_documents_of_long_words_stay(people):
    world = own_world(people, Lengthy())
    assert isinstance(world, LikelyWorld)
    found = world.surprise(None, ("abcdefgh", "ab ab ab", ""))
    assert found[0, :2] == pytest.approx([4.0, 2.0])  # an end of line is a word
    assert np.isnan(found[0, 2])
    last = run("subsample,surprise=inf", world=world, size=300, count=1)[1]
    kept, pool = (world.surprise(None, data)[0] for data in (last.data, last.state.pool))
    assert kept.min() >= np.sort(pool)[-len(last.data)] - 1e-12


def test_an_answer_of_your_own_model_that_is_no_number_for_each_is_refused(people):
    class Short(Lengthy):
        def nll(self, model, documents):
            return [1.0]

    with pytest.raises(DataError, match=r"was given 2 documents and returned values of shape \(1,\)"):
        own_world(people, Short()).surprise(None, ("a", "b"))


def test_where_models_tell_no_surprise_the_policy_is_refused_before_anything_runs(people):
    class Mute:
        fit, sample = Lengthy.fit, Lengthy.sample

    worlds = ((KernelDensityWorld(replicates=1), "kernel-density"), (own_world(people, Mute()), "own"))
    for world, name in worlds:
        with pytest.raises(
            RecipeError,
            match=rf"Models of the world {name} do not tell how much a unit of data surprises them\. Leave out",
        ):
            run("replace,surprise=1", world=world, size=20, count=1)


def test_no_law_is_claimed_for_what_a_model_selects():
    for line in ("replace,surprise=1", "accumulate,surprise=inf", "subsample,surprise=inf"):
        policy = Policy.parse(line)
        assert policy.weighs
        assert not is_iterable(policy)
        assert not never_loses(policy)
        assert not theory.has_moments(policy)
        assert temperature_theory(policy, 10, 2, {"types": 5, "exponent": 1.0}) == {}
        with pytest.raises(RecipeError, match=r"No closed form is known for policy"):
            n_eff.coefficients(policy, 2)


def test_what_would_weigh_more_units_than_memory_holds_is_refused_before_a_model_is_fitted():
    world = CategoricalWorld(replicates=20, probabilities=zipf(5, 1.0))
    with pytest.raises(RecipeError, match=r"subsample, detect and surprise draw unit by unit, here from"):
        run("replace,surprise=1", world=world, size=10_000_000, count=1)


@pytest.mark.torch
def test_a_small_transformer_tells_the_surprise_of_documents_as_it_tells_the_held_out_one(people):
    pytest.importorskip("torch")
    from wellkeeper.lab.worlds.transformer import Size, TransformerWorld

    tiny = Size(vocabulary=300, layers=1, width=16, heads=1, context=16, steps=5, batch=4)
    world = TransformerWorld(people, size=tiny)
    model = world.fit(world.human(0, 400, stream(0)), stream(0))
    found = world.surprise(model, tuple(people.held_out_documents))[0]
    words = people.held_out.sizes
    assert float(found @ words) == pytest.approx(float(world.held_out_nats(model).sum()))
    last = run("subsample,surprise=inf", world=world, size=300, count=1)[1]
    assert len(last.data) == world.units(last.data)
