"""`lab`: experiments on recursive training, run, kept and compared.

A run's folder holds curves.json (schema `wellkeeper.lab/1`, the same bytes whenever and however often it is run),
curves.parquet (every value of every replicate), pictures/ (each figure as SVG), samples/ (what the models wrote),
report.html and report.json (the same document with how the run ran). Running again goes on where a run was stopped, and
with more generations where it ended.
"""

import json
import math
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.lab import check_runner, running
from wellkeeper.lab.bands import band
from wellkeeper.lab.checking import Materials
from wellkeeper.lab.experiment import Curve, Experiment, Figure
from wellkeeper.lab.forecast import largest_size
from wellkeeper.lab.human import HumanText, human_text
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
            Of an output folder of `curate`, its documents are read.
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
    if human is not None:
        plan = _fitting(plan, human.text.words.size, is_asked=size is not None)
    curves = running.run(plan, human, work=lines, listener=listener)
    document = run_document(plan, curves, described)
    _write_curves(folder, document, curves)
    document["run"] = clock.told(run, seed=seed)
    from wellkeeper.report.lab import render_run

    paths = {"curves": folder / "curves.parquet"} | write_reports(folder, document, render_run(document))
    return LabRun(document=document, paths=paths)


def run_document(
    plan: running.Plan, curves: Sequence[Curve], corpus: Mapping[str, Any] | None
) -> dict[str, Any]:
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
        drawn = drawn_texts(loaded, seed=seed)
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


def _fitting(plan: running.Plan, words: int, *, is_asked: bool) -> running.Plan:
    """The plan with the largest size that a corpus of `words` allows, unless a size was asked for.

    Raises:
        InputError: it does not allow what was asked for: better said before a run than late in it.
    """
    largest = largest_size(words, plan.policies, plan.generations, most=plan.size)
    if is_asked and largest < plan.size:
        raise InputError(
            f"The corpus has {words:,} words to train on, too few for a size of {plan.size:,} and the fresh text of "
            f"{plan.generations} generations. Choose a size of at most {largest:,}, fewer generations or less fresh "
            "text; or give more text."
        )
    return replace(plan, size=largest)


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
    from wellkeeper.report.lab import run_pictures

    pictures, samples = folder / "pictures", folder / "samples"
    for old in (pictures, samples):
        shutil.rmtree(old, ignore_errors=True)
    for name, drawn in run_pictures(document).items():
        pictures.mkdir(exist_ok=True)
        write_atomic(pictures / f"{name}.svg", drawn.encode(), lasting=False)
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


# --- what the command line gives ------------------------------------------------------------------


def settings_given(given: Sequence[str]) -> dict[str, str]:
    """Settings from NAME=VALUE.

    Raises:
        RecipeError: there is no `=`.
    """
    found = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise RecipeError(f"--set {item} has no value. Write NAME=VALUE.")
        found[name.strip()] = value.strip()
    return found


def check_lab(
    numbers: Sequence[int] = (),
    *,
    text: str | Path | None = None,
    slow: bool = False,
    listener: Listener = nobody,
) -> dict[str, Any]:
    """Reproduce results of the literature: schema `wellkeeper.lab-check/1`.

    Args:
        numbers: of the checks; empty: all.
        text: folder with WikiText-2's test.txt and valid.txt; None: examples/wikitext-2, where there is one.
        slow: run those that take minutes, too.
        listener: is told of each check.

    Raises:
        RecipeError: a number is no check's.
        InputError: the folder does not have what it should.
    """
    folder = Path(text) if text is not None else _WIKITEXT if _WIKITEXT.is_dir() else None
    wanted = check_runner.chosen(numbers)
    found = []
    for done, check in enumerate(wanted):
        listener(Progress(stage=check.name, done=done, total=len(wanted), unit="checks"))
        found.append(check_runner.outcome(check, Materials(text=folder), slow=slow))
    return check_runner.check_document(found)


_WIKITEXT = Path("examples/wikitext-2")


# --- runs beside each other -----------------------------------------------------------------------


