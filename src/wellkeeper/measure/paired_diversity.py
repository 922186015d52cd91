"""Is the new version blander? Two versions answer the same prompts several times; the unit is the prompt.

The diversity of a prompt is the mean distance of two different generations for it, a number in [0, 1] without bias by
how many there are. A generation is never set beside itself, nor beside those of another prompt. Pairs of one prompt
share generations, and prompts differ much from each other: a test that counts each pair as an observation, as is common
practice, calls up to one in five comparisons of like with like a loss (benchmarks/watch/paired.py). So this module
takes one number a prompt from each version and nothing finer.

If a version is no less diverse than the other, the change of each prompt is as likely to have one sign as the other.
The test flips the signs of changes at random [1]. Squares keep their sum under flips, so that Student's t rises with
the mean, and the p-value is the same studentised or not. And a flipped mean lies below the mean if and only if the
changes whose sign is flipped have a positive mean themselves. Hence the means of random subsets tell everything: the
share of them that is at least 0 is the p-value, the share beyond the margin is that of the margin, and their quantiles
are the bounds that the same test, shifted, does not reject [2].

Exact if changes are symmetric about their mean, as those of like with like are; otherwise as good as Student's t.
docs/LOG.md has false alarms, power and coverage as measured.

[1] Fisher, The Design of Experiments (1935), section 21.
[2] Hartigan, Using subsample values as typical values, J. Am. Stat. Assoc. 64 (1969) 1303-1317.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import LEVEL as COVERED
from wellkeeper.measure.paired_answers import Bounds, few_changes, paired_change
from wellkeeper.measure.verdicts import FEWEST_UNITS, LEVEL, MARGIN, PairedChange

FLIPS = 999
MOST_EXACT = 4096
"""All flips are taken instead of random ones where there are no more: up to 12 prompts."""

_AT_ONCE = 1 << 22  # flips times prompts that are held in memory
_ROUNDING = 1e-12  # of a sum over prompts, a prompt: a change of .1 + .2 - .3 is none


def unlike_share(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of unlike pairs of each prompt's generations, shape (prompts,), in [0, 1].

    `labels`, shape (prompts, generations), are equal where two answers are taken for the same: empty ones as well. Over
    ordered pairs i != j, hence the chance that two fresh generations differ, without bias.

    >>> unlike_share(np.array([[1, 1, 2], [5, 5, 5]])).tolist()
    [0.6666666666666666, 0.0]

    Raises:
        DataError: labels are no table, or a prompt has fewer than two generations.
    """
    if labels.ndim != 2:
        raise DataError(
            f"labels has shape {labels.shape}. Pass a label of each generation: (prompts, generations)."
        )
    _check_generations(labels.shape[1])
    unlike = labels[:, :, None] != labels[:, None, :]
    return _mean_of_pairs(unlike)


