"""Label Studio: tasks that its own validator takes, and answers in exports of the shapes that it writes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from answered_queues import ALICE, BOB, answered, said_in, take_all_in
from queue_files import make_queue

from wellkeeper.errors import InputError
from wellkeeper.review.exchange import checked, name_of, reviewed
from wellkeeper.review.item import Item
from wellkeeper.review.label_studio import config_of, guess_of, read_tasks, task_of
from wellkeeper.review.question import KINDS, QUESTIONS, Label, Question
from wellkeeper.review.queue import ReviewQueue

FILE = Path("export.json")
PAIRS = {"duplicates", "compare"}


def tasks_of(path, **options):
    with ReviewQueue(path) as queue:
        return [task_of(one, queue.question, **options) for one in reviewed(queue)]


def page_of(kind):
    return config_of(QUESTIONS[kind], pairs=kind in PAIRS, prompted=kind in {"vet", "compare"})


def task(*annotations, number=1, item="item-0", **more):
    data = {"item": name_of(Item(id=item, texts=())), "prompt": "", **more}
    return {"id": number, "data": data, "annotations": list(annotations), "drafts": [], "predictions": []}


def annotation(*labels, by=5, note="", **more):
    result = [{"id": "x1", "from_name": "label", "to_name": "text", "type": "choices", "origin": "manual",
               "value": {"choices": list(labels)}}] if labels else []  # fmt: skip
    if note:
        value = {"text": [note]}
        result.append({"from_name": "note", "to_name": "text", "type": "textarea", "value": value})
    return {"id": 7, "completed_by": by, "result": result, "was_cancelled": False, "lead_time": 4.25, **more}


# --- out ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_has_the_texts_and_a_name_and_nothing_else(tmp_path, kind):
    path = answered(tmp_path, kind, gold=2)
    for number, one in enumerate(tasks_of(path), 1):
        assert one.keys() == {"id", "data", "annotations"}
        assert (one["id"], one["annotations"]) == (number, [])
        sides = {"first", "second"} if kind in PAIRS else {"text"}
        assert one["data"].keys() == {"item", "prompt"} | sides
    told = json.dumps(tasks_of(path))
    for secret in ("item-", "doc-", "forum-", "a phrase that models like", ALICE, BOB, "score", "gold"):
        assert secret not in told


def test_with_what_is_hidden_it_has_answers_and_the_score_as_a_prediction(tmp_path):
    path = answered(tmp_path, readers=("label-studio:7", ALICE, BOB), each=1, overlap=3)
    first = tasks_of(path, with_hidden=True)[0]
    by_number, by_address = first["annotations"]
    assert by_number["completed_by"] == 7
    assert by_address["completed_by"] == {"email": ALICE}
    assert by_address["ground_truth"] is False  # its importer takes it for true where nothing is said
    assert by_address["lead_time"] == 0.5
    assert first["predictions"][0]["result"][0]["value"] == {"choices": ["human"]}
    assert first["predictions"][0]["score"] == 1.0  # of being right; that a model wrote it is 0
    assert first["meta"]["hidden"]["facts"]["source"] == "forum-0"
    second = tasks_of(path, with_hidden=True)[1]
    assert (
        "completed_by" not in second["annotations"][0]
    )  # a name that it does not know would stop its import


def test_a_score_speaks_for_an_answer_that_counts():
    assert guess_of(0.8, QUESTIONS["origin"]) == ("ai", 0.8)
    assert guess_of(0.25, QUESTIONS["vet"]) == ("wrong", 0.75)
    assert guess_of(0.8, QUESTIONS["compare"]) is None
    assert guess_of(None, QUESTIONS["origin"]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_asks_the_question_with_its_keys(kind):
    page = ElementTree.fromstring(page_of(kind))
    question = QUESTIONS[kind]
    choices = page.findall("./Choices/Choice")
    assert [(one.get("alias"), one.get("value"), one.get("hotkey")) for one in choices] == [
        (label.name, label.says, str(key)) for key, label in enumerate(question.labels, 1)
    ]
    assert question.asks in [one.get("value") for one in page.findall("./Header")]
    shown = [one.get("value") for one in page.iter("Text")]
    assert shown == ["$prompt"] * (kind in {"vet", "compare"}) + (
        ["$first", "$second"] if kind in PAIRS else ["$text"]
    )
    told = " ".join(one.get("value") for one in page.iter("Header"))
    assert all(" ".join(part.split()) in told for part in question.guidelines.split("\n\n"))


def test_a_page_holds_whatever_a_question_says():
    question = Question(
        kind="vet",
        asks='Is "5 < 6 & \x07 7" \ud800right?',
        share="",
        labels=(Label(name="a", says="<Choice/>"), Label(name="b", says="'")),
        guidelines="One.\n\n]]> & two\nlines.",
    )
    page = ElementTree.fromstring(config_of(question, pairs=False, prompted=False))
    assert page.find("./Header").get("value") == 'Is "5 < 6 & � 7" �right?'
    assert [one.get("value") for one in page.findall("./Choices/Choice")] == ["<Choice/>", "'"]
    assert [one.get("value") for one in page.iter("Header")][:2] == ["One.", "]]> & two lines."]


# --- in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_out_with_answers_comes_back(tmp_path, kind):
    path = answered(tmp_path, kind, readers=(ALICE, BOB), overlap=4)
    empty = make_queue(tmp_path, kind, overlap=4, name="empty.sqlite")
    exported = json.loads(json.dumps(tasks_of(path, with_hidden=True)))
    for number, one in enumerate(exported):
        one["id"] = 90_000 + number  # Label Studio numbers tasks anew
        del one["meta"]
    take_all_in(empty, read_tasks(exported, FILE).answers)
    assert said_in(empty) == said_in(path)


def test_an_annotation_is_an_answer_with_its_reader_note_and_time():
    (one,) = read_tasks([task(annotation("ai", note="a list"), number=42, text="T")], FILE).answers
    assert (one.place, one.label, one.reviewer, one.note, one.seconds) == (
        "task 42, annotation 7",
        "ai",
        "label-studio:5",
        "a list",
        4.25,
    )
    assert one.shown == Item(id="", texts=("T",)).digest


@pytest.mark.parametrize(
    ("by", "called"),
    [
        (5, "label-studio:5"),
        ("5", "label-studio:5"),
        ({"id": 5, "email": "a@example.com", "first_name": "A"}, "a@example.com"),
        ({"id": 5, "email": ""}, "label-studio:5"),
        ("a@example.com", "a@example.com"),
        (None, ""),
    ],
)
def test_a_reader_is_called_by_address_or_number(by, called):
    assert read_tasks([task(annotation("ai", by=by))], FILE).answers[0].reviewer == called


def test_several_people_may_have_annotated_a_task():
    read = read_tasks([task(annotation("ai", by=5), annotation("human", by=6))], FILE)
    assert [(one.reviewer, one.label) for one in read.answers] == [
        ("label-studio:5", "ai"),
        ("label-studio:6", "human"),
    ]


def test_cancelled_annotations_drafts_and_empty_ones_are_no_answers():
    tasks = [
        task(annotation("ai", was_cancelled=True), annotation()),
        task() | {"drafts": [{"id": 1, "result": annotation("ai")["result"]}]},
        {"id": 3, "data": {"item": "x"}, "completions": [{"skipped": True, "result": []}]},
    ]
    read = read_tasks(tasks, FILE)
    assert read.answers == ()
    assert read.passed_over == {"cancelled": 2, "without an answer": 2, "drafts": 1}


def test_parts_that_are_not_the_question_s_are_passed_over():
    other = annotation("ai")
    other["result"][0]["from_name"] = "topic"
    assert read_tasks([task(other)], FILE).passed_over["without an answer"] == 1


def test_the_short_export_is_read_too(tmp_path):
    path = make_queue(tmp_path)
    with ReviewQueue(path) as queue:
        item = queue.item(1).item
        short = [
            {"item": name_of(item), "prompt": "", "text": item.texts[0], "id": 61, "label": "ai", "note": "so",
             "annotator": 5, "annotation_id": 9, "created_at": "2026-11-22T10:00:00Z", "lead_time": 4.25},
            {"item": name_of(item), "text": item.texts[0], "id": 61, "label": {"choices": ["A person"]},
             "note": ["two", "lines"], "annotator": "b@example.com", "annotation_id": 10},
            {"item": name_of(queue.item(2).item), "id": 62, "annotator": None, "annotation_id": None},
        ]  # fmt: skip
        read = read_tasks(short, FILE)
        found = checked(queue, read.answers)
    assert found.entries == {
        "label-studio:5": (("item-0", "ai", "so", 4.25),),
        "b@example.com": (("item-0", "human", "two\nlines", 0.0),),
    }
    assert found.problems == ()
    assert read.passed_over == {"without an answer": 1}


def test_another_text_under_the_same_name_is_a_problem(tmp_path):
    path = make_queue(tmp_path)
    with ReviewQueue(path) as queue:
        found = checked(queue, read_tasks([task(annotation("ai"), number=3, text="Other.")], FILE).answers)
    (problem,) = found.problems
    assert problem.startswith("task 3, annotation 7: another text was labelled")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            [task(annotation("ai", "human"))],
            "task 1: this is no task of Label Studio (ValueError: task 1, annotation 7",
        ),
        ([{"id": 4, "data": {"text": "a"}, "annotations": [annotation("ai")]}], "task 4: this is no task"),
        (["task"], "task 1: this is no task"),
        ([{"id": 4, "data": None, "annotations": [annotation("ai")]}], "task 4: this is no task"),
        ([{"id": 4}], "task 4: this is no task of Label Studio (KeyError: 'item')"),
        (
            [task(annotation("ai") | {"result": [{"type": "choices", "from_name": "label"}]})],
            "task 1: this is no",
        ),
    ],
)
def test_what_is_no_export_is_refused_by_its_task(tasks, message):
    with pytest.raises(InputError) as raised:
        read_tasks(tasks, FILE)
    assert f"export.json, {message}" in str(raised.value)
    assert "Give what its Export writes" in str(raised.value)


# --- its own validator --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_label_studio_takes_tasks_answers_and_page(tmp_path, kind):
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface(page_of(kind))
    interface.validate()
    for one in tasks_of(answered(tmp_path, kind), with_hidden=True):
        assert interface.validate_task({"data": one["data"]})
        for part in (*one["annotations"], *one.get("predictions", ())):
            assert interface.validate_prediction(part, return_errors=True) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_its_converter_makes_short_comes_back(tmp_path, kind):
    converter = pytest.importorskip("label_studio_sdk.converter").Converter
    path = answered(tmp_path, kind, readers=(ALICE, "b@example.com"), overlap=4)
    exported = tasks_of(path, with_hidden=True)
    for number, made in enumerate((one for each in exported for one in each["annotations"]), 1):
        made |= {"id": number, "created_at": "", "updated_at": ""}
        del made["reviewer"]
    (tmp_path / "full.json").write_text(json.dumps(exported))
    converter(page_of(kind), None).convert_to_json_min(
        str(tmp_path / "full.json"), str(tmp_path / "short"), is_dir=False
    )
    short = json.loads((tmp_path / "short" / "result.json").read_text())
    empty = make_queue(tmp_path, kind, overlap=4, name="empty.sqlite")
    take_all_in(empty, read_tasks(short, FILE).answers)
    assert said_in(empty) == said_in(path)
