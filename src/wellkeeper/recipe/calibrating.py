"""`calibrate`: a model answers a suite along a grid of temperatures, and a temperature is fitted to difficulty.

The answers at each temperature, and those that tell how hard an item is, are runs of `wellkeeper.recipe.asking` with
one cache in the folder: the same command goes on after a stop or a kill, and pays for nothing twice. All temperatures
share their random numbers item by item, which makes differences sharper; those that tell difficulty have their own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.answers import Output
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError, InputError
from wellkeeper.infer.cache import Store
from wellkeeper.infer.cost import Budget
from wellkeeper.infer.equivalence import Classes, Equivalence, equivalence_of
from wellkeeper.infer.fitted import Calibration, Group, suited
from wellkeeper.infer.sampling import Sampler
from wellkeeper.infer.temperature import (
    FEWEST_ITEMS,
    GRID,
    SAMPLES,
    Tasks,
    calibrate_temperature,
    in_calibration_half,
    too_few,
)
from wellkeeper.infer.voting import Purpose
from wellkeeper.measure.verdicts import MARGIN
from wellkeeper.measure.votes import leader
from wellkeeper.recipe.asking import CACHE, CACHE_FILES, ask
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.results import Documented
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.scoring import JUDGE_TOKENS, SuiteScorers
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.suite import Suite
from wellkeeper.watch.answer_texts import diversity_of, unlike_share_of

SCHEMA = "wellkeeper.calibrate/1"
TEMPERATURE_SCHEMA = "wellkeeper.temperature/1"
TEMPERATURES = "temperature.json"
_FILES = ("report.json", "report.html", TEMPERATURES, *CACHE_FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated(Documented):
    """A temperature fitted to a model. `document` follows the schema `wellkeeper.calibrate/1`."""

    calibration: Calibration | None  # None: too few items have all their answers

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where answers did not come or nothing can be told."""
        return str(self.document["verdict"])


def grid_of(written: str) -> tuple[float, ...]:
    """A grid as it is written on the command line, rising, with 1 in it whether it was written or not.

    >>> grid_of("0.5,0")
    (0.0, 0.5, 1.0)

    Raises:
        InputError: a part is no temperature, or there is none but 1.
    """
    try:
        found = {float(part) for part in written.split(",")} | {1.0}
    except ValueError:
        found = set()
    if len(found) < 2 or not all(0 <= one < np.inf for one in found):
        raise InputError(
            f"--grid {written} is no list of temperatures. Give at least one besides 1, such as 0,0.5,1."
        )
    return tuple(sorted(found))


# --- asking --------------------------------------------------------------------------------------------------------