def mean_distance(
    distances: NDArray[np.floating], labels: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Mean distance of two different generations of each prompt, shape (prompts,), in [0, 1].

    With `labels`, equal where texts are equal, the distance of equal texts is 0 whatever was given: two empty answers
    have no n-gram, so that their Jaccard distance is 0 / 0. Taken for 1 it makes a version look diverse because it
    fails.

    >>> mean_distance(np.array([[[0, 0.5], [0.5, 0]], [[0, np.nan], [np.nan, 0]]]), np.array([[1, 2], [3, 3]])).tolist()
    [0.5, 0.0]

    Args:
        distances: shape (prompts, generations, generations), in [0, 1]; the diagonal is not read.
        labels: shape (prompts, generations).

    Raises:
        DataError: the shapes do not fit, a prompt has fewer than two generations, or a distance is NaN or outside
            [0, 1].
    """
    if distances.ndim != 3 or distances.shape[1] != distances.shape[2]:
        raise DataError(
            f"distances has shape {distances.shape}. "
            "Pass one square table a prompt: (prompts, generations, generations)."
        )
    _check_generations(distances.shape[1])
    same = np.broadcast_to(np.eye(distances.shape[1], dtype=np.bool_), distances.shape)
    if labels is not None:
        if labels.shape != distances.shape[:2]:
            raise DataError(
                f"labels has shape {labels.shape} and distances {distances.shape}. "
                "Pass a label of each generation: (prompts, generations)."
            )
        same = same | (labels[:, :, None] == labels[:, None, :])
    known = np.where(same, 0.0, distances)
    if not ((known >= 0) & (known <= 1)).all():
        prompt, first, second = np.argwhere(~((known >= 0) & (known <= 1)))[0].tolist()
        raise DataError(
            f"distances[{prompt}, {first}, {second}] is {known[prompt, first, second]}. Pass distances in [0, 1], "
            "and 0 for equal texts, two empty ones included."
        )
    return _mean_of_pairs(known)


def diversity_change(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    *,
    margin: float = MARGIN,
    seed: int = 0,
    flips: int = FLIPS,
) -> PairedChange:
    """The change in the mean diversity of the same prompts, tested by sign flips; lower is worse.

    `before` and `after`, shape (prompts,), come from `unlike_share` or `mean_distance`, and versions may have answered
    different numbers of times. Below 5 prompts there is nothing to decide by: all p-values are 1. The order of prompts
    does not matter.

    Raises:
        DataError: there is no prompt, the versions have different prompts, a diversity is NaN or outside [0, 1],
            `margin` is not in (0, 1), or `flips` is below 99.
    """
    if flips < 99:
        raise DataError(f"flips is {flips}, too few for the bounds. Ask for at least 99, or better {FLIPS}.")
    return paired_change(
        before,
        after,
        margin=margin,
        worse="lower",
        test="sign flips of prompts",
        bounds=lambda changes: _by_flips(changes, margin, seed, flips),
    )


def _check_generations(generations: int) -> None:
    if generations < 2:
        raise DataError(
            f"{generations} generations a prompt have no pair. Sample each prompt at least twice, better four times."
        )


def _mean_of_pairs(table: NDArray[np.generic]) -> NDArray[np.float64]:
    """Over ordered pairs i != j; the diagonal holds zeros."""
    generations = table.shape[1]
    return np.asarray(table.sum(axis=(1, 2)) / (generations * (generations - 1)), np.float64)


def _by_flips(changes: NDArray[np.float64], margin: float, seed: int, flips: int) -> Bounds:
    """Harm is below 0."""
    if changes.size < FEWEST_UNITS:
        return Bounds()
    ordered = np.sort(changes)
    exact = 2**changes.size <= MOST_EXACT
    rows = _all_subsets(changes.size) if exact else _random_subsets(changes.size, seed, flips)
    sums, sizes = (np.concatenate(parts) for parts in zip(*_summed(rows, ordered), strict=True))
    rounding = _ROUNDING * changes.size
    draws = sums.size + 1  # the changes as they are, with no sign flipped, are one of them
    found = Bounds(
        p=(1 + int(np.sum(sums >= -rounding))) / draws,
        p_margin=(1 + int(np.sum(sums + margin * sizes <= rounding))) / draws,
        low=_typical(sums, sizes, (1 - COVERED) / 2),
        high=-_typical(-sums, sizes, (1 - COVERED) / 2),
        at_worst=_typical(sums, sizes, LEVEL),
    )
    return few_changes(changes, margin, found)


def _all_subsets(prompts: int) -> Iterator[NDArray[np.bool_]]:
    """All but the empty one."""
    yield (np.arange(1, 2**prompts)[:, None] >> np.arange(prompts) & 1).astype(np.bool_)


def _random_subsets(prompts: int, seed: int, flips: int) -> Iterator[NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // prompts)
    for begin in range(0, flips, step):
        shape = min(step, flips - begin), -(-prompts // 8)
        drawn = rng.integers(0, 256, shape, np.uint8)
        yield np.unpackbits(drawn, axis=1, count=prompts).astype(np.bool_)


def _summed(
    rows: Iterator[NDArray[np.bool_]], changes: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    for subsets in rows:
        yield subsets @ changes, subsets.sum(axis=1)


def _typical(sums: NDArray[np.float64], sizes: NDArray[np.int64], chance: float) -> float:
    """The lowest shift that the test, one-sided at `chance`, does not reject: a low mean of subsets, at least -1.

    The test rejects a shift if 1 + #{subset means <= shift} is at most `chance` of all draws; an empty subset always
    counts.
    """
    means = np.sort(sums[sizes > 0] / sizes[sizes > 0])
    place = int(chance * (sums.size + 1) + 1e-9) - int(np.sum(sizes == 0))
    return float(means[place - 1]) if place >= 1 else -1.0
