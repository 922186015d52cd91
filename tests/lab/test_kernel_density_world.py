"""The kernel density world against its closed form: the model whose variance grows."""

import numpy as np
import pytest

from wellkeeper.errors import RecipeError
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.worlds.kernel_density import EXPERIMENT, KernelDensityWorld


@pytest.mark.parametrize("bandwidth", [0.0, 0.2, 0.5])
@pytest.mark.parametrize(
    "line", ["replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.2", "augment=0.5"]
)
def test_mean_figures_are_those_of_theory(line: str, bandwidth: float) -> None:
    policy, size, last, runs = Policy.parse(line), 25, 5, 3_000
    said = EXPERIMENT.theory(policy, size, last, {"bandwidth": bandwidth})
    world = KernelDensityWorld(replicates=runs, bandwidth=bandwidth)
    for generation in generations(world, policy, size=size, count=last, seed=1):
        for name, expected in said.items():
            values = generation.figures[name]
            assert abs(values.mean() - expected[generation.number]) < 4.5 * values.std(ddof=1) / runs**0.5


def test_the_variance_grows_to_the_size_times_the_squared_bandwidth() -> None:
    """As published: n = 100, h = .2, 50 fits: 2.185 of at most 4."""
    *_, end = generations(KernelDensityWorld(replicates=1_500), Policy(), size=100, count=49, seed=0)
    variance = end.figures["variance"]
    assert variance.mean() == pytest.approx(2.185, abs=4 * variance.std() / 1_500**0.5)
    assert end.figures["log_variance"] == pytest.approx(np.log(variance))


def test_a_sample_is_a_resample_with_noise() -> None:
    world = KernelDensityWorld(replicates=2, bandwidth=0.0)
    model = np.array([[1.0, 2.0, 4.0], [8.0, 8.0, 9.0]])
    drawn = world.sample(model, 30_000, Decoding(), np.random.default_rng(0))
    assert [sorted(set(row.tolist())) for row in drawn] == [[1, 2, 4], [8, 9]]
    assert (drawn[1] == 9).mean() == pytest.approx(1 / 3, abs=5 * (2 / 9 / 30_000) ** 0.5)
    noise = KernelDensityWorld(replicates=1, bandwidth=0.3).sample(
        np.zeros((1, 1)), 20_000, Decoding(), np.random.default_rng(1)
    )
    assert noise.std() == pytest.approx(0.3, rel=5 / 40_000**0.5)


def test_theory_is_silent_where_there_is_none() -> None:
    assert EXPERIMENT.theory(Policy.parse("replace,detect=0.9"), 10, 3, {"bandwidth": 0.1}) == {}


def test_errors_say_what_was_found_and_what_to_do() -> None:
    with pytest.raises(RecipeError, match=r"bandwidth is -1\. Give a number from 0 to 1e\+06\."):
        KernelDensityWorld(replicates=1, bandwidth=-1)
    with pytest.raises(
        RecipeError, match=r"The world kernel-density cannot be sampled with top-p=0\.5\. Leave that out"
    ):
        KernelDensityWorld(replicates=1).sample(
            np.zeros((1, 2)), 1, Decoding(top_p=0.5), np.random.default_rng(0)
        )
