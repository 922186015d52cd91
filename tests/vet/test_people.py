"""People as verifiers: a queue that grows, labels that are read, and files that were cut off."""

import json

import pytest
from generated_texts import lines, text

from wellkeeper.errors import InputError
from wellkeeper.vet.labels import read_labels
from wellkeeper.vet.people import HumanVerifier, draw, judged
from wellkeeper.vet.verifiers import VerifierSet, verdicts_of, verifier_of


def person(tmp_path):
    return HumanVerifier(name="editors", queue=tmp_path / "queue.jsonl", labels=tmp_path / "labels.jsonl")


def waiting(tmp_path):
    return [json.loads(line)["id"] for line in (tmp_path / "queue.jsonl").read_text().splitlines()]


def test_what_nobody_has_looked_at_waits_and_is_unknown(tmp_path):
    found = person(tmp_path).verdict(text("Cod.", prompt="Which fish?"))
    assert (found.said, found.note) == ("unknown", "waits for a person")
    (line,) = (tmp_path / "queue.jsonl").read_text().splitlines()
    assert json.loads(line)["prompt"] == "Which fish?"


def test_the_same_text_under_two_ids_waits_twice_for_labels_are_by_id(tmp_path):
    asked = person(tmp_path)
    for name in "ab":
        asked.verdict(text("Cod.", name=name))
    assert waiting(tmp_path) == ["a", "b"]


def test_a_text_waits_once_over_threads_and_runs(tmp_path):
    items = [text("a", name="a"), text("b", name="b")] * 8
    verdicts_of(VerifierSet(verifiers=(person(tmp_path),)), items, at_once=4)
    verdicts_of(person(tmp_path), items)
    assert sorted(waiting(tmp_path)) == ["a", "b"]


def test_what_a_person_said_is_the_verdict(tmp_path):
    lines(tmp_path / "labels.jsonl", {"id": "a", "label": "right"}, {"id": "b", "label": False})
    asked = person(tmp_path)
    assert [asked.verdict(text("x", name=name)).said for name in "abc"] == ["accepted", "rejected", "unknown"]
    assert waiting(tmp_path) == ["c"]


def test_the_label_of_an_earlier_text_of_that_id_is_none(tmp_path):
    lines(tmp_path / "labels.jsonl", {"id": "a", "label": "right", "sha256": judged(text("old", name="a"))})
    asked = person(tmp_path)
    assert asked.verdict(text("old", name="a")).said == "accepted"
    assert asked.verdict(text("new", name="a")).said == "unknown"


def test_a_queue_that_was_cut_off_goes_on_in_a_line_of_its_own(tmp_path):
    person(tmp_path).verdict(text("a", name="a"))
    queue = tmp_path / "queue.jsonl"
    queue.write_bytes(queue.read_bytes() + b'{"id": "b", "te')
    asked = person(tmp_path)
    for name in "abc":
        asked.verdict(text(name, name=name))
    whole = [line for line in queue.read_bytes().split(b"\n") if line.endswith(b"}")]
    assert [json.loads(line)["id"] for line in whole] == ["a", "b", "c"]


def test_a_label_that_contradicts_another_is_refused_with_its_line(tmp_path):
    lines(tmp_path / "labels.jsonl", {"id": "a", "label": 1}, {"id": "a", "label": 0})
    with pytest.raises(InputError, match=r"line 2: a is labelled right and wrong\. Keep one"):
        person(tmp_path)


def test_paths_are_relative_to_the_file_of_verifiers(tmp_path):
    spec = {"kind": "human", "queue": "q.jsonl", "labels": "l.jsonl"}
    verifier_of(spec, folder=tmp_path).verdict(text("a"))
    assert (tmp_path / "q.jsonl").exists()


# --- a random part ------------------------------------------------------------------------------------------------


def test_more_can_be_drawn_when_some_are_labelled_and_labels_stay(tmp_path):
    items, path = [text(str(k), name=f"t{k}") for k in range(50)], tmp_path / "part.jsonl"
    assert draw(items, 10, path) == 10
    first = [json.loads(line) | {"label": "right"} for line in path.read_text().splitlines()]
    lines(path, *first)
    assert draw(items[::-1], 10, path) == 0
    assert draw(items, 25, path) == 15
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert found[:10] == first
    assert {one["label"] for one in found[10:]} == {None}
    with pytest.raises(InputError, match=r"line 11: the label under label is null\. Write right or wrong"):
        read_labels(path)


def test_a_part_is_drawn_evenly_from_the_set(tmp_path):
    counts = [0] * 10
    for run in range(100):
        items = [text("x", name=f"run {run} text {place}") for place in range(10)]
        draw(items, 3, tmp_path / f"{run}.jsonl")
        for line in (tmp_path / f"{run}.jsonl").read_text().splitlines():
            counts[int(json.loads(line)["id"].split()[-1])] += 1
    assert sum(counts) == 300
    assert sum((count - 30) ** 2 / 30 / 0.7 for count in counts) < 28  # chi-squared of 9: a chance of .001


def test_of_a_small_set_all_are_drawn(tmp_path):
    assert draw([text("x")], 60, tmp_path / "part.jsonl") == 1


@pytest.mark.parametrize("content", ['{"id": "a", "text": "x"}\n', "id,text\n", "[1]\n"])
def test_a_file_of_something_else_is_not_written_to(tmp_path, content):
    path = tmp_path / "set.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=r"line 1, is no text that waits for a person.* Name another file"):
        draw([text("y")], 60, path)
    assert path.read_text() == content