def compare_runs(folders: Sequence[str | Path], *, out: str | Path | None = None) -> LabRun:
    """Join runs of one experiment: schema `wellkeeper.lab-comparison/1`.

    Curves are told apart by their folder where more than one run has a policy of that name. They are compared at the
    last generation that all of them have, paired by replicate where the runs began with the same data.

    Args:
        folders: of runs, as `run_experiment` wrote them.
        out: folder for report.html and report.json; None: `wellkeeper-lab/comparison`.

    Raises:
        InputError: a folder is no run's, or the runs are of different experiments.
        WorkError: the folder cannot be made.
    """
    runs = [_loaded(Path(folder)) for folder in folders]
    names = {run.document["experiment"]["name"] for run in runs}
    if len(names) > 1:
        raise InputError(
            f"These are runs of different experiments: {', '.join(sorted(names))}. Compare runs of the same one."
        )
    labels = Counter(curve.label for run in runs for curve in run.curves)
    curves = [
        replace(curve, label=f"{curve.label} ({run.name})") if labels[curve.label] > 1 else curve
        for run in runs
        for curve in run.curves
    ]
    if len({curve.label for curve in curves}) < len(curves):
        raise InputError(
            "A run is given twice, or two have the same folder name. Give each once, or rename one."
        )
    last = runs[0].document
    curves = _to_the_same_end(curves)
    figures = [Figure(**row) for row in last["figures"]]
    document = {
        "schema": COMPARISON,
        "version": __version__,
        "experiment": last["experiment"],
        "runs": [{"name": run.name, "folder": str(run.folder), "plan": run.document["plan"]} for run in runs],
        "paired": _are_paired(runs),
        "figures": last["figures"],
        "curves": [_curve(curve, figures) for curve in curves],
        "reading": read(curves, figures, paired=_are_paired(runs)).to_json(),
    }
    folder = Path(out) if out is not None else Path("wellkeeper-lab/comparison")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another with --out."
        ) from error
    from wellkeeper.report.lab import render_run

    return LabRun(document=document, paths=write_reports(folder, document, render_run(document)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Loaded:
    """A run read back."""

    folder: Path
    name: str
    document: Mapping[str, Any]
    curves: Sequence[Curve]


def _loaded(folder: Path) -> _Loaded:
    try:
        document = json.loads((folder / "curves.json").read_bytes())
        table = pq.read_table(folder / "curves.parquet")
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is not the folder of a run: it has no {Path(error.filename).name}. "
            "Give a folder that `wellkeeper lab run NAME --out FOLDER` wrote."
        ) from error
    except (ValueError, pa.ArrowInvalid) as error:
        raise InputError(f"The run in {folder} is damaged. Run it again with --fresh.") from error
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{folder} holds {document.get('schema')!r}, not {SCHEMA!r}. Run the experiment again with this version."
        )
    return _Loaded(
        folder=folder,
        name=folder.resolve().name,
        document=document,
        curves=[_curve_of(row, table) for row in document["curves"]],
    )


def _curve_of(row: Mapping[str, Any], table: pa.Table) -> Curve:
    """A curve with every replicate, as `table_of` laid them down."""
    points = np.array(row["points"], np.float64)
    mine = table.filter(pc.equal(table["policy"].cast(pa.string()), row["label"]))
    figures = mine["figure"].cast(pa.string())
    return Curve(
        label=row["label"],
        axis=row["axis"],
        points=points,
        figures={
            name: mine.filter(pc.equal(figures, name))["value"].to_numpy().reshape(-1, points.size)
            for name in row["figures"]
        },
        theory={
            name: np.array([math.nan if value is None else value for value in band["theory"]])
            for name, band in row["figures"].items()
            if band["theory"] is not None
        },
        excerpts=row["excerpts"],
    )


def _to_the_same_end(curves: Sequence[Curve]) -> list[Curve]:
    """Curves along generations, cut where the shortest ends; others as they are."""
    if any(curve.axis != "generation" for curve in curves):
        return list(curves)
    end = min(curve.points.size for curve in curves)
    return [
        replace(
            curve,
            points=curve.points[:end],
            figures={name: values[:, :end] for name, values in curve.figures.items()},
            theory={name: values[:end] for name, values in curve.theory.items()},
            excerpts=curve.excerpts[:end],
        )
        for curve in curves
    ]


def _are_paired(runs: Sequence[_Loaded]) -> bool:
    """Whether replicates of all runs began with the same human data."""
    plans = [run.document["plan"] for run in runs]
    began = {
        (plan["seed"], plan["size"], plan["replicates"], (plan["corpus"] or {}).get("digest"))
        for plan in plans
    }
    return len(began) == 1
