"""`feedback`: rounds of selective self-training by a plan, kept and told.

The folder has a line for each seed, `seed-0/round-00/` and so on (`wellkeeper.feedback.folder`), plan.json, report.html
and report.json. Running again goes on after the last whole round.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, RecipeError, WorkError, did_you_mean
from wellkeeper.feedback.evaluation import HeldOut, is_rare
from wellkeeper.feedback.materials import Materials
from wellkeeper.feedback.plan import FRESH_ITEMS, Plan, read_plan
from wellkeeper.feedback.rounds import run_line
from wellkeeper.feedback.student import Example, Student
from wellkeeper.measure import student as student_t
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.results import Documented
from wellkeeper.recipe.running import Clock, Running
from wellkeeper.suites.reading import read_suite
from wellkeeper.suites.suite import Suite
from wellkeeper.vet.cards import card_for
from wellkeeper.vet.verifiers import read_verifiers

SCHEMA = "wellkeeper.feedback/1"
STUDENTS = ("transformer", "transformers", "own")
_FIGURES = ("accuracy", "rare", "unlike")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Feedback(Documented):
    """Rounds of self-training. `document` follows the schema `wellkeeper.feedback/1`."""

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where a line was stopped or shows harm."""
        return str(self.document["verdict"])

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.feedback import render_feedback

        return render_feedback(self.document)

    def __repr__(self) -> str:
        stops = [line["stopped"] or "done" for line in self.document["lines"]]
        return f"Feedback({self.document['plan']['name']}, {len(stops)} lines: {', '.join(stops)})"


def feed_back(
    plan: str | Path | Plan,
    *,
    out: str | Path | None = None,
    fresh: bool = False,
    materials: Materials | None = None,
    listener: Listener = nobody,
) -> Feedback:
    """Run the rounds of a plan, for each of its seeds.

    Args:
        plan: a YAML file, or the plan itself.
        out: folder for rounds and reports; None: `wellkeeper-feedback`.
        fresh: forget what an earlier run left.
        materials: student, examples, prompts, held-out items and verifiers, in place of those that the plan names.
        listener: is told of each round.

    Raises:
        InputError: a path cannot be read, or held-out items are among the prompts.
        RecipeError: the plan says something that cannot be done.
        WorkError: the folder cannot be used, holds rounds of another plan, or a model cannot be trained.
        MissingExtraError: the student needs what is not installed.
    """
    clock = Clock()
    known = plan if isinstance(plan, Plan) else read_plan(Path(plan))
    folder = Path(out) if out is not None else Path("wellkeeper-feedback")
    given = materials or materials_of(known)
    given.check(known)
    if fresh:
        _forget(folder, known)
    lines = [
        (seed, run_line(known, given, seed, folder / f"seed-{seed}", listener=listener))
        for seed in known.seeds
    ]
    document = document_of(known, given, lines)
    write_atomic(folder / "plan.json", _plan_bytes(document["plan"]))
    document["run"] = clock.told(Running(work=folder), seed=known.seeds[0])
    from wellkeeper.report.feedback import render_feedback

    paths = {"rounds": folder, **write_reports(folder, document, render_feedback(document))}
    return Feedback(document=document, paths=paths)


def _plan_bytes(plan: Mapping[str, Any]) -> bytes:
    return json.dumps(plan, ensure_ascii=False, indent=2).encode() + b"\n"


def _forget(folder: Path, plan: Plan) -> None:
    """Remove the lines of this plan's seeds, and nothing else."""
    for seed in plan.seeds:
        try:
            shutil.rmtree(folder / f"seed-{seed}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise WorkError(
                f"{folder / f'seed-{seed}'} cannot be removed ({error.strerror}). Give another folder with --out."
            ) from error


# --- what a plan names -----------------------------------------------------------------------------------------------


