"""Frequencies of types, counted and drawn again: the Wright-Fisher model, and the tail of Zipf's law.

A model is a table of frequencies, the ideal model of anything that can be counted. It gives back what it saw as often
as it saw it, and still loses each generation what it does not happen to draw; what is lost never returns.

[1] Ewens, Mathematical population genetics, 2nd ed. (2004), section 3.2: the Wright-Fisher model.
[2] Seddik et al., How bad is training on synthetic data?, arXiv 2404.05090.
[3] Kazdan et al., Collapse or thrive?, arXiv 2410.16713.
[4] Dohmatob et al., A tale of tails: model collapse as a change of scaling laws, ICML 2024.
[5] Suresh et al., Rate of model collapse in recursive training, arXiv 2412.17646.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab import recursion, theory
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.n_eff import coefficients
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds._decoding import decoded, refuse

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]  # shape (replicates, types)
Data: TypeAlias = tuple[Counts, ...]  # draws one after the other; within each, order says nothing


_STEEPEST = 20.0
"""Exponent of Zipf's law of which nearly all is the first type: beyond 50 rounding leaves no other."""


def zipf(types: int, exponent: float) -> Floats:
    """Probabilities p_i ~ i^-exponent of so many types, shape (types,); all equal at 0.

    >>> zipf(3, 1.0).round(3).tolist()
    [0.545, 0.273, 0.182]

    Raises:
        RecipeError: there are fewer than 2 types, or the exponent is not from 0 to 20.
    """
    if types < 2:
        raise RecipeError(f"A world of {types} types has none to lose. Give at least 2.")
    check_range("exponent", exponent, 0, _STEEPEST)
    weights = np.arange(1, types + 1, dtype=np.float64) ** -exponent
    found: Floats = weights / weights.sum()
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoricalWorld:
    """People draw types with given probabilities; models are frequencies."""

    replicates: int
    probabilities: Floats = field(default_factory=lambda: zipf(1_000, 1.0))  # shape (types,), sum 1
    name: str = "categorical"

    def human(self, first: int, size: int, random: np.random.Generator) -> Data:  # noqa: ARG002 - all are new
        return (random.multinomial(size, self.probabilities, size=self.replicates),)

    def fit(self, data: Data, random: np.random.Generator) -> Floats:  # noqa: ARG002
        counts = sum(data[1:], start=data[0])
        found: Floats = counts / counts.sum(axis=1, keepdims=True)
        return found

    def sample(self, model: Floats, size: int, decoding: Decoding, random: np.random.Generator) -> Data:
        refuse(self.name, decoding, but=("temperature", "top_k", "top_p"))
        return (random.multinomial(size, decoded(model, decoding)),)

    def join(self, parts: Sequence[Data]) -> Data:
        return tuple(counts for part in parts for counts in part)

    def figures(self, data: Data, model: Floats) -> Figures:  # noqa: ARG002
        alive = model > 0
        agreement = (model**2).sum(axis=1)
        logarithms = np.log2(model, out=np.zeros_like(model), where=alive)
        return {
            "types": alive.sum(axis=1),
            "lost_mass": np.where(alive, 0.0, self.probabilities).sum(axis=1),
            "heterozygosity": 1 - agreement,
            "agreement": agreement,
            "squared_error": ((model - self.probabilities) ** 2).sum(axis=1),
            "entropy": -(model * logarithms).sum(axis=1),
        }

    def units(self, data: Data) -> int:
        return sum(int(counts[0].sum()) for counts in data)

    def take(self, data: Data, chosen: NDArray[np.int64]) -> Data:
        """Draws lie one after the other, and by type within each."""
        types = self.probabilities.size
        bounds = np.cumsum(np.concatenate(data, axis=1), axis=1)
        rows = np.arange(self.replicates)[:, None]
        before = rows * bounds[0, -1]  # units of the rows above, which makes all bounds one rising list
        cells = np.searchsorted((bounds + before).ravel(), (chosen + before).ravel(), side="right")
        found = cells.reshape(chosen.shape) % types + rows * types
        counts = np.bincount(found.ravel(), minlength=self.replicates * types)
        return (counts.reshape(self.replicates, types),)

    def surprise(self, model: Floats, data: Data) -> Floats:
        """Of a model at each draw, in nats, shape (replicates, units); infinite at a type that it has lost."""
        with np.errstate(divide="ignore"):
            nats = -np.log(model)
        counts = np.concatenate(data, axis=1)
        return np.stack(
            [np.repeat(np.tile(row, len(data)), own) for row, own in zip(nats, counts, strict=True)]
        )

    def pack(self, data: Data) -> Arrays:
        return {"counts": np.stack(data)}

    def unpack(self, arrays: Arrays) -> Data:
        return tuple(arrays["counts"])


