"""Every experiment is listed, and is what it says."""

from pkgutil import iter_modules

import numpy as np
import pytest

from wellkeeper.errors import RecipeError
from wellkeeper.lab import registry, running, worlds
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.registry import experiment, experiments

MODULES = [module.name for module in iter_modules(worlds.__path__) if not module.name.startswith("_")]
FREE = sorted(name for name, found in experiments().items() if not found.needs)


def test_every_module_of_worlds_has_its_place_in_the_order():
    assert sorted(MODULES) == sorted(registry._ORDER)


def test_an_unknown_experiment_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"no experiment 'gausian'\. Did you mean gaussian\? See them all with `wellkeeper lab list`\.$"):  # fmt: skip
        experiment("gausian")


@pytest.mark.parametrize("name", list(experiments()))
def test_an_experiment_says_what_it_is(name):
    found = experiment(name)
    assert found.name == name
    for words in (found.title, found.regime, found.about):
        assert words.strip() == words != ""
    assert not found.title.endswith(".")
    assert (found.world is None) != (found.curves is None)
    assert set(found.needs) <= {"corpus", "torch", "lm-torch", "model", "file"}
    names = [figure.name for figure in found.figures]
    assert len(set(names)) == len(names) > 0
    assert all(figure.worse in {"up", "down", ""} and figure.title for figure in found.figures)
    for policy in found.policies:
        Policy.parse(policy)
    if found.world is not None:
        assert found.policies
        assert min(found.size, found.replicates) > 0


@pytest.mark.parametrize("name", FREE)
def test_what_an_experiment_measures_is_what_it_lists(name):
    found = experiment(name)
    given = {"size": 30, "generations": 1} if found.world else {}
    plan = running.Plan.of(found, replicates=2, **given)
    curves = running.run(plan)
    measured = {name for curve in curves for name in curve.figures}
    assert {figure.name for figure in found.figures} <= measured
    assert len({curve.label for curve in curves}) == len(curves)
    for curve in curves:
        for values in (*curve.figures.values(),):
            assert values.ndim == 2
            assert values.shape[1] == curve.points.size
            assert values.dtype == np.float64
        for theory in curve.theory.values():
            assert theory.shape == curve.points.shape
        assert len(curve.excerpts) in {0, curve.points.size}
