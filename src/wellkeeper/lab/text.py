"""Text of people as a world reads it: documents as numbers of words, and the words that the numbers stand for."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.kernels.normalise import INVISIBLE, MARK, TRANSPARENT, UNSPACED, character_tables
from wellkeeper.measure.incidence import Offsets, check_offsets
from wellkeeper.measure.kneser_ney import Words

LINE = "\n"
"""The word that ends every line."""

_WIDE = r"\u3001-\u303f\uff01-\uff0f\uff1a-\uff20"
"""Marks of punctuation as wide as a Chinese character, which have their space within."""


@cache
def _pieces_of_text() -> re.Pattern[str]:
    """Words and marks of punctuation: with the marks on their letters, and of scripts without spaces by the character.

    As `wellkeeper.kernels.words` has them, but that the case stays, and that words may be joined by a hyphen or an
    apostrophe.
    """
    marks, alone = _ranges(MARK, INVISIBLE, TRANSPARENT), _ranges(UNSPACED)
    letters = rf"[^\W{alone}](?:[^\W{alone}]|[{marks}])*"
    return re.compile(rf"{letters}(?:['\u2019\-]{letters})*|[{alone}][{marks}]*|[^\w\s][{marks}]*")


@cache
def _no_space() -> re.Pattern[str]:
    """Spaces between words that are written without."""
    alone, marks = _ranges(UNSPACED), _ranges(MARK, INVISIBLE, TRANSPARENT)
    return re.compile(rf"(?<=[{_WIDE}]) | (?=[{_WIDE}])|(?<=[{alone}{marks}]) (?=[{alone}])")


@cache
def _ranges(*classes: int) -> str:
    """The characters of some classes, as part of a set of a regular expression."""
    tables = character_tables()
    held = np.isin(tables.entries[tables.page_of].ravel() & 15, classes)
    edges = np.flatnonzero(np.diff(held, prepend=False, append=False)).tolist()
    return "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(end - 1))}"
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Text:
    """Documents as numbers of words; document d has those from offsets[d] to below offsets[d + 1]."""

    offsets: Offsets
    words: Words  # shape (words,)

    def __post_init__(self) -> None:
        check_offsets(self.offsets, self.words.size, "words")

    def __len__(self) -> int:
        return self.offsets.size - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Words of each document, shape (documents,)."""
        return np.diff(self.offsets)

    def take(self, documents: NDArray[np.integer]) -> "Text":
        """The documents of these numbers, in that order, with repeats."""
        sizes = self.sizes[documents]
        offsets = bounds_of(sizes)
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[documents], sizes)
        return Text(offsets=offsets, words=self.words[places])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """The words that numbers stand for."""

    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    def written(self, numbers: Iterable[int]) -> str:
        """Words as a reader would see them: marks of punctuation close to the word before, no spaces in Chinese."""
        line = " ".join(self.words[number] for number in numbers)
        line = _no_space().sub("", re.sub(r" ?\n ?", LINE, line))
        return re.sub(r" ([,.;:!?%)\]}»”])", r"\1", re.sub(r"([(\[{«“]) ", r"\1", line))


def numbered(
    collections: Sequence[Sequence[str]], *, marks_apart: bool = True, known: Vocabulary | None = None
) -> tuple[list[Text], Vocabulary]:
    r"""Collections of documents in one numbering of words, by first appearance.

    Args:
        collections: of documents as strings.
        marks_apart: whether marks of punctuation are words of their own, and each character of a script without spaces,
            such as Chinese or Thai; otherwise words are what white space parts.
        known: words that have numbers already; new ones are numbered on from them.

    Lines end with the word `LINE`; blank lines are none. Half a character, which no encoding can write, is a `?`.

    >>> (text,), words = numbered([["A cat. A dog."]])
    >>> text.words.tolist(), words.words
    ([0, 1, 2, 0, 3, 2, 4], ('A', 'cat', '.', 'dog', '\n'))
    """
    numbers = {word: number for number, word in enumerate(known.words if known else ())}
    texts = []
    for documents in collections:
        pieces = [_pieces(document, marks_apart=marks_apart) for document in documents]
        count = sum(map(len, pieces))
        words = np.fromiter(
            (numbers.setdefault(word, len(numbers)) for word in chain.from_iterable(pieces)), np.int32, count
        )
        texts.append(
            Text(offsets=bounds_of(np.fromiter(map(len, pieces), np.int64, len(pieces))), words=words)
        )
    return texts, Vocabulary(words=tuple(numbers))


def _pieces(document: str, *, marks_apart: bool) -> list[str]:
    found: list[str] = []
    found_in = _pieces_of_text().findall
    whole = document if document.isascii() else document.encode("utf-8", "replace").decode()
    for line in whole.splitlines():
        pieces = found_in(line) if marks_apart else line.split()
        if pieces:
            found += pieces
            found.append(LINE)
    return found


def places_of(document: str, words: Iterable[str]) -> NDArray[np.int64]:
    r"""Where each word of a document begins, in bytes of its UTF-8; the words are those that `numbered` finds in it.

    >>> places_of("A dog.\n\nTwo dogs.", ["A", "dog", ".", "\n", "Two", "dogs", ".", "\n"]).tolist()
    [0, 2, 5, 6, 8, 12, 16, 17]
    """
    found = []
    place = 0
    data = document.encode("utf-8", "replace")
    for word in words:
        if word == LINE:
            found.append(place)
        else:
            sought = word.encode("utf-8", "replace")
            found.append(data.index(sought, place))
            place = found[-1] + len(sought)
    return np.array(found, np.int64)


def bounds_of(sizes: NDArray[np.integer]) -> Offsets:
    """Where things of these sizes begin and end, one after the other, shape (sizes + 1,)."""
    bounds = np.zeros(sizes.size + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds


def joined(texts: Sequence[Text]) -> Text:
    """The documents of all texts, in order.

    Raises:
        DataError: there is no text.
    """
    if not texts:
        raise DataError("There is no text to join. Give at least one.")
    return Text(
        offsets=bounds_of(np.concatenate([text.sizes for text in texts])),
        words=np.concatenate([text.words for text in texts]),
    )
