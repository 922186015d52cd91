"""What worlds of language models that read pieces of words have in common: their data are documents of tokens."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.learner import by_words
from wellkeeper.lab.text import Text, bounds_of, joined, places_of
from wellkeeper.lab.world import Arrays
from wellkeeper.lab.worlds._pieces import Pieces

_SHOWN = 60  # tokens of an excerpt


class PieceWorld:
    """Text of people as tokens; sizes are in tokens, of which `human` text has as many as `size_of_all`.

    A unit is a document: one of people, or one window that a model wrote.
    """

    name: str
    replicates = 1

    def __init__(self, human: HumanText, pieces: Pieces, *, seed: int = 0) -> None:
        self.text, self.pieces, self.seed = human, pieces, seed
        self.stream = opened(pieces.encoded(human.documents), pieces.end)
        self.held_out = pieces.encoded(human.held_out_documents)
        self._firsts = [
            places_of(document, human.vocabulary.words[word] for word in words)
            for document, words in zip(human.held_out_documents, _each(human.held_out), strict=True)
        ]
        self._vocabulary = Numbers(human.vocabulary)
    @property
    def size_of_all(self) -> int:
        return self.stream.words.size

    def human(self, first: int, size: int, random: np.random.Generator) -> Text:  # noqa: ARG002
        if first + size > self.size_of_all:
            raise InputError(
                f"The corpus has {self.size_of_all:,} tokens to train on, and {first + size:,} are asked for. Ask for a "
                "smaller size, fewer generations or a smaller share of fresh text, or give more text."
            )
        return between(self.stream, first, first + size)