def materials_of(plan: Plan) -> Materials:
    """What the plan's paths hold.

    Raises:
        InputError, RecipeError, MissingExtraError: as of `feed_back`.
    """
    people = read_suite(plan.path(plan.human))
    human = examples_of(people, rare=plan.rare)
    prompts = read_suite(plan.path(plan.prompts))
    held_out = HeldOut.of(read_suite(plan.path(plan.held_out)), rare=plan.rare)
    verifiers = None if plan.verifiers is None else read_verifiers(plan.path(plan.verifiers))
    if plan.card is not None and verifiers is None:
        raise RecipeError(
            "The plan has a card and no verifiers. Name the verifiers that it was measured for."
        )
    card = None if plan.card is None or verifiers is None else card_for(verifiers, plan.path(plan.card))
    texts = [
        *(str(part) for one in human for part in (one.prompt, one.answer)),
        *(str(item.prompt) for suite in (prompts, held_out.suite) for item in suite.items),
    ]
    detector = None
    if plan.detector is not None:
        from wellkeeper.feedback.own import own_detector

        detector = own_detector(code_at(plan.folder, plan.detector))
    return Materials(
        student=student_of(plan.student, texts=texts, folder=plan.folder),
        human=human,
        prompts=prompts,
        held_out=held_out,
        verifiers=verifiers,
        card=card,
        detector=detector,
        notes=tuple(f"{people.name}: {note}" for note in people.notes),
    )


def code_at(folder: Path, place: str) -> str:
    """A place of code: files are relative to the folder, modules are not."""
    return str(folder / place) if place.partition(":")[0].endswith(".py") else place


def examples_of(suite: Suite, *, rare: str = "rare") -> tuple[Example, ...]:
    """Prompts with the first reference as their answer; `rare` names the slice that marks the tail.

    Raises:
        InputError: an item has none.
    """
    found = []
    for item in suite.items:
        if not item.references:
            raise InputError(
                f"The human example {item.name} of {suite.name} has no answer. Give it one as its reference."
            )
        found.append(
            Example(prompt=suite.asked(item), answer=item.references[0], rare=is_rare(item.slices.get(rare)))
        )
    return tuple(found)


def student_of(settings: Mapping[str, Any], *, texts: Sequence[str], folder: Path) -> Student:
    """The student that a plan describes by its kind and settings.

    Raises:
        RecipeError: there is no such kind or setting.
        InputError, MissingExtraError, WorkError: the student's model or code cannot be used.
    """
    kind = settings.get("kind")
    rest = {name: value for name, value in settings.items() if name != "kind"}
    if kind == "transformer":
        from wellkeeper.feedback.transformer import transformer_of

        return transformer_of(rest, texts)
    if kind == "transformers":
        from wellkeeper.feedback.tuned import tuned_of

        return tuned_of(rest, folder)
    if kind == "own":
        if set(rest) != {"module"} or not isinstance(rest["module"], str):
            raise RecipeError(
                "The student own has one setting: module: FILE.py, FILE.py:object or module:object."
            )
        from wellkeeper.feedback.own import own_student

        return own_student(code_at(folder, rest["module"]))
    raise RecipeError(
        f"There is no student {kind!r}.{did_you_mean(str(kind), STUDENTS)} There are: {', '.join(STUDENTS)}."
    )


# --- what is told ----------------------------------------------------------------------------------------------------


def document_of(
    plan: Plan, materials: Materials, lines: Sequence[tuple[int, Sequence[Mapping[str, Any]]]]
) -> dict[str, Any]:
    """All rounds of all lines, and their means: schema `wellkeeper.feedback/1`."""
    told = [_line(seed, records) for seed, records in lines]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "plan": _plan(plan, materials),
        "lines": told,
        "curve": [_mean_round(k, told) for k in range(plan.rounds + 1)],
        "gain": _gain(told),
        "notes": _notes(plan, materials),
        "verdict": "findings" if any(line["harm_in"] or line["refused_in"] for line in told) else "clean",
    }


def _plan(plan: Plan, materials: Materials) -> dict[str, Any]:
    left_out = {"folder", "seeds"}
    said = {name: getattr(plan, name) for name in Plan.__dataclass_fields__ if name not in left_out}
    return {
        **said,
        "student": dict(plan.student),
        "selection": None if plan.selection is None else asdict(plan.selection),
        "seeds": list(plan.seeds),
        "human_examples": len(materials.human),
        "prompts_there": len(materials.prompts.items),
        "held_out_items": len(materials.held_out.suite.items),
        "verified": materials.verifiers is not None,
        "verifier": None if materials.verifiers is None else materials.verifiers.name,
        "generator": materials.student.name,
    }


