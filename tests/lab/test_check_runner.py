"""Checks are collected, run or said not to be, and told truly."""

import json

import pytest

from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.lab import check_runner
from wellkeeper.lab.check_runner import all_checks, check_document, chosen, outcome
from wellkeeper.lab.checking import Check, Materials, above, below, by_error, near, within


def check(run=lambda _: [near("x", 1.0, 1.0, by=0.1)], **changes):
    return Check(**{"number": 1, "name": "one", "source": "derived", "run": run, **changes})


def test_there_are_14_checks_numbered_from_1_each_with_its_source():
    found = all_checks()
    assert [one.number for one in found] == list(range(1, 15))
    assert all(one.name and one.source for one in found)
    assert {one.number for one in found if one.slow} == {14}


def test_a_check_holds_where_all_of_its_rows_do():
    assert outcome(check(), Materials()).holds is True
    failing = check(lambda _: [near("x", 1.0, 1.0, by=0.1), near("y", 2.0, 1.0, by=0.1)])
    assert outcome(failing, Materials()).holds is False


@pytest.mark.parametrize(
    ("changes", "slow", "says"),
    [
        ({"slow": True}, False, "It takes minutes. Run it with --slow."),
        ({"needs": ("text",)}, True, "Give their folder with --text FOLDER."),
    ],
)
def test_what_cannot_be_run_says_what_to_do(changes, slow, says):
    def never(_):
        raise AssertionError

    found = outcome(check(never, **changes), Materials(), slow=slow)
    assert found.holds is None
    assert found.not_run.endswith(says)


def test_a_missing_extra_is_no_failure():
    def missing(_):
        raise MissingExtraError("The world digits", extra="torch")

    found = outcome(check(missing), Materials())
    assert found.holds is None
    assert (
        found.not_run
        == "The world digits needs an optional part. Install it: pip install 'wellkeeper[torch]'"
    )


def test_text_is_handed_on(tmp_path):
    seen = []
    outcome(
        check(lambda materials: seen.append(materials.text) or [], needs=("text",)), Materials(text=tmp_path)
    )
    assert seen == [tmp_path]


def test_checks_are_chosen_by_number_in_their_order(monkeypatch):
    three = tuple(check(number=number) for number in (1, 2, 3))
    monkeypatch.setattr(check_runner, "all_checks", lambda: three)
    assert [one.number for one in chosen((3, 1, 3))] == [1, 3]
    assert chosen(()) == three
    with pytest.raises(RecipeError, match=r"There is no check 4\. Give numbers from 1 to 3\.$"):
        chosen((4,))


def test_the_document_counts_what_holds_what_fails_and_what_was_not_run():
    failing = check(lambda _: [below("x", 2.0, 1.0), above("y", 2.0, 1.0), within("z", 1.0, 1.0, share=0.01)])
    some = [outcome(one, Materials(), slow=False) for one in (check(), failing, check(slow=True))]
    document = check_document(some)
    assert (document["hold"], document["fail"], document["not_run"]) == (1, 1, 1)
    assert [row["holds"] for row in document["checks"][1]["rows"]] == [False, True, True]
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("measured", "z", "holds"), [(1.29, 2.9, True), (0.71, -2.9, True), (1.31, 3.1, False)]
)
def test_a_mean_holds_within_three_standard_errors(measured, z, holds):
    row = by_error("mean", measured, 1.0, 0.1)
    assert row.z == pytest.approx(z)
    assert row.holds is holds


def test_a_mean_without_spread_holds_only_where_it_hits():
    assert by_error("mean", 1.0, 1.0, 0.0).holds
    assert not by_error("mean", 1.1, 1.0, 0.0).holds