def calibrate(
    suite: Suite,
    sampler: Sampler,
    *,
    out: Path,
    now: datetime,
    grid: Sequence[float] = GRID,
    samples: int = SAMPLES,
    purpose: Purpose = "serve",
    margin: float = MARGIN,
    seed: int = 0,
    model: str = "",
    budget: Budget | None = None,
    judge: Sampler | None = None,
    judge_budget: Budget | None = None,
    fresh: bool = False,
    listener: Listener = nobody,
) -> Calibrated:
    """Ask a suite along a grid of temperatures, fit one to difficulty, and write what it is worth and costs.

    The same call goes on where it was stopped. Of n items and g temperatures above 0 it asks n * samples * (g + 1)
    answers, and n more where 0 is in the grid.

    Args:
        suite: the items, with a scorer; `sampler` gives answers of at most `suite.tokens`.
        sampler: the model.
        out: folder for the cache of answers, report.html, report.json and temperature.json.
        now: when this is run, with a time zone.
        grid: temperatures, rising, with 1 among them.
        samples: answers an item at each temperature above 0, and as many more that tell its difficulty.
        purpose: `serve` answers, or `train` on them: then no temperature below 1 is recommended.
        margin: gain in accuracy that matters, in (0, 1).
        seed: of every draw.
        model: what the report calls the model.
        budget: most that the model's answers in the folder may cost.
        judge: the model that scorers ask, if they do.
        judge_budget: most that its answers in the folder may cost.
        fresh: forget the answers in `out` and what they cost.
        listener: is told of progress.

    Raises:
        InputError: the suite has no scorer or too few items, fewer than two samples are asked for, or the folder holds
            the calibration of another model or suite; or what `wellkeeper.recipe.asking.ask` says.
        DataError: the grid or the margin makes no sense.
        MissingExtraError: what a scorer needs is not installed.
        WorkError: the model cannot be asked, rejects all, or the budget ends.
    """
    grid = tuple(map(float, grid))
    scorers = SuiteScorers.of(suite, judge=judge)
    _check(suite, scorers, grid, samples, margin)
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        for name in _FILES:
            (out / name).unlink(missing_ok=True)
    _refuse_another(out, sampler.fingerprint, suite)
    cache = out / CACHE
    with Store(cache) as store:
        before = store.spending(sampler.fingerprint).calls

    def run(name: str, temperature: float) -> Run:
        return ask(
            suite,
            sampler,
            name=name,
            now=now,
            model=model,
            cache=cache,
            samples=samples if temperature > 0 else 1,
            temperature=temperature,
            budget=budget,
            judge=judge,
            judge_budget=judge_budget,
            listener=_at(temperature, listener),
        )

    difficulty = run(f"calibrate {seed}, difficulty", 1.0)
    runs = {temperature: run(f"calibrate {seed}", temperature) for temperature in grid}
    tasks = tasks_of(
        difficulty, runs, [equivalence_of(scorers.of_items[item.name], item) for item in suite.items]
    )
    left_out = len(suite.items) - len(tasks.names)
    try:
        found, why = calibrate_temperature(tasks, grid, margin=margin, seed=seed), []
    except DataError as error:  # the grid and the margin were checked: too few items have all their answers
        found, why = None, [str(error)]
    notes = [*suite.notes, *_missing([difficulty, *runs.values()]), *why]
    with Store(cache) as store:
        spending = store.spending(sampler.fingerprint)
        judged = None if judge is None else store.spending(judge.fingerprint)
    price = None if budget is None else budget.price
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "model": {"name": model, "fingerprint": sampler.fingerprint},
        "suite": {"name": suite.name, "digest": suite.digest, "items": len(suite.items)},
        "metric": difficulty.metric,
        "purpose": purpose,
        "samples": samples,
        "seed": seed,
        "left_out": left_out,
        "calibration": None if found is None else found.to_json(),
        "recommended": 1.0 if found is None else found.recommended(purpose),
        "spent": {
            "calls": spending.calls,
            "calls_now": spending.calls - before,
            "prompt_tokens": spending.usage.prompt_tokens,
            "tokens": spending.usage.tokens,
            "money": None if price is None else price.of(spending.usage),
            "judge_tokens": None if judged is None else judged.usage.total,
        },
        "notes": notes,
        "created": now.astimezone(UTC).isoformat(timespec="seconds"),
        "verdict": _verdict(
            found, purpose, is_whole=not any(one.notes for one in (difficulty, *runs.values()))
        ),
    }
    return Calibrated(document=document, paths=_written(out, document, found, purpose), calibration=found)


def calibrate_suite(
    suite: Suite,
    place: ModelPlace,
    *,
    judge: ModelPlace | None = None,
    **options: Any,
) -> Calibrated:
    """As `calibrate`, for a model and a judge that are named by their places.

    Raises:
        InputError, DataError, MissingExtraError, WorkError: as `calibrate`.
    """
    with ExitStack() as opened:
        sampler = opened.enter_context(place.sampler(tokens=suite.tokens))
        judging = None if judge is None else opened.enter_context(judge.sampler(tokens=JUDGE_TOKENS))
        return calibrate(suite, sampler, model=place.name, judge=judging, **options)


def tasks_of(difficulty: Run, runs: Mapping[float, Run], equivalences: Sequence[Equivalence]) -> Tasks:
    """What `calibrate_temperature` takes, of the items that have known scores, and answers to compare, everywhere.

    Args:
        difficulty: several answers an item at a temperature of 1, of draws that are in none of `runs`.
        runs: by temperature, rising; several answers an item, or one at 0.
        equivalences: of each item, which answers say the same.
    """
    items = [
        (item, [run.items[place] for run in runs.values()], equivalences[place])
        for place, item in enumerate(difficulty.items)
        if len(_came(item)) > 1
    ]
    told = [(item, along, _said_by_most(item, equivalence)) for item, along, equivalence in items]
    whole = [
        (item, along, share, vote)
        for item, along, (share, vote) in told
        if item.score is not None
        and vote is not None
        and all(one.score is not None for one in along)
        and all(len(_came(one)) > 1 for one, temperature in zip(along, runs, strict=True) if temperature > 0)
    ]
    size = (len(whole), len(runs))
    measures = {"unlike": unlike_share_of, "distance": diversity_of}
    return Tasks(
        names=tuple(item.name for item, *_ in whole),
        scores=np.array([[one.score for one in along] for _, along, *_ in whole], np.float64).reshape(size),
        difficulty=np.array([item.score for item, *_ in whole], np.float64),
        agreement=np.array([share for *_, share, _ in whole], np.float64),
        vote=np.array([vote for *_, vote in whole], np.float64),
        diversity={
            name: np.array(
                [
                    [
                        measure([output.text for output in _came(one)]) if temperature > 0 else 0.0
                        for one, temperature in zip(along, runs, strict=True)
                    ]
                    for _, along, *_ in whole
                ],
                np.float64,
            ).reshape(size)
            for name, measure in measures.items()
        },
    )


