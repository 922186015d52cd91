"""Argilla: a folder that its own library takes, and answers in exports of the three shapes that it writes."""

import json
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from answered_queues import ALICE, answered, said_in, take_all_in
from queue_files import make_queue

from wellkeeper.errors import InputError
from wellkeeper.review.argilla import DATASET, SETTINGS, dataset_of, read_records, record_of, settings_of
from wellkeeper.review.exchange import checked, name_of, reviewed
from wellkeeper.review.item import Item
from wellkeeper.review.question import KINDS, QUESTIONS
from wellkeeper.review.queue import ReviewQueue

FILE = Path("records.json")
PAIRS = {"duplicates", "compare"}
USER, OTHER = "8c5f4b9e-0d0a-4a35-9a1a-3f0f2b1c7d10", "11111111-2222-4333-8444-555555555555"


def records_of(path, **options):
    with ReviewQueue(path) as queue:
        return [record_of(one, queue.question, **options) for one in reviewed(queue)]


def settings_for(kind, *, with_hidden=True):
    return settings_of(
        QUESTIONS[kind], pairs=kind in PAIRS, prompted=kind in {"vet", "compare"}, with_hidden=with_hidden
    )


def nested(*responses, status="completed", item="item-0", **fields):
    """As `records.to_json` writes a record."""
    labels = [
        {"value": label, "user_id": user, **({"status": said} if said else {})}
        for user, label, said in responses
    ]
    return {
        "id": name_of(Item(id=item, texts=())),
        "fields": fields,
        "metadata": {},
        "suggestions": {},
        "responses": {"label": labels, "note": [{"value": "so", "user_id": USER}]},
        "vectors": {},
        "status": status,
        "_server_id": "a",
    }


def flat(*responses, item="item-0", status="completed", **fields):
    """As `records.to_list(flatten=True)` gives it."""
    return {
        "id": name_of(Item(id=item, texts=())),
        "status": status,
        "_server_id": None,
        **fields,
        "label.responses": [label for _, label, _ in responses] or None,
        "label.responses.users": [user for user, _, _ in responses] or None,
        "label.responses.status": [said for _, _, said in responses] or None,
        "note.responses": ["so"],
        "note.responses.users": [USER],
        "note.responses.status": ["submitted"],
    }


def served(*responses, item="item-0", **fields):
    """As its server has it."""
    return {
        "id": "5f1f2b6e-0000-4000-8000-000000000000",
        "external_id": name_of(Item(id=item, texts=())),
        "fields": fields,
        "status": "completed",
        "responses": [
            {"values": {"label": {"value": label}, "note": {"value": "so"}}, "user_id": user, "status": said}
            for user, label, said in responses
        ],
    }


# --- out ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_has_the_texts_and_a_name_and_nothing_else(tmp_path, kind):
    path = answered(tmp_path, kind, gold=2)
    for one in records_of(path):
        sides = {"first", "second"} if kind in PAIRS else {"text"}
        assert one["fields"].keys() == sides | ({"prompt"} if kind in {"vet", "compare"} else set())
        assert (one["metadata"], one["suggestions"], one["responses"]) == ({}, {}, {})
    told = json.dumps(records_of(path))
    for secret in ("item-", "doc-", "forum-", "a phrase that models like", ALICE, "score", "gold"):
        assert secret not in told


def test_with_what_is_hidden_a_user_s_answer_is_a_response_and_others_a_suggestion(tmp_path):
    path = answered(tmp_path, readers=(f"argilla:{USER}", ALICE), each=2)
    first, second, third, fourth, fifth = records_of(path, with_hidden=True)[:5]
    assert first["responses"] == {"label": [{"value": "human", "user_id": USER, "status": "submitted"}]}
    assert second["responses"]["note"][0]["value"] == "since 1 – “so”"
    assert third["responses"] == {}
    assert third["suggestions"]["label"] == {"value": "human", "score": None, "agent": "people"}
    assert fourth["suggestions"]["label"]["value"] == "ai"
    assert fifth["suggestions"]["label"] == {"value": "human", "score": 0.52, "agent": "wellkeeper"}
    assert fifth["metadata"]["hidden-source"] == "forum-1"


@pytest.mark.parametrize("kind", KINDS)
def test_settings_ask_the_question(kind):
    told = settings_for(kind, with_hidden=False)
    label, note = told["questions"]
    assert [one["value"] for one in label["settings"]["options"]] == [
        one.name for one in QUESTIONS[kind].labels
    ]
    assert (label["title"], note["required"]) == (QUESTIONS[kind].asks, False)
    assert told["guidelines"] == QUESTIONS[kind].guidelines
    assert told["allow_extra_metadata"] is False


