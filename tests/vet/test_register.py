"""The register of vettings: added to, never changed, and counted for rotation."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import WorkError
from wellkeeper.vet.gate import register_condition
from wellkeeper.vet.register import Round, enter, read_register, rounds_alone


def vetted(number, *families, labels=0):
    return Round(
        set=f"set {number}",
        verifiers=("digest",),
        families=families or ("judge a",),
        generator="small@1",
        time="2026-11-22T00:00:00+00:00",
        accepted=9,
        rejected=1,
        unknown=0,
        labels=labels,
    )


def test_rounds_are_read_as_they_were_entered(tmp_path):
    rounds = tuple(vetted(number) for number in range(3))
    for one in rounds:
        enter(tmp_path / "deep" / "register.jsonl", one)
    assert read_register(tmp_path / "deep" / "register.jsonl") == rounds
    assert read_register(tmp_path / "none.jsonl") == ()


@pytest.mark.parametrize("line", [0, 1])
def test_a_line_that_was_changed_or_taken_out_shows(tmp_path, line):
    path = tmp_path / "register.jsonl"
    for number in range(3):
        enter(path, vetted(number))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    with pytest.raises(
        WorkError, match=r"does not follow the line before it: a line was changed or taken out"
    ):
        read_register(path)
    lines[line] = lines[line].replace(b'"accepted": 9', b'"accepted": 8')
    path.write_bytes(b"".join(lines))
    with pytest.raises(WorkError, match=f"line {line + 2}, does not follow"):
        enter(path, vetted(4))


def test_a_line_that_was_cut_off_is_no_round_and_is_written_over(tmp_path):
    path = tmp_path / "register.jsonl"
    enter(path, vetted(0))
    path.write_bytes(path.read_bytes() + b'{"set": "1", "ver')
    assert len(read_register(path)) == 1
    enter(path, vetted(2))
    assert [one.set for one in read_register(path)] == ["set 0", "set 2"]


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b"\xff\n", b"null\n"])
def test_a_file_that_is_no_register_is_refused_and_left_alone(tmp_path, line):
    path = tmp_path / "register.jsonl"
    path.write_bytes(line)
    with pytest.raises(WorkError, match=r"line 1, is no round .* begin a new register\."):
        enter(path, vetted(0))
    assert path.read_bytes() == line


# --- rotation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "present", "alone"),
    [
        ([], ("judge a",), 1),
        ([("judge a",)] * 2, ("judge a",), 3),
        ([("judge a",), ("judge b",)], ("judge a",), 1),
        ([("judge a",), ("exact", "judge a")], ("judge a",), 1),
        ([("judge a",)] * 5, ("exact", "judge a"), 0),
        ([("human",)] * 5, ("human",), 0),
        *(([(kind,)] * 5, (kind,), 0) for kind in ("exact", "numeric", "math", "choice", "python")),
        *(([(kind,)] * 5, (kind,), 6) for kind in ("contains", "f1", "regex", "json-schema")),
    ],
)
def test_rounds_of_one_family_alone_are_counted(earlier, present, alone):
    rounds = [vetted(number, *families) for number, families in enumerate(earlier)]
    assert rounds_alone(rounds, vetted(99, *present)) == alone


def test_labels_by_people_begin_the_count_anew():
    rounds = [vetted(0), vetted(1, labels=50)]
    assert rounds_alone(rounds, vetted(2)) == 1
    assert rounds_alone(rounds, vetted(2, labels=1)) == 0


def test_the_same_set_vetted_again_is_no_further_round():
    assert rounds_alone([vetted(0)] * 4, vetted(0)) == 1
    assert rounds_alone([vetted(0)] * 4, vetted(1)) == 2


@given(st.lists(st.sampled_from(["judge a", "judge b"]), max_size=8), st.integers(1, 4))
def test_the_condition_fails_exactly_after_as_many_rounds_as_are_allowed(families, most):
    rounds = [vetted(number, family) for number, family in enumerate(families)]
    present = vetted(99, "judge a")
    run = 1
    for family in reversed(families):
        if family != "judge a":
            break
        run += 1
    found = register_condition(rounds, present, most=most)
    assert found.passed == ("fail" if run > most else "pass")
    assert found.figures["alone"] == run


def test_the_condition_says_what_to_do():
    found = register_condition([vetted(0), vetted(1)], vetted(2))
    assert found.said == "judge a has decided alone for 3 rounds, without labels by people; 2 are allowed."
    assert found.next.startswith("Rotate: ")
    assert register_condition([], dataclasses.replace(vetted(2), labels=50)).said.endswith(
        "people labelled 50 texts."
    )


def test_a_check_that_compares_with_the_answer_of_each_task_may_decide_alone_for_ever():
    rounds = [vetted(number, "numeric") for number in range(9)]
    found = register_condition(rounds, vetted(99, "numeric"))
    assert (found.passed, found.figures["alone"]) == ("pass", 0)
    assert found.said == (
        "numeric decides by each task's own answer: it has no taste that a model could drift to."
    )
    assert register_condition([], vetted(0, "human")).said == "People decide."
