"""Checks that take minutes each: `make nightly`."""

from pathlib import Path

import pytest

from wellkeeper.lab import check_runner
from wellkeeper.lab.checking import Materials

WIKITEXT = Path(__file__).parents[2] / "examples" / "wikitext-2"


@pytest.mark.nightly
@pytest.mark.parametrize(
    "check", [check for check in check_runner.all_checks() if check.slow], ids=lambda check: check.name
)
def test_slow_checks_of_the_lab_hold(check) -> None:
    pytest.importorskip("torch", reason="models in torch: make torch installs it")
    rows = check.run(Materials(text=WIKITEXT))
    assert rows
    assert [row for row in rows if not row.holds] == []


def test_only_what_takes_minutes_is_left_to_the_night() -> None:
    assert [check.number for check in check_runner.all_checks() if check.slow] == [14]
