"""The checks hold for the rules as they are, and say no to each rule that is broken on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wellkeeper.lab.checking import Row
from wellkeeper.lab.checks import classics
from wellkeeper.lab.recursion import _Run
from wellkeeper.lab.worlds.categorical import CategoricalWorld
from wellkeeper.lab.worlds.gaussian import GaussianWorld, Normal, Sample

CHECKS: dict[str, Callable[..., Sequence[Row]]] = {
    "stationary": lambda: classics.stationary(None, replicates=3),
    "gaussian": lambda: classics.gaussian(None, replicates=5_000),
    "tails": lambda: classics.tails(None, replicates=3),
    "wright-fisher": lambda: classics.wright_fisher(None, replicates=500),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_holds(name: str) -> None:
    rows = CHECKS[name]()
    assert all(row.holds for row in rows), [row.to_json() for row in rows if not row.holds]


def test_checks_are_numbered_as_the_literature_they_come_from() -> None:
    assert [check.number for check in classics.CHECKS] == [2, 4, 9, 13]
    assert all(check.source and not check.needs and not check.slow for check in classics.CHECKS)


def _refused(name: str) -> set[str]:
    return {row.name.partition(":")[0].partition(",")[0] for row in CHECKS[name]() if not row.holds}


def _patch(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, broken: Callable[..., Any]) -> None:
    """Replace a method by `broken(method, *arguments)`."""
    method = getattr(owner, name)

    def patched(*arguments: Any, **named: Any) -> Any:
        return broken(method, *arguments, **named)

    monkeypatch.setattr(owner, name, patched)


def _of_generation_zero(monkeypatch: pytest.MonkeyPatch, world: type) -> None:
    """Models give what the first model of their line would give."""
    first: dict[int, Any] = {}

    def fitted(method: Any, self: Any, data: Any, random: Any) -> Any:
        return first.setdefault(id(self), method(self, data, random))

    def sampled(method: Any, self: Any, model: Any, *rest: Any) -> Any:
        return method(self, first[id(self)], *rest)

    original = world.fit
    _patch(monkeypatch, world, "sample", sampled)
    _patch(monkeypatch, world, "fit", lambda method, *rest: (fitted(method, *rest), original(*rest))[1])


def test_a_core_that_is_drawn_anew_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def anew(method: Any, self: _Run, state: Any, model: Any, number: int) -> Any:
        if state.core is not None:
            core = self.world.human(0, self.world.units(state.core), self.random(number, "another core"))
            state = replace(state, core=core)
        return method(self, state, model, number)

    _patch(monkeypatch, _Run, "_parts", anew)
    assert _refused("stationary") == {"n_eff / n under fixed=0.1"}


def test_fresh_people_who_are_always_the_same_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(
        monkeypatch,
        CategoricalWorld,
        "human",
        lambda method, self, first, size, random: method(self, first, size, np.random.default_rng(0)),
    )
    assert "n_eff / n under fresh=0.1" in _refused("stationary")


def test_types_that_come_back_from_the_dead_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def smoothed(method: Any, self: CategoricalWorld, data: Any, random: Any) -> Any:
        return 0.99 * method(self, data, random) + 0.01 * self.probabilities

    _patch(monkeypatch, CategoricalWorld, "fit", smoothed)
    assert _refused("stationary") == {"n_eff / n under fresh=0.1", "n_eff / n under fixed=0.1"}


def test_a_variance_with_the_wrong_divisor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"unbiased": "maximum-likelihood", "maximum-likelihood": "unbiased"}

    def swapped(method: Any, self: GaussianWorld, data: Any, random: Any) -> Normal:
        return method(
            GaussianWorld(replicates=self.replicates, estimator=other[self.estimator]), data, random
        )

    _patch(monkeypatch, GaussianWorld, "fit", swapped)
    assert {"maximum likelihood", "unbiased", "accumulate"} <= _refused("gaussian")


def test_squares_with_a_degree_of_freedom_too_many_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def freer(method: Any, self: GaussianWorld, mean: Any, variance: Any, size: int, random: Any) -> Any:
        (sample,) = method(self, mean, variance, size, random)
        return (replace(sample, squares=sample.squares + variance * random.chisquare(1, variance.size)),)

    _patch(monkeypatch, GaussianWorld, "_drawn", freer)
    assert {"maximum likelihood", "unbiased", "accumulate"} <= _refused("gaussian")


def test_a_mean_that_does_not_wander_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def still(method: Any, self: GaussianWorld, mean: Any, variance: Any, size: int, random: Any) -> Any:
        (sample,) = method(self, mean, variance, size, random)
        return (replace(sample, mean=mean),)

    _patch(monkeypatch, GaussianWorld, "_drawn", still)
    assert "the same" in _refused("gaussian")


def test_parts_that_are_pooled_about_their_own_means_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The square of what lies between the means is part of a pool's variance."""
    from wellkeeper.lab.worlds import gaussian

    def within(method: Any, one: Sample, other: Sample) -> Sample:
        return replace(method(one, other), squares=one.squares + other.squares)

    _patch(monkeypatch, gaussian, "_together", within)
    assert _refused("gaussian") == {"accumulate"}


@pytest.mark.parametrize(
    ("name", "world"), [("gaussian", GaussianWorld), ("wright-fisher", CategoricalWorld)]
)
def test_models_that_are_sampled_from_generation_zero_are_seen(
    name: str, world: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    _of_generation_zero(monkeypatch, world)
    assert len(_refused(name)) >= 2


def test_a_pool_that_forgets_what_came_before_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, world in (("gaussian", GaussianWorld), ("wright-fisher", CategoricalWorld)):
        _patch(monkeypatch, world, "join", lambda method, self, parts: method(self, parts[-1:]))
        assert _refused(name) == {"accumulate"}


def test_frequencies_that_are_smoothed_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def smoothed(method: Any, self: CategoricalWorld, data: Any, random: Any) -> Any:
        return 0.98 * method(self, data, random) + 0.02 / self.probabilities.size

    _patch(monkeypatch, CategoricalWorld, "fit", smoothed)
    assert len(_refused("wright-fisher")) == 3


def test_a_tail_of_another_exponent_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(
        monkeypatch, classics, "missing_of_all", lambda method, exponent, *rest: method(exponent + 0.1, *rest)
    )
    assert _refused("tails") == {"missing mass by size"}


def test_a_cut_that_leaves_more_than_it_says_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(
        monkeypatch,
        classics,
        "missing_of_cut",
        lambda method, exponent, cut, *rest: method(exponent, round(cut**1.05), *rest),
    )
    assert _refused("tails") == {"floor by cut"}
