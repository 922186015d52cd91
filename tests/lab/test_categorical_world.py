"""Frequencies of types against the Wright-Fisher model's laws, decoding against its definition, Zipf's tail against sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import hypergeom

from wellkeeper.errors import RecipeError
from wellkeeper.lab import theory
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds._decoding import decoded
from wellkeeper.lab.worlds.categorical import (
    CATEGORICAL,
    EXPERIMENTS,
    SURVIVAL,
    ZIPF_TAIL,
    CategoricalWorld,
    missing_of_all,
    missing_of_cut,
    zipf,
)

EXACT = ("heterozygosity", "agreement", "squared_error")
tables = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=4)
distributions = st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(lambda row: sum(row) > 0.01)


@pytest.mark.parametrize(
    "line",
    [
        "replace",
        "accumulate",
        "subsample",
        "fixed=0.1",
        "fresh=0.1",
        "augment=0.5",
        "fixed=0.2,growth=1.2",
        "schedule=0.3:1",
    ],
)
def test_heterozygosity_and_squared_error_are_those_of_theory(line: str) -> None:
    policy, size, last, runs = Policy.parse(line), 40, 8, 2_000
    settings = {"types": 12, "exponent": 1.0}
    said = CATEGORICAL.theory(policy, size, last, settings)
    world = CATEGORICAL.world(runs, None, 0, **settings)
    for generation in generations(world, policy, size=size, count=last, seed=6):
        for name in EXACT:
            values = generation.figures[name]
            off = abs(values.mean() - said[name][generation.number])
            assert off < 4.5 * values.std(ddof=1) / runs**0.5, (name, generation.number)


def test_types_and_lost_mass_are_exactly_those_of_a_sample_of_people_where_all_is_kept() -> None:
    settings = {"types": 30, "exponent": 1.0}
    said = CATEGORICAL.theory(Policy.parse("accumulate"), 25, 3, settings)
    world = CATEGORICAL.world(4_000, None, 0, **settings)
    for generation in generations(world, Policy.parse("accumulate"), size=25, count=3, seed=0):
        for name in ("types", "lost_mass"):
            values = generation.figures[name]
            off = abs(values.mean() - said[name][generation.number])
            assert off < 4.5 * values.std(ddof=1) / 4_000**0.5


@given(tables, st.integers(0, 2**32))
def test_drawing_all_units_gives_all_counts(table: list[list[int]], seed: int) -> None:
    first = np.array(table)
    size = int(first.sum(axis=1).max())
    first[:, 0] += size - first.sum(axis=1)  # as many units in each replicate
    world = CategoricalWorld(replicates=len(table), probabilities=zipf(3, 0.0))
    data = (first, first[::-1].copy())
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(2 * size), (len(table), 1)), axis=1)
    assert np.array_equal(world.take(data, order)[0], first + first[::-1])
    assert np.array_equal(world.take(data, order % size)[0], 2 * first)  # the first draw, twice


def test_units_drawn_from_a_pool_are_hypergeometric() -> None:
    runs = 20_000
    counts = np.tile([3, 5, 12], (runs, 1))
    world = CategoricalWorld(replicates=runs, probabilities=zipf(3, 0.0))
    chosen = np.argsort(np.random.default_rng(0).random((runs, 20)), axis=1)[:, :6]
    (drawn,) = world.take((counts,), chosen)
    for kind, held in enumerate((3, 5, 12)):
        law = hypergeom(20, held, 6)
        found = np.bincount(drawn[:, kind], minlength=7) / runs
        assert found == pytest.approx(law.pmf(np.arange(7)), abs=5 * (0.25 / runs) ** 0.5)


@given(distributions, st.floats(0.05, 5))
def test_temperature_raises_probabilities_to_its_inverse(row: list[float], temperature: float) -> None:
    probabilities = np.array([row]) / sum(row)
    powers = probabilities ** (1 / temperature)
    if powers.sum() > 1e-200:
        found = decoded(probabilities, Decoding(temperature=temperature))
        assert found == pytest.approx(powers / powers.sum(), abs=1e-9)


@given(distributions, st.none() | st.integers(1, 9), st.none() | st.floats(0.01, 1))
def test_only_the_likeliest_are_sampled(row: list[float], top_k: int | None, top_p: float | None) -> None:
    probabilities = np.array([row]) / sum(row)
    found = decoded(probabilities, Decoding(top_k=top_k, top_p=top_p))[0]
    assert found.sum() == pytest.approx(1)
    kept, dropped = probabilities[0][found > 0], probabilities[0][found == 0]
    assert kept.size <= (top_k or 9)
    assert not dropped.size or kept.min() >= dropped.max()
    assert found[found > 0] == pytest.approx(kept / kept.sum())
    if top_k is None and top_p is not None:
        assert kept.sum() >= top_p - 1e-9
        assert kept.sum() - kept.min() < top_p + 1e-9


def test_at_temperature_zero_the_first_likeliest_alone_is_sampled() -> None:
    found = decoded(np.array([[0.2, 0.4, 0.4], [0.5, 0.3, 0.2]]), Decoding(temperature=0))
    assert found.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_cold_model_loses_its_entropy() -> None:
    world = CategoricalWorld(replicates=20, probabilities=zipf(50, 1.0))
    ends = {}
    for line in ("replace", "replace,temperature=0.8", "replace,top-k=5"):
        *_, end = generations(world, Policy.parse(line), size=2_000, count=5, seed=0)
        ends[line] = end.figures["entropy"].mean()
    assert ends["replace,temperature=0.8"] < 0.75 * ends["replace"]
    assert ends["replace,top-k=5"] < np.log2(5)


def test_figures_are_those_of_the_frequencies() -> None:
    world = CategoricalWorld(replicates=1, probabilities=np.array([0.5, 0.3, 0.2]))
    figures = world.figures((), np.array([[0.5, 0.5, 0.0]]))
    assert {name: float(values[0]) for name, values in figures.items()} == pytest.approx(
        {
            "types": 2,
            "lost_mass": 0.2,
            "heterozygosity": 0.5,
            "agreement": 0.5,
            "squared_error": 0.08,
            "entropy": 1,
        }
    )


@pytest.mark.parametrize("exponent", [1.5, 2.0])
def test_what_samples_have_not_seen_is_what_the_sum_says(exponent: float) -> None:
    sizes, runs = np.array([10, 100, 3_000, 30_000]), 60
    found = np.stack([missing_of_all(exponent, sizes, stream(0, exponent, run)) for run in range(runs)])
    off = np.abs(found.mean(axis=0) - theory.missing_mass(exponent, sizes.astype(np.float64)))
    assert np.all(off < 4.5 * found.std(axis=0, ddof=1) / runs**0.5)
    found = np.stack([missing_of_cut(exponent, 50, sizes, stream(1, exponent, run)) for run in range(runs)])
    off = np.abs(found.mean(axis=0) - theory.missing_mass(exponent, sizes.astype(np.float64), cut=50))
    assert np.all(
        off < 4.5 * found.std(axis=0, ddof=1) / runs**0.5 + 1e-5
    )  # all are seen in each run: no spread
    assert np.all(np.diff(found, axis=1) <= 1e-12)


def _curves(experiment, size: int, replicates: int, **settings: float) -> dict[str, tuple[NDArray, dict]]:
    curves = experiment.curves(
        size, replicates, 0, **{setting.name: setting.value for setting in experiment.settings} | settings
    )
    return {curve.label: (curve.figures[experiment.figures[0].name], dict(curve.theory)) for curve in curves}


def test_a_cut_tail_ends_at_a_floor_and_a_whole_one_goes_on_falling() -> None:
    curves = _curves(ZIPF_TAIL, 30_000, 5)
    whole, _ = curves["all types"]
    cut, _ = curves["types 1 to 10"]
    assert whole.shape == cut.shape == (5, 25)
    assert whole[:, -1].max() < 0.2 * whole[:, 0].min()
    assert cut[:, -1] == pytest.approx(theory.zeta(1.5, 10) / theory.zeta(1.5))
    assert np.allclose(cut[:, -1], cut[:, -8])


def test_types_live_as_long_as_the_law_says_and_longer_than_the_bound() -> None:
    for found, said in _curves(SURVIVAL, 500, 20, generations=20).values():
        assert found.mean(axis=0) == pytest.approx(said["survival"], abs=0.025)
        assert np.all(found.mean(axis=0) > said["least_survival"] - 0.01)


def test_each_experiment_says_what_it_gives() -> None:
    assert len({experiment.name for experiment in EXPERIMENTS}) == 3
    for experiment in EXPERIMENTS:
        assert (experiment.world is None) != (experiment.curves is None)
    assert (
        CATEGORICAL.theory(Policy.parse("replace,temperature=0.5"), 9, 2, {"types": 4, "exponent": 0.0}) == {}
    )


def test_errors_say_what_was_found_and_what_to_do() -> None:
    with pytest.raises(RecipeError, match=r"A world of 1 types has none to lose\. Give at least 2\."):
        zipf(1, 1.0)
    with pytest.raises(RecipeError, match=r"exponent is -1\. Give a number from 0 to 20\."):
        zipf(3, -1)
    with pytest.raises(RecipeError, match=r"exponent is 1\. Give a number above 1, up to 20\."):
        _curves(ZIPF_TAIL, 100, 1, exponent=1.0)
    with pytest.raises(
        RecipeError, match=r"A size of 9 and a cut at 10 show no tail\. Give 100 and 1 at least\."
    ):
        _curves(ZIPF_TAIL, 9, 1)
    with pytest.raises(
        RecipeError, match=r"The world categorical cannot be sampled with beams=2\. Leave that out"
    ):
        list(
            generations(
                CategoricalWorld(replicates=1), Policy.parse("replace,beams=2"), size=9, count=1, seed=0
            )
        )
