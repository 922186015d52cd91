"""Whatever a file holds, it is read or refused with its place; never is an error not ours."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.review.argilla import read_records
from wellkeeper.review.exchange import Read, read_lines
from wellkeeper.review.label_studio import read_tasks

FILE = Path("export.json")
PLAIN = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=4) | st.just("label")


def shaped(*keys):
    """JSON in which objects have some of these keys, with anything under them."""
    return st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=len(keys))
        ),
        max_leaves=12,
    )


TASKS = shaped(
    "id", "data", "item", "text", "first", "annotations", "completions", "drafts", "result", "type", "from_name",
    "value", "choices", "label", "note", "annotator", "completed_by", "email", "lead_time", "was_cancelled",
)  # fmt: skip
RECORDS = shaped(
    "id", "external_id", "fields", "text", "first", "prompt", "responses", "label", "note", "value", "values",
    "user_id", "status", "label.responses", "label.responses.users", "label.responses.status", "note.responses",
)  # fmt: skip
LINES = shaped("id", "texts", "prompt", "label", "reviewer", "note", "seconds", "answers", "turn")


def read_or_refused(read, *given_file):
    """What was found, or nothing; and the refusal, or nothing."""
    try:
        return read(*given_file, FILE), ""
    except InputError as error:
        return Read(answers=()), str(error)


@pytest.mark.parametrize(("read", "given_file"), [(read_tasks, TASKS), (read_records, RECORDS)])
def test_an_export_of_any_shape_is_read_or_refused_by_its_place(read, given_file):
    @given(given_file)
    def holds(whole):
        found, refusal = read_or_refused(read, whole)
        assert not refusal or refusal.startswith("export.json, ")
        assert all(isinstance(one.item, str) and one.label for one in found.answers)
        assert all(count > 0 for count in found.passed_over.values())

    holds()


@given(st.lists(LINES, max_size=3))
def test_lines_of_any_shape_are_read_or_refused_by_their_number(entries):
    found, refusal = read_or_refused(read_lines, "\n".join(map(json.dumps, entries)).encode())
    assert not refusal or refusal.startswith("export.json, line ")
    assert all(one.label and one.seconds >= 0 for one in found.answers)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(data):
    found, refusal = read_or_refused(read_lines, data)
    assert not refusal or refusal.startswith("export.json, line ")
    assert found.answers == ()


def test_brackets_without_end_are_refused():
    _, refusal = read_or_refused(read_lines, b"[" * 200_000)
    assert refusal.startswith("export.json, line 1: this is no JSON")
