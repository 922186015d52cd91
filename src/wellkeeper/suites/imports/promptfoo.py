"""Results of promptfoo, written with `--output NAME.json` (read with 0.121.20).

One file holds all providers times all prompts, and each pair is a run: where there are several, they are chosen by
name, `results.json#gpt-4.1#prompt 2`. Results stand in the order in which they came; a test that was repeated has a
row for each answer, with a number of its own. An answer that did not come counts as a failed test there. Here its
score is unknown, and the share of such answers is a figure of its own.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Output, finish_of
from wellkeeper.errors import InputError
from wellkeeper.suites.imports.choices import Choices
from wellkeeper.suites.imports.logs import (
    count_of,
    head,
    is_scale,
    json_object,
    messages_of,
    name_of,
    numbered,
    real_of,
    repeats_note,
    score_of,
    slices_of,
    word_of,
)
from wellkeeper.suites.run import Answered, Run

_LOG = re.compile(
    rb'\s*\{\s*(?:"evalId":\s*(?:"[^"]*"|null),\s*"results":\s*\{|"results":\s*\{\s*"version":)'
)
_AGAIN = "Write it again: promptfoo export eval ID --output results.json"
_ERROR = 2  # promptfoo's ResultFailureReason: 0 none, 1 an assertion, 2 an error
_PASS, _SCORE = "pass", "score"
_SAID = frozenset(
    {"equals", "contains", "icontains"}
)  # assertions whose value is a good answer, or part of one

Result = Mapping[str, Any]


def is_log(path: Path) -> bool:
    """Whether this is a file of results."""
    return _LOG.match(head(path)) is not None


def read_log(path: Path, choices: Choices) -> Run:
    """The run of one provider and prompt, scored by whether tests passed, or by the chosen score.

    Raises:
        InputError: the file is damaged or empty, holds several runs, or the chosen score is not in [0, 1].
    """
    log = json_object(path, again=_AGAIN)
    results: list[Result] = log["results"]["results"]
    if not results:
        raise InputError(f"{path} holds no result. Run the evaluation again, and look at its errors.")
    provider = choices.must_choose("provider", sorted({_provider(result) for result in results}))
    of_provider = [result for result in results if _provider(result) == provider]
    prompts = _prompts(of_provider)
    prompt = choices.must_choose("prompt", [*prompts])
    rows = sorted(
        (result for result in of_provider if _prompt_id(result) == prompts[prompt]),
        key=lambda result: result["testIdx"],
    )
    scores = _Scores.of(rows)
    chosen = choices.one_of("metric", scores.names)
    choices.refuse_unused()
    if chosen is not None and chosen not in scores.usable:
        others = " or ".join(scores.usable) or "no score: no test asserted anything"
        raise InputError(f"{path}: {chosen} is no score in [0, 1]. Choose {others}.")
    metric = chosen or next(iter(scores.usable), "")
    items = tuple(_items(rows, metric))
    temperature = _temperature(log, rows[0])
    failed = sum(_is_error(result) for result in rows)
    return Run(
        name=path.stem,
        model=provider,
        suite=word_of((log.get("config") or {}).get("description")) or path.stem,
        items=items,
        metric=metric,
        temperature=temperature,
        created=word_of(log["results"].get("timestamp")),
        tool=f"promptfoo {word_of((log.get('metadata') or {}).get('promptfooVersion'))}".strip(),
        notes=(
            *([f"{failed} answers did not come, and their score is unknown."] if failed else []),
            *scores.notes(metric, asked=chosen is not None),
            *repeats_note(
                items,
                temperature,
                "promptfoo keeps answers unless --no-cache is given, or one seed was sent.",
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    """The scores that results have, each by its name."""

    names: tuple[str, ...]
    usable: tuple[str, ...]

    @classmethod
    def of(cls, results: Sequence[Result]) -> "_Scores":
        asserted = any((result.get("gradingResult") or {}).get("componentResults") for result in results)
        named = dict.fromkeys(name for result in results for name in result.get("namedScores") or {})
        names = (_PASS, _SCORE, *named)
        return cls(
            names=names,
            usable=tuple(
                name for name in names if asserted and is_scale(_value(result, name) for result in results)
            ),
        )

    def notes(self, metric: str, *, asked: bool) -> Iterator[str]:
        if not metric:
            yield "No test asserted anything: the answers are not scored."
        elif not asked and len(self.usable) > 1:
            others = ", ".join(name for name in self.usable if name != metric)
            said = "whether tests passed (pass)" if metric == _PASS else metric
            yield f"Scored by {said}; the results also have {others}."


def _value(result: Result, name: str) -> Any:
    if _is_error(result):
        return None
    if name in {_PASS, _SCORE}:
        return result["success"] if name == _PASS else result.get("score")
    return (result.get("namedScores") or {}).get(name)


def _is_error(result: Result) -> bool:
    return result.get("failureReason") == _ERROR


# --- providers and prompts ---------------------------------------------------------------------------------------


def _provider(result: Result) -> str:
    provider = result["provider"]
    return str(provider.get("label") or provider["id"])


def _prompt_id(result: Result) -> str:
    return str(result.get("promptId") or result["prompt"]["label"])


def _prompts(results: Sequence[Result]) -> dict[str, str]:
    """The id of each prompt by its label, or by its number where the label is the prompt itself."""
    labels: dict[str, str] = {}
    for result in sorted(results, key=lambda result: result.get("promptIdx", 0)):
        labels.setdefault(_prompt_id(result), str(result["prompt"].get("label", "")))
    return {
        label if label and "{{" not in label and "\n" not in label else f"prompt {number}": prompt
        for number, (prompt, label) in enumerate(labels.items(), 1)
    }


def _temperature(log: Mapping[str, Any], result: Result) -> float | None:
    """The provider's own, in the configuration that the results repeat; None where it says nothing."""
    for provider in (log.get("config") or {}).get("providers") or ():
        if isinstance(provider, Mapping) and provider.get("id") == result["provider"]["id"]:
            return real_of((provider.get("config") or {}).get("temperature"))
    return None


