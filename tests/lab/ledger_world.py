"""A world for tests of the recursion, whose units say who made them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.world import Arrays, Figures

MADE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A world whose units say where they come from: people's place, or MADE times the generation that wrote them.

    A model knows how many generations it is from people. Outputs whose last figure is below `right_of_ten` are right.
    """

    name: str = "ledger"
    replicates: int = 2
    right_of_ten: int = 5

    def human(self, first: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
        return np.tile(np.arange(first, first + size), (self.replicates, 1))

    def fit(self, data: NDArray[np.int64], random: np.random.Generator) -> int:
        return int(data.max() // MADE) + 1

    def sample(
        self, model: int, size: int, decoding: Decoding, random: np.random.Generator
    ) -> NDArray[np.int64]:
        return model * MADE + random.integers(MADE, size=(self.replicates, size))

    def join(self, parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        return np.concatenate(parts, axis=1)

    def figures(self, data: NDArray[np.int64], model: int) -> Figures:
        return {"human": (data < MADE).mean(axis=1)}

    def units(self, data: NDArray[np.int64]) -> int:
        return data.shape[1]

    def take(self, data: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.take_along_axis(data, chosen, axis=1)

    def right(self, data: NDArray[np.int64]) -> NDArray[np.bool_]:
        return data % 10 < self.right_of_ten

    def pack(self, data: NDArray[np.int64]) -> Arrays:
        return {"units": data}

    def unpack(self, arrays: Arrays) -> NDArray[np.int64]:
        return arrays["units"]
