"""Logs of EleutherAI's lm-evaluation-harness, written with `--log_samples` (read with 0.4.13 and its source).

A folder of results has `results_DATE.json` and, of each task, `samples_TASK_DATE.jsonl` with a row for each document
and filter. Traps in them:

- a row's score is of one filter: a document has as many rows as the task has filters;
- of several answers (`repeats`) only what the filter made of them has a score, one for the document;
- in a multiple choice nothing is written: the answer is the choice that the model finds likeliest;
- tasks of perplexity (`loglikelihood_rolling`) have no answers at all, and are left out;
- how an answer ended is not logged: one that was cut off looks whole.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Output, Prompt, finish_of
from wellkeeper.errors import InputError
from wellkeeper.suites.imports.choices import Choices
from wellkeeper.suites.imports.logs import (
    called,
    files_in,
    head,
    is_scale,
    json_object,
    messages_of,
    name_of,
    numbered,
    real_of,
    repeats_note,
    score_of,
    word_of,
)
from wellkeeper.suites.run import Answered, Run

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
_FIRST_ROW = re.compile(rb'\s*\{"doc_id": ?\d+, ?"doc": ?')
_AGAIN = "Evaluate again with lm-eval's --log_samples."
_FIELDS = "doc_id target arguments resps filtered_resps filter metrics".split()
_FEW = 3  # tasks that are listed by name
_SEEDS = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """The log of one task."""

    path: Path
    task: str
    run: str  # its folder and date

    @property
    def results(self) -> Path:
        name = _NAME.fullmatch(self.path.name)
        return self.path.with_name(f"results_{name['date']}.json" if name else "results.json")


def is_log(path: Path) -> bool:
    """Whether this is a folder of results, one of its files, or a folder above it."""
    return bool(_logs(path))


def read_log(path: Path, choices: Choices) -> Run:
    """The run of all tasks, or of the one that is chosen, scored by its first usable metric or by the chosen one.

    Raises:
        InputError: the log is damaged, holds several runs, or the chosen metric is no score in [0, 1].
    """
    logs = _logs(path)
    run = choices.must_choose("run", [*dict.fromkeys(log.run for log in logs)])
    tasks = {log.task: log for log in logs if log.run == run}
    chosen = choices.one_of("task", tasks)
    if chosen is not None:
        tasks = {chosen: tasks[chosen]}
    results = _results(next(iter(tasks.values())).results)
    rows = {task: [*_rows(log.path)] for task, log in tasks.items()}
    told = {task: _Task.of(task, found, results) for task, found in rows.items() if not _is_rolling(found[0])}
    silent = [task for task in rows if task not in told]
    if not told:
        raise InputError(
            f"{path} has no answers: {_listed(silent)} measure how likely given texts are. Give a log of a task in "
            "which the model writes or chooses."
        )
    metric = choices.one_of(
        "metric", dict.fromkeys(label for task in told.values() for label in task.metrics)
    )
    choices.refuse_unused()
    for task in told.values():
        task.check(path, metric)
    labels = {task: one.scored_by(metric) for task, one in told.items()}
    items = _together({task: [*one.items(labels[task])] for task, one in told.items()})
    temperatures = {one.temperature for one in told.values()}
    temperature = temperatures.pop() if len(temperatures) == 1 else None
    return Run(
        name=called(path),
        model=word_of(results.get("model_name")) or called(path),
        suite=_listed(told),
        items=tuple(items),
        metric=" + ".join(dict.fromkeys(filter(None, labels.values()))),
        temperature=temperature,
        seed_name=_seeds(results),
        created=_created(results),
        tool=f"lm-eval {word_of(results.get('lm_eval_version'))}".strip(),
        notes=(
            *([f"{_listed(silent)}: left out, for there are no answers in it."] if silent else []),
            *_notes(told, labels, asked=metric is not None),
            *repeats_note(items, temperature, "lm-eval sends one seed with every request to a server."),
        ),
    )


def _together(tasks: Mapping[str, Sequence[Answered]]) -> list[Answered]:
    """The items of all tasks; where tasks share documents, named after the task too, so that no two are taken for one.

    Else names are those that the task has alone, so that an evaluation of it pairs with one of several tasks.
    """
    if len(tasks) == 1:
        return [*next(iter(tasks.values()))]
    names = [item.name for items in tasks.values() for item in items]
    are_shared = len({*names}) < len(names)
    return [
        replace(item, name=f"{task}/{item.name}" if are_shared else item.name, slices={"task": task})
        for task, items in tasks.items()
        for item in items
    ]


def _logs(path: Path) -> list[_Samples]:
    """All logs of tasks that a path stands for."""
    named = _NAME.fullmatch(path.name)
    if _first_row(path):
        return [_Samples(path=path, task=named["task"] if named else path.stem, run=path.name)]
    if path.suffix == ".json" and path.name.startswith("results_"):
        date = path.stem.removeprefix("results_")
        return [log for log in _logs_in(path.parent, "samples_*.jsonl") if log.run == date]
    return _logs_in(path, "samples_*.jsonl") or _logs_in(path, "*/samples_*.jsonl")


def _logs_in(folder: Path, pattern: str) -> list[_Samples]:
    found = [(path, _NAME.fullmatch(path.name)) for path in files_in(folder, pattern)]
    return [
        _Samples(
            path=path,
            task=name["task"],
            run=name["date"] if path.parent == folder else f"{path.parent.name}/{name['date']}",
        )
        for path, name in found
        if name and _first_row(path)
    ]


def _first_row(path: Path) -> bool:
    """Whether the first row is of this tool, as far as its first bytes tell: rows can be of any length."""
    begin = head(path)
    return _FIRST_ROW.match(begin) is not None and (
        _NAME.fullmatch(path.name) is not None or b'"filtered_resps"' in begin
    )


def _results(path: Path) -> dict[str, Any]:
    return json_object(path, again=_AGAIN) if path.is_file() else {}


def _rows(path: Path) -> Iterator[Row]:
    """What is read of each row; of a document its name, for it is logged anew for each filter."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    row["doc_id"], row["resps"][0][0], row["filter"]
                except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
                    raise InputError(
                        f"{path}, line {number}: no sample of lm-eval ({type(error).__name__}: {error}). {_AGAIN}"
                    ) from error
                kept = {name: row[name] for name in (*_FIELDS, *row.get("metrics", ())) if name in row}
                yield kept | {"doc": _doc_name(row)}
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). {_AGAIN}") from error


