"""The loop under the world of mixtures: expectation maximisation, one run after the other."""

import math
from typing import Any

from wellkeeper.native import loop, part


@part
def _step(values: Any, weights: Any, means: Any, variances: Any, room: Any, least: Any) -> Any:
    """One step of expectation and maximisation; returns the log likelihood before it.

    Sums are of deviations from the old means, which keeps their squares exact where a mean is far from zero.
    """
    components = weights.size
    room[:3, :] = 0.0
    for k in range(components):
        if weights[k] > 0.0:
            room[3, k] = math.log(weights[k]) - 0.5 * math.log(2 * math.pi * variances[k])
            room[4, k] = -0.5 / variances[k]
        else:
            room[3, k] = -math.inf
            room[4, k] = 0.0
    likelihood = 0.0
    for place in range(values.size):
        highest = -math.inf
        for k in range(components):
            deviation = values[place] - means[k]
            room[5, k] = room[3, k] + room[4, k] * deviation * deviation
            highest = max(highest, room[5, k])
        total = 0.0
        for k in range(components):
            room[5, k] = math.exp(room[5, k] - highest)
            total += room[5, k]
        likelihood += highest + math.log(total)
        for k in range(components):
            share = room[5, k] / total
            deviation = values[place] - means[k]
            room[0, k] += share
            room[1, k] += share * deviation
            room[2, k] += share * deviation * deviation
    for k in range(components):
        weights[k] = room[0, k] / values.size
        if room[0, k] > 0.0:
            move = room[1, k] / room[0, k]
            means[k] += move
            variances[k] = max(room[2, k] / room[0, k] - move * move, least)
    return likelihood


@loop("const f64[:,:]", "f64", "i64", "f64", "f64[:,:]", "f64[:,:]", "f64[:,:]", "f64[:,:]", "i64[:]")
def fit_mixtures(
    values: Any,
    tolerance: Any,
    most: Any,
    least: Any,
    room: Any,
    weights: Any,
    means: Any,
    variances: Any,
    steps: Any,
) -> None:
    """Fit a mixture of normal distributions to each row.

    Args:
        values: shape (replicates, observations).
        tolerance: gain of log likelihood an observation, in nats, below which a run stops.
        most: steps.
        least: variance of a component.
        room: shape (6, components).
        weights: where each run starts, and then what it found, as `means` and `variances`; shape
            (replicates, components).
        means: of components.
        variances: of components.
        steps: that were taken; shape (replicates,).
    """
    for row in range(values.shape[0]):
        last = -math.inf
        for step in range(most):
            found = _step(values[row], weights[row], means[row], variances[row], room, least)
            steps[row] = step + 1
            if found - last < tolerance * values.shape[1]:
                break
            last = found
