"""Label Studio: tasks and the labelling page for a queue, and the answers in what it exports.

Written after its task format [1], its tags [2], what its importer refuses [3] and the converter of label-studio-sdk
2.1.2. On import it gives tasks numbers of its own, so that an item is known by its name, which is one of the task's
data; and it refuses a whole file with one reader that it does not know, so that a reader is named only by address.

[1] https://labelstud.io/guide/task_format
[2] https://labelstud.io/tags/choices
[3] label_studio/tasks/serializers.py of https://github.com/HumanSignal/label-studio
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from wellkeeper.errors import InputError
from wellkeeper.review.exchange import (
    NO_ANSWER,
    Read,
    Reviewed,
    Told,
    hidden_of,
    name_of,
    seconds_of,
    shown_of,
    storable,
)
from wellkeeper.review.item import Answer, Item
from wellkeeper.review.question import Question

TOOL = "label-studio"
SIDES = ("first", "second")
"""Names of two texts side by side; one alone is `text`."""
_CANCELLED, _DRAFTS = "cancelled", "drafts"
_GUESSED = "wellkeeper"


# --- out ----------------------------------------------------------------------------------------------------------


def task_of(one: Reviewed, question: Question, *, with_hidden: bool = False) -> dict[str, Any]:
    """An item as a task.

    Args:
        one: the item.
        question: what is asked of it.
        with_hidden: also the answers there are, as annotations, and what readers do not see before they have answered.
    """
    item = one.item
    data: dict[str, Any] = {"item": name_of(item), "prompt": storable(item.prompt)}
    data |= dict(zip(sides_of(item), map(storable, item.texts), strict=True))
    task: dict[str, Any] = {"id": one.number, "data": data, "annotations": []}
    if not with_hidden:
        return task
    to_name = sides_of(item)[0]
    task["annotations"] = [_annotation(answer, to_name) for answer in one.first_looks]
    task["meta"] = {"id": item.id, "facts": dict(item.facts), "hidden": hidden_of(one)}
    guess = guess_of(item.score, question)
    if guess is not None:
        label, sure = guess
        task["predictions"] = [
            {"model_version": _GUESSED, "score": sure, "result": [_chosen(label, to_name)]}
        ]
    return task


def guess_of(score: float | None, question: Question) -> tuple[str, float] | None:
    """The answer that a score speaks for, and how sure it is, in [.5, 1]; None: there is none."""
    if score is None:
        return None
    value, sure = (1.0, score) if score >= 0.5 else (0.0, 1 - score)
    return next(((label.name, sure) for label in question.labels if label.value == value), None)


def _annotation(answer: Answer, to_name: str) -> dict[str, Any]:
    result = [_chosen(answer.label, to_name)]
    if answer.note:
        note = {"text": [storable(answer.note)]}
        result.append({"from_name": "note", "to_name": to_name, "type": "textarea", "value": note})
    told = {
        "result": result,
        "lead_time": answer.seconds,
        "was_cancelled": False,
        "ground_truth": False,  # what its importer takes for true where nothing is said
        "reviewer": answer.reviewer,  # for ourselves; Label Studio passes it over
    }
    number = answer.reviewer.removeprefix(f"{TOOL}:")
    if number != answer.reviewer and number.isdigit():
        return {"completed_by": int(number), **told}
    return {"completed_by": {"email": answer.reviewer}, **told} if "@" in answer.reviewer else told


def _chosen(label: str, to_name: str) -> dict[str, Any]:
    return {"from_name": "label", "to_name": to_name, "type": "choices", "value": {"choices": [label]}}


def sides_of(item: Item) -> tuple[str, ...]:
    """What the texts of an item are called."""
    return SIDES if len(item.texts) == 2 else ("text",)


def config_of(question: Question, *, pairs: bool, prompted: bool) -> str:
    """The labelling page, as its XML.

    Args:
        question: what is asked.
        pairs: whether items are two texts side by side.
        prompted: whether a prompt is shown above them.
    """
    sides = SIDES if pairs else ("text",)
    panes = [_pane(side, pairs=pairs) for side in sides]
    if pairs:
        panes = ['  <View style="display: flex; gap: 2em">', *panes, "  </View>"]
    return "\n".join(
        [
            "<View>",
            *_guidelines(question.guidelines),
            f"  <Header value={_quoted(question.asks)}/>",
            *(['  <Text name="prompt" value="$prompt"/>'] if prompted else []),
            *panes,
            f'  <Choices name="label" toName="{sides[0]}" choice="single" required="true" showInLine="true">',
            *(
                f'    <Choice value={_quoted(label.says)} alias={_quoted(label.name)} hotkey="{key}"/>'
                for key, label in enumerate(question.labels, 1)
            ),
            "  </Choices>",
            f'  <TextArea name="note" toName="{sides[0]}" placeholder="Note" maxSubmissions="1" required="false"/>',
            "</View>",
            "",
        ]
    )


def _pane(side: str, *, pairs: bool) -> str:
    text = f'<Text name="{side}" value="${side}"/>'
    if not pairs:
        return f"  {text}"
    return f'    <View style="flex: 1"><Header size="5" value="The {side}"/>{text}</View>'


def _guidelines(guidelines: str) -> list[str]:
    paragraphs = [" ".join(part.split()) for part in guidelines.split("\n\n") if part.strip()]
    if not paragraphs:
        return []
    return [
        "  <Collapse>",
        '    <Panel value="Guidelines">',
        *(f'      <Header size="6" value={_quoted(paragraph)}/>' for paragraph in paragraphs),
        "    </Panel>",
        "  </Collapse>",
    ]


def _quoted(text: str) -> str:
    """A text as an attribute; what XML cannot hold becomes U+FFFD."""
    return quoteattr("".join(letter if letter >= " " else "\ufffd" for letter in storable(text)))


# --- in -----------------------------------------------------------------------------------------------------------


def read_tasks(tasks: Any, path: Path) -> Read:
    """Answers in what Label Studio exported as JSON or JSON-MIN.

    Annotations that were cancelled, drafts and annotations without a choice are no answers: they are counted.

    Raises:
        InputError: it is no such export; the message names the task.
    """
    told: list[Told] = []
    passed_over: Counter[str] = Counter()
    for number, task in enumerate(tasks if isinstance(tasks, list) else [tasks], 1):
        place = f"task {task.get('id', number)}" if isinstance(task, dict) else f"task {number}"
        try:
            answers = _annotated(task, place, passed_over) if "data" in task else _minimal(task, place)
            for one in answers:
                if one.label:
                    told.append(one)
                else:
                    passed_over[NO_ANSWER] += 1
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}, {place}: this is no task of Label Studio ({type(error).__name__}: {error}). Give what its "
                "Export writes as JSON or JSON-MIN, of tasks that `review export` wrote."
            ) from error
    return Read(answers=tuple(told), passed_over=+passed_over)


def _annotated(task: Mapping[str, Any], place: str, passed_over: Counter[str]) -> Iterator[Told]:
    data = task["data"]
    passed_over[_DRAFTS] += len(task.get("drafts") or ())
    annotations = task.get("annotations", task.get("completions")) or ()
    if not annotations:
        passed_over[NO_ANSWER] += 1
    for one in annotations:
        if one.get("was_cancelled") or one.get("skipped"):
            passed_over[_CANCELLED] += 1
            continue
        result = one.get("result") or ()
        where = f"{place}, annotation {one['id']}" if one.get("id") is not None else place
        yield Told(
            place=where,
            item=str(data["item"]),
            label=_single([choice for part in result for choice in _choices(part)], where),
            reviewer=one.get("reviewer") or _reader(one.get("completed_by")),
            note="\n".join(text for part in result for text in _notes(part)),
            seconds=seconds_of(one.get("lead_time")),
            shown=shown_in(data),
        )


def _minimal(task: Mapping[str, Any], place: str) -> Iterator[Told]:
    """The one annotation of an entry of JSON-MIN, in which data and answers stand side by side."""
    label, note = task.get("label") or (), task.get("note") or ""
    if isinstance(label, dict):  # as it writes several choices
        label = label["choices"]
    where = f"{place}, annotation {task['annotation_id']}" if task.get("annotation_id") is not None else place
    yield Told(
        place=where,
        item=str(task["item"]),
        label=_single([label] if isinstance(label, str) else list(label), where),
        reviewer=_reader(task.get("annotator")),
        note=note if isinstance(note, str) else "\n".join(map(str, note)),
        seconds=seconds_of(task.get("lead_time")),
        shown=shown_in(task),
    )


def _choices(part: Mapping[str, Any]) -> Sequence[str]:
    is_ours = part.get("type") == "choices" and part.get("from_name") == "label"
    return [str(choice) for choice in part["value"]["choices"]] if is_ours else ()


def _notes(part: Mapping[str, Any]) -> Sequence[str]:
    if part.get("type") != "textarea":
        return ()
    text = part["value"]["text"]
    return [text] if isinstance(text, str) else [str(line) for line in text]


def _single(choices: Sequence[str], place: str) -> str:
    if len(choices) > 1:
        raise ValueError(f"{place} has {len(choices)} answers: {', '.join(map(str, choices))}")
    return str(choices[0]) if choices else ""


def _reader(completed_by: Any) -> str:
    """What a reader is called: their address, else their number."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or "") or _reader(completed_by.get("id"))
    if isinstance(completed_by, str):
        return f"{TOOL}:{completed_by}" if completed_by.isdigit() else completed_by
    return f"{TOOL}:{completed_by}" if isinstance(completed_by, int) else ""


def shown_in(data: Mapping[str, Any]) -> str:
    """Digest of the texts in a task's data, or in a record's fields; empty: there are none."""
    texts = [data[side] for side in (SIDES if SIDES[0] in data else ("text",)) if side in data]
    return shown_of(map(str, texts), str(data.get("prompt") or "")) if texts else ""
