"""What worlds of text have in common whose models read and write strings: data are documents as strings.

Sizes are in words, as in the n-gram world, so that all of them are asked for the same, and told of, by the same
figures. Words that no person used get numbers of their own: that models make them up is something to be told.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, WorkError
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.text import Text, Vocabulary, bounds_of, numbered, places_of
from wellkeeper.lab.text_figures import TextFigures
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds.ngram import BLOCK
from wellkeeper.measure.held_out import VOCABULARY
from wellkeeper.measure.sample import ratio

Written: TypeAlias = tuple[str, ...]
"""Documents, each a unit; a corpus of one document is a stream, and cut into documents of `BLOCK` words."""

_SHOWN = 60  # words of an excerpt
_ROUNDS = 8  # of windows, before it is enough


class WrittenWorld:
    """Text of people, and room for models of it: `fit`, `sample` and `held_out_nats` are a world's own."""

    name: str
    replicates = 1

    def __init__(self, human: HumanText) -> None:
        """Prepare the figures.

        Raises:
            InputError: the held-out text has fewer than 10 documents.
        """
        self.text = human
        self._is_stream = len(human.text) == 1
        self._lengths = np.array([BLOCK]) if self._is_stream else human.text.sizes[human.text.sizes > 0]
        self._figures = self._beside(human.text)

    def beside(self, size: int) -> Self:
        """The same world, whose figures take the first `size` words of people for the original."""
        world = copy(self)
        world._figures = self._beside(self.words(self._part(0, size)))  # noqa: SLF001  # its own
        return world

    def _beside(self, original: Text) -> TextFigures:
        return TextFigures(
            original=original,
            held_out=self.text.held_out,
            vocabulary=VOCABULARY,
            block=BLOCK if self._is_stream else None,
        )

    def human(self, first: int, size: int, random: np.random.Generator) -> Written:  # noqa: ARG002
        """The words of people from word `first` on. Documents are cut at both ends, and a cut one ends with its line.

        Raises:
            InputError: the corpus has no more.
        """
        return self._part(first, size)

    def _part(self, first: int, size: int) -> Written:
        text, end = self.text.text, first + size
        if end > text.words.size:
            raise InputError(
                f"The corpus has {text.words.size:,} words to train on, and the run asks for those from {first:,} to "
                f"{end:,}. Choose a smaller size, fewer generations or less fresh text; or give more text."
            )
        begin = int(np.searchsorted(text.offsets, first, side="right")) - 1
        documents: list[str] = []
        while text.offsets[begin] < end:
            low, high = np.clip([first, end], *text.offsets[begin : begin + 2]) - text.offsets[begin]
            if low < high:
                step = BLOCK if self._is_stream else high - low
                bounds = np.append(np.arange(low, high, step), high)
                documents += cut(self.text.documents[begin], self._places(begin), bounds)
            begin += 1
        return tuple(documents)

    def _places(self, document: int) -> NDArray[np.int64]:
        text = self.text
        words = text.text.words[slice(*text.text.offsets[document : document + 2])]
        return places_of(text.documents[document], (text.vocabulary.words[word] for word in words))

    def gathered(self, write: Callable[[int], str], size: int, words_a_window: float) -> str:
        """Text of at least `size` words, or of fewer from a model that hardly writes any.

        Args:
            write: gives the text of so many windows more.
            size: words that are wanted.
            words_a_window: in text of people.

        Raises:
            WorkError: no word is written at all.
        """
        text, windows, words = "", 0, 0
        for _ in range(_ROUNDS):
            if words >= size:
                break
            rate = max(words / windows if windows else words_a_window, words_a_window / _ROUNDS)
            more = math.ceil((size - words) / rate)
            text += write(more)
            windows += more
            words = numbered([[text]], marks_apart=self.text.marks_apart)[0][0].words.size
        if not words:
            raise WorkError(
                f"The model of the world {self.name} wrote {windows:,} windows without a word. Train it on more text, "
                "or decode it in another way."
            )
        return text

    def parted(self, stream: str, size: int, random: np.random.Generator) -> Written:
        """What a model wrote, as documents of lengths drawn from those of people, of `size` words in all."""
        (text,), words = numbered([[stream]], marks_apart=self.text.marks_apart)
        size = min(size, text.words.size)
        lengths = random.choice(self._lengths, 1 + size // int(self._lengths.min()))
        bounds = np.unique(np.minimum(bounds_of(lengths), size))
        return tuple(cut(stream, places_of(stream, (words.words[word] for word in text.words)), bounds))

    def join(self, parts: Sequence[Written]) -> Written:
        return tuple(document for part in parts for document in part)

    def units(self, data: Written) -> int:
        return len(data)

    def take(self, data: Written, chosen: NDArray[np.int64]) -> Written:
        return tuple(data[document] for document in chosen[0])

    def words(self, data: Written) -> Text:
        """The words of documents in the human numbering, and those that no human document has after it."""
        return self.numbered(data)[0]

    def numbered(self, data: Written) -> tuple[Text, Vocabulary]:
        """The same, with the words that the numbers stand for."""
        (text,), vocabulary = numbered([data], marks_apart=self.text.marks_apart, known=self.text.vocabulary)
        return text, vocabulary

    def a_word(self, data: Written, nats: NDArray[np.float64]) -> NDArray[np.float64]:
        """Surprises of whole documents as nats a word, shape (1, documents); NaN at a document without words."""
        return ratio(nats, self.words(data).sizes, np.nan)[None]

    def figures(self, data: Written, model: Any) -> Figures:
        return self._figures.of(self.words(data), nats=self.held_out_nats(model))

    def held_out_nats(self, model: Any) -> NDArray[np.float64] | None:
        """Surprise of a model at each held-out word, in nats; None where it tells none."""
        raise NotImplementedError

    def pack(self, data: Written) -> Arrays:
        coded = [document.encode("utf-8", "surrogatepass") for document in data]
        sizes = np.fromiter(map(len, coded), np.int64, len(coded))
        return {"offsets": bounds_of(sizes), "bytes": np.frombuffer(b"".join(coded), np.uint8)}

    def unpack(self, arrays: Arrays) -> Written:
        data, offsets = arrays["bytes"].tobytes(), arrays["offsets"].tolist()
        return tuple(data[first:end].decode("utf-8", "surrogatepass") for first, end in pairwise(offsets))

    def excerpt(self, data: Written) -> str:
        """The beginning of the last document that is long enough: of what was added last, where data are added."""
        text, vocabulary = self.numbered(data)
        long_enough = np.flatnonzero(text.sizes >= min(_SHOWN, text.sizes.max(initial=0)))
        if not long_enough.size:
            return ""
        first = text.offsets[long_enough[-1]]
        return vocabulary.written(text.words[first : first + _SHOWN].tolist())


def cut(document: str, places: NDArray[np.int64], bounds: NDArray[np.int64]) -> Iterator[str]:
    """A document in parts of words [bounds[k], bounds[k + 1]); the last part has all of its end if its words do.

    Args:
        document: as a string.
        places: where its words begin, in bytes.
        bounds: ascending, up to the number of words.
    """
    data = document.encode("utf-8", "replace")
    ends = [*places.tolist(), len(data)]
    for first, end in pairwise(bounds.tolist()):
        yield data[ends[first] if first else 0 : ends[end]].decode()