# --- items -------------------------------------------------------------------------------------------------------


def _items(results: Sequence[Result], metric: str) -> Iterator[Answered]:
    """Tests by their number; those with the same variables and assertions are one item, repeated."""
    tests: dict[str, list[Result]] = {}
    for result in results:
        test = result.get("testCase") or {}
        tests.setdefault(name_of([_variables(result), test.get("assert")]), []).append(result)
    names = numbered([name_of(_variables(rows[0])) for rows in tests.values()])
    slices = slices_of([(rows[0].get("testCase") or {}).get("metadata") or {} for rows in tests.values()])
    for name, rows, labels in zip(names, tests.values(), slices, strict=True):
        yield Answered(
            name=name,
            prompt=_asked(rows[0]),
            outputs=tuple(map(_output, rows)),
            scores=tuple(score_of(_value(row, metric)) for row in rows) if metric else (),
            notes=tuple(str((row.get("gradingResult") or {}).get("reason") or "") for row in rows)
            if metric
            else (),
            references=tuple(dict.fromkeys(reference for row in rows for reference in _references(row))),
            slices=labels,
        )


def _variables(result: Result) -> Any:
    """As the test declares them: those of the result may hold what differs each time, such as the id of a session."""
    return (result.get("testCase") or {}).get("vars") or result.get("vars") or {}


def _asked(result: Result) -> Any:
    """The prompt as it was sent; a conversation is kept as one text of JSON."""
    raw = str(result["prompt"]["raw"])
    if raw.lstrip().startswith("["):
        try:
            return messages_of(json.loads(raw)) or raw
        except ValueError:
            return raw
    return raw


def _references(result: Result) -> Iterator[str]:
    for checked in (result.get("gradingResult") or {}).get("componentResults") or ():
        assertion = checked.get("assertion") or {}
        value = (checked.get("metadata") or {}).get("renderedAssertionValue", assertion.get("value"))
        if assertion.get("type") in _SAID and isinstance(value, str):
            yield value


def _output(result: Result) -> Output:
    response = result.get("response") or {}
    usage = result.get("tokenUsage") or {}
    said = response.get("output")
    text = said if isinstance(said, str) else "" if said is None else json.dumps(said, ensure_ascii=False)
    word = "refusal" if response.get("isRefusal") else str(response.get("finishReason") or "")
    is_error = _is_error(result)
    return Output(
        text="" if is_error else text,
        finish=finish_of(text, "error" if is_error else word),
        tokens=count_of(usage.get("completion"))
        or None,  # 0 where the answer came from promptfoo's own cache
        prompt_tokens=count_of(usage.get("prompt")) or None,
        milliseconds=real_of(result.get("latencyMs")) or 0.0,
        note=str(result.get("error") or "") if is_error else "",
    )
