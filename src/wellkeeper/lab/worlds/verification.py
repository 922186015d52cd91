"""Verification: labels from a poor generator, and a verifier who lets through more right ones than wrong ones [1].

Two classes y = -1, 1 lie around y mu: x = y mu + N(0, I). A generator's labels are right with probability p. A verifier
keeps right labels with probability phi and wrong ones with probability psi. A classifier is the mean w of x times label
over what is kept, and its accuracy on the true classes is Phi(w mu / |w|), Phi(|mu|) at best.

Of kept labels q = p phi / (p phi + (1 - p) psi) are right, and as they grow many the classifier points along mu where
q > 1/2 and against it where q < 1/2: accuracy jumps from the worst there is to the best there is at

    p* = psi / (phi + psi).

With k labels in d dimensions the jump is soft: w = c mu + N(0, I / k) with c = 2 q - 1, and accuracy is about
Phi(c |mu|^2 / sqrt(c^2 |mu|^2 + d / k)).

`SelfTraining` goes on from there: each model labels new inputs for the next one, and policies with `verify=PHI/PSI`
look at the labels. That such rounds keep to the same threshold is derived, see `next_cosine`; [1] has one round.

[1] Feng, Dohmatob, Yang, Charton, Kempe, Beyond model collapse: scaling up with synthesized data requires verification,
    ICLR 2025, arXiv 2406.07515.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.lab.experiment import Curve, Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy, Verifier
from wellkeeper.lab.ranges import check_range
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds._decoding import refuse

Classifier: TypeAlias = NDArray[np.float64]  # shape (replicates, dimensions)

_NORMAL = NormalDist()
_FROM_THRESHOLD = (-0.2, -0.1, -0.05, -0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_ANYTHING = Verifier(right=1.0, wrong=1.0)


def threshold(verifier: Verifier) -> float:
    """p* of [1]: the share of right labels, in [0, 1], above which what a verifier keeps is mostly right.

    >>> round(threshold(Verifier(right=0.6, wrong=0.3)), 4)
    0.3333
    """
    return verifier.wrong / (verifier.right + verifier.wrong)


def expected_accuracy(
    right: NDArray[np.float64], verifier: Verifier, *, labels: int, dimensions: int, separation: float
) -> NDArray[np.float64]:
    """Accuracy to first order in 1 / labels, over that of the best classifier; shape that of `right`.

    `right` are shares of right labels in [0, 1], `labels` how many there are before the verifier looks.
    """
    kept = np.maximum(right * verifier.right + (1 - right) * verifier.wrong, 1 / labels)
    margin = (right * verifier.right - (1 - right) * verifier.wrong) / kept * separation
    return _accuracy(margin / np.hypot(margin, np.sqrt(dimensions / (labels * kept))), separation)


def simulated_accuracy(
    right: float,
    verifier: Verifier,
    *,
    labels: int,
    dimensions: int,
    separation: float,
    replicates: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Accuracy over that of the best classifier, shape (replicates,).

    Drawn from what suffices for the mean of x times label over k kept labels: how many of them are right, and normal
    noise of variance 1 / k in each direction.
    """
    good = random.binomial(labels, right, replicates)
    kept_good = random.binomial(good, verifier.right)
    kept_bad = random.binomial(labels - good, verifier.wrong)
    kept = np.maximum(kept_good + kept_bad, 1)  # where nothing is kept, the classifier is noise
    along = (kept_good - kept_bad) / kept * separation + random.standard_normal(replicates) / np.sqrt(kept)
    across = np.sqrt(random.chisquare(dimensions - 1, replicates) / kept)
    return _accuracy(along / np.hypot(along, across), separation)


def next_cosine(cosine: float, verifier: Verifier, separation: float) -> float:
    """Cosine between mu and the classifier that is trained on another one's own verified labels, data without end.

    `cosine` is that of the other one, whose labels are the likeliest ones (temperature 0). Over x y = v ~ N(mu, I), a
    label is right where w v > 0, and with |w| = 1, a = w mu

        E[v; w v > 0] phi - E[v; w v < 0] psi = (phi Phi(a) - psi Phi(-a)) mu + (phi + psi) density(a) w.

    It turns towards mu where phi Phi(a) > psi Phi(-a), which is where the accuracy Phi(a) is above p*.
    """
    margin = cosine * separation
    along = verifier.right * _NORMAL.cdf(margin) - verifier.wrong * _NORMAL.cdf(-margin)
    before = (verifier.right + verifier.wrong) * _NORMAL.pdf(margin)
    forward = along * separation + before * cosine
    return forward / math.hypot(forward, before * math.sqrt(1 - cosine**2))


