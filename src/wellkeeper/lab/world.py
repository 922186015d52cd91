"""What an experiment trains and samples: the protocol of a world.

A world is a source of human data, a way to fit a model to data, and a way to sample a model. Data are whatever the
world makes them: a table of numbers with one row a replicate, sums that suffice, documents, pictures. A world that is
vectorised holds `replicates` independent runs in each value; others hold one, and are run again for each replicate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.policy import Decoding

Figures: TypeAlias = Mapping[str, NDArray[np.float64]]  # name -> shape (replicates,); NaN where there is none
Arrays: TypeAlias = Mapping[str, NDArray[Any]]

DataT = TypeVar("DataT")
ModelT = TypeVar("ModelT")


class World(Protocol[DataT, ModelT]):
    """Human data, and models of it. Sizes are in the world's own measure: observations, words, pictures."""

    @property
    def name(self) -> str: ...

    @property
    def replicates(self) -> int:
        """Independent runs that each value holds."""

    def human(self, first: int, size: int, random: np.random.Generator) -> DataT:
        """The human data from place `first` on; places that do not overlap hold data that nobody has seen yet.

        Raises:
            InputError: a finite corpus has no more.
        """

    def fit(self, data: DataT, random: np.random.Generator) -> ModelT: ...

    def sample(self, model: ModelT, size: int, decoding: Decoding, random: np.random.Generator) -> DataT:
        """New data from a model.

        Raises:
            RecipeError: the world cannot be sampled like that.
        """

    def join(self, parts: Sequence[DataT]) -> DataT:
        """All the data of parts, in their order; at least one part."""

    def figures(self, data: DataT, model: ModelT) -> Figures:
        """What is told of one generation: of the data it was trained on, and of its model."""

    def pack(self, data: DataT) -> Arrays:
        """Data as arrays, to be stored."""

    def unpack(self, arrays: Arrays) -> DataT:
        """What was packed."""


@runtime_checkable
class Divisible(Protocol):
    """Data that lie in units which can be drawn: policies `subsample`, `detect` and `surprise` need them."""

    def units(self, data: Any) -> int:
        """Units of each replicate."""

    def take(self, data: Any, chosen: NDArray[np.int64]) -> Any:
        """The chosen units of each replicate, in that order, with repeats; shape (replicates, chosen units)."""


@runtime_checkable
class Judged(Divisible, Protocol):
    """Data whose units are right or wrong: policy `verify` needs that."""

    def right(self, data: Any) -> NDArray[np.bool_]:
        """Which units are right, shape (replicates, units)."""


@runtime_checkable
class Surprised(Divisible, Protocol):
    """Models that tell how much data surprise them: policy `surprise` needs that."""

    def surprise(self, model: Any, data: Any) -> NDArray[np.float64]:
        """Negative log-likelihood of each unit in nats a word, shape (replicates, units); NaN without words.

        Where units have no words, it is that of the unit.
        """


@runtime_checkable
class Compared(Protocol):
    """A world whose figures compare data with the first training set."""

    def beside(self, size: int) -> Any:
        """The same world, where the first training set is the first `size` human data.

        Raises:
            InputError: a finite corpus has fewer.
        """


@runtime_checkable
class Shown(Protocol):
    """Data that a reader can look at."""

    def excerpt(self, data: Any) -> str:
        """A short piece, the same place of each generation's data."""