_TOLD = (
    "round",
    "figures",
    "best_figures",
    "generated",
    "gate",
    "mix",
    "selection",
    "compared",
    "evidence",
    "harm",
    "head",
    "best",
    "stopped",
)


def _line(seed: int, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last = records[-1]
    return {
        "seed": seed,
        "rounds": [{name: record[name] for name in _TOLD if name in record} for record in records],
        "stopped": last["stopped"],
        "stopped_in": last["round"] if last["stopped"] else None,
        "harm_in": next((record["round"] for record in records if record.get("harm")), None),
        "refused_in": next(
            (record["round"] for record in records if record.get("gate", {}).get("verdict") == "refused"),
            None,
        ),
        "kept": last["head"],
        "best": last["best"],
    }


def _mean_round(k: int, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each figure over the lines that came to this round, with its 95 % interval over lines.

    Of one line the intervals are over its items and its prompts.
    """
    rounds = [line["rounds"][k] for line in lines if k < len(line["rounds"])]
    having = [row["figures"] for row in rounds if row.get("figures")]
    generated = [row["generated"] for row in rounds if row.get("generated")]
    if len(lines) == 1:
        of_one = {name: having[0][name] if having else None for name in _FIGURES}
        kept = generated[0]["let_in"] if generated else None
        return {"round": k, "lines": len(having), **of_one, "kept": kept}
    figures = {
        name: over_lines([row[name]["estimate"] for row in having if row[name] is not None])
        for name in _FIGURES
    }
    shares = [row["accepted"] / max(1, row["answers"]) for row in generated]
    return {"round": k, "lines": len(having), **figures, "kept": over_lines(shares)}


def over_lines(values: Sequence[float]) -> dict[str, float | None] | None:
    """The mean over lines with Student's interval; no interval of one line, None of none."""
    if not values:
        return None
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"estimate": mean, "low": None, "high": None}
    reach = student_t.reach(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return {"estimate": mean, "low": mean - reach, "high": mean + reach}


def _gain(lines: Sequence[Mapping[str, Any]]) -> dict[str, float | None] | None:
    """Accuracy of the last model less that of the first, over lines; a model that was rejected counts."""
    ends = [[row["figures"] for row in line["rounds"] if row.get("figures")] for line in lines]
    return over_lines(
        [
            found[-1]["accuracy"]["estimate"] - found[0]["accuracy"]["estimate"]
            for found in ends
            if len(found) > 1 and found[0]["accuracy"] and found[-1]["accuracy"]
        ]
    )


def _notes(plan: Plan, materials: Materials) -> list[str]:
    found = []
    if plan.temperature < 1:
        found.append(
            f"Answers that are trained on are drawn at temperature {plan.temperature:g}: below 1 the next model never "
            "sees what the last one seldom writes, and the tail goes first. Low temperatures are for answers that are "
            "served. Set temperature: 1."
        )
    if plan.evaluation_temperature == 0:
        found.append(
            "Held-out items are answered at temperature 0, where a model answers the same each time: the best model so "
            "far is best on these very items, partly by luck, and a stop for harm comes too often. Set "
            "evaluation_temperature: 1."
        )
    if plan.rounds >= FRESH_ITEMS:
        found.append(
            f"{plan.rounds} rounds are judged on the same held-out items: the best model is best on these partly by "
            "luck, and more lines are stopped for harm than the level says. Begin a new plan with other held-out items "
            f"after fewer than {FRESH_ITEMS} rounds."
        )
    core = len(materials.human) if plan.human_core is None else plan.human_core
    if core == 0:
        found.append("No human example is in the training sets of rounds. Set human_core.")
    if materials.verifiers is not None and materials.card is None:
        found.append(
            "The verifiers have no card: how often they keep wrong answers is not known. Measure one with `wellkeeper "
            "verifier`, and name it as card."
        )
    suites = (materials.prompts, materials.held_out.suite)
    return [*found, *materials.notes, *(f"{suite.name}: {note}" for suite in suites for note in suite.notes)]
