"""A small transformer that reads games move by move. Imported when one is trained, and not before."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from wellkeeper.lab.worlds._gpt import Transformer, taught
from wellkeeper.lab.worlds._torch import Tensor, device, one_thread
from wellkeeper.lab.worlds.game.players import Moves

if TYPE_CHECKING:
    from wellkeeper.lab.worlds.transformer import Size

_UNASKED = -100
_AT_ONCE = 512  # games


def student_of(moves: Moves, opened: int, size: "Size", random: np.random.Generator) -> Transformer:
    """Train a transformer from scratch to tell the next move of games; openings are read and not learnt.

    Tokens are discs, the first player's and then the second's of each cell, and one that begins a game.
    """
    where = device()
    cells = moves.shape[1]
    asked = (moves >= 0) & (np.arange(cells) >= opened)
    tokens = _tokens(moves, cells)
    targets = torch.where(torch.from_numpy(asked), tokens[:, 1:], _UNASKED).to(where)
    inputs = tokens[:, :-1].to(where)
    lengths = (moves >= 0).sum(axis=1)
    drawn = _batches(len(moves), size.batch, random)

    def batch() -> tuple[Tensor, Tensor]:
        games = next(drawn)
        longest = int(lengths[games].max())
        some = torch.from_numpy(games).to(where)
        return inputs[some, :longest], targets[some, :longest]

    return taught(batch, size.steps, size, 2 * cells + 1, random)


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
