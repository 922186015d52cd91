"""Transcendence: votes against enumeration, students against votes, the limits of it, and rules broken on purpose."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.checks.toys import transcendence_rows
from wellkeeper.lab.running import Plan, run
from wellkeeper.lab.worlds import transcendence
from wellkeeper.lab.worlds.transcendence import (
    EXPERIMENTS,
    accuracy,
    best_expert,
    chances,
    played,
    plurality,
    softened,
    votes_of,
)

BY_TEMPERATURE, BY_SHARED_ERRORS, BY_DIFFICULTY = EXPERIMENTS


def outcomes(voters: int, moves: int) -> Iterator[tuple[int, ...]]:
    """Every way in which votes fall on moves."""
    if moves == 1:
        yield (voters,)
        return
    for first in range(voters + 1):
        for rest in outcomes(voters - first, moves - 1):
            yield (first, *rest)


def probability(votes: tuple[int, ...], chance: NDArray[np.float64]) -> float:
    ways = math.factorial(sum(votes)) / math.prod(math.factorial(vote) for vote in votes)
    return ways * math.prod(float(part) ** vote for part, vote in zip(chance, votes, strict=True))


weights = st.lists(st.floats(0, 1), min_size=2, max_size=4).filter(lambda parts: sum(parts) > 0.1)


@given(st.integers(1, 7), weights)
def test_the_plurality_is_that_of_counting_every_outcome(voters: int, parts: list[float]) -> None:
    chance = np.array(parts) / sum(parts)
    wanted = sum(
        probability(votes, chance) * (votes[0] == max(votes)) / votes.count(max(votes))
        for votes in outcomes(voters, chance.size)
    )
    assert plurality(voters, chance) == pytest.approx(wanted, abs=1e-12)


@given(st.integers(1, 6), weights, st.floats(0.15, 4))
def test_a_softened_vote_is_that_of_counting_every_outcome(
    voters: int, parts: list[float], temperature: float
) -> None:
    chance = np.array(parts) / sum(parts)
    wanted = 0.0
    for votes in outcomes(voters, chance.size):
        powers = (np.array(votes) / max(votes)) ** (1 / temperature)
        wanted += probability(votes, chance) * powers[0] / powers.sum()
    assert softened(voters, chance, temperature) == pytest.approx(wanted, abs=1e-9)


@given(st.integers(1, 30), st.floats(0.01, 0.99), st.integers(2, 12))
def test_at_temperature_1_a_student_plays_like_the_average_expert(
    voters: int, skill: float, moves: int
) -> None:
    assert softened(voters, chances(moves, skill), 1.0) == pytest.approx(skill, abs=1e-9)


def test_as_the_temperature_falls_a_student_plays_like_the_vote() -> None:
    chance = chances(10, 0.35)
    found = [softened(25, chance, temperature) for temperature in (1.0, 0.5, 0.3, 0.1, 0.02, 0.002, 0.0)]
    assert all(warm < cold for warm, cold in pairwise(found))
    assert found[-2] == pytest.approx(found[-1], abs=1e-8)
    assert found[-1] == plurality(25, chance)


@given(st.integers(2, 12), st.floats(0, 1), st.floats(0, 1))
def test_chances_are_probabilities_and_an_error_is_shared_as_often_as_said(
    moves: int, skill: float, shared: float
) -> None:
    chance = chances(moves, skill, shared)
    assert chance.shape == (moves,)
    assert chance.min() >= 0
    assert chance.sum() == pytest.approx(1)
    plays = played(
        (1, 4000),
        experts=2,
        moves=moves,
        skill=skill,
        shared=shared,
        random=np.random.default_rng(moves),
    )
    found = votes_of(plays, moves).sum(axis=(0, 1)) / plays.size
    assert (np.abs(found - chance) < 4.5 * np.sqrt(chance / plays.size) + 1e-12).all()


@pytest.mark.parametrize(("shared", "wanted"), [(0.0, 0.946), (0.3, 0.752), (0.6, 0.346), (0.9, 0.103)])
def test_a_vote_of_25_experts_is_as_good_as_an_independent_simulation_found(
    shared: float, wanted: float
) -> None:
    assert plurality(25, chances(10, 0.35, shared)) == pytest.approx(wanted, abs=0.004)


def test_votes_and_students_of_all_votes_are_as_right_as_the_closed_form_says() -> None:
    replicates = 40
    for experiment in EXPERIMENTS:
        curves = run(Plan.of(experiment, size=500, replicates=replicates))
        with_theory = [curve for curve in curves if curve.theory]
        assert with_theory
        for curve in with_theory:
            measured = curve.figures["accuracy"]
            room = 4 * measured.std(axis=0, ddof=1) / math.sqrt(replicates)
            assert (np.abs(measured.mean(axis=0) - curve.theory["accuracy"]) < room).all(), experiment.name


def test_the_more_a_student_has_seen_the_better_it_knows_the_vote() -> None:
    curves = run(Plan.of(BY_TEMPERATURE, size=500))
    cold = {curve.label: curve.figures["accuracy"][:, 0].mean() for curve in curves}
    all_votes, few, more, many, best = cold.values()
    assert best + 0.3 < few < more < many < all_votes


def test_shared_errors_turn_the_vote_from_better_to_worse_than_the_best_expert() -> None:
    vote, best = (
        curve.figures["accuracy"].mean(axis=0) for curve in run(Plan.of(BY_SHARED_ERRORS, size=500))
    )
    assert vote[0] > best[0] + 0.5
    assert vote[-1] < best[-1] - 0.2
    assert (np.diff(vote) < 0).all()


def test_where_contexts_differ_in_difficulty_middling_experts_gain_most() -> None:
    vote, best = (curve.figures["accuracy"].mean(axis=0) for curve in run(Plan.of(BY_DIFFICULTY, size=1000)))
    gain = vote - best
    assert (gain > 0).all()
    assert gain[0] < gain[2] > gain[3] > gain[4]


def test_a_student_at_temperature_0_breaks_ties_evenly_and_the_coldest_ones_stay_finite() -> None:
    counts = np.array([[[4, 4, 0], [1, 2, 5], [3, 0, 0]]])
    np.testing.assert_allclose(accuracy(counts, 0.0), (0.5 + 0 + 1) / 3)
    np.testing.assert_allclose(accuracy(counts, 1e-3), (0.5 + 0 + 1) / 3)
    np.testing.assert_allclose(accuracy(counts, 1.0), (0.5 + 1 / 8 + 1) / 3)


def test_the_best_expert_is_the_one_right_in_the_most_contexts() -> None:
    plays = np.array([[[0, 1, 2], [3, 0, 0], [1, 0, 2]]])  # one replicate, three contexts, three experts
    np.testing.assert_allclose(best_expert(plays), [2 / 3])


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"settings": {"experts": "0"}}, r"experts is 0\. Give at least 1\."),
        ({"settings": {"moves": "1"}}, r"moves is 1\. Give at least 2\."),
        ({"settings": {"skill": "1.5"}}, r"skill is 1\.5\. Give a number from 0 to 1\."),
        ({"size": 0}, r"size is 0\. Give at least 1\."),
    ],
)
def test_what_makes_no_sense_is_refused(given_: dict[str, Any], says: str) -> None:
    for experiment in EXPERIMENTS[:2]:
        with pytest.raises(RecipeError, match=says):
            run(Plan.of(experiment, **given_))


def small_rows() -> dict[str, bool]:
    # 20,000 contexts: a standard error of .003 where the check allows .01
    return {row.name: row.holds for row in transcendence_rows(contexts=2000, replicates=10)}


def test_the_check_holds_at_a_small_size() -> None:
    assert all(small_rows().values())


def test_the_check_says_no_to_students_that_are_never_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    def warm(counts: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
        return accuracy(counts, max(temperature, 1.0))

    monkeypatch.setattr(transcendence, "accuracy", warm)
    found = small_rows()
    assert not any(holds for name, holds in found.items() if not name.endswith(("at .6", "temperature 1")))


def test_the_check_says_no_to_experts_that_all_err_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(*contexts: Any, **given_: Any) -> NDArray[np.int64]:
        return played(*contexts, **given_ | {"shared": 0.9})

    monkeypatch.setattr(transcendence, "played", alike)
    found = small_rows()
    assert not any(
        found[name] for name in ("vote", "vote, over the best expert", "vote, errors shared at .6")
    )


def test_the_check_says_no_to_experts_that_never_err_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def apart(*contexts: Any, **given_: Any) -> NDArray[np.int64]:
        return played(*contexts, **given_ | {"shared": 0.0})

    monkeypatch.setattr(transcendence, "played", apart)
    found = small_rows()
    assert found["vote"]
    assert not found["vote, errors shared at .6"]
