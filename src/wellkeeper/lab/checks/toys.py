"""Checks on worlds with exact theory: regression, weighting, strong collapse, verification, transcendence."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.checking import Check, Materials, Row, above, below, by_error, near, within
from wellkeeper.lab.experiment import Curve
from wellkeeper.lab.policy import Policy, Verifier
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds import strong_collapse, transcendence, verification, weighting
from wellkeeper.lab.worlds.regression import Inputs, RegressionWorld

SETS = 20
"""Training sets of linear regression, the human one included."""
SIZE, DIMENSIONS = 60, 20
FIRST_ERROR = DIMENSIONS / (SIZE - DIMENSIONS - 1)
"""s2 d / (n - d - 1) with s2 = 1, what `replace` adds a generation: Gerstgrasser et al., arXiv 2404.01413."""
SQUARES = sum(1 / k**2 for k in range(1, SETS + 1))
"""What `accumulate` comes to in the first error, with the same inputs in each set; below pi^2 / 6 (the same)."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""He et al., arXiv 2502.18049; both the best weight and the error there, in errors of human data alone."""

OFFSET, NOISE, COEFFICIENTS = 4.0, 0.5, 50
WITHOUT_END = 12_800 << 8
"""Labels where all but the floor has gone."""

VERIFIER = Verifier(right=0.6, wrong=0.3)
LABELS, FEATURES, APART = 200_000, 100, 1.0

EXPERTS, MOVES, SKILL = 25, 10, 0.35
PLURALITY, GAIN, SHARED_AT, SHARED_PLURALITY = 0.946, 0.57, 0.6, 0.346
"""Our prototype's, written independently of this package; `transcendence.plurality` gives .9461 and .3472."""


def regression_rows(*, replicates: int, seed: int = 0) -> list[Row]:
    """Error of least squares on its own labels, after 20 training sets."""

    def errors(policy: str, inputs: Inputs) -> NDArray[np.float64]:
        """Of all generations, shape (replicates, sets)."""
        world = RegressionWorld(replicates=replicates, dimensions=DIMENSIONS, inputs=inputs, seed=seed)
        run = generations(world, Policy.parse(policy), size=SIZE, count=SETS - 1, seed=seed)
        return np.stack([generation.figures["error"] for generation in run], axis=1)

    replaced, same, fresh = (
        errors("replace", "fresh"),
        errors("accumulate", "same"),
        errors("accumulate", "fresh"),
    )
    ratio = float(same[:, -1].mean() / same[:, 0].mean())
    # of a ratio of means over the same replicates, by its first-order expansion
    ratio_error = _mean(same[:, -1] - ratio * same[:, 0])[1] / float(same[:, 0].mean())
    accumulated = sum(DIMENSIONS / (k * (k * SIZE - DIMENSIONS - 1)) for k in range(1, SETS + 1))
    return [
        by_error("replace, error a generation", *_beside(replaced[:, -1] / SETS, FIRST_ERROR)),
        by_error(f"accumulate, same inputs, {SETS} sets", *_beside(same[:, -1], FIRST_ERROR * SQUARES)),
        by_error("the same, in the first set's errors", ratio, SQUARES, ratio_error),
        below("the same, against pi^2/6", ratio, math.pi**2 / 6),
        by_error(f"accumulate, fresh inputs, {SETS} sets", *_beside(fresh[:, -1], accumulated)),
    ]


def golden_rows(*, replicates: int, rounds: int, seed: int = 0) -> list[Row]:
    """The weight of human data with the least error, and that error."""
    curves = weighting.curves(
        SIZE,
        replicates,
        seed,
        rounds=rounds,
        dimensions=DIMENSIONS,
        penalty=0.5,
        signal=1.0,
        synthetic=1.0,
    )
    *free, ridge = curves
    rows = []
    for curve in free:
        weight, error = weighting.lowest(curve)
        rows += [
            near(f"{curve.label}: best weight", weight, GOLDEN, by=0.005),
            near(f"{curve.label}: error there", error, GOLDEN, by=0.005),
        ]
    return [*rows, above(f"{ridge.label}: best weight", weighting.lowest(ridge)[0], 0.5)]


def strong_collapse_rows(*, replicates: int, seed: int = 0) -> list[Row]:
    """Error by labels and share of synthetic ones against the closed form, and without end against the floor."""

    def errors(size: int, share: float) -> NDArray[np.float64]:
        return strong_collapse.simulated_error(
            size,
            COEFFICIENTS,
            synthetic=round(share * size),
            offset=OFFSET,
            noise=NOISE,
            replicates=replicates,
            random=stream(seed, "check strong collapse", size, share),
        )

    rows = []
    for share in (0.0, 0.01, 0.1):
        for size in (200, 800, 3200, 12_800):
            expected = strong_collapse.expected_error(
                size, COEFFICIENTS, synthetic=round(share * size), offset=OFFSET, noise=NOISE
            )
            rows.append(by_error(f"{share:.0%} of {size:,} labels", *_beside(errors(size, share), expected)))
    floor = float(errors(WITHOUT_END, 0.01).mean())
    return [*rows, within(f"1% of {WITHOUT_END:,} labels: p^2 D", floor, 0.01**2 * OFFSET, share=0.03)]


