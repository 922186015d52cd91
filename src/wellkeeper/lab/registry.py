"""The experiments that the lab knows: each module in `worlds` says its own, as `EXPERIMENT` or `EXPERIMENTS`."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.lab import worlds
from wellkeeper.lab.experiment import Experiment

_ORDER = (
    # exact theory first, then text, then pictures, then models that were trained before
    "gaussian",
    "mixture",
    "kernel_density",
    "categorical",
    "regression",
    "weighting",
    "strong_collapse",
    "verification",
    "transcendence",
    "temperature",
    "ngram",
    "transformer",
    "game",
    "digits",
    "smollm2",
    "own",
)


@cache
def experiments() -> Mapping[str, Experiment]:
    """All experiments by name, in the order of the gallery."""
    names = [module.name for module in iter_modules(worlds.__path__) if not module.name.startswith("_")]
    found: dict[str, Experiment] = {}
    for name in sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)):
        module = import_module(f"{worlds.__name__}.{name}")
        for experiment in getattr(module, "EXPERIMENTS", None) or (module.EXPERIMENT,):
            if experiment.name in found:
                raise RuntimeError(f"Two experiments are called {experiment.name}. Rename the one in {name}.")
            found[experiment.name] = experiment
    return found


def experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises:
        RecipeError: there is none.
    """
    known = experiments()
    if name not in known:
        raise RecipeError(
            f"There is no experiment {name!r}.{did_you_mean(name, known)} See them all with `wellkeeper lab list`."
        )
    return known[name]
