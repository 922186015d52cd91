"""Who plays: experts of limited strength, a vote among them, perfect play, and games between any of them.

An expert plays one of the best moves with a chance of its own, its skill, and else the legal move that it likes best:
it likes some cells of the board more than others, which has nothing to do with winning. Tastes are normal numbers, each
expert's own or one for all of them. Where they are its own, experts go wrong in different ways; where they are one, all
go wrong alike, and none is any better for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.worlds.game.board import NEVER, Keys, Solved

Chances: TypeAlias = NDArray[np.float64]  # of each column, shape (positions, columns)
Moves: TypeAlias = NDArray[np.int8]  # cells where discs fell, shape (games, discs); -1 after the end
Chooser: TypeAlias = Callable[[NDArray[np.int64], Keys, Moves], Chances]
"""Chances of each column in the games of these numbers, of which these are the positions, given all games' moves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experts:
    """Players who know the best moves, and often play what they like."""

    skills: NDArray[np.float64]  # chance of one of the best moves on purpose, shape (experts,)
    tastes: NDArray[np.float64]  # for each cell, shape (experts, cells)

    @property
    def count(self) -> int:
        return self.skills.size

    def chances(self, solved: Solved, keys: Keys, discs: int, who: NDArray[np.int64]) -> Chances:
        """Of positions with so many discs, in each of which another expert may be to move."""
        scores = solved.of_moves(keys, discs)
        liked = self.tastes[who[:, None], solved.board.landing(keys)]
        best = scores == scores.max(axis=1, keepdims=True)
        skill = self.skills[who, None]
        on_purpose, else_ = _favourite(liked, best), _favourite(liked, scores != NEVER)
        chances: Chances = skill * on_purpose + (1 - skill) * else_
        return chances

    def each(self, solved: Solved, keys: Keys, discs: int) -> list[Chances]:
        """What each expert would do in the same positions."""
        return [self.chances(solved, keys, discs, np.full(keys.size, expert)) for expert in range(self.count)]

    def vote(self, solved: Solved, keys: Keys, discs: int) -> Chances:
        """The experts' mean chances: what a student would say that knew each of them, and not who plays."""
        together: Chances = np.mean(self.each(solved, keys, discs), axis=0)
        return together


def experts_of(
    cells: int, count: int, *, skill: float, spread: float, shared: bool, random: np.random.Generator
) -> Experts:
    """Experts whose skills lie evenly from `skill - spread` to `skill + spread`."""
    tastes = random.normal(size=(1 if shared else count, cells))
    return Experts(
        skills=np.linspace(skill - spread, skill + spread, count),
        tastes=np.repeat(tastes, count // len(tastes), 0),
    )


def perfect(solved: Solved, keys: Keys, discs: int) -> Chances:
    """Any of the best moves: the fastest win, a draw, or the slowest loss."""
    scores = solved.of_moves(keys, discs)
    best = scores == scores.max(axis=1, keepdims=True)
    chances: Chances = best / best.sum(axis=1, keepdims=True)
    return chances


def softmax(
    logits: NDArray[np.float64], legal: NDArray[np.bool_], temperature: NDArray[np.float64]
) -> Chances:
    """Chances of legal moves by logits at a temperature of each position's own; the others have none."""
    allowed = np.where(legal, logits, -np.inf)
    return tempered(np.exp(allowed - allowed.max(axis=1, keepdims=True)), temperature)


def tempered(chances: Chances, temperature: NDArray[np.float64]) -> Chances:
    """Chances to the power of 1 / temperature, of which each position has its own; at 0, the largest ones alike."""
    part = chances / chances.max(axis=1, keepdims=True)
    cold = temperature[:, None] == 0
    weights = np.where(cold, part == 1, part ** (1 / np.where(cold, 1.0, temperature[:, None])))
    softened: Chances = weights / weights.sum(axis=1, keepdims=True)
    return softened


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Games:
    """Games that were played to their end."""

    moves: Moves  # shape (games, cells)
    keys: Keys  # positions before each move, shape (games, cells); -1 after the end
    results: NDArray[np.float64]  # for the first player: 1, 1/2 or 0, shape (games,)


def openings(solved: Solved, count: int, discs: int, random: np.random.Generator) -> Moves:
    """First moves of games, each drawn among the legal ones, shape (count, discs); too few for anybody to win."""
    board = solved.board
    keys, moves = np.full(count, board.empty), np.empty((count, discs), np.int8)
    for disc in range(discs):
        after = board.after(keys, disc)
        chosen = _drawn((after >= 0) / (after >= 0).sum(axis=1, keepdims=True), random)
        moves[:, disc] = board.landing(keys)[np.arange(count), chosen]
        keys = after[np.arange(count), chosen]
    return moves


def played(solved: Solved, opened: Moves, chooser: Chooser, random: np.random.Generator) -> Games:
    """Play games from their openings to the end."""
    board = solved.board
    moves = np.full((len(opened), board.cells), -1, np.int8)
    keys = np.full((len(opened), board.cells + 1), -1)
    keys[:, 0] = board.empty
    results = np.full(len(opened), 0.5)
    live = np.arange(len(opened))
    for discs in range(board.cells):
        now = keys[live, discs]
        if discs < opened.shape[1]:
            chosen = opened[live, discs] // board.rows
        else:
            chosen = _drawn(chooser(live, now, moves[:, :discs]), random)
        at = np.arange(live.size)
        moves[live, discs] = board.landing(now)[at, chosen]
        now = board.after(now, discs)[at, chosen]
        over = solved.is_over(now, discs + 1)
        results[live[over & (solved.scores[now] < 0)]] = 1 - discs % 2
        live = live[~over]
        keys[live, discs + 1] = now[~over]
    return Games(moves=moves, keys=keys[:, :-1], results=results)


def _favourite(liked: NDArray[np.float64], among: NDArray[np.bool_]) -> Chances:
    """1 for the move that is liked best among some."""
    chosen = np.where(among, liked, -np.inf).argmax(axis=1)
    chances: Chances = np.eye(liked.shape[1])[chosen]
    return chances


def _drawn(chances: Chances, random: np.random.Generator) -> NDArray[np.int64]:
    """A column for each position."""
    reached = chances.cumsum(axis=1)
    found: NDArray[np.int64] = (random.random(len(chances))[:, None] * reached[:, -1:] >= reached).sum(axis=1)
    return found
