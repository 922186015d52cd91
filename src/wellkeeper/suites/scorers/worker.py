"""The program of the worker: takes requests a line at a time, and ends itself where one takes too long.

It is started by its path, without wellkeeper around it. What it runs can neither be interrupted nor trusted to end: a
regular expression that backtracks, an equation that is simplified for ever. So the kernel ends it, by the timer of the
CPU time that it uses. That does not depend on what else the machine does, as time on the clock does.
"""

import contextlib
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_MEMORY = 2 << 30  # bytes of address space
_DEEPEST = 100  # brackets from which on an answer is searched for JSON that ends well


# --- regular expressions -----------------------------------------------------------------------------------------


def search(
    pattern: str, flags: int, text: str, group: int | str, *, whole: bool, last: bool
) -> list[str | None]:
    """What the group took in the first or last match: a list of one; an empty one where nothing matches."""
    compiled = re.compile(pattern, flags)
    if whole:
        match = compiled.fullmatch(text)
        return [match[group]] if match else []
    found: list[str | None] = []
    for match in compiled.finditer(text):
        found = [match[group]]
        if not last:
            break
    return found


# --- JSON --------------------------------------------------------------------------------------------------------


def check_json(texts: Sequence[str], schema: Any, *, strict: bool) -> dict[str, Any]:
    """Whether the JSON of an answer is as the schema says: `valid`, and why not."""
    import jsonschema
    from referencing import Registry

    try:
        value = json_of(texts, strict=strict)
    except ValueError:
        return {"valid": False, "note": "no JSON in the answer"}
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    errors = kind(schema, registry=Registry()).iter_errors(value)  # the registry fetches nothing
    error = jsonschema.exceptions.best_match(errors)
    if error is None:
        return {"valid": True, "note": "valid"}
    return {"valid": False, "note": f"{error.json_path}: {error.message}"}


def json_of(texts: Sequence[str], *, strict: bool) -> Any:
    """The JSON of an answer: the first of the texts that is some, or the longest object or array within the first text.

    Raises:
        ValueError: there is none.
    """
    for text in texts:
        with contextlib.suppress(ValueError):
            return _loaded(text)
    if strict:
        raise ValueError
    text = texts[0]
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found = []
    place = 0
    for _ in range(_DEEPEST):
        bracket = re.compile(r"[{\[]").search(text, place)
        if bracket is None:
            break
        try:
            value, place = decoder.raw_decode(text, bracket.start())
            found.append((place - bracket.start(), value))
        except (ValueError, RecursionError):
            place = bracket.end()
    if not found:
        raise ValueError
    return max(found, key=lambda one: one[0])[1]


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError from error


def _refuse(constant: str) -> None:
    """JSON has no NaN and no Infinity; Python's reader takes them."""
    raise ValueError(constant)


# --- mathematics -------------------------------------------------------------------------------------------------


def check_math(reference: str, answer: str) -> dict[str, Any]:
    """Whether an answer equals a reference, and how both were read; None where the reference cannot be read."""
    wanted = _expressions(_in_dollars(reference))
    if not wanted:
        return {"right": None, "read": ""}
    given = _expressions(answer)
    return {"right": _any_equal(wanted, given), "read": str(given[-1]) if given else ""}


def read_math(answer: str) -> str:
    """How an answer is read; "" where it holds no mathematics."""
    given = _expressions(answer)
    return str(given[-1]) if given else ""


def same_math(one: str, other: str) -> bool:
    """Whether two answers are equal as expressions."""
    return _any_equal(_expressions(one), _expressions(other))


def _any_equal(wanted: Sequence[Any], given: Sequence[Any]) -> bool:
    """Whether one reading equals another; an error in between counts only where no reading does."""
    from math_verify import verify

    failure: Exception | None = None
    for one, other in itertools.product(wanted, given):
        try:
            if verify(one, other, timeout_seconds=None, raise_on_error=True):
                return True
        except Exception as error:  # noqa: BLE001 - of a computer algebra system, anything
            failure = error
    if failure is not None:
        raise failure
    return False


def _in_dollars(reference: str) -> str:
    """math-verify reads LaTeX only where dollars or a box say that it is some."""
    marked = "$" in reference or "\\boxed" in reference or "\\(" in reference or "\\[" in reference
    return reference if marked else f"${reference}$"


def _expressions(text: str) -> list[Any]:
    from math_verify import parse

    return list(parse(text, parsing_timeout=None))


# --- requests ----------------------------------------------------------------------------------------------------

TASKS: Mapping[str, Callable[..., Any]] = {
    "search": search,
    "check_json": check_json,
    "check_math": check_math,
    "read_math": read_math,
    "same_math": same_math,
}


def _prepare(task: str) -> None:
    """Import what a task needs, so that its time is its own."""
    if task == "check_json":
        import jsonschema  # noqa: F401
    elif task in {"check_math", "read_math", "same_math"}:
        import logging

        import math_verify  # noqa: F401

        logging.disable(logging.CRITICAL)  # it says that our own limit of time is ours to keep


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = _MEMORY if most == resource.RLIM_INFINITY else min(_MEMORY, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _replied(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        _prepare(request["task"])
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        try:
            return {"answer": TASKS[request["task"]](**request["arguments"])}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except MemoryError:
        return {"failed": f"it took more than {_MEMORY >> 20:,} MiB of memory"}
    except Exception as error:  # noqa: BLE001 - whatever it is, the next request must be served
        return {"failed": f"{type(error).__name__}: {str(error)[:200]}"}


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what libraries print is no reply
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # a program that profiles itself may ignore or block it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    _limit_memory()
    for line in sys.stdin.buffer:
        replies.write(json.dumps(_replied(json.loads(line))).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()
