"""`review export` and `review import`: files beside the queue, refusals, and what is said."""

import json
import os

import pytest
from answered_queues import ALICE, BOB, answered, said_in
from queue_files import make_queue

from wellkeeper.cli.review import _FORMATS_IN, _FORMATS_OUT
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.recipe.review_exchange import FORMATS_IN, FORMATS_OUT, export_answers, import_answers
from wellkeeper.review.queue import ReviewQueue

USER = "8c5f4b9e-0d0a-4a35-9a1a-3f0f2b1c7d10"


def told(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write(path, *entries):
    path.write_text("\n".join(map(json.dumps, entries)))
    return path


def test_the_command_offers_every_format():
    assert _FORMATS_IN == FORMATS_IN
    assert sorted(_FORMATS_OUT) == sorted(FORMATS_OUT)


# --- out ----------------------------------------------------------------------------------------------------------


def test_lines_lie_beside_the_queue(tmp_path):
    path = answered(tmp_path)
    done = export_answers(path)
    assert done.paths == {"lines": tmp_path / "answered.jsonl"}
    assert len(told(tmp_path / "answered.jsonl")) == 12
    assert done.said == (f"{tmp_path}/answered.jsonl has 12 items and their answers.",)
    assert done.document["schema"] == "wellkeeper.review-export/1"


def test_a_result_s_folder_stands_for_its_queue(tmp_path):
    (tmp_path / "out").mkdir()
    answered(tmp_path, name="out-review.sqlite")
    assert export_answers(tmp_path / "out").paths["lines"] == tmp_path / "out-review.jsonl"


def test_label_studio_gets_open_items_and_a_page(tmp_path):
    path = answered(tmp_path, readers=(ALICE,), each=5)
    done = export_answers(path, format="label-studio")
    tasks = json.loads(done.paths["tasks"].read_text())
    assert [task["id"] for task in tasks] == [6, 7, 8, 9, 10, 11, 12]
    assert done.document["left_out"] == {"settled": 5}
    assert done.paths["page"].read_text().startswith("<View>")
    assert done.said[:3] == (
        f"{tmp_path}/answered-label-studio.json has 7 items.",
        "Left out: 5 items that are settled.",
        "It is blind: no score, no source, nobody's answer.",
    )
    assert done.said[3].startswith("Next: in Label Studio take ")


def test_gold_is_asked_in_other_tools_too_and_looks_like_the_rest(tmp_path):
    path = answered(tmp_path, readers=(ALICE, BOB), each=12, gold=3)
    tasks = json.loads(export_answers(path, format="label-studio").paths["tasks"].read_text())
    assert [task["id"] for task in tasks] == [10, 11, 12]
    assert {frozenset(task) for task in tasks} == {frozenset({"id", "data", "annotations"})}


def test_a_prompt_is_on_the_page_where_items_have_one(tmp_path):
    with_prompt = export_answers(
        make_queue(tmp_path, "compare"), format="label-studio", out=tmp_path / "a.json"
    )
    without = export_answers(
        make_queue(tmp_path, "duplicates", name="b.sqlite"), format="label-studio", out=tmp_path / "b.json"
    )
    assert "$prompt" in with_prompt.paths["page"].read_text()
    assert "$prompt" not in without.paths["page"].read_text()


def test_argilla_gets_a_folder_that_is_read_back(tmp_path):
    path = answered(tmp_path, "vet", readers=(f"argilla:{USER}",), each=3)
    done = export_answers(path, format="argilla", with_hidden=True)
    assert sorted(str(one.relative_to(tmp_path / "answered-argilla")) for one in (tmp_path / "answered-argilla").rglob("*.json")) == [
        ".argilla/dataset.json",
        ".argilla/settings.json",
        "records.json",
    ]  # fmt: skip
    settings = json.loads((tmp_path / "answered-argilla/.argilla/settings.json").read_text())
    assert [field["name"] for field in settings["fields"]] == ["prompt", "text"]
    assert "whoever sees them is not blind any more" in " ".join(done.said)
    empty = make_queue(tmp_path, "vet", name="empty.sqlite")
    import_answers(empty, done.paths["dataset"])
    assert {one[:3] for one in said_in(empty)} == {one[:3] for one in said_in(path)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"format": "label_studio"},
            "label_studio is no format. Did you mean label-studio? Give one of jsonl, ",
        ),
        (
            {"format": "labels", "with_hidden": True},
            "--with-hidden goes with jsonl, label-studio, argilla, and not",
        ),
        (
            {"format": "labels", "all_items": True},
            "--all-items goes with anchors, audited, judge-anchors, card, and",
        ),
        ({"format": "card"}, "A card is of verifiers. Name them: --verifiers FILE."),
        ({"verifiers": "v.yaml"}, "Verifiers and their judge go with --format card, and not with jsonl."),
        (
            {"format": "label-studio", "out": "tasks.xml"},
            "tasks.xml is to hold the labelling interface. Name the tasks otherwise: tasks.json.",
        ),
        ({"out": "answered.sqlite"}, "answered.sqlite is the queue itself. Name another file with --out."),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    before = answered(tmp_path).read_bytes()
    with pytest.raises(RecipeError) as raised:
        export_answers("answered.sqlite", **options)
    assert str(raised.value).startswith(message)
    assert (tmp_path / "answered.sqlite").read_bytes() == before


