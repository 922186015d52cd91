"""The loop under `wellkeeper.measure.quantify`: how much of each of two densities many samples hold."""

import math
from typing import Any

from wellkeeper.native import loop, part


@part
def _move(counts: Any, human: Any, ai: Any, cells: Any, room: Any) -> Any:
    """Counts, human density and how far the AI one, moved up by `cells`, lies above it, of cells that hold something.

    Densities are 0 nowhere, since a floor is part of them; what is moved past an end of the grid is that floor.
    """
    last = counts.size - 1
    whole = math.floor(cells)
    part_ = cells - whole
    used = 0
    for cell in range(counts.size):
        if counts[cell] > 0:
            upper = int(min(max(cell - whole, 0), last))
            lower = int(min(max(cell - whole - 1, 0), last))
            room[0, used] = counts[cell]
            room[1, used] = human[cell]
            room[2, used] = (1 - part_) * ai[upper] + part_ * ai[lower] - human[cell]
            used += 1
    return used


@part
def _slope(room: Any, used: Any, share: Any) -> Any:
    slope = 0.0
    for k in range(used):
        slope += room[0, k] * room[2, k] / (room[1, k] + share * room[2, k])
    return slope


@part
def _likeliest(room: Any, used: Any, guess: Any) -> Any:
    """The share at which the log likelihood peaks: its slope only falls. Newton's steps, halving where they leave."""
    if _slope(room, used, 0.0) <= 0:
        return 0.0
    if _slope(room, used, 1.0) >= 0:
        return 1.0
    low, high = 0.0, 1.0
    share = guess if 0 < guess < 1 else 0.5
    for _ in range(100):
        slope, fall = 0.0, 0.0
        for k in range(used):
            ratio = room[2, k] / (room[1, k] + share * room[2, k])
            slope += room[0, k] * ratio
            fall += room[0, k] * ratio * ratio
        if slope > 0:
            low = share
        else:
            high = share
        step = slope / fall
        after = share + step
        if not low < after < high:
            after = (low + high) / 2
        if abs(after - share) < 1e-10:
            return after
        share = after
    return share


@loop(
    "const f64[:,:]", "const f64[:,:]", "const f64[:,:]", "const f64[:]", "const f64[:]", "const f64[:]",
    "f64[:,:]", "f64[:,:]", "f64[:]", "f64[:]",
)  # fmt: skip
def mixture_shares(
    counts: Any,
    human: Any,
    ai: Any,
    moved: Any,
    steps: Any,
    log_priors: Any,
    room: Any,
    found: Any,
    shares: Any,
    fits: Any,
) -> Any:
    """Share of the AI density in each draw, the mean over `steps` by which the density may stand off, and the fit.

    `counts`, `human` and `ai` have one row a draw, or one for all; their rows are cells of the grid. The AI density of
    a draw is moved up by `moved[draw]` cells and by each of `steps`, whose log weights beforehand are `log_priors`. Of
    each step the likeliest share is taken, and `shares` has their mean weighted by likelihood and prior; `fits` has the
    log of the mean likelihood. `room`, shape (3, cells), and `found`, shape (2, steps), are room to work in.
    """
    for draw in range(shares.size):
        row = counts[draw if counts.shape[0] > 1 else 0]
        low_row = human[draw if human.shape[0] > 1 else 0]
        high_row = ai[draw if ai.shape[0] > 1 else 0]
        share = 0.5
        best = -math.inf
        for step in range(steps.size):
            used = _move(row, low_row, high_row, moved[draw] + steps[step], room)
            share = _likeliest(room, used, share)
            fit = log_priors[step]
            for k in range(used):
                fit += room[0, k] * math.log(room[1, k] + share * room[2, k])
            found[0, step] = share
            found[1, step] = fit
            best = max(best, fit)
        total, weighted = 0.0, 0.0
        for step in range(steps.size):
            weight = math.exp(found[1, step] - best)
            total += weight
            weighted += weight * found[0, step]
        shares[draw] = weighted / total
        fits[draw] = best + math.log(total)
