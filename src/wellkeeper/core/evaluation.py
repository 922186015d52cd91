"""Evaluation sets as a step sees them: the words of their items' texts, and where each n-gram stands in them."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class ItemState(IntEnum):
    """Whether an item can be searched for."""

    SEARCHED = 0
    TOO_SHORT = 1  # fewer words than can be told from chance
    STOCK = 2  # nothing but words that several items of its set share

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """One set; its items are those whose `item_set` is its place."""

    name: str
    path: str  # as written in the recipe
    fields: tuple[str, ...]
    repeats: int  # records that say the same as an earlier one, and are counted once
    digest: str  # SHA-256 over the items and their texts, hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The items of all sets, ready to be looked for.

    A *text* is one field of an item. Texts that several items share, such as a passage with many questions, stand
    here once; `holders` says whose they are. Texts that are not searched for are not here.
    """

    sets: tuple[EvaluationSet, ...]
    items: tuple[str, ...]  # what names each item
    item_set: NDArray[np.int32]  # shape (items,)
    item_state: NDArray[np.uint8]  # shape (items,), an `ItemState`
    bounds: NDArray[np.int64]  # shape (texts + 1,): words of text t are words[bounds[t]:bounds[t + 1]]
    words: NDArray[np.uint64]  # hashes of words
    holder_bounds: NDArray[np.int64]  # shape (texts + 1,)
    holder_item: NDArray[np.int32]  # shape (holders,), ascending for each text
    holder_field: tuple[str, ...]  # shape (holders,)
    grams: NDArray[
        np.int32
    ]  # shape (words,): n-gram that starts at each word; -1: none, or one of a template
    gram_bounds: NDArray[np.int64]  # shape (n-grams + 1,)
    gram_text: NDArray[np.int32]  # shape (occurrences,): in which text each n-gram occurs
    gram_place: NDArray[np.int32]  # shape (occurrences,): and at which word of it
    min_ngram: int  # words of an n-gram; a shorter text is one n-gram as a whole
    digest: str  # SHA-256 of the table that documents were searched with, hexadecimal

    def text(self, number: int) -> NDArray[np.uint64]:
        """Word hashes of a text."""
        return self.words[self.bounds[number] : self.bounds[number + 1]]

    def holders(self, number: int) -> NDArray[np.int32]:
        """The items that a text belongs to."""
        return self.holder_item[self.holder_bounds[number] : self.holder_bounds[number + 1]]
