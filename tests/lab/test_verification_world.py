"""Verification: sums that suffice against raw data, the threshold, rounds of self-training, rules broken on purpose."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.checks.toys import verification_rows
from wellkeeper.lab.policy import Decoding, Policy, Verifier
from wellkeeper.lab.recursion import generations, pack, unpack
from wellkeeper.lab.running import Plan, run
from wellkeeper.lab.worlds import verification
from wellkeeper.lab.worlds.verification import (
    SELF_TRAINING,
    VERIFICATION,
    SelfTraining,
    expected_accuracy,
    next_cosine,
    simulated_accuracy,
    threshold,
    world,
)

chances = st.floats(0.01, 1)
LENIENT = Verifier(right=0.6, wrong=0.3)


@given(chances, chances)
def test_at_the_threshold_as_many_right_labels_are_kept_as_wrong_ones(right: float, wrong: float) -> None:
    share = threshold(Verifier(right=right, wrong=wrong))
    assert share * right == pytest.approx((1 - share) * wrong)


def test_verifiers_who_know_nothing_or_everything_have_the_thresholds_one_expects() -> None:
    assert threshold(Verifier(right=0.4, wrong=0.4)) == 0.5
    assert threshold(Verifier(right=0.4, wrong=0.0)) == 0.0
    assert threshold(Verifier(right=0.0, wrong=0.4)) == 1.0


@given(chances, chances, st.floats(0.01, 0.99))
def test_with_labels_without_end_accuracy_is_the_best_above_the_threshold_and_the_worst_below(
    right: float, wrong: float, share: float
) -> None:
    verifier = Verifier(right=right, wrong=wrong)
    assume(abs(share - threshold(verifier)) > 1e-3)
    found = expected_accuracy(np.array([share]), verifier, labels=10**12, dimensions=10, separation=1.0)[0]
    best = NormalDist().cdf(1.0)
    wanted = 1 if share > threshold(verifier) else (1 - best) / best
    assert found == pytest.approx(wanted, abs=1e-2)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.7])
def test_sums_that_suffice_have_the_accuracy_of_classifiers_trained_on_raw_data(share: float) -> None:
    random = np.random.default_rng(1)
    replicates, labels, dimensions = 4000, 60, 4
    classes = random.choice((-1, 1), (replicates, labels))
    inputs = random.standard_normal((replicates, labels, dimensions))
    inputs[:, :, 0] += 0.8 * classes
    right = random.random(classes.shape) < share
    kept = random.random(classes.shape) < np.where(right, LENIENT.right, LENIENT.wrong)
    signs = np.where(right, classes, -classes) * kept
    means = np.einsum("rn,rnd->rd", signs, inputs)
    cosine = means[:, 0] / np.linalg.norm(means, axis=1)
    raw = np.array([NormalDist().cdf(0.8 * value) for value in cosine]) / NormalDist().cdf(0.8)
    short = simulated_accuracy(
        share,
        LENIENT,
        labels=labels,
        dimensions=dimensions,
        separation=0.8,
        replicates=replicates,
        random=random,
    )
    assert abs(raw.mean() - short.mean()) < 4 * math.hypot(raw.std(), short.std()) / math.sqrt(replicates)
    assert raw.std() == pytest.approx(short.std(), rel=0.06)


def test_curves_turn_at_the_threshold_and_stand_beside_their_theory() -> None:
    verified, unverified, guessed = run(Plan.of(VERIFICATION, settings={"verify": "0.8/0.2"}))
    place = int(np.argmin(np.abs(verified.points - 0.2)))
    accuracy = verified.figures["accuracy"].mean(axis=0)
    assert (np.diff(accuracy) > 0).all()
    assert accuracy[place - 1] < 0.55 < accuracy[place + 1]
    assert (unverified.figures["accuracy"].mean(axis=0)[: place + 1] < 0.2).all()
    for curve in (verified, unverified, guessed):
        measured = curve.figures["accuracy"]
        room = 4 * measured.std(axis=0, ddof=1) / math.sqrt(measured.shape[0]) + 0.005
        assert (np.abs(measured.mean(axis=0) - curve.theory["accuracy"]) < room).all()


def test_a_verifier_who_keeps_next_to_nothing_leaves_noise_and_no_warning() -> None:
    curves = run(Plan.of(VERIFICATION, size=3, replicates=400, settings={"verify": "1/0", "dimensions": 2}))
    assert curves[0].points[0] == 0
    nothing_kept = curves[0].figures["accuracy"][:, 0]
    assert nothing_kept.mean() == pytest.approx(0.5 / NormalDist().cdf(1), abs=0.06)


@given(st.floats(-0.999, 0.999), chances, chances, st.floats(0.1, 3))
def test_verified_self_training_turns_to_the_truth_where_its_accuracy_is_above_the_threshold(
    cosine: float, right: float, wrong: float, separation: float
) -> None:
    verifier = Verifier(right=right, wrong=wrong)
    accuracy = NormalDist().cdf(cosine * separation)
    assume(abs(accuracy - threshold(verifier)) > 1e-6)
    after = next_cosine(cosine, verifier, separation)
    assert -1 <= after <= 1
    assert (after > cosine) == (accuracy > threshold(verifier))


@pytest.mark.parametrize("verify", ["1/1", "0.6/0.3", "0.9/0.1"])
@pytest.mark.parametrize("cosine", [-0.8, -0.3, 0.1, 0.6])
def test_one_round_of_self_training_on_many_labels_turns_as_far_as_theory_says(
    verify: str, cosine: float
) -> None:
    classifiers = SelfTraining(replicates=1, dimensions=3, separation=1.2)
    random = np.random.default_rng(3)
    model = np.array([[cosine, math.sqrt(1 - cosine**2), 0.0]])
    verifier = Policy.parse(f"verify={verify}").verifier
    assert verifier is not None
    labelled = classifiers.sample(model, 400_000, Decoding(temperature=0.0), random)
    right = classifiers.right(labelled)
    kept = random.random(right.shape) < np.where(right, verifier.right, verifier.wrong)
    after = classifiers.fit(classifiers.take(labelled, np.flatnonzero(kept)[None]), random)[0]
    assert right.mean() == pytest.approx(NormalDist().cdf(1.2 * cosine), abs=0.004)
    assert after[0] / np.linalg.norm(after) == pytest.approx(next_cosine(cosine, verifier, 1.2), abs=0.012)


def test_a_good_verifier_saves_self_training_that_is_lost_without_one() -> None:
    final = {
        curve.label: curve.figures["accuracy"][:, -1] for curve in run(Plan.of(SELF_TRAINING, replicates=100))
    }
    alone, lenient, strict = final.values()
    assert np.mean(alone < 0.25) > 0.8
    assert np.mean(strict > 0.95) > 0.95
    assert alone.mean() < lenient.mean() < strict.mean()


def test_a_verifier_who_knows_everything_leaves_right_labels_alone() -> None:
    classifiers = SelfTraining(replicates=4, dimensions=3)
    first, second = generations(classifiers, Policy.parse("verify=1/0"), size=50, count=1, seed=0)
    assert first.figures["labels_right"].mean() < 0.6
    np.testing.assert_array_equal(second.figures["labels_right"], np.ones(4))
    assert classifiers.units(second.data) == 50


def test_temperature_takes_labels_from_the_likelier_to_any() -> None:
    classifiers = SelfTraining(replicates=1, dimensions=2, separation=1.0)
    model = np.array([[1.0, 0.0]])
    random = np.random.default_rng(4)
    shares = [
        classifiers.right(classifiers.sample(model, 100_000, Decoding(temperature=heat), random)).mean()
        for heat in (0.0, 1.0, 100.0)
    ]
    # at temperature 1 a label is a draw from the posterior; by symmetry, of inputs of the class 1 alone
    along = random.standard_normal(400_000) + 1.0
    posterior = 1 / (1 + np.exp(-2 * along))
    assert shares[0] == pytest.approx(NormalDist().cdf(1.0), abs=0.005)
    assert shares[1] == pytest.approx(posterior.mean(), abs=0.007)
    assert shares[2] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("policy", ["verify=0.8/0.2", "accumulate", "subsample", "fixed=0.2", "detect=0.9"])
def test_a_run_that_goes_on_from_stored_arrays_gives_the_same_bytes(policy: str) -> None:
    classifiers = SelfTraining(replicates=3, dimensions=4)
    plan = Policy.parse(policy)
    whole = list(generations(classifiers, plan, size=30, count=4, seed=1))
    stored = {name: np.array(array) for name, array in pack(classifiers, whole[2].state).items()}
    rest = generations(classifiers, plan, size=30, count=4, seed=1, state=unpack(classifiers, stored))
    for ours, theirs in zip(rest, whole[3:], strict=True):
        for name, values in ours.figures.items():
            assert np.asarray(values).tobytes() == np.asarray(theirs.figures[name]).tobytes()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dimensions": 1}, r"dimensions is 1\. Give at least 2\."),
        ({"separation": 0.0}, r"separation is 0\. Give a number above 0, up to 1e\+06\."),
        ({"correct": 1.2}, r"correct is 1\.2\. Give a number from 0 to 1\."),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        world(2, None, 0, **settings)
    if "correct" not in settings:
        with pytest.raises(RecipeError, match=says):
            run(Plan.of(VERIFICATION, settings=settings))


def test_decoders_that_choose_among_many_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"top-p=0\.9"):
        list(generations(SelfTraining(replicates=1), Policy.parse("top-p=0.9"), size=30, count=1, seed=0))


def small_rows() -> dict[str, bool]:
    return {row.name: row.holds for row in verification_rows(replicates=200)}


def test_the_check_holds_at_a_small_size() -> None:
    assert all(small_rows().values())


def test_the_check_says_no_to_a_verifier_who_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(share: float, verifier: Verifier, **given_: Any) -> NDArray[np.float64]:
        chance = share * verifier.right + (1 - share) * verifier.wrong
        return simulated_accuracy(share, Verifier(right=chance, wrong=chance), **given_)

    monkeypatch.setattr(verification, "simulated_accuracy", blind)
    found = small_rows()
    assert not any(holds for name, holds in found.items() if name.startswith("p* +"))


def test_the_check_says_no_to_a_verifier_who_keeps_the_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def inverted(share: float, verifier: Verifier, **given_: Any) -> NDArray[np.float64]:
        return simulated_accuracy(1 - share, verifier, **given_)

    monkeypatch.setattr(verification, "simulated_accuracy", inverted)
    found = small_rows()
    assert not any(holds for name, holds in found.items() if name.startswith("p* -"))
    assert found["random labels"]
