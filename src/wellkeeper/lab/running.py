"""Run an experiment: every policy, every replicate, one generation after the other.

A run that is stopped goes on where it was. What it needs for that, the figures so far and the state of the last
generation, is stored whole or not at all, and since random numbers hang on their names alone, a run that was stopped
gives the same bytes as one that was not.
"""

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, RecipeError, WorkError, did_you_mean
from wellkeeper.lab import recursion
from wellkeeper.lab.experiment import Curve, Experiment
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.world import Shown, World

EVERY, AT_END = 1.0, 0.1
"""Seconds of work after which a line of models is stored, and after which it is when it is complete."""
_BYTES_A_SECOND = 50e6
"""So much is stored for each second of work at most: a slow disk shall not be what a run waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An experiment with all that it is given."""

    experiment: Experiment
    policies: tuple[Policy, ...]
    size: int  # of the first training set, in the world's own measure
    generations: int  # after the first
    replicates: int
    seed: int
    settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        *,
        policies: Sequence[str] = (),
        size: int | None = None,
        generations: int | None = None,
        replicates: int | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> "Plan":
        """What is not given is as the experiment has it by default.

        Raises:
            RecipeError: a policy or a setting makes no sense, or the experiment has no use for it.
        """
        if experiment.curves is not None and (policies or generations is not None):
            given = "policies" if policies else "generations"
            raise RecipeError(
                f"The experiment {experiment.name} has curves of its own and no {given}. Leave --"
                f"{'policy' if policies else 'generations'} out, and see its settings with `wellkeeper lab list`."
            )
        found = dict.fromkeys(Policy.parse(text) for text in policies or experiment.policies)
        plan = cls(
            experiment=experiment,
            policies=tuple(found),
            size=experiment.size if size is None else size,
            generations=experiment.generations if generations is None else generations,
            replicates=experiment.replicates if replicates is None else replicates,
            seed=seed,
            settings=settings_of(experiment, settings or {}),
        )
        for name, value, least in (
            ("size", plan.size, 1 if experiment.world else 0),
            ("generations", plan.generations, 0),
            ("replicates", plan.replicates, 1),
        ):
            if value < least:
                raise RecipeError(f"{name} is {value}. Give at least {least}.")
        return plan


