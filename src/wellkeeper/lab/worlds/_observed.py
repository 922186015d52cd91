"""What worlds have in common whose data are observations of numbers."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.world import Arrays

Observations: TypeAlias = NDArray[np.float64]  # shape (replicates, observations)


class Observed:
    """Joins, draws and stores observations."""

    def join(self, parts: Sequence[Observations]) -> Observations:
        return np.concatenate(parts, axis=1)

    def units(self, data: Observations) -> int:
        return int(data.shape[1])

    def take(self, data: Observations, chosen: NDArray[np.int64]) -> Observations:
        return np.take_along_axis(data, chosen, axis=1)

    def pack(self, data: Observations) -> Arrays:
        return {"observations": data}

    def unpack(self, arrays: Arrays) -> Observations:
        observations: NDArray[Any] = arrays["observations"]
        return observations