def _world(
    replicates: int,
    corpus: HumanText | None,  # noqa: ARG001 - it has no text
    seed: int,  # noqa: ARG001 - generations bring their own random numbers
    *,
    types: int,
    exponent: float,
) -> CategoricalWorld:
    return CategoricalWorld(replicates=replicates, probabilities=zipf(types, exponent))


def _theory(policy: Policy, size: int, generations: int, settings: Mapping[str, Any]) -> Mapping[str, Floats]:
    if not policy.decoding.is_plain or not theory.has_moments(policy):
        return {}
    probabilities = zipf(settings["types"], settings["exponent"])
    human = 1 - float(probabilities @ probabilities)
    second = theory.moments(policy, size, generations)
    found = {
        "heterozygosity": human * second.variance,
        "agreement": 1 - human * second.variance,
        "squared_error": human * second.squared_error,
    }
    if policy.keep != "sample":
        types, lost = theory.surviving(probabilities, size, coefficients(policy, generations))
        found |= {"types": types, "lost_mass": lost}
    return found


CATEGORICAL = Experiment(
    name="categorical",
    title="Frequencies of types, counted and drawn again",
    paper="Seddik et al. 2024; Kazdan et al. 2024; Suresh et al. 2024",
    regime="closed form",
    about=(
        "An ideal model of anything countable: words, topics, templates. It copies what it saw as often as it saw it, "
        "and loses the rare types all the same, the rarest first. A human core of a tenth holds a tenth of the tail, "
        "fresh human data of a tenth hold four tenths of it, as the law of effective sample size says."
    ),
    figures=(
        Figure(name="types", title="Types alive", worse="down"),
        Figure(name="lost_mass", title="Probability of the types that were lost", worse="up"),
        Figure(name="heterozygosity", title="Chance that two draws differ", worse="down"),
        Figure(name="agreement", title="Chance that two draws agree (Seddik's S)", worse="up"),
        Figure(name="squared_error", title="Squared error of the frequencies", worse="up"),
        Figure(name="entropy", title="Entropy of the model", unit="bits"),
    ),
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=1_000,
    generations=50,
    replicates=100,
    settings=(
        Setting(name="types", value=1_000, help="that people use"),
        Setting(name="exponent", value=1.0, help="of Zipf's law; 0: all types are equally likely"),
    ),
    world=_world,
    theory=_theory,
)


def missing_of_all(exponent: float, sizes: Counts, random: np.random.Generator) -> Floats:
    """Probability of the types that samples of these sizes have not seen, each sample in the next, of infinitely many.

    Args:
        exponent: of Zipf's law, above 1.
        sizes: rising, shape (sizes,).
        random: numbers.

    Returns: shape (sizes,).
    """
    drawn = random.zipf(exponent, int(sizes[-1]))
    types, first = np.unique(drawn, return_index=True)
    order = np.argsort(first)
    seen = np.cumsum(types[order].astype(np.float64) ** -exponent) / theory.zeta(exponent)
    return np.subtract(1.0, seen[np.searchsorted(first[order], sizes) - 1])