def _accuracy(cosine: NDArray[np.float64], separation: float) -> NDArray[np.float64]:
    """Accuracy of classifiers at these cosines to the best one, over its accuracy."""
    cumulative: Callable[..., NDArray[Any]] = np.frompyfunc(_NORMAL.cdf, 1, 1)
    return cumulative(cosine * separation).astype(np.float64) / _NORMAL.cdf(separation)


def _check(dimensions: int, separation: float) -> None:
    if dimensions < 2:
        raise RecipeError(f"dimensions is {dimensions}. Give at least 2.")
    check_range("separation", separation, 0, above=True)


def curves(
    size: int, replicates: int, seed: int, *, verify: str, dimensions: int, separation: float
) -> Sequence[Curve]:
    """Accuracy by the generator's share of right labels around p*: verified, not verified, and of random labels.

    Raises:
        RecipeError: a setting makes no sense.
    """
    _check(dimensions, separation)
    if size < 1:
        raise RecipeError(f"size is {size}. Give at least 1.")
    verifier = Policy.parse(f"verify={verify}").verifier
    assert verifier is not None
    shares = np.unique(np.clip(threshold(verifier) + np.array(_FROM_THRESHOLD), 0, 1))
    kinds = {
        f"verified, {verifier}": (shares, verifier),
        "not verified": (shares, _ANYTHING),
        "random labels": (np.full(shares.size, 0.5), _ANYTHING),
    }
    found = []
    for label, (right, keeps) in kinds.items():
        measured = [
            simulated_accuracy(
                share,
                keeps,
                labels=size,
                dimensions=dimensions,
                separation=separation,
                replicates=replicates,
                random=stream(seed, "verification", label, place),
            )
            for place, share in enumerate(right.tolist())
        ]
        expected = expected_accuracy(right, keeps, labels=size, dimensions=dimensions, separation=separation)
        found.append(
            Curve(
                label=label,
                axis="share of right labels",
                points=shares,
                figures={"accuracy": np.stack(measured, axis=1)},
                theory={"accuracy": expected},
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Inputs with labels and true classes, which are -1 or 1."""

    inputs: NDArray[np.float64]  # shape (replicates, observations, dimensions)
    labels: NDArray[np.int8]  # shape (replicates, observations)
    classes: NDArray[np.int8]  # shape (replicates, observations)


@dataclass(slots=True, kw_only=True, eq=False)
class SelfTraining:
    """Classifiers that label inputs for each other, in all replicates at once; sizes are in labels.

    At temperature T a label is drawn with log odds 2 w x / T: the posterior of the two classes if w were mu, to the
    power 1 / T. At temperature 0 it is the likelier one.

    Raises:
        RecipeError: a setting makes no sense.
    """

    replicates: int
    dimensions: int = 20
    separation: float = 1.0  # |mu|
    correct: float = 0.45  # share of right labels in what the first model is trained on
    name: str = "self-training"

    def __post_init__(self) -> None:
        _check(self.dimensions, self.separation)
        check_range("correct", self.correct, 0, 1)

    def human(self, first: int, size: int, random: np.random.Generator) -> Labelled:  # noqa: ARG002
        inputs, classes = self._inputs(size, random)
        flips = np.where(random.random(classes.shape) < self.correct, 1, -1).astype(np.int8)
        return Labelled(inputs=inputs, labels=classes * flips, classes=classes)

    def sample(
        self, model: Classifier, size: int, decoding: Decoding, random: np.random.Generator
    ) -> Labelled:
        refuse(self.name, decoding, but=("temperature",))
        inputs, classes = self._inputs(size, random)
        score = 2 * np.matmul(inputs, model[:, :, None])[:, :, 0]
        score += decoding.temperature * random.logistic(size=score.shape)
        return Labelled(inputs=inputs, labels=np.where(score > 0, 1, -1).astype(np.int8), classes=classes)

    def _inputs(self, size: int, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        classes = random.choice(np.array([-1, 1], np.int8), (self.replicates, size))
        inputs = random.standard_normal((self.replicates, size, self.dimensions))
        inputs[:, :, 0] += self.separation * classes  # mu points along the first direction
        return inputs, classes

    def fit(self, data: Labelled, random: np.random.Generator) -> Classifier:  # noqa: ARG002
        total: Classifier = np.matmul(data.labels[:, None, :].astype(np.float64), data.inputs)[:, 0]
        return np.divide(total, data.labels.shape[1])

    def join(self, parts: Sequence[Labelled]) -> Labelled:
        return Labelled(
            inputs=np.concatenate([part.inputs for part in parts], axis=1),
            labels=np.concatenate([part.labels for part in parts], axis=1),
            classes=np.concatenate([part.classes for part in parts], axis=1),
        )

    def figures(self, data: Labelled, model: Classifier) -> Figures:
        cosine = model[:, 0] / np.sqrt(np.square(model).sum(axis=1))
        return {
            "accuracy": _accuracy(cosine, self.separation),
            "labels_right": self.right(data).mean(axis=1),
        }

    def pack(self, data: Labelled) -> Arrays:
        return {"inputs": data.inputs, "labels": data.labels, "classes": data.classes}

    def unpack(self, arrays: Arrays) -> Labelled:
        return Labelled(inputs=arrays["inputs"], labels=arrays["labels"], classes=arrays["classes"])

    def units(self, data: Labelled) -> int:
        return int(data.labels.shape[1])

    def take(self, data: Labelled, chosen: NDArray[np.int64]) -> Labelled:
        return Labelled(
            inputs=np.take_along_axis(data.inputs, chosen[:, :, None], axis=1),
            labels=np.take_along_axis(data.labels, chosen, axis=1),
            classes=np.take_along_axis(data.classes, chosen, axis=1),
        )

    def right(self, data: Labelled) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = data.labels == data.classes
        return right


def world(replicates: int, corpus: HumanText | None, seed: int, **settings: Any) -> SelfTraining:  # noqa: ARG001
    return SelfTraining(replicates=replicates, **settings)


_PAPER = "Feng et al. 2025"
_ACCURACY = Figure(name="accuracy", title="Accuracy", unit="of the best classifier's", worse="down")
VERIFICATION = Experiment(
    name="verification",
    title="A verifier between a poor generator and the next model",
    paper=_PAPER,
    regime="closed form",
    figures=(_ACCURACY,),
    size=200_000,
    replicates=200,
    settings=(
        Setting(name="verify", value="0.6/0.3", help="chances that a right and that a wrong label is kept"),
        Setting(name="dimensions", value=100, help="of the inputs"),
        Setting(
            name="separation", value=1.0, help="distance of a class from the middle, in standard deviations"
        ),
    ),
    about=(
        "A classifier is trained on labels that are mostly wrong. Not verified, it learns the opposite of the truth. A "
        "verifier who keeps right labels with chance phi and wrong ones with chance psi turns it round, all at once, "
        "where the share of right labels passes psi / (phi + psi): above, it is nearly as good as the best there is."
    ),
    curves=curves,
)
SELF_TRAINING = Experiment(
    name="self-training",
    title="Classifiers that label inputs for each other, with and without a verifier",
    paper=_PAPER,
    regime="from scratch",
    figures=(
        _ACCURACY,
        Figure(name="labels_right", title="Right labels in the training set", unit="share", worse="down"),
    ),
    policies=("temperature=0", "verify=0.6/0.3,temperature=0", "verify=0.8/0.2,temperature=0"),
    size=400,
    generations=10,
    replicates=200,
    settings=(
        Setting(name="dimensions", value=20, help="of the inputs"),
        Setting(
            name="separation", value=1.0, help="distance of a class from the middle, in standard deviations"
        ),
        Setting(name="correct", value=0.45, help="share of right labels that the first model is trained on"),
    ),
    about=(
        "The first model is trained on labels of which more than half are wrong. On its own labels the next models "
        "move further from the truth. Through a verifier they move towards it, provided that their accuracy is above "
        "psi / (phi + psi); where replicates start on both sides, some are saved and some are lost."
    ),
    world=world,
)
EXPERIMENTS = (VERIFICATION, SELF_TRAINING)
