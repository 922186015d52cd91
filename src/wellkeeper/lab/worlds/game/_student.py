"""A small transformer that reads games move by move. Imported when one is trained, and not before."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from wellkeeper.lab.worlds._gpt import Transformer, taught
from wellkeeper.lab.worlds._torch import Tensor, device, one_thread
from wellkeeper.lab.worlds.game.board import Board
from wellkeeper.lab.worlds.game.players import Games, Moves

if TYPE_CHECKING:
    from wellkeeper.lab.worlds.transformer import Size

_UNASKED = -100
_WARM_UP = 30  # steps until the full rate


def student_of(
    board: Board, games: Games, opened: int, size: "Size", random: np.random.Generator
) -> Transformer:
    """Train a transformer from scratch to tell the next move of games; openings are read and not learnt.

    Tokens are discs, the first player's and then the second's of each cell, and one that begins a game. Moves that are
    not legal are masked, as they are when it plays, so that no training is spent on telling them from others. The rate
    falls as a cosine to 0.
    """
    where = device()
    moves, cells = games.moves, board.cells
    asked = (moves >= 0) & (np.arange(cells) >= opened)
    tokens = _tokens(moves, cells)
    targets = torch.where(torch.from_numpy(asked), tokens[:, 1:], _UNASKED).to(where)
    inputs, choices = tokens[:, :-1].to(where), torch.from_numpy(_choices(board, games)).to(where)
    lengths = (moves >= 0).sum(axis=1)
    drawn = _batches(len(moves), size.batch, random)
    vocabulary = 2 * cells + 1

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        some = next(drawn)
        longest = int(lengths[some].max())
        rows = torch.from_numpy(some).to(where)
        legal = torch.zeros((some.size, longest, vocabulary), dtype=torch.bool, device=where)
        legal.scatter_(2, choices[rows, :longest].long(), value=True)
        return inputs[rows, :longest], targets[rows, :longest], legal

    return taught(batch, size.steps, size, vocabulary, random, share=_cosine)


def _choices(board: Board, games: Games) -> NDArray[np.uint8]:
    """Tokens of legal moves, some of them more than once, shape (games, discs, columns); after the end, any."""
    found = np.zeros((*games.moves.shape, board.columns), np.uint8)
    for discs in range(board.cells):
        live = np.flatnonzero(games.keys[:, discs] >= 0)
        keys = games.keys[live, discs]
        made = games.moves[live, discs, None]
        legal = board.filled(keys) < board.rows
        found[live, discs] = np.where(legal, board.landing(keys), made) + board.cells * (discs % 2)
    return found


def _cosine(step: int, steps: int) -> float:
    """Share of the full rate at a step, from 0."""
    return min((step + 1) / _WARM_UP, (1 + math.cos(math.pi * step / steps)) / 2)


def _batches(games: int, size: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Games in an order that is drawn anew for each pass; what does not fill a batch is left out of it."""
    size = min(size, games)
    while True:
        order = random.permutation(games)
        for first in range(0, games - size + 1, size):
            yield order[first : first + size]


class Student:
    """Tells the next move in games that go on at the same pace."""

    def __init__(self, model: Transformer) -> None:
        self._reader = model.reader()
        self._where = model.weights["tokens"].device
        self._cells = len(model.weights["tokens"]) // 2
        self._read = 0  # tokens

    def logits(self, moves: Moves) -> NDArray[np.float64]:
        """Of each cell, legal or not, given the moves of all games so far, shape (games, cells)."""
        tokens = _tokens(moves, self._cells)[:, self._read :]
        self._read += tokens.shape[1]
        first = moves.shape[1] % 2 * self._cells  # of the tokens of who is to move
        with one_thread(), torch.inference_mode():
            found = self._reader.read(tokens.to(self._where))[:, first : first + self._cells]
            logits: NDArray[np.float64] = found.double().cpu().numpy()
        return logits

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with these games, with repeats."""
        self._reader.keep(torch.from_numpy(rows).to(self._where))


def _tokens(moves: Moves, cells: int) -> Tensor:
    """What is read of games; after the end, any token stands for those there are not."""
    discs = np.maximum(moves, 0) + cells * (np.arange(moves.shape[1]) % 2)
    begin = np.full((len(moves), 1), 2 * cells)
    return torch.from_numpy(np.concatenate((begin, discs), axis=1).astype(np.int64))