def verification_rows(*, replicates: int, seed: int = 0) -> list[Row]:
    """Accuracy over that of the best classifier, at shares of right labels around p*."""
    middle = verification.threshold(VERIFIER)
    everything = Verifier(right=1.0, wrong=1.0)

    def accuracy(share: float, verifier: Verifier) -> NDArray[np.float64]:
        return verification.simulated_accuracy(
            share,
            verifier,
            labels=LABELS,
            dimensions=FEATURES,
            separation=APART,
            replicates=replicates,
            random=stream(seed, "check verification", share, verifier),
        )

    steps = (-0.1, -0.03, -0.01, 0.01, 0.03, 0.1)
    at = {step: float(accuracy(middle + step, VERIFIER).mean()) for step in steps}
    unverified = max(float(accuracy(middle + step, everything).mean()) for step in steps)
    guessed = accuracy(0.5, everything)
    cumulative = (1 + math.erf(APART / math.sqrt(2))) / 2
    return [
        below("p* - .1", at[-0.1], 0.2),
        below("p* - .03", at[-0.03], 0.25),
        below("p* - .01", at[-0.01], 0.5),
        above("p* + .01", at[0.01], 0.5 / cumulative),
        above("p* + .03", at[0.03], 0.95),
        above("p* + .1", at[0.1], 0.99),
        by_error("random labels", *_beside(guessed, 0.5 / cumulative)),
        below("not verified, at best of all these shares", unverified, 0.5),
    ]


def transcendence_rows(*, contexts: int, replicates: int, seed: int = 0) -> list[Row]:
    """Right moves of a vote among experts, and of students of their play."""

    def means(curves: Callable[..., Sequence[Curve]]) -> dict[str, dict[float, float]]:
        """Accuracy by label and point."""
        return {
            curve.label: dict(
                zip(curve.points.tolist(), curve.figures["accuracy"].mean(axis=0).tolist(), strict=True)
            )
            for curve in curves(contexts, replicates, seed, experts=EXPERTS, moves=MOVES, skill=SKILL)
        }

    by_heat, by_share = means(transcendence.temperature_curves), means(transcendence.shared_error_curves)
    vote = by_heat["student of all votes"][0.0]
    student = by_heat["student of 400 samples a context"]
    return [
        near("vote", vote, PLURALITY, by=0.01),
        near("vote, over the best expert", vote - by_heat["best expert"][0.0], GAIN, by=0.01),
        near("vote, errors shared at .6", by_share["vote"][SHARED_AT], SHARED_PLURALITY, by=0.01),
        near("student of 400 samples, temperature 1", student[1.0], SKILL, by=0.01),
        near("student of 400 samples, temperature .3", student[0.3], 0.787, by=0.01),
        near("student of 400 samples, temperature .1", student[0.1], 0.922, by=0.01),
    ]


def _mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean over replicates, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def _beside(values: NDArray[np.float64], target: float) -> tuple[float, float, float]:
    """What `by_error` takes: the mean, its target, its standard error."""
    mean, error = _mean(values)
    return mean, target, error


def _regression(materials: Materials) -> Sequence[Row]:  # noqa: ARG001
    return regression_rows(replicates=600)


def _golden(materials: Materials) -> Sequence[Row]:  # noqa: ARG001
    return golden_rows(replicates=1000, rounds=500)


def _strong_collapse(materials: Materials) -> Sequence[Row]:  # noqa: ARG001
    return strong_collapse_rows(replicates=1000)


def _verification(materials: Materials) -> Sequence[Row]:  # noqa: ARG001
    return verification_rows(replicates=400)


def _transcendence(materials: Materials) -> Sequence[Row]:  # noqa: ARG001
    return transcendence_rows(contexts=2000, replicates=20)


CHECKS: tuple[Check, ...] = (
    Check(
        number=3,
        name="Linear regression: replace without bound, accumulate below pi^2/6",
        source="Gerstgrasser et al., arXiv 2404.01413; fresh inputs derived",
        run=_regression,
    ),
    Check(
        number=5,
        name="Weight of human data: the golden ratio",
        source="He et al., arXiv 2502.18049; Garg et al., arXiv 2509.22341",
        run=_golden,
    ),
    Check(
        number=6,
        name="Strong collapse: one per cent of wrong labels",
        source="Dohmatob et al., arXiv 2410.04840; exact form derived",
        run=_strong_collapse,
    ),
    Check(
        number=7,
        name="Verification: a sharp turn at psi / (phi + psi)",
        source="Feng et al., arXiv 2406.07515",
        run=_verification,
    ),
    Check(
        number=8,
        name="Transcendence: a vote among experts, and shared errors",
        source="Zhang et al., arXiv 2406.11741",
        run=_transcendence,
    ),
)
