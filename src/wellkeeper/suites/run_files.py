"""Runs as files: our own folder, and the logs of other tools.

    RUN/answers.jsonl   one line an item, in the suite's order: prompt, answers, scores
    RUN/run.json        all else that a run is, and the SHA-256 of answers.jsonl; written last

`read_run` takes either our folder or what lm-eval, inspect or promptfoo wrote, so that any two can be compared. Names
after the path choose in a log that holds more than one run or metric: `results#gsm8k`, `log.eval#includes`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any

from wellkeeper import __version__
from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.store import open_atomic, sweep, write_atomic
from wellkeeper.errors import InputError
from wellkeeper.suites.imports import inspect, lm_eval, promptfoo
from wellkeeper.suites.imports.choices import Choices, split_choices
from wellkeeper.suites.imports.logs import files_in, head, json_object
from wellkeeper.suites.run import SCHEMA, Answered, Run

HEADER = "run.json"
ANSWERS = "answers.jsonl"
_IMPORTS = (lm_eval, inspect, promptfoo)
_AGAIN = "It is being written, or was cut off or edited: wait, or write the run again, with the command that wrote it."


def write_run(run: Run, folder: Path) -> None:
    """Write a run as a folder, which may be there; an earlier run in it is replaced.

    Whoever reads at any time, or after a crash, gets a whole run or an error that says so.

    Raises:
        InputError: the folder cannot be written, or another command writes to it at the same time.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        digest = hashlib.sha256()
        with open_atomic(folder / ANSWERS) as file:
            for item in run.items:
                line = json.dumps(_told(item)).encode() + b"\n"
                digest.update(line)
                file.write(line)
        header = {
            "schema": SCHEMA,
            "version": __version__,
            **{name: getattr(run, name) for name in _HEADER_FIELDS},
            "answers": {"file": ANSWERS, "lines": len(run.items), "sha256": digest.hexdigest()},
        }
        write_atomic(folder / HEADER, json.dumps(header, indent=2).encode() + b"\n")
    except FileNotFoundError as error:  # the temporary file: whoever else writes has swept it away
        raise InputError(
            f"{folder} is being written by another command, too. Wait for it, or give each a folder of its own."
        ) from error
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}). Give a folder of yours, on a disk with room."
        ) from error


def read_run(path: Path | str, *, metric: str | None = None) -> Run:
    """The run in a folder of ours, or in a log of lm-eval, inspect or promptfoo.

    Args:
        path: a folder or file, and after it, each behind a `#`, names that choose in a log: a task, a provider, a
            prompt, a metric.
        metric: one more such name.

    Raises:
        InputError: there is no run, it was cut off or edited, or a name chooses nothing in it.
    """
    place, names = split_choices(path)
    choices = Choices(place, [*names, *([] if metric is None else [metric])])
    reader = _reader(place)
    if reader is None:
        raise InputError(_not_a_run(place))
    run = reader(place, choices)
    choices.refuse_unused()
    return run


def is_run(path: Path | str) -> bool:
    """Whether `read_run` is the one to ask about this path; any text may be given, and at most a few KB are read.

    A run that is cut off or edited is a run: reading it says what is wrong.
    """
    place, _ = split_choices(path)
    return _reader(place) is not None


def _reader(place: Path) -> Callable[[Path, Choices], Run] | None:
    """What reads this path; None: it is no run, or may not be looked at."""
    try:
        if not place.exists():
            return None
        if _is_ours(place):
            return _read
        log = next((log for log in _IMPORTS if log.is_log(place)), None)
    except (OSError, ValueError):  # no right to look, too long for a path, or a byte that no path has
        return None
    return None if log is None else partial(_imported, log.read_log)


def _imported(read_log: Callable[[Path, Choices], Run], place: Path, choices: Choices) -> Run:
    try:
        return read_log(place, choices)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError(
            f"{place} is laid out otherwise than this version knows the logs of its tool ({type(error).__name__}: "
            f"{error}). Upgrade wellkeeper, or report the tool's version."
        ) from error


def _not_a_run(place: Path) -> str:
    looked_for = (
        f"a folder of `wellkeeper ask` ({HEADER}), lm-eval's results or samples_*.jsonl, inspect's .eval or .json, "
        "promptfoo's JSON"
    )
    if not place.exists():
        return f"{place} does not exist. Give the path of a run: {looked_for}."
    hint = ""
    if place.is_dir() and any(files_in(place, "results_*.json", "*/results_*.json")):
        hint = " lm-eval writes answers only with --log_samples: evaluate again with it."
    return f"{place} holds no run; looked for {looked_for}.{hint or ' Give the path of one of these.'}"


