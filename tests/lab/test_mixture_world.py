"""Expectation maximisation against scikit-learn, and the law of the whole mixture against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from wellkeeper.errors import RecipeError
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.worlds.mixture import EXPERIMENT, Mixture, MixtureWorld, fitted


@pytest.mark.parametrize("components", [1, 2, 3])
def test_expectation_maximisation_finds_what_scikit_learn_finds_from_the_same_start(components: int) -> None:
    random = np.random.default_rng(components)
    data = np.concatenate([random.normal(k, 0.5 + 0.2 * k, (4, 60)) for k in range(3)], axis=1)
    means = np.tile(np.linspace(-1, 2.5, components), (4, 1))
    ours = fitted(data, means, np.full_like(means, 0.5), tolerance=1e-9)
    for row in range(4):
        theirs = GaussianMixture(
            components,
            tol=1e-9,
            reg_covar=0,
            max_iter=5_000,
            weights_init=np.full(components, 1 / components),
            means_init=means[row][:, None],
            precisions_init=np.full((components, 1, 1), 2.0),
        ).fit(data[row][:, None])
        assert ours.weights[row] == pytest.approx(theirs.weights_, abs=1e-3)
        assert ours.means[row] == pytest.approx(theirs.means_[:, 0], abs=1e-3)
        assert ours.variances[row] == pytest.approx(theirs.covariances_[:, 0, 0], abs=1e-3)
        whole = Mixture(
            weights=ours.weights[row : row + 1],
            means=ours.means[row : row + 1],
            variances=ours.variances[row : row + 1],
        )
        assert whole.log_density(data[row]).mean() == pytest.approx(
            theirs.score(data[row][:, None]), abs=1e-6
        )


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([1e-1, 1e-3, 1e-6]), st.floats(-1e4, 1e4))
def test_the_mean_and_the_variance_of_the_data_are_kept_whenever_it_stops(
    seed: int, components: int, tolerance: float, far: float
) -> None:
    random = np.random.default_rng(seed)
    data = far + random.normal(random.integers(-2, 3, (2, 50)), 0.6)
    model = MixtureWorld(replicates=2, components=components, tolerance=tolerance).fit(data, random)
    assert model.weights.sum(axis=1) == pytest.approx(1)
    assert model.mean == pytest.approx(data.mean(axis=1), rel=1e-9, abs=1e-9)
    assert model.variance == pytest.approx(data.var(axis=1), rel=1e-6)


def test_more_steps_never_make_the_data_less_likely() -> None:
    random = np.random.default_rng(0)
    data = random.normal(random.integers(0, 2, (5, 80)) * 2.0, 0.8)
    before = np.full(5, -np.inf)
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6):
        model = MixtureWorld(replicates=5, tolerance=tolerance).fit(data, random)
        likelihood = np.array(
            [
                Mixture(
                    weights=model.weights[k : k + 1],
                    means=model.means[k : k + 1],
                    variances=model.variances[k : k + 1],
                )
                .log_density(data[k])
                .mean()
                for k in range(5)
            ]
        )
        assert np.all(likelihood >= before - 1e-12)
        before = likelihood


def test_a_component_on_a_single_value_keeps_a_variance() -> None:
    data = np.array([[0.0] * 10 + [5.0, 6.0, 7.0, 8.0]])
    model = MixtureWorld(replicates=1).fit(data, np.random.default_rng(0))
    assert model.variances.min() == pytest.approx(1e-6)
    assert np.isfinite(model.log_density(np.array([0.0, 100.0]))).all()


@pytest.mark.parametrize("line", ["replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.2"])
def test_the_whole_follows_the_law_of_one_normal_distribution(line: str) -> None:
    policy, size, last, runs = Policy.parse(line), 60, 5, 400
    said = EXPERIMENT.theory(policy, size, last, {})
    for generation in generations(MixtureWorld(replicates=runs), policy, size=size, count=last, seed=2):
        for name, expected in said.items():
            values = generation.figures[name]
            assert abs(values.mean() - expected[generation.number]) < 4.5 * values.std(ddof=1) / runs**0.5


def test_thirty_generations_narrow_the_groups_and_starve_one_of_them() -> None:
    """As published: means 4 apart, deviation .7, n = 200: deviation .70 -> .54, least weight .469 -> .346."""
    run = list(generations(MixtureWorld(replicates=300), Policy(), size=200, count=29, seed=0))
    variance = 4.49 * run[-1].figures["variance"]
    assert variance.mean() == pytest.approx(3.863, abs=4 * variance.std() / 300**0.5)
    assert run[0].figures["deviation"].mean() == pytest.approx(0.70, abs=0.02)
    assert run[-1].figures["deviation"].mean() == pytest.approx(0.54, abs=0.05)
    assert run[0].figures["least_weight"].mean() == pytest.approx(0.469, abs=0.015)
    assert run[-1].figures["least_weight"].mean() == pytest.approx(0.346, abs=0.03)
    surprise = [generation.figures["surprise"].mean() for generation in run]
    assert surprise[0] < surprise[10] < surprise[-1]


def test_surprise_is_the_cross_entropy_with_people() -> None:
    """By a million draws from people; 5 standard errors."""
    world = MixtureWorld(replicates=1)
    model = Mixture(
        weights=np.array([[0.3, 0.7]]), means=np.array([[-1.5, 2.5]]), variances=np.array([[0.3, 0.9]])
    )
    drawn = -model.log_density(world.human(0, 1_000_000, np.random.default_rng(0))[0])
    found = world.figures(np.zeros((1, 1)), model)["surprise"]
    assert found[0] == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 1_000)


def test_samples_are_drawn_from_the_components_by_their_weights() -> None:
    world = MixtureWorld(replicates=2)
    model = Mixture(
        weights=np.array([[1.0, 0.0], [0.25, 0.75]]),
        means=np.array([[-9.0, 9.0], [-9.0, 9.0]]),
        variances=np.full((2, 2), 0.04),
    )
    drawn = world.sample(model, 40_000, Decoding(), np.random.default_rng(0))
    assert (drawn > 0).mean(axis=1) == pytest.approx([0, 0.75], abs=5 * (0.1875 / 40_000) ** 0.5)
    assert drawn[0].std() == pytest.approx(0.2, rel=0.03)


def test_errors_say_what_was_found_and_what_to_do() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(RecipeError, match=r"A mixture of 0 components is none\. Give at least 1\."):
        MixtureWorld(replicates=1, components=0)
    with pytest.raises(RecipeError, match=r"deviation is 0\. Give a number from 0\.001 to 1e\+06\."):
        MixtureWorld(replicates=1, deviation=0)
    with pytest.raises(
        RecipeError, match=r"2 components cannot be fitted to 3 observations\. Give a size of 4 or more\."
    ):
        MixtureWorld(replicates=1).fit(np.zeros((1, 3)), random)
    with pytest.raises(
        RecipeError, match=r"The world mixture cannot be sampled with temperature=0\.5\. Leave that out"
    ):
        MixtureWorld(replicates=1).sample(
            MixtureWorld(replicates=1).population, 3, Decoding(temperature=0.5), random
        )
