"""`lab`: experiments on recursive training, run, kept and compared.

A run's folder holds curves.json (schema `wellkeeper.lab/1`, the same bytes whenever and however often it is run),
curves.parquet (every value of every replicate), samples/ (what the models wrote), report.html and report.json (the
same document with how the run ran). Running again goes on where a run was stopped, and with more generations where it
ended.
"""

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.lab import running
from wellkeeper.lab.bands import band
from wellkeeper.lab.experiment import Curve, Experiment, Figure
from wellkeeper.lab.human import HumanText, human_text
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.reading import read
from wellkeeper.lab.registry import experiment, experiments
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.results import LabRun
from wellkeeper.recipe.running import Clock, Running, prepare_work, read_corpus
from wellkeeper.recipe.texts import drawn_texts

SCHEMA = "wellkeeper.lab/1"
COMPARISON = "wellkeeper.lab-comparison/1"
LIST = "wellkeeper.lab-list/1"


def list_experiments() -> dict[str, Any]:
    """What the lab can run: schema `wellkeeper.lab-list/1`."""
    return {
        "schema": LIST,
        "version": __version__,
        "experiments": [_listed(found) for found in experiments().values()],
    }


def _listed(found: Experiment) -> dict[str, Any]:
    return {
        **_described(found),
        "policies": list(found.policies),
        "size": found.size,
        "generations": found.generations,
        "replicates": found.replicates,
        "settings": [
            {"name": setting.name, "value": _plain(setting.value), "help": setting.help}
            for setting in found.settings
        ],
        "figures": [_figure(figure) for figure in found.figures],
    }


def run_experiment(
    name: str,
    *,
    corpus: Any = (),
    policies: Sequence[str] = (),
    size: int | None = None,
    generations: int | None = None,
    replicates: int | None = None,
    settings: Mapping[str, Any] | None = None,
    text: str | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    fresh: bool = False,
    listener: Listener = nobody,
) -> LabRun:
    """Run an experiment of the lab.

    Args:
        name: as `wellkeeper lab list` has it.
        corpus: text of people, for experiments that need it: a path, glob or URL, an Arrow table, or a list of these.
        policies: what each generation is trained on, in the words of `wellkeeper.lab.policy`; empty: the experiment's.
        size: of the first training set, in the experiment's measure; None: the experiment's, or what the corpus has.
        generations: after the first.
        replicates: independent runs of each policy.
        settings: of the experiment, by name.
        text: column with the text of the corpus; guessed where it is not given.
        out: folder for the results; None: `wellkeeper-lab/NAME`.
        seed: of every draw; the same seed gives the same figures.
        fresh: forget what an earlier run left.
        listener: is told of each generation.

    Raises:
        RecipeError: there is no such experiment, or it cannot do what is asked.
        InputError: the experiment needs a corpus and has none, or too small a one.
        WorkError: the folder cannot be used, or what a stopped run left there.
        MissingExtraError: the experiment needs what is not installed.
    """
    clock = Clock()
    seed = seed or 0
    plan = running.Plan.of(
        experiment(name),
        policies=policies,
        size=size,
        generations=generations,
        replicates=replicates,
        seed=seed,
        settings=settings,
    )
    folder = Path(out) if out is not None else Path("wellkeeper-lab") / name
    run = Running(work=prepare_work(folder, None, fresh=fresh), listener=listener)
    lines = run.work / "lines"
    if fresh:
        shutil.rmtree(lines, ignore_errors=True)
    human, described = _human(plan.experiment, corpus, run, text=text, seed=seed)
    if human is not None and size is None:
        plan = replace(plan, size=_fitting(plan, human))
    curves = running.run(plan, human, work=lines, listener=listener)
    document = run_document(plan, curves, described)
    _write_curves(folder, document, curves)
    document["run"] = clock.told(run, seed=seed)
    from wellkeeper.report.lab import render_run

    return LabRun(document=document, paths=write_reports(folder, document, render_run(document)))


def run_document(plan: running.Plan, curves: Sequence[Curve], corpus: Mapping[str, Any] | None) -> dict[str, Any]:
    """All figures of a run and what they say: schema `wellkeeper.lab/1`."""
    figures = plan.experiment.figures
    return {
        "schema": SCHEMA,
        "version": __version__,
        "experiment": _described(plan.experiment),
        "plan": {
            "policies": [str(policy) for policy in plan.policies],
            "size": plan.size,
            "generations": plan.generations if plan.experiment.curves is None else None,
            "replicates": plan.replicates,
            "seed": plan.seed,
            "settings": {name: _plain(value) for name, value in plan.settings.items()},
            "corpus": corpus,
        },
        "figures": [_figure(figure) for figure in figures],
        "curves": [_curve(curve, figures) for curve in curves],
        "reading": read(curves, figures).to_json(),
    }


# --- what is read ---------------------------------------------------------------------------------


