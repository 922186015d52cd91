"""Elo of players from their games: Bradley and Terry's model, and how far chance may have moved it.

The chance that i beats j is 1 / (1 + 10^((Elo j - Elo i) / 400)), and a draw is half a win of each. Every pair that met
is given one draw more, so that a player that won all its games has a finite rating, a little too near the others'.

[1] Bradley and Terry, Rank analysis of incomplete block designs, Biometrika 39 (1952) 324-345.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]

POINTS = 400 / math.log(10)
"""Elo points of a unit of log odds."""
_STEPS, _CLOSE = 100, 1e-9
_FARTHEST, _HALVINGS = 4000.0, 60
_LONGEST = 2.0  # step of a rating, in log odds: far from the solution Newton's steps are too long


def elo(points: Values, games: Values) -> Values:
    """Elo of each player, of mean 0, shape (..., players).

    >>> np.round(elo(np.array([[0, 149.5], [49.5, 0]]), np.array([[0, 199], [199, 0]])), 1)
    array([ 95.4, -95.4])

    Args:
        points: of the row's player against the column's: 1 for a win, 1/2 for a draw; shape (..., players, players).
        games: that each pair has played, symmetric. Pairs link all players.
    """
    met = games > 0
    count = games + met
    scored = (points + met / 2).sum(axis=-1)
    found = np.zeros(scored.shape)
    players = found.shape[-1]
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(found[..., None, :] - found[..., :, None]))
        lacking = scored - (count * chance).sum(axis=-1)
        weights = count * chance * (1 - chance)
        # ratings are known up to a constant; with ones everywhere the matrix has an inverse, and their sum stays 0
        matrix = np.eye(players) * weights.sum(axis=-1)[..., None] - weights + 1
        step = np.linalg.solve(matrix, lacking[..., None])[..., 0]
        found += np.clip(step, -_LONGEST, _LONGEST)
        if np.abs(step).max() < _CLOSE:
            break
    rated: Values = POINTS * (found - found.mean(axis=-1, keepdims=True))
    return rated


def against(scores: Values, panel: Values) -> Values:
    """Elo of players who met a panel whose ratings are known, from their scores against each of it, 0 to 1.

    It is the rating at which Bradley's and Terry's model promises as many points as were scored. A copy of a panel's
    player gets that player's rating if the panel's are fitted to the scores themselves.

    >>> np.round(against(np.array([[0.75, 0.75]]), np.array([0.0, 0.0])), 1)
    array([190.8])

    Args:
        scores: shape (players, panel).
        panel: Elo of each.

    Returns:
        shape (players,); within 4,000 points of the panel's mean, whatever was scored.
    """
    centre = panel.mean()
    low, high = (np.full(len(scores), centre + side * _FARTHEST) for side in (-1, 1))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        promised = (1 / (1 + np.exp((panel - middle[:, None]) / POINTS))).sum(axis=1)
        short = promised < scores.sum(axis=1)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    rated: Values = (low + high) / 2
    return rated


def drawn_again(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    results: Values,
    players: int,
    draws: int,
    random: np.random.Generator,
) -> tuple[Values, Values]:
    """Points and games of `draws` sets of games, each drawn with replacement; the set that was played comes first.

    Games are drawn within their pair of players, so that each pair keeps its number of games.

    Args:
        first: who begins each game.
        second: who answers.
        results: for the first: 1, 1/2 or 0.
        players: how many there are.
        draws: how many sets are drawn.
        random: where they are drawn from.

    Returns:
        points, shape (draws + 1, players, players), and games, shape (players, players).
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    for_low = np.where(first == low, results, 1 - results)
    pairs, which, games = np.unique(low * players + high, return_inverse=True, return_counts=True)
    kinds = np.bincount(which * 3 + (2 * for_low).astype(np.int64), minlength=3 * pairs.size).reshape(-1, 3)
    sets = np.concatenate(
        (kinds[None], random.multinomial(games, kinds / games[:, None], size=(draws, pairs.size)))
    )
    won = sets @ np.array([0, 0.5, 1])
    points, count = np.zeros((draws + 1, players, players)), np.zeros((players, players))
    one, other = pairs // players, pairs % players
    points[:, one, other], points[:, other, one] = won, games - won
    count[one, other] = count[other, one] = games
    return points, count
