"""Documents of several corpora under one numbering: those of the first, then those of the next."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, Stretches
from wellkeeper.recipe.corpus import LoadedCorpus


class Pooled:
    """Several corpora as one."""

    def __init__(self, corpora: Sequence[LoadedCorpus]) -> None:
        self.corpora = tuple(corpora)
        self._first = np.concatenate(([0], np.cumsum([len(corpus) for corpus in corpora])))

    def __len__(self) -> int:
        return int(self._first[-1])

    def column(self, name: str) -> NDArray[Any]:
        """A numeric column of all documents, shape (documents,)."""
        return np.concatenate([corpus.column(name) for corpus in self.corpora])

    def part(self, which: int) -> slice:
        """Where the documents of a corpus stand."""
        return slice(int(self._first[which]), int(self._first[which + 1]))

    def split(self, documents: Indices) -> Iterator[tuple[int, Indices, Indices]]:
        """For each corpus its number, where documents of it stand among those given, and which of its own they are.

        Documents of one corpus ascend, whatever the order they were given in.
        """
        order = np.argsort(documents, kind="stable")
        bounds = np.searchsorted(documents[order], self._first)
        for which in range(len(self.corpora)):
            places = order[bounds[which] : bounds[which + 1]]
            yield which, places, documents[places] - self._first[which]

    def first_words(
        self, documents: Indices, last: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Offsets and hashes of the words before `last` of some documents, ascending."""
        sizes, hashes = [], []
        for which, places, theirs in self.split(documents):
            end = last[places]
            bounds, found = self.corpora[which].words_of(Stretches(theirs, np.zeros_like(end), end))
            sizes.append(np.diff(bounds))
            hashes.append(found)
        return np.concatenate(([0], np.cumsum(np.concatenate(sizes)))), np.concatenate(hashes)

    def written(self, documents: Indices, words: NDArray[np.int64]) -> list[str]:
        """One word of each of some documents, as it is written there; documents may repeat and ascend."""
        found = [""] * len(documents)
        for which, places, theirs in self.split(documents):
            quotes = self.corpora[which].quotes(Stretches(theirs, words[places], words[places] + 1))
            for place, text in zip(places.tolist(), quotes.text, strict=True):
                found[place] = text
        return found