def _human(
    wanted: Experiment, corpus: Any, run: Running, *, text: str | None, seed: int
) -> tuple[HumanText | None, dict[str, Any] | None]:
    """The text of a corpus, and what it is, where the experiment learns from one."""
    given = list(corpus) if isinstance(corpus, list | tuple) else [corpus]
    if "corpus" not in wanted.needs:
        if given:
            raise InputError(
                f"The experiment {wanted.name} makes its own data and reads no corpus. Leave --corpus out."
            )
        return None, None
    if not given:
        raise InputError(
            f"The experiment {wanted.name} learns from text of people. Give it some with --corpus PATH."
        )
    with run.ready():
        groups, said = groups_of(given, {"text": text}, run.work)
        loaded = read_corpus(groups, run, similarity=DEFAULT_SIMILARITY, seed=seed, statistics=False)
        drawn = drawn_texts(loaded)
    human = human_text(drawn.texts)
    return human, {
        "names": list(loaded.group_names()),
        "columns": list(said),
        "documents": len(human.text) + len(human.held_out),
        "words": int(human.text.words.size),
        "held_out_words": int(human.held_out.words.size),
        "types": len(human.vocabulary),
        "is_all": drawn.is_all,
        "digest": running.digest_of(human),
    }


def _fitting(plan: running.Plan, human: HumanText) -> int:
    """The experiment's size, or as much as the corpus has for the policy that asks for most human text."""
    most = max((_human_sizes(policy, plan.generations) for policy in plan.policies), default=1.0)
    return max(1, min(plan.size, math.floor(human.text.words.size / most)))


def _human_sizes(policy: Policy, generations: int) -> float:
    """Human data that a policy asks for, in sizes of the first training set."""
    total = 1.0
    for number in range(1, generations + 1):
        fresh = policy.fresh
        if policy.schedule:
            fresh = 1 - policy.schedule[min(number, len(policy.schedule)) - 1]
        total += fresh * policy.growth**number
    return total


# --- what is written ------------------------------------------------------------------------------


def _described(found: Experiment) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": found.title,
        "paper": found.paper,
        "regime": found.regime,
        "about": found.about,
        "needs": list(found.needs),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "unit": figure.unit,
        "worse": figure.worse,
        "log": figure.log,
    }


def _curve(curve: Curve, figures: Sequence[Figure]) -> dict[str, Any]:
    logs = {figure.name for figure in figures if figure.log}
    return {
        "label": curve.label,
        "axis": curve.axis,
        "points": _numbers(curve.points),
        "figures": {
            name: _band(values, log=name in logs, theory=curve.theory.get(name))
            for name, values in curve.figures.items()
        },
        "excerpts": list(curve.excerpts),
    }


def _band(
    values: NDArray[np.float64], *, log: bool, theory: NDArray[np.float64] | None
) -> dict[str, list[float | None] | None]:
    found = band(values)
    several = len(values) > 1
    return {
        "mean": _numbers(found.mean),
        "error": _numbers(found.error) if several else None,
        "low": _numbers(found.low) if several else None,
        "high": _numbers(found.high) if several else None,
        "median": _numbers(found.median),
        "log_mean": _numbers(found.log_mean) if log else None,
        "theory": None if theory is None else _numbers(theory),
    }


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in np.asarray(values, np.float64).tolist()]


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _write_curves(folder: Path, document: Mapping[str, Any], curves: Sequence[Curve]) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(curves), sink, compression="zstd", use_dictionary=["policy", "figure"])
    write_atomic(folder / "curves.parquet", sink.getvalue().to_pybytes())
    samples = folder / "samples"
    shutil.rmtree(samples, ignore_errors=True)
    for number, curve in enumerate(curves, start=1):
        if curve.excerpts:
            samples.mkdir(exist_ok=True)
            name = re.sub(r"[^A-Za-z0-9.]+", "-", curve.label).strip("-")
            write_atomic(samples / f"{number:02d}-{name}.txt", _sample(curve).encode(), lasting=False)
    write_atomic(folder / "curves.json", (text + "\n").encode())


def _sample(curve: Curve) -> str:
    return "\n".join(
        f"=== {curve.axis} {point:g} ===\n{excerpt.rstrip()}\n"
        for point, excerpt in zip(curve.points, curve.excerpts, strict=True)
    )


def table_of(curves: Sequence[Curve]) -> pa.Table:
    """Every value of curves: policy, replicate, generation or another point, figure, value."""
    axis = curves[0].axis if curves else "generation"
    point = pa.int32() if axis == "generation" else pa.float64()
    schema = pa.schema(
        [
            ("policy", pa.dictionary(pa.int32(), pa.string())),
            ("replicate", pa.int32()),
            ("generation" if axis == "generation" else "point", point),
            ("figure", pa.dictionary(pa.int32(), pa.string())),
            ("value", pa.float64()),
        ]
    )
    labels = [curve.label for curve in curves]
    names = list(dict.fromkeys(name for curve in curves for name in curve.figures))
    parts = [
        pa.Table.from_arrays(_columns(curve, name, labels, names, point), schema=schema)
        for curve in curves
        for name in curve.figures
    ]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _columns(
    curve: Curve, name: str, labels: Sequence[str], names: Sequence[str], point: pa.DataType
) -> list[pa.Array]:
    values = curve.figures[name]
    replicates, points = values.shape

    def same(choices: Sequence[str], choice: str) -> pa.Array:
        places = pa.array(np.full(values.size, choices.index(choice), np.int32))
        return pa.DictionaryArray.from_arrays(places, pa.array(choices, pa.string()))

    return [
        same(labels, curve.label),
        pa.array(np.repeat(np.arange(replicates, dtype=np.int32), points)),
        pa.array(np.tile(curve.points, replicates)).cast(point),
        same(names, name),
        pa.array(values.ravel()),
    ]