@pytest.mark.parametrize("form", ["jsonl", "label-studio"])
@pytest.mark.parametrize("place", ["folder", ".", "pipe"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, monkeypatch, form, place):
    path = answered(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorkError) as raised:
        export_answers(path, format=form, out=place)
    why = "it is no file" if place == "pipe" else "Is a directory"
    assert str(raised.value) == f"{place} cannot be written ({why}). Name another place with --out."
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(one.name for one in tmp_path.iterdir() if ".tmp" in one.name) == []


def test_a_result_without_a_queue_is_told(tmp_path):
    with pytest.raises(InputError, match="review init"):
        export_answers(tmp_path)


# --- in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "users", "compared"),
    [
        ("jsonl", (ALICE, BOB), 5),
        ("label-studio", (ALICE, BOB), 5),
        ("argilla", (f"argilla:{USER}",), 4),  # it measures no time
    ],
)
def test_the_format_is_seen_from_the_file(tmp_path, form, users, compared):
    path = answered(tmp_path, readers=users, overlap=3)
    done = export_answers(path, format=form, with_hidden=True)
    empty = make_queue(tmp_path, overlap=3, name="empty.sqlite")
    taken = import_answers(empty, next(iter(done.paths.values())))
    assert taken.document["format"] == form
    assert {one[:compared] for one in said_in(empty)} == {one[:compared] for one in said_in(path)}
    again = import_answers(empty, next(iter(done.paths.values())))
    assert again.document["answers"] == 0
    assert again.document["known"] == taken.document["answers"]
    with ReviewQueue(empty) as queue:
        assert queue.problems() == []


def test_what_was_taken_in_is_said(tmp_path):
    path = make_queue(tmp_path, size=4)
    file = write(
        tmp_path / "by-hand.jsonl",
        {"id": "item-0", "label": "human"},
        {"id": "item-1", "label": "ai", "reviewer": "5"},
        {"id": "item-2", "label": None},
    )
    done = import_answers(path, file, reviewers=["carol", "5=dan"])
    assert done.said == (
        "2 answers taken in: carol 1, dan 1.",
        "Passed over: 1 without an answer.",
        f"Next: wellkeeper review status {path}",
    )
    again = import_answers(path, file, reviewers=["carol", "5=dan"])
    assert again.said[:2] == ("0 answers taken in.", "2 answers the queue had already.")


def test_one_wrong_answer_stops_all_of_them_unless_it_is_left_out(tmp_path):
    path = make_queue(tmp_path, size=4)
    file = write(
        tmp_path / "mixed.jsonl",
        {"id": "item-0", "label": "human", "reviewer": "bob"},
        *({"id": f"item-{at}", "label": "ai", "reviewer": "bob"} for at in range(4, 16)),
    )
    with pytest.raises(InputError) as raised:
        import_answers(path, file)
    lines = str(raised.value).splitlines()
    assert lines[0] == f"{file} has 13 answers, of which 12 cannot be taken in, and nothing was:"
    assert lines[1].startswith("- line 2: there is no item item-4 in this queue.")
    assert lines[11] == "- and 2 more"
    assert lines[12] == "Mend them, or take in the others: --skip-unknown."
    assert said_in(path) == set()
    done = import_answers(path, file, skip_unknown=True)
    assert len(said_in(path)) == 1
    assert len(done.document["left_out"]) == 12
    assert done.said[1] == "Left out: 12 answers."


