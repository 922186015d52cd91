"""How large a watch has to be: beside the weeks that docs/LOG.md has of whole simulated years."""

import pytest

from wellkeeper.errors import DataError
from wellkeeper.measure.sample_size import AnswerNoise
from wellkeeper.measure.watch_size import items_a_week, watch_power

NOISE = AnswerNoise(mean=0.7, discordance=0.21)  # Beta with parameters that sum up to 1


@pytest.mark.parametrize(
    ("items", "drop", "weeks", "found"),
    [(100, 0.1, 5, 1.0), (300, 0.1, 2, 1.0), (100, 0.05, 19, 0.91), (300, 0.05, 8, 1.0)],
)
def test_the_weeks_to_a_find_are_those_of_whole_simulated_years(items, drop, weeks, found):
    power = watch_power(items, drop=drop, noise=NOISE)
    assert power.weeks == pytest.approx(weeks, abs=1.5)
    assert power.found == pytest.approx(found, abs=0.06)
    assert power.early <= 0.05


def test_the_least_watch_finds_in_time_and_a_smaller_one_does_not():
    least = items_a_week(6, drop=0.1, noise=NOISE)
    assert (least.weeks or 53) <= 6
    assert least.items <= 100  # the goal of the watch: -10 points within 6 weeks at 100 items a week
    smaller = watch_power(round(0.7 * least.items), drop=0.1, noise=NOISE)
    assert smaller.weeks is None or smaller.weeks > 6


def test_a_watch_that_cannot_find_it_says_so():
    assert watch_power(10, drop=0.01, noise=NOISE).weeks is None
    with pytest.raises(DataError, match=r"More than 20,000 items a week .* Allow more weeks"):
        items_a_week(1, drop=0.002, noise=NOISE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"drop": 0.8}, r"drop is 0\.8 and the mean score 0\.7\. Give a drop"),
        ({"items": 0}, r"Give 1 or more items"),
        ({"change": 53}, r"a change within the horizon"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(change, says):
    with pytest.raises(DataError, match=says):
        watch_power(**{"items": 100, "drop": 0.05, "noise": NOISE, **change})