def _came(item: Answered) -> list[Output]:
    return [output for output in item.outputs if output.finish != "error"]


def _said_by_most(item: Answered, equivalence: Equivalence) -> tuple[float, float | None]:
    """Which share of an item's answers say the same, at most, and what that is worth; of two shares the first drawn.

    What the scorer thinks of an answer is not looked at: nobody knows that of an answer to be served. One that says
    nothing agrees with none; where none says anything the vote is the first that came. None: its score is unknown.
    """
    classes = Classes(equivalence)
    came = [place for place, output in enumerate(item.outputs) if output.finish != "error"]
    said = [(classes.add(item.outputs[place].text), item.scores[place]) for place in came]
    if not classes.counts:
        return 0.0, said[0][1]
    most, _ = leader(classes.counts)
    known = [score for own, score in said if own == most and score is not None]
    return classes.counts[most] / len(came), sum(known) / len(known) if known else None


# --- what is told --------------------------------------------------------------------------------------------------


def _verdict(found: Calibration | None, purpose: Purpose, *, is_whole: bool) -> str:
    """For training there is nothing to tell of accuracy: the temperature is 1 whatever it gains."""
    told = found is not None and (purpose == "train" or found.verdict != "not enough data")
    return "clean" if told and is_whole else "findings"


def _missing(runs: Sequence[Run]) -> list[str]:
    """What the runs say of answers that did not come, with the temperature."""
    return [f"At a temperature of {run.temperature:g}: {note}" for run in runs for note in run.notes]


def _written(
    out: Path, document: Mapping[str, Any], found: Calibration | None, purpose: Purpose
) -> dict[str, Path]:
    from wellkeeper.report.calibrate import render_calibration

    paths = write_reports(out, document, render_calibration(document))
    paths[TEMPERATURES.removesuffix(".json")] = out / TEMPERATURES
    told = {
        "schema": TEMPERATURE_SCHEMA,
        "model": document["model"],
        "suite": document["suite"],
        "purpose": purpose,
        "samples": document["samples"],
        "all": document["recommended"],
        "by_difficulty": []
        if found is None
        else [_told(group, group.recommended, purpose) for group in found.by_difficulty],
        # the rule was shown to help with the temperatures that were fitted, and with those alone
        "by_agreement": [_told(group, group.fitted, purpose) for group in found.by_agreement]
        if found is not None and found.policies["agreement"].helps
        else [],
        "not_for": "" if purpose == "train" else "data to be trained on",
    }
    write_atomic(out / TEMPERATURES, (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode())
    return {**paths, "cache": out / CACHE}


def _told(group: Group, temperature: float, purpose: Purpose) -> dict[str, Any]:
    return {
        "name": group.name,
        "from": group.low,
        "to": group.high,
        "temperature": suited(temperature, purpose),
        "verdict": group.verdict,
    }


def _at(temperature: float, listener: Listener) -> Listener:
    """A listener that also says the temperature."""

    def told(event: Progress) -> None:
        listener(replace(event, stage=f"at {temperature:g}, {event.stage}"))

    return nobody if listener is nobody else told


# --- what is refused -----------------------------------------------------------------------------------------------


def _check(suite: Suite, scorers: SuiteScorers, grid: tuple[float, ...], samples: int, margin: float) -> None:
    """All that can be known before the first answer is paid for."""
    unscored = [item.name for item in suite.items if item.name not in scorers.of_items]
    if unscored:
        raise InputError(
            f"The item {unscored[0]} of the suite {suite.name} has no scorer, and without scores no temperature is "
            "better than another. Name a scorer in the suite."
        )
    if samples < 2:
        raise InputError(
            f"{samples} answer an item has no pair to tell diversity from. Ask for 2 or more, better {SAMPLES}."
        )
    names = tuple(item.name for item in suite.items)
    calibration = sum(map(in_calibration_half, names))
    fewest = min(calibration, len(names) - calibration)
    if fewest < FEWEST_ITEMS:
        raise InputError(too_few(fewest, len(names)))
    nothing = np.zeros(len(names))
    tables = np.zeros((len(names), len(grid)))
    calibrate_temperature(
        Tasks(names=names, scores=tables, difficulty=nothing, agreement=nothing, vote=nothing, diversity={}),
        grid,
        margin=margin,
    )


def _refuse_another(out: Path, fingerprint: str, suite: Suite) -> None:
    try:
        earlier = json.loads((out / TEMPERATURES).read_bytes())
        model, name = earlier["model"]["fingerprint"], earlier["suite"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if (model, name) != (fingerprint, suite.name):
        other = "suite" if name != suite.name else "model"
        raise InputError(
            f"{out} holds the calibration of another {other}. Give another folder with --out, or forget that one and "
            "its answers with --fresh."
        )