def test_two_who_answered_where_the_file_is_silent_are_refused(tmp_path):
    path = make_queue(tmp_path, size=4)
    file = write(tmp_path / "a.jsonl", {"id": "item-0", "label": "human"})
    with pytest.raises(
        InputError, match=r"Of alice and bob one alone can be who answered .*--reviewer 5=NAME\."
    ):
        import_answers(path, file, reviewers=["alice", "bob"])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b'[{"id": 1, "data"', {"format": "label-studio"}, "is no whole JSON file: it may be torn. Export it from label-"),
        (b'[{"id": 1, "data"', {}, "line 1: this is no JSON"),
        (b'{"id": "item-0"', {"format": "argila"}, "argila is no format. Did you mean argilla?"),
        (b'[{"id": 1, "data": {"text": "a"}, "annotations": [{"result": []}]}]', {}, "task 1: this is no task of Label"),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_is_refused(tmp_path, content, options, message):
    path = make_queue(tmp_path, size=2)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises((InputError, RecipeError)) as raised:
        import_answers(path, tmp_path / "file", **options)
    assert message in str(raised.value)


@pytest.mark.parametrize("one", ["=bob", "5=", "="])
def test_a_name_for_nobody_and_nobody_s_name_are_refused(tmp_path, one):
    path = make_queue(tmp_path, size=2)
    file = write(tmp_path / "a.jsonl", {"id": "item-0", "label": "ai", "reviewer": "ann"})
    with pytest.raises(InputError, match=f"{one} names nobody. Write what the file calls them and the name"):
        import_answers(path, file, reviewers=[one])
    assert said_in(path) == set()


@pytest.mark.parametrize("form", [None, "jsonl", "label-studio", "argilla"])
@pytest.mark.parametrize("content", ["", "[]"])
def test_an_export_without_an_answer_adds_nothing(tmp_path, form, content):
    path = make_queue(tmp_path, size=2)
    (tmp_path / "file").write_text(content)
    if (form, content) in {("jsonl", "[]"), ("label-studio", ""), ("argilla", "")}:
        with pytest.raises(InputError):
            import_answers(path, tmp_path / "file", format=form)
    else:
        assert import_answers(path, tmp_path / "file", format=form).document["answers"] == 0


def test_a_file_that_is_not_there_is_told(tmp_path):
    path = make_queue(tmp_path, size=2)
    with pytest.raises(
        InputError, match=r"gone\.json cannot be read \(No such file or directory\)\. Check the path\."
    ):
        import_answers(path, tmp_path / "gone.json")


def test_a_mark_of_byte_order_does_no_harm(tmp_path):
    path = make_queue(tmp_path, size=2)
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"id": "item-0", "label": "ai", "reviewer": "bob"}')
    assert import_answers(path, tmp_path / "a.jsonl").document["answers"] == 1


def test_an_import_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    path = make_queue(tmp_path, size=6)
    file = write(
        tmp_path / "a.jsonl",
        *({"id": f"item-{at}", "label": "ai", "reviewer": who} for at in range(3) for who in ("ann", "bob")),
    )
    take_in = ReviewQueue.take_in

    def stopped(queue, reviewer, answers, *, source):
        if reviewer == "bob":
            raise KeyboardInterrupt
        return take_in(queue, reviewer, answers, source=source)

    monkeypatch.setattr(ReviewQueue, "take_in", stopped)
    with pytest.raises(KeyboardInterrupt):
        import_answers(path, file)
    assert {who for who, *_ in said_in(path)} == {"ann"}
    monkeypatch.undo()
    done = import_answers(path, file)
    assert (done.document["answers"], done.document["known"]) == (3, 3)
