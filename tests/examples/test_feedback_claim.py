"""What the demo of feedback says that its curves show."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "examples/feedback"


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    import demo

    yield demo
    del sys.modules["demo"]


def rows(demo, verified, unverified):
    return {
        "verified": {"change": demo.over_lines(verified)},
        "unverified": {"change": demo.over_lines(unverified)},
    }


def test_curves_that_show_it_say_so_with_their_intervals(demo):
    """Student's t of 2 degrees of freedom: 4.303 standard errors."""
    assert demo.shown(rows(demo, [0.43, 0.39, 0.44], [-0.06, -0.13, -0.13]), 4) == [
        "Verified, round 4 is not below the start: +0.420 (+0.354 to +0.486, 95 % over seeds, Student's).",
        "Unverified, round 4 is below the start: -0.107 (-0.207 to -0.006, 95 % over seeds, Student's).",
    ]


def test_curves_that_do_not_show_it_say_that(demo):
    said = demo.shown(rows(demo, [0.4, -0.3, 0.1], [-0.3, 0.1, -0.1]), 4)
    assert [sentence.partition(":")[0] for sentence in said] == [
        "Verified, round 4 is not shown to be at or above the start",
        "Unverified, round 4 is not shown to be below the start",
    ]


def test_one_seed_shows_nothing(demo):
    assert demo.shown(rows(demo, [0.4], [-0.3]), 4) == []
