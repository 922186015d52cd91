"""Digits and their autoencoder: data against scikit-learn's, the classifier, the loop, and a check that can fail."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.lab import recursion
from wellkeeper.lab.checking import Materials
from wellkeeper.lab.checks import torch_worlds
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds import digits
from wellkeeper.lab.worlds.digits import (
    CLASSES,
    POINTS,
    DigitsWorld,
    classes,
    entropy,
    load_digits,
    neighbours,
)

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def world():
    return DigitsWorld()


def test_the_shipped_digits_are_those_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    ours = digits._shipped()
    assert np.array_equal(ours.pictures * POINTS, theirs.data)
    assert np.array_equal(ours.labels, theirs.target)


def test_every_digit_is_either_known_or_held_out():
    known, held_out = load_digits(3)
    assert len(known.pictures) == 1200
    both = np.concatenate((known.pictures, held_out.pictures))
    assert np.array_equal(np.sort(both, axis=0), np.sort(digits._shipped().pictures, axis=0))


def test_the_vote_of_neighbours_knows_held_out_digits(world):
    right = classes(world.held_out.pictures, world.known) == world.held_out.labels
    assert right.mean() > 0.95


def test_entropy_is_that_of_the_shares():
    assert entropy(np.arange(CLASSES)) == pytest.approx(np.log2(CLASSES))
    assert entropy(np.array([4, 4, 4])) == 0
    assert entropy(np.array([0, 0, 1, 1])) == 1


def test_blank_pictures_have_no_neighbours(world):
    found = neighbours(np.zeros((50, 64)), world.held_out.pictures)
    assert all(np.isnan(value) for value in found.values())


def test_human_digits_end(world):
    assert world.human(1190, 10, stream(0)).shape == (10, 64)
    with pytest.raises(
        InputError, match=r"1,200 digits to train on, and 1,201 are asked for\. Ask for a smaller size"
    ):
        world.human(1190, 11, stream(0))


def test_samples_are_points_and_spread_more_than_means(world):
    model = world.fit(world.known.pictures[:300], stream(0, "fit"))
    means = world.sample(model, 400, Decoding(), stream(0, "sample"))
    drawn = DigitsWorld(decode="samples").sample(model, 400, Decoding(), stream(0, "sample"))
    assert np.array_equal(drawn * POINTS, np.rint(drawn * POINTS))
    # given the code, a pixel of chance p is drawn with variance p (1 - p) / 16
    more = (means * (1 - means)).mean(axis=0).sum() / POINTS
    assert drawn.var(axis=0).sum() - means.var(axis=0).sum() == pytest.approx(more, rel=0.15)


def test_what_cannot_be_followed_is_refused(world):
    with pytest.raises(RecipeError, match=r"digits cannot be sampled with temperature=0\.5\. Leave that out"):
        world.sample(None, 1, Decoding(temperature=0.5), stream(0))
    with pytest.raises(RecipeError, match=r"decode is 'beams'\. Give one of means, samples\."):
        DigitsWorld(decode="beams")


def test_a_picture_is_drawn_in_letters(world):
    lines = world.excerpt(world.known.pictures[:20]).splitlines()
    assert len(lines) == 8
    assert any("@" in line for line in lines)


def test_threads_change_nothing_and_are_given_back(world):
    before = torch.get_num_threads()
    try:
        fits = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            fits.append(world.fit(world.known.pictures[:200], stream(0, "fit")))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name, weight in fits[0].weights.items():
        assert torch.equal(weight, fits[1].weights[name])


def test_a_run_that_goes_on_from_a_stored_state_gives_the_same(world):
    policy = Policy.parse("fixed=0.1")
    whole = list(recursion.generations(world, policy, size=150, count=2, seed=1))
    state = recursion.unpack(world, recursion.pack(world, whole[1].state))
    (last,) = recursion.generations(world, policy, size=150, count=2, seed=1, state=state)
    assert np.array_equal(last.data, whole[2].data)
    assert {name: value.tolist() for name, value in last.figures.items()} == {
        name: value.tolist() for name, value in whole[2].figures.items()
    }


def test_fresh_digits_are_new_ones(world):
    run = list(recursion.generations(world, Policy.parse("fresh=0.5"), size=100, count=2, seed=0))
    assert np.array_equal(run[1].data[:50], world.known.pictures[100:150])
    assert np.array_equal(run[2].data[:50], world.known.pictures[150:200])


def test_check_12_holds():
    assert all(row.holds for row in torch_worlds.digits(Materials()))


def test_check_12_fails_where_every_model_is_fitted_to_human_digits(monkeypatch):
    fit = DigitsWorld.fit
    monkeypatch.setattr(DigitsWorld, "fit", lambda self, data, random: fit(self, self.known.pictures, random))
    rows = torch_worlds.digits(Materials(), size=300)
    assert not rows[0].holds


def test_check_12_fails_where_accumulation_forgets(monkeypatch):
    monkeypatch.setattr(DigitsWorld, "join", lambda self, parts: parts[-1])
    rows = torch_worlds.digits(Materials(), size=300)
    assert not rows[1].holds
