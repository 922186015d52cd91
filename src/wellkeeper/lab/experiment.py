"""What the lab can run, and what a run gives: curves of figures by policy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.policy import Policy
from wellkeeper.lab.world import World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Figures along one axis: generations, or whatever an experiment varies."""

    label: str  # the policy, or what else tells this curve from the others
    axis: str  # "generation", "share of wrong labels", ...
    points: NDArray[np.float64]  # shape (points,)
    figures: Mapping[str, NDArray[np.float64]]  # each of shape (replicates, points)
    theory: Mapping[str, NDArray[np.float64]] = field(
        default_factory=dict
    )  # shape (points,); what theory says
    excerpts: Sequence[str] = ()  # generated text of each point


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that an experiment can be given."""

    name: str  # as on the command line: "size"
    value: Any  # by default; its type is the setting's
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that an experiment tells."""

    name: str
    title: str  # "Variance", "Held-out NLL, words seen 1-3 times"
    unit: str = ""
    worse: str = ""  # "up", "down", or "" where either way is an alarm or none is
    log: bool = False  # whether its mean over replicates misleads, and the median is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An entry of `lab list`. It has either a world, which policies train, or curves of its own."""

    name: str
    title: str
    paper: str  # "Shumailov et al. 2024"
    regime: str  # "closed form", "from scratch", "fine-tuning", ...
    figures: Sequence[Figure]
    policies: Sequence[str] = ()  # by default
    size: int = 0
    generations: int = 0
    replicates: int = 1
    settings: Sequence[Setting] = ()
    needs: Sequence[str] = ()  # "corpus", "torch"
    about: str = ""  # two or three plain sentences: what is seen and what theory says
    world: Callable[..., World[Any, Any]] | None = None
    """world(replicates, corpus: HumanText | None, seed, **settings): one world for all replicates, or one with
    `replicates` = 1 that is run again for each."""
    theory: Callable[[Policy, int, int, Mapping[str, Any]], Mapping[str, NDArray[np.float64]]] | None = None
    """theory(policy, size, generations, settings): figures at generations 0 ... where they have a closed form."""
    curves: Callable[..., Sequence[Curve]] | None = None
    """curves(size, replicates, seed, **settings)"""
    tells: bool = False  # whether curves takes a listener, too: of minutes, something should be seen
