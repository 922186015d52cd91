"""Temperature and entropy: what a decoder does to frequencies that are trained on again and again.

With data without end nothing is lost by chance, and decoding alone moves a model. At temperature T its output has the
frequencies p^(1/T) / Z, and a model of that output gives p^(1/T^2) / Z next: after t generations

    p^(1/T^t) / Z.

The fixed points follow. Below 1 all goes to the likeliest type, and entropy falls to 0: entropy collapse. Above 1 all
types become alike, and entropy rises to log2 of their number: noise drift. Only at 1 does every model stay as it is.
Human data hold it: with a share a of each training set p' = a p + (1 - a) softened(p') has a fixed point of its own.
(Derived.) Policies that add to all earlier data move more slowly, and to the same ends.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.worlds._decoding import decoded
from wellkeeper.lab.worlds.categorical import CategoricalWorld, zipf


def limits(probabilities: NDArray[np.float64], policy: Policy, generations: int) -> NDArray[np.float64]:
    """Frequencies of generations 0 ... `generations` as samples grow without end, shape (generations + 1, types).

    A policy that subsamples all earlier data has the frequencies of all of them; weights are not foreseen.
    """
    found = [probabilities]
    held = 1.0  # size of all data so far, in those of the first set
    for number in range(1, generations + 1):
        output = decoded(found[-1][None], policy.decoding)[0]
        parts = policy.parts(number)
        human = parts.core + parts.fresh
        total = human * probabilities + parts.made * output
        size = human + parts.made
        if policy.keep != "last":
            total += held * found[-1]
            size += held
        found.append(total / size)
        held = size
    return np.stack(found)


def theory(
    policy: Policy, size: int, generations: int, settings: Mapping[str, Any]
) -> Mapping[str, NDArray[np.float64]]:
    """Figures of generations 0 ... `generations` as samples grow without end; none where data are weighed."""
    del size
    if policy.weighs:
        return {}
    human = zipf(settings["types"], settings["exponent"])
    ends = limits(human, policy, generations)
    found = CategoricalWorld(replicates=generations + 1, probabilities=human).figures((), ends)
    return {name: found[name] for name in ("entropy", "heterozygosity")}


def world(
    replicates: int,
    corpus: HumanText | None,  # noqa: ARG001 - it has no text
    seed: int,  # noqa: ARG001 - generations bring their own random numbers
    *,
    types: int,
    exponent: float,
) -> CategoricalWorld:
    return CategoricalWorld(replicates=replicates, probabilities=zipf(types, exponent), name="temperature")


EXPERIMENT = Experiment(
    name="temperature",
    title="Temperature and entropy",
    paper="derived",
    regime="closed form",
    about=(
        "Samples so large that nothing is lost by chance: what moves is what the decoder moves. A little below "
        "temperature 1 entropy collapses within a few generations, a little above it drifts to noise, and fresh human "
        "data in each training set stop both short of their ends."
    ),
    figures=(
        Figure(name="entropy", title="Entropy of the model", unit="bits"),
        Figure(name="heterozygosity", title="Chance that two draws differ"),
    ),
    policies=(
        "replace",
        "temperature=0.8",
        "temperature=1.2",
        "fresh=0.1,temperature=0.8",
        "accumulate,temperature=0.8",
        "fresh=0.1,temperature=1.2",
    ),
    size=100_000_000,
    generations=15,
    replicates=20,
    settings=(
        Setting(name="types", value=200, help="that people use"),
        Setting(name="exponent", value=1.0, help="of Zipf's law; 0: all types are equally likely"),
    ),
    world=world,
    theory=theory,
)
