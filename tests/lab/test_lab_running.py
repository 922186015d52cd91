"""A run is what its plan says, whenever it is stopped and however often it is taken up again."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.lab import running
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.registry import experiment
from wellkeeper.lab.running import Keeper, Plan

SIZE, GENERATIONS = 20, 6


class CountWorld:
    """A world that counts: human data are whole numbers, and models give back draws of what they read."""

    name = "count"

    def __init__(self, replicates=1):
        self.replicates = replicates
        self.fits = 0

    def human(self, first, size, random):
        return np.tile(np.arange(first, first + size), (self.replicates, 1))

    def fit(self, data, random):
        self.fits += 1
        return data

    def sample(self, model, size, decoding, random):
        return random.permuted(np.repeat(model, 2, axis=1), axis=1)[:, :size]

    def join(self, parts):
        return np.concatenate(parts, axis=1)

    def figures(self, data, model):
        kinds = [np.unique(row).size for row in data]
        return {"kinds": np.array(kinds, float), "noise": np.full(self.replicates, np.nan)}

    def units(self, data):
        return data.shape[1]

    def take(self, data, chosen):
        return np.take_along_axis(data, chosen, axis=1)

    def pack(self, data):
        return {"numbers": data}

    def unpack(self, arrays):
        return arrays["numbers"]

    def excerpt(self, data):
        return " ".join(map(str, data[0][:5].tolist()))


def count_experiment(given, **changes):
    return replace(
        Experiment(
            name="count",
            title="",
            paper="",
            regime="",
            figures=(Figure(name="kinds", title="Kinds", worse="down"),),
            policies=("replace",),
            size=SIZE,
            generations=GENERATIONS,
            world=lambda replicates, corpus, seed, **_: given,
        ),
        **changes,
    )


def same(first, second):
    assert [curve.label for curve in first] == [curve.label for curve in second]
    for one, other in zip(first, second, strict=True):
        assert one.figures.keys() == other.figures.keys()
        for name, values in one.figures.items():
            np.testing.assert_array_equal(values, other.figures[name])
        assert list(one.excerpts) == list(other.excerpts)


class StoppedError(Exception):
    pass


def stop_after(generations):
    def listen(event):
        if event.done >= generations:
            raise StoppedError

    return listen


@pytest.fixture
def keep_everything(monkeypatch):
    monkeypatch.setattr(running, "EVERY", 0.0)
    monkeypatch.setattr(running, "AT_END", 0.0)
    monkeypatch.setattr(running, "_BYTES_A_SECOND", np.inf)


@pytest.mark.parametrize(
    "policy", ["replace", "accumulate", "subsample", "fixed=0.2", "fresh=0.2", "detect=0.9"]
)
@pytest.mark.parametrize("replicates", [1, 3])
def test_a_run_that_is_stopped_anywhere_ends_as_one_that_is_not(
    tmp_path, keep_everything, policy, replicates
):
    plan = Plan.of(count_experiment(CountWorld(replicates)), policies=[policy], replicates=replicates, seed=4)
    unbroken = running.run(plan)
    for stop in range(1, GENERATIONS + 1):
        work = tmp_path / str(stop)
        with pytest.raises(StoppedError):
            running.run(plan, work=work, listener=stop_after(stop))
        same(running.run(plan, work=work), unbroken)


@pytest.mark.parametrize("name", ["gaussian", "categorical", "regression"])
def test_the_worlds_own_states_survive_being_stored(tmp_path, keep_everything, name):
    plan = Plan.of(experiment(name), generations=4, replicates=5, size=60, seed=1)
    unbroken = running.run(plan)
    lines = 5 * len(plan.policies)
    for stop in (2, 7, lines - 2):
        with pytest.raises(StoppedError):
            running.run(plan, work=tmp_path, listener=stop_after(stop))
    same(running.run(plan, work=tmp_path), unbroken)


def test_more_generations_go_on_where_the_last_run_ended_and_fewer_are_cut(tmp_path, keep_everything):
    world = CountWorld()
    plan = Plan.of(count_experiment(world), generations=5)
    running.run(plan, work=tmp_path)
    world.fits = 0
    longer = running.run(replace(plan, generations=8), work=tmp_path)
    assert world.fits == 1 + 3  # the last model again, then three more
    same(longer, running.run(replace(plan, generations=8)))
    world.fits = 0
    same(running.run(replace(plan, generations=2), work=tmp_path), running.run(replace(plan, generations=2)))
    assert world.fits == 3  # those of the run without a work folder


@pytest.mark.parametrize(
    "change", [{"size": 21}, {"seed": 1}, {"policies": (Policy.parse("accumulate"),)}, {"settings": {"a": 2}}]
)
def test_another_plan_takes_up_nothing(tmp_path, keep_everything, change):
    world = CountWorld()
    plan = Plan.of(count_experiment(world))
    running.run(plan, work=tmp_path)
    world.fits = 0
    running.run(replace(plan, **change), work=tmp_path)
    assert world.fits == GENERATIONS + 1


def test_a_model_whose_file_has_changed_takes_up_nothing(tmp_path, keep_everything):
    world, model = CountWorld(), tmp_path / "model.py"
    model.write_text("one")
    plan = Plan.of(count_experiment(world), generations=1)
    plan = replace(plan, settings={"model": str(model)})
    running.run(plan, work=tmp_path)
    model.write_text("another")
    world.fits = 0
    running.run(plan, work=tmp_path)
    assert world.fits == 2
    world.fits = 0
    running.run(plan, work=tmp_path)
    assert world.fits == 0


def test_another_corpus_takes_up_nothing():
    texts = [f"document {number} of a few words." for number in range(30)]
    first, same_again, other = (human_text(some) for some in (texts, texts, [*texts[:-1], "Another one."]))
    assert running.digest_of(first) == running.digest_of(same_again) != running.digest_of(other)


def test_a_world_of_one_replicate_is_run_again_for_each():
    world = CountWorld()
    (curve,) = running.run(Plan.of(count_experiment(world), replicates=3))
    assert curve.figures["kinds"].shape == (3, GENERATIONS + 1)
    assert world.fits == 3 * (GENERATIONS + 1)
    assert len({tuple(row) for row in curve.figures["kinds"]}) > 1


def test_a_vectorised_world_is_run_once():
    world = CountWorld(replicates=4)
    (curve,) = running.run(Plan.of(count_experiment(world), replicates=4))
    assert curve.figures["kinds"].shape == (4, GENERATIONS + 1)
    assert world.fits == GENERATIONS + 1


def test_every_generation_is_told_once_and_the_last_one_completes_the_total():
    told = []
    plan = Plan.of(count_experiment(CountWorld()), policies=["replace", "accumulate"], replicates=2)
    running.run(plan, listener=told.append)
    total = 2 * 2 * (GENERATIONS + 1)
    assert {event.done for event in told} == set(range(total + 1))
    assert all(one.done <= other.done for one, other in itertools.pairwise(told))
    assert {event.total for event in told} == {total}
    assert {event.stage for event in told} >= {"replace, replicate 1 of 2", "accumulate, replicate 2 of 2"}


def test_little_work_is_not_stored(tmp_path):
    running.run(Plan.of(count_experiment(CountWorld())), work=tmp_path / "lines")
    assert not (tmp_path / "lines").exists()


def test_what_is_stored_takes_no_longer_than_the_work_that_it_saves(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "EVERY", 0.0)
    monkeypatch.setattr(running, "_BYTES_A_SECOND", 1.0)
    running.run(Plan.of(count_experiment(CountWorld())), work=tmp_path / "lines")
    assert not (tmp_path / "lines").exists()


def test_a_damaged_state_is_said_with_what_to_do(tmp_path, keep_everything):
    plan = Plan.of(count_experiment(CountWorld()))
    running.run(plan, work=tmp_path)
    (stored,) = tmp_path.glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:-40])
    with pytest.raises(
        WorkError, match=r"is damaged, and the run cannot go on from it\. Start anew with --fresh\.$"
    ):
        running.run(plan, work=tmp_path)


def test_a_state_that_cannot_be_written_is_said_with_what_to_do(tmp_path, keep_everything):
    (tmp_path / "lines").write_text("a file")
    with pytest.raises(WorkError, match=r"choose another folder with --out\.$"):
        running.run(Plan.of(count_experiment(CountWorld())), work=tmp_path / "lines")


def test_an_experiment_with_curves_of_its_own_gives_these():
    def curves(size, replicates, seed, *, slope):
        points = np.arange(3.0)
        return [Curve(label="line", axis="x", points=points, figures={"y": slope * points[None]})]

    own = count_experiment(
        CountWorld(), world=None, curves=curves, settings=(Setting(name="slope", value=1.0, help=""),)
    )
    (curve,) = running.run(Plan.of(own, settings={"slope": "2"}))
    assert curve.figures["y"].tolist() == [[0, 2, 4]]
    with pytest.raises(RecipeError, match=r"has curves of its own and no policies\. Leave --policy out"):
        Plan.of(own, policies=["replace"])
    with pytest.raises(RecipeError, match=r"no generations\. Leave --generations out"):
        Plan.of(own, generations=3)


@given(
    st.sampled_from(
        [(3, "7", 7), (0.5, "1e-3", 0.001), (True, "no", False), (False, "True", True), ("a", "b", "b")]
    )
)
@settings(max_examples=20)
def test_settings_are_read_as_their_defaults_type(case):
    default, given_, wanted = case
    known = count_experiment(CountWorld(), settings=(Setting(name="some_name", value=default, help=""),))
    assert running.settings_of(known, {"some-name": given_}) == {"some_name": wanted}
    assert running.settings_of(known, {"some_name": wanted}) == {"some_name": wanted}
    assert running.settings_of(known, {}) == {"some_name": default}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda e: Plan.of(e, settings={"ordr": 1}), r"no setting 'ordr'\. Did you mean order\? Its settings are order\.$"),
        (lambda e: Plan.of(e, settings={"order": "two"}), r"order is 'two'\. Give a whole number, for example order=3\.$"),
        (lambda e: Plan.of(e, size=0), r"size is 0\. Give at least 1\.$"),
        (lambda e: Plan.of(e, generations=-1), r"generations is -1\. Give at least 0\.$"),
        (lambda e: Plan.of(e, replicates=0), r"replicates is 0\. Give at least 1\.$"),
        (lambda e: Plan.of(replace(e, settings=()), settings={"x": "1"}), r"It has no settings: leave --set out\.$"),
        (lambda e: Plan.of(e, policies=["keep=all"]), r"A policy has no 'keep=all'"),
        (lambda e: running.run(Plan.of(e, policies=["verify=0.9/0.1"])), r"nothing is right or wrong\. Leave out verify\.$"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_runs(call, says):
    world = CountWorld()
    with pytest.raises(RecipeError, match=says):
        call(count_experiment(world, settings=(Setting(name="order", value=3, help=""),)))
    assert world.fits == 0


def test_an_experiment_that_needs_a_corpus_says_how_to_give_one():
    with pytest.raises(InputError, match=r"learns from text of people\. Give it some with --corpus PATH\.$"):
        running.run(Plan.of(count_experiment(CountWorld(), needs=("corpus",))))


def test_a_policy_that_is_given_twice_is_run_once():
    plan = Plan.of(count_experiment(CountWorld()), policies=["replace", "temperature=1", ""])
    assert [str(policy) for policy in plan.policies] == ["replace"]


def test_a_keeper_of_an_empty_folder_has_nothing(tmp_path):
    assert Keeper(tmp_path / "none").kept("key", CountWorld()) is None
