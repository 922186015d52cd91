"""Expected scores with no game played: of players whose chances hang on the position, and of one that reads the game.

Between two players who have a table of chances by position, the expected score follows backwards from the ends of
games. A student's chances hang on all moves so far, so that its games are followed forwards, every one that can come:
at temperature 0, where it has one move and only the others have several, these are thousands. Where there are more than
may be followed, some are drawn, by their chance, and weigh more: what comes out is right on average.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.worlds.game.board import Keys, Solved
from wellkeeper.lab.worlds.game.players import Chances, Moves

Tables: TypeAlias = Sequence[NDArray[np.float64]]
"""Of each layer, chances of each column by player and position, shape (players, positions, columns)."""
Scores: TypeAlias = NDArray[np.float64]  # from 0, all games lost, to 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """Positions with so many discs in which a game can be, and where their moves lead."""

    discs: int
    keys: Keys  # ascending
    landing: NDArray[np.int64]  # cell that a disc in each column falls to, shape (positions, columns)
    following: NDArray[
        np.int64
    ]  # place in the next layer, shape (positions, columns); -1: the game is over, or never
    results: NDArray[np.float64]  # for the first player, where a move ends the game; 0 elsewhere


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beginning:
    """Every opening of random moves, and its chance."""

    moves: Moves  # shape (openings, discs)
    keys: Keys  # that they lead to
    chances: NDArray[np.float64]


class Reading(Protocol):
    """Who has read some games."""

    def chances(self, moves: Moves, keys: Keys) -> Chances:
        """Of its next move in each."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with these games, with repeats."""


def layers_of(solved: Solved, opened: Keys, opening: int) -> list[Layer]:
    """All positions that can come after openings of so many discs, games that are over left out."""
    keys, found = np.unique(opened), []
    for discs in range(opening, solved.board.cells):
        after = solved.board.after(keys, discs)
        legal = after >= 0
        reached = np.unique(after[legal])
        over = solved.is_over(reached, discs + 1)
        lost = over & (solved.scores[reached] < 0)  # by who is to move, so that who moved has won
        results = np.where(lost, 1 - discs % 2, np.where(over, 0.5, 0.0))
        places = np.where(over, -1, np.cumsum(~over) - 1)
        at = np.searchsorted(reached, np.where(legal, after, reached[0]))
        found.append(
            Layer(
                discs=discs,
                keys=keys,
                landing=solved.board.landing(keys),
                following=np.where(legal, places[at], -1),
                results=np.where(legal, results[at], 0.0),
            )
        )
        keys = reached[~over]
        if not keys.size:
            break
    return found


def beginning(solved: Solved, discs: int) -> Beginning:
    """Openings whose moves are drawn among the legal ones; too few for anybody to win."""
    board = solved.board
    keys, moves, chances = np.array([board.empty]), np.zeros((1, 0), np.int8), np.ones(1)
    for disc in range(discs):
        after = board.after(keys, disc)
        rows, columns = np.nonzero(after >= 0)
        chances = chances[rows] / (after >= 0).sum(axis=1)[rows]
        moves = np.column_stack((moves[rows], board.landing(keys)[rows, columns])).astype(np.int8)
        keys = after[rows, columns]
    return Beginning(moves=moves, keys=keys, chances=chances)


def expected(begun: Beginning, layers: Sequence[Layer], tables: Tables) -> Scores:
    """Score of the row's player against the column's, each beginning half of the games, shape (players, players)."""
    starts = np.searchsorted(layers[0].keys, begun.keys)
    first = np.empty(2 * tables[0].shape[:1])
    for player in range(len(first)):
        worth = np.zeros((len(first), 1))  # the last layer leads nowhere
        for layer, chances in zip(reversed(layers), reversed(tables), strict=True):
            moved = chances[[player]] if layer.discs % 2 == 0 else chances
            come = np.where(layer.following < 0, layer.results, worth[:, layer.following])
            worth = (moved * come).sum(axis=2)
        first[player] = worth[:, starts] @ begun.chances
    both: Scores = (first + 1 - first.T) / 2
    return both


def followed(
    begun: Beginning,
    layers: Sequence[Layer],
    tables: Tables,
    reader: Callable[[], Reading],
    most: int,
    random: np.random.Generator,
) -> Scores:
    """Score of who reads the games against each player of the tables, each beginning half of them.

    Args:
        begun: the openings.
        layers: positions.
        tables: of the other players.
        reader: makes one that has read nothing yet.
        most: games that are followed at once; of more, so many are drawn.
        random: where they are drawn from.

    Returns:
        scores, shape (players,): exact where there were never more than `most` games at once.
    """
    scores = np.zeros(tables[0].shape[0])
    for side in (0, 1):
        reading, moves = reader(), begun.moves
        at = np.searchsorted(layers[0].keys, begun.keys)
        reach = np.repeat(begun.chances[:, None], scores.size, axis=1)  # of each game, by the other player
        won = np.zeros(scores.size)  # by the first player
        for layer, chances in zip(layers, tables, strict=True):
            own = reading.chances(moves, layer.keys[at])[
                :, None
            ]  # asked each time, so that it reads them all
            moved = own if layer.discs % 2 == side else chances[:, at].swapaxes(0, 1)
            rows, columns = np.nonzero((moved > 0).any(axis=1))
            reach = reach[rows] * moved[rows, :, columns]
            before, there = at[rows], layer.following[at[rows], columns]
            over = there < 0
            won += layer.results[before[over], columns[over]] @ reach[over]
            live = np.flatnonzero(~over)
            if live.size > most:
                kept, weights = _drawn(reach[live].mean(axis=1), most, random)
                live = live[kept]
                reach[live] *= weights[:, None]
            if not live.size:
                break
            rows, at, reach = rows[live], there[live], reach[live]
            landed = layer.landing[before[live], columns[live]]
            moves = np.column_stack((moves[rows], landed)).astype(np.int8)
            reading.keep(rows)
        scores += (won if side == 0 else 1 - won) / 2
    return scores


def _drawn(
    reach: NDArray[np.float64], count: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places drawn systematically, by their chance, and what makes up for those that were not."""
    wanted = count * reach / reach.sum()
    times = np.diff(np.floor(np.concatenate(([0.0], wanted.cumsum())) + random.random())).astype(np.int64)
    kept = np.flatnonzero(times)
    return kept, times[kept] / wanted[kept]
