"""The normal world against its closed forms, and a sample by what suffices against one by its observations."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import RecipeError
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.worlds.gaussian import EXPERIMENT, GaussianWorld, Normal, Sample

FOLLOWED = (
    "replace",
    "accumulate",
    "subsample",
    "fixed=0.1",
    "fresh=0.1",
    "augment=0.5",
    "schedule=0.2:0.5:1",
    "replace,growth=1.1",
    "fixed=0.2,fresh=0.1,growth=1.05",
    "accumulate,fresh=0.2",
    "subsample,fresh=0.2,growth=1.1",
    "replace,temperature=0.9",
)


@pytest.mark.parametrize("estimator", ["maximum-likelihood", "unbiased"])
@pytest.mark.parametrize("line", FOLLOWED)
def test_mean_figures_are_those_of_theory_under_every_linear_policy(line: str, estimator: str) -> None:
    """Four figures at nine generations: none more than 4.5 standard errors off (chance 1 in 4,000 a test)."""
    policy, size, last, runs = Policy.parse(line), 20, 8, 4_000
    said = EXPERIMENT.theory(policy, size, last, {"estimator": estimator})
    assert {"variance", "squared_error"} <= set(said)
    for generation in generations(
        GaussianWorld(replicates=runs, estimator=estimator), policy, size=size, count=last, seed=5
    ):
        for name, expected in said.items():
            values = generation.figures[name]
            error = values.std(ddof=1) / runs**0.5
            assert abs(values.mean() - expected[generation.number]) < 4.5 * error, (name, generation.number)


def test_the_unbiased_mean_stands_still_while_the_median_collapses() -> None:
    run = generations(
        GaussianWorld(replicates=20_000, estimator="unbiased"), Policy(), size=50, count=99, seed=0
    )
    *_, end = run
    assert np.median(np.sqrt(end.figures["variance"])) == pytest.approx(0.356, abs=0.01)  # as published
    *_, early = generations(
        GaussianWorld(replicates=20_000, estimator="unbiased"), Policy(), size=50, count=9, seed=0
    )
    assert early.figures["variance"].mean() == pytest.approx(1, abs=0.02)


def test_twenty_thousand_runs_of_a_hundred_generations_take_less_than_a_second_and_a_half() -> None:
    began = time.process_time()
    for generation in generations(GaussianWorld(replicates=20_000), Policy(), size=50, count=99, seed=0):
        assert generation.figures["variance"].size == 20_000
    assert time.process_time() - began < 1.5


def _sample(size: int, seed: int, replicates: int = 3) -> Sample:
    (sample,) = GaussianWorld(replicates=replicates).human(0, size, np.random.default_rng(seed))
    return sample


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_single_observations_have_the_mean_and_squares_they_were_drawn_with(size: int, seed: int) -> None:
    sample = _sample(size, seed)
    observations = sample.observations()
    assert np.array_equal(observations, sample.observations())
    assert observations.mean(axis=1) == pytest.approx(sample.mean)
    assert observations.var(axis=1) * size == pytest.approx(sample.squares)


def test_single_observations_are_normal() -> None:
    """Of 3 observations each, 40,000 times: moments of one, and of the product of two, by 5 standard errors."""
    runs = 40_000
    observations = _sample(3, 1, runs).observations()
    one, other = observations[:, 0], observations[:, 2]
    for values, mean, variance in ((one, 0, 1), (one**2, 1, 2), (one**4, 3, 96), (one * other, 0, 1)):
        assert values.mean() == pytest.approx(mean, abs=5 * (variance / runs) ** 0.5)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 2**32))
def test_what_suffices_of_all_is_what_suffices_of_the_parts(sizes: list[int], seed: int) -> None:
    world = GaussianWorld(replicates=3)
    data = world.join([(_sample(size, seed + place),) for place, size in enumerate(sizes)])
    every = np.tile(np.arange(world.units(data)), (3, 1))
    (drawn,) = world.take(data, every)
    observations = np.concatenate([sample.observations() for sample in data], axis=1)
    assert np.array_equal(drawn.observations(), observations)
    if sum(sizes) > 1:
        ours, direct = (world.fit(found, np.random.default_rng(0)) for found in (data, (drawn,)))
        for found in (ours, direct):
            assert found.mean == pytest.approx(observations.mean(axis=1))
            assert found.variance == pytest.approx(observations.var(axis=1))


def test_the_unbiased_estimator_divides_by_one_less() -> None:
    data = (_sample(10, 0),)
    random = np.random.default_rng(0)
    likeliest, unbiased = (
        GaussianWorld(replicates=3, estimator=estimator).fit(data, random).variance
        for estimator in ("maximum-likelihood", "unbiased")
    )
    assert unbiased == pytest.approx(likeliest * 10 / 9)


def test_temperature_scales_the_variance_of_what_is_sampled() -> None:
    world = GaussianWorld(replicates=20_000)
    model = Normal(mean=np.zeros(20_000), variance=np.full(20_000, 4.0))
    (cold,) = world.sample(model, 5, Decoding(temperature=0.25), np.random.default_rng(0))
    assert cold.squares.mean() / 4 == pytest.approx(1.0, abs=5 * (2 / 4 / 20_000) ** 0.5)
    (frozen,) = world.sample(model, 5, Decoding(temperature=0), np.random.default_rng(0))
    assert not frozen.mean.any()
    assert not frozen.squares.any()


def test_what_is_stored_comes_back() -> None:
    world = GaussianWorld(replicates=3)
    data = world.join([(_sample(4, 0),), world.take((_sample(5, 1),), np.tile([0, 3], (3, 1)))])
    again = world.unpack(world.pack(data))
    assert [sample.key for sample in again] == [sample.key for sample in data]
    assert [sample.observations().tolist() for sample in again] == [
        sample.observations().tolist() for sample in data
    ]


def test_theory_is_silent_where_there_is_none() -> None:
    settings = {"estimator": "unbiased"}
    assert EXPERIMENT.theory(Policy.parse("replace,detect=0.9"), 10, 3, settings) == {}
    assert "log_variance" not in EXPERIMENT.theory(Policy.parse("fresh=0.1"), 10, 3, settings)
    assert set(EXPERIMENT.theory(Policy(), 10, 3, settings)) == {figure.name for figure in EXPERIMENT.figures}


def test_the_wasserstein_distance_is_that_of_normal_distributions() -> None:
    model = Normal(mean=np.array([0.5]), variance=np.array([0.25]))
    figures = GaussianWorld(replicates=1).figures((), model)
    assert figures["wasserstein"][0] == pytest.approx(0.5**2 + 0.5**2)
    assert figures["log_variance"][0] == pytest.approx(np.log(0.25))


def test_errors_say_what_was_found_and_what_to_do() -> None:
    with pytest.raises(RecipeError, match=r"no estimator 'robust'\. Give maximum-likelihood or unbiased\."):
        GaussianWorld(replicates=1, estimator="robust")
    with pytest.raises(
        RecipeError, match=r"The world gaussian cannot be sampled with top-k=3\. Leave that out of the po"
    ):
        list(
            generations(GaussianWorld(replicates=1), Policy.parse("replace,top-k=3"), size=4, count=1, seed=0)
        )
    with pytest.raises(
        RecipeError, match=r"A variance needs 2 observations, .* has 1\. Give a larger size\."
    ):
        list(generations(GaussianWorld(replicates=1), Policy(), size=1, count=1, seed=0))