# --- in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [nested, flat, served])
def test_submitted_responses_are_answers_in_every_shape(shape):
    record = shape((USER, "ai", "submitted"), (OTHER, "human", "submitted"), text="T")
    first, second = read_records([record], FILE).answers
    assert (first.label, first.reviewer, first.note) == ("ai", f"argilla:{USER}", "so")
    assert (second.label, second.reviewer) == ("human", f"argilla:{OTHER}")
    assert first.shown == Item(id="", texts=("T",)).digest
    assert first.item == name_of(Item(id="item-0", texts=()))


@pytest.mark.parametrize("shape", [nested, flat, served])
def test_drafts_and_what_was_discarded_are_no_answers_in_any_shape(shape):
    record = shape((USER, "ai", "draft"), (OTHER, "human", "discarded"), text="T")
    read = read_records([record], FILE)
    assert read.answers == ()
    assert read.passed_over == {"draft": 1, "discarded": 1}


def test_where_no_status_is_told_only_completed_records_count():
    completed = nested((USER, "ai", ""), text="T")
    pending = nested((USER, "ai", ""), text="T", status="pending")
    read = read_records([completed, pending], FILE)
    assert len(read.answers) == 1
    assert read.passed_over == {"of records that are not completed": 1}
    assert read.doubts == ()


def test_of_several_responses_without_a_status_it_is_said_that_one_may_be_a_draft():
    read = read_records([nested((USER, "ai", ""), (OTHER, "human", ""), text="T")], FILE)
    assert len(read.answers) == 2
    (doubt,) = read.doubts
    assert doubt.startswith("2 responses are of records that several people answered")


def test_a_record_that_nobody_answered_is_counted():
    untouched = [nested() | {"responses": {}}, flat(), served()]
    assert read_records(untouched, FILE).passed_over == {"without an answer": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_out_with_answers_comes_back(tmp_path, kind):
    path = answered(tmp_path, kind, readers=(f"argilla:{USER}", f"argilla:{OTHER}"), overlap=4)
    empty = make_queue(tmp_path, kind, overlap=4, name="empty.sqlite")
    records = json.loads(json.dumps(records_of(path, with_hidden=True)))
    take_all_in(empty, read_records(records, FILE).answers)
    assert {one[:4] for one in said_in(empty)} == {one[:4] for one in said_in(path)}  # it measures no time


@pytest.mark.parametrize(
    "records",
    [
        ["record"],
        [{"fields": {"text": "T"}}],
        [{"id": "a", "fields": {"text": "T"}, "responses": [{"user_id": USER}]}],
        [{"id": "a", "fields": {"text": "T"}, "responses": {"label": [{"user_id": USER}]}}],
        [{"id": "a", "label.responses": ["ai"], "label.responses.users": [USER, OTHER]}],
    ],
)
def test_what_is_no_export_is_refused_by_its_record(records):
    with pytest.raises(InputError, match=r"records\.json, record 1: this is no record of Argilla"):
        read_records(records, FILE)


# --- its own library ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_argilla_takes_the_folder_and_what_it_exports_comes_back(tmp_path, kind, monkeypatch):
    argilla = pytest.importorskip("argilla")
    from argilla._models import DatasetModel
    from argilla.records._io import GenericIO, JsonIO

    monkeypatch.setattr("argilla.Argilla._get_default", classmethod(lambda _: MagicMock()))
    path = answered(tmp_path, kind, readers=(f"argilla:{USER}",))
    (tmp_path / SETTINGS).parent.mkdir()
    (tmp_path / SETTINGS).write_text(json.dumps(settings_for(kind)))
    settings = argilla.Settings.from_json(tmp_path / SETTINGS)
    settings.validate()
    DatasetModel(**dataset_of("review", settings_for(kind)))
    assert DATASET.endswith("dataset.json")
    (tmp_path / "records.json").write_text(json.dumps(records_of(path, with_hidden=True)))
    records = JsonIO._records_from_json(tmp_path / "records.json")

    class Dataset:
        pass

    for record in records:
        record.dataset = Dataset()
        record.dataset.settings = settings
    flattened = GenericIO.to_list(records, flatten=True)
    modelled = [record.api_model().model_dump(mode="json") for record in records]
    expected = {one[:4] for one in said_in(path)}
    for exported in (flattened, modelled):
        with ReviewQueue(path) as queue:
            found = checked(queue, read_records(json.loads(json.dumps(exported)), FILE).answers)
        assert (found.problems, found.known) == ((), len(expected))
