"""Settings of the closed worlds: whatever number they are given, a run ends with finite figures or says what to give."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from wellkeeper.errors import WellkeeperError
from wellkeeper.lab.experiment import Experiment
from wellkeeper.lab.registry import experiments
from wellkeeper.lab.running import Plan, run

CLOSED = [one for one in experiments().values() if not one.needs]
NUMBERS: Mapping[type, tuple[Any, ...]] = {
    int: (-1, 0, 1, 2),
    float: (-1.0, 0.0, 1e-300, 0.5, 1.0, 2.0, 1e300, math.inf, math.nan),
}
SMALL = {"strong-collapse": 16_384, "interpolation": 20}
FEW = {"strong-collapse": {"dimensions": 2}}


def outcome(experiment: Experiment, given: Mapping[str, Any]) -> str:
    """What a small run comes to: "" or what it says."""
    size = given.get("size", SMALL.get(experiment.name, 200))
    settings = FEW.get(experiment.name, {}) | {name: value for name, value in given.items() if name != "size"}
    try:
        plan = Plan.of(
            experiment,
            size=size,
            replicates=2,
            generations=2 if experiment.world else None,
            settings=settings,
        )
        curves = run(plan)
    except WellkeeperError as error:
        return str(error)
    for curve in curves:
        for name, values in (*curve.figures.items(), *curve.theory.items()):
            assert np.isfinite(values).all(), (curve.label, name)
    return ""


@pytest.mark.parametrize("experiment", CLOSED, ids=lambda one: one.name)
def test_a_setting_of_any_number_gives_finite_figures_or_says_what_to_give(experiment: Experiment) -> None:
    assert outcome(experiment, {}) == ""
    for setting in experiment.settings:
        for value in NUMBERS.get(type(setting.value), ()):
            said = outcome(experiment, {setting.name: value})
            assert said == "" or "Give " in said, (setting.name, value, said)
            if math.isnan(value):
                assert f"{setting.name} is nan" in said


@pytest.mark.parametrize("experiment", CLOSED, ids=lambda one: one.name)
@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_size_of_next_to_nothing_runs_or_says_what_to_give(experiment: Experiment, size: int) -> None:
    said = outcome(experiment, {"size": size})
    assert said == "" or "Give " in said or "Start with" in said, said