def _seeds(results: Mapping[str, Any]) -> str:
    config = results.get("config") or {}
    return ", ".join(f"{name} {config[name]}" for name in _SEEDS if config.get(name) is not None)


def _created(results: Mapping[str, Any]) -> str:
    date = real_of(results.get("date"))
    try:
        return "" if date is None else datetime.fromtimestamp(date, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # after the last year there is
        return ""


# --- one task ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What one task's log holds."""

    name: str
    documents: Mapping[int, Mapping[str, Row]]  # rows by document, then by filter
    scored: Mapping[str, tuple[str, str]]  # metric and filter of each label, such as "exact_match,strict"
    metrics: Mapping[str, str]  # why each label is no score; "": it is one
    limit: Any  # of the evaluation; None: all items
    expected: int | None  # documents, as the results have it

    @classmethod
    def of(cls, name: str, rows: Sequence[Row], results: Mapping[str, Any]) -> "_Task":
        documents: dict[int, dict[str, Row]] = {}
        for row in rows:
            documents.setdefault(row["doc_id"], {})[str(row["filter"])] = row
        higher = (results.get("higher_is_better") or {}).get(name) or {}
        scored = {
            _label(metric, str(row["filter"])): (str(metric), str(row["filter"]))
            for row in rows
            for metric in row.get("metrics", ())
        }
        return cls(
            name=name,
            documents=documents,
            scored=scored,
            metrics={
                label: "lower is better"
                if higher.get(metric) is False
                else ""
                if is_scale(row.get(metric) for row in rows if row["filter"] == by)
                else "not in [0, 1]"
                for label, (metric, by) in scored.items()
            },
            limit=(results.get("config") or {}).get("limit"),
            expected=((results.get("n-samples") or {}).get(name) or {}).get("effective"),
        )

    @property
    def usable(self) -> list[str]:
        return [label for label, fault in self.metrics.items() if not fault]

    @property
    def temperature(self) -> float | None:
        found = {_temperature(row) for rows in self.documents.values() for row in rows.values()}
        return found.pop() if len(found) == 1 else None

    def check(self, path: Path, metric: str | None) -> None:
        """Refuse a metric that this task has not, or that is no score."""
        if metric is None:
            return
        fault = self.metrics.get(metric, "not logged")
        if fault:
            raise InputError(
                f"{path}: {metric} is no score of the task {self.name} ({fault}). "
                + (
                    f"Choose {' or '.join(self.usable)}."
                    if self.usable
                    else "Choose another task, or no metric: answers are compared without scores then."
                )
            )

    def scored_by(self, metric: str | None) -> str:
        """The label of the metric that scores; "": the task has none."""
        return metric if metric is not None else next(iter(self.usable), "")

    def items(self, label: str) -> Iterator[Answered]:
        metric, by = self.scored.get(label, ("", ""))
        rows = [filters.get(by) or next(iter(filters.values())) for filters in self.documents.values()]
        for name, row in zip(numbered([row["doc"] for row in rows]), rows, strict=True):
            outputs = _outputs(row)
            others = len(outputs) - 1
            score = score_of(row.get(metric)) if row["filter"] == by else None
            yield Answered(
                name=name,
                prompt=_prompt(row),
                outputs=outputs,
                # what the filter made of all answers has the score: it stands with the first
                scores=(score, *[None] * others) if label else (),
                notes=(_read(row), *[""] * others) if label else (),
                references=_references(row),
            )

    def notes(self, label: str, *, asked: bool) -> Iterator[str]:
        others = [other for other in self.usable if other != label]
        if label and others and not asked:
            yield f"scored by {label}, the first of the metrics; also logged: {', '.join(others)}."
        if not label:
            faults = "; ".join(f"{name}: {fault}" for name, fault in self.metrics.items()) or "none is logged"
            yield f"no score in [0, 1] ({faults}): the answers are not scored."
        if self.limit is not None:
            yield f"evaluated with --limit {self.limit:g}: on the first items only."
        if self.expected is not None and self.expected != len(self.documents):
            yield f"{len(self.documents)} items are in the log, and {self.expected} in the results."
        first = next(iter(next(iter(self.documents.values())).values()))
        if _is_choice(first):
            yield "measured by log-likelihood: nothing was written, and an answer is the choice that is likeliest."
        else:
            yield "lm-eval does not log how answers ended; those that were cut off look whole."


def _notes(tasks: Mapping[str, _Task], labels: Mapping[str, str], *, asked: bool) -> Iterator[str]:
    """The notes of all tasks, each once, with the tasks that it is about."""
    about: dict[str, list[str]] = {}
    for name, task in tasks.items():
        for note in task.notes(labels[name], asked=asked):
            about.setdefault(note, []).append(name)
    for note, names in about.items():
        yield f"{_listed(names)}: {note}"


def _listed(tasks: Collection[str]) -> str:
    return ", ".join(tasks) if len(tasks) <= _FEW else f"{len(tasks)} tasks of lm-eval"


def _label(metric: str, by: str) -> str:
    return metric if by == "none" else f"{metric},{by}"


def _doc_name(row: Row) -> str:
    doc = row.get("doc")
    return str(row["doc_id"]) if doc is None else name_of(doc)


def _is_rolling(row: Row) -> bool:
    """Whether the row has the likelihood of a text, which is all that was given."""
    return bool(row.get("arguments")) and _arguments(row)[0][1] is None


def _is_choice(row: Row) -> bool:
    return isinstance(row["resps"][0][0], Sequence) and not isinstance(row["resps"][0][0], str)


def _outputs(row: Row) -> tuple[Output, ...]:
    if _is_choice(row):
        return (_chosen(row),)
    texts = [answer if isinstance(answer, str) else "" for answers in row["resps"] for answer in answers]
    return tuple(Output(text=text, finish=finish_of(text, "stop")) for text in texts)


def _chosen(row: Row) -> Output:
    """The likeliest choice. Where one continuation was given alone, it is the answer if nothing else is likelier."""
    choices = _choices(row)
    found = [float(answers[0][0]) for answers in row["resps"][: len(choices)]]
    is_likeliest = len(found) > 1 or str(row["resps"][0][0][1]) == "True"
    if not is_likeliest:
        return Output(text="", finish="stop", note="another continuation is likelier, and is not logged")
    return Output(text=choices[found.index(max(found))], finish="stop")


def _read(row: Row) -> str:
    """What the filter read out of the answer; of a choice there is nothing to read."""
    read = row.get("filtered_resps")
    if _is_choice(row) or not isinstance(read, Sequence) or not read:
        return ""
    return str(read[0])


def _references(row: Row) -> tuple[str, ...]:
    targets = row.get("target")
    many = targets if isinstance(targets, list) else [] if targets is None else [targets]
    if not _is_choice(row):
        return tuple(map(str, many))
    choices = _choices(row)
    by_number = {str(number): choice for number, choice in enumerate(choices)}
    named = [by_number.get(str(target), str(target)) for target in many]
    # where contexts are the choices, the log has what follows each in place of the right one
    return tuple(name for name in named if len(choices) == 1 or name.strip() in choices)


def _choices(row: Row) -> list[str]:
    """What there was to choose from: continuations, or where all have the same (as in WinoGrande) their contexts."""
    arguments = _arguments(row)
    if "acc_mutual_info" in row.get("metrics", ()):  # asks for each continuation without its context, too
        arguments = arguments[: len(arguments) // 2]
    after = [str(second).strip() for _, second in arguments]
    return [str(first) for first, _ in arguments] if len(after) > 1 and len({*after}) == 1 else after


def _arguments(row: Row) -> list[tuple[Any, Any]]:
    """What each request of a document was: prompt, and options of generation or the continuation."""
    arguments = row.get("arguments") or [[None, {}]]
    if isinstance(arguments, Mapping):
        arguments = [[*one.values()] for one in arguments.values()]
    return [(one[0], one[1] if len(one) > 1 else None) for one in arguments]


def _prompt(row: Row) -> Prompt | None:
    prompt = _arguments(row)[0][0]
    if not isinstance(prompt, list):
        return prompt if isinstance(prompt, str) else None
    try:  # a conversation is logged as one text of JSON, in a list
        return messages_of(json.loads(prompt[0]))
    except (IndexError, TypeError, ValueError):
        return None


def _temperature(row: Row) -> float | None:
    options = _arguments(row)[0][1]
    if not isinstance(options, Mapping):
        return None
    if options.get("do_sample") is False:
        return 0.0
    return real_of(options.get("temperature"))
