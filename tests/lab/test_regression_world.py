"""Regression on its own labels: fits against an oracle, closed forms against simulation, rules broken on purpose."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad

from wellkeeper.errors import RecipeError
from wellkeeper.lab.checks.toys import regression_rows
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.recursion import generations, pack, unpack
from wellkeeper.lab.running import settings_of
from wellkeeper.lab.worlds.regression import (
    EXPERIMENT,
    Observations,
    RegressionWorld,
    added,
    carried,
    fitted,
    shrinkage,
    theory,
    world,
)

seeds = st.integers(0, 2**32 - 1)
SIZE = 60


def drawn(seed: int, *, size: int, dimensions: int, replicates: int = 2) -> Observations:
    random = np.random.default_rng(seed)
    return Observations(
        inputs=random.standard_normal((replicates, size, dimensions)),
        labels=random.standard_normal((replicates, size)),
    )


def run(
    policy: str, *, replicates: int, count: int, size: int = SIZE, seed: int = 0, **settings: Any
) -> Mapping[str, NDArray[np.float64]]:
    """Figures of all generations, each of shape (replicates, count + 1)."""
    regression = RegressionWorld(replicates=replicates, seed=seed, **settings)
    found = [
        generation.figures
        for generation in generations(regression, Policy.parse(policy), size=size, count=count, seed=seed)
    ]
    return {name: np.stack([figures[name] for figures in found], axis=1) for name in found[0]}


@given(seeds, st.integers(1, 8), st.integers(0, 30), st.floats(0, 5))
def test_a_fit_is_that_of_lstsq_on_rows_that_stand_for_the_penalty(
    seed: int, dimensions: int, more: int, ridge: float
) -> None:
    data = drawn(seed, size=dimensions + 4 + more, dimensions=dimensions)
    found = fitted(data, ridge)
    for inputs, labels, coefficients in zip(data.inputs, data.labels, found, strict=True):
        rows = np.vstack((inputs, math.sqrt(labels.size * ridge) * np.eye(dimensions)))
        wanted = np.linalg.lstsq(rows, np.append(labels, np.zeros(dimensions)))[0]
        np.testing.assert_allclose(coefficients, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        ("replace", {}),
        ("replace", {"inputs": "same"}),
        ("replace,growth=1.2", {"noise": 0.5}),
        ("replace,growth=1.2", {"inputs": "same"}),
        ("accumulate", {}),
        ("accumulate", {"inputs": "same"}),
        ("accumulate,temperature=2", {"inputs": "same"}),
        ("accumulate,growth=1.2,temperature=2", {}),
        ("fresh=0.1", {"signal": 4.0}),
        ("fresh=0.5,growth=0.9,temperature=0.5", {}),
        ("schedule=0.2:0.5:0.9", {}),
        ("replace", {"ridge": 0.3}),
        ("temperature=2", {"ridge": 1.0, "signal": 5.0}),
    ],
)
def test_simulated_errors_are_those_of_the_closed_form(policy: str, settings: dict[str, Any]) -> None:
    count, replicates = 6, 500
    found = run(policy, replicates=replicates, count=count, seed=3, **settings)
    expected = theory(Policy.parse(policy), SIZE, count, settings_of(EXPERIMENT, settings))
    assert set(expected) == {"error", "length"}
    for name, values in expected.items():
        errors = found[name].std(axis=0, ddof=1) / math.sqrt(replicates)
        # The Marchenko-Pastur law is that of infinite dimensions: 2 % room at 20.
        room = 4 * errors + (0.02 * values if settings.get("ridge") else 0)
        assert (np.abs(found[name].mean(axis=0) - values) < room).all(), name


def test_errors_grow_in_the_order_accumulate_subsample_replace() -> None:
    policies = ("accumulate", "subsample", "replace")
    accumulated, sampled, replaced = (
        run(policy, replicates=200, count=8)["error"][:, -1].mean() for policy in policies
    )
    assert 1.2 * accumulated < sampled < replaced / 1.2


def test_errors_of_accumulation_are_bounded_and_those_of_replacement_are_not() -> None:
    same = settings_of(EXPERIMENT, {"inputs": "same"})
    bounded = theory(Policy.parse("accumulate"), SIZE, 10_000, same)["error"]
    assert (bounded < math.pi**2 / 6 * bounded[0]).all()
    assert bounded[-1] == pytest.approx(math.pi**2 / 6 * bounded[0], rel=1e-3)
    free = theory(Policy.parse("replace"), SIZE, 10_000, same)["error"]
    assert free[-1] == pytest.approx(10_001 * free[0])


@given(st.integers(2, 12), st.integers(3, 60), st.floats(0, 1))
def test_a_teachers_error_is_carried_by_between_its_share_squared_and_its_share(
    dimensions: int, more: int, share: float
) -> None:
    size = dimensions + 1 + more
    synthetic = round(share * size)
    found = carried(size, dimensions, synthetic=synthetic)
    assert found >= (synthetic / size) ** 2 - 1e-12
    if more > dimensions + 1:  # more than about two labels a coefficient; below, others' inputs amplify it
        assert found <= synthetic / size + 1e-12


def test_what_is_carried_and_added_are_means_over_inputs() -> None:
    random = np.random.default_rng(5)
    size, dimensions, synthetic, replicates = 18, 4, 7, 20_000
    inputs = random.standard_normal((replicates, size, dimensions))
    part = inputs[:, :synthetic]
    inverse = np.linalg.inv(inputs.swapaxes(1, 2) @ inputs)
    wrong = part.swapaxes(1, 2) @ part
    taken = np.square(inverse @ wrong[:, :, :1]).sum(axis=(1, 2))
    noise = np.trace(inverse @ wrong @ inverse, axis1=1, axis2=2)
    for measured, expected in (
        (taken, carried(size, dimensions, synthetic=synthetic)),
        (noise, added(size, dimensions, new=synthetic)),
    ):
        assert abs(measured.mean() - expected) < 4 * measured.std() / math.sqrt(replicates)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_what_is_carried_tends_to_the_published_formula(share: float) -> None:
    size, ratio = 1_000_000, 0.25
    published = share**2 + share * (1 - share) * ratio / (1 - ratio)
    assert carried(size, int(ratio * size), synthetic=int(share * size)) == pytest.approx(published, rel=1e-4)


@given(st.floats(0.01, 20), st.floats(0.05, 4))
def test_a_ridge_fit_shrinks_as_the_law_of_marchenko_and_pastur_says(ridge: float, ratio: float) -> None:
    assume(
        abs(ratio - 1) > 0.05
    )  # the density has a pole at 0 there, which the oracle does not integrate well
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2

    def mean(power: int, top: int) -> float:
        """Of s^top / (s + ridge)^power over eigenvalues s that are not 0."""

        def at(angle: float) -> float:
            s = (low + high) / 2 + (high - low) / 2 * math.cos(angle)
            density = math.sqrt(max((high - s) * (s - low), 0)) / (2 * math.pi * ratio * s)
            return s**top / (s + ridge) ** power * density * (high - low) / 2 * math.sin(angle)

        return quad(at, 0, math.pi, epsabs=1e-12, limit=200)[0]

    found = shrinkage(ridge, ratio)
    assert found.mean == pytest.approx(mean(1, 1), rel=1e-6)
    assert found.square == pytest.approx(mean(2, 2), rel=1e-6)
    assert found.noise == pytest.approx(ratio * mean(2, 1), rel=1e-6)


@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        ("subsample", {}),
        ("fixed=0.1", {}),
        ("augment=1", {}),
        ("detect=0.9", {}),
        ("fresh=0.1", {"inputs": "same"}),
        ("accumulate,fresh=0.1", {}),
        ("accumulate,growth=1.1", {"inputs": "same"}),
        ("accumulate", {"ridge": 0.1}),
        ("replace", {"dimensions": 59}),  # with 60 observations the expected error has no bound
        ("replace,growth=0.5", {}),  # soon too few
    ],
)
def test_where_no_closed_form_is_known_none_is_told(policy: str, settings: dict[str, Any]) -> None:
    assert not theory(Policy.parse(policy), SIZE, 5, settings_of(EXPERIMENT, settings))


def test_the_same_inputs_are_labelled_anew_and_fresh_ones_are_new() -> None:
    for inputs, alike in (("same", True), ("fresh", False)):
        regression = RegressionWorld(replicates=2, inputs=inputs, dimensions=3)
        first = regression.human(0, 10, np.random.default_rng(1))
        random = np.random.default_rng(2)
        second = regression.sample(np.ones((2, 3)), 7, Decoding(), random)
        assert np.array_equal(first.inputs[:, :7], second.inputs) is alike
        later = regression.human(4, 6, np.random.default_rng(3))
        assert np.array_equal(first.inputs[:, 4:], later.inputs) is alike
        assert not np.array_equal(first.labels[:, :7], second.labels)


def test_labels_at_temperature_0_are_the_models_own_and_lose_nothing() -> None:
    found = run("temperature=0", replicates=5, count=6)["error"]
    np.testing.assert_allclose(found, found[:, :1].repeat(7, axis=1), rtol=1e-8)


@pytest.mark.parametrize(
    "policy", ["replace", "accumulate", "subsample", "fixed=0.2", "detect=0.9", "augment=0.5"]
)
@pytest.mark.parametrize("inputs", ["fresh", "same"])
def test_a_run_that_goes_on_from_stored_arrays_gives_the_same_bytes(policy: str, inputs: Any) -> None:
    regression = RegressionWorld(replicates=3, dimensions=4, inputs=inputs)
    plan = Policy.parse(policy)
    whole = list(generations(regression, plan, size=30, count=4, seed=1))
    stored = {name: np.array(array) for name, array in pack(regression, whole[2].state).items()}
    rest = generations(regression, plan, size=30, count=4, seed=1, state=unpack(regression, stored))
    for ours, theirs in zip(rest, whole[3:], strict=True):
        for name, values in ours.figures.items():
            assert values.tobytes() == theirs.figures[name].tobytes()


@given(seeds, st.data())
def test_units_are_taken_in_order_and_with_repeats_and_labels_stay_with_their_inputs(
    seed: int, data: st.DataObject
) -> None:
    regression = RegressionWorld(replicates=2, dimensions=3)
    held = regression.human(0, 6, np.random.default_rng(seed))
    chosen = np.array([data.draw(st.lists(st.integers(0, 5), min_size=4, max_size=4)) for _ in range(2)])
    taken = regression.take(held, chosen)
    assert regression.units(taken) == 4
    for row in range(2):
        np.testing.assert_array_equal(taken.inputs[row], held.inputs[row, chosen[row]])
        np.testing.assert_array_equal(taken.labels[row], held.labels[row, chosen[row]])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"inputs": "old"}, r"inputs is 'old'\. Give fresh or same\."),
        ({"dimensions": 0}, r"dimensions is 0\. Give at least 1\."),
        ({"noise": -1.0}, r"noise is -1\. Give a number from 0 to 1e\+06\."),
        ({"ridge": math.nan}, r"ridge is nan\. Give a number from 0 to 1e\+06\."),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        world(2, None, 0, **settings)


def test_what_a_regression_cannot_do_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"10 observations do not determine 20 coefficients\. Give a larger size"
    ):
        run("replace", replicates=1, count=1, size=10)
    with pytest.raises(RecipeError, match=r"\d+ observations do not determine 20 coefficients"):
        run(
            "fresh=0.1,detect=1/100/1/5", replicates=3, count=1
        )  # 6 of people, 5 times each, and others now and then
    with pytest.raises(RecipeError, match="top-k=3"):
        run("top-k=3", replicates=1, count=1)
    assert np.isfinite(run("replace", replicates=1, count=1, size=10, ridge=0.1)["error"]).all()


def small_rows() -> dict[str, bool]:
    return {row.name: row.holds for row in regression_rows(replicates=300)}


def test_the_check_holds_at_a_small_size() -> None:
    assert all(small_rows().values())


def test_the_check_says_no_to_models_that_are_all_sampled_from_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sampled(self: RegressionWorld, model: Any, size: int, decoding: Any, random: Any) -> Observations:
        return self.human(0, size, random)

    monkeypatch.setattr(RegressionWorld, "sample", sampled)
    assert not any(holds for name, holds in small_rows().items() if "pi^2" not in name)


def test_the_check_says_no_to_the_same_inputs_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def anew(
        self: RegressionWorld, first: int, size: int, random: np.random.Generator
    ) -> NDArray[np.float64]:
        return random.standard_normal((self.replicates, size, self.dimensions))

    monkeypatch.setattr(RegressionWorld, "_inputs", anew)
    assert not small_rows()["accumulate, same inputs, 20 sets"]


def test_the_check_says_no_to_accumulation_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def last(self: RegressionWorld, parts: list[Observations]) -> Observations:
        return parts[-1]

    monkeypatch.setattr(RegressionWorld, "join", last)
    found = small_rows()
    assert found["replace, error a generation"]
    assert not any(holds for name, holds in found.items() if name != "replace, error a generation")
