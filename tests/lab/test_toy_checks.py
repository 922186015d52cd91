"""The checks on worlds with exact theory, at the size that `wellkeeper lab check` runs."""

import json

import pytest

from wellkeeper.lab.checking import Check, Materials
from wellkeeper.lab.checks.toys import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_holds_on_every_row_and_can_be_written_down(check: Check) -> None:
    rows = check.run(Materials())
    assert len(rows) >= 5
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.holds is True for row in rows), [row for row in rows if row.holds is not True]
    assert json.loads(json.dumps([row.to_json() for row in rows]))


def test_checks_have_the_numbers_that_were_given_to_them() -> None:
    assert [check.number for check in CHECKS] == [3, 5, 6, 7, 8]