def settings_of(experiment: Experiment, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of an experiment; those given as text are read as their defaults' type.

    Raises:
        RecipeError: the experiment has no such setting, or its value cannot be read.
    """
    found = {setting.name: setting.value for setting in experiment.settings}
    for written, value in given.items():
        name = written.replace("-", "_")
        if name not in found:
            known = (
                f" Its settings are {', '.join(found)}." if found else " It has no settings: leave --set out."
            )
            raise RecipeError(
                f"The experiment {experiment.name} has no setting {written!r}.{did_you_mean(name, found)}{known}"
            )
        found[name] = _read(name, value, found[name]) if isinstance(value, str) else value
    return found


def _read(name: str, value: str, default: Any) -> Any:
    kind = type(default)
    try:
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                value.lower()
            ]
        if kind in {int, float}:
            return kind(value)
    except (KeyError, ValueError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise RecipeError(
            f"The setting {name} is {value!r}. Give {wanted}, for example {name}={str(default).lower()}."
        ) from error
    return value


def run(
    plan: Plan,
    human: HumanText | None = None,
    *,
    work: Path | None = None,
    listener: Listener = nobody,
) -> list[Curve]:
    """The curves of an experiment, one a policy, or those that it has of its own.

    Args:
        plan: what to run.
        human: text of people, for experiments that learn from it.
        work: folder where the run keeps what it needs to go on after a stop; None: nothing is kept.
        listener: is told of each generation.

    Raises:
        InputError: the experiment needs a corpus and has none, or the corpus is too small.
        RecipeError: the world cannot follow a policy.
        WorkError: what an earlier run left cannot be read or written.
        MissingExtraError: the experiment needs what is not installed.
    """
    experiment = plan.experiment
    if "corpus" in experiment.needs and human is None:
        raise InputError(
            f"The experiment {experiment.name} learns from text of people. Give it some with --corpus PATH."
        )
    if experiment.curves is not None:
        listener(Progress(stage=experiment.name, done=0, total=0, unit="points"))
        told = {"listener": listener} if experiment.tells else {}
        return list(experiment.curves(plan.size, plan.replicates, plan.seed, **plan.settings, **told))
    assert experiment.world is not None, experiment.name
    world = experiment.world(plan.replicates, human, plan.seed, **plan.settings)
    for policy in plan.policies:
        recursion.check(world, policy)
    corpus = "" if human is None else digest_of(human)
    return list(_curves(plan, world, None if work is None else Keeper(work), corpus, listener))


def _curves(
    plan: Plan, world: World[Any, Any], keeper: "Keeper | None", corpus: str, listener: Listener
) -> Iterator[Curve]:
    runs = 1 if world.replicates == plan.replicates else plan.replicates
    teller = _Teller(listener=listener, total=len(plan.policies) * runs * (plan.generations + 1))
    for policy in plan.policies:
        traces = []
        for replicate in range(runs):
            teller.stage = f"{policy}, replicate {replicate + 1} of {runs}" if runs > 1 else str(policy)
            line = _Line(plan=plan, world=world, policy=policy, replicate=replicate, corpus=corpus)
            traces.append(line.followed(keeper, teller))
        yield _joined(plan, policy, traces)


@dataclass(slots=True, kw_only=True)
class _Teller:
    """Tells a listener how many generations are done, of all lines together."""

    listener: Listener
    total: int
    stage: str = ""
    done: int = 0

    def __call__(self, generations: int) -> None:
        self.done += generations
        self.listener(Progress(stage=self.stage, done=self.done, total=self.total, unit="generations"))


def _joined(plan: Plan, policy: Policy, traces: Sequence["_Trace"]) -> Curve:
    theory = plan.experiment.theory
    names = list(traces[0].figures)
    return Curve(
        label=str(policy),
        axis="generation",
        points=np.arange(plan.generations + 1, dtype=np.float64),
        figures={
            name: np.concatenate([np.stack(trace.figures[name], axis=1) for trace in traces])
            for name in names
        },
        theory={} if theory is None else theory(policy, plan.size, plan.generations, plan.settings),
        excerpts=traces[0].excerpts,
    )


@dataclass(slots=True)
class _Trace:
    """What was measured so far of one line of models, and the state of the last."""

    figures: dict[str, list[NDArray[np.float64]]] = field(
        default_factory=dict
    )  # of each generation: (replicates,)
    excerpts: list[str] = field(default_factory=list)
    state: recursion.State | None = None

    @property
    def generations(self) -> int:
        return len(next(iter(self.figures.values()))) if self.figures else 0

    def add(self, world: World[Any, Any], generation: recursion.Generation) -> None:
        for name, values in recursion.settled(generation.figures, world.replicates).items():
            self.figures.setdefault(name, []).append(values)
        if isinstance(world, Shown):
            self.excerpts.append(world.excerpt(generation.data))
        self.state = generation.state

    def cut(self, generations: int) -> None:
        """Forget what comes after so many generations; there is no going on from here then."""
        self.figures = {name: values[:generations] for name, values in self.figures.items()}
        del self.excerpts[generations:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of models, each trained on what the policy makes of the one before."""

    plan: Plan
    world: World[Any, Any]
    policy: Policy
    replicate: int
    corpus: str

    def followed(self, keeper: "Keeper | None", tell: _Teller) -> _Trace:
        wanted = self.plan.generations + 1
        trace = (keeper.kept(self.key, self.world) if keeper is not None else None) or _Trace()
        tell(min(trace.generations, wanted))
        if trace.generations >= wanted:
            trace.cut(wanted)
            return trace
        for generation in recursion.generations(
            self.world,
            self.policy,
            size=self.plan.size,
            count=self.plan.generations,
            seed=self.plan.seed,
            replicate=self.replicate,
            state=trace.state,
        ):
            trace.add(self.world, generation)
            if keeper is not None:
                keeper.keep(self.key, self.world, trace, at_end=trace.generations == wanted)
            tell(1)
        return trace

    @property
    def key(self) -> str:
        """Names all that the figures hang on, save how many generations there are to be."""
        said = {
            "version": __version__,
            "experiment": self.plan.experiment.name,
            "policy": str(self.policy),
            "size": self.plan.size,
            "replicates": self.world.replicates,
            "replicate": self.replicate,
            "seed": self.plan.seed,
            "settings": {name: _identity(value) for name, value in self.plan.settings.items()},
            "corpus": self.corpus,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _identity(value: Any) -> str:
    """A setting's value; of a file, such as a model, also what tells it from what it was before."""
    files = (
        [Path(part) for part in (value, value.rpartition(":")[0]) if part] if isinstance(value, str) else []
    )
    for path in files:  # FILE, or FILE:object
        if path.is_file():
            return f"{value!r}, {path.stat().st_size} bytes of {path.stat().st_mtime_ns}"
    return repr(value)


class Keeper:
    """Keeps lines of models in a folder, each in a file of its own that is whole or absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = time.monotonic()

    def keep(self, key: str, world: World[Any, Any], trace: _Trace, *, at_end: bool) -> None:
        """Store a line of models, if that saves enough work."""
        worked = time.monotonic() - self._last
        if worked < (AT_END if at_end else EVERY) or trace.state is None:
            return
        arrays = {f"figure/{name}": np.stack(values) for name, values in trace.figures.items()}
        arrays |= {f"state/{name}": array for name, array in recursion.pack(world, trace.state).items()}
        arrays["excerpts"] = np.frombuffer(json.dumps(trace.excerpts).encode(), np.uint8)
        if worked < sum(array.nbytes for array in arrays.values()) / _BYTES_A_SECOND:
            return
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(key), file.getvalue())
        except OSError as error:
            raise WorkError(
                f"{self._folder} cannot be written: {error.strerror}. Free space, or choose another folder with --out."
            ) from error
        self._last = time.monotonic()

    def kept(self, key: str, world: World[Any, Any]) -> _Trace | None:
        """What was stored last of a line of models; None where nothing was."""
        path = self._path(key)
        if not path.exists():
            return None
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            figures = {
                name.partition("/")[2]: list(array)
                for name, array in arrays.items()
                if name.startswith("figure/")
            }
            state = {
                name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("state/")
            }
            return _Trace(
                figures=figures,
                excerpts=json.loads(arrays["excerpts"].tobytes()),
                state=recursion.unpack(world, state),
            )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise WorkError(
                f"{path} is damaged, and the run cannot go on from it. Start anew with --fresh."
            ) from error

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"


def digest_of(human: HumanText) -> str:
    """SHA-256 of all that models may learn from a corpus, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for text in (human.text, human.held_out):
        digest.update(text.offsets.tobytes())
        digest.update(text.words.tobytes())
    digest.update("\x1f".join(human.vocabulary.words).encode())
    return digest.hexdigest()
