"""How many texts each cell of a human reference is asked for, and what each prompt shows of that cell.

A model that is asked for texts, and told nothing, writes of what is common. Here every item has a cell before it is
asked: most go to the rare cells (`wellkeeper.measure.cells`), evenly, so that most is written of the tail. Nothing
here draws a random number: items, seeds and words come in the order that the caller gives, which is that of a hash.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

TAIL_SHARE = 0.8
"""Share of the items that rare cells get where nothing else is said: the tail is what a model leaves out by itself."""
WAVES = 8
"""Parts that a set is asked for in. What an earlier part has written of rare words is not asked for again in a later
one, and each part waits for the one before it."""

One = TypeVar("One")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of the reference: a topic."""

    name: str
    documents: int  # of the reference
    rare: bool
    seeds: int  # documents that prompts may show


def quotas(
    cells: Sequence[Cell],
    documents: int,
    *,
    tail_share: float = TAIL_SHARE,
    asked: Mapping[int, int] | None = None,
) -> NDArray[np.int64]:
    """How many texts each cell is asked for, shape (cells,); they sum to `documents`.

    What `asked` says of a cell holds. Of the rest, `tail_share` goes to the rare cells, evenly and to the rarest first
    where it does not come out even: each gets at least one if there are as many items. The other cells get what is
    left as the reference has it. Cells without a document to show are passed over. Where one kind of cell is missing,
    the other gets all.

    >>> some = [Cell(name=n, documents=d, rare=d < 9, seeds=1) for n, d in (("a", 60), ("b", 30), ("c", 6), ("d", 4))]
    >>> quotas(some, 10, tail_share=0.5).tolist(), quotas(some, 10, asked={0: 5}).tolist()
    ([3, 2, 2, 3], [5, 1, 2, 2])

    Raises:
        DataError: a number is out of its range, more is asked for than there is to be, or no cell can be asked for.
    """
    given = dict(asked or {})
    _check(cells, documents, tail_share, given)
    found = np.zeros(len(cells), np.int64)
    for cell, many in given.items():
        found[cell] = many
    left = documents - int(found.sum())
    free = [number for number, cell in enumerate(cells) if cell.seeds and number not in given]
    if not left:
        return found
    if not free:
        raise DataError(
            f"{left:,} of {documents:,} texts are for no cell: every cell with documents to show has a quota. Ask for "
            "fewer texts, or raise a quota."
        )
    rare = [number for number in free if cells[number].rare]
    common = [number for number in free if not cells[number].rare]
    for_tail = left if not common else 0 if not rare else round(tail_share * left)
    rarest = sorted(rare, key=lambda number: (cells[number].documents, number))
    found[rarest] = _spread(for_tail, np.ones(len(rarest)))
    found[common] = _spread(left - for_tail, np.array([cells[number].documents for number in common], float))
    return found


def _check(cells: Sequence[Cell], documents: int, tail_share: float, given: Mapping[int, int]) -> None:
    if documents < 1 or not 0 <= tail_share <= 1:
        raise DataError(
            f"{documents} texts with {tail_share:g} of them for rare cells cannot be asked for. Ask for one or more, "
            "and give a share from 0 to 1."
        )
    for cell, many in given.items():
        if many < 0 or (many and not cells[cell].seeds):
            raise DataError(
                f"{many} texts were asked for of {cells[cell].name}, which has {cells[cell].seeds} documents that a "
                "prompt may show. Give a number from 0, and 0 where there is nothing to show."
            )
    if sum(given.values()) > documents:
        raise DataError(
            f"The quotas come to {sum(given.values()):,} texts, and {documents:,} are asked for in all. Ask for more, "
            "or lower a quota."
        )


def _spread(items: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers in proportion to weights, by largest remainders; on a tie the first."""
    if not weights.size:
        return np.zeros(0, np.int64)
    exact = items * weights / weights.sum()
    found: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    more = np.argsort(found - exact, kind="stable")[: items - int(found.sum())]
    found[more] += 1
    return found


def slots_of(wanted: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cell and number within it of each text, cells in turn: a part of the whole has some of nearly all.

    >>> slots_of(np.array([2, 0, 1]))
    [(0, 0), (2, 0), (0, 1)]
    """
    pairs = [(number, cell) for cell, many in enumerate(wanted.tolist()) for number in range(many)]
    return [(cell, number) for number, cell in sorted(pairs)]


def waves_of(slots: Sequence[One], waves: int = WAVES) -> list[list[One]]:
    """The slots in so many parts of nearly equal size, in order; none is empty."""
    bounds = np.linspace(0, len(slots), min(waves, len(slots)) + 1).round().astype(int).tolist()
    return [list(slots[low:high]) for low, high in pairwise(bounds)]


def dealt(documents: Sequence[One], turn: int, many: int) -> list[One]:
    """What the prompt of a cell's `turn`-th item is shown: `many` documents, each again only after all others.

    >>> dealt("abc", 0, 2), dealt("abc", 1, 2), dealt("a", 5, 2)
    (['a', 'b'], ['c', 'a'], ['a'])
    """
    first = turn * many
    return [documents[(first + k) % len(documents)] for k in range(min(many, len(documents)))]


class RareWords:
    """The rare words of one cell, dealt to its prompts: those that no text of the set has yet, longest not dealt."""

    def __init__(self, words: Iterable[str]) -> None:
        """The words in the order in which they are dealt first."""
        self._queue = deque(dict.fromkeys(words))
        self.dealt: set[str] = set()

    def deal(self, many: int) -> list[str]:
        """The next words; fewer where not so many are left."""
        found = list(islice(self._queue, many))
        self._queue.rotate(-len(found))
        self.dealt.update(found)
        return found

    def cover(self, words: Collection[str]) -> None:
        """Take out the words that the set has."""
        self._queue = deque(word for word in self._queue if word not in words)
