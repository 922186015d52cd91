"""What each generation is trained on, unit by unit; and that a run which is taken up again is the same run."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_world import MADE, Ledger
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.lab import recursion
from wellkeeper.lab.policy import Detector, Policy
from wellkeeper.lab.recursion import Generation, generations, redrawn
from wellkeeper.lab.worlds.categorical import CategoricalWorld, zipf
from wellkeeper.lab.worlds.gaussian import GaussianWorld
from wellkeeper.lab.worlds.kernel_density import KernelDensityWorld
from wellkeeper.lab.worlds.mixture import MixtureWorld


def _run(line: str, *, size: int = 100, count: int = 4, world: Any = None, seed: int = 0) -> list[Generation]:
    return list(generations(world or Ledger(), Policy.parse(line), size=size, count=count, seed=seed))


def _sources(generation: Generation) -> list[tuple[int, int]]:
    """How many units of the first replicate people wrote (0), or the model of generation 0 (1), and so on."""
    found, counts = np.unique(generation.data[0] // MADE, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def _human(generation: Generation) -> list[int]:
    return [unit for unit in generation.data[0].tolist() if unit < MADE]


def test_generation_zero_is_people_alone_whatever_the_policy() -> None:
    for line in (
        "replace",
        "accumulate",
        "subsample",
        "fixed=0.3",
        "fresh=0.3",
        "augment=1",
        "schedule=1",
        "detect=0.9",
    ):
        first = _run(line, count=0)[0]
        assert first.number == 0
        assert _human(first) == list(range(100))


def test_under_replace_each_set_is_the_last_models_output_alone() -> None:
    run = _run("replace")
    assert [_sources(generation) for generation in run[1:]] == [[(k, 100)] for k in (1, 2, 3, 4)]


def test_under_accumulate_all_is_kept_in_order() -> None:
    run = _run("accumulate")
    for before, after in pairwise(run):
        assert np.array_equal(after.data[:, : before.data.shape[1]], before.data)
    assert _sources(run[3]) == [(0, 100), (1, 100), (2, 100), (3, 100)]


def test_under_subsample_sets_stay_as_large_and_come_from_all_before_without_repeats() -> None:
    run = _run("subsample")
    for generation in run[1:]:
        assert generation.data.shape == (2, 100)
        assert len(np.unique(generation.data[0])) == 100
        assert np.isin(generation.data, generation.state.pool).all()
        assert generation.state.pool.shape == (2, 100 * (generation.number + 1))
    assert not np.array_equal(run[1].data[0], run[1].data[1])  # each replicate draws its own


def test_what_is_drawn_from_all_before_is_drawn_evenly() -> None:
    """Each unit of the pool of generation 3 has a chance of one in four; 6 standard errors."""
    run = _run("subsample", count=3, size=1_000)
    from_people = [np.sum(generation.data < MADE) / generation.data.size for generation in run]
    assert from_people[3] == pytest.approx(1 / 4, abs=6 * (0.25 * 0.75 / 2_000) ** 0.5)


def test_a_fixed_core_is_the_same_people_every_time() -> None:
    run = _run("fixed=0.2")
    assert all(_human(generation) == list(range(20)) for generation in run[1:])
    assert [_sources(generation) for generation in run[1:]] == [[(0, 20), (k, 80)] for k in (1, 2, 3, 4)]


def test_fresh_people_were_in_no_set_before() -> None:
    run = _run("fresh=0.2")
    assert [_human(generation) for generation in run[1:]] == [
        list(range(100 + 20 * k, 120 + 20 * k)) for k in range(4)
    ]
    assert [generation.data.shape[1] for generation in run] == [100] * 5


def test_a_core_and_fresh_people_go_together() -> None:
    run = _run("fixed=0.1,fresh=0.2")
    assert _human(run[2]) == [*range(10), *range(120, 140)]


def test_augmented_sets_have_all_people_of_the_first() -> None:
    run = _run("augment=0.5")
    assert [_sources(generation) for generation in run[1:]] == [[(0, 100), (k, 50)] for k in (1, 2, 3, 4)]
    assert all(_human(generation) == list(range(100)) for generation in run)


def test_a_schedule_says_how_much_of_each_set_is_synthetic() -> None:
    run = _run("schedule=0.1:0.6")
    assert [dict(_sources(generation)).get(generation.number, 0) for generation in run] == [
        100,
        10,
        60,
        60,
        60,
    ]
    people = [place for generation in run for place in _human(generation)]
    assert len(people) == len(set(people))


def test_sets_grow_by_their_factor() -> None:
    assert [generation.data.shape[1] for generation in _run("replace,growth=1.5")] == [
        100,
        150,
        225,
        338,
        506,
    ]
    assert [generation.data.shape[1] for generation in _run("fixed=0.5,growth=2")] == [
        100,
        200,
        400,
        800,
        1600,
    ]
    assert [generation.data.shape[1] for generation in _run("accumulate,growth=2")] == [
        100,
        300,
        700,
        1500,
        3100,
    ]


def test_people_who_are_kept_with_fresh_ones_are_all_kept() -> None:
    run = _run("accumulate,fresh=0.1")
    assert _human(run[3]) == list(range(130))


def test_a_perfect_verifier_lets_only_right_outputs_through_and_as_many_as_without() -> None:
    for generation in _run("replace,verify=1/0")[1:]:
        assert generation.data.shape == (2, 100)
        assert Ledger().right(generation.data).all()


def test_a_verifier_keeps_right_outputs_in_proportion_to_its_chances() -> None:
    """Of outputs half of which are right, phi / (phi + psi) of the kept ones are; 6 standard errors."""
    run = _run("replace,verify=0.6/0.2", size=4_000, count=2)
    right = Ledger().right(run[2].data).mean()
    assert right == pytest.approx(0.75, abs=6 * (0.25 * 0.75 / 8_000) ** 0.5)


def test_people_are_not_verified() -> None:
    run = _run("fixed=0.5,verify=1/0")
    assert _human(run[1]) == list(range(50))


def test_a_verifier_that_keeps_little_sees_all_it_takes_and_holds_no_more_than_is_wanted() -> None:
    """One output in fifty passes; the world never joins more than what is held and one sample."""
    joined = []

    class Watched(Ledger):
        def join(self, parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
            joined.append(sum(part.shape[1] for part in parts))
            return Ledger.join(self, parts)

    last = _run("verify=0.04/0", world=Watched(), count=1)[1]
    assert last.data.shape == (2, 100)
    assert Ledger().right(last.data).all()
    assert len(joined) > 30
    assert set(joined) == {200}


def test_a_verifier_keeps_outputs_in_the_order_they_came() -> None:
    """What passes a perfect verifier is what is right of an unverified run, and then of further samples."""
    plain, verified = (_run(line, count=1)[1].data for line in ("replace", "verify=1/0"))
    for before, after in zip(plain, verified, strict=True):
        right = before[Ledger().right(before)]
        assert 0 < right.size < 100
        assert after[: right.size].tolist() == right.tolist()


def test_a_detector_that_guesses_draws_all_alike() -> None:
    random = np.random.default_rng(0)
    human = np.arange(10) < 5
    drawn = redrawn(human, Detector(auroc=0.5, upsample=1.0, repeats=1), 3, random)
    assert np.array_equal(drawn, np.tile(np.arange(10), (3, 1)))
    drawn = redrawn(human, Detector(auroc=0.5, power=10, upsample=0.2, repeats=3), 40_000, random)
    shares = np.bincount(drawn.ravel(), minlength=10) / drawn.size
    assert shares == pytest.approx(0.1, abs=6 * (0.09 / drawn.size) ** 0.5)


def test_data_of_one_kind_are_all_alike_to_a_detector() -> None:
    """Under `replace` all data are synthetic, and none is preferred; 6 standard errors."""
    for human in (np.zeros(10, np.bool_), np.ones(10, np.bool_)):
        drawn = redrawn(human, Detector(auroc=0.99, upsample=0.5), 20_000, np.random.default_rng(0))
        shares = np.bincount(drawn.ravel(), minlength=10) / drawn.size
        assert shares == pytest.approx(0.1, abs=6 * (0.09 / drawn.size) ** 0.5)


def test_a_detector_that_knows_draws_people_first_and_each_no_more_often_than_it_may() -> None:
    human = np.arange(100) < 40
    drawn = redrawn(human, Detector(auroc=1.0, upsample=1.2, repeats=3), 5, np.random.default_rng(1))
    assert drawn.shape == (5, 120)
    assert np.array_equal(drawn, np.tile(np.repeat(np.arange(40), 3), (5, 1)))


@given(
    st.floats(0.5, 1),
    st.floats(0, 50),
    st.floats(0.05, 3),
    st.integers(3, 5),
    st.integers(0, 2**32),
    st.integers(1, 40),
)
def test_whatever_the_detector_repeats_are_capped(
    auroc: float, power: float, upsample: float, repeats: int, seed: int, units: int
) -> None:
    random = np.random.default_rng(seed)
    detector = Detector(auroc=auroc, power=power, upsample=upsample, repeats=repeats)
    human = random.random(units) < 0.5
    drawn = redrawn(human, detector, 2, random)
    assert drawn.shape == (2, max(1, round(upsample * units)))
    for row in drawn:
        assert np.bincount(row, minlength=units).max() <= repeats


def test_units_are_drawn_one_after_the_other_in_proportion_to_their_weights() -> None:
    """Against the draw written out, with the same scores: power 1, 6 units, 3 drawn; 5 standard errors."""
    human, runs = np.array([True, True, True, False, False, False]), 60_000
    detector = Detector(auroc=0.85, power=1, upsample=0.5, repeats=1)
    drawn = redrawn(human, detector, runs, np.random.default_rng(2))
    found = (
        np.isin(np.arange(6)[None, :, None], drawn[:, None, :]).any() and np.bincount(drawn.ravel()) / runs
    )
    random = np.random.default_rng(3)
    apart = 2**0.5 * 1.0364333894937898  # the normal quantile of .85
    expected = np.zeros(6)
    for _ in range(runs // 4):
        score = random.standard_normal(6) + np.where(human, -apart / 2, apart / 2)
        weight = 1 / (1 + np.exp(apart * score))
        left = list(range(6))
        for _ in range(3):
            pick = random.choice(left, p=weight[left] / weight[left].sum())
            left.remove(pick)
            expected[pick] += 1
    expected /= runs // 4
    assert found == pytest.approx(expected, abs=5 * (0.25 / (runs // 4)) ** 0.5)


def test_the_detector_sees_who_made_what_and_prefers_people() -> None:
    run = _run("fixed=0.3,detect=1/10/1/3", count=3)
    for generation in run[1:]:
        assert generation.figures["human"].tolist() == [0.9, 0.9]  # 30 people, each three times
    run = _run("accumulate,detect=1/10/0.4/1", count=3)
    for generation in run[1:]:
        expected = min(1.0, 100 / round(0.4 * 100 * (generation.number + 1)))
        assert generation.figures["human"] == pytest.approx(expected)


def test_what_would_draw_from_more_units_than_memory_holds_is_refused_before_a_model_is_fitted() -> None:
    world = CategoricalWorld(replicates=20, probabilities=zipf(5, 1.0))
    for line in ("subsample", "detect=0.9", "accumulate,detect=0.9"):
        run = generations(world, Policy.parse(line), size=10_000_000, count=15, seed=0)
        with pytest.raises(
            RecipeError,
            match=r"draw unit by unit, here from [\d,]+ in all replicates, and there is room for 100,000,000\. Choose a "
            r"smaller size, fewer replicates or fewer generations; or leave that word out\.",
        ):
            next(run)
    assert len(_run("accumulate", size=10_000_000, count=1, world=world)) == 2
    with pytest.raises(RecipeError, match=r"from 300,000,000 in all replicates"):
        redrawn(np.ones(10_000_000, np.bool_), Detector(auroc=0.9), 10, np.random.default_rng(0))


def test_what_grows_without_bound_is_refused_before_a_model_is_fitted() -> None:
    with pytest.raises(RecipeError, match=r"With growth=10 training set 10 is more than a billion times"):
        next(generations(Ledger(), Policy.parse("growth=10"), size=10, count=500, seed=0))


def test_where_all_is_kept_a_set_may_add_nothing() -> None:
    for line in ("accumulate,growth=0.1", "subsample,growth=0.1"):
        run = _run(line, count=4)
        assert [generation.number for generation in run] == list(range(5))
    assert [generation.data.shape[1] for generation in _run("accumulate,growth=0.1")] == [
        100,
        110,
        111,
        111,
        111,
    ]


def test_a_human_share_of_all_leaves_no_place_for_a_model() -> None:
    for size in (1, 3, 5, 7):
        for generation in _run("fixed=0.5,fresh=0.5", size=size)[1:]:
            assert generation.data.shape == (2, size)
            assert (generation.data < MADE).all()


WORLDS = (
    Ledger(),
    GaussianWorld(replicates=3),
    MixtureWorld(replicates=2),
    KernelDensityWorld(replicates=2),
    CategoricalWorld(replicates=3, probabilities=zipf(20, 1.0)),
)
LINES = (
    "replace",
    "accumulate",
    "subsample",
    "fixed=0.2,fresh=0.1",
    "augment=0.5",
    "schedule=0.2:0.7,growth=1.2",
    "fixed=0.3,detect=0.9",
    "accumulate,detect=0.8/5/0.5/2",
    "subsample,fresh=0.1",
)


@given(st.sampled_from(WORLDS), st.sampled_from(LINES), st.integers(0, 3), st.integers(0, 99))
def test_a_run_taken_up_from_what_was_stored_gives_the_same_bytes(
    world: Any, line: str, at: int, seed: int
) -> None:
    whole = _run(line, size=30, count=4, world=world, seed=seed)
    file = io.BytesIO()
    np.savez(file, **recursion.pack(world, whole[at].state))
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        state = recursion.unpack(world, dict(arrays))
    rest = list(generations(world, Policy.parse(line), size=30, count=4, seed=seed, state=state))
    assert [generation.number for generation in rest] == list(range(at + 1, 5))
    for ours, theirs in zip(rest, whole[at + 1 :], strict=True):
        assert _bytes(world, ours) == _bytes(world, theirs)


def _bytes(world: Any, generation: Generation) -> list[tuple[str, bytes]]:
    stored = recursion.pack(world, generation.state) | dict(generation.figures)
    return sorted((name, np.asarray(array).tobytes()) for name, array in stored.items())


def test_policies_of_one_seed_begin_with_the_same_people_where_no_core_is_set_apart() -> None:
    lines = ("replace", "accumulate", "subsample", "fresh=0.1", "replace,temperature=0.8")
    for world in WORLDS:
        starts = [world.pack(_run(line, size=20, count=0, world=world)[0].data) for line in lines]
        for name in starts[0]:
            assert len({np.asarray(start[name]).tobytes() for start in starts}) == 1


def test_another_seed_or_replicate_is_another_run() -> None:
    world = GaussianWorld(replicates=1)
    policy = Policy()
    ends = {
        float(
            [*generations(world, policy, size=9, count=1, seed=seed, replicate=replicate)][-1].model.variance[
                0
            ]
        )
        for seed in (0, 1)
        for replicate in (0, 1)
    }
    assert len(ends) == 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A world whose data do not fall into units."""

    name: str = "whole"
    replicates: int = 1


def test_what_a_world_cannot_follow_is_refused_before_anything_runs() -> None:
    for word, line in (("subsample", "subsample"), ("detect", "replace,detect=0.9")):
        with pytest.raises(
            RecipeError, match=rf"the world whole cannot be drawn unit by unit\. Leave out {word}\."
        ):
            next(generations(Whole(), Policy.parse(line), size=4, count=1, seed=0))
    with pytest.raises(
        RecipeError, match=r"In the world gaussian nothing is right or wrong\. Leave out verify\."
    ):
        next(
            generations(
                GaussianWorld(replicates=1), Policy.parse("replace,verify=1/0"), size=4, count=1, seed=0
            )
        )


def test_sets_that_shrink_to_nothing_say_so() -> None:
    with pytest.raises(
        RecipeError, match=r"leaves generation 2 without data\. Start with a larger size, or grow\."
    ):
        _run("replace,growth=0.05", count=3)


def test_a_verifier_that_finds_nothing_right_says_so() -> None:
    with pytest.raises(
        WorkError, match=r"verify=1/0 kept fewer than 10 of 2,010 outputs\. Give it a larger chance"
    ):
        _run("replace,verify=1/0", size=10, count=1, world=Ledger(right_of_ten=0))
