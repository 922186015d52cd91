"""Recursive training: a model is fitted to human data, the next one to what a policy makes of its output, and so on.

Generation 0 is trained on human data alone. The data of generation g are composed, by the policy, of a human core, of
fresh human data and of what model g - 1 gives; then a model is fitted to them, and both are measured.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.lab.policy import Detector, Policy, Verifier
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Compared, Divisible, Figures, Judged, Surprised, World
from wellkeeper.measure.selection import detector_weights, redraw, surprise_weights

_ROUNDS = 200
"""Times that a model is sampled for outputs that a verifier keeps, before it is said that too few will come."""
_SHARE = 0.5
"""Of the data that is drawn by its surprise, where a policy does not say."""
_MOST_KEYS = 100_000_000
"""Units that are drawn at random at once, in all replicates: each takes some 40 bytes of memory while it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generation:
    """One generation: what it was trained on, its model, what was measured, and what the next one needs."""

    number: int
    data: Any
    model: Any
    figures: Figures
    state: "State"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What the data of the next generation are made from, beside the model, which is fitted again.

    `human` tells which units of all earlier data people made; None where the policy does not ask.
    """

    number: int
    data: Any
    core: Any | None
    pool: (
        Any | None
    )  # all earlier data; None where the next generation asks for none, or for no more than `data`
    human: NDArray[np.bool_] | None  # shape (units,)
    handed: int  # size of human data that was given out


def generations(
    world: World[Any, Any],
    policy: Policy,
    *,
    size: int,
    count: int,
    seed: int,
    replicate: int = 0,
    state: State | None = None,
) -> Iterator[Generation]:
    """Generations 0 to `count` under a policy; or, given the state of generation g, from g + 1 on.

    Args:
        world: what is trained.
        policy: what on.
        size: of the first training set.
        count: of generations after the first.
        seed: of the experiment. Policies of one seed begin with the same human data and model; where a world makes its
            human data up, so do those that set a core apart, and those that set none.
        replicate: which run of the experiment; a vectorised world has all in one.
        state: of the last generation that is done.

    Raises:
        RecipeError: the world cannot follow the policy, or there are more units than can be drawn from.
        InputError: the corpus has too little human data for it.
        WorkError: a verifier keeps too little.
    """
    check(world, policy)
    if isinstance(world, Compared):
        world = world.beside(size)
    run = _Run(world=world, policy=policy, size=size, seed=seed, replicate=replicate)
    if state is None:
        state = run.first()
        run.check_room(state, count)
        generation = run.measured(state)
        yield generation
        model = generation.model
    else:
        model = run.fitted(state)
    for _ in range(state.number, count):
        generation = run.measured(run.after(state, model))
        yield generation
        state, model = generation.state, generation.model


def check(world: World[Any, Any], policy: Policy) -> None:
    """Refuse a policy that the world cannot follow.

    Raises:
        RecipeError: as said.
    """
    needs = {"subsample": policy.keep == "sample", "detect": policy.detector is not None}
    for word, needed in needs.items():
        if needed and not isinstance(world, Divisible):
            raise RecipeError(
                f"Data of the world {world.name} cannot be drawn unit by unit. Leave out {word}."
            )
    if policy.surprising is not None and not isinstance(world, Surprised):
        raise RecipeError(
            f"Models of the world {world.name} do not tell how much a unit of data surprises them. Leave out surprise."
        )
    if policy.verifier is not None and not isinstance(world, Judged):
        raise RecipeError(f"In the world {world.name} nothing is right or wrong. Leave out verify.")


def pack(world: World[Any, Any], state: State) -> Arrays:
    """A state as arrays, to be stored."""
    arrays: dict[str, NDArray[Any]] = {"number": np.array(state.number), "handed": np.array(state.handed)}
    for name in ("data", "core", "pool"):
        held = getattr(state, name)
        if held is not None:
            arrays |= {f"{name}/{key}": array for key, array in world.pack(held).items()}
    if state.human is not None:
        arrays["human"] = state.human
    return arrays


def unpack(world: World[Any, Any], arrays: Arrays) -> State:
    """The state that was packed."""

    def part(name: str) -> Any:
        held = {key.partition("/")[2]: array for key, array in arrays.items() if key.startswith(f"{name}/")}
        return world.unpack(held) if held else None

    return State(
        number=int(arrays["number"]),
        data=part("data"),
        core=part("core"),
        pool=part("pool"),
        human=arrays.get("human"),
        handed=int(arrays["handed"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    world: World[Any, Any]
    policy: Policy
    size: int
    seed: int
    replicate: int

    def random(self, number: int, use: str) -> np.random.Generator:
        return stream(self.seed, self.world.name, self.replicate, number, use)

    def fitted(self, state: State) -> Any:
        return self.world.fit(state.data, self.random(state.number, "fit"))

    def measured(self, state: State) -> Generation:
        model = self.fitted(state)
        figures = self.world.figures(state.data, model)
        return Generation(number=state.number, data=state.data, model=model, figures=figures, state=state)

    def first(self) -> State:
        world, policy = self.world, self.policy
        most, _, _ = policy.parts(1).items(self.size)
        parts = [
            world.human(first, size, self.random(0, f"human from {first}"))
            for first, size in ((0, most), (most, self.size - most))
            if size
        ]
        data = self._joined(parts)
        human = np.ones(_divisible(world).units(data), np.bool_) if self._keeps_origin else None
        core = parts[0] if most else None
        return State(number=0, data=data, core=core, pool=None, human=human, handed=self.size)

    @property
    def _keeps_origin(self) -> bool:
        return self.policy.detector is not None and self.policy.keep == "all"

    def _joined(self, parts: list[Any]) -> Any:
        return self.world.join(parts) if len(parts) > 1 else parts[0]

    def check_room(self, first: State, count: int) -> None:
        """Refuse what grows without bound or draws from more units than memory has room for, before it takes its time.

        Raises:
            RecipeError: as said.
        """
        policy = self.policy
        sets = [policy.parts(number) for number in range(1, count + 1)]
        if policy.keep != "sample" and not policy.weighs:
            return
        sizes = [1.0, *(parts.core + parts.fresh + parts.made for parts in sets)]
        share = max(sizes) if policy.keep == "last" else sum(sizes)
        units = math.ceil(share * _divisible(self.world).units(first.data))
        _check_keys(self.world.replicates * units * (policy.detector.repeats if policy.detector else 1))

    def after(self, state: State, model: Any) -> State:
        number, policy = state.number + 1, self.policy
        parts, people, handed = self._parts(state, model, number)
        human = None
        if policy.detector is not None:
            units = [_divisible(self.world).units(part) for part in parts]
            human = np.repeat(np.arange(len(parts)) < people, units)
        if policy.keep != "last":
            parts = [state.data if state.pool is None else state.pool, *parts]
            human = None if human is None or state.human is None else np.concatenate((state.human, human))
        if not parts:
            raise RecipeError(
                f"Policy {policy} leaves generation {number} without data. Start with a larger size, or grow."
            )
        whole = data = self._joined(parts)
        if policy.surprising is not None:
            chosen = self._surprising(whole, state.data, model, self.random(number, "surprise"))
            data = _divisible(self.world).take(whole, chosen)
        elif policy.keep == "sample":
            chosen = self._drawn(whole, state.data, self.random(number, "pool"))
            data = _divisible(self.world).take(whole, chosen)
        elif policy.detector is not None and human is not None:
            chosen = redrawn(human, policy.detector, self.world.replicates, self.random(number, "detector"))
            data = _divisible(self.world).take(whole, chosen)
        return State(
            number=number,
            data=data,
            core=state.core,
            pool=whole if policy.keep != "last" and data is not whole else None,
            human=human if self._keeps_origin else None,
            handed=handed,
        )

    def _parts(self, state: State, model: Any, number: int) -> tuple[list[Any], int, int]:
        """The data that generation `number` adds; how many parts of them are people's; the human data given out."""
        world, policy = self.world, self.policy
        _, human_size, made = policy.parts(number).items(self.size)
        parts = [] if state.core is None else [state.core]
        if human_size:
            parts.append(world.human(state.handed, human_size, self.random(number, "fresh")))
        people = len(parts)
        if made:
            parts.append(self._outputs(model, made, self.random(number, "sample")))
        return parts, people, state.handed + human_size

    def _outputs(self, model: Any, size: int, random: np.random.Generator) -> Any:
        outputs = self.world.sample(model, size, self.policy.decoding, random)
        if self.policy.verifier is None:
            return outputs
        return self._verified(model, outputs, size, self.policy.verifier, random)

    def _verified(
        self, model: Any, outputs: Any, size: int, verifier: Verifier, random: np.random.Generator
    ) -> Any:
        """As many units as an unverified sample has, of those that the verifier keeps, in the order they came."""
        world: Any = self.world
        wanted = tried = world.units(outputs)
        kept = _kept(world.right(outputs), verifier, random)
        for _ in range(_ROUNDS):
            first = np.argsort(~kept, axis=1, kind="stable")[:, :wanted]
            outputs, kept = world.take(outputs, first), np.take_along_axis(kept, first, axis=1)
            if kept.all():
                return outputs
            more = world.sample(model, size, self.policy.decoding, random)
            tried += world.units(more)
            kept = np.concatenate((kept, _kept(world.right(more), verifier, random)), axis=1)
            outputs = world.join([outputs, more])
        raise WorkError(
            f"A verifier of verify={verifier} kept fewer than {wanted:,} of {tried:,} outputs. "
            "Give it a larger chance to keep them."
        )

    def _drawn(self, pool: Any, before: Any, random: np.random.Generator) -> NDArray[np.int64]:
        """Units of a pool, drawn without replacement, as many as the training set before had."""
        world: Any = self.world
        wanted = world.units(before)
        _check_keys(world.replicates * world.units(pool))
        keys = random.random((world.replicates, world.units(pool)))
        if wanted < keys.shape[1]:
            chosen = np.argpartition(keys, wanted, axis=1)[:, :wanted]
        else:
            chosen = np.broadcast_to(np.arange(wanted), keys.shape)
        # A partition's own order is the processor's.
        order = np.argsort(np.take_along_axis(keys, chosen, axis=1), axis=1, kind="stable")
        return np.take_along_axis(chosen, order, axis=1).astype(np.int64)

    def _surprising(
        self, pool: Any, before: Any, model: Any, random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Units of a pool, drawn by how much they surprise the model that wrote last; none twice."""
        world, surprising = self.world, self.policy.surprising
        assert surprising is not None
        assert isinstance(world, Surprised)  # which `check` has made sure of
        units = world.units(pool)
        _check_keys(self.world.replicates * units)
        weights = surprise_weights(world.surprise(model, pool), surprising.power)
        share = _SHARE if surprising.share is None else surprising.share
        wanted = world.units(before) if self.policy.keep == "sample" else max(1, round(share * units))
        return redraw(weights, wanted, random.standard_exponential(weights.shape))


def _divisible(world: World[Any, Any]) -> Divisible:
    """The same world; `check` has made sure that its data can be drawn."""
    return world  # type: ignore[return-value]


def redrawn(
    human: NDArray[np.bool_], detector: Detector, replicates: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Units redrawn by what a detector of the stated AUROC thinks of them, shape (replicates, redrawn units).

    The detector's score is normal with unit variance, its mean above that of human data by sqrt(2) times the normal
    quantile of its AUROC (the binormal model); p(AI) is the posterior at the true share, and data that people alone or
    models alone made are all alike to it. How units are drawn by their weight is `measure.selection.redraw`.

    Raises:
        RecipeError: there are more units than memory has room to draw from.
    """
    from statistics import NormalDist

    _check_keys(replicates * detector.repeats * human.size)
    apart = 2**0.5 * NormalDist().inv_cdf(min(detector.auroc, 1 - 1e-12))
    share = 1 - human.mean()
    score = random.standard_normal((replicates, human.size)) + np.where(human, -apart / 2, apart / 2)
    log_odds = apart * score + np.log(share / (1 - share)) if 0 < share < 1 else np.zeros_like(score)
    weights = detector_weights(log_odds, detector.power)
    wanted = max(1, min(round(detector.upsample * human.size), detector.repeats * human.size))
    waits = random.standard_exponential((replicates, detector.repeats * human.size))
    return redraw(weights, wanted, waits, repeats=detector.repeats)


def _check_keys(units: int) -> None:
    if units > _MOST_KEYS:
        raise RecipeError(
            f"subsample, detect and surprise draw unit by unit, here from {units:,} in all replicates, and there is "
            f"room for {_MOST_KEYS:,}. Choose a smaller size, fewer replicates or fewer generations; or leave that "
            "word out."
        )


def _kept(right: NDArray[np.bool_], verifier: Verifier, random: np.random.Generator) -> NDArray[np.bool_]:
    kept: NDArray[np.bool_] = random.random(right.shape) < np.where(right, verifier.right, verifier.wrong)
    return kept


def settled(figures: Mapping[str, Any], replicates: int) -> dict[str, NDArray[np.float64]]:
    """Figures as arrays of one value a replicate, whatever shape a world gave them."""
    return {
        name: np.broadcast_to(np.asarray(value, np.float64), (replicates,)).copy()
        for name, value in figures.items()
    }