def missing_of_cut(exponent: float, cut: int, sizes: Counts, random: np.random.Generator) -> Floats:
    """The same where the types 1 ... cut alone are sampled: by a model that has lost its tail."""
    shares = np.arange(1, cut + 1, dtype=np.float64) ** -exponent
    whole = theory.zeta(exponent)
    more = random.multinomial(np.diff(sizes, prepend=0), shares / shares.sum())
    return np.subtract(1.0, (np.cumsum(more, axis=0) > 0) @ shares / whole)


def _tail_curves(size: int, replicates: int, seed: int, *, exponent: float, cut: int) -> Sequence[Curve]:
    check_range("exponent", exponent, 1, _STEEPEST, above=True)  # else it has no sum over all types
    if size < 100 or cut < 1:
        raise RecipeError(f"A size of {size} and a cut at {cut} show no tail. Give 100 and 1 at least.")
    sizes = np.unique(np.geomspace(100, size, 25).round().astype(np.int64))
    curves = []
    for end in (None, 100 * cut, 10 * cut, cut):
        label = "all types" if end is None else f"types 1 to {end:,}"
        runs = []
        for replicate in range(replicates):
            random = stream(seed, "zipf-tail", label, replicate)
            runs.append(
                missing_of_all(exponent, sizes, random)
                if end is None
                else missing_of_cut(exponent, end, sizes, random)
            )
        expected = theory.missing_mass(exponent, sizes.astype(np.float64), cut=end)
        curves.append(
            Curve(
                label=label,
                axis="sample size",
                points=sizes.astype(np.float64),
                figures={"missing_mass": np.stack(runs)},
                theory={"missing_mass": expected},
            )
        )
    return curves


ZIPF_TAIL = Experiment(
    name="zipf-tail",
    title="A model without its tail changes the law of scaling",
    paper="Dohmatob et al. 2024",
    regime="closed form",
    about=(
        "What a sample has not seen of people's types falls as a power of its size, for ever. Sampled from a model "
        "that lost the tail, it stops at a floor: more data from that model teach nothing more. The floor is the mass "
        "that was cut, and falls with the cut as its own power."
    ),
    figures=(Figure(name="missing_mass", title="Probability of what was never seen", worse="up", log=True),),
    size=100_000,
    replicates=20,
    settings=(
        Setting(name="exponent", value=1.5, help="of Zipf's law, above 1"),
        Setting(
            name="cut",
            value=10,
            help="types that the poorest model has; others have 10 and 100 times as many",
        ),
    ),
    curves=_tail_curves,
)


def _survival_curves(size: int, replicates: int, seed: int, *, generations: int) -> Sequence[Curve]:
    policy = Policy()
    curves = []
    for copies in (1, 3, 10, 30):
        world = CategoricalWorld(replicates=replicates, probabilities=zipf(size, 0.0), name="survival")
        run = recursion.generations(world, policy, size=copies * size, count=generations, seed=seed)
        types = np.stack([generation.figures["types"] for generation in run], axis=1)
        curves.append(
            Curve(
                label=f"{copies} expected {'copy' if copies == 1 else 'copies'}",
                axis="generation",
                points=np.arange(generations + 1, dtype=np.float64),
                figures={"survival": types / size},
                theory={
                    "survival": -np.expm1(-copies * coefficients(policy, generations)),
                    "least_survival": theory.least_survival(copies, generations),
                },
            )
        )
    return curves


SURVIVAL = Experiment(
    name="survival",
    title="How long a type lives by how often people used it",
    paper="Suresh et al. 2024",
    regime="closed form",
    about=(
        "Types of equal chance, models that are frequencies, nothing human after the first set. A type that people "
        "used so often on average is still alive after g generations with probability 1 - exp(-2 copies / g) or so; "
        "the published bound of 1 - exp(-copies / (g + 1)) lies below."
    ),
    figures=(Figure(name="survival", title="Share of the types that are alive", worse="down"),),
    size=1_000,
    replicates=20,
    settings=(Setting(name="generations", value=50, help="after the first"),),
    curves=_survival_curves,
)

EXPERIMENTS = (CATEGORICAL, ZIPF_TAIL, SURVIVAL)