# --- our own folder ----------------------------------------------------------------------------------------------

_HEADER_FIELDS: dict[str, type | UnionType] = {
    "name": str,
    "model": str,
    "suite": str,
    "metric": str,
    "fingerprint": str,
    "suite_digest": str,
    "temperature": float | int | None,
    "seed_name": str,
    "created": str,
    "tool": str,
    "notes": list,
}
_OUR_HEADER = re.compile(rb'"schema":\s*"wellkeeper\.run/')
_OUR_ANSWERS = re.compile(rb'\{"name": "(?:[^"\\]|\\.)*", "prompt": ')


def _is_ours(place: Path) -> bool:
    """Whether this is our folder, or the header in it; one whose header is damaged has our answers beside it."""
    header = place if place.name == HEADER and place.is_file() else place / HEADER
    return _OUR_HEADER.search(head(header)) is not None or (
        header.is_file() and _OUR_ANSWERS.match(head(header.parent / ANSWERS)) is not None
    )


def _read(place: Path, choices: Choices) -> Run:
    folder = place if place.is_dir() else place.parent
    path = folder / HEADER
    header = json_object(path, again=_AGAIN)
    if header.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is of schema {header.get('schema')}, and this version reads {SCHEMA}. Use the version of "
            "wellkeeper that wrote it, or write the run again."
        )
    try:
        lines, sha256 = int(header["answers"]["lines"]), str(header["answers"]["sha256"])
        told = {name: _of_kind(header[name], kind, name) for name, kind in _HEADER_FIELDS.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no header of a run ({_why(error)}). {_AGAIN}") from error
    items = tuple(_items(folder / ANSWERS, lines=lines, sha256=sha256))
    choices.one_of("metric", [told["metric"]])
    try:
        return Run(**{**told, "notes": tuple(map(str, told["notes"]))}, items=items)
    except InputError as error:
        raise InputError(f"{path}: {error} {_AGAIN}") from error


def _of_kind(value: Any, kind: type | UnionType, name: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}")
    return value


def _items(path: Path, *, lines: int, sha256: str) -> Iterator[Answered]:
    digest, number = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                digest.update(line)
                yield _item(path, number, line)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). {_AGAIN}") from error
    if number != lines:
        raise InputError(f"{path} has {number} lines, and {HEADER} says {lines}. {_AGAIN}")
    if digest.hexdigest() != sha256:
        raise InputError(f"{path} is not the file that {HEADER} was written for (SHA-256). {_AGAIN}")


def _told(item: Answered) -> dict[str, Any]:
    return {
        "name": item.name,
        "prompt": _plain(item.prompt),
        "references": item.references,
        "slices": dict(item.slices),
        "outputs": [_entry(output) for output in item.outputs],
        "scores": item.scores,
        "notes": item.notes,
    }


def _entry(output: Output) -> dict[str, Any]:
    entry = {field.name: getattr(output, field.name) for field in fields(output)}
    return entry | {"first_tokens": None if output.first_tokens is None else dict(output.first_tokens)}


def _plain(prompt: Prompt | None) -> str | list[dict[str, str]] | None:
    return prompt if prompt is None or isinstance(prompt, str) else [dict(message) for message in prompt]


def _item(path: Path, number: int, line: bytes) -> Answered:
    try:
        told: Mapping[str, Any] = json.loads(line)
        return Answered(
            name=str(told["name"]),
            prompt=_prompt(told["prompt"]),
            outputs=tuple(map(Output.from_json, told["outputs"])),
            scores=tuple(None if score is None else float(score) for score in told["scores"]),
            notes=tuple(map(str, told["notes"])),
            references=tuple(map(str, told["references"])),
            slices={str(name): str(value) for name, value in told["slices"].items()},
        )
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
        InputError,
    ) as error:
        raise InputError(f"{path}, line {number}: no item of a run ({_why(error)}). {_AGAIN}") from error


def _prompt(told: Any) -> Prompt | None:
    if told is None or isinstance(told, str):
        return told
    if isinstance(told, list) and all(isinstance(word, str) for turn in told for word in turn.values()):
        return told
    raise TypeError("the prompt is neither a text nor messages")


def _why(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)
